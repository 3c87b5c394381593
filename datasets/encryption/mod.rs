//! Encryption at rest: a master key that the operator keeps, and data keys that it wraps.
//!
//! ```text
//! master key (file, command or variable) ──wraps──▶ data key ──AES-256-GCM──▶ snapshot, backup, journal
//! random key, in memory only ─────────────────────────AES-256-GCM──▶ temporary files
//! ```
//!
//! The wrapped data key stands in the first line of the file that it encrypts, or of the file that names its files. To replace the master key
//! only these lines are written again (`docs/decisions/0078-a-master-key-wraps-data-keys.md`).
//!
//! | module | owns |
//! |---|---|
//! | [`master`] | master keys, their ids, wrapping |
//! | [`data`] | data keys: sealing, opening, keyed hashes |
//! | [`document`] | files whose first line has their wrapped key |
//! | `scratch` | temporary files |
//! | [`args`] | where the master key comes from |

pub mod args;
pub mod data;
pub mod document;
pub mod error;
pub mod master;
pub(crate) mod scratch;
#[cfg(test)]
mod tests;

pub use args::EncryptionArgs;
pub use data::DataKey;
pub use document::Lock;
pub use error::EncryptionError;
pub use master::{KeyId, MasterKeys};
