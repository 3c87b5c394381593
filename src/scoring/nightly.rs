//! The nightly batch into profiles: range by range, with a journal, so that it may be killed anywhere and be started
//! again.
//!
//! ```text
//! FOLDER/lock           held while a batch runs (shared by shards, FOLDER/lock-3-16 is a shard's own)
//! FOLDER/journal        one JSON document a line: what the run is, then each range that is in the store
//! FOLDER/last.json      what the last finished run did
//! ```
//!
//! With a master key the journal begins with the line of an encrypted file, and each document is encrypted and written in base64.
//!
//! A range is in the journal only after the store has it for certain. A range that was cut off is written again, and a
//! store that holds it already has nothing to change, so the end is the same as if nothing had happened. The same
//! holds for what the run scores with: a run that goes on keeps its model, `as_of` and `scored_at`.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use homing_datasets::encryption::{DataKey, EncryptionError, Lock, MasterKeys};
use homing_datasets::engine::{Customers, Shard};
use homing_datasets::guards::Window;
use homing_datasets::table::WriteError;
use homing_datasets::{DAY, Erasures, History, Micros, private};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Score;
use super::batch::{FileSummary, ROWS, Row, ScoresFile, Source};
use crate::monitor::keep::Keep;
use homing_profiles::{BatchRow, Bounds, Flows, Scored, Store};

/// Why a batch into profiles ended early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another batch run is in progress.
    #[error(
        "another batch run is writing to this profile store (lock file {}); wait for it to finish, or give \
         each run its own `--shard`", .0.display()
    )]
    Busy(PathBuf),
    /// The folder of the journal.
    #[error("{}: cannot write the journal of the batch run: {cause}; choose a writable folder with --journal", path.display())]
    Journal {
        /// The file.
        path: PathBuf,
        /// The system's message.
        cause: io::Error,
    },
    /// A journal that is encrypted, and its key is not given.
    #[error("{0}. If that cannot be done, remove the journal: the batch then begins at the beginning")]
    Encryption(EncryptionError),
    /// The histories.
    #[error(transparent)]
    Data(#[from] homing_datasets::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] homing_profiles::Error),
    /// The file.
    #[error(transparent)]
    File(#[from] WriteError),
}

// Not as the source of the error: its text is part of the message already.
impl From<EncryptionError> for Error {
    fn from(cause: EncryptionError) -> Self {
        Error::Encryption(cause)
    }
}

/// What a run is, as far as the command line and the files tell: a journal of another run is no use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The files and what tells them from others.
    pub input: String,
    /// Everything else that the command line says.
    pub settings: String,
    /// The version of homing.
    pub homing: String,
}

/// What a run scores with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Name and version of the model.
    pub model: String,
    /// From which instant.
    pub as_of: Micros,
    /// What is written as the instant of scoring.
    pub scored_at: Micros,
}

#[derive(Clone, Serialize, Deserialize)]
struct Begin {
    identity: Identity,
    terms: Terms,
}

impl Terms {
    /// What tells the run from all others.
    fn run(&self) -> String {
        format!("{} {}", self.model, self.scored_at)
    }
}

/// How far a run is, as the store knows it.
#[derive(Serialize, Deserialize)]
struct Held {
    run: String,
    upto: String,
}

#[derive(Clone, Serialize, Deserialize)]
struct Mark {
    /// The last customer of the range.
    upto: String,
    /// What was done up to here.
    done: Value,
}

/// What the data keys of journals are for.
const PURPOSE: &str = "journal";

/// What a line is encrypted as: it opens in its own place only.
fn context(line: u64) -> Vec<u8> {
    format!("journal line {line}").into_bytes()
}

/// The journal of a batch, with its lock.
pub struct Journal {
    folder: PathBuf,
    name: String,
    /// Held until the journal is dropped; the system lets go of them when the process ends, however it ends.
    _locks: Vec<File>,
    unfinished: Option<(Begin, Option<Mark>)>,
    file: Option<File>,
    /// With them the journal is encrypted.
    keys: Option<Arc<MasterKeys>>,
    /// The key of the file, and lines that it has so far.
    key: Option<Arc<DataKey>>,
    lines: u64,
}

