//! The languages that there are, and their texts.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::OnceLock;

use intl_pluralrules::{PluralRuleType, PluralRules};
use unic_langid::LanguageIdentifier;

use crate::compile::{Compiled, compile};
use crate::files::{FILES, KEYS};
use crate::format::{Arg, Numbers};
use crate::problem::Problem;

/// The languages, English first.
static LOCALES: OnceLock<Vec<Locale>> = OnceLock::new();

/// One language.
pub(crate) struct Locale {
    code: String,
    pub plurals: PluralRules,
    pub numbers: Numbers,
    /// By the place of the key; `None` where the file does not have it.
    messages: Vec<Option<Compiled>>,
}

/// A language of the pages and reports.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lang(u8);

/// The place of a text among the keys of the English file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message(usize);

/// Why a folder of locale files was not taken.
#[derive(Debug)]
pub enum LoadError {
    /// The folder or a file cannot be read.
    Io(std::path::PathBuf, std::io::Error),
    /// Files have faults; every one is named.
    Faulty(Vec<Problem>),
    /// Texts were asked for before.
    TooLate,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Io(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            LoadError::Faulty(problems) => {
                let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
                f.write_str(&lines.join("\n"))
            }
            LoadError::TooLate => f.write_str("locale files must be loaded before the first text is used"),
        }
    }
}

impl std::error::Error for LoadError {}

impl Message {
    /// The text with this key and these placeholders, in any order. For [`t!`](crate::t): fails to compile where there is none.
    #[must_use]
    #[expect(clippy::panic, reason = "evaluated by the compiler: a wrong key is a compile error")]
    pub const fn of(key: &str, names: &[&str]) -> Self {
        let Some(at) = find(key) else { panic!("locales/en.ftl has no text with this key") };
        let known = KEYS[at].1;
        assert!(known.len() == names.len(), "the text has other placeholders in locales/en.ftl");
        let mut i = 0;
        while i < known.len() {
            let (mut j, mut given) = (0, false);
            while j < names.len() {
                given |= matches!(order(known[i], names[j]), 0);
                j += 1;
            }
            assert!(given, "the text has other placeholders in locales/en.ftl");
            i += 1;
        }
        Message(at)
    }

    /// The text with a key that is made at run time, e.g. of the name of a tag. Such a text has no placeholders.
    #[must_use]
    pub fn find(key: &str) -> Option<Self> {
        find(key).filter(|&at| KEYS[at].1.is_empty()).map(Message)
    }
}

/// -1, 0 or 1, as the first text is less than, equal to or greater than the second, byte by byte.
const fn order(a: &str, b: &str) -> i8 {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut i = 0;
    while i < a.len() && i < b.len() {
        if a[i] != b[i] {
            return if a[i] < b[i] { -1 } else { 1 };
        }
        i += 1;
    }
    if a.len() == b.len() {
        0
    } else if a.len() < b.len() {
        -1
    } else {
        1
    }
}

const fn find(key: &str) -> Option<usize> {
    let (mut low, mut high) = (0, KEYS.len());
    while low < high {
        let middle = low + (high - low) / 2;
        match order(KEYS[middle].0, key) {
            0 => return Some(middle),
            -1 => low = middle + 1,
            _ => high = middle,
        }
    }
    None
}

/// Adds the files `*.ftl` of a folder to the languages that are built in: a new language, or other texts for one that there is.
///
/// # Errors
/// [`LoadError`] where a file cannot be read or has a fault, or texts were used before. A text that a file leaves out is no fault:
/// it shows in English.
pub fn load(folder: &Path) -> Result<(), LoadError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |error| LoadError::Io(path, error)
    };
    let mut read: Vec<(String, String, String)> = Vec::new();
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io(folder))? {
        paths.push(entry.map_err(io(folder))?.path());
    }
    paths.sort();
    for path in paths.into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "ftl")) {
        let code = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let text = std::fs::read_to_string(&path).map_err(io(&path))?;
        read.push((code, path.display().to_string(), text));
    }
    let mut problems: Vec<Problem> = Vec::new();
    for (code, name, text) in &read {
        problems.extend(crate::problem::faults(code, name, text));
    }
    if !problems.is_empty() {
        return Err(LoadError::Faulty(problems));
    }
    let added = read.into_iter().map(|(code, _, text)| (code, text)).collect();
    LOCALES.set(locales(added)).map_err(|_| LoadError::TooLate)
}

/// Adds the files of the folder that the environment variable `HOMING_LOCALES` names, where it does. Programs call this first.
///
/// # Errors
/// As [`load`].
pub fn load_from_environment() -> Result<(), LoadError> {
    match std::env::var_os("HOMING_LOCALES").filter(|folder| !folder.is_empty()) {
        Some(folder) => load(Path::new(&folder)),
        None => Ok(()),
    }
}

fn all() -> &'static [Locale] {
    LOCALES.get_or_init(|| locales(Vec::new()))
}

