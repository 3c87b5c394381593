//! Loading states and committing change sets.

use homing_datasets::Micros;

use super::{batch, buy, day, get, incoming, row, score, take};
use crate::plan::{Addition, Planner, is_newer};
use crate::privacy::Consent;
use crate::state::{Also, Ask, Change, ChangeSet, Clock, EventId, Held, Verdict};
use crate::*;

const OUT: Consent = Consent { opted_out: true, at: 7 };

/// A change set that takes one event in, made for what the store holds now.
fn prepared(store: &dyn Store, event_id: &str, customer_id: &str, at: Micros) -> ChangeSet {
    let planner = Planner { common: store.common(), bounds: Bounds::default() };
    let mut loaded = store.load(&Ask { customers: &[customer_id], ..Ask::default() }).unwrap();
    let state = loaded.states.pop().unwrap();
    let events = [buy(at, 1.0)];
    let combined = planner.combine(&state, Addition::Events(&events)).unwrap();
    assert!(!is_newer(&state, at));
    let scored = score(customer_id, &combined.history, at);
    let plan = planner.plan(&state, combined, Some(scored)).unwrap();
    let event_ids = vec![EventId { event_id: event_id.into(), fingerprint: [7; 16], change: 0 }];
    let clock = Clock { happened: Some(at), known: Some(at) };
    ChangeSet { changes: vec![Change { state, plan }], event_ids, clock, also: Also::Nothing }
}

fn commit(store: &dyn Store, set: ChangeSet) -> Verdict {
    store.commit([set].into()).unwrap()[0]
}

pub(super) fn states(store: &dyn Store) {
    let load = |ask: Ask<'_>| store.load(&ask).unwrap();
    let ask = Ask { customers: &["d", "c", "e"], event_ids: &["e2", "e1"], fingerprints: false };
    let nothing = load(ask);
    assert_eq!((nothing.clock, nothing.events), (Clock::default(), vec![None, None]));
    for (state, id) in nothing.states.iter().zip(ask.customers) {
        assert_eq!(
            (state.customer_id.as_str(), state.version, state.erased, state.opted_out),
            (*id, None, false, false)
        );
        assert!(matches!(state.held, Held::Nothing));
    }
    let late = Event { recorded_at: day(9), ..buy(day(1), 40.0) };
    take(store, &[incoming("e1", "c", late)]);
    store.set_consent("d", OUT).unwrap();
    store.erase("e", day(2)).unwrap();
    let loaded = load(ask);
    assert_eq!(loaded.clock, Clock { happened: Some(day(1)), known: Some(day(9)) });
    assert!(loaded.events[0].is_none() && loaded.events[1].is_some());
    let flags: Vec<_> =
        loaded.states.iter().map(|state| (state.version.is_some(), state.opted_out, state.erased)).collect();
    assert_eq!(flags, [(false, true, false), (true, false, false), (false, false, true)]);
    assert!(matches!(loaded.states[1].held, Held::Row(_)));
    // A glance where the store keeps fingerprints; any write is seen by the version.
    let glance = load(Ask { fingerprints: true, ..ask }).states.remove(1);
    assert_eq!(matches!(glance.held, Held::Glance(_)), store.common().fingerprints);
    assert_eq!(glance.version, loaded.states[1].version);
    take(store, &[incoming("e2", "c", buy(day(1), 1.0))]);
    assert!(load(ask).states[1].version > glance.version);
    assert!(load(ask).events.iter().all(Option::is_some));
}

