//! The complete `homing.toml` and the page of the docs, from the commands themselves.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::{Arg, Command};

use super::keys::{self, Kind, SECTION_ONLY, key_of};

/// A setting of one or more commands.
struct Described {
    arg: Arg,
    /// Commands that have it, with their defaults.
    commands: Vec<(Vec<String>, Vec<String>)>,
}

impl Described {
    fn kind(&self) -> Kind {
        keys::kind(&self.arg)
    }

    /// The default of most commands.
    fn default(&self) -> Vec<String> {
        let count = |values: &Vec<String>| self.commands.iter().filter(|(_, other)| other == values).count();
        let values = self.commands.iter().map(|(_, values)| values);
        // Of defaults that are equally common the first one.
        values.rev().max_by_key(|values| count(values)).cloned().unwrap_or_default()
    }

    /// The defaults of commands that have another one.
    fn other_defaults(&self) -> Vec<String> {
        let usual = self.default();
        let differ = self.commands.iter().filter(|(_, values)| *values != usual);
        let text =
            |values: &[String]| if values.is_empty() { "not set".to_owned() } else { values.join(",") };
        differ.map(|(command, values)| format!("{} in {}", text(values), command.join(" "))).collect()
    }

    /// The commands; a group of commands of which all have it by its name.
    fn names(&self, totals: &BTreeMap<String, usize>) -> String {
        let mut names: Vec<String> = Vec::new();
        for (path, _) in &self.commands {
            let of_group = self.commands.iter().filter(|(other, _)| other[0] == path[0]).count();
            let all = path.len() > 1 && totals.get(&path[0]) == Some(&of_group);
            let name = if all { path[0].clone() } else { path.join(" ") };
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.join(", ")
    }

    /// The heading under which it is described: that of `--help`, else its command, if it has but one.
    fn heading(&self) -> String {
        if let Some(heading) = self.arg.get_help_heading() {
            return heading.to_owned();
        }
        match self.commands.as_slice() {
            [(only, _)] => only.join(" "),
            _ => GENERAL.to_owned(),
        }
    }

    fn help(&self) -> String {
        help(&self.arg)
    }

    /// A line of the file: the default where there is one, else what stands for the value.
    fn line(&self) -> String {
        format!("# {} = {}", key_of(&self.arg), self.value())
    }

    fn value(&self) -> String {
        let stands =
            self.arg.get_value_names().and_then(|names| names.first()).map_or("", |name| name.as_str());
        let default = self.default();
        let text = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let first = default.first().map(String::as_str);
        match self.kind() {
            Kind::Switch => "false".to_owned(),
            Kind::Whole | Kind::Number => first.unwrap_or("0").to_owned(),
            Kind::Text => text(first.unwrap_or(stands)),
            Kind::List if default.is_empty() => format!("[{}]", text(stands)),
            Kind::List => {
                let split = default.iter().flat_map(|value| value.split(','));
                let one =
                    |value: &str| if value.parse::<f64>().is_ok() { value.to_owned() } else { text(value) };
                format!("[{}]", split.map(one).collect::<Vec<_>>().join(", "))
            }
            Kind::Pairs => match key_of(&self.arg).as_str() {
                "columns" => "{ customer_id = \"member_no\" }".to_owned(),
                _ => "{ phone = \"mobile\" }".to_owned(),
            },
        }
    }
}

/// The heading of settings that several commands have.
const GENERAL: &str = "Several commands";

fn help(arg: &Arg) -> String {
    let help = arg.get_long_help().or_else(|| arg.get_help()).map(ToString::to_string).unwrap_or_default();
    let mut help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    if !help.ends_with('.') {
        help.push('.');
    }
    let possible: Vec<String> =
        arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    if keys::kind(arg) != Kind::Switch && !possible.is_empty() && !arg.is_hide_possible_values_set() {
        let _ = write!(help, " One of {}.", possible.join(", "));
    }
    help
}

/// Every setting of programs.
struct Gathered {
    /// Settings that may stand at the top of the file, in the order in which commands have them.
    top: Vec<Described>,
    /// Those of each section.
    sections: BTreeMap<String, Vec<Described>>,
    /// How many commands a group has.
    totals: BTreeMap<String, usize>,
}

fn gathered(programs: &[&Command]) -> Gathered {
    let mut all = Gathered { top: Vec::new(), sections: BTreeMap::new(), totals: BTreeMap::new() };
    for program in programs {
        for (path, command) in keys::commands(program) {
            *all.totals.entry(path[0].clone()).or_default() += 1;
            for arg in keys::of(&command) {
                let values =
                    arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned());
                let values: Vec<String> =
                    if keys::kind(arg) == Kind::Switch { Vec::new() } else { values.collect() };
                let one = (path.clone(), values);
                let key = key_of(arg);
                if SECTION_ONLY.contains(&&*key) {
                    let described = Described { arg: arg.clone(), commands: vec![one] };
                    all.sections.entry(path.join(".")).or_default().push(described);
                } else if let Some(there) = all.top.iter_mut().find(|other| key_of(&other.arg) == key) {
                    there.commands.push(one);
                } else {
                    all.top.push(Described { arg: arg.clone(), commands: vec![one] });
                }
            }
        }
    }
    all
}

