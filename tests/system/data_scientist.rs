//! Who trains: the same bytes from the same data, and refusals that say what to do.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use homing_datasets::Zone;
use homing_datasets::table::{Column, Table};

use crate::support::{CDNOW, bundle, cdnow, fit, homing, homing_train, registry, run, scratch, write};

/// Too few customers to learn from, and nothing wrong with them.
const FEW: &str = "customer_id,occurred_at,amount\na,1997-01-01,5\na,1997-05-01,5\nb,1997-02-02,6\n";

/// Every file below a folder, by its path from there.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_owned();
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn one_thread_and_two_fit_the_same_bytes() {
    let folder = scratch();
    let mut csv = "customer_id,occurred_at,amount,quantity\n".to_owned();
    for (id, history) in cdnow().iter().take(3000) {
        for event in history.events() {
            let at = Zone::default().date(event.occurred_at);
            writeln!(csv, "{id},{at},{},{}", event.amount, event.quantity).unwrap();
        }
    }
    write(folder.path(), "small.csv", &csv);
    let fitted = [1, 2].map(|threads| {
        let registry = folder.path().join(format!("registry-{threads}"));
        fit("small.csv", folder.path(), &registry, Some(threads)).says(0, &["of 3000 customers"]);
        (bundle(&registry).file_name().unwrap().to_owned(), files(&registry))
    });
    let [(version, one), (other, two)] = &fitted;
    assert!(one.keys().any(|name| name.ends_with("manifest.json")), "{:?}", one.keys());
    assert!(one.keys().any(|name| name.ends_with("horizons.json")), "{:?}", one.keys());
    assert_eq!(version, other);
    assert!(one.keys().eq(two.keys()), "{:?} {:?}", one.keys(), two.keys());
    for (name, bytes) in one {
        assert!(bytes == &two[name], "{} depends on the number of threads", name.display());
    }
}

#[test]
fn too_few_customers_are_refused_with_what_is_missing() {
    let folder = scratch();
    let few = write(folder.path(), "few.csv", FEW);
    let lacks = [
        "2 customers with a purchase; at least 50 are needed",
        "1 customers with a second order; at least 10 are needed",
    ];
    let told = run(homing_train(), folder.path(), ["fit", "--purchases", few, "--registry", "models"]);
    told.says(3, &lacks);
    assert!(!folder.path().join("models").exists(), "a refusal leaves nothing behind");
    run(homing_train(), folder.path(), ["check", "--purchases", few]).says(3, &lacks);
    run(homing_train(), folder.path(), ["backtest", "--purchases", few, "--cutoffs", "1997-03-01"])
        .says(3, &lacks[..1]);
}

#[test]
fn a_horizon_longer_than_the_data_is_wrong_use() {
    let folder = scratch();
    let backtest = |horizon| {
        let args = ["backtest", "--purchases", CDNOW, "--cutoffs", "1998-03-31", "--horizons", horizon];
        run(homing_train(), folder.path(), args)
    };
    backtest("365")
        .says(2, &["365 days", "1998-03-31", "past the last event", "1998-06-30", "shorter horizon"]);
    backtest("9000").says(2, &["--horizons 9000", "1 to 3650 days"]);
    backtest("0").says(2, &["--horizons 0", "1 to 3650 days"]);
    backtest("many").says(2, &["--horizons", "many"]);
}

#[test]
fn cutoffs_out_of_order_are_wrong_use() {
    let folder = scratch();
    let backtest = |cutoffs| {
        run(homing_train(), folder.path(), ["backtest", "--purchases", CDNOW, "--cutoffs", cutoffs])
    };
    let words = ["--cutoffs", "1997-12-31 is not before 1997-09-30", "in chronological order"];
    backtest("1997-12-31,1997-09-30").says(2, &words);
    backtest("1997-09-30,1997-09-30").says(2, &["--cutoffs", "1997-09-30 is not before 1997-09-30"]);
    backtest("1997-09-31").says(2, &["1997-09-31", "2011-09-09"]);
}

#[test]
fn flags_that_make_no_sense_are_wrong_use() {
    let folder = scratch();
    let few = write(folder.path(), "few.csv", FEW);
    let fit = |flag, value| run(homing_train(), folder.path(), ["fit", "--purchases", few, flag, value]);
    fit("--discount-rate", "-0.5").says(2, &["--discount-rate", "-0.5"]);
    fit("--as-of", "soon").says(2, &["soon", "2011-09-09"]);
    fit("--timezone", "Mars/Base").says(2, &["--timezone", "Mars/Base", "IANA"]);
    fit("--horizon", "90").says(2, &["--horizon", "--horizons"]);
    let args = ["backtest", "--purchases", few, "--cutoffs", "1997-03-01", "--out", "scores.xlsx"];
    run(homing_train(), folder.path(), args).says(2, &["scores.xlsx", ".parquet, .csv or .ndjson"]);
    run::<&str>(homing_train(), folder.path(), []).says(2, &["Usage"]);
}

#[test]
fn a_name_that_no_model_may_have_is_refused_before_training() {
    let folder = scratch();
    write(folder.path(), "few.csv", FEW);
    let found = run(homing_train(), folder.path(), ["fit", "--purchases", "few.csv", "--name", "my shop"]);
    found.says(2, &["--name", "my shop"]);
    // The data, which are too few, were not looked at.
    assert!(!found.err.contains("second order"), "{found:?}");
}

