//! What is minimised: the loss, its gradient and hessian in the margin, and the link.

use serde::{Deserialize, Serialize};

/// A loss over targets y and margins f.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// Log loss; y is 0 or 1 (or a share between), f the log-odds.
    Logistic,
    /// Poisson deviance; y ≥ 0 a count, f the log of the mean.
    Poisson,
    /// Gamma deviance; y > 0, f the log of the mean.
    Gamma,
    /// Tweedie deviance with this power, between 1 and 2; y ≥ 0, f the log of the mean.
    Tweedie(f64),
    /// Squared error; f the mean.
    Squared,
}

/// The logistic function.
#[must_use]
pub fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// The log-odds of a probability, held within ±16.
#[must_use]
pub fn logit(p: f64) -> f64 {
    let p = p.clamp(1e-7, 1.0 - 1e-7);
    (p / (1.0 - p)).ln()
}

impl Objective {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Objective::Logistic => "logistic",
            Objective::Poisson => "poisson",
            Objective::Gamma => "gamma",
            Objective::Tweedie(_) => "tweedie",
            Objective::Squared => "squared",
        }
    }

    /// What targets it takes, in words.
    pub(super) fn takes(self) -> &'static str {
        match self {
            Objective::Logistic => "0 to 1",
            Objective::Poisson | Objective::Tweedie(_) => "0 or more",
            Objective::Gamma => "values above 0",
            Objective::Squared => "finite values",
        }
    }

    /// Whether it takes this target.
    pub(super) fn accepts(self, y: f64) -> bool {
        y.is_finite()
            && match self {
                Objective::Logistic => (0.0..=1.0).contains(&y),
                Objective::Poisson | Objective::Tweedie(_) => y >= 0.0,
                Objective::Gamma => y > 0.0,
                Objective::Squared => true,
            }
    }

    pub(super) fn power(self) -> f64 {
        if let Objective::Tweedie(power) = self { power } else { 1.5 }
    }

    pub(super) fn is_valid(self) -> bool {
        let power = self.power();
        power > 1.0 && power < 2.0
    }

    /// Gradient and hessian of the loss at margin f.
    #[inline]
    pub(super) fn gradient(self, y: f64, f: f64) -> (f64, f64) {
        match self {
            Objective::Logistic => {
                let p = sigmoid(f);
                (p - y, (p * (1.0 - p)).max(1e-6))
            }
            Objective::Poisson => {
                let mean = f.min(30.0).exp();
                (mean - y, mean.max(1e-6))
            }
            Objective::Gamma => {
                let ratio = y * (-f).min(30.0).exp();
                (1.0 - ratio, ratio.max(1e-3))
            }
            Objective::Tweedie(power) => {
                let (a, b) = (y * ((1.0 - power) * f).min(30.0).exp(), ((2.0 - power) * f).min(30.0).exp());
                (b - a, ((2.0 - power) * b + (power - 1.0) * a).max(1e-6))
            }
            Objective::Squared => (f - y, 1.0),
        }
    }

    /// The constant margin that fits weighted targets over given offsets, by Newton's method.
    pub(super) fn intercept(self, y: &[f64], offset: &[f64], weight: &[f64]) -> f64 {
        let mut f = 0.0;
        for _ in 0..50 {
            let (mut g, mut h) = (0.0, 0.0);
            for ((&y, &o), &w) in y.iter().zip(offset).zip(weight) {
                let (gi, hi) = self.gradient(y, f + o);
                g += w * gi;
                h += w * hi;
            }
            let step = (g / h.max(1e-12)).clamp(-2.0, 2.0);
            f -= step;
            if step.abs() < 1e-10 {
                break;
            }
        }
        f
    }

    /// From margin to mean.
    #[must_use]
    pub fn mean(self, f: f64) -> f64 {
        match self {
            Objective::Logistic => sigmoid(f),
            Objective::Poisson | Objective::Gamma | Objective::Tweedie(_) => f.min(60.0).exp(),
            Objective::Squared => f,
        }
    }
}
