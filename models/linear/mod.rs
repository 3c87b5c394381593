//! A linear model of a purchase within a horizon: logistic regression over standardised logarithms of the features.

#[cfg(feature = "fit")]
mod algorithm;
#[cfg(feature = "fit")]
mod error;
#[cfg(feature = "fit")]
mod solve;

use serde::{Deserialize, Serialize};

#[cfg(feature = "fit")]
pub use self::error::Error;

/// Logarithm with sign, centred and scaled: how a feature enters the linear model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Evened {
    mean: f64,
    scale: f64,
}

/// A fitted linear model: `margin = intercept + Σ coefficient × evened feature`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Linear {
    evened: Vec<Evened>,
    coefficients: Vec<f64>,
    intercept: f64,
}

/// The scale of a constant feature.
#[cfg(feature = "fit")]
const SILENT: f64 = 1e12;

fn log(x: f32) -> f64 {
    let x = f64::from(x);
    x.signum() * x.abs().ln_1p()
}

impl Evened {
    /// A missing value stands for the mean.
    fn of(self, x: f32) -> f64 {
        if x.is_nan() { 0.0 } else { ((log(x) - self.mean) / self.scale).clamp(-5.0, 5.0) }
    }
}

impl Linear {
    /// The log-odds of a row of features.
    #[must_use]
    pub fn margin(&self, row: &[f32]) -> f64 {
        let parts = self.evened.iter().zip(&self.coefficients).zip(row);
        self.intercept + parts.map(|((evened, c), &x)| c * evened.of(x)).sum::<f64>()
    }

    /// Adds what each feature contributes to the log-odds, against its mean, times `weight`.
    pub fn explain(&self, row: &[f32], weight: f64, out: &mut [f64]) {
        for (((evened, c), &x), out) in self.evened.iter().zip(&self.coefficients).zip(row).zip(out) {
            *out += weight * c * evened.of(x);
        }
    }
}
