//! Numbers and dates as people read them.

use homing_datasets::{Micros, Zone};

pub(super) use homing_charts::numbers::{NOTHING, count, decimal, money, percent};

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
