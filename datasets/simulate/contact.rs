//! What a campaign does to customers of the chain: known effects that differ from customer to customer, so that evaluations and
//! uplift models can be held against truth.

use super::Simulated;
use super::dice::Dice;
use crate::event::{DAY, Event, Kind, Micros, is_purchase};

/// Days within which a contact shows.
const SHOWS_DAYS: i64 = 14;

/// Days that a complaint is remembered.
const GRUDGE_DAYS: f64 = 180.0;

/// A contact of customers of the chain.
///
/// Who has been away for two to three times the usual, and buys in promotions, is moved most; who bought just now would have bought
/// anyway; who complained lately stays away after a contact.
///
/// ```
/// use homing_datasets::simulate::{Chain, Contacted};
///
/// let chain = Chain { customers: 10, ..Chain::default() };
/// let contact = Contacted { at: 20_000 * homing_datasets::DAY, strength: 0.0, even: false, seed: 1 };
/// let customer = chain.customer(3);
/// assert_eq!(contact.events(&customer, 3), customer.events); // no strength, no effect
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contacted {
    /// The instant of the contact.
    pub at: Micros,
    /// How strong it is: 1 moves the most receptive customers with a chance of about .3; 0 changes nothing.
    pub strength: f64,
    /// Whether everybody is moved with the same chance instead, so that there is nobody to choose.
    pub even: bool,
    /// The seed of what happens.
    pub seed: u64,
}

impl Contacted {
    /// The chance that a contact makes the customer buy once more within two weeks; below zero, that it keeps them from buying.
    #[must_use]
    pub fn uplift(&self, customer: &Simulated) -> f64 {
        let past = || customer.events.iter().filter(|event| event.occurred_at <= self.at);
        let days = |at: Micros| (self.at - at) as f64 / DAY as f64;
        let purchases = || past().filter(|event| is_purchase(event.kind, event.amount));
        let Some(last) = purchases().map(|event| event.occurred_at).max() else { return 0.0 };
        if self.even {
            return 0.1 * self.strength;
        }
        let complained =
            past().any(|event| event.kind == Kind::Complaint && days(event.occurred_at) < GRUDGE_DAYS);
        if complained {
            return -0.3 * self.strength;
        }
        let (promoted, all) = purchases().fold((0.0, 0.0), |(hits, n), event| {
            (hits + f64::from(u8::from(event.promotion.is_some())), n + 1.0)
        });
        let distance = (days(last).max(1.0) / 75.0).ln() / 0.7;
        self.strength * 0.3 * (-distance * distance / 2.0).exp() * (0.4 + 1.6 * promoted / all).min(1.0)
    }

    /// The events of a customer (with this number) who was contacted.
    #[must_use]
    pub fn events(&self, customer: &Simulated, number: u64) -> Vec<Event> {
        let uplift = self.uplift(customer);
        let mut dice = Dice::of(self.seed ^ 0xc0_7ac7, number);
        let mut events = customer.events.clone();
        if !dice.chance(uplift.abs()) {
            return events;
        }
        let end = self.at + SHOWS_DAYS * DAY;
        if uplift < 0.0 {
            events.retain(|event| {
                !is_purchase(event.kind, event.amount)
                    || event.occurred_at <= self.at
                    || event.occurred_at > end
            });
            return events;
        }
        // One more order like one of those before.
        let past: Vec<&Event> = customer
            .events
            .iter()
            .filter(|event| event.occurred_at <= self.at && is_purchase(event.kind, event.amount))
            .collect();
        let Some(like) = past.get(dice.below(past.len() as u64) as usize) else { return events };
        let order = like.order.clone();
        let same = past.iter().filter(|event| event.order == order && event.occurred_at == like.occurred_at);
        let moved = self.at + dice.between(0.5, SHOWS_DAYS as f64 - 0.5).round() as i64 * DAY + DAY / 2;
        let more: Vec<Event> = same
            .map(|event| Event {
                occurred_at: moved,
                recorded_at: moved,
                order: order.as_ref().map(|order| format!("{order}c")),
                ..(*event).clone()
            })
            .collect();
        let place = events.partition_point(|event| event.occurred_at <= moved);
        events.splice(place..place, more);
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::Chain;

    #[test]
    fn effects_differ_between_customers_and_happen_as_often_as_they_say() {
        let chain = Chain { customers: 4_000, seed: 5, ..Chain::default() };
        let contact =
            Contacted { at: Micros::from(chain.until_day - 60) * DAY, strength: 1.0, even: false, seed: 2 };
        let (mut said, mut more, mut fewer, mut highest, mut lowest) = (0.0, 0.0, 0, 0.0f64, 0.0f64);
        for number in 0..chain.customers {
            let customer = chain.customer(number);
            let uplift = contact.uplift(&customer);
            let orders = |events: &[Event]| {
                let mut days: Vec<i64> = events
                    .iter()
                    .filter(|event| is_purchase(event.kind, event.amount))
                    .map(|event| event.occurred_at / DAY)
                    .collect();
                days.dedup();
                days.len() as f64
            };
            let contacted = contact.events(&customer, number);
            assert!(contacted.is_sorted_by_key(|event| event.occurred_at));
            if uplift >= 0.0 {
                said += uplift;
                more += orders(&contacted) - orders(&customer.events);
            } else {
                fewer += u32::from(contacted.len() < customer.events.len());
            }
            (highest, lowest) = (highest.max(uplift), lowest.min(uplift));
        }
        assert!(highest > 0.25 && lowest < -0.2 && fewer > 0, "{highest} {lowest} {fewer}");
        // A new order on the day of another is none more.
        assert!(more > 0.7 * said && more < 1.15 * said, "{more} of {said}");
    }
}
