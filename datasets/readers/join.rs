//! Tables that hold a purchase together: one has the customer and the date, another the amounts, as databases export them.
//!
//! They are joined where nothing is open: one table of each kind, a key that both name alike, once for each receipt. A third
//! table may say which person is behind the customer of a receipt. Beside a table of payments, one of goods does not count.
//! Everything else is refused with the names of the tables.

use std::collections::{BTreeMap, HashMap};

use super::candidates::in_shell;
use super::columns::{Column, Layout, Mapping, PAYMENT_PARTS, plain};
use super::files::DataFile;
use super::forms::ids::normal;
use super::lines::{Cell, Cells};
use super::progress::Progress;
use super::rejects::{Cause, Place};
use super::rows::{Take, Wanted};
use super::table::Table;
use crate::Error;
use crate::warnings::Code;

/// Receipts that are held in memory at most.
const RECEIPTS: usize = 20_000_000;

/// Lines with an amount whose keys are looked up before all are read, and the share of them that must be found.
const TRIED: u64 = 1000;
const FOUND: f64 = 0.5;

/// A file that lacks needed columns.
pub(super) struct Lacking {
    pub(super) file: DataFile,
    pub(super) table: Table,
    pub(super) header: Vec<String>,
    pub(super) layout: Layout,
    pub(super) missing: Vec<Column>,
}

impl Lacking {
    fn lacks(&self, column: Column) -> bool {
        self.missing.contains(&column)
    }

    /// The place of a column with this plain name.
    fn place(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|own| plain(own) == name)
    }

    fn own(&self, column: Column) -> Option<&str> {
        self.layout.places[column as usize].map(|at| &*self.header[at])
    }
}

/// The values of receipts by their keys.
type Receipts = HashMap<Box<str>, Box<[Box<str>]>>;

/// What the receipts say.
#[derive(Debug)]
pub(crate) struct Join {
    receipts: Receipts,
    /// Where the values of a receipt go among the cells.
    slots: Vec<usize>,
    /// The files that were joined to the one with the amounts, and by what, for people.
    pub(super) shown: String,
    /// Their bytes, and how many they are.
    pub(super) bytes: u64,
    pub(super) files: usize,
}

/// The files with the amounts, and how their lines are understood together with the others.
pub(super) struct Joined {
    /// Positions among the files that lack something.
    pub(super) amounts: Vec<usize>,
    pub(super) header: Vec<String>,
    pub(super) layout: Layout,
    pub(super) join: Join,
    /// Files that are no part of it.
    pub(super) unused: Vec<usize>,
    /// Other amounts of the same receipts that do not count, for people.
    pub(super) other_amounts: Vec<String>,
}

/// Files of one header.
type Group<'l> = Vec<(usize, &'l Lacking)>;

