//! What needs attention, with the threshold and what to do.

use homing_models::measures::ECE_BINS;
use serde::{Deserialize, Serialize};

use super::{Report, Window};

/// AUC below that of the model's first window, beyond chance.
const AUC_DROP: f64 = 0.02;
/// Calibration error beyond chance.
const ECE: f64 = 0.05;
/// Expected spend too high or too low by more than this.
const SPEND_BIAS: f64 = 0.15;
/// Coverage of the 80 % interval below this. Above 80 % it may lie: where most customers spend nothing, any interval holds them.
const COVERAGE: f64 = 0.70;
/// Population stability index of another population.
const SHIFTED: f64 = 0.25;
/// Shifted features that are named.
const NAMED: usize = 5;

/// An alarm.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Alarm {
    /// `auc`, `ece`, `spend_bias`, `interval_coverage`, `output_drift`, `input_drift`, `source_stopped`, `amounts_moved` or
    /// `challenger_better`.
    pub code: &'static str,
    /// The model; empty for purchases, which have none.
    pub model: String,
    /// The horizon in days; none for drift.
    pub horizon_days: Option<u32>,
    /// The instant of the scores, for purchases of the last one (RFC 3339).
    pub from: String,
    /// What was measured.
    pub value: f64,
    /// What it should not exceed or fall below.
    pub threshold: f64,
    /// What is wrong and what to do.
    pub advice: String,
}

/// What the service makes metrics and webhooks of: the alarms, and the last window of each model and horizon.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Digest {
    /// The alarms.
    pub alarms: Vec<Rung>,
    /// The figures.
    pub figures: Vec<Figure>,
}

/// An alarm as the service reads it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields of `Alarm`")]
pub struct Rung {
    pub code: String,
    pub model: String,
    pub horizon_days: Option<u32>,
    pub from: String,
    pub value: Option<f64>,
    pub threshold: f64,
    pub advice: String,
}

/// A figure of the last window of a model and horizon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// `auc`, `logloss`, `ece`, `spend_bias`, `interval_coverage` or `high_precision`.
    pub name: String,
    /// The model.
    pub model: String,
    /// The horizon in days.
    pub horizon_days: u32,
    /// The figure.
    pub value: f64,
}

impl Digest {
    /// Of a report.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        let alarms = report.alarms.iter().map(|alarm| Rung {
            code: alarm.code.to_owned(),
            model: alarm.model.clone(),
            horizon_days: alarm.horizon_days,
            from: alarm.from.clone(),
            value: alarm.value.is_finite().then_some(alarm.value),
            threshold: alarm.threshold,
            advice: alarm.advice.clone(),
        });
        let mut figures = Vec::new();
        let whole = || report.windows.iter().filter(|window| window.segment == "all");
        for window in whole() {
            let same =
                |other: &&Window| other.model == window.model && other.horizon_days == window.horizon_days;
            if whole().rfind(same) != Some(window) {
                continue;
            }
            let found = &window.figures;
            for (name, value) in [
                ("auc", found.auc),
                ("logloss", found.logloss),
                ("ece", found.ece),
                ("spend_bias", found.spend_bias),
                ("interval_coverage", found.interval_coverage),
                ("high_precision", found.high_precision),
            ] {
                figures.extend(value.map(|value| Figure {
                    name: name.to_owned(),
                    model: window.model.clone(),
                    horizon_days: window.horizon_days,
                    value,
                }));
            }
        }
        Digest { alarms: alarms.collect(), figures }
    }
}

/// The alarms of a report: of the last window of each model and horizon, and of the last night's drift. Thresholds must be exceeded
/// beyond chance: by the whole 95 % interval.
#[must_use]
pub fn alarms(report: &Report) -> Vec<Alarm> {
    let mut alarms = Vec::new();
    let whole = || report.windows.iter().filter(|window| window.segment == "all");
    for last in whole() {
        let same = |other: &&Window| other.model == last.model && other.horizon_days == last.horizon_days;
        if whole().rfind(same) == Some(last) {
            let first = whole().find(same);
            judge(last, first.filter(|first| *first != last), &mut alarms);
        }
    }
    let shifted = |kind: &'static str| {
        report.drift.iter().filter(move |drift| drift.kind == kind && drift.psi > SHIFTED).take(NAMED)
    };
    for (kind, code, advice) in [
        (
            "output",
            "output_drift",
            "the scores have another distribution than on the model's first night; check whether the purchases are complete, then retrain",
        ),
        (
            "input",
            "input_drift",
            "customers differ from those that the model was fitted on; check the source of these values (missing days, currency, \
             amounts in cents), then retrain",
        ),
    ] {
        let Some(worst) = shifted(kind).next() else { continue };
        let names: Vec<&str> = shifted(kind).map(|drift| drift.name.as_str()).collect();
        alarms.push(Alarm {
            code,
            model: worst.model.clone(),
            horizon_days: None,
            from: worst.from.clone(),
            value: worst.psi,
            threshold: SHIFTED,
            advice: format!("{}: {advice}", names.join(", ")),
        });
    }
    alarms.extend(challenger(report));
    alarms.extend(arrivals(report));
    alarms
}

