//! Which columns of a file may be those that it seems to lack, by their values: for the message that says how to map them.

use std::collections::HashSet;

use super::columns::{COLUMNS, Column, Layout, like, plain};
use super::files::DataFile;
use super::forms::dates::{DateForm, DateOrder};
use super::forms::numbers::NumberForm;
use super::forms::trimmed;
use super::lines::{Cell, Cells};
use super::progress::Progress;
use super::rejects::Place;
use super::rows::{Take, Wanted};
use super::table::Table;
use crate::Error;

/// Rows whose values are looked at.
const ROWS: u64 = 100;

/// Columns that are looked at, and named for one that is missing.
const MOST: usize = 200;
const NAMED: usize = 4;

/// What the values of a column are.
#[derive(Clone, Default)]
struct Values {
    filled: u32,
    dates: u32,
    numbers: u32,
    fractions: u32,
    mails: u32,
    long: u32,
    different: HashSet<String>,
}

impl Values {
    fn note(&mut self, cell: Cell<'_>) {
        let text = cell.to_string();
        let text = trimmed(&text);
        if text.is_empty() {
            return;
        }
        self.filled += 1;
        let number = NumberForm::default().read(text).map(|number| number.value);
        let is_date = match cell {
            Cell::Instant(_) | Cell::Local(_) => true,
            Cell::Text(_) => {
                let date =
                    |order: &DateOrder| DateForm { order: Some(*order), ticks: None }.read(text).is_some();
                (number.is_none() || text.len() == 8) && DateOrder::ALL.iter().any(date)
            }
            _ => false,
        };
        self.dates += u32::from(is_date);
        self.numbers += u32::from(number.is_some());
        let fraction =
            |value: f64| value.fract() != 0.0 || text.contains(['.', ',', '$', '€', '¥', '￥', '£']);
        self.fractions += u32::from(number.is_some_and(fraction));
        self.mails += u32::from(text.contains('@'));
        self.long += u32::from(text.len() > 60);
        self.different.insert(text.to_owned());
    }

    fn most(&self, some: u32) -> bool {
        // Sums and remarks below the table are values too.
        self.filled > 0 && f64::from(some) > 0.6 * f64::from(self.filled)
    }

    /// Whether no value occurs twice.
    fn all_differ(&self) -> bool {
        self.different.len() == self.filled as usize
    }

    /// How well the values suit a column, 0 if not at all.
    fn suits(&self, column: Column) -> u32 {
        match column {
            Column::OccurredAt => u32::from(self.most(self.dates)),
            Column::Amount if !self.most(self.numbers) || self.most(self.dates) => 0,
            Column::Amount => 1 + u32::from(self.fractions > 0),
            Column::CustomerId if self.filled == 0 || self.long > 0 => 0,
            Column::CustomerId if self.most(self.dates) => 0,
            Column::CustomerId if self.most(self.numbers) && self.fractions > 0 => 0,
            Column::CustomerId if self.most(self.mails) => 3,
            // One value on every row says nothing of anybody.
            Column::CustomerId if self.different.len() < 2 && self.filled > 2 => 0,
            Column::CustomerId => 1,
            _ => 0,
        }
    }
}

/// Looks at so many columns at once as there are places for cells.
struct Look {
    columns: Vec<Values>,
    rows: u64,
}

impl Take for Look {
    fn take(&mut self, _: Place, cells: &Cells<'_>) -> Result<(), Error> {
        self.rows += 1;
        self.columns.iter_mut().zip(cells).for_each(|(values, cell)| values.note(*cell));
        Ok(())
    }

    fn done(&self) -> bool {
        self.rows >= ROWS
    }
}

fn look(table: &Table, file: &DataFile, header: &[String]) -> Vec<Values> {
    let silent = Progress::new(false, "", 0);
    let mut all = Vec::new();
    for (first, names) in header.chunks(COLUMNS).enumerate().take(MOST / COLUMNS) {
        let places = names.iter().enumerate().map(|(slot, _)| (slot, first * COLUMNS + slot));
        let wanted = Wanted {
            slots: places.collect(),
            names: names.iter().cloned().enumerate().collect(),
            constants: Vec::new(),
        };
        let mut look = Look { columns: vec![Values::default(); names.len()], rows: 0 };
        // What cannot be read here is one candidate less.
        if table.parts() > 0 {
            let _ = table.read(file, (0, 0), &wanted, &mut look, &silent);
        }
        all.extend(look.columns);
    }
    all
}

