//! What a user of the readers sees: files in, histories, a summary, rejects or a clear refusal out.
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail loudly, as the test itself does")]

mod cases_exports;
mod cases_files;
mod cases_formats;
mod cases_frames;
mod cases_lines;
mod cases_systems;
mod cases_tables;
mod cases_values;
mod random_bytes;
#[path = "../support/mod.rs"]
mod support;

use std::fs;

use arrow_array::types::Int32Type;
use arrow_array::{
    BinaryArray, Date32Array, Date64Array, Decimal128Array, DictionaryArray, Float32Array, Float64Array,
    Int32Array, Int64Array, LargeStringArray, ListArray, NullArray, StringArray, StringViewArray,
    TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray,
    UInt64Array,
};
use homing_datasets::{DAY, Error, Event, History, ReadOptions, Zone, read};
use support::events::{dice, random_event, shown};
use support::sample::{CSV, NDJSON, expected};
use support::{Folder, array, assert_says, mapped};

#[test]
fn the_same_data_make_the_same_histories_in_every_text_format() {
    let folder = Folder::new();
    let with = |delimiter: &str| {
        // No delimiter is in a field but the comma of the category, which is quoted.
        CSV.replace("lamps, shades", "lamps@ shades").replace(',', delimiter).replace('@', ",")
    };
    folder.write("a.csv", CSV);
    folder.write("bom_and_crlf.csv", format!("\u{feff}{}", CSV.replace('\n', "\r\n")));
    folder.write("blank_lines.csv", format!("\n\n{}\n\n", CSV.replace("\n17850", "\n\n17850")));
    folder.write("semicolon.csv", with(";"));
    folder.write("tab.csv", with("\t"));
    folder.write("pipe.CSV", with("|"));
    folder.write("a.tsv", with("\t"));
    folder.write("a.csv.gz", CSV);
    folder.write("a.tsv.zst", with("\t"));
    folder.write("a.csv.zst", CSV);
    folder.write("a.ndjson", NDJSON);
    folder.write("a.json", NDJSON.trim());
    folder.write("a.jsonl.gz", NDJSON);
    folder.write("a.ndjson.zst", NDJSON);
    let mut files = 0;
    for entry in fs::read_dir(folder.path("")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let (histories, summary) = folder.read(&name).unwrap();
        assert_eq!(histories, expected(), "{name}");
        assert_eq!((summary.lines, summary.events, summary.without_customer), (7, 6, 1), "{name}");
        assert!(summary.rejected.is_empty(), "{name}");
        files += 1;
    }
    assert_eq!(files, 14);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of columns in each type")]
fn the_same_data_make_the_same_histories_in_parquet_of_any_column_type() {
    let folder = Folder::new();
    let zone = Zone::default();
    let times = [
        "2010-12-01 08:26",
        "2010-12-02 09:00",
        "2010-12-02 10:00",
        "2011-01-07",
        "2011-01-18 10:01",
        "2011-01-18 10:17",
        "2011-02-01",
    ]
    .map(|text| zone.instant(text).unwrap());
    let micros = || times.iter().copied();
    let late = vec![None, Some(zone.instant("2010-12-05").unwrap()), None, None, None, None, None];
    let customers =
        [Some("17850"), Some("13085"), None, Some("17850"), Some("12346"), Some("12346"), Some("13085")];
    let numbers = || customers.iter().map(|id| id.map(|id| id.parse::<i64>().unwrap()));
    let orders = vec!["536365", "C536379", "536380", "536999", "541431", "C541433", ""];
    let products =
        vec![Some("85123A"), Some("D"), Some("22960"), Some("GIFT"), Some("23166"), Some("23166"), None];
    let categories = vec![Some("lamps, shades"), None, None, None, None, None, None];
    let channels = vec![Some("web"), Some("till"), None, Some("web"), None, None, None];
    let quantities = vec![Some(6), Some(-1), Some(1), None, Some(74215), Some(-74215), None];
    let kinds = [Some("purchase"), Some("return"), None, None, None, None, Some("visit")];
    let promotions = vec![None, None, None, Some("spring"), None, None, None];
    let cents = [Some(1530), Some(-450), Some(300), Some(0), Some(7_718_360), Some(-7_718_360), None];
    let amounts = || cents.iter().map(|cents| cents.map(|cents| f64::from(cents) / 100.0));

    let ids = [
        array(customers.iter().copied().collect::<StringArray>()),
        array(customers.iter().copied().collect::<LargeStringArray>()),
        array(customers.iter().copied().collect::<StringViewArray>()),
        array(customers.iter().copied().collect::<DictionaryArray<Int32Type>>()),
        array(customers.iter().map(|id| id.map(str::as_bytes)).collect::<BinaryArray>()),
        array(numbers().collect::<Int64Array>()),
        array(numbers().map(|id| id.map(|id| id as i32)).collect::<Int32Array>()),
        array(numbers().map(|id| id.map(|id| id as u64)).collect::<UInt64Array>()),
        array(numbers().map(|id| id.map(|id| id as f64)).collect::<Float64Array>()),
        array(
            numbers()
                .map(|id| id.map(i128::from))
                .collect::<Decimal128Array>()
                .with_precision_and_scale(38, 0)
                .unwrap(),
        ),
    ];
    let instants = [
        array(TimestampNanosecondArray::from_iter_values(micros().map(|at| at * 1000))),
        array(TimestampMicrosecondArray::from_iter_values(micros())),
        array(
            TimestampMillisecondArray::from_iter_values(micros().map(|at| at / 1000)).with_timezone("+08:00"),
        ),
        array(TimestampSecondArray::from_iter_values(micros().map(|at| at / 1_000_000)).with_timezone("UTC")),
        array(StringArray::from_iter_values(micros().map(|at| zone.format(at)))),
    ];
    let sums = [
        array(amounts().collect::<Float64Array>()),
        array(
            cents
                .iter()
                .map(|cents| cents.map(i128::from))
                .collect::<Decimal128Array>()
                .with_precision_and_scale(18, 2)
                .unwrap(),
        ),
        array(amounts().map(|amount| amount.map(|amount| amount.to_string())).collect::<StringArray>()),
    ];
    for round in 0..ids.len().max(instants.len()) {
        let columns = vec![
            ("note", array(NullArray::new(7))),
            ("customer_id", ids[round % ids.len()].clone()),
            ("kind", array(kinds.iter().copied().collect::<DictionaryArray<Int32Type>>())),
            ("occurred_at", instants[round % instants.len()].clone()),
            ("recorded_at", array(TimestampMicrosecondArray::from(late.clone()))),
            ("amount", sums[round % sums.len()].clone()),
            ("order_id", array(StringViewArray::from(orders.clone()))),
            ("product_id", array(LargeStringArray::from(products.clone()))),
            ("category", array(StringArray::from(categories.clone()))),
            ("channel", array(StringArray::from(channels.clone()))),
            ("quantity", array(Int64Array::from(quantities.clone()))),
            ("promotion", array(StringArray::from(promotions.clone()))),
        ];
        let name = format!("{round}.{}", if round % 2 == 0 { "parquet" } else { "pq" });
        folder.write_parquet(&name, columns, 3);
        let (histories, summary) = folder.read(&name).unwrap();
        assert_eq!(histories, expected(), "round {round}");
        assert_eq!((summary.lines, summary.events, summary.without_customer), (7, 6, 1));
    }
}

#[test]
fn times_without_a_zone_are_local_in_every_format() {
    let folder = Folder::new();
    let options = ReadOptions { zone: "Asia/Shanghai".parse().unwrap(), ..ReadOptions::default() };
    let midnight = Zone::default().instant("2011-09-08T16:00:00Z").unwrap();
    let day = midnight.div_euclid(DAY) as i32 + 1;
    let parquet = |name: &str, at| {
        let columns = vec![
            ("customer_id", array(Int64Array::from(vec![1]))),
            ("occurred_at", at),
            ("amount", array(Float32Array::from(vec![2.5]))),
        ];
        folder.write_parquet(name, columns, 10)
    };
    for file in [
        folder.write("a.csv", "customer_id,occurred_at,amount\n1,2011-09-09,2.5\n"),
        folder.write("b.ndjson", r#"{"customer_id":1,"occurred_at":"2011-09-09 00:00:00","amount":2.5}"#),
        parquet("a.parquet", array(Date32Array::from(vec![day]))),
        parquet("b.parquet", array(Date64Array::from(vec![i64::from(day) * DAY / 1000]))),
        parquet("c.parquet", array(TimestampSecondArray::from(vec![i64::from(day) * DAY / 1_000_000]))),
        parquet(
            "d.parquet",
            array(TimestampSecondArray::from(vec![midnight / 1_000_000]).with_timezone("Europe/Paris")),
        ),
    ] {
        let (histories, summary) = read(std::slice::from_ref(&file), &options).unwrap();
        assert_eq!(histories.first_instant(), Some(midnight), "{file}");
        assert_eq!(summary.last_instant, Some(midnight), "{file}");
    }
}

#[test]
fn columns_are_mapped_to_the_names_of_the_file() {
    let folder = Folder::new();
    let options =
        mapped(&[("customer_id", "Member No"), ("occurred_at", "日期"), ("amount", "total"), ("kind", "")]);
    folder.write("a.csv", "kind,日期, Member No ,total,amount\nretail,2011-01-01,m1,5,xx\n");
    folder.write(
        "b.ndjson",
        r#"{"kind":"retail","日期":"2011-01-01","Member No":"m1","total":5,"amount":"xx"}"#,
    );
    let columns = vec![
        ("total", array(Int32Array::from(vec![5]))),
        ("日期", array(StringArray::from(vec!["2011-01-01"]))),
        ("Member No", array(StringArray::from(vec!["m1"]))),
        ("amount", array(StringArray::from(vec!["xx"]))),
        ("kind", array(StringArray::from(vec!["retail"]))),
    ];
    folder.write_parquet("c.parquet", columns, 10);
    for name in ["a.csv", "b.ndjson", "c.parquet"] {
        let (histories, _) = read(&[folder.given(name)], &options).unwrap();
        assert_eq!(histories.get("m1").unwrap().as_of(i64::MAX).amount(), [5.0], "{name}");
        let missing = read(
            &[folder.given(name)],
            &mapped(&[("customer_id", "Member No"), ("occurred_at", "日期"), ("channel", "till")]),
        );
        assert_says(&missing.unwrap_err().to_string(), &[name, "`--columns channel=till`"]);
    }
    folder.write("d.csv", "foo,bar,baz\n1,2,3\n");
    let missing = folder.read("d.csv").unwrap_err().to_string();
    assert_says(&missing, &["d.csv", "no column `customer_id`", "`foo`", "`baz`", "--columns customer_id="]);
    let unknown = read(&[folder.given("a.csv")], &mapped(&[("customer", "Member No")])).unwrap_err();
    assert_says(&unknown.to_string(), &["unknown column `customer`", "customer_id, occurred_at, amount"]);
}

#[test]
fn an_optional_column_may_be_absent_from_one_of_the_ndjson_files() {
    let folder = Folder::new();
    folder.write("1.ndjson", r#"{"customer_id":1,"occurred_at":"2011-01-01","amount":5}"#);
    folder.write("2.ndjson", r#"{"customer_id":1,"occurred_at":"2011-01-02","amount":5,"promo":"spring"}"#);
    let (histories, _) = read(&[folder.given("")], &mapped(&[("promotion", "promo")])).unwrap();
    let view = histories.get("1").unwrap().as_of(i64::MAX);
    assert_eq!(
        view.promotion().iter().map(|&code| view.name(code)).collect::<Vec<_>>(),
        [None, Some("spring")]
    );
    let missing = read(&[folder.given("")], &mapped(&[("promotion", "promos")])).unwrap_err();
    assert!(matches!(missing, Error::MissingMapped { column: "promotion", .. }), "{missing}");
}

#[test]
fn a_wrong_path_is_refused_with_its_name() {
    let folder = Folder::new();
    fs::create_dir(folder.path("nothing")).unwrap();
    for name in ["gone.csv", "*.parquet", "nothing"] {
        assert_says(&folder.read(name).unwrap_err().to_string(), &[name, "no file matches", ".ndjson"]);
    }
    assert_says(&folder.refusal("a.docx", [0; 99]), &["a.docx", "unknown file type", ".csv"]);
    assert_says(&folder.refusal("a.xlsx", "x"), &["a.xlsx", "as a workbook"]);
    let remote = read(&["ftp://host/a.csv".into()], &ReadOptions::default()).unwrap_err();
    assert_says(&remote.to_string(), &["ftp://host/a.csv", "s3://", "download it"]);
    let share = read(&[], &ReadOptions { max_reject_share: 1.5, ..ReadOptions::default() }).unwrap_err();
    assert_says(&share.to_string(), &["1.5", "from 0 to 1"]);
}

#[test]
fn a_file_without_content_is_refused() {
    let folder = Folder::new();
    for (name, content) in
        [("a.csv", ""), ("b.csv", "\n \n"), ("c.ndjson", "\n"), ("d.parquet", ""), ("e.csv.gz", "")]
    {
        assert_says(&folder.refusal(name, content), &[name, "is empty"]);
    }
    assert_says(&folder.refusal("f.csv", "customer_id,occurred_at,amount\n"), &["no rows of data"]);
    let nobody = folder.refusal("g.csv", "customer_id,occurred_at,amount\n,2011-01-01,1\n ,2011-01-01,2\n");
    assert_says(&nobody, &["none of the 2 rows", "2 have no customer", "--columns customer_id="]);
}

#[test]
fn a_column_of_a_wrong_type_is_refused() {
    let folder = Folder::new();
    let list = || array(ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1)])]));
    let whole = || array(Int64Array::from(vec![1_300_000_000]));
    let text = || array(StringArray::from(vec!["2011-01-01"]));
    let good = || vec![("customer_id", text()), ("occurred_at", text()), ("amount", whole())];
    for (column, values, said) in [
        ("customer_id", list(), "List"),
        ("customer_id", array(TimestampSecondArray::from(vec![1])), "Timestamp"),
        ("amount", array(Date32Array::from(vec![1])), "Date32"),
        ("kind", whole(), "Int64"),
        (
            "order_id",
            array(Decimal128Array::from(vec![1]).with_precision_and_scale(9, 2).unwrap()),
            "Decimal128(9, 2)",
        ),
    ] {
        let mut columns = good();
        columns.retain(|(name, _)| *name != column);
        columns.push((column, values));
        folder.write_parquet("a.parquet", columns, 10);
        let refused = folder.read("a.parquet").unwrap_err();
        assert!(matches!(refused, Error::WrongType { .. }), "{refused}");
        assert_says(&refused.to_string(), &["a.parquet", column, said, "--columns"]);
    }
}

