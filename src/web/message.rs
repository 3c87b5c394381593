//! Pages that say what happened and what to do next.

use std::sync::Arc;

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use super::asked::{Asked, Link};
use super::filters::filters;
use super::frame::{Frame, Place};
use super::state::{Web, written};
use super::words::t;
use crate::aggregates::Aggregates;
use crate::service::{Code, Role};
use homing_profiles::{Listing, Sort};

/// A thing to do, with the command that does it.
struct Step {
    text: &'static str,
    command: Option<&'static str>,
}

/// A link with its words.
struct Way {
    text: String,
    link: Link,
}

#[derive(Template)]
#[template(path = "message.html", config = "src/web/askama.toml")]
struct Message {
    frame: Frame,
    paragraphs: Vec<String>,
    steps: Vec<Step>,
    aside: Option<Step>,
    /// Whether the form that finds a customer stands below.
    find: bool,
    ways: Vec<Way>,
}

impl Message {
    fn new(asked: &Asked, place: Option<Place>, title: &str) -> Self {
        let frame = Frame::new(asked, place, title);
        Message {
            frame,
            paragraphs: Vec::new(),
            steps: Vec::new(),
            aside: None,
            find: false,
            ways: Vec::new(),
        }
    }
}

/// The form by which a customer is found.
pub(super) fn find(asked: &Asked) -> Response {
    let lang = asked.lang;
    let mut message = Message::new(asked, Some(Place::Find), t!(lang, "find-customer"));
    message.paragraphs = vec![t!(lang, "find-lead").into()];
    if asked.get("done") == Some("erased") {
        message.paragraphs.insert(0, t!(lang, "done-erased").into());
    }
    message.find = true;
    message.ways = vec![Way { text: t!(lang, "browse-prefix").into(), link: asked.link(Place::Call.path()) }];
    written(StatusCode::OK, &message)
}

/// The store knows no such customer.
pub(super) fn unknown_customer(asked: &Asked, id: &str) -> Response {
    let lang = asked.lang;
    let mut message = Message::new(asked, None, t!(lang, "unknown-customer"));
    message.paragraphs = vec![
        t!(lang, "unknown-customer-why", id = id),
        t!(lang, "unknown-customer-do").into(),
        t!(lang, "unknown-customer-new").into(),
    ];
    message.find = true;
    // The first half of the id: typing errors sit at the end.
    let prefix: String = id.chars().take(id.chars().count().div_ceil(2)).collect();
    if !prefix.trim().is_empty() {
        let link = asked.link(Place::Call.path()).with("id", &prefix);
        message.ways = vec![Way { text: t!(lang, "list-like-this", prefix = &prefix), link }];
    }
    written(StatusCode::NOT_FOUND, &message)
}

/// The store holds nobody yet.
pub(super) fn empty_store(web: &Web, asked: &Asked, place: Place) -> Response {
    let lang = asked.lang;
    let mut message = Message::new(asked, Some(place), t!(lang, "empty-store"));
    let model = web.model();
    message.paragraphs = vec![match &model {
        Some(model) => t!(lang, "empty-store-why-model", model = model.id.to_string()),
        None => t!(lang, "empty-store-why").into(),
    }];
    let fit =
        Step { text: t!(lang, "step-fit"), command: Some("homing-train fit --purchases purchases.csv") };
    let score = "homing score --purchases purchases.csv --profiles sqlite:profiles.db";
    message.steps = model.is_none().then_some(fit).into_iter().collect();
    message.steps.extend([
        Step { text: t!(lang, "step-score"), command: Some(score) },
        Step { text: t!(lang, "step-reload"), command: None },
    ]);
    message.aside = Some(Step { text: t!(lang, "step-demo"), command: Some("homing demo") });
    written(StatusCode::OK, &message)
}

/// Nothing is counted yet.
pub(super) fn counting(asked: &Asked, place: Place) -> Response {
    let lang = asked.lang;
    let mut message = Message::new(asked, Some(place), t!(lang, "counting"));
    message.paragraphs = vec![t!(lang, "counting-why").into(), t!(lang, "counting-do").into()];
    message.ways = vec![
        Way { text: t!(lang, "reload").into(), link: asked.moved(place.path()) },
        Way { text: t!(lang, "who-to-call").into(), link: asked.link(Place::Call.path()) },
    ];
    written(StatusCode::OK, &message)
}

/// The caller may not do this.
pub(super) fn forbidden(asked: &Asked, role: Role) -> Response {
    let lang = asked.lang;
    refused(asked, StatusCode::FORBIDDEN, t!(lang, "forbidden"), t!(lang, "forbidden-do", role = role.name()))
}

/// A form that is not from a page of ours, or from one of long ago.
pub(super) fn stale_form(asked: &Asked) -> Response {
    let lang = asked.lang;
    refused(asked, StatusCode::FORBIDDEN, t!(lang, "stale-form"), t!(lang, "stale-form-do").into())
}

