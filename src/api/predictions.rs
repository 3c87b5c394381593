//! `POST /v1/predictions`: scores of histories that the caller sends. Nothing is kept.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::State;
use axum::response::Response;
use homing_datasets::{Event, History, Micros, Zone};
use homing_models::bundle::Asked;
use homing_models::{Flat, NotScored, Outcome, Provenance};
use rayon::prelude::*;
use serde::Serialize;
use serde::de::{MapAccess, SeqAccess};
use serde_json::value::RawValue;

use super::events::{EventText, Field, UNKNOWN_FIELD, id_fault, text, text_or_number};
use super::reader::{Fields, Items, JsonBody, List, Object, Place, Reader};
use super::reply::json;
use super::route::Route;
use crate::scoring::{ModelInfo, Score, Spent};
use crate::service::metrics::Stage;
use crate::service::problem::clip;
use crate::service::shadow::Job;
use crate::service::{App, Code, Limits, Problem};
use homing_profiles::Scored;

/// Up to this many customers are scored on the request's thread; larger requests go to the blocking pool.
const INLINE_CUSTOMERS: usize = 8;
/// Most horizons that a request may ask for.
const MOST_HORIZONS: usize = 20;
/// Up to this many bytes are parsed on the request's thread.
const INLINE_BYTES: usize = 64 << 10;

/// One customer of the request.
#[derive(Debug, PartialEq)]
struct Customer {
    id: String,
    history: History,
    /// When the last of the events was known.
    until: Option<Micros>,
    /// Whether the customer opted out of automated decisions, as the store has it.
    opted_out: bool,
}

/// The request, read and checked.
#[derive(Debug, Default, PartialEq)]
struct Request {
    as_of: Option<Micros>,
    horizons: Vec<u32>,
    discount_rate: Option<f64>,
    customers: Vec<Customer>,
}

impl Request {
    fn read(body: &[u8], zone: Zone, limits: &Limits) -> Result<Self, Problem> {
        let request = Reader::new(zone, limits).read(body, Request::default())?;
        if request.customers.is_empty() {
            let detail = "`customers` is empty; send at least one";
            return Err(Place::default().problem(Code::InvalidRequest, "customers", detail));
        }
        let mut seen = HashSet::with_capacity(request.customers.len());
        match request.customers.iter().position(|customer| !seen.insert(customer.id.as_str())) {
            None => Ok(request),
            Some(index) => {
                let detail = format!(
                    "duplicate customer `{}`; list each customer once",
                    clip(&request.customers[index].id)
                );
                Err(Place { customer: Some(index), event: None }.problem(
                    Code::DuplicateCustomer,
                    "customer_id",
                    &detail,
                ))
            }
        }
    }

    /// Takes what is asked of the model beyond its own horizons, each checked as it comes.
    fn ask(&mut self, name: &str, value: &RawValue) -> Result<(), String> {
        let unusable = |wanted: &str| format!("`{name}` is `{}`; {wanted}", clip(value.get()));
        if name == "horizons" {
            let days: Option<Vec<u32>> = serde_json::from_str(value.get())
                .map_err(|_| unusable("give a list of whole days, such as [45, 180]"))?;
            self.horizons = days.unwrap_or_default();
            if self.horizons.len() > MOST_HORIZONS {
                return Err(format!("`{name}` has more than {MOST_HORIZONS} entries"));
            }
        } else {
            self.discount_rate = serde_json::from_str(value.get())
                .map_err(|_| unusable("give a yearly rate, such as 0.1 for 10 %"))?;
        }
        Asked::new(&self.horizons, self.discount_rate).map(|_| ()).map_err(|error| error.to_string())
    }

    /// The instant to score as of: the one asked for, or the latest known to the model or the data.
    fn looks_from(&self, model: &ModelInfo) -> Micros {
        let data = self.customers.iter().filter_map(|customer| customer.until).max();
        self.as_of.unwrap_or_else(|| data.unwrap_or(Micros::MIN).max(model.as_of_micros))
    }
}

