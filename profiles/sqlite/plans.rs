//! How SQLite answers what the pages ask for: that no page reads a whole table is held by a test.

use super::{SqliteStore, list, read};
use crate::Error;
use crate::aggregates;

impl SqliteStore {
    /// The queries behind the pages by name, each with the steps of SQLite's plan.
    ///
    /// # Errors
    /// [`Error`] of the store.
    pub fn plans(&self) -> Result<Vec<(&'static str, String)>, Error> {
        let one = format!("SELECT {} FROM profiles p WHERE p.customer_id = ?1", read::COLUMNS);
        let mut texts = list::texts();
        texts.extend([
            ("one customer", one),
            (
                "one customer, tags and history",
                "SELECT tags, history FROM states WHERE profile = ?1".to_owned(),
            ),
            ("the newest daily aggregates", aggregates::NEWEST.to_owned()),
            ("turned to high risk, how often", aggregates::TURNS.to_owned()),
            ("turned to high risk, who", aggregates::TURNED.to_owned()),
        ]);
        self.read(|connection, _| {
            let plan = |(name, text): (&'static str, String)| {
                let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {text}"))?;
                let values = vec![1; statement.parameter_count()];
                let steps =
                    statement.query_map(rusqlite::params_from_iter(values), |row| row.get::<_, String>(3))?;
                Ok((name, steps.collect::<Result<Vec<_>, _>>()?.join("; ")))
            };
            texts.into_iter().map(plan).collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_query_of_a_page_is_a_search_in_an_index() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("p.db"), homing_datasets::Zone::default()).unwrap();
        let plans = store.plans().unwrap();
        assert!(plans.len() > 12);
        for (name, plan) in plans {
            let scans = plan.split("; ").filter(|step| step.starts_with("SCAN"));
            // What a subquery has found is read from end to end; it is bounded.
            let found: Vec<String> = plan
                .split("; ")
                .filter_map(|step| step.strip_prefix("CO-ROUTINE "))
                .map(|name| format!("SCAN {name}"))
                .collect();
            let of_table = |step: &&str| {
                !step.contains("(subquery")
                    && !step.contains("CONSTANT ROW")
                    && !found.iter().any(|scan| scan == step)
            };
            let tables: Vec<&str> = scans.filter(of_table).collect();
            assert!(tables.is_empty() && plan.contains("SEARCH"), "{name}: {plan}");
        }
    }
}
