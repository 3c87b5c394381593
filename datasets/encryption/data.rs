//! Data keys: they encrypt data, and a master key encrypts them.

use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, Tag, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

use super::EncryptionError;
use crate::erasures::keyed_hash;

/// Bytes that sealing adds: the nonce before, the tag behind.
pub const OVERHEAD: usize = NONCE_LEN + TAG;
const TAG: usize = 16;

/// A random key that encrypts data with AES-256-GCM. Nonces are random, so one key may seal 2^32 texts (NIST SP 800-38D, 8.3).
pub struct DataKey {
    root: [u8; 32],
    cipher: LessSafeKey,
}

/// Shows nothing of the key.
impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(hidden)")
    }
}

/// Fills bytes at random.
pub(super) fn random(bytes: &mut [u8]) -> Result<(), EncryptionError> {
    SystemRandom::new().fill(bytes).map_err(|_| EncryptionError::NoRandom)
}

/// The cipher of a key of 32 bytes.
pub(super) fn cipher(key: &[u8; 32]) -> Result<LessSafeKey, EncryptionError> {
    let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| EncryptionError::TooLong)?;
    Ok(LessSafeKey::new(key))
}

impl DataKey {
    /// A new key.
    ///
    /// # Errors
    /// [`EncryptionError::NoRandom`].
    pub fn random() -> Result<Self, EncryptionError> {
        let mut root = [0; 32];
        random(&mut root)?;
        Self::of(root)
    }

    /// The key of these bytes. Texts and hashes have keys of their own, made of them.
    pub(super) fn of(root: [u8; 32]) -> Result<Self, EncryptionError> {
        let cipher = cipher(&keyed_hash(&root, b"homing data"))?;
        Ok(DataKey { root, cipher })
    }

    /// The bytes, to be wrapped.
    pub(super) fn root(&self) -> &[u8; 32] {
        &self.root
    }

    /// Encrypts a text. `context` says what it is: it opens in that context only.
    ///
    /// ```
    /// use homing_datasets::encryption::DataKey;
    ///
    /// let key = DataKey::random()?;
    /// let sealed = key.seal(b"history of c1", b"12.50")?;
    /// assert_eq!(key.open(b"history of c1", &sealed).as_deref(), Some(&b"12.50"[..]));
    /// assert_eq!(key.open(b"history of c2", &sealed), None);
    /// # Ok::<(), homing_datasets::encryption::EncryptionError>(())
    /// ```
    ///
    /// # Errors
    /// [`EncryptionError::NoRandom`], [`EncryptionError::TooLong`].
    pub fn seal(&self, context: &[u8], text: &[u8]) -> Result<Vec<u8>, EncryptionError> {
        seal(&self.cipher, context, text)
    }

    /// Decrypts a text; `None` when it was changed, or sealed by another key or for another context.
    #[must_use]
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        open(&self.cipher, context, sealed)
    }

    /// A keyed hash: equal for equal texts, and without the key no text can be tried out.
    #[must_use]
    pub fn hash(&self, text: &[u8]) -> [u8; 32] {
        keyed_hash(&keyed_hash(&self.root, b"homing hashes"), text)
    }
}

/// Nonce, ciphertext, tag.
pub(super) fn seal(cipher: &LessSafeKey, context: &[u8], text: &[u8]) -> Result<Vec<u8>, EncryptionError> {
    let mut nonce = [0; NONCE_LEN];
    random(&mut nonce)?;
    let mut sealed = Vec::with_capacity(text.len() + OVERHEAD);
    sealed.extend(nonce);
    sealed.extend(text);
    let tag = seal_at(cipher, nonce, context, &mut sealed[NONCE_LEN..])?;
    sealed.extend(tag.as_ref());
    Ok(sealed)
}

/// What [`seal`] sealed.
pub(super) fn open(cipher: &LessSafeKey, context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>()?;
    let mut text = rest.to_vec();
    let len = open_at(cipher, *nonce, context, &mut text)?;
    text.truncate(len);
    Some(text)
}

/// Encrypts in place, with a nonce that this key never sees again.
pub(super) fn seal_at(
    cipher: &LessSafeKey,
    nonce: [u8; NONCE_LEN],
    context: &[u8],
    text: &mut [u8],
) -> Result<Tag, EncryptionError> {
    let nonce = Nonce::assume_unique_for_key(nonce);
    let sealed = cipher.seal_in_place_separate_tag(nonce, Aad::from(context), text);
    sealed.map_err(|_| EncryptionError::TooLong)
}

/// Decrypts in place. Gives the length of the text, which stands at the beginning.
pub(super) fn open_at(
    cipher: &LessSafeKey,
    nonce: [u8; NONCE_LEN],
    context: &[u8],
    sealed: &mut [u8],
) -> Option<usize> {
    let nonce = Nonce::assume_unique_for_key(nonce);
    Some(cipher.open_in_place(nonce, Aad::from(context), sealed).ok()?.len())
}
