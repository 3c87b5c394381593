//! Odd but common files: quotes, packed parts, several formats in one folder, tables written by programs, values that are none.
use std::fs;
use std::io::Write;

use arrow_array::{
    Array, BooleanArray, Float64Array, Int64Array, LargeStringArray, StringArray, UInt64Array,
};
use homing_datasets::{Histories, ReadOptions, Zone, read};

use crate::cases_exports::{codes, sums};
use crate::support::{Folder, array, assert_says, mapped};

fn ids(histories: &Histories) -> Vec<&str> {
    histories.iter().map(|(id, _)| id).collect()
}

#[test]
fn a_text_workbook_and_table_of_one_folder_are_one_shop() {
    let folder = Folder::new();
    folder.write("a.csv", "customer_id,occurred_at,amount\n101,2021-01-04,7.50\n");
    folder.write("c.ndjson", "{\"customer_id\":101,\"occurred_at\":\"2021-01-06\",\"amount\":2.5}\n");
    fs::write(folder.path("b.xlsx"), crate::support::workbook::orders()).unwrap();
    let columns = vec![
        ("customer_id", array(Float64Array::from(vec![Some(101.0), None]))),
        ("occurred_at", array(StringArray::from(vec!["2021-01-07", "2021-01-08"]))),
        ("amount", array(Float64Array::from(vec![1.0, 1.0]))),
    ];
    folder.write_parquet("d.parquet", columns, 2);
    let (histories, summary) = folder.read("").unwrap();
    assert_eq!((ids(&histories), sums(&histories)), (vec!["101", "102"], (2, 12_350, 0)));
    assert_eq!((summary.files, summary.without_customer, codes(&summary)), (4, 1, vec![]));
}

#[test]
fn a_quote_in_a_field_belongs_to_it_and_one_that_stays_open_is_named() {
    let folder = Folder::new();
    folder.write(
        "a.csv",
        "customer_id,occurred_at,amount,note\nana,2023-05-01,12.50,\"say \"\"hi\"\",\nplease\"\nbo,2023-05-02,50,tube 16\"\n\
         cy,2023-05-03,5,\"tube 16\" black\"\n",
    );
    let (histories, summary) = folder.read("a.csv").unwrap();
    assert_eq!((ids(&histories), sums(&histories)), (vec!["ana", "bo", "cy"], (3, 6750, 0)));
    assert_eq!((summary.rejected.len(), codes(&summary)), (0, vec![]));
    folder.write(
        "b.csv",
        "customer_id,occurred_at,amount\nana,2023-05-01,5\n\"bo,2023-05-02,5\ncy,2023-05-03,5\n",
    );
    assert_says(&folder.read("b.csv").unwrap_err().to_string(), &["open_quote"]);
}

#[test]
fn parts_that_were_packed_one_after_the_other_are_read_whole_or_refused() {
    let gz = |text: &str| {
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(text.as_bytes()).unwrap();
        gz.finish().unwrap()
    };
    let (first, second) = ("customer_id,occurred_at,amount\nana,2023-05-01,12.50\n", "bo,2023-05-02,50\n");
    let zst = |text: &str| zstd::encode_all(text.as_bytes(), 1).unwrap();
    let folder = Folder::new();
    for (name, whole) in
        [("a.csv.gz", [gz(first), gz(second)].concat()), ("a.csv.zst", [zst(first), zst(second)].concat())]
    {
        fs::write(folder.path(name), &whole).unwrap();
        assert_eq!(sums(&folder.read(name).unwrap().0), (2, 6250, 0), "{name}");
        fs::write(folder.path(name), &whole[..whole.len() - 3]).unwrap();
        assert_says(&folder.read(name).unwrap_err().to_string(), &[name]);
    }
}

#[test]
fn files_of_other_years_are_read_by_the_names_of_their_columns() {
    let folder = Folder::new();
    folder.write("2022.csv", "customer_id,occurred_at,amount\nana,2022-05-01,12.50\n");
    folder.write("2023.csv", "amount,occurred_at,customer_id\n50,2023-05-01,ana\n");
    folder.write("2024.csv", "CustomerID,Order Date,Total\nana,2024-05-01,5\n");
    assert_eq!(sums(&folder.read("").unwrap().0), (1, 6750, 0));
    folder.write("2025.csv", "who,when,much\nana,2024-05-01,5\n");
    assert_says(&folder.read("").unwrap_err().to_string(), &["2025.csv", "no column", "--columns"]);
}

