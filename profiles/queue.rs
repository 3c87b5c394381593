//! Writers side by side: commits of the same moment share a transaction and a sync, and writers of one customer go one
//! after the other.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Error;

/// Maximum number of calls in one transaction, so that the first of them does not wait forever.
const MEMBERS: usize = 64;
/// How long a writer waits for others of the same customer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Calls that wait to be committed. The first caller to find nobody committing leads: it takes all that wait, commits them
/// in one transaction and hands out the results, which nobody gets before they are on disk.
pub(super) struct CommitQueue<J, D> {
    inner: Mutex<Inner<J, D>>,
    moved: Condvar,
}

struct Inner<J, D> {
    next: u64,
    waiting: VecDeque<(u64, J)>,
    done: BTreeMap<u64, Result<D, Error>>,
    led: bool,
}

impl<J, D> Default for CommitQueue<J, D> {
    fn default() -> Self {
        let inner = Inner { next: 0, waiting: VecDeque::new(), done: BTreeMap::new(), led: false };
        CommitQueue { inner: Mutex::new(inner), moved: Condvar::new() }
    }
}

impl<J, D> CommitQueue<J, D> {
    /// Commits a job, together with those that wait. `write` commits jobs in one transaction and has a result for each;
    /// where it fails for several, each is written by itself, so that only the guilty one fails.
    ///
    /// # Errors
    /// That of `write`; then nothing of the job is stored.
    pub fn commit(&self, job: J, write: impl Fn(&[J]) -> Result<Vec<D>, Error>) -> Result<D, Error> {
        let mut inner = locked(&self.inner);
        let ticket = inner.next;
        inner.next += 1;
        inner.waiting.push_back((ticket, job));
        loop {
            if let Some(done) = inner.done.remove(&ticket) {
                return done;
            }
            if inner.led {
                inner = self.moved.wait(inner).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            inner.led = true;
            let many = inner.waiting.len().min(MEMBERS);
            let (tickets, jobs): (Vec<u64>, Vec<J>) = inner.waiting.drain(..many).unzip();
            drop(inner);
            let mut lead = Lead { queue: self, ticket, tickets, results: Vec::new() };
            lead.results = write_all(&jobs, &write);
            drop(lead);
            inner = locked(&self.inner);
        }
    }
}

/// The results of jobs, in order.
fn write_all<J, D>(jobs: &[J], write: &impl Fn(&[J]) -> Result<Vec<D>, Error>) -> Vec<Result<D, Error>> {
    match write(jobs) {
        Ok(done) => done.into_iter().map(Ok).collect(),
        Err(error) if jobs.len() > 1 && error.is_of_one() => {
            let alone = |job| write(std::slice::from_ref(job)).and_then(|done| one(done, &error));
            jobs.iter().map(alone).collect()
        }
        Err(error) => jobs.iter().map(|_| Err(error.clone())).collect(),
    }
}

fn one<D>(done: Vec<D>, error: &Error) -> Result<D, Error> {
    done.into_iter().next().ok_or_else(|| error.clone())
}

/// The leading call; when it ends, however it ends, every member has a result and the next may lead.
struct Lead<'a, J, D> {
    queue: &'a CommitQueue<J, D>,
    ticket: u64,
    tickets: Vec<u64>,
    results: Vec<Result<D, Error>>,
}

impl<J, D> Drop for Lead<'_, J, D> {
    fn drop(&mut self) {
        let mut inner = locked(&self.queue.inner);
        inner.led = false;
        let results =
            std::mem::take(&mut self.results).into_iter().map(Some).chain(std::iter::repeat_with(|| None));
        for (ticket, result) in self.tickets.iter().zip(results) {
            inner.done.insert(*ticket, result.unwrap_or(Err(Error::Unfinished)));
        }
        if std::thread::panicking() {
            inner.done.remove(&self.ticket);
        }
        self.queue.moved.notify_all();
    }
}

/// Which customers are being written within this process. Between its load and its commit a writer has the turn of its
/// customers, so that writers of one customer wait instead of running into conflicts.
#[derive(Debug, Default)]
pub struct Turns {
    taken: Mutex<HashSet<String>>,
    freed: Condvar,
}

/// The turn of some customers; it ends when dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    customers: Vec<String>,
}

