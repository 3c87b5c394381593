//! Scores that are kept to be judged when their time has come, and what is known of a campaign as a whole.

use homing_datasets::{Micros, Zone};
use serde::Serialize;

use crate::Error;
use crate::sql::{Engine, Fault, Row, Statements, Unreadable, Value, params};

/// The purpose of scores that are kept to be judged when a horizon is over.
pub const MONITORING: &str = "";

/// The document with the last report of `homing monitor`.
pub const ACCURACY: &str = "accuracy";

/// The document with the alarms of that report and the figures of each last window, for metrics and webhooks.
pub const ALARMS: &str = "accuracy_alarms";

/// The scores of a customer at an instant.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptScore {
    /// The customer.
    pub customer_id: String,
    /// [`MONITORING`], or the name of the campaign for which they are kept.
    pub purpose: String,
    /// The instant that they look from.
    pub as_of: Micros,
    /// The model behind them.
    pub model: String,
    /// The scores as a JSON object.
    pub scores: String,
}

/// A kept score with its instant written out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExportedScore {
    /// What it is kept for: empty for monitoring, else the campaign.
    pub purpose: String,
    /// The instant that it looks from (RFC 3339).
    pub as_of: String,
    /// The model.
    pub model: String,
    /// The scores.
    pub scores: serde_json::Value,
}

impl ExportedScore {
    pub(super) fn of(score: KeptScore, zone: Zone) -> Self {
        let KeptScore { purpose, as_of, model, scores, .. } = score;
        let scores = serde_json::from_str(&scores).unwrap_or(serde_json::Value::String(scores));
        ExportedScore { purpose, as_of: zone.format(as_of), model, scores }
    }
}

/// What is known of a campaign as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct CampaignRecord {
    /// Its name.
    pub campaign: String,
    /// When its first list was made.
    pub first_at: Micros,
    /// When its last list was made.
    pub last_at: Micros,
    /// Customers to contact.
    pub contacts: u64,
    /// Customers held out.
    pub held_out: u64,
    /// The share to hold out; not known of campaigns from before this was kept.
    pub share: Option<f64>,
    /// The last evaluation as JSON.
    pub evaluation: Option<String>,
}

/// Kept scores and campaign records.
pub trait Kept: Send + Sync {
    /// Keeps scores; those that are kept already, and those of erased customers, are left out. Says how many are new.
    ///
    /// # Errors
    /// [`Error`] of the store; then nothing was kept.
    fn keep_scores(&self, scores: &[KeptScore]) -> Result<u64, Error>;

    /// The scores of a purpose from `from` to `to` (both included), by instant and customer.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn kept_scores(&self, purpose: &str, from: Micros, to: Micros) -> Result<Vec<KeptScore>, Error>;

    /// The instants at which scores of a purpose were kept, ascending.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn kept_instants(&self, purpose: &str) -> Result<Vec<Micros>, Error>;

    /// Drops scores of a purpose from before an instant, and says how many.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn prune_kept(&self, purpose: &str, not_before: Micros) -> Result<u64, Error>;

    /// Records the share of a campaign that is to be held out; the first one stays.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn record_campaign(&self, campaign: &str, share: f64) -> Result<(), Error>;

    /// Stores the evaluation of a campaign.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn store_evaluation(&self, campaign: &str, evaluation: &str) -> Result<(), Error>;

    /// Stores a document under a name, in place of the one before.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn store_document(&self, name: &str, at: Micros, document: &str) -> Result<(), Error>;

    /// The document of a name, and when it was stored.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn document(&self, name: &str) -> Result<Option<(Micros, String)>, Error>;

    /// All campaigns, the latest first.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn campaigns(&self) -> Result<Vec<CampaignRecord>, Error>;
}

/// A row of `kept_scores`.
fn kept(mut row: Row) -> Result<KeptScore, Unreadable> {
    Ok(KeptScore {
        customer_id: row.take()?,
        purpose: row.take()?,
        as_of: row.take()?,
        model: row.take()?,
        scores: row.take()?,
    })
}

/// The kept scores of a customer, oldest first.
pub(super) fn kept_of<E>(sql: Statements<'_, E>, customer_id: &str) -> Result<Vec<KeptScore>, Fault<E>> {
    let rows = sql.query(
        "SELECT customer_id, purpose, as_of, model, scores FROM kept_scores
         WHERE customer_id = $1 ORDER BY as_of, purpose",
        params![customer_id],
    )?;
    Ok(rows.into_iter().map(kept).collect::<Result<_, _>>()?)
}

fn campaign(mut row: Row) -> Result<CampaignRecord, Unreadable> {
    Ok(CampaignRecord {
        campaign: row.take()?,
        first_at: row.take()?,
        last_at: row.take()?,
        contacts: row.take()?,
        held_out: row.take()?,
        share: row.take()?,
        evaluation: row.take()?,
    })
}

