//! What is SQLite's own: files, locks, damage, schema versions.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use homing_datasets::{DAY, History, Micros, Zone};
use rusqlite::Connection;
use tempfile::TempDir;

use super::SqliteStore;
use crate::conformance::commit::race;
use crate::conformance::{batch, buy, conforms, incoming, model, row, score};
use crate::{
    self as profiles, Access, BatchRow, BatchSummary, Error, Fate, Feed, Flows, Listing, Privacy, Profiles,
    Scored, Store,
};

fn open(folder: &TempDir) -> SqliteStore {
    SqliteStore::open(folder.path().join("profiles.db"), Zone::default()).unwrap()
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn message(result: Result<impl Sized, Error>) -> String {
    result.err().unwrap().to_string()
}

#[test]
fn it_conforms() {
    let mut folders = Vec::new();
    conforms(|| {
        folders.push(folder());
        Arc::new(open(&folders[folders.len() - 1]))
    });
}

#[test]
fn random_operations_end_as_in_a_model() {
    for seed in 1..=8 {
        let folder = folder();
        let place = || {
            profiles::open(
                &format!("sqlite:{}", folder.path().join("profiles.db").display()),
                Zone::default(),
            )
        };
        model::alone(seed, place().unwrap().as_ref(), 120);
    }
    for seed in 1..=3 {
        let servers = |folder: &TempDir| -> Vec<Arc<dyn Store>> {
            vec![Arc::new(open(folder)), Arc::new(open(folder))]
        };
        model::beside(seed, &servers(&folder()), 40);
        model::together(seed, &servers(&folder()), 40);
    }
}

#[test]
fn a_place_is_sqlite_and_a_path() {
    let folder = folder();
    for form in ["sqlite:", "sqlite://"] {
        let place = format!("{form}{}", folder.path().join("a.db").display());
        profiles::open(&place, Zone::default()).unwrap().ready().unwrap();
    }
    assert!(folder.path().join("a.db").is_file());
    for wrong in ["", "profiles.db", "sqlite:", "sqlite://", "sqlite::memory:", "redis://localhost"] {
        let error = message(profiles::open(wrong, Zone::default()));
        assert!(error.contains("is not a profile store"), "{wrong}: {error}");
    }
}

#[test]
fn what_was_acknowledged_is_there_after_reopening() {
    let folder = folder();
    let store = open(&folder);
    store.take_in(&[incoming("e1", "c", buy(DAY, 4.0))], Micros::MIN, &score).unwrap();
    let before = store.profile("c").unwrap();
    // Copied while open, as after a crash: the write-ahead log holds what the file does not.
    let copy = tempfile::tempdir().unwrap();
    for name in ["profiles.db", "profiles.db-wal"] {
        std::fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
    }
    drop(store);
    for folder in [folder, copy] {
        let store = open(&folder);
        assert_eq!(store.profile("c").unwrap(), before);
        assert_eq!(
            store.take_in(&[incoming("e1", "c", buy(DAY, 4.0))], 0, &score).unwrap().fates,
            [Fate::Duplicate]
        );
    }
}

#[test]
fn acknowledged_writes_are_synced() {
    let folder = folder();
    let store = open(&folder);
    let writer = super::locked(&store.writer);
    let pragma = |name: &str| {
        writer.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0)).unwrap()
    };
    assert_eq!(pragma("synchronous"), 2i64.into());
    assert_eq!(pragma("journal_mode"), "wal".to_owned().into());
}

