//! Campaigns on the simulated chain, whose effects are known: whether intervals cover the truth, what the adjustment saves, how often
//! nothing is taken for something, and whether learned uplift ranks customers as the truth does.
//!
//! Last comes the regret of choosing variants by what was learned, beside a fair choice and the best single variant.
//!
//! `cargo bench --workspace --bench campaigns [-- CUSTOMERS [CAMPAIGNS]]` (40,000 customers, 1,000 campaigns)

#![expect(clippy::unwrap_used, reason = "a measurement that fails says so")]

use homing::campaign::choice::{Choice, Learned, pick};
use homing::campaign::effects::{Observed, effects};
use homing::campaign::evaluate::before;
use homing_datasets::frame::{Frame, Values};
use homing_datasets::labels::{Label, label};
use homing_datasets::simulate::{Chain, Contacted};
use homing_datasets::{DAY, Histories, History, Micros, Zone};
use homing_models::features::{COUNT, SPECS, Scratch, compute};
use homing_models::measures::spearman;
use homing_models::sampling::Picker;
use homing_models::{Bundle, Outcome};
use homing_training::pipeline::{Options, train};
use homing_training::uplift::{Experiment, Roles, judge};
use serde_json::json;

const WINDOW: u32 = 30;

/// A customer with both outcomes: not contacted and contacted.
struct Customer {
    untouched: Label,
    contacted: Label,
    uplift: f64,
    before: Vec<f64>,
    features: Vec<f64>,
}

fn customers(chain: &Chain, contact: &Contacted, bundle: &Bundle) -> Vec<Customer> {
    let zone = Zone::default();
    let mut all = Vec::new();
    for number in 0..chain.customers {
        let simulated = chain.customer(number);
        let history = History::from_events(simulated.events.clone());
        let Outcome::Scored(scored) = bundle.predict(&history, contact.at) else { continue };
        let at = scored.at.iter().find(|at| at.days == WINDOW).unwrap();
        let scores = json!({"p_purchase_30d": at.p_purchase, "expected_spend_30d": at.expected_spend});
        // Who buys anyway cannot be moved: for the same effect on everybody the others are moved more often where many buy.
        let often = if contact.even { 1.0 / (1.0 - at.p_purchase).max(0.1) } else { 1.0 };
        let push = Contacted { strength: contact.strength * often, ..*contact };
        let contacted = History::from_events(push.events(&simulated, number));
        let mut features = vec![f64::NAN; COUNT];
        compute(&history.as_of(contact.at), zone, &mut Scratch::default(), &mut features);
        all.push(Customer {
            untouched: label(&history, contact.at, WINDOW, zone),
            contacted: label(&contacted, contact.at, WINDOW, zone),
            uplift: contact.uplift(&simulated),
            before: before(&history, contact.at, WINDOW, Some(&scores), zone),
            features,
        });
    }
    all
}

/// What came of a customer in an outcome.
fn value(label: &Label, outcome: &str) -> f64 {
    match outcome {
        "purchase" => f64::from(u8::from(label.bought)),
        "orders" => f64::from(label.orders),
        _ => label.spend,
    }
}

fn measure(name: &str, all: &[Customer], campaigns: u32) {
    let outcomes = ["purchase", "orders", "spend"];
    let truth = outcomes.map(|outcome| {
        let sum: f64 =
            all.iter().map(|one| value(&one.contacted, outcome) - value(&one.untouched, outcome)).sum();
        sum / all.len() as f64
    });
    let (mut covered, mut called, mut saved) = ([0; 3], [0; 3], [0.0; 3]);
    let mut random = Picker::new(99);
    for _ in 0..campaigns {
        let members: Vec<Observed> = (0..2_000)
            .map(|_| {
                let one = &all[random.below(all.len())];
                let held_out = random.below(10) < 3;
                let label = if held_out { &one.untouched } else { &one.contacted };
                let (orders, spend) = (f64::from(label.orders), label.spend);
                Observed { held_out, orders, spend, before: one.before.clone() }
            })
            .collect();
        for (at, effect) in effects(&members, None).iter().enumerate() {
            let (low, high) = (effect.low.unwrap(), effect.high.unwrap());
            covered[at] += u32::from((low..=high).contains(&truth[at]));
            called[at] += u32::from(effect.p_value.unwrap() < 0.05);
            saved[at] += effect.variance_saved / f64::from(campaigns);
        }
    }
    for (at, outcome) in outcomes.iter().enumerate() {
        println!(
            "{name} {outcome}: true effect {:.4}, covered {:.1} %, called effective {:.1} %, variance saved {:.1} %",
            truth[at],
            100.0 * f64::from(covered[at]) / f64::from(campaigns),
            100.0 * f64::from(called[at]) / f64::from(campaigns),
            100.0 * saved[at]
        );
    }
}

/// Learns uplift from one large experiment and compares it with the truth.
fn uplift(name: &str, all: &[Customer]) {
    let mut random = Picker::new(5);
    let treated: Vec<bool> = all.iter().map(|_| random.below(2) == 0).collect();
    let number = |of: &dyn Fn(usize) -> f64| Values::Numbers((0..all.len()).map(of).collect());
    let mut columns = vec![
        ("arm".to_owned(), number(&|row| f64::from(u8::from(treated[row])))),
        (
            "bought".to_owned(),
            number(&|row| {
                let one = &all[row];
                value(if treated[row] { &one.contacted } else { &one.untouched }, "purchase")
            }),
        ),
    ];
    for (at, feature) in SPECS.iter().enumerate() {
        columns.push((feature.name.to_owned(), number(&|row| all[row].features[at])));
    }
    let frame = Frame::of(columns);
    let roles =
        Roles { treatment: "arm".to_owned(), outcomes: vec!["bought".to_owned()], ..Roles::default() };
    let experiment = Experiment::of(&frame, &roles).unwrap();
    let judged = judge(&experiment, 1, &|_| {}).unwrap();
    let result = &judged.arms[0];
    let truth: Vec<f64> = all.iter().map(|one| one.uplift).collect();
    println!(
        "{name} uplift: Qini {:.4} ({:.4} to {:.4}), claimed {}, Spearman with the true effect {:.3}",
        result.qini.unwrap(),
        result.qini_low.unwrap(),
        result.qini_high.unwrap(),
        result.claimed,
        spearman(&result.values.uplift, &truth)
    );
}

