//! What a customer buys next: products that are due by the customer's own cycle, and the first purchase in categories that
//! were never bought.

use std::collections::HashMap;

use homing_datasets::calendar::date_of;
use homing_datasets::{View, Zone};
use serde::{Deserialize, Serialize};

use crate::boosting::sigmoid;
use crate::features::F;
use crate::linear::Linear;

/// Days with a purchase of a product that a cycle needs.
const LEAST_TIMES: u32 = 3;
/// A product that is overdue by more than this many of its cycles is no longer bought.
const GIVEN_UP: f64 = 1.5;

/// A product that the customer buys again and again, and that is due.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Due {
    /// The product.
    pub product_id: String,
    /// Its category, as of the last purchase.
    pub category: Option<String>,
    /// The day on which it is due (local date).
    pub due_on: String,
    /// Days until then; below zero when it is overdue.
    pub due_in_days: f64,
    /// The customer's own cycle: the median of the gaps between purchases of it, in days.
    pub cycle_days: f64,
    /// Days with a purchase of it.
    pub times: u32,
    /// Days since the last of them.
    pub last_days: u32,
    /// How regular the cycle is: share of its gaps within a third of the median.
    pub regularity: f64,
}

/// Products due within `ahead_days`, or overdue by no more than one and a half of their cycles; the most overdue first, measured by
/// their cycle.
#[must_use]
pub fn due(view: &View<'_>, zone: Zone, ahead_days: f64) -> Vec<Due> {
    struct Seen {
        days: Vec<i32>,
        category: u32,
    }
    let today = zone.day(view.instant());
    let mut seen: HashMap<u32, Seen> = HashMap::new();
    for order in view.orders(zone) {
        for i in view.lines(&order) {
            let (product, category) = (view.product()[i], view.category()[i]);
            if product == 0 {
                continue;
            }
            let one = seen.entry(product).or_insert(Seen { days: Vec::new(), category });
            if one.days.last() != Some(&order.day) {
                one.days.push(order.day);
            }
            one.category = category;
        }
    }
    let mut all: Vec<(f64, Due)> = Vec::new();
    for (product, one) in seen {
        let Some(&last) = one.days.last().filter(|_| one.days.len() >= LEAST_TIMES as usize) else {
            continue;
        };
        let mut gaps: Vec<f64> = one.days.windows(2).map(|pair| f64::from(pair[1] - pair[0])).collect();
        gaps.sort_by(f64::total_cmp);
        let cycle = (gaps[gaps.len() / 2] + gaps[(gaps.len() - 1) / 2]) / 2.0;
        let silent = f64::from(today - last);
        let left = cycle - silent;
        if left > ahead_days || -left > GIVEN_UP * cycle {
            continue;
        }
        let near = gaps.iter().filter(|&&gap| (gap - cycle).abs() <= cycle / 3.0).count();
        let Some(product_id) = view.name(product) else { continue };
        let due = Due {
            product_id: product_id.to_owned(),
            category: view.name(one.category).map(str::to_owned),
            due_on: date_of(last + cycle.round() as i32).to_string(),
            due_in_days: left,
            cycle_days: cycle,
            times: one.days.len() as u32,
            last_days: (today - last).max(0) as u32,
            regularity: near as f64 / gaps.len() as f64,
        };
        all.push((silent / cycle, due));
    }
    all.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.product_id.cmp(&b.1.product_id)));
    all.into_iter().map(|(_, due)| due).collect()
}

/// The chance of a first purchase in a category.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Chance {
    /// The category, not bought so far.
    pub category: String,
    /// Probability of a purchase in it within the horizon.
    pub probability: f64,
}

/// What was learned of first purchases in each category.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expansion {
    /// The horizon in days.
    pub days: u32,
    /// The categories, sorted.
    pub categories: Vec<String>,
    /// Share of those who had not bought in each category and did within the horizon.
    pub rates: Vec<f64>,
    /// A model of each category; `None` where too few began with it.
    pub models: Vec<Option<Linear>>,
}

/// Half-lives in days by which purchases of a category count: what is bought now, and what was bought in all.
const HALF_LIVES: [f64; 2] = [45.0, 270.0];
/// Features of the customer as a whole.
const GENERAL: [F; 7] = [
    F::recency_days,
    F::tenure_days,
    F::orders,
    F::orders_decay_45d,
    F::orders_decay_120d,
    F::categories,
    F::order_value_mean,
];

/// The inputs of a model of first purchases.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Basis {
    /// Decayed purchase days of each category at each half-life, then features of the customer.
    pub inputs: Vec<f32>,
    /// Whether each category was bought.
    pub bought: Vec<bool>,
}

