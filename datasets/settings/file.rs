//! `homing.toml`: read, checked against the settings of both programs, looked up.

use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::error::ConfigError;
use super::keys::{self, CommandKeys, Kind, RENAMED, SECTION_ONLY, TABLES};

/// A configuration file whose keys all exist and have the right kinds.
#[derive(Clone, Debug)]
pub struct File {
    /// Where it is.
    pub path: PathBuf,
    table: Vec<(String, Entry)>,
}

/// A value of the file.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The line of its key, from 1.
    pub line: usize,
    /// The value.
    pub value: toml::Value,
    /// What is in it, if it is a table.
    below: Vec<(String, Entry)>,
}

/// A value that holds for a command.
pub struct Found<'a> {
    /// The value.
    pub entry: &'a Entry,
    /// How near it is to the command: 0 at the top of the file, 1 in a section, 2 in a section of a section.
    pub depth: usize,
}

impl File {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|cause| ConfigError::Unreadable { path: path.to_owned(), cause })?;
        File::parse(path, &text)
    }

    /// Checks the text of a file.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let not_toml = |error: toml::de::Error| ConfigError::NotToml {
            path: path.to_owned(),
            detail: error.to_string(),
        };
        let values: toml::Table = text.parse().map_err(not_toml)?;
        let spans = DeTable::parse(text).map_err(not_toml)?;
        let file = File { path: path.to_owned(), table: entries(&values, spans.get_ref(), text) };
        let faults = file.faults();
        if faults.is_empty() { Ok(file) } else { Err(ConfigError::Faults(faults)) }
    }

    /// The value that holds for a key in a command: that of the nearest section.
    #[must_use]
    pub fn find(&self, path: &[String], key: &str) -> Option<Found<'_>> {
        let mut found = None;
        let mut table = &self.table;
        for depth in 0..=path.len() {
            if let Some(entry) = get(table, key).filter(|entry| !is_section(&path[..depth], key, entry)) {
                found = Some(Found { entry, depth });
            }
            match path.get(depth).and_then(|name| get(table, name)) {
                Some(section) => table = &section.below,
                None => break,
            }
        }
        found
    }

    pub(super) fn invalid(&self, entry: &Entry, key: &str, cause: String) -> ConfigError {
        ConfigError::Invalid { path: self.path.clone(), line: entry.line, key: key.to_owned(), cause }
    }

    /// Everything that is wrong with keys and kinds, by line.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        check(&[], &self.table, &mut faults);
        faults.sort_by_key(|(line, _)| *line);
        faults.into_iter().map(|(line, text)| format!("{}:{line}: {text}", self.path.display())).collect()
    }
}

fn get<'a>(table: &'a [(String, Entry)], key: &str) -> Option<&'a Entry> {
    table.iter().find(|(name, _)| name == key).map(|(_, entry)| entry)
}

/// Whether an entry is the section of a command rather than a value.
fn is_section(path: &[String], key: &str, entry: &Entry) -> bool {
    entry.value.is_table()
        && below(path).any(|command| command.path.get(path.len()).is_some_and(|name| name == key))
}

/// The commands whose paths begin so.
fn below<'a>(path: &'a [String]) -> impl Iterator<Item = &'static CommandKeys> + 'a {
    keys::known().iter().filter(move |command| command.path.starts_with(path))
}

fn entries(values: &toml::Table, spans: &DeTable<'_>, text: &str) -> Vec<(String, Entry)> {
    let entry = |(key, value): (&String, &toml::Value)| {
        let spanned = spans.iter().find(|(name, _)| name.get_ref() == key);
        let start = spanned.map_or(0, |(name, _)| name.span().start);
        let line = text[..start.min(text.len())].matches('\n').count() + 1;
        let below = match (value, spanned.map(|(_, value)| value.get_ref())) {
            (toml::Value::Table(values), Some(DeValue::Table(spans))) => entries(values, spans, text),
            _ => Vec::new(),
        };
        (key.clone(), Entry { line, value: value.clone(), below })
    };
    values.iter().map(entry).collect()
}

fn check(path: &[String], table: &[(String, Entry)], faults: &mut Vec<(usize, String)>) {
    for (key, entry) in table {
        if is_section(path, key, entry) {
            let inner: Vec<String> = path.iter().cloned().chain([key.clone()]).collect();
            check(&inner, &entry.below, faults);
        } else if let Some(fault) = fault(path, key, entry) {
            faults.push((entry.line, fault));
        }
    }
}

