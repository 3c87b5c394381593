//! The feed: changed tags in the order in which they changed.

use homing_datasets::{Micros, Zone};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Error;
use crate::sql::{Engine, Fault, Row, Statements, Unreadable, json, params};

/// Most changes a call.
pub const MAX_CHANGES: u32 = 10_000;

/// What one write changed of one customer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Its place in the feed; grows, with gaps.
    pub cursor: u64,
    /// Whose tags; of a customer who was erased a keyed hash of the id (see [`Change::erased`]).
    pub customer_id: String,
    /// Whether the customer was erased.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub erased: bool,
    /// Tag name to new value; `null` for a tag that was removed. Empty of a customer who was erased only.
    pub tags: Map<String, Value>,
    /// Why the customer has no scores now, if they have none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub not_scored: Option<String>,
    /// The model behind it.
    pub model: String,
    /// The instant that the tags look from (RFC 3339).
    pub as_of: String,
    /// When they were computed (RFC 3339).
    pub scored_at: String,
    /// When the change was made (RFC 3339).
    pub at: String,
}

/// Why a customer has no scores who was erased: then `customer_id` is a keyed hash.
const ERASED: &str = "erased";

impl Change {
    /// The keyed hash (HMAC-SHA256, in hexadecimal digits) of the id of a customer whom this change says to be erased. Its key is that of
    /// [`Privacy::erased`](crate::Privacy::erased), so a follower finds the customer among those that it knows; nobody else does.
    #[must_use]
    pub fn erased(&self) -> Option<&str> {
        (self.erased).then_some(self.customer_id.as_str())
    }
}

/// A piece of the feed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Changes {
    /// Oldest first.
    pub changes: Vec<Change>,
    /// Follow from here; the same cursor as before when nothing has come.
    pub next: u64,
}

/// What a feed keeps. A change goes when either limit says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Changes from before this instant go.
    pub not_before: Option<Micros>,
    /// Only so many of the newest stay.
    pub newest: Option<u64>,
}

/// How far a feed has been delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedPosition {
    /// The last change that was delivered.
    pub cursor: u64,
    /// When.
    pub at: Micros,
}

/// The failures of a feed since its last delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// Since when nothing is delivered.
    pub failing_since: Option<Micros>,
    /// How often it was tried since.
    pub attempts: u32,
    /// Since when it is not tried any more.
    pub paused_at: Option<Micros>,
    /// Why the last try failed.
    pub reason: String,
}

/// What a feed could not deliver.
#[derive(Clone, Debug, PartialEq)]
pub struct Letter {
    /// The feed.
    pub feed: String,
    /// The change.
    pub change: Change,
    /// Why it could not be delivered.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was given up.
    pub at: Micros,
}

/// A letter as the store keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    /// Its number in the store.
    pub number: u64,
    /// The letter.
    pub letter: Letter,
}

/// The change feed and what its followers keep: positions, leases, dead letters.
pub trait Feed: Send + Sync {
    /// Up to `limit` changes (1 to 10,000; other values are clamped) after a cursor, oldest
    /// first; without a cursor from the oldest change that is held. A change is written in the transaction that
    /// writes the tags, and changes of one customer come in the order in which they were made.
    ///
    /// ```
    /// # use homing_datasets::Zone;
    /// # let folder = tempfile::tempdir()?;
    /// # let place = format!("sqlite:{}", folder.path().join("p.db").display());
    /// # let store = homing_profiles::open(&place, Zone::default())?;
    /// let changes = store.changes(None, 100)?;
    /// assert!(changes.changes.is_empty());
    /// let later = store.changes(Some(changes.next), 100)?; // go on from here
    /// assert_eq!(later.next, changes.next);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::CursorExpired`] for a cursor older than the retention; [`Error`] of the store.
    fn changes(&self, after: Option<u64>, limit: u32) -> Result<Changes, Error>;

    /// The cursor of the newest change: from here, only later changes follow.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn newest_change(&self) -> Result<u64, Error>;

    /// How many changes the feed holds after a cursor, counted up to 100,000.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn changes_after(&self, cursor: u64) -> Result<u64, Error>;

    /// Drops the oldest changes that the retention does not keep, and says how many.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn prune_changes(&self, retention: &Retention) -> Result<u64, Error>;

    /// How far a feed (a webhook, a write-back) has been delivered.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn feed_position(&self, feed: &str) -> Result<Option<FeedPosition>, Error>;

    /// Remembers how far a feed has been delivered.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn set_feed_position(&self, feed: &str, position: FeedPosition) -> Result<(), Error>;

