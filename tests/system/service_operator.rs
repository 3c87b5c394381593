//! Who runs the service: keys, the loopback rule, models put to work and taken back, the doctor.

use std::path::Path;

use homing_models::{Alias, Bundle, Registry};
use serde_json::json;

use crate::support::{bundle, homing, registry, run, scratch};

#[test]
fn without_keys_homing_listens_on_loopback_only() {
    let folder = scratch();
    let mut command = homing();
    command.args(["serve", "--listen", "0.0.0.0:0", "--registry"]).arg(registry());
    run::<&str>(command, folder.path(), []).says(2, &["without API keys", "loopback", "homing keys create"]);
}

#[test]
fn a_key_is_shown_once_listed_without_its_text_and_revoked() {
    let folder = scratch();
    let made =
        run(homing(), folder.path(), ["keys", "create", "--role", "reader", "--name", "till", "--json"])
            .json();
    let (key, id) = (made["key"].as_str().unwrap(), made["id"].as_str().unwrap());
    assert_eq!((key.len(), made["role"].as_str()), (71, Some("reader")));
    let listed = run(homing(), folder.path(), ["keys", "list", "--json"]);
    assert!(!listed.out.contains(key));
    assert_eq!(listed.json()["keys"][0]["name"], "till");
    run(homing(), folder.path(), ["keys", "revoke", id]).says(0, &["revoked"]);
    run(homing(), folder.path(), ["keys", "revoke", "nonsense"]).says(2, &["no key", "homing keys list"]);
    run(homing(), folder.path(), ["keys", "create", "--role", "king"]).says(2, &["reader"]);
}

#[test]
fn a_key_is_rotated_and_the_old_one_holds_on_for_a_while() {
    let folder = scratch();
    let keys = |args: &[&str]| run(homing(), folder.path(), [&["keys"], args, &["--json"]].concat());
    let create =
        ["create", "--role", "metrics", "--name", "prometheus", "--expires-days", "30", "--rate", "60"];
    let old = keys(&create).json();
    assert_eq!((&old["role"], &old["rate"]), (&json!("metrics"), &json!(60)));
    let id = old["id"].as_str().unwrap();
    let new = keys(&["rotate", id, "--overlap-days", "1"]).json();
    assert_ne!(new["key"], old["key"]);
    assert_eq!((&new["name"], &new["role"], &new["rate"]), (&old["name"], &old["role"], &old["rate"]));
    let listed = keys(&["list"]).json();
    let of = |id: &serde_json::Value| {
        listed["keys"].as_array().unwrap().iter().find(|key| key["id"] == *id).unwrap().clone()
    };
    assert!(of(&old["id"])["expires_at"].as_str() < of(&new["id"])["expires_at"].as_str(), "{listed:#}");
    run(homing(), folder.path(), ["keys", "revoke", id]).says(0, &["revoked"]);
    run(homing(), folder.path(), ["keys", "rotate", id]).says(2, &["no valid key", "homing keys list"]);
    run(homing(), folder.path(), ["keys", "create", "--role", "reader", "--rate", "0"]).says(2, &["--rate"]);
}

