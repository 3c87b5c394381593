//! Customers cut into ranges of ids, each about as heavy as the others.

/// Ranges of ids: the first holds the ids before the first bound, each other begins at its bound.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ranges {
    bounds: Vec<Box<str>>,
    /// Bytes that all bounds begin with.
    common: usize,
    /// The eight bytes of each bound after those, as a number: most comparisons need no more.
    keys: Vec<u64>,
    /// Where to begin among the keys, by how far a key is above the first of them, in steps of `1 << shift`.
    slots: Vec<u16>,
    shift: u32,
}

/// Slots at most: a power of two, so that a step is a shift.
const SLOTS: u64 = 1 << 12;

impl Ranges {
    /// Ranges that begin at these bounds, sorted and distinct.
    pub(super) fn new(mut bounds: Vec<Box<str>>) -> Self {
        bounds.sort_unstable();
        bounds.dedup();
        let common = match (bounds.first(), bounds.last()) {
            (Some(first), Some(last)) => first.bytes().zip(last.bytes()).take_while(|(a, b)| a == b).count(),
            _ => 0,
        };
        let keys: Vec<u64> = bounds.iter().map(|bound| key(&bound.as_bytes()[common..])).collect();
        let (first, last) = (keys.first().copied().unwrap_or(0), keys.last().copied().unwrap_or(0));
        let shift = (0..u64::BITS).find(|shift| (last - first) >> shift < SLOTS).unwrap_or(0);
        let slots = (0..=(last - first) >> shift)
            .map(|slot| keys.partition_point(|&key| (key - first) >> shift < slot) as u16)
            .collect();
        Ranges { bounds, common, keys, slots, shift }
    }

    /// Cuts so that each of about `count` ranges gets a like share of the sampled lines. A customer who alone has
    /// more than that gets a range of their own.
    pub(super) fn of_sample(mut sample: Vec<Box<str>>, count: usize) -> Self {
        sample.sort_unstable();
        let share = sample.len().div_ceil(count.max(1)).max(1);
        let mut bounds: Vec<Box<str>> =
            (share..sample.len()).step_by(share).map(|at| sample[at].clone()).collect();
        for twice in bounds.clone().windows(2).filter(|pair| pair[0] == pair[1]) {
            bounds.push(format!("{}\0", twice[0]).into());
        }
        Ranges::new(bounds)
    }

    /// Number of ranges.
    pub(super) fn len(&self) -> usize {
        self.bounds.len() + 1
    }

    /// The range of an id.
    pub(super) fn find(&self, id: &str) -> usize {
        let Some(first) = self.bounds.first() else { return 0 };
        let bytes = id.as_bytes();
        let common = &first.as_bytes()[..self.common];
        if !bytes.starts_with(common) {
            return if bytes < common { 0 } else { self.bounds.len() };
        }
        let wanted = key(&bytes[self.common..]);
        let Some(above) = self.keys.first().and_then(|first| wanted.checked_sub(*first)) else { return 0 };
        let Some(&begin) = self.slots.get((above >> self.shift) as usize) else { return self.bounds.len() };
        let begin = usize::from(begin);
        let from = begin + self.keys[begin..].iter().take_while(|&&key| key < wanted).count();
        let same = self.keys[from..].iter().take_while(|&&key| key == wanted).count();
        from + self.bounds[from..from + same].partition_point(|bound| **bound <= *id)
    }
}

/// The first eight bytes as a number that sorts as they do.
fn key(bytes: &[u8]) -> u64 {
    match bytes.first_chunk::<8>() {
        Some(first) => u64::from_be_bytes(*first),
        None => {
            let mut all = [0; 8];
            all[..bytes.len()].copy_from_slice(bytes);
            u64::from_be_bytes(all)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Dice;

    #[test]
    fn an_id_is_found_where_comparing_all_bounds_finds_it() {
        let mut dice = Dice(8);
        for round in 0..300 {
            let common = ["", "c", "customer-0000", "客户"][round % 4];
            let mut text = |longest| {
                let tail: String =
                    (0..dice.below(longest)).map(|_| ['\0', 'a', 'b', 'é'][dice.below(4) as usize]).collect();
                if dice.below(8) == 0 { tail } else { format!("{common}{tail}") }
            };
            let ranges = Ranges::new((0..round % 40).map(|_| text(14).into()).collect());
            for _ in 0..200 {
                let id = text(14);
                let expected = ranges.bounds.iter().filter(|bound| ***bound <= *id).count();
                assert_eq!(ranges.find(&id), expected, "{id:?} in {:?}", ranges.bounds);
            }
        }
    }

    #[test]
    fn ranges_share_the_lines_and_a_heavy_customer_stands_alone() {
        let mut sample: Vec<Box<str>> = (0..1000).map(|nth| format!("c{nth:04}").into()).collect();
        sample.extend((0..1000).map(|_| Box::from("c0500")));
        let ranges = Ranges::of_sample(sample.clone(), 10);
        let mut counts = vec![0; ranges.len()];
        sample.iter().for_each(|id| counts[ranges.find(id)] += 1);
        let alone = ranges.find("c0500");
        assert_eq!(counts[alone], 1001);
        assert!(counts.iter().enumerate().all(|(at, &count)| at == alone || count <= 201), "{counts:?}");
        assert_eq!(Ranges::of_sample(Vec::new(), 10).len(), 1);
    }
}
