//! Aggregates of little stores, against numbers counted by hand.

use homing_datasets::{DAY, Event, History, Kind, Micros, Zone};
use homing_models::{AtHorizon, NotScored, Outcome, Prediction, Provenance};

use super::*;
use homing_profiles::sqlite::SqliteStore;
use homing_profiles::{Aggregates as _, BatchRow, Flows, Layer, Scored, Tag};

/// 2026-06-30, the last day of a month.
const TODAY: i32 = 20_634;

fn day(before: i64) -> Micros {
    (i64::from(TODAY) - before) * DAY
}

fn buy(before: i64, amount: f64) -> Event {
    Event { channel: Some("till".into()), ..Event::new(Kind::Purchase, day(before), amount) }
}

fn score(id: &str, history: &History, as_of: Micros) -> Scored {
    let provenance = Provenance { model: "t@1".into(), as_of, scored_at: as_of, zone: Zone::default() };
    let spend: f64 = history.events().filter(Event::is_purchase).map(|event| event.amount).sum();
    let tag = |name: &str, value: serde_json::Value| Tag {
        name: name.into(),
        layer: Layer::Dynamic,
        value,
        confidence: None,
        expires_at: None,
    };
    let tags = vec![
        tag("rfm.recency", 5.into()),
        tag("rfm.frequency", if spend > 100.0 { 4.into() } else { 1.into() }),
        tag("own.id", id.into()),
        tag("tier.member", if spend > 100.0 { "super".into() } else { "entry".into() }),
    ];
    if spend == 0.0 {
        return Scored {
            outcome: Outcome::NotScored(NotScored::NoPurchase),
            tags: tags[2..3].to_vec(),
            provenance,
        };
    }
    let at = AtHorizon {
        days: 30,
        p_purchase: 0.5,
        expected_orders: 1.0,
        expected_spend: spend,
        expected_spend_low: 0.0,
        expected_spend_high: spend,
    };
    let prediction = Prediction {
        at: vec![at],
        churn_risk: 0.5,
        churn_percentile: 50,
        p_alive: 0.5,
        next_order_at: None,
        next_order_quartiles: [None; 2],
        clv: spend,
        clv_interval: [0.0; 2],
        value_at_risk: spend / 2.0,
        cluster: None,
        reasons: Vec::new(),
    };
    Scored { outcome: Outcome::Scored(Box::new(prediction)), tags, provenance }
}

fn aggregated(customers: Vec<(String, Vec<Event>)>) -> (tempfile::TempDir, SqliteStore, Aggregates) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("p.db"), Zone::default()).unwrap();
    let row = |(customer_id, events)| BatchRow { customer_id, history: History::from_events(events) };
    store.write_batch(&mut customers.into_iter().map(row), day(0), &score, &|_| ()).unwrap();
    let catalogue = Catalogue::shipped().unwrap();
    let aggregates = compute(&store, &catalogue, Zone::default(), day(-1)).unwrap();
    (folder, store, aggregates)
}

#[test]
fn customers_tags_and_the_grid_are_counted() {
    let customers =
        (0..100).map(|n| (format!("c{n:03}"), vec![buy(n % 7, if n < 30 { 200.0 } else { 10.0 })]));
    let visitor = ("visitor".to_owned(), vec![Event::new(Kind::Visit, day(0), 0.0)]);
    let (_folder, store, aggregates) = aggregated(customers.chain([visitor]).collect());
    assert_eq!((aggregates.base.customers, aggregates.scored, aggregates.day), (101, 100, TODAY));
    assert_eq!((aggregates.base.clv, aggregates.base.value_at_risk), (6_700.0, 3_350.0));
    assert_eq!(aggregates.tags_held, 401);
    assert_eq!(
        aggregates.count("tier.member", "\"super\""),
        Count { customers: 30, value_at_risk: 3_000.0, clv: 6_000.0 }
    );
    assert_eq!(
        aggregates.values("tier.member").iter().map(|v| v.0).collect::<Vec<_>>(),
        ["\"entry\"", "\"super\""]
    );
    assert_eq!((aggregates.tags["own.id"].customers, &aggregates.tags["own.id"].values), (101, &None));
    assert_eq!((aggregates.grid[&5][&4].customers, aggregates.grid[&5][&1].customers), (30, 70));
    assert_eq!(
        (aggregates.figures.met, aggregates.figures.connected, aggregates.figures.channels["till"]),
        (100, 0, 100)
    );
    assert_eq!(newest(&store, None).unwrap(), Some(aggregates));
}

#[test]
fn an_empty_store_has_aggregates_of_nobody() {
    let (_folder, store, aggregates) = aggregated(Vec::new());
    assert_eq!((aggregates.base, aggregates.tags.len()), (Count::default(), 0));
    assert_eq!(newest(&store, None).unwrap(), Some(aggregates));
    assert_eq!(newest(&store, Some(0)).unwrap(), None);
}

