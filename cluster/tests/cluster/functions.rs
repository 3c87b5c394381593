//! The functions in one process.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{Array, Float64Array, LargeBinaryArray, StringArray};
use homing_cluster::input::Purchases;
use homing_cluster::job::{Ask, Cluster};
use homing_cluster::{Functions, Models};
use homing_datasets::{History, ReadOptions, Zone, read};
use homing_models::features::{COUNT, SPECS, Scratch, compute};

use crate::support::{cdnow, write_purchases};

fn local(registry: &Path) -> Cluster {
    Cluster::local(Functions::new(Arc::new(Models::of(registry)))).unwrap()
}

fn of(path: &Path) -> Purchases {
    let paths = vec![path.display().to_string()];
    Purchases { paths, columns: Default::default(), zone: Zone::default() }
}

#[tokio::test]
async fn lines_are_counted_as_the_readers_count_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lines.csv");
    fs::write(
        &path,
        "customer_id,occurred_at,amount,kind,recorded_at\n\
         a,2011-01-01,1,,\n a ,2011-01-02,2,,2011-02-01\n,2011-01-01,1,,\na,soon,1,,\na,2011-01-01,inf,,\n\
         a,2011-01-01,,,\na,2011-01-01,-1,purchase,\na,2011-01-01,4,swap,\na,1700-01-01,1,,\n\
         a,2011-03-01,1,,2011-01-01\na,,1,,\n  ,2011-01-01,1,,\nb,2011-05-01,,visit,\n",
    )
    .unwrap();
    let options = ReadOptions { max_reject_share: 1.0, ..ReadOptions::default() };
    let (_, summary) = read(&[path.display().to_string()], &options).unwrap();
    let tally = local(folder.path()).tally(&of(&path), 1.0).await.unwrap();
    assert_eq!((tally.lines, tally.events), (summary.lines, summary.events));
    assert_eq!(tally.without_customer, summary.without_customer);
    assert_eq!(tally.rejected, summary.rejected);
    assert_eq!(tally.rejected.len(), 8);
    assert_eq!(tally.last_instant, summary.last_instant);
}

#[tokio::test]
async fn histories_and_features_are_those_of_one_machine() {
    let folder = tempfile::tempdir().unwrap();
    write_purchases(&folder.path().join("in"), 500, 5);
    let purchases = of(&folder.path().join("in"));
    let (histories, _) = read(&purchases.paths, &ReadOptions::default()).unwrap();
    let as_of = histories.last_instant().unwrap();
    let cluster = local(folder.path());
    let rows = cluster.plan(&purchases, &Ask::Features, as_of).await.unwrap().collect().await.unwrap();
    let (mut scratch, mut expected, mut row) = (Scratch::default(), vec![0.0; COUNT], 0);
    for batch in &rows {
        let customers = batch.column(0).as_any().downcast_ref::<StringArray>().unwrap();
        let answer =
            batch.column(2).as_any().downcast_ref::<datafusion::arrow::array::StructArray>().unwrap();
        for at in 0..batch.num_rows() {
            let (id, history) = histories.at(row).unwrap();
            assert_eq!(customers.value(at), id, "sorted by the bytes of the id");
            compute(&history.as_of(as_of), Zone::default(), &mut scratch, &mut expected);
            for (spec, value) in SPECS.iter().zip(&expected) {
                let column = answer.column_by_name(spec.name).unwrap();
                let column = column.as_any().downcast_ref::<Float64Array>().unwrap();
                let found = column.is_valid(at).then(|| column.value(at).to_bits());
                assert_eq!(found, (!value.is_nan()).then_some(value.to_bits()), "{} of {id}", spec.name);
            }
            row += 1;
        }
    }
    assert_eq!(row, histories.len());
}

/// The aggregate without groups, over SQL as an analyst writes it.
#[tokio::test]
async fn sql_reaches_the_functions() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = local(folder.path());
    let session = cluster.session();
    session.register_parquet("lines", cdnow().to_str().unwrap(), Default::default()).await.unwrap();
    let (histories, _) = read(&[cdnow().display().to_string()], &ReadOptions::default()).unwrap();
    let (customer, expected) = histories.iter().max_by_key(|(_, history)| history.len()).unwrap();
    let sql = format!(
        "SELECT homing_history(homing_event('UTC', customer_id, occurred_at, amount, NULL, NULL, NULL, NULL, NULL, \
         NULL, NULL, NULL)) FROM lines WHERE customer_id = '{customer}'"
    );
    let rows = session.sql(&sql).await.unwrap().collect().await.unwrap();
    let bytes = rows[0].column(0).as_any().downcast_ref::<LargeBinaryArray>().unwrap();
    let found = History::from_bytes(bytes.value(0)).unwrap();
    let (found, expected) = (found.as_of(i64::MAX), expected.as_of(i64::MAX));
    assert!(found.len() > 100 && found.occurred_at() == expected.occurred_at());
    assert!(found.amount() == expected.amount());

    // A line costs one call: the engine must not ask for each field of the event anew.
    let purchases = of(&cdnow());
    let plan = cluster.plan(&purchases, &Ask::Features, 0).await.unwrap();
    let plan = plan.create_physical_plan().await.unwrap();
    let shown = datafusion::physical_plan::displayable(plan.as_ref()).indent(false).to_string();
    let calls = shown.lines().map(|line| line.matches("homing_event(").count()).sum::<usize>();
    assert_eq!(calls, 1, "{shown}");

    // What makes no sense is refused before anything runs.
    for (sql, word) in [
        (
            "SELECT homing_event('Mars', 'c', '2011-01-01', 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
            "Mars",
        ),
        (
            "SELECT homing_event('UTC', 'c', true, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
            "occurred_at",
        ),
        ("SELECT homing_predict(X'00', 'shop@none', now(), now())", "shop@none"),
    ] {
        let refused = match session.sql(sql).await {
            Ok(frame) => frame.collect().await.unwrap_err(),
            Err(error) => error,
        };
        assert!(refused.to_string().contains(word), "{refused}");
    }
}
