//! The best split of a node by one feature.

use super::bins::{MISSING, Scale};
use super::histogram::{Sum, Units};
use super::hyperparams::BoosterValidParams;

/// Which bins go left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cut {
    /// Known values up to this bin; the missing too, if so.
    UpTo { bin: u8, missing: bool },
    /// The bins whose bits are set; never the missing.
    Of([u64; 4]),
}

impl Cut {
    /// Whether a bin goes left.
    #[inline]
    pub fn takes(&self, bin: u8) -> bool {
        match self {
            Cut::UpTo { missing, .. } if bin == MISSING => *missing,
            Cut::UpTo { bin: last, .. } => bin <= *last,
            Cut::Of(set) => set[usize::from(bin >> 6)] >> (bin & 63) & 1 == 1,
        }
    }
}

/// A split and what it gains.
#[derive(Clone, Copy, Debug)]
pub struct Split {
    pub gain: f64,
    pub feature: usize,
    /// Block and lane of the feature.
    pub place: (usize, usize),
    pub cut: Cut,
    /// Sums of the rows that go left.
    pub left: Sum,
}

/// A node that looks for its split.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    /// Sums of all its rows.
    pub total: Sum,
    /// Its rows.
    pub rows: usize,
    /// Values that its leaves may take, by monotone constraints above it.
    pub bounds: (f64, f64),
}

/// What a split is sought with.
pub struct Search<'a> {
    pub params: &'a BoosterValidParams,
    pub units: &'a Units,
}

/// `-G / (H + λ)` within bounds.
pub fn value(g: f64, h: f64, l2: f64, bounds: (f64, f64)) -> f64 {
    (-g / (h + l2).max(1e-12)).clamp(bounds.0, bounds.1)
}

impl Search<'_> {
    /// The best split of a node by the feature with these sums, if any gains.
    pub fn best(
        &self,
        node: &Node,
        sums: &[Sum; 256],
        (feature, scale): (usize, &Scale),
        place: (usize, usize),
    ) -> Option<Split> {
        let gains = self.gains(node);
        let (gain, cut, left) = match scale {
            Scale::Ordered(edges) => {
                let sign = self.params.monotone.get(feature).copied().unwrap_or(0);
                self.ordered(node, &gains, sums, edges.len() + 1, sign)?
            }
            Scale::Categories(codes) => self.categories(node, &gains, sums, codes.len())?,
        };
        Some(Split { gain, feature, place, cut, left })
    }

    fn gains(&self, node: &Node) -> Gains {
        let l2 = self.params.l2;
        let (g, h) = self.units.unpack(node.total);
        // Rows are counted through the hessian, as the histogram holds no counts.
        let min_h = (self.params.min_leaf_rows * h / node.rows as f64)
            .max(self.params.min_leaf_hessian)
            .min(f64::MAX);
        let free = self.params.monotone.iter().all(|&sign| sign == 0);
        let base = if free {
            g * g / (h + l2).max(1e-12)
        } else {
            loss_taken_off(g, h + l2, value(g, h, l2, node.bounds))
        };
        Gains { total: (g, h), l2, min_h, base: base + 1e-9, free, bounds: node.bounds }
    }

    fn ordered(
        &self,
        node: &Node,
        gains: &Gains,
        sums: &[Sum; 256],
        bins: usize,
        sign: i8,
    ) -> Option<(f64, Cut, Sum)> {
        let missing = sums[usize::from(MISSING)];
        let some_missing = missing != 0;
        // The sums up to each bin; the last bin only parts the known from the missing.
        let cuts = if some_missing { bins } else { bins.saturating_sub(1) };
        let mut left = [0; 256];
        let mut known = 0;
        for (left, sum) in left[..cuts].iter_mut().zip(sums) {
            known += sum;
            *left = known;
        }
        let mut best: Option<(f64, usize, bool)> = None;
        let mut gained = [0.0; 256];
        for missing_left in [false, true] {
            let cuts = if missing_left { cuts - 1 } else { cuts };
            gains.fill(self.units, &left[..cuts], sign, &mut gained[..cuts]);
            for (bin, &gain) in gained[..cuts].iter().enumerate() {
                if gain > best.map_or(0.0, |best| best.0) {
                    best = Some((gain, bin, missing_left));
                }
            }
            if !some_missing {
                break;
            }
            if !missing_left {
                left[..cuts].iter_mut().for_each(|left| *left += missing);
            }
        }
        let (gain, bin, missing_left) = best?;
        let mut sum = left[bin];
        if some_missing && !missing_left {
            sum -= missing;
        }
        let cut = Cut::UpTo { bin: bin as u8, missing: missing_left };
        debug_assert!(node.rows > 1);
        Some((gain, cut, sum))
    }

    /// Categories in the order of their smoothed mean gradients, in which the best subset is a run from either
    /// end (Fisher 1958, "On Grouping for Maximum Homogeneity"); as in LightGBM, at most 32 of them go left.
    fn categories(
        &self,
        node: &Node,
        gains: &Gains,
        sums: &[Sum; 256],
        bins: usize,
    ) -> Option<(f64, Cut, Sum)> {
        const MOST_LEFT: usize = 32;
        let smooth = self.params.category_smoothing;
        let mut order: Vec<(f64, u8)> = (0..bins)
            .filter(|&bin| sums[bin] != 0)
            .map(|bin| {
                let (g, h) = self.units.unpack(sums[bin]);
                (g / (h + smooth), bin as u8)
            })
            .collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut best: Option<(f64, Cut, Sum)> = None;
        // Regularised by as much again, as the order was chosen after looking.
        let gains = &Gains { l2: gains.l2 + smooth, ..*gains };
        for from_end in [false, true] {
            let (mut left, mut set) = (0, [0u64; 4]);
            for at in 0..order.len().min(MOST_LEFT) {
                let (_, bin) = if from_end { order[order.len() - 1 - at] } else { order[at] };
                left += sums[usize::from(bin)];
                set[usize::from(bin >> 6)] |= 1 << (bin & 63);
                let mut gain = [0.0];
                gains.fill(self.units, &[left], 0, &mut gain);
                if gain[0] > best.map_or(0.0, |best| best.0) && left != node.total {
                    best = Some((gain[0], Cut::Of(set), left));
                }
            }
        }
        best
    }
}

