//! The tags of a customer, and what to do next.

use crate::web::asked::Asked;
use crate::web::format::Dates;
use crate::web::labels::{ClusterWords, Labels};
use crate::web::state::Web;
use crate::web::words::{Lang, t};
use homing_profiles::{Layer, Profile, StoredTag};
use homing_tags::names::{CLUSTER, FADING_CAUSE, NEXT_ACTION, TOP_CATEGORY};

/// The level of care by churn risk and value at risk alone.
const CARE_LEVEL: &str = "care.priority";

/// Tags that say what to do, in this order; further ones are known by how their names begin.
const STEPS: [&str; 9] = [
    "warning.early",
    CARE_LEVEL,
    "care.urgency",
    FADING_CAUSE,
    "next_order.due",
    TOP_CATEGORY,
    "preference.channel",
    "preference.hour",
    "return.second_order",
];

const STEP_KINDS: [&str; 5] = ["action.", "next_best.", "next_category", "expansion.", "playbook."];

pub(super) struct TagRow {
    pub name: String,
    pub meaning: Option<String>,
    pub value: String,
    pub notes: Vec<String>,
}

pub(super) struct TagGroup {
    pub name: &'static str,
    pub tags: Vec<TagRow>,
}

/// What the playbook says.
pub(super) struct Advised {
    pub title: String,
    pub text: String,
    pub how: Vec<String>,
}

pub(super) fn advice(web: &Web, asked: &Asked, profile: &Profile) -> Option<Advised> {
    let lang = asked.lang;
    let playbook = web.catalogue.playbook().filter(|playbook| !playbook.left_alone(profile))?;
    let advice = playbook.advise(profile)?;
    let channel = advice.channel.map(|channel| t!(lang, "advice-at", channel = &channel));
    let hour = advice.hour.map(|hour| t!(lang, "advice-hour", hour = hour));
    Some(Advised {
        title: advice.title.within(asked.lang).to_owned(),
        text: advice.text.within(asked.lang).to_owned(),
        how: channel.into_iter().chain(hour).chain([advice.reason.within(asked.lang).to_owned()]).collect(),
    })
}

/// Tags that say what to do next.
pub(super) fn steps(lang: Lang, dates: Dates, labels: Labels<'_>, profile: &Profile) -> Vec<TagRow> {
    let others = profile.tags.keys().map(String::as_str).filter(|name| {
        STEP_KINDS.iter().any(|kind| name.starts_with(kind))
            && !STEPS.contains(name)
            // The playbook's word stands above.
            && *name != NEXT_ACTION
    });
    // The playbook says more than the level of care, and the two need not agree.
    let advised = labels.catalogue.playbook().is_some();
    let names = others.chain(STEPS).filter(|name| !(advised && *name == CARE_LEVEL));
    names.filter_map(|name| Some(tag_row(lang, dates, labels, name, profile.tags.get(name)?))).collect()
}

/// The warning signals that hold, each with its strength and the day since when.
pub(super) fn signals(lang: Lang, labels: Labels<'_>, profile: &Profile) -> Vec<TagRow> {
    let holds = |(name, tag): &(&String, &StoredTag)| {
        name.starts_with("signal.")
            && !name.ends_with("_since")
            && name.as_str() != "signal.count"
            && tag.value != false
    };
    let row = |(name, tag): (&String, &StoredTag)| {
        let strength = tag.confidence.map(|strength| t!(lang, "strength", share = lang.percent(strength)));
        let since = profile.tags.get(&format!("{name}_since"));
        let since =
            since.and_then(|since| since.value.as_str()).map(|day| t!(lang, "since", date = lang.date(day)));
        TagRow {
            name: labels.name(name),
            meaning: labels.meaning(name),
            value: if tag.value == true { String::new() } else { labels.value(name, &tag.value) },
            notes: strength.into_iter().chain(since).collect(),
        }
    };
    profile.tags.iter().filter(holds).map(row).collect()
}

/// A tag with its words.
fn tag_row(lang: Lang, dates: Dates, labels: Labels<'_>, name: &str, tag: &StoredTag) -> TagRow {
    let sure = tag.confidence.map(|confidence| t!(lang, "confidence", share = lang.percent(confidence)));
    let expires = tag.expires_at.as_deref().map(|at| t!(lang, "expires", date = &dates.day(at)));
    TagRow {
        name: labels.name(name),
        meaning: labels.meaning(name),
        value: labels.value(name, &tag.value),
        notes: sure.into_iter().chain(expires).collect(),
    }
}

pub(super) fn groups(
    lang: Lang,
    dates: Dates,
    labels: Labels<'_>,
    clusters: &ClusterWords,
    profile: &Profile,
) -> Vec<TagGroup> {
    let row = |(name, tag): (&String, &StoredTag)| {
        let row = tag_row(lang, dates, labels, name, tag);
        let cluster = tag.value.as_str().filter(|_| name.starts_with(CLUSTER));
        match cluster.and_then(|cluster| clusters.of(cluster)) {
            Some((named, _)) => TagRow { value: named.within(lang).to_owned(), ..row },
            None => row,
        }
    };
    let group = |(layer, title): (Layer, &'static str)| {
        let mut tags: Vec<(&String, &StoredTag)> =
            profile.tags.iter().filter(|(_, tag)| tag.layer == layer).collect();
        tags.sort_by_key(|(name, _)| labels.place(name));
        TagGroup { name: title, tags: tags.into_iter().map(row).collect() }
    };
    let layers = [
        (Layer::Predictive, t!(lang, "predictive-layer")),
        (Layer::Dynamic, t!(lang, "dynamic-layer")),
        (Layer::Static, t!(lang, "static-layer")),
    ];
    layers.map(group).into()
}
