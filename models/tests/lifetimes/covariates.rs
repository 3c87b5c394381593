//! Covariates against simulated customers and against input that makes no sense.

use homing_models::lifetimes::{
    BgNbd, Coefficients, Covariate, CovariateCohort, Effect, Error, LifetimeModel, MbgNbd, Options,
    ParetoNbd, Recency, Scalable, Status, WithCovariates,
};
use linfa::DatasetBase;
use linfa::traits::Fit;
use ndarray::{Array2, array};

use crate::assert_close;
use crate::simulation::{Rng, Shop};

/// Customers of a shop whose parameters follow two covariates: a flag, and a number with mean 3.
fn simulated(customers: u32, shop: impl Fn(f64, f64) -> Shop, digits: f64) -> (Vec<Recency>, Array2<f64>) {
    let mut rng = Rng::new(17);
    let (mut rows, mut values) = (Vec::new(), Vec::new());
    for i in 0..customers {
        let flag = f64::from(i % 2);
        let number = ((rng.uniform() * 2.0 + 2.0) * digits).round() / digits;
        rows.push(shop(flag, number).customer(&mut rng, 40.0 + f64::from(i % 60), 0.0).0);
        values.extend([flag, number]);
    }
    (rows, Array2::from_shape_vec((customers as usize, 2), values).unwrap())
}

/// Holds coefficients against 4 standard errors of theirs, and asks that they be identified.
fn recovers<M: Scalable>(fit: &WithCovariates<M>, truth: &[(&str, Coefficients, f64)]) {
    assert_eq!(fit.summary().status, Status::Converged);
    assert_eq!(fit.coefficients().len(), truth.len());
    for (coefficient, &(name, of, value)) in fit.coefficients().iter().zip(truth) {
        assert_eq!((coefficient.covariate.as_str(), coefficient.of), (name, of));
        let error = coefficient.standard_error.unwrap();
        assert!(
            (coefficient.value - value).abs() < 4.0 * error && error < 0.2,
            "{coefficient:?} is not {value}"
        );
    }
}

#[test]
fn pareto_recovers_the_coefficients_of_simulated_customers() {
    // λ × e^(0.5 flag − 0.3 number), μ × e^(−0.4 flag).
    let shop = |flag: f64, number: f64| Shop::Pareto {
        r: 0.9,
        alpha: 8.0 * (-0.5 * flag + 0.3 * number).exp(),
        s: 1.2,
        beta: 12.0 * (0.4 * flag).exp(),
    };
    let (rows, values) = simulated(30_000, shop, 100.0);
    let covariates = vec![Covariate::new("flag"), Covariate::new("number").on(Effect::Purchases)];
    let cohort = CovariateCohort::from_customers(covariates, &rows, values.view()).unwrap();
    assert_eq!(cohort.groups(), 402);
    let fit = WithCovariates::<ParetoNbd>::fit(&cohort, &Options::default()).unwrap();
    let (purchases, dropout) = (Coefficients::Purchases, Coefficients::Dropout);
    recovers(&fit, &[("flag", purchases, 0.5), ("number", purchases, -0.3), ("flag", dropout, -0.4)]);
    // The parameters of one customer follow: those at flag = number = 0 are the shop's own.
    let base = fit.at(&[0.0, 0.0]).unwrap();
    for (value, truth) in base.parameters().iter().zip([0.9, 8.0, 1.2, 12.0]) {
        assert_close("parameter at zero", *value, truth, 0.25 * truth);
    }
    let plain = ParetoNbd::fit(cohort.pooled(), &Options::default()).unwrap();
    let gain = fit.summary().log_likelihood - plain.summary().log_likelihood;
    assert!(gain > 50.0, "{gain}");
}

