//! Why a customer fades, as far as the history shows: causes ranked by the last orders and the time since.
//!
//! Each cause has marks that the others do not have (complaints with or without an order, returns, campaigns only, a
//! category gone, lengthening gaps); marks add up to a score. Nothing that speaks for any of them is a cause too: some
//! leave from one day to the next.

use homing_datasets::{Kind, View, Zone};

/// The causes, by name.
pub(super) const CAUSES: [&str; 6] = ["price", "service", "delivery", "outgrown", "rhythm", "silent"];

/// The score of "silent", which any real mark exceeds.
const NOTHING_SHOWS: f64 = 0.3;

struct Order {
    day: i32,
    at: usize,
    value: f64,
    promoted: bool,
}

/// The three likeliest causes, the likeliest first; none for fewer than two orders.
pub(super) fn causes(view: &View<'_>, zone: Zone) -> [Option<&'static str>; 3] {
    let (kinds, amounts, categories) = (view.kind(), view.amount(), view.category());
    let order = |order: homing_datasets::Order| Order {
        promoted: view.lines(&order).any(|at| view.promotion()[at] != 0),
        day: order.day,
        at: order.events.start,
        value: order.amount,
    };
    let orders: Vec<Order> = view.orders(zone).map(order).collect();
    if orders.len() < 2 {
        return [None; 3];
    }
    // The end of the story: the last orders, three where there are enough to compare them with.
    let late = (orders.len() / 2).clamp(1, 3);
    let (before, lately) = orders.split_at(orders.len() - late);
    let from = lately[0].at;
    let begins = view.occurred_at()[from];
    let mut marks = Marks::default();
    for at in 0..view.len() {
        // A complaint may have come shortly before the last orders.
        let near = view.occurred_at()[at] >= begins - 45 * homing_datasets::DAY;
        let with_order = view.order()[at] != 0;
        match kinds[at] {
            Kind::Complaint if near && with_order => marks.complaints_of_orders += 1.0,
            Kind::Complaint if near => marks.complaints += 1.0,
            Kind::RefundRequest if near && with_order => marks.refunds_of_orders += 1.0,
            Kind::RefundRequest if near => marks.refunds += 1.0,
            Kind::Return if at >= from => marks.returns += 1.0,
            Kind::Purchase if at >= from => marks.lines += 1.0,
            Kind::AddToCart if at >= from => marks.carts += 1.0,
            Kind::Unfollow if near => marks.unfollowed = 1.0,
            Kind::Nps if near => marks.unhappy = f64::from(u8::from(amounts[at] <= 4.0)),
            _ => {}
        }
    }
    let promoted = |orders: &[Order]| {
        orders.iter().filter(|order| order.promoted).count() as f64 / orders.len().max(1) as f64
    };
    let mean = |orders: &[Order]| orders.iter().map(|o| o.value.ln()).sum::<f64>() / orders.len() as f64;
    let smaller = ((mean(before) - mean(lately)) / 0.7).clamp(0.0, 1.0);
    let scores = [
        (promoted(lately) - 0.5 * promoted(before)).max(0.0)
            + 0.5 * smaller
            + 0.4 * (marks.carts / 3.0).min(1.0),
        1.6 * marks.complaints.min(2.0)
            + marks.refunds.min(1.0)
            + 0.4 * marks.unhappy
            + 0.3 * marks.unfollowed,
        1.3 * marks.complaints_of_orders.min(2.0)
            + marks.refunds_of_orders.min(1.0)
            + 1.2 * (2.0 * marks.returns / marks.lines.max(1.0)).min(1.0)
            + 0.2 * marks.unhappy
            + 0.2 * marks.unfollowed,
        gone(view, categories, before, from) + 0.4 * smaller,
        slower(&orders, late) + 0.2 * marks.unfollowed,
        NOTHING_SHOWS,
    ];
    let mut ranked: [usize; 6] = std::array::from_fn(|at| at);
    ranked.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    std::array::from_fn(|at| Some(ranked[at]).filter(|&cause| scores[cause] > 0.0).map(|cause| CAUSES[cause]))
}

#[derive(Default)]
struct Marks {
    complaints: f64,
    complaints_of_orders: f64,
    refunds: f64,
    refunds_of_orders: f64,
    returns: f64,
    lines: f64,
    carts: f64,
    unfollowed: f64,
    unhappy: f64,
}

/// How much of what was bought before is of categories that the last orders have not, 0 to 1.
fn gone(view: &View<'_>, categories: &[u32], before: &[Order], from: usize) -> f64 {
    if before.is_empty() {
        return 0.0;
    }
    let bought = |at: usize| view.is_purchase(at) && categories[at] != 0;
    let (mut all, mut gone) = (0.0, 0.0);
    // The last ten orders before are what the customer was like.
    let start = before[before.len().saturating_sub(10)].at;
    for at in (start..from).filter(|&at| bought(at)) {
        all += view.amount()[at];
        let kept = (from..view.len()).any(|late| bought(late) && categories[late] == categories[at]);
        gone += if kept { 0.0 } else { view.amount()[at] };
    }
    if all > 0.0 { gone / all } else { 0.0 }
}

