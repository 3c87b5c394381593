//! Which settings there are, what each may be, and how a value of the file becomes one of a flag.

use crate::cli::plain;
use std::any::TypeId;
use std::error::Error as _;
use std::sync::OnceLock;

use clap::builder::ValueParser;
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command};

/// Settings that mean something else in each command: they belong in a command's section.
pub const SECTION_ONLY: [&str; 4] = ["json", "out", "report", "seed"];

/// Settings that had another name in earlier versions, and their names now.
pub const RENAMED: [(&str, &str); 3] =
    [("erased", "erased_file"), ("playbook", "playbook_file"), ("tags", "tags_file")];

/// Settings that are secrets. Each has another one that ends in `_file`.
pub const SECRETS: [&str; 2] = ["encryption_key", "webhook_secret"];

/// Tables of the file that no flag stands for.
pub const TABLES: [&str; 3] = ["retention", "webhooks", "writeback"];

/// The value of a switch that is on.
pub(super) const ON: &str = "\u{1}on";

/// What a setting may be in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Switch,
    /// A whole number.
    Whole,
    /// A number.
    Number,
    /// A text.
    Text,
    /// A list of texts.
    List,
    /// A table of texts, or a list of texts `known=own`.
    Pairs,
}

impl Kind {
    const ALL: [(Kind, &str, &str); 6] = [
        (Kind::Switch, "switch", "true or false"),
        (Kind::Whole, "whole", "a whole number"),
        (Kind::Number, "number", "a number"),
        (Kind::Text, "text", "a text in quotes"),
        (Kind::List, "list", "a list, such as [\"a\", \"b\"]"),
        (Kind::Pairs, "pairs", "a table of names, such as { customer_id = \"member_no\" }"),
    ];

    /// Its name in `keys.txt`.
    #[must_use]
    pub fn name(self) -> &'static str {
        Kind::ALL.iter().find(|(kind, ..)| *kind == self).map_or("", |(_, name, _)| name)
    }

    /// What it is, in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        Kind::ALL.iter().find(|(kind, ..)| *kind == self).map_or("", |(.., words)| words)
    }

    fn named(name: &str) -> Option<Kind> {
        Kind::ALL.iter().find(|(_, own, _)| *own == name).map(|(kind, ..)| *kind)
    }

    /// Whether a value of the file has this kind.
    #[must_use]
    pub fn takes(self, value: &toml::Value) -> bool {
        let plain = |value: &toml::Value| {
            matches!(value, toml::Value::String(_) | toml::Value::Integer(_) | toml::Value::Datetime(_))
        };
        match value {
            toml::Value::Boolean(_) => self == Kind::Switch,
            toml::Value::Integer(_) => matches!(self, Kind::Whole | Kind::Number | Kind::Text | Kind::List),
            toml::Value::Float(_) => self == Kind::Number,
            toml::Value::String(_) | toml::Value::Datetime(_) => {
                matches!(self, Kind::Text | Kind::List | Kind::Pairs)
            }
            toml::Value::Array(all) => matches!(self, Kind::List | Kind::Pairs) && all.iter().all(plain),
            toml::Value::Table(all) => self == Kind::Pairs && all.values().all(plain),
        }
    }
}

/// The settings of a command: its flags that have an environment variable, but for `--config`.
#[must_use]
pub fn of(command: &Command) -> Vec<&Arg> {
    let is_setting =
        |arg: &&Arg| arg.get_long().is_some() && arg.get_env().is_some() && arg.get_id() != "config";
    command.get_arguments().filter(is_setting).collect()
}

/// The key of a setting: its flag with `_` for `-`.
#[must_use]
pub fn key_of(arg: &Arg) -> String {
    arg.get_long().unwrap_or_default().replace('-', "_")
}

/// The environment variable of a key.
#[must_use]
pub fn variable(key: &str) -> String {
    format!("HOMING_{}", key.to_uppercase())
}

/// Whether a setting is a secret.
#[must_use]
pub fn is_secret(arg: &Arg) -> bool {
    SECRETS.contains(&&*key_of(arg))
}

/// The file of a secret, and the secret of a file.
pub(super) fn twin<'a>(arg: &Arg, settings: &[&'a Arg]) -> Option<&'a Arg> {
    let key = key_of(arg);
    let secret = key.strip_suffix("_file").unwrap_or(&key);
    if !SECRETS.contains(&secret) {
        return None;
    }
    let other = if secret == key { format!("{key}_file") } else { secret.to_owned() };
    settings.iter().copied().find(|arg| key_of(arg) == other)
}

/// What a setting may be.
#[must_use]
pub fn kind(arg: &Arg) -> Kind {
    let many = matches!(arg.get_action(), ArgAction::Append);
    if arg.get_value_names().is_some_and(|names| names.iter().any(|name| name.starts_with("KNOWN="))) {
        return Kind::Pairs;
    }
    let parses = arg.get_value_parser();
    let is = |types: &[TypeId]| types.iter().any(|one| parses.type_id() == *one);
    match arg.get_action() {
        ArgAction::SetTrue => Kind::Switch,
        _ if many => Kind::List,
        _ if is_size(parses) => Kind::Text,
        _ if is(&[TypeId::of::<f64>()]) => Kind::Number,
        _ if is(&[
            TypeId::of::<u8>(),
            TypeId::of::<u32>(),
            TypeId::of::<i32>(),
            TypeId::of::<usize>(),
            TypeId::of::<u64>(),
        ]) =>
        {
            Kind::Whole
        }
        _ => Kind::Text,
    }
}

