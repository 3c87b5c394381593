//! Files as shops export them: encodings, archives, workbooks, lines around the table, columns of any name.
use std::fs;
use std::io::Write;

use crate::support::{Folder, assert_says, mapped};
use homing_datasets::readers::{DateOrder, Header};
use homing_datasets::{Histories, Kind, ReadOptions, ReadSummary, read};

/// Sum of all purchases, sum of all product returns.
fn sums(histories: &Histories) -> (f64, f64) {
    let (mut spend, mut returned) = (0.0, 0.0);
    for (_, history) in histories.iter() {
        let view = history.as_of(i64::MAX);
        for (&kind, &amount) in view.kind().iter().zip(view.amount()) {
            match kind {
                Kind::Purchase => spend += amount,
                Kind::Return => returned -= amount,
                _ => {}
            }
        }
    }
    let cents = |sum: f64| (sum * 100.0).round() / 100.0;
    (cents(spend), cents(returned))
}

fn ids(histories: &Histories) -> Vec<String> {
    histories.iter().map(|(id, _)| id.to_owned()).collect()
}

fn codes(summary: &ReadSummary) -> Vec<&'static str> {
    summary.warnings.list().iter().map(|warning| warning.code.name()).collect()
}

/// ana 12.50 + 50, bo 1234.50, cy 40 + 60.
const SMALL: &str = "customer_id,occurred_at,amount\n\
    ana,2023-05-01 10:22:33,12.50\nana,2023-06-01 10:22:33,50\nbo,2023-05-02 11:00:00,1234.50\n\
    cy,2023-05-03 12:00:00,40\ncy,2023-05-04 12:00:00,60\n";

fn assert_small(found: (Histories, ReadSummary), what: &str) {
    assert_eq!(ids(&found.0), ["ana", "bo", "cy"], "{what}");
    assert_eq!(sums(&found.0), (1397.0, 0.0), "{what}");
    assert!(found.1.warnings.is_empty() && found.1.rejected.is_empty(), "{what}: {:?}", found.1);
}

#[test]
fn a_clean_file_is_read_without_a_warning_in_any_encoding_and_packing() {
    let folder = Folder::new();
    let utf16 = |little: bool, mark: bool| -> Vec<u8> {
        let text = if mark { format!("\u{feff}{SMALL}") } else { SMALL.to_owned() };
        text.encode_utf16()
            .flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() })
            .collect()
    };
    let mut bz2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bz2.write_all(SMALL.as_bytes()).unwrap();
    for (name, bytes) in [
        ("utf16le.csv", utf16(true, true)),
        ("utf16be.csv", utf16(false, true)),
        ("utf16le_without_mark.csv", utf16(true, false)),
        ("utf16be_without_mark.csv", utf16(false, false)),
        ("utf8_mark.tsv", format!("\u{feff}{}", SMALL.replace(',', "\t")).into_bytes()),
        (
            "quoted_mark.csv",
            format!("\u{feff}{}", SMALL.replace("customer_id", "\"customer_id\"")).into_bytes(),
        ),
        ("mac.csv", SMALL.replace('\n', "\r").into_bytes()),
        ("no_ending", SMALL.as_bytes().to_vec()),
        ("a.txt", SMALL.replace(',', "|").into_bytes()),
        ("separator.csv", format!("sep=;\r\n{}", SMALL.replace(',', ";").replace('\n', "\r\n")).into_bytes()),
        ("packed.csv.bz2", bz2.finish().unwrap()),
        ("gzip_without_ending.csv", {
            let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gz.write_all(SMALL.as_bytes()).unwrap();
            gz.finish().unwrap()
        }),
    ] {
        fs::write(folder.path(name), bytes).unwrap();
        assert_small(folder.read(name).unwrap(), name);
    }
}

