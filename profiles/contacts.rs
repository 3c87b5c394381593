//! Contacts: whom a campaign reached, so that a cap on them holds over all campaigns.

use std::collections::HashMap;

use homing_datasets::{Micros, Zone};
use serde::Serialize;

use crate::Error;
use crate::sql::{Engine, Fault, Row, Statements, Unreadable, Value, params};
use crate::state::Purpose;

/// One customer of one campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The customer.
    pub customer_id: String,
    /// The campaign: a customer is in it once.
    pub campaign: String,
    /// When the list was made.
    pub at: Micros,
    /// The playbook's action.
    pub action: String,
    /// The channel to reach the customer by.
    pub channel: Option<String>,
    /// Whether the customer is held out: not contacted, to compare with.
    pub held_out: bool,
}

/// How many contacts a customer may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cap {
    /// Contacts at most, this one included.
    pub most: u32,
    /// Contacts after this instant count. Those of held-out customers do not.
    pub since: Micros,
}

/// The outcome of a request to contact a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Granted now.
    New,
    /// Granted before, for this campaign; the customer stays in the group of then.
    Before {
        /// Whether the customer is held out.
        held_out: bool,
    },
    /// The customer has had as many contacts as may be.
    Capped,
    /// The customer opted out, or was erased.
    Withheld,
}

impl Grant {
    /// The grant for a customer of whom this is known.
    pub(super) fn of(withheld: bool, before: Option<bool>, contacts: u32, cap: &Cap) -> Self {
        match before {
            _ if withheld => Grant::Withheld,
            Some(held_out) => Grant::Before { held_out },
            None if contacts >= cap.most => Grant::Capped,
            None => Grant::New,
        }
    }
}

/// A contact with its instant written out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExportedContact {
    /// The campaign.
    pub campaign: String,
    /// When (RFC 3339).
    pub at: String,
    /// The playbook's action.
    pub action: String,
    /// The channel.
    pub channel: Option<String>,
    /// Whether the customer was held out.
    pub held_out: bool,
}

impl ExportedContact {
    pub(super) fn of(contact: Contact, zone: Zone) -> Self {
        let Contact { campaign, at, action, channel, held_out, .. } = contact;
        ExportedContact { campaign, at: zone.format(at), action, channel, held_out }
    }
}

/// Contacts of campaigns.
pub trait Campaigns: Send + Sync {
    /// Decides for each contact whether it is allowed, and records the allowed ones if requested: all in one
    /// transaction, so that the limit holds however many campaigns ask at once. A customer's second contact of a
    /// campaign is not a new one.
    ///
    /// # Errors
    /// [`Error`]; then nothing was recorded.
    fn reserve_contacts(&self, contacts: &[Contact], cap: &Cap, record: bool) -> Result<Vec<Grant>, Error>;

    /// The contacts of a customer, oldest first.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn contacts_of(&self, customer_id: &str) -> Result<Vec<Contact>, Error>;

    /// Drops contacts from before an instant, and says how many.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn prune_contacts(&self, not_before: Micros) -> Result<u64, Error>;

    /// The customers of a campaign, by id, those who were held out among them.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn campaign(&self, campaign: &str) -> Result<Vec<Contact>, Error>;
}

const CONTACT: &str = "SELECT customer_id, campaign, at, action, channel, held_out FROM contacts";

/// A row of [`CONTACT`].
fn contact(mut row: Row) -> Result<Contact, Unreadable> {
    Ok(Contact {
        customer_id: row.take()?,
        campaign: row.take()?,
        at: row.take()?,
        action: row.take()?,
        channel: row.take()?,
        held_out: row.take()?,
    })
}

/// The contacts of a customer, oldest first.
pub(super) fn contacts_of<E>(sql: Statements<'_, E>, customer_id: &str) -> Result<Vec<Contact>, Fault<E>> {
    let rows =
        sql.query(&format!("{CONTACT} WHERE customer_id = $1 ORDER BY at, campaign"), params![customer_id])?;
    Ok(rows.into_iter().map(contact).collect::<Result<_, _>>()?)
}

/// What becomes of one contact, beside those that are recorded.
fn grant<E>(
    sql: Statements<'_, E>,
    hash: &[u8; 32],
    contact: &Contact,
    cap: &Cap,
) -> Result<Grant, Fault<E>> {
    let channel = Purpose::Contact(contact.channel.clone()).name();
    let row = sql.one(
        "SELECT EXISTS (SELECT 1 FROM erased WHERE hash = $1)
             OR EXISTS (SELECT 1 FROM consents WHERE customer_id = $2 AND opted_out)
             OR EXISTS (SELECT 1 FROM choices WHERE subject = $1 AND purpose IN ('contact', $5) AND opted_out),
             (SELECT held_out FROM contacts WHERE customer_id = $2 AND campaign = $3),
             (SELECT count(*) FROM contacts WHERE customer_id = $2 AND campaign <> $3 AND at > $4 AND NOT held_out)",
        params![hash, &contact.customer_id, &contact.campaign, cap.since, channel],
    )?;
    let mut row = row.ok_or_else(|| Unreadable("a SELECT without FROM gives no row".to_owned()))?;
    Ok(Grant::of(row.take()?, row.take()?, row.take()?, cap))
}

impl<E: Engine> Campaigns for E {
    fn reserve_contacts(&self, contacts: &[Contact], cap: &Cap, record: bool) -> Result<Vec<Grant>, Error> {
        let grants = |sql: Statements<'_, E::Error>| {
            let mut granted: HashMap<(&str, &str), bool> = HashMap::new();
            let mut grants = Vec::with_capacity(contacts.len());
            for one in contacts {
                let (id, campaign) = (one.customer_id.as_str(), one.campaign.as_str());
                let grant = match granted.get(&(id, campaign)) {
                    Some(&held_out) if record => Grant::Before { held_out },
                    _ => grant(sql, &self.hash(id), one, cap)?,
                };
                if grant == Grant::New {
                    granted.insert((id, campaign), one.held_out);
                }
                grants.push(grant);
            }
            Ok(grants)
        };
        if !record {
            return self.snapshot(grants);
        }
        self.write(|sql| {
            // Nobody opts out, is erased or is contacted by another campaign in between.
            sql.alone()?;
            let grants = grants(sql)?;
            let new = contacts.iter().zip(&grants).filter(|(_, grant)| **grant == Grant::New);
            let rows: Vec<Vec<Value<'_>>> = new
                .map(|(Contact { customer_id, campaign, at, action, channel, held_out }, _)| {
                    params![customer_id, campaign, *at, action, channel.as_ref(), *held_out].to_vec()
                })
                .collect();
            sql.insert("INSERT INTO contacts (customer_id, campaign, at, action, channel, held_out)", &rows)?;
            Ok(grants)
        })
    }

    fn contacts_of(&self, customer_id: &str) -> Result<Vec<Contact>, Error> {
        self.read(|sql| contacts_of(sql, customer_id))
    }

    fn prune_contacts(&self, not_before: Micros) -> Result<u64, Error> {
        self.write(|sql| sql.execute("DELETE FROM contacts WHERE at < $1", params![not_before]))
    }

    fn campaign(&self, campaign: &str) -> Result<Vec<Contact>, Error> {
        self.read(|sql| {
            let rows =
                sql.query(&format!("{CONTACT} WHERE campaign = $1 ORDER BY customer_id"), params![campaign])?;
            Ok(rows.into_iter().map(contact).collect::<Result<_, _>>()?)
        })
    }
}
