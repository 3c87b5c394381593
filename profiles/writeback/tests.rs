//! The same expectations of a table in SQLite and in PostgreSQL.

use std::collections::BTreeSet;
use std::sync::Arc;

use homing_datasets::{DAY, Zone};
use rusqlite::Connection;

use super::*;
use crate::conformance::{batch, buy, incoming, row, score};
use crate::postgres::tests as pg;
use crate::privacy::Consent;
use crate::{Flows, open, sqlite::SqliteStore};

/// A database with the CRM's table, and SQL into it.
struct Crm {
    database: String,
    sql: Box<dyn Fn(&str) -> String>,
    _folder: tempfile::TempDir,
}

const TABLE: &str =
    "CREATE TABLE members (member_id varchar(20) PRIMARY KEY, level varchar(6), risk double precision,
     bought integer, big boolean, note text, as_of timestamp)";

fn crms() -> [Crm; 2] {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("crm.db");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch(TABLE).unwrap();
    let lite = move |sql: &str| {
        let mut statement = connection.prepare(sql).unwrap();
        let columns = statement.column_count();
        if columns == 0 {
            statement.execute([]).unwrap();
            return String::new();
        }
        let lines = statement.query_map([], |row| {
            let cell = |at: usize| {
                row.get::<_, rusqlite::types::Value>(at).map(|value| match value {
                    rusqlite::types::Value::Null => String::new(),
                    rusqlite::types::Value::Integer(n) => n.to_string(),
                    rusqlite::types::Value::Real(r) => r.to_string(),
                    rusqlite::types::Value::Text(text) => text,
                    rusqlite::types::Value::Blob(_) => "blob".to_owned(),
                })
            };
            Ok((0..columns).map(cell).collect::<Result<Vec<_>, _>>()?.join("|"))
        });
        lines.unwrap().collect::<Result<Vec<_>, _>>().unwrap().join("\n")
    };
    let (url, name) = pg::database();
    pg::server().sql(&name, TABLE);
    let postgres = move |sql: &str| pg::server().sql(&name, sql);
    [
        Crm { database: format!("sqlite:{}", path.display()), sql: Box::new(lite), _folder: folder },
        Crm { database: url, sql: Box::new(postgres), _folder: tempfile::tempdir().unwrap() },
    ]
}

fn settings(crm: &Crm) -> Settings {
    let columns = [
        ("churn.level", "level"),
        ("churn_risk", "risk"),
        ("activity.events", "bought"),
        ("value.big", "big"),
    ];
    Settings {
        database: Some(crm.database.clone()),
        table: "members".into(),
        key: "member_id".into(),
        columns: columns.map(|(name, column)| (name.to_owned(), column.to_owned())).into(),
    }
}

fn tags() -> BTreeSet<String> {
    ["churn.level", "activity.events", "value.big"].map(str::to_owned).into()
}

fn store() -> (tempfile::TempDir, Arc<dyn Store>) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("p.db"), Zone::default()).unwrap();
    (folder, Arc::new(store))
}

fn row_of(crm: &Crm, id: &str) -> String {
    let sql = format!(
        "SELECT level, risk, bought, CASE WHEN big THEN 'yes' WHEN NOT big THEN 'no' END, note FROM members
         WHERE member_id = '{id}'"
    );
    (crm.sql)(&sql)
}

#[test]
fn what_changed_is_written_and_nothing_else() {
    for crm in crms() {
        let (_folder, store) = store();
        (crm.sql)("INSERT INTO members (member_id, note) VALUES ('c', 'ours'), ('d', 'ours'), ('e', 'ours')");
        store.take_in(&[incoming("e1", "c", buy(DAY, 40.0))], 0, &score).unwrap();
        let back = WriteBack::open(&settings(&crm), store.clone(), "", &tags()).unwrap();
        // At the first start everything.
        let report = back.deliver(1).unwrap();
        assert_eq!((report.customers, report.written, report.missing), (1, 1, 0), "{report:?}");
        assert_eq!(row_of(&crm, "c"), "low|0|1|no|ours");
        assert_eq!(row_of(&crm, "e"), "||||ours", "a member without a profile stays as it is");
        assert_eq!(back.deliver(2).unwrap(), Report::default(), "nothing changed");
        // Then what changed. A customer without a row is reported, not invented.
        let events = [incoming("e2", "d", buy(2 * DAY, 400.0)), incoming("e3", "x", buy(2 * DAY, 4.0))];
        store.take_in(&events, 0, &score).unwrap();
        let report = back.deliver(3).unwrap();
        assert_eq!((report.customers, report.written, report.missing), (2, 1, 1), "{report:?}");
        assert_eq!(report.missing_ids, ["x"]);
        assert_eq!(row_of(&crm, "d"), "low|0|1|yes|ours");
        assert_eq!((crm.sql)("SELECT count(*) FROM members"), "3");
        // Scores that moved while the tags stayed: by a sweep, which leaves what is the same.
        batch(store.as_ref(), vec![row("c", vec![]), row("d", vec![])], 3 * DAY);
        let report = back.sweep(4).unwrap();
        assert_eq!((report.customers, report.written, report.unchanged, report.missing), (3, 2, 0, 1));
        assert_eq!(row_of(&crm, "c").split('|').nth(1).unwrap().parse::<f64>().unwrap(), 2.0 / 32.0);
        let again = back.sweep(5).unwrap();
        assert_eq!((again.written, again.unchanged, again.missing), (0, 2, 1));
        // An opt-out empties what is predicted; an erasure everything.
        store.set_consent("c", Consent { opted_out: true, at: 5 }).unwrap();
        assert_eq!(back.deliver(6).unwrap().written, 1);
        assert_eq!(row_of(&crm, "c"), "||1|no|ours");
        store.erase("d", 7).unwrap();
        assert_eq!(back.clear("d").unwrap().written, 1);
        assert_eq!(row_of(&crm, "d"), "||||ours");
    }
}

