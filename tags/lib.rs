//! Tags: what a history and its scores mean in the CRM's own words.
//!
//! A [`Catalogue`] is a TOML file; each tag computes its value with an expression in CEL, the Common Expression
//! Language, over features and predictions. homing ships one; a business edits it.
//!
//! ```toml
//! [[tag]]
//! name = "tier.member"                  # dotted, lower case
//! layer = "dynamic"                     # static | dynamic | predictive
//! dimension = "spending_power"          # lifecycle | spending_power | preference | activity
//! labels = { zh = "会员等级", en = "Member tier" }
//! meaning = { zh = "...", en = "..." }
//! expression = 'spend_365d > 5000 ? "high_value" : "regular"'
//! confidence = "..."                    # optional: an expression for a number from 0 to 1
//! expires_after_days = 90               # optional
//! when_empty = "blank"                  # or "keep": an empty result leaves the value that the profile has
//! values = [{ value = "regular", labels = { zh = "普通会员", en = "Regular" } }]   # optional
//! ```
//!
//! A catalogue may name what several tags need, and grade a number by steps (all rising or all falling):
//!
//! ```toml
//! [define]
//! dormant_days = 90
//! dormant = "recency_days > dormant_days"
//!
//! [[scale]]
//! name = "recency_score"                # 1 + the number of steps reached: 5 is best
//! of = "recency_days"
//! steps = [365, 180, 90, 30]
//! ```
//!
//! Variables are the features ([`homing_models::features::SPECS`]) the facts ([`facts`]) and what [`variables::PREDICTIONS`]
//! lists; `date(days)` is the date so many days ago, `date_about(days)` the same in steps that grow with the distance,
//! `about(x)` a number to two digits, `round(x, step)` the nearest multiple of a step;
//! numbers are CEL doubles, so write `recency_days + 1.0`; comparing with a whole number is fine.
//!
//! **Unknown values.** A feature that the data do not contain and a prediction that the customer does not have are
//! `null`. `nps_last == null` asks for that; anything else done with `null` (adding, comparing by size) has no
//! result, and then the tag is empty. So an expression needs no guard for missing data. An expression that gives
//! `null`, or a number that is not finite, leaves its tag empty too.
//!
//! **Horizons.** `p_purchase_30d`, `expected_orders_30d` and `expected_spend_30d` exist for the horizons that the
//! model has; a tag that needs another one is left out ([`Bound::unavailable`]). `p_purchase_short` and
//! `p_purchase_long` are those of the shortest and the longest horizon.

use std::sync::Arc;

use homing_locales::{Text, t};
use serde_json::{Value, json};

use crate::playbook::Playbook;

mod answers;
mod bound;
mod causes;
pub mod check;
mod compile;
mod definition;
mod error;
mod expression;
pub mod facts;
pub mod names;
mod node;
mod parse;
pub mod playbook;
mod program;
pub mod scales;
mod source;
mod tag;
#[cfg(test)]
mod tests;
mod values;
pub mod variables;

pub use bound::Bound;
pub use definition::{Definition, Dimension, Scale, ValueLabel, WhenEmpty};
pub use error::Error;
use expression::Expression;
pub use tag::{Layer, Tag};

/// The tags that homing computes.
#[derive(Debug)]
pub struct Catalogue {
    tags: Vec<Definition>,
    scales: Vec<Scale>,
    defined: expression::Defined,
    playbook: Option<Arc<Playbook>>,
}

impl Catalogue {
    /// The catalogue that homing ships.
    ///
    /// ```
    /// let catalogue = homing_tags::Catalogue::shipped()?;
    /// assert!(catalogue.tags().iter().any(|tag| tag.name == "churn.level"));
    /// # Ok::<(), homing_tags::Error>(())
    /// ```
    ///
    /// # Errors
    /// None in a released homing: the tests read this catalogue.
    pub fn shipped() -> Result<Self, Error> {
        Self::parse(Self::shipped_text(), "the shipped catalogue")
    }

