//! Live accuracy: kept scores beside what happened, once their horizon is over; until then an estimate and drift.
//!
//! The measures are those of the backtest ([`homing_models::measures`]) on labels made in the same way
//! ([`homing_datasets::labels`]), so that a live figure equals the offline judge's on the same window.

pub mod alarms;
pub mod arrivals;
pub mod beside;
pub mod keep;
pub mod lead;
pub mod measure;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use homing_datasets::labels::{Label, days_after, label};
use homing_datasets::{Micros, Zone};
use homing_models::Bundle;
use homing_models::features::{COUNT, SPECS, Scratch, Unit, compute};
use homing_models::statistics::{decile_stability, stability_index};
use homing_profiles::kept::{KeptScore, MONITORING};
use homing_profiles::state::Ask;
use homing_profiles::{Error, Store};
use homing_tags::names::{CHURN_LEVEL, CONTACT_CHANNEL, HIGH, LIFECYCLE_STAGE, MEMBER_TIER, RFM_CELL};
use serde::Serialize;
use serde_json::Value;

use alarms::{Alarm, alarms};
use arrivals::{Arrival, Arrivals};
use beside::{Comparison, Pairs};
use lead::{LeadTime, Nights};
use measure::{Figures, Judged, estimate, figures};

/// Fewest customers of a window or segment.
const LEAST: usize = 100;

/// Tags by which customers are judged apart; they are kept with the scores.
pub(crate) const SEGMENTS: [&str; 5] = [CHURN_LEVEL, LIFECYCLE_STAGE, MEMBER_TIER, RFM_CELL, CONTACT_CHANNEL];

/// A window that is over: scores of one night and model, and what came within the horizon.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Window {
    /// The model.
    pub model: String,
    /// The horizon in days.
    pub horizon_days: u32,
    /// From when (RFC 3339): the instant of the scores.
    pub from: String,
    /// Until when.
    pub to: String,
    /// `all`, or a tag and its value, such as `lifecycle.stage=decline`.
    pub segment: String,
    /// Customers judged.
    pub customers: usize,
    /// The figures.
    #[serde(flatten)]
    pub figures: Figures,
}

/// Scores whose horizon is not over yet.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pending {
    /// The model.
    pub model: String,
    /// The horizon in days.
    pub horizon_days: u32,
    /// The instant of the scores (RFC 3339).
    pub from: String,
    /// When they can be judged.
    pub due: String,
    /// Customers.
    pub customers: usize,
    /// AUC that is to be expected if the probabilities are calibrated (CBPE).
    pub estimated_auc: Option<f64>,
    /// Log loss to be expected.
    pub estimated_logloss: Option<f64>,
    /// Share of buyers to be expected.
    pub estimated_share: f64,
    /// Expected spend per customer.
    pub estimated_spend: f64,
}

/// How a night's scores or features differ from those of a reference.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Drift {
    /// The model.
    pub model: String,
    /// The instant of the scores (RFC 3339).
    pub from: String,
    /// `output` (a score) or `input` (a feature).
    pub kind: &'static str,
    /// The score or feature.
    pub name: String,
    /// Population stability index: below .1 stable, above .25 shifted.
    pub psi: f64,
    /// What it is compared with: `first_night` (the first kept night of the model) or `model` (the base that it was fitted on).
    pub reference: &'static str,
}

/// All that is known of the accuracy of a store's scores.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// The last event in the store (RFC 3339).
    pub data_until: Option<String>,
    /// Windows that are over, oldest first.
    pub windows: Vec<Window>,
    /// Scores whose time has not come.
    pub pending: Vec<Pending>,
    /// Champion beside challenger on windows that are over, oldest first.
    pub comparisons: Vec<Comparison>,
    /// How early lapses were warned of; `null` with too few lapses.
    pub lead_time: Option<LeadTime>,
    /// Drift of the last kept night, largest first.
    pub drift: Vec<Drift>,
    /// Purchases of the last days, by channel.
    pub arrivals: Vec<Arrival>,
    /// What needs attention.
    pub alarms: Vec<Alarm>,
}

/// What to look at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// Kept nights to judge, the last ones.
    pub nights: usize,
    /// Resamples of the intervals.
    pub draws: u32,
}

impl Default for Options {
    /// Half a year of weeks.
    fn default() -> Self {
        Options { nights: 26, draws: 200 }
    }
}

/// A kept score that is understood.
struct Kept {
    customer_id: String,
    scores: Value,
}

impl Kept {
    fn number(&self, name: &str) -> Option<f64> {
        self.scores.get(name).and_then(Value::as_f64)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.scores.get(name).and_then(Value::as_str)
    }
}