#[test]
fn a_table_that_does_not_fit_is_refused_at_the_start() {
    for crm in crms() {
        let (_folder, store) = store();
        let refused = |change: &dyn Fn(&mut Settings)| {
            let mut settings = settings(&crm);
            change(&mut settings);
            let fault = WriteBack::open(&settings, store.clone(), "", &tags()).err().unwrap();
            (fault.code(), fault.to_string())
        };
        let expect = |(code, text): (&str, String), wanted: &str, words: &str| {
            assert!(code == wanted && text.contains(words), "{code}: {text}");
        };
        let map = |name: &str, column: &str| BTreeMap::from([(name.to_owned(), column.to_owned())]);
        expect(refused(&|s| s.table = "nobody".into()), "writeback_table", "no such table");
        expect(refused(&|s| s.key = "nothing".into()), "writeback_table", "no column `nothing`");
        expect(refused(&|s| s.key = "note".into()), "writeback_table", "is not unique");
        expect(refused(&|s| s.columns = map("churn_risk", "gone")), "writeback_table", "no column `gone`");
        expect(
            refused(&|s| s.columns = map("churn_risk", "note")),
            "writeback_table",
            "cannot store a score",
        );
        expect(
            refused(&|s| s.columns = map("churn_risk", "bought")),
            "writeback_table",
            "cannot store a score",
        );
        expect(refused(&|s| s.columns = map("no.such", "note")), "writeback_settings", "neither a tag");
        let old = refused(&|s| s.columns = map("p_return_30d", "note"));
        expect(old, "writeback_settings", "it was renamed to `p_purchase_30d`");
        expect(
            refused(&|s| s.columns = map("churn_risk", "member_id")),
            "writeback_settings",
            "mapped twice",
        );
        expect(refused(&|s| s.columns.clear()), "writeback_settings", "is empty");
        expect(
            refused(&|s| s.database = Some("sqlite:/nowhere/crm.db".into())),
            "writeback_unreachable",
            "/nowhere",
        );
    }
}

#[test]
fn a_column_that_is_dropped_while_running_is_a_stable_error_and_loses_nothing() {
    for crm in crms() {
        let (_folder, store) = store();
        (crm.sql)("INSERT INTO members (member_id) VALUES ('c')");
        let back = WriteBack::open(&settings(&crm), store.clone(), "", &tags()).unwrap();
        back.deliver(1).unwrap();
        (crm.sql)("ALTER TABLE members DROP COLUMN level");
        store.take_in(&[incoming("e1", "c", buy(DAY, 40.0))], 0, &score).unwrap();
        for _ in 0..3 {
            let fault = back.deliver(2).unwrap_err();
            assert!(fault.code() == "writeback_table" && fault.to_string().contains("level"), "{fault}");
        }
        (crm.sql)("ALTER TABLE members ADD COLUMN level varchar(6)");
        assert_eq!(back.deliver(3).unwrap().written, 1);
        assert_eq!(row_of(&crm, "c"), "low|0|1|no|");
    }
}

#[test]
fn a_row_that_the_table_does_not_take_holds_up_no_other() {
    let [_, crm] = crms();
    let (_folder, store) = store();
    (crm.sql)("ALTER TABLE members ADD CHECK (bought IS NULL OR bought < 2)");
    (crm.sql)("INSERT INTO members (member_id) VALUES ('b'), ('c'), ('d')");
    let two = [incoming("e1", "c", buy(DAY, 4.0)), incoming("e2", "c", buy(DAY, 5.0))];
    store.take_in(&two, 0, &score).unwrap();
    store
        .take_in(&[incoming("e3", "b", buy(DAY, 4.0)), incoming("e4", "d", buy(DAY, 4.0))], 0, &score)
        .unwrap();
    let back = WriteBack::open(&settings(&crm), store, "", &tags()).unwrap();
    let report = back.deliver(1).unwrap();
    assert_eq!((report.written, report.unchanged, report.refused.len()), (2, 0, 1));
    assert!(report.refused[0].0 == "c" && report.refused[0].1.contains("check"), "{:?}", report.refused);
    assert_eq!(report.refused_rows, 1);
    assert!(!report.refused[0].1.contains("row contains"), "personal data in a reason: {:?}", report.refused);
    assert_eq!(row_of(&crm, "d"), "low|0|1|no|");
}

#[test]
fn two_servers_never_write_an_older_value_over_a_newer_one() {
    let [_, crm] = crms();
    let (url, _) = pg::database();
    let servers: Vec<Arc<dyn Store>> = (0..2).map(|_| open(&url, Zone::default()).unwrap()).collect();
    (crm.sql)("INSERT INTO members (member_id) VALUES ('c')");
    std::thread::scope(|scope| {
        for (thread, store) in servers.iter().enumerate() {
            let crm = &settings(&crm);
            let crm = crm.clone();
            scope.spawn(move || {
                let back = WriteBack::open(&crm, store.clone(), "", &tags()).unwrap();
                for n in 0..25 {
                    let event = incoming(&format!("{thread}.{n}"), "c", buy(DAY, 1.0));
                    store.take_in(&[event], 0, &score).unwrap();
                    back.deliver(n).unwrap();
                    let bought = store.profile("c").unwrap().unwrap().history.events;
                    assert!(bought > 0);
                }
            });
        }
    });
    assert_eq!((crm.sql)("SELECT bought FROM members"), "50");
}
