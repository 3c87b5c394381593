//! The playbook: what to do next with a customer, by lifecycle stage, value tier and cause, and by what is at stake.
//!
//! A [`Playbook`] is a TOML file; homing ships one, a business edits it. The entries are tried in their order and the first
//! that matches applies, so put special entries above general ones.
//!
//! ```toml
//! [axes]                                # the tags with stage, tier and cause; these are the defaults
//! stage = "lifecycle.stage"
//! tier = "tier.rank"
//! cause = "fading.cause_first"
//!
//! [contacts]
//! per_week = 1                          # contacts a customer within seven days, over all campaigns
//! earliest_hour = 9                     # local hours between which a customer is contacted
//! latest_hour = 20
//! usual_hour = 10                       # for customers whose own hour is not known
//! opt_out_attribute = "no_contact"      # customers with this attribute set to true are not contacted
//!
//! [[entry]]
//! action = "call_after_complaint"       # a name for lists, a-z, 0-9 and _
//! stage = ["decline", "lost"]           # any of these; left out: all. `none`: the customer has no such tag
//! tier = ["super", "high_value"]
//! cause = ["service"]
//! at_risk_over = 500                    # only where more than this is at stake; left out: always
//! effort = "call"                       # call | offer | message | none (`none`: the customer is not contacted)
//! title = { zh = "...", en = "..." }
//! text = { zh = "...", en = "..." }
//! variants = [                          # ways to do it; `campaign make --learn-variants` chooses one for each customer
//!   { name = "sms_evening", channel = "sms", hour = 18 },
//!   { name = "call_morning", channel = "phone", hour = 10, text = { zh = "...", en = "..." } },
//! ]
//! ```
//!
//! Held against the catalogue at load: an unknown stage, tier or cause, a missing language, an entry that never has its
//! turn, and customers for whom no entry is left are errors with line, column and hint.

use std::sync::Arc;

use homing_locales::{Text, t};
use serde::Serialize;
use serde_json::Value;

use crate::definition::Definition;
use crate::error::Error;
use crate::names::{CONTACT_CHANNEL, CONTACT_HOUR};

mod parse;
#[cfg(test)]
mod tests;

/// The value of an axis whose tag the customer does not have.
pub const NONE: &str = "none";

/// What an entry costs the business, the most expensive first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effort {
    /// A person calls.
    Call,
    /// A message with something that costs money.
    Offer,
    /// A message.
    Message,
    /// Nothing: the customer is not contacted.
    None,
}

impl Effort {
    const ALL: [(&'static str, Effort); 4] = [
        ("call", Effort::Call),
        ("offer", Effort::Offer),
        ("message", Effort::Message),
        ("none", Effort::None),
    ];

    /// Its name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, effort)| *effort == self).map_or("none", |(name, _)| name)
    }
}

/// A tag by whose values entries are chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// The tag.
    pub tag: String,
    /// What the tag is called.
    pub labels: Text,
    /// Its values in words; the last is [`NONE`].
    pub values: Vec<(String, Text)>,
}

impl Axis {
    fn position(&self, value: Option<&str>) -> usize {
        let none = self.values.len() - 1;
        value
            .and_then(|value| self.values[..none].iter().position(|(known, _)| known == value))
            .unwrap_or(none)
    }
}

/// One entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its name in lists and in the tag [`NEXT_ACTION`](crate::names::NEXT_ACTION).
    pub action: String,
    /// What is to be done, in a few words.
    pub title: Text,
    /// How to do it.
    pub text: Text,
    /// What it asks of the business.
    pub effort: Effort,
    /// Only where more than this is at stake.
    pub at_risk_over: Option<f64>,
    /// Ways to do it, of which one can be chosen for each customer; none, or two and more.
    pub variants: Vec<Variant>,
    /// Positions among the values of each axis; empty means all.
    on: [Vec<usize>; 3],
    /// Line of the file.
    pub line: usize,
}

