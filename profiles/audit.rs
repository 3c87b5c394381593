//! The chain of the audit log: each entry holds a hash over itself and the hash of the entry before, so that an entry that was
//! changed, removed or put in between shows.
//!
//! The hash covers a keyed hash of the customer's id and of the detail instead of these, so that both can be removed when the customer
//! is erased and the chain still holds. Whoever can write the database could compute the whole chain anew; a hash that was noted elsewhere
//! before (`homing audit verify` prints it) shows that too.

use std::collections::{HashMap, HashSet};

use homing_datasets::Micros;
use homing_datasets::erasures::keyed_hash;
use sha2::{Digest, Sha256};

use crate::feed::hex;
use crate::sql::{Fault, Row, Statements, Unreadable, Value, params};

/// The purpose of the secret behind the hashes of details.
pub(super) const PURPOSE: &str = "audit details";
/// The row of `audit_heads` for the end of the chain.
const END: &str = "end";
/// The row of `audit_heads` for where the chain begins, once entries were pruned.
const BEGINNING: &str = "beginning";
/// The hash before the first entry.
const NOTHING: [u8; 32] = [0; 32];
/// The action of an erasure: its entry explains why entries of that customer have no id.
pub(super) const ERASE: &str = "profile.erase";
/// The action by which an erased customer is known again.
const READMIT: &str = "profile.readmit";
/// Entries that are read at a time.
const PIECE: u32 = 2_000;
/// Entries that one transaction prunes.
const SLICE: u32 = 20_000;

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

/// An entry of the audit log with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its number; grows, with gaps.
    pub entry: u64,
    /// The entry; of an erased customer without id and detail.
    pub audit: AuditEntry,
    /// Whether its customer was erased.
    pub erased: bool,
    /// The hash over it and those before it; `None` for entries from before there was a chain.
    pub chain: Option<[u8; 32]>,
}

/// The first thing that does not fit the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The entry at which it shows; `None`: at the end.
    pub entry: Option<u64>,
    /// What does not fit.
    pub why: &'static str,
}

/// What holding the log against its chain found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditProof {
    /// Entries of the chain that are there.
    pub entries: u64,
    /// Entries that the retention dropped.
    pub pruned: u64,
    /// Entries from before there was a chain.
    pub unchained: u64,
    /// The hash at the end, in hexadecimal digits; to be noted elsewhere.
    pub head: String,
    /// What does not fit; `None`: everything does.
    pub broken: Option<Broken>,
}

/// The parts of an entry that its hash covers.
struct Links<'a> {
    at: Micros,
    key_id: Option<&'a str>,
    action: &'a str,
    subject: Option<[u8; 32]>,
    digest: [u8; 32],
}

impl Links<'_> {
    /// The hash over the entry and the one before.
    fn after(&self, before: &[u8; 32]) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(before);
        hash.update(self.at.to_be_bytes());
        // With their lengths, so that no two entries read alike.
        for text in [self.key_id.unwrap_or_default(), self.action] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        hash.update([u8::from(self.key_id.is_some()), u8::from(self.subject.is_some())]);
        hash.update(self.subject.unwrap_or_default());
        hash.update(self.digest);
        hash.finalize().into()
    }
}

/// Appends entries and links them; `subjects` are the hashes of their customers.
pub(super) fn append<E>(
    sql: Statements<'_, E>,
    secret: &[u8; 32],
    entries: &[AuditEntry],
    subjects: &[Option<[u8; 32]>],
) -> Result<(), Fault<E>> {
    // The holder of this row lock appends and the others wait, so that entries are numbered in the order of the chain.
    sql.execute(
        "INSERT INTO audit_heads AS h (name, entries, chain) VALUES ($1, 0, $2)
         ON CONFLICT (name) DO UPDATE SET entries = h.entries",
        params![END, &NOTHING],
    )?;
    let (held, mut chain) = head(sql, END)?;
    let erasures = sql.one("SELECT EXISTS (SELECT 1 FROM erased)", &[])?;
    let any_erased: bool = erasures.map_or(Ok(false), |mut row| row.take())?;
    let mut rows: Vec<Vec<Value<'_>>> = Vec::with_capacity(entries.len());
    let mut links = Vec::with_capacity(entries.len());
    for (entry, subject) in entries.iter().zip(subjects) {
        let AuditEntry { at, key_id, action, detail, .. } = entry;
        let erased = match subject {
            Some(hash) if any_erased => sql.is_erased(hash)?,
            _ => false,
        };
        let detail = if erased { "" } else { detail.as_str() };
        let digest = keyed_hash(secret, detail.as_bytes());
        let link = Links { at: *at, key_id: key_id.as_deref(), action, subject: *subject, digest };
        chain = link.after(&chain);
        links.push((entry, detail, erased, digest, chain));
    }
    for ((entry, detail, erased, digest, chain), subject) in links.iter().zip(subjects) {
        let AuditEntry { at, key_id, action, customer_id, .. } = entry;
        let id = customer_id.as_deref().filter(|_| !erased);
        let hash = subject.as_ref().filter(|_| *erased);
        rows.push(
            params![*at, key_id.as_ref(), action, id, hash, *detail, subject.as_ref(), digest, chain]
                .to_vec(),
        );
    }
    sql.insert(
        "INSERT INTO audit (at, key_id, action, customer_id, erased_hash, detail, subject, digest, chain)",
        &rows,
    )?;
    set_head(sql, END, held + entries.len() as u64, &chain)
}

