//! Fitting: rounds of gradients, a tree, and the margins that it moves.

use rayon::prelude::*;

use super::bins::{Binned, Bins};
use super::grow::{Context, Grown, Leaf, Workspace, grow};
use super::histogram::{MOST_ROWS, Units};
use super::hyperparams::BoosterValidParams;
use super::loss::quantile;
use super::{Error, split};
use crate::boosting::{Booster, Objective};
use crate::sampling::{Picker, mix};

/// Rows that are worked on together; sums over chunks are added in order, so threads change nothing.
const CHUNK: usize = 16_384;

/// What a booster learns from; columns have one value a row.
#[derive(Clone, Copy, Debug)]
pub struct Training<'a> {
    /// The binned matrix.
    pub data: &'a Binned,
    /// Its bins.
    pub bins: &'a Bins,
    /// Targets.
    pub targets: &'a [f64],
    /// Margins that each row starts from; `None` for zero.
    pub offsets: Option<&'a [f64]>,
    /// Weights, 0 or more; `None` for one.
    pub weights: Option<&'a [f64]>,
}

/// Rows that are held back to tell when to stop; columns have one value a row.
#[derive(Clone, Copy, Debug)]
pub struct Validation<'a> {
    /// The matrix, sorted into the same bins.
    pub data: &'a Binned,
    /// Targets.
    pub targets: &'a [f64],
    /// Margins that each row starts from; `None` for zero.
    pub offsets: Option<&'a [f64]>,
    /// Weights, 0 or more; `None` for one.
    pub weights: Option<&'a [f64]>,
    /// Rounds without a better loss after which the fit stops, 1 or more.
    pub patience: usize,
}

/// A booster and how its fit went.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    /// The booster, cut back to its best round.
    pub booster: Booster,
    /// The margin of each training row after the last round, its offset left out.
    pub margins: Vec<f64>,
    /// Mean loss of the validation rows after each round; empty without validation.
    pub losses: Vec<f64>,
    /// Trees of the best round.
    pub best_round: usize,
}

