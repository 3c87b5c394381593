//! Campaigns: from the profiles to a contact list and its hold-out group.
//!
//! The customers who match are taken in the order of their value at risk, or of what contact changes where that is proven. Left out are those who opted out, who have no
//! scores, for whom the playbook asks nothing, and who have had as many contacts as may be within seven days, over all
//! campaigns. Of the others a share is held out: not contacted, so that what the campaign does can be told from what would
//! have happened anyway. Who is held out depends on nothing but the customer's id, the campaign's name and the seed.
//!
//! What is granted is recorded in the store before the list is written, so the same command again makes the same list. The scores
//! of the moment are kept with it: [`evaluate`] uses them to see the campaign's effect more sharply.

use std::collections::BTreeMap;

use homing_datasets::table::{Column, Table};
use homing_datasets::{DAY, Micros};
use homing_locales::{Lang, Text};
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use clap::ValueEnum;
use homing_models::statistics::{detectable, hold_out_for};
use homing_models::uplift::{Group, Uplift};
use homing_profiles::contacts::{Cap, Contact, Grant};
use homing_profiles::kept::KeptScore;
use homing_profiles::privacy::keyed_hash;
use homing_profiles::{Listing, Profile, Sort, Store};
use homing_tags::names::{UPLIFT, UPLIFT_GROUP};
use homing_tags::playbook::{Advice, Effort, Entry, Playbook};

use crate::uplift::learned;
use choice::Chooser;
pub use homing_models::effects;

pub mod choice;
pub mod evaluate;
#[cfg(feature = "training")]
pub mod learn;
pub mod size;
#[cfg(test)]
mod tests;

/// The days over which contacts are capped.
pub const CAP_DAYS: i64 = 7;

/// Profiles read at once.
const PAGE: u32 = 1_000;

/// By what customers are ranked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Rank {
    /// What is at stake if the customer leaves.
    #[default]
    ValueAtRisk,
    /// What contact changes, as learned from past campaigns; only where that is proven.
    Uplift,
}

/// Whom to contact.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The campaign's name; a customer is in a campaign once.
    pub name: String,
    /// Tags, ranges and prefix that a customer must match. Order, limit and cursor are the campaign's own.
    pub who: Listing,
    /// The playbook's actions that are meant; empty stands for all that contact the customer.
    pub actions: Vec<String>,
    /// Share of the customers to hold out, 0 to below 1.
    pub hold_out: f64,
    /// Another seed holds out others.
    pub seed: u64,
    /// Who comes first.
    pub rank: Rank,
    /// Most customers, those held out included.
    pub most: Option<u64>,
    /// Whether a variant is chosen for each customer where the playbook has variants, by what past campaigns taught.
    pub learn_variants: bool,
    /// Whether contacts are recorded. Otherwise the store is not changed.
    pub record: bool,
    /// Days over which the campaign will be evaluated.
    pub window_days: u32,
    /// The difference in the share of buyers that the hold-out should be able to show.
    pub detect: f64,
}

/// A customer of a campaign.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// The customer.
    pub customer_id: String,
    /// The playbook's action.
    pub action: String,
    /// The channel to reach them by.
    pub channel: Option<String>,
    /// The local hour to reach them at.
    pub hour: Option<u8>,
    /// Value at risk.
    pub value_at_risk: f64,
    /// Probability of no purchase within the churn horizon.
    pub churn_risk: Option<f64>,
    /// Stage, tier and cause in words.
    pub reason: Text,
    /// Stage, tier and cause.
    pub because: [String; 3],
    /// The business's own attributes.
    pub attributes: Map<String, Value>,
    /// Whether the customer is held out.
    pub held_out: bool,
    /// The scores of the moment.
    pub scores: Value,
    /// What contact changes, in percentage points of buyers, where that is proven.
    pub uplift: Option<f64>,
    /// How contact works on the customer, likewise.
    pub uplift_group: Option<String>,
    /// The variant of the action, where one was chosen.
    pub variant: Option<String>,
}

