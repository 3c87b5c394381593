//! One customer's life with the chain: who they are, what they do, why and when they leave.

use super::dice::Dice;
use super::goods::{CATEGORIES, OUTGROWN, Season, Stage, price, product};
use super::{Cause, Chain, State};
use crate::event::{DAY, Event, Kind, Micros};

/// Where things happen.
pub(super) const CHANNELS: [&str; 3] = ["till", "web", "group"];
const TILL: usize = 0;
const WEB: usize = 1;
const GROUP: usize = 2;

/// Days between two campaigns of the chain.
const CAMPAIGN_DAYS: i32 = 15;

/// What is true of a customer, whether or not the data show it.
pub(super) struct Person {
    pub joined: f64,
    /// The day on which the child was or will be born; none for those who buy gifts.
    pub born: Option<i32>,
    pub contactable: bool,
    /// Weights of till, web shop and chat group.
    pub channels: [f64; 3],
    hour: f64,
    gap_mean: f64,
    /// Regularity: 1 buys at random, 8 like a clock.
    shape: f64,
    power: f64,
    sensitivity: f64,
    interest: f64,
    posts: f64,
    follows: bool,
    /// Buys little but nappies, milk and food.
    basics_only: bool,
    brand: u64,
    pub buys: bool,
    pub cause: Cause,
    pub fades_at: f64,
    pub leaves_at: f64,
}

impl Person {
    pub fn new(chain: &Chain, dice: &mut Dice) -> Self {
        let (first, days) = (f64::from(chain.first_day()), f64::from(chain.days));
        // The chain grows: the last day gains nearly twice as many customers as the first.
        let u = dice.unit();
        let joined = first + days * ((1.0 + 2.6 * u).sqrt() - 1.0) / (3.6_f64.sqrt() - 1.0);
        let born = if dice.chance(0.08) {
            None
        } else {
            let age = match dice.pick(&[0.25, 0.30, 0.18, 0.17, 0.10]) {
                0 => dice.between(-250.0, 0.0),
                1 => dice.between(0.0, 182.0),
                2 => dice.between(182.0, 365.0),
                3 => dice.between(365.0, 1_096.0),
                _ => dice.between(1_096.0, 2_100.0),
            };
            Some((joined - age) as i32)
        };
        let mut channels = [0.0; 3];
        channels[dice.pick(&[0.6, 0.25, 0.15])] = 1.0;
        for weight in &mut channels {
            if dice.chance(0.25) {
                *weight += dice.between(0.1, 0.7);
            }
        }
        let whale = if dice.chance(0.02) { dice.between(2.0, 5.0) } else { 1.0 };
        let gap_mean = dice.lognormal(if born.is_some() { 46.0 } else { 150.0 }, 0.65).clamp(6.0, 400.0);
        let basics_only = born.is_some() && dice.chance(0.35);
        let mut person = Person {
            joined,
            born,
            contactable: dice.chance(0.92),
            channels,
            hour: [9.5, 12.5, 16.0, 20.5][dice.pick(&[0.2, 0.2, 0.25, 0.35])],
            gap_mean,
            shape: [1.0, 2.0, 4.0, 8.0][dice.pick(&[0.25, 0.35, 0.25, 0.15])],
            power: dice.lognormal(1.0, 0.45) * whale,
            sensitivity: dice.unit().powi(2) * 0.7,
            interest: dice.exponential(1.0 / 45.0),
            posts: if dice.chance(0.3) { dice.exponential(1.0 / 25.0) } else { 0.0 },
            follows: dice.chance(0.55),
            basics_only,
            brand: dice.popular(12),
            buys: dice.chance(0.88),
            cause: Cause::None,
            fades_at: f64::INFINITY,
            leaves_at: f64::INFINITY,
        };
        person.decide(dice);
        person
    }

