//! One event in a block: how lines wait on the disk until their customer's turn comes.
//!
//! ```text
//! head (2 bytes) | occurred_at | amount | customer | kind | recorded_at | quantity | up to 5 texts
//! ```
//!
//! Lines of one order are mostly adjacent, so a text that equals the one before it in the block takes no space.
//! A block is read by the process that wrote it and no other: the form needs no version.

use crate::event::Kind;
use crate::{Error, Line, varint};

/// Bits of the head. The five texts take two bits each, from [`TEXTS`] on.
const SAME_CUSTOMER: u16 = 1;
const NO_PURCHASE: u16 = 2;
const LATE: u16 = 4;
const QUANTITY: u16 = 8;
const TEXTS: u16 = 4;

/// The head of a text.
const NONE: u16 = 0;
const SAME: u16 = 1;
const NEW: u16 = 2;

/// Bytes that every line has: the head, the instant and the amount.
const PLAIN: usize = 18;

/// Lines on their way into a block.
#[derive(Default)]
pub(super) struct Writer {
    pub(super) bytes: Vec<u8>,
    pub(super) rows: u32,
    customer: Span,
    texts: [Span; 5],
}

/// The position of the last text of a kind in the block; empty texts never do.
#[derive(Clone, Copy, Default)]
struct Span {
    at: u32,
    len: u32,
}

impl Span {
    fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.at as usize..(self.at + self.len) as usize]
    }
}

impl Writer {
    /// Adds a line.
    pub(super) fn push(&mut self, customer: &str, line: &Line<'_>) {
        let Writer { bytes, rows, customer: last, texts: lasts } = self;
        let place = bytes.len();
        let mut plain = [0; PLAIN];
        plain[2..10].copy_from_slice(&line.occurred_at.to_le_bytes());
        plain[10..].copy_from_slice(&line.amount.to_le_bytes());
        let mut head = 0;
        let same = *rows > 0 && last.of(bytes) == customer.as_bytes();
        bytes.extend_from_slice(&plain);
        if same {
            head |= SAME_CUSTOMER;
        } else {
            *last = put_text(bytes, customer);
        }
        if line.kind != Kind::Purchase {
            head |= NO_PURCHASE;
            bytes.push(line.kind as u8);
        }
        if line.recorded_at != line.occurred_at {
            head |= LATE;
            bytes.extend(line.recorded_at.to_le_bytes());
        }
        // Bits, not values: -0.0 and NaN must be read back unchanged.
        if line.quantity.to_bits() != 1f32.to_bits() {
            head |= QUANTITY;
            bytes.extend(line.quantity.to_le_bytes());
        }
        let texts = [line.order, line.product, line.category, line.channel, line.promotion];
        for (nth, (text, last)) in texts.into_iter().zip(lasts).enumerate() {
            let state = match text {
                None => NONE,
                Some(text) if last.len > 0 && last.of(bytes) == text.as_bytes() => SAME,
                Some(text) => {
                    *last = put_text(bytes, text);
                    NEW
                }
            };
            head |= state << (TEXTS + 2 * nth as u16);
        }
        bytes[place..place + 2].copy_from_slice(&head.to_le_bytes());
        *rows += 1;
    }

    /// Empties the writer; its memory is kept.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        (self.rows, self.customer, self.texts) = (0, Span::default(), [Span::default(); 5]);
    }
}

fn put_text(bytes: &mut Vec<u8>, text: &str) -> Span {
    varint::put(bytes, text.len() as u64);
    let at = bytes.len() as u32;
    bytes.extend_from_slice(text.as_bytes());
    Span { at, len: text.len() as u32 }
}

/// Gives out the lines of a block, oldest first. `same` says whether the customer is that of the line before.
///
/// # Errors
/// [`Error::DamagedScratch`] when the bytes are not what [`Writer`] writes, and whatever `take` says.
pub(super) fn read<'a>(
    bytes: &'a [u8],
    mut take: impl FnMut(&'a str, bool, &Line<'a>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut input = Input(bytes);
    let mut customer = "";
    let mut lasts = [""; 5];
    while !input.0.is_empty() {
        let Some((same, line)) = input.line(&mut customer, &mut lasts) else {
            return Err(Error::DamagedScratch);
        };
        take(customer, same, &line)?;
    }
    Ok(())
}

/// What is left of a block. Its methods return nothing where it is damaged: an error would be built and dropped for
/// each value.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// The next line, and whether its customer is that of the line before.
    #[inline]
    fn line(&mut self, customer: &mut &'a str, lasts: &mut [&'a str; 5]) -> Option<(bool, Line<'a>)> {
        let head = u16::from_le_bytes(self.array()?);
        let occurred_at = i64::from_le_bytes(self.array()?);
        let amount = f64::from_le_bytes(self.array()?);
        let same = head & SAME_CUSTOMER != 0;
        if !same {
            *customer = self.text()?;
        }
        let kind = match head & NO_PURCHASE {
            0 => Kind::Purchase,
            _ => Kind::from_code(u8::from_le_bytes(self.array()?))?,
        };
        let recorded_at = if head & LATE == 0 { occurred_at } else { i64::from_le_bytes(self.array()?) };
        let quantity = if head & QUANTITY == 0 { 1.0 } else { f32::from_le_bytes(self.array()?) };
        let mut texts = [None; 5];
        for (nth, (text, last)) in texts.iter_mut().zip(lasts).enumerate() {
            match head >> (TEXTS + 2 * nth as u16) & 3 {
                NONE => {}
                SAME => *text = Some(*last),
                NEW => {
                    *last = self.text()?;
                    *text = Some(*last);
                }
                _ => return None,
            }
        }
        let [order, product, category, channel, promotion] = texts;
        let line = Line {
            occurred_at,
            recorded_at,
            kind,
            amount,
            quantity,
            order,
            product,
            category,
            channel,
            promotion,
        };
        Some((same, line))
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    #[inline]
    fn text(&mut self) -> Option<&'a str> {
        let len = varint::take(&mut self.0)? as usize;
        let (text, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;
    use crate::testing::{Dice, some_events};

    #[test]
    fn what_was_written_is_read() {
        let mut dice = Dice(5);
        let events = some_events(&mut dice, 2000);
        let long = "long".repeat(200);
        let names: Vec<&str> = (0..2000).map(|_| ["a", "b", "", &long][dice.below(4) as usize]).collect();
        let mut writer = Writer::default();
        for round in 0..2 {
            writer.clear();
            for (event, name) in events.iter().zip(&names).skip(round) {
                writer.push(name, &Line::from(event));
            }
            let mut expected = events.iter().zip(&names).skip(round);
            read(&writer.bytes, |customer, _, line| {
                let (event, name): (&Event, _) = expected.next().unwrap();
                assert_eq!((customer, line), (*name, &Line::from(event)));
                Ok(())
            })
            .unwrap();
            assert!(expected.next().is_none());
            assert_eq!(writer.rows as usize, 2000 - round);
        }
    }

    #[test]
    fn a_plain_line_takes_few_bytes_and_damage_is_an_error() {
        let mut writer = Writer::default();
        writer.push("c123456", &Line::new(Kind::Purchase, 5, 1.5));
        assert_eq!(writer.bytes.len(), 26);
        for len in 1..26 {
            assert!(read(&writer.bytes[..len], |_, _, _| Ok(())).is_err(), "cut at {len}");
        }
    }
}
