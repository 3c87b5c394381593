//! Boosters that LightGBM fitted, read from its text model (`Booster.save_model`).
//!
//! A tree is a section of `key=values` lines. Children are numbers of splits, or of leaves as −1 − leaf. Bits of
//! `decision_type`: 0 a categorical split, 1 missing goes left, 2 and 3 what counts as missing (none, zero, NaN).
//! Where none does, LightGBM takes NaN for 0. The intercept is inside the first tree's leaves.

use std::collections::HashMap;

use super::{Booster, Node, Objective, Tree};

/// Most splits between a root and a leaf: what explains a tree goes down it by recursion.
const DEEPEST: usize = 1024;

/// Why a LightGBM model was not read.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum ImportError {
    /// Not what `Booster.save_model` writes, or not all of it.
    #[error("LightGBM model: {0}; save it again with `Booster.save_model`")]
    NotAModel(String),
    /// A value that is missing, cannot be read, or contradicts others.
    #[error(
        "LightGBM model, tree {tree}: {detail}; the file is damaged, save it again with `Booster.save_model`"
    )]
    Damaged {
        /// Which tree, from 0.
        tree: usize,
        /// What is wrong.
        detail: String,
    },
    /// Something that a booster of homing does not have.
    #[error("LightGBM model: {what} cannot be read; {instead}")]
    Unsupported {
        /// What was found.
        what: String,
        /// How to train so that the model can be read.
        instead: &'static str,
    },
}

impl Booster {
    /// Reads LightGBM's text model (written by version 3 or 4), for a row's margin and SHAP values to be those of
    /// `predict(raw_score=True)` and `predict(pred_contrib=True)` on the same row in single precision. Infinite
    /// values count as the largest finite ones, as in every [`Booster`].
    ///
    /// Read are numerical splits with NaN or nothing as missing, and the objectives `binary`, `regression`,
    /// `poisson`, `gamma` and `tweedie` (of power 1.5, LightGBM's own default, where the file does not tell).
    ///
    /// # Errors
    /// [`ImportError`] for what is no such model or only part of one, and for categorical splits,
    /// `zero_as_missing`, several classes, linear trees, random forests, `reg_sqrt`, a `sigmoid` other than 1,
    /// other objectives, or trees of more than 32,768 leaves or 1,024 levels.
    pub fn from_lightgbm(text: &str) -> Result<Self, ImportError> {
        let sections = Sections::of(text)?;
        let head = &sections.head;
        let number = |key: &str| {
            let value = head.get(key).and_then(|value| value.parse::<usize>().ok());
            value.ok_or_else(|| ImportError::NotAModel(format!("its header has no number `{key}`")))
        };
        if number("num_class")? != 1 || number("num_tree_per_iteration")? != 1 {
            return Err(unsupported("a model of several classes", "train one model a class"));
        }
        if head.contains_key("average_output") {
            return Err(unsupported("a random forest", "train with `boosting=gbdt`"));
        }
        let features = number("max_feature_idx")?.saturating_add(1);
        if features > usize::from(u16::MAX) {
            return Err(unsupported(format!("a model of {features} features"), "use at most 65535"));
        }
        let objective = objective(head.get("objective").copied().unwrap_or_default(), &sections.parameters)?;
        let trees =
            sections.trees.iter().enumerate().map(|(at, fields)| Section { tree: at, fields }.read(features));
        Ok(Booster::new(objective, features, 0.0, trees.collect::<Result<_, _>>()?))
    }
}

fn unsupported(what: impl Into<String>, instead: &'static str) -> ImportError {
    ImportError::Unsupported { what: what.into(), instead }
}

