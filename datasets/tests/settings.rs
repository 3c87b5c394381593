//! `homing.toml`, environment and flags together, and what is said of every mistake.

#![cfg(test)]

use std::ffi::OsString;
use std::path::Path;

use clap::{Arg, ArgAction, ArgMatches, Command};

use homing_datasets::settings::show::{Source, effective, without_secrets};
use homing_datasets::settings::{File, Stop, complete, parse, show};

/// A program with some of the settings of `homing`.
fn program() -> Command {
    let text = |name: &'static str, variable: &'static str| Arg::new(name).long(name).env(variable);
    let score = Command::new("score")
        .arg(text("out", "HOMING_TEST_OUT").required_unless_present("profiles"))
        .arg(text("profiles", "HOMING_TEST_PROFILES"))
        .arg(
            text("timezone", "HOMING_TEST_TIMEZONE").value_parser(clap::value_parser!(homing_datasets::Zone)),
        )
        .arg(text("strict", "HOMING_TEST_STRICT").action(ArgAction::SetTrue))
        .arg(
            text("purchases", "HOMING_TEST_PURCHASES").required(true).num_args(1..).action(ArgAction::Append),
        )
        .arg(Arg::new("rest").num_args(0..));
    let serve = Command::new("serve")
        .arg(text("webhook", "HOMING_TEST_WEBHOOK").requires("secret"))
        .arg(text("webhook-secret", "HOMING_TEST_WEBHOOK_SECRET").group("secret").hide_env_values(true))
        .arg(text("webhook-secret-file", "HOMING_TEST_WEBHOOK_SECRET_FILE").group("secret"))
        .arg(text("tls-cert", "HOMING_TEST_TLS_CERT").requires("tls-key"))
        .arg(text("tls-key", "HOMING_TEST_TLS_KEY").requires("tls-cert"));
    complete(Command::new("homing").subcommand(score).subcommand(serve).subcommand_required(true))
}

/// Parses a command line over a file; errors as people see them.
fn parse_over(config: &str, args: &[&str]) -> Result<ArgMatches, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("homing.toml");
    std::fs::write(&path, config).unwrap();
    let args = args.iter().copied().map(OsString::from);
    let args = args.chain(["--config".into(), path.into_os_string()]).collect();
    match parse(&program(), args) {
        Ok(parsed) => Ok(parsed.matches.subcommand().unwrap().1.clone()),
        Err(Stop::Config(error)) => Err(error.to_string()),
        Err(Stop::Clap(error, note)) => Err(format!("{error}\n{}", note.unwrap_or_default())),
    }
}

fn fault(config: &str) -> String {
    File::parse(Path::new("homing.toml"), config).unwrap_err().to_string()
}

#[test]
fn the_file_satisfies_required_flags_and_flags_win_over_it() {
    let config = "purchases = ['a.csv', 'b.csv']\nprofiles = 'sqlite:a.db'\nstrict = true\ntimezone = 'UTC'\n\
                  [score]\ntimezone = 'Asia/Shanghai'\n";
    let texts = |matches: &ArgMatches, name: &str| -> Vec<String> {
        matches.get_raw(name).unwrap().map(|value| value.to_string_lossy().into_owned()).collect()
    };
    let matches = parse_over(config, &["homing", "score"]).unwrap();
    assert_eq!(texts(&matches, "purchases"), ["a.csv", "b.csv"]);
    assert_eq!(texts(&matches, "timezone"), ["Asia/Shanghai"]);
    assert!(matches.get_flag("strict"));
    let matches = parse_over(config, &["homing", "score", "--purchases", "c.csv", "--timezone=UTC"]).unwrap();
    assert_eq!(
        (texts(&matches, "purchases"), texts(&matches, "timezone")),
        (vec!["c.csv".into()], vec!["UTC".into()])
    );
    assert!(parse_over("purchases = 'a'", &["homing", "score"]).unwrap_err().contains("--out"));
}

