//! What is bought together: frequent sets of goods and association rules.
//!
//! Han, Pei & Yin (2000), "Mining frequent patterns without candidate generation" (FP-growth); rules with support,
//! confidence and lift (Agrawal & Srikant 1994; Brin et al. 1997), and how surely the pair is more than chance: Fisher's
//! exact test, with the false discovery rate over all rules (Benjamini & Hochberg 1995).
//!
//! ```
//! use homing_datasets::baskets::{Baskets, Limits};
//!
//! let mut baskets = Baskets::default();
//! for _ in 0..30 {
//!     baskets.add(["milk", "bottle"]);
//!     baskets.add(["toys"]);
//! }
//! let limits = Limits { min_support: 0.1, min_confidence: 0.5, ..Limits::default() };
//! let rules = baskets.rules(&limits).unwrap();
//! assert_eq!(rules.len(), 2);
//! assert_eq!((rules[0].confidence, rules[0].lift), (1.0, 2.0));
//! ```

use hashbrown::HashMap;
use rayon::prelude::*;
use serde::Serialize;

use crate::names::Names;
use crate::table::{Column, Table};
use crate::{Error, Histories, Kind};

/// What an item of a basket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// The product.
    Product,
    /// Its category.
    Category,
}

/// Baskets: the different items of each order.
///
/// ```
/// use homing_datasets::baskets::{Baskets, Limits};
///
/// let mut baskets = Baskets::default();
/// for basket in [vec!["tea", "cup"], vec!["tea", "cup"], vec!["tea"], vec!["milk"]] {
///     baskets.add(basket);
/// }
/// let rules = baskets.rules(&Limits { min_support: 0.3, ..Limits::default() })?;
/// let cup = rules.iter().find(|rule| rule.antecedents == ["cup"]).expect("cup implies tea");
/// assert_eq!((cup.confidence, cup.support), (1.0, 0.5));
/// # Ok::<(), homing_datasets::Error>(())
/// ```
#[derive(Default)]
pub struct Baskets {
    names: Names,
    /// The items of all baskets, one after the other, each basket's sorted.
    items: Vec<u32>,
    ends: Vec<usize>,
}

/// What is worth naming.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Least share of the baskets that hold the whole set, above 0 and up to 1.
    pub min_support: f64,
    /// Least share of the baskets with the left side that hold the right side too, 0 to 1.
    pub min_confidence: f64,
    /// Most items in a set.
    pub max_items: usize,
    /// Most sets; past it the run stops, for the number of sets grows without measure as the support falls.
    pub max_sets: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { min_support: 0.01, min_confidence: 0.3, max_items: 5, max_sets: 5_000_000 }
    }
}

/// A set of items that are often in one basket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrequentSet {
    /// Items, by number (see [`Baskets::name`]), ascending.
    pub items: Vec<u32>,
    /// Baskets that hold them all.
    pub count: u64,
}

/// Who bought the left side also bought the right side.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rule {
    /// The left side.
    pub antecedents: Vec<String>,
    /// The right side.
    pub consequents: Vec<String>,
    /// Share of the baskets that hold both.
    pub support: f64,
    /// Share of the baskets with the left side that hold the right side.
    pub confidence: f64,
    /// Confidence over the share of all baskets that hold the right side; 1 = no connection.
    pub lift: f64,
    /// Probability of so many common baskets or more by chance (Fisher, one-sided).
    pub p_value: f64,
    /// Share of false ones to expect among the rules of this p-value or less.
    pub q_value: f64,
}

impl Rule {
    /// Rules as a table: both sides with their items separated by spaces, and the figures.
    #[must_use]
    pub fn table(rules: &[Rule]) -> Table {
        let text = |of: fn(&Rule) -> &Vec<String>| {
            Column::Text(rules.iter().map(|rule| Some(of(rule).join(" "))).collect())
        };
        let number = |of: fn(&Rule) -> f64| Column::Number(rules.iter().map(|rule| Some(of(rule))).collect());
        Table::default()
            .with("antecedents", text(|rule| &rule.antecedents))
            .with("consequents", text(|rule| &rule.consequents))
            .with("support", number(|rule| rule.support))
            .with("confidence", number(|rule| rule.confidence))
            .with("lift", number(|rule| rule.lift))
            .with("p_value", number(|rule| rule.p_value))
            .with("q_value", number(|rule| rule.q_value))
    }
}

