//! Who calls the service: the same scores on every way, and no acknowledged event lost or doubled.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::postgres::Cluster;
use crate::support::{
    AS_OF, CDNOW, Server, as_of, cdnow, client, events, homing, post, registry, run, scratch, write,
};

/// Asserts that two JSON values are the same, numbers to the bit, and counts the numbers. What is absent is null.
fn same(place: &str, a: &Value, b: &Value) -> Result<usize, String> {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => {
            let bits = |number: &serde_json::Number| number.as_f64().map(f64::to_bits);
            if bits(x) == bits(y) { Ok(1) } else { Err(format!("{place}: {x} and {y}")) }
        }
        (Value::Object(x), Value::Object(y)) => {
            let names: std::collections::BTreeSet<&String> = x.keys().chain(y.keys()).collect();
            names.into_iter().map(|name| same(&format!("{place}.{name}"), &a[name], &b[name])).sum()
        }
        (Value::Array(x), Value::Array(y)) if x.len() == y.len() => {
            x.iter().zip(y).enumerate().map(|(at, (x, y))| same(&format!("{place}[{at}]"), x, y)).sum()
        }
        _ if a == b => Ok(0),
        _ => Err(format!("{place}: {a} and {b}")),
    }
}

/// A prediction without what may differ: the clock's time, and the id, which not every form repeats.
fn scores(mut prediction: Value) -> Value {
    let members = prediction.as_object_mut().unwrap();
    assert!(members.remove("scored_at").is_some(), "{members:?}");
    members.remove("customer_id");
    prediction
}

#[test]
fn file_request_and_profile_hold_the_same_scores_to_the_bit() {
    let folder = scratch();
    let mut command = homing();
    command.args(["score", "--purchases", CDNOW, "--as-of", AS_OF, "--out", "scores.ndjson", "--registry"]);
    run(command, folder.path(), [registry()]).says(0, &[]);
    let text = std::fs::read_to_string(folder.path().join("scores.ndjson")).unwrap();
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let file: BTreeMap<String, Value> =
        rows.map(|row| (row["customer_id"].as_str().unwrap().to_owned(), scores(row))).collect();

    // Everyone without a purchase, and of the others one in so many.
    let unscored: Vec<&str> = file
        .iter()
        .filter(|(_, row)| row["not_scored"] == "no_purchase")
        .map(|(id, _)| id.as_str())
        .collect();
    let others = file.iter().filter(|(_, row)| row["not_scored"].is_null()).map(|(id, _)| id.as_str());
    let ids: Vec<&str> = unscored.iter().copied().chain(others.step_by(25)).take(1000).collect();
    assert_eq!((ids.len(), unscored.len()), (1000, 68));
    let histories: Vec<(&str, Vec<Value>)> =
        ids.iter().map(|&id| (id, events(cdnow().get(id).unwrap(), as_of()))).collect();

    let server = Server::start(folder.path());
    let customers: Vec<Value> =
        histories.iter().map(|(id, events)| json!({ "customer_id": id, "events": events })).collect();
    let request = json!({ "as_of": AS_OF, "customers": customers });
    let mut answer = server.post("/v1/predictions", &request).ok();
    let Value::Array(predictions) = answer["predictions"].take() else { panic!("{answer:#}") };
    assert_eq!(predictions.len(), ids.len());

    let mut stream = Vec::new();
    for (id, events) in &histories {
        for (at, event) in events.iter().enumerate() {
            let mut event = event.clone();
            event["event_id"] = format!("{id}/{at}").into();
            event["customer_id"] = (*id).into();
            stream.push(event);
        }
    }
    assert!(stream.len() > 2000, "{} events", stream.len());
    for batch in stream.chunks(1000) {
        let answer = server.post("/v1/events", &json!({ "events": batch })).ok();
        assert_eq!(answer["accepted"], batch.len(), "{answer:#}");
    }

    for (&id, prediction) in ids.iter().zip(predictions) {
        assert_eq!(prediction["customer_id"], id);
        let profile = server.get(&format!("/v1/profiles/{id}")).ok();
        let (request, profile) = (scores(prediction), scores(profile["prediction"].clone()));
        let numbers = same(id, &file[id], &request).unwrap_or_else(|what| panic!("file and request: {what}"));
        let stored = same(id, &file[id], &profile).unwrap_or_else(|what| panic!("file and profile: {what}"));
        // Five a horizon, and churn_risk, churn_percentile, p_alive, clv and value_at_risk; then the reasons'.
        let least = if file[id]["not_scored"].is_null() { 16 } else { 0 };
        assert!(numbers >= least && numbers == stored, "{id}: {numbers} and {stored} numbers");
        assert_eq!(request["as_of"], "1997-12-31T23:59:59.999999Z");
    }

    // The comparison sees the last bit of a number, and a reason more or less.
    let one = ids.iter().map(|id| &file[*id]).find(|row| row["not_scored"].is_null()).unwrap();
    let mut other = one.clone();
    other["clv"] = f64::from_bits(one["clv"].as_f64().unwrap().to_bits() + 1).into();
    assert!(same("", one, &other).unwrap_err().starts_with(".clv"));
    let mut other = one.clone();
    other["reasons"].as_array_mut().unwrap().pop();
    assert!(same("", one, &other).unwrap_err().starts_with(".reasons"));
}

