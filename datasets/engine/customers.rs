//! The customers of one range, ready for the caller.

use std::ops::Range;

use rayon::prelude::*;

use crate::History;
use crate::builder::Grouped;

/// The customers of one range, by id ascending.
pub struct Customers(pub(super) Loaded);

pub(super) enum Loaded {
    Many(Box<Grouped>),
    One(String, Box<History>),
    Kept(Vec<(Box<str>, History)>),
}

impl Customers {
    /// Number of customers.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Loaded::Many(grouped) => grouped.len(),
            Loaded::One(..) => 1,
            Loaded::Kept(all) => all.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What `each` makes of the customers at these positions, in their order. Uses all threads of the current rayon
    /// pool; one history a thread is in memory at a time.
    pub fn map<R: Send>(&self, positions: Range<usize>, each: impl Fn(&str, &History) -> R + Sync) -> Vec<R> {
        match &self.0 {
            Loaded::Many(grouped) => grouped.map(positions, |id, history| each(id, history)),
            Loaded::One(id, history) => positions.map(|_| each(id, history)).collect(),
            Loaded::Kept(all) => all[positions].par_iter().map(|(id, history)| each(id, history)).collect(),
        }
    }

    /// Hands out one customer after the other.
    ///
    /// # Errors
    /// What `each` returns.
    pub fn each<E>(&self, mut each: impl FnMut(&str, &History) -> Result<(), E>) -> Result<(), E> {
        match &self.0 {
            Loaded::Many(grouped) => grouped.each(each),
            Loaded::One(id, history) => each(id, history),
            Loaded::Kept(all) => all.iter().try_for_each(|(id, history)| each(id, history)),
        }
    }

    /// The customers as owned pairs, made some thousands at a time.
    pub fn owned(&self) -> impl Iterator<Item = (String, History)> + Send + '_ {
        const AT_ONCE: usize = 2048;
        (0..self.len()).step_by(AT_ONCE).flat_map(move |from| {
            let to = (from + AT_ONCE).min(self.len());
            match &self.0 {
                Loaded::Many(grouped) => {
                    grouped.map(from..to, |id, history| (id.to_owned(), std::mem::take(history)))
                }
                Loaded::One(id, history) => vec![(id.clone(), History::clone(history))],
                Loaded::Kept(all) => {
                    all[from..to].iter().map(|(id, history)| (id.to_string(), history.clone())).collect()
                }
            }
        })
    }
}
