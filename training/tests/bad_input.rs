//! Data no shop should have: each ends in a working model, a refusal that says what is missing, or counted rejects.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail loudly, as the test itself does")]

use std::fs;

use homing_datasets::{DAY, Event, Histories, History, Kind, Micros, ReadOptions, Zone, read};
use homing_models::Outcome;
use homing_training::Error;
use homing_training::check::Usability;
use homing_training::pipeline::{Options, Trained, train};
use homing_training::task::Task;

/// 2011-01-01.
const START: Micros = 14_975 * DAY;
const AS_OF: Micros = START + 400 * DAY;

fn options() -> Options {
    Options {
        as_of: Some(AS_OF),
        task: Task { horizons: vec![30], churn_horizon: 30, value_horizon: 90, ..Task::default() },
        ..Options::default()
    }
}

fn bought(day: i64, amount: f64) -> Event {
    Event::new(Kind::Purchase, START + day * DAY, amount)
}

fn shop(customers: impl IntoIterator<Item = Vec<Event>>) -> Histories {
    let each = customers.into_iter().enumerate();
    Histories::from_vec(each.map(|(i, events)| (format!("c{i:05}"), History::from_events(events))).collect())
}

/// A customer who begins on some day and buys every so many days, for a while that depends on `i`.
fn ordinary(i: i64) -> Vec<Event> {
    let (first, gap, orders) = (i * 7 % 300, 5 + i * 13 % 40, 1 + i * i % 9);
    (0..orders)
        .map(|k| bought(first + k * gap, 10.0 + (i % 17) as f64))
        .filter(|e| e.occurred_at < AS_OF)
        .collect()
}

fn fitted(histories: &Histories, options: &Options) -> Trained {
    train(histories, options, &|_| {}).unwrap()
}

fn refusal(histories: &Histories, options: &Options) -> Vec<String> {
    let refused = train(histories, options, &|_| {});
    assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    if let Err(Error::Refused { lacks }) = refused { lacks } else { Vec::new() }
}

/// Every number of every score is finite and where it has to be; the mean probability of a purchase within 30 days.
fn assert_scores(fitted: &Trained, histories: &Histories) -> f64 {
    let (mut sum, mut scored) = (0.0, 0);
    for (id, history) in histories.iter() {
        let Outcome::Scored(prediction) = fitted.bundle.predict(history, AS_OF) else { continue };
        let bad = prediction.numbers().into_iter().find(|(_, value)| !(value.is_finite() && *value >= 0.0));
        assert_eq!(bad, None, "{id}");
        assert!(
            prediction
                .at
                .iter()
                .all(|at| at.p_purchase <= 1.0 && at.expected_spend_low <= at.expected_spend_high)
        );
        for reason in &prediction.reasons {
            assert!(reason.contribution.is_finite() && !reason.text.en.contains("NaN"), "{id}: {reason:?}");
        }
        (sum, scored) = (sum + prediction.within(30).unwrap().p_purchase, scored + 1);
    }
    assert!(scored > 0);
    sum / f64::from(scored)
}

#[test]
fn features_that_are_the_same_for_everybody_carry_a_model() {
    // One amount, one gap, and half of the customers stop half way: all that differs is when.
    let histories = shop((0..600i64).map(|i| {
        let until = if i.count_ones() % 2 == 0 { 400 } else { 200 };
        (i % 20..until).step_by(20).map(|day| bought(day, 10.0)).collect()
    }));
    let fitted = fitted(&histories, &options());
    let mean = assert_scores(&fitted, &histories);
    assert!((0.35..=0.65).contains(&mean), "{mean}");
}

#[test]
fn everybody_comes_back_or_nobody_does() {
    let always = shop((0..300i64).map(|i| (i % 7..400).step_by(7).map(|day| bought(day, 10.0)).collect()));
    let mean = assert_scores(&fitted(&always, &options()), &always);
    assert!(mean > 0.9, "{mean}");
    // Everybody bought twice at the start and never again: no window to learn from has a purchase.
    let never = shop((0..300i64).map(|i| vec![bought(i % 7, 10.0), bought(10 + i % 7, 10.0)]));
    let mean = assert_scores(&fitted(&never, &options()), &never);
    assert!(mean < 0.1, "{mean}");
    // Nobody ever bought twice: refused, with the reason.
    let once = shop((0..300i64).map(|i| vec![bought(i, 10.0)]));
    let lacks = refusal(&once, &options());
    assert!(lacks.len() == 1 && lacks[0].contains("0 customers with a second order"), "{lacks:?}");
}