/// Joins the tables if they are parts of one; `None` if nothing says that they are.
pub(super) fn find(lacking: &[Lacking], mapping: &Mapping) -> Result<Option<Joined>, Error> {
    let mut groups: BTreeMap<Vec<&str>, Group> = BTreeMap::new();
    for (at, file) in lacking.iter().enumerate() {
        groups.entry(file.header.iter().map(String::as_str).collect()).or_default().push((at, file));
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    groups.sort_by_key(|group| group[0].0);
    let has_amounts = |file: &Lacking| {
        file.lacks(Column::CustomerId) && !file.lacks(Column::Amount) && file.own(Column::OrderId).is_some()
    };
    let pairs: Vec<(&Group, &Group, String)> = groups
        .iter()
        .filter(|group| has_amounts(group[0].1))
        .flat_map(|amounts| groups.iter().map(move |receipts| (amounts, receipts)))
        .filter_map(|(amounts, receipts)| Some((amounts, receipts, key(amounts[0].1, receipts[0].1)?)))
        .collect();
    if pairs.is_empty() {
        return Ok(None);
    }
    let Some(paid) = what_was_paid(&pairs) else { return Err(ambiguous(&pairs, &groups)) };
    let (lines, receipts, key) = &pairs[paid];
    let (line, receipt) = (lines[0].1, receipts[0].1);
    let Some(combined) = combine(line, receipt, people(receipt, &groups), mapping)? else { return Ok(None) };
    let place = receipt.place(key).unwrap_or_default();
    let mut used: Vec<usize> = receipts.iter().map(|(at, _)| *at).collect();
    let by = receipt.header.get(place).map_or("", String::as_str);
    let mut shown = format!("joined with {} by {by}", receipt.file.shown);
    if let Some((group, link)) = combined.people {
        used.extend(group.iter().map(|(at, _)| *at));
        shown += &format!(" and {} by {}", group[0].1.file.shown, group[0].1.header[link]);
    }
    let join = Join {
        receipts: combined.receipts(receipts, place)?,
        slots: combined.wanted.iter().map(|(slot, _)| *slot).collect(),
        shown,
        bytes: used.iter().map(|&at| lacking[at].file.bytes).sum(),
        files: used.len(),
    };
    try_out(line, &join, &receipt.file.shown)?;
    let amounts: Vec<usize> = lines.iter().map(|(at, _)| *at).collect();
    let others = pairs.iter().enumerate().filter(|(at, _)| *at != paid).map(|(_, (lines, ..))| *lines);
    let other_amounts = others
        .clone()
        .map(|lines| format!("{} does not count beside {}", amount_of(lines), amount_of(pairs[paid].0)))
        .collect();
    let known: Vec<usize> = others.flatten().map(|(at, _)| *at).chain(used).chain(amounts.clone()).collect();
    let unused = (0..lacking.len()).filter(|at| !known.contains(at)).collect();
    Ok(Some(Joined {
        amounts,
        header: combined.header,
        layout: combined.layout,
        join,
        unused,
        other_amounts,
    }))
}

/// The pair with the amounts that count: the only one, or of several that belong to the same receipts the only table of
/// payments, where the others say what the goods cost.
fn what_was_paid(pairs: &[(&Group, &Group, String)]) -> Option<usize> {
    let [(_, receipts, _), others @ ..] = pairs else { return None };
    if others.is_empty() {
        return Some(0);
    }
    if others.iter().any(|(_, other, _)| other[0].0 != receipts[0].0) {
        return None;
    }
    let has_goods = |lines: &Group| lines[0].1.own(Column::ProductId).is_some();
    let is_payment = |lines: &Group| {
        let amount = plain(lines[0].1.own(Column::Amount).unwrap_or_default());
        !has_goods(lines) && PAYMENT_PARTS.iter().any(|part| amount.contains(part))
    };
    let mut payments = (0..pairs.len()).filter(|&at| is_payment(pairs[at].0));
    let paid = payments.next()?;
    let all_else_are_goods = pairs.iter().enumerate().all(|(at, (lines, ..))| at == paid || has_goods(lines));
    Some(paid).filter(|_| all_else_are_goods)
}

/// A table and its column of amounts, for people.
fn amount_of(group: &Group) -> String {
    let file = group[0].1;
    format!("`{}` (`{}`)", file.file.shown, file.own(Column::Amount).unwrap_or_default())
}

/// The columns of two or three tables as those of one.
struct Combined<'g, 'l> {
    header: Vec<String>,
    layout: Layout,
    /// Place among the cells; whether it comes from the table of people, and its place there or in that of the receipts.
    wanted: Vec<(usize, (bool, usize))>,
    /// The table of people with the place of its key, if it names them better than the receipts do.
    people: Option<(&'g Group<'l>, usize)>,
}

fn combine<'g, 'l>(
    line: &Lacking,
    receipt: &Lacking,
    people: Option<(&'g Group<'l>, usize)>,
    mapping: &Mapping,
) -> Result<Option<Combined<'g, 'l>>, Error> {
    let mut header = line.header.clone();
    let mut places: Vec<(bool, usize)> = Vec::new();
    let add =
        |header: &mut Vec<String>, places: &mut Vec<(bool, usize)>, more: &[String], of_people: bool| {
            let known: Vec<String> = header.iter().map(|name| plain(name)).collect();
            for (at, name) in more.iter().enumerate().filter(|(_, name)| !known.contains(&plain(name))) {
                header.push(name.clone());
                places.push((of_people, at));
            }
        };
    add(&mut header, &mut places, &receipt.header, false);
    let shown = &line.file.shown;
    let (mut layout, mut missing) = mapping.found(shown, &header, false)?;
    let mut used = None;
    if let Some((group, _)) = people {
        let (mut wider, mut more) = (header.clone(), places.clone());
        add(&mut wider, &mut more, &group[0].1.header, true);
        let (other, lacks) = mapping.found(shown, &wider, false)?;
        if other.places[Column::CustomerId as usize].is_some_and(|at| at >= header.len()) {
            (header, places, layout, missing, used) = (wider, more, other, lacks, people);
        }
    }
    let own = line.header.len();
    let wanted = (0..layout.places.len())
        .filter_map(|slot| Some((slot, *places.get(layout.places[slot]?.checked_sub(own)?)?)))
        .collect();
    Ok(missing.is_empty().then_some(Combined { header, layout, wanted, people: used }))
}

impl Combined<'_, '_> {
    /// What the receipts say, with what is known of their people, by the key of the receipts.
    fn receipts(&self, receipts: &Group, key: usize) -> Result<Receipts, Error> {
        let persons = match self.people {
            Some((group, link)) => Some(values(group, link, &wanted_of(&self.wanted, true))?),
            None => None,
        };
        let mut read = wanted_of(&self.wanted, false);
        if persons.is_some() {
            let customer = Column::CustomerId as usize;
            read.extend(receipts[0].1.layout.places[customer].map(|link| (customer, link)));
        }
        let mut all = HashMap::new();
        for (key, mut row) in values(receipts, key, &read)? {
            let customer = if persons.is_some() { row.pop() } else { None };
            let person = customer.and_then(|customer| persons.as_ref()?.get(normal(&customer)));
            let (mut own, mut other) = (row.into_iter(), person.into_iter().flatten().cloned());
            let cells = self.wanted.iter().map(|(_, (of_people, _))| {
                if *of_people { other.next() } else { own.next() }.unwrap_or_default()
            });
            all.insert(key, cells.collect());
        }
        Ok(all)
    }
}

/// The columns of the receipts, or of the people, among those that are wanted.
fn wanted_of(wanted: &[(usize, (bool, usize))], of_people: bool) -> Vec<(usize, usize)> {
    wanted.iter().filter(|(_, (other, _))| *other == of_people).map(|&(slot, (_, at))| (slot, at)).collect()
}

/// The plain name of the key of a table of receipts in this one, if the two complete each other.
fn key(lines: &Lacking, receipts: &Lacking) -> Option<String> {
    let complete = receipts.lacks(Column::Amount)
        && !receipts.lacks(Column::CustomerId)
        && !(lines.lacks(Column::OccurredAt) && receipts.lacks(Column::OccurredAt));
    let name = plain(lines.own(Column::OrderId)?);
    if !complete {
        return None;
    }
    if receipts.place(&name).is_some() {
        return Some(name);
    }
    // A table of orders calls its own key `id`.
    (name.ends_with("id") && receipts.place("id").is_some()).then(|| "id".to_owned())
}

/// The one table that knows the customers of the receipts and nothing of purchases, and its place of their key.
fn people<'g, 'l>(receipt: &Lacking, groups: &'g [Group<'l>]) -> Option<(&'g Group<'l>, usize)> {
    let link = plain(receipt.own(Column::CustomerId)?);
    let mut found = groups.iter().filter_map(|group| {
        let file = group[0].1;
        let nothing_bought = file.lacks(Column::Amount) && file.lacks(Column::OccurredAt);
        Some((group, file.place(&link)?)).filter(|_| nothing_bought)
    });
    let first = found.next();
    first.filter(|_| found.next().is_none())
}

