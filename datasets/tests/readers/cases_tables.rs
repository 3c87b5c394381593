//! Tables that are more than one row per purchase: reports with headings, sums between the rows, tables that belong
//! together, orders that were changed later; and what a refused run says.
use crate::support::workbook::{of_rows, row};
use crate::support::{Folder, assert_says, mapped};
use homing_datasets::{Error, Histories, Kind, ReadOptions, ReadSummary, read};

/// Of each customer the purchases and the product returns, in cents.
fn sums(histories: &Histories) -> Vec<(String, i64, i64)> {
    let of = |(id, history): (&str, &homing_datasets::History)| {
        let view = history.as_of(i64::MAX);
        let sum = |kind: Kind| {
            let all = view.kind().iter().zip(view.amount());
            (all.filter(|(own, _)| **own == kind).map(|(_, amount)| amount).sum::<f64>() * 100.0).round()
                as i64
        };
        (id.to_owned(), sum(Kind::Purchase), -sum(Kind::Return))
    };
    histories.iter().map(of).collect()
}

fn total(histories: &Histories) -> (i64, i64) {
    sums(histories).iter().fold((0, 0), |(spend, returned), (_, more, back)| (spend + more, returned + back))
}

fn read_text(name: &str, text: &str) -> Result<(Histories, ReadSummary), Error> {
    let folder = Folder::new();
    folder.write(name, text);
    folder.read(name)
}

fn named(all: &[(&str, i64, i64)]) -> Vec<(String, i64, i64)> {
    all.iter().map(|&(id, spend, returned)| (id.to_owned(), spend, returned)).collect()
}

#[test]
fn a_refusal_names_all_that_is_missing_and_what_may_be_meant() {
    let csv = "Export of the till\n\nBeleg;Kd;Wann;Artikel;Wert\n1;1001;05.01.2023;Tee;12,50\n2;1002;16.01.2023;Tasse;7,50\n";
    let refused = read_text("till.csv", csv).unwrap_err().to_string();
    assert_says(
        &refused,
        &[
            "no column `customer_id`, `occurred_at` or `amount`",
            "`Beleg`, `Kd`, `Wann`, `Artikel`, `Wert`",
            "occurred_at=Wann",
            "amount=Wert",
            "customer_id may be ",
            "`Kd`",
            "delimiter ;",
            "header in line 3",
        ],
    );
    // What is suggested can be used.
    let folder = Folder::new();
    folder.write("till.csv", csv);
    let options = mapped(&[("customer_id", "Kd"), ("occurred_at", "Wann"), ("amount", "Wert")]);
    assert_eq!(total(&read(&[folder.given("till.csv")], &options).unwrap().0), (2000, 0));
}

#[test]
fn a_refusal_says_what_was_recognised() {
    let refused =
        read_text("a.csv", "Order Date,Order No,Wer,Total\n2023-01-05,1,Ana,5\n2023-01-06,2,Bo,6\n")
            .unwrap_err();
    assert_says(
        &refused.to_string(),
        &[
            "no column `customer_id`;",
            "Recognised: csv, UTF-8",
            "occurred_at = Order Date",
            "amount = Total",
            "customer_id=Wer",
        ],
    );
    // Names that a shell or `--columns` would cut are quoted.
    let quoted =
        read_text("a.csv", "date,\"Wert, brutto\",Client Ref. A\n2023-01-05,5.10,x\n2023-01-06,6.10,y\n");
    assert_says(
        &quoted.unwrap_err().to_string(),
        &["--columns 'customer_id=Client Ref. A,amount=\"Wert, brutto\"'"],
    );
}

#[test]
fn a_report_without_buyers_is_refused_by_name() {
    let csv =
        "Date,SKU,Units,Product Sales\n2023-01-05,A1,2,12.50\n2023-01-06,A1,1,6.25\n2023-01-07,A1,1,6.25\n";
    let refused = read_text("report.csv", csv).unwrap_err().to_string();
    assert_says(
        &refused,
        &["no column `customer_id`", "no column looks like a customer", "one row per purchase"],
    );
}