    /// Why and when they leave.
    fn decide(&mut self, dice: &mut Dice) {
        if !self.buys {
            return;
        }
        if dice.chance(if self.born.is_some() { 0.38 } else { 0.65 }) {
            (self.cause, self.fades_at) = (Cause::OneTime, self.joined);
            // The first order falls on the day of joining.
            self.leaves_at = self.joined + 1.0;
            return;
        }
        let chance_at = self.joined + 30.0 + dice.exponential(650.0);
        let limit = if self.basics_only { 960.0 + 120.0 * dice.normal() } else { 2_192.0 };
        let outgrown_at = self.born.map_or(f64::INFINITY, |born| f64::from(born) + limit);
        let outgrown_at = outgrown_at.max(self.joined + self.gap_mean);
        let causes = [Cause::Price, Cause::Service, Cause::Delivery, Cause::Rhythm, Cause::Silent];
        let other = causes[dice.pick(&[0.25, 0.15, 0.15, 0.25, 0.20])];
        let (cause, at) =
            if outgrown_at < chance_at { (Cause::Outgrown, outgrown_at) } else { (other, chance_at) };
        let lasts = match cause {
            Cause::Silent => 0.0,
            Cause::Service => dice.between(20.0, 60.0),
            Cause::Rhythm => dice.between(2.5, 4.5) * self.gap_mean,
            _ => dice.between(1.5, 2.5) * self.gap_mean.max(30.0),
        };
        (self.cause, self.fades_at, self.leaves_at) = (cause, at, at + lasts);
    }

    /// Between the first sign and the last purchase: 0 at the first sign, 1 when gone; none before.
    fn fading(&self, at: f64) -> Option<f64> {
        (at >= self.fades_at)
            .then(|| ((at - self.fades_at) / (self.leaves_at - self.fades_at).max(1e-9)).min(1.0))
    }

    pub fn stage(&self, day: i32) -> Option<Stage> {
        self.born.map(|born| Stage::of_age(day - born))
    }

    pub fn state(&self, end: f64) -> State {
        match self.cause {
            _ if !self.buys => State::NeverBought,
            Cause::OneTime => State::OneTime,
            _ if end >= self.leaves_at => State::Left,
            _ if end >= self.fades_at => State::Fading,
            _ => State::Active,
        }
    }

    fn gap(&self, at: f64, dice: &mut Dice) -> f64 {
        let slower = match (self.cause, self.fading(at)) {
            (_, None) => 1.0,
            (Cause::Rhythm, Some(part)) => 1.4 + 2.2 * part,
            (Cause::Service, _) => 2.0,
            (Cause::Outgrown, _) => 1.7,
            _ => 1.0,
        };
        dice.gamma(self.shape, self.gap_mean * slower)
    }
}

/// What happens to one customer, in no order.
pub(super) struct Life<'a> {
    chain: &'a Chain,
    season: &'a Season,
    person: &'a Person,
    number: u64,
    dice: &'a mut Dice,
    orders: u32,
    events: Vec<Event>,
}

impl<'a> Life<'a> {
    pub fn new(
        chain: &'a Chain,
        season: &'a Season,
        person: &'a Person,
        number: u64,
        dice: &'a mut Dice,
    ) -> Self {
        Life { chain, season, person, number, dice, orders: 0, events: Vec::new() }
    }

    /// Everything up to the end of the simulation.
    pub fn lived(mut self) -> Vec<Event> {
        self.shopping();
        self.browsing();
        self.community();
        self.trouble();
        let end = i64::from(self.chain.until_day + 1) * DAY;
        self.events.retain(|event| event.occurred_at < end);
        self.events.sort_by(|a, b| {
            a.occurred_at
                .cmp(&b.occurred_at)
                .then(a.kind.cmp(&b.kind))
                .then_with(|| a.product.cmp(&b.product))
                .then(a.amount.total_cmp(&b.amount))
        });
        self.events
    }

    fn end(&self) -> f64 {
        f64::from(self.chain.until_day + 1)
    }

