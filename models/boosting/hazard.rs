//! When, not only whether: a hazard for each of K intervals from trees whose leaves hold K log-odds.
//!
//! Discrete-time survival by logistic regression on the intervals in which a row is at risk (Singer & Willett
//! 1993, "It's About Time"), boosted. One structure serves all intervals: a split gains Σₖ Gₖ² / (Hₖ + λ).

use linfa::ParamGuard;
use linfa::dataset::{AsTargets, DatasetBase, Records};
use linfa::traits::{Fit, PredictInplace};
use ndarray::{Array2, ArrayBase, Data, Ix1, Ix2};
use rayon::prelude::*;

use super::fitting::{Sampler, check, move_margins};
use super::histogram::Units;
use super::objective::exp;
use super::{Bins, BoosterParams, Error, Objective, Tree, logit, sigmoid, split};

/// Rows that are worked on together; sums over chunks are added in order, so threads change nothing.
const CHUNK: usize = 16_384;
/// Most intervals: a table of sums of so many is 256 KiB.
const MOST: usize = 16;

/// What is known of a row: how many intervals it was watched for, and in which the event came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spell {
    /// Interval of the event, from 0; it lies within those observed. `None`: not until the end of them.
    pub event: Option<usize>,
    /// Intervals observed, 0 to K.
    pub observed: usize,
}

impl Spell {
    /// Intervals at whose start the row was watched and the event had not come.
    fn at_risk(&self) -> usize {
        self.event.map_or(self.observed, |event| event + 1)
    }
}

/// Checked hyperparameters of a [`HazardBooster`].
#[derive(Clone, Debug, PartialEq)]
pub struct HazardValidParams<const K: usize>(BoosterParams);

/// Unchecked hyperparameters of a booster of K hazards, 1 to 16.
#[derive(Clone, Debug, PartialEq)]
pub struct HazardParams<const K: usize>(HazardValidParams<K>);

impl<const K: usize> HazardParams<K> {
    /// Trees as of a logistic booster with these hyperparameters; monotone constraints cannot be had.
    #[must_use]
    pub fn new(trees: BoosterParams) -> Self {
        HazardParams(HazardValidParams(trees))
    }
}

impl<const K: usize> ParamGuard for HazardParams<K> {
    type Checked = HazardValidParams<K>;
    type Error = Error;

    fn check_ref(&self) -> Result<&Self::Checked, Error> {
        let trees = self.0.0.check_ref()?;
        if trees.objective != Objective::Logistic {
            let name = trees.objective.name();
            let words =
                format!("objective {name} for hazards; give hyperparameters of the logistic objective");
            return Err(Error::Linfa(linfa::Error::Parameters(words)));
        }
        let sign = trees.monotone.iter().copied().find(|&sign| sign != 0);
        let checks = [
            ((1..=MOST).contains(&K), "hazard intervals", K as f64, "1 to 16"),
            (sign.is_none(), "monotone", sign.map_or(0.0, f64::from), "0 everywhere for hazards"),
        ];
        match checks.into_iter().find(|check| !check.0) {
            Some((_, name, value, must)) => Err(Error::Hyperparameter { name, value, must }),
            None => Ok(&self.0),
        }
    }

    fn check(self) -> Result<Self::Checked, Error> {
        self.check_ref()?;
        Ok(self.0)
    }
}

/// A tree and for each node, if it is a leaf, what it adds to the log-odds of each interval.
#[derive(Clone, Debug, PartialEq)]
struct Shared<const K: usize> {
    tree: Tree,
    values: Vec<[f64; K]>,
}

/// A fitted booster of K hazards: `log-odds[k] = intercept[k] + Σ trees[k]`.
#[derive(Clone, Debug, PartialEq)]
pub struct HazardBooster<const K: usize> {
    features: usize,
    intercepts: [f64; K],
    trees: Vec<Shared<K>>,
}

impl<const K: usize> HazardBooster<K> {
    /// Number of features of a row.
    #[must_use]
    pub fn features(&self) -> usize {
        self.features
    }

