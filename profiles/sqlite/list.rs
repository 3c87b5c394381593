//! Listing: one page of profiles in order, each page one or more seeks into an index.

use std::fmt::Write;

use rusqlite::types::Value;
use rusqlite::{Connection, Statement, params_from_iter};

use super::read::{COLUMNS, Numbered};
use super::rows::TagNames;
use super::{Fault, Inner, SqliteStore, tagged};
use crate::paging::{
    Stretch, Within, after_prefix, alternatives, column, has_attributes, ranges, read_cursor, stretches,
    write_cursor,
};
use crate::privacy::attributes_of;
use crate::state::value_text;
use crate::{Error, Listing, Page, Sort};

/// Up to so many profiles with a label, or with a beginning of the id, are fetched and sorted; where more have it, the order's own
/// index is scanned.
const FEW: i64 = if cfg!(test) { 12 } else { 4_000 };

/// Index entries that one page scans for matches; then the search stops, and the next page continues from there. No
/// request reads more than this per page.
const WALK: usize = if cfg!(test) { 15 } else { 10_000 };

type Rows = Vec<(Option<f64>, Numbered)>;

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
    let mut parts = Parts::prepare(connection, store)?;
    let mut rows: Rows = Vec::new();
    let mut search = Search { left: WALK, last: None };
    let mut broke_off = false;
    for stretch in stretches(listing.sort, after.as_ref()) {
        // One more than requested shows whether there is a page after this one.
        let missing = limit + 1 - rows.len();
        if missing == 0 {
            break;
        }
        if !tags.scans(listing) {
            fetch(connection, listing, (&tags, &mut parts), &stretch, missing, &mut rows)?;
            continue;
        }
        broke_off = search.scan(connection, listing, (&tags, &mut parts), &stretch, missing, &mut rows)?;
        if broke_off {
            break;
        }
    }
    let next = if rows.len() > limit {
        rows.truncate(limit);
        rows.last().map(|(key, row)| write_cursor(listing, *key, &row.row.customer_id))
    } else {
        search.last.filter(|_| broke_off).map(|(key, id)| write_cursor(listing, key, &id))
    };
    let profiles =
        rows.into_iter().map(|(_, row)| row.finish(connection, names, store)).collect::<Inner<Vec<_>>>()?;
    Ok(Page { profiles, next })
}

/// The ids of everybody whom a listing names; `None` past `most`.
pub(super) fn ids(
    connection: &Connection,
    names: &mut TagNames,
    store: &SqliteStore,
    listing: &Listing,
    most: usize,
) -> Inner<Option<Vec<String>>> {
    let Some(tags) = Tags::resolve(connection, names, listing)? else { return Ok(Some(Vec::new())) };
    // Every tag is looked at: nobody is found by a rare one here.
    let tags = Tags { rare: None, ..tags };
    let mut parts = Parts::prepare(connection, store)?;
    let mut ids = Vec::new();
    for stretch in stretches(listing.sort, None) {
        let query = compose_walk(listing, &stretch, i64::MAX as usize);
        let mut statement = connection.prepare_cached(&query.text)?;
        let mut entries = statement.query(params_from_iter(query.values))?;
        while let Some(entry) = entries.next()? {
            let customer_id: String = entry.get(1)?;
            if fits(listing, entry, &customer_id)?
                && tags.are_had(&mut parts, listing, entry.get(0)?, &customer_id)?
            {
                if ids.len() == most {
                    return Ok(None);
                }
                ids.push(customer_id);
            }
        }
    }
    Ok(Some(ids))
}

/// Whether an entry of the order has the scores and the beginning of the id that are asked for.
fn fits(listing: &Listing, entry: &rusqlite::Row<'_>, customer_id: &str) -> Inner<bool> {
    let [_, across] = ranges(listing);
    let mut fits = prefix(listing).is_none_or(|prefix| customer_id.starts_with(prefix));
    for (at, (_, from, to)) in across.iter().enumerate() {
        let score: Option<f64> = entry.get(3 + at)?;
        let is_within = |score: f64| from.is_none_or(|from| score >= from) && to.is_none_or(|to| score <= to);
        fits = fits && score.is_some_and(is_within);
    }
    Ok(fits)
}

/// What is looked up of each customer on the way.
struct Parts<'c> {
    tags: Statement<'c>,
    attributes: Statement<'c>,
    place: &'c str,
}

impl<'c> Parts<'c> {
    fn prepare(connection: &'c Connection, store: &'c SqliteStore) -> Inner<Self> {
        let attributes = connection.prepare(ATTRIBUTES)?;
        Ok(Parts { tags: connection.prepare(TAGS)?, attributes, place: &store.common.place })
    }