/// What splits of one node gain.
#[derive(Clone, Copy)]
struct Gains {
    total: (f64, f64),
    l2: f64,
    min_h: f64,
    base: f64,
    /// No constraint binds.
    free: bool,
    bounds: (f64, f64),
}

/// What a leaf with this value takes off twice the loss.
fn loss_taken_off(g: f64, h: f64, value: f64) -> f64 {
    -(2.0 * g * value + h * value * value)
}

impl Gains {
    /// The gain of each split with these sums on the left; below 0 where it is not allowed.
    fn fill(&self, units: &Units, left: &[Sum], sign: i8, out: &mut [f64]) {
        if !self.free {
            return self.fill_bounded(units, left, sign, out);
        }
        for (out, &left) in out.iter_mut().zip(left) {
            let (gl, hl) = units.unpack(left);
            let (gr, hr) = (self.total.0 - gl, self.total.1 - hl);
            // Both halves over one denominator: a division costs more than all the rest. Empty halves are held off 0
            // by the smallest step that a sum can take.
            let (dl, dr) = ((hl + self.l2).max(1e-12), (hr + self.l2).max(1e-12));
            let gain = (gl * gl * dr + gr * gr * dl) / (dl * dr) - self.base;
            let allowed = (hl >= self.min_h) & (hr >= self.min_h);
            *out = if allowed { gain } else { -1.0 };
        }
    }

    fn fill_bounded(&self, units: &Units, left: &[Sum], sign: i8, out: &mut [f64]) {
        for (out, &left) in out.iter_mut().zip(left) {
            let (gl, hl) = units.unpack(left);
            let (gr, hr) = (self.total.0 - gl, self.total.1 - hl);
            let (l, r) = (value(gl, hl, self.l2, self.bounds), value(gr, hr, self.l2, self.bounds));
            let ordered = f64::from(sign) * (r - l) >= 0.0;
            *out = if ordered && hl >= self.min_h && hr >= self.min_h {
                loss_taken_off(gl, hl + self.l2, l) + loss_taken_off(gr, hr + self.l2, r) - self.base
            } else {
                -1.0
            };
        }
    }
}
