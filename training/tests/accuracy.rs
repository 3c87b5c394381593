//! What a fit promises of its numbers, on generated shops: coherent, never down with money, gated before promotion, the same on any
//! number of threads.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail loudly, as the test itself does")]

use homing_datasets::{DAY, Event, Histories, History, Kind, Micros};
use homing_models::sampling::mix;
use homing_models::{Bundle, Outcome, Prediction};
use homing_training::fit::fit;
use homing_training::pipeline::{Options, Trained, train};
use homing_training::promotion::{Reason, compare};
use homing_training::task::Task;

/// 2011-01-01.
const START: Micros = 14_975 * DAY;
const AS_OF: Micros = START + 500 * DAY;

fn unit(i: u64, j: u64) -> f64 {
    mix(mix(i) ^ mix(j ^ 991)) as f64 / u64::MAX as f64
}

/// Customers of four kinds: one-time, irregular, monthly subscribers, and some who buy nearly every day.
fn customer(i: u64, amounts: f64) -> Vec<Event> {
    let mut day = unit(i, 0) * 450.0;
    let gap = match i % 20 {
        0 => 2.0,
        1..=6 => 30.0,
        7..=12 => 20.0 + 60.0 * unit(i, 1),
        _ => 400.0,
    };
    let leaves = 0.02 + 0.2 * unit(i, 2);
    let value = amounts * (5.0 + 40.0 * unit(i, 3));
    let mut events = Vec::new();
    for k in 0u64.. {
        let at = START + (day * DAY as f64) as Micros;
        if at > AS_OF {
            break;
        }
        events.push(Event::new(Kind::Purchase, at, value * (0.5 + unit(i, 100 + k))));
        if unit(i, 1000 + k) < leaves {
            break;
        }
        let spread =
            if (1..=6).contains(&(i % 20)) { 1.0 } else { -2.0 * (1.0 - unit(i, 2000 + k)).ln().max(-3.0) };
        day += (gap * spread).max(1.0);
    }
    events
}

fn shop(amounts: f64) -> Histories {
    let each = (0..2500u64).map(|i| (format!("c{i:05}"), History::from_events(customer(i, amounts))));
    Histories::from_vec(each.collect())
}

fn task() -> Task {
    Task { horizons: vec![30], churn_horizon: 30, value_horizon: 90, ..Task::default() }
}

fn fitted(histories: &Histories) -> Bundle {
    fit(histories, AS_OF, &task(), serde_json::Value::Null, &|_| {}).unwrap()
}

fn scored(bundle: &Bundle, history: &History) -> Option<Box<Prediction>> {
    match bundle.predict(history, AS_OF) {
        Outcome::Scored(prediction) => Some(prediction),
        Outcome::NotScored(_) => None,
    }
}

/// The customer with every amount times a factor.
fn times(history: &History, factor: f64) -> History {
    History::from_events(history.events().map(|e| Event { amount: e.amount * factor, ..e }).collect())
}

