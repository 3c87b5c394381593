//! Backups, restores and moves to another database: what comes back is what was there, and who was erased stays erased.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use homing_datasets::Zone;
use homing_profiles::Profile;
use serde_json::Value;

use crate::postgres::Cluster;
use crate::support::{Told, cdnow, homing, registry, run, scratch, write};

const CUSTOMERS: usize = 1500;

/// A folder with purchases, and profiles and a snapshot that a night made of them.
fn shop() -> tempfile::TempDir {
    let folder = scratch();
    let mut csv = String::from("customer_id,occurred_at,amount\n");
    let zone = Zone::default();
    for (id, history) in cdnow().iter().take(CUSTOMERS) {
        for event in history.events() {
            csv.push_str(&format!("member-{id},{},{}\n", zone.format(event.occurred_at), event.amount));
        }
    }
    write(folder.path(), "purchases.csv", &csv);
    night(folder.path(), "sqlite:profiles.db", "snapshot").json();
    folder
}

fn night(folder: &Path, profiles: &str, snapshot: &str) -> Told {
    let mut command = homing();
    command.args(["score", "--purchases", "purchases.csv", "--profiles", profiles, "--snapshot", snapshot]);
    command.arg("--registry").arg(registry());
    run(command, folder, ["--json"])
}

#[track_caller]
fn tell(folder: &Path, args: &[&str]) -> Told {
    run(homing(), folder, args)
}

#[track_caller]
fn backup(folder: &Path, rest: &[&str]) -> Value {
    let mut command = homing();
    command.args([
        "backup",
        "--backups",
        "backups",
        "--profiles",
        "sqlite:profiles.db",
        "--snapshot",
        "snapshot",
    ]);
    command.arg("--registry").arg(registry());
    run(command, folder, [&["--json"], rest].concat()).json()
}

/// Every profile at a place, but for customers without one.
fn profiles(folder: &Path, place: &str) -> BTreeMap<String, Profile> {
    let place = match place.strip_prefix("sqlite:") {
        Some(file) => format!("sqlite:{}", folder.join(file).display()),
        None => place.to_owned(),
    };
    let store = homing_profiles::open(&place, Zone::default()).unwrap();
    let ids = cdnow().iter().take(CUSTOMERS).map(|(id, _)| format!("member-{id}"));
    ids.filter_map(|id| Some((id.clone(), store.profile(&id).unwrap()?))).collect()
}

#[test]
fn a_backup_comes_back_without_those_who_were_erased_since() {
    let folder = shop();
    let at = folder.path();
    let before = profiles(at, "sqlite:profiles.db");
    assert_eq!(before.len(), CUSTOMERS);
    let first = backup(at, &["--verify"]);
    assert_eq!((&first["customers"], &first["verified"]), (&CUSTOMERS.into(), &true.into()));
    let gone = before.keys().nth(7).unwrap().clone();
    tell(at, &["privacy", "erase", &gone]).says(0, &[]);
    let second = backup(at, &[]);
    // What both have in common is written once.
    let written = |made: &Value| made["bytes_written"].as_u64().unwrap();
    assert!(written(&second) * 4 < written(&first), "{first:#} {second:#}");
    let listed = tell(at, &["restore", "--backups", "backups", "--list", "--json"]).json();
    assert_eq!(listed["backups"].as_array().unwrap().len(), 2, "{listed:#}");

    let name = first["name"].as_str().unwrap();
    let args = ["restore", "--backups", "backups", "--backup-name", name, "--profiles", "sqlite:restored.db"];
    let folders = ["--restore-snapshot", "snapshot2", "--restore-registry", "registry2", "--json"];
    let restored = tell(at, &[args.as_slice(), &folders].concat()).json();
    assert_eq!((&restored["customers"], &restored["erased"]), (&CUSTOMERS.into(), &1.into()), "{restored:#}");
    let after = profiles(at, "sqlite:restored.db");
    let expected: BTreeMap<String, Profile> = before
        .iter()
        .filter(|(id, _)| **id != gone)
        .map(|(id, profile)| (id.clone(), profile.clone()))
        .collect();
    assert_eq!(after, expected);
    for file in ["restored.db", "restored.db-wal"] {
        let bytes = std::fs::read(at.join(file)).unwrap_or_default();
        let found = bytes.windows(gone.len()).any(|window| window == gone.as_bytes());
        assert!(!found, "{gone} is in {file}");
    }
    // The next night goes on from what came back, and leaves the erased customer out.
    let next = night(at, "sqlite:restored.db", "snapshot2").json();
    assert_eq!(next["profiles"]["unchanged"], CUSTOMERS - 1, "{next:#}");
    let again = tell(at, &[args.as_slice(), &folders].concat());
    again.says(1, &["is not empty"]);
}

