//! Values as people and programs write them: dates, amounts and ids, decided column by column.
use crate::support::{Folder, assert_says, mapped};
use homing_datasets::readers::Decimal;
use homing_datasets::{Histories, ReadOptions, ReadSummary, Zone, read};

fn instants(histories: &Histories, id: &str) -> Vec<String> {
    let view = histories.get(id).unwrap().as_of(i64::MAX);
    view.occurred_at().iter().map(|&at| Zone::default().format(at)).collect()
}

fn amounts(histories: &Histories, id: &str) -> Vec<f64> {
    histories.get(id).unwrap().as_of(i64::MAX).amount().to_vec()
}

fn codes(summary: &ReadSummary) -> Vec<(&'static str, u64)> {
    summary.warnings.list().iter().map(|warning| (warning.code.name(), warning.count)).collect()
}

fn read_dates(dates: &[&str]) -> Result<(Histories, ReadSummary), homing_datasets::Error> {
    let folder = Folder::new();
    let lines: String = dates.iter().map(|date| format!("ana;{date};1\n")).collect();
    folder.write("a.csv", format!("customer_id;occurred_at;amount\n{lines}"));
    folder.read("a.csv")
}

#[test]
fn the_column_decides_how_dates_are_read() {
    for (dates, expected) in [
        (&["05.01.2021", "06.01.2021"][..], "2021-01-05T00:00:00Z"),
        (&["01/05/2021", "13/05/2021"], "2021-05-01T00:00:00Z"),
        (&["01/05/2021", "01/13/2021"], "2021-01-05T00:00:00Z"),
        (&["9/6/2016 6:29", "9/16/2016 16:29:00"], "2016-09-06T06:29:00Z"),
        (&["1/5/2021 8:03 PM", "1/15/2021 8:03 AM"], "2021-01-05T20:03:00Z"),
        (&["2021年1月5日 8:03", "2021年1月6日"], "2021-01-05T08:03:00Z"),
        (&["2021/1/5 下午 8:03"], "2021-01-05T20:03:00Z"),
        (&["20210105", "20210113"], "2021-01-05T00:00:00Z"),
        (&["44201.33541666667", "44202"], "2021-01-05T08:03:00Z"),
        (&["1609833780", "1609833781"], "2021-01-05T08:03:00Z"),
        (&["1609833780.5"], "2021-01-05T08:03:00.500Z"),
        (&["1609833780000000000"], "2021-01-05T08:03:00Z"),
        (&["Tue, 05 Jan 2021 08:03:00 +0000"], "2021-01-05T08:03:00Z"),
        (&["05-Jan-2021"], "2021-01-05T00:00:00Z"),
        (&["2021-01-04 24:00"], "2021-01-05T00:00:00Z"),
        (&["05.01.21", "13.01.21"], "2021-01-05T00:00:00Z"),
    ] {
        let (histories, summary) = read_dates(dates).unwrap();
        assert_eq!(instants(&histories, "ana")[0], expected, "{dates:?}");
        assert!(summary.warnings.is_empty() && summary.rejected.is_empty(), "{dates:?}");
    }
}

#[test]
fn what_no_column_can_decide_is_asked_for() {
    for dates in [&["01/05/2021", "02/06/2021"][..], &["21-01-05", "21-02-06"]] {
        assert_says(&read_dates(dates).unwrap_err().to_string(), &["--dates"]);
    }
    assert_says(&read_dates(&["01/13/2021", "13/01/2021"]).unwrap_err().to_string(), &["day first", "month"]);
    for dates in [["2021-01"], ["2021-W05"], ["2021Q1"], ["Jan-21"], ["0000-00-00"]] {
        assert_says(&read_dates(&dates).unwrap_err().to_string(), &["bad_occurred_at"]);
    }
    let (_, summary) = read_dates(&["1/5/2021 8:03 PM", "2/6/2021 9:00 AM"]).unwrap();
    assert_eq!(codes(&summary), [("assumed_dates", 1)]);
}

