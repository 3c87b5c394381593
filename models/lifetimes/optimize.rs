//! Maximum likelihood over log parameters: L-BFGS with More-Thuente's line search, a polish by Newton's method,
//! Nelder-Mead where those fail, and an honest account of how it ended.

use std::cell::{Cell, RefCell};
use std::fmt;

use argmin::core::{CostFunction, Error as ArgminError, Executor, Gradient, State};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::neldermead::NelderMead;
use argmin::solver::quasinewton::LBFGS;
use serde::{Deserialize, Serialize};

use super::Cohort;
use super::hyperparams::Options;

/// How a fit ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Status {
    /// The gradient vanishes: a maximum of the likelihood (of the posterior, with a prior).
    Converged,
    /// No further progress although the gradient does not vanish.
    Stalled {
        /// Largest component of the gradient of the mean log-likelihood over the log parameters.
        gradient_norm: f64,
    },
    /// The gradient vanishes, but a parameter ran to the limit of e^±14 (in mean ages or mean spends): the
    /// data do not bound it. Predictions are usable, the parameter by itself says nothing.
    AtBound,
    /// Nothing was fitted: the parameters were given.
    Given,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Converged => f.write_str("converged"),
            Self::Stalled { gradient_norm } => write!(f, "stalled with a gradient of {gradient_norm:.1e}"),
            Self::AtBound => f.write_str("converged with a parameter at its limit"),
            Self::Given => f.write_str("given, not fitted"),
        }
    }
}

/// What there is to know of a fit beside the parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// How the fit ended.
    pub status: Status,
    /// Log-likelihood of the sample at the estimate, without the prior, in the sample's units; 0 if nothing
    /// was fitted.
    pub log_likelihood: f64,
    /// Number of customers (sum of weights) the model was fitted on.
    pub customers: f64,
    /// Number of unique rows among them.
    pub unique_rows: usize,
    /// Evaluations of the likelihood with its gradient.
    pub evaluations: u64,
    /// Standard errors of the parameters, in the order and the units of the parameters, from the inverse
    /// Hessian of the negative log-likelihood over log parameters (delta method); none where the Hessian is
    /// not positive definite, which is where the data do not identify the parameters.
    pub standard_errors: Option<Vec<f64>>,
}

impl Summary {
    /// Of parameters that were given.
    pub(super) fn given() -> Self {
        Self {
            status: Status::Given,
            log_likelihood: 0.0,
            customers: 0.0,
            unique_rows: 0,
            evaluations: 0,
            standard_errors: None,
        }
    }
}

/// A log-likelihood in `N` positive parameters.
pub(super) trait Likelihood<const N: usize> {
    /// Log-likelihood of the whole sample and its gradient with respect to the parameters themselves.
    fn evaluate(&self, parameters: &[f64; N]) -> (f64, [f64; N]);

    /// Number of observations: the divisor that makes sums means.
    fn observations(&self) -> f64;
}

/// The end of a search.
#[derive(Clone, Debug)]
pub(super) struct Maximum<const N: usize> {
    /// The parameters themselves.
    pub parameters: [f64; N],
    /// Log-likelihood there, without prior.
    pub log_likelihood: f64,
    /// How the search ended.
    pub status: Status,
    /// Evaluations used.
    pub evaluations: u64,
    /// Standard errors of the parameters.
    pub standard_errors: Option<[f64; N]>,
}

impl<const N: usize> Maximum<N> {
    /// The account of a fit to `cohort` whose parameters are `units` times the ones searched.
    pub(super) fn summary(&self, cohort: &Cohort, log_likelihood: f64, units: [f64; N]) -> Summary {
        Summary {
            status: self.status,
            log_likelihood,
            customers: cohort.total_weight(),
            unique_rows: cohort.rows().len(),
            evaluations: self.evaluations,
            standard_errors: self.standard_errors.map(|se| se.iter().zip(units).map(|(e, u)| e * u).collect()),
        }
    }
}

/// Log parameters beyond this are pulled back by a quadratic penalty ...
const BOUND: f64 = 14.0;
/// ... and the likelihood is never asked beyond this.
const CLAMP: f64 = 16.0;