impl Baskets {
    /// Adds a basket; an item that it holds twice counts once. A text beyond four billion different ones is left out.
    pub fn add<'a>(&mut self, items: impl IntoIterator<Item = &'a str>) {
        let start = self.items.len();
        for item in items {
            if let Ok(number) = self.names.number(item) {
                self.items.push(number);
            }
        }
        self.close(start);
    }

    fn close(&mut self, start: usize) {
        self.items[start..].sort_unstable();
        let mut kept = start;
        for at in start..self.items.len() {
            if kept == start || self.items[kept - 1] != self.items[at] {
                self.items[kept] = self.items[at];
                kept += 1;
            }
        }
        self.items.truncate(kept);
        if kept > start {
            self.ends.push(kept);
        }
    }

    /// The baskets of histories: purchases of an amount above zero, by order, or by instant where there is no order.
    /// Lines without the item are left out. Of a receipt whose total stands on one line the others, of amount zero, count too.
    #[must_use]
    pub fn of(histories: &Histories, item: Item) -> Self {
        let mut baskets = Baskets::default();
        let mut lines: Vec<(i64, u32, u32, bool)> = Vec::new();
        for (_, history) in histories.iter() {
            let Some(last) = history.last_instant() else { continue };
            let view = history.as_of(last);
            let codes = match item {
                Item::Product => view.product(),
                Item::Category => view.category(),
            };
            lines.clear();
            for (at, &code) in codes.iter().enumerate() {
                if view.kind()[at] == Kind::Purchase && code != 0 {
                    let order = view.order()[at];
                    let instant = if order == 0 { view.occurred_at()[at] } else { 0 };
                    lines.push((instant, order, code, view.is_purchase(at)));
                }
            }
            lines.sort_unstable();
            for basket in lines.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
                let paid = basket.iter().filter(|line| line.3).count();
                let whole = paid == 1 && basket[0].1 != 0;
                let names = basket.iter().filter(|line| line.3 || whole);
                if paid > 0 {
                    baskets.add(names.filter_map(|line| view.name(line.2)));
                }
            }
        }
        baskets
    }

    /// Number of baskets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no basket.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Number of different items.
    #[must_use]
    pub fn different(&self) -> usize {
        self.names.len()
    }

    /// The item under a number below [`Baskets::different`].
    #[must_use]
    pub fn name(&self, item: u32) -> &str {
        self.names.get(item)
    }

    fn iter(&self) -> impl Iterator<Item = &[u32]> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let basket = &self.items[start..end];
            start = end;
            basket
        })
    }

    /// The frequent sets, sorted by their items. The same on any number of threads.
    ///
    /// # Errors
    /// [`Error::BadLimit`], [`Error::TooManySets`].
    pub fn frequent(&self, limits: &Limits) -> Result<Vec<FrequentSet>, Error> {
        if !(limits.min_support > 0.0 && limits.min_support <= 1.0) {
            return Err(Error::BadLimit { name: "min-support", wanted: "above 0 and up to 1" });
        }
        let least = ((limits.min_support * self.len() as f64).ceil() as u64).max(1);
        let mut counts = vec![0u64; self.different()];
        self.items.iter().for_each(|&item| counts[item as usize] += 1);
        // Ranks: the most frequent item first, so that paths share their beginnings.
        let mut ranked: Vec<u32> =
            (0..counts.len() as u32).filter(|&item| counts[item as usize] >= least).collect();
        ranked.sort_by_key(|&item| (std::cmp::Reverse(counts[item as usize]), item));
        let mut rank = vec![u32::MAX; counts.len()];
        ranked.iter().enumerate().for_each(|(at, &item)| rank[item as usize] = at as u32);
        let mut tree = Tree::new(ranked.len());
        let mut path = Vec::new();
        for basket in self.iter() {
            path.clear();
            path.extend(basket.iter().map(|&item| rank[item as usize]).filter(|&rank| rank != u32::MAX));
            path.sort_unstable();
            tree.add(&path, 1);
        }
        let mine = |at: usize| -> Result<Vec<FrequentSet>, Error> {
            let mut miner = Miner { least, limits, found: Vec::new() };
            miner.item(&tree, at as u32, &mut Vec::new())?;
            Ok(miner.found)
        };
        let parts: Vec<Vec<FrequentSet>> =
            (0..ranked.len()).into_par_iter().map(mine).collect::<Result<_, _>>()?;
        let mut sets: Vec<FrequentSet> = parts.into_iter().flatten().collect();
        if sets.len() > limits.max_sets {
            return Err(Error::TooManySets { limit: limits.max_sets });
        }
        for set in &mut sets {
            set.items.iter_mut().for_each(|item| *item = ranked[*item as usize]);
            set.items.sort_unstable();
        }
        sets.par_sort_unstable_by(|a, b| a.items.cmp(&b.items));
        Ok(sets)
    }

    /// The rules that the frequent sets give, the most surprising first (lift, then confidence, then names).
    ///
    /// # Errors
    /// [`Error::BadLimit`], [`Error::TooManySets`].
    pub fn rules(&self, limits: &Limits) -> Result<Vec<Rule>, Error> {
        if !(0.0..=1.0).contains(&limits.min_confidence) {
            return Err(Error::BadLimit { name: "min-confidence", wanted: "from 0 to 1" });
        }
        let sets = self.frequent(limits)?;
        let count: HashMap<&[u32], u64> = sets.iter().map(|set| (&set.items[..], set.count)).collect();
        let n = self.len() as u64;
        let mut factorial = Vec::with_capacity(self.len() + 1);
        let mut sum = 0.0;
        factorial.push(sum);
        for number in 1..=self.len() {
            sum += (number as f64).ln();
            factorial.push(sum);
        }
        let names = |items: &[u32]| -> Vec<String> {
            let mut names: Vec<String> = items.iter().map(|&item| self.name(item).to_owned()).collect();
            names.sort_unstable();
            names
        };
        let of_set = |set: &FrequentSet| -> Vec<Rule> {
            let mut rules = Vec::new();
            let (mut left, mut right) = (Vec::new(), Vec::new());
            for split in 1..(1u32 << set.items.len()) - 1 {
                left.clear();
                right.clear();
                for (at, &item) in set.items.iter().enumerate() {
                    if split & (1 << at) != 0 { left.push(item) } else { right.push(item) }
                }
                let (Some(&a), Some(&b)) = (count.get(&left[..]), count.get(&right[..])) else { continue };
                let confidence = set.count as f64 / a as f64;
                if confidence < limits.min_confidence {
                    continue;
                }
                rules.push(Rule {
                    antecedents: names(&left),
                    consequents: names(&right),
                    support: set.count as f64 / n as f64,
                    confidence,
                    lift: confidence / (b as f64 / n as f64),
                    p_value: fisher(&factorial, n, a, b, set.count),
                    q_value: 1.0,
                });
            }
            rules
        };
        let mut rules: Vec<Rule> =
            sets.par_iter().filter(|set| set.items.len() > 1).flat_map_iter(of_set).collect();
        discoveries(&mut rules);
        rules.par_sort_by(|a, b| {
            b.lift
                .total_cmp(&a.lift)
                .then(b.confidence.total_cmp(&a.confidence))
                .then_with(|| (&a.antecedents, &a.consequents).cmp(&(&b.antecedents, &b.consequents)))
        });
        Ok(rules)
    }
}

