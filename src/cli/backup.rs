//! `homing backup`, `homing restore` and `homing migrate-store`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use homing_datasets::encryption::EncryptionArgs;
use homing_datasets::objects::is_address;
use homing_datasets::progress::Stage;
use homing_datasets::settings::show::without_secrets;
use homing_datasets::{Erasures, Zone, calendar, out};
use serde_json::json;

use super::WrongUse;
use super::args::{PasswordArgs, RegistryArgs, StoreArgs, note_action, print_json};
use crate::backup::{Backups, CONFIG, Manifest, NamedFiles, REGISTRY, SNAPSHOT, Targets, files_of, migrate};
use crate::service::condition::{LAST_BACKUP, LastRun, note_run};

/// Back up the profile store, the snapshot, the registry and homing.toml while the service goes on.
///
/// Backups at one place share what they have in common, so a backup after a quiet night is small. Backups hold personal data: keep them as private as the store.
#[derive(Args)]
#[command(after_help = "\
Examples:
  homing backup --backups /backup/homing --profiles sqlite:profiles.db --keep 30
  homing backup --backups s3://backups/homing --snapshot snapshot --verify")]
pub(super) struct Backup {
    #[command(flatten)]
    backups: BackupArgs,
    /// Folder that keeps all histories, so that each run reads only new files. Every customer in it is scored; events that it already
    /// contains are not counted twice.
    #[arg(long, env = "HOMING_SNAPSHOT", value_name = "DIR")]
    snapshot: Option<PathBuf>,
    /// Keep only so many backups, the newest. Default: all.
    #[arg(long, env = "HOMING_KEEP", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,
    /// Restore the backup into a temporary store, and compare both.
    #[arg(long, env = "HOMING_VERIFY")]
    verify: bool,
    /// Folder for temporary files. Default: the system's.
    #[arg(long, env = "HOMING_SCRATCH", value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// Print one JSON document on stdout.
    #[arg(long, env = "HOMING_JSON")]
    json: bool,
    #[command(flatten)]
    encryption: EncryptionArgs,
    #[command(flatten, next_help_heading = "Profile store")]
    store: StoreArgs,
    #[command(flatten, next_help_heading = "Model")]
    registry: RegistryArgs,
}

#[derive(Args)]
struct BackupArgs {
    /// Where backups are kept: a folder or an object-store URL such as s3://bucket/homing.
    #[arg(long, env = "HOMING_BACKUPS", value_name = "DIR|URL")]
    backups: String,
}

/// Restore a backup into an empty profile store, and the snapshot and the registry into empty folders.
///
/// Customers who were erased after the backup are erased again, as far as later backups and --erased-file tell. Stop the service first.
#[derive(Args)]
#[command(after_help = "\
Examples:
  homing restore --backups /backup/homing --list
  homing restore --backups /backup/homing --profiles sqlite:restored.db")]
pub(super) struct Restore {
    #[command(flatten)]
    backups: BackupArgs,
    /// Name of the backup. Default: the newest.
    #[arg(long, env = "HOMING_BACKUP_NAME", value_name = "NAME")]
    backup_name: Option<String>,
    /// List the backups and restore nothing.
    #[arg(long, env = "HOMING_LIST")]
    list: bool,
    /// Folder into which the snapshot of the nightly batch is restored. Default: it is not.
    #[arg(long, env = "HOMING_RESTORE_SNAPSHOT", value_name = "DIR")]
    restore_snapshot: Option<PathBuf>,
    /// Folder into which the registry is restored. Default: it is not.
    #[arg(long, env = "HOMING_RESTORE_REGISTRY", value_name = "DIR")]
    restore_registry: Option<PathBuf>,
    /// Folder into which homing.toml is restored. Default: it is not.
    #[arg(long, env = "HOMING_RESTORE_CONFIG", value_name = "DIR")]
    restore_config: Option<PathBuf>,
    /// List of erased customers, as written by `homing erased --out`: they are left out.
    #[arg(long, env = "HOMING_ERASED_FILE", value_name = "FILE")]
    erased_file: Option<PathBuf>,
    /// Print one JSON document on stdout.
    #[arg(long, env = "HOMING_JSON")]
    json: bool,
    #[command(flatten)]
    encryption: EncryptionArgs,
    #[command(flatten, next_help_heading = "Profile store")]
    store: StoreArgs,
}

/// Copy a profile store into an empty one, also from SQLite to PostgreSQL or back. Stop the service and batches first.
#[derive(Args)]
#[command(after_help = "\
Examples:
  homing migrate-store --profiles sqlite:profiles.db --into postgres://homing@db/homing
  homing migrate-store --profiles postgres://homing@db/homing --into sqlite:profiles.db")]
