//! Time-invariant covariates: what is known of a customer from the first purchase on (the channel they came by, the
//! first basket, the region) scales their purchase rate and their dropout.
//!
//! Fader & Hardie (2007), Incorporating Time-Invariant Covariates into the Pareto/NBD and BG/NBD Models. With the
//! covariates z of a customer and coefficients γ
//!
//! - Pareto/NBD: α = α₀ exp(−γ₁′z), β = β₀ exp(−γ₂′z): λ and μ are multiplied by exp(γ₁′z) and exp(γ₂′z);
//! - BG/NBD and MBG/NBD: α = α₀ exp(−γ₁′z), a = a₀ exp(γ₂′z), b = b₀ exp(γ₃′z).
//!
//! Customers with equal covariates share their parameters, so the likelihood is the sum over such groups of the plain
//! models' likelihoods, and its gradient follows by the chain rule from theirs.

#[cfg(feature = "fit")]
mod algorithm;
#[cfg(feature = "fit")]
mod cohort;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[cfg(feature = "fit")]
pub use self::algorithm::ScalableFit;
#[cfg(feature = "fit")]
pub use self::cohort::CovariateCohort;
use super::{BetaGeometric, Error, LifetimeModel, ParetoNbd, Summary};

/// What a covariate acts on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The purchase rate: γ₁.
    Purchases,
    /// Dropout: γ₂ (and γ₃ in BG/NBD and MBG/NBD).
    Dropout,
    /// Both.
    #[default]
    Both,
}

/// A covariate: its name and what it may act on. The others' coefficients stay 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Covariate {
    /// Its name, for messages and reports.
    pub name: String,
    /// What it acts on.
    pub effect: Effect,
}

impl Covariate {
    /// A covariate that acts on purchases and dropout.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), effect: Effect::Both }
    }

    /// The same, acting on `effect` only.
    #[must_use]
    pub fn on(self, effect: Effect) -> Self {
        Self { effect, ..self }
    }
}

/// A model with four parameters that covariates can scale. Implemented by [`BgNbd`](super::BgNbd),
/// [`MbgNbd`](super::MbgNbd) and [`ParetoNbd`].
pub trait Scalable: LifetimeModel + Clone + PartialEq + Serialize + DeserializeOwned + Sized {
    /// Name as in the paper.
    const MODEL: &'static str;

    /// Which coefficients scale each of the four parameters, and by which sign of γ′z.
    const SCALED: [Option<(Coefficients, f64)>; 4];

    /// The four parameters.
    fn parameters(&self) -> [f64; 4];

    /// The same model with other parameters, and the account of how they were found.
    ///
    /// # Errors
    /// [`Error::Parameter`] if one is not positive and finite.
    fn with(&self, parameters: [f64; 4], summary: Summary) -> Result<Self, Error>;
}

/// A set of coefficients γ, one for each covariate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coefficients {
    /// γ₁: on the purchase rate.
    Purchases,
    /// γ₂: on dropout; on a in BG/NBD and MBG/NBD.
    Dropout,
    /// γ₃: on b in BG/NBD and MBG/NBD.
    Survival,
}

impl<const MODIFIED: bool> Scalable for BetaGeometric<MODIFIED> {
    const MODEL: &'static str = Self::NAME;
    const SCALED: [Option<(Coefficients, f64)>; 4] = [
        None,
        Some((Coefficients::Purchases, -1.0)),
        Some((Coefficients::Dropout, 1.0)),
        Some((Coefficients::Survival, 1.0)),
    ];

    fn parameters(&self) -> [f64; 4] {
        [self.r(), self.alpha(), self.a(), self.b()]
    }

    fn with(&self, [r, alpha, a, b]: [f64; 4], summary: Summary) -> Result<Self, Error> {
        Ok(Self::with_parameters(r, alpha, a, b, self.k())?.summarized(summary))
    }
}

impl Scalable for ParetoNbd {
    const MODEL: &'static str = Self::NAME;
    const SCALED: [Option<(Coefficients, f64)>; 4] =
        [None, Some((Coefficients::Purchases, -1.0)), None, Some((Coefficients::Dropout, -1.0))];

    fn parameters(&self) -> [f64; 4] {
        [self.r(), self.alpha(), self.s(), self.beta()]
    }

    fn with(&self, [r, alpha, s, beta]: [f64; 4], summary: Summary) -> Result<Self, Error> {
        Ok(Self::with_parameters(r, alpha, s, beta)?.summarized(summary))
    }
}

