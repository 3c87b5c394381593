//! One reading of a file that holds the bytes. Whatever they are, it ends in histories or in an error.

use std::io::Write;
use std::sync::Once;

use homing_datasets::{ReadOptions, read};

pub fn read_as(name: &str, bytes: &[u8]) {
    // The fuzzer's hook ends the process at a panic that the readers contain. One that they do not contain still ends it.
    static HOOK: Once = Once::new();
    HOOK.call_once(|| std::panic::set_hook(Box::new(|_| {})));
    let Ok(folder) = tempfile::tempdir() else { return };
    let path = folder.path().join(name);
    let Ok(mut file) = std::fs::File::create(&path) else { return };
    if file.write_all(bytes).is_ok() {
        let options = ReadOptions { max_reject_share: 1.0, preview: true, ..ReadOptions::default() };
        let _ = read(&[path.display().to_string()], &options);
    }
}
