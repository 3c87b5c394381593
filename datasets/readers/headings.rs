//! Reports that name a customer once: in a heading above the rows, whose own cell of the customer is empty.
//!
//! ```text
//! Ana Lopez
//!            2023-01-05   12.50
//!            2023-01-09    2.50
//! Total for Ana Lopez     15.00
//! ```
//!
//! A file is read so only where no row has both a customer and a date: there is no other way to understand it then.

use super::columns::Column;
use super::forms::trimmed;
use super::lines::{Cell, Cells, Grouped};
use super::rows::Wanted;
use super::shape::{has_sum_word, is_sum_word};

/// Words before the name, as in `Customer: Ana Lopez`.
const PREFIXES: &[&str] = &[
    "customer",
    "client",
    "buyer",
    "member",
    "account",
    "kunde",
    "kundin",
    "debitor",
    "acheteur",
    "cliente",
    "comprador",
    "klant",
    "klient",
    "nabywca",
    "客户",
    "会员",
    "买家",
    "顾客",
    "顧客",
    "会員",
];

/// The name in a heading, without a word before a colon that says what it is.
fn name_of(text: &str) -> (&str, bool) {
    let text = trimmed(text);
    let Some((before, after)) = text.split_once([':', '：']) else { return (text, false) };
    let word = trimmed(before).to_lowercase();
    let known = PREFIXES.iter().any(|prefix| {
        word.strip_prefix(prefix).is_some_and(|rest| {
            matches!(
                rest.trim_matches(|c: char| !c.is_alphanumeric()),
                "" | "name" | "id" | "no" | "号" | "名称" | "编号"
            )
        })
    });
    let after = trimmed(after);
    if known && !after.is_empty() { (after, true) } else { (text, false) }
}

/// Whether a text is the sum of what is below a heading: the heading's name and a word for a sum.
fn is_sum_of(text: &str, name: &str) -> bool {
    text.find(name).is_some_and(|at| has_sum_word(&text[..at]) || has_sum_word(&text[at + name.len()..]))
}

/// What may be a heading in a row without a date: the cell of the customer, or where the table has no column for it,
/// the only cell that is filled.
pub(super) fn heading<'a>(customer: Cell<'a>, cells: &[&'a str], wanted: &Wanted) -> &'a str {
    if wanted.has(Column::CustomerId as usize) {
        return match customer {
            Cell::Text(text) => text,
            _ => "",
        };
    }
    let mut filled = cells.iter().filter(|cell| !cell.is_empty());
    match (filled.next(), filled.next()) {
        (Some(only), None) => only,
        // The sum below the rows has its amount beside it.
        (Some(first), _) if has_sum_word(first) => first,
        _ => "",
    }
}

/// The headings above a row.
#[derive(Clone, Debug, Default)]
pub(super) struct Headings {
    open: Vec<String>,
}

impl Headings {
    /// Takes a row that has a name and no date. Returns whether it is a heading or its sum.
    pub(super) fn take(&mut self, text: &str, grouped: Grouped) -> bool {
        let (name, _) = name_of(text);
        if name.is_empty() || is_sum_word(name) {
            return false;
        }
        if let Some(at) = self.open.iter().rposition(|open| is_sum_of(text, open)) {
            self.open.truncate(at);
            return true;
        }
        if grouped == Grouped::Flat {
            self.open.clear();
        }
        self.open.push(name.to_owned());
        true
    }

    /// The customer of the rows that follow.
    pub(super) fn customer(&self) -> Option<&str> {
        self.open.first().map(String::as_str)
    }

    /// The cells of a row with the customer of the heading above it, where its own cell is empty.
    pub(super) fn fill<'a>(&'a self, cells: &Cells<'a>) -> Cells<'a> {
        let mut filled = *cells;
        if is_empty(cells[Column::CustomerId as usize]) {
            filled[Column::CustomerId as usize] = self.customer().map_or(Cell::Null, Cell::Text);
        }
        filled
    }
}

fn is_empty(cell: Cell<'_>) -> bool {
    match cell {
        Cell::Null => true,
        Cell::Text(text) => trimmed(text).is_empty(),
        _ => false,
    }
}

/// What the rows of a file say about headings.
#[derive(Clone, Debug, Default)]
pub(super) struct HeadingEvidence {
    state: Headings,
    headings: u64,
    prefixed: u64,
    sums: u64,
    /// Rows with a date and no customer, and rows with both.
    details: u64,
    complete: u64,
}

impl HeadingEvidence {
    pub(super) fn heading(&mut self, text: &str) {
        let before = self.state.open.len();
        if !self.state.take(text, Grouped::Closed) {
            return;
        }
        if self.state.open.len() > before {
            self.headings += 1;
            self.prefixed += u64::from(name_of(text).1);
        } else {
            self.sums += 1;
        }
    }

    pub(super) fn row(&mut self, cells: &Cells<'_>) {
        if is_empty(cells[Column::OccurredAt as usize]) {
            return;
        }
        let own = !is_empty(cells[Column::CustomerId as usize]);
        *if own { &mut self.complete } else { &mut self.details } += 1;
    }

    pub(super) fn absorb(&mut self, other: &HeadingEvidence) {
        self.headings += other.headings;
        self.prefixed += other.prefixed;
        self.sums += other.sums;
        self.details += other.details;
        self.complete += other.complete;
    }

    /// How the file names its customers. `column`: it has a column of customers, in which the headings stand.
    pub(super) fn grouped(&self, column: bool) -> Grouped {
        // Without a column for it, a lone cell is a heading only if it says so, or has a sum.
        let told = column || self.sums > 0 || self.prefixed > 0;
        match () {
            () if self.complete > 0 || self.details == 0 || self.headings == 0 || !told => Grouped::No,
            () if self.sums > 0 => Grouped::Closed,
            () => Grouped::Flat,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_ends_a_heading_and_a_longer_name_does_not() {
        let mut headings = Headings::default();
        assert!(headings.take("Ana", Grouped::Closed) && headings.take("Kitchen", Grouped::Closed));
        assert_eq!(headings.customer(), Some("Ana"));
        assert!(
            headings.take("Total for Kitchen", Grouped::Closed)
                && headings.take("Total for Ana", Grouped::Closed)
        );
        assert_eq!(headings.customer(), None);
        assert!(!headings.take("TOTAL", Grouped::Closed));
        for name in ["Ana", "Ana Maria", "Customer: Anabel"] {
            headings.take(name, Grouped::Flat);
        }
        assert_eq!(headings.customer(), Some("Anabel"));
        headings.take("Anabel 小计", Grouped::Flat);
        assert_eq!(headings.customer(), None);
    }
}