    /// Whether a customer has the attributes that are asked for.
    fn has_attributes(&mut self, listing: &Listing, customer_id: &str) -> Inner<bool> {
        if listing.attributes.is_empty() {
            return Ok(true);
        }
        let mut rows = self.attributes.query([customer_id])?;
        let Some(row) = rows.next()? else { return Ok(false) };
        let text = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        Ok(has_attributes(listing, &attributes_of(text, self.place, customer_id)?))
    }
}

/// The tags asked for, by number, and what to start from.
struct Tags {
    wanted: Vec<(u64, Vec<String>)>,
    /// The position of a tag that few profiles have.
    rare: Option<usize>,
    /// Whether few profiles have an id with the beginning that is asked for.
    few_ids: bool,
}

impl Tags {
    /// `None` when no profile can have them all.
    fn resolve(connection: &Connection, names: &mut TagNames, listing: &Listing) -> Inner<Option<Self>> {
        let mut count = connection.prepare_cached(COUNT)?;
        let (mut wanted, mut rarest) = (Vec::new(), (FEW, None));
        for (name, values) in alternatives(listing) {
            let Some(tag) = names.number(connection, name)? else { return Ok(None) };
            let values: Vec<String> = values.into_iter().map(value_text).collect();
            if let [value] = values.as_slice()
                && tagged::is_label(value)
            {
                let found: i64 = count.query_row((tag, value, FEW), |row| row.get(0))?;
                if found < rarest.0 {
                    rarest = (found, Some(wanted.len()));
                }
            }
            wanted.push((tag.unsigned_abs(), values));
        }
        let mut few_ids = false;
        if let (Some(prefix), None) = (prefix(listing), rarest.1) {
            let mut query = Query {
                text: "SELECT count(*) FROM (SELECT 1 FROM profiles p".to_owned(),
                values: Vec::new(),
            };
            begins_with(&mut query, prefix);
            let few = query.value(FEW);
            query.text.push_str(&format!(" LIMIT {few})"));
            let found: i64 = connection
                .prepare_cached(&query.text)?
                .query_row(params_from_iter(query.values), |row| row.get(0))?;
            few_ids = found < FEW;
        }
        Ok(Some(Tags { wanted, rare: rarest.1, few_ids }))
    }

    /// Whether the sort order is scanned for matches.
    fn scans(&self, listing: &Listing) -> bool {
        let by_id = listing.sort == Sort::CustomerId;
        let [_, across] = ranges(listing);
        let sought = !self.wanted.is_empty()
            || !listing.attributes.is_empty()
            || prefix(listing).is_some() && !by_id
            || !across.is_empty();
        sought && self.rare.is_none() && !self.few_ids
    }

    /// Whether a profile has them all, but for the rare one by which it was found, and the attributes.
    fn are_had(
        &self,
        parts: &mut Parts<'_>,
        listing: &Listing,
        profile: i64,
        customer_id: &str,
    ) -> Inner<bool> {
        Ok(self.tags_are_had(&mut parts.tags, profile, customer_id)?
            && parts.has_attributes(listing, customer_id)?)
    }

