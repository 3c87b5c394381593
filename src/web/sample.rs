//! The sample data of `homing demo`.

use super::words::{Lang, t};

/// The sample data that a demo shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    /// Customers of an online music shop, 1997 to 1998.
    Cdnow,
    /// Customers of a simulated chain of baby-goods shops.
    Chain,
}

impl Sample {
    /// What the pages call the data.
    pub(super) fn name(self, lang: Lang) -> &'static str {
        match self {
            Sample::Cdnow => t!(lang, "sample-cdnow"),
            Sample::Chain => t!(lang, "sample-chain"),
        }
    }

    /// What to look at first.
    pub(super) fn tour(self, lang: Lang) -> [&'static str; 3] {
        let last = match self {
            Sample::Cdnow => t!(lang, "tour-models"),
            Sample::Chain => t!(lang, "tour-chain"),
        };
        [t!(lang, "tour-call"), t!(lang, "tour-customer"), last]
    }
}
