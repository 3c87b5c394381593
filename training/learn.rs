//! Learning at one instant: from histories to the parts of a bundle.

use homing_datasets::{DAY, Histories, Micros, Zone};
use homing_models::boosting::{Bins, Booster, Objective, Training, logit, sigmoid};
use homing_models::bundle::{BasePart, HorizonPart, LifetimePart};
use homing_models::calibration::{level, percentiles};
use homing_models::churn::ChurnBase;
use homing_models::lifetimes::{Cohort, GammaGamma, Lifetime, MbgNbd, Options, Recency, Spend, SpendSample};
use homing_models::linear::Linear;
use homing_models::repurchase::{Members, ReturnModel, lifetime_log_odds};
use homing_models::value::{ValueModel, lifetime_extra_orders, order_value};
use linfa::ParamGuard;
use ndarray::{Array2, Axis};
use rayon::prelude::*;

use crate::error::Error;
use crate::level::{Past, forecast};
use crate::snapshots::{Rows, plan, rows};

/// Fewest rows, and fewest of each outcome among them, that trees are fitted to.
const LEAST_ROWS: usize = 2000;
const LEAST_OUTCOMES: usize = 200;

/// Most customers of today's base that a level and the percentiles are taken from.
const LEVEL_ROWS: usize = 8000;

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
    let mut parts = Vec::with_capacity(task.horizons.len());
    for &days in &task.horizons {
        step(&format!("{days} days: snapshots"));
        let part = match plan(first, task.as_of, days) {
            Some(plan) => {
                let learned = Some(plan.learned_days);
                let past = rows(histories, &plan.cutoffs, learned, task.zone, task.most_rows, task.seed);
                let ago: Vec<f64> =
                    plan.cutoffs.iter().map(|c| (task.as_of - c) as f64 / DAY as f64).collect();
                let of = Horizon {
                    days,
                    learned_days: plan.learned_days,
                    ago,
                    past,
                    base: &base,
                    seed: task.seed,
                };
                step(&format!("{days} days: {} rows", of.past.len()));
                of.learn(&lifetime)?
            }
            None => untaught(days),
        };
        parts.push(part);
    }
    let base = describe(&base, &lifetime, &parts, task.churn_horizon);
    Ok(Learned { lifetime, horizons: parts, base })
}

fn first_purchase(histories: &Histories) -> Option<Micros> {
    histories.par_iter().filter_map(|(_, history)| history.first_purchase()).min()
}

fn lifetime(base: &Rows) -> Result<LifetimePart, Error> {
    // A weight of one customer keeps parameters finite where the data do not bound them.
    let options = Options { prior_weight: 1.0, ..Options::default() };
    let orders = MbgNbd::fit(&Cohort::from_customers(&base.recency)?, &options)?;
    let spend: Vec<Spend> = base
        .recency
        .iter()
        .zip(&base.order_value)
        .map(|(recency, &mean_spend)| Spend { frequency: recency.frequency + 1, mean_spend })
        .collect();
    let money = GammaGamma::fit(&SpendSample::from_customers(&spend)?, &options)?;
    Ok(LifetimePart { orders: Lifetime::MbgNbd(orders), money })
}

/// The lifetime model alone.
fn untaught(days: u32) -> HorizonPart {
    HorizonPart {
        returns: ReturnModel { days, learned_days: days, members: None, slope: 1.0, level: 0.0 },
        value: ValueModel {
            days,
            learned_days: days,
            orders: None,
            spend: None,
            orders_level: 0.0,
            spend_level: 0.0,
            // Without data on the spread: spend among those who come back as an exponential.
            spread: (0..20).map(|i| -(1.0 - (f64::from(i) + 0.5) / 20.0).ln()).collect(),
        },
    }
}

/// The data of one horizon.
struct Horizon<'a> {
    days: u32,
    learned_days: u32,
    /// Days from each cutoff to `as_of`.
    ago: Vec<f64>,
    past: Rows,
    base: &'a Rows,
    seed: u64,
}

