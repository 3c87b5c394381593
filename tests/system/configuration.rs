//! Whoever sets homing up: one homing.toml for both programs, secrets in files, answers to every mistake.

use std::path::Path;

use serde_json::Value;

use crate::support::{CDNOW, Told, homing, homing_train, registry, run, scratch, write};

const SHOP: &str = "customer_id,occurred_at,amount\na,1997-01-01,5\na,1997-02-01,7\nb,1997-03-01,9\n";

/// The effective setting of a command.
fn setting(folder: &Path, command: &[&str], key: &str) -> Value {
    let shown = run(homing(), folder, ["config", "show", "--json"].iter().chain(command)).json();
    let settings = shown["commands"][0]["settings"].as_array().unwrap().clone();
    settings
        .into_iter()
        .find(|one| one["key"] == key)
        .unwrap_or_else(|| panic!("{key} is missing in {shown:#}"))
}

/// The job of `docs/nightly.md` for cron and systemd: nothing but `homing score --json`, all else in the file.
#[test]
fn the_documented_jobs_run_with_nothing_but_the_file() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/nightly.md")).unwrap();
    assert_eq!(page.matches("homing score --json").count(), 2, "the jobs of cron and systemd");
    let folder = scratch();
    let home = folder.path();
    write(home, "shop.csv", SHOP);
    let config = format!(
        "registry = '{}'\nprofiles = 'sqlite:profiles.db'\n\n[score]\npurchases = ['shop.csv']\nsnapshot = 'snapshot'\n\
         out = 'scores.csv'\n\n[fit]\npurchases = ['{CDNOW}']\n",
        registry().display()
    );
    write(home, "etc.toml", &config);
    let mut job = homing();
    job.env("HOMING_CONFIG", "etc.toml");
    let told = run(job, home, ["score", "--json"]).json();
    assert_eq!(
        (&told["profiles"]["customers"], &told["file"]["customers"]),
        (&2.into(), &2.into()),
        "{told:#}"
    );
    assert!(home.join("snapshot").is_dir() && home.join("scores.csv").is_file());
    // `[fit]` belongs to the other program, which takes the same file; `erased` has an `out` of its own.
    run(homing_train(), home, ["check", "--config", "etc.toml"]).says(2, &["--purchases"]);
    run(homing(), home, ["erased", "--config", "etc.toml"]).says(2, &["--out"]);
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let folder = scratch();
    let home = folder.path();
    write(home, "homing.toml", "memory = '111M'\n[tags.try]\nmemory = '222M'\n");
    let memory = |command: &[&str]| setting(home, command, "memory");
    assert_eq!((&memory(&["score"])["values"][0], &memory(&["score"])["line"]), (&"111M".into(), &1.into()));
    assert_eq!(
        (&memory(&["tags", "try"])["values"][0], &memory(&["tags", "try"])["line"]),
        (&"222M".into(), &3.into())
    );
    assert_eq!(memory(&["homing-train", "fit"])["values"][0], "111M");
    assert_eq!(memory(&["score", "--memory", "444M"])["source"], "flag");
    let mut command = homing();
    command.env("HOMING_MEMORY", "333M");
    let told = run(command, home, ["config", "show", "score"]);
    assert!(told.out.lines().any(|line| line.contains("333M") && line.contains("HOMING_MEMORY")), "{told:?}");
    std::fs::remove_file(home.join("homing.toml")).unwrap();
    assert_eq!(
        (&memory(&["score"])["values"][0], &memory(&["score"])["source"]),
        (&"1G".into(), &"default".into())
    );
}