fn fault(path: &[String], key: &str, entry: &Entry) -> Option<String> {
    let at_top = path.is_empty();
    if at_top && TABLES.contains(&key) {
        return (!entry.value.is_table()).then(|| format!("`{key}` is a section; write [{key}]"));
    }
    let kind = below(path).find_map(|command| command.kind(key));
    match kind {
        Some(_) if at_top && SECTION_ONLY.contains(&key) => {
            Some(format!("`{key}` belongs in the section of a command: {}", sections_with(key)))
        }
        Some(kind) if !kind.takes(&entry.value) => {
            Some(format!("`{key}` must be {}, not {}", kind.words(), words(&entry.value, kind)))
        }
        Some(_) => None,
        None => Some(unknown(path, key, entry)),
    }
}

fn words(value: &toml::Value, kind: Kind) -> String {
    let shown = value.to_string();
    let name = match value {
        toml::Value::String(_) => "text",
        toml::Value::Integer(_) => "the number",
        toml::Value::Float(_) => "the number",
        toml::Value::Boolean(_) => "the switch",
        toml::Value::Datetime(_) => "the date",
        toml::Value::Array(_) => {
            return if kind == Kind::List {
                "a list of other values".to_owned()
            } else {
                "a list".to_owned()
            };
        }
        toml::Value::Table(_) => return "a table".to_owned(),
    };
    format!("{name} {shown}")
}

/// The sections that may hold a key, for messages.
fn sections_with(key: &str) -> String {
    let with = keys::known().iter().filter(|command| command.kind(key).is_some());
    let mut sections: Vec<String> = with.map(|command| format!("[{}]", command.section())).collect();
    sections.dedup();
    if sections.len() > 5 {
        sections.truncate(5);
        sections.push("...".to_owned());
    }
    sections.join(", ")
}

fn unknown(path: &[String], key: &str, entry: &Entry) -> String {
    let help = "`homing config example` lists all settings";
    let place = if path.is_empty() { String::new() } else { format!(" in [{}]", path.join(".")) };
    if let Some((_, new)) = RENAMED.iter().find(|(old, _)| *old == key) {
        return format!("`{key}` is now called `{new}`");
    }
    if keys::known().iter().any(|command| command.kind(key).is_some()) {
        let only = if SECTION_ONLY.contains(&key) { "" } else { " or to the top of the file" };
        return format!(
            "[{}] has no setting `{key}`; it belongs in {}{only}",
            path.join("."),
            sections_with(key)
        );
    }
    if entry.value.is_table() {
        let mut names: Vec<&str> =
            below(path).filter_map(|command| command.path.get(path.len()).map(String::as_str)).collect();
        names.extend(TABLES.iter().filter(|_| path.is_empty()));
        let written =
            |name: &str| path.iter().map(String::as_str).chain([name]).collect::<Vec<_>>().join(".");
        let near = nearest(key, &names)
            .map_or_else(String::new, |name| format!("; did you mean [{}]?", written(name)));
        return format!("unknown section [{}]{near} ({help})", written(key));
    }
    let commands = below(path).any(|command| command.path.get(path.len()).is_some_and(|name| name == key));
    if commands {
        return format!("`{key}` is a command; write its settings below [{key}]");
    }
    let of = |path: &[String]| -> Vec<&'static str> {
        below(path).flat_map(|command| command.settings.iter().map(|(key, _)| key.as_str())).collect()
    };
    let plain = key.replace('-', "_");
    let near = nearest(&plain, &of(path)).or_else(|| nearest(&plain, &of(&[])));
    match near {
        Some(near) => format!("unknown setting `{key}`{place}; did you mean `{near}`? ({help})"),
        None => format!("unknown setting `{key}`{place}; {help}"),
    }
}

/// The name that is most like another, if one is like it.
fn nearest<'a>(name: &str, names: &[&'a str]) -> Option<&'a str> {
    let like = |other: &&&str| strsim::jaro_winkler(name, other);
    let best = names.iter().max_by(|a, b| like(a).total_cmp(&like(b)))?;
    (like(&best) > 0.8).then_some(*best)
}
