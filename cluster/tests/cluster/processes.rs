//! Jobs on a cluster of processes.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::support::{
    Cluster, Process, assert_same_scores, cdnow, done, score_alone, table, wait_for, write_purchases,
};

#[test]
fn a_cluster_scores_as_one_machine_does() {
    let cluster = Cluster::start();
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    score_alone(&cdnow(), &place("alone.parquet"));
    done(&mut cluster.score(&cdnow(), &place("cluster.parquet")));
    assert_same_scores(&place("alone.parquet"), &place("cluster.parquet"));

    // Text files of unlike headers, with lines that cannot be used, and a folder as the place.
    fs::create_dir(place("in")).unwrap();
    fs::write(
        place("in/1.csv"),
        "customer_id,occurred_at,amount\n007,1997-02-01,5\n,1997-02-01,5\n007,1997-03-01,many\n8,1997-03-01,7.5\n",
    )
    .unwrap();
    fs::write(
        place("in/2.csv"),
        "amount;kind;customer_id;occurred_at\n-3;;007;1998-01-05\n;visit;9;1998-01-06\n",
    )
    .unwrap();
    score_alone(&place("in"), &place("alone.parquet"));
    let said = done(cluster.score(&place("in"), &place("out")).args(["--max-rejects", "0.5"]));
    assert_same_scores(&place("alone.parquet"), &place("out/part-00000.parquet"));
    let said: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
    let read =
        serde_json::json!({"lines": 6, "events": 4, "without_customer": 1, "rejected": {"bad_amount": 1}});
    assert_eq!(said["read"], read);
    let file = serde_json::json!({"customers": 3, "scored": 2, "not_scored": {"no_purchase": 1}});
    assert_eq!(said["file"], file);

    into_profiles(&cluster, folder.path());
    refusals(&cluster, folder.path());
}

/// A snapshot that the cluster wrote is the one that a single machine writes, and its profiles are the same.
fn into_profiles(cluster: &Cluster, folder: &Path) {
    let profiles = |snapshot: &str| -> serde_json::Value {
        let mut score = std::process::Command::new(crate::support::binary("homing"));
        score
            .args(["score", "--json", "--scored-at", "1999-01-01", "--snapshot", snapshot])
            .arg("--purchases")
            .arg(cdnow());
        score.arg("--profiles").arg(format!("sqlite:{snapshot}.db"));
        score.arg("--registry").arg(crate::support::REGISTRY.path()).current_dir(folder);
        serde_json::from_slice(&done(&mut score).stdout).unwrap()
    };
    let alone = profiles("alone");
    let mut job = crate::support::homing_cluster();
    job.args(["snapshot", "--scheduler", &cluster.address, "--snapshot", "spread"]).current_dir(folder);
    done(job.arg("--purchases").arg(cdnow()));
    let files = |name: &str| -> Vec<(String, Vec<u8>)> {
        let entries = fs::read_dir(folder.join(name)).unwrap().map(Result::unwrap);
        let mut files: Vec<_> = entries
            .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
            .collect();
        files.sort();
        files
    };
    assert!(files("alone") == files("spread"), "the snapshots differ");
    let spread = profiles("spread");
    // The day's lines are in the snapshot already.
    assert_eq!(
        (&spread["snapshot"]["today"]["added"], &spread["snapshot"]["today"]["changed"]),
        (&0.into(), &0.into())
    );
    assert_eq!(spread["profiles"], alone["profiles"]);
    assert_eq!(spread["profiles"]["inserted"], 23_570);
    // A shard has its own customers, and a folder of another shard is refused before any work.
    let shard = |folder_of: &str, shard: &str| {
        let mut job = crate::support::homing_cluster();
        job.args([
            "snapshot",
            "--scheduler",
            &cluster.address,
            "--snapshot",
            folder_of,
            "--shard",
            shard,
            "--json",
        ]);
        job.arg("--purchases").arg(cdnow()).current_dir(folder).output().unwrap()
    };
    let part: serde_json::Value = serde_json::from_slice(&shard("part", "1/2").stdout).unwrap();
    let customers = part["snapshot"]["customers"].as_u64().unwrap();
    assert!((10_000..14_000).contains(&customers), "{part}");
    let refused = shard("spread", "1/2");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("1/2"), "{said}");
}

