//! Fits at a past cutoff and compares the next 90 days with what happened, beside simple rules and a lifetime model.

use homing_datasets::simulate::Chain;
use homing_training::backtest::backtest;
use homing_training::task::Task;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let histories = Chain { customers: 800, ..Chain::default() }.histories()?;
    let task = Task { horizons: Vec::new(), ..Task::default() };
    let cutoff = task.zone.as_of("2025-03-31")?;
    let report = backtest(&histories, cutoff, 90, None, &task, &|_| {})?;
    println!("{} customers, {:.1} % bought", report.customers, report.bought * 100.0);
    for candidate in &report.candidates {
        let metrics: Vec<String> =
            candidate.metrics.iter().take(2).map(|(metric, value)| format!("{metric} {value:.4}")).collect();
        println!("{:24} {}", candidate.name, metrics.join("  "));
    }
    Ok(())
}
