//! Texts kept once, each under a small number.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};
use rayon::prelude::*;

use crate::Error;

/// A table of texts: one long text and where each of them ends, so that a million short ones cost no
/// million allocations.
#[derive(Default)]
pub(crate) struct Names {
    hasher: DefaultHashBuilder,
    table: HashTable<u32>,
    text: String,
    ends: Vec<usize>,
}

impl Names {
    /// Number of texts.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The text under a number below [`Names::len`].
    pub(crate) fn get(&self, at: u32) -> &str {
        span(&self.text, &self.ends, at)
    }

    /// The numbers of all texts, in the order of the texts.
    pub(crate) fn sorted(&self) -> Vec<u32> {
        // The first eight bytes decide almost always, and comparing them needs no look at the text.
        let mut keyed: Vec<(u64, u32)> = (0..self.len() as u32)
            .map(|at| {
                let bytes = self.get(at).as_bytes();
                let mut first = [0; 8];
                let known = bytes.len().min(8);
                first[..known].copy_from_slice(&bytes[..known]);
                (u64::from_be_bytes(first), at)
            })
            .collect();
        keyed.par_sort_unstable_by(|&(key, a), &(other, b)| {
            key.cmp(&other).then_with(|| self.get(a).cmp(self.get(b)))
        });
        keyed.into_iter().map(|(_, at)| at).collect()
    }

    /// Bytes that the table takes.
    pub(crate) fn bytes(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * size_of::<usize>() + self.table.allocation_size()
    }

    /// The number of a text; a new one takes the next number.
    pub(crate) fn number(&mut self, text: &str) -> Result<u32, Error> {
        let Names { hasher, table, text: all, ends } = self;
        let hash = hasher.hash_one(text);
        if let Some(&at) = table.find(hash, |&at| span(all, ends, at) == text) {
            return Ok(at);
        }
        // u32::MAX stays free, so that number + 1 is a code too.
        let at = u32::try_from(ends.len()).ok().filter(|&at| at < u32::MAX).ok_or(Error::TooManyTexts)?;
        all.push_str(text);
        ends.push(all.len());
        table.insert_unique(hash, at, |&at| hasher.hash_one(span(all, ends, at)));
        Ok(at)
    }
}

#[inline]
fn span<'a>(text: &'a str, ends: &[usize], at: u32) -> &'a str {
    let at = at as usize;
    let start = if at == 0 { 0 } else { ends[at - 1] };
    &text[start..ends[at]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_its_number_and_a_number_its_text() {
        let mut names = Names::default();
        let texts: Vec<String> = (0..5000).map(|i| format!("text {}", i % 1700)).collect();
        for (i, text) in texts.iter().enumerate() {
            assert_eq!(names.number(text).unwrap() as usize, i % 1700);
        }
        assert_eq!(names.number("").unwrap(), 1700);
        assert_eq!(names.len(), 1701);
        assert_eq!((names.get(0), names.get(1699), names.get(1700)), ("text 0", "text 1699", ""));
        names.number("text\0").unwrap();
        names.number("te").unwrap();
        names.number("te\0").unwrap();
        let mut expected: Vec<u32> = (0..names.len() as u32).collect();
        expected.sort_by_key(|&at| names.get(at));
        assert_eq!(names.sorted(), expected);
    }
}
