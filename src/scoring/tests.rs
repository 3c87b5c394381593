//! A file beside the profiles: one pass, everybody scored once.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use homing_datasets::{DAY, History, Micros, Stream, StreamOptions, Zone};
use homing_models::{AtHorizon, Outcome, Prediction, Provenance};

use super::batch::{ScoresFile, Source, to_file};
use super::nightly::{Identity, Journal, Night, Terms, to_profiles};
use super::{ModelInfo, Score, Spent};
use homing_profiles::sqlite::SqliteStore;
use homing_profiles::*;

const AS_OF: Micros = 15_000 * DAY;

/// Notes whom it scores, and whether tags were asked for.
struct Noting {
    model: ModelInfo,
    runs: Mutex<BTreeMap<String, Vec<bool>>>,
}

impl Noting {
    fn new() -> Self {
        let model = ModelInfo {
            id: "m@1".into(),
            name: "m".into(),
            version: "1".into(),
            as_of: "2011-01-26".into(),
            as_of_micros: AS_OF,
            horizons: vec![30],
            churn_horizon: 30,
            timezone: Zone::default(),
        };
        Noting { model, runs: Mutex::default() }
    }

    fn runs(&self) -> BTreeMap<String, Vec<bool>> {
        std::mem::take(&mut *self.runs.lock().unwrap())
    }
}

impl Score for Noting {
    fn model(&self) -> &ModelInfo {
        &self.model
    }

    fn run(&self, id: &str, history: &History, as_of: Micros, at: Micros, tagged: bool, _: &Spent) -> Scored {
        self.runs.lock().unwrap().entry(id.to_owned()).or_default().push(tagged);
        let provenance = Provenance { model: "m@1".into(), as_of, scored_at: at, zone: Zone::default() };
        let mut prediction = self.predict(&[]);
        prediction.clv = history.len() as f64;
        Scored { outcome: Outcome::Scored(Box::new(prediction)), tags: Vec::new(), provenance }
    }

    fn predict(&self, _: &[f64]) -> Prediction {
        let at = AtHorizon {
            days: 30,
            p_purchase: 0.5,
            expected_orders: 1.0,
            expected_spend: 2.0,
            expected_spend_low: 1.0,
            expected_spend_high: 3.0,
        };
        Prediction {
            at: vec![at],
            churn_risk: 0.5,
            churn_percentile: 50,
            p_alive: 0.5,
            next_order_at: None,
            next_order_quartiles: [None; 2],
            clv: 0.0,
            clv_interval: [0.0; 2],
            value_at_risk: 0.0,
            cluster: None,
            reasons: Vec::new(),
        }
    }
}

/// Customers `a` to `d` with an order each.
fn stream(folder: &Path) -> Stream {
    let path = folder.join("purchases.csv");
    let lines = ["a", "b", "c", "d"].map(|id| format!("{id},2011-01-20,5\n")).concat();
    std::fs::write(&path, format!("customer_id,occurred_at,amount\n{lines}")).unwrap();
    Stream::open(&[path.display().to_string()], &StreamOptions::default()).unwrap()
}

fn terms() -> Terms {
    Terms { model: "m@1".into(), as_of: AS_OF, scored_at: AS_OF }
}

fn identity() -> Identity {
    Identity { input: String::new(), settings: String::new(), homing: String::new() }
}

fn night(folder: &Path, stream: &Stream, engine: &Noting, store: &dyn Store) -> Night {
    let mut journal = Journal::open(&folder.join("journal"), None, None).unwrap();
    let file = ScoresFile::create(&folder.join("beside.csv"), engine).unwrap();
    let job = (&mut journal, &identity(), &terms(), None);
    to_profiles(Source::Lines(stream), engine, store, job, Some(file), &AtomicBool::new(false), &|_| ())
        .unwrap()
}

fn once(ids: &[&str]) -> BTreeMap<String, Vec<bool>> {
    ids.iter().map(|id| ((*id).to_owned(), vec![true])).collect()
}

#[test]
fn a_file_alone_needs_no_tags() {
    let folder = tempfile::tempdir().unwrap();
    let (stream, engine) = (stream(folder.path()), Noting::new());
    let file = ScoresFile::create(&folder.path().join("alone.csv"), &engine).unwrap();
    let done = to_file(Source::Lines(&stream), &engine, AS_OF, AS_OF, file).unwrap();
    assert_eq!((done.customers, done.scored), (4, 4));
    assert!(engine.runs().values().all(|runs| *runs == [false]));
}

#[test]
fn profiles_and_file_come_from_one_pass() {
    let folder = tempfile::tempdir().unwrap();
    let (stream, engine) = (stream(folder.path()), Noting::new());
    let store = SqliteStore::open(folder.path().join("p.db"), Zone::default()).unwrap();
    let done = night(folder.path(), &stream, &engine, &store);
    assert_eq!(engine.runs(), once(&["a", "b", "c", "d"]));
    assert_eq!((done.done["inserted"].as_u64(), done.file.unwrap().customers), (Some(4), 4));

    let file = ScoresFile::create(&folder.path().join("alone.csv"), &engine).unwrap();
    to_file(Source::Lines(&stream), &engine, AS_OF, AS_OF, file).unwrap();
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert_eq!(read("beside.csv"), read("alone.csv"));
}

#[test]
fn who_was_erased_is_not_in_the_file_and_who_has_a_newer_score_is() {
    let folder = tempfile::tempdir().unwrap();
    let (stream, engine) = (stream(folder.path()), Noting::new());
    let store = SqliteStore::open(folder.path().join("p.db"), Zone::default()).unwrap();
    store.erase("b", AS_OF).unwrap();
    let later = |id: &str, history: &History, _| engine.score(id, history, AS_OF + DAY, AS_OF + DAY);
    let mut newer = std::iter::once(BatchRow { customer_id: "c".into(), history: History::default() });
    store.write_batch(&mut newer, AS_OF + DAY, &later, &|_| ()).unwrap();
    engine.runs();

    let done = night(folder.path(), &stream, &engine, &store);
    assert_eq!((done.done["erased"].as_u64(), done.done["newer_in_store"].as_u64()), (Some(1), Some(1)));
    let runs = engine.runs();
    assert_eq!(runs.keys().collect::<Vec<_>>(), ["a", "c", "d"]);
    assert!(runs.values().all(|runs| runs.len() == 1), "{runs:?}");
    let text = std::fs::read_to_string(folder.path().join("beside.csv")).unwrap();
    let ids: Vec<&str> = text.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    assert_eq!(ids, ["a", "c", "d"]);
}
