//! The report on a fit or on backtests: one HTML file that needs no network and no script, in Chinese and English.
//!
//! It is made of what training knows and of nothing else (no clock), so the same data and seed, and the same earlier
//! model, give the same bytes. It shows sums and groups only: no group of fewer than five customers is told of.

mod card;
mod clusters;
mod drift;
mod importance;
mod judged;
mod names;
mod page;
mod people;
mod tracking;
mod usability;

#[cfg(test)]
mod tests;

use std::str::FromStr;

use askama::Template;
use homing_datasets::{DAY, Histories, History, Micros};
use homing_models::Bundle;
use homing_models::judged::Judged;
use rayon::prelude::*;
use serde::Serialize;

use crate::backtest::{Grade, Report};
use crate::check::Usability;
use crate::error::Error;
use page::{Block, Section};

/// A language of the report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lang {
    /// Chinese.
    Zh,
    /// English.
    #[default]
    En,
}

impl Lang {
    /// Both, in the order of the switch.
    pub const ALL: [Lang; 2] = [Lang::Zh, Lang::En];

    /// Its code: `zh` or `en`.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.pick("zh", "en")
    }

    fn tag(self) -> &'static str {
        self.pick("zh-Hans", "en")
    }

    fn name(self) -> &'static str {
        self.pick("中文", "English")
    }

    /// The one of two texts that is in this language.
    fn pick<T>(self, zh: T, en: T) -> T {
        match self {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }
}

impl FromStr for Lang {
    type Err = String;

    fn from_str(code: &str) -> Result<Self, String> {
        let found = Lang::ALL.into_iter().find(|lang| lang.code() == code);
        found.ok_or_else(|| format!("`{code}` is no language of the report; give zh or en"))
    }
}

/// The levels of past windows and of the coming one.
#[derive(Clone, Debug, PartialEq)]
pub struct LevelSeries {
    /// Days of a window.
    pub horizon_days: u32,
    /// Days from the start of a window to the instant of the fit, and the share of customers who bought in it.
    pub past: Vec<(f64, f64)>,
    /// The share that is expected of the coming window.
    pub forecast: f64,
    /// The 80 % interval of the forecast, where it is known.
    pub interval: Option<(f64, f64)>,
}

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
    /// Levels by horizon; where empty, the shares of past windows are counted for the churn horizon.
    pub levels: &'a [LevelSeries],
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
    let counted;
    let levels = if subject.levels.is_empty() {
        counted = tracking::past_levels(subject.bundle, subject.histories, &base);
        counted.as_slice()
    } else {
        subject.levels
    };
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
        sections.extend(tracking::levels_section(lang, levels, manifest.timezone.day(manifest.as_of)));
        sections.push(drift::section(lang, &base, subject.bundle, subject.previous));
        sections.push(card::section(lang, subject.bundle));
        Page {
            lang,
            title: lang.pick(format!("模型报告：{}", manifest.name), format!("Model report: {}", manifest.name)),
            lead: lang.pick(
                format!("数据截至 {as_of}；流失期限 {} 天。本页说明模型从什么数据学到、在过去的检验中有多准、依据什么判断，以及不能用来做什么。", manifest.churn_horizon),
                format!("Data up to {as_of}; churn horizon {} days. What the model learned from, how it did when tested on the past, what it goes by, and what it must not be used for.", manifest.churn_horizon),
            ),
            grade: subject.backtest.map(|report| GradeCard::of(lang, report)),
            contents: lang.pick("目录", "Contents"),
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
                    section.title = lang.pick(
                        format!("{date} 起 {days} 天：{}", section.title),
                        format!("{date} + {days} days: {}", section.title),
                    );
                }
            }
            sections.extend(of_report);
        }
        Page {
            lang,
            title: lang.pick("回测报告", "Backtest report").to_owned(),
            lead: lang
                .pick(
                    "站在过去的某一天，只用当时已知的数据学习，再与随后真实发生的情况比较。",
                    "Learned at a past day from what was known then, and compared with what happened next.",
                )
                .to_owned(),
            grade: match reports {
                [only] => Some(GradeCard::of(lang, only)),
                _ => None,
            },
            contents: lang.pick("目录", "Contents"),
            sections,
        }
    };
    render("backtest".to_owned(), lang, page)
}

