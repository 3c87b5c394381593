//! What the papers write with Gauss's hypergeometric function, against mpmath (`fixtures/make_lifetime_oracle.py`), and
//! quantities that are integrals or sums of others, against these.

use homing_models::lifetimes::special::ln_gauss_2f1;
use homing_models::lifetimes::{BgNbd, LifetimeModel, MbgNbd, ParetoNbd, Recency};

use super::{assert_close, numbers};

#[test]
fn gauss_2f1_agrees_with_mpmath_up_to_ten_thousand_purchases() {
    let mut rows = 0;
    for row in numbers(include_str!("../fixtures/gauss_2f1.csv")) {
        let [a, b, c, z, expected] = row[..] else { panic!("{row:?}") };
        let value = ln_gauss_2f1(a, b, c, z);
        // 1e-10 in the logarithm; of a logarithm above 1e4 the f64 itself keeps no more than 1e-14.
        let tolerance = 1e-10 * (expected / 1e4).max(1.0);
        assert_close(&format!("ln 2F1({a}, {b}; {c}; {z})"), value, expected, tolerance);
        rows += 1;
    }
    assert!(rows > 50);
}

/// A model of the oracle with given parameters.
fn model(name: &str, p: &[f64]) -> Box<dyn LifetimeModel> {
    match name {
        "bg" => Box::new(BgNbd::with_parameters(p[0], p[1], p[2], p[3], 1).unwrap()),
        "mbg" => Box::new(MbgNbd::with_parameters(p[0], p[1], p[2], p[3], 1).unwrap()),
        _ => Box::new(ParetoNbd::with_parameters(p[0], p[1], p[2], p[3]).unwrap()),
    }
}

#[test]
fn closed_forms_agree_with_mpmath_up_to_ten_thousand_purchases() {
    let csv = include_str!("../fixtures/lifetime_oracle.csv");
    for line in csv.lines().filter(|line| !line.starts_with('#')).skip(1) {
        let (name, rest) = line.split_once(',').unwrap();
        let row: Vec<f64> = rest.split(',').map(|field| field.parse().unwrap()).collect();
        let [x, t_x, age, t, ln_l, ln_alive, ln_orders] = row[4..] else { panic!("{line}") };
        let (model, customer) = (model(name, &row), Recency::new(x as u32, t_x, age));
        let value = model.log_likelihood_of(customer);
        assert_close(&format!("ln L, {line}"), value, ln_l, 1e-10 * ln_l.abs().max(1.0));
        // Relative; an exponent of 1,000 costs three digits of it, and below 1e-300 an f64 says 0.
        for (what, value, ln_expected) in [
            ("P(alive)", model.probability_alive(customer), ln_alive),
            ("E[X(t)]", model.expected_orders(customer, t), ln_orders),
        ] {
            if ln_expected < -690.0 {
                assert!(value < 1e-290, "{what}, {line}: {value}");
            } else {
                let tolerance = 1e-10 * (ln_expected.abs() / 10.0).max(1.0);
                assert_close(&format!("ln {what}, {line}"), value.ln(), ln_expected, tolerance);
            }
        }
    }
}

fn models() -> Vec<Box<dyn LifetimeModel>> {
    vec![
        Box::new(BgNbd::with_parameters(0.243, 4.414, 0.793, 2.426, 1).unwrap()),
        Box::new(MbgNbd::with_parameters(0.5248, 6.1828, 0.8914, 1.6141, 1).unwrap()),
        Box::new(MbgNbd::with_parameters(1.2, 2.0, 0.8914, 1.6141, 3).unwrap()),
        Box::new(ParetoNbd::with_parameters(0.553, 10.578, 0.606, 11.669).unwrap()),
        Box::new(ParetoNbd::with_parameters(0.553, 10.578, 1.0, 11.669).unwrap()),
        Box::new(ParetoNbd::with_parameters(2.0, 5.0, 3.0, 40.0).unwrap()),
    ]
}

const CUSTOMERS: [Recency; 3] = [
    Recency { frequency: 0, recency: 0.0, age: 38.86 },
    Recency { frequency: 2, recency: 30.43, age: 38.86 },
    Recency { frequency: 221, recency: 103.43, age: 103.57 },
];

