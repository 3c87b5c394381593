//! Revenue by month of joining and calendar month.

use homing_datasets::calendar::{date_of, days_of};
use homing_datasets::{Histories, Micros, View, Zone};

/// Months whose last two days may be missing count as complete.
const MISSING_DAYS: i32 = 2;

/// A calendar month: years times twelve plus the months since January.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(pub i32);

impl Month {
    /// The month of a day in days since 1970.
    #[must_use]
    pub fn of(day: i32) -> Self {
        let date = date_of(day).to_string();
        let mut parts = date.split('-').filter_map(|part| part.parse::<i32>().ok());
        let (year, month) = (parts.next().unwrap_or(1970), parts.next().unwrap_or(1));
        Month(year * 12 + month - 1)
    }

    /// Its first day, in days since 1970.
    #[must_use]
    pub fn first_day(self) -> i32 {
        format!("{self}-01").parse().map_or(0, days_of)
    }

    /// Its days.
    #[must_use]
    pub fn days(self) -> i32 {
        Month(self.0 + 1).first_day() - self.first_day()
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:04}-{:02}", self.0.div_euclid(12), self.0.rem_euclid(12) + 1)
    }
}

/// By what customers are split: the first value of a column in their first order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum By {
    /// The channel of the first order.
    Channel,
    /// The product bought first.
    Product,
    /// Its category.
    Category,
    /// The promotion or campaign of the first order.
    Campaign,
}

impl By {
    /// The value at a place of a view; `None` where it is empty.
    #[must_use]
    pub fn name(self, view: &View<'_>, at: usize) -> Option<String> {
        let codes = match self {
            By::Channel => view.channel(),
            By::Product => view.product(),
            By::Category => view.category(),
            By::Campaign => view.promotion(),
        };
        view.name(*codes.get(at)?).filter(|name| !name.is_empty()).map(str::to_owned)
    }
}

/// What a customer spent.
#[derive(Clone, Debug)]
pub struct Spender {
    /// The month of the first order.
    pub joined: Month,
    /// Revenue by month.
    pub spent: Vec<(Month, f64)>,
    /// What the customer is split by.
    pub group: Option<String>,
}

/// Each customer's spend by month until an instant.
#[must_use]
pub fn spenders(histories: &Histories, as_of: Micros, zone: Zone, by: Option<By>) -> Vec<Spender> {
    let of = |view: View<'_>| {
        let mut spent: Vec<(Month, f64)> = Vec::new();
        let mut group = None;
        for (at, order) in view.orders(zone).enumerate() {
            let month = Month::of(order.day);
            match spent.last_mut().filter(|last| last.0 == month) {
                Some(last) => last.1 += order.amount,
                None => spent.push((month, order.amount)),
            }
            if at == 0 {
                group = by.and_then(|by| view.lines(&order).find_map(|line| by.name(&view, line)));
            }
        }
        Some(Spender { joined: spent.first()?.0, spent, group })
    };
    histories.iter().filter_map(|(_, history)| of(history.as_of(as_of))).collect()
}

/// The last month that is complete at an instant.
#[must_use]
pub fn last_complete(as_of: Micros, zone: Zone) -> Month {
    let day = zone.day(as_of);
    let month = Month::of(day);
    let left = Month(month.0 + 1).first_day() - 1 - day;
    if left <= MISSING_DAYS { month } else { Month(month.0 - 1) }
}

/// Revenue by month of joining and calendar month; all months from the first one to the last complete one.
#[derive(Clone, Debug)]
pub struct Table {
    /// The first month.
    pub first: Month,
    /// Customers by month of joining.
    pub customers: Vec<f64>,
    /// Revenue of those who joined in a month (row), in a month (column).
    pub revenue: Vec<Vec<f64>>,
    /// Days of each month, and of as many months after the last one as are forecast.
    pub days: Vec<f64>,
    /// Variance of a customer's spend after the month of joining over the square of its mean.
    pub spread: f64,
}

impl Table {
    /// Of spenders until a month; `None` without any.
    #[must_use]
    pub fn of<'s>(
        spenders: impl Iterator<Item = &'s Spender> + Clone,
        last: Month,
        ahead: usize,
    ) -> Option<Table> {
        let known = || spenders.clone().filter(|one| one.joined <= last);
        let first = known().map(|one| one.joined).min()?;
        let months = usize::try_from(last.0 - first.0 + 1).ok()?;
        let mut table = Table {
            first,
            customers: vec![0.0; months],
            revenue: vec![vec![0.0; months]; months],
            days: (0..months + ahead).map(|at| f64::from(Month(first.0 + at as i32).days())).collect(),
            spread: 0.0,
        };
        let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
        for one in known() {
            let cohort = (one.joined.0 - first.0) as usize;
            table.customers[cohort] += 1.0;
            let mut later = 0.0;
            for (month, amount) in one.spent.iter().filter(|(month, _)| *month <= last) {
                table.revenue[cohort][(month.0 - first.0) as usize] += amount;
                later += if *month > one.joined { *amount } else { 0.0 };
            }
            count += 1.0;
            sum += later;
            squares += later * later;
        }
        let mean = sum / count;
        table.spread = if mean > 0.0 { (squares / count - mean * mean) / (mean * mean) } else { 0.0 };
        Some(table)
    }

    /// Its months.
    #[must_use]
    pub fn months(&self) -> usize {
        self.customers.len()
    }

    /// The month at a place.
    #[must_use]
    pub fn month(&self, at: usize) -> Month {
        Month(self.first.0 + at as i32)
    }

    /// Revenue in a month of all who had joined by another one.
    #[must_use]
    pub fn base(&self, joined_by: usize, month: usize) -> f64 {
        self.revenue[..=joined_by].iter().map(|row| row[month]).sum()
    }

    /// Revenue of a cohort from its first month to another one.
    #[must_use]
    pub fn cumulated(&self, cohort: usize, to: usize) -> f64 {
        self.revenue[cohort][cohort..=to].iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_count_on_over_years_and_the_last_days_may_be_missing() {
        let day = |text: &str| homing_datasets::calendar::days_of(text.parse().unwrap());
        assert_eq!(Month::of(day("2024-02-29")).to_string(), "2024-02");
        assert_eq!((Month::of(day("2024-02-01")).days(), Month::of(day("2023-12-31")).days()), (29, 31));
        let last = |text: &str| {
            last_complete(i64::from(day(text)) * homing_datasets::DAY, Zone::default()).to_string()
        };
        assert_eq!((last("2024-01-28"), last("2024-01-29")), ("2023-12".to_owned(), "2024-01".to_owned()));
    }
}
