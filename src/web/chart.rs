//! Drawings as SVG, from typed input.
//!
//! A drawing has no style of its own: its parts carry the classes of [`STYLE`], which takes its colours from the
//! page's `--chart-...` variables, so it fits both themes and needs no inline style. Charts are as wide as their
//! place: positions along x are percentages, positions along y pixels, so texts keep their size on every screen.

use std::fmt::{self, Display, Write};

use chrono::Datelike;
use homing_datasets::calendar::{date_of, days_of};

/// The style sheet that goes with the drawings.
pub const STYLE: &str = include_str!("style/chart.css");

/// Finished SVG markup. All text in it is escaped.
#[derive(Clone, Debug, PartialEq)]
pub struct Svg(String);

impl Display for Svg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// Only this module makes one, and it escapes every text.
impl askama::filters::HtmlSafe for Svg {}

/// What a colour means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Something to worry about.
    High,
    /// Something to watch.
    Medium,
    /// All is well.
    Low,
    /// No judgement.
    Plain,
}

impl Tone {
    /// The class that gives the colour: `tone-high`, ...
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Tone::High => "tone-high",
            Tone::Medium => "tone-medium",
            Tone::Low => "tone-low",
            Tone::Plain => "tone-plain",
        }
    }
}

/// A text with the characters escaped that mean something in XML.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            // XML 1.0 has no way to write the other control characters.
            c if c.is_control() && c != '\n' && c != '\t' => f.write_char('\u{fffd}'),
            c => f.write_char(c),
        })
    }
}

/// A coordinate with two decimals at most; one that is no number becomes 0.
struct At(f64);

impl Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounded = (self.0 * 100.0).round() / 100.0;
        // Adding zero turns -0 into 0.
        if rounded.is_finite() { write!(f, "{}", rounded + 0.0) } else { f.write_str("0") }
    }
}

/// Markup in the making. Writing to a text cannot fail.
struct Pen(String);

impl Pen {
    fn draw(&mut self, markup: fmt::Arguments<'_>) {
        let _ = self.0.write_fmt(markup);
    }

    fn done(mut self) -> Svg {
        self.0.push_str("</svg>");
        Svg(self.0)
    }
}