/// Values of the rows of a table by their key, with a key that stands once.
fn values(
    group: &Group,
    key: usize,
    columns: &[(usize, usize)],
) -> Result<HashMap<Box<str>, Vec<Box<str>>>, Error> {
    let mut held = HashMap::new();
    let silent = Progress::new(false, "", 0);
    for (_, file) in group {
        // The table with the amounts has a receipt of its own, so that this place among the cells is free.
        let slot = Column::OrderId as usize;
        let mut all = columns.to_vec();
        all.push((slot, key));
        let names = all.iter().map(|&(slot, at)| (slot, file.header[at].clone())).collect();
        let wanted = Wanted { slots: all, names, constants: Vec::new() };
        let slots: Vec<usize> = columns.iter().map(|(slot, _)| *slot).collect();
        let mut rows = Rows { key: slot, slots, held: &mut held, twice: None };
        for part in 0..file.table.parts() {
            file.table.read(&file.file, (0, part), &wanted, &mut rows, &silent)?;
        }
        let (twice, many) = (rows.twice, held.len() > RECEIPTS);
        if let Some(twice) = twice {
            return Err(Error::SeparateTables {
                what: format!("`{}` has `{twice}` more than once as `{}`", file.file.shown, file.header[key]),
                remedy: "join the tables first, one row per purchase".to_owned(),
            });
        }
        if many {
            return Err(Error::SeparateTables {
                what: format!("`{}` has more than {RECEIPTS} rows", file.file.shown),
                remedy: "join the tables in the database first, one row per purchase".to_owned(),
            });
        }
    }
    Ok(held)
}

struct Rows<'h> {
    key: usize,
    slots: Vec<usize>,
    held: &'h mut HashMap<Box<str>, Vec<Box<str>>>,
    twice: Option<String>,
}

