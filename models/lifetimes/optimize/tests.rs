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
