//! Learns uplift from past campaigns with hold-outs: who was contacted by chance and who was not is an experiment each time.

use std::collections::BTreeMap;

use homing_datasets::frame::{Frame, Values};
use homing_datasets::labels::{days_after, label};
use homing_datasets::{Micros, Zone, calendar};
use homing_models::features::{COUNT, SPECS, Scratch, compute};
use homing_models::sampling::mix_text;
use homing_models::uplift::Uplift;
use homing_profiles::Store;
use homing_profiles::contacts::Contact;
use homing_profiles::state::Ask;
use homing_training::uplift::{ArmResult, Experiment, Roles, learn_uplift};
use serde::Serialize;

use super::evaluate::EvaluateError;
use crate::uplift::DOCUMENT;

/// The name of the outcome in the experiment.
const OUTCOME: &str = "purchase";

/// A campaign that was left out, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The campaign.
    pub campaign: String,
    /// The reason.
    pub reason: String,
}

/// What was learned.
#[derive(Clone, Debug, Serialize)]
pub struct Learned {
    /// The uplift, without its learners.
    #[serde(flatten)]
    pub uplift: Uplift,
    /// How it was judged.
    pub judged: ArmResult,
    /// Campaigns that were left out.
    pub left_out: Vec<LeftOut>,
    /// Contacted customers left out so that all campaigns have the same ratio of contacted to held-out customers.
    pub thinned: usize,
}

/// The customers of each campaign.
type Members = BTreeMap<String, Vec<Contact>>;

/// What to learn from.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    /// Campaigns; empty for all that can teach.
    pub campaigns: Vec<String>,
    /// Days within which a purchase counts.
    pub window_days: u32,
    /// Seed of folds and intervals.
    pub seed: u64,
    /// Whether what is learned is put in force.
    pub record: bool,
}

