//! How far a reading has come.

use std::io::{self, Read};

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over bytes on stderr, or nothing. It disappears when the reading ends, in success or not.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn new(shown: bool, what: &str, bytes: u64) -> Self {
        if !shown {
            return Progress(ProgressBar::hidden());
        }
        let style = format!("{what} {{wide_bar}} {{bytes}}/{{total_bytes}} {{bytes_per_sec}}, {{eta}} left");
        let style = ProgressStyle::with_template(&style).unwrap_or_else(|_| ProgressStyle::default_bar());
        Progress(ProgressBar::new(bytes).with_style(style))
    }

    pub(crate) fn advance(&self, bytes: u64) {
        self.0.inc(bytes);
    }

    /// Counts what is read through it.
    pub(crate) fn counted<R: Read>(&self, inner: R) -> Counted<R> {
        Counted { inner, bar: self.0.clone() }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A reader that tells a bar of every byte.
pub(crate) struct Counted<R> {
    inner: R,
    bar: ProgressBar,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bar.inc(read as u64);
        Ok(read)
    }
}