/// What the objective line names, for instance `binary sigmoid:1`.
fn objective(line: &str, parameters: &HashMap<&str, &str>) -> Result<Objective, ImportError> {
    let (name, details) = line.split_once(' ').unwrap_or((line, ""));
    for detail in details.split_whitespace() {
        match detail.split_once(':') {
            Some(("sigmoid", slope)) if slope.parse() == Ok(1.0) => {}
            Some(("sigmoid", _)) => {
                return Err(unsupported(format!("the objective `{line}`"), "train with `sigmoid=1`"));
            }
            _ if detail == "sqrt" => {
                return Err(unsupported(format!("the objective `{line}`"), "train with `reg_sqrt=false`"));
            }
            _ => {}
        }
    }
    let objective = match name {
        "binary" => Objective::Logistic,
        "regression" => Objective::Squared,
        "poisson" => Objective::Poisson,
        "gamma" => Objective::Gamma,
        "tweedie" => match parameters.get("tweedie_variance_power") {
            None => Objective::Tweedie(1.5),
            Some(power) => Objective::Tweedie(power.parse().unwrap_or(f64::NAN)),
        },
        _ => {
            return Err(unsupported(
                format!("the objective `{line}`"),
                "use binary, regression, poisson, gamma or tweedie",
            ));
        }
    };
    match objective.fault() {
        Some(_) => Err(unsupported("this tweedie_variance_power", "use one between 1 and 2")),
        None => Ok(objective),
    }
}

/// The parts of a file.
struct Sections<'a> {
    head: HashMap<&'a str, &'a str>,
    trees: Vec<HashMap<&'a str, &'a str>>,
    parameters: HashMap<&'a str, &'a str>,
}

impl<'a> Sections<'a> {
    fn of(text: &'a str) -> Result<Self, ImportError> {
        let mut lines = text.lines().map(str::trim);
        if lines.next() != Some("tree") {
            return Err(ImportError::NotAModel("its first line is not `tree`".into()));
        }
        let (mut head, mut trees, mut ended) = (HashMap::new(), Vec::<HashMap<_, _>>::new(), false);
        for line in lines.by_ref() {
            if line == "end of trees" {
                ended = true;
                break;
            }
            // A flag has no value.
            let (key, value) = line.split_once('=').unwrap_or((line, ""));
            if key == "Tree" {
                if value.parse() != Ok(trees.len()) {
                    let detail = format!("tree {} is followed by `{line}`", trees.len() as i64 - 1);
                    return Err(ImportError::NotAModel(detail));
                }
                trees.push(HashMap::new());
            } else if !key.is_empty() {
                trees.last_mut().unwrap_or(&mut head).insert(key, value);
            }
        }
        let sizes = head.get("tree_sizes").map_or(0, |sizes| sizes.split_whitespace().count());
        if !ended || sizes != trees.len() {
            let detail = format!("it ends early or lacks trees: {} of {sizes} are there", trees.len());
            return Err(ImportError::NotAModel(detail));
        }
        match head.get("version") {
            Some(&("v3" | "v4")) => {}
            Some(version) => {
                return Err(unsupported(format!("format version {version}"), "use LightGBM 3 or 4"));
            }
            None => return Err(ImportError::NotAModel("its header has no `version`".into())),
        }
        let parameters = lines
            .filter_map(|line| line.strip_prefix('[')?.strip_suffix(']')?.split_once(':'))
            .map(|(key, value)| (key, value.trim()))
            .collect();
        Ok(Sections { head, trees, parameters })
    }
}

/// The lines of one tree.
struct Section<'a> {
    tree: usize,
    fields: &'a HashMap<&'a str, &'a str>,
}