#[test]
fn bg_and_mbg_recover_the_coefficients_of_simulated_customers() {
    // A continuous covariate: every customer is a group of its own.
    let (purchases, dropout, survival) =
        (Coefficients::Purchases, Coefficients::Dropout, Coefficients::Survival);
    let parameters = |flag: f64, number: f64| {
        (4.0 * (-0.6 * flag - 0.4 * (number - 3.0)).exp(), 0.8 * (0.7 * flag).exp(), 2.5 * (0.2 * flag).exp())
    };
    let truth = [
        ("flag", purchases, 0.6),
        ("number", purchases, 0.4),
        ("flag", dropout, 0.7),
        ("flag", survival, 0.2),
    ];
    let covariates = || vec![Covariate::new("flag"), Covariate::new("number").on(Effect::Purchases)];
    let bg = |flag: f64, number: f64| {
        let (alpha, a, b) = parameters(flag, number);
        Shop::Bg { r: 0.8, alpha, a, b, k: 1 }
    };
    let (rows, values) = simulated(20_000, bg, 1e12);
    let cohort = CovariateCohort::from_customers(covariates(), &rows, values.view()).unwrap();
    assert_eq!(cohort.groups(), 20_000);
    recovers(&WithCovariates::<BgNbd>::fit(&cohort, &Options::default()).unwrap(), &truth);
    let mbg = |flag: f64, number: f64| {
        let (alpha, a, b) = parameters(flag, number);
        Shop::Mbg { r: 0.8, alpha, a, b, k: 2 }
    };
    let (rows, values) = simulated(20_000, mbg, 100.0);
    let cohort = CovariateCohort::from_customers(covariates(), &rows, values.view()).unwrap();
    let options = Options { regularity: 2, ..Options::default() };
    recovers(&WithCovariates::<MbgNbd>::fit(&cohort, &options).unwrap(), &truth);
}

/// A hundred customers, half of whom buy often and have the flag.
fn small() -> (Vec<Recency>, Array2<f64>) {
    let mut rng = Rng::new(23);
    let shop = |flag: f64| Shop::Bg { r: 0.8, alpha: 4.0 * (-flag).exp(), a: 0.8, b: 2.5, k: 1 };
    let flags: Vec<f64> = (0..100).map(|i| f64::from(i % 2)).collect();
    let rows = flags.iter().map(|&flag| shop(flag).customer(&mut rng, 50.0, 0.0).0).collect();
    (rows, Array2::from_shape_vec((100, 1), flags).unwrap())
}

#[test]
fn a_prior_pulls_coefficients_to_zero_and_only_them() {
    let (rows, values) = small();
    let covariate = vec![Covariate::new("flag").on(Effect::Purchases)];
    let cohort = CovariateCohort::from_customers(covariate, &rows, values.view()).unwrap();
    let of = |covariate_prior_weight| {
        let options = Options { prior_weight: 0.1, covariate_prior_weight, ..Options::default() };
        let fit = WithCovariates::<BgNbd>::fit(&cohort, &options).unwrap();
        assert_eq!(fit.summary().status, Status::Converged);
        (fit.coefficient("flag", Coefficients::Purchases), fit)
    };
    let ((free, _), (held, _), (none, tight)) = (of(0.0), of(30.0), of(1e9));
    assert!(free > held && held > 0.2 * free && none.abs() < 1e-4, "{free} {held} {none}");
    let plain = BgNbd::fit(cohort.pooled(), &Options { prior_weight: 0.1, ..Options::default() }).unwrap();
    for (with, without) in tight.average().parameters().iter().zip(plain.parameters()) {
        assert_close("parameter", *with, without, 1e-3 * without);
    }
}

#[test]
fn a_constant_covariate_changes_nothing() {
    let (rows, _) = small();
    let options = Options { prior_weight: 0.1, ..Options::default() };
    let values = Array2::from_elem((100, 1), 1e300);
    let cohort = CovariateCohort::from_customers(vec![Covariate::new("same")], &rows, values.view()).unwrap();
    let fit = WithCovariates::<BgNbd>::fit(&cohort, &options).unwrap();
    let plain = BgNbd::fit(cohort.pooled(), &options).unwrap();
    assert_eq!(
        fit.coefficients().iter().map(|c| (c.value, c.standard_error)).collect::<Vec<_>>(),
        [(0.0, None); 3]
    );
    assert_eq!(fit.at(&[-1e300]).unwrap().parameters(), fit.average().parameters());
    assert_close("LL", fit.summary().log_likelihood, plain.summary().log_likelihood, 1e-6);
}

