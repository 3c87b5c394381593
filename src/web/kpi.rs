//! The KPI board: the business's key figures over a period, beside another.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use homing_charts::{Axis, Heat, Ink, Line, Plot, Point, Svg};

use super::asked::Asked;
use super::format::{Dates, NOTHING};
use super::frame::{Frame, Place};
use super::message;
use super::parts::{Cell, Drawing, Head, Key, Pick, Table};
use super::state::{Web, written};
use super::words::{Lang, t};
use crate::aggregates::{self, Aggregates, Cohort, Figures, MARKS, Month, RETENTION};
use homing_locales::Arg;
use homing_profiles::Layer;

const PERIOD: &str = "period";
const AGAINST: &str = "against";

/// Periods by their name in the address, with their months; the second is the default.
const PERIODS: [(&str, i32); 3] = [("month", 1), ("quarter", 3), ("year", 12)];

/// Cohorts that are drawn.
const COHORTS: usize = 24;
/// Months that are drawn.
const DRAWN: i32 = 24;

/// Answers `GET /kpi`.
pub(super) async fn page(State(web): State<Arc<Web>>, uri: Uri, headers: HeaderMap) -> Response {
    let asked = Asked::of(&uri, &headers);
    let aggregates = match web.counted(&asked, Place::Kpi).await {
        Ok(aggregates) => aggregates,
        Err(page) => return *page,
    };
    let choice = Choice::of(&asked);
    // The base as it was counted when the period that is compared with ended.
    let until = aggregates.day - choice.back() * 30;
    match web.ask(move |store| aggregates::newest(store, Some(until))).await {
        Ok(then) => written(StatusCode::OK, &view(&web, &asked, &aggregates, then.as_ref(), choice)),
        Err(code) => message::problem(&web, &asked, code),
    }
}

/// The period and what it is compared with.
#[derive(Clone, Copy)]
struct Choice {
    period: &'static str,
    months: i32,
    a_year_before: bool,
}

impl Choice {
    fn of(asked: &Asked) -> Self {
        let found = PERIODS.into_iter().find(|(name, _)| asked.get(PERIOD) == Some(name));
        let (period, months) = found.unwrap_or(PERIODS[1]);
        Choice { period, months, a_year_before: asked.get(AGAINST) == Some("year") }
    }

    /// Months between the period and the other.
    fn back(self) -> i32 {
        if self.a_year_before { 12 } else { self.months }
    }
}

#[derive(Template)]
#[template(path = "kpi.html", config = "src/web/askama.toml")]
struct View {
    frame: Frame,
    lead: String,
    periods: Vec<Pick>,
    againsts: Vec<Pick>,
    figures: Table,
    cohorts: Option<Svg>,
    spend: Drawing,
    rates: Drawing,
    channels: Option<Table>,
    coverage: Table,
    counted: String,
}

fn view(
    web: &Web,
    asked: &Asked,
    aggregates: &Aggregates,
    then: Option<&Aggregates>,
    choice: Choice,
) -> View {
    let lang = asked.lang;
    let dates = Dates { lang, zone: web.model().map(|model| model.timezone) };
    let figures = &aggregates.figures;
    let last = figures.last_whole;
    let range = |end: i32| {
        if choice.months == 1 {
            month_name(lang, end)
        } else {
            format!("{} – {}", month_name(lang, end - choice.months + 1), month_name(lang, end))
        }
    };
    let names = [t!(lang, "period-month"), t!(lang, "period-quarter"), t!(lang, "period-year")];
    View {
        frame: Frame::new(asked, Some(Place::Kpi), t!(lang, "kpi")),
        lead: t!(lang, "kpi-lead", range = &range(last)),
        periods: PERIODS
            .into_iter()
            .zip(names)
            .map(|((key, _), label)| Pick {
                key: key.into(),
                label: label.into(),
                chosen: key == choice.period,
            })
            .collect(),
        againsts: [
            ("previous", t!(lang, "against-previous"), false),
            ("year", t!(lang, "against-year"), true),
        ]
        .map(|(key, label, year)| Pick {
            key: key.into(),
            label: label.into(),
            chosen: year == choice.a_year_before,
        })
        .into(),
        figures: board(web, lang, aggregates, then, choice, &range),
        cohorts: cohorts(lang, &figures.cohorts),
        spend: spend(lang, figures),
        rates: rates(lang, figures),
        channels: channels(lang, figures),
        coverage: coverage(web, lang, aggregates),
        counted: t!(lang, "counted-at", at = &dates.minute_of(aggregates.taken_at)),
    }
}