/// Summary of a campaign.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// The campaign.
    pub campaign: String,
    /// Whether contacts were recorded.
    pub recorded: bool,
    /// Matching profiles that were looked at; with a maximum, the run stops as soon as the list is full.
    pub matched: u64,
    /// Customers to contact.
    pub contacts: u64,
    /// Customers held out.
    pub held_out: u64,
    /// Of both, how many were in the campaign before this run.
    pub before: u64,
    /// Customers left out, by cause: opted_out, not_scored, other_action, nothing_to_do, contacted_lately; of a list by uplift
    /// no_uplift, do_not_disturb.
    pub left_out: BTreeMap<&'static str, u64>,
    /// Value at risk of those to contact.
    pub value_at_risk: f64,
    /// Those to contact by action.
    pub by_action: BTreeMap<String, u64>,
    /// Those to contact by variant, where variants are chosen.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub by_variant: BTreeMap<String, u64>,
    /// Those to contact by channel; empty for those whose channel is not known.
    pub by_channel: BTreeMap<String, u64>,
    /// Mean purchase probability of both groups at the horizon nearest to the window; `null` of nobody.
    pub purchase_probability: Option<f64>,
    /// The smallest difference in the share of buyers that the groups show with 80 % power; `null` without a hold-out.
    pub detectable_difference: Option<f64>,
    /// The smallest share to hold out that shows the difference asked for; `null` where half of the customers is not enough.
    pub suggested_hold_out: Option<f64>,
}

/// A campaign's list.
#[derive(Clone, Debug, PartialEq)]
pub struct Campaign {
    /// Whom to contact, what is most at risk first.
    pub contacts: Vec<Member>,
    /// Who is held out.
    pub held_out: Vec<Member>,
    /// Both in numbers.
    pub summary: Summary,
}

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An invalid argument.
    #[error("{0}")]
    InvalidArgument(String),
    /// The store's data do not allow it.
    #[error("{0}")]
    Refused(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] homing_profiles::Error),
}

impl Plan {
    fn check(&self, playbook: &Playbook) -> Result<(), Error> {
        let wrong = |text: String| Err(Error::InvalidArgument(text));
        if self.name.trim().is_empty() || self.name.chars().count() > 200 {
            return wrong("the campaign name must have 1 to 200 characters".to_owned());
        }
        if !(0.0..1.0).contains(&self.hold_out) {
            let share = self.hold_out;
            return wrong(format!(
                "the hold-out share is {share}; it must be at least 0 and below 1, such as 0.1"
            ));
        }
        if !(self.detect > 0.0 && self.detect < 1.0) {
            return wrong(format!(
                "the difference to detect is {}; it must be above 0 and below 1, such as 0.02",
                self.detect
            ));
        }
        match self.actions.iter().find(|wanted| playbook.entries.iter().all(|entry| entry.action != **wanted))
        {
            Some(unknown) => wrong(format!(
                "the playbook has no action `{unknown}`; `homing playbook list` shows all actions"
            )),
            None => Ok(()),
        }
    }

    /// Why a customer to whom this advice applies is not meant, if so.
    fn refuses(&self, advice: &Advice) -> Option<&'static str> {
        match self.actions.is_empty() {
            true => (advice.effort == Effort::None).then_some("nothing_to_do"),
            false => (!self.actions.contains(&advice.action)).then_some("other_action"),
        }
    }
}

/// Decides who is held out: an HMAC-SHA256 of the customer's id, under a key made of the campaign's name and the seed.
#[derive(Clone, Copy, Debug)]
pub struct HoldOut {
    key: [u8; 32],
    share: f64,
}

impl HoldOut {
    /// For a campaign.
    #[must_use]
    pub fn new(campaign: &str, seed: u64, share: f64) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"homing hold-out");
        hash.update(seed.to_le_bytes());
        hash.update(campaign);
        HoldOut { key: hash.finalize().into(), share }
    }

    /// Whether a customer is held out.
    #[must_use]
    pub fn holds(&self, customer_id: &str) -> bool {
        let hash = keyed_hash(&self.key, customer_id.as_bytes());
        let place = hash.iter().take(8).fold(0u64, |sum, byte| (sum << 8) | u64::from(*byte));
        (place as f64) / 2f64.powi(64) < self.share
    }
}