impl Journal {
    /// Opens the journal in a folder, which is made where there is none, and takes its lock.
    ///
    /// # Errors
    /// [`Error::Busy`] when another batch runs, [`Error::Journal`] when the folder cannot be written, [`Error::Encryption`] without the master key that an unfinished
    /// run used.
    pub fn open(
        folder: &Path,
        shard: Option<Shard>,
        keys: Option<Arc<MasterKeys>>,
    ) -> Result<Journal, Error> {
        let failed = |path: &Path, cause| Error::Journal { path: path.to_owned(), cause };
        private::create_folder(folder).map_err(|cause| failed(folder, cause))?;
        let take = |name: &str, shared: bool| -> Result<File, Error> {
            let path = folder.join(name);
            let file = private::options().create(true).truncate(false).write(true).open(&path);
            let file = file.map_err(|cause| failed(&path, cause))?;
            let taken = if shared { file.try_lock_shared() } else { file.try_lock() };
            match taken {
                Ok(()) => Ok(file),
                Err(fs::TryLockError::WouldBlock) => Err(Error::Busy(path)),
                Err(fs::TryLockError::Error(cause)) => Err(failed(&path, cause)),
            }
        };
        let own = shard.map(|shard| format!("-{}", shard.to_string().replace('/', "-"))).unwrap_or_default();
        let mut locks = vec![take("lock", shard.is_some())?];
        if shard.is_some() {
            locks.push(take(&format!("lock{own}"), false)?);
        }
        let mut journal = Journal {
            folder: folder.to_owned(),
            name: format!("journal{own}"),
            _locks: locks,
            unfinished: None,
            file: None,
            keys,
            key: None,
            lines: 0,
        };
        journal.unfinished = journal.read()?;
        Ok(journal)
    }

