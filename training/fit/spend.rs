//! The value model of one horizon: orders and spend of those who buy, spend of everyone, and the totals.

use homing_models::boosting::{Booster, Objective, Training};
use homing_models::bundle::LifetimePart;
use homing_models::lifetimes::LifetimeModel;
use homing_models::repurchase::PurchaseModel;
use homing_models::value::{ValueModel, lifetime_extra_orders, order_value};
use linfa::ParamGuard;
use rayon::prelude::*;

use super::base_rate::{Past, beside_lifetime};
use super::horizon::HorizonData;
use super::learners::{FEATURE_SHARE, Sample, money_signs};
use crate::error::Error;

/// Trees that correct orders and spend of those who buy.
const BUYER_TREES: usize = 70;

/// Fewest rows of a leaf of the trees over everyone's spend.
const MIN_LEAF_ROWS: f64 = 100.0;

/// Fewest buyers of a snapshot whose calibration offset counts.
const MIN_BUYERS: usize = 50;

/// Spend is winsorised to this many times what the lifetime model expects of a customer who buys, and to this share
/// of it where nearly all or more was sent back.
const MAX_SPEND_RATIO: f64 = 20.0;
const MIN_SPEND_RATIO: f64 = 0.01;

/// Fits the model of one horizon; `purchase` is the model of the purchase probability within it.
///
/// # Errors
/// [`Error::Booster`] where trees cannot be fitted.
pub fn fit(
    data: &HorizonData<'_>,
    lifetime: &LifetimePart,
    purchase: &PurchaseModel,
) -> Result<ValueModel, Error> {
    let (sample, _) = data.longest();
    let expected = LifetimeExpectation::of(data, sample, lifetime);
    let (buyers, everyone) =
        rayon::join(|| buyers(data, sample, &expected), || everyone(data, sample, &expected));
    let (mut model, direct) = (buyers?, everyone?);
    model.direct = Some(direct);
    let views = views(data, &model, lifetime, purchase);
    let total: f64 = views.iter().map(|view| view.0).sum();
    let agreed: f64 = views.iter().map(|view| (view.0 * view.1).sqrt()).sum();
    // The total has two views as well: through those who buy, and through the lifetime model.
    let (by_lifetime, total_sd) = lifetime_total(data, lifetime);
    let goal = (total * by_lifetime).sqrt();
    let goal = if goal.is_finite() { goal } else { total };
    // Both views count alike (geometric mean), so half of an offset to one comes through.
    model.direct_offset = 2.0 * (goal.max(1e-9) / agreed.max(1e-9)).ln();
    model.total_sd = total_sd;
    Ok(model)
}

/// What the lifetime models expect of the customer of each row, if they buy within the window.
struct LifetimeExpectation {
    /// The value of an order.
    order_value: Vec<f64>,
    /// Orders beyond the first.
    extra_orders: Vec<f64>,
}

impl LifetimeExpectation {
    fn of(data: &HorizonData<'_>, sample: &Sample, lifetime: &LifetimePart) -> Self {
        let rows = &sample.rows;
        LifetimeExpectation {
            order_value: (0..rows.len())
                .into_par_iter()
                .map(|row| order_value(&lifetime.money, rows.recency[row], rows.order_value[row]))
                .collect(),
            extra_orders: rows
                .recency
                .par_iter()
                .map(|&recency| lifetime_extra_orders(&lifetime.orders, recency, data.learned_days))
                .collect(),
        }
    }

    /// Spend of a customer who buys.
    fn spend(&self, row: usize) -> f64 {
        (1.0 + self.extra_orders[row]) * self.order_value[row]
    }
}

/// Trees over orders and spend of those who bought, beside what the lifetime models expect of them.
fn buyers(
    data: &HorizonData<'_>,
    sample: &Sample,
    expected: &LifetimeExpectation,
) -> Result<ValueModel, Error> {
    let rows = &sample.rows;
    let bought: Vec<usize> = (0..rows.len()).filter(|&row| rows.labels[row].bought).collect();
    let binned = sample.binned.select(&bought);
    let spend_start: Vec<f64> = bought.iter().map(|&row| expected.spend(row).ln()).collect();
    let extra_start: Vec<f64> = bought.iter().map(|&row| expected.extra_orders[row].ln()).collect();
    let extra: Vec<f64> = bought.iter().map(|&row| f64::from(rows.labels[row].orders) - 1.0).collect();
    let spend: Vec<f64> = bought.iter().map(|&row| rows.labels[row].spend).collect();
    // A few huge orders would rule the trees.
    let winsorised: Vec<f64> = spend
        .iter()
        .zip(&spend_start)
        .map(|(&spend, start)| spend.clamp(MIN_SPEND_RATIO * start.exp(), MAX_SPEND_RATIO * start.exp()))
        .collect();
    let fit = |objective, targets: &[f64], offsets: &[f64], seed: u64| {
        let params = Booster::params(objective).trees(BUYER_TREES).monotone(money_signs()).seed(seed);
        let training =
            Training { data: &binned, bins: &sample.bins, targets, offsets: Some(offsets), weights: None };
        params.check()?.fit_binned(&training)
    };
    let (orders_trees, spend_trees) = rayon::join(
        || fit(Objective::Poisson, &extra, &extra_start, data.seed ^ 21),
        || fit(Objective::Gamma, &winsorised, &spend_start, data.seed ^ 22),
    );
    let ((orders_trees, orders_margins), (spend_trees, spend_margins)) = (orders_trees?, spend_trees?);
    let predicted = |margins: &[f64], start: &[f64]| -> Vec<f64> {
        margins.iter().zip(start).map(|(m, s)| (m + s).exp()).collect()
    };
    let predicted_extra = predicted(&orders_margins, &extra_start);
    let predicted_spend = predicted(&spend_margins, &spend_start);
    let snapshot: Vec<u32> = bought.iter().map(|&row| rows.snapshot[row]).collect();
    Ok(ValueModel {
        days: data.days,
        learned_days: data.learned_days,
        orders: Some(orders_trees),
        spend: Some(spend_trees),
        direct: None,
        direct_offset: 0.0,
        orders_offset: amount_offset(data, &snapshot, &extra, &predicted_extra),
        spend_offset: amount_offset(data, &snapshot, &spend, &predicted_spend),
        residual_quantiles: residual_quantiles(&spend, &predicted_spend),
        total_sd: 0.0,
    })
}

