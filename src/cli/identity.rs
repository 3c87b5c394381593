//! `homing identity`.

use std::path::PathBuf;

use clap::Args;
use homing_datasets::Zone;
use homing_datasets::cli::{refuse_warnings, show_warnings};
use homing_datasets::guards::outputs;
use homing_datasets::identity::{Conflict, Hashing, Joiner, Moved, People, Rulings};
use homing_datasets::members::read_members;
use homing_datasets::progress::Stage;
use homing_datasets::table::Format;

use super::WrongUse;
use super::args::{print_json, read_text};

/// Match customer records of several sources to people by shared keys.
#[derive(Args)]
#[command(after_help = "\
Examples:
  homing identity --members members/ --out people.parquet --conflicts conflicts.csv
  homing identity --members members/ --previous people.parquet --moves moves.csv --out new.csv")]
pub(super) struct Identity {
    /// Member records: files, globs or folders (Parquet, CSV, TSV or NDJSON).
    ///
    /// Required columns: record_id and one of phone, member_id, open_id, email. Optional: the others, name, source.
    #[arg(long, env = "HOMING_MEMBERS", required = true, num_args = 1.., value_delimiter = ',', value_name = "PATH")]
    members: Vec<String>,
    /// Map columns of member records, such as phone=mobile,record_id=no.
    #[arg(long, env = "HOMING_MEMBER_COLUMNS", value_delimiter = ',', value_name = "KNOWN=OWN,...")]
    member_columns: Vec<String>,
    /// Write the people map: record_id and person_id (.parquet, .csv or .ndjson).
    #[arg(long, env = "HOMING_OUT", value_name = "FILE")]
    out: Option<PathBuf>,
    /// People map of the previous run: people keep their ids, and records that moved are reported.
    #[arg(long, env = "HOMING_PREVIOUS", value_name = "FILE")]
    previous: Option<String>,
    /// Write the records that moved to another person: record_id, from, to.
    #[arg(long, env = "HOMING_MOVES", value_name = "FILE", requires = "previous")]
    moves: Option<PathBuf>,
    /// Write the keys that need review.
    #[arg(long, env = "HOMING_CONFLICTS", value_name = "FILE")]
    conflicts: Option<PathBuf>,
    /// Manual decisions: lines `merge,RECORD,RECORD` or `split,RECORD`.
    #[arg(long, env = "HOMING_RULINGS", value_name = "FILE")]
    rulings: Option<PathBuf>,
    /// File with the secret for keyed hashes of phone numbers and other keys; at least 16 bytes.
    #[arg(long, env = "HOMING_HASH_KEY_FILE", value_name = "FILE")]
    hash_key_file: Option<PathBuf>,
    /// The keys are hashed already; compare them as they are.
    #[arg(long, env = "HOMING_HASHED")]
    hashed: bool,
    /// True people (record_id and customer_id or person_id), if known: print precision and recall over pairs.
    #[arg(long, env = "HOMING_TRUTH", value_name = "PATH")]
    truth: Option<String>,
    /// Treat warnings about the data as errors (exit code 3).
    #[arg(long, env = "HOMING_STRICT")]
    strict: bool,
    /// Print one JSON document on stdout.
    #[arg(long, env = "HOMING_JSON")]
    json: bool,
}

pub(super) fn run(args: &Identity) -> anyhow::Result<()> {
    for out in [&args.out, &args.moves, &args.conflicts].into_iter().flatten() {
        Format::of(out).map_err(|error| WrongUse(error.to_string()))?;
    }
    let mut columns = std::collections::BTreeMap::new();
    for pair in &args.member_columns {
        let Some((known, own)) = pair.split_once('=') else {
            return Err(
                WrongUse(format!("--member-columns {pair}: write known=own, such as phone=mobile")).into()
            );
        };
        columns.insert(known.trim().to_owned(), own.trim().to_owned());
    }
    keep_inputs(args)?;
    let hashing = hashing(args)?;
    let rulings = match &args.rulings {
        Some(path) => Rulings::parse(&read_text(path)?, &path.display().to_string())?,
        None => Rulings::default(),
    };
    let previous = args.previous.as_deref().map(People::read).transpose()?;
    let stage = Stage::begin("read");
    let mut joiner = Joiner::new(hashing);
    let read = read_members(&args.members, &columns, &mut joiner)?;
    let read_s = stage.done(&format!(
        "{} records from {} files ({} rows without a record id)",
        joiner.len(),
        read.files,
        read.without_record_id
    ));
    let stage = Stage::begin("join");
    let (mut people, report) = joiner.finish(&rulings);
    let moved = previous.map(|before| people.keep_ids(&before));
    let join_s = stage.done(&format!(
        "{} people; {:.1} % in two or more sources; {:.1} % of the records have only name and phone",
        report.people,
        report.connected * 100.0,
        report.name_and_phone_only * 100.0
    ));
    for (trouble, count) in &report.conflicts {
        eprintln!("          {count:>9} keys: {trouble}");
    }
    if report.rulings_without_record > 0 {
        eprintln!("          {:>9} records in the rulings do not exist", report.rulings_without_record);
    }
    let warnings = report.warnings();
    show_warnings(&warnings);
    refuse_warnings(&warnings, args.strict)?;
    let mut document = serde_json::json!({
        "warnings": warnings.list(), "read": read, "report": report, "seconds": { "read": read_s, "join": join_s },
    });
    if let Some(moved) = &moved {
        eprintln!("          {:>9} records moved to another person", moved.len());
        document["moved"] = moved.len().into();
        if let Some(path) = &args.moves {
            Moved::table(moved).write(path, Zone::default())?;
        }
    }
    if let Some(path) = &args.conflicts {
        Conflict::table(&report.listed).write(path, Zone::default())?;
    }
    if let Some(path) = &args.out {
        people.write(path)?;
    }
    if let Some(path) = &args.truth {
        let (precision, recall) = people.pairwise(&People::read(path)?);
        eprintln!("          precision {precision:.5}, recall {recall:.5} over pairs of records");
        document["precision"] = precision.into();
        document["recall"] = recall.into();
    }
    if args.json {
        print_json(&document)?;
    }
    Ok(())
}

/// Refuses outputs that are read.
fn keep_inputs(args: &Identity) -> Result<(), homing_datasets::Error> {
    let texts = [&args.previous, &args.truth].into_iter().flatten().cloned();
    let files =
        [&args.rulings, &args.hash_key_file].into_iter().flatten().map(|file| file.display().to_string());
    let inputs: Vec<String> = args.members.iter().cloned().chain(texts).chain(files).collect();
    let outputs = [
        ("out", args.out.as_deref()),
        ("moves", args.moves.as_deref()),
        ("conflicts", args.conflicts.as_deref()),
    ];
    outputs::check(&inputs, &outputs)
}

fn hashing(args: &Identity) -> anyhow::Result<Hashing> {
    let hashing = match &args.hash_key_file {
        None => Hashing::plain(),
        Some(path) => {
            let secret = std::fs::read(path).map_err(|cause| {
                WrongUse(format!("--hash-key-file {}: cannot be read: {cause}", path.display()))
            })?;
            let secret = secret.trim_ascii();
            if secret.len() < 16 {
                let text = format!(
                    "--hash-key-file {}: the secret is shorter than 16 bytes; use a longer one",
                    path.display()
                );
                return Err(WrongUse(text).into());
            }
            Hashing::keyed(secret)?
        }
    };
    Ok(if args.hashed { hashing.of_tokens() } else { hashing })
}