#[test]
fn a_store_that_another_process_holds_is_locked_and_still_readable() {
    let folder = folder();
    let path = folder.path().join("profiles.db");
    let store = SqliteStore::open_with(&path, Zone::default(), Duration::from_millis(50)).unwrap();
    store.take_in(&[incoming("e1", "c", buy(DAY, 4.0))], 0, &score).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let started = Instant::now();
    assert!(matches!(store.take_in(&[incoming("e2", "c", buy(DAY, 4.0))], 0, &score), Err(Error::Locked(_))));
    assert!(matches!(store.ready(), Err(Error::Locked(_))));
    let rows = vec![row("d", vec![buy(DAY, 1.0)])];
    let batch = store.write_batch(&mut rows.into_iter(), DAY, &score, &|_| ());
    assert!(matches!(batch, Err(Error::Locked(_))));
    assert!(started.elapsed() < Duration::from_secs(5), "the wait has a limit");
    assert_eq!(store.profile("c").unwrap().unwrap().history.events, 1);
    other.execute_batch("COMMIT").unwrap();
    store.ready().unwrap();
    assert_eq!(
        store.take_in(&[incoming("e2", "c", buy(DAY, 4.0))], 0, &score).unwrap().fates,
        [Fate::Accepted]
    );
}

#[test]
fn reads_do_not_wait_for_the_writer() {
    let folder = folder();
    let store = open(&folder);
    batch(&store, vec![row("c", vec![buy(DAY, 4.0)])], 2 * DAY);
    let read_while_scoring = |id: &str, history: &History, as_of: Micros| -> Scored {
        // A deadlock or a wait here would never end, or end in `Locked`.
        assert_eq!(store.profile("c").unwrap().unwrap().history.events, 1);
        assert_eq!(store.list(&Listing { limit: 5, ..Listing::default() }).unwrap().profiles.len(), 1);
        score(id, history, as_of)
    };
    store.take_in(&[incoming("e1", "c", buy(3 * DAY, 4.0))], 0, &read_while_scoring).unwrap();
    assert_eq!(store.profile("c").unwrap().unwrap().history.events, 2);
}

#[test]
fn a_batch_sees_what_came_in_while_it_scored() {
    let folder = folder();
    let store = open(&folder);
    batch(&store, vec![row("c", vec![buy(DAY, 4.0)])], 2 * DAY);
    let once = std::sync::Once::new();
    let interrupted = |id: &str, history: &History, as_of: Micros| -> Scored {
        once.call_once(|| {
            let events = [incoming("e1", "c", buy(2 * DAY, 8.0)), incoming("e2", "d", buy(DAY, 16.0))];
            store.take_in(&events, 0, &score).unwrap();
        });
        score(id, history, as_of)
    };
    let rows = vec![row("c", vec![buy(DAY, 4.0), buy(0, 1.0)]), row("d", vec![buy(0, 2.0)])];
    let summary = store.write_batch(&mut rows.into_iter(), 3 * DAY, &interrupted, &|_| ()).unwrap();
    let moved = summary.tag_moves.clone();
    assert_eq!(moved.values().map(|moved| moved.set + moved.removed).sum::<u64>(), 2);
    let expected = BatchSummary {
        customers: 2,
        updated: 2,
        tags_changed: 2,
        tag_moves: moved,
        ..BatchSummary::default()
    };
    assert_eq!(summary, expected);
    for (id, clv) in [("c", 13.0), ("d", 18.0)] {
        let profile = store.profile(id).unwrap().unwrap();
        assert_eq!((&profile.prediction["clv"], profile.history.spend), (&clv.into(), clv));
    }
}

#[test]
fn a_read_only_store_says_so() {
    let folder = folder();
    let path = folder.path().join("profiles.db");
    let store = open(&folder);
    super::locked(&store.writer).pragma_update(None, "query_only", true).unwrap();
    let events = [incoming("e1", "c", buy(DAY, 4.0))];
    assert!(matches!(store.take_in(&events, 0, &score), Err(Error::ReadOnly(_))));
    drop(store);

    let lock = |path: &Path, readonly: bool| {
        let mut permissions = std::fs::metadata(path).unwrap().permissions();
        permissions.set_readonly(readonly);
        std::fs::set_permissions(path, permissions).unwrap();
    };
    lock(&path, true);
    let root = std::fs::OpenOptions::new().append(true).open(&path).is_ok();
    // The superuser writes everywhere: there is nothing to refuse.
    if !root {
        let error = message(SqliteStore::open(&path, Zone::default()));
        assert!(error.contains("is read-only"), "{error}");
        lock(&path, false);
        lock(folder.path(), true);
        for name in ["profiles.db", "new.db"] {
            let error = message(SqliteStore::open(folder.path().join(name), Zone::default()));
            assert!(error.contains("is read-only"), "{name}: {error}");
        }
    }
    lock(&path, false);
    lock(folder.path(), false);
}

