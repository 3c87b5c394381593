//! What happens to every request before and after its handler: id, span, limits, time, panics, metrics.

use std::future::{Future, poll_fn};
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::BytesMut;
use futures_util::StreamExt;
use tokio::sync::SemaphorePermit;
use tracing::Instrument;

use super::query::parameters;
use super::route::Route;
use super::{repeat, tensors};
use crate::service::access::Quota;
use crate::service::problem::clip;
use crate::service::request_id::REQUEST_ID;
use crate::service::traces::Span;
use crate::service::{App, Code, Problem};

/// Wraps every request.
pub(super) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = app.request_ids.id_of(request.headers());
    let method = request.method().clone();
    let route = Route::label(request.extensions().get::<MatchedPath>().map(MatchedPath::as_str));
    let span = tracing::info_span!("request", id = id.to_str().unwrap_or_default(), %method, route);

    let traced = app.traces.as_ref().and_then(|traces| {
        let context = traces.enter(request.headers())?;
        Some((traces, context, app.now()))
    });
    let known = Route::of(route, &method);
    let answer = async {
        // What is no route tells nothing.
        let role = known.and_then(Route::role);
        let admitted = app
            .exposure
            .check(&method, request.uri(), request.headers(), !app.demands_keys())
            .and_then(|()| app.access.admit(request.headers(), role, app.now()));
        let caller = admitted.inspect_err(|problem| {
            app.access.refused(request.headers(), problem.code, &format!("{method} {route}"), app.now());
        })?;
        let (_mine, quota) = app.access.enter(&caller, app.limits().caller_requests, app.now())?;
        let (request, room) = gathered(&app, request).await?;
        let (request, _room) = decoded(&app, request, room).await?;
        if let Some(route) = known {
            check_content_type(route, &request)?;
            check_parameters(route, request.uri())?;
        }
        let (mut request, step) = repeat::begin(&app, known, &caller, request).await?;
        request.extensions_mut().insert(caller);
        let mut response = match step {
            repeat::Step::Again(response) => response,
            repeat::Step::Plain => admit(&app, known, next.run(request)).await,
            repeat::Step::First(claim) => {
                let response = admit(&app, known, next.run(request)).await;
                repeat::end(claim, response).await
            }
        };
        if let Some(quota) = quota {
            tell_quota(response.headers_mut(), quota);
        }
        Ok(response)
    };
    let refused = |problem: Problem| {
        // Clients of the Open Inference Protocol look for the words there.
        let foreign = known.is_some_and(|route| route.path().starts_with("/v2"));
        let problem = if foreign { problem.for_inference() } else { problem };
        problem.into_response()
    };
    let mut response = answer.instrument(span.clone()).await.unwrap_or_else(refused);

    let (status, took) = (response.status(), started.elapsed());
    app.metrics().answered(route, &method, status, took);
    let problem = response.extensions().get::<Code>().map(|code| code.name());
    let (number, took_us) = (status.as_u16(), took.as_micros() as u64);
    span.in_scope(|| {
        // One line a request is more than most services can keep: what went well is told only to those who ask.
        if status.is_success() {
            tracing::debug!(status = number, took_us, "answered");
        } else {
            tracing::info!(status = number, took_us, problem, "answered");
        }
    });
    if let Some((traces, context, began)) = traced {
        let request_id = id.to_str().unwrap_or_default().to_owned();
        let method = method.to_string();
        traces.hand(Span { context, method, route, status: number, request_id, problem, began, took });
    }
    app.exposure.secure(response.headers_mut());
    response.headers_mut().insert(REQUEST_ID, id);
    if let Ok(timing) = HeaderValue::from_str(&format!("total;dur={:.3}", took.as_secs_f64() * 1e3)) {
        response.headers_mut().insert(SERVER_TIMING, timing);
    }
    response
}