/// How much longer the last gaps are than those before, 0 (no longer) to 1.2 (over two and a half times).
fn slower(orders: &[Order], late: usize) -> f64 {
    let mut gaps: Vec<f64> = orders.windows(2).map(|pair| f64::from(pair[1].day - pair[0].day)).collect();
    if gaps.len() < 2 {
        return 0.1;
    }
    let lately = gaps.split_off(gaps.len().saturating_sub(late).max(1));
    gaps.sort_by(f64::total_cmp);
    let usual = gaps[gaps.len() / 2].max(1.0);
    let now = lately.iter().sum::<f64>() / lately.len() as f64;
    1.2 * ((now / usual).max(1.0).ln() / 2.5_f64.ln()).min(1.0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use homing_datasets::simulate::{Cause, Chain, State};
    use homing_datasets::{DAY, History};
    use homing_models::features::{COUNT, Scratch, compute};
    use homing_models::{NotScored, Outcome};

    use super::*;
    use crate::Catalogue;

    /// Customers of the chain with their history, and the day on which they are looked at: the day of their last
    /// purchase at the latest for those who leave, the last day for the others.
    fn looked_at(chain: Chain) -> Vec<(History, i64, Cause, State)> {
        let mut all = Vec::new();
        for number in 0..chain.customers {
            let one = chain.customer(number);
            let day = one.truth.leaves_day.unwrap_or(chain.until_day).min(chain.until_day);
            let history = History::from_events(one.events);
            all.push((history, i64::from(day + 1) * DAY - 1, one.truth.cause, one.truth.state));
        }
        all
    }

    #[test]
    fn the_true_cause_is_among_the_first_three() {
        let chain = Chain { customers: 4_000, seed: 21, ..Chain::default() };
        let (mut asked, mut first, mut three) = (0.0, 0.0, 0.0);
        let mut by_cause: BTreeMap<&str, (f64, f64, f64)> = BTreeMap::new();
        for (history, _, cause, state) in looked_at(chain) {
            let view = history.as_of((i64::from(chain.until_day) + 1) * DAY - 1);
            let named = causes(&view, Zone::default());
            // One-time buyers have no purchase cycle to break.
            if state != State::Left || named[0].is_none() {
                continue;
            }
            let right = |at: usize| named[at] == Some(cause.name());
            let hit = f64::from(u8::from(right(0)));
            let hit3 = f64::from(u8::from((0..3).any(right)));
            (asked, first, three) = (asked + 1.0, first + hit, three + hit3);
            let one = by_cause.entry(cause.name()).or_default();
            (one.0, one.1, one.2) = (one.0 + 1.0, one.1 + hit, one.2 + hit3);
        }
        for (cause, (n, first, three)) in &by_cause {
            println!("{cause:<10} {n:>5}  first {:.3}  first three {:.3}", first / n, three / n);
        }
        println!("all        {asked:>5}  first {:.3}  first three {:.3}", first / asked, three / asked);
        assert!(asked > 500.0 && three / asked >= 0.8, "{} of {asked}", three / asked);
    }

    #[test]
    fn signals_tell_those_who_leave_from_those_who_stay() {
        let bound = Catalogue::shipped().unwrap().bind(&[30, 90, 365]);
        let chain = Chain { customers: 4_000, seed: 22, ..Chain::default() };
        // Which causes a signal speaks of.
        let meant: [(&str, &[Cause]); 7] = [
            ("signal.complaint_refund", &[Cause::Service, Cause::Delivery]),
            ("signal.complaint", &[Cause::Service, Cause::Delivery]),
            (
                "signal.unfollowed",
                &[Cause::Service, Cause::Delivery, Cause::Rhythm, Cause::Outgrown, Cause::Price],
            ),
            ("signal.basket_down", &[Cause::Price, Cause::Outgrown, Cause::Rhythm]),
            ("signal.posts_fewer", &[Cause::Rhythm, Cause::Outgrown]),
            ("signal.category_abandoned", &[Cause::Outgrown]),
            ("signal.promotions_ignored", &[Cause::Rhythm, Cause::Service]),
        ];
        let mut counts = [(0.0, 0.0, 0.0, 0.0); 7];
        for (history, as_of, cause, state) in looked_at(chain) {
            if !matches!(state, State::Left | State::Active) {
                continue;
            }
            let view = history.as_of(as_of);
            let mut features = vec![f64::NAN; COUNT];
            compute(&view, Zone::default(), &mut Scratch::default(), &mut features);
            let tags = bound.evaluate_view(&view, &features, &Outcome::NotScored(NotScored::NoPurchase));
            for ((signal, causes), (true_, hit, stay, alarm)) in meant.iter().zip(&mut counts) {
                let has = f64::from(u8::from(tags.iter().any(|tag| tag.name == *signal)));
                if causes.contains(&cause) {
                    (*true_, *hit) = (*true_ + 1.0, *hit + has);
                } else if state == State::Active {
                    (*stay, *alarm) = (*stay + 1.0, *alarm + has);
                }
            }
        }
        for ((signal, _), (true_, hit, stay, alarm)) in meant.iter().zip(counts) {
            println!(
                "{signal:<28} recall {:.3}  precision {:.3}  false alarms {:.3}",
                hit / true_,
                hit / (hit + alarm),
                alarm / stay
            );
            // A signal that says nothing would show as often among those who stay.
            assert!(hit / true_ > 1.2 * alarm / stay, "{signal}");
        }
    }
}