#[test]
fn aggregates_of_another_form_count_as_none() {
    let (_folder, store, aggregates) = aggregated(Vec::new());
    for document in
        ["{}".to_owned(), serde_json::to_string(&Aggregates { form: 99, ..aggregates.clone() }).unwrap()]
    {
        store
            .keep_aggregates(
                &homing_profiles::aggregates::DailyAggregates { day: aggregates.day + 1, document },
                9,
            )
            .unwrap();
        assert_eq!(newest(&store, None).unwrap(), None);
    }
}

#[test]
fn figures_are_those_counted_by_hand() {
    // June 2026 has thirty days: `before` 0 to 29 lies in it, 30 to 60 in May.
    let nps = |before: i64, answer: f64| Event::new(Kind::Nps, day(before), answer);
    let online = Event { channel: Some("web".into()), ..buy(10, 10.0) };
    let (_folder, _store, aggregates) = aggregated(vec![
        // New in May, back within thirty days, which end in June; two channels.
        ("a".into(), vec![buy(40, 20.0), online, nps(3, 10.0)]),
        // New in May, not back.
        ("b".into(), vec![buy(35, 20.0), nps(2, 6.0), nps(1, 8.0)]),
        // New in June: the thirty days are not over.
        ("c".into(), vec![buy(5, 30.0)]),
        // Of high value when June began, bought in May and in June.
        ("d".into(), vec![buy(200, 6_000.0), buy(31, 5.0), buy(29, 5.0)]),
        // Of high value when June began, silent since; three months after the first purchase lie in January 2026.
        ("e".into(), vec![buy(250, 6_000.0)]),
        // The data end with the month.
        ("f".into(), vec![Event::new(Kind::Visit, day(0), 0.0)]),
    ]);
    let figures = &aggregates.figures;
    let june = month_of(TODAY);
    assert_eq!((figures.last_whole, figures.high_value), (june, 5_000.0));
    let month = &figures.months[&june];
    assert_eq!((month.orders, month.revenue, month.new), (3, 45.0, 1));
    assert_eq!((month.new_due, month.new_back), (2, 1));
    assert_eq!((month.high, month.high_back), (2, 1));
    assert_eq!(month.nps, [1, 1, 1]);
    assert_eq!(figures.months[&(june - 1)].new, 2);
    assert_eq!((figures.met, figures.connected), (5, 1));
    // Three months are 91 days, six are 183: of `d` they ended 109 and 17 days ago, of `e` 159 and 67.
    let due = |before: i64, at: usize| {
        let month = &figures.months[&month_of(TODAY - before as i32)];
        (month.due[at], month.kept[at])
    };
    assert_eq!((due(109, 0), due(17, 1), due(159, 0), due(67, 1)), ((1, 0), (1, 1), (1, 0), (1, 0)));
    let cohort = &figures.cohorts[&month_of(TODAY - 200)];
    assert_eq!(
        (cohort.customers, cohort.marks[0], cohort.marks[1], cohort.marks[2]),
        (1, (1, 0), (1, 1), (0, 0))
    );
}

#[test]
fn stages_of_the_past_come_from_the_histories() {
    // Bought once, 65 days ago: not there 90 days ago, introduced 60 days ago and 30 days ago, one-time now.
    let once = |n: u32| (format!("c{n}"), vec![buy(65, 20.0)]);
    let visitor = ("visitor".to_owned(), vec![Event::new(Kind::Visit, day(0), 0.0)]);
    let (_folder, _store, aggregates) = aggregated((0..4).map(once).chain([visitor]).collect());
    let flow = &aggregates.flow;
    assert_eq!((flow.sample, flow.each, flow.days_before.as_slice()), (5, 1.0, &[90, 60, 30, 0][..]));
    let only = |moves: &BTreeMap<String, BTreeMap<String, u64>>| {
        let all: Vec<_> = moves
            .iter()
            .flat_map(|(a, to)| to.iter().map(move |(b, n)| (a.clone(), b.clone(), *n)))
            .collect();
        let all: Vec<_> = all.into_iter().filter(|(_, b, _)| b != NOT_YET).collect();
        assert_eq!(all.len(), 1, "{all:?}");
        all[0].clone()
    };
    let stages = |from: &str, to: &str| (from.to_owned(), to.to_owned(), 4);
    assert_eq!(only(&flow.moves[0]), stages(NOT_YET, "introduction"));
    assert_eq!(only(&flow.moves[1]), stages("introduction", "introduction"));
    assert_eq!(only(&flow.moves[2]), stages("introduction", "one_time"));
    assert_eq!(only(&flow.week), stages("introduction", "one_time"));
    assert_eq!((flow.week_change("one_time"), flow.week_change("introduction")), (Some(4.0), Some(-4.0)));
    assert_eq!(flow.week_change("lost"), Some(0.0));
}

#[test]
fn a_large_base_is_followed_by_a_sample_that_does_not_depend_on_the_order() {
    let follower =
        |customers| flow::Follower::new(&Catalogue::shipped().unwrap(), Zone::default(), day(0), customers);
    let history = History::from_events(vec![buy(3, 5.0)]);
    let mut flow = Flow::default();
    let one_in_five = follower(100_000);
    (0..100_000).for_each(|n| one_in_five.follow(&format!("c{n:08}"), &history, &mut flow));
    assert!((19_000..21_000).contains(&flow.sample), "{}", flow.sample);
}
