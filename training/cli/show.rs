//! Reports as text.

use std::fmt::Write;

use crate::backtest::Report;
use crate::check::Usability;
use crate::metrics::Metric;
use crate::promotion::{Comparison, Reason};
use crate::warning::Warning;
use homing_datasets::ReadSummary;
use homing_datasets::cli::Purchases;
use homing_datasets::engine::Sampled;

/// What was read, in a line or two.
pub fn read(summary: &ReadSummary, purchases: &Purchases) -> String {
    let mut text = format!(
        "read {} events of {} customers from {} lines in {} files",
        summary.events, summary.customers, summary.lines, summary.files
    );
    if summary.without_customer > 0 {
        let _ = write!(text, "; {} lines without a customer left out", summary.without_customer);
    }
    if summary.not_bought > 0 {
        let _ = write!(
            text,
            "; {} lines left out because their status or kind is no purchase",
            summary.not_bought
        );
    }
    if summary.remarks > 0 {
        let _ = write!(text, "; {} sums and remarks passed over", summary.remarks);
    }
    if summary.erased > 0 {
        let _ = write!(text, "; {} lines of erased customers left out", summary.erased);
    }
    for (cause, count) in &summary.rejected {
        let _ = write!(text, "; {count} rejected: {cause}");
    }
    if !summary.rejected.is_empty() {
        let _ = write!(text, " (listed in {})", purchases.rejects.display());
    }
    text
}

/// The first lines of each layout, as they were understood.
pub fn first_lines(summary: &ReadSummary) -> String {
    let mut text = String::new();
    for recognised in summary.recognised.iter().filter(|recognised| !recognised.first_lines.is_empty()) {
        let _ = writeln!(text, "first lines of {}, as understood:", recognised.file);
        let _ = writeln!(text, "  {:<24} {:<28} {:<10} {:>12}", "customer", "at", "kind", "amount");
        for line in &recognised.first_lines {
            let kind = line.left_out.as_deref().unwrap_or(line.kind);
            let _ = writeln!(
                text,
                "  {:<24} {:<28} {:<10} {:>12}",
                line.customer_id, line.occurred_at, kind, line.amount
            );
        }
    }
    text
}

/// That not all customers were taken.
pub fn sampled(sampled: Sampled) -> String {
    format!(
        "the histories would take more than `--histories`: {} of {} customers were sampled, each stands for {:.2}",
        sampled.kept,
        sampled.customers,
        sampled.weight()
    )
}

/// What the data can carry.
pub fn usability(usability: &Usability) -> String {
    let mut text = format!(
        "data up to {}: {} customers with a purchase ({} repeat), {} orders, {} days since {}\n",
        usability.as_of,
        usability.customers,
        usability.repeaters,
        usability.orders,
        usability.span_days,
        usability.first_purchase
    );
    if usability.without_purchase > 0 {
        let _ =
            writeln!(text, "  {} customers without a purchase are not scored", usability.without_purchase);
    }
    let found = if usability.optional.is_empty() { "none".into() } else { usability.optional.join(", ") };
    let _ = writeln!(text, "  optional columns found: {found}");
    for horizon in &usability.horizons {
        let _ = writeln!(text, "  {} days: {}", horizon.days, horizon.verdict);
    }
    for remark in &usability.remarks {
        let _ = writeln!(text, "  note: {remark}");
    }
    for lack in &usability.lacks {
        let _ = writeln!(text, "  missing: {lack}");
    }
    text
}

