//! Contacts: whom a campaign reached, so that a cap on them holds over all campaigns.

use homing_datasets::{Micros, Zone};
use serde::Serialize;

use crate::Error;

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
    /// Contacts after this instant count. Those of whoever was held out do not.
    pub since: Micros,
}

/// What became of a wish to contact a customer.
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
    /// Asks for each contact whether it may be, and takes down those that may if they are to be recorded: all in one
    /// transaction, so that the cap holds however many campaigns ask at once. A customer's second contact of a campaign is
    /// not a new one.
    ///
    /// # Errors
    /// [`Error`]; then nothing was taken down.
    fn reserve_contacts(&self, contacts: &[Contact], cap: &Cap, record: bool) -> Result<Vec<Grant>, Error>;

    /// The contacts of a customer, oldest first.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn contacts_of(&self, customer_id: &str) -> Result<Vec<Contact>, Error>;

    /// The customers of a campaign, by id, those who were held out among them.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn campaign(&self, campaign: &str) -> Result<Vec<Contact>, Error>;
}
