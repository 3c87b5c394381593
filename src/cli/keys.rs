//! `homing keys`.

use clap::{Args, Subcommand, ValueEnum};
use homing_datasets::out;
use homing_datasets::{Zone, calendar};

use super::WrongUse;
use crate::service::{Role, create_key};

/// Makes, lists and revokes the keys of the API. Once there is one, every caller must show one.
#[derive(Args)]
pub(super) struct Keys {
    #[command(subcommand)]
    command: Command,
    /// Where profiles, and with them keys, are kept: sqlite:PATH.
    #[arg(
        long,
        env = "HOMING_PROFILES",
        default_value = "sqlite:profiles.db",
        value_name = "PLACE",
        global = true
    )]
    profiles: String,
    /// Prints one JSON document instead of text.
    #[arg(long, env = "HOMING_JSON", global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Makes a key and shows it, this once.
    Create {
        /// What the key allows.
        #[arg(long, value_enum)]
        role: Named,
        /// What to call it in lists, such as the program that uses it.
        #[arg(long, default_value = "", value_name = "NAME")]
        name: String,
    },
    /// Lists the keys, without their texts, which are kept nowhere.
    List,
    /// Revokes a key by its id. Servers know within two seconds.
    Revoke {
        /// The id, as `list` shows it.
        id: String,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Named {
    /// Reads profiles, lists, changes and scores; changes nothing.
    Reader,
    /// And sends events, takes consent down, exports.
    Operator,
    /// And puts models to work.
    Scientist,
    /// And erases customers.
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
    let store = homing_profiles::open(&args.profiles, Zone::default())?;
    let at = |instant| Zone::default().format(instant);
    match &args.command {
        Command::Create { role, name } => {
            let (key, text) = create_key(store.as_ref(), name, (*role).into(), calendar::now())?;
            if args.json {
                let document =
                    serde_json::json!({"id": key.id, "name": key.name, "role": key.role, "key": text});
                out!("{}", serde_json::to_string_pretty(&document)?);
            } else {
                out!("{text}");
                eprintln!(
                    "key {} with the role {}; it is shown this once and kept nowhere",
                    key.id, key.role
                );
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
                out!("{}", serde_json::to_string_pretty(&serde_json::json!({ "keys": keys }))?);
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
                return Err(WrongUse(format!("there is no key `{id}`; `homing keys list` shows them")).into());
            }
            eprintln!("key {id} is revoked");
        }
    }
    Ok(())
}
