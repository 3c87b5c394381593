//! What homing's programs share on the command line: where purchases come from and how they are read.
//!
//! Environment variables and `homing.toml`: [`crate::settings`].

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use serde::Serialize;

use crate::calendar::{self, Zone};
use crate::encryption::EncryptionArgs;
use crate::engine::{LEAST_MEMORY, Stream, StreamOptions};
use crate::guards::{Accept, outputs};
use crate::readers::{DateOrder, Decimal, Header, ReadOptions, ReadSummary};
use crate::{Erasures, Error, Histories, Warnings};

/// Where purchase history comes from and how it is read.
#[derive(Args, Clone, Debug)]
pub struct Purchases {
    /// Purchase files: paths, globs, folders, s3://, gs://, az:// or https:// URLs, or - for standard input.
    ///
    /// Formats: CSV, TSV, JSON, NDJSON, Excel, Parquet and Arrow, also compressed. Required columns: customer, date and amount.
    /// homing recognises common column names and those of well-known exports; map others with --columns.
    #[arg(long, env = "HOMING_PURCHASES", required = true, num_args = 1.., value_delimiter = ',', value_name = "PATH")]
    pub purchases: Vec<String>,

    /// Map columns, such as customer_id=member_no,amount=total. An empty name ignores a column.
    #[arg(long, env = "HOMING_COLUMNS", value_parser = Pairs::from_str, value_name = "KNOWN=OWN,...")]
    pub columns: Vec<Pairs>,

    /// TOML file with a column map, for names that contain commas or equals signs.
    #[arg(long, env = "HOMING_COLUMNS_FILE", value_name = "FILE")]
    pub columns_file: Option<PathBuf>,

    /// Encoding of text files, such as gbk or latin1. Default: detected.
    #[arg(long, env = "HOMING_ENCODING", value_name = "NAME")]
    pub encoding: Option<String>,

    /// Header row, or none: the columns are then called 1, 2, 3, ... Default: detected.
    #[arg(long, env = "HOMING_HEADER", value_name = "ROW|none")]
    pub header: Option<Header>,

    /// Sheet to read from workbooks. Default: the first with the required columns.
    #[arg(long, env = "HOMING_SHEET", value_name = "NAME")]
    pub sheet: Option<String>,

    /// Order of day, month and year in ambiguous dates: dmy, mdy or ymd.
    #[arg(long, env = "HOMING_DATES", value_name = "ORDER")]
    pub dates: Option<DateOrder>,

    /// Decimal mark of numbers: . or , (default: detected).
    #[arg(long, env = "HOMING_DECIMAL", value_name = "MARK")]
    pub decimal: Option<Decimal>,

    /// File for rejected rows, with cause and remedy. Written only if there are any.
    #[arg(long, env = "HOMING_REJECTS", default_value = "homing-rejects.csv", value_name = "FILE")]
    pub rejects: PathBuf,

    /// Stop if more than this share of the rows is rejected, 0 to 1.
    #[arg(long, env = "HOMING_MAX_REJECTS", default_value_t = 0.01, value_name = "SHARE")]
    pub max_rejects: f64,

    /// Skip rows before this date or time.
    #[arg(long, env = "HOMING_SINCE", value_name = "DATE")]
    pub since: Option<String>,

    /// Memory for reading, such as 512M or 4G. What does not fit goes to a temporary file.
    #[arg(long, env = "HOMING_MEMORY", default_value = "1G", value_name = "SIZE")]
    pub memory: Size,

    /// Folder for temporary files. Default: the system's.
    #[arg(long, env = "HOMING_SCRATCH", value_name = "DIR")]
    pub scratch: Option<PathBuf>,

    /// List of erased customers, as written by `homing erased --out`: they are left out.
    #[arg(long, alias = "erased", env = "HOMING_ERASED_FILE", value_name = "FILE")]
    pub erased_file: Option<PathBuf>,

