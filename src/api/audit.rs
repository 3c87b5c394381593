//! `GET /v1/audit`: who did what, in order.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use homing_datasets::Zone;
use serde::Serialize;

use super::changes::{DEFAULT_LIMIT, MAX_LIMIT};
use super::query::parameters;
use super::reply::json;
use crate::service::access::{Caller, hex};
use crate::service::{App, Problem};

#[derive(Serialize)]
struct Log {
    entries: Vec<Entry>,
    next: u64,
}

#[derive(Serialize)]
struct Entry {
    entry: u64,
    at: String,
    key_id: Option<String>,
    action: String,
    customer_id: Option<String>,
    erased: bool,
    detail: String,
    chain: Option<String>,
}

/// Answers `GET /v1/audit`: a page of the audit log, the oldest first. Reading it is an entry, too.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Response, Problem> {
    let (mut after, mut limit) = (0, DEFAULT_LIMIT);
    for parameter in parameters(&uri, &[])? {
        match parameter.name.as_str() {
            "cursor" => {
                let cursor = parameter.value.parse().ok().filter(|cursor| *cursor <= i64::MAX as u64);
                after = cursor.ok_or_else(|| parameter.bad("use the `next` value of the previous page"))?;
            }
            "limit" => limit = parameter.limit(MAX_LIMIT)?,
            _ => return Err(parameter.unknown(&["cursor", "limit"])),
        }
    }
    app.access.note_of(&caller, "audit.read", format!("after entry {after}"), app.now())?;
    let records = app.work(move |app| Ok(app.store().audit_log(after, limit)?)).await?;
    let zone = Zone::default();
    let next = records.last().map_or(after, |record| record.entry);
    let entries = records.into_iter().map(|record| Entry {
        entry: record.entry,
        at: zone.format(record.audit.at),
        key_id: record.audit.key_id,
        action: record.audit.action,
        customer_id: record.audit.customer_id,
        erased: record.erased,
        detail: record.audit.detail,
        chain: record.chain.map(|chain| hex(&chain)),
    });
    json(&Log { entries: entries.collect(), next })
}
