//! A grid of cells coloured by value.

use super::{At, Escaped, Pen, Svg};

/// A cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// What decides its colour, 0 to 1.
    pub share: f64,
    /// What stands in it; short.
    pub text: String,
    /// What shows under the pointer.
    pub title: String,
    /// Where the cell leads, if anywhere.
    pub link: Option<String>,
}

/// A grid of cells.
#[derive(Clone, Debug, PartialEq)]
pub struct Heat<'a> {
    /// The whole in words, for those who do not see it.
    pub label: &'a str,
    /// The names of the rows, the upper first; short.
    pub rows: &'a [String],
    /// The names of the columns.
    pub columns: &'a [String],
    /// What the rows are.
    pub row_name: &'a str,
    /// What the columns are.
    pub column_name: &'a str,
    /// The cells by row; `None` where there is nothing to show.
    pub cells: &'a [Vec<Option<Cell>>],
}

/// Colours of cells.
const SHADES: f64 = 6.0;
/// Columns whose names and numbers still fit a phone.
const CROWDED: usize = 9;
const TOP: f64 = 20.0;
const ROW: f64 = 30.0;

/// Draws a grid of cells.
#[must_use]
pub fn heat(heat: &Heat<'_>) -> Svg {
    let floor = TOP + ROW * heat.rows.len() as f64;
    let width = 100.0 / heat.columns.len().max(1) as f64;
    let mut pen = Pen(String::new());
    let crowded = heat.columns.len() > CROWDED;
    pen.draw(format_args!(
        r#"<svg class="chart plot heat" height="{}" role="group" aria-label="{}">"#,
        At(floor + 38.0),
        Escaped(heat.label)
    ));
    super::plot::names(&mut pen, heat.row_name, heat.column_name, floor);
    for (row, (name, cells)) in heat.rows.iter().zip(heat.cells).enumerate() {
        let top = TOP + ROW * row as f64;
        let middle = At(top + ROW / 2.0 + 4.0);
        pen.draw(format_args!(r#"<text class="on-y" x="-8" y="{middle}">{}</text>"#, Escaped(name)));
        for (column, cell) in cells.iter().take(heat.columns.len()).enumerate() {
            let left = width * column as f64;
            let place = format!(
                r#"x="{}%" width="{}%" y="{}" height="{}""#,
                At(left + width * 0.02),
                At(width * 0.96),
                At(top + 1.0),
                At(ROW - 2.0)
            );
            let Some(cell) = cell else {
                pen.draw(format_args!(r#"<rect class="empty" {place}/>"#));
                continue;
            };
            let shade = if cell.share.is_finite() {
                (cell.share * SHADES).clamp(0.0, SHADES - 1.0) as u32
            } else {
                0
            };
            let class = format!("shade-{shade}");
            match &cell.link {
                // A link has a focus of its own, and its title and text for a name.
                Some(link) => pen.draw(format_args!(
                    r#"<a class="tip {class}" href="{}"><title>{}</title>"#,
                    Escaped(link),
                    Escaped(&cell.title)
                )),
                None => super::tip_begins(&mut pen, &class, &cell.title),
            }
            pen.draw(format_args!(
                r#"<rect {place} rx="2"/><text{} x="{}%" y="{middle}">{}</text>"#,
                if crowded { r#" class="spare""# } else { "" },
                At(left + width / 2.0),
                Escaped(&cell.text)
            ));
            match &cell.link {
                Some(_) => {
                    super::told(&mut pen, &cell.title, 0.0);
                    pen.draw(format_args!("</a>"));
                }
                None => super::tip_ends(&mut pen, &cell.title, 0.0),
            }
        }
    }
    for (column, name) in heat.columns.iter().enumerate() {
        let middle = At(width * (column as f64 + 0.5));
        let below = At(floor + 14.0);
        let spare =
            if crowded && !(heat.columns.len() - 1 - column).is_multiple_of(3) { " spare" } else { "" };
        pen.draw(format_args!(
            r#"<text class="on-x{spare}" x="{middle}%" y="{below}">{}</text>"#,
            Escaped(name)
        ));
    }
    pen.done()
}
