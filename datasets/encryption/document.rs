//! Files whose first line has the key that encrypts them, wrapped by a master key.
//!
//! ```text
//! homing-encrypted 1 MASTER_KEY_ID WRAPPED_DATA_KEY
//! sealed bytes
//! ```
//!
//! Inside a backup, which is encrypted itself, the line has the data key unwrapped (`homing-unwrapped 1 DATA_KEY`): the backup then needs the master key of
//! the backup only, even if the master key has been replaced since.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::master::Wrapped;
use super::{DataKey, EncryptionError, MasterKeys};

const WRAPPED: &[u8] = b"homing-encrypted 1 ";
const UNWRAPPED: &[u8] = b"homing-unwrapped 1 ";

/// A data key with what its files' first line says.
#[derive(Debug)]
pub struct Lock {
    /// The key.
    pub key: Arc<DataKey>,
    wrapped: Wrapped,
    purpose: &'static str,
}

impl Lock {
    /// A new data key for a purpose, wrapped by the present master key.
    ///
    /// # Errors
    /// [`EncryptionError::NoRandom`].
    pub fn new(keys: &MasterKeys, purpose: &'static str) -> Result<Lock, EncryptionError> {
        let key = Arc::new(DataKey::random()?);
        let wrapped = keys.wrap(purpose, &key)?;
        Ok(Lock { key, wrapped, purpose })
    }

    /// The data key of a file from its first line, whatever is below it; `None` for a file that is not encrypted. `what` names it in errors.
    ///
    /// # Errors
    /// [`EncryptionError::KeyNeeded`], [`EncryptionError::OtherKey`], [`EncryptionError::DamagedKey`].
    pub fn of(
        keys: Option<&MasterKeys>,
        purpose: &'static str,
        what: &str,
        bytes: &[u8],
    ) -> Result<Option<Lock>, EncryptionError> {
        let Some(line) = line_of(bytes, WRAPPED) else { return Ok(None) };
        let damaged = || EncryptionError::DamagedKey { what: what.to_owned() };
        let line = std::str::from_utf8(line.0).map_err(|_| damaged())?;
        let wrapped: Wrapped = line.parse().map_err(|()| damaged())?;
        let keys =
            keys.ok_or_else(|| EncryptionError::KeyNeeded { what: what.to_owned(), key: wrapped.key })?;
        let key = Arc::new(keys.unwrap(purpose, what, &wrapped)?);
        Ok(Some(Lock { key, wrapped, purpose }))
    }

    /// Whether the present master key wraps the data key.
    #[must_use]
    pub fn is_current(&self, keys: &MasterKeys) -> bool {
        self.wrapped.key == keys.current()
    }

    /// The same data key, wrapped by the present master key.
    ///
    /// # Errors
    /// [`EncryptionError::NoRandom`].
    pub fn rewrapped(self, keys: &MasterKeys) -> Result<Lock, EncryptionError> {
        Ok(Lock { wrapped: keys.wrap(self.purpose, &self.key)?, ..self })
    }

    /// The first line, with its end.
    #[must_use]
    pub fn line(&self) -> Vec<u8> {
        [WRAPPED, self.wrapped.to_string().as_bytes(), b"\n"].concat()
    }

    /// A whole file: the line, and the sealed text.
    ///
    /// # Errors
    /// Those of [`DataKey::seal`].
    pub fn file(&self, text: &[u8]) -> Result<Vec<u8>, EncryptionError> {
        Ok([self.line(), self.key.seal(self.purpose.as_bytes(), text)?].concat())
    }

    /// The text of a file that [`Lock::file`] made; `what` names it in errors.
    ///
    /// # Errors
    /// [`EncryptionError::Damaged`].
    pub fn text(&self, what: &str, bytes: &[u8]) -> Result<Vec<u8>, EncryptionError> {
        let text = line_of(bytes, WRAPPED).and_then(|(_, rest)| self.key.open(self.purpose.as_bytes(), rest));
        text.ok_or_else(|| EncryptionError::Damaged { what: what.to_owned() })
    }
}

/// The first line of a file without its beginning, and what follows.
fn line_of<'a>(bytes: &'a [u8], begin: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let rest = bytes.strip_prefix(begin)?;
    // A line is short; where there is none, the file is cut off.
    let end = rest.iter().take(256).position(|&byte| byte == b'\n').unwrap_or(rest.len());
    Some((&rest[..end], rest.get(end + 1..).unwrap_or_default()))
}

/// Whether a file is encrypted.
#[must_use]
pub fn is_encrypted(bytes: &[u8]) -> bool {
    bytes.starts_with(WRAPPED)
}

/// The file with its data key wrapped by the present master key; `None` where it is already, or the file is not encrypted.
///
/// # Errors
/// Those of [`Lock::of`].
pub fn rewrap(
    keys: &MasterKeys,
    purpose: &'static str,
    what: &str,
    bytes: &[u8],
) -> Result<Option<Vec<u8>>, EncryptionError> {
    let Some(lock) = Lock::of(Some(keys), purpose, what, bytes)? else { return Ok(None) };
    if lock.is_current(keys) {
        return Ok(None);
    }
    let line = lock.rewrapped(keys)?.line();
    Ok(line_of(bytes, WRAPPED).map(|(_, rest)| [&line, rest].concat()))
}

/// An encrypted file as it is put into an encrypted backup: with its data key unwrapped. Other files as they are.
///
/// # Errors
/// Those of [`Lock::of`].
pub fn unwrapped(
    keys: &MasterKeys,
    purpose: &'static str,
    what: &str,
    bytes: Vec<u8>,
) -> Result<Vec<u8>, EncryptionError> {
    let Some(lock) = Lock::of(Some(keys), purpose, what, &bytes)? else { return Ok(bytes) };
    let key = STANDARD.encode(lock.key.root());
    Ok(line_of(&bytes, WRAPPED)
        .map(|(_, rest)| [UNWRAPPED, key.as_bytes(), b"\n", rest].concat())
        .unwrap_or_default())
}

/// A file of an encrypted backup as it is put in its place: with its data key wrapped by the present master key. Other files as they are.
///
/// # Errors
/// [`EncryptionError::DamagedKey`].
pub fn wrapped_again(
    keys: &MasterKeys,
    purpose: &'static str,
    what: &str,
    bytes: Vec<u8>,
) -> Result<Vec<u8>, EncryptionError> {
    let Some((line, rest)) = line_of(&bytes, UNWRAPPED) else { return Ok(bytes) };
    let root = STANDARD.decode(line).ok().and_then(|root| <[u8; 32]>::try_from(root).ok());
    let key = DataKey::of(root.ok_or_else(|| EncryptionError::DamagedKey { what: what.to_owned() })?)?;
    let lock = Lock { wrapped: keys.wrap(purpose, &key)?, key: Arc::new(key), purpose };
    Ok([&lock.line(), rest].concat())
}