#[test]
fn a_request_asks_for_horizons_and_a_discount_rate_as_the_command_line_does() {
    let folder = scratch();
    let mut command = homing();
    command.args(["score", "--purchases", CDNOW, "--as-of", AS_OF, "--out", "scores.ndjson"]);
    command.args(["--horizons", "45,400", "--discount-rate", "0", "--registry"]);
    run(command, folder.path(), [registry()]).says(0, &["next 45 days", "80 % interval"]);
    let text = std::fs::read_to_string(folder.path().join("scores.ndjson")).unwrap();
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let scored: Vec<Value> = rows.filter(|row| row["not_scored"].is_null()).step_by(500).collect();
    let server = Server::start(folder.path());
    let customers: Vec<Value> = scored
        .iter()
        .map(|row| {
            let id = row["customer_id"].as_str().unwrap();
            json!({"customer_id": id, "events": events(cdnow().get(id).unwrap(), as_of())})
        })
        .collect();
    let request = json!({"as_of": AS_OF, "horizons": [400, 45], "discount_rate": 0, "customers": customers});
    let answer = server.post("/v1/predictions", &request).ok();
    for (row, prediction) in scored.iter().zip(answer["predictions"].as_array().unwrap()) {
        let id = row["customer_id"].as_str().unwrap();
        let numbers = same(id, &scores(row.clone()), &scores(prediction.clone()));
        assert!(numbers.unwrap_or_else(|what| panic!("file and request: {what}")) >= 26, "{id}");
        let number = |name: &str| row[name].as_f64().unwrap();
        assert!(number("clv_low") <= number("clv") && number("clv") <= number("clv_high"), "{row}");
        let order =
            ["next_order_at_low", "next_order_at", "next_order_at_high"].map(|name| row[name].as_str());
        // What takes over three years is empty; texts of one form compare as instants do.
        let dates: Vec<&str> = order.iter().map_while(|at| *at).collect();
        assert!(dates.is_sorted() && order[dates.len()..].iter().all(Option::is_none), "{row}");
    }
    let unusable = [
        ("horizons", json!([0]), "1 to 3650 days"),
        ("horizons", json!("90"), "[45, 180]"),
        ("discount_rate", json!(-1), "0 to 10"),
    ];
    for (field, value, word) in unusable {
        let mut wrong = json!({"customers": [{"customer_id": "c", "events": []}]});
        wrong[field] = value;
        server.post("/v1/predictions", &wrong).is_problem(422, "invalid_request", &[word]);
    }
}

/// Events a batch, and customers that the events go round.
const BATCH: u64 = 20;
const CUSTOMERS: u64 = 97;
const ROUNDS: u64 = 20;

/// The events of a batch; the same number always makes the same events.
fn batch(number: u64) -> Vec<Value> {
    let event = |at: u64| {
        let index = number * BATCH + at;
        json!({
            "event_id": format!("e{index}"),
            "customer_id": format!("c{}", index * 31 % CUSTOMERS),
            "occurred_at": format!("1997-{:02}-{:02}T{:02}:{:02}:00Z", index % 12 + 1, index % 28 + 1, index % 24, index % 60),
            "amount": index % 50 + 1,
        })
    };
    (0..BATCH).map(event).collect()
}

/// Posts batches until the connection fails. Sends the number of each acknowledged batch, and returns all of them.
fn post_until_cut_off(url: &str, first: u64, acknowledgements: &mpsc::Sender<u64>) -> Vec<u64> {
    let (client, url) = (client(), format!("{url}/v1/events"));
    let mut acknowledged = Vec::new();
    for number in first.. {
        let body = json!({ "events": batch(number) }).to_string();
        let Ok(answer) = post(&client, &url, body.as_bytes()) else { break };
        assert_eq!(answer.ok()["accepted"], BATCH);
        acknowledged.push(number);
        let _ = acknowledgements.send(number);
    }
    acknowledged
}