/// Judges the kept scores of a store. `bundle` is a model whose base the features are compared with.
///
/// # Errors
/// [`Error`] of the store.
pub fn report(store: &dyn Store, bundle: Option<&Bundle>, options: &Options) -> Result<Report, Error> {
    let zone = store.common().zone;
    let known = store.load(&Ask::default())?.clock.happened;
    let mut report = Report { data_until: known.map(|known| zone.format(known)), ..Report::default() };
    let Some(known) = known else { return Ok(report) };
    let instants = store.kept_instants(MONITORING)?;
    let skipped = instants.len().saturating_sub(options.nights);
    let mut first: BTreeMap<String, Vec<Kept>> = BTreeMap::new();
    let mut nights = Nights::default();
    let mut arrivals = Arrivals::default();
    for (at, &instant) in instants.iter().enumerate().skip(skipped) {
        for (model, kept) in by_model(store.kept_scores(MONITORING, instant, instant)?) {
            judge_night(store, (&model, instant, known), &kept, options, &mut report)?;
            kept.iter().for_each(|one| nights.add(&one.customer_id, instant, one.text(CHURN_LEVEL)));
            if at + 1 == instants.len() {
                for one in &kept {
                    if let Some(history) = store.history(&one.customer_id)? {
                        arrivals.add(&history, known);
                    }
                }
                report.drift.extend(outputs(&model, &zone.format(instant), first.get(&model), &kept));
                if let Some(bundle) = bundle.filter(|bundle| **bundle.id() == *model) {
                    report.drift.extend(inputs(store, bundle, instant, &model, &kept)?);
                }
            }
            first.entry(model).or_insert(kept);
        }
    }
    report.drift.sort_by(|a, b| b.psi.total_cmp(&a.psi));
    report.arrivals = arrivals.judged();
    report.lead_time = nights.judged(known, zone, |id| store.history(id))?;
    report.alarms = alarms(&report);
    Ok(report)
}

fn by_model(kept: Vec<KeptScore>) -> BTreeMap<String, Vec<Kept>> {
    let mut models: BTreeMap<String, Vec<Kept>> = BTreeMap::new();
    for one in kept {
        let Ok(scores) = serde_json::from_str(&one.scores) else { continue };
        models.entry(one.model).or_default().push(Kept { customer_id: one.customer_id, scores });
    }
    models
}

/// The horizons of scores, shortest first.
fn horizons(kept: &[Kept]) -> Vec<u32> {
    let fields = kept.first().and_then(|one| one.scores.as_object()).into_iter().flatten();
    let mut horizons: Vec<u32> = fields
        .filter_map(|(name, _)| name.strip_prefix("p_purchase_")?.strip_suffix('d')?.parse().ok())
        .collect();
    horizons.sort_unstable();
    horizons
}

/// Judges or estimates each horizon of a night.
fn judge_night(
    store: &dyn Store,
    (model, instant, known): (&str, Micros, Micros),
    kept: &[Kept],
    options: &Options,
    report: &mut Report,
) -> Result<(), Error> {
    let zone = store.common().zone;
    let mut over = Vec::new();
    for days in horizons(kept) {
        let due = days_after(instant, days);
        if due <= known {
            over.push(days);
            continue;
        }
        let p: Vec<f64> = kept.iter().filter_map(|one| one.number(&format!("p_purchase_{days}d"))).collect();
        let spend = kept.iter().filter_map(|one| one.number(&format!("expected_spend_{days}d")));
        let (auc, logloss) = estimate(&p);
        report.pending.push(Pending {
            model: model.to_owned(),
            horizon_days: days,
            from: zone.format(instant),
            due: zone.format(due),
            customers: p.len(),
            estimated_auc: auc,
            estimated_logloss: logloss,
            estimated_share: p.iter().sum::<f64>() / p.len().max(1) as f64,
            estimated_spend: spend.sum::<f64>() / p.len().max(1) as f64,
        });
    }
    if over.is_empty() {
        return Ok(());
    }
    let mut judged: BTreeMap<u32, (Vec<Judged>, Pairs)> = BTreeMap::new();
    for one in kept {
        // Erased customers are gone from both.
        let Some(history) = store.history(&one.customer_id)? else { continue };
        for &days in &over {
            let came = label(&history, instant, days, zone);
            if let Some(row) = row_of(one, days, &came) {
                let (rows, pairs) = judged.entry(days).or_default();
                rows.push(row);
                pairs.add(one, days, &came);
            }
        }
    }
    for (days, (rows, pairs)) in judged {
        let ends = (zone.format(instant), zone.format(days_after(instant, days)));
        report.comparisons.extend(pairs.compared((model, days), ends, LEAST, options.draws));
        for (segment, rows) in segments(&rows) {
            if rows.len() >= LEAST {
                report.windows.push(Window {
                    model: model.to_owned(),
                    horizon_days: days,
                    from: zone.format(instant),
                    to: zone.format(days_after(instant, days)),
                    segment,
                    customers: rows.len(),
                    figures: figures(&rows, options.draws),
                });
            }
        }
    }
    Ok(())
}

