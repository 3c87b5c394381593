//! Webhooks: the feed, pushed to an address, signed, at least once and in order.
//!
//! One thread reads the feed and sends it in batches, one after the other, so the changes of a customer come in their
//! order. Of several servers with the same store and address one pushes: the one that holds the lease. How far it came
//! is kept in the store after each piece that was taken; a piece whose answer was lost is sent again. A receiver that
//! fails is asked again and again, with pauses that double; a change that it refuses, or that it failed to take for too
//! long, becomes a dead letter.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use sha2::Sha256;

use super::app::App;
use homing_profiles::feed::{Change, FeedPosition, Letter};
use homing_profiles::{Error, Store};

/// Changes per delivery.
const PIECE: u32 = 100;
/// How often the feed is looked at, and a stop is noticed.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A lease runs so much longer than two answers may take: past it another server goes on.
const LEASE_BEYOND: Duration = Duration::from_secs(10);

/// Where to push changes to.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// The address.
    pub url: String,
    /// The secret behind the signatures.
    pub secret: Vec<u8>,
    /// How long an answer may take.
    pub answer_time: Duration,
    /// The first pause after a failure; each is twice the one before.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// For so long a failing receiver is asked again before a change becomes a dead letter.
    pub give_up_after: Duration,
}

impl Webhook {
    /// A webhook that waits 10 s for an answer, pauses 1 s to 5 min, and gives up after three days.
    #[must_use]
    pub fn new(url: impl Into<String>, secret: impl Into<Vec<u8>>) -> Self {
        Webhook {
            url: url.into(),
            secret: secret.into(),
            answer_time: Duration::from_secs(10),
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(300),
            give_up_after: Duration::from_secs(3 * 24 * 3600),
        }
    }

    fn feed(&self) -> String {
        format!("webhook {}", self.url)
    }

    /// Duration of the lease.
    fn lease(&self) -> Duration {
        2 * self.answer_time + LEASE_BEYOND
    }

    /// HMAC-SHA256 over `TIMESTAMP.BODY`, in hexadecimal digits.
    fn signature(&self, timestamp: i64, body: &[u8]) -> Result<String, Refusal> {
        let refused = |error: hmac::digest::InvalidLength| Refusal::Never(error.to_string());
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).map_err(refused)?;
        mac.update(timestamp.to_string().as_bytes());
        mac.update(b".");
        mac.update(body);
        Ok(mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// Why a delivery failed.
enum Refusal {
    /// A retry may succeed.
    Later(String),
    /// A retry cannot succeed.
    Never(String),
}

impl App {
    /// Pushes the feed to a webhook, on a thread of its own, until the app stops or is dropped.
    ///
    /// # Errors
    /// What the system says when it has no thread left.
    pub fn push_changes(self: &Arc<Self>, webhook: Webhook) -> std::io::Result<()> {
        let app = Arc::downgrade(self);
        std::thread::Builder::new()
            .name("webhook".to_owned())
            .spawn(move || Pusher::new(app, webhook).run())?;
        Ok(())
    }
}

struct Pusher {
    app: Weak<App>,
    hook: Webhook,
    agent: ureq::Agent,
    /// Changes of the next piece: fewer while the trouble of one is told from that of its neighbours.
    piece: u32,
    failing_since: Option<Instant>,
    attempts: u32,
    /// Identifies this server among others.
    holder: String,
    /// When the lease was last taken; `None` while another server holds it.
    held_since: Option<Instant>,
}

impl Pusher {
    fn new(app: Weak<App>, hook: Webhook) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(hook.answer_time))
            .max_redirects(0)
            .build();
        let holder = format!("{:016x}", RandomState::new().hash_one(std::process::id()));
        Pusher {
            app,
            hook,
            agent: config.into(),
            piece: PIECE,
            failing_since: None,
            attempts: 0,
            holder,
            held_since: None,
        }
    }

    /// Whether this server delivers; takes or renews the lease as needed.
    fn holds(&mut self, app: &App) -> Result<bool, Error> {
        let lease = self.hook.lease();
        if self.held_since.is_some_and(|since| since.elapsed() < lease / 3) {
            return Ok(true);
        }
        let taken = Instant::now();
        let (now, span) = (app.now(), lease.as_micros() as i64);
        let held = app.store().lease(&self.hook.feed(), &self.holder, now, now + span)?;
        if held && self.held_since.is_none() {
            tracing::info!(feed = self.hook.feed(), "this instance now delivers the webhook");
        }
        self.held_since = held.then_some(taken);
        Ok(held)
    }

    /// Releases the lease, so that another server need not wait for it to expire.
    fn leave(&mut self) {
        let (Some(app), Some(_)) = (self.app.upgrade(), self.held_since.take()) else { return };
        let now = app.now();
        if let Err(error) = app.store().lease(&self.hook.feed(), &self.holder, now, now) {
            tracing::warn!(%error, "cannot release the lease of a webhook; it will expire");
        }
    }

