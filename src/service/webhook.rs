//! Webhooks: the feed, pushed to addresses, signed, at least once and in order.
//!
//! Each webhook has a thread that reads the feed and sends it in batches, one after the other, so the changes of a customer come in their
//! order. Of several servers with the same store one pushes: the one that holds the lease. How far it came is kept in the store after each
//! piece that was taken; a piece whose answer was lost is sent again, under the same delivery id.
//!
//! A receiver that fails is asked again and again, with pauses that double or are as long as it says. After days without success the webhook is
//! paused, loudly, and goes on from where it was once it is resumed. A change that the receiver refuses while it takes another one is set aside as a
//! dead letter.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, PoisonError, Weak};
use std::time::{Duration, Instant};

use homing_datasets::Micros;
use serde::Serialize;

use super::alarms;
use super::app::App;
use super::problem::{Code, Problem, clip};
use super::receiver::Webhook;
use crate::monitor::alarms::Rung;
use homing_profiles::feed::{Change, FeedPosition, Letter, Trouble};
use homing_profiles::{Error, Store};

/// Changes per delivery.
const PIECE: u32 = 100;
/// How often the feed is looked at, and a stop is noticed.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The longest pause that a receiver may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(24 * 3600);

/// What is sent.
#[derive(Serialize)]
struct Piece<'a> {
    changes: &'a [Change],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    test: bool,
    /// Alarms of `homing monitor`.
    #[serde(skip_serializing_if = "<[Rung]>::is_empty")]
    alarms: &'a [Rung],
}

/// What a receiver answered.
struct Answer {
    status: u16,
    retry_after: Option<Duration>,
}

/// Why a delivery failed.
struct Failure {
    /// In words, without secrets.
    reason: String,
    /// Whether the receiver refused what was sent, rather than failing.
    refused: bool,
    /// How long it asks to wait.
    retry_after: Option<Duration>,
}

/// Sends a body with its headers.
type Post = dyn Fn(&Webhook, &[u8], &[(&str, String)]) -> Result<Answer, String> + Send;

/// A way to send over HTTP.
fn over_http(hook: &Webhook) -> Box<Post> {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(hook.answer_time))
        .max_redirects(0)
        .build();
    let agent = ureq::Agent::from(config);
    Box::new(move |hook, body, headers| {
        let mut request = agent.post(&hook.url).content_type("application/json");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let answer = request.send(body).map_err(|error| {
            // The error may name the address, with what is secret in it.
            error.to_string().replace(&hook.url, &hook.shown_url())
        })?;
        let asked = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let seconds = asked.and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs);
        Ok(Answer { status: answer.status().as_u16(), retry_after: seconds })
    })
}

/// Sends a piece once.
fn send(hook: &Webhook, post: &Post, piece: &Piece<'_>, (id, now): (&str, Micros)) -> Result<u16, Failure> {
    let failed = |reason: String| Failure { reason, refused: false, retry_after: None };
    let body = serde_json::to_vec(piece).map_err(|error| failed(error.to_string()))?;
    let timestamp = now.div_euclid(1_000_000);
    let mut headers = vec![
        ("homing-timestamp", timestamp.to_string()),
        ("homing-signature", hook.signature(timestamp, &body).map_err(failed)?),
        ("homing-delivery", id.to_owned()),
    ];
    headers.extend(hook.authorization.iter().map(|value| ("authorization", value.clone())));
    let Answer { status, retry_after } = post(hook, &body, &headers).map_err(failed)?;
    match status {
        200..=299 => Ok(status),
        _ => Err(Failure {
            reason: format!("the receiver responded with HTTP status {status}"),
            refused: matches!(status, 400..=499)
                && !matches!(status, 401 | 403 | 404 | 408 | 410 | 425 | 429),
            retry_after: retry_after.map(|asked| asked.min(LONGEST_ASKED)),
        }),
    }
}

/// How far a webhook is.
pub(super) struct Lag {
    pub name: String,
    /// Changes that it was not sent yet.
    pub behind: u64,
    pub failing_since: Option<Micros>,
    pub paused: bool,
}

/// How a webhook is doing.
#[derive(Debug, Serialize)]
pub(crate) struct State {
    name: String,
    url: String,
    /// The last change that was delivered.
    cursor: Option<u64>,
    delivered_at: Option<String>,
    /// Changes in the feed after it, counted up to 100,000.
    behind: u64,
    failing_since: Option<String>,
    attempts: u32,
    paused_at: Option<String>,
    reason: Option<String>,
}

