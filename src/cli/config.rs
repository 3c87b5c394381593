//! `homing config`.

use std::ffi::OsString;
use std::path::Path;

use clap::Subcommand;
use homing_datasets::out;
use homing_datasets::settings::show::{Shown, effective};
use homing_datasets::settings::{Stop, describe, keys};

use super::args::print_json;
use super::{WrongUse, programs};

#[derive(Subcommand)]
pub(super) enum Config {
    /// Print a complete homing.toml: every setting with its description and default, commented out.
    #[command(after_help = "\
Examples:
  homing config example")]
    Example,
    /// Print effective settings and where each comes from: flag, environment, file or default. Secrets are hidden.
    #[command(after_help = "\
Examples:
  homing config show
  homing config show score
  homing config show --json homing-train fit
  homing config show score --memory 2G")]
    Show {
        /// Print one JSON document on stdout.
        #[arg(long)]
        json: bool,
        /// Command, with flags if you like, such as `tags try` or `homing-train fit`. Default: every command.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
        command: Vec<OsString>,
    },
    /// Print the page docs/configuration.md.
    #[command(
        hide = true,
        after_help = "\
Examples:
  homing config docs"
    )]
    Docs,
    /// Print the list of settings that both programs know, datasets/settings/keys.txt.
    #[command(
        hide = true,
        after_help = "\
Examples:
  homing config keys"
    )]
    Keys,
}

pub(super) fn run(command: &Config, file: Option<&Path>) -> anyhow::Result<()> {
    let programs = programs();
    let all: Vec<&clap::Command> = programs.iter().collect();
    match command {
        Config::Example => out!("{}", describe::example(&all).trim_end()),
        Config::Docs => out!("{}", describe::page(&all).trim_end()),
        Config::Keys => out!("{}", keys::to_text(&keys::list(&all)).trim_end()),
        Config::Show { json, command } => return show(&programs, command, file, *json),
    }
    Ok(())
}

fn show(
    programs: &[clap::Command],
    words: &[OsString],
    file: Option<&Path>,
    json: bool,
) -> anyhow::Result<()> {
    let lines = if words.is_empty() { every(programs) } else { vec![named(programs, words)?] };
    let mut shown = Vec::new();
    for (program, mut args) in lines {
        if let Some(file) = file {
            args.extend(["--config".into(), file.as_os_str().to_owned()]);
        }
        shown.push(effective(program, &args).map_err(|stop| match stop {
            Stop::Config(error) => anyhow::Error::from(error),
            Stop::Clap(error, _) => WrongUse(error.to_string()).into(),
        })?);
    }
    if json {
        return print_json(&serde_json::json!({ "commands": shown }));
    }
    for Shown { command, settings } in shown {
        out!("{command}");
        for one in settings {
            out!("  {:<24} {:<40} {}", one.key, one.values.join(", "), one.source);
        }
    }
    Ok(())
}

type Line<'a> = (&'a clap::Command, Vec<OsString>);

/// The command lines of every command that has settings.
fn every(programs: &[clap::Command]) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    for program in programs {
        for (path, command) in keys::commands(program) {
            if !keys::of(&command).is_empty() {
                let words = std::iter::once(program.get_name().to_owned()).chain(path);
                lines.push((program, words.map(OsString::from).collect()));
            }
        }
    }
    lines
}

/// The command line that words name; the program may be left out.
fn named<'a>(programs: &'a [clap::Command], words: &[OsString]) -> anyhow::Result<Line<'a>> {
    let first = words[0].to_string_lossy();
    if let Some(program) = programs.iter().find(|program| program.get_name() == first) {
        return Ok((program, words.to_vec()));
    }
    let program = programs.iter().find(|program| program.find_subcommand(&*first).is_some());
    let program = program.ok_or_else(|| {
        WrongUse(format!(
            "unknown command `{first}`; `homing --help` and `homing-train --help` list the commands"
        ))
    })?;
    let words = std::iter::once(OsString::from(program.get_name())).chain(words.iter().cloned());
    Ok((program, words.collect()))
}
