//! The business's time zone: instants, local days, and the as-of rule.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::event::{DAY, Micros};

/// The time zone in which the business counts its days.
///
/// ```
/// use homing_datasets::Zone;
///
/// let shanghai: Zone = "Asia/Shanghai".parse()?;
/// assert_eq!(shanghai.to_string(), "Asia/Shanghai");
/// assert!("Mars".parse::<Zone>().is_err());
/// # Ok::<(), homing_datasets::calendar::NoZone>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Zone(Tz);

impl Default for Zone {
    fn default() -> Self {
        Zone(Tz::UTC)
    }
}

/// A text that is no date or time, with the forms that would have been.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a date or time; write 2011-09-09, 2011-09-09 10:30:00 or 2011-09-09T10:30:00Z")]
pub struct NoInstant(pub String);

/// A text that names no time zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time zone; write an IANA name such as Asia/Shanghai or UTC")]
pub struct NoZone(pub String);

impl std::str::FromStr for Zone {
    type Err = NoZone;

    fn from_str(name: &str) -> Result<Self, NoZone> {
        name.parse().map(Zone).map_err(|_| NoZone(name.to_owned()))
    }
}

impl std::fmt::Display for Zone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.name())
    }
}

impl Zone {
    /// Microseconds that local clocks are ahead of UTC at an instant.
    #[must_use]
    pub fn offset(self, instant: Micros) -> Micros {
        if self.0 == Tz::UTC {
            return 0;
        }
        let Some(utc) = DateTime::<Utc>::from_timestamp_micros(instant) else { return 0 };
        i64::from(self.0.offset_from_utc_datetime(&utc.naive_utc()).fix().local_minus_utc()) * 1_000_000
    }

    /// The local calendar day of an instant, in days since 1970-01-01.
    ///
    /// ```
    /// use homing_datasets::Zone;
    ///
    /// let shanghai: Zone = "Asia/Shanghai".parse().unwrap_or_default();
    /// let new_year = shanghai.instant("2025-01-01T00:30:00+08:00")?;
    /// assert_eq!(shanghai.day(new_year) - Zone::default().day(new_year), 1);
    /// # Ok::<(), homing_datasets::calendar::NoInstant>(())
    /// ```
    #[must_use]
    pub fn day(self, instant: Micros) -> i32 {
        (instant + self.offset(instant)).div_euclid(DAY) as i32
    }

    /// The local hour of day of an instant, with its fraction, in 0..24.
    #[must_use]
    pub fn hour(self, instant: Micros) -> f64 {
        (instant + self.offset(instant)).rem_euclid(DAY) as f64 / 3_600e6
    }

    /// The last instant of a local day.
    #[must_use]
    pub fn end_of_day(self, day: i32) -> Micros {
        let midnight = i64::from(day + 1) * DAY;
        // Offset at the local midnight: correct to the rare zone that changes its clocks at midnight.
        let guess = midnight - self.offset(midnight);
        midnight - self.offset(guess) - 1
    }

    /// Reads an as-of: a bare date means the end of that local day; a time without an offset is local.
    ///
    /// ```
    /// use homing_datasets::Zone;
    ///
    /// let utc = Zone::default();
    /// assert_eq!(utc.format(utc.as_of("2011-09-09")?), "2011-09-09T23:59:59.999999Z");
    /// # Ok::<(), homing_datasets::calendar::NoInstant>(())
    /// ```
    ///
    /// # Errors
    /// [`NoInstant`] when the text is neither a date nor a time.
    pub fn as_of(self, text: &str) -> Result<Micros, NoInstant> {
        match NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d") {
            Ok(date) => Ok(self.end_of_day(days_of(date))),
            Err(_) => self.instant(text),
        }
    }

    /// Reads the instant of an event: a bare date means its local midnight; a time without an offset is local.
    ///
    /// ```
    /// use homing_datasets::Zone;
    ///
    /// let shanghai: Zone = "Asia/Shanghai".parse().unwrap_or_default();
    /// assert_eq!(shanghai.instant("2025-03-01 08:00")?, Zone::default().instant("2025-03-01T00:00:00Z")?);
    /// # Ok::<(), homing_datasets::calendar::NoInstant>(())
    /// ```
    ///
    /// # Errors
    /// [`NoInstant`] when the text is neither a date nor a time.
    pub fn instant(self, text: &str) -> Result<Micros, NoInstant> {
        let trimmed = text.trim();
        if let Some(local) = plain(trimmed) {
            return Ok(self.from_local(local));
        }
        if let Ok(time) = DateTime::parse_from_rfc3339(trimmed) {
            return Ok(time.timestamp_micros());
        }
        for form in ["%Y-%m-%d %H:%M:%S%.f%:z", "%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f%#z"] {
            if let Ok(time) = DateTime::parse_from_str(trimmed, form) {
                return Ok(time.timestamp_micros());
            }
        }
        for form in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"] {
            if let Ok(time) = NaiveDateTime::parse_from_str(trimmed, form) {
                return Ok(self.from_local(time.and_utc().timestamp_micros()));
            }
        }
        Err(NoInstant(text.to_owned()))
    }

    /// The instant at which local clocks show this time, given as if it were UTC.
    #[must_use]
    pub fn from_local(self, local: Micros) -> Micros {
        if self.0 == Tz::UTC {
            return local;
        }
        let guess = local - self.offset(local);
        local - self.offset(guess)
    }

    /// An instant as RFC 3339 with the zone's offset, e.g. `2011-09-09T23:59:59.999999+08:00`.
    #[must_use]
    pub fn format(self, instant: Micros) -> String {
        let Some(utc) = DateTime::<Utc>::from_timestamp_micros(instant) else { return instant.to_string() };
        utc.with_timezone(&self.0).to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
    }

    /// The local date of an instant, e.g. `2011-09-09`.
    #[must_use]
    pub fn date(self, instant: Micros) -> String {
        date_of(self.day(instant)).to_string()
    }
}

