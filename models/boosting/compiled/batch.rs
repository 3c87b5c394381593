//! Many rows at once: every split of a tree is asked of 64 rows together.

use rayon::prelude::*;

use super::{ASKED, Ask, Compiled, SPREAD, Span, Spread};

/// Rows of a batch that go together.
const LANES: usize = 64;

impl Compiled {
    /// The margins of rows of `width` features each, row after row; NaN where they are too short.
    pub fn margins(&self, x: &[f32], width: usize) -> Vec<f64> {
        let mut out = vec![f64::NAN; x.len() / width.max(1)];
        if width < self.features || width == 0 {
            return out;
        }
        out.par_chunks_mut(LANES).zip(x.par_chunks(LANES * width)).with_min_len(4).for_each_init(
            || (vec![[0; LANES]; self.columns.max(1)], Vec::new()),
            |(bytes, spread), (out, x)| self.batch(x, width, bytes, spread, out),
        );
        out
    }

    /// The margins of up to [`LANES`] rows.
    fn batch(
        &self,
        x: &[f32],
        width: usize,
        bytes: &mut [[u8; LANES]],
        spread: &mut Vec<Spread>,
        out: &mut [f64],
    ) {
        let rows = out.len();
        for measure in &self.measures {
            let mut values = [0.0; LANES];
            for (value, row) in values.iter_mut().zip(x.chunks_exact(width)) {
                *value = row[measure.feature];
            }
            let missing = values.map(f32::is_nan);
            let ranks = measure.ruler.ranks(&values.map(|x| x.min(f32::MAX)));
            for (column, byte) in [(measure.right, 255), (measure.left, 0)] {
                if let Some(column) = column {
                    for ((slot, rank), missing) in bytes[column as usize].iter_mut().zip(ranks).zip(missing) {
                        *slot = if missing { byte } else { rank };
                    }
                }
            }
        }
        for set in &self.memberships {
            for (byte, row) in bytes[set.column as usize].iter_mut().zip(x.chunks_exact(width)) {
                *byte = if set.holds(row[set.feature]) { 0 } else { u8::MAX };
            }
        }
        if self.trees.iter().any(|tree| tree.leaves as usize > ASKED) {
            spread.resize(LANES, [0; SPREAD]);
            for (columns, row) in spread.iter_mut().zip(x.chunks_exact(width)) {
                self.spread(row, columns);
            }
        }
        let mut sums = [self.intercept; LANES];
        for tree in &self.trees {
            let values = &self.values[tree.values as usize..][..tree.leaves as usize];
            if tree.leaves as usize <= ASKED {
                let at = self.ask(&self.asks[tree.asks.0 as usize..tree.asks.1 as usize], bytes);
                for (sum, at) in sums.iter_mut().zip(at) {
                    *sum += values[usize::from(at)];
                }
            } else {
                self.follow(tree, spread, &mut sums);
            }
        }
        out.copy_from_slice(&sums[..rows]);
    }

    /// The leaves that rows reach, by asking every split.
    #[inline]
    fn ask(&self, asks: &[Ask], bytes: &[[u8; LANES]]) -> [u8; LANES] {
        let mut at = [0u8; LANES];
        for ask in asks {
            let column = &bytes[ask.column as usize];
            // Masks and not branches, sixteen rows to a register.
            for lane in 0..LANES {
                let stands = 0u8.wrapping_sub(u8::from(at[lane] == ask.at));
                let above = 0u8.wrapping_sub(u8::from(column[lane].max(ask.above) == column[lane]));
                at[lane] = at[lane].wrapping_add(stands & above & ask.skip);
            }
        }
        at
    }

    /// Adds what spread rows reach by following a tree, several rows abreast.
    fn follow(&self, tree: &Span, spread: &[Spread], sums: &mut [f64; LANES]) {
        const ROWS: usize = 16;
        for (sums, rows) in sums.chunks_exact_mut(ROWS).zip(spread.chunks_exact(ROWS)) {
            let mut at = [tree.root; ROWS];
            for _ in 0..tree.depth {
                for (at, row) in at.iter_mut().zip(rows) {
                    *at = self.steps[*at as usize].next(*at, row);
                }
            }
            for (sum, at) in sums.iter_mut().zip(at) {
                *sum += self.ends[at as usize];
            }
        }
    }
}