    /// Accept rows that look wrong: far_dates (in the future or far from all others), repeated_lines (present in several files).
    #[arg(
        long,
        env = "HOMING_ACCEPT",
        value_enum,
        value_delimiter = ',',
        hide_possible_values = true,
        value_name = "WHAT"
    )]
    pub accept: Vec<Accept>,

    /// Treat warnings about the data as errors (exit code 3).
    #[arg(long, env = "HOMING_STRICT")]
    pub strict: bool,

    /// The current time; later dates are set aside. Default: the machine's clock.
    #[arg(long, env = "HOMING_NOW", value_name = "TIME")]
    pub now: Option<String>,

    /// Time zone of the business (IANA name). Days are counted in it, and times without an offset are read in it. Default: that of
    /// the model where a model is used, else UTC.
    #[arg(long, env = "HOMING_TIMEZONE", value_name = "ZONE")]
    pub timezone: Option<Zone>,

    /// The master key.
    #[command(flatten)]
    pub encryption: EncryptionArgs,
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
/// [`Error::InputFile`].
pub fn columns_of_file(path: &Path) -> Result<Pairs, Error> {
    let fault = |cause: String| Error::InputFile { flag: "columns-file", path: path.to_owned(), cause };
    let text = std::fs::read_to_string(path).map_err(|cause| fault(format!("cannot be read: {cause}")))?;
    let table: toml::Table = text.parse().map_err(|cause: toml::de::Error| fault(cause.to_string()))?;
    let table = table.get("columns").and_then(toml::Value::as_table).cloned().unwrap_or(table);
    Ok(Pairs(table.iter().map(|(known, own)| (known.clone(), plain(own))).collect()))
}

/// A value of TOML as people write it.
pub(crate) fn plain(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
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
        _ => Err(format!("`{text}` is not a pair; write known=own, for example customer_id=member_no")),
    }
}