    /// The log-odds of each interval's hazard for a row of features (length [`HazardBooster::features`]); NaN
    /// where the row is too short.
    #[must_use]
    pub fn log_odds(&self, row: &[f32]) -> [f64; K] {
        if row.len() < self.features {
            return [f64::NAN; K];
        }
        let mut sum = self.intercepts;
        for Shared { tree, values } in &self.trees {
            let mut at = 0;
            while !tree.nodes[at].is_leaf() {
                at = usize::from(tree.nodes[at].next(row));
            }
            sum.iter_mut().zip(&values[at]).for_each(|(sum, value)| *sum += value);
        }
        sum
    }

    /// The chance of the event in each interval for a row to which it has not come before.
    #[must_use]
    pub fn hazards(&self, row: &[f32]) -> [f64; K] {
        self.log_odds(row).map(sigmoid)
    }

    /// The chance that the event has come by the end of each interval: 1 − Π (1 − hazard). It never falls.
    #[must_use]
    pub fn curve(&self, row: &[f32]) -> [f64; K] {
        let mut without = 1.0;
        self.hazards(row).map(|hazard| {
            without *= 1.0 - hazard;
            1.0 - without
        })
    }
}

impl<D: Data<Elem = f32>, T: AsTargets<Elem = Spell, Ix = Ix1>, const K: usize>
    Fit<ArrayBase<D, Ix2>, T, Error> for HazardValidParams<K>
{
    type Object = HazardBooster<K>;

    /// Fits a booster of hazards; weights of the dataset count. [`Error`] for no rows, columns of different
    /// lengths, negative weights, spells that cannot be, or an interval in which no row is at risk.
    fn fit(&self, dataset: &DatasetBase<ArrayBase<D, Ix2>, T>) -> Result<HazardBooster<K>, Error> {
        let params = self.0.check_ref()?;
        let x = dataset.records().view();
        let (rows, features) = (x.nsamples(), x.nfeatures());
        let spells: Vec<Spell> = dataset.as_targets().iter().copied().collect();
        let weights: Option<Vec<f64>> = dataset.weights().map(|w| w.iter().map(|&w| f64::from(w)).collect());
        let weights = weights.as_deref();
        check(rows, features, &[("weights", weights)])?;
        if spells.len() != rows {
            return Err(Error::Length { what: "targets", found: spells.len(), rows });
        }
        let wrong = |s: &Spell| s.observed > K || s.event.is_some_and(|event| event >= s.observed);
        if let Some(row) = spells.iter().position(wrong) {
            let value = spells[row].event.unwrap_or(spells[row].observed) as f64;
            let takes = "at most as many intervals as it has, and an event within those observed";
            return Err(Error::Target { row, value, objective: "hazard", takes });
        }
        let intercepts = intercepts::<K>(&spells, weights)?;
        let bins = Bins::of(x);
        let data = bins.sort(x);
        let mut margins = vec![intercepts; rows];
        let mut raw = vec![[(0.0, 0.0); K]; rows];
        let mut sampler = Sampler::new(params, &data);
        let mut trees = Vec::with_capacity(params.trees.min(4096));
        for round in 0..params.trees as u64 {
            let sums = gradients(&spells, weights, &margins, &mut raw);
            sampler.pick(round, &Units::of(rows, &sums), &raw);
            let (grown, leaves) = sampler.grow(&bins);
            let mut values = vec![[0.0; K]; grown.tree.nodes.len()];
            for leaf in &leaves {
                values[leaf.node] = std::array::from_fn(|k| {
                    let (g, h) = sampler.units.unpack(&leaf.sum, k);
                    split::value(g, h, params.l2, leaf.bounds) * params.learning_rate
                });
            }
            let moved: Vec<([f64; K], &[u32])> = leaves
                .iter()
                .map(|leaf| (values[leaf.node], &sampler.field.rows[leaf.start..leaf.end]))
                .collect();
            move_margins(&mut margins, &moved, |row| {
                sampler.is_out(row).then(|| values[grown.reach(&data, row)])
            });
            trees.push(Shared { tree: grown.tree, values });
        }
        Ok(HazardBooster { features, intercepts, trees })
    }
}