#[test]
fn amounts_that_are_none_are_rejected_with_their_cause() {
    for (amount, cause) in [
        ("NaN", "not_finite"),
        ("inf", "not_finite"),
        ("1e999", "not_finite"),
        ("NULL", "bad_amount"),
        ("\\N", "bad_amount"),
        ("None", "bad_amount"),
        ("-", "bad_amount"),
        ("N/A", "bad_amount"),
        ("#N/A", "bad_amount"),
        ("", "missing_amount"),
        ("1e13", "not_finite"),
        ("0x10", "bad_amount"),
        ("1_000", "bad_amount"),
        ("true", "bad_amount"),
    ] {
        let folder = Folder::new();
        let good = "ana,2023-05-01,12.50\n".repeat(3);
        folder.write("a.csv", format!("customer_id,occurred_at,amount\n{good}bo,2023-05-02,{amount}\n"));
        let options = ReadOptions { max_reject_share: 1.0, ..ReadOptions::default() };
        let (histories, summary) = read(&[folder.given("a.csv")], &options).unwrap();
        assert_eq!(ids(&histories), ["ana"], "{amount}");
        assert_eq!(summary.rejected.keys().collect::<Vec<_>>(), [cause], "{amount}");
    }
}

#[test]
fn an_hour_that_clocks_leave_out_stays_on_its_day_and_a_wrong_zone_is_refused() {
    let folder = Folder::new();
    folder.write(
        "a.csv",
        "customer_id,occurred_at,amount\nana,2023-03-26 02:30:00,5\nana,2023-10-29 02:30:00,5\n",
    );
    let berlin: Zone = "Europe/Berlin".parse().unwrap();
    let options = ReadOptions { zone: berlin, ..ReadOptions::default() };
    let (histories, _) = read(&[folder.given("a.csv")], &options).unwrap();
    let view = histories.get("ana").unwrap().as_of(i64::MAX);
    let days: Vec<String> = view.occurred_at().iter().map(|&at| berlin.format(at)[..10].to_owned()).collect();
    assert_eq!(days, ["2023-03-26", "2023-10-29"]);
    for wrong in ["Beijing", "GMT+8", "Mars/Olympus"] {
        assert!(wrong.parse::<Zone>().unwrap_err().to_string().contains(wrong), "{wrong}");
    }
}

#[test]
fn an_id_of_more_than_a_thousand_bytes_is_rejected_and_letters_stay_as_they_were_written() {
    let folder = Folder::new();
    let long = "x".repeat(1200);
    folder.write(
        "a.csv",
        format!("customer_id,occurred_at,amount\ncaf\u{e9},2023-05-01,5\ncafe\u{301},2023-05-01,5\n{long},2023-05-01,5\n"),
    );
    let options = ReadOptions { max_reject_share: 1.0, ..ReadOptions::default() };
    let (histories, summary) = read(&[folder.given("a.csv")], &options).unwrap();
    assert_eq!(histories.len(), 2);
    assert_eq!(summary.rejected["text_too_long"], 1);
}

#[test]
fn ids_of_tables_are_whole_numbers_or_rejected() {
    let folder = Folder::new();
    let dates = || array(StringArray::from(vec!["2023-05-01"; 4]));
    let amounts = || array(Float64Array::from(vec![5.0; 4]));
    let of = |name: &str, ids: std::sync::Arc<dyn Array>| {
        folder.write_parquet(
            name,
            vec![("customer_id", ids), ("occurred_at", dates()), ("amount", amounts())],
            4,
        );
        let options = ReadOptions { max_reject_share: 1.0, ..ReadOptions::default() };
        read(&[folder.given(name)], &options).unwrap()
    };
    let (histories, summary) = of("a.parquet", array(Float64Array::from(vec![1.0, f64::NAN, 1e17, 0.5])));
    assert_eq!((ids(&histories), summary.without_customer), (vec!["1"], 1));
    assert_eq!(summary.rejected["bad_customer_id"], 2);
    let (histories, _) = of("b.parquet", array(UInt64Array::from(vec![u64::MAX, 7, 7, 8])));
    assert_eq!(ids(&histories), ["18446744073709551615", "7", "8"]);
    let (histories, _) = of("c.parquet", array(LargeStringArray::from(vec!["a", "b", "b", "a"])));
    assert_eq!(ids(&histories), ["a", "b"]);
}

