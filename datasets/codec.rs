//! A history as bytes, for stores and for shipping it to other processes.
//!
//! ```text
//! "HH" version=1 | events | names | times | kinds | amounts | quantities | 5 code columns | late | crc32
//! ```
//!
//! Whole numbers are LEB128 varints, signed ones zigzag-coded. Times are steps from one event to the next in
//! the largest unit (day, minute, second, microsecond) that fits all of them. An amount that is a whole number
//! of hundredths is stored as such, any other as its 8 bytes. The checksum covers everything before it.

use crate::Error;
use crate::event::{DAY, Kind, Micros};
use crate::history::History;
use crate::varint::{self, put};

const MAGIC: [u8; 2] = *b"HH";
const VERSION: u8 = 1;
const CHECKSUM: usize = 4;

/// Units of the steps between events, largest first; stored by position.
const UNITS: [Micros; 4] = [DAY, 60_000_000, 1_000_000, 1];

impl History {
    /// The history as bytes: compact, with a version and a checksum. Equal histories give equal bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(32 + self.len() * 10 + self.names.len() * 8);
        out.extend(MAGIC);
        out.push(VERSION);
        put(&mut out, self.len() as u64);
        put(&mut out, self.names.len() as u64);
        for name in &self.names {
            put(&mut out, name.len() as u64);
            out.extend(name.as_bytes());
        }
        self.put_times(&mut out);
        put_runs(&mut out, self.kind.iter().map(|&kind| kind as u8));
        for &amount in &self.amount {
            match hundredths(amount) {
                Some(whole) => put(&mut out, zigzag(whole) << 1),
                None => {
                    out.push(1);
                    out.extend(amount.to_bits().to_le_bytes());
                }
            }
        }
        for &quantity in &self.quantity {
            match pieces(quantity) {
                Some(whole) => put(&mut out, zigzag(whole) << 1),
                None => {
                    out.push(1);
                    out.extend(quantity.to_bits().to_le_bytes());
                }
            }
        }
        for column in [&self.order, &self.product, &self.category, &self.channel, &self.promotion] {
            // Most businesses leave some of these columns empty.
            let used = column.iter().any(|&code| code != 0);
            out.push(u8::from(used));
            if used {
                column.iter().for_each(|&code| put(&mut out, u64::from(code)));
            }
        }
        put(&mut out, self.late.len() as u64);
        let mut previous = 0;
        for &(at, recorded_at) in &self.late {
            put(&mut out, u64::from(at - previous));
            put(&mut out, recorded_at.wrapping_sub(self.occurred_at[at as usize]) as u64);
            previous = at;
        }
        let checksum = crc32fast::hash(&out);
        out.extend(checksum.to_le_bytes());
        out
    }

    fn put_times(&self, out: &mut Vec<u8>) {
        let Some(&first) = self.occurred_at.first() else { return };
        let steps = || self.occurred_at.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]) as u64);
        let fits = |unit: &Micros| steps().all(|step| step % *unit as u64 == 0);
        let unit = UNITS.iter().position(fits).unwrap_or(UNITS.len() - 1);
        out.push(unit as u8);
        put(out, zigzag(first));
        steps().for_each(|step| put(out, step / UNITS[unit] as u64));
    }

    /// The number of events in what [`History::to_bytes`] wrote, without reading the rest.
    pub(crate) fn events_of_bytes(bytes: &[u8]) -> Result<u64, Error> {
        let damaged = |reason| Error::DamagedHistory { reason };
        let rest = bytes.get(MAGIC.len() + 1..).ok_or_else(|| damaged("it is truncated"))?;
        Input(rest).varint().map_err(damaged)
    }

    /// Reads what [`History::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`Error::DamagedHistory`] when the bytes are cut off, changed, or of a version this build does not know.
    /// Whatever the bytes, nothing is allocated that is much larger than they are.
    pub fn from_bytes(bytes: &[u8]) -> Result<History, Error> {
        decode(bytes).map_err(|reason| Error::DamagedHistory { reason })
    }
}

type Read<T> = Result<T, &'static str>;

fn decode(bytes: &[u8]) -> Read<History> {
    let Some((rest, version)) =
        bytes.strip_prefix(&MAGIC).and_then(|rest| Some((rest.get(1..)?, *rest.first()?)))
    else {
        return Err("it does not start with the header of a history");
    };
    if version != VERSION {
        return Err("its format version is not supported");
    }
    let Some((body, checksum)) = rest.len().checked_sub(CHECKSUM).map(|at| rest.split_at(at)) else {
        return Err("it is truncated");
    };
    if crc32fast::hash(&bytes[..bytes.len() - CHECKSUM]).to_le_bytes() != checksum {
        return Err("its checksum does not match");
    }
    let mut input = Input(body);
    let history = input.history()?;
    if !input.0.is_empty() {
        return Err("it has trailing data");
    }
    Ok(history)
}