#[test]
fn a_store_moves_to_postgresql_and_back() {
    let folder = shop();
    let at = folder.path();
    let before = profiles(at, "sqlite:profiles.db");
    let cluster = Cluster::start(false);
    let url = cluster.database("moved");
    let moved =
        tell(at, &["migrate-store", "--profiles", "sqlite:profiles.db", "--into", &url, "--json"]).json();
    assert_eq!(moved["customers"], CUSTOMERS);
    assert_eq!(profiles(at, &url), before);
    let next = night(at, &url, "snapshot").json();
    assert_eq!(next["profiles"]["unchanged"], CUSTOMERS, "{next:#}");
    tell(at, &["migrate-store", "--profiles", &url, "--into", "sqlite:back.db"])
        .says(0, &["1500 customers copied"]);
    assert_eq!(profiles(at, "sqlite:back.db"), before);
    let full = tell(at, &["migrate-store", "--profiles", "sqlite:back.db", "--into", &url]);
    full.says(1, &["is not empty", "move it away"]);
    tell(at, &["migrate-store", "--profiles", "sqlite:none.db", "--into", &url]).says(2, &["none.db"]);
    assert!(!at.join("none.db").exists());
}

#[test]
fn a_damaged_or_incomplete_backup_is_refused_and_its_store_cannot_be_used() {
    let folder = shop();
    let at = folder.path();
    let restore = ["restore", "--backups", "backups", "--profiles", "sqlite:r.db"];
    tell(at, &restore).says(2, &["no folder backups"]);
    std::fs::create_dir(at.join("backups")).unwrap();
    tell(at, &restore).says(1, &["there is no backup"]);
    backup(at, &[]);
    let mut pieces = Vec::new();
    for folder in std::fs::read_dir(at.join("backups/pieces")).unwrap() {
        pieces.extend(std::fs::read_dir(folder.unwrap().path()).unwrap().map(|file| file.unwrap().path()));
    }
    // The largest piece of the store is among its customers.
    let holds_customers = |path: &std::path::PathBuf| {
        let text = zstd::decode_all(&*std::fs::read(path).unwrap()).unwrap();
        text.starts_with(b"{\"customer\"")
    };
    let piece = pieces.iter().find(|path| holds_customers(path)).unwrap();
    let whole = std::fs::read(piece).unwrap();
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    std::fs::write(piece, changed).unwrap();
    tell(at, &restore).says(1, &["damaged"]);
    tell(at, &["erased", "--profiles", "sqlite:r.db", "--out", "erased.json"])
        .says(1, &["holds only part of the data", "run that command again"]);
    std::fs::remove_file(piece).unwrap();
    tell(at, &restore).says(1, &["cannot be read"]);
    // The next backup does not share what is damaged, and the list names a record that does not read.
    std::fs::write(piece, &whole[..whole.len() / 2]).unwrap();
    std::fs::write(at.join("backups/backups/2000-01-01T00-00-00-000000Z.json"), "{").unwrap();
    backup(at, &[]);
    let listed = tell(at, &["restore", "--backups", "backups", "--list"]);
    assert!(
        listed.code == 0 && listed.out.contains("damaged") && listed.out.contains("store, snapshot"),
        "{listed:?}"
    );
    let none = [&restore[..], &["--restore-config", "config"]].concat();
    tell(at, &none).says(1, &["made without config", "--list"]);
    tell(at, &restore).says(0, &["1500 customers"]);
    assert_eq!(profiles(at, "sqlite:r.db"), profiles(at, "sqlite:profiles.db"));
}