/// What a test found.
#[derive(Debug, Serialize)]
pub(crate) struct Tested {
    ok: bool,
    delivery: String,
    status: Option<u16>,
    reason: Option<String>,
}

// Each blocks its thread.
impl App {
    /// The webhook of a name.
    fn webhook(&self, name: &str) -> Result<&Webhook, Problem> {
        self.webhooks.iter().find(|hook| hook.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.webhooks.iter().map(|hook| hook.name.as_str()).collect();
            let names = if names.is_empty() { "none is configured".to_owned() } else { names.join(", ") };
            let detail = format!("unknown webhook `{}`; webhooks: {names}", clip(name));
            Problem::new(Code::UnknownWebhook, detail)
        })
    }

    /// How far each webhook is.
    pub(super) fn webhook_lags(&self) -> Result<Vec<Lag>, Problem> {
        let lag = |hook: &Webhook| {
            let feed = hook.feed();
            let cursor = self.store.feed_position(&feed)?.map(|position| position.cursor);
            let trouble = self.store.feed_trouble(&feed)?.unwrap_or_default();
            let behind = self.store.changes_after(cursor.unwrap_or_default())?;
            let (failing_since, paused) = (trouble.failing_since, trouble.paused_at.is_some());
            Ok(Lag { name: hook.name.clone(), behind, failing_since, paused })
        };
        self.webhooks.iter().map(lag).collect()
    }

    /// How each webhook is doing.
    pub(crate) fn webhook_states(&self) -> Result<Vec<State>, Problem> {
        let zone = homing_datasets::Zone::default();
        let state = |hook: &Webhook| {
            let feed = hook.feed();
            let position = self.store.feed_position(&feed)?;
            let trouble = self.store.feed_trouble(&feed)?.unwrap_or_default();
            let cursor = position.map(|position| position.cursor);
            Ok(State {
                name: hook.name.clone(),
                url: hook.shown_url(),
                cursor,
                delivered_at: position.map(|position| zone.format(position.at)),
                behind: self.store.changes_after(cursor.unwrap_or_default())?,
                failing_since: trouble.failing_since.map(|at| zone.format(at)),
                attempts: trouble.attempts,
                paused_at: trouble.paused_at.map(|at| zone.format(at)),
                reason: Some(trouble.reason).filter(|reason| !reason.is_empty()),
            })
        };
        self.webhooks.iter().map(state).collect()
    }

    /// Sends a webhook a signed piece without changes.
    pub(crate) fn test_webhook(&self, name: &str) -> Result<Tested, Problem> {
        let (hook, now) = (self.webhook(name)?, self.now());
        let delivery = format!("{name}:test-{}", now.div_euclid(1_000_000));
        let sent =
            send(hook, &*over_http(hook), &Piece { changes: &[], test: true, alarms: &[] }, (&delivery, now));
        Ok(match sent {
            Ok(status) => Tested { ok: true, delivery, status: Some(status), reason: None },
            Err(failure) => Tested { ok: false, delivery, status: None, reason: Some(failure.reason) },
        })
    }

    /// Lets a webhook go on: from where it was, or from a cursor, after which everything is delivered again.
    pub(crate) fn resume_webhook(&self, name: &str, cursor: Option<u64>) -> Result<(), Problem> {
        let feed = self.webhook(name)?.feed();
        if let Some(cursor) = cursor {
            // Refused here if it is not one of the feed, rather than by the thread that pushes.
            self.store.changes(Some(cursor), 1)?;
            self.store.set_feed_position(&feed, FeedPosition { cursor, at: self.now() })?;
        }
        self.store.set_feed_trouble(&feed, None)?;
        Ok(())
    }

    /// Pushes the feed to each webhook, on a thread of its own, until the app stops or is dropped.
    ///
    /// # Errors
    /// What the system says when it has no thread left.
    pub fn push_changes(self: &Arc<Self>) -> std::io::Result<()> {
        let mut threads = self.pushers.lock().unwrap_or_else(PoisonError::into_inner);
        for hook in &self.webhooks {
            let pusher = Pusher::new(Arc::downgrade(self), hook.clone(), over_http(hook));
            let thread =
                std::thread::Builder::new().name("webhook".to_owned()).spawn(move || pusher.run())?;
            threads.push(thread);
        }
        Ok(())
    }

    /// Waits, once the app was asked to stop, until running deliveries have ended and their leases are given back, so that another server
    /// goes on at once.
    pub fn finish_deliveries(&self) {
        let threads = std::mem::take(&mut *self.pushers.lock().unwrap_or_else(PoisonError::into_inner));
        let longest = self.webhooks.iter().map(|hook| hook.answer_time).max().unwrap_or_default();
        let until = Instant::now() + longest + LOOK_EVERY * 5;
        for thread in threads {
            while !thread.is_finished() && Instant::now() < until {
                std::thread::sleep(LOOK_EVERY / 10);
            }
        }
    }
}

