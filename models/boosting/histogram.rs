//! Histograms of gradients: integers, so that no sum depends on its order.

use super::bins::BLOCK;

/// Gradients (upper halves, signed) and hessians (lower halves, unsigned) of one row or of many, one pair for
/// each of the K values that a leaf holds.
pub type Sum<const K: usize> = [i64; K];

/// Sums of a block's features by bin.
pub type Table<const K: usize> = [[Sum<K>; 256]; BLOCK];

/// An empty table.
pub const fn empty<const K: usize>() -> Table<K> {
    [[[0; K]; 256]; BLOCK]
}

/// Most rows of a fit: with more, the sums of their integers would be too coarse.
pub const MOST_ROWS: usize = 1 << 30;

/// What one step of the integers stands for, for each gradient and hessian.
///
/// The steps are as fine as 31 bits for the sum over *all* rows allow, so nothing overflows and a rare event's
/// small gradients are resolved as well as large ones: about 2,000 steps for a mean gradient at a million rows.
#[derive(Clone, Copy, Debug)]
pub struct Units<const K: usize>([(f64, f64); K]);

impl<const K: usize> Units<K> {
    /// Units for so many rows with these sums of absolute gradients and of hessians.
    pub fn of(rows: usize, sums: &[(f64, f64); K]) -> Self {
        // Rounding adds at most half a step a row.
        let steps = f64::from(i32::MAX) - 1.0 - rows.min(MOST_ROWS) as f64;
        let unit = |sum: f64| if sum > 0.0 { sum / steps } else { 1.0 };
        Units(sums.map(|(g, h)| (unit(g), unit(h))))
    }

    /// Scales gradients and hessians (≥ 0).
    #[inline]
    pub fn pack(&self, row: &[(f32, f32); K]) -> Sum<K> {
        // Adding 1.5 × 2^52 leaves the rounded number in the low bits: the library's rounding costs more.
        const SHIFT: f64 = 6_755_399_441_055_744.0;
        let round = |x: f64| (x + SHIFT).to_bits() as i32;
        std::array::from_fn(|k| {
            let ((g, h), (gu, hu)) = (row[k], self.0[k]);
            (i64::from(round(f64::from(g) / gu)) << 32) + i64::from(round(f64::from(h) / hu))
        })
    }

    /// Gradient and hessian of the k-th packed sum.
    #[inline]
    pub fn unpack(&self, sum: &Sum<K>, k: usize) -> (f64, f64) {
        // The hessian never reaches 2^31, so nothing is carried into the gradient.
        let (g, h) = ((sum[k] >> 32) as i32, sum[k] as i32);
        (f64::from(g) * self.0[k].0, f64::from(h) * self.0[k].1)
    }
}

/// Adds rows of a block to its table.
pub fn add<const K: usize>(table: &mut Table<K>, bytes: &[[u8; BLOCK]], rows: &[u32], sums: &[Sum<K>]) {
    const AHEAD: usize = 32;
    // The rows of a leaf lie scattered: fetching some of them first lets the processor wait for all at once.
    let mut fetched = [[0u8; BLOCK]; AHEAD];
    for (rows, sums) in rows.chunks(AHEAD).zip(sums.chunks(AHEAD)) {
        for (fetched, &row) in fetched.iter_mut().zip(rows) {
            *fetched = bytes[row as usize];
        }
        for (bins, sum) in fetched.iter().zip(sums) {
            for (lane, &bin) in bins.iter().enumerate() {
                let slot = &mut table[lane][usize::from(bin)];
                for (slot, sum) in slot.iter_mut().zip(sum) {
                    *slot += sum;
                }
            }
        }
    }
}

/// `a + b`.
#[inline]
pub fn plus<const K: usize>(a: &Sum<K>, b: &Sum<K>) -> Sum<K> {
    std::array::from_fn(|k| a[k] + b[k])
}

/// `a − b`.
#[inline]
pub fn minus<const K: usize>(a: &Sum<K>, b: &Sum<K>) -> Sum<K> {
    std::array::from_fn(|k| a[k] - b[k])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_come_back_within_half_a_unit_a_row() {
        let rows: Vec<[(f32, f32); 1]> =
            (0..10_000u16).map(|i| [(f32::from(i % 97) / 40.0 - 1.3, f32::from(i % 13) / 50.0)]).collect();
        let exact =
            rows.iter().fold((0.0, 0.0), |sum, r| (sum.0 + f64::from(r[0].0), sum.1 + f64::from(r[0].1)));
        let absolute = rows.iter().map(|r| f64::from(r[0].0.abs())).sum::<f64>();
        let units = Units::of(rows.len(), &[(absolute, exact.1)]);
        let sum = rows.iter().fold([0], |sum, row| plus(&sum, &units.pack(row)));
        let (g, h) = units.unpack(&sum, 0);
        assert!((g - exact.0).abs() < 10_000.0 * units.0[0].0 / 2.0, "{g} {}", exact.0);
        assert!((h - exact.1).abs() < 10_000.0 * units.0[0].1 / 2.0, "{h} {}", exact.1);
        assert!((h - exact.1).abs() / exact.1 < 1e-5);
    }

    #[test]
    fn the_extremes_do_not_overflow() {
        for rows in [1usize, 2, 1000] {
            let row = [(-3.0f32, 2.0f32)];
            let units = Units::of(rows, &[(3.0 * rows as f64, 2.0 * rows as f64)]);
            let sum = (0..rows).fold([0], |sum, _| plus(&sum, &units.pack(&row)));
            let (g, h) = units.unpack(&sum, 0);
            let n = rows as f64;
            assert!((g + 3.0 * n).abs() < 1e-5 * n && (h - 2.0 * n).abs() < 1e-5 * n, "{g} {h}");
        }
    }
}
