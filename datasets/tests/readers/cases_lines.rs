//! Lines, returns, duplicates and packings of the list of real inputs.
use std::fs;

use crate::support::{Folder, assert_says};
use homing_datasets::baskets::{Baskets, Item, Limits};
use homing_datasets::{Histories, Kind, ReadOptions, ReadSummary, Zone, read};

const HEADER: &str = "customer_id,occurred_at,amount\n";

fn codes(summary: &ReadSummary) -> Vec<(&'static str, u64)> {
    summary.warnings.list().iter().map(|warning| (warning.code.name(), warning.count)).collect()
}

fn read_text(text: &str) -> (Histories, ReadSummary) {
    let folder = Folder::new();
    folder.write("a.csv", text);
    folder.read("a.csv").unwrap()
}

#[test]
fn returns_count_apart_from_what_was_bought() {
    let lines = "a,2023-05-01,100\na,2023-05-02,-100\nb,2023-05-01,50\nb,2023-05-03,-80\nc,2023-05-04,-20\nd,2023-05-04,70\n";
    let (histories, summary) = read_text(&format!("{HEADER}{lines}"));
    assert_eq!((summary.spend, summary.returned, histories.len()), (220.0, 200.0, 4));
    // Who only sent something back has no order.
    let orders = |id: &str| histories.get(id).unwrap().as_of(i64::MAX).orders(Zone::default()).count();
    assert_eq!(["a", "b", "c", "d"].map(orders), [1, 1, 0, 1]);
    assert_eq!((codes(&summary), summary.rejected.len()), (vec![], 0));
}

#[test]
fn newest_first_and_shuffled_is_the_same() {
    let lines: Vec<String> = (0..60)
        .map(|nth| format!("c{},2023-{:02}-{:02},{}.50\n", nth % 7, nth % 12 + 1, nth % 28 + 1, nth))
        .collect();
    let (first, _) = read_text(&format!("{HEADER}{}", lines.concat()));
    let reversed: String = lines.iter().rev().map(String::as_str).collect();
    let shuffled: String = (0..60).map(|nth| &*lines[nth * 37 % 60]).collect();
    for text in [reversed, shuffled] {
        assert_eq!(read_text(&format!("{HEADER}{text}")).0, first);
    }
}

#[test]
fn two_receipts_of_one_day_are_one_order() {
    let lines = "a,2023-05-01 10:00:00,5,r1\na,2023-05-01 18:00:00,7,r2\na,2023-05-02 09:00:00,1,r3\n";
    let (histories, summary) = read_text(&format!("customer_id,occurred_at,amount,order_id\n{lines}"));
    assert_eq!((summary.orders, summary.events, summary.spend), (2, 3, 13.0));
    let view = histories.get("a").unwrap().as_of(i64::MAX);
    assert_eq!(view.orders(Zone::default()).count(), 2);
}

#[test]
fn events_that_are_no_purchases_need_no_amount() {
    let lines =
        "a,2023-05-01,12.50,purchase\na,2023-05-02,,visit\na,2023-05-03,,complaint\na,2023-05-04,9,nps\n";
    let (histories, summary) = read_text(&format!("customer_id,occurred_at,amount,kind\n{lines}"));
    assert_eq!((summary.events, summary.spend, summary.rejected.len()), (4, 12.5, 0), "{summary:?}");
    let view = histories.get("a").unwrap().as_of(i64::MAX);
    assert_eq!(view.kind(), [Kind::Purchase, Kind::Visit, Kind::Complaint, Kind::Nps]);
    assert_eq!(view.orders(Zone::default()).count(), 1);
}

#[test]
fn what_was_recorded_before_it_happened_is_told() {
    let mut text = "customer_id,occurred_at,amount,recorded_at\na,2023-05-02,5,2023-05-01\n".to_owned();
    text.push_str(&"b,2023-05-02,5,2023-05-03\n".repeat(200));
    let (_, summary) = read_text(&text);
    assert_eq!(summary.rejected["recorded_before_occurred"], 1);
    let folder = Folder::new();
    let refused = folder.refusal("a.csv", text.lines().take(2).collect::<Vec<_>>().join("\n"));
    assert_says(&refused, &["recorded_before_occurred", "1 of 1 rows"]);
}

#[test]
fn a_free_trial_is_no_order_and_the_first_payment_is() {
    let lines = "a,2023-05-01,0.00\na,2023-06-01,9.99\na,2023-07-01,9.99\n";
    let (histories, summary) = read_text(&format!("{HEADER}{lines}"));
    let view = histories.get("a").unwrap().as_of(i64::MAX);
    let first = view.orders(Zone::default()).next().unwrap();
    assert_eq!((summary.events, summary.orders, first.amount), (3, 2, 9.99));
}