#[test]
fn mistakes_in_the_file_are_answered_before_anything_is_done() {
    let folder = scratch();
    let home = folder.path();
    let tries = |config: &str, words: &[&str]| {
        write(home, "homing.toml", config);
        run(homing(), home, ["tags", "try", "1"]).says(2, words);
        run(homing_train(), home, ["check"]).says(2, words);
    };
    tries("memry = '1G'\n", &["homing.toml:1", "`memry`", "did you mean `memory`?"]);
    tries("[fitt]\n", &["unknown section [fitt]", "[fit]"]);
    tries("max_rejects = 'all'\n", &["`max_rejects` must be a number"]);
    tries(
        "purchases = ['x.csv']\ntimezone = 'Mars'\n",
        &["homing.toml:2: `timezone`: `Mars` is not a time zone"],
    );
    tries("tags = 'tags.toml'\n", &["`tags` is now called `tags_file`"]);
    tries("purchases = [\n", &["homing.toml", "line"]);
    // Help, and what explains the file, go on working.
    write(home, "homing.toml", "memry = '1G'\n");
    assert_eq!(run(homing(), home, ["score", "--help"]).code, 0);
    assert_eq!(run(homing(), home, ["config", "example"]).code, 0);
    run(homing(), home, ["config", "show"]).says(2, &["`memry`"]);
    run(homing(), home, ["score", "--config", "gone.toml"]).says(2, &["gone.toml: cannot be read"]);
    let mut old = homing();
    old.env("HOMING_TAGS", "tags.toml");
    run(old, home, ["tags", "list"]).says(2, &["HOMING_TAGS", "HOMING_TAGS_FILE"]);
}

#[test]
fn the_example_file_changes_nothing() {
    let folder = scratch();
    let home = folder.path();
    let before = run(homing(), home, ["config", "show"]).out;
    let example = run(homing(), home, ["config", "example"]);
    write(home, "homing.toml", &example.out);
    let after = run(homing(), home, ["config", "show"]);
    assert_eq!((after.code, after.out == before), (0, true), "{after:?}");
}

#[test]
fn secrets_come_from_files_and_are_never_shown() {
    let folder = scratch();
    let home = folder.path();
    write(
        home,
        "homing.toml",
        "webhook = 'http://127.0.0.1:9/'\nwebhook_secret_file = 'secret'\nprofiles = 'postgres://u:geheim@h/d'\n",
    );
    let serve = || run(homing(), home, ["serve", "--listen", "127.0.0.1:0"]);
    serve().says(2, &["--webhook-secret-file secret", "cannot be read"]);
    write(home, "secret", "\n");
    serve().says(2, &["--webhook-secret-file secret", "is empty"]);
    let shown = run(homing(), home, ["config", "show"]);
    assert!(!shown.out.contains("geheim") && shown.out.contains("postgres://u:***@h/d"), "{shown:?}");
    let doctor = run(homing(), home, ["doctor", "--json"]);
    assert!(!doctor.out.contains("geheim") && !doctor.err.contains("geheim"), "{doctor:?}");

    write(home, "homing.toml", "profiles_password_file = 'secret'\n");
    let open = |profiles: &str| run(homing(), home, ["keys", "list", "--profiles", profiles]);
    open("sqlite:a.db").says(2, &["--profiles-password-file", "not a PostgreSQL address"]);
    open("postgres://h/d").says(2, &["names no user"]);
    open("postgres://u:p@h/d").says(2, &["already contains a password"]);
    open("postgres://u@h/d").says(2, &["secret", "is empty"]);
}

#[test]
fn half_a_pair_is_refused_wherever_it_comes_from() {
    let folder = scratch();
    let home = folder.path();
    let refused = |told: Told, words: &[&str]| told.says(2, words);
    let serve = |more: &[&str]| run(homing(), home, ["serve", "--listen", "127.0.0.1:0"].iter().chain(more));
    refused(serve(&["--tls-cert", "c.pem"]), &["--tls-key"]);
    refused(serve(&["--webhook", "http://crm/"]), &["--webhook-secret"]);
    refused(serve(&["--webhook-secret-file", "s"]), &["--webhook"]);
    let mut command = homing();
    command.env("HOMING_TLS_KEY", "k.pem");
    refused(run(command, home, ["serve", "--listen", "127.0.0.1:0"]), &["--tls-cert"]);
    for (config, words) in [
        ("tls_cert = 'c.pem'\n", ["--tls-key", "sets tls_cert (line 1)"]),
        ("[serve]\nwebhook = 'http://crm/'\n", ["--webhook-secret", "sets webhook (line 2)"]),
    ] {
        write(home, "homing.toml", config);
        refused(serve(&[]), &words);
    }
}

