//! What is wrong with a catalogue, and where.

/// Something in a catalogue that homing does not understand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{source_name}:{line}:{column}: {problem}; {hint}")]
pub struct Error {
    /// The catalogue's name, as given to [`super::Catalogue::parse`].
    pub source_name: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub hint: String,
}

/// Line and column (from 1, in characters) of a byte of a text.
pub(super) fn position(text: &str, at: usize) -> (usize, usize) {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// The name with the most similar spelling, if one is close (Damerau's edits: at most a third of its length).
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (distance(name, candidate), candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count() / 3).max(1))
        .map(|(_, candidate)| candidate)
}

/// Edits that turn one text into another (Levenshtein 1966; two neighbours swapped count as one edit).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut next = vec![i];
        for j in 1..=b.len() {
            let substituted = row[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = substituted.min(row[j] + 1).min(next[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        assert_eq!(position("a\n标签b", 0), (1, 1));
        assert_eq!(position("a\n标签b", "a\n标签".len()), (2, 3));
        assert_eq!(position("a\n标签b", 4), (2, 1), "inside a character");
        assert_eq!(position("a\n", 99), (2, 1));
    }

    #[test]
    fn the_nearest_name_is_near() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("chrun", "churn"), 1);
        assert_eq!(distance("", "abc"), 3);
        let known = ["churn_risk", "recency_days", "orders"];
        assert_eq!(nearest("chrun_risk", known.into_iter()), Some("churn_risk"));
        assert_eq!(nearest("favourite_colour", known.into_iter()), None);
    }
}