#[test]
fn damaged_parquet_is_refused_and_never_brings_the_process_down() {
    let folder = Folder::new();
    let texts = StringArray::from_iter_values((0..200).map(|i| format!("c{}", i % 17)));
    let days = Date32Array::from_iter_values(0..200);
    let amounts = Float64Array::from_iter_values((0..200).map(f64::from));
    folder.write_parquet(
        "a.parquet",
        vec![("customer_id", array(texts)), ("occurred_at", array(days)), ("amount", array(amounts))],
        70,
    );
    let whole = fs::read(folder.path("a.parquet")).unwrap();
    for len in (1..whole.len()).step_by(41).chain([whole.len() - 1]) {
        let refused = folder.refusal("cut.parquet", &whole[..len]);
        assert_says(&refused, &["cut.parquet", "as Parquet", "truncated or damaged"]);
    }
    assert_says(&folder.refusal("text.parquet", CSV), &["text.parquet", "as Parquet"]);
    // A changed byte may change a value and nothing else; what counts is that it ends in one way or the other.
    let mut refused = 0;
    for at in (4..whole.len()).step_by(7) {
        let mut changed = whole.clone();
        changed[at] ^= 0x55;
        folder.write("changed.parquet", &changed);
        refused += usize::from(folder.read("changed.parquet").is_err());
    }
    assert!(refused > 10, "{refused}");
}

