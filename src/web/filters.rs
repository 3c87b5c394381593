//! The filters and the order in the address of the list of customers.

use serde_json::Value;

use super::asked::Asked;
use super::labels::Labels;
use super::state::Web;
use crate::service::problem::{clip, nearest};
use homing_profiles::{Listing, Sort};
use homing_tags::names::{CHURN_LEVEL, CLUSTER, FADING_CAUSE, LIFECYCLE_STAGE, MEMBER_TIER, TOP_CATEGORY};

pub(super) const SORT: &str = "sort";
pub(super) const PREFIX: &str = "id";
pub(super) const CURSOR: &str = "cursor";
/// Any tag with a value: `name:value`.
pub(super) const ANY: &str = "tag";

/// The question how many to contact: cost of a contact, margin and assumed effect in percent.
pub(super) const SIZE_COST: &str = "size_cost";
pub(super) const SIZE_MARGIN: &str = "size_margin";
pub(super) const SIZE_EFFECT: &str = "size_effect";
pub(super) const SIZES: [&str; 3] = [SIZE_COST, SIZE_MARGIN, SIZE_EFFECT];

/// The orders by their name in the address, the default first.
pub(super) const SORTS: [(&str, Sort); 4] = [
    ("value_at_risk", Sort::ValueAtRisk),
    ("churn_risk", Sort::ChurnRisk),
    ("clv", Sort::Clv),
    ("customer_id", Sort::CustomerId),
];

/// The tags that have a field of their own in the form, where the catalogue has them.
pub(super) fn fields(web: &Web) -> Vec<&str> {
    let known = |name: &&str| web.catalogue.tags().iter().any(|tag| tag.name == *name);
    let clusters =
        web.catalogue.tags().iter().map(|tag| tag.name.as_str()).filter(|name| name.starts_with(CLUSTER));
    [CHURN_LEVEL, LIFECYCLE_STAGE, MEMBER_TIER]
        .into_iter()
        .filter(known)
        .chain(clusters)
        .chain([TOP_CATEGORY, FADING_CAUSE].into_iter().filter(known))
        .collect()
}

/// The filters and the order in the address, without the cursor: every tag of the catalogue is a filter under its own name.
pub(super) fn filters<'a>(web: &'a Web, asked: &'a Asked) -> impl Iterator<Item = (String, String)> + 'a {
    let fields = fields(web);
    let is_tag = |name: &str| web.catalogue.tags().iter().any(|tag| tag.name == name);
    let others: Vec<&str> =
        asked.pairs().map(|(name, _)| name).filter(|name| is_tag(name) && !fields.contains(name)).collect();
    let names = fields.into_iter().chain(others).chain([ANY, SORT, PREFIX]);
    names.filter_map(|name| Some((name.to_owned(), asked.get(name)?.to_owned())))
}

/// The names in the address that are no filters, and for each the nearest that is.
pub(super) fn unknown(web: &Web, asked: &Asked) -> Vec<(String, Option<String>)> {
    let tags = || web.catalogue.tags().iter().map(|tag| tag.name.as_str());
    let known = || tags().chain([ANY, SORT, PREFIX, CURSOR]).chain(SIZES);
    let mut unknown: Vec<(String, Option<String>)> = Vec::new();
    let mut add = |name: &str, near: Option<&str>| {
        if unknown.len() < MOST_UNKNOWN && !unknown.iter().any(|(other, _)| other == name) {
            unknown.push((clip(name).to_owned(), near.map(str::to_owned)));
        }
    };
    for (name, value) in asked.pairs() {
        let tag = value.split_once(':').map_or(value, |(tag, _)| tag);
        match name {
            ANY if !tags().any(|known| known == tag) => add(tag, nearest(tag, tags())),
            SORT if !SORTS.iter().any(|(sort, _)| *sort == value) => {
                add(value, nearest(value, SORTS.map(|(sort, _)| sort)));
            }
            _ if !known().any(|known| known == name) => add(name, nearest(name, known())),
            _ => {}
        }
    }
    unknown
}

/// Unknown filters that a page names.
const MOST_UNKNOWN: usize = 5;

/// The tag and the value of a filter.
pub(super) fn tag_of(labels: Labels<'_>, name: &str, key: &str) -> (String, Value) {
    let (name, key) = if name == ANY { key.split_once(':').unwrap_or((key, "")) } else { (name, key) };
    let choice = labels.choices(name).into_iter().find(|choice| choice.key == key);
    let value = choice.map(|choice| choice.value).unwrap_or_else(|| match serde_json::from_str(key) {
        Ok(value @ (Value::Bool(_) | Value::Number(_))) => value,
        _ => key.into(),
    });
    (name.to_owned(), value)
}

/// What the address asks for.
pub(super) fn listing(web: &Web, asked: &Asked) -> Listing {
    let labels = Labels { catalogue: &web.catalogue, lang: asked.lang };
    let tags = filters(web, asked).filter(|(name, _)| name != SORT && name != PREFIX);
    let sort = SORTS.into_iter().find(|(name, _)| asked.get(SORT) == Some(name));
    Listing {
        tags: tags.map(|(name, key)| tag_of(labels, &name, &key)).collect(),
        id_prefix: asked.get(PREFIX).map(str::to_owned),
        sort: sort.map(|(_, sort)| sort).unwrap_or_default(),
        cursor: asked.get(CURSOR).map(str::to_owned),
        ..Listing::default()
    }
}
