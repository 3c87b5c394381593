//! The query of `GET /v1/profiles`.

use axum::http::Uri;
use homing_datasets::Zone;
use serde_json::Value;

use super::query::parameters;
use super::view::{PARAMETERS as VIEW, View};
use crate::service::{Code, Problem};
use homing_profiles::{Listing, Sort};

/// Rows per page by default.
pub(super) const DEFAULT_LIMIT: u32 = 50;
/// Maximum rows per page.
pub(super) const MAX_LIMIT: u32 = 1000;

/// Maximum rows per page where more is looked up for each.
pub(super) const MAX_EXPANDED: u32 = 100;

/// The orders by name.
pub(super) const SORTS: [(&str, Sort); 5] = [
    ("value_at_risk", Sort::ValueAtRisk),
    ("churn_risk", Sort::ChurnRisk),
    ("clv", Sort::Clv),
    ("customer_id", Sort::CustomerId),
    ("last_order", Sort::LastOrder),
];

/// The parameters by name, with what they mean.
pub(super) const PARAMETERS: [(&str, &str); 14] = [
    (
        "tag",
        "Filter by tag, as `name:value`; repeat to combine. Several values of one tag are alternatives. Numbers, `true` and `false` match by type; quote \
         the value to match text.",
    ),
    (
        "attribute",
        "Filter by attribute, as `name:value`, like `tag`. There is no index of attributes: each page looks through a bounded number of customers \
         and may be short or empty; go on while there is a `next`.",
    ),
    ("min_churn_risk", "Minimum churn risk."),
    ("max_churn_risk", "Maximum churn risk."),
    ("min_value_at_risk", "Minimum value at risk."),
    ("max_value_at_risk", "Maximum value at risk."),
    ("id_prefix", "Prefix of the customer id."),
    (
        "sort",
        "Sort by value at risk, churn risk, lifetime value or last order (descending), or by customer id (ascending).",
    ),
    (
        "order",
        "`asc` or `desc`, if not the usual direction of `sort`. Customers without such a value come last.",
    ),
    (
        "updated_since",
        "Only profiles whose scores and tags were computed at this time or later. A later score that hardly differs may leave a profile as it \
         was.",
    ),
    (
        "total",
        "`true`: also return `total`, the number of matching profiles, counted up to 10,000 (`total_is_exact`).",
    ),
    (
        "snapshot",
        "`true`: the list stays as it is at the first page: everybody who is on it now is listed once and in this order, whatever is written \
         meanwhile. Held by this server until 15 minutes after the last page; then the cursor has expired. At most 1,000,000 customers.",
    ),
    ("limit", "Profiles per page."),
    ("cursor", "The `next` value of the previous page. All parameters except `limit` must stay the same."),
];

/// A listing, with what is to be shown of it.
pub(super) struct Wanted {
    pub listing: Listing,
    pub view: View,
    /// Whether to count those who match.
    pub total: bool,
    /// Whether the list stays as it is at the first page.
    pub snapshot: bool,
}

/// Reads the query. Instants without an offset are in the zone.
///
/// # Errors
/// [`crate::service::Code::BadParameter`] with the name of the parameter.
pub(super) fn read(uri: &Uri, zone: Zone) -> Result<Wanted, Problem> {
    let (mut view, mut total, mut snapshot, mut ascending) = (View::default(), false, false, None);
    let mut listing = Listing { limit: DEFAULT_LIMIT, ..Listing::default() };
    for parameter in parameters(uri, &["tag", "attribute"])? {
        let value = &parameter.value;
        let number = || {
            let number = value.parse::<f64>().ok().filter(|number| number.is_finite());
            number.map(Some).ok_or_else(|| parameter.bad("use a number, such as 0.5"))
        };
        let text = || Some(value.clone()).filter(|text| !text.is_empty());
        match parameter.name.as_str() {
            "tag" => listing
                .tags
                .push(tag(value).ok_or_else(|| parameter.bad("use name:value, such as churn.level:high"))?),
            "attribute" => listing
                .attributes
                .push(tag(value).ok_or_else(|| parameter.bad("use name:value, such as city:Paris"))?),
            "min_churn_risk" => listing.churn_risk.0 = number()?,
            "max_churn_risk" => listing.churn_risk.1 = number()?,
            "min_value_at_risk" => listing.value_at_risk.0 = number()?,
            "max_value_at_risk" => listing.value_at_risk.1 = number()?,
            "id_prefix" => listing.id_prefix = text(),
            "sort" => {
                let sort = SORTS.into_iter().find(|(name, _)| name == value);
                let names = SORTS.map(|(name, _)| name).join(", ");
                listing.sort = sort.ok_or_else(|| parameter.bad(&format!("use one of {names}")))?.1;
            }
            "limit" => listing.limit = parameter.limit(MAX_LIMIT)?,
            "cursor" => listing.cursor = text(),
            "order" => {
                ascending = match value.as_str() {
                    "asc" => Some(true),
                    "desc" => Some(false),
                    _ => return Err(parameter.bad("use asc or desc")),
                }
            }
            "updated_since" => {
                let at = zone
                    .instant(value)
                    .map_err(|_| parameter.bad("use a time such as 2026-01-31T12:00:00Z"))?;
                listing.updated_since = Some(at);
            }
            "total" => total = parameter.switch()?,
            "snapshot" => snapshot = parameter.switch()?,
            _ if view.take(&parameter)? => {}
            _ => {
                let known = PARAMETERS.iter().chain(&VIEW).map(|(name, _)| *name);
                return Err(parameter.unknown(&known.collect::<Vec<_>>()));
            }
        }
    }
    let usual = listing.sort == Sort::CustomerId;
    listing.reversed = ascending.is_some_and(|ascending| ascending != usual);
    if view.expands() && listing.limit > MAX_EXPANDED {
        let detail = format!("with `expand` a page has at most {MAX_EXPANDED} profiles; lower `limit`");
        return Err(Problem::new(Code::BadParameter, detail).with("parameter", "limit"));
    }
    Ok(Wanted { listing, view, total, snapshot })
}