/// Trees over what everyone spends, buyers or not, with the mean spend of each snapshot taken out.
fn everyone(
    data: &HorizonData<'_>,
    sample: &Sample,
    expected: &LifetimeExpectation,
) -> Result<Booster, Error> {
    let rows = &sample.rows;
    let spend: Vec<f64> = (0..rows.len())
        .map(|row| {
            let most = MAX_SPEND_RATIO * (1.0 + expected.extra_orders[row]) * expected.order_value[row];
            rows.labels[row].spend.min(most)
        })
        .collect();
    let mut scaled: Vec<f64> = spend.iter().map(|&spend| spend.max(0.0)).collect();
    for snapshot in rows.by_snapshot() {
        // In mean spends of the snapshot: the trees then learn neither base rate nor currency.
        let mean = scaled[snapshot.clone()].iter().sum::<f64>() / snapshot.len().max(1) as f64;
        scaled[snapshot].iter_mut().for_each(|spend| *spend /= mean.max(1e-9));
    }
    let params = Booster::params(Objective::Tweedie(1.5))
        .feature_share(FEATURE_SHARE)
        .min_leaf_rows(MIN_LEAF_ROWS)
        .monotone(money_signs())
        .seed(data.seed ^ 23);
    let training =
        Training { data: &sample.binned, bins: &sample.bins, targets: &scaled, offsets: None, weights: None };
    Ok(params.check()?.fit_binned(&training)?.0)
}

/// The spend of the base by two views, customer by customer: through the purchase probability, and direct. Empty where the
/// model has no direct view.
fn views(
    data: &HorizonData<'_>,
    model: &ValueModel,
    lifetime: &LifetimePart,
    purchase: &PurchaseModel,
) -> Vec<(f64, f64)> {
    (0..data.base.len())
        .into_par_iter()
        .with_min_len(256)
        .map(|i| {
            let row = data.base.row(i);
            let p = purchase.probability(row, &lifetime.orders);
            let views = model.views(row, &lifetime.orders, &lifetime.money);
            (p * views.spend, views.direct)
        })
        .filter_map(|(through_purchase, direct)| Some((through_purchase, direct?)))
        .collect()
}

/// The total spend of the base that the lifetime model expects, times the forecast ratio of actual to expected; and the standard
/// deviation of the log of that ratio.
fn lifetime_total(data: &HorizonData<'_>, lifetime: &LifetimePart) -> (f64, f64) {
    let expected = |i: usize| {
        let recency = data.base.recency[i];
        let order = order_value(&lifetime.money, recency, data.base.order_value[i]) * data.kept_share;
        lifetime.orders.expected_orders(recency, f64::from(data.days)) * order
    };
    let each: Vec<f64> = (0..data.base.len()).into_par_iter().with_min_len(256).map(expected).collect();
    let series = data.windows.spend(lifetime, data.kept_share, MAX_SPEND_RATIO);
    let ratio = beside_lifetime(&series, data.learned_days, data.days);
    (each.iter().sum::<f64>() * ratio.mean.clamp(-1.0, 1.0).exp(), ratio.sd)
}

/// The calibration offset of an amount: the series of log(actual / predicted) of past windows, forecast.
fn amount_offset(data: &HorizonData<'_>, snapshot: &[u32], actual: &[f64], predicted: &[f64]) -> f64 {
    let (_, days_ago) = data.longest();
    let mut sums = vec![(0.0, 0.0, 0.0, 0usize); days_ago.len()];
    for ((&j, a), p) in snapshot.iter().zip(actual).zip(predicted) {
        let sum = &mut sums[j as usize];
        *sum = (sum.0 + a, sum.1 + p, sum.2 + (a - p) * (a - p), sum.3 + 1);
    }
    let series: Vec<Past> = sums
        .iter()
        .zip(days_ago)
        .filter(|((a, p, _, n), _)| *n >= MIN_BUYERS && *a > 0.0 && *p > 0.0)
        .map(|(&(a, p, squares, _), &days_ago)| Past {
            days_ago,
            offset: (a / p).ln(),
            variance: squares / (a * a),
        })
        .collect();
    beside_lifetime(&series, data.learned_days, data.days).mean.clamp(-1.0, 1.0)
}

/// Residual quantiles: actual over predicted spend at the shares (i + ½) / 40.
fn residual_quantiles(actual: &[f64], predicted: &[f64]) -> Vec<f64> {
    let mut ratios: Vec<f64> = actual.iter().zip(predicted).map(|(a, p)| a.max(0.0) / p).collect();
    ratios.sort_by(f64::total_cmp);
    let at = |i: usize| ratios.get((2 * i + 1) * ratios.len() / 80).copied();
    (0..40).filter_map(at).collect()
}