fn locales(added: Vec<(String, String)>) -> Vec<Locale> {
    let mut files: Vec<(String, Vec<String>)> =
        FILES.iter().map(|(code, text)| ((*code).to_owned(), vec![(*text).to_owned()])).collect();
    for (code, text) in added {
        match files.iter_mut().find(|(known, _)| *known == code) {
            Some((_, texts)) => texts.push(text),
            None => files.push((code, vec![text])),
        }
    }
    files.into_iter().map(|(code, texts)| Locale::of(code, &texts)).collect()
}

impl Locale {
    /// What the files of a language say, the last one first. Faults are left to [`crate::problems`]: a faulty text is as good as none.
    fn of(code: String, texts: &[String]) -> Self {
        let mut messages: Vec<Option<Compiled>> = (0..KEYS.len()).map(|_| None).collect();
        for text in texts {
            for (at, message) in compile(text, &mut Vec::new()) {
                messages[at] = Some(message);
            }
        }
        let plain = |key: &str| -> String {
            find(key).and_then(|at| messages[at].as_ref()).map_or("", Compiled::plain).to_owned()
        };
        let numbers = Numbers::of(&plain);
        let plurals = plurals(&plain("locale-tag")).or_else(|| plurals(&code)).or_else(|| plurals("en"));
        #[expect(clippy::expect_used, reason = "the library knows English")]
        let plurals = plurals.expect("plural rules of English");
        Locale { code, plurals, numbers, messages }
    }
}

/// The plural rules of a language tag, or of its language alone.
pub(crate) fn plurals(tag: &str) -> Option<PluralRules> {
    let id: LanguageIdentifier = tag.parse().ok()?;
    let alone = LanguageIdentifier::from_parts(id.language, None, None, &[]);
    [id, alone].into_iter().find_map(|id| PluralRules::create(id, PluralRuleType::CARDINAL).ok())
}

impl Lang {
    /// English, which has every text.
    pub const ENGLISH: Lang = Lang(0);

    /// Every language, English first.
    pub fn all() -> impl Iterator<Item = Lang> + Clone {
        (0..all().len()).map(|at| Lang(at as u8))
    }

    /// The language with a code: `en`, `zh`.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Lang> {
        Lang::all().find(|lang| lang.code().eq_ignore_ascii_case(code))
    }

    /// The code in addresses and options: the name of the file.
    #[must_use]
    pub fn code(self) -> &'static str {
        &self.locale().code
    }

    /// The language tag (BCP 47) for browsers and screen readers.
    #[must_use]
    pub fn tag(self) -> &'static str {
        let own = find("locale-tag").and_then(|at| self.locale().messages[at].as_ref());
        own.map_or(self.code(), Compiled::plain)
    }

    /// What its speakers call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        let own = find("locale-name").and_then(|at| self.locale().messages[at].as_ref());
        own.map_or(self.code(), Compiled::plain)
    }

    /// A text without placeholders. See [`t!`](crate::t).
    #[must_use]
    pub fn text(self, message: Message) -> &'static str {
        self.message(message.0).map_or(KEYS[message.0].0, Compiled::plain)
    }

    /// A text with its placeholders filled. See [`t!`](crate::t).
    #[must_use]
    pub fn format(self, message: Message, args: &[(&str, Arg<'_>)]) -> String {
        let mut text = String::with_capacity(96);
        if let Some(compiled) = self.message(message.0) {
            compiled.write(self, args, &mut text);
        }
        text
    }

    /// A text with a key that is made at run time, e.g. of the name of a tag; `None` where English has none.
    #[must_use]
    pub fn find(self, key: &str) -> Option<&'static str> {
        Message::find(key).map(|message| self.text(message))
    }

    pub(crate) fn locale(self) -> &'static Locale {
        // Only this module makes one, from the list itself.
        &all()[usize::from(self.0)]
    }

    fn message(self, at: usize) -> Option<&'static Compiled> {
        let own = self.locale().messages[at].as_ref();
        own.or_else(|| Lang::ENGLISH.locale().messages[at].as_ref())
    }
}

impl fmt::Debug for Lang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Lang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Default for Lang {
    fn default() -> Self {
        Lang::ENGLISH
    }
}

impl std::str::FromStr for Lang {
    type Err = String;

    fn from_str(code: &str) -> Result<Self, String> {
        Lang::from_code(code).ok_or_else(|| {
            let known: Vec<&str> = Lang::all().map(Lang::code).collect();
            format!("`{code}` is not a known language; use one of {}", known.join(", "))
        })
    }
}

impl serde::Serialize for Lang {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

/// The place of every key; for [`compile`].
pub(crate) fn places() -> &'static HashMap<&'static str, usize> {
    static PLACES: OnceLock<HashMap<&'static str, usize>> = OnceLock::new();
    PLACES.get_or_init(|| KEYS.iter().enumerate().map(|(at, (key, _))| (*key, at)).collect())
}
