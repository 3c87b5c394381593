//! Facts of a history that tags speak of and the models do not use: names (which category, which channel), and the
//! warning signals with their date and strength.
//!
//! They are kept apart from [`homing_models::features`], whose list is part of every trained model.

use homing_datasets::{View, Zone};
use homing_models::features::Unit;

use super::answers::{self, answers};
use super::causes::causes;

mod orders;
mod sales;
mod scan;
mod spread;

use scan::Scan;

macro_rules! facts {
    ($($name:ident $unit:ident $meaning:literal)*) => {
        #[expect(non_camel_case_types, reason = "the variants are the facts' names")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(usize)]
        enum N { $($name),* }

        /// The numbers: name, unit and meaning.
        pub const NUMBERS: &[(&str, Unit, &str)] = &[$((stringify!($name), Unit::$unit, $meaning)),*];
    };
}

facts! {
    known_days Days "Days since the first event of any kind."
    first_gap_days Days "Days between the first and the second order."
    fifth_order_days Days "Days since the fifth order."
    orders_first_90d Count "Orders within 90 days of the first order, including the first."
    orders_prev_365d Count "Orders between 730 and 365 days ago."
    spend_prev_365d Money "Spend between 730 and 365 days ago."
    active_months_12 Count "Number of the last twelve 30-day periods with an order."
    months_in_row Count "Consecutive 30-day periods with an order, up to now."
    occasion_share Ratio "Share of spend during the big sales events of the year."
    promotion_spend_share Ratio "Share of spend with a promotion."
    promotions_sent Count "Total promotions sent."
    promotions_used Count "Total promotions used."
    promotions_ignored_days Days "Days since the second promotion in a row was ignored."
    promotions_ignored_strength Ratio "How unusual this many ignored promotions in a row are for this customer, 0 to 1."
    basket_drop_share Ratio "How far the last two or three orders are below the customer's usual order value, 0 to 1."
    basket_drop_days Days "Days since the first of the latest orders that are all below the usual order value."
    basket_drop_strength Ratio "How unusual orders this small are for this customer, 0 to 1."
    posts Count "Total posts."
    post_days Days "Days since the last post."
    posts_drop_strength Ratio "How unusual so few posts within 60 days are for this customer, 0 to 1."
    unfollowed_days Days "Days since the customer unfollowed."
    rhythm_broken_days Days "Days since the recency passed the 90th percentile of the customer's own gaps."
    rhythm_broken_strength Ratio "How far the recency is past that percentile, 0 to 1."
    complaints Count "Total complaints."
    complaint_refund_days Days "Days since a refund request that followed a complaint within 60 days."
    category_abandoned_days Days "Days since a regularly bought category was due but not bought, and no other category replaced it."
    category_abandoned_strength Ratio "How far that category is past its own purchase cycle, 0 to 1."
    category_top_spend_share Ratio "Share of spend in the category with the most spend."
    category_new Flag "1 if the last order (not the first) contains a category that is new for the customer."
    channel_changed Flag "1 if the last two orders used a different channel from most earlier orders."
    visits_since_order Count "Visits since the last order."
    views_since_order Count "Views since the last order."
    nps_change Score "Change between the last two NPS scores."
    order_value_365d Money "Mean order value in the last 365 days."
    answer_share Ratio "Share of promotions sent through `answer_channel` with a response within a week."
    answer_hour Hours "Local hour of most of the customer's activity."
    answer_hour_share Ratio "Share of the customer's activity within an hour of `answer_hour`."
}

