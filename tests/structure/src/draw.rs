//! The graph as a picture: a box a crate, its modules in rows, imports pointing down.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::{Graph, Member, depths, reduced};

const CHIP_HEIGHT: usize = 26;
const ROW_HEIGHT: usize = 56;
const GAP: usize = 14;
const MARGIN: usize = 24;
/// Width of a letter at the size that module names are written in.
const LETTER: usize = 8;
/// A row that would be wider than this is broken in two.
const ROW_WIDTH: usize = 900;

/// A crate, laid out at the origin.
struct Laid<'a> {
    member: &'a Member,
    chips: BTreeMap<String, (usize, usize, usize)>,
    edges: Graph,
    width: usize,
    height: usize,
}

fn chip_width(name: &str) -> usize {
    name.len() * LETTER + 20
}

fn lay(member: &Member) -> Laid<'_> {
    let mut graph = member.siblings("");
    graph.remove("");
    let depth = depths(&graph);
    let deepest = depth.values().copied().max().unwrap_or(0);
    let mut rows: Vec<Vec<&String>> = Vec::new();
    for level in (0..=deepest).rev() {
        let mut row: Vec<&String> = Vec::new();
        let mut width = 0;
        for name in depth.iter().filter(|(_, at)| **at == level).map(|(name, _)| name) {
            if width + chip_width(name) > ROW_WIDTH {
                rows.push(std::mem::take(&mut row));
                width = 0;
            }
            width += chip_width(name) + GAP;
            row.push(name);
        }
        rows.push(row);
    }
    let row_width = |row: &Vec<&String>| row.iter().map(|name| chip_width(name) + GAP).sum::<usize>();
    let inner = rows.iter().map(row_width).max().unwrap_or(0);
    let inner = inner.max(member.name.len() * 10 + 2 * GAP);
    let mut chips = BTreeMap::new();
    for (at, row) in rows.iter().enumerate() {
        let mut x = MARGIN / 2 + (inner - row_width(row)) / 2 + GAP / 2;
        for name in row {
            chips.insert((*name).clone(), (x, 40 + at * ROW_HEIGHT, chip_width(name)));
            x += chip_width(name) + GAP;
        }
    }
    let height = 40 + rows.len() * ROW_HEIGHT - (ROW_HEIGHT - CHIP_HEIGHT) + MARGIN / 2;
    Laid { member, chips, edges: reduced(&graph), width: inner + MARGIN, height }
}

/// Draws the workspace as one SVG with its own colours, readable on light and dark pages.
#[must_use]
pub fn svg(members: &[Member]) -> String {
    let needs: Graph =
        members.iter().map(|member| (member.name.clone(), member.needs.iter().cloned().collect())).collect();
    let depth = depths(&needs);
    let deepest = depth.values().copied().max().unwrap_or(0);
    let laid: Vec<Laid<'_>> = members.iter().map(lay).collect();
    let level = |at: usize| -> Vec<&Laid<'_>> {
        laid.iter().filter(|one| depth.get(&one.member.name) == Some(&at)).collect()
    };
    let levels: Vec<Vec<&Laid<'_>>> = (0..=deepest).rev().map(level).collect();
    let level_width = |level: &Vec<&Laid<'_>>| level.iter().map(|one| one.width + 2 * MARGIN).sum::<usize>();
    let width = levels.iter().map(level_width).max().unwrap_or(0);

    let mut boxes: BTreeMap<&str, (usize, usize, &Laid<'_>)> = BTreeMap::new();
    let mut y = MARGIN;
    for level in &levels {
        let mut x = (width - level_width(level)) / 2 + MARGIN;
        for one in level {
            boxes.insert(&one.member.name, (x, y, one));
            x += one.width + 2 * MARGIN;
        }
        y += level.iter().map(|one| one.height).max().unwrap_or(0) + 2 * MARGIN;
    }

    let mut out = String::new();
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {y}\" font-family=\"system-ui, sans-serif\" \
         font-size=\"13\">\n<rect width=\"{width}\" height=\"{y}\" fill=\"#fbfaf8\"/>"
    );
    for (from, targets) in &reduced(&needs) {
        for to in targets {
            if let (Some(from), Some(to)) = (boxes.get(from.as_str()), boxes.get(to.as_str())) {
                let from = (from.0 + from.2.width / 2, from.1 + from.2.height);
                line(&mut out, from, (to.0 + to.2.width / 2, to.1), "#8a8478", 3);
            }
        }
    }
    for (x, y, one) in boxes.values() {
        draw_crate(&mut out, (*x, *y), one);
    }
    out.push_str("</svg>\n");
    out
}

fn draw_crate(out: &mut String, (x, y): (usize, usize), one: &Laid<'_>) {
    let _ = writeln!(
        out,
        "<rect x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" rx=\"8\" fill=\"#fff\" stroke=\"#c9c3b5\"/>\n\
         <text x=\"{}\" y=\"{}\" font-weight=\"600\" font-size=\"15\" fill=\"#22303c\">{}</text>",
        one.width,
        one.height,
        x + GAP,
        y + 24,
        one.member.name
    );
    for (from, targets) in &one.edges {
        for to in targets {
            if let (Some(from), Some(to)) = (one.chips.get(from), one.chips.get(to)) {
                let from = (x + from.0 + from.2 / 2, y + from.1 + CHIP_HEIGHT);
                line(out, from, (x + to.0 + to.2 / 2, y + to.1), "#b9cde0", 1);
            }
        }
    }
    for (name, (left, top, width)) in &one.chips {
        let _ = writeln!(
            out,
            "<rect x=\"{}\" y=\"{}\" width=\"{width}\" height=\"{CHIP_HEIGHT}\" rx=\"5\" fill=\"#e8f0f7\" stroke=\"#9db8d1\"/>\n\
             <text x=\"{}\" y=\"{}\" text-anchor=\"middle\" fill=\"#22303c\">{name}</text>",
            x + left,
            y + top,
            x + left + width / 2,
            y + top + 18
        );
    }
}

/// A line that leaves and arrives vertically.
fn line(out: &mut String, from: (usize, usize), to: (usize, usize), colour: &str, width: usize) {
    let middle = usize::midpoint(from.1, to.1);
    let _ = writeln!(
        out,
        "<path d=\"M{} {} C{} {middle} {} {middle} {} {}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"/>",
        from.0, from.1, from.0, to.0, to.0, to.1
    );
}
