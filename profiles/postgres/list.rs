//! Listing: one page of profiles in order, each page one or more seeks into an index.

use tokio_postgres::types::ToSql;

use super::read::{COLUMNS, profile_of};
use super::session::{Parameter, Wire};
use super::text::{original, stored, stored_value};
use super::{Fault, Inner, PostgresStore};
use crate::paging::{
    Stretch, Within, after_prefix, alternatives, column, has_attributes, ranges, read_cursor, stretches,
    write_cursor,
};
use crate::privacy::attributes_of;
use crate::{Error, Listing, Page, Profile, Sort};

/// Up to so many profiles with a tag, or with a beginning of the id, are fetched and sorted; where more have it, the order's own
/// index is scanned.
const FEW: i64 = if cfg!(test) { 12 } else { 2_000 };

/// Index entries that one page scans in each range for matches; then the search stops, and the next page continues
/// from there. Tags are outside their rows and compressed: reading them costs more than in SQLite.
const WALK: i64 = if cfg!(test) { 15 } else { 4_000 };

/// So many entries are scanned before anything is counted: most requested tags are common, and a page is full by
/// then, while counting a tag that a third of a million have takes 30 ms.
const PROBE: i64 = if cfg!(test) { 5 } else { 400 };

/// Profiles that one page looks through for attributes, which are read whole: there is no index of them.
const LOOK: i64 = if cfg!(test) { 15 } else { 1_000 };

pub(super) async fn list(wire: &mut Wire, store: &PostgresStore, listing: &Listing) -> Inner<Page> {
    let limit = listing.limit.clamp(1, 1000) as usize;
    let after = match &listing.cursor {
        None => None,
        Some(cursor) => Some(read_cursor(cursor, listing).ok_or(Fault::Known(Error::BadCursor))?),
    };
    // The stretches of a page are seen at one moment. No page reads the whole table, whatever the planner believes of a tag.
    wire.run("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL enable_seqscan = off")
        .await?;
    let mut rows: Vec<(Option<f64>, Profile)> = Vec::new();
    let mut broke_off = None;
    let mut stretches = stretches(listing.sort, after.as_ref());
    let probed = !listing.tags.is_empty() && listing.attributes.is_empty();
    if let Some(first) = stretches.first().filter(|_| probed) {
        rows = fetch(wire, store, &compose(listing, first, &Way::Scan(PROBE), limit + 1)).await?;
    }
    let mut way = Way::Straight;
    if rows.len() > limit {
        stretches.clear();
    } else {
        rows.clear();
        way = Way::of(wire, listing).await?;
    }
    for stretch in stretches {
        // One more than requested shows whether there is a page after this one.
        let missing = limit + 1 - rows.len();
        if missing == 0 {
            break;
        }
        let before = rows.len();
        // Who has the attributes is decided here, among all that the way leads to.
        let most = if listing.attributes.is_empty() { missing } else { i64::MAX as usize };
        let found = fetch(wire, store, &compose(listing, &stretch, &way, most)).await?;
        let found = found.into_iter().filter(|(_, profile)| has_attributes(listing, &profile.attributes));
        rows.extend(found.take(missing));
        if let (Way::Scan(scan), true) = (&way, rows.len() - before < missing) {
            let query = last_scanned(listing, &stretch, *scan);
            if let Some(row) = wire.one(&query.text, &query.parameters()).await? {
                broke_off = Some((row.try_get(0)?, original(row.try_get(1)?)));
                break;
            }
        }
    }
    wire.run("COMMIT").await?;
    let next = if rows.len() > limit {
        rows.truncate(limit);
        rows.last().map(|(key, profile)| write_cursor(listing, *key, &profile.customer_id))
    } else {
        broke_off.map(|(key, id)| write_cursor(listing, key, &id))
    };
    Ok(Page { profiles: rows.into_iter().map(|(_, profile)| profile).collect(), next })
}