    fn path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }

    fn failed(&self, cause: io::Error) -> Error {
        Error::Journal { path: self.path(), cause }
    }

    /// What an unfinished run left. A line that was cut off is as good as not written.
    fn read(&self) -> Result<Option<(Begin, Option<Mark>)>, Error> {
        let Ok(text) = fs::read_to_string(self.path()) else { return Ok(None) };
        let what = format!("the journal {}", self.path().display());
        let lock = Lock::of(self.keys.as_deref(), PURPOSE, &what, text.as_bytes())?;
        let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let mut documents = lines.skip(usize::from(lock.is_some())).zip(0..).map(|(line, nth)| match &lock {
            Some(lock) => lock.key.open(&context(nth), &STANDARD.decode(line.trim_end()).ok()?),
            None => Some(line.as_bytes().to_vec()),
        });
        let begin = documents.next().flatten().and_then(|text| serde_json::from_slice(&text).ok());
        let mark = documents.map_while(|text| serde_json::from_slice(&text?).ok()).last();
        Ok(begin.map(|begin| (begin, mark)))
    }

    /// A document as a line.
    fn line(&mut self, document: &impl Serialize) -> io::Result<Vec<u8>> {
        let mut line = serde_json::to_vec(document)?;
        if let Some(key) = &self.key {
            let sealed = key.seal(&context(self.lines), &line).map_err(io::Error::other)?;
            line = STANDARD.encode(sealed).into_bytes();
        }
        self.lines += 1;
        line.push(b'\n');
        Ok(line)
    }

    /// What an unfinished run of this identity scored with, if there is one.
    #[must_use]
    pub fn terms(&self, identity: &Identity) -> Option<&Terms> {
        self.unfinished
            .as_ref()
            .filter(|(begin, _)| begin.identity == *identity)
            .map(|(begin, _)| &begin.terms)
    }

    /// Forgets what an unfinished run left: the next one begins at the beginning.
    pub fn forget(&mut self) {
        self.unfinished = None;
    }

    /// The name under which the store remembers how far this journal's run is.
    fn in_store(&self) -> String {
        format!("batch.{}", self.name)
    }

    /// Forgets what an unfinished run left where the store does not hold as much of that run as the journal says: it was restored from a backup, or
    /// another one took its place. Gives the last customer that the journal named.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn check(&mut self, store: &dyn Store) -> Result<Option<String>, Error> {
        let Some((begin, Some(mark))) = &self.unfinished else { return Ok(None) };
        let held = store.document(&self.in_store())?;
        let held = held.and_then(|(_, text)| serde_json::from_str::<Held>(&text).ok());
        if held.is_some_and(|held| held.run == begin.terms.run() && held.upto >= mark.upto) {
            return Ok(None);
        }
        let upto = mark.upto.clone();
        self.forget();
        Ok(Some(upto))
    }

    /// The last customer that an unfinished run has in the store.
    #[must_use]
    pub fn upto(&self) -> Option<&str> {
        self.unfinished.as_ref().and_then(|(_, mark)| mark.as_ref()).map(|mark| &*mark.upto)
    }

    /// What the unfinished run has done; `null` without one.
    fn done(&self) -> Value {
        let mark = self.unfinished.as_ref().and_then(|(_, mark)| mark.as_ref());
        mark.map_or(Value::Null, |mark| mark.done.clone())
    }

    /// Begins a run, or goes on with the unfinished one.
    fn begin(&mut self, identity: &Identity, terms: &Terms) -> Result<(), Error> {
        let begin = Begin { identity: identity.clone(), terms: terms.clone() };
        // Written anew under another name, so that neither a cut-off line nor a kill at this moment does harm.
        let draft = self.folder.join(format!("{}.new", self.name));
        let lock = self.keys.as_deref().map(|keys| Lock::new(keys, PURPOSE)).transpose()?;
        self.key = lock.as_ref().map(|lock| lock.key.clone());
        self.lines = 0;
        let mut write = || -> io::Result<File> {
            let mut file = private::options().create(true).truncate(true).write(true).open(&draft)?;
            file.write_all(&lock.as_ref().map(Lock::line).unwrap_or_default())?;
            file.write_all(&self.line(&begin)?)?;
            if let Some((_, Some(mark))) = self.unfinished.clone() {
                file.write_all(&self.line(&mark)?)?;
            }
            file.sync_all()?;
            fs::rename(&draft, self.path())?;
            File::open(&self.folder)?.sync_all()?;
            Ok(file)
        };
        let file = write().map_err(|cause| self.failed(cause))?;
        self.file = Some(file);
        Ok(())
    }

    /// Notes in the store itself how far a run is.
    fn note_in(&self, store: &dyn Store, terms: &Terms, upto: &str) -> Result<(), Error> {
        let held = Held { run: terms.run(), upto: upto.to_owned() };
        let text = serde_json::to_string(&held).map_err(|cause| self.failed(cause.into()))?;
        Ok(store.store_document(&self.in_store(), terms.scored_at, &text)?)
    }

    /// Notes a range that the store has.
    fn note(&mut self, upto: &str, done: &Value) -> Result<(), Error> {
        let mark = Mark { upto: upto.to_owned(), done: done.clone() };
        let line = self.line(&mark).map_err(|cause| self.failed(cause))?;
        let written = match &mut self.file {
            Some(file) => file.write_all(&line).and_then(|()| file.sync_data()),
            None => Ok(()),
        };
        written.map_err(|cause| self.failed(cause))
    }

    /// Ends the run: the journal goes, and what was done stays to be looked at.
    fn finish(&mut self, done: &Value) -> Result<(), Error> {
        self.file = None;
        let last = self.folder.join(self.name.replace("journal", "last") + ".json");
        let write = || -> io::Result<()> {
            let mut file = private::options().create(true).truncate(true).write(true).open(&last)?;
            file.write_all(format!("{done:#}\n").as_bytes())?;
            fs::remove_file(self.path())?;
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(|cause| Error::Journal { path: last.clone(), cause })
    }
}

