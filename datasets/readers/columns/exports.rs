//! Exports that are recognised by their columns, from the public format descriptions of the systems that write them.

use super::Column;
use crate::readers::forms::status::Status;

/// An export of a well-known system.
pub(crate) struct Export {
    pub(crate) name: &'static str,
    /// Plain names that must all be there; `a|b` is one or the other.
    needs: &'static [&'static str],
    /// Plain names of columns, the best first, where they differ from the common ones.
    columns: &'static [(Column, &'static [&'static str])],
    /// An amount is that of the whole order: a line after the first of an order adds nothing.
    pub(crate) order_total: bool,
    /// A customer 0 is a guest.
    pub(crate) guest_zero: bool,
    /// The price is that of a line, not of a piece, whatever its name says.
    pub(crate) line_price: bool,
    /// Words of its status that mean something else elsewhere.
    pub(crate) statuses: &'static [(&'static str, Status)],
}

const PLAIN: Export = Export {
    name: "",
    needs: &[],
    columns: &[],
    order_total: false,
    guest_zero: false,
    line_price: false,
    statuses: &[],
};

impl Export {
    /// The export whose columns these are; of several the one that needs most.
    pub(crate) fn find(header: &[String]) -> Option<&'static Export> {
        let has = |need: &&str| need.split('|').any(|name| header.iter().any(|own| own == name));
        let found = EXPORTS.iter().filter(|export| export.needs.iter().all(has));
        found.rev().max_by_key(|export| export.needs.len())
    }

    /// Its own names of a column.
    pub(super) fn names(&self, column: Column) -> &'static [&'static str] {
        self.columns.iter().find(|(known, _)| *known == column).map_or(&[], |(_, names)| names)
    }
}

