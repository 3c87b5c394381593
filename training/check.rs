//! The data usability report: what a purchase history can carry, and what it lacks.

use homing_datasets::engine::Sampled;
use homing_datasets::guards::Closures;
use homing_datasets::{DAY, Histories, Micros, Zone};
use rayon::prelude::*;
use serde::Serialize;

use crate::error::Error;
use crate::rows::first_purchase;
use crate::snapshots::plan;

/// Fewest customers with a purchase, and fewest with two orders, for any model.
const MIN_CUSTOMERS: u64 = 50;
const MIN_REPEATERS: u64 = 10;
/// Shortest history in days.
const MIN_DAYS: i64 = 56;

/// Fewest days of history that show a season twice.
pub const SEASON_DAYS: i64 = 365 + 90;

/// A few customers this many days ahead of all others look like mistyped dates.
const FAR_DAYS: i64 = 28;

/// What a history can carry for one horizon.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HorizonUse {
    /// The horizon in days.
    pub days: u32,
    /// The days of it that the history can teach; 0 where only a lifetime model answers.
    pub taught_days: u32,
    /// Windows to learn from.
    pub snapshots: usize,
    /// What that means, in words.
    pub verdict: String,
}

/// What a purchase history can carry.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Usability {
    /// The instant up to which it was looked at (RFC 3339).
    pub as_of: String,
    /// Customers with a purchase.
    pub customers: u64,
    /// Of which with two orders or more.
    pub repeaters: u64,
    /// Customers with events but no purchase.
    pub without_purchase: u64,
    /// Events.
    pub events: u64,
    /// Orders of all customers.
    pub orders: u64,
    /// Days from the first purchase to `as_of`.
    pub span_days: i64,
    /// First purchase (local date).
    pub first_purchase: String,
    /// Events after `as_of`, which were not looked at.
    pub events_after: u64,
    /// Which of products, categories, channels, promotions, product returns and interactions the data contain.
    pub optional: Vec<String>,
    /// By horizon.
    pub horizons: Vec<HorizonUse>,
    /// What is missing for any model; empty where one can be fitted.
    pub lacks: Vec<String>,
    /// Remarks on the data.
    pub remarks: Vec<String>,
    /// How many of the customers were looked at, where not all of them were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampled: Option<Sampled>,
    /// A few customers ahead of all others; `as_of` looks from there unless it is given.
    pub far_ahead: Option<FarAhead>,
}

/// A few customers whose last event is dated long after everybody else's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FarAhead {
    /// How many they are.
    pub customers: u64,
    /// The latest event (local date).
    pub latest: String,
    /// The last event of all others (local date).
    pub rest_end: String,
}

#[derive(Clone, Copy, Default)]
struct Sum {
    customers: u64,
    repeaters: u64,
    without: u64,
    events: u64,
    after: u64,
    orders: u64,
    optional: [bool; 6],
}

impl Usability {
    /// Looks at histories up to `as_of`, for these horizons.
    ///
    /// ```
    /// use homing_datasets::{Zone, cdnow};
    /// use homing_training::check::Usability;
    ///
    /// let histories = cdnow()?;
    /// let as_of = Zone::default().as_of("1998-06-30")?;
    /// let usability = Usability::of(&histories, as_of, &[90], Zone::default());
    /// assert_eq!(usability.customers, 23_502);
    /// usability.refuse()?; // an error where the data are not sufficient
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn of(histories: &Histories, as_of: Micros, horizons: &[u32], zone: Zone) -> Self {
        let sum = histories.par_iter().map(|(_, history)| one(history, as_of, zone)).reduce(
            Sum::default,
            |a, b| Sum {
                customers: a.customers + b.customers,
                repeaters: a.repeaters + b.repeaters,
                without: a.without + b.without,
                events: a.events + b.events,
                after: a.after + b.after,
                orders: a.orders + b.orders,
                optional: std::array::from_fn(|i| a.optional[i] || b.optional[i]),
            },
        );
        let first = first_purchase(histories).filter(|&first| first <= as_of);
        let span_days = first.map_or(0, |first| (as_of - first) / DAY);
        let closures = Closures::of(histories, as_of, zone);
        let horizons: Vec<HorizonUse> =
            horizons.iter().map(|&days| horizon_use(first, as_of, days, &closures, zone)).collect();
        let mut usability = Usability {
            as_of: zone.format(as_of),
            customers: sum.customers,
            repeaters: sum.repeaters,
            without_purchase: sum.without,
            events: sum.events,
            orders: sum.orders,
            span_days,
            first_purchase: first.map(|first| zone.date(first)).unwrap_or_default(),
            events_after: sum.after,
            optional: ["products", "categories", "channels", "promotions", "returns", "interactions"]
                .into_iter()
                .zip(sum.optional)
                .filter(|(_, found)| *found)
                .map(|(name, _)| name.to_owned())
                .collect(),
            horizons,
            lacks: Vec::new(),
            remarks: Vec::new(),
            far_ahead: far_ahead(histories, as_of, zone),
            sampled: None,
        };
        usability.judge(&sum);
        usability
    }