/// The words: name and meaning.
pub const WORDS: &[(&str, &str)] = &[
    ("category_top", "Category with the most spend."),
    ("category_second", "Category with the second most spend."),
    ("category_first", "Category of the largest line of the first order."),
    ("category_last", "Category of the largest line of the last order."),
    (
        "category_abandoned",
        "Category that used to be bought regularly but is no longer, while others still are.",
    ),
    ("channel_top", "Channel with the most orders."),
    ("channel_first", "Channel of the first order."),
    ("channel_last", "Channel of the last order."),
    ("product_top", "Product with the most lines, at least two."),
    (
        "occasion_top",
        "Sales event with the most spend: 618, double_11, double_12, new_year in China; black_friday, christmas, january_sale, summer_sale elsewhere.",
    ),
    (
        "cause_first",
        "Most likely cause of declining activity: price, service, delivery, outgrown, rhythm, silent.",
    ),
    ("cause_second", "Second most likely cause."),
    ("cause_third", "Third most likely cause."),
    ("hour_top", "Part of the day with most orders: morning, noon, afternoon, evening."),
    (
        "answer_channel",
        "Channel with the best response rate, else with the most visits, else with the most purchases.",
    ),
];

#[derive(Clone, Copy)]
enum W {
    CategoryTop,
    CategorySecond,
    CategoryFirst,
    CategoryLast,
    CategoryAbandoned,
    ChannelTop,
    ChannelFirst,
    ChannelLast,
    ProductTop,
    OccasionTop,
    CauseFirst,
    CauseSecond,
    CauseThird,
    HourTop,
    AnswerChannel,
}

/// The facts of one customer.
#[derive(Clone, Debug)]
pub struct Facts<'v> {
    /// In the order of [`NUMBERS`]; NaN where not known.
    pub numbers: [f64; NUMBERS.len()],
    /// In the order of [`WORDS`].
    pub words: [Option<&'v str>; WORDS.len()],
}

impl Default for Facts<'_> {
    /// Nothing is known.
    fn default() -> Self {
        Facts { numbers: [f64::NAN; NUMBERS.len()], words: [None; WORDS.len()] }
    }
}

/// Buffers that are kept from one customer to the next.
#[derive(Debug, Default)]
pub struct Scratch {
    orders: Vec<Order>,
    texts: Vec<Text>,
    values: Vec<f64>,
    answers: answers::Counters,
}

#[derive(Clone, Copy, Debug)]
struct Order {
    day: i32,
    value: f64,
    channel: u32,
}

/// What is known of a text: as a category, a channel, a product.
#[derive(Clone, Copy, Debug, Default)]
struct Text {
    spend: f64,
    first_day: i32,
    last_day: i32,
    days: u32,
    orders: u32,
    lines: u32,
}

/// The facts of a customer as of the view's instant.
#[must_use]
pub fn compute<'v>(view: &'v View<'_>, zone: Zone, scratch: &mut Scratch) -> Facts<'v> {
    let mut facts = Facts::default();
    if view.is_empty() {
        return facts;
    }
    let today = zone.day(view.instant());
    let mut scan = Scan::new(today);
    scratch.orders.clear();
    scratch.texts.clear();
    scratch.texts.resize(view.codes(), Text::default());
    scan.events(view, zone, scratch);
    scan.write(&mut facts);
    let found = answers(view, zone, &mut scratch.answers);
    facts.word(W::AnswerChannel, found.channel);
    facts.set(N::answer_share, found.share);
    facts.set(N::answer_hour, found.hour);
    facts.set(N::answer_hour_share, found.hour_share);
    if !scratch.orders.is_empty() {
        orders::write(&scan, sales::Calendar::of(zone), view, scratch, &mut facts);
        let named = causes(view, zone);
        for (word, cause) in [W::CauseFirst, W::CauseSecond, W::CauseThird].into_iter().zip(named) {
            facts.word(word, cause);
        }
    }
    facts
}

impl<'v> Facts<'v> {
    fn set(&mut self, fact: N, value: f64) {
        self.numbers[fact as usize] = value;
    }

    fn word(&mut self, word: W, text: Option<&'v str>) {
        self.words[word as usize] = text;
    }
}

#[cfg(test)]
mod tests {
    use homing_datasets::{DAY, Event, History, Kind};

    use super::*;

    const TODAY: i64 = 20_000;

    fn event(kind: Kind, ago: i64, amount: f64) -> Event {
        Event::new(kind, (TODAY - ago) * DAY + DAY / 2, amount)
    }

