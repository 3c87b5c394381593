//! The page "Models": the registry, how its models did when tested, and what could take the champion's place.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use homing_charts::{Axis, Column, Columns, Group, Ink, Line, Plot, Point, Rule, Tone};
use homing_locales::Text;
use homing_models::judged::{Judged, Shift, Test, Weight};
use homing_models::{Alias, Bundle};

use super::asked::{Asked, Link, encoded};
use super::format::{self, Dates, NOTHING};
use super::frame::{Frame, Place};
use super::library::Listed;
use super::message;
use super::parts::{Cell, Drawing, Figure, Head, Key, Table};
use super::state::{Web, written};
use super::words::{self, Lang, t};
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
        Ok((listed, shadows, token)) => {
            let audit = caller.may(Role::Admin).then(|| asked.link("/audit"));
            written(StatusCode::OK, &View { audit, ..view(&web, &asked, listed, &shadows, token) })
        }
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
            let headers = [(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy))];
            (headers, Html(opened_in(html, asked.lang))).into_response()
        }
        Ok(None) => message::no_report(&asked),
        Err(code) => message::problem(&web, &asked, code),
    }
}

/// A report that opens in a language, where it has it: it holds several and shows the one that is checked.
fn opened_in(html: String, lang: Lang) -> String {
    let switch = format!("id=\"in-{}\"", lang.code());
    match html.contains(&format!("{switch}>")) {
        true => html.replacen(" checked>", ">", 1).replacen(&switch, &format!("{switch} checked"), 1),
        false => html,
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
    /// The audit log, for who may see it.
    audit: Option<Link>,
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
    let lang = asked.lang;
    let serving = web.model().map(|model| model.id.to_string());
    let followed = web.app.followed_name().ok();
    let nothing = match &listed {
        None => Some(t!(lang, "registry-without")),
        Some((models, _)) if models.is_empty() => Some(t!(lang, "registry-none")),
        Some(_) => None,
    };
    let (models, damaged) = listed.unwrap_or_default();
    let champion = |one: &&Listed| one.aliases.contains(&Alias::Champion);
    let wanted = asked.get("model");
    let shown = models
        .iter()
        .find(|one| wanted == Some(one.volume.id().as_str()))
        .or_else(|| models.iter().find(|one| serving.as_deref() == Some(one.volume.id().as_str())))
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
        (None, _) => Some(t!(lang, "needs-role", role = Role::Scientist.name())),
        (Some(_), _) if followed.is_none() => Some(t!(lang, "pinned").to_owned()),
        _ => None,
    };
    View {
        frame: Frame::new(asked, Some(Place::Models), t!(lang, "models")),
        audit: None,
        done: asked.get("done").map(|model| t!(lang, "done-promoted", model = model)),
        heads: vec![
            Head::text(t!(lang, "version")),
            Head::text(t!(lang, "learned-until")),
            Head::number(t!(lang, "learned-from")),
            Head::text(t!(lang, "graded")),
            help(t!(lang, "auc"), t!(lang, "auc-help")),
            help(t!(lang, "logloss"), t!(lang, "logloss-help")),
            help(t!(lang, "ece"), t!(lang, "ece-help")),
            help(t!(lang, "top-tenth"), t!(lang, "top-tenth-help")),
        ],
        rows: models
            .iter()
            .map(|one| row(asked, one, serving.as_deref(), followed.as_deref().filter(|_| changes), shown))
            .collect(),
        nothing,
        damaged: (damaged > 0).then(|| t!(lang, "registry-damaged", n = damaged)),
        rollback: back.filter(|_| changes).map(|_| asked.link("/models/rollback")),
        token: token.filter(|_| changes),
        refusal,
        charts: shown.map(|one| charts(asked, one)),
        versus: versus(lang, shadows),
    }
}

