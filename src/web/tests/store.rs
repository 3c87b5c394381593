//! A base of customers, and a store that holds it.

use homing_profiles::testing::Watched;
use tempfile::TempDir;

use super::*;

/// Customers with scores, tags and history, as a batch would write them.
#[derive(Default)]
pub(super) struct Base(pub BTreeMap<String, (Scored, History)>);

impl Base {
    pub fn store(self) -> Watched<TempDir> {
        let store = Watched::open(tempfile::tempdir().unwrap(), zone()).unwrap();
        let row = |(id, (_, history)): (&String, &(Scored, History))| BatchRow {
            customer_id: id.clone(),
            history: history.clone(),
        };
        let score = |id: &str, _: &History, _: Micros| self.0[id].0.clone();
        store.write_batch(&mut self.0.iter().map(row), as_of(), &score, &|_| ()).unwrap();
        store
    }
}