impl Take for Rows<'_> {
    fn take(&mut self, _: Place, cells: &Cells<'_>) -> Result<(), Error> {
        let key = cells[self.key].to_string();
        let key = normal(&key);
        if key.is_empty() {
            return Ok(());
        }
        let row: Vec<Box<str>> = self.slots.iter().map(|&slot| cells[slot].to_string().into()).collect();
        if self.held.get(key).is_some_and(|other| *other != row) {
            self.twice.get_or_insert_with(|| key.to_owned());
        }
        self.held.insert(key.into(), row);
        Ok(())
    }

    fn done(&self) -> bool {
        self.twice.is_some() || self.held.len() > RECEIPTS
    }
}

/// Refuses tables whose keys are not the same.
fn try_out(lines: &Lacking, join: &Join, receipts: &str) -> Result<(), Error> {
    struct Tried<'j> {
        join: &'j Join,
        rows: u64,
        found: u64,
        example: String,
    }
    impl Take for Tried<'_> {
        fn take(&mut self, _: Place, cells: &Cells<'_>) -> Result<(), Error> {
            let key = cells[Column::OrderId as usize].to_string();
            self.rows += 1;
            if self.join.receipts.contains_key(normal(&key)) {
                self.found += 1;
            } else {
                self.example = key;
            }
            Ok(())
        }

        fn done(&self) -> bool {
            self.rows >= TRIED
        }
    }
    let slot = Column::OrderId as usize;
    let Some(place) = lines.layout.places[slot] else { return Ok(()) };
    let names = vec![(slot, lines.header[place].clone())];
    let wanted = Wanted { slots: vec![(slot, place)], names, constants: Vec::new() };
    let mut tried = Tried { join, rows: 0, found: 0, example: String::new() };
    if lines.table.parts() > 0 {
        lines.table.read(&lines.file, (0, 0), &wanted, &mut tried, &Progress::new(false, "", 0))?;
    }
    if (tried.found as f64) < FOUND * tried.rows as f64 {
        return Err(Error::SeparateTables {
            what: format!(
                "{} of the first {} rows of `{}` have a `{}` that `{receipts}` does not have, such as `{}`",
                tried.rows - tried.found,
                tried.rows,
                lines.file.shown,
                lines.header[place],
                tried.example
            ),
            remedy: "export both tables for the same time".to_owned(),
        });
    }
    Ok(())
}

/// More than one way to join the tables.
fn ambiguous(pairs: &[(&Group, &Group, String)], groups: &[Group]) -> Error {
    let mut lines: Vec<String> = pairs.iter().map(|(lines, ..)| amount_of(lines)).collect();
    lines.dedup();
    let mut receipts: Vec<String> =
        pairs.iter().map(|(_, receipts, _)| format!("`{}`", receipts[0].1.file.shown)).collect();
    receipts.sort();
    receipts.dedup();
    let (first, receipt, _) = &pairs[0];
    let by = first[0].1.own(Column::OrderId).unwrap_or_default();
    let mut files = vec![&*receipt[0].1.file.shown, &*first[0].1.file.shown];
    files.extend(people(receipt[0].1, groups).map(|(group, _)| &*group[0].1.file.shown));
    let files: Vec<String> = files.into_iter().map(in_shell).collect();
    Error::SeparateTables {
        what: format!(
            "customer and date are in {}, amounts in {}",
            receipts.join(" and in "),
            lines.join(" and in ")
        ),
        remedy: format!(
            "name one table with amounts, and homing joins them by `{by}`, such as `--purchases {}`",
            files.join(" ")
        ),
    }
}

/// Hands on the rows of a table with what their receipts say.
pub(super) struct Joining<'j, T> {
    pub(super) join: &'j Join,
    /// The columns that are wanted.
    pub(super) layout: &'j Layout,
    pub(super) inner: &'j mut T,
}

impl<T: Take> Take for Joining<'_, T> {
    fn take(&mut self, place: Place, cells: &Cells<'_>) -> Result<(), Error> {
        let owned;
        let key = match cells[Column::OrderId as usize] {
            Cell::Text(text) => text,
            other => {
                owned = other.to_string();
                &owned
            }
        };
        let mut filled = *cells;
        if let Some(receipt) = self.join.receipts.get(normal(key)) {
            for (&slot, text) in self.join.slots.iter().zip(receipt) {
                if self.layout.places[slot].is_some() && !text.is_empty() {
                    filled[slot] = Cell::Text(text);
                }
            }
        }
        self.inner.take(place, &filled)
    }

    fn refuse(&mut self, place: Place, cause: Cause, raw: impl FnOnce() -> String) {
        self.inner.refuse(place, cause, raw);
    }

    fn note(&mut self, code: Code, example: impl FnOnce() -> String) {
        self.inner.note(code, example);
    }

    fn remark(&mut self) {
        self.inner.remark();
    }

    fn done(&self) -> bool {
        self.inner.done()
    }
}