/// How many entries there were up to one end of the chain, and its hash.
fn head<E>(sql: Statements<'_, E>, name: &str) -> Result<(u64, [u8; 32]), Fault<E>> {
    match sql.one("SELECT entries, chain FROM audit_heads WHERE name = $1", params![name])? {
        Some(mut row) => Ok((row.take()?, row.take()?)),
        None => Ok((0, NOTHING)),
    }
}

fn set_head<E>(sql: Statements<'_, E>, name: &str, entries: u64, chain: &[u8; 32]) -> Result<(), Fault<E>> {
    sql.execute(
        "INSERT INTO audit_heads (name, entries, chain) VALUES ($1, $2, $3)
         ON CONFLICT (name) DO UPDATE SET entries = excluded.entries, chain = excluded.chain",
        params![name, entries, chain],
    )?;
    Ok(())
}

/// An entry with all that its hash covers.
struct Stored {
    record: AuditRecord,
    erased_hash: Option<[u8; 32]>,
    subject: Option<[u8; 32]>,
    digest: Option<[u8; 32]>,
}

fn stored(mut row: Row) -> Result<Stored, Unreadable> {
    let entry = row.take()?;
    let audit = AuditEntry {
        at: row.take()?,
        key_id: row.take()?,
        action: row.take()?,
        customer_id: row.take()?,
        detail: row.take()?,
    };
    let erased_hash: Option<[u8; 32]> = row.take()?;
    let (subject, digest, chain) = (row.take()?, row.take()?, row.take()?);
    let record = AuditRecord { entry, audit, erased: erased_hash.is_some(), chain };
    Ok(Stored { record, erased_hash, subject, digest })
}

fn read<E>(sql: Statements<'_, E>, after: u64, limit: u32) -> Result<Vec<Stored>, Fault<E>> {
    let rows = sql.query(
        "SELECT entry, at, key_id, action, customer_id, detail, erased_hash, subject, digest, chain
         FROM audit WHERE entry > $1 ORDER BY entry LIMIT $2",
        params![after, limit],
    )?;
    Ok(rows.into_iter().map(stored).collect::<Result<_, _>>()?)
}

/// Entries before one, newest first.
pub(super) fn page_before<E>(
    sql: Statements<'_, E>,
    before: u64,
    limit: u32,
) -> Result<Vec<AuditRecord>, Fault<E>> {
    let rows = sql.query(
        "SELECT entry, at, key_id, action, customer_id, detail, erased_hash, subject, digest, chain
         FROM audit WHERE entry < $1 ORDER BY entry DESC LIMIT $2",
        params![before, limit.clamp(1, 10_000)],
    )?;
    let records = rows.into_iter().map(|row| stored(row).map(|stored| stored.record));
    Ok(records.collect::<Result<_, _>>()?)
}

/// Entries after one, oldest first.
pub(super) fn page<E>(sql: Statements<'_, E>, after: u64, limit: u32) -> Result<Vec<AuditRecord>, Fault<E>> {
    Ok(read(sql, after, limit.clamp(1, 10_000))?.into_iter().map(|stored| stored.record).collect())
}

/// Customers whose entries have lost their ids, and the entries that explain it.
#[derive(Default)]
struct Removals {
    /// The first entry of each such customer.
    removed: HashMap<[u8; 32], u64>,
    /// Customers with an entry of their erasure or readmission.
    explained: HashSet<[u8; 32]>,
    /// When the chain begins.
    begins: Option<Micros>,
}

