//! The page "Accuracy": kept predictions beside what happened, as `homing monitor` last found it.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use serde_json::Value;

use super::asked::Asked;
use super::format::{Dates, NOTHING};
use super::frame::{Frame, Place};
use super::message;
use super::parts::{Cell, Head, Table};
use super::state::{Web, written};
use super::words::{Lang, t};
use homing_datasets::Micros;
use homing_profiles::kept::ACCURACY;

/// Windows that are shown, the latest first.
const SHOWN: usize = 60;

/// Answers `GET /accuracy`.
pub(super) async fn page(State(web): State<Arc<Web>>, uri: Uri, headers: HeaderMap) -> Response {
    let asked = Asked::of(&uri, &headers);
    match web.ask(|store| store.document(ACCURACY)).await {
        Ok(found) => written(StatusCode::OK, &view(&web, &asked, found)),
        Err(code) => message::problem(&web, &asked, code),
    }
}

#[derive(Template)]
#[template(path = "accuracy.html", config = "src/web/askama.toml")]
struct View {
    frame: Frame,
    counted: Option<String>,
    alarms: Vec<String>,
    windows: Option<Table>,
    pending: Option<Table>,
    beside: Option<Table>,
    lead_time: Option<String>,
}

fn view(web: &Web, asked: &Asked, found: Option<(Micros, String)>) -> View {
    let lang = asked.lang;
    let dates = Dates { lang, zone: web.model().map(|model| model.timezone) };
    let at = found.as_ref().map(|(at, _)| *at);
    let report: Value = found.and_then(|(_, text)| serde_json::from_str(&text).ok()).unwrap_or(Value::Null);
    let list = |name: &str| report[name].as_array().cloned().unwrap_or_default();
    View {
        frame: Frame::new(asked, Some(Place::Accuracy), t!(lang, "accuracy")),
        counted: at.map(|at| t!(lang, "counted-at", at = &dates.minute_of(at))),
        alarms: list("alarms").iter().map(|alarm| alarm_text(lang, alarm)).collect(),
        windows: windows(lang, dates, &list("windows")),
        pending: pending(lang, dates, &list("pending")),
        beside: beside(lang, dates, &list("comparisons")),
        lead_time: lead_time(lang, &report["lead_time"]),
    }
}

/// An alarm in words.
fn alarm_text(lang: Lang, alarm: &Value) -> String {
    let code = match alarm["code"].as_str() {
        Some("auc") => t!(lang, "alarm-auc"),
        Some("ece") => t!(lang, "alarm-ece"),
        Some("spend_bias") => t!(lang, "alarm-spend-bias"),
        Some("interval_coverage") => t!(lang, "alarm-interval-coverage"),
        Some("output_drift") => t!(lang, "alarm-output-drift"),
        Some("source_stopped") => t!(lang, "alarm-source-stopped"),
        Some("amounts_moved") => t!(lang, "alarm-amounts-moved"),
        Some("challenger_better") => t!(lang, "alarm-challenger-better"),
        _ => t!(lang, "alarm-input-drift"),
    };
    match alarm["horizon_days"].as_u64() {
        Some(days) => format!("{}{}{code}", t!(lang, "days-ahead", n = days), t!(lang, "colon")),
        None => code.to_owned(),
    }
}

/// A figure with its interval below.
fn cell(window: &Value, name: &str, write: &dyn Fn(f64) -> String, lang: Lang) -> Cell {
    let number = |end: &str| window[format!("{name}{end}")].as_f64();
    match (number(""), number("_low"), number("_high")) {
        (Some(value), Some(low), Some(high)) => {
            Cell::number(write(value)).note(t!(lang, "from-to", low = &write(low), high = &write(high)))
        }
        (Some(value), ..) => Cell::number(write(value)),
        _ => Cell::number(NOTHING),
    }
}

