//! The shape of a delimited text: its delimiter, the line of its header, and the lines around the table that are none
//! of its own.

use std::str::FromStr;

use csv::{ReaderBuilder, StringRecord};

use super::forms::dates::DateForm;
use super::forms::numbers::NumberForm;
use super::lines::Cell;
use crate::Error;

/// Lines at the beginning of a file among which the header is looked for.
const HEADER_LINES: usize = 60;

/// Lines that are compared where no header suits.
const COMPARED_LINES: usize = 200;

/// The delimiter of columns that blanks set off.
pub(super) const BLANKS: u8 = b' ';

/// Which line of a text names its columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Header {
    /// The first that can be one.
    #[default]
    Found,
    /// None: the columns are 1, 2, 3, ...
    Absent,
    /// The line of this number, from 1.
    Line(u64),
}

impl FromStr for Header {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Header::Absent),
            text => match text.parse() {
                Ok(line) if line > 0 => Ok(Header::Line(line)),
                _ => Err(format!("`{text}` is not a header row; write its number, from 1, or none")),
            },
        }
    }
}

/// The shape of a text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shape {
    pub(super) delimiter: u8,
    /// Lines before the header, or before the data where there is no header.
    pub(super) skip: u64,
    pub(super) has_header: bool,
    /// The names of the columns.
    pub(super) header: Vec<String>,
    /// Whether lines end in `\r` alone.
    pub(super) cr: bool,
}

/// Finds the shape of a text by its beginning. `suits` says whether a header has the columns that are needed.
pub(super) fn find(
    text: &str,
    delimiter: Option<u8>,
    header: Header,
    suits: &dyn Fn(&[String]) -> bool,
) -> Option<Shape> {
    let cr = !text.contains('\n');
    let lines = lines(text, cr);
    let marked = lines.iter().take(3).enumerate().find_map(|(at, &(begin, end))| {
        let line = text[begin..end].trim().trim_matches('"');
        let mark = line.strip_prefix("sep=").or_else(|| line.strip_prefix("SEP="))?;
        let mark = if mark == "\\t" { b'\t' } else { *mark.as_bytes().first().unwrap_or(&b'\t') };
        Some((at + 1, mark))
    });
    let (from, delimiter) = match marked {
        Some((from, mark)) => (from, Some(mark)),
        None => (0, delimiter),
    };
    let first = (from..lines.len()).find(|&at| !text[lines[at].0..lines[at].1].trim().is_empty())?;
    let shape = |delimiter: u8, at: usize, header: Vec<String>, has_header: bool| Shape {
        delimiter,
        skip: at as u64,
        has_header,
        header,
        cr,
    };
    let candidates: Vec<usize> = match header {
        Header::Line(line) => vec![usize::try_from(line - 1).ok().filter(|&line| line < lines.len())?],
        _ => (first..lines.len().min(first + HEADER_LINES)).collect(),
    };
    if header != Header::Absent {
        for &at in &candidates {
            let line = &text[lines[at].0..lines[at].1];
            for delimiter in delimiters(line, delimiter) {
                let Some(names) = record(&text[lines[at].0..], delimiter) else { continue };
                if names.len() > 1 && suits(&names) {
                    return Some(shape(delimiter, at, names, true));
                }
            }
        }
    }
    if let Header::Line(_) = header {
        let at = candidates[0];
        let line = &text[lines[at].0..lines[at].1];
        let delimiter = delimiters(line, delimiter).first().copied().unwrap_or(b',');
        return Some(shape(delimiter, at, record(&text[lines[at].0..], delimiter)?, true));
    }
    // No line names what is needed: the first of the commonest width is the header that a message shows.
    let (delimiter, at, width) = commonest(text, &lines[first..], delimiter)
        .map_or((b',', first, 1), |(delimiter, at, width)| (delimiter, first + at, width));
    if header == Header::Absent {
        return Some(shape(delimiter, at, (1..=width).map(|name| name.to_string()).collect(), false));
    }
    let names = record(&text[lines[at].0..], delimiter)?;
    Some(shape(delimiter, at, names, true))
}

