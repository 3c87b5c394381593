//! From TOML to definitions, with errors that name the place.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::error::position;
use super::expression::{Defined, Expression, Wrong};
use super::source::{Source, Words, shipped};
use super::variables::Variable;
use super::{Catalogue, Definition, Dimension, Error, Scale, ValueLabel, WhenEmpty};
use crate::Layer;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    define: BTreeMap<String, Spanned<toml::Value>>,
    #[serde(default)]
    scale: Vec<ScaleEntry>,
    #[serde(default)]
    tag: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScaleEntry {
    name: Spanned<String>,
    of: Spanned<String>,
    steps: Spanned<Vec<f64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Spanned<String>,
    layer: Spanned<String>,
    dimension: Spanned<String>,
    labels: Option<Words>,
    meaning: Option<Words>,
    expression: Spanned<String>,
    confidence: Option<Spanned<String>>,
    expires_after_days: Option<u32>,
    when_empty: Option<Spanned<String>>,
    #[serde(default)]
    values: Vec<Labelled>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Labelled {
    value: Spanned<toml::Value>,
    labels: Option<Words>,
    meaning: Option<Words>,
}

struct Reader<'a> {
    source: Source<'a>,
    /// What the catalogue's own names mean.
    defined: Defined,
    /// The tags' names, to distinguish a reference to a tag from a typing error.
    tags: Vec<String>,
}

pub(super) fn parse(text: &str, source: &str) -> Result<Catalogue, Error> {
    let mut reader =
        Reader { source: Source { text, name: source }, defined: Defined::new(), tags: Vec::new() };
    let file: File = toml::from_str(text).map_err(|error| {
        reader.source.toml(
            &error,
            "a tag needs name, layer, dimension and expression, and one of your own labels and meaning",
        )
    })?;
    reader.tags = file.tag.iter().map(|entry| entry.name.get_ref().clone()).collect();
    let names: Vec<String> = file.define.keys().cloned().collect();
    for name in &names {
        reader.define(name, &file.define, &mut Vec::new())?;
    }
    for scale in &file.scale {
        reader.scale(scale)?;
    }
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut tags = Vec::with_capacity(file.tag.len());
    for entry in file.tag {
        let at = entry.name.span().start;
        let tag = reader.definition(entry)?;
        if let Some(before) = places.insert(tag.name.clone(), at) {
            let (line, _) = position(text, before);
            let problem = format!("the tag `{}` is already defined in line {line}", tag.name);
            return Err(reader.source.error(at, problem, "rename or remove one of them"));
        }
        tags.push(tag);
    }
    let scales = file.scale.into_iter().map(|scale| Scale {
        name: scale.name.into_inner(),
        of: scale.of.into_inner(),
        steps: scale.steps.into_inner(),
    });
    Ok(Catalogue { tags, scales: scales.collect(), defined: reader.defined, playbook: None })
}

