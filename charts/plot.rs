//! Lines over numbers or dates.

use std::fmt::Write;

use homing_locales::Lang;

use super::time::date_ticks;
use super::{At, Escaped, Ink, Pen, Svg, TICKS, grid, steps};

/// The values that an axis spans, and those that it names.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// The least value.
    pub from: f64,
    /// The greatest value.
    pub to: f64,
    /// Values with a line or a tick, each with its text.
    pub ticks: Vec<(f64, String)>,
    /// What it measures, with its unit.
    pub name: String,
}

impl Axis {
    /// From zero to a round value that is at least `most`.
    #[must_use]
    pub fn up_to(most: f64, name: impl Into<String>, text: &dyn Fn(f64) -> String) -> Self {
        let steps = steps(most);
        let to = steps.last().copied().unwrap_or(1.0);
        Axis { from: 0.0, to, ticks: steps.into_iter().map(|at| (at, text(at))).collect(), name: name.into() }
    }

    /// Round values that hold all of `values` with a little air; between `least` and `most`. For lines whose
    /// changes matter more than their height.
    #[must_use]
    pub fn around(
        values: impl Iterator<Item = f64> + Clone,
        (least, most): (f64, f64),
        name: impl Into<String>,
        text: &dyn Fn(f64) -> String,
    ) -> Self {
        let known = values.filter(|value| value.is_finite());
        let low = known.clone().fold(f64::INFINITY, f64::min);
        let high = known.fold(f64::NEG_INFINITY, f64::max);
        if low > high {
            return Axis::up_to(1.0, name, text);
        }
        let span = (high - low).max(high.abs() * 0.05).max(1e-9);
        let step = steps(span * 1.2).get(1).copied().unwrap_or(span);
        let from = ((low / step).floor() * step).max(least);
        let to = ((high / step).ceil() * step).min(most).max(from + step);
        let count = ((to - from) / step + 1e-9).floor() as u32;
        let ticks = (0..=count).map(|i| from + f64::from(i) * step).map(|at| (at, text(at))).collect();
        Axis { from, to, ticks, name: name.into() }
    }

    /// From nothing to everything, in quarters.
    #[must_use]
    pub fn share(name: impl Into<String>, text: &dyn Fn(f64) -> String) -> Self {
        let ticks = [0.0, 0.25, 0.5, 0.75, 1.0].map(|at| (at, text(at))).into();
        Axis { from: 0.0, to: 1.0, ticks, name: name.into() }
    }

    /// Days since 1970-01-01, named by months or years.
    #[must_use]
    pub fn dates(lang: Lang, first: i32, last: i32, name: impl Into<String>) -> Self {
        let ticks =
            date_ticks(lang, first, last).into_iter().map(|(day, text)| (f64::from(day), text)).collect();
        Axis { from: f64::from(first), to: f64::from(last.max(first + 1)), ticks, name: name.into() }
    }

    /// The place of a value, 0 to 1; values outside stand at the edge.
    fn at(&self, value: f64) -> f64 {
        ((value - self.from) / (self.to - self.from)).clamp(0.0, 1.0)
    }
}

/// A point of a line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Point {
    /// Its place along x.
    pub x: f64,
    /// Its place along y. A point that is no number is left out.
    pub y: f64,
    /// What shows under the pointer; without it the point is only part of the line.
    pub title: Option<String>,
    /// How sure it is: the ends of a bar along y.
    pub interval: Option<(f64, f64)>,
}

/// A line.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What it stands for.
    pub ink: Ink,
    /// Its points, in the order of x.
    pub points: Vec<Point>,
    /// Whether each point has a dot; else dots show under the pointer.
    pub dots: bool,
    /// Whether the points are joined.
    pub joined: bool,
}

/// An upright line of its own with a label.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its place along x.
    pub x: f64,
    /// What it is; short.
    pub label: String,
}

/// Lines over two axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot<'a> {
    /// The whole in words, for those who do not see it.
    pub label: &'a str,
    /// Along the floor.
    pub x: Axis,
    /// Up the side.
    pub y: Axis,
    /// The lines, the last one on top.
    pub lines: Vec<Line>,
    /// Upright lines.
    pub rules: Vec<Rule>,
}

const TOP: f64 = 26.0;
const HEIGHT: f64 = 190.0;

