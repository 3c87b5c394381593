//! The big sales events of the year, by where the business is.

use chrono::{Datelike as _, NaiveDate, Weekday};
use homing_datasets::Zone;
use homing_datasets::calendar::date_of;

/// Sales events of a year; as many in every calendar.
const EVENTS: usize = 4;

/// When a region's big sales are.
pub(super) struct Calendar {
    names: [&'static str; EVENTS],
    /// Which of them a date belongs to.
    event: fn(NaiveDate) -> Option<usize>,
}

static CHINA: Calendar = Calendar {
    names: ["618", "double_11", "double_12", "new_year"],
    event: |date| match (date.month(), date.day()) {
        (6, 1..=20) => Some(0),
        (11, 1..=12) => Some(1),
        (12, 8..=14) => Some(2),
        (1, 10..=31) => Some(3),
        _ => None,
    },
};

static WESTERN: Calendar = Calendar {
    names: ["black_friday", "christmas", "january_sale", "summer_sale"],
    event: |date| match (date.month(), date.day()) {
        // The week of Black Friday up to Cyber Monday, which may fall into December.
        (11, day) if (black_friday(date).saturating_sub(4)..=black_friday(date) + 3).contains(&day) => {
            Some(0)
        }
        (12, day) if day + 30 <= black_friday(date) + 3 => Some(0),
        (12, 1..=24) => Some(1),
        (12, 26..=31) | (1, 1..=15) => Some(2),
        (7, 1..=20) => Some(3),
        _ => None,
    },
};

impl Calendar {
    /// China's sales for a business whose clocks are there, else those of Europe and America.
    pub(super) fn of(zone: Zone) -> &'static Calendar {
        let clocks = zone.to_string();
        let there = ["Asia/Shanghai", "Asia/Chongqing", "Asia/Harbin", "Asia/Urumqi", "Asia/Kashgar", "PRC"];
        let near = ["Asia/Hong_Kong", "Asia/Macau", "Asia/Macao", "Asia/Taipei", "Hongkong", "ROC"];
        if there.into_iter().chain(near).any(|name| name == clocks) { &CHINA } else { &WESTERN }
    }

    /// The event that a local day belongs to, by its place in the calendar.
    pub(super) fn event(&self, day: i32) -> Option<usize> {
        (self.event)(date_of(day))
    }

    /// The name of an event.
    pub(super) fn name(&self, event: usize) -> Option<&'static str> {
        self.names.get(event).copied()
    }
}

/// The day of November that follows its fourth Thursday, in the year of a date.
fn black_friday(date: NaiveDate) -> u32 {
    let first = NaiveDate::from_ymd_opt(date.year(), 11, 1).map_or(Weekday::Mon, |first| first.weekday());
    let to_thursday = (7 + Weekday::Thu.num_days_from_monday() - first.num_days_from_monday()) % 7;
    1 + to_thursday + 21 + 1
}

#[cfg(test)]
mod tests {
    use homing_datasets::calendar::days_of;

    use super::*;

    fn event(zone: &str, (year, month, day): (i32, u32, u32)) -> Option<&'static str> {
        let calendar = Calendar::of(zone.parse().unwrap());
        let date = NaiveDate::from_ymd_opt(year, month, day).unwrap();
        calendar.event(days_of(date)).and_then(|event| calendar.name(event))
    }

    /// 618 and Double 11 were offered to every shop, wherever it was.
    #[test]
    fn sales_events_follow_the_time_zone() {
        assert_eq!(event("Asia/Shanghai", (2025, 6, 18)), Some("618"));
        assert_eq!(event("Asia/Shanghai", (2025, 11, 11)), Some("double_11"));
        assert_eq!(event("Europe/Berlin", (2025, 6, 18)), None);
        assert_eq!(event("UTC", (2025, 11, 11)), None);
        assert_eq!(event("Asia/Shanghai", (2025, 11, 28)), None);
        assert_eq!(event("America/New_York", (2025, 12, 20)), Some("christmas"));
        assert_eq!(event("America/New_York", (2026, 1, 2)), Some("january_sale"));
    }

    #[test]
    fn black_friday_is_the_day_after_the_fourth_thursday() {
        for (year, friday) in [(2021, 26), (2022, 25), (2023, 24), (2024, 29), (2025, 28), (2026, 27)] {
            assert_eq!(event("UTC", (year, 11, friday)), Some("black_friday"), "{year}");
            assert_eq!(event("UTC", (year, 11, friday - 5)), None, "{year}");
        }
        // Cyber Monday.
        assert_eq!(event("UTC", (2024, 12, 2)), Some("black_friday"));
        assert_eq!(event("UTC", (2024, 12, 3)), Some("christmas"));
        assert_eq!(event("UTC", (2025, 12, 1)), Some("black_friday"));
        assert_eq!(event("UTC", (2025, 12, 2)), Some("christmas"));
    }
}
