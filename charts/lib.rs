//! Drawings as SVG, from typed input: the same for the pages and for the training report.
//!
//! Every point, column, cell and band tells its value under the pointer and when it has the keyboard's focus.
//!
//! A drawing has no style of its own: its parts carry the classes of [`STYLE`], which has a set of colours for each
//! theme, so no drawing needs an inline style. Charts are as wide as their place: positions along x are percentages,
//! positions along y pixels, so texts keep their size on every screen. Values of an axis stand left of the drawing,
//! in a margin that the page leaves free.
//!
//! | drawing | shows |
//! |---|---|
//! | [`meter`], [`parts`], [`weight`], [`span`] | one number, a whole, a weight, an interval, as a bar of one line |
//! | [`time_line()`] | events of one customer |
//! | [`curve()`] | a share that grows with the days |
//! | [`plot()`] | lines over numbers or dates, with confidence bars: calibration, gain, tracking, levels |
//! | [`columns()`] | groups of columns: deciles |
//! | [`heat()`] | a grid of cells coloured by value |
//! | [`flow()`] | how many went from where to where |

mod bars;
mod columns;
mod curve;
mod flow;
mod heat;
mod plot;
#[cfg(test)]
mod tests;
mod time;

use std::fmt::{self, Display, Write};

pub use bars::{Part, meter, parts, span, weight};
pub use columns::{Column, Columns, Group, columns};
pub use curve::{Curve, curve};
pub use flow::{Band, Flow, Node, flow};
pub use heat::{Cell, Heat, heat};
pub use plot::{Axis, Line, Plot, Point, Rule, plot};
pub use time::{Mark, Stem, TimeLine, time_line, time_span};

/// The style sheet that goes with the drawings. The page gives it two colours: `--card` (what lies behind a drawing)
/// and `--ink` (its text).
pub const STYLE: &str = include_str!("chart.css");

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

/// What a line or column stands for. Each has a colour and a dash of its own, so that they differ in grey too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// What happened.
    Actual,
    /// What was expected.
    Expected,
    /// Something to compare with.
    Other,
    /// A bound: perfect, or chance.
    Ideal,
}

impl Ink {
    /// The class that gives colour and dash: `ink-actual`, ...
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Ink::Actual => "ink-actual",
            Ink::Expected => "ink-expected",
            Ink::Other => "ink-other",
            Ink::Ideal => "ink-ideal",
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

/// Opens a part of a drawing that tells its value: under the pointer, and when it has the focus, in a box at the top of the drawing
/// (or `below` it). [`tip_ends`] closes it. The style sheet shows the box; there is no script.
fn tip_begins(pen: &mut Pen, class: &str, title: &str) {
    let title = Escaped(title);
    pen.draw(format_args!(
        r#"<g class="tip {class}" tabindex="0" role="img" aria-label="{title}"><title>{title}</title>"#
    ));
}

/// Closes a part of a drawing that tells its value.
fn tip_ends(pen: &mut Pen, title: &str, y: f64) {
    told(pen, title, y);
    pen.draw(format_args!("</g>"));
}

/// The box with a value.
fn told(pen: &mut Pen, title: &str, y: f64) {
    pen.draw(format_args!(
        r#"<foreignObject class="told" x="0" y="{}" width="100%" height="22" aria-hidden="true"><div>{}</div></foreignObject>"#,
        At(y),
        Escaped(title)
    ));
}

/// How a label is shown, where labels stand at places of an axis in percent and the last must be seen: each with at least
/// so much room to the next one. What has no room on a phone is marked, and the style sheet hides it there.
fn roomy(places: &[f64], room: f64, room_on_phone: f64) -> Vec<Room> {
    let (mut next, mut next_on_phone) = (f64::INFINITY, f64::INFINITY);
    let mut rooms: Vec<Room> = places
        .iter()
        .rev()
        .map(|&place| {
            if next - place < room {
                return Room::None;
            }
            next = place;
            if next_on_phone - place < room_on_phone {
                return Room::Spare;
            }
            next_on_phone = place;
            Room::All
        })
        .collect();
    rooms.reverse();
    rooms
}

/// Where a label has room.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Room {
    /// On every screen.
    All,
    /// On wide screens only.
    Spare,
    /// Nowhere.
    None,
}

impl Room {
    /// What the class of a label ends with; nothing where it is not drawn.
    fn class(self) -> Option<&'static str> {
        match self {
            Room::All => Some(""),
            Room::Spare => Some(" spare"),
            Room::None => None,
        }
    }
}

/// Height of the place under an axis for its values.
const TICKS: f64 = 22.0;

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
