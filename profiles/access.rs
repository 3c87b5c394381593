//! Who may come in, and who came: keys and the audit log.

use homing_datasets::Micros;

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
