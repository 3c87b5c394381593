//! The curve of a share that grows with the days.

use std::fmt::Write;

use super::{At, Escaped, Pen, Svg, TICKS, grid};

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
        r#"<svg class="chart plot" height="{}" role="group" aria-label="{}">"#,
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
    let places: Vec<f64> = points.iter().skip(1).map(|point| point.0 * 100.0).collect();
    let rooms = super::roomy(&places, 6.0, 22.0);
    for ((&(days, share), &(x, _)), room) in curve.points.iter().zip(points.iter().skip(1)).zip(rooms) {
        let (at, level) = (At(x * 100.0), y(share.clamp(0.0, 1.0)));
        let end = if x > 0.9 { " end" } else { "" };
        let (share, days) = ((curve.share)(share), (curve.days)(days));
        pen.draw(format_args!(
            r#"<line class="tick" x1="{at}%" x2="{at}%" y1="{}" y2="{}"/>"#,
            At(floor),
            At(floor + 4.0)
        ));
        if let Some(spare) = room.class() {
            pen.draw(format_args!(
                r#"<text class="on-x{end}{spare}" x="{at}%" y="{}">{}</text>"#,
                At(floor + 17.0),
                Escaped(&days)
            ));
        }
        let title = format!("{days}: {share}");
        super::tip_begins(&mut pen, "", &title);
        pen.draw(format_args!(r#"<circle class="point" cx="{at}%" cy="{}" r="4"/>"#, At(level)));
        super::tip_ends(&mut pen, &title, 0.0);
        if let Some(spare) = room.class() {
            pen.draw(format_args!(
                r#"<text class="of-point{end}{spare}" x="{at}%" y="{}">{}</text>"#,
                At(level - 9.0),
                Escaped(&share)
            ));
        }
    }
    pen.done()
}

/// A path through points in 0..1 in a box of 1000 × 1000, y upwards, as cubic Bézier curves.
pub(super) fn monotone_path(points: &[(f64, f64)]) -> String {
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
