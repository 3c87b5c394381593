//! Reading profiles, histories and totals.

use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::{Map, Value};

use super::rows::{self, TagNames};
use super::{Inner, SqliteStore};
use crate::plan::ProfileRow;
use crate::privacy::attributes_of;
use crate::state::Origin;
use crate::{Profile, Totals};

/// The columns of [`Numbered`].
pub(super) const COLUMNS: &str = "p.profile, p.customer_id, p.model, p.as_of, p.scored_at, p.prediction, p.events, \
     p.purchases, p.orders, p.spend, p.first_purchase_at, p.last_purchase_at";

/// A row of `profiles`, and its number.
pub(super) struct Numbered {
    profile: i64,
    pub row: ProfileRow,
}

impl Numbered {
    pub fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        let profile = row.get(0)?;
        let row = ProfileRow {
            customer_id: row.get(1)?,
            origin: Origin { model: row.get(2)?, as_of: row.get(3)?, scored_at: row.get(4)? },
            prediction: row.get(5)?,
            history: rows::counts(row, 6)?,
        };
        Ok(Numbered { profile, row })
    }

    /// The profile with its tags.
    pub fn finish(
        self,
        connection: &Connection,
        names: &mut TagNames,
        store: &SqliteStore,
    ) -> Inner<Profile> {
        let tags = rows::tags(connection, names, self.profile, &self.row.customer_id)?;
        let attributes = attributes(connection, store, &self.row.customer_id)?;
        Ok(self.row.finish(&store.common.place, store.common.zone, tags, attributes)?)
    }
}

pub(super) fn profile(
    connection: &Connection,
    names: &mut TagNames,
    store: &SqliteStore,
    customer_id: &str,
) -> Inner<Option<Profile>> {
    let row = connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM profiles p WHERE p.customer_id = ?1"))?
        .query_row([customer_id], Numbered::of)
        .optional()?;
    row.map(|row| row.finish(connection, names, store)).transpose()
}

pub(super) fn history(connection: &Connection, customer_id: &str) -> Inner<Option<Vec<u8>>> {
    let mut statement = connection.prepare_cached("SELECT profile FROM profiles WHERE customer_id = ?1")?;
    let profile: Option<i64> = statement.query_row([customer_id], |row| row.get(0)).optional()?;
    profile.map(|profile| rows::history(connection, profile, customer_id)).transpose()
}

pub(super) fn totals(connection: &Connection, names: &mut TagNames) -> Inner<Totals> {
    // The index holds all that is asked for, and is a fraction of the table.
    let (profiles, scored, value_at_risk) = connection.query_row(
        "SELECT count(*), count(value_at_risk), total(value_at_risk)
         FROM profiles INDEXED BY profiles_by_value_at_risk",
        [],
        |row| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get::<_, i64>(1)?.unsigned_abs(), row.get(2)?)),
    )?;
    let level = names.number(connection, "churn.level")?;
    let churn_levels = connection
        .prepare_cached("SELECT value, count(*) FROM labels WHERE tag = ?1 GROUP BY value")?
        .query_map([level], |row| {
            let value: String = row.get(0)?;
            let label = serde_json::from_str::<String>(&value).unwrap_or(value);
            Ok((label, row.get::<_, i64>(1)?.unsigned_abs()))
        })?
        .collect::<Result<_, _>>()?;
    Ok(Totals {
        profiles,
        scored,
        value_at_risk,
        churn_levels,
        data_until: rows::clock(connection)?.happened,
    })
}

/// Attributes that the business keeps of a customer.
fn attributes(
    connection: &Connection,
    store: &SqliteStore,
    customer_id: &str,
) -> Inner<Option<Map<String, Value>>> {
    let mut statement =
        connection.prepare_cached("SELECT attributes FROM attributes WHERE customer_id = ?1")?;
    let text: Option<String> = statement.query_row([customer_id], |row| row.get(0)).optional()?;
    Ok(text.map(|text| attributes_of(&text, &store.common.place, customer_id)).transpose()?)
}
