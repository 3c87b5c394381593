//! One connection: which version of HTTP it speaks, how long it may idle or stall, and its end.
//!
//! HTTP/1.1 has one request at a time on a connection, HTTP/2 many, and with them ways to keep a server busy that HTTP/1.1 does not
//! have: streams that are reset as soon as they are begun, replies that are never read, connections that stay open without a request. Each
//! has a limit here, beside those that the protocol itself has.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::{Buf, Bytes};
use futures_util::future::{Either, Ready, ready};
use hyper::Request;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::{Sleep, timeout};

use super::route::Route;
use crate::service::attempts::Peer;
use crate::service::{Code, Limits, Problem};

/// What a client sends first that speaks HTTP/2 without having asked (RFC 9113, section 3.3).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Requests in work on one HTTP/2 connection.
const STREAMS: u32 = 100;
/// Bytes of the headers of one HTTP/2 request.
const HEADER_BYTES: u32 = 32 << 10;
/// Bytes that a client may send ahead on one stream, and on a whole connection.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;
/// Bytes of one reply that wait to be sent.
const SEND_BUFFER: usize = 64 << 10;
/// Streams that a client may reset before they are looked at, and those that may be reset for its errors.
const RESETS: usize = 20;
const ERRORS: usize = 100;
/// Requests of a connection that the client may give up while they are in work, if they are more than those it waited for.
const GIVEN_UP: u64 = 100;
/// How long a connection past the limit may take with its one request.
const RESERVED_TIME: Duration = Duration::from_secs(5);
const RESERVED_HEAD_TIME: Duration = Duration::from_secs(2);

/// What is the same for all connections of a listener.
#[derive(Clone)]
pub(super) struct Terms {
    router: Router,
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    head_time: Duration,
    write_time: Duration,
    /// Says `true` once the service ends.
    stop: watch::Receiver<bool>,
}

impl Terms {
    pub fn new(router: Router, limits: &Limits, stop: watch::Receiver<bool>) -> Self {
        let mut http1 = http1::Builder::new();
        http1.timer(TokioTimer::new()).header_read_timeout(limits.head_time);
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(HEADER_BYTES)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(SEND_BUFFER)
            .max_pending_accept_reset_streams(RESETS)
            .max_local_error_reset_streams(ERRORS)
            .keep_alive_interval(limits.head_time)
            .keep_alive_timeout(limits.write_time);
        let (head_time, write_time) = (limits.head_time, limits.write_time);
        Terms { router, http1, http2, head_time, write_time, stop }
    }

    /// The same for a connection past the limit: one request, soon, and only for what operators need when the service is full.
    fn reserved(&self) -> Self {
        let mut terms = self.clone();
        let head_time = RESERVED_HEAD_TIME.min(self.head_time);
        terms.http1.keep_alive(false).header_read_timeout(head_time);
        Terms { head_time, ..terms }
    }