#[test]
fn one_line_far_down_decides_for_all() {
    let folder = Folder::new();
    let mut csv = String::from("customer_id,occurred_at,amount\n");
    for i in 0..60_000 {
        csv.push_str(&format!("c{},{:02}/{:02}/2021,1\n", i % 50, i % 12 + 1, i % 12 + 1));
        csv.push_str(&format!("c{},{:02}/{:02}/2021,1\n", i % 50, i % 12 + 1, (i / 12) % 12 + 1));
    }
    csv.push_str("c1,02/25/2021,1\n");
    folder.write("a.csv", &csv);
    let (_, summary) = folder.read("a.csv").unwrap();
    assert_eq!((summary.recognised[0].dates.as_deref(), summary.rejected.len()), (Some("mdy"), 0));
}

#[test]
fn one_file_of_a_shop_tells_the_order_for_another() {
    let folder = Folder::new();
    folder.write("1.csv", "customer_id,occurred_at,amount\nana,01/05/2021,1\nana,02/06/2021,2\n");
    folder.write("2.csv", "customer_id,amount,occurred_at\nana,1,25/05/2021\n");
    let (histories, _) = folder.read("").unwrap();
    assert_eq!(
        instants(&histories, "ana"),
        ["2021-05-01T00:00:00Z", "2021-05-25T00:00:00Z", "2021-06-02T00:00:00Z"]
    );
}

fn read_amounts(values: &[&str], decimal: Option<Decimal>) -> (Vec<f64>, ReadSummary) {
    let folder = Folder::new();
    let line = |(at, value): (usize, &&str)| format!("ana\t2021-01-{:02}\t{value}\n", at + 1);
    let lines: String = values.iter().enumerate().map(line).collect();
    folder.write("a.tsv", format!("customer_id\toccurred_at\tamount\n{lines}"));
    let options = ReadOptions { decimal, ..ReadOptions::default() };
    let (histories, summary) = read(&[folder.given("a.tsv")], &options).unwrap();
    (amounts(&histories, "ana"), summary)
}

#[test]
fn the_column_decides_how_amounts_are_read() {
    for (values, expected) in [
        (&["$1,234.50", "$88"][..], &[1234.5, 88.0][..]),
        (&["￥1,288.00", "￥88.00"], &[1288.0, 88.0]),
        (&["88.00元", "5元"], &[88.0, 5.0]),
        (&["12.50 €", "1,250.00 €"], &[12.5, 1250.0]),
        (&["1.234,50", "1.000", "12,5"], &[1234.5, 1000.0, 12.5]),
        (&["1 234,50", "5"], &[1234.5, 5.0]),
        (&["1'234.50", "5.00"], &[1234.5, 5.0]),
        (&["12,345,678.00"], &[12_345_678.0]),
        (&["5.00", "(2.50)", "2.50-", "-$3.00"], &[5.0, -2.5, -2.5, -3.0]),
        (&["１２３．５０"], &[123.5]),
        (&["1E+05", "+5", ".5", "5."], &[100_000.0, 5.0, 0.5, 5.0]),
    ] {
        let (found, summary) = read_amounts(values, None);
        assert_eq!(found, expected, "{values:?}");
        assert!(summary.warnings.is_empty(), "{values:?}: {:?}", codes(&summary));
    }
}

#[test]
fn an_amount_that_may_be_two_numbers_is_told_and_asked_for() {
    let (found, summary) = read_amounts(&["1.000", "2.500", "7"], None);
    assert_eq!((found, codes(&summary)), (vec![1.0, 2.5, 7.0], vec![("ambiguous_decimal", 2)]));
    let (found, summary) = read_amounts(&["1.000", "2.500", "7"], Some(Decimal::Comma));
    assert_eq!((found, codes(&summary)), (vec![1000.0, 2500.0, 7.0], vec![]));
}

#[test]
fn several_currencies_are_told() {
    let (found, summary) = read_amounts(&["5 USD", "7 CNY", "R$ 3,50", "$1"], None);
    assert_eq!((found.len(), codes(&summary)), (4, vec![("several_currencies", 2)]));
    let folder = Folder::new();
    folder.write(
        "a.csv",
        "customer_id,occurred_at,amount,currency\nana,2021-01-01,5,USD\nana,2021-01-02,5,EUR\n",
    );
    assert_eq!(codes(&folder.read("a.csv").unwrap().1), [("several_currencies", 1)]);
    folder.write(
        "a.csv",
        "customer_id,occurred_at,amount,currency\nana,2021-01-01,5,USD\nana,2021-01-02,5,USD\n",
    );
    assert_eq!(codes(&folder.read("a.csv").unwrap().1), []);
}

