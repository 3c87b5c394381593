//! Input no shop should have, and the promises that hold for any.

use homing_models::lifetimes::{
    BgNbd, Cohort, Error, GammaGamma, Lifetime, LifetimeModel, MbgNbd, Options, ParetoNbd, Recency, Spend,
    SpendSample, Status,
};
use linfa::DatasetBase;
use linfa::traits::Fit;

use super::{assert_close, cdnow_sample, cdnow_spend};
use crate::simulation::{Rng, Shop};

fn fit_all(cohort: &Cohort, options: &Options) -> Vec<Lifetime> {
    vec![
        Lifetime::BgNbd(BgNbd::fit(cohort, options).unwrap()),
        Lifetime::MbgNbd(MbgNbd::fit(cohort, options).unwrap()),
        Lifetime::BgNbd(BgNbd::fit(cohort, &Options { regularity: 4, ..options.clone() }).unwrap()),
        Lifetime::ParetoNbd(ParetoNbd::fit(cohort, options).unwrap()),
    ]
}

/// Heavy buyers that made other implementations overflow, and rows at the edges.
fn hostile() -> Vec<Recency> {
    let rows = [
        (221, 103.43, 103.57),
        (254, 97.43, 97.29),
        (161, 94.71, 98.0),
        (204, 98.57, 99.43),
        (12_345, 90.0, 100.0),
        (12_345, 100.0, 100.0),
        (4_000_000, 1.0, 100.0),
        (0, 0.0, 0.0),
        (0, 0.0, 1e-6),
        (3, 0.0, 0.0),
        (3, 1e-6, 1e-6),
        (1, 0.0, 1e6),
        (0, 5.0, 3.0),
        (7, 9.0, 3.0),
    ];
    rows.iter().map(|&(x, t_x, t)| Recency::new(x, t_x, t)).collect()
}

fn assert_sane(model: &Lifetime, customer: Recency) {
    let alive = model.probability_alive(customer);
    assert!((0.0..=1.0).contains(&alive), "{alive} for {customer:?} from {model:?}");
    assert!(model.log_likelihood_of(customer).is_finite(), "ln L of {customer:?} from {model:?}");
    let (mut last_p, mut last_e) = (0.0, 0.0);
    for t in [f64::NAN, -1.0, 0.0, 1e-9, 1.0, 52.0, 5e3, 1e7, f64::INFINITY] {
        let (p, e) = (model.probability_of_purchase(customer, t), model.expected_orders(customer, t));
        // Parameters of 1e6 leave nine digits of ln B(a, b).
        let slack = 1.0 + 1e-8;
        assert!(
            (0.0..=alive).contains(&p) && last_p <= p * slack,
            "P({t}) = {p} after {last_p}, {customer:?}, {model:?}"
        );
        assert!(e.is_finite() && last_e <= e * slack, "E({t}) = {e} after {last_e}, {customer:?}, {model:?}");
        assert!(p <= e * slack, "P({t}) = {p} > E = {e}, {customer:?}, {model:?}");
        (last_p, last_e) = (p, e);
    }
    assert!(model.dert(customer, 0.002).is_finite());
    assert!(model.dert(customer, 0.0).is_nan() && model.dert(customer, f64::NAN).is_nan());
}

#[test]
fn published_models_answer_hostile_rows_in_order() {
    let models = [
        Lifetime::BgNbd(BgNbd::with_parameters(0.243, 4.414, 0.793, 2.426, 1).unwrap()),
        Lifetime::BgNbd(BgNbd::with_parameters(0.243, 4.414, 1.0, 0.1, 1).unwrap()),
        Lifetime::BgNbd(BgNbd::with_parameters(1e-6, 1e-6, 1e-6, 1e-6, 1).unwrap()),
        Lifetime::BgNbd(BgNbd::with_parameters(1e6, 1e6, 1e6, 1e6, 1).unwrap()),
        Lifetime::MbgNbd(MbgNbd::with_parameters(0.5248, 6.1828, 0.8914, 1.6141, 1).unwrap()),
        Lifetime::MbgNbd(MbgNbd::with_parameters(1.2, 2.0, 0.8914, 1.6141, 3).unwrap()),
        Lifetime::ParetoNbd(ParetoNbd::with_parameters(0.553, 10.578, 0.606, 11.669).unwrap()),
        Lifetime::ParetoNbd(ParetoNbd::with_parameters(0.553, 10.578, 1.0, 1e-5).unwrap()),
        Lifetime::ParetoNbd(ParetoNbd::with_parameters(1e-6, 1e-6, 1e-6, 1e-6).unwrap()),
        Lifetime::ParetoNbd(ParetoNbd::with_parameters(1e6, 1e6, 1e6, 1e6).unwrap()),
    ];
    for model in &models {
        hostile().into_iter().for_each(|customer| assert_sane(model, customer));
    }
}

