//! A campaign, evaluated: effects, revenue, return on cost, and what to keep in mind.

use homing_datasets::labels::{days_after, label};
use homing_datasets::{DAY, History, Micros, Zone};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Effect, Observed, effects};
use crate::statistics::sample_ratio;

/// Fewest customers a group may have: below, an interval is not to be trusted.
const LEAST: usize = 30;

/// Days of history that are compared with what came after.
const BEFORE_DAYS: u32 = 365;

/// The p-value below which groups were not assigned as planned.
const MISMATCH: f64 = 0.001;

/// How a campaign is evaluated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// Days after the list within which purchases count.
    pub window_days: u32,
    /// Whether a window that is not over is cut at the last event in the store.
    pub so_far: bool,
    /// Gross margin as a share of the spend.
    pub margin: Option<f64>,
    /// Cost of a contact.
    pub cost_per_contact: Option<f64>,
    /// The planned share to hold out, where the store does not know it.
    pub share: Option<f64>,
    /// Whether customers whom another campaign contacted within the window are left out of both groups.
    pub exclude_contaminated: bool,
}

impl Default for Rules {
    /// Thirty days, by intent to treat.
    fn default() -> Self {
        Rules {
            window_days: 30,
            so_far: false,
            margin: None,
            cost_per_contact: None,
            share: None,
            exclude_contaminated: false,
        }
    }
}

/// A campaign, evaluated. Amounts are in the business's currency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The campaign.
    pub campaign: String,
    /// First and last day of its lists (RFC 3339).
    pub made_from: String,
    /// The last one.
    pub made_to: String,
    /// Days of the window.
    pub window_days: f64,
    /// Whether the window is over for every customer.
    pub complete: bool,
    /// Customers contacted.
    pub treated: usize,
    /// Customers held out.
    pub held_out: usize,
    /// The effects.
    pub outcomes: Vec<Effect>,
    /// Revenue that the campaign brought: effect on spend times the customers contacted; `null` where nothing varies.
    pub incremental_revenue: Option<f64>,
    /// Low end of its 95 % interval.
    pub incremental_revenue_low: Option<f64>,
    /// High end.
    pub incremental_revenue_high: Option<f64>,
    /// Incremental revenue per contact.
    pub incremental_revenue_per_contact: Option<f64>,
    /// Cost of all contacts, where a cost per contact is given.
    pub cost: Option<f64>,
    /// (gain − cost) / cost, the gain in margin where a margin is given, else in revenue.
    pub return_on_cost: Option<f64>,
    /// Low end of its 95 % interval.
    pub return_on_cost_low: Option<f64>,
    /// High end.
    pub return_on_cost_high: Option<f64>,
    /// `margin` or `revenue`.
    pub return_basis: Option<String>,
    /// The planned share held out, where it is known.
    pub planned_share: Option<f64>,
    /// p-value of the planned share; below .001 the groups were not assigned as planned.
    pub sample_ratio_p: Option<f64>,
    /// Customers held out whom another campaign contacted within the window.
    pub contaminated_held_out: usize,
    /// Contacted customers whom another campaign contacted too.
    pub contaminated_treated: usize,
    /// Whether these were left out of both groups.
    pub contaminated_excluded: bool,
    /// Customers of the campaign without a history in the store.
    pub without_history: usize,
    /// Share of the customers whose scores of the time of the list are known.
    pub scores_known: f64,
    /// What to keep in mind.
    pub warnings: Vec<String>,
}

impl Rules {
    /// # Errors
    /// What is out of range.
    pub fn check(&self) -> Result<(), String> {
        let wrong = |text: String| Err(text);
        if !(1..=366).contains(&self.window_days) {
            return wrong(format!("the window is {} days; it must be 1 to 366", self.window_days));
        }
        if let Some(margin) = self.margin.filter(|margin| !(*margin > 0.0 && *margin <= 1.0)) {
            return wrong(format!(
                "the margin is {margin}; give it as a share above 0 and at most 1, such as 0.35"
            ));
        }
        if let Some(cost) = self.cost_per_contact.filter(|cost| !(cost.is_finite() && *cost > 0.0)) {
            return wrong(format!("the cost per contact is {cost}; it must be above 0"));
        }
        if let Some(share) = self.share.filter(|share| !(*share > 0.0 && *share < 1.0)) {
            return wrong(format!("the planned share is {share}; it must be above 0 and below 1"));
        }
        Ok(())
    }
}