/// Makes the list of a campaign.
///
/// # Errors
/// [`Error::InvalidArgument`] for a plan that cannot be carried out; [`Error::Refused`] for a ranking by uplift that is not proven;
/// [`Error::Store`] of the store: what was recorded until then stays, and the same plan again completes the list.
pub fn run(store: &dyn Store, playbook: &Playbook, plan: &Plan, now: Micros) -> Result<Campaign, Error> {
    plan.check(playbook)?;
    if plan.rank == Rank::Uplift {
        proven(store)?;
    }
    if plan.record {
        store.record_campaign(&plan.name, plan.hold_out)?;
    }
    let chooser = match plan.learn_variants {
        true => Some(Chooser::of(store, &plan.name, plan.window_days, plan.seed)?),
        false => None,
    };
    let mut making = Making {
        store,
        playbook,
        chooser,
        plan,
        now,
        cap: Cap { most: playbook.contacts.per_week, since: now - CAP_DAYS * DAY },
        campaign: Campaign {
            contacts: Vec::new(),
            held_out: Vec::new(),
            summary: Summary { campaign: plan.name.clone(), recorded: plan.record, ..Summary::default() },
        },
    };
    let hold_out = HoldOut::new(&plan.name, plan.seed, plan.hold_out);
    let mut listing = Listing { sort: Sort::ValueAtRisk, limit: PAGE, cursor: None, ..plan.who.clone() };
    let mut candidates = Vec::new();
    loop {
        let page = store.list(&listing)?;
        for profile in page.profiles {
            making.campaign.summary.matched += 1;
            match candidate(playbook, plan, &hold_out, profile) {
                Ok(member) => candidates.push(member),
                Err(cause) => *making.campaign.summary.left_out.entry(cause).or_default() += 1,
            }
        }
        // By value at risk the store's order is that of the list; by uplift everybody must be known first.
        if plan.rank == Rank::ValueAtRisk && making.grant(std::mem::take(&mut candidates))? {
            break;
        }
        match page.next {
            Some(next) => listing.cursor = Some(next),
            None => break,
        }
    }
    // Stable: among equals the value at risk decides.
    candidates.sort_by(|a, b| b.uplift.unwrap_or(f64::MIN).total_cmp(&a.uplift.unwrap_or(f64::MIN)));
    for part in candidates.chunks(PAGE as usize) {
        if making.grant(part.to_vec())? {
            break;
        }
    }
    Ok(making.campaign.with_power(plan))
}

/// Whether a ranking by uplift is proven.
///
/// # Errors
/// [`Error::Refused`] where it is not; [`Error::Store`].
pub fn proven(store: &dyn Store) -> Result<Uplift, Error> {
    let refused = |text: &str| {
        Err(Error::Refused(format!(
            "{text}; make the list without --rank uplift (customers with the highest value at risk come first)"
        )))
    };
    match learned(store)? {
        Some(uplift) if uplift.fits() => Ok(uplift),
        Some(uplift) if uplift.claimed => refused(
            "the uplift in this store was learned with other features; learn it again with `homing campaign learn`",
        ),
        Some(uplift) => {
            refused(&format!("uplift is not proven: {}", uplift.conclusion.trim_end_matches('.')))
        }
        None => refused(
            "no uplift is known in this store; learn it from past campaigns with hold-outs: homing campaign learn",
        ),
    }
}

/// A list in the making.
struct Making<'a> {
    store: &'a dyn Store,
    playbook: &'a Playbook,
    chooser: Option<Chooser>,
    plan: &'a Plan,
    now: Micros,
    cap: Cap,
    campaign: Campaign,
}