    /// Organic purchases and campaigns, in the order of time: an answered campaign puts the next purchase off.
    fn shopping(&mut self) {
        let p = self.person;
        let mut next = if p.buys { p.joined } else { f64::INFINITY };
        let mut last = f64::NEG_INFINITY;
        let mut campaign = (p.joined as i32 - self.chain.first_day()) / CAMPAIGN_DAYS + 1;
        loop {
            let sent_at = f64::from(self.chain.first_day() + campaign * CAMPAIGN_DAYS) + 10.0 / 24.0;
            if next.min(sent_at) >= self.end() {
                return;
            }
            if next < sent_at {
                if next >= p.leaves_at {
                    next = f64::INFINITY;
                    continue;
                }
                // Those who leave for the price wait for the next campaign.
                if !(p.cause == Cause::Price && p.fading(next).is_some()) {
                    self.order(next, None);
                    last = next;
                }
                let gap = p.gap(next, self.dice);
                next = self.season.after(next, gap.max(1.0));
                continue;
            }
            campaign += 1;
            if !p.contactable || !self.dice.chance(0.45) {
                continue;
            }
            let day = crate::calendar::date_of(sent_at as i32);
            let promotion = format!("sale-{day}");
            let at = self.minutes(sent_at, 120.0);
            let channel = if p.channels[GROUP] > 0.0 { GROUP } else { WEB };
            self.happens(Kind::PromotionSent, at, channel, |e| e.promotion = Some(promotion.clone()));
            if last == f64::NEG_INFINITY || sent_at >= p.leaves_at {
                continue;
            }
            let ready = ((sent_at - last) / p.gap_mean).clamp(0.0, 1.0);
            let appetite = match (p.cause, p.fading(sent_at)) {
                (Cause::Price, Some(part)) => (0.9 - 0.5 * part).max(p.sensitivity),
                (Cause::Rhythm, Some(_)) => p.sensitivity * 0.3,
                (Cause::Service, Some(_)) => p.sensitivity * 0.2,
                _ => p.sensitivity,
            };
            if self.dice.chance(appetite * ready) {
                let at = sent_at + self.dice.between(0.1, 5.0);
                if at < p.leaves_at && at < self.end() {
                    self.order(at, Some(&promotion));
                    last = at;
                    let gap = p.gap(at, self.dice);
                    next = self.season.after(at, gap.max(1.0));
                }
            }
        }
    }

    /// One order: its lines, the visits before it, and product returns.
    fn order(&mut self, at: f64, promotion: Option<&str>) {
        let p = self.person;
        let fading = p.fading(at);
        let badly_delivered = p.cause == Cause::Delivery && fading.is_some();
        let channel = if badly_delivered { WEB } else { self.dice.pick(&p.channels) };
        let day = at as i32;
        let hour = (p.hour + 1.6 * self.dice.normal()).clamp(7.0, 23.5);
        let at = ((f64::from(day) + hour / 24.0) * DAY as f64) as Micros / 1_000_000 * 1_000_000;
        self.orders += 1;
        let order = format!("o{}-{}", self.number, self.orders);
        if channel != TILL {
            let visit = at - self.dice.between(2.0, 60.0 * 20.0) as i64 * 60_000_000;
            self.happens(Kind::Visit, visit, channel, |_| {});
        }
        let used = promotion.map(str::to_owned);
        if promotion.is_some() {
            self.happens(Kind::PromotionUsed, at, channel, |e| {
                e.promotion.clone_from(&used);
                e.order = Some(order.clone());
            });
        }
        let years = f64::from(day - self.chain.first_day()) / 365.25;
        let discount = if promotion.is_some() { self.dice.between(0.75, 0.9) } else { 1.0 };
        let shrink = match (p.cause, fading) {
            (Cause::Price, Some(_)) => 0.55,
            (Cause::Rhythm, Some(_)) => 0.8,
            (Cause::Outgrown, Some(_)) => 0.5,
            _ => 1.0,
        };
        // A till that was offline sends its receipts the night after.
        let late = if channel == TILL && self.dice.chance(0.01) { DAY } else { 0 };
        for category in self.basket(day, fading.is_some(), shrink) {
            let (name, number) = self.choose(category, day);
            let bulk = if CATEGORIES[category].consumable { p.power * shrink } else { 1.0 };
            let quantity = 1 + self.dice.poisson((0.5 * bulk).min(12.0));
            let list = price(category, number, years) * p.power.powf(0.4);
            let amount = (list * discount * f64::from(quantity) * 100.0).round() / 100.0;
            let line = Event {
                recorded_at: at + late,
                quantity: quantity as f32,
                order: Some(order.clone()),
                product: Some(name),
                category: Some(CATEGORIES[category].name.to_owned()),
                channel: Some(CHANNELS[channel].to_owned()),
                promotion: used.clone(),
                ..Event::new(Kind::Purchase, at, amount.max(1.0))
            };
            if self.dice.chance(if badly_delivered { 0.5 } else { 0.025 }) {
                let back = at + (self.dice.between(2.0, 10.0) * DAY as f64) as Micros;
                let returned = Event { promotion: None, ..line.clone() };
                self.events.push(Event {
                    kind: Kind::Return,
                    amount: -line.amount,
                    occurred_at: back,
                    recorded_at: back,
                    ..returned
                });
            }
            self.events.push(line);
        }
        if badly_delivered || self.dice.chance(0.006) {
            let told = at + (self.dice.between(1.0, 5.0) * DAY as f64) as Micros;
            self.happens(Kind::Complaint, told, channel, |e| e.order = Some(order.clone()));
            if self.dice.chance(if badly_delivered { 0.7 } else { 0.3 }) {
                let asked = told + (self.dice.between(0.5, 9.0) * DAY as f64) as Micros;
                self.happens(Kind::RefundRequest, asked, channel, |e| e.order = Some(order.clone()));
            }
        }
    }