#[test]
fn an_adjusted_total_replaces_that_of_the_order() {
    let header =
        "Sale Date,Order ID,Buyer User ID,Order Value,Order Total,Status,Adjusted Order Total,Buyer\n";
    let orders = "01/14/23,1,ana,40.00,45.00,Shipped,38.89,Ana\n01/15/23,2,bo,20,22.50,Shipped,,Bo\n01/16/23,3,cy,9,10.00,Refunded,0.00,Cy\n";
    let (histories, summary) = read_text("etsy.csv", &format!("{header}{orders}")).unwrap();
    assert_eq!(summary.recognised[0].export, Some("Etsy orders export"));
    assert_eq!(sums(&histories), named(&[("ana", 4500, 611), ("bo", 2250, 0), ("cy", 1000, 1000)]));
    // A 0 that stands on most orders means that they were not adjusted.
    let orders = "01/14/23,1,ana,40.00,45.00,,0.00,Ana\n01/15/23,2,bo,20,22.50,,0.00,Bo\n01/16/23,3,cy,9,10.00,,4.00,Cy\n";
    let (histories, _) = read_text("etsy.csv", &format!("{header}{orders}")).unwrap();
    assert_eq!(sums(&histories), named(&[("ana", 4500, 0), ("bo", 2250, 0), ("cy", 1000, 600)]));
    // Orders to which something was added later, and those of another system.
    let shopify = "{\"id\":1,\"name\":\"#1\",\"email\":\"ana@x.com\",\"created_at\":\"2023-01-05T10:00:00Z\",\"financial_status\":\"partially_refunded\",\"total_price\":\"50.00\",\"current_total_price\":\"30.00\"}\n\
        {\"id\":2,\"name\":\"#2\",\"email\":\"bo@x.com\",\"created_at\":\"2023-01-05T10:00:00Z\",\"financial_status\":\"paid\",\"total_price\":\"50.00\",\"current_total_price\":\"60.00\"}\n";
    let (histories, _) = read_text("orders.ndjson", shopify).unwrap();
    assert_eq!(sums(&histories), named(&[("ana@x.com", 5000, 2000), ("bo@x.com", 6000, 0)]));
}

#[test]
fn an_adjusted_total_says_nothing_of_another_amount() {
    let csv = "Sale Date,Order ID,Buyer,Order Value,Order Total,Adjusted Order Total\n01/14/23,1,ana,40.00,45.00,38.89\n";
    let folder = Folder::new();
    folder.write("a.csv", csv);
    let options = mapped(&[("amount", "Order Value")]);
    assert_eq!(total(&read(&[folder.given("a.csv")], &options).unwrap().0), (4000, 0));
}

const WECHAT: &str =
    "交易时间,微信订单号,用户标识,交易类型,交易状态,货币种类,应结订单金额,退款金额,订单金额\n";

#[test]
fn sums_below_each_day_of_a_bill_are_counted_and_no_rejects() {
    let day = |day: u32, id: &str, amount: &str| {
        format!(
            "`2025-05-{day:02} 14:15:17,`42000{day},`{id},`JSAPI,`SUCCESS,`CNY,`{amount},`0.00,`{amount}\n\
             总交易单数,应结订单总金额,退款总金额,手续费总金额\n`1,`{amount},`0.00,`0.01000\n"
        )
    };
    let days = [day(9, "ana", "17.40"), day(10, "bo", "20.00"), day(11, "ana", "3.00")];
    // As one file, as files written after each other with their headers, and padded by a spreadsheet.
    let padded: String = format!("{WECHAT}{}", days.concat())
        .lines()
        .map(|line| format!("{line}{}\n", ",".repeat(8 - line.matches(',').count())))
        .collect();
    for (text, remarks) in [
        (format!("{WECHAT}{}", days.concat()), 6),
        (days.iter().map(|day| format!("{WECHAT}{day}")).collect(), 8),
        (padded.replace('`', ""), 6),
    ] {
        let (histories, summary) = read_text("bill.csv", &text).unwrap();
        assert_eq!(sums(&histories), named(&[("ana", 2040, 0), ("bo", 2000, 0)]));
        assert_eq!((summary.remarks, summary.lines, summary.rejected.len()), (remarks, 3, 0), "{text}");
    }
}

