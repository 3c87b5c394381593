//! The histories of all customers.

use rayon::prelude::*;

use crate::event::Micros;
use crate::history::History;

/// The histories of many customers, sorted by customer id (by its bytes), each id once.
///
/// ```
/// use homing_datasets::{Event, Histories, History, Kind};
///
/// let one = History::from_events(vec![Event::new(Kind::Purchase, 0, 10.0)]);
/// let all = Histories::from_vec(vec![("c1".to_owned(), one)]);
/// assert_eq!((all.len(), all.events()), (1, 1));
/// assert!(all.get("c1").is_some() && all.get("c2").is_none());
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histories {
    customers: Vec<(Box<str>, History)>,
}

impl Histories {
    /// Histories of these customers, in any order. A customer who comes more than once gets one history with
    /// all of the events.
    #[must_use]
    pub fn from_vec(customers: Vec<(String, History)>) -> Self {
        let mut customers: Vec<(Box<str>, History)> =
            customers.into_iter().map(|(id, history)| (id.into_boxed_str(), history)).collect();
        customers.sort_by(|(a, _), (b, _)| a.cmp(b));
        customers.dedup_by(|(id, history), (kept_id, kept)| {
            let same = id == kept_id;
            if same {
                kept.extend(history.events().collect());
            }
            same
        });
        Histories { customers }
    }

    /// Histories of the customers in a map or another collection of pairs; see [`Histories::from_vec`].
    #[must_use]
    pub fn from_map(customers: impl IntoIterator<Item = (String, History)>) -> Self {
        Histories::from_vec(customers.into_iter().collect())
    }

    /// Of customers that are sorted and distinct already.
    pub(crate) fn from_sorted(customers: Vec<(Box<str>, History)>) -> Self {
        debug_assert!(customers.is_sorted_by(|(a, _), (b, _)| a < b));
        Histories { customers }
    }

    /// Number of customers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.customers.len()
    }

    /// Whether there is no customer.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.customers.is_empty()
    }

    /// Each customer's id and history, by id ascending.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &History)> + Clone {
        self.customers.iter().map(|(id, history)| (&**id, history))
    }

    /// The same as [`Histories::iter`] for rayon; collecting keeps the order.
    pub fn par_iter(&self) -> impl IndexedParallelIterator<Item = (&str, &History)> {
        self.customers.par_iter().map(|(id, history)| (&**id, history))
    }

    /// The customer at a position in the order of [`Histories::iter`].
    #[must_use]
    pub fn at(&self, position: usize) -> Option<(&str, &History)> {
        self.customers.get(position).map(|(id, history)| (&**id, history))
    }

    /// One customer's history, if the customer is known.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&History> {
        let at = self.customers.binary_search_by(|(other, _)| (**other).cmp(id)).ok()?;
        Some(&self.customers[at].1)
    }

    /// Instant of the first event of all, if there is one.
    #[must_use]
    pub fn first_instant(&self) -> Option<Micros> {
        self.customers.iter().filter_map(|(_, history)| history.first_instant()).min()
    }

    /// Instant of the last event of all (the greatest `occurred_at`), if there is one.
    #[must_use]
    pub fn last_instant(&self) -> Option<Micros> {
        self.customers.iter().filter_map(|(_, history)| history.last_instant()).max()
    }

    /// Number of events of all customers.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.customers.iter().map(|(_, history)| history.len() as u64).sum()
    }
}

impl FromIterator<(String, History)> for Histories {
    fn from_iter<T: IntoIterator<Item = (String, History)>>(customers: T) -> Self {
        Histories::from_vec(customers.into_iter().collect())
    }
}

impl IntoIterator for Histories {
    type Item = (String, History);
    type IntoIter =
        std::iter::Map<std::vec::IntoIter<(Box<str>, History)>, fn((Box<str>, History)) -> Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.customers.into_iter().map(|(id, history)| (id.into_string(), history))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{DAY, Event, Kind};

    fn bought(days: &[i64]) -> History {
        History::from_events(days.iter().map(|day| Event::new(Kind::Purchase, day * DAY, 1.0)).collect())
    }

    #[test]
    fn customers_are_sorted_by_the_bytes_of_their_ids_and_found_by_them() {
        let all = Histories::from_vec(
            ["b", "é", "B", "10", "9"].iter().map(|id| ((*id).to_owned(), bought(&[3]))).collect(),
        );
        assert_eq!(all.iter().map(|(id, _)| id).collect::<Vec<_>>(), ["10", "9", "B", "b", "é"]);
        assert!(all.get("é").is_some() && all.get("a").is_none());
        assert_eq!(all.at(1).map(|(id, _)| id), Some("9"));
    }

    #[test]
    fn a_customer_who_comes_twice_keeps_all_events() {
        let all = Histories::from_vec(vec![
            ("a".into(), bought(&[5, 9])),
            ("b".into(), bought(&[2])),
            ("a".into(), bought(&[1, 5])),
        ]);
        assert_eq!(all.get("a"), Some(&bought(&[1, 5, 5, 9])));
        assert_eq!((all.len(), all.events()), (2, 5));
        assert_eq!((all.first_instant(), all.last_instant()), (Some(DAY), Some(9 * DAY)));
        assert_eq!(Histories::default().last_instant(), None);
    }
}
