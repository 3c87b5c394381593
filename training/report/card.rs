//! The model card (Mitchell et al. 2019): what the model is for, what it is not for, and where it came from.

use homing_models::Bundle;
use homing_models::lifetimes::Lifetime;

use super::page::{Block, Section};
use homing_locales::{Lang, t};

/// The section.
pub(super) fn section(lang: Lang, bundle: &Bundle) -> Section {
    let fixed = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let uses = [
        fixed(t!(lang, "report-card-use"), t!(lang, "report-card-use-text")),
        fixed(t!(lang, "report-card-not-for"), t!(lang, "report-card-not-for-text")),
        fixed(t!(lang, "report-card-not-judged"), t!(lang, "report-card-not-judged-text")),
    ];
    let general = [
        fixed(t!(lang, "report-card-reproducible"), t!(lang, "report-card-reproducible-text")),
        fixed(t!(lang, "report-card-limits"), t!(lang, "report-card-limits-text")),
        fixed(t!(lang, "report-card-privacy"), t!(lang, "report-card-privacy-text")),
        fixed(t!(lang, "report-card-refit"), t!(lang, "report-card-refit-text")),
    ];
    let terms = uses.into_iter().chain(of_fit(lang, bundle)).chain(general);
    Section {
        id: "card".to_owned(),
        title: t!(lang, "report-card").to_owned(),
        lead: t!(lang, "report-card-lead").to_owned(),
        blocks: vec![Block::Terms(terms.collect())],
    }
}

/// What holds of this fit: data, horizons, models, versions.
fn of_fit(lang: Lang, bundle: &Bundle) -> [(String, String); 4] {
    let manifest = bundle.manifest();
    let data = &manifest.data;
    let (customers, events) = (lang.count(data.customers), lang.count(data.events));
    let (first, last) = (&data.first, &data.last);
    let fingerprint = data.sha256.get(..16).unwrap_or(&data.sha256);
    let days = manifest.horizons.iter().map(u32::to_string).collect::<Vec<_>>().join(t!(lang, "list-comma"));
    let (churn, value) = (manifest.churn_horizon, manifest.value_horizon);
    let rate = manifest.discount_rate * 100.0;
    let net = match manifest.net_of_returns {
        true => t!(lang, "report-net"),
        false => t!(lang, "report-gross"),
    };
    let lifetime = match bundle.lifetime().orders {
        Lifetime::BgNbd(_) => "BG/NBD",
        Lifetime::MbgNbd(_) => "MBG/NBD",
        Lifetime::ParetoNbd(_) => "Pareto/NBD",
        _ => t!(lang, "report-lifetime-model"),
    };
    let (all, learned) = (
        manifest.horizons.len(),
        bundle.horizons().iter().filter(|part| part.purchase.base_learners.is_some()).count(),
    );
    let (homing, schema, features) = (&manifest.homing, &manifest.feature_schema, manifest.features.len());
    let (seed, zone) = (manifest.seed, manifest.timezone);
    let made_of = t!(lang, "report-card-models-text", lifetime = lifetime, learned = learned, all = all);
    [
        (
            t!(lang, "report-card-data").to_owned(),
            t!(
                lang,
                "report-card-data-text",
                customers = customers,
                events = events,
                first = lang.date(first),
                last = lang.date(last),
                fingerprint = fingerprint
            ),
        ),
        (
            t!(lang, "report-card-horizons").to_owned(),
            t!(
                lang,
                "report-card-horizons-text",
                days = days,
                churn = churn,
                value = value,
                rate = lang.number(rate),
                net = net
            ),
        ),
        (t!(lang, "report-card-models").to_owned(), made_of),
        (
            t!(lang, "report-card-versions").to_owned(),
            t!(
                lang,
                "report-card-versions-text",
                homing = homing,
                schema = schema,
                features = features,
                seed = seed.to_string(),
                zone = zone.to_string()
            ),
        ),
    ]
}
