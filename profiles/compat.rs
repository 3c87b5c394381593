//! Stores of homing 0.1 (`tests/compat`): opened, they become present ones and hold what they held; whatever befalls a
//! migration, it is whole or has not begun.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use homing_datasets::{DAY, Zone};
use rusqlite::Connection;
use serde_json::Value;

use crate::conformance::{buy, incoming, score};
use crate::postgres::tests::{database, server};
use crate::schema::VERSION;
use crate::{Error, Fate, Flows, Store, open};

const SQLITE: &[u8] = include_bytes!("../tests/compat/store.sqlite");
const POSTGRES: &str = include_str!("../tests/compat/store.postgres.sql");

/// The answers that homing 0.1 gave from a store.
fn expected(kind: &str) -> Value {
    let text = match kind {
        "sqlite" => include_str!("../tests/compat/store.sqlite.json"),
        _ => include_str!("../tests/compat/store.postgres.json"),
    };
    // The one field that has another name since.
    serde_json::from_str(&text.replace("\"p_return_", "\"p_purchase_")).unwrap()
}

/// A copy of the SQLite store in a folder, in write-ahead mode as homing leaves it.
fn copy(folder: &Path) -> PathBuf {
    let path = folder.join("profiles.db");
    for rest in ["profiles.db-wal", "profiles.db-shm", "profiles.db-journal"] {
        let _ = std::fs::remove_file(folder.join(rest));
    }
    std::fs::write(&path, SQLITE).unwrap();
    Connection::open(&path).unwrap().pragma_update(None, "journal_mode", "WAL").unwrap();
    path
}

fn place(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

/// A database that holds the PostgreSQL store: its URL and its name.
fn load() -> (String, String) {
    let (url, name) = database();
    server().sql(&name, POSTGRES);
    (url, name)
}

fn opened(place: &str) -> std::sync::Arc<dyn Store> {
    open(place, Zone::default()).unwrap()
}

/// An export as this version gives it: with consent by purpose, and without what is not the customer's own.
fn as_now(export: &Value) -> Value {
    let mut export = export.clone();
    let Some(held) = export.as_object_mut() else { return export };
    held.insert("kept_scores".to_owned(), serde_json::json!([]));
    let consent = held["consent"].as_object().map(|said| {
        serde_json::json!({"purpose": "profiling", "opted_out": said["opted_out"], "at": said["at"], "source": ""})
    });
    held.insert("consents".to_owned(), consent.into_iter().collect());
    for letter in held["dead_letters"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        letter.remove("feed");
        letter.remove("reason");
    }
    export
}

/// Whether a store gives all answers that its own version gave.
#[track_caller]
fn assert_holds(store: &dyn Store, expected: &Value) {
    for (customer_id, export) in expected["exports"].as_object().unwrap() {
        let held = serde_json::to_value(store.export(customer_id).unwrap()).unwrap();
        assert_eq!(&held, &as_now(export), "{customer_id}");
    }
    let changes = store.changes(None, 1_000).unwrap();
    assert_eq!(&serde_json::to_value(&changes).unwrap(), &expected["changes"]);
    assert_eq!(store.newest_change().unwrap(), changes.next);
    let letters = expected["dead_letters"]["dead_letters"].as_array().unwrap();
    assert_eq!(store.dead_letters(None, 100).unwrap().len(), letters.len());
    let keys = expected["keys"]["keys"].as_array().unwrap();
    for (key, shown) in store.keys().unwrap().iter().zip(keys) {
        assert_eq!(
            (&key.id, &key.name, &key.role),
            (
                &shown["id"].as_str().unwrap().to_owned(),
                &shown["name"].as_str().unwrap().to_owned(),
                &shown["role"].as_str().unwrap().to_owned(),
            )
        );
        assert_eq!(key.revoked_at.is_some(), !shown["revoked_at"].is_null());
    }
    assert_eq!(store.keys().unwrap().len(), keys.len());
    let scored = expected["exports"].as_object().unwrap().values();
    let scored = scored.filter(|export| export["profile"]["prediction"]["churn_risk"].is_number()).count();
    assert_eq!(store.totals().unwrap().scored, scored as u64);
    assert!(store.is_erased("gone").unwrap() && !store.is_erased("c1").unwrap());
    assert_eq!(store.erased().unwrap().hashes.len(), 1);
    assert!(store.consent("not-yet-known").unwrap().unwrap().opted_out);
    let document: Value = serde_json::from_str(&store.aggregates(None).unwrap().unwrap().document).unwrap();
    assert_eq!(document["base"]["customers"], 7);
    assert!(!store.campaign("spring").unwrap().is_empty());
}

/// It goes on as any other.
fn assert_goes_on(store: &dyn Store) {
    let at = 20_460 * DAY;
    let again = incoming("e1", "c1", buy(at, 1.0));
    let events = [again, incoming("fresh", "c4", buy(at, 2.0)), incoming("no", "gone", buy(at, 3.0))];
    let fates = store.take_in(&events, 0, &score).unwrap().fates;
    assert_eq!(fates, [Fate::Conflict, Fate::Accepted, Fate::Erased]);
    let newest = store.changes(None, 1_000).unwrap().changes.pop().unwrap();
    assert_eq!(newest.customer_id, "c4");
    assert!(store.erase("c1", at).unwrap());
    assert_eq!(store.profile("c1").unwrap(), None);
}

#[test]
fn a_sqlite_store_of_0_1_reads_back_equal() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&place(&copy(folder.path())));
    assert_holds(store.as_ref(), &expected("sqlite"));
    drop(store);
    let again = opened(&place(&folder.path().join("profiles.db")));
    assert_holds(again.as_ref(), &expected("sqlite"));
    assert_goes_on(again.as_ref());
}