/// Refuses a header that is a line of data.
pub(super) fn refuse_data(path: &str, shape: &Shape) -> Result<(), Error> {
    let is_value = |cell: &String| {
        !cell.is_empty()
            && (DateForm::default().read(cell).is_some()
                || NumberForm::default().read(cell).is_some_and(|n| n.unit.is_none()))
    };
    if shape.has_header && shape.header.iter().any(is_value) {
        let line = shape.header.join(if shape.delimiter == BLANKS { " " } else { "," });
        return Err(Error::NoHeaderLine { path: path.to_owned(), line: line.chars().take(80).collect() });
    }
    Ok(())
}

/// Where each line begins and ends, without its line end.
fn lines(text: &str, cr: bool) -> Vec<(usize, usize)> {
    let end = if cr { '\r' } else { '\n' };
    let mut lines = Vec::new();
    let mut begin = 0;
    for part in text.split_inclusive(end).take(HEADER_LINES + COMPARED_LINES) {
        let content = part.trim_end_matches(['\r', '\n']);
        lines.push((begin, begin + content.len()));
        begin += part.len();
    }
    lines
}

/// The delimiters that a line may have, the likeliest first: the one that the ending tells, then those that stand in
/// the line outside quotes, the commonest first.
fn delimiters(line: &str, told: Option<u8>) -> Vec<u8> {
    let mut found: Vec<(usize, u8)> = Vec::new();
    for delimiter in *b",;\t|^~" {
        let mut quoted = false;
        let mut count = 0;
        for byte in line.bytes() {
            quoted ^= byte == b'"';
            count += usize::from(byte == delimiter && !quoted);
        }
        if count > 0 {
            found.push((count, delimiter));
        }
    }
    found.sort_by_key(|&(count, _)| std::cmp::Reverse(count));
    let mut all: Vec<u8> = told.into_iter().collect();
    all.extend(found.into_iter().map(|(_, delimiter)| delimiter).filter(|&other| Some(other) != told));
    if all.is_empty() && line.split_whitespace().nth(2).is_some() {
        all.push(BLANKS);
    }
    all
}

/// The first record of a text.
fn record(text: &str, delimiter: u8) -> Option<Vec<String>> {
    if delimiter == BLANKS {
        let line = text.lines().next()?;
        return Some(line.split_whitespace().map(str::to_owned).collect());
    }
    let mut reader = ReaderBuilder::new();
    let reader = reader.delimiter(delimiter).flexible(true).has_headers(false).buffer_capacity(1 << 12);
    let mut record = StringRecord::new();
    reader.from_reader(text.as_bytes()).read_record(&mut record).ok()?;
    let mut names: Vec<String> =
        record.iter().map(|name| name.trim().trim_matches('"').trim().to_owned()).collect();
    names.iter_mut().for_each(|name| {
        if let Some(quoted) = name.strip_prefix("=\"") {
            *name = quoted.to_owned();
        }
    });
    Some(names)
}

/// The delimiter under which most lines have one width of two columns or more; the first such line, and the width.
fn commonest(text: &str, lines: &[(usize, usize)], told: Option<u8>) -> Option<(u8, usize, usize)> {
    let mut best: Option<(usize, u8, usize, usize)> = None;
    let mut tried = vec![];
    for &(begin, end) in lines.iter().take(COMPARED_LINES) {
        for delimiter in delimiters(&text[begin..end], told) {
            if tried.contains(&delimiter) {
                continue;
            }
            tried.push(delimiter);
            let widths: Vec<usize> = lines
                .iter()
                .take(COMPARED_LINES)
                .map(|&(begin, end)| record(&text[begin..end], delimiter).map_or(0, |names| names.len()))
                .collect();
            for &width in widths.iter().filter(|&&width| width > 1) {
                let count = widths.iter().filter(|&&other| other == width).count();
                if best.is_none_or(|(most, ..)| count > most) {
                    let at = widths.iter().position(|&other| other == width).unwrap_or(0);
                    best = Some((count, delimiter, at, width));
                }
            }
        }
    }
    best.map(|(_, delimiter, at, width)| (delimiter, at, width))
}

