//! `/v1/events/{event_id}`: an event that was stored is corrected or voided; history, scores and tags follow.

use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use homing_datasets::{Event, History, Micros};
use serde::Serialize;

use super::events::id_fault;
use super::intake::one_event;
use super::reader::JsonBody;
use super::reply::json;
use crate::scoring::{Score, Spent};
use crate::service::access::Caller;
use crate::service::problem::clip;
use crate::service::{App, Code, Problem};
use homing_profiles::{Amended, Changed, Flows};

#[derive(Serialize)]
struct Reply {
    event_id: String,
    customer_id: String,
    /// Whether the event is gone; else it was corrected.
    voided: bool,
    changed: Vec<Changed>,
}

fn event_id(id: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    let bad = |detail: String| Problem::new(Code::BadParameter, detail).with("parameter", "event_id");
    let Path(id) =
        id.map_err(|_| bad("the event id in the path must be percent-encoded UTF-8".to_owned()))?;
    id_fault("event_id", &id).map_or(Ok(id), |detail| Err(bad(detail)))
}

fn unknown(id: &str) -> Problem {
    let detail = format!(
        "no event `{}` is stored; only events that were sent over HTTP can be corrected, by their `event_id`",
        clip(id)
    );
    Problem::new(Code::UnknownEvent, detail)
}

/// Answers `PUT /v1/events/{event_id}`: the whole event, as it should have been.
pub(super) async fn correct(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let id = event_id(id)?;
    let engine = app.engine()?;
    app.work(move |app| {
        let now = app.now();
        let sent = one_event(&body, engine.model().timezone, app.limits(), now)?;
        if sent.event_id != id {
            let detail = "`event_id` must be that of the path; it cannot be changed";
            return Err(Problem::new(Code::InvalidRequest, detail).with("field", "event_id"));
        }
        amend(app, &caller, engine.as_ref(), (&id, Some((&sent.customer_id, &sent.event))), now)
    })
    .await
}

/// Answers `DELETE /v1/events/{event_id}`.
pub(super) async fn void(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = event_id(id)?;
    let engine = app.engine()?;
    app.work(move |app| amend(app, &caller, engine.as_ref(), (&id, None), app.now())).await
}

fn amend(
    app: &App,
    caller: &Caller,
    engine: &dyn Score,
    (id, instead): (&str, Option<(&String, &Event)>),
    now: Micros,
) -> Result<Response, Problem> {
    let Some(owner) = app.store().event_owner(id)? else { return Err(unknown(id)) };
    if instead.is_some_and(|(customer_id, _)| *customer_id != owner) {
        let detail = "`customer_id` must be that of the stored event; void the event, and send it with a new `event_id`";
        return Err(Problem::new(Code::InvalidRequest, detail).with("field", "customer_id"));
    }
    let spent = Spent::default();
    let score = |customer_id: &str, history: &History, as_of: Micros| {
        engine.run(customer_id, history, as_of, now, true, &spent)
    };
    let action = if instead.is_some() { "event.correct" } else { "event.void" };
    app.access.record_of(app.store().as_ref(), caller, (action, &owner), id.to_owned(), now)?;
    let done = app.store().amend(&owner, id, instead.map(|(_, event)| event), &score)?;
    app.warm.written(&owner);
    app.changed();
    match done {
        Amended::Done(changed) => json(&Reply {
            event_id: id.to_owned(),
            customer_id: owner,
            voided: instead.is_none(),
            changed: changed.into_iter().collect(),
        }),
        Amended::Unknown => Err(unknown(id)),
        Amended::Voided => {
            let detail =
                format!("the event `{}` was voided before; send another with a new `event_id`", clip(id));
            Err(Problem::new(Code::EventVoided, detail))
        }
        Amended::Dropped => {
            let detail =
                format!("the event `{}` is no longer in the history: a retention rule dropped it", clip(id));
            Err(Problem::new(Code::UnknownEvent, detail))
        }
    }
}