#[test]
fn damaged_text_is_refused() {
    let folder = Folder::new();
    folder.write("a.csv.gz", CSV.repeat(50));
    let whole = fs::read(folder.path("a.csv.gz")).unwrap();
    fs::write(folder.path("a.csv.gz"), &whole[..whole.len() - 9]).unwrap();
    assert_says(&folder.read("a.csv.gz").unwrap_err().to_string(), &["a.csv.gz", "cannot read"]);
    assert_says(&folder.refusal("c.json", "[\n{\"customer_id\":1}"), &["c.json", "no column `occurred_at`"]);
    assert_says(&folder.refusal("d.ndjson", CSV), &["line 1 of", "d.ndjson", "not a JSON object"]);
    let open =
        format!("customer_id,occurred_at,amount\nc,\"2011-01-01,1\n{}", "c,2011-01-01,1\n".repeat(2000));
    assert_says(&folder.refusal("e.csv", open), &["line 2 of", "e.csv", "close the quote"]);
    assert_says(
        &folder.refusal("f.csv", "customer_id,occurred_at,amount,amount\n"),
        &["f.csv", "two columns named `amount`"],
    );
}

#[test]
fn rejects_are_counted_and_listed_with_what_to_do() {
    let folder = Folder::new();
    let mut csv = String::from("customer_id,occurred_at,amount,kind,channel\n");
    let bad = [
        ("c1,yesterday,5,,", "bad_occurred_at"),
        ("c1,,5,,", "missing_occurred_at"),
        ("c1,2011-01-01,-5,purchase,=cmd()", "negative_purchase"),
        ("@c1,2011-01-01,five,,", "bad_amount"),
        ("c1,2011-01-01,,,", "missing_amount"),
        ("c1,2011-01-01,5,lease,", "unknown_kind"),
        ("c1,2011-01-01,1e13,,", "not_finite"),
        ("c1,1811-01-01,-5,,", "out_of_time"),
        ("c1,2011-01-01,5", "wrong_field_count"),
        ("c1,2011-01-01,5,,,x,", "wrong_field_count"),
    ];
    for (line, _) in bad {
        csv.push_str(line);
        csv.push('\n');
    }
    csv.push_str(&"c2,2011-01-01,5,,\n".repeat(989));
    csv.push_str(&",2011-01-01,5,,\n".repeat(100));
    folder.write("a.csv", &csv);
    let rejects = folder.path("rejects.csv");
    let options = ReadOptions {
        rejects: Some(rejects.clone()),
        max_reject_share: 10.0 / 999.0,
        ..ReadOptions::default()
    };
    let (histories, summary) = read(&[folder.given("a.csv")], &options).unwrap();
    assert_eq!((histories.len(), histories.events()), (1, 989));
    assert_eq!(
        (summary.lines, summary.without_customer, summary.rejected.values().sum::<u64>()),
        (1099, 100, 10)
    );
    assert_eq!((summary.rejected["wrong_field_count"], summary.rejected["bad_amount"]), (2, 1));

    let mut listed = csv::Reader::from_path(&rejects).unwrap();
    let header = listed.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = listed.records().map(Result::unwrap).collect();
    let value = |row: usize, column: &str| &rows[row][header.iter().position(|name| name == column).unwrap()];
    assert_eq!(rows.len(), bad.len());
    for (at, (_, cause)) in bad.iter().enumerate() {
        assert_eq!((value(at, "row"), value(at, "cause")), (&*(at + 2).to_string(), *cause));
        assert!(value(at, "file").ends_with("a.csv") && value(at, "what_to_do").contains(' '));
    }
    assert_eq!((value(0, "occurred_at"), value(0, "customer_id")), ("yesterday", "c1"));
    assert_eq!((value(2, "amount"), value(2, "channel")), ("-5", "'=cmd()"));
    assert_eq!((value(3, "customer_id"), value(3, "amount")), ("'@c1", "five"));
    assert_eq!(value(8, "line"), "c1 | 2011-01-01 | 5");

    // Line ends of another kind do not shift the lines.
    folder.write("crlf.csv", csv.replace('\n', "\r\n"));
    read(&[folder.given("crlf.csv")], &options).unwrap();
    let crlf = fs::read_to_string(&rejects).unwrap();
    let rows: Vec<&str> = crlf.lines().skip(1).filter_map(|line| line.split(',').nth(1)).collect();
    assert_eq!(rows, ["2", "3", "4", "5", "6", "7", "8", "9", "10", "11"]);

    // One reject too many: refused, and listed all the same.
    fs::remove_file(&rejects).unwrap();
    let strict = ReadOptions { max_reject_share: 0.01, ..options.clone() };
    let refused = read(&[folder.given("a.csv")], &strict).unwrap_err().to_string();
    assert_says(
        &refused,
        &["10 of 999 rows", "(1.00 %)", "limit of 1.00 %", "wrong_field_count", "rejects.csv"],
    );
    assert!(rejects.exists());

    // Nothing rejected, no file.
    fs::remove_file(&rejects).unwrap();
    folder.write("good.csv", "customer_id,occurred_at,amount\nc,2011-01-01,1\n");
    read(&[folder.given("good.csv")], &options).unwrap();
    assert!(!rejects.exists());
    let nowhere = ReadOptions { rejects: Some(folder.path("no/such/folder.csv")), ..ReadOptions::default() };
    assert_says(
        &read(&[folder.given("a.csv")], &nowhere).unwrap_err().to_string(),
        &["rejects file", "existing, writable folder"],
    );
}