/// The name of a month.
fn month_name(lang: Lang, month: i32) -> String {
    lang.month(month.div_euclid(12), month.rem_euclid(12) as u32 + 1)
}

/// The months of a period that ends with one, added up; `None` where nothing is known of it.
fn sum(figures: &Figures, end: i32, months: i32) -> Option<Month> {
    let first = figures.months.iter().find(|(_, month)| month.orders > 0).map(|(at, _)| *at)?;
    let from = end - months + 1;
    if from < first {
        return None;
    }
    let mut sum = Month::default();
    for month in figures.months.range(from..=end).map(|(_, month)| month) {
        sum.orders += month.orders;
        sum.revenue += month.revenue;
        sum.new += month.new;
        sum.new_due += month.new_due;
        sum.new_back += month.new_back;
        sum.high += month.high;
        sum.high_back += month.high_back;
        for at in 0..3 {
            sum.due[at] += month.due[at];
            sum.kept[at] += month.kept[at];
            sum.nps[at] += month.nps[at];
        }
    }
    Some(sum)
}

/// How a figure is written, and how its change.
#[derive(Clone, Copy)]
enum Kind {
    Share,
    Money,
    Number,
    Points,
}

impl Kind {
    fn text(self, lang: Lang, value: f64) -> String {
        match self {
            Kind::Share => lang.percent1(value),
            Kind::Money => lang.money(value),
            Kind::Number if value.fract() == 0.0 => lang.decimal(value, 0),
            Kind::Number => lang.decimal(value, 1),
            Kind::Points => lang.decimal(value, 0),
        }
    }

    /// Shares and points change by their difference, amounts by their ratio.
    fn change(self, lang: Lang, now: f64, then: f64) -> Option<(f64, String)> {
        let sign = |change: f64| if change >= 0.05 { "+" } else { "" };
        let written = |change: f64| format!("{}{}", sign(change), lang.decimal(change, 1));
        match self {
            Kind::Share => {
                let change = (now - then) * 100.0;
                Some((change, t!(lang, "points", n = written(change))))
            }
            Kind::Points => Some((now - then, written(now - then))),
            Kind::Money | Kind::Number if then > 0.0 => {
                let change = (now / then - 1.0) * 100.0;
                Some((change, t!(lang, "percent", number = written(change))))
            }
            Kind::Money | Kind::Number => None,
        }
    }
}

/// Customers or answers below which a share says little, so that their number is shown.
const FEW: u64 = 100;

/// A figure, and of how many customers or answers it is a share.
#[derive(Clone, Copy)]
struct Value {
    value: f64,
    of: Option<u64>,
}

impl Value {
    fn of(value: f64) -> Self {
        Value { value, of: None }
    }

