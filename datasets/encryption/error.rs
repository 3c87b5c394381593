//! What can go wrong with keys and encrypted data.

use super::master::KeyId;

/// Why keys or encrypted data cannot be used. Each message says what is wrong, where, and how to fix it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncryptionError {
    /// No key among the lines.
    #[error("there is no master key in it; make one with `homing encryption new-key`")]
    NoKey,
    /// A line that is no key. The line is not shown: it may be a key with a typing error.
    #[error(
        "line {line} is not a master key: 32 bytes in base64 (44 characters) are needed; make one with `homing encryption new-key`"
    )]
    NotAKey {
        /// The line, from 1.
        line: usize,
    },
    /// Encrypted data without a key.
    #[error("{what} is encrypted with the master key {key}; give that key with --encryption-key-file")]
    KeyNeeded {
        /// The data.
        what: String,
        /// The key.
        key: KeyId,
    },
    /// Encrypted data with other keys.
    #[error(
        "{what} is encrypted with the master key {key}, but the keys given are {}; add that key as a further line of the key file. Without it the \
         data cannot be read by anyone",
        list(given)
    )]
    OtherKey {
        /// The data.
        what: String,
        /// The key that is needed.
        key: KeyId,
        /// The keys that were given.
        given: Vec<KeyId>,
    },
    /// A wrapped key that was changed.
    #[error("the encrypted data key of {what} is damaged; restore from an earlier backup")]
    DamagedKey {
        /// The data.
        what: String,
    },
    /// Data that were changed.
    #[error("{what} is damaged: it does not decrypt with its own key; restore from an earlier backup")]
    Damaged {
        /// The data.
        what: String,
    },
    /// A command that gives no key.
    #[error("--encryption-key-command: {0}")]
    Command(String),
    /// A file that gives no key.
    #[error("{0}")]
    Source(String),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes for keys; check that /dev/urandom is there")]
    NoRandom,
    /// More bytes than can be encrypted at once.
    #[error("too many bytes to encrypt at once")]
    TooLong,
}

fn list(keys: &[KeyId]) -> String {
    keys.iter().map(KeyId::to_string).collect::<Vec<_>>().join(", ")
}
