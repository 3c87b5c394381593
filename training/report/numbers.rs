//! Shares in words of the report.

use homing_charts::numbers::{NOTHING, decimal};

/// `+3.1%` or `−7.4%`.
pub(super) fn signed_percent(share: f64) -> String {
    if !share.is_finite() {
        return NOTHING.to_owned();
    }
    let sign = if share > 0.0 { "+" } else { "" };
    format!("{sign}{}%", decimal(share * 100.0, 1))
}

/// A share with one decimal.
pub(super) fn percent1(share: f64) -> String {
    if share.is_finite() { format!("{}%", decimal(share * 100.0, 1)) } else { NOTHING.to_owned() }
}
