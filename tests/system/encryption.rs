//! Encryption at rest: nothing of a customer can be read in what is encrypted, and the keys decide who can.

use std::path::Path;

use homing_datasets::Zone;
use homing_datasets::encryption::MasterKeys;
use serde_json::Value;

use crate::support::{Told, cdnow, homing, registry, run, scratch, write};

const CUSTOMERS: usize = 600;

/// Texts of the shop's data that nobody may find: an id, a name, an amount as text, a category, a tag with its value.
const TELLTALE: [&str; 5] = ["member-", "Liesl-Feng", "31.4159", "saffron-tea", "churn.level"];

/// A folder with purchases, and key files.
fn shop() -> tempfile::TempDir {
    let folder = scratch();
    let mut csv = String::from("customer_id,occurred_at,amount,category,channel\n");
    for (id, history) in cdnow().iter().take(CUSTOMERS) {
        for event in history.events() {
            let at = Zone::default().format(event.occurred_at);
            csv.push_str(&format!("member-Liesl-Feng-{id},{at},31.4159,saffron-tea,web\n"));
        }
    }
    write(folder.path(), "purchases.csv", &csv);
    let (old, new) = (MasterKeys::generate().unwrap(), MasterKeys::generate().unwrap());
    write(folder.path(), "old.key", &format!("{old}\n"));
    write(folder.path(), "both.key", &format!("# since March\n{new}\n{old}\n"));
    write(folder.path(), "new.key", &format!("{new}\n"));
    folder
}

fn with_key(folder: &Path, key: Option<&str>, args: &[&str]) -> Told {
    let mut command = homing();
    command.env("HOMING_REGISTRY", registry());
    if let Some(key) = key {
        command.env("HOMING_ENCRYPTION_KEY_FILE", key);
    }
    run(command, folder, args)
}

const NIGHT: [&str; 6] = [
    "score",
    "--purchases=purchases.csv",
    "--profiles=sqlite:profiles.db",
    "--snapshot=snapshot",
    "--scratch=.",
    "--json",
];
const BACKUP: [&str; 5] =
    ["backup", "--backups=backups", "--profiles=sqlite:profiles.db", "--snapshot=snapshot", "--json"];

/// Which telltale texts are in the files of a folder, as they are or as a number of eight bytes.
fn found(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let packed = std::fs::read(&path).unwrap();
            let bytes = zstd::decode_all(&*packed).unwrap_or(packed);
            let has = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
            let texts = TELLTALE.iter().filter(|text| has(text.as_bytes())).map(|text| (*text).to_owned());
            let number = has(&31.4159f64.to_le_bytes()).then(|| "31.4159 as a number".to_owned());
            found.extend(texts.chain(number).map(|text| format!("{text} in {}", path.display())));
        }
    }
    found
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &to);
        } else {
            std::fs::copy(&path, to).unwrap();
        }
    }
}

