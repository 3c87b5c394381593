//! Tags in words.

use homing_locales::Text;
use homing_models::clusters::{Cluster, Clusters};
use serde_json::Value;

use super::words::{Lang, t};
use crate::aggregates::{Aggregates, Count};
use homing_charts::Tone;
use homing_profiles::Profile;
use homing_tags::names::{CHURN_LEVEL, HIGH};
use homing_tags::{Catalogue, Definition};

/// What the model at work says of its clusters, by the value of the tag that tells them.
#[derive(Debug, Default)]
pub(super) struct ClusterWords(Vec<(String, Text, Text)>);

impl ClusterWords {
    /// The words of a model's clusters.
    pub fn new(clusters: Option<&Clusters>) -> Self {
        let told = |one: &Cluster| (format!("c{}", one.id), one.name.clone(), one.text.clone());
        ClusterWords(clusters.map_or_else(Vec::new, |clusters| clusters.clusters.iter().map(told).collect()))
    }

    /// Name and description of a cluster.
    pub fn of(&self, value: &str) -> Option<(&Text, &Text)> {
        let found = self.0.iter().find(|(known, ..)| known == value)?;
        Some((&found.1, &found.2))
    }
}

/// A tag's value, to be shown as a small label.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Chip {
    /// What the tag is called.
    pub name: String,
    /// Its value in words.
    pub value: String,
    pub tone: Tone,
}

/// A value that a tag may take.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Choice {
    /// As it stands in the address.
    pub key: String,
    pub label: String,
    pub value: Value,
}

/// The words of a catalogue in one language.
#[derive(Clone, Copy)]
pub(super) struct Labels<'a> {
    pub catalogue: &'a Catalogue,
    pub lang: Lang,
}

impl<'a> Labels<'a> {
    fn text(self, text: &'a Text) -> &'a str {
        text.within(self.lang)
    }

    fn definition(self, tag: &str) -> Option<&'a Definition> {
        self.catalogue.tags().iter().find(|definition| definition.name == tag)
    }

    /// What a tag is called; a tag that the catalogue does not know keeps its bare name.
    pub fn name(self, tag: &str) -> String {
        self.definition(tag).map_or(tag, |definition| self.text(&definition.labels)).to_owned()
    }

    /// What a tag means.
    pub fn meaning(self, tag: &str) -> Option<String> {
        self.definition(tag).map(|definition| self.text(&definition.meaning).to_owned())
    }

    /// The place of a tag in the catalogue; what it does not know comes last.
    pub fn place(self, tag: &str) -> usize {
        let tags = self.catalogue.tags();
        tags.iter().position(|definition| definition.name == tag).unwrap_or(tags.len())
    }

    /// A value of a tag in words.
    pub fn value(self, tag: &str, value: &Value) -> String {
        let listed =
            self.definition(tag).and_then(|found| found.values.iter().find(|one| same(&one.value, value)));
        if let Some(listed) = listed {
            return self.text(&listed.labels).to_owned();
        }
        let lang = self.lang;
        match value {
            Value::Bool(true) => t!(lang, "yes").to_owned(),
            Value::Bool(false) => t!(lang, "no").to_owned(),
            // A count that an expression made of decimals is a whole number all the same.
            Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), |x| lang.number(x)),
            // Dates are stored as in ISO 8601 and shown as the language writes them.
            Value::String(text) if is_date(text) => lang.date(text),
            value => key(value),
        }
    }

    /// The values that a tag may take, in the catalogue's order.
    pub fn choices(self, tag: &str) -> Vec<Choice> {
        let values = self.definition(tag).map_or(&[][..], |definition| &definition.values);
        let choice = |value: &Value, label: &str| Choice {
            key: key(value),
            label: label.to_owned(),
            value: value.clone(),
        };
        values.iter().map(|one| choice(&one.value, self.text(&one.labels))).collect()
    }

    /// The values of a tag with their customers: as the catalogue orders them, then those that it does not know. Each with its
    /// key and its words.
    pub fn counted(self, aggregates: &Aggregates, tag: &str) -> Vec<(String, String, Count)> {
        let choices = self.choices(tag);
        let texts: Vec<String> = choices.iter().map(|choice| choice.value.to_string()).collect();
        let known = choices
            .iter()
            .zip(&texts)
            .map(|(choice, text)| (choice.key.clone(), choice.label.clone(), aggregates.count(tag, text)));
        let values = aggregates.values(tag).into_iter();
        let own = values.filter(|(value, _)| texts.iter().all(|text| text != value));
        let own = own.map(|(value, customers)| {
            let parsed = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
            (key(&parsed), self.value(tag, &parsed), customers)
        });
        known.chain(own).collect()
    }

    /// A tag of a profile as a chip.
    pub fn chip(self, profile: &Profile, tag: &str) -> Option<Chip> {
        let stored = profile.tags.get(tag)?;
        let tone = if tag == CHURN_LEVEL { level_tone(&stored.value) } else { Tone::Plain };
        Some(Chip { name: self.name(tag), value: self.value(tag, &stored.value), tone })
    }
}

/// The tone of a churn level; a level of another catalogue is plain.
pub(super) fn level_tone(level: &Value) -> Tone {
    match level.as_str() {
        Some(HIGH) => Tone::High,
        Some("medium") => Tone::Medium,
        Some("low") => Tone::Low,
        _ => Tone::Plain,
    }
}

/// Whether a text is a date and nothing else: `2011-09-12`.
fn is_date(text: &str) -> bool {
    text.len() == 10 && text.parse::<chrono::NaiveDate>().is_ok()
}

/// A value as it stands in the address.
pub(super) fn key(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Whether two values are one: 5 and 5.0 are.
fn same(a: &Value, b: &Value) -> bool {
    a == b || a.as_f64().is_some_and(|number| b.as_f64() == Some(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_put_into_words_and_unknown_ones_shown_as_they_are() {
        let catalogue = Catalogue::shipped().unwrap();
        let labels = Labels { catalogue: &catalogue, lang: Lang::from_code("zh").unwrap() };
        assert_eq!(labels.name(CHURN_LEVEL), "流失风险等级");
        assert_eq!(labels.value(CHURN_LEVEL, &"high".into()), "高风险");
        assert_eq!(labels.value(CHURN_LEVEL, &"odd".into()), "odd");
        assert_eq!(labels.value("signal.unfollowed", &true.into()), "是");
        assert_eq!(
            (labels.name("own.tag"), labels.value("own.tag", &12345.into())),
            ("own.tag".into(), "12,345".into())
        );
        assert_eq!(
            (labels.value("own.tag", &0.131.into()), labels.value("own.tag", &(-3).into())),
            ("0.13".into(), "−3".into())
        );
        assert_eq!(labels.value("own.tag", &3.0.into()), "3");
        let english = Labels { catalogue: &catalogue, lang: Lang::ENGLISH };
        let dated = |text: &str| english.value("own.tag", &text.into());
        assert_eq!((dated("2011-09-02"), dated("2011-09-02x")), ("2 Sep 2011".into(), "2011-09-02x".into()));
        let keys: Vec<String> = labels.choices(CHURN_LEVEL).into_iter().map(|choice| choice.key).collect();
        assert_eq!(keys, ["high", "medium", "low"]);
        assert!(labels.choices("own.tag").is_empty());
    }
}
