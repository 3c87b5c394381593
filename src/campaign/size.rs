//! How many customers to contact: the profit that is to be expected of the first ones of a list, by its length.
//!
//! Of each customer the purchases that contact adds are worth their margin, and the contact costs. What contact adds comes from uplift
//! where it is proven; else from the effect that past campaigns had on customers who would not have bought; else from an assumption
//! that the caller states.

use homing_models::uplift::Group;
use homing_profiles::{Listing, Profile, Sort, Store};
use homing_tags::names::{UPLIFT, UPLIFT_GROUP};
use serde::Serialize;
use serde_json::Value;

use super::effects::pool;
use super::evaluate::{Evaluation, nearest};
use super::{Error, Rank};
use crate::uplift::learned;

/// Profiles read at once.
const PAGE: u32 = 1_000;
/// Points of the curve.
const POINTS: usize = 40;

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Tags, ranges and prefix that a customer must match.
    pub who: Listing,
    /// Gross margin as a share of the spend.
    pub margin: f64,
    /// Cost of one contact, in the currency of the purchases.
    pub cost_per_contact: f64,
    /// Days within which purchases count.
    pub window_days: u32,
    /// Share of the customers who would not buy otherwise and do because of the contact. Asked for where nothing is proven.
    pub assumed: Option<f64>,
    /// Who comes first; by default uplift where it is proven.
    pub rank: Option<Rank>,
    /// Most customers to look at, those with the highest value at risk.
    pub most: usize,
}

/// Where the effect comes from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Basis {
    /// `uplift` (proven on held-out customers), `campaigns` (measured in past campaigns) or `assumption`.
    pub kind: &'static str,
    /// In words.
    pub text: String,
    /// Share of the customers who would not buy otherwise and do because of the contact; absent for uplift.
    pub share: Option<f64>,
    /// Low end of its 95 % interval, where it was measured.
    pub share_low: Option<f64>,
    /// High end.
    pub share_high: Option<f64>,
}

/// A list of the first customers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Point {
    /// Customers contacted.
    pub contacts: usize,
    /// Expected purchases that contact adds.
    pub added_buyers: f64,
    /// Expected revenue that contact adds.
    pub added_revenue: f64,
    /// Cost of the contacts.
    pub cost: f64,
    /// Expected margin of that revenue less the cost.
    pub profit: f64,
    /// Low end, where the effect has an interval.
    pub profit_low: Option<f64>,
    /// High end.
    pub profit_high: Option<f64>,
    /// Expected customers who would not buy without contact: rightly on the list.
    pub true_positives: f64,
    /// Expected customers who would buy anyway.
    pub false_positives: f64,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sized {
    /// Matching customers with scores.
    pub customers: usize,
    /// Customers left out: opted out, without scores, or not to be disturbed.
    pub left_out: usize,
    /// Whether there are more customers than were looked at.
    pub more: bool,
    /// By what they are ranked: `uplift` or `value_at_risk`.
    pub rank: &'static str,
    /// Where the effect comes from.
    pub basis: Basis,
    /// The list with the highest expected profit; of length 0 if no contact pays.
    pub best: Point,
    /// Lists by length.
    pub curve: Vec<Point>,
}

impl Question {
    /// Whether a number is out of range.
    #[must_use]
    pub fn fault(&self) -> bool {
        self.check().is_err()
    }

    fn check(&self) -> Result<(), Error> {
        let wrong = |text: String| Err(Error::InvalidArgument(text));
        if !(self.margin > 0.0 && self.margin <= 1.0) {
            let margin = self.margin;
            return wrong(format!(
                "the margin is {margin}; give it as a share above 0 and at most 1, such as 0.35"
            ));
        }
        if !(self.cost_per_contact.is_finite() && self.cost_per_contact >= 0.0) {
            return wrong(format!("the cost per contact is {}; it must be 0 or more", self.cost_per_contact));
        }
        if !(1..=366).contains(&self.window_days) {
            return wrong(format!("the window is {} days; it must be 1 to 366", self.window_days));
        }
        if let Some(share) = self.assumed.filter(|share| !(*share > 0.0 && *share <= 1.0)) {
            return wrong(format!(
                "the assumed effect is {share}; give the share of customers who would not buy otherwise and do because of the \
                 contact, above 0 and at most 1, such as 0.03"
            ));
        }
        Ok(())
    }
}

/// What is known of a customer.
struct Candidate {
    p: f64,
    basket: f64,
    uplift: Option<f64>,
}

