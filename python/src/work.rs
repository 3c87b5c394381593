//! Long work on a thread of its own: the interpreter goes on, Ctrl-C is seen, and a panic becomes an exception.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pyo3::prelude::*;

use crate::errors::{Kind, Raise, raise};

/// How often signals are looked for.
const LOOK: Duration = Duration::from_millis(50);

/// What a piece of work tells of itself.
pub struct Steps {
    sender: Mutex<Sender<String>>,
    cancelled: Arc<AtomicBool>,
}

/// What unwinds work that was cancelled.
struct Cancelled;

impl Steps {
    /// Tells of a step before it is taken. Where the work was cancelled, it ends here.
    pub fn step(&self, text: &str) {
        if self.cancelled.load(Ordering::Relaxed) {
            // No panic: nothing is printed, and the thread ends.
            resume_unwind(Box::new(Cancelled));
        }
        if let Ok(sender) = self.sender.lock() {
            let _ = sender.send(text.to_owned());
        }
    }
}

/// Does the work while the interpreter goes on, and tells `progress` of its steps. After Ctrl-C the work ends at its next step.
pub fn run<T, E>(
    py: Python<'_>,
    progress: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(&Steps) -> Result<T, E> + Send + 'static,
) -> PyResult<T>
where
    T: Send + 'static,
    E: Raise + Send + 'static,
{
    let (sender, receiver) = channel();
    let receiver = Mutex::new(receiver);
    let cancelled = Arc::new(AtomicBool::new(false));
    let steps = Steps { sender: Mutex::new(sender), cancelled: cancelled.clone() };
    let handle = std::thread::Builder::new()
        .name("homing".to_owned())
        // Deep recursion over trees needs more than the default of two mebibytes.
        .stack_size(16 << 20)
        .spawn(move || work(&steps))
        .map_err(|error| raise(Kind::Internal, "thread", &format!("cannot start a thread: {error}")))?;
    let stop = |error: PyErr| {
        cancelled.store(true, Ordering::Relaxed);
        Err(error)
    };
    loop {
        // Steps are looked at when they come, signals and the end at least every LOOK.
        let told = py.detach(|| match receiver.lock() {
            Ok(receiver) => receiver.recv_timeout(LOOK),
            Err(_) => Err(RecvTimeoutError::Disconnected),
        });
        match told {
            Ok(text) => {
                if let Some(progress) = progress
                    && let Err(error) = progress.call1((text,))
                {
                    return stop(error);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if let Err(interrupted) = py.check_signals() {
            return stop(interrupted);
        }
    }
    match py.detach(|| handle.join()) {
        Ok(done) => done.map_err(Raise::raise),
        Err(panicked) => {
            let text = panicked.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panicked.downcast_ref::<&str>().copied()).unwrap_or("unknown cause");
            Err(raise(Kind::Internal, "panic", &format!("homing failed: {text}; please report it")))
        }
    }
}