#[test]
fn wild_covariates_leave_answers_finite() {
    let (rows, _) = small();
    // Twins, a value that one customer in a hundred has, and units that leave the range of an f64 when squared.
    let values = Array2::from_shape_fn((100, 4), |(i, j)| match j {
        0 | 1 => (i % 7) as f64,
        2 => f64::from(u8::from(i == 3)),
        _ => 1e200 * (i as f64 - 50.0),
    });
    let covariates: Vec<Covariate> = ["one", "twin", "rare", "huge"].map(Covariate::new).to_vec();
    let cohort = CovariateCohort::from_customers(covariates, &rows, values.view()).unwrap();
    for covariate_prior_weight in [0.0, 1.0] {
        let options = Options { prior_weight: 0.1, covariate_prior_weight, ..Options::default() };
        let fit = WithCovariates::<ParetoNbd>::fit(&cohort, &options).unwrap();
        assert!(fit.summary().log_likelihood.is_finite());
        for at in [[0.0; 4], [1e6, -1e6, 0.0, f64::MAX], [f64::MIN, 0.0, 1.0, f64::MIN]] {
            let model = fit.at(&at).unwrap();
            for customer in [Recency::new(0, 0.0, 10.0), Recency::new(12_345, 90.0, 100.0)] {
                let p = model.probability_of_purchase(customer, 30.0);
                assert!((0.0..=1.0).contains(&p) && model.expected_orders(customer, 30.0).is_finite());
            }
        }
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let (rows, values) = small();
    let covariates = || vec![Covariate::new("flag")];
    let short = CovariateCohort::from_customers(covariates(), &rows[1..], values.view()).unwrap_err();
    assert_eq!(short, Error::Shape { wanted: [99, 1], found: [100, 1] });
    let two =
        CovariateCohort::from_customers(covariates(), &rows[..1], array![[1.0, 2.0]].view()).unwrap_err();
    assert_eq!(
        two.to_string(),
        "covariates: found 1 rows of 2 values, but there are 1 customers with 1 covariates"
    );
    let mut hole = values.clone();
    hole[[7, 0]] = f64::NAN;
    let hole = CovariateCohort::from_customers(covariates(), &rows, hole.view()).unwrap_err();
    assert!(matches!(hole, Error::Covariate { row: 7, ref name, .. } if name == "flag"), "{hole}");
    let nobody = CovariateCohort::from_customers(vec![], &[], Array2::zeros((0, 0)).view()).unwrap_err();
    assert_eq!(nobody, Error::Empty { sample: "cohort" });
    let cohort = CovariateCohort::from_customers(covariates(), &rows, values.view()).unwrap();
    let fit =
        WithCovariates::<BgNbd>::fit(&cohort, &Options { prior_weight: 1.0, ..Options::default() }).unwrap();
    assert!(matches!(fit.at(&[]), Err(Error::Shape { .. })));
    assert!(matches!(fit.at(&[f64::INFINITY]), Err(Error::Covariate { .. })));
    let bad = WithCovariates::<BgNbd>::params().covariate_prior_weight(-1.0);
    let error = bad.fit(&DatasetBase::new(cohort, ())).unwrap_err();
    assert!(matches!(error, Error::Hyperparameter { name: "covariate_prior_weight", .. }));
}

#[test]
fn any_number_of_threads_fits_the_same_bits_and_a_bundle_gives_them_back() {
    let (rows, values) = small();
    let fit = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let cohort =
                CovariateCohort::from_customers(vec![Covariate::new("flag")], &rows, values.view()).unwrap();
            WithCovariates::<MbgNbd>::fit(&cohort, &Options { prior_weight: 1.0, ..Options::default() })
                .unwrap()
        })
    };
    let one = fit(1);
    assert_eq!(one, fit(3));
    let json = serde_json::to_string(&one).unwrap();
    assert_eq!(serde_json::from_str::<WithCovariates<MbgNbd>>(&json).unwrap(), one);
}
