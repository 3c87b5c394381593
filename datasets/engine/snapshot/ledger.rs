//! What an update keeps count of: the events of each day, and those with far-off dates that it takes out.

use super::pairs::Kept;
use super::piece::PieceWriter;
use crate::event::Micros;
use crate::guards::{DailyLines, Window};
use crate::{Error, History};

/// The days of all histories on their way from one snapshot to the next.
pub(super) struct Ledger {
    days: DailyLines,
    /// Events outside are taken out; `None` where the old snapshot has none.
    window: Option<Window>,
    set_aside: u64,
    /// First and last instant of what was looked at; of everything where there is a window.
    span: Option<(Micros, Micros)>,
}

impl Ledger {
    /// Begins with the days of the old snapshot, and what is believed now.
    pub fn new(days: DailyLines, window: Window) -> Self {
        let window = days.any_beyond(window).then_some(window);
        Ledger { days, window, set_aside: 0, span: None }
    }

    /// Whether events are taken out, so that every history has to be looked at.
    pub fn heals(&self) -> bool {
        self.window.is_some()
    }

    /// Events that were taken out.
    pub fn set_aside(&self) -> u64 {
        self.set_aside
    }

    /// The days as they are now, and first and last instant where every history was looked at.
    pub fn finish(self) -> (DailyLines, Option<(Micros, Micros)>) {
        (self.days, self.span.filter(|_| self.window.is_some()))
    }

    /// Writes a customer as the old snapshot has them, but for what is taken out.
    pub fn keep(&mut self, new: &mut PieceWriter, kept: &Kept<'_>) -> Result<(), Error> {
        if !self.heals() {
            return new.put(&kept.id, kept.bytes, kept.events()?);
        }
        let history = self.cured(kept.bytes)?;
        self.note(&history);
        if history.is_empty() { Ok(()) } else { new.add(&kept.id, &history) }
    }

    /// Reads a history of the old snapshot, without what is taken out.
    pub fn cured(&mut self, bytes: &[u8]) -> Result<History, Error> {
        let history = History::from_bytes(bytes)?;
        let Some(window) = self.window else { return Ok(history) };
        if history.occurred_at.iter().all(|&at| window.has(at)) {
            return Ok(history);
        }
        for &at in history.occurred_at.iter().filter(|&&at| !window.has(at)) {
            self.set_aside += 1;
            self.days.forget(at);
        }
        Ok(History::from_events(history.events().filter(|event| window.has(event.occurred_at)).collect()))
    }

    /// A history that is written now.
    pub fn add(&mut self, history: &History) {
        history.occurred_at.iter().for_each(|&at| self.days.see(at));
        self.note(history);
    }

    /// A history that is replaced, or goes.
    pub fn forget(&mut self, history: &History) {
        history.occurred_at.iter().for_each(|&at| self.days.forget(at));
    }

    fn note(&mut self, history: &History) {
        for at in [history.first_instant(), history.last_instant()].into_iter().flatten() {
            let (first, last) = self.span.unwrap_or((at, at));
            self.span = Some((first.min(at), last.max(at)));
        }
    }
}
