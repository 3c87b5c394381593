//! What is expected of a customer, and why.

use homing_models::Reason;
use homing_models::prediction::Importance;
use serde_json::Value;

use crate::web::asked::Asked;
use crate::web::format::{Dates, NOTHING, count, decimal, money, percent};
use crate::web::parts::Figure;
use crate::web::scores::{Expected, Scores};
use crate::web::words::{Words, fill};
use homing_charts::{Curve, Svg};
use homing_profiles::Profile;

pub(super) struct ReasonRow {
    pub text: String,
    pub change: Option<String>,
    pub importance: &'static str,
    pub raises: bool,
    pub bar: Svg,
}

pub(super) struct ExpectedRow {
    pub within: String,
    pub chance: String,
    pub orders: String,
    pub spend: String,
    pub interval: String,
}

pub(super) struct Expectation {
    pub curve: Svg,
    pub rows: Vec<ExpectedRow>,
    pub provenance: Vec<String>,
}

pub(super) fn figures(
    w: &'static Words,
    dates: Dates,
    profile: &Profile,
    scores: Option<&Scores>,
) -> Vec<Figure> {
    let figure = |name: &str, help: Option<String>, value: String, note| Figure {
        help,
        ..Figure::new(name, value).note(note)
    };
    let amount = |amount: Option<f64>| amount.map_or_else(|| NOTHING.into(), money);
    let mut figures = Vec::with_capacity(8);
    if let Some(scores) = scores {
        let within = scores.churn_horizon().map(|days| fill(w.churn_risk_in, &days.to_string()));
        let place = scores.percentile.map(|place| fill(w.of_100, &count(place)));
        let (next, help) = match scores.next_order_at.as_deref() {
            Some(at) => (dates.day(at), w.next_order_help),
            None => (w.not_expected.to_owned(), w.not_expected_help),
        };
        figures.push(figure(w.churn_risk, within, percent(scores.churn_risk), place));
        figures.push(figure(
            w.value_at_risk,
            Some(w.value_at_risk_help.into()),
            amount(scores.value_at_risk),
            None,
        ));
        figures.push(figure(w.clv, Some(w.clv_help.into()), amount(scores.clv), None));
        figures.push(figure(w.next_order, Some(help.into()), next, None));
        if let Some(p_alive) = scores.p_alive {
            figures.push(figure(w.p_alive, Some(w.p_alive_help.into()), percent(p_alive), None));
        }
    }
    let history = &profile.history;
    let last = history.last_purchase_at.as_deref().map_or_else(|| NOTHING.into(), |at| dates.day(at));
    let since = history.first_purchase_at.as_deref().map(|at| fill(w.since, &dates.day(at)));
    figures.push(figure(w.last_purchase, None, last, None));
    figures.push(figure(w.orders, None, count(history.orders), since));
    figures.push(figure(w.spend, None, money(history.spend), None));
    figures
}

pub(super) fn reasons(asked: &Asked, scores: &Scores) -> Vec<ReasonRow> {
    let w = asked.lang.words();
    let most = scores.reasons.iter().map(|reason| reason.contribution.abs()).fold(0.0, f64::max);
    let row = |reason: &Reason| ReasonRow {
        text: asked.lang.of(&reason.text).to_owned(),
        change: reason.change.as_ref().map(|change| fill(w.would_change, asked.lang.of(change))),
        importance: match reason.importance {
            Importance::High => w.high,
            Importance::Medium => w.medium,
            Importance::Low => w.low,
        },
        raises: reason.contribution > 0.0,
        bar: homing_charts::weight(reason.contribution, most),
    };
    scores.reasons.iter().map(row).collect()
}

pub(super) fn expectation(w: &Words, dates: Dates, prediction: &Value, scores: &Scores) -> Expectation {
    let text = |name: &str| prediction.get(name).and_then(Value::as_str);
    let points: Vec<(u32, f64)> = scores.at.iter().map(|at| (at.days, at.p_purchase)).collect();
    let as_of = text("as_of").map_or_else(|| NOTHING.to_owned(), |at| dates.day(at));
    let days = |days: u32| fill(w.days, &count(u64::from(days)));
    let label = fill(w.curve, &as_of);
    let values: Vec<String> =
        points.iter().map(|(at, share)| format!("{} {}", days(*at), percent(*share))).collect();
    let row = |at: &Expected| ExpectedRow {
        within: days(at.days),
        chance: percent(at.p_purchase),
        orders: at.orders.map_or_else(|| NOTHING.into(), |orders| decimal(orders, 1)),
        spend: at.spend.map_or_else(|| NOTHING.into(), money),
        interval: at
            .interval
            .map_or_else(|| NOTHING.into(), |(low, high)| format!("{} – {}", money(low), money(high))),
    };
    let model = text("model").map(|model| fill(w.provenance, model));
    let scored_at = text("scored_at").map(|at| fill(w.scored_at, &dates.minute(at)));
    Expectation {
        curve: homing_charts::curve(&Curve {
            label: &format!("{label}: {}", values.join(", ")),
            points: &points,
            share: &percent,
            days: &days,
        }),
        rows: scores.at.iter().map(row).collect(),
        provenance: model.into_iter().chain([fill(w.as_of, &as_of)]).chain(scored_at).collect(),
    }
}