/// What a run did.
#[derive(Clone, Debug, PartialEq)]
pub struct Night {
    /// The sums of what the store said, as JSON.
    pub done: Value,
    /// What was written into the file, once it is whole.
    pub file: Option<FileSummary>,
    /// Whether an earlier run was gone on with, and from which customer.
    pub resumed_after: Option<String>,
    /// Whether it was asked to stop; `done` then says how far it came.
    pub stopped: bool,
    /// Seconds of scoring, summed over threads.
    pub scoring_s: f64,
}

/// Scores every customer of the source once and writes the profiles that changed, and with a file a row each. `stop` is
/// looked at between ranges. `tell` is called with the number of customers that are done.
///
/// With `keep`, a sample of the scores is kept for [`crate::monitor`].
///
/// The file has the scores of the profiles, and of those whom the store needs no score of (it holds a newer one, or has
/// them from a run that was cut off) scores from the histories of the source. Who was erased is in neither, who opted out not in the file.
///
/// # Errors
/// [`Error`]; what was written stays, and the same run again completes it.
pub fn to_profiles(
    source: Source<'_>,
    engine: &dyn Score,
    store: &dyn Store,
    (journal, identity, terms, keep): (&mut Journal, &Identity, &Terms, Option<&Keep>),
    file: Option<ScoresFile>,
    stop: &AtomicBool,
    tell: &(dyn Fn(u64) + Sync),
) -> Result<Night, Error> {
    let resumed_after = journal.upto().map(str::to_owned);
    let mut done = journal.done();
    journal.begin(identity, terms)?;
    let pass = Pass {
        engine,
        terms,
        keep,
        recorded: Mutex::default(),
        recording: file.is_some(),
        nanos: AtomicU64::new(0),
    };
    let mut beside = file
        .map(|mut file| {
            file.ids_of(&source);
            Ok::<_, Error>(Beside { file, erased: store.erased()?, opted_out: store.opted_out()? })
        })
        .transpose()?;
    let (window, clock) = source.windows();
    heal(store, terms.as_of, window, clock)?;
    let bounds = Bounds { clock, ..Bounds::default() };
    let mut stopped = false;
    let mut before = done["customers"].as_u64().unwrap_or(0);
    // The file needs everyone; the profiles need those who are not yet done.
    let skipped = resumed_after.as_deref().filter(|_| beside.is_none());
    source.for_each_range(skipped, |range: &Customers| {
        stopped = stopped || stop.load(Ordering::Relaxed);
        if stopped {
            return Ok(());
        }
        let is_new = |id: &str| resumed_after.as_deref().is_none_or(|after| id > after);
        let mut rows =
            range.owned().map(|(customer_id, history)| BatchRow { customer_id, history }).peekable();
        let at_once = if beside.is_some() { ROWS } else { usize::MAX };
        let mut from = 0;
        while rows.peek().is_some() {
            let (mut ids, mut upto) = (Vec::new(), None);
            let mut piece = rows.by_ref().take(at_once).filter(|row| {
                if pass.recording {
                    ids.push(row.customer_id.clone());
                }
                let new = is_new(&row.customer_id);
                if new {
                    upto = Some(row.customer_id.clone());
                }
                new
            });
            let summary = store.write_batch_within(
                &mut piece,
                terms.as_of,
                bounds,
                &|id, history, at| pass.score(id, history, at),
                &|count| tell(before + count),
            )?;
            drop(piece);
            keep.map(|keep| keep.write(store)).transpose()?;
            if let Some(beside) = &mut beside {
                let to = from + ids.len();
                beside.add(&pass, range, from..to, &ids)?;
                from = to;
            }
            if let Some(upto) = upto {
                let summary = serde_json::to_value(&summary)
                    .map_err(|cause| Error::Journal { path: journal.path(), cause: cause.into() })?;
                add(&mut done, &summary);
                before = done["customers"].as_u64().unwrap_or(0);
                // The store first: it never knows less of this run than the journal, unless it was replaced.
                journal.note_in(store, terms, &upto)?;
                journal.note(&upto, &done)?;
            }
        }
        Ok::<(), Error>(())
    })?;
    let mut written = None;
    if !stopped {
        written = beside.map(|beside| beside.file.finish()).transpose()?;
        journal.finish(&done)?;
    }
    let scoring_s = pass.nanos.into_inner() as f64 / 1e9;
    Ok(Night { done, file: written, resumed_after, stopped, scoring_s })
}