#[test]
fn an_archive_is_read_and_what_it_holds_beside_tables_is_named() {
    let folder = Folder::new();
    let mut zip = zip::ZipWriter::new(fs::File::create(folder.path("a.zip")).unwrap());
    let options = zip::write::SimpleFileOptions::default();
    for (name, text) in [("may/a.csv", SMALL), ("__MACOSX/._a.csv", "x"), ("note.pdf", "%PDF-1.7")] {
        zip.start_file(name, options).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
    let (histories, summary) = folder.read("a.zip").unwrap();
    assert_eq!((sums(&histories), codes(&summary)), ((1397.0, 0.0), vec!["files_not_read"]));
    // A changed byte is found out.
    let mut damaged = fs::read(folder.path("a.zip")).unwrap();
    damaged[60] ^= 0x55;
    fs::write(folder.path("b.zip"), damaged).unwrap();
    assert_says(&folder.read("b.zip").unwrap_err().to_string(), &["b.zip"]);
}

#[test]
fn an_archive_that_unpacks_without_end_is_refused() {
    let folder = Folder::new();
    let mut gz = flate2::write::GzEncoder::new(
        fs::File::create(folder.path("a.csv.gz")).unwrap(),
        flate2::Compression::fast(),
    );
    gz.write_all(b"customer_id,occurred_at,amount\n").unwrap();
    // One line of 40 MB: a record that long has an open quote.
    let zeros = vec![b'0'; 1 << 20];
    (0..40).for_each(|_| gz.write_all(&zeros).unwrap());
    gz.finish().unwrap();
    assert_says(&folder.read("a.csv.gz").unwrap_err().to_string(), &["a.csv.gz", "longer than 16 MiB"]);
}

#[test]
fn a_workbook_whose_texts_unpack_without_end_is_refused() {
    let folder = Folder::new();
    let mut zip = zip::ZipWriter::new(fs::File::create(folder.path("a.xlsx")).unwrap());
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated)
        .compression_level(Some(1));
    zip.start_file("xl/workbook.xml", options).unwrap();
    zip.write_all(b"<workbook/>").unwrap();
    zip.start_file("xl/sharedStrings.xml", options).unwrap();
    let text = vec![b'A'; 1 << 20];
    (0..513).for_each(|_| zip.write_all(&text).unwrap());
    zip.finish().unwrap();
    assert_says(
        &folder.read("a.xlsx").unwrap_err().to_string(),
        &["a.xlsx", "do not fit into memory", "CSV"],
    );
}

#[test]
fn an_archive_of_archives_is_refused() {
    let folder = Folder::new();
    let inner = {
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        zip.start_file("a.csv", zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(SMALL.as_bytes()).unwrap();
        zip.finish().unwrap().into_inner()
    };
    let mut zip = zip::ZipWriter::new(fs::File::create(folder.path("a.zip")).unwrap());
    for name in ["1.zip", "2.zip"] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(&inner).unwrap();
    }
    zip.finish().unwrap();
    assert_says(&folder.read("a.zip").unwrap_err().to_string(), &["a.zip", "archive without a table"]);
}

/// A sparse file stands for a line of a gigabyte: it is refused long before its end.
#[test]
fn a_line_of_a_gigabyte_is_refused() {
    let folder = Folder::new();
    let path = folder.path("a.csv");
    let mut text = b"customer_id,occurred_at,amount\nana,2023-05-01,1\n".to_vec();
    text.extend(vec![b'x'; 17 << 20]);
    fs::write(&path, &text).unwrap();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(1 << 30).unwrap();
    assert_says(&folder.read("a.csv").unwrap_err().to_string(), &["a.csv", "longer than 16 MiB"]);
    // No line end at all: the whole file is the header.
    let line = "ana,2023-05-01,12.50,".repeat(1 << 17);
    assert_says(&folder.refusal("b.csv", line), &["b.csv", "no header", "--header none"]);
}

#[test]
fn files_of_a_folder_are_read_or_named() {
    let folder = Folder::new();
    folder.write("a.csv", SMALL);
    folder.write("readme.txt", "How to read this: ask Ana.\nMore lines.\n");
    folder.write("b.orc", "ORC\u{1}");
    folder.write(".DS_Store", [0, 1]);
    folder.write("~$orders.xlsx", "x");
    let (histories, summary) = folder.read("").unwrap();
    assert_eq!((sums(&histories), codes(&summary)), ((1397.0, 0.0), vec!["files_not_read"]));
    assert_eq!(summary.warnings.list()[0].count, 2);
    folder.write("c.csv", "");
    assert_says(&folder.read("").unwrap_err().to_string(), &["c.csv", "empty"]);
    assert_says(&folder.read("b.orc").unwrap_err().to_string(), &["b.orc", "ORC", "Parquet"]);
}

