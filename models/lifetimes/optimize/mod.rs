//! Maximum likelihood over log parameters: L-BFGS with More-Thuente's line search, a polish by Newton's method, and
//! Nelder-Mead where those fail.

mod matrix;
#[cfg(test)]
pub(super) mod tests;

use std::cell::{Cell, RefCell};

use argmin::core::{CostFunction, Error as ArgminError, Executor, Gradient, State};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::neldermead::NelderMead;
use argmin::solver::quasinewton::LBFGS;

use self::matrix::{Matrix, inverse};
use super::hyperparams::Options;
use super::{Cohort, Status, Summary};

/// A log-likelihood in `N` positive parameters.
pub(super) trait Likelihood<const N: usize> {
    /// Log-likelihood of the whole sample and its gradient with respect to the parameters themselves.
    fn evaluate(&self, parameters: &[f64; N]) -> (f64, [f64; N]);

    /// Number of purchases, first ones included: the divisor that makes gradients comparable.
    fn observations(&self) -> f64;
}

/// A log-likelihood over unbounded coordinates θ: logarithms of parameters, and coefficients.
pub(super) trait Objective {
    /// Log-likelihood of the whole sample and its gradient with respect to θ, of the same length.
    fn evaluate(&self, theta: &[f64]) -> (f64, Vec<f64>);

    /// As [`Likelihood::observations`].
    fn observations(&self) -> f64;

    /// Precision of the normal prior on a coordinate, centred on 0.
    fn prior(&self, coordinate: usize) -> f64;
}

/// The end of a search over coordinates θ.
#[derive(Clone, Debug)]
pub(super) struct End {
    /// Where it ended.
    pub theta: Vec<f64>,
    /// Log-likelihood there, without prior.
    pub log_likelihood: f64,
    /// How the search ended.
    pub status: Status,
    /// Evaluations used.
    pub evaluations: u64,
    /// Standard errors of θ.
    pub standard_errors: Option<Vec<f64>>,
}

/// The end of a search over `N` parameters.
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
            standard_errors: self
                .standard_errors
                .map(|se| se.iter().zip(units).map(|(e, u)| e * u).collect()),
        }
    }
}

/// Coordinates beyond this are pulled back by a quadratic penalty ...
const BOUND: f64 = 14.0;
/// ... and the likelihood is never asked beyond this.
const CLAMP: f64 = 16.0;

/// A parameter from its logarithm, within the bounds in which a likelihood is finite.
pub(super) fn parameter(theta: f64) -> f64 {
    theta.clamp(-CLAMP, CLAMP).exp()
}

/// A likelihood in parameters as one in their logarithms.
struct OverLogs<'a, L, const N: usize> {
    likelihood: &'a L,
    prior_weight: f64,
}

impl<L: Likelihood<N>, const N: usize> Objective for OverLogs<'_, L, N> {
    fn evaluate(&self, theta: &[f64]) -> (f64, Vec<f64>) {
        let parameters: [f64; N] = std::array::from_fn(|j| parameter(theta[j]));
        let (value, slopes) = self.likelihood.evaluate(&parameters);
        let slope = |j: usize| if theta[j].abs() <= CLAMP { slopes[j] * parameters[j] } else { 0.0 };
        (value, (0..N).map(slope).collect())
    }

    fn observations(&self) -> f64 {
        self.likelihood.observations()
    }

    fn prior(&self, _: usize) -> f64 {
        self.prior_weight
    }
}

/// Looks for the maximum of `likelihood` from `starts` (parameters, not logarithms), in order, until one
/// converges. None if the likelihood is not finite at any of them.
///
/// Of a large sample `pilot` is the likelihood of a part: its maximum is the start, and its curvature, which is
/// that of the whole up to sampling, leads from there to the whole's maximum in a few evaluations.
pub(super) fn maximize<L: Likelihood<N>, const N: usize>(
    likelihood: &L,
    pilot: Option<&L>,
    starts: &[[f64; N]],
    options: &Options,
) -> Option<Maximum<N>> {
    let over_logs = |likelihood| OverLogs { likelihood, prior_weight: options.prior_weight };
    let pilot = pilot.map(over_logs);
    let starts: Vec<Vec<f64>> = starts.iter().map(|start| start.iter().map(|s| s.ln()).collect()).collect();
    let end = search(&over_logs(likelihood), pilot.as_ref(), starts, options)?;
    let parameters: [f64; N] = std::array::from_fn(|j| parameter(end.theta[j]));
    Some(Maximum {
        parameters,
        log_likelihood: end.log_likelihood,
        status: end.status,
        evaluations: end.evaluations,
        standard_errors: end.standard_errors.map(|se| std::array::from_fn(|j| parameters[j] * se[j])),
    })
}

