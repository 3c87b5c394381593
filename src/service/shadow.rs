//! The share of the traffic that the challenger scores too, unseen by callers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use homing_datasets::{History, Micros};

/// Customers that may wait to be scored by the challenger; what comes past them is left out, and counted.
const WAITING: usize = 4096;

/// One customer to be scored by both.
pub(crate) struct Job {
    pub customer_id: String,
    pub history: History,
    pub as_of: Micros,
}

/// The way of a share of the traffic to the challenger.
pub(crate) struct Shadow {
    /// One request in so many; 0 for none.
    every: u64,
    count: AtomicU64,
    send: SyncSender<Job>,
}

impl Shadow {
    /// Takes this share (0 to 1) of the requests, spread evenly.
    pub fn new(share: f64) -> (Self, Receiver<Job>) {
        let (send, receive) = sync_channel(WAITING);
        let every = if share > 0.0 { (1.0 / share.min(1.0)).round() as u64 } else { 0 };
        (Shadow { every, count: AtomicU64::new(0), send }, receive)
    }

    /// Whether the next request belongs to the share.
    pub fn takes(&self) -> bool {
        self.every > 0 && self.count.fetch_add(1, Ordering::Relaxed).is_multiple_of(self.every)
    }

    /// Hands a customer over; `false` when too many wait.
    pub fn hand(&self, job: Job) -> bool {
        !matches!(self.send.try_send(job), Err(TrySendError::Full(_)))
    }
}