/// Variants and how much of a customer's true effect each shows, by context: no single one is best everywhere.
const VARIANTS: [&str; 4] = ["sms", "mail", "call", "letter"];
const WORKS: [[f64; 4]; 3] = [[1.0, 0.4, 0.2, 0.0], [0.2, 1.0, 0.4, 0.1], [0.0, 0.3, 1.0, 0.5]];

/// Thirty campaigns of 500 customers each, with variants chosen by a policy; says the buyers lost beside the best variant of each context.
fn regret(all: &[Customer]) {
    let recency = SPECS.iter().position(|spec| spec.name == "recency_days").unwrap();
    let context = |one: &Customer| match one.features[recency] {
        days if days < 45.0 => 0,
        days if days < 120.0 => 1,
        _ => 2,
    };
    let names: Vec<String> = VARIANTS.iter().map(|name| (*name).to_owned()).collect();
    // The chance to buy: anyway, or because this variant shows its share of the effect.
    let chance = |one: &Customer, variant: usize| {
        let anyway = value(&one.untouched, "purchase");
        anyway + (1.0 - anyway) * (one.uplift * WORKS[context(one)][variant]).clamp(0.0, 1.0)
    };
    let means: Vec<Vec<f64>> = (0..3)
        .map(|wanted| {
            let own: Vec<&Customer> = all.iter().filter(|one| context(one) == wanted).collect();
            (0..4)
                .map(|variant| own.iter().map(|one| chance(one, variant)).sum::<f64>() / own.len() as f64)
                .collect()
        })
        .collect();
    println!("variants: share of buyers by context {means:.3?}");
    let shares: Vec<f64> =
        (0..3).map(|wanted| all.iter().filter(|one| context(one) == wanted).count() as f64).collect();
    let total = |variant: usize| (0..3).map(|at| shares[at] * means[at][variant]).sum::<f64>();
    let fixed = (0..4).max_by(|a, b| total(*a).total_cmp(&total(*b))).unwrap();
    let best: Vec<f64> = means.iter().map(|row| row.iter().copied().fold(0.0, f64::max)).collect();
    const ROUNDS: u64 = 30;
    const RUNS: u64 = 20;
    for policy in ["learned", "uniform", "fixed"] {
        let mut curve = vec![0.0; ROUNDS as usize];
        for run in 0..RUNS {
            let mut random = Picker::new(1_000 + run);
            let (mut log, mut lost): (Vec<Choice>, f64) = (Vec::new(), 0.0);
            for round in 0..ROUNDS {
                let taught = Learned::of(log.iter());
                let learned =
                    ["fresh", "fading", "silent"].map(|name| taught.probabilities("call", &names, name, run));
                for n in 0..500 {
                    let one = &all[random.below(all.len())];
                    let at = context(one);
                    let name = ["fresh", "fading", "silent"][at];
                    let probabilities = match policy {
                        "learned" => learned[at].clone(),
                        _ => vec![0.25; 4],
                    };
                    let variant = match policy {
                        "fixed" => fixed,
                        _ => pick(&probabilities, &format!("{run}-{n}"), &format!("r{round}"), run),
                    };
                    lost += best[at] - means[at][variant];
                    let bought = (random.draw() >> 11) as f64 / (1u64 << 53) as f64;
                    log.push(Choice {
                        customer_id: format!("{run}-{round}-{n}"),
                        action: "call".to_owned(),
                        context: name.to_owned(),
                        variant: names[variant].clone(),
                        propensity: probabilities[variant],
                        bought: bought < chance(one, variant),
                    });
                }
                curve[round as usize] += lost / RUNS as f64;
            }
        }
        let shown: Vec<String> =
            [1, 5, 10, 20, 30].iter().map(|at| format!("{at}: {:.1}", curve[at - 1])).collect();
        println!("variants {policy}: buyers lost after campaigns {}", shown.join(", "));
    }
}

fn main() {
    let numbers: Vec<u32> = std::env::args().filter_map(|text| text.parse().ok()).collect();
    let count = numbers.first().copied().unwrap_or(40_000);
    let campaigns = numbers.get(1).copied().unwrap_or(1_000);
    let chain = Chain { customers: u64::from(count), seed: 11, ..Chain::default() };
    let at = Micros::from(chain.until_day - 40) * DAY;
    let histories: Histories = chain.histories().unwrap();
    let bundle =
        train(&histories, &Options { as_of: Some(at), ..Options::default() }, &|_| {}).unwrap().bundle;
    for (name, strength, even) in [("heterogeneous", 1.0, false), ("even", 1.0, true), ("null", 0.0, false)] {
        let contact = Contacted { at, strength, even, seed: 4 };
        let all = customers(&chain, &contact, &bundle);
        println!("{name}: {} customers", all.len());
        measure(name, &all, campaigns);
        uplift(name, &all);
        if name == "heterogeneous" {
            let strong = Contacted { strength: 2.5, ..contact };
            regret(&customers(&chain, &strong, &bundle));
        }
    }
}