#[test]
fn any_horizon_can_be_asked_for_when_scoring() {
    let folder = scratch();
    let score = |extra: &[&str], out: &str| {
        let mut homing = homing();
        homing.args(["score", "--purchases", CDNOW, "--out", out, "--registry"]).arg(registry());
        run(homing, folder.path(), extra)
    };
    score(&["--horizons", "14,400", "--discount-rate", "0"], "more.csv").says(0, &[]);
    score(&[], "own.csv").says(0, &[]);
    let columns = |name: &str| {
        let text = std::fs::read_to_string(folder.path().join(name)).unwrap();
        let mut rows = text.lines().map(|row| row.split(',').map(str::to_owned).collect::<Vec<_>>());
        let (header, row) = (rows.next().unwrap(), rows.next().unwrap());
        header.into_iter().zip(row).collect::<BTreeMap<String, String>>()
    };
    let (more, own) = (columns("more.csv"), columns("own.csv"));
    let p = |days: u32| more[&format!("p_purchase_{days}d")].parse::<f64>().unwrap();
    assert!(p(14) > 0.0 && p(14) <= p(30) && p(90) <= p(400), "{more:?}");
    assert!(!own.contains_key("p_purchase_14d") && own["p_purchase_30d"] == more["p_purchase_30d"]);
    let clv = |of: &BTreeMap<String, String>| of["clv"].parse::<f64>().unwrap();
    assert!(clv(&more) > clv(&own), "without a discount it is worth more");
    score(&["--horizons", "0"], "none.csv").says(2, &["1 to 3650 days"]);
}

#[test]
fn purchases_that_cannot_be_read_are_named_with_a_remedy() {
    let folder = scratch();
    let fit = |purchases| {
        run(homing_train(), folder.path(), ["fit", "--purchases", purchases, "--registry", "models"])
    };
    let missing = write(folder.path(), "missing.csv", "customer_id,occurred_at\na,1997-01-01\n");
    fit(missing).says(1, &["`missing.csv` has no column `amount`", "--columns amount="]);
    let empty = write(folder.path(), "empty.csv", "");
    fit(empty).says(1, &["`empty.csv` is empty", "export it again"]);
    let header = write(folder.path(), "header.csv", "customer_id,occurred_at,amount\n");
    fit(header).says(3, &["no rows of data", "export again"]);
    fit("nowhere.csv").says(1, &["no file matches `nowhere.csv`", "check the path"]);
    let binary = write(folder.path(), "shop.parquet", "not Parquet at all");
    fit(binary).says(1, &["cannot read `shop.parquet` as Parquet", "write or copy it again"]);
    assert!(!folder.path().join("models").exists(), "a failure leaves nothing behind");
}

#[test]
fn a_column_of_the_wrong_type_is_named_with_what_it_needs() {
    let folder = scratch();
    let table = Table::default()
        .with("customer_id", Column::Text(vec![Some("a".to_owned()), Some("b".to_owned())]))
        .with("occurred_at", Column::Instant(vec![Some(0), Some(1)]))
        .with("amount", Column::Instant(vec![Some(0), Some(1)]));
    table.write(&folder.path().join("typed.parquet"), Zone::default()).unwrap();
    let told = run(homing_train(), folder.path(), ["check", "--purchases", "typed.parquet"]);
    told.says(1, &["column `amount` of `typed.parquet`", "Timestamp", "amount needs", "--columns amount="]);
}

#[test]
fn purchases_come_from_standard_input_too() {
    let folder = scratch();
    for name in ["-", "/dev/stdin"] {
        let text = std::fs::File::open(CDNOW).unwrap();
        let mut command = homing_train();
        command.stdin(text);
        let told = run(command, folder.path(), ["check", "--purchases", name]);
        told.says(0, &["read 69659 events of 23570 customers"]);
    }
    // A table of texts, packed.
    let csv = write(folder.path(), "few.csv", FEW);
    let mut command = homing_train();
    command.stdin(std::fs::File::open(folder.path().join(csv)).unwrap());
    run(command, folder.path(), ["check", "--purchases", "-"]).says(3, &["read "]);
}

#[test]
fn baskets_without_products_name_the_column_that_is_missing() {
    let folder = scratch();
    let few = write(folder.path(), "few.csv", FEW);
    let told = run(homing(), folder.path(), ["baskets", "--purchases", few]);
    told.says(0, &["missing_column", "`product_id`", "--columns product_id="]);
}

#[test]
fn a_refused_run_says_what_was_recognised() {
    let folder = scratch();
    let mut rows = String::from("Order Date;Order No;Kunde;Total\n");
    (0..20).for_each(|nth| {
        rows.push_str(&format!("2023-01-{:02};{nth};c{};{}\n", nth + 1, nth % 3, ["x", "5"][nth % 2]))
    });
    let bad = write(folder.path(), "bad.csv", &rows);
    let told = run(homing_train(), folder.path(), ["check", "--purchases", bad]);
    told.says(
        3,
        &[
            "bad_amount",
            "recognised: table in bad.csv",
            "delimiter ;",
            "amount = Total",
            "customer_id = Kunde",
        ],
    );
}
