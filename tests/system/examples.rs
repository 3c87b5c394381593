//! The programs in `examples/`, run as a reader would run them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Server, Told, run, scratch};

fn sources() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|e| e == "rs")).collect();
    files.sort();
    files
}

/// Runs an example, which cargo builds beside the programs.
fn example(name: &str, args: &[&str]) -> Told {
    let path = Path::new(env!("CARGO_BIN_EXE_homing")).with_file_name("examples").join(name);
    assert!(path.exists(), "{} is missing; run `cargo build --examples` first", path.display());
    run(Command::new(path), scratch().path(), args)
}

#[test]
fn every_example_runs_and_prints_its_result() {
    for source in sources() {
        let name = source.file_stem().unwrap().to_str().unwrap();
        if name == "http_client" {
            continue; // needs a server: the next test
        }
        let told = example(name, &[]);
        assert!(told.code == 0 && !told.out.is_empty(), "{name}: {told:#?}");
    }
}

#[test]
fn the_http_client_sends_an_event_and_reads_the_profile() {
    let folder = scratch();
    let server = Server::start(folder.path());
    let told = example("http_client", &[&server.url]);
    assert_eq!(told.code, 0, "{told:#?}");
    assert!(told.out.contains("accepted 1, duplicates 0") && told.out.contains("churn risk 0."), "{told:#?}");
    assert!(example("http_client", &[&server.url]).out.contains("accepted 0, duplicates 1"));
}

#[test]
fn the_readme_of_the_examples_lists_each_of_them() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/README.md");
    let text = std::fs::read_to_string(readme).unwrap();
    for source in sources() {
        let file = source.file_name().unwrap().to_str().unwrap();
        assert!(text.contains(&format!("({file})")), "{file} is missing in examples/README.md");
    }
}
