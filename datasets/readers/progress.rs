//! How far reading has come.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

use crate::progress::{INTERVAL, is_interactive};

/// Progress over bytes on stderr: a bar on a terminal, which disappears when the reading ends; elsewhere a line every few
/// seconds; or nothing.
pub(crate) struct Progress(Shown);

#[derive(Clone)]
enum Shown {
    Nothing,
    Bar(ProgressBar),
    Lines(Arc<Lines>),
}

/// Progress where a line cannot be drawn again.
struct Lines {
    what: String,
    total: u64,
    done: AtomicU64,
    started: Instant,
    /// Seconds after the start at which the next line is due.
    due: AtomicU64,
}

impl Progress {
    pub(crate) fn new(shown: bool, what: &str, bytes: u64) -> Self {
        if !shown {
            return Progress(Shown::Nothing);
        }
        if !is_interactive() {
            return Progress(Shown::Lines(Arc::new(Lines {
                what: what.to_owned(),
                total: bytes,
                done: AtomicU64::new(0),
                started: Instant::now(),
                due: AtomicU64::new(INTERVAL.as_secs()),
            })));
        }
        let style = format!("{what} {{wide_bar}} {{bytes}}/{{total_bytes}} {{bytes_per_sec}}, {{eta}} left");
        let style = ProgressStyle::with_template(&style).unwrap_or_else(|_| ProgressStyle::default_bar());
        Progress(Shown::Bar(ProgressBar::new(bytes).with_style(style)))
    }

    pub(crate) fn advance(&self, bytes: u64) {
        self.0.advance(bytes);
    }

    /// Counts what is read through it.
    pub(crate) fn counted<R: Read>(&self, inner: R) -> Counted<R> {
        Counted { inner, shown: self.0.clone() }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Shown::Bar(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

impl Shown {
    fn advance(&self, bytes: u64) {
        match self {
            Shown::Nothing => {}
            Shown::Bar(bar) => bar.inc(bytes),
            Shown::Lines(lines) => lines.advance(bytes),
        }
    }
}

impl Lines {
    fn advance(&self, bytes: u64) {
        let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let elapsed = self.started.elapsed();
        let seconds = elapsed.as_secs();
        let due = self.due.load(Ordering::Relaxed);
        let next = seconds + INTERVAL.as_secs();
        // Of the threads that see it due, one prints.
        if seconds >= due
            && self.due.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            let percent = 100.0 * done as f64 / self.total.max(1) as f64;
            eprintln!("{:>6.1} s  {}: {:.0} % ...", elapsed.as_secs_f64(), self.what, percent.min(100.0));
        }
    }
}

/// A reader that reports every byte.
pub(crate) struct Counted<R> {
    inner: R,
    shown: Shown,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.shown.advance(read as u64);
        Ok(read)
    }
}