/// Looks for the maximum of `likelihood` from `starts` (parameters, not logarithms), in order, until one
/// converges. None if the likelihood is not finite at any of them.
pub(super) fn maximize<const N: usize>(
    likelihood: &impl Likelihood<N>,
    starts: &[[f64; N]],
    options: &Options,
) -> Option<Maximum<N>> {
    let target = Target::new(likelihood, options);
    let mut best: Option<[f64; N]> = None;
    for start in starts {
        let end = target.newton(target.lbfgs(start.map(f64::ln)));
        if target.gradient_norm(&end) <= options.gradient_tolerance {
            best = Some(end);
            break;
        }
        best = Some(target.better(best, end));
    }
    let mut best = best?;
    if target.gradient_norm(&best) > options.gradient_tolerance {
        let end = target.newton(target.lbfgs(target.nelder_mead(best)));
        best = target.better(Some(best), end);
    }
    target.maximum(best)
}

/// The mean negative log-likelihood over log parameters, with prior and bounds, remembering its last value.
struct Target<'a, L, const N: usize> {
    likelihood: &'a L,
    options: &'a Options,
    last: RefCell<Option<([f64; N], f64, [f64; N])>>,
    evaluations: Cell<u64>,
}

impl<'a, L: Likelihood<N>, const N: usize> Target<'a, L, N> {
    fn new(likelihood: &'a L, options: &'a Options) -> Self {
        Self { likelihood, options, last: RefCell::new(None), evaluations: Cell::new(0) }
    }

    /// Value and gradient at `theta`; never NaN nor infinite, so that a line search cannot lose its way.
    fn at(&self, theta: &[f64; N]) -> (f64, [f64; N]) {
        if let Some((at, value, gradient)) = *self.last.borrow()
            && at == *theta
        {
            return (value, gradient);
        }
        self.evaluations.set(self.evaluations.get() + 1);
        let parameters = theta.map(|t| t.clamp(-CLAMP, CLAMP).exp());
        let (log_likelihood, slopes) = self.likelihood.evaluate(&parameters);
        let size = self.likelihood.observations();
        let prior = self.options.prior_weight / size;
        let mut value = -log_likelihood / size;
        let mut gradient = [0.0; N];
        for j in 0..N {
            let excess = theta[j] - theta[j].clamp(-BOUND, BOUND);
            value += 0.5 * prior * theta[j] * theta[j] + excess * excess;
            let inside = theta[j].abs() <= CLAMP;
            let slope = if inside { -slopes[j] * parameters[j] / size } else { 0.0 };
            gradient[j] = slope + prior * theta[j] + 2.0 * excess;
        }
        if !(value.is_finite() && gradient.iter().all(|g| g.is_finite())) {
            (value, gradient) = (1e300, [0.0; N]);
        }
        *self.last.borrow_mut() = Some((*theta, value, gradient));
        (value, gradient)
    }

    fn gradient_norm(&self, theta: &[f64; N]) -> f64 {
        let (value, gradient) = self.at(theta);
        if value >= 1e300 { f64::INFINITY } else { gradient.iter().fold(0.0, |m, g| g.abs().max(m)) }
    }

    fn better(&self, one: Option<[f64; N]>, other: [f64; N]) -> [f64; N] {
        match one {
            Some(one) if self.at(&one).0 <= self.at(&other).0 => one,
            _ => other,
        }
    }

    fn lbfgs(&self, start: [f64; N]) -> [f64; N] {
        let solver = LBFGS::new(MoreThuenteLineSearch::new(), 7)
            .with_tolerance_grad(0.5 * self.options.gradient_tolerance)
            .and_then(|solver| solver.with_tolerance_cost(0.0));
        let Ok(solver) = solver else { return start };
        let end = Executor::new(Adapter(self), solver)
            .configure(|state| state.param(start.to_vec()).max_iters(self.options.max_iterations))
            .timer(false)
            .run();
        end.ok().and_then(|end| array(end.state().get_best_param())).unwrap_or(start)
    }

    fn nelder_mead(&self, start: [f64; N]) -> [f64; N] {
        let mut simplex = vec![start.to_vec()];
        for j in 0..N {
            let mut corner = start.to_vec();
            corner[j] += 0.5;
            simplex.push(corner);
        }
        let Ok(solver) = NelderMead::new(simplex).with_sd_tolerance(1e-12) else { return start };
        let end =
            Executor::new(Adapter(self), solver).configure(|state| state.max_iters(100 * N as u64)).timer(false).run();
        end.ok().and_then(|end| array(end.state().get_best_param())).unwrap_or(start)
    }

