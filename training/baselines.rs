//! The naive rules that every report shows beside its models: what a spreadsheet would predict.
//!
//! They learn from one snapshot that ends at the cutoff: what customers looked like `Hp` days before it, and
//! what they did in the `Hp` days since. `Hp` is the horizon where the data reach back far enough; otherwise
//! half of the known span, and what was learned is scaled up to the horizon. Nothing after the cutoff is read.

use std::collections::HashMap;

use homing_datasets::{History, Micros, Zone};

use crate::labels::{Label, days_after, label_within, short_horizon};
use crate::metrics::{Scores, Target, quantile};

/// Days of history that a snapshot must have behind it, unless a third of the horizon is more.
const MIN_HISTORY_DAYS: u32 = 28;

/// Customers' worth of the overall mean that [`Rule::Rfm`] adds to each of its cells.
const RFM_SHRINKAGE: f64 = 20.0;

/// Quantiles that bound the quintiles of [`Rule::Rfm`].
const QUINTILES: [f64; 4] = [0.2, 0.4, 0.6, 0.8];

/// Groups by recency of [`Rule::Recency`].
const RECENCY_BINS: usize = 20;

/// A naive rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// The last days repeat themselves: orders and spend of the window before the cutoff; the probability is
    /// the past rate of those who bought on 0, 1, or 2 and more days of it.
    Repeat,
    /// Past rates and means of 20 groups by days since the last purchase.
    Recency,
    /// Past rates and means of 5 × 5 × 5 cells by recency, orders and spend (Hughes 1994), shrunk to
    /// the overall mean by 20 customers.
    Rfm,
    /// Orders and spend at the rate of the customer's whole lifetime; `p = 1 - exp(-orders)`.
    Rate,
}

impl Rule {
    /// Every rule, in the order of reports.
    pub const ALL: [Rule; 4] = [Rule::Repeat, Rule::Recency, Rule::Rfm, Rule::Rate];

    /// The name in reports, e.g. `naive_rfm`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Rule::Repeat => "naive_repeat",
            Rule::Recency => "naive_recency",
            Rule::Rfm => "naive_rfm",
            Rule::Rate => "naive_rate",
        }
    }
}

/// Why the rules cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nobody had bought by the cutoff.
    #[error("nobody had bought by {cutoff}; choose a later cutoff")]
    NoCustomers {
        /// The cutoff, in the business's zone.
        cutoff: String,
    },
    /// Nobody had bought early enough before the cutoff to learn from.
    #[error(
        "nobody had bought by {days} days before {cutoff}, so there is no past window to learn from; \
             choose a later cutoff"
    )]
    NothingToLearn {
        /// The cutoff, in the business's zone.
        cutoff: String,
        /// Days of the window that should have been learned from.
        days: u32,
    },
}

/// What a rule predicts for each customer, as columns in the order of [`Baselines::customers`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Forecast {
    /// Probability of a purchase in the window, 0..=1.
    pub p_buy: Vec<f64>,
    /// Probability of a purchase in the short window ([`short_horizon`]), 0..=1.
    pub p_buy_short: Vec<f64>,
    /// Expected orders in the window.
    pub expected_orders: Vec<f64>,
    /// Expected spend in the window, in the business's currency.
    pub expected_spend: Vec<f64>,
}

impl Forecast {
    /// The columns for [`crate::metrics::evaluate`].
    #[must_use]
    pub fn scores(&self) -> Scores<'_> {
        Scores {
            p_buy: &self.p_buy,
            p_buy_short: Some(&self.p_buy_short),
            expected_orders: Some(&self.expected_orders),
            expected_spend: Some(&self.expected_spend),
        }
    }

    fn push(&mut self, row: [f64; 4]) {
        self.p_buy.push(row[0].clamp(0.0, 1.0));
        self.p_buy_short.push(row[1].clamp(0.0, 1.0));
        self.expected_orders.push(row[2]);
        self.expected_spend.push(row[3]);
    }
}

/// What the rules need to know of one customer at one day. Days are local calendar days.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Summary {
    /// Days since the last order.
    recency_days: f64,
    /// Days since the first order.
    tenure_days: f64,
    /// Number of orders.
    orders: f64,
    /// Sum of the purchases.
    spend: f64,
    /// Orders of the last `Hp` days.
    recent_orders: f64,
    /// Sum of the purchases in the last `Hp` days.
    recent_spend: f64,
}

