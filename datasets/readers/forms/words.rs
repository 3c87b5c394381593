//! Words for kinds of events.

use super::tokens::is_blank;
use crate::event::Kind;

const PURCHASE: &[&str] = &[
    "purchase",
    "purchases",
    "purchased",
    "sale",
    "sales",
    "sell",
    "sold",
    "order",
    "orders",
    "ordered",
    "buy",
    "bought",
    "payment",
    "charge",
    "charged",
    "checkout",
    "placed order",
    "order placed",
    "completed order",
    "order completed",
    "order paid",
    "transaction",
    "invoice",
    "receipt",
    "fulfilled order",
    "verkauf",
    "kauf",
    "bestellung",
    "rechnung",
    "vente",
    "achat",
    "commande",
    "facture",
    "venta",
    "compra",
    "pedido",
    "factura",
    "vendita",
    "acquisto",
    "ordine",
    "verkoop",
    "aankoop",
    "销售",
    "销售单",
    "购买",
    "消费",
    "订单",
    "下单",
    "支付",
    "付款",
    "交易",
    "零售单",
    "收款",
    "購入",
    "販売",
    "売上",
    "구매",
    "판매",
];
const RETURN: &[&str] = &[
    "return",
    "returned",
    "returns",
    "refund",
    "refunds",
    "refunded",
    "refunded order",
    "order refunded",
    "credit",
    "credit note",
    "credit memo",
    "chargeback",
    "reversal",
    "product return",
    "retoure",
    "ruckgabe",
    "rückgabe",
    "gutschrift",
    "storno",
    "erstattung",
    "retour",
    "remboursement",
    "avoir",
    "devolución",
    "devolucion",
    "reembolso",
    "abono",
    "reso",
    "rimborso",
    "devolução",
    "退货",
    "退货单",
    "退款",
    "退单",
    "退货退款",
    "返品",
    "返金",
    "반품",
    "환불",
];
const OTHERS: &[(&str, Kind)] = &[
    ("page view", Kind::Visit),
    ("pageview", Kind::Visit),
    ("active on site", Kind::Visit),
    ("访问", Kind::Visit),
    ("到店", Kind::Visit),
    ("viewed product", Kind::View),
    ("product viewed", Kind::View),
    ("product view", Kind::View),
    ("浏览", Kind::View),
    ("cart", Kind::AddToCart),
    ("added to cart", Kind::AddToCart),
    ("addtocart", Kind::AddToCart),
    ("加购", Kind::AddToCart),
    ("received email", Kind::PromotionSent),
    ("投诉", Kind::Complaint),
    ("关注", Kind::Follow),
    ("取消关注", Kind::Unfollow),
];

/// The kind that a word names, in homing's own words or those of other programs.
pub(crate) fn kind(word: &str) -> Option<Kind> {
    if let Some(kind) = Kind::from_name(word) {
        return Some(kind);
    }
    let plain = word.trim_matches(is_blank).to_lowercase().replace(['_', '-'], " ");
    let own = Kind::ALL.into_iter().find(|kind| kind.name().replace('_', " ") == plain);
    own.or_else(|| PURCHASE.contains(&&*plain).then_some(Kind::Purchase))
        .or_else(|| RETURN.contains(&&*plain).then_some(Kind::Return))
        .or_else(|| OTHERS.iter().find(|(name, _)| *name == plain).map(|&(_, kind)| kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_many_names() {
        for (word, expected) in [
            ("Return", Kind::Return),
            ("add_to_cart", Kind::AddToCart),
            ("Add-To-Cart", Kind::AddToCart),
            ("Sale", Kind::Purchase),
            ("退货", Kind::Return),
            ("Placed Order", Kind::Purchase),
        ] {
            assert_eq!(kind(word), Some(expected), "{word}");
        }
        assert_eq!((kind("retail"), kind("")), (None, None));
    }
}
