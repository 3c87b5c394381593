//! Exports of well-known systems, without a mapping and with one.
use crate::support::{Folder, mapped};
use homing_datasets::{Histories, Kind, ReadOptions, ReadSummary, read};

/// Customers, spend and product returns in cents.
pub(crate) fn sums(histories: &Histories) -> (usize, i64, i64) {
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
    (histories.len(), (spend * 100.0).round() as i64, (returned * 100.0).round() as i64)
}

pub(crate) fn codes(summary: &ReadSummary) -> Vec<(&'static str, u64)> {
    summary.warnings.list().iter().map(|warning| (warning.code.name(), warning.count)).collect()
}

/// Reads a text as CSV by itself and with each of the mappings; all must say the same.
fn read_all(csv: &str, mappings: &[&[(&str, &str)]]) -> (Histories, ReadSummary) {
    let folder = Folder::new();
    folder.write("export.csv", csv);
    let path = [folder.given("export.csv")];
    let found = read(&path, &ReadOptions::default()).unwrap();
    for mapping in mappings {
        let other = read(&path, &mapped(mapping)).unwrap();
        assert_eq!(sums(&other.0), sums(&found.0), "{mapping:?}");
        assert_eq!(codes(&other.1), codes(&found.1), "{mapping:?}");
    }
    found
}

pub(crate) fn recognised(summary: &ReadSummary) -> Option<&'static str> {
    summary.recognised[0].export
}

const SHOPIFY: &str = "\
Name,Email,Financial Status,Paid at,Currency,Subtotal,Total,Discount Code,Created at,Lineitem quantity,Lineitem name,Lineitem price
#4016,c0394@example.com,paid,2022-01-03 20:20:57 -0400,USD,33.14,33.14,,2022-01-03 20:20:57 -0400,1,Thing B7,19.41
#4016,c0394@example.com,,,,,,,2022-01-03 20:20:57 -0400,1,Thing C33,13.73
#4017,C0394@Example.com,paid,2022-02-03 20:20:57 -0400,USD,55.00,55.00,,2022-02-03 20:20:57 -0400,2,Thing B7,27.50
";

#[test]
fn totals_of_shopify_stand_on_the_first_line_of_an_order() {
    let mapping =
        [("customer_id", "Email"), ("occurred_at", "Created at"), ("amount", "Total"), ("order_id", "Name")];
    let (histories, summary) = read_all(SHOPIFY, &[&mapping]);
    assert_eq!((sums(&histories), codes(&summary)), ((1, 8814, 0), vec![]));
    assert_eq!((recognised(&summary), summary.rejected.len()), (Some("Shopify orders export"), 0));
}

#[test]
fn prices_of_shopify_lines_are_multiplied() {
    let folder = Folder::new();
    folder.write("a.csv", SHOPIFY);
    let lines = mapped(&[
        ("customer_id", "Email"),
        ("occurred_at", "Created at"),
        ("amount", "Lineitem price"),
        ("quantity", "Lineitem quantity"),
        ("order_id", "Name"),
    ]);
    let (histories, summary) = read(&[folder.given("a.csv")], &lines).unwrap();
    assert_eq!((sums(&histories), codes(&summary)), ((1, 8814, 0), vec![]));
}

#[test]
fn only_what_was_paid_is_spend() {
    let csv = "\
Name,Email,Financial Status,Created at,Total,Refunded Amount,Cancelled at
#1,ana@x.com,paid,2023-05-01 10:00:00 -0400,10,0,
#2,ana@x.com,voided,2023-05-02 10:00:00 -0400,500,0,2023-05-02 11:00:00 -0400
#3,ana@x.com,refunded,2023-05-03 10:00:00 -0400,70,70,
#4,bo@x.com,pending,2023-05-03 10:00:00 -0400,80,0,
#5,bo@x.com,partially_refunded,2023-05-04 10:00:00 -0400,30,5,
";
    let mapping = [("customer_id", "Email"), ("occurred_at", "Created at"), ("amount", "Total")];
    let (histories, summary) = read_all(csv, &[&mapping]);
    assert_eq!((sums(&histories), codes(&summary)), ((2, 11_000, 7500), vec![("not_purchased", 2)]));
    assert_eq!((summary.lines, summary.not_bought), (5, 2));
}

#[test]
fn guests_of_woocommerce_are_not_one_customer() {
    let csv = "\
order_id,order_number,order_date,paid_date,status,order_total,order_currency,customer_id,customer_email
501,501,9/6/2016 6:29,9/6/2016 6:30,completed,12.50,EUR,17,ana@x.com
502,502,9/16/2016 16:29:00,,completed,99,EUR,0,guest1@x.com
503,503,9/17/2016 16:29:00,,cancelled,99,EUR,17,ana@x.com
504,504,9/20/2016 20:12:00,,refunded,30,EUR,17,ana@x.com
";
    let mapping = [("customer_id", "customer_id"), ("occurred_at", "order_date"), ("amount", "order_total")];
    let (histories, summary) = read_all(csv, &[&mapping]);
    assert_eq!(sums(&histories), (1, 4250, 3000));
    assert_eq!(codes(&summary), [("nobodys_id", 1), ("not_purchased", 1)]);
    assert_eq!(recognised(&summary), Some("WooCommerce orders export"));
}