#[test]
fn bad_lines_of_json_and_parquet_are_rejected_by_row() {
    let folder = Folder::new();
    let good = r#"{"customer_id":"c","occurred_at":"2011-01-01","amount":1}"#;
    folder.write("a.ndjson", format!("{good}\n{{oops\n\n{good}\n{}\n", good.replace(":1}", ":[1]}")));
    let ids = StringArray::from(vec!["c", "c", "=c"]);
    let times = TimestampSecondArray::from(vec![Some(1_293_840_000), None, Some(i64::MAX)]);
    let amounts = Float64Array::from(vec![1.0, 2.0, 3.0]);
    let columns =
        vec![("customer_id", array(ids)), ("occurred_at", array(times)), ("amount", array(amounts))];
    folder.write_parquet("b.parquet", columns, 2);
    let rejects = folder.path("out.csv");
    let options =
        ReadOptions { rejects: Some(rejects.clone()), max_reject_share: 1.0, ..ReadOptions::default() };
    let (histories, summary) = read(&[folder.given("")], &options).unwrap();
    assert_eq!((histories.events(), summary.lines, summary.files), (3, 7, 2));
    let listed = fs::read_to_string(&rejects).unwrap();
    let places: Vec<String> = listed
        .lines()
        .skip(1)
        .map(|line| line.split(',').skip(1).take(2).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(places, ["2 bad_json", "5 bad_amount", "2 missing_occurred_at", "3 out_of_time"]);
    assert_says(&listed, &["{oops", "'=c"]);
    let text = serde_json::to_value(&summary).unwrap();
    assert_eq!(
        (&text["first_instant"], &text["rejected"]["bad_json"]),
        (&"2011-01-01T00:00:00Z".into(), &1.into())
    );
}

#[test]
fn an_open_quote_counts_as_all_the_lines_it_swallows() {
    let folder = Folder::new();
    let line = "c,2011-01-01,1\n";
    folder.write(
        "a.csv",
        format!("customer_id,occurred_at,amount\n{}c,\"2011-01-01,1\n{}", line.repeat(100), line.repeat(19)),
    );
    let refused = folder.read("a.csv").unwrap_err().to_string();
    assert_says(&refused, &["20 of 120 rows", "open_quote"]);
}

#[test]
fn files_order_and_threads_do_not_matter() {
    let folder = Folder::new();
    let header = "customer_id,occurred_at,amount,product_id\n";
    let mut all = vec![];
    for file in 0..12 {
        let lines: String = (0..300)
            .map(|i| {
                let n = (i * 7919 + file * 104_729) % 1009;
                let amount = if n % 97 == 0 { "x".to_owned() } else { format!("{}.5", n % 31) };
                format!("c{},2011-01-{:02},{amount},p{}of{file}x{i}\n", n % 40, n % 28 + 1, n % 13)
            })
            .collect();
        folder.write(&format!("{file:02}.csv"), format!("{header}{lines}"));
        all.push(lines);
    }
    all.reverse();
    let other = Folder::new();
    other.write("all.csv.gz", format!("{header}{}", all.concat()));
    let run = |threads: usize, given: String, name: &str| {
        let rejects = other.path(name);
        let options =
            ReadOptions { rejects: Some(rejects.clone()), max_reject_share: 0.5, ..ReadOptions::default() };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let (histories, summary) = pool.install(|| read(&[given], &options)).unwrap();
        (histories, summary, fs::read_to_string(rejects).unwrap())
    };
    let one = run(1, folder.given(""), "one.csv");
    assert!(one.1.rejected["bad_amount"] > 10);
    for threads in [2, 5] {
        assert_eq!(run(threads, folder.given("*.csv"), "more.csv"), one);
    }
    assert_eq!(run(1, other.given("all.csv.gz"), "again.csv").0, one.0);
    // The same file named in two ways is read once.
    let twice = read(
        &[folder.given("00.csv"), folder.given("0*.csv")],
        &ReadOptions { max_reject_share: 0.5, ..ReadOptions::default() },
    );
    assert_eq!(twice.unwrap().1.files, 10);
}

#[test]
fn lines_from_before_an_instant_are_left_out() {
    let folder = Folder::new();
    let days = || Date32Array::from_iter_values(0..200);
    let texts = StringArray::from_iter_values((0..200).map(|i| format!("c{}", i % 17)));
    let amounts = Float64Array::from_iter_values((0..200).map(|i| f64::from(i) + 1.0));
    let columns =
        vec![("customer_id", array(texts)), ("occurred_at", array(days())), ("amount", array(amounts))];
    folder.write_parquet("a.parquet", columns, 50);
    let since = |day: i64| ReadOptions { since: Some(day * DAY), ..ReadOptions::default() };
    let path = [folder.given("a.parquet")];
    let (histories, summary) = read(&path, &since(130)).unwrap();
    assert_eq!((summary.lines, summary.before_since, summary.events), (200, 130, 70));
    assert_eq!(histories.first_instant(), Some(130 * DAY));
    // Nothing new is no error.
    let (none, summary) = read(&path, &since(500)).unwrap();
    assert_eq!((none.len(), summary.before_since), (0, 200));
}

#[test]
fn no_future_event_changes_a_view() {
    let state = &mut 42;
    for _ in 0..300 {
        let past: Vec<Event> = (0..dice(state, 25)).map(|_| random_event(state, 0)).collect();
        let history = History::from_events(past.clone());
        for _ in 0..10 {
            let instant = dice(state, 75) as i64 * DAY;
            let mut future: Vec<Event> = Vec::new();
            for _ in 0..dice(state, 8) {
                // Happened later, or happened before and became known later.
                let mut event = random_event(state, 0);
                if dice(state, 2) == 0 {
                    event.occurred_at = instant + 1 + dice(state, 50) as i64 * DAY;
                    event.recorded_at = event.occurred_at;
                }
                event.recorded_at = event.recorded_at.max(instant + 1 + dice(state, 9) as i64 * DAY);
                future.push(event);
            }
            let before = shown(&history, instant);
            let mut extended = history.clone();
            extended.extend(future.clone());
            assert_eq!(shown(&extended, instant), before);
            assert_eq!(shown(&history.merged(&History::from_events(future.clone())), instant), before);
            let stored = History::from_bytes(&extended.to_bytes()).unwrap();
            assert_eq!(shown(&stored, instant), before);
            let together = History::from_events(past.iter().cloned().chain(future).collect());
            assert_eq!(shown(&together, instant), before);
        }
    }
}
