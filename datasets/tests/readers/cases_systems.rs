//! Exports of more systems and in more languages, one test for each kind of difficulty. The texts follow public format
//! descriptions.
use crate::cases_exports::{codes, recognised, sums};
use crate::support::{Folder, assert_says};
use homing_datasets::{Histories, ReadSummary};

/// Customers, spend and product returns in cents, and the warnings.
type Outcome = ((usize, i64, i64), Vec<(&'static str, u64)>);

/// What a text gives as CSV.
fn outcome(text: &str) -> Outcome {
    let (histories, summary) = read_text(text);
    assert!(summary.rejected.is_empty(), "{:?}", summary.rejected);
    (sums(&histories), codes(&summary))
}

fn read_text(text: &str) -> (Histories, ReadSummary) {
    let folder = Folder::new();
    folder.write("a.csv", text);
    folder.read("a.csv").unwrap()
}

#[test]
fn words_between_and_their_order_do_not_matter_in_a_name() {
    let mercado = "\
Vendas BR
N.º de venda,Data da venda,Estado,Unidades,Receita por produtos (BRL),Tarifa de venda e impostos (BRL),Total (BRL),SKU,CPF
2001,1 de maio de 2025 10:22 hs.,Entregue,1,\"120,00\",\"-20,40\",\"99,60\",A1,111.222.333-44
2003,9 de maio de 2025 09:00 hs.,Venda cancelada,1,\"500,00\",0,0,A1,222.333.444-55
2004,2 de junho de 2025 12:00 hs.,Entregue,1,\"1.050,00\",\"-178,50\",\"871,50\",C3,222.333.444-55
";
    assert_eq!(outcome(mercado), ((2, 117_000, 0), vec![("not_purchased", 1)]));
    let digistore = "\
Datum;Uhrzeit;Bestell-ID;Transaktionstyp;Produktname;E-Mail;Betrag brutto;Umsatzsteuer;Betrag netto;Währung
03.05.2025;10:22:33;AB12;Zahlung;Kurs A;anna@x.de;119,00;19,00;100,00;EUR
15.05.2025;18:05:00;AB13;Zahlung;Kurs B;bernd@x.de;1.190,00;190,00;1.000,00;EUR
20.05.2025;09:00:00;AB13;Rückzahlung;Kurs B;bernd@x.de;-1.190,00;-190,00;-1.000,00;EUR
";
    assert_eq!(outcome(digistore), ((2, 130_900, 119_000), vec![]));
}

#[test]
fn the_only_name_like_an_amount_or_a_date_is_taken_and_of_two_none() {
    let lazada = "\
orderItemId;createTime;updateTime;orderNumber;customerEmail;paidPrice;unitPrice;sellerDiscountTotal;shippingFee;itemName;status
1;03 May 2025 10:22;06 May 2025 10:00;7001;ana@x.sg;20.00;20.00;0.00;1.99;Mug;delivered
2;03 May 2025 10:22;06 May 2025 10:00;7001;ana@x.sg;20.00;20.00;0.00;1.99;Mug;delivered
3;15 May 2025 18:05;16 May 2025 10:00;7002;bo@x.sg;300.00;300.00;0.00;0.00;Table;canceled
4;25 May 2025 08:00;30 May 2025 10:00;7003;bo@x.sg;18.00;20.00;-2.00;0.00;Mug;delivered
";
    assert_eq!(outcome(lazada), ((2, 5800, 0), vec![("not_purchased", 1)]));
    let hotmart = "\
Código da transação;Status da transação;Data da transação;Produto;Email do(a) Comprador(a);Valor de compra com impostos;Taxa de processamento
HP001;Completo;03/05/2025 10:22:33;Curso A;ana@x.com;197,00;19,70
HP002;Expirado;15/05/2025 18:05:00;Curso B;bruno@x.com;997,00;99,70
HP003;Reembolsado;25/05/2025 08:00:00;Curso A;bruno@x.com;197,00;19,70
";
    assert_eq!(outcome(hotmart), ((2, 39_400, 19_700), vec![("not_purchased", 1)]));
    let folder = Folder::new();
    let two = "email,date,list amount,club amount,tax amount\nana@x.com,2025-05-03,5.00,4.00,0.50\n";
    let refused = folder.refusal("a.csv", two);
    assert_says(&refused, &["no column `amount`", "amount may be `list amount` or `club amount`"]);
}

#[test]
fn an_order_and_its_payment_may_each_have_a_status() {
    // Later rows of an order repeat the customer and nothing else that counts.
    let tiendanube = "\
Número de orden;Email;Fecha;Estado de la orden;Estado del pago;Estado del envío;Moneda;Total;Nombre del producto;Precio del producto;Cantidad del producto
101;ana@x.com;03/05/2025 10:22:33;Cerrada;Recibido;Enviado;ARS;3500.00;Taza;1000.00;1
101;ana@x.com;;;;;;;Plato;1000.00;2
102;bo@x.com;25/05/2025 18:05:00;Abierta;Pendiente;No está empaquetado;ARS;9000.00;Mesa;9000.00;1
102;bo@x.com;;;;;;;Taza;1000.00;1
103;bo@x.com;26/05/2025 08:00:00;Cerrada;Recibido;Enviado;ARS;1500.50;Taza;1500.50;1
104;ana@x.com;30/05/2025 09:00:00;Cancelada;Anulado;No está empaquetado;ARS;700.00;Plato;700.00;1
";
    let (histories, summary) = read_text(tiendanube);
    assert_eq!((sums(&histories), codes(&summary)), ((2, 500_050, 0), vec![("not_purchased", 3)]));
    assert_eq!(histories.get("ana@x.com").unwrap().as_of(i64::MAX).amount(), [0.0, 3500.0]);
    // Paid is paid, whatever the shop calls the state of the order.
    let insales = "\
№ заказа;Дата оформления;Статус заказа;Статус оплаты;E-mail;Сумма заказа
1001;03.05.2025 10:22;Доставлен;Оплачен;anna@x.ru;1500,00
1002;15.05.2025 18:05;Отменен;Не оплачен;boris@x.ru;9000,00
1003;25.05.2025 08:00;Собирается;Оплачен;boris@x.ru;750,50
1004;26.05.2025 08:00;Доставлен;Возвращен;boris@x.ru;50,00
";
    assert_eq!(outcome(insales), ((2, 230_050, 5000), vec![("not_purchased", 1)]));
}

#[test]
fn a_type_that_names_sales_and_refunds_says_what_a_row_is_whatever_else_it_names() {
    let recurly = "\
account_code,invoice_number,date,type,status,amount,currency,test
acc-ana,1001,2025-05-03 10:22:33 UTC,purchase,success,19.90,EUR,false
acc-bo,,2025-05-15 18:05:00 UTC,verify,success,1.00,EUR,false
acc-bo,,2025-05-15 18:05:00 UTC,probe,success,1.00,EUR,false
acc-bo,1002,2025-05-15 18:05:10 UTC,purchase,success,29.90,EUR,false
acc-ana,1003,2025-06-03 10:22:33 UTC,purchase,declined,19.90,EUR,false
acc-bo,1002,2025-06-05 10:22:33 UTC,refund,success,29.90,EUR,false
";
    assert_eq!(outcome(recurly), ((2, 4980, 2990), vec![("not_purchased", 3)]));
}

#[test]
fn a_type_that_says_what_became_of_orders_is_their_status() {
    let eventbrite = "\
Order no.,Order Date,Email,Quantity,Order Type,Currency,Total Paid,Eventbrite Fees,Attendee Status
1001,\"May 3, 2025\",ana@x.com,2,Eventbrite Completed,GBP,50.00,3.20,Attending
1002,\"May 15, 2025\",bo@x.com,1,Eventbrite Completed,GBP,25.00,1.60,Attending
1004,\"June 2, 2025\",bo@x.com,1,Refunded,GBP,25.00,0.00,Not Attending
";
    assert_eq!(outcome(eventbrite), ((2, 10_000, 2500), vec![]));
}

#[test]
fn a_column_for_each_direction_of_money_leaves_out_what_went_out() {
    let kofi = "\
DateTime (UTC),From,Message,Item,Received,Given,Currency,TransactionType,TransactionId,BuyerEmail
05/03/2025 10:22,Ana,\"Hi, nice\",Ko-fi Support,5.00,,USD,Tip,a1,ana@x.com
05/15/2025 18:05,Bo,,Sticker,12.00,,USD,Shop Order,a2,bo@x.com
05/20/2025 08:00,Me,,Ko-fi Support,,3.00,USD,Tip,a3,someone@x.com
";
    assert_eq!(outcome(kofi), ((2, 1700, 0), vec![("not_purchased", 1)]));
}

#[test]
fn a_customer_0_beside_a_mail_address_is_a_guest() {
    let opencart = "\
order_id,customer_id,firstname,email,total,order_status_id,order_status,currency_code,date_added,date_modified
1,11,Ana,ana@x.com,101.0000,5,Complete,USD,2025-05-03 10:22:33,2025-05-04 10:00:00
2,0,Guest,g1@x.com,50.0000,5,Complete,USD,2025-05-04 10:22:33,2025-05-04 10:00:00
3,12,Bo,bo@x.com,900.0000,7,Canceled,USD,2025-05-15 18:05:00,2025-05-16 10:00:00
6,11,Ana,ana@x.com,30.0000,11,Refunded,USD,2025-06-02 10:22:33,2025-06-04 10:00:00
";
    assert_eq!(outcome(opencart), ((1, 13_100, 3000), vec![("nobodys_id", 1), ("not_purchased", 1)]));
}

#[test]
fn order_totals_on_each_row_of_vtex_base_and_shoptet_count_once() {
    let vtex = "\
Origin,Order,Sequence,Creation Date,Client Document,Email,Status,Quantity_SKU,ID_SKU,SKU Name,SKU Value,SKU Selling Price,Shipping Value,Total Value,Currency Code
Marketplace,v1-01,501,2025-05-03 13:22:33Z,111,ana@x.com,Faturado,1,11,Caneca,20.00,20.00,5.00,45.00,BRL
Marketplace,v1-01,501,2025-05-03 13:22:33Z,111,ana@x.com,Faturado,2,12,Prato,10.00,10.00,5.00,45.00,BRL
Marketplace,v2-01,502,2025-05-15 18:00:00Z,222,bo@x.com,Cancelado,1,13,Mesa,300.00,300.00,0.00,300.00,BRL
";
    let base = "\
注文ID,注文日時,メールアドレス(請求先),商品名,価格,数量,合計金額,送料,発送状況
ABC001,2025-05-03 10:22:33,anna@x.jp,カップ,1000,2,2500,500,対応済
ABC002,2025-05-15 18:05:00,bo@x.jp,皿,800,1,2300,500,対応済
ABC002,2025-05-15 18:05:00,bo@x.jp,カップ,1000,1,2300,500,対応済
ABC003,2025-05-25 08:00:00,bo@x.jp,机,90000,1,90000,0,キャンセル
";
    let shoptet = "\
id;code;date;statusName;currency;email;totalPriceWithVat;totalPriceWithoutVat;itemName;itemAmount;itemCode;itemUnitPriceWithVat
1;2025000001;2025-05-03 10:22:33;Vyřízena;CZK;anna@x.cz;1250,50;1033,47;Hrnek;2;H1;500,00
1;2025000001;2025-05-03 10:22:33;Vyřízena;CZK;anna@x.cz;1250,50;1033,47;Talíř;1;T1;250,50
2;2025000002;2025-05-15 18:05:00;Stornována;CZK;bob@x.cz;9000,00;7438,02;Stůl;1;S1;9000,00
";
    for (text, name, expected) in [
        (vtex, "VTEX orders export", (1, 4500, 0)),
        (base, "BASE orders export", (2, 480_000, 0)),
        (shoptet, "Shoptet orders export", (1, 125_050, 0)),
    ] {
        let (histories, summary) = read_text(text);
        assert_eq!((sums(&histories), codes(&summary)), (expected, vec![("not_purchased", 1)]), "{name}");
        assert_eq!(recognised(&summary), Some(name));
    }
}

#[test]
fn sub_orders_of_douyin_have_amounts_of_their_own() {
    let douyin = "\
主订单编号,子订单编号,选购商品,商品数量,商品ID,商品金额,订单应付金额,收件人手机号,订单提交时间,支付完成时间,订单状态,买家昵称
6900001\t,6900001\t,杯子,2,501\t,20.00,40.00,138****1111,2025-05-03 10:22:33,2025-05-03 10:23:00,已完成,小安
6900002\t,6900003\t,盘子,1,502\t,15.00,12.00,138****2222,2025-05-15 18:05:00,2025-05-15 18:06:00,已完成,波波
6900002\t,6900004\t,杯子,1,501\t,20.00,20.00,138****2222,2025-05-15 18:05:00,2025-05-15 18:06:00,已完成,波波
6900005\t,6900005\t,桌子,1,503\t,900.00,900.00,138****2222,2025-05-25 08:00:00,,已关闭,波波
";
    let (histories, summary) = read_text(douyin);
    assert_eq!((sums(&histories), codes(&summary)), ((2, 7200, 0), vec![("not_purchased", 1)]));
    assert_eq!(recognised(&summary), Some("Douyin orders export"));
}

#[test]
fn a_till_says_in_a_column_of_its_own_what_was_cancelled_and_what_was_brought_back() {
    let smaregi = "\
取引ID,取引日時,取引区分,取消区分,小計,合計,会員ID
10001,2025/05/03 10:22:33,通常,通常,1000,1100,501
10002,2025/05/03 18:05:00,通常,取消,50000,55000,501
10003,2025/05/25 08:00:00,通常,通常,2000,2200,502
10004,2025/05/26 08:00:00,返品,通常,-2000,-2200,502
10005,2025/06/01 09:30:00,通常,通常,3000,3300,
";
    assert_eq!(outcome(smaregi), ((2, 330_000, 220_000), vec![("not_purchased", 1)]));
}

#[test]
fn companies_are_the_customers_where_nobody_else_is_named() {
    let hubspot = "\
Record ID,Deal Name,Deal Stage,Deal owner,Create Date,Close Date,Amount,Associated Company
9001,Order May,Closed Won,Kim,2025-04-20 09:00,2025-05-03 10:22,1200.00,Ana Ltd
9002,Big deal,Closed Lost,Kim,2025-04-25 09:00,2025-05-15 18:05,90000.00,Bo GmbH
9003,Refill,Closed Won,Lee,2025-05-18 09:00,2025-05-25 08:00,300.00,Bo GmbH
";
    assert_eq!(outcome(hubspot), ((2, 150_000, 0), vec![("not_purchased", 1)]));
}

#[test]
fn tables_in_arabic_vietnamese_turkish_and_korean_are_read() {
    for (text, expected) in [
        (
            "رقم الطلب,حالة الطلب,تاريخ الطلب,اسم العميل,البريد الإلكتروني,مجموع السلة,إجمالي الطلب,العملة\n\
             50001,تم التنفيذ,2025-05-03 10:22:33,سارة,sara@x.sa,200.00,225.00,SAR\n\
             50002,ملغي,2025-05-15 18:05:00,بدر,badr@x.sa,900.00,900.00,SAR\n\
             50003,تم التوصيل,2025-05-25 08:00:00,بدر,badr@x.sa,1000.00,1000.00,SAR\n",
            (2, 122_500, 0),
        ),
        (
            "Mã hóa đơn,Thời gian,Mã khách hàng,Tên khách hàng,Tổng tiền hàng,Khách cần trả,Trạng thái\n\
             HD1,03/05/2025 10:22,KH1,Nguyễn An,\"200,000\",\"200,000\",Hoàn thành\n\
             HD2,15/05/2025 18:05,KH2,Trần Bình,\"900,000\",\"900,000\",Đã hủy\n\
             HD3,25/05/2025 08:00,KH2,Trần Bình,\"1,150,000\",\"1,140,000\",Hoàn thành\n",
            (2, 134_000_000, 0),
        ),
        (
            "Paket No;Sipariş Tarihi;Sipariş Numarası;Alıcı;Ürün Adı;Sipariş Statüsü;E-Posta;Adet;Birim Fiyatı;Satış Tutarı;İndirim Tutarı;Faturalanacak Tutar\n\
             701;03.05.2025 10:22;900001;Ayşe;Kupa;Teslim Edildi;ayse@x.com;2;100,00;200,00;20,00;180,00\n\
             702;15.05.2025 18:05;900002;Mehmet;Masa;İptal Edildi;mehmet@x.com;1;1.000,00;1.000,00;0,00;1.000,00\n\
             703;25.05.2025 08:00;900003;Mehmet;Kupa;Teslim Edildi;mehmet@x.com;1;1.100,00;1.100,00;0,00;1.100,00\n",
            (2, 128_000, 0),
        ),
        (
            "번호,주문번호,주문일,등록상품명,구매수(수량),옵션판매가(판매단가),결제액,구매자,주문상태\n\
             1,9001,2025-05-03 10:22,컵,2,10000,20000,김안나,배송완료\n\
             2,9002,2025-05-15 18:05,책상,1,300000,300000,박보,취소완료\n\
             3,9003,2025-05-25 08:00,접시,1,5000,4500,박보,배송완료\n",
            (2, 2_450_000, 0),
        ),
    ] {
        assert_eq!(outcome(text), (expected, vec![("not_purchased", 1)]), "{text}");
    }
}

#[test]
fn a_column_named_status_whose_words_are_unknown_is_told() {
    let text = "\
Invoice,Date,Last status,Total,Email
1,2025-05-03,Ferdig,29.00,ana@x.com
2,2025-05-15,Avlyst,300.00,bo@x.com
";
    assert_eq!(outcome(text), ((2, 32_900, 0), vec![("column_ignored", 1)]));
    // A bare state may be one of a country.
    let text = "\
Invoice,Date,State,Total,Email
1,2025-05-03,Texas,29.00,ana@x.com
2,2025-05-15,Ohio,300.00,bo@x.com
";
    assert_eq!(outcome(text), ((2, 32_900, 0), vec![]));
}
