//! Reading profiles, histories and totals.

use std::collections::BTreeMap;

use homing_datasets::Micros;
use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::Value;

use super::rows::{self, Clock, TagNames};
use super::{Fault, Inner, SqliteStore, privacy};
use crate::profiles::plan::{HeldTag, HistoryNumbers, Origin};
use crate::profiles::{Error, Profile, StoredTag, Totals};

/// The columns of [`ProfileRow`].
pub(super) const COLUMNS: &str = "p.profile, p.customer_id, p.model, p.as_of, p.scored_at, p.prediction, p.events, \
     p.purchases, p.orders, p.spend, p.first_purchase_at, p.last_purchase_at";

/// A row of `profiles`.
pub(super) struct ProfileRow {
    profile: i64,
    pub customer_id: String,
    origin: Origin,
    prediction: String,
    history: HistoryNumbers,
}

impl ProfileRow {
    pub fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        let count = |at: usize| row.get::<_, i64>(at).map(i64::unsigned_abs);
        Ok(ProfileRow {
            profile: row.get(0)?,
            customer_id: row.get(1)?,
            origin: Origin { model: row.get(2)?, as_of: row.get(3)?, scored_at: row.get(4)? },
            prediction: row.get(5)?,
            history: HistoryNumbers {
                events: count(6)?,
                purchases: count(7)?,
                orders: count(8)?,
                spend: row.get(9)?,
                first_purchase_at: row.get(10)?,
                last_purchase_at: row.get(11)?,
            },
        })
    }

    /// The profile with its tags.
    pub fn finish(
        self,
        connection: &Connection,
        names: &mut TagNames,
        store: &SqliteStore,
    ) -> Inner<Profile> {
        let damaged = |detail: String| {
            let (store, customer_id) = (store.place.clone(), self.customer_id.clone());
            Fault::Known(Error::Damaged { store, customer_id, detail })
        };
        let json = |text: &str, what: &str| {
            serde_json::from_str::<Value>(text).map_err(|e| damaged(format!("{what}: {e}")))
        };
        let instant = |at: Micros| store.zone.format(at);
        // Nearly every tag comes from the profile's own score: its instants are written out once.
        let (as_of, scored_at) = (instant(self.origin.as_of), instant(self.origin.scored_at));
        let mut tags = BTreeMap::new();
        for HeldTag { name, value, layer, confidence, expires_after, origin } in
            rows::tags(connection, names, self.profile)?
        {
            let value = json(&value, &name)?;
            let (as_of, scored_at) = match &origin {
                None => (as_of.clone(), scored_at.clone()),
                Some(origin) => (instant(origin.as_of), instant(origin.scored_at)),
            };
            let origin = origin.as_ref().unwrap_or(&self.origin);
            let expires_at = expires_after.map(|after| instant(origin.as_of + after));
            let model = origin.model.clone();
            let tag = StoredTag { value, layer, confidence, model, as_of, scored_at, expires_at };
            tags.insert(name, tag);
        }
        Ok(Profile {
            attributes: privacy::attributes(connection, store, &self.customer_id)?.unwrap_or_default(),
            tags,
            prediction: json(&self.prediction, "prediction")?,
            history: self.history.summary(store.zone),
            customer_id: self.customer_id,
        })
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
        .query_row([customer_id], ProfileRow::of)
        .optional()?;
    row.map(|row| row.finish(connection, names, store)).transpose()
}

pub(super) fn history(connection: &Connection, customer_id: &str) -> Inner<Option<Vec<u8>>> {
    let mut statement = connection.prepare_cached("SELECT profile FROM profiles WHERE customer_id = ?1")?;
    let profile: Option<i64> = statement.query_row([customer_id], |row| row.get(0)).optional()?;
    profile.map(|profile| rows::history(connection, profile)).transpose()
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
        .prepare_cached("SELECT value, count(*) FROM tags WHERE tag = ?1 GROUP BY value")?
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
        data_until: Clock::Happened.read(connection)?,
    })
}
