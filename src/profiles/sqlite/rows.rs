//! Rows as the writers read and write them.

use std::collections::HashMap;

use homing_datasets::Micros;
use rusqlite::{Connection, OptionalExtension, params};

use super::{Fault, Inner, feed};
use crate::profiles::Layer;
use crate::profiles::plan::{Held, HeldTag, LAYERS, NewHistory, NewScore, Origin, Plan};

/// What the store holds of one customer, and where.
pub(super) struct Stored {
    pub profile: i64,
    /// Grows with every write to the customer.
    pub revision: i64,
    pub held: Held,
}

// Each statement that runs once a customer reads one table only: SQLite, as it is bundled, parses a cached
// statement with a join anew each time its parameters are bound, which costs more than the join.

/// Reads what the store holds of a customer.
pub(super) fn load(
    connection: &Connection,
    names: &mut TagNames,
    customer_id: &str,
) -> Inner<Option<Stored>> {
    let mut statement = connection.prepare_cached(
        "SELECT profile, revision, as_of, scored_at, model, prediction, churn_risk,
             value_at_risk, clv FROM profiles WHERE customer_id = ?1",
    )?;
    let stored = statement
        .query_row([customer_id], |row| {
            Ok(Stored {
                profile: row.get(0)?,
                revision: row.get(1)?,
                held: Held {
                    as_of: row.get(2)?,
                    scored_at: row.get(3)?,
                    model: row.get(4)?,
                    prediction: row.get(5)?,
                    numbers: [row.get(6)?, row.get(7)?, row.get(8)?],
                    history: Vec::new(),
                    tags: Vec::new(),
                },
            })
        })
        .optional()?;
    let Some(mut stored) = stored else { return Ok(None) };
    stored.held.history = history(connection, stored.profile)?;
    stored.held.tags = tags(connection, names, stored.profile)?;
    Ok(Some(stored))
}

/// The bytes of a profile's history.
pub(super) fn history(connection: &Connection, profile: i64) -> Inner<Vec<u8>> {
    let mut statement = connection.prepare_cached("SELECT bytes FROM histories WHERE profile = ?1")?;
    // Without a row the bytes are none, and those do not read as a history: the profile is damaged.
    Ok(statement.query_row([profile], |row| row.get(0)).optional()?.unwrap_or_default())
}

/// The tags of a profile.
pub(super) fn tags(connection: &Connection, names: &mut TagNames, profile: i64) -> Inner<Vec<HeldTag>> {
    let mut statement = connection.prepare_cached(
        "SELECT tag, value, layer, confidence, expires_after, model, as_of, scored_at FROM tags WHERE profile = ?1",
    )?;
    let mut rows = statement.query([profile])?;
    let mut tags = Vec::new();
    while let Some(row) = rows.next()? {
        let origin = match row.get::<_, Option<String>>(5)? {
            None => None,
            Some(model) => Some(Origin { model, as_of: row.get(6)?, scored_at: row.get(7)? }),
        };
        tags.push(HeldTag {
            name: names.name(connection, row.get(0)?)?,
            value: row.get(1)?,
            layer: LAYERS.get(usize::from(row.get::<_, u8>(2)?)).copied().unwrap_or(Layer::Dynamic),
            confidence: row.get(3)?,
            expires_after: row.get(4)?,
            origin,
        });
    }
    Ok(tags)
}

/// The numbers by which `tags` knows the names. A number, once given, never changes its meaning.
#[derive(Default)]
pub(super) struct TagNames {
    numbers: HashMap<String, i64>,
    names: HashMap<i64, String>,
}

impl TagNames {
    pub fn load(connection: &Connection) -> Inner<Self> {
        let mut names = TagNames::default();
        let mut statement = connection.prepare_cached("SELECT tag, name FROM tag_names")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            names.learn(row.get(0)?, row.get(1)?);
        }
        Ok(names)
    }

    fn learn(&mut self, number: i64, name: String) {
        self.numbers.insert(name.clone(), number);
        self.names.insert(number, name);
    }

    /// The name behind a number, which may be newer than what was loaded.
    fn name(&mut self, connection: &Connection, number: i64) -> Inner<String> {
        if !self.names.contains_key(&number) {
            *self = TagNames::load(connection)?;
        }
        self.names.get(&number).cloned().ok_or(Fault::Sql(rusqlite::Error::QueryReturnedNoRows))
    }

    /// The number of a name, if it has one.
    pub fn number(&mut self, connection: &Connection, name: &str) -> Inner<Option<i64>> {
        if !self.numbers.contains_key(name) {
            *self = TagNames::load(connection)?;
        }
        Ok(self.numbers.get(name).copied())
    }

    /// The number of a name; gives it one where need be.
    fn number_or_new(&mut self, connection: &Connection, name: &str) -> Inner<i64> {
        if let Some(number) = self.number(connection, name)? {
            return Ok(number);
        }
        connection.execute("INSERT INTO tag_names (name) VALUES (?1)", [name])?;
        let number = connection.last_insert_rowid();
        self.learn(number, name.to_owned());
        Ok(number)
    }
}

