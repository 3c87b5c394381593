//! All that a store holds, as records: what a backup keeps, and how a store moves to another database.
//!
//! A store is read as of one instant. It is filled in transactions of their own, and until [`Transfer::end_import`] nobody else can open it:
//! an import that was interrupted cannot be taken for a whole store.

mod tables;

use homing_datasets::Micros;
use homing_models::{NotScored, Provenance};

use self::tables::{Table, tables};
use crate::feed::FEED_GAP;
use crate::fingerprint::history_fingerprint;
use crate::record::{Customer, Record};
use crate::sql::{Engine, Fault, Statements, Unreadable, Value, params};
use crate::state::Verdict;
use crate::state::{Change, ChangeSet, Clock, EventId, Held, NewHistory, NewScore, Plan, REMOVALS, State};
use crate::{Access as _, Error, schema};

/// Copying a store out and in.
pub trait Transfer: Send + Sync {
    /// Hands out everything that the store holds as of one instant: the settings, then customers and the data clock, then all other tables. Sign-ins
    /// and leases are left out, and so is the store's own identity. Writers do not wait for it.
    ///
    /// ```
    /// # use homing_datasets::Zone;
    /// # let folder = tempfile::tempdir()?;
    /// # let place = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
    /// # let store = homing_profiles::open(&place("p.db"), Zone::default())?;
    /// let mut records = Vec::new();
    /// store.dump(&mut |record| Ok(records.push(record)))?;
    /// let other = homing_profiles::open_to_import(&place("other.db"), Zone::default())?;
    /// other.begin_import()?;
    /// other.import(records)?;
    /// other.settle_import(0)?;
    /// other.end_import()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error`] of the store or of `each`; [`Error::Damaged`] for a customer whose row does not read.
    fn dump(&self, each: &mut dyn FnMut(Record) -> Result<(), Error>) -> Result<(), Error>;

    /// Prepares an empty store for [`Transfer::import`]. What an interrupted import left is removed.
    ///
    /// # Errors
    /// [`Error::NotEmpty`] for a store that holds something, [`Error`] of the store.
    fn begin_import(&self) -> Result<(), Error>;

    /// Writes records in the order in which [`Transfer::dump`] gave them, in as many calls as are wanted.
    ///
    /// # Errors
    /// [`Error::BadRecord`] for what no store gave, [`Error`] of the store.
    fn import(&self, records: Vec<Record>) -> Result<(), Error>;

    /// Lets numbers go on after those that were imported. `at` is the time now: cursors of the feed go on from a number that grows with time, so that
    /// a follower which read changes that are lost learns of it ([`Error::CursorExpired`]).
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn settle_import(&self, at: Micros) -> Result<(), Error>;

    /// Makes the store ready for use. Open it again afterwards.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn end_import(&self) -> Result<(), Error>;

    /// Whether an import was begun and not ended.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn is_importing(&self) -> Result<bool, Error>;

    /// What tells this store from all others, also from one that was restored from its backup, in hexadecimal digits.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn identity(&self) -> Result<String, Error>;
}

/// Tables that are not copied: they are of those who work with the store now.
const OF_THE_MOMENT: [&str; 2] = ["leases", "sessions"];
/// The secret that is a store's identity.
const IDENTITY: &str = "store";
/// The setting that is there while an import is not finished.
const IMPORTING: &str = "importing";
/// Settings in which SQLite keeps the data clock.
const CLOCKS: [&str; 2] = ["happened_until", "known_until"];

/// Rows and customers that one statement reads.
const PAGE: u32 = 500;

fn copied() -> impl Iterator<Item = Table> {
    tables(&schema::declarations()).into_iter().filter(|table| !OF_THE_MOMENT.contains(&table.name.as_str()))
}

