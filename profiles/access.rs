//! Who may come in, and who came: keys and the audit log.

use homing_datasets::Micros;

use crate::Error;

/// A key of the API. The key itself is not kept, only its keyed hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// What it is called in logs and audits; tells nothing of the key.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it allows.
    pub role: String,
    /// Keyed hash of the key.
    pub hash: [u8; 32],
    /// When it was made.
    pub created_at: Micros,
    /// From when on it is worth nothing.
    pub expires_at: Option<Micros>,
    /// Since when it is revoked.
    pub revoked_at: Option<Micros>,
}

/// One line of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Micros,
    /// With which key; `None` where the service asks for none.
    pub key_id: Option<String>,
    /// What was done, e.g. `profile.read`.
    pub action: String,
    /// Whose profile; `None` for what concerns no single customer, and once the customer was erased.
    pub customer_id: Option<String>,
    /// More of it; empty once the customer was erased.
    pub detail: String,
}

/// Keys, secrets and the audit log.
pub trait Access: Send + Sync {
    /// A secret of 256 random bits for one purpose, made when first asked for and the same ever after.
    ///
    /// # Errors
    /// [`Error`] of the store, or of the machine's source of randomness.
    fn secret(&self, purpose: &str) -> Result<[u8; 32], Error>;

    /// Adds a key.
    ///
    /// # Errors
    /// [`Error::KeyExists`], or [`Error`] of the store.
    fn insert_key(&self, key: &Key) -> Result<(), Error>;

    /// Every key, also expired and revoked ones, oldest first.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn keys(&self) -> Result<Vec<Key>, Error>;

    /// Revokes a key; `false` if there is none with this id. A key that was revoked before stays revoked since then.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn revoke_key(&self, id: &str, at: Micros) -> Result<bool, Error>;

    /// The key with this keyed hash, expired or not, revoked or not.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn key_by_hash(&self, hash: &[u8; 32]) -> Result<Option<Key>, Error>;

    /// Appends to the audit log, all or nothing.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn audit(&self, entries: &[AuditEntry]) -> Result<(), Error>;

    /// What the audit log has on a customer, oldest first. Of an erased customer: that, when and by whom.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn audit_of(&self, customer_id: &str) -> Result<Vec<AuditEntry>, Error>;
}
