//! What every command reads, and its progress.

use std::path::Path;

use anyhow::Context;
use clap::Args;
use homing_datasets::cli::{Purchases, Size, show_warnings};
use homing_datasets::engine::Sampled;
use homing_datasets::{Histories, Micros, ReadSummary, Stream};

use super::show;

#[derive(Args)]
pub(super) struct Common {
    /// Print one JSON document on stdout.
    #[arg(long, env = "HOMING_JSON")]
    pub json: bool,
    /// Memory for the histories to train on. Beyond it homing samples customers and says so.
    #[arg(long, env = "HOMING_HISTORIES", default_value = "8G", value_name = "SIZE")]
    pub histories: Size,
    #[command(flatten, next_help_heading = "Purchases")]
    pub purchases: Purchases,
}

impl Common {
    /// The instant of a date, as its end in the business's time zone, or of a time.
    pub fn instant(&self, text: Option<&String>) -> anyhow::Result<Option<Micros>> {
        Ok(text.map(|text| self.purchases.zone().as_of(text)).transpose()?)
    }

    /// Reads the histories, or a sample of them where memory does not hold all, and says so on stderr.
    pub fn load(&self, seed: u64) -> anyhow::Result<Loaded> {
        let purchases = &self.purchases;
        let mut options = purchases.stream(purchases.zone())?;
        options.read.preview = true;
        let stream = Stream::open(&purchases.purchases, &options)?;
        for recognised in stream.summary().recognised.iter().filter(|recognised| !recognised.is_plain()) {
            eprintln!("{recognised}");
        }
        let (histories, summary, sampled) = stream.collect(self.histories.0, seed)?;
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

/// Writes a report to a file.
pub(super) fn write_report(file: &Path, html: &str) -> anyhow::Result<()> {
    std::fs::write(file, html).with_context(|| format!("cannot write the report to {}", file.display()))
}