#[test]
fn a_file_that_cannot_be_a_store_is_named_and_left_alone() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let refused = |name: &str| message(SqliteStore::open(at(name), Zone::default()));

    std::fs::write(at("text.db"), "customer_id,occurred_at,amount\n".repeat(100)).unwrap();
    let before = std::fs::read(at("text.db")).unwrap();
    assert!(refused("text.db").contains("text.db: the file is not a SQLite database"));
    assert_eq!(std::fs::read(at("text.db")).unwrap(), before);

    Connection::open(at("foreign.db")).unwrap().execute_batch("CREATE TABLE members (id)").unwrap();
    let before = std::fs::read(at("foreign.db")).unwrap();
    assert!(refused("foreign.db").contains("another application's database"));
    assert_eq!(std::fs::read(at("foreign.db")).unwrap(), before);

    assert!(refused("missing/profiles.db").contains("does not exist; create it first"));
    std::fs::create_dir(at("folder.db")).unwrap();
    assert!(refused("folder.db").contains("this is a folder"));

    // An empty file counts as none.
    std::fs::write(at("empty.db"), "").unwrap();
    SqliteStore::open(at("empty.db"), Zone::default()).unwrap().ready().unwrap();
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let folder = folder();
    drop(open(&folder));
    let path = folder.path().join("profiles.db");
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = SqliteStore::open(&path, Zone::default()).err().unwrap();
    assert!(matches!(error, Error::TooNew { found: 99, .. }), "{error}");
    let version =
        Connection::open(&path).unwrap().pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0));
    assert_eq!(version.unwrap(), 99);
}

#[test]
fn many_may_open_a_new_store_at_once() {
    // Twenty rounds: who comes between whose reads is a matter of luck.
    for _ in 0..20 {
        let folder = folder();
        std::thread::scope(|scope| {
            for n in 0..8 {
                let folder = &folder;
                scope.spawn(move || {
                    let store = open(folder);
                    let (event, customer) = (format!("e{n}"), format!("c{n}"));
                    store.take_in(&[incoming(&event, &customer, buy(DAY, 1.0))], 0, &score).unwrap();
                });
            }
        });
        assert_eq!(open(&folder).totals().unwrap().profiles, 8);
    }
}

#[test]
fn a_damaged_history_is_named_and_nothing_is_written_over_it() {
    let folder = folder();
    let store = open(&folder);
    batch(&store, vec![row("c", vec![buy(DAY, 4.0)]), row("d", vec![buy(DAY, 4.0)])], 2 * DAY);
    super::locked(&store.writer)
        .execute("UPDATE states SET history = x'00ff00' WHERE profile = (SELECT profile FROM profiles WHERE customer_id = 'c')", [])
        .unwrap();
    let damaged = |result: Result<(), Error>| {
        let error = message(result);
        assert!(
            error.contains("damaged data for customer `c`") && error.contains("restore it from a backup"),
            "{error}"
        );
    };
    damaged(store.history("c").map(drop));
    damaged(
        store
            .take_in(&[incoming("e0", "d", buy(DAY, 1.0)), incoming("e1", "c", buy(DAY, 1.0))], 0, &score)
            .map(drop),
    );
    let rows = vec![row("c", vec![buy(DAY, 4.0)])];
    damaged(store.write_batch(&mut rows.into_iter(), 2 * DAY, &score, &|_| ()).map(drop));
    // The profile and other customers can still be read; of the failed intake nothing stayed.
    assert_eq!(store.profile("c").unwrap().unwrap().history.events, 1);
    assert_eq!(store.history("d").unwrap().unwrap().len(), 1);
    assert_eq!(
        store.take_in(&[incoming("e0", "d", buy(DAY, 1.0))], 0, &score).unwrap().fates,
        [Fate::Accepted]
    );
}

