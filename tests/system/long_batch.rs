//! The batch that takes hours: killed, stopped, started twice, out of disk, with a model that is swapped meanwhile.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::types::Value as Cell;
use serde_json::Value;

use crate::postgres::Cluster;
use crate::support::{CDNOW, Told, bundle, cdnow, fit, homing, registry, run, scratch, write};

/// `homing score` into `profiles.db`, in little memory, so that the run has several ranges.
fn batch(folder: &Path, registry: &Path, rest: &[&str]) -> Command {
    let mut command = homing();
    command.args(["score", "--purchases", CDNOW, "--memory", "16M", "--scored-at", "2026-01-01"]);
    command.args(["--profiles", "sqlite:profiles.db", "--json", "--registry"]).arg(registry).args(rest);
    command.current_dir(folder);
    command
}

fn whole(folder: &Path, rest: &[&str]) -> Value {
    run::<&str>(batch(folder, registry(), rest), folder, []).json()
}

/// Every row of every table of a store, in order, but for the secrets, which are random.
fn dump(folder: &Path) -> Vec<Vec<Cell>> {
    let store = Connection::open(folder.join("profiles.db")).unwrap();
    let mut names = store
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'secrets' ORDER BY name")
        .unwrap();
    let names: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut rows = Vec::new();
    for name in names {
        let mut all = store.prepare(&format!("SELECT * FROM \"{name}\" ORDER BY 1, 2")).unwrap();
        let width = all.column_count();
        rows.push(vec![Cell::Text(name)]);
        let found = all.query_map([], |row| (0..width).map(|at| row.get(at)).collect()).unwrap();
        let found = found.map(|row: rusqlite::Result<Vec<Cell>>| row.unwrap());
        // When the last batch ended, and how long it took.
        rows.extend(found.filter(|row| row.first() != Some(&Cell::Text("batch.last".to_owned()))));
    }
    rows
}

/// A store and all that came of an undisturbed run.
fn undisturbed() -> Vec<Vec<Cell>> {
    let folder = scratch();
    let done = whole(folder.path(), &[]);
    assert_eq!(done["profiles"]["inserted"], cdnow().len() as u64, "{done:#}");
    assert_eq!(done["profiles"]["customers"], cdnow().len() as u64);
    assert!(folder.path().join("profiles.db.batch/last.json").exists());
    assert!(!folder.path().join("profiles.db.batch/journal").exists());
    dump(folder.path())
}

