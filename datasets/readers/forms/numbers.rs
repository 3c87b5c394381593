//! Amounts and quantities as people and programs write them, and what a whole column says about its decimal mark.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::tokens::{is_blank, trimmed};

/// What sets off the decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decimal {
    /// `1,234.50`
    Point,
    /// `1.234,50`
    Comma,
}

impl FromStr for Decimal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "." | "point" => Ok(Decimal::Point),
            "," | "comma" => Ok(Decimal::Comma),
            _ => Err(format!("`{text}` is not a decimal mark; write . or ,")),
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Decimal::Point => ".",
            Decimal::Comma => ",",
        })
    }
}

/// A number as written: its digits and marks, its sign, and what stood around it.
#[derive(Debug, PartialEq)]
struct Written<'a> {
    /// Digits, points and commas; other thousands separators are gone.
    body: Cow<'a, str>,
    negative: bool,
    /// Currency or unit.
    unit: Option<&'a str>,
}

fn is_currency_sign(c: char) -> bool {
    matches!(c, '$' | '¢' | '£' | '¤' | '¥' | '￥' | '＄' | '￡' | '₠'..='⃀')
}

impl<'a> Written<'a> {
    fn parse(text: &'a str) -> Option<Written<'a>> {
        let mut rest = trimmed(text);
        let mut negative = false;
        if let Some(inner) = rest.strip_prefix(['(', '（']).and_then(|rest| rest.strip_suffix([')', '）']))
        {
            negative = true;
            rest = trimmed(inner);
        }
        let sign = |rest: &mut &'a str, negative: &mut bool| {
            if let Some(after) = rest.strip_prefix(['-', '−', '－', '–']) {
                *negative = true;
                *rest = after.trim_start_matches(is_blank);
            } else if let Some(after) = rest.strip_prefix(['+', '＋']) {
                *rest = after.trim_start_matches(is_blank);
            }
        };
        sign(&mut rest, &mut negative);
        let begin = number_begin(rest)?;
        let (mut unit, mut after) = (trimmed(&rest[..begin]), &rest[begin..]);
        sign(&mut after, &mut negative);
        let end =
            after.rfind(is_digit).map(|at| at + after[at..].chars().next().map_or(1, char::len_utf8))?;
        // A mark behind the last digit belongs to the number: `5.`
        let end = end + usize::from(after[end..].starts_with('.'));
        let mut tail = trimmed(&after[end..]);
        let trailing = tail.strip_suffix(['-', '−']).or_else(|| tail.strip_prefix(['-', '−']));
        if let Some(without) = trailing {
            // `5.-` and `5,--` are whole amounts, `5-` is one below zero.
            let whole = after[..end].ends_with('.') || without.starts_with([',', '.']);
            negative |= !whole;
            tail = trimmed(without).trim_matches(['-', ',', '.']);
        }
        if !unit.is_empty() && !tail.is_empty() {
            return None;
        }
        if !unit.is_empty() && !is_currency(unit) {
            return None;
        }
        if unit.is_empty() {
            unit = tail;
        }
        if !is_unit(unit) {
            return None;
        }
        let body = plain_digits(&after[..end])?;
        Some(Written { body, negative, unit: (!unit.is_empty()).then_some(unit) })
    }

    /// The places of points and commas.
    fn marks(&self) -> Marks {
        let bytes = self.body.as_bytes();
        let count = |mark: u8| bytes.iter().filter(|&&byte| byte == mark).count();
        Marks { points: count(b'.'), commas: count(b',') }
    }

    fn value(&self, decimal: Decimal) -> Option<f64> {
        let (mark, group) = match decimal {
            Decimal::Point => ('.', ','),
            Decimal::Comma => (',', '.'),
        };
        let (whole, fraction) = match self.body.split_once(mark) {
            Some((_, fraction)) if fraction.contains([mark, group]) => return None,
            Some((whole, fraction)) => (whole, fraction),
            None => (&*self.body, ""),
        };
        let digits = ungrouped(whole, group)?;
        let value: f64 = format!("{digits}.{fraction}").parse().ok()?;
        Some(if self.negative { -value } else { value })
    }
}