/// Sizes are numbers to the program and texts to people.
fn is_size(parses: &ValueParser) -> bool {
    parses.type_id() == TypeId::of::<crate::cli::Size>()
}

/// A value of the file as values of the flag.
pub(super) fn texts(arg: &Arg, value: &toml::Value) -> Vec<String> {
    match value {
        toml::Value::Boolean(on) => {
            if *on {
                vec![ON.to_owned()]
            } else {
                Vec::new()
            }
        }
        toml::Value::Array(all) => all.iter().map(plain).collect(),
        toml::Value::Table(pairs) if kind(arg) == Kind::Pairs => {
            pairs.iter().map(|(known, own)| format!("{known}={}", plain(own))).collect()
        }
        one => vec![plain(one)],
    }
}

/// Whether a setting takes values; else what it expects.
pub(super) fn try_out(arg: &Arg, values: &[String]) -> Result<(), String> {
    if values.is_empty() || kind(arg) == Kind::Switch {
        return Ok(());
    }
    let mut alone = Arg::new("alone")
        .long("alone")
        .value_parser(arg.get_value_parser().clone())
        .action(arg.get_action().clone());
    if let Some(mark) = arg.get_value_delimiter() {
        alone = alone.value_delimiter(mark);
    }
    let flags = values.iter().map(|value| format!("--alone={value}"));
    let command = Command::new("settings").no_binary_name(true).arg(alone);
    let explain = |error: clap::Error| {
        let value = match error.get(ContextKind::InvalidValue) {
            Some(ContextValue::String(value)) => value.clone(),
            _ => values.join(", "),
        };
        let expected = match (error.get(ContextKind::ValidValue), error.source()) {
            (Some(ContextValue::Strings(valid)), _) if !valid.is_empty() => {
                format!("expected one of {}", valid.join(", "))
            }
            (_, Some(source)) => return source.to_string(),
            _ => format!("expected {}", arg.get_value_names().map_or("a value", |names| names[0].as_str())),
        };
        format!("`{value}` is invalid; {expected}")
    };
    command.try_get_matches_from(flags).map(|_| ()).map_err(explain)
}

/// A command and its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandKeys {
    /// The program, `homing` or `homing-train`.
    pub program: String,
    /// The command's path below it.
    pub path: Vec<String>,
    /// Key and kind of each setting.
    pub settings: Vec<(String, Kind)>,
}

impl CommandKeys {
    /// Its section in the file: `tags.try`.
    #[must_use]
    pub fn section(&self) -> String {
        self.path.join(".")
    }

    /// The kind of a key.
    #[must_use]
    pub fn kind(&self, key: &str) -> Option<Kind> {
        self.settings.iter().find(|(own, _)| own == key).map(|(_, kind)| *kind)
    }
}

/// Every command of a program that has settings, depth first.
#[must_use]
pub fn commands(program: &Command) -> Vec<(Vec<String>, Command)> {
    fn visit(command: &Command, path: &[String], found: &mut Vec<(Vec<String>, Command)>) {
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
            let path: Vec<String> = path.iter().cloned().chain([sub.get_name().to_owned()]).collect();
            if sub.has_subcommands() {
                visit(sub, &path, found);
            } else {
                found.push((path, sub.clone()));
            }
        }
    }
    let mut found = Vec::new();
    visit(program, &[], &mut found);
    found
}

/// The settings of programs, as `keys.txt` lists them.
#[must_use]
pub fn list(programs: &[&Command]) -> Vec<CommandKeys> {
    let mut all = Vec::new();
    for program in programs {
        for (path, command) in commands(program) {
            let mut settings: Vec<_> = of(&command).into_iter().map(|arg| (key_of(arg), kind(arg))).collect();
            settings.sort_by(|a, b| a.0.cmp(&b.0));
            if !settings.is_empty() {
                all.push(CommandKeys { program: program.get_name().to_owned(), path, settings });
            }
        }
    }
    all
}

/// The text of `keys.txt`.
#[must_use]
pub fn to_text(commands: &[CommandKeys]) -> String {
    let mut text = String::from(
        "# The settings of both programs, by command. Generated by `homing config keys`; a test holds it up to date.\n",
    );
    for command in commands {
        text.push_str(&format!("{} {}\n", command.program, command.path.join(" ")));
        for (key, kind) in &command.settings {
            text.push_str(&format!("  {key} {}\n", kind.name()));
        }
    }
    text
}

fn of_text(text: &str) -> Vec<CommandKeys> {
    let mut all: Vec<CommandKeys> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split_whitespace().map(str::to_owned);
        let Some(first) = words.next() else { continue };
        match (line.starts_with(' '), all.last_mut()) {
            (true, Some(command)) => {
                let kind = words.next().and_then(|name| Kind::named(&name)).unwrap_or(Kind::Text);
                command.settings.push((first, kind));
            }
            _ => all.push(CommandKeys { program: first, path: words.collect(), settings: Vec::new() }),
        }
    }
    all
}

/// The settings of both programs.
#[must_use]
pub fn known() -> &'static [CommandKeys] {
    static KNOWN: OnceLock<Vec<CommandKeys>> = OnceLock::new();
    KNOWN.get_or_init(|| of_text(include_str!("keys.txt")))
}
