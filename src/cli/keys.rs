//! `homing keys`.

use clap::{Args, Subcommand, ValueEnum};
use homing_datasets::out;
use homing_datasets::{Zone, calendar};

use super::WrongUse;
use super::args::{StoreArgs, print_json};
use crate::service::{Role, create_key};

/// Create, list and revoke API keys. Once there is one, every request needs a key.
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
            Named::Reader => Role::Reader,
            Named::Operator => Role::Operator,
            Named::Scientist => Role::Scientist,
            Named::Admin => Role::Admin,
        }
    }
}

pub(super) fn run(args: &Keys) -> anyhow::Result<()> {
    let store = args.store.open(Zone::default())?;
    let at = |instant| Zone::default().format(instant);
    match &args.command {
        Command::Create { role, name } => {
            let (key, text) = create_key(store.as_ref(), name, (*role).into(), calendar::now())?;
            if args.json {
                print_json(
                    &serde_json::json!({"id": key.id, "name": key.name, "role": key.role, "key": text}),
                )?;
            } else {
                out!("{text}");
                eprintln!("created key {} with role {}; it is shown only once", key.id, key.role);
            }
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
                        })
                    })
                    .collect();
                print_json(&serde_json::json!({ "keys": keys }))?;
            } else {
                for key in &keys {
                    let state =
                        key.revoked_at.map_or_else(String::new, |since| format!("  revoked {}", at(since)));
                    out!("{}  {:<9}  {}  {}{state}", key.id, key.role, at(key.created_at), key.name);
                }
            }
        }
        Command::Revoke { id } => {
            if !store.revoke_key(id, calendar::now())? {
                return Err(WrongUse(format!("no key `{id}`; `homing keys list` shows all keys")).into());
            }
            if args.json {
                print_json(&serde_json::json!({ "id": id, "revoked": true }))?;
            } else {
                eprintln!("revoked key {id}");
            }
        }
    }
    Ok(())
}