#[test]
fn fits_to_hostile_cohorts_end_and_stay_finite() {
    let none_returns: Vec<Recency> = (0..500u32).map(|i| Recency::new(0, 0.0, f64::from(i % 90))).collect();
    let everyone_daily: Vec<Recency> =
        (1..300u32).map(|i| Recency::new(i, f64::from(i), f64::from(i))).collect();
    let no_time: Vec<Recency> = (0..50u32).map(|i| Recency::new(i % 3, 0.0, 0.0)).collect();
    let mut cohorts = vec![hostile(), none_returns, everyone_daily, no_time];
    cohorts.extend(hostile().into_iter().map(|customer| vec![customer]));
    for customers in cohorts {
        let cohort = Cohort::from_customers(&customers).unwrap();
        for prior_weight in [0.0, 1.0] {
            for model in fit_all(&cohort, &Options { prior_weight, ..Options::default() }) {
                assert!(model.summary().log_likelihood.is_finite(), "{model:?}");
                for customer in [customers[0], Recency::new(2, 30.0, 40.0)] {
                    assert_sane(&model, customer);
                }
            }
        }
    }
}

#[test]
fn a_prior_makes_one_customer_a_converged_fit() {
    let cohort = Cohort::from_customers(&[Recency::new(2, 30.43, 38.86)]).unwrap();
    for model in fit_all(&cohort, &Options { prior_weight: 1.0, ..Options::default() }) {
        assert_eq!(model.summary().status, Status::Converged, "{model:?}");
        assert!(model.summary().standard_errors.is_some());
    }
}

#[test]
fn t_x_after_t_moves_t() {
    let cohort = |row: (u32, f64, f64)| Cohort::from_customers(&[Recency::new(row.0, row.1, row.2)]).unwrap();
    assert_eq!(cohort((254, 97.43, 97.29)), cohort((254, 97.43, 97.43)));
    assert_eq!(cohort((0, 97.43, 97.29)), cohort((0, 0.0, 97.29)));
}

#[test]
fn what_is_no_cohort_says_which_row() {
    let row = Recency::new(1, 2.0, 3.0);
    let error = |bad: Recency| Cohort::from_customers(&[row, row, bad]).unwrap_err();
    assert_eq!(Cohort::from_customers(&[]).unwrap_err(), Error::Empty { sample: "cohort" });
    assert_eq!(Cohort::from_weighted(&[(row, 0.0)]).unwrap_err(), Error::Empty { sample: "cohort" });
    assert!(matches!(
        error(Recency::new(1, f64::NAN, 3.0)),
        Error::NonFinite { row: 2, field: "recency", .. }
    ));
    assert!(matches!(
        error(Recency::new(1, 2.0, f64::INFINITY)),
        Error::NonFinite { row: 2, field: "age", .. }
    ));
    assert_eq!(error(Recency::new(1, -1.0, 3.0)), Error::Negative { row: 2, field: "recency", value: -1.0 });
    let weight = Cohort::from_weighted(&[(row, -2.0)]).unwrap_err();
    assert_eq!(weight.to_string(), "row 0: weight is -2, but has to be zero or more");
}