fn row_of(one: &Kept, days: u32, came: &Label) -> Option<Judged> {
    let number = |name: &str, end: &str| one.number(&format!("{name}_{days}d{end}"));
    Some(Judged {
        p_purchase: number("p_purchase", "")?,
        bought: came.bought,
        expected_spend: number("expected_spend", "")?,
        spend: came.spend,
        interval: number("expected_spend", "_low").zip(number("expected_spend", "_high")),
        high: one.text(CHURN_LEVEL).map(|level| level == HIGH),
        tags: SEGMENTS.iter().filter_map(|name| Some(format!("{name}={}", one.text(name)?))).collect(),
    })
}

/// Everybody, and the rows of each tag value.
fn segments(rows: &[Judged]) -> Vec<(String, Vec<&Judged>)> {
    let mut segments: BTreeMap<&str, Vec<&Judged>> = BTreeMap::new();
    for row in rows {
        for tag in &row.tags {
            segments.entry(tag).or_default().push(row);
        }
    }
    let all = std::iter::once(("all".to_owned(), rows.iter().collect()));
    all.chain(segments.into_iter().map(|(name, rows)| (name.to_owned(), rows))).collect()
}

/// Drift of the scores against the first kept night of the model, in ten groups of that night.
fn outputs(model: &str, from: &str, first: Option<&Vec<Kept>>, kept: &[Kept]) -> Vec<Drift> {
    let Some(first) = first else { return Vec::new() };
    let names = kept.first().and_then(|one| one.scores.as_object()).into_iter().flatten();
    let names = names.filter(|(_, value)| value.is_number()).map(|(name, _)| name);
    let mut drift = Vec::new();
    for name in names.filter(|name| !name.ends_with("_low") && !name.ends_with("_high")) {
        let numbers =
            |kept: &[Kept]| -> Vec<f64> { kept.iter().filter_map(|one| one.number(name)).collect() };
        let (mut before, now) = (numbers(first), numbers(kept));
        if before.len() < LEAST || now.len() < LEAST {
            continue;
        }
        before.sort_by(f64::total_cmp);
        let mut edges: Vec<f64> = (1..10).map(|tenth| before[tenth * before.len() / 10]).collect();
        edges.dedup();
        let counts = |values: &[f64]| {
            let mut counts = vec![0.0; edges.len() + 1];
            values.iter().for_each(|value| counts[edges.partition_point(|edge| edge < value)] += 1.0);
            counts
        };
        let psi = stability_index(&counts(&before), &counts(&now));
        drift.push(Drift {
            model: model.to_owned(),
            from: from.to_owned(),
            kind: "output",
            name: name.clone(),
            psi,
            reference: "first_night",
        });
    }
    drift
}

/// Drift of the features against the base that the model was fitted on.
fn inputs(
    store: &dyn Store,
    bundle: &Bundle,
    instant: Micros,
    model: &str,
    kept: &[Kept],
) -> Result<Vec<Drift>, Error> {
    let zone: Zone = store.common().zone;
    let mut scratch = Scratch::default();
    let mut columns: Vec<Vec<f64>> = vec![Vec::new(); COUNT];
    for one in kept {
        let Some(history) = store.history(&one.customer_id)? else { continue };
        let mut features = vec![f64::NAN; COUNT];
        if compute(&history.as_of(instant), zone, &mut scratch, &mut features) {
            columns.iter_mut().zip(features).for_each(|(column, value)| {
                // Deciles were taken of single precision: what equals one must equal it still.
                let value = f64::from(value as f32);
                if value.is_finite() {
                    column.push(value);
                }
            });
        }
    }
    let shift = |at: usize| {
        let counts = matches!(SPECS[at].unit, Unit::Count | Unit::Flag | Unit::Score);
        let psi = decile_stability(bundle.base().deciles.get(at)?, &columns[at], counts)?;
        Some(Drift {
            model: model.to_owned(),
            from: zone.format(instant),
            kind: "input",
            name: SPECS[at].name.to_owned(),
            psi,
            reference: "model",
        })
    };
    Ok((0..COUNT).filter_map(shift).filter(|drift| drift.psi.is_finite()).collect())
}
