//! `homing keys`.

use clap::{Args, Subcommand, ValueEnum};
use homing_datasets::out;
use homing_datasets::{DAY, Zone, calendar};
use homing_profiles::access::Key;

use super::WrongUse;
use super::args::{StoreArgs, note_action, print_json};
use crate::service::Role;
use crate::service::access::{KeyTerms, Rotated, create_key_on, rotate_key};

/// Create, list, rotate and revoke API keys. Once there is one, every request needs a key.
#[derive(Args)]
#[command(after_help = "\
Examples:
  homing keys create --role reader --name 'till system'
  homing keys list --profiles sqlite:profiles.db")]
pub(super) struct Keys {
    #[command(subcommand)]
    command: Command,
    /// Print one JSON document on stdout.
    #[arg(long, env = "HOMING_JSON", global = true)]
    json: bool,
    #[command(flatten, next_help_heading = "Profile store")]
    store: StoreArgs,
}

#[derive(Subcommand)]
enum Command {
    /// Create a key and print it, once.
    #[command(after_help = "\
Examples:
  homing keys create --role reader --name 'till system'
  homing keys create --role admin --json")]
    Create {
        /// What the key allows.
        #[arg(long, value_enum, value_name = "ROLE")]
        role: Named,
        /// Name for lists, such as the program that uses the key.
        #[arg(long, default_value = "", value_name = "NAME")]
        name: String,
        /// Number of days until the key expires. Default: it does not.
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36500))]
        expires_days: Option<u32>,
        /// Maximum number of requests a minute. Default: as many as the service takes.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        rate: Option<u32>,
    },
    /// Create a key to replace another one, which stays valid for a while.
    #[command(after_help = "\
Examples:
  homing keys rotate 3f9a12c4
  homing keys rotate 3f9a12c4 --overlap-days 1")]
    Rotate {
        /// Id of the key, as `homing keys list` shows it.
        id: String,
        /// Number of days for which the old key stays valid.
        #[arg(long, default_value_t = 7, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(0..=365))]
        overlap_days: u32,
    },
    /// List keys. The keys themselves are stored nowhere.
    #[command(after_help = "\
Examples:
  homing keys list
  homing keys list --json")]
    List,
    /// Revoke a key. Running services refuse it within two seconds.
    #[command(after_help = "\
Examples:
  homing keys revoke 3f9a12c4")]
    Revoke {
        /// Id of the key, as `homing keys list` shows it.
        id: String,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Named {
    /// Read metrics only.
    Metrics,
    /// Read profiles, lists, changes and scores.
    Reader,
    /// Also send events, record consent and export.
    Operator,
    /// Also promote models.
    Scientist,
    /// Also erase customers.
    Admin,
}

impl From<Named> for Role {
    fn from(named: Named) -> Role {
        match named {
            Named::Metrics => Role::Metrics,
            Named::Reader => Role::Reader,
            Named::Operator => Role::Operator,
            Named::Scientist => Role::Scientist,
            Named::Admin => Role::Admin,
        }
    }
}

/// Prints a new key, once.
fn show(args: &Keys, key: &Key, text: &str) -> anyhow::Result<()> {
    if args.json {
        let expires_at = key.expires_at.map(|at| Zone::default().format(at));
        return print_json(&serde_json::json!({
            "id": key.id, "name": key.name, "role": key.role, "key": text, "expires_at": expires_at, "rate": key.rate,
        }));
    }
    out!("{text}");
    let expires =
        key.expires_at.map_or_else(String::new, |at| format!(", expires {}", Zone::default().format(at)));
    eprintln!("created key {} with role {}{expires}; it is shown only once", key.id, key.role);
    Ok(())
}

pub(super) fn run(args: &Keys) -> anyhow::Result<()> {
    let store = args.store.open(Zone::default())?;
    let at = |instant| Zone::default().format(instant);
    match &args.command {
        Command::Create { role, name, expires_days, rate } => {
            let now = calendar::now();
            let expires_at = expires_days.map(|days| now + i64::from(days) * DAY);
            let terms = KeyTerms { expires_at, rate: *rate, lifetime: None };
            let (key, text) = create_key_on(store.as_ref(), name, (*role).into(), now, terms)?;
            let detail = format!("{} with role {}", key.id, key.role);
            note_action(store.as_ref(), "key.create", None, &detail, now)?;
            show(args, &key, &text)?;
        }
        Command::Rotate { id, overlap_days } => {
            let now = calendar::now();
            let overlap = i64::from(*overlap_days) * DAY;
            let Some(Rotated { key, text, old_expires_at }) = rotate_key(store.as_ref(), id, overlap, now)?
            else {
                return Err(
                    WrongUse(format!("no valid key `{id}`; `homing keys list` shows all keys")).into()
                );
            };
            note_action(store.as_ref(), "key.rotate", None, &format!("{id} to {}", key.id), now)?;
            show(args, &key, &text)?;
            eprintln!("key {id} expires at {}", at(old_expires_at));
        }
        Command::List => {
            let keys = store.keys()?;
            if args.json {
                let keys: Vec<_> = keys
                    .iter()
                    .map(|key| {
                        serde_json::json!({
                            "id": key.id, "name": key.name, "role": key.role, "created_at": at(key.created_at),
                            "expires_at": key.expires_at.map(at), "revoked_at": key.revoked_at.map(at),
                            "rate": key.rate,
                        })
                    })
                    .collect();
                print_json(&serde_json::json!({ "keys": keys }))?;
            } else {
                for key in &keys {
                    let state = match (key.revoked_at, key.expires_at) {
                        (Some(since), _) => format!("  revoked {}", at(since)),
                        (None, Some(end)) => format!("  expires {}", at(end)),
                        (None, None) => String::new(),
                    };
                    out!("{}  {:<9}  {}  {}{state}", key.id, key.role, at(key.created_at), key.name);
                }
            }
        }
        Command::Revoke { id } => {
            let now = calendar::now();
            if !store.revoke_key(id, now)? {
                return Err(WrongUse(format!("no key `{id}`; `homing keys list` shows all keys")).into());
            }
            note_action(store.as_ref(), "key.revoke", None, id, now)?;
            if args.json {
                print_json(&serde_json::json!({ "id": id, "revoked": true }))?;
            } else {
                eprintln!("revoked key {id}");
            }
        }
    }
    Ok(())
}
