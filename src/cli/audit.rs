//! `homing audit`.

use clap::{Args, Subcommand};
use homing_datasets::{Zone, out};
use homing_profiles::access::AuditProof;
use serde_json::json;

use super::WrongUse;
use super::args::{StoreArgs, print_json};

/// Verify and list the audit log: who read or changed which profile.
#[derive(Args)]
#[command(after_help = "\
Examples:
  homing audit verify
  homing audit list --json")]
pub(super) struct Audit {
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
    /// Check that no entry was changed, removed or added. Prints the hash at the end: note it elsewhere for the next check.
    #[command(after_help = "\
Examples:
  homing audit verify
  homing audit verify --noted 9c56cc51b374c3ba189210d5b6d4bf57790d351c96c47c02190ecf1e430635ab")]
    Verify {
        /// Hash that an earlier check printed; it must still be in the log.
        #[arg(long, value_name = "HASH")]
        noted: Option<String>,
    },
    /// List entries, oldest first.
    #[command(after_help = "\
Examples:
  homing audit list
  homing audit list --after 1200 --json")]
    List {
        /// Only entries after this number.
        #[arg(long, default_value_t = 0, value_name = "ENTRY")]
        after: u64,
    },
}

/// The log is not as it was written: exit code 1.
#[derive(Debug, thiserror::Error)]
#[error(
    "the audit log was tampered with: {0}; compare it with a backup, and find out who can write to the database"
)]
struct Tampered(String);

/// Entries that are read at a time.
const PIECE: u32 = 1_000;

pub(super) fn run(args: &Audit) -> anyhow::Result<()> {
    let store = args.store.open(Zone::default())?;
    match &args.command {
        Command::Verify { noted } => {
            let noted = noted.as_deref().map(digits).transpose()?;
            let proof = store.verify_audit(noted.as_ref())?;
            let AuditProof { entries, pruned, unchained, head, broken } = &proof;
            let wrong = broken.as_ref().map(|broken| match broken.entry {
                Some(entry) => format!("entry {entry}: {}", broken.why),
                None => broken.why.to_owned(),
            });
            if args.json {
                print_json(&json!({
                    "ok": wrong.is_none(), "entries": entries, "pruned": pruned, "unchained": unchained, "head": head,
                    "broken": wrong,
                }))?;
            } else if wrong.is_none() {
                out!(
                    "{entries} entries verified; {pruned} dropped by retention, {unchained} from before entries were chained"
                );
                out!("{head}");
            }
            wrong.map_or(Ok(()), |wrong| Err(Tampered(wrong).into()))
        }
        Command::List { after } => {
            let (mut after, mut listed) = (*after, Vec::new());
            loop {
                let records = store.audit_log(after, PIECE)?;
                let Some(last) = records.last() else { break };
                after = last.entry;
                for record in records {
                    let (entry, at) = (record.entry, Zone::default().format(record.audit.at));
                    let audit = record.audit;
                    if args.json {
                        listed.push(json!({
                            "entry": entry, "at": at, "key_id": audit.key_id, "action": audit.action,
                            "customer_id": audit.customer_id, "erased": record.erased, "detail": audit.detail,
                        }));
                    } else {
                        let key = audit.key_id.as_deref().unwrap_or("-");
                        let whose = if record.erased {
                            "(erased)"
                        } else {
                            audit.customer_id.as_deref().unwrap_or("-")
                        };
                        out!("{entry}  {at}  {key}  {}  {whose}  {}", audit.action, audit.detail);
                    }
                }
            }
            if args.json { print_json(&json!({ "entries": listed })) } else { Ok(()) }
        }
    }
}

/// A hash of 64 hexadecimal digits.
fn digits(text: &str) -> Result<[u8; 32], WrongUse> {
    let wrong =
        || WrongUse("--noted: write the 64 hexadecimal digits that `homing audit verify` printed".to_owned());
    let text = text.trim();
    if text.len() != 64 || !text.is_ascii() {
        return Err(wrong());
    }
    let mut hash = [0; 32];
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|_| wrong())?;
    }
    if hash == [0; 32] {
        let text = "--noted: 64 zeros stand for the start of an empty log and prove nothing; leave --noted out for the first check";
        return Err(WrongUse(text.to_owned()));
    }
    Ok(hash)
}
