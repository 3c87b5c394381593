//! Lifetime models against published fits, an arbitrary-precision oracle, simulation and hostile input.
#![expect(clippy::unwrap_used, reason = "helpers outside of the test functions fail by panicking too")]

mod covariates;
mod hostile;
mod oracle;
mod published;
mod simulated;
mod simulation;

use homing_models::lifetimes::{Cohort, Recency, Spend, SpendSample};

fn numbers(csv: &str) -> impl Iterator<Item = Vec<f64>> + '_ {
    let rows = csv.lines().filter(|line| !line.starts_with('#')).skip(1);
    rows.map(|line| line.split(',').map(|field| field.parse().unwrap()).collect())
}

/// 2,357 customers, times in weeks.
fn cdnow_sample() -> Cohort {
    let csv = include_str!("../fixtures/cdnow_sample_bgnbd.csv");
    let rows: Vec<(Recency, f64)> =
        numbers(csv).map(|row| (Recency::new(row[0] as u32, row[1], row[2]), row[3])).collect();
    Cohort::from_weighted(&rows).unwrap()
}

/// 946 repeat buyers, spend in USD.
fn cdnow_spend() -> SpendSample {
    let csv = include_str!("../fixtures/cdnow_sample_gamma_gamma.csv");
    let rows: Vec<Spend> =
        numbers(csv).map(|row| Spend { frequency: row[0] as u32, mean_spend: row[1] }).collect();
    SpendSample::from_customers(&rows).unwrap()
}

fn assert_close(what: &str, value: f64, expected: f64, tolerance: f64) {
    assert!((value - expected).abs() <= tolerance, "{what} is {value}, not {expected} ± {tolerance}");
}