/// Words for a sum, in small letters.
const SUMS: &[&str] = &[
    "total",
    "totals",
    "grand total",
    "subtotal",
    "sub total",
    "sum",
    "summe",
    "gesamt",
    "gesamtsumme",
    "zwischensumme",
    "somme",
    "totaux",
    "total général",
    "suma",
    "totale",
    "totaal",
    "razem",
    "итого",
    "总计",
    "合计",
    "小计",
    "总和",
    "汇总",
    "共计",
    "合計",
    "総計",
    "小計",
    "합계",
    "총계",
];

/// What a word for a sum begins with or contains.
const SUM_STEMS: &[&str] =
    &["total", "summe", "gesamt", "somme", "suma", "razem", "итого", "总", "合计", "小计", "合計", "합계"];

/// Whether a text is a word for a sum and nothing else.
pub(super) fn is_sum_word(text: &str) -> bool {
    let word = text.trim_matches(|c: char| !c.is_alphabetic()).to_lowercase();
    SUMS.contains(&&*word)
}

/// Whether a text holds a word for a sum.
pub(super) fn has_sum_word(text: &str) -> bool {
    let text = text.to_lowercase();
    let spaced = text.split(|c: char| !c.is_alphanumeric()).any(|word| SUMS.contains(&word));
    spaced || SUMS.iter().any(|word| !word.is_ascii() && text.contains(word))
}

/// Tells the lines of a table from those that programs write below or between them: sums, rules, remarks, and the
/// header once more.
pub(super) struct Around<'h> {
    header: &'h [String],
    /// After a line that names sums: how many of them follow.
    sums: Option<usize>,
    /// Whether no line of the table has come yet.
    first: bool,
}

impl<'h> Around<'h> {
    pub(super) fn new(header: &'h [String]) -> Self {
        Around { header, sums: None, first: true }
    }

    /// Whether the line before named sums, so that this one may hold them.
    pub(super) fn expects_sums(&self) -> bool {
        self.sums.is_some()
    }

    /// A line of the table ends what was between.
    pub(super) fn end(&mut self) {
        self.sums = None;
        self.first = false;
    }

    /// Whether the line below the header describes the columns, as some marketplaces do: neither its date nor its amount
    /// has a figure.
    pub(super) fn describes(&self, occurred_at: Cell<'_>, amount: Cell<'_>) -> bool {
        let words = |cell: Cell<'_>| match cell {
            Cell::Text(text) => text.contains(char::is_alphabetic) && !text.contains(char::is_numeric),
            _ => false,
        };
        self.first && words(occurred_at) && words(amount)
    }

    /// Whether the cells of a line that has no date are no line of the table.
    pub(super) fn has(&mut self, cells: &[&str]) -> bool {
        let filled: Vec<&str> = cells.iter().copied().filter(|cell| !cell.is_empty()).collect();
        let number = |cell: &str| NumberForm::default().read(cell.trim_matches('`')).is_some();
        if self.sums.is_some_and(|sums| sums == filled.len() && filled.iter().all(|cell| number(cell))) {
            return true;
        }
        self.sums = None;
        if is_remark_of(&filled, cells.len()) {
            return true;
        }
        if filled.len() > 1 && cells.iter().zip(self.header).all(|(cell, name)| cell == name) {
            return true;
        }
        let naming =
            filled.iter().filter(|cell| SUM_STEMS.iter().any(|stem| cell.to_lowercase().contains(stem)));
        if filled.len() > 1 && naming.count() * 2 >= filled.len() && !filled.iter().any(|cell| number(cell)) {
            self.sums = Some(filled.len());
            return true;
        }
        false
    }
}

