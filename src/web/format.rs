//! Numbers and dates as people read them.

use homing_datasets::{Micros, Zone};

/// What stands where nothing is known.
pub(super) const NOTHING: &str = "–";

/// Digits in groups of three.
fn grouped(digits: &str) -> String {
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A count: `1,234,567`.
pub(super) fn count(n: u64) -> String {
    grouped(&n.to_string())
}

/// A number with so many decimals: `1,234.5`; the minus sign is a real one.
pub(super) fn decimal(number: f64, decimals: usize) -> String {
    if !number.is_finite() {
        return NOTHING.to_owned();
    }
    let text = format!("{:.decimals$}", number.abs());
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let sign = if number < 0.0 && text.contains(|c: char| ('1'..='9').contains(&c)) { "−" } else { "" };
    format!("{sign}{}{fraction}", grouped(whole))
}

/// Money: two decimals below a thousand, none from there on.
pub(super) fn money(amount: f64) -> String {
    decimal(amount, if amount.abs() < 999.995 { 2 } else { 0 })
}

/// A share in percent. Only a true 0 or 1 reads as `0%` or `100%`.
pub(super) fn percent(share: f64) -> String {
    match share {
        share if !share.is_finite() => NOTHING.to_owned(),
        share if share > 0.0 && share < 0.005 => "<1%".to_owned(),
        share if (0.995..1.0).contains(&share) => ">99%".to_owned(),
        share => format!("{}%", decimal((share * 100.0).round(), 0)),
    }
}

/// Writes instants in the zone of the model; without a model each stays in the zone in which it was written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dates(pub Option<Zone>);

impl Dates {
    /// The local date of an instant.
    pub fn of(self, instant: Micros) -> String {
        self.0.unwrap_or_default().date(instant)
    }

    /// The local date and minute of an instant.
    pub fn minute_of(self, instant: Micros) -> String {
        minute(&self.0.unwrap_or_default().format(instant))
    }

    /// The local date of an instant in RFC 3339.
    pub fn day(self, text: &str) -> String {
        match self.instant(text) {
            Some((zone, instant)) => zone.date(instant),
            None => text.get(..10).unwrap_or(text).to_owned(),
        }
    }

    /// The local date and minute of an instant in RFC 3339.
    pub fn minute(self, text: &str) -> String {
        match self.instant(text) {
            Some((zone, instant)) => minute(&zone.format(instant)),
            None => minute(text),
        }
    }

    fn instant(self, text: &str) -> Option<(Zone, Micros)> {
        let zone = self.0?;
        Some((zone, zone.instant(text).ok()?))
    }
}

/// `2011-09-12T09:05:31+08:00` as `2011-09-12 09:05`.
fn minute(text: &str) -> String {
    text.get(..16).unwrap_or(text).replacen('T', " ", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_separators_and_money_loses_its_cents_at_a_thousand() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        let amounts = [0.0, 12.5, 999.99, 999.996, 1000.0, 1_234_567.89, -3.5, -0.001, f64::NAN];
        assert_eq!(
            amounts.map(money),
            ["0.00", "12.50", "999.99", "1,000", "1,000", "1,234,568", "−3.50", "0.00", "–"]
        );
        assert_eq!(decimal(1234.56, 1), "1,234.6");
        let shares = [0.0, 0.001, 0.005, 0.314, 0.994, 0.999, 1.0];
        assert_eq!(shares.map(percent), ["0%", "<1%", "1%", "31%", "99%", ">99%", "100%"]);
    }

    #[test]
    fn dates_are_local_to_the_zone_of_the_model() {
        let shanghai = Dates(Some("Asia/Shanghai".parse().unwrap()));
        assert_eq!(shanghai.day("2011-09-12T17:00:00Z"), "2011-09-13");
        assert_eq!(shanghai.minute("2011-09-12T17:05:09Z"), "2011-09-13 01:05");
        assert_eq!(Dates(None).day("2011-09-13T01:00:00+08:00"), "2011-09-13");
        assert_eq!(Dates(None).minute("2011-09-13T01:05:09+08:00"), "2011-09-13 01:05");
        assert_eq!(shanghai.day("unreadable"), "unreadable");
        assert_eq!((shanghai.of(0), shanghai.minute_of(0)), ("1970-01-01".into(), "1970-01-01 08:00".into()));
    }
}