    /// Takes the right to do `work` until an instant, for a holder: one at a time among all servers of the store. `true` where
    /// nobody holds it at `now`, or this holder does; with an `until` of `now` it is given back. Servers compare their own
    /// clocks, so those must agree better than leases are long.
    ///
    /// ```
    /// # use homing_datasets::Zone;
    /// # let folder = tempfile::tempdir()?;
    /// # let place = format!("sqlite:{}", folder.path().join("p.db").display());
    /// # let store = homing_profiles::open(&place, Zone::default())?;
    /// let minute = 60_000_000;
    /// assert!(store.lease("webhook", "server-1", 0, minute)?);
    /// assert!(!store.lease("webhook", "server-2", 1, minute)?); // still held
    /// assert!(store.lease("webhook", "server-2", minute, 2 * minute)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn lease(&self, work: &str, holder: &str, now: Micros, until: Micros) -> Result<bool, Error>;

    /// Keeps what a feed could not deliver.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn dead_letter(&self, letter: &Letter) -> Result<(), Error>;

    /// The newest dead letters, of one feed or of all, newest first.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn dead_letters(&self, feed: Option<&str>, limit: u32) -> Result<Vec<DeadLetter>, Error> {
        self.dead_letters_before(feed, u64::MAX, limit)
    }

    /// The same, those with a number below one: page after page.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn dead_letters_before(
        &self,
        feed: Option<&str>,
        number: u64,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, Error>;

    /// What is known of the failures of a feed; `None` while nothing fails.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn feed_trouble(&self, feed: &str) -> Result<Option<Trouble>, Error>;

    /// Remembers the failures of a feed, or that there are none.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn set_feed_trouble(&self, feed: &str, trouble: Option<&Trouble>) -> Result<(), Error>;

    /// Gives a feed another name: its position, its dead letters and its failures. Does nothing where the new name is in use.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn rename_feed(&self, from: &str, to: &str) -> Result<(), Error>;

    /// Drops dead letters from before an instant, and says how many.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn prune_dead_letters(&self, not_before: Micros) -> Result<u64, Error>;

    /// Drops a dead letter by its number, once it is dealt with; `false` if there is none.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn drop_dead_letter(&self, number: u64) -> Result<bool, Error>;
}

/// Changes that one transaction prunes, so that no writer waits long.
const SLICE: u64 = 20_000;
/// The setting that holds the last cursor that was pruned.
const PRUNED_UNTIL: &str = "pruned_until";

/// The setting that records changes lost by a restore: `feed_gap:N` says that no change exists between its value and `N`.
pub(crate) const FEED_GAP: &str = "feed_gap:";

const CHANGE: &str = "SELECT cursor, customer_id, tags, not_scored, model, as_of, scored_at, at FROM changes";

/// A row of [`CHANGE`].
fn change(mut row: Row, zone: Zone) -> Result<Change, Unreadable> {
    let (cursor, customer_id, tags) = (row.take()?, row.take()?, row.json()?);
    let not_scored: Option<String> = row.take()?;
    Ok(Change {
        cursor,
        customer_id,
        erased: not_scored.as_deref() == Some(ERASED),
        tags,
        not_scored,
        model: row.take()?,
        as_of: zone.format(row.take()?),
        scored_at: zone.format(row.take()?),
        at: zone.format(row.take()?),
    })
}

/// Adds to the feed that the customer with this hash was erased.
pub(super) fn announce_erasure<E>(
    sql: Statements<'_, E>,
    hash: &[u8; 32],
    at: Micros,
) -> Result<(), Fault<E>> {
    sql.announce()?;
    sql.execute(
        "INSERT INTO changes (customer_id, tags, not_scored, model, as_of, scored_at, at)
         VALUES ($1, '{}', $2, '', $3, $3, $3)",
        params![hex(hash), ERASED, at],
    )?;
    Ok(())
}

/// Bytes in hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every change of one customer that is still held.
pub(super) fn changes_of<E>(
    sql: Statements<'_, E>,
    zone: Zone,
    customer_id: &str,
) -> Result<Vec<Change>, Fault<E>> {
    let rows =
        sql.query(&format!("{CHANGE} WHERE customer_id = $1 ORDER BY cursor"), params![customer_id])?;
    Ok(rows.into_iter().map(|row| change(row, zone)).collect::<Result<_, _>>()?)
}

const LETTER: &str = "SELECT letter, feed, change, reason, attempts, at FROM dead_letters";

/// A row of [`LETTER`].
fn letter(mut row: Row) -> Result<DeadLetter, Unreadable> {
    Ok(DeadLetter {
        number: row.take()?,
        letter: Letter {
            feed: row.take()?,
            change: row.json()?,
            reason: row.take()?,
            attempts: row.take()?,
            at: row.take()?,
        },
    })
}