/// What is left to read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn history(&mut self) -> Read<History> {
        // An event takes at least three bytes (time, amount, quantity), a name at least one: counts beyond
        // that are refused before memory is allocated.
        let events = self.count(3)?;
        let names = self.count(1)?;
        let names = (0..names).map(|_| self.name()).collect::<Read<Vec<Box<str>>>>()?;
        let occurred_at = self.times(events)?;
        let kind = self.kinds(events)?;
        let amount = (0..events).map(|_| self.amount()).collect::<Read<Vec<f64>>>()?;
        let quantity = (0..events).map(|_| self.quantity()).collect::<Read<Vec<f32>>>()?;
        let order = self.codes(events, names.len())?;
        let product = self.codes(events, names.len())?;
        let category = self.codes(events, names.len())?;
        let channel = self.codes(events, names.len())?;
        let promotion = self.codes(events, names.len())?;
        let late = self.late(&occurred_at)?;
        Ok(History {
            occurred_at,
            kind,
            amount,
            quantity,
            order,
            product,
            category,
            channel,
            promotion,
            late,
            names,
        })
    }

    fn take(&mut self, len: usize) -> Read<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or("it is truncated")?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Read<u8> {
        self.take(1).map(|byte| byte[0])
    }

    fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn varint(&mut self) -> Read<u64> {
        varint::take(&mut self.0).ok_or("it is truncated or has an overlong number")
    }

    /// A count of things that take at least so many bytes each.
    fn count(&mut self, bytes_each: usize) -> Read<usize> {
        let count = self.varint()?;
        let most = self.0.len() / bytes_each;
        usize::try_from(count).ok().filter(|&count| count <= most).ok_or("a count exceeds the data")
    }

    fn name(&mut self) -> Read<Box<str>> {
        let len = self.count(1)?;
        std::str::from_utf8(self.take(len)?).map(Box::from).map_err(|_| "a name is not valid UTF-8")
    }

    fn times(&mut self, events: usize) -> Read<Vec<Micros>> {
        let mut times = Vec::with_capacity(events);
        if events == 0 {
            return Ok(times);
        }
        let unit = *UNITS.get(usize::from(self.byte()?)).ok_or("its time unit is unknown")?;
        let mut time = unzigzag(self.varint()?);
        times.push(time);
        for _ in 1..events {
            let step = i64::try_from(self.varint()?).ok().and_then(|step| step.checked_mul(unit));
            time = step.and_then(|step| time.checked_add(step)).ok_or("a time is out of range")?;
            times.push(time);
        }
        Ok(times)
    }

    fn kinds(&mut self, events: usize) -> Read<Vec<Kind>> {
        let mut kinds = Vec::with_capacity(events);
        while kinds.len() < events {
            let kind = Kind::from_code(self.byte()?).ok_or("an event kind is unknown")?;
            let run =
                usize::try_from(self.varint()?).ok().filter(|&run| run > 0 && run <= events - kinds.len());
            kinds.resize(kinds.len() + run.ok_or("a run of event kinds has the wrong length")?, kind);
        }
        Ok(kinds)
    }

    fn amount(&mut self) -> Read<f64> {
        match self.varint()? {
            1 => self.array().map(|bits| f64::from_bits(u64::from_le_bytes(bits))),
            whole if whole & 1 == 0 => Ok(unzigzag(whole >> 1) as f64 / 100.0),
            _ => Err("an amount is malformed"),
        }
    }

    fn quantity(&mut self) -> Read<f32> {
        match self.varint()? {
            1 => self.array().map(|bits| f32::from_bits(u32::from_le_bytes(bits))),
            whole if whole & 1 == 0 => Ok(unzigzag(whole >> 1) as f32),
            _ => Err("a quantity is malformed"),
        }
    }

    fn codes(&mut self, events: usize, names: usize) -> Read<Vec<u32>> {
        match self.byte()? {
            0 => Ok(vec![0; events]),
            1 => (0..events)
                .map(|_| {
                    let code = u32::try_from(self.varint()?).ok().filter(|&code| code as usize <= names);
                    code.ok_or("a code has no name")
                })
                .collect(),
            _ => Err("a column is malformed"),
        }
    }

    fn late(&mut self, occurred_at: &[Micros]) -> Read<Vec<(u32, Micros)>> {
        let count = self.count(2)?;
        let mut late: Vec<(u32, Micros)> = Vec::with_capacity(count);
        for _ in 0..count {
            let step = self.varint()?;
            let at = match late.last() {
                Some(_) if step == 0 => None,
                Some(&(previous, _)) => u64::from(previous).checked_add(step),
                None => Some(step),
            };
            let at = at.and_then(|at| u32::try_from(at).ok()).ok_or("a late event is out of order")?;
            let occurred = occurred_at.get(at as usize).ok_or("a late event does not exist")?;
            let delay = i64::try_from(self.varint()?).ok().filter(|&delay| delay > 0);
            let recorded =
                delay.and_then(|delay| occurred.checked_add(delay)).ok_or("a delay is out of range")?;
            late.push((at, recorded));
        }
        Ok(late)
    }
}