    /// Serves a connection to its end. `http2`: what TLS agreed on; `None`: the first bytes tell. `reserved`: it is past the limit.
    pub async fn serve<S>(&self, stream: S, peer: Peer, http2: Option<bool>, full: Option<usize>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let ended = match full {
            None => self.run(stream, peer, http2, None).await,
            Some(limit) => {
                let terms = self.reserved();
                match timeout(RESERVED_TIME, terms.run(stream, peer, http2, Some(limit))).await {
                    Ok(ended) => ended,
                    Err(_) => Err("it took too long, past the limit of connections".into()),
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(error, "connection closed with an error");
        }
    }

    async fn run<S>(
        &self,
        mut stream: S,
        peer: Peer,
        http2: Option<bool>,
        full: Option<usize>,
    ) -> Result<(), String>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (head, http2) = match http2 {
            Some(agreed) => (Bytes::new(), agreed),
            None => match timeout(self.head_time, first_bytes(&mut stream)).await {
                Ok(Ok(first)) => first,
                Ok(Err(error)) => return Err(error.to_string()),
                Err(_) => return Err("no request came in time".to_owned()),
            },
        };
        let io = TokioIo::new(Stalling::new(stream, head, self.write_time));
        let service = Addressed { service: TowerToHyperService::new(self.router.clone()), peer, full };
        let ended = if http2 { self.run_2(io, service).await } else { self.run_1(io, service).await };
        ended.map_err(|error| error.to_string())
    }

    async fn run_1<S>(&self, io: TokioIo<Stalling<S>>, service: Addressed) -> Result<(), hyper::Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut connection = pin!(self.http1.serve_connection(io, service));
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = stopped(self.stop.clone()) => connection.as_mut().graceful_shutdown(),
        }
        connection.await
    }

    async fn run_2<S>(&self, io: TokioIo<Stalling<S>>, service: Addressed) -> Result<(), hyper::Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let streams = Arc::new(Streams::new());
        let service = Tracked { service, streams: streams.clone() };
        let mut connection = pin!(self.http2.serve_connection(io, service));
        let every = (self.head_time.min(self.write_time) / 4).max(Duration::from_millis(10));
        let mut look = tokio::time::interval(every);
        let mut stop = pin!(stopped(self.stop.clone()));
        let (mut ending, mut over) = (false, None);
        loop {
            tokio::select! {
                ended = connection.as_mut() => return ended,
                () = stop.as_mut(), if !ending => {
                    ending = true;
                    connection.as_mut().graceful_shutdown();
                }
                _ = look.tick() => {
                    if streams.misused(self.write_time) || over.is_some_and(|at| Instant::now() >= at) {
                        tracing::debug!("HTTP/2 connection closed: replies not read, or requests given up in numbers");
                        return Ok(());
                    }
                    if over.is_none() && streams.idle(self.head_time) {
                        over = Some(Instant::now() + self.write_time);
                        connection.as_mut().graceful_shutdown();
                    }
                }
            }
        }
    }
}

/// Ends once the service ends.
async fn stopped(mut stop: watch::Receiver<bool>) {
    // Who tells it is gone only when everything is.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// The first bytes of a connection, and whether they are those of HTTP/2.
async fn first_bytes<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<(Bytes, bool)> {
    let (mut bytes, mut length) = ([0; PREFACE.len()], 0);
    loop {
        let read = stream.read(&mut bytes[length..]).await?;
        length += read;
        let so_far = PREFACE.starts_with(&bytes[..length]);
        if read == 0 || !so_far || length == PREFACE.len() {
            return Ok((Bytes::copy_from_slice(&bytes[..length]), so_far && length == PREFACE.len()));
        }
    }
}

/// Tells the handlers who is at the other end of a connection.
#[derive(Clone)]
struct Addressed {
    service: TowerToHyperService<Router>,
    peer: Peer,
    /// The limit of connections, for one that is past it.
    full: Option<usize>,
}

type Answer = Result<Response, Infallible>;

impl Service<Request<Incoming>> for Addressed {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Ready<Answer>, <TowerToHyperService<Router> as Service<Request<Incoming>>>::Future>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        if let Some(limit) = self.full
            && Route::of(request.uri().path(), request.method()).is_none_or(Route::limited)
        {
            let detail = format!("connection limit ({limit}) reached; retry shortly");
            return Either::Left(ready(Ok(Problem::new(Code::Overloaded, detail).into_response())));
        }
        // RFC 9112, section 3.2: a proxy in front may have gone by the other one.
        if request.headers().get_all(header::HOST).iter().nth(1).is_some() {
            let problem = Problem::new(Code::BadParameter, "the request has more than one Host header");
            return Either::Left(ready(Ok(problem.into_response())));
        }
        request.extensions_mut().insert(self.peer);
        Either::Right(self.service.call(request))
    }
}

/// The requests in work on an HTTP/2 connection.
struct Streams(Mutex<Counts>);

struct Counts {
    /// Since when the client has not taken what there is of each reply; `None` where it is the service that is waited for.
    open: HashMap<u64, Option<Instant>>,
    next: u64,
    /// When the last one ended.
    quiet_since: Instant,
    answered: u64,
    given_up: u64,
}