/// The score file of four customers, of whom one opts out, one is erased, and one is erased and readmitted.
#[test]
fn who_opted_out_or_was_erased_is_in_no_score_file() {
    use crate::support::{Server, write};
    let folder = scratch();
    let csv =
        "customer_id,occurred_at,amount\na,1997-10-01,5\nb,1997-10-02,6\nc,1997-10-03,7\nd,1997-10-04,8\n";
    write(folder.path(), "orders.csv", csv);
    let score = || {
        let mut command = homing();
        command.args([
            "score",
            "--purchases",
            "orders.csv",
            "--profiles",
            "sqlite:profiles.db",
            "--out",
            "scores.csv",
        ]);
        command
            .args(["--as-of", "1997-12-31", "--accept", "far_dates", "--json", "--registry"])
            .arg(registry());
        let done = run::<&str>(command, folder.path(), []).json();
        let file = std::fs::read_to_string(folder.path().join("scores.csv")).unwrap();
        let ids =
            file.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned()).collect::<Vec<_>>();
        (done, ids)
    };
    assert_eq!(score().1, ["a", "b", "c", "d"]);
    let server = Server::start(folder.path());
    let ask = |method: &str, path: &str, body: &str| {
        let request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", server.url));
        let request = request.header("content-type", "application/json").body(body.to_owned()).unwrap();
        ureq::Agent::new_with_defaults().run(request).unwrap().status().as_u16()
    };
    assert_eq!(ask("PUT", "/v1/profiles/b/consent", r#"{"opted_out": true}"#), 200);
    assert_eq!(ask("DELETE", "/v1/profiles/c", ""), 204);
    assert_eq!(ask("DELETE", "/v1/profiles/d", ""), 204);
    drop(server);
    run(homing(), folder.path(), ["privacy", "readmit", "d"]).says(0, &["readmitted"]);
    run(homing(), folder.path(), ["privacy", "readmit", "d"]).says(2, &["was not erased"]);
    let (done, ids) = score();
    assert_eq!(ids, ["a", "d"]);
    assert_eq!(done["file"]["left_out"], json!({"opted_out": 1, "erased": 1}), "{done:#}");
    // What is held, who used which right, and that the log is whole.
    let report = run(homing(), folder.path(), ["privacy", "report", "--json"]).json();
    assert_eq!(
        (&report["opted_out"], &report["erased"], &report["audit_intact"]),
        (&json!(1), &json!(1), &json!(true))
    );
    for (lang, words) in [("en", "Automated decisions (Article 24)"), ("zh", "自动化决策（第二十四条）")]
    {
        let page = run(homing(), folder.path(), ["privacy", "report", "--lang", lang]);
        assert!(page.code == 0 && page.out.contains(words) && page.out.ends_with("</html>\n"), "{page:#?}");
    }
    let verified = run(homing(), folder.path(), ["audit", "verify", "--json"]).json();
    let head = verified["head"].as_str().unwrap();
    assert!(verified["entries"].as_u64().unwrap() >= 4, "{verified}");
    run(homing(), folder.path(), ["audit", "verify", "--noted", head]).says(0, &[]);
    run(homing(), folder.path(), ["audit", "verify", "--noted", &"0".repeat(63)]).says(2, &["64"]);
    run(homing(), folder.path(), ["audit", "verify", "--noted", &"a".repeat(64)]).says(1, &["tampered"]);
    run(homing(), folder.path(), ["audit", "verify", "--noted", &"0".repeat(64)])
        .says(2, &["start of an empty log", "prove nothing"]);
    let listed = run(homing(), folder.path(), ["audit", "list", "--json"]).json();
    let actions: Vec<_> =
        listed["entries"].as_array().unwrap().iter().map(|entry| entry["action"].clone()).collect();
    assert!(
        actions.contains(&json!("profile.erase")) && actions.contains(&json!("profile.readmit")),
        "{listed:#}"
    );
}

#[test]
fn retention_rules_are_shown_and_applied() {
    use crate::support::write;
    let folder = scratch();
    write(folder.path(), "orders.csv", "customer_id,occurred_at,amount\na,1997-10-01,5\nb,1997-10-02,6\n");
    let mut command = homing();
    command.args(["score", "--purchases", "orders.csv", "--profiles", "sqlite:profiles.db", "--registry"]);
    command.arg(registry()).args(["--as-of", "1997-12-31"]);
    run::<&str>(command, folder.path(), []).says(0, &[]);
    let retention = |more: &[&str]| {
        let mut command = homing();
        command.args(["privacy", "retention", "--registry"]).arg(registry()).args(more);
        run::<&str>(command, folder.path(), [])
    };
    retention(&["--apply"]).says(2, &["no retention rules", "[retention]"]);
    for (wrong, word) in
        [("[retention]\nfed_days = 1\n", "fed_days"), ("[retention]\nfeed_days = 0\n", "0 days")]
    {
        write(folder.path(), "homing.toml", wrong);
        retention(&[]).says(2, &[word, "homing.toml"]);
    }
    write(folder.path(), "homing.toml", "[retention]\nevents_days = 365\nfeed_days = 90\n");
    let shown = retention(&[]);
    assert!(shown.out.contains("events_days") && shown.out.contains("365"), "{shown:#?}");
    assert!(shown.out.contains("would drop 2 events of 2 customers"), "{shown:#?}");
    let preview = retention(&["--dry-run", "--json"]).json();
    assert_eq!((&preview["would_drop"]["events"], &preview["would_drop"]["audit"]), (&json!(2), &json!(0)));
    // A rule or a clock may be wrong: every event goes only on request.
    retention(&["--apply"]).says(2, &["would drop all 2 events", "nothing was dropped", "--drop-everything"]);
    retention(&["--drop-everything"]).says(2, &["--apply"]);
    let done = retention(&["--apply", "--drop-everything", "--json"]).json();
    assert_eq!(done["compacted"], true);
    assert_eq!(
        (&done["dropped"]["events"], &done["dropped"]["customers"]),
        (&json!(2), &json!(2)),
        "{done:#}"
    );
    let again = retention(&["--apply", "--json"]).json();
    assert_eq!(again["dropped"]["events"], 0, "{again:#}");
}

#[test]
fn a_webhook_that_cannot_work_is_refused_at_the_start() {
    use crate::support::write;
    let folder = scratch();
    write(folder.path(), "secret", "a secret");
    let serve = |args: &[&str]| {
        let mut command = homing();
        command.args(["serve", "--listen", "127.0.0.1:0", "--registry"]).arg(registry()).args(args);
        run::<&str>(command, folder.path(), [])
    };
    let flag = |url: &'static str| serve(&["--webhook", url, "--webhook-secret-file", "secret"]);
    flag("ftp://crm.lan/hook").says(2, &["ftp://crm.lan/hook", "http://"]);
    let told = flag("https://me:geheim@crm.lan/");
    told.says(2, &["credentials", "authorization_file"]);
    assert!(!told.err.contains("geheim"), "{told:#?}");
    for (table, words) in [
        ("url = 'ftp://x/'\nsecret_file = 'secret'", ["ftp://x/", "http://"]),
        ("url = 'http://x/'", ["homing.toml", "secret_file"]),
        ("url = 'http://x/'\nsecret_file = 'secret'\ntags = ['churn.lvl']", ["churn.lvl", "churn.level"]),
        ("url = 'http://x/'\nsecret_file = 'secret'\nlayers = ['past']", ["past", "predictive"]),
        ("url = 'http://x/'\nsecret_file = 'secret'\ntag = 'x'", ["tag", "homing.toml"]),
    ] {
        write(folder.path(), "homing.toml", &format!("[webhooks.crm]\n{table}\n"));
        serve(&[]).says(2, &words);
    }
    write(folder.path(), "homing.toml", "");
    serve(&["--cors-origins", "crm.lan"]).says(2, &["--cors-origins", "https://crm.lan"]);
    serve(&["--allowed-hosts", "http://homing.lan"]).says(2, &["--allowed-hosts", "homing.lan"]);
}

#[test]
fn champions_that_were_are_gone_back_to_one_by_one() {
    let folder = scratch();
    let models = Registry::at(folder.path());
    let first = Bundle::load(&bundle(registry())).unwrap();
    let bundles = [
        first.clone(),
        first.clone().with_report("<p>second</p>").unwrap(),
        first.with_report("<p>third</p>").unwrap(),
    ];
    let name = bundles[0].manifest().name.clone();
    for one in &bundles {
        models.register(one, Alias::Champion).unwrap();
    }
    let [a, b, c] = bundles.map(|one| one.manifest().version.clone());
    assert_eq!(models.version(&name, Alias::Champion), Some(c));
    assert_eq!(models.rollback(&name).unwrap(), Some(b));
    assert_eq!(models.rollback(&name).unwrap(), Some(a.clone()));
    assert_eq!(models.rollback(&name).unwrap(), None);
    assert_eq!(models.version(&name, Alias::Champion), Some(a));
}

#[test]
fn the_doctor_finds_nothing_where_all_is_well_and_names_what_is_not() {
    let folder = scratch();
    let ask = |registry: &Path| {
        let mut command = homing();
        command.args(["doctor", "--json", "--registry"]).arg(registry);
        run::<&str>(command, folder.path(), [])
    };
    let well = ask(registry()).json();
    assert_eq!(well["ok"], json!(true), "{well:#}");
    let ill = ask(&folder.path().join("nothing"));
    assert_eq!(ill.code, 1, "{ill:#?}");
    let told: serde_json::Value = serde_json::from_str(&ill.out).unwrap();
    let registry =
        told["checks"].as_array().unwrap().iter().find(|check| check["check"] == "registry").unwrap();
    assert_eq!(registry["ok"], json!(false));
    assert!(registry["fix"].as_str().unwrap().contains("homing-train fit"), "{registry}");
}

/// What is done on the machine, without a key.
#[test]
fn commands_on_the_machine_are_in_the_audit_log_and_a_changed_log_is_a_failed_report() {
    use crate::support::write;
    let folder = scratch();
    let rows: String = (0..100).map(|n| format!("1380013{n:04},1997-10-01,5\n")).collect();
    write(folder.path(), "orders.csv", &format!("customer_id,occurred_at,amount\n{rows}keep,1997-10-01,5\n"));
    let mut command = homing();
    command.args(["score", "--purchases", "orders.csv", "--profiles", "sqlite:profiles.db", "--registry"]);
    command.arg(registry()).args(["--as-of", "1997-12-31"]);
    run::<&str>(command, folder.path(), []).says(0, &[]);
    let homing_of = |args: &[&str]| run(homing(), folder.path(), args);
    let key = homing_of(&["keys", "create", "--role", "reader", "--json"]).json();
    let id = key["id"].as_str().unwrap();
    let new = homing_of(&["keys", "rotate", id, "--json"]).json();
    homing_of(&["keys", "revoke", new["id"].as_str().unwrap()]).says(0, &[]);
    homing_of(&["privacy", "consent", "keep", "--opted-out", "--purpose", "contact:sms", "--source", "call"])
        .says(0, &["opted out"]);
    homing_of(&["privacy", "consent", "keep", "--opted-in"]).says(0, &["opted in"]);
    homing_of(&["privacy", "consent", "keep", "--opted-in", "--opted-out"]).says(2, &["--opted"]);
    homing_of(&["privacy", "consent", "keep", "--opted-in", "--purpose", "sms"])
        .says(2, &["contact:CHANNEL"]);
    homing_of(&["privacy", "erase", "typo"]).says(2, &["nothing was changed", "--bar"]);
    homing_of(&["privacy", "erase", "typo", "--bar", "--no-compact"])
        .says(0, &["barred", "homing privacy compact"]);
    for n in 0..100 {
        homing_of(&["privacy", "erase", &format!("1380013{n:04}"), "--no-compact"]).says(0, &["erased"]);
    }
    homing_of(&["privacy", "compact"]).says(0, &["compacted"]);
    // Nobody finds an id in the file.
    for name in ["profiles.db", "profiles.db-wal", "profiles.db-shm"] {
        let bytes = std::fs::read(folder.path().join(name)).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("1380013") && (name != "profiles.db" || text.contains("keep")), "{name}");
    }
    let log = homing_of(&["audit", "list", "--json"]).json();
    let mut actions: Vec<&str> =
        log["entries"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    actions.dedup();
    let expected =
        ["key.create", "key.rotate", "key.revoke", "consent.set", "profile.erase", "store.compact"];
    assert_eq!(actions, expected);
    homing_of(&["audit", "verify"]).says(0, &[]);
    homing_of(&["privacy", "report", "--json"]).says(0, &[]);
    // Somebody takes a customer out of the log, as an erasure would.
    let base = rusqlite::Connection::open(folder.path().join("profiles.db")).unwrap();
    base.execute_batch(
        "UPDATE audit SET customer_id = NULL, detail = '', erased_hash = subject WHERE customer_id = 'keep'",
    )
    .unwrap();
    drop(base);
    homing_of(&["audit", "verify"]).says(1, &["no erasure of that customer"]);
    homing_of(&["privacy", "report"]).says(4, &["the audit log was changed"]);
    // Score files and folders are their owner's alone.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mut command = homing();
        command.args([
            "score",
            "--purchases",
            "orders.csv",
            "--out",
            "scores.csv",
            "--snapshot",
            "kept",
            "--registry",
        ]);
        command.arg(registry()).args(["--as-of", "1997-12-31", "--profiles", "sqlite:profiles.db"]);
        run::<&str>(command, folder.path(), []).says(0, &[]);
        let mode =
            |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("scores.csv"), mode("kept")), (0o600, 0o700));
        for file in std::fs::read_dir(folder.path().join("kept")).unwrap().map(Result::unwrap) {
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0, "{}", file.path().display());
        }
    }
}