fn put_runs(out: &mut Vec<u8>, values: impl Iterator<Item = u8>) {
    let mut values = values.peekable();
    while let Some(value) = values.next() {
        let mut run = 1;
        while values.next_if_eq(&value).is_some() {
            run += 1;
        }
        out.push(value);
        put(out, run);
    }
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// The amount as a whole number of hundredths, if that gives back the very same bits.
fn hundredths(amount: f64) -> Option<i64> {
    let whole = (amount * 100.0).round();
    // Below 2^53 every whole number is exact; NaN fails the comparison.
    let fits = whole.abs() < 9e15 && (whole as i64 as f64 / 100.0).to_bits() == amount.to_bits();
    fits.then_some(whole as i64)
}

/// The quantity as a whole number, if that gives back the very same bits.
fn pieces(quantity: f32) -> Option<i64> {
    let fits = quantity.abs() < 1e7 && (quantity as i64 as f32).to_bits() == quantity.to_bits();
    fits.then_some(quantity as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::testing::{Dice, some_events};

    fn some_histories() -> Vec<History> {
        let mut dice = Dice(11);
        let mut histories = vec![History::default()];
        histories.extend((1..60).map(|count| History::from_events(some_events(&mut dice, count))));
        histories
    }

    #[test]
    fn what_was_written_is_read() {
        for history in some_histories() {
            let bytes = history.to_bytes();
            assert_eq!(History::from_bytes(&bytes).unwrap(), history);
            let again = History::from_events(history.events().collect());
            assert_eq!(again.to_bytes(), bytes, "equal histories, equal bytes");
        }
    }

    #[test]
    fn every_number_survives_to_the_bit() {
        let amounts =
            [0.0, 0.1, 0.1 + 0.2, 1.0 / 3.0, 19.99, 1e12, 1e-300, 90071992547409.92, f64::MIN_POSITIVE];
        for amount in amounts.into_iter().flat_map(|amount| [amount, -amount]) {
            for quantity in [0.0, 1.0, -3.0, 0.1, 9_999_999.0, 1e30, -0.0] {
                let event = Event { quantity, ..Event::new(Kind::Visit, -5, amount) };
                let read = History::from_bytes(&History::from_events(vec![event]).to_bytes()).unwrap();
                let view = read.as_of(0);
                assert_eq!(view.amount()[0].to_bits(), amount.to_bits());
                assert_eq!(view.quantity()[0].to_bits(), quantity.to_bits());
            }
        }
    }

    #[test]
    fn a_plain_purchase_takes_few_bytes() {
        let buy = |day: i64| Event {
            product: Some("85123A".into()),
            ..Event::new(Kind::Purchase, day * DAY, 15.3)
        };
        let bytes = History::from_events((14_000..14_100).map(buy).collect()).to_bytes();
        assert!(bytes.len() < 6 * 100, "{} bytes for 100 events", bytes.len());
    }

    #[test]
    fn damage_is_noticed() {
        for history in some_histories().into_iter().step_by(7) {
            let bytes = history.to_bytes();
            for len in 0..bytes.len() {
                assert!(History::from_bytes(&bytes[..len]).is_err(), "cut at {len}");
            }
            for at in 0..bytes.len() {
                for bit in 0..8 {
                    let mut flipped = bytes.clone();
                    flipped[at] ^= 1 << bit;
                    assert!(History::from_bytes(&flipped).is_err(), "bit {bit} of byte {at}");
                }
            }
            let longer = [&bytes[..], &[0]].concat();
            assert!(History::from_bytes(&longer).is_err());
        }
    }

    /// Damage behind a right checksum, as a hostile writer would make it: whatever is accepted must be usable.
    #[test]
    fn no_bytes_make_the_reader_fail_badly() {
        let mut dice = Dice(3);
        let histories = some_histories();
        let mut accepted = 0;
        for round in 0..40_000 {
            let mut bytes = histories[dice.below(20) as usize].to_bytes();
            bytes.truncate(bytes.len() - CHECKSUM);
            for _ in 0..=dice.below(3) {
                let at = 3 + dice.below(bytes.len() as u64 - 3) as usize;
                bytes[at] = if dice.below(4) == 0 { 0xff } else { dice.next() as u8 };
            }
            if round % 5 == 0 {
                bytes.truncate(3 + dice.below(bytes.len() as u64 - 3) as usize);
            }
            bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
            if let Ok(history) = History::from_bytes(&bytes) {
                accepted += 1;
                assert!(history.len() <= bytes.len() && history.events().count() == history.len());
                let view = history.as_of(i64::MAX);
                assert!(view.product().iter().all(|&code| (code as usize) < view.codes()));
                assert!(view.occurred_at().is_sorted());
                assert_eq!(History::from_bytes(&history.to_bytes()).unwrap().to_bytes(), history.to_bytes());
            }
        }
        assert!(accepted > 100, "the check must reach histories that are accepted, not only refusals");
    }

    #[test]
    fn counts_beyond_the_bytes_are_refused_before_room_is_made() {
        let mut bytes = [&MAGIC[..], &[VERSION]].concat();
        put(&mut bytes, u64::MAX / 2);
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        let refused = History::from_bytes(&bytes).unwrap_err().to_string();
        assert!(refused.contains("a count exceeds the data"), "{refused}");
    }
}