#[test]
fn what_is_no_spend_says_which_row() {
    let spend = |frequency, mean_spend| Spend { frequency, mean_spend };
    let error = |rows: &[Spend]| SpendSample::from_customers(rows).unwrap_err();
    assert_eq!(error(&[spend(0, 9.0)]), Error::Empty { sample: "spend sample" });
    assert_eq!(error(&[spend(1, 0.0)]), Error::Empty { sample: "spend sample" });
    let negative = Error::Negative { row: 1, field: "mean_spend", value: -1.0 };
    assert_eq!(error(&[spend(1, 5.0), spend(1, -1.0)]), negative);
    assert!(matches!(error(&[spend(1, f64::NAN)]), Error::NonFinite { row: 0, field: "mean_spend", .. }));
}

#[test]
fn gamma_gamma_fits_hostile_spend() {
    let spend = |frequency, mean_spend| Spend { frequency, mean_spend };
    let samples = [
        vec![spend(1, 20.0)],
        vec![spend(1, 20.0); 100],
        vec![spend(1, 1e-12), spend(1, 1e12), spend(100_000, 3.0)],
        vec![spend(4_000_000_000, 1e300), spend(1, 1e300)],
        (1..200u32).map(|i| spend(1, 1e9 / f64::from(i).powi(4))).collect(),
    ];
    for rows in samples {
        let sample = SpendSample::from_customers(&rows).unwrap();
        let fit = GammaGamma::fit(&sample, &Options::default()).unwrap();
        assert!(fit.summary().log_likelihood.is_finite(), "{fit:?}");
        for customer in [spend(0, 0.0), spend(1, 20.0), spend(50, 1e12), rows[0]] {
            let value = fit.expected_mean_spend(customer);
            assert!(value.is_finite() && value > 0.0, "{value} for {customer:?} from {fit:?}");
        }
    }
}

#[test]
fn options_out_of_range_are_named() {
    let cohort = cdnow_sample();
    let named = |options: Options| match BgNbd::fit(&cohort, &options).unwrap_err() {
        Error::Hyperparameter { name, .. } => name,
        other => panic!("{other}"),
    };
    let default = Options::default;
    assert_eq!(named(Options { prior_weight: -1.0, ..default() }), "prior_weight");
    assert_eq!(named(Options { gradient_tolerance: 0.0, ..default() }), "gradient_tolerance");
    assert_eq!(named(Options { max_iterations: 0, ..default() }), "max_iterations");
    assert_eq!(named(Options { regularity: 13, ..default() }), "regularity");
    let error = ParetoNbd::with_parameters(1.0, f64::NAN, 1.0, 1.0).unwrap_err();
    assert!(matches!(error, Error::Parameter { model: "Pareto/NBD", name: "alpha", .. }));
}

#[test]
fn units_of_time_do_not_matter() {
    let weeks = cdnow_sample();
    let in_unit = |unit: f64| {
        let rows: Vec<(Recency, f64)> = (weeks.rows().iter().zip(weeks.weights()))
            .map(|(row, w)| (Recency::new(row.frequency, row.recency * unit, row.age * unit), *w))
            .collect();
        Cohort::from_weighted(&rows).unwrap()
    };
    let customer = Recency::new(2, 30.43, 38.86);
    let repeats: f64 =
        weeks.rows().iter().zip(weeks.weights()).map(|(row, w)| w * f64::from(row.frequency)).sum();
    let reference = fit_all(&weeks, &Options::default());
    for unit in [7.0, 7.0 * 86_400e3, 1.0 / 52.0] {
        for (model, week) in fit_all(&in_unit(unit), &Options::default()).iter().zip(&reference) {
            assert_eq!(model.summary().status, Status::Converged);
            let k = if let Lifetime::BgNbd(model) = model { f64::from(model.k()) } else { 1.0 };
            let expected = week.summary().log_likelihood - k * repeats * unit.ln();
            assert_close("LL", model.summary().log_likelihood, expected, 1e-6);
            let scaled = Recency::new(2, 30.43 * unit, 38.86 * unit);
            let expected = week.expected_orders(customer, 39.0);
            assert_close("E", model.expected_orders(scaled, 39.0 * unit), expected, 1e-5 * expected);
        }
    }
}

