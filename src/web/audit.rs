//! The page "Audit log", for administrators.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use homing_datasets::Zone;

use super::asked::{Asked, Link};
use super::format::NOTHING;
use super::frame::Frame;
use super::message;
use super::parts::{Cell, Head, Table};
use super::state::{Web, written};
use super::words::t;
use crate::service::Role;
use crate::service::access::Caller;
use homing_profiles::access::{AuditRecord, Key};

/// Entries a page.
const ROWS: u32 = 100;
/// The parameter with the entry before which the page begins.
const BEFORE: &str = "before";

#[derive(Template)]
#[template(path = "audit.html", config = "src/web/askama.toml")]
struct View {
    frame: Frame,
    table: Table,
    empty: bool,
    newest: Option<Link>,
    older: Option<Link>,
}

/// Answers `GET /audit`: the newest entries first. Reading them is an entry, too.
pub(super) async fn page(
    State(web): State<Arc<Web>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let asked = Asked::of(&uri, &headers);
    if !caller.may(Role::Admin) {
        return message::forbidden(&asked, Role::Admin);
    }
    let before = asked.get(BEFORE).and_then(|before| before.parse().ok());
    let detail = before.map_or_else(|| "newest".to_owned(), |before: u64| format!("before entry {before}"));
    if let Err(problem) = web.app.access.note_of(&caller, "audit.read", detail, web.app.now()) {
        return message::problem(&web, &asked, problem.code);
    }
    let from = before.unwrap_or(i64::MAX as u64);
    match web.ask(move |store| Ok((store.audit_before(from, ROWS)?, store.keys()?))).await {
        Ok((records, keys)) => written(StatusCode::OK, &view(&web, &asked, &records, &keys)),
        Err(code) => message::problem(&web, &asked, code),
    }
}

fn view(web: &Web, asked: &Asked, records: &[AuditRecord], keys: &[Key]) -> View {
    let lang = asked.lang;
    let zone = web.model().map_or_else(Zone::default, |model| model.timezone);
    let row = |record: &AuditRecord| {
        let audit = &record.audit;
        let key = audit.key_id.as_ref().map(|id| {
            let name = keys.iter().find(|key| key.id == *id).map(|key| key.name.clone()).unwrap_or_default();
            Cell::text(id).note(name)
        });
        let customer = match &audit.customer_id {
            Some(id) => Cell::text(id).link(asked.customer(id)),
            None if record.erased => Cell::text(t!(lang, "audit-erased")),
            None => Cell::text(NOTHING),
        };
        vec![
            Cell::text(zone.format(audit.at)),
            key.unwrap_or_else(|| Cell::text(t!(lang, "audit-no-key"))),
            Cell::text(&audit.action),
            customer,
            Cell::text(&audit.detail),
        ]
    };
    let heads = [
        t!(lang, "audit-when"),
        t!(lang, "audit-key"),
        t!(lang, "audit-action"),
        t!(lang, "customer"),
        t!(lang, "audit-detail"),
    ];
    let here = || asked.link("/audit");
    let older = records.last().filter(|_| records.len() == ROWS as usize);
    View {
        frame: Frame::new(asked, None, t!(lang, "audit")),
        table: Table {
            named_by: "entries",
            head: heads.into_iter().map(Head::text).collect(),
            rows: records.iter().map(row).collect(),
        },
        empty: records.is_empty(),
        newest: asked.get(BEFORE).map(|_| here()),
        older: older.map(|record| here().with(BEFORE, &record.entry.to_string())),
    }
}