impl Summary {
    /// Summarises what was known at `instant`, counting back from `today`; `None` without a purchase.
    fn of(history: &History, instant: Micros, today: i32, recent_days: u32, zone: Zone) -> Option<Self> {
        let view = history.as_of(instant);
        let mut orders = view.orders(zone).peekable();
        let age = |day: i32| f64::from((today - day).max(0));
        let tenure_days = age(orders.peek()?.day);
        let mut summary = Summary {
            recency_days: tenure_days,
            tenure_days,
            orders: 0.0,
            spend: 0.0,
            recent_orders: 0.0,
            recent_spend: 0.0,
        };
        for order in orders {
            summary.recency_days = age(order.day);
            summary.orders += 1.0;
            summary.spend += order.amount;
            if age(order.day) < f64::from(recent_days) {
                summary.recent_orders += 1.0;
                summary.recent_spend += order.amount;
            }
        }
        Some(summary)
    }
}

/// The window that is learned from, in days: the horizon when at least 28 days, and a third of the horizon, are
/// known before it; otherwise half of the known span.
fn learned_horizon(span_days: u32, horizon_days: u32) -> u32 {
    let enough = span_days.saturating_sub(horizon_days) >= MIN_HISTORY_DAYS.max(horizon_days / 3);
    if enough { horizon_days } else { (span_days / 2).max(1) }
}

/// The naive rules, learned at one cutoff for one set of customers.
#[derive(Clone, Debug)]
pub struct Baselines<'a> {
    customers: Vec<&'a str>,
    now: Vec<Summary>,
    past: Vec<(Summary, Label)>,
    horizon_days: u32,
    learned_days: u32,
}

impl<'a> Baselines<'a> {
    /// Learns the rules from what was known at `cutoff`. Only customers who had bought by then take part; the
    /// others are skipped.
    ///
    /// # Errors
    /// [`Error`] when nobody had bought by the cutoff, or nobody long enough before it.
    pub fn learn(
        histories: impl IntoIterator<Item = (&'a str, &'a History)>,
        cutoff: Micros,
        horizon_days: u32,
        zone: Zone,
    ) -> Result<Self, Error> {
        let today = zone.day(cutoff);
        let mut first_day = today;
        let mut population = Vec::new();
        for (customer, history) in histories {
            if let Some(first) = history.as_of(cutoff).orders(zone).next() {
                first_day = first_day.min(first.day);
                population.push((customer, history));
            }
        }
        if population.is_empty() {
            return Err(Error::NoCustomers { cutoff: zone.format(cutoff) });
        }
        let learned_days = learned_horizon(today.abs_diff(first_day), horizon_days);
        let short_days = short_horizon(horizon_days).min(learned_days);
        // Counted in days of 24 hours, so that the labels' window ends at the cutoff exactly, whatever the
        // clocks did; and so the day is counted back from the cutoff's, not read off the instant.
        let snapshot = cutoff - (days_after(cutoff, learned_days) - cutoff);
        let snapshot_day = today.saturating_sub_unsigned(learned_days);
        let (mut customers, mut now, mut past) = (Vec::new(), Vec::new(), Vec::new());
        for (customer, history) in population {
            customers.push(customer);
            now.extend(Summary::of(history, cutoff, today, learned_days, zone));
            if let Some(summary) = Summary::of(history, snapshot, snapshot_day, learned_days, zone) {
                past.push((summary, label_within(history, snapshot, learned_days, short_days, zone)));
            }
        }
        if past.is_empty() {
            return Err(Error::NothingToLearn { cutoff: zone.format(cutoff), days: learned_days });
        }
        Ok(Baselines { customers, now, past, horizon_days, learned_days })
    }

    /// The customers of the population, in the order in which they were given.
    #[must_use]
    pub fn customers(&self) -> &[&'a str] {
        &self.customers
    }

    /// Days of the window that was learned from: the horizon, or less where the data do not reach back.
    #[must_use]
    pub fn learned_days(&self) -> u32 {
        self.learned_days
    }

    /// What a rule predicts for each customer.
    #[must_use]
    pub fn forecast(&self, rule: Rule) -> Forecast {
        match rule {
            Rule::Repeat => self.repeat(),
            Rule::Recency => self.recency(),
            Rule::Rfm => self.rfm(),
            Rule::Rate => self.rate(),
        }
    }