/// Where the time of a request went, in milliseconds (W3C Server Timing).
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Says how much of a key's allowance is left (draft-ietf-httpapi-ratelimit-headers).
fn tell_quota(headers: &mut HeaderMap, quota: Quota) {
    let Quota { limit, left, reset_s } = quota;
    for (name, value) in [
        ("ratelimit-policy", format!("\"key\";q={limit};w=60")),
        ("ratelimit", format!("\"key\";r={left};t={reset_s}")),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
}

/// Refuses a body that is not said to be of a type that the route takes. Forms and scripts of other websites can send some types,
/// or none, without asking first; JSON they cannot.
fn check_content_type(route: Route, request: &Request) -> Result<(), Problem> {
    let sent = request.headers().get(header::CONTENT_TYPE);
    if matches!(*request.method(), Method::GET | Method::HEAD)
        || (sent.is_none() && request.body().is_end_stream())
    {
        return Ok(());
    }
    let sent = sent.map(|sent| sent.to_str().unwrap_or("?"));
    let essence = sent.and_then(|sent| sent.split(';').next()).unwrap_or_default().trim();
    // tritonclient sends JSON without a type, and tensors as bytes. Nothing is changed by these two routes; the header of tensors other
    // websites cannot send without asking first.
    let binary = request.headers().contains_key(tensors::JSON_LENGTH);
    let infers = matches!(route, Route::V2Infer | Route::V2VersionInfer);
    if infers && (sent.is_none() || (binary && essence == "application/octet-stream")) {
        return Ok(());
    }
    let accepted = route.media_types();
    if accepted.iter().any(|known| known.eq_ignore_ascii_case(essence)) {
        return Ok(());
    }
    let accepted = accepted.join(" or ");
    let detail = match sent {
        Some(_) => format!("the content type is `{}`; send {accepted}", clip(essence)),
        None => format!("the body has no content type; send `content-type: {accepted}`"),
    };
    Err(Problem::new(Code::UnsupportedMediaType, detail))
}

/// Refuses parameters where there are none: what is not understood must not be ignored.
fn check_parameters(route: Route, uri: &Uri) -> Result<(), Problem> {
    if route.takes_parameters() {
        return Ok(());
    }
    match parameters(uri, &[])?.first() {
        None => Ok(()),
        Some(parameter) => Err(parameter.bad("this route takes no parameters")),
    }
}

/// Bodies up to this length need no permit over HTTP/1.1: the limit on connections bounds them. An HTTP/2 connection has many at a time.
const SMALL_BODY: usize = 64 << 10;

/// The length up to which a body needs no permit.
fn small_body(version: Version) -> usize {
    if version <= Version::HTTP_11 { SMALL_BODY } else { 0 }
}

/// Reads the body of a request, before the request takes a place among those in work: a caller who sends slowly
/// takes no place from the others.
async fn gathered<'a>(
    app: &'a App,
    request: Request,
) -> Result<(Request, Option<SemaphorePermit<'a>>), Problem> {
    if request.body().is_end_stream() || matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok((request, None));
    }
    let limits = app.limits();
    let (parts, body) = request.into_parts();
    let length = parts.headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let limit = limits.body_bytes;
    let small = small_body(parts.version);
    let too_large = || {
        let detail = format!("the request body exceeds {limit} bytes; split the request");
        Problem::new(Code::BodyTooLarge, detail).with("limit", limit)
    };
    // What is announced as too long is refused before it is read.
    if length.is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let read = async {
        let mut room: Option<SemaphorePermit<'a>> = None;
        let mut chunks = body.into_data_stream();
        let mut whole: Option<BytesMut> = None;
        let mut first: Option<Bytes> = None;
        while let Some(chunk) = chunks.next().await {
            let broken = |_| {
                Problem::new(
                    Code::MalformedJson,
                    "the connection closed before the full request body arrived",
                )
            };
            let chunk = chunk.map_err(broken)?;
            // A body that comes in one piece is not copied.
            let Some(before) = first.take() else {
                if whole.is_none() {
                    room = more_room(app, room, (chunk.len(), small))?;
                    first = Some(chunk);
                } else if let Some(whole) = &mut whole {
                    whole.extend_from_slice(&chunk);
                    room = more_room(app, room, (whole.len(), small))?;
                    if whole.len() > limit {
                        return Err(too_large());
                    }
                }
                continue;
            };
            let announced = length.unwrap_or_default() as usize;
            let mut joined = BytesMut::with_capacity(announced.max(before.len() + chunk.len()));
            joined.extend_from_slice(&before);
            joined.extend_from_slice(&chunk);
            whole = Some(joined);
        }
        let bytes = whole.map(BytesMut::freeze).or(first).unwrap_or_default();
        if bytes.len() > limit {
            return Err(too_large());
        }
        Ok((bytes, room))
    };
    match tokio::time::timeout(limits.body_time, read).await {
        Ok(Ok((bytes, room))) => Ok((Request::from_parts(parts, Body::from(bytes)), room)),
        Ok(Err(problem)) => Err(problem),
        Err(_) => {
            let seconds = limits.body_time.as_secs_f64();
            let detail = format!("the request body did not arrive within {seconds} s; nothing was processed");
            Err(Problem::new(Code::SlowBody, detail))
        }
    }
}

