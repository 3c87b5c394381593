//! Facts of a history that tags speak of and the models do not use: names (which category, which channel), and the
//! warning signals with their date and strength.
//!
//! They are kept apart from [`homing_models::features`], whose list is part of every trained model.

use homing_datasets::calendar::date_of;
use homing_datasets::{Days, Kind, View, Zone};
use homing_models::features::Unit;

use super::answers::{self, answers};
use super::causes::causes;

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
    first_gap_days Days "Days between the first order and the second."
    fifth_order_days Days "Days since the fifth order."
    orders_first_90d Count "Orders within 90 days of the first, that one included."
    orders_prev_365d Count "Orders in the 365 days before the last 365."
    spend_prev_365d Money "Spend in the 365 days before the last 365."
    active_months_12 Count "Of the last twelve spans of 30 days, how many hold an order."
    months_in_row Count "Spans of 30 days in a row, up to now, that hold an order each."
    occasion_share Ratio "Share of spend that fell on the big sales of the year."
    promotion_spend_share Ratio "Share of spend under a promotion."
    promotions_sent Count "Promotions sent in all."
    promotions_used Count "Promotions used in all."
    promotions_ignored_days Days "Days since the second promotion in a row was ignored."
    promotions_ignored_strength Ratio "How unlikely so many ignored promotions are for this customer, 0 to 1."
    basket_drop_share Ratio "How far the last two or three orders lie below the customer's usual one, 0 to 1."
    basket_drop_days Days "Days since the first of the last orders that all lie below the usual one."
    basket_drop_strength Ratio "How unlikely so small orders are for this customer, 0 to 1."
    posts Count "Posts in all."
    post_days Days "Days since the last post."
    posts_drop_strength Ratio "How unlikely so few posts within 60 days are for this customer, 0 to 1."
    unfollowed_days Days "Days since the customer ceased to follow."
    rhythm_broken_days Days "Days since the silence passed the customer's own 90th percentile of gaps."
    rhythm_broken_strength Ratio "How far past that the silence is, 0 to 1."
    complaints Count "Complaints in all."
    complaint_refund_days Days "Days since a demand for refund that followed a complaint within 60 days."
    category_abandoned_days Days "Days since a category that was bought regularly, and that nothing took the place of, was due and not bought."
    category_abandoned_strength Ratio "How far past its own rhythm that category is, 0 to 1."
    category_top_spend_share Ratio "Share of spend in the category of most spend."
    category_new Flag "1 when the last order holds a category for the first time and is not the first order."
    channel_changed Flag "1 when the last two orders went through another channel than most before."
    visits_since_order Count "Visits since the last order."
    views_since_order Count "Views since the last order."
    nps_change Score "The last answer to the recommendation question less the one before."
    order_value_365d Money "Mean value of the orders of the last 365 days."
    answer_share Ratio "Share of the promotions sent through the answer channel that were answered within a week."
    answer_hour Hours "Local hour around which most of the customer's own doing falls."
    answer_hour_share Ratio "Share of the customer's own doing within an hour of that."
}