/// Writes what a plan says, and the change into the feed. `stored` is the row that the plan was made for: its number and revision.
pub(super) fn write(
    connection: &Connection,
    names: &mut TagNames,
    customer_id: &str,
    stored: Option<(i64, i64)>,
    plan: &Plan,
) -> Inner<Option<i64>> {
    let profile = match (stored, &plan.history, &plan.score) {
        (None, Some(history), Some(score)) => insert(connection, customer_id, history, score)?,
        // A customer unseen before always comes with a history and a score.
        (None, _, _) => return Ok(None),
        (Some((profile, revision)), history, score) => {
            if let Some(history) = history {
                update_history(connection, profile, revision, history)?;
            }
            if let Some(score) = score {
                update_score(connection, profile, revision, score)?;
            }
            profile
        }
    };
    for tag in &plan.set {
        set(connection, profile, names.number_or_new(connection, &tag.name)?, tag)?;
    }
    for name in &plan.remove {
        let number = names.number(connection, name)?;
        connection
            .prepare_cached("DELETE FROM tags WHERE profile = ?1 AND tag = ?2")?
            .execute(params![profile, number])?;
    }
    feed::record(connection, customer_id, plan)?;
    Ok(Some(profile))
}

fn insert(connection: &Connection, customer_id: &str, history: &NewHistory, score: &NewScore) -> Inner<i64> {
    let [churn_risk, value_at_risk, clv] = columns(score);
    let n = history.numbers;
    connection
        .prepare_cached(
            "INSERT INTO profiles (customer_id, revision, churn_risk, value_at_risk, clv, not_scored, model, as_of,
                 scored_at, prediction, events, purchases, orders, spend, first_purchase_at, last_purchase_at)
             VALUES (?1, 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        )?
        .execute(params![
            customer_id,
            churn_risk,
            value_at_risk,
            clv,
            score.not_scored.map(homing_models::NotScored::code),
            &*score.provenance.model,
            score.provenance.as_of,
            score.provenance.scored_at,
            score.prediction,
            n.events as i64,
            n.purchases as i64,
            n.orders as i64,
            n.spend,
            n.first_purchase_at,
            n.last_purchase_at,
        ])?;
    let profile = connection.last_insert_rowid();
    connection
        .prepare_cached("INSERT INTO histories (profile, bytes) VALUES (?1, ?2)")?
        .execute(params![profile, history.bytes])?;
    Ok(profile)
}

fn update_history(connection: &Connection, profile: i64, revision: i64, history: &NewHistory) -> Inner<()> {
    let n = history.numbers;
    connection
        .prepare_cached(
            "UPDATE profiles SET revision = ?2, events = ?3, purchases = ?4, orders = ?5, spend = ?6,
                 first_purchase_at = ?7, last_purchase_at = ?8 WHERE profile = ?1",
        )?
        .execute(params![
            profile,
            revision + 1,
            n.events as i64,
            n.purchases as i64,
            n.orders as i64,
            n.spend,
            n.first_purchase_at,
            n.last_purchase_at,
        ])?;
    connection
        .prepare_cached("UPDATE histories SET bytes = ?2 WHERE profile = ?1")?
        .execute(params![profile, history.bytes])?;
    Ok(())
}

fn update_score(connection: &Connection, profile: i64, revision: i64, score: &NewScore) -> Inner<()> {
    let [churn_risk, value_at_risk, clv] = columns(score);
    connection
        .prepare_cached(
            "UPDATE profiles SET revision = ?2, churn_risk = ?3, value_at_risk = ?4, clv = ?5, not_scored = ?6,
                 model = ?7, as_of = ?8, scored_at = ?9, prediction = ?10 WHERE profile = ?1",
        )?
        .execute(params![
            profile,
            revision + 1,
            churn_risk,
            value_at_risk,
            clv,
            score.not_scored.map(homing_models::NotScored::code),
            &*score.provenance.model,
            score.provenance.as_of,
            score.provenance.scored_at,
            score.prediction,
        ])?;
    Ok(())
}

fn columns(score: &NewScore) -> [Option<f64>; 3] {
    score.numbers.map_or([None; 3], |numbers| numbers.map(Some))
}

fn set(connection: &Connection, profile: i64, number: i64, tag: &HeldTag) -> Inner<()> {
    let origin = tag.origin.as_ref();
    connection
        .prepare_cached(
            "INSERT INTO tags (profile, tag, value, layer, confidence, expires_after, model, as_of, scored_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (profile, tag) DO UPDATE SET value = excluded.value, layer = excluded.layer,
                 confidence = excluded.confidence, expires_after = excluded.expires_after, model = excluded.model,
                 as_of = excluded.as_of, scored_at = excluded.scored_at",
        )?
        .execute(params![
            profile,
            number,
            tag.value,
            tag.layer as i64,
            tag.confidence,
            tag.expires_after,
            origin.map(|o| &o.model),
            origin.map(|o| o.as_of),
            origin.map(|o| o.scored_at),
        ])?;
    Ok(())
}

/// The latest instant at which something happened or (`known`) became known.
#[derive(Clone, Copy)]
pub(super) enum Clock {
    Happened,
    Known,
}

impl Clock {
    fn name(self) -> &'static str {
        match self {
            Clock::Happened => "happened_until",
            Clock::Known => "known_until",
        }
    }

    pub fn read(self, connection: &Connection) -> Inner<Option<Micros>> {
        let mut statement = connection.prepare_cached("SELECT value FROM settings WHERE name = ?1")?;
        Ok(statement.query_row([self.name()], |row| row.get(0)).optional()?)
    }

    /// Sets the clock forward; never back.
    pub fn advance(self, connection: &Connection, to: Micros) -> Inner<()> {
        connection
            .prepare_cached(
                "INSERT INTO settings (name, value) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE excluded.value > value",
            )?
            .execute(params![self.name(), to])?;
        Ok(())
    }
}
