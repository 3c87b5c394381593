//! Money over time: what cohorts of new customers are worth, what the present customers will spend by month, and who orders again.
//!
//! Everything is judged on the business's own past: the same forecast is made at each earlier month from what was known then.

pub mod errors;
pub mod model;
pub mod repurchase;
pub mod table;

use std::collections::BTreeMap;

use homing_datasets::{Histories, Micros, Zone};
use serde::Serialize;

use crate::Error;
use errors::{Past, reach};
use model::Fitted;
use repurchase::{Step, steps};
use table::{By, Month, Spender, Table, last_complete, spenders};

/// Ages at which cohorts are valued, in months.
pub const AGES: [usize; 3] = [6, 12, 24];
/// Months of revenue that are forecast.
pub const AHEAD: usize = 12;
/// Fewest complete months, and customers.
const LEAST: (usize, f64) = (6, 100.0);
/// The first month from which a forecast is made.
const FIRST_ORIGIN: usize = 3;
/// Most groups of a split; the others are put together.
const GROUPS: usize = 8;
/// The longest age, in months.
const LONGEST: usize = 24;

/// What is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Question {
    /// Gross margin as a share of the spend.
    pub margin: Option<f64>,
    /// Cost of acquiring a customer, in the currency of the purchases.
    pub acquisition_cost: Option<f64>,
    /// By what to split customers.
    pub by: Option<By>,
}

/// The value of a cohort at an age: revenue per customer, from the month of joining to the end of the month of this age.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Value {
    /// Age in months.
    pub months: usize,
    /// What was expected one month after the month of joining, or is expected now where the time has not come.
    pub expected: Option<f64>,
    /// Low end of its 80 % interval.
    pub low: Option<f64>,
    /// High end.
    pub high: Option<f64>,
    /// Months of the cohort's life that were known when it was expected.
    pub known_months: Option<usize>,
    /// What came, once it has.
    pub came: Option<f64>,
}

/// Customers who joined in one month.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cohort {
    /// The month (`2025-03`).
    pub month: String,
    /// Customers.
    pub customers: usize,
    /// Value at 6, 12 and 24 months.
    pub values: Vec<Value>,
    /// Months until the margin covers the acquisition cost, by what came and is expected; `null` where it does not within 24.
    pub payback_months: Option<usize>,
}

/// Revenue of the present customers in a month.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Forecast {
    /// The month.
    pub month: String,
    /// Expected revenue of the customers who are known now; new ones come on top.
    pub expected: f64,
    /// Low end of its 80 % interval.
    pub low: f64,
    /// High end.
    pub high: f64,
}

/// How forecasts did that were made at earlier months.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Backtest {
    /// Forecasts whose time has come.
    pub forecasts: usize,
    /// Share of them whose 80 % interval held what came; `null` of none.
    pub coverage: Option<f64>,
    /// Median of the relative error; `null` of none.
    pub median_error: Option<f64>,
}

/// Cohorts of customers with a common origin.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// The value that they share; empty where it is not known.
    pub group: String,
    /// Customers.
    pub customers: usize,
    /// Their cohorts; empty with too few customers or months.
    pub cohorts: Vec<Cohort>,
    /// How often they order again.
    pub repurchase: Vec<Step>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Money {
    /// The last complete month.
    pub until: String,
    /// Customers.
    pub customers: usize,
    /// Cohorts by month of the first order, oldest first.
    pub cohorts: Vec<Cohort>,
    /// How cohort values did that were forecast earlier.
    pub cohort_backtest: Backtest,
    /// Revenue by month of the customers who are known now.
    pub revenue: Vec<Forecast>,
    /// How revenues did that were forecast earlier.
    pub revenue_backtest: Backtest,
    /// How many order again, by order number.
    pub repurchase: Vec<Step>,
    /// The same by what the first order was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
}

/// Forecasts at every month, and how they did.
struct Forecasts {
    fits: Vec<Option<Fitted>>,
    base: Vec<Past>,
    cohorts: Vec<Past>,
}