#[test]
fn an_unchanged_batch_does_not_touch_the_file() {
    let folder = folder();
    let rows =
        || (0..100).map(|n| row(&format!("c{n:02}"), vec![buy(n * DAY, 5.0)])).collect::<Vec<BatchRow>>();
    let store = open(&folder);
    batch(&store, rows(), 200 * DAY);
    drop(store);
    let before = std::fs::read(folder.path().join("profiles.db")).unwrap();
    let store = open(&folder);
    assert_eq!(batch(&store, rows(), 200 * DAY).unchanged, 100);
    assert_eq!(std::fs::metadata(folder.path().join("profiles.db-wal")).map_or(0, |file| file.len()), 0);
    drop(store);
    assert_eq!(std::fs::read(folder.path().join("profiles.db")).unwrap(), before);
}

#[test]
fn erased_is_gone_from_the_file() {
    let folder = folder();
    let store = open(&folder);
    let id = "13800138000-wang";
    let event = homing_datasets::Event { product: Some("rare-orchid-tea".into()), ..buy(DAY, 4.0) };
    store.take_in(&[incoming("e1", id, event), incoming("e2", "d", buy(DAY, 4.0))], 0, &score).unwrap();
    let holds = |text: &str| {
        ["profiles.db", "profiles.db-wal"].iter().any(|name| {
            let bytes = std::fs::read(folder.path().join(name)).unwrap_or_default();
            bytes.windows(text.len()).any(|window| window == text.as_bytes())
        })
    };
    assert!(holds(id) && holds("rare-orchid-tea"));
    store.erase(id, 2 * DAY).unwrap();
    assert!(!holds(id) && !holds("rare-orchid-tea"));
    assert_eq!(store.totals().unwrap().profiles, 1);
}

#[test]
fn an_audit_log_that_was_changed_shows() {
    let folder = folder();
    let store = open(&folder);
    let entry = |n: i64| profiles::access::AuditEntry {
        at: n,
        key_id: Some("k".into()),
        action: "profile.read".into(),
        customer_id: Some("c".into()),
        detail: "why".into(),
    };
    store.audit(&(0..6).map(entry).collect::<Vec<_>>()).unwrap();
    let path = folder.path().join("profiles.db");
    // As by an erasure, which there was none.
    let removed = "UPDATE audit SET customer_id = NULL, detail = '', erased_hash = subject WHERE entry = 3";
    let barred = format!("{removed}; INSERT INTO erased SELECT subject, 9 FROM audit WHERE entry = 3");
    for (change, entry) in [
        (removed, Some(3)),
        (barred.as_str(), Some(3)),
        ("UPDATE audit SET customer_id = NULL WHERE entry = 3", Some(3)),
        ("UPDATE audit SET at = 9 WHERE entry = 3", Some(3)),
        ("UPDATE audit SET key_id = 'other' WHERE entry = 3", Some(3)),
        ("UPDATE audit SET key_id = NULL WHERE entry = 3", Some(3)),
        ("UPDATE audit SET action = 'profile.list' WHERE entry = 3", Some(3)),
        ("UPDATE audit SET customer_id = 'd' WHERE entry = 3", Some(3)),
        ("UPDATE audit SET detail = 'because' WHERE entry = 3", Some(3)),
        ("UPDATE audit SET chain = NULL WHERE entry = 3", Some(3)),
        ("DELETE FROM audit WHERE entry = 3", Some(4)),
        ("DELETE FROM audit WHERE entry = 1", Some(2)),
        ("DELETE FROM audit WHERE entry >= 5", None),
        ("INSERT INTO audit (at, action, detail) VALUES (1, 'x', '')", Some(7)),
        (
            "INSERT INTO audit (at, action, detail, subject, digest, chain) SELECT at, action, detail, subject, digest, chain FROM audit WHERE entry = 6",
            Some(7),
        ),
    ] {
        let base = rusqlite::Connection::open(&path).unwrap();
        base.execute_batch(&format!("CREATE TEMP TABLE kept AS SELECT * FROM audit; {change}")).unwrap();
        let broken =
            store.verify_audit(None).unwrap().broken.unwrap_or_else(|| panic!("{change} does not show"));
        assert_eq!(broken.entry, entry, "{change}: {}", broken.why);
        base.execute_batch("DELETE FROM erased; DELETE FROM audit; INSERT INTO audit SELECT * FROM kept")
            .unwrap();
        assert_eq!(store.verify_audit(None).unwrap().broken, None, "{change}");
    }
}