/// A bar filled to a share of 0 to 1. The number itself belongs beside it: the bar is hidden from screen readers.
#[must_use]
pub fn meter(share: f64, tone: Tone) -> Svg {
    let mut pen = Pen(String::new());
    pen.draw(format_args!(r#"<svg class="chart meter" aria-hidden="true" focusable="false"><rect class="track" width="100%" height="100%" rx="3"/>"#));
    let width = At(share.clamp(0.0, 1.0) * 100.0);
    pen.draw(format_args!(r#"<rect class="{}" width="{width}%" height="100%" rx="3"/>"#, tone.class()));
    pen.done()
}

/// One part of a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// What shows under the pointer.
    pub title: String,
    /// Its size, in any unit; not negative.
    pub size: f64,
    /// Its colour.
    pub tone: Tone,
}

/// A bar divided into the parts of a whole. `label` says in words what the bar shows.
#[must_use]
pub fn parts(label: &str, parts: &[Part]) -> Svg {
    let whole: f64 = parts.iter().map(|part| part.size.max(0.0)).sum();
    let mut pen = Pen(String::new());
    pen.draw(format_args!(r#"<svg class="chart parts" role="img" aria-label="{}">"#, Escaped(label)));
    pen.draw(format_args!(r#"<rect class="track" width="100%" height="100%"/>"#));
    let mut start = 0.0;
    for part in parts.iter().filter(|part| part.size > 0.0) {
        let share = part.size / whole * 100.0;
        pen.draw(format_args!(
            r#"<rect class="part {}" x="{}%" width="{}%" height="100%"><title>{}</title></rect>"#,
            part.tone.class(),
            At(start),
            At(share),
            Escaped(&part.title)
        ));
        start += share;
    }
    pen.done()
}

/// A weight as a bar from the middle: to the right above zero, to the left below. `most` fills a whole side.
#[must_use]
pub fn weight(value: f64, most: f64) -> Svg {
    let width = if most > 0.0 { (value.abs() / most).clamp(0.0, 1.0) * 50.0 } else { 0.0 };
    let (x, tone) = if value < 0.0 { (50.0 - width, Tone::Low) } else { (50.0, Tone::High) };
    let mut pen = Pen(String::new());
    pen.draw(format_args!(r#"<svg class="chart weight" aria-hidden="true" focusable="false"><rect class="track" width="100%" height="100%" rx="3"/>"#));
    let (x, width) = (At(x), At(width));
    pen.draw(format_args!(r#"<rect class="{}" x="{x}%" width="{width}%" height="100%"/>"#, tone.class()));
    pen.draw(format_args!(r#"<line class="axis" x1="50%" x2="50%" y1="0" y2="100%"/>"#));
    pen.done()
}

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
const TICKS: f64 = 22.0;

/// Draws values over time as stems. Nothing to draw gives an empty plot.
#[must_use]
pub fn time_line(line: &TimeLine<'_>) -> Svg {
    let days = || line.stems.iter().map(|stem| stem.day).chain(line.marks.iter().map(|mark| mark.day));
    let (first, last) = (days().min().unwrap_or(0), days().max().unwrap_or(0));
    // A little air on both sides, and never a span of nothing.
    let air = (f64::from(last) - f64::from(first)).max(14.0) * 0.015;
    let (from, to) = (f64::from(first) - air, f64::from(last) + air);
    let x = |day: i32| (f64::from(day) - from) / (to - from) * 100.0;
    let top = MARK_ROW * line.marks.len() as f64 + 6.0;
    let floor = top + PLOT;
    let most = line.stems.iter().map(|stem| stem.value).fold(0.0, f64::max);
    let steps = steps(most);
    let ceiling = steps.last().copied().unwrap_or(1.0);
    let y = |value: f64| floor - value.max(0.0) / ceiling * PLOT;

    let mut pen = Pen(String::new());
    let height = At(floor + TICKS);
    let label = Escaped(line.label);
    pen.draw(format_args!(r#"<svg class="chart plot" height="{height}" role="img" aria-label="{label}">"#));
    for &step in &steps {
        grid(&mut pen, y(step), &(line.value)(step), step == 0.0);
    }
    for (day, text) in date_ticks(first, last) {
        let at = At(x(day));
        pen.draw(format_args!(
            r#"<line class="tick" x1="{at}%" x2="{at}%" y1="{}" y2="{}"/>"#,
            At(floor),
            At(floor + 4.0)
        ));
        pen.draw(format_args!(r#"<text class="on-x" x="{at}%" y="{}">{text}</text>"#, At(floor + 17.0)));
    }
    // The first mark has the lowest label, so that no line crosses the label of another.
    let baseline = |row: usize| MARK_ROW * (line.marks.len() - row) as f64 - 3.0;
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
        pen.draw(format_args!(
            r#"<g><title>{}</title><line x1="{at}%" x2="{at}%" y1="{}" y2="{tip}"/><circle cx="{at}%" cy="{tip}" r="3"/></g>"#,
            Escaped(&stem.title),
            At(floor)
        ));
    }
    pen.draw(format_args!("</g>"));
    pen.done()
}

/// A line of the grid with its value at the left.
fn grid(pen: &mut Pen, y: f64, text: &str, axis: bool) {
    let class = if axis { "axis" } else { "grid" };
    pen.draw(format_args!(r#"<line class="{class}" x1="0" x2="100%" y1="{0}" y2="{0}"/>"#, At(y)));
    pen.draw(format_args!(r#"<text class="on-y" x="-8" y="{}">{}</text>"#, At(y + 4.0), Escaped(text)));
}

/// From zero in two to five round steps to at least `most`.
fn steps(most: f64) -> Vec<f64> {
    if !(most > 0.0 && most.is_finite()) {
        return vec![0.0, 1.0];
    }
    let rough = most / 4.0;
    let magnitude = 10f64.powf(rough.log10().floor());
    let round = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * magnitude);
    let step = round.into_iter().find(|step| *step >= rough * (1.0 - 1e-9)).unwrap_or(most);
    (0..=(most / step * (1.0 - 1e-9)).ceil() as u32).map(|n| f64::from(n) * step).collect()
}

/// Up to six first days of months or years between two days.
fn date_ticks(first: i32, last: i32) -> Vec<(i32, String)> {
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
        (day, if step >= 12 { year.to_string() } else { format!("{year}-{month:02}") })
    };
    let mut named: Vec<(i32, String)> = ticks
        .filter_map(|month| Some((month, start(month)?)))
        .filter(|(_, day)| (first..=last).contains(day))
        .map(|(m, d)| named(m, d))
        .collect();
    if named.is_empty() {
        // A span within one month: its ends say where it is.
        named = [first, last].into_iter().map(|day| (day, date_of(day).to_string())).collect();
        named.dedup();
    }
    named
}

/// A share that grows with the days: 0 at day 0, then one point a horizon.
pub struct Curve<'a> {
    /// The whole in words, for those who do not see it.
    pub label: &'a str,
    /// Days above zero, ascending, with shares that never fall.
    pub points: &'a [(u32, f64)],
    /// Writes a share.
    pub share: &'a dyn Fn(f64) -> String,
    /// Writes a number of days.
    pub days: &'a dyn Fn(u32) -> String,
}

/// Draws a growing share as a smooth line that never falls (monotone cubic; Fritsch & Carlson 1980) through its
/// points.
#[must_use]
pub fn curve(curve: &Curve<'_>) -> Svg {
    const TOP: f64 = 20.0;
    const HEIGHT: f64 = 150.0;
    let furthest = curve.points.last().map_or(1.0, |point| f64::from(point.0)).max(1.0);
    let points: Vec<(f64, f64)> = std::iter::once((0.0, 0.0))
        .chain(curve.points.iter().map(|(days, share)| (f64::from(*days) / furthest, share.clamp(0.0, 1.0))))
        .collect();
    let y = |share: f64| TOP + (1.0 - share) * HEIGHT;
    let floor = y(0.0);

    let mut pen = Pen(String::new());
    pen.draw(format_args!(
        r#"<svg class="chart plot" height="{}" role="img" aria-label="{}">"#,
        At(floor + TICKS),
        Escaped(curve.label)
    ));
    for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
        grid(&mut pen, y(share), &(curve.share)(share), share == 0.0);
    }
    // The line lives in a box of its own that is stretched to the place; its width on screen stays.
    pen.draw(format_args!(
        r#"<svg y="{}" width="100%" height="{}" viewBox="0 0 1000 1000" preserveAspectRatio="none">"#,
        At(TOP),
        At(HEIGHT)
    ));
    let path = monotone_path(&points);
    pen.draw(format_args!(
        r#"<path class="under" d="{path}V1000H0Z"/><path class="line" d="{path}"/></svg>"#
    ));
    for (&(days, share), &(x, _)) in curve.points.iter().zip(points.iter().skip(1)) {
        let (at, level) = (At(x * 100.0), y(share.clamp(0.0, 1.0)));
        let end = if x > 0.9 { " end" } else { "" };
        let (share, days) = ((curve.share)(share), (curve.days)(days));
        pen.draw(format_args!(
            r#"<line class="tick" x1="{at}%" x2="{at}%" y1="{}" y2="{}"/>"#,
            At(floor),
            At(floor + 4.0)
        ));
        pen.draw(format_args!(
            r#"<text class="on-x{end}" x="{at}%" y="{}">{}</text>"#,
            At(floor + 17.0),
            Escaped(&days)
        ));
        pen.draw(format_args!(r#"<circle class="point" cx="{at}%" cy="{}" r="4"/>"#, At(level)));
        pen.draw(format_args!(
            r#"<text class="of-point{end}" x="{at}%" y="{}">{}</text>"#,
            At(level - 9.0),
            Escaped(&share)
        ));
    }
    pen.done()
}

/// A path through points in 0..1 in a box of 1000 × 1000, y upwards, as cubic Bézier curves.
fn monotone_path(points: &[(f64, f64)]) -> String {
    let slopes: Vec<f64> = points
        .windows(2)
        .map(|pair| match pair {
            [(x0, y0), (x1, y1)] if x1 > x0 => ((y1 - y0) / (x1 - x0)).max(0.0),
            _ => 0.0,
        })
        .collect();
    let slope = |at: usize| slopes.get(at).copied().unwrap_or(0.0);
    // The tangent at an inner point: the harmonic mean of the slopes on both sides keeps the curve monotone.
    let tangents: Vec<f64> = (0..points.len())
        .map(|at| match at {
            0 => slope(0),
            at if at + 1 == points.len() => slope(at - 1),
            at => match (slope(at - 1), slope(at)) {
                (left, right) if left <= 0.0 || right <= 0.0 => 0.0,
                (left, right) => 2.0 * left * right / (left + right),
            },
        })
        .collect();
    let mut path = String::new();
    let xy = |x: f64, y: f64| format!("{} {}", At(x * 1000.0), At((1.0 - y) * 1000.0));
    for (at, &(x, y)) in points.iter().enumerate() {
        let tangent = |at: usize| tangents.get(at).copied().unwrap_or(0.0);
        match at.checked_sub(1).and_then(|before| Some((before, points.get(before)?))) {
            None => {
                let _ = write!(path, "M{}", xy(x, y));
            }
            Some((before, &(x0, y0))) => {
                let third = (x - x0) / 3.0;
                let (a, b) =
                    (xy(x0 + third, y0 + tangent(before) * third), xy(x - third, y - tangent(at) * third));
                let _ = write!(path, "C{a} {b} {}", xy(x, y));
            }
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_in_a_drawing_is_escaped_and_nothing_carries_a_style() {
        let evil = "<script>alert('1')</script>&\"\u{1}";
        let stems = [Stem { day: 15_000, value: 3.0, title: evil.into() }];
        let marks = [Mark { day: 15_010, label: evil.into(), expected: true }];
        let value = |_: f64| evil.to_owned();
        let all = [
            parts(evil, &[Part { title: evil.into(), size: 1.0, tone: Tone::High }]),
            time_line(&TimeLine { label: evil, stems: &stems, marks: &marks, value: &value }),
            curve(&Curve { label: evil, points: &[(30, 0.5)], share: &value, days: &|_| evil.to_owned() }),
        ];
        for svg in all.map(|svg| svg.to_string()) {
            assert!(!svg.contains("<script") && !svg.contains("style=") && !svg.contains('\u{1}'), "{svg}");
            assert!(svg.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;&quot;"), "{svg}");
            assert_eq!(svg.matches("<svg").count(), svg.matches("</svg>").count());
        }
    }

    #[test]
    fn bars_stay_inside_their_track_whatever_they_are_given() {
        assert!(meter(0.314, Tone::High).to_string().contains(r#"class="tone-high" width="31.4%""#));
        assert!(meter(7.0, Tone::High).to_string().contains(r#"tone-high" width="100%""#));
        assert!(meter(f64::NAN, Tone::High).to_string().contains(r#"tone-high" width="0%""#));
        assert!(weight(-1.0, 2.0).to_string().contains(r#"tone-low" x="25%" width="25%""#));
        assert!(weight(9.0, 2.0).to_string().contains(r#"tone-high" x="50%" width="50%""#));
        assert!(weight(0.0, 0.0).to_string().contains(r#"x="50%" width="0%""#));
        let half = |tone| Part { title: String::new(), size: 2.0, tone };
        let bar = parts("", &[half(Tone::High), half(Tone::Low)]).to_string();
        assert!(bar.contains(r#"x="0%" width="50%""#) && bar.contains(r#"x="50%" width="50%""#), "{bar}");
    }

    #[test]
    fn the_steps_of_an_axis_are_round_few_and_high_enough() {
        assert_eq!(steps(0.0), [0.0, 1.0]);
        assert_eq!(steps(f64::NAN), [0.0, 1.0]);
        assert_eq!(steps(4.0), [0.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(steps(130.0), [0.0, 50.0, 100.0, 150.0]);
        for most in [1e-6, 0.3, 1.0, 7.77, 99.9, 100.0, 100.1, 12_345.6, 1e12] {
            let steps = steps(most);
            assert!((3..=6).contains(&steps.len()), "{most}: {steps:?}");
            assert!(*steps.last().unwrap() >= most * (1.0 - 1e-6), "{most}: {steps:?}");
        }
    }

    #[test]
    fn an_axis_of_dates_names_a_few_months_or_years() {
        let day = |text: &str| days_of(text.parse().unwrap());
        let names =
            |from, to| date_ticks(day(from), day(to)).into_iter().map(|(_, name)| name).collect::<Vec<_>>();
        assert_eq!(names("2011-01-15", "2011-04-20"), ["2011-02", "2011-03", "2011-04"]);
        assert_eq!(
            names("2010-11-20", "2012-02-01"),
            ["2011-01", "2011-04", "2011-07", "2011-10", "2012-01"]
        );
        assert_eq!(names("2007-03-01", "2011-02-01"), ["2008", "2009", "2010", "2011"]);
        assert_eq!(names("2011-02-03", "2011-02-20"), ["2011-02-03", "2011-02-20"]);
        assert_eq!(names("2011-02-03", "2011-02-03"), ["2011-02-03"]);
        assert!(names("1900-01-01", "2200-01-01").len() <= 7);
    }

    #[test]
    fn a_curve_passes_its_points_and_never_falls() {
        let path = monotone_path(&[(0.0, 0.0), (0.25, 0.5), (1.0, 0.5)]);
        assert_eq!(path, "M0 1000C83.33 833.33 166.67 500 250 500C500 500 750 500 1000 500");
        let svg =
            curve(&Curve { label: "", points: &[], share: &|_| String::new(), days: &|_| String::new() });
        assert!(svg.to_string().contains("M0 1000"));
    }

    #[test]
    fn a_time_line_of_nothing_or_of_one_day_can_be_drawn() {
        let value = |value: f64| value.to_string();
        for stems in [vec![], vec![Stem { day: 15_000, value: 0.0, title: String::new() }]] {
            let svg =
                time_line(&TimeLine { label: "", stems: &stems, marks: &[], value: &value }).to_string();
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }
}