/// What version 7 made of a store of 0.1.
#[test]
fn a_sqlite_store_of_version_7_reads_back_equal() {
    let folder = tempfile::tempdir().unwrap();
    let path = copy(folder.path());
    let base = Connection::open(&path).unwrap();
    base.execute_batch(&crate::sqlite::DIALECT.upgrade_to_7()).unwrap();
    base.pragma_update(None, "user_version", 7).unwrap();
    drop(base);
    let store = opened(&place(&path));
    assert_holds(store.as_ref(), &expected("sqlite"));
    assert_goes_on(store.as_ref());
}

#[test]
fn a_postgres_store_of_0_1_reads_back_equal() {
    let (url, _) = load();
    assert_holds(opened(&url).as_ref(), &expected("postgres"));
    let again = opened(&url);
    assert_holds(again.as_ref(), &expected("postgres"));
    assert_goes_on(again.as_ref());
}

/// Columns and indexes of a SQLite file, by name.
fn shape(path: &Path) -> BTreeMap<String, Vec<String>> {
    let base = Connection::open(path).unwrap();
    let rows = |sql: &str, name: &str| -> Vec<String> {
        let mut statement = base.prepare(sql).unwrap();
        let columns = statement.column_count();
        let rows = statement.query_map([name], |row| {
            (0..columns)
                .map(|at| row.get_ref(at).map(|value| format!("{value:?}")))
                .collect::<Result<Vec<_>, _>>()
        });
        rows.unwrap().map(|row| row.unwrap().join(" ")).collect()
    };
    let tables = "SELECT name FROM sqlite_schema WHERE type = ?1 AND name NOT LIKE 'sqlite_%' ORDER BY name";
    let names = |kind: &str| -> Vec<String> {
        let mut statement = base.prepare(tables).unwrap();
        statement.query_map([kind], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let mut shape = BTreeMap::new();
    for table in names("table") {
        shape.insert(
            table.clone(),
            rows(
                "SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?1)",
                &table,
            ),
        );
    }
    for index in names("index") {
        shape.insert(index.clone(), rows("SELECT sql FROM sqlite_schema WHERE name = ?1", &index));
    }
    shape
}

#[test]
fn a_migrated_schema_is_that_of_a_new_store() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (copy(folder.path()), folder.path().join("new.db"));
    drop((opened(&place(&old)), opened(&place(&new))));
    assert_eq!(shape(&old), shape(&new));

    let ((old_url, old), (new_url, new)) = (load(), database());
    drop((opened(&old_url), opened(&new_url)));
    for sql in [
        "SELECT table_name, column_name, data_type, collation_name, is_nullable, column_default, is_generated
         FROM information_schema.columns WHERE table_schema = 'homing' ORDER BY 1, 2",
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'homing' ORDER BY 1",
        "SELECT version FROM homing.schema_version",
    ] {
        assert_eq!(server().sql(&old, sql), server().sql(&new, sql));
    }
}

#[test]
fn a_schema_from_before_0_1_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = copy(folder.path());
    let base = Connection::open(&path).unwrap();
    base.pragma_update(None, "user_version", 5).unwrap();
    let error = open(&place(&path), Zone::default()).err().unwrap().to_string();
    assert!(error.contains("schema has version 5") && error.contains("into a new store"), "{error}");
    assert_eq!(base.query_row("SELECT count(*) FROM surveys", [], |row| row.get::<_, i64>(0)), Ok(1));
    let (url, name) = load();
    server().sql(&name, "UPDATE homing.schema_version SET version = 3");
    let error = open(&url, Zone::default()).err().unwrap().to_string();
    assert!(error.contains("schema has version 3") && error.contains("into a new store"), "{error}");
    assert_eq!(server().sql(&name, "SELECT count(*) FROM homing.surveys"), "1");
}

