//! Traces for a collector that speaks OpenTelemetry: one span a request, sent in OTLP's JSON form over HTTP.
//!
//! A request hands its span over and goes on. One thread sends what has come; what comes faster than it can be sent, or
//! could not be, is dropped and counted. A caller's `traceparent` (W3C Trace Context) makes its span the parent of
//! ours, and its flag says whether there is one at all.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use homing_datasets::Micros;
use prometheus_client::metrics::counter::Counter;
use serde_json::{Value, json};

/// Spans that may wait.
const WAITING: usize = 2048;
/// Spans a message.
const MESSAGE: usize = 512;
/// How long a span waits for others to go with it.
const GATHER: Duration = Duration::from_secs(2);
/// How long the collector may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

/// Where spans go, and how many did and did not.
pub(crate) struct Traces {
    spans: SyncSender<Message>,
    seed: [RandomState; 2],
    count: AtomicU64,
    dropped: Counter,
}

enum Message {
    Span(Box<Span>),
    /// Everything before it is to be sent; then this hears of it.
    Flush(SyncSender<()>),
}

/// Where a request stands in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Context {
    trace: u128,
    parent: Option<u64>,
    span: u64,
}

/// A request that was answered.
pub(crate) struct Span {
    pub context: Context,
    pub method: String,
    pub route: &'static str,
    pub status: u16,
    pub request_id: String,
    /// The code of the problem, where it was answered with one.
    pub problem: Option<&'static str>,
    pub began: Micros,
    pub took: Duration,
}

impl Traces {
    /// Begins to send to a collector, for example `http://127.0.0.1:4318`.
    ///
    /// # Errors
    /// What the system says when it has no thread left.
    pub fn start(collector: &str, sent: Counter, dropped: Counter) -> std::io::Result<Traces> {
        let (spans, received) = sync_channel(WAITING);
        let url = format!("{}/v1/traces", collector.trim_end_matches('/'));
        let sender = Sender {
            url,
            agent: ureq::Agent::config_builder().timeout_global(Some(ANSWER)).build().into(),
            sent,
            dropped: dropped.clone(),
            failing: false,
        };
        std::thread::Builder::new().name("traces".to_owned()).spawn(move || sender.run(&received))?;
        let seed = [RandomState::new(), RandomState::new()];
        Ok(Traces { spans, seed, count: AtomicU64::new(0), dropped })
    }

    /// Where a request with these headers stands; `None` where its caller does not want it traced.
    pub fn enter(&self, headers: &HeaderMap) -> Option<Context> {
        let caller = headers.get("traceparent").and_then(|value| parent(value.to_str().ok()?));
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        // Ids of zeros mean none.
        let [high, low] = [0, 1].map(|at: usize| self.seed[at].hash_one(count).max(1));
        match caller {
            Some((_, _, false)) => None,
            Some((trace, span, true)) => Some(Context { trace, parent: Some(span), span: low }),
            None => {
                Some(Context { trace: u128::from(high) << 64 | u128::from(low), parent: None, span: high })
            }
        }
    }

    /// Hands a span over.
    pub fn hand(&self, span: Span) {
        if self.spans.try_send(Message::Span(Box::new(span))).is_err() {
            self.dropped.inc();
        }
    }

    /// Waits until what was handed over is sent, but no longer than this.
    pub fn flush(&self, patience: Duration) {
        let (done, heard) = sync_channel(1);
        if self.spans.try_send(Message::Flush(done)).is_ok() {
            // Who does not come back in time is not waited for.
            let _ = heard.recv_timeout(patience);
        }
    }
}

