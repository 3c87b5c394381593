//! Rows as the writers read and write them.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use super::tagged::{self, Move};
use super::{Fault, Inner, feed};
use crate::state::{Clock, HeldTag, HistoryCounts, NewHistory, NewScore, Origin, Plan, StoredRow};
use crate::transfer::Customer;

// Each statement that runs once a customer reads one table only: SQLite, as it is bundled, parses a cached
// statement with a join again each time its parameters are bound, which costs more than the join.

/// Reads the version of a customer's profile, and all that is held of them.
pub(super) fn load(
    connection: &Connection,
    names: &mut TagNames,
    customer_id: &str,
) -> Inner<Option<(i64, StoredRow)>> {
    let mut statement = connection.prepare_cached(
        "SELECT profile, revision, as_of, scored_at, model, prediction, churn_risk, value_at_risk, clv, not_scored,
             events, purchases, orders, spend, first_purchase_at, last_purchase_at FROM profiles WHERE customer_id = ?1",
    )?;
    let stored = statement
        .query_row([customer_id], |row| {
            let (profile, version): (i64, i64) = (row.get(0)?, row.get(1)?);
            let held = StoredRow {
                origin: Origin { as_of: row.get(2)?, scored_at: row.get(3)?, model: row.get(4)? },
                prediction: row.get(5)?,
                numbers: [row.get(6)?, row.get(7)?, row.get(8)?],
                not_scored: row.get(9)?,
                counts: counts(row, 10)?,
                history: Vec::new(),
                tags: Vec::new(),
                fingerprints: None,
            };
            Ok((profile, version, held))
        })
        .optional()?;
    let Some((profile, version, mut held)) = stored else { return Ok(None) };
    let mut statement = connection.prepare_cached("SELECT tags, history FROM states WHERE profile = ?1")?;
    let state = statement
        .query_row([profile], |row| {
            held.history = row.get(1)?;
            Ok(read_tags(connection, names, customer_id, row.get_ref(0)?.as_blob()?))
        })
        .optional()?;
    held.tags = state.ok_or_else(|| stateless(customer_id))??;
    Ok(Some((version, held)))
}

