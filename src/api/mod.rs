//! The scoring API: what other programs ask of homing over HTTP, and how it answers.
//!
//! [`router`] makes the routes over a [`crate::service::App`], [`serve_with`] runs them. Handlers are thin: they read a
//! request, ask the service, and write the reply. What goes wrong is one of the catalogue in [`crate::service::problem`].
//!
//! Lower modules know nothing of those above them:
//!
//! ```text
//! router  server                             the routes with their handlers; connections
//! guard   amend  audit  campaign_size  changes  dead_letters  docs  inference  intake  keys  models  operations  predictions  privacy  profiles
//!         repeat  webhooks
//! openapi                                    made from the route table and the fields below
//! conditional  events  listing  query  reader  reply  tensors  view   requests and replies
//! connection                                 versions of HTTP, and their limits
//! route                                      the table of routes
//! ```

mod amend;
mod audit;
mod campaign_size;
mod changes;
mod conditional;
mod connection;
mod dead_letters;
mod docs;
mod events;
mod guard;
mod inference;
mod intake;
mod keys;
mod listing;
mod models;
mod openapi;
mod operations;
mod predictions;
mod privacy;
mod profiles;
mod query;
mod reader;
mod repeat;
mod reply;
mod route;
mod router;
mod server;
mod tensors;
#[cfg(test)]
mod tests;
mod view;
mod webhooks;

pub use router::router;
pub use server::{TlsError, serve, serve_with, stop_signal, tls};
