//! What is PostgreSQL's own: several servers, migrations, locks, restarts.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use homing_datasets::{DAY, History, Micros, Zone};

use super::PostgresStore;
use crate::conformance::commit::race;
use crate::conformance::{batch, buy, conforms, incoming, model, row, score};
use crate::{self as profiles, Error, Fate, Feed, Flows, Listing, Privacy, Profiles, Scored, Sort, Store};
use cluster::Cluster;

#[path = "../../tests/support/postgres.rs"]
pub(crate) mod cluster;

pub(crate) fn server() -> &'static Cluster {
    static SERVER: OnceLock<Cluster> = OnceLock::new();
    SERVER.get_or_init(|| Cluster::start(false))
}

/// The URL of a new, empty database, and its name.
pub(crate) fn database() -> (String, String) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("t{}", NEXT.fetch_add(1, Ordering::SeqCst));
    (server().database(&name), name)
}

fn open(url: &str) -> PostgresStore {
    PostgresStore::open(url, Zone::default()).unwrap()
}

#[test]
fn it_conforms() {
    conforms(|| Arc::new(open(&database().0)));
}

#[test]
fn random_operations_end_as_in_a_model() {
    for seed in 1..=4 {
        model::alone(seed, &open(&database().0), 120);
    }
    for seed in 1..=2 {
        let servers = || -> Vec<Arc<dyn Store>> {
            let (url, _) = database();
            vec![Arc::new(open(&url)), Arc::new(open(&url))]
        };
        model::beside(seed, &servers(), 40);
        model::together(seed, &servers(), 40);
    }
}

#[test]
fn encrypted_connections_are_made_and_checked() {
    let server = Cluster::start(false);
    server.database("secret");
    let plain = server.url("secret");
    let encrypted = format!("{plain}?sslmode=require");
    let refused = message(PostgresStore::open(&encrypted, Zone::default()));
    assert!(refused.contains("TLS") || refused.contains("no trusted CA"), "{refused}");

    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let write = |text: &str, file: &str| {
        let to = format!("umask 077; cat > {file}");
        server.sql(
            "postgres",
            &format!("COPY (SELECT unnest(string_to_array('{}', E'\\n'))) TO PROGRAM '{to}'", text.trim()),
        );
    };
    write(&cert.pem(), "server.crt");
    write(&signing_key.serialize_pem(), "server.key");
    server.sql("postgres", "ALTER SYSTEM SET ssl = on");
    server.sql("postgres", "SELECT pg_reload_conf()");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while server.sql("postgres", "SHOW ssl") != "on" {
        assert!(std::time::Instant::now() < deadline);
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let refused = message(PostgresStore::open(&encrypted, Zone::default()));
    assert!(refused.to_lowercase().contains("certificate") || refused.contains("no trusted CA"), "{refused}");
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca.pem");
    std::fs::write(&authority, cert.pem()).unwrap();
    let mut config: tokio_postgres::Config = encrypted.parse().unwrap();
    config.ssl_mode(tokio_postgres::config::SslMode::Require);
    let client = super::encryption::connector_trusting(&config, Some(authority)).unwrap().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let used: bool = runtime.block_on(async {
        let client = super::session::connect(&config, client).await.unwrap();
        let row = client.query_one("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", &[]).await;
        row.unwrap().get(0)
    });
    assert!(used);
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let refused = super::encryption::connector_trusting(&config, Some(empty)).err().unwrap();
    assert!(refused.contains("empty.pem") && refused.contains("CERTIFICATE"), "{refused}");
}

fn message(result: Result<impl Sized, Error>) -> String {
    result.err().unwrap().to_string()
}

#[test]
fn what_two_servers_take_in_ends_as_if_one_had() {
    let (url, _) = database();
    let servers = [open(&url), open(&url)];
    // A new customer every twenty events, whom all four meet at about the same moment.
    let events: Vec<_> = (0..600)
        .map(|n| {
            let customer = format!("c{:02}", n / 20);
            incoming(&format!("e{n:03}"), &customer, buy((n * 7 % 50) * DAY, 1.0 + n as f64))
        })
        .collect();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (server, events) = (&servers[thread % 2], &events);
            scope.spawn(move || {
                // Three at a time, so that customers come in another order to each; every event goes to both.
                let mine = (0..events.len()).filter(|n| n % 2 == thread / 2).collect::<Vec<_>>();
                for few in mine.chunks(3) {
                    let few: Vec<_> = few.iter().rev().map(|&n| events[n].clone()).collect();
                    server.take_in(&few, 0, &score).unwrap();
                }
            });
        }
    });
    let ids: Vec<String> = (0..30).map(|n| format!("c{n:02}")).collect();
    let alone = open(&database().0);
    alone.take_in(&events, 0, &score).unwrap();
    for id in &ids {
        assert_eq!(servers[0].history(id).unwrap(), alone.history(id).unwrap());
        assert_eq!(servers[1].profile(id).unwrap(), alone.profile(id).unwrap(), "{id}");
    }
    // The feed, applied in its order, gives the tags.
    let mut tags = std::collections::BTreeMap::new();
    for change in servers[0].changes(None, 10_000).unwrap().changes {
        tags.extend(change.tags.into_iter().map(|(name, value)| ((change.customer_id.clone(), name), value)));
    }
    for id in &ids {
        for (name, tag) in alone.profile(id).unwrap().unwrap().tags {
            assert_eq!(tags[&(id.clone(), name)], tag.value);
        }
    }
}

