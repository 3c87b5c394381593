//! What homing's binaries share on the command line: where purchases come from, and `homing.toml`.
//!
//! A flag wins over its environment variable (`HOMING_...`), and that wins over the key in `homing.toml`.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use clap::{Args, Command};
use serde::Serialize;

use crate::calendar::{self, NoInstant, Zone};
use crate::engine::{LEAST_MEMORY, StreamOptions};
use crate::guards::{Accept, outputs};
use crate::readers::{DateOrder, Decimal, Header, ReadOptions};
use crate::{Erasures, Error, Warnings};

/// Where purchase history comes from and how it is read.
#[derive(Args, Clone, Debug)]
pub struct Purchases {
    /// Purchase history: CSV, workbooks, JSON, Parquet or Arrow, also packed; files, globs, folders, or - for standard input.
    ///
    /// Needed are a customer, a date and an amount. Columns of well-known exports and common names are recognised; others
    /// are named with --columns.
    #[arg(long, env = "HOMING_PURCHASES", required = true, num_args = 1.., value_delimiter = ',', value_name = "PATH")]
    pub purchases: Vec<String>,

    /// Other names of columns, e.g. customer_id=member_no,amount=total. An empty name leaves a column out.
    #[arg(long, env = "HOMING_COLUMNS", value_parser = Pairs::from_str, value_name = "KNOWN=OWN,...")]
    pub columns: Vec<Pairs>,

    /// A TOML file with a table of names of columns, for those that hold commas and signs.
    #[arg(long, env = "HOMING_COLUMNS_FILE", value_parser = columns_of_file, value_name = "FILE")]
    pub columns_file: Option<Pairs>,

    /// The encoding of text files, e.g. gbk or latin1. Default: found out.
    #[arg(long, env = "HOMING_ENCODING", value_name = "NAME")]
    pub encoding: Option<String>,

    /// The line that names the columns, or none: then the columns are 1, 2, 3, ... Default: found out.
    #[arg(long, env = "HOMING_HEADER", value_name = "LINE|none")]
    pub header: Option<Header>,

    /// The sheet of workbooks. Default: the first with the needed columns.
    #[arg(long, env = "HOMING_SHEET", value_name = "NAME")]
    pub sheet: Option<String>,

    /// The order of day and month in dates that leave it open: dmy, mdy or ymd.
    #[arg(long, env = "HOMING_DATES", value_name = "ORDER")]
    pub dates: Option<DateOrder>,

    /// The decimal mark of numbers: . or , (default: found out).
    #[arg(long, env = "HOMING_DECIMAL", value_name = "MARK")]
    pub decimal: Option<Decimal>,

    /// Where rejected lines are listed, with cause and remedy; made only when there are some.
    #[arg(long, env = "HOMING_REJECTS", default_value = "homing-rejects.csv", value_name = "FILE")]
    pub rejects: PathBuf,

    /// The run stops when more than this share of the lines is rejected.
    #[arg(long, env = "HOMING_MAX_REJECTS", default_value_t = 0.01, value_name = "SHARE")]
    pub max_rejects: f64,

    /// Lines that happened before this instant are left out: a date (its beginning) or a time.
    #[arg(long, env = "HOMING_SINCE", value_name = "DATE")]
    pub since: Option<String>,

    /// Memory that reading may take, e.g. 512M or 4G. What does not fit goes through a temporary file.
    #[arg(long, env = "HOMING_MEMORY", default_value = "1G", value_parser = size, value_name = "SIZE")]
    pub memory: u64,

    /// The folder of the temporary file (30 to 60 bytes a line). Default: the system's folder for such files.
    #[arg(long, env = "HOMING_SCRATCH", value_name = "DIR")]
    pub scratch: Option<PathBuf>,

    /// Customers who were erased, as `homing erased --out` wrote them: their lines are left out.
    #[arg(long, env = "HOMING_ERASED", value_parser = Erasures::load, value_name = "FILE")]
    pub erased: Option<Arc<Erasures>>,

    /// Takes in deliberately what looks wrong: dates ahead of the clock or far from all others, or lines that several files
    /// have alike.
    #[arg(long, env = "HOMING_ACCEPT", value_enum, value_delimiter = ',', value_name = "WHAT")]
    pub accept: Vec<Accept>,

    /// Refuses data that are warned of (exit code 3).
    #[arg(long, env = "HOMING_STRICT")]
    pub strict: bool,