    fn tags_are_had(&self, statement: &mut Statement<'_>, profile: i64, customer_id: &str) -> Inner<bool> {
        let asked =
            || self.wanted.iter().enumerate().filter(|(at, _)| Some(*at) != self.rare).map(|(_, tag)| tag);
        let mut missing = asked().count();
        if missing == 0 {
            return Ok(true);
        }
        let mut rows = statement.query([profile])?;
        let Some(row) = rows.next()? else { return Ok(false) };
        for entry in tagged::entries(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?) {
            let entry = entry.map_err(|damage| Fault::tags(customer_id, &damage))?;
            missing -= asked()
                .filter(|(tag, values)| {
                    *tag == entry.number && values.iter().any(|value| value == entry.value)
                })
                .count();
            if missing == 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The beginning of the ids that are asked for, if any is.
fn prefix(listing: &Listing) -> Option<&str> {
    listing.id_prefix.as_deref().filter(|prefix| !prefix.is_empty())
}

fn begins_with(query: &mut Query, prefix: &str) {
    let from = query.value(prefix.to_owned());
    query.and(format_args!("p.customer_id >= {from}"));
    if let Some(end) = after_prefix(prefix) {
        let end = query.value(end);
        query.and(format_args!("p.customer_id < {end}"));
    }
}

/// Narrows a query to ranges of scores.
fn within(query: &mut Query, ranges: &[Within]) {
    for (column, from, to) in ranges {
        for (edge, sign) in [(from, ">="), (to, "<=")] {
            if let Some(edge) = edge {
                let edge = query.value(*edge);
                query.and(format_args!("p.{column} {sign} {edge}"));
            }
        }
    }
}

/// A search along the order.
struct Search {
    /// Entries that may still be looked at.
    left: usize,
    /// The entry that was looked at last.
    last: Option<(Option<f64>, String)>,
}

impl Search {
    /// Scans a range of the sort index and fetches the rows of the matches, until `missing` are found. Says whether the
    /// search stopped early.
    fn scan(
        &mut self,
        connection: &Connection,
        listing: &Listing,
        (tags, parts): (&Tags, &mut Parts<'_>),
        stretch: &Stretch<'_>,
        missing: usize,
        rows: &mut Rows,
    ) -> Inner<bool> {
        let query = compose_walk(listing, stretch, self.left + 1);
        let mut statement = connection.prepare_cached(&query.text)?;
        let mut whole =
            connection.prepare_cached(&format!("SELECT {COLUMNS} FROM profiles p WHERE p.profile = ?1"))?;
        let mut met = 0;
        let mut entries = statement.query(params_from_iter(query.values))?;
        while let Some(entry) = entries.next()? {
            if self.left == 0 {
                return Ok(true);
            }
            self.left -= 1;
            let (profile, customer_id): (i64, String) = (entry.get(0)?, entry.get(1)?);
            let key: Option<f64> = entry.get(2)?;
            if fits(listing, entry, &customer_id)? && tags.are_had(parts, listing, profile, &customer_id)? {
                rows.push((key, whole.query_row([profile], Numbered::of)?));
                met += 1;
                if met == missing {
                    return Ok(false);
                }
            }
            self.last = Some((key, customer_id));
        }
        Ok(false)
    }
}

/// The entries of the order's index in a stretch.
fn compose_walk(listing: &Listing, stretch: &Stretch<'_>, limit: usize) -> Query {
    let key = column(listing.sort);
    let selected = key.map_or_else(|| "NULL".to_owned(), |key| format!("p.{key}"));
    let [along, across] = ranges(listing);
    let scores: String = across.iter().map(|(column, ..)| format!(", p.{column}")).collect();
    let text = format!("SELECT p.profile, p.customer_id, {selected}{scores} FROM profiles p");
    let mut query = Query { text, values: Vec::new() };
    within(&mut query, &along);
    bound(&mut query, listing, stretch);
    order(&mut query, listing, limit);
    query
}

/// The reversed order is exactly the other way round, so that the same index serves it from its end.
fn order(query: &mut Query, listing: &Listing, limit: usize) {
    let (keys, ids) = if listing.reversed { ("ASC", "DESC") } else { ("DESC", "ASC") };
    match column(listing.sort) {
        Some(key) => query.text.push_str(&format!(" ORDER BY p.{key} {keys}, p.customer_id {ids}")),
        None => query.text.push_str(&format!(" ORDER BY p.customer_id {ids}")),
    }
    let limit = query.value(limit as i64);
    query.text.push_str(&format!(" LIMIT {limit}"));
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
    (tags, parts): (&Tags, &mut Parts<'_>),
    stretch: &Stretch<'_>,
    limit: usize,
    rows: &mut Rows,
) -> Inner<()> {
    let query = compose(listing, tags, stretch, limit);
    let mut statement = connection.prepare_cached(&query.text)?;
    let mut found = statement.query(params_from_iter(query.values))?;
    let until = rows.len() + limit;
    while let Some(row) = found.next()? {
        let customer_id = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
        if tags.are_had(parts, listing, row.get(0)?, customer_id)? {
            rows.push((row.get(12)?, Numbered::of(row)?));
            if rows.len() == until {
                break;
            }
        }
    }
    Ok(())
}

/// The query for the profiles of a stretch: the first `limit` of them, or all of the few that a tag or a beginning leaves, where
/// the rest of the tags decides which.
fn compose(listing: &Listing, tags: &Tags, stretch: &Stretch<'_>, limit: usize) -> Query {
    let key = column(listing.sort);
    let mut query = Query { text: format!("SELECT {COLUMNS}, "), values: Vec::new() };
    match key {
        Some(key) => query.text.push_str(&format!("p.{key} FROM ")),
        None => query.text.push_str("NULL FROM "),
    }
    // CROSS JOIN keeps the order of the tables as written.
    query.text.push_str(match tags.rare {
        Some(_) => "labels t CROSS JOIN profiles p",
        // Few ids: sorting them beats scanning the sort order.
        None if tags.few_ids => "profiles p INDEXED BY sqlite_autoindex_profiles_1",
        None => "profiles p",
    });
    if let Some((tag, values)) = tags.rare.and_then(|at| tags.wanted.get(at)) {
        let value = values.first().cloned().unwrap_or_default();
        let (tag, value) = (query.value(tag.cast_signed()), query.value(value));
        query.and(format_args!("t.tag = {tag} AND t.value = {value} AND p.profile = t.profile"));
    }
    ranges(listing).iter().for_each(|ranges| within(&mut query, ranges));
    if let Some(prefix) = prefix(listing) {
        begins_with(&mut query, prefix);
    }
    bound(&mut query, listing, stretch);
    let decided = tags.wanted.len() == usize::from(tags.rare.is_some()) && listing.attributes.is_empty();
    order(&mut query, listing, if decided { limit } else { i64::MAX as usize });
    query
}

/// The queries of a listing, by name, for tests of their plans.
pub(super) fn texts() -> Vec<(&'static str, String)> {
    let listing = |sort| Listing { sort, ..Listing::default() };
    let few = |listing: &Listing, rare: bool| {
        let wanted = if rare { vec![(1, vec![String::new()])] } else { Vec::new() };
        let tags = Tags { rare: rare.then_some(0), wanted, few_ids: !rare };
        compose(listing, &tags, &Stretch::Below(None), 51).text
    };
    let none = Tags { wanted: Vec::new(), rare: None, few_ids: false };
    let first = |sort| compose(&listing(sort), &none, &Stretch::Below(None), 51).text;
    let next = |sort| compose_walk(&listing(sort), &Stretch::Below(Some(0.5)), WALK).text;
    let ids = Listing { id_prefix: Some("c".to_owned()), ..Listing::default() };
    vec![
        ("list, by value at risk", first(Sort::ValueAtRisk)),
        ("list, by churn risk", first(Sort::ChurnRisk)),
        ("list, by lifetime value", first(Sort::Clv)),
        ("list, by last order", first(Sort::LastOrder)),
        ("list, lowest risk first", {
            let listing = Listing { reversed: true, ..listing(Sort::ChurnRisk) };
            compose(&listing, &none, &Stretch::Below(None), 51).text
        }),
        ("list, search along value at risk", next(Sort::ValueAtRisk)),
        ("list, search along churn risk", next(Sort::ChurnRisk)),
        ("list, a tag that few have", few(&Listing::default(), true)),
        ("list, ids that few begin with", few(&ids, false)),
        ("list, how many have a tag", COUNT.to_owned()),
        ("list, the tags of one", TAGS.to_owned()),
        ("list, the attributes of one", ATTRIBUTES.to_owned()),
    ]
}

const ATTRIBUTES: &str = "SELECT attributes FROM attributes WHERE customer_id = ?1";
const TAGS: &str = "SELECT tags FROM states WHERE profile = ?1";
const COUNT: &str = "SELECT count(*) FROM (SELECT 1 FROM labels WHERE tag = ?1 AND value = ?2 LIMIT ?3)";

/// Narrows a query to a stretch.
fn bound(query: &mut Query, listing: &Listing, stretch: &Stretch<'_>) {
    let key = column(listing.sort);
    let (beyond, later) = if listing.reversed { (">", "<") } else { ("<", ">") };
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
            query.and(format_args!("p.{key} {beyond} {value}"));
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
        query.and(format_args!("p.customer_id {later} {after}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stretch_is_a_seek_into_the_index_of_its_order() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("p.db"), homing_datasets::Zone::default()).unwrap();
        let plan = |listing: &Listing, stretch: &Stretch<'_>| {
            let tags = Tags { wanted: Vec::new(), rare: None, few_ids: false };
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
            (Sort::LastOrder, "profiles_by_last_purchase"),
        ] {
            for reversed in [false, true] {
                let listing = Listing { sort, reversed, ..Listing::default() };
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
        }
        let listing = Listing { sort: Sort::CustomerId, ..Listing::default() };
        let after = plan(&listing, &Stretch::ById(Some("c")));
        assert!(
            after.starts_with("SEARCH p USING INDEX sqlite_autoindex_profiles_1 (") && !after.contains(';'),
            "{after}"
        );
        let all = plan(&listing, &Stretch::ById(None));
        assert_eq!(all, "SCAN p USING INDEX sqlite_autoindex_profiles_1");

        // A scan for matches reads the index and nothing else.
        let scan = |sort: Sort, stretch: &Stretch<'_>| {
            let query = compose_walk(&Listing { sort, ..Listing::default() }, stretch, 10);
            let plan = store.read(|connection, _| {
                let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", query.text))?;
                let steps =
                    statement.query_map(params_from_iter(query.values), |row| row.get::<_, String>(3))?;
                Ok(steps.collect::<Result<Vec<_>, _>>()?.join("; "))
            });
            plan.unwrap()
        };
        for (sort, stretch) in [
            (Sort::ValueAtRisk, Stretch::Below(Some(0.5))),
            (Sort::ChurnRisk, Stretch::Below(None)),
            (Sort::Clv, Stretch::Tied(None, None)),
            (Sort::CustomerId, Stretch::ById(Some("c"))),
        ] {
            let plan = scan(sort, &stretch);
            assert!(plan.starts_with("SEARCH p USING COVERING INDEX") && !plan.contains(';'), "{plan}");
        }
    }
}