const GROUPED: &str = "\
Sales by Customer Detail,,,,,,
\"January - December, 2023\",,,,,,
,,,,,,
,Date,Transaction Type,Num,Product/Service,Amount,Balance
Ana Lopez,,,,,,
,01/05/2023,Invoice,1001,Tea,10.00,10.00
,01/19/2023,Invoice,1002,Cup,\"1,002.50\",\"1,012.50\"
Total for Ana Lopez,,,,,\"$1,012.50\",
Freeman Sporting,,,,,,
0969 Ocean View,,,,,,
,02/20/2023,Invoice,1003,Tea,5.00,5.00
Total for 0969 Ocean View,,,,,$5.00,
,02/21/2023,Sales Receipt,1004,Tea,6.00,6.00
Total for Freeman Sporting,,,,,$11.00,
TOTAL,,,,,\"$1,023.50\",
\"Friday, Jun 02, 2023 10:00:00 AM GMT-7 - Accrual Basis\",,,,,,
";

#[test]
fn a_customer_in_a_heading_is_that_of_the_rows_below() {
    let expected = named(&[("Ana Lopez", 101_250, 0), ("Freeman Sporting", 1100, 0)]);
    let column = GROUPED.replace(",Date,Transaction", "Customer,Date,Transaction");
    for text in [GROUPED, &column] {
        let (histories, summary) = read_text("report.csv", text).unwrap();
        assert_eq!(sums(&histories), expected);
        assert_eq!((summary.lines, summary.rejected.len(), summary.without_customer), (4, 0, 0));
        let shown = summary.recognised[0].to_string();
        assert_says(&shown, &["the customer of a row is the heading above it", "header in line 4"]);
    }
    let preview = ReadOptions { preview: true, ..ReadOptions::default() };
    let folder = Folder::new();
    folder.write("report.csv", GROUPED);
    let (_, summary) = read(&[folder.given("report.csv")], &preview).unwrap();
    assert_eq!(summary.recognised[0].first_lines[0].customer_id, "Ana Lopez");
}

#[test]
fn headings_without_sums_and_headings_that_say_customer_are_read_too() {
    let flat =
        "Kunde;Datum;Betrag\nAna;;\n;05.01.2023;12,50\n;16.01.2023;2,50\nAna Maria;;\n;17.01.2023;5,00\n";
    let lone = "Datum;Beleg;Betrag\nKunde: Ana;;\n05.01.2023;1;12,50\n16.01.2023;2;2,50\nKunde: Ana Maria;;\n17.01.2023;3;5,00\n";
    let sums_below = "Datum;Beleg;Betrag\nAna;;\n05.01.2023;1;12,50\n16.01.2023;2;2,50\nSumme Ana;;15,00\nAna Maria;;\n17.01.2023;3;5,00\nSumme Ana Maria;;5,00\nGesamt;;20,00\n";
    for text in [flat, lone, sums_below] {
        let (histories, summary) = read_text("a.csv", text).unwrap();
        assert_eq!(sums(&histories), named(&[("Ana", 1500, 0), ("Ana Maria", 500, 0)]), "{text}");
        assert!(summary.recognised[0].headings && summary.rejected.is_empty(), "{text}");
    }
}

#[test]
fn rows_without_a_customer_beside_others_stay_nobodys() {
    let folder = Folder::new();
    folder.write("a.csv", "customer,date,total\nana,2023-01-05,5\n,2023-01-06,6\nbo,,\n,2023-01-07,7\n");
    let lenient = ReadOptions { max_reject_share: 0.5, ..ReadOptions::default() };
    let (histories, summary) = read(&[folder.given("a.csv")], &lenient).unwrap();
    assert_eq!((sums(&histories), summary.without_customer), (named(&[("ana", 500, 0)]), 2));
    // An index without a name is no customer.
    let refused = read_text("b.csv", ",date,total\n0,2023-01-05,5\n1,2023-01-06,6\n").unwrap_err();
    assert_says(&refused.to_string(), &["no column `customer_id`"]);
}

const ORDERS: &str = "order_id,customer_id,order_status,order_purchase_timestamp\n\
    o1,c1,delivered,2018-01-05 10:00:00\no2,c2,delivered,2018-02-05 10:00:00\no3,c3,canceled,2018-02-06 10:00:00\n";