/// Answers what customers are worth over time.
///
/// # Errors
/// [`Error::InvalidArgument`] for numbers out of range; [`Error::Refused`] with fewer than six complete months, fewer than 100
/// customers, or where nobody came back.
pub fn money(histories: &Histories, as_of: Micros, zone: Zone, question: &Question) -> Result<Money, Error> {
    question.check()?;
    let all = spenders(histories, as_of, zone, question.by);
    let last = last_complete(as_of, zone);
    let table = Table::of(all.iter(), last, AHEAD + LONGEST);
    let refused = |lack: String| Error::Refused { lacks: vec![lack] };
    let Some(table) = table else { return Err(refused("no customer bought in a complete month".to_owned())) };
    if table.months() < LEAST.0 {
        return Err(refused(format!(
            "{} complete months of purchases; values over time need {} or more",
            table.months(),
            LEAST.0
        )));
    }
    let customers: f64 = table.customers.iter().sum();
    if customers < LEAST.1 {
        return Err(refused(format!("{customers} customers; values over time need {} or more", LEAST.1)));
    }
    let past = Forecasts::of(&table);
    if past.fits.last().is_none_or(Option::is_none) {
        return Err(refused("nobody bought again after the month of the first order".to_owned()));
    }
    Ok(Money {
        until: last.to_string(),
        customers: customers as usize,
        cohorts: cohorts(&table, &past, question),
        cohort_backtest: past.judged(&past.cohorts, LONGEST),
        revenue: revenue(&table, &past),
        revenue_backtest: past.judged(&past.base, 2),
        repurchase: steps(histories.iter().map(|(_, history)| history), as_of, zone),
        groups: question
            .by
            .map_or_else(Vec::new, |by| groups(histories, &all, (as_of, zone, by), last, question)),
    })
}

impl Question {
    /// Refuses a margin and a cost that cannot be.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] that says what is wrong.
    pub fn check(&self) -> Result<(), Error> {
        if let Some(margin) = self.margin.filter(|margin| !(*margin > 0.0 && *margin <= 1.0)) {
            return Err(Error::InvalidArgument(format!(
                "the margin is {margin}; give it as a share above 0 and at most 1, such as 0.35"
            )));
        }
        if let Some(cost) = self.acquisition_cost.filter(|cost| !(cost.is_finite() && *cost > 0.0)) {
            return Err(Error::InvalidArgument(format!(
                "the acquisition cost is {cost}; it must be above 0"
            )));
        }
        Ok(())
    }
}

impl Forecasts {
    fn of(table: &Table) -> Self {
        let months = table.months();
        let fits: Vec<Option<Fitted>> = (0..months)
            .map(|last| (last >= FIRST_ORIGIN).then(|| Fitted::of(table, last)).flatten())
            .collect();
        let (mut base, mut cohorts) = (Vec::new(), Vec::new());
        for (origin, fitted) in fits.iter().enumerate() {
            let Some(fitted) = fitted else { continue };
            for month in origin + 1..months.min(origin + 1 + AHEAD) {
                let (came, expected) = (table.base(origin, month), fitted.base(table, month));
                let sampling = sampling(table, table.customers[..=origin].iter().sum());
                base.extend(past(origin, month - origin, came, expected, sampling));
            }
            for cohort in 0..origin {
                for age in AGES.into_iter().filter(|age| cohort + age > origin && cohort + age < months) {
                    let month = cohort + age;
                    let came = table.revenue[cohort][origin + 1..=month].iter().sum();
                    let expected = rest(table, fitted, cohort, origin, month);
                    let sampling = sampling(table, table.customers[cohort]);
                    cohorts.extend(past(origin, month - origin, came, expected, sampling));
                }
            }
        }
        Forecasts { fits, base, cohorts }
    }

    /// Coverage and error of forecasts, each with the interval that was known at its time.
    fn judged(&self, all: &[Past], near: usize) -> Backtest {
        let mut errors: Vec<f64> = all.iter().map(|one| one.error.exp_m1().abs()).collect();
        errors.sort_by(f64::total_cmp);
        let held = all
            .iter()
            .filter(|one| one.error.abs() <= reach(all, one.origin, one.ahead, one.sampling, near))
            .count();
        Backtest {
            forecasts: all.len(),
            coverage: (!all.is_empty()).then(|| held as f64 / all.len() as f64),
            median_error: errors.get(errors.len() / 2).copied(),
        }
    }
}

/// What the number of customers alone explains of the variance of a log error.
fn sampling(table: &Table, customers: f64) -> f64 {
    (table.spread / customers.max(1.0)).min(4.0)
}

fn past(origin: usize, ahead: usize, came: f64, expected: f64, sampling: f64) -> Option<Past> {
    let error = (came / expected).ln();
    error.is_finite().then_some(Past { origin, ahead, error, sampling })
}

/// What a cohort is expected to spend after a month, up to another one.
fn rest(table: &Table, fitted: &Fitted, cohort: usize, origin: usize, to: usize) -> f64 {
    (origin + 1..=to).map(|month| fitted.cohort(table, cohort, month)).sum()
}

