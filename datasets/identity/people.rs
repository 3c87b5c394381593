//! Who is who: the result of a joining, as a table that moves histories.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use crate::table::{Column, Table, WriteError};
use crate::{Histories, Zone};

/// A person for each record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    /// Record ids, sorted.
    records: Vec<Box<str>>,
    /// The person of each record, as a place in `ids`.
    person: Vec<u32>,
    ids: Vec<Box<str>>,
}

/// A record that belongs to another person than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The record.
    pub record: String,
    /// The person it belonged to.
    pub from: String,
    /// The person it belongs to now.
    pub to: String,
}

impl Moved {
    /// Moves as a table: `record_id`, `from`, `to`.
    #[must_use]
    pub fn table(moved: &[Moved]) -> Table {
        let column =
            |of: fn(&Moved) -> &String| Column::Text(moved.iter().map(|one| Some(of(one).clone())).collect());
        Table::default()
            .with("record_id", column(|one| &one.record))
            .with("from", column(|one| &one.from))
            .with("to", column(|one| &one.to))
    }
}

impl People {
    /// People from the root of each record; records are in the order of their ids, and so the first of each person
    /// names it.
    pub(super) fn new<'a>(roots: &[u32], id: &impl Fn(u32) -> &'a str) -> Self {
        let mut place = vec![u32::MAX; roots.len()];
        let mut people = People::default();
        for (record, &root) in roots.iter().enumerate() {
            let at = &mut place[root as usize];
            if *at == u32::MAX {
                *at = people.ids.len() as u32;
                people.ids.push(id(record as u32).into());
            }
            people.person.push(*at);
            people.records.push(id(record as u32).into());
        }
        people
    }

    /// People from pairs of a record and its person; of a record that comes twice the last pair counts.
    #[must_use]
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let sorted: BTreeMap<String, String> = pairs.into_iter().collect();
        let mut places: HashMap<String, u32> = HashMap::new();
        let mut people = People::default();
        for (record, person) in sorted {
            let next = people.ids.len() as u32;
            let at = *places.entry(person.clone()).or_insert(next);
            if at == next {
                people.ids.push(person.into());
            }
            people.records.push(record.into());
            people.person.push(at);
        }
        people
    }

    /// Number of people.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Records with their persons, by record.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.records
            .iter()
            .zip(&self.person)
            .map(|(record, &person)| (&**record, &*self.ids[person as usize]))
    }

    /// The person whose record this is.
    #[must_use]
    pub fn person_of(&self, record: &str) -> Option<&str> {
        let at = self.records.binary_search_by(|known| (**known).cmp(record)).ok()?;
        Some(&self.ids[self.person[at] as usize])
    }

    /// Persons of before whom nobody is any more, each with the person who has most of their records now (of equals the
    /// first by id); sorted.
    #[must_use]
    pub fn merged_since<'a>(&'a self, before: &'a People) -> Vec<(&'a str, &'a str)> {
        let today: std::collections::HashSet<&str> = self.ids.iter().map(AsRef::as_ref).collect();
        let mut votes: BTreeMap<&str, BTreeMap<&str, u32>> = BTreeMap::new();
        for (record, from) in before.iter().filter(|(_, from)| !today.contains(from)) {
            if let Some(into) = self.person_of(record) {
                *votes.entry(from).or_default().entry(into).or_default() += 1;
            }
        }
        let most = |votes: BTreeMap<&'a str, u32>| votes.into_iter().rev().max_by_key(|(_, count)| *count);
        votes.into_iter().filter_map(|(from, votes)| Some((from, most(votes)?.0))).collect()
    }

    /// Gives each person the id that it had before, so that a profile stays where it is: the id that most of its
    /// records had; of two persons who would take the same one, the one with more of those records takes it.
    ///
    /// Returns the records that moved: by merging into another person or splitting from one.
    pub fn keep_ids(&mut self, before: &People) -> Vec<Moved> {
        let mut votes: BTreeMap<(u32, &str), u32> = BTreeMap::new();
        for (at, record) in self.records.iter().enumerate() {
            if let Some(old) = before.person_of(record) {
                *votes.entry((self.person[at], old)).or_default() += 1;
            }
        }
        let mut claims: Vec<(u32, &str, u32)> =
            votes.into_iter().map(|((person, old), count)| (count, old, person)).collect();
        claims.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)).then(a.2.cmp(&b.2)));
        let mut named = vec![false; self.ids.len()];
        let mut taken: HashMap<Box<str>, u32> = HashMap::new();
        for (_, old, person) in claims {
            if !named[person as usize] && !taken.contains_key(old) {
                named[person as usize] = true;
                taken.insert(old.into(), person);
                self.ids[person as usize] = old.into();
            }
        }
        // Someone new whose name is that of somebody else.
        for (at, id) in self.ids.iter_mut().enumerate() {
            while !named[at] && taken.get(id).is_some_and(|&owner| owner != at as u32) {
                *id = format!("{id}+").into();
            }
            taken.insert(id.clone(), at as u32);
        }
        let moved = |(record, now): (&str, &str)| {
            let old = before.person_of(record)?;
            (old != now).then(|| Moved {
                record: record.to_owned(),
                from: old.to_owned(),
                to: now.to_owned(),
            })
        };
        self.iter().filter_map(moved).collect()
    }

    /// How well these people agree with the true ones, over pairs of records that both know: the share of the pairs
    /// joined here that are truly one person (precision), and the share of the true pairs that are joined (recall).
    #[must_use]
    pub fn pairwise(&self, truth: &People) -> (f64, f64) {
        let mut both: HashMap<(u32, &str), u64> = HashMap::new();
        let (mut here, mut there): (HashMap<u32, u64>, HashMap<&str, u64>) = Default::default();
        for (record, &person) in self.records.iter().zip(&self.person) {
            let Some(true_person) = truth.person_of(record) else { continue };
            *both.entry((person, true_person)).or_default() += 1;
            *here.entry(person).or_default() += 1;
            *there.entry(true_person).or_default() += 1;
        }
        let pairs = |count: &u64| count * (count - 1) / 2;
        let right = both.values().map(pairs).sum::<u64>() as f64;
        let share = |of: u64| if of == 0 { 1.0 } else { right / of as f64 };
        (share(here.values().map(pairs).sum()), share(there.values().map(pairs).sum()))
    }

    /// The table `record_id`, `person_id`.
    #[must_use]
    pub fn table(&self) -> Table {
        let (records, people) =
            self.iter().map(|(record, person)| (Some(record.to_owned()), Some(person.to_owned()))).unzip();
        Table::default().with("record_id", Column::Text(records)).with("person_id", Column::Text(people))
    }

    /// Writes [`People::table`] in the format that the extension names.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn write(&self, path: &Path) -> Result<(), WriteError> {
        self.table().write(path, Zone::default())
    }
}

impl Histories {
    /// The histories of people instead of records: those of one person in one, and a record that nobody knows
    /// stays as it is. Done again with other people it merges and splits them, for a record's events are moved whole.
    #[must_use]
    pub fn of_people(self, people: &People) -> Histories {
        let person = |record: String| people.person_of(&record).map(str::to_owned).unwrap_or(record);
        self.into_iter().map(|(record, history)| (person(record), history)).collect()
    }
}
