//! Dates and times in the forms that shops, tills and spreadsheets write, and what a whole column says about the
//! order of day and month.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;
use serde::Serialize;

use super::tokens::{Token, cut, half, is_filler, month, trimmed, zone};
use crate::calendar::days_of;
use crate::event::{DAY, Micros};

/// The order of day, month and year where the numbers alone do not show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DateOrder {
    /// Day, month, year.
    Dmy,
    /// Month, day, year.
    Mdy,
    /// Year, month, day.
    Ymd,
}

impl DateOrder {
    pub(crate) const ALL: [DateOrder; 3] = [DateOrder::Dmy, DateOrder::Mdy, DateOrder::Ymd];

    /// The name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            DateOrder::Dmy => "dmy",
            DateOrder::Mdy => "mdy",
            DateOrder::Ymd => "ymd",
        }
    }
}

impl fmt::Display for DateOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DateOrder {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = DateOrder::ALL.into_iter().find(|order| order.name() == text.to_ascii_lowercase());
        found.ok_or_else(|| format!("`{text}` is no order of day, month and year; write dmy, mdy or ymd"))
    }
}

/// What a number in a column of dates counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ticks {
    /// A date written as one number: 20210105.
    Compact,
    /// Days since 1899-12-30, as spreadsheets count them.
    Serial,
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

impl Ticks {
    pub(crate) const ALL: [Ticks; 6] = [
        Ticks::Compact,
        Ticks::Serial,
        Ticks::Seconds,
        Ticks::Milliseconds,
        Ticks::Microseconds,
        Ticks::Nanoseconds,
    ];

    /// What a number can only be, by its size. The ranges of the units (from 1973 on) do not meet.
    pub(crate) fn of(value: f64) -> Option<Ticks> {
        Some(match value {
            19_000_101.0..22_001_231.0 if value.fract() == 0.0 => Ticks::Compact,
            10_000.0..110_000.0 => Ticks::Serial,
            1e8..1e10 => Ticks::Seconds,
            1e11..1e13 => Ticks::Milliseconds,
            1e14..1e16 => Ticks::Microseconds,
            1e17..1e19 => Ticks::Nanoseconds,
            _ => return None,
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Ticks::Compact => "yyyymmdd",
            Ticks::Serial => "spreadsheet serial days",
            Ticks::Seconds => "seconds since 1970",
            Ticks::Milliseconds => "milliseconds since 1970",
            Ticks::Microseconds => "microseconds since 1970",
            Ticks::Nanoseconds => "nanoseconds since 1970",
        }
    }

    fn moment(self, value: f64) -> Option<Moment> {
        Some(match self {
            Ticks::Compact => {
                Moment::Local(date(value as u64 / 10_000, value as u64 / 100 % 100, value as u64 % 100)?)
            }
            // A spreadsheet's fractions are exact to a millisecond.
            Ticks::Serial => Moment::Local(((value - 25_569.0) * 86_400_000.0).round() as i64 * 1000),
            Ticks::Seconds => Moment::Instant((value * 1e6).round() as i64),
            Ticks::Milliseconds => Moment::Instant((value * 1e3).round() as i64),
            Ticks::Microseconds => Moment::Instant(value.round() as i64),
            Ticks::Nanoseconds => Moment::Instant((value / 1e3).round() as i64),
        })
    }
}

/// A point in time: as local clocks show it, or fixed by an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    Local(Micros),
    Instant(Micros),
}

/// How the dates of a column are written, beyond what each text says for itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct DateForm {
    pub(crate) order: Option<DateOrder>,
    /// What numbers are, where the column holds numbers of one kind.
    pub(crate) ticks: Option<Ticks>,
}

impl DateForm {
    /// The moment that a text names; nothing if it names none, or not in the form of the column.
    pub(crate) fn read(self, text: &str) -> Option<Moment> {
        let trimmed = trimmed(text);
        match self.number_in(trimmed) {
            Some(value) => self.read_number(value),
            None => {
                let written = Written::parse(trimmed)?;
                written.moment(written.date.fixed(self.order)?)
            }
        }
    }

    /// The moment that a number names.
    pub(crate) fn read_number(self, value: f64) -> Option<Moment> {
        let ticks = Ticks::of(value)?;
        if self.ticks.is_some_and(|expected| expected != ticks) {
            return None;
        }
        ticks.moment(value)
    }