impl Section<'_> {
    fn damaged(&self, detail: impl Into<String>) -> ImportError {
        ImportError::Damaged { tree: self.tree, detail: detail.into() }
    }

    /// So many numbers.
    fn numbers<T: std::str::FromStr>(&self, key: &str, many: usize) -> Result<Vec<T>, ImportError> {
        let text = self.fields.get(key).ok_or_else(|| self.damaged(format!("there is no `{key}`")))?;
        let values: Result<Vec<T>, _> = text.split_whitespace().map(str::parse).collect();
        match values {
            Ok(values) if values.len() == many => Ok(values),
            Ok(values) => Err(self.damaged(format!("`{key}` has {} values, not {many}", values.len()))),
            Err(_) => Err(self.damaged(format!("`{key}` holds what is not its kind of number"))),
        }
    }

    fn read(&self, features: usize) -> Result<Tree, ImportError> {
        let number = |key: &str| -> Result<usize, ImportError> { Ok(self.numbers(key, 1)?[0]) };
        let leaves = number("num_leaves")?;
        if number("num_cat")? != 0 {
            return Err(unsupported(
                format!("tree {}'s categorical splits", self.tree),
                "train with numerical features only",
            ));
        }
        if self.fields.get("is_linear").is_some_and(|&linear| linear != "0") {
            return Err(unsupported("linear trees", "train with `linear_tree=false`"));
        }
        if leaves == 0 || leaves > 1 << 15 {
            return Err(unsupported(format!("a tree of {leaves} leaves"), "use 1 to 32768"));
        }
        let values: Vec<f64> = self.numbers("leaf_value", leaves)?;
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            return Err(self.damaged(format!("a leaf has the value {value}")));
        }
        if leaves == 1 {
            return Ok(Tree { nodes: vec![Node::leaf(values[0], 1.0)] });
        }
        let counts: Vec<u64> = self.numbers("leaf_count", leaves)?;
        if counts.contains(&0) {
            return Err(self.damaged("a leaf has no rows, so no row can be explained"));
        }
        let splits = self.splits(leaves - 1, features)?;
        let (left, right): (Vec<i64>, Vec<i64>) =
            (self.numbers("left_child", leaves - 1)?, self.numbers("right_child", leaves - 1)?);
        let mut tree = Tree { nodes: vec![Node::leaf(0.0, 0.0)] };
        let mut open = vec![(0i64, 0usize, 0usize)];
        let mut met = (vec![false; leaves - 1], vec![false; leaves]);
        while let Some((child, at, depth)) = open.pop() {
            let (met, number) = if child >= 0 { (&mut met.0, child) } else { (&mut met.1, !child) };
            let number = usize::try_from(number).unwrap_or(usize::MAX);
            match met.get_mut(number) {
                Some(met) if !*met => *met = true,
                _ => return Err(self.damaged(format!("child {child} is not there or has two parents"))),
            }
            if child < 0 {
                tree.nodes[at] = Node::leaf(values[number], counts[number] as f32);
                continue;
            }
            if depth == DEEPEST {
                return Err(unsupported(format!("a tree deeper than {DEEPEST}"), "train with a `max_depth`"));
            }
            let next = tree.nodes.len();
            tree.nodes.extend([Node::leaf(0.0, 0.0), Node::leaf(0.0, 0.0)]);
            tree.nodes[at] = Node { left: next as u16, right: next as u16 + 1, ..splits[number].clone() };
            open.extend([(right[number], next + 1, depth + 1), (left[number], next, depth + 1)]);
        }
        if met.0.contains(&false) || met.1.contains(&false) {
            return Err(self.damaged("some of its splits or leaves hang nowhere"));
        }
        // Children come after their parent. The file's own counts of splits are these sums.
        for at in (0..tree.nodes.len()).rev() {
            let (l, r) = (usize::from(tree.nodes[at].left), usize::from(tree.nodes[at].right));
            if l != 0 {
                tree.nodes[at].cover = tree.nodes[l].cover + tree.nodes[r].cover;
            }
        }
        Ok(tree)
    }

    /// What each split asks, without its children.
    fn splits(&self, many: usize, features: usize) -> Result<Vec<Node>, ImportError> {
        let asked: Vec<usize> = self.numbers("split_feature", many)?;
        let thresholds: Vec<f64> = self.numbers("threshold", many)?;
        let decisions: Vec<u8> = self.numbers("decision_type", many)?;
        let all = asked.into_iter().zip(thresholds).zip(decisions);
        all.map(|((feature, threshold), decision)| {
            if feature >= features {
                return Err(self.damaged(format!("a split asks feature {feature} of {features}")));
            }
            let (default_left, missing) = (decision & 2 != 0, decision >> 2);
            let missing_left = match missing {
                _ if decision & 1 != 0 => {
                    return Err(unsupported(
                        format!("tree {}'s categorical split", self.tree),
                        "train with numerical features only",
                    ));
                }
                0 => 0.0 <= threshold,
                1 => {
                    return Err(unsupported(
                        format!("tree {}'s split with zero as missing", self.tree),
                        "train with `zero_as_missing=false`",
                    ));
                }
                2 => default_left,
                _ => return Err(self.damaged(format!("a split has the decision type {decision}"))),
            };
            let threshold = narrow(threshold).ok_or_else(|| {
                self.damaged(format!("the threshold {threshold} is below all numbers of single precision"))
            })?;
            Ok(Node { feature: feature as u16, threshold, missing_left, ..Node::leaf(0.0, 0.0) })
        })
        .collect()
    }
}

