//! `POST /v1/events`: events taken into the profiles, and the tags that change by them.

use std::sync::Arc;
use std::time::Instant;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use homing_datasets::{History, Micros, Warning, Warnings, Zone, warnings};
use serde::Serialize;
use serde::de::{MapAccess, SeqAccess};
use serde_json::value::RawValue;

use super::events::{EventText, Fault, Field};
use super::reader::{Fields, Items, JsonBody, List, Place, Reader};
use super::reply::json;
use super::route::Route;
use crate::scoring::{Score, Spent};
use crate::service::access::Caller;
use crate::service::metrics::{EventFate, Stage};
use crate::service::problem::clip;
use crate::service::shadow::Job;
use crate::service::{App, Code, Limits, Problem};
use homing_profiles::{Changed, Fate, Flows, Incoming};

/// The code of an event too far ahead of the clock.
pub(super) const IN_THE_FUTURE: &str = "in_the_future";
/// The code of an event whose id is already used with different content.
pub(super) const EVENT_ID_CONFLICT: &str = "event_id_conflict";
/// The code of an event of a customer who was erased.
pub(super) const CUSTOMER_ERASED: &str = "customer_erased";

/// A rejected event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Rejected {
    index: usize,
    code: &'static str,
    /// The invalid field, if it is one field.
    #[serde(skip_serializing_if = "str::is_empty")]
    field: std::borrow::Cow<'static, str>,
    detail: String,
}

impl Rejected {
    fn new(index: usize, fault: Fault) -> Self {
        Rejected { index, code: fault.code, field: fault.field, detail: fault.detail }
    }
}

/// The request, read and checked: each event with its position, or why it is not taken.
struct Request {
    /// The last instant at which an event may have happened.
    latest: Micros,
    events: Vec<Incoming>,
    /// The position in the request of each of `events`.
    indexes: Vec<usize>,
    rejected: Vec<Rejected>,
}

impl Request {
    fn read(body: &[u8], zone: Zone, limits: &Limits, now: Micros) -> Result<Self, Problem> {
        let latest = now.saturating_add(limits.ahead_of_clock);
        let request = Request { latest, events: Vec::new(), indexes: Vec::new(), rejected: Vec::new() };
        let request = Reader::new(zone, limits).read(body, request)?;
        if request.len() == 0 {
            let detail = "`events` is empty; send at least one";
            return Err(Place::default().problem(Code::InvalidRequest, "events", detail));
        }
        Ok(request)
    }

    fn len(&self) -> usize {
        self.events.len() + self.rejected.len()
    }

    fn incoming(&self, text: &EventText<'_>, zone: Zone) -> Result<Incoming, Fault> {
        let event_id = text.id(Field::EventId)?;
        let customer_id = text.id(Field::CustomerId)?;
        let event = text.event(&Field::ALL, zone)?;
        // An instant of the far future would move the data clock, and with it the scores of everybody.
        for (field, instant) in
            [(Field::OccurredAt, event.occurred_at), (Field::RecordedAt, event.recorded_at)]
        {
            if instant > self.latest {
                let (name, instant, latest) = (field.name(), zone.format(instant), zone.format(self.latest));
                let detail =
                    format!("`{name}` is {instant}, which is in the future; latest accepted is {latest}");
                return Err(Fault { code: IN_THE_FUTURE, field: field.name().into(), detail });
            }
        }
        Ok(Incoming { event_id, customer_id, event })
    }
}

impl<'de> Fields<'de> for Request {
    const NAMES: &'static [&'static str] = &["events"];

    fn value<A: MapAccess<'de>>(
        &mut self,
        _: &'static str,
        place: Place,
        reader: &Reader<'_>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        map.next_value_seed(List { reader, place, items: self })
    }
}

impl<'de> Items<'de> for Request {
    const WHAT: &'static str = "events";

    fn item<A: SeqAccess<'de>>(
        &mut self,
        index: usize,
        _: Place,
        reader: &Reader<'_>,
        seq: &mut A,
    ) -> Result<bool, A::Error> {
        let Some(text) = seq.next_element::<EventText<'_>>()? else { return Ok(false) };
        if index == reader.limits.events {
            let detail = format!("the request has more than {index} events; split it into several requests");
            return reader.stop(Problem::new(Code::TooManyEvents, detail).with("limit", index));
        }
        match self.incoming(&text, reader.zone) {
            Ok(event) => {
                self.events.push(event);
                self.indexes.push(index);
            }
            Err(fault) => self.rejected.push(Rejected::new(index, fault)),
        }
        Ok(true)
    }
}

/// The request that NDJSON stands for: one event a line.
fn of_lines(body: &[u8]) -> Result<Vec<u8>, Problem> {
    let mut whole = Vec::with_capacity(body.len() + 16);
    whole.extend_from_slice(b"{\"events\":[");
    let mut first = true;
    for (at, line) in body.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        // A line that is no JSON must not run into its neighbours.
        if let Err(error) = serde_json::from_slice::<&RawValue>(line) {
            let detail = format!("line {} is not one JSON value: {error}", at + 1);
            return Err(Problem::new(Code::MalformedJson, detail));
        }
        if !std::mem::take(&mut first) {
            whole.push(b',');
        }
        whole.extend_from_slice(line);
    }
    whole.extend_from_slice(b"]}");
    Ok(whole)
}