#[test]
fn an_encoding_is_found_by_the_text_and_named() {
    let folder = Folder::new();
    let chinese = "会员号,下单时间,实付金额,备注\n001,2023-05-01 10:00:00,12.50,好\n002,2023-05-02 10:00:00,7.50,谢谢\n";
    fs::write(folder.path("gbk.csv"), encoding_rs::GBK.encode(chinese).0).unwrap();
    let (histories, summary) = folder.read("gbk.csv").unwrap();
    assert_eq!((ids(&histories), sums(&histories)), (vec!["001".to_owned(), "002".to_owned()], (20.0, 0.0)));
    assert_eq!(summary.recognised[0].encoding, Some("gb18030"));
    let latin =
        "customer_id;occurred_at;amount;note\nMüller;2023-05-01;12,50;café\nGarçon;2023-05-02;7,50;\n";
    fs::write(folder.path("latin.csv"), encoding_rs::WINDOWS_1252.encode(latin).0).unwrap();
    let (histories, summary) = folder.read("latin.csv").unwrap();
    assert_eq!(
        (ids(&histories), sums(&histories)),
        (vec!["Garçon".to_owned(), "Müller".to_owned()], (20.0, 0.0))
    );
    assert_eq!(summary.recognised[0].encoding, Some("windows-1252"));
    let named = ReadOptions { encoding: Some("gbk".to_owned()), ..ReadOptions::default() };
    assert_eq!(sums(&read(&[folder.given("gbk.csv")], &named).unwrap().0), (20.0, 0.0));
    // Two exports in different encodings are two readings of one table.
    folder.write("utf8.csv", chinese.replace("001", "003"));
    assert_eq!(
        ids(&read(&[folder.given("gbk.csv"), folder.given("utf8.csv")], &ReadOptions::default()).unwrap().0)
            .len(),
        3
    );
}

#[test]
fn a_word_in_another_encoding_far_down_is_read_and_told() {
    let folder = Folder::new();
    let mut bytes = b"customer_id,occurred_at,amount,channel\n".to_vec();
    for i in 0..60_000 {
        bytes.extend(format!("c{},2023-05-{:02},1.50,web\n", i % 100, i % 28 + 1).bytes());
    }
    let at = bytes.len();
    bytes.extend(b"c1,2023-05-01,1.50,caf\xe9\n");
    assert!(at > 1 << 20);
    fs::write(folder.path("a.csv"), bytes).unwrap();
    let (histories, summary) = folder.read("a.csv").unwrap();
    assert_eq!(summary.rejected.len(), 0);
    let view = histories.get("c1").unwrap().as_of(i64::MAX);
    let channels: Vec<_> = view.channel().iter().filter_map(|&code| view.name(code)).collect();
    assert!(channels.contains(&"café") || summary.recognised[0].encoding == Some("windows-1252"));
}

#[test]
fn lines_around_the_table_are_no_lines_of_it() {
    let folder = Folder::new();
    let alipay = "导出信息：\n起始时间：[2023-05-01 00:00:00]\n共3笔记录\n------------------------\n\
        交易时间            ,交易对方   ,金额      ,交易订单号     ,\n\
        2023-05-01 10:22:33 ,ana     ,12.50    ,2023050100000001\t,\n\
        2023-05-02 10:22:33 ,bo      ,1234.50    ,2023050100000002\t,\n\
        2023-05-03 10:22:33 ,ana  ,50    ,2023050100000003\t,\n\
        合计,,1297.00,,\n------------------------\n导出时间：[2023-06-01 00:00:00]\n";
    folder.write("alipay.csv", alipay);
    for options in [
        ReadOptions::default(),
        mapped(&[
            ("occurred_at", "交易时间"),
            ("customer_id", "交易对方"),
            ("amount", "金额"),
            ("order_id", "交易订单号"),
        ]),
    ] {
        let (histories, summary) = read(&[folder.given("alipay.csv")], &options).unwrap();
        assert_eq!(
            (ids(&histories), sums(&histories)),
            (vec!["ana".to_owned(), "bo".to_owned()], (1297.0, 0.0))
        );
        assert_eq!((summary.lines, summary.remarks, summary.rejected.len()), (3, 3, 0));
        assert_eq!(summary.recognised[0].header_line, Some(5));
    }
}

