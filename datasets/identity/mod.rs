//! Identity: which records of the tills, the web shop and the chat groups are one person.
//!
//! Records are joined where they share a key ([`Key`]). Loyalty cards and chat identifiers are one person's own. Phone
//! numbers and addresses are shared in families and typed in wrong, so names count too: the same phone under two
//! names is two people, and a record that could belong to either is left alone; both are reported
//! ([`Conflict`]). `docs/identity.md` has the rules.
//!
//! ```
//! use homing_datasets::identity::{Hashing, Joiner, Member, Rulings};
//!
//! let mut joiner = Joiner::new(Hashing::plain());
//! let till = Member { source: "till", record_id: "T1", phone: Some("139-1234-5678"), ..Member::default() };
//! let web = Member { source: "web", record_id: "W7", phone: Some("+8613912345678"), ..Member::default() };
//! joiner.add(&till).unwrap();
//! joiner.add(&web).unwrap();
//! let (people, report) = joiner.finish(&Rulings::default());
//! assert_eq!(people.person_of("T1"), people.person_of("W7"));
//! assert_eq!((report.records, report.people), (2, 1));
//! ```

mod joining;
mod keys;
mod people;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::Error;
use crate::names::Names;
use crate::table::{Column, Table};
use crate::warnings::{Code, Warnings};
use keys::Name;
pub use keys::{Hashing, Key};
pub use people::{Moved, People};

/// What one source knows of one customer; absent texts are `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Member<'a> {
    /// The system that the record is in.
    pub source: &'a str,
    /// The record's number, unique over all sources.
    pub record_id: &'a str,
    /// The person's name.
    pub name: Option<&'a str>,
    /// Phone number.
    pub phone: Option<&'a str>,
    /// Number of the loyalty card.
    pub member_id: Option<&'a str>,
    /// Identifier in a chat platform.
    pub open_id: Option<&'a str>,
    /// E-mail address.
    pub email: Option<&'a str>,
}

impl<'a> Member<'a> {
    fn key(&self, key: Key) -> Option<&'a str> {
        match key {
            Key::MemberId => self.member_id,
            Key::OpenId => self.open_id,
            Key::Phone => self.phone,
            Key::Email => self.email,
        }
    }
}

/// What people have decided against the rules.
///
/// ```
/// use homing_datasets::identity::Rulings;
///
/// let rulings = Rulings::parse("merge,t1,w1\nsplit,t9\n", "rulings.csv")?;
/// assert_eq!(rulings.merged, [("t1".to_owned(), "w1".to_owned())]);
/// # Ok::<(), homing_datasets::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rulings {
    /// Pairs of records that are one person.
    pub merged: Vec<(String, String)>,
    /// Records that no shared key joins to any other.
    pub alone: BTreeSet<String>,
}

impl Rulings {
    /// Reads lines `merge,RECORD,RECORD` and `split,RECORD`; empty lines and those that begin with `#` are passed
    /// over.
    ///
    /// # Errors
    /// [`Error::BadRuling`] with the line.
    pub fn parse(text: &str, path: &str) -> Result<Self, Error> {
        let mut rulings = Rulings::default();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            let parts: Vec<&str> = line.split(',').map(str::trim).collect();
            match parts[..] {
                [""] => {}
                _ if line.starts_with('#') => {}
                ["merge", a, b] if !a.is_empty() && !b.is_empty() && a != b => {
                    rulings.merged.push((a.to_owned(), b.to_owned()));
                }
                ["split", record] if !record.is_empty() => {
                    rulings.alone.insert(record.to_owned());
                }
                _ => {
                    return Err(Error::BadRuling {
                        path: path.to_owned(),
                        line: at + 1,
                        text: line.chars().take(80).collect(),
                    });
                }
            }
        }
        Ok(rulings)
    }
}

/// Why a shared key did not join, or joined what should be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// One key under several names: a family, or a number that changed hands. Not joined.
    SeveralPeople,
    /// A record without a name that shares a key with several people. Not joined.
    Ambiguous,
    /// One person with several loyalty cards. Joined.
    SeveralCards,
    /// A card or chat identifier under two names and two phones. Not joined.
    Contradiction,
    /// A key that so many share that somebody must have made it up. Joins nobody.
    MadeUp,
}

impl Trouble {
    /// The code in files.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Trouble::SeveralPeople => "several_people",
            Trouble::Ambiguous => "ambiguous",
            Trouble::SeveralCards => "several_cards",
            Trouble::Contradiction => "contradiction",
            Trouble::MadeUp => "made_up",
        }
    }
}

/// A key that needs a look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// What is the matter.
    pub trouble: Trouble,
    /// Which key.
    pub key: Key,
    /// The key's token; the key itself is not kept.
    pub token: String,
    /// Records that share it, the first ten of them.
    pub records: Vec<String>,
    /// How many share it.
    pub count: usize,
}