    fn number(events: Vec<Event>, name: &str) -> Option<f64> {
        let history = History::from_events(events);
        let view = history.as_of((TODAY + 1) * DAY - 1);
        let facts = compute(&view, Zone::default(), &mut Scratch::default());
        let at = NUMBERS.iter().position(|(known, ..)| *known == name).unwrap();
        Some(facts.numbers[at]).filter(|value| value.is_finite())
    }

    fn orders(values: &[(i64, f64)]) -> Vec<Event> {
        values.iter().map(|&(ago, amount)| event(Kind::Purchase, ago, amount)).collect()
    }

    #[test]
    fn one_bad_order_is_no_drop_and_three_are() {
        let usual = |last: [f64; 3]| {
            let mut all: Vec<(i64, f64)> = (0..8).map(|at| (200 - at * 10, 100.0 + at as f64)).collect();
            all.extend([(30, last[0]), (20, last[1]), (10, last[2])]);
            orders(&all)
        };
        assert_eq!(number(usual([100.0, 110.0, 20.0]), "basket_drop_strength"), None);
        assert!(number(usual([40.0, 45.0, 38.0]), "basket_drop_strength").unwrap() > 0.99);
        assert_eq!(number(usual([40.0, 45.0, 38.0]), "basket_drop_days"), Some(30.0));
        assert!(number(usual([103.0, 101.0, 100.0]), "basket_drop_strength").unwrap() < 0.9);
    }

    #[test]
    fn silence_is_measured_by_the_own_gaps() {
        let weekly = orders(&[(58, 1.0), (51, 1.0), (44, 1.0), (37, 1.0), (30, 1.0)]);
        assert_eq!(number(weekly.clone(), "rhythm_broken_days"), Some(23.0));
        let slow = orders(&[(630, 1.0), (430, 1.0), (230, 1.0), (30, 1.0)]);
        assert_eq!(number(slow, "rhythm_broken_days"), None);
    }

    #[test]
    fn signals_have_their_dates() {
        let mut events = orders(&[(100, 1.0), (90, 1.0)]);
        events.extend(
            [(40, Kind::PromotionSent), (30, Kind::PromotionSent), (20, Kind::PromotionSent)]
                .map(|(ago, kind)| event(kind, ago, 0.0)),
        );
        assert_eq!(number(events.clone(), "promotions_ignored_days"), Some(30.0));
        events.push(event(Kind::PromotionUsed, 10, 0.0));
        assert_eq!(number(events.clone(), "promotions_ignored_days"), None);
        events.extend([
            event(Kind::Unfollow, 12, 0.0),
            event(Kind::Complaint, 9, 0.0),
            event(Kind::RefundRequest, 4, 0.0),
        ]);
        assert_eq!(number(events.clone(), "unfollowed_days"), Some(12.0));
        assert_eq!(number(events.clone(), "complaint_refund_days"), Some(4.0));
        events.push(event(Kind::Follow, 1, 0.0));
        assert_eq!(number(events, "unfollowed_days"), None);
        assert_eq!(number(vec![event(Kind::RefundRequest, 4, 0.0)], "complaint_refund_days"), None);
    }

    #[test]
    fn a_category_is_abandoned_only_by_those_who_still_come() {
        let line = |ago: i64, category: &str| Event {
            category: Some(category.to_owned()),
            ..event(Kind::Purchase, ago, 9.0)
        };
        let mut events: Vec<Event> = [300, 280, 260, 240].map(|ago| line(ago, "milk")).into();
        assert_eq!(number(events.clone(), "category_abandoned_days"), None);
        events.extend([200, 100, 30].map(|ago| line(ago, "toys")));
        assert_eq!(number(events.clone(), "category_abandoned_days"), Some(180.0));
        // Another category took its place.
        events.extend([220, 180, 160, 140, 120, 80, 60, 50, 10].map(|ago| line(ago, "toys")));
        assert_eq!(number(events, "category_abandoned_days"), None);
    }
}