/// Whether a score is new and may be kept.
fn is_wanted<E>(sql: Statements<'_, E>, hash: &[u8; 32], score: &KeptScore) -> Result<bool, Fault<E>> {
    let row = sql.one(
        "SELECT EXISTS (SELECT 1 FROM erased WHERE hash = $1)
             OR EXISTS (SELECT 1 FROM kept_scores WHERE customer_id = $2 AND purpose = $3 AND as_of = $4)",
        params![hash, &score.customer_id, &score.purpose, score.as_of],
    )?;
    let mut row = row.ok_or_else(|| Unreadable("a SELECT without FROM gives no row".to_owned()))?;
    Ok(!row.take::<bool>()?)
}

impl<E: Engine> Kept for E {
    fn keep_scores(&self, scores: &[KeptScore]) -> Result<u64, Error> {
        if scores.is_empty() {
            return Ok(0);
        }
        self.write(|sql| {
            // Nobody is erased in between.
            sql.alone()?;
            let mut rows: Vec<Vec<Value<'_>>> = Vec::with_capacity(scores.len());
            for score in scores {
                if is_wanted(sql, &self.hash(&score.customer_id), score)? {
                    let KeptScore { customer_id, purpose, as_of, model, scores } = score;
                    rows.push(params![customer_id, purpose, *as_of, model, scores].to_vec());
                }
            }
            sql.insert("INSERT INTO kept_scores (customer_id, purpose, as_of, model, scores)", &rows)?;
            Ok(rows.len() as u64)
        })
    }

    fn kept_scores(&self, purpose: &str, from: Micros, to: Micros) -> Result<Vec<KeptScore>, Error> {
        self.read(|sql| {
            let rows = sql.query(
                "SELECT customer_id, purpose, as_of, model, scores FROM kept_scores
                 WHERE purpose = $1 AND as_of >= $2 AND as_of <= $3 ORDER BY as_of, customer_id",
                params![purpose, from, to],
            )?;
            Ok(rows.into_iter().map(kept).collect::<Result<_, _>>()?)
        })
    }

    fn kept_instants(&self, purpose: &str) -> Result<Vec<Micros>, Error> {
        self.read(|sql| {
            let rows = sql.query(
                "SELECT DISTINCT as_of FROM kept_scores WHERE purpose = $1 ORDER BY as_of",
                params![purpose],
            )?;
            Ok(rows.into_iter().map(|mut row| row.take()).collect::<Result<_, _>>()?)
        })
    }

    fn prune_kept(&self, purpose: &str, not_before: Micros) -> Result<u64, Error> {
        self.write(|sql| {
            let delete = "DELETE FROM kept_scores WHERE purpose = $1 AND as_of < $2";
            sql.execute(delete, params![purpose, not_before])
        })
    }

    fn record_campaign(&self, campaign: &str, share: f64) -> Result<(), Error> {
        self.write(|sql| {
            sql.execute(
                "INSERT INTO campaigns (campaign, share) VALUES ($1, $2) ON CONFLICT (campaign) DO NOTHING",
                params![campaign, share],
            )
            .map(drop)
        })
    }

    fn store_evaluation(&self, campaign: &str, evaluation: &str) -> Result<(), Error> {
        self.write(|sql| {
            sql.execute(
                "INSERT INTO campaigns (campaign, evaluation) VALUES ($1, $2)
                 ON CONFLICT (campaign) DO UPDATE SET evaluation = excluded.evaluation",
                params![campaign, evaluation],
            )
            .map(drop)
        })
    }

    fn store_document(&self, name: &str, at: Micros, document: &str) -> Result<(), Error> {
        self.write(|sql| {
            sql.execute(
                "INSERT INTO documents (name, at, document) VALUES ($1, $2, $3)
                 ON CONFLICT (name) DO UPDATE SET at = excluded.at, document = excluded.document",
                params![name, at, document],
            )
            .map(drop)
        })
    }

    fn document(&self, name: &str) -> Result<Option<(Micros, String)>, Error> {
        self.read(|sql| {
            let row = sql.one("SELECT at, document FROM documents WHERE name = $1", params![name])?;
            Ok(row.map(|mut row| Ok::<_, Unreadable>((row.take()?, row.take()?))).transpose()?)
        })
    }

    fn campaigns(&self) -> Result<Vec<CampaignRecord>, Error> {
        self.read(|sql| {
            let rows = sql.query(
                "SELECT c.campaign, min(c.at), max(c.at),
                     CAST(sum(CASE WHEN c.held_out THEN 0 ELSE 1 END) AS bigint),
                     CAST(sum(CASE WHEN c.held_out THEN 1 ELSE 0 END) AS bigint),
                     max(k.share), max(k.evaluation)
                 FROM contacts c LEFT JOIN campaigns k ON k.campaign = c.campaign
                 GROUP BY c.campaign ORDER BY max(c.at) DESC, c.campaign",
                &[],
            )?;
            Ok(rows.into_iter().map(campaign).collect::<Result<_, _>>()?)
        })
    }
}