    fn run(mut self) {
        let mut pause = Duration::ZERO;
        loop {
            let until = Instant::now() + pause.max(LOOK_EVERY);
            while Instant::now() < until {
                let Some(app) = self.app.upgrade().filter(|app| !app.is_stopping()) else {
                    return self.leave();
                };
                // A pause after a failure may be longer than the lease.
                if let (Some(_), Err(error)) = (self.held_since, self.holds(&app)) {
                    tracing::warn!(%error, "cannot renew the lease of a webhook");
                }
                drop(app);
                std::thread::sleep(LOOK_EVERY.min(until.saturating_duration_since(Instant::now())));
            }
            pause = match self.push() {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::warn!(%error, "cannot read the change feed of a webhook; retrying");
                    self.hook.first_pause
                }
            };
        }
    }

    /// Sends pieces while they are taken. Returns how long to pause.
    fn push(&mut self) -> Result<Duration, Error> {
        loop {
            let Some(app) = self.app.upgrade().filter(|app| !app.is_stopping()) else {
                return Ok(Duration::ZERO);
            };
            if !self.holds(&app)? {
                return Ok(self.hook.first_pause);
            }
            let store = app.store().as_ref();
            let feed = self.hook.feed();
            let position = store.feed_position(&feed)?.map(|position| position.cursor);
            let changes = match store.changes(position, self.piece) {
                Err(Error::CursorExpired { cursor, oldest }) => {
                    tracing::error!(
                        cursor,
                        oldest,
                        feed,
                        "changes were pruned before they were delivered to the webhook; the receiver must read \
                         the profiles again"
                    );
                    app.metrics().webhook("missed", 1);
                    self.reached(store, &feed, oldest.saturating_sub(1), app.now())?;
                    continue;
                }
                other => other?.changes,
            };
            let Some(last) = changes.last().map(|change| change.cursor) else { return Ok(Duration::ZERO) };
            match self.send(&changes, app.now()) {
                Ok(()) => {
                    app.metrics().webhook("delivered", changes.len());
                    self.reached(store, &feed, last, app.now())?;
                    self.piece = PIECE;
                }
                Err(refusal) => {
                    self.attempts += 1;
                    let since = *self.failing_since.get_or_insert_with(Instant::now);
                    let (reason, over) = match refusal {
                        Refusal::Later(reason) => (reason, since.elapsed() >= self.hook.give_up_after),
                        Refusal::Never(reason) => (reason, true),
                    };
                    tracing::warn!(feed, reason, attempts = self.attempts, "webhook delivery failed");
                    app.metrics().webhook("failed", 1);
                    if !over {
                        let doubled = self.hook.first_pause * 2_u32.saturating_pow(self.attempts.min(20) - 1);
                        return Ok(doubled.min(self.hook.longest_pause));
                    }
                    if changes.len() > 1 {
                        // The others are not to suffer for one.
                        self.piece = 1;
                        continue;
                    }
                    for change in changes {
                        let (attempts, at) = (self.attempts, app.now());
                        store.dead_letter(&Letter {
                            feed: feed.clone(),
                            change,
                            reason: reason.clone(),
                            attempts,
                            at,
                        })?;
                        app.metrics().webhook("dead", 1);
                    }
                    self.reached(store, &feed, last, app.now())?;
                }
            }
        }
    }

    fn reached(&mut self, store: &dyn Store, feed: &str, cursor: u64, at: i64) -> Result<(), Error> {
        store.set_feed_position(feed, FeedPosition { cursor, at })?;
        self.failing_since = None;
        self.attempts = 0;
        Ok(())
    }

    fn send(&self, changes: &[Change], now: i64) -> Result<(), Refusal> {
        #[derive(Serialize)]
        struct Piece<'a> {
            changes: &'a [Change],
        }
        let body =
            serde_json::to_vec(&Piece { changes }).map_err(|error| Refusal::Never(error.to_string()))?;
        let timestamp = now.div_euclid(1_000_000);
        let sent = self
            .agent
            .post(&self.hook.url)
            .content_type("application/json")
            .header("homing-timestamp", timestamp.to_string())
            .header("homing-signature", format!("v1={}", self.hook.signature(timestamp, &body)?))
            .send(&body[..]);
        match sent {
            Ok(answer) => {
                let status = answer.status().as_u16();
                let told = format!("the receiver responded with HTTP status {status}");
                match status {
                    200..=299 => Ok(()),
                    408 | 425 | 429 | 500..=599 => Err(Refusal::Later(told)),
                    _ => Err(Refusal::Never(told)),
                }
            }
            Err(error) => Err(Refusal::Later(error.to_string())),
        }
    }
}