/// Every dead letter about one customer.
pub(super) fn letters_of<E>(sql: Statements<'_, E>, customer_id: &str) -> Result<Vec<DeadLetter>, Fault<E>> {
    let rows =
        sql.query(&format!("{LETTER} WHERE customer_id = $1 ORDER BY letter"), params![customer_id])?;
    Ok(rows.into_iter().map(letter).collect::<Result<_, _>>()?)
}

/// The newest change that the retention does not keep; 0 when it keeps all.
fn last_to_go<E>(sql: Statements<'_, E>, retention: &Retention) -> Result<u64, Fault<E>> {
    let settled = sql.cursors()?.settled;
    let mut until = 0;
    if let Some(not_before) = retention.not_before {
        let first_to_stay = sql.one(
            "SELECT cursor FROM changes WHERE at >= $1 AND cursor <= $2 ORDER BY cursor LIMIT 1",
            params![not_before, settled],
        )?;
        until = match first_to_stay {
            Some(mut row) => row.take::<u64>()?.saturating_sub(1),
            None => settled,
        };
    }
    if let Some(kept) = retention.newest {
        let last = sql.one(
            "SELECT cursor FROM changes WHERE cursor <= $2 ORDER BY cursor DESC LIMIT 1 OFFSET $1",
            params![kept, settled],
        )?;
        if let Some(mut row) = last {
            until = until.max(row.take()?);
        }
    }
    Ok(until)
}

/// Where the feed goes on, for a cursor of changes that a restore of the store lost.
fn lost<E>(sql: Statements<'_, E>, cursor: u64) -> Result<Option<u64>, Fault<E>> {
    let gaps =
        sql.query("SELECT name, value FROM settings WHERE name LIKE $1", params![format!("{FEED_GAP}%")])?;
    for mut gap in gaps {
        let (name, last): (String, u64) = (gap.take()?, gap.take()?);
        let next = name.strip_prefix(FEED_GAP).and_then(|next| next.parse().ok());
        let next = next.ok_or_else(|| Unreadable(format!("the setting `{name}` has no cursor")))?;
        if last < cursor && cursor < next {
            return Ok(Some(next));
        }
    }
    Ok(None)
}

impl<E: Engine> Feed for E {
    fn changes(&self, after: Option<u64>, limit: u32) -> Result<Changes, Error> {
        self.read(|sql| {
            let cursors = sql.cursors()?;
            let oldest = sql.one("SELECT value FROM settings WHERE name = $1", params![PRUNED_UNTIL])?;
            let oldest = oldest.map_or(Ok(0), |mut row| row.take())?;
            let from = after.unwrap_or(oldest);
            if from < oldest {
                return Err(Error::CursorExpired { cursor: from, oldest }.into());
            }
            if from > cursors.given {
                return Err(Error::BadCursor.into());
            }
            if let Some(oldest) = lost(sql, from)? {
                return Err(Error::CursorExpired { cursor: from, oldest }.into());
            }
            let rows = sql.query(
                &format!("{CHANGE} WHERE cursor > $1 AND cursor <= $2 ORDER BY cursor LIMIT $3"),
                params![from, cursors.settled, limit.clamp(1, MAX_CHANGES)],
            )?;
            let changes: Vec<Change> =
                rows.into_iter().map(|row| change(row, self.zone())).collect::<Result<_, _>>()?;
            let next = changes.last().map_or(from, |change| change.cursor);
            Ok(Changes { changes, next })
        })
    }

    fn newest_change(&self) -> Result<u64, Error> {
        self.read(|sql| Ok(sql.cursors()?.settled))
    }

    fn changes_after(&self, cursor: u64) -> Result<u64, Error> {
        self.read(|sql| {
            let count = "SELECT count(*) FROM (SELECT 1 FROM changes WHERE cursor > $1 LIMIT 100000) AS some";
            sql.one(count, params![cursor])?.map_or(Ok(0), |mut row| Ok(row.take()?))
        })
    }

    fn prune_changes(&self, retention: &Retention) -> Result<u64, Error> {
        let until = self.read(|sql| last_to_go(sql, retention))?;
        let mut pruned = 0;
        loop {
            let gone = self.write(|sql| {
                let gone = sql.execute(
                    "DELETE FROM changes WHERE cursor IN
                         (SELECT cursor FROM changes WHERE cursor <= $1 ORDER BY cursor LIMIT $2)",
                    params![until, SLICE],
                )?;
                // From the first slice on a follower of any of these cursors must learn that it is too late.
                if gone > 0 {
                    sql.execute(
                        "INSERT INTO settings AS s (name, value) VALUES ($1, $2)
                         ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE s.value < excluded.value",
                        params![PRUNED_UNTIL, until],
                    )?;
                }
                Ok(gone)
            })?;
            pruned += gone;
            if gone < SLICE {
                return Ok(pruned);
            }
        }
    }

