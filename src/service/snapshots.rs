//! Lists that stay as they were while somebody turns their pages: the ids of everybody on them, in order, held in memory for a while.

use std::sync::{Arc, Mutex, PoisonError};

use homing_datasets::Micros;

use super::access::hex;
use homing_profiles::Listing;
use homing_profiles::access::random_bits;

/// Customers of one list.
pub(crate) const MOST_IDS: usize = 1_000_000;
/// Bytes of all lists that are held.
const MOST_BYTES: usize = 64 << 20;
/// Lists that are held.
const MOST: usize = 32;
/// A list is forgotten so long after its last page was read.
const LIFE: Micros = 900_000_000;
/// How a cursor begins that leads into such a list; those of the store are hexadecimal.
const PREFIX: &str = "s-";

/// A list as it was.
#[derive(Debug)]
pub(crate) struct Snapshot {
    name: String,
    listing: Listing,
    /// All ids, one after the other, and where each ends.
    text: String,
    ends: Vec<u32>,
}

impl Snapshot {
    /// The ids from a place on, up to so many, and the cursor of those after them.
    pub fn page(&self, from: usize, limit: usize) -> (Vec<&str>, Option<String>) {
        let until = self.ends.len().min(from.saturating_add(limit));
        let end = |at: usize| self.ends.get(at).map_or(0, |end| *end as usize);
        let start = |at: usize| at.checked_sub(1).map_or(0, end);
        let ids = (from..until).filter_map(|at| self.text.get(start(at)..end(at))).collect();
        (ids, (until < self.ends.len()).then(|| format!("{PREFIX}{}-{until}", self.name)))
    }

    /// How many are on it.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    fn bytes(&self) -> usize {
        self.text.len() + self.ends.len() * size_of::<u32>()
    }
}

/// What a cursor leads to.
#[derive(Debug)]
pub(crate) enum Found {
    /// The list, and where its next page begins.
    At(Arc<Snapshot>, usize),
    /// It is a cursor of another list.
    Other,
    /// The list is forgotten, or another server has it.
    Gone,
}

/// The lists that are held, the one used last at the end.
#[derive(Debug, Default)]
pub(crate) struct Snapshots(Mutex<Vec<(Micros, Arc<Snapshot>)>>);

/// A listing without what may differ from page to page.
fn plain(listing: &Listing) -> Listing {
    Listing { cursor: None, limit: 0, ..listing.clone() }
}

impl Snapshots {
    /// Whether a cursor leads into a list that is held.
    pub fn is_ours(cursor: &str) -> bool {
        cursor.starts_with(PREFIX)
    }

    /// Holds a list; `None` if it is too long.
    pub fn hold(
        &self,
        listing: &Listing,
        ids: &[String],
        now: Micros,
    ) -> Result<Option<Arc<Snapshot>>, String> {
        let length: usize = ids.iter().map(String::len).sum();
        let mut snapshot = Snapshot {
            name: hex(&random_bits()?[..16]),
            listing: plain(listing),
            text: String::with_capacity(length.min(MOST_BYTES)),
            ends: Vec::with_capacity(ids.len()),
        };
        if length + ids.len() * size_of::<u32>() > MOST_BYTES {
            return Ok(None);
        }
        for id in ids {
            snapshot.text.push_str(id);
            // At most 64 MiB.
            snapshot.ends.push(snapshot.text.len() as u32);
        }
        let snapshot = Arc::new(snapshot);
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|(used, _)| now < used + LIFE);
        held.push((now, snapshot.clone()));
        while held.len() > MOST || held.iter().map(|(_, one)| one.bytes()).sum::<usize>() > MOST_BYTES {
            held.remove(0);
        }
        Ok(Some(snapshot))
    }

    /// What a cursor leads to.
    pub fn find(&self, cursor: &str, listing: &Listing, now: Micros) -> Found {
        let parts = cursor.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-'));
        let Some((name, from)) = parts.and_then(|(name, from)| Some((name, from.parse().ok()?))) else {
            return Found::Other;
        };
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|(used, _)| now < used + LIFE);
        let Some(at) = held.iter().position(|(_, one)| one.name == name) else { return Found::Gone };
        let (_, snapshot) = held.remove(at);
        held.push((now, snapshot.clone()));
        if snapshot.listing == plain(listing) { Found::At(snapshot, from) } else { Found::Other }
    }

    /// Forgets the lists that nobody has read for long.
    pub fn forget(&self, now: Micros) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|(used, _)| now < used + LIFE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("客{n}")).collect()
    }

    #[test]
    fn pages_of_a_held_list_are_the_list() {
        let (snapshots, listing) = (Snapshots::default(), Listing::default());
        for (count, limit) in [(0, 3), (1, 3), (3, 3), (7, 3), (9, 1)] {
            let ids = ids(count);
            let held = snapshots.hold(&listing, &ids, 0).unwrap().unwrap();
            let (mut seen, mut cursor) = (Vec::new(), None::<String>);
            loop {
                let (snapshot, from) = match &cursor {
                    None => (held.clone(), 0),
                    Some(cursor) => match snapshots.find(cursor, &Listing { limit: 5, ..listing.clone() }, 1)
                    {
                        Found::At(snapshot, from) => (snapshot, from),
                        other => panic!("{other:?}"),
                    },
                };
                let (page, next) = snapshot.page(from, limit);
                seen.extend(page.into_iter().map(str::to_owned));
                cursor = next;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(seen, ids);
        }
        assert_eq!(
            snapshots.hold(&listing, &ids(3), 0).unwrap().unwrap().page(usize::MAX, 9),
            (vec![], None)
        );
    }

    #[test]
    fn lists_are_forgotten_when_they_are_old_many_or_long() {
        let (snapshots, listing) = (Snapshots::default(), Listing::default());
        let cursor = |count: usize, now| {
            let held = snapshots.hold(&listing, &ids(count), now).unwrap().unwrap();
            held.page(0, 1).1.unwrap()
        };
        let gone = |cursor: &str, now| matches!(snapshots.find(cursor, &listing, now), Found::Gone);
        let first = cursor(2, 0);
        assert!(!gone(&first, LIFE - 1) && !gone(&first, 2 * LIFE - 2), "a page keeps it");
        assert!(gone(&first, 3 * LIFE));
        let first = cursor(2, 0);
        (0..MOST).for_each(|_| drop(cursor(2, 0)));
        assert!(gone(&first, 0));
        let long = vec!["x".repeat(1 << 20); 65];
        assert!(snapshots.hold(&listing, &long, 0).unwrap().is_none());
        let other = Listing { reversed: true, ..listing.clone() };
        let cursor = cursor(2, 0);
        assert!(matches!(snapshots.find(&cursor, &other, 0), Found::Other));
        for wrong in ["s-", "s-x", "s-x-y", "s-x--1", "s-x-99999999999999999999999"] {
            assert!(matches!(snapshots.find(wrong, &listing, 0), Found::Other), "{wrong}");
        }
    }
}