#[test]
fn closed_orders_of_taobao_are_no_purchases() {
    let csv = "\
订单编号,买家会员名,买家应付货款,买家实际支付金额,订单状态,订单创建时间,订单付款时间,宝贝标题
\"=\"\"1890000000000004016\"\"\",买家394,33.14,33.14,交易成功,2022-01-03 20:20:57,2022-01-03 20:20:57,好东西
\"=\"\"1890000000000003858\"\"\",买家370,106.96,0.00,交易关闭,2022-01-12 14:25:55,,好东西
";
    let mapping =
        [("customer_id", "买家会员名"), ("occurred_at", "订单付款时间"), ("amount", "买家实际支付金额")];
    let (histories, summary) = read_all(csv, &[&mapping]);
    assert_eq!((sums(&histories), codes(&summary)), ((1, 3314, 0), vec![("not_purchased", 1)]));
    assert_eq!(recognised(&summary), Some("Taobao/Tmall orders export"));
}

#[test]
fn a_till_with_chinese_names_is_read_as_written() {
    let csv = "\u{feff}会员号,下单时间,实付金额\n00123,2023/5/1 8:03,\"￥1,288.00\"\n00124,2023/5/2 18:03,￥88.00\n";
    let (histories, summary) =
        read_all(csv, &[&[("customer_id", "会员号"), ("occurred_at", "下单时间"), ("amount", "实付金额")]]);
    assert_eq!((sums(&histories), codes(&summary)), ((2, 137_600, 0), vec![]));
    assert!(histories.get("00123").is_some());
}

#[test]
fn date_and_time_of_square_stand_apart() {
    let csv = "\
Date,Time,Time Zone,Gross Sales,Net Sales,Customer ID
05/01/23,10:22:33,Eastern Time (US & Canada),$12.50,$12.50,ANA
06/13/23,18:05:00,Eastern Time (US & Canada),\"$1,050.00\",\"$1,050.00\",ANA
";
    let (histories, summary) =
        read_all(csv, &[&[("customer_id", "Customer ID"), ("occurred_at", "Date"), ("amount", "Net Sales")]]);
    assert_eq!((sums(&histories), codes(&summary)), ((1, 106_250, 0), vec![]));
    let first = homing_datasets::Zone::default().instant("2023-05-01 10:22:33").unwrap();
    assert_eq!(histories.first_instant(), Some(first));
    assert_eq!(recognised(&summary), Some("Square transactions export"));
}

#[test]
fn a_negative_quantity_of_a_unit_price_is_a_product_return() {
    let csv = "\
InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
536365,85123A,HOLDER,6,2010-12-01 08:26:00,2.55,17850,United Kingdom
C536379,D,Discount,-1,2010-12-01 09:41:00,27.5,14527,United Kingdom
536401,22112,BOTTLE,2,2010-12-02 11:21:00,4.95,14527,United Kingdom
C536383,35004C,SET,-1,2010-12-03 09:49:00,4.65,17850,United Kingdom
";
    let mapping = [
        ("customer_id", "CustomerID"),
        ("occurred_at", "InvoiceDate"),
        ("amount", "UnitPrice"),
        ("quantity", "Quantity"),
        ("order_id", "InvoiceNo"),
        ("product_id", "StockCode"),
    ];
    let (histories, summary) = read_all(csv, &[&mapping]);
    assert_eq!((sums(&histories), codes(&summary)), ((2, 2520, 3215), vec![]));
    assert_eq!(recognised(&summary), Some("UCI Online Retail"));
}

#[test]
fn a_price_that_may_be_that_of_the_line_is_told() {
    let csv = "customer,date,price,qty\nana,2021-01-15,5,2\nana,2021-01-16,5,1\n";
    let (histories, summary) = read_all(csv, &[]);
    assert_eq!((sums(&histories), codes(&summary)), ((1, 1500, 0), vec![("price_taken_for_one_piece", 1)]));
}