impl Streams {
    fn new() -> Self {
        Streams(Mutex::new(Counts {
            open: HashMap::new(),
            next: 0,
            quiet_since: Instant::now(),
            answered: 0,
            given_up: 0,
        }))
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(self: &Arc<Self>) -> Place {
        let mut counts = self.counts();
        counts.next += 1;
        let number = counts.next;
        counts.open.insert(number, None);
        drop(counts);
        Place { streams: self.clone(), number, answered: false }
    }

    /// Whether nothing was asked for so long.
    fn idle(&self, time: Duration) -> bool {
        let counts = self.counts();
        counts.open.is_empty() && counts.quiet_since.elapsed() >= time
    }

    /// Whether a reply was not read for so long, or requests were given up in numbers.
    fn misused(&self, time: Duration) -> bool {
        let counts = self.counts();
        let stalled = counts.open.values().flatten().any(|since| since.elapsed() >= time);
        stalled || (counts.given_up > GIVEN_UP && counts.given_up > counts.answered)
    }
}

/// A request's place among those of its connection.
struct Place {
    streams: Arc<Streams>,
    number: u64,
    answered: bool,
}

impl Place {
    fn answered(&mut self) {
        self.answered = true;
        self.streams.counts().answered += 1;
        self.waits(true);
    }

    /// Who is waited for: the client, which has something to take, or the service.
    fn waits(&self, for_client: bool) {
        let since = for_client.then(Instant::now);
        self.streams.counts().open.insert(self.number, since);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.streams.counts();
        counts.open.remove(&self.number);
        counts.quiet_since = Instant::now();
        if !self.answered {
            counts.given_up += 1;
        }
    }
}

/// Keeps count of the requests of an HTTP/2 connection.
struct Tracked {
    service: Addressed,
    streams: Arc<Streams>,
}

impl Service<Request<Incoming>> for Tracked {
    type Response = Response<Watched>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Watched>, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let mut place = self.streams.begin();
        let answer = self.service.call(request);
        Box::pin(async move {
            let response = answer.await?;
            place.answered();
            Ok(response.map(|body| Watched { body, place }))
        })
    }
}

/// A reply of which is known whether the client takes it. It is asked for more only when there is room for it.
struct Watched {
    body: Body,
    place: Place,
}

impl hyper::body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        self.place.waits(polled.is_ready());
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        hyper::body::Body::size_hint(&self.body)
    }
}

/// A stream that fails when its peer reads nothing for too long.
struct Stalling<S> {
    stream: S,
    /// What was read of it already.
    head: Bytes,
    patience: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S> Stalling<S> {
    fn new(stream: S, head: Bytes, patience: Duration) -> Self {
        Stalling { stream, head, patience, waiting: None }
    }

    /// Passes on what a write said; a write that has waited too long fails.
    fn patient<T>(&mut self, written: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let patience = self.patience;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        match waiting.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stalling<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.head.is_empty() {
            let length = self.head.len().min(into.remaining());
            into.put_slice(&self.head[..length]);
            self.head.advance(length);
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stalling<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.patient(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.patient(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.patient(flushed, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ended = Pin::new(&mut self.stream).poll_shutdown(context);
        self.patient(ended, context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_bytes_tell_the_version_however_they_come() {
        for (sent, http2) in [
            (PREFACE, true),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nmore", true),
            (b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", false),
            (b"POST / HTTP/1.1\r\n\r\n", false),
            (b"PRI", false),
            (b"", false),
        ] {
            for piece in [1, 7, 100] {
                let (mut there, mut here) = tokio::io::duplex(piece);
                let sender = async move {
                    // Who decides early reads no further.
                    let _ = tokio::io::AsyncWriteExt::write_all(&mut there, sent).await;
                };
                let (_, first) = tokio::join!(sender, async {
                    let first = first_bytes(&mut here).await;
                    drop(here);
                    first
                });
                let (bytes, found) = first.unwrap();
                assert_eq!(found, http2, "{}", String::from_utf8_lossy(sent));
                assert!(sent.starts_with(&bytes));
            }
        }
    }
}
