//! Scores all customers of a folder of purchases into a Parquet file, as `homing score --out` does.

use homing::scoring::Engine;
use homing::scoring::batch::{ScoresFile, Source, to_file};
use homing_datasets::simulate::Chain;
use homing_datasets::{Stream, StreamOptions, simulate};
use homing_tags::Catalogue;
use homing_training::fit::fit;
use homing_training::task::Task;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let chain = Chain { customers: 800, ..Chain::default() };
    simulate::write(&chain, &folder.path().join("chain"), &|_| {})?;
    let histories = chain.histories()?;
    let task = Task { horizons: vec![30], ..Task::default() };
    let as_of = histories.last_instant().ok_or("no event")?;
    let bundle = fit(&histories, as_of, &task, serde_json::json!({}), &|_| {})?;

    let engine = Engine::new(bundle, &Catalogue::shipped()?);
    let purchases = folder.path().join("chain/events").display().to_string();
    let stream = Stream::open(&[purchases], &StreamOptions::default())?;
    let out = folder.path().join("scores.parquet");
    let file = ScoresFile::create(&out, &engine)?;
    let summary = to_file(Source::Lines(&stream), &engine, as_of, as_of, file)?;
    println!("{} of {} customers scored into {}", summary.scored, summary.customers, out.display());
    Ok(())
}