/// The words: name and meaning.
pub const WORDS: &[(&str, &str)] = &[
    ("category_top", "Category of most spend."),
    ("category_second", "Category of second most spend."),
    ("category_first", "Category of the first order's largest line."),
    ("category_last", "Category of the last order's largest line."),
    ("category_abandoned", "Category that was bought regularly and is bought no more, while others are."),
    ("channel_top", "Channel of most orders."),
    ("channel_first", "Channel of the first order."),
    ("channel_last", "Channel of the last order."),
    ("product_top", "Product bought in most lines, two at least."),
    ("occasion_top", "The big sale on which most was spent: 618, double_11, double_12, new_year."),
    ("cause_first", "Likeliest cause of fading: price, service, delivery, outgrown, rhythm, silent."),
    ("cause_second", "Second likeliest cause."),
    ("cause_third", "Third likeliest cause."),
    ("hour_top", "Part of the day with most orders: morning, noon, afternoon, evening."),
    ("answer_channel", "Channel through which the customer answers best, else visits most, else buys most."),
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

const OCCASIONS: [&str; 4] = ["618", "double_11", "double_12", "new_year"];
const PARTS_OF_DAY: [&str; 4] = ["morning", "noon", "afternoon", "evening"];

fn occasion(day: i32) -> Option<usize> {
    use chrono::Datelike as _;
    let date = date_of(day);
    match (date.month(), date.day()) {
        (6, 1..=20) => Some(0),
        (11, 1..=12) => Some(1),
        (12, 8..=14) => Some(2),
        (1, 10..=31) => Some(3),
        _ => None,
    }
}

/// The facts of a customer as of the view's instant.
#[must_use]
pub fn compute<'v>(view: &'v View<'_>, zone: Zone, scratch: &mut Scratch) -> Facts<'v> {
    let mut facts = Facts::default();
    if view.is_empty() {
        return facts;
    }
    let today = zone.day(view.instant());
    let mut walk = Walk { today, ..Walk::default() };
    scratch.orders.clear();
    scratch.texts.clear();
    scratch.texts.resize(view.codes(), Text::default());
    walk.events(view, zone, scratch);
    walk.write(&mut facts);
    let found = answers(view, zone, &mut scratch.answers);
    facts.word(W::AnswerChannel, found.channel);
    facts.set(N::answer_share, found.share);
    facts.set(N::answer_hour, found.hour);
    facts.set(N::answer_hour_share, found.hour_share);
    if !scratch.orders.is_empty() {
        purchases(&walk, view, scratch, &mut facts);
        let named = causes(view, zone);
        for (word, cause) in [W::CauseFirst, W::CauseSecond, W::CauseThird].into_iter().zip(named) {
            facts.word(word, cause);
        }
    }
    facts
}

#[derive(Default)]
struct Walk {
    today: i32,
    first_day: Option<i32>,
    spend: f64,
    promoted: f64,
    occasions: [f64; 4],
    parts: [u32; 4],
    /// Largest line of the first and of the last order: its amount and category.
    first_line: (f64, u32),
    last_line: (f64, u32),
    new_category: bool,
    sent: f64,
    used: f64,
    ignored: u32,
    second_ignored: Option<i32>,
    posts: f64,
    posts_60d: f64,
    posts_before: f64,
    first_post: Option<i32>,
    last_post: Option<i32>,
    unfollowed: Option<i32>,
    complaints: f64,
    last_complaint: Option<i32>,
    refund_after: Option<i32>,
    visits: f64,
    views: f64,
    nps: [f64; 2],
}

impl Walk {
    fn events(&mut self, view: &View<'_>, zone: Zone, scratch: &mut Scratch) {
        let (kinds, amounts) = (view.kind(), view.amount());
        let (mut days, mut day) = (Days::of(zone), i32::MIN);
        let mut day_occasion = None;
        self.nps = [f64::NAN; 2];
        for (i, &at) in view.occurred_at().iter().enumerate() {
            let local_day = days.day(at);
            if local_day > day {
                day = local_day;
                day_occasion = None;
            }
            self.first_day.get_or_insert(day);
            let ago = self.today - day;
            match kinds[i] {
                Kind::Purchase if view.is_purchase(i) => {
                    let occasion = *day_occasion.get_or_insert_with(|| occasion(day));
                    self.purchase(view, zone, scratch, i, day, occasion);
                }
                Kind::PromotionSent => {
                    self.sent += 1.0;
                    self.ignored += 1;
                    if self.ignored == 2 {
                        self.second_ignored = Some(day);
                    }
                }
                Kind::PromotionUsed => {
                    self.used += 1.0;
                    self.answered();
                }
                Kind::Post => {
                    self.posts += 1.0;
                    self.first_post.get_or_insert(day);
                    self.last_post = Some(day);
                    self.posts_60d += f64::from(u8::from(ago < 60));
                    self.posts_before += f64::from(u8::from((60..240).contains(&ago)));
                }
                Kind::Follow => self.unfollowed = None,
                Kind::Unfollow => self.unfollowed = Some(day),
                Kind::Complaint => {
                    self.complaints += 1.0;
                    self.last_complaint = Some(day);
                }
                Kind::RefundRequest => {
                    if self.last_complaint.is_some_and(|complaint| day - complaint <= 60) {
                        self.refund_after = Some(day);
                    }
                }
                Kind::Visit => self.visits += 1.0,
                Kind::View => self.views += 1.0,
                Kind::Nps => self.nps = [self.nps[1], amounts[i]],
                Kind::Purchase | Kind::Return | Kind::AddToCart => {}
            }
        }
    }

    fn answered(&mut self) {
        self.ignored = 0;
        self.second_ignored = None;
    }

    fn purchase(
        &mut self,
        view: &View<'_>,
        zone: Zone,
        scratch: &mut Scratch,
        i: usize,
        day: i32,
        occasion: Option<usize>,
    ) {
        let amount = view.amount()[i];
        let (category, channel, product) = (view.category()[i], view.channel()[i], view.product()[i]);
        self.answered();
        (self.visits, self.views) = (0.0, 0.0);
        self.spend += amount;
        if view.promotion()[i] != 0 {
            self.promoted += amount;
        }
        if let Some(occasion) = occasion {
            self.occasions[occasion] += amount;
        }
        match scratch.orders.last_mut() {
            Some(order) if order.day == day => {
                order.value += amount;
                if amount > self.last_line.0 {
                    self.last_line = (amount, category);
                }
            }
            _ => {
                scratch.orders.push(Order { day, value: amount, channel });
                self.last_line = (amount, category);
                self.new_category = false;
                if channel != 0 {
                    scratch.texts[channel as usize].orders += 1;
                }
                let hour = zone.hour(view.occurred_at()[i]);
                if hour != 0.0 {
                    let part = if hour < 11.0 {
                        0
                    } else {
                        usize::from(hour >= 14.0) + usize::from(hour >= 18.0) + 1
                    };
                    self.parts[part] += 1;
                }
            }
        }
        if scratch.orders.len() == 1 && amount > self.first_line.0 {
            self.first_line = (amount, category);
        }
        if category != 0 {
            let text = &mut scratch.texts[category as usize];
            if text.days == 0 {
                text.first_day = day;
                self.new_category |= scratch.orders.len() > 1;
            }
            if text.days == 0 || text.last_day != day {
                text.days += 1;
            }
            text.last_day = day;
            text.spend += amount;
        }
        if product != 0 {
            scratch.texts[product as usize].lines += 1;
        }
    }

    /// What holds without any purchase too.
    fn write(&self, facts: &mut Facts<'_>) {
        let since = |day: Option<i32>| day.map_or(f64::NAN, |day| f64::from(self.today - day));
        facts.set(N::known_days, since(self.first_day));
        facts.set(N::promotions_sent, self.sent);
        facts.set(N::promotions_used, self.used);
        facts.set(N::promotions_ignored_days, since(self.second_ignored));
        if self.second_ignored.is_some() {
            // The share used so far, drawn towards one half in two; ignoring all of them by chance has this power.
            let share = (self.used + 0.5) / (self.sent + 2.0);
            facts.set(N::promotions_ignored_strength, 1.0 - (1.0 - share).powi(self.ignored as i32));
        }
        facts.set(N::posts, self.posts);
        facts.set(N::post_days, since(self.last_post));
        if self.posts_before >= 3.0 {
            let watched = f64::from(self.today - self.first_post.unwrap_or(self.today));
            let days = (watched - 60.0).clamp(30.0, 180.0);
            let few = poisson_at_most(self.posts_60d, self.posts_before * 60.0 / days);
            facts.set(N::posts_drop_strength, 1.0 - few);
        }
        facts.set(N::unfollowed_days, since(self.unfollowed));
        facts.set(N::complaints, self.complaints);
        facts.set(N::complaint_refund_days, since(self.refund_after));
        facts.set(N::visits_since_order, self.visits);
        facts.set(N::views_since_order, self.views);
        facts.set(N::nps_change, self.nps[1] - self.nps[0]);
    }
}

impl<'v> Facts<'v> {
    fn set(&mut self, fact: N, value: f64) {
        self.numbers[fact as usize] = value;
    }

    fn word(&mut self, word: W, text: Option<&'v str>) {
        self.words[word as usize] = text;
    }
}

fn purchases<'v>(walk: &Walk, view: &'v View<'_>, scratch: &mut Scratch, facts: &mut Facts<'v>) {
    let today = walk.today;
    let Scratch { orders, texts, values, .. } = scratch;
    let first = orders[0].day;
    let flag = |truth: bool| f64::from(u8::from(truth));
    if let [_, second, ..] = orders[..] {
        facts.set(N::first_gap_days, f64::from(second.day - first));
    }
    if let Some(fifth) = orders.get(4) {
        facts.set(N::fifth_order_days, f64::from(today - fifth.day));
    }
    let (mut early, mut before, mut before_spend, mut year, mut year_spend) = (0.0, 0.0, 0.0, 0.0, 0.0);
    let mut months = 0u32;
    for order in orders.iter() {
        let ago = today - order.day;
        early += flag(order.day - first < 90);
        if (365..730).contains(&ago) {
            before += 1.0;
            before_spend += order.value;
        }
        if ago < 365 {
            year += 1.0;
            year_spend += order.value;
            if ago < 360 {
                months |= 1 << (ago / 30);
            }
        }
    }
    facts.set(N::orders_first_90d, early);
    facts.set(N::orders_prev_365d, before);
    facts.set(N::spend_prev_365d, before_spend);
    facts.set(N::active_months_12, f64::from(months.count_ones()));
    facts.set(N::months_in_row, f64::from(months.trailing_ones()));
    facts.set(N::order_value_365d, year_spend / year);
    facts.set(N::occasion_share, walk.occasions.iter().sum::<f64>() / walk.spend);
    facts.set(N::promotion_spend_share, walk.promoted / walk.spend);
    let best = (0..4).filter(|&at| walk.occasions[at] > 0.0);
    let best = best.max_by(|&a, &b| walk.occasions[a].total_cmp(&walk.occasions[b]));
    facts.word(W::OccasionTop, best.map(|at| OCCASIONS[at]));
    let part = (0..4).rev().filter(|&at| walk.parts[at] > 0).max_by_key(|&at| walk.parts[at]);
    facts.word(W::HourTop, part.map(|at| PARTS_OF_DAY[at]));
    rhythm(today, orders, values, facts);
    basket(today, orders, values, facts);
    // Texts.
    facts.word(W::CategoryFirst, view.name(walk.first_line.1));
    facts.word(W::CategoryLast, view.name(walk.last_line.1));
    facts.set(N::category_new, flag(walk.new_category));
    let (mut top, mut second, mut lost) = (0usize, 0usize, (0usize, 0.0, 0.0));
    let (mut channel, mut product) = (0usize, 0usize);
    let last = orders[orders.len() - 1];
    for (code, text) in texts.iter().enumerate().skip(1) {
        if text.spend > texts[top].spend {
            (second, top) = (top, code);
        } else if text.spend > texts[second].spend {
            second = code;
        }
        if text.orders > texts[channel].orders {
            channel = code;
        }
        if text.lines > texts[product].lines {
            product = code;
        }
        if text.days >= 3 {
            let gap = f64::from(text.last_day - text.first_day) / f64::from(text.days - 1);
            let limit = (3.0 * gap).max(60.0);
            let silence = f64::from(today - text.last_day);
            // The customer must have come without it; else the customer is away and not the category.
            let others =
                orders.iter().rev().take_while(|order| f64::from(order.day - text.last_day) > gap).count();
            if silence > limit && others >= 2 && text.spend > texts[lost.0].spend {
                lost = (code, silence - limit, 1.0 - limit / silence);
            }
        }
    }
    facts.word(W::CategoryTop, view.name(top as u32));
    facts.word(W::CategorySecond, view.name(second as u32));
    if top > 0 {
        facts.set(N::category_top_spend_share, texts[top].spend / walk.spend);
    }
    if lost.0 > 0 && !replaced(orders, texts[lost.0], today) {
        facts.word(W::CategoryAbandoned, view.name(lost.0 as u32));
        facts.set(N::category_abandoned_days, lost.1.floor());
        facts.set(N::category_abandoned_strength, lost.2);
    }
    facts.word(W::ChannelTop, view.name(channel as u32));
    facts.word(W::ChannelFirst, view.name(orders[0].channel));
    facts.word(W::ChannelLast, view.name(last.channel));
    if let [.., before, last] = orders[..] {
        let elsewhere = |order: Order| order.channel != 0 && order.channel as usize != channel;
        if channel > 0 && orders.len() >= 4 {
            facts.set(N::channel_changed, flag(elsewhere(before) && elsewhere(last)));
        }
    }
    facts.word(W::ProductTop, (texts[product].lines >= 2).then(|| view.name(product as u32)).flatten());
}

