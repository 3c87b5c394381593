//! `homing doctor`: whether a service would work here, and what to mend if not.

use std::path::{Path, PathBuf};

use clap::Args;
use homing_datasets::out;
use homing_datasets::{DAY, Micros, Zone, calendar};
use homing_models::Bundle;
use serde::Serialize;

use super::ModelArgs;

/// Checks store, registry, clock, permissions and disk, and says what to mend.
#[derive(Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    model: ModelArgs,
    /// Where profiles are kept: sqlite:PATH.
    #[arg(long, env = "HOMING_PROFILES", default_value = "sqlite:profiles.db", value_name = "PLACE")]
    profiles: String,
    /// Prints one JSON document instead of text.
    #[arg(long, env = "HOMING_JSON")]
    json: bool,
}

/// One thing that was looked at.
#[derive(Serialize)]
struct Finding {
    check: &'static str,
    ok: bool,
    found: String,
    /// What to do; empty where nothing is to be done.
    mend: String,
}

/// Less free disk than this is too little: the store's log and a model need room.
const LEAST_FREE: u64 = 1 << 30;
/// The clock of a machine that has lost its time begins long before.
const EARLIEST_S: Micros = 1_735_689_600;

fn finding(check: &'static str, told: Result<String, (String, String)>) -> Finding {
    match told {
        Ok(found) => Finding { check, ok: true, found, mend: String::new() },
        Err((found, mend)) => Finding { check, ok: false, found, mend },
    }
}

/// Something is to be mended: exit code 1.
#[derive(Debug, thiserror::Error)]
#[error("{0} of the checks failed; mend them in the order in which they stand")]
struct Ill(usize);

pub(super) fn run(args: &Doctor) -> anyhow::Result<()> {
    let now = calendar::now();
    let (registry, model) = registry(&args.model);
    let findings = vec![
        finding("registry", registry),
        finding("store", store(&args.profiles, now)),
        finding("clock", clock(now, model)),
        finding("permissions", permissions(&args.model.registry, &args.profiles)),
        finding("disk", disk(&args.profiles)),
    ];
    let ill = findings.iter().filter(|finding| !finding.ok).count();
    if args.json {
        out!("{}", serde_json::to_string_pretty(&serde_json::json!({"ok": ill == 0, "checks": findings}))?);
    } else {
        for Finding { check, ok, found, mend } in &findings {
            out!("{:<4} {check:<12} {found}", if *ok { "ok" } else { "BAD" });
            if !ok {
                out!("                  {mend}");
            }
        }
    }
    if ill == 0 { Ok(()) } else { Err(Ill(ill).into()) }
}

type Told = Result<String, (String, String)>;

/// What is found, and up to when the model has learned.
fn registry(args: &ModelArgs) -> (Told, Option<Micros>) {
    let found = args.open().and_then(|registry| registry.find(args.model.as_deref()));
    let found = found.and_then(|path| Bundle::load(&path));
    match found {
        Ok(bundle) => {
            let manifest = bundle.manifest();
            (Ok(format!("{} up to {}", bundle.id(), manifest.as_of_text)), Some(manifest.as_of))
        }
        Err(error) => {
            let mend = "train one with `homing-train fit --registry DIR`, or name another with --registry and --model";
            (Err((error.to_string(), mend.to_owned())), None)
        }
    }
}

fn store(place: &str, now: Micros) -> Told {
    let look = || -> Result<(u64, Option<Micros>), homing_profiles::Error> {
        let store = homing_profiles::open(place, Zone::default())?;
        store.ready()?;
        let totals = store.totals()?;
        Ok((totals.profiles, totals.data_until.max(store.latest_score()?)))
    };
    match look() {
        Ok((_, Some(until))) if until > now + DAY => Err((
            format!("{place} holds events or scores of {}, which is in the future", Zone::default().format(until)),
            "set the machine's clock right if it is slow; else run the nightly batch, which sets such dates aside, or \
             `homing clock --set DATE`"
                .to_owned(),
        )),
        Ok((profiles, _)) => Ok(format!("{place}: {profiles} profiles, can be read and written")),
        Err(error) => {
            Err((error.to_string(), "see what the error says of the store; --profiles names it".to_owned()))
        }
    }
}

fn clock(now: Micros, model: Option<Micros>) -> Told {
    let text = Zone::default().format(now);
    let mend = || {
        "set the machine's clock (timedatectl, chronyd); events would be refused as lying ahead".to_owned()
    };
    if now < EARLIEST_S * 1_000_000 {
        return Err((format!("the clock says {text}"), mend()));
    }
    match model {
        Some(as_of) if as_of > now + DAY => {
            let learned = Zone::default().format(as_of);
            Err((format!("the clock says {text}, and the model has learned up to {learned}"), mend()))
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
            let mend = format!("give the user of homing the right to write in {}", folder.display());
            return Err((format!("{} cannot be written: {cause}", folder.display()), mend));
        }
        std::fs::remove_file(&draft).map_err(|cause| {
            let found = format!("{} cannot be removed: {cause}", draft.display());
            (found, "give the user of homing the right to remove its files".to_owned())
        })?;
    }
    #[cfg(unix)]
    if let Some(path) = homing_profiles::local_file(place) {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).map(|data| data.permissions().mode()).unwrap_or_default();
        if mode & 0o002 != 0 {
            return Err((format!("{path} can be written by everyone"), format!("chmod o-w {path}")));
        }
    }
    Ok("registry and store can be written".to_owned())
}

#[cfg(unix)]
fn disk(place: &str) -> Told {
    let Some(folder) = folder_of(place) else { return Ok("the store keeps its own disk".to_owned()) };
    let told = rustix::fs::statvfs(&folder);
    let told =
        told.map_err(|cause| (format!("{}: {cause}", folder.display()), "make the folder".to_owned()))?;
    let free = told.f_bavail.saturating_mul(told.f_frsize);
    let found = format!("{:.1} GiB free in {}", free as f64 / f64::from(1 << 30), folder.display());
    if free < LEAST_FREE {
        return Err((found, "make room: the store stops taking events when the disk is full".to_owned()));
    }
    Ok(found)
}

#[cfg(not(unix))]
fn disk(_: &str) -> Told {
    Ok("not looked at on this system".to_owned())
}
