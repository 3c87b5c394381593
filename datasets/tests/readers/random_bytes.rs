//! Random and damaged bytes in every format: an error or histories, never a panic. The fuzz targets under `fuzz/` look longer.

use std::fs;
use std::time::{Duration, Instant};

use homing_datasets::{ReadOptions, read};
use parquet::basic::Encoding;
use parquet::file::properties::{WriterProperties, WriterVersion};

use crate::support::Folder;
use crate::support::events::dice;
use crate::support::sample::{CSV, NDJSON};

/// How long each format is tried at most.
const LIMIT: Duration = Duration::from_secs(3);

#[test]
fn damaged_bytes_are_an_error_in_every_format() {
    let folder = Folder::new();
    folder.write("whole.csv.gz", CSV);
    let columns = vec![
        ("customer_id", crate::support::array(arrow_array::StringArray::from(vec!["a", "b", "c"]))),
        ("occurred_at", crate::support::array(arrow_array::Int64Array::from(vec![1_609_833_780, 0, 5]))),
        ("amount", crate::support::array(arrow_array::Float64Array::from(vec![1.0, 2.0, f64::NAN]))),
    ];
    folder.write_parquet("whole.parquet", columns, 2);
    let whole = |name: &str| fs::read(folder.path(name)).unwrap();
    let samples = [
        ("a.csv", CSV.as_bytes().to_vec()),
        ("b.csv", CSV.replace(',', ";").replace("2010-12-01 08:26:00", "01.12.2010 08:26").into_bytes()),
        ("c.csv", CSV.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("d.json", NDJSON.as_bytes().to_vec()),
        ("e.json", format!("[{}]", NDJSON.trim().replace("}\n", "},\n").replace("\n\n", "\n")).into_bytes()),
        ("f.xlsx", crate::support::workbook::orders()),
        ("g.parquet", whole("whole.parquet")),
        ("h.csv.gz", whole("whole.csv.gz")),
    ];
    let state = &mut 11;
    let options = ReadOptions { max_reject_share: 1.0, preview: true, ..ReadOptions::default() };
    for (name, sample) in samples {
        let began = Instant::now();
        for _ in 0..400 {
            let mut bytes = sample.clone();
            for _ in 0..=dice(state, 6) {
                let at = dice(state, bytes.len() as u64) as usize;
                match dice(state, 4) {
                    0 => bytes[at] = dice(state, 256) as u8,
                    1 => bytes.truncate(at.max(1)),
                    2 => bytes.insert(at, b"\",;\n{}[]\0"[dice(state, 9) as usize]),
                    _ => bytes[at] ^= 1 << dice(state, 8),
                }
            }
            fs::write(folder.path(name), &bytes).unwrap();
            let _ = read(&[folder.given(name)], &options);
            if began.elapsed() > LIMIT {
                break;
            }
        }
    }
}

/// Columns whose pages say how many values they hold: the decoder believed a damaged count and asked for as much memory.
#[test]
fn a_page_that_announces_too_many_values_is_refused_before_it_is_decoded() {
    let folder = Folder::new();
    let customers: Vec<String> = (0..300).map(|row| format!("customer-{}", row % 37)).collect();
    let columns = || {
        vec![
            ("customer_id", crate::support::array(arrow_array::StringArray::from(customers.clone()))),
            (
                "occurred_at",
                crate::support::array(arrow_array::Date32Array::from_iter_values(14_000..14_300)),
            ),
            ("amount", crate::support::array(arrow_array::Int64Array::from_iter_values(1..301))),
        ]
    };
    let plain = folder.write_parquet("plain.parquet", columns(), 300);
    let (expected, _) = read(&[plain], &ReadOptions::default()).unwrap();
    for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
        for texts in [Encoding::DELTA_BYTE_ARRAY, Encoding::DELTA_LENGTH_BYTE_ARRAY] {
            let properties = WriterProperties::builder()
                .set_writer_version(version)
                .set_dictionary_enabled(false)
                .set_encoding(Encoding::DELTA_BINARY_PACKED)
                .set_column_encoding("customer_id".into(), texts);
            folder.write_parquet_as("whole.parquet", columns(), properties.build());
            let (histories, _) = read(&[folder.given("whole.parquet")], &ReadOptions::default()).unwrap();
            assert_eq!(histories, expected, "{version:?} {texts:?}");
            let whole = fs::read(folder.path("whole.parquet")).unwrap();
            let mut announced = 0;
            for at in 4..whole.len() - 8 {
                let mut damaged = whole.clone();
                // Five bytes of a number that is too large for any file.
                damaged[at..at + 5].copy_from_slice(&[0xff, 0xff, 0xff, 0xff, 0x07]);
                fs::write(folder.path("damaged.parquet"), damaged).unwrap();
                let refused = read(&[folder.given("damaged.parquet")], &ReadOptions::default());
                announced += usize::from(refused.is_err_and(|error| error.to_string().contains("announces")));
            }
            assert!(announced > 0, "{version:?} {texts:?}");
        }
    }
}

/// A page's header with a list of billions of values, which the decoder passed over one by one beyond the end of the file.
#[test]
fn a_header_that_announces_an_endless_list_is_refused_at_the_end_of_the_file() {
    let folder = Folder::new();
    fs::write(folder.path("a.parquet"), include_bytes!("endless_header.parquet")).unwrap();
    let began = Instant::now();
    let refused = read(&[folder.given("a.parquet")], &ReadOptions::default()).unwrap_err();
    assert!(refused.to_string().contains("a.parquet"), "{refused}");
    assert!(began.elapsed() < Duration::from_secs(60), "it took {:?}", began.elapsed());
}