#[test]
fn a_table_without_a_header_is_read_by_position_when_told_so() {
    let folder = Folder::new();
    folder.write("a.csv", "00001,1997-01-01,11.77\n00001,1997-02-01,12\n00002,1997-01-02,5\n");
    folder.write(
        "b.txt",
        " 00001 19970101  1   11.77\n 00001 19970201  1   12.00\n 00002 19970102 5    5.00\n",
    );
    for name in ["a.csv", "b.txt"] {
        assert_says(&folder.read(name).unwrap_err().to_string(), &[name, "no header", "--header none"]);
    }
    for (name, amount) in [("a.csv", "3"), ("b.txt", "4")] {
        let columns = mapped(&[("customer_id", "1"), ("occurred_at", "2"), ("amount", amount)]);
        let options = ReadOptions { header: Header::Absent, ..columns };
        let (histories, summary) = read(&[folder.given(name)], &options).unwrap();
        assert_eq!((sums(&histories), histories.len(), summary.lines), ((28.77, 0.0), 2, 3), "{name}");
    }
}

#[test]
fn a_workbook_is_read_by_the_sheet_with_the_columns() {
    let folder = Folder::new();
    for name in ["orders.xlsx", "orders.csv"] {
        fs::write(folder.path(name), crate::support::workbook::orders()).unwrap();
        let (histories, summary) = folder.read(name).unwrap();
        assert_eq!(
            (ids(&histories), sums(&histories)),
            (vec!["101".to_owned(), "102".to_owned()], (112.5, 0.0)),
            "{name}"
        );
        let recognised = &summary.recognised[0];
        assert_eq!(
            (recognised.format, recognised.sheet.as_deref(), recognised.header_line),
            ("workbook", Some("Orders"), Some(3))
        );
        assert_eq!(
            histories.first_instant(),
            Some(homing_datasets::Zone::default().instant("2021-01-05 08:03").unwrap())
        );
    }
    let other = ReadOptions { sheet: Some("Nope".to_owned()), ..ReadOptions::default() };
    assert_says(
        &read(&[folder.given("orders.xlsx")], &other).unwrap_err().to_string(),
        &["`Nope`", "`Orders`"],
    );
    let whole = crate::support::workbook::orders();
    fs::write(folder.path("cut.xlsx"), &whole[..whole.len() / 2]).unwrap();
    assert_says(&folder.read("cut.xlsx").unwrap_err().to_string(), &["cut.xlsx"]);
}

#[test]
fn json_is_read_as_lines_arrays_and_objects_in_objects() {
    let folder = Folder::new();
    let order = |id: &str, at: &str, total: &str| {
        format!(
            "{{\"id\": 1, \"customer\": {{\"id\": {id}}}, \"created_at\": {at}, \"total_price\": \"{total}\"}}"
        )
    };
    let all =
        [order("7", "\"2023-05-01T10:00:00Z\"", "12.50"), order("8", "\"2023-05-02T10:00:00Z\"", "7.50")];
    for (name, text) in [
        ("lines.ndjson", all.join("\n")),
        ("array.json", format!("[{}]", all.join(","))),
        ("pretty.json", format!("[\n  {}\n]\n", all.join(",\n  ").replace(", ", ",\n    "))),
        ("wrapped.json", format!("{{\"count\": 2, \"orders\": [{}]}}", all.join(", "))),
        ("objects.json", all.join("\n").replace(", ", ",\n")),
    ] {
        folder.write(name, text);
        let (histories, _) = folder.read(name).unwrap();
        assert_eq!(
            (ids(&histories), sums(&histories)),
            (vec!["7".to_owned(), "8".to_owned()], (20.0, 0.0)),
            "{name}"
        );
    }
    folder.write("ms.json", format!("[{}]", order("7", "1682936553000", "5")));
    let (histories, _) = folder.read("ms.json").unwrap();
    assert_eq!(histories.first_instant(), Some(1_682_936_553_000_000));
    assert_says(
        &folder.refusal("cut.json", format!("[{},{{\"id\":", all[0])),
        &["cut.json", "ends in the middle"],
    );
}

