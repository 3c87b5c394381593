//! Numbers and dates as people read them.

use homing_datasets::{Micros, Zone};
use homing_locales::Lang;

pub(super) use homing_locales::NOTHING;

/// Writes instants in a language, and in the zone of the model; without a model each stays in the zone in which it was written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dates {
    pub lang: Lang,
    pub zone: Option<Zone>,
}

impl Dates {
    /// The local date of an instant.
    pub fn of(self, instant: Micros) -> String {
        self.lang.date(&self.zone.unwrap_or_default().date(instant))
    }

    /// The local date and minute of an instant.
    pub fn minute_of(self, instant: Micros) -> String {
        self.lang.minute(&self.zone.unwrap_or_default().format(instant))
    }

    /// The local date of an instant in RFC 3339.
    pub fn day(self, text: &str) -> String {
        match self.instant(text) {
            Some((zone, instant)) => self.lang.date(&zone.date(instant)),
            None => self.lang.date(text),
        }
    }

    /// The local date and minute of an instant in RFC 3339.
    pub fn minute(self, text: &str) -> String {
        match self.instant(text) {
            Some((zone, instant)) => self.lang.minute(&zone.format(instant)),
            None => self.lang.minute(text),
        }
    }

    fn instant(self, text: &str) -> Option<(Zone, Micros)> {
        let zone = self.zone?;
        Some((zone, zone.instant(text).ok()?))
    }
}

/// A day since 1970-01-01.
pub(super) fn day(lang: Lang, day: i32) -> String {
    lang.date(&homing_datasets::calendar::date_of(day).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_local_to_the_zone_of_the_model() {
        let dates = |zone| Dates { lang: Lang::ENGLISH, zone };
        let shanghai = dates(Some("Asia/Shanghai".parse().unwrap()));
        assert_eq!(shanghai.day("2011-09-12T17:00:00Z"), "13 Sep 2011");
        assert_eq!(shanghai.minute("2011-09-12T17:05:09Z"), "13 Sep 2011, 01:05");
        assert_eq!(dates(None).day("2011-09-13T01:00:00+08:00"), "13 Sep 2011");
        assert_eq!(dates(None).minute("2011-09-13T01:05:09+08:00"), "13 Sep 2011, 01:05");
        assert_eq!(shanghai.day("unreadable"), "unreadable");
        assert_eq!(
            (shanghai.of(0), shanghai.minute_of(0)),
            ("1 Jan 1970".into(), "1 Jan 1970, 08:00".into())
        );
    }
}