impl Conflict {
    /// Conflicts as a table.
    #[must_use]
    pub fn table(listed: &[Conflict]) -> Table {
        let text =
            |of: &dyn Fn(&Conflict) -> String| Column::Text(listed.iter().map(|one| Some(of(one))).collect());
        Table::default()
            .with("trouble", text(&|one| one.trouble.code().to_owned()))
            .with("key", text(&|one| one.key.name().to_owned()))
            .with("token", text(&|one| one.token.clone()))
            .with("records", text(&|one| one.records.join(" ")))
            .with("count", Column::Whole(listed.iter().map(|one| Some(one.count as i64)).collect()))
    }
}

/// How well the sources are connected.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// Records.
    pub records: usize,
    /// People.
    pub people: usize,
    /// Records of each source.
    pub sources: BTreeMap<String, usize>,
    /// Share of the records that have each key, in a form that somebody can have.
    pub coverage: BTreeMap<&'static str, f64>,
    /// Share of the records with only a name and a phone.
    pub name_and_phone_only: f64,
    /// Records without any key.
    pub without_key: usize,
    /// Share of the people whom two sources or more know.
    pub connected: f64,
    /// People by their number of records.
    pub people_by_records: BTreeMap<usize, usize>,
    /// Keys that need a look, counted by what is the matter.
    pub conflicts: BTreeMap<&'static str, usize>,
    /// The conflicts, the first [`LISTED`] of each kind.
    #[serde(skip)]
    pub listed: Vec<Conflict>,
    /// Rulings that name a record that is not there.
    pub rulings_without_record: usize,
}

impl Report {
    /// Keys that are nobody's, though records have them.
    #[must_use]
    pub fn warnings(&self) -> Warnings {
        let mut warnings = Warnings::default();
        for shared in self.listed.iter().filter(|conflict| conflict.trouble == Trouble::MadeUp) {
            warnings.add(Code::SharedKey, shared.count as u64, || {
                let records: Vec<&str> = shared.records.iter().take(3).map(String::as_str).collect();
                format!(
                    "one {} in {} records, such as {}",
                    shared.key.name(),
                    shared.count,
                    records.join(", ")
                )
            });
        }
        warnings
    }
}

/// Conflicts of a kind that are listed one by one.
pub const LISTED: usize = 10_000;

/// Gathers records, batch by batch, and joins them. A record takes about a hundred bytes.
///
/// ```
/// use homing_datasets::identity::{Hashing, Joiner, Member, Rulings};
///
/// let mut joiner = Joiner::new(Hashing::plain());
/// joiner.add(&Member { source: "till", record_id: "t1", phone: Some("138 0013 8001"), ..Member::default() })?;
/// joiner.add(&Member { source: "web", record_id: "w1", phone: Some("+86 13800138001"), ..Member::default() })?;
/// let (people, _report) = joiner.finish(&Rulings::default());
/// assert_eq!(people.person_of("w1"), Some("t1")); // one person, named after the first record
/// # Ok::<(), homing_datasets::Error>(())
/// ```
pub struct Joiner {
    hashing: Hashing,
    ids: Names,
    sources: Names,
    source: Vec<u8>,
    names: Vec<Name>,
    /// Of each kind of key: its number and the record that has it.
    keys: [Vec<(u64, u32)>; 4],
    /// The same for texts that fill the field and name nobody: they join nobody, and are listed.
    placeholders: [Vec<(u64, u32)>; 4],
}

impl Joiner {
    /// Nothing gathered yet.
    #[must_use]
    pub fn new(hashing: Hashing) -> Self {
        Joiner {
            hashing,
            ids: Names::default(),
            sources: Names::default(),
            source: Vec::new(),
            names: Vec::new(),
            keys: Default::default(),
            placeholders: Default::default(),
        }
    }

    /// Adds a record. The same record again adds the keys that are new.
    ///
    /// # Errors
    /// [`Error::RecordInTwoSources`], [`Error::TooManyTexts`] beyond four billion records or 255 sources.
    pub fn add(&mut self, member: &Member<'_>) -> Result<(), Error> {
        let source = u8::try_from(self.sources.number(member.source)?).map_err(|_| Error::TooManyTexts)?;
        let record = self.ids.number(member.record_id)?;
        let name = member.name.map(|name| self.hashing.name(name)).unwrap_or_default();
        match self.source.get(record as usize) {
            None => {
                self.source.push(source);
                self.names.push(name);
            }
            Some(&before) if before != source => {
                return Err(Error::RecordInTwoSources {
                    record: member.record_id.to_owned(),
                    first: self.sources.get(u32::from(before)).to_owned(),
                    second: member.source.to_owned(),
                });
            }
            Some(_) if name.full != 0 => self.names[record as usize] = name,
            Some(_) => {}
        }
        let lists = self.keys.iter_mut().zip(&mut self.placeholders);
        for (key, (own, placeholders)) in Key::ALL.into_iter().zip(lists) {
            let Some(text) = member.key(key) else { continue };
            if let Some(number) = self.hashing.placeholder(key, text) {
                placeholders.push((number, record));
            } else if let Some(number) = self.hashing.key(key, text) {
                own.push((number, record));
            }
        }
        Ok(())
    }

    /// Number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.source.len()
    }

    /// Whether there is no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.source.is_empty()
    }
}