/// Whether other things took the place of a category: the customer spends as much a day since its last purchase as three
/// fifths of what they spent before. Whoever goes on to the next category, as children grow, has abandoned nothing.
fn replaced(orders: &[Order], category: Text, today: i32) -> bool {
    let sum = |orders: &[Order]| orders.iter().map(|order| order.value).sum::<f64>();
    let (before, since) = orders.split_at(orders.partition_point(|order| order.day <= category.last_day));
    let days = |from: i32, to: i32| f64::from((to - from).max(1));
    let first = before.first().map_or(category.first_day, |order| order.day);
    sum(since) / days(category.last_day, today) >= 0.6 * sum(before) / days(first, category.last_day)
}

/// The silence against the customer's own gaps; three gaps at least.
fn rhythm(today: i32, orders: &[Order], gaps: &mut Vec<f64>, facts: &mut Facts<'_>) {
    gaps.clear();
    gaps.extend(orders.windows(2).map(|pair| f64::from(pair[1].day - pair[0].day)));
    if gaps.len() < 3 {
        return;
    }
    gaps.sort_by(f64::total_cmp);
    let at = 0.9 * (gaps.len() - 1) as f64;
    let (low, part) = (at as usize, at.fract());
    let limit = gaps[low] + part * (gaps[(low + 1).min(gaps.len() - 1)] - gaps[low]);
    let silence = f64::from(today - orders[orders.len() - 1].day);
    if silence > limit {
        facts.set(N::rhythm_broken_days, (silence - limit).floor());
        facts.set(N::rhythm_broken_strength, 1.0 - limit / silence);
    }
}