#[test]
fn numbers_of_one_customer_agree_and_never_fall_with_money() {
    let histories = shop(1.0);
    let bundle = fitted(&histories);
    for (id, history) in histories.iter() {
        let Some(prediction) = scored(&bundle, history) else { continue };
        let mut before = (0.0, 0.0);
        for at in &prediction.at {
            assert!(at.p_purchase <= prediction.p_alive + 1e-12, "{id}: {at:?} alive {}", prediction.p_alive);
            assert!(at.expected_orders + 1e-12 >= at.p_purchase, "{id}: {at:?}");
            assert!(at.expected_orders >= before.0 && at.p_purchase >= before.1, "{id}: {at:?}");
            assert!(at.expected_spend_low <= at.expected_spend, "{id}: {at:?}");
            assert!(at.expected_spend <= at.expected_spend_high, "{id}: {at:?}");
            // The customer's own fastest pace, and one order more.
            let days = f64::from(at.days);
            let orders_in = |days: i64| {
                history.as_of(AS_OF).occurred_at().iter().filter(|&&t| t > AS_OF - days * DAY).count() as f64
            };
            let pace = (orders_in(91) / 90.0).max(orders_in(366) / 365.0);
            assert!(at.expected_orders <= pace * days + 1.0 + 1e-9, "{id}: {at:?} pace {pace}");
            before = (at.expected_orders, at.p_purchase);
        }
    }
    for (id, history) in histories.iter().step_by(7) {
        let (Some(own), Some(more), Some(twice)) = (
            scored(&bundle, history),
            scored(&bundle, &times(history, 1.1)),
            scored(&bundle, &times(history, 2.0)),
        ) else {
            continue;
        };
        assert!(more.clv >= own.clv * (1.0 - 1e-9), "{id}: {} {}", own.clv, more.clv);
        assert!(twice.clv >= more.clv * (1.0 - 1e-9), "{id}: {} {}", more.clv, twice.clv);
        for (own, more) in own.at.iter().zip(&more.at) {
            assert!(more.expected_spend >= own.expected_spend * (1.0 - 1e-9), "{id}: {own:?} {more:?}");
        }
    }
}

#[test]
fn any_horizon_lies_between_those_that_were_fitted() {
    let histories = shop(1.0);
    let bundle = fitted(&histories);
    let own = bundle.manifest().horizons.clone();
    let last = own[own.len() - 1];
    let asked = [7, 60, last - 1, last + 200, 30];
    let more = bundle.clone().at_horizons(&asked).unwrap();
    assert!(asked.iter().all(|days| more.all_horizons().contains(days)));
    for (id, history) in histories.iter().step_by(5) {
        let (Some(before), Some(now)) = (scored(&bundle, history), scored(&more, history)) else { continue };
        assert_eq!(now.at.iter().map(|at| at.days).collect::<Vec<_>>(), more.all_horizons());
        // What was fitted stays as it was.
        assert!(before.at.iter().all(|at| now.within(at.days) == Some(at)), "{id}");
        assert_eq!((before.churn_risk, before.clv), (now.churn_risk, now.clv));
        for pair in now.at.windows(2) {
            let (a, b) = (&pair[0], &pair[1]);
            assert!(
                a.p_purchase <= b.p_purchase && a.expected_orders <= b.expected_orders + 1e-9,
                "{id}: {pair:?}"
            );
            assert!(a.expected_spend <= b.expected_spend * (1.0 + 1e-9), "{id}: {pair:?}");
        }
        for at in &now.at {
            assert!(
                at.expected_orders + 1e-12 >= at.p_purchase && at.p_purchase <= now.p_alive + 1e-12,
                "{id}: {at:?}"
            );
            assert!(at.expected_spend_low <= at.expected_spend, "{id}: {at:?}");
            assert!(at.expected_spend <= at.expected_spend_high, "{id}: {at:?}");
        }
    }
    let undiscounted = bundle.clone().discounted(0.0).unwrap();
    let (_, history) = histories.iter().next().unwrap();
    let (own, whole) = (scored(&bundle, history).unwrap(), scored(&undiscounted, history).unwrap());
    assert!(whole.clv >= own.clv && (whole.clv - whole.within(90).unwrap().expected_spend).abs() < 1e-9);
    assert!(bundle.clone().at_horizons(&[0]).is_err() && bundle.discounted(f64::NAN).is_err());
}

#[test]
fn a_fit_is_the_same_on_any_number_of_threads() {
    let histories = shop(1.0);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| fitted(&histories).id().to_string())
    };
    assert_eq!(on(1), on(3));
}

fn trained(histories: &Histories) -> Trained {
    let options = Options { as_of: Some(AS_OF), task: task(), ..Options::default() };
    train(histories, &options, &|_| {}).unwrap()
}