#[test]
fn values_of_the_file_stand_before_the_double_dash() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("homing.toml");
    std::fs::write(&path, "purchases = 'a.csv'\n[score]\nout = 'o.csv'\n").unwrap();
    let args = ["homing", "score", "--config", path.to_str().unwrap(), "--", "--out"];
    let parsed = parse(&program(), args.iter().map(OsString::from).collect()).unwrap();
    let matches = parsed.matches.subcommand().unwrap().1;
    assert_eq!(matches.get_one::<String>("out").unwrap(), "o.csv");
    assert_eq!(matches.get_one::<String>("rest").unwrap(), "--out");
}

#[test]
fn half_a_pair_in_the_file_is_refused_and_named() {
    let told = parse_over("tls_cert = 'c.pem'\n", &["homing", "serve"]).unwrap_err();
    assert!(told.contains("--tls-key") && told.contains("sets tls_cert (line 1)"), "{told}");
    let told = parse_over("webhook = 'http://crm/hook'\n", &["homing", "serve"]).unwrap_err();
    assert!(told.contains("--webhook-secret") && told.contains("sets webhook (line 1)"), "{told}");
    parse_over("webhook = 'http://crm/hook'\nwebhook_secret_file = 's'\n", &["homing", "serve"]).unwrap();
    // One half may come from the file and the other from a flag.
    parse_over("tls_cert = 'c.pem'\n", &["homing", "serve", "--tls-key", "k.pem"]).unwrap();
}

#[test]
fn a_secret_overrides_a_secrets_file_in_a_place_further_away() {
    let config =
        "webhook = 'http://crm/hook'\nwebhook_secret_file = 'far'\n[serve]\nwebhook_secret = 'near'\n";
    let matches = parse_over(config, &["homing", "serve"]).unwrap();
    assert_eq!(matches.get_one::<String>("webhook-secret").unwrap(), "near");
    assert!(matches.get_one::<String>("webhook-secret-file").is_none());
    let matches = parse_over(config, &["homing", "serve", "--webhook-secret-file", "flag"]).unwrap();
    assert_eq!(matches.get_one::<String>("webhook-secret-file").unwrap(), "flag");
    assert!(matches.get_one::<String>("webhook-secret").is_none());
}

#[test]
fn every_kind_of_mistake_names_line_and_remedy() {
    let cases: &[(&str, &[&str])] = &[
        (
            "\nchurn_horizn = 3",
            &["homing.toml:2", "`churn_horizn`", "did you mean `churn_horizon`?", "config example"],
        ),
        ("churn-horizon = 3", &["`churn-horizon`", "did you mean `churn_horizon`?"]),
        ("[score]\nmemry = '1G'", &["homing.toml:2", "in [score]", "did you mean `memory`?"]),
        ("[scor]\nmemory = '1G'", &["homing.toml:1", "unknown section [scor]", "did you mean [score]?"]),
        ("[tags.tri]\nmemory = '1G'", &["unknown section [tags.tri]", "did you mean [tags.try]?"]),
        ("max_rejects = 'lots'", &["`max_rejects` must be a number", "text \"lots\""]),
        ("strict = 'yes'", &["`strict` must be true or false", "text \"yes\""]),
        ("purchases = { a = 1 }", &["`purchases` must be a list", "a table"]),
        ("churn_horizon = 1.5", &["`churn_horizon` must be a whole number", "1.5"]),
        ("timezone = true", &["`timezone` must be a text in quotes"]),
        ("columns = 3", &["`columns` must be a table"]),
        ("out = 'scores.csv'", &["`out` belongs in the section of a command", "[score]"]),
        ("json = true", &["`json` belongs in the section of a command"]),
        (
            "[serve]\ncutoffs = ['2025-01-01']",
            &["homing.toml:2", "[serve] has no setting `cutoffs`", "[backtest]"],
        ),
        ("[serve]\nout = 'x'", &["[serve] has no setting `out`", "[score]"]),
        ("tags = 'tags.toml'", &["`tags` is now called `tags_file`"]),
        ("erased = 'e.json'", &["`erased` is now called `erased_file`"]),
        ("playbook = 'p.toml'", &["`playbook` is now called `playbook_file`"]),
        ("score = 1", &["`score` is a command", "[score]"]),
        ("writeback = 'x'", &["`writeback` is a section"]),
        ("a = [", &["line 1"]),
        ("memory = '1G'\nmemory = '2G'", &["line 2", "duplicate key"]),
    ];
    for (config, words) in cases {
        let told = fault(config);
        assert!(words.iter().all(|word| told.contains(word)), "{config}\n{told}");
    }
    let told = fault("a_b_c = 1\n[fit]\nstrict = 1\n");
    assert_eq!(told.lines().count(), 2, "all at once: {told}");
    assert!(
        File::read(Path::new("gone.toml")).unwrap_err().to_string().contains("gone.toml: cannot be read")
    );
}

