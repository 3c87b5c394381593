//! Learning at one instant: from histories to the parts of a bundle.

use homing_datasets::{DAY, Histories, Kind, Micros, Zone};
use homing_models::boosting::{Bins, Booster};
use homing_models::bundle::{BasePart, HorizonPart, LifetimePart};
use homing_models::calibration::percentiles;
use homing_models::churn::ChurnBase;
use homing_models::lifetimes::{Cohort, GammaGamma, Lifetime, MbgNbd, Options, Recency, Spend, SpendSample};
use homing_models::repurchase::{ReturnModel, lifetime_log_odds};
use homing_models::value::ValueModel;
use rayon::prelude::*;

use crate::error::Error;
use crate::returns::order_trees;
use crate::snapshots::{Rows, plan, rows};

/// Fewest rows, and fewest of each outcome among them, that trees are fitted to.
const LEAST_ROWS: usize = 2000;
pub(crate) const LEAST_OUTCOMES: usize = 200;

/// Most customers of today's base that a level and the percentiles are taken from.
const LEVEL_ROWS: usize = 20_000;

/// What to learn.
#[derive(Clone, Debug)]
pub struct Task {
    /// The instant up to which to learn.
    pub as_of: Micros,
    /// Horizons in days, ascending.
    pub horizons: Vec<u32>,
    /// The horizon of the churn risk; one of `horizons`.
    pub churn_horizon: u32,
    /// The business's time zone.
    pub zone: Zone,
    /// Seed of every sample.
    pub seed: u64,
    /// Most rows of a fit.
    pub most_rows: usize,
    /// Whether spend is learned net of returns.
    pub net_of_returns: bool,
}

/// What was learned.
#[derive(Clone, Debug)]
pub struct Learned {
    /// The lifetime models.
    pub lifetime: LifetimePart,
    /// By horizon.
    pub horizons: Vec<HorizonPart>,
    /// The base at `as_of`.
    pub base: BasePart,
}

/// Learns from everything up to the task's `as_of`; `step` is told of each step before it is taken.
///
/// # Errors
/// [`Error::Refused`] when nobody has bought, and what the estimators say.
pub fn learn(histories: &Histories, task: &Task, step: &(dyn Fn(&str) + Sync)) -> Result<Learned, Error> {
    step("lifetime models");
    let base = rows(histories, &[task.as_of], None, task.zone, usize::MAX, task.seed);
    let first = first_purchase(histories);
    let Some(first) = first.filter(|&first| first <= task.as_of && !base.is_empty()) else {
        return Err(Error::Refused { lacks: vec!["no purchase of a positive amount before `as_of`".into()] });
    };
    let lifetime = lifetime(&base)?;
    let base = base.thinned(LEVEL_ROWS);
    let kept = if task.net_of_returns { kept(histories, task.as_of) } else { 1.0 };
    let mut parts = Vec::with_capacity(task.horizons.len());
    for &days in &task.horizons {
        step(&format!("{days} days: snapshots"));
        let part = match plan(first, task.as_of, days) {
            Some(plan) => {
                let learned = Some(plan.learned_days);
                let mut past = rows(histories, &plan.cutoffs, learned, task.zone, task.most_rows, task.seed);
                if task.net_of_returns {
                    past.labels.iter_mut().for_each(|label| label.spend = label.net_spend);
                }
                let ago: Vec<f64> =
                    plan.cutoffs.iter().map(|c| (task.as_of - c) as f64 / DAY as f64).collect();
                let then = past
                    .by_snapshot()
                    .into_par_iter()
                    .map(|rows| orders_model(&past.recency[rows]))
                    .collect::<Result<_, Error>>()?;
                let near = near(histories, task, first, plan.learned_days)?;
                let of = Horizon {
                    near,
                    kept,
                    days,
                    learned_days: plan.learned_days,
                    ago,
                    past,
                    then,
                    base: &base,
                    seed: task.seed,
                };
                step(&format!("{days} days: {} rows", of.past.len()));
                of.learn(&lifetime)?
            }
            None => untaught(days, kept),
        };
        parts.push(part);
    }
    let base = describe(&base, &lifetime, &parts, task.churn_horizon);
    Ok(Learned { lifetime, horizons: parts, base })
}

/// The share of what was ordered that did not come back, at least one in a hundred.
fn kept(histories: &Histories, as_of: Micros) -> f64 {
    let sums: Vec<(f64, f64)> = histories
        .par_iter()
        .map(|(_, history)| {
            let view = history.as_of(as_of);
            let mut sum = (0.0, 0.0);
            for (&kind, &amount) in view.kind().iter().zip(view.amount()) {
                match kind {
                    Kind::Purchase if amount > 0.0 => sum = (sum.0 + amount, sum.1 + amount),
                    Kind::Purchase | Kind::Return => sum.1 += amount,
                    _ => {}
                }
            }
            sum
        })
        .collect();
    let (ordered, net) = sums.iter().fold((0.0, 0.0), |all, one| (all.0 + one.0, all.1 + one.1));
    if ordered > 0.0 { (net / ordered).clamp(0.01, 1.0) } else { 1.0 }
}

