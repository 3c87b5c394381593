//! A challenger's scores beside the champion's, in numbers that name no customer.

use homing_datasets::Micros;
use serde::Serialize;

/// One customer, scored by both.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// Churn risk by champion and challenger.
    pub churn_risk: [f64; 2],
    /// Lifetime value by champion and challenger.
    pub clv: [f64; 2],
    /// Whether at least one tag would have another value.
    pub tags_differ: bool,
}

/// What was recorded of one challenger beside one champion.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// The champion.
    pub champion: String,
    /// The challenger.
    pub challenger: String,
    /// Scores compared.
    pub compared: u64,
    /// Of which at least one tag would have another value.
    pub tags_differ: u64,
    /// Mean of challenger minus champion, churn risk.
    pub churn_risk_mean_difference: f64,
    /// Mean of the differences without their sign, churn risk.
    pub churn_risk_mean_distance: f64,
    /// Largest difference without its sign, churn risk.
    pub churn_risk_max_distance: f64,
    /// Sum over the champion's lifetime values.
    pub clv_champion: f64,
    /// Sum over the challenger's lifetime values.
    pub clv_challenger: f64,
    /// First recording, microseconds.
    #[serde(skip)]
    pub first_at: Micros,
    /// Last recording, microseconds.
    #[serde(skip)]
    pub last_at: Micros,
}

/// Sums over pairs, as a store adds them up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Tally {
    pub compared: u64,
    pub tags_differ: u64,
    pub difference: f64,
    pub distance: f64,
    pub max_distance: f64,
    pub clv: [f64; 2],
}

impl Tally {
    /// The sums over pairs; a pair with a number that is not finite is left out.
    pub fn of(pairs: &[Pair]) -> Self {
        let mut tally = Tally::default();
        let finite = |pair: &&Pair| pair.churn_risk.iter().chain(&pair.clv).all(|number| number.is_finite());
        for pair in pairs.iter().filter(finite) {
            let difference = pair.churn_risk[1] - pair.churn_risk[0];
            tally.compared += 1;
            tally.tags_differ += u64::from(pair.tags_differ);
            tally.difference += difference;
            tally.distance += difference.abs();
            tally.max_distance = tally.max_distance.max(difference.abs());
            tally.clv[0] += pair.clv[0];
            tally.clv[1] += pair.clv[1];
        }
        tally
    }

    pub fn summary(self, models: [String; 2], first_at: Micros, last_at: Micros) -> Summary {
        let [champion, challenger] = models;
        let count = self.compared.max(1) as f64;
        Summary {
            champion,
            challenger,
            compared: self.compared,
            tags_differ: self.tags_differ,
            churn_risk_mean_difference: self.difference / count,
            churn_risk_mean_distance: self.distance / count,
            churn_risk_max_distance: self.max_distance,
            clv_champion: self.clv[0],
            clv_challenger: self.clv[1],
            first_at,
            last_at,
        }
    }
}