#[test]
fn payments_of_stripe_count_if_they_succeeded() {
    let csv = "\
id,Created (UTC),Amount,Amount Refunded,Currency,Status,Customer ID,Customer Email
ch_1,2023-05-01 10:00,12.50,0.00,usd,Paid,cus_1,ana@x.com
ch_2,2023-05-02 10:00,50.00,20.00,usd,Paid,cus_1,ana@x.com
ch_3,2023-05-03 10:00,99.00,0.00,usd,Failed,cus_1,ana@x.com
ch_4,2023-05-04 10:00,30.00,30.00,usd,Refunded,cus_2,bo@x.com
";
    let (histories, summary) = read_all(csv, &[]);
    assert_eq!((sums(&histories), codes(&summary)), ((2, 9250, 5000), vec![("not_purchased", 1)]));
    assert_eq!(recognised(&summary), Some("Stripe payments export"));
}

#[test]
fn orders_of_youzan_weimob_jd_and_magento_are_recognised() {
    for (csv, name, expected) in [
        (
            "订单号,订单状态,买家手机号,订单实付金额,订单创建时间\nE1,交易完成,13912345678,￥12.50,2023-05-01 10:00:00\nE2,交易关闭,13912345678,￥99.00,2023-05-02 10:00:00\n",
            "Youzan orders export",
            (1, 1250, 0),
        ),
        (
            "订单编号,订单状态,客户ID,客户昵称,实付金额,下单时间\nW1,已完成,88,小王,12.50,2023-05-01 10:00:00\n",
            "Weimob orders export",
            (1, 1250, 0),
        ),
        (
            "订单号,下单帐号,下单时间,应付金额,订单状态,商品名称\n1,jd_ana,2023-05-01 10:00:00,12.50,完成,灯\n2,jd_ana,2023-05-01 10:00:00,9.50,(删除)等待付款确认,灯\n",
            "JD orders export",
            (1, 1250, 0),
        ),
        (
            "ID,Purchase Point,Purchase Date,Bill-to Name,Grand Total (Base),Grand Total (Purchased),Status,Customer Email\n000000001,Main,\"Jan 5, 2021 8:03:00 AM\",Ana,12.50,12.50,Complete,ana@x.com\n000000002,Main,\"Jan 6, 2021 8:03:00 PM\",Ana,99,99,Canceled,ana@x.com\n",
            "Magento orders export",
            (1, 1250, 0),
        ),
    ] {
        let (histories, summary) = read_all(csv, &[]);
        assert_eq!((recognised(&summary), sums(&histories)), (Some(name), expected), "{name}");
    }
}

#[test]
fn plain_tables_in_other_languages_are_read() {
    for csv in [
        "Kundennummer;Bestelldatum;Gesamtbetrag\n7;05.01.2021;1.234,50\n8;06.01.2021;12,50\n",
        "N° client;Date de commande;Montant TTC\n7;05/01/2021;1 234,50 €\n8;16/01/2021;12,50 €\n",
        "ID cliente;Fecha de compra;Importe total\n7;05/01/2021;1.234,50\n8;16/01/2021;12,50\n",
        "Codice cliente;Data ordine;Totale\n7;05/01/2021;1.234,50\n8;16/01/2021;12,50\n",
        "顧客ID,注文日時,合計金額\n7,2021/01/05 08:03,\"￥1,234.50\"\n8,2021/01/06 08:03,￥12.50\n",
        "Customer ID,Order Date,Total\n7,1/5/2021,\"$1,234.50\"\n8,1/16/2021,$12.50\n",
    ] {
        let (histories, summary) = read_all(csv, &[]);
        assert_eq!((sums(&histories), codes(&summary)), ((2, 124_700, 0), vec![]), "{csv}");
        assert_eq!(
            histories.first_instant().map(|at| homing_datasets::Zone::default().date(at)).as_deref(),
            Some("2021-01-05")
        );
    }
}

#[test]
fn an_item_price_of_amazon_is_that_of_the_line() {
    let csv = "\
order-id,purchase-date,buyer-email,sku,quantity-purchased,currency,item-price
341-1,2025-05-03T17:00:25-07:00,a@marketplace.example,S3,2,USD,79.80
341-1,2025-05-03T17:00:25-07:00,a@marketplace.example,S9,1,USD,5.40
";
    let (histories, summary) = read_all(csv, &[]);
    assert_eq!((sums(&histories), recognised(&summary)), ((1, 8520, 0), Some("Amazon orders report")));
}