#[test]
fn two_servers_that_write_to_a_customer_at_one_instant_lose_and_double_nothing() {
    let (url, _) = database();
    race([&open(&url), &open(&url)]);
}

#[test]
fn batches_and_events_at_once_never_wait_in_a_circle() {
    let (url, _) = database();
    let servers = [open(&url), open(&url)];
    let id = |n: usize| format!("c{n:04}");
    std::thread::scope(|scope| {
        for (thread, server) in servers.iter().enumerate() {
            scope.spawn(move || {
                for round in 0..4usize {
                    let rows: Vec<_> = (0..1_500)
                        .map(|n| row(&id(n), vec![buy(((thread * 4 + round) as i64) * DAY, 1.0)]))
                        .collect();
                    batch(server, rows, 9 * DAY);
                }
            });
            scope.spawn(move || {
                for n in 0..100usize {
                    let event = |k: usize| {
                        let customer = id((n * 37 + k * 501) % 1_500);
                        incoming(&format!("{thread}.{n}.{k}"), &customer, buy(8 * DAY, 0.5))
                    };
                    server.take_in(&[event(2), event(0), event(1)], 0, &score).unwrap();
                }
            });
        }
    });
    let totals = servers[0].totals().unwrap();
    assert_eq!(totals.profiles, 1_500);
    let mut spend = 0.0;
    for n in 0..1_500 {
        spend += servers[1].profile(&id(n)).unwrap().unwrap().history.spend;
    }
    assert_eq!(spend, 8.0 * 1_500.0 + 600.0 * 0.5);
}

#[test]
fn many_may_open_a_new_database_at_once() {
    let (url, _) = database();
    std::thread::scope(|scope| {
        for n in 0..8 {
            let url = &url;
            scope.spawn(move || {
                let event = incoming(&format!("e{n}"), &format!("c{n}"), buy(DAY, 1.0));
                open(url).take_in(&[event], 0, &score).unwrap();
            });
        }
    });
    assert_eq!(open(&url).totals().unwrap().profiles, 8);
}

#[test]
fn a_schema_that_is_newer_or_not_ours_is_refused_and_left_alone() {
    let (url, name) = database();
    drop(open(&url));
    server().sql(&name, "UPDATE homing.schema_version SET version = 99");
    let error = PostgresStore::open(&url, Zone::default()).err().unwrap();
    assert!(matches!(error, Error::TooNew { found: 99, .. }), "{error}");
    assert_eq!(server().sql(&name, "SELECT version FROM homing.schema_version"), "99");

    let (url, name) = database();
    server().sql(&name, "CREATE SCHEMA homing; CREATE TABLE homing.birds (id integer)");
    let error = message(PostgresStore::open(&url, Zone::default()));
    assert!(error.contains("belongs to another application") && !error.contains("secret"), "{error}");
    assert_eq!(server().sql(&name, "SELECT count(*) FROM pg_tables WHERE schemaname = 'homing'"), "1");
}

