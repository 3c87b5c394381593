//! The scores of a stored profile, read back from the flat object of the contract.

use homing_models::Reason;

use super::words::{Lang, t};
use serde::Deserialize;
use serde_json::Value;

/// What is expected within one horizon.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Expected {
    /// The horizon in days.
    pub days: u32,
    pub p_purchase: f64,
    pub orders: Option<f64>,
    pub spend: Option<f64>,
    /// The 80 % interval of the spend.
    pub interval: Option<(f64, f64)>,
}

/// The scores of one customer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scores {
    pub churn_risk: f64,
    pub percentile: Option<u64>,
    pub p_alive: Option<f64>,
    pub clv: Option<f64>,
    pub value_at_risk: Option<f64>,
    /// RFC 3339.
    pub next_order_at: Option<String>,
    /// One entry a horizon, shortest first.
    pub at: Vec<Expected>,
    /// The weightiest first.
    pub reasons: Vec<Reason>,
}

impl Scores {
    /// Reads the scores; a profile without a churn risk has none.
    pub fn read(prediction: &Value) -> Option<Self> {
        let number = |name: &str| prediction.get(name).and_then(Value::as_f64);
        let horizon = |name: &str| name.strip_prefix("p_purchase_")?.strip_suffix('d')?.parse::<u32>().ok();
        let mut days: Vec<u32> = prediction.as_object()?.keys().filter_map(|name| horizon(name)).collect();
        days.sort_unstable();
        let at = days.into_iter().filter_map(|days| {
            let low = number(&format!("expected_spend_{days}d_low"));
            Some(Expected {
                days,
                p_purchase: number(&format!("p_purchase_{days}d"))?,
                orders: number(&format!("expected_orders_{days}d")),
                spend: number(&format!("expected_spend_{days}d")),
                interval: low.zip(number(&format!("expected_spend_{days}d_high"))),
            })
        });
        let reasons = prediction.get("reasons").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        Some(Scores {
            churn_risk: number("churn_risk")?,
            percentile: prediction.get("churn_percentile").and_then(Value::as_u64),
            p_alive: number("p_alive"),
            clv: number("clv"),
            value_at_risk: number("value_at_risk"),
            next_order_at: prediction.get("next_order_at").and_then(Value::as_str).map(str::to_owned),
            at: at.collect(),
            reasons: reasons.iter().filter_map(|reason| Reason::deserialize(reason).ok()).collect(),
        })
    }

    /// Probability of a purchase within a horizon that the scores have.
    pub fn p_purchase(&self, days: u32) -> Option<f64> {
        self.at.iter().find(|at| at.days == days).map(|at| at.p_purchase)
    }

    /// The horizon behind the churn risk, as the scores themselves tell.
    pub fn churn_horizon(&self) -> Option<u32> {
        let off = |at: &&Expected| (1.0 - at.p_purchase - self.churn_risk).abs();
        let nearest = self.at.iter().min_by(|a, b| off(a).total_cmp(&off(b)));
        nearest.filter(|at| off(at) < 1e-9).map(|at| at.days)
    }
}

/// The reason that raises this customer's risk most, in words; or that none does.
pub(super) fn raising(lang: Lang, scores: &Scores) -> String {
    let raises = scores.reasons.iter().find(|reason| reason.contribution > 0.0);
    raises.map_or(t!(lang, "no-raising"), |reason| reason.text.within(lang)).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn horizons_come_in_order_and_a_profile_without_scores_has_none() {
        let prediction = serde_json::json!({
            "churn_risk": 0.75, "p_purchase_90d": 0.25, "p_purchase_365d": 0.5, "p_purchase_30d": 0.125,
            "expected_spend_30d": 7.0, "expected_spend_30d_low": 1.0, "expected_spend_30d_high": 9.0,
            "p_purchase_xd": 1.0, "next_order_at": null, "reasons": [{"code": "of another form"}],
        });
        let scores = Scores::read(&prediction).unwrap();
        assert_eq!(scores.at.iter().map(|at| at.days).collect::<Vec<_>>(), [30, 90, 365]);
        assert_eq!((scores.at[0].interval, scores.at[1].interval), (Some((1.0, 9.0)), None));
        assert_eq!(
            (scores.p_purchase(365), scores.p_purchase(60), scores.churn_horizon()),
            (Some(0.5), None, Some(90))
        );
        assert_eq!((scores.next_order_at, scores.reasons), (None, vec![]));
        assert_eq!(Scores::read(&serde_json::json!({"not_scored": "no_purchase"})), None);
        assert_eq!(Scores::read(&Value::Null), None);
    }

    #[test]
    fn the_reason_to_call_raises_the_risk_and_is_never_one_that_lowers_it() {
        let reason = |code: &str, contribution: f64| {
            serde_json::json!({"code": code, "text": {"zh": code, "en": code}, "value": null, "contribution": contribution,
                "importance": "high"})
        };
        let scores = |reasons: &[Value]| {
            Scores::read(&serde_json::json!({"churn_risk": 0.5, "reasons": reasons})).unwrap()
        };
        let mixed = scores(&[reason("buys_often", -2.0), reason("long_silence", 0.5)]);
        assert_eq!(raising(Lang::ENGLISH, &mixed), "long_silence");
        let loyal = scores(&[reason("buys_often", -2.0)]);
        assert_eq!(loyal.reasons.len(), 1);
        assert_eq!(raising(Lang::ENGLISH, &loyal), "No factor raises the risk");
    }
}
