//! Who scores every night: files and profiles, nothing written that has not changed, bad files told by row.

use std::fs::File;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, RecordBatch};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use crate::support::{CDNOW, Told, bundle, cdnow, homing, homing_train, registry, run, scratch, write};

const THREE: &str = "customer_id,occurred_at,amount\na,1997-01-01,5\na,1997-05-01,5\nb,1997-02-02,6\n";

/// `homing score` with the model of the tests.
#[track_caller]
fn score(folder: &Path, purchases: &str, rest: &[&str]) -> Told {
    let mut command = homing();
    command.args(["score", "--purchases", purchases, "--registry"]).arg(registry());
    run(command, folder, rest)
}

/// Customers without a purchase of a positive amount, by the library's own word for it.
fn without_purchase() -> Vec<&'static str> {
    let none = cdnow().iter().filter(|(_, history)| !history.events().any(|event| event.is_purchase()));
    none.map(|(id, _)| id).collect()
}

#[test]
fn the_second_night_writes_nothing() {
    let folder = scratch();
    let night = || score(folder.path(), CDNOW, &["--profiles", "sqlite:profiles.db", "--json"]).json();
    let everyone = cdnow().len() as u64;
    let missing = without_purchase().len() as u64;
    assert_eq!(missing, 68);

    let first = night();
    assert!(first["model"].as_str().unwrap().starts_with("homing@"), "{first:#}");
    assert_eq!(first["as_of"], "1998-06-30T00:00:00Z");
    assert_eq!(first["read"]["events"], 69_659);
    assert_eq!(first["read"]["customers"], everyone);
    let profiles = &first["profiles"];
    assert_eq!(profiles["customers"], everyone);
    assert_eq!(profiles["inserted"], everyone);
    assert_eq!((&profiles["updated"], &profiles["unchanged"]), (&0.into(), &0.into()));
    assert_eq!(profiles["not_scored"], serde_json::json!({ "no_purchase": missing }));
    assert!(profiles["tags_changed"].as_u64().unwrap() > everyone, "{profiles:#}");
    assert_eq!(profiles["tag_moves"]["churn.level"]["set"], everyone - missing, "{profiles:#}");
    assert!(first["seconds"]["score_and_write_profiles"].as_f64().unwrap() > 0.0);

    let second = night();
    let profiles = &second["profiles"];
    assert_eq!(profiles["unchanged"], everyone);
    for nothing in ["inserted", "updated", "newer_in_store", "tags_changed"] {
        assert_eq!(profiles[nothing], 0, "{nothing}: {profiles:#}");
    }
    assert_eq!(profiles["tag_moves"], serde_json::json!({}));
}

#[test]
fn a_line_of_2099_changes_no_profile_and_the_night_after_goes_on() {
    let folder = scratch();
    let good = "customer_id,occurred_at,amount\n1,1998-06-30,5\n2,1998-06-30,5\n";
    let night = |text: &str| {
        let last = write(folder.path(), "last.csv", text);
        let args = ["--purchases", last, "--profiles", "sqlite:profiles.db", "--json"];
        score(folder.path(), CDNOW, &args).json()
    };
    let first = night(good);
    let everyone = &first["profiles"]["customers"];
    for (text, warned) in [(format!("{good}2,2099-01-01,5\n"), true), (good.to_owned(), false)] {
        let next = night(&text);
        assert_eq!(next["as_of"], first["as_of"], "{text}");
        let profiles = &next["profiles"];
        assert_eq!(
            (&profiles["unchanged"], &profiles["newer_in_store"]),
            (everyone, &0.into()),
            "{profiles:#}"
        );
        let codes: Vec<&str> =
            next["warnings"].as_array().unwrap().iter().map(|told| told["code"].as_str().unwrap()).collect();
        assert_eq!(codes.contains(&"far_dates"), warned, "{codes:?}");
    }
}

/// A row of scores: customer, cause where there are none, and the bits of two of the numbers.
type Row = (String, Option<String>, [Option<u64>; 2]);

const NUMBERS: [&str; 2] = ["p_purchase_30d", "clv"];

fn from_ndjson(path: &Path) -> Vec<Row> {
    let text = std::fs::read_to_string(path).unwrap();
    let rows = text.lines().map(|line| {
        let row: Value = serde_json::from_str(line).unwrap();
        let numbers = NUMBERS.map(|name| row[name].as_f64().map(f64::to_bits));
        (
            row["customer_id"].as_str().unwrap().to_owned(),
            row["not_scored"].as_str().map(str::to_owned),
            numbers,
        )
    });
    rows.collect()
}

