//! What the status of an order says about its money.

use super::tokens::trimmed;

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// It was bought.
    Bought,
    /// It was bought, and all of it was paid back.
    Refunded,
    /// It was bought, and some of it was paid back.
    PartlyRefunded,
    /// It was not paid, or it was cancelled before.
    NotBought,
    /// A word that nobody here knows.
    Unknown,
}

const BOUGHT: &[&str] = &[
    "paid",
    "completed",
    "complete",
    "succeeded",
    "success",
    "successful",
    "processing",
    "fulfilled",
    "shipped",
    "delivered",
    "closed",
    "captured",
    "settled",
    "done",
    "finished",
    "approved",
    "accepted",
    "confirmed",
    "invoiced",
    "partially paid",
    "dispatched",
    "in transit",
    "sent",
    "received",
    "picked up",
    "ready for pickup",
    "available",
    "paid out",
    "sale",
    "bezahlt",
    "abgeschlossen",
    "versandt",
    "versendet",
    "geliefert",
    "zugestellt",
    "payé",
    "payée",
    "expédiée",
    "livrée",
    "terminée",
    "pagado",
    "pagada",
    "completado",
    "completada",
    "enviado",
    "entregado",
    "pagato",
    "spedito",
    "consegnato",
    "pago",
    "concluído",
    "betaald",
    "verzonden",
    "payment accepted",
    "partially shipped",
    "partially fulfilled",
    "awaiting fulfillment",
    "awaiting shipment",
    "awaiting pickup",
    "awaiting processing",
    "processing in progress",
    "in progress",
    "sales order",
    "locked",
    "layby closed",
    "onaccount",
    "onaccount closed",
    "ready for shipment",
    "ready for processing",
    "won",
    "closed won",
    "gewonnen",
    "ganado",
    "gagné",
    "赢单",
    "成交",
    "checked in",
    "checked out",
    "shipping",
    "to ship",
    "to receive",
    "ready to ship",
    "recibido",
    "recibida",
    "abierta",
    "cerrada",
    "aprobado",
    "acreditado",
    "aprovado",
    "concluida",
    "concluída",
    "ok",
    "通常",
    "in bearbeitung",
    "teilgeliefert",
    "teilversandt",
    "paiement accepté",
    "livré",
    "expédié",
    "terminé",
    "en cours de préparation",
    "en attente de réapprovisionnement",
    "venta concretada",
    "en camino",
    "completata",
    "wysłane",
    "opłacone",
    "zrealizowane",
    "発送待ち",
    "発送済",
    "発送済み",
    "処理済",
    "entregue",
    "faturado",
    "faturada",
    "aprovada",
    "a caminho",
    "em trânsito",
    "pronto para envio",
    "preparado para envio",
    "preparando entrega",
    "completo",
    "pagata",
    "evaso",
    "evasa",
    "spedita",
    "consegnata",
    "validée",
    "validé",
    "bestätigt",
    "in zustellung",
    "teilbezahlt",
    "zapłacone",
    "dostarczone",
    "zakończone",
    "wysłano",
    "w realizacji",
    "contanti",
    "対応済",
    "発送完了",
    "配達完了",
    "入金済",
    "入金済み",
    "支払い済み",
    "支払済み",
    "受付済",
    "未発送",
    "未対応",
    "onaylandı",
    "hazırlanıyor",
    "принят",
    "в обработке",
    "تم التنفيذ",
    "تم التوصيل",
    "مكتمل",
    "تم الشحن",
    "جاري التوصيل",
    "قيد التنفيذ",
    "تم الدفع",
    "مدفوع",
    "hoàn thành",
    "đã thanh toán",
    "đã giao",
    "đang giao",
    "selesai",
    "dikirim",
    "lunas",
    "ολοκληρώθηκε",
    "הושלם",
    "שולם",
    "posted",
];
const BOUGHT_HAN: &[&str] = &[
    "交易成功",
    "已付款",
    "已支付",
    "支付成功",
    "付款成功",
    "已完成",
    "完成",
    "已发货",
    "待发货",
    "已签收",
    "已收货",
    "待收货",
    "买家已付款",
    "等待卖家发货",
    "卖家已发货",
    "等待买家确认收货",
    "交易完成",
    "订单完成",
    "成功",
    "已结算",
    "已出库",
    "等待出库",
    "已评价",
    "待评价",
    "部分发货",
    "等待确认收货",
];
const NOT_BOUGHT: &[&str] = &[
    "pending",
    "voided",
    "void",
    "cancelled",
    "canceled",
    "failed",
    "failure",
    "unpaid",
    "expired",
    "authorized",
    "authorised",
    "on hold",
    "onhold",
    "hold",
    "pending payment",
    "awaiting payment",
    "payment pending",
    "draft",
    "checkout draft",
    "abandoned",
    "declined",
    "rejected",
    "denied",
    "blocked",
    "incomplete",
    "open",
    "new",
    "created",
    "requires payment method",
    "requires action",
    "requires confirmation",
    "requires capture",
    "processing payment",
    "fraud",
    "suspected fraud",
    "holded",
    "payment review",
    "trash",
    "uncaptured",
    "incomplete expired",
    "payment error",
    "chargeback lost",
    "not paid",
    "to pay",
    "lost",
    "closed lost",
    "verloren",
    "perdido",
    "perdu",
    "输单",
    "prospecting",
    "qualification",
    "qualified to buy",
    "needs analysis",
    "value proposition",
    "perception analysis",
    "appointment scheduled",
    "presentation scheduled",
    "proposal",
    "proposal/price quote",
    "negotiation",
    "negotiation/review",
    "contract sent",
    "no show",
    "uncollectible",
    "past due",
    "annulled",
    "storniert",
    "offen",
    "unbezahlt",
    "abgebrochen",
    "annulé",
    "annulée",
    "en attente",
    "impayé",
    "cancelado",
    "cancelada",
    "pendiente",
    "annullato",
    "in attesa",
    "pendente",
    "geannuleerd",
    "failed payment",
    "cancelled by seller",
    "cancelled by buyer",
    "quotation",
    "quotation sent",
    "saved",
    "layby",
    "unavailable",
    "revoked",
    "notpay",
    "awaiting bank wire payment",
    "awaiting check payment",
    "awaiting cheque payment",
    "pending waiting for pick up",
    "filled in",
    "ausstehend",
    "angebot",
    "erreur de paiement",
    "en attente du paiement par chèque",
    "en attente de virement bancaire",
    "in sospeso",
    "anulowane",
    "nowe",
    "キャンセル",
    "キャンセル確定",
    "新規受付",
    "aguardando pagamento",
    "pagamento pendente",
    "boleto emitido",
    "vencido",
    "vencida",
    "expirado",
    "expirada",
    "não pago",
    "no pagado",
    "rechazado",
    "rechazada",
    "recusado",
    "rifiutato",
    "non pagato",
    "refusé",
    "refusée",
    "non payé",
    "en attente de paiement",
    "überfällig",
    "gemahnt",
    "entwurf",
    "nieopłacone",
    "oczekuje na płatność",
    "nezaplaceno",
    "未入金",
    "入金待ち",
    "支払い待ち",
    "支払待ち",
    "ملغي",
    "ملغى",
    "محذوف",
    "بانتظار الدفع",
    "غير مدفوع",
    "فشل",
    "đã hủy",
    "đã huỷ",
    "hủy",
    "chưa thanh toán",
    "dibatalkan",
    "batal",
    "belum bayar",
    "ακυρώθηκε",
    "בוטל",
    "скасовано",
];
const NOT_BOUGHT_HAN: &[&str] = &[
    "交易关闭",
    "已关闭",
    "关闭",
    "已取消",
    "取消",
    "等待买家付款",
    "待付款",
    "未付款",
    "待支付",
    "未支付",
    "支付失败",
    "失败",
    "等待付款",
    "订单关闭",
    "交易失败",
    "已作废",
    "作废",
    "超时关闭",
    "等待支付",
    "锁定",
    "等待审核",
    "已拒绝",
    "付款失败",
    "无效",
];
const REFUNDED: &[&str] = &[
    "refunded",
    "fully refunded",
    "refund",
    "returned",
    "reversed",
    "chargeback",
    "charged back",
    "money back",
    "erstattet",
    "rückerstattet",
    "remboursé",
    "remboursée",
    "reembolsado",
    "rimborsato",
    "terugbetaald",
    "disputed lost",
    "shipped returned to seller",
    "returned to seller",
    "rückzahlung",
    "zwrócone",
    "estornado",
    "devolvido",
    "devolvida",
    "devuelto",
    "devuelta",
    "مسترجع",
    "مسترد",
    "تم الاسترجاع",
    "trả hàng",
    "đã trả hàng",
    "dikembalikan",
];
const REFUNDED_HAN: &[&str] = &[
    "已退款",
    "退款成功",
    "已全额退款",
    "全额退款",
    "全部退款",
    "退货",
    "已退货",
    "退款完成",
    "退款",
    "退货退款",
    "已退货退款",
    "交易退款",
    "退货完成",
    "退单",
    "对方已退还",
];
const PARTLY: &[&str] = &[
    "partly refunded",
    "部分退款",
    "已部分退款",
    "teilweise erstattet",
    "partiellement remboursé",
    "parcialmente reembolsado",
];

