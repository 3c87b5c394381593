//! Histograms of gradients: integers, so that no sum depends on its order.

use rayon::prelude::*;

use super::bins::{BLOCK, Binned};

/// Gradient (upper half, signed) and hessian (lower half, unsigned) of one row, scaled to integers.
pub type Packed = i64;

/// Sums of one node: a block's features × 256 bins, for each block that the tree may use.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    blocks: Vec<Box<[[Packed; 256]; BLOCK]>>,
}

/// Gradients scaled to integers that cannot overflow when all of them are summed.
#[derive(Debug)]
pub struct Quantized {
    /// One a row.
    pub packed: Vec<Packed>,
    gradient_unit: f64,
    hessian_unit: f64,
}

impl Quantized {
    /// Scales gradients and hessians (≥ 0) of all rows.
    pub fn of(gradients: &[(f64, f64)]) -> Self {
        let bits = 31 - (usize::BITS - gradients.len().leading_zeros()).min(23);
        let steps = f64::from((1u32 << bits.min(16)) - 1);
        let (g, h) = gradients.iter().fold((0f64, 0f64), |(g, h), &(gi, hi)| (g.max(gi.abs()), h.max(hi)));
        let gradient_unit = if g > 0.0 { g / steps } else { 1.0 };
        let hessian_unit = if h > 0.0 { h / steps } else { 1.0 };
        let packed = gradients
            .iter()
            .map(|&(g, h)| {
                // Rounded half up: the library's rounding costs more than all the rest.
                let g = (g / gradient_unit + 0.5).floor() as i64;
                let h = (h / hessian_unit + 0.5) as i64;
                (g << 32) + h
            })
            .collect();
        Quantized { packed, gradient_unit, hessian_unit }
    }

    /// Gradient and hessian of a packed sum.
    pub fn unpack(&self, sum: Packed) -> (f64, f64) {
        // The hessian never reaches 2^31, so nothing is carried into the gradient.
        let h = sum & 0xffff_ffff;
        let g = (sum - h) >> 32;
        (g as f64 * self.gradient_unit, h as f64 * self.hessian_unit)
    }
}

impl Histogram {
    /// Sums the rows over the given blocks.
    pub fn of(data: &Binned, blocks: &[usize], rows: &[u32], packed: &[Packed]) -> Self {
        let sum = |&block: &usize| {
            let mut bins = Box::new([[0; 256]; BLOCK]);
            let bytes = data.block(block);
            for &row in rows {
                let gradient = packed[row as usize];
                let row = &bytes[row as usize];
                for (lane, bins) in bins.iter_mut().enumerate() {
                    bins[usize::from(row[lane])] += gradient;
                }
            }
            bins
        };
        let blocks = if rows.len() * blocks.len() > 20_000 {
            blocks.par_iter().map(sum).collect()
        } else {
            blocks.iter().map(sum).collect()
        };
        Histogram { blocks }
    }

    /// Takes a child's sums away, which leaves those of its sibling.
    pub fn subtract(&mut self, child: &Histogram) {
        for (own, child) in self.blocks.iter_mut().zip(&child.blocks) {
            for (own, child) in own.iter_mut().flatten().zip(child.iter().flatten()) {
                *own -= child;
            }
        }
    }

    /// The bins of the feature in a lane of the n-th block used.
    pub fn bins(&self, nth: usize, lane: usize) -> &[Packed; 256] {
        &self.blocks[nth][lane]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_come_back_within_half_a_unit_a_row() {
        let gradients: Vec<(f64, f64)> =
            (0..10_000).map(|i| (f64::from(i % 97) / 40.0 - 1.3, f64::from(i % 13) / 50.0)).collect();
        let quantized = Quantized::of(&gradients);
        let (g, h) = quantized.unpack(quantized.packed.iter().sum());
        let exact = gradients.iter().fold((0.0, 0.0), |sum, g| (sum.0 + g.0, sum.1 + g.1));
        assert!((g - exact.0).abs() < 10_000.0 * quantized.gradient_unit / 2.0);
        assert!((h - exact.1).abs() < 10_000.0 * quantized.hessian_unit / 2.0);
        assert!((h - exact.1).abs() / exact.1 < 1e-3);
    }
}
