//! Lifetime models for people: every family fitted to one base, with parameters, standard errors and likelihoods.
//!
//! The predictive fit picks its own lifetime model; here an analyst sees them all as the papers print them.

use homing_datasets::{Histories, Kind, Micros, Zone};
use homing_models::lifetimes::{
    BgNbd, Cohort, GammaGamma, LifetimeModel, MAX_REGULARITY, MbgNbd, Options, ParetoNbd, Recency, Spend,
    SpendSample, Summary,
};
use rayon::prelude::*;
use serde::Serialize;
use statrs::distribution::{ChiSquared, ContinuousCDF};

use crate::error::Error;

/// The unit of time of parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    /// Days.
    Days,
    /// Weeks, as in most papers.
    #[default]
    Weeks,
}

impl TimeUnit {
    /// Its length in days.
    #[must_use]
    pub fn days(self) -> f64 {
        match self {
            TimeUnit::Days => 1.0,
            TimeUnit::Weeks => 7.0,
        }
    }
}

/// A family of models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// BG/NBD.
    BgNbd,
    /// MBG/NBD.
    MbgNbd,
    /// Pareto/NBD.
    ParetoNbd,
    /// BG/CNBD-k: BG/NBD with gaps more regular than chance.
    BgCnbdK,
    /// MBG/CNBD-k.
    MbgCnbdK,
    /// Gamma-Gamma, of order values.
    GammaGamma,
}

impl Family {
    /// Every family, in the order of reports.
    pub const ALL: [Family; 6] = [
        Family::BgNbd,
        Family::MbgNbd,
        Family::ParetoNbd,
        Family::BgCnbdK,
        Family::MbgCnbdK,
        Family::GammaGamma,
    ];

    /// The families of which one is the other with one parameter held (k = 1).
    const NESTED: [(Family, Family); 2] =
        [(Family::BgNbd, Family::BgCnbdK), (Family::MbgNbd, Family::MbgCnbdK)];

    /// Its name on the command line, e.g. `bg_nbd`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Family::BgNbd => "bg_nbd",
            Family::MbgNbd => "mbg_nbd",
            Family::ParetoNbd => "pareto_nbd",
            Family::BgCnbdK => "bg_cnbd_k",
            Family::MbgCnbdK => "mbg_cnbd_k",
            Family::GammaGamma => "gamma_gamma",
        }
    }
}

/// One fitted parameter.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Parameter {
    /// Its name in the paper.
    pub name: &'static str,
    /// Its estimate; in the unit of time where it is a time, in the business's currency where it is money.
    pub value: f64,
    /// Its standard error (delta method); none where the data do not identify it.
    pub standard_error: Option<f64>,
}

/// A fitted family.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fitted {
    /// The family.
    pub model: Family,
    /// How the fit ended.
    pub status: String,
    /// The parameters, in the order of the paper.
    pub parameters: Vec<Parameter>,
    /// Log-likelihood at the estimate, as the papers give it.
    pub log_likelihood: f64,
    /// Bayesian information criterion, k·ln(n) − 2·LL; smaller is better, among models of the same customers.
    pub bic: f64,
    /// Customers that went in: all with an order; for Gamma-Gamma those with a repeat order.
    pub customers: f64,
}

/// A likelihood-ratio test of a family against one that it is part of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LikelihoodRatio {
    /// The family with one parameter held.
    pub restricted: Family,
    /// The family that it is part of.
    pub model: Family,
    /// Twice the difference of the log-likelihoods.
    pub statistic: f64,
    /// Parameters that are free in the one and held in the other.
    pub degrees_of_freedom: u32,
    /// How likely so large a difference is if the restricted family holds: the chi-squared tail. The k of regular gaps is held to
    /// whole numbers from 1 on, so it is rather too large than too small.
    pub p_value: f64,
}

