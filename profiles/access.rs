//! Who may come in, and who came: keys and the audit log.

use homing_datasets::Micros;

use crate::Error;
use crate::audit;
pub use crate::audit::{AuditEntry, AuditProof, AuditRecord, Broken};
use crate::sql::{Engine, Fault, Row, Statements, Unreadable, params};

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
    /// When it expires.
    pub expires_at: Option<Micros>,
    /// Since when it is revoked.
    pub revoked_at: Option<Micros>,
    /// Requests that it may send in a minute; `None`: as many as the service takes.
    pub rate: Option<u32>,
    /// How long it was made to last. A rotation shortens when the key expires, not this; the new key lasts as long.
    pub lifetime: Option<Micros>,
}

/// Somebody who signed in to the pages. The token in their browser is not kept, only its keyed hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Keyed hash of the token.
    pub hash: [u8; 32],
    /// Who: the id of the key that they signed in with, or a person whom an identity provider vouches for.
    pub holder: String,
    /// When.
    pub created_at: Micros,
    /// When it expires.
    pub expires_at: Micros,
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

    /// Begins a session, and forgets those that had expired by then.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn begin_session(&self, session: &Session) -> Result<(), Error>;

    /// The session with this keyed hash, expired or not.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn session(&self, hash: &[u8; 32]) -> Result<Option<Session>, Error>;

    /// Ends a session; `false` if there is none.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn end_session(&self, hash: &[u8; 32]) -> Result<bool, Error>;

    /// Sets when a key expires; `false` if there is no key with this id.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn expire_key(&self, id: &str, at: Micros) -> Result<bool, Error>;

    /// Appends to the audit log, all or nothing. Each entry is chained to the one before by a hash (see [`crate::audit`]). Of an
    /// erased customer neither id nor detail is written.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn audit(&self, entries: &[AuditEntry]) -> Result<(), Error>;

    /// Up to `limit` entries of the audit log after an entry (1 to 10,000; other values are clamped), oldest first.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn audit_log(&self, after: u64, limit: u32) -> Result<Vec<AuditRecord>, Error>;

    /// Up to `limit` entries of the audit log before an entry (1 to 10,000; other values are clamped), newest first.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn audit_before(&self, before: u64, limit: u32) -> Result<Vec<AuditRecord>, Error>;

    /// Holds the audit log against its chain of hashes.
    ///
    /// ```
    /// # use homing_datasets::Zone;
    /// # let folder = tempfile::tempdir()?;
    /// # let place = format!("sqlite:{}", folder.path().join("p.db").display());
    /// # let store = homing_profiles::open(&place, Zone::default())?;
    /// let proof = store.verify_audit(None)?;
    /// assert!(proof.broken.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// `noted` is a hash that was noted earlier: it must be among those of the log.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn verify_audit(&self, noted: Option<&[u8; 32]>) -> Result<AuditProof, Error>;

    /// Drops audit entries from before an instant, at most so many at a time, and says how many. The chain goes on from the last one that
    /// was dropped.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn prune_audit(&self, not_before: Micros) -> Result<u64, Error>;

    /// What the audit log has on a customer, oldest first. Of an erased customer: that, when and by whom.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn audit_of(&self, customer_id: &str) -> Result<Vec<AuditEntry>, Error>;
}

const KEY: &str = "id, name, role, hash, created_at, expires_at, revoked_at, rate, lifetime";

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
        rate: row.take()?,
        lifetime: row.take()?,
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
        let Key { id, name, role, hash, created_at, expires_at, revoked_at, rate, lifetime } = key;
        self.write(|sql| {
            let added = sql.execute(
                &format!(
                    "INSERT INTO keys ({KEY}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING"
                ),
                params![id, name, role, hash, *created_at, *expires_at, *revoked_at, *rate, *lifetime],
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

    fn begin_session(&self, session: &Session) -> Result<(), Error> {
        let Session { hash, holder, created_at, expires_at } = session;
        self.write(|sql| {
            sql.execute("DELETE FROM sessions WHERE expires_at <= $1", params![*created_at])?;
            sql.execute(
                "INSERT INTO sessions (hash, key_id, created_at, expires_at) VALUES ($1, $2, $3, $4)",
                params![hash, holder, *created_at, *expires_at],
            )?;
            Ok(())
        })
    }

    fn session(&self, hash: &[u8; 32]) -> Result<Option<Session>, Error> {
        let session = |mut row: Row| {
            Ok(Session {
                hash: row.take()?,
                holder: row.take()?,
                created_at: row.take()?,
                expires_at: row.take()?,
            })
        };
        self.read(|sql| {
            let find = "SELECT hash, key_id, created_at, expires_at FROM sessions WHERE hash = $1";
            sql.one(find, params![hash])?.map(session).transpose()
        })
    }

    fn end_session(&self, hash: &[u8; 32]) -> Result<bool, Error> {
        self.write(|sql| Ok(sql.execute("DELETE FROM sessions WHERE hash = $1", params![hash])? > 0))
    }

    fn expire_key(&self, id: &str, at: Micros) -> Result<bool, Error> {
        let expire = "UPDATE keys SET expires_at = $2 WHERE id = $1";
        self.write(|sql| Ok(sql.execute(expire, params![id, at])? > 0))
    }

    fn audit(&self, entries: &[AuditEntry]) -> Result<(), Error> {
        if entries.is_empty() {
            return Ok(());
        }
        let secret = self.secret(audit::PURPOSE)?;
        let subjects: Vec<Option<[u8; 32]>> =
            entries.iter().map(|entry| entry.customer_id.as_deref().map(|id| self.hash(id))).collect();
        self.write(|sql| audit::append(sql, &secret, entries, &subjects))
    }

    fn audit_log(&self, after: u64, limit: u32) -> Result<Vec<AuditRecord>, Error> {
        self.read(|sql| audit::page(sql, after, limit))
    }

    fn audit_before(&self, before: u64, limit: u32) -> Result<Vec<AuditRecord>, Error> {
        self.read(|sql| audit::page_before(sql, before, limit))
    }

    fn verify_audit(&self, noted: Option<&[u8; 32]>) -> Result<AuditProof, Error> {
        let secret = self.secret(audit::PURPOSE)?;
        self.snapshot(|sql| audit::verify(sql, &secret, |id| self.hash(id), noted))
    }

    fn prune_audit(&self, not_before: Micros) -> Result<u64, Error> {
        self.write(|sql| audit::prune(sql, not_before))
    }

    fn audit_of(&self, customer_id: &str) -> Result<Vec<AuditEntry>, Error> {
        self.read(|sql| audit_of(sql, customer_id, &self.hash(customer_id)))
    }
}

/// 256 random bits of the machine.
///
/// # Errors
/// What the machine says when it has none.
pub fn random_bits() -> Result<[u8; 32], String> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits)
        .map_err(|error| format!("cannot read random bytes from the operating system: {error}"))?;
    Ok(bits)
}
