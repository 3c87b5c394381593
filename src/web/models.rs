//! The page "Models": the registry, how its models did when tested, and what could take the champion's place.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use homing_charts::numbers::on_axis;
use homing_charts::{Axis, Column, Columns, Group, Ink, Line, Plot, Point, Rule, Tone};
use homing_models::judged::{Judged, Shift, Test, Weight};
use homing_models::{Alias, Bundle};

use super::asked::{Asked, Link, encoded};
use super::format::{Dates, NOTHING, count, decimal, money, percent};
use super::frame::{Frame, Place};
use super::library::Listed;
use super::message;
use super::parts::{Cell, Drawing, Figure, Head, Key, Table};
use super::state::{Web, written};
use super::words::{Words, fill};
use crate::service::Role;
use crate::service::access::Caller;
use homing_profiles::shadow::Summary;

/// Answers `GET /models`.
pub(super) async fn page(
    State(web): State<Arc<Web>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let asked = Asked::of(&uri, &headers);
    let gathered = async {
        let listed = web.listed().await?;
        let shadows = web.ask(|store| store.shadow_summary()).await?;
        // Without a right to change anything no token is needed, and none is given.
        let token = match caller.may(Role::Scientist) {
            true => Some(web.token(&caller).await?),
            false => None,
        };
        Ok((listed, shadows, token))
    };
    match gathered.await {
        Ok((listed, shadows, token)) => written(StatusCode::OK, &view(&web, &asked, listed, &shadows, token)),
        Err(code) => message::problem(&web, &asked, code),
    }
}

/// Answers `GET /models/{version}/report`: the training report as it was made, one file with its own style.
pub(super) async fn report(
    State(web): State<Arc<Web>>,
    version: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let asked = Asked::of(&uri, &headers);
    let Ok(Path(version)) = version else { return message::no_report(&asked) };
    let found = web.work(move |app| {
        let registry = app.registry();
        let report = registry.and_then(|registry| {
            let known =
                registry.names().into_iter().find(|name| registry.versions(name).contains(&version))?;
            Bundle::load(&registry.root().join(known).join(&version)).ok()?.report().map(str::to_owned)
        });
        Ok(report)
    });
    match found.await {
        Ok(Some(html)) => {
            let policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
            ([(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy))], Html(html))
                .into_response()
        }
        Ok(None) => message::no_report(&asked),
        Err(code) => message::problem(&web, &asked, code),
    }
}

/// A model of the table.
struct Row {
    id: String,
    badges: Vec<(&'static str, &'static str)>,
    until: String,
    customers: String,
    grade: String,
    numbers: Vec<String>,
    look: Link,
    current: bool,
    report: Option<Link>,
    promote: Option<Link>,
}

/// What a model showed when it was tested.
struct Charts {
    title: String,
    figures: Vec<Figure>,
    drawings: Vec<Drawing>,
    importance: Option<Table>,
    drift: Option<Table>,
    tested: bool,
}

#[derive(Template)]
#[template(path = "models.html", config = "src/web/askama.toml")]
struct View {
    frame: Frame,
    done: Option<String>,
    heads: Vec<Head>,
    rows: Vec<Row>,
    nothing: Option<&'static str>,
    damaged: Option<String>,
    token: Option<String>,
    refusal: Option<String>,
    rollback: Option<Link>,
    charts: Option<Charts>,
    versus: Option<Table>,
}

