//! Listing: one page of profiles in order, each page one or more seeks into an index.

use std::fmt::Write;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::read::{COLUMNS, ProfileRow};
use super::rows::TagNames;
use super::{Fault, Inner, SqliteStore};
use crate::profiles::plan::{fingerprint, value_text};
use crate::profiles::{Error, Listing, Page, Sort};

/// Up to so many profiles with a tag are fetched and sorted; where more have it, the order's own index is walked.
const FEW: i64 = 20_000;

/// Where a page ended.
struct Position {
    /// The value that the listing is sorted by; `None` for a customer without scores, and when sorted by id.
    key: Option<f64>,
    customer_id: String,
}

/// A stretch of the order. One after the other they make the whole, and each is one seek into the index.
enum Stretch<'a> {
    /// Every profile in the order of ids, after this one.
    ById(Option<&'a str>),
    /// Profiles with exactly this key (`None`: without scores), after this id.
    Tied(Option<f64>, Option<&'a str>),
    /// Profiles with a key, and one below this.
    Below(Option<f64>),
}

pub(super) fn list(
    connection: &Connection,
    names: &mut TagNames,
    store: &SqliteStore,
    listing: &Listing,
) -> Inner<Page> {
    let limit = listing.limit.clamp(1, 1000) as usize;
    let after = match &listing.cursor {
        None => None,
        Some(cursor) => Some(read_cursor(cursor, listing).ok_or(Fault::Known(Error::BadCursor))?),
    };
    let Some(tags) = Tags::resolve(connection, names, listing)? else { return Ok(Page::default()) };
    let mut rows: Vec<(Option<f64>, ProfileRow)> = Vec::new();
    for stretch in stretches(listing.sort, after.as_ref()) {
        // One more than asked for tells whether there is a page after this one.
        let missing = limit + 1 - rows.len();
        if missing == 0 {
            break;
        }
        fetch(connection, listing, &tags, &stretch, missing, &mut rows)?;
    }
    let next = if rows.len() > limit {
        rows.truncate(limit);
        rows.last().map(|(key, row)| write_cursor(listing, *key, &row.customer_id))
    } else {
        None
    };
    let profiles =
        rows.into_iter().map(|(_, row)| row.finish(connection, names, store)).collect::<Inner<Vec<_>>>()?;
    Ok(Page { profiles, next })
}

fn column(sort: Sort) -> Option<&'static str> {
    match sort {
        Sort::ValueAtRisk => Some("value_at_risk"),
        Sort::ChurnRisk => Some("churn_risk"),
        Sort::Clv => Some("clv"),
        Sort::CustomerId => None,
    }
}

fn stretches(sort: Sort, after: Option<&Position>) -> Vec<Stretch<'_>> {
    use Stretch::{Below, ById, Tied};
    match (sort, after) {
        (Sort::CustomerId, after) => vec![ById(after.map(|after| after.customer_id.as_str()))],
        (_, None) => vec![Below(None), Tied(None, None)],
        (_, Some(Position { key: None, customer_id })) => vec![Tied(None, Some(customer_id))],
        (_, Some(Position { key, customer_id })) => {
            vec![Tied(*key, Some(customer_id)), Below(*key), Tied(None, None)]
        }
    }
}

/// The tags asked for, by number, and whether to start from them.
struct Tags {
    wanted: Vec<(i64, String)>,
    /// The position of a tag that few profiles have.
    rare: Option<usize>,
}

impl Tags {
    /// `None` when no profile can have them all.
    fn resolve(connection: &Connection, names: &mut TagNames, listing: &Listing) -> Inner<Option<Self>> {
        let mut count = connection.prepare_cached(
            "SELECT count(*) FROM (SELECT 1 FROM tags WHERE tag = ?1 AND value = ?2 LIMIT ?3)",
        )?;
        let (mut wanted, mut rarest) = (Vec::new(), (FEW, None));
        for (name, value) in &listing.tags {
            let Some(tag) = names.number(connection, name)? else { return Ok(None) };
            let value = value_text(value);
            let found: i64 = count.query_row((tag, &value, FEW), |row| row.get(0))?;
            if found < rarest.0 {
                rarest = (found, Some(wanted.len()));
            }
            wanted.push((tag, value));
        }
        Ok(Some(Tags { wanted, rare: rarest.1 }))
    }
}

/// A query in the making.
struct Query {
    text: String,
    values: Vec<Value>,
}

impl Query {
    fn and(&mut self, condition: std::fmt::Arguments<'_>) {
        let joint = if self.text.contains(" WHERE ") { " AND " } else { " WHERE " };
        self.text.push_str(joint);
        // Writing to a String cannot fail.
        let _ = self.text.write_fmt(condition);
    }

    /// Takes a value and gives its place in the text.
    fn value(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("?{}", self.values.len())
    }
}

