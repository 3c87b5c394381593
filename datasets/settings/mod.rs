//! Settings, declared once as flags of clap: each has an environment variable and a key in `homing.toml` too.
//!
//! A flag wins over its environment variable, and that wins over the file. Values of the file are put on the command line
//! where nobody gave the flag, so that clap's rules (required flags, flags that need each other) hold wherever a value
//! comes from. One file serves `homing` and `homing-train`: each knows the keys of both from `keys.txt`, which a test
//! holds equal to the commands.
//!
//! | module | owns |
//! |---|---|
//! | [`keys`] | which settings there are, and what each may be |
//! | [`mod@file`] | `homing.toml`: read, checked, looked up |
//! | [`error`] | what can be wrong with it |
//! | [`show`] | effective values and where each comes from |
//! | [`describe`] | the complete example file and the page of the docs |
//! | [`manual`] | completions and man pages |

pub mod describe;
pub mod error;
pub mod file;
pub mod keys;
pub mod manual;
pub mod show;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

pub use error::ConfigError;
pub use file::File;

use keys::key_of;

/// The file that is read from the working folder.
pub const FILE: &str = "homing.toml";

/// A parsed command line.
#[derive(Debug)]
pub struct Parsed {
    /// Flags, environment variables, values of the file and defaults together.
    pub matches: ArgMatches,
    /// The configuration file, if there is one.
    pub file: Option<PathBuf>,
}

/// Why there is nothing to run.
#[derive(Debug)]
pub enum Stop {
    /// Help or version was asked for, or an argument is invalid. The text names the settings of the file that take part.
    Clap(Box<clap::Error>, Option<String>),
    /// The configuration file cannot be used.
    Config(ConfigError),
}

impl Stop {
    /// Prints help or error. Exit codes: 0 help and version, 2 otherwise.
    #[must_use]
    pub fn report(&self, program: &str) -> ExitCode {
        match self {
            Stop::Clap(error, note) => {
                // Nobody is left to be told when this cannot be printed.
                let _ = error.print();
                if let Some(note) = note {
                    eprintln!("{note}");
                }
                u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
            }
            Stop::Config(error) => {
                eprintln!("{program}: {error}");
                ExitCode::from(2)
            }
        }
    }
}

impl From<ConfigError> for Stop {
    fn from(error: ConfigError) -> Self {
        Stop::Config(error)
    }
}

impl From<clap::Error> for Stop {
    fn from(error: clap::Error) -> Self {
        Stop::Clap(Box::new(error), None)
    }
}