    /// Adds that the histories are a sample of the customers, where they are.
    #[must_use]
    pub fn sampled(mut self, sampled: Option<Sampled>) -> Self {
        self.sampled = sampled.filter(|sampled| sampled.kept < sampled.customers);
        if let Some(sampled) = self.sampled {
            self.remarks.push(format!(
                "a sample of {} of the {} customers was looked at, each with the whole history; totals are those of the \
                 sample, and each of its customers stands for {:.2}",
                sampled.kept,
                sampled.customers,
                sampled.weight()
            ));
        }
        self
    }

    fn judge(&mut self, sum: &Sum) {
        let mut lack = |short: bool, text: String| {
            if short {
                self.lacks.push(text);
            }
        };
        lack(
            sum.customers < MIN_CUSTOMERS,
            format!("{} customers with a purchase; at least {MIN_CUSTOMERS} are needed", sum.customers),
        );
        lack(
            sum.repeaters < MIN_REPEATERS,
            format!("{} customers with a second order; at least {MIN_REPEATERS} are needed", sum.repeaters),
        );
        lack(
            self.span_days < MIN_DAYS,
            format!(
                "{} days of history before {}; at least {MIN_DAYS} are needed",
                self.span_days, self.as_of
            ),
        );
        if self.span_days < SEASON_DAYS {
            self.remarks.push(format!(
                "{} days of history do not show a season twice: base rates rest on the latest windows and the lifetime model",
                self.span_days
            ));
        }
        if sum.optional[..3].iter().all(|found| !found) {
            self.remarks.push(
                "no products, categories or channels: reasons and features rest on time and money".to_owned(),
            );
        }
        if let Some(FarAhead { customers, latest, rest_end }) = &self.far_ahead {
            self.remarks.push(format!(
                "the latest event is on {latest}, but all customers except {customers} end by {rest_end}; if dates are mistyped, correct them or give --as-of {rest_end}"
            ));
        }
        if sum.after > 0 {
            self.remarks.push(format!("{} events after {} were left out", sum.after, self.as_of));
        }
    }

    /// Refuses where the data cannot carry any model.
    ///
    /// # Errors
    /// [`Error::Refused`] with everything that is missing.
    pub fn refuse(&self) -> Result<(), Error> {
        if self.lacks.is_empty() { Ok(()) } else { Err(Error::Refused { lacks: self.lacks.clone() }) }
    }

    /// Whether the last window of `days` can be held out.
    #[must_use]
    pub fn backtest_possible(&self, days: u32) -> bool {
        self.span_days - i64::from(days) >= MIN_DAYS
    }
}

/// Looks for a few customers whose last event is dated long after everybody else's: most likely mistyped.
fn far_ahead(histories: &Histories, as_of: Micros, zone: Zone) -> Option<FarAhead> {
    let mut last: Vec<Micros> = histories
        .par_iter()
        .filter_map(|(_, history)| history.as_of(as_of).occurred_at().last().copied())
        .collect();
    last.sort_unstable_by(|a, b| b.cmp(a));
    let few = (last.len() / 1000).max(1);
    let (&latest, &rest) = (last.first()?, last.get(few)?);
    (latest - rest > FAR_DAYS * DAY).then(|| FarAhead {
        customers: last.iter().filter(|&&at| at > rest).count() as u64,
        latest: zone.date(latest),
        rest_end: zone.date(rest),
    })
}

fn horizon_use(
    first: Option<Micros>,
    as_of: Micros,
    days: u32,
    closures: &Closures,
    zone: Zone,
) -> HorizonUse {
    match first.and_then(|first| plan(first, as_of, days, closures, zone)) {
        Some(plan) if plan.learned_days == days => HorizonUse {
            days,
            taught_days: days,
            snapshots: plan.cutoffs.len(),
            verdict: format!("{} training windows", plan.cutoffs.len()),
        },
        Some(plan) => HorizonUse {
            days,
            taught_days: plan.learned_days,
            snapshots: plan.cutoffs.len(),
            verdict: format!(
                "longer than the history: ranking from {} training windows of {} days, base rate from the lifetime model",
                plan.cutoffs.len(),
                plan.learned_days
            ),
        },
        None => HorizonUse {
            days,
            taught_days: 0,
            snapshots: 0,
            verdict: "longer than the history: lifetime model only".to_owned(),
        },
    }
}

fn one(history: &homing_datasets::History, as_of: Micros, zone: Zone) -> Sum {
    use homing_datasets::Kind;
    let view = history.as_of(as_of);
    let mut sum =
        Sum { events: view.len() as u64, after: (history.len() - view.len()) as u64, ..Sum::default() };
    sum.orders = view.orders(zone).count() as u64;
    sum.optional[4] = view.kind().contains(&Kind::Return);
    sum.optional[5] = view.kind().iter().any(|kind| !matches!(kind, Kind::Purchase | Kind::Return));
    sum.customers = u64::from(sum.orders > 0);
    sum.repeaters = u64::from(sum.orders > 1);
    sum.without = u64::from(sum.orders == 0 && sum.events > 0);
    let named = |codes: &[u32]| codes.iter().any(|&code| code != 0);
    sum.optional[0] = named(view.product());
    sum.optional[1] = named(view.category());
    sum.optional[2] = named(view.channel());
    sum.optional[3] = named(view.promotion()) || view.kind().contains(&Kind::PromotionSent);
    sum
}
