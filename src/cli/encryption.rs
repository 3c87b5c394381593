//! `homing encryption`: master keys.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use homing_datasets::encryption::{EncryptionArgs, MasterKeys};
use homing_datasets::engine::snapshot_keys;
use homing_datasets::objects::is_address;
use homing_datasets::out;
use serde_json::json;

use super::WrongUse;
use super::args::print_json;
use crate::backup::Backups;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Print a new master key, for the first line of the key file. Only the user that runs homing may be able to read that file.
    #[command(after_help = "\
Examples:
  homing encryption new-key")]
    NewKey,
    ReplaceMaster(ReplaceMaster),
}

/// Wrap the data keys of backups and of a snapshot with the first key of the key file. The data stay as they are.
///
/// Put the new key above the old one in the key file, run this command between two batches, then remove the old key.
#[derive(Args)]
#[command(after_help = "\
Examples:
  homing encryption replace-master --backups /backup/homing --snapshot /var/lib/homing/snapshot")]
pub(super) struct ReplaceMaster {
    /// Where backups are kept: a folder or an object-store URL such as s3://bucket/homing.
    #[arg(long, env = "HOMING_BACKUPS", value_name = "DIR|URL")]
    backups: Option<String>,
    /// Folder that keeps all histories, so that each run reads only new files. Every customer in it is scored; events that it already
    /// contains are not counted twice.
    #[arg(long, env = "HOMING_SNAPSHOT", value_name = "DIR")]
    snapshot: Option<PathBuf>,
    /// Print one JSON document on stdout.
    #[arg(long, env = "HOMING_JSON")]
    json: bool,
    #[command(flatten)]
    encryption: EncryptionArgs,
}

pub(super) fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::NewKey => {
            out!("{}", MasterKeys::generate()?);
            Ok(())
        }
        Command::ReplaceMaster(args) => replace_master(args),
    }
}

fn replace_master(args: &ReplaceMaster) -> anyhow::Result<()> {
    let wrong = |text: &str| anyhow::Error::from(WrongUse(text.to_owned()));
    let Some(keys) = args.encryption.keys()? else {
        return Err(wrong("there is no master key; give it with --encryption-key-file"));
    };
    if args.backups.is_none() && args.snapshot.is_none() {
        return Err(wrong("there is nothing to do; name --backups, --snapshot or both"));
    }
    let mut document = json!({ "master_key": keys.current().to_string() });
    let mut lines = Vec::new();
    if let Some(place) = &args.backups {
        if !is_address(place) && !Path::new(place).is_dir() {
            return Err(wrong(&format!("there is no folder {place}; check --backups")));
        }
        let (replaced, readable) = Backups::open(place, Some(keys.clone()))?.replace_master_key(&keys)?;
        lines.push(match readable {
            0 => format!("backups: {replaced} data keys rewrapped"),
            _ => format!(
                "backups: {replaced} data keys rewrapped; {readable} older backups are not encrypted, and go with `homing backup --keep N`"
            ),
        });
        document["backups"] = json!({ "replaced": replaced, "not_encrypted": readable });
    }
    if let Some(folder) = &args.snapshot {
        if !folder.join("snapshot.json").is_file() {
            return Err(wrong(&format!("there is no snapshot in {}; check --snapshot", folder.display())));
        }
        let replaced = snapshot_keys::replace_master_key(folder, &keys)?;
        lines.push(format!("snapshot: {} data keys rewrapped", u8::from(replaced)));
        document["snapshot"] = json!({ "replaced": u8::from(replaced) });
    }
    if args.json {
        return print_json(&document);
    }
    lines.iter().for_each(|line| out!("{line}"));
    out!("present master key: {}", keys.current());
    Ok(())
}
