//! The customers that a report looks at a model with.

use homing_datasets::{Histories, History, Micros};
use homing_models::{Bundle, Outcome};
use rayon::prelude::*;

/// Fewest customers of a group that is shown.
pub(super) const MIN_GROUP: usize = 5;

/// Maximum number of customers that groups and influences are taken from.
const MAX_CUSTOMERS: usize = 3_000;

/// One sampled customer.
pub(super) struct Sampled {
    /// Its features.
    pub features: Vec<f64>,
    /// What each feature adds to the log-odds of a purchase.
    pub by_feature: Vec<f64>,
    /// What recency and frequency add through the lifetime model.
    pub lifetime: [f64; 2],
    /// Probability of a purchase within the churn horizon.
    pub p_purchase: f64,
    /// Expected spend within it.
    pub spend: f64,
}

/// The customers at the model's instant, evenly sampled.
pub(super) struct Base {
    pub as_of: Micros,
    /// The horizon in days of probabilities and spend.
    pub days: u32,
    /// How many customers each stands for.
    pub each: f64,
    pub customers: Vec<Sampled>,
}

impl Base {
    pub fn of(bundle: &Bundle, histories: &Histories) -> Self {
        let manifest = bundle.manifest();
        let (as_of, days) = (manifest.as_of, manifest.churn_horizon);
        let there: Vec<&History> = histories
            .iter()
            .map(|(_, history)| history)
            .filter(|history| history.first_purchase().is_some_and(|first| first <= as_of))
            .collect();
        let step = there.len().div_ceil(MAX_CUSTOMERS).max(1);
        let picked: Vec<&History> = there.iter().step_by(step).copied().collect();
        let customers = picked
            .into_par_iter()
            .filter_map(|history| {
                let Outcome::Scored(scores) = bundle.predict_numbers(history, as_of).outcome else {
                    return None;
                };
                let at = scores.within(days)?;
                let contributions = bundle.contributions(history, as_of)?;
                Some(Sampled {
                    features: contributions.features,
                    by_feature: contributions.by_feature,
                    lifetime: [contributions.lifetime.recency, contributions.lifetime.frequency],
                    p_purchase: at.p_purchase,
                    spend: at.expected_spend,
                })
            })
            .collect();
        Base { as_of, days, each: step as f64, customers }
    }
}