    /// The categories of an order's lines.
    fn basket(&mut self, day: i32, fading: bool, shrink: f64) -> Vec<usize> {
        let p = self.person;
        let stage = p.stage(day).unwrap_or(Stage::Years1To3);
        let mut weights = CATEGORIES.each_ref().map(|category| category.weights[stage as usize]);
        if p.born.is_none() {
            // Gifts.
            weights = [0.0; 12];
            (weights[6], weights[7], weights[8], weights[11]) = (3.0, 3.0, 1.5, 0.3);
        }
        if p.basics_only {
            OUTGROWN.iter().for_each(|&at| weights[at] *= 6.0);
        }
        if fading && p.cause == Cause::Outgrown {
            OUTGROWN.iter().for_each(|&at| weights[at] *= 0.05);
        }
        if weights.iter().sum::<f64>() <= 0.0 {
            weights[7] = 1.0;
        }
        let wanted = 1 + self.dice.poisson(0.9 * shrink);
        let mut basket = Vec::with_capacity(4);
        for _ in 0..wanted {
            let category = self.dice.pick(&weights);
            basket.push(category);
            if let Some((companion, chance)) = CATEGORIES[category].companion
                && self.dice.chance(chance * shrink)
            {
                basket.push(companion);
            }
        }
        basket
    }

    /// A product: of what is used up mostly the own one, else a popular one.
    fn choose(&mut self, category: usize, day: i32) -> (String, u64) {
        let p = self.person;
        let kinds = CATEGORIES[category].products;
        let own = CATEGORIES[category].consumable && self.dice.chance(0.85);
        let number = if own { (p.brand + category as u64 * 5) % kinds } else { self.dice.popular(kinds) };
        let sized = matches!(category, 1 | 2 | 3 | 6);
        let stage = p.stage(day).unwrap_or(Stage::Years1To3);
        (product(category, if sized { stage } else { Stage::Pregnancy }, number), number)
    }

    /// Visits, views and baskets that lead to nothing.
    fn browsing(&mut self) {
        let p = self.person;
        let highest = p.interest * 2.0;
        let mut at = p.joined;
        loop {
            at += self.dice.exponential(1.0 / highest.max(1e-6));
            if at >= self.end() {
                return;
            }
            let share = match (p.cause, p.fading(at)) {
                (_, None) => 0.5,
                _ if at >= p.leaves_at => 0.03,
                (Cause::Price, _) => 1.0,
                (Cause::Rhythm | Cause::Outgrown, Some(part)) => 0.5 - 0.4 * part,
                (Cause::Service, _) => 0.2,
                _ => 0.5,
            };
            if !self.dice.chance(share) {
                continue;
            }
            let instant = self.minutes(at, 1.0);
            self.happens(Kind::Visit, instant, WEB, |_| {});
            for view in 0..self.dice.poisson(0.9) {
                let category = self.basket(at as i32, false, 0.0)[0];
                let (name, _) = self.choose(category, at as i32);
                let when = instant + i64::from(view + 1) * 40_000_000;
                let looked = |e: &mut Event| {
                    e.product = Some(name.clone());
                    e.category = Some(CATEGORIES[category].name.to_owned());
                };
                self.happens(Kind::View, when, WEB, looked);
                let price = p.cause == Cause::Price && p.fading(at).is_some();
                if self.dice.chance(if price { 0.4 } else { 0.12 }) {
                    self.happens(Kind::AddToCart, when + 9_000_000, WEB, looked);
                }
            }
        }
    }