#[test]
fn a_place_is_a_url_and_its_password_is_never_shown() {
    let (url, _) = database();
    profiles::open(&url, Zone::default()).unwrap().ready().unwrap();
    let nobody = "postgres://homing:secret@127.0.0.1:1/nothing?connect_timeout=1";
    let error = PostgresStore::open(nobody, Zone::default()).err().unwrap();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    let error = error.to_string();
    assert!(error.contains("postgres://homing@127.0.0.1:1/nothing") && !error.contains("secret"), "{error}");
    let wrong = message(profiles::open("postgres://homing:secret@127.0.0.1:port/x", Zone::default()));
    assert!(wrong.contains("is not a profile store") && !wrong.contains("secret"), "{wrong}");
}

#[test]
fn a_database_that_only_reads_says_so() {
    let (url, name) = database();
    drop(open(&url));
    server().sql("postgres", &format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    assert!(matches!(PostgresStore::open(&url, Zone::default()), Err(Error::ReadOnly(_))));
}

#[test]
fn a_batch_sees_what_came_in_while_it_scored() {
    let store = open(&database().0);
    batch(&store, vec![row("c", vec![buy(DAY, 4.0)])], 2 * DAY);
    let once = std::sync::Once::new();
    let interrupted = |id: &str, history: &History, as_of: Micros| -> Scored {
        once.call_once(|| {
            let events = [incoming("e1", "c", buy(2 * DAY, 8.0)), incoming("e2", "d", buy(DAY, 16.0))];
            store.take_in(&events, 0, &score).unwrap();
            let consent = profiles::privacy::Consent { opted_out: true, at: DAY };
            store.set_consent("e", consent).unwrap();
            store.erase("f", DAY).unwrap();
        });
        score(id, history, as_of)
    };
    let rows = vec![
        row("c", vec![buy(DAY, 4.0), buy(0, 1.0)]),
        row("d", vec![buy(0, 2.0)]),
        row("e", vec![buy(0, 2.0)]),
        row("f", vec![buy(0, 2.0)]),
    ];
    let summary = store.write_batch(&mut rows.into_iter(), 3 * DAY, &interrupted, &|_| ()).unwrap();
    assert_eq!((summary.customers, summary.updated, summary.inserted, summary.erased), (4, 2, 1, 1));
    for (id, clv) in [("c", 13.0), ("d", 18.0)] {
        let profile = store.profile(id).unwrap().unwrap();
        assert_eq!((&profile.prediction["clv"], profile.history.spend), (&clv.into(), clv));
    }
    assert_eq!(store.profile("e").unwrap().unwrap().prediction["not_scored"], "opted_out");
    assert_eq!(store.profile("f").unwrap(), None);
}

#[test]
fn the_feed_waits_for_a_transaction_that_has_an_older_cursor() {
    let (url, _) = database();
    let (store, other) = (open(&url), open(&url));
    let told = |store: &PostgresStore| {
        store.changes(None, 10).unwrap().changes.into_iter().map(|c| c.customer_id).collect::<Vec<_>>()
    };
    store.take_in(&[incoming("e0", "first", buy(DAY, 1.0))], 0, &score).unwrap();
    let sql = format!(
        "BEGIN; SELECT pg_advisory_xact_lock_shared({} + last_value) FROM homing.change_cursor;
         INSERT INTO homing.changes (customer_id, tags, model, as_of, scored_at, at) VALUES ('slow', '{{}}', 'm', 0, 0, 0)",
        super::LOCKS.feed
    );
    let mut slow = store.pool.hold().unwrap();
    assert!(slow.step(async |wire| wire.run(&sql).await).is_ok());
    other.take_in(&[incoming("e1", "quick", buy(DAY, 1.0))], 0, &score).unwrap();
    assert_eq!(told(&other), ["first"], "what is newer waits");
    assert_eq!(other.newest_change().unwrap(), other.changes(None, 10).unwrap().next);
    assert!(slow.step(async |wire| wire.run("COMMIT").await).is_ok());
    assert_eq!(told(&other), ["first", "slow", "quick"]);
}

#[test]
fn a_restart_of_the_server_loses_nothing_that_was_acknowledged() {
    let mut cluster = Cluster::start(true);
    let store = open(&cluster.database("restarted"));
    let taken = std::sync::Mutex::new(Vec::new());
    let (failed, stop) = (AtomicU32::new(0), std::sync::atomic::AtomicBool::new(false));
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let (store, taken, failed, stop) = (&store, &taken, &failed, &stop);
            scope.spawn(move || {
                for n in 0u32.. {
                    if stop.load(Ordering::SeqCst) {
                        break;
                    }
                    let id = format!("{thread}.{n}");
                    match store.take_in(&[incoming(&id, &format!("c{}", n % 5), buy(DAY, 1.0))], 0, &score) {
                        Ok(_) => taken.lock().unwrap().push(id),
                        Err(error) => {
                            assert!(matches!(error, Error::Unreachable { .. }), "{error}");
                            failed.fetch_add(1, Ordering::SeqCst);
                            std::thread::sleep(std::time::Duration::from_millis(20));
                        }
                    }
                }
            });
        }
        let count = || taken.lock().unwrap().len();
        let wait = |done: &dyn Fn() -> bool| {
            let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
            while !done() {
                if std::time::Instant::now() > deadline {
                    stop.store(true, Ordering::SeqCst);
                    panic!("nothing more is taken in");
                }
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
        };
        wait(&|| count() >= 50);
        cluster.stop();
        wait(&|| failed.load(Ordering::SeqCst) >= 10);
        assert!(matches!(store.ready(), Err(Error::Unreachable { .. })));
        cluster.run();
        let before = count();
        wait(&|| count() >= before + 50);
        stop.store(true, Ordering::SeqCst);
    });
    store.ready().unwrap();
    let mut held: Vec<String> = Vec::new();
    for n in 0..5 {
        held.extend(store.export(&format!("c{n}")).unwrap().into_iter().flat_map(|export| export.event_ids));
    }
    for id in taken.into_inner().unwrap() {
        assert!(held.contains(&id), "{id} was acknowledged and is gone");
        let again = store.take_in(&[incoming(&id, &customer_of(&id), buy(DAY, 1.0))], 0, &score).unwrap();
        assert_eq!(again.fates, [Fate::Duplicate]);
    }
}