/// The request with its body as it was before it was compressed (`Content-Encoding: gzip` or `zstd`). What grows beyond the limit is refused
/// before it is in memory.
async fn decoded<'a>(
    app: &'a App,
    request: Request,
    room: Option<SemaphorePermit<'a>>,
) -> Result<(Request, Option<SemaphorePermit<'a>>), Problem> {
    let Some(encoding) = request.headers().get(header::CONTENT_ENCODING) else { return Ok((request, room)) };
    let encoding = encoding.to_str().unwrap_or("?").trim().to_ascii_lowercase();
    if encoding == "identity" || request.body().is_end_stream() {
        return Ok((request, room));
    }
    let (mut parts, body) = request.into_parts();
    let limit = app.limits().body_bytes;
    let broken = |cause: &dyn std::fmt::Display| {
        Problem::new(Code::MalformedJson, format!("the body is not valid {}: {cause}", clip(&encoding)))
    };
    // It is in memory already.
    let packed = axum::body::to_bytes(body, limit).await.map_err(|error| broken(&error))?;
    let unpack = match encoding.as_str() {
        "gzip" | "x-gzip" => gunzip,
        "zstd" => unzstd,
        _ => {
            let detail = format!("the content encoding is `{}`; send gzip, zstd or none", clip(&encoding));
            return Err(Problem::new(Code::UnsupportedMediaType, detail));
        }
    };
    let unpacked = tokio::task::spawn_blocking(move || unpack(&packed, limit as u64 + 1));
    let bytes = unpacked.await.map_err(|error| Problem::internal(&error))?.map_err(|error| broken(&error))?;
    if bytes.len() > limit {
        let detail = format!("the request body exceeds {limit} bytes once it is unpacked; split the request");
        return Err(Problem::new(Code::BodyTooLarge, detail).with("limit", limit));
    }
    let room = more_room(app, room, (bytes.len(), small_body(parts.version)))?;
    parts.headers.remove(header::CONTENT_ENCODING);
    parts.headers.remove(header::CONTENT_LENGTH);
    Ok((Request::from_parts(parts, Body::from(bytes)), room))
}

/// Unpacks gzip, up to so many bytes.
fn gunzip(packed: &[u8], most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    flate2::read::MultiGzDecoder::new(packed).take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Unpacks zstd, up to so many bytes.
fn unzstd(packed: &[u8], most: u64) -> std::io::Result<Vec<u8>> {
    let mut decoder = zstd::Decoder::with_buffer(packed)?;
    // What a frame may ask for in memory: 8 MiB.
    decoder.window_log_max(23)?;
    let mut bytes = Vec::new();
    decoder.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reserves memory for a body of this length, if it is longer than a small one.
fn more_room<'a>(
    app: &'a App,
    room: Option<SemaphorePermit<'a>>,
    (length, small): (usize, usize),
) -> Result<Option<SemaphorePermit<'a>>, Problem> {
    let held = room.as_ref().map_or(0, SemaphorePermit::num_permits);
    if length <= small || length >> 10 < held {
        return Ok(room);
    }
    // Twice what is there, because the next piece is on its way and the buffer doubles.
    let wanted = u32::try_from((length >> 9).saturating_sub(held)).unwrap_or(u32::MAX);
    let Ok(more) = app.body_room.try_acquire_many(wanted.max(1)) else {
        let detail = "the memory limit for large request bodies is reached; retry shortly";
        return Err(Problem::new(Code::Overloaded, detail));
    };
    Ok(Some(match room {
        None => more,
        Some(mut room) => {
            room.merge(more);
            room
        }
    }))
}

/// Admits a request if there is capacity, and ensures that it ends in time with a response.
async fn admit(app: &App, route: Option<Route>, answer: impl Future<Output = Response>) -> Response {
    let limited = route.is_none_or(Route::limited);
    let permit = limited.then(|| app.slots.try_acquire());
    if let Some(Err(_)) = permit {
        let limit = app.limits().concurrent_requests;
        let detail = format!("request limit ({limit}) reached; retry shortly");
        return Problem::new(Code::Overloaded, detail).into_response();
    }
    let _in_flight = app.metrics().enter();
    let limit = app.limits().request_time;
    match tokio::time::timeout(limit, caught(answer)).await {
        Ok(Ok(response)) => response,
        Ok(Err(())) => Problem::internal(&"a handler panicked").into_response(),
        Err(_) => {
            let detail = format!(
                "the request exceeded {} s; its writes may or may not have been applied. Retrying is safe",
                limit.as_secs_f64()
            );
            Problem::new(Code::Timeout, detail).into_response()
        }
    }
}

/// Runs a future to its end or to its panic.
async fn caught<T>(future: impl Future<Output = T>) -> Result<T, ()> {
    let mut future = pin!(future);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(polled) => polled.map(Ok),
        Err(_) => std::task::Poll::Ready(Err(())),
    })
    .await
}