impl Making<'_> {
    /// Chooses a variant for a customer who is contacted, and keeps with the scores what tells later whether it was right.
    fn choose(&mut self, member: &mut Member) {
        let Some(chooser) = self.chooser.as_mut().filter(|_| !member.held_out) else { return };
        let context = format!("{}/{}", member.because[0], member.because[1]);
        let of = (member.customer_id.as_str(), member.action.as_str());
        let Some((name, propensity)) = chooser.choose(self.playbook, of, &context) else { return };
        let entries = self.playbook.entries.iter().filter(|entry| entry.action == member.action);
        if let Some(variant) = entries.flat_map(|entry| &entry.variants).find(|one| one.name == name) {
            member.channel = variant.channel.clone().or(member.channel.take());
            member.hour = variant.hour.or(member.hour);
        }
        member.scores["variant"] = name.clone().into();
        member.scores["propensity"] = propensity.into();
        member.scores["action"] = member.action.clone().into();
        member.scores["context"] = context.into();
        member.variant = Some(name);
    }

    /// Takes candidates in their order, as far as caps, opt-outs and the plan allow. Says whether the list is full.
    fn grant(&mut self, mut candidates: Vec<Member>) -> Result<bool, Error> {
        let plan = self.plan;
        while !candidates.is_empty() {
            let summary = &self.campaign.summary;
            let missing = plan.most.map_or(u64::MAX, |most| most - summary.contacts - summary.held_out);
            if missing == 0 {
                return Ok(true);
            }
            let rest =
                candidates.split_off(candidates.len().min(usize::try_from(missing).unwrap_or(usize::MAX)));
            let mut members = std::mem::replace(&mut candidates, rest);
            members.iter_mut().for_each(|member| self.choose(member));
            let wanted: Vec<Contact> = members.iter().map(|member| member.contact(plan, self.now)).collect();
            let grants = self.store.reserve_contacts(&wanted, &self.cap, plan.record)?;
            if plan.record {
                let new = members.iter().zip(&grants).filter(|(_, grant)| **grant == Grant::New);
                let kept: Vec<KeptScore> = new.map(|(member, _)| member.kept(plan, self.now)).collect();
                self.store.keep_scores(&kept)?;
            }
            members.into_iter().zip(grants).for_each(|(member, grant)| self.campaign.take(member, grant));
        }
        Ok(false)
    }
}

fn candidate(
    playbook: &Playbook,
    plan: &Plan,
    hold_out: &HoldOut,
    profile: Profile,
) -> Result<Member, &'static str> {
    if playbook.left_alone(&profile) {
        return Err("opted_out");
    }
    let advice = playbook.advise(&profile).ok_or("not_scored")?;
    if let Some(cause) = plan.refuses(&advice) {
        return Err(cause);
    }
    let tag = |name: &str| profile.tags.get(name).map(|tag| &tag.value);
    let uplift = tag(UPLIFT).and_then(Value::as_f64);
    let uplift_group = tag(UPLIFT_GROUP).and_then(Value::as_str).map(str::to_owned);
    if plan.rank == Rank::Uplift {
        if uplift.is_none() {
            return Err("no_uplift");
        }
        if uplift_group.as_deref() == Some(Group::DoNotDisturb.name()) {
            return Err("do_not_disturb");
        }
    }
    Ok(Member {
        uplift,
        uplift_group,
        variant: None,
        held_out: hold_out.holds(&profile.customer_id),
        churn_risk: profile.prediction.get("churn_risk").and_then(Value::as_f64),
        customer_id: profile.customer_id,
        action: advice.action,
        channel: advice.channel,
        hour: advice.hour,
        value_at_risk: advice.value_at_risk,
        reason: advice.reason,
        because: advice.because,
        attributes: profile.attributes,
        scores: kept_fields(&profile.prediction),
    })
}

/// The scores that are kept: chances, expectations and the model behind them.
#[must_use]
pub fn kept_fields(prediction: &Value) -> Value {
    let wanted = |name: &str| {
        name.starts_with("p_purchase_")
            || name.starts_with("expected_spend_")
            || ["churn_risk", "clv", "value_at_risk", "model", "as_of"].contains(&name)
    };
    let fields = prediction.as_object().into_iter().flatten();
    Value::Object(
        fields.filter(|(name, _)| wanted(name)).map(|(name, value)| (name.clone(), value.clone())).collect(),
    )
}

impl Member {
    fn kept(&self, plan: &Plan, at: Micros) -> KeptScore {
        KeptScore {
            customer_id: self.customer_id.clone(),
            purpose: plan.name.clone(),
            as_of: at,
            model: self.scores.get("model").and_then(Value::as_str).unwrap_or_default().to_owned(),
            scores: self.scores.to_string(),
        }
    }

    fn contact(&self, plan: &Plan, at: Micros) -> Contact {
        Contact {
            customer_id: self.customer_id.clone(),
            campaign: plan.name.clone(),
            at,
            action: self.action.clone(),
            channel: self.channel.clone(),
            held_out: self.held_out,
        }
    }
}

