//! Where and when a customer answers: the channel and the hour to reach them by, from their own history.

use homing_datasets::{DAY, Kind, Micros, View, Zone};

/// How long after a promotion a visit or an order counts as its answer.
const WITHIN: Micros = 7 * DAY;
/// Events with a time of day that an hour needs at least.
const FEWEST: u32 = 3;
/// Responses to promotions, and orders, say more about the hour than visits do.
const ANSWER: f64 = 3.0;
const ORDER: f64 = 2.0;
/// How much what happened so many hours off counts.
const NEAR: [f64; 4] = [1.0, 0.75, 0.4, 0.1];

/// The channel and the hour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Answers<'v> {
    /// The channel that the customer answers by.
    pub channel: Option<&'v str>,
    /// Share of what was sent there that was answered, drawn towards the share over all channels; NaN where nothing was
    /// sent.
    pub share: f64,
    /// The local hour, 0 to 23; NaN where the data have no time of day.
    pub hour: f64,
    /// Share of what the customer does that falls within an hour of it.
    pub hour_share: f64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Channel {
    sent: f64,
    answered: f64,
    /// Visits, views, baskets and posts of the customer's own accord.
    own: u32,
    orders: u32,
}

/// The counters of one customer, kept from one to the next.
#[derive(Debug, Default)]
pub(super) struct Counters {
    channels: Vec<Channel>,
    open: Vec<(Micros, u32)>,
}

/// The channel with the best share of answers; where nothing was sent or answered, that of most visits and posts; where
/// there is none of these either, that of most orders. The hour around which most of the customer's own doing falls.
pub(super) fn answers<'v>(view: &'v View<'_>, zone: Zone, counters: &mut Counters) -> Answers<'v> {
    let Counters { channels, open } = counters;
    channels.clear();
    channels.resize(view.codes(), Channel::default());
    open.clear();
    let (mut hours, mut timed) = ([0.0; 24], 0);
    let mut last_order = None;
    for (i, &at) in view.occurred_at().iter().enumerate() {
        let kind = view.kind()[i];
        let channel = &mut channels[view.channel()[i] as usize];
        let bought = view.is_purchase(i);
        match kind {
            Kind::PromotionSent => {
                channel.sent += 1.0;
                open.push((at, view.channel()[i]));
                continue;
            }
            Kind::Visit | Kind::View | Kind::AddToCart | Kind::Post | Kind::PromotionUsed => channel.own += 1,
            // Several lines of one order are one.
            Kind::Purchase if bought && last_order != Some(at) => {
                channel.orders += 1;
                last_order = Some(at);
            }
            _ => continue,
        }
        let mut answer = false;
        if bought || matches!(kind, Kind::Visit | Kind::PromotionUsed) {
            open.retain(|&(sent, by)| {
                let in_time = at - sent <= WITHIN;
                if in_time {
                    channels[by as usize].answered += 1.0;
                    answer = true;
                }
                false
            });
        }
        let hour = zone.hour(at);
        // Midnight to the second is a date without a time.
        if hour != 0.0 {
            timed += 1;
            hours[hour as usize % 24] += match bought {
                _ if answer => ANSWER,
                true => ORDER,
                false => 1.0,
            };
        }
    }
    let (channel, share) = best_channel(channels);
    let (hour, hour_share) = if timed >= FEWEST { best_hour(&hours) } else { (f64::NAN, f64::NAN) };
    Answers { channel: channel.and_then(|code| view.name(code as u32)), share, hour, hour_share }
}

fn best_channel(channels: &[Channel]) -> (Option<usize>, f64) {
    let named = || channels.iter().enumerate().skip(1);
    let (sent, answered) =
        named().fold((0.0, 0.0), |(sent, answered), (_, c)| (sent + c.sent, answered + c.answered));
    if answered > 0.0 {
        // Two made-up sendings with the customer's own share, so that one lucky answer does not decide.
        let share = |c: &Channel| (c.answered + 2.0 * answered / sent) / (c.sent + 2.0);
        let best = named().filter(|(_, c)| c.sent > 0.0).rev();
        if let Some((code, c)) = best.max_by(|a, b| share(a.1).total_cmp(&share(b.1))) {
            return (Some(code), share(c));
        }
    }
    let most = |of: fn(&Channel) -> u32| {
        named().rev().filter(|(_, c)| of(c) > 0).max_by_key(|(_, c)| of(c)).map(|(code, _)| code)
    };
    let share = if sent > 0.0 { 0.0 } else { f64::NAN };
    (most(|c| c.own).or_else(|| most(|c| c.orders)), share)
}