/// Groups of settings that share a heading of `--help`, in their order.
fn groups(top: &[Described]) -> Vec<(String, Vec<&Described>)> {
    let mut groups: Vec<(String, Vec<&Described>)> = Vec::new();
    for one in top {
        let heading = one.heading();
        match groups.iter_mut().find(|(name, _)| *name == heading) {
            Some((_, all)) => all.push(one),
            None => groups.push((heading, vec![one])),
        }
    }
    // Shared settings come first, those of one command (in small letters) last.
    groups.sort_by_key(|(name, _)| name.starts_with(char::is_lowercase));
    groups
}

/// The complete commented `homing.toml`.
#[must_use]
pub fn example(programs: &[&Command]) -> String {
    let Gathered { top, sections, totals } = gathered(programs);
    let mut text = String::from(EXAMPLE_HEAD);
    for (heading, all) in groups(&top) {
        let _ = write!(text, "\n# ---- {heading} ----\n");
        for one in all {
            let mut help = one.help();
            let others = one.other_defaults();
            if !others.is_empty() {
                let _ = write!(help, " Default: {}.", others.join(", "));
            }
            let _ = write!(text, "\n{}", commented(&help));
            let _ = write!(text, "{}", commented(&format!("Commands: {}.", one.names(&totals))));
            let _ = writeln!(text, "{}", one.line());
        }
    }
    text.push_str(EXAMPLE_SECTIONS);
    for (section, all) in sections {
        let _ = write!(text, "\n# [{section}]\n");
        for one in all {
            if key_of(&one.arg) != JSON {
                let _ = write!(text, "{}", commented(&one.help()));
            }
            let _ = writeln!(text, "{}", one.line());
        }
    }
    text.push_str(EXAMPLE_WRITEBACK);
    text
}

/// The one setting that needs no description in each section.
const JSON: &str = "json";