impl LikelihoodRatio {
    /// Of two fits to the same customers; `None` where the families are not nested or one is missing.
    fn of(models: &[Fitted], (restricted, model): (Family, Family)) -> Option<Self> {
        let of = |family| models.iter().find(|fitted| fitted.model == family);
        let (small, large) = (of(restricted)?, of(model)?);
        let statistic = (2.0 * (large.log_likelihood - small.log_likelihood)).max(0.0);
        let tail = ChiSquared::new(1.0).ok()?.sf(statistic);
        Some(LikelihoodRatio { restricted, model, statistic, degrees_of_freedom: 1, p_value: tail })
    }
}

/// What went in, and what came out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lifetimes {
    /// The instant up to which orders count (local date).
    pub as_of: String,
    /// The unit of time.
    pub unit: TimeUnit,
    /// Customers with an order.
    pub customers: usize,
    /// Their repeat orders: all of a day are one, the first is left out.
    pub repeat_orders: u64,
    /// Whether purchases of amount 0 count as orders.
    pub free_orders: bool,
    /// The models.
    pub models: Vec<Fitted>,
    /// Tests of the fitted families that are part of each other.
    pub tests: Vec<LikelihoodRatio>,
}

/// One customer as the models see it.
struct Customer {
    recency: Recency,
    /// Orders after the first with an amount above 0, and the mean of their amounts.
    spend: Spend,
    /// Sum of the logs of the gaps between orders.
    log_gaps: f64,
}

/// Fits `families` to everything known at `as_of`. Orders are what a customer bought on one day; with `free_orders` also days
/// with purchases of amount 0 alone, which published fits on CDNOW count. No prior: these are the maxima of the likelihood.
///
/// # Errors
/// [`Error::Refused`] when nobody has bought, [`Error::Lifetime`] where a model cannot be fitted.
///
/// # Examples
/// ```no_run
/// use homing_datasets::Zone;
/// use homing_training::lifetimes::{Family, TimeUnit, lifetimes};
///
/// let histories = homing_datasets::cdnow()?;
/// let as_of = Zone::default().as_of("1997-09-30")?;
/// let found = lifetimes(&histories, as_of, Zone::default(), &Family::ALL, TimeUnit::Weeks, true)?;
/// println!("{:?}", found.models[0].parameters);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn lifetimes(
    histories: &Histories,
    as_of: Micros,
    zone: Zone,
    families: &[Family],
    unit: TimeUnit,
    free_orders: bool,
) -> Result<Lifetimes, Error> {
    let customers: Vec<Customer> = histories
        .par_iter()
        .filter_map(|(_, history)| {
            let view = history.as_of(as_of);
            let mut days: Vec<(i32, f64)> = Vec::new();
            for ((&at, &kind), &amount) in view.occurred_at().iter().zip(view.kind()).zip(view.amount()) {
                if kind != Kind::Purchase || amount < 0.0 || amount == 0.0 && !free_orders {
                    continue;
                }
                let day = zone.day(at);
                match days.last_mut() {
                    Some(last) if last.0 == day => last.1 += amount,
                    _ => days.push((day, amount)),
                }
            }
            Customer::of(&days, zone.day(as_of), unit)
        })
        .collect();
    if customers.is_empty() {
        return Err(Error::Refused { lacks: vec!["no purchase before `as_of`".into()] });
    }
    let recencies: Vec<Recency> = customers.iter().map(|one| one.recency).collect();
    let log_gaps = customers.iter().map(|one| one.log_gaps).sum();
    let cohort = Cohort::from_customers(&recencies)?.with_log_gaps(log_gaps);
    let models = families
        .iter()
        .map(|&family| fit(family, &cohort, &customers))
        .collect::<Result<Vec<Fitted>, Error>>()?;
    let tests = Family::NESTED.into_iter().filter_map(|pair| LikelihoodRatio::of(&models, pair)).collect();
    Ok(Lifetimes {
        as_of: zone.date(as_of).to_string(),
        unit,
        customers: customers.len(),
        repeat_orders: recencies.iter().map(|one| u64::from(one.frequency)).sum(),
        free_orders,
        models,
        tests,
    })
}

