//! Maximum likelihood over log parameters: L-BFGS with More-Thuente's line search, a polish by Newton's method, and
//! Nelder-Mead where those fail.

use std::cell::{Cell, RefCell};

use argmin::core::{CostFunction, Error as ArgminError, Executor, Gradient, State};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::neldermead::NelderMead;
use argmin::solver::quasinewton::LBFGS;

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

/// A parameter from its logarithm, within the bounds that a likelihood can bear.
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

/// A symmetric matrix by rows.
type Matrix = Vec<Vec<f64>>;

/// Inverse of a symmetric positive definite matrix by Cholesky's decomposition; none if it is not one.
fn inverse(matrix: &Matrix) -> Option<Matrix> {
    let n = matrix.len();
    let mut lower = vec![vec![0.0; n]; n];
    for i in 0..n {
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
    let column = |column: usize| {
        let (mut y, mut z) = (vec![0.0; n], vec![0.0; n]);
        for i in 0..n {
            let unit = if i == column { 1.0 } else { 0.0 };
            y[i] = (unit - (0..i).map(|k| lower[i][k] * y[k]).sum::<f64>()) / lower[i][i];
        }
        for i in (0..n).rev() {
            z[i] = (y[i] - (i + 1..n).map(|k| lower[k][i] * z[k]).sum::<f64>()) / lower[i][i];
        }
        z
    };
    // Symmetric, so that columns are rows.
    Some((0..n).map(column).collect())
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Holds the analytic gradient over log parameters against central differences at `parameters`.
    pub(in super::super) fn assert_gradient<const N: usize>(
        likelihood: &impl Likelihood<N>,
        parameters: [f64; N],
    ) {
        // Error of the differences: h² f‴/6 + 1e-16 |f| / h, both about 1e-8 of |f| at most.
        const H: f64 = 1e-4;
        let (value, slopes) = likelihood.evaluate(&parameters);
        for j in 0..N {
            let at = |step: f64| {
                let mut moved = parameters;
                moved[j] *= step.exp();
                likelihood.evaluate(&moved).0
            };
            let difference = (8.0 * (at(H) - at(-H)) - (at(2.0 * H) - at(-2.0 * H))) / (12.0 * H);
            let analytic = slopes[j] * parameters[j];
            let tolerance = 1e-10 * value.abs().max(1.0);
            assert!(
                (analytic - difference).abs() < tolerance.max(1e-8 * analytic.abs()),
                "parameter {j} at {parameters:?}: {analytic} against {difference}"
            );
        }
    }

    fn find<const N: usize>(
        likelihood: &impl Likelihood<N>,
        start: [f64; N],
        options: &Options,
    ) -> Option<Maximum<N>> {
        maximize(likelihood, None, &[start], options)
    }

    /// A quadratic in the log parameters with its top at (1, −2).
    struct Valley;

    impl Likelihood<2> for Valley {
        fn evaluate(&self, &[a, b]: &[f64; 2]) -> (f64, [f64; 2]) {
            let (x, y) = (a.ln() - 1.0, b.ln() + 2.0);
            (-x * x - 3.0 * y * y + x * y, [(-2.0 * x + y) / a, (-6.0 * y + x) / b])
        }

        fn observations(&self) -> f64 {
            1.0
        }
    }

    #[test]
    fn finds_a_maximum_and_its_curvature() {
        let end = find(&Valley, [30.0, 5.0], &Options::default()).unwrap();
        assert_eq!(end.status, Status::Converged);
        assert!((end.parameters[0].ln() - 1.0).abs() < 1e-6 && (end.parameters[1].ln() + 2.0).abs() < 1e-6);
        // Inverse of [[2, −1], [−1, 6]] is [[6, 1], [1, 2]] / 11.
        let [se_a, se_b] = end.standard_errors.unwrap();
        assert!((se_a / end.parameters[0] - (6.0f64 / 11.0).sqrt()).abs() < 1e-5);
        assert!((se_b / end.parameters[1] - (2.0f64 / 11.0).sqrt()).abs() < 1e-5);
    }

    #[test]
    fn a_prior_pulls_towards_one_in_log_space() {
        let options = Options { prior_weight: 2.0, ..Options::default() };
        let free = find(&Valley, [30.0, 5.0], &Options::default()).unwrap();
        let held = find(&Valley, [30.0, 5.0], &options).unwrap();
        // (H + 2 I) θ = H θ* with H = [[2, −1], [−1, 6]], θ* = (1, −2): θ = (19, −48) / 31.
        assert!((held.parameters[0].ln() - 19.0 / 31.0).abs() < 1e-6, "{:?}", held.parameters[0].ln());
        assert!((held.parameters[1].ln() + 48.0 / 31.0).abs() < 1e-6, "{:?}", held.parameters[1].ln());
        assert!(held.log_likelihood < free.log_likelihood);
    }

    /// Rises for ever.
    struct Slope;

    impl Likelihood<1> for Slope {
        fn evaluate(&self, &[a]: &[f64; 1]) -> (f64, [f64; 1]) {
            (a.ln(), [1.0 / a])
        }

        fn observations(&self) -> f64 {
            1.0
        }
    }

    /// Not a number anywhere.
    struct Nowhere;

    impl Likelihood<1> for Nowhere {
        fn evaluate(&self, _: &[f64; 1]) -> (f64, [f64; 1]) {
            (f64::NAN, [f64::NAN])
        }

        fn observations(&self) -> f64 {
            1.0
        }
    }

    #[test]
    fn says_when_there_is_no_maximum() {
        let end = find(&Slope, [1.0], &Options::default()).unwrap();
        assert_eq!(end.status, Status::AtBound);
        assert_eq!(end.standard_errors, None);
        assert!(find(&Nowhere, [1.0], &Options::default()).is_none());
    }

    #[test]
    fn says_when_it_was_stopped() {
        let options = Options { max_iterations: 1, gradient_tolerance: 1e-15, ..Options::default() };
        let end = find(&Quartic, [400.0], &options).unwrap();
        assert!(
            matches!(end.status, Status::Stalled { gradient_norm } if gradient_norm > 1e-15),
            "{:?}",
            end.status
        );
    }

    /// −(θ−1)⁴ with noise in its gradient that no search can get below.
    struct Quartic;

    impl Likelihood<1> for Quartic {
        fn evaluate(&self, &[a]: &[f64; 1]) -> (f64, [f64; 1]) {
            let x = a.ln() - 1.0;
            (-x.powi(4), [(-4.0 * x.powi(3) + 1e-6) / a])
        }

        fn observations(&self) -> f64 {
            1.0
        }
    }
}
