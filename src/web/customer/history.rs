//! What a customer did.

use homing_datasets::{Event, History, Kind, Micros, Zone};
use serde_json::Value;

use crate::web::format::{self, Dates};
use crate::web::scores::Scores;
use crate::web::words::{self, Lang, t};
use homing_charts::{Mark, Stem, Svg, TimeLine};
use homing_profiles::Profile;

/// Events in the table.
const EVENTS: usize = 20;

/// Stems in the drawing; past that, neighbouring days are taken together.
const STEMS: i32 = 400;

/// The next order is drawn when it lies no further off than this many days, or than the customer's past is long.
const NEAR_DAYS: i32 = 90;

pub(super) struct EventRow {
    pub when: String,
    pub what: &'static str,
    pub amount: String,
    pub quantity: String,
    pub product: String,
    pub category: String,
    pub channel: String,
}

/// A drawing over time, with the days that it spans.
pub(super) type Drawn = (Svg, (i32, i32));

/// The purchases as stems, with the day of the scores and the day of the next order.
pub(super) fn time_line(
    lang: Lang,
    zone: Zone,
    profile: &Profile,
    scores: Option<&Scores>,
    history: &History,
) -> (Option<Drawn>, String) {
    let view = history.as_of(Micros::MAX);
    let days: Vec<(i32, f64)> = view.orders(zone).map(|order| (order.day, order.amount)).collect();
    let (Some(&(first, _)), Some(&(last, _))) = (days.first(), days.last()) else {
        return (None, t!(lang, "no-purchases").to_owned());
    };
    let width = if days.len() > STEMS as usize { (last - first) / STEMS + 1 } else { 1 };
    let mut stems: Vec<Stem> = Vec::with_capacity(days.len().min(STEMS as usize + 1));
    for (day, amount) in days {
        let day = first + (day - first) / width * width;
        match stems.last_mut() {
            Some(stem) if stem.day == day => stem.value += amount,
            _ => stems.push(Stem { day, value: amount, title: String::new() }),
        }
    }
    let date = |day: i32| format::day(lang, day);
    for stem in &mut stems {
        stem.title = format!("{}: {}", date(stem.day), lang.money(stem.value));
    }
    let day_of = |text: &str| zone.instant(text).ok().map(|at| zone.day(at));
    let as_of = profile.prediction.get("as_of").and_then(Value::as_str).and_then(day_of);
    let next = scores.and_then(|scores| scores.next_order_at.as_deref()).and_then(day_of);
    let now = as_of.unwrap_or(last).max(last);
    let next = next.filter(|next| next - now <= NEAR_DAYS.max(now - first));
    let mark =
        |day: i32, words: &str, expected| Mark { day, label: format!("{words} {}", date(day)), expected };
    let marks: Vec<Mark> = as_of
        .map(|day| mark(day, t!(lang, "scored-on"), false))
        .into_iter()
        .chain(next.map(|day| mark(day, t!(lang, "next-expected"), true)))
        .collect();
    let orders = format!("{}{}{}", t!(lang, "orders"), t!(lang, "colon"), lang.count(profile.history.orders));
    let label = format!("{}: {orders}, {} – {}", t!(lang, "purchases"), date(first), date(last));
    let value = |value: f64| lang.money_on_axis(value);
    let drawn = || stems.iter().map(|stem| stem.day).chain(marks.iter().map(|mark| mark.day));
    let span = (drawn().min().unwrap_or(first), drawn().max().unwrap_or(last));
    let svg = homing_charts::time_line(&TimeLine {
        lang,
        label: &label,
        stems: &stems,
        marks: &marks,
        value: &value,
    });
    let note = if width == 1 {
        t!(lang, "purchases-lead").to_owned()
    } else {
        t!(lang, "purchases-binned", n = width)
    };
    (Some((svg, span)), note)
}

/// The last events, the newest first.
pub(super) fn events(lang: Lang, dates: Dates, history: &History) -> Vec<EventRow> {
    let text = |text: Option<String>| text.unwrap_or_default();
    let row = |event: Event| EventRow {
        when: dates.minute_of(event.occurred_at),
        what: words::kind(lang, event.kind),
        amount: match event.kind {
            Kind::Purchase | Kind::Return => lang.money(event.amount),
            Kind::Nps => lang.decimal(event.amount, 0),
            _ if event.amount == 0.0 => String::new(),
            _ => lang.money(event.amount),
        },
        quantity: match event.kind {
            Kind::Purchase | Kind::Return => {
                let pieces = f64::from(event.quantity);
                lang.decimal(pieces, if pieces.fract() == 0.0 { 0 } else { 2 })
            }
            _ => String::new(),
        },
        product: text(event.product),
        category: text(event.category),
        channel: text(event.channel),
    };
    let mut rows: Vec<EventRow> =
        history.events().skip(history.len().saturating_sub(EVENTS)).map(row).collect();
    rows.reverse();
    rows
}
