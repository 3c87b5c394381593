//! What the booster does with constraints, categories, weights, held-back rows and bad input.

use homing_models::boosting::{
    Binned, Bins, Booster, BoosterParams, Error, Fitted, Objective, Training, Validation,
};
use homing_models::sampling::mix;
use linfa::ParamGuard;
use ndarray::{Array2, Axis};

fn unit(i: usize, j: u64) -> f64 {
    mix(mix(i as u64) ^ j) as f64 / u64::MAX as f64
}

fn matrix(rows: usize, columns: usize) -> Array2<f32> {
    Array2::from_shape_fn((rows, columns), |(i, j)| unit(i, j as u64) as f32)
}

struct Sorted {
    bins: Bins,
    data: Binned,
}

fn sorted(x: &Array2<f32>, categorical: &[usize]) -> Sorted {
    let bins = Bins::with_categories(x.view(), categorical);
    let data = bins.sort(x.view());
    Sorted { bins, data }
}

fn training<'a>(sorted: &'a Sorted, targets: &'a [f64], weights: Option<&'a [f64]>) -> Training<'a> {
    Training { data: &sorted.data, bins: &sorted.bins, targets, offsets: None, weights }
}

fn fitted(
    params: BoosterParams,
    x: &Array2<f32>,
    y: &[f64],
    weights: Option<&[f64]>,
) -> Result<Booster, Error> {
    Ok(params.check()?.fit_binned(&training(&sorted(x, &[]), y, weights))?.0)
}

fn margins(booster: &Booster, x: &Array2<f32>) -> Vec<f64> {
    x.rows().into_iter().map(|row| booster.margin(&row.to_vec())).collect()
}

#[test]
fn a_constrained_margin_never_moves_the_wrong_way() {
    let x = matrix(8000, 4);
    // Rises with the first, falls with the second, with waves that trees would follow if they could.
    let wave = |v: f64| (v * 25.0).sin() * 0.4;
    let y: Vec<f64> = (0..8000)
        .map(|i| unit(i, 0) + wave(unit(i, 0)) - unit(i, 1) - wave(unit(i, 1)) + (unit(i, 2) - 0.5).abs())
        .collect();
    let params =
        || Booster::params(Objective::Squared).trees(60).leaves(16).learning_rate(0.2).feature_share(1.0);
    let bound = fitted(params().monotone(vec![1, -1]), &x, &y, None).unwrap();
    let free = fitted(params(), &x, &y, None).unwrap();
    let path = |booster: &Booster, feature: usize, rest: usize| -> Vec<f64> {
        (0..200)
            .map(|step| {
                let mut row: Vec<f32> = x.row(rest).to_vec();
                row[feature] = step as f32 / 199.0;
                booster.margin(&row)
            })
            .collect()
    };
    for rest in 0..50 {
        assert!(path(&bound, 0, rest).windows(2).all(|w| w[1] >= w[0]), "feature 0 fell");
        assert!(path(&bound, 1, rest).windows(2).all(|w| w[1] <= w[0]), "feature 1 rose");
    }
    assert!(path(&free, 0, 0).windows(2).any(|w| w[1] < w[0]), "without constraint the wave is followed");
}

#[test]
fn categories_split_into_sets() {
    // Twenty categories without an order: the odd ones are worth more.
    let x = Array2::from_shape_fn((6000, 2), |(i, j)| (unit(i, j as u64) * 20.0).floor() as f32);
    let code = |i: usize| x[(i, 0)] as u32 * 7 % 20;
    let y: Vec<f64> = (0..6000).map(|i| f64::from(code(i) % 2) + 0.1 * unit(i, 9)).collect();
    let params = || {
        Booster::params(Objective::Squared)
            .trees(1)
            .leaves(2)
            .learning_rate(1.0)
            .l2(0.0)
            .row_share(1.0)
            .feature_share(1.0)
    };
    let checked = params().check().unwrap();
    let loss = |categorical: &[usize]| {
        let sorted = sorted(&x, categorical);
        let (booster, _) = checked.fit_binned(&training(&sorted, &y, None)).unwrap();
        let margins = margins(&booster, &x);
        margins.iter().zip(&y).map(|(m, y)| (m - y) * (m - y)).sum::<f64>() / 6000.0
    };
    let (as_set, as_number) = (loss(&[0]), loss(&[]));
    assert!(as_set < 0.002, "one split on a set tells the two kinds apart: {as_set}");
    assert!(as_number > 0.15, "one split on a number cannot: {as_number}");
}