/// The local days of ascending instants. They never fall, also where clocks that are set back repeat the end of a day, and
/// most of them are known without asking the zone.
#[derive(Clone, Copy, Debug)]
pub struct Days {
    zone: Zone,
    day: i32,
    /// The last instant of `day`.
    end: Micros,
}

impl Days {
    /// The days of a zone.
    #[must_use]
    pub fn of(zone: Zone) -> Self {
        Days { zone, day: i32::MIN, end: Micros::MIN }
    }

    /// The local day of an instant that is no earlier than those before it, in days since 1970-01-01.
    pub fn day(&mut self, instant: Micros) -> i32 {
        if instant > self.end {
            self.day = self.day.max(self.zone.day(instant));
            self.end = self.zone.end_of_day(self.day);
        }
        self.day
    }
}

/// `YYYY-MM-DD`, or that with ` HH:MM:SS` behind it, read without the general parser: most lines have it.
pub(crate) fn plain(text: &str) -> Option<Micros> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 && bytes.len() != 19 {
        return None;
    }
    let number = |from: usize, to: usize| {
        bytes[from..to].iter().try_fold(0i32, |n, b| b.is_ascii_digit().then(|| n * 10 + i32::from(b - b'0')))
    };
    if bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let date = NaiveDate::from_ymd_opt(number(0, 4)?, number(5, 7)? as u32, number(8, 10)? as u32)?;
    let mut micros = i64::from(days_of(date)) * DAY;
    if bytes.len() == 19 {
        if !matches!(bytes[10], b' ' | b'T') || bytes[13] != b':' || bytes[16] != b':' {
            return None;
        }
        let (h, m, s) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        if h > 23 || m > 59 || s > 59 {
            return None;
        }
        micros += i64::from(h * 3600 + m * 60 + s) * 1_000_000;
    }
    Some(micros)
}

