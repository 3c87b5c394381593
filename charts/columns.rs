//! Groups of columns.

use super::plot::{Axis, names};
use super::{At, Escaped, Ink, Pen, Svg, TICKS, grid};

/// A column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// What it stands for.
    pub ink: Ink,
    /// Its height; below zero or no number stands as nothing.
    pub value: f64,
    /// What shows under the pointer.
    pub title: String,
}

/// Columns that stand together.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// What stands below them; short.
    pub name: String,
    /// The columns.
    pub columns: Vec<Column>,
}

/// Groups of columns side by side.
#[derive(Clone, Debug, PartialEq)]
pub struct Columns<'a> {
    /// The whole in words, for those who do not see it.
    pub label: &'a str,
    /// Up the side.
    pub y: Axis,
    /// What the names of the groups are.
    pub x: &'a str,
    /// The groups.
    pub groups: Vec<Group>,
    /// A line across at a value of y, e.g. the mean.
    pub reference: Option<f64>,
}

const TOP: f64 = 26.0;
const HEIGHT: f64 = 190.0;

/// Draws groups of columns.
#[must_use]
pub fn columns(columns: &Columns<'_>) -> Svg {
    let floor = TOP + HEIGHT;
    let y = |value: f64| {
        let share = (value - columns.y.from) / (columns.y.to - columns.y.from);
        floor - if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 } * HEIGHT
    };
    let mut pen = Pen(String::new());
    pen.draw(format_args!(
        r#"<svg class="chart plot" height="{}" role="group" aria-label="{}">"#,
        At(floor + TICKS + 16.0),
        Escaped(columns.label)
    ));
    names(&mut pen, &columns.y.name, columns.x, floor);
    for (value, text) in &columns.y.ticks {
        grid(&mut pen, y(*value), text, *value == columns.y.from);
    }
    let width = 100.0 / columns.groups.len().max(1) as f64;
    for (at, group) in columns.groups.iter().enumerate() {
        let left = at as f64 * width;
        pen.draw(format_args!(
            r#"<text class="on-x" x="{}%" y="{}">{}</text>"#,
            At(left + width / 2.0),
            At(floor + 17.0),
            Escaped(&group.name)
        ));
        // A fifth of the group is air.
        let each = width * 0.8 / group.columns.len().max(1) as f64;
        for (i, column) in group.columns.iter().enumerate() {
            let top = y(column.value);
            super::tip_begins(&mut pen, column.ink.class(), &column.title);
            pen.draw(format_args!(
                r#"<rect class="fill" x="{}%" width="{}%" y="{}" height="{}" rx="1.5"/>"#,
                At(left + width * 0.1 + each * i as f64),
                At(each * 0.94),
                At(top),
                At(floor - top)
            ));
            super::tip_ends(&mut pen, &column.title, 0.0);
        }
    }
    if let Some(reference) = columns.reference {
        let at = At(y(reference));
        pen.draw(format_args!(r#"<line class="reference" x1="0" x2="100%" y1="{at}" y2="{at}"/>"#));
    }
    pen.done()
}
