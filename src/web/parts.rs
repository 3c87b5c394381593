//! Parts that several pages have: figures, tables.

use askama::Template;
use homing_charts::Svg;

use super::asked::Link;

/// A number that stands for itself, with its name.
#[derive(Default)]
pub(super) struct Figure {
    pub name: String,
    pub help: Option<String>,
    pub value: String,
    pub note: Option<String>,
    /// Whether the value is a name rather than a number.
    pub named: bool,
}

impl Figure {
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Figure { name: name.into(), value: value.into(), ..Figure::default() }
    }

    pub fn note(self, note: Option<String>) -> Self {
        Figure { note, ..self }
    }

    pub fn named(self) -> Self {
        Figure { named: true, ..self }
    }
}

/// A table of plain cells. Its template escapes every text.
#[derive(Template)]
#[template(path = "table.html", config = "src/web/askama.toml")]
pub(super) struct Table {
    /// The id of the heading that names it.
    pub named_by: &'static str,
    pub head: Vec<Head>,
    pub rows: Vec<Vec<Cell>>,
}

impl askama::filters::HtmlSafe for Table {}

/// The head of a column.
pub(super) struct Head {
    pub name: String,
    pub help: Option<String>,
    pub number: bool,
}

impl Head {
    pub fn text(name: impl Into<String>) -> Self {
        Head { name: name.into(), help: None, number: false }
    }

    pub fn number(name: impl Into<String>) -> Self {
        Head { number: true, ..Head::text(name) }
    }

    pub fn help(self, help: impl Into<String>) -> Self {
        Head { help: Some(help.into()), ..self }
    }
}

/// A cell; the first of a row is its head.
#[derive(Default)]
pub(super) struct Cell {
    pub text: String,
    pub note: Option<String>,
    pub link: Option<Link>,
    pub bar: Option<Svg>,
    /// A class that colours a small square before the text.
    pub swatch: Option<String>,
    /// A class of the cell, for its meaning: `up` or `down`.
    pub sense: Option<&'static str>,
    pub number: bool,
}

impl Cell {
    pub fn text(text: impl Into<String>) -> Self {
        Cell { text: text.into(), ..Cell::default() }
    }

    pub fn number(text: impl Into<String>) -> Self {
        Cell { number: true, ..Cell::text(text) }
    }

    pub fn link(self, link: Link) -> Self {
        Cell { link: Some(link), ..self }
    }

    pub fn note(self, note: impl Into<String>) -> Self {
        Cell { note: Some(note.into()), ..self }
    }

    pub fn bar(self, bar: Svg) -> Self {
        Cell { bar: Some(bar), ..self }
    }

    pub fn swatch(self, class: impl Into<String>) -> Self {
        Cell { swatch: Some(class.into()), ..self }
    }
}

/// A choice in a form.
pub(super) struct Pick {
    pub key: String,
    pub label: String,
    pub chosen: bool,
}

/// What a line or column of a chart stands for.
pub(super) struct Key {
    pub class: String,
    pub name: String,
}

impl Key {
    pub fn line(ink: homing_charts::Ink, name: impl Into<String>) -> Self {
        Key { class: ink.class().to_owned(), name: name.into() }
    }

    pub fn block(ink: homing_charts::Ink, name: impl Into<String>) -> Self {
        Key { class: format!("{} block", ink.class()), name: name.into() }
    }
}

/// A chart with its heading and how to read it.
pub(super) struct Drawing {
    pub id: &'static str,
    pub title: String,
    pub lead: String,
    pub keys: Vec<Key>,
    pub svg: Svg,
}