pub(super) fn conflicts(store: &dyn Store) {
    take(store, &[incoming("e0", "c", buy(day(1), 40.0))]);
    // Each set is made, then something happens that it was not made for.
    type Write = fn(&dyn Store);
    let between: [(&str, Write); 5] = [
        ("an event", |store| drop(take(store, &[incoming("other", "c", buy(day(2), 2.0))]))),
        ("a batch", |store| drop(batch(store, vec![row("c", vec![buy(day(3), 3.0)])], day(3)))),
        ("an opt-out", |store| drop(store.set_consent("c", OUT).unwrap())),
        ("an opt-in", |store| drop(store.set_consent("c", Consent { opted_out: false, at: 8 }).unwrap())),
        ("the same event id", |store| drop(take(store, &[incoming("new", "d", buy(day(2), 2.0))]))),
    ];
    for (what, happens) in between {
        let set = prepared(store, "new", "c", day(9));
        happens(store);
        let before = store.export("c").unwrap();
        assert_eq!(commit(store, set), Verdict::Conflict, "{what}");
        assert_eq!(store.export("c").unwrap(), before, "{what}: nothing of the set is stored");
        assert_ne!(store.totals().unwrap().data_until, Some(day(9)));
    }
    // Who is unknown when the set is made.
    let set = prepared(store, "n1", "n", day(9));
    take(store, &[incoming("n0", "n", buy(day(2), 2.0))]);
    assert_eq!(commit(store, set), Verdict::Conflict);
    assert_eq!(get(store, "n").history.events, 1);
    let set = prepared(store, "m1", "m", day(9));
    store.erase("m", day(9)).unwrap();
    assert_eq!(commit(store, set), Verdict::Conflict);
    assert_eq!(store.profile("m").unwrap(), None);
    // Erased, readmitted and met again: it is not the customer that the set was made for.
    take(store, &[incoming("r0", "r", buy(day(2), 2.0))]);
    let set = prepared(store, "r1", "r", day(9));
    store.erase("r", day(9)).unwrap();
    store.readmit("r").unwrap();
    take(store, &[incoming("r2", "r", buy(day(2), 5.0))]);
    assert_eq!(commit(store, set), Verdict::Conflict);
    assert_eq!(get(store, "r").history.spend, 5.0);
    assert_eq!(commit(store, prepared(store, "e9", "c", day(9))), Verdict::Committed);
    assert_eq!(store.totals().unwrap().data_until, Some(day(9)));
}

pub(super) fn sets(store: &dyn Store) {
    // Of sets that touch one customer or one event id, the first is written.
    let of = |event: &str, customer: &str| prepared(store, event, customer, day(2));
    let sets = [of("e1", "a"), of("e2", "b"), of("e3", "a"), of("e1", "c"), of("e4", "d")];
    let verdicts = store.commit(sets.into()).unwrap();
    use Verdict::{Committed, Conflict};
    assert_eq!(verdicts, [Committed, Committed, Conflict, Conflict, Committed]);
    assert_eq!(store.totals().unwrap().profiles, 3);
    assert_eq!(store.export("a").unwrap().unwrap().event_ids, ["e1"]);
    // A set of several customers is written whole or not at all.
    let mut both = of("e5", "a");
    let other = of("e6", "x");
    both.changes.extend(other.changes);
    both.event_ids.push(EventId { change: 1, ..other.event_ids[0].clone() });
    take(store, &[incoming("e7", "a", buy(day(3), 1.0))]);
    assert_eq!(commit(store, both), Conflict);
    assert_eq!((store.profile("x").unwrap(), get(store, "a").history.events), (None, 2));
    assert_eq!(store.commit([].into()).unwrap(), []);
    assert_eq!(commit(store, ChangeSet::default()), Committed);
}

/// Two servers of one store that write to one customer at the same instant, over and over: nothing is lost and nothing
/// doubled.
pub(crate) fn race(servers: [&dyn Store; 2]) {
    const ROUNDS: i64 = 1_000;
    let start = std::sync::Barrier::new(2);
    let accepted = std::thread::scope(|scope| {
        let of = |at: usize| {
            let start = &start;
            move || {
                let mut accepted = 0;
                for n in 0..ROUNDS {
                    let own = incoming(&format!("{at}.{n}"), "c", buy(day(n % 300), 1.0));
                    let same = incoming(&format!("both.{n}"), "c", buy(day(n % 300), 0.5));
                    start.wait();
                    let fates = take(servers[at], &[own, same]).fates;
                    assert_eq!(fates[0], Fate::Accepted);
                    accepted += usize::from(fates[1] == Fate::Accepted);
                }
                accepted
            }
        };
        [0, 1].map(|at| scope.spawn(of(at))).map(|server| server.join().unwrap())
    });
    assert_eq!(accepted.iter().sum::<usize>(), ROUNDS as usize, "each shared event counts once");
    let held = servers[0].export("c").unwrap().unwrap();
    assert_eq!((held.events.len(), held.event_ids.len()), (3 * ROUNDS as usize, 3 * ROUNDS as usize));
    let profile = get(servers[1], "c");
    assert_eq!((profile.history.spend, &profile.prediction["clv"]), (2_500.0, &2_500.0.into()));
    // The feed, applied in its order, gives the tags.
    let mut tags = serde_json::Map::new();
    for change in super::feed::all(servers[0]) {
        tags.extend(change.tags);
    }
    assert!(profile.tags.iter().all(|(name, tag)| tags[name] == tag.value));
}