impl<'de> Fields<'de> for Request {
    const NAMES: &'static [&'static str] = &["as_of", "customers", "horizons", "discount_rate"];
    const OPTIONAL: &'static [&'static str] = &["as_of", "horizons", "discount_rate"];

    fn value<A: MapAccess<'de>>(
        &mut self,
        name: &'static str,
        place: Place,
        reader: &Reader<'_>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        if name == "customers" {
            return map.next_value_seed(List { reader, place, items: &mut self.customers });
        }
        let value = map.next_value::<&RawValue>()?;
        if name != "as_of" {
            return match self.ask(name, value) {
                Ok(()) => Ok(()),
                Err(detail) => reader.refuse(place, name, &detail),
            };
        }
        let read = text(value).map_err(|detail| format!("`as_of` {detail}")).and_then(|text| {
            let Some(text) = text else { return Ok(None) };
            let as_of = reader.zone.as_of(&text).ok().filter(|&as_of| {
                // The years in which events are taken.
                Event::new(homing_datasets::Kind::Visit, as_of, 0.0).checked().is_ok()
            });
            as_of.map(Some).ok_or_else(|| {
                let text = clip(&text);
                format!(
                    "`as_of` is `{text}`, which is not a date or time in the years 1900 to 2200; write \
                         2011-09-09 or 2011-09-09T10:30:00Z"
                )
            })
        });
        match read {
            Ok(as_of) => self.as_of = as_of,
            Err(detail) => return reader.refuse(place, name, &detail),
        }
        Ok(())
    }
}

impl<'de> Items<'de> for Vec<Customer> {
    const WHAT: &'static str = "customers";

    fn item<A: SeqAccess<'de>>(
        &mut self,
        index: usize,
        _: Place,
        reader: &Reader<'_>,
        seq: &mut A,
    ) -> Result<bool, A::Error> {
        let place = Place { customer: Some(index), event: None };
        let mut customer = CustomerText::default();
        if seq.next_element_seed(Object { reader, place, fields: &mut customer })?.is_none() {
            return Ok(false);
        }
        if index == reader.limits.customers {
            let detail =
                format!("the request has more than {index} customers; split it into several requests");
            return reader.stop(Problem::new(Code::TooManyCustomers, detail).with("limit", index));
        }
        let until = customer.events.iter().map(|event| event.recorded_at).max();
        self.push(Customer {
            id: customer.id,
            history: History::from_events(customer.events),
            until,
            opted_out: false,
        });
        Ok(true)
    }
}

#[derive(Default)]
struct CustomerText {
    id: String,
    events: Vec<Event>,
}

impl<'de> Fields<'de> for CustomerText {
    const NAMES: &'static [&'static str] = &["customer_id", "events"];

    fn value<A: MapAccess<'de>>(
        &mut self,
        name: &'static str,
        place: Place,
        reader: &Reader<'_>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        if name == "events" {
            return map.next_value_seed(List { reader, place, items: &mut self.events });
        }
        let id = text_or_number(map.next_value::<&RawValue>()?).map(Option::unwrap_or_default);
        let id = id.map_err(|detail| format!("`{name}` {detail}"));
        match id.and_then(|id| id_fault(name, &id).map_or(Ok(id), Err)) {
            Ok(id) => self.id = id.into_owned(),
            Err(detail) => return reader.refuse(place, name, &detail),
        }
        Ok(())
    }
}

impl<'de> Items<'de> for Vec<Event> {
    const WHAT: &'static str = "events";

    fn item<A: SeqAccess<'de>>(
        &mut self,
        index: usize,
        place: Place,
        reader: &Reader<'_>,
        seq: &mut A,
    ) -> Result<bool, A::Error> {
        let Some(text) = seq.next_element::<EventText<'_>>()? else { return Ok(false) };
        if index == reader.limits.history_events {
            let detail = format!("the history has more than {index} events; send only the latest");
            let problem = place.problem(Code::TooManyEvents, "events", &detail).with("limit", index);
            return reader.stop(problem);
        }
        match text.event(Field::OF_HISTORY, reader.zone) {
            Ok(event) => self.push(event),
            Err(fault) => {
                let place = Place { event: Some(index), ..place };
                let code = if fault.code == UNKNOWN_FIELD { Code::UnknownField } else { Code::InvalidEvent };
                return reader
                    .stop(place.problem(code, &fault.field, &fault.detail).with("cause", fault.code));
            }
        }
        Ok(true)
    }
}

/// Answers `POST /v1/predictions`.
pub(super) async fn predict(
    State(app): State<Arc<App>>,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let work = Work { engine: app.engine()?, scored_at: app.now(), app: app.clone() };
    if body.len() > INLINE_BYTES {
        let read = move || work.answer(work.consented(work.read(&body)?)?);
        return app.blocking(read).await?;
    }
    let mut request = work.read(&body)?;
    if request.customers.len() <= INLINE_CUSTOMERS {
        let mut told = true;
        for customer in &mut request.customers {
            match app.warm.opted_out(&customer.id) {
                Some(opted_out) => customer.opted_out = opted_out,
                None => told = false,
            }
        }
        if told {
            return work.answer(request);
        }
    }
    app.blocking(move || work.answer(work.consented(request)?)).await?
}