/// Why learning stopped.
#[derive(Debug, thiserror::Error)]
pub enum LearnError {
    /// The campaigns do not allow it, an invalid argument, or the store.
    #[error(transparent)]
    Campaign(#[from] EvaluateError),
    /// The learners.
    #[error(transparent)]
    Training(#[from] homing_training::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] homing_profiles::Error),
    /// What was learned cannot be written.
    #[error("cannot write what was learned: {0}")]
    Write(#[from] serde_json::Error),
}

/// Learns from campaigns and, where asked, puts the result in force: engines tag customers with it if it is proven, else with none.
///
/// # Errors
/// [`LearnError`]: unknown campaigns, campaigns without a hold-out or whose window is not over, too few customers.
pub fn learn(store: &dyn Store, lesson: &Lesson) -> Result<Learned, LearnError> {
    if !(1..=366).contains(&lesson.window_days) {
        let text = format!("the window is {} days; it must be 1 to 366", lesson.window_days);
        return Err(EvaluateError::InvalidArgument(text).into());
    }
    let (members, left_out) = gather(store, lesson)?;
    let names: Vec<String> = members.keys().cloned().collect();
    let (rows, thinned) = balanced(members);
    let frame = table(store, &rows, lesson.window_days)?;
    let features: Vec<String> = SPECS.iter().map(|spec| spec.name.to_owned()).collect();
    let roles = Roles {
        treatment: "arm".to_owned(),
        control: Some("held_out".to_owned()),
        outcomes: vec![OUTCOME.to_owned()],
        features,
        ignore: Vec::new(),
    };
    let experiment = Experiment::of(&frame, &roles)?;
    let (uplift, judged) = learn_uplift(&experiment, (names, lesson.window_days), lesson.seed)?;
    if lesson.record {
        store.store_document(DOCUMENT, calendar::now(), &serde_json::to_string(&uplift)?)?;
    }
    Ok(Learned { uplift: Uplift { learners: None, ..uplift }, judged, left_out, thinned })
}

/// The customers of each campaign that can teach; of one who is in several, the latest. Campaigns that were named must be able to.
fn gather(store: &dyn Store, lesson: &Lesson) -> Result<(Members, Vec<LeftOut>), LearnError> {
    let known = store.load(&Ask::default())?.clock.happened.unwrap_or(Micros::MIN);
    let records = store.campaigns()?;
    let named = !lesson.campaigns.is_empty();
    let names: Vec<String> = match named {
        true => lesson.campaigns.clone(),
        false => records.iter().map(|one| one.campaign.clone()).collect(),
    };
    let (mut latest, mut left_out): (BTreeMap<String, Contact>, Vec<LeftOut>) = Default::default();
    for name in names {
        let members = store.campaign(&name)?;
        if members.is_empty() {
            let text = format!("no campaign `{name}` is recorded in this store");
            return Err(EvaluateError::InvalidArgument(text).into());
        }
        let reason = match fault(&members, lesson.window_days, known, store.common().zone) {
            None => {
                for one in members {
                    let newer = latest.get(&one.customer_id).is_none_or(|other| other.at < one.at);
                    if newer {
                        latest.insert(one.customer_id.clone(), one);
                    }
                }
                continue;
            }
            Some(reason) => reason,
        };
        if named {
            return Err(
                EvaluateError::Refused(format!("campaign `{name}` cannot teach uplift: {reason}")).into()
            );
        }
        left_out.push(LeftOut { campaign: name, reason });
    }
    let mut members = Members::new();
    for one in latest.into_values() {
        members.entry(one.campaign.clone()).or_default().push(one);
    }
    if members.is_empty() {
        let reasons: Vec<String> =
            left_out.iter().map(|one| format!("`{}`: {}", one.campaign, one.reason)).collect();
        let reasons = if reasons.is_empty() { "none is recorded".to_owned() } else { reasons.join("; ") };
        let text = format!(
            "no campaign can teach uplift ({reasons}); make campaigns with a hold-out and wait until their window is over"
        );
        return Err(EvaluateError::Refused(text).into());
    }
    Ok((members, left_out))
}

/// Why a campaign cannot teach.
fn fault(members: &[Contact], window_days: u32, known: Micros, zone: Zone) -> Option<String> {
    let held = members.iter().filter(|one| one.held_out).count();
    let last = members.iter().map(|one| one.at).max()?;
    let end = days_after(last, window_days);
    if held == 0 {
        return Some("it has no hold-out".to_owned());
    }
    if held == members.len() {
        return Some("nobody was contacted".to_owned());
    }
    (end > known).then(|| {
        format!(
            "its window of {window_days} days ends {}, but purchases reach {} only",
            zone.format(end),
            zone.format(known)
        )
    })
}

/// The same ratio of contacted to held-out customers in every campaign: else campaigns with many contacted customers would pass their
/// own share of buyers off as an effect. Contacted customers are left out by the hash of their id.
fn balanced(members: Members) -> (Vec<Contact>, usize) {
    let sides = |all: &[Contact]| {
        let held = all.iter().filter(|one| one.held_out).count();
        (all.len() - held, held)
    };
    let ratio = members
        .values()
        .map(|all| sides(all))
        .filter(|(_, held)| *held > 0)
        .map(|(contacted, held)| contacted as f64 / held as f64)
        .fold(f64::INFINITY, f64::min);
    let (mut rows, mut thinned) = (Vec::new(), 0);
    for all in members.into_values() {
        let (contacted, held) = sides(&all);
        let wanted = ((held as f64 * ratio).round() as usize).min(contacted);
        let (held, mut contacted): (Vec<Contact>, Vec<Contact>) =
            all.into_iter().partition(|one| one.held_out);
        contacted.sort_by_key(|one| (mix_text(&one.customer_id), one.customer_id.clone()));
        thinned += contacted.len() - wanted;
        contacted.truncate(wanted);
        rows.extend(held);
        rows.extend(contacted);
    }
    rows.sort_by(|a, b| a.customer_id.cmp(&b.customer_id));
    (rows, thinned)
}

/// Arm, outcome and features as of the contact, one row a customer. Who has no history any more is in neither arm.
fn table(store: &dyn Store, rows: &[Contact], window_days: u32) -> Result<Frame, LearnError> {
    let zone = store.common().zone;
    let mut scratch = Scratch::default();
    let mut columns: Vec<Vec<f64>> = vec![Vec::new(); COUNT];
    let (mut arms, mut bought) = (Vec::new(), Vec::new());
    for one in rows {
        let Some(history) = store.history(&one.customer_id)? else { continue };
        let mut features = vec![f64::NAN; COUNT];
        if !compute(&history.as_of(one.at), zone, &mut scratch, &mut features) {
            continue;
        }
        columns.iter_mut().zip(features).for_each(|(column, value)| column.push(value));
        arms.push(Some(u32::from(one.held_out)));
        bought.push(f64::from(u8::from(label(&history, one.at, window_days, zone).bought)));
    }
    let names = SPECS.iter().map(|spec| spec.name.to_owned());
    let mut all = vec![
        (
            "arm".to_owned(),
            Values::Texts { distinct: vec!["contacted".to_owned(), "held_out".to_owned()], codes: arms },
        ),
        (OUTCOME.to_owned(), Values::Numbers(bought)),
    ];
    all.extend(names.zip(columns.into_iter().map(Values::Numbers)));
    Ok(Frame::of(all))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact(n: usize, campaign: &str, held_out: bool) -> Contact {
        Contact {
            customer_id: format!("{campaign}{n}"),
            campaign: campaign.to_owned(),
            at: 0,
            action: "call".to_owned(),
            channel: None,
            held_out,
        }
    }

    #[test]
    fn campaigns_with_other_shares_held_out_get_the_same_ratio() {
        let many: Vec<Contact> = (0..100).map(|n| contact(n, "many", n % 10 == 0)).collect();
        let half: Vec<Contact> = (0..100).map(|n| contact(n, "half", n % 2 == 0)).collect();
        let (rows, thinned) =
            balanced(BTreeMap::from([("many".to_owned(), many), ("half".to_owned(), half)]));
        let count =
            |name: &str, held| rows.iter().filter(|one| one.campaign == name && one.held_out == held).count();
        assert_eq!((count("many", true), count("many", false)), (10, 10));
        assert_eq!((count("half", true), count("half", false)), (50, 50));
        assert_eq!(thinned, 80);
    }

    #[test]
    fn campaigns_that_cannot_teach_say_why() {
        let zone = Zone::default();
        let why = |held: [bool; 2], known: i64| {
            let members: Vec<Contact> =
                held.iter().enumerate().map(|(n, held)| contact(n, "x", *held)).collect();
            fault(&members, 30, known * homing_datasets::DAY, zone)
        };
        assert_eq!(why([true, false], 40), None);
        assert!(why([false, false], 40).unwrap().contains("no hold-out"));
        assert!(why([true, true], 40).unwrap().contains("nobody was contacted"));
        assert!(why([true, false], 20).unwrap().contains("ends"));
    }
}