    /// Up to five steps of Newton's method, each kept only if the gradient shrinks: what L-BFGS leaves in a
    /// flat valley is a step or two away.
    fn newton(&self, mut theta: [f64; N]) -> [f64; N] {
        for _ in 0..5 {
            let norm = self.gradient_norm(&theta);
            if norm <= self.options.gradient_tolerance || norm > 1e-2 {
                break;
            }
            let gradient = self.at(&theta).1;
            let Some(inverse) = inverse(&self.hessian(&theta)) else { break };
            let mut next = theta;
            for i in 0..N {
                next[i] -= (0..N).map(|j| inverse[i][j] * gradient[j]).sum::<f64>();
            }
            if !(self.gradient_norm(&next) < norm && self.at(&next).0 <= self.at(&theta).0 + 1e-12) {
                break;
            }
            theta = next;
        }
        theta
    }

    /// Second derivatives by central differences of the analytic gradient.
    fn hessian(&self, theta: &[f64; N]) -> [[f64; N]; N] {
        const STEP: f64 = 1e-4;
        let mut hessian = [[0.0; N]; N];
        for j in 0..N {
            let (mut up, mut down) = (*theta, *theta);
            up[j] += STEP;
            down[j] -= STEP;
            let (up, down) = (self.at(&up).1, self.at(&down).1);
            for i in 0..N {
                hessian[i][j] += 0.25 * (up[i] - down[i]) / STEP;
                hessian[j][i] += 0.25 * (up[i] - down[i]) / STEP;
            }
        }
        hessian
    }

    fn maximum(&self, theta: [f64; N]) -> Option<Maximum<N>> {
        let gradient_norm = self.gradient_norm(&theta);
        if !gradient_norm.is_finite() {
            return None;
        }
        let at_bound = theta.iter().any(|t| t.abs() > BOUND - 0.5);
        let status = if gradient_norm > self.options.gradient_tolerance {
            Status::Stalled { gradient_norm }
        } else if at_bound {
            Status::AtBound
        } else {
            Status::Converged
        };
        let parameters = theta.map(|t| t.clamp(-CLAMP, CLAMP).exp());
        let covariance = if at_bound { None } else { inverse(&self.hessian(&theta)) };
        let size = self.likelihood.observations();
        let standard_errors = covariance.map(|c| std::array::from_fn(|j| parameters[j] * (c[j][j] / size).sqrt()));
        let log_likelihood = self.likelihood.evaluate(&parameters).0;
        Some(Maximum { parameters, log_likelihood, status, evaluations: self.evaluations.get(), standard_errors })
    }
}

/// Inverse of a symmetric positive definite matrix by Cholesky's decomposition; none if it is not one.
fn inverse<const N: usize>(matrix: &[[f64; N]; N]) -> Option<[[f64; N]; N]> {
    let mut lower = [[0.0; N]; N];
    for i in 0..N {
        for j in 0..=i {
            let rest = matrix[i][j] - (0..j).map(|k| lower[i][k] * lower[j][k]).sum::<f64>();
            if i == j {
                // A pivot this small against its diagonal is rounding.
                if !(rest > 1e-9 * matrix[i][i].abs() && rest > 1e-14) {
                    return None;
                }
                lower[i][i] = rest.sqrt();
            } else {
                lower[i][j] = rest / lower[j][j];
            }
        }
    }
    let mut inverse = [[0.0; N]; N];
    for column in 0..N {
        let mut y = [0.0; N];
        for i in 0..N {
            let unit = if i == column { 1.0 } else { 0.0 };
            y[i] = (unit - (0..i).map(|k| lower[i][k] * y[k]).sum::<f64>()) / lower[i][i];
        }
        for i in (0..N).rev() {
            let known: f64 = (i + 1..N).map(|k| lower[k][i] * inverse[k][column]).sum();
            inverse[i][column] = (y[i] - known) / lower[i][i];
        }
    }
    Some(inverse)
}

fn array<const N: usize>(vector: Option<&Vec<f64>>) -> Option<[f64; N]> {
    vector.and_then(|v| v.as_slice().try_into().ok())
}

/// What argmin sees of a target.
struct Adapter<'a, L, const N: usize>(&'a Target<'a, L, N>);

impl<L: Likelihood<N>, const N: usize> CostFunction for Adapter<'_, L, N> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, theta: &Vec<f64>) -> Result<f64, ArgminError> {
        Ok(array(Some(theta)).map_or(1e300, |theta| self.0.at(&theta).0))
    }
}

impl<L: Likelihood<N>, const N: usize> Gradient for Adapter<'_, L, N> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, theta: &Vec<f64>) -> Result<Vec<f64>, ArgminError> {
        Ok(array(Some(theta)).map_or_else(|| vec![0.0; N], |theta| self.0.at(&theta).1.to_vec()))
    }
}