impl Removals {
    /// Looks at one entry; what is wrong with it by itself.
    fn see(&mut self, Stored { record, erased_hash, subject, .. }: &Stored) -> Option<&'static str> {
        let audit = &record.audit;
        if record.chain.is_some() {
            self.begins.get_or_insert(audit.at);
        }
        // An entry from before there was a chain has no subject.
        let whose = subject.or(*erased_hash);
        if let (ERASE | READMIT, Some(whose)) = (audit.action.as_str(), whose) {
            self.explained.insert(whose);
        }
        let (Some(subject), None) = (subject, &audit.customer_id) else { return None };
        if erased_hash.as_ref() != Some(subject) {
            return Some("its customer was removed, but not by an erasure");
        }
        self.removed.entry(*subject).or_insert(record.entry);
        None
    }

    /// The first entry whose customer was removed although no erasure is known.
    fn unexplained<E>(&self, sql: Statements<'_, E>) -> Result<Option<u64>, Fault<E>> {
        let mut first: Option<u64> = None;
        for (subject, entry) in self.removed.iter().filter(|(subject, _)| !self.explained.contains(*subject))
        {
            // The entry of an erasure from before the chain begins may be gone.
            let row = sql.one("SELECT at FROM erased WHERE hash = $1", params![subject])?;
            let at: Option<Micros> = row.map(|mut row| row.take()).transpose()?;
            if at.zip(self.begins).is_none_or(|(at, begins)| at > begins) {
                first = Some(first.map_or(*entry, |first| first.min(*entry)));
            }
        }
        Ok(first)
    }
}

/// Holds the log against its chain.
pub(super) fn verify<E>(
    sql: Statements<'_, E>,
    secret: &[u8; 32],
    hash: impl Fn(&str) -> [u8; 32],
    noted: Option<&[u8; 32]>,
) -> Result<AuditProof, Fault<E>> {
    let (pruned, mut chain) = head(sql, BEGINNING)?;
    let (expected, end) = head(sql, END)?;
    let mut proof = AuditProof { pruned, ..AuditProof::default() };
    // The hash before the first entry is in every log: noting it proves nothing.
    let mut found = noted.is_none_or(|noted| *noted == chain && (*noted != NOTHING || expected == 0));
    let mut removals = Removals::default();
    let mut after = 0;
    loop {
        let piece = read(sql, after, PIECE)?;
        let Some(last) = piece.last() else { break };
        after = last.record.entry;
        for one in &piece {
            let Stored { record, subject, digest, .. } = one;
            let AuditRecord { audit, entry, .. } = record;
            let broken = |why| Some(Broken { entry: Some(*entry), why });
            let alone = removals.see(one);
            let (Some(linked), Some(digest)) = (record.chain, digest) else {
                if proof.entries > 0 {
                    proof.broken = broken("it has no hash, but those before it have");
                    return Ok(proof);
                }
                proof.unchained += 1;
                continue;
            };
            let (key_id, action) = (audit.key_id.as_deref(), audit.action.as_str());
            let link = Links { at: audit.at, key_id, action, subject: *subject, digest: *digest };
            chain = link.after(&chain);
            if chain != linked {
                proof.broken = broken("it or the entry before it was changed, removed or added");
                return Ok(proof);
            }
            if let Some(why) = alone {
                proof.broken = broken(why);
                return Ok(proof);
            }
            if audit.customer_id.as_deref().is_some_and(|id| Some(hash(id)) != *subject) {
                proof.broken = broken("its customer was changed");
                return Ok(proof);
            }
            if !record.erased && keyed_hash(secret, audit.detail.as_bytes()) != *digest {
                proof.broken = broken("its detail was changed");
                return Ok(proof);
            }
            proof.entries += 1;
            found = found || noted.is_some_and(|noted| *noted == chain);
        }
    }
    proof.head = hex(&chain);
    if pruned + proof.entries != expected || (expected > 0 && chain != end) {
        proof.broken = Some(Broken { entry: None, why: "entries are missing at its end" });
    } else if let Some(entry) = removals.unexplained(sql)? {
        let why = "its customer was removed, but no erasure of that customer is in the log";
        proof.broken = Some(Broken { entry: Some(entry), why });
    } else if !found {
        let why =
            "the hash noted earlier is not in it: the log was written anew, or was pruned past that entry";
        proof.broken = Some(Broken { entry: None, why });
    }
    Ok(proof)
}

/// Drops the oldest entries from before an instant, slice by slice; how many.
pub(super) fn prune<E>(sql: Statements<'_, E>, not_before: Micros) -> Result<u64, Fault<E>> {
    let old = read(sql, 0, SLICE)?;
    // In the order of the chain: an entry that stays keeps those after it.
    let old: Vec<&Stored> = old.iter().take_while(|stored| stored.record.audit.at < not_before).collect();
    let Some(last) = old.last() else { return Ok(0) };
    let chained = old.iter().filter(|stored| stored.record.chain.is_some()).count() as u64;
    let (pruned, _) = head(sql, BEGINNING)?;
    if let Some(chain) = &last.record.chain {
        set_head(sql, BEGINNING, pruned + chained, chain)?;
    }
    sql.execute("DELETE FROM audit WHERE entry <= $1", params![last.record.entry])
}