/// Probability that two goods in `a` and `b` of `n` baskets share `both` or more, if they had nothing to do with each
/// other (the upper tail of the hypergeometric distribution).
fn fisher(factorial: &[f64], n: u64, a: u64, b: u64, both: u64) -> f64 {
    let choose = |n: u64, k: u64| factorial[n as usize] - factorial[k as usize] - factorial[(n - k) as usize];
    let all = choose(n, b);
    let mut tail = 0.0;
    for k in both.max((a + b).saturating_sub(n))..=a.min(b) {
        let term = (choose(a, k) + choose(n - a, b - k) - all).exp();
        tail += term;
        if term < tail * 1e-17 {
            break;
        }
    }
    tail.min(1.0)
}

/// Benjamini & Hochberg (1995).
fn discoveries(rules: &mut [Rule]) {
    let mut order: Vec<usize> = (0..rules.len()).collect();
    order.sort_by(|&a, &b| rules[a].p_value.total_cmp(&rules[b].p_value));
    let mut least = 1.0_f64;
    for (at, &rule) in order.iter().enumerate().rev() {
        least = least.min(rules[rule].p_value * rules.len() as f64 / (at + 1) as f64);
        rules[rule].q_value = least;
    }
}

/// A prefix tree of baskets, with a chain through the nodes of each item.
struct Tree {
    nodes: Vec<Node>,
    children: HashMap<u64, u32>,
    /// First node and baskets of each item, by rank.
    heads: Vec<(u32, u64)>,
}

