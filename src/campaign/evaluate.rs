//! Evaluates a campaign: reads its customers, their histories and their kept scores from the store.

use std::collections::HashMap;

use homing_datasets::labels::{days_after, label};
use homing_datasets::{DAY, Micros};
use homing_models::effects::{Compared, Observed, Window, evaluation};
pub use homing_models::effects::{Evaluation, Rules, before, nearest};
use homing_profiles::Store;
use homing_profiles::contacts::Contact;
use homing_profiles::state::Ask;

/// Why there is no evaluation.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// An invalid argument.
    #[error("{0}")]
    InvalidArgument(String),
    /// The campaign does not allow it.
    #[error("{0}")]
    Refused(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] homing_profiles::Error),
}

fn refused<T>(text: String) -> Result<T, EvaluateError> {
    Err(EvaluateError::Refused(text))
}

/// Evaluates a campaign.
///
/// # Errors
/// [`EvaluateError::InvalidArgument`] for rules out of range or an unknown campaign; [`EvaluateError::Refused`] for one without a
/// hold-out, with too few customers, or whose window is not over; [`EvaluateError::Store`].
pub fn evaluate(store: &dyn Store, name: &str, rules: &Rules) -> Result<Evaluation, EvaluateError> {
    rules.check().map_err(EvaluateError::InvalidArgument)?;
    let members = store.campaign(name)?;
    if members.is_empty() {
        let known = store.campaigns()?;
        let listed: Vec<String> = known.iter().take(10).map(|one| format!("`{}`", one.campaign)).collect();
        let listed = if listed.is_empty() { "none is recorded".to_owned() } else { listed.join(", ") };
        return Err(EvaluateError::InvalidArgument(format!(
            "no campaign `{name}` is recorded in this store; campaigns: {listed}"
        )));
    }
    let held = members.iter().filter(|one| one.held_out).count();
    if held == 0 {
        return refused(format!(
            "campaign `{name}` has no hold-out, so its effect cannot be told from what would have happened anyway; \
             make the next one with --hold-out 0.1 or more"
        ));
    }
    let known = store.load(&Ask::default())?.clock.happened;
    let Some(known) = known else {
        return refused("the store holds no purchases; score purchases into it first".to_owned());
    };
    let made = members.iter().map(|one| one.at).min().zip(members.iter().map(|one| one.at).max());
    let window = Window::of(name, made.unwrap_or_default(), known, rules, store.common().zone)
        .map_err(EvaluateError::Refused)?;
    let compared = gather(store, name, &members, window, rules)?;
    evaluation(&compared, rules, store.common().zone).map_err(EvaluateError::Refused)
}

fn gather(
    store: &dyn Store,
    name: &str,
    members: &[Contact],
    window: Window,
    rules: &Rules,
) -> Result<Compared, EvaluateError> {
    let kept = store.kept_scores(name, Micros::MIN, Micros::MAX)?;
    let scores: HashMap<&str, &str> =
        kept.iter().map(|kept| (kept.customer_id.as_str(), kept.scores.as_str())).collect();
    let zone = store.common().zone;
    let record = store.campaigns()?.into_iter().find(|one| one.campaign == name);
    let mut compared = Compared {
        campaign: name.to_owned(),
        window,
        members: (members.len() as u64, members.iter().filter(|one| one.held_out).count() as u64),
        planned: record.and_then(|record| record.share),
        ..Compared::default()
    };
    for one in members {
        let Some(history) = store.history(&one.customer_id)? else {
            compared.without_history += 1;
            continue;
        };
        let end = days_after(one.at, window.days);
        let others = store.contacts_of(&one.customer_id)?;
        let other = |contact: &Contact| {
            contact.campaign != name && !contact.held_out && contact.at > one.at - DAY && contact.at <= end
        };
        if others.iter().any(other) {
            compared.contaminated[usize::from(one.held_out)] += 1;
            if rules.exclude_contaminated {
                continue;
            }
        }
        let score = scores.get(one.customer_id.as_str()).and_then(|text| serde_json::from_str(text).ok());
        compared.with_scores += usize::from(score.is_some());
        let came = label(&history, one.at, window.days, zone);
        compared.observed.push(Observed {
            held_out: one.held_out,
            orders: f64::from(came.orders),
            spend: came.spend,
            before: before(&history, one.at, window.days, score.as_ref(), zone),
        });
    }
    Ok(compared)
}