fn render(title: String, lang: Lang, page: impl Fn(Lang) -> Page) -> Result<String, Error> {
    let file = File {
        lang,
        title,
        style: format!("{STYLE}\n{}", homing_charts::STYLE),
        pages: Lang::ALL.map(page).into(),
    };
    file.render().map_err(|error| Error::Report(error.to_string()))
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

/// The grade with what it means.
struct GradeCard {
    name: &'static str,
    level: &'static str,
    word: &'static str,
    text: String,
}

impl GradeCard {
    fn of(lang: Lang, report: &Report) -> Self {
        let (level, word, zh, en) = match report.grade {
            Grade::Poor => (
                "poor",
                lang.pick("较差", "Poor"),
                "不比简单规则更好，请先用规则",
                "no better than a rule of thumb: use the rule",
            ),
            Grade::Fair => {
                ("fair", lang.pick("一般", "Fair"), "略好于简单规则", "a little better than a rule of thumb")
            }
            Grade::Good => {
                ("good", lang.pick("良好", "Good"), "明显好于简单规则", "clearly better than a rule of thumb")
            }
            Grade::Excellent => {
                ("good", lang.pick("优秀", "Excellent"), "远好于简单规则", "far better than a rule of thumb")
            }
        };
        let gain = judged::gain_over_rule(report);
        let by = |text: &str| {
            gain.as_ref().map(|(name, gain)| {
                text.replace("{rule}", &judged::name_of(lang, name)).replace("{gain}", &signed_percent(*gain))
            })
        };
        let text = lang.pick(
            format!(
                "在最近 {} 天的检验中，模型{zh}。{}",
                report.horizon,
                by("与最好的规则（{rule}）相比，预测误差（对数损失）的变化为 {gain}。减少不到 2% 为较差，不到 6% 为一般，不到 12% 为良好，其余为优秀。").unwrap_or_default()
            ),
            format!(
                "Tested on {} days that it had not seen, the model is {en}. {}",
                report.horizon,
                by("Against the best rule ({rule}) its error (log loss) changes by {gain}. Less than 2% off is Poor, less than 6% Fair, less than 12% Good, more is Excellent.").unwrap_or_default()
            ),
        );
        GradeCard { name: lang.pick("等级", "Grade"), level, word, text }
    }
}

/// `+3.1%` or `−7.4%`.
fn signed_percent(share: f64) -> String {
    if !share.is_finite() {
        return homing_charts::numbers::NOTHING.to_owned();
    }
    let sign = if share > 0.0 { "+" } else { "" };
    format!("{sign}{}%", homing_charts::numbers::decimal(share * 100.0, 1))
}

/// A share with one decimal.
fn percent1(share: f64) -> String {
    if share.is_finite() {
        format!("{}%", homing_charts::numbers::decimal(share * 100.0, 1))
    } else {
        homing_charts::numbers::NOTHING.to_owned()
    }
}

/// Fewest customers of a group that is told of.
const LEAST_GROUP: usize = 5;

/// Most customers that groups and influences are taken from.
const MOST_CUSTOMERS: usize = 3_000;

/// One customer of the base that a model is looked at with.
struct Member {
    features: Vec<f64>,
    by_feature: Vec<f64>,
    lifetime: [f64; 2],
    p_return: f64,
    spend: f64,
}

/// The customers at the model's instant, evenly sampled.
struct Base {
    as_of: Micros,
    /// The horizon that chances and spend are about.
    days: u32,
    /// How many customers one member stands for.
    each: f64,
    members: Vec<Member>,
}

impl Base {
    fn of(bundle: &Bundle, histories: &Histories) -> Self {
        let manifest = bundle.manifest();
        let (as_of, days) = (manifest.as_of, manifest.churn_horizon);
        let there: Vec<&History> = histories
            .iter()
            .map(|(_, history)| history)
            .filter(|history| history.first_purchase().is_some_and(|first| first <= as_of))
            .collect();
        let step = there.len().div_ceil(MOST_CUSTOMERS).max(1);
        let picked: Vec<&History> = there.iter().step_by(step).copied().collect();
        let members = picked
            .into_par_iter()
            .filter_map(|history| {
                let homing_models::Outcome::Scored(scores) = bundle.predict_numbers(history, as_of) else {
                    return None;
                };
                let at = scores.within(days)?;
                let told = bundle.contributions(history, as_of)?;
                Some(Member {
                    features: told.features,
                    by_feature: told.by_feature,
                    lifetime: [told.lifetime.silence, told.lifetime.frequency],
                    p_return: at.p_return,
                    spend: at.expected_spend,
                })
            })
            .collect();
        Base { as_of, days, each: step as f64, members }
    }
}

/// Whole days between two instants.
fn days_between(from: Micros, to: Micros) -> f64 {
    (to - from) as f64 / DAY as f64
}