/// SQLite leaves the cells that it moves when it splits a page behind as unused bytes.
#[test]
fn ids_left_behind_by_split_pages_are_gone_once_the_file_is_compacted() {
    let folder = folder();
    let store = open(&folder);
    let id = |n: usize| format!("1380013{n:05}-wang");
    let ids: Vec<String> = (0..300).map(id).collect();
    for ids in ids.chunks(20) {
        let events: Vec<_> =
            ids.iter().map(|id| incoming(&format!("till-{id}"), id, buy(DAY, 4.0))).collect();
        store.take_in(&events, 0, &score).unwrap();
        for id in ids {
            let entry = |n: i64| profiles::access::AuditEntry {
                at: n,
                key_id: Some("k".into()),
                action: "profile.read".into(),
                customer_id: Some(id.clone()),
                detail: String::new(),
            };
            store.audit(&[entry(1), entry(2)]).unwrap();
        }
    }
    assert_eq!(store.uncompacted().unwrap(), 0);
    for id in &ids {
        assert!(store.erase(id, 2 * DAY).unwrap());
    }
    assert_eq!(store.uncompacted().unwrap(), 300);
    let found = || {
        let files = std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap);
        let texts = files.map(|file| std::fs::read(file.path()).unwrap());
        let texts: Vec<String> = texts.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect();
        ids.iter().filter(|id| texts.iter().any(|text| text.contains(id.as_str()))).count()
    };
    assert_eq!(found(), 0, "what moves between pages is overwritten");
    assert_eq!(store.verify_audit(None).unwrap().broken, None);
    // A file of an earlier version, which did not overwrite it.
    let base = Connection::open(folder.path().join("profiles.db")).unwrap();
    base.pragma_update(None, "secure_delete", false).unwrap();
    for n in 0..900 {
        let insert = "INSERT INTO audit (at, action, detail, customer_id) VALUES (1, 'profile.read', '', ?1)";
        base.execute(insert, [&ids[n * 7 % 300]]).unwrap();
    }
    drop(base);
    for id in &ids {
        assert!(store.erase(id, 3 * DAY).unwrap());
    }
    assert!(found() > 0, "the test makes no such pages");
    assert!(store.compact().unwrap());
    assert_eq!(store.uncompacted().unwrap(), 0);
    assert_eq!(found(), 0);
    store.take_in(&[incoming("e", "new", buy(DAY, 4.0))], 0, &score).unwrap();
    assert_eq!(store.totals().unwrap().profiles, 1);
}

#[cfg(unix)]
#[test]
fn a_new_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let store = open(&folder);
    store.audit(&[]).unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", entry.path().display());
    }
}

