//! Uplift learners over the project's booster: S, T and X (Künzel, Sekhon, Bickel & Yu 2019, "Metalearners for estimating
//! heterogeneous treatment effects using machine learning").

use homing_models::boosting::{Binned, Bins, Booster, Objective, Training};
use homing_models::sampling::{Picker, mix};
use homing_models::uplift::Learners;
use linfa::ParamGuard;
use ndarray::{Array2, Axis};
use rayon::prelude::*;

use crate::Error;

/// Folds of the out-of-fold predictions.
pub const FOLDS: usize = 5;

/// Different partitions into folds over which predictions are averaged.
const REPEATS: u64 = 3;

/// How uplift is learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Learner {
    /// One model with the arm among its features.
    S,
    /// A model for each arm.
    T,
    /// Models of the effects that the models of the other arm impute.
    X,
}

impl Learner {
    /// All of them.
    pub const ALL: [Learner; 3] = [Learner::S, Learner::T, Learner::X];

    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Learner::S => "S",
            Learner::T => "T",
            Learner::X => "X",
        }
    }
}

/// Customers as the learners see them.
#[derive(Clone, Debug)]
pub struct Features {
    /// One row a customer; NaN where a value is missing, codes in categorical columns.
    pub matrix: Array2<f32>,
    /// The categorical columns.
    pub categorical: Vec<usize>,
}

/// What is predicted of each customer by models that did not see them.
#[derive(Clone, Debug, PartialEq)]
pub struct Predicted {
    /// Uplift by learner, in the order of [`Learner::ALL`].
    pub uplift: [Vec<f64>; 3],
    /// Mean outcome with contact.
    pub contacted: Vec<f64>,
    /// Mean outcome without.
    pub untouched: Vec<f64>,
}

/// An experiment with one arm: the rows of `features` that are in it, their outcome and whether they were treated.
#[derive(Clone, Copy, Debug)]
pub struct Arm<'a> {
    /// All customers.
    pub features: &'a Features,
    /// Rows of the arm and of the controls.
    pub rows: &'a [usize],
    /// One outcome for each of these rows.
    pub outcome: &'a [f64],
    /// Whether each of these rows was treated.
    pub treated: &'a [bool],
}

/// The fold of each row, equally spread over arm × outcome: within each of these groups rows are shuffled and dealt out.
#[must_use]
pub fn folds(arm: &Arm<'_>, seed: u64) -> Vec<usize> {
    let mut groups: [Vec<usize>; 4] = Default::default();
    for (row, (&treated, &outcome)) in arm.treated.iter().zip(arm.outcome).enumerate() {
        groups[usize::from(treated) * 2 + usize::from(outcome > 0.0)].push(row);
    }
    let mut random = Picker::new(mix(seed));
    let mut folds = vec![0; arm.rows.len()];
    let mut next = 0;
    for group in &mut groups {
        for at in (1..group.len()).rev() {
            group.swap(at, random.below(at + 1));
        }
        for &row in group.iter() {
            folds[row] = next % FOLDS;
            next += 1;
        }
    }
    folds
}

/// The models of one training set.
struct Models {
    together: Booster,
    treated: Booster,
    untouched: Booster,
    effect_of_treated: Booster,
    effect_of_untouched: Booster,
    share_treated: f64,
}

/// How trees are grown: few and small, for effects are small beside noise. All rows and features are used, so nothing is random.
#[derive(Clone, Copy)]
struct Trees {
    count: usize,
    learning_rate: f64,
    leaves: usize,
}

/// Of the models of one arm: features add up, so that the difference of two models has few ways to follow noise.
const STUMPS: Trees = Trees { count: 40, learning_rate: 0.1, leaves: 2 };

/// Of the model of both arms, where an effect that differs is an interaction with the arm.
const INTERACTING: Trees = Trees { count: 60, learning_rate: 0.03, leaves: 4 };

fn fitted(
    objective: Objective,
    data: &Binned,
    bins: &Bins,
    targets: &[f64],
    trees: Trees,
) -> Result<Booster, Error> {
    let params = Booster::params(objective)
        .trees(trees.count)
        .learning_rate(trees.learning_rate)
        .leaves(trees.leaves)
        .min_leaf_rows((targets.len() as f64 / 40.0).clamp(10.0, 500.0))
        .l2(50.0f64.min(targets.len() as f64 / 100.0))
        .row_share(1.0)
        .feature_share(1.0)
        .check()?;
    Ok(params.fit_binned(&Training { data, bins, targets, offsets: None, weights: None })?.0)
}

/// The objective for outcomes: probabilities, amounts, anything else.
fn objective(outcome: &[f64]) -> Objective {
    if outcome.iter().all(|y| *y == 0.0 || *y == 1.0) {
        Objective::Logistic
    } else if outcome.iter().all(|y| *y >= 0.0) {
        Objective::Tweedie(1.5)
    } else {
        Objective::Squared
    }
}

/// Means that a booster predicts for rows of a matrix.
fn means(booster: &Booster, matrix: &Array2<f32>) -> Vec<f64> {
    let flat: Vec<f32> = matrix.iter().copied().collect();
    booster
        .margins(&flat, matrix.ncols())
        .into_iter()
        .map(|margin| booster.objective().mean(margin))
        .collect()
}

/// A matrix with the arm as one more column.
fn with_arm(matrix: &Array2<f32>, arm: impl Fn(usize) -> f32) -> Array2<f32> {
    let (rows, columns) = matrix.dim();
    Array2::from_shape_fn((rows, columns + 1), |(row, column)| {
        if column < columns { matrix[(row, column)] } else { arm(row) }
    })
}

