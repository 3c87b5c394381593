//! Predictions as the columns of a table: the same in files, on a cluster and in a Spark worker.

use homing_datasets::table::{Column, Table, WriteError};

use crate::prediction::{NEXT_ORDER_QUARTILES, Outcome, Prediction, Provenance, number_names};

/// Adds the columns of the contract to a table: `not_scored`, the numbers of [`number_names`], `churn_percentile`,
/// `next_order_at` with its quartiles, `cluster`, `reasons` (JSON), `model`, `as_of`, `scored_at`. One row an outcome, in order.
///
/// # Errors
/// [`WriteError::Json`] where reasons cannot be written as JSON.
pub fn with_predictions<'a>(
    mut table: Table,
    horizons: &[u32],
    scored: impl Iterator<Item = (&'a Outcome, &'a Provenance)> + Clone,
) -> Result<Table, WriteError> {
    let predictions = || {
        scored.clone().map(|(outcome, _)| match outcome {
            Outcome::Scored(prediction) => Some(&**prediction),
            Outcome::NotScored(_) => None,
        })
    };
    let causes = scored.clone().map(|(outcome, _)| match outcome {
        Outcome::Scored(_) => None,
        Outcome::NotScored(cause) => Some(cause.code().to_owned()),
    });
    table = table.with("not_scored", Column::Text(causes.collect()));
    let names = number_names(horizons);
    let mut numbers: Vec<Vec<Option<f64>>> = vec![Vec::new(); names.len()];
    for prediction in predictions() {
        let values = prediction.map(Prediction::values);
        for (at, column) in numbers.iter_mut().enumerate() {
            column.push(values.as_ref().map(|values| values[at]));
        }
    }
    for (name, values) in names.into_iter().zip(numbers) {
        table = table.with(name, Column::Number(values));
    }
    let provenance = || scored.clone().map(|(_, provenance)| provenance);
    let percentiles = predictions().map(|p| Some(i64::from(p?.churn_percentile)));
    let clusters = predictions().map(|p| Some(i64::from(p?.cluster?.id)));
    let reasons: Result<Vec<_>, _> =
        predictions().map(|p| p.map(|p| serde_json::to_value(&p.reasons)).transpose()).collect();
    let reasons =
        reasons.map_err(|cause| WriteError::Json { column: "reasons", cause: cause.to_string() })?;
    let [earliest, latest] = NEXT_ORDER_QUARTILES;
    Ok(table
        .with("churn_percentile", Column::Whole(percentiles.collect()))
        .with("next_order_at", Column::Instant(predictions().map(|p| p?.next_order_at).collect()))
        .with(earliest, Column::Instant(predictions().map(|p| p?.next_order_quartiles[0]).collect()))
        .with(latest, Column::Instant(predictions().map(|p| p?.next_order_quartiles[1]).collect()))
        .with("cluster", Column::Whole(clusters.collect()))
        .with("reasons", Column::Json(reasons))
        .with("model", Column::Text(provenance().map(|from| Some(from.model.to_string())).collect()))
        .with("as_of", Column::Instant(provenance().map(|from| Some(from.as_of)).collect()))
        .with("scored_at", Column::Instant(provenance().map(|from| Some(from.scored_at)).collect())))
}