/// Whatever is sent of an erased customer later, in whatever order.
#[test]
fn no_id_is_written_down_again_after_an_erasure() {
    let folder = folder();
    let store = open(&folder);
    let id = "13800138000-wang";
    let holds = || {
        let files = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
        files.filter(|bytes| bytes.windows(id.len()).any(|window| window == id.as_bytes())).count()
    };
    store
        .take_in(&[incoming("e1", id, buy(DAY, 4.0)), incoming("e2", "d", buy(DAY, 4.0))], 0, &score)
        .unwrap();
    let out = profiles::privacy::Consent { opted_out: true, at: DAY };
    store.set_consent(id, out).unwrap();
    let audit = |detail: &str| profiles::access::AuditEntry {
        at: DAY,
        key_id: None,
        action: "profile.change".into(),
        customer_id: Some(id.into()),
        detail: detail.into(),
    };
    store.audit(&[audit(id)]).unwrap();
    assert!(holds() > 0);
    store.erase(id, 2 * DAY).unwrap();
    assert_eq!(holds(), 0, "erased");
    store.take_in(&[incoming("e3", id, buy(DAY, 4.0))], 0, &score).unwrap();
    store.audit(&[audit(id)]).unwrap();
    store.set_consent(id, out).unwrap();
    let choice = profiles::privacy::Choice {
        purpose: profiles::privacy::Purpose::Contact(None),
        opted_out: true,
        at: DAY,
        source: String::new(),
    };
    store.set_contact_choice(id, &choice).unwrap();
    assert!(store.export(id).unwrap().is_some() && store.profile(id).unwrap().is_none());
    let row =
        profiles::BatchRow { customer_id: id.into(), history: History::from_events(vec![buy(DAY, 4.0)]) };
    store.write_batch(&mut std::iter::once(row), 3 * DAY, &score, &|_| ()).unwrap();
    store.erase(id, 2 * DAY).unwrap();
    assert_eq!(holds(), 0, "after whatever came later");
}

#[test]
fn labels_are_those_of_the_tags() {
    let folder = folder();
    let store = open(&folder);
    let check = || {
        let writer = super::locked(&store.writer);
        let mut held: Vec<(i64, String, i64)> = Vec::new();
        let mut statement = writer.prepare("SELECT profile, tags FROM states").unwrap();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let profile: i64 = row.get(0).unwrap();
            let bytes: Vec<u8> = row.get(1).unwrap();
            let entries = super::tagged::entries(&bytes).map(Result::unwrap);
            let labels = entries.filter(|entry| super::tagged::is_label(entry.value));
            held.extend(labels.map(|entry| (entry.number as i64, entry.value.to_owned(), profile)));
        }
        let mut statement =
            writer.prepare("SELECT tag, value, profile FROM labels ORDER BY 1, 2, 3").unwrap();
        let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        let found: Vec<(i64, String, i64)> = found.collect::<Result<_, _>>().unwrap();
        held.sort();
        assert_eq!(held, found);
        held.len()
    };
    let mut most = 0;
    for round in 0..30i64 {
        let day = round * 9 * DAY;
        match round % 5 {
            0 => drop(batch(
                &store,
                (0..10).map(|n| row(&format!("c{n}"), vec![buy(n * DAY, round as f64)])).collect(),
                day,
            )),
            1 => drop(store.erase(&format!("c{}", round % 10), day).unwrap()),
            2 => drop(
                store
                    .set_consent("c3", profiles::privacy::Consent { opted_out: round % 2 == 0, at: day })
                    .unwrap(),
            ),
            _ => {
                let id = format!("c{}", round % 7);
                store
                    .take_in(
                        &[incoming(&format!("e{round}"), &id, buy(day, 3.0 * round as f64))],
                        day,
                        &score,
                    )
                    .unwrap();
            }
        }
        most = most.max(check());
    }
    assert!(most > 0);
}

