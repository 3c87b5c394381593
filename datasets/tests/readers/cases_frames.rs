//! Frames: Arrow batches in memory, which other programs made.

use std::sync::Arc;

use crate::support::{Folder, assert_says};
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::Schema;
use homing_datasets::{Error, Histories, ReadOptions, ReadSummary, Stream, StreamOptions, read};

/// Rows of which some have no customer, some are damaged and one is far in the future.
fn rows(count: usize) -> RecordBatch {
    let ids = (0..count).map(|at| (at % 31 > 0).then_some(at as i64 % 97));
    let dates = (0..count).map(|at| match at % 501 {
        7 => "soon".to_owned(),
        9 => "2223-01-01".to_owned(),
        _ => format!("2023-{:02}-{:02}", 1 + at % 12, 1 + at % 28),
    });
    let amounts = (0..count).map(|at| if at % 701 == 3 { f64::NAN } else { (at % 50) as f64 / 4.0 - 1.0 });
    RecordBatch::try_from_iter([
        ("Member No", Arc::new(Int64Array::from_iter(ids)) as ArrayRef),
        ("date", Arc::new(StringArray::from_iter_values(dates))),
        ("amount", Arc::new(Float64Array::from_iter_values(amounts))),
    ])
    .unwrap()
}

fn of_frame(batches: Vec<RecordBatch>) -> Result<(Histories, ReadSummary), Error> {
    let schema = batches.first().map_or_else(|| Arc::new(Schema::empty()), RecordBatch::schema);
    let options = StreamOptions { read: options(), ..StreamOptions::default() };
    let (histories, summary, _) =
        Stream::of_batches(schema, batches, "the data frame", &options)?.collect(u64::MAX, 0)?;
    Ok((histories, summary))
}

fn options() -> ReadOptions {
    ReadOptions { max_reject_share: 0.1, ..ReadOptions::default() }
}

#[test]
fn a_frame_is_read_as_a_file_with_its_rows() {
    let rows = rows(150_000);
    let folder = Folder::new();
    let columns = ["Member No", "date", "amount"].into_iter().zip(rows.columns().iter().cloned());
    folder.write_parquet("rows.parquet", columns.collect(), 40_000);
    let (of_file, file) = read(&[folder.given("rows.parquet")], &options()).unwrap();
    let cut = vec![rows.slice(0, 70_000), rows.slice(70_000, 0), rows.slice(70_000, 80_000)];
    for batches in [vec![rows], cut] {
        let (of_frame, frame) = of_frame(batches).unwrap();
        assert!(of_frame == of_file);
        assert_eq!(
            (frame.lines, frame.events, frame.without_customer, &frame.rejected, frame.whole_ids),
            (file.lines, file.events, file.without_customer, &file.rejected, true)
        );
        let codes = |summary: &ReadSummary| {
            summary.warnings.list().iter().map(|one| (one.code, one.count)).collect::<Vec<_>>()
        };
        assert_eq!(codes(&frame), codes(&file));
    }
}

#[test]
fn a_frame_that_cannot_serve_is_refused_by_name() {
    let nothing = of_frame(vec![rows(10).slice(0, 0)]).unwrap_err();
    assert!(matches!(nothing, Error::NoLines { .. }), "{nothing}");
    let lacks = of_frame(Vec::new()).unwrap_err().to_string();
    assert_says(&lacks, &["`the data frame` has no column", "customer_id"]);
    let mut damaged = rows(500).columns().to_vec();
    damaged[1] = Arc::new(StringArray::from(vec!["soon"; 500]));
    let damaged = of_frame(vec![RecordBatch::try_new(rows(1).schema(), damaged).unwrap()]);
    assert!(damaged.is_err());
}
