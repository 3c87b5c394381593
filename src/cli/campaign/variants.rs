//! `homing campaign variants`.

use clap::Args;
use homing_datasets::{Zone, out};

use crate::campaign::choice;
use crate::cli::Refused;
use crate::cli::args::{StoreArgs, print_json};

#[derive(Args)]
pub(in crate::cli) struct Variants {
    /// Names of campaigns. Default: all.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Days after the list within which purchases count.
    #[arg(long, env = "HOMING_WINDOW_DAYS", default_value_t = 30, value_name = "DAYS")]
    window_days: u32,
    /// Seed of the learned choice.
    #[arg(long, env = "HOMING_SEED", default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Print one JSON document on stdout.
    #[arg(long, env = "HOMING_JSON")]
    json: bool,
    #[command(flatten, next_help_heading = "Profile store")]
    store: StoreArgs,
}

pub(super) fn variants(args: &Variants) -> anyhow::Result<()> {
    let store = args.store.open(Zone::default())?;
    let choices = choice::choices(store.as_ref(), &args.names, args.window_days)?;
    if choices.is_empty() {
        let text = "no variants were chosen in campaigns whose window is over; give entries of the playbook variants, and make \
                    campaigns with --learn-variants";
        return Err(Refused(text.to_owned()).into());
    }
    let judged = choice::judge(&choices, args.seed);
    if args.json {
        return print_json(&serde_json::json!({ "actions": judged }));
    }
    for action in &judged {
        out!("{}: {} choices, {:.1} % bought", action.action, action.choices, 100.0 * action.bought);
        if action.policies.is_empty() {
            out!("  too few choices to judge");
        }
        for one in &action.policies {
            out!(
                "  {:<20} doubly robust {:.4} ({:.4} to {:.4})   inverse propensity {:.4} ({:.4} to {:.4})",
                one.policy,
                one.doubly_robust,
                one.doubly_robust_low,
                one.doubly_robust_high,
                one.ips,
                one.ips_low,
                one.ips_high
            );
        }
    }
    Ok(())
}