/// Whether the cells that are not empty are a sum, a rule or a remark.
fn is_remark_of(filled: &[&str], width: usize) -> bool {
    let Some(first) = filled.first() else { return true };
    if is_sum_word(first) {
        return true;
    }
    if filled.len() > 1 {
        return false;
    }
    let rule =
        first.len() >= 3 && first.chars().all(|c| matches!(c, '-' | '=' | '*' | '#' | '_' | '—' | '─'));
    // A single cell in a wide table: a sentence, and no id that was cut off.
    let sentence = first.contains([' ', ':', '：', '，', '。', '【', '[', '#'])
        || first.chars().any(|c| ('\u{3000}'..='\u{9fff}').contains(&c));
    width != 2 && (rule || sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> Shape {
        let suits = |names: &[String]| names.iter().any(|name| name == "customer_id" || name == "会员号");
        find(text, None, Header::Found, &suits).unwrap()
    }

    #[test]
    fn the_delimiter_is_the_one_under_which_the_header_is_found() {
        for (text, delimiter, skip) in [
            ("customer_id,b,c\n1,2,3\n", b',', 0),
            ("customer_id;\"b,,,,c\";d\n", b';', 0),
            ("\n\ncustomer_id\tb\n", b'\t', 2),
            ("customer_id|b|c,d\n", b'|', 0),
            ("sep=;\ncustomer_id;b\n", b';', 1),
            ("\"sep=;\"\r\ncustomer_id;b\r\n", b';', 1),
            ("Export, of today\n\nFrom: x; to: y\n会员号,b,c\n", b',', 3),
            ("customer_id,b\r1,2\r", b',', 0),
        ] {
            let found = shape(text);
            assert_eq!((found.delimiter, found.skip), (delimiter, skip), "{text}");
        }
    }

    #[test]
    fn a_header_that_is_missing_is_no_header() {
        let data = shape("00001,1997-01-01,11.77\n00002,1997-01-02,5\n");
        let refused = refuse_data("f.csv", &data).unwrap_err().to_string();
        assert!(refused.contains("--header none") && refused.contains("00001,1997-01-01"), "{refused}");
        let blanks = shape(" 00001 19970101  1   11.77\n 00001 19970112  5   77.00\n");
        assert_eq!((blanks.delimiter, blanks.header.len()), (BLANKS, 4));
        assert!(refuse_data("f.txt", &blanks).is_err());
        let named = shape("title of it all\na,b,c\n1,2,3\n4,5,6\n");
        assert_eq!((named.skip, &*named.header[1]), (1, "b"));
        assert!(refuse_data("f.csv", &named).is_ok());
        let none = find("1,2\n3,4\n", None, Header::Absent, &|_| true).unwrap();
        assert_eq!((none.header, none.has_header), (vec!["1".to_owned(), "2".to_owned()], false));
    }

    #[test]
    fn sums_and_remarks_are_no_lines_of_the_table() {
        let header = ["date", "order", "amount"].map(str::to_owned);
        let is = |cells: &[&str]| Around::new(&header).has(cells);
        for remark in [
            &["合计", "", "1397.00"][..],
            &["Total:", "", "5"],
            &["------------", "", ""],
            &["共3笔记录"],
            &["", "", ""],
            &["date", "order", "amount"],
        ] {
            assert!(is(remark), "{remark:?}");
        }
        for data in [
            &["c1", "2011-01-01"][..],
            &["c1"],
            &["17850"],
            &["total wine", "2011", "5"],
            &["order", "a", "b"],
        ] {
            assert!(!is(data), "{data:?}");
        }
    }

    #[test]
    fn named_sums_between_the_lines_are_none_of_the_table() {
        let header = ["date", "order", "amount"].map(str::to_owned);
        let mut around = Around::new(&header);
        assert!(!around.has(&["`2", "`0.02"]), "no line has named them");
        assert!(around.has(&["总交易单数", "应结订单总金额"]) && around.expects_sums());
        assert!(around.has(&["`2", "`0.02"]) && around.has(&["2", "1,234.50"]));
        assert!(!around.has(&["ana", "5"]) && !around.expects_sums());
        assert!(!around.has(&["ana", "total gym", "sports"]), "one word of three");
    }
}