#[test]
fn a_line_dated_far_ahead_is_named() {
    let honest = shop((0..400).map(ordinary));
    let late = Event::new(Kind::Purchase, START + 1500 * DAY, 10.0);
    let mistyped = shop((0..400).map(ordinary).chain([vec![bought(3, 10.0), late]]));
    let found = |histories: &Histories| {
        Usability::of(histories, histories.last_instant().unwrap(), &[30], Zone::default()).far_ahead
    };
    assert_eq!(found(&honest), None);
    let far = found(&mistyped).unwrap();
    assert_eq!((far.customers, far.latest.as_str()), (1, "2015-02-09"));
    assert!(far.rest_end.as_str() < "2012-02-06", "{far:?}");
}

#[test]
fn what_comes_back_is_not_spend_when_asked_for_net() {
    // Of every order half comes back within two days.
    let histories = shop((0..900).map(|i| {
        let orders = ordinary(i);
        let back = orders.iter().map(|e| Event::new(Kind::Return, e.occurred_at + 2 * DAY, -0.5 * e.amount));
        orders.clone().into_iter().chain(back).filter(|e| e.occurred_at < AS_OF).collect()
    }));
    let total = |net_of_returns| {
        let mut options = options();
        options.task.net_of_returns = net_of_returns;
        let fitted = fitted(&histories, &options);
        assert_eq!(fitted.bundle.manifest().net_of_returns, net_of_returns);
        let each = histories.iter().filter_map(|(_, history)| match fitted.bundle.predict(history, AS_OF) {
            Outcome::Scored(prediction) => {
                Some([30, 90].map(|d| prediction.within(d).unwrap().expected_spend))
            }
            Outcome::NotScored(_) => None,
        });
        each.fold([0.0, 0.0], |sum, one| [sum[0] + one[0], sum[1] + one[1]])
    };
    let (gross, net) = (total(false), total(true));
    let kept = [net[0] / gross[0], net[1] / gross[1]];
    assert!(kept.iter().all(|kept| (0.4..0.6).contains(kept)), "{kept:?}");
}

#[test]
fn infinite_and_absurd_amounts_are_rejected_and_the_largest_admitted_ones_bear_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    let mut csv = String::from("customer_id,occurred_at,amount\n");
    for amount in ["inf", "-inf", "NaN", "1e999", "1e13", "Infinity"] {
        csv.push_str(&format!("c1,2011-01-01,{amount}\n"));
    }
    csv.push_str("c1,2011-01-02,5\n");
    fs::write(&path, csv).unwrap();
    let lenient = ReadOptions { max_reject_share: 1.0, ..ReadOptions::default() };
    let (histories, summary) = read(&[path.display().to_string()], &lenient).unwrap();
    assert_eq!(
        (histories.events(), summary.rejected.values().sum::<u64>()),
        (1, 6),
        "{:?}",
        summary.rejected
    );
    // A trillion and a millionth, side by side.
    let histories = shop((0..400i64).map(|i| {
        let amount = |k: usize| [1e12, 1e-6, 10.0][(i as usize + k) % 3];
        ordinary(i).into_iter().enumerate().map(|(k, e)| Event { amount: amount(k), ..e }).collect()
    }));
    assert_scores(&fitted(&histories, &options()), &histories);
}

