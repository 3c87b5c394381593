//! Predictions and fits against simulated customers.

use homing_models::lifetimes::{
    BetaGeometric, BgNbd, Cohort, LifetimeModel, MbgNbd, Options, ParetoNbd, Recency, Status,
};

use super::simulation::{Rng, Shop};

#[test]
fn simulated_customers_buy_as_often_as_predicted() {
    let (age, horizon) = (50.0, 20.0);
    let shops: [(Shop, Box<dyn LifetimeModel>); 5] = [
        (
            Shop::Bg { r: 0.6, alpha: 4.0, a: 0.8, b: 2.5, k: 1 },
            Box::new(BgNbd::with_parameters(0.6, 4.0, 0.8, 2.5, 1).unwrap()),
        ),
        (
            Shop::Mbg { r: 0.8, alpha: 6.0, a: 0.9, b: 1.6, k: 1 },
            Box::new(MbgNbd::with_parameters(0.8, 6.0, 0.9, 1.6, 1).unwrap()),
        ),
        (
            Shop::Bg { r: 0.9, alpha: 2.0, a: 1.2, b: 3.0, k: 3 },
            Box::new(BgNbd::with_parameters(0.9, 2.0, 1.2, 3.0, 3).unwrap()),
        ),
        (
            Shop::Mbg { r: 0.9, alpha: 2.0, a: 0.7, b: 2.0, k: 2 },
            Box::new(MbgNbd::with_parameters(0.9, 2.0, 0.7, 2.0, 2).unwrap()),
        ),
        (
            Shop::Pareto { r: 0.6, alpha: 8.0, s: 0.7, beta: 12.0 },
            Box::new(ParetoNbd::with_parameters(0.6, 8.0, 0.7, 12.0).unwrap()),
        ),
    ];
    for (shop, model) in shops {
        let mut rng = Rng::new(20_261_122);
        // By x = 0, 1, 2 to 4, more, times a last purchase early or late.
        let mut groups = [[0.0; 6]; 8];
        for i in 0..60_000 {
            let age = age * (0.5 + 0.5 * f64::from(i % 7) / 7.0);
            let (customer, orders) = shop.customer(&mut rng, age, horizon);
            let band = [1, 2, 5].iter().filter(|limit| customer.frequency >= **limit).count();
            let late = usize::from(customer.recency > 0.6 * age);
            let group = &mut groups[2 * band + late];
            let (p, e) =
                (model.probability_of_purchase(customer, horizon), model.expected_orders(customer, horizon));
            let bought = if orders > 0 { 1.0 } else { 0.0 };
            let miss = f64::from(orders) - e;
            let adds = [1.0, bought - p, p * (1.0 - p), miss, miss * miss, p];
            group.iter_mut().zip(adds).for_each(|(sum, add)| *sum += add);
            assert!(p <= model.probability_alive(customer) + 1e-15 && p <= e + 1e-15);
        }
        for (i, [n, excess, variance, miss, miss_variance, _]) in groups.into_iter().enumerate() {
            // 8 groups × 5 shops × 2 statistics with a fixed seed: 4 standard errors happen once in 200 seeds.
            assert!(
                excess.abs() <= 4.0 * variance.sqrt() + 1e-9,
                "{shop:?} group {i} of {n}: {excess} purchases"
            );
            assert!(
                miss.abs() <= 4.0 * miss_variance.sqrt() + 1e-9,
                "{shop:?} group {i} of {n}: {miss} orders"
            );
        }
        // One-time buyers are there and do buy again.
        assert!(groups[0][0] > 1_000.0 && groups[0][5] > 100.0, "{shop:?}");
    }
}