/// What a cluster cannot do it says, and leaves nothing at the place of the result.
fn refusals(cluster: &Cluster, folder: &Path) {
    let refused = |purchases: &Path, more: &[&str], words: &[&str]| {
        let out = folder.join("refused.parquet");
        let output = cluster.score(purchases, &out).args(more).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{said}");
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
        let left = fs::read_dir(folder)
            .unwrap()
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().starts_with("refused"));
        assert!(!left, "something was left behind");
    };
    refused(&folder.join("in"), &[], &["rejected", "bad_amount", "--max-rejects"]);
    refused(&folder.join("nowhere"), &[], &["no file matches", "nowhere"]);
    refused(&cdnow(), &["--model", "other"], &["other", "shop"]);
    refused(&cdnow(), &["--columns", "amount=total"], &["total", "cdnow.parquet"]);
    let whole = fs::read(cdnow()).unwrap();
    fs::write(folder.join("cut.parquet"), &whole[..whole.len() / 2]).unwrap();
    refused(&folder.join("cut.parquet"), &[], &["cut.parquet"]);
    // Sound at its end, broken in the middle: only the executors see it.
    let mut broken = whole;
    let middle = broken.len() / 2;
    broken[middle..middle + 2000].fill(0xa5);
    fs::write(folder.join("broken.parquet"), broken).unwrap();
    refused(&folder.join("broken.parquet"), &[], &["cluster error"]);
    // The cluster goes on.
    done(&mut cluster.score(&cdnow(), &folder.join("after.parquet")));
    assert_eq!(table(&folder.join("after.parquet")).num_rows(), 23_570);
}

/// An executor dies while lines are read into histories, then another while histories are scored: the jobs finish, and
/// every score is there once and right.
#[test]
fn a_dead_executor_costs_time_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    write_purchases(&place("in"), 80_000, 16);
    score_alone(&place("in"), &place("alone.parquet"));
    for (stage, name) in [("1", "map"), ("2", "reduce")] {
        let mut cluster = Cluster::start();
        let mut job = cluster.score(&place("in"), &place(name).with_extension("parquet"));
        // Mostly the cluster itself gets over it; at times it hands out lines of the lost executor twice, which the count of
        // events tells, and the job begins again with the executor that is left.
        job.args(["--attempts", "2"]).stdout(Stdio::null());
        let mut job = Process(job.stderr(fs::File::create(place("job.err")).unwrap()).spawn().unwrap());
        wait_for("the count", || fs::read_to_string(place("job.err")).ok()?.contains("count:").then_some(()));
        let before: Vec<String> = cluster.stages(0);
        let counting =
            |found: &str| before.iter().any(|old| old.split('/').next() == found.split('/').next());
        wait_for("the stage", || {
            assert!(
                job.0.try_wait().unwrap().is_none(),
                "the job was over before the executor could be killed"
            );
            let found =
                cluster.stages(0).into_iter().find(|found| !counting(found) && found.ends_with(stage));
            found.map(drop)
        });
        cluster.executors[0].0.kill().unwrap();
        let status = job.0.wait().unwrap();
        assert!(status.success(), "{}", fs::read_to_string(place("job.err")).unwrap());
        let log = cluster.log();
        // Whichever is noticed first: that it is silent, or that its files cannot be fetched.
        let words = [
            format!("/{stage} on lost Executor"),
            format!("current running Stage {stage} and its map Stage"),
        ];
        assert!(words.iter().any(|words| log.contains(words)), "no task of stage {stage} was lost: {log}");
        assert_same_scores(&place("alone.parquet"), &place(name).with_extension("parquet"));
    }
}
