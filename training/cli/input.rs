//! What every command reads, and its progress.

use std::io::IsTerminal;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use homing_datasets::cli::{Purchases, show_warnings, size};
use homing_datasets::engine::Sampled;
use homing_datasets::{Histories, Micros, ReadSummary, Stream};
use indicatif::{ProgressBar, ProgressStyle};

use super::show;

#[derive(Args)]
pub(super) struct Common {
    #[command(flatten)]
    pub purchases: Purchases,
    /// Memory that the histories to learn from may take. Beyond it customers are sampled, and the report says so.
    #[arg(long, env = "HOMING_HISTORIES", default_value = "8G", value_parser = size, value_name = "SIZE")]
    pub histories: u64,
    /// Prints one JSON document instead of text.
    #[arg(long, env = "HOMING_JSON")]
    pub json: bool,
}

impl Common {
    /// The instant of a date, as its end in the business's time zone, or of a time.
    pub fn instant(&self, text: Option<&String>) -> anyhow::Result<Option<Micros>> {
        Ok(text.map(|text| self.purchases.timezone.as_of(text)).transpose()?)
    }

    /// Reads the histories, or a sample of them where memory does not hold all, and says so on stderr.
    pub fn load(&self, seed: u64) -> anyhow::Result<Loaded> {
        let purchases = &self.purchases;
        let mut options = purchases.stream(purchases.timezone)?;
        options.read.preview = true;
        let stream = Stream::open(&purchases.purchases, &options)?;
        for recognised in stream.summary().recognised.iter().filter(|recognised| !recognised.is_plain()) {
            eprintln!("{recognised}");
        }
        let (histories, summary, sampled) = stream.collect(self.histories, seed)?;
        eprintln!("{}", show::read(&summary, purchases));
        show_warnings(&summary.warnings);
        if sampled.kept < sampled.customers {
            eprintln!("{}", show::sampled(sampled));
        }
        Ok(Loaded { histories, summary, sampled })
    }
}

/// What a command learns from.
pub(super) struct Loaded {
    pub histories: Histories,
    pub summary: ReadSummary,
    pub sampled: Sampled,
}

/// A line of progress on stderr.
pub(super) struct Steps {
    bar: ProgressBar,
    started: Instant,
}

impl Steps {
    pub fn new() -> Self {
        let bar =
            if std::io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed_precise} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Steps { bar, started: Instant::now() }
    }

    pub fn step(&self, text: &str) {
        self.bar.set_message(text.to_owned());
    }

    pub fn done(&self) -> f64 {
        self.bar.finish_and_clear();
        self.started.elapsed().as_secs_f64()
    }
}

/// Writes a report to a file.
pub(super) fn write_report(file: &Path, html: &str) -> anyhow::Result<()> {
    std::fs::write(file, html).with_context(|| format!("the report was not written to {}", file.display()))
}