fn fetch(
    connection: &Connection,
    listing: &Listing,
    tags: &Tags,
    stretch: &Stretch<'_>,
    limit: usize,
    rows: &mut Vec<(Option<f64>, ProfileRow)>,
) -> Inner<()> {
    let query = compose(listing, tags, stretch, limit);
    let mut statement = connection.prepare_cached(&query.text)?;
    let found = statement
        .query_map(params_from_iter(query.values), |row| Ok((row.get(12)?, ProfileRow::of(row)?)))?;
    for row in found {
        rows.push(row?);
    }
    Ok(())
}

/// The query for the first `limit` profiles of a stretch.
fn compose(listing: &Listing, tags: &Tags, stretch: &Stretch<'_>, limit: usize) -> Query {
    let key = column(listing.sort);
    let mut query = Query { text: format!("SELECT {COLUMNS}, "), values: Vec::new() };
    match key {
        Some(key) => query.text.push_str(&format!("p.{key} FROM ")),
        None => query.text.push_str("NULL FROM "),
    }
    // CROSS JOIN keeps the order of the tables as written.
    query.text.push_str(if tags.rare.is_some() { "tags t CROSS JOIN profiles p" } else { "profiles p" });
    for (at, (tag, value)) in tags.wanted.iter().enumerate() {
        let (tag, value) = (query.value(*tag), query.value(value.clone()));
        if tags.rare == Some(at) {
            query.and(format_args!("t.tag = {tag} AND t.value = {value} AND p.profile = t.profile"));
        } else {
            query.and(format_args!(
                "EXISTS (SELECT 1 FROM tags o WHERE o.profile = p.profile AND o.tag = {tag} AND o.value = {value})"
            ));
        }
    }
    for (column, (from, to)) in [("churn_risk", listing.churn_risk), ("value_at_risk", listing.value_at_risk)]
    {
        if let Some(from) = from {
            let from = query.value(from);
            query.and(format_args!("p.{column} >= {from}"));
        }
        if let Some(to) = to {
            let to = query.value(to);
            query.and(format_args!("p.{column} <= {to}"));
        }
    }
    if let Some(prefix) = listing.id_prefix.as_deref().filter(|prefix| !prefix.is_empty()) {
        let from = query.value(prefix.to_owned());
        query.and(format_args!("p.customer_id >= {from}"));
        if let Some(end) = after_prefix(prefix) {
            let end = query.value(end);
            query.and(format_args!("p.customer_id < {end}"));
        }
    }
    bound(&mut query, key, stretch);
    match key {
        Some(key) => query.text.push_str(&format!(" ORDER BY p.{key} DESC, p.customer_id")),
        None => query.text.push_str(" ORDER BY p.customer_id"),
    }
    let limit = query.value(limit as i64);
    query.text.push_str(&format!(" LIMIT {limit}"));
    query
}

/// Narrows a query to a stretch.
fn bound(query: &mut Query, key: Option<&str>, stretch: &Stretch<'_>) {
    let after = match (stretch, key) {
        (Stretch::ById(after), _) => *after,
        (Stretch::Tied(Some(value), after), Some(key)) => {
            let value = query.value(*value);
            query.and(format_args!("p.{key} = {value}"));
            *after
        }
        (Stretch::Tied(None, after), Some(key)) => {
            query.and(format_args!("p.{key} IS NULL"));
            *after
        }
        (Stretch::Below(Some(value)), Some(key)) => {
            let value = query.value(*value);
            query.and(format_args!("p.{key} < {value}"));
            None
        }
        (Stretch::Below(None), Some(key)) => {
            query.and(format_args!("p.{key} IS NOT NULL"));
            None
        }
        (Stretch::Tied(..) | Stretch::Below(_), None) => None,
    };
    if let Some(after) = after {
        let after = query.value(after.to_owned());
        query.and(format_args!("p.customer_id > {after}"));
    }
}

