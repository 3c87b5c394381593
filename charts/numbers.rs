//! Numbers as people read them.

/// What stands where nothing is known.
pub const NOTHING: &str = "–";

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
///
/// ```
/// assert_eq!(homing_charts::numbers::count(1_234_567), "1,234,567");
/// ```
#[must_use]
pub fn count(n: u64) -> String {
    grouped(&n.to_string())
}

/// A number with so many decimals: `1,234.5`; the minus sign is a real one.
#[must_use]
pub fn decimal(number: f64, decimals: usize) -> String {
    if !number.is_finite() {
        return NOTHING.to_owned();
    }
    let text = format!("{:.decimals$}", number.abs());
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let sign = if number < 0.0 && text.contains(|c: char| ('1'..='9').contains(&c)) { "−" } else { "" };
    format!("{sign}{}{fraction}", grouped(whole))
}

/// Money: two decimals below a thousand, none from there on.
#[must_use]
pub fn money(amount: f64) -> String {
    decimal(amount, if amount.abs() < 999.995 { 2 } else { 0 })
}

/// A share in percent. Only a true 0 or 1 reads as `0%` or `100%`.
///
/// ```
/// assert_eq!(homing_charts::numbers::percent(0.123), "12.3 %");
/// ```
#[must_use]
pub fn percent(share: f64) -> String {
    match share {
        share if !share.is_finite() => NOTHING.to_owned(),
        share if share > 0.0 && share < 0.005 => "<1%".to_owned(),
        share if (0.995..1.0).contains(&share) => ">99%".to_owned(),
        share => format!("{}%", decimal((share * 100.0).round(), 0)),
    }
}

/// A number in three digits or so, for narrow places: `7.3`, `640`, `12.4k`, `3.1M`.
///
/// ```
/// assert!(homing_charts::numbers::short(1_500_000.0).starts_with("1.5"));
/// ```
#[must_use]
pub fn short(number: f64) -> String {
    let (scaled, unit) = match number.abs() {
        size if size < 999.5 => (number, ""),
        size if size < 999_500.0 => (number / 1e3, "k"),
        size if size < 999.5e6 => (number / 1e6, "M"),
        _ => (number / 1e9, "G"),
    };
    let decimals = if scaled == 0.0 || scaled.abs() >= 99.95 || (unit.is_empty() && scaled.abs() >= 9.95) {
        0
    } else {
        1
    };
    if number.is_finite() { format!("{}{unit}", decimal(scaled, decimals)) } else { NOTHING.to_owned() }
}

/// A value of an axis: as many decimals as its size calls for, none for whole numbers.
#[must_use]
pub fn on_axis(number: f64) -> String {
    match number.abs() {
        size if size >= 10_000.0 => short(number).replace(".0", ""),
        size if (size - size.round()).abs() < 1e-9 => decimal(number, 0),
        size if size >= 1.0 => decimal(number, 1),
        size if size >= 0.095 => decimal(number, 2),
        _ => decimal(number, 3),
    }
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
    fn narrow_places_get_three_digits() {
        let numbers =
            [0.0, 0.04, 7.31, 64.2, 999.4, 999.6, 12_400.0, 999_600.0, 3.14e6, 2e9, -1500.0, f64::NAN];
        assert_eq!(
            numbers.map(short),
            ["0", "0.0", "7.3", "64", "999", "1.0k", "12.4k", "1.0M", "3.1M", "2.0G", "−1.5k", "–"]
        );
        assert_eq!(
            [0.0, 0.5, 0.05, 2.5, 40.0, 12_000.0, 20_500.0].map(on_axis),
            ["0", "0.50", "0.050", "2.5", "40", "12k", "20.5k"]
        );
    }
}
