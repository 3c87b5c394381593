//! What is counted over all customers: the scan that feeds the count, and the daily aggregates that it gives.
//!
//! A store only scans and keeps. What is counted is up to the service.

use std::sync::Arc;

use homing_datasets::{History, Micros};

use crate::Error;
use crate::shadow::{Pair, Summary, Tally};
use crate::sql::{Engine, Row, params};

/// Most customers of one page of a scan.
pub const MAX_SCAN_PAGE: u32 = 10_000;

/// One page of a scan over all customers.
#[derive(Debug, Default)]
pub struct ScanPage {
    /// The customers, in an order of the store's own.
    pub customers: Vec<Scanned>,
    /// Where the next page begins; `None` after the last one.
    pub next: Option<String>,
}

/// A customer as needed for counting over all customers.
#[derive(Debug)]
pub struct Scanned {
    /// The customer.
    pub customer_id: String,
    /// Churn risk, value at risk and lifetime value, where there are scores.
    pub numbers: [Option<f64>; 3],
    /// Tag name and value (JSON text).
    pub tags: Vec<(Arc<str>, String)>,
    /// Everything that is known to have happened.
    pub history: History,
}

/// Daily aggregates as the store keeps them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DailyAggregates {
    /// The day they describe, days since 1970-01-01.
    pub day: i32,
    /// What was counted, in whatever form the writer chose.
    pub document: String,
}

/// Most turns that are counted.
pub const MAX_TURNS: u32 = 10_000;

/// So many of the latest turns are looked at one by one.
pub const RECENT_TURNS: u32 = if cfg!(test) { 2 } else { 3_000 };

/// Most customers with the most at stake that are looked at.
const MAX_AMONG: u32 = 10_000;

/// Who turned to high risk lately.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TurnedHigh {
    /// How often it happened; counted up to [`MAX_TURNS`].
    pub turns: u64,
    /// Whether anything was scored before the instant; else nobody can have turned since, whatever the count says.
    pub earlier: bool,
    /// To whom: of those who were looked at, the ones with the most at stake.
    pub customers: Vec<String>,
}

/// What is kept of all customers together: daily aggregates, and how a challenger compares with the champion.
pub trait Aggregates: Send + Sync {
    /// Adds how a challenger's scores lay beside the champion's.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn record_shadow(
        &self,
        champion: &str,
        challenger: &str,
        pairs: &[Pair],
        at: Micros,
    ) -> Result<(), Error>;

    /// What was recorded of each challenger, by champion and challenger.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn shadow_summary(&self) -> Result<Vec<Summary>, Error>;

    /// The latest instant from which a customer is scored.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn latest_score(&self) -> Result<Option<Micros>, Error>;

    /// Sets the data clock back, and every score with it, where they are beyond `latest`: they are set to `to`, and the
    /// next batch replaces them. Returns how many scores that were.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn set_clock_back(&self, latest: Micros, to: Micros) -> Result<u64, Error>;

    /// Keeps what was counted over all customers, one document a day: it takes the place of the one before of the
    /// same day. Only the `newest` days stay.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn keep_aggregates(&self, aggregates: &DailyAggregates, newest: u32) -> Result<(), Error>;

    /// The newest document of a day no later than `until` (`None`: of all).
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn aggregates(&self, until: Option<i32>) -> Result<Option<DailyAggregates>, Error>;

    /// Who turned to high risk (the tag `churn.level` became `high`) by a score as of `since` or later: how often that
    /// happened, and to whom, the most at stake first, at most `limit`. Looked at are the latest [`RECENT_TURNS`] turns and,
    /// where there are more, the `among` customers (at most 10,000) with the highest value at risk.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn turned_high(&self, since: Micros, among: u32, limit: u32) -> Result<TurnedHigh, Error>;
}

/// The instant that the oldest change held looks from.
pub(super) const OLDEST: &str = "SELECT as_of FROM changes ORDER BY cursor LIMIT 1";

/// How often customers turned to high risk, counted up to a limit.
pub(super) const TURNS: &str =
    "SELECT count(*) FROM (SELECT 1 FROM changes WHERE to_high AND as_of >= $1 LIMIT $2) turns";

/// Who turned, the most at stake first: the latest turns, and those of the customers with the most at stake who turned.
pub(super) const TURNED: &str = "SELECT p.customer_id FROM profiles p WHERE p.customer_id IN (
         SELECT customer_id FROM (SELECT customer_id FROM changes WHERE to_high AND as_of >= $1
             ORDER BY as_of DESC LIMIT $4) recent
         UNION ALL
         SELECT most.customer_id FROM (SELECT customer_id FROM profiles
             WHERE value_at_risk IS NOT NULL ORDER BY value_at_risk DESC, customer_id LIMIT $2) most
         WHERE EXISTS (SELECT 1 FROM changes c
             WHERE c.to_high AND c.customer_id = most.customer_id AND c.as_of >= $1))
     AND p.value_at_risk IS NOT NULL
     ORDER BY p.value_at_risk DESC, p.customer_id LIMIT $3";