fn row(
    asked: &Asked,
    one: &Listed,
    serving: Option<&str>,
    changeable: Option<&str>,
    shown: Option<&Listed>,
) -> Row {
    let lang = asked.lang;
    let (volume, manifest) = (&one.volume, &one.volume.manifest);
    let id = volume.id();
    let in_use = serving == Some(id.as_str());
    let mut badges = Vec::new();
    if in_use {
        badges.push(("tone-low", t!(lang, "in-use")));
    }
    badges.extend(one.aliases.iter().map(|alias| match alias {
        Alias::Champion => ("tone-plain", t!(lang, "alias-champion")),
        Alias::Challenger => ("tone-medium", t!(lang, "alias-challenger")),
    }));
    let number = |name: &str, decimals| {
        volume.metric(name).map_or_else(|| NOTHING.into(), |n| lang.decimal(n, decimals))
    };
    let share = |name: &str| volume.metric(name).map_or_else(|| NOTHING.into(), |n| lang.percent1(n));
    let path = |what: &str| asked.link(&format!("/models/{}/{what}", encoded(&manifest.version)));
    let promote = changeable == Some(manifest.name.as_str()) && !in_use;
    Row {
        look: asked.link(Place::Models.path()).with("model", &id),
        current: shown.is_some_and(|shown| Arc::ptr_eq(&shown.volume, volume)),
        badges,
        until: Dates { lang, zone: Some(manifest.timezone) }.of(manifest.as_of),
        customers: lang.count(manifest.data.customers),
        grade: volume.grade().and_then(|grade| words::grade(lang, grade)).unwrap_or(NOTHING).to_owned(),
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
    let lang = asked.lang;
    let empty = Judged::default();
    let judged = one.volume.judged.as_deref().unwrap_or(&empty);
    let (mut figures, mut drawings) = (Vec::new(), Vec::new());
    if let Some(test) = &judged.test {
        figures = vec![
            Figure::new(
                t!(lang, "tested", date = lang.date(&test.cutoff)),
                t!(lang, "test-window", n = test.days),
            )
            .named(),
            Figure::new(t!(lang, "customers"), lang.count(test.customers)),
            Figure::new(t!(lang, "chance-actual"), lang.percent(test.bought)),
        ];
        drawings = vec![
            calibration(lang, test),
            gain(lang, ("gain", t!(lang, "gain"), t!(lang, "gain-y")), &test.buyers, &test.buyers_best),
            gain(
                lang,
                ("gain-spend", t!(lang, "gain-spend"), t!(lang, "gain-spend-y")),
                &test.spend,
                &test.spend_best,
            ),
            lift(lang, test),
            deciles(lang, test),
            tracking(lang, test),
        ];
    }
    Charts {
        title: t!(lang, "charts-of", model = &one.volume.id()),
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

fn calibration(lang: Lang, test: &Test) -> Drawing {
    let points = test.chances.iter().map(|tenth| Point {
        x: tenth.expected,
        y: tenth.actual,
        title: Some(t!(
            lang,
            "point-group",
            expected = lang.percent(tenth.expected),
            actual = lang.percent(tenth.actual),
            n = tenth.customers
        )),
        interval: Some(tenth.interval),
    });
    Drawing {
        id: "calibration",
        title: t!(lang, "calibration").into(),
        lead: t!(lang, "calibration-lead").into(),
        keys: vec![Key::line(Ink::Expected, "homing"), Key::line(Ink::Ideal, t!(lang, "exactly-right"))],
        svg: homing_charts::plot(&Plot {
            label: t!(lang, "calibration"),
            x: Axis::share(t!(lang, "chance-expected"), &|x| lang.percent(x)),
            y: Axis::share(t!(lang, "report-share-bought"), &|x| lang.percent(x)),
            lines: vec![
                diagonal(),
                Line { ink: Ink::Expected, points: points.collect(), dots: true, joined: true },
            ],
            rules: Vec::new(),
        }),
    }
}

fn gain(lang: Lang, (id, title, y): (&'static str, &str, &str), own: &[f64], best: &[f64]) -> Drawing {
    let steps = own.len().saturating_sub(1).max(1) as f64;
    let points = |shares: &[f64], titled: bool| -> Vec<Point> {
        let point = |(at, share): (usize, &f64)| {
            let x = at as f64 / steps;
            let title =
                titled.then(|| t!(lang, "gain-point", share = lang.percent(x), found = lang.percent(*share)));
            Point { x, y: *share, title, interval: None }
        };
        shares.iter().enumerate().map(point).collect()
    };
    let fifth = own.get(own.len() / 5).copied().unwrap_or(f64::NAN);
    let point = t!(lang, "gain-point", share = lang.percent(0.2), found = lang.percent(fifth));
    let label = format!("{title}{}{point}", t!(lang, "colon"));
    Drawing {
        id,
        title: title.into(),
        lead: t!(lang, "gain-lead").into(),
        keys: vec![
            Key::line(Ink::Expected, "homing"),
            Key::line(Ink::Other, t!(lang, "with-hindsight")),
            Key::line(Ink::Ideal, t!(lang, "by-chance")),
        ],
        svg: homing_charts::plot(&Plot {
            label: &label,
            x: Axis::share(t!(lang, "gain-x"), &|x| lang.percent(x)),
            y: Axis::share(y, &|x| lang.percent(x)),
            lines: vec![
                diagonal(),
                Line { ink: Ink::Other, points: points(best, false), dots: false, joined: true },
                Line { ink: Ink::Expected, points: points(own, true), dots: false, joined: true },
            ],
            rules: Vec::new(),
        }),
    }
}

fn lift(lang: Lang, test: &Test) -> Drawing {
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
            title: t!(lang, "lift-point", at = at + 1, times = lang.decimal(*times, 2)),
        }],
    };
    let text = |value: f64| lang.decimal(value, if value.fract() == 0.0 { 0 } else { 1 });
    Drawing {
        id: "lift",
        title: t!(lang, "lift").into(),
        lead: t!(lang, "lift-lead").into(),
        keys: Vec::new(),
        svg: homing_charts::columns(&Columns {
            label: &format!(
                "{}{}{}",
                t!(lang, "lift"),
                t!(lang, "colon"),
                t!(
                    lang,
                    "lift-point",
                    at = 1,
                    times = lang.decimal(times.first().copied().unwrap_or(0.0), 2)
                )
            ),
            y: Axis::up_to(most, t!(lang, "lift-y"), &text),
            x: t!(lang, "tenth"),
            groups: times.iter().enumerate().map(group).collect(),
            reference: Some(1.0),
        }),
    }
}

fn deciles(lang: Lang, test: &Test) -> Drawing {
    let most = test.value.iter().flat_map(|(a, b)| [*a, *b]).fold(0.0, f64::max);
    let group = |(at, (expected, actual)): (usize, &(f64, f64))| {
        let title = t!(
            lang,
            "point-tenth",
            at = at + 1,
            expected = lang.money(*expected),
            actual = lang.money(*actual)
        );
        let column = |ink, value| Column { ink, value, title: title.clone() };
        Group {
            name: (at + 1).to_string(),
            columns: vec![column(Ink::Expected, *expected), column(Ink::Actual, *actual)],
        }
    };
    Drawing {
        id: "deciles",
        title: t!(lang, "deciles").into(),
        lead: t!(lang, "deciles-lead").into(),
        keys: vec![
            Key::block(Ink::Expected, t!(lang, "expected")),
            Key::block(Ink::Actual, t!(lang, "actual")),
        ],
        svg: homing_charts::columns(&Columns {
            label: t!(lang, "deciles"),
            y: Axis::up_to(most, t!(lang, "deciles-y"), &|x| lang.money_on_axis(x)),
            x: t!(lang, "tenth"),
            groups: test.value.iter().enumerate().map(group).collect(),
            reference: None,
        }),
    }
}

fn tracking(lang: Lang, test: &Test) -> Drawing {
    let date = |day: i32| format::day(lang, day);
    let point = |end: i32, y: f64, name: &str| Point {
        x: f64::from(end),
        y,
        title: Some(format!("{}{}{name} {}", date(end), t!(lang, "colon"), lang.decimal(y.round(), 0))),
        interval: None,
    };
    let actual: Vec<Point> =
        test.weeks.iter().map(|week| point(week.end, week.actual, t!(lang, "actual"))).collect();
    let expected: Vec<Point> = test
        .weeks
        .iter()
        .filter_map(|week| Some(point(week.end, week.expected?, t!(lang, "expected"))))
        .collect();
    let most = actual.iter().chain(&expected).map(|point| point.y).fold(0.0, f64::max);
    let (first, last) =
        (test.weeks.first().map_or(0, |week| week.end), test.weeks.last().map_or(1, |week| week.end));
    let line = |ink, points| Line { ink, points, dots: false, joined: true };
    Drawing {
        id: "tracking",
        title: t!(lang, "tracking").into(),
        lead: t!(lang, "tracking-lead").into(),
        keys: vec![
            Key::line(Ink::Actual, t!(lang, "actual")),
            Key::line(Ink::Expected, t!(lang, "expected")),
        ],
        svg: homing_charts::plot(&Plot {
            label: t!(lang, "tracking"),
            x: Axis::dates(lang, first, last, t!(lang, "months-axis")),
            y: Axis::up_to(most, t!(lang, "tracking-y"), &|x| lang.on_axis(x)),
            rules: expected
                .first()
                .map(|first| Rule { x: first.x - 7.0, label: t!(lang, "tested-from").into() })
                .into_iter()
                .collect(),
            lines: vec![line(Ink::Actual, actual), line(Ink::Expected, expected)],
        }),
    }
}

/// What a feature means: in the words of today, or of the model where the feature is no more.
fn meaning<'a>(lang: Lang, feature: &str, stored: &'a Text) -> &'a str {
    lang.find(&format!("feature-{feature}")).unwrap_or(stored.within(lang))
}

