//! Binaries, processes, data, and tables to compare.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use datafusion::arrow::array::{
    Array, ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use datafusion::arrow::compute::concat_batches;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(300);

/// A binary of homing's own build.
pub fn binary(name: &str) -> PathBuf {
    let folder = std::env::var_os("HOMING_BIN")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release"), PathBuf::from);
    let path = folder.join(name);
    assert!(path.is_file(), "{} is missing: build homing first, or set HOMING_BIN", path.display());
    path
}

pub fn done(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed: {said}");
    output
}

pub fn cdnow() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets/cdnow.parquet")
}

/// A registry with one model, fitted once for all tests.
pub static REGISTRY: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let mut fit = Command::new(binary("homing-train"));
    fit.arg("fit").arg("--purchases").arg(cdnow()).args(["--as-of", "1998-03-31", "--name", "shop"]);
    fit.args(["--horizons", "90", "--churn-horizon", "90", "--value-horizon", "90"]);
    done(fit.arg("--registry").arg(folder.path()).current_dir(folder.path()));
    folder
});

/// Scores on one machine into a file.
pub fn score_alone(purchases: &Path, out: &Path) {
    let mut score = Command::new(binary("homing"));
    score.arg("score").arg("--purchases").arg(purchases).arg("--registry").arg(REGISTRY.path());
    score.arg("--max-rejects").arg("1").arg("--rejects").arg(out.with_extension("rejects.csv"));
    done(score.arg("--out").arg(out).current_dir(out.parent().unwrap()));
}

pub fn homing_cluster() -> Command {
    Command::new(env!("CARGO_BIN_EXE_homing-cluster"))
}

/// A process that ends with the test.
pub struct Process(pub Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A scheduler and two executors of one core each.
pub struct Cluster {
    pub folder: TempDir,
    pub address: String,
    pub executors: Vec<Process>,
    _scheduler: Process,
}

impl Cluster {
    /// Starts one that misses a dead executor as soon as it can.
    pub fn start() -> Cluster {
        let folder = tempfile::tempdir().unwrap();
        let log = |name: &str| File::create(folder.path().join(name)).unwrap();
        let mut scheduler = homing_cluster();
        scheduler.args(["scheduler", "--listen", "127.0.0.1:0", "--executors", "2", "--timeout", "11"]);
        scheduler.arg("--registry").arg(REGISTRY.path()).env("HOMING_LOG", "info");
        let scheduler = scheduler.stdout(log("scheduler.out")).stderr(log("scheduler.err")).spawn().unwrap();
        let scheduler = Process(scheduler);
        let address = wait_for("the scheduler's address", || {
            let said = fs::read_to_string(folder.path().join("scheduler.out")).ok()?;
            Some(said.strip_prefix("listening on http://")?.strip_suffix('\n')?.to_owned())
        });
        let executors = (0..2).map(|at| {
            let mut executor = homing_cluster();
            executor.args(["executor", "--scheduler", &address, "--port", "0", "--task-port", "0"]);
            executor.args(["--cores", "1", "--memory", "512MiB"]);
            executor.arg("--work").arg(folder.path().join(format!("work{at}")));
            executor.arg("--registry").arg(REGISTRY.path()).stdout(Stdio::null());
            Process(executor.stderr(log(&format!("executor{at}.err"))).spawn().unwrap())
        });
        let executors = executors.collect();
        let cluster = Cluster { address, executors, _scheduler: scheduler, folder };
        wait_for("two executors", || cluster.ready().then_some(()));
        cluster
    }

    fn ready(&self) -> bool {
        use std::io::{Read, Write};
        let Ok(mut stream) = std::net::TcpStream::connect(&self.address) else { return false };
        let mut answer = String::new();
        write!(stream, "GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
        stream.read_to_string(&mut answer).is_ok() && answer.contains(" 200 ")
    }

    /// A job that scores.
    pub fn score(&self, purchases: &Path, out: &Path) -> Command {
        let mut command = homing_cluster();
        command.args(["score", "--scheduler", &self.address, "--json"]);
        command.arg("--purchases").arg(purchases).arg("--out").arg(out);
        command.arg("--registry").arg(REGISTRY.path());
        command
    }

    /// What the scheduler has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("scheduler.err")).unwrap()
    }

    /// Folders of stages in which an executor has begun to write, as `job/stage`.
    pub fn stages(&self, executor: usize) -> Vec<String> {
        let names = |path: &Path| -> Vec<String> {
            let entries = fs::read_dir(path).into_iter().flatten().flatten();
            entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
        };
        let work = self.folder.path().join(format!("work{executor}"));
        let jobs = names(&work).into_iter().filter(|job| !job.starts_with("datafusion"));
        jobs.flat_map(|job| names(&work.join(&job)).into_iter().map(move |stage| format!("{job}/{stage}")))
            .collect()
    }
}

pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub fn table(path: &Path) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let schema = reader.schema().clone();
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}

/// Panics unless both files hold the same rows to the bit, but for the instant at which they were computed.
pub fn assert_same_scores(alone: &Path, cluster: &Path) {
    let (alone, cluster) = (table(alone), table(cluster));
    assert!(alone.num_rows() > 0);
    let names = |batch: &RecordBatch| -> Vec<String> {
        batch
            .schema()
            .fields()
            .iter()
            .map(|field| format!("{} {}", field.name(), field.data_type()))
            .collect()
    };
    assert_eq!(names(&alone), names(&cluster));
    for (at, field) in alone.schema().fields().iter().enumerate() {
        let (a, b) = (alone.column(at), cluster.column(at));
        if field.name() == "scored_at" {
            continue;
        }
        let bits = |array: &ArrayRef| -> Option<Vec<Option<u64>>> {
            let numbers = array.as_any().downcast_ref::<Float64Array>()?;
            Some(numbers.iter().map(|number| number.map(f64::to_bits)).collect())
        };
        assert!(bits(a) == bits(b) && a == b, "column {} differs", field.name());
    }
}

/// Writes purchases of so many customers over so many files.
pub fn write_purchases(folder: &Path, customers: u64, files: usize) {
    fs::create_dir_all(folder).unwrap();
    let mut state = 88_172_645_463_325_252_u64;
    let mut dice = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for file in 0..files {
        let lines = customers as usize * 10 / files;
        let ids: StringArray = (0..lines).map(|_| Some(format!("c{}", dice() % customers))).collect();
        let times = TimestampMicrosecondArray::from_iter_values(
            (0..lines).map(|_| (852_076_800 + (dice() % 47_000_000) as i64) * 1_000_000),
        );
        let amounts =
            Float64Array::from_iter_values((0..lines).map(|_| (100 + dice() % 9900) as f64 / 100.0));
        let products: StringArray = (0..lines).map(|_| Some(format!("p{}", dice() % 500))).collect();
        let batch = RecordBatch::try_from_iter([
            ("customer_id", Arc::new(ids) as ArrayRef),
            ("occurred_at", Arc::new(times)),
            ("amount", Arc::new(amounts)),
            ("product_id", Arc::new(products)),
        ])
        .unwrap();
        let out = File::create(folder.join(format!("{file:02}.parquet"))).unwrap();
        let mut writer = ArrowWriter::try_new(out, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }
}