/// As [`maximize`], over coordinates.
pub(super) fn search<O: Objective>(
    objective: &O,
    pilot: Option<&O>,
    mut starts: Vec<Vec<f64>>,
    options: &Options,
) -> Option<End> {
    let target = Target::new(objective, options);
    if let Some(pilot) = pilot {
        let pilot = Target::new(pilot, options);
        if let Some(start) = pilot.search(&starts) {
            let inverse = inverse(&pilot.hessian(&start));
            starts.insert(0, inverse.map_or(start.clone(), |inverse| target.descend(start, &inverse)));
        }
    }
    target.end(target.search(&starts)?)
}

/// The negative log-likelihood per observation with prior and bounds, remembering its last value.
struct Target<'a, O> {
    objective: &'a O,
    options: &'a Options,
    last: RefCell<Option<Evaluation>>,
    evaluations: Cell<u64>,
}

/// A target's value and gradient at one place.
#[derive(Clone)]
struct Evaluation {
    theta: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
}

impl<'a, O: Objective> Target<'a, O> {
    fn new(objective: &'a O, options: &'a Options) -> Self {
        Self { objective, options, last: RefCell::new(None), evaluations: Cell::new(0) }
    }

    /// Value and gradient at `theta`; never NaN nor infinite, so that a line search cannot lose its way.
    fn at(&self, theta: &[f64]) -> (f64, Vec<f64>) {
        if let Some(last) = &*self.last.borrow()
            && last.theta == theta
        {
            return (last.value, last.gradient.clone());
        }
        self.evaluations.set(self.evaluations.get() + 1);
        let (log_likelihood, slopes) = self.objective.evaluate(theta);
        let size = self.objective.observations();
        let mut value = -log_likelihood / size;
        let mut gradient = vec![0.0; theta.len()];
        for (j, &t) in theta.iter().enumerate() {
            let prior = self.objective.prior(j) / size;
            let excess = t - t.clamp(-BOUND, BOUND);
            value += 0.5 * prior * t * t + excess * excess;
            gradient[j] = -slopes[j] / size + prior * t + 2.0 * excess;
        }
        if !(value.is_finite() && gradient.iter().all(|g| g.is_finite())) {
            value = 1e300;
            gradient.fill(0.0);
        }
        let evaluation = Evaluation { theta: theta.to_vec(), value, gradient: gradient.clone() };
        *self.last.borrow_mut() = Some(evaluation);
        (value, gradient)
    }

    fn gradient_norm(&self, theta: &[f64]) -> f64 {
        let (value, gradient) = self.at(theta);
        if value >= 1e300 { f64::INFINITY } else { gradient.iter().fold(0.0, |m, g| g.abs().max(m)) }
    }

    /// The first of the ends from `starts` that converged, or the best there is.
    fn search(&self, starts: &[Vec<f64>]) -> Option<Vec<f64>> {
        let mut best: Option<Vec<f64>> = None;
        for start in starts {
            if self.converged(start) {
                return Some(start.clone());
            }
            let end = self.newton(self.lbfgs(start.clone()));
            if self.converged(&end) {
                return Some(end);
            }
            best = Some(self.better(best, end));
        }
        let best = best?;
        let end = self.newton(self.lbfgs(self.nelder_mead(best.clone())));
        Some(self.better(Some(best), end))
    }

    fn converged(&self, theta: &[f64]) -> bool {
        self.gradient_norm(theta) <= self.options.gradient_tolerance
    }

    fn better(&self, one: Option<Vec<f64>>, other: Vec<f64>) -> Vec<f64> {
        match one {
            Some(one) if self.at(&one).0 <= self.at(&other).0 => one,
            _ => other,
        }
    }