/// Whether a row stays where it is.
fn is_own(table: &str, row: &[Value<'_>]) -> bool {
    let Some(Value::Text(name)) = row.first() else { return false };
    match table {
        "settings" => CLOCKS.contains(&name.as_ref()) || name == IMPORTING,
        "secrets" => name == IDENTITY,
        _ => false,
    }
}

fn dump_table<E>(
    sql: Statements<'_, E>,
    table: &Table,
    each: &mut dyn FnMut(Record) -> Result<(), Error>,
) -> Result<(), Fault<E>> {
    let mut after: Vec<Value<'static>> = Vec::new();
    loop {
        let rows = sql.query(&table.page(!after.is_empty(), PAGE), &after)?;
        let read = rows.len();
        for row in rows {
            let row = row.values();
            if !is_own(&table.name, &row) {
                each(Record::Row { table: table.name.clone(), values: table.json(&row)? })?;
            }
            after = table.key.iter().filter_map(|&at| row.get(at).cloned()).collect();
        }
        if read < PAGE as usize {
            return Ok(());
        }
    }
}

fn dump<E>(
    sql: Statements<'_, E>,
    each: &mut dyn FnMut(Record) -> Result<(), Error>,
) -> Result<(), Fault<E>> {
    let (settings, others): (Vec<Table>, Vec<Table>) = copied().partition(|table| table.name == "settings");
    for table in &settings {
        dump_table(sql, table, each)?;
    }
    let mut after: Option<String> = None;
    loop {
        let page = sql.customers(after.as_deref(), PAGE)?;
        let read = page.len();
        for customer in page {
            after = Some(customer.id.clone());
            each(Record::Customer(Box::new(customer)))?;
        }
        if read < PAGE as usize {
            break;
        }
    }
    each(Record::of_clock(sql.clock()?))?;
    for table in &others {
        dump_table(sql, table, each)?;
    }
    Ok(())
}

/// Whether a store holds anything that an import could destroy.
fn is_empty<E>(sql: Statements<'_, E>) -> Result<bool, Fault<E>> {
    // A store has secrets from its first moment on, and settings may come with the first look at it.
    let own = ["secrets", "settings", "documents"];
    for table in copied().filter(|table| !own.contains(&table.name.as_str())) {
        if sql.one(&format!("SELECT 1 FROM {} LIMIT 1", table.name), &[])?.is_some() {
            return Ok(false);
        }
    }
    Ok(sql.customers(None, 1)?.is_empty())
}

fn is_importing<E>(sql: Statements<'_, E>) -> Result<bool, Fault<E>> {
    Ok(sql.one("SELECT 1 FROM settings WHERE name = $1", params![IMPORTING])?.is_some())
}

/// A record as the change set that makes it, in a store that has nothing of the customer.
fn change_set(customer: Customer, fingerprints: bool) -> Result<ChangeSet, Error> {
    let bad = |what: &str| Error::BadRecord(format!("customer `{}`: {what}", customer.id));
    let not_scored = customer.not_scored.as_deref().map(|code| {
        NotScored::of_code(code).ok_or_else(|| bad("the reason for having no scores is unknown"))
    });
    let numbers = match customer.numbers {
        [Some(churn_risk), Some(at_risk), Some(clv)] => Some([churn_risk, at_risk, clv]),
        [None, None, None] => None,
        _ => return Err(bad("some of the scores are missing")),
    };
    let plan = Plan {
        history: Some(NewHistory {
            counts: customer.counts,
            fingerprint: fingerprints.then(|| history_fingerprint(&customer.history)),
            bytes: customer.history,
        }),
        score: Some(NewScore {
            numbers,
            not_scored: not_scored.transpose()?,
            prediction: customer.prediction,
            provenance: Provenance {
                model: customer.origin.model.into(),
                as_of: customer.origin.as_of,
                scored_at: customer.origin.scored_at,
                zone: homing_datasets::Zone::default(),
            },
            // A store without them: as if of other scores, so the next batch looks at the row itself.
            fingerprints: fingerprints.then(|| customer.prints.unwrap_or_default()),
        }),
        set: customer.tags,
        ..Plan::default()
    };
    let event = |(event_id, fingerprint)| EventId { event_id, fingerprint, change: 0 };
    let state = State {
        customer_id: customer.id,
        version: None,
        erased: false,
        opted_out: false,
        held: Held::Nothing,
    };
    Ok(ChangeSet {
        changes: vec![Change { state, plan }],
        event_ids: customer.event_ids.into_iter().map(event).collect(),
        ..ChangeSet::default()
    })
}

fn import_rows<E: Engine>(store: &E, table: &Table, rows: &[Vec<Value<'static>>]) -> Result<(), Error> {
    store.write(|sql| {
        if table.name == "secrets" {
            for row in rows {
                sql.execute("DELETE FROM secrets WHERE purpose = $1", row.get(..1).unwrap_or_default())?;
            }
        }
        sql.insert(&table.insert(sql.overriding()), rows)
    })
}

fn commit<E: Engine>(store: &E, sets: Vec<ChangeSet>) -> Result<(), Error> {
    if sets.is_empty() {
        return Ok(());
    }
    let verdicts = store.commit(sets.into())?;
    match verdicts.iter().all(|verdict| *verdict == Verdict::Committed) {
        true => Ok(()),
        false => {
            let detail = "a customer or an event id came twice, or somebody else writes to the store";
            Err(Error::BadRecord(detail.to_owned()))
        }
    }
}

/// Removes everything but the store's own secrets.
fn clear<E>(sql: Statements<'_, E>) -> Result<(), Fault<E>> {
    for table in tables(&schema::declarations()).iter().filter(|table| table.name != "secrets") {
        sql.execute(&format!("DELETE FROM {}", table.name), &[])?;
    }
    sql.clear_profiles()
}

impl<E: Engine> Transfer for E {
    fn dump(&self, each: &mut dyn FnMut(Record) -> Result<(), Error>) -> Result<(), Error> {
        let mut begun = false;
        self.snapshot(|sql| {
            // After a lost connection the work would be done again, and its beginning handed out twice.
            if std::mem::replace(&mut begun, true) {
                let detail =
                    "the connection was lost while the store was read; run the command again".to_owned();
                return Err(Error::Unreachable { store: self.place().to_owned(), detail }.into());
            }
            dump(sql, each)
        })
    }

    fn begin_import(&self) -> Result<(), Error> {
        self.write(|sql| {
            if !is_importing(sql)? && !is_empty(sql)? {
                return Err(Error::NotEmpty(self.place().to_owned()).into());
            }
            clear(sql)?;
            sql.execute(
                "INSERT INTO settings (name, value) VALUES ($1, 1), ($2, 1)",
                params![IMPORTING, REMOVALS],
            )?;
            Ok(())
        })
    }

    fn import(&self, records: Vec<Record>) -> Result<(), Error> {
        let known: Vec<Table> = copied().collect();
        let mut customers = Vec::new();
        let mut rows: Vec<(usize, Vec<Vec<Value<'static>>>)> = Vec::new();
        for record in records {
            match record {
                Record::Customer(customer) => {
                    customers.push(change_set(*customer, self.common().fingerprints)?);
                }
                Record::Clock { happened, known } => {
                    customers.push(ChangeSet { clock: Clock { happened, known }, ..ChangeSet::default() });
                }
                Record::Row { table, values } => {
                    let at = known.iter().position(|known| known.name == table);
                    let at = at.ok_or_else(|| Error::BadRecord(format!("the table `{table}` is unknown")))?;
                    let row = known.get(at).and_then(|known| known.row(values));
                    let row =
                        row.ok_or_else(|| Error::BadRecord(format!("a row is not one of `{table}`")))?;
                    match rows.last_mut().filter(|(last, _)| *last == at) {
                        Some((_, rows)) => rows.push(row),
                        None => rows.push((at, vec![row])),
                    }
                }
            }
        }
        // Customers first: an opt-out or an erasure that is already stored would make their commit fail.
        let (settings, others): (Vec<_>, Vec<_>) = rows
            .into_iter()
            .filter_map(|(at, rows)| Some((known.get(at)?, rows)))
            .partition(|(table, _)| table.name == "settings");
        for (_, rows) in settings {
            self.write(|sql| import_settings(sql, &rows))?;
        }
        commit(self, customers)?;
        others.iter().try_for_each(|(table, rows)| import_rows(self, table, rows))
    }

    fn settle_import(&self, at: Micros) -> Result<(), Error> {
        self.write(|sql| {
            let last = sql.one("SELECT max(cursor) FROM changes", &[])?;
            let last: Option<i64> = last.map(|mut row| row.take()).transpose()?.flatten();
            let last = last.unwrap_or_default();
            let next = first_cursor(at).max(((last >> 16) + 1) << 16);
            sql.continue_after(next)?;
            sql.execute(
                "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
                params![format!("{FEED_GAP}{next}"), last],
            )?;
            Ok(())
        })
    }

    fn end_import(&self) -> Result<(), Error> {
        self.write(|sql| {
            sql.execute("DELETE FROM settings WHERE name = $1", params![IMPORTING])?;
            Ok(())
        })
    }

    fn is_importing(&self) -> Result<bool, Error> {
        self.read(is_importing)
    }

    fn identity(&self) -> Result<String, Error> {
        Ok(crate::feed::hex(&self.secret(IDENTITY)?))
    }
}

/// Settings replace what is there. The number of removed profiles is raised: versions of profiles go on above those of the store that was copied.
fn import_settings<E>(sql: Statements<'_, E>, rows: &[Vec<Value<'static>>]) -> Result<(), Fault<E>> {
    for row in rows {
        let [Value::Text(name), Value::Integer(value)] = row.as_slice() else {
            return Err(Unreadable("a setting is not a name with a number".to_owned()).into());
        };
        let value = if name == REMOVALS { value + 1 } else { *value };
        sql.execute(
            "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            params![name.as_ref(), value],
        )?;
    }
    Ok(())
}

/// The cursor after which a feed goes on at an instant: minutes since 2020, and room for 65,536 changes in each of them. A feed that
/// went on from an earlier instant has not come so far, and numbers stay below 2^40 until 2051.
fn first_cursor(at: Micros) -> i64 {
    const MINUTE: i64 = 60_000_000;
    const YEAR_2020: i64 = 26_297_280;
    ((at / MINUTE - YEAR_2020).max(0) << 16).min((1 << 40) - (1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_after_a_restore_are_above_all_earlier_ones() {
        let year_2026 = 20_454 * homing_datasets::DAY;
        assert!(first_cursor(year_2026) > 1 << 37 && first_cursor(year_2026) < 1 << 40);
        assert!(first_cursor(year_2026 + 60_000_000) >= first_cursor(year_2026) + 65_536);
        assert_eq!(first_cursor(0), 0);
    }
}
