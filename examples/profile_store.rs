//! Takes events into a profile store, rescores the customer, and reads profile and change feed.

use homing::scoring::{Engine, Score};
use homing_datasets::simulate::Chain;
use homing_datasets::{Event, Kind};
use homing_profiles::{Flows, Incoming};
use homing_tags::Catalogue;
use homing_training::fit::fit;
use homing_training::task::Task;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let histories = Chain { customers: 800, ..Chain::default() }.histories()?;
    let task = Task { horizons: vec![30], ..Task::default() };
    let as_of = histories.last_instant().ok_or("no event")?;
    let bundle = fit(&histories, as_of, &task, serde_json::json!({}), &|_| {})?;
    let engine = Engine::new(bundle, &Catalogue::shipped()?);

    let folder = tempfile::tempdir()?;
    let place = format!("sqlite:{}", folder.path().join("profiles.db").display());
    let store = homing_profiles::open(&place, task.zone)?;
    let event = Incoming {
        event_id: "till-7-00042".to_owned(),
        customer_id: "c1".to_owned(),
        event: Event::new(Kind::Purchase, as_of, 29.9),
    };
    let score = |id: &str, history: &_, at| engine.score(id, history, at, as_of);
    let intake = store.take_in(&[event], as_of, &score)?;
    println!("{:?}, {} customers with changed tags", intake.fates, intake.changed.len());
    let profile = store.profile("c1")?.ok_or("no profile")?;
    println!(
        "{} has {} tags, churn risk {}",
        profile.customer_id,
        profile.tags.len(),
        profile.prediction["churn_risk"]
    );
    for change in store.changes(None, 10)?.changes {
        println!("change {} of {}: {} tags", change.cursor, change.customer_id, change.tags.len());
    }
    Ok(())
}
