//! `homing doctor`: whether a service would work here, and how to fix it if not.

use std::path::{Path, PathBuf};

use clap::Args;
use homing_datasets::encryption::EncryptionArgs;
use homing_datasets::out;
use homing_datasets::{DAY, Micros, Zone, calendar};
use homing_models::Bundle;
use serde::Serialize;

use super::ModelArgs;
use super::args::{StoreArgs, print_json};

/// Check that store, registry, clock, permissions and disk are in order, and say how to fix each problem.
#[derive(Args)]
#[command(after_help = "\
Examples:
  homing doctor
  homing doctor --registry /var/lib/homing/registry --profiles sqlite:profiles.db --json")]
pub(super) struct Doctor {
    /// Print one JSON document on stdout.
    #[arg(long, env = "HOMING_JSON")]
    json: bool,
    #[command(flatten)]
    encryption: EncryptionArgs,
    #[command(flatten, next_help_heading = "Profile store")]
    store: StoreArgs,
    #[command(flatten, next_help_heading = "Model")]
    model: ModelArgs,
}

/// The result of one check.
#[derive(Serialize)]
struct Finding {
    check: &'static str,
    ok: bool,
    found: String,
    /// How to fix it; empty where nothing is wrong.
    fix: String,
}

/// Less free disk than this is too little: the store's log and a model need room.
const LEAST_FREE: u64 = 1 << 30;
/// The clock of a machine that has lost its time begins long before.
const EARLIEST_S: Micros = 1_735_689_600;

fn finding(check: &'static str, told: Result<String, (String, String)>) -> Finding {
    match told {
        Ok(found) => Finding { check, ok: true, found, fix: String::new() },
        Err((found, fix)) => Finding { check, ok: false, found, fix },
    }
}

/// Something needs fixing: exit code 1.
#[derive(Debug, thiserror::Error)]
#[error("{}", match .0 { 1 => "1 check failed; fix it".to_owned(), n => format!("{n} checks failed; fix them top to bottom") })]
struct Ill(usize);

pub(super) fn run(args: &Doctor) -> anyhow::Result<()> {
    let now = calendar::now();
    let (registry, model) = registry(&args.model);
    let findings = vec![
        finding("registry", registry),
        finding("store", store(&args.store, now)),
        finding("clock", clock(now, model)),
        finding("permissions", permissions(&args.model.registry.registry, &args.store.profiles)),
        finding("disk", disk(&args.store.profiles)),
        finding("encryption", encryption(&args.encryption)),
    ];
    let ill = findings.iter().filter(|finding| !finding.ok).count();
    if args.json {
        print_json(&serde_json::json!({"ok": ill == 0, "checks": findings}))?;
    } else {
        for Finding { check, ok, found, fix } in &findings {
            out!("{:<4} {check:<12} {found}", if *ok { "ok" } else { "BAD" });
            if !ok {
                out!("                  {fix}");
            }
        }
    }
    if ill == 0 { Ok(()) } else { Err(Ill(ill).into()) }
}

type Told = Result<String, (String, String)>;

/// The model, and the end of its training data.
fn registry(args: &ModelArgs) -> (Told, Option<Micros>) {
    let found = args.open().and_then(|registry| registry.find(args.model.as_deref()));
    let found = found.and_then(|path| Bundle::load(&path));
    match found {
        Ok(bundle) => {
            let manifest = bundle.manifest();
            (Ok(format!("{}, data until {}", bundle.id(), manifest.as_of_text)), Some(manifest.as_of))
        }
        Err(error) => {
            let fix = "train a model with `homing-train fit --registry DIR`, or name another one with --registry and --model";
            (Err((error.to_string(), fix.to_owned())), None)
        }
    }
}

fn store(args: &StoreArgs, now: Micros) -> Told {
    let place = args.shown();
    let look = || -> anyhow::Result<(u64, Option<Micros>)> {
        let store = args.open(Zone::default())?;
        store.ready()?;
        let totals = store.totals()?;
        Ok((totals.profiles, totals.data_until.max(store.latest_score()?)))
    };
    match look() {
        Ok((_, Some(until))) if until > now + DAY => Err((
            format!("{place} contains events or scores of {}, which is in the future", Zone::default().format(until)),
            "correct the machine's clock if it is slow; else run the nightly batch, which sets such dates aside, or \
             `homing clock --set DATE`"
                .to_owned(),
        )),
        Ok((profiles, _)) => Ok(format!("{place}: {profiles} profiles, readable and writable")),
        Err(error) => {
            Err((format!("{error:#}"), "fix what the error says, or name another store with --profiles".to_owned()))
        }
    }
}