/// Where the number begins: at a digit, a sign, or a mark with a digit behind it and no letter before.
fn number_begin(text: &str) -> Option<usize> {
    let mut before = ' ';
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let digit_next = chars.peek().is_some_and(|&(_, next)| is_digit(next));
        if is_digit(c)
            || matches!(c, '-' | '−' | '+')
            || matches!(c, '.' | ',') && digit_next && !before.is_alphabetic()
        {
            return Some(at);
        }
        before = c;
    }
    None
}

/// Whether letters before a number are a currency, and not the beginning of an id.
fn is_currency(text: &str) -> bool {
    const NAMES: &[&str] = &[
        "Rs",
        "Rs.",
        "rs",
        "kr",
        "kr.",
        "Kr",
        "Kr.",
        "Fr",
        "Fr.",
        "zł",
        "Kč",
        "Ft",
        "lei",
        "人民币",
        "eur",
        "usd",
        "Euro",
    ];
    let code = (2..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_uppercase());
    code || text.contains(is_currency_sign) || NAMES.contains(&text)
}

struct Marks {
    points: usize,
    commas: usize,
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '０'..='９' | '٠'..='٩' | '۰'..='۹')
}

/// Letters of a currency or a unit, few of them: `EUR`, `R$`, `元`, `pcs`, `zł`.
fn is_unit(text: &str) -> bool {
    let mut letters = 0;
    text.chars().all(|c| {
        letters += 1;
        c.is_alphabetic() || is_currency_sign(c) || c == '.' || is_blank(c)
    }) && letters <= 12
}

/// ASCII digits with points and commas; blanks and apostrophes between digits go, other characters refuse the number.
fn plain_digits(text: &str) -> Option<Cow<'_, str>> {
    if text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b',')) {
        return Some(Cow::Borrowed(text));
    }
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut gap = None;
    while let Some(c) = chars.next() {
        match c {
            '0'..='9' => plain.push(c),
            '.' | '．' => plain.push('.'),
            ',' | '，' | '٬' => plain.push(','),
            '０'..='９' => plain.push(char::from(b'0' + (c as u32 - '０' as u32) as u8)),
            '٠'..='٩' => plain.push(char::from(b'0' + (c as u32 - '٠' as u32) as u8)),
            '۰'..='۹' => plain.push(char::from(b'0' + (c as u32 - '۰' as u32) as u8)),
            // Thousands: three digits follow.
            c if matches!(c, '\'' | '’') || is_blank(c) => {
                let three: Vec<char> = chars.clone().take(4).collect();
                let whole = three.len() >= 3
                    && three[..3].iter().all(|&c| is_digit(c))
                    && three.get(3).is_none_or(|&c| !is_digit(c));
                if !whole || gap.is_some_and(|gap| gap != c) {
                    return None;
                }
                gap = Some(c);
            }
            _ => return None,
        }
    }
    Some(Cow::Owned(plain))
}

/// The digits of a whole number without its thousands separators, which must be in the right places. The Indian
/// way (12,34,567) is one of them.
fn ungrouped(whole: &str, group: char) -> Option<Cow<'_, str>> {
    if !whole.contains(group) {
        return Some(Cow::Borrowed(whole));
    }
    let parts: Vec<&str> = whole.split(group).collect();
    let (first, last) = (parts[0], parts[parts.len() - 1]);
    let middle = &parts[1..parts.len() - 1];
    let good = (1..=3).contains(&first.len())
        && last.len() == 3
        && (middle.iter().all(|part| part.len() == 3) || middle.iter().all(|part| part.len() == 2));
    good.then(|| Cow::Owned(parts.concat()))
}

/// How the numbers of a column are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NumberForm {
    /// `None` where no number of the column shows it; then it is the point.
    pub(crate) decimal: Option<Decimal>,
}

/// A number that was read from a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Number<'a> {
    pub(crate) value: f64,
    /// A currency or unit that stood beside it.
    pub(crate) unit: Option<&'a str>,
    /// Whether it would be another number if comma and point were exchanged, and the column does not show which is right.
    pub(crate) ambiguous: bool,
}

