//! The columns that homing knows, and where a file has them.

use std::collections::BTreeMap;

use crate::Error;

/// A column that homing knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    CustomerId,
    OccurredAt,
    Amount,
    OrderId,
    ProductId,
    Category,
    Channel,
    Quantity,
    Kind,
    RecordedAt,
    Promotion,
}

/// Number of known columns.
pub(crate) const COLUMNS: usize = 11;

/// Columns that a message lists at most.
const LISTED: usize = 40;

impl Column {
    /// Every column; the needed ones come first.
    pub(crate) const ALL: [Column; COLUMNS] = [
        Column::CustomerId,
        Column::OccurredAt,
        Column::Amount,
        Column::OrderId,
        Column::ProductId,
        Column::Category,
        Column::Channel,
        Column::Quantity,
        Column::Kind,
        Column::RecordedAt,
        Column::Promotion,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Column::CustomerId => "customer_id",
            Column::OccurredAt => "occurred_at",
            Column::Amount => "amount",
            Column::OrderId => "order_id",
            Column::ProductId => "product_id",
            Column::Category => "category",
            Column::Channel => "channel",
            Column::Quantity => "quantity",
            Column::Kind => "kind",
            Column::RecordedAt => "recorded_at",
            Column::Promotion => "promotion",
        }
    }

    /// Whether a file must have it.
    pub(crate) fn needed(self) -> bool {
        matches!(self, Column::CustomerId | Column::OccurredAt | Column::Amount)
    }

    /// What the column may hold, as far as types go.
    pub(crate) fn role(self) -> Role {
        match self {
            Column::OccurredAt | Column::RecordedAt => Role::Instant,
            Column::Amount | Column::Quantity => Role::Number,
            Column::Kind => Role::Word,
            _ => Role::Text,
        }
    }
}

/// What a column means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A name or id: text or a number.
    Text,
    /// One of a list of words: text only.
    Word,
    Number,
    Instant,
}

/// Where each known column stands in a file, if it is there.
pub(crate) type Places = [Option<usize>; COLUMNS];

/// The file's own name of each known column.
pub(crate) struct Mapping {
    names: [Option<String>; COLUMNS],
    /// Whether the caller gave the name.
    given: [bool; COLUMNS],
}

impl Mapping {
    /// Takes pairs of a known name and the file's own name. An empty own name leaves the column out.
    pub(crate) fn new(columns: &BTreeMap<String, String>) -> Result<Mapping, Error> {
        let mut mapping = Mapping {
            names: Column::ALL.map(|column| Some(column.name().to_owned())),
            given: [false; COLUMNS],
        };
        for (known, own) in columns {
            let Some(column) = Column::ALL.into_iter().find(|column| column.name() == known) else {
                let known_names = Column::ALL.map(Column::name).join(", ");
                return Err(Error::UnknownColumn { name: known.clone(), known: known_names });
            };
            let at = column as usize;
            mapping.given[at] = true;
            mapping.names[at] = (!own.is_empty()).then(|| own.clone());
        }
        for first in Column::ALL {
            for second in Column::ALL.into_iter().skip(first as usize + 1) {
                let (a, b) = (first as usize, second as usize);
                if mapping.names[a].is_none() || mapping.names[a] != mapping.names[b] {
                    continue;
                }
                // A column that was mapped to one known name no longer stands for the name it bears.
                match (mapping.given[a], mapping.given[b]) {
                    (true, true) => {
                        let name = mapping.names[a].clone().unwrap_or_default();
                        return Err(Error::DoubleMapping {
                            first: first.name(),
                            second: second.name(),
                            name,
                        });
                    }
                    (true, false) => mapping.names[b] = None,
                    _ => mapping.names[a] = None,
                }
            }
        }
        Ok(mapping)
    }