/// Trees over a third of a horizon: its windows end later and are more, and who comes back soon is much the same
/// question.
fn near(histories: &Histories, task: &Task, first: Micros, days: u32) -> Result<Option<Booster>, Error> {
    let Some(plan) = plan(first, task.as_of, (days / 3).max(7)) else { return Ok(None) };
    let rows =
        rows(histories, &plan.cutoffs, Some(plan.learned_days), task.zone, task.most_rows / 2, task.seed);
    if !enough(&rows) {
        return Ok(None);
    }
    let bins = Bins::of(rows.x.view());
    let data = bins.sort(rows.x.view());
    let all: Vec<usize> = (0..rows.len()).collect();
    Ok(Some(order_trees(&rows, &bins, &data, &all, task.seed ^ 5)?.0))
}

/// Whether trees can be fitted to these rows.
fn enough(rows: &Rows) -> bool {
    let bought = rows.labels.iter().filter(|label| label.bought).count();
    rows.len() >= LEAST_ROWS && bought >= LEAST_OUTCOMES && rows.len() - bought >= LEAST_OUTCOMES
}

fn first_purchase(histories: &Histories) -> Option<Micros> {
    histories.par_iter().filter_map(|(_, history)| history.first_purchase()).min()
}

fn lifetime(base: &Rows) -> Result<LifetimePart, Error> {
    let options = options();
    let orders = orders_model(&base.recency)?;
    let spend: Vec<Spend> = base
        .recency
        .iter()
        .zip(&base.order_value)
        .map(|(recency, &mean_spend)| Spend { frequency: recency.frequency + 1, mean_spend })
        .collect();
    let money = GammaGamma::fit(&SpendSample::from_customers(&spend)?, &options)?;
    Ok(LifetimePart { orders, money })
}

/// A weight of one customer keeps parameters finite where the data do not bound them.
fn options() -> Options {
    Options { prior_weight: 1.0, ..Options::default() }
}

/// The lifetime model of orders of these customers.
pub(crate) fn orders_model(customers: &[Recency]) -> Result<Lifetime, Error> {
    Ok(Lifetime::MbgNbd(MbgNbd::fit(&Cohort::from_customers(customers)?, &options())?))
}

/// The lifetime model alone; of what is ordered a share `kept` counts as spend.
fn untaught(days: u32, kept: f64) -> HorizonPart {
    HorizonPart {
        returns: ReturnModel {
            days,
            learned_days: days,
            members: None,
            slope: 1.0,
            level: 0.0,
            level_sd: 0.0,
        },
        value: ValueModel {
            days,
            learned_days: days,
            orders: None,
            spend: None,
            direct: None,
            direct_level: 0.0,
            orders_level: 0.0,
            spend_level: kept.ln(),
            // Without data on the spread: spend among those who come back as an exponential.
            spread: (0..20).map(|i| -(1.0 - (f64::from(i) + 0.5) / 20.0).ln()).collect(),
        },
    }
}

/// The data of one horizon.
pub(crate) struct Horizon<'a> {
    pub days: u32,
    pub learned_days: u32,
    /// The share of what is ordered that counts as spend where no window teaches it.
    pub kept: f64,
    /// Trees that learned the order of customers within a nearer horizon.
    pub near: Option<Booster>,
    /// Days from each cutoff to `as_of`.
    pub ago: Vec<f64>,
    pub past: Rows,
    /// The lifetime model of each snapshot's own day.
    pub then: Vec<Lifetime>,
    pub base: &'a Rows,
    pub seed: u64,
}

impl Horizon<'_> {
    fn learn(&self, lifetime: &LifetimePart) -> Result<HorizonPart, Error> {
        if !enough(&self.past) {
            return Ok(untaught(self.days, self.kept));
        }
        let bins = Bins::of(self.past.x.view());
        let data = bins.sort(self.past.x.view());
        let returns = self.returns(&lifetime.orders, &bins, &data)?;
        let value = self.value(lifetime, &bins, &data, &returns)?;
        Ok(HorizonPart { returns, value })
    }
}

/// The base at `as_of`, against which customers are placed and drift is seen.
fn describe(base: &Rows, lifetime: &LifetimePart, parts: &[HorizonPart], churn_horizon: u32) -> BasePart {
    let part = parts.iter().find(|part| part.returns.days == churn_horizon).or(parts.last());
    let mut risks = Vec::new();
    let mut typical = 0.0;
    if let Some(part) = part {
        let returns = &part.returns;
        let learned = |recency: Recency| lifetime_log_odds(&lifetime.orders, recency, returns.learned_days);
        typical =
            base.recency.iter().map(|&recency| learned(recency)).sum::<f64>() / base.len().max(1) as f64;
        risks = (0..base.len())
            .into_par_iter()
            .with_min_len(256)
            .map(|i| {
                let own = learned(base.recency[i]);
                let vote = returns.members.as_ref().map_or(own, |members| members.vote(base.row(i), own));
                let bridge = if returns.days == returns.learned_days {
                    0.0
                } else {
                    lifetime_log_odds(&lifetime.orders, base.recency[i], returns.days) - own
                };
                1.0 - returns.levelled(returns.slope * vote + bridge)
            })
            .collect();
    }
    let deciles = base
        .x
        .columns()
        .into_iter()
        .map(|column| {
            let mut known: Vec<f32> = column.iter().copied().filter(|x| !x.is_nan()).collect();
            known.sort_by(f32::total_cmp);
            let last = known.len().saturating_sub(1);
            (0..=10).filter_map(|i| known.get(last * i / 10).map(|&x| f64::from(x))).collect()
        })
        .collect();
    let churn = ChurnBase { days: churn_horizon, thresholds: percentiles(risks) };
    BasePart { churn, typical_log_odds: typical, deciles }
}
