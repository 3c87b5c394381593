//! What is wrong with a file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use fluent_syntax::parser::parse;

use crate::compile::compile;
use crate::files::{FILES, KEYS};
use crate::placeholders;

/// A fault of a locale file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file.
    pub file: String,
    /// The line, from 1; of a missing text it is the last line.
    pub line: usize,
    /// The key, where the fault is of one text.
    pub key: String,
    /// What is wrong, and how to fix it.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file, self.line)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.what)
    }
}

/// Everything that is wrong with the files that are built in, missing texts included.
#[must_use]
pub fn problems() -> Vec<Problem> {
    FILES.iter().flat_map(|(code, text)| problems_in(code, &format!("locales/{code}.ftl"), text)).collect()
}

/// Everything that is wrong with a file of a language, missing texts included. `name` is what the messages call the file.
#[must_use]
pub fn problems_in(code: &str, name: &str, text: &str) -> Vec<Problem> {
    let mut found = faults(code, name, text);
    let keys: BTreeSet<String> = keys(text).into_keys().collect();
    let last = text.lines().count().max(1);
    for (key, _) in KEYS.iter().filter(|(key, _)| !keys.contains(*key)) {
        let what = "the text is missing; locales/en.ftl has it".to_owned();
        found.push(Problem { file: name.to_owned(), line: last, key: (*key).to_owned(), what });
    }
    found.sort();
    found
}

/// What is wrong with a file besides missing texts.
pub(crate) fn faults(code: &str, name: &str, text: &str) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut add = |line: usize, key: &str, what: String| {
        found.push(Problem { file: name.to_owned(), line, key: key.to_owned(), what });
    };
    if crate::set::plurals(code).is_none() {
        add(
            1,
            "",
            format!(
                "`{code}` is not the code of a language with known plural rules; name the file by its ISO 639 code, e.g. de.ftl"
            ),
        );
    }
    if let Err((_, errors)) = parse(text) {
        for error in errors {
            // The text that follows the fault up to the next key is lost with it.
            add(line_at(text, error.pos.start), "", format!("syntax error: {error}"));
        }
    }
    let mut refused = Vec::new();
    compile(text, &mut refused);
    for (key, what) in refused {
        add(line_of(text, &key), &key, what.to_owned());
    }
    let list = |names: &[&str]| -> String {
        let names: Vec<String> = names.iter().map(|name| format!("{{ ${name} }}")).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    for (key, (many, names)) in keys(text) {
        let line = line_of(text, &key);
        if many > 1 {
            add(line, &key, format!("the key is used {many} times; keep one"));
        }
        let Ok(at) = KEYS.binary_search_by(|(known, _)| (*known).cmp(key.as_str())) else {
            let near = KEYS.iter().map(|(known, _)| *known).min_by_key(|known| distance(known, &key));
            let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            add(line, &key, format!("locales/en.ftl has no such key{near}"));
            continue;
        };
        let known = KEYS[at].1;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        if names != known {
            add(
                line,
                &key,
                format!("placeholders are {}, but {} in locales/en.ftl", list(&names), list(known)),
            );
        }
    }
    found.sort();
    found
}

/// Every key with how often it is there and its placeholders.
fn keys(text: &str) -> BTreeMap<String, (usize, Vec<String>)> {
    let resource = match parse(text) {
        Ok(resource) => resource,
        Err((resource, _)) => resource,
    };
    let mut keys: BTreeMap<String, (usize, Vec<String>)> = BTreeMap::new();
    for (key, names) in placeholders::of(&resource) {
        let entry = keys.entry(key).or_default();
        entry.0 += 1;
        entry.1 = names.into_iter().map(str::to_owned).collect();
    }
    keys
}

fn line_at(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|byte| *byte == b'\n').count() + 1
}

/// The line of a key; the first line where there is none.
fn line_of(text: &str, key: &str) -> usize {
    let (message, attribute) = key.split_once('.').unwrap_or((key, ""));
    let begins = |line: &str, name: &str| {
        line.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    let lines = || text.lines().enumerate();
    let Some((at, _)) = lines().find(|(_, line)| begins(line, message)) else { return 1 };
    if attribute.is_empty() {
        return at + 1;
    }
    let attribute = format!(".{attribute}");
    lines().skip(at).find(|(_, line)| begins(line.trim_start(), &attribute)).map_or(at, |(at, _)| at) + 1
}

/// The number of letters that differ (Levenshtein 1966).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut before = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = before + usize::from(x != *y);
            before = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}