/// The one event of a body.
pub(super) fn one_event(body: &[u8], zone: Zone, limits: &Limits, now: Micros) -> Result<Incoming, Problem> {
    let malformed = |error| Problem::new(Code::MalformedJson, format!("the body is not JSON: {error}"));
    let text = serde_json::from_slice::<&RawValue>(body).map_err(malformed)?;
    let whole = format!("{{\"events\":[{}]}}", text.get());
    let mut request = Request::read(whole.as_bytes(), zone, limits, now)?;
    match (request.events.pop(), request.rejected.pop()) {
        (Some(event), None) => Ok(event),
        (_, Some(rejected)) => Err(Problem::new(Code::InvalidEvent, rejected.detail)
            .with("field", rejected.field.into_owned())
            .with("cause", rejected.code)),
        (None, None) => Err(Problem::new(Code::InvalidRequest, "the body is no event")),
    }
}

/// Answers `POST /v1/events`, once what was accepted is on disk.
pub(super) async fn take_in(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let media_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let lines = media_type.to_ascii_lowercase().starts_with("application/x-ndjson");
    let body = if lines { of_lines(&body)?.into() } else { body };
    let (engine, now) = (app.engine()?, app.now());
    let lane = app.lane(body.len()).await?;
    app.work(move |app| {
        let _lane = lane;
        answer(app, &caller, engine.as_ref(), now, &body)
    })
    .await
}

fn answer(
    app: &App,
    caller: &Caller,
    engine: &dyn Score,
    now: Micros,
    body: &[u8],
) -> Result<Response, Problem> {
    let metrics = app.metrics();
    let started = Instant::now();
    let request = Request::read(body, engine.model().timezone, app.limits(), now);
    metrics.stage(Route::Events.path(), Stage::Parse, started.elapsed());
    let request = request?;
    let sent = request.len();
    let Request { events, indexes, rejected, .. } = request;
    let sent_wrong = rejected.len();

    let (mut conflicts, mut erased) = (0, 0);
    let mut reply = Reply { rejected, ..Reply::default() };
    if !events.is_empty() {
        let spent = Spent::default();
        let shadow = app.tried();
        let score = |customer_id: &str, history: &History, as_of: Micros| {
            if let Some(shadow) = shadow {
                let (customer_id, history) = (customer_id.to_owned(), history.clone());
                if !shadow.hand(Job { customer_id, history, as_of }) {
                    metrics.shadow("left_out", 1);
                }
            }
            engine.run(customer_id, history, as_of, now, true, &spent)
        };
        let started = Instant::now();
        let intake = app.store().take_in(&events, engine.model().as_of_micros, &score)?;
        let mut touched: Vec<&str> = events.iter().map(|event| event.customer_id.as_str()).collect();
        touched.sort_unstable();
        touched.dedup();
        for id in &touched {
            app.warm.written(id);
        }
        app.changed();
        app.access.note(caller, "profile.change", &touched, now)?;
        metrics.scoring(Route::Events.path(), &spent);
        metrics.stage(Route::Events.path(), Stage::Store, started.elapsed().saturating_sub(spent.total()));

        for ((fate, index), event) in intake.fates.iter().zip(indexes).zip(&events) {
            match fate {
                Fate::Accepted => reply.accepted += 1,
                Fate::Duplicate => reply.duplicates += 1,
                Fate::Conflict => {
                    conflicts += 1;
                    reply.rejected.push(conflict(index, &event.event_id));
                }
                Fate::Erased => {
                    erased += 1;
                    reply.rejected.push(erased_customer(index));
                }
            }
        }
        reply.changed = intake.changed;
        if intake.far_ahead > 0 {
            let latest = events.iter().map(|one| one.event.recorded_at).max().unwrap_or(now);
            let mut warnings = Warnings::default();
            let example = || format!("{}, far after all other data", Zone::default().format(latest));
            warnings.add(warnings::Code::AheadOfData, intake.far_ahead as u64, example);
            reply.warnings = warnings.list();
        }
    }
    metrics.events(EventFate::Rejected, sent_wrong + erased);
    metrics.events(EventFate::Accepted, reply.accepted);
    metrics.events(EventFate::Duplicate, reply.duplicates);
    metrics.events(EventFate::Conflict, conflicts);
    reply.rejected.sort_by_key(|rejected| rejected.index);
    if conflicts == sent {
        let detail = "every `event_id` in the request is already used by an event with different content; \
                      nothing was stored";
        let rejected = serde_json::to_value(reply.rejected).map_err(|error| Problem::internal(&error))?;
        return Err(Problem::new(Code::EventIdConflict, detail).with("rejected", rejected));
    }
    if reply.accepted + reply.duplicates == 0 {
        let detail = match reply.rejected.first() {
            Some(first) => format!(
                "none of the {sent} events was accepted; the first, event {}: {}",
                first.index, first.detail
            ),
            None => "none of the events was accepted".to_owned(),
        };
        let rejected = serde_json::to_value(reply.rejected).map_err(|error| Problem::internal(&error))?;
        return Err(Problem::new(Code::InvalidEvent, detail).with("rejected", rejected));
    }
    json(&reply)
}

fn erased_customer(index: usize) -> Rejected {
    let detail = "the customer was erased on request; stop sending their events".to_owned();
    Rejected { index, code: CUSTOMER_ERASED, field: Field::CustomerId.name().into(), detail }
}

fn conflict(index: usize, event_id: &str) -> Rejected {
    let id = clip(event_id);
    let detail = format!("`{id}` is already used by an event with different content; use a new `event_id`");
    Rejected { index, code: EVENT_ID_CONFLICT, field: Field::EventId.name().into(), detail }
}

#[derive(Default, Serialize)]
struct Reply {
    accepted: usize,
    duplicates: usize,
    rejected: Vec<Rejected>,
    changed: Vec<Changed>,
    /// Warnings about accepted events.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Warning>,
}
