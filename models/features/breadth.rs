//! Features of what a customer purchases: products, categories and channels.

use std::collections::hash_map::Entry;

use homing_datasets::View;

use super::row::{Rebuy, Row, Scratch};
use super::spec::F;

/// Counts how often each code occurs, without forgetting which were seen.
struct Tally<'a> {
    counts: &'a mut Vec<i32>,
    different: u32,
    top: i32,
    total: u32,
}

impl<'a> Tally<'a> {
    fn new(counts: &'a mut Vec<i32>, codes: usize) -> Self {
        counts.clear();
        counts.resize(codes, 0);
        Tally { counts, different: 0, top: 0, total: 0 }
    }

    fn add(&mut self, code: u32) {
        if code == 0 {
            return;
        }
        let count = &mut self.counts[code as usize];
        self.different += u32::from(*count == 0);
        *count += 1;
        self.top = self.top.max(*count);
        self.total += 1;
    }
}

/// Products, categories and channels.
pub(super) fn breadth(view: &View<'_>, scratch: &mut Scratch, row: &mut Row<'_>) {
    let codes = view.codes();
    if view.category().iter().any(|&code| code != 0) {
        let category = view.category();
        let mut tally = Tally::new(&mut scratch.seen, codes);
        view.purchases().for_each(|i| tally.add(category[i]));
        if tally.total > 0 {
            row.set(F::categories, f64::from(tally.different));
            row.set(F::category_top_share, f64::from(tally.top) / f64::from(tally.total));
            let twice = tally.counts.iter().filter(|&&count| count >= 2).count();
            // The second pass marks what was bought lately by turning its count negative.
            let (mut recent, mut kept) = (0.0, 0);
            for order in scratch.orders.iter().rev() {
                let ago = row.ago(order.day);
                if ago >= 180 {
                    break;
                }
                for i in view.lines(order) {
                    let count = &mut tally.counts[category[i] as usize];
                    if category[i] != 0 && *count > 0 {
                        recent += f64::from(u8::from(ago < 90));
                        kept += usize::from(*count >= 2);
                        *count = -*count;
                    }
                }
            }
            row.set(F::categories_90d, recent);
            row.set(F::categories_abandoned, (twice - kept) as f64);
        }
    }
    if view.channel().iter().any(|&code| code != 0) {
        let mut tally = Tally::new(&mut scratch.seen, codes);
        view.purchases().for_each(|i| tally.add(view.channel()[i]));
        if tally.total > 0 {
            row.set(F::channels, f64::from(tally.different));
            row.set(F::channel_top_share, f64::from(tally.top) / f64::from(tally.total));
        }
    }
    if view.product().iter().any(|&code| code != 0) {
        products(view, scratch, row);
    }
}

fn products(view: &View<'_>, scratch: &mut Scratch, row: &mut Row<'_>) {
    let product = view.product();
    let last_day = scratch.orders.last().map_or(0, |order| order.day);
    scratch.products.clear();
    let mut lines = 0.0;
    let mut in_last = 0.0;
    for order in &scratch.orders {
        let day = order.day;
        for i in view.lines(order).filter(|&i| product[i] != 0) {
            lines += 1.0;
            match scratch.products.entry(product[i]) {
                Entry::Vacant(entry) => {
                    entry.insert(Rebuy { last: day, gaps: 0, sum: 0.0 });
                    in_last += f64::from(u8::from(day == last_day));
                }
                Entry::Occupied(mut entry) => {
                    let rebuy = entry.get_mut();
                    if day > rebuy.last {
                        rebuy.gaps += 1;
                        rebuy.sum += f64::from(day - rebuy.last);
                        rebuy.last = day;
                        in_last += f64::from(u8::from(day == last_day));
                    }
                }
            }
        }
    }
    if lines == 0.0 {
        return;
    }
    let different = scratch.products.len() as f64;
    row.set(F::products, different);
    row.set(F::products_per_line, different / lines);
    row.set(F::products_last_order, in_last);
    let (mut gaps, mut days, mut due) = (0.0, 0.0, 0.0);
    // Whole days add up exactly in f64, so the order of the map does not matter.
    for rebuy in scratch.products.values().filter(|rebuy| rebuy.gaps > 0) {
        gaps += f64::from(rebuy.gaps);
        days += rebuy.sum;
        due += f64::from(u8::from(f64::from(row.ago(rebuy.last)) >= rebuy.sum / f64::from(rebuy.gaps)));
    }
    if gaps > 0.0 {
        row.set(F::product_rebuy_days, days / gaps);
    }
    row.set(F::products_due, due);
}
