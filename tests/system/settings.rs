//! The command lines of both programs against the settings, the docs and the manners that they promise.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use homing_datasets::settings::keys::{self, CommandKeys, Kind, SECRETS, SECTION_ONLY, TABLES, key_of};
use homing_datasets::settings::{self, describe};

use homing::cli::programs;

/// Settings whose environment variable is a standard of its own.
const OTHER_VARIABLES: [(&str, &str); 1] = [("otlp", "OTEL_EXPORTER_OTLP_ENDPOINT")];

/// Flags that are no settings, because what they ask for is done once; and the matrix of `features`, which takes several
/// instants where other commands take one.
const ONCE: [&str; 24] = [
    "features --as-of",
    "--help",
    "--version",
    "--config",
    "clock --set",
    "keys create --role",
    "keys create --name",
    "keys create --expires-days",
    "keys create --rate",
    "keys rotate --overlap-days",
    "audit verify --noted",
    "audit list --after",
    "privacy retention --apply",
    "privacy retention --dry-run",
    "privacy retention --drop-everything",
    "privacy erase --bar",
    "privacy erase --no-compact",
    "privacy consent --purpose",
    "privacy consent --opted-out",
    "privacy consent --opted-in",
    "privacy consent --source",
    "man --out",
    "config show --json",
    "campaign make --campaign",
];

/// Every leaf command with its program.
fn leaves(programs: &[Command]) -> Vec<(&Command, Vec<String>, Command)> {
    let of =
        |program| keys::commands(program).into_iter().map(move |(path, command)| (program, path, command));
    programs.iter().flat_map(of).collect()
}

/// Every command, the programs themselves included.
fn every(command: &Command, path: &str, found: &mut Vec<(String, Command)>) {
    found.push((path.to_owned(), command.clone()));
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        every(sub, &format!("{path} {}", sub.get_name()), found);
    }
}

fn all() -> Vec<(String, Command)> {
    let mut found = Vec::new();
    for program in programs() {
        every(&program, program.get_name(), &mut found);
    }
    found
}

#[test]
fn keys_txt_lists_the_settings_of_both_programs() {
    let programs = programs();
    let now = keys::to_text(&keys::list(&programs.iter().collect::<Vec<_>>()));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/settings/keys.txt");
    let kept = std::fs::read_to_string(path).unwrap();
    assert!(now == kept, "run `homing config keys > datasets/settings/keys.txt`");
}

#[test]
fn the_page_of_the_docs_is_the_generated_one() {
    let programs = programs();
    let now = describe::page(&programs.iter().collect::<Vec<_>>());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let kept = std::fs::read_to_string(path).unwrap();
    assert!(now.trim_end() == kept.trim_end(), "run `homing config docs > docs/configuration.md`");
}

#[test]
fn the_example_is_a_valid_file_also_with_every_setting_in_force() {
    let programs = programs();
    let text = describe::example(&programs.iter().collect::<Vec<_>>());
    let file = Path::new("homing.toml");
    settings::File::parse(file, &text).unwrap();
    // A commented line is a setting where it could be one.
    let in_force: String = text
        .lines()
        .map(|line| line.strip_prefix("# ").unwrap_or(line))
        .filter(|line| {
            let key = line.split(" = ").next().unwrap_or_default();
            line.starts_with('[') && line.ends_with(']')
                || line.contains(" = ") && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        })
        .fold(String::new(), |text, line| text + line + "\n");
    settings::File::parse(file, &in_force).unwrap_or_else(|error| panic!("{error}\n{in_force}"));
    for command in keys::known() {
        for (key, _) in &command.settings {
            assert!(text.contains(&format!("\n# {key} = ")), "{key} is missing");
        }
    }
}

