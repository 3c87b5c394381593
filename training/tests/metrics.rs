//! The metrics against the reference protocol, on real scores and on a case worked out by hand.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail loudly, as the test itself does")]

use std::collections::BTreeMap;

use homing_datasets::{Event, History, Kind, Micros, Zone};
use homing_training::labels::{Label, label};
use homing_training::metrics::measures::{auc, average_precision, lift};
use homing_training::metrics::{Metric, Metrics, Scores, evaluate};

/// Sums over 2,000 rows in another order than numpy's differ by about 1e-13 of their size.
const TOLERANCE: f64 = 1e-9;

fn assert_close(name: &str, value: f64, expected: f64) {
    let same = if expected.is_nan() {
        value.is_nan()
    } else {
        (value - expected).abs() <= TOLERANCE * expected.abs().max(1.0)
    };
    assert!(same, "{name}: {value}, expected {expected}");
}

/// The columns of a fixture, by name, after the two lines that say how it was made.
fn columns(csv: &str) -> BTreeMap<&str, Vec<f64>> {
    let mut lines = csv.lines().filter(|line| !line.starts_with('#'));
    let names: Vec<&str> = lines.next().unwrap().split(',').skip(1).collect();
    let mut columns: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for line in lines {
        for (name, value) in names.iter().zip(line.split(',').skip(1)) {
            columns.entry(name).or_default().push(value.parse().unwrap());
        }
    }
    columns
}

fn labels(columns: &BTreeMap<&str, Vec<f64>>) -> Vec<Label> {
    (0..columns["bought"].len())
        .map(|row| Label {
            bought: columns["bought"][row] == 1.0,
            bought_short: columns["bought_s"][row] == 1.0,
            orders: columns["orders"][row] as u32,
            spend: columns["spend"][row],
            net_spend: columns["net_spend"][row],
        })
        .collect()
}

fn assert_same_as_the_protocol(csv: &str, json: &str) {
    let columns = columns(csv);
    let scores = Scores {
        p_buy: &columns["p_buy"],
        p_buy_short: Some(&columns["p_buy_s"]),
        expected_orders: Some(&columns["expected_orders"]),
        expected_spend: Some(&columns["expected_spend"]),
    };
    let metrics = evaluate(&labels(&columns), &scores).unwrap();
    let expected: Metrics = serde_json::from_str(json).unwrap();
    assert_eq!(metrics.customers(), 2000);
    assert_eq!(expected.customers(), 2000);
    assert_eq!(expected.iter().count(), Metric::all().count(), "the fixture lacks metrics");
    for metric in Metric::all() {
        assert_close(&metric.to_string(), metrics.get(metric).unwrap(), expected.get(metric).unwrap());
    }
    // The names in the order of the protocol's own report.
    let names = |metrics: &Metrics| metrics.iter().map(|(metric, _)| metric).collect::<Vec<_>>();
    assert_eq!(names(&metrics), names(&expected));
}

#[test]
fn fine_scores_give_the_protocols_figures() {
    assert_same_as_the_protocol(include_str!("fixtures/cdnow.csv"), include_str!("fixtures/cdnow.json"));
}

#[test]
fn scores_with_many_ties_and_returns_give_the_protocols_figures() {
    assert_same_as_the_protocol(include_str!("fixtures/ties.csv"), include_str!("fixtures/ties.json"));
}