/// Answers how many customers to contact.
///
/// # Errors
/// [`Error::InvalidArgument`] for numbers out of range, or where nothing is proven and nothing assumed; [`Error::Refused`] where
/// nobody matches, or for a ranking by uplift that is not proven; [`Error::Store`].
pub fn size(store: &dyn Store, question: &Question) -> Result<Sized, Error> {
    question.check()?;
    let basis = basis(store, question)?;
    let rank = match question.rank {
        Some(Rank::Uplift) => {
            super::proven(store)?;
            Rank::Uplift
        }
        Some(rank) => rank,
        None if basis.kind == "uplift" => Rank::Uplift,
        None => Rank::ValueAtRisk,
    };
    let (mut candidates, mut left_out, mut seen) = (Vec::new(), 0, 0);
    let mut listing = Listing { sort: Sort::ValueAtRisk, limit: PAGE, cursor: None, ..question.who.clone() };
    let more = loop {
        let page = store.list(&listing)?;
        for profile in &page.profiles {
            seen += 1;
            match candidate(profile, question.window_days) {
                Some(candidate) => candidates.push(candidate),
                None => left_out += 1,
            }
        }
        match page.next {
            None => break false,
            Some(_) if seen >= question.most => break true,
            Some(next) => listing.cursor = Some(next),
        }
    };
    if candidates.is_empty() {
        return Err(Error::Refused(
            "no customer with scores matches; choose other filters, or score customers into this store first"
                .to_owned(),
        ));
    }
    if rank == Rank::Uplift {
        candidates.sort_by(|a, b| b.uplift.unwrap_or(f64::MIN).total_cmp(&a.uplift.unwrap_or(f64::MIN)));
    }
    let (best, curve) = curve(&candidates, question, &basis);
    Ok(Sized {
        customers: candidates.len(),
        left_out,
        more,
        rank: if rank == Rank::Uplift { "uplift" } else { "value_at_risk" },
        basis,
        best,
        curve,
    })
}

/// A customer who may be contacted.
fn candidate(profile: &Profile, window_days: u32) -> Option<Candidate> {
    let tag = |name: &str| profile.tags.get(name).map(|tag| &tag.value);
    if tag(UPLIFT_GROUP).and_then(Value::as_str) == Some(Group::DoNotDisturb.name()) {
        return None;
    }
    let p = nearest(&profile.prediction, "p_purchase_", window_days)?;
    let spend = nearest(&profile.prediction, "expected_spend_", window_days)?;
    // The spend of a customer who buys; of one who hardly ever does, a hundredth is as little as is believed.
    let basket = spend / p.max(0.01);
    let uplift = tag(UPLIFT).and_then(Value::as_f64).map(|points| points / 100.0);
    Some(Candidate { p, basket, uplift })
}

/// Where the effect comes from: what is assumed goes before what is proven only if the caller says so.
fn basis(store: &dyn Store, question: &Question) -> Result<Basis, Error> {
    if let Some(share) = question.assumed {
        return Ok(Basis {
            kind: "assumption",
            text: format!(
                "assumed: contact makes {:.1} % of the customers buy who would not have bought",
                100.0 * share
            ),
            share: Some(share),
            share_low: None,
            share_high: None,
        });
    }
    if let Some(uplift) = learned(store)?.filter(homing_models::uplift::Uplift::fits) {
        return Ok(Basis {
            kind: "uplift",
            text: format!(
                "uplift learned from {}; proven on held-out customers (Qini {:.3}, 95 % interval from {:.3})",
                uplift.campaigns.join(", "),
                uplift.qini.unwrap_or(f64::NAN),
                uplift.qini_low.unwrap_or(f64::NAN)
            ),
            share: None,
            share_low: None,
            share_high: None,
        });
    }
    measured(store)?.ok_or_else(|| {
        Error::InvalidArgument(
            "what contact changes is neither proven nor measured in this store: evaluate past campaigns (homing campaign \
             evaluate), or state an assumption with --assume-effect, such as 0.03 for 3 % of those who would not buy otherwise"
                .to_owned(),
        )
    })
}