/// A value that a setting takes and that is not its default, as TOML.
fn sample(arg: &Arg) -> String {
    let key = key_of(arg);
    let special = [
        ("columns", "{ amount = \"total\" }"),
        ("member_columns", "{ phone = \"mobile\" }"),
        ("memory", "\"123M\""),
        ("histories", "\"456M\""),
        ("timezone", "\"Asia/Shanghai\""),
        ("shard", "\"3/16\""),
        ("header", "2"),
        ("dates", "\"dmy\""),
        ("decimal", "\",\""),
        ("tag", "[\"churn.level=high\"]"),
        ("cutoffs", "[\"2025-01-01\", \"2025-02-01\"]"),
        ("horizons", "[7, 77]"),
        ("max_items", "7"),
        ("lang", "\"zh\""),
        ("currency", "\"EUR\""),
        ("labels", "[14, 21]"),
        ("oidc_roles", "[\"crm-team=operator\"]"),
    ];
    if let Some((_, value)) = special.iter().find(|(own, _)| *own == key) {
        return (*value).to_owned();
    }
    let possible = arg.get_possible_values();
    match keys::kind(arg) {
        Kind::Switch => "true".to_owned(),
        Kind::Whole => "17".to_owned(),
        Kind::Number => "0.17".to_owned(),
        Kind::List if !possible.is_empty() => format!("[\"{}\"]", possible[possible.len() - 1].get_name()),
        Kind::List => format!("[\"{key}-1\", \"{key}-2\"]"),
        _ if !possible.is_empty() => format!("\"{}\"", possible[possible.len() - 1].get_name()),
        _ => format!("\"{key}-1\""),
    }
}

/// The texts that a flag would have for a value of the file.
fn expected(arg: &Arg, value: &toml::Value) -> Vec<String> {
    let text = |value: &toml::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match value {
        toml::Value::Array(all) => all.iter().map(text).collect(),
        toml::Value::Table(pairs) => {
            pairs.iter().map(|(known, own)| format!("{known}={}", text(own))).collect()
        }
        toml::Value::Boolean(on) if keys::kind(arg) == Kind::Switch => vec![on.to_string()],
        one => vec![text(one)],
    }
}

fn leaf<'a>(matches: &'a ArgMatches, path: &[String]) -> &'a ArgMatches {
    path.iter().fold(matches, |matches, name| matches.subcommand_matches(name).unwrap())
}

/// A command line with everything that no file can give.
fn bare(program: &Command, path: &[String], command: &Command, file: &Path) -> Vec<OsString> {
    let mut line: Vec<OsString> = [program.get_name()].into_iter().map(OsString::from).collect();
    line.extend(path.iter().map(OsString::from));
    line.extend(command.get_positionals().filter(|arg| arg.is_required_set()).map(|_| OsString::from("x")));
    match &*path.join(" ") {
        "campaign make" => line.push("x".into()),
        "keys create" => line.extend(["--role".into(), "reader".into()]),
        "privacy consent" => line.push("--opted-out".into()),
        "man" => line.extend(["--out".into(), "x".into()]),
        _ => {}
    }
    line.extend(["--config".into(), file.as_os_str().to_owned()]);
    line
}