impl NumberForm {
    /// The number that a text is; `None` if it is none.
    #[inline]
    pub(crate) fn read(self, text: &str) -> Option<Number<'_>> {
        // Almost every number is written as Rust writes it.
        if self.decimal != Some(Decimal::Comma)
            && let Ok(value) = text.parse()
        {
            let ambiguous = self.decimal.is_none() && three_decimals(text);
            return Some(Number { value, unit: None, ambiguous });
        }
        self.read_written(text)
    }

    fn read_written(self, text: &str) -> Option<Number<'_>> {
        let trimmed = trimmed(text);
        let exponent = trimmed.contains(['e', 'E']) || trimmed.chars().any(char::is_alphabetic);
        // 1E+05, inf and nan are as Rust reads them in every form.
        if (exponent || self.decimal != Some(Decimal::Comma))
            && let Ok(value) = trimmed.parse()
        {
            let ambiguous = self.decimal.is_none() && three_decimals(trimmed);
            return Some(Number { value, unit: None, ambiguous });
        }
        let written = Written::parse(trimmed)?;
        let marks = written.marks();
        let own = own_decimal(&written.body, &marks);
        let decimal = self.decimal.or(own).unwrap_or(Decimal::Point);
        let value = written.value(decimal)?;
        let ambiguous = self.decimal.is_none() && own.is_none() && marks.points + marks.commas > 0;
        Some(Number { value, unit: written.unit, ambiguous })
    }
}

/// Whether a plain number has a point and three decimals behind up to three digits, as 1.000 has.
fn three_decimals(text: &str) -> bool {
    let bytes = text.as_bytes();
    let len = bytes.len();
    (5..=8).contains(&len) && bytes[len - 4] == b'.' && {
        let whole = bytes.strip_prefix(b"-").unwrap_or(bytes);
        whole.len() <= 7
            && whole[0] != b'0'
            && whole.iter().filter(|byte| byte.is_ascii_digit()).count() == whole.len() - 1
    }
}

/// The decimal mark that a number shows by itself.
fn own_decimal(body: &str, marks: &Marks) -> Option<Decimal> {
    match (marks.points, marks.commas) {
        (0, 0) => None,
        (1.., 1..) => {
            let last = body.rfind(['.', ','])?;
            Some(if body.as_bytes()[last] == b'.' { Decimal::Point } else { Decimal::Comma })
        }
        (2.., 0) => Some(Decimal::Comma),
        (0, 2..) => Some(Decimal::Point),
        (points, _) => {
            let (mark, decimal) = if points == 1 { ('.', Decimal::Point) } else { (',', Decimal::Comma) };
            let (whole, fraction) = body.split_once(mark)?;
            let grouping = fraction.len() == 3 && (1..=3).contains(&whole.len()) && !whole.starts_with('0');
            (!grouping).then_some(decimal)
        }
    }
}

/// What the values of a column say about its decimal mark. Evidence of parts adds up.
#[derive(Clone, Debug, Default)]
pub(crate) struct NumberEvidence {
    point: u64,
    comma: u64,
    /// Numbers.
    pub(crate) read: u64,
    /// Texts that are none.
    pub(crate) unreadable: u64,
}

impl NumberEvidence {
    pub(crate) fn note(&mut self, text: &str) {
        let text = trimmed(text);
        if text.is_empty() {
            return;
        }
        if text.parse::<f64>().is_ok_and(f64::is_finite) {
            self.read += 1;
            self.point += u64::from(text.contains('.') && !three_decimals(text));
            return;
        }
        match Written::parse(text) {
            Some(written) => {
                self.read += 1;
                match own_decimal(&written.body, &written.marks()) {
                    Some(Decimal::Point) => self.point += 1,
                    Some(Decimal::Comma) => self.comma += 1,
                    None => {}
                }
            }
            None => self.unreadable += 1,
        }
    }

    pub(crate) fn absorb(&mut self, other: NumberEvidence) {
        self.point += other.point;
        self.comma += other.comma;
        self.read += other.read;
        self.unreadable += other.unreadable;
    }

    /// The mark of most numbers that show one.
    pub(crate) fn decimal(&self) -> Option<Decimal> {
        match self.point.cmp(&self.comma) {
            std::cmp::Ordering::Greater => Some(Decimal::Point),
            std::cmp::Ordering::Less => Some(Decimal::Comma),
            std::cmp::Ordering::Equal => None,
        }
    }
}

