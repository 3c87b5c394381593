//! Lifetime models against published fits, simulation and hostile input.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use homing_models::lifetimes::{
    BetaGeometric, BgNbd, Cohort, Error, GammaGamma, Lifetime, LifetimeModel, MbgNbd, Options, ParetoNbd, Recency,
    Spend, SpendSample, Status,
};

fn numbers(csv: &str) -> impl Iterator<Item = Vec<f64>> + '_ {
    let rows = csv.lines().filter(|line| !line.starts_with('#')).skip(1);
    rows.map(|line| line.split(',').map(|field| field.parse().unwrap()).collect())
}

/// 2,357 customers, times in weeks.
fn cdnow_sample() -> Cohort {
    let csv = include_str!("fixtures/cdnow_sample_bgnbd.csv");
    let rows: Vec<(Recency, f64)> =
        numbers(csv).map(|row| (Recency::new(row[0] as u32, row[1], row[2]), row[3])).collect();
    Cohort::from_weighted(&rows).unwrap()
}

/// 946 repeat buyers, spend in USD.
fn cdnow_spend() -> SpendSample {
    let csv = include_str!("fixtures/cdnow_sample_gamma_gamma.csv");
    let rows: Vec<Spend> =
        numbers(csv).map(|row| Spend { frequency: row[0] as u32, mean_spend: row[1] }).collect();
    SpendSample::from_customers(&rows).unwrap()
}

#[test]
fn lifetimes_probe() {
    let c = cdnow_sample();
    let t = std::time::Instant::now();
    let m = BgNbd::fit(&c, &Options::default()).unwrap();
    println!("{:?}\n{m:#?}", t.elapsed());
    println!("{}", m.expected_orders(Recency::new(2, 30.43, 38.86), 39.0));
    let t = std::time::Instant::now();
    let m = MbgNbd::fit(&c, &Options::default()).unwrap();
    println!("{:?}\n{m:#?}", t.elapsed());
    let t = std::time::Instant::now();
    let m = ParetoNbd::fit(&c, &Options::default()).unwrap();
    println!("{:?}\n{m:#?}", t.elapsed());
    let t = std::time::Instant::now();
    let m = GammaGamma::fit(&cdnow_spend(), &Options::default()).unwrap();
    println!("{:?}\n{m:#?}", t.elapsed());
    for k in 2..4 {
        let m = BgNbd::fit(&c, &Options { regularity: k, ..Options::default() }).unwrap();
        println!("{m:#?}");
    }
}
