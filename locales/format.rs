//! Numbers, dates and money as a language writes them.

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::OnceLock;

use intl_pluralrules::PluralCategory;

use crate::set::Lang;
use crate::t;

/// What stands where nothing is known.
pub const NOTHING: &str = "–";

/// The currency of the business; without one amounts are plain numbers.
static CURRENCY: OnceLock<iso_currency::Currency> = OnceLock::new();

/// A currency of ISO 4217, from its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Currency(iso_currency::Currency);

impl std::str::FromStr for Currency {
    type Err = String;

    fn from_str(code: &str) -> Result<Self, String> {
        let known = iso_currency::Currency::from_code(&code.to_ascii_uppercase());
        known.map(Currency).ok_or_else(|| {
            format!("`{code}` is not a currency code; use one of ISO 4217, e.g. CNY, EUR or USD")
        })
    }
}

/// Sets the currency in which amounts are shown. Nothing is converted. The first call holds: another one would change amounts in
/// the middle of a page.
pub fn set_currency(currency: Currency) {
    let _ = CURRENCY.set(currency.0);
}

/// How a language writes numbers.
pub(crate) struct Numbers {
    decimal: String,
    group: String,
    minus: String,
    /// Sizes with the unit that shortens a number from there on, the greatest first.
    units: Vec<(f64, String)>,
    date: String,
    month: String,
    months: Vec<String>,
}

impl Numbers {
    /// From the texts of a language.
    pub fn of(text: &dyn Fn(&str) -> String) -> Self {
        let or = |key: &str, usual: &str| {
            Some(text(key)).filter(|mark| !mark.is_empty()).unwrap_or_else(|| usual.to_owned())
        };
        let units = text("number-units");
        let words: Vec<&str> = units.split_whitespace().collect();
        let unit = |pair: &[&str]| match pair {
            [size, name] => Some((size.parse().ok()?, (*name).to_owned())),
            _ => None,
        };
        let mut units: Vec<(f64, String)> = words.chunks(2).filter_map(unit).collect();
        units.sort_by(|a, b| b.0.total_cmp(&a.0));
        // A space that may not break a line is written as an underscore, for Fluent trims the end of a text.
        let mark = |key: &str, usual: &str| or(key, usual).replace('_', "\u{a0}");
        Numbers {
            decimal: mark("number-decimal", "."),
            group: mark("number-group", ","),
            minus: or("number-minus", "−"),
            units,
            date: or("date-pattern", "YYYY-MM-DD"),
            month: or("month-pattern", "YYYY-MM"),
            months: text("month-names").split_whitespace().map(str::to_owned).collect(),
        }
    }

    /// A date by a pattern.
    fn dated(&self, pattern: &str, year: i64, month: u32, day: u32) -> String {
        let name = self.months.get(month.saturating_sub(1) as usize);
        let mut text = String::with_capacity(16);
        let mut rest = pattern;
        while let Some(letter) = rest.chars().next() {
            let run: usize = rest.chars().take_while(|next| *next == letter).map(char::len_utf8).sum();
            match (letter, run) {
                ('Y', _) => text.push_str(&format!("{year:04}")),
                ('M', 3..) => text.push_str(name.map_or("", String::as_str)),
                ('M', 2) => text.push_str(&format!("{month:02}")),
                ('M', _) => text.push_str(&month.to_string()),
                ('D', 2..) => text.push_str(&format!("{day:02}")),
                ('D', _) => text.push_str(&day.to_string()),
                _ => text.push_str(&rest[..run]),
            }
            rest = &rest[run..];
        }
        text
    }

    fn write(&self, number: f64, decimals: usize, into: &mut String) {
        if !number.is_finite() {
            into.push_str(NOTHING);
            return;
        }
        let begins = into.len();
        // Writing to a text cannot fail.
        let _ = write!(into, "{:.decimals$}", number.abs());
        let negative = number < 0.0 && into[begins..].contains(|c: char| ('1'..='9').contains(&c));
        let mut whole = into.len() - begins;
        if decimals > 0 {
            whole -= decimals + 1;
            if self.decimal != "." {
                into.replace_range(begins + whole..=begins + whole, &self.decimal);
            }
        }
        while whole > 3 {
            whole -= 3;
            into.insert_str(begins + whole, &self.group);
        }
        if negative {
            into.insert_str(begins, &self.minus);
        }
    }
}

