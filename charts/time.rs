//! Values over time.

use chrono::Datelike;
use homing_datasets::calendar::{date_of, days_of};
use homing_locales::Lang;

use super::{At, Escaped, Pen, Svg, TICKS, grid, steps};

/// A value on a day.
#[derive(Clone, Debug, PartialEq)]
pub struct Stem {
    /// Days since 1970-01-01.
    pub day: i32,
    /// Its height; not negative.
    pub value: f64,
    /// What shows under the pointer.
    pub title: String,
}

/// A day worth a line of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Days since 1970-01-01.
    pub day: i32,
    /// What it is; markup-free and short.
    pub label: String,
    /// Whether the day has yet to come.
    pub expected: bool,
}

/// Values over time.
pub struct TimeLine<'a> {
    /// The language of the dates.
    pub lang: Lang,
    /// The whole in words, for those who do not see it.
    pub label: &'a str,
    /// The values.
    pub stems: &'a [Stem],
    /// The days with a line.
    pub marks: &'a [Mark],
    /// Writes a value of the y axis.
    pub value: &'a dyn Fn(f64) -> String,
}

const MARK_ROW: f64 = 16.0;
const PLOT: f64 = 132.0;

/// The ends of the axis that a time line from one day to another has, for what stands below it on the same axis.
#[must_use]
pub fn time_span(first: i32, last: i32) -> (f64, f64) {
    // A little air on both sides, and never a span of nothing.
    let air = (f64::from(last) - f64::from(first)).max(14.0) * 0.015;
    (f64::from(first) - air, f64::from(last) + air)
}

/// Draws values over time as stems. Nothing to draw gives an empty plot.
#[must_use]
pub fn time_line(line: &TimeLine<'_>) -> Svg {
    let days = || line.stems.iter().map(|stem| stem.day).chain(line.marks.iter().map(|mark| mark.day));
    let (first, last) = (days().min().unwrap_or(0), days().max().unwrap_or(0));
    let (from, to) = time_span(first, last);
    let x = |day: i32| (f64::from(day) - from) / (to - from) * 100.0;
    let top = MARK_ROW * (line.marks.len() + 1) as f64 + 6.0;
    let floor = top + PLOT;
    let most = line.stems.iter().map(|stem| stem.value).fold(0.0, f64::max);
    let steps = steps(most);
    let ceiling = steps.last().copied().unwrap_or(1.0);
    let y = |value: f64| floor - value.max(0.0) / ceiling * PLOT;

    let mut pen = Pen(String::new());
    let height = At(floor + TICKS);
    let label = Escaped(line.label);
    pen.draw(format_args!(r#"<svg class="chart plot" height="{height}" role="group" aria-label="{label}">"#));
    for &step in &steps {
        grid(&mut pen, y(step), &(line.value)(step), step == 0.0);
    }
    for (day, text) in date_ticks(line.lang, first, last) {
        let at = At(x(day));
        pen.draw(format_args!(
            r#"<line class="tick" x1="{at}%" x2="{at}%" y1="{}" y2="{}"/>"#,
            At(floor),
            At(floor + 4.0)
        ));
        pen.draw(format_args!(
            r#"<text class="on-x" x="{at}%" y="{}">{}</text>"#,
            At(floor + 17.0),
            Escaped(&text)
        ));
    }
    // The first mark has the lowest label, so that no line crosses the label of another.
    let baseline = |row: usize| MARK_ROW * (line.marks.len() + 1 - row) as f64 - 3.0;
    for (row, mark) in line.marks.iter().enumerate() {
        let (at, from) = (At(x(mark.day)), At(baseline(row) + 3.0));
        let class = if mark.expected { "mark expected" } else { "mark" };
        pen.draw(format_args!(
            r#"<line class="{class}" x1="{at}%" x2="{at}%" y1="{from}" y2="{}"/>"#,
            At(floor)
        ));
    }
    for (row, mark) in line.marks.iter().enumerate() {
        let (place, label) = (x(mark.day), Escaped(&mark.label));
        let side = if place > 50.0 { "end" } else { "start" };
        let (at, y) = (At(place), At(baseline(row)));
        pen.draw(format_args!(r#"<text class="of-mark {side}" x="{at}%" y="{y}">{label}</text>"#));
    }
    let crowd = if line.stems.len() > 80 { " crowded" } else { "" };
    pen.draw(format_args!(r#"<g class="stems{crowd}">"#));
    for stem in line.stems {
        let (at, tip) = (At(x(stem.day)), At(y(stem.value)));
        super::tip_begins(&mut pen, "", &stem.title);
        pen.draw(format_args!(
            r#"<line x1="{at}%" x2="{at}%" y1="{}" y2="{tip}"/><circle cx="{at}%" cy="{tip}" r="3"/>"#,
            At(floor)
        ));
        super::tip_ends(&mut pen, &stem.title, 0.0);
    }
    pen.draw(format_args!("</g>"));
    pen.done()
}

/// Up to six first days of months or years between two days.
pub(super) fn date_ticks(lang: Lang, first: i32, last: i32) -> Vec<(i32, String)> {
    let month_of = |day: i32| {
        let date = date_of(day);
        date.year() * 12 + date.month0() as i32
    };
    let start = |month: i32| {
        chrono::NaiveDate::from_ymd_opt(month.div_euclid(12), month.rem_euclid(12) as u32 + 1, 1).map(days_of)
    };
    let (from, to) = (month_of(first), month_of(last));
    let months = to - from + 1;
    let step = [1, 2, 3, 6, 12, 24, 60, 120, 240].into_iter().find(|step| months / step < 6).unwrap_or(600);
    let ticks = (from..=to).filter(|month| month.rem_euclid(step) == 0);
    let named = |month: i32, day: i32| {
        let (year, month) = (month.div_euclid(12), month.rem_euclid(12) + 1);
        (day, if step >= 12 { year.to_string() } else { lang.month(year, month as u32) })
    };
    let mut named: Vec<(i32, String)> = ticks
        .filter_map(|month| Some((month, start(month)?)))
        .filter(|(_, day)| (first..=last).contains(day))
        .map(|(m, d)| named(m, d))
        .collect();
    if named.is_empty() {
        // A span within one month: its ends say where it is.
        named = [first, last].into_iter().map(|day| (day, lang.date(&date_of(day).to_string()))).collect();
        named.dedup();
    }
    named
}
