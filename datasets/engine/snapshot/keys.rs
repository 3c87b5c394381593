//! The data key of a snapshot: on its way into a backup and out of it, and when the master key is replaced.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::Path;

use super::{PURPOSE, unusable, unwritten};
use crate::encryption::{EncryptionError, MasterKeys, document};
use crate::{Error, private};

/// The file of a snapshot that has the data key of them all.
const INDEX: &str = "snapshot.json";

/// Whether a file of a snapshot has the data key.
#[must_use]
pub fn has_key(name: &str) -> bool {
    name == INDEX
}

/// The file with the data key as it is put into an encrypted backup ([`document::unwrapped`]).
///
/// # Errors
/// Without the master key that it needs.
pub fn unwrapped(keys: &MasterKeys, bytes: Vec<u8>) -> Result<Vec<u8>, EncryptionError> {
    document::unwrapped(keys, PURPOSE, "the snapshot", bytes)
}

/// The file with the data key as it is restored ([`document::wrapped_again`]).
///
/// # Errors
/// When the data key is damaged.
pub fn wrapped(keys: &MasterKeys, bytes: Vec<u8>) -> Result<Vec<u8>, EncryptionError> {
    document::wrapped_again(keys, PURPOSE, "the snapshot in the backup", bytes)
}

/// Wraps the data key of a snapshot with the present master key. Says whether it was another one's until now; a snapshot that is not encrypted stays as it is.
///
/// # Errors
/// [`Error::Encryption`] without the key that the snapshot needs, [`Error::Snapshot`] when a batch is using it.
pub fn replace_master_key(folder: &Path, keys: &MasterKeys) -> Result<bool, Error> {
    let failed = |cause: io::Error| unusable(folder, cause);
    let lock = private::options().create(true).truncate(false).write(true).open(folder.join("lock"));
    lock.map_err(failed)
        .and_then(|lock| match lock.try_lock() {
            Ok(()) => Ok(lock),
            Err(cause) => Err(Error::Unreadable {
                path: folder.display().to_string(),
                reason: match cause {
                    TryLockError::WouldBlock => {
                        io::Error::other("a batch is using it; run the command again after it has ended")
                    }
                    TryLockError::Error(reason) => reason,
                },
            }),
        })
        .and_then(|_lock| {
            let path = folder.join(INDEX);
            let bytes = fs::read(&path).map_err(failed)?;
            let what = format!("the snapshot `{}`", folder.display());
            let Some(turned) = document::rewrap(keys, PURPOSE, &what, &bytes)? else { return Ok(false) };
            let draft = folder.join("snapshot.json.new");
            let write = || -> io::Result<()> {
                let mut file = private::options().create(true).truncate(true).write(true).open(&draft)?;
                file.write_all(&turned)?;
                file.sync_all()?;
                fs::rename(&draft, &path)?;
                File::open(folder)?.sync_all()
            };
            write().map_err(|reason| unwritten(&draft, reason))?;
            Ok(true)
        })
}
