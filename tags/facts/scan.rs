//! One pass over the events of a customer.

use homing_datasets::{Days, Kind, View, Zone};

use super::sales::Calendar;
use super::spread::poisson_at_most;
use super::{Facts, N, Order, Scratch};

/// The parts of the day, in the order of [`Scan::parts`].
pub(super) const PARTS_OF_DAY: [&str; 4] = ["morning", "noon", "afternoon", "evening"];

/// The part of the day of a local hour; midnight to the second is a date without a time.
fn part_of_day(hour: f64) -> Option<usize> {
    (hour != 0.0).then(|| match hour {
        _ if hour < 11.0 => 0,
        _ => usize::from(hour >= 14.0) + usize::from(hour >= 18.0) + 1,
    })
}

/// What the pass counts.
#[derive(Default)]
pub(super) struct Scan {
    pub today: i32,
    first_day: Option<i32>,
    pub spend: f64,
    pub promoted: f64,
    /// Spend by sales event of the calendar.
    pub occasions: [f64; 4],
    pub parts: [u32; 4],
    /// Largest line of the first and of the last order: its amount and category.
    pub first_line: (f64, u32),
    pub last_line: (f64, u32),
    pub new_category: bool,
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

impl Scan {
    pub fn new(today: i32) -> Self {
        Scan { today, nps: [f64::NAN; 2], ..Scan::default() }
    }

    pub fn events(&mut self, view: &View<'_>, zone: Zone, scratch: &mut Scratch) {
        let (kinds, amounts) = (view.kind(), view.amount());
        let (mut days, mut day) = (Days::of(zone), i32::MIN);
        let sales = Calendar::of(zone);
        let mut day_occasion = None;
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
                    let occasion = *day_occasion.get_or_insert_with(|| sales.event(day));
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
                if let Some(part) = part_of_day(zone.hour(view.occurred_at()[i])) {
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
    pub fn write(&self, facts: &mut Facts<'_>) {
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
