//! What happens under load: models are swapped, the database goes away and returns.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use homing_models::{Alias, Bundle, Registry};
use serde_json::{Value, json};

use crate::postgres::Cluster;
use crate::support::{Server, bundle, client, post, registry, scratch};

fn purchase(id: &str, customer: &str, day: usize) -> Value {
    json!({
        "event_id": id, "customer_id": customer, "kind": "purchase", "amount": 10 + day,
        "occurred_at": format!("1997-{:02}-{:02}T10:00:00Z", 1 + day / 28 % 12, 1 + day % 28),
    })
}

/// A registry with two versions of a model, the first of which is the champion.
fn two_versions(folder: &Path) -> (Registry, String, [String; 2]) {
    let models = Registry::at(folder);
    let first = Bundle::load(&bundle(registry())).unwrap();
    let second = first.clone().with_report("<p>second</p>").unwrap();
    let name = first.manifest().name.clone();
    let versions = [&first, &second].map(|one| one.manifest().version.clone());
    models.register(&second, Alias::Challenger).unwrap();
    models.register(&first, Alias::Champion).unwrap();
    (models, name, versions)
}

#[test]
fn models_are_swapped_and_taken_back_under_load_and_no_request_fails() {
    let folder = scratch();
    let home = folder.path().join("models");
    let (_, _, versions) = two_versions(&home);
    let server = Server::start_with(folder.path(), "sqlite:profiles.db", &home);
    let stop = AtomicBool::new(false);
    let answered = Mutex::new(BTreeMap::<String, u64>::new());
    let (url, body) = (format!("{}/v1/predictions", server.url), asked());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let client = client();
                while !stop.load(Ordering::Relaxed) {
                    let answer =
                        post(&client, &url, body.as_bytes()).expect("every request is answered").ok();
                    let version = answer["model"]["version"].as_str().unwrap().to_owned();
                    assert_eq!(answer["predictions"][0]["customer_id"], "c");
                    *answered.lock().unwrap().entry(version).or_default() += 1;
                }
            });
        }
        let swap = || {
            for _ in 0..8 {
                server.post(&format!("/v1/models/{}/promote", versions[1]), &json!({})).ok();
                std::thread::sleep(Duration::from_millis(100));
                server.post("/v1/models/rollback", &json!({})).ok();
                std::thread::sleep(Duration::from_millis(100));
            }
        };
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(swap));
        stop.store(true, Ordering::Relaxed);
        done.unwrap();
    });
    let answered = answered.into_inner().unwrap();
    println!("answers by version: {answered:?}");
    assert_eq!(answered.keys().collect::<BTreeSet<_>>(), versions.iter().collect());
    assert!(answered.values().all(|&count| count > 10), "{answered:?}");
}

fn asked() -> String {
    let events: Vec<Value> = (0..30)
        .map(|day| {
            let mut event = purchase("", "c", 9 * day);
            let event = event.as_object_mut().unwrap();
            event.remove("event_id");
            event.remove("customer_id");
            Value::Object(event.clone())
        })
        .collect();
    json!({ "as_of": "1997-12-31", "customers": [{ "customer_id": "c", "events": events }] }).to_string()
}

#[test]
fn a_database_that_goes_away_under_load_loses_nothing_that_was_acknowledged() {
    let folder = scratch();
    let mut cluster = Cluster::start(true);
    let server = Server::start_on(folder.path(), &cluster.database("profiles"));
    assert_eq!(server.get("/readyz").status, 200);
    let stop = AtomicBool::new(false);
    let acknowledged = Mutex::new(BTreeSet::<usize>::new());
    let next = AtomicU64::new(0);
    let refusals = AtomicU64::new(0);
    let url = format!("{}/v1/events", server.url);
    let customer = |n: usize| format!("c{}", n % 20);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let client = client();
                while !stop.load(Ordering::Relaxed) {
                    let n = next.fetch_add(1, Ordering::Relaxed) as usize;
                    let body =
                        json!({ "events": [purchase(&format!("e{n}"), &customer(n), n % 300)] }).to_string();
                    // Asked again until it is taken in, as a till does.
                    while !stop.load(Ordering::Relaxed) {
                        let answer = post(&client, &url, body.as_bytes()).expect("every request is answered");
                        if answer.status == 200 {
                            let took = answer.body["accepted"].as_u64().unwrap()
                                + answer.body["duplicates"].as_u64().unwrap();
                            assert_eq!(took, 1, "{answer:#?}");
                            acknowledged.lock().unwrap().insert(n);
                            break;
                        }
                        assert_eq!(answer.status, 503, "{answer:#?}");
                        assert!(answer.retry_after.is_some(), "{answer:#?}");
                        refusals.fetch_add(1, Ordering::Relaxed);
                        std::thread::sleep(Duration::from_millis(100));
                    }
                }
            });
        }
        let mut outage = || {
            let wait = |wanted: u16| {
                let deadline = Instant::now() + Duration::from_secs(30);
                while server.get("/readyz").status != wanted {
                    assert!(Instant::now() < deadline, "/readyz does not say {wanted}");
                    std::thread::sleep(Duration::from_millis(50));
                }
            };
            std::thread::sleep(Duration::from_secs(2));
            cluster.stop();
            wait(503);
            // As long as a database that fails over to another machine may be away.
            std::thread::sleep(Duration::from_secs(30));
            assert_eq!(server.get("/readyz").status, 503);
            cluster.run();
            wait(200);
            std::thread::sleep(Duration::from_secs(2));
        };
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(&mut outage));
        stop.store(true, Ordering::Relaxed);
        done.unwrap();
    });
    let acknowledged = acknowledged.into_inner().unwrap();
    println!("{} events acknowledged, {} refusals", acknowledged.len(), refusals.load(Ordering::Relaxed));
    assert!(refusals.load(Ordering::Relaxed) > 0 && acknowledged.len() > 100);
    let mut expected = BTreeMap::<String, u64>::new();
    for &n in &acknowledged {
        *expected.entry(customer(n)).or_default() += 1;
    }
    let unsure = next.load(Ordering::Relaxed) - acknowledged.len() as u64;
    let mut more = 0;
    for (id, count) in expected {
        let held = server.get(&format!("/v1/profiles/{id}")).ok()["history"]["purchases"].as_u64().unwrap();
        assert!(held >= count, "{id}: {held} of {count} acknowledged");
        more += held - count;
    }
    assert!(more <= unsure, "{more} events more than were ever sent");
}
