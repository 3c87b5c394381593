//! Fits gradient-boosted trees to a generated data set and explains one row.

use homing_models::boosting::{Booster, Explainer, Objective, fit, sigmoid};
use homing_models::sampling::Picker;
use ndarray::{Array1, Array2};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut picker = Picker::new(7);
    let x = Array2::from_shape_fn((5_000, 3), |_| picker.below(1_000) as f32 / 1_000.0);
    // The third feature has no effect.
    let bought = |row: ndarray::ArrayView1<'_, f32>| f64::from(u8::from(row[0] + row[1] > 1.0));
    let y: Array1<f64> = x.rows().into_iter().map(bought).collect();
    let params = Booster::params(Objective::Logistic).trees(100).leaves(8).learning_rate(0.1);
    let booster = fit(params, x, y)?;

    let row = [0.9, 0.6, 0.5];
    let mut contributions = [0.0; 3];
    let expected = Explainer::of(&booster).explain(&row, 1.0, &mut contributions);
    println!("probability {:.3}", sigmoid(booster.margin(&row)));
    println!("log-odds {expected:.3} on average, contributions {contributions:.3?}");
    Ok(())
}
