//! Webhooks on a clock of their own: days of faults in a moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use homing_datasets::{DAY, Event, History, Kind, Zone};
use homing_models::{NotScored, Outcome, Provenance};
use homing_profiles::{Flows, Incoming, Layer, Scored, Tag};

use super::*;
use crate::service::Limits;

/// A store, a clock, and what a receiver took.
struct Scene {
    app: Arc<App>,
    clock: Arc<AtomicI64>,
    events: AtomicI64,
    taken: Arc<Mutex<Vec<Change>>>,
    /// When it was tried, and under which delivery id.
    tries: Arc<Mutex<Vec<(i64, String)>>>,
    _folder: tempfile::TempDir,
}

/// How a receiver answers the nth try at an instant: the status, whether it keeps what came, and what it asks to wait.
type Mood = dyn FnMut(i64, &[Change]) -> (u16, bool, Option<u64>) + Send;

fn hook() -> Webhook {
    Webhook::new("crm", "https://me.lan/hook?token=hush", "secret")
}

impl Scene {
    fn new(hook: Webhook) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = format!("sqlite:{}", folder.path().join("p.db").display());
        let store = homing_profiles::open(&place, Zone::default()).unwrap();
        let clock = Arc::new(AtomicI64::new(20_000 * DAY));
        let told = clock.clone();
        let tell = Arc::new(move || told.load(Ordering::SeqCst));
        let app = Arc::new(App::new(store, None, tell, Limits::default()).with_webhooks(vec![hook]));
        let (taken, tries) = (Arc::default(), Arc::default());
        Scene { app, clock, events: AtomicI64::new(0), taken, tries, _folder: folder }
    }

    /// One more change of a customer.
    fn change(&self, customer_id: &str) {
        let n = self.events.fetch_add(1, Ordering::SeqCst);
        let score = |_: &str, history: &History, as_of: i64| Scored {
            outcome: Outcome::NotScored(NotScored::NoPurchase),
            tags: [("orders.count", Layer::Dynamic), ("churn.level", Layer::Predictive)]
                .map(|(name, layer)| Tag {
                    name: name.into(),
                    layer,
                    value: history.len().into(),
                    confidence: None,
                    expires_at: None,
                })
                .into(),
            provenance: Provenance { model: "m@1".into(), as_of, scored_at: as_of, zone: Zone::default() },
        };
        let event = Event::new(Kind::Purchase, DAY + n * 60_000_000, 1.0);
        let incoming = Incoming { event_id: n.to_string(), customer_id: customer_id.into(), event };
        self.app.store().take_in(&[incoming], 0, &score).unwrap();
    }

    fn pusher(&self, mut mood: Box<Mood>) -> Pusher {
        let (taken, tries, clock) = (self.taken.clone(), self.tries.clone(), self.clock.clone());
        let mood = Mutex::new(move |now: i64, changes: &[Change]| mood(now, changes));
        let post = move |_: &Webhook, body: &[u8], headers: &[(&str, String)]| {
            let body: serde_json::Value = serde_json::from_slice(body).unwrap();
            let changes: Vec<Change> = serde_json::from_value(body["changes"].clone()).unwrap();
            let now = clock.load(Ordering::SeqCst);
            let id = headers.iter().find(|(name, _)| *name == "homing-delivery").unwrap().1.clone();
            tries.lock().unwrap().push((now, id));
            let (status, kept, wait) = (mood.lock().unwrap())(now, &changes);
            if kept {
                taken.lock().unwrap().extend(changes);
            }
            match status {
                0 => Err("connection reset".to_owned()),
                _ => Ok(Answer { status, retry_after: wait.map(Duration::from_secs) }),
            }
        };
        Pusher::new(Arc::downgrade(&self.app), self.app.webhooks[0].clone(), Box::new(post))
    }

    /// Lets so many days pass, in steps as long as the pusher pauses, but a minute at least.
    fn days(&self, pusher: &mut Pusher, days: f64, mut beside: impl FnMut(i64)) {
        let end = self.clock.load(Ordering::SeqCst) + (days * DAY as f64) as i64;
        while self.clock.load(Ordering::SeqCst) < end {
            let pause = pusher.push().unwrap().as_micros() as i64;
            let now = self.clock.fetch_add(pause.max(60_000_000), Ordering::SeqCst);
            beside(now);
        }
    }

    fn trouble(&self) -> Option<Trouble> {
        self.app.store().feed_trouble(&self.app.webhooks[0].feed()).unwrap()
    }

    fn fed(&self) -> Vec<Change> {
        self.app.store().changes(None, 10_000).unwrap().changes
    }
}

