//! Random events for the tests of this crate.

use crate::event::{DAY, Event, Kind};

/// A small generator of numbers (splitmix64): the same seed gives the same numbers everywhere.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in 0..end.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn text(&mut self, of: &str) -> Option<String> {
        // Few texts, shared over the columns, so that ties and shared codes are common.
        match self.below(4) {
            0 => None,
            1 => Some(format!("shared{}", self.below(3))),
            _ => Some(format!("{of}{}", self.below(6))),
        }
    }
}

/// Valid events within 60 days, many of them at the same instant, some of them recorded late.
pub(crate) fn some_events(dice: &mut Dice, count: usize) -> Vec<Event> {
    (0..count).map(|_| some_event(dice)).collect()
}

fn some_event(dice: &mut Dice) -> Event {
    let kind = if dice.below(3) > 0 { Kind::Purchase } else { Kind::ALL[dice.below(13) as usize] };
    let occurred_at =
        dice.below(60) as i64 * DAY + if dice.below(3) == 0 { dice.below(1 << 36) as i64 } else { 0 };
    let amount = match dice.below(4) {
        0 => 0.0,
        1 => dice.below(1000) as f64,
        2 => dice.below(100_000) as f64 / 100.0,
        _ => dice.below(1 << 50) as f64 / 1e7,
    };
    let late = if dice.below(5) == 0 { dice.below(20) as i64 * DAY } else { 0 };
    let quantity = if dice.below(9) == 0 { 0.25 } else { dice.below(4) as f32 };
    let event = Event {
        recorded_at: occurred_at + late,
        quantity,
        order: dice.text("order"),
        product: dice.text("product"),
        category: dice.text("category"),
        channel: dice.text("channel"),
        promotion: dice.text("promotion"),
        ..Event::new(kind, occurred_at, amount)
    };
    event.checked().unwrap()
}