/// The self-test of the protocol: cutoff 2020-01-31 (end of day), horizon 9 days, short window 3 days.
fn hand_worked() -> (Vec<(&'static str, History)>, Micros) {
    let utc = Zone::default();
    let mut events: BTreeMap<&str, Vec<Event>> = BTreeMap::new();
    let mut happened = |customer, at: &str, amount, kind| {
        events.entry(customer).or_default().push(Event::new(kind, utc.instant(at).unwrap(), amount));
    };
    for customer in ["A", "B", "C", "D", "E"] {
        happened(customer, "2020-01-05 10:00", 10.0, Kind::Purchase);
    }
    happened("A", "2020-01-31 23:30", 5.0, Kind::Purchase); // still history: a date is the end of its day
    happened("A", "2020-02-01 00:00", 20.0, Kind::Purchase); // in the window and in the short one
    happened("A", "2020-02-01 09:00", 10.0, Kind::Purchase); // same day: still one order
    happened("A", "2020-02-09 23:59:59", 30.0, Kind::Purchase); // last second of the window
    happened("B", "2020-02-05 12:00", 40.0, Kind::Purchase); // in the window, not in the short one
    happened("B", "2020-02-06 12:00", -15.0, Kind::Return);
    happened("C", "2020-02-10 00:00:00", 99.0, Kind::Purchase); // after the window
    happened("D", "2020-02-02 12:00", -5.0, Kind::Return); // a return alone is no purchase
    happened("E", "2020-02-02 12:00", 0.0, Kind::Purchase); // a zero amount is no purchase
    happened("F", "2020-02-02 12:00", 50.0, Kind::Purchase); // first purchase after the cutoff
    happened("G", "2020-01-02 12:00", -3.0, Kind::Return); // only a return before the cutoff
    let histories = events.into_iter().map(|(id, events)| (id, History::from_events(events))).collect();
    (histories, utc.as_of("2020-01-31").unwrap())
}

#[test]
fn the_case_worked_out_by_hand() {
    let (histories, cutoff) = hand_worked();
    let known = |history: &History| history.first_purchase().is_some_and(|first| first <= cutoff);
    let population: Vec<&(&str, History)> = histories.iter().filter(|(_, history)| known(history)).collect();
    assert_eq!(population.iter().map(|(id, _)| *id).collect::<String>(), "ABCDE");
    let labels: Vec<Label> =
        population.iter().map(|(_, history)| label(history, cutoff, 9, Zone::default())).collect();
    let expected = [
        Label { bought: true, bought_short: true, orders: 2, spend: 60.0, net_spend: 60.0 },
        Label { bought: true, bought_short: false, orders: 1, spend: 40.0, net_spend: 25.0 },
        Label::default(),
        Label { net_spend: -5.0, ..Label::default() },
        Label::default(),
    ];
    assert_eq!(labels, expected);

    // Scores of A, B, C, D, E.
    let scores = Scores {
        p_buy: &[0.9, 0.5, 0.6, 0.4, 0.1],
        p_buy_short: None,
        expected_orders: Some(&[1.0, 1.0, 1.0, 0.0, 0.0]),
        expected_spend: Some(&[50.0, 20.0, 30.0, 10.0, 10.0]),
    };
    let metrics = evaluate(&labels, &scores).unwrap();
    let near = |name: &str, expected: f64| {
        assert_close(name, metrics.get(name.parse().unwrap()).unwrap(), expected);
    };
    near("buy_auc", 5.0 / 6.0); // pairs: A beats 3, B beats D and E, loses to C
    // Churn scores E .9, D .6, B .5, C .4, A .1; churners E, D, C: precision 1, 1, 3/4.
    near("buy_pr_auc_churn", (1.0 + 1.0 + 0.75) / 3.0);
    near("buy_brier", (0.01 + 0.25 + 0.36 + 0.16 + 0.01) / 5.0);
    near("buy_logloss", -[0.9f64, 0.5, 0.4, 0.6, 0.9].map(f64::ln).iter().sum::<f64>() / 5.0);
    near("buy_ece15", (0.1 + 0.5 + 0.6 + 0.4 + 0.1) / 5.0); // one customer a bin
    near("buy_lift10_churn", 0.5 / 3.0 / 0.1); // half a customer, a churner, of 3
    near("orders_mae", 2.0 / 5.0);
    near("orders_bias", 0.0);
    near("orders_rmse", (2.0f64 / 5.0).sqrt());
    near("spend_mae", 80.0 / 5.0);
    near("spend_rmse", (1600.0f64 / 5.0).sqrt());
    near("spend_bias", 120.0 / 100.0 - 1.0);
    near("spend_top20", 0.6);
    near("spend_top10", 0.3);
    // By prediction A 60, C 0, B 40, then D and E: 4.2 / 5 - .6 = .24; the best is 4.6 / 5 - .6 = .32.
    near("spend_gini", 0.24 / 0.32);
    // Ranks of actuals 5 4 2 2 2 and of predictions 5 3 4 1.5 1.5, both with mean 3:
    // covariance 4 + 0 - 1 + 1.5 + 1.5 = 6, squares 4 + 1 + 3 = 8 and 4 + 0 + 1 + 2.25 + 2.25 = 9.5.
    near("spend_spearman", 6.0 / (8.0f64 * 9.5).sqrt());
    // Ten bins over five: those with spend are A, |50 - 60| / 60, and B, |20 - 40| / 40.
    near("spend_decile_mape", (10.0 / 60.0 + 20.0 / 40.0) / 2.0);
    near("net_bias", 120.0 / 80.0 - 1.0);
}

#[test]
fn one_score_for_all_says_nothing() {
    let y = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0];
    let z = [0.3; 10];
    assert_close("auc", auc(&y, &z), 0.5);
    assert_close("lift", lift(&z, &y, 0.1), 1.0);
    assert_close("average precision", average_precision(&y, &z), 0.3);
}