/// The window within which purchases count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// When the first list was made.
    pub from: Micros,
    /// When the last one was.
    pub to: Micros,
    /// Days after each customer's list.
    pub days: u32,
    /// Whether it is over for every customer.
    pub complete: bool,
}

impl Window {
    /// The window of a campaign whose first and last list were made at these instants, with purchases known up to another.
    ///
    /// # Errors
    /// A window that is not over, unless the rules allow it; no whole day to look at.
    pub fn of(
        name: &str,
        (from, to): (Micros, Micros),
        known: Micros,
        rules: &Rules,
        zone: Zone,
    ) -> Result<Window, String> {
        let end = days_after(to, rules.window_days);
        if known >= end {
            return Ok(Window { from, to, days: rules.window_days, complete: true });
        }
        if !rules.so_far {
            return Err(format!(
                "the window of campaign `{name}` ends {}, but the purchases reach {} only; {}",
                zone.format(end),
                zone.format(known),
                if known < to {
                    AT
                } else {
                    "add newer purchases, or see the figures of today with --so-far"
                }
            ));
        }
        // The same number of days for everybody, so that windows stay equal.
        let days = u32::try_from((known - to) / DAY).unwrap_or(0);
        if days == 0 {
            return Err(format!(
                "campaign `{name}` was made {}, and the purchases reach {}; there is no whole day to look at yet{}{}",
                zone.format(to),
                zone.format(known),
                if known < to { "; " } else { "" },
                if known < to { AT } else { "" }
            ));
        }
        Ok(Window { from, to, days, complete: false })
    }
}

/// What to do where a campaign was made after the last purchase.
const AT: &str = "add newer purchases; to try campaigns on old data, see docs/campaigns.md";

/// What is known of a campaign and its customers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Compared {
    /// The campaign.
    pub campaign: String,
    /// The window.
    pub window: Window,
    /// All customers, and those held out.
    pub members: (u64, u64),
    /// The customers with a history.
    pub observed: Vec<Observed>,
    /// Contacted and held-out customers whom another campaign contacted.
    pub contaminated: [usize; 2],
    /// Customers without a history.
    pub without_history: usize,
    /// Customers whose scores of the time of the list are known.
    pub with_scores: usize,
    /// The planned share to hold out, where it is known.
    pub planned: Option<f64>,
}

/// What was known of a customer when the list was made: the scores of the horizons nearest to the window, orders and spend of the
/// year before, and how long ago the last order was.
#[must_use]
pub fn before(
    history: &History,
    at: Micros,
    window_days: u32,
    scores: Option<&Value>,
    zone: Zone,
) -> Vec<f64> {
    let start = at - Micros::from(BEFORE_DAYS) * DAY;
    let past = label(history, start, BEFORE_DAYS, zone);
    let view = history.as_of(at);
    let last = view.purchases().next_back().map(|place| view.occurred_at()[place]);
    let recency_days = last.map_or(3650.0, |last| (at - last) as f64 / DAY as f64);
    let score =
        |prefix: &str| scores.and_then(|scores| nearest(scores, prefix, window_days)).unwrap_or(f64::NAN);
    vec![
        score("p_purchase_"),
        score("expected_spend_"),
        f64::from(past.orders),
        past.spend,
        1.0 / (1.0 + recency_days / 30.0),
    ]
}

/// The score whose horizon is nearest to a window: fields such as `p_purchase_30d`.
#[must_use]
pub fn nearest(scores: &Value, prefix: &str, window_days: u32) -> Option<f64> {
    let fields = scores.as_object()?.iter();
    let horizon = |name: &str| name.strip_prefix(prefix)?.strip_suffix('d')?.parse::<u32>().ok();
    let found = fields.filter_map(|(name, value)| Some((horizon(name)?, value.as_f64()?)));
    found.min_by_key(|(days, _)| days.abs_diff(window_days)).map(|(_, value)| value)
}

