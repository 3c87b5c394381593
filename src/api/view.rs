//! Which parts of a profile a caller asks for: `fields=`, `tags=values` and `expand=`.

use serde_json::{Map, Value};

use super::query::Parameter;
use crate::service::Problem;
use crate::service::problem::nearest;

/// The parts of a profile.
const PARTS: [&str; 6] = ["customer_id", "attributes", "tags", "prediction", "history", "next_action"];

/// The parameters by name, with what they mean.
/// What else is known of a customer and can come with the profile.
pub(super) const EXPANSIONS: [&str; 3] = ["consent", "next", "next_action"];

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
