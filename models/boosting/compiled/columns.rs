//! What the splits of trees ask of a row: bytes by rulers over thresholds, and sets of categories.

use crate::boosting::ranks::Ruler;
use crate::boosting::tree::code_of;
use crate::boosting::{Node, Tree};

/// Edges of one ruler: one less than a byte can tell apart from missing.
const EDGES: usize = 254;

/// Bytes made of one feature by one ruler.
#[derive(Clone, Debug)]
pub(super) struct Measure {
    pub feature: usize,
    pub ruler: Ruler,
    /// Columns of the byte where the missing go right (as 255) and left (as 0).
    pub right: Option<u16>,
    pub left: Option<u16>,
}

/// The column of a set of categories: in the set lowest, else highest.
#[derive(Clone, Debug)]
pub(super) struct Membership {
    pub feature: usize,
    pub codes: Box<[u32]>,
    pub column: u16,
}

/// Columns of bytes as trees ask for them.
pub(super) struct Columns {
    /// Ascending by feature, then edges.
    pub measures: Vec<Measure>,
    /// Feature and edges of each measure.
    edges: Vec<(u16, Vec<f32>)>,
    pub memberships: Vec<Membership>,
    pub many: usize,
}

impl Columns {
    /// Rulers of all thresholds of these trees; a feature with more than [`EDGES`] gets several.
    pub fn of(trees: &[Tree]) -> Self {
        let splits = trees.iter().flat_map(|tree| &tree.nodes).filter(|node| !node.is_leaf());
        let mut thresholds: Vec<(u16, f32)> = splits
            .filter(|node| node.categories.is_none())
            .map(|node| (node.feature, node.threshold))
            .collect();
        thresholds.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        thresholds.dedup();
        let mut edges: Vec<(u16, Vec<f32>)> = Vec::new();
        for (feature, threshold) in thresholds {
            match edges.last_mut() {
                Some((last, edges)) if *last == feature && edges.len() < EDGES => edges.push(threshold),
                _ => edges.push((feature, vec![threshold])),
            }
        }
        let measure = |(feature, edges): &(u16, Vec<f32>)| Measure {
            feature: usize::from(*feature),
            ruler: Ruler::of(edges),
            right: None,
            left: None,
        };
        Columns { measures: edges.iter().map(measure).collect(), edges, memberships: Vec::new(), many: 0 }
    }

    fn add(&mut self) -> u16 {
        self.many += 1;
        (self.many - 1) as u16
    }

    /// The column and threshold of a split.
    pub fn find(&mut self, node: &Node) -> (u16, u8) {
        if let Some(codes) = &node.categories {
            let feature = usize::from(node.feature);
            if let Some(set) = self.memberships.iter().find(|s| s.feature == feature && s.codes == *codes) {
                return (set.column, 0);
            }
            let column = self.add();
            self.memberships.push(Membership { feature, codes: codes.clone(), column });
            return (column, 0);
        }
        let asked = (node.feature, node.threshold);
        let after = self.edges.partition_point(|(feature, edges)| (*feature, edges[0]) <= asked);
        let at = after.saturating_sub(1);
        let threshold = self.edges[at].1.partition_point(|&edge| edge < node.threshold) as u8;
        let had = if node.missing_left { self.measures[at].left } else { self.measures[at].right };
        let column = had.unwrap_or_else(|| self.add());
        let slot = if node.missing_left { &mut self.measures[at].left } else { &mut self.measures[at].right };
        *slot = Some(column);
        (column, threshold)
    }
}

impl Membership {
    pub fn holds(&self, x: f32) -> bool {
        code_of(x).is_some_and(|code| self.codes.binary_search(&code).is_ok())
    }
}