/// The ids of everybody whom a listing names; `None` past `most`.
pub(super) async fn ids(
    wire: &mut Wire,
    store: &PostgresStore,
    listing: &Listing,
    most: usize,
) -> Inner<Option<Vec<String>>> {
    let mut query = Query::default();
    has_tags(&mut query, listing);
    begins_with(&mut query, listing);
    ranges(listing).iter().for_each(|ranges| within(&mut query, ranges));
    let conditions = query.conditions();
    let (keys, ids) = if listing.reversed { ("ASC", "DESC") } else { ("DESC", "ASC") };
    let order = match column(listing.sort) {
        Some(key) => format!("p.{key} {keys} NULLS LAST, p.customer_id {ids}"),
        None => format!("p.customer_id {ids}"),
    };
    let attributes = if listing.attributes.is_empty() {
        "NULL::text"
    } else {
        "(SELECT a.attributes FROM homing.attributes a WHERE a.customer_id = p.customer_id)"
    };
    // What attributes leave out is left out afterwards.
    let limit = if listing.attributes.is_empty() { most.saturating_add(1) } else { usize::MAX };
    let limit = query.value(i64::try_from(limit).unwrap_or(i64::MAX));
    let text = format!(
        "SELECT p.customer_id, {attributes} FROM homing.profiles p{conditions} ORDER BY {order} LIMIT {limit}"
    );
    let mut found = Vec::new();
    for row in wire.query(&text, &query.parameters()).await? {
        let id = original(row.try_get(0)?);
        if !listing.attributes.is_empty() {
            let own: Option<&str> = row.try_get(1)?;
            let own = own.map(|text| attributes_of(text, &store.common.place, &id)).transpose()?;
            if !has_attributes(listing, &own.unwrap_or_default()) {
                continue;
            }
        }
        found.push(id);
    }
    Ok((found.len() <= most).then_some(found))
}

/// The profiles that a query finds, and what they are ordered by.
async fn fetch(wire: &mut Wire, store: &PostgresStore, query: &Query) -> Inner<Vec<(Option<f64>, Profile)>> {
    let rows = wire.query(&query.text, &query.parameters()).await?;
    rows.iter().map(|row| Ok((row.try_get(14)?, profile_of(row, store)?))).collect()
}

/// How those who match are found.
enum Way {
    /// The order needs no search.
    Straight,
    /// Among the few with these tags.
    Tags,
    /// Among the few whose ids begin so.
    Ids,
    /// Along so many entries of the order in each stretch.
    Scan(i64),
}

impl Way {
    async fn of(wire: &mut Wire, listing: &Listing) -> Inner<Way> {
        if !listing.tags.is_empty() {
            let mut query = Query::default();
            has_tags(&mut query, listing);
            if count(wire, query, "").await? < FEW {
                return Ok(Way::Tags);
            }
        }
        let by_id = listing.sort == Sort::CustomerId;
        if prefix(listing).is_some() {
            let mut query = Query::default();
            begins_with(&mut query, listing);
            // In order, so that the index is read from its place on and not gathered first.
            if count(wire, query, " ORDER BY p.customer_id").await? < FEW {
                return Ok(Way::Ids);
            }
        }
        let [_, across] = ranges(listing);
        let sought = !listing.tags.is_empty() || prefix(listing).is_some() && !by_id || !across.is_empty();
        Ok(match (listing.attributes.is_empty(), sought) {
            (false, _) => Way::Scan(LOOK),
            (true, true) => Way::Scan(WALK),
            (true, false) => Way::Straight,
        })
    }
}

/// How many profiles meet the conditions, up to [`FEW`].
async fn count(wire: &mut Wire, mut query: Query, order: &str) -> Inner<i64> {
    let few = query.value(FEW);
    let conditions = query.conditions();
    let text =
        format!("SELECT count(*) FROM (SELECT 1 FROM homing.profiles p{conditions}{order} LIMIT {few}) p");
    let row = wire.one(&text, &query.parameters()).await?;
    Ok(row.map_or(Ok(0), |row| row.try_get(0))?)
}

/// A query in the making.
#[derive(Default)]
struct Query {
    text: String,
    conditions: Vec<String>,
    values: Vec<Box<dyn ToSql + Sync + Send>>,
}