/// The first text after all that start with a prefix, in the order of code points; `None` if there is none.
fn after_prefix(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        // The range of chars steps over the surrogates.
        if let Some(next) = (last..=char::MAX).nth(1) {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

/// A cursor names the listing it belongs to and the place where its page ended, in hexadecimal digits:
/// it passes through any URL.
fn write_cursor(listing: &Listing, key: Option<f64>, customer_id: &str) -> String {
    let mut bytes = mark(listing).to_vec();
    bytes.push(u8::from(key.is_some()));
    bytes.extend(key.unwrap_or_default().to_le_bytes());
    bytes.extend(customer_id.as_bytes());
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn read_cursor(cursor: &str, listing: &Listing) -> Option<Position> {
    let digits = cursor.as_bytes();
    if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let bytes: Vec<u8> = digits
        .chunks_exact(2)
        .map(|pair| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect::<Option<_>>()?;
    let rest = bytes.strip_prefix(&mark(listing))?;
    let (flag, rest) = rest.split_first()?;
    let (key, customer_id) = rest.split_first_chunk::<8>()?;
    let key = match flag {
        0 => None,
        1 => Some(f64::from_le_bytes(*key)).filter(|key| key.is_finite()),
        _ => return None,
    };
    if *flag == 1 && key.is_none() {
        return None;
    }
    Some(Position { key, customer_id: String::from_utf8(customer_id.to_vec()).ok()? })
}

/// What tells one listing's cursors from another's: the order and every condition, but not the page's size.
fn mark(listing: &Listing) -> [u8; 8] {
    let sort = [1, listing.sort as u8];
    let edge = |edge: Option<f64>| edge.map_or([0xff; 8], |value| value.to_bits().to_le_bytes());
    let edges =
        [listing.churn_risk.0, listing.churn_risk.1, listing.value_at_risk.0, listing.value_at_risk.1]
            .map(edge);
    let values: Vec<String> = listing.tags.iter().map(|(_, value)| value_text(value)).collect();
    let mut parts: Vec<&[u8]> = vec![&sort, listing.id_prefix.as_deref().unwrap_or_default().as_bytes()];
    parts.extend(edges.iter().map(<[u8; 8]>::as_slice));
    for ((name, _), value) in listing.tags.iter().zip(&values) {
        parts.extend([name.as_bytes(), value.as_bytes()]);
    }
    (fingerprint(parts) as u64).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_lies_after_all_that_start_with_it() {
        assert_eq!(after_prefix("ab").as_deref(), Some("ac"));
        assert_eq!(after_prefix("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(after_prefix("\u{D7FF}").as_deref(), Some("\u{E000}"));
        assert_eq!(after_prefix("\u{10FFFF}"), None);
    }

    #[test]
    fn every_stretch_is_a_seek_into_the_index_of_its_order() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("p.db"), homing_datasets::Zone::default()).unwrap();
        let plan = |listing: &Listing, stretch: &Stretch<'_>| {
            let tags = Tags { wanted: Vec::new(), rare: None };
            let query = compose(listing, &tags, stretch, 10);
            let plan = store.read(|connection, _| {
                let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", query.text))?;
                let steps =
                    statement.query_map(params_from_iter(query.values), |row| row.get::<_, String>(3))?;
                Ok(steps.collect::<Result<Vec<_>, _>>()?.join("; "))
            });
            plan.unwrap()
        };
        for (sort, index) in [
            (Sort::ValueAtRisk, "profiles_by_value_at_risk"),
            (Sort::ChurnRisk, "profiles_by_churn_risk"),
            (Sort::Clv, "profiles_by_clv"),
        ] {
            let listing = Listing { sort, ..Listing::default() };
            for stretch in [
                Stretch::Below(None),
                Stretch::Below(Some(0.5)),
                Stretch::Tied(Some(0.5), Some("c")),
                Stretch::Tied(None, None),
                Stretch::Tied(None, Some("c")),
            ] {
                let plan = plan(&listing, &stretch);
                assert!(
                    plan.starts_with(&format!("SEARCH p USING INDEX {index} (")) && !plan.contains(';'),
                    "{plan}"
                );
            }
        }
        let listing = Listing { sort: Sort::CustomerId, ..Listing::default() };
        let after = plan(&listing, &Stretch::ById(Some("c")));
        assert!(
            after.starts_with("SEARCH p USING INDEX sqlite_autoindex_profiles_1 (") && !after.contains(';'),
            "{after}"
        );
        let all = plan(&listing, &Stretch::ById(None));
        assert_eq!(all, "SCAN p USING INDEX sqlite_autoindex_profiles_1");
    }

    #[test]
    fn a_cursor_reads_back_and_nothing_else_does() {
        let listing = Listing { tags: vec![("a".into(), 1.into())], ..Listing::default() };
        let cursor = write_cursor(&listing, Some(-0.5), "客户\u{0} 1");
        let position = read_cursor(&cursor, &listing).unwrap();
        assert_eq!((position.key, position.customer_id.as_str()), (Some(-0.5), "客户\u{0} 1"));
        let without = read_cursor(&write_cursor(&listing, None, ""), &listing).unwrap();
        assert_eq!((without.key, without.customer_id.as_str()), (None, ""));
        for wrong in ["", "0", "zz", "é1", &cursor[2..], &cursor[..cursor.len() - 1], &cursor[..10]] {
            assert!(read_cursor(wrong, &listing).is_none(), "{wrong}");
        }
        let other = Listing { sort: Sort::Clv, ..listing };
        assert!(read_cursor(&cursor, &other).is_none());
    }
}
