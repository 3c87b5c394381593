//! A simulated chain of baby-goods shops: tills, a web shop and chat groups, with the truth beside the data.
//!
//! What happens is drawn customer by customer from streams of random numbers of their own, so that any part can be made
//! alone and on any number of threads: the same seed gives the same bytes. `docs/simulation.md` describes the process.
//!
//! ```
//! use homing_datasets::simulate::Chain;
//!
//! let chain = Chain { customers: 100, seed: 7, ..Chain::default() };
//! let simulated = chain.customer(3);
//! assert_eq!(simulated, chain.customer(3));
//! let histories = chain.histories().unwrap();
//! assert!(histories.len() <= 100);
//! ```

mod contact;
mod dice;
mod goods;
mod life;
mod records;
mod write;

use rayon::prelude::*;

use crate::calendar::days_of;
use crate::{Error, Event, Histories, HistoriesBuilder, Line};
pub use contact::Contacted;
use dice::Dice;
use goods::Season;
pub use goods::Stage;
use life::{Life, Person};
pub use records::Record;
pub use write::{Written, write};

/// The chain to simulate.
///
/// ```
/// use homing_datasets::simulate::Chain;
///
/// let chain = Chain { customers: 100, seed: 7, ..Chain::default() };
/// assert_eq!(chain.customer(3), chain.customer(3)); // the same seed, the same customer
/// assert_eq!(chain.histories()?.len(), 100);
/// # Ok::<(), homing_datasets::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    /// How many people have a record anywhere, 1 to 100 million.
    pub customers: u64,
    /// What the random numbers start from.
    pub seed: u64,
    /// The last day, in days since 1970-01-01.
    pub until_day: i32,
    /// How many days are simulated.
    pub days: i32,
}

impl Default for Chain {
    /// Ten thousand customers over the three years up to 2025-06-30.
    fn default() -> Self {
        let until = chrono::NaiveDate::from_ymd_opt(2025, 6, 30).unwrap_or_default();
        Chain { customers: 10_000, seed: 1, until_day: days_of(until), days: 1_096 }
    }
}

/// Why a customer leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// They have not begun to leave, or never bought.
    None,
    /// They never meant to buy more than once.
    OneTime,
    /// Too dear: buys only in campaigns, smaller baskets, looks and does not buy.
    Price,
    /// Complaints at the till, a demand for refund, bad answers, unfollows.
    Service,
    /// Web orders that go wrong: returns, complaints, demands for refund.
    Delivery,
    /// Interest fades: longer and longer gaps, fewer posts, campaigns ignored.
    Rhythm,
    /// The child no longer needs what they bought.
    Outgrown,
    /// From one day to the next, without a sign.
    Silent,
}

impl Cause {
    /// The name in the file of truths.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Cause::None => "none",
            Cause::OneTime => "one_time",
            Cause::Price => "price",
            Cause::Service => "service",
            Cause::Delivery => "delivery",
            Cause::Rhythm => "rhythm",
            Cause::Outgrown => "outgrown",
            Cause::Silent => "silent",
        }
    }
}

/// The true state of a customer on the last day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Registered, looks around, never buys.
    NeverBought,
    /// Bought once and will not come again.
    OneTime,
    /// Buys at their own pace.
    Active,
    /// On the way out.
    Fading,
    /// Gone for good.
    Left,
}

impl State {
    /// The name in the file of truths.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            State::NeverBought => "never_bought",
            State::OneTime => "one_time",
            State::Active => "active",
            State::Fading => "fading",
            State::Left => "left",
        }
    }
}

/// What is true of a customer on the last day. Days are counted since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Truth {
    /// Their state.
    pub state: State,
    /// Why they fade or have left; [`Cause::None`] while they do neither.
    pub cause: Cause,
    /// The day of the first sign, where it has come.
    pub fades_day: Option<i32>,
    /// The day from which they buy no more, where they fade or have left; it may be in the future.
    pub leaves_day: Option<i32>,
    /// How old the child is; none for those who buy gifts.
    pub stage: Option<Stage>,
    /// The next stage and the day on which it begins, where there is one.
    pub next_stage: Option<(Stage, i32)>,
}

/// A simulated customer.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulated {
    /// The true identity, `c` and a number.
    pub customer_id: String,
    /// What the sources know, first of all the one of the first event's channel.
    pub records: Vec<Record>,
    /// What happened, oldest first.
    pub events: Vec<Event>,
    /// What is true.
    pub truth: Truth,
}

impl Simulated {
    /// The record under which a source knew of an event.
    #[must_use]
    pub fn record_of(&self, event: &Event) -> Option<&Record> {
        let channel = event.channel.as_deref();
        self.records.iter().find(|record| Some(record.source) == channel).or(self.records.first())
    }
}

impl Chain {
    /// The first day, in days since 1970-01-01.
    #[must_use]
    pub fn first_day(&self) -> i32 {
        self.until_day - self.days + 1
    }

    /// One customer, by number.
    #[must_use]
    pub fn customer(&self, number: u64) -> Simulated {
        self.simulate(&Season::new(self.first_day(), self.days + 1), number)
    }

    /// Everybody's history, joined as by someone who knows who is who. For up to a million customers or so: it lies in
    /// memory.
    ///
    /// # Errors
    /// [`Error::TooManyTexts`] beyond some hundred million orders.
    pub fn histories(&self) -> Result<Histories, Error> {
        let season = Season::new(self.first_day(), self.days + 1);
        let mut all = HistoriesBuilder::default();
        let numbers: Vec<u64> = (0..self.customers).collect();
        for wave in numbers.chunks(20_000) {
            let lived: Vec<Simulated> = wave.par_iter().map(|&n| self.simulate(&season, n)).collect();
            for one in &lived {
                for event in &one.events {
                    all.push(&one.customer_id, Line::from(event))?;
                }
            }
        }
        Ok(all.finish())
    }