#[test]
fn windows_add_up() {
    for model in models() {
        for customer in CUSTOMERS {
            let cuts = [0.0, 1e-6, 0.5, 4.0, 39.0, 39.001, 400.0, 1e5];
            let sum: f64 = cuts.windows(2).map(|w| model.expected_orders_between(customer, w[0], w[1])).sum();
            let whole = model.expected_orders(customer, 1e5);
            assert_close(&format!("{model:?} {customer:?}"), sum, whole, 1e-9 * whole);
            for (from, to) in [(5.0, 5.0), (5.0, 4.0), (f64::NAN, 3.0), (0.0, f64::NAN)] {
                let expected = if from.is_nan() { model.expected_orders(customer, to) } else { 0.0 };
                assert_eq!(model.expected_orders_between(customer, from, to), expected, "{from} {to}");
            }
        }
    }
}

#[test]
fn a_later_window_of_pareto_is_the_rate_times_the_chance_to_live_to_see_it() {
    // E[X(T+a, T+b)] = P(alive) E[λ] ∫ E[e^−μy] dy, by Simpson's rule with 2,000 steps.
    let model = ParetoNbd::with_parameters(0.553, 10.578, 0.606, 11.669).unwrap();
    let (customer, from, to) = (Recency::new(2, 30.43, 38.86), 1_000.0, 1_052.0);
    let alive = |y: f64| ((11.669 + 38.86) / (11.669 + 38.86 + y)).powf(0.606);
    let h = (to - from) / 2_000.0;
    let weight = |i: u32| match i {
        0 | 2_000 => 1.0,
        i if i % 2 == 1 => 4.0,
        _ => 2.0,
    };
    let integral = (0..=2_000).map(|i| weight(i) * alive(from + h * f64::from(i))).sum::<f64>() * h / 3.0;
    let expected = model.probability_alive(customer) * 2.553 / (10.578 + 38.86) * integral;
    let value = model.expected_orders_between(customer, from, to);
    assert_close("E", value, expected, 1e-12 * expected);
}

#[test]
fn dert_is_the_discounted_sum_of_its_windows() {
    let rate = 1.1f64.ln() / 52.0;
    for model in models() {
        for customer in CUSTOMERS.into_iter().take(2) {
            // Windows that grow with time, each discounted from its middle; what is left after 15,000 weeks is worth
            // e^−27 of a purchase.
            let (mut sum, mut from) = (0.0, 0.0);
            while from < 15_000.0 {
                let to = from + 0.1 + 4e-3 * from;
                sum += model.expected_orders_between(customer, from, to) * (-rate * 0.5 * (from + to)).exp();
                from = to;
            }
            // The middle stands for the window: an error of (width · rate)² / 24 at most, 2e-6 at 1,000 weeks.
            let dert = model.dert(customer, rate);
            assert_close(&format!("{model:?} {customer:?}"), dert, sum, 5e-6 * sum);
        }
    }
}

#[test]
fn p_alive_falls_in_silence_and_rises_with_a_purchase() {
    let repeats = [3.0, 9.5, 21.0];
    for model in models() {
        let weeks: Vec<f64> = (0..400).map(|i| f64::from(i) * 0.1).collect();
        let path = model.alive_over_time(&repeats, &weeks);
        for (pair, alive) in weeks.windows(2).zip(path.windows(2)) {
            let bought = repeats.iter().any(|t| pair[0] < *t && *t <= pair[1]);
            if !bought {
                assert!(alive[1] <= alive[0] + 1e-12, "{model:?} between {pair:?}: {alive:?}");
            }
        }
        for (at, x, t_x) in [(2.9, 0, 0.0), (3.0, 1, 3.0), (20.9, 2, 9.5), (30.0, 3, 21.0)] {
            let expected = model.probability_alive(Recency::new(x, t_x, at));
            assert_eq!(model.alive_over_time(&repeats, &[at]), [expected]);
        }
        // Order does not matter; what is no time is no purchase; before the first purchase nothing is known.
        let untidy =
            model.alive_over_time(&[21.0, f64::NAN, 3.0, 9.5, f64::INFINITY], &[30.0, -5.0, f64::NAN]);
        let start = model.probability_alive(Recency::default());
        assert_eq!(untidy, [model.alive_over_time(&repeats, &[30.0])[0], start, start]);
    }
}