/// A program's version, with the commit that it was built from where the build was told it.
#[must_use]
pub fn version(number: &'static str, commit: Option<&str>) -> &'static str {
    match commit {
        Some(commit) => String::leak(format!("{number} ({commit})")),
        None => number,
    }
}

/// A program's command, complete: with `--config`, and with global flags in every subcommand.
#[must_use]
pub fn complete(command: Command) -> Command {
    let config = Arg::new("config")
        .long("config")
        .env("HOMING_CONFIG")
        .value_name("FILE")
        .value_parser(clap::value_parser!(PathBuf))
        .global(true)
        .help("Configuration file. Default: homing.toml in the working folder, if it exists");
    // A help text shows no values of the environment: some are secrets, and documents must not depend on them.
    let mut command = hide_values(command.max_term_width(100).arg(config));
    command.build();
    command
}

fn hide_values(command: Command) -> Command {
    command.mut_args(|arg| arg.hide_env_values(true)).mut_subcommands(hide_values)
}

/// The command, with what is wrong with a command line passed over.
fn lenient(command: Command) -> Command {
    command.ignore_errors(true).mut_subcommands(lenient)
}

/// Parses a command line (the program's name first) over environment and `homing.toml`.
///
/// # Errors
/// [`Stop`]: help was asked for, an argument is invalid, or the file is.
pub fn parse(command: &Command, args: Vec<OsString>) -> Result<Parsed, Stop> {
    refuse_old_variables()?;
    let typed = Typed::of(command, &args)?;
    let file = if keys::of(&typed.leaf).is_empty() { None } else { typed.file()? };
    let taken = typed.from_file(file.as_ref())?;
    let args = with_values(args, &taken);
    let matches = command.clone().try_get_matches_from(args).map_err(|error| {
        let note = error.use_stderr().then(|| note(file.as_ref(), &taken)).flatten();
        Stop::Clap(Box::new(error), note)
    })?;
    Ok(Parsed { matches, file: typed.path_of_file() })
}

/// Flags that name what a command writes.
const OUTPUTS: [(&str, &str); 8] = [
    ("out", "out"),
    ("report", "report"),
    ("moves", "moves"),
    ("conflicts", "conflicts"),
    ("hold_out_file", "hold-out-file"),
    ("snapshot", "snapshot"),
    ("journal", "journal"),
    ("folder", "folder"),
];

/// Settings that name what commands read.
const INPUTS: [&str; 2] = ["purchases", "members"];

impl Parsed {
    /// Refuses outputs that lie among the inputs that the environment or the configuration file names, for this command
    /// or for another one: the next run would read them.
    ///
    /// # Errors
    /// [`crate::Error::OutputIsInput`].
    pub fn keep_inputs(&self) -> Result<(), crate::Error> {
        let mut leaf = &self.matches;
        while let Some((_, below)) = leaf.subcommand() {
            leaf = below;
        }
        let path = |id: &str| leaf.try_get_one::<PathBuf>(id).ok().flatten().map(PathBuf::as_path);
        let outputs = OUTPUTS.map(|(id, flag)| (flag, path(id)));
        if outputs.iter().all(|(_, path)| path.is_none()) {
            return Ok(());
        }
        let mut inputs = Vec::new();
        for key in INPUTS {
            let variable = std::env::var(keys::variable(key)).unwrap_or_default();
            inputs.extend(variable.split(',').filter(|part| !part.is_empty()).map(str::to_owned));
        }
        // What is wrong with the file is said where it is used.
        let text = self.file.as_deref().and_then(|path| std::fs::read_to_string(path).ok());
        if let Some(table) = text.and_then(|text| text.parse::<toml::Table>().ok()) {
            named_inputs(&table, &mut inputs);
        }
        crate::guards::outputs::check(&inputs, &outputs)
    }
}

/// The inputs that a file of settings names, in whatever section.
fn named_inputs(table: &toml::Table, inputs: &mut Vec<String>) {
    for (key, value) in table {
        match value {
            toml::Value::Table(section) => named_inputs(section, inputs),
            toml::Value::String(path) if INPUTS.contains(&&**key) => inputs.push(path.clone()),
            toml::Value::Array(paths) if INPUTS.contains(&&**key) => {
                inputs.extend(paths.iter().filter_map(toml::Value::as_str).map(str::to_owned));
            }
            _ => {}
        }
    }
}

/// A variable that had another name before must not be passed over.
fn refuse_old_variables() -> Result<(), ConfigError> {
    for (old, new) in keys::RENAMED {
        let variable = keys::variable(old);
        if std::env::var_os(&variable).is_some() {
            return Err(ConfigError::OldVariable { old: variable, new: keys::variable(new) });
        }
    }
    Ok(())
}

/// What the command line says by itself.
pub struct Typed {
    /// The command's path below the program, such as `tags`, `try`.
    pub path: Vec<String>,
    /// The command.
    pub leaf: Command,
    /// Its flags, variables and defaults; of an invalid command line up to the mistake.
    pub matches: ArgMatches,
}

/// A value that the file supplies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The key.
    pub key: String,
    /// The line of the file, from 1.
    pub line: usize,
    /// The values, as a flag would have them; none for a switch that is off.
    pub values: Vec<String>,
}

