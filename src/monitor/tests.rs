use homing_datasets::simulate::Chain;
use homing_datasets::{DAY, History, Zone};
use homing_models::{AtHorizon, Outcome, Prediction, Provenance};
use homing_profiles::kept::MONITORING;
use homing_profiles::{BatchRow, Flows, Scored};

use super::keep::{Keep, Sample};
use super::*;

const CHAIN: Chain = Chain { customers: 1_500, seed: 3, until_day: 20_269, days: 1_096 };
const NIGHT: Micros = 20_200 * DAY;

/// A score that falls with the days since the last purchase.
fn score(history: &History, as_of: Micros) -> Scored {
    let view = history.as_of(as_of);
    let last = view.purchases().next_back().map(|at| view.occurred_at()[at]);
    let provenance = Provenance { model: "m@1".into(), as_of, scored_at: as_of, zone: Zone::default() };
    let Some(last) = last else {
        let outcome = Outcome::NotScored(homing_models::NotScored::NoPurchase);
        return Scored { tags: Vec::new(), outcome, provenance };
    };
    let p = 0.6 / (1.0 + (as_of - last) as f64 / (30.0 * DAY as f64));
    let at = AtHorizon {
        days: 30,
        p_purchase: p,
        expected_orders: p,
        expected_spend: 100.0 * p,
        expected_spend_low: 0.0,
        expected_spend_high: 150.0,
    };
    let later = AtHorizon { days: 90, p_purchase: (2.0 * p).min(0.9), ..at };
    let prediction = Prediction {
        at: vec![at, later],
        churn_risk: 1.0 - p,
        churn_percentile: 50,
        p_alive: 0.5,
        next_order_at: None,
        next_order_quartiles: [None; 2],
        clv: 1.0,
        clv_interval: [0.0; 2],
        value_at_risk: 1.0,
        cluster: None,
        reasons: Vec::new(),
    };
    Scored { tags: Vec::new(), outcome: Outcome::Scored(Box::new(prediction)), provenance }
}

fn night(store: &dyn Store, histories: &homing_datasets::Histories, as_of: Micros, sample: Sample) -> bool {
    part_of_night(store, histories, as_of, sample, 10_000, "d")
}

/// A night that ends before a customer.
fn part_of_night(
    store: &dyn Store,
    histories: &homing_datasets::Histories,
    as_of: Micros,
    sample: Sample,
    events: u64,
    upto: &str,
) -> bool {
    let keep = Keep::begin(store, sample, as_of, events).unwrap();
    let mut rows = histories.iter().filter(|(id, _)| *id < upto).map(|(id, history)| BatchRow {
        customer_id: id.to_owned(),
        history: History::from_events(history.events().filter(|event| event.occurred_at <= as_of).collect()),
    });
    let score = |id: &str, history: &History, at: Micros| {
        let scored = score(history, at);
        if let Some(keep) = &keep {
            keep.take(id, history, &scored);
        }
        scored
    };
    store.write_batch(&mut rows, as_of, &score, &|_| ()).unwrap();
    if let Some(keep) = &keep {
        keep.write(store).unwrap();
    }
    keep.is_some()
}

#[test]
fn live_figures_are_those_of_the_backtest_on_the_same_window() {
    let folder = tempfile::tempdir().unwrap();
    let place = format!("sqlite:{}", folder.path().join("p.db").display());
    let store = homing_profiles::open(&place, Zone::default()).unwrap();
    let histories = CHAIN.histories().unwrap();
    let all = Sample { customers: 100_000, every_days: 7 };
    assert!(night(store.as_ref(), &histories, NIGHT, all));
    assert!(!night(store.as_ref(), &histories, NIGHT + DAY, all), "one night a week is kept");
    let early = report(store.as_ref(), None, &Options::default()).unwrap();
    assert_eq!((early.windows.len(), early.pending.len()), (0, 2));
    assert!(early.pending[0].estimated_auc.unwrap() > 0.6, "{:?}", early.pending);
    assert!(night(store.as_ref(), &histories, NIGHT + 33 * DAY, all));
    let live = report(store.as_ref(), None, &Options::default()).unwrap();
    let window = &live.windows[0];
    assert_eq!((window.horizon_days, window.segment.as_str(), live.windows.len()), (30, "all", 1));
    assert_eq!(live.pending.len(), 3);
    assert!(live.drift.iter().all(|drift| drift.kind == "output" && drift.psi < 0.25), "{:?}", live.drift);

    // The offline judge: labels and metrics of the training crate over the same customers.
    let mut scored: Vec<(f64, f64, Label)> = Vec::new();
    for (_, history) in histories.iter() {
        if let Outcome::Scored(prediction) = score(history, NIGHT).outcome {
            let came = label(history, NIGHT, 30, Zone::default());
            scored.push((prediction.at[0].p_purchase, prediction.at[0].expected_spend, came));
        }
    }
    assert_eq!(window.customers, scored.len());
    let labels: Vec<Label> = scored.iter().map(|row| row.2).collect();
    let p: Vec<f64> = scored.iter().map(|row| row.0).collect();
    let spend: Vec<f64> = scored.iter().map(|row| row.1).collect();
    assert_same(window, &labels, &p, &spend);
    let within = scored.iter().filter(|row| row.2.spend <= 150.0).count() as f64 / scored.len() as f64;
    assert_eq!(window.figures.interval_coverage, Some(within));
}

