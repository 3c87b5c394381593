//! What became of the lines that were read: counts, rejects, warnings, and what all ids have in common.

use std::collections::{BTreeMap, HashMap};

use super::columns::COLUMNS;
use super::forms::ids::fingerprint;
use super::rejects::Rejects;
use crate::Warnings;
use crate::warnings::Code;

/// What became of the lines that were read.
pub(crate) struct Tally {
    pub(crate) rejects: Rejects,
    /// Lines of data.
    pub(crate) lines: u64,
    pub(crate) without_customer: u64,
    /// Lines that were left out because nothing was bought: unpaid, cancelled, tried out.
    pub(crate) not_bought: u64,
    /// Lines that are sums and remarks around the table.
    pub(crate) remarks: u64,
    /// Lines from before the instant asked for.
    pub(crate) before_since: u64,
    /// Lines of customers who were erased.
    pub(crate) erased: u64,
    /// Columns that occurred in some line of JSON.
    pub(crate) seen_in_json: [bool; COLUMNS],
    /// What is odd about lines that were taken in, or left out without being rejects.
    pub(crate) warnings: Warnings,
    /// Lines by currency.
    pub(crate) currencies: BTreeMap<String, u64>,
    /// Lines with a status that is not known, and its words.
    pub(crate) unknown_status: (u64, BTreeMap<String, u64>),
    pub(crate) similar: SimilarIds,
    /// Whether some customer's id is a text, and no whole number.
    pub(crate) text_ids: bool,
}

/// Currencies that are counted apart at most.
const CURRENCIES: usize = 64;

/// Unknown words of a status that are listed at most.
const WORDS: usize = 16;

impl Tally {
    pub(crate) fn new(list_rejects: bool) -> Self {
        Tally {
            rejects: Rejects::new(list_rejects),
            lines: 0,
            without_customer: 0,
            not_bought: 0,
            remarks: 0,
            before_since: 0,
            erased: 0,
            seen_in_json: [false; COLUMNS],
            warnings: Warnings::default(),
            currencies: BTreeMap::new(),
            unknown_status: (0, BTreeMap::new()),
            similar: SimilarIds::default(),
            text_ids: false,
        }
    }

    /// Takes in the tally of the lines that come after.
    pub(crate) fn absorb(&mut self, other: Tally) {
        self.rejects.absorb(other.rejects);
        self.lines += other.lines;
        self.without_customer += other.without_customer;
        self.not_bought += other.not_bought;
        self.remarks += other.remarks;
        self.before_since += other.before_since;
        self.erased += other.erased;
        self.warnings.absorb(other.warnings);
        self.similar.absorb(other.similar);
        self.text_ids |= other.text_ids;
        self.unknown_status.0 += other.unknown_status.0;
        for (word, lines) in other.unknown_status.1 {
            self.keep_word(&word, lines);
        }
        for (currency, lines) in other.currencies {
            self.count_currency(&currency, lines);
        }
        for (mine, theirs) in self.seen_in_json.iter_mut().zip(other.seen_in_json) {
            *mine |= theirs;
        }
    }

    pub(crate) fn count_currency(&mut self, currency: &str, lines: u64) {
        if let Some(count) = self.currencies.get_mut(currency) {
            *count += lines;
        } else if self.currencies.len() < CURRENCIES {
            self.currencies.insert(currency.to_owned(), lines);
        }
    }

    /// Counts a line whose status is not known.
    pub(crate) fn count_unknown_status(&mut self, word: &str) {
        self.unknown_status.0 += 1;
        self.keep_word(word, 1);
    }

    /// Of more words than are listed the first by alphabet stay, so that the order of the lines does not matter.
    fn keep_word(&mut self, word: &str, lines: u64) {
        let words = &mut self.unknown_status.1;
        if let Some(count) = words.get_mut(word) {
            *count += lines;
            return;
        }
        words.insert(word.to_owned(), lines);
        if words.len() > WORDS {
            words.pop_last();
        }
    }

    /// The warnings, with those that only all lines together give.
    pub(crate) fn all_warnings(&self) -> Warnings {
        let mut warnings = self.warnings.clone();
        if self.currencies.len() > 1 {
            let most = self.currencies.values().max().copied().unwrap_or(0);
            let others = self.currencies.values().sum::<u64>() - most;
            let named = self.currencies.iter().take(8).map(|(name, lines)| format!("{name} ({lines})"));
            warnings.add(Code::SeveralCurrencies, others, || named.collect::<Vec<_>>().join(", "));
        }
        let (lines, words) = &self.unknown_status;
        let named = words.iter().map(|(word, lines)| format!("`{word}` ({lines})"));
        warnings.add(Code::UnknownStatus, *lines, || named.collect::<Vec<_>>().join(", "));
        if let Some((count, example)) = self.similar.found() {
            warnings.add(Code::SimilarIds, count, || example);
        }
        warnings
    }
}