/// Cursors as they were taken first.
fn firsts(taken: &[Change]) -> Vec<u64> {
    let mut seen = BTreeSet::new();
    taken.iter().map(|change| change.cursor).filter(|cursor| seen.insert(*cursor)).collect()
}

#[test]
fn a_week_of_faults_loses_nothing_and_keeps_the_order_of_each_customer() {
    let scene = Scene::new(hook());
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let start = scene.clock.load(Ordering::SeqCst);
    let mut pusher = scene.pusher(Box::new(move |now, changes| {
        if changes.iter().any(|change| change.customer_id == "bad") {
            return (422, false, None);
        }
        let day = (now - start) as f64 / DAY as f64;
        // Two days down, then a day of every kind of failure, then two days behind a wrong proxy, then well.
        match day {
            ..2.0 => (0, false, None),
            2.0..4.0 => match next() % 7 {
                0 => (500, false, None),
                1 => (429, false, Some(600)),
                2 => (0, true, None),
                3 => (302, false, None),
                4 => (503, true, None),
                _ => (200, true, None),
            },
            4.0..6.0 => (404, false, None),
            _ => (204, true, None),
        }
    }));
    let mut n = 0;
    scene.days(&mut pusher, 8.0, |now| {
        if now < start + 7 * DAY {
            n += 1;
            scene.change(if n % 40 == 7 { "bad" } else { ["a", "b", "c", "d", "e"][n % 5] });
        }
    });
    let fed = scene.fed();
    assert!(fed.len() > 100, "{}", fed.len());
    let taken = scene.taken.lock().unwrap().clone();
    let letters = scene.app.store().dead_letters(None, 1000).unwrap();
    let bad: Vec<u64> =
        fed.iter().filter(|change| change.customer_id == "bad").map(|change| change.cursor).collect();
    let mut aside: Vec<u64> = letters.iter().map(|held| held.letter.change.cursor).collect();
    aside.sort_unstable();
    assert_eq!(aside, bad, "only what is wrong itself is set aside");
    let mut came = firsts(&taken);
    came.sort_unstable();
    let expected: Vec<u64> =
        fed.iter().map(|change| change.cursor).filter(|cursor| !bad.contains(cursor)).collect();
    assert_eq!(came, expected, "everything else came");
    let mut by_customer: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for change in &taken {
        by_customer.entry(&change.customer_id).or_default().push(change.cursor);
    }
    for (id, cursors) in by_customer {
        let mut seen = BTreeSet::new();
        let order: Vec<u64> = cursors.into_iter().filter(|cursor| seen.insert(*cursor)).collect();
        assert!(order.is_sorted(), "{id}: {order:?}");
    }
    assert_eq!(scene.trouble(), None);
}