/// Checks the columns of a matrix.
fn check(rows: usize, features: usize, columns: &[(&'static str, Option<&[f64]>)]) -> Result<(), Error> {
    if rows == 0 || features == 0 {
        return Err(Error::Empty { rows, features });
    }
    if rows > MOST_ROWS || features > usize::from(u16::MAX) {
        return Err(Error::TooLarge { rows, features });
    }
    for &(what, values) in columns {
        let Some(values) = values else { continue };
        if values.len() != rows {
            return Err(Error::Length { what, found: values.len(), rows });
        }
        if let Some(row) = values.iter().position(|v| !v.is_finite() || what == "weights" && *v < 0.0) {
            return Err(Error::Value { what, row, value: values[row] });
        }
    }
    Ok(())
}

impl BoosterValidParams {
    /// Fits a booster to a binned matrix; also gives the margin of each row, its offset left out.
    ///
    /// # Errors
    /// [`Error`] for no rows, columns of different lengths, values that are not finite, negative weights, or a
    /// target that the objective cannot take.
    pub fn fit_binned(&self, training: &Training<'_>) -> Result<(Booster, Vec<f64>), Error> {
        let fitted = self.fit_validated(training, None)?;
        Ok((fitted.booster, fitted.margins))
    }

    /// As [`BoosterValidParams::fit_binned`]; with validation rows the fit stops when their mean loss has not
    /// fallen for a while, and keeps the trees up to the best round.
    ///
    /// # Errors
    /// As [`BoosterValidParams::fit_binned`], for either set of rows.
    pub fn fit_validated(
        &self,
        training: &Training<'_>,
        validation: Option<&Validation<'_>>,
    ) -> Result<Fitted, Error> {
        let (rows, features) = (training.data.rows(), training.bins.features());
        let (y, offsets, weights) = (training.targets, training.offsets, training.weights);
        check(rows, features, &[("targets", Some(y)), ("offsets", offsets), ("weights", weights)])?;
        self.accept(y)?;
        if let Some(v) = validation {
            let columns = [("targets", Some(v.targets)), ("offsets", v.offsets), ("weights", v.weights)];
            check(v.data.rows(), features, &columns)?;
            self.accept(v.targets)?;
        }
        if let Some(&feature) =
            training.bins.categorical().iter().find(|&&j| self.monotone.get(j).is_some_and(|&s| s != 0))
        {
            return Err(Error::Constrained { feature });
        }
        let intercept = self.objective.intercept(y, offsets, weights);
        let mut margins: Vec<f64> = match offsets {
            Some(offsets) => offsets.iter().map(|offset| offset + intercept).collect(),
            None => vec![intercept; rows],
        };
        let mut watch = validation.map(|v| Watch::of(v, self.objective, intercept));
        let mut trees = Vec::with_capacity(self.trees.min(4096));
        let mut sampler = Sampler::new(self, training.data);
        let mut raw = vec![(0.0, 0.0); rows];
        for round in 0..self.trees as u64 {
            let sums = self.gradients(training, &margins, &mut raw);
            sampler.pick(round, &Units::of(rows, sums), &raw);
            let (mut grown, leaves) = sampler.grow(training.bins);
            for leaf in &leaves {
                grown.tree.nodes[leaf.node].value = self.leaf_value(leaf, &sampler, y, weights, &margins);
            }
            let values: Vec<(f64, &[u32])> = leaves
                .iter()
                .map(|leaf| {
                    (grown.tree.nodes[leaf.node].value, &sampler.workspace.rows[leaf.start..leaf.end])
                })
                .collect();
            move_margins(&mut margins, &values, |row| {
                sampler.is_out(row).then(|| grown.tree.nodes[grown.reach(training.data, row)].value)
            });
            let stop = watch.as_mut().is_some_and(|watch| watch.follow(&grown));
            trees.push(grown.tree);
            if stop {
                break;
            }
        }
        if let Some(offsets) = offsets {
            margins.iter_mut().zip(offsets).for_each(|(margin, offset)| *margin -= offset);
        }
        let best_round = watch.as_ref().map_or(trees.len(), |watch| watch.best + 1);
        trees.truncate(best_round);
        let losses = watch.map(|watch| watch.losses).unwrap_or_default();
        let booster = Booster::new(self.objective, features, intercept, trees);
        Ok(Fitted { booster, margins, losses, best_round })
    }

    fn accept(&self, y: &[f64]) -> Result<(), Error> {
        match y.iter().position(|&y| !self.objective.accepts(y)) {
            Some(row) => {
                let (objective, takes) = (self.objective.name(), self.objective.takes());
                Err(Error::Target { row, value: y[row], objective, takes })
            }
            None => Ok(()),
        }
    }

    /// Writes the gradients of all rows and returns the sums of their absolute gradients and hessians.
    fn gradients(&self, training: &Training<'_>, margins: &[f64], raw: &mut [(f32, f32)]) -> (f64, f64) {
        let sums: Vec<(f64, f64)> = raw
            .par_chunks_mut(CHUNK)
            .enumerate()
            .map(|(chunk, raw)| {
                let start = chunk * CHUNK;
                let range = start..start + raw.len();
                let (y, margins) = (&training.targets[range.clone()], &margins[range.clone()]);
                self.objective.gradients(y, margins, raw);
                if let Some(weights) = training.weights {
                    for ((g, h), &w) in raw.iter_mut().zip(&weights[range]) {
                        (*g, *h) = ((f64::from(*g) * w) as f32, (f64::from(*h) * w) as f32);
                    }
                }
                raw.iter().fold((0.0, 0.0), |sum, (g, h)| (sum.0 + f64::from(g.abs()), sum.1 + f64::from(*h)))
            })
            .collect();
        sums.iter().fold((0.0, 0.0), |sum, part| (sum.0 + part.0, sum.1 + part.1))
    }

    fn leaf_value(
        &self,
        leaf: &Leaf,
        sampler: &Sampler<'_>,
        y: &[f64],
        weights: Option<&[f64]>,
        margins: &[f64],
    ) -> f64 {
        let value = if let Objective::Quantile(q) = self.objective {
            let rows = &sampler.workspace.rows[leaf.start..leaf.end];
            let residuals = rows
                .iter()
                .map(|&row| row as usize)
                .map(|row| (y[row] - margins[row], weights.map_or(1.0, |weights| weights[row])))
                .collect();
            quantile(residuals, q).clamp(leaf.bounds.0, leaf.bounds.1)
        } else {
            let (g, h) = sampler.units.unpack(leaf.sum);
            split::value(g, h, self.l2, leaf.bounds)
        };
        value * self.learning_rate
    }
}

/// Adds its leaf's value to each row's margin: `leaves` hold the value and the rows of each leaf, ascending,
/// `other` the value for rows in none of them.
fn move_margins(margins: &mut [f64], leaves: &[(f64, &[u32])], other: impl Fn(usize) -> Option<f64> + Sync) {
    margins.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, margins)| {
        let (start, end) = (chunk * CHUNK, chunk * CHUNK + margins.len());
        let mut seen = 0;
        for (value, rows) in leaves {
            let from = rows.partition_point(|&row| (row as usize) < start);
            let to = from + rows[from..].partition_point(|&row| (row as usize) < end);
            for &row in &rows[from..to] {
                margins[row as usize - start] += value;
            }
            seen += to - from;
        }
        if seen < margins.len() {
            for (at, margin) in margins.iter_mut().enumerate() {
                if let Some(value) = other(start + at) {
                    *margin += value;
                }
            }
        }
    });
}