#[test]
fn a_damaged_file_is_refused_or_named_and_never_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("profiles.db");
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Damage); 4] = [
        ("cut off", |bytes| bytes.truncate(bytes.len() / 2)),
        ("no header", |bytes| bytes[..100].fill(0xff)),
        ("a torn schema", |bytes| bytes[100..1_024].fill(0xa5)),
        ("torn tables", |bytes| bytes[2_048..20_480].fill(0x5a)),
    ];
    for (what, damage) in damages {
        let mut bytes = SQLITE.to_vec();
        damage(&mut bytes);
        std::fs::write(&path, &bytes).unwrap();
        let done = open(&place(&path), Zone::default()).and_then(|store| {
            store.totals()?;
            for customer_id in expected("sqlite")["exports"].as_object().unwrap().keys() {
                store.export(customer_id)?;
            }
            store.changes(None, 1_000).map(drop)
        });
        let error = done.expect_err(what).to_string();
        assert!(error.contains("sqlite:"), "{what}: {error}");
        for rest in ["profiles.db-wal", "profiles.db-shm", "profiles.db-journal"] {
            let _ = std::fs::remove_file(folder.path().join(rest));
        }
    }
}

/// As a power failure would leave the files after each step of the migration.
#[test]
fn a_migration_that_breaks_off_after_any_step_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = copy(folder.path());
    let dialect = crate::sqlite::DIALECT;
    let steps = [dialect.upgrade_to_7(), dialect.upgrade_to_8(), dialect.upgrade_to_9()].join(";");
    let steps: Vec<&str> = steps.split(';').filter(|step| !step.trim().is_empty()).collect();
    assert!(steps.len() > 4);
    for (done, _) in steps.iter().enumerate() {
        let path = copy(path.parent().unwrap());
        let mut base = Connection::open(&path).unwrap();
        // Nothing stays in memory alone.
        base.pragma_update(None, "cache_size", 1).unwrap();
        let transaction = base.transaction().unwrap();
        steps[..=done].iter().for_each(|step| transaction.execute_batch(step).unwrap());
        let crashed = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
            std::fs::copy(entry.path(), crashed.path().join(entry.file_name())).unwrap();
        }
        transaction.rollback().unwrap();
        let store = opened(&place(&crashed.path().join("profiles.db")));
        assert_holds(store.as_ref(), &expected("sqlite"));
    }
}