    fn simulate(&self, season: &Season, number: u64) -> Simulated {
        let mut dice = Dice::of(self.seed, number);
        let person = Person::new(self, &mut dice);
        let events = Life::new(self, season, &person, number, &mut dice).lived();
        Simulated {
            customer_id: format!("c{number:08}"),
            records: records::records(self.seed, number, &person),
            events,
            truth: self.truth(&person),
        }
    }

    fn truth(&self, person: &Person) -> Truth {
        let end = f64::from(self.until_day + 1);
        let state = person.state(end);
        let seen = matches!(state, State::OneTime | State::Fading | State::Left);
        let stage = person.stage(self.until_day);
        let next_stage = person.born.zip(stage).and_then(|(born, stage)| {
            let next = Stage::ALL.get(stage as usize + 1)?;
            Some((*next, born + stage.ends_at()))
        });
        Truth {
            state,
            cause: if seen { person.cause } else { Cause::None },
            fades_day: seen.then_some(person.fades_at as i32),
            leaves_day: seen.then_some(person.leaves_at.ceil() as i32),
            stage,
            next_stage,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DAY, Kind};

    fn chain(customers: u64) -> Chain {
        Chain { customers, seed: 11, ..Chain::default() }
    }

    fn everybody(chain: Chain) -> Vec<Simulated> {
        (0..chain.customers).map(|number| chain.customer(number)).collect()
    }

    #[test]
    fn nothing_lies_outside_and_every_event_is_valid() {
        let chain = chain(400);
        for one in everybody(chain) {
            assert!(!one.records.is_empty());
            for event in one.events {
                assert!(event.occurred_at >= i64::from(chain.first_day()) * DAY, "{event:?}");
                assert!(event.occurred_at < i64::from(chain.until_day + 1) * DAY, "{event:?}");
                event.checked().unwrap();
            }
        }
    }

    #[test]
    fn shares_are_those_of_a_retailer() {
        let all = everybody(chain(6_000));
        let share = |of: &dyn Fn(&Simulated) -> bool| {
            all.iter().filter(|one| of(one)).count() as f64 / all.len() as f64
        };
        let days = |one: &Simulated| {
            let mut days: Vec<i64> =
                one.events.iter().filter(|e| e.is_purchase()).map(|e| e.occurred_at / DAY).collect();
            days.dedup();
            days
        };
        let none = share(&|one| days(one).is_empty());
        assert!((0.09..0.16).contains(&none), "without a purchase: {none}");
        let once = share(&|one| days(one).len() == 1);
        assert!((0.3..0.5).contains(&once), "one purchase: {once}");
        let buyers: Vec<Vec<i64>> = all.iter().map(days).filter(|days| !days.is_empty()).collect();
        let again = buyers.iter().filter(|days| days.get(1).is_some_and(|d| d - days[0] <= 30)).count();
        let again = again as f64 / buyers.len() as f64;
        assert!((0.18..0.34).contains(&again), "again within 30 days: {again}");
        // Heavy tail: the best tenth brings at least two fifths of the money.
        let mut spend: Vec<f64> = all
            .iter()
            .map(|one| one.events.iter().filter(|e| e.is_purchase()).map(|e| e.amount).sum())
            .collect();
        spend.sort_by(|a: &f64, b| b.total_cmp(a));
        let top = spend[..600].iter().sum::<f64>() / spend.iter().sum::<f64>();
        assert!((0.4..0.7).contains(&top), "the best tenth: {top}");
    }

    #[test]
    fn whoever_has_left_buys_no_more_and_causes_show() {
        let all = everybody(chain(4_000));
        let per_head = |cause: Cause, of: &dyn Fn(&Simulated) -> bool| {
            let those: Vec<&Simulated> = all.iter().filter(|one| one.truth.cause == cause).collect();
            assert!(those.len() > 30, "{cause:?}: {}", those.len());
            those.iter().filter(|one| of(one)).count() as f64 / those.len() as f64
        };
        for one in &all {
            let Some(left) = one.truth.leaves_day else { continue };
            let last = one.events.iter().rev().find(|e| e.is_purchase());
            assert!(last.is_none_or(|e| e.occurred_at < i64::from(left + 1) * DAY), "{}", one.customer_id);
        }
        let complained = |one: &Simulated| one.events.iter().any(|e| e.kind == Kind::Complaint);
        assert!(per_head(Cause::Service, &complained) > 0.95);
        assert!(per_head(Cause::Silent, &complained) < 0.2);
        let back = |one: &Simulated| {
            let from = i64::from(one.truth.fades_day.unwrap()) * DAY;
            one.events.iter().any(|e| e.kind == Kind::Return && e.occurred_at > from)
        };
        assert!(per_head(Cause::Delivery, &back) > per_head(Cause::Price, &back) + 0.2);
        let unfollowed = |one: &Simulated| one.events.iter().any(|e| e.kind == Kind::Unfollow);
        assert!(per_head(Cause::Service, &unfollowed) > per_head(Cause::Silent, &unfollowed) + 0.2);
    }

    #[test]
    fn seeds_make_the_difference() {
        let other = Chain { seed: 12, ..chain(10) };
        assert_eq!(everybody(chain(10)), everybody(chain(10)));
        assert_ne!(everybody(chain(10)), everybody(other));
        // More customers change none of those there are.
        assert_eq!(chain(10).customer(4), chain(5).customer(4));
    }

    #[test]
    fn histories_hold_the_events() {
        let chain = chain(300);
        let events: usize = everybody(chain).iter().map(|one| one.events.len()).sum();
        assert_eq!(chain.histories().unwrap().events(), events as u64);
    }
}
