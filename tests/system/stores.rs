//! Several servers on one PostgreSQL, and the CRM's own table.

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::postgres::Cluster;
use crate::support::{Server, homing, registry, run, scratch, write};

fn event(n: usize, customer: &str, day: usize) -> Value {
    json!({
        "event_id": format!("e{n}"), "customer_id": customer, "occurred_at": format!("1998-07-{day:02}T10:00:00Z"),
        "kind": "purchase", "amount": 10.0 + n as f64
    })
}

/// Tags by value, and the scores but for the instant of scoring.
fn told(server: &Server, customer: &str) -> Value {
    let mut profile = server.get(&format!("/v1/profiles/{customer}")).ok();
    profile["prediction"].as_object_mut().unwrap().remove("scored_at");
    let tags = profile["tags"].as_object_mut().unwrap();
    for tag in tags.values_mut() {
        *tag = tag["value"].clone();
    }
    profile
}

#[test]
fn two_servers_on_one_postgresql_end_as_one_server_would() {
    let cluster = Cluster::start(false);
    let url = cluster.database("shared");
    let folders = [scratch(), scratch(), scratch()];
    let servers = [Server::start_on(folders[0].path(), &url), Server::start_on(folders[1].path(), &url)];
    let alone = Server::start_on(folders[2].path(), "sqlite:profiles.db");
    std::thread::scope(|scope| {
        for (at, server) in servers.iter().enumerate() {
            scope.spawn(move || {
                for n in (at..24).step_by(2) {
                    let body = json!({"events": [event(n, "c", 1 + n), event(n + 100, "d", 24 - n)]});
                    assert_eq!(server.post("/v1/events", &body).ok()["accepted"], 2);
                }
            });
        }
    });
    for n in 0..24 {
        alone
            .post("/v1/events", &json!({"events": [event(n, "c", 1 + n), event(n + 100, "d", 24 - n)]}))
            .ok();
    }
    // Each customer once more, so that all are scored as of the same instant.
    let last = json!({"events": [event(900, "c", 28), event(901, "d", 28)]});
    servers[0].post("/v1/events", &last).ok();
    alone.post("/v1/events", &last).ok();
    for customer in ["c", "d"] {
        let expected = told(&alone, customer);
        assert_eq!(told(&servers[0], customer), expected);
        assert_eq!(told(&servers[1], customer), expected);
    }
    // An event that one of them took in is known to the other.
    let again = servers[1].post("/v1/events", &json!({"events": [event(0, "c", 1)]})).ok();
    assert_eq!((&again["accepted"], &again["duplicates"]), (&0.into(), &1.into()));
}

#[test]
fn a_batch_writes_into_the_crms_own_table() {
    let folder = scratch();
    let crm = Connection::open(folder.path().join("crm.db")).unwrap();
    crm.execute_batch(
        "CREATE TABLE members (member_id TEXT PRIMARY KEY, level TEXT, risk REAL);
         INSERT INTO members (member_id) VALUES ('a'), ('stranger')",
    )
    .unwrap();
    write(folder.path(), "p.csv", "customer_id,occurred_at,amount\na,1997-01-01,5\nb,1997-02-02,6\n");
    let config = "[writeback]\ndatabase = \"sqlite:crm.db\"\ntable = \"members\"\nkey = \"member_id\"\n\
         columns = { \"churn.level\" = \"level\", churn_risk = \"risk\" }\n";
    write(folder.path(), "homing.toml", config);
    let night = || {
        let mut command = homing();
        command.args(["score", "--purchases", "p.csv", "--profiles", "sqlite:profiles.db", "--registry"]);
        command.arg(registry());
        run(command, folder.path(), ["--json"])
    };
    let done = night().json()["writeback"].clone();
    assert_eq!(
        (&done["written"], &done["missing"], &done["missing_ids"][0]),
        (&1.into(), &1.into(), &"b".into())
    );
    let row = |id: &str| {
        let sql = "SELECT level, risk FROM members WHERE member_id = ?1";
        crm.query_row(sql, [id], |row| Ok((row.get::<_, Option<String>>(0)?, row.get::<_, Option<f64>>(1)?)))
            .unwrap()
    };
    assert!(row("a").0.is_some() && (0.0..=1.0).contains(&row("a").1.unwrap()));
    assert_eq!(row("stranger"), (None, None));
    assert_eq!(night().json()["writeback"]["written"], 0);
    // A table that refuses a row: the others are written, and the exit code says so.
    crm.execute_batch(
        "CREATE TABLE strict (member_id TEXT PRIMARY KEY, level TEXT, risk REAL CHECK (member_id <> 'a' OR risk IS NULL));
         INSERT INTO strict (member_id) VALUES ('a'), ('b')",
    )
    .unwrap();
    write(folder.path(), "homing.toml", &config.replace("\"members\"", "\"strict\""));
    let refused = night();
    refused.says(4, &["refused 1 rows", "run the same command again"]);
    let summary: Value = serde_json::from_str(&refused.out).unwrap();
    assert_eq!(
        (&summary["writeback"]["refused_rows"], &summary["writeback"]["written"]),
        (&1.into(), &1.into())
    );
    write(folder.path(), "homing.toml", config);
    crm.execute_batch("ALTER TABLE members DROP COLUMN risk").unwrap();
    night().says(1, &["no column `risk`"]);
}
