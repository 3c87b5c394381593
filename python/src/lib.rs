//! The native half of the Python package `homing`: reads frames and files, fits and scores. The half that users see is in
//! `python/homing/`.
//!
//! ```text
//! errors.rs     errors of the crates ─▶ exceptions with code and remedy
//! frames.rs     Arrow's C stream interface ─▶ batches, and back
//! data.rs       frames or files ─▶ histories, with warnings
//! model.rs      histories ─▶ a model; scores, contributions, backtests
//! tables.rs     features, RFM, lifetime summaries
//! lifetimes.rs  lifetime models, one by one
//! boosting.rs   the booster over plain arrays
//! uplift.rs     an experiment ─▶ whom contact changes
//! campaign.rs   a campaign's list and purchases ─▶ what it changed
//! identity.rs   member records ─▶ people; the simulated chain
//! work.rs       long work off the interpreter's thread, which Ctrl-C ends
//! ```

mod boosting;
mod campaign;
mod data;
mod errors;
mod frames;
mod identity;
mod lifetimes;
mod model;
mod tables;
mod uplift;
mod work;

use pyo3::prelude::*;

#[pymodule]
fn _homing(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<data::Histories>()?;
    module.add_class::<frames::Frame>()?;
    module.add_class::<model::Bundle>()?;
    module.add_class::<model::Backtests>()?;
    module.add_class::<lifetimes::LifetimeModel>()?;
    module.add_class::<lifetimes::SpendModel>()?;
    module.add_class::<boosting::Booster>()?;
    module.add_function(wrap_pyfunction!(data::read_files, module)?)?;
    module.add_function(wrap_pyfunction!(data::read_frame, module)?)?;
    module.add_function(wrap_pyfunction!(data::cdnow, module)?)?;
    module.add_function(wrap_pyfunction!(model::fit, module)?)?;
    module.add_function(wrap_pyfunction!(model::backtest, module)?)?;
    module.add_function(wrap_pyfunction!(tables::feature_list, module)?)?;
    module.add_function(wrap_pyfunction!(tables::features, module)?)?;
    module.add_function(wrap_pyfunction!(tables::rfm, module)?)?;
    module.add_function(wrap_pyfunction!(tables::summary, module)?)?;
    module.add_function(wrap_pyfunction!(tables::repeats, module)?)?;
    module.add_function(wrap_pyfunction!(tables::check, module)?)?;
    module.add_function(wrap_pyfunction!(tables::baskets, module)?)?;
    module.add_function(wrap_pyfunction!(uplift::uplift, module)?)?;
    module.add_function(wrap_pyfunction!(campaign::evaluate_campaign, module)?)?;
    module.add_function(wrap_pyfunction!(campaign::pool_campaigns, module)?)?;
    module.add_function(wrap_pyfunction!(identity::identity, module)?)?;
    module.add_function(wrap_pyfunction!(identity::simulate, module)?)?;
    module.add_function(wrap_pyfunction!(lifetimes::fit_lifetime, module)?)?;
    module.add_function(wrap_pyfunction!(lifetimes::fit_spend, module)?)?;
    module.add_function(wrap_pyfunction!(boosting::fit_booster, module)?)?;
    Ok(())
}