/// Ids among which similar ones are looked for. Where there are more, a fixed part of them is looked at.
const LOOKED_AT: usize = 16_384;

/// The least and the greatest of ids that share a fingerprint; the second where there are two.
type Pair = (Box<str>, Option<Box<str>>);

/// Looks for ids that differ in case, blanks or leading zeros alone. What is found does not depend on the order of the
/// lines: of more ids than fit those with the smallest fingerprints are kept.
#[derive(Default)]
pub(crate) struct SimilarIds {
    /// By fingerprint.
    known: HashMap<u64, Pair, std::hash::BuildHasherDefault<AsIs>>,
    /// Fingerprints above are not kept; 0 while all are.
    most: u64,
}

/// Fingerprints are hashes already.
#[derive(Default)]
pub(crate) struct AsIs(u64);

impl std::hash::Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, &byte| (hash << 8) ^ u64::from(byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

impl SimilarIds {
    #[inline]
    pub(crate) fn note(&mut self, id: &str) {
        let fingerprint = fingerprint(id);
        if self.most == 0 || fingerprint <= self.most {
            self.add(fingerprint, id);
        }
    }

    fn add(&mut self, fingerprint: u64, id: &str) {
        match self.known.get_mut(&fingerprint) {
            Some((least, greatest)) => {
                if **least == *id {
                    return;
                }
                if *id < **least {
                    let before = std::mem::replace(least, id.into());
                    if greatest.is_none() {
                        *greatest = Some(before);
                    }
                } else if greatest.as_deref().is_none_or(|greatest| *id > *greatest) {
                    *greatest = Some(id.into());
                }
            }
            None => {
                self.known.insert(fingerprint, (id.into(), None));
                if self.known.len() > 2 * LOOKED_AT {
                    self.shrink();
                }
            }
        }
    }

    fn shrink(&mut self) {
        let mut all: Vec<u64> = self.known.keys().copied().collect();
        let (_, &mut most, _) = all.select_nth_unstable(LOOKED_AT - 1);
        self.most = most;
        self.known.retain(|&fingerprint, _| fingerprint <= most);
    }

    fn absorb(&mut self, other: SimilarIds) {
        if other.most > 0 && (self.most == 0 || other.most < self.most) {
            self.most = other.most;
            self.known.retain(|&fingerprint, _| fingerprint <= other.most);
        }
        for (fingerprint, (least, greatest)) in other.known {
            if self.most == 0 || fingerprint <= self.most {
                self.add(fingerprint, &least);
                if let Some(greatest) = greatest {
                    self.add(fingerprint, &greatest);
                }
            }
        }
    }

    /// How many customers share all but the form of their id with another, and the first of them.
    fn found(&self) -> Option<(u64, String)> {
        let mut pairs: Vec<(u64, &str, &str)> = self
            .known
            .iter()
            .filter_map(|(&fingerprint, (least, greatest))| {
                Some((fingerprint, &**least, greatest.as_deref()?))
            })
            .collect();
        pairs.sort_unstable();
        // How many fingerprints are kept varies with the order; the smallest of them are always kept.
        let mut all: Vec<u64> = self.known.keys().copied().collect();
        if all.len() > LOOKED_AT {
            all.sort_unstable();
            let most = all[LOOKED_AT - 1];
            pairs.retain(|&(fingerprint, ..)| fingerprint <= most);
        }
        let (_, least, greatest) = pairs.first()?;
        let share = if self.most == 0 && all.len() <= LOOKED_AT {
            1.0
        } else {
            let most = all.get(LOOKED_AT - 1).copied().unwrap_or(self.most);
            u64::MAX as f64 / most.max(1) as f64
        };
        Some(((pairs.len() as f64 * share).round() as u64, format!("`{least}` and `{greatest}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_ids_are_found_in_whatever_order_they_come() {
        let ids: Vec<String> = (0..60_000)
            .map(|i| format!("{i}"))
            .chain((0..60_000).step_by(10).map(|i| format!("0{i}")))
            .collect();
        let of = |ids: &[&String]| {
            let mut similar = SimilarIds::default();
            ids.iter().for_each(|id| similar.note(id));
            similar
        };
        let forward: Vec<&String> = ids.iter().collect();
        let backward: Vec<&String> = ids.iter().rev().collect();
        let whole = of(&forward).found().unwrap();
        assert_eq!(of(&backward).found().unwrap(), whole);
        let mut parts = of(&forward[..40_000]);
        parts.absorb(of(&forward[40_000..]));
        assert_eq!(parts.found().unwrap(), whole);
        assert!((5000..7000).contains(&whole.0), "{whole:?}");
        assert_eq!(of(&forward[..60_000]).found(), None);
    }
}