impl Customer {
    /// Of days with an order and their amounts, ascending; `None` of none.
    fn of(days: &[(i32, f64)], today: i32, unit: TimeUnit) -> Option<Self> {
        let (&(first, _), repeats) = days.split_first()?;
        let last = days.last()?.0;
        let since_first = |day: i32| f64::from(day - first) / unit.days();
        let paid: Vec<f64> = repeats.iter().map(|day| day.1).filter(|&amount| amount > 0.0).collect();
        let mean_spend = if paid.is_empty() { 0.0 } else { paid.iter().sum::<f64>() / paid.len() as f64 };
        Some(Customer {
            recency: Recency::new(repeats.len() as u32, since_first(last), since_first(today)),
            spend: Spend { frequency: paid.len() as u32, mean_spend },
            log_gaps: days.windows(2).map(|two| (f64::from(two[1].0 - two[0].0) / unit.days()).ln()).sum(),
        })
    }
}

fn fit(family: Family, cohort: &Cohort, customers: &[Customer]) -> Result<Fitted, Error> {
    let options = Options::default();
    Ok(match family {
        Family::BgNbd => {
            let model = BgNbd::fit(cohort, &options)?;
            let values = [("r", model.r()), ("alpha", model.alpha()), ("a", model.a()), ("b", model.b())];
            fitted(family, &values, model.summary())
        }
        Family::MbgNbd => {
            let model = MbgNbd::fit(cohort, &options)?;
            let values = [("r", model.r()), ("alpha", model.alpha()), ("a", model.a()), ("b", model.b())];
            fitted(family, &values, model.summary())
        }
        Family::ParetoNbd => {
            let model = ParetoNbd::fit(cohort, &options)?;
            let values =
                [("r", model.r()), ("alpha", model.alpha()), ("s", model.s()), ("beta", model.beta())];
            fitted(family, &values, model.summary())
        }
        Family::BgCnbdK => {
            let model = BgNbd::fit_regularity(cohort, MAX_REGULARITY, &options)?;
            let values = [("r", model.r()), ("alpha", model.alpha()), ("a", model.a()), ("b", model.b())];
            regular(fitted(family, &values, model.summary()), model.k())
        }
        Family::MbgCnbdK => {
            let model = MbgNbd::fit_regularity(cohort, MAX_REGULARITY, &options)?;
            let values = [("r", model.r()), ("alpha", model.alpha()), ("a", model.a()), ("b", model.b())];
            regular(fitted(family, &values, model.summary()), model.k())
        }
        Family::GammaGamma => {
            let spends: Vec<Spend> =
                customers.iter().map(|one| one.spend).filter(|spend| spend.frequency > 0).collect();
            let model = GammaGamma::fit(&SpendSample::from_customers(&spends)?, &options)?;
            let values = [("p", model.p()), ("q", model.q()), ("v", model.v())];
            fitted(family, &values, model.summary())
        }
    })
}

/// A fit with its k, which was chosen by the likelihood too and counts as a parameter.
fn regular(mut fitted: Fitted, k: u32) -> Fitted {
    fitted.parameters.push(Parameter { name: "k", value: f64::from(k), standard_error: None });
    fitted.bic += fitted.customers.ln();
    fitted
}

