//! Histograms of gradients: integers, so that no sum depends on its order.

use super::bins::BLOCK;

/// Gradients (upper half, signed) and hessians (lower half, unsigned) of one row or of many.
pub type Sum = i64;

/// Sums of a block's features by bin.
pub type Table = [[Sum; 256]; BLOCK];

/// An empty table.
pub const fn empty() -> Table {
    [[0; 256]; BLOCK]
}

/// Most rows of a fit: with more, the sums of their integers would be too coarse.
pub const MOST_ROWS: usize = 1 << 30;

/// The value of one integer step: of the gradient, and of the hessian.
///
/// The steps are as fine as 31 bits for the sum over *all* rows allow, so nothing overflows and a rare event's
/// small gradients are resolved as well as large ones: about 2,000 steps for a mean gradient at a million rows.
#[derive(Clone, Copy, Debug)]
pub struct Units {
    gradient: f64,
    hessian: f64,
}

impl Units {
    /// Units for so many rows with these sums of absolute gradients and of hessians.
    pub fn of(rows: usize, (gradients, hessians): (f64, f64)) -> Self {
        // Rounding adds at most half a step a row.
        let steps = f64::from(i32::MAX) - 1.0 - rows.min(MOST_ROWS) as f64;
        let unit = |sum: f64| if sum > 0.0 { sum / steps } else { 1.0 };
        Units { gradient: unit(gradients), hessian: unit(hessians) }
    }

    /// Scales a gradient and a hessian (≥ 0).
    #[inline]
    pub fn pack(&self, (g, h): (f32, f32)) -> Sum {
        // Adding 1.5 × 2^52 leaves the rounded number in the low bits: the library's rounding costs more.
        const SHIFT: f64 = 6_755_399_441_055_744.0;
        let round = |x: f64| (x + SHIFT).to_bits() as i32;
        (i64::from(round(f64::from(g) / self.gradient)) << 32) + i64::from(round(f64::from(h) / self.hessian))
    }

    /// Gradient and hessian of a packed sum.
    #[inline]
    pub fn unpack(&self, sum: Sum) -> (f64, f64) {
        // The hessian never reaches 2^31, so nothing is carried into the gradient.
        let (g, h) = ((sum >> 32) as i32, sum as i32);
        (f64::from(g) * self.gradient, f64::from(h) * self.hessian)
    }
}

/// Adds rows of a block to its table.
pub fn add(table: &mut Table, bytes: &[[u8; BLOCK]], rows: &[u32], sums: &[Sum]) {
    const AHEAD: usize = 32;
    // The rows of a leaf are scattered: fetching some of them first lets the processor wait for all at once.
    let mut fetched = [[0u8; BLOCK]; AHEAD];
    for (rows, sums) in rows.chunks(AHEAD).zip(sums.chunks(AHEAD)) {
        for (fetched, &row) in fetched.iter_mut().zip(rows) {
            *fetched = bytes[row as usize];
        }
        for (bins, sum) in fetched.iter().zip(sums) {
            for (lane, &bin) in bins.iter().enumerate() {
                table[lane][usize::from(bin)] += sum;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_come_back_within_half_a_unit_a_row() {
        let rows: Vec<(f32, f32)> =
            (0..10_000u16).map(|i| (f32::from(i % 97) / 40.0 - 1.3, f32::from(i % 13) / 50.0)).collect();
        let exact = rows.iter().fold((0.0, 0.0), |sum, r| (sum.0 + f64::from(r.0), sum.1 + f64::from(r.1)));
        let absolute = rows.iter().map(|r| f64::from(r.0.abs())).sum::<f64>();
        let units = Units::of(rows.len(), (absolute, exact.1));
        let sum = rows.iter().map(|&row| units.pack(row)).sum();
        let (g, h) = units.unpack(sum);
        assert!((g - exact.0).abs() < 10_000.0 * units.gradient / 2.0, "{g} {}", exact.0);
        assert!((h - exact.1).abs() < 10_000.0 * units.hessian / 2.0, "{h} {}", exact.1);
        assert!((h - exact.1).abs() / exact.1 < 1e-5);
    }

    #[test]
    fn the_extremes_do_not_overflow() {
        for rows in [1usize, 2, 1000] {
            let units = Units::of(rows, (3.0 * rows as f64, 2.0 * rows as f64));
            let sum = (0..rows).map(|_| units.pack((-3.0, 2.0))).sum();
            let (g, h) = units.unpack(sum);
            let n = rows as f64;
            assert!((g + 3.0 * n).abs() < 1e-5 * n && (h - 2.0 * n).abs() < 1e-5 * n, "{g} {h}");
        }
    }
}