pub(super) struct MigrateStore {
    /// The empty profile store to fill: sqlite:PATH or postgres://USER@HOST:PORT/DATABASE.
    #[arg(long, env = "HOMING_INTO", value_name = "URL")]
    into: String,
    /// File with the PostgreSQL password of --into.
    #[arg(long, env = "HOMING_INTO_PASSWORD_FILE", value_name = "FILE")]
    into_password_file: Option<PathBuf>,
    /// Print one JSON document on stdout.
    #[arg(long, env = "HOMING_JSON")]
    json: bool,
    #[command(flatten, next_help_heading = "Profile store")]
    store: StoreArgs,
}

/// The store, which must be there: a mistyped path must not be backed up as an empty store.
fn existing(store: &StoreArgs) -> anyhow::Result<std::sync::Arc<dyn homing_profiles::Store>> {
    if let Some(path) = store.file().filter(|path| !Path::new(path).exists()) {
        return Err(WrongUse(format!("there is no profile store at {path}; check --profiles")).into());
    }
    store.open(Zone::default())
}

/// What there is to back up beside the store. Locks the snapshot, so that no batch changes it meanwhile.
fn files(args: &Backup, config: Option<&Path>) -> anyhow::Result<(NamedFiles, Option<fs::File>)> {
    let mut files = Vec::new();
    let mut lock = None;
    if let Some(snapshot) = &args.snapshot {
        anyhow::ensure!(
            snapshot.is_dir(),
            "there is no snapshot at {}; check --snapshot",
            snapshot.display()
        );
        let file =
            fs::OpenOptions::new().create(true).truncate(false).write(true).open(snapshot.join("lock"))?;
        file.try_lock().map_err(|_| {
            anyhow::anyhow!(
                "a batch is using the snapshot {}; back up after it has ended",
                snapshot.display()
            )
        })?;
        lock = Some(file);
        files.extend(files_of(SNAPSHOT, snapshot)?.into_iter().filter(|(name, _)| name != "snapshot/lock"));
    }
    // What is in an object store is kept by it.
    if !is_address(&args.registry.registry) {
        files.extend(files_of(REGISTRY, Path::new(&args.registry.registry))?);
    }
    files.extend(config.map(|config| (format!("{CONFIG}/homing.toml"), config.to_owned())));
    Ok((files, lock))
}

/// Copies of a folder into itself grow without end.
fn keep_apart(args: &Backup) -> anyhow::Result<()> {
    if is_address(&args.backups.backups) {
        return Ok(());
    }
    let backups = std::path::absolute(&args.backups.backups)?;
    let registry = Some(Path::new(&args.registry.registry)).filter(|_| !is_address(&args.registry.registry));
    for folder in args.snapshot.as_deref().into_iter().chain(registry) {
        if backups.starts_with(std::path::absolute(folder)?) {
            let text =
                format!("--backups is inside {}; keep backups in a folder of their own", folder.display());
            return Err(WrongUse(text).into());
        }
    }
    Ok(())
}

pub(super) fn make(args: &Backup, config: Option<&Path>) -> anyhow::Result<()> {
    keep_apart(args)?;
    let store = existing(&args.store)?;
    let backups = Backups::open(&args.backups.backups, args.encryption.keys()?)?;
    let own = store.identity()?;
    if let Some((name, newest)) = backups.newest()?.filter(|(_, newest)| newest.identity != own) {
        eprintln!(
            "homing: the newest backup here, {name}, is of another store ({}), or of this one before it was restored. Keep one place for each store: \
             `homing restore` takes the newest backup of a place.",
            newest.store
        );
    }
    let stage = Stage::begin("backup");
    let (files, _lock) = files(args, config)?;
    let keep = args.keep.map(|keep| keep as usize);
    let now = calendar::now();
    let made = backups
        .make(store.as_ref(), &files, now, keep, &|records| stage.at(&format!("{records} records")))?;
    let backup_s = stage.done(&format!(
        "{}: {} customers, {} records, {} files; {} bytes written",
        made.name, made.customers, made.records, made.files, made.bytes_written
    ));
    note_action(store.as_ref(), "backup", None, &made.name, now)?;
    let run = LastRun { seconds: backup_s, customers: made.customers, changed: 0 };
    note_run(store.as_ref(), LAST_BACKUP, calendar::now(), run)?;
    if args.verify {
        let stage = Stage::begin("verify");
        if args.encryption.keys()?.is_some() {
            eprintln!(
                "homing: --verify restores into a temporary store that is not encrypted, in --scratch; name a folder in memory, such as /dev/shm, \
                 or on an encrypted disk."
            );
        }
        let scratch = args.scratch.clone().unwrap_or_else(std::env::temp_dir);
        backups.verify(&made.name, &scratch)?;
        stage.done("a store restored from the backup holds the same");
    }
    if args.json {
        let mut document = serde_json::to_value(&made)?;
        document["verified"] = args.verify.into();
        document["seconds"] = json!({ "backup": backup_s });
        print_json(&document)?;
    }
    Ok(())
}