fn from_csv(path: &Path) -> Vec<Row> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let header = reader.headers().unwrap().clone();
    let at = |name| header.iter().position(|column| column == name).unwrap();
    let (id, cause, numbers) = (at("customer_id"), at("not_scored"), NUMBERS.map(at));
    let rows = reader.records().map(|row| {
        let row = row.unwrap();
        let told = |at: usize| Some(row[at].to_owned()).filter(|text| !text.is_empty());
        let bits = numbers.map(|at| told(at).map(|text| text.parse::<f64>().unwrap().to_bits()));
        (row[id].to_owned(), told(cause), bits)
    });
    rows.collect()
}

fn from_parquet(path: &Path) -> Vec<Row> {
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap().build().unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    let rows = batches.iter().flat_map(|batch| {
        let text = |name| batch.column_by_name(name).unwrap().as_string::<i32>();
        let (ids, causes) = (text("customer_id"), text("not_scored"));
        let numbers = NUMBERS.map(|name| batch.column_by_name(name).unwrap().as_primitive::<Float64Type>());
        (0..batch.num_rows()).map(move |row| {
            let cause = causes.is_valid(row).then(|| causes.value(row).to_owned());
            let bits = numbers.map(|column| column.is_valid(row).then(|| column.value(row).to_bits()));
            (ids.value(row).to_owned(), cause, bits)
        })
    });
    rows.collect()
}

#[test]
fn every_format_holds_one_row_a_customer_sorted_by_id() {
    let folder = scratch();
    let read = |name: &str, rows: fn(&Path) -> Vec<Row>| {
        let told = score(folder.path(), CDNOW, &["--as-of", "1997-12-31", "--out", name, "--json"]).json();
        assert_eq!(told["file"]["customers"], cdnow().len() as u64, "{name}");
        assert_eq!(told["file"]["not_scored"]["no_purchase"], 68, "{name}");
        rows(&folder.path().join(name))
    };
    let rows = read("scores.ndjson", from_ndjson);
    let ids = rows.iter().map(|(id, ..)| id.as_str());
    assert!(ids.clone().is_sorted_by(|a, b| a < b), "sorted, each once");
    assert!(ids.eq(cdnow().iter().map(|(id, _)| id)), "everyone");
    let missing = rows.iter().filter(|(_, cause, _)| cause.as_deref() == Some("no_purchase"));
    assert_eq!(missing.map(|(id, ..)| id.as_str()).collect::<Vec<_>>(), without_purchase());
    for (id, cause, numbers) in &rows {
        assert!(
            numbers.iter().all(|number| number.is_some() == cause.is_none()),
            "{id}: {cause:?} {numbers:?}"
        );
    }
    assert!(read("scores.csv", from_csv) == rows, "CSV and NDJSON differ");
    assert!(read("scores.parquet", from_parquet) == rows, "Parquet and NDJSON differ");
}

#[test]
fn homing_toml_supplies_purchases_and_registry() {
    let folder = scratch();
    write(folder.path(), "shop.csv", THREE);
    write(folder.path(), "other.csv", "customer_id,occurred_at,amount\nz,1997-01-01,5\n");
    let config =
        format!("purchases = ['shop.csv']\nregistry = '{}'\nhorizons = [30]\n", registry().display());
    write(folder.path(), "homing.toml", &config);
    let told = run(homing(), folder.path(), ["score", "--out", "scores.csv", "--json"]).json();
    assert_eq!((&told["read"]["events"], &told["file"]["customers"]), (&3.into(), &2.into()), "{told:#}");
    let ids: Vec<String> =
        from_csv(&folder.path().join("scores.csv")).into_iter().map(|(id, ..)| id).collect();
    assert_eq!(ids, ["a", "b"]);
    // The same file serves the other binary, and a flag wins over it.
    run(homing_train(), folder.path(), ["check"]).says(3, &["read 3 events of 2 customers"]);
    let told =
        run(homing(), folder.path(), ["score", "--purchases", "other.csv", "--out", "z.csv", "--json"])
            .json();
    assert_eq!(told["read"]["events"], 1, "{told:#}");
    // A key that nobody knows is a mistake, not an option to ignore.
    write(folder.path(), "homing.toml", "purchase = ['shop.csv']\n");
    run(homing(), folder.path(), ["score", "--out", "scores.csv"]).says(2, &["homing.toml", "`purchase`"]);
}

