//! Uplift of contact: what contacting a customer changes about the outcome, by learners fitted elsewhere.

use serde::{Deserialize, Serialize};

use crate::boosting::Booster;
use crate::features::{COUNT, schema_hash};

/// How a customer responds to contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Contact raises the outcome by more than half the average effect.
    Persuadable,
    /// Mostly does it anyway.
    SureThing,
    /// Mostly does not, contacted or not.
    LostCause,
    /// Contact lowers the outcome by at least half the average effect.
    DoNotDisturb,
}

impl Group {
    /// All of them.
    pub const ALL: [Group; 4] = [Group::Persuadable, Group::SureThing, Group::LostCause, Group::DoNotDisturb];

    /// The group of a customer. `effect` is the average effect of contact, `mean` the mean outcome without contact.
    ///
    /// ```
    /// use homing_models::uplift::Group;
    ///
    /// assert_eq!(Group::of(0.08, 0.1, 0.05, 0.2), Group::Persuadable);
    /// assert_eq!(Group::of(0.01, 0.6, 0.05, 0.2), Group::SureThing);
    /// ```
    #[must_use]
    pub fn of(uplift: f64, untouched: f64, effect: f64, mean: f64) -> Group {
        let least = effect.abs() / 2.0;
        match () {
            () if uplift > least => Group::Persuadable,
            () if uplift < 0.0 && uplift <= -least => Group::DoNotDisturb,
            () if untouched >= mean => Group::SureThing,
            () => Group::LostCause,
        }
    }

    /// Its name in tables and tags.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Group::Persuadable => "persuadable",
            Group::SureThing => "sure_thing",
            Group::LostCause => "lost_cause",
            Group::DoNotDisturb => "do_not_disturb",
        }
    }
}

/// S-, T- and X-learner and their weights (Künzel, Sekhon, Bickel & Yu 2019).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Learners {
    /// Outcome by features and arm (the last column: 0 or 1).
    pub together: Booster,
    /// Outcome of the contacted.
    pub treated: Booster,
    /// Outcome of the others.
    pub untouched: Booster,
    /// Effect imputed for the contacted.
    pub effect_of_treated: Booster,
    /// Effect imputed for the others.
    pub effect_of_untouched: Booster,
    /// Share of contacted customers in the training rows.
    pub share_treated: f64,
    /// Weights of S, T and X; they sum to 1.
    pub weights: [f64; 3],
}

/// What is expected of a customer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expected {
    /// What contact changes about the outcome.
    pub uplift: f64,
    /// Expected outcome with contact.
    pub contacted: f64,
    /// Expected outcome without.
    pub untouched: f64,
}

impl Learners {
    /// What is expected of a customer with these features, in the order in which the learners were fitted.
    #[must_use]
    pub fn expected(&self, features: &[f32]) -> Expected {
        let mean = |booster: &Booster, row: &[f32]| booster.objective().mean(booster.margin(row));
        let mut row = features.to_vec();
        row.push(1.0);
        let with = mean(&self.together, &row);
        if let Some(arm) = row.last_mut() {
            *arm = 0.0;
        }
        let without = mean(&self.together, &row);
        let (contacted, untouched) = (mean(&self.treated, features), mean(&self.untouched, features));
        let x = self.share_treated * mean(&self.effect_of_untouched, features)
            + (1.0 - self.share_treated) * mean(&self.effect_of_treated, features);
        let parts = [with - without, contacted - untouched, x];
        let uplift = parts.iter().zip(self.weights).map(|(part, weight)| part * weight).sum();
        Expected { uplift, contacted, untouched }
    }
}

/// Uplift learned from a business's own campaigns on the features of this version of homing, and how well that is proven.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Uplift {
    /// The campaigns.
    pub campaigns: Vec<String>,
    /// `purchase` or `spend`.
    pub outcome: String,
    /// Days within which the outcome counts.
    pub window_days: u32,
    /// Customers contacted.
    pub contacted: usize,
    /// Customers held out.
    pub held_out: usize,
    /// Average effect of contact.
    pub effect: f64,
    /// Mean outcome without contact.
    pub mean_untouched: f64,
    /// Qini on held-out customers.
    pub qini: Option<f64>,
    /// Low end of its 95 % interval.
    pub qini_low: Option<f64>,
    /// High end.
    pub qini_high: Option<f64>,
    /// Whether a ranking by uplift is proven to be better than a random list and a ranking by expected outcome.
    pub claimed: bool,
    /// The conclusion in plain words.
    pub conclusion: String,
    /// The fingerprint of the features ([`schema_hash`]).
    pub schema: String,
    /// The learners; absent where nothing is claimed.
    pub learners: Option<Learners>,
}

impl Uplift {
    /// What is expected of a customer with these features, in the order of [`crate::features::SPECS`]; `None` where nothing is claimed,
    /// or where the features are those of another version.
    #[must_use]
    pub fn of(&self, features: &[f64]) -> Option<(Expected, Group)> {
        let learners = self.learners.as_ref().filter(|_| self.claimed && features.len() == COUNT)?;
        let row: Vec<f32> = features.iter().map(|value| *value as f32).collect();
        let expected = learners.expected(&row);
        let group = Group::of(expected.uplift, expected.untouched, self.effect, self.mean_untouched);
        Some((expected, group))
    }

    /// Whether this version of homing can use it.
    #[must_use]
    pub fn fits(&self) -> bool {
        let learners = self.learners.as_ref();
        self.claimed
            && self.schema == schema_hash()
            && learners.is_some_and(|all| {
                let boosters = [
                    &all.together,
                    &all.treated,
                    &all.untouched,
                    &all.effect_of_treated,
                    &all.effect_of_untouched,
                ];
                boosters.iter().all(|booster| booster.is_sound())
                    && all.together.features() == COUNT + 1
                    && boosters[1..].iter().all(|booster| booster.features() == COUNT)
            })
    }
}