    /// The present: later dates are set aside. Default: the machine's clock.
    #[arg(long, env = "HOMING_NOW", value_name = "TIME")]
    pub now: Option<String>,

    /// The business's time zone (IANA name): days are counted in it, and times without an offset are in it.
    #[arg(long, env = "HOMING_TIMEZONE", default_value = "UTC", value_name = "ZONE")]
    pub timezone: Zone,
}

/// Prints warnings on standard error, one a line.
pub fn show_warnings(warnings: &Warnings) {
    warnings.list().iter().for_each(|warning| eprintln!("warning: {warning}"));
}

/// Refuses data where there is a warning, if `strict`.
///
/// # Errors
/// [`Error::Strict`] with the codes.
pub fn refuse_warnings(warnings: &Warnings, strict: bool) -> Result<(), Error> {
    if !strict || warnings.is_empty() {
        return Ok(());
    }
    Err(Error::Strict { codes: warnings.list().iter().map(|warning| warning.code.name()).collect() })
}

/// Pairs of a known name of a column and the file's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pairs(pub Vec<(String, String)>);

impl FromStr for Pairs {
    type Err = String;

    /// Reads `known=own,known=own`. An own name may hold commas and signs: the next pair begins with a name in small letters
    /// and `=`. It may stand in double quotes.
    fn from_str(text: &str) -> Result<Self, String> {
        let is_name = |name: &str| {
            let name = name.trim();
            name.len() > 2 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        };
        let mut parts: Vec<String> = Vec::new();
        let mut quoted = false;
        for part in text.split(',') {
            let begins = !quoted && part.split_once('=').is_some_and(|(name, _)| is_name(name));
            quoted ^= part.matches('"').count() % 2 == 1;
            match parts.last_mut() {
                Some(last) if !begins => {
                    last.push(',');
                    last.push_str(part);
                }
                _ => parts.push(part.to_owned()),
            }
        }
        parts.iter().map(|part| pair(part)).collect::<Result<_, _>>().map(Pairs)
    }
}

/// Reads a file of names of columns: `customer_id = "Member No"`, one a line, also in a table `[columns]`.
///
/// # Errors
/// A text for people.
pub fn columns_of_file(path: &str) -> Result<Pairs, String> {
    let text = std::fs::read_to_string(path).map_err(|cause| format!("`{path}` cannot be read: {cause}"))?;
    let table: toml::Table = text.parse().map_err(|cause: toml::de::Error| format!("`{path}`: {cause}"))?;
    let table = table.get("columns").and_then(toml::Value::as_table).cloned().unwrap_or(table);
    Ok(Pairs(table.iter().map(|(known, own)| (known.clone(), plain(own))).collect()))
}

/// Reads `known=own`.
///
/// # Errors
/// A text that says how a pair is written.
pub fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((known, own)) if !known.is_empty() => {
            let own = own.trim();
            let own = own.strip_prefix('"').and_then(|own| own.strip_suffix('"')).unwrap_or(own);
            Ok((known.trim().to_owned(), own.to_owned()))
        }
        _ => Err(format!("`{text}` is no pair; write known=own, for example customer_id=member_no")),
    }
}

/// A number of bytes: `512M`, `4G`, `1073741824`; K, M, G and T are powers of 1024.
///
/// ```
/// assert_eq!(homing_datasets::cli::size("512M"), Ok(512 << 20));
/// assert!(homing_datasets::cli::size("much").is_err());
/// ```
///
/// # Errors
/// A text for people when it is none, or less than the least that makes sense.
pub fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no size of at least 16M; write 512M or 4G");
    let plain = text.trim_end_matches(['B', 'b']).trim_end_matches('i');
    let end = plain.find(|c: char| !c.is_ascii_digit()).unwrap_or(plain.len());
    let unit = match plain[end..].to_ascii_uppercase().as_str() {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        _ => return Err(wrong()),
    };
    let number: u64 = plain[..end].parse().map_err(|_| wrong())?;
    number.checked_mul(1 << unit).filter(|&bytes| bytes >= LEAST_MEMORY).ok_or_else(wrong)
}

impl Purchases {
    /// The options of the stream, with instants without an offset in `zone`.
    ///
    /// # Errors
    /// [`NoInstant`] when `--since` is no date or time.
    pub fn stream(&self, zone: Zone) -> Result<StreamOptions, NoInstant> {
        let since = self.since.as_ref().map(|text| zone.instant(text)).transpose()?;
        let scratch = self.scratch.clone().unwrap_or_else(std::env::temp_dir);
        let now = self.now.as_ref().map(|text| zone.instant(text)).transpose()?.unwrap_or_else(calendar::now);
        let read = ReadOptions { zone, since, now: Some(now), ..self.options() };
        Ok(StreamOptions { read, memory: self.memory, scratch, ..StreamOptions::default() })
    }