/// `score`, `next` and `tags` count days in the model's time zone; another one used to be passed over.
#[test]
fn a_time_zone_that_is_not_the_models_is_refused() {
    let folder = scratch();
    let home = folder.path();
    let shop = write(home, "shop.csv", SHOP);
    let asks = |words: &[&str]| {
        let mut command = homing();
        command.args(words).args(["--purchases", shop, "--registry"]).arg(registry());
        command
    };
    for words in [&["score", "--out", "o.csv"][..], &["next", "--out", "n.csv"], &["tags", "try", "1"]] {
        let told = run(asks(words), home, ["--timezone", "Asia/Shanghai"]);
        told.says(2, &["`--timezone Asia/Shanghai` is not the time zone of the model (UTC)"]);
        assert_eq!(run(asks(words), home, ["--timezone", "UTC"]).code, 0, "{words:?}");
    }
}

#[test]
fn models_are_listed_compared_promoted_rolled_back_and_exported() {
    let folder = scratch();
    let home = folder.path();
    let models = |words: &[&str]| run(homing(), home, ["models"].iter().chain(words));
    assert!(models(&[]).out.contains("homing-train fit"), "an empty registry names the next command");
    write(home, "shop.csv", "");
    copy(registry(), &home.join("registry"));
    let id =
        models(&["list", "--json"]).json()["models"][0]["manifest"]["version"].as_str().unwrap().to_owned();
    assert_eq!(models(&["--json"]).json(), models(&["list", "--json"]).json());
    let shown = models(&["show", "--json"]).json();
    assert_eq!(
        (&shown["manifest"]["version"], &shown["aliases"][0]),
        (&id.as_str().into(), &"champion".into())
    );
    let words = models(&["show"]).out;
    assert!(["AUC", "log loss", "spend bias", "grade"].iter().all(|name| words.contains(name)), "{words}");
    models(&["show", "nothing"]).says(1, &["no model `nothing`"]);
    let told = models(&["promote", &id]);
    assert!(told.out.contains("is already the champion"), "{told:?}");
    models(&["rollback"]).says(2, &["no earlier champion"]);

    // A second model, from half a year less.
    let mut fit = homing_train();
    fit.args([
        "fit",
        "--purchases",
        CDNOW,
        "--as-of",
        "1997-09-30",
        "--horizons",
        "30,90",
        "--value-horizon",
        "90",
        "--challenger",
    ]);
    assert_eq!(run::<&str>(fit, home, []).code, 0);
    let compared = models(&["compare", &id, "homing@challenger", "--json"]).json();
    let metrics = compared["metrics"].as_array().unwrap();
    assert!(metrics.iter().any(|one| one["a"].is_number() && one["b"].is_number()), "{compared:#}");
    assert_eq!(compared["same_data"], false);
    let words = models(&["compare", &id, "homing@challenger"]).out;
    assert!(["AUC", "calibration error"].iter().all(|name| words.contains(name)), "{words}");
    let promoted = models(&["promote", "homing@challenger", "--json"]).json();
    assert_eq!(promoted["before"], id.as_str());
    let back = models(&["rollback", "--json"]).json();
    assert_eq!(back["model"]["version"], id.as_str());
    assert_eq!(models(&["export", "--out", "copy"]).code, 0);
    assert_eq!(models(&["show", "copy", "--json"]).json()["manifest"]["version"], id.as_str());
    models(&["export", "--out", "copy"]).says(2, &["exists"]);
    models(&["promote", "copy"]).says(2, &["not in the registry"]);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)
        } else {
            std::fs::copy(entry.path(), target).map(drop).unwrap()
        }
    }
}

