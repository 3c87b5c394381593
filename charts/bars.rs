//! Bars of one line: shares, parts of a whole, weights, intervals.

use super::{At, Escaped, Ink, Pen, Svg, Tone};

/// A bar filled to a share of 0 to 1. The number itself belongs beside it: the bar is hidden from screen readers.
///
/// ```
/// use homing_charts::{Tone, meter};
///
/// assert!(meter(0.4, Tone::High).to_string().contains(r#"width="40%""#));
/// ```
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
///
/// ```
/// use homing_charts::{Part, Tone, parts};
///
/// let part = |title: &str, size, tone| Part { title: title.to_owned(), size, tone };
/// let bar = parts("Customers by risk", &[part("high: 1", 1.0, Tone::High), part("low: 3", 3.0, Tone::Low)]);
/// assert!(bar.to_string().contains("<title>low: 3</title>"));
/// ```
#[must_use]
pub fn parts(label: &str, parts: &[Part]) -> Svg {
    let whole: f64 = parts.iter().map(|part| part.size.max(0.0)).sum();
    let mut pen = Pen(String::new());
    pen.draw(format_args!(r#"<svg class="chart parts" role="group" aria-label="{}">"#, Escaped(label)));
    pen.draw(format_args!(r#"<rect class="track" width="100%" height="100%"/>"#));
    let mut start = 0.0;
    for part in parts.iter().filter(|part| part.size > 0.0) {
        let share = part.size / whole * 100.0;
        pen.draw(format_args!(
            r#"<g tabindex="0" role="img" aria-label="{3}"><rect class="part {0}" x="{1}%" width="{2}%" height="100%"><title>{3}</title></rect></g>"#,
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

/// A value with its interval on a scale `from..=to`: a bar with a dot. The numbers themselves belong beside it:
/// the bar is hidden from screen readers. `reference` draws a thin line across, e.g. where the best rule stands.
#[must_use]
pub fn span(
    value: f64,
    interval: Option<(f64, f64)>,
    (from, to): (f64, f64),
    reference: Option<f64>,
    ink: Ink,
) -> Svg {
    let x = |value: f64| At(((value - from) / (to - from)).clamp(0.0, 1.0) * 100.0);
    let mut pen = Pen(String::new());
    pen.draw(format_args!(
        r#"<svg class="chart span {}" aria-hidden="true" focusable="false">"#,
        ink.class()
    ));
    pen.draw(format_args!(r#"<line class="grid" x1="0" x2="100%" y1="50%" y2="50%"/>"#));
    if let Some(reference) = reference.filter(|value| value.is_finite()) {
        let x = x(reference);
        pen.draw(format_args!(r#"<line class="reference" x1="{x}%" x2="{x}%" y1="0" y2="100%"/>"#));
    }
    if let Some((low, high)) = interval.filter(|(low, high)| low.is_finite() && high.is_finite()) {
        let (low, high) = (x(low), x(high));
        pen.draw(format_args!(r#"<line class="interval" x1="{low}%" x2="{high}%" y1="50%" y2="50%"/>"#));
    }
    if value.is_finite() {
        pen.draw(format_args!(r#"<circle class="fill" cx="{}%" cy="50%" r="4"/>"#, x(value)));
    }
    pen.done()
}