/// A way to carry out an entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// Its name in lists.
    pub name: String,
    /// The channel, instead of the customer's own.
    pub channel: Option<String>,
    /// The local hour, instead of the customer's own.
    pub hour: Option<u8>,
    /// The text, instead of the entry's.
    pub text: Option<Text>,
}

/// When and how often customers are contacted.
#[derive(Clone, Debug, PartialEq)]
pub struct Contacts {
    /// Contacts of a customer within seven days, over all campaigns.
    pub per_week: u32,
    /// First local hour.
    pub earliest_hour: u8,
    /// Last local hour.
    pub latest_hour: u8,
    /// The hour for those whose own is not known.
    pub usual_hour: u8,
    /// The attribute by which a customer is left alone.
    pub opt_out_attribute: String,
}

/// What to do with whom.
#[derive(Clone, Debug, PartialEq)]
pub struct Playbook {
    /// Stage, tier and cause.
    pub axes: [Axis; 3],
    /// When and how often.
    pub contacts: Contacts,
    /// The entries, in their order.
    pub entries: Vec<Entry>,
    /// For each cell of stage × tier × cause the entries that fit, in their order.
    cells: Vec<Vec<u16>>,
}

/// What to do next with one customer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Advice {
    /// The entry's name.
    pub action: String,
    /// What is to be done, in a few words.
    pub title: Text,
    /// How to do it.
    pub text: Text,
    /// What it asks of the business.
    pub effort: Effort,
    /// The channel that the customer responds on, as far as the history shows.
    pub channel: Option<String>,
    /// The local hour at which to do it; `None` for an entry that asks for nothing.
    pub hour: Option<u8>,
    /// Whether the hour is the customer's own (as close to it as the business contacts people).
    pub own_hour: bool,
    /// What the business may lose.
    pub value_at_risk: f64,
    /// Why this entry: stage, tier and cause in words.
    pub reason: Text,
    /// Stage, tier and cause by their values; [`NONE`] where the customer has no such tag.
    pub because: [String; 3],
}

/// What the playbook reads of a customer.
pub trait Subject {
    /// The value of a tag, if the customer has it.
    fn tag(&self, name: &str) -> Option<&Value>;
    /// A field of the prediction, if there is one with this name.
    fn score(&self, field: &str) -> Option<&Value>;
    /// An attribute that the business keeps of the customer.
    fn attribute(&self, name: &str) -> Option<&Value>;
}

impl Playbook {
    /// The playbook that homing ships, for a catalogue with the shipped stages, tiers and causes.
    ///
    /// ```
    /// use homing_tags::Catalogue;
    /// use homing_tags::playbook::Playbook;
    ///
    /// let catalogue = Catalogue::shipped()?;
    /// let playbook = Playbook::shipped(catalogue.tags())?;
    /// let entry = playbook.entry([Some("decline"), Some("super"), Some("service")], 2_000.0);
    /// assert!(entry.is_some());
    /// # Ok::<(), homing_tags::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error`] where the catalogue has other tags or values than the playbook names.
    pub fn shipped(tags: &[Definition]) -> Result<Self, Error> {
        Self::parse(Self::shipped_text(), "the shipped playbook", tags)
    }