impl Lang {
    /// A count: `1,234,567`.
    #[must_use]
    pub fn count(self, n: u64) -> String {
        self.decimal(n as f64, 0)
    }

    /// A number with so many decimals: `1,234.5`.
    #[must_use]
    pub fn decimal(self, number: f64, decimals: usize) -> String {
        let mut text = String::with_capacity(12);
        self.locale().numbers.write(number, decimals, &mut text);
        text
    }

    /// A number with two decimals, or none where it is whole.
    #[must_use]
    pub fn number(self, number: f64) -> String {
        self.decimal(number, if number.fract() == 0.0 || number.abs() >= 999.995 { 0 } else { 2 })
    }

    /// Money: with decimals below a thousand, none from there on; with the sign of the currency, where one is set.
    #[must_use]
    pub fn money(self, amount: f64) -> String {
        let mut text = String::with_capacity(12);
        self.write_money(amount, &mut text);
        text
    }

    fn write_money(self, amount: f64, into: &mut String) {
        let currency = CURRENCY.get();
        let decimals = currency.map_or(2, |currency| usize::from(currency.exponent().unwrap_or(2)));
        let decimals = if amount.abs() < 999.995 { decimals } else { 0 };
        match currency {
            // Reasons of every prediction come this way: without a currency nothing but the number is written.
            None => self.locale().numbers.write(amount, decimals, into),
            Some(_) => into.push_str(&self.with_currency(amount, self.decimal(amount, decimals))),
        }
    }

    /// Money in a narrow place: `12.4k`.
    #[must_use]
    pub fn short_money(self, amount: f64) -> String {
        self.with_currency(amount, self.short(amount))
    }

    /// Money on an axis.
    #[must_use]
    pub fn money_on_axis(self, amount: f64) -> String {
        self.with_currency(amount, self.on_axis(amount))
    }

    fn with_currency(self, amount: f64, text: String) -> String {
        match CURRENCY.get().filter(|_| amount.is_finite()) {
            Some(currency) => {
                let symbol = currency.symbol().to_string();
                // The sign stands before the symbol.
                match text.strip_prefix(self.locale().numbers.minus.as_str()) {
                    Some(amount) => {
                        let minus = &self.locale().numbers.minus;
                        format!("{minus}{}", t!(self, "money", symbol = symbol, amount = amount))
                    }
                    None => t!(self, "money", symbol = symbol, amount = text),
                }
            }
            None => text,
        }
    }

    /// A share in percent. Only a true 0 or 1 reads as `0%` or `100%`.
    #[must_use]
    pub fn percent(self, share: f64) -> String {
        let of = |text: &str| t!(self, "percent", number = text);
        match share {
            share if !share.is_finite() => NOTHING.to_owned(),
            share if share > 0.0 && share < 0.005 => of("<1"),
            share if (0.995..1.0).contains(&share) => of(">99"),
            share => of(&self.decimal((share * 100.0).round(), 0)),
        }
    }

    /// A share in percent with one decimal.
    #[must_use]
    pub fn percent1(self, share: f64) -> String {
        if share.is_finite() {
            t!(self, "percent", number = self.decimal(share * 100.0, 1))
        } else {
            NOTHING.to_owned()
        }
    }

    /// A change in percent with one decimal and its sign: `+3.1%`, `−7.4%`.
    #[must_use]
    pub fn signed_percent(self, share: f64) -> String {
        let text = self.percent1(share);
        if share > 0.0 { format!("+{text}") } else { text }
    }

    /// A number in three digits or so, for narrow places: `7.3`, `640`, `12.4k`; in Chinese `1.2万`.
    #[must_use]
    pub fn short(self, number: f64) -> String {
        if !number.is_finite() {
            return NOTHING.to_owned();
        }
        // A number that rounds to the next unit takes it.
        let unit = self.locale().numbers.units.iter().find(|(size, _)| number.abs() >= size * 0.9995);
        let (scaled, name) = unit.map_or((number, ""), |(size, name)| (number / size, name.as_str()));
        // A whole number has no decimals: a count of 3 is not "3.0".
        let whole = (name.is_empty() && scaled.fract() == 0.0)
            || scaled.abs() >= 99.95
            || (name.is_empty() && scaled.abs() >= 9.95);
        format!("{}{name}", self.decimal(scaled, usize::from(!whole)))
    }

