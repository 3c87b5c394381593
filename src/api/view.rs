//! Which parts of a profile a caller asks for: `fields=`, `tags=values` and `expand=`.

use homing_models::prediction::{NEXT_ORDER_QUARTILES, number_names};
use serde_json::{Map, Value};

use super::query::Parameter;
use crate::service::problem::{clip, nearest};
use crate::service::{App, Code, Problem};

/// The parts of a profile.
const PARTS: [&str; 6] = ["customer_id", "attributes", "tags", "prediction", "history", "next_action"];

/// What else is known of a customer and can come with the profile.
pub(super) const EXPANSIONS: [&str; 3] = ["consent", "next", "next_action"];

/// The parameters by name, with what they mean.
pub(super) const PARAMETERS: [(&str, &str); 3] = [
    (
        "fields",
        "Parts of a profile to return, separated by commas: `attributes`, `tags`, `prediction`, `history`, `next_action`. A member of a part, \
         such as `tags.churn.level` or `prediction.churn_risk`, is returned in `selected` under that name, null if there is none. \
         `customer_id` is always there.",
    ),
    (
        "tags",
        "`values`: return `tag_values`, the bare values by tag name, instead of `tags` with their provenance.",
    ),
    (
        "expand",
        "More to return with each profile, separated by commas: `consent` (as of `/v1/profiles/{id}/consent`), `next` (as of \
         `/v1/profiles/{id}/next`; null for who is not scored), `next_action` (always there for single profiles). Lists and lookups then have \
         at most 100 profiles.",
    ),
];

/// The members of `history`.
const HISTORY: [&str; 6] =
    ["events", "purchases", "orders", "spend", "first_purchase_at", "last_purchase_at"];

/// The members that `prediction` can have: for the horizons of the model, and for the one that `member` names, which a batch may have asked for.
fn prediction_names(member: &str, app: &App) -> Vec<String> {
    const OTHERS: [&str; 9] = [
        "churn_percentile",
        "next_order_at",
        "cluster",
        "reasons",
        "not_scored",
        "model",
        "as_of",
        "scored_at",
        "customer_id",
    ];
    let mut horizons = app.engine().map(|engine| engine.model().horizons.clone()).unwrap_or_default();
    let digits = member.trim_start_matches(|c: char| !c.is_ascii_digit());
    let digits = digits.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    horizons.extend(digits.parse::<u32>());
    let others = OTHERS.into_iter().chain(NEXT_ORDER_QUARTILES).map(str::to_owned);
    number_names(&horizons).into_iter().chain(others).collect()
}

/// What is left of a profile.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct View {
    fields: Option<Vec<String>>,
    values: bool,
    expand: Vec<&'static str>,
}

