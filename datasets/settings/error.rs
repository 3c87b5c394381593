//! What can be wrong with `homing.toml`.

use std::path::PathBuf;

/// A configuration file that cannot be used. Each message names file and line, and how to fix it.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        cause: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{}: {detail}", path.display())]
    NotToml {
        /// The file.
        path: PathBuf,
        /// What the parser says, with line and column.
        detail: String,
    },
    /// Everything that is wrong with keys and values, one line each.
    #[error("{}", .0.join("\n"))]
    Faults(Vec<String>),
    /// A value that the setting does not take.
    #[error("{}:{line}: `{key}`: {cause}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key.
        key: String,
        /// What is expected.
        cause: String,
    },
    /// An environment variable that has another name now.
    #[error("the environment variable {old} is now {new}; rename it")]
    OldVariable {
        /// The name that is set.
        old: String,
        /// The name to set.
        new: String,
    },
    /// A file with a secret that cannot be used.
    #[error("--{flag} {}: {cause}", path.display())]
    Secret {
        /// The flag that names the file.
        flag: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
}