    /// The text of the playbook that homing ships.
    #[must_use]
    pub fn shipped_text() -> &'static str {
        include_str!("playbook.toml")
    }

    /// Reads a playbook and holds it against the tags of a catalogue; `source` names it in errors.
    ///
    /// # Errors
    /// [`Error`] at the first thing that is wrong: line, column, and what to do.
    pub fn parse(text: &str, source: &str, tags: &[Definition]) -> Result<Self, Error> {
        parse::parse(text, source, tags)
    }

    fn cell(&self, at: [usize; 3]) -> usize {
        (at[0] * self.axes[1].values.len() + at[1]) * self.axes[2].values.len() + at[2]
    }

    /// The entry for a customer with these values of stage, tier and cause and this much at stake.
    #[must_use]
    pub fn entry(&self, values: [Option<&str>; 3], value_at_risk: f64) -> Option<&Entry> {
        let at = std::array::from_fn(|axis| self.axes[axis].position(values[axis]));
        let fits = |entry: &&Entry| entry.at_risk_over.is_none_or(|over| value_at_risk > over);
        self.cells[self.cell(at)].iter().map(|&entry| &self.entries[usize::from(entry)]).find(fits)
    }

    /// What to do next with a customer; `None` without scores, and for those who opted out.
    #[must_use]
    pub fn advise(&self, profile: &dyn Subject) -> Option<Advice> {
        let value_at_risk = profile.score("value_at_risk")?.as_f64()?;
        let text = |tag: &str| profile.tag(tag).and_then(Value::as_str);
        let values: [Option<&str>; 3] = std::array::from_fn(|axis| text(&self.axes[axis].tag));
        let entry = self.entry(values, value_at_risk)?;
        let own = profile.tag(CONTACT_HOUR).and_then(Value::as_f64);
        let hour = self.contacts.hour(own);
        let named = |axis: usize| &self.axes[axis].values[self.axes[axis].position(values[axis])];
        let reason = Text::of(|lang| {
            let known = (0..3).filter(|&axis| named(axis).0 != NONE);
            let words = known.map(|axis| {
                let (axis, value) = (self.axes[axis].labels.within(lang), named(axis).1.within(lang));
                t!(lang, "playbook-part", axis = axis, value = value)
            });
            words.collect::<Vec<_>>().join(t!(lang, "cluster-semicolon"))
        });
        Some(Advice {
            action: entry.action.clone(),
            title: entry.title.clone(),
            text: entry.text.clone(),
            effort: entry.effort,
            channel: text(CONTACT_CHANNEL).map(str::to_owned),
            hour: (entry.effort != Effort::None).then_some(hour),
            own_hour: own.is_some(),
            value_at_risk,
            reason,
            because: std::array::from_fn(|axis| named(axis).0.clone()),
        })
    }

    /// Whether the customer asked not to be contacted, as far as the profile shows.
    #[must_use]
    pub fn left_alone(&self, profile: &dyn Subject) -> bool {
        profile.score("not_scored").and_then(Value::as_str) == Some("opted_out")
            || profile.attribute(&self.contacts.opt_out_attribute) == Some(&Value::Bool(true))
    }

    /// The playbook as JSON, for people and programs that show it.
    #[must_use]
    pub fn describe(&self) -> Value {
        let axis = |at: usize| {
            let values = self.axes[at].values.iter();
            serde_json::json!({
                "tag": self.axes[at].tag,
                "values": values.map(|(value, labels)| serde_json::json!({"value": value, "labels": labels})).collect::<Vec<_>>(),
            })
        };
        let entry = |entry: &Entry| {
            let on = |at: usize| -> Vec<&str> {
                entry.on[at].iter().map(|&value| self.axes[at].values[value].0.as_str()).collect()
            };
            serde_json::json!({
                "action": entry.action, "title": entry.title, "text": entry.text, "effort": entry.effort,
                "at_risk_over": entry.at_risk_over, "stage": on(0), "tier": on(1), "cause": on(2),
            })
        };
        serde_json::json!({
            "axes": {"stage": axis(0), "tier": axis(1), "cause": axis(2)},
            "contacts": {
                "per_week": self.contacts.per_week, "earliest_hour": self.contacts.earliest_hour,
                "latest_hour": self.contacts.latest_hour, "usual_hour": self.contacts.usual_hour,
                "opt_out_attribute": self.contacts.opt_out_attribute,
            },
            "entries": self.entries.iter().map(entry).collect::<Vec<_>>(),
        })
    }
}

impl Contacts {
    /// The hour at which to contact a customer whose own is this.
    #[must_use]
    pub fn hour(&self, own: Option<f64>) -> u8 {
        let own = own.filter(|hour| (0.0..24.0).contains(hour)).map_or(self.usual_hour, |hour| hour as u8);
        own.clamp(self.earliest_hour, self.latest_hour)
    }
}

/// A shared playbook.
pub type Shared = Arc<Playbook>;
