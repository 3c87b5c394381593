//! The languages of the report.

use std::str::FromStr;

use serde::Serialize;

/// A language of the report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lang {
    /// Chinese.
    Zh,
    /// English.
    #[default]
    En,
}

impl Lang {
    /// Both, in the order of the switch.
    pub const ALL: [Lang; 2] = [Lang::Zh, Lang::En];

    /// Its code: `zh` or `en`.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.pick("zh", "en")
    }

    pub(super) fn tag(self) -> &'static str {
        self.pick("zh-Hans", "en")
    }

    pub(super) fn name(self) -> &'static str {
        self.pick("中文", "English")
    }

    /// The text in this language.
    pub(super) fn text(self, zh: &str, en: &str) -> String {
        self.pick(zh, en).to_owned()
    }

    /// The one of two texts that is in this language.
    pub(super) fn pick<T>(self, zh: T, en: T) -> T {
        match self {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }
}

impl FromStr for Lang {
    type Err = String;

    fn from_str(code: &str) -> Result<Self, String> {
        let found = Lang::ALL.into_iter().find(|lang| lang.code() == code);
        found.ok_or_else(|| format!("`{code}` is no language of the report; give zh or en"))
    }
}