const ITEMS: &str = "order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value\n\
    o1,1,p1,s1,2018-01-09 10:00:00,12.50,2.00\no1,2,p2,s1,2018-01-09 10:00:00,7.50,2.00\n\
    o2,1,p1,s1,2018-02-09 10:00:00,12.50,2.00\no3,1,p1,s1,2018-02-09 10:00:00,99.00,2.00\n";
const PAYMENTS: &str = "order_id,payment_sequential,payment_type,payment_installments,payment_value\n\
    o1,1,credit_card,1,24.00\no2,1,voucher,1,4.50\no2,2,credit_card,1,10.00\no3,1,boleto,1,101.00\n";
const PEOPLE: &str = "customer_id,customer_unique_id,customer_zip_code_prefix,customer_city,customer_state\n\
    c1,u1,01000,sao paulo,SP\nc2,u1,01000,sao paulo,SP\nc3,u2,02000,rio,RJ\n";

#[test]
fn tables_that_hold_a_purchase_together_are_joined() {
    for (amounts, text, spend) in [("items.csv", ITEMS, 3250), ("payments.csv", PAYMENTS, 3850)] {
        let folder = Folder::new();
        folder.write("orders.csv", ORDERS);
        folder.write(amounts, text);
        folder.write("customers.csv", PEOPLE);
        let (histories, summary) = folder.read("").unwrap();
        assert_eq!(sums(&histories), named(&[("u1", spend, 0)]));
        assert_eq!(histories.get("u1").unwrap().as_of(i64::MAX).orders(Default::default()).count(), 2);
        assert_eq!(summary.files, 3);
        assert_says(
            &summary.recognised[0].to_string(),
            &["joined with", "orders.csv by order_id", "customers.csv by customer_id"],
        );
    }
    // Names of another database, and no table of people.
    let folder = Folder::new();
    folder.write(
        "orders.csv",
        "id,user_id,created_at,state\n1,ana,2023-01-05 10:00:00,paid\n2,ana,2023-02-05 10:00:00,paid\n",
    );
    folder.write(
        "order_lines.csv",
        "order_id,product_id,quantity,unit_price\n1,p1,2,5.00\n1,p2,1,2.50\n2,p1,1,5.00\n",
    );
    let (histories, _) = folder.read("").unwrap();
    assert_eq!(sums(&histories), named(&[("ana", 1750, 0)]));
}

#[test]
fn payments_count_where_prices_of_goods_are_beside_them() {
    let folder = Folder::new();
    folder.write("orders.csv", ORDERS);
    folder.write("items.csv", ITEMS);
    folder.write("payments.csv", PAYMENTS);
    folder.write("customers.csv", PEOPLE);
    folder.write("sellers.csv", "seller_id,seller_city\ns1,sao paulo\n");
    let (histories, summary) = folder.read("").unwrap();
    assert_eq!(total(&histories), (3850, 0));
    let warnings = summary.warnings.list();
    let told = warnings.iter().find(|warning| warning.code.name() == "other_amounts").unwrap();
    assert_says(&told.example, &["items.csv` (`price`) does not count", "payments.csv` (`payment_value`)"]);
    assert_says(told.remedy, &["--purchases"]);
    // As the remedy says.
    let files = ["orders.csv", "items.csv", "customers.csv"].map(|name| folder.given(name));
    let (histories, summary) = read(&files, &ReadOptions::default()).unwrap();
    assert_eq!(total(&histories), (3250, 0));
    assert!(summary.warnings.list().iter().all(|warning| warning.code.name() != "other_amounts"));
}

#[test]
fn tables_that_can_be_joined_in_two_ways_are_named() {
    let folder = Folder::new();
    folder.write("orders.csv", ORDERS);
    folder.write("items.csv", ITEMS);
    folder.write("more_items.csv", ITEMS.replace("price", "total"));
    folder.write("customers.csv", PEOPLE);
    let refused = folder.read("").unwrap_err().to_string();
    assert_says(
        &refused,
        &[
            "customer and date are in",
            "orders.csv",
            "items.csv",
            "(`price`)",
            "more_items.csv",
            "(`total`)",
            "order_id",
            "--purchases",
        ],
    );
    // As the message says.
    let files = ["orders.csv", "items.csv", "customers.csv"].map(|name| folder.given(name));
    assert_eq!(total(&read(&files, &ReadOptions::default()).unwrap().0), (3250, 0));
}

