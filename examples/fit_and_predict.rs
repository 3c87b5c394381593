//! Checks the data, fits a model, registers it as champion and scores one customer with it.

use homing_datasets::simulate::Chain;
use homing_models::{Alias, Bundle, Flat, Provenance, Registry};
use homing_training::pipeline::{Options, train};
use homing_training::task::Task;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let histories = Chain { customers: 800, ..Chain::default() }.histories()?;
    let task = Task { horizons: vec![30], name: "shop".to_owned(), ..Task::default() };
    let trained = train(&histories, &Options { task, ..Options::default() }, &|step| eprintln!("{step}"))?;

    let folder = tempfile::tempdir()?;
    let registry = Registry::at(folder.path());
    registry.register(&trained.bundle, Alias::Champion)?;

    let champion = Bundle::load(&registry.find(Some("shop"))?)?;
    let (id, history) = histories.at(0).ok_or("no customer")?;
    let as_of = champion.manifest().as_of;
    let outcome = champion.predict(history, as_of);
    let zone = champion.manifest().timezone;
    let provenance = Provenance { model: champion.id().clone(), as_of, scored_at: as_of, zone };
    let flat = Flat { customer_id: Some(id), outcome: &outcome, provenance: &provenance };
    println!("{}", serde_json::to_string_pretty(&flat)?);
    Ok(())
}