    pub(super) fn number_in(self, text: &str) -> Option<f64> {
        // 20210105080300 and 202101050803 are dates and no counts.
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        if digits && matches!(text.len(), 12 | 14) && Written::parse(text).is_some() {
            return None;
        }
        let starts = text.as_bytes().first().is_some_and(u8::is_ascii_digit);
        let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        (starts && plain).then(|| text.parse().ok()).flatten()
    }
}

fn date(year: u64, month: u64, day: u64) -> Option<Micros> {
    let (year, month, day) =
        (i32::try_from(year).ok()?, u32::try_from(month).ok()?, u32::try_from(day).ok()?);
    Some(i64::from(days_of(NaiveDate::from_ymd_opt(year, month, day)?)) * DAY)
}

/// The date of a text as far as the text contains it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum DatePart {
    /// Year, month, day.
    Fixed(u64, u64, u64),
    /// Three figures of which none is surely the year, or only the last is.
    Open { figures: [u64; 3], long_year: bool, sign: char },
}

/// Two digits of a year: 1970 to 2069.
fn full_year(short: u64) -> u64 {
    if short < 70 { 2000 + short } else { 1900 + short }
}

impl DatePart {
    /// Midnight of the date under an order; nothing if there is no such day.
    pub(super) fn under(self, order: DateOrder) -> Option<Micros> {
        match self {
            DatePart::Fixed(year, month, day) => date(year, month, day),
            DatePart::Open { figures: [a, b, c], long_year, .. } => {
                let year = |figure| if long_year { figure } else { full_year(figure) };
                match order {
                    DateOrder::Dmy => date(year(c), b, a),
                    DateOrder::Mdy => date(year(c), a, b),
                    DateOrder::Ymd if long_year => None,
                    DateOrder::Ymd => date(year(a), b, c),
                }
            }
        }
    }

    /// Midnight of the date; an open one needs an order, unless every order that is possible says the same.
    pub(super) fn fixed(self, order: Option<DateOrder>) -> Option<Micros> {
        if let Some(order) = order {
            return self.under(order);
        }
        let mut possible = DateOrder::ALL.into_iter().filter_map(|order| self.under(order));
        let first = possible.next()?;
        possible.all(|other| other == first).then_some(first)
    }
}

/// A date and time as a text writes them.
#[derive(Debug, PartialEq)]
pub(super) struct Written {
    pub(super) date: DatePart,
    /// Microseconds since midnight.
    time: Micros,
    /// Seconds east of Greenwich.
    offset: Option<i32>,
    /// Whether the time has AM or PM in English.
    pub(super) am_pm: bool,
}

impl Written {
    fn moment(&self, midnight: Micros) -> Option<Moment> {
        let local = midnight + self.time;
        Some(match self.offset {
            Some(seconds) => Moment::Instant(local - i64::from(seconds) * 1_000_000),
            None => Moment::Local(local),
        })
    }

    pub(super) fn parse(text: &str) -> Option<Written> {
        let tokens = cut(text)?;
        if let [Token::Number(value, digits @ (12 | 14))] = tokens[..] {
            return compact(value, digits);
        }
        let mut tokens: Vec<Token<'_>> = strip_brackets(tokens);
        let clock = Clock::take(&mut tokens)?;
        let am_pm = tokens.iter().any(|token| matches!(token, Token::Word("AM" | "PM" | "am" | "pm")));
        let (mut second_half, mut dates) = (None, Vec::with_capacity(8));
        let mut offset = clock.offset;
        for (at, token) in tokens.iter().enumerate() {
            match *token {
                // a.m. and p.m. are two words with points.
                Token::Word("a" | "p") if matches!(tokens.get(at + 2), Some(Token::Word("m"))) => {
                    second_half = Some(matches!(token, Token::Word("p")));
                }
                Token::Word("m") => {}
                Token::Word(word) if half(word).is_some() => second_half = half(word),
                Token::Word("T" | "t") => {}
                Token::Word(word) if zone(word).is_some() && !dates.is_empty() => {
                    offset = offset.or(zone(word));
                }
                Token::Word(word) if is_filler(word) => {}
                token => dates.push(token),
            }
        }
        let date = date_part(&dates)?;
        let time = clock.time(second_half)?;
        Some(Written { date, time, offset, am_pm })
    }
}

/// `20210105080300` and `202101050803`.
fn compact(value: u64, digits: usize) -> Option<Written> {
    let (minutes, seconds) = if digits == 14 { (value / 100, value % 100) } else { (value, 0) };
    let (day, clock) = (minutes / 10_000, minutes % 10_000);
    let (year, month, day) = (day / 10_000, day / 100 % 100, day % 100);
    if !(1900..2200).contains(&year) || clock / 100 > 23 || clock % 100 > 59 || seconds > 59 {
        return None;
    }
    date(year, month, day)?;
    let time = ((clock / 100 * 3600 + clock % 100 * 60 + seconds) * 1_000_000) as i64;
    Some(Written { date: DatePart::Fixed(year, month, day), time, offset: None, am_pm: false })
}

