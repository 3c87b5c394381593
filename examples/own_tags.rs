//! Defines a tag of one's own in TOML and evaluates it for one customer.

use homing_datasets::{DAY, Event, History, Kind, Zone};
use homing_models::features::{COUNT, Scratch, compute};
use homing_models::{NotScored, Outcome};
use homing_tags::Catalogue;

const TAGS: &str = r#"
[[tag]]
name = "shop.weekender"
layer = "dynamic"
dimension = "activity"
labels = { zh = "周末顾客", en = "Weekend shopper" }
meaning = { zh = "一半以上的订单在周末", en = "More than half of the orders are on a weekend" }
expression = 'weekend_share > 0.5 ? "yes" : "no"'
when_empty = "blank"
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tags = Catalogue::parse(TAGS, "own_tags.toml")?.bind(&[30, 90, 365]);
    // 1970-01-03 and 1970-01-10 were Saturdays.
    let buy = |day: i64| Event::new(Kind::Purchase, day * DAY, 20.0);
    let history = History::from_events(vec![buy(2), buy(9), buy(12)]);
    let view = history.as_of(30 * DAY);
    let mut features = vec![0.0; COUNT];
    compute(&view, Zone::default(), &mut Scratch::default(), &mut features);
    for tag in tags.evaluate_view(&view, &features, &Outcome::NotScored(NotScored::OptedOut)) {
        println!("{} = {}", tag.name, tag.value);
    }
    Ok(())
}