#[test]
fn a_weight_counts_as_that_many_rows() {
    let x = matrix(3000, 3);
    let y: Vec<f64> = (0..3000).map(|i| f64::from(u8::from(unit(i, 7) < unit(i, 0)))).collect();
    let weights: Vec<f64> = (0..3000).map(|i| if unit(i, 1) < 0.5 { 3.0 } else { 0.0 }).collect();
    let kept: Vec<usize> = (0..3000).filter(|&i| weights[i] > 0.0).flat_map(|i| [i; 3]).collect();
    let params = || {
        Booster::params(Objective::Logistic).trees(20).row_share(1.0).feature_share(1.0).min_leaf_rows(1.0)
    };
    // The same bins for both; only the units that gradients are rounded to differ.
    let all = sorted(&x, &[]);
    let repeated = Sorted { data: all.bins.sort(x.select(Axis(0), &kept).view()), bins: all.bins.clone() };
    let repeated_y: Vec<f64> = kept.iter().map(|&i| y[i]).collect();
    let checked = params().check().unwrap();
    let weighed = checked.fit_binned(&training(&all, &y, Some(&weights))).unwrap().0;
    let repeated = checked.fit_binned(&training(&repeated, &repeated_y, None)).unwrap().0;
    let gap = |i: usize| (weighed.margin(&x.row(i).to_vec()) - repeated.margin(&x.row(i).to_vec())).abs();
    let mean = (0..3000).map(gap).sum::<f64>() / 3000.0;
    assert!(mean < 0.005, "{mean}");
}

#[test]
fn held_back_rows_stop_a_fit_that_learns_noise() {
    let x = matrix(4000, 8);
    let y: Vec<f64> = (0..4000).map(|i| f64::from(u8::from(unit(i, 99) < 0.3 + 0.4 * unit(i, 0)))).collect();
    let (learn, held) = (sorted(&x, &[]), matrix(3000, 8).mapv(|v| v));
    let held_data = learn.bins.sort(held.view());
    let held_y: Vec<f64> =
        (0..3000).map(|i| f64::from(u8::from(unit(i, 98) < 0.3 + 0.4 * unit(i, 0)))).collect();
    let validation =
        Validation { data: &held_data, targets: &held_y, offsets: None, weights: None, patience: 15 };
    let params =
        Booster::params(Objective::Logistic).trees(400).learning_rate(0.2).leaves(31).min_leaf_rows(5.0);
    let Fitted { booster, losses, best_round, .. } =
        params.check().unwrap().fit_validated(&training(&learn, &y, None), Some(&validation)).unwrap();
    assert!(best_round < 100 && losses.len() == best_round + 15, "{best_round} {}", losses.len());
    assert_eq!(booster.trees().len(), best_round);
    let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(losses[best_round - 1], best);
    let margins = margins(&booster, &held);
    let loss = |(m, y): (&f64, &f64)| m.max(0.0) + (-m.abs()).exp().ln_1p() - y * m;
    let again = margins.iter().zip(&held_y).map(loss).sum::<f64>() / 3000.0;
    assert!((again - best).abs() < 1e-9, "{again} {best}");
}

#[test]
fn a_quantile_leaves_its_share_below() {
    let x = matrix(20_000, 3);
    // Spread grows with the first feature.
    let y: Vec<f64> = (0..20_000).map(|i| (1.0 + 4.0 * unit(i, 0)) * unit(i, 5)).collect();
    for share in [0.1, 0.5, 0.9] {
        let params =
            Booster::params(Objective::Quantile(share)).trees(80).learning_rate(0.2).feature_share(1.0);
        let booster = fitted(params, &x, &y, None).unwrap();
        let margins = margins(&booster, &x);
        for part in 0..4 {
            let inside = |i: &usize| (unit(*i, 0) * 4.0) as usize == part;
            let rows: Vec<usize> = (0..20_000).filter(inside).collect();
            let below = rows.iter().filter(|&&i| y[i] <= margins[i]).count() as f64 / rows.len() as f64;
            assert!((below - share).abs() < 0.04, "{share} in quarter {part}: {below}");
        }
    }
}

#[test]
fn bad_input_is_refused_or_harmless() {
    let x = matrix(500, 3);
    let y = vec![1.0; 500];
    let params = || Booster::params(Objective::Logistic).trees(5);
    // All of one class, constant and empty columns, infinities.
    assert!(fitted(params(), &x, &y, None).unwrap().margin(&[0.5; 3]).is_finite());
    let half: Vec<f64> = (0..500).map(|i| f64::from(i % 2)).collect();
    for value in [1.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let booster = fitted(params(), &Array2::from_elem((500, 3), value), &half, None).unwrap();
        assert!(booster.margin(&[value; 3]).is_finite());
    }
    let one = fitted(params(), &matrix(1, 3), &[1.0], None).unwrap();
    assert!(one.margin(&[0.5; 3]).is_finite());
    let wrong = |result: Result<Booster, Error>| result.unwrap_err().to_string();
    assert!(wrong(fitted(params(), &x, &y[..10], None)).contains("targets has 10 values for 500 rows"));
    assert!(wrong(fitted(params(), &x, &[f64::NAN; 500], None)).contains("row 0 of targets"));
    assert!(wrong(fitted(params(), &x, &y, Some(&[-1.0; 500]))).contains("row 0 of weights"));
    assert!(wrong(fitted(params(), &x, &[2.0; 500], None)).contains("0 to 1"));
    let sets = sorted(&x, &[1]);
    let constrained = params().monotone(vec![0, 1]).check().unwrap();
    let error = constrained.fit_binned(&training(&sets, &y, None)).unwrap_err();
    assert!(error.to_string().contains("feature 1 is categorical"), "{error}");
}