/// The last orders against the customer's own past. Two small orders in a row at least, measured in the robust spread of
/// the logarithms before them (median absolute deviation; Hampel 1974), so that neither one bad order now nor one
/// great order then decides.
fn basket(today: i32, orders: &[Order], values: &mut Vec<f64>, facts: &mut Facts<'_>) {
    let late = match orders.len() {
        0..=4 => return,
        5 => 2,
        _ => 3,
    };
    let (before, lately) = orders.split_at(orders.len() - late);
    values.clear();
    values.extend(before.iter().map(|order| order.value.ln()));
    let usual = median(values);
    values.iter_mut().for_each(|value| *value = (*value - usual).abs());
    let spread = (1.4826 * median(values)).max(0.2);
    let low = lately.iter().rev().take_while(|order| order.value.ln() < usual).count();
    if low < 2 {
        return;
    }
    let lowered = &lately[late - low..];
    let mean = lowered.iter().map(|order| order.value.ln()).sum::<f64>() / low as f64;
    let n = before.len() as f64;
    // The median before is itself uncertain: its variance is about pi/2 that of a mean.
    let error = spread * (1.0 / low as f64 + std::f64::consts::FRAC_PI_2 / n).sqrt();
    facts.set(N::basket_drop_share, 1.0 - (mean - usual).exp());
    facts.set(N::basket_drop_days, f64::from(today - lowered[0].day));
    facts.set(N::basket_drop_strength, normal_below((usual - mean) / error));
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len() % 2 == 1 { values[half] } else { (values[half - 1] + values[half]) / 2.0 }
}

/// Standard normal distribution function (Zelen & Severo 1964, 26.2.17; error below 7.5e-8).
fn normal_below(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let tail = (-z * z / 2.0).exp() / std::f64::consts::TAU.sqrt()
        * t
        * (0.319_381_530
            + t * (-0.356_563_782 + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    if z >= 0.0 { 1.0 - tail } else { tail }
}

/// Probability of at most so many events of a Poisson mean.
fn poisson_at_most(count: f64, mean: f64) -> f64 {
    let mut term = (-mean).exp();
    let mut sum = term;
    for k in 1..=count as u32 {
        term *= mean / f64::from(k);
        sum += term;
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use homing_datasets::{DAY, Event, History};

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

    #[test]
    fn distributions_match_tables() {
        assert!((normal_below(1.96) - 0.975_002_1).abs() < 1e-6);
        assert!((normal_below(-1.0) - 0.158_655_3).abs() < 1e-6);
        assert!((poisson_at_most(2.0, 3.0) - 0.423_190_1).abs() < 1e-6);
    }
}
