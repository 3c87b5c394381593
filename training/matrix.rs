//! The feature matrix as a table: what the models see of each customer at each cutoff, with labels where asked for.

use homing_datasets::table::{Column, Table};
use homing_datasets::{Histories, Micros, Zone};
use homing_models::features::{COUNT, SPECS, Scratch, compute};
use rayon::prelude::*;

use crate::error::Error;
use crate::labels::{Label, days_after, label};

/// One customer at one cutoff.
struct MatrixRow {
    customer: String,
    cutoff: Micros,
    features: Vec<f64>,
    labels: Vec<Label>,
}

/// Features of every customer with a purchase by each cutoff, sorted by cutoff and customer; unknown features are empty. For each
/// horizon of `labels` (days) also what the customer did after the cutoff: `bought_next_{d}d`, `orders_next_{d}d` and `spend_next_{d}d` come
/// after the features.
///
/// # Errors
/// [`Error::InvalidArgument`] for no cutoff, and for labels whose window is not over by the last event.
pub fn matrix(
    histories: &Histories,
    cutoffs: &[Micros],
    labels: &[u32],
    zone: Zone,
    whole_ids: bool,
) -> Result<Table, Error> {
    if cutoffs.is_empty() {
        return Err(Error::InvalidArgument("--as-of: give at least one date".to_owned()));
    }
    let last = histories.last_instant().unwrap_or(Micros::MIN);
    for (&cutoff, &days) in cutoffs.iter().flat_map(|cutoff| labels.iter().map(move |days| (cutoff, days))) {
        // The window's last day may lack its last hours.
        if days == 0 || days_after(cutoff, days - 1) > last {
            return Err(Error::InvalidArgument(format!(
                "--labels {days}: the {days} days after {} end past the last event ({}); choose an earlier --as-of or fewer days",
                zone.date(cutoff),
                zone.date(last)
            )));
        }
    }
    let rows: Vec<MatrixRow> =
        cutoffs.iter().flat_map(|&cutoff| at(histories, cutoff, labels, zone)).collect();
    let ids = rows.iter().map(|row| row.customer.clone());
    let mut table = Table::default()
        .with("customer_id", Column::ids(ids, whole_ids))
        .with("as_of", Column::Instant(rows.iter().map(|row| Some(row.cutoff)).collect()));
    for (j, spec) in SPECS.iter().enumerate() {
        let values = rows.iter().map(|row| Some(row.features[j]).filter(|value| value.is_finite()));
        table = table.with(spec.name, Column::Number(values.collect()));
    }
    for (k, days) in labels.iter().enumerate() {
        let of = |value: fn(&Label) -> f64| -> Vec<Option<f64>> {
            rows.iter().map(|row| row.labels.get(k).map(value)).collect()
        };
        let whole = |value: fn(&Label) -> i64| -> Vec<Option<i64>> {
            rows.iter().map(|row| row.labels.get(k).map(value)).collect()
        };
        table = table
            .with(format!("bought_next_{days}d"), Column::Whole(whole(|label| i64::from(label.bought))))
            .with(format!("orders_next_{days}d"), Column::Whole(whole(|label| i64::from(label.orders))))
            .with(format!("spend_next_{days}d"), Column::Number(of(|label| label.spend)));
    }
    Ok(table)
}

fn at(histories: &Histories, cutoff: Micros, labels: &[u32], zone: Zone) -> Vec<MatrixRow> {
    let new = || (Scratch::default(), vec![0.0; COUNT]);
    let row = |(scratch, features): &mut (Scratch, Vec<f64>),
               (id, history): (&str, &homing_datasets::History)| {
        compute(&history.as_of(cutoff), zone, scratch, features).then(|| MatrixRow {
            customer: id.to_owned(),
            cutoff,
            features: features.clone(),
            labels: labels.iter().map(|&days| label(history, cutoff, days, zone)).collect(),
        })
    };
    histories.par_iter().map_init(new, row).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use homing_datasets::{DAY, Event, History, Kind};

    fn shop() -> Histories {
        let buy = |day: i64, amount| Event::new(Kind::Purchase, day * DAY + DAY / 2, amount);
        let history = |days: &[i64]| History::from_events(days.iter().map(|&d| buy(d, 10.0)).collect());
        Histories::from_vec(vec![
            ("a".to_owned(), history(&[100, 130, 160])),
            ("b".to_owned(), history(&[140, 200])),
        ])
    }

    #[test]
    fn features_end_at_the_cutoff_and_labels_begin_after_it() {
        let cutoffs = [131 * DAY - 1, 151 * DAY - 1];
        let table = matrix(&shop(), &cutoffs, &[30], Zone::default(), false).unwrap();
        assert_eq!(table.rows(), 3, "b has no purchase by the first cutoff");
        let file = tempfile::tempdir().unwrap();
        let path = file.path().join("features.csv");
        table.write(&path, Zone::default()).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let header = lines.next().unwrap();
        let place = |name: &str| header.iter().position(|column| *column == name).unwrap();
        let rows: Vec<Vec<&str>> = lines.collect();
        let of = |name: &str| rows.iter().map(|row| row[place(name)]).collect::<Vec<_>>();
        assert_eq!(of("customer_id"), ["a", "a", "b"]);
        assert_eq!(of("orders"), ["2", "2", "1"]);
        assert_eq!(of("bought_next_30d"), ["1", "1", "0"]);
        assert_eq!(of("spend_next_30d"), ["10", "10", "0"]);
        let mut names = header.clone();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), header.len(), "no label is named like a feature");
        assert_eq!(of("gap_mean_days")[2], "", "what one order cannot tell is empty");
    }

    #[test]
    fn labels_that_are_not_over_are_refused() {
        let late = matrix(&shop(), &[190 * DAY], &[30], Zone::default(), false);
        assert!(late.unwrap_err().to_string().contains("--labels 30"));
        assert!(matrix(&shop(), &[], &[], Zone::default(), false).is_err());
        assert!(matrix(&shop(), &[190 * DAY], &[], Zone::default(), false).is_ok());
    }
}