#[test]
fn one_customer_with_a_million_lines_is_one_customer() {
    let million: Vec<Event> = (0..1_000_000i64)
        .map(|k| Event::new(Kind::Purchase, START + k * (400 * DAY / 1_000_000), 1.0))
        .collect();
    let histories = shop(std::iter::once(million).chain((0..200).map(ordinary)));
    let fitted = fitted(&histories, &options());
    assert_eq!(fitted.bundle.manifest().data.customers, histories.len() as u64);
    assert_scores(&fitted, &histories);
    let whale = fitted.bundle.predict(histories.get("c00000").unwrap(), AS_OF);
    let Outcome::Scored(whale) = whale else { panic!("{whale:?}") };
    assert!(whale.within(30).unwrap().p_purchase > 0.5, "{whale:?}");
}

#[test]
fn purchases_of_one_day_are_refused() {
    // Two lines a customer, but on one day: that is one order each.
    let histories = shop((0..300).map(|_| vec![bought(0, 10.0), bought(0, 20.0)]));
    let lacks = refusal(&histories, &options());
    assert!(lacks.iter().any(|lack| lack.contains("second order")), "{lacks:?}");
    let lacks = refusal(&histories, &Options { as_of: None, ..options() });
    assert!(lacks.iter().any(|lack| lack.contains("0 days of history")), "{lacks:?}");
}

#[test]
fn what_lies_after_the_instant_is_neither_learned_nor_scored() {
    let known = shop((0..400).map(ordinary));
    // Events that happen later, and events of the past that are recorded later: by a clock that runs ahead.
    let ahead = shop((0..400).map(|i| {
        let mut events = ordinary(i);
        events.push(bought(500 + i, 1e6));
        events.push(bought(60_000, 1e6));
        let late = Event { recorded_at: AS_OF + DAY, ..bought(100, 1e6) };
        events.push(late);
        events
    }));
    let (without, with) = (fitted(&known, &options()), fitted(&ahead, &options()));
    assert_eq!((without.usability.events_after, with.usability.events_after), (0, 1200));
    assert!(with.usability.remarks.iter().any(|remark| remark.contains("1200 events after")));
    for ((_, one), (_, other)) in known.iter().zip(ahead.iter()) {
        assert_eq!(without.bundle.predict(one, AS_OF), with.bundle.predict(other, AS_OF));
    }
    // Someone who has only bought in the future has not bought.
    let tomorrow = History::from_events(vec![bought(401, 5.0)]);
    assert!(matches!(with.bundle.predict(&tomorrow, AS_OF), Outcome::NotScored(_)));
    // Without `as_of`, one line of the year 2175 makes everybody silent for ever: still numbers, or a refusal.
    match train(&ahead, &Options { as_of: None, ..options() }, &|_| {}) {
        Ok(fitted) => assert!(assert_scores(&fitted, &known) <= 1.0),
        Err(error) => assert!(matches!(error, Error::Refused { .. }), "{error}"),
    }
}

#[test]
fn one_customer_stays_one_whatever_type_their_id_has() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let paths = [
        write(
            "till.csv",
            "customer_id,occurred_at,amount\n7,2011-01-01,1\n\"7\",2011-01-02,2\n007,2011-01-03,4\n",
        ),
        write(
            "web.ndjson",
            "{\"customer_id\":7,\"occurred_at\":\"2011-02-01\",\"amount\":8}\n\
             {\"customer_id\":\"7\",\"occurred_at\":\"2011-02-02\",\"amount\":16}\n\
             {\"customer_id\":7.0,\"occurred_at\":\"2011-02-03\",\"amount\":32}\n\
             {\"customer_id\":7.5,\"occurred_at\":\"2011-02-04\",\"amount\":64}\n\
             {\"customer_id\":true,\"occurred_at\":\"2011-02-05\",\"amount\":128}\n\
             {\"customer_id\":[7],\"occurred_at\":\"2011-02-06\",\"amount\":256}\n",
        ),
    ];
    let lenient = ReadOptions { max_reject_share: 1.0, ..ReadOptions::default() };
    let (histories, summary) = read(&paths, &lenient).unwrap();
    let spent = |id: &str| histories.get(id).unwrap().events().map(|event| event.amount).sum::<f64>();
    // 007 is another name than 7; what is no name is rejected.
    assert_eq!((spent("7"), spent("007"), histories.len()), (59.0, 4.0, 2));
    assert_eq!(summary.rejected.into_iter().collect::<Vec<_>>(), [("bad_customer_id".to_owned(), 3)]);
}