fn clock(now: Micros, model: Option<Micros>) -> Told {
    let text = Zone::default().format(now);
    let fix =
        || "set the machine's clock (timedatectl, chronyd); events in the future are refused".to_owned();
    if now < EARLIEST_S * 1_000_000 {
        return Err((format!("the clock says {text}"), fix()));
    }
    match model {
        Some(as_of) if as_of > now + DAY => {
            let learned = Zone::default().format(as_of);
            Err((format!("the clock says {text}, but the model was trained on data until {learned}"), fix()))
        }
        _ => Ok(text),
    }
}

/// The folder of an embedded store; none for a server's.
fn folder_of(place: &str) -> Option<PathBuf> {
    let path = Path::new(homing_profiles::local_file(place)?);
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Some(parent.to_owned())
}

fn permissions(registry: &str, place: &str) -> Told {
    let local = Some(PathBuf::from(registry)).filter(|_| !homing_datasets::objects::is_address(registry));
    let folders = [local, folder_of(place)];
    for folder in folders.into_iter().flatten() {
        let draft = folder.join(format!(".homing-doctor-{}", std::process::id()));
        if let Err(cause) = std::fs::write(&draft, b"") {
            let fix = format!("let the user that runs homing write to {}", folder.display());
            return Err((format!("cannot write to {}: {cause}", folder.display()), fix));
        }
        std::fs::remove_file(&draft).map_err(|cause| {
            let found = format!("cannot remove {}: {cause}", draft.display());
            (found, "let the user that runs homing remove its files".to_owned())
        })?;
    }
    #[cfg(unix)]
    if let Some(path) = homing_profiles::local_file(place) {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).map(|data| data.permissions().mode()).unwrap_or_default();
        if mode & 0o002 != 0 {
            return Err((format!("everyone can write to {path}"), format!("chmod o-w {path}")));
        }
    }
    Ok("registry and store are writable".to_owned())
}

/// What protects files that are stolen, and whether the key file is as private as a key has to be.
fn encryption(args: &EncryptionArgs) -> Told {
    let keys = args.keys().map_err(|cause| {
        let fix = "correct the key's source; without the key, encrypted snapshots and backups cannot be read";
        (cause.to_string(), fix.to_owned())
    })?;
    let Some(keys) = keys else {
        let text = "no master key: store, snapshots, backups and journals can be read by everyone who gets the files; encrypt the disk, and see \
                    docs/encryption.md";
        return Ok(text.to_owned());
    };
    #[cfg(unix)]
    if let Some(path) = &args.encryption_key_file {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).map(|data| data.permissions().mode()).unwrap_or_default();
        if mode & 0o007 != 0 {
            let path = path.display();
            return Err((
                format!("everyone on this machine can open the key file {path}"),
                format!("chmod o= {path}"),
            ));
        }
    }
    Ok(format!(
        "master key {}: snapshots, backups, journals and temporary files are encrypted; the profile store is not, so encrypt its disk",
        keys.current()
    ))
}

#[cfg(unix)]
fn disk(place: &str) -> Told {
    let Some(folder) = folder_of(place) else { return Ok("the database server has its own disk".to_owned()) };
    let told = rustix::fs::statvfs(&folder);
    let told =
        told.map_err(|cause| (format!("{}: {cause}", folder.display()), "create the folder".to_owned()))?;
    let free = told.f_bavail.saturating_mul(told.f_frsize);
    let found = format!("{:.1} GiB free in {}", free as f64 / f64::from(1 << 30), folder.display());
    if free < LEAST_FREE {
        return Err((
            found,
            "free disk space: the store stops accepting events when the disk is full".to_owned(),
        ));
    }
    Ok(found)
}

#[cfg(not(unix))]
fn disk(_: &str) -> Told {
    Ok("not checked on this system".to_owned())
}
