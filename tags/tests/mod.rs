//! Catalogues: the shipped one, wrong ones, and what expressions give.

use homing_datasets::{DAY, Event, History, Kind, Micros, Zone};
use homing_models::features::{COUNT, F, Scratch, compute};
use homing_models::{AtHorizon, NotScored, Outcome, Prediction};
use serde_json::{Map, Value, json};

use super::*;
use crate::Tag;

mod definitions;
mod expressions;
mod shipped;

const AS_OF: Micros = 15_226 * DAY; // 2011-09-09

fn tag_text(name: &str, expression: &str, more: &str) -> String {
    format!(
        "[[tag]]\nname = \"{name}\"\nlayer = \"dynamic\"\ndimension = \"activity\"\n\
         labels = {{ zh = \"标签\", en = \"Tag\" }}\nmeaning = {{ zh = \"含义\", en = \"Meaning\" }}\n\
         expression = '{expression}'\n{more}\n"
    )
}

fn parse(text: &str) -> Result<Catalogue, Error> {
    Catalogue::parse(text, "tags.toml")
}

fn refused(text: &str) -> String {
    parse(text).err().unwrap().to_string()
}

fn prediction() -> Prediction {
    let at = |days: u32, p_purchase: f64| AtHorizon {
        days,
        p_purchase,
        expected_orders: 2.0 * p_purchase,
        expected_spend: 100.0 * p_purchase,
        expected_spend_low: 0.0,
        expected_spend_high: 300.0,
    };
    Prediction {
        at: vec![at(30, 0.1), at(90, 0.25), at(365, 0.5)],
        churn_risk: 0.75,
        churn_percentile: 88,
        p_alive: 0.5,
        next_order_at: Some(AS_OF + 20 * DAY),
        next_order_quartiles: [None; 2],
        clv: 6_000.0,
        clv_interval: [0.0; 2],
        value_at_risk: 4_500.0,
        cluster: None,
        reasons: Vec::new(),
    }
}

fn scored() -> Outcome {
    Outcome::Scored(Box::new(prediction()))
}

fn not_scored() -> Outcome {
    Outcome::NotScored(NotScored::NoPurchase)
}

fn features(set: &[(F, f64)]) -> Vec<f64> {
    let mut features = vec![f64::NAN; COUNT];
    for (feature, value) in set {
        features[*feature as usize] = *value;
    }
    features
}

fn features_of(events: Vec<Event>) -> Vec<f64> {
    let mut features = vec![0.0; COUNT];
    let history = History::from_events(events);
    compute(&history.as_of(AS_OF), Zone::default(), &mut Scratch::default(), &mut features);
    features
}

fn buys(days_ago: &[i64], amount: f64) -> Vec<Event> {
    days_ago.iter().map(|ago| Event::new(Kind::Purchase, AS_OF - ago * DAY, amount)).collect()
}

fn values(tags: Vec<Tag>) -> Map<String, Value> {
    tags.into_iter().map(|tag| (tag.name, tag.value)).collect()
}

fn shipped_values(events: Vec<Event>, outcome: &Outcome) -> Map<String, Value> {
    let bound = Catalogue::shipped().unwrap().bind(&[30, 90, 365]);
    let history = History::from_events(events.clone());
    let tags = bound.evaluate_view(&history.as_of(AS_OF), &features_of(events), outcome);
    assert_eq!(bound.failures(), []);
    values(tags)
}

/// The value of one expression; `None` when it is empty.
fn value_of(expression: &str, features: &[f64], outcome: &Outcome) -> Option<Value> {
    let bound = parse(&tag_text("a.b", expression, "")).unwrap().bind(&[30, 90, 365]);
    bound.evaluate(features, outcome, AS_OF).pop().map(|tag| tag.value)
}