/// The pooled effect of evaluated campaigns on buyers, as a share of those who would not have bought.
fn measured(store: &dyn Store) -> Result<Option<Basis>, Error> {
    let found: Vec<Evaluation> = store
        .campaigns()?
        .iter()
        .filter_map(|one| serde_json::from_str(one.evaluation.as_deref()?).ok())
        .filter(|one: &Evaluation| one.complete)
        .collect();
    let outcomes: Vec<_> = found.iter().map(|one| one.outcomes.as_slice()).collect();
    let Some(pooled) = pool(&outcomes).into_iter().find(|one| one.outcome == "purchase") else {
        return Ok(None);
    };
    let untouched = found.iter().flat_map(|one| &one.outcomes).filter(|one| one.outcome == "purchase");
    let (sum, count) = untouched.fold((0.0, 0.0), |(sum, n), one| (sum + 1.0 - one.held_out, n + 1.0));
    let others = sum / count;
    let share = |effect: f64| effect / others;
    Ok((others > 0.0).then(|| Basis {
        kind: "campaigns",
        text: format!(
            "measured in {} campaigns: contact made {:.1} % ({:.1} to {:.1} %) of the customers buy who would not have bought",
            pooled.campaigns,
            100.0 * share(pooled.effect),
            100.0 * share(pooled.low),
            100.0 * share(pooled.high)
        ),
        share: Some(share(pooled.effect)),
        share_low: Some(share(pooled.low)),
        share_high: Some(share(pooled.high)),
    }))
}

/// The best list and the curve.
fn curve(candidates: &[Candidate], question: &Question, basis: &Basis) -> (Point, Vec<Point>) {
    let step = candidates.len().div_ceil(POINTS).max(1);
    let mut now = Point {
        profit_low: basis.share_low.map(|_| 0.0),
        profit_high: basis.share_high.map(|_| 0.0),
        ..Point::default()
    };
    let (mut best, mut curve) = (now, vec![now]);
    for (at, one) in candidates.iter().enumerate() {
        let added = match basis.share {
            Some(share) => share * (1.0 - one.p),
            None => one.uplift.unwrap_or(0.0),
        };
        let worth = question.margin * one.basket;
        now.contacts = at + 1;
        now.added_buyers += added;
        now.added_revenue += added * one.basket;
        now.cost += question.cost_per_contact;
        now.profit += added * worth - question.cost_per_contact;
        let end = |before: Option<f64>, share: Option<f64>| {
            Some(before? + share? * (1.0 - one.p) * worth - question.cost_per_contact)
        };
        now.profit_low = end(now.profit_low, basis.share_low);
        now.profit_high = end(now.profit_high, basis.share_high);
        now.true_positives += 1.0 - one.p;
        now.false_positives += one.p;
        if now.profit > best.profit {
            best = now;
        }
        if (at + 1) % step == 0 || at + 1 == candidates.len() {
            curve.push(now);
        }
    }
    (best, curve)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question() -> Question {
        Question {
            who: Listing::default(),
            margin: 0.5,
            cost_per_contact: 1.0,
            window_days: 30,
            assumed: Some(0.1),
            rank: None,
            most: 1_000,
        }
    }

    fn assumption(share: Option<f64>) -> Basis {
        Basis { kind: "assumption", text: String::new(), share, share_low: share, share_high: None }
    }

    #[test]
    fn the_best_list_ends_where_the_next_contact_costs_more_than_it_brings() {
        // Baskets of 100, 90, ..., 10; contact makes a tenth of half of them buy: margin 2.5, 2.25, ..., 0.25 against a cost of 1.
        let all: Vec<Candidate> = (0..10)
            .map(|n| Candidate { p: 0.5, basket: 100.0 - 10.0 * f64::from(n), uplift: None })
            .collect();
        let (best, curve) = curve(&all, &question(), &assumption(Some(0.1)));
        // The seventh brings what it costs.
        assert_eq!(best.contacts, 6, "{best:?}");
        assert!((best.profit - (2.5 + 2.25 + 2.0 + 1.75 + 1.5 + 1.25 - 6.0)).abs() < 1e-9, "{best:?}");
        assert_eq!((curve.len(), curve[10].contacts), (11, 10));
        assert!((curve[10].true_positives - 5.0).abs() < 1e-9);
        assert_eq!(curve[10].profit_low.map(|x| (x - curve[10].profit).abs() < 1e-9), Some(true));
    }

    #[test]
    fn nobody_is_contacted_where_no_contact_pays() {
        let all = [Candidate { p: 0.9, basket: 5.0, uplift: Some(0.01) }];
        let (best, _) = curve(&all, &question(), &assumption(None));
        assert_eq!((best.contacts, best.profit), (0, 0.0));
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        let refused = |change: fn(&mut Question)| {
            let mut question = question();
            change(&mut question);
            question.check().unwrap_err().to_string()
        };
        assert!(refused(|q| q.margin = 35.0).contains("such as 0.35"));
        assert!(refused(|q| q.cost_per_contact = f64::NAN).contains("0 or more"));
        assert!(refused(|q| q.assumed = Some(3.0)).contains("such as 0.03"));
        assert!(refused(|q| q.window_days = 0).contains("1 to 366"));
    }
}