    /// A value of an axis: as many decimals as its size calls for, none for whole numbers.
    #[must_use]
    pub fn on_axis(self, number: f64) -> String {
        match number.abs() {
            size if size >= 10_000.0 => {
                let none = format!("{}0", self.locale().numbers.decimal);
                self.short(number).replace(&none, "")
            }
            size if (size - size.round()).abs() < 1e-9 => self.decimal(number, 0),
            size if size >= 1.0 => self.decimal(number, 1),
            size if size >= 0.095 => self.decimal(number, 2),
            _ => self.decimal(number, 3),
        }
    }

    /// A date that is written in ISO 8601 (`2011-09-12`, further characters are dropped); anything else stays as it is.
    #[must_use]
    pub fn date(self, iso: &str) -> String {
        let number = |from: usize, to: usize| iso.get(from..to)?.parse::<u32>().ok();
        match (number(0, 4), number(5, 7), number(8, 10)) {
            (Some(year), Some(month), Some(day)) if (1..=12).contains(&month) => {
                let numbers = &self.locale().numbers;
                numbers.dated(&numbers.date, i64::from(year), month, day)
            }
            _ => iso.get(..10).unwrap_or(iso).to_owned(),
        }
    }

    /// A date with its time of day: `2011-09-12T09:05:31+08:00` without seconds and zone.
    #[must_use]
    pub fn minute(self, iso: &str) -> String {
        match iso.get(11..16) {
            Some(time) => t!(self, "date-time", date = self.date(iso), time = time),
            None => self.date(iso),
        }
    }

    /// A month of a year.
    #[must_use]
    pub fn month(self, year: i32, month: u32) -> String {
        let numbers = &self.locale().numbers;
        numbers.dated(&numbers.month, i64::from(year), month, 1)
    }
}

/// A value for a placeholder.
#[derive(Clone, Debug, PartialEq)]
pub enum Arg<'a> {
    /// A text, as it is.
    Text(Cow<'a, str>),
    /// A number with so many decimals.
    Number(f64, usize),
    /// Money.
    Money(f64),
    /// A share in percent.
    Percent(f64),
}

impl Arg<'_> {
    pub(crate) fn write(&self, lang: Lang, into: &mut String) {
        match self {
            Arg::Text(text) => into.push_str(text),
            Arg::Number(number, decimals) => lang.locale().numbers.write(*number, *decimals, into),
            Arg::Money(amount) => lang.write_money(*amount, into),
            Arg::Percent(share) => into.push_str(&lang.percent(*share)),
        }
    }

    /// The number that a selector goes by.
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Arg::Number(number, 0) => Some(number.round()),
            Arg::Number(number, _) => Some(*number),
            _ => None,
        }
    }

    /// The word that a selector goes by.
    pub(crate) fn word(&self) -> Option<&str> {
        match self {
            Arg::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn plural(&self, lang: Lang) -> Option<PluralCategory> {
        let Arg::Number(number, decimals) = self else { return None };
        let rules = &lang.locale().plurals;
        match decimals {
            0 => rules.select(number.round().abs() as u64).ok(),
            // Fluent's plural rules see the decimals that are shown: "1.0 days".
            _ => rules.select(format!("{:.decimals$}", number.abs()).as_str()).ok(),
        }
    }
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(text: &'a str) -> Self {
        Arg::Text(Cow::Borrowed(text))
    }
}

impl<'a> From<&'a String> for Arg<'a> {
    fn from(text: &'a String) -> Self {
        Arg::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Arg<'_> {
    fn from(text: String) -> Self {
        Arg::Text(Cow::Owned(text))
    }
}

macro_rules! whole {
    ($($kind:ty),*) => {$(
        impl From<$kind> for Arg<'_> {
            fn from(number: $kind) -> Self {
                Arg::Number(number as f64, 0)
            }
        }
    )*};
}

// A floating-point number is shown rounded to a whole one: days and counts of features are.
whole!(u8, u32, u64, usize, i32, i64, f64);