    fn repeat(&self) -> Forecast {
        let table = self.table(|summary| summary.recent_orders.min(2.0) as usize, 0.0);
        let scale = self.scale();
        let mut forecast = Forecast::default();
        for summary in &self.now {
            let [p, p_short, ..] = self.scaled(table.of(summary));
            let orders = summary.recent_orders * scale;
            forecast.push([p, p_short, orders, summary.recent_spend * scale]);
        }
        forecast
    }

    fn recency(&self) -> Forecast {
        let step = 1.0 / RECENCY_BINS as f64;
        let quantiles: Vec<f64> = (1..RECENCY_BINS).map(|i| i as f64 * step).collect();
        let edges = self.edges(|summary| summary.recency_days, &quantiles);
        self.by_table(&self.table(|summary| bin(&edges, summary.recency_days), 0.0))
    }

    fn rfm(&self) -> Forecast {
        let recency = self.edges(|summary| summary.recency_days, &QUINTILES);
        let frequency = self.edges(|summary| summary.orders, &QUINTILES);
        let monetary = self.edges(|summary| summary.spend, &QUINTILES);
        let cell = |summary: &Summary| {
            (bin(&recency, summary.recency_days) * 5 + bin(&frequency, summary.orders)) * 5
                + bin(&monetary, summary.spend)
        };
        self.by_table(&self.table(cell, RFM_SHRINKAGE))
    }

    fn rate(&self) -> Forecast {
        let horizon = f64::from(self.horizon_days);
        let short = f64::from(short_horizon(self.horizon_days)) / horizon.max(1.0);
        let mut forecast = Forecast::default();
        for summary in &self.now {
            // A customer of today has not bought at an infinite rate.
            let age_days = summary.tenure_days + f64::from(self.learned_days) / 4.0;
            let orders = summary.orders / age_days * horizon;
            let spend = summary.spend / age_days * horizon;
            forecast.push([-(-orders).exp_m1(), -(-orders * short).exp_m1(), orders, spend]);
        }
        forecast
    }

    /// A forecast that is the table's.
    fn by_table<F: Fn(&Summary) -> usize>(&self, table: &Table<F>) -> Forecast {
        let mut forecast = Forecast::default();
        self.now.iter().for_each(|summary| forecast.push(self.scaled(table.of(summary))));
        forecast
    }

    /// The horizon over the window that was learned from.
    fn scale(&self) -> f64 {
        f64::from(self.horizon_days) / f64::from(self.learned_days)
    }

    /// From the learned window to the horizon, as if the windows that make it up were independent. The short
    /// window is learned as it is.
    fn scaled(&self, [p, p_short, orders, spend]: [f64; 4]) -> [f64; 4] {
        let scale = self.scale();
        [1.0 - (1.0 - p).powf(scale), p_short, orders * scale, spend * scale]
    }

    /// Bounds between groups at these quantiles of the past. Between equal ones the group is empty.
    fn edges(&self, value: impl Fn(&Summary) -> f64, quantiles: &[f64]) -> Vec<f64> {
        let mut values: Vec<f64> = self.past.iter().map(|(summary, _)| value(summary)).collect();
        values.sort_by(f64::total_cmp);
        quantiles.iter().map(|&q| quantile(&values, q)).collect()
    }

    /// Means of what past customers did, by cell, each shrunk to the overall mean; `shrinkage` is in customers.
    fn table<F: Fn(&Summary) -> usize>(&self, cell: F, shrinkage: f64) -> Table<F> {
        let mut cells: HashMap<usize, ([f64; 4], f64)> = HashMap::new();
        let mut total = [0.0; 4];
        for (summary, label) in &self.past {
            let (sum, count) = cells.entry(cell(summary)).or_default();
            *count += 1.0;
            let targets = [Target::Buy, Target::BuyShort, Target::Orders, Target::Spend];
            for (i, target) in targets.into_iter().enumerate() {
                sum[i] += target.actual(label);
                total[i] += target.actual(label);
            }
        }
        let overall = total.map(|total| total / self.past.len() as f64);
        let means = cells.into_iter().map(|(cell, (sum, count))| {
            (cell, std::array::from_fn(|i| (sum[i] + overall[i] * shrinkage) / (count + shrinkage)))
        });
        Table { means: means.collect(), overall, cell }
    }
}

/// Means by cell: bought, bought in the short window, orders, spend.
struct Table<F> {
    means: HashMap<usize, [f64; 4]>,
    overall: [f64; 4],
    cell: F,
}