#[test]
fn tags_that_do_not_read_are_named_and_do_not_keep_anybody_from_being_erased() {
    let folder = folder();
    let store = open(&folder);
    batch(&store, vec![row("c", vec![buy(DAY, 4.0)]), row("d", vec![buy(DAY, 4.0)])], 2 * DAY);
    super::locked(&store.writer)
        .execute("UPDATE states SET tags = substr(tags, 1, length(tags) - 1) WHERE profile = (SELECT profile FROM profiles WHERE customer_id = 'c')", [])
        .unwrap();
    for error in
        [message(store.profile("c")), message(store.take_in(&[incoming("e", "c", buy(DAY, 1.0))], 0, &score))]
    {
        assert!(error.contains("damaged data for customer `c`"), "{error}");
    }
    assert!(store.profile("d").unwrap().is_some());
    assert!(store.erase("c", DAY).unwrap());
    let of_c: i64 = super::locked(&store.writer)
        .query_row(
            "SELECT count(*) FROM labels WHERE profile NOT IN (SELECT profile FROM profiles)",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(of_c, 0);
}

#[test]
fn an_opt_out_while_a_batch_scores_is_heard() {
    let folder = folder();
    let store = open(&folder);
    batch(&store, vec![row("c", vec![buy(DAY, 4.0)])], 2 * DAY);
    let once = std::sync::Once::new();
    let interrupted = |id: &str, history: &History, as_of: Micros| -> Scored {
        once.call_once(|| {
            let consent = profiles::privacy::Consent { opted_out: true, at: DAY };
            store.set_consent("c", consent).unwrap();
            store.set_consent("d", consent).unwrap();
            store.erase("e", DAY).unwrap();
        });
        score(id, history, as_of)
    };
    let rows = ["c", "d", "e"].map(|id| row(id, vec![buy(DAY, 4.0), buy(2 * DAY, 4.0)]));
    let summary = store.write_batch(&mut rows.into_iter(), 3 * DAY, &interrupted, &|_| ()).unwrap();
    assert_eq!((summary.erased, summary.not_scored["opted_out"]), (1, 2));
    for id in ["c", "d"] {
        assert_eq!(store.profile(id).unwrap().unwrap().prediction["not_scored"], "opted_out");
    }
    assert_eq!(store.profile("e").unwrap(), None);
}

/// Behind a trigger that takes the whole transaction back, as SQLite does by itself when a disk fails.
#[test]
fn requests_at_one_moment_share_a_commit_and_fail_alone() {
    let folder = folder();
    let store = open(&folder);
    let trigger = "CREATE TRIGGER broken BEFORE INSERT ON profiles WHEN NEW.customer_id = 'broken'
         BEGIN SELECT RAISE(ROLLBACK, 'the disk failed, as the test wants'); END";
    super::locked(&store.writer).execute_batch(trigger).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let store = &store;
            scope.spawn(move || {
                for n in 0..40 {
                    let id = format!("{thread}.{n}");
                    // Every event comes twice, and between them one that fails.
                    for fate in [Fate::Accepted, Fate::Duplicate] {
                        let event = incoming(&id, &format!("c{}", n % 7), buy(DAY, 1.0));
                        assert_eq!(store.take_in(&[event], 0, &score).unwrap().fates, [fate]);
                        assert!(store.history(&format!("c{}", n % 7)).unwrap().unwrap().len() > n / 7);
                    }
                    let fails = [incoming(&format!("{id}!"), "broken", buy(DAY, 1.0))];
                    assert!(message(store.take_in(&fails, 0, &score)).contains("the disk failed"));
                }
            });
        }
        scope.spawn(|| {
            for n in 0..20 {
                batch(&store, vec![row(&format!("b{n}"), vec![buy(DAY, 1.0)])], 2 * DAY);
            }
        });
    });
    let events: usize = (0..7).map(|n| store.history(&format!("c{n}")).unwrap().unwrap().len()).sum();
    assert_eq!((events, store.totals().unwrap().profiles), (320, 27));
    assert_eq!(store.profile("broken").unwrap(), None);
    let cursors: Vec<u64> = store.changes(None, 10_000).unwrap().changes.iter().map(|c| c.cursor).collect();
    assert!(cursors.is_sorted() && cursors.len() >= 27);
}

#[test]
fn two_servers_that_write_to_a_customer_at_one_instant_lose_and_double_nothing() {
    let folder = folder();
    race([&open(&folder), &open(&folder)]);
}

#[test]
fn connections_that_nobody_needed_are_closed() {
    let folder = folder();
    let store = open(&folder);
    let barrier = std::sync::Barrier::new(8);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                store.read(|_, _| {
                    barrier.wait();
                    Ok(())
                })
            });
        }
    });
    let idle = || super::locked(&store.readers).idle.len();
    assert_eq!(idle(), 8);
    // All of them were needed since the last call.
    store.free_memory().unwrap();
    assert_eq!(idle(), 8);
    for _ in 0..5 {
        store.totals().unwrap();
    }
    store.free_memory().unwrap();
    assert_eq!(idle(), 1);
    assert!(store.totals().is_ok());
}