/// The largest finite number of single precision that is not above a threshold: it sends every finite number of
/// single precision the same way. `None` if there is none.
fn narrow(threshold: f64) -> Option<f32> {
    if threshold >= f64::from(f32::MAX) {
        return Some(f32::MAX);
    }
    let nearest = threshold as f32;
    let narrow = if f64::from(nearest) > threshold { nearest.next_down() } else { nearest };
    // False of NaN too.
    (narrow >= f32::MIN).then_some(narrow)
}

#[cfg(test)]
mod tests {
    use super::super::Explainer;
    use super::*;
    use ndarray::Array2;

    const MODEL: &str = include_str!("../tests/fixtures/lightgbm_model.txt");
    const ROWS: &str = include_str!("../tests/fixtures/lightgbm_rows.csv");

    /// Rows of the fixture: features and then what LightGBM said.
    fn rows() -> Vec<(Vec<f32>, Vec<f64>)> {
        let number = |text: &str| if text.is_empty() { f64::NAN } else { text.parse().unwrap() };
        ROWS.lines()
            .skip(1)
            .map(|line| line.split(',').map(number).collect::<Vec<f64>>())
            .map(|row| (row[..6].iter().map(|&x| x as f32).collect(), row[6..].to_vec()))
            .collect()
    }

    #[test]
    fn margins_are_lightgbm_s() {
        let booster = Booster::from_lightgbm(MODEL).unwrap();
        assert!(booster.is_sound() && booster.features() == 6 && booster.trees().len() == 20);
        assert_eq!(booster.objective(), Objective::Logistic);
        let rows = rows();
        assert_eq!(rows.len(), 40);
        let x = Array2::from_shape_fn((40, 6), |(i, j)| rows[i].0[j]);
        for ((row, said), batch) in rows.iter().zip(booster.margins(x.view())) {
            let margin = booster.margin(row);
            assert!((margin - said[0]).abs() < 1e-9 && margin == batch, "{margin} {} {batch}", said[0]);
        }
    }

    #[test]
    fn shap_values_are_lightgbm_s_and_sum_to_the_margin() {
        let booster = Booster::from_lightgbm(MODEL).unwrap();
        let explainer = Explainer::of(&booster);
        for (row, said) in rows() {
            let mut own = vec![0.0; 6];
            let expected = explainer.explain(&row, 1.0, &mut own);
            assert!((expected - said[7]).abs() < 1e-9, "{expected} {}", said[7]);
            for (own, said) in own.iter().zip(&said[1..7]) {
                assert!((own - said).abs() < 1e-9, "{own} {said}");
            }
            assert!((expected + own.iter().sum::<f64>() - booster.margin(&row)).abs() < 1e-9);
        }
    }

