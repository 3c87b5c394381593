//! Master keys: the operator keeps them, and they encrypt nothing but data keys.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::LessSafeKey;

use super::data::{cipher, open, random, seal};
use super::{DataKey, EncryptionError};
use crate::erasures::keyed_hash;

/// Names a master key without revealing it: the beginning of a hash that is keyed with it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyId([u8; 8]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for KeyId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let number = u64::from_str_radix(text, 16).map_err(|_| ())?;
        if text.len() == 16 { Ok(KeyId(number.to_be_bytes())) } else { Err(()) }
    }
}

struct MasterKey {
    id: KeyId,
    cipher: LessSafeKey,
}

/// The present master key, and earlier ones that still open what they encrypted.
pub struct MasterKeys {
    current: MasterKey,
    earlier: Vec<MasterKey>,
}

/// Shows ids only.
impl fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MasterKeys").field(&self.ids()).finish()
    }
}

/// A data key as a master key encrypted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrapped {
    /// The master key.
    pub key: KeyId,
    bytes: Vec<u8>,
}

/// As it stands in files: `KEY_ID BASE64`.
impl fmt::Display for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key, STANDARD.encode(&self.bytes))
    }
}

impl FromStr for Wrapped {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (key, bytes) = text.split_once(' ').ok_or(())?;
        Ok(Wrapped { key: key.parse()?, bytes: STANDARD.decode(bytes).map_err(|_| ())? })
    }
}

impl MasterKeys {
    /// Reads keys, one a line: the first is the present one, the others are earlier ones. Blank lines and those that begin with `#` are left out.
    ///
    /// ```
    /// use homing_datasets::encryption::MasterKeys;
    ///
    /// let new = MasterKeys::generate()?;
    /// let keys = MasterKeys::parse(&format!("# since March\n{new}\n"))?;
    /// assert_eq!(keys.ids().len(), 1);
    /// assert!(MasterKeys::parse("secret").unwrap_err().to_string().contains("line 1"));
    /// # Ok::<(), homing_datasets::encryption::EncryptionError>(())
    /// ```
    ///
    /// # Errors
    /// [`EncryptionError::NoKey`], [`EncryptionError::NotAKey`].
    pub fn parse(text: &str) -> Result<Self, EncryptionError> {
        let mut keys = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let invalid = EncryptionError::NotAKey { line: at + 1 };
            let bytes = STANDARD.decode(line).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
            keys.push(MasterKey::of(&bytes.ok_or(invalid)?)?);
        }
        let mut keys = keys.into_iter();
        let current = keys.next().ok_or(EncryptionError::NoKey)?;
        Ok(MasterKeys { current, earlier: keys.collect() })
    }

    /// A new key as a line of a key file.
    ///
    /// # Errors
    /// [`EncryptionError::NoRandom`].
    pub fn generate() -> Result<String, EncryptionError> {
        let mut bytes = [0; 32];
        random(&mut bytes)?;
        Ok(STANDARD.encode(bytes))
    }

    /// The ids of all keys, the present one first.
    #[must_use]
    pub fn ids(&self) -> Vec<KeyId> {
        std::iter::once(&self.current).chain(&self.earlier).map(|key| key.id).collect()
    }

    /// The id of the present key.
    #[must_use]
    pub fn current(&self) -> KeyId {
        self.current.id
    }

    /// Encrypts a data key with the present key. `purpose` says what the data key is for: it is unwrapped for that only.
    pub(super) fn wrap(&self, purpose: &str, key: &DataKey) -> Result<Wrapped, EncryptionError> {
        let bytes = seal(&self.current.cipher, purpose.as_bytes(), key.root())?;
        Ok(Wrapped { key: self.current.id, bytes })
    }

    /// Decrypts a data key; `what` names the data in errors.
    pub(super) fn unwrap(
        &self,
        purpose: &str,
        what: &str,
        wrapped: &Wrapped,
    ) -> Result<DataKey, EncryptionError> {
        let mut all = std::iter::once(&self.current).chain(&self.earlier);
        let key = all.find(|key| key.id == wrapped.key).ok_or_else(|| EncryptionError::OtherKey {
            what: what.to_owned(),
            key: wrapped.key,
            given: self.ids(),
        })?;
        let root = open(&key.cipher, purpose.as_bytes(), &wrapped.bytes);
        let root = root.and_then(|root| <[u8; 32]>::try_from(root).ok());
        DataKey::of(root.ok_or_else(|| EncryptionError::DamagedKey { what: what.to_owned() })?)
    }
}

impl MasterKey {
    fn of(bytes: &[u8; 32]) -> Result<Self, EncryptionError> {
        let [a, b, c, d, e, f, g, h, ..] = keyed_hash(bytes, b"homing master key id");
        let cipher = cipher(&keyed_hash(bytes, b"homing master key"))?;
        Ok(MasterKey { id: KeyId([a, b, c, d, e, f, g, h]), cipher })
    }
}