#[test]
fn a_receiver_that_fails_for_days_pauses_the_webhook_until_it_is_resumed() {
    let scene = Scene::new(hook());
    let well = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_well = well.clone();
    let mut pusher = scene.pusher(Box::new(move |_, _| {
        if is_well.load(Ordering::SeqCst) { (200, true, None) } else { (500, false, None) }
    }));
    (0..30).for_each(|n| scene.change(&format!("c{n}")));
    scene.days(&mut pusher, 4.0, |_| ());
    let trouble = scene.trouble().unwrap();
    assert!(trouble.paused_at.is_some() && trouble.reason.contains("500"), "{trouble:?}");
    let state = serde_json::to_value(&scene.app.webhook_states().unwrap()[0]).unwrap();
    assert_eq!((&state["name"], &state["url"]), (&"crm".into(), &"https://me.lan/hook".into()));
    assert!(state["paused_at"].is_string() && state["behind"].as_u64().unwrap() >= 30, "{state}");
    // It was asked often at first, then once an hour, and not at all any more.
    let tries = scene.tries.lock().unwrap().len();
    assert!((72..120).contains(&tries), "{tries}");
    well.store(true, Ordering::SeqCst);
    scene.days(&mut pusher, 1.0, |_| ());
    assert_eq!((scene.tries.lock().unwrap().len(), scene.taken.lock().unwrap().len()), (tries, 0));
    assert_eq!(scene.app.store().dead_letters(None, 10).unwrap(), [], "nothing is given up");
    scene.app.resume_webhook("crm", None).unwrap();
    scene.days(&mut pusher, 0.1, |_| ());
    assert_eq!(scene.taken.lock().unwrap().clone(), scene.fed());
    // From a cursor everything comes again, as the same deliveries.
    let ids = || scene.tries.lock().unwrap().iter().map(|(_, id)| id.clone()).collect::<Vec<_>>();
    let last = ids().pop().unwrap();
    scene.app.resume_webhook("crm", Some(0)).unwrap();
    scene.days(&mut pusher, 0.1, |_| ());
    assert_eq!(scene.taken.lock().unwrap().len(), 2 * scene.fed().len());
    assert_eq!(ids().pop().unwrap(), last);
    assert!(scene.app.resume_webhook("crm", Some(1 << 40)).is_err(), "no such cursor");
    assert_eq!(scene.app.resume_webhook("crn", None).unwrap_err().code, Code::UnknownWebhook);
}

#[test]
fn a_receiver_that_says_when_to_come_again_is_left_alone_until_then() {
    let scene = Scene::new(hook());
    let mut asked = [Some(7200), Some(u64::MAX)].into_iter();
    let mut pusher = scene.pusher(Box::new(move |_, _| (503, false, asked.next().flatten())));
    scene.change("c");
    assert_eq!(pusher.push().unwrap(), Duration::from_secs(7200));
    // What it asks for has an end.
    assert_eq!(pusher.push().unwrap(), Duration::from_secs(24 * 3600));
    assert_eq!(pusher.push().unwrap(), Duration::from_secs(4), "and is not asked for for ever");
}

#[test]
fn a_webhook_hears_only_of_its_tags_and_of_every_erasure() {
    let tags = Some(["churn.level".to_owned()].into());
    let scene = Scene::new(Webhook { tags, ..hook() });
    let mut pusher = scene.pusher(Box::new(|_, _| (200, true, None)));
    scene.change("c");
    scene.change("d");
    let store = scene.app.store();
    store.erase("c", DAY).unwrap();
    scene.days(&mut pusher, 0.01, |_| ());
    let taken = scene.taken.lock().unwrap().clone();
    assert_eq!(taken.len(), 2, "what was erased is no more: {taken:?}");
    assert_eq!(taken[0].tags.keys().collect::<Vec<_>>(), ["churn.level"]);
    assert!(taken[1].erased && taken[1].customer_id != "c");
    let state = serde_json::to_value(&scene.app.webhook_states().unwrap()[0]).unwrap();
    assert_eq!(state["behind"], 0);
}