fn importance(asked: &Asked, weights: &[Weight]) -> Option<Table> {
    let lang = asked.lang;
    let most = weights.first()?.share.max(1e-12);
    let row = |weight: &Weight| {
        vec![
            Cell::text(meaning(lang, &weight.feature, &weight.meaning)).note(weight.feature.clone()),
            Cell::number(lang.percent1(weight.share))
                .bar(homing_charts::meter(weight.share / most, Tone::Low)),
        ]
    };
    Some(Table {
        named_by: "importance",
        head: vec![Head::text(t!(lang, "feature")), Head::number(t!(lang, "weight"))],
        rows: weights.iter().map(row).collect(),
    })
}

fn drift(asked: &Asked, shifts: &[Shift]) -> Option<Table> {
    let lang = asked.lang;
    let number =
        |value: f64| lang.decimal(value, if value.abs() >= 100.0 || value.fract() == 0.0 { 0 } else { 2 });
    let row = |shift: &Shift| {
        let (tone, said) = match shift.index {
            index if index >= 0.25 => (Tone::High, t!(lang, "drift-shifted")),
            index if index >= 0.1 => (Tone::Medium, t!(lang, "drift-shifting")),
            _ => (Tone::Low, t!(lang, "drift-stable")),
        };
        vec![
            Cell::text(meaning(lang, &shift.feature, &shift.meaning)).note(shift.feature.clone()),
            Cell::number(lang.decimal(shift.index, 3))
                .note(said)
                .bar(homing_charts::meter(shift.index / 0.5, tone)),
            Cell::number(format!("{} → {}", number(shift.medians.0), number(shift.medians.1))),
        ]
    };
    (!shifts.is_empty()).then(|| Table {
        named_by: "drift",
        head: vec![
            Head::text(t!(lang, "feature")),
            Head::number(t!(lang, "drift-index")),
            Head::number(t!(lang, "medians")),
        ],
        rows: shifts.iter().map(row).collect(),
    })
}