    fn lbfgs(&self, start: Vec<f64>) -> Vec<f64> {
        let solver = LBFGS::new(MoreThuenteLineSearch::new(), 7)
            .with_tolerance_grad(0.5 * self.options.gradient_tolerance)
            .and_then(|solver| solver.with_tolerance_cost(0.0));
        let Ok(solver) = solver else { return start };
        let end = Executor::new(Adapter(self), solver)
            .configure(|state| state.param(start.clone()).max_iters(self.options.max_iterations))
            .timer(false)
            .run();
        end.ok().and_then(|end| end.state().get_best_param().cloned()).unwrap_or(start)
    }

    fn nelder_mead(&self, start: Vec<f64>) -> Vec<f64> {
        let mut simplex = vec![start.clone()];
        for j in 0..start.len() {
            let mut corner = start.clone();
            corner[j] += 0.5;
            simplex.push(corner);
        }
        let Ok(solver) = NelderMead::new(simplex).with_sd_tolerance(1e-12) else { return start };
        let end = Executor::new(Adapter(self), solver)
            .configure(|state| state.max_iters(100 * start.len() as u64))
            .timer(false)
            .run();
        end.ok().and_then(|end| end.state().get_best_param().cloned()).unwrap_or(start)
    }

    /// Up to five steps of Newton's method: what L-BFGS leaves in a flat valley is a step or two away.
    fn newton(&self, mut theta: Vec<f64>) -> Vec<f64> {
        for _ in 0..5 {
            let norm = self.gradient_norm(&theta);
            if norm <= self.options.gradient_tolerance || norm > 1e-2 {
                break;
            }
            let Some(inverse) = inverse(&self.hessian(&theta)) else { break };
            let Some(next) = self.step(&theta, &inverse) else { break };
            theta = next;
        }
        theta
    }

    /// Steps along a fixed inverse Hessian as long as each brings the gradient down well.
    fn descend(&self, mut theta: Vec<f64>, inverse: &Matrix) -> Vec<f64> {
        while !self.converged(&theta) {
            let norm = self.gradient_norm(&theta);
            let Some(next) = self.step(&theta, inverse) else { break };
            theta = next;
            if self.gradient_norm(&theta) > 0.3 * norm {
                break;
            }
        }
        theta
    }

    /// θ − H⁻¹ g, if the gradient shrinks and the value does not rise.
    fn step(&self, theta: &[f64], inverse: &Matrix) -> Option<Vec<f64>> {
        let (value, gradient) = self.at(theta);
        let norm = self.gradient_norm(theta);
        let move_by = |row: &Vec<f64>| row.iter().zip(&gradient).map(|(h, g)| h * g).sum::<f64>();
        let next: Vec<f64> = theta.iter().zip(inverse).map(|(t, row)| t - move_by(row)).collect();
        let better =
            self.gradient_norm(&next) < norm && self.at(&next).0 <= value + 1e-12 * value.abs().max(1.0);
        better.then_some(next)
    }

    /// Second derivatives by forward differences of the analytic gradient, to about five digits.
    fn hessian(&self, theta: &[f64]) -> Matrix {
        const STEP: f64 = 1e-5;
        let here = self.at(theta).1;
        let mut hessian = vec![vec![0.0; theta.len()]; theta.len()];
        for j in 0..theta.len() {
            let mut moved = theta.to_vec();
            moved[j] += STEP;
            let there = self.at(&moved).1;
            for i in 0..theta.len() {
                let second = (there[i] - here[i]) / STEP;
                hessian[i][j] += 0.5 * second;
                hessian[j][i] += 0.5 * second;
            }
        }
        hessian
    }

    fn end(&self, theta: Vec<f64>) -> Option<End> {
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
        let covariance = if at_bound { None } else { inverse(&self.hessian(&theta)) };
        let size = self.objective.observations();
        let standard_errors =
            covariance.map(|c| c.iter().enumerate().map(|(j, row)| (row[j] / size).sqrt()).collect());
        let log_likelihood = self.objective.evaluate(&theta).0;
        Some(End { theta, log_likelihood, status, evaluations: self.evaluations.get(), standard_errors })
    }
}

/// What argmin sees of a target.
struct Adapter<'a, O>(&'a Target<'a, O>);

impl<O: Objective> CostFunction for Adapter<'_, O> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, theta: &Vec<f64>) -> Result<f64, ArgminError> {
        Ok(self.0.at(theta).0)
    }
}

impl<O: Objective> Gradient for Adapter<'_, O> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, theta: &Vec<f64>) -> Result<Vec<f64>, ArgminError> {
        Ok(self.0.at(theta).1)
    }
}