impl Typed {
    /// Finds the command and what is said to it, whatever else may be wrong.
    ///
    /// # Errors
    /// [`Stop::Clap`]: help or version was asked for.
    pub fn of(command: &Command, args: &[OsString]) -> Result<Self, Stop> {
        let mut matches = lenient(command.clone()).try_get_matches_from(args)?;
        let (mut path, mut leaf) = (Vec::new(), command.clone());
        while let Some((name, below)) = matches.remove_subcommand() {
            let Some(sub) = leaf.find_subcommand(&name).cloned() else { break };
            (leaf, matches) = (sub, below);
            path.push(name);
        }
        Ok(Typed { path, leaf, matches })
    }

    /// The configuration file: that of `--config`, else the one in the working folder if it exists.
    #[must_use]
    pub fn path_of_file(&self) -> Option<PathBuf> {
        let named = self.matches.try_get_one::<PathBuf>("config").ok().flatten().cloned();
        named.or_else(|| Some(PathBuf::from(FILE)).filter(|path| path.exists()))
    }

    /// The configuration file, read and checked.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn file(&self) -> Result<Option<File>, ConfigError> {
        self.path_of_file().map(|path| File::read(&path)).transpose()
    }

    /// Where the value of a setting comes from, leaving the file aside.
    fn source(&self, arg: &Arg) -> Option<ValueSource> {
        self.matches.value_source(arg.get_id().as_str())
    }

    fn is_given(&self, arg: &Arg) -> bool {
        matches!(self.source(arg), Some(ValueSource::CommandLine | ValueSource::EnvVariable))
    }

    /// The values that the file supplies to this command: those that neither a flag nor a variable gives.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`]: a value that the setting does not take.
    pub fn from_file(&self, file: Option<&File>) -> Result<Vec<Taken>, ConfigError> {
        let Some(file) = file else { return Ok(Vec::new()) };
        let settings = keys::of(&self.leaf);
        let mut taken = Vec::new();
        for arg in &settings {
            let key = key_of(arg);
            // A secret and the file that holds it are one setting: either overrides the other.
            let twin = keys::twin(arg, &settings);
            if self.is_given(arg) || twin.is_some_and(|twin| self.is_given(twin)) {
                continue;
            }
            let Some(found) = file.find(&self.path, &key) else { continue };
            let nearer = |twin: &&Arg| {
                file.find(&self.path, &key_of(twin)).is_some_and(|other| other.depth > found.depth)
            };
            if twin.filter(nearer).is_some() {
                continue;
            }
            let values = keys::texts(arg, &found.entry.value);
            if let Err(cause) = keys::try_out(arg, &values) {
                return Err(file.invalid(found.entry, &key, cause));
            }
            taken.push(Taken { key, line: found.entry.line, values });
        }
        Ok(taken)
    }
}

/// The command line with the file's values behind it, or before its `--`.
fn with_values(mut args: Vec<OsString>, taken: &[Taken]) -> Vec<OsString> {
    let flags = taken.iter().flat_map(Taken::flags);
    let end = args.iter().position(|arg| arg == "--").unwrap_or(args.len());
    args.splice(end..end, flags);
    args
}

impl Taken {
    /// As flags.
    fn flags(&self) -> impl Iterator<Item = OsString> + '_ {
        let flag = format!("--{}", self.key.replace('_', "-"));
        self.values.iter().map(move |value| match value.as_str() {
            keys::ON => OsString::from(flag.clone()),
            value => OsString::from(format!("{flag}={value}")),
        })
    }
}

/// Which settings of the file took part, for an error about flags that nobody typed.
fn note(file: Option<&File>, taken: &[Taken]) -> Option<String> {
    let file = file.filter(|_| !taken.is_empty())?;
    let lines: Vec<String> = taken.iter().map(|one| format!("{} (line {})", one.key, one.line)).collect();
    Some(format!("note: {} sets {}", file.path.display(), lines.join(", ")))
}
