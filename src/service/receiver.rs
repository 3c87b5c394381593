//! Where the feed is pushed to: the address of a webhook, its secrets, and which changes it wants.

use std::collections::BTreeSet;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::access::hex;
use super::problem::shown_url;
use homing_profiles::feed::Change;

/// A lease runs so much longer than two answers may take: past it another server goes on.
const LEASE_BEYOND: Duration = Duration::from_secs(10);

/// Where to push changes to.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// What it is called: its place in the feed goes by this name.
    pub name: String,
    /// The address.
    pub url: String,
    /// The secrets behind the signatures: while they change, the old one beside the new one.
    pub secrets: Vec<Vec<u8>>,
    /// The `Authorization` header, if the receiver asks for one.
    pub authorization: Option<String>,
    /// Only changes of these tags are sent, and erasures; `None`: all.
    pub tags: Option<BTreeSet<String>>,
    /// How long an answer may take.
    pub answer_time: Duration,
    /// The first pause after a failure; each is twice the one before.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// For so long a failing receiver is asked again before the webhook is paused.
    pub give_up_after: Duration,
}

/// An address that nothing can be pushed to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// Neither HTTP nor HTTPS.
    #[error("`{0}` is not an http:// or https:// URL")]
    Scheme(String),
    /// Credentials in the address, where they would be shown.
    #[error(
        "the URL of {0} contains credentials; put them into a file and name it with `authorization_file`"
    )]
    Credentials(String),
}

impl Webhook {
    /// A webhook that waits 10 s for an answer, pauses 1 s to 1 h, and is paused after three days of failures.
    #[must_use]
    pub fn new(name: impl Into<String>, url: impl Into<String>, secret: impl Into<Vec<u8>>) -> Self {
        Webhook {
            name: name.into(),
            url: url.into(),
            secrets: vec![secret.into()],
            authorization: None,
            tags: None,
            answer_time: Duration::from_secs(10),
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(3600),
            give_up_after: Duration::from_secs(3 * 24 * 3600),
        }
    }

    /// Whether the address can be pushed to.
    ///
    /// ```
    /// use homing::service::Webhook;
    ///
    /// assert!(Webhook::new("crm", "https://crm.lan/homing", "secret").check().is_ok());
    /// assert!(Webhook::new("crm", "ftp://crm.lan/homing", "secret").check().is_err());
    /// assert!(Webhook::new("crm", "https://me:secret@crm.lan/", "secret").check().is_err());
    /// ```
    ///
    /// # Errors
    /// [`BadUrl`].
    pub fn check(&self) -> Result<(), BadUrl> {
        let uri = self.url.parse::<axum::http::Uri>().ok();
        let known = |uri: &axum::http::Uri| matches!(uri.scheme_str(), Some("http" | "https"));
        let Some(authority) = uri.as_ref().filter(|uri| known(uri)).and_then(|uri| uri.authority()) else {
            return Err(BadUrl::Scheme(self.shown_url()));
        };
        if authority.as_str().contains('@') {
            return Err(BadUrl::Credentials(format!("webhook {}", self.name)));
        }
        Ok(())
    }

    /// The address without what may be secret: credentials, query and fragment.
    pub(crate) fn shown_url(&self) -> String {
        shown_url(&self.url)
    }

    /// Its name among the feeds of the store.
    pub(crate) fn feed(&self) -> String {
        format!("webhook {}", self.name)
    }

    /// Duration of the lease.
    pub(super) fn lease(&self) -> Duration {
        2 * self.answer_time + LEASE_BEYOND
    }

    /// `t=TIMESTAMP,v1=HEX`: HMAC-SHA256 over `TIMESTAMP.BODY`, once for each secret.
    pub(super) fn signature(&self, timestamp: i64, body: &[u8]) -> Result<String, String> {
        let mut signature = format!("t={timestamp}");
        for secret in &self.secrets {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret).map_err(|error| error.to_string())?;
            mac.update(timestamp.to_string().as_bytes());
            mac.update(b".");
            mac.update(body);
            signature += &format!(",v1={}", hex(&mac.finalize().into_bytes()));
        }
        Ok(signature)
    }

    /// What of a change is sent; `None` if it is none of the receiver's concern.
    pub(super) fn wanted(&self, change: &Change) -> Option<Change> {
        let Some(tags) = self.tags.as_ref().filter(|_| !change.erased) else { return Some(change.clone()) };
        let mut change = change.clone();
        change.tags.retain(|name, _| tags.contains(name));
        (!change.tags.is_empty()).then_some(change)
    }
}