#[test]
fn nothing_of_a_customer_is_readable_in_snapshots_and_backups() {
    let folder = shop();
    let at = folder.path();
    // Without a key the search finds them, so it does look.
    with_key(at, None, &NIGHT).json();
    let plain = with_key(at, None, &BACKUP).json();
    assert_eq!(plain["customers"], CUSTOMERS, "{plain:#}");
    for place in ["snapshot", "backups"] {
        assert!(found(&at.join(place)).len() >= 3, "{:?}", found(&at.join(place)));
    }
    std::fs::remove_dir_all(at.join("backups")).unwrap();
    // A key encrypts a snapshot that was not.
    let night = with_key(at, Some("old.key"), &NIGHT).json();
    assert_eq!(night["profiles"]["unchanged"], CUSTOMERS, "{night:#}");
    let first = with_key(at, Some("old.key"), &BACKUP).json();
    for place in ["snapshot", "backups"] {
        assert_eq!(found(&at.join(place)), Vec::<String>::new());
    }
    // What the last batch did is counted by tag, and names nobody.
    let named = |text: &String| !text.starts_with("churn.level");
    assert!(!found(&at.join("profiles.db.batch")).iter().any(named));
    // Pieces are shared as they are without a key.
    let second = with_key(at, Some("old.key"), &BACKUP).json();
    let written = |made: &Value| made["bytes_written"].as_u64().unwrap();
    assert!(written(&second) * 4 < written(&first), "{first:#} {second:#}");
    // The whole way: verified, restored, and the next night finds nothing new.
    with_key(at, Some("old.key"), &[&BACKUP[..], &["--verify"]].concat()).says(0, &["not encrypted"]);
    let restore =
        ["restore", "--backups=backups", "--profiles=sqlite:restored.db", "--restore-snapshot=snapshot2"];
    with_key(at, Some("old.key"), &restore).says(0, &["600 customers"]);
    assert_eq!(found(&at.join("snapshot2")), Vec::<String>::new());
    let args = [
        "score",
        "--purchases=purchases.csv",
        "--profiles=sqlite:restored.db",
        "--snapshot=snapshot2",
        "--json",
    ];
    let night = with_key(at, Some("old.key"), &args).json();
    assert_eq!(night["profiles"]["unchanged"], CUSTOMERS, "{night:#}");
}

#[test]
fn without_the_right_key_nothing_is_read_overwritten_or_removed() {
    let folder = shop();
    let at = folder.path();
    with_key(at, Some("old.key"), &NIGHT).json();
    with_key(at, Some("old.key"), &BACKUP).json();
    let restore = ["restore", "--backups=backups", "--profiles=sqlite:r.db"];
    let keep = [&BACKUP[..], &["--keep=1"]].concat();
    for (key, words) in
        [(None, ["--encryption-key-file", "encrypted"]), (Some("new.key"), ["further line", "encrypted"])]
    {
        let refused = [&NIGHT[..], &restore, &BACKUP, &keep].map(|args| with_key(at, key, args));
        refused.iter().for_each(|refused| refused.says(1, &words));
        let listed = with_key(at, key, &["restore", "--backups=backups", "--list"]);
        assert!(listed.code == 0 && listed.out.contains(words[0]), "{listed:#?}");
    }
    write(at, "bad.key", "not a key\n");
    with_key(at, Some("bad.key"), &NIGHT).says(1, &["bad.key", "line 1", "new-key"]);
    with_key(at, Some("none.key"), &restore).says(1, &["none.key"]);
    assert!(!at.join("r.db").exists());
    with_key(at, Some("old.key"), &restore).says(0, &["600 customers"]);
    // A damaged piece is named.
    let pieces = at.join("backups/pieces");
    let part = std::fs::read_dir(pieces).unwrap().next().unwrap().unwrap().path();
    let piece = std::fs::read_dir(part).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&piece).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&piece, bytes).unwrap();
    let name = piece.file_name().unwrap().to_str().unwrap();
    let again = [
        "restore",
        "--backups=backups",
        "--profiles=sqlite:again.db",
        "--restore-snapshot=s",
        "--restore-registry=m",
    ];
    with_key(at, Some("old.key"), &again).says(1, &[name, "damaged"]);
}