/// A number of bytes: `512M`, `4G`, `1073741824`; K, M, G and T are powers of 1024.
///
/// ```
/// use homing_datasets::cli::Size;
///
/// assert_eq!("512M".parse(), Ok(Size(512 << 20)));
/// assert!("much".parse::<Size>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || format!("`{text}` is not a size of at least 16M; write 512M or 4G");
        let plain = text.trim_end_matches(['B', 'b']).trim_end_matches('i');
        let end = plain.find(|c: char| !c.is_ascii_digit()).unwrap_or(plain.len());
        let unit = match plain[end..].to_ascii_uppercase().as_str() {
            "" => 0,
            "K" => 10,
            "M" => 20,
            "G" => 30,
            "T" => 40,
            _ => return Err(invalid()),
        };
        let number: u64 = plain[..end].parse().map_err(|_| invalid())?;
        number.checked_mul(1 << unit).filter(|&bytes| bytes >= LEAST_MEMORY).map(Size).ok_or_else(invalid)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Purchases {
    /// The options of the stream, with instants without an offset in `zone`.
    ///
    /// # Errors
    /// [`Error::BadInstant`] when `--since` or `--now` is not a date or time; [`Error::InputFile`] when `--columns-file` or
    /// `--erased-file` cannot be used; [`Error::Encryption`] when the master key cannot be read.
    pub fn stream(&self, zone: Zone) -> Result<StreamOptions, Error> {
        // From here on temporary files are encrypted, if there is a key.
        self.encryption.keys()?;
        let since = self.since.as_ref().map(|text| zone.instant(text)).transpose()?;
        let scratch = self.scratch.clone().unwrap_or_else(std::env::temp_dir);
        let now = self.now.as_ref().map(|text| zone.instant(text)).transpose()?.unwrap_or_else(calendar::now);
        let read = ReadOptions { zone, since, now: Some(now), ..self.options()? };
        Ok(StreamOptions { read, memory: self.memory.0, scratch, ..StreamOptions::default() })
    }

    /// The business's time zone where no model has one.
    #[must_use]
    pub fn zone(&self) -> Zone {
        self.timezone.unwrap_or_default()
    }

    /// The time zone of a model. Days counted in another one would not be those that it was fitted on.
    ///
    /// # Errors
    /// [`Error::OtherZone`]: `--timezone` names another one.
    pub fn zone_of(&self, model: Zone) -> Result<Zone, Error> {
        match self.timezone {
            Some(given) if given != model => Err(Error::OtherZone { given, model }),
            _ => Ok(model),
        }
    }

    /// All histories, in memory.
    ///
    /// # Errors
    /// Those of [`crate::read`].
    pub fn histories(&self, options: &StreamOptions) -> Result<(Histories, ReadSummary), Error> {
        let (histories, summary, _) = Stream::open(&self.purchases, options)?.collect(u64::MAX, 0)?;
        Ok((histories, summary))
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
        let own = [&self.columns_file, &self.erased_file].into_iter().flatten();
        let own = own.map(|path| path.display().to_string());
        let others = others.iter().map(|&other| other.to_owned());
        let inputs: Vec<String> = self.purchases.iter().cloned().chain(others).chain(own).collect();
        outputs::check(&inputs, &[&[("rejects", Some(&*self.rejects))], outputs].concat())
    }

    /// Refuses the data where there is a warning and `--strict` is set.
    ///
    /// # Errors
    /// [`Error::Strict`].
    pub fn refuse_warnings(&self, warnings: &Warnings) -> Result<(), Error> {
        refuse_warnings(warnings, self.strict)
    }

    /// The files' own names of columns; what `--columns` says wins over the file.
    ///
    /// # Errors
    /// [`Error::InputFile`] when `--columns-file` cannot be used.
    pub fn own_names(&self) -> Result<BTreeMap<String, String>, Error> {
        let of_file = self.columns_file.as_deref().map(columns_of_file).transpose()?;
        let pairs = of_file.iter().chain(&self.columns);
        Ok(pairs.flat_map(|pairs| pairs.0.iter().cloned()).collect())
    }

    fn options(&self) -> Result<ReadOptions, Error> {
        let erased = self.erased_file.as_ref().map(|path| {
            let fault = |cause| Error::InputFile { flag: "erased-file", path: path.clone(), cause };
            Erasures::load(&path.to_string_lossy()).map_err(fault)
        });
        Ok(ReadOptions {
            columns: self.own_names()?,
            encoding: self.encoding.clone(),
            header: self.header.unwrap_or_default(),
            sheet: self.sheet.clone(),
            dates: self.dates,
            decimal: self.decimal,
            preview: false,
            zone: self.zone(),
            max_reject_share: self.max_rejects,
            rejects: Some(self.rejects.clone()),
            since: None,
            people: None,
            erased: erased.transpose()?,
            accept: self.accept.clone(),
            progress: true,
            ..ReadOptions::default()
        })
    }
}

/// Prints a line on standard output, as `println!` does, but ends the process quietly when nobody reads it any more.
///
/// `homing tags list | head` closes the pipe before everything is written. That is not a failure: the process ends with 141, the
/// code that a shell shows for a program ended by SIGPIPE. Any other failure (a full disk behind `>`) is reported and ends it with 1.
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
    eprintln!("cannot write to standard output: {error}");
    std::process::exit(1);
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let read = columns_of_file(&path).unwrap();
        assert_eq!(read.0, own(&[("amount", "Total, incl. VAT"), ("customer_id", "a=b")]));
        assert!(columns_of_file(Path::new("gone.toml")).unwrap_err().to_string().contains("gone.toml"));
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        let size = |text: &str| text.parse::<Size>().map(|size| size.0);
        assert_eq!(
            (size("512M"), size("4GiB"), size("16777216")),
            (Ok(512 << 20), Ok(4 << 30), Ok(16 << 20))
        );
        for wrong in ["", "1M", "much", "1.5G", "-1G", "99999999999T", "1X"] {
            assert!(size(wrong).unwrap_err().contains("512M"), "{wrong}");
        }
    }
}