fn customer_of(event_id: &str) -> String {
    let n: u32 = event_id.split('.').nth(1).unwrap().parse().unwrap();
    format!("c{}", n % 5)
}

#[test]
fn no_page_reads_the_whole_table() {
    let (url, name) = database();
    let store = open(&url);
    batch(
        &store,
        (0..3_000).map(|n| row(&format!("c{n:04}"), vec![buy(n % 50 * DAY, n as f64)])).collect(),
        60 * DAY,
    );
    server().sql(&name, "ANALYZE homing.profiles");
    let tag = |name: &str, value: serde_json::Value| vec![(name.to_owned(), value)];
    let prefix = |prefix: &str| Some(prefix.to_owned());
    for sort in [Sort::ValueAtRisk, Sort::ChurnRisk, Sort::Clv, Sort::CustomerId] {
        let plain = || Listing { sort, ..Listing::default() };
        for listing in [
            plain(),
            Listing { tags: tag("churn.level", "high".into()), ..plain() },
            Listing { tags: tag("churn.level", "nowhere".into()), ..plain() },
            Listing { id_prefix: prefix("c"), ..plain() },
            Listing { id_prefix: prefix("c000"), ..plain() },
            Listing { churn_risk: (Some(0.4), None), ..plain() },
            Listing { churn_risk: (Some(0.4), None), value_at_risk: (None, Some(9.0)), ..plain() },
        ] {
            let plans = store.pool.with(async |wire| super::list::plans(wire, &listing).await).unwrap();
            for plan in plans {
                assert!(!plan.contains("Seq Scan"), "{listing:?}\n{plan}");
                // Only what was found among few is sorted.
                let sorted = plan.contains("Sort Key") && !plan.contains("Incremental");
                let few = plan.contains("profiles_by_tag") || plan.contains("profiles_pkey");
                assert!(!sorted || few, "{listing:?}\n{plan}");
            }
        }
    }
}