    fn share(part: u64, whole: u64) -> Option<Self> {
        ratio(part, whole).map(|value| Value { value, of: Some(whole) })
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn nps(answers: [u64; 3]) -> Option<f64> {
    let [promoters, passives, detractors] = answers;
    let all = promoters + passives + detractors;
    (all > 0).then(|| (promoters as f64 - detractors as f64) / all as f64 * 100.0)
}

/// A figure of the board now and then, and how it changed.
fn line_of_board(
    lang: Lang,
    name: String,
    help: &str,
    kind: Kind,
    (now, then): (Option<Value>, Option<Value>),
) -> Vec<Cell> {
    let cell = |value: Option<Value>| {
        let Some(Value { value, of }) = value else { return Cell::number(t!(lang, "no-data")) };
        let cell = Cell::number(kind.text(lang, value));
        match of.filter(|of| *of < FEW) {
            Some(of) => cell.note(t!(lang, "kpi-of-few", n = of)),
            None => cell,
        }
    };
    let change = now.zip(then).and_then(|(now, then)| kind.change(lang, now.value, then.value));
    let sense = change.as_ref().filter(|(change, _)| change.abs() >= 0.05);
    vec![
        Cell::text(name).note(help),
        cell(now),
        cell(then),
        Cell {
            sense: sense.map(|(change, _)| if *change > 0.0 { "rise" } else { "fall" }),
            ..Cell::number(change.map_or_else(|| NOTHING.into(), |(_, text)| text))
        },
    ]
}

fn board(
    web: &Web,
    lang: Lang,
    aggregates: &Aggregates,
    then: Option<&Aggregates>,
    choice: Choice,
    range: &dyn Fn(i32) -> String,
) -> Table {
    let figures = &aggregates.figures;
    let last = figures.last_whole;
    let (now, before) =
        (sum(figures, last, choice.months), sum(figures, last - choice.back(), choice.months));
    let row = |name, help: &str, kind, now, then| line_of_board(lang, name, help, kind, (now, then));
    let of =
        |get: &dyn Fn(&Month) -> Option<Value>| (now.as_ref().and_then(get), before.as_ref().and_then(get));
    let mut rows = Vec::new();
    for (at, months) in RETENTION.into_iter().enumerate() {
        let (a, b) = of(&|month| Value::share(month.kept[at], month.due[at]));
        rows.push(row(
            t!(lang, "kpi-retention", n = months),
            t!(lang, "kpi-retention-help"),
            Kind::Share,
            a,
            b,
        ));
    }
    let mut add = |name: &str, help: &str, kind, get: &dyn Fn(&Month) -> Option<Value>| {
        let (a, b) = of(get);
        rows.push(row(name.to_owned(), help, kind, a, b));
    };
    add(t!(lang, "kpi-again"), t!(lang, "kpi-again-help"), Kind::Share, &|month| {
        Value::share(month.new_back, month.new_due)
    });
    let high = t!(lang, "kpi-high-help", amount = Arg::Money(figures.high_value));
    add(t!(lang, "kpi-high"), &high, Kind::Share, &|month| Value::share(month.high_back, month.high));
    add(t!(lang, "kpi-basket"), t!(lang, "kpi-basket-help"), Kind::Money, &|month| {
        (month.orders > 0).then(|| Value::of(month.revenue / month.orders as f64))
    });
    add(t!(lang, "kpi-revenue"), t!(lang, "kpi-revenue-help"), Kind::Money, &|month| {
        Some(Value::of(month.revenue))
    });
    add(t!(lang, "kpi-orders"), t!(lang, "kpi-orders-help"), Kind::Number, &|month| {
        Some(Value::of(month.orders as f64))
    });
    add(t!(lang, "kpi-new"), t!(lang, "kpi-new-help"), Kind::Number, &|month| {
        Some(Value::of(month.new as f64))
    });
    add(t!(lang, "kpi-nps"), t!(lang, "kpi-nps-help"), Kind::Points, &|month| {
        let answers = month.nps.iter().sum();
        nps(month.nps).map(|value| Value { value, of: Some(answers) })
    });
    // What is told of the base as it stands, beside the base as it was counted then.
    let mut of_base = |name: &str, help: &str, kind, get: &dyn Fn(&Aggregates) -> Option<f64>| {
        let value = |aggregates| get(aggregates).map(Value::of);
        rows.push(row(name.to_owned(), help, kind, value(aggregates), then.and_then(value)));
    };
    of_base(t!(lang, "kpi-value"), t!(lang, "kpi-value-help"), Kind::Money, &|aggregates| {
        Some(aggregates.base.clv)
    });
    let tags = t!(lang, "kpi-tags-help", n = web.catalogue.tags().len() as u64);
    of_base(t!(lang, "kpi-tags"), &tags, Kind::Number, &|aggregates| {
        ratio(aggregates.tags_held, aggregates.base.customers)
    });
    of_base(t!(lang, "kpi-connected"), t!(lang, "kpi-connected-help"), Kind::Share, &|aggregates| {
        ratio(aggregates.figures.connected, aggregates.figures.met)
    });
    let this = Head::number(t!(lang, "this-period")).help(range(last));
    let that = Head::number(t!(lang, "that-period")).help(range(last - choice.back()));
    Table {
        named_by: "board",
        head: vec![Head::text(t!(lang, "figure")), this, that, Head::number(t!(lang, "change"))],
        rows,
    }
}

fn cohorts(lang: Lang, cohorts: &BTreeMap<i32, Cohort>) -> Option<Svg> {
    let first = MARKS.first().copied().unwrap_or_default();
    let whole = |cohort: &Cohort, at: usize| cohort.customers > 0 && cohort.marks[at].0 == cohort.customers;
    let shown: Vec<(&i32, &Cohort)> = cohorts.iter().filter(|(_, cohort)| whole(cohort, 0)).collect();
    let shown = &shown[shown.len().saturating_sub(COHORTS)..];
    if shown.is_empty() {
        return None;
    }
    let columns: Vec<usize> =
        (0..MARKS.len()).filter(|at| shown.iter().any(|(_, cohort)| whole(cohort, *at))).collect();
    let most = shown
        .iter()
        .flat_map(|(_, cohort)| cohort.marks.iter().filter_map(|mark| ratio(mark.1, mark.0)))
        .fold(1e-9, f64::max);
    let rows: Vec<String> = shown.iter().map(|(month, _)| month_name(lang, **month)).collect();
    let names: Vec<String> = columns.iter().map(|at| MARKS[*at].to_string()).collect();
    let cells: Vec<Vec<Option<homing_charts::Cell>>> = shown
        .iter()
        .map(|(month, cohort)| {
            let cell = |at: &usize| {
                let share = ratio(cohort.marks[*at].1, cohort.marks[*at].0).filter(|_| whole(cohort, *at))?;
                let customers = t!(lang, "cohort-cell", n = cohort.customers);
                Some(homing_charts::Cell {
                    share: share / most,
                    text: lang.percent(share),
                    title: format!(
                        "{}, {} {}: {}; {customers}",
                        month_name(lang, **month),
                        MARKS[*at],
                        t!(lang, "cohorts-columns"),
                        lang.percent(share)
                    ),
                    link: None,
                })
            };
            columns.iter().map(cell).collect()
        })
        .collect();
    let label = format!("{}: {first} – {}", t!(lang, "cohorts"), names.last().cloned().unwrap_or_default());
    Some(homing_charts::heat(&Heat {
        label: &label,
        rows: &rows,
        columns: &names,
        row_name: t!(lang, "cohorts-rows"),
        column_name: t!(lang, "cohorts-columns"),
        cells: &cells,
    }))
}

/// The first day of a month, days since 1970-01-01.
fn first_day(month: i32) -> i32 {
    let first = chrono::NaiveDate::from_ymd_opt(month.div_euclid(12), month.rem_euclid(12) as u32 + 1, 1);
    first.map_or(0, homing_datasets::calendar::days_of)
}

/// The months that are drawn, with the first day of each.
fn drawn(figures: &Figures) -> Vec<(i32, i32, &Month)> {
    let first =
        figures.months.iter().find(|(_, month)| month.orders > 0).map_or(figures.last_whole, |(at, _)| *at);
    let from = first.max(figures.last_whole - DRAWN + 1);
    figures
        .months
        .range(from..=figures.last_whole.max(from))
        .map(|(at, month)| (*at, first_day(*at), month))
        .collect()
}

fn line(
    lang: Lang,
    months: &[(i32, i32, &Month)],
    ink: Ink,
    name: &str,
    text: &dyn Fn(f64) -> String,
    get: impl Fn(&Month) -> Option<f64>,
) -> Line {
    let point = |(at, day, month): &(i32, i32, &Month)| {
        let y = get(month)?;
        let title = format!("{} {name}: {}", month_name(lang, *at), text(y));
        Some(Point { x: f64::from(*day), y, title: Some(title), interval: None })
    };
    Line { ink, points: months.iter().filter_map(point).collect(), dots: true, joined: true }
}

fn axis(lang: Lang, months: &[(i32, i32, &Month)]) -> Axis {
    let (first, last) = (months.first().map_or(0, |month| month.1), months.last().map_or(1, |month| month.1));
    Axis::dates(lang, first, last, t!(lang, "months-axis"))
}

fn spend(lang: Lang, figures: &Figures) -> Drawing {
    let months = drawn(figures);
    let one = line(lang, &months, Ink::Actual, t!(lang, "kpi-revenue"), &|x| lang.money(x), |month| {
        Some(month.revenue)
    });
    let most = one.points.iter().map(|point| point.y).fold(0.0, f64::max);
    Drawing {
        id: "spend",
        title: t!(lang, "months-spend").into(),
        lead: t!(lang, "kpi-revenue-help").into(),
        keys: Vec::new(),
        svg: homing_charts::plot(&Plot {
            label: t!(lang, "months-spend"),
            x: axis(lang, &months),
            y: Axis::up_to(most, t!(lang, "money-axis"), &|x| lang.money_on_axis(x)),
            lines: vec![one],
            rules: Vec::new(),
        }),
    }
}

fn rates(lang: Lang, figures: &Figures) -> Drawing {
    let months = drawn(figures);
    let lines = vec![
        line(lang, &months, Ink::Other, t!(lang, "again-line"), &|x| lang.percent(x), |month| {
            ratio(month.new_back, month.new_due)
        }),
        line(lang, &months, Ink::Actual, t!(lang, "high-line"), &|x| lang.percent(x), |month| {
            ratio(month.high_back, month.high)
        }),
    ];
    Drawing {
        id: "rates",
        title: t!(lang, "months-rates").into(),
        lead: t!(lang, "kpi-again-help").into(),
        keys: vec![
            Key::line(Ink::Actual, t!(lang, "high-line")),
            Key::line(Ink::Other, t!(lang, "again-line")),
        ],
        svg: homing_charts::plot(&Plot {
            label: t!(lang, "months-rates"),
            x: axis(lang, &months),
            y: Axis::share(t!(lang, "share-axis"), &|x| lang.percent(x)),
            lines,
            rules: Vec::new(),
        }),
    }
}

fn channels(lang: Lang, figures: &Figures) -> Option<Table> {
    let mut channels: Vec<(&String, &u64)> = figures.channels.iter().collect();
    channels.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    if channels.is_empty() {
        return None;
    }
    let row = |(name, customers): (&String, &u64)| {
        let share = *customers as f64 / figures.met.max(1) as f64;
        vec![
            Cell::text(name.clone()),
            Cell::number(lang.count(*customers)),
            Cell::number(lang.percent(share)).bar(homing_charts::meter(share, homing_charts::Tone::Plain)),
        ]
    };
    Some(Table {
        named_by: "channels",
        head: vec![
            Head::text(t!(lang, "channel")),
            Head::number(t!(lang, "customers")),
            Head::number(t!(lang, "share")),
        ],
        rows: channels.into_iter().map(row).collect(),
    })
}

fn coverage(web: &Web, lang: Lang, aggregates: &Aggregates) -> Table {
    let base = aggregates.base.customers.max(1) as f64;
    let row = |(layer, name): (Layer, &str)| {
        let tags: Vec<u64> = web
            .catalogue
            .tags()
            .iter()
            .filter(|tag| tag.layer == layer)
            .map(|tag| aggregates.tags.get(&tag.name).map_or(0, |tag| tag.customers))
            .collect();
        let used = tags.iter().filter(|customers| **customers > 0).count();
        let mean = tags.iter().sum::<u64>() as f64 / base / tags.len().max(1) as f64;
        vec![
            Cell::text(name),
            Cell::number(format!("{used} / {}", tags.len())),
            Cell::number(lang.percent(mean)).bar(homing_charts::meter(mean, homing_charts::Tone::Low)),
        ]
    };
    let layers = [
        (Layer::Static, t!(lang, "layer-static")),
        (Layer::Dynamic, t!(lang, "layer-dynamic")),
        (Layer::Predictive, t!(lang, "layer-predictive")),
    ];
    Table {
        named_by: "coverage",
        head: vec![
            Head::text(t!(lang, "layer")),
            Head::number(t!(lang, "coverage-used")),
            Head::number(t!(lang, "coverage-mean")),
        ],
        rows: layers.map(row).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_points_of_shares_and_percent_of_amounts() {
        assert_eq!(Kind::Share.change(Lang::ENGLISH, 0.42, 0.25).unwrap().1, "+17.0\u{a0}pp");
        assert_eq!(Kind::Money.change(Lang::ENGLISH, 90.0, 100.0).unwrap().1, "−10.0%");
        assert_eq!(Kind::Money.change(Lang::ENGLISH, 90.0, 0.0), None);
        assert_eq!(Kind::Points.change(Lang::ENGLISH, 30.0, 30.0).unwrap().1, "0.0");
        assert_eq!((nps([5, 3, 2]), nps([0, 0, 0])), (Some(30.0), None));
    }

    #[test]
    fn a_period_before_the_data_has_no_figures() {
        let mut figures = Figures { last_whole: 24_300, ..Figures::default() };
        for month in 24_290..=24_300 {
            figures.months.insert(month, Month { orders: 2, revenue: 10.0, ..Month::default() });
        }
        // A month in which only answers came in is none of the business.
        figures.months.insert(24_280, Month { nps: [1, 0, 0], ..Month::default() });
        assert_eq!(sum(&figures, 24_300, 3).unwrap().orders, 6);
        assert_eq!(sum(&figures, 24_292, 3).unwrap().revenue, 30.0);
        assert!(sum(&figures, 24_291, 3).is_none() && sum(&Figures::default(), 24_300, 1).is_none());
        assert_eq!(month_name(Lang::ENGLISH, 24_300), "Jan 2025");
    }
}