    /// Refuses outputs that are read, or would be by the next run: files or folders by the flags that name them. `others` are
    /// inputs beside the purchases.
    ///
    /// # Errors
    /// [`Error::OutputIsInput`], [`Error::OneOutput`].
    pub fn keep_inputs(
        &self,
        others: &[&str],
        outputs: &[(&'static str, Option<&Path>)],
    ) -> Result<(), Error> {
        let inputs: Vec<String> =
            self.purchases.iter().cloned().chain(others.iter().map(|&other| other.to_owned())).collect();
        outputs::check(&inputs, &[&[("rejects", Some(&*self.rejects))], outputs].concat())
    }

    /// Refuses the data where there is a warning and `--strict` is set.
    ///
    /// # Errors
    /// [`Error::Strict`].
    pub fn refuse_warnings(&self, warnings: &Warnings) -> Result<(), Error> {
        refuse_warnings(warnings, self.strict)
    }

    /// The file's own names of columns; what `--columns` says wins over the file.
    #[must_use]
    pub fn own_names(&self) -> BTreeMap<String, String> {
        let pairs = self.columns_file.iter().chain(&self.columns);
        pairs.flat_map(|pairs| pairs.0.iter().cloned()).collect()
    }

    fn options(&self) -> ReadOptions {
        ReadOptions {
            columns: self.own_names(),
            encoding: self.encoding.clone(),
            header: self.header.unwrap_or_default(),
            sheet: self.sheet.clone(),
            dates: self.dates,
            decimal: self.decimal,
            preview: false,
            zone: self.timezone,
            max_reject_share: self.max_rejects,
            rejects: Some(self.rejects.clone()),
            since: None,
            people: None,
            erased: self.erased.clone(),
            accept: self.accept.clone(),
            progress: std::io::stderr().is_terminal(),
            ..ReadOptions::default()
        }
    }
}

/// A `homing.toml` that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not readable.
    #[error("{}: cannot be read: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        cause: std::io::Error,
    },
    /// Not TOML.
    #[error("{}: {detail}", path.display())]
    NotToml {
        /// The file.
        path: PathBuf,
        /// What the parser says, with line and column.
        detail: String,
    },
    /// A key that no command knows.
    #[error("{}: no command knows the key `{key}`; keys are the flags' names with _ for -, e.g. churn_horizon", path.display())]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
    },
}

/// Makes the keys of `homing.toml` the defaults of the flags of the same names, in every subcommand that has
/// them. The file is the one named by HOMING_CONFIG, else the one in the working folder, if there is one.
/// `others` are keys that another binary of homing knows.
///
/// # Errors
/// [`ConfigError`] with file, key or line.
pub fn with_config(command: Command, others: &[&str]) -> Result<Command, ConfigError> {
    let named = std::env::var_os("HOMING_CONFIG").map(PathBuf::from);
    let path = named.clone().unwrap_or_else(|| PathBuf::from("homing.toml"));
    if named.is_none() && !path.exists() {
        return Ok(command);
    }
    let text = std::fs::read_to_string(&path)
        .map_err(|cause| ConfigError::Unreadable { path: path.clone(), cause })?;
    apply(command, &text, &path, others)
}

fn apply(mut command: Command, text: &str, path: &Path, others: &[&str]) -> Result<Command, ConfigError> {
    let table: toml::Table = text.parse().map_err(|e: toml::de::Error| ConfigError::NotToml {
        path: path.to_owned(),
        detail: e.to_string(),
    })?;
    for (key, value) in table {
        let values = match &value {
            toml::Value::Array(all) => all.iter().map(plain).collect(),
            toml::Value::Table(pairs) => pairs.iter().map(|(k, v)| format!("{k}={}", plain(v))).collect(),
            one => vec![plain(one)],
        };
        // Read once at the start and needed until the end.
        let values: &'static [&'static str] =
            Vec::leak(values.into_iter().map(|value| &*String::leak(value)).collect());
        let mut known = others.contains(&key.as_str());
        let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
        for name in names {
            command = command.mut_subcommand(name, |sub| {
                let id = sub.get_arguments().map(|arg| arg.get_id().clone()).find(|id| id.as_str() == key);
                let Some(id) = id else { return sub };
                known = true;
                sub.mut_arg(id, |arg| arg.required(false).default_values(values))
            });
        }
        if !known {
            return Err(ConfigError::UnknownKey { path: path.to_owned(), key });
        }
    }
    Ok(command)
}