impl Reader<'_> {
    /// Takes in a name of `[define]`, after those that it rests on.
    fn define(
        &mut self,
        name: &str,
        all: &BTreeMap<String, Spanned<toml::Value>>,
        open: &mut Vec<String>,
    ) -> Result<(), Error> {
        let Some(value) = all.get(name).filter(|_| !self.defined.contains_key(name)) else { return Ok(()) };
        let at = value.span().start;
        if open.iter().any(|above| above == name) {
            let problem = format!("`{name}` refers to itself: {} -> {name}", open.join(" -> "));
            return Err(self.source.error(
                at,
                problem,
                "replace one of the references with numbers or variables",
            ));
        }
        self.free(name, at)?;
        let expression = match value.get_ref() {
            toml::Value::Integer(number) => Expression::compile(&format!("{number}.0"), &self.defined),
            toml::Value::Float(number) => Expression::compile(&format!("{number:?}"), &self.defined),
            toml::Value::String(text) => {
                open.push(name.to_owned());
                for needed in Expression::names_in(text) {
                    self.define(&needed, all, open)?;
                }
                open.pop();
                Expression::compile(text, &self.defined)
            }
            other => {
                let problem = format!("a definition must not be of type {}", other.type_str());
                return Err(self.source.error(at, problem, "write a number, or an expression in quotes"));
            }
        };
        let expression = expression.map_err(|Wrong { at: inside, problem, hint }| {
            self.source.error(self.content(value.span()) + inside, problem, hint)
        })?;
        self.defined.insert(name.to_owned(), expression.tree().clone());
        Ok(())
    }

    /// A scale is the number of steps that a value has reached, from 1.
    fn scale(&mut self, scale: &ScaleEntry) -> Result<(), Error> {
        let (name, steps) = (scale.name.get_ref(), scale.steps.get_ref());
        self.free(name, scale.name.span().start)?;
        let rising = steps.windows(2).all(|pair| pair[0] < pair[1]);
        let falling = steps.windows(2).all(|pair| pair[0] > pair[1]);
        if steps.is_empty() || !(rising || falling) || steps.iter().any(|step| !step.is_finite()) {
            let problem = format!("the steps of `{name}` are neither ascending nor descending");
            let hint = "write distinct steps in ascending order (more is better) or descending order (less is \
                        better)";
            return Err(self.source.error(scale.steps.span().start, problem, hint));
        }
        let of = Expression::compile(scale.of.get_ref(), &self.defined).map_err(|wrong| {
            self.source.error(self.content(scale.of.span()) + wrong.at, wrong.problem, wrong.hint)
        })?;
        let mut text = String::new();
        for (at, step) in steps.iter().enumerate().rev() {
            let sign = if rising { ">=" } else { "<=" };
            text.push_str(&format!("({}) {sign} {step:?} ? {}.0 : ", of.source(), at + 2));
        }
        text.push_str("1.0");
        let expression = Expression::compile(&text, &self.defined)
            .map_err(|wrong| self.source.error(scale.of.span().start, wrong.problem, wrong.hint))?;
        self.defined.insert(name.clone(), expression.tree().clone());
        Ok(())
    }

    /// Whether a name may be given.
    fn free(&self, name: &str, at: usize) -> Result<(), Error> {
        let plain = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !plain {
            let problem = format!("`{name}` is not a valid definition name");
            return Err(self.source.error(at, problem, "use a-z, 0-9 and _, starting with a letter"));
        }
        if Variable::named(name).is_some() || self.defined.contains_key(name) {
            let problem = format!("the name `{name}` is already in use");
            return Err(self.source.error(at, problem, "choose another name"));
        }
        Ok(())
    }

    fn definition(&self, entry: Entry) -> Result<Definition, Error> {
        let name = entry.name.get_ref();
        let part = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_lowercase())
                && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        if !name.contains('.') || !name.split('.').all(part) {
            let problem = format!("`{name}` is not a valid tag name");
            let hint = "use words of a-z, 0-9 and _ joined by dots, e.g. `churn.level`";
            return Err(self.source.error(entry.name.span().start, problem, hint));
        }
        let layer = self.source.one_of(
            &entry.layer,
            "layer",
            &["static", "dynamic", "predictive"],
            Layer::from_name,
        )?;
        let dimension = self.source.one_of(
            &entry.dimension,
            "dimension",
            &["lifecycle", "spending_power", "preference", "activity"],
            dimension,
        )?;
        let when_empty = match &entry.when_empty {
            None => WhenEmpty::default(),
            Some(word) => self.source.one_of(word, "when_empty", &["blank", "keep"], |word| match word {
                "blank" => Some(WhenEmpty::Blank),
                "keep" => Some(WhenEmpty::Keep),
                _ => None,
            })?,
        };
        let key = format!("tag-{}", name.replace('.', "-"));
        let at = entry.name.span().start;
        Ok(Definition {
            layer,
            dimension,
            when_empty,
            labels: self.source.words_or(entry.labels, "labels", at, &key)?,
            meaning: self.source.words_or(entry.meaning, "meaning", at, &format!("{key}.meaning"))?,
            values: entry
                .values
                .into_iter()
                .map(|value| self.value(&key, value))
                .collect::<Result<_, _>>()?,
            expires_after_days: entry.expires_after_days,
            expression: self.expression(name, &entry.expression)?,
            confidence: entry.confidence.as_ref().map(|text| self.expression(name, text)).transpose()?,
            place: self.content(entry.expression.span()),
            name: entry.name.into_inner(),
        })
    }

    fn value(&self, tag: &str, labelled: Labelled) -> Result<ValueLabel, Error> {
        let at = labelled.value.span().start;
        let value: serde_json::Value = match labelled.value.into_inner() {
            toml::Value::String(text) => text.into(),
            toml::Value::Boolean(truth) => truth.into(),
            toml::Value::Integer(number) => number.into(),
            toml::Value::Float(number) => number.into(),
            other => {
                let problem = format!("a value must not be of type {}", other.type_str());
                return Err(self.source.error(at, problem, "write a string, a number, true or false"));
            }
        };
        let word = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let key = format!("{tag}.value-{word}");
        let meaning = match labelled.meaning {
            Some(words) => Some(self.source.words(words, at)?),
            None => shipped(&format!("{key}-meaning")),
        };
        Ok(ValueLabel { labels: self.source.words_or(labelled.labels, "labels", at, &key)?, value, meaning })
    }

    fn expression(&self, tag: &str, text: &Spanned<String>) -> Result<Expression, Error> {
        Expression::compile(text.get_ref(), &self.defined).map_err(|Wrong { at, problem, hint }| {
            let at = self.content(text.span()) + at;
            // `rfm.segment` is a variable `rfm` with a field to CEL.
            let named =
                self.tags.iter().filter(|name| !name.is_empty() && text.get_ref().contains(name.as_str()));
            let place = |name: &String| {
                text.get_ref().find(name.as_str()).map_or(at, |inside| self.content(text.span()) + inside)
            };
            match named.max_by_key(|name| name.len()) {
                Some(name) if name == tag => self.source.error(
                    place(name),
                    format!("the tag `{tag}` refers to itself"),
                    "use variables, or names from [define]",
                ),
                Some(name) => self.source.error(
                    place(name),
                    format!("the expression refers to the tag `{name}`"),
                    "define the shared expression under [define] and use that name in both tags",
                ),
                None => self.source.error(at, problem, hint),
            }
        })
    }

    /// Where the content of a TOML string begins: behind its quotes and the line break that may follow three.
    fn content(&self, span: Range<usize>) -> usize {
        let raw = self.source.text.get(span.clone()).unwrap_or_default();
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