/// A backtest as a table.
pub fn report(report: &Report) -> String {
    const COLUMNS: [Metric; 9] = [
        Metric::BUY_AUC,
        Metric::BUY_LOGLOSS,
        Metric::BUY_BRIER,
        Metric::BUY_ECE15,
        Metric::BUY_LIFT10_BUY,
        Metric::SPEND_GINI,
        Metric::SPEND_TOP10,
        Metric::SPEND_BIAS,
        Metric::ORDERS_MAE,
    ];
    let mut text = format!(
        "backtest {} + {} days: {} customers, {:.1} % bought; grade {:?}; {:.1} % of spend within its 80 % interval\n",
        report.cutoff,
        report.horizon,
        report.customers,
        100.0 * report.bought,
        report.grade,
        100.0 * report.interval_coverage
    );
    let total = &report.total;
    let _ = write!(text, "  total spend: expected {:.0}", total.expected);
    if let (Some(low), Some(high)) = (total.low, total.high) {
        let _ = write!(text, " (80 % interval {low:.0} to {high:.0})");
    }
    let _ = writeln!(text, ", actual {:.0}", total.actual);
    let _ = write!(text, "  {:<22}", "");
    for metric in COLUMNS {
        let name = metric.to_string();
        let short = name.strip_prefix("buy_").unwrap_or(&name).to_owned();
        let _ = write!(text, " {short:>11}");
    }
    text.push('\n');
    for candidate in &report.candidates {
        let _ = write!(text, "  {:<22}", candidate.name);
        for metric in COLUMNS {
            match candidate.metrics.get(metric) {
                Some(value) => {
                    let _ = write!(text, " {value:>11.4}");
                }
                None => {
                    let _ = write!(text, " {:>11}", "-");
                }
            }
        }
        text.push('\n');
    }
    if let Some(warning) = &report.warning {
        text.push_str(&self::warning(warning));
    }
    if let Some(judged) = &report.expansion {
        let _ = writeln!(
            text,
            "first purchases in {} categories: {} pairs of customer and category, {:.2} % bought; AUC {:.4} (by popularity {:.4}), within categories {:.4} (by popularity 0.5); pairs with a probability of .1 and more: {:.3} bought, {:.3} predicted",
            judged.categories,
            judged.pairs,
            100.0 * judged.bought,
            judged.auc,
            judged.auc_popularity,
            judged.auc_within,
            judged.calibration.0,
            judged.calibration.1
        );
    }
    text
}

/// The early warning as a table.
fn warning(warning: &Warning) -> String {
    let mut text = format!(
        "early warning: {} of {} active customers lapsed {} days after the cutoff or later (by their own purchase cycle); share of them flagged:\n",
        warning.lapsed, warning.base, warning.lead_days
    );
    let _ = write!(text, "  {:<28}", "share of the base flagged");
    for share in warning.flagged {
        let _ = write!(text, " {:>7.0} %", 100.0 * share);
    }
    text.push('\n');
    for flagging in &warning.flaggings {
        let _ = write!(text, "  {:<28}", flagging.name);
        for named in flagging.named {
            let _ = write!(text, " {:>7.1} %", 100.0 * named);
        }
        text.push('\n');
    }
    text
}

/// Why a model was not promoted, or how it did against the champion; nothing where there was no champion.
pub(super) fn promotion(compared: &Comparison, done: &str) -> Option<String> {
    let champion = compared.champion.as_deref()?;
    let numbers = match (compared.log_losses, compared.difference) {
        (Some((own, theirs)), Some((low, high))) => {
            format!(" (log loss {own:.4}, champion {theirs:.4}, difference {low:+.4} to {high:+.4})")
        }
        _ => String::new(),
    };
    let why = match compared.reason {
        Reason::First => return None,
        Reason::NotWorse => "not worse on the holdout window",
        Reason::Worse => "worse on the holdout window",
        Reason::RankingLost => {
            "it ranks its holdout window worse than the champion ranked its own; check the customer ids"
        }
        Reason::OtherAmounts => {
            "amounts are several times those of the champion's data; check currency and columns"
        }
        Reason::OlderData => "its data end before those of the champion",
        Reason::NoScore => "its backtest has no defined AUC; check dates and customer ids",
        Reason::NotCompared => "there is no holdout window on which both could be compared",
    };
    Some(format!("compared with {champion}: {why}{numbers}; {done}"))
}
