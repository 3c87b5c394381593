//! `GET /v1/changes`: the feed of changed tags, by cursor or as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, Uri, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::OwnedSemaphorePermit;

use super::query::parameters;
use super::reply::json;
use crate::service::access::Caller;
use crate::service::problem::{clip, nearest};
use crate::service::{App, Code, Problem};
use homing_profiles::feed::{Change, Changes};

/// Changes per page by default.
pub(super) const DEFAULT_LIMIT: u32 = 100;
/// Maximum changes per page.
pub(super) const MAX_LIMIT: u32 = 1000;
/// How often a stream polls for changes written by other processes.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Interval of keep-alive comments on an idle stream.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

#[derive(Default)]
struct Query {
    /// Tags that are asked for; none: all.
    tags: Vec<String>,
    cursor: Option<u64>,
    /// Only what changes from now on.
    from_now: bool,
    limit: u32,
}

fn query(uri: &Uri) -> Result<Query, Problem> {
    let mut query = Query { limit: DEFAULT_LIMIT, ..Query::default() };
    for parameter in parameters(uri, &["tag"])? {
        match parameter.name.as_str() {
            "cursor" => {
                let cursor = parameter.value.parse().ok().filter(|cursor| *cursor <= i64::MAX as u64);
                query.cursor =
                    Some(cursor.ok_or_else(|| parameter.bad("use the `next` value of the previous page"))?);
            }
            "from" if parameter.value == "now" => query.from_now = true,
            "from" => {
                return Err(parameter.bad("use now, or leave it out to begin at the oldest change kept"));
            }
            "limit" => query.limit = parameter.limit(MAX_LIMIT)?,
            "tag" if !parameter.value.is_empty() => query.tags.push(parameter.value),
            "tag" => return Err(parameter.bad("use the name of a tag, such as churn.level")),
            _ => return Err(parameter.unknown(&["cursor", "from", "limit", "tag"])),
        }
    }
    if query.from_now && query.cursor.is_some() {
        let detail = "`from=now` and `cursor` contradict each other; send `cursor` to read on, or `from=now` to begin at the end";
        return Err(Problem::new(Code::BadParameter, detail).with("parameter", "from"));
    }
    Ok(query)
}

/// Reads a piece of the feed, and notes in the audit log that it was read.
async fn read(app: &Arc<App>, caller: &Caller, after: Option<u64>, limit: u32) -> Result<Changes, Problem> {
    let changes = app.work(move |app| Ok(app.store().changes(after, limit)?)).await?;
    if let (Some(first), Some(last)) = (changes.changes.first(), changes.changes.last()) {
        let detail = format!("changes {} to {}", first.cursor, last.cursor);
        app.access.note_of(caller, "feed.read", detail, app.now())?;
    }
    Ok(changes)
}

/// What is left of a page when only some tags are asked for; erasures and lost scores are always included.
fn only(tags: &[String], mut changes: Changes) -> Changes {
    if tags.is_empty() {
        return changes;
    }
    changes.changes.retain_mut(|change| {
        change.tags.retain(|name, _| tags.contains(name));
        !change.tags.is_empty() || change.erased || change.not_scored.is_some()
    });
    changes
}

/// Refuses tags that the catalogue does not have.
fn known(app: &App, tags: &[String]) -> Result<(), Problem> {
    let Ok(engine) = app.engine() else { return Ok(()) };
    let Some(names) = engine.tag_names() else { return Ok(()) };
    let Some(unknown) = tags.iter().find(|tag| !names.contains(&tag.as_str())) else { return Ok(()) };
    let near = nearest(unknown, names.iter().copied());
    let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    let detail = format!("`{}` is not a tag of the catalogue{near}", clip(unknown));
    Err(Problem::new(Code::BadParameter, detail).with("parameter", "tag"))
}

/// Answers `GET /v1/changes`; as a stream where the caller accepts `text/event-stream`.
pub(super) async fn changes(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut query = query(&uri)?;
    known(&app, &query.tags)?;
    if query.from_now && query.cursor.is_none() {
        query.cursor = Some(app.work(|app| Ok(app.store().newest_change()?)).await?);
    }
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !accepts.contains("text/event-stream") {
        return json(&only(&query.tags, read(&app, &caller, query.cursor, query.limit).await?));
    }
    // A stream that broke off is taken up where it ended.
    if let Some(last) = headers.get("last-event-id") {
        let cursor = last.to_str().ok().and_then(|last| last.parse().ok());
        let cursor = cursor.filter(|cursor| *cursor <= i64::MAX as u64).ok_or_else(|| {
            let detail = "`Last-Event-ID` is not the id of an event of this stream; leave it out to read from the oldest change kept";
            Problem::new(Code::BadParameter, detail).with("parameter", "Last-Event-ID")
        })?;
        query.cursor = Some(cursor);
    }
    let Ok(place) = app.streams.clone().try_acquire_owned() else {
        let limit = app.limits().streams;
        let detail = format!("stream limit ({limit}) reached; poll with a cursor, or retry later");
        return Err(Problem::new(Code::Overloaded, detail));
    };
    // An expired cursor is told before the stream begins.
    let first = only(&query.tags, read(&app, &caller, query.cursor, query.limit).await?);
    let start = Stream {
        app,
        caller,
        next: first.next,
        ready: first.changes.into_iter().collect(),
        limit: query.limit,
        tags: query.tags,
        _place: place,
    };
    let events = stream::unfold(start, |mut stream| async move {
        let event = stream.event().await?;
        Some((Ok::<_, Infallible>(event), stream))
    });
    let alive = KeepAlive::new().interval(SIGN_OF_LIFE);
    Ok(Sse::new(events).keep_alive(alive).into_response())
}

struct Stream {
    app: Arc<App>,
    caller: Caller,
    next: u64,
    ready: std::collections::VecDeque<Change>,
    limit: u32,
    tags: Vec<String>,
    _place: OwnedSemaphorePermit,
}

impl Stream {
    /// The next event; `None` when the caller's key is revoked or expires, and when the service stops or the store fails, after which
    /// the caller connects again.
    async fn event(&mut self) -> Option<Event> {
        loop {
            if !self.app.access.still_holds(&self.caller, self.app.now()) {
                return None;
            }
            if let Some(change) = self.ready.pop_front() {
                let event = Event::default().id(change.cursor.to_string()).event("change");
                return event.json_data(&change).ok();
            }
            let mut woken = self.app.wake.subscribe();
            if self.app.is_stopping() {
                return None;
            }
            let more = read(&self.app, &self.caller, Some(self.next), self.limit).await.ok()?;
            self.next = more.next;
            let read = !more.changes.is_empty();
            self.ready.extend(only(&self.tags, more).changes);
            if self.ready.is_empty() && read {
                continue;
            }
            if self.ready.is_empty() {
                // Woken by a write of this process; those of others are looked for.
                let _ = tokio::time::timeout(LOOK_EVERY, woken.changed()).await;
            }
        }
    }
}