impl Basis {
    /// Of a customer with these features, for categories that are sorted.
    #[must_use]
    pub fn of(view: &View<'_>, zone: Zone, categories: &[String], features: &[f64]) -> Self {
        let k = categories.len();
        let mut basis =
            Basis { inputs: vec![0.0; k * HALF_LIVES.len() + GENERAL.len()], bought: vec![false; k] };
        let today = zone.day(view.instant());
        // Of each code of the history its category, looked up once.
        let mut places: Vec<Option<Option<usize>>> = vec![None; view.codes()];
        let mut last_day = vec![i32::MIN; k];
        for order in view.orders(zone) {
            let ago = f64::from((today - order.day).max(0));
            for i in view.lines(&order) {
                let code = view.category()[i];
                if code == 0 {
                    continue;
                }
                let look = || {
                    let name = view.name(code).unwrap_or("");
                    categories.binary_search_by(|known| known.as_str().cmp(name)).ok()
                };
                let Some(place) = *places[code as usize].get_or_insert_with(look) else { continue };
                if last_day[place] == order.day {
                    continue;
                }
                last_day[place] = order.day;
                basis.bought[place] = true;
                for (half, days) in HALF_LIVES.iter().enumerate() {
                    basis.inputs[half * k + place] += (0.5f64).powf(ago / days) as f32;
                }
            }
        }
        for (slot, feature) in basis.inputs[k * HALF_LIVES.len()..].iter_mut().zip(GENERAL) {
            *slot = features.get(feature as usize).copied().unwrap_or(f64::NAN) as f32;
        }
        basis
    }
}

impl Expansion {
    /// Whether the parts fit together.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let k = self.categories.len();
        self.rates.len() == k
            && self.models.len() == k
            && self.categories.windows(2).all(|pair| pair[0] < pair[1])
            && self.rates.iter().all(|rate| (0.0..=1.0).contains(rate))
    }

    /// The probability of a first purchase in one category.
    #[must_use]
    pub fn probability(&self, category: usize, basis: &Basis) -> f64 {
        let model = self.models.get(category).and_then(Option::as_ref);
        let rate = self.rates.get(category).copied().unwrap_or(0.0);
        model.map_or(rate, |model| sigmoid(model.margin(&basis.inputs)))
    }

    /// The chances of the categories that the customer has not bought in, the best first.
    #[must_use]
    pub fn chances(&self, view: &View<'_>, zone: Zone, features: &[f64]) -> Vec<Chance> {
        let basis = Basis::of(view, zone, &self.categories, features);
        let open = (0..self.categories.len()).filter(|&category| !basis.bought[category]);
        let mut all: Vec<Chance> = open
            .map(|at| Chance {
                category: self.categories[at].clone(),
                probability: self.probability(at, &basis),
            })
            .collect();
        all.sort_by(|a, b| b.probability.total_cmp(&a.probability).then_with(|| a.category.cmp(&b.category)));
        all
    }
}

/// What a customer buys next.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct NextPurchase {
    /// Products that are due by the customer's own cycle.
    pub due: Vec<Due>,
    /// The horizon of the chances in days; `None` where the model knows no categories.
    pub horizon_days: Option<u32>,
    /// Categories not bought so far, the likeliest first.
    pub first_purchases: Vec<Chance>,
}

#[cfg(test)]
mod tests {
    use homing_datasets::{DAY, Event, History, Kind};

    use super::*;

    fn buy(day: i64, product: &str, category: &str) -> Event {
        Event {
            product: Some(product.to_owned()),
            category: Some(category.to_owned()),
            ..Event::new(Kind::Purchase, day * DAY + DAY / 2, 10.0)
        }
    }

    #[test]
    fn products_are_due_by_their_own_cycle() {
        let mut events: Vec<Event> = [0, 30, 58, 90].map(|day| buy(day, "milk-2", "milk")).into();
        events.extend([0, 10, 20].map(|day| buy(day, "old", "care")));
        events.extend([70, 80, 90].map(|day| buy(day, "nappies-3", "nappies")));
        events.extend([60, 90].map(|day| buy(day, "twice", "toys")));
        events.push(buy(90, "milk-2", "milk"));
        let history = History::from_events(events);
        let on = |day: i64, ahead: f64| due(&history.as_of((day + 1) * DAY - 1), Zone::default(), ahead);
        let names = |due: &[Due]| due.iter().map(|due| due.product_id.clone()).collect::<Vec<_>>();
        let now = on(105, 15.0);
        // Nappies are five days over; milk comes in 15 days; `old` was given up, `twice` has no cycle.
        assert_eq!(names(&now), ["nappies-3", "milk-2"]);
        assert_eq!((now[0].cycle_days, now[0].due_in_days, now[0].times), (10.0, -5.0, 3));
        assert_eq!((now[1].cycle_days, now[1].due_in_days, now[1].times), (30.0, 15.0, 4));
        assert_eq!(now[1].due_on, "1970-05-01");
        assert_eq!((now[1].category.as_deref(), now[1].regularity), (Some("milk"), 1.0));
        assert_eq!(names(&on(105, 14.0)), ["nappies-3"]);
        assert_eq!(names(&on(300, 14.0)), Vec::<String>::new());
    }

    #[test]
    fn a_basis_knows_what_was_bought_and_how_long_ago() {
        let history =
            History::from_events(vec![buy(0, "a", "milk"), buy(45, "b", "milk"), buy(45, "c", "milk")]);
        let categories = ["books".to_owned(), "milk".to_owned()];
        let basis = Basis::of(&history.as_of(46 * DAY - 1), Zone::default(), &categories, &[]);
        assert_eq!(basis.bought, [false, true]);
        assert_eq!(basis.inputs[..2], [0.0, 1.5], "two days, one of them a half-life ago");
        let expansion = Expansion {
            days: 90,
            categories: categories.into(),
            rates: vec![0.25, 0.5],
            models: vec![None, None],
        };
        assert!(expansion.is_sound());
        let chances = expansion.chances(&history.as_of(46 * DAY - 1), Zone::default(), &[]);
        assert_eq!(chances, [Chance { category: "books".to_owned(), probability: 0.25 }]);
    }
}
