//! The privacy report: what a store holds of customers, for how long, who read it, and which rights customers used.

use askama::Template;
use homing_datasets::{Micros, Zone};
use homing_locales::{Lang, t};
use serde::Serialize;

use crate::service::Rules;
use homing_profiles::privacy::{HeldKind, Holdings, Reads};
use homing_profiles::{Error, Store};

/// The figures of the report.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// When it was made (RFC 3339).
    pub at: String,
    /// What is held, by kind.
    pub held: Vec<Kind>,
    /// Who did what, by the audit log.
    pub reads: Vec<Read>,
    /// Customers who opted out of automated decisions, those who were erased included.
    pub opted_out: u64,
    /// Objections to being contacted.
    pub contact_objections: u64,
    /// Customers who were erased.
    pub erased: u64,
    /// Whether the audit log fits its chain of hashes.
    pub audit_intact: bool,
    /// The hash at the end of the audit log.
    pub audit_head: String,
}

/// One kind of data.
#[derive(Debug, Serialize)]
pub(super) struct Kind {
    /// Its name, such as `events`.
    pub kind: &'static str,
    /// How many there are.
    pub count: u64,
    /// The oldest of them.
    pub oldest: Option<String>,
    /// How many days it is kept; none: until it is deleted.
    pub kept_days: Option<u32>,
}

/// What one key did.
#[derive(Debug, Serialize)]
pub(super) struct Read {
    /// The key; none for what was done without.
    pub key_id: Option<String>,
    /// What people call it.
    pub key_name: String,
    /// What was done.
    pub action: String,
    /// How often.
    pub count: u64,
    /// When last.
    pub last: String,
}

impl Report {
    /// Counts what a store holds.
    pub fn of(store: &dyn Store, rules: &Rules, now: Micros) -> Result<Self, Error> {
        let zone = Zone::default();
        let Holdings { kinds, reads, opted_out, contact_objections, erased } = store.holdings()?;
        let keys = store.keys()?;
        let proof = store.verify_audit(None)?;
        let rule = |kind: &str| match kind {
            "events" => rules.events_days,
            "changes" | "dead_letters" => rules.feed_days,
            "contacts" => rules.contacts_days,
            "audit" => rules.audit_days,
            _ => None,
        };
        let held = kinds.into_iter().map(|HeldKind { kind, count, oldest }| Kind {
            kind,
            count,
            oldest: oldest.map(|at| zone.format(at)),
            kept_days: rule(kind),
        });
        let reads = reads.into_iter().map(|Reads { key_id, action, count, last }| {
            let key = keys.iter().find(|key| Some(&key.id) == key_id.as_ref());
            let key_name = key.map_or_else(String::new, |key| key.name.clone());
            Read { key_id, key_name, action, count, last: zone.format(last) }
        });
        Ok(Report {
            at: zone.format(now),
            held: held.collect(),
            reads: reads.collect(),
            opted_out,
            contact_objections,
            erased,
            audit_intact: proof.broken.is_none(),
            audit_head: proof.head,
        })
    }

    /// The report as a page.
    pub fn page(&self, lang: Lang) -> String {
        Page { frame: Frame { lang, report: self } }.render().unwrap_or_default()
    }
}

impl Kind {
    fn name(&self, lang: &Lang) -> &'static str {
        let lang = *lang;
        match self.kind {
            "profiles" => t!(lang, "held-profiles"),
            "events" => t!(lang, "held-events"),
            "attributes" => t!(lang, "held-attributes"),
            "contacts" => t!(lang, "held-contacts"),
            "changes" => t!(lang, "held-changes"),
            "dead_letters" => t!(lang, "held-dead-letters"),
            _ => t!(lang, "held-audit"),
        }
    }

    fn why(&self, lang: &Lang) -> &'static str {
        let lang = *lang;
        match self.kind {
            "profiles" => t!(lang, "held-profiles-why"),
            "events" => t!(lang, "held-events-why"),
            "attributes" => t!(lang, "held-attributes-why"),
            "contacts" => t!(lang, "held-contacts-why"),
            "changes" => t!(lang, "held-changes-why"),
            "dead_letters" => t!(lang, "held-dead-letters-why"),
            _ => t!(lang, "held-audit-why"),
        }
    }

    fn kept(&self, lang: &Lang) -> String {
        let lang = *lang;
        match self.kept_days {
            Some(days) => t!(lang, "days", n = days),
            None => t!(lang, "kept-until-deleted").to_owned(),
        }
    }
}

#[derive(Template)]
#[template(path = "privacy.html", config = "src/web/askama.toml")]
struct Page<'a> {
    frame: Frame<'a>,
}

/// What the template is written of.
struct Frame<'a> {
    lang: Lang,
    report: &'a Report,
}