#[test]
fn one_customer_has_one_id_in_all_files() {
    let folder = Folder::new();
    folder.write("a.csv", "customer_id,occurred_at,amount\n12345.0,2021-01-01,1\n7.0,2021-01-01,1\n");
    folder.write("b.csv", "customer_id,occurred_at,amount\n12345,2021-01-02,1\n'7,2021-01-02,1\n");
    folder
        .write("c.csv", "customer_id,occurred_at,amount\n\"=\"\"12345\"\"\",2021-01-03,1\n7 ,2021-01-03,1\n");
    let (histories, summary) = folder.read("").unwrap();
    assert_eq!((histories.len(), summary.warnings.is_empty(), summary.whole_ids), (2, true, true));
}

#[test]
fn ids_that_differ_in_form_alone_are_told() {
    let folder = Folder::new();
    folder.write("a.csv", "customer_id,occurred_at,amount\n000123,2021-01-01,1\n7,2021-01-01,1\n");
    folder.write("b.csv", "customer_id,occurred_at,amount\n123,2021-01-02,1\n7,2021-01-02,1\n");
    let (histories, summary) = folder.read("").unwrap();
    assert_eq!((histories.len(), codes(&summary)), (3, vec![("similar_ids", 1)]));
    assert_says(&summary.warnings.list()[0].example, &["`000123`", "`123`"]);
}

#[test]
fn nobody_is_never_one_customer() {
    let folder = Folder::new();
    let nobodies = ["nan", "None", "NULL", "\\N", "N/A", "-", "散客", "unknown@unknown.com"];
    let mut csv = String::from("customer_id,occurred_at,amount\nana,2021-01-01,1\n");
    nobodies.iter().for_each(|id| csv.push_str(&format!("{id},2021-01-01,1\n")));
    csv.push_str("138****1234,2021-01-01,1\n6.22E+15,2021-01-01,1\n");
    folder.write("a.csv", csv);
    let (histories, summary) = folder.read("a.csv").unwrap();
    assert_eq!((histories.len(), summary.without_customer), (1, 10));
    assert_eq!(codes(&summary), [("nobodys_id", 8), ("masked_id", 1), ("rounded_id", 1)]);
}

#[test]
fn mail_addresses_are_one_customer_in_any_case() {
    let folder = Folder::new();
    folder.write("a.csv", "email,date,total\nAna@Example.com,2021-01-01,1\n ana@example.com,2021-01-02,2\nguest@shop.com,2021-01-02,2\n");
    let (histories, summary) = folder.read("a.csv").unwrap();
    assert_eq!(
        (amounts(&histories, "ana@example.com"), codes(&summary)),
        (vec![1.0, 2.0], vec![("nobodys_id", 1)])
    );
}

#[test]
fn names_of_people_are_kept() {
    let folder = Folder::new();
    folder.write("a.csv", "customer_id,occurred_at,amount\n小王🐱,2021-01-01,1\n\"a,b\",2021-01-01,1\n\"q\"\"q\",2021-01-01,1\n=1+1|x,2021-01-01,1\n");
    let (histories, _) = folder.read("a.csv").unwrap();
    for id in ["小王🐱", "a,b", "q\"q", "=1+1|x"] {
        assert!(histories.get(id).is_some(), "{id}");
    }
}

#[test]
fn a_column_of_kinds_or_pieces_that_means_something_else_is_left_out_and_told() {
    let folder = Folder::new();
    folder.write("a.csv", "customer_id,occurred_at,amount,kind,quantity\nana,2021-01-01,1,retail,2 pcs\nana,2021-01-02,1,wholesale,3 pcs\n");
    let (histories, summary) = folder.read("a.csv").unwrap();
    assert_eq!((amounts(&histories, "ana"), codes(&summary)), (vec![1.0, 1.0], vec![("column_ignored", 1)]));
    assert_eq!(histories.get("ana").unwrap().as_of(i64::MAX).quantity(), [2.0, 3.0]);
    let (_, summary) = read(&[folder.given("a.csv")], &mapped(&[("kind", "")])).unwrap();
    assert!(summary.warnings.is_empty());
}