#[test]
fn a_model_of_shuffled_customers_or_other_amounts_does_not_become_champion() {
    let histories = shop(1.0);
    let champion = trained(&histories);
    assert_eq!(compare(&histories, &champion, None, 0).unwrap().reason, Reason::First);
    let again = compare(&histories, &champion, Some(&champion.bundle), 0).unwrap();
    assert!(again.promote && again.reason == Reason::NotWorse && again.champion_saw_window, "{again:?}");

    let earlier = Options { as_of: Some(AS_OF - 60 * DAY), task: task(), ..Options::default() };
    let earlier = train(&histories, &earlier, &|_| {}).unwrap();
    let compared = compare(&histories, &earlier, Some(&champion.bundle), 0).unwrap();
    assert!(!compared.promote && compared.reason == Reason::OlderData, "{compared:?}");

    let dear = shop(10.0);
    let compared = compare(&dear, &trained(&dear), Some(&champion.bundle), 0).unwrap();
    assert!(!compared.promote && compared.reason == Reason::OtherAmounts, "{compared:?}");

    // Every purchase goes to a customer drawn by lot.
    let mut lots: Vec<Vec<Event>> = vec![Vec::new(); 2500];
    for (number, event) in histories.iter().flat_map(|(_, history)| history.events()).enumerate() {
        lots[(mix(number as u64) % 2500) as usize].push(event);
    }
    let each = lots.into_iter().enumerate();
    let shuffled = Histories::from_vec(
        each.map(|(i, events)| (format!("c{i:05}"), History::from_events(events))).collect(),
    );
    let compared = compare(&shuffled, &trained(&shuffled), Some(&champion.bundle), 0).unwrap();
    assert!(!compared.promote && compared.reason == Reason::RankingLost, "{compared:?}");
}

#[test]
fn a_shop_that_was_closed_is_not_taken_for_one_that_lost_its_customers() {
    const CLOSED: std::ops::Range<f64> = 410.0..470.0;
    let customer = |i: u64| {
        let mut day = unit(i, 5) * 480.0;
        let mut days = vec![];
        for k in 0u64.. {
            if day >= 560.0 {
                break;
            }
            // Nobody buys while the shop is closed, and nobody leaves for it.
            if !CLOSED.contains(&day) {
                days.push(day);
                if unit(i, 1000 + k) < 0.08 {
                    break;
                }
            }
            day += 1.0 - 35.0 * (1.0 - unit(i, 2000 + k)).ln();
        }
        days
    };
    let each: Vec<Vec<f64>> = (0..2500).map(customer).collect();
    let event = |day: &f64| Event::new(Kind::Purchase, START + (day * DAY as f64) as Micros, 20.0);
    let known =
        |days: &[f64]| History::from_events(days.iter().filter(|&&day| day <= 500.0).map(event).collect());
    let histories = each.iter().zip(0..).filter(|(days, _)| days.iter().any(|&day| day <= 500.0));
    let histories =
        Histories::from_vec(histories.map(|(days, i)| (format!("c{i:05}"), known(days))).collect());
    let task = Task { horizons: vec![60], churn_horizon: 60, value_horizon: 60, ..Task::default() };
    let bundle = fit(&histories, AS_OF, &task, serde_json::Value::Null, &|_| {}).unwrap();
    let closures = bundle.manifest().closures.list();
    assert!(closures.len() == 1 && (59..=61).contains(&closures[0].days), "{closures:?}");
    let expected: f64 = histories
        .iter()
        .filter_map(|(_, history)| scored(&bundle, history)?.within(60).map(|at| at.expected_spend))
        .sum();
    let came: f64 = each
        .iter()
        .filter(|days| days.iter().any(|&day| day <= 500.0))
        .map(|days| days.iter().filter(|&&day| day > 500.0).count() as f64 * 20.0)
        .sum();
    assert!((expected / came - 1.0).abs() < 0.2, "{expected} {came}");
}
