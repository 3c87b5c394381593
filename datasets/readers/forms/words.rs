//! Words for kinds of events and lines.

use super::tokens::trimmed;
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
    "sales receipt",
    "sales invoice",
    "tax invoice",
    "通常",
    "通常販売",
    "реализация",
    "продажа",
    "satış",
    "cash sale",
    "cash invoice",
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
    "交易",
    "零售单",
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
    "chargeback",
    "reversal",
    "product return",
    "retoure",
    "ruckgabe",
    "rückgabe",
    "storno",
    "erstattung",
    "retour",
    "remboursement",
    "devolución",
    "devolucion",
    "reembolso",
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
    "возврат",
    "iade",
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

/// Lines of an order whose total may be on a line of its own.
const DETAIL: &[&str] = &[
    "sale line",
    "line item",
    "lineitem",
    "order line",
    "orderline",
    "invoice line",
    "line",
    "item",
    "position",
    "pozycja",
    "商品行",
    "明细",
];

/// Money that came in, perhaps for an invoice on another line.
const PAYMENT: &[&str] = &[
    "payment",
    "payments",
    "receipt",
    "zahlung",
    "zahlungseingang",
    "paiement",
    "règlement",
    "pago",
    "cobro",
    "pagamento",
    "betaling",
    "付款",
    "收款",
    "支付",
];
const PAYMENT_PARTS: &[&str] =
    &["payment", "zahlung", "paiement", "pago", "pagamento", "betaling", "checkout"];

/// What was credited to the customer, beside which a refund is only the money going out.
const CREDIT: &[&str] = &["credit memo", "credit note", "gutschrift", "avoir", "abono", "nota de crédito"];
const CREDIT_PARTS: &[&str] = &["credit memo", "credit note"];
const REFUND_PARTS: &[&str] = &[
    "refund",
    "rückzahlung",
    "rückbuchung",
    "reversal",
    "rembours",
    "reembols",
    "rimbors",
    "terugbetaling",
    "退款",
];

/// Lines that are no purchase and no product return.
const OTHER: &[&str] = &[
    "transfer",
    "payout",
    "fee",
    "fees",
    "tax",
    "deposit",
    "adjustment",
    "reminder",
    "finance charge memo",
    "verify",
    "verification",
    "quote",
    "quotation",
    "proforma",
    "pro forma",
    "delivery note",
    "purchase order",
    "angebot",
    "lieferschein",
    "auftragsbestätigung",
    "devis",
    "bon de livraison",
    "presupuesto",
    "albarán",
    "preventivo",
    "orçamento",
    "oferta",
    "teklif",
    "取消",
    "取消し",
    "キャンセル",
    "提现",
    "手续费",
    "转账",
    "充值",
];
const OTHER_PARTS: &[&str] = &[
    "withdrawal",
    "abbuchung",
    "retiro",
    "prelievo",
    "retrait",
    "currency conversion",
    "währungsumrechnung",
    "hold",
    "fee reversal",
    "authorization",
    "bank deposit",
    "user initiated",
];

/// Codes of accounting programs (Sage's audit trail, and what is common), in capital letters only.
const CODES: &[(&str, LineKind)] = &[
    ("SI", LineKind::Event(Kind::Purchase)),
    ("INV", LineKind::Event(Kind::Purchase)),
    ("SC", LineKind::Credit),
    ("CRN", LineKind::Credit),
    ("SR", LineKind::Payment),
    ("SA", LineKind::Payment),
    ("PMT", LineKind::Payment),
    ("SD", LineKind::Other),
    ("PI", LineKind::Other),
    ("PC", LineKind::Other),
    ("PP", LineKind::Other),
    ("PA", LineKind::Other),
    ("PD", LineKind::Other),
    ("JD", LineKind::Other),
    ("JC", LineKind::Other),
    ("BP", LineKind::Other),
    ("BR", LineKind::Other),
];

/// What a line is, as its kind says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineKind {
    /// An event.
    Event(Kind),
    /// One line of an order.
    Detail,
    /// Money that came in.
    Payment,
    /// A credit note: a product return.
    Credit,
    /// Money that went back.
    Refund,
    /// Nothing that was bought or returned.
    Other,
}

