//! Random events, and all that a view shows of them.

use homing_datasets::{DAY, Event, History, Kind};

/// splitmix64: the same numbers on every machine.
pub fn dice(state: &mut u64, end: u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) % end
}

pub fn random_event(state: &mut u64, from_day: i64) -> Event {
    let at = (from_day + dice(state, 30) as i64) * DAY + dice(state, 3) as i64;
    let mut text = |of: &str| (dice(state, 3) > 0).then(|| format!("{of}{}", dice(state, 5)));
    let (order, product, category, channel, promotion) =
        (text("o"), text("p"), text("x"), text("x"), text("p"));
    let kind = if dice(state, 4) > 0 { Kind::Purchase } else { Kind::ALL[dice(state, 13) as usize] };
    let late = if dice(state, 4) == 0 { dice(state, 40) as i64 * DAY } else { 0 };
    let event = Event::new(kind, at, dice(state, 5000) as f64 / 100.0);
    Event { recorded_at: at + late, order, product, category, channel, promotion, ..event }.checked().unwrap()
}

/// All that a view shows, with the texts behind its codes.
pub fn shown(history: &History, instant: i64) -> impl PartialEq + std::fmt::Debug + use<> {
    let view = history.as_of(instant);
    let columns = [view.order(), view.product(), view.category(), view.channel(), view.promotion()];
    let texts = columns.map(|codes| {
        codes.iter().map(|&code| (code, view.name(code).map(str::to_owned))).collect::<Vec<_>>()
    });
    let numbers =
        (view.occurred_at().to_vec(), view.kind().to_vec(), view.amount().to_vec(), view.quantity().to_vec());
    (view.instant(), view.len(), numbers, texts)
}