#[test]
fn a_value_that_a_setting_does_not_take_is_told_by_its_key() {
    let told =
        parse_over("purchases = 'a'\nprofiles = 'p'\ntimezone = 'Mars'", &["homing", "score"]).unwrap_err();
    assert!(told.contains("homing.toml:3: `timezone`: `Mars` is not a time zone"), "{told}");
    assert!(!told.contains("--"), "{told}");
}

#[test]
fn sections_of_both_programs_and_nested_commands_are_known() {
    let config = "memory = '1G'\n[columns]\namount = 'total'\n[writeback]\ntable = 't'\n[fit]\nhorizons = [30]\n\
                  [tags]\nmemory = '2G'\n[tags.try]\nmemory = '3G'\n[campaign.make]\nout = 'list.csv'\n";
    let file = File::parse(Path::new("homing.toml"), config).unwrap();
    let memory = |path: &[&str]| {
        let path: Vec<String> = path.iter().map(|&name| name.to_owned()).collect();
        let found = file.find(&path, "memory").unwrap();
        (found.entry.value.as_str().unwrap().to_owned(), found.entry.line)
    };
    assert_eq!(memory(&["score"]), ("1G".to_owned(), 1));
    assert_eq!(memory(&["tags", "explain"]), ("2G".to_owned(), 9));
    assert_eq!(memory(&["tags", "try"]), ("3G".to_owned(), 11));
}

#[test]
fn effective_values_name_their_source_and_hide_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("homing.toml");
    std::fs::write(&path, "webhook = 'https://u:pw@crm/hook?token=t'\nwebhook_secret = 'hush'\n").unwrap();
    let args = ["homing", "serve", "--tls-key", "k.pem", "--config", path.to_str().unwrap()];
    let shown = effective(&program(), &args.map(OsString::from)).unwrap();
    let of = |key: &str| shown.settings.iter().find(|one| one.key == key).unwrap();
    assert_eq!((&*of("tls_key").values, &of("tls_key").source), (&["k.pem".to_owned()][..], &Source::Flag));
    assert_eq!(of("tls_cert").source, Source::Unset);
    assert_eq!(of("webhook").values, ["https://u:***@crm/hook?token=***"]);
    assert_eq!(of("webhook_secret").values, ["(hidden)"]);
    let Source::File { line, .. } = of("webhook_secret").source else { panic!("{shown:?}") };
    assert_eq!(line, 2);
}

#[test]
fn passwords_in_addresses_are_hidden() {
    let cases = [
        (
            "postgres://homing:geheim@db:5432/crm?sslmode=require",
            "postgres://homing:***@db:5432/crm?sslmode=require",
        ),
        ("postgres://homing@db/crm?password=geheim", "postgres://homing@db/crm?password=***"),
        ("postgres://homing:a@b@db/crm", "postgres://homing:***@db/crm"),
        ("sqlite:profiles.db", "sqlite:profiles.db"),
        ("https://crm/hook/path", "https://crm/hook/path"),
    ];
    for (address, shown) in cases {
        assert_eq!(without_secrets(address), shown);
    }
}

#[test]
fn a_secret_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (gone, empty, right) =
        (folder.path().join("gone"), folder.path().join("empty"), folder.path().join("right"));
    std::fs::write(&empty, "\n").unwrap();
    std::fs::write(&right, "hush \r\n").unwrap();
    let told = show::secret_of("webhook-secret-file", &gone).unwrap_err().to_string();
    assert!(told.contains("--webhook-secret-file") && told.contains("gone"), "{told}");
    assert!(show::secret_of("webhook-secret-file", &empty).unwrap_err().to_string().contains("is empty"));
    assert_eq!(show::secret_of("webhook-secret-file", &right).unwrap(), "hush ");
}
