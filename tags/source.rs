//! A TOML file that people write, and what is wrong in it, with the place.

use std::collections::BTreeMap;

use homing_locales::{Lang, Message, Text};
use serde::Deserialize;
use toml::Spanned;

use super::error::{Error, nearest, position};

/// The text of a file with its name.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub text: &'a str,
    pub name: &'a str,
}

/// A text of a business's own, by language code: Chinese and English are needed, further languages may be given.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Words(BTreeMap<String, Spanned<String>>);

impl Source<'_> {
    /// What is wrong at a byte of the file.
    pub fn error(self, at: usize, problem: impl Into<String>, hint: impl Into<String>) -> Error {
        let (line, column) = position(self.text, at);
        let (problem, hint) = (problem.into(), hint.into());
        Error { source_name: self.name.to_owned(), line, column, problem, hint }
    }

    /// What the TOML reader says; `needs` names the fields of an entry.
    pub fn toml(self, error: &toml::de::Error, needs: &str) -> Error {
        let message = error.message().lines().next().unwrap_or_default();
        let hint = match message {
            _ if message.contains("missing field") => needs,
            _ if message.contains("unknown field") => "remove it, or correct its name",
            _ => "fix the TOML syntax; see https://toml.io",
        };
        self.error(error.span().map_or(0, |span| span.start), message, hint)
    }

    /// A word of a list of known ones.
    pub fn one_of<T>(
        self,
        word: &Spanned<String>,
        field: &str,
        known: &[&str],
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, Error> {
        read(word.get_ref()).ok_or_else(|| {
            let hint = match nearest(word.get_ref(), known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("use one of {}", known.join(", ")),
            };
            self.error(word.span().start, format!("`{}` is not a valid {field}", word.get_ref()), hint)
        })
    }

    /// A text of the file, or else that of the locale files with this key; `at` is where it would be written.
    pub fn words_or(self, words: Option<Words>, field: &str, at: usize, key: &str) -> Result<Text, Error> {
        match words {
            Some(words) => self.words(words, at),
            None => shipped(key).ok_or_else(|| {
                let hint = format!("write it in both languages: {field} = {{ zh = \"...\", en = \"...\" }}");
                self.error(at, format!("missing field `{field}`"), hint)
            }),
        }
    }

    /// A text of the file.
    pub fn words(self, Words(words): Words, at: usize) -> Result<Text, Error> {
        let mut text = Text::default();
        let begins = words.values().map(|word| word.span().start).min().unwrap_or(at);
        for code in ["zh", "en"] {
            if !words.contains_key(code) {
                let hint = "write every text in both languages: { zh = \"...\", en = \"...\" }";
                return Err(self.error(begins, format!("missing field `{code}`"), hint));
            }
        }
        for (code, word) in words {
            let at = word.span().start;
            let Some(lang) = Lang::from_code(&code) else {
                let known: Vec<&str> = Lang::all().map(Lang::code).collect();
                let hint = format!("write one of {}", known.join(", "));
                return Err(self.error(at, format!("unknown field `{code}`: no such language"), hint));
            };
            if word.get_ref().trim().is_empty() {
                return Err(self.error(at, "the text is empty", "write it out in this language"));
            }
            text.set(lang, word.into_inner());
        }
        Ok(text)
    }
}

/// The text with a key in every language; `None` where the locale files have none.
pub(crate) fn shipped(key: &str) -> Option<Text> {
    let message = Message::find(key)?;
    Some(Text::of(|lang| lang.text(message)))
}