/// Asserts that the store holds every event of these batches exactly once.
#[track_caller]
fn holds(server: &Server, batches: std::ops::Range<u64>) {
    let mut expected: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for event in batches.flat_map(batch) {
        let (count, spend) = expected.entry(event["customer_id"].as_str().unwrap().to_owned()).or_default();
        *count += 1;
        *spend += event["amount"].as_u64().unwrap();
    }
    assert_eq!(expected.len() as u64, CUSTOMERS);
    for (id, (count, spend)) in expected {
        let history = &server.get(&format!("/v1/profiles/{id}")).ok()["history"];
        assert_eq!(history["events"], count, "{id}: lost or doubled");
        assert_eq!(history["purchases"], count, "{id}");
        assert_eq!(history["spend"].as_f64(), Some(spend as f64), "{id}");
    }
}

#[test]
fn twenty_kills_lose_no_acknowledged_event_and_double_none() {
    let folder = scratch();
    kill_twenty_times(&|| Server::start(folder.path()));
}

#[test]
fn twenty_kills_on_postgresql_lose_no_acknowledged_event_and_double_none() {
    let cluster = Cluster::start(false);
    let (folder, url) = (scratch(), cluster.database("killed"));
    kill_twenty_times(&|| Server::start_on(folder.path(), &url));
}

/// Kills a server that takes events in, at moments that are spread, and holds what it acknowledged against what it stored.
fn kill_twenty_times(start: &dyn Fn() -> Server) {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = 0;
    let mut twice = 0;
    for round in 0..=ROUNDS {
        let mut server = start();
        if round > 0 {
            // The batch that was under way: as a whole in the store, or not at all; and again it makes it whole.
            let answer = server.post("/v1/events", &json!({ "events": batch(next) })).ok();
            let told = (answer["accepted"].as_u64().unwrap(), answer["duplicates"].as_u64().unwrap());
            assert!(told == (BATCH, 0) || told == (0, BATCH), "round {round}: half a batch: {told:?}");
            twice += u64::from(told.0 == 0);
            next += 1;
        }
        if round == ROUNDS {
            break;
        }
        // xorshift: moments that are spread, and the same in every run.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let moment = Duration::from_millis(5 + random % 146);
        let (acknowledgements, acknowledged) = mpsc::channel();
        let (url, first) = (server.url.clone(), next);
        let poster = std::thread::spawn(move || post_until_cut_off(&url, first, &acknowledgements));
        // From the first acknowledgement on the server is busy, however slow the machine.
        let began = acknowledged.recv_timeout(Duration::from_secs(60));
        assert_eq!(began, Ok(next), "round {round}: no batch was acknowledged");
        std::thread::sleep(moment);
        assert!(!poster.is_finished(), "round {round}: cut off before the kill");
        server.kill();
        next += poster.join().unwrap().len() as u64;
    }
    println!(
        "{next} batches acknowledged over {ROUNDS} kills, {twice} stored before a kill took their answer"
    );

    let server = start();
    holds(&server, 0..next);
    let all: Vec<Value> = (0..next).flat_map(batch).collect();
    for events in all.chunks(1000) {
        let answer = server.post("/v1/events", &json!({ "events": events })).ok();
        let told = (&answer["accepted"], &answer["duplicates"]);
        assert_eq!(told, (&0.into(), &events.len().into()), "{answer:#}");
        assert_eq!((&answer["changed"], &answer["rejected"]), (&json!([]), &json!([])));
    }
    holds(&server, 0..next);
}