/// Draws each tree's rows and features and grows it.
struct Sampler<'a> {
    params: &'a BoosterValidParams,
    data: &'a Binned,
    pub workspace: Workspace,
    pub units: Units,
    blocks: Vec<usize>,
    seed: u64,
    bar: u64,
}

impl<'a> Sampler<'a> {
    pub fn new(params: &'a BoosterValidParams, data: &'a Binned) -> Self {
        let bar = (params.row_share * u64::MAX as f64) as u64;
        let units = Units::of(1, (0.0, 0.0));
        Sampler { params, data, workspace: Workspace::default(), units, blocks: Vec::new(), seed: 0, bar }
    }

    /// Picks the rows of a round.
    pub fn pick(&mut self, round: u64, units: &Units, raw: &[(f32, f32)]) {
        self.units = *units;
        self.seed = mix(self.params.seed ^ mix(round));
        self.blocks = Picker::new(self.seed ^ 1).choose(self.data.blocks().max(1), self.params.feature_share);
        let Workspace { rows, sums, .. } = &mut self.workspace;
        if self.bar == u64::MAX {
            rows.resize(raw.len(), 0);
            sums.resize(raw.len(), 0);
            let chunks =
                rows.par_chunks_mut(CHUNK).zip(sums.par_chunks_mut(CHUNK)).zip(raw.par_chunks(CHUNK));
            chunks.enumerate().for_each(|(chunk, ((rows, sums), raw))| {
                for (at, ((row, sum), &raw)) in rows.iter_mut().zip(sums).zip(raw).enumerate() {
                    *row = (chunk * CHUNK + at) as u32;
                    *sum = units.pack(raw);
                }
            });
            return;
        }
        rows.clear();
        sums.clear();
        for (row, &raw) in (0..).zip(raw) {
            if mix(self.seed ^ u64::from(row)) <= self.bar {
                rows.push(row);
                sums.push(units.pack(raw));
            }
        }
    }

    /// Whether a row was not picked.
    pub fn is_out(&self, row: usize) -> bool {
        mix(self.seed ^ row as u64) > self.bar
    }

    /// Grows a tree over the rows picked.
    pub fn grow(&mut self, bins: &Bins) -> (Grown, Vec<Leaf>) {
        let context =
            Context { data: self.data, bins, params: self.params, units: &self.units, blocks: &self.blocks };
        let mut grown = grow(&context, &mut self.workspace);
        let leaves = std::mem::take(&mut grown.leaves);
        (grown, leaves)
    }
}

/// Follows the loss of the validation rows.
struct Watch<'a> {
    rows: &'a Validation<'a>,
    objective: Objective,
    margins: Vec<f64>,
    losses: Vec<f64>,
    best: usize,
}

impl<'a> Watch<'a> {
    fn of(rows: &'a Validation<'a>, objective: Objective, intercept: f64) -> Self {
        let mut margins = vec![intercept; rows.data.rows()];
        if let Some(offsets) = rows.offsets {
            margins.iter_mut().zip(offsets).for_each(|(margin, offset)| *margin += offset);
        }
        Watch { rows, objective, margins, losses: Vec::new(), best: 0 }
    }

    /// Takes in a tree; whether it is time to stop.
    fn follow(&mut self, grown: &Grown) -> bool {
        let v = self.rows;
        let parts: Vec<(f64, f64)> = self
            .margins
            .par_chunks_mut(CHUNK)
            .enumerate()
            .map(|(chunk, margins)| {
                let (mut loss, mut weight) = (0.0, 0.0);
                for (at, margin) in margins.iter_mut().enumerate() {
                    let row = chunk * CHUNK + at;
                    *margin += grown.tree.nodes[grown.reach(v.data, row)].value;
                    let w = v.weights.map_or(1.0, |weights| weights[row]);
                    loss += w * self.objective.loss(v.targets[row], *margin);
                    weight += w;
                }
                (loss, weight)
            })
            .collect();
        let sum = parts.iter().fold((0.0, 0.0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
        let round = self.losses.len();
        self.losses.push(sum.0 / f64::max(sum.1, 1e-300));
        if self.losses[round] < self.losses[self.best] {
            self.best = round;
        }
        round - self.best >= v.patience.max(1)
    }
}