impl View {
    /// Takes a parameter if it is one of these.
    pub fn take(&mut self, parameter: &Parameter) -> Result<bool, Problem> {
        match parameter.name.as_str() {
            "fields" => {
                let mut fields = Vec::new();
                for field in parameter.value.split(',') {
                    let part = field.split('.').next().unwrap_or_default();
                    if !PARTS.contains(&part) || field.ends_with('.') {
                        let near = nearest(part, PARTS);
                        let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                        return Err(
                            parameter.bad(&format!("`{part}` is not a field{near} Use {}", PARTS.join(", ")))
                        );
                    }
                    fields.push(field.to_owned());
                }
                self.fields = Some(fields);
            }
            "expand" => {
                for part in parameter.value.split(',') {
                    let known = EXPANSIONS.into_iter().find(|known| *known == part);
                    let near = nearest(part, EXPANSIONS);
                    let near = near.map_or_else(String::new, |near| format!(" (did you mean `{near}`?)"));
                    let what = format!("`{part}` cannot be expanded{near}; use {}", EXPANSIONS.join(", "));
                    self.expand.push(known.ok_or_else(|| parameter.bad(&what))?);
                }
            }
            "tags" if parameter.value == "values" => self.values = true,
            "tags" if parameter.value == "full" => self.values = false,
            "tags" => return Err(parameter.bad("use values or full")),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Refuses members of parts that no profile has: null would read as "not known of this customer".
    pub fn check(&self, app: &App) -> Result<(), Problem> {
        let members = self.fields.iter().flatten().filter_map(|field| field.split_once('.'));
        for (part, member) in members {
            let known = match part {
                "tags" => app.engine().ok().and_then(|engine| {
                    Some(engine.tag_names()?.into_iter().map(str::to_owned).collect::<Vec<_>>())
                }),
                "prediction" => Some(prediction_names(member, app)),
                "history" => Some(HISTORY.map(str::to_owned).to_vec()),
                _ => None,
            };
            let Some(known) = known.filter(|known| !known.iter().any(|name| name == member)) else {
                continue;
            };
            let near = nearest(member, known.iter().map(String::as_str));
            let near = near.map_or_else(String::new, |near| format!("; did you mean `{part}.{near}`?"));
            let detail = format!("`{}` is not a member of `{part}`{near}", clip(member));
            return Err(Problem::new(Code::BadParameter, detail).with("parameter", "fields"));
        }
        Ok(())
    }

    /// Whether all of a profile is asked for.
    pub fn is_whole(&self) -> bool {
        *self == View::default()
    }

    /// Whether more is looked up for each profile.
    pub fn expands(&self) -> bool {
        !self.expand.is_empty()
    }

    /// Whether this is to come with each profile.
    pub fn has(&self, expansion: &str) -> bool {
        self.expand.contains(&expansion)
    }

    /// What is asked for of a profile.
    pub fn of(&self, profile: Value) -> Value {
        let Value::Object(mut profile) = profile else { return profile };
        if let Some(Value::Object(tags)) = profile.get_mut("tags").filter(|_| self.values) {
            tags.values_mut().for_each(|tag| *tag = tag["value"].take());
        }
        if let Some(fields) = &self.fields {
            let (mut left, mut selected) = (Map::new(), Map::new());
            let expanded = self.expand.iter().copied();
            for field in
                std::iter::once("customer_id").chain(fields.iter().map(String::as_str)).chain(expanded)
            {
                match field.split_once('.') {
                    None => left.extend(profile.get(field).map(|part| (field.to_owned(), part.clone()))),
                    Some((part, member)) => {
                        let value = profile.get(part).and_then(|part| part.get(member));
                        selected.insert(field.to_owned(), value.cloned().unwrap_or_default());
                    }
                }
            }
            if !selected.is_empty() {
                left.insert("selected".to_owned(), Value::Object(selected));
            }
            profile = left;
        }
        if self.values
            && let Some(tags) = profile.remove("tags")
        {
            profile.insert("tag_values".to_owned(), tags);
        }
        Value::Object(profile)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_view_leaves_what_was_asked_for() {
        let profile = json!({
            "customer_id": "a", "attributes": {"city": "x"}, "tags": {"churn.level": {"value": "high", "model": "m"}, "b": {"value": 1}},
            "prediction": {"churn_risk": 0.5, "clv": 3.0}, "history": {"events": 2},
        });
        let view = |query: &[(&str, &str)]| {
            let mut view = View::default();
            for (name, value) in query {
                let parameter = Parameter { name: (*name).to_owned(), value: (*value).to_owned() };
                assert!(view.take(&parameter).unwrap());
            }
            view.of(profile.clone())
        };
        assert_eq!(view(&[]), profile);
        assert_eq!(
            view(&[("fields", "prediction.clv,tags.churn.level,history,next_action"), ("tags", "values")]),
            json!({"customer_id": "a", "history": {"events": 2},
                "selected": {"prediction.clv": 3.0, "tags.churn.level": "high"}})
        );
        assert_eq!(
            view(&[("fields", "tags,tags.none,history.events"), ("tags", "values")]),
            json!({"customer_id": "a", "tag_values": {"churn.level": "high", "b": 1},
                "selected": {"tags.none": null, "history.events": 2}})
        );
        assert_eq!(view(&[("fields", "tags.churn.level")])["selected"]["tags.churn.level"]["model"], "m");
        let wrong = Parameter { name: "fields".into(), value: "tags,predictoin.clv".into() };
        let problem = View::default().take(&wrong).unwrap_err();
        assert!(problem.detail.contains("did you mean `prediction`?"), "{}", problem.detail);
    }
}