fn versus(lang: Lang, shadows: &[Summary]) -> Option<Table> {
    let points = |share: f64| t!(lang, "points", n = lang.decimal(share * 100.0, 2));
    let row = |one: &Summary| {
        let ratio = if one.clv_champion > 0.0 { one.clv_challenger / one.clv_champion } else { f64::NAN };
        vec![
            Cell::text(format!("{} → {}", one.champion, one.challenger)),
            Cell::number(lang.count(one.compared)),
            Cell::number(points(one.churn_risk_mean_difference)),
            Cell::number(points(one.churn_risk_mean_distance)),
            Cell::number(lang.percent(one.tags_differ as f64 / one.compared.max(1) as f64)),
            Cell::number(lang.decimal(ratio, 3)),
        ]
    };
    (!shadows.is_empty()).then(|| Table {
        named_by: "versus",
        head: vec![
            Head::text(format!("{} → {}", t!(lang, "alias-champion"), t!(lang, "alias-challenger"))),
            Head::number(t!(lang, "compared")),
            Head::number(t!(lang, "risk-difference")),
            Head::number(t!(lang, "risk-distance")),
            Head::number(t!(lang, "tags-differ")),
            Head::number(t!(lang, "clv-ratio")),
        ],
        rows: shadows.iter().map(row).collect(),
    })
}