fn best_hour(hours: &[f64; 24]) -> (f64, f64) {
    let around = |hour: usize| -> f64 {
        let both = |off: usize| hours[(hour + off) % 24] + hours[(hour + 24 - off) % 24];
        NEAR[0] * hours[hour] + (1..NEAR.len()).map(|off| NEAR[off] * both(off)).sum::<f64>()
    };
    let best = (0..24).rev().max_by(|&a, &b| around(a).total_cmp(&around(b))).unwrap_or_default();
    let within = hours[(best + 23) % 24] + hours[best] + hours[(best + 1) % 24];
    (best as f64, within / hours.iter().sum::<f64>())
}

#[cfg(test)]
mod tests {
    use homing_datasets::simulate::Chain;
    use homing_datasets::{Event, History};

    use super::*;

    const HOUR: Micros = DAY / 24;

    fn on(day: i64, hour: i64, kind: Kind, channel: &str) -> Event {
        let amount = if kind == Kind::Purchase { 9.0 } else { 0.0 };
        Event { channel: Some(channel.to_owned()), ..Event::new(kind, day * DAY + hour * HOUR + 60, amount) }
    }

    fn look(events: Vec<Event>) -> (Option<String>, f64, f64) {
        let history = History::from_events(events);
        let view = history.as_of(1_000 * DAY);
        let found = answers(&view, Zone::default(), &mut Counters::default());
        (found.channel.map(str::to_owned), found.share, found.hour)
    }

    #[test]
    fn the_channel_is_where_promotions_are_answered_and_not_where_most_are_sent() {
        let mut events = Vec::new();
        for week in 0..8 {
            events.push(on(week * 14, 9, Kind::PromotionSent, "sms"));
            events.push(on(week * 14 + 10, 9, Kind::PromotionSent, "group"));
            if week % 2 == 0 {
                events.push(on(week * 14 + 11, 20, Kind::Purchase, "till"));
            }
        }
        let (channel, share, hour) = look(events);
        assert_eq!((channel.as_deref(), hour), (Some("group"), 20.0));
        assert!((share - (4.0 + 2.0 * 0.25) / 10.0).abs() < 1e-12, "{share}");
    }

    #[test]
    fn without_promotions_the_own_visits_tell_and_then_the_orders() {
        let visits = vec![
            on(1, 8, Kind::Visit, "web"),
            on(5, 8, Kind::Purchase, "till"),
            on(9, 8, Kind::Purchase, "till"),
        ];
        assert_eq!(look(visits).0.as_deref(), Some("web"));
        let orders = vec![on(5, 8, Kind::Purchase, "till")];
        let (channel, share, hour) = look(orders);
        assert_eq!(channel.as_deref(), Some("till"));
        assert!(share.is_nan() && hour.is_nan(), "one order tells no hour");
        assert_eq!(look(Vec::new()).0, None);
    }

    #[test]
    fn dates_without_a_time_tell_no_hour() {
        let dates = (0..9).map(|day| Event::new(Kind::Purchase, day * DAY, 5.0)).collect();
        assert!(look(dates).2.is_nan());
    }

    /// The chain's customers have an hour of the day at which they like to buy.
    #[test]
    fn the_hour_is_near_the_true_one() {
        let chain = Chain { customers: 1_500, seed: 5, ..Chain::default() };
        let (mut asked, mut near) = (0.0, 0.0);
        for number in 0..chain.customers {
            let one = chain.customer(number);
            let history = History::from_events(one.events);
            let view = history.as_of(i64::from(chain.until_day + 1) * DAY - 1);
            let found = answers(&view, Zone::default(), &mut Counters::default());
            let orders: Vec<f64> = (0..view.len())
                .filter(|&i| view.kind()[i] == Kind::Purchase)
                .map(|i| Zone::default().hour(view.occurred_at()[i]))
                .collect();
            if orders.len() < 10 || found.hour.is_nan() {
                continue;
            }
            let mean = orders.iter().sum::<f64>() / orders.len() as f64;
            asked += 1.0;
            near += f64::from(u8::from((found.hour + 0.5 - mean).abs() <= 2.0));
        }
        println!("hour within two of the mean of the orders: {:.3} of {asked}", near / asked);
        assert!(asked > 300.0 && near / asked >= 0.8, "{near} of {asked}");
    }
}