fn view(
    web: &Web,
    asked: &Asked,
    listed: Option<(Vec<Listed>, usize)>,
    shadows: &[Summary],
    token: Option<String>,
) -> View {
    let w = asked.lang.words();
    let at_work = web.model().map(|model| model.id.to_string());
    let followed = web.app.followed_name().ok();
    let nothing = match &listed {
        None => Some(w.registry_without),
        Some((models, _)) if models.is_empty() => Some(w.registry_none),
        Some(_) => None,
    };
    let (models, damaged) = listed.unwrap_or_default();
    let champion = |one: &&Listed| one.aliases.contains(&Alias::Champion);
    let wanted = asked.get("model");
    let shown = models
        .iter()
        .find(|one| wanted == Some(one.volume.id().as_str()))
        .or_else(|| models.iter().find(|one| at_work.as_deref() == Some(one.volume.id().as_str())))
        .or_else(|| models.iter().find(champion))
        .or(models.first());
    let help = |name: &str, help: &str| Head::number(name).help(help);
    let changes = token.is_some() && followed.is_some();
    let back = followed.as_ref().zip(web.app.registry()).and_then(|(name, registry)| {
        registry.before_champion(name).unwrap_or_else(|error| {
            tracing::error!(%error, "the earlier champions cannot be read");
            None
        })
    });
    let refusal = match (&token, nothing) {
        (_, Some(_)) => None,
        (None, _) => Some(fill(w.needs_role, Role::Scientist.name())),
        (Some(_), _) if followed.is_none() => Some(w.pinned.to_owned()),
        _ => None,
    };
    View {
        frame: Frame::new(asked, Some(Place::Models), w.models),
        done: asked.get("done").map(|model| fill(w.done_promoted, model)),
        heads: vec![
            Head::text(w.version),
            Head::text(w.learned_until),
            Head::number(w.learned_from),
            Head::text(w.graded),
            help(w.auc, w.auc_help),
            help(w.logloss, w.logloss_help),
            help(w.ece, w.ece_help),
            help(w.top_tenth, w.top_tenth_help),
        ],
        rows: models
            .iter()
            .map(|one| row(asked, one, at_work.as_deref(), followed.as_deref().filter(|_| changes), shown))
            .collect(),
        nothing,
        damaged: (damaged > 0).then(|| fill(w.registry_damaged, &damaged.to_string())),
        rollback: back.filter(|_| changes).map(|_| asked.link("/models/rollback")),
        token: token.filter(|_| changes),
        refusal,
        charts: shown.map(|one| charts(asked, one)),
        versus: versus(w, shadows),
    }
}

fn row(
    asked: &Asked,
    one: &Listed,
    at_work: Option<&str>,
    changeable: Option<&str>,
    shown: Option<&Listed>,
) -> Row {
    let w = asked.lang.words();
    let (volume, manifest) = (&one.volume, &one.volume.manifest);
    let id = volume.id();
    let in_use = at_work == Some(id.as_str());
    let mut badges = Vec::new();
    if in_use {
        badges.push(("tone-low", w.in_use));
    }
    badges.extend(one.aliases.iter().map(|alias| match alias {
        Alias::Champion => ("tone-plain", w.alias_champion),
        Alias::Challenger => ("tone-medium", w.alias_challenger),
    }));
    let number =
        |name: &str, decimals| volume.metric(name).map_or_else(|| NOTHING.into(), |n| decimal(n, decimals));
    let share = |name: &str| {
        volume.metric(name).map_or_else(|| NOTHING.into(), |n| format!("{}%", decimal(n * 100.0, 1)))
    };
    let path = |what: &str| asked.link(&format!("/models/{}/{what}", encoded(&manifest.version)));
    let promote = changeable == Some(manifest.name.as_str()) && !in_use;
    Row {
        look: asked.link(Place::Models.path()).with("model", &id),
        current: shown.is_some_and(|shown| Arc::ptr_eq(&shown.volume, volume)),
        badges,
        until: Dates(Some(manifest.timezone)).of(manifest.as_of),
        customers: count(manifest.data.customers),
        grade: volume.grade().and_then(|grade| w.grade(grade)).unwrap_or(NOTHING).to_owned(),
        numbers: vec![
            number("buy_auc", 3),
            number("buy_logloss", 3),
            share("buy_ece15"),
            share("spend_top10"),
        ],
        report: volume.has_report.then(|| path("report")),
        promote: promote.then(|| path("promote")),
        id,
    }
}

fn charts(asked: &Asked, one: &Listed) -> Charts {
    let w = asked.lang.words();
    let empty = Judged::default();
    let judged = one.volume.judged.as_deref().unwrap_or(&empty);
    let (mut figures, mut drawings) = (Vec::new(), Vec::new());
    if let Some(test) = &judged.test {
        figures = vec![
            Figure::new(fill(w.tested, &test.cutoff), fill(w.test_window, &test.days.to_string())).named(),
            Figure::new(w.customers, count(test.customers)),
            Figure::new(w.chance_actual, percent(test.bought)),
        ];
        drawings = vec![
            calibration(w, test),
            gain(w, ("gain", w.gain, w.gain_y), &test.buyers, &test.buyers_best),
            gain(w, ("gain-spend", w.gain_spend, w.gain_spend_y), &test.spend, &test.spend_best),
            lift(w, test),
            deciles(w, test),
            tracking(w, test),
        ];
    }
    Charts {
        title: fill(w.charts_of, &one.volume.id()),
        figures,
        drawings,
        importance: importance(asked, &judged.importance),
        drift: drift(asked, &judged.drift),
        tested: judged.test.is_some(),
    }
}

fn diagonal() -> Line {
    let points = vec![Point::default(), Point { x: 1.0, y: 1.0, ..Point::default() }];
    Line { ink: Ink::Ideal, points, dots: false, joined: true }
}