impl Models {
    fn fit(arm: &Arm<'_>, training: &[usize]) -> Result<Models, Error> {
        let all = objective(arm.outcome);
        let side = |wanted: Option<bool>| -> Vec<usize> {
            training
                .iter()
                .copied()
                .filter(|row| wanted.is_none_or(|wanted| arm.treated[*row] == wanted))
                .collect()
        };
        let matrix = |rows: &[usize]| {
            let places: Vec<usize> = rows.iter().map(|row| arm.rows[*row]).collect();
            arm.features.matrix.select(Axis(0), &places)
        };
        let categorical = &arm.features.categorical;
        let learn = |objective, x: &Array2<f32>, y: &[f64], trees| {
            let bins = Bins::with_categories(x.view(), categorical);
            fitted(objective, &bins.sort(x.view()), &bins, y, trees)
        };
        let outcome = |rows: &[usize]| -> Vec<f64> { rows.iter().map(|row| arm.outcome[*row]).collect() };
        let (everyone, ones, others) = (side(None), side(Some(true)), side(Some(false)));
        let (x_ones, x_others) = (matrix(&ones), matrix(&others));
        let (y_ones, y_others) = (outcome(&ones), outcome(&others));
        let x_all = with_arm(&matrix(&everyone), |at| f32::from(u8::from(arm.treated[everyone[at]])));
        let together = learn(all, &x_all, &outcome(&everyone), INTERACTING)?;
        let treated = learn(all, &x_ones, &y_ones, STUMPS)?;
        let untouched = learn(all, &x_others, &y_others, STUMPS)?;
        let gained: Vec<f64> =
            y_ones.iter().zip(means(&untouched, &x_ones)).map(|(y, without)| y - without).collect();
        let foregone: Vec<f64> =
            y_others.iter().zip(means(&treated, &x_others)).map(|(y, with)| with - y).collect();
        Ok(Models {
            together,
            treated,
            untouched,
            effect_of_treated: learn(Objective::Squared, &x_ones, &gained, STUMPS)?,
            effect_of_untouched: learn(Objective::Squared, &x_others, &foregone, STUMPS)?,
            share_treated: ones.len() as f64 / everyone.len() as f64,
        })
    }

    /// What they say of rows, added to the sums at the rows' places, times a weight.
    fn add(&self, matrix: &Array2<f32>, places: &[usize], weight: f64, sums: &mut Predicted) {
        let with = means(&self.together, &with_arm(matrix, |_| 1.0));
        let without = means(&self.together, &with_arm(matrix, |_| 0.0));
        let (treated, untouched) = (means(&self.treated, matrix), means(&self.untouched, matrix));
        let of_treated = means(&self.effect_of_treated, matrix);
        let of_untouched = means(&self.effect_of_untouched, matrix);
        for (at, &place) in places.iter().enumerate() {
            let s = with[at] - without[at];
            let t = treated[at] - untouched[at];
            let x = self.share_treated * of_untouched[at] + (1.0 - self.share_treated) * of_treated[at];
            for (sum, uplift) in sums.uplift.iter_mut().zip([s, t, x]) {
                sum[place] += weight * uplift;
            }
            sums.contacted[place] += weight * treated[at];
            sums.untouched[place] += weight * untouched[at];
        }
    }
}

/// The learners fitted on all rows of an arm, to predict customers who are not in it.
///
/// # Errors
/// [`Error::Booster`].
pub fn learners(arm: &Arm<'_>, weights: [f64; 3]) -> Result<Learners, Error> {
    let everyone: Vec<usize> = (0..arm.rows.len()).collect();
    let models = Models::fit(arm, &everyone)?;
    let Models { together, treated, untouched, effect_of_treated, effect_of_untouched, share_treated } =
        models;
    Ok(Learners {
        together,
        treated,
        untouched,
        effect_of_treated,
        effect_of_untouched,
        share_treated,
        weights,
    })
}

/// Predictions of every row of the features: of those in the arm by models fitted without them, of the others by all.
///
/// # Errors
/// [`Error::Booster`].
pub fn out_of_fold(arm: &Arm<'_>, seed: u64) -> Result<Predicted, Error> {
    let count = arm.features.matrix.nrows();
    let mut inside = vec![None; count];
    arm.rows.iter().enumerate().for_each(|(at, row)| inside[*row] = Some(at));
    let jobs: Vec<(u64, usize)> =
        (0..REPEATS).flat_map(|repeat| (0..FOLDS).map(move |fold| (repeat, fold))).collect();
    let partitions: Vec<Vec<usize>> = (0..REPEATS).map(|repeat| folds(arm, seed ^ mix(repeat))).collect();
    let fitted: Vec<Models> = jobs
        .par_iter()
        .map(|&(repeat, fold)| {
            let folds = &partitions[repeat as usize];
            let training: Vec<usize> = (0..arm.rows.len()).filter(|row| folds[*row] != fold).collect();
            Models::fit(arm, &training)
        })
        .collect::<Result<_, _>>()?;
    let zeros = || vec![0.0; count];
    let mut sums =
        Predicted { uplift: std::array::from_fn(|_| zeros()), contacted: zeros(), untouched: zeros() };
    for (models, &(repeat, fold)) in fitted.iter().zip(&jobs) {
        let folds = &partitions[repeat as usize];
        let own: Vec<usize> =
            (0..count).filter(|row| inside[*row].is_some_and(|at| folds[at] == fold)).collect();
        let strangers: Vec<usize> = (0..count).filter(|row| inside[*row].is_none()).collect();
        for (places, weight) in [(own, 1.0 / REPEATS as f64), (strangers, 1.0 / jobs.len() as f64)] {
            if !places.is_empty() {
                models.add(&arm.features.matrix.select(Axis(0), &places), &places, weight, &mut sums);
            }
        }
    }
    Ok(sums)
}