/// What `SMALL` is as .xz, as the command of that name writes it.
const XZ: &str = "fd377a585a000004e6d6b4460200210116000000742fe5a3e000aa00625d00319d4ab1f65fee631707419511fe97d9988fc6e106b30adb\
    fb8b5faffd3cb854589e2d58805024d8147fc54ce006a23deb595301e0bf8f9300a83355dc96cab8baf512c57062204089f6b5d431d015e6\
    d9fa7898cc04359182e79add6cd16a873d000000008aa8817df29c262c00017eab010000008e71364db1c467fb020000000004595a";
const SMALL: &str = "customer_id,occurred_at,amount\nana,2023-05-01 10:22:33,12.50\nana,2023-06-01 10:22:33,50\n\
    bo,2023-05-02 11:00:00,1234.50\ncy,2023-05-03 12:00:00,40\ncy,2023-05-04 12:00:00,60\n";

fn bytes_of(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// Bytes as Brotli that was not made smaller: a block of them as they are, and an empty last one (RFC 7932, section 9.2).
fn brotli(bytes: &[u8]) -> Vec<u8> {
    let head = ((bytes.len() - 1) as u32) << 4 | 1 << 20;
    [&head.to_le_bytes()[..3], bytes, &[3]].concat()
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut packer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

#[test]
fn xz_brotli_and_bzip2_are_read_whole_or_refused() {
    let folder = Folder::new();
    let more = "bo,2023-08-01 10:00:00,3\n";
    let packed = [
        ("a.csv.xz", "xz", bytes_of(XZ)),
        ("a.csv.br", "brotli", brotli(SMALL.as_bytes())),
        ("a.csv.bz2", "bzip2", bzip2(SMALL.as_bytes())),
        // Two packed files one after the other, and a name that keeps quiet about it.
        ("two.csv.bz2", "bzip2", [bzip2(SMALL.as_bytes()), bzip2(more.as_bytes())].concat()),
        ("quiet.csv", "xz", bytes_of(XZ)),
    ];
    for (name, packing, bytes) in &packed {
        fs::write(folder.path(name), bytes).unwrap();
        let (histories, summary) = folder.read(name).unwrap();
        let spend = if name.starts_with("two") { 1400.0 } else { 1397.0 };
        assert_eq!((histories.len(), summary.spend), (3, spend), "{name}");
        assert_eq!(summary.recognised[0].compression, Some(*packing), "{name}");
        fs::remove_file(folder.path(name)).unwrap();
        // Cut off anywhere it is refused and never read in part.
        for cut in [bytes.len() / 2, bytes.len() - 2] {
            fs::write(folder.path(name), &bytes[..cut]).unwrap();
            assert_says(&folder.read(name).unwrap_err().to_string(), &[name]);
        }
        fs::remove_file(folder.path(name)).unwrap();
    }
}

#[test]
fn lines_of_an_export_give_the_same_rules_with_and_without_receipts() {
    let folder = Folder::new();
    let (mut with, mut without) = (String::new(), String::new());
    for nth in 0..120 {
        let day = format!("2022-{:02}-{:02} 10:00:00 -0400", nth / 10 + 1, nth % 10 + 1);
        let products: &[&str] = [&["tea"][..], &["cup", "pot"], &["tea", "milk"]][nth % 3];
        for product in products {
            let head = format!("c{}@x.com,paid,{day},5.00,{day},1", nth % 30);
            with.push_str(&format!("#{nth},{head},{product},5.00\n"));
            without.push_str(&format!("{head},{product},5.00\n"));
        }
    }
    let columns =
        "Email,Financial Status,Paid at,Total,Created at,Lineitem quantity,Lineitem name,Lineitem price\n";
    folder.write("with.csv", format!("Name,{columns}{with}"));
    folder.write("without.csv", format!("{columns}{without}"));
    let rules = |name: &str| {
        let (histories, _) = read(&[folder.given(name)], &ReadOptions::default()).unwrap();
        let baskets = Baskets::of(&histories, Item::Product);
        let rules = baskets.rules(&Limits { min_support: 0.01, ..Limits::default() }).unwrap();
        let shown = rules.iter().map(|rule| {
            format!(
                "{:?} {:?} {:.6} {:.6}",
                rule.antecedents, rule.consequents, rule.support, rule.confidence
            )
        });
        (baskets.len(), shown.collect::<Vec<_>>())
    };
    let found = rules("with.csv");
    assert_eq!((found.0, found.1.is_empty()), (120, false));
    assert_eq!(rules("without.csv"), found);
}