/// `YYYY-MM-DD HH:MM:SS` with up to nine digits of a second and `Z` or an offset such as `+08:00` behind it: what programs write where
/// [`plain`] does not do. Gives the instant; digits beyond microseconds are cut off, as the general parser does.
pub(crate) fn with_offset(text: &str) -> Option<Micros> {
    let (local, rest) = (plain(text.get(..19)?)?, text.get(19..)?);
    let (fraction, rest) = match rest.strip_prefix('.') {
        None => (0, rest),
        Some(digits) => {
            let end = digits.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
            if !(1..=9).contains(&end) {
                return None;
            }
            let micros = (0..6).fold(0, |n, at| {
                n * 10
                    + digits.as_bytes().get(at).filter(|_| at < end).map_or(0, |byte| i64::from(byte - b'0'))
            });
            (micros, digits.get(end..)?)
        }
    };
    let offset_minutes = match rest.as_bytes() {
        [b'Z'] => 0,
        [sign @ (b'+' | b'-'), h @ .., b':', m1, m2] if h.len() == 2 => {
            let number = |bytes: &[u8]| {
                bytes.iter().try_fold(0i64, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
            };
            let (hours, minutes) = (number(h)?, number(&[*m1, *m2])?);
            if hours > 14 || minutes > 59 {
                return None;
            }
            (hours * 60 + minutes) * if *sign == b'-' { -1 } else { 1 }
        }
        _ => return None,
    };
    Some(local + fraction - offset_minutes * 60_000_000)
}

/// Days since 1970-01-01 of a date.
#[must_use]
pub fn days_of(date: NaiveDate) -> i32 {
    date.num_days_from_ce() - 719_163
}

/// The date so many days after 1970-01-01.
#[must_use]
pub fn date_of(day: i32) -> NaiveDate {
    NaiveDate::default() + TimeDelta::days(i64::from(day))
}

/// The instant of now by the machine's clock. Only the outermost layer reads it; everything else gets it as an argument.
#[must_use]
pub fn now() -> Micros {
    Utc::now().timestamp_micros()
}

/// Day of the week (Monday = 0) and day of the year (1 = January 1st) of a local day.
///
/// ```
/// use homing_datasets::calendar::weekday_and_yearday;
///
/// assert_eq!(weekday_and_yearday(0), (3, 1)); // 1970-01-01 was a Thursday
/// ```
#[must_use]
pub fn weekday_and_yearday(day: i32) -> (u32, u32) {
    let date = date_of(day);
    (date.weekday().num_days_from_monday(), date.ordinal())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_date_is_the_end_of_that_day_in_the_business_zone() {
        let shanghai: Zone = "Asia/Shanghai".parse().unwrap();
        assert_eq!(
            shanghai.format(shanghai.as_of("2011-09-09").unwrap()),
            "2011-09-09T23:59:59.999999+08:00"
        );
        assert_eq!(
            Zone::default().format(Zone::default().as_of("2011-09-09").unwrap()),
            "2011-09-09T23:59:59.999999Z"
        );
        assert_eq!(
            shanghai.day(shanghai.instant("2011-09-09T17:00:00Z").unwrap()),
            days_of("2011-09-10".parse().unwrap())
        );
    }

    #[test]
    fn a_day_with_a_changed_clock_still_ends_at_midnight() {
        let london: Zone = "Europe/London".parse().unwrap();
        assert_eq!(london.format(london.as_of("2011-03-27").unwrap()), "2011-03-27T23:59:59.999999+01:00");
        assert_eq!(london.format(london.as_of("2011-10-30").unwrap()), "2011-10-30T23:59:59.999999Z");
    }

    #[test]
    fn what_is_read_without_the_general_parser_is_what_that_would_read() {
        let times = ["2025-01-22 12:22:01", "2025-01-22T00:00:00", "1969-12-31 23:59:59"];
        let fractions = ["", ".5", ".000001", ".123456789", ".999999999"];
        for (time, fraction) in times.iter().flat_map(|time| fractions.map(|fraction| (time, fraction))) {
            for offset in ["Z", "+00:00", "+08:00", "-04:30", "+14:00"] {
                let text = format!("{time}{fraction}{offset}");
                let expected = DateTime::parse_from_rfc3339(&text).unwrap().timestamp_micros();
                assert_eq!(with_offset(&text), Some(expected), "{text}");
            }
        }
        for other in [
            "2025-01-22 12:22:01",
            "2025-01-22 12:22:01.Z",
            "2025-01-22 12:22:01.1234567890Z",
            "2025-01-22 12:22:01+8:00",
            "2025-01-22 12:22:01+08:60",
            "2025-01-22 12:22:01 Z",
            "2025-02-30 12:22:01Z",
            "2025-01-22 12:22:01é",
            "2025-01-22Z",
            "",
        ] {
            assert_eq!(with_offset(other), None, "{other}");
        }
    }

    #[test]
    fn the_usual_ways_to_write_an_instant_agree() {
        let utc = Zone::default();
        let expected = utc.instant("2011-09-09T10:30:00Z").unwrap();
        for text in [
            "2011-09-09 10:30:00",
            "2011-09-09T10:30:00",
            "2011-09-09 10:30",
            "2011-09-09T12:30:00+02:00",
            "2011-09-09T10:30:00.000",
        ] {
            assert_eq!(utc.instant(text), Ok(expected), "{text}");
        }
        for text in ["", "yesterday", "2011-13-01", "09/09/2011", "2011-02-30 10:00:00"] {
            assert_eq!(utc.instant(text), Err(NoInstant(text.to_owned())));
        }
    }
}