fn windows(lang: Lang, dates: Dates, windows: &[Value]) -> Option<Table> {
    let text = |window: &Value, name: &str| window[name].as_str().unwrap_or_default().to_owned();
    let rows: Vec<Vec<Cell>> = windows
        .iter()
        .rev()
        .filter(|window| window["segment"] == "all")
        .take(SHOWN)
        .map(|window| {
            let ranking = |value: f64| lang.decimal(value, 3);
            let percent = |value: f64| lang.percent1(value);
            let signed = |value: f64| lang.signed_percent(value);
            vec![
                Cell::text(dates.day(&text(window, "from"))).note(text(window, "model")),
                Cell::number(lang.count(window["horizon_days"].as_u64().unwrap_or(0))),
                Cell::number(lang.count(window["customers"].as_u64().unwrap_or(0))),
                cell(window, "auc", &ranking, lang),
                cell(window, "ece", &percent, lang),
                cell(window, "spend_bias", &signed, lang),
                cell(window, "interval_coverage", &percent, lang),
                cell(window, "high_precision", &percent, lang),
            ]
        })
        .collect();
    let head = vec![
        Head::text(t!(lang, "accuracy-from")),
        Head::number(t!(lang, "accuracy-days")),
        Head::number(t!(lang, "customers")),
        Head::number(t!(lang, "accuracy-auc")).help(t!(lang, "accuracy-auc-help")),
        Head::number(t!(lang, "accuracy-ece")).help(t!(lang, "accuracy-ece-help")),
        Head::number(t!(lang, "accuracy-spend")).help(t!(lang, "accuracy-spend-help")),
        Head::number(t!(lang, "accuracy-coverage")).help(t!(lang, "accuracy-coverage-help")),
        Head::number(t!(lang, "accuracy-high")).help(t!(lang, "accuracy-high-help")),
    ];
    (!rows.is_empty()).then_some(Table { named_by: "windows", head, rows })
}

/// How early lapses were warned of, in words.
fn lead_time(lang: Lang, lead: &Value) -> Option<String> {
    let share = |name: &str| lead[name].as_f64().map(|value| lang.percent1(value));
    Some(t!(
        lang,
        "accuracy-lead-time",
        lapsed = &lang.count(lead["lapsed"].as_u64()?),
        warned = &share("warned")?,
        in_time = &share("in_time")?,
        days = &lang.count(lead["lead_days"].as_f64()? as u64)
    ))
}

/// Champion beside challenger.
fn beside(lang: Lang, dates: Dates, comparisons: &[Value]) -> Option<Table> {
    let rows: Vec<Vec<Cell>> = comparisons
        .iter()
        .rev()
        .take(SHOWN)
        .map(|one| {
            let text = |name: &str| one[name].as_str().unwrap_or_default();
            let number = |name: &str| {
                Cell::number(one[name].as_f64().map_or(NOTHING.to_owned(), |value| lang.decimal(value, 4)))
            };
            let better = match text("better") {
                "challenger" => t!(lang, "accuracy-better-challenger"),
                "champion" => t!(lang, "accuracy-better-champion"),
                _ => t!(lang, "accuracy-better-undecided"),
            };
            vec![
                Cell::text(dates.day(text("from"))).note(text("champion")),
                Cell::text(text("challenger")),
                Cell::number(lang.count(one["horizon_days"].as_u64().unwrap_or(0))),
                Cell::number(lang.count(one["customers"].as_u64().unwrap_or(0))),
                number("logloss"),
                number("challenger_logloss"),
                Cell::text(better),
            ]
        })
        .collect();
    let head = vec![
        Head::text(t!(lang, "accuracy-from")),
        Head::text(t!(lang, "accuracy-challenger")),
        Head::number(t!(lang, "accuracy-days")),
        Head::number(t!(lang, "customers")),
        Head::number(t!(lang, "accuracy-loss-champion")).help(t!(lang, "accuracy-loss-help")),
        Head::number(t!(lang, "accuracy-loss-challenger")).help(t!(lang, "accuracy-loss-help")),
        Head::text(t!(lang, "accuracy-better")),
    ];
    (!rows.is_empty()).then_some(Table { named_by: "beside", head, rows })
}

fn pending(lang: Lang, dates: Dates, pending: &[Value]) -> Option<Table> {
    let rows: Vec<Vec<Cell>> = pending
        .iter()
        .rev()
        .take(SHOWN)
        .map(|one| {
            let text = |name: &str| one[name].as_str().unwrap_or_default();
            let number = |name: &str, write: &dyn Fn(f64) -> String| {
                Cell::number(one[name].as_f64().map_or(NOTHING.to_owned(), write))
            };
            vec![
                Cell::text(dates.day(text("from"))),
                Cell::number(lang.count(one["horizon_days"].as_u64().unwrap_or(0))),
                Cell::text(dates.day(text("due"))),
                number("estimated_auc", &|value| lang.decimal(value, 3)),
                number("estimated_share", &|value| lang.percent1(value)),
            ]
        })
        .collect();
    let head = vec![
        Head::text(t!(lang, "accuracy-from")),
        Head::number(t!(lang, "accuracy-days")),
        Head::text(t!(lang, "accuracy-due")),
        Head::number(t!(lang, "accuracy-expected-auc")),
        Head::number(t!(lang, "accuracy-expected-share")),
    ];
    (!rows.is_empty()).then_some(Table { named_by: "pending", head, rows })
}
