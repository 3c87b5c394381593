//! What a report is made of: sections of blocks, already in words of one language.

use homing_charts::{Ink, Svg};

/// A section with a heading of its own.
#[derive(Debug)]
pub(super) struct Section {
    /// Its anchor, without the language.
    pub id: String,
    /// Its heading.
    pub title: String,
    /// What it shows and how to read it.
    pub lead: String,
    /// What stands in it.
    pub blocks: Vec<Block>,
}

/// A part of a section.
#[derive(Debug)]
pub(super) enum Block {
    /// A paragraph.
    Text(String),
    /// Something to be warned of.
    Note(String),
    /// Numbers that stand for themselves.
    Figures(Vec<Figure>),
    /// Charts side by side, where there is room.
    Drawings(Vec<Drawing>),
    /// A table.
    Table(Table),
    /// Rows with a bar.
    Bars(Bars),
    /// Terms with their explanations.
    Terms(Vec<(String, String)>),
}

/// A number with its name and what it means.
#[derive(Debug)]
pub(super) struct Figure {
    pub name: String,
    pub value: String,
    pub note: String,
}

/// A chart with its heading, how to read it, and what its lines are.
#[derive(Debug)]
pub(super) struct Drawing {
    pub title: String,
    pub note: String,
    pub keys: Vec<Key>,
    pub svg: Svg,
}

/// What a colour stands for.
#[derive(Debug)]
pub(super) struct Key {
    pub class: String,
    pub name: String,
}

impl Key {
    /// A line.
    pub fn line(ink: Ink, name: impl Into<String>) -> Self {
        Key { class: ink.class().to_owned(), name: name.into() }
    }

    /// A column or a bar.
    pub fn block(ink: Ink, name: impl Into<String>) -> Self {
        Key { class: format!("{} block", ink.class()), name: name.into() }
    }
}

/// A table.
#[derive(Debug)]
pub(super) struct Table {
    pub head: Vec<Head>,
    pub rows: Vec<Row>,
    /// How to read it.
    pub note: String,
}

/// The head of a column.
#[derive(Debug)]
pub(super) struct Head {
    pub name: String,
    /// What it means, in a few words.
    pub help: String,
    pub number: bool,
}

/// A row of a table; its first cell is its name.
#[derive(Debug)]
pub(super) struct Row {
    pub cells: Vec<Cell>,
    pub strong: bool,
}

/// A cell.
#[derive(Debug, Default)]
pub(super) struct Cell {
    pub text: String,
    pub small: String,
    pub bar: Option<Svg>,
    pub number: bool,
}

impl Cell {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Cell { text: text.into(), ..Cell::default() }
    }

    /// A number.
    pub fn number(text: impl Into<String>) -> Self {
        Cell { text: text.into(), number: true, ..Cell::default() }
    }

    /// Whether it needs a wide column.
    pub fn is_long(&self) -> bool {
        self.text.chars().count() > 14
    }

    /// With a text in small print below.
    pub fn with(mut self, small: impl Into<String>) -> Self {
        self.small = small.into();
        self
    }

    /// With a bar below.
    pub fn bar(mut self, bar: Svg) -> Self {
        self.bar = Some(bar);
        self
    }
}

/// Rows with a bar each.
#[derive(Debug)]
pub(super) struct Bars {
    pub title: String,
    pub note: String,
    pub rows: Vec<BarRow>,
}

/// A row with a bar.
#[derive(Debug)]
pub(super) struct BarRow {
    pub name: String,
    pub note: String,
    pub value: String,
    pub bar: Svg,
}
