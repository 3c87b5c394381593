//! Effective values of a command's settings, and where each comes from.

use std::ffi::OsString;
use std::path::Path;

use clap::parser::ValueSource;
use clap::{Arg, Command};
use serde::Serialize;

use super::{File, Stop, Taken, Typed, keys};

/// A command's settings as they are.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct Shown {
    /// Program and command, such as `homing tags try`.
    pub command: String,
    /// Its settings, by key.
    pub settings: Vec<Setting>,
}

/// A setting as it is.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct Setting {
    /// The key.
    pub key: String,
    /// The values; none where the setting is not set. Secrets are hidden.
    pub values: Vec<String>,
    /// Where they come from.
    #[serde(flatten)]
    pub source: Source,
}

/// Where a value comes from.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
#[serde(tag = "source", rename_all = "snake_case")]
pub enum Source {
    /// A flag.
    Flag,
    /// An environment variable.
    Environment {
        /// Its name.
        variable: String,
    },
    /// The configuration file.
    File {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
    },
    /// What homing takes by itself.
    Default,
    /// Nowhere: it is not set.
    Unset,
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Flag => f.write_str("flag"),
            Source::Environment { variable } => write!(f, "environment {variable}"),
            Source::File { file, line } => write!(f, "{file}:{line}"),
            Source::Default => f.write_str("default"),
            Source::Unset => f.write_str("not set"),
        }
    }
}

/// What a hidden value is shown as.
const HIDDEN: &str = "(hidden)";

/// The effective settings of the command that a command line names.
///
/// # Errors
/// [`Stop`]: the configuration file cannot be used.
pub fn effective(program: &Command, args: &[OsString]) -> Result<Shown, Stop> {
    let typed = Typed::of(program, args)?;
    let file = typed.file()?;
    let taken = typed.from_file(file.as_ref())?;
    let mut settings: Vec<Setting> = keys::of(&typed.leaf)
        .into_iter()
        .map(|arg| setting(arg, &typed, file.as_ref(), taken.iter().find(|one| one.key == keys::key_of(arg))))
        .collect();
    settings.sort_by(|a, b| a.key.cmp(&b.key));
    let command = std::iter::once(program.get_name()).chain(typed.path.iter().map(String::as_str));
    Ok(Shown { command: command.collect::<Vec<_>>().join(" "), settings })
}

fn setting(arg: &Arg, typed: &Typed, file: Option<&File>, taken: Option<&Taken>) -> Setting {
    let key = keys::key_of(arg);
    let id = arg.get_id().as_str();
    let switch = keys::kind(arg) == keys::Kind::Switch;
    let raw = || -> Vec<String> {
        if switch {
            return vec![typed.matches.get_flag(id).to_string()];
        }
        let raw = typed.matches.get_raw(id).into_iter().flatten();
        raw.map(|value| value.to_string_lossy().into_owned()).collect()
    };
    let (values, source) = match (typed.matches.value_source(id), taken, file) {
        (Some(ValueSource::CommandLine), ..) => (raw(), Source::Flag),
        (Some(ValueSource::EnvVariable), ..) => {
            let variable = arg.get_env().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            (raw(), Source::Environment { variable })
        }
        (_, Some(taken), Some(file)) => {
            let values =
                if switch { vec![(!taken.values.is_empty()).to_string()] } else { taken.values.clone() };
            (values, Source::File { file: file.path.display().to_string(), line: taken.line })
        }
        (Some(_), ..) => (raw(), Source::Default),
        (None, ..) => (Vec::new(), Source::Unset),
    };
    let hide = |value: String| {
        if keys::is_secret(arg) { HIDDEN.to_owned() } else { without_secrets(&value) }
    };
    Setting { key, values: values.into_iter().map(hide).collect(), source }
}

/// An address without its password and without the values of its query; any other text as it is.
#[must_use]
pub fn without_secrets(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
    let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let host = match host.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((user, _)) => format!("{user}:***@{host}"),
            None => format!("{user}@{host}"),
        },
        None => host.to_owned(),
    };
    let query = query.map_or_else(String::new, |query| {
        let pair = |pair: &str| {
            pair.split_once('=').map_or_else(
                || "***".to_owned(),
                |(name, value)| {
                    let plain = matches!(
                        name,
                        "sslmode" | "connect_timeout" | "application_name" | "target_session_attrs"
                    );
                    format!("{name}={}", if plain { value } else { "***" })
                },
            )
        };
        format!("?{}", query.split('&').map(pair).collect::<Vec<_>>().join("&"))
    });
    format!("{scheme}://{host}{path}{query}")
}

/// The secret in a file, without the line's end.
///
/// # Errors
/// [`super::ConfigError::Secret`] names flag and file.
pub fn secret_of(flag: &'static str, path: &Path) -> Result<String, super::ConfigError> {
    crate::private::secret(path).map_err(|cause| super::ConfigError::Secret {
        flag,
        path: path.to_owned(),
        cause,
    })
}