impl Query {
    /// Takes a value and gives its place in the text.
    fn value(&mut self, value: impl ToSql + Sync + Send + 'static) -> String {
        self.values.push(Box::new(value));
        format!("${}", self.values.len())
    }

    fn text_value(&mut self, text: &str) -> String {
        self.value(stored(text).into_owned())
    }

    /// The conditions since the last time, as they follow a table.
    fn conditions(&mut self) -> String {
        let conditions = std::mem::take(&mut self.conditions);
        if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) }
    }

    fn parameters(&self) -> Vec<Parameter<'_>> {
        self.values.iter().map(|value| value.as_ref() as Parameter<'_>).collect()
    }
}

/// The beginning of the ids that are asked for, if any is.
fn prefix(listing: &Listing) -> Option<&str> {
    listing.id_prefix.as_deref().filter(|prefix| !prefix.is_empty())
}

/// All tags of which one value is asked for in one condition, so that the index finds their intersection. Alternative values of a tag are a
/// condition of their own.
fn has_tags(query: &mut Query, listing: &Listing) {
    let pair = |name: &str, value: &serde_json::Value| (stored(name).into_owned(), stored_value(value));
    let (single, several): (Vec<_>, Vec<_>) =
        alternatives(listing).into_iter().partition(|(_, values)| values.len() == 1);
    let mut asked: Vec<Vec<serde_json::Value>> = Vec::new();
    if !single.is_empty() {
        let pairs = single.iter().flat_map(|(name, values)| values.iter().map(|value| pair(name, value)));
        asked.push(vec![serde_json::Value::Object(pairs.collect())]);
    }
    for (name, values) in several {
        let one =
            |value: &&serde_json::Value| serde_json::Value::Object([pair(name, value)].into_iter().collect());
        asked.push(values.iter().map(one).collect());
    }
    for options in asked {
        let options: Vec<String> = options
            .into_iter()
            .map(|pairs| {
                let pairs = query.value(pairs.to_string());
                format!("p.tags @> {pairs}::text::jsonb")
            })
            .collect();
        query.conditions.push(format!("({})", options.join(" OR ")));
    }
}

fn begins_with(query: &mut Query, listing: &Listing) {
    let Some(prefix) = prefix(listing) else { return };
    let prefix = stored(prefix).into_owned();
    let end = after_prefix(&prefix);
    let from = query.value(prefix);
    query.conditions.push(format!("p.customer_id >= {from}"));
    if let Some(end) = end {
        let end = query.value(end);
        query.conditions.push(format!("p.customer_id < {end}"));
    }
}

/// A number as the column has it: instants are whole.
fn cast(column: &str, value: String) -> String {
    if column.ends_with("_at") { format!("{value}::float8::bigint") } else { value }
}

fn within(query: &mut Query, ranges: &[Within]) {
    for (column, from, to) in ranges {
        for (edge, sign) in [(from, ">="), (to, "<=")] {
            if let Some(edge) = edge {
                let edge = cast(column, query.value(*edge));
                query.conditions.push(format!("p.{column} {sign} {edge}"));
            }
        }
    }
}

/// How a listing is ordered, and the key that it is ordered by.
fn order(listing: &Listing) -> (String, String) {
    let key = column(listing.sort);
    let (keys, ids) = if listing.reversed { ("ASC", "DESC") } else { ("DESC", "ASC") };
    let order = match key {
        Some(key) => format!("p.{key} {keys}, p.customer_id {ids}"),
        None => format!("p.customer_id {ids}"),
    };
    (order, key.map_or_else(|| "NULL::float8".to_owned(), |key| format!("p.{key}::float8")))
}