#[test]
fn weights_count_customers() {
    let mut rng = Rng::new(3);
    let shop = Shop::Bg { r: 0.6, alpha: 4.0, a: 0.8, b: 2.5, k: 1 };
    let customers: Vec<Recency> = (0..5_000u32)
        .map(|i| shop.customer(&mut rng, f64::from(20 + i % 5), 0.0).0)
        .map(|c| Recency::new(c.frequency, c.recency.round(), c.age))
        .collect();
    let counted = Cohort::from_customers(&customers).unwrap();
    assert!(counted.rows().len() < 2_000);
    let mut backwards: Vec<(Recency, f64)> = customers.iter().rev().map(|c| (*c, 1.0)).collect();
    assert_eq!(Cohort::from_weighted(&backwards).unwrap(), counted);
    backwards.iter_mut().for_each(|(_, w)| *w = 3.0);
    let tripled = Cohort::from_weighted(&backwards).unwrap();
    let (one, three) = (
        BgNbd::fit(&counted, &Options::default()).unwrap(),
        BgNbd::fit(&tripled, &Options::default()).unwrap(),
    );
    assert_close("r", three.r(), one.r(), 1e-9);
    let errors = |fit: &BgNbd| fit.summary().standard_errors.clone().unwrap()[0];
    assert_close("standard error", errors(&three) * 3f64.sqrt(), errors(&one), 1e-6);
}

#[test]
fn any_number_of_threads_fits_the_same_bits() {
    let mut rng = Rng::new(5);
    let shop = Shop::Pareto { r: 0.9, alpha: 8.0, s: 0.9, beta: 12.0 };
    let customers: Vec<Recency> = (0..40_000).map(|_| shop.customer(&mut rng, 80.0, 0.0).0).collect();
    let fit = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| fit_all(&Cohort::from_customers(&customers).unwrap(), &Options::default()))
    };
    assert_eq!(fit(1), fit(3));
}

#[test]
fn regularity_is_found_where_it_is() {
    let mut rng = Rng::new(11);
    // Erlang-3 gaps, each customer observed from the first purchase on.
    let (mut customers, mut log_gaps) = (Vec::new(), 0.0);
    for _ in 0..4_000 {
        let (rate, p) = (rng.gamma(0.9, 2.0), rng.beta(0.8, 3.0));
        let (mut customer, mut time) = (Recency::new(0, 0.0, 60.0), 0.0);
        loop {
            let gap: f64 = (0..3).map(|_| rng.exponential(rate)).sum();
            time += gap;
            if time > 60.0 {
                break;
            }
            log_gaps += gap.ln();
            customer = Recency::new(customer.frequency + 1, time, 60.0);
            if rng.uniform() < p {
                break;
            }
        }
        customers.push(customer);
    }
    let cohort = Cohort::from_customers(&customers).unwrap();
    assert_eq!(BgNbd::fit_regularity(&cohort, 6, &Options::default()).unwrap_err(), Error::NoGaps);
    let fit = BgNbd::fit_regularity(&cohort.with_log_gaps(log_gaps), 6, &Options::default()).unwrap();
    assert_eq!(fit.k(), 3);
}

#[test]
fn a_bundle_gives_back_the_same_model() {
    let cohort = cdnow_sample();
    for model in fit_all(&cohort, &Options::default()) {
        let json = serde_json::to_string(&model).unwrap();
        assert_eq!(serde_json::from_str::<Lifetime>(&json).unwrap(), model);
    }
    let money = GammaGamma::fit(&cdnow_spend(), &Options::default()).unwrap();
    let json = serde_json::to_string(&money).unwrap();
    assert_eq!(serde_json::from_str::<GammaGamma>(&json).unwrap(), money);
}

#[test]
fn they_are_linfa_estimators() {
    let fit = BgNbd::fit(&cdnow_sample(), &Options::default()).unwrap();
    let dataset = DatasetBase::new(cdnow_sample(), ());
    assert_eq!(BgNbd::params().fit(&dataset).unwrap(), fit);
    assert!(matches!(
        ParetoNbd::params().prior_weight(f64::NAN).fit(&dataset),
        Err(Error::Hyperparameter { .. })
    ));
    let money = GammaGamma::params().fit(&DatasetBase::new(cdnow_spend(), ())).unwrap();
    assert_eq!(money.summary().status, Status::Converged);
}