/// A challenger that is better than the champion on the last window of a horizon.
fn challenger(report: &Report) -> Option<Alarm> {
    let last = report.comparisons.last()?;
    let better =
        report.comparisons.iter().rfind(|one| one.from == last.from && one.better == "challenger")?;
    Some(Alarm {
        code: "challenger_better",
        model: better.champion.clone(),
        horizon_days: Some(better.horizon_days),
        from: better.from.clone(),
        value: better.difference,
        threshold: 0.0,
        advice: format!(
            "{} predicted the same customers better than the champion; promote it: homing models promote",
            better.challenger
        ),
    })
}

/// Channels whose purchases stopped, and amounts that moved: of each the whole base, or else the channels.
fn arrivals(report: &Report) -> Vec<Alarm> {
    let mut alarms = Vec::new();
    for (kind, code, advice) in [
        (
            "purchases",
            "source_stopped",
            "fewer purchases arrived in the last three days than in the weeks before; check this source before scores are used",
        ),
        (
            "amount",
            "amounts_moved",
            "the median amount of the last days has moved; check prices and currency (amounts in cents?), then retrain",
        ),
    ] {
        let broken = || report.arrivals.iter().filter(|one| one.kind == kind && one.broken);
        let Some(worst) = broken().find(|one| one.channel == "all").or_else(|| broken().next()) else {
            continue;
        };
        let names: Vec<&str> = broken().map(|one| one.channel.as_str()).collect();
        alarms.push(Alarm {
            code,
            model: String::new(),
            horizon_days: None,
            from: report.data_until.clone().unwrap_or_default(),
            value: worst.recent,
            threshold: worst.expected,
            advice: format!("{}: {advice}", names.join(", ")),
        });
    }
    alarms
}

fn judge(last: &Window, first: Option<&Window>, alarms: &mut Vec<Alarm>) {
    let mut add = |code: &'static str, value: Option<f64>, threshold: f64, advice: &str| {
        alarms.push(Alarm {
            code,
            model: last.model.clone(),
            horizon_days: Some(last.horizon_days),
            from: last.from.clone(),
            value: value.unwrap_or(f64::NAN),
            threshold,
            advice: advice.to_owned(),
        });
    };
    let found = &last.figures;
    let then = first.and_then(|first| first.figures.auc).map(|auc| auc - AUC_DROP);
    if let (Some(high), Some(least)) = (found.auc_high, then)
        && high < least
    {
        add("auc", found.auc, least, "the model ranks customers worse than in its first window; retrain it");
    }
    // Chance alone leaves a calibration error, the larger the fewer customers there are.
    let ece = ECE + (0.25 * ECE_BINS as f64 / last.customers.max(1) as f64).sqrt();
    if found.ece_low.is_some_and(|low| low > ece) {
        add(
            "ece",
            found.ece,
            ece,
            "purchase probabilities are off; retrain, and check for missing days of purchases",
        );
    }
    if found.spend_bias_low.is_some_and(|low| low > SPEND_BIAS) {
        let advice =
            "customers spent less than expected; check that all purchases have arrived, then retrain";
        add("spend_bias", found.spend_bias, SPEND_BIAS, advice);
    }
    if found.spend_bias_high.is_some_and(|high| high < -SPEND_BIAS) {
        let advice =
            "customers spent more than expected; check currency and prices (amounts in cents?), then retrain";
        add("spend_bias", found.spend_bias, -SPEND_BIAS, advice);
    }
    if found.interval_coverage_high.is_some_and(|high| high < COVERAGE) {
        let advice = "the spend intervals hold fewer customers than they promise; retrain";
        add("interval_coverage", found.interval_coverage, COVERAGE, advice);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Drift;
    use super::super::measure::Figures;
    use super::*;

    fn window(from: &str, auc: f64) -> Window {
        let figures = Figures {
            auc: Some(auc),
            auc_high: Some(auc + 0.01),
            spend_bias: Some(-0.4),
            spend_bias_high: Some(-0.3),
            ..Figures::default()
        };
        Window {
            model: "m@1".to_owned(),
            horizon_days: 30,
            from: from.to_owned(),
            to: String::new(),
            segment: "all".to_owned(),
            customers: 500,
            figures,
        }
    }

    #[test]
    fn the_last_window_and_night_ring_once_each() {
        let drift = |name: &str, psi| Drift {
            model: "m@1".to_owned(),
            from: "2025-01-08".to_owned(),
            kind: "input",
            name: name.to_owned(),
            psi,
            reference: "model",
        };
        let report = Report {
            windows: vec![window("2025-01-01", 0.8), window("2025-01-08", 0.7)],
            drift: vec![drift("spend_total", 0.9), drift("recency_days", 0.05)],
            ..Report::default()
        };
        let found = alarms(&report);
        let codes: Vec<&str> = found.iter().map(|alarm| alarm.code).collect();
        assert_eq!(codes, ["auc", "spend_bias", "input_drift"]);
        assert!(found[1].advice.contains("cents") && found[2].advice.starts_with("spend_total: "));
        let quiet = Report { windows: vec![window("2025-01-01", 0.8)], ..Report::default() };
        assert_eq!(alarms(&quiet).len(), 1);
    }
}