/// The query for the first `limit` profiles of a range. What is searched is a subquery, which the planner does not
/// flatten.
fn compose(listing: &Listing, stretch: &Stretch<'_>, way: &Way, limit: usize) -> Query {
    let mut query = Query::default();
    let (order, selected) = order(listing);
    let [along, across] = ranges(listing);
    let searched = match way {
        Way::Straight => {
            begins_with(&mut query, listing);
            "homing.profiles p".to_owned()
        }
        Way::Tags => {
            has_tags(&mut query, listing);
            let searched = format!("(SELECT * FROM homing.profiles p{} OFFSET 0) p", query.conditions());
            begins_with(&mut query, listing);
            searched
        }
        Way::Ids => {
            begins_with(&mut query, listing);
            let searched = format!("(SELECT * FROM homing.profiles p{} OFFSET 0) p", query.conditions());
            has_tags(&mut query, listing);
            searched
        }
        Way::Scan(scan) => {
            let searched = scanned(&mut query, listing, stretch, *scan);
            has_tags(&mut query, listing);
            begins_with(&mut query, listing);
            searched
        }
    };
    within(&mut query, &across);
    if !matches!(way, Way::Scan(_)) {
        within(&mut query, &along);
        bound(&mut query, listing, stretch);
    }
    let conditions = query.conditions();
    let limit = query.value(limit as i64);
    query.text = format!(
        "SELECT {COLUMNS}, {selected} FROM (SELECT * FROM {searched}{conditions} ORDER BY {order} LIMIT {limit}) p
         ORDER BY {order}"
    );
    query
}

/// The entries of a range that one page scans.
fn scanned(query: &mut Query, listing: &Listing, stretch: &Stretch<'_>, scan: i64) -> String {
    let [along, _] = ranges(listing);
    within(query, &along);
    bound(query, listing, stretch);
    let (order, _) = order(listing);
    format!("(SELECT * FROM homing.profiles p{} ORDER BY {order} LIMIT {scan}) p", query.conditions())
}

/// The last entry that a page scans in a range; none if the range ends before.
fn last_scanned(listing: &Listing, stretch: &Stretch<'_>, scan: i64) -> Query {
    let mut query = Query::default();
    let [along, _] = ranges(listing);
    within(&mut query, &along);
    bound(&mut query, listing, stretch);
    let (order, selected) = order(listing);
    let conditions = query.conditions();
    let before = scan - 1;
    query.text = format!(
        "SELECT {selected}, p.customer_id FROM homing.profiles p{conditions} ORDER BY {order} OFFSET {before} LIMIT 1"
    );
    query
}

/// Narrows a query to a stretch.
fn bound(query: &mut Query, listing: &Listing, stretch: &Stretch<'_>) {
    let key = column(listing.sort);
    let (beyond, later) = if listing.reversed { (">", "<") } else { ("<", ">") };
    let after = match (stretch, key) {
        (Stretch::ById(after), _) => *after,
        (Stretch::Tied(Some(value), after), Some(key)) => {
            let value = cast(key, query.value(*value));
            query.conditions.push(format!("p.{key} = {value}"));
            *after
        }
        (Stretch::Tied(None, after), Some(key)) => {
            query.conditions.push(format!("p.{key} IS NULL"));
            *after
        }
        (Stretch::Below(Some(value)), Some(key)) => {
            let value = cast(key, query.value(*value));
            query.conditions.push(format!("p.{key} {beyond} {value}"));
            None
        }
        (Stretch::Below(None), Some(key)) => {
            query.conditions.push(format!("p.{key} IS NOT NULL"));
            None
        }
        (Stretch::Tied(..) | Stretch::Below(_), None) => None,
    };
    if let Some(after) = after {
        let after = query.text_value(after);
        query.conditions.push(format!("p.customer_id {later} {after}"));
    }
}

/// The plan of each query of a listing's first page.
#[cfg(test)]
pub(super) async fn plans(wire: &mut Wire, listing: &Listing) -> Inner<Vec<String>> {
    wire.run("BEGIN; SET LOCAL enable_seqscan = off").await?;
    let way = Way::of(wire, listing).await?;
    let mut plans = Vec::new();
    for stretch in stretches(listing.sort, None) {
        let mut queries = vec![compose(listing, &stretch, &way, 51)];
        if let Way::Scan(scan) = way {
            queries.push(last_scanned(listing, &stretch, scan));
        }
        for query in queries {
            let rows = wire.query(&format!("EXPLAIN {}", query.text), &query.parameters()).await?;
            plans.push(rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n"));
        }
    }
    wire.run("COMMIT").await?;
    Ok(plans)
}