/// Compares the groups of a campaign.
///
/// # Errors
/// Fewer customers in a group than an interval can be trusted with.
pub fn evaluation(compared: &Compared, rules: &Rules, zone: Zone) -> Result<Evaluation, String> {
    let (name, observed) = (compared.campaign.as_str(), &compared.observed);
    let held_out = observed.iter().filter(|one| one.held_out).count();
    let treated = observed.len() - held_out;
    if held_out < LEAST || treated < LEAST {
        return Err(format!(
            "campaign `{name}` has {treated} contacted and {held_out} held-out customers to compare; each group needs at least \
             {LEAST}"
        ));
    }
    let planned = rules.share.or(compared.planned);
    let (all, held) = compared.members;
    let ratio = planned.filter(|share| *share > 0.0).map(|share| sample_ratio(held, all, share));
    let outcomes = effects(observed, rules.margin);
    let of = |name: &str| outcomes.iter().find(|effect| effect.outcome == name);
    let times =
        |value: fn(&Effect) -> Option<f64>| of("spend").and_then(value).map(|one| one * treated as f64);
    let cost = rules.cost_per_contact.map(|cost| cost * treated as f64);
    let (gain, basis) = match of("margin") {
        Some(margin) => (Some(margin), "margin"),
        None => (of("spend"), "revenue"),
    };
    let back =
        |value: fn(&Effect) -> Option<f64>| Some((gain.and_then(value)? * treated as f64 - cost?) / cost?);
    let scores_known = compared.with_scores as f64 / observed.len().max(1) as f64;
    let evaluation = Evaluation {
        campaign: name.to_owned(),
        made_from: zone.format(compared.window.from),
        made_to: zone.format(compared.window.to),
        window_days: f64::from(compared.window.days),
        complete: compared.window.complete,
        treated,
        held_out,
        incremental_revenue: times(|one| one.effect),
        incremental_revenue_low: times(|one| one.low),
        incremental_revenue_high: times(|one| one.high),
        incremental_revenue_per_contact: of("spend").and_then(|one| one.effect),
        cost,
        return_on_cost: back(|one| one.effect),
        return_on_cost_low: back(|one| one.low),
        return_on_cost_high: back(|one| one.high),
        return_basis: cost.map(|_| basis.to_owned()),
        planned_share: planned,
        sample_ratio_p: ratio,
        contaminated_held_out: compared.contaminated[1],
        contaminated_treated: compared.contaminated[0],
        contaminated_excluded: rules.exclude_contaminated,
        without_history: compared.without_history,
        scores_known,
        warnings: Vec::new(),
        outcomes,
    };
    Ok(Evaluation { warnings: warnings(&evaluation), ..evaluation })
}

/// What to keep in mind when reading an evaluation.
fn warnings(found: &Evaluation) -> Vec<String> {
    let mut warnings = Vec::new();
    if !found.complete {
        warnings.push(format!("the window is not over: these are the first {} days", found.window_days));
    }
    if found.sample_ratio_p.is_some_and(|p| p < MISMATCH) {
        warnings.push(format!(
            "the hold-out is not the planned share (p {:.1e}): customers were lost or moved after the list was made; do not \
             trust the effect until the reason is known",
            found.sample_ratio_p.unwrap_or(0.0)
        ));
    }
    let contaminated = found.contaminated_held_out;
    if contaminated > 0 && !found.contaminated_excluded {
        warnings.push(format!(
            "{contaminated} held-out and {} contacted customers were contacted by another campaign within the window; the \
             effect is that of this campaign on top of the others. --exclude-contaminated leaves them out of both groups",
            found.contaminated_treated
        ));
    }
    if found.contaminated_excluded && contaminated + found.contaminated_treated > 0 {
        warnings.push(format!(
            "left out: {contaminated} held-out and {} contacted customers whom another campaign contacted; who is left may \
             differ between the groups",
            found.contaminated_treated
        ));
    }
    if found.without_history > 0 {
        warnings.push(format!("{} customers have no history in the store", found.without_history));
    }
    if found.scores_known == 0.0 {
        warnings.push(
            "the scores of the time of the list are not known; the adjustment uses the history before it alone".to_owned(),
        );
    }
    if found.cost.is_some() && found.return_basis.as_deref() == Some("revenue") {
        warnings.push("without --margin the return on cost counts revenue as gain".to_owned());
    }
    warnings
}