#[test]
fn the_address_of_a_webhook_stands_nowhere_with_its_secrets() {
    let shown = |url: &str| Webhook::new("x", url, "s").shown_url();
    assert_eq!(shown("https://me:pw@crm.lan:8443/a/b?token=t#f"), "https://crm.lan:8443/a/b");
    assert_eq!(shown("https://crm.lan?token=t"), "https://crm.lan");
    assert_eq!(shown("https://a@b@crm.lan/x@y"), "https://crm.lan/x@y");
    // A feed that went by its address goes on under its name.
    let scene = Scene::new(hook());
    let store = scene.app.store();
    scene.change("c");
    scene.change("d");
    let old = format!("webhook {}", hook().url);
    let fed = scene.fed();
    store.set_feed_position(&old, FeedPosition { cursor: fed[0].cursor, at: 1 }).unwrap();
    let letter =
        Letter { feed: old.clone(), change: fed[0].clone(), reason: "gone".into(), attempts: 1, at: 1 };
    store.dead_letter(&letter).unwrap();
    let mut pusher = scene.pusher(Box::new(|_, _| (200, true, None)));
    scene.days(&mut pusher, 0.01, |_| ());
    assert_eq!(scene.taken.lock().unwrap().len(), 1, "it goes on from where it was");
    assert_eq!(store.feed_position(&old).unwrap(), None);
    assert_eq!(store.dead_letters(None, 1).unwrap()[0].letter.feed, "webhook crm");
    // Over HTTP, what goes wrong names the address without the query.
    let hook = Webhook::new("x", "http://127.0.0.1:1/hook?token=hush", "s");
    let failure =
        send(&hook, &*over_http(&hook), &Piece { changes: &[], test: true, alarms: &[] }, ("x:1", 0))
            .unwrap_err();
    assert!(!failure.reason.contains("hush"), "{}", failure.reason);
}

#[test]
fn a_signature_holds_for_each_secret_while_one_takes_the_place_of_the_other() {
    let hook = Webhook { secrets: vec![b"new".to_vec(), b"old".to_vec()], ..hook() };
    let signature = hook.signature(7, b"{}").unwrap();
    let one = |secret: &[u8]| {
        let hook = Webhook { secrets: vec![secret.to_vec()], ..hook.clone() };
        hook.signature(7, b"{}").unwrap().split_once(',').unwrap().1.to_owned()
    };
    assert_eq!(signature, format!("t=7,{},{}", one(b"new"), one(b"old")));
}

#[test]
fn alarms_are_delivered_once_a_run_and_changes_do_not_wait_for_them() {
    let scene = Scene::new(hook());
    let store = scene.app.store().as_ref();
    let digest = |alarms: serde_json::Value| serde_json::json!({"alarms": alarms, "figures": []}).to_string();
    let alarm = serde_json::json!({"code": "source_stopped", "model": "", "horizon_days": null, "from": "2025-01-08T00:00:00Z",
        "value": 3.0, "threshold": 40.0, "advice": "web: check this source"});
    store.store_document(homing_profiles::kept::ALARMS, 1, &digest(serde_json::json!([alarm]))).unwrap();
    let mut first = true;
    let mut pusher = scene.pusher(Box::new(move |_, changes| {
        let fails = changes.is_empty() && std::mem::take(&mut first);
        (if fails { 503 } else { 204 }, !fails, None)
    }));
    let told = || scene.tries.lock().unwrap().iter().filter(|(_, id)| id.starts_with("crm:alarms-")).count();
    scene.change("a");
    pusher.push().unwrap();
    assert_eq!(told(), 1);
    assert_eq!(scene.taken.lock().unwrap().len(), 1, "the change came although the alarms did not");
    for _ in 0..3 {
        pusher.alarms_at = None;
        pusher.push().unwrap();
    }
    assert_eq!(told(), 2, "once more after the failure, then no more");
    // A run that finds nothing is no delivery; the next one that finds something is.
    for (at, alarms) in [(2, serde_json::json!([])), (3, serde_json::json!([alarm]))] {
        store.store_document(homing_profiles::kept::ALARMS, at, &digest(alarms)).unwrap();
        pusher.alarms_at = None;
        pusher.push().unwrap();
    }
    assert_eq!(told(), 3);
}
