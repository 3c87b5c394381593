use crate::boosting::{Bins, Booster, Objective, Training};
use crate::sampling::mix;
use linfa::ParamGuard;
use ndarray::Array2;

/// Numbers with gaps, infinities and many equal values; the last column holds categories.
fn hostile(rows: usize) -> Array2<f32> {
    let unit = |i: usize, j: usize| mix(mix(i as u64) ^ j as u64) as f64 / u64::MAX as f64;
    Array2::from_shape_fn((rows, 7), |(i, j)| match (j, (unit(i, 100 + j) * 20.0) as u32) {
        (6, 0) => f32::NAN,
        (6, _) => (unit(i, j) * 30.0).floor() as f32,
        (_, 0..=2) => f32::NAN,
        (_, 3) => f32::INFINITY,
        (_, 4) => f32::NEG_INFINITY,
        (0, _) => (unit(i, j) * 8.0).floor() as f32,
        _ => unit(i, j) as f32,
    })
}

fn fitted(leaves: usize, categorical: &[usize]) -> Booster {
    let x = hostile(6000);
    let known = |x: f32| if x.is_finite() { f64::from(x) } else { 0.3 };
    let y: Vec<f64> = x
        .rows()
        .into_iter()
        .map(|row| known(row[0]) * known(row[1]) + known(row[2]) + (known(row[6]) as u32 % 3) as f64)
        .collect();
    let bins = Bins::with_categories(x.view(), categorical);
    let data = bins.sort(x.view());
    let params = Booster::params(Objective::Squared).trees(20).leaves(leaves).min_leaf_rows(3.0);
    let training = Training { data: &data, bins: &bins, targets: &y, offsets: None, weights: None };
    params.check().unwrap().fit_binned(&training).unwrap().0
}

#[test]
fn one_row_many_rows_and_plain_trees_agree_to_the_bit() {
    for (leaves, categorical) in [(2, vec![]), (8, vec![6]), (31, vec![]), (128, vec![6]), (200, vec![])] {
        let booster = fitted(leaves, &categorical);
        // Rows on the trees' own thresholds, too.
        let mut x = hostile(130);
        for (i, node) in booster.trees().iter().flat_map(|tree| &tree.nodes).enumerate() {
            if !node.is_leaf() && node.categories.is_none() {
                x[(i % 130, usize::from(node.feature))] = node.threshold;
            }
        }
        let single: Vec<u64> =
            x.rows().into_iter().map(|row| booster.margin(&row.to_vec()).to_bits()).collect();
        let plain: Vec<u64> =
            x.rows().into_iter().map(|row| booster.plain_margin(&row.to_vec()).to_bits()).collect();
        assert_eq!(single, plain, "{leaves} leaves");
        for rows in [1, 63, 64, 65, 130] {
            let first = &x.as_slice().unwrap()[..rows * 7];
            let many: Vec<u64> = booster.margins(first, 7).iter().map(|m| m.to_bits()).collect();
            assert_eq!(many, plain[..rows], "{leaves} leaves, {rows} rows");
        }
        let written = serde_json::to_string(&booster).unwrap();
        let read: Booster = serde_json::from_str(&written).unwrap();
        let all = x.as_slice().unwrap();
        assert_eq!(read.margins(all, 7), booster.margins(all, 7));
    }
}

#[test]
fn a_row_that_is_too_short_has_no_margin() {
    let booster = fitted(8, &[]);
    assert!(booster.margin(&[1.0; 3]).is_nan());
    assert!(booster.margins(&[0.0; 6], 3).iter().all(|m| m.is_nan()));
}