#[test]
fn tables_that_programs_write_into_folders_are_read_whole() {
    let folder = Folder::new();
    let columns = |index: &'static str, id: i64| {
        vec![
            // The index that pandas writes, under its name or as the customer.
            (index, array(Int64Array::from(vec![id]))),
            ("occurred_at", array(StringArray::from(vec!["2023-05-01"]))),
            ("amount", array(Float64Array::from(vec![5.0]))),
            ("gift", array(BooleanArray::from(vec![false]))),
        ]
    };
    for (place, id) in [("year=2022/month=01", 1), ("year=2022/month=02", 2)] {
        fs::create_dir_all(folder.path(place)).unwrap();
        folder.write_parquet(&format!("{place}/part-00000-c0.snappy.parquet"), columns("customer_id", id), 1);
        folder.write(&format!("{place}/.part-00000-c0.snappy.parquet.crc"), [1, 2, 3]);
    }
    fs::write(folder.path("_SUCCESS"), "").unwrap();
    let (histories, summary) = folder.read("").unwrap();
    assert_eq!((ids(&histories), summary.files, codes(&summary)), (vec!["1", "2"], 2, vec![]));
    let packed = Folder::new();
    packed.write_parquet("a.parquet", columns("__index_level_0__", 3), 1);
    let options = mapped(&[("customer_id", "__index_level_0__")]);
    assert_eq!(ids(&read(&[packed.given("a.parquet")], &options).unwrap().0), ["3"]);
    // A packed table is one; what is known and not read is named with what to do.
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(&fs::read(packed.path("a.parquet")).unwrap()).unwrap();
    fs::write(packed.path("b.parquet.gz"), gz.finish().unwrap()).unwrap();
    if let Err(refused) = packed.read("b.parquet.gz") {
        assert_says(&refused.to_string(), &["b.parquet.gz"]);
    }
    assert_says(&packed.refusal("c.feather", b"FEA1...."), &["c.feather", "Feather 1", "Arrow"]);
}

/// A decoder that asks for as much memory as a damaged length says ends the process, and no error can be made of that.
#[test]
fn lengths_that_an_arrow_file_cannot_have_are_refused() {
    let folder = Folder::new();
    let batch = arrow_array::RecordBatch::try_from_iter(vec![
        ("customer_id", array(Int64Array::from((0..400).collect::<Vec<i64>>()))),
        ("occurred_at", array(StringArray::from(vec!["2023-05-01"; 400]))),
        ("amount", array(Float64Array::from(vec![5.0; 400]))),
    ])
    .unwrap();
    let mut bytes = Vec::new();
    let mut writer = arrow_ipc::writer::StreamWriter::try_new(&mut bytes, &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    drop(writer);
    fs::write(folder.path("a.arrows"), &bytes).unwrap();
    assert_eq!(sums(&folder.read("a.arrows").unwrap().0), (400, 200_000, 0));
    // A packed column is said to unpack to more than any memory.
    let options = arrow_ipc::writer::IpcWriteOptions::default()
        .try_with_compression(Some(arrow_ipc::CompressionType::LZ4_FRAME))
        .unwrap();
    let mut packed = Vec::new();
    let mut writer =
        arrow_ipc::writer::FileWriter::try_new_with_options(&mut packed, &batch.schema(), options).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    drop(writer);
    fs::write(folder.path("d.arrow"), &packed).unwrap();
    assert_eq!(sums(&folder.read("d.arrow").unwrap().0), (400, 200_000, 0));
    let unpacked = (400i64 * 8).to_le_bytes();
    let at = packed.windows(8).position(|bytes| bytes == unpacked).unwrap();
    packed[at..at + 8].copy_from_slice(&(1i64 << 60).to_le_bytes());
    fs::write(folder.path("e.arrow"), &packed).unwrap();
    assert_says(
        &folder.read("e.arrow").unwrap_err().to_string(),
        &["e.arrow", "unpack to 1152921504606846976"],
    );
    // The footer, which is what is read, says so of a batch that is undamaged itself.
    let footer = packed.len() - 10;
    let start = footer - u32::from_le_bytes(packed[footer..footer + 4].try_into().unwrap()) as usize;
    let block = *arrow_ipc::root_as_footer(&packed[start..footer]).unwrap().recordBatches().unwrap().get(0);
    let length = block.bodyLength().to_le_bytes();
    let at = start + packed[start..footer].windows(8).position(|bytes| bytes == length).unwrap();
    packed[at..at + 8].copy_from_slice(&(1i64 << 40).to_le_bytes());
    fs::write(folder.path("f.arrow"), &packed).unwrap();
    assert_says(&folder.read("f.arrow").unwrap_err().to_string(), &["f.arrow", "longer than the file"]);
    // The body of the batch is said to be longer than the file.
    fs::write(folder.path("c.arrows"), &bytes[..bytes.len() / 2]).unwrap();
    assert_says(&folder.read("c.arrows").unwrap_err().to_string(), &["c.arrows", "longer than the file"]);
    // Six bytes that begin with a length of two gigabytes, which the decoder would ask for.
    fs::write(folder.path("g.arrow"), b"<\x001~\x00\xff").unwrap();
    assert_says(&folder.read("g.arrow").unwrap_err().to_string(), &["g.arrow", "longer than the file"]);
}