static EXPORTS: [Export; 39] = [
    Export {
        name: "Shopify orders export",
        needs: &["name", "email", "financialstatus", "total"],
        columns: &[
            (Column::CustomerId, &["email", "phone"]),
            (Column::OccurredAt, &["createdat", "paidat"]),
            (Column::Amount, &["total"]),
            (Column::OrderId, &["name"]),
            (Column::ProductId, &["lineitemname", "lineitemsku"]),
            (Column::Status, &["financialstatus"]),
        ],
        order_total: true,
        ..PLAIN
    },
    Export {
        name: "Shopify orders (API)",
        needs: &["financialstatus", "totalprice", "createdat"],
        columns: &[
            (Column::CustomerId, &["customerid", "customeremail", "email"]),
            (Column::Amount, &["totalprice"]),
            (Column::OrderId, &["name", "ordernumber", "id"]),
            (Column::Status, &["financialstatus"]),
        ],
        order_total: true,
        guest_zero: true,
        ..PLAIN
    },
    Export {
        name: "Squarespace orders export",
        needs: &["orderid", "email", "financialstatus", "total", "lineitemname"],
        columns: &[
            (Column::CustomerId, &["email"]),
            (Column::OccurredAt, &["createdat", "paidat"]),
            (Column::Amount, &["total"]),
            (Column::Status, &["financialstatus"]),
        ],
        order_total: true,
        ..PLAIN
    },
    Export {
        name: "WooCommerce orders export",
        needs: &["orderid", "orderdate", "ordertotal", "status"],
        columns: &[(Column::CustomerId, &["customerid", "customeruser", "customeremail", "billingemail"])],
        order_total: true,
        guest_zero: true,
        ..PLAIN
    },
    Export {
        name: "WooCommerce orders export",
        needs: &["ordernumber", "orderstatus", "orderdate", "ordertotalamount"],
        columns: &[(Column::CustomerId, &["customeruserid", "customerid", "emailbilling", "billingemail"])],
        order_total: true,
        guest_zero: true,
        ..PLAIN
    },
    Export {
        name: "WooCommerce orders (API)",
        needs: &[
            "datecreated",
            "customerid",
            "total",
            "status",
            "orderkey|lineitems|billingemail|paymentmethodtitle",
        ],
        columns: &[(Column::OrderId, &["number", "id"]), (Column::Amount, &["total"])],
        order_total: true,
        guest_zero: true,
        ..PLAIN
    },
    Export {
        name: "Stripe payments export",
        needs: &["createdutc|createddateutc", "amount", "amountrefunded", "status"],
        columns: &[(Column::CustomerId, &["customerid", "customeremail"]), (Column::OrderId, &["id"])],
        ..PLAIN
    },
    Export {
        name: "Square transactions export",
        needs: &["date", "time", "timezone", "netsales"],
        columns: &[
            (Column::CustomerId, &["customerid", "customerreferenceid", "customername"]),
            (Column::Amount, &["netsales"]),
            (Column::OccurredAt, &["date"]),
            (Column::OrderId, &["transactionid", "paymentid"]),
        ],
        ..PLAIN
    },
    Export {
        name: "Magento orders export",
        needs: &["purchasedate", "grandtotalpurchased|grandtotalbase", "status"],
        columns: &[
            (Column::CustomerId, &["customerid", "customeremail", "billtoname"]),
            (Column::OrderId, &["id", "incrementid"]),
        ],
        order_total: true,
        guest_zero: true,
        ..PLAIN
    },
    Export {
        name: "Magento orders export",
        needs: &["incrementid", "createdat", "grandtotal|basegrandtotal"],
        columns: &[(Column::CustomerId, &["customerid", "customeremail"])],
        order_total: true,
        guest_zero: true,
        ..PLAIN
    },
    Export {
        name: "PrestaShop orders export",
        needs: &["idorder|idcart", "idcustomer", "dateadd", "totalpaid|totalpaidtaxincl"],
        columns: &[],
        order_total: true,
        guest_zero: true,
        ..PLAIN
    },
    Export {
        name: "BigCommerce orders export",
        needs: &["orderid", "orderdate", "ordertotalinctax|ordertotalextax", "orderstatus"],
        columns: &[
            (Column::Amount, &["ordertotalinctax", "ordertotalextax"]),
            (Column::CustomerId, &["customerid", "customeremail"]),
        ],
        order_total: true,
        guest_zero: true,
        ..PLAIN
    },
    Export {
        name: "PayPal activity export",
        needs: &[
            "date|datum|fecha|data",
            "time|uhrzeit|heure|hora|orario|tijd",
            "type|typ|tipo",
            "gross|brutto|bruto|brut|lordo|avantcommission",
            "fromemailaddress|absenderemailadresse|deladresseemail|correoelectronicodelremitente|indirizzoemailmittente|vanemailadres",
        ],
        columns: &[
            (
                Column::CustomerId,
                &[
                    "fromemailaddress",
                    "absenderemailadresse",
                    "deladresseemail",
                    "correoelectronicodelremitente",
                    "indirizzoemailmittente",
                    "vanemailadres",
                ],
            ),
            (
                Column::Payee,
                &[
                    "toemailaddress",
                    "empfangeremailadresse",
                    "aladresseemail",
                    "correoelectronicodelreceptor",
                    "indirizzoemaildestinatario",
                    "naaremailadres",
                ],
            ),
            (Column::Amount, &["gross", "brutto", "bruto", "brut", "lordo", "avantcommission"]),
            (Column::OccurredAt, &["date", "datum", "fecha", "data"]),
            (Column::OrderId, &["transactionid", "transaktionscode"]),
            (Column::Kind, &["type", "typ", "tipo"]),
        ],
        ..PLAIN
    },
    Export {
        name: "Amazon orders report",
        needs: &["amazonorderid|orderid", "purchasedate", "itemprice"],
        columns: &[
            (Column::CustomerId, &["buyeremail", "buyerid", "buyername"]),
            (Column::Amount, &["itemprice"]),
        ],
        line_price: true,
        ..PLAIN
    },
    Export {
        name: "Etsy orders export",
        needs: &["saledate", "orderid", "buyer|buyeruserid", "ordertotal|ordervalue"],
        columns: &[
            (Column::CustomerId, &["buyeruserid", "buyer"]),
            (Column::Amount, &["ordertotal", "ordervalue"]),
        ],
        order_total: true,
        ..PLAIN
    },
    Export {
        name: "eBay orders report",
        needs: &["salesrecordnumber|ordernumber", "buyerusername", "saledate", "totalprice|soldfor"],
        columns: &[(Column::CustomerId, &["buyerusername"]), (Column::Amount, &["totalprice", "soldfor"])],
        order_total: true,
        line_price: true,
        ..PLAIN
    },
    Export {
        name: "Klaviyo events",
        needs: &["attributesdatetime", "attributeseventpropertiesvalue"],
        columns: &[(Column::CustomerId, &["relationshipsprofiledataid", "attributesprofileid", "profileid"])],
        ..PLAIN
    },
    Export {
        name: "Klaviyo events",
        needs: &[
            "profileid|email|person",
            "value",
            "event|eventname|metric|metricname",
            "datetime|timestamp|date|time",
        ],
        columns: &[
            (Column::CustomerId, &["profileid", "email", "person"]),
            (Column::Amount, &["value"]),
            (Column::Kind, &["event", "eventname", "metric", "metricname"]),
        ],
        ..PLAIN
    },
    Export {
        name: "UCI Online Retail",
        needs: &[
            "invoiceno|invoice",
            "stockcode",
            "quantity",
            "invoicedate",
            "unitprice|price",
            "customerid",
        ],
        columns: &[],
        ..PLAIN
    },
    Export {
        name: "Taobao/Tmall orders export",
        needs: &["订单编号|主订单编号", "买家会员名|买家昵称|买家旺旺"],
        columns: &[
            (Column::CustomerId, &["买家会员名", "买家昵称", "买家旺旺"]),
            (Column::OccurredAt, &["订单创建时间", "订单付款时间"]),
            (Column::Amount, &["买家实际支付金额", "买家实付金额", "买家应付货款"]),
        ],
        order_total: true,
        ..PLAIN
    },
    Export {
        name: "JD orders export",
        needs: &["订单号|订单编号", "下单帐号|下单账号", "下单时间"],
        columns: &[
            (Column::CustomerId, &["下单帐号", "下单账号"]),
            (Column::Amount, &["应付金额", "实付金额", "结算金额", "订单金额"]),
        ],
        order_total: true,
        ..PLAIN
    },
    Export {
        name: "Youzan orders export",
        needs: &[
            "订单号|订单编号",
            "订单状态",
            "买家手机号|买家手机|收货人手机号|买家昵称|买家",
            "订单实付金额|实付金额|订单金额",
        ],
        columns: &[
            (Column::CustomerId, &["买家手机号", "买家手机", "会员号", "买家昵称", "买家", "收货人手机号"]),
            (Column::Amount, &["订单实付金额", "实付金额", "订单金额"]),
            (Column::OccurredAt, &["订单创建时间", "下单时间", "买家付款时间"]),
        ],
        order_total: true,
        ..PLAIN
    },
    Export {
        name: "Weimob orders export",
        needs: &[
            "订单编号|订单号",
            "客户id|客户昵称|会员昵称|客户编号",
            "下单时间|创建时间",
            "实付金额|实付款|订单实付金额",
        ],
        columns: &[(Column::CustomerId, &["客户id", "客户编号", "客户昵称", "会员昵称"])],
        order_total: true,
        ..PLAIN
    },
    Export {
        name: "Alipay bill",
        needs: &["交易时间|交易创建时间|付款时间", "交易对方", "金额|金额元", "交易订单号|交易号|商家订单号"],
        columns: &[
            (Column::CustomerId, &["对方账号", "交易对方"]),
            (Column::OrderId, &["交易订单号", "交易号", "商家订单号"]),
        ],
        ..PLAIN
    },
    Export {
        name: "WeChat Pay merchant bill",
        needs: &["交易时间", "用户标识", "交易状态", "应结订单金额|订单金额"],
        columns: &[
            (Column::CustomerId, &["用户标识"]),
            (Column::Amount, &["应结订单金额", "订单金额"]),
            (Column::OrderId, &["微信订单号", "商户订单号"]),
            (Column::Status, &["交易状态"]),
            (Column::Refunded, &["退款金额"]),
        ],
        statuses: &[("closed", Status::NotBought)],
        ..PLAIN
    },
    Export {
        name: "Rakuten orders export",
        needs: &["注文番号", "注文日時|注文日", "注文者メールアドレス|注文者id", "合計金額|請求金額"],
        columns: &[
            (Column::CustomerId, &["注文者メールアドレス", "注文者id"]),
            (Column::Amount, &["請求金額", "合計金額"]),
            (Column::OccurredAt, &["注文日時", "注文日"]),
            (Column::OrderId, &["注文番号"]),
        ],
        statuses: &[
            ("100", Status::Bought),
            ("200", Status::Bought),
            ("300", Status::Bought),
            ("400", Status::Bought),
            ("500", Status::Bought),
            ("600", Status::Bought),
            ("700", Status::Bought),
            ("800", Status::NotBought),
            ("900", Status::NotBought),
        ],
        order_total: true,
        ..PLAIN
    },
    Export {
        name: "Shoptet orders export",
        needs: &["code", "date", "statusname", "totalpricewithvat"],
        columns: &[
            (Column::CustomerId, &["email", "phone"]),
            (Column::OccurredAt, &["date"]),
            (Column::Amount, &["totalpricewithvat"]),
            (Column::OrderId, &["code"]),
            (Column::ProductId, &["itemcode", "itemname"]),
            (Column::Quantity, &["itemamount"]),
            (Column::Status, &["statusname"]),
        ],
        order_total: true,
        ..PLAIN
    },
    Export {
        name: "VTEX orders export",
        needs: &["order", "sequence", "creationdate", "clientdocument|email", "totalvalue"],
        columns: &[
            (Column::CustomerId, &["email", "clientdocument"]),
            (Column::Amount, &["totalvalue"]),
            (Column::OrderId, &["order"]),
            (Column::ProductId, &["idsku", "skuname"]),
            (Column::Quantity, &["quantitysku"]),
        ],
        order_total: true,
        ..PLAIN
    },
    Export {
        name: "BASE orders export",
        needs: &["注文id", "注文日時", "合計金額", "商品名"],
        columns: &[
            (Column::CustomerId, &["メールアドレス請求先", "メールアドレス"]),
            (Column::Amount, &["合計金額"]),
            (Column::OrderId, &["注文id"]),
        ],
        order_total: true,
        ..PLAIN
    },
    Export {
        name: "Douyin orders export",
        needs: &["主订单编号", "子订单编号", "订单应付金额"],
        columns: &[
            (Column::CustomerId, &["买家昵称", "用户昵称", "收件人手机号"]),
            (Column::Amount, &["订单应付金额"]),
            (Column::OccurredAt, &["订单提交时间", "支付完成时间"]),
            (Column::OrderId, &["主订单编号"]),
        ],
        ..PLAIN
    },
    Export {
        name: "WeChat Pay bill",
        needs: &["交易时间", "交易类型", "交易对方", "收支", "金额元|金额"],
        columns: &[(Column::CustomerId, &["交易对方"]), (Column::OrderId, &["交易单号", "商户单号"])],
        ..PLAIN
    },
    Export {
        name: "Olist orders",
        needs: &["orderid", "customeruniqueid|customerid", "orderpurchasetimestamp", "paymentvalue|price"],
        columns: &[(Column::CustomerId, &["customeruniqueid", "customerid"])],
        line_price: true,
        ..PLAIN
    },
    Export {
        name: "Odoo sales orders export",
        needs: &["orderreference", "customer", "salesperson", "total", "status"],
        columns: &[
            (Column::CustomerId, &["customerid", "customer"]),
            (Column::OccurredAt, &["orderdate", "creationdate"]),
            (Column::Amount, &["total"]),
            (Column::OrderId, &["orderreference"]),
        ],
        statuses: &[("sent", Status::NotBought)],
        order_total: true,
        ..PLAIN
    },
    Export {
        name: "Allegro orders export",
        needs: &["type", "orderid", "buyerlogin", "totaltopayamount"],
        columns: &[
            (Column::CustomerId, &["buyerid", "buyerlogin"]),
            (Column::OccurredAt, &["orderdate"]),
            (Column::Amount, &["totaltopayamount"]),
            (Column::Kind, &["type"]),
        ],
        ..PLAIN
    },
    Export {
        name: "Xero invoices export",
        needs: &["contactname", "invoicenumber", "invoicedate", "total", "lineamount|unitamount"],
        columns: &[
            (Column::CustomerId, &["emailaddress", "contactname"]),
            (Column::OccurredAt, &["invoicedate"]),
            (Column::Amount, &["total"]),
            (Column::OrderId, &["invoicenumber"]),
            (Column::Kind, &["type"]),
        ],
        statuses: &[("awaiting payment", Status::Bought), ("submitted", Status::NotBought)],
        order_total: true,
        ..PLAIN
    },
    Export {
        name: "Shopee orders export",
        needs: &["orderid", "orderstatus", "ordercreationdate", "usernamebuyer", "grandtotal"],
        columns: &[(Column::CustomerId, &["usernamebuyer"]), (Column::Amount, &["grandtotal"])],
        order_total: true,
        ..PLAIN
    },
    Export {
        name: "TikTok Shop orders export",
        needs: &["orderid", "orderstatus", "createdtime", "buyerusername", "orderamount"],
        columns: &[
            (Column::CustomerId, &["buyerusername"]),
            (Column::OccurredAt, &["createdtime"]),
            (Column::Amount, &["orderamount"]),
            (Column::Refunded, &["orderrefundamount"]),
        ],
        order_total: true,
        ..PLAIN
    },
    Export {
        name: "Gumroad sales export",
        needs: &["purchaseemail|buyeremail", "purchasedate", "saleprice", "fullyrefunded"],
        columns: &[
            (Column::CustomerId, &["buyeremail", "purchaseemail"]),
            (Column::Amount, &["saleprice"]),
            (Column::OrderId, &["purchaseid"]),
            (Column::Refunded, &["partialrefund"]),
            (Column::Cancelled, &["fullyrefunded"]),
        ],
        ..PLAIN
    },
    Export {
        name: "Wix orders export",
        needs: &["ordernumber", "datecreated", "paymentstatus", "total"],
        columns: &[(Column::CustomerId, &["contactemail", "email", "buyeremail"])],
        order_total: true,
        ..PLAIN
    },
];

#[cfg(test)]
mod tests {
    use super::super::synonyms::plain;
    use super::*;

    #[test]
    fn exports_are_found_by_their_columns() {
        let find = |header: &str| {
            let header: Vec<String> = header.split(',').map(plain).collect();
            Export::find(&header).map(|export| export.name)
        };
        assert_eq!(
            find("Name,Email,Financial Status,Paid at,Currency,Total,Lineitem name"),
            Some("Shopify orders export")
        );
        assert_eq!(
            find("order_id,order_number,order_date,paid_date,status,order_total,customer_id"),
            Some("WooCommerce orders export")
        );
        assert_eq!(find("订单编号,买家会员名,订单状态"), Some("Taobao/Tmall orders export"));
        assert_eq!(find("customer_id,occurred_at,amount"), None);
    }

    #[test]
    fn needs_and_names_are_plain() {
        for export in &EXPORTS {
            let names = export.columns.iter().flat_map(|(_, names)| names.iter().copied());
            for name in export.needs.iter().flat_map(|need| need.split('|')).chain(names) {
                assert_eq!(plain(name), name, "{}", export.name);
            }
        }
    }
}