/// One coefficient: its covariate, its set, its value in the covariate's own unit, and its standard error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coefficient {
    /// Name of the covariate.
    pub covariate: String,
    /// Which γ it belongs to.
    pub of: Coefficients,
    /// The change of γ′z for one unit more of the covariate.
    pub value: f64,
    /// Its standard error; none where the data do not identify it.
    pub standard_error: Option<f64>,
}

/// A model of purchases and dropout whose parameters follow covariates.
///
/// ```
/// # #[cfg(feature = "fit")] {
/// use homing_models::lifetimes::{BgNbd, Covariate, CovariateCohort, LifetimeModel, Recency, WithCovariates};
/// use linfa::DatasetBase;
/// use linfa::traits::Fit;
/// use ndarray::array;
///
/// let weeks = [Recency::new(2, 30.4, 38.9), Recency::new(1, 1.7, 38.9), Recency::new(0, 0.0, 38.9)];
/// let from_shop = array![[1.0], [0.0], [0.0]];
/// let cohort =
///     CovariateCohort::from_customers(vec![Covariate::new("came_by_shop")], &weeks, from_shop.view())?;
/// let params = WithCovariates::<BgNbd>::params().prior_weight(1.0).covariate_prior_weight(1.0);
/// let fit = params.fit(&DatasetBase::new(cohort, ()))?;
/// let model = fit.at(&[1.0])?; // an ordinary BG/NBD with the parameters of such a customer
/// assert!(model.probability_of_purchase(weeks[0], 26.0) > 0.0);
/// # }
/// # Ok::<(), homing_models::lifetimes::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct WithCovariates<M: Scalable> {
    /// The model of a customer with average covariates.
    average: M,
    covariates: Vec<Covariate>,
    /// Mean of each covariate.
    means: Vec<f64>,
    coefficients: Vec<Coefficient>,
}

/// The largest |γ′(z − z̄)| that [`WithCovariates::at`] and fits follow: a factor of e^12, far beyond what customers
/// differ by. A covariate that a wild value takes further changes nothing more.
const MOST_EFFECT: f64 = 12.0;

impl<M: Scalable> WithCovariates<M> {
    /// The model of a customer whose covariates are at their means. Its [`LifetimeModel::summary`] accounts for the
    /// fit with all its coefficients; standard errors are those of its four parameters.
    pub fn average(&self) -> &M {
        &self.average
    }

    /// How the fit ended.
    pub fn summary(&self) -> &Summary {
        self.average.summary()
    }

    /// The coefficients: those of γ₁ first, in the order of the covariates. A covariate that is constant in the
    /// cohort has coefficients of 0 without standard errors.
    pub fn coefficients(&self) -> &[Coefficient] {
        &self.coefficients
    }

    /// The coefficient of a covariate in one set; 0 where the covariate does not act on it.
    pub fn coefficient(&self, covariate: &str, of: Coefficients) -> f64 {
        let found = self.coefficients.iter().find(|c| c.covariate == covariate && c.of == of);
        found.map_or(0.0, |c| c.value)
    }

    /// The model of a customer with these covariates, in the order given to the fit: ask it about the customer's
    /// `(x, t_x, T)`. Effects are followed up to a factor of e^12.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of values, [`Error::Covariate`] for one that is not finite.
    pub fn at(&self, values: &[f64]) -> Result<M, Error> {
        if values.len() != self.covariates.len() {
            return Err(Error::Shape { wanted: [1, self.covariates.len()], found: [1, values.len()] });
        }
        for (covariate, &value) in self.covariates.iter().zip(values) {
            if !value.is_finite() {
                return Err(Error::Covariate { row: 0, name: covariate.name.clone(), value });
            }
        }
        let effect = |of: Coefficients| {
            let each = self.covariates.iter().zip(values).zip(&self.means);
            // 0 times a difference that overflowed is no effect.
            let sum: f64 = each
                .map(|((covariate, value), mean)| (self.coefficient(&covariate.name, of), value - mean))
                .filter(|(gamma, _)| *gamma != 0.0)
                .map(|(gamma, z)| gamma * z)
                .sum();
            if sum.is_nan() { 0.0 } else { sum.clamp(-MOST_EFFECT, MOST_EFFECT) }
        };
        let mut parameters = self.average.parameters();
        for (value, scaled) in parameters.iter_mut().zip(M::SCALED) {
            if let Some((of, sign)) = scaled {
                *value *= (sign * effect(of)).exp();
            }
        }
        self.average.with(parameters, self.summary().clone())
    }
}