/// One pass over the customers: scores them for the profiles, and remembers the scores where a file needs them too.
struct Pass<'a> {
    engine: &'a dyn Score,
    terms: &'a Terms,
    keep: Option<&'a Keep>,
    recorded: Mutex<HashMap<String, Row>>,
    recording: bool,
    nanos: AtomicU64,
}

impl Pass<'_> {
    fn score(&self, id: &str, history: &History, at: Micros) -> Scored {
        let began = Instant::now();
        let scored = self.engine.score(id, history, at, self.terms.scored_at);
        self.nanos.fetch_add(began.elapsed().as_nanos() as u64, Ordering::Relaxed);
        if let Some(keep) = self.keep {
            keep.take(id, history, &scored);
        }
        // A profile may have a later `as_of` than this run, as nobody's row of the file has.
        if self.recording && at == self.terms.as_of {
            self.rows().insert(id.to_owned(), Row::of(id, &scored));
        }
        scored
    }

    fn rows(&self) -> MutexGuard<'_, HashMap<String, Row>> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The file beside the profiles.
struct Beside {
    file: ScoresFile,
    erased: Erasures,
    opted_out: HashSet<String>,
}

impl Beside {
    /// Adds the rows of the customers at these positions of a range.
    fn add(
        &mut self,
        pass: &Pass<'_>,
        range: &Customers,
        positions: Range<usize>,
        ids: &[String],
    ) -> Result<(), Error> {
        let mut recorded = std::mem::take(&mut *pass.rows());
        // Who opted out or was erased is in no list and no file.
        let (opted_out, erased) =
            (|id: &str| self.opted_out.contains(id), |id: &str| self.erased.contains(id));
        for id in ids {
            if opted_out(id) || erased(id) {
                recorded.remove(id);
                self.file.left_out(if erased(id) { "erased" } else { "opted_out" });
            }
        }
        let left = |id: &str| !recorded.contains_key(id) && !erased(id) && !opted_out(id);
        if ids.iter().any(|id| left(id)) {
            let terms = (pass.terms.as_of, pass.terms.scored_at);
            let scored = range.map(positions, |id, history| {
                left(id).then(|| (id.to_owned(), Row::score(pass.engine, id, history, terms)))
            });
            recorded.extend(scored.into_iter().flatten());
        }
        let rows = ids.iter().filter_map(|id| recorded.remove(id)).collect();
        Ok(self.file.add(rows)?)
    }
}

/// Sets the data clock of the store back, and the instants of its scores with it, where an earlier run took in dates that
/// cannot be: else its scores would count as newer than tonight's, for a night or for ever. Dates that lie far from tonight's data alone get
/// four weeks of grace, for events may have come in since the files were written.
fn heal(store: &dyn Store, as_of: Micros, window: Window, clock: Window) -> Result<(), Error> {
    let now = clock.now().unwrap_or(Micros::MAX);
    let latest =
        if window.to < clock.to { window.to.saturating_add(28 * DAY).min(now) } else { now }.max(as_of);
    let until = store.latest_score()?.max(store.totals()?.data_until);
    if until.is_some_and(|until| until > latest) {
        store.set_clock_back(latest, as_of)?;
    }
    Ok(())
}