#[test]
fn bad_rows_stop_the_run_and_stand_in_the_rejects_file() {
    let folder = scratch();
    let cases = [
        ("date.csv", "b,1997-13-45,6,purchase", "bad_occurred_at", "write 2011-09-09"),
        ("negative.csv", "b,1997-02-02,-6,purchase", "negative_purchase", "set its kind to `return`"),
        ("type.csv", "b,1997-02-02,six,purchase", "bad_amount", "write 1234.50"),
    ];
    for (name, row, cause, remedy) in cases {
        let text = format!("customer_id,occurred_at,amount,kind\na,1997-01-01,5,purchase\n{row}\n");
        write(folder.path(), name, &text);
        let rejects = format!("{name}-rejects.csv");
        let told = score(folder.path(), name, &["--out", "scores.csv", "--rejects", &rejects]);
        told.says(3, &["1 of 2 rows", cause, remedy, &rejects]);
        let found = std::fs::read_to_string(folder.path().join(&rejects)).unwrap();
        let mut reader = csv::Reader::from_reader(found.as_bytes());
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 1, "{found}");
        // File, row in the file (the header is row 1), cause.
        assert_eq!((&rows[0][0], &rows[0][1], &rows[0][2]), (name, "3", cause), "{found}");
        assert!(rows[0][3].contains(remedy), "{found}");
        assert!(!folder.path().join("scores.csv").exists(), "{name} was scored all the same");
    }
    // Accepting the loss takes an explicit option.
    let told =
        score(folder.path(), "negative.csv", &["--out", "scores.csv", "--max-rejects", "0.5", "--json"])
            .json();
    assert_eq!(told["read"]["rejected"]["negative_purchase"], 1, "{told:#}");
    assert_eq!(from_csv(&folder.path().join("scores.csv")).len(), 1);
}

#[test]
fn files_that_cannot_be_scored_are_named_with_a_remedy() {
    let folder = scratch();
    let failed = |purchases, words: &[&str]| {
        score(folder.path(), purchases, &["--out", "scores.csv"]).says(1, words);
        assert!(!folder.path().join("scores.csv").exists(), "{purchases} was scored all the same");
    };
    let missing = write(folder.path(), "missing.csv", "customer_id,amount\na,5\n");
    failed(missing, &["`missing.csv` has no column `occurred_at`", "--columns occurred_at="]);
    let empty = write(folder.path(), "empty.csv", "");
    failed(empty, &["`empty.csv` is empty", "export it again"]);
    let text = write(folder.path(), "shop.ndjson", "{\"customer_id\": \"a\"\n");
    failed(text, &["line 1 of `shop.ndjson`", "one object per line"]);
}

#[test]
fn an_output_that_cannot_be_is_wrong_use() {
    let folder = scratch();
    let three = write(folder.path(), "three.csv", THREE);
    score(folder.path(), three, &["--out", "scores.xlsx"])
        .says(2, &["scores.xlsx", ".parquet, .csv or .ndjson"]);
    score(folder.path(), three, &[]).says(2, &["--out"]);
    score(folder.path(), three, &["--out", "scores.csv", "--as-of", "soon"]).says(2, &["soon", "2011-09-09"]);
    let place = "mysql://localhost/homing";
    score(folder.path(), three, &["--profiles", place]).says(2, &[place, "sqlite:profiles.db"]);
    let told = score(folder.path(), three, &["--out", "nowhere/scores.csv"]);
    told.says(1, &["nowhere/scores.csv"]);
}

#[test]
fn a_model_that_is_not_there_is_named_with_those_that_are() {
    let folder = scratch();
    let three = write(folder.path(), "three.csv", THREE);
    let told = score(folder.path(), three, &["--out", "scores.csv", "--model", "nobody"]);
    told.says(1, &[&registry().display().to_string(), "no model `nobody`", "available: homing"]);
    let args = ["score", "--purchases", three, "--registry", "nothing", "--out", "scores.csv"];
    run(homing(), folder.path(), args).says(1, &["nothing", "homing-train fit"]);
}

#[test]
fn a_damaged_bundle_names_its_damaged_part() {
    let folder = scratch();
    let three = write(folder.path(), "three.csv", THREE);
    let whole = bundle(registry());
    for part in ["horizons.json", "lifetime.json", "base.json"] {
        let copy = folder.path().join(format!("damaged-{part}"));
        std::fs::create_dir(&copy).unwrap();
        for entry in std::fs::read_dir(&whole).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, copy.join(path.file_name().unwrap())).unwrap();
        }
        let name = copy.display().to_string();
        let use_it = || score(folder.path(), three, &["--model", &name, "--out", "scores.csv"]);
        use_it().says(0, &[]);
        let mut bytes = std::fs::read(copy.join(part)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(copy.join(part), bytes).unwrap();
        use_it().says(1, &[&name, part, "damaged", "homing-train fit"]);
        std::fs::remove_file(copy.join(part)).unwrap();
        use_it().says(1, &[part, "homing-train fit"]);
    }
}