/// Trace, span and sampled flag of a `traceparent`.
fn parent(text: &str) -> Option<(u128, u64, bool)> {
    let mut parts = text.trim().split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex = |text: &str, digits: usize| {
        text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    // A later version may have more parts; version 0 has these.
    let sound = hex(version, 2)
        && version != "ff"
        && (version != "00" || parts.next().is_none())
        && hex(trace, 32)
        && hex(span, 16)
        && hex(flags, 2);
    if !sound {
        return None;
    }
    let (trace, span) = (u128::from_str_radix(trace, 16).ok()?, u64::from_str_radix(span, 16).ok()?);
    let sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
    (trace != 0 && span != 0).then_some((trace, span, sampled))
}

struct Sender {
    url: String,
    agent: ureq::Agent,
    sent: Counter,
    dropped: Counter,
    failing: bool,
}

impl Sender {
    /// Sends until nobody hands over any more.
    fn run(mut self, received: &Receiver<Message>) {
        while let Ok(first) = received.recv() {
            let until = Instant::now() + GATHER;
            let (mut spans, mut waiting) = (Vec::new(), None);
            let mut next = Ok(first);
            loop {
                match next {
                    Ok(Message::Span(span)) => spans.push(span),
                    Ok(Message::Flush(done)) => waiting = Some(done),
                    Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
                }
                if spans.len() == MESSAGE || waiting.is_some() {
                    break;
                }
                next = received.recv_timeout(until.saturating_duration_since(Instant::now()));
            }
            self.send(&spans);
            if let Some(done) = waiting {
                // Who asked may have left.
                let _ = done.send(());
            }
        }
    }

    fn send(&mut self, spans: &[Box<Span>]) {
        if spans.is_empty() {
            return;
        }
        let message = message(spans).to_string();
        let answer = self.agent.post(&self.url).content_type("application/json").send(message);
        match answer {
            Ok(_) => {
                self.sent.inc_by(spans.len() as u64);
                self.failing = false;
            }
            Err(error) => {
                self.dropped.inc_by(spans.len() as u64);
                // Once a failure, not once a message.
                if !std::mem::replace(&mut self.failing, true) {
                    // Neither the address nor what the error says of it may hold a secret.
                    let url = super::problem::shown_url(&self.url);
                    let error = error.to_string().replace(&self.url, &url);
                    tracing::warn!(error, url, "cannot export traces; spans are dropped and counted");
                }
            }
        }
    }
}

/// `ExportTraceServiceRequest` in OTLP's JSON form.
fn message(spans: &[Box<Span>]) -> Value {
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let spans: Vec<Value> = spans
        .iter()
        .map(|span| {
            let began = i128::from(span.began) * 1000;
            let mut attributes = vec![
                text("http.request.method", &span.method),
                text("http.route", span.route),
                json!({"key": "http.response.status_code", "value": {"intValue": span.status.to_string()}}),
                text("homing.request_id", &span.request_id),
            ];
            attributes.extend(span.problem.map(|code| text("error.type", code)));
            let mut told = json!({
                "traceId": format!("{:032x}", span.context.trace),
                "spanId": format!("{:016x}", span.context.span),
                "name": format!("{} {}", span.method, span.route),
                // A server's span.
                "kind": 2,
                "startTimeUnixNano": began.to_string(),
                "endTimeUnixNano": (began + span.took.as_nanos() as i128).to_string(),
                "attributes": attributes,
                // An error is what the server did wrong, not what it refused.
                "status": if span.status >= 500 { json!({"code": 2}) } else { json!({}) },
            });
            if let Some(parent) = span.context.parent {
                told["parentSpanId"] = format!("{parent:016x}").into();
            }
            told
        })
        .collect();
    let version = env!("CARGO_PKG_VERSION");
    json!({"resourceSpans": [{
        "resource": {"attributes": [text("service.name", "homing"), text("service.version", version)]},
        "scopeSpans": [{"scope": {"name": "homing", "version": version}, "spans": spans}],
    }]})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_read_and_another_text_is_not() {
        let trace = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;
        let of =
            |flags: &str| parent(&format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}"));
        assert_eq!(of("01"), Some((trace, 0x00f0_67aa_0ba9_02b7, true)));
        assert_eq!(of("00"), Some((trace, 0x00f0_67aa_0ba9_02b7, false)));
        for bad in [
            "",
            "00",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        ] {
            assert_eq!(parent(bad), None, "{bad}");
        }
        assert!(parent("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more").is_some());
    }
}
