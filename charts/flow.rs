//! How many went from where to where: bands between columns (Sankey 1898).

use super::{At, Escaped, Pen, Svg};

/// One state at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it is called; short.
    pub name: String,
    /// What it tells of itself at each time.
    pub titles: Vec<String>,
    /// Its colour, one of eight; the same state has the same at every time.
    pub hue: usize,
}

/// How many went from a state to one of the next column.
#[derive(Clone, Debug, PartialEq)]
pub struct Band {
    /// The state that they left, by its place in its column.
    pub from: usize,
    /// The state that they came to, by its place in the next column.
    pub to: usize,
    /// How many; not negative.
    pub size: f64,
    /// What shows under the pointer.
    pub title: String,
}

/// States at several times, and the moves between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow<'a> {
    /// The whole in words, for those who do not see it.
    pub label: &'a str,
    /// The names of the times, the earliest first.
    pub columns: &'a [String],
    /// The states, the upper first; the same at every time.
    pub nodes: &'a [Node],
    /// The moves between each time and the next.
    pub bands: &'a [Vec<Band>],
}

const TOP: f64 = 22.0;
const HEIGHT: f64 = 300.0;
/// Between two states of a column.
const GAP: f64 = 8.0;
/// Width of a state, in percent.
const WIDTH: f64 = 1.4;

