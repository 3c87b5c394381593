//! Reads that are repeated and requests that are refused, counted for the audit log instead of written one by one.

use std::collections::{BTreeMap, HashMap};

use homing_datasets::Micros;

use homing_profiles::access::AuditEntry;

/// Reads of one customer with one key within this time are one entry, and a second one that counts the others.
const READ_WINDOW: Micros = 60_000_000;
/// The same for listings, which show the same customers again and again.
const LIST_WINDOW: Micros = 60 * READ_WINDOW;
/// Reads that are remembered at one time; past them each is an entry of its own.
const REMEMBERED: usize = 200_000;
/// Refused requests are summed up over this time.
const REFUSAL_WINDOW: Micros = 60_000_000;
/// Kinds of refused requests that are told apart at one time.
const REFUSAL_KINDS: usize = 1_000;

/// A kind of read: key, action, customer and detail.
type Read = (String, String, Option<String>, String);

/// Reads that were noted a moment ago, so that whoever reads the same again and again does not fill the audit log.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    /// When it was noted, how often it was done again, and when last.
    seen: HashMap<Read, (Micros, u32, Micros)>,
    /// When those that are over were looked for.
    swept: Micros,
}

impl Repeats {
    fn window(action: &str) -> Option<Micros> {
        match action {
            "profile.list" | "feed.read" | "dead_letters.read" => Some(LIST_WINDOW),
            "profile.read" | "consent.read" => Some(READ_WINDOW),
            _ => None,
        }
    }

    /// Whether a read is to be noted; else it is counted.
    pub fn is_new(
        &mut self,
        key_id: &str,
        action: &str,
        (customer_id, detail): (Option<&str>, &str),
        at: Micros,
    ) -> bool {
        let Some(window) = Repeats::window(action) else { return true };
        let place = (key_id.to_owned(), action.to_owned(), customer_id.map(str::to_owned), detail.to_owned());
        match self.seen.get_mut(&place) {
            Some((first, more, last)) if at < *first + window => {
                *more = more.saturating_add(1);
                *last = at;
                false
            }
            // Its window is over, and it was not looked for since: what it counted goes on with this one.
            Some((first, _, last)) => {
                (*first, *last) = (at, at);
                true
            }
            None => {
                if self.seen.len() < REMEMBERED {
                    self.seen.insert(place, (at, 0, at));
                }
                true
            }
        }
    }

    /// The entries that count what was done again in windows that are over by now, or in all.
    pub fn over(&mut self, now: Micros, all: bool) -> Vec<AuditEntry> {
        // Everything is looked at: seldom enough to cost nothing.
        if !all && (self.seen.is_empty() || now < self.swept + REFUSAL_WINDOW / 10) {
            return Vec::new();
        }
        self.swept = now;
        let mut entries = Vec::new();
        self.seen.retain(|(key_id, action, customer_id, detail), (first, more, last)| {
            let over = all || Repeats::window(action).is_none_or(|window| now >= *first + window);
            if over && *more > 0 {
                entries.push(AuditEntry {
                    at: *last,
                    key_id: Some(key_id.clone()),
                    action: action.clone(),
                    customer_id: customer_id.clone(),
                    detail: match detail.as_str() {
                        "" => format!("{more} more times"),
                        detail => format!("{detail}: {more} more times"),
                    },
                });
            }
            !over
        });
        entries
    }
}

/// Requests that were refused, summed up.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    since: Option<Micros>,
    /// By key, code and route.
    counts: BTreeMap<(Option<String>, &'static str, String), u64>,
}

impl Refusals {
    /// Counts a refused request: by key, code and route.
    pub fn count(&mut self, kind: (Option<String>, &'static str, String), at: Micros) {
        self.since.get_or_insert(at);
        let known = self.counts.len() < REFUSAL_KINDS || self.counts.contains_key(&kind);
        let kind = if known { kind } else { (None, kind.1, "other routes".to_owned()) };
        *self.counts.entry(kind).or_default() += 1;
    }

    pub fn over(&mut self, now: Micros, all: bool) -> Vec<AuditEntry> {
        if self.since.is_none_or(|since| !all && now < since + REFUSAL_WINDOW) {
            return Vec::new();
        }
        self.since = None;
        let counts = std::mem::take(&mut self.counts);
        let entry = |((key_id, code, what), count): ((Option<String>, &str, String), u64)| AuditEntry {
            at: now,
            key_id,
            action: "request.refused".to_owned(),
            customer_id: None,
            detail: format!("{count} requests: {code}, {what}"),
        };
        counts.into_iter().map(entry).collect()
    }
}