    /// Following, posts, and answers to the question of recommendation.
    fn community(&mut self) {
        let p = self.person;
        if p.follows {
            let began = p.joined + self.dice.between(0.0, 3.0);
            let instant = self.minutes(began, 1.0);
            self.happens(Kind::Follow, instant, GROUP, |_| {});
            let tired = began + self.dice.exponential(9_000.0);
            let angry = match p.cause {
                Cause::Service | Cause::Delivery if self.dice.chance(0.6) => {
                    p.fades_at + self.dice.between(5.0, 45.0)
                }
                Cause::Rhythm | Cause::Outgrown | Cause::Price if self.dice.chance(0.35) => {
                    p.fades_at + self.dice.between(10.0, 120.0)
                }
                _ => f64::INFINITY,
            };
            let left = tired.min(angry.max(began + 1.0));
            if left < self.end() {
                let instant = self.minutes(left, 1.0);
                self.happens(Kind::Unfollow, instant, GROUP, |_| {});
            }
        }
        let mut at = if p.posts > 0.0 { p.joined } else { f64::INFINITY };
        loop {
            at += self.dice.exponential(1.0 / p.posts.max(1e-9));
            if at >= self.end() {
                break;
            }
            let share = match (p.cause, p.fading(at)) {
                (_, None) => 1.0,
                _ if at >= p.leaves_at => 0.05,
                (Cause::Rhythm | Cause::Outgrown, Some(part)) => 0.7 - 0.6 * part,
                _ => 0.6,
            };
            if self.dice.chance(share) {
                let instant = self.minutes(at, 1.0);
                self.happens(Kind::Post, instant, GROUP, |_| {});
            }
        }
        let mut asked = p.joined + 60.0;
        while asked < self.end().min(p.leaves_at + 30.0) {
            if p.buys && self.dice.chance(0.25) {
                let mood = match (p.cause, p.fading(asked)) {
                    (Cause::Service | Cause::Delivery, Some(_)) => 2.5,
                    (Cause::Price, Some(_)) => 6.0,
                    _ => 8.3,
                };
                let answer = (mood + 1.3 * self.dice.normal()).round().clamp(0.0, 10.0);
                let instant = self.minutes(asked, 600.0);
                self.happens(Kind::Nps, instant, GROUP, |e| e.amount = answer);
            }
            asked += 180.0;
        }
    }

    /// Bad service: a complaint in the shop, another one, and the demand for money back.
    fn trouble(&mut self) {
        let p = self.person;
        if p.cause != Cause::Service {
            return;
        }
        let channel = if p.channels[TILL] > 0.0 { TILL } else { GROUP };
        let first = self.minutes(p.fades_at, 1.0);
        self.happens(Kind::Complaint, first, channel, |_| {});
        let second = first + (self.dice.between(3.0, 15.0) * DAY as f64) as Micros;
        if self.dice.chance(0.6) {
            self.happens(Kind::Complaint, second, channel, |_| {});
        }
        if self.dice.chance(0.75) {
            let asked = second + (self.dice.between(0.5, 6.0) * DAY as f64) as Micros;
            self.happens(Kind::RefundRequest, asked, channel, |_| {});
        }
    }

    /// An instant in microseconds, up to so many minutes later, on a whole second.
    fn minutes(&mut self, day: f64, spread: f64) -> Micros {
        let second = (day * 86_400.0) as i64 + (self.dice.unit() * spread * 60.0) as i64;
        second * 1_000_000
    }

    fn happens(&mut self, kind: Kind, at: Micros, channel: usize, more: impl Fn(&mut Event)) {
        let mut event = Event { channel: Some(CHANNELS[channel].to_owned()), ..Event::new(kind, at, 0.0) };
        more(&mut event);
        self.events.push(event);
    }
}