#[test]
fn what_a_caller_does_wrong_is_told_in_a_problem_document() {
    let folder = scratch();
    let server = Server::start(folder.path());
    server.get("/v1/profiles/nobody").is_problem(404, "unknown_customer", &["nobody"]);
    server.get("/v1/profiles/nobody/explanation").is_problem(404, "unknown_customer", &["nobody"]);
    server.get("/v1/nothing").is_problem(404, "not_found", &[]);
    for route in ["/v1/predictions", "/v1/events"] {
        let url = format!("{}{route}", server.url);
        for text in ["", "{", "{\"", "purchases"] {
            let answer = post(&client(), &url, text.as_bytes()).unwrap();
            answer.is_problem(400, "malformed_json", &["JSON"]);
        }
        server.post(route, &json!({})).is_problem(422, "invalid_request", &[]);
    }
    let history = |event: Value| json!({ "customers": [{ "customer_id": "c1", "events": [event] }] });
    let answer =
        server.post("/v1/predictions", &history(json!({ "occurred_at": "1997-13-45", "amount": 5 })));
    answer.is_problem(422, "invalid_event", &["occurred_at", "1997-13-45", "write 2011-09-09"]);
    let event = json!({ "occurred_at": "1997-01-01", "kind": "purchase", "amount": -5 });
    let answer = server.post("/v1/predictions", &history(event.clone()));
    answer.is_problem(422, "invalid_event", &["negative amount", "`return`"]);

    // Of many events the bad one is told apart, and the good one is taken.
    let mut bad = event;
    (bad["event_id"], bad["customer_id"]) = ("e1".into(), "c1".into());
    let good = json!({ "event_id": "e2", "customer_id": "c1", "occurred_at": "1997-01-01", "amount": 5 });
    let answer = server.post("/v1/events", &json!({ "events": [bad, good] })).ok();
    assert_eq!(answer["accepted"], 1, "{answer:#}");
    assert_eq!(answer["rejected"][0]["index"], 0, "{answer:#}");
    assert_eq!(answer["rejected"][0]["code"], "negative_purchase", "{answer:#}");
    assert_eq!(answer["rejected"].as_array().unwrap().len(), 1);
    // The other half of the address says the same of the customer.
    assert_eq!(server.get("/v1/profiles/c1").ok()["history"]["events"], 1);
}

/// The purchase probability and the expected spend within 90 days, for each history, as of this day.
fn predicted(server: &Server, as_of: &str, histories: &[Vec<Value>]) -> Vec<(f64, f64)> {
    let customers: Vec<Value> = histories
        .iter()
        .enumerate()
        .map(|(at, events)| json!({ "customer_id": format!("c{at:05}"), "events": events }))
        .collect();
    let mut answer = server.post("/v1/predictions", &json!({ "as_of": as_of, "customers": customers })).ok();
    let Value::Array(predictions) = answer["predictions"].take() else { panic!("{answer:#}") };
    let of = |prediction: &Value| {
        let probability = prediction["p_purchase_90d"].as_f64().unwrap_or(f64::NAN);
        (probability, prediction["expected_spend_90d"].as_f64().unwrap_or(f64::NAN))
    };
    predictions.iter().map(of).collect()
}

/// A purchase so many days before the end of the data that the model has learned from.
fn purchase(days_before: i64, amount: f64) -> Value {
    let at = as_of() - days_before * homing_datasets::DAY;
    json!({ "occurred_at": homing_datasets::Zone::default().format(at), "amount": amount })
}

#[test]
fn predictions_fall_with_recency_and_are_never_negative_or_infinite() {
    let folder = scratch();
    let server = Server::start(folder.path());
    let of = |histories: &[Vec<Value>]| predicted(&server, AS_OF, histories);
    let falls = |what: &str, all: &[(f64, f64)]| {
        assert!(all.iter().all(|(p, spend)| (0.0..=1.0).contains(p) && *spend >= 0.0), "{what}: {all:?}");
        let first = all.first().unwrap().0;
        let last = all.last().unwrap().0;
        assert!(last < first / 2.0, "{what}: {all:?}");
        assert!(all.windows(2).all(|pair| pair[1].0 <= pair[0].0 + 0.02), "{what}: {all:?}");
    };
    // One order, longer and longer ago.
    let once: Vec<Vec<Value>> = [1, 30, 90, 180, 300, 700].map(|days| vec![purchase(days, 20.0)]).into();
    falls("one order", &of(&once));
    // Payments each month, then none.
    let monthly: Vec<Vec<Value>> =
        [10, 40, 70, 130, 250].map(|last| (0..8).map(|nth| purchase(last + 30 * nth, 9.99)).collect()).into();
    falls("monthly", &of(&monthly));
    // An order a day for years, then none; silence of ten years.
    let daily: Vec<Vec<Value>> =
        [1, 30, 200].map(|last| (0..300).map(|nth| purchase(last + nth, 5.0)).collect()).into();
    falls("daily", &of(&daily));
    let old = of(&[vec![purchase(3650, 5.0), purchase(3640, 5.0)], vec![purchase(35_000, 5.0)]]);
    assert!(old.iter().all(|(p, spend)| *p < 0.1 && spend.is_finite()), "{old:?}");
    // Gifts and product returns: no negative money.
    let odd = of(&[
        vec![purchase(5, -3.0)],
        vec![purchase(5, 0.0)],
        vec![purchase(50, 10.0), purchase(40, -30.0), purchase(3, -1.0)],
    ]);
    assert!(odd.iter().all(|(p, spend)| p.is_nan() || *p >= 0.0 && *spend >= 0.0), "{odd:?}");
    // Three receipts of one day are one order, in whatever order they come, and what comes after the day is not seen.
    let mut three = vec![purchase(30, 10.0), purchase(30, 20.0), purchase(30, 30.0), purchase(90, 10.0)];
    let one = vec![purchase(30, 60.0), purchase(90, 10.0)];
    let forward = three.clone();
    three.reverse();
    let mut later = one.clone();
    later.push(purchase(-40, 500.0));
    let same = of(&[forward, three, one.clone(), one, later]);
    assert_eq!(same[0], same[1]);
    assert_eq!(same[3], same[4]);
    // How many lines an order has is a feature of its own and may move the score a little.
    assert!((same[0].0 - same[2].0).abs() < 0.05, "{same:?}");
}