/// The log-odds of each interval's share of events among the rows at risk.
fn intercepts<const K: usize>(spells: &[Spell], weights: Option<&[f64]>) -> Result<[f64; K], Error> {
    let (mut events, mut at_risk) = ([0.0; K], [0.0; K]);
    for (row, spell) in spells.iter().enumerate() {
        let weight = weights.map_or(1.0, |weights| weights[row]);
        at_risk[..spell.at_risk()].iter_mut().for_each(|sum| *sum += weight);
        if let Some(event) = spell.event {
            events[event] += weight;
        }
    }
    if at_risk.iter().any(|&sum| sum <= 0.0) {
        let must = "at most those in which some row is at risk";
        return Err(Error::Hyperparameter { name: "hazard intervals", value: K as f64, must });
    }
    Ok(std::array::from_fn(|k| logit(events[k] / at_risk[k])))
}

/// Writes the gradients of all rows, 0 where a row is not at risk, and returns the sums of their absolute
/// gradients and hessians.
fn gradients<const K: usize>(
    spells: &[Spell],
    weights: Option<&[f64]>,
    margins: &[[f64; K]],
    raw: &mut [[(f32, f32); K]],
) -> [(f64, f64); K] {
    let of_chunk = |(chunk, raw): (usize, &mut [[(f32, f32); K]])| {
        let mut sums = [(0.0, 0.0); K];
        for (row, raw) in (chunk * CHUNK..).zip(raw) {
            let (spell, weight) = (&spells[row], weights.map_or(1.0, |weights| weights[row]));
            *raw = [(0.0, 0.0); K];
            for k in 0..spell.at_risk() {
                let p = 1.0 / (1.0 + exp(-margins[row][k]));
                let y = if spell.event == Some(k) { 1.0 } else { 0.0 };
                raw[k] = (((p - y) * weight) as f32, ((p * (1.0 - p)).max(1e-6) * weight) as f32);
                sums[k].0 += f64::from(raw[k].0.abs());
                sums[k].1 += f64::from(raw[k].1);
            }
        }
        sums
    };
    let parts: Vec<_> = raw.par_chunks_mut(CHUNK).enumerate().map(of_chunk).collect();
    parts.iter().fold([(0.0, 0.0); K], |sum, part| {
        std::array::from_fn(|k| (sum[k].0 + part[k].0, sum[k].1 + part[k].1))
    })
}

