//! A TOML file that people write, and what is wrong in it, with the place.

use homing_models::Text;
use serde::Deserialize;
use toml::Spanned;

use super::error::{Error, nearest, position};

/// The text of a file with its name.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub text: &'a str,
    pub name: &'a str,
}

/// [`Text`], but no language may be missing, none be unknown, and none be empty.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Words {
    zh: Spanned<String>,
    en: Spanned<String>,
}

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
            _ if message.contains("missing field `zh`") || message.contains("missing field `en`") => {
                "write every text in both languages: { zh = \"...\", en = \"...\" }"
            }
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

    /// A text in both languages.
    pub fn words(self, words: Words) -> Result<Text, Error> {
        for word in [&words.zh, &words.en] {
            if word.get_ref().trim().is_empty() {
                let at = word.span().start;
                return Err(self.error(at, "the text is empty", "write the text in this language"));
            }
        }
        Ok(Text { zh: words.zh.into_inner(), en: words.en.into_inner() })
    }
}