/// Adds the numbers of one document to those of another, name by name.
fn add(sum: &mut Value, more: &Value) {
    match (sum, more) {
        (Value::Object(sum), Value::Object(more)) => {
            for (name, value) in more {
                add(sum.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (sum @ Value::Null, more) => *sum = more.clone(),
        (sum @ Value::Number(_), Value::Number(more)) => {
            *sum = match (sum.as_u64(), more.as_u64()) {
                (Some(a), Some(b)) => (a + b).into(),
                _ => (sum.as_f64().unwrap_or(0.0) + more.as_f64().unwrap_or(0.0)).into(),
            };
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn identity(input: &str) -> Identity {
        Identity { input: input.into(), settings: String::new(), homing: String::new() }
    }

    fn terms() -> Terms {
        Terms { model: "m@1".into(), as_of: 5, scored_at: 7 }
    }

    #[test]
    fn a_journal_is_gone_on_with_by_the_same_run_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = Journal::open(folder.path(), None, None).unwrap();
        assert_eq!((first.terms(&identity("a")), first.upto()), (None, None));
        first.begin(&identity("a"), &terms()).unwrap();
        first.note("c1", &json!({"customers": 3})).unwrap();
        first.note("c5", &json!({"customers": 8})).unwrap();
        drop(first);
        // The kill came while the next line was written.
        let path = folder.path().join("journal");
        let whole = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{whole}{{\"upto\":\"c9\",\"do")).unwrap();
        let mut second = Journal::open(folder.path(), None, None).unwrap();
        assert_eq!(second.terms(&identity("b")), None);
        assert_eq!((second.terms(&identity("a")), second.upto()), (Some(&terms()), Some("c5")));
        assert_eq!(second.done(), json!({"customers": 8}));
        second.begin(&identity("a"), &terms()).unwrap();
        second.finish(&json!({"customers": 9})).unwrap();
        drop(second);
        assert_eq!(Journal::open(folder.path(), None, None).unwrap().upto(), None);
    }

    #[test]
    fn an_encrypted_journal_is_gone_on_with_by_its_key_alone() {
        let folder = tempfile::tempdir().unwrap();
        let keys = || Arc::new(MasterKeys::parse(&MasterKeys::generate().unwrap()).unwrap());
        let (own, other) = (keys(), keys());
        let mut first = Journal::open(folder.path(), None, Some(own.clone())).unwrap();
        first.begin(&identity("a"), &terms()).unwrap();
        first.note("member-1", &json!({"customers": 3})).unwrap();
        first.note("member-5", &json!({"customers": 8})).unwrap();
        drop(first);
        let path = folder.path().join("journal");
        let whole = fs::read_to_string(&path).unwrap();
        assert!(!whole.contains("member") && !whole.contains("customers"), "{whole}");
        let cut_off = &whole[..whole.len() - 9];
        fs::write(&path, format!("{whole}{}", &whole[..40])).unwrap();
        for keys in [None, Some(other)] {
            let refused = Journal::open(folder.path(), None, keys).err().unwrap().to_string();
            assert!(
                refused.contains(&path.display().to_string()) && refused.contains("remove the journal"),
                "{refused}"
            );
        }
        let mut second = Journal::open(folder.path(), None, Some(own.clone())).unwrap();
        assert_eq!((second.terms(&identity("a")), second.upto()), (Some(&terms()), Some("member-5")));
        second.begin(&identity("a"), &terms()).unwrap();
        drop(second);
        let third = Journal::open(folder.path(), None, Some(own.clone())).unwrap();
        assert_eq!(third.upto(), Some("member-5"));
        drop(third);
        fs::write(&path, cut_off).unwrap();
        assert_eq!(Journal::open(folder.path(), None, Some(own)).unwrap().upto(), Some("member-1"));
    }

    #[test]
    fn two_batches_keep_each_other_out_and_shards_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let open = |shard: &str| Journal::open(folder.path(), shard.parse().ok(), None);
        let whole = open("").unwrap();
        assert!(matches!(open(""), Err(Error::Busy(_))));
        assert!(matches!(open("1/2"), Err(Error::Busy(_))));
        drop(whole);
        let one = open("1/2").unwrap();
        let two = open("2/2").unwrap();
        assert!(matches!(open("2/2"), Err(Error::Busy(_))));
        assert!(matches!(open(""), Err(Error::Busy(_))));
        drop((one, two));
        open("").unwrap();
    }

    #[test]
    fn numbers_are_added_by_name() {
        let mut sum = Value::Null;
        add(&mut sum, &json!({"a": 1, "by": {"x": 2}}));
        add(&mut sum, &json!({"a": 2, "by": {"x": 3, "y": 1}}));
        assert_eq!(sum, json!({"a": 3, "by": {"x": 5, "y": 1}}));
    }
}