fn cohorts(table: &Table, past: &Forecasts, question: &Question) -> Vec<Cohort> {
    let present = table.months() - 1;
    let one = |cohort: usize| {
        let customers = table.customers[cohort];
        Cohort {
            month: table.month(cohort).to_string(),
            customers: customers as usize,
            values: AGES.into_iter().map(|age| value(table, past, cohort, age)).collect(),
            payback_months: payback(table, past.fits[present].as_ref(), cohort, question),
        }
    };
    (0..table.months()).filter(|cohort| table.customers[*cohort] > 0.0).map(one).collect()
}

fn value(table: &Table, past: &Forecasts, cohort: usize, age: usize) -> Value {
    let (present, month) = (table.months() - 1, cohort + age);
    let customers = table.customers[cohort];
    let came = (month <= present).then(|| table.cumulated(cohort, month) / customers);
    let origin = if came.is_some() { cohort + 1 } else { present };
    let mut value = Value { months: age, expected: None, low: None, high: None, known_months: None, came };
    if let Some(fitted) = past.fits[origin].as_ref().filter(|_| month > origin) {
        let known = table.cumulated(cohort, origin);
        let rest = rest(table, fitted, cohort, origin, month);
        let sampling = sampling(table, customers);
        let reach = reach(&past.cohorts, origin, month - origin, sampling, LONGEST);
        value.expected = Some((known + rest) / customers);
        value.low = Some((known + rest * (-reach).exp()) / customers);
        value.high = Some((known + rest * reach.exp()) / customers);
        value.known_months = Some(origin - cohort);
    }
    value
}

/// The first age at which the margin of what came and is expected covers the acquisition cost.
fn payback(table: &Table, fitted: Option<&Fitted>, cohort: usize, question: &Question) -> Option<usize> {
    let (margin, cost) = question.margin.zip(question.acquisition_cost)?;
    let present = table.months() - 1;
    let mut sum = 0.0;
    (0..=LONGEST).find(|age| {
        let month = cohort + age;
        sum += match month <= present {
            true => table.revenue[cohort][month],
            false => fitted.map_or(0.0, |fitted| fitted.cohort(table, cohort, month)),
        };
        sum * margin >= cost * table.customers[cohort]
    })
}

fn revenue(table: &Table, past: &Forecasts) -> Vec<Forecast> {
    let present = table.months() - 1;
    let Some(fitted) = &past.fits[present] else { return Vec::new() };
    let sampling = sampling(table, table.customers.iter().sum());
    let one = |ahead: usize| {
        let expected = fitted.base(table, present + ahead);
        let reach = reach(&past.base, present, ahead, sampling, 2);
        Forecast {
            month: table.month(present + ahead).to_string(),
            expected,
            low: expected * (-reach).exp(),
            high: expected * reach.exp(),
        }
    };
    (1..=AHEAD).map(one).collect()
}

/// The largest groups of customers by the origin of their first order.
fn groups(
    histories: &Histories,
    all: &[Spender],
    (as_of, zone, by): (Micros, Zone, By),
    last: Month,
    question: &Question,
) -> Vec<Group> {
    let name = |one: &Spender| one.group.clone().unwrap_or_default();
    let mut sizes: BTreeMap<String, usize> = BTreeMap::new();
    all.iter().for_each(|one| *sizes.entry(name(one)).or_default() += 1);
    let mut sizes: Vec<(String, usize)> = sizes.into_iter().collect();
    sizes.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    sizes.truncate(GROUPS);
    let group = |(group, customers): (String, usize)| {
        let own: Vec<&Spender> = all.iter().filter(|one| name(one) == group).collect();
        let table = Table::of(own.iter().copied(), last, AHEAD + LONGEST)
            .filter(|table| table.months() >= LEAST.0 && customers as f64 >= LEAST.1);
        let cohorts = table.map_or_else(Vec::new, |table| {
            let past = Forecasts::of(&table);
            cohorts(&table, &past, question)
        });
        let of_group = histories.iter().map(|(_, history)| history).filter(|history| {
            let view = history.as_of(as_of);
            let first = view.orders(zone).next();
            let own = first.and_then(|order| view.lines(&order).find_map(|line| by.name(&view, line)));
            view.purchases().next().is_some() && own.unwrap_or_default() == group
        });
        let repurchase = steps(of_group, as_of, zone);
        Group { group, customers, cohorts, repurchase }
    };
    sizes.into_iter().map(group).collect()
}
