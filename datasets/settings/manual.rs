//! Completions and man pages, from the commands themselves.

use std::path::Path;

use clap::Command;
use clap_complete::Shell;

/// The completions of a program for a shell.
#[must_use]
pub fn completions(program: &Command, shell: Shell) -> Vec<u8> {
    let mut text = Vec::new();
    let name = program.get_name().to_owned();
    clap_complete::generate(shell, &mut program.clone(), name, &mut text);
    text
}

/// Prints text of another program's making, as [`crate::out!`] does.
pub fn print(text: &[u8]) {
    crate::cli::print(format_args!("{}", String::from_utf8_lossy(text).trim_end()));
}

/// Writes one man page a command into a folder, which is made where it does not exist.
///
/// # Errors
/// The folder or a page cannot be written.
pub fn man_pages(program: &Command, folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(program.clone(), folder)
}
