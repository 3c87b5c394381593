//! The CRM operator: what to do next with whom, and the list of a campaign.

use std::io::Read as _;
use std::process::Stdio;

use serde_json::Value;

use crate::support::{CDNOW, Server, homing, registry, run, scratch, write};

/// Profiles of some customers of CDNOW as of the model's last day.
fn profiles(folder: &std::path::Path) {
    let mut command = homing();
    command.args(["score", "--purchases", CDNOW, "--as-of", "1997-12-31", "--shard", "1/16"]);
    command.args(["--profiles", "sqlite:profiles.db", "--registry"]).arg(registry());
    run::<&str>(command, folder, []).says(0, &["profiles"]);
}

#[test]
fn a_campaign_is_listed_with_its_hold_out_and_keeps_the_cap() {
    let folder = scratch();
    let home = folder.path();
    profiles(home);
    let campaign = |name: &str, more: &[&str]| {
        let args = ["campaign", "make", name, "--hold-out", "0.25", "--at", "1998-01-02", "--json", "--out"];
        run(homing(), home, args.iter().chain(more))
    };
    let first = campaign("winter", &["list.csv", "--lang", "en", "--tag", "lifecycle.stage=one_time"]).json();
    let number = |summary: &Value, name: &str| summary[name].as_u64().unwrap();
    let rows = |name: &str| {
        csv::Reader::from_path(home.join(name)).unwrap().records().map(Result::unwrap).collect::<Vec<_>>()
    };
    let (list, held) = (rows("list.csv"), rows("list.held-out.csv"));
    assert_eq!(
        (list.len() as u64, held.len() as u64),
        (number(&first, "contacts"), number(&first, "held_out"))
    );
    let one_time =
        run(homing(), home, ["campaign", "make", "x", "--dry-run", "--json", "--hold-out", "0"]).json();
    assert!(number(&one_time, "contacts") > number(&first, "contacts"), "{one_time} {first}");
    assert_eq!(
        number(&first, "matched"),
        first["left_out"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum::<u64>()
            + number(&first, "contacts")
            + number(&first, "held_out")
    );

    // The same again makes the same file; another campaign of the week leaves those out who are in it.
    let all = campaign("january", &["all.parquet"]).json();
    assert!(number(&all, "contacts") > 100, "{all}");
    let again = campaign("january", &["again.parquet"]).json();
    assert_eq!(number(&again, "before"), number(&all, "contacts") + number(&all, "held_out"));
    let read = |name: &str| std::fs::read(home.join(name)).unwrap();
    assert_eq!(read("all.parquet"), read("again.parquet"));
    assert_eq!(read("all.held-out.parquet"), read("again.held-out.parquet"));
    let other = campaign("february", &["other.ndjson"]).json();
    assert_eq!(other["left_out"]["contacted_lately"], all["contacts"]);

    // The profile says the same as the list.
    let server = Server::start(home);
    let listed = std::fs::read_to_string(home.join("other.ndjson")).unwrap();
    let member: Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
    let id = member["customer_id"].as_str().unwrap();
    let profile = server.get(&format!("/v1/profiles/{id}")).ok();
    assert_eq!(profile["next_action"]["action"], member["action"]);
    assert_eq!(profile["tags"]["action.next"]["value"], member["action"]);
    assert_eq!(profile["next_action"]["title"]["en"], member["title"]);
    let told = run(homing(), home, ["playbook", "advise", id, "--json"]).json();
    assert_eq!(told["next_action"]["action"], member["action"]);
    let campaigns = told["contacts"].as_array().unwrap().iter();
    let campaigns: Vec<_> =
        campaigns.map(|one| (one["campaign"].as_str().unwrap(), &one["held_out"])).collect();
    assert_eq!(campaigns, [("february", &false.into()), ("january", &true.into())]);
}

#[test]
fn wrong_wishes_and_playbooks_are_refused() {
    let folder = scratch();
    let home = folder.path();
    let campaign = |args: &[&str]| run(homing(), home, ["campaign", "make", "x"].iter().chain(args));
    campaign(&["--out", "list.xls"]).says(2, &["list.xls", "ends in .parquet, .csv or .ndjson"]);
    campaign(&["--out", "list.csv", "--tag", "no.tag=1"]).says(2, &["no tag `no.tag`", "homing tags list"]);
    campaign(&["--out", "list.csv", "--tag", "lifecycle.stage"]).says(2, &["NAME=VALUE"]);
    campaign(&["--out", "list.csv", "--tag", "lifecycle.stage=declin"]).says(2, &["did you mean `decline`?"]);
    campaign(&["--out", "list.csv", "--action", "sing"]).says(2, &["no action `sing`"]);
    campaign(&["--out", "list.csv", "--hold-out", "1"]).says(2, &["must be at least 0 and below 1"]);
    campaign(&[]).says(2, &["--out"]);
    let told = run(homing(), home, ["playbook", "check"]);
    assert_eq!((told.code, told.out.contains("no problems found")), (0, true), "{told:?}");
    let text = "[[entry]]\naction = \"a\"\nstage = [\"lots\"]\neffort = \"call\"\ntitle = { zh = \"题\", en = \"T\" }\n\
                text = { zh = \"文\", en = \"T\" }\n";
    let file = write(home, "book.toml", text);
    run(homing(), home, ["playbook", "check", file]).says(1, &["book.toml:3:10", "did you mean `lost`?"]);
    run(homing(), home, ["campaign", "make", "--campaign", "x", "--dry-run", "--playbook-file", file])
        .says(1, &["book.toml:3:10"]);
    run(homing(), home, ["playbook", "advise", "nobody"]).says(2, &["no customer `nobody`"]);
}

/// `homing tags list | head -1`: the reader goes away, and nothing is to be told of that.
#[cfg(unix)]
#[test]
fn a_closed_pipe_ends_a_command_quietly() {
    let folder = scratch();
    for args in [&["tags", "list", "--json"][..], &["tags", "list"], &["playbook", "list", "--json"]] {
        let mut child = homing()
            .args(args)
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut told = String::new();
        child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        let code = child.wait().unwrap().code();
        assert_eq!((code, told.as_str()), (Some(141), ""), "{args:?}");
    }
    // A disk that is full is told.
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = homing().args(["tags", "list"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("cannot write to standard output"),
        "{output:?}"
    );
}

/// Two records turn out to be one person: profile and history go along, and the old profile is gone.
#[test]
fn who_is_one_person_now_has_one_profile() {
    let folder = scratch();
    let home = folder.path();
    write(
        home,
        "events.csv",
        "customer_id,occurred_at,amount\ntill-1,1997-03-01,10\ntill-1,1997-05-01,20\nweb-1,1997-06-01,40\nweb-2,1997-06-02,5\n",
    );
    write(home, "before.csv", "record_id,person_id\ntill-1,A\nweb-1,B\nweb-2,C\n");
    write(home, "now.csv", "record_id,person_id\ntill-1,A\nweb-1,A\nweb-2,C\n");
    let score = |more: &[&str]| {
        let mut command = homing();
        command.args(["score", "--purchases", "events.csv", "--as-of", "1997-12-31", "--json"]);
        command.args(["--profiles", "sqlite:profiles.db", "--registry"]).arg(registry());
        run(command, home, more)
    };
    score(&["--people", "before.csv"]).json();
    let done = score(&["--people", "now.csv", "--people-before", "before.csv"]).json();
    assert_eq!(done["merged"], 1, "{done}");
    assert_eq!(score(&["--people", "now.csv", "--people-before", "before.csv"]).json()["merged"], 0);
    let server = Server::start(home);
    let history = |id: &str| server.get(&format!("/v1/profiles/{id}")).ok()["history"].clone();
    assert_eq!((history("A")["spend"].as_f64(), history("C")["spend"].as_f64()), (Some(70.0), Some(5.0)));
    server.get("/v1/profiles/B").is_problem(404, "unknown_customer", &["B"]);
    // What the customer buys next is asked of the same history.
    let next = server.get("/v1/profiles/A/next").ok();
    assert_eq!((&next["due"], &next["horizon_days"]), (&serde_json::json!([]), &Value::Null), "{next}");
    let told = run(
        homing(),
        home,
        ["score", "--purchases", "events.csv", "--people-before", "before.csv", "--out", "x.csv"],
    );
    assert_eq!(told.code, 2, "{told:?}");
}

/// `homing next` on the chain's own model: products that are due, and categories that a customer may begin with.
#[test]
fn the_chain_says_what_is_bought_next() {
    let folder = scratch();
    let home = folder.path();
    run(homing(), home, ["simulate", "--customers", "1500", "--seed", "4", "--out", "chain"])
        .says(0, &["events"]);
    let fit =
        ["fit", "--purchases", "chain/events", "--horizons", "30,90", "--value-horizon", "90", "--json"];
    let fitted = run(crate::support::homing_train(), home, fit).json();
    assert!(fitted["manifest"]["parts"]["clusters.json"].is_string(), "{}", fitted["manifest"]["parts"]);
    let told =
        run(homing(), home, ["next", "--purchases", "chain/events", "--out", "next.csv", "--json"]).json();
    let mut rows = csv::Reader::from_path(home.join("next.csv")).unwrap();
    let rows: Vec<csv::StringRecord> = rows.records().map(Result::unwrap).collect();
    let of = |what: &str| rows.iter().filter(|row| &row[1] == what).collect::<Vec<_>>();
    let (due, first) = (of("due"), of("first_purchase"));
    assert_eq!(
        (due.len() as u64, first.len() as u64),
        (told["due"].as_u64().unwrap(), told["first_purchases"].as_u64().unwrap())
    );
    assert!(due.len() > 50 && first.len() > 1_000, "{told}");
    assert!(due.iter().all(|row| !row[2].is_empty() && !row[4].is_empty() && row[7].is_empty()));
    assert!(
        first.iter().all(|row| row[2].is_empty() && (0.0..=1.0).contains(&row[7].parse::<f64>().unwrap()))
    );
    // Profiles of this model have a group, and its words are in the report.
    let scored =
        ["score", "--purchases", "chain/events", "--profiles", "sqlite:profiles.db", "--out", "scores.csv"];
    run(homing(), home, scored).says(0, &["profiles"]);
    let dry = ["campaign", "make", "x", "--dry-run", "--json", "--tag", "cluster.group=c1"];
    assert!(run(homing(), home, dry).json()["matched"].as_u64().unwrap() > 50);
    let report =
        std::fs::read_to_string(crate::support::bundle(&home.join("registry")).join("report.html")).unwrap();
    assert!(report.contains("Clusters by purchase behaviour") && report.contains("智能聚类"));
}

#[test]
fn no_list_is_written_over_what_the_command_reads() {
    let folder = scratch();
    let home = folder.path();
    profiles(home);
    let store = std::fs::read(home.join("profiles.db")).unwrap();
    let erased = ["erased", "--profiles", "sqlite:profiles.db", "--out", "profiles.db"];
    run(homing(), home, erased).says(2, &["--out profiles.db", "is the input"]);
    assert!(std::fs::read(home.join("profiles.db")).unwrap() == store, "the store was touched");
    // Both lists in one file would leave one of them.
    let one = ["campaign", "make", "x", "--out", "list.csv", "--hold-out-file", "list.csv"];
    run(homing(), home, one).says(2, &["--hold-out-file", "list.csv"]);
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/tags/catalogue.toml");
    std::fs::copy(shipped, home.join("tags.csv")).unwrap();
    let over = ["campaign", "make", "x", "--tags-file", "tags.csv", "--out", "tags.csv"];
    run(homing(), home, over).says(2, &["--out tags.csv", "is the input"]);
    assert!(!home.join("list.csv").exists());
}