/// Text as comments of at most 100 characters a line.
fn commented(text: &str) -> String {
    let mut lines = String::new();
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > 100 {
            lines.push_str(&line);
            lines.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    lines + &line + "\n"
}

/// The page `docs/configuration.md`.
#[must_use]
pub fn page(programs: &[&Command]) -> String {
    let Gathered { top, sections, totals } = gathered(programs);
    let mut text = String::from(PAGE_HEAD);
    for (heading, all) in groups(&top) {
        let _ = write!(
            text,
            "\n## {}\n\n| key | default | meaning | commands |\n|---|---|---|---|\n",
            title(&heading)
        );
        for one in all {
            let mut default = one.default().join(",");
            for other in one.other_defaults() {
                let _ = write!(default, "; {other}");
            }
            let _ = writeln!(
                text,
                "| `{}`{} | {} | {} | {} |",
                key_of(&one.arg),
                odd_variable(&one.arg),
                cell(&default),
                cell(&one.help()),
                one.names(&totals)
            );
        }
    }
    text.push_str(PAGE_SECTIONS);
    for (section, all) in sections {
        for one in all.iter().filter(|one| key_of(&one.arg) != JSON) {
            let default = cell(&one.default().join(","));
            let _ = writeln!(
                text,
                "| `[{section}]` | `{}` | {default} | {} |",
                key_of(&one.arg),
                cell(&one.help())
            );
        }
    }
    text
}

/// A heading; one that is a command as code.
fn title(heading: &str) -> String {
    if heading.starts_with(char::is_lowercase) { format!("`{heading}`") } else { heading.to_owned() }
}

/// The environment variable, where it is not the key in capitals.
fn odd_variable(arg: &Arg) -> String {
    let variable = arg.get_env().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if variable == keys::variable(&key_of(arg)) { String::new() } else { format!(" (`{variable}`)") }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

const EXAMPLE_HEAD: &str = "\
# homing.toml: settings of homing and homing-train.
#
# homing reads homing.toml from the working folder, or the file named by --config or HOMING_CONFIG.
# A flag overrides its environment variable (HOMING_ and the key in capitals), and that overrides this file.
# A setting at the top holds for every command that has it. A section overrides it for one command:
#
#   registry = \"/var/lib/homing/registry\"
#   [score]
#   memory = \"512M\"
#   [tags.try]
#   memory = \"256M\"
#
# `homing config show` prints the effective values and where each comes from.
# Every setting follows, with its default, or a placeholder in capitals where it has none.
";

const EXAMPLE_SECTIONS: &str = "
# ---- Sections ----
#
# These settings mean something else in each command, so they belong in the command's section. Every setting above may
# be written there too. `json = true` makes a command print one JSON document on stdout.
";

const EXAMPLE_WRITEBACK: &str = "
# ---- The CRM's own table (homing score and homing serve; docs/writeback.md) ----

# [writeback]
# database = \"postgres://USER@HOST/DATABASE\"
# table = \"crm.members\"
# key = \"member_id\"
# columns = { \"churn.level\" = \"churn_level\", clv = \"lifetime_value\" }

# ---- How long data are kept (homing serve, homing privacy; docs/privacy.md) ----

# [retention]
# events_days = 1825
# feed_days = 90
# contacts_days = 730
# audit_days = 1825

# ---- Webhooks (homing serve; docs/service.md) ----

# [webhooks.crm]
# url = \"https://crm.lan/homing\"
# secret_file = \"/run/secrets/webhook\"
# tags = [\"churn.level\", \"lifecycle.stage\"]
";

const PAGE_HEAD: &str = "\
# Configuration

<!-- Generated by `homing config docs > docs/configuration.md`; a test holds it up to date. -->

```sh
homing config example > homing.toml     # every setting, commented out
homing config show score                # effective values of a command, and where each comes from
```

Every setting has three names: a flag (`--churn-horizon`), an environment variable (`HOMING_CHURN_HORIZON`) and a key in `homing.toml`
(`churn_horizon`). A flag overrides the variable, and the variable overrides the file. homing reads `homing.toml` from the working folder, or the
file named by `--config` or `HOMING_CONFIG`.

One file serves `homing` and `homing-train`. A key at the top of the file holds for every command that has the setting; the section of a command
overrides it:

```toml
registry = \"/var/lib/homing/registry\"
profiles = \"sqlite:/var/lib/homing/profiles.db\"
timezone = \"Asia/Shanghai\"

[columns]
customer_id = \"member_no\"

[score]
purchases = [\"/data/today/*.parquet\"]
snapshot = \"/var/lib/homing/snapshot\"

[fit]
purchases = [\"/data/all/*.parquet\"]

[tags.try]
memory = \"256M\"
```

The file satisfies required flags. An unknown key or section, a value of the wrong type and an old name are errors (exit code 2) that name file, line
and the right name. `[writeback]` is described in [write-back](writeback.md), `[retention]` in [privacy](privacy.md), `[webhooks]` in [the
service](service.md#webhooks).

Secrets can be kept in files of their own: `webhook_secret_file` instead of `webhook_secret`, and `profiles_password_file` for the PostgreSQL password.
Of a secret and its file, the one given in the more specific place wins.

Only environment variables: `HOMING_LOG` (log filter, default `warn,homing=info`), `HOMING_LOG_FORMAT=json`, `HOMING_POSTGRES_CA` (PEM file with the authority of the
database server), `NO_COLOR`, and the credentials of object stores (`AWS_ACCESS_KEY_ID`, ...).
";

const PAGE_SECTIONS: &str = "
## Settings of one command

These mean something else in each command, so in the file they belong in the command's section. There `json = true` also makes any command
that has `--json` print one JSON document on stdout.

| section | key | default | meaning |
|---|---|---|---|
";