/// What the work on one request needs, on whichever thread it is done.
struct Work {
    app: Arc<App>,
    engine: Arc<dyn Score>,
    scored_at: Micros,
}

impl Work {
    fn read(&self, body: &[u8]) -> Result<Request, Problem> {
        let started = Instant::now();
        let request = Request::read(body, self.engine.model().timezone, self.app.limits());
        self.app.metrics().stage(Route::Predictions.path(), Stage::Parse, started.elapsed());
        request
    }

    /// Asks the store who opted out.
    fn consented(&self, mut request: Request) -> Result<Request, Problem> {
        let started = Instant::now();
        for customer in &mut request.customers {
            let known = self.app.warm.opted_out(&customer.id);
            customer.opted_out = match known {
                Some(opted_out) => opted_out,
                None => {
                    let began = self.app.warm.begin(&customer.id);
                    let opted_out = self.app.store().bars_profiling(&customer.id)?;
                    self.app.warm.keep_opted_out(customer.id.clone(), opted_out, began);
                    opted_out
                }
            };
        }
        self.app.metrics().stage(Route::Predictions.path(), Stage::Read, started.elapsed());
        Ok(request)
    }

    fn answer(&self, request: Request) -> Result<Response, Problem> {
        let model = self.engine.model();
        let as_of = request.looks_from(model);
        let asked =
            Asked::new(&request.horizons, request.discount_rate).map_err(|e| Problem::internal(&e))?;
        let spent = Spent::default();
        // Nobody asked for tags.
        let score = |customer: &Customer| {
            if customer.opted_out {
                let model = self.engine.model();
                let (model, zone) = (model.id.clone(), model.timezone);
                let provenance = Provenance { model, as_of, scored_at: self.scored_at, zone };
                return Scored {
                    outcome: Outcome::NotScored(NotScored::OptedOut),
                    tags: Vec::new(),
                    provenance,
                };
            }
            if asked.is_nothing() {
                return self.engine.run(
                    &customer.id,
                    &customer.history,
                    as_of,
                    self.scored_at,
                    false,
                    &spent,
                );
            }
            self.engine.run_asked(&customer.history, as_of, self.scored_at, &asked, &spent)
        };
        let scored: Vec<Scored> = if request.customers.len() <= INLINE_CUSTOMERS {
            request.customers.iter().map(score).collect()
        } else {
            request.customers.par_iter().map(score).collect()
        };
        self.app.metrics().scoring(Route::Predictions.path(), &spent);

        let started = Instant::now();
        for scored in &scored {
            self.check(scored)?;
        }
        let predictions = request.customers.iter().zip(&scored).map(|(customer, scored)| Flat {
            customer_id: Some(&customer.id),
            outcome: &scored.outcome,
            provenance: &scored.provenance,
        });
        let zone = model.timezone;
        let (as_of_text, scored_at) = (zone.format(as_of), zone.format(self.scored_at));
        let reply = Reply { model, as_of: as_of_text, scored_at, predictions: predictions.collect() };
        let response = json(&reply);
        self.app.metrics().stage(Route::Predictions.path(), Stage::Write, started.elapsed());
        if let Some(shadow) = self.app.tried() {
            for customer in request.customers.into_iter().filter(|customer| !customer.opted_out) {
                let Customer { id: customer_id, history, .. } = customer;
                if !shadow.hand(Job { customer_id, history, as_of }) {
                    self.app.metrics().shadow("left_out", 1);
                }
            }
        }
        response
    }

    /// Counts a customer's outcome, and fails if a score is not finite.
    fn check(&self, scored: &Scored) -> Result<(), Problem> {
        let outcome = match &scored.outcome {
            Outcome::NotScored(cause) => cause.code(),
            Outcome::Scored(prediction) if prediction.values().iter().all(|value| value.is_finite()) => {
                "scored"
            }
            // Without the id: it would stay in the log.
            Outcome::Scored(_) => {
                return Err(Problem::internal(&"the model gave a customer a score that is not finite"));
            }
        };
        self.app.metrics().prediction(outcome);
        Ok(())
    }
}

#[derive(Serialize)]
struct Reply<'a> {
    model: &'a ModelInfo,
    as_of: String,
    scored_at: String,
    predictions: Vec<Flat<'a>>,
}