impl Horizon<'_> {
    fn learn(&self, lifetime: &LifetimePart) -> Result<HorizonPart, Error> {
        let bought = self.past.labels.iter().filter(|label| label.bought).count();
        let enough = bought >= LEAST_OUTCOMES && self.past.len() - bought >= LEAST_OUTCOMES;
        if self.past.len() < LEAST_ROWS || !enough {
            return Ok(untaught(self.days));
        }
        let bins = Bins::of(self.past.x.view());
        let returns = self.returns(&lifetime.orders, &bins)?;
        let value = self.value(lifetime, &bins)?;
        Ok(HorizonPart { returns, value })
    }

    fn log_odds(&self, rows: &Rows, model: &Lifetime, days: u32) -> Vec<f64> {
        rows.recency.par_iter().map(|&recency| lifetime_log_odds(model, recency, days)).collect()
    }

    fn returns(&self, model: &Lifetime, bins: &Bins) -> Result<ReturnModel, Error> {
        let past = &self.past;
        let data = bins.sort(past.x.view());
        let targets: Vec<f64> = past.labels.iter().map(|label| f64::from(u8::from(label.bought))).collect();
        let snapshots = past.by_snapshot();
        let rates: Vec<f64> = snapshots
            .iter()
            .map(|rows| (targets[rows.clone()].iter().sum::<f64>() + 0.5) / (rows.len() as f64 + 1.0))
            .collect();
        let lifetime = self.log_odds(past, model, self.learned_days);
        // Each snapshot's own level is taken out, so that the trees learn the order of customers.
        let mut own = vec![0.0; past.len()];
        let mut over = lifetime.clone();
        for (rows, &rate) in snapshots.iter().zip(&rates) {
            own[rows.clone()].fill(logit(rate));
            let shift = level(&lifetime[rows.clone()], rate);
            over[rows.clone()].iter_mut().for_each(|z| *z += shift);
        }
        let fit = |offsets: &[f64], seed: u64| {
            let params = Booster::params(Objective::Logistic).seed(seed);
            let offsets = Some(offsets);
            params.check()?.fit_binned(&Training {
                data: &data,
                bins,
                targets: &targets,
                offsets,
                weights: None,
            })
        };
        let (tree, tree_over_lifetime) =
            rayon::join(|| fit(&own, self.seed ^ 11), || fit(&over, self.seed ^ 12));
        let linear = self.linear()?;
        let ((tree, tree_said), (tree_over_lifetime, over_said)) = (tree?, tree_over_lifetime?);
        let members = Members { tree, tree_over_lifetime, linear, weights: [0.3, 0.3, 0.2] };
        let votes: Vec<f64> = (0..past.len())
            .into_par_iter()
            .with_min_len(256)
            .map(|i| {
                let linear = members.linear.margin(past.row(i));
                members.weigh([tree_said[i], over_said[i], linear], lifetime[i])
            })
            .collect();
        let series: Vec<Past> = snapshots
            .iter()
            .zip(&rates)
            .zip(&self.ago)
            .filter(|((rows, _), _)| rows.len() >= 50)
            .map(|((rows, &rate), &days_ago)| Past { days_ago, level: level(&votes[rows.clone()], rate) })
            .collect();
        let now = self.log_odds(self.base, model, self.learned_days);
        let mut base_votes: Vec<f64> = (0..self.base.len())
            .into_par_iter()
            .with_min_len(256)
            .map(|i| members.vote(self.base.row(i), now[i]))
            .collect();
        let mean = |z: &[f64]| z.iter().map(|&z| sigmoid(z)).sum::<f64>() / z.len() as f64;
        let level = if self.days == self.learned_days {
            forecast(&series, level(&base_votes, mean(&now)))
        } else {
            // Nothing of this length was seen: the members order, the lifetime model sets the level.
            let asked = self.log_odds(self.base, model, self.days);
            for (vote, (asked, now)) in base_votes.iter_mut().zip(asked.iter().zip(&now)) {
                *vote += asked - now;
            }
            level(&base_votes, mean(&asked))
        };
        let members = Some(members);
        Ok(ReturnModel { days: self.days, learned_days: self.learned_days, members, slope: 1.0, level })
    }

    fn linear(&self) -> Result<Linear, Error> {
        let step = self.past.len().div_ceil(8_000);
        let picked: Vec<usize> = (0..self.past.len()).step_by(step).collect();
        let bought: Vec<bool> = picked.iter().map(|&row| self.past.labels[row].bought).collect();
        Ok(Linear::fit(self.past.x.select(Axis(0), &picked).view(), &bought, 10.0)?)
    }

    fn value(&self, lifetime: &LifetimePart, bins: &Bins) -> Result<ValueModel, Error> {
        let past = &self.past;
        let back: Vec<usize> = (0..past.len()).filter(|&row| past.labels[row].bought).collect();
        let x: Array2<f32> = past.x.select(Axis(0), &back);
        let data = bins.sort(x.view());
        let extra: Vec<f64> = back
            .par_iter()
            .map(|&row| lifetime_extra_orders(&lifetime.orders, past.recency[row], self.learned_days))
            .collect();
        let start: Vec<f64> = back
            .iter()
            .zip(&extra)
            .map(|(&row, extra)| {
                ((1.0 + extra) * order_value(&lifetime.money, past.recency[row], past.order_value[row])).ln()
            })
            .collect();
        let extra_start: Vec<f64> = extra.iter().map(|extra| extra.ln()).collect();
        let orders: Vec<f64> = back.iter().map(|&row| f64::from(past.labels[row].orders) - 1.0).collect();
        let spend: Vec<f64> = back.iter().map(|&row| past.labels[row].spend).collect();
        // A few huge orders would rule the trees: they see at most twenty times what was expected.
        let tame: Vec<f64> =
            spend.iter().zip(&start).map(|(&spend, start)| spend.min(20.0 * start.exp())).collect();
        let fit = |objective, targets: &[f64], offsets: &[f64], seed: u64| {
            let params = Booster::params(objective).trees(70).seed(seed);
            let offsets = Some(offsets);
            params.check()?.fit_binned(&Training { data: &data, bins, targets, offsets, weights: None })
        };
        let (orders_trees, spend_trees) = rayon::join(
            || fit(Objective::Poisson, &orders, &extra_start, self.seed ^ 21),
            || fit(Objective::Gamma, &tame, &start, self.seed ^ 22),
        );
        let ((orders_trees, orders_said), (spend_trees, spend_said)) = (orders_trees?, spend_trees?);
        let expected = |said: &[f64], start: &[f64]| -> Vec<f64> {
            said.iter().zip(start).map(|(m, s)| (m + s).exp()).collect()
        };
        let expected_extra = expected(&orders_said, &extra_start);
        let expected_spend = expected(&spend_said, &start);
        let snapshot: Vec<u32> = back.iter().map(|&row| past.snapshot[row]).collect();
        let spread = spread(&spend, &expected_spend);
        Ok(ValueModel {
            days: self.days,
            learned_days: self.learned_days,
            orders: Some(orders_trees),
            spend: Some(spend_trees),
            orders_level: self.amount_level(&snapshot, &orders, &expected_extra),
            spend_level: self.amount_level(&snapshot, &spend, &expected_spend),
            spread,
        })
    }

    /// The coming level of an amount: the series of log(actual / expected) of past windows, forecast.
    fn amount_level(&self, snapshot: &[u32], actual: &[f64], expected: &[f64]) -> f64 {
        let mut sums = vec![(0.0, 0.0, 0usize); self.ago.len()];
        for ((&j, a), e) in snapshot.iter().zip(actual).zip(expected) {
            let sum = &mut sums[j as usize];
            *sum = (sum.0 + a, sum.1 + e, sum.2 + 1);
        }
        let series: Vec<Past> = sums
            .iter()
            .zip(&self.ago)
            .filter(|((a, e, n), _)| *n >= 50 && *a > 0.0 && *e > 0.0)
            .map(|(&(a, e, _), &days_ago)| Past { days_ago, level: (a / e).ln() })
            .collect();
        forecast(&series, 0.0).clamp(-1.0, 1.0)
    }
}

/// Actual over expected spend at the shares (i + ½) / 40.
fn spread(actual: &[f64], expected: &[f64]) -> Vec<f64> {
    let mut ratios: Vec<f64> = actual.iter().zip(expected).map(|(a, e)| a / e).collect();
    ratios.sort_by(f64::total_cmp);
    let at = |i: usize| ratios.get((2 * i + 1) * ratios.len() / 80).copied();
    (0..40).filter_map(at).collect()
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
                1.0 - sigmoid(returns.level + returns.slope * vote + bridge)
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