    #[test]
    fn thresholds_part_single_precision_as_double_precision_does() {
        let mut doubles =
            vec![0.0, -0.0, 1e-50, -1e-50, 1.000_000_018_002_509_5e-35, 0.1, -0.1, 1e300, 16_777_217.0];
        doubles.extend((0..1000).map(|i| f64::from(i) * 0.37 - 99.0));
        for double in doubles {
            let single = narrow(double).unwrap();
            for x in [single, single.next_up(), single.next_down(), 0.0, -0.0, 1.0, -1.0, f32::MAX, f32::MIN]
            {
                if x.is_finite() {
                    assert_eq!(x <= single, f64::from(x) <= double, "{x:e} at {double:e}");
                }
            }
        }
        assert_eq!(narrow(f64::INFINITY), Some(f32::MAX));
        assert_eq!([narrow(-1e300), narrow(f64::NEG_INFINITY), narrow(f64::NAN)], [None; 3]);
    }

    /// A tree of one split whose left leaf is −1 and right leaf 1.
    fn stump(objective: &str, threshold: &str, decision: u8) -> String {
        format!(
            "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=0\nobjective={objective}\n\
             tree_sizes=1\n\nTree=0\nnum_leaves=2\nnum_cat=0\nsplit_feature=0\nthreshold={threshold}\n\
             decision_type={decision}\nleft_child=-1\nright_child=-2\nleaf_value=-1 1\nleaf_count=3 1\n\
             is_linear=0\n\nend of trees\n\nparameters:\n[tweedie_variance_power: 1.3]\nend of parameters\n"
        )
    }

    #[test]
    fn the_missing_go_where_lightgbm_sends_them() {
        let margin = |threshold, decision, x| {
            Booster::from_lightgbm(&stump("binary sigmoid:1", threshold, decision)).unwrap().margin(&[x])
        };
        // NaN is missing: the default side; nothing is: as 0.
        assert_eq!((margin("-5", 10, f32::NAN), margin("5", 8, f32::NAN)), (-1.0, 1.0));
        assert_eq!((margin("-5", 2, f32::NAN), margin("5", 0, f32::NAN)), (1.0, -1.0));
        // All that is known to the left.
        assert_eq!((margin("1e300", 8, f32::MAX), margin("1e300", 8, f32::NAN)), (-1.0, 1.0));
        assert_eq!((margin("5", 8, 5.0), margin("5", 8, 5.0f32.next_up())), (-1.0, 1.0));
    }

    #[test]
    fn objectives_are_told_apart() {
        let of =
            |line: &str| Booster::from_lightgbm(&stump(line, "0.5", 8)).map(|booster| booster.objective());
        assert_eq!(of("regression").unwrap(), Objective::Squared);
        assert_eq!(of("poisson").unwrap(), Objective::Poisson);
        assert_eq!(of("gamma").unwrap(), Objective::Gamma);
        assert_eq!(of("tweedie").unwrap(), Objective::Tweedie(1.3));
        for other in ["binary sigmoid:2", "regression sqrt", "lambdarank", "multiclass num_class:3", ""] {
            assert!(matches!(of(other), Err(ImportError::Unsupported { .. })), "{other}");
        }
        let mild = stump("tweedie", "0.5", 8).replace(": 1.3", ": 2.5");
        assert!(matches!(Booster::from_lightgbm(&mild), Err(ImportError::Unsupported { .. })));
    }

    #[test]
    fn what_a_booster_does_not_have_is_refused() {
        let plain = stump("poisson", "0.5", 8);
        assert!(
            Booster::from_lightgbm(&plain).is_ok()
                && Booster::from_lightgbm(&plain.replace('\n', "\r\n")).is_ok()
        );
        for (old, new) in [
            ("decision_type=8", "decision_type=1"),
            ("decision_type=8", "decision_type=6"),
            ("num_cat=0", "num_cat=1"),
            ("is_linear=0", "is_linear=1"),
            ("num_class=1", "num_class=3"),
            ("tree_sizes=1", "average_output\ntree_sizes=1"),
            ("version=v4", "version=v9"),
            ("max_feature_idx=0", "max_feature_idx=18446744073709551615"),
            ("num_leaves=2", "num_leaves=4000000000"),
        ] {
            assert!(plain.contains(old), "{old}");
            let got = Booster::from_lightgbm(&plain.replace(old, new));
            assert!(matches!(got, Err(ImportError::Unsupported { .. })), "{new}: {got:?}");
        }
    }