/// The newest document of a day no later than one.
pub(super) const NEWEST: &str =
    "SELECT day, document FROM daily_aggregates WHERE day <= $1 ORDER BY day DESC LIMIT 1";

impl<E: Engine> Aggregates for E {
    fn latest_score(&self) -> Result<Option<Micros>, Error> {
        self.read(|sql| match sql.one("SELECT max(as_of) FROM profiles", &[])? {
            Some(mut row) => Ok(row.take()?),
            None => Ok(None),
        })
    }

    fn set_clock_back(&self, latest: Micros, to: Micros) -> Result<u64, Error> {
        self.write(|sql| {
            sql.alone()?;
            sql.set_clock_back(latest, to)?;
            sql.execute("UPDATE profiles SET as_of = $2 WHERE as_of > $1", params![latest, to])
        })
    }

    fn record_shadow(
        &self,
        champion: &str,
        challenger: &str,
        pairs: &[Pair],
        at: Micros,
    ) -> Result<(), Error> {
        let Tally { compared, tags_differ, difference, distance, max_distance, clv } = Tally::of(pairs);
        self.write(|sql| {
            sql.execute(
                "INSERT INTO shadows AS s (champion, challenger, compared, tags_differ, difference, distance,
                     max_distance, clv_champion, clv_challenger, first_at, last_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
                 ON CONFLICT (champion, challenger) DO UPDATE SET
                     compared = s.compared + excluded.compared, tags_differ = s.tags_differ + excluded.tags_differ,
                     difference = s.difference + excluded.difference, distance = s.distance + excluded.distance,
                     max_distance = CASE WHEN s.max_distance < excluded.max_distance
                         THEN excluded.max_distance ELSE s.max_distance END,
                     clv_champion = s.clv_champion + excluded.clv_champion,
                     clv_challenger = s.clv_challenger + excluded.clv_challenger,
                     first_at = CASE WHEN s.first_at > excluded.first_at THEN excluded.first_at ELSE s.first_at END,
                     last_at = CASE WHEN s.last_at < excluded.last_at THEN excluded.last_at ELSE s.last_at END",
                params![
                    champion, challenger, compared, tags_differ, difference, distance, max_distance, clv[0],
                    clv[1], at
                ],
            )?;
            Ok(())
        })
    }

    fn shadow_summary(&self) -> Result<Vec<Summary>, Error> {
        self.read(|sql| {
            let rows = sql.query(
                "SELECT champion, challenger, compared, tags_differ, difference, distance, max_distance,
                     clv_champion, clv_challenger, first_at, last_at FROM shadows ORDER BY champion, challenger",
                &[],
            )?;
            let summary = |mut row: Row| {
                let models = [row.take()?, row.take()?];
                let tally = Tally {
                    compared: row.take()?,
                    tags_differ: row.take()?,
                    difference: row.take()?,
                    distance: row.take()?,
                    max_distance: row.take()?,
                    clv: [row.take()?, row.take()?],
                };
                Ok(tally.summary(models, row.take()?, row.take()?))
            };
            rows.into_iter().map(summary).collect()
        })
    }

    fn keep_aggregates(&self, aggregates: &DailyAggregates, newest: u32) -> Result<(), Error> {
        self.write(|sql| {
            sql.execute(
                "INSERT INTO daily_aggregates (day, document) VALUES ($1, $2)
                 ON CONFLICT (day) DO UPDATE SET document = excluded.document",
                params![aggregates.day, &aggregates.document],
            )?;
            sql.execute(
                "DELETE FROM daily_aggregates WHERE day NOT IN
                     (SELECT day FROM daily_aggregates ORDER BY day DESC LIMIT $1)",
                params![newest.max(1)],
            )?;
            Ok(())
        })
    }

    fn aggregates(&self, until: Option<i32>) -> Result<Option<DailyAggregates>, Error> {
        self.read(|sql| {
            let row = sql.one(NEWEST, params![until.unwrap_or(i32::MAX)])?;
            let kept = |mut row: Row| Ok(DailyAggregates { day: row.take()?, document: row.take()? });
            row.map(kept).transpose()
        })
    }

    fn turned_high(&self, since: Micros, among: u32, limit: u32) -> Result<TurnedHigh, Error> {
        self.read(|sql| {
            let turns =
                sql.one(TURNS, params![since, MAX_TURNS])?.map_or(Ok(0), |mut row| row.take::<u64>())?;
            if turns == 0 {
                return Ok(TurnedHigh::default());
            }
            let oldest: Option<Micros> = sql.one(OLDEST, &[])?.map(|mut row| row.take()).transpose()?;
            let earlier = oldest.is_some_and(|oldest| oldest < since);
            // Those with the most at stake are asked one by one only where not all who turned are looked at.
            let among = if turns > u64::from(RECENT_TURNS) { among.min(MAX_AMONG) } else { 0 };
            let rows = sql.query(TURNED, params![since, among, limit, RECENT_TURNS])?;
            let customers = rows.into_iter().map(|mut row| row.take()).collect::<Result<_, _>>()?;
            Ok(TurnedHigh { turns, earlier, customers })
        })
    }
}
