//! What the API and the pages share: the state of a running service, what it does for its callers, and what it does in the
//! background.
//!
//! Lower modules know nothing of those above them:
//!
//! ```text
//! webhook   background   alarms   condition     pushes the feed; threads beside the requests
//! champion  rights                           promote and roll back models; consent, export, erasure, readmission
//! app                                        the shared state
//! access  attempts  compaction  exposure  metrics  models  sessions  shadow  snapshots  traces  warm
//! oidc                                       the identity provider
//! receiver  problem   limits   repetitions  request_id   retention
//! ```

pub mod access;
mod alarms;
mod app;
pub(crate) mod attempts;
mod background;
mod champion;
mod compaction;
pub mod condition;
pub mod exposure;
pub mod limits;
pub mod metrics;
mod models;
pub mod oidc;
pub mod problem;
mod receiver;
mod repetitions;
pub(crate) mod request_id;
pub mod retention;
mod rights;
pub(crate) mod sessions;
pub(crate) mod shadow;
pub(crate) mod snapshots;
pub(crate) mod traces;
pub(crate) mod warm;
mod webhook;

pub use access::{Role, create_key};
pub use app::{App, Clock};
pub use exposure::Exposure;
pub use limits::Limits;
pub use models::Models;
pub use oidc::{Oidc, OidcSettings};
pub use problem::{Code, Problem};
pub use receiver::{BadUrl, Webhook};
pub use retention::Rules;