#[test]
fn a_master_key_is_replaced_and_the_old_one_removed() {
    let folder = shop();
    let at = folder.path();
    with_key(at, Some("old.key"), &NIGHT).json();
    with_key(at, Some("old.key"), &BACKUP).json();
    // Half-way: both keys are accepted, and what is made now needs the new one only.
    let before = with_key(at, Some("both.key"), &BACKUP).json();
    copy(&at.join("backups"), &at.join("half"));
    let restore = |key: &str, place: &str, name: &[&str], store: &str| {
        let (place, snapshot) =
            (format!("--backups={place}"), format!("--restore-snapshot={store}.histories"));
        let store = format!("--profiles=sqlite:{store}");
        with_key(at, Some(key), &[&["restore", &place, &store, &snapshot][..], name].concat())
    };
    restore("new.key", "half", &[], "newest.db").says(0, &["600 customers"]);
    let listed = with_key(at, Some("new.key"), &["restore", "--backups=half", "--list", "--json"]).json();
    let oldest = listed["backups"][0]["name"].as_str().unwrap().to_owned();
    restore("new.key", "half", &["--backup-name", &oldest], "oldest.db").says(1, &["further line"]);
    restore("both.key", "half", &["--backup-name", &oldest], "oldest2.db").says(0, &["600 customers"]);
    // Replaced: the old key opens nothing more, the new one everything.
    let replace = ["encryption", "replace-master", "--backups=backups", "--snapshot=snapshot", "--json"];
    with_key(at, Some("new.key"), &replace).says(1, &["further line"]);
    let replaced = with_key(at, Some("both.key"), &replace).json();
    assert_eq!((&replaced["backups"]["replaced"], &replaced["snapshot"]["replaced"]), (&1.into(), &1.into()));
    let twice = with_key(at, Some("both.key"), &replace).json();
    assert_eq!((&twice["backups"]["replaced"], &twice["snapshot"]["replaced"]), (&0.into(), &0.into()));
    restore("new.key", "backups", &["--backup-name", &oldest], "all.db").says(0, &["600 customers"]);
    restore("old.key", "backups", &[], "none.db").says(1, &["further line"]);
    let night = with_key(at, Some("new.key"), &NIGHT).json();
    assert_eq!(night["profiles"]["unchanged"], CUSTOMERS, "{night:#}");
    let after = with_key(at, Some("new.key"), &BACKUP).json();
    let written = |made: &Value| made["bytes_written"].as_u64().unwrap();
    assert!(written(&after) < written(&before).max(100_000), "{before:#} {after:#}");
    with_key(at, None, &["encryption", "replace-master", "--backups=backups"]).says(2, &["no master key"]);
}

#[test]
fn who_was_erased_leaves_an_encrypted_snapshot_and_stays_out_of_a_restore() {
    let folder = shop();
    let at = folder.path();
    with_key(at, Some("old.key"), &NIGHT).json();
    let first = with_key(at, Some("old.key"), &BACKUP).json();
    let id = format!("member-Liesl-Feng-{}", cdnow().iter().nth(7).unwrap().0);
    with_key(at, None, &["privacy", "erase", &id, "--profiles=sqlite:profiles.db"]).says(0, &[]);
    let night = with_key(at, Some("old.key"), &NIGHT).json();
    assert_eq!(night["snapshot"]["today"]["erased"], 1, "{night:#}");
    with_key(at, Some("old.key"), &BACKUP).json();
    let name = first["name"].as_str().unwrap();
    let args = ["restore", "--backups=backups", "--profiles=sqlite:r.db", "--backup-name", name];
    with_key(at, Some("old.key"), &args).says(0, &["1 were erased again"]);
}

#[test]
fn doctor_says_what_is_readable_and_that_a_key_file_is_open_to_all() {
    let folder = shop();
    let at = folder.path();
    let doctor = |key: Option<&str>| {
        let told = with_key(at, key, &["doctor", "--profiles=sqlite:d.db", "--json"]);
        let checks: Value = serde_json::from_str(&told.out).unwrap();
        let of_encryption = |check: &&Value| check["check"] == "encryption";
        checks["checks"].as_array().unwrap().iter().find(of_encryption).unwrap().clone()
    };
    let none = doctor(None);
    assert!(none["ok"] == true && none["found"].as_str().unwrap().contains("can be read"), "{none}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |mode| {
            std::fs::set_permissions(at.join("old.key"), std::fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(0o644);
        let open = doctor(Some("old.key"));
        assert!(open["ok"] == false && open["fix"].as_str().unwrap().contains("chmod o="), "{open}");
        mode(0o600);
    }
    let on = doctor(Some("old.key"));
    assert!(on["ok"] == true && on["found"].as_str().unwrap().contains("the profile store is not"), "{on}");
}