/// What a word says. Case, `_`, `-` and a leading `wc-` do not matter.
pub(crate) fn status(word: &str) -> Status {
    let plain = plain(word);
    let plain = plain.strip_prefix("wc ").unwrap_or(&plain);
    // `已退款(￥70.00)` and `(删除)等待付款` say more than the word alone.
    let plain = match plain.strip_prefix(['(', '（']).and_then(|rest| rest.split_once([')', '）'])) {
        Some((_, rest)) if !rest.trim().is_empty() => rest,
        _ => plain,
    };
    let head = plain.split(['(', '（', ',', '，', ';', ':', '：']).next().unwrap_or(plain).trim();
    let has = |words: &[&str]| words.contains(&head);
    // `Partially refunded`, `refunded_partially` and `Refunded (partially)`.
    let partly = plain.contains("partial") && plain.contains("refund");
    if partly || has(PARTLY) {
        Status::PartlyRefunded
    } else if has(REFUNDED) || has(REFUNDED_HAN) {
        Status::Refunded
    } else if has(NOT_BOUGHT) || has(NOT_BOUGHT_HAN) {
        Status::NotBought
    } else if has(BOUGHT) || has(BOUGHT_HAN) {
        Status::Bought
    } else {
        by_part(head)
    }
}

/// Parts of words: systems join words of their own.
const PARTLY_PARTS: &[&str] = &["部分退款"];
const NOT_BOUGHT_PARTS: &[&str] = &[
    "等待付款",
    "待付款",
    "未付款",
    "待支付",
    "未支付",
    "取消",
    "关闭",
    "作废",
    "失败",
    "cancel",
    "void",
    "unpaid",
    "fail",
    "declined",
    "abandon",
    "storn",
    "annul",
    "anul",
    "unbezahlt",
    "iptal",
    "ödenmedi",
    "отмен",
    "не оплач",
    "неоплач",
    "nezaplac",
    "makuler",
    "취소",
    "미결제",
    "입금대기",
    "キャンセル",
    "batal",
    "töröl",
    "geannuleerd",
];
const REFUNDED_PARTS: &[&str] = &[
    "退款成功",
    "已退款",
    "已退货",
    "refund",
    "chargeback",
    "reembols",
    "rembours",
    "erstattet",
    "rimbors",
    "iade",
    "возвра",
    "vrácen",
    "returned",
    "返品",
    "返金",
    "환불",
    "반품",
];
const BOUGHT_PARTS: &[&str] = &[
    "完成",
    "成功",
    "已发货",
    "已付款",
    "已支付",
    "已签收",
    "待发货",
    "已收货",
    "complete",
    "paid",
    "shipped",
    "deliver",
    "success",
    "bezahlt",
    "betald",
    "betalt",
    "tamamland",
    "teslim",
    "kargo",
    "оплач",
    "выполн",
    "доставл",
    "отправл",
    "заверш",
    "vyřízen",
    "odeslán",
    "zaplac",
    "doručen",
    "구매확정",
    "배송",
    "발송",
    "결제완료",
    "決済完了",
    "支払済",
    "selesai",
    "teljesít",
];