/// The variable that names the store which [`opens_the_named_store`] opens.
const NAMED: &str = "HOMING_TEST_OPENS";

/// Run by the tests below as a process of its own, to be killed or to be one of two.
#[test]
fn opens_the_named_store() {
    let folder = tempfile::tempdir().unwrap();
    let named = std::env::var(NAMED).unwrap_or_else(|_| place(&folder.path().join("profiles.db")));
    opened(&named).ready().unwrap();
}

fn process(place: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "compat::opens_the_named_store"])
        .env(NAMED, place)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Many changes, so that the migration takes a while.
const MORE: &str = "(customer_id, tags, model, as_of, scored_at, at)
    SELECT 'many', '{\"churn.level\":\"high\"}', 'm', 0, 0, 0 FROM";
const SERIES: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)";

/// Kills a process that opens the store, at twenty moments spread over what opening takes; then opens it to the end.
fn kill(fresh: impl Fn() -> String, expected: &Value) {
    let began = Instant::now();
    assert!(process(&fresh()).wait().unwrap().success());
    let whole = began.elapsed();
    for n in 0..20 {
        let place = fresh();
        let mut process = process(&place);
        let until = Instant::now() + whole * n / 20;
        while Instant::now() < until && process.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        process.kill().unwrap();
        process.wait().unwrap();
        let store = opened(&place);
        let rest = store.changes(None, 10_000).unwrap();
        assert_eq!(rest.changes.len(), 10_000, "kill {n}");
        for (customer_id, export) in expected["exports"].as_object().unwrap() {
            let held = serde_json::to_value(store.export(customer_id).unwrap()).unwrap();
            assert_eq!(held, as_now(export), "{customer_id} after kill {n}");
        }
        let turned = store.turned_high(0, 10, 10).unwrap();
        assert_eq!(turned.turns, u64::from(crate::aggregates::MAX_TURNS), "kill {n}");
    }
}

#[test]
fn a_migration_of_sqlite_that_is_killed_twenty_times_is_made_whole() {
    let folder = tempfile::tempdir().unwrap();
    let fresh = || {
        let path = copy(folder.path());
        let base = Connection::open(&path).unwrap();
        base.execute_batch(&format!("{SERIES} INSERT INTO changes {MORE} n")).unwrap();
        place(&path)
    };
    kill(fresh, &expected("sqlite"));
}

#[test]
fn a_migration_of_postgres_that_is_killed_twenty_times_is_made_whole() {
    let fresh = || {
        let (url, name) = load();
        server().sql(&name, &format!("INSERT INTO homing.changes {MORE} generate_series(1, 30000)"));
        url
    };
    kill(fresh, &expected("postgres"));
}

#[test]
fn two_processes_may_migrate_a_store_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..10 {
        let place = place(&copy(folder.path()));
        let both = [process(&place), process(&place)];
        assert!(both.map(|mut one| one.wait().unwrap().success()).iter().all(|done| *done));
        assert_holds(opened(&place).as_ref(), &expected("sqlite"));
    }
    for _ in 0..3 {
        let (url, _) = load();
        let both = [process(&url), process(&url)];
        assert!(both.map(|mut one| one.wait().unwrap().success()).iter().all(|done| *done));
        assert_holds(opened(&url).as_ref(), &expected("postgres"));
    }
}

#[test]
fn a_store_of_a_newer_version_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = copy(folder.path());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", VERSION + 1).unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = open(&place(&path), Zone::default()).err().unwrap();
    assert!(matches!(error, Error::TooNew { found, known: VERSION, .. } if found == VERSION + 1), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}
