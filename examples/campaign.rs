//! Makes a campaign list of the customers with the most at stake, with a hold-out group to measure against.

use homing::campaign::{Plan, Rank, run};
use homing::scoring::{Engine, batch};
use homing_datasets::simulate::Chain;
use homing_profiles::Listing;
use homing_tags::Catalogue;
use homing_tags::playbook::Playbook;
use homing_training::fit::fit;
use homing_training::task::Task;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let histories = Chain { customers: 800, ..Chain::default() }.histories()?;
    let task = Task { horizons: vec![30], ..Task::default() };
    let as_of = histories.last_instant().ok_or("no event")?;
    let bundle = fit(&histories, as_of, &task, serde_json::json!({}), &|_| {})?;
    let catalogue = Catalogue::shipped()?;
    let playbook = Playbook::shipped(catalogue.tags())?;
    let engine = Engine::new(bundle, &catalogue);

    let folder = tempfile::tempdir()?;
    let place = format!("sqlite:{}", folder.path().join("profiles.db").display());
    let store = homing_profiles::open(&place, task.zone)?;
    batch::to_profiles(histories, &engine, &*store, as_of, as_of, &|_| {})?;
    let plan = Plan {
        name: "spring".to_owned(),
        who: Listing::default(),
        actions: Vec::new(),
        hold_out: 0.1,
        seed: 0,
        rank: Rank::ValueAtRisk,
        learn_variants: false,
        most: Some(50),
        record: true,
        window_days: 30,
        detect: 0.02,
    };
    let campaign = run(&*store, &playbook, &plan, as_of)?;
    println!("{} to contact, {} held out", campaign.contacts.len(), campaign.held_out.len());
    for member in campaign.contacts.iter().take(3) {
        println!("{}: {} ({:.2} at risk)", member.customer_id, member.action, member.value_at_risk);
    }
    Ok(())
}