/// What a part of a word says.
fn by_part(word: &str) -> Status {
    let has = |parts: &[&str]| parts.iter().any(|part| word.contains(part));
    match () {
        () if has(PARTLY_PARTS) => Status::PartlyRefunded,
        () if has(NOT_BOUGHT_PARTS) => Status::NotBought,
        () if has(REFUNDED_PARTS) => Status::Refunded,
        () if has(BOUGHT_PARTS) => Status::Bought,
        () => Status::Unknown,
    }
}

fn plain(word: &str) -> String {
    let word = trimmed(word).to_lowercase().replace(['_', '-'], " ");
    // A capital İ leaves its dot behind.
    let word = word.replace('\u{307}', "");
    word.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a cell of a column such as `test` or `cancelled at` says yes.
pub(crate) fn is_yes(word: &str) -> bool {
    let plain = plain(word);
    !matches!(
        &*plain,
        "" | "false"
            | "no"
            | "0"
            | "n"
            | "f"
            | "live"
            | "否"
            | "null"
            | "none"
            | "nan"
            | "nein"
            | "non"
            | "nao"
            | "não"
            | "nie"
            | "нет"
            | "いいえ"
            | "未取消"
            | "通常"
            | "なし"
            | "取消なし"
            | "無"
            | "-"
            | "nej"
            | "hayir"
            | "hayır"
            | "ne"
            | "0.0"
            | "아니오"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_decides_what_was_bought() {
        for word in
            ["paid", "Completed", "wc-processing", "partially_paid", "交易成功", " 已付款 ", "succeeded"]
        {
            assert_eq!(status(word), Status::Bought, "{word}");
        }
        for word in [
            "voided",
            "pending",
            "on-hold",
            "Cancelled",
            "交易关闭",
            "requires_payment_method",
            "待付款",
            "Failed",
        ] {
            assert_eq!(status(word), Status::NotBought, "{word}");
        }
        for word in ["refunded", "Fully Refunded", "已退款", "退款成功", "已退款(￥70.00)"] {
            assert_eq!(status(word), Status::Refunded, "{word}");
        }
        assert_eq!(status("partially_refunded"), Status::PartlyRefunded);
        assert_eq!((status("gold"), status("")), (Status::Unknown, Status::Unknown));
    }
}