#[cfg(feature = "training")]
fn assert_same(window: &Window, labels: &[Label], p: &[f64], spend: &[f64]) {
    use homing_training::metrics::{Metric, Scores, evaluate};
    let scores = Scores { p_buy: p, p_buy_short: None, expected_orders: None, expected_spend: Some(spend) };
    let offline = evaluate(labels, &scores).unwrap();
    let figures = &window.figures;
    for (metric, live) in [
        (Metric::BUY_AUC, figures.auc),
        (Metric::BUY_LOGLOSS, figures.logloss),
        (Metric::BUY_ECE15, figures.ece),
        (Metric::SPEND_BIAS, figures.spend_bias),
    ] {
        let judged = offline.get(metric).unwrap();
        assert!((judged - live.unwrap()).abs() < 1e-9, "{metric}: {judged} {live:?}");
    }
}

#[cfg(not(feature = "training"))]
fn assert_same(_: &Window, _: &[Label], _: &[f64], _: &[f64]) {}

#[test]
fn a_sample_is_bounded_and_the_same_customers_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let place = format!("sqlite:{}", folder.path().join("p.db").display());
    let store = homing_profiles::open(&place, Zone::default()).unwrap();
    let histories = CHAIN.histories().unwrap();
    let few = Sample { customers: 200, every_days: 7 };
    let ids = |as_of: Micros| -> Vec<String> {
        let kept = store.kept_scores(MONITORING, as_of, as_of).unwrap();
        kept.into_iter().map(|one| one.customer_id).collect()
    };
    assert!(!night(store.as_ref(), &histories, NIGHT, Sample { customers: 0, ..few }));
    assert!(night(store.as_ref(), &histories, NIGHT, few));
    assert!(night(store.as_ref(), &histories, NIGHT, few), "a night that goes on is the same night");
    assert!(night(store.as_ref(), &histories, NIGHT + 7 * DAY, few));
    let (first, second) = (ids(NIGHT), ids(NIGHT + 7 * DAY));
    assert!((50..=320).contains(&first.len()), "{}", first.len());
    assert!(first.iter().filter(|id| second.contains(id)).count() * 10 > first.len() * 9);
}

/// The size of the sample went by the profiles in the store, which grow while a first night is written.
#[test]
fn a_night_that_goes_on_keeps_to_its_sample() {
    let folder = tempfile::tempdir().unwrap();
    let histories = CHAIN.histories().unwrap();
    let some = Sample { customers: 100, every_days: 7 };
    let kept = |name: &str, parts: &[&str]| {
        let place = format!("sqlite:{}", folder.path().join(name).display());
        let store = homing_profiles::open(&place, Zone::default()).unwrap();
        for upto in parts {
            // So few events that the profiles say more of the base.
            part_of_night(store.as_ref(), &histories, NIGHT, some, 1_000, upto);
        }
        let kept = store.kept_scores(MONITORING, NIGHT, NIGHT).unwrap();
        kept.into_iter().map(|kept| kept.customer_id).collect::<Vec<String>>()
    };
    let undisturbed = kept("calm.db", &["d"]);
    assert!((200..1_500).contains(&undisturbed.len()), "{}", undisturbed.len());
    assert_eq!(kept("disturbed.db", &["c00000600", "d"]), undisturbed);
}