    #[test]
    fn damage_is_seen() {
        let plain = stump("poisson", "0.5", 8);
        for (old, new) in [
            ("left_child=-1", "left_child=0"),
            ("left_child=-1", "left_child=-2"),
            ("left_child=-1", "left_child=7"),
            ("left_child=-1", "left_child=-9223372036854775808"),
            ("left_child=-1", "left_child=-1 -1"),
            ("split_feature=0", "split_feature=1"),
            ("decision_type=8", "decision_type=12"),
            ("decision_type=8", "decision_type=300"),
            ("threshold=0.5", "threshold=nan"),
            ("threshold=0.5", "threshold=-1e300"),
            ("threshold=0.5", "threshold=x"),
            ("leaf_value=-1 1", "leaf_value=-1 inf"),
            ("leaf_count=3 1", "leaf_count=3 0"),
            ("leaf_count=3 1", "leaf_weight=3 1"),
            ("num_leaves=2", "num_leaves=3"),
        ] {
            assert!(plain.contains(old), "{old}");
            let got = Booster::from_lightgbm(&plain.replace(old, new));
            assert!(matches!(got, Err(ImportError::Damaged { tree: 0, .. })), "{new}: {got:?}");
        }
        // A file that was cut off anywhere before the end of its trees.
        let end = MODEL.find("end of trees").unwrap() + 12;
        for cut in (0..end).step_by(97).chain([end - 1]) {
            assert!(Booster::from_lightgbm(&MODEL[..cut]).is_err(), "{cut}");
        }
        for text in ["", "tree", "tree\nend of trees", "{}", "tree\nTree=1\n"] {
            assert!(matches!(Booster::from_lightgbm(text), Err(ImportError::NotAModel(_))), "{text}");
        }
    }

    #[test]
    fn a_chain_too_deep_to_explain_is_refused() {
        let chain = |splits: usize| {
            let list = |value: &dyn Fn(usize) -> i64, many: usize| {
                (0..many).map(|i| value(i).to_string()).collect::<Vec<_>>().join(" ")
            };
            let next = |i: usize| if i + 1 < splits { i as i64 + 1 } else { -2 - i as i64 };
            stump("poisson", &list(&|_| 0, splits), 8)
                .replace("num_leaves=2", &format!("num_leaves={}", splits + 1))
                .replace("split_feature=0", &format!("split_feature={}", list(&|_| 0, splits)))
                .replace("decision_type=8", &format!("decision_type={}", list(&|_| 8, splits)))
                .replace("left_child=-1", &format!("left_child={}", list(&|i| -1 - i as i64, splits)))
                .replace("right_child=-2", &format!("right_child={}", list(&next, splits)))
                .replace("leaf_value=-1 1", &format!("leaf_value={}", list(&|i| i as i64, splits + 1)))
                .replace("leaf_count=3 1", &format!("leaf_count={}", list(&|_| 1, splits + 1)))
        };
        let deep = Booster::from_lightgbm(&chain(DEEPEST)).unwrap();
        assert_eq!((deep.margin(&[-1.0]), deep.margin(&[1.0])), (0.0, DEEPEST as f64));
        let mut own = [0.0];
        let expected = Explainer::of(&deep).explain(&[1.0], 1.0, &mut own);
        assert!((expected + own[0] - DEEPEST as f64).abs() < 1e-6);
        let got = Booster::from_lightgbm(&chain(DEEPEST + 1));
        assert!(matches!(got, Err(ImportError::Unsupported { .. })));
    }
}
