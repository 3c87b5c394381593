//! `homing playbook`.

use std::path::PathBuf;

use clap::Subcommand;
use homing_datasets::{Zone, out};

use super::args::{StoreArgs, print_json, read_catalogue, read_playbook};
use super::{CatalogueArgs, WrongUse};
use homing_tags::Catalogue;
use homing_tags::playbook::Playbook;

#[derive(Subcommand)]
pub(super) enum Command {
    /// List the entries of the playbook.
    #[command(after_help = "\
Examples:
  homing playbook list
  homing playbook list --json")]
    List {
        /// Print one JSON document on stdout.
        #[arg(long, env = "HOMING_JSON")]
        json: bool,
        #[command(flatten, next_help_heading = "Tags and playbook")]
        catalogue: CatalogueArgs,
    },
    /// Check a playbook: syntax, texts, stages, tiers and reasons, and entries that can never apply.
    #[command(after_help = "\
Examples:
  homing playbook check
  homing playbook check playbook.toml --tags-file tags.toml")]
    Check {
        /// Playbook (TOML). Default: the built-in one.
        file: Option<PathBuf>,
        /// Tag catalogue (TOML) to use instead of the built-in one.
        #[arg(
            long,
            alias = "tags",
            env = "HOMING_TAGS_FILE",
            value_name = "FILE",
            help_heading = "Tags and playbook"
        )]
        tags_file: Option<PathBuf>,
    },
    /// Recommend the next action for a customer, and explain why.
    #[command(after_help = "\
Examples:
  homing playbook advise c00000042 --profiles sqlite:profiles.db")]
    Advise {
        /// Id of the customer.
        customer: String,
        /// Print one JSON document on stdout.
        #[arg(long, env = "HOMING_JSON")]
        json: bool,
        #[command(flatten, next_help_heading = "Profile store")]
        store: StoreArgs,
        #[command(flatten, next_help_heading = "Tags and playbook")]
        catalogue: CatalogueArgs,
    },
}

pub(super) fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::List { catalogue, json } => list(&*catalogue.playbook()?, *json),
        Command::Check { file, tags_file } => check(file.as_ref(), tags_file.as_ref()),
        Command::Advise { customer, store, catalogue, json } => advise(customer, store, catalogue, *json),
    }
}

fn list(playbook: &Playbook, json: bool) -> anyhow::Result<()> {
    if json {
        return print_json(&playbook.describe());
    }
    for entry in &playbook.entries {
        out!("{:<22} {:<8} {} / {}", entry.action, entry.effort.name(), entry.title.en, entry.title.zh);
    }
    Ok(())
}

fn check(file: Option<&PathBuf>, tags_file: Option<&PathBuf>) -> anyhow::Result<()> {
    let catalogue = tags_file.map_or_else(|| Ok(Catalogue::shipped()?), |path| read_catalogue(path))?;
    let playbook = match file {
        Some(path) => read_playbook(path, &catalogue)?,
        None => Playbook::shipped(catalogue.tags())?,
    };
    let sizes: Vec<usize> = playbook.axes.iter().map(|axis| axis.values.len()).collect();
    out!(
        "{} entries for {} stages, {} tiers and {} reasons: no problems found",
        playbook.entries.len(),
        sizes[0],
        sizes[1],
        sizes[2]
    );
    Ok(())
}

fn advise(customer: &str, store: &StoreArgs, args: &CatalogueArgs, json: bool) -> anyhow::Result<()> {
    let playbook = args.playbook()?;
    let store = store.open(Zone::default())?;
    let Some(profile) = store.profile(customer)? else {
        return Err(WrongUse(format!("no customer `{customer}` in the profile store")).into());
    };
    let alone = playbook.left_alone(&profile);
    let advice = playbook.advise(&profile).filter(|_| !alone);
    let contacts = store.contacts_of(customer)?;
    if json {
        let contacts: Vec<_> = contacts
            .iter()
            .map(|one| {
                serde_json::json!({
                    "campaign": one.campaign, "at": Zone::default().format(one.at), "action": one.action,
                    "channel": one.channel, "held_out": one.held_out,
                })
            })
            .collect();
        let document = serde_json::json!({
            "customer_id": customer, "left_alone": alone, "next_action": advice, "contacts": contacts,
        });
        return print_json(&document);
    }
    let Some(advice) = advice else {
        out!("{}", if alone { "the customer opted out of contacts" } else { "the customer has no scores" });
        return Ok(());
    };
    out!("{}  {} / {}", advice.action, advice.title.en, advice.title.zh);
    out!("{}\n{}", advice.text.en, advice.text.zh);
    out!("reason: {} / {}", advice.reason.en, advice.reason.zh);
    let channel = advice.channel.as_deref().unwrap_or("any channel");
    let hour = advice.hour.map_or_else(String::new, |hour| format!(" at {hour}:00"));
    out!("channel: {channel}{hour}; value at risk: {:.2}", advice.value_at_risk);
    for one in contacts {
        let how = if one.held_out { "held out of" } else { "contacted by" };
        out!("{} {how} {} ({})", Zone::default().format(one.at), one.campaign, one.action);
    }
    Ok(())
}
