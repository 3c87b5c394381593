//! Limits per caller, so that no caller can starve the others.

use std::time::Duration;

use homing_datasets::{DAY, Micros};

/// Bytes of a customer id or event id: 1 to this many.
pub const MAX_ID_BYTES: usize = 512;

/// Bytes of any other text of an event.
pub const MAX_TEXT_BYTES: usize = 512;

/// Attributes of one customer.
pub const MAX_ATTRIBUTES: usize = 100;

/// The limits of the service. Past each of them the answer is a problem document that names the limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request's body (default 8 MiB).
    pub body_bytes: usize,
    /// Customers in one `POST /v1/predictions` (default 1000).
    pub customers: usize,
    /// Events in one `POST /v1/events` (default 1000).
    pub events: usize,
    /// Events of one customer in `POST /v1/predictions` (default 200,000).
    pub history_events: usize,
    /// Bytes of all bodies longer than 64 KiB that are in memory at one time (default 256 MiB).
    pub bodies_bytes: usize,
    /// Time in which the whole head of a request must have come, also the first one after TLS's handshake and
    /// the next one on a kept connection (default 20 s).
    pub head_time: Duration,
    /// Time in which the whole body of a request must have come (default 20 s).
    pub body_time: Duration,
    /// Time for which a caller may take no byte of its reply (default 20 s).
    pub write_time: Duration,
    /// Time that requests in work have to end when the service is asked to stop (default 35 s).
    pub drain_time: Duration,
    /// Open connections; further ones get a 503 and are closed (default 1024).
    pub connections: usize,
    /// Open connections from one address; further ones are closed. Addresses of this machine do not count: a proxy's callers share them
    /// (default 512).
    pub address_connections: usize,
    /// Time that a request may take, from its whole body to the reply's head (default 30 s).
    pub request_time: Duration,
    /// Requests under `/v1` in work at one time; the next one is refused at once (default 512).
    pub concurrent_requests: usize,
    /// Requests of one key in work at one time; the next one is refused at once (default 256).
    pub caller_requests: usize,
    /// Streams of `GET /v1/changes` that are open at one time (default 64).
    pub streams: usize,
    /// Bytes of memory for profiles and consents that were read a moment ago (default 128 MiB).
    pub warm_bytes: u64,
    /// Requests that may use the store, or score many customers, at one time; the others wait (default 16).
    pub blocking_tasks: usize,
    /// Requests that may so wait; the next one is refused at once (default 256).
    pub queue: usize,
    /// How far an event may lie ahead of the clock, for clocks that differ (default one day).
    pub ahead_of_clock: Micros,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            body_bytes: 8 << 20,
            customers: 1000,
            events: 1000,
            history_events: 200_000,
            bodies_bytes: 256 << 20,
            head_time: Duration::from_secs(20),
            body_time: Duration::from_secs(20),
            write_time: Duration::from_secs(20),
            drain_time: Duration::from_secs(35),
            connections: 1024,
            address_connections: 512,
            request_time: Duration::from_secs(30),
            concurrent_requests: 512,
            caller_requests: 256,
            streams: 64,
            warm_bytes: 128 << 20,
            blocking_tasks: 16,
            queue: 256,
            ahead_of_clock: DAY,
        }
    }
}