/// Too many attempts to sign in failed.
pub(super) fn too_many_attempts(asked: &Asked, seconds: u32) -> Response {
    let lang = asked.lang;
    let advice = t!(lang, "too-many-attempts-do", n = seconds);
    let mut message = Message::new(asked, None, t!(lang, "too-many-attempts"));
    message.paragraphs = vec![advice];
    message.ways = vec![Way { text: t!(lang, "sign-in").into(), link: asked.link("/signin") }];
    let mut response = written(StatusCode::TOO_MANY_REQUESTS, &message);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// Somebody was not signed in by the identity provider.
pub(super) fn sign_in_failed(asked: &Asked, status: StatusCode, advice: &str) -> Response {
    let lang = asked.lang;
    let mut message = Message::new(asked, None, t!(lang, "sign-in-failed"));
    message.paragraphs = vec![advice.to_owned()];
    message.ways = vec![Way { text: t!(lang, "sign-in").into(), link: asked.link("/signin") }];
    written(status, &message)
}

/// The id typed to confirm an erasure is another one.
pub(super) fn wrong_id(asked: &Asked, id: &str) -> Response {
    let lang = asked.lang;
    let mut message = Message::new(asked, None, t!(lang, "wrong-id"));
    message.paragraphs = vec![t!(lang, "wrong-id-do").into()];
    message.ways = vec![Way { text: format!("{} {id}", t!(lang, "customer")), link: asked.customer(id) }];
    written(StatusCode::UNPROCESSABLE_ENTITY, &message)
}

/// A campaign list that was asked for in a way that makes none.
pub(super) fn no_campaign(asked: &Asked) -> Response {
    let lang = asked.lang;
    let mut message = Message::new(asked, Some(Place::Call), t!(lang, "campaign-refused"));
    message.paragraphs = vec![t!(lang, "campaign-refused-do").into()];
    message.ways = vec![Way { text: t!(lang, "who-to-call").into(), link: asked.moved(Place::Call.path()) }];
    written(StatusCode::UNPROCESSABLE_ENTITY, &message)
}

/// A model without a report.
pub(super) fn no_report(asked: &Asked) -> Response {
    let lang = asked.lang;
    let mut message = Message::new(asked, Some(Place::Models), t!(lang, "no-report"));
    message.paragraphs = vec![t!(lang, "no-report-do").into()];
    message.ways = vec![Way { text: t!(lang, "models").into(), link: asked.link(Place::Models.path()) }];
    written(StatusCode::NOT_FOUND, &message)
}

fn refused(asked: &Asked, status: StatusCode, title: &str, advice: String) -> Response {
    let lang = asked.lang;
    let mut message = Message::new(asked, None, title);
    message.paragraphs = vec![advice];
    message.ways = vec![Way { text: t!(lang, "today").into(), link: asked.link(Place::Today.path()) }];
    written(status, &message)
}

/// Something went wrong.
pub(super) fn problem(web: &Web, asked: &Asked, code: Code) -> Response {
    let lang = asked.lang;
    let (title, advice) = match code {
        Code::BadCursor => (t!(lang, "bad-cursor"), t!(lang, "bad-cursor-do")),
        Code::StoreLocked => (t!(lang, "store-locked"), t!(lang, "store-locked-do")),
        Code::StoreFailed | Code::StoreReadOnly | Code::StoreUnreachable => {
            (t!(lang, "store-failed"), t!(lang, "store-failed-do"))
        }
        Code::Timeout => (t!(lang, "timeout"), t!(lang, "timeout-do")),
        Code::Overloaded | Code::TooManyRequests | Code::StoreBusy => {
            (t!(lang, "overloaded"), t!(lang, "timeout-do"))
        }
        Code::ModelPinned | Code::UnknownModel | Code::ModelUnusable => {
            (t!(lang, "model-stays"), t!(lang, "model-stays-do"))
        }
        Code::NoEarlierModel => (t!(lang, "no-earlier"), t!(lang, "no-earlier-do")),
        _ => (t!(lang, "internal"), t!(lang, "internal-do")),
    };
    let mut message = Message::new(asked, None, title);
    message.paragraphs = vec![advice.into()];
    let text = if code == Code::BadCursor { t!(lang, "first-page") } else { t!(lang, "who-to-call") };
    let link = asked.link(Place::Call.path());
    let link = filters(web, asked).fold(link, |link, (name, value)| link.with(&name, &value));
    message.ways = vec![Way { text: text.to_owned(), link }];
    let mut response = written(code.status(), &message);
    if code.passes() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

impl Web {
    /// The newest aggregates with anybody in them; else the page that says what to do.
    pub async fn counted(&self, asked: &Asked, place: Place) -> Result<Arc<Aggregates>, Box<Response>> {
        let problem = |code| Box::new(problem(self, asked, code));
        let aggregates = self.aggregates().await.map_err(problem)?;
        if let Some(aggregates) = aggregates.filter(|aggregates| aggregates.base.customers > 0) {
            return Ok(aggregates);
        }
        let anybody = Listing { limit: 1, sort: Sort::CustomerId, ..Listing::default() };
        let page = self.ask(move |store| store.list(&anybody)).await.map_err(problem)?;
        Err(Box::new(match page.profiles.is_empty() {
            true => empty_store(self, asked, place),
            false => counting(asked, place),
        }))
    }
}