fn calibration(w: &Words, test: &Test) -> Drawing {
    let points = test.chances.iter().map(|tenth| Point {
        x: tenth.expected,
        y: tenth.actual,
        title: Some(format!(
            "{} {}, {} {}; {} {}",
            w.expected,
            percent(tenth.expected),
            w.actual,
            percent(tenth.actual),
            count(tenth.customers),
            w.customers
        )),
        interval: Some(tenth.interval),
    });
    Drawing {
        id: "calibration",
        title: w.calibration.into(),
        lead: w.calibration_lead.into(),
        keys: vec![Key::line(Ink::Expected, "homing"), Key::line(Ink::Ideal, w.exactly_right)],
        svg: homing_charts::plot(&Plot {
            label: w.calibration,
            x: Axis::share(w.chance_expected, &percent),
            y: Axis::share(w.chance_actual, &percent),
            lines: vec![
                diagonal(),
                Line { ink: Ink::Expected, points: points.collect(), dots: true, joined: true },
            ],
            rules: Vec::new(),
        }),
    }
}

fn gain(w: &Words, (id, title, y): (&'static str, &str, &str), own: &[f64], best: &[f64]) -> Drawing {
    let steps = own.len().saturating_sub(1).max(1) as f64;
    let points = |shares: &[f64], titled: bool| -> Vec<Point> {
        let point = |(at, share): (usize, &f64)| {
            let x = at as f64 / steps;
            let title = titled.then(|| format!("{} → {}", percent(x), percent(*share)));
            Point { x, y: *share, title, interval: None }
        };
        shares.iter().enumerate().map(point).collect()
    };
    let fifth = own.get(own.len() / 5).copied().unwrap_or(f64::NAN);
    let label = format!("{title}: 20% → {}", percent(fifth));
    Drawing {
        id,
        title: title.into(),
        lead: w.gain_lead.into(),
        keys: vec![
            Key::line(Ink::Expected, "homing"),
            Key::line(Ink::Other, w.with_hindsight),
            Key::line(Ink::Ideal, w.by_chance),
        ],
        svg: homing_charts::plot(&Plot {
            label: &label,
            x: Axis::share(w.gain_x, &percent),
            y: Axis::share(y, &percent),
            lines: vec![
                diagonal(),
                Line { ink: Ink::Other, points: points(best, false), dots: false, joined: true },
                Line { ink: Ink::Expected, points: points(own, true), dots: false, joined: true },
            ],
            rules: Vec::new(),
        }),
    }
}

fn lift(w: &Words, test: &Test) -> Drawing {
    let times: Vec<f64> = test
        .chances
        .iter()
        .rev()
        .map(|tenth| if test.bought > 0.0 { tenth.actual / test.bought } else { 0.0 })
        .collect();
    let most = times.iter().copied().fold(1.0, f64::max);
    let group = |(at, times): (usize, &f64)| Group {
        name: (at + 1).to_string(),
        columns: vec![Column {
            ink: Ink::Expected,
            value: *times,
            title: format!("{}: × {}", at + 1, decimal(*times, 2)),
        }],
    };
    let text = |value: f64| decimal(value, if value.fract() == 0.0 { 0 } else { 1 });
    Drawing {
        id: "lift",
        title: w.lift.into(),
        lead: w.lift_lead.into(),
        keys: Vec::new(),
        svg: homing_charts::columns(&Columns {
            label: &format!("{}: 1 → × {}", w.lift, decimal(times.first().copied().unwrap_or(0.0), 2)),
            y: Axis::up_to(most, w.lift_y, &text),
            x: w.tenth,
            groups: times.iter().enumerate().map(group).collect(),
            reference: Some(1.0),
        }),
    }
}

fn deciles(w: &Words, test: &Test) -> Drawing {
    let most = test.value.iter().flat_map(|(a, b)| [*a, *b]).fold(0.0, f64::max);
    let group = |(at, (expected, actual)): (usize, &(f64, f64))| {
        let title =
            format!("{}: {} {}, {} {}", at + 1, w.expected, money(*expected), w.actual, money(*actual));
        let column = |ink, value| Column { ink, value, title: title.clone() };
        Group {
            name: (at + 1).to_string(),
            columns: vec![column(Ink::Expected, *expected), column(Ink::Actual, *actual)],
        }
    };
    Drawing {
        id: "deciles",
        title: w.deciles.into(),
        lead: w.deciles_lead.into(),
        keys: vec![Key::block(Ink::Expected, w.expected), Key::block(Ink::Actual, w.actual)],
        svg: homing_charts::columns(&Columns {
            label: w.deciles,
            y: Axis::up_to(most, w.deciles_y, &on_axis),
            x: w.tenth,
            groups: test.value.iter().enumerate().map(group).collect(),
            reference: None,
        }),
    }
}

fn tracking(w: &Words, test: &Test) -> Drawing {
    let date = |day: i32| homing_datasets::calendar::date_of(day).to_string();
    let point = |end: i32, y: f64, name: &str| Point {
        x: f64::from(end),
        y,
        title: Some(format!("{} {name}: {}", date(end), on_axis(y.round()))),
        interval: None,
    };
    let actual: Vec<Point> = test.weeks.iter().map(|week| point(week.end, week.actual, w.actual)).collect();
    let expected: Vec<Point> =
        test.weeks.iter().filter_map(|week| Some(point(week.end, week.expected?, w.expected))).collect();
    let most = actual.iter().chain(&expected).map(|point| point.y).fold(0.0, f64::max);
    let (first, last) =
        (test.weeks.first().map_or(0, |week| week.end), test.weeks.last().map_or(1, |week| week.end));
    let line = |ink, points| Line { ink, points, dots: false, joined: true };
    Drawing {
        id: "tracking",
        title: w.tracking.into(),
        lead: w.tracking_lead.into(),
        keys: vec![Key::line(Ink::Actual, w.actual), Key::line(Ink::Expected, w.expected)],
        svg: homing_charts::plot(&Plot {
            label: w.tracking,
            x: Axis::dates(first, last, w.months_axis),
            y: Axis::up_to(most, w.tracking_y, &on_axis),
            rules: expected
                .first()
                .map(|first| Rule { x: first.x - 7.0, label: w.tested_from.into() })
                .into_iter()
                .collect(),
            lines: vec![line(Ink::Actual, actual), line(Ink::Expected, expected)],
        }),
    }
}

fn importance(asked: &Asked, weights: &[Weight]) -> Option<Table> {
    let w = asked.lang.words();
    let most = weights.first()?.share.max(1e-12);
    let row = |weight: &Weight| {
        vec![
            Cell::text(asked.lang.of(&weight.meaning)).note(weight.feature.clone()),
            Cell::number(format!("{}%", decimal(weight.share * 100.0, 1)))
                .bar(homing_charts::meter(weight.share / most, Tone::Low)),
        ]
    };
    Some(Table {
        named_by: "importance",
        head: vec![Head::text(w.feature), Head::number(w.weight)],
        rows: weights.iter().map(row).collect(),
    })
}

fn drift(asked: &Asked, shifts: &[Shift]) -> Option<Table> {
    let w = asked.lang.words();
    let number =
        |value: f64| decimal(value, if value.abs() >= 100.0 || value.fract() == 0.0 { 0 } else { 2 });
    let row = |shift: &Shift| {
        let (tone, said) = match shift.index {
            index if index >= 0.25 => (Tone::High, w.drift_shifted),
            index if index >= 0.1 => (Tone::Medium, w.drift_shifting),
            _ => (Tone::Low, w.drift_stable),
        };
        vec![
            Cell::text(asked.lang.of(&shift.meaning)).note(shift.feature.clone()),
            Cell::number(decimal(shift.index, 3))
                .note(said)
                .bar(homing_charts::meter(shift.index / 0.5, tone)),
            Cell::number(format!("{} → {}", number(shift.medians.0), number(shift.medians.1))),
        ]
    };
    (!shifts.is_empty()).then(|| Table {
        named_by: "drift",
        head: vec![Head::text(w.feature), Head::number(w.drift_index), Head::number(w.medians)],
        rows: shifts.iter().map(row).collect(),
    })
}

fn versus(w: &Words, shadows: &[Summary]) -> Option<Table> {
    let points = |share: f64| format!("{}\u{a0}pp", decimal(share * 100.0, 2));
    let row = |one: &Summary| {
        let ratio = if one.clv_champion > 0.0 { one.clv_challenger / one.clv_champion } else { f64::NAN };
        vec![
            Cell::text(format!("{} → {}", one.champion, one.challenger)),
            Cell::number(count(one.compared)),
            Cell::number(points(one.churn_risk_mean_difference)),
            Cell::number(points(one.churn_risk_mean_distance)),
            Cell::number(percent(one.tags_differ as f64 / one.compared.max(1) as f64)),
            Cell::number(decimal(ratio, 3)),
        ]
    };
    (!shadows.is_empty()).then(|| Table {
        named_by: "versus",
        head: vec![
            Head::text(format!("{} → {}", w.alias_champion, w.alias_challenger)),
            Head::number(w.compared),
            Head::number(w.risk_difference),
            Head::number(w.risk_distance),
            Head::number(w.tags_differ),
            Head::number(w.clv_ratio),
        ],
        rows: shadows.iter().map(row).collect(),
    })
}