impl Turns {
    /// Takes the turn of customers, who come sorted, so that no two writers wait in a circle.
    ///
    /// # Errors
    /// [`Error::Busy`] when others do not end.
    pub(super) fn take<'c>(&self, customers: impl Iterator<Item = &'c str>) -> Result<Turn<'_>, Error> {
        let deadline = Instant::now() + PATIENCE;
        let mut turn = Turn { turns: self, customers: Vec::new() };
        let mut taken = locked(&self.taken);
        for customer in customers {
            while taken.contains(customer) {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    drop(taken);
                    return Err(Error::Busy(customer.to_owned()));
                }
                taken = self.freed.wait_timeout(taken, left).unwrap_or_else(PoisonError::into_inner).0;
            }
            taken.insert(customer.to_owned());
            turn.customers.push(customer.to_owned());
        }
        Ok(turn)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut taken = locked(&self.turns.taken);
        for customer in &self.customers {
            taken.remove(customer);
        }
        drop(taken);
        self.turns.freed.notify_all();
    }
}

/// The lock's content; a panic while holding it leaves nothing half done.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn database(detail: &str) -> Error {
        Error::Database { store: "s".into(), detail: detail.into() }
    }

    /// Commits 1 to `MANY` and 0, all of which wait while the first of them is written.
    fn together(write: impl Fn(&[u32]) -> Result<Vec<u32>, Error> + Sync) -> Vec<Result<u32, Error>> {
        let queue: CommitQueue<u32, u32> = CommitQueue::default();
        let started = AtomicU32::new(0);
        let first = |_: &[u32]| {
            started.store(1, Ordering::SeqCst);
            while locked(&queue.inner).waiting.len() < MANY as usize {
                std::thread::yield_now();
            }
            Ok(vec![0])
        };
        std::thread::scope(|scope| {
            let lead = scope.spawn(|| queue.commit(0, first));
            while started.load(Ordering::SeqCst) == 0 {
                std::thread::yield_now();
            }
            let (queue, write) = (&queue, &write);
            let others: Vec<_> = (1..=MANY).map(|n| scope.spawn(move || queue.commit(n, write))).collect();
            assert_eq!(lead.join().unwrap().unwrap(), 0);
            let mut done: Vec<_> = others.into_iter().map(|one| one.join()).collect();
            assert!(locked(&queue.inner).done.is_empty());
            done.drain(..).map(|one| one.unwrap_or(Err(database("panicked")))).collect()
        })
    }

    const MANY: u32 = 5;

    #[test]
    fn who_waits_is_committed_together() {
        let writes = AtomicU32::new(0);
        let done = together(|jobs| {
            writes.fetch_add(1, Ordering::SeqCst);
            Ok(jobs.iter().map(|job| job * 10).collect())
        });
        let done: Vec<u32> = done.into_iter().map(Result::unwrap).collect();
        assert_eq!((done, writes.into_inner()), (vec![10, 20, 30, 40, 50], 1));
    }

    #[test]
    fn nobody_is_told_of_a_commit_that_was_taken_back() {
        let stored = Mutex::new(Vec::new());
        let done = together(|jobs| {
            if jobs.contains(&3) {
                return Err(database("the disk failed"));
            }
            locked(&stored).extend_from_slice(jobs);
            Ok(jobs.to_vec())
        });
        let mut told: Vec<u32> = done.iter().flatten().copied().collect();
        told.sort_unstable();
        let mut stored = stored.into_inner().unwrap();
        stored.sort_unstable();
        assert_eq!((&told, &stored), (&vec![1, 2, 4, 5], &stored));
        assert!(matches!(&done[2], Err(Error::Database { detail, .. }) if detail == "the disk failed"));
    }

    #[test]
    fn a_store_that_cannot_be_reached_is_asked_once() {
        let writes = AtomicU32::new(0);
        let done = together(|_| {
            writes.fetch_add(1, Ordering::SeqCst);
            Err(Error::Locked("s".into()))
        });
        assert!(done.iter().all(|one| matches!(one, Err(Error::Locked(_)))));
        assert_eq!(writes.into_inner(), 1);
    }

    #[test]
    fn whoever_waited_for_a_panicking_leader_has_an_error() {
        let done = together(|_| panic!("as the test wants"));
        let unfinished = done.iter().filter(|one| matches!(one, Err(Error::Unfinished))).count();
        assert_eq!(unfinished, MANY as usize - 1);
    }

    #[test]
    fn writers_of_one_customer_take_turns() {
        let turns = Turns::default();
        let inside = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (turns, inside) = (&turns, &inside);
                scope.spawn(move || {
                    let customers = if thread % 2 == 0 { ["a", "b"] } else { ["b", "c"] };
                    for _ in 0..200 {
                        let _turn = turns.take(customers.into_iter()).unwrap();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        let _one = turns.take(["x"].into_iter()).unwrap();
        let _two = turns.take(["y"].into_iter()).unwrap();
    }
}