#[test]
fn columns_with_commas_and_signs_can_be_named() {
    let folder = Folder::new();
    folder.write("a.csv", "\"a=b\",When,\"Total, incl. VAT\"\nana,2023-05-01,12.50\n");
    let options = mapped(&[("customer_id", "a=b"), ("occurred_at", "When"), ("amount", "Total, incl. VAT")]);
    assert_eq!(sums(&read(&[folder.given("a.csv")], &options).unwrap().0), (12.5, 0.0));
}

#[test]
fn folders_of_partitions_give_columns() {
    let folder = Folder::new();
    folder.write("channel=web/dt=2023-05-01/a.csv", "customer_id,amount\nana,12.50\n");
    folder.write("channel=till/dt=2023-05-02/a.csv", "customer_id,amount\nana,50\n");
    let (histories, _) = read(&[folder.given("")], &mapped(&[("occurred_at", "dt")])).unwrap();
    let view = histories.get("ana").unwrap().as_of(i64::MAX);
    assert_eq!(view.amount(), [12.5, 50.0]);
    assert_eq!(
        view.channel().iter().map(|&code| view.name(code)).collect::<Vec<_>>(),
        [Some("web"), Some("till")]
    );
}

#[test]
fn arrow_files_and_streams_are_read_as_parquet_is() {
    let folder = Folder::new();
    let batch = arrow_array::RecordBatch::try_from_iter(vec![
        ("customer_id", crate::support::array(arrow_array::Int64Array::from(vec![7, 8]))),
        (
            "occurred_at",
            crate::support::array(arrow_array::Int64Array::from(vec![1_609_833_780_000, 1_609_833_780_500])),
        ),
        ("amount", crate::support::array(arrow_array::Float64Array::from(vec![12.5, 7.5]))),
    ])
    .unwrap();
    let mut file = arrow_ipc::writer::FileWriter::try_new(
        fs::File::create(folder.path("a.feather")).unwrap(),
        &batch.schema(),
    )
    .unwrap();
    file.write(&batch).unwrap();
    file.finish().unwrap();
    let mut stream = arrow_ipc::writer::StreamWriter::try_new(
        fs::File::create(folder.path("b.arrows")).unwrap(),
        &batch.schema(),
    )
    .unwrap();
    stream.write(&batch).unwrap();
    stream.finish().unwrap();
    for name in ["a.feather", "b.arrows"] {
        let (histories, summary) = folder.read(name).unwrap();
        assert_eq!(
            (ids(&histories), sums(&histories)),
            (vec!["7".to_owned(), "8".to_owned()], (20.0, 0.0)),
            "{name}"
        );
        assert!(summary.whole_ids, "{name}");
        assert_eq!(histories.first_instant(), Some(1_609_833_780_000_000));
    }
    let whole = fs::read(folder.path("a.feather")).unwrap();
    fs::write(folder.path("cut.feather"), &whole[..whole.len() / 2]).unwrap();
    assert_says(&folder.read("cut.feather").unwrap_err().to_string(), &["cut.feather"]);
}

#[test]
fn an_order_that_is_given_holds_for_dates_that_leave_it_open() {
    let folder = Folder::new();
    folder.write("a.csv", "customer_id,occurred_at,amount\nana,01/05/2021,1\nana,02/06/2021,2\n");
    let refused = folder.read("a.csv").unwrap_err();
    assert!(refused.refuses_data());
    assert_says(&refused.to_string(), &["a.csv", "01/05/2021", "--dates dmy or mdy"]);
    for (order, first) in [(DateOrder::Dmy, "2021-05-01"), (DateOrder::Mdy, "2021-01-05")] {
        let options = ReadOptions { dates: Some(order), ..ReadOptions::default() };
        let (histories, _) = read(&[folder.given("a.csv")], &options).unwrap();
        assert_eq!(histories.first_instant(), Some(homing_datasets::Zone::default().instant(first).unwrap()));
    }
}
