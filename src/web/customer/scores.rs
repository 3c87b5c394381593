//! What is expected of a customer, and why.

use homing_models::Reason;
use homing_models::prediction::Importance;
use serde_json::Value;

use crate::web::asked::Asked;
use crate::web::format::{Dates, NOTHING};
use crate::web::parts::Figure;
use crate::web::scores::{Expected, Scores};
use crate::web::words::{Lang, t};
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

pub(super) fn figures(lang: Lang, dates: Dates, profile: &Profile, scores: Option<&Scores>) -> Vec<Figure> {
    let figure = |name: &str, help: Option<String>, value: String, note| Figure {
        help,
        ..Figure::new(name, value).note(note)
    };
    let amount = |amount: Option<f64>| amount.map_or_else(|| NOTHING.into(), |x| lang.money(x));
    let mut figures = Vec::with_capacity(8);
    if let Some(scores) = scores {
        let within = scores.churn_horizon().map(|days| t!(lang, "churn-risk-in", n = days));
        let place = scores.percentile.map(|place| t!(lang, "of-100", n = place));
        let (next, help) = match scores.next_order_at.as_deref() {
            Some(at) => (dates.day(at), t!(lang, "next-order-help")),
            None => (t!(lang, "not-expected").to_owned(), t!(lang, "not-expected-help")),
        };
        figures.push(figure(t!(lang, "churn-risk"), within, lang.percent(scores.churn_risk), place));
        figures.push(figure(
            t!(lang, "value-at-risk"),
            Some(t!(lang, "value-at-risk-help").into()),
            amount(scores.value_at_risk),
            None,
        ));
        figures.push(figure(t!(lang, "clv"), Some(t!(lang, "clv-help").into()), amount(scores.clv), None));
        figures.push(figure(t!(lang, "next-order"), Some(help.into()), next, None));
        if let Some(p_alive) = scores.p_alive {
            figures.push(figure(
                t!(lang, "p-alive"),
                Some(t!(lang, "p-alive-help").into()),
                lang.percent(p_alive),
                None,
            ));
        }
    }
    let history = &profile.history;
    let last = history.last_purchase_at.as_deref().map_or_else(|| NOTHING.into(), |at| dates.day(at));
    let since = history.first_purchase_at.as_deref().map(|at| t!(lang, "since", date = &dates.day(at)));
    figures.push(figure(t!(lang, "last-purchase"), None, last, None));
    figures.push(figure(t!(lang, "orders"), None, lang.count(history.orders), since));
    figures.push(figure(t!(lang, "spend"), None, lang.money(history.spend), None));
    figures
}

pub(super) fn reasons(asked: &Asked, scores: &Scores) -> Vec<ReasonRow> {
    let lang = asked.lang;
    let most = scores.reasons.iter().map(|reason| reason.contribution.abs()).fold(0.0, f64::max);
    let row = |reason: &Reason| ReasonRow {
        text: reason.text.within(asked.lang).to_owned(),
        change: reason
            .change
            .as_ref()
            .map(|change| t!(lang, "would-change", change = change.within(asked.lang))),
        importance: match reason.importance {
            Importance::High => t!(lang, "high"),
            Importance::Medium => t!(lang, "medium"),
            Importance::Low => t!(lang, "low"),
        },
        raises: reason.contribution > 0.0,
        bar: homing_charts::weight(reason.contribution, most),
    };
    scores.reasons.iter().map(row).collect()
}

pub(super) fn expectation(lang: Lang, dates: Dates, prediction: &Value, scores: &Scores) -> Expectation {
    let text = |name: &str| prediction.get(name).and_then(Value::as_str);
    let points: Vec<(u32, f64)> = scores.at.iter().map(|at| (at.days, at.p_purchase)).collect();
    let as_of = text("as_of").map_or_else(|| NOTHING.to_owned(), |at| dates.day(at));
    let days = |days: u32| t!(lang, "days", n = u64::from(days));
    let label = t!(lang, "curve", date = &as_of);
    let values: Vec<String> =
        points.iter().map(|(at, share)| format!("{} {}", days(*at), lang.percent(*share))).collect();
    let row = |at: &Expected| ExpectedRow {
        within: days(at.days),
        chance: lang.percent(at.p_purchase),
        orders: at.orders.map_or_else(|| NOTHING.into(), |orders| lang.decimal(orders, 1)),
        spend: at.spend.map_or_else(|| NOTHING.into(), |x| lang.money(x)),
        interval: at.interval.map_or_else(
            || NOTHING.into(),
            |(low, high)| format!("{} – {}", lang.money(low), lang.money(high)),
        ),
    };
    let model = text("model").map(|model| t!(lang, "provenance", model = model));
    let scored_at = text("scored_at").map(|at| t!(lang, "scored-at", at = &dates.minute(at)));
    Expectation {
        curve: homing_charts::curve(&Curve {
            label: &format!("{label}: {}", values.join(", ")),
            points: &points,
            share: &|x| lang.percent(x),
            days: &days,
        }),
        rows: scores.at.iter().map(row).collect(),
        provenance: model.into_iter().chain([t!(lang, "as-of", date = &as_of)]).chain(scored_at).collect(),
    }
}