/// `name:value`. The name ends at the first colon.
pub(super) fn tag(text: &str) -> Option<(String, Value)> {
    let (name, value) = text.split_once(':').filter(|(name, value)| !name.is_empty() && !value.is_empty())?;
    let parsed = match serde_json::from_str(value) {
        Ok(value @ (Value::Bool(_) | Value::Number(_) | Value::String(_))) => value,
        _ => Value::String(value.to_owned()),
    };
    Some((name.to_owned(), parsed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Listing, Problem> {
        super::read(&format!("/v1/profiles?{query}").parse().unwrap(), Zone::default())
            .map(|wanted| wanted.listing)
    }

    #[test]
    fn every_parameter_is_read() {
        let query = "tag=churn.level:high&tag=member.tier%3A%E8%B6%85&tag=a:5&tag=b:true&tag=c:%225%22&tag=d:x:y&attribute=city:x&attribute=vip:true\
                     &min_churn_risk=0.25&max_churn_risk=1&min_value_at_risk=-5&max_value_at_risk=1e6\
                     &id_prefix=A%26+b&sort=clv&order=asc&updated_since=1970-01-02&total=true&snapshot=true&limit=1000&cursor=xyz";
        let text = |name: &str, value: &str| (name.to_owned(), Value::from(value));
        let expected = Listing {
            tags: vec![
                text("churn.level", "high"),
                text("member.tier", "超"),
                ("a".into(), 5.into()),
                ("b".into(), true.into()),
                text("c", "5"),
                text("d", "x:y"),
            ],
            attributes: vec![text("city", "x"), ("vip".into(), true.into())],
            churn_risk: (Some(0.25), Some(1.0)),
            value_at_risk: (Some(-5.0), Some(1e6)),
            id_prefix: Some("A& b".into()),
            updated_since: Some(homing_datasets::DAY),
            sort: Sort::Clv,
            reversed: true,
            limit: 1000,
            cursor: Some("xyz".into()),
        };
        assert_eq!(read(query), Ok(expected));
        assert_eq!(read(""), Ok(Listing { limit: DEFAULT_LIMIT, ..Listing::default() }));
        let names = |query: &str| {
            query.split('&').map(|pair| pair.split('=').next().unwrap().to_owned()).collect::<Vec<_>>()
        };
        for (name, _) in PARAMETERS {
            assert!(names(query).contains(&name.to_owned()), "{name} is not tried here");
        }
    }

    #[test]
    fn a_wrong_parameter_is_named() {
        for query in [
            "tag=churn",
            "tag=:x",
            "tag=x:",
            "min_churn_risk=low",
            "max_churn_risk=NaN",
            "min_value_at_risk=1e999",
            "max_value_at_risk=",
            "sort=name",
            "order=up",
            "updated_since=yesterday",
            "total=yes",
            "snapshot=1",
            "attribute=city",
            "expand=consents",
            "limit=0",
            "limit=1001",
            "limit=-1",
            "page=2",
            "limit=1&limit=2",
        ] {
            let problem = read(query).unwrap_err();
            assert_eq!(problem.code, Code::BadParameter, "{query}");
            assert_eq!(problem.members["parameter"], query.split('=').next().unwrap(), "{query}");
        }
    }
}
