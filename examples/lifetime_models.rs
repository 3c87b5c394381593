//! Fits BG/NBD and Gamma-Gamma to the bundled CDNOW data (in weeks, up to 1997-09-30) and computes the customer lifetime
//! value of the best customers over a year.

use homing_datasets::{DAY, Zone, cdnow};
use homing_models::lifetimes::{
    BgNbd, Cohort, GammaGamma, LifetimeModel, Options, Recency, Spend, SpendSample,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let zone = Zone::default();
    let as_of = zone.as_of("1997-09-30")?;
    let week = (7 * DAY) as f64;
    let mut customers: Vec<(String, Recency, Spend)> = Vec::new();
    let histories = cdnow()?;
    for (id, history) in histories.iter() {
        let view = history.as_of(as_of);
        let orders: Vec<_> = view.orders(zone).collect();
        let [first, repeats @ ..] = orders.as_slice() else { continue };
        let since_first = |day: i32| f64::from(day - first.day) / 7.0;
        let last = repeats.last().map_or(0.0, |order| since_first(order.day));
        let age = (as_of - i64::from(first.day) * DAY) as f64 / week;
        let spend: f64 = repeats.iter().map(|order| order.amount).sum();
        let frequency = u32::try_from(repeats.len())?;
        let mean_spend = if frequency == 0 { 0.0 } else { spend / f64::from(frequency) };
        customers.push((id.to_owned(), Recency::new(frequency, last, age), Spend { frequency, mean_spend }));
    }
    let options = Options::default();
    let rows: Vec<Recency> = customers.iter().map(|(_, recency, _)| *recency).collect();
    let orders = BgNbd::fit(&Cohort::from_customers(&rows)?, &options)?;
    println!(
        "BG/NBD r {:.3}  alpha {:.3}  a {:.3}  b {:.3}",
        orders.r(),
        orders.alpha(),
        orders.a(),
        orders.b()
    );
    let repeaters: Vec<Spend> = customers
        .iter()
        .map(|(.., spend)| *spend)
        .filter(|spend| spend.frequency > 0 && spend.mean_spend > 0.0)
        .collect();
    let money = GammaGamma::fit(&SpendSample::from_customers(&repeaters)?, &options)?;
    println!("Gamma-Gamma p {:.2}  q {:.2}  v {:.2}", money.p(), money.q(), money.v());

    let clv = |recency: Recency, spend: Spend| {
        orders.expected_orders(recency, 52.0) * money.expected_mean_spend(spend)
    };
    let mut ranked: Vec<(f64, &str)> = customers.iter().map(|(id, r, s)| (clv(*r, *s), &**id)).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (value, id) in ranked.iter().take(5) {
        println!("customer {id}: expected spend within 52 weeks {value:.2}");
    }
    Ok(())
}