/// Draws states as columns of bars, and bands between them.
#[must_use]
pub fn flow(flow: &Flow<'_>) -> Svg {
    let mut pen = Pen(String::new());
    pen.draw(format_args!(
        r#"<svg class="chart flow" height="{}" role="group" aria-label="{}">"#,
        At(TOP + HEIGHT + 26.0),
        Escaped(flow.label)
    ));
    let layout = Layout::of(flow);
    for (at, bands) in flow.bands.iter().enumerate() {
        layout.bands(&mut pen, flow, at, bands);
    }
    for (column, name) in flow.columns.iter().enumerate() {
        let (side, x) = match column {
            0 => ("start", 0.0),
            _ if column == layout.last => ("end", 100.0),
            // The first and the last have room; on a phone those between them have none if they are more than one.
            _ if layout.last > 2 => ("on-x spare", layout.left(column) + WIDTH / 2.0),
            _ => ("on-x", layout.left(column) + WIDTH / 2.0),
        };
        pen.draw(format_args!(r#"<text class="{side}" x="{}%" y="12">{}</text>"#, At(x), Escaped(name)));
        for (at, node) in flow.nodes.iter().enumerate() {
            layout.node(&mut pen, column, at, node);
        }
    }
    pen.done()
}

/// Where states and bands lie.
struct Layout {
    /// The last column.
    last: usize,
    /// Customers to pixels.
    scale: f64,
    /// Of each column, of each state.
    sizes: Vec<Vec<f64>>,
    tops: Vec<Vec<f64>>,
}

impl Layout {
    fn of(flow: &Flow<'_>) -> Self {
        let sizes = sizes(flow);
        let whole = sizes.iter().map(|column| column.iter().sum::<f64>()).fold(0.0, f64::max);
        let gaps = GAP * flow.nodes.len().saturating_sub(1) as f64;
        let scale = if whole > 0.0 { (HEIGHT - gaps) / whole } else { 0.0 };
        let tops = sizes.iter().map(|column| tops(column, scale)).collect();
        Layout { last: flow.columns.len().saturating_sub(1), scale, sizes, tops }
    }

    /// The left edge of a column, in percent.
    fn left(&self, column: usize) -> f64 {
        column as f64 / self.last.max(1) as f64 * (100.0 - WIDTH)
    }

    /// The bands from a column to the next.
    fn bands(&self, pen: &mut Pen, flow: &Flow<'_>, at: usize, bands: &[Band]) {
        let (Some(from_tops), Some(to_tops)) = (self.tops.get(at), self.tops.get(at + 1)) else { return };
        let (mut out, mut into) = (from_tops.clone(), to_tops.clone());
        let mut sorted: Vec<&Band> = bands.iter().filter(|band| band.size > 0.0).collect();
        sorted.sort_by_key(|band| (band.from, band.to));
        for band in sorted {
            let (Some(y0), Some(y1)) = (out.get_mut(band.from), into.get_mut(band.to)) else { continue };
            let height = band.size * self.scale;
            let (x0, x1) = ((self.left(at) + WIDTH) * 10.0, self.left(at + 1) * 10.0);
            let middle = (x0 + x1) / 2.0;
            let hue = flow.nodes.get(band.from).map_or(0, |node| node.hue % 8);
            super::tip_begins(pen, &format!("hue-{hue}"), &band.title);
            // A band lives in a box of its own that is stretched along x only.
            pen.draw(format_args!(
                r#"<svg y="{TOP}" width="100%" height="{HEIGHT}" viewBox="0 0 1000 {HEIGHT}" preserveAspectRatio="none"><path class="band" d="M{a} {t0}C{m} {t0} {m} {t1} {b} {t1}V{u1}C{m} {u1} {m} {u0} {a} {u0}Z"/></svg>"#,
                a = At(x0),
                b = At(x1),
                m = At(middle),
                t0 = At(*y0),
                t1 = At(*y1),
                u0 = At(*y0 + height),
                u1 = At(*y1 + height),
            ));
            super::tip_ends(pen, &band.title, TOP + HEIGHT + 2.0);
            *y0 += height;
            *y1 += height;
        }
    }

    /// A state of a column.
    fn node(&self, pen: &mut Pen, column: usize, at: usize, node: &Node) {
        let (size, top) = (self.sizes[column][at] * self.scale, TOP + self.tops[column][at]);
        if size <= 0.0 {
            return;
        }
        let title = node.titles.get(column).map_or(node.name.as_str(), String::as_str);
        super::tip_begins(pen, &format!("hue-{}", node.hue % 8), title);
        pen.draw(format_args!(
            r#"<rect class="node" x="{}%" width="{WIDTH}%" y="{}" height="{}"/>"#,
            At(self.left(column)),
            At(top),
            At(size.max(1.0))
        ));
        super::tip_ends(pen, title, TOP + HEIGHT + 2.0);
        // A state that is too low for its name is named by the legend only.
        if size < 11.0 || (column != 0 && column != self.last) {
            return;
        }
        let (side, x, shift) = match column {
            0 => ("start", self.left(column) + WIDTH, 6),
            _ => ("end", self.left(column), -6),
        };
        pen.draw(format_args!(
            r#"<text class="of-node {side}" x="{}%" dx="{shift}" y="{}">{}</text>"#,
            At(x),
            At(top + size / 2.0 + 4.0),
            Escaped(&node.name)
        ));
    }
}

/// The sizes of the states at each time.
fn sizes(flow: &Flow<'_>) -> Vec<Vec<f64>> {
    let mut sizes = vec![vec![0.0; flow.nodes.len()]; flow.columns.len()];
    for (at, bands) in flow.bands.iter().enumerate() {
        let known = |band: &&Band| {
            band.size.is_finite() && band.from < flow.nodes.len() && band.to < flow.nodes.len()
        };
        for band in bands.iter().filter(known) {
            // A time between two others is told by what comes out of it.
            if let Some(size) = sizes.get_mut(at).and_then(|column| column.get_mut(band.from)) {
                *size += band.size.max(0.0);
            }
            if at + 2 == flow.columns.len()
                && let Some(size) = sizes.get_mut(at + 1).and_then(|column| column.get_mut(band.to))
            {
                *size += band.size.max(0.0);
            }
        }
    }
    sizes
}

fn tops(column: &[f64], scale: f64) -> Vec<f64> {
    let mut top = 0.0;
    column
        .iter()
        .map(|size| {
            let at = top;
            top += size * scale + GAP;
            at
        })
        .collect()
}
