//! `homing campaign size`.

use clap::Args;
use homing_datasets::{Zone, out};

use super::who::{Who, failed};
use crate::campaign::Rank;
use crate::campaign::size::{Question, Sized, size};
use crate::cli::CatalogueArgs;
use crate::cli::args::{StoreArgs, print_json};

#[derive(Args)]
pub(in crate::cli) struct Size {
    #[command(flatten)]
    who: Who,
    /// Gross margin as a share of the spend, such as 0.35.
    #[arg(long, env = "HOMING_MARGIN", value_name = "SHARE")]
    margin: f64,
    /// Cost of one contact, in the currency of the purchases.
    #[arg(long, env = "HOMING_COST_PER_CONTACT", value_name = "AMOUNT")]
    cost_per_contact: f64,
    /// Days after the list within which purchases count.
    #[arg(long, env = "HOMING_WINDOW_DAYS", default_value_t = 30, value_name = "DAYS")]
    window_days: u32,
    /// Assumed effect: the share of customers who would not buy otherwise and do because of the contact. Default: what past campaigns
    /// proved or measured.
    #[arg(long, env = "HOMING_ASSUME_EFFECT", value_name = "SHARE")]
    assume_effect: Option<f64>,
    /// Who comes first. Default of `campaign make`: value-at-risk; of `campaign size`: uplift where it is proven.
    #[arg(long, env = "HOMING_RANK", value_enum, value_name = "BY")]
    rank: Option<Rank>,
    /// Print one JSON document on stdout.
    #[arg(long, env = "HOMING_JSON")]
    json: bool,
    #[command(flatten, next_help_heading = "Profile store")]
    store: StoreArgs,
    #[command(flatten, next_help_heading = "Tags and playbook")]
    catalogue: CatalogueArgs,
}

/// Profiles that `campaign size` looks at.
const MOST: usize = 2_000_000;

pub(super) fn sized(args: &Size) -> anyhow::Result<()> {
    let catalogue = args.catalogue.load()?;
    let question = Question {
        who: args.who.listing(&catalogue)?,
        margin: args.margin,
        cost_per_contact: args.cost_per_contact,
        window_days: args.window_days,
        assumed: args.assume_effect,
        rank: args.rank,
        most: MOST,
    };
    let store = args.store.open(Zone::default())?;
    let found = size(store.as_ref(), &question).map_err(failed)?;
    if args.json { print_json(&found) } else { show_size(&found) }
}

fn show_size(found: &Sized) -> anyhow::Result<()> {
    out!("{}", found.basis.text);
    out!(
        "{} customers, ranked by {}; {} left out (opted out, without scores, or not to be disturbed)",
        found.customers,
        found.rank.replace('_', " "),
        found.left_out
    );
    let heads =
        ["contacts", "added buyers", "added revenue", "cost", "profit", "would not buy", "would anyway"];
    out!("{}", heads.map(|head| format!("{head:>14}")).concat());
    let ten = found.curve.len().div_ceil(10).max(1);
    let mut points: Vec<_> = found.curve.iter().copied().step_by(ten).collect();
    points.extend(found.curve.last());
    points.push(found.best);
    points.sort_by_key(|point| point.contacts);
    points.dedup_by_key(|point| point.contacts);
    for point in points {
        let numbers = [
            point.added_buyers,
            point.added_revenue,
            point.cost,
            point.profit,
            point.true_positives,
            point.false_positives,
        ];
        out!(
            "{:>14}{}{}",
            point.contacts,
            numbers.map(|number| format!("{number:>14.1}")).concat(),
            if point.contacts == found.best.contacts { "  <- best" } else { "" }
        );
    }
    let best = &found.best;
    match best.contacts {
        0 => out!("no contact pays: its cost is above the margin that it adds"),
        _ => out!(
            "best: contact the first {} (make the list with --limit {0}); expected profit {}",
            best.contacts,
            match (best.profit_low, best.profit_high) {
                (Some(low), Some(high)) => format!("{:.0} ({low:.0} to {high:.0})", best.profit),
                _ => format!("{:.0}", best.profit),
            }
        ),
    }
    Ok(())
}