    fn feed_position(&self, feed: &str) -> Result<Option<FeedPosition>, Error> {
        self.read(|sql| {
            let row = sql.one("SELECT cursor, at FROM feeds WHERE feed = $1", params![feed])?;
            let position = |mut row: Row| Ok(FeedPosition { cursor: row.take()?, at: row.take()? });
            row.map(position).transpose()
        })
    }

    fn set_feed_position(&self, feed: &str, position: FeedPosition) -> Result<(), Error> {
        self.write(|sql| {
            sql.execute(
                "INSERT INTO feeds (feed, cursor, at) VALUES ($1, $2, $3)
                 ON CONFLICT (feed) DO UPDATE SET cursor = excluded.cursor, at = excluded.at",
                params![feed, position.cursor, position.at],
            )?;
            Ok(())
        })
    }

    fn lease(&self, work: &str, holder: &str, now: Micros, until: Micros) -> Result<bool, Error> {
        self.write(|sql| {
            let taken = sql.execute(
                "INSERT INTO leases AS l (work, holder, until) VALUES ($1, $2, $4)
                 ON CONFLICT (work) DO UPDATE SET holder = excluded.holder, until = excluded.until
                 WHERE l.holder = excluded.holder OR l.until <= $3",
                params![work, holder, now, until],
            )?;
            Ok(taken > 0)
        })
    }

    fn dead_letter(&self, letter: &Letter) -> Result<(), Error> {
        let Letter { feed, reason, attempts, at, .. } = letter;
        self.write(|sql| {
            sql.execute(
                "INSERT INTO dead_letters (feed, customer_id, change, reason, attempts, at)
                 VALUES ($1, $2, $3, $4, $5, $6)",
                params![feed, &letter.change.customer_id, json(&letter.change)?, reason, *attempts, *at],
            )?;
            Ok(())
        })
    }

    fn dead_letters_before(
        &self,
        feed: Option<&str>,
        number: u64,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, Error> {
        self.read(|sql| {
            let rows = sql.query(
                &format!(
                    "{LETTER} WHERE (CAST($1 AS text) IS NULL OR feed = $1) AND letter < $3
                     ORDER BY letter DESC LIMIT $2"
                ),
                params![feed, limit, number],
            )?;
            Ok(rows.into_iter().map(letter).collect::<Result<_, _>>()?)
        })
    }

    fn feed_trouble(&self, feed: &str) -> Result<Option<Trouble>, Error> {
        let trouble = |mut row: Row| {
            Ok(Trouble {
                failing_since: row.take()?,
                attempts: row.take()?,
                paused_at: row.take()?,
                reason: row.take()?,
            })
        };
        self.read(|sql| {
            let find = "SELECT failing_since, attempts, paused_at, reason FROM webhooks WHERE feed = $1";
            sql.one(find, params![feed])?.map(trouble).transpose()
        })
    }

    fn set_feed_trouble(&self, feed: &str, trouble: Option<&Trouble>) -> Result<(), Error> {
        self.write(|sql| {
            let Some(Trouble { failing_since, attempts, paused_at, reason }) = trouble else {
                sql.execute("DELETE FROM webhooks WHERE feed = $1", params![feed])?;
                return Ok(());
            };
            sql.execute(
                "INSERT INTO webhooks (feed, failing_since, attempts, paused_at, reason) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (feed) DO UPDATE SET failing_since = excluded.failing_since,
                     attempts = excluded.attempts, paused_at = excluded.paused_at, reason = excluded.reason",
                params![feed, *failing_since, *attempts, *paused_at, reason],
            )?;
            Ok(())
        })
    }

    fn rename_feed(&self, from: &str, to: &str) -> Result<(), Error> {
        self.write(|sql| {
            if sql.one("SELECT 1 FROM feeds WHERE feed = $1", params![to])?.is_some() {
                return Ok(());
            }
            for table in ["feeds", "dead_letters", "webhooks"] {
                sql.execute(&format!("UPDATE {table} SET feed = $2 WHERE feed = $1"), params![from, to])?;
            }
            sql.execute("DELETE FROM leases WHERE work = $1", params![from])?;
            Ok(())
        })
    }

    fn prune_dead_letters(&self, not_before: Micros) -> Result<u64, Error> {
        self.write(|sql| sql.execute("DELETE FROM dead_letters WHERE at < $1", params![not_before]))
    }

    fn drop_dead_letter(&self, number: u64) -> Result<bool, Error> {
        self.write(|sql| Ok(sql.execute("DELETE FROM dead_letters WHERE letter = $1", params![number])? > 0))
    }
}