/// Follows the feed for one webhook.
struct Pusher {
    app: Weak<App>,
    hook: Webhook,
    post: Box<Post>,
    /// Changes of the next piece: fewer while the trouble of one is told from that of its neighbours.
    piece: u32,
    /// Identifies this server among others.
    holder: String,
    /// When the lease was last taken; `None` while another server holds it.
    held_since: Option<Instant>,
    /// When alarms were last looked for.
    alarms_at: Option<Instant>,
}

impl Pusher {
    fn new(app: Weak<App>, hook: Webhook, post: Box<Post>) -> Self {
        let holder = format!("{:016x}", RandomState::new().hash_one(std::process::id()));
        Pusher { app, hook, post, piece: PIECE, holder, held_since: None, alarms_at: None }
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
            tracing::info!(webhook = self.hook.name, "this instance now delivers the webhook");
            // Until 0.2 a feed went by the address, with whatever was secret in it.
            app.store().rename_feed(&format!("webhook {}", self.hook.url), &self.hook.feed())?;
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
                // Somebody who resumes it need not wait for the pause to end.
                if pause > LOOK_EVERY * 10
                    && app.store().feed_trouble(&self.hook.feed()).is_ok_and(|trouble| trouble.is_none())
                {
                    break;
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
            let trouble = store.feed_trouble(&feed)?.unwrap_or_default();
            if trouble.paused_at.is_some() {
                return Ok(self.hook.longest_pause);
            }
            self.tell_alarms(&app)?;
            let position = store.feed_position(&feed)?.map(|position| position.cursor);
            let changes = match store.changes(position, self.piece) {
                Err(Error::CursorExpired { cursor, oldest }) => {
                    tracing::error!(
                        cursor,
                        oldest,
                        webhook = self.hook.name,
                        "changes were pruned before they were delivered to the webhook; the receiver must read \
                         the profiles again"
                    );
                    app.metrics().webhook("missed", 1);
                    self.reached(store, oldest.saturating_sub(1), app.now())?;
                    continue;
                }
                other => other?.changes,
            };
            let (Some(first), Some(last)) = (changes.first(), changes.last()) else {
                return Ok(Duration::ZERO);
            };
            let (first, last) = (first.cursor, last.cursor);
            let sent: Vec<Change> = changes.iter().filter_map(|change| self.hook.wanted(change)).collect();
            let outcome = match sent.is_empty() {
                true => Ok(()),
                false => self.deliver(&sent, app.now()),
            };
            let Err(failure) = outcome else {
                app.metrics().webhook("delivered", sent.len());
                self.reached(store, last, app.now())?;
                self.piece = PIECE;
                continue;
            };
            app.metrics().webhook("failed", 1);
            if failure.refused && sent.len() > 1 {
                // The others are not to suffer for one: look for it.
                self.piece = (self.piece / 2).clamp(1, sent.len() as u32 / 2);
                continue;
            }
            if failure.refused && self.takes_another(store, first, last, app.now())? {
                self.set_aside(&app, &sent, &failure)?;
                self.reached(store, last, app.now())?;
                continue;
            }
            return self.wait(&app, trouble, &failure);
        }
    }