/// Draws lines with their points, intervals and axes.
#[must_use]
pub fn plot(plot: &Plot<'_>) -> Svg {
    let x = |value: f64| plot.x.at(value) * 100.0;
    let y = |value: f64| TOP + (1.0 - plot.y.at(value)) * HEIGHT;
    let floor = TOP + HEIGHT;
    let mut pen = Pen(String::new());
    pen.draw(format_args!(
        r#"<svg class="chart plot" height="{}" role="group" aria-label="{}">"#,
        At(floor + TICKS + 16.0),
        Escaped(plot.label)
    ));
    names(&mut pen, &plot.y.name, &plot.x.name, floor);
    for (value, text) in &plot.y.ticks {
        grid(&mut pen, y(*value), text, *value == plot.y.from);
    }
    // Every second text of many gives way on a narrow screen.
    let many = plot.x.ticks.len() > 4;
    for (at, (value, text)) in plot.x.ticks.iter().enumerate() {
        tick(&mut pen, x(*value), floor, text, many && at % 2 == 1);
    }
    for rule in &plot.rules {
        let (place, label) = (x(rule.x), Escaped(&rule.label));
        let side = if place > 60.0 { "end" } else { "start" };
        let at = At(place);
        pen.draw(format_args!(
            r#"<line class="mark expected" x1="{at}%" x2="{at}%" y1="{TOP}" y2="{}"/><text class="of-mark {side}" x="{at}%" dx="{}" y="{}">{label}</text>"#,
            At(floor),
            if side == "end" { -5 } else { 5 },
            At(TOP + 11.0),
        ));
    }
    for line in plot.lines.iter().filter(|line| line.joined) {
        // The line lives in a box of its own that is stretched to the place; its width on screen stays.
        pen.draw(format_args!(
            r#"<svg y="{TOP}" width="100%" height="{HEIGHT}" viewBox="0 0 1000 1000" preserveAspectRatio="none"><path class="stroke {}" d="{}"/></svg>"#,
            line.ink.class(),
            path(plot, &line.points)
        ));
    }
    for line in &plot.lines {
        let dots = if line.dots { "dots" } else { "spots" };
        pen.draw(format_args!(r#"<g class="{dots} {}">"#, line.ink.class()));
        for point in line.points.iter().filter(|point| point.x.is_finite() && point.y.is_finite()) {
            let (at, level) = (At(x(point.x)), At(y(point.y)));
            let title = point.title.as_deref();
            if title.is_none() && point.interval.is_none() && !line.dots {
                continue;
            }
            match title {
                Some(title) => super::tip_begins(&mut pen, "", title),
                None => pen.draw(format_args!("<g>")),
            }
            if let Some((low, high)) =
                point.interval.filter(|(low, high)| low.is_finite() && high.is_finite())
            {
                let (low, high) = (At(y(low)), At(y(high)));
                pen.draw(format_args!(
                    r#"<line class="interval" x1="{at}%" x2="{at}%" y1="{low}" y2="{high}"/>"#
                ));
            }
            pen.draw(format_args!(r#"<circle cx="{at}%" cy="{level}" r="4"/>"#));
            match title {
                Some(title) => super::tip_ends(&mut pen, title, 0.0),
                None => pen.draw(format_args!("</g>")),
            }
        }
        pen.draw(format_args!("</g>"));
    }
    pen.done()
}

/// The names of both axes: the upper one above its values, the lower one under the right end of its own.
pub(super) fn names(pen: &mut Pen, y: &str, x: &str, floor: f64) {
    pen.draw(format_args!(r#"<text class="name" x="0" y="11">{}</text>"#, Escaped(y)));
    let below = At(floor + TICKS + 11.0);
    pen.draw(format_args!(r#"<text class="name end" x="100%" y="{below}">{}</text>"#, Escaped(x)));
}

/// A value under the floor, at a place in percent. At the edges its text turns inwards.
fn tick(pen: &mut Pen, place: f64, floor: f64, text: &str, spare: bool) {
    let at = At(place);
    let side = match place {
        place if place > 97.0 => " end",
        place if place < 1.0 => " start",
        _ => "",
    };
    pen.draw(format_args!(
        r#"<line class="tick" x1="{at}%" x2="{at}%" y1="{}" y2="{}"/>"#,
        At(floor),
        At(floor + 4.0)
    ));
    pen.draw(format_args!(
        r#"<text class="on-x{side}{}" x="{at}%" y="{}">{}</text>"#,
        if spare { " spare" } else { "" },
        At(floor + 17.0),
        Escaped(text)
    ));
}

/// Straight lines between points in a box of 1000 × 1000.
fn path(plot: &Plot<'_>, points: &[Point]) -> String {
    let mut path = String::new();
    for point in points.iter().filter(|point| point.x.is_finite() && point.y.is_finite()) {
        let letter = if path.is_empty() { 'M' } else { 'L' };
        let (x, y) = (plot.x.at(point.x) * 1000.0, (1.0 - plot.y.at(point.y)) * 1000.0);
        let _ = write!(path, "{letter}{} {}", At(x), At(y));
    }
    path
}