impl Campaign {
    /// Adds what the groups can show.
    fn with_power(mut self, plan: &Plan) -> Self {
        let members = self.contacts.iter().chain(&self.held_out);
        let chances =
            members.filter_map(|one| evaluate::nearest(&one.scores, "p_purchase_", plan.window_days));
        let (sum, count) = chances.fold((0.0, 0.0), |(sum, n), chance| (sum + chance, n + 1.0));
        if count > 0.0 {
            let (base, summary) = (sum / count, &mut self.summary);
            let (contacts, held) = (summary.contacts as f64, summary.held_out as f64);
            summary.purchase_probability = Some(base);
            summary.detectable_difference =
                (contacts > 0.0 && held > 0.0).then(|| detectable(base, contacts, held));
            summary.suggested_hold_out = hold_out_for(plan.detect, base, contacts + held);
        }
        self
    }

    fn take(&mut self, mut member: Member, grant: Grant) {
        let summary = &mut self.summary;
        match grant {
            Grant::Capped => return *summary.left_out.entry("contacted_lately").or_default() += 1,
            Grant::Withheld => return *summary.left_out.entry("opted_out").or_default() += 1,
            // Whoever was contacted cannot be held out any more, nor the other way round.
            Grant::Before { held_out } => {
                summary.before += 1;
                member.held_out = held_out;
            }
            Grant::New => {}
        }
        if member.held_out {
            summary.held_out += 1;
            self.held_out.push(member);
            return;
        }
        summary.contacts += 1;
        summary.value_at_risk += member.value_at_risk;
        *summary.by_action.entry(member.action.clone()).or_default() += 1;
        *summary.by_channel.entry(member.channel.clone().unwrap_or_default()).or_default() += 1;
        if let Some(variant) = &member.variant {
            *summary.by_variant.entry(format!("{}:{variant}", member.action)).or_default() += 1;
        }
        self.contacts.push(member);
    }
}

/// The text for a customer: that of the variant, where it has one of its own.
fn worded<'e>(entry: &'e Entry, member: &Member) -> &'e Text {
    let variant = entry.variants.iter().find(|one| Some(&one.name) == member.variant.as_ref());
    variant.and_then(|variant| variant.text.as_ref()).unwrap_or(&entry.text)
}

/// The list as a table; `attributes` are those of the business that become columns too, in a language.
#[must_use]
pub fn table(
    members: &[Member],
    playbook: &Playbook,
    campaign: &str,
    attributes: &[String],
    lang: Lang,
) -> Table {
    let text = |cell: &dyn Fn(&Member) -> Option<String>| Column::Text(members.iter().map(cell).collect());
    let number = |cell: fn(&Member) -> Option<f64>| Column::Number(members.iter().map(cell).collect());
    let entry = |member: &Member| playbook.entries.iter().find(|entry| entry.action == member.action);
    let group = |member: &Member| if member.held_out { "held_out" } else { "contact" };
    let mut table = Table::default().with("customer_id", text(&|m| Some(m.customer_id.clone())));
    for name in attributes {
        let cell = |member: &Member| match member.attributes.get(name) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(other) => Some(other.to_string()),
        };
        table = table.with(name.clone(), text(&cell));
    }
    table = table
        .with("campaign", text(&|_| Some(campaign.to_owned())))
        .with("group", text(&|m| Some(group(m).to_owned())))
        .with("action", text(&|m| Some(m.action.clone())))
        .with("effort", text(&|m| entry(m).map(|entry| entry.effort.name().to_owned())))
        .with("title", text(&|m| entry(m).map(|entry| entry.title.within(lang).to_owned())))
        .with("text", text(&|m| entry(m).map(|entry| worded(entry, m).within(lang).to_owned())))
        .with("channel", text(&|m| m.channel.clone()))
        .with("hour", Column::Whole(members.iter().map(|m| m.hour.map(i64::from)).collect()))
        .with("value_at_risk", number(|m| Some(m.value_at_risk)))
        .with("churn_risk", number(|m| m.churn_risk))
        .with("stage", text(&|m| Some(m.because[0].clone())))
        .with("tier", text(&|m| Some(m.because[1].clone())))
        .with("cause", text(&|m| Some(m.because[2].clone())))
        .with("reason", text(&|m| Some(m.reason.within(lang).to_owned())));
    if members.iter().any(|member| member.variant.is_some()) {
        table = table.with("variant", text(&|m| m.variant.clone()));
    }
    if members.iter().any(|member| member.uplift.is_some()) {
        table = table
            .with("uplift", number(|m| m.uplift))
            .with("uplift_group", text(&|m| m.uplift_group.clone()));
    }
    table
}