impl<F: Fn(&Summary) -> usize> Table<F> {
    /// The means of the customer's cell, or of everyone when nobody was in it.
    fn of(&self, summary: &Summary) -> [f64; 4] {
        self.means.get(&(self.cell)(summary)).copied().unwrap_or(self.overall)
    }
}

/// The group of a value between ascending edges: an edge belongs to the group above it.
fn bin(edges: &[f64], value: f64) -> usize {
    edges.partition_point(|&edge| edge <= value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use homing_datasets::{DAY, Event, Kind};

    const UTC_CUTOFF_DAY: i32 = 400;

    fn cutoff() -> Micros {
        Zone::default().end_of_day(UTC_CUTOFF_DAY)
    }

    fn customer(days: &[i64]) -> History {
        History::from_events(days.iter().map(|&day| Event::new(Kind::Purchase, day * DAY, 10.0)).collect())
    }

    /// One who buys every 30 days to the last, one who did once, one who begins after the cutoff.
    fn shop() -> [(&'static str, History); 3] {
        let regular: Vec<i64> = (0..=13).map(|i| 10 + 30 * i).collect();
        [("regular", customer(&regular)), ("once", customer(&[40])), ("later", customer(&[401]))]
    }

    fn learn(shop: &[(&'static str, History)], cutoff: Micros, horizon_days: u32) -> Result<usize, Error> {
        let histories = shop.iter().map(|(id, history)| (*id, history));
        Baselines::learn(histories, cutoff, horizon_days, Zone::default()).map(|rules| rules.past.len())
    }

    #[test]
    fn the_learned_window_is_cut_where_the_data_do_not_reach_back() {
        assert_eq!(learned_horizon(364, 90), 90);
        assert_eq!(learned_horizon(120, 90), 90);
        assert_eq!(learned_horizon(119, 90), 59);
        assert_eq!(learned_horizon(57, 30), 28);
        assert_eq!(learned_horizon(0, 30), 1);
    }

    #[test]
    fn the_rules_by_hand() {
        let shop = shop();
        let histories = shop.iter().map(|(id, history)| (*id, history));
        let rules = Baselines::learn(histories, cutoff(), 90, Zone::default()).unwrap();
        assert_eq!((rules.customers(), rules.learned_days()), (&["regular", "once"][..], 90));
        // Regular buys on days 310 to 400, every 30: those of 0..90 days ago are 340, 370 and 400.
        let repeat = rules.forecast(Rule::Repeat);
        assert_eq!(repeat.p_buy, [1.0, 0.0]);
        assert_eq!(repeat.expected_orders, [3.0, 0.0]);
        assert_eq!(repeat.expected_spend, [30.0, 0.0]);
        // Since day 10 that is 14 orders in 390 + 22.5 days.
        let rate = rules.forecast(Rule::Rate);
        let orders = 14.0 / 412.5 * 90.0;
        assert!((rate.expected_orders[0] - orders).abs() < 1e-12);
        assert!((rate.p_buy[0] - (1.0 - (-orders).exp())).abs() < 1e-12);
        assert!((rate.p_buy_short[0] - (1.0 - (-orders / 3.0).exp())).abs() < 1e-12);
        // In the past window one of two bought, on 3 days: each cell is 1 customer and 20 of the mean.
        let rfm = rules.forecast(Rule::Rfm);
        assert!((rfm.p_buy[0] - (1.0 + 0.5 * 20.0) / 21.0).abs() < 1e-12);
        assert!((rfm.expected_orders[1] - (0.0 + 1.5 * 20.0) / 21.0).abs() < 1e-12);
    }

    #[test]
    fn nothing_after_the_cutoff_changes_a_forecast() {
        let mut shop = shop();
        let all = |shop: &[(&'static str, History)]| {
            let histories = shop.iter().map(|(id, history)| (*id, history));
            let rules = Baselines::learn(histories, cutoff(), 90, Zone::default()).unwrap();
            Rule::ALL.map(|rule| rules.forecast(rule))
        };
        let before = all(&shop);
        shop[1].1.extend(vec![Event::new(Kind::Purchase, cutoff() + 1, 1e6)]);
        assert_eq!(all(&shop), before);
    }

    #[test]
    fn no_past_is_an_error() {
        let shop = shop();
        assert!(matches!(learn(&shop, 9 * DAY, 90), Err(Error::NoCustomers { .. })));
        assert!(matches!(learn(&shop, 10 * DAY, 90), Err(Error::NothingToLearn { days: 1, .. })));
        assert_eq!(learn(&shop, cutoff(), 90), Ok(2));
    }
}