/// How to map what is missing, with the names of columns whose values suit.
pub(super) fn remedy(
    table: &Table,
    file: &DataFile,
    header: &[String],
    layout: &Layout,
    missing: &[Column],
) -> String {
    let own = table.header().len().min(header.len());
    let values = look(table, file, &header[..own]);
    let free: Vec<usize> = (0..values.len()).filter(|at| !layout.places.contains(&Some(*at))).collect();
    let of = |column: Column| -> Vec<&str> {
        let mut found: Vec<(u32, usize)> = free
            .iter()
            .map(|&at| {
                let suits = values[at].suits(column);
                // What it is called says more of an id than what it holds.
                let (id, named) = (is_id_like(&header[at]), is_customer_like(&header[at]));
                let sure = u32::from(like(column, &header[at]));
                let rank = match column {
                    // Who never comes back may be the number of a line.
                    Column::CustomerId if suits > 0 => {
                        2 * suits
                            + 8 * u32::from(named)
                            + 2 * u32::from(id && !values[at].all_differ())
                            + u32::from(!values[at].all_differ())
                    }
                    Column::Amount if id => 0,
                    _ if suits > 0 => suits + 2 * sure,
                    _ => 0,
                };
                (rank, at)
            })
            .filter(|&(suits, at)| suits > 0 && !header[at].trim().is_empty())
            .collect();
        found.sort_by_key(|&(suits, at)| (std::cmp::Reverse(suits), at));
        found.iter().take(NAMED).map(|&(_, at)| &*header[at]).collect()
    };
    if months(header) >= 3 {
        return "The columns are months, as in a pivot table: export one row per purchase, with its date"
            .to_owned();
    }
    let candidates: Vec<(Column, Vec<&str>)> = missing.iter().map(|&column| (column, of(column))).collect();
    let mut taken = HashSet::new();
    let pairs: Vec<String> = candidates
        .iter()
        .map(|(column, names)| {
            let first = names.iter().find(|name| taken.insert(**name));
            format!("{}={}", column.name(), first.map_or("...".to_owned(), |name| quoted(name)))
        })
        .collect();
    let mut text = format!("Map what is missing with `--columns {}`", in_shell(&pairs.join(",")));
    for (column, names) in candidates.iter().filter(|(_, names)| names.len() > 1) {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        text.push_str(&format!("; {} may be {}", column.name(), names.join(" or ")));
    }
    for (column, _) in candidates.iter().filter(|(_, names)| names.is_empty()) {
        text.push_str(match column {
            Column::CustomerId => {
                "; no column looks like a customer: export one row per purchase with the customer's id, email address or phone"
            }
            Column::OccurredAt => "; no column looks like a date: export one row per purchase with its date",
            Column::Amount => "; no column looks like an amount: export what was paid for each purchase",
            _ => "",
        });
    }
    text
}

/// Columns that are named after months or days.
fn months(header: &[String]) -> usize {
    let is = |name: &&String| {
        let year =
            name.split(|c: char| !c.is_ascii_digit()).any(|part| part.len() == 4 && part.starts_with("20"));
        year && name.len() <= 14 && name.split_whitespace().count() <= 3
    };
    header.iter().filter(is).count()
}

/// Whether a name is that of an id or number of something.
fn is_id_like(name: &str) -> bool {
    let words: Vec<String> = name.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase).collect();
    let last = words.iter().rev().find(|word| !word.is_empty()).map_or("", String::as_str);
    matches!(last, "id" | "no" | "nr" | "number" | "code" | "zip" | "phone")
        || name.ends_with("ID")
        || name.ends_with("Id")
        || ["番号", "编号", "号", "编码", "번호", "코드", "номер", "číslo"]
            .iter()
            .any(|end| name.trim().ends_with(end))
        || ["رقم", "№", "n°", "mã "].iter().any(|begin| name.trim().to_lowercase().starts_with(begin))
}

/// Whether a name has a word for a customer in it.
fn is_customer_like(name: &str) -> bool {
    const PARTS: &[&str] = &[
        "cust",
        "client",
        "klient",
        "kund",
        "kd",
        "buyer",
        "shopper",
        "member",
        "user",
        "account",
        "debit",
        "konto",
        "mail",
        "phone",
        "mobil",
        "acheteur",
        "comprador",
        "cliente",
        "klant",
        "zakaz",
        "odber",
        "asiakas",
        "musteri",
        "vevo",
        "vasarlo",
        "контраг",
        "клиент",
        "покуп",
        "заказч",
        "会员",
        "客户",
        "顾客",
        "买家",
        "用户",
        "手机",
        "会員",
        "顧客",
        "購入者",
        "お客様",
        "고객",
        "구매자",
        "회원",
        "주문자",
        "メール",
        "العميل",
        "الجوال",
        "البريد",
        "khach",
        "pelanggan",
        "pembeli",
        "πελατ",
        "לקוח",
        "company",
        "firma",
        "societ",
        "empresa",
        "donor",
    ];
    let plain = plain(name);
    PARTS.iter().any(|part| plain.contains(part))
}

/// A name as `--columns` takes it.
fn quoted(name: &str) -> String {
    if name.contains([',', '=']) { format!("\"{name}\"") } else { name.to_owned() }
}

/// A text as a shell takes it.
pub(super) fn in_shell(text: &str) -> String {
    let plain =
        |c: char| c.is_alphanumeric() || matches!(c, '=' | ',' | '.' | '_' | '-' | '/' | ':' | '+' | '@');
    match text {
        text if text.chars().all(plain) => text.to_owned(),
        text if text.contains('"') => format!("'{text}'"),
        text => format!("\"{text}\""),
    }
}
