//! A text for people, in every language at once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::set::Lang;

/// A text in every language: what an answer carries whose reader is not known yet. In JSON an object of language codes,
/// `{"zh": "...", "en": "..."}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
    /// Further languages by their code.
    #[serde(flatten)]
    pub others: BTreeMap<String, String>,
}

impl Text {
    /// A text in Chinese and English.
    pub fn new(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Text { zh: zh.into(), en: en.into(), others: BTreeMap::new() }
    }

    /// A text that is written in each language.
    ///
    /// ```
    /// use homing_locales::{Text, t};
    ///
    /// let text = Text::of(|lang| t!(lang, "days", n = 3));
    /// assert_eq!(text.en, "3 days");
    /// ```
    pub fn of<T: Into<String>>(write: impl Fn(Lang) -> T) -> Self {
        let mut text = Text::default();
        for lang in Lang::all() {
            text.set(lang, write(lang).into());
        }
        text
    }

    /// Puts a text in for a language.
    pub fn set(&mut self, lang: Lang, text: String) {
        match lang.code() {
            "zh" => self.zh = text,
            "en" => self.en = text,
            code => drop(self.others.insert(code.to_owned(), text)),
        }
    }

    /// The text in a language, or in English where it has none of it.
    #[must_use]
    pub fn within(&self, lang: Lang) -> &str {
        let own = match lang.code() {
            "zh" => &self.zh,
            "en" => &self.en,
            code => self.others.get(code).unwrap_or(&self.en),
        };
        if own.is_empty() { &self.en } else { own }
    }
}