fn list(backups: &Backups, as_json: bool) -> anyhow::Result<()> {
    let found = backups.list()?;
    if as_json {
        let each = |(name, manifest): &(String, std::io::Result<Manifest>)| match manifest {
            Err(damage) => json!({ "name": name, "damage": damage.to_string() }),
            Ok(manifest) => {
                let (bytes, records) = manifest.totals();
                json!({
                    "name": name,
                    "made_at": manifest.made_at,
                    "homing": manifest.homing,
                    "store": manifest.store,
                    "records": records,
                    "files": manifest.files.len(),
                    "file_bytes": bytes,
                    "parts": manifest.parts(),
                    "encrypted": manifest.is_encrypted(),
                })
            }
        };
        return print_json(&json!({ "backups": found.iter().map(each).collect::<Vec<_>>() }));
    }
    for (name, manifest) in &found {
        match manifest {
            Err(damage) => out!("{name}  {damage}"),
            Ok(manifest) => {
                let ((_, records), parts) = (manifest.totals(), manifest.parts().join(", "));
                out!("{name}  {records:>10} records  {}  {parts}", manifest.store);
            }
        }
    }
    if found.is_empty() {
        out!("no backups");
    }
    Ok(())
}

pub(super) fn restore(args: &Restore) -> anyhow::Result<()> {
    let place = &args.backups.backups;
    if !is_address(place) && !Path::new(place).is_dir() {
        return Err(WrongUse(format!("there is no folder {place}; check --backups")).into());
    }
    let backups = Backups::open(place, args.encryption.keys()?)?;
    if args.list {
        return list(&backups, args.json);
    }
    let name = backups.find(args.backup_name.as_deref())?;
    let erasures = match &args.erased_file {
        Some(path) => Some(Erasures::load(&path.display().to_string()).map_err(anyhow::Error::msg)?),
        None => None,
    };
    let folders = [
        (SNAPSHOT, &args.restore_snapshot),
        (REGISTRY, &args.restore_registry),
        (CONFIG, &args.restore_config),
    ];
    let folders: BTreeMap<&'static str, PathBuf> =
        folders.into_iter().filter_map(|(part, folder)| Some((part, folder.clone()?))).collect();
    let targets = Targets { folders };
    let place = args.store.place()?;
    let stage = Stage::begin("restore");
    let now = calendar::now();
    let progress = |customers: u64| stage.at(&format!("{customers} customers"));
    let restored = backups.restore(&name, &place, &targets, erasures.as_deref(), now, &progress)?;
    let erased = match restored.erased {
        0 => String::new(),
        erased => format!(", of which {erased} were erased again"),
    };
    let (name, shown) = (&restored.name, args.store.shown());
    stage.done(&format!("{name} into {shown}: {} customers{erased}", restored.customers));
    let store = args.store.open(Zone::default())?;
    note_action(store.as_ref(), "restore", None, &restored.name, now)?;
    if args.json {
        print_json(&restored)?;
    }
    Ok(())
}

pub(super) fn migrate_store(args: &MigrateStore) -> anyhow::Result<()> {
    let from = existing(&args.store)?;
    let into = PasswordArgs { profiles_password_file: args.into_password_file.clone() }.place(&args.into)?;
    if into == args.store.place()? {
        return Err(WrongUse("--into is the same store as --profiles".to_owned()).into());
    }
    let stage = Stage::begin("migrate");
    let now = calendar::now();
    let customers =
        migrate(from.as_ref(), &into, now, &|customers| stage.at(&format!("{customers} customers")))?;
    let shown = without_secrets(&args.into);
    stage.done(&format!("{customers} customers copied into {shown}, and compared"));
    let target = homing_profiles::open(&into, Zone::default())?;
    note_action(target.as_ref(), "migrate_store", None, &args.store.shown(), now)?;
    if args.json {
        print_json(&json!({ "customers": customers, "from": args.store.shown(), "into": shown }))?;
    }
    Ok(())
}