fn spawn(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Waits until the journal of a running batch names a range that is done.
fn wait_for_a_range(folder: &Path, child: &mut Child) {
    let journal = folder.join("profiles.db.batch/journal");
    let began = Instant::now();
    while std::fs::read_to_string(&journal).unwrap_or_default().lines().count() < 2 {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be disturbed");
        assert!(began.elapsed() < Duration::from_secs(60), "no range was done within a minute");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Starts a batch again and again and kills it twenty times at moments that are spread over its usual time, then lets it
/// finish. `journal` is the folder of its journal.
fn kill_twenty_times(start: &dyn Fn() -> Command, journal: &Path, usual: Duration) {
    // At most what keeps twenty rounds short on a busy machine.
    let usual = (usual.as_micros() as u64).min(8_000_000);
    let mut state = 42u64;
    let (mut killed, mut rounds, mut finished) = (0, 0, 0);
    while killed < 20 {
        let mut child = spawn(start());
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_micros((state >> 33) % usual.max(1)));
        if child.try_wait().unwrap().is_none() {
            killed += 1;
        }
        let _ = child.kill();
        child.wait().unwrap();
        let lines = std::fs::read_to_string(journal.join("journal")).map_or(0, |text| text.lines().count());
        if lines > 0 && finished > 0 {
            assert!(lines >= 2, "a range that was finished is not forgotten");
        }
        finished = lines.saturating_sub(1);
        rounds += 1;
        assert!(rounds < 200, "{killed} of 20 kills came in time");
    }
    let mut last = start();
    let done = last.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let done: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(done["profiles"]["customers"], cdnow().len() as u64, "{done:#}");
}

#[test]
fn killed_twenty_times_it_ends_as_if_never_killed() {
    let expected = undisturbed();
    let (folder, trial) = (scratch(), scratch());
    let began = Instant::now();
    whole(trial.path(), &[]);
    let usual = began.elapsed();
    let start = || batch(folder.path(), registry(), &[]);
    kill_twenty_times(&start, &folder.path().join("profiles.db.batch"), usual);
    assert!(dump(folder.path()) == expected, "the store differs from that of an undisturbed run");
}

/// Every row of a PostgreSQL store, a line each, without what depends on the connection (which stripe of the clock), on retries
/// (the numbers of changes) and on chance (secrets).
fn dump_postgres(cluster: &Cluster, database: &str) -> Vec<String> {
    let tables = cluster.sql(
        database,
        "SELECT tablename FROM pg_tables WHERE schemaname = 'homing'
         AND tablename NOT IN ('clocks', 'secrets', 'schema_version') ORDER BY tablename",
    );
    let mut rows = Vec::new();
    for table in tables.lines() {
        rows.push(format!("table {table}"));
        let sql = format!("SELECT to_jsonb(t) - 'cursor' FROM homing.\"{table}\" t ORDER BY 1");
        let found = cluster.sql(database, &sql);
        // When the last batch ended, and how long it took.
        rows.extend(found.lines().filter(|row| !row.contains("\"batch.last\"")).map(str::to_owned));
    }
    rows.push(cluster.sql(database, "SELECT max(happened_until), max(known_until) FROM homing.clocks"));
    rows
}

#[test]
fn killed_twenty_times_on_postgresql_it_ends_as_if_never_killed() {
    let cluster = Cluster::start(false);
    let folder = scratch();
    let start = |url: &str, journal: &str| {
        let mut command = homing();
        command.args(["score", "--purchases", CDNOW, "--memory", "16M", "--scored-at", "2026-01-01"]);
        command.args(["--profiles", url, "--journal", journal, "--json", "--registry"]).arg(registry());
        command.current_dir(folder.path());
        command
    };
    let (calm, disturbed) = (cluster.database("calm"), cluster.database("disturbed"));
    let began = Instant::now();
    let done = start(&calm, "calm").output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let usual = began.elapsed();
    kill_twenty_times(&|| start(&disturbed, "disturbed"), &folder.path().join("disturbed"), usual);
    let (calm, disturbed) = (dump_postgres(&cluster, "calm"), dump_postgres(&cluster, "disturbed"));
    assert!(calm.len() > cdnow().len(), "the store is empty");
    assert!(calm == disturbed, "the store differs from that of an undisturbed run");
}

#[test]
fn finished_ranges_are_not_done_twice() {
    let folder = scratch();
    let mut child = spawn(batch(folder.path(), registry(), &[]));
    wait_for_a_range(folder.path(), &mut child);
    child.kill().unwrap();
    child.wait().unwrap();
    let journal = std::fs::read_to_string(folder.path().join("profiles.db.batch/journal")).unwrap();
    let mut marks = journal.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let mark: Value = serde_json::from_str(marks.next_back().unwrap()).unwrap();
    let done = whole(folder.path(), &[]);
    assert_eq!(done["resumed_after"], mark["upto"], "{done:#}");
    let profiles = &done["profiles"];
    assert_eq!(profiles["customers"], cdnow().len() as u64);
    // What lies in the finished ranges stands in the sums as it was: written once, and not looked at again.
    let at_least = mark["done"]["inserted"].as_u64().unwrap();
    assert!(profiles["inserted"].as_u64().unwrap() >= at_least, "{done:#}");
    assert!(dump(folder.path()) == undisturbed());
}

#[test]
#[cfg(unix)]
fn asked_to_end_it_says_what_is_left() {
    let folder = scratch();
    let mut command = batch(folder.path(), registry(), &[]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for_a_range(folder.path(), &mut child);
    let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(told.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    let done = summary["profiles"]["customers"].as_u64().unwrap();
    assert!(done > 0 && done < cdnow().len() as u64, "{done}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("run the same command again to continue"), "{said}");
    whole(folder.path(), &[]);
    assert!(dump(folder.path()) == undisturbed());
}

#[test]
fn a_second_batch_is_kept_out() {
    let folder = scratch();
    let mut child = spawn(batch(folder.path(), registry(), &[]));
    wait_for_a_range(folder.path(), &mut child);
    let second = run::<&str>(batch(folder.path(), registry(), &[]), folder.path(), []);
    second.says(1, &["another batch run is writing to this profile store", "profiles.db.batch", "--shard"]);
    assert!(child.wait().unwrap().success());
    assert!(dump(folder.path()) == undisturbed());
}

#[test]
fn a_run_ends_with_the_model_it_began_with() {
    let folder = scratch();
    let own = folder.path().join("registry");
    copy(registry(), &own);
    let mut child = spawn(batch(folder.path(), &own, &[]));
    wait_for_a_range(folder.path(), &mut child);
    // A new champion while the batch runs: one that learned from half of the customers.
    let half: String = std::iter::once("customer_id,occurred_at,amount\n".to_owned())
        .chain(cdnow().iter().step_by(2).flat_map(|(id, history)| {
            let events: Vec<String> = history
                .events()
                .map(|e| {
                    let at = homing_datasets::Zone::default().format(e.occurred_at);
                    format!("{id},{at},{}\n", e.amount)
                })
                .collect();
            events
        }))
        .collect();
    let half = write(folder.path(), "half.csv", &half);
    child.kill().unwrap();
    child.wait().unwrap();
    fit(half, folder.path(), &own, None).says(0, &[]);
    let done = run::<&str>(batch(folder.path(), &own, &[]), folder.path(), []).json();
    let first = bundle(registry()).file_name().unwrap().to_str().unwrap().to_owned();
    assert_eq!(done["model"], format!("homing@{first}"));
    assert!(dump(folder.path()) == undisturbed(), "two models in one run");
    // The next run takes the new one.
    let next = run::<&str>(batch(folder.path(), &own, &[]), folder.path(), []).json();
    assert_ne!(next["model"], done["model"]);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &target) } else { std::fs::copy(&path, &target).map(|_| ()).unwrap() }
    }
}

#[test]
fn shards_together_do_what_one_run_does() {
    let folder = scratch();
    let mut customers = 0;
    for shard in ["2/3", "1/3", "3/3"] {
        let done = whole(folder.path(), &["--shard", shard]);
        assert_eq!((&done["shard"], &done["as_of"]), (&shard.into(), &"1998-06-30T00:00:00Z".into()));
        customers += done["profiles"]["inserted"].as_u64().unwrap();
    }
    assert_eq!(customers, cdnow().len() as u64);
    let again = whole(folder.path(), &[]);
    assert_eq!(again["profiles"]["unchanged"], cdnow().len() as u64, "{again:#}");
    let wrong = run::<&str>(batch(folder.path(), registry(), &["--shard", "4/3"]), folder.path(), []);
    wrong.says(2, &["4/3", "3/16"]);
}

/// A file of scores with `--out` and these flags.
fn score_file(folder: &Path, purchases: &str, memory: &str, threads: &str) -> Vec<u8> {
    let mut command = homing();
    command.env("RAYON_NUM_THREADS", threads);
    command.args(["score", "--purchases", purchases, "--memory", memory, "--scored-at", "2026-01-01"]);
    command.args(["--out", "scores.parquet", "--scratch", ".", "--registry"]).arg(registry());
    run::<&str>(command, folder, []).says(0, &[]);
    std::fs::read(folder.join("scores.parquet")).unwrap()
}

#[test]
fn memory_and_threads_do_not_change_a_byte_of_the_file() {
    let folder = scratch();
    let first = score_file(folder.path(), CDNOW, "1G", "1");
    for (memory, threads) in [("16M", "1"), ("16M", "3"), ("64M", "2")] {
        assert!(score_file(folder.path(), CDNOW, memory, threads) == first, "{memory}, {threads} threads");
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["scores.parquet"], "nothing else is left");
}

/// As many lines as make a run in 16 MB use its temporary file.
fn many_lines(folder: &Path) -> &'static str {
    let mut text = String::from("customer_id,occurred_at,amount\n");
    for line in 0..400_000u32 {
        let day = line.wrapping_mul(2_654_435_761) >> 20;
        text.push_str(&format!(
            "c{:06},199{}-0{}-1{},{}.5\n",
            line % 9973,
            7 + day % 2,
            1 + day % 6,
            day % 9,
            day % 90
        ));
    }
    write(folder, "many.csv", &text)
}

/// `homing score` under a limit of the size of files: what a full disk looks like to a process.
#[cfg(unix)]
fn limited(folder: &Path, blocks: u32, purchases: &str, rest: &str) -> Told {
    let mut command = Command::new("sh");
    let homing = env!("CARGO_BIN_EXE_homing");
    let script = format!(
        "trap '' XFSZ; ulimit -f {blocks}; exec {homing} score --memory 16M --scratch . --purchases {purchases} --registry {} {rest}",
        registry().display()
    );
    command.args(["-c", &script]);
    run::<&str>(command, folder, [])
}

#[test]
#[cfg(unix)]
fn a_full_disk_is_said_and_leaves_nothing_behind() {
    let folder = scratch();
    let purchases = many_lines(folder.path());
    let told = limited(folder.path(), 1000, purchases, "--out scores.csv");
    told.says(1, &["temporary file", "--scratch"]);
    let left = || -> Vec<_> {
        let mut names: Vec<String> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(left(), ["many.csv"]);
    // Room for the lines, but not for the scores.
    let told = limited(folder.path(), 100, CDNOW, "--out scores.csv");
    told.says(1, &["scores.csv", "cannot be written", "free disk space"]);
    assert_eq!(left(), ["many.csv"]);
    // A store that cannot grow keeps what it has, and the same run later completes it.
    let into = "--profiles sqlite:profiles.db --json --scored-at 2026-01-01";
    let told = limited(folder.path(), 12_000, CDNOW, into);
    told.says(1, &["profiles.db"]);
    whole(folder.path(), &[]);
    let (mut here, mut there) = (dump(folder.path()), undisturbed());
    // How rows are numbered depends on nothing but the customers' order, and so do the rows.
    here.retain(|row| row.len() > 1);
    there.retain(|row| row.len() > 1);
    assert!(here == there, "the store differs from that of an undisturbed run");
}

#[test]
fn a_killed_run_leaves_no_temporary_file() {
    let folder = scratch();
    let temporary = folder.path().join("temporary");
    std::fs::create_dir(&temporary).unwrap();
    let purchases = many_lines(folder.path());
    let mut command = homing();
    command.args(["score", "--purchases", purchases, "--memory", "16M", "--out", "scores.csv", "--registry"]);
    command.arg(registry()).arg("--scratch").arg(&temporary).current_dir(folder.path());
    let mut child = spawn(command);
    let began = Instant::now();
    // Scores are written once everything is read.
    while std::fs::metadata(folder.path().join("scores.csv.part")).map_or(0, |found| found.len()) == 0 {
        assert!(child.try_wait().unwrap().is_none() && began.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
    // What lies there of the scores bears another name, and the next run clears it away.
    assert!(!folder.path().join("scores.csv").exists());
    score_file(folder.path(), purchases, "16M", "2");
    let mut command = homing();
    command.args(["score", "--purchases", purchases, "--out", "scores.csv", "--registry"]).arg(registry());
    run::<&str>(command, folder.path(), []).says(0, &[]);
    assert!(!folder.path().join("scores.csv.part").exists());
}

#[test]
fn bad_files_stop_the_run_before_the_store_is_touched() {
    let folder = scratch();
    whole(folder.path(), &[]);
    let before = dump(folder.path());
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let put = |name: &str, bytes: &[u8]| std::fs::write(data.join(name), bytes).unwrap();
    let good = "customer_id,occurred_at,amount\na,1998-07-01,5\n";
    let refused = |code: i32, words: &[&str]| {
        let mut command = homing();
        command.args(["score", "--purchases", "data", "--profiles", "sqlite:profiles.db", "--registry"]);
        run::<&str>(
            {
                command.arg(registry());
                command
            },
            folder.path(),
            [],
        )
        .says(code, words);
        assert!(dump(folder.path()) == before, "the store was touched");
    };
    put("1.csv", good.as_bytes());
    // A header that changes between files.
    put("2.csv", b"customer_id,remark,amount\nb,1998-07-01,5\n");
    refused(1, &["2.csv", "no column `occurred_at`", "--columns"]);
    // Parquet that was cut off, at the end and in its middle.
    std::fs::remove_file(data.join("2.csv")).unwrap();
    let parquet = std::fs::read(CDNOW).unwrap();
    put("2.parquet", &parquet[..parquet.len() / 2]);
    refused(1, &["2.parquet", "truncated or damaged"]);
    let mut holed = parquet.clone();
    holed[5000..9000].fill(0);
    put("2.parquet", &holed);
    refused(1, &["2.parquet"]);
    // A customer whose id is a megabyte long: one line in two, so the run stops and says which.
    std::fs::remove_file(data.join("2.parquet")).unwrap();
    put(
        "2.csv",
        format!("customer_id,occurred_at,amount\n{},1998-07-01,5\n", "x".repeat(1 << 20)).as_bytes(),
    );
    refused(3, &["1 of 2 rows", "text_too_long", "longer than 1000 bytes"]);
    let rejects = std::fs::read_to_string(folder.path().join("homing-rejects.csv")).unwrap();
    assert!(rejects.len() < 2000, "the rejects file shows the beginning of it: {} bytes", rejects.len());
}
