//! Finds categories that are bought together in the simulated chain.

use homing_datasets::baskets::{Baskets, Item, Limits};
use homing_datasets::simulate::Chain;

fn main() -> Result<(), homing_datasets::Error> {
    let histories = Chain { customers: 2_000, ..Chain::default() }.histories()?;
    let baskets = Baskets::of(&histories, Item::Category);
    let limits = Limits { min_support: 0.01, min_confidence: 0.1, ..Limits::default() };
    for rule in baskets.rules(&limits)?.iter().take(5) {
        println!(
            "{} -> {}  confidence {:.2}  lift {:.2}",
            rule.antecedents.join(" + "),
            rule.consequents.join(" + "),
            rule.confidence,
            rule.lift
        );
    }
    Ok(())
}