    /// The text of the catalogue that homing ships.
    #[must_use]
    pub fn shipped_text() -> &'static str {
        include_str!("catalogue.toml")
    }

    /// Reads a catalogue; `source` names it in errors (a file's path).
    ///
    /// ```
    /// use homing_tags::Catalogue;
    ///
    /// let mistake = Catalogue::parse("[[tag]]\nname = 1\n", "mine.toml").unwrap_err();
    /// assert!(mistake.to_string().contains("mine.toml"));
    /// ```
    ///
    /// # Errors
    /// [`Error`] at the first thing that is wrong: line, column, and what to do.
    pub fn parse(text: &str, source: &str) -> Result<Self, Error> {
        parse::parse(text, source)
    }

    /// The tags, in the order of the file.
    #[must_use]
    pub fn tags(&self) -> &[Definition] {
        &self.tags
    }

    /// The scales, in the order of the file.
    #[must_use]
    pub fn scales(&self) -> &[Scale] {
        &self.scales
    }

    /// A catalogue of one tag, `try.it`, with this expression and the same names defined.
    ///
    /// ```
    /// use homing_tags::Catalogue;
    ///
    /// let catalogue = Catalogue::shipped()?;
    /// assert!(catalogue.with_only("recency_days > 90.0").is_ok());
    /// assert!(catalogue.with_only("recency_dayz > 90.0").is_err());
    /// # Ok::<(), homing_tags::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error`]: the expression is wrong, and where.
    pub fn with_only(&self, expression: &str) -> Result<Catalogue, Error> {
        let compiled = Expression::compile(expression, &self.defined).map_err(|wrong| {
            let (line, column) = error::position(expression, wrong.at);
            let source_name = "the expression".to_owned();
            Error { source_name, line, column, problem: wrong.problem, hint: wrong.hint }
        })?;
        let text = || Text::new("试", "try");
        let tag = Definition {
            name: "try.it".to_owned(),
            layer: Layer::Dynamic,
            dimension: Dimension::Activity,
            labels: text(),
            meaning: text(),
            values: Vec::new(),
            expires_after_days: None,
            when_empty: WhenEmpty::Blank,
            expression: compiled,
            confidence: None,
            place: 0,
        };
        let (scales, defined) = (self.scales.clone(), self.defined.clone());
        Ok(Catalogue { tags: vec![tag], scales, defined, playbook: None })
    }

    /// The same with a playbook: its next best action becomes the tag [`names::NEXT_ACTION`]. A playbook that was there goes.
    #[must_use]
    pub fn with_playbook(mut self, playbook: Playbook) -> Self {
        let value = |entry: &playbook::Entry| ValueLabel {
            value: entry.action.clone().into(),
            labels: entry.title.clone(),
            meaning: Some(entry.text.clone()),
        };
        self.tags.retain(|tag| tag.name != names::NEXT_ACTION);
        self.tags.push(Definition {
            name: names::NEXT_ACTION.to_owned(),
            layer: Layer::Predictive,
            dimension: Dimension::Lifecycle,
            labels: Text::of(|lang| t!(lang, "next-action")),
            meaning: Text::of(|lang| t!(lang, "next-action.meaning")),
            values: playbook.entries.iter().map(value).collect(),
            expires_after_days: Some(30),
            when_empty: WhenEmpty::Blank,
            expression: Expression::elsewhere("the playbook"),
            confidence: None,
            place: 0,
        });
        self.playbook = Some(Arc::new(playbook));
        self
    }

    /// The playbook, where there is one.
    #[must_use]
    pub fn playbook(&self) -> Option<&playbook::Shared> {
        self.playbook.as_ref()
    }

    /// Binds the tags to a model with these horizons (days).
    ///
    /// ```
    /// use homing_datasets::{DAY, Event, History, Kind, Zone};
    /// use homing_models::features::{COUNT, Scratch, compute};
    /// use homing_models::{NotScored, Outcome};
    /// use homing_tags::Catalogue;
    ///
    /// let tags = Catalogue::shipped()?.with_only("recency_days > 90.0 ? \"late\" : \"recent\"")?.bind(&[30, 90]);
    /// let history = History::from_events(vec![Event::new(Kind::Purchase, 0, 10.0)]);
    /// let view = history.as_of(100 * DAY);
    /// let mut features = vec![0.0; COUNT];
    /// compute(&view, Zone::default(), &mut Scratch::default(), &mut features);
    /// let found = tags.evaluate_view(&view, &features, &Outcome::NotScored(NotScored::OptedOut));
    /// assert_eq!(found[0].value, "late");
    /// # Ok::<(), homing_tags::Error>(())
    /// ```
    #[must_use]
    pub fn bind(&self, horizons: &[u32]) -> Bound {
        Bound::new(&self.tags, horizons).with_playbook(self.playbook.clone())
    }

    /// The catalogue as JSON, for people and programs that show tags.
    #[must_use]
    pub fn describe(&self) -> Value {
        json!({ "tags": self.tags.iter().map(Definition::describe).collect::<Vec<_>>() })
    }
}