#[test]
fn values_of_a_wechat_merchant_bill_stand_behind_backquotes() {
    let csv = "\
交易时间,微信订单号,用户标识,交易类型,交易状态,货币种类,应结订单金额,退款金额,订单金额
`2025-05-09 14:15:17,`4200000504067894948936869929,`oUpF8u1G,`MICROPAY,`SUCCESS,`CNY,`17.40,`0.00,`17.40
`2025-05-10 09:00:00,`4200000504067894948936869930,`oUpF8u2H,`JSAPI,`SUCCESS,`CNY,`20.00,`0.00,`20.00
`2025-05-11 09:00:00,`4200000504067894948936869930,`oUpF8u2H,`JSAPI,`REFUND,`CNY,`0.00,`5.00,`20.00
";
    let (histories, summary) = read_all(csv, &[]);
    assert_eq!((sums(&histories), recognised(&summary)), ((2, 3740, 500), Some("WeChat Pay merchant bill")));
}

#[test]
fn words_of_other_languages_say_what_was_cancelled() {
    let jtl = "\
Auftragsnummer;Kundennummer;Erstelldatum;Währung;Auftragswert netto;Auftragswert brutto;Storniert
AU1;10161;02.05.2025 09:57:24;EUR;20,92;24,90;N
AU2;10077;15.05.2025 09:40:37;EUR;112,52;133,90;Y
";
    let prestashop = "\
ID;Référence;Client;Total;Paiement;État;Date
1;ABC;A. Martin;24,90 €;Carte;Paiement accepté;2025-05-02 09:57:24
2;ABD;B. Durand;99,00 €;Chèque;En attente du paiement par chèque;2025-05-15 09:40:37
3;ABE;B. Durand;98,00 €;Carte;Erreur de paiement;2025-05-15 09:40:37
";
    let shopware = "\
order_number;order_date_time;customer_number;amount_net;amount_total;order_state_name;transaction_state_name
1;2025-05-02T15:59:12.667+00:00;20021;20.92;24.90;Done;Paid
2;2025-06-18T16:23:08.019+00:00;20193;19.24;22.90;Cancelled;Cancelled
";
    let native = "customer_id,occurred_at,amount,Cancelled\na,2025-05-02,24.90,no\nb,2025-05-03,7,yes\n";
    for csv in [jtl, prestashop, shopware, native] {
        let (histories, summary) = read_all(csv, &[]);
        assert_eq!(sums(&histories).1, 2490, "{csv}: {:?}", codes(&summary));
    }
}

#[test]
fn an_order_total_of_rakuten_stands_on_every_line_and_its_status_is_a_number() {
    let csv = "\
注文番号,ステータス,注文日時,請求金額,合計金額,注文者メールアドレス,商品ID,単価,個数
1-1,500,2025/05/04 12:25:21,1774,1774,a@pc.example,1,1274,1
1-2,500,2025/05/14 20:08:54,7013,7013,b@pc.example,2,1274,2
1-2,500,2025/05/14 20:08:54,7013,7013,b@pc.example,3,1625,1
1-3,900,2025/05/15 20:08:54,7013,7013,b@pc.example,3,1625,1
";
    let (histories, summary) = read_all(csv, &[&[("status", "ステータス")]]);
    assert_eq!((sums(&histories).1, recognised(&summary)), (878_700, Some("Rakuten orders export")));
    assert_eq!(codes(&summary), [("not_purchased", 1)]);
    // Elsewhere codes that no list knows cause a warning, whether the column was mapped or found.
    let plain = "customer,date,total,order status\na,2025-05-04,17.74,500\n";
    let (_, summary) = read_all(plain, &[]);
    assert_eq!(codes(&summary), [("column_ignored", 1)]);
    let folder = Folder::new();
    folder.write("a.csv", plain);
    let (_, named) = read(&[folder.given("a.csv")], &mapped(&[("status", "order status")])).unwrap();
    assert_eq!(codes(&named), [("unknown_status", 1)]);
}

#[test]
fn every_unknown_word_of_a_status_is_named() {
    let csv = "customer,date,total,status\na,2025-05-04,1,gold\na,2025-05-05,1,tin\na,2025-05-06,1,gold\nb,2025-05-06,1,paid\n";
    let (_, summary) = read_all(csv, &[]);
    assert_eq!(summary.warnings.list()[0].example, "`gold` (2), `tin` (1)");
}

#[test]
fn refunds_of_paypal_belong_to_whom_they_were_paid_and_other_payments_to_nobody() {
    let english = "\
\"Date\",\"Time\",\"TimeZone\",\"Name\",\"Type\",\"Status\",\"Currency\",\"Gross\",\"Fee\",\"Net\",\"From Email Address\",\"To Email Address\",\"Transaction ID\"
\"05/20/2025\",\"10:00:00\",\"PST\",\"Ana\",\"Express Checkout Payment\",\"Completed\",\"USD\",\"50.00\",\"-1.00\",\"49.00\",\"ana@mail.example\",\"me@shop.example\",\"T1\"
\"05/21/2025\",\"10:00:00\",\"PST\",\"Ana\",\"Payment Refund\",\"Completed\",\"USD\",\"-20.00\",\"0\",\"-20.00\",\"me@shop.example\",\"ana@mail.example\",\"T2\"
\"05/22/2025\",\"10:00:00\",\"PST\",\"Bank\",\"General Withdrawal\",\"Completed\",\"USD\",\"-30.00\",\"0\",\"-30.00\",\"me@shop.example\",\"bank@bank.example\",\"T3\"
\"05/23/2025\",\"10:00:00\",\"PST\",\"Supplier\",\"General Payment\",\"Completed\",\"USD\",\"-75.00\",\"0\",\"-75.00\",\"me@shop.example\",\"sales@supplier.example\",\"T4\"
";
    let german = "\
\"Datum\",\"Uhrzeit\",\"Zeitzone\",\"Name\",\"Typ\",\"Status\",\"Währung\",\"Brutto\",\"Gebühr\",\"Netto\",\"Absender E-Mail-Adresse\",\"Empfänger E-Mail-Adresse\",\"Transaktionscode\"
\"20.05.2025\",\"10:00:00\",\"CET\",\"Ana\",\"PayPal Express-Zahlung\",\"Abgeschlossen\",\"EUR\",\"50,00\",\"-1,00\",\"49,00\",\"ana@mail.example\",\"me@shop.example\",\"T1\"
\"21.05.2025\",\"10:00:00\",\"CET\",\"Ana\",\"Rückzahlung\",\"Abgeschlossen\",\"EUR\",\"-20,00\",\"0,00\",\"-20,00\",\"me@shop.example\",\"ana@mail.example\",\"T2\"
\"22.05.2025\",\"10:00:00\",\"CET\",\"Bank\",\"Allgemeine Abbuchung\",\"Abgeschlossen\",\"EUR\",\"-30,00\",\"0,00\",\"-30,00\",\"me@shop.example\",\"\",\"T3\"
\"23.05.2025\",\"10:00:00\",\"CET\",\"Lieferant\",\"Allgemeine Zahlung\",\"Abgeschlossen\",\"EUR\",\"-75,00\",\"0,00\",\"-75,00\",\"me@shop.example\",\"sales@supplier.example\",\"T4\"
";
    for csv in [english, german] {
        let (histories, summary) = read_all(csv, &[]);
        assert_eq!(recognised(&summary), Some("PayPal activity export"));
        assert_eq!(sums(&histories), (1, 5000, 2000), "{:?}", codes(&summary));
        assert!(histories.get("ana@mail.example").is_some());
    }
}

#[test]
fn money_that_is_on_several_lines_of_an_order_counts_once() {
    let lightspeed = "\
Date,Receipt Number,Line Type,Customer Code,Quantity,Subtotal,Total,Details
2025-05-01 10:00:00,1,Sale,ana,2,18,20,
2025-05-01 10:00:00,1,Sale Line,ana,1,9,12,Tea
2025-05-01 10:00:00,1,Sale Line,ana,1,9,8,Cup
2025-05-01 10:00:00,1,Payment,ana,,,20,Cash
2025-05-02 10:00:00,2,Sale,ana,-1,-10,-12,
2025-05-02 10:00:00,2,Sale Line,ana,-1,-10,-12,Tea
2025-05-02 10:00:00,2,Payment,ana,,,-12,Cash
";
    let allegro = "\
Type,OrderId,BuyerLogin,OrderDate,TotalToPayAmount,TotalToPayCurrency,OfferId,Name,Quantity,UnitPriceAmount
order,1,ana,2025-05-01T10:00:00Z,20.00,PLN,,,,
lineItem,1,,,,,o1,Tea,1,12.00
lineItem,1,,,,,o2,Cup,1,8.00
";
    let ebay = "\
Sales Record Number,Order Number,Buyer Username,Item Title,Quantity,Sold For,Total Price,Sale Date
1,1,ana,,2,$20.00,$20.00,May-01-25
1,1,ana,Tea,1,$12.00,,May-01-25
1,1,ana,Cup,1,$8.00,,May-01-25
";
    let ledger = "\
Posting Date;Document Type;Document No.;Customer No.;Amount
13.05.2025;Invoice;I1;1001;20,00
14.05.2025;Payment;P1;1001;-20,00
15.05.2025;Credit Memo;C1;1001;-12,00
16.05.2025;Refund;R1;1001;12,00
";
    for (csv, spend, returned) in
        [(lightspeed, 2000, 1200), (allegro, 2000, 0), (ebay, 2000, 0), (ledger, 2000, 1200)]
    {
        let (histories, summary) = read_all(csv, &[]);
        assert_eq!(sums(&histories), (1, spend, returned), "{csv}{:?}", codes(&summary));
        assert!(summary.rejected.is_empty(), "{csv}{:?}", summary.rejected);
    }
    // Payments alone are what was bought.
    let (histories, _) = read_all("customer,date,amount,type\na,2025-05-01,20,payment\n", &[]);
    assert_eq!(sums(&histories), (1, 2000, 0));
}

#[test]
fn a_type_that_is_no_kind_of_line_changes_nothing() {
    let csv = "customer,date,amount,type\na,2025-05-01,20,order\nb,2025-05-01,30,web order\n";
    let (histories, summary) = read_all(csv, &[]);
    assert_eq!((sums(&histories), codes(&summary)), ((2, 5000, 0), vec![("column_ignored", 1)]));
}

#[test]
fn a_quotation_of_odoo_is_no_order() {
    let csv = "\
Order Reference,Creation Date,Customer,Salesperson,Total,Status
S1,2025-05-01 10:00:00,Ana,Mitchell,20,sale
S2,2025-05-02 10:00:00,Ana,Mitchell,30,sent
";
    let (histories, summary) = read_all(csv, &[]);
    assert_eq!((sums(&histories), codes(&summary)), ((1, 2000, 0), vec![("not_purchased", 1)]));
}

#[test]
fn a_date_in_spanish_words_is_read() {
    let csv = "\
# de venta;Fecha de venta;Estado;Ingresos por productos (ARS);Total (ARS);Comprador
2001;2 de mayo de 2025 19:09 hs.;Venta concretada;18000.0;15660.0;Ana
2002;13 de junio de 2025 08:50 hs.;Devolución finalizada con reembolso al comprador;39900.0;0;Bo
";
    let (histories, _) = read_all(csv, &[]);
    assert_eq!(sums(&histories), (2, 5_790_000, 3_990_000));
}

#[test]
fn a_table_in_homings_own_terms_is_not_overruled_by_a_status() {
    let text = |kind: &str| {
        format!(
            "customer_id,occurred_at,amount,{kind},financial_status
a,2024-01-01,10,purchase,paid
b,2024-01-02,20,purchase,pending
c,2024-01-03,30,purchase,refunded
"
        )
    };
    let own = read_all(&text("kind"), &[]);
    assert_eq!((sums(&own.0), codes(&own.1)), ((3, 6000, 0), vec![("column_ignored", 1)]));
    // Another program's column of kinds, or a status that is mapped, leaves out what was not paid.
    assert_eq!(sums(&read_all(&text("type"), &[]).0), (2, 4000, 3000));
    let folder = Folder::new();
    folder.write("orders.csv", text("kind"));
    let found = read(&[folder.given("orders.csv")], &mapped(&[("status", "financial_status")])).unwrap();
    assert_eq!(sums(&found.0), (2, 4000, 3000));
}

#[test]
fn a_status_is_found_by_a_name_like_one_and_by_its_words() {
    for (csv, spend, left_out) in [
        (
            "Rechnungs-Nr.;Rechnungsdatum;Kunden-Nr.;Brutto;Zahlstatus\nRE1;05.01.2025;1;12,50;bezahlt\nRE2;16.01.2025;1;10,00;storniert\n",
            1250,
            1,
        ),
        (
            "Payment Date,Payment ID,Order ID,Result,Amount,Customer ID\n05-Jan-2025 10:15 AM,P1,O1,SUCCESS,$12.50,C1\n06-Jan-2025 10:15 AM,P2,O2,FAIL,$99.00,C2\n",
            1250,
            1,
        ),
        (
            "Número de orden;Email;Fecha;Estado de la orden;Estado del pago;Total\n1;ana@x.com;05/01/2025;Abierta;Recibido;12,50\n2;bo@x.com;16/01/2025;Cancelada;Anulado;99,00\n",
            1250,
            1,
        ),
        ("Customer,Date,Total,State\nana,2025-01-05,12.50,complete\nbo,2025-01-06,1.00,canceled\n", 1250, 1),
        (
            "Account Name,Opportunity Name,Stage,Amount,Close Date\nAna,D1,Closed Won,12.50,2025-01-05\nBo,D2,Closed Lost,50,2025-01-06\nBo,D3,Negotiation/Review,70,2025-01-07\n",
            1250,
            2,
        ),
        (
            "Guest Name,Booked On,Total,Booking Status\nAna,2025-01-01,12.50,Checked-Out\nBo,2025-01-02,110.00,No-Show\n",
            1250,
            1,
        ),
        // These are states of something else.
        (
            "Customer,Date,Total,Customer Status,State,Shipping Status\nana,2025-01-05,12.50,cancelled,CA,pending\n",
            1250,
            0,
        ),
        // Words that nobody knows are no reason to leave anything out.
        (
            "Customer,Date,Total,Visit Status\nana,2025-01-05,12.50,first\nbo,2025-01-06,1.00,cancelled\n",
            1350,
            0,
        ),
    ] {
        let (histories, summary) = read_all(csv, &[]);
        assert_eq!((sums(&histories).1, summary.not_bought), (spend, left_out), "{csv}{:?}", codes(&summary));
    }
}

#[test]
fn a_till_says_in_columns_of_its_own_what_was_refunded_or_voided() {
    let loyverse = "\
Date,Receipt number,Receipt type,Gross sales,Discounts,Net sales,Total collected,Customer name,Customer contacts
2025-01-05 10:15,1-1001,Sale,12.50,0,12.50,12.50,Ana,ana@x.com
2025-01-06 10:15,1-1002,Refund,12.50,0,12.50,12.50,Ana,ana@x.com
2025-01-07 10:15,1-1003,Sale,5.00,0,5.00,5.00,Bo,bo@x.com
";
    let toast = "\
Order Id,Order #,Paid Date,Customer,Amount,Voided
1,1,2025-01-05 10:15,Ana,12.50,false
2,2,2025-01-06 10:15,Bo,99.00,true
";
    for (csv, expected) in [(loyverse, (2, 1750, 1250)), (toast, (1, 1250, 0))] {
        let (histories, summary) = read_all(csv, &[]);
        assert_eq!(sums(&histories), expected, "{csv}{:?}", codes(&summary));
    }
}

#[test]
fn codes_of_an_audit_trail_say_what_a_row_is() {
    let sage = "\
Type,Account Reference,Nominal A/C Ref,Date,Reference,Details,Net Amount,Tax Code,Tax Amount
SI,ANA01,4000,05/01/2025,INV1,Tea,10.00,T1,2.00
SI,BO001,4000,16/01/2025,INV2,Cup,50.00,T1,10.00
SC,BO001,4000,17/01/2025,CRN1,Cup back,50.00,T1,10.00
SR,ANA01,1200,18/01/2025,RCPT,Payment,12.00,T9,0.00
";
    let (histories, summary) = read_all(sage, &[]);
    assert_eq!((sums(&histories), summary.not_bought), ((2, 6000, 5000), 1));
    // One word more, and the column is about something else.
    let (histories, summary) =
        read_all("customer,date,amount,type\na,2025-05-01,20,SC\nb,2025-05-01,30,XL\n", &[]);
    assert_eq!((sums(&histories), codes(&summary)), ((2, 5000, 0), vec![("column_ignored", 1)]));
}

#[test]
fn later_rows_of_an_order_may_name_a_product_and_nothing_else() {
    let csv = "\
Número de orden;Email;Fecha;Estado de la orden;Total;Nombre del producto;Precio del producto;Cantidad del producto
101;ana@x.com;05/01/2025 10:15:00;Abierta;1200,00;Té;500,00;2
103;bo@x.com;17/01/2025 10:15:00;Cerrada;1500,00;Té;500,00;1
103;;;;;Taza;1000,00;1
";
    let (histories, summary) = read_all(csv, &[]);
    assert_eq!((sums(&histories), summary.rejected.len()), ((2, 270_000, 0), 0), "{:?}", summary.rejected);
    assert_eq!(histories.get("bo@x.com").unwrap().len(), 2);
    // A row that does say whose and when it is lacks its amount.
    let folder = Folder::new();
    let refused =
        folder.refusal("a.csv", csv.replace("103;;;;;Taza", "104;cy@x.com;18/01/2025;Abierta;;Taza"));
    crate::support::assert_says(&refused, &["missing_amount"]);
}

#[test]
fn a_line_that_describes_the_columns_is_none_of_the_table() {
    let csv = "\
Order ID,Order Status,Created Time,Buyer Username,Order Amount,Order Refund Amount,SKU ID,Quantity
Platform unique order ID.,Current order status.,The time when the order was created.,Buyer's username.,Total order amount,Refund amount,SKU,Sold quantity
5761,Completed,01/05/2025 10:15:00 AM,ana,13.00,0,S1,1
5762,Canceled,01/06/2025 10:15:00 AM,bo,9.00,9.00,S1,1
5763,Shipped,01/17/2025 10:15:00 AM,bo,9.00,2.00,S1,1
";
    let (histories, summary) = read_all(csv, &[]);
    assert_eq!((sums(&histories), summary.remarks, summary.lines), ((2, 2200, 200), 1, 3));
    assert_eq!(recognised(&summary), Some("TikTok Shop orders export"));
}

#[test]
fn a_column_of_refunds_may_only_say_yes_or_no() {
    for (yes, no) in [("1", "0"), ("Yes", "No"), ("true", "false"), ("ja", "nein")] {
        let csv = format!(
            "customer,date,total,refunded\nana,2025-01-05,10,{no}\nbo,2025-01-06,20,{yes}\ncy,2025-01-06,5,\n"
        );
        let (histories, _) = read_all(&csv, &[]);
        assert_eq!(sums(&histories), (3, 3500, 2000), "{yes}");
    }
    // One more value, and they are amounts.
    let (histories, _) =
        read_all("customer,date,total,refunded\nana,2025-01-05,10,1\nbo,2025-01-06,20,2.50\n", &[]);
    assert_eq!(sums(&histories), (2, 3000, 350));
    let gumroad = "\
Purchase ID,Item Name,Buyer Email,Purchase Date,Purchase Time (UTC timezone),Subtotal ($),Sale Price ($),Net Total ($),Refunded?,Partial Refund ($),Fully Refunded?
g1,Book,ana@x.com,2025-01-05,10:15:00,10.00,10.00,9.0,0,0.0,0
g2,Book,bo@x.com,2025-01-06,10:15:00,10.00,10.00,9.0,1,0.0,1
g3,Book,cy@x.com,2025-01-07,10:15:00,10.00,10.00,9.0,1,4.0,0
";
    let (histories, summary) = read_all(gumroad, &[]);
    assert_eq!((sums(&histories), codes(&summary)), ((2, 2000, 400), vec![("not_purchased", 1)]));
}

#[test]
fn totals_of_xero_and_shopee_stand_on_every_line() {
    let xero = "\
*ContactName,EmailAddress,*InvoiceNumber,*InvoiceDate,Total,*Description,*Quantity,*UnitAmount,LineAmount,Type,Status
Ana,ana@x.com,INV-1,05/01/2025,22.00,Tea,1,10.00,10.00,Sales invoice,Paid
Ana,ana@x.com,INV-1,05/01/2025,22.00,Cup,2,5.00,10.00,Sales invoice,Paid
Bo,bo@x.com,INV-2,16/01/2025,11.00,Tea,1,10.00,10.00,Sales invoice,Voided
Bo,bo@x.com,CN-1,17/01/2025,5.50,Tea,1,5.00,5.00,Sales credit note,Paid
";
    let (histories, summary) = read_all(xero, &[]);
    assert_eq!((sums(&histories), recognised(&summary)), ((2, 2200, 550), Some("Xero invoices export")));
    let shopee = "\
Order ID,Order Status,Order Creation Date,Username (Buyer),Product Name,Deal Price,Quantity,Product Subtotal,Grand Total
A1,Completed,2025-01-05 10:15,ana,Tea,5.00,2,10.00,13.00
A1,Completed,2025-01-05 10:15,ana,Cup,3.00,1,3.00,13.00
B2,Cancelled,2025-01-06 10:15,bo,Cup,3.00,1,3.00,3.00
";
    let (histories, summary) = read_all(shopee, &[]);
    assert_eq!((sums(&histories), recognised(&summary)), ((1, 1300, 0), Some("Shopee orders export")));
}

#[test]
fn tables_of_the_north_and_the_east_are_read() {
    for (csv, expected) in [
        (
            "Fakturanr;Fakturadatum;Kundnr;Totalt;Makulerad\n1;2025-01-05;1;125,00;Nej\n2;2025-01-17;2;99,00;Ja\n",
            (1, 12_500, 0),
        ),
        (
            "Дата;Номер;Контрагент;Сумма\n05.01.2025 10:15:00;РН-1;Анна;1 234,50\n16.01.2025 11:00:00;РН-2;Борис;12,50\nИтого;;;1 247,00\n",
            (2, 124_700, 0),
        ),
        (
            "Sipariş No;Müşteri E-posta;Sipariş Tarihi;Tutar;Durum\n1;ana@x.com;05.01.2025;1.234,50 TL;Tamamlandı\n2;bo@x.com;16.01.2025;12,50 TL;İptal Edildi\n",
            (1, 123_450, 0),
        ),
        (
            "Číslo objednávky;Datum vytvoření;E-mail;Celkem s DPH;Stav\n1;5.1.2025;ana@x.com;1 234,50 Kč;Vyřízena\n2;16.1.2025;bo@x.com;12,50 Kč;Stornována\n",
            (1, 123_450, 0),
        ),
        (
            "取引ID,取引日時,取引区分,会員コード,合計\n1,2025/01/05 10:15:00,通常,M001,\"1,250\"\n2,2025/01/06 10:15:00,返品,M001,-250\n3,2025/01/07 10:15:00,取消,M002,900\n",
            (1, 125_000, 25_000),
        ),
        (
            "주문번호,주문상태,결제일,구매자ID,수량,최종 상품별 총 주문금액\n1,구매확정,2025-01-05 10:15:00,ana12,2,10000\n2,취소,2025-01-06 10:15:00,bo12,1,7000\n",
            (1, 1_000_000, 0),
        ),
        (
            "Pedido;Data;CPF;Valor Total;Situação\n1;05/01/2025;123.456.789-00;R$ 1.234,50;Pago\n2;16/01/2025;987.654.321-00;R$ 12,50;Cancelado\n",
            (1, 123_450, 0),
        ),
    ] {
        let (histories, summary) = read_all(csv, &[]);
        assert_eq!(sums(&histories), expected, "{csv}{:?} {:?}", codes(&summary), summary.rejected);
        assert!(summary.rejected.is_empty(), "{csv}");
    }
}