#[test]
fn every_key_of_the_file_takes_effect_in_every_command_that_has_it() {
    let programs = programs();
    let folder = tempfile::tempdir().unwrap();
    let mut proved = BTreeMap::new();
    // A secret and its file are one setting, so they cannot both be in one file.
    for secrets_by_file in [false, true] {
        let is_left_out = |key: &str| match key.strip_suffix("_file") {
            Some(secret) => !secrets_by_file && SECRETS.contains(&secret),
            None => secrets_by_file && SECRETS.contains(&key),
        };
        let (mut top, mut sections) = (BTreeMap::new(), String::new());
        for (_, path, command) in leaves(&programs) {
            if !keys::of(&command).is_empty() {
                let _ = writeln!(sections, "[{}]", path.join("."));
            }
            for arg in keys::of(&command).into_iter().filter(|arg| !is_left_out(&key_of(arg))) {
                let key = key_of(arg);
                if SECTION_ONLY.contains(&&*key) {
                    let _ = writeln!(sections, "{key} = {}", sample(arg));
                } else {
                    top.insert(key, sample(arg));
                }
            }
        }
        let text = top.iter().fold(String::new(), |text, (key, value)| format!("{text}{key} = {value}\n"));
        let file = folder.path().join("homing.toml");
        // The same section of two programs, such as [man], has no keys.
        let mut seen = std::collections::BTreeSet::new();
        let sections: String = sections
            .lines()
            .filter(|line| !line.starts_with('[') || seen.insert((*line).to_owned()))
            .fold(String::new(), |text, line| text + line + "\n");
        std::fs::write(&file, format!("{text}{sections}")).unwrap();
        let values: toml::Table = format!("{text}{sections}").parse().unwrap();
        for (program, path, command) in leaves(&programs) {
            if keys::of(&command).is_empty() {
                continue;
            }
            let args = bare(program, &path, &command, &file);
            let parsed = settings::parse(program, args).unwrap_or_else(|stop| panic!("{path:?}: {stop:?}"));
            let matches = leaf(&parsed.matches, &path);
            for arg in keys::of(&command).into_iter().filter(|arg| !is_left_out(&key_of(arg))) {
                let (key, id) = (key_of(arg), arg.get_id().as_str());
                let section = path.iter().try_fold(&values, |table, name| table.get(name)?.as_table());
                let value = section.and_then(|table| table.get(&key)).or(values.get(&key)).unwrap();
                assert_eq!(matches.value_source(id), Some(ValueSource::CommandLine), "{path:?} {key}");
                let found: Vec<String> = match keys::kind(arg) {
                    Kind::Switch => vec![matches.get_flag(id).to_string()],
                    _ => matches.get_raw(id).unwrap().map(|raw| raw.to_string_lossy().into_owned()).collect(),
                };
                assert_eq!(found, expected(arg, value), "{path:?} {key}");
                proved.insert(format!("{} {} {key}", program.get_name(), path.join(" ")), ());
            }
        }
    }
    let documented: usize = keys::known().iter().map(|command: &CommandKeys| command.settings.len()).sum();
    assert_eq!(proved.len(), documented, "keys that are documented and keys that were proved");
}

#[test]
fn a_section_overrides_the_top_for_every_setting() {
    let programs = programs();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("homing.toml");
    for (program, path, command) in leaves(&programs) {
        for arg in keys::of(&command) {
            let key = key_of(arg);
            if SECTION_ONLY.contains(&&*key)
                || keys::kind(arg) != Kind::Text
                || !arg.get_possible_values().is_empty()
            {
                continue;
            }
            // A value that every parser refuses stands at the top: if it were taken, parsing would fail.
            let far = if key == "timezone" { "\"Nowhere\"".to_owned() } else { "\"far\"".to_owned() };
            let text = format!("{key} = {far}\n[{}]\n{key} = {}\n", path.join("."), sample(arg));
            std::fs::write(&file, text).unwrap();
            let typed = settings::Typed::of(program, &bare(program, &path, &command, &file)).unwrap();
            let config = typed.file().unwrap();
            let taken = typed.from_file(config.as_ref()).unwrap();
            let one = taken.iter().find(|one| one.key == key).unwrap();
            assert_eq!(one.line, 3, "{path:?} {key}");
        }
    }
}