#[test]
fn wherever_a_backup_or_restore_is_killed_the_next_one_is_whole() {
    let folder = shop();
    let at = folder.path();
    let before = profiles(at, "sqlite:profiles.db");
    let cluster = Cluster::start(false);
    let url = cluster.database("killed");
    let killed = |args: &[&str], after_ms: u64| {
        let mut command = homing();
        let mut child =
            command.current_dir(at).args(args).stderr(std::process::Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(after_ms));
        let ended = child.try_wait().unwrap().is_some();
        child.kill().unwrap();
        child.wait().unwrap();
        !ended
    };
    let make =
        ["backup", "--backups", "backups", "--profiles", "sqlite:profiles.db", "--snapshot", "snapshot"];
    let restore = ["restore", "--backups", "backups", "--profiles", "sqlite:r.db", "--restore-snapshot", "s"];
    let migrate = ["migrate-store", "--profiles", "sqlite:profiles.db", "--into", &url];
    let mut killed_in_time = 0;
    for n in 0..8 {
        killed_in_time += u32::from(killed(&make, 15 + 25 * n));
    }
    backup(at, &["--verify", "--keep", "1"]);
    for n in 0..8 {
        if at.join("r.db").exists() {
            // Ended, or begun: only what is whole opens.
            let opened = tell(at, &["erased", "--profiles", "sqlite:r.db", "--out", "e.json"]);
            if opened.code == 0 && profiles(at, "sqlite:r.db").len() == CUSTOMERS {
                break;
            }
        }
        killed_in_time += u32::from(killed(&restore, 15 + 40 * n));
    }
    let last = tell(at, &restore);
    if last.code != 0 {
        last.says(1, &["is not empty"]);
    }
    assert_eq!(profiles(at, "sqlite:r.db"), before);
    assert!(at.join("s/snapshot.json").exists());
    for n in 0..6 {
        killed_in_time += u32::from(killed(&migrate, 20 + 50 * n));
    }
    let last = tell(at, &migrate);
    if last.code != 0 {
        last.says(1, &["is not empty"]);
    }
    assert_eq!(profiles(at, &url), before);
    assert!(killed_in_time >= 8, "only {killed_in_time} were killed before they ended");
}

#[test]
fn a_night_does_not_go_on_in_a_store_that_was_put_back() {
    let folder = shop();
    let at = folder.path();
    std::fs::copy(at.join("profiles.db"), at.join("earlier.db")).unwrap();
    // Every customer buys once more, and the night is stopped after its first range.
    let mut csv = std::fs::read_to_string(at.join("purchases.csv")).unwrap();
    for (id, _) in cdnow().iter().take(CUSTOMERS) {
        csv.push_str(&format!("member-{id},1998-06-30,25\n"));
    }
    std::fs::write(at.join("purchases.csv"), csv).unwrap();
    let journal = at.join("profiles.db.batch/journal");
    let mut child = {
        let mut command = homing();
        command.args(["score", "--purchases", "purchases.csv", "--profiles", "sqlite:profiles.db"]);
        command.args(["--out", "scores.csv", "--registry"]).arg(registry()).current_dir(at);
        command.stderr(std::process::Stdio::null()).spawn().unwrap()
    };
    // One mark in the journal: killed at once.
    while std::fs::read_to_string(&journal).map_or(true, |text| text.lines().count() < 2) {
        assert!(child.try_wait().unwrap().is_none(), "the night ended before it could be killed");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    for file in ["profiles.db-wal", "profiles.db-shm"] {
        let _ = std::fs::remove_file(at.join(file));
    }
    std::fs::copy(at.join("earlier.db"), at.join("profiles.db")).unwrap();
    let mut command = homing();
    command.args(["score", "--purchases", "purchases.csv", "--profiles", "sqlite:profiles.db"]);
    command.args(["--out", "scores.csv", "--registry"]).arg(registry());
    let done = run(command, at, ["--json"]);
    done.says(0, &["restored or replaced"]);
    assert_eq!(done.json()["profiles"]["updated"], CUSTOMERS, "{done:#?}");
}