    /// Where the columns stand in a file with this header.
    pub(crate) fn resolve<S: AsRef<str>>(&self, path: &str, header: &[S]) -> Result<Places, Error> {
        let mut places = [None; COLUMNS];
        for column in Column::ALL {
            let Some(name) = &self.names[column as usize] else { continue };
            let mut found =
                header.iter().enumerate().filter(|(_, own)| own.as_ref() == name).map(|(at, _)| at);
            places[column as usize] = found.next();
            if found.next().is_some() {
                return Err(Error::DoubleColumn { path: path.to_owned(), name: name.clone() });
            }
        }
        let there = |column: Column| places[column as usize].is_some();
        match self.missing(there, true) {
            Some(column) => Err(self.missing_error(path, column, header.iter().map(AsRef::as_ref))),
            None => Ok(places),
        }
    }

    /// The known columns that a file calls by this name.
    pub(crate) fn find(&self, own: &str) -> Option<Column> {
        Column::ALL.into_iter().find(|&column| self.names[column as usize].as_deref() == Some(own))
    }

    /// The first column that is not there but should be: a needed one or, if `mapped`, one that was mapped.
    pub(crate) fn missing(&self, there: impl Fn(Column) -> bool, mapped: bool) -> Option<Column> {
        Column::ALL.into_iter().find(|&column| {
            let asked = mapped && self.given[column as usize] && self.names[column as usize].is_some();
            (column.needed() || asked) && !there(column)
        })
    }

    /// The error for a column that is not there.
    pub(crate) fn missing_error<'s>(
        &self,
        path: &str,
        column: Column,
        header: impl Iterator<Item = &'s str>,
    ) -> Error {
        let found: Vec<String> = header.map(|name| format!("`{name}`")).collect();
        let more = found.len().saturating_sub(LISTED);
        let mut found = match found.len() {
            0 => "no columns".to_owned(),
            len => found[..len.min(LISTED)].join(", "),
        };
        if more > 0 {
            found.push_str(&format!(" and {more} more"));
        }
        let path = path.to_owned();
        match &self.names[column as usize] {
            Some(name) if self.given[column as usize] => {
                Error::MissingMapped { path, column: column.name(), name: name.clone(), found }
            }
            _ => Error::MissingColumn { path, column: column.name(), found },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(pairs: &[(&str, &str)]) -> Result<Mapping, Error> {
        Mapping::new(&pairs.iter().map(|&(known, own)| (known.to_owned(), own.to_owned())).collect())
    }

    #[test]
    fn a_file_is_read_by_its_own_names() {
        let mapping = mapping(&[("customer_id", "member"), ("amount", "quantity"), ("kind", "")]).unwrap();
        let places = mapping.resolve("f", &["kind", "quantity", "occurred_at", "member"]).unwrap();
        assert_eq!(places[Column::CustomerId as usize], Some(3));
        assert_eq!(places[Column::Amount as usize], Some(1));
        assert_eq!(places[Column::Quantity as usize], None, "the column was given another meaning");
        assert_eq!(places[Column::Kind as usize], None, "the column was left out");
    }

    #[test]
    fn a_mapping_that_makes_no_sense_is_refused() {
        let message = |pairs: &[(&str, &str)]| mapping(pairs).err().unwrap().to_string();
        assert!(message(&[("customer", "c")]).starts_with("`customer` is no column"));
        assert!(message(&[("amount", "x"), ("quantity", "x")]).contains("both `amount` and `quantity`"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let message = |pairs: &[(&str, &str)], header: &[&str]| {
            mapping(pairs).unwrap().resolve("f.csv", header).unwrap_err().to_string()
        };
        let plain = message(&[], &["id", "occurred_at", "amount"]);
        assert!(
            plain.contains("`f.csv` has no column `customer_id`; it has `id`, `occurred_at`, `amount`"),
            "{plain}"
        );
        assert!(plain.contains("--columns customer_id=..."), "{plain}");
        let mapped = message(&[("channel", "till")], &["customer_id", "occurred_at", "amount"]);
        assert!(mapped.contains("no column `till`, which `--columns channel=till`"), "{mapped}");
        let double = message(&[], &["customer_id", "occurred_at", "amount", "amount"]);
        assert!(double.contains("two columns named `amount`"), "{double}");
    }
}