/// Numbers between 0 and 1 that depend on a customer and a purpose.
fn unit(i: u64, purpose: u64) -> f64 {
    homing_models::sampling::mix(i ^ homing_models::sampling::mix(purpose)) as f64 / u64::MAX as f64
}

/// The spend that a model expects within 30 days over all customers, divided by what came.
fn bias(each: &[Vec<Event>]) -> f64 {
    let known = each.iter().map(|events| events.iter().filter(|e| e.occurred_at < AS_OF).cloned().collect());
    let histories = shop(known.filter(|events: &Vec<Event>| !events.is_empty()));
    let fitted = fitted(&histories, &options());
    let expected: f64 = histories
        .iter()
        .filter_map(|(_, history)| match fitted.bundle.predict(history, AS_OF) {
            Outcome::Scored(prediction) => Some(prediction.within(30).unwrap().expected_spend),
            Outcome::NotScored(_) => None,
        })
        .sum();
    let came = |event: &&Event| (AS_OF..AS_OF + 30 * DAY).contains(&event.occurred_at);
    let bought_before = each.iter().filter(|events| events.iter().any(|e| e.occurred_at < AS_OF));
    expected / bought_before.flat_map(|events| events.iter().filter(came)).map(|e| e.amount).sum::<f64>()
}

#[test]
fn spend_that_rises_with_frequency_is_not_underestimated() {
    // Gaps from 8 to 120 days; who buys four times as often pays four times as much.
    let customer = |i: u64| {
        let gap = 8.0 * 15f64.powf(unit(i, 1));
        let mut day = 300.0 * unit(i, 2);
        let mut events = vec![];
        for k in 0.. {
            events.push(bought(day as i64, 1000.0 / gap * (0.8 + 0.4 * unit(i, 100 + k))));
            day += 1.0 - gap * (1.0 - unit(i, 10_000 + k)).ln();
            if day > 430.0 || unit(i, 20_000 + k) < 0.03 {
                return events;
            }
        }
        events
    };
    let bias = bias(&(0..2500).map(customer).collect::<Vec<_>>());
    assert!((0.85..1.15).contains(&bias), "{bias}");
}

#[test]
fn a_shop_that_doubles_every_quarter_is_not_overestimated() {
    // The same customers at all times, but twice as many of them begin in each quarter as in the one before.
    let customer = |i: u64| {
        let mut day = 430.0 + 90.0 * (unit(i, 1).max(0.04)).log2();
        let mut events = vec![];
        for k in 0.. {
            events.push(bought(day as i64, 10.0 + 20.0 * unit(i, 100 + k)));
            day += 1.0 - 25.0 * (1.0 - unit(i, 10_000 + k)).ln();
            if day > 430.0 || unit(i, 20_000 + k) < 0.15 {
                return events;
            }
        }
        events
    };
    let bias = bias(&(0..4000).map(customer).collect::<Vec<_>>());
    assert!((0.85..1.15).contains(&bias), "{bias}");
}

#[test]
fn a_history_of_days_is_refused_or_named_too_short_for_a_horizon() {
    // Everybody buys every third day.
    let dense = |days: i64| {
        shop((0..300).map(|i| (i % 3..days).step_by(3).map(|day| bought(400 - days + day, 10.0)).collect()))
    };
    let lacks = refusal(&dense(14), &options());
    assert!(lacks.len() == 1 && lacks[0].contains("14 days of history"), "{lacks:?}");
    let histories = dense(60);
    let task = Task { horizons: vec![30, 90], churn_horizon: 90, value_horizon: 90, ..Task::default() };
    let fitted = fitted(&histories, &Options { task, ..options() });
    let horizons = &fitted.usability.horizons;
    let long = horizons.iter().find(|horizon| horizon.days == 90).unwrap();
    assert!(long.taught_days < 90 && long.verdict.contains("lifetime model"), "{horizons:?}");
    let mean = assert_scores(&fitted, &histories);
    assert!(mean > 0.9, "{mean}");
}
