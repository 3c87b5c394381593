//! What the model in use would have said of a customer at each time: the path of the chances, below the purchases.

use std::time::Instant;

use homing_charts::{Axis, Ink, Line, Plot, Point, Svg, time_span};
use homing_datasets::{DAY, History, Micros};
use homing_models::Outcome;

use super::parts::Key;
use super::words::{Lang, t};
use crate::scoring::{ModelInfo, Score, Spent};

/// Times at which the model is asked.
const TIMES: i64 = 80;
/// A path that takes longer than this is drawn as far as it came.
const PATIENCE: std::time::Duration = std::time::Duration::from_millis(60);

/// The chances at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct At {
    day: i32,
    alive: f64,
    returns: f64,
}

/// Asks the model at times evenly spread from the first purchase to an instant, each time showing it no more than was known
/// then. The latest times are asked first.
pub(super) fn walk(engine: &dyn Score, customer_id: &str, history: &History, until: Micros) -> Vec<At> {
    let model = engine.model();
    let Some(first) = history.first_purchase() else { return Vec::new() };
    let step = ((until - first) / TIMES / DAY).max(1) * DAY;
    let began = Instant::now();
    let mut path = Vec::new();
    let mut at = until;
    while at >= first && began.elapsed() < PATIENCE {
        let scored = engine.run(customer_id, history, at, at, false, &Spent::default());
        if let Outcome::Scored(prediction) = scored.outcome {
            path.push(At {
                day: model.timezone.day(at),
                alive: prediction.p_alive,
                returns: 1.0 - prediction.churn_risk,
            });
        }
        at -= step;
    }
    path.reverse();
    path
}

/// Draws a path on the axis of a time line from one day to another.
pub(super) fn draw(
    lang: Lang,
    model: &ModelInfo,
    path: &[At],
    (first, last): (i32, i32),
) -> Option<(Svg, Vec<Key>)> {
    if path.len() < 2 {
        return None;
    }
    let (from, to) = time_span(first, last);
    let horizon = model.churn_horizon.to_string();
    let returns = t!(lang, "path-return", n = &horizon);
    let line = |ink, name: &str, get: fn(&At) -> f64| Line {
        ink,
        dots: false,
        joined: true,
        points: path
            .iter()
            .map(|at| Point {
                x: f64::from(at.day),
                y: get(at),
                title: Some(format!(
                    "{} {name}: {}",
                    homing_datasets::calendar::date_of(at.day),
                    lang.percent(get(at))
                )),
                interval: None,
            })
            .collect(),
    };
    let svg = homing_charts::plot(&Plot {
        label: &t!(lang, "path-label", n = &horizon),
        x: Axis { from, to, ..Axis::dates(lang, first, last, "") },
        y: Axis::share(t!(lang, "chance-axis"), &|x| lang.percent(x)),
        lines: vec![
            line(Ink::Other, t!(lang, "path-alive"), |at| at.alive),
            line(Ink::Expected, &returns, |at| at.returns),
        ],
        rules: Vec::new(),
    });
    Some((
        svg,
        vec![Key::line(Ink::Expected, returns.clone()), Key::line(Ink::Other, t!(lang, "path-alive"))],
    ))
}