#[test]
fn progress_is_plain_lines_where_no_terminal_is() {
    let folder = scratch();
    let mut fit = homing_train();
    fit.args([
        "fit",
        "--purchases",
        CDNOW,
        "--as-of",
        "1997-09-30",
        "--horizons",
        "90",
        "--value-horizon",
        "90",
    ]);
    let told = run::<&str>(fit, folder.path(), []);
    assert_eq!(told.code, 0);
    assert!(told.err.lines().filter(|line| line.contains(" s  fit: ")).count() >= 3, "{}", told.err);
}

#[test]
fn completions_man_pages_and_versions_are_printed() {
    let folder = scratch();
    let home = folder.path();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(run(homing(), home, ["completions", shell]).out.contains("promote"), "{shell}");
        assert!(run(homing_train(), home, ["completions", shell]).out.contains("backtest"), "{shell}");
    }
    assert_eq!(run(homing(), home, ["man", "--out", "man1"]).code, 0);
    for page in ["homing.1", "homing-score.1", "homing-models-promote.1", "homing-train-fit.1"] {
        assert!(home.join("man1").join(page).exists(), "{page}");
    }
    assert!(
        run(homing(), home, ["--version"]).out.starts_with(concat!("homing ", env!("CARGO_PKG_VERSION")))
    );
    run(homing(), home, ["scor"]).says(2, &["similar subcommand", "'score'"]);
}

#[test]
fn no_command_writes_where_another_one_reads() {
    let folder = scratch();
    let home = folder.path();
    std::fs::create_dir(home.join("in")).unwrap();
    write(home, "in/shop.csv", SHOP);
    write(home, "homing.toml", "purchases = ['in']\n\n[identity]\nmembers = ['members']\n");
    let inside = |args: &[&str]| run(homing(), home, args).says(2, &["--out", "is inside the input folder"]);
    std::fs::create_dir(home.join("members")).unwrap();
    inside(&["simulate", "--customers", "10", "--out", "in/chain"]);
    inside(&["simulate", "--customers", "10", "--out", "members"]);
    inside(&["man", "--out", "in/man"]);
    inside(&["erased", "--profiles", "sqlite:profiles.db", "--out", "in/erased.json"]);
    inside(&["campaign", "make", "spring", "--profiles", "sqlite:profiles.db", "--out", "in/list.csv"]);
    inside(&["models", "export", "--registry", &registry().display().to_string(), "--out", "in/model"]);
    run(homing_train(), home, ["man", "--out", "in/man"]).says(2, &["is inside the input folder"]);
    // Where data lie that nobody has named in a setting.
    std::fs::remove_file(home.join("homing.toml")).unwrap();
    run(homing(), home, ["simulate", "--customers", "10", "--out", "in"])
        .says(2, &["in/shop.csv", "empty folder"]);
    // The list of rejects is an output of whoever reads purchases.
    for command in [
        &["tags", "try", "orders", "--purchases", "in/shop.csv", "--rejects", "in/shop.csv"][..],
        &["tags", "fit-scales", "--purchases", "in/shop.csv", "--rejects", "in/shop.csv"],
        &["baskets", "--purchases", "in/shop.csv", "--columns-file", "c.toml", "--rejects", "in/shop.csv"],
    ] {
        run(homing(), home, command).says(2, &["--rejects in/shop.csv", "is the input"]);
    }
    write(home, "c.toml", "amount = 'amount'\n");
    let over = ["baskets", "--purchases", "in/shop.csv", "--columns-file", "c.toml", "--out", "c.toml"];
    assert_eq!(run(homing(), home, over).code, 2);
    assert_eq!(std::fs::read_to_string(home.join("in/shop.csv")).unwrap(), SHOP);
    assert_eq!(std::fs::read_dir(home.join("in")).unwrap().count(), 1);
}