fn plain(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Prints a line on standard output, as `println!` does, but ends the process quietly when nobody reads it any more.
///
/// `homing tags list | head` closes the pipe before all is written. That is no failure: the process ends with 141, the code
/// that a shell shows for a program ended by SIGPIPE. Any other failure (a full disk behind `>`) is told and ends it with 1.
#[macro_export]
macro_rules! out {
    ($($text:tt)*) => { $crate::cli::print(format_args!($($text)*)) };
}

/// See [`out!`].
pub fn print(text: std::fmt::Arguments<'_>) {
    use std::io::Write as _;
    let Err(error) = writeln!(std::io::stdout().lock(), "{text}") else { return };
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        std::process::exit(141);
    }
    eprintln!("standard output cannot be written: {error}");
    std::process::exit(1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

    #[derive(Parser, Debug)]
    struct Cli {
        #[command(subcommand)]
        command: Sub,
    }

    #[derive(Subcommand, Debug)]
    enum Sub {
        Fit {
            #[command(flatten)]
            purchases: Purchases,
        },
    }

    fn parse(config: &str, args: &[&str]) -> Result<Purchases, String> {
        let command =
            apply(Cli::command(), config, Path::new("homing.toml"), &[]).map_err(|e| e.to_string())?;
        let matches = command.try_get_matches_from(args).map_err(|e| e.to_string())?;
        let Sub::Fit { purchases } = Cli::from_arg_matches(&matches).map_err(|e| e.to_string())?.command;
        Ok(purchases)
    }

    #[test]
    fn flags_win_over_the_file() {
        let config = "purchases = [\"a.csv\", \"b.csv\"]\ntimezone = \"Asia/Shanghai\"\n[columns]\namount = \"total\"\n";
        let from_file = parse(config, &["x", "fit"]).unwrap();
        assert_eq!(from_file.purchases, ["a.csv", "b.csv"]);
        assert_eq!(from_file.own_names()["amount"], "total");
        assert_eq!(from_file.timezone.to_string(), "Asia/Shanghai");
        let flagged = parse(config, &["x", "fit", "--purchases", "c.csv", "--timezone", "UTC"]).unwrap();
        assert_eq!(flagged.purchases, ["c.csv"]);
        assert_eq!(flagged.timezone, Zone::default());
    }

    #[test]
    fn any_header_can_be_named() {
        let pairs = |text: &str| -> Vec<(String, String)> { text.parse::<Pairs>().unwrap().0 };
        let own = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|&(a, b)| (a.to_owned(), b.to_owned())).collect()
        };
        assert_eq!(
            pairs("customer_id=Member No,amount=Total, incl. VAT,kind="),
            own(&[("customer_id", "Member No"), ("amount", "Total, incl. VAT"), ("kind", "")])
        );
        assert_eq!(
            pairs("amount=a=b,order_id=\"x,quantity=y\""),
            own(&[("amount", "a=b"), ("order_id", "x,quantity=y")])
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("columns.toml");
        std::fs::write(&path, "[columns]\namount = \"Total, incl. VAT\"\ncustomer_id = \"a=b\"\n").unwrap();
        let read = columns_of_file(&path.display().to_string()).unwrap();
        assert_eq!(read.0, own(&[("amount", "Total, incl. VAT"), ("customer_id", "a=b")]));
        assert!(columns_of_file("gone.toml").unwrap_err().contains("gone.toml"));
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(
            (size("512M"), size("4GiB"), size("16777216")),
            (Ok(512 << 20), Ok(4 << 30), Ok(16 << 20))
        );
        for wrong in ["", "1M", "much", "1.5G", "-1G", "99999999999T", "1X"] {
            assert!(size(wrong).unwrap_err().contains("512M"), "{wrong}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(parse("churn_horizn = 3", &["x", "fit"]).unwrap_err().contains("churn_horizn"));
        assert!(parse("a = [", &["x", "fit"]).unwrap_err().contains("line 1"));
        assert!(parse("", &["x", "fit"]).unwrap_err().contains("--purchases"));
        assert!(
            parse("", &["x", "fit", "--purchases", "a", "--timezone", "Mars"]).unwrap_err().contains("IANA")
        );
    }
}
