//! How long data are kept: the `[retention]` of homing.toml, and the job that applies it.

use homing_datasets::{DAY, History, Micros, Zone};
use serde::{Deserialize, Serialize};

use crate::scoring::Score;
use homing_profiles::feed::Retention;
use homing_profiles::{Error, Flows, Store};

/// The rules: how many days each kind of data is kept; without a rule for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Events of customers' histories.
    pub events_days: Option<u32>,
    /// Changes in the feed, and dead letters.
    pub feed_days: Option<u32>,
    /// Who was in which campaign.
    pub contacts_days: Option<u32>,
    /// The audit log.
    pub audit_days: Option<u32>,
}

/// What applying the rules dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Dropped {
    /// Events.
    pub events: u64,
    /// Customers whose events went.
    pub customers: u64,
    /// Changes of the feed.
    pub changes: u64,
    /// Dead letters.
    pub dead_letters: u64,
    /// Contacts.
    pub contacts: u64,
    /// Audit entries.
    pub audit: u64,
}

/// Why rules were not applied to the end.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// They would drop so many events, which is every one there is; nothing was dropped.
    #[error("events_days would drop all {0} events; nothing was dropped")]
    Everything(u64),
    /// The store failed; what was dropped stays dropped.
    #[error(transparent)]
    Store(#[from] Error),
}

/// Customers of one page of the scan.
const PAGE: u32 = 1_000;

impl Rules {
    /// The `[retention]` of a homing.toml.
    ///
    /// ```
    /// use homing::service::Rules;
    ///
    /// let rules = Rules::of_config("[retention]\nfeed_days = 90").unwrap();
    /// assert_eq!((rules.feed_days, rules.events_days), (Some(90), None));
    /// assert!(Rules::of_config("[retention]\nfed_days = 90").is_err());
    /// assert!(Rules::of_config("[retention]\naudit_days = 0").is_err());
    /// ```
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn of_config(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Config {
            #[serde(default)]
            retention: Rules,
        }
        let config: Config = toml::from_str(text).map_err(|error| format!("[retention]: {error}"))?;
        let rules = config.retention;
        if rules.named().iter().any(|(_, days)| *days == Some(0)) {
            return Err(
                "[retention]: 0 days would drop everything at once; write 1 or more, or leave the rule out"
                    .to_owned(),
            );
        }
        Ok(rules)
    }

    /// The rules by the names that they have in the file.
    #[must_use]
    pub fn named(&self) -> [(&'static str, Option<u32>); 4] {
        [
            ("events_days", self.events_days),
            ("feed_days", self.feed_days),
            ("contacts_days", self.contacts_days),
            ("audit_days", self.audit_days),
        ]
    }

    /// Whether there is any rule.
    #[must_use]
    pub fn any(&self) -> bool {
        self.named().iter().any(|(_, days)| days.is_some())
    }

    /// Drops what is older than the rules allow. Without a model events stay: their customers could not be scored again. `going` is asked
    /// between customers whether to go on. Every event is dropped only where `everything` says so: a rule or a clock may be wrong.
    ///
    /// # Errors
    /// [`Stop`].
    pub fn apply(
        &self,
        store: &dyn Store,
        engine: Option<&dyn Score>,
        now: Micros,
        going: &dyn Fn() -> bool,
        everything: bool,
    ) -> Result<Dropped, Stop> {
        let since = |days: u32| now - Micros::from(days) * DAY;
        let mut dropped = Dropped::default();
        if let (Some(days), Some(_), false) = (self.events_days, engine, everything) {
            let all = store
                .holdings()?
                .kinds
                .iter()
                .find(|held| held.kind == "events")
                .map_or(0, |held| held.count);
            if all > 0 && !any_event_since(store, since(days))? {
                return Err(Stop::Everything(all));
            }
        }
        if let Some(days) = self.feed_days {
            let rule = Retention { not_before: Some(since(days)), newest: None };
            dropped.changes = store.prune_changes(&rule)?;
            dropped.dead_letters = store.prune_dead_letters(since(days))?;
        }
        if let Some(days) = self.contacts_days {
            dropped.contacts = store.prune_contacts(since(days))?;
        }
        if let Some(days) = self.audit_days {
            while going() {
                let gone = store.prune_audit(since(days))?;
                dropped.audit += gone;
                if gone == 0 {
                    break;
                }
            }
        }
        if let (Some(days), Some(engine)) = (self.events_days, engine) {
            let score = |id: &str, history: &History, at: Micros| engine.score(id, history, at, now);
            let mut after: Option<String> = None;
            loop {
                let page = store.scan(after.as_deref(), PAGE)?;
                for one in &page.customers {
                    if !going() {
                        return Ok(dropped);
                    }
                    if one.history.events().any(|event| event.occurred_at < since(days)) {
                        let gone = store.trim(&one.customer_id, since(days), &score)?;
                        dropped.events += gone;
                        dropped.customers += u64::from(gone > 0);
                    }
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(dropped)
    }

    /// What applying the rules would drop.
    ///
    /// # Errors
    /// [`Error`] of the store.
    pub fn preview(&self, store: &dyn Store, now: Micros) -> Result<Dropped, Error> {
        let since = |days: u32| now - Micros::from(days) * DAY;
        let before = |kind: &str, days: Option<u32>| match days {
            Some(days) => store.held_before(kind, since(days)),
            None => Ok(0),
        };
        let mut dropped = Dropped {
            changes: before("changes", self.feed_days)?,
            dead_letters: before("dead_letters", self.feed_days)?,
            contacts: before("contacts", self.contacts_days)?,
            audit: before("audit", self.audit_days)?,
            ..Dropped::default()
        };
        let Some(days) = self.events_days else { return Ok(dropped) };
        let mut after: Option<String> = None;
        loop {
            let page = store.scan(after.as_deref(), PAGE)?;
            for one in &page.customers {
                let gone =
                    one.history.events().filter(|event| event.occurred_at < since(days)).count() as u64;
                dropped.events += gone;
                dropped.customers += u64::from(gone > 0);
            }
            after = page.next;
            if after.is_none() {
                return Ok(dropped);
            }
        }
    }

    /// The instants before which each kind of data goes, for people.
    #[must_use]
    pub fn limits(&self, now: Micros) -> Vec<(&'static str, Option<(u32, String)>)> {
        let zone = Zone::default();
        let limit = |days: u32| (days, zone.format(now - Micros::from(days) * DAY));
        self.named().into_iter().map(|(name, days)| (name, days.map(limit))).collect()
    }
}

/// Whether any event is from an instant or later.
fn any_event_since(store: &dyn Store, since: Micros) -> Result<bool, Error> {
    let mut after: Option<String> = None;
    loop {
        let page = store.scan(after.as_deref(), PAGE)?;
        if page.customers.iter().any(|one| one.history.events().any(|event| event.occurred_at >= since)) {
            return Ok(true);
        }
        after = page.next;
        if after.is_none() {
            return Ok(false);
        }
    }
}
