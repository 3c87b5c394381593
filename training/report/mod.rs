//! The report on a fit or on backtests: one HTML file that needs no network and no script, in every language.
//!
//! It is made from what training knows and nothing else (no clock), so the same data and seed, and the same earlier
//! model, give the same bytes. It shows totals and groups only, no group of fewer than five customers.

mod base;
mod base_rate;
mod card;
mod clusters;
mod drift;
mod grade;
mod importance;
mod judged;
mod names;
mod page;
mod people;
mod tracking;
mod usability;

#[cfg(test)]
mod tests;

use askama::Template;
use homing_datasets::Histories;
use homing_locales::t;
use homing_models::Bundle;
use homing_models::judged::Judged;

use crate::backtest::Report;
use crate::check::Usability;
use crate::error::Error;
use base::Base;
use grade::GradeCard;
use page::{Block, Section};

pub use homing_locales::Lang;

/// What a report on a fit is made of.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The model.
    pub bundle: &'a Bundle,
    /// What the data can carry.
    pub usability: &'a Usability,
    /// How the same recipe did on the last window.
    pub backtest: Option<&'a Report>,
    /// The data.
    pub histories: &'a Histories,
    /// The model before this one, learned from earlier data.
    pub previous: Option<&'a Bundle>,
    /// The language that shows first.
    pub lang: Lang,
}

/// Writes the report on a fit, and gives what it shows in numbers, for the pages of the service.
///
/// # Errors
/// [`Error::Report`] when the page cannot be written.
pub fn of_fit(subject: &Subject<'_>) -> Result<(String, Judged), Error> {
    let base = Base::of(subject.bundle, subject.histories);
    let tracked = subject.backtest.map(|report| tracking::Tracking::of(report, subject.histories));
    let base_rates = base_rate::Series::of(subject.bundle, subject.histories, &base);
    let manifest = subject.bundle.manifest();
    let as_of = manifest.timezone.date(manifest.as_of);
    let page = |lang: Lang| {
        let mut sections = vec![usability::section(lang, subject.usability)];
        match subject.backtest {
            Some(report) => sections.extend(judged::sections(lang, report, "")),
            None => sections.push(judged::missing(lang)),
        }
        sections.extend(tracked.as_ref().map(|tracked| tracked.section(lang, "")));
        sections.push(people::section(lang, &base, subject.bundle, ""));
        sections.extend(importance::section(lang, &base, ""));
        sections.extend(clusters::section(lang, subject.bundle));
        sections.extend(
            base_rates.as_ref().map(|series| series.section(lang, manifest.timezone.day(manifest.as_of))),
        );
        sections.push(drift::section(lang, &base, subject.bundle, subject.previous));
        sections.push(card::section(lang, subject.bundle));
        Page {
            lang,
            title: t!(lang, "report-title", name = &manifest.name),
            lead: t!(lang, "report-lead", as_of = lang.date(&as_of), churn_horizon = manifest.churn_horizon),
            grade: subject.backtest.map(|report| GradeCard::of(lang, report)),
            contents: t!(lang, "report-contents"),
            sections,
        }
    };
    let numbers = Judged {
        test: subject.backtest.map(|report| {
            judged::in_numbers(report, tracked.as_ref().map(tracking::Tracking::weeks).unwrap_or_default())
        }),
        importance: importance::weights(&base),
        drift: drift::shifts(&base, subject.previous),
    };
    Ok((render(format!("{} · {as_of}", manifest.name), subject.lang, page)?, numbers))
}

/// Writes the report on backtests.
///
/// # Errors
/// [`Error::Report`] when the page cannot be written.
pub fn of_backtests(reports: &[Report], histories: &Histories, lang: Lang) -> Result<String, Error> {
    let subjects: Vec<_> = reports
        .iter()
        .map(|report| {
            (report, tracking::Tracking::of(report, histories), Base::of(&report.bundle, histories))
        })
        .collect();
    let page = |lang: Lang| {
        let mut sections = Vec::new();
        for (at, (report, tracked, base)) in subjects.iter().enumerate() {
            let (date, days) = (report.bundle.manifest().timezone.date(base.as_of), report.horizon);
            let suffix = format!("-{at}");
            let mut of_report = judged::sections(lang, report, &suffix);
            of_report.push(tracked.section(lang, &suffix));
            of_report.push(people::section(lang, base, &report.bundle, &suffix));
            of_report.extend(importance::section(lang, base, &suffix));
            if subjects.len() > 1 {
                for section in &mut of_report {
                    section.title = t!(
                        lang,
                        "report-backtest-section",
                        date = lang.date(&date),
                        days = days,
                        title = &section.title
                    );
                }
            }
            sections.extend(of_report);
        }
        Page {
            lang,
            title: t!(lang, "report-backtest").to_owned(),
            lead: t!(lang, "report-backtest-lead").to_owned(),
            grade: match reports {
                [only] => Some(GradeCard::of(lang, only)),
                _ => None,
            },
            contents: t!(lang, "report-contents"),
            sections,
        }
    };
    render("backtest".to_owned(), lang, page)
}

fn render(title: String, lang: Lang, page: impl Fn(Lang) -> Page) -> Result<String, Error> {
    let file = File {
        lang,
        title,
        style: format!("{STYLE}\n{}\n{}", switches(), homing_charts::STYLE),
        pages: Lang::all().map(page).collect(),
    };
    file.render().map_err(|error| Error::Report(error.to_string()))
}

/// What shows the page of the language that is chosen.
fn switches() -> String {
    let rules = Lang::all().map(Lang::code).map(|code| {
        format!(
            "#in-{code}:checked ~ .page.{code} {{ display: block; }}\n\
             #in-{code}:focus-visible ~ .page label[for=\"in-{code}\"] {{ outline: 3px solid var(--focus); }}\n"
        )
    });
    rules.collect()
}

/// The style sheet of the page.
const STYLE: &str = include_str!("style.css");

#[derive(Template)]
#[template(path = "report.html", config = "report/askama.toml")]
struct File {
    lang: Lang,
    title: String,
    style: String,
    pages: Vec<Page>,
}

/// The report in one language.
struct Page {
    lang: Lang,
    title: String,
    lead: String,
    grade: Option<GradeCard>,
    contents: &'static str,
    sections: Vec<Section>,
}
