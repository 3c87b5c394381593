//! The query of `GET /v1/profiles`.

use axum::http::Uri;
use serde_json::Value;

use super::query::parameters;
use crate::service::Problem;
use homing_profiles::{Listing, Sort};

/// Rows per page by default.
pub(super) const DEFAULT_LIMIT: u32 = 50;
/// Maximum rows per page.
pub(super) const MAX_LIMIT: u32 = 1000;

/// The orders by name.
pub(super) const SORTS: [(&str, Sort); 4] = [
    ("value_at_risk", Sort::ValueAtRisk),
    ("churn_risk", Sort::ChurnRisk),
    ("clv", Sort::Clv),
    ("customer_id", Sort::CustomerId),
];

/// The parameters by name, with what they mean.
pub(super) const PARAMETERS: [(&str, &str); 9] = [
    (
        "tag",
        "Filter by tag, as `name:value`; repeat to combine. Numbers, `true` and `false` match by type; quote \
         the value to match text.",
    ),
    ("min_churn_risk", "Minimum churn risk."),
    ("max_churn_risk", "Maximum churn risk."),
    ("min_value_at_risk", "Minimum value at risk."),
    ("max_value_at_risk", "Maximum value at risk."),
    ("id_prefix", "Prefix of the customer id."),
    (
        "sort",
        "Sort by value at risk, churn risk or lifetime value (descending), or by customer id (ascending).",
    ),
    ("limit", "Profiles per page."),
    ("cursor", "The `next` value of the previous page. All parameters except `limit` must stay the same."),
];

/// Reads the query.
///
/// # Errors
/// [`crate::service::Code::BadParameter`] with the name of the parameter.
pub(super) fn read(uri: &Uri) -> Result<Listing, Problem> {
    let mut listing = Listing { limit: DEFAULT_LIMIT, ..Listing::default() };
    for parameter in parameters(uri, Some("tag"))? {
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
            _ => return Err(parameter.unknown(&PARAMETERS.map(|(name, _)| name))),
        }
    }
    Ok(listing)
}

/// `name:value`. The name ends at the first colon.
fn tag(text: &str) -> Option<(String, Value)> {
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
    use crate::service::Code;

    fn read(query: &str) -> Result<Listing, Problem> {
        super::read(&format!("/v1/profiles?{query}").parse().unwrap())
    }

    #[test]
    fn every_parameter_is_read() {
        let query = "tag=churn.level:high&tag=member.tier%3A%E8%B6%85&tag=a:5&tag=b:true&tag=c:%225%22&tag=d:x:y\
                     &min_churn_risk=0.25&max_churn_risk=1&min_value_at_risk=-5&max_value_at_risk=1e6\
                     &id_prefix=A%26+b&sort=clv&limit=1000&cursor=xyz";
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
            churn_risk: (Some(0.25), Some(1.0)),
            value_at_risk: (Some(-5.0), Some(1e6)),
            id_prefix: Some("A& b".into()),
            sort: Sort::Clv,
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
