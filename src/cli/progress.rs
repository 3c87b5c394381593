//! Progress on stderr, where somebody looks.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// A stage of work: a spinner while it runs, a line with its time when it is done.
pub(super) struct Stage {
    bar: ProgressBar,
    name: String,
    started: Instant,
}

impl Stage {
    /// Begins a stage.
    pub(super) fn begin(name: &str) -> Self {
        let bar =
            if std::io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed_precise} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        bar.set_message(name.to_owned());
        Stage { bar, name: name.to_owned(), started: Instant::now() }
    }

    /// Says what the stage is at.
    pub(super) fn at(&self, what: &str) {
        self.bar.set_message(format!("{}: {what}", self.name));
    }

    /// Ends the stage and says how long it took; returns the seconds.
    pub(super) fn done(self, what: &str) -> f64 {
        self.bar.finish_and_clear();
        let seconds = self.started.elapsed().as_secs_f64();
        eprintln!("{:>6.1} s  {}: {what}", seconds, self.name);
        seconds
    }
}