#[test]
fn one_time_buyers_stay_away_as_often_as_predicted() {
    // P(no purchase in the window | x = 0), which the negative binomial alone, without dropout, gets wrong.
    let models: [(Shop, Box<dyn LifetimeModel>); 3] = [
        (
            Shop::Bg { r: 0.6, alpha: 4.0, a: 0.8, b: 2.5, k: 1 },
            Box::new(BgNbd::with_parameters(0.6, 4.0, 0.8, 2.5, 1).unwrap()),
        ),
        (
            Shop::Mbg { r: 0.8, alpha: 6.0, a: 0.9, b: 1.6, k: 1 },
            Box::new(MbgNbd::with_parameters(0.8, 6.0, 0.9, 1.6, 1).unwrap()),
        ),
        (
            Shop::Pareto { r: 0.6, alpha: 8.0, s: 0.7, beta: 12.0 },
            Box::new(ParetoNbd::with_parameters(0.6, 8.0, 0.7, 12.0).unwrap()),
        ),
    ];
    for (shop, model) in models {
        let mut rng = Rng::new(41);
        for horizon in [5.0, 40.0] {
            let customers = (0..100_000).map(|_| shop.customer(&mut rng, 30.0, horizon));
            let of_one: Vec<u32> =
                customers.filter(|(c, _)| c.frequency == 0).map(|(_, orders)| orders).collect();
            let n = of_one.len() as f64;
            let none = of_one.iter().filter(|orders| **orders == 0).count() as f64 / n;
            let expected = 1.0 - model.probability_of_purchase(Recency::new(0, 0.0, 30.0), horizon);
            let error = (expected * (1.0 - expected) / n).sqrt();
            assert!(
                n > 20_000.0 && (none - expected).abs() < 4.0 * error,
                "{shop:?}: {none} not {expected} ± {error}"
            );
        }
    }
}

/// Fits to 30,000 simulated customers and holds every parameter against 4 standard errors.
fn recovers<M: std::fmt::Debug>(shop: Shop, fit: impl Fn(&Cohort) -> (M, Vec<f64>, Vec<f64>), truth: &[f64]) {
    let mut rng = Rng::new(7);
    let customers: Vec<Recency> =
        (0..30_000u32).map(|i| shop.customer(&mut rng, 40.0 + f64::from(i % 60), 0.0).0).collect();
    let (model, parameters, errors) = fit(&Cohort::from_customers(&customers).unwrap());
    for ((value, truth), error) in parameters.iter().zip(truth).zip(errors) {
        assert!((value - truth).abs() < 4.0 * error, "{value} ± {error} is not {truth}: {model:?}");
        assert!(error < 0.2 * truth, "{truth} is not identified: {model:?}");
    }
}

#[test]
fn fits_recover_the_parameters_of_simulated_cohorts() {
    fn beta_geometric<const M: bool>(cohort: &Cohort, k: u32) -> (BetaGeometric<M>, Vec<f64>, Vec<f64>) {
        let fit = BetaGeometric::<M>::fit(cohort, &Options { regularity: k, ..Options::default() }).unwrap();
        assert_eq!(fit.summary().status, Status::Converged);
        let errors = fit.summary().standard_errors.clone().unwrap();
        (fit.clone(), vec![fit.r(), fit.alpha(), fit.a(), fit.b()], errors)
    }
    let (r, alpha, a, b) = (0.6, 4.0, 0.8, 2.5);
    for k in [1, 3] {
        recovers(Shop::Bg { r, alpha, a, b, k }, |c| beta_geometric::<false>(c, k), &[r, alpha, a, b]);
        recovers(Shop::Mbg { r, alpha, a, b, k }, |c| beta_geometric::<true>(c, k), &[r, alpha, a, b]);
    }
    let pareto = |cohort: &Cohort| {
        let fit = ParetoNbd::fit(cohort, &Options::default()).unwrap();
        assert_eq!(fit.summary().status, Status::Converged);
        let errors = fit.summary().standard_errors.clone().unwrap();
        (fit.clone(), vec![fit.r(), fit.alpha(), fit.s(), fit.beta()], errors)
    };
    recovers(Shop::Pareto { r: 0.9, alpha: 8.0, s: 0.9, beta: 12.0 }, pareto, &[0.9, 8.0, 0.9, 12.0]);
}
