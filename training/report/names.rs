//! Causes and features in words.

use homing_locales::{Lang, Text};
use homing_models::features::Cause;

/// Every cause with the end of its key in the locale files.
pub(super) const CAUSES: &[(Cause, &str)] = &[
    (Cause::Rhythm, "rhythm"),
    (Cause::Recency, "recency"),
    (Cause::Frequency, "frequency"),
    (Cause::Trend, "trend"),
    (Cause::Basket, "basket"),
    (Cause::Spend, "spend"),
    (Cause::Tenure, "tenure"),
    (Cause::Breadth, "breadth"),
    (Cause::Season, "season"),
    (Cause::Returns, "returns"),
    (Cause::Service, "service"),
    (Cause::Promotions, "promotions"),
    (Cause::Interaction, "interaction"),
];

/// The name of a cause and what it is about.
pub(super) fn cause(lang: Lang, cause: Cause) -> (String, String) {
    let name = CAUSES.iter().find(|known| known.0 == cause).map_or("", |known| known.1);
    let text = |key: String| lang.find(&key).unwrap_or(name).to_owned();
    (text(format!("cause-{name}")), text(format!("cause-{name}.note")))
}

/// What a feature means.
pub(super) fn meaning(lang: Lang, feature: &str) -> String {
    lang.find(&format!("feature-{feature}")).unwrap_or(feature).to_owned()
}

/// What a feature means, in every language.
pub(super) fn text(feature: &str) -> Text {
    Text::of(|lang| meaning(lang, feature))
}

#[cfg(test)]
mod tests {
    use homing_models::features::SPECS;

    use super::*;

    #[test]
    fn every_feature_and_cause_has_words() {
        let Some(zh) = Lang::from_code("zh") else { panic!("no Chinese") };
        for spec in SPECS {
            assert!(lang_has(Lang::ENGLISH, spec.name) && lang_has(zh, spec.name), "{}", spec.name);
        }
        assert_eq!(meaning(zh, "orders"), "累计订单数");
        assert_eq!(meaning(Lang::ENGLISH, "orders"), "Total orders");
        assert_eq!(meaning(zh, "nothing_like_it"), "nothing_like_it");
        for (cause, _) in CAUSES {
            let (name, note) = super::cause(zh, *cause);
            assert!(!name.is_empty() && !note.is_empty() && name != note, "{cause:?}");
        }
        assert_eq!(super::cause(zh, Cause::Rhythm).0, "购买节奏");
    }

    fn lang_has(lang: Lang, feature: &str) -> bool {
        lang.find(&format!("feature-{feature}")).is_some_and(|text| !text.is_empty())
    }
}