impl<D: Data<Elem = f32>, const K: usize> PredictInplace<ArrayBase<D, Ix2>, Array2<f64>>
    for HazardBooster<K>
{
    /// Writes the curve of each row (rows × K).
    fn predict_inplace(&self, x: &ArrayBase<D, Ix2>, y: &mut Array2<f64>) {
        for (row, mut out) in x.outer_iter().zip(y.outer_iter_mut()) {
            let curve = self.curve(&row.to_vec());
            out.iter_mut().zip(curve).for_each(|(out, chance)| *out = chance);
        }
    }

    fn default_target(&self, x: &ArrayBase<D, Ix2>) -> Array2<f64> {
        Array2::zeros((x.nrows(), K))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Booster;
    use super::*;
    use crate::sampling::mix;
    use linfa::Dataset;
    use linfa::traits::Predict;
    use ndarray::Array1;

    const HAZARDS: [[f64; 3]; 2] = [[0.1, 0.3, 0.2], [0.4, 0.2, 0.5]];

    fn unit(i: usize, j: u64) -> f64 {
        mix(mix(i as u64) ^ j) as f64 / u64::MAX as f64
    }

    /// Two groups, told apart by whether feature 0 is above a half; feature 1 is noise and often missing. A
    /// third of the rows is watched for each of one, two and three intervals.
    fn sample(rows: usize) -> (Array2<f32>, Array1<Spell>) {
        let x = Array2::from_shape_fn((rows, 2), |(i, j)| {
            if j == 1 && unit(i, 2) < 0.4 { f32::NAN } else { unit(i, j as u64) as f32 }
        });
        let spells = Array1::from_shape_fn(rows, |i| {
            let hazards = HAZARDS[usize::from(x[(i, 0)] > 0.5)];
            let observed = 1 + (unit(i, 3) * 2.999) as usize;
            Spell { event: (0..observed).find(|&k| unit(i, 10 + k as u64) < hazards[k]), observed }
        });
        (x, spells)
    }

    fn trees() -> BoosterParams {
        Booster::params(Objective::Logistic).feature_share(1.0)
    }

    fn hazard<const K: usize>(
        params: BoosterParams,
        x: Array2<f32>,
        spells: Array1<Spell>,
    ) -> Result<HazardBooster<K>, Error> {
        HazardParams::new(params).check()?.fit(&Dataset::new(x, spells))
    }

    #[test]
    fn finds_the_hazards_of_two_groups() {
        let (x, spells) = sample(60_000);
        let booster = hazard::<3>(trees().leaves(2), x, spells).unwrap();
        for (group, known) in HAZARDS.iter().enumerate() {
            let found = booster.hazards(&[0.25 + 0.5 * group as f32, f32::NAN]);
            let curve = booster.curve(&[0.25 + 0.5 * group as f32, f32::NAN]);
            for (found, known) in found.iter().zip(known) {
                assert!((found - known).abs() < 0.02, "{group}: {found} {known}");
            }
            let without: f64 = found.iter().map(|hazard| 1.0 - hazard).product();
            assert!((curve[2] - (1.0 - without)).abs() < 1e-12);
        }
    }

    #[test]
    fn of_one_interval_it_is_the_logistic_booster() {
        let (x, spells) = sample(20_000);
        let spells = spells.mapv(|s| Spell { event: s.event.filter(|&k| k == 0), observed: 1 });
        let y = spells.mapv(|s| if s.event.is_some() { 1.0 } else { 0.0 });
        let weights = Array1::from_shape_fn(20_000, |i| (i % 3) as f32);
        for weighted in [false, true] {
            let (mut ours, mut plain) =
                (Dataset::new(x.clone(), spells.clone()), Dataset::new(x.clone(), y.clone()));
            if weighted {
                (ours, plain) = (ours.with_weights(weights.clone()), plain.with_weights(weights.clone()));
            }
            let ours = HazardParams::<1>::new(trees()).check().unwrap().fit(&ours).unwrap();
            let plain = trees().check().unwrap().fit(&plain).unwrap();
            for row in x.outer_iter().take(500) {
                let (ours, plain) = (ours.log_odds(&row.to_vec())[0], plain.margin(&row.to_vec()));
                assert!((ours - plain).abs() < 1e-12, "{ours} {plain}");
            }
        }
    }

    #[test]
    fn the_curve_never_falls() {
        let (x, spells) = sample(5_000);
        let booster = hazard::<3>(trees().learning_rate(1.0).l2(0.0).min_leaf_rows(1.0), x, spells).unwrap();
        let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, 0.0];
        let rows = Array2::from_shape_fn((1000, 2), |(i, j)| {
            if i < 25 { odd[[i / 5, i % 5][j]] } else { unit(i, 40 + j as u64) as f32 * 2.0 - 0.5 }
        });
        let curves = booster.predict(&rows);
        assert_eq!(curves.dim(), (1000, 3));
        let mut several = false;
        for (curve, row) in curves.outer_iter().zip(rows.outer_iter()) {
            assert!(curve[0] >= 0.0 && curve[0] <= curve[1] && curve[1] <= curve[2] && curve[2] <= 1.0);
            assert_eq!(curve.to_vec(), booster.curve(&row.to_vec()));
            several |= curve[0] != curves[(0, 0)];
        }
        assert!(several);
    }

    #[test]
    fn threads_change_nothing() {
        let (x, spells) = sample(40_000);
        let fit_on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| hazard::<3>(trees().trees(20), x.clone(), spells.clone()).unwrap())
        };
        assert_eq!(fit_on(1), fit_on(3));
    }

    #[test]
    fn rows_count_only_while_they_are_watched() {
        // Of 100 rows 20 have the event at once, 30 are not watched on, 10 of the other 50 have it next; 60 more
        // were never watched.
        let spell = |i: usize| match i {
            0..20 => Spell { event: Some(0), observed: 2 },
            20..50 => Spell { event: None, observed: 1 },
            50..60 => Spell { event: Some(1), observed: 2 },
            60..100 => Spell { event: None, observed: 2 },
            _ => Spell { event: None, observed: 0 },
        };
        let booster =
            hazard::<2>(trees(), Array2::zeros((160, 1)), Array1::from_shape_fn(160, spell)).unwrap();
        let before = booster.intercepts.map(sigmoid);
        assert!(before.iter().all(|hazard| (hazard - 0.2).abs() < 1e-12), "{before:?}");
        // With every row in every tree the leaves add nothing to what already fits.
        let whole = trees().row_share(1.0);
        let booster = hazard::<2>(whole, Array2::zeros((160, 1)), Array1::from_shape_fn(160, spell)).unwrap();
        let after = booster.hazards(&[0.0]);
        assert!(after.iter().all(|hazard| (hazard - 0.2).abs() < 1e-6), "{after:?}");
        let spells: Vec<Spell> = (0..160).map(spell).collect();
        let mut raw = vec![[(1.0, 1.0); 2]; 160];
        gradients(&spells, None, &[[0.0; 2]; 160], &mut raw);
        assert_eq!([raw[0], raw[20]], [[(-0.5, 0.25), (0.0, 0.0)], [(0.5, 0.25), (0.0, 0.0)]]);
        assert_eq!([raw[50], raw[159]], [[(0.5, 0.25), (-0.5, 0.25)], [(0.0, 0.0); 2]]);
    }

    #[test]
    fn what_cannot_be_fitted_is_refused() {
        let (x, spells) = sample(200);
        let with = |spell: Spell| {
            let mut spells = spells.clone();
            spells[7] = spell;
            hazard::<3>(trees(), x.clone(), spells)
        };
        for (event, observed) in
            [(None, 4), (Some(2), 2), (Some(0), 0), (Some(usize::MAX), 3), (None, usize::MAX)]
        {
            assert!(matches!(with(Spell { event, observed }), Err(Error::Target { row: 7, .. })));
        }
        assert!(with(Spell { event: None, observed: 0 }).is_ok());
        let got = hazard::<3>(trees(), Array2::zeros((0, 2)), Array1::from_vec(Vec::new()));
        assert!(matches!(got, Err(Error::Empty { .. })));
        // Nobody was at risk in the fourth interval.
        assert!(matches!(hazard::<4>(trees(), x.clone(), spells.clone()), Err(Error::Hyperparameter { .. })));
        assert!(HazardParams::<0>::new(trees()).check().is_err());
        assert!(HazardParams::<17>::new(trees()).check().is_err());
        assert!(HazardParams::<3>::new(trees().leaves(1)).check().is_err());
        assert!(HazardParams::<3>::new(trees().monotone(vec![0, 1])).check().is_err());
        let other = HazardParams::<3>::new(Booster::params(Objective::Poisson)).check();
        assert!(other.unwrap_err().to_string().contains("objective poisson"));
        let weighted = Dataset::new(x.clone(), spells.clone()).with_weights(Array1::from_elem(200, -1.0));
        let params = HazardParams::<3>::new(trees()).check().unwrap();
        assert!(matches!(params.fit(&weighted), Err(Error::Value { .. })));
        let booster = hazard::<3>(trees(), x, spells).unwrap();
        assert!(booster.curve(&[0.0]).iter().all(|chance| chance.is_nan()));
    }

    #[test]
    fn the_most_intervals_fit_on_a_worker_s_stack() {
        let (x, _) = sample(2_000);
        let spells = Array1::from_shape_fn(2_000, |i| Spell {
            event: (0..MOST).find(|&k| unit(i, 60 + k as u64) < 0.05),
            observed: MOST,
        });
        let booster = hazard::<MOST>(trees().trees(5), x, spells).unwrap();
        assert!(booster.curve(&[0.3, 0.3])[MOST - 1] < 1.0);
    }
}