#[test]
fn every_flag_is_a_setting_with_one_name_and_one_meaning() {
    let programs = programs();
    let names: Vec<&str> =
        programs.iter().flat_map(Command::get_subcommands).map(Command::get_name).collect();
    let mut meanings: BTreeMap<String, (String, Kind)> = BTreeMap::new();
    for (_, path, command) in leaves(&programs) {
        for arg in command.get_arguments().filter(|arg| arg.get_long().is_some()) {
            let flag = format!("--{}", arg.get_long().unwrap());
            if ONCE.contains(&&*flag) || ONCE.contains(&&*format!("{} {flag}", path.join(" "))) {
                continue;
            }
            let key = key_of(arg);
            let variable = arg.get_env().unwrap_or_else(|| panic!("{path:?} {flag} has no variable"));
            let other =
                OTHER_VARIABLES.iter().find(|(own, _)| *own == key).map(|(_, name)| (*name).to_owned());
            assert_eq!(
                variable.to_str().unwrap(),
                other.unwrap_or_else(|| keys::variable(&key)),
                "{path:?} {flag}"
            );
            assert!(!names.contains(&&*key) && !TABLES.contains(&&*key), "[{key}] would be key and section");
            let help = arg.get_help().unwrap_or_else(|| panic!("{path:?} {flag} has no help")).to_string();
            let (meaning, kind) =
                meanings.entry(key.clone()).or_insert_with(|| (help.clone(), keys::kind(arg)));
            assert_eq!(*kind, keys::kind(arg), "{path:?} {flag}");
            assert!(*meaning == help || SECTION_ONLY.contains(&&*key), "{path:?} {flag}: {help} | {meaning}");
        }
    }
}

/// Splits an example as a shell would.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (' ', None) => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[test]
fn every_help_ends_with_examples_that_parse() {
    let programs = programs();
    for (path, command) in all() {
        let help = command.clone().render_long_help().to_string();
        let (_, examples) =
            help.rsplit_once("Examples:\n").unwrap_or_else(|| panic!("`{path}` has no examples"));
        let lines: Vec<&str> = examples.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        assert!(!lines.is_empty() && lines[0].starts_with(&path), "`{path}`: {lines:?}");
        for line in lines {
            let words = words(line);
            let program = programs.iter().find(|program| program.get_name() == words[0]);
            let program = program.unwrap_or_else(|| panic!("`{line}` names no program"));
            if let Err(error) = program.clone().try_get_matches_from(&words) {
                panic!("`{line}`: {error}");
            }
        }
    }
}

#[test]
fn help_is_written_as_people_write() {
    const NEVER: [&str; 8] =
        ["wish", "mend", "no more", "take down", "at work", "come back", "needed are", "told"];
    for (path, command) in all() {
        let about = command.get_about().unwrap_or_else(|| panic!("`{path}` has no description")).to_string();
        let verb = about.split_whitespace().next().unwrap_or_default();
        let is_imperative = verb.starts_with(char::is_uppercase) && !verb.ends_with('s');
        assert!(
            is_imperative,
            "`{path}` begins with `{verb}`; write what to do, such as `Score every customer`"
        );
        let help = command.clone().render_long_help().to_string();
        let plain: String =
            help.chars().map(|c| if c.is_alphabetic() { c.to_ascii_lowercase() } else { ' ' }).collect();
        let plain = format!(" {} ", plain.split_whitespace().collect::<Vec<_>>().join(" "));
        for words in NEVER {
            assert!(!plain.contains(&format!(" {words} ")), "`{path}` says `{words}`");
        }
    }
}

#[test]
fn a_mistyped_command_flag_or_value_is_answered_with_the_nearest_one() {
    let homing = homing::cli::command();
    let told = |line: &str| homing.clone().try_get_matches_from(words(line)).unwrap_err().to_string();
    assert!(told("homing scor").contains("'score'"));
    assert!(told("homing score --purchase a --out b").contains("'--purchases'"));
    assert!(told("homing keys create --role admn").contains("'admin'"));
    assert!(told("homing models promot x").contains("'promote'"));
}

#[test]
fn completions_and_man_pages_cover_every_command() {
    let folder = tempfile::tempdir().unwrap();
    for program in programs() {
        settings::manual::man_pages(&program, folder.path()).unwrap();
        let bash = settings::manual::completions(&program, clap_complete::Shell::Bash);
        let bash = String::from_utf8(bash).unwrap();
        assert!(program.get_subcommands().all(|sub| bash.contains(sub.get_name())));
    }
    for (path, command) in all() {
        if !command.is_hide_set() {
            let page = folder.path().join(format!("{}.1", path.replace(' ', "-")));
            assert!(page.exists(), "{}", page.display());
        }
    }
}
