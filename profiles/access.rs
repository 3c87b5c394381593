//! Who may come in, and who came: keys and the audit log.

use homing_datasets::Micros;

use crate::Error;
use crate::sql::{Engine, Fault, Row, Statements, Unreadable, Value, params};

/// A key of the API. The key itself is not kept, only its keyed hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name in logs and audits; does not reveal the key.
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
    /// ```
    /// # use homing_datasets::Zone;
    /// # let folder = tempfile::tempdir()?;
    /// # let place = format!("sqlite:{}", folder.path().join("p.db").display());
    /// # let store = homing_profiles::open(&place, Zone::default())?;
    /// assert_eq!(store.secret("webhook")?, store.secret("webhook")?);
    /// assert_ne!(store.secret("webhook")?, store.secret("keys")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

const KEY: &str = "id, name, role, hash, created_at, expires_at, revoked_at";

/// A row of [`KEY`].
fn key(mut row: Row) -> Result<Key, Unreadable> {
    Ok(Key {
        id: row.take()?,
        name: row.take()?,
        role: row.take()?,
        hash: row.take()?,
        created_at: row.take()?,
        expires_at: row.take()?,
        revoked_at: row.take()?,
    })
}

fn known_secret<E>(sql: Statements<'_, E>, purpose: &str) -> Result<Option<[u8; 32]>, Fault<E>> {
    let row = sql.one("SELECT secret FROM secrets WHERE purpose = $1", params![purpose])?;
    Ok(row.map(|mut row| row.take()).transpose()?)
}

/// What the audit log has on a customer, or on the erased customer with this hash.
pub(super) fn audit_of<E>(
    sql: Statements<'_, E>,
    customer_id: &str,
    hash: &[u8; 32],
) -> Result<Vec<AuditEntry>, Fault<E>> {
    // Each half has an index.
    let rows = sql.query(
        "SELECT at, key_id, action, customer_id, detail, entry FROM audit WHERE customer_id = $1
         UNION ALL
         SELECT at, key_id, action, customer_id, detail, entry FROM audit WHERE erased_hash = $2
         ORDER BY at, entry",
        params![customer_id, hash],
    )?;
    let entry = |mut row: Row| {
        Ok(AuditEntry {
            at: row.take()?,
            key_id: row.take()?,
            action: row.take()?,
            customer_id: row.take()?,
            detail: row.take()?,
        })
    };
    rows.into_iter().map(entry).collect()
}

impl<E: Engine> Access for E {
    fn secret(&self, purpose: &str) -> Result<[u8; 32], Error> {
        if let Some(secret) = self.read(|sql| known_secret(sql, purpose))? {
            return Ok(secret);
        }
        let fresh =
            random_bits().map_err(|detail| Error::Database { store: self.place().to_owned(), detail })?;
        self.write(|sql| {
            sql.execute(
                "INSERT INTO secrets (purpose, secret) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                params![purpose, &fresh],
            )?;
            // Another server may have been first.
            known_secret(sql, purpose)?.ok_or(Fault::Again)
        })
    }

    fn insert_key(&self, key: &Key) -> Result<(), Error> {
        let Key { id, name, role, hash, created_at, expires_at, revoked_at } = key;
        self.write(|sql| {
            let added = sql.execute(
                &format!(
                    "INSERT INTO keys ({KEY}) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING"
                ),
                params![id, name, role, hash, *created_at, *expires_at, *revoked_at],
            )?;
            if added == 0 { Err(Error::KeyExists(id.clone()).into()) } else { Ok(()) }
        })
    }

    fn keys(&self) -> Result<Vec<Key>, Error> {
        self.read(|sql| {
            let rows = sql.query(&format!("SELECT {KEY} FROM keys ORDER BY created_at, id"), &[])?;
            Ok(rows.into_iter().map(key).collect::<Result<_, _>>()?)
        })
    }

    fn revoke_key(&self, id: &str, at: Micros) -> Result<bool, Error> {
        let revoke = "UPDATE keys SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1";
        self.write(|sql| Ok(sql.execute(revoke, params![id, at])? > 0))
    }

    fn key_by_hash(&self, hash: &[u8; 32]) -> Result<Option<Key>, Error> {
        self.read(|sql| {
            let row = sql.one(&format!("SELECT {KEY} FROM keys WHERE hash = $1"), params![hash])?;
            Ok(row.map(key).transpose()?)
        })
    }

    fn audit(&self, entries: &[AuditEntry]) -> Result<(), Error> {
        let rows: Vec<Vec<Value<'_>>> = entries
            .iter()
            .map(|AuditEntry { at, key_id, action, customer_id, detail }| {
                params![*at, key_id.as_ref(), action, customer_id.as_ref(), detail].to_vec()
            })
            .collect();
        self.write(|sql| sql.insert("INSERT INTO audit (at, key_id, action, customer_id, detail)", &rows))
    }

    fn audit_of(&self, customer_id: &str) -> Result<Vec<AuditEntry>, Error> {
        self.read(|sql| audit_of(sql, customer_id, &self.hash(customer_id)))
    }
}

/// 256 random bits of the machine.
///
/// # Errors
/// What the machine says when it has none.
pub(super) fn random_bits() -> Result<[u8; 32], String> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits)
        .map_err(|error| format!("cannot read random bytes from the operating system: {error}"))?;
    Ok(bits)
}