#[test]
fn tables_of_other_receipts_are_refused() {
    let folder = Folder::new();
    folder.write("orders.csv", ORDERS);
    folder.write("payments.csv", PAYMENTS.replace("\no", "\nx"));
    assert_says(
        &folder.read("").unwrap_err().to_string(),
        &["payments.csv", "orders.csv", "such as `x", "order_id"],
    );
    folder.write("payments.csv", PAYMENTS);
    folder.write("orders.csv", format!("{ORDERS}o1,c9,delivered,2018-01-07 10:00:00\n"));
    assert_says(
        &folder.read("").unwrap_err().to_string(),
        &["orders.csv", "`o1` more than once", "order_id"],
    );
}

#[test]
fn a_table_of_purchases_beside_others_is_named() {
    let folder = Folder::new();
    folder.write("orders.csv", "customer_id,date,total\nana,2023-01-05,5\n");
    folder.write("products.csv", "sku,name\n1,Tea\n");
    assert_says(
        &folder.read("").unwrap_err().to_string(),
        &["products.csv", "orders.csv` has all that is needed"],
    );
}

#[test]
fn a_cell_of_several_rows_belongs_to_each_of_them_and_its_amount_once() {
    let rows = [
        row(1, &["Customer", "Order", "Date", "Product", "Total"]),
        row(2, &["Ana", "o1", "2023-01-05", "Tea", "12.5"]),
        row(3, &["", "", "", "Cup", ""]),
        row(4, &["", "o2", "2023-02-05", "Tea", "5"]),
        row(5, &["Bo", "o3", "2023-02-06", "Pot", "7"]),
        row(6, &["", "o4", "2023-02-07", "Pot", "9"]),
    ];
    let merged = "<mergeCells count=\"4\"><mergeCell ref=\"A2:A4\"/><mergeCell ref=\"B2:B3\"/><mergeCell ref=\"C2:C3\"/><mergeCell ref=\"E2:E3\"/></mergeCells>";
    let folder = Folder::new();
    std::fs::write(folder.path("a.xlsx"), of_rows(&rows.concat(), merged)).unwrap();
    let (histories, summary) = folder.read("a.xlsx").unwrap();
    assert_eq!(sums(&histories), named(&[("Ana", 1750, 0), ("Bo", 700, 0)]));
    // The last row is nobody's: nothing says that it is Bo's.
    assert_eq!((summary.events, summary.without_customer, summary.rejected.len()), (4, 1, 0));
}

#[test]
fn formulas_are_read_by_their_values_and_refused_without_one() {
    let folder = Folder::new();
    let rows = |formula: &str| {
        let header = row(1, &["Customer", "Date", "Pieces", "Single", "Total"]);
        header
            + &row(2, &["Ana", "2023-01-05", "2", "6.25", formula])
            + &row(3, &["Bo", "2023-01-06", "1", "5", "5"])
    };
    std::fs::write(folder.path("a.xlsx"), of_rows(&rows("<f>C2*D2</f><v>12.5</v>"), "")).unwrap();
    assert_eq!(total(&folder.read("a.xlsx").unwrap().0), (1750, 0));
    for formula in ["<f>C2*D2</f><v></v>", "<f>C2*D2</f><v/>", "<f>C2*D2</f>"] {
        std::fs::write(folder.path("b.xlsx"), of_rows(&rows(formula), "")).unwrap();
        assert_says(
            &folder.read("b.xlsx").unwrap_err().to_string(),
            &["b.xlsx", "never computed", "row 2", "save it"],
        );
    }
}

#[test]
fn a_table_with_a_column_for_each_month_is_refused_by_name() {
    let refused =
        read_text("pivot.csv", "Customer,Jan 2025,Feb 2025,Mar 2025\nAna,12.50,0,3.00\nBo,0,5.00,0\n");
    assert_says(&refused.unwrap_err().to_string(), &["months", "pivot", "one row per purchase"]);
}
