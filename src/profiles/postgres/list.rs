//! Listing: one page of profiles in order, each page one or more seeks into an index.

use std::fmt::Write;

use tokio_postgres::types::ToSql;

use super::read::{COLUMNS, profile_of};
use super::session::{Parameter, Wire};
use super::text::{stored, stored_value};
use super::{Fault, Inner, PostgresStore};
use crate::profiles::paging::{Stretch, after_prefix, column, read_cursor, stretches, write_cursor};
use crate::profiles::plan::value_text;
use crate::profiles::{Error, Listing, Page, Profile};

pub(super) async fn list(wire: &mut Wire, store: &PostgresStore, listing: &Listing) -> Inner<Page> {
    let limit = listing.limit.clamp(1, 1000) as usize;
    let after = match &listing.cursor {
        None => None,
        Some(cursor) => Some(read_cursor(cursor, listing).ok_or(Fault::Known(Error::BadCursor))?),
    };
    // The stretches of a page are seen at one moment.
    wire.run("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
    let mut rows: Vec<(Option<f64>, Profile)> = Vec::new();
    for stretch in stretches(listing.sort, after.as_ref()) {
        // One more than asked for tells whether there is a page after this one.
        let missing = limit + 1 - rows.len();
        if missing == 0 {
            break;
        }
        let query = compose(listing, &stretch, missing)?;
        let values: Vec<Parameter<'_>> =
            query.values.iter().map(|value| value.as_ref() as Parameter<'_>).collect();
        for row in wire.query(&query.text, &values).await? {
            rows.push((row.try_get(14)?, profile_of(&row, store)?));
        }
    }
    wire.run("COMMIT").await?;
    let next = if rows.len() > limit {
        rows.truncate(limit);
        rows.last().map(|(key, profile)| write_cursor(listing, *key, &profile.customer_id))
    } else {
        None
    };
    Ok(Page { profiles: rows.into_iter().map(|(_, profile)| profile).collect(), next })
}

/// A query in the making.
struct Query {
    text: String,
    values: Vec<Box<dyn ToSql + Sync + Send>>,
}

impl Query {
    fn and(&mut self, condition: std::fmt::Arguments<'_>) {
        let joint = if self.text.contains(" WHERE ") { " AND " } else { " WHERE " };
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{joint}{condition}");
    }

    /// Takes a value and gives its place in the text.
    fn value(&mut self, value: impl ToSql + Sync + Send + 'static) -> String {
        self.values.push(Box::new(value));
        format!("${}", self.values.len())
    }

    fn text_value(&mut self, text: &str) -> String {
        self.value(stored(text).into_owned())
    }
}

/// The query for the first `limit` profiles of a stretch.
fn compose(listing: &Listing, stretch: &Stretch<'_>, limit: usize) -> Inner<Query> {
    let key = column(listing.sort);
    let selected = key.map_or_else(|| "NULL::float8".to_owned(), |key| format!("p.{key}"));
    // The subquery among the columns has a WHERE of its own: the conditions go into one in FROM.
    let mut query = Query { text: "SELECT * FROM homing.profiles p".to_owned(), values: Vec::new() };
    for (name, value) in &listing.tags {
        let canonical = serde_json::from_str(&value_text(value)).unwrap_or_default();
        let pair = serde_json::json!({ stored(name).into_owned(): stored_value(&canonical) });
        let pair = query.value(pair.to_string());
        query.and(format_args!("p.tags @> {pair}::text::jsonb"));
    }
    for (column, (from, to)) in [("churn_risk", listing.churn_risk), ("value_at_risk", listing.value_at_risk)]
    {
        for (edge, sign) in [(from, ">="), (to, "<=")] {
            if let Some(edge) = edge {
                let edge = query.value(edge);
                query.and(format_args!("p.{column} {sign} {edge}"));
            }
        }
    }
    if let Some(prefix) = listing.id_prefix.as_deref().filter(|prefix| !prefix.is_empty()) {
        let prefix = stored(prefix).into_owned();
        let end = after_prefix(&prefix);
        let from = query.value(prefix);
        query.and(format_args!("p.customer_id >= {from}"));
        if let Some(end) = end {
            let end = query.value(end);
            query.and(format_args!("p.customer_id < {end}"));
        }
    }
    bound(&mut query, key, stretch);
    let order = key.map_or_else(|| "p.customer_id".to_owned(), |key| format!("p.{key} DESC, p.customer_id"));
    let limit = query.value(limit as i64);
    query.text = format!(
        "SELECT {COLUMNS}, {selected} FROM ({} ORDER BY {order} LIMIT {limit}) p ORDER BY {order}",
        query.text
    );
    Ok(query)
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
        let after = query.text_value(after);
        query.and(format_args!("p.customer_id > {after}"));
    }
}