/// Takes off `[Europe/Berlin]`, `(CST)` and `(火)`, and brackets around the whole.
fn strip_brackets(tokens: Vec<Token<'_>>) -> Vec<Token<'_>> {
    let whole = matches!(tokens.first(), Some(Token::Sign('[' | '(' | '"' | '\'')));
    let mut within = false;
    let kept = tokens.into_iter().filter(|token| {
        let (opens, closes) =
            (matches!(token, Token::Sign('[' | '(' | '（')), matches!(token, Token::Sign(']' | ')' | '）')));
        let quote = matches!(token, Token::Sign('"' | '\''));
        if !whole {
            within = (within || opens) && !closes;
        }
        !within && !opens && !closes && !quote
    });
    kept.collect()
}

/// The time of the day, taken out of the tokens of a text.
#[derive(Default)]
struct Clock {
    hour: u64,
    minute: u64,
    second: u64,
    micros: u64,
    offset: Option<i32>,
}

impl Clock {
    /// Takes the time with its offset; midnight where there is none. Nothing if what looks like a time is none.
    fn take(tokens: &mut Vec<Token<'_>>) -> Option<Clock> {
        use Token::{Number, Sign, Word};
        let mut clock = Clock::default();
        let colon = |at: usize, tokens: &[Token<'_>]| {
            matches!(
                tokens.get(at..at + 3),
                Some([
                    Number(_, 1 | 2),
                    Sign(':' | '：') | Word("时" | "點" | "点" | "時" | "h" | "H"),
                    Number(_, 1 | 2)
                ])
            )
        };
        let Some(start) = (0..tokens.len()).find(|&at| colon(at, tokens)) else {
            return clock.take_compact(tokens);
        };
        let (Number(hour, _), Number(minute, _)) = (tokens[start], tokens[start + 2]) else { return None };
        (clock.hour, clock.minute) = (hour, minute);
        let mut end = start + 3;
        if let Some([Sign(':' | '：') | Word("分"), Number(second, 1 | 2)]) = tokens.get(end..end + 2) {
            clock.second = *second;
            end += 2;
            if let Some([Sign('.' | ',' | ':'), Number(fraction, digits)]) = tokens.get(end..end + 2) {
                clock.micros = micros_of(*fraction, *digits);
                end += 2;
            }
        }
        if matches!(tokens.get(end), Some(Word("分" | "秒"))) {
            end += 1;
        }
        end = clock.take_offset(tokens, end)?;
        tokens.drain(start..end);
        Some(clock)
    }

    /// `T080300` behind a compact date.
    fn take_compact(mut self, tokens: &mut Vec<Token<'_>>) -> Option<Clock> {
        use Token::{Number, Word};
        let at = tokens
            .windows(3)
            .position(|three| matches!(three, [Number(_, 8), Word("T" | "t"), Number(_, 4 | 6)]));
        if let Some(at) = at
            && let Number(value, digits) = tokens[at + 2]
        {
            let value = if digits == 4 { value * 100 } else { value };
            (self.hour, self.minute, self.second) = (value / 10_000, value / 100 % 100, value % 100);
            let end = self.take_offset(tokens, at + 3)?;
            tokens.drain(at + 1..end);
        }
        Some(self)
    }

    /// The offset at a place, and the place behind it.
    fn take_offset(&mut self, tokens: &[Token<'_>], at: usize) -> Option<usize> {
        use Token::{Number, Sign, Word};
        let named = match tokens.get(at) {
            Some(Word(word)) => zone(word),
            _ => None,
        };
        let sign = at + usize::from(named.is_some());
        let (east, seconds, end) = match tokens.get(sign..) {
            Some(
                [Sign(sign_char @ ('+' | '-' | '−')), Number(hour, 1 | 2), Sign(':'), Number(minute, 2), ..],
            ) => (*sign_char == '+', hour * 3600 + minute * 60, sign + 4),
            Some([Sign(sign_char @ ('+' | '-' | '−')), Number(value, digits @ (1 | 2 | 4)), ..]) => {
                let (hour, minute) = if *digits == 4 { (value / 100, value % 100) } else { (*value, 0) };
                (*sign_char == '+', hour * 3600 + minute * 60, sign + 2)
            }
            _ => {
                self.offset = named;
                return Some(sign);
            }
        };
        let seconds = i32::try_from(seconds).ok().filter(|&seconds| seconds <= 18 * 3600)?;
        self.offset = Some(if east { seconds } else { -seconds });
        Some(end)
    }

    /// Microseconds since midnight; 24:00 is the midnight after.
    fn time(&self, second_half: Option<bool>) -> Option<Micros> {
        let hour = match second_half {
            Some(_) if self.hour == 0 => 0,
            // 13:00 PM is written by programs that mean 13:00.
            Some(_) if self.hour > 12 => self.hour,
            Some(true) => self.hour % 12 + 12,
            Some(false) => self.hour % 12,
            None => self.hour,
        };
        // A leap second is the second before it.
        let second = self.second.min(59);
        let midnight = hour == 24 && self.minute == 0 && self.second == 0;
        if (hour > 23 && !midnight) || self.minute > 59 || self.second > 60 {
            return None;
        }
        Some(((hour * 3600 + self.minute * 60 + second) * 1_000_000 + self.micros) as i64)
    }
}

/// A fraction of a second, given by its digits.
fn micros_of(fraction: u64, digits: usize) -> u64 {
    if digits <= 6 {
        fraction * 10u64.pow(6 - digits as u32)
    } else {
        fraction / 10u64.pow(digits.min(19) as u32 - 6)
    }
}

/// The date that the tokens without the time are.
fn date_part(tokens: &[Token<'_>]) -> Option<DatePart> {
    use Token::{Number, Sign, Word};
    // `2021年1月5日`: the units are separators, and the last may be missing.
    let han =
        |token: &Token<'_>| matches!(token, Word("年" | "月" | "日" | "号" | "號" | "년" | "월" | "일"));
    let signs: Vec<char> = tokens
        .iter()
        .filter_map(|token| match token {
            Sign(sign) => Some(*sign),
            token if han(token) => Some('年'),
            _ => None,
        })
        .collect();
    if signs.iter().any(|sign| !matches!(sign, '-' | '/' | '.' | ',' | '年' | '‐' | '–' | '，' | '\\' | '_'))
    {
        return None;
    }
    let words: Vec<&str> = tokens
        .iter()
        .filter_map(|token| match token {
            Word(word) if !han(token) => Some(*word),
            _ => None,
        })
        .collect();
    let numbers: Vec<(u64, usize)> = tokens
        .iter()
        .filter_map(|token| match token {
            Number(value, digits) => Some((*value, *digits)),
            _ => None,
        })
        .collect();
    match (&words[..], &numbers[..]) {
        ([], [(value, 8)]) => Some(DatePart::Fixed(value / 10_000, value / 100 % 100, value % 100)),
        ([], [(year, 4), (month, 1 | 2), (day, 1 | 2)]) => Some(DatePart::Fixed(*year, *month, *day)),
        ([], [(year, 2), (month, 1 | 2), (day, 1 | 2)]) if signs.first() == Some(&'年') => {
            Some(DatePart::Fixed(full_year(*year), *month, *day))
        }
        ([], [(a, 1 | 2), (b, 1 | 2), (c, digits @ (2 | 4))]) if signs.len() >= 2 => {
            Some(DatePart::Open { figures: [*a, *b, *c], long_year: *digits == 4, sign: signs[0] })
        }
        ([word], [(a, first), (b, second)]) => {
            let month = u64::from(month(word)?);
            match (first, second) {
                (4, 1 | 2) => Some(DatePart::Fixed(*a, month, *b)),
                (1 | 2, 4) => Some(DatePart::Fixed(*b, month, *a)),
                (1 | 2, 2) => Some(DatePart::Fixed(full_year(*b), month, *a)),
                _ => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Zone;

    fn at(text: &str) -> Micros {
        Zone::default().instant(text).unwrap()
    }

    fn read(text: &str, order: Option<DateOrder>) -> Option<Micros> {
        DateForm { order, ticks: None }.read(text).map(|moment| match moment {
            Moment::Local(at) | Moment::Instant(at) => at,
        })
    }

    #[test]
    fn a_date_that_tells_its_own_order_needs_no_column() {
        for (text, expected) in [
            ("2021/1/5 8:03", "2021-01-05 08:03"),
            ("2021-1-5", "2021-01-05"),
            ("2021.01.05 08:03:09", "2021-01-05 08:03:09"),
            ("2021年1月5日 8:03", "2021-01-05 08:03"),
            ("2021年01月05日8时3分9秒", "2021-01-05 08:03:09"),
            ("2021/1/5 下午 8:03", "2021-01-05 20:03"),
            ("2021/1/5 上午 8:03", "2021-01-05 08:03"),
            ("2021/1/5 下午8:03:00", "2021-01-05 20:03"),
            ("2021/1/5 星期二 8:03", "2021-01-05 08:03"),
            ("Jan 5, 2021 8:03:00 AM", "2021-01-05 08:03"),
            ("Jan 5, 2021, 8:03 p.m.", "2021-01-05 20:03"),
            ("5th January 2021", "2021-01-05"),
            ("05-Jan-2021", "2021-01-05"),
            ("05-Jan-21 13:00", "2021-01-05 13:00"),
            ("5. Januar 2021 13:00 Uhr", "2021-01-05 13:00"),
            ("5 février 2021 à 13h05", "2021-02-05 13:05"),
            ("5 de enero de 2021", "2021-01-05"),
            ("Tue, 05 Jan 2021 08:03:00 +0000", "2021-01-05 08:03"),
            ("Tue Jan 05 2021 08:03:00 GMT+0800 (CST)", "2021-01-05 00:03"),
            ("Tue Jan  5 08:03:00 2021", "2021-01-05 08:03"),
            ("2021-01-05T08:03:00.123456789Z", "2021-01-05T08:03:00.123456Z"),
            ("2021-01-05 08:03:00,5", "2021-01-05T08:03:00.5Z"),
            ("2021-01-05 08:03:00 UTC", "2021-01-05 08:03"),
            ("2021-01-05 08:03:00 -0400", "2021-01-05 12:03"),
            ("2021-01-05 08:03:00+08", "2021-01-05 00:03"),
            ("2021-01-05T08:03+08:00[Asia/Shanghai]", "2021-01-05 00:03"),
            ("20210105", "2021-01-05"),
            ("20210105T080300Z", "2021-01-05 08:03"),
            ("20210105080300", "2021-01-05 08:03"),
            ("202101050803", "2021-01-05 08:03"),
            ("2021-01-05 24:00", "2021-01-06"),
            ("2021-01-05 23:59:60", "2021-01-05 23:59:59"),
            ("13/01/2021", "2021-01-13"),
            ("[2021-01-05 08:03]", "2021-01-05 08:03"),
            ("2021年1月5日上午8:03", "2021-01-05 08:03"),
            ("2021/01/05(火) 8:03", "2021-01-05 08:03"),
            ("mardi 5 janvier 2021", "2021-01-05"),
            ("1609833780", "2021-01-05 08:03"),
            ("1609833780.5", "2021-01-05T08:03:00.5Z"),
            ("1609833780000", "2021-01-05 08:03"),
            ("1609833780000000", "2021-01-05 08:03"),
            ("1609833780000000000", "2021-01-05 08:03"),
            ("44201.33541666667", "2021-01-05 08:03"),
            ("44201", "2021-01-05"),
        ] {
            assert_eq!(read(text, None), Some(at(expected)), "{text}");
        }
        for text in [
            "",
            "soon",
            "2021-13-01",
            "2021-02-30",
            "0000-00-00",
            "2021-01",
            "2021-W05",
            "2021Q1",
            "Jan-21",
            "01/05/2021",
            "2021-01-05 25:00",
            "2021-01-05 24:30",
            "12",
            "1.5.2",
            "05.01.21 x",
            "2021-01-05 08:61",
            "9999999999999999999999",
        ] {
            assert_eq!(read(text, None), None, "{text}");
        }
    }

    #[test]
    fn an_order_decides_what_is_open() {
        use DateOrder::{Dmy, Mdy, Ymd};
        for (text, order, expected) in [
            ("01/05/2021", Dmy, "2021-05-01"),
            ("01/05/2021 8:03 PM", Mdy, "2021-01-05 20:03"),
            ("12/1/2021 12:03 AM", Mdy, "2021-12-01 00:03"),
            ("12/1/2021 12:03 PM", Mdy, "2021-12-01 12:03"),
            ("05.01.21", Dmy, "2021-01-05"),
            ("21-01-05", Ymd, "2021-01-05"),
            ("05/01/23", Mdy, "2023-05-01"),
            ("5/1/99", Mdy, "1999-05-01"),
        ] {
            assert_eq!(read(text, Some(order)), Some(at(expected)), "{text}");
        }
        assert_eq!(read("13/01/2021", Some(Mdy)), None, "the column is of another order");
        assert_eq!(DateForm { order: None, ticks: Some(Ticks::Seconds) }.read("1609833780000"), None);
    }
}