    /// Delivers the alarms of the last run of `homing monitor`, once. A receiver that fails is asked again later; changes do not wait.
    fn tell_alarms(&mut self, app: &App) -> Result<(), Error> {
        if self.alarms_at.is_some_and(|looked| looked.elapsed() < alarms::LOOK_EVERY) {
            return Ok(());
        }
        self.alarms_at = Some(Instant::now());
        let (store, feed) = (app.store().as_ref(), self.hook.feed());
        let Some((at, digest)) = alarms::untold(store, &feed)? else { return Ok(()) };
        let id = format!("{}:alarms-{at}", self.hook.name);
        let piece = Piece { changes: &[], test: false, alarms: &digest.alarms };
        match send(&self.hook, &*self.post, &piece, (&id, app.now())) {
            // Who refuses alarms gets none of this run again, and its changes all the same.
            Ok(_) => alarms::note(store, &feed, at)?,
            Err(failure) if failure.refused => {
                tracing::warn!(webhook = self.hook.name, reason = failure.reason, "alarms were refused");
                alarms::note(store, &feed, at)?;
            }
            Err(failure) => {
                tracing::warn!(
                    webhook = self.hook.name,
                    reason = failure.reason,
                    "cannot deliver alarms; retrying"
                );
            }
        }
        Ok(())
    }

    fn deliver(&self, changes: &[Change], now: Micros) -> Result<(), Failure> {
        let (Some(first), Some(last)) = (changes.first(), changes.last()) else { return Ok(()) };
        let id = format!("{}:{}-{}", self.hook.name, first.cursor, last.cursor);
        send(&self.hook, &*self.post, &Piece { changes, test: false, alarms: &[] }, (&id, now)).map(drop)
    }

    /// Whether the receiver takes a change of another customer, the next one in the feed: then it is the refused one that is wrong. Without
    /// such a change the cause stays unknown, and no other customer is kept waiting.
    fn takes_another(&self, store: &dyn Store, first: u64, last: u64, now: Micros) -> Result<bool, Error> {
        let refused = store.changes(Some(first.saturating_sub(1)), 1)?.changes;
        let whose = refused.first().map(|change| change.customer_id.clone()).unwrap_or_default();
        let next = store.changes(Some(last), PIECE)?.changes;
        let mut others = next.iter().filter(|change| change.customer_id != whose);
        let other = others.find_map(|change| self.hook.wanted(change));
        Ok(other.is_some_and(|change| self.deliver(&[change], now).is_ok()))
    }

    /// Keeps what the receiver refuses as dead letters.
    fn set_aside(&self, app: &App, changes: &[Change], failure: &Failure) -> Result<(), Error> {
        for change in changes {
            tracing::warn!(
                webhook = self.hook.name,
                cursor = change.cursor,
                reason = failure.reason,
                "a change was refused and set aside"
            );
            let (feed, reason) = (self.hook.feed(), failure.reason.clone());
            app.store().dead_letter(&Letter {
                feed,
                change: change.clone(),
                reason,
                attempts: 1,
                at: app.now(),
            })?;
            app.metrics().webhook("dead", 1);
        }
        Ok(())
    }

    /// Remembers a failure, and says how long to wait before the next try.
    fn wait(&self, app: &App, before: Trouble, failure: &Failure) -> Result<Duration, Error> {
        let now = app.now();
        let since = before.failing_since.unwrap_or(now);
        let attempts = before.attempts.saturating_add(1);
        let over = Duration::from_micros(now.saturating_sub(since).max(0) as u64) >= self.hook.give_up_after;
        let trouble = Trouble {
            failing_since: Some(since),
            attempts,
            paused_at: over.then_some(now),
            reason: failure.reason.clone(),
        };
        app.store().set_feed_trouble(&self.hook.feed(), Some(&trouble))?;
        let (webhook, reason) = (&self.hook.name, &failure.reason);
        if over {
            app.metrics().webhook("paused", 1);
            tracing::error!(
                webhook,
                reason,
                attempts,
                "the webhook is paused: its receiver failed for days. Nothing is lost; repair the receiver, then POST \
                 /v1/webhooks/NAME/resume"
            );
            return Ok(self.hook.longest_pause);
        }
        tracing::warn!(webhook, reason, attempts, "webhook delivery failed");
        let doubled = self.hook.first_pause * 2_u32.saturating_pow(attempts.min(20) - 1);
        Ok(failure.retry_after.unwrap_or(Duration::ZERO).max(doubled.min(self.hook.longest_pause)))
    }

    fn reached(&self, store: &dyn Store, cursor: u64, at: Micros) -> Result<(), Error> {
        let feed = self.hook.feed();
        store.set_feed_position(&feed, FeedPosition { cursor, at })?;
        if store.feed_trouble(&feed)?.is_some() {
            tracing::info!(webhook = self.hook.name, "the receiver of the webhook takes changes again");
            store.set_feed_trouble(&feed, None)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