#[derive(Clone, Copy)]
struct Node {
    item: u32,
    parent: u32,
    next: u32,
    count: u64,
}

const NONE: u32 = u32::MAX;

impl Tree {
    fn new(items: usize) -> Self {
        let root = Node { item: NONE, parent: NONE, next: NONE, count: 0 };
        Tree { nodes: vec![root], children: HashMap::new(), heads: vec![(NONE, 0); items] }
    }

    /// Adds a path of ascending ranks.
    fn add(&mut self, path: &[u32], count: u64) {
        let mut at = 0u32;
        for &item in path {
            let nodes = &mut self.nodes;
            let head = &mut self.heads[item as usize];
            at = *self.children.entry(u64::from(at) << 32 | u64::from(item)).or_insert_with(|| {
                nodes.push(Node { item, parent: at, next: head.0, count: 0 });
                head.0 = nodes.len() as u32 - 1;
                head.0
            });
            self.nodes[at as usize].count += count;
            head.1 += count;
        }
    }
}

struct Miner<'l> {
    least: u64,
    limits: &'l Limits,
    found: Vec<FrequentSet>,
}

impl Miner<'_> {
    /// The sets whose last item (by rank) is this one, put before a suffix.
    fn item(&mut self, tree: &Tree, item: u32, suffix: &mut Vec<u32>) -> Result<(), Error> {
        let (mut node, count) = tree.heads[item as usize];
        suffix.push(item);
        self.found.push(FrequentSet { items: suffix.clone(), count });
        if self.found.len() > self.limits.max_sets {
            return Err(Error::TooManySets { limit: self.limits.max_sets });
        }
        if suffix.len() < self.limits.max_items {
            let mut counts = vec![0u64; item as usize];
            let first = node;
            while node != NONE {
                let Node { mut parent, next, count, .. } = tree.nodes[node as usize];
                while parent != 0 {
                    let above = tree.nodes[parent as usize];
                    counts[above.item as usize] += count;
                    parent = above.parent;
                }
                node = next;
            }
            if counts.iter().any(|&count| count >= self.least) {
                let mut below = Tree::new(item as usize);
                let mut path = Vec::new();
                node = first;
                while node != NONE {
                    let Node { mut parent, next, count, .. } = tree.nodes[node as usize];
                    path.clear();
                    while parent != 0 {
                        let above = tree.nodes[parent as usize];
                        if counts[above.item as usize] >= self.least {
                            path.push(above.item);
                        }
                        parent = above.parent;
                    }
                    path.reverse();
                    below.add(&path, count);
                    node = next;
                }
                for (other, &count) in counts.iter().enumerate() {
                    if count >= self.least {
                        self.item(&below, other as u32, suffix)?;
                    }
                }
            }
        }
        suffix.pop();
        Ok(())
    }
}