/// Up to so many customers after one, in the order of their ids.
pub(super) fn customers(
    connection: &Connection,
    names: &mut TagNames,
    after: Option<&str>,
    limit: u32,
) -> Inner<Vec<Customer>> {
    let from = if after.is_some() { ">" } else { ">=" };
    let ids: Vec<(i64, String)> = connection
        .prepare_cached(&format!(
            "SELECT profile, customer_id FROM profiles WHERE customer_id {from} ?1 ORDER BY customer_id LIMIT ?2"
        ))?
        .query_map(params![after.unwrap_or_default(), limit], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut found = Vec::with_capacity(ids.len());
    for (profile, id) in ids {
        let Some((_, row)) = load(connection, names, &id)? else { continue };
        let event_ids = connection
            .prepare_cached(
                "SELECT event_id, fingerprint FROM event_ids WHERE profile = ?1 ORDER BY event_id",
            )?
            .query_map([profile], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        found.push(Customer::of(id, row, event_ids));
    }
    Ok(found)
}

/// The counts of a history, from six columns on.
pub(super) fn counts(row: &Row<'_>, at: usize) -> rusqlite::Result<HistoryCounts> {
    let count = |at: usize| row.get::<_, i64>(at).map(i64::unsigned_abs);
    Ok(HistoryCounts {
        events: count(at)?,
        purchases: count(at + 1)?,
        orders: count(at + 2)?,
        spend: row.get(at + 3)?,
        first_purchase_at: row.get(at + 4)?,
        last_purchase_at: row.get(at + 5)?,
    })
}

fn stateless(customer_id: &str) -> Fault {
    Fault::Damaged(customer_id.to_owned(), "the row with tags and history is missing")
}

/// The bytes of a profile's history.
pub(super) fn history(connection: &Connection, profile: i64, customer_id: &str) -> Inner<Vec<u8>> {
    let mut statement = connection.prepare_cached("SELECT history FROM states WHERE profile = ?1")?;
    let history = statement.query_row([profile], |row| row.get(0)).optional()?;
    history.ok_or_else(|| stateless(customer_id))
}

/// The tags of a profile.
pub(super) fn tags(
    connection: &Connection,
    names: &mut TagNames,
    profile: i64,
    customer_id: &str,
) -> Inner<Vec<HeldTag>> {
    let bytes = tag_bytes(connection, profile)?.ok_or_else(|| stateless(customer_id))?;
    read_tags(connection, names, customer_id, &bytes)
}

fn tag_bytes(connection: &Connection, profile: i64) -> Inner<Option<Vec<u8>>> {
    let mut statement = connection.prepare_cached("SELECT tags FROM states WHERE profile = ?1")?;
    Ok(statement.query_row([profile], |row| row.get(0)).optional()?)
}

fn read_tags(
    connection: &Connection,
    names: &mut TagNames,
    customer_id: &str,
    bytes: &[u8],
) -> Inner<Vec<HeldTag>> {
    tagged::entries(bytes)
        .map(|entry| {
            let entry = entry.map_err(|damage| Fault::tags(customer_id, &damage))?;
            let name = names.name(connection, entry.number.cast_signed())?;
            entry.tag(name).map_err(|damage| Fault::tags(customer_id, &damage))
        })
        .collect()
}

/// The numbers by which `states` and `labels` know the names. A number, once given, never changes its meaning.
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

/// Where a profile is written.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub customer_id: &'a str,
    /// The number of the row that the plan was made for.
    pub number: Option<i64>,
    /// What the version becomes.
    pub version: i64,
}

/// Writes what a plan says, and the change into the feed; gives the number of the row.
pub(super) fn write(
    connection: &Connection,
    names: &mut TagNames,
    place: Place<'_>,
    plan: &Plan,
) -> Inner<Option<i64>> {
    let customer_id = place.customer_id;
    let mut moves: Vec<Move<'_>> = Vec::with_capacity(plan.set.len() + plan.remove.len());
    for tag in &plan.set {
        moves.push((names.number_or_new(connection, &tag.name)?.unsigned_abs(), Some(tag)));
    }
    for name in &plan.remove {
        moves.extend(names.number(connection, name)?.map(|number| (number.unsigned_abs(), None)));
    }
    moves.sort_unstable_by_key(|(number, _)| *number);
    let profile = match (place.number, &plan.history, &plan.score) {
        (None, Some(history), Some(score)) => {
            let profile = insert(connection, place, history, score)?;
            let tags = move_tags(connection, customer_id, profile, &[], &moves)?;
            connection
                .prepare_cached("INSERT INTO states (profile, tags, history) VALUES (?1, ?2, ?3)")?
                .execute(params![profile, tags, history.bytes])?;
            profile
        }
        // A customer unseen before always comes with a history and a score.
        (None, _, _) => return Ok(None),
        (Some(profile), history, score) => {
            update(connection, profile, place.version, history.as_ref(), score.as_ref())?;
            let tags = match moves.is_empty() {
                true => None,
                false => {
                    let before = tag_bytes(connection, profile)?.ok_or_else(|| stateless(customer_id))?;
                    Some(move_tags(connection, customer_id, profile, &before, &moves)?)
                }
            };
            // What is not given stays.
            if tags.is_some() || history.is_some() {
                connection
                    .prepare_cached(
                        "UPDATE states SET tags = coalesce(?2, tags), history = coalesce(?3, history) WHERE profile = ?1",
                    )?
                    .execute(params![profile, tags, history.as_ref().map(|history| &history.bytes)])?;
            }
            profile
        }
    };
    feed::record(connection, customer_id, plan)?;
    Ok(Some(profile))
}

/// The tags after moves, and their labels moved.
fn move_tags(
    connection: &Connection,
    customer_id: &str,
    profile: i64,
    before: &[u8],
    moves: &[Move<'_>],
) -> Inner<Vec<u8>> {
    let (mut gone, mut new) = (Vec::new(), Vec::new());
    let after = tagged::merge(before, moves, |number, before, now| {
        gone.extend(before.filter(|value| tagged::is_label(value)).map(|value| (number, value)));
        new.extend(now.filter(|value| tagged::is_label(value)).map(|value| (number, value)));
    });
    let after = after.map_err(|damage| Fault::tags(customer_id, &damage))?;
    let mut delete =
        connection.prepare_cached("DELETE FROM labels WHERE tag = ?1 AND value = ?2 AND profile = ?3")?;
    for (number, value) in gone {
        delete.execute(params![number.cast_signed(), value, profile])?;
    }
    let mut insert = connection
        .prepare_cached("INSERT OR IGNORE INTO labels (tag, value, profile) VALUES (?1, ?2, ?3)")?;
    for (number, value) in new {
        insert.execute(params![number.cast_signed(), value, profile])?;
    }
    Ok(after)
}

/// Takes a profile with its tags and its history out of the store; says how many rows went.
pub(super) fn remove(connection: &Connection, profile: i64) -> Inner<usize> {
    let bytes = tag_bytes(connection, profile)?;
    let mut gone = 0;
    let mut whole = bytes.is_some();
    let mut delete =
        connection.prepare_cached("DELETE FROM labels WHERE tag = ?1 AND value = ?2 AND profile = ?3")?;
    for entry in tagged::entries(bytes.as_deref().unwrap_or_default()) {
        match entry {
            Ok(entry) if tagged::is_label(entry.value) => {
                gone += delete.execute(params![entry.number.cast_signed(), entry.value, profile])?;
            }
            Ok(_) => {}
            Err(_) => whole = false,
        }
    }
    if !whole {
        // Tags that cannot be read do not keep anybody from being erased: every label is looked at.
        gone += connection.execute("DELETE FROM labels WHERE profile = ?1", [profile])?;
    }
    for table in ["states", "profiles"] {
        gone += connection.execute(&format!("DELETE FROM {table} WHERE profile = ?1"), [profile])?;
    }
    Ok(gone)
}

fn insert(connection: &Connection, place: Place<'_>, history: &NewHistory, score: &NewScore) -> Inner<i64> {
    let [churn_risk, value_at_risk, clv] = columns(score);
    let n = history.counts;
    connection
        .prepare_cached(
            "INSERT INTO profiles (customer_id, revision, churn_risk, value_at_risk, clv, not_scored, model, as_of,
                 scored_at, prediction, events, purchases, orders, spend, first_purchase_at, last_purchase_at)
             VALUES (?1, ?16, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        )?
        .execute(params![
            place.customer_id,
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
            place.version,
        ])?;
    Ok(connection.last_insert_rowid())
}

/// Writes what changed of a profile's own row, in one go.
fn update(
    connection: &Connection,
    profile: i64,
    revision: i64,
    history: Option<&NewHistory>,
    score: Option<&NewScore>,
) -> Inner<()> {
    let mut statement = connection.prepare_cached(match (history, score) {
        (Some(_), Some(_)) => UPDATE_BOTH,
        (Some(_), None) => UPDATE_HISTORY,
        (None, Some(_)) => UPDATE_SCORE,
        (None, None) => return Ok(()),
    })?;
    let mut values: Vec<(&str, &dyn ToSql)> = vec![(":profile", &profile), (":revision", &revision)];
    let n = history.map(|history| history.counts).unwrap_or_default();
    let counts = [n.events, n.purchases, n.orders].map(|count| count as i64);
    if history.is_some() {
        values.extend::<[(&str, &dyn ToSql); 6]>([
            (":events", &counts[0]),
            (":purchases", &counts[1]),
            (":orders", &counts[2]),
            (":spend", &n.spend),
            (":first", &n.first_purchase_at),
            (":last", &n.last_purchase_at),
        ]);
    }
    let numbers = score.map(columns).unwrap_or_default();
    let cause = score.and_then(|score| score.not_scored).map(homing_models::NotScored::code);
    let model = score.map(|score| &*score.provenance.model);
    if let Some(score) = score {
        values.extend::<[(&str, &dyn ToSql); 8]>([
            (":churn_risk", &numbers[0]),
            (":value_at_risk", &numbers[1]),
            (":clv", &numbers[2]),
            (":not_scored", &cause),
            (":model", &model),
            (":as_of", &score.provenance.as_of),
            (":scored_at", &score.provenance.scored_at),
            (":prediction", &score.prediction),
        ]);
    }
    statement.execute(&values[..])?;
    Ok(())
}

const UPDATE_HISTORY: &str = "UPDATE profiles SET revision = :revision, events = :events, purchases = :purchases,
     orders = :orders, spend = :spend, first_purchase_at = :first, last_purchase_at = :last WHERE profile = :profile";
const UPDATE_SCORE: &str = "UPDATE profiles SET revision = :revision, churn_risk = :churn_risk,
     value_at_risk = :value_at_risk, clv = :clv, not_scored = :not_scored, model = :model, as_of = :as_of,
     scored_at = :scored_at, prediction = :prediction WHERE profile = :profile";
const UPDATE_BOTH: &str = "UPDATE profiles SET revision = :revision, events = :events, purchases = :purchases,
     orders = :orders, spend = :spend, first_purchase_at = :first, last_purchase_at = :last, churn_risk = :churn_risk,
     value_at_risk = :value_at_risk, clv = :clv, not_scored = :not_scored, model = :model, as_of = :as_of,
     scored_at = :scored_at, prediction = :prediction WHERE profile = :profile";

fn columns(score: &NewScore) -> [Option<f64>; 3] {
    score.numbers.map_or([None; 3], |numbers| numbers.map(Some))
}

/// Names of settings: the latest instant at which something happened, or became known.
pub(super) const HAPPENED: &str = "happened_until";
pub(super) const KNOWN: &str = "known_until";

/// The data clock.
pub(super) fn clock(connection: &Connection) -> Inner<Clock> {
    Ok(Clock { happened: setting(connection, HAPPENED)?, known: setting(connection, KNOWN)? })
}

pub(super) fn setting(connection: &Connection, name: &str) -> Inner<Option<i64>> {
    let mut statement = connection.prepare_cached("SELECT value FROM settings WHERE name = ?1")?;
    Ok(statement.query_row([name], |row| row.get(0)).optional()?)
}
