//! Progress on stderr: a spinner on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How often a plain line is printed while a stage goes on.
pub const INTERVAL: Duration = Duration::from_secs(10);

/// Whether stderr is a terminal on which a line may be drawn again.
#[must_use]
pub fn is_interactive() -> bool {
    std::io::stderr().is_terminal()
}

/// A stage of work. On a terminal it shows a spinner; elsewhere it prints a line every [`INTERVAL`]. When it is done it prints
/// a line with its time.
pub struct Stage {
    bar: Option<ProgressBar>,
    name: String,
    started: Instant,
    printed: Mutex<Instant>,
}

impl Stage {
    /// Begins a stage.
    #[must_use]
    pub fn begin(name: &str) -> Self {
        let bar = is_interactive().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed_precise} {msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            bar.set_message(name.to_owned());
            bar
        });
        let now = Instant::now();
        Stage { bar, name: name.to_owned(), started: now, printed: Mutex::new(now) }
    }

    /// Reports progress within the stage, such as a count. May be called often.
    pub fn at(&self, what: &str) {
        self.report(what, INTERVAL);
    }

    /// Reports that a step of the stage begins. Elsewhere than on a terminal each one is a line.
    pub fn step(&self, what: &str) {
        self.report(what, Duration::ZERO);
    }

    fn report(&self, what: &str, interval: Duration) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{}: {what}", self.name));
            return;
        }
        // A poisoned lock only means that a thread failed while it printed.
        let mut printed = self.printed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if printed.elapsed() >= interval {
            *printed = Instant::now();
            eprintln!("{:>6.1} s  {}: {what} ...", self.started.elapsed().as_secs_f64(), self.name);
        }
    }

    /// Seconds since the stage began; the spinner disappears.
    pub fn end(self) -> f64 {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.started.elapsed().as_secs_f64()
    }

    /// Ends the stage, prints what it did and how long it took, and returns the seconds.
    pub fn done(self, what: &str) -> f64 {
        let name = self.name.clone();
        let seconds = self.end();
        eprintln!("{seconds:>6.1} s  {name}: {what}");
        seconds
    }
}
