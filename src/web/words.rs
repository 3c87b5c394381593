//! Texts that are chosen by a value.

use homing_datasets::Kind;
pub(super) use homing_locales::{Lang, t};

/// What an event of this kind is called.
pub(super) fn kind(lang: Lang, kind: Kind) -> &'static str {
    match kind {
        Kind::Purchase => t!(lang, "kind-purchase"),
        Kind::Return => t!(lang, "kind-return"),
        Kind::Visit => t!(lang, "kind-visit"),
        Kind::View => t!(lang, "kind-view"),
        Kind::AddToCart => t!(lang, "kind-add-to-cart"),
        Kind::PromotionSent => t!(lang, "kind-promotion-sent"),
        Kind::PromotionUsed => t!(lang, "kind-promotion-used"),
        Kind::Post => t!(lang, "kind-post"),
        Kind::Follow => t!(lang, "kind-follow"),
        Kind::Unfollow => t!(lang, "kind-unfollow"),
        Kind::Complaint => t!(lang, "kind-complaint"),
        Kind::RefundRequest => t!(lang, "kind-refund-request"),
        Kind::Nps => t!(lang, "kind-nps"),
    }
}

/// The grade of a model.
pub(super) fn grade(lang: Lang, grade: &str) -> Option<&'static str> {
    match grade {
        "Poor" => Some(t!(lang, "grade-poor")),
        "Fair" => Some(t!(lang, "grade-fair")),
        "Good" => Some(t!(lang, "grade-good")),
        "Excellent" => Some(t!(lang, "grade-excellent")),
        _ => None,
    }
}

/// Why a customer has no scores, by the code of the cause.
pub(super) fn not_scored(lang: Lang, code: Option<&str>) -> &'static str {
    match code {
        Some("no_purchase") => t!(lang, "no-purchase"),
        Some("opted_out") => t!(lang, "opted-out"),
        _ => t!(lang, "no-scores"),
    }
}
