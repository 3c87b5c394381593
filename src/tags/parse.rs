//! From TOML to definitions, with errors that name the place.

use std::collections::HashMap;
use std::ops::Range;

use homing_models::Text;
use serde::Deserialize;
use toml::Spanned;

use super::error::{nearest, position};
use super::expression::{Expression, Wrong};
use super::{Definition, Dimension, Error, ValueLabel, WhenEmpty};
use crate::profiles::Layer;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    tag: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Spanned<String>,
    layer: Spanned<String>,
    dimension: Spanned<String>,
    labels: Words,
    meaning: Words,
    expression: Spanned<String>,
    confidence: Option<Spanned<String>>,
    expires_after_days: Option<u32>,
    when_empty: Option<Spanned<String>>,
    #[serde(default)]
    values: Vec<Labelled>,
}

/// [`Text`], but no language may be missing, none be unknown, and none be empty.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    zh: Spanned<String>,
    en: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Labelled {
    value: Spanned<toml::Value>,
    labels: Words,
    meaning: Option<Words>,
}

struct Reader<'a> {
    text: &'a str,
    source: &'a str,
}

pub(super) fn parse(text: &str, source: &str) -> Result<Vec<Definition>, Error> {
    let reader = Reader { text, source };
    let file: File = toml::from_str(text).map_err(|error| reader.toml(&error))?;
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut tags = Vec::with_capacity(file.tag.len());
    for entry in file.tag {
        let at = entry.name.span().start;
        let tag = reader.definition(entry)?;
        if let Some(before) = places.insert(tag.name.clone(), at) {
            let (line, _) = position(text, before);
            let problem = format!("the tag `{}` stands in line {line} already", tag.name);
            return Err(reader.error(at, problem, "give it another name, or remove one of the two"));
        }
        tags.push(tag);
    }
    Ok(tags)
}

impl Reader<'_> {
    fn error(&self, at: usize, problem: impl Into<String>, hint: impl Into<String>) -> Error {
        let (line, column) = position(self.text, at);
        let (problem, hint) = (problem.into(), hint.into());
        Error { source_name: self.source.to_owned(), line, column, problem, hint }
    }

    fn toml(&self, error: &toml::de::Error) -> Error {
        let message = error.message().lines().next().unwrap_or_default();
        let hint = match message {
            _ if message.contains("missing field `zh`") || message.contains("missing field `en`") => {
                "write every text in both languages: { zh = \"...\", en = \"...\" }"
            }
            _ if message.contains("missing field") => {
                "a tag needs name, layer, dimension, labels, meaning and expression"
            }
            _ if message.contains("unknown field") => "remove it, or mend its name",
            _ => "mend the TOML; see https://toml.io",
        };
        self.error(error.span().map_or(0, |span| span.start), message, hint)
    }

    fn definition(&self, entry: Entry) -> Result<Definition, Error> {
        let name = entry.name.get_ref();
        let part = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_lowercase())
                && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        if !name.contains('.') || !name.split('.').all(part) {
            let problem = format!("`{name}` is no name for a tag");
            let hint = "write words of a-z, 0-9 and _ joined by dots, e.g. `churn.level`";
            return Err(self.error(entry.name.span().start, problem, hint));
        }
        let layer =
            self.one_of(&entry.layer, "layer", &["static", "dynamic", "predictive"], Layer::from_name)?;
        let dimension = self.one_of(
            &entry.dimension,
            "dimension",
            &["lifecycle", "spending_power", "preference", "activity"],
            dimension,
        )?;
        let when_empty = match &entry.when_empty {
            None => WhenEmpty::default(),
            Some(word) => self.one_of(word, "when_empty", &["blank", "keep"], |word| match word {
                "blank" => Some(WhenEmpty::Blank),
                "keep" => Some(WhenEmpty::Keep),
                _ => None,
            })?,
        };
        Ok(Definition {
            layer,
            dimension,
            when_empty,
            labels: self.text(entry.labels)?,
            meaning: self.text(entry.meaning)?,
            values: entry.values.into_iter().map(|value| self.value(value)).collect::<Result<_, _>>()?,
            expires_after_days: entry.expires_after_days,
            expression: self.expression(&entry.expression)?,
            confidence: entry.confidence.as_ref().map(|text| self.expression(text)).transpose()?,
            name: entry.name.into_inner(),
        })
    }

    fn one_of<T>(
        &self,
        word: &Spanned<String>,
        field: &str,
        known: &[&str],
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, Error> {
        read(word.get_ref()).ok_or_else(|| {
            let hint = match nearest(word.get_ref(), known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("write one of {}", known.join(", ")),
            };
            self.error(word.span().start, format!("`{}` is no {field}", word.get_ref()), hint)
        })
    }

    fn text(&self, words: Words) -> Result<Text, Error> {
        for word in [&words.zh, &words.en] {
            if word.get_ref().trim().is_empty() {
                return Err(self.error(
                    word.span().start,
                    "the text is empty",
                    "write it out in this language",
                ));
            }
        }
        Ok(Text { zh: words.zh.into_inner(), en: words.en.into_inner() })
    }

    fn value(&self, labelled: Labelled) -> Result<ValueLabel, Error> {
        let at = labelled.value.span().start;
        let value = match labelled.value.into_inner() {
            toml::Value::String(text) => text.into(),
            toml::Value::Boolean(truth) => truth.into(),
            toml::Value::Integer(number) => number.into(),
            toml::Value::Float(number) => number.into(),
            other => {
                let problem = format!("a value cannot be of type {}", other.type_str());
                return Err(self.error(at, problem, "write a text, a number, true or false"));
            }
        };
        let meaning = labelled.meaning.map(|words| self.text(words)).transpose()?;
        Ok(ValueLabel { value, labels: self.text(labelled.labels)?, meaning })
    }

    fn expression(&self, text: &Spanned<String>) -> Result<Expression, Error> {
        Expression::compile(text.get_ref())
            .map_err(|Wrong { at, problem, hint }| self.error(self.content(text.span()) + at, problem, hint))
    }

    /// Where the content of a TOML string begins: behind its quotes and the line break that may follow three.
    fn content(&self, span: Range<usize>) -> usize {
        let raw = self.text.get(span.clone()).unwrap_or_default();
        let quotes = if raw.starts_with("'''") || raw.starts_with("\"\"\"") { 3 } else { 1 };
        let rest = raw.get(quotes..).unwrap_or_default();
        let newline = match quotes {
            3 if rest.starts_with("\r\n") => 2,
            3 if rest.starts_with('\n') => 1,
            _ => 0,
        };
        span.start + quotes + newline
    }
}

fn dimension(name: &str) -> Option<Dimension> {
    Some(match name {
        "lifecycle" => Dimension::Lifecycle,
        "spending_power" => Dimension::SpendingPower,
        "preference" => Dimension::Preference,
        "activity" => Dimension::Activity,
        _ => return None,
    })
}
