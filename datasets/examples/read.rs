//! Reads files, globs and folders, and prints the summary as JSON and the time it took.
//!
//! ```text
//! cargo run --release -p homing-datasets --example read -- PATH...
//! ```

use std::time::Instant;

use homing_datasets::{Error, ReadOptions, read};

fn main() -> Result<(), Error> {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    let start = Instant::now();
    let (histories, summary) = read(&paths, &ReadOptions { progress: true, ..ReadOptions::default() })?;
    eprintln!("{} customers in {:.3} s", histories.len(), start.elapsed().as_secs_f64());
    println!("{}", serde_json::to_string_pretty(&summary).unwrap_or_default());
    Ok(())
}