fn fitted(model: Family, values: &[(&'static str, f64)], summary: &Summary) -> Fitted {
    let error = |at: usize| summary.standard_errors.as_ref().and_then(|errors| errors.get(at).copied());
    let parameters = values
        .iter()
        .enumerate()
        .map(|(at, &(name, value))| Parameter { name, value, standard_error: error(at) })
        .collect();
    Fitted {
        model,
        status: summary.status.to_string(),
        parameters,
        log_likelihood: summary.log_likelihood,
        bic: values.len() as f64 * summary.customers.ln() - 2.0 * summary.log_likelihood,
        customers: summary.customers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use homing_datasets::{DAY, Event, History};
    use homing_models::sampling::mix;

    /// Purchases whose (x, t_x, T) are those of the published sample of CDNOW: 2,357 customers up to 1997-09-30.
    fn sample(as_of: Micros) -> Histories {
        let csv = include_str!("../models/tests/fixtures/cdnow_sample_bgnbd.csv");
        let mut customers = Vec::new();
        for line in csv.lines().skip(1).filter(|line| !line.starts_with('#')) {
            let fields: Vec<f64> = line.split(',').filter_map(|field| field.trim().parse().ok()).collect();
            let [x, last, age, count] = fields[..] else { continue };
            let (last, age) = ((last * 7.0).round() as i64, (age * 7.0).round() as i64);
            let first = as_of - age * DAY - DAY / 2;
            // Orders between the first and the last lie where they like: the models do not look at them.
            let days = (0..x as i64).map(|k| last - k);
            let events = |free: bool| {
                let amount = if free { 0.0 } else { 20.0 };
                let buy = |day: i64| Event::new(Kind::Purchase, first + day * DAY, amount);
                History::from_events(std::iter::once(0).chain(days.clone()).map(buy).collect())
            };
            for copy in 0..count as usize {
                customers.push((format!("{}-{copy}", customers.len()), events(customers.len() % 50 == 0)));
            }
        }
        Histories::from_vec(customers)
    }

    #[test]
    fn published_parameters_come_out_of_purchases() {
        let as_of = Zone::default().as_of("1997-09-30").unwrap();
        let families = [Family::BgNbd, Family::ParetoNbd];
        let histories = sample(as_of);
        let found = lifetimes(&histories, as_of, Zone::default(), &families, TimeUnit::Weeks, true).unwrap();
        assert_eq!(found.customers, 2357);
        let close = |model: usize, values: &[f64], within: f64| {
            for (parameter, value) in found.models[model].parameters.iter().zip(values) {
                assert!((parameter.value - value).abs() < within, "{parameter:?} {value}");
                assert!(parameter.standard_error.is_some_and(|error| error > 0.0 && error < parameter.value));
            }
        };
        // Fader, Hardie & Lee (2005), table 2; times in whole days here, rounded to .01 weeks there.
        close(0, &[0.243, 4.414, 0.793, 2.426], 6e-3);
        close(1, &[0.553, 10.578, 0.606, 11.669], 5e-2);
        assert!((found.models[0].log_likelihood + 9582.43).abs() < 0.1, "{}", found.models[0].log_likelihood);
        assert!((found.models[0].bic - (4.0 * 2357f64.ln() + 2.0 * 9582.43)).abs() < 0.2);
        let paid =
            lifetimes(&histories, as_of, Zone::default(), &families[..1], TimeUnit::Days, false).unwrap();
        assert!(paid.customers < 2357 && paid.models[0].parameters[1].value > 20.0);
    }
    #[test]
    fn regular_gaps_are_told_from_chance() {
        let unit = |customer: i64, k: i64| mix(mix(customer as u64) ^ k as u64) as f64 / u64::MAX as f64;
        let base = |regular: bool| {
            let customer = |customer: i64| {
                let mut day = customer % 90;
                let mut events = vec![Event::new(Kind::Purchase, day * DAY, 20.0)];
                for k in 0.. {
                    // Leaves with probability .1 after each order.
                    let gap = -unit(customer, 2 * k).ln() * if regular { 0.0 } else { 30.0 };
                    day += if regular { 27 + k % 7 } else { 1 + gap as i64 };
                    if day >= 400 || unit(customer, 2 * k + 1) < 0.1 {
                        break;
                    }
                    events.push(Event::new(Kind::Purchase, day * DAY, 20.0));
                }
                (customer.to_string(), History::from_events(events))
            };
            Histories::from_vec((0..800).map(customer).collect())
        };
        let families = [Family::BgNbd, Family::BgCnbdK];
        let test = |regular| {
            let zone = Zone::default();
            lifetimes(&base(regular), 400 * DAY, zone, &families, TimeUnit::Days, false).unwrap()
        };
        let (monthly, random) = (test(true), test(false));
        let k = |found: &Lifetimes| found.models[1].parameters[4].value;
        assert!(k(&monthly) >= 6.0 && monthly.tests[0].p_value < 1e-6, "{monthly:?}");
        assert!(k(&random) <= 2.0 && monthly.models[1].bic < monthly.models[0].bic, "{random:?}");
        assert_eq!((monthly.tests.len(), monthly.tests[0].degrees_of_freedom), (1, 1));
    }
}
