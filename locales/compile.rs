//! From a file to texts that are quick to write.

use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement, VariantKey};
use fluent_syntax::unicode::unescape_unicode_to_string;
use intl_pluralrules::PluralCategory;

use crate::format::Arg;
use crate::set::{Lang, places};

/// A text, compiled.
#[derive(Debug)]
pub(crate) struct Compiled(Vec<Part>);

#[derive(Debug)]
enum Part {
    Text(String),
    Placeholder(String),
    Select { name: String, variants: Vec<(Key, Compiled)>, otherwise: usize },
}

#[derive(Debug)]
enum Key {
    Number(f64),
    /// A plural category where the placeholder is a number, and else a word.
    Word(String, Option<PluralCategory>),
}

/// What a file has that no text may have, by its key.
pub(crate) type Refused = (String, &'static str);

/// The texts of a file with the places of their keys. Unknown keys are left out, and refused ones named.
pub(crate) fn compile(text: &str, refused: &mut Vec<Refused>) -> Vec<(usize, Compiled)> {
    let resource = match fluent_syntax::parser::parse(text) {
        Ok(resource) => resource,
        Err((resource, _)) => resource,
    };
    let (mut compiled, mut terms) = (Vec::new(), Vec::new());
    let mut add = |key: String, value: &Pattern<&str>| match pattern(value) {
        Ok(message) => {
            if let Some(&at) = places().get(key.as_str()) {
                compiled.push((at, message));
            }
        }
        Err(what) => refused.push((key, what)),
    };
    for entry in &resource.body {
        match entry {
            Entry::Message(message) => {
                if let Some(value) = &message.value {
                    add(message.id.name.to_owned(), value);
                }
                for attribute in &message.attributes {
                    add(format!("{}.{}", message.id.name, attribute.id.name), &attribute.value);
                }
            }
            Entry::Term(term) => terms.push((format!("-{}", term.id.name), TERM)),
            _ => {}
        }
    }
    refused.append(&mut terms);
    compiled
}

const TERM: &str = "terms are not supported; write the words out";
const FUNCTION: &str =
    "functions, terms and references are not supported; use { $placeholder }, a literal or a selector";

fn pattern(pattern: &Pattern<&str>) -> Result<Compiled, &'static str> {
    let mut parts = Vec::with_capacity(pattern.elements.len());
    for element in &pattern.elements {
        let part = match element {
            PatternElement::TextElement { value } => Part::Text((*value).to_owned()),
            PatternElement::Placeable { expression } => match expression {
                Expression::Inline(inline) => self::inline(inline)?,
                Expression::Select { selector, variants } => {
                    let InlineExpression::VariableReference { id } = selector else { return Err(FUNCTION) };
                    let mut compiled = Vec::with_capacity(variants.len());
                    for variant in variants {
                        compiled.push((key(&variant.key), self::pattern(&variant.value)?));
                    }
                    let otherwise = variants.iter().position(|variant| variant.default).unwrap_or(0);
                    Part::Select { name: id.name.to_owned(), variants: compiled, otherwise }
                }
            },
        };
        match (parts.last_mut(), part) {
            (Some(Part::Text(before)), Part::Text(text)) => before.push_str(&text),
            (_, part) => parts.push(part),
        }
    }
    Ok(Compiled(parts))
}

fn inline(inline: &InlineExpression<&str>) -> Result<Part, &'static str> {
    match inline {
        InlineExpression::VariableReference { id } => Ok(Part::Placeholder(id.name.to_owned())),
        InlineExpression::StringLiteral { value } => {
            Ok(Part::Text(unescape_unicode_to_string(value).into_owned()))
        }
        InlineExpression::NumberLiteral { value } => Ok(Part::Text((*value).to_owned())),
        _ => Err(FUNCTION),
    }
}

fn key(key: &VariantKey<&str>) -> Key {
    match key {
        VariantKey::NumberLiteral { value } => Key::Number(value.parse().unwrap_or(f64::NAN)),
        VariantKey::Identifier { name } => {
            let category = match *name {
                "zero" => Some(PluralCategory::ZERO),
                "one" => Some(PluralCategory::ONE),
                "two" => Some(PluralCategory::TWO),
                "few" => Some(PluralCategory::FEW),
                "many" => Some(PluralCategory::MANY),
                "other" => Some(PluralCategory::OTHER),
                _ => None,
            };
            Key::Word((*name).to_owned(), category)
        }
    }
}

impl Compiled {
    /// The text, where it has no placeholders.
    pub fn plain(&self) -> &str {
        match self.0.as_slice() {
            [Part::Text(text)] => text,
            _ => "",
        }
    }

    /// Writes the text out.
    pub fn write(&self, lang: Lang, args: &[(&str, Arg<'_>)], into: &mut String) {
        for part in &self.0 {
            match part {
                Part::Text(text) => into.push_str(text),
                Part::Placeholder(name) => {
                    if let Some((_, arg)) = args.iter().find(|(known, _)| known == name) {
                        arg.write(lang, into);
                    }
                }
                Part::Select { name, variants, otherwise } => {
                    let arg = args.iter().find(|(known, _)| known == name).map(|(_, arg)| arg);
                    let chosen = arg.and_then(|arg| choose(lang, arg, variants)).unwrap_or(*otherwise);
                    if let Some((_, variant)) = variants.get(chosen) {
                        variant.write(lang, args, into);
                    }
                }
            }
        }
    }
}

/// The variant for a value: the very number or word first, then the plural category.
fn choose(lang: Lang, arg: &Arg<'_>, variants: &[(Key, Compiled)]) -> Option<usize> {
    let Some(number) = arg.number() else {
        let word = arg.word()?;
        return variants.iter().position(|(key, _)| matches!(key, Key::Word(known, _) if *known == word));
    };
    let exactly = variants.iter().position(|(key, _)| matches!(key, Key::Number(known) if *known == number));
    if exactly.is_some() {
        return exactly;
    }
    let category = arg.plural(lang)?;
    variants.iter().position(|(key, _)| matches!(key, Key::Word(_, Some(known)) if *known == category))
}