/// One name for each currency that a sign or code represents, so that `$` and `USD` are no two currencies.
pub(crate) fn currency(unit: &str) -> Cow<'_, str> {
    let unit = unit.trim_matches(|c: char| is_blank(c) || c == '.');
    Cow::Borrowed(match unit {
        "$" | "＄" | "US$" | "USD" | "usd" => "USD",
        "€" | "EUR" | "eur" | "Euro" | "euro" => "EUR",
        "£" | "￡" | "GBP" | "gbp" => "GBP",
        "¥" | "￥" | "元" | "CNY" | "cny" | "RMB" | "rmb" | "人民币" => "CNY",
        "JPY" | "jpy" | "円" => "JPY",
        _ if unit.bytes().any(|byte| byte.is_ascii_lowercase()) => return Cow::Owned(unit.to_uppercase()),
        _ => unit,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, decimal: Option<Decimal>) -> Option<f64> {
        NumberForm { decimal }.read(text).map(|number| number.value)
    }

    #[test]
    fn amounts_are_read_as_they_are_written() {
        for (text, expected) in [
            ("12.5", 12.5),
            ("$1,234.50", 1234.5),
            ("￥1,288.00", 1288.0),
            ("￥88.00", 88.0),
            ("88.00元", 88.0),
            ("12.50 €", 12.5),
            ("12.50 EUR", 12.5),
            ("EUR 12.50", 12.5),
            ("R$ 12,50", 12.5),
            ("12,345,678.00", 12_345_678.0),
            ("1.234,50", 1234.5),
            ("1 234,50", 1234.5),
            ("1\u{a0}234,50 zł", 1234.5),
            ("1\u{202f}234,50\u{a0}€", 1234.5),
            ("1'234.50", 1234.5),
            ("1’234.50", 1234.5),
            ("12,34,567.50", 1_234_567.5),
            ("(12.50)", -12.5),
            ("($1,234.50)", -1234.5),
            ("-$5.00", -5.0),
            ("$-5.00", -5.0),
            ("12.50-", -12.5),
            ("−5.00", -5.0),
            ("１２３．５０", 123.5),
            ("1E+05", 1e5),
            ("+5", 5.0),
            (".5", 0.5),
            ("5.", 5.0),
            (" 5 ", 5.0),
            ("2 pcs", 2.0),
            ("3件", 3.0),
            ("Rs. 500", 500.0),
            ("CHF 12.-", 12.0),
        ] {
            let expected_negative = text == "CHF 12.-";
            let found = read(text, None);
            assert_eq!(
                found.map(|value| if expected_negative { value.abs() } else { value }),
                Some(expected),
                "{text}"
            );
        }
        for text in [
            "",
            "x",
            "0x10",
            "1_000",
            "true",
            "1,2,3",
            "1.2.3,4,5",
            "12 50",
            "--",
            "N/A",
            "1 2",
            "5 a 6",
            "$",
        ] {
            assert_eq!(read(text, None), None, "{text}");
        }
    }

    #[test]
    fn the_column_decides_between_point_and_comma() {
        assert_eq!(read("1.000", Some(Decimal::Comma)), Some(1000.0));
        assert_eq!(read("1.000", Some(Decimal::Point)), Some(1.0));
        assert_eq!(read("12,50", Some(Decimal::Point)), None);
        assert_eq!(read("12.50", Some(Decimal::Comma)), None);
        let of = |texts: &[&str]| {
            let mut evidence = NumberEvidence::default();
            texts.iter().for_each(|text| evidence.note(text));
            evidence.decimal()
        };
        assert_eq!(of(&["1.000", "12,50"]), Some(Decimal::Comma));
        assert_eq!(of(&["1.000", "12.50"]), Some(Decimal::Point));
        assert_eq!(of(&["1.000.000"]), Some(Decimal::Comma));
        assert_eq!(of(&["1.000", "5"]), None);
        let ambiguous = |text| NumberForm::default().read(text).map(|number| number.ambiguous);
        assert_eq!(
            (ambiguous("1.000"), ambiguous("1,000"), ambiguous("12.50")),
            (Some(true), Some(true), Some(false))
        );
        assert_eq!(
            (ambiguous("0.125"), ambiguous("1234.125"), ambiguous("1000")),
            (Some(false), Some(false), Some(false))
        );
    }

    #[test]
    fn a_sign_and_a_code_are_one_currency() {
        let unit = |text| NumberForm::default().read(text).and_then(|number| number.unit).map(currency);
        assert_eq!((unit("$5").as_deref(), unit("5 USD").as_deref()), (Some("USD"), Some("USD")));
        assert_eq!((unit("￥5").as_deref(), unit("5元").as_deref()), (Some("CNY"), Some("CNY")));
        assert_eq!(unit("R$ 5").as_deref(), Some("R$"));
        assert_eq!(unit("5"), None);
    }
}
