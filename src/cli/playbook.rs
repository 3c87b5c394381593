//! `homing playbook`.

use std::path::PathBuf;

use clap::Subcommand;
use homing_datasets::{Zone, out};

use super::{CatalogueArgs, WrongUse, read_playbook};
use homing_tags::playbook::Playbook;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Lists the entries.
    List {
        #[command(flatten)]
        catalogue: CatalogueArgs,
        /// Prints one JSON document instead of text.
        #[arg(long, env = "HOMING_JSON")]
        json: bool,
    },
    /// Checks a playbook: syntax, languages, stages, tiers and causes, entries that never have their turn.
    Check {
        /// The playbook, a TOML file. Default: the one that homing ships.
        file: Option<PathBuf>,
        #[command(flatten)]
        catalogue: CatalogueArgs,
    },
    /// Says what to do next with a customer, and why.
    Advise {
        /// The customer.
        customer: String,
        /// Where the profiles are: sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE.
        #[arg(long, env = "HOMING_PROFILES", default_value = "sqlite:profiles.db", value_name = "PLACE")]
        profiles: String,
        #[command(flatten)]
        catalogue: CatalogueArgs,
        /// Prints one JSON document instead of text.
        #[arg(long, env = "HOMING_JSON")]
        json: bool,
    },
}

pub(super) fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::List { catalogue, json } => list(&*playbook(catalogue)?, *json),
        Command::Check { file, catalogue } => check(file.as_ref(), catalogue),
        Command::Advise { customer, profiles, catalogue, json } => {
            advise(customer, profiles, catalogue, *json)
        }
    }
}

fn playbook(args: &CatalogueArgs) -> anyhow::Result<homing_tags::playbook::Shared> {
    let catalogue = args.load()?;
    catalogue.playbook().cloned().ok_or_else(|| {
        let text = "the catalogue does not go with the shipped playbook; name one that does with --playbook";
        WrongUse(text.to_owned()).into()
    })
}

fn list(playbook: &Playbook, json: bool) -> anyhow::Result<()> {
    if json {
        out!("{}", serde_json::to_string_pretty(&playbook.describe())?);
        return Ok(());
    }
    for entry in &playbook.entries {
        out!("{:<22} {:<8} {} / {}", entry.action, entry.effort.name(), entry.title.en, entry.title.zh);
    }
    Ok(())
}

fn check(file: Option<&PathBuf>, args: &CatalogueArgs) -> anyhow::Result<()> {
    let catalogue = args.without_playbook()?;
    let playbook = match file {
        Some(path) => read_playbook(path, &catalogue)?,
        None => Playbook::shipped(catalogue.tags())?,
    };
    let sizes: Vec<usize> = playbook.axes.iter().map(|axis| axis.values.len()).collect();
    out!(
        "{} entries for {} stages, {} tiers and {} causes: nothing is wrong",
        playbook.entries.len(),
        sizes[0],
        sizes[1],
        sizes[2]
    );
    Ok(())
}

fn advise(customer: &str, place: &str, args: &CatalogueArgs, json: bool) -> anyhow::Result<()> {
    let playbook = playbook(args)?;
    let store = homing_profiles::open(place, Zone::default())?;
    let Some(profile) = store.profile(customer)? else {
        return Err(WrongUse(format!("the store holds no customer `{customer}`")).into());
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
        out!("{}", serde_json::to_string_pretty(&document)?);
        return Ok(());
    }
    let Some(advice) = advice else {
        out!("{}", if alone { "the customer wishes to be left alone" } else { "the customer has no scores" });
        return Ok(());
    };
    out!("{}  {} / {}", advice.action, advice.title.en, advice.title.zh);
    out!("{}\n{}", advice.text.en, advice.text.zh);
    out!("because: {} / {}", advice.reason.en, advice.reason.zh);
    let channel = advice.channel.as_deref().unwrap_or("any channel");
    let hour = advice.hour.map_or_else(String::new, |hour| format!(" at {hour}:00"));
    out!("by {channel}{hour}; {:.2} at risk", advice.value_at_risk);
    for one in contacts {
        let how = if one.held_out { "held out of" } else { "contacted by" };
        out!("{} {how} {} ({})", Zone::default().format(one.at), one.campaign, one.action);
    }
    Ok(())
}
