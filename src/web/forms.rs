//! Forms that change something: only from a page of ours, and only by whoever may.
//!
//! Browsers send the key with every request to this origin, also with one that another site's page makes. So each such form
//! holds a token that only our pages know: a keyed hash of the caller's key id under a secret of the store.

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::asked::{Asked, Link};
use super::message;
use super::state::{Web, locked};
use crate::service::access::Caller;
use crate::service::{Code, Role};
use homing_profiles::privacy::keyed_hash;

/// The purpose of the secret behind the tokens.
const PURPOSE: &str = "page forms";

/// What every form holds.
#[derive(Deserialize)]
pub(super) struct Token {
    #[serde(default)]
    pub token: String,
}

impl Web {
    /// The secret for a purpose, from the store once and then from memory.
    pub async fn secret(&self, purpose: &'static str) -> Result<[u8; 32], Code> {
        self.ask(move |store| store.secret(purpose)).await
    }

    /// The token of a caller.
    pub async fn token(&self, caller: &Caller) -> Result<String, Code> {
        let known = *locked(&self.forms);
        let secret = match known {
            Some(secret) => secret,
            None => {
                let secret = self.secret(PURPOSE).await?;
                *locked(&self.forms) = Some(secret);
                secret
            }
        };
        let hash = keyed_hash(&secret, caller.key_id().unwrap_or_default().as_bytes());
        Ok(hash.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Lets a form through that comes from one of our pages, by a caller with this role; else gives the page that says why not.
    pub async fn admit(
        &self,
        asked: &Asked,
        headers: &HeaderMap,
        caller: &Caller,
        (role, token): (Role, &str),
    ) -> Result<(), Box<Response>> {
        if !caller.may(role) {
            return Err(Box::new(message::forbidden(asked, role)));
        }
        let elsewhere = |value: &str| !matches!(value, "same-origin" | "none");
        let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
        let ours = self.token(caller).await.map_err(|code| Box::new(message::problem(self, asked, code)))?;
        if site.is_some_and(elsewhere) || !same(ours.as_bytes(), token.as_bytes()) {
            return Err(Box::new(message::stale_form(asked)));
        }
        Ok(())
    }
}

/// Whether two texts are one, in a time that does not tell where they differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |sum, (x, y)| sum | (x ^ y)) == 0
}

/// After a form that did what it should: the page to look at.
pub(super) fn seen(link: &Link) -> Response {
    let mut response = Redirect::to(&link.to_string()).into_response();
    *response.status_mut() = StatusCode::SEE_OTHER;
    response
}