#[test]
fn a_port_in_use_is_told_with_the_flag_that_helps() {
    let folder = scratch();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap().to_string();
    let words = [address.as_str(), "--listen", "in use"];
    let mut serve = homing();
    serve.arg("serve").arg("--registry").arg(registry());
    run(serve, folder.path(), ["--listen", &address]).says(1, &words);
    if cfg!(feature = "training") {
        // Told before the work, not after it.
        let told = run(homing(), folder.path(), ["demo", "--listen", &address]);
        told.says(1, &words);
        assert!(!told.err.contains("train"), "{told:?}");
        assert!(!folder.path().join("homing-demo").exists(), "the demo began");
    }
}

#[test]
fn a_store_that_cannot_be_used_is_told_with_the_reason() {
    let folder = scratch();
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    write(folder.path(), "text.db", &"This is no database. ".repeat(100));
    let three = write(folder.path(), "three.csv", "customer_id,occurred_at,amount\na,1997-01-01,5\n");
    let told = |place: &str, words: &[&str]| {
        let mut serve = homing();
        serve.args(["serve", "--listen", "127.0.0.1:0", "--registry"]).arg(registry());
        run(serve, folder.path(), ["--profiles", place]).says(1, words);
        let mut score = homing();
        score.args(["score", "--purchases", three, "--registry"]).arg(registry());
        run(score, folder.path(), ["--profiles", place]).says(1, words);
    };
    told("sqlite:folder", &["sqlite:folder", "give a file in it"]);
    told(
        "sqlite:nowhere/profiles.db",
        &["sqlite:nowhere/profiles.db", "folder nowhere does not exist", "create it first"],
    );
    told("sqlite:text.db", &["sqlite:text.db"]);
    // A folder in which not even root may make a file.
    if cfg!(target_os = "linux") {
        told("sqlite:/proc/profiles.db", &["sqlite:/proc/profiles.db", "read-only", "use another store"]);
    }
}

#[test]
fn a_locked_store_refuses_for_now_and_takes_the_same_again_later() {
    let folder = scratch();
    let three = write(folder.path(), "three.csv", "customer_id,occurred_at,amount\na,1997-01-01,5\n");
    let server = Server::start(folder.path());
    let mut holder = rusqlite::Connection::open(folder.path().join("profiles.db")).unwrap();
    let held = holder.transaction_with_behavior(rusqlite::TransactionBehavior::Exclusive).unwrap();
    let event = json!({ "event_id": "e1", "customer_id": "c1", "occurred_at": "1997-01-01", "amount": 5 });
    let request = json!({ "events": [event] });
    let (answer, told) = std::thread::scope(|scope| {
        let answer = scope.spawn(|| server.post("/v1/events", &request));
        let mut score = homing();
        score.args(["score", "--purchases", three, "--registry"]).arg(registry());
        let told = run(score, folder.path(), ["--profiles", "sqlite:profiles.db"]);
        (answer.join().unwrap(), told)
    });
    told.says(1, &["sqlite:profiles.db", "locked by another process", "retry later"]);
    answer.is_problem(503, "store_locked", &["nothing was written", "retry later"]);
    assert!(answer.retry_after.is_some(), "{answer:?}");
    assert_eq!(
        answer.body["detail"].as_str().map(|text| text.contains("profiles.db")),
        Some(false),
        "{answer:?}"
    );
    // Reading goes on meanwhile, and once the lock is gone the same request is taken.
    server.get("/v1/profiles/c1").is_problem(404, "unknown_customer", &[]);
    held.rollback().unwrap();
    assert_eq!(server.post("/v1/events", &request).ok()["accepted"], 1);
    assert_eq!(server.get("/v1/profiles/c1").ok()["history"]["events"], 1);
}
