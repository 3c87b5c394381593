//! homing beside its rivals, in a table.

use homing_charts::{Ink, span};

use crate::backtest::Report;
use crate::candidates::Candidate;
use crate::metrics::Metric;
use crate::report::page::{Block, Cell, Head, Row, Section, Table};
use homing_locales::{Lang, t};

/// The best rule by log loss, and the share by which homing's log loss differs from its.
pub(in crate::report) fn gain_over_rule(report: &Report) -> Option<(String, f64)> {
    let own = report.candidates.first()?.log_loss()?;
    let (best, loss) = report.best_rule()?;
    Some((best.name.clone(), own / loss - 1.0))
}

/// A candidate's name in words.
pub(in crate::report) fn name_of(lang: Lang, name: &str) -> String {
    let known = match name {
        "rule: naive_repeat" => t!(lang, "report-rule-repeat"),
        "rule: naive_recency" => t!(lang, "report-rule-recency"),
        "rule: naive_rfm" => t!(lang, "report-rule-rfm"),
        "rule: naive_rate" => t!(lang, "report-rule-rate"),
        "BG/NBD × Gamma-Gamma" => t!(lang, "report-textbook"),
        "challenger: logistic regression" => t!(lang, "report-challenger-logistic"),
        "challenger: linfa-trees" => t!(lang, "report-challenger-tree"),
        "challenger: smartcore forest" => t!(lang, "report-challenger-forest"),
        other => other,
    };
    known.to_owned()
}

/// The section.
pub(super) fn section(lang: Lang, report: &Report) -> Section {
    let own = report.candidates.first();
    let scales = Scales {
        auc: ends(report, |c| c.auc_interval, Metric::BUY_AUC),
        log_loss: ends(report, |c| c.logloss_interval, Metric::BUY_LOGLOSS),
    };
    let rows = report.candidates.iter().enumerate();
    let table = Table {
        head: head(lang),
        rows: rows.map(|(at, candidate)| row(lang, candidate, own.filter(|_| at > 0), &scales)).collect(),
        note: t!(lang, "report-candidates-note").to_owned(),
    };
    let manifest = report.bundle.manifest();
    let (date, days) = (lang.date(&manifest.timezone.date(manifest.as_of)), report.horizon);
    let (customers, bought) = (lang.count(report.customers as u64), lang.percent1(report.bought));
    Section {
        id: "candidates".to_owned(),
        title: t!(lang, "report-candidates").to_owned(),
        lead: t!(
            lang,
            "report-candidates-lead",
            date = date,
            customers = customers,
            days = days,
            bought = bought
        ),
        blocks: vec![Block::Table(table)],
    }
}

fn value(candidate: &Candidate, metric: Metric) -> f64 {
    candidate.metrics.get(metric).unwrap_or(f64::NAN)
}

/// The ends of the scales on which AUC and log loss are drawn.
struct Scales {
    auc: (f64, f64),
    log_loss: (f64, f64),
}

/// The range of a metric and its intervals over all candidates, with some air.
fn ends(report: &Report, interval: fn(&Candidate) -> (f64, f64), metric: Metric) -> (f64, f64) {
    let all = report.candidates.iter().flat_map(|c| [interval(c).0, interval(c).1, value(c, metric)]);
    let known = all.filter(|x: &f64| x.is_finite());
    let (low, high) = known.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)));
    let air = (high - low).max(1e-6) * 0.06;
    (low - air, high + air)
}

/// The row of a candidate; `own` is homing, where this is a rival.
fn row(lang: Lang, c: &Candidate, own: Option<&Candidate>, scales: &Scales) -> Row {
    let ink = if own.is_none() { Ink::Expected } else { Ink::Actual };
    let judged = |metric, interval: (f64, f64), scale| {
        let (low, high) = (lang.decimal(interval.0, 3), lang.decimal(interval.1, 3));
        let reference = own.map(|own| value(own, metric));
        Cell::number(lang.decimal(value(c, metric), 3)).with(format!("{low} – {high}")).bar(span(
            value(c, metric),
            Some(interval),
            scale,
            reference,
            ink,
        ))
    };
    Row {
        strong: own.is_none(),
        cells: vec![
            Cell::text(name_of(lang, &c.name)),
            judged(Metric::BUY_AUC, c.auc_interval, scales.auc),
            judged(Metric::BUY_LOGLOSS, c.logloss_interval, scales.log_loss),
            Cell::number(lang.percent1(value(c, Metric::BUY_ECE15))),
            Cell::number(lang.percent1(value(c, Metric::SPEND_TOP10))),
            Cell::number(lang.decimal(value(c, Metric::SPEND_GINI), 3)),
            Cell::number(lang.signed_percent(value(c, Metric::SPEND_BIAS))),
            Cell::number(lang.decimal(value(c, Metric::ORDERS_MAE), 3)),
        ],
    }
}

fn head(lang: Lang) -> Vec<Head> {
    let metric = |name: &str, help: &str| Head { name: name.to_owned(), help: help.to_owned(), number: true };
    vec![
        Head { name: t!(lang, "report-method").to_owned(), help: String::new(), number: false },
        metric(t!(lang, "report-metric-auc"), t!(lang, "report-metric-auc.help")),
        metric(t!(lang, "report-metric-logloss"), t!(lang, "report-metric-logloss.help")),
        metric(t!(lang, "report-metric-ece"), t!(lang, "report-metric-ece.help")),
        metric(t!(lang, "report-metric-top"), t!(lang, "report-metric-top.help")),
        metric(t!(lang, "report-metric-gini"), t!(lang, "report-metric-gini.help")),
        metric(t!(lang, "report-metric-bias"), t!(lang, "report-metric-bias.help")),
        metric(t!(lang, "report-metric-orders"), t!(lang, "report-metric-orders.help")),
    ]
}
