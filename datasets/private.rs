//! Files and folders of personal data: readable by their owner only, where the system knows owners.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::path::Path;

/// Options that create files for their owner alone (mode 0600 on Unix). A file that exists keeps its rights.
#[must_use]
pub fn options() -> OpenOptions {
    let options = OpenOptions::new();
    #[cfg(unix)]
    let options = {
        use std::os::unix::fs::OpenOptionsExt;
        let mut options = options;
        options.mode(0o600);
        options
    };
    options
}

/// The secret in a file, without the line's end; otherwise what is wrong, for a message that names the file.
pub(crate) fn secret(path: &Path) -> Result<String, String> {
    let text =
        std::fs::read_to_string(path).map_err(|cause| format!("the secret cannot be read: {cause}"))?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err("the file is empty; write the secret into it".to_owned());
    }
    Ok(secret.to_owned())
}

/// Creates a folder, and those above it, for their owner alone (mode 0700 on Unix). Folders that exist keep their rights.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// homing_datasets::private::create_folder(&folder.path().join("nightly/state"))?;
/// assert!(folder.path().join("nightly/state").is_dir());
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// What the system says.
pub fn create_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn others_on_the_machine_cannot_read_what_was_created() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        super::create_folder(&inner).unwrap();
        let file = inner.join("scores.csv");
        super::options().write(true).create_new(true).open(&file).unwrap();
        let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder.path().join("a")), mode(&inner), mode(&file)), (0o700, 0o700, 0o600));
    }
}
