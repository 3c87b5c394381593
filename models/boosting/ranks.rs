//! Ranks of values among sorted edges, many at a time.

/// Up to 255 ascending edges, filled up with infinity: a table that is searched without branches.
#[derive(Clone, Debug, PartialEq)]
pub struct Ruler(Box<[f32; 256]>);

impl Ruler {
    /// A ruler of ascending edges; those past 255 are left out.
    pub fn of(edges: &[f32]) -> Self {
        let mut table = Box::new([f32::INFINITY; 256]);
        for (slot, &edge) in table.iter_mut().take(255).zip(edges) {
            *slot = edge;
        }
        Ruler(table)
    }

    /// How many edges are below each value; 0 for NaN. The values are searched side by side, so that the
    /// processor works on all of them at once.
    #[inline]
    pub fn ranks<const N: usize>(&self, x: &[f32; N]) -> [u8; N] {
        let mut at = [0; N];
        for step in [128, 64, 32, 16, 8, 4, 2, 1] {
            for (at, x) in at.iter_mut().zip(x) {
                *at += u8::from(self.0[usize::from(*at + (step - 1))] < *x) * step;
            }
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edges_below() {
        for many in [0, 1, 2, 100, 254, 255] {
            let edges: Vec<f32> = (0..many).map(|i| i as f32 * 1.5).collect();
            let x: [f32; 400] = std::array::from_fn(|i| i as f32 - 3.0);
            let ranks = Ruler::of(&edges).ranks(&x);
            for (rank, x) in ranks.into_iter().zip(x) {
                assert_eq!(usize::from(rank), edges.iter().filter(|&&edge| edge < x).count());
            }
        }
        let ruler = Ruler::of(&[1.0, 2.0]);
        assert_eq!(ruler.ranks(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY]), [0, 2, 0]);
    }
}