/// What a word says of a line, in homing's own words or those of other programs.
pub(crate) fn kind(word: &str) -> Option<LineKind> {
    if let Some(kind) = Kind::from_name(word) {
        return Some(LineKind::Event(kind));
    }
    if let Some((_, kind)) = CODES.iter().find(|(code, _)| *code == trimmed(word)) {
        return Some(*kind);
    }
    let plain = trimmed(word).to_lowercase().replace(['_', '-'], " ");
    let is = |words: &[&str]| words.contains(&&*plain);
    let own = Kind::ALL.into_iter().find(|kind| kind.name().replace('_', " ") == plain);
    let other = || OTHERS.iter().find(|(name, _)| *name == plain).map(|&(_, kind)| kind);
    if let Some(kind) = own.or_else(other) {
        return Some(LineKind::Event(kind));
    }
    let part = |words: &[&str]| words.iter().any(|part| plain.contains(part));
    match () {
        () if is(DETAIL) => Some(LineKind::Detail),
        () if is(PAYMENT) => Some(LineKind::Payment),
        () if is(CREDIT) || part(CREDIT_PARTS) => Some(LineKind::Credit),
        () if is(OTHER) => Some(LineKind::Other),
        () if is(PURCHASE) => Some(LineKind::Event(Kind::Purchase)),
        () if is(RETURN) && part(REFUND_PARTS) => Some(LineKind::Refund),
        () if is(RETURN) => Some(LineKind::Event(Kind::Return)),
        () if part(OTHER_PARTS) => Some(LineKind::Other),
        () if part(REFUND_PARTS) => Some(LineKind::Refund),
        () if part(PAYMENT_PARTS) => Some(LineKind::Payment),
        () => None,
    }
}

/// How many lines of a file are of which kind.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Kinds {
    sales: u64,
    details: u64,
    payments: u64,
    credits: u64,
    /// Product returns and refunds.
    returns: u64,
}

impl Kinds {
    /// Whether money came in on some lines and went back on others.
    pub(crate) fn go_both_ways(self) -> bool {
        self.sales + self.payments > 0 && self.credits + self.returns > 0
    }

    /// Whether some line brings money.
    pub(crate) fn has_sales(self) -> bool {
        self.sales + self.details + self.payments > 0
    }

    /// Whether some line is a part of an order that has a line of its own.
    pub(crate) fn has_details(self) -> bool {
        self.details > 0
    }

    pub(crate) fn note(&mut self, kind: LineKind) {
        match kind {
            LineKind::Event(Kind::Purchase) => self.sales += 1,
            LineKind::Detail => self.details += 1,
            LineKind::Payment => self.payments += 1,
            LineKind::Credit => self.credits += 1,
            LineKind::Event(Kind::Return) | LineKind::Refund => self.returns += 1,
            LineKind::Event(_) | LineKind::Other => {}
        }
    }

    pub(crate) fn absorb(&mut self, other: Kinds) {
        self.sales += other.sales;
        self.details += other.details;
        self.payments += other.payments;
        self.credits += other.credits;
        self.returns += other.returns;
    }

    /// What counts where the same money is on several lines.
    pub(crate) fn counted(self) -> Counted {
        Counted {
            payments: self.sales == 0 && self.details == 0,
            details: self.sales == 0,
            refunds: self.credits == 0 || self.payments == 0,
        }
    }
}

/// Which lines carry money of their own: a payment settles an invoice, and a line is part of its order's total.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) payments: bool,
    pub(crate) details: bool,
    pub(crate) refunds: bool,
}

impl Default for Counted {
    fn default() -> Self {
        Counted { payments: true, details: true, refunds: true }
    }
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
            assert_eq!(kind(word), Some(LineKind::Event(expected)), "{word}");
        }
        assert_eq!((kind("retail"), kind("")), (None, None));
    }

    #[test]
    fn a_ledger_has_lines_that_are_no_purchases() {
        for (word, expected) in [
            ("Express Checkout Payment", LineKind::Payment),
            ("Payment Refund", LineKind::Refund),
            ("General Withdrawal", LineKind::Other),
            ("Allgemeine Abbuchung", LineKind::Other),
            ("Sale Line", LineKind::Detail),
            ("Credit Memo", LineKind::Credit),
        ] {
            assert_eq!(kind(word), Some(expected), "{word}");
        }
    }
}
