//! The names of the metrics: a target's prefix and a measure's name.

use std::fmt;
use std::str::FromStr;

use super::Error;
use super::measures::{
    ECE_BINS, auc, average_precision, bias, brier, capture, decile_mape, ece, lift, logloss, mae, mean,
    norm_gini, rmse, spearman,
};
use crate::labels::Label;

/// What a metric is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A purchase in the window, `buy_`.
    Buy,
    /// A purchase in the short window, `buys_`.
    BuyShort,
    /// Orders in the window, `orders_`.
    Orders,
    /// Spend in the window, `spend_`.
    Spend,
    /// Spend less returns in the window, `net_`.
    Net,
}

impl Target {
    /// Every target, in the order of reports.
    pub const ALL: [Target; 5] = [Target::Buy, Target::BuyShort, Target::Orders, Target::Spend, Target::Net];

    /// What happened, as a number: 1 and 0 for yes and no.
    #[must_use]
    pub fn actual(self, label: &Label) -> f64 {
        match self {
            Target::Buy => f64::from(u8::from(label.bought)),
            Target::BuyShort => f64::from(u8::from(label.bought_short)),
            Target::Orders => f64::from(label.orders),
            Target::Spend => label.spend,
            Target::Net => label.net_spend,
        }
    }

    /// The column of scores that is compared with it.
    #[must_use]
    pub fn column(self) -> &'static str {
        match self {
            Target::Buy => "p_buy",
            Target::BuyShort => "p_buy_short",
            Target::Orders => "expected_orders",
            Target::Spend | Target::Net => "expected_spend",
        }
    }

    /// Whether the predictions are probabilities.
    #[must_use]
    pub fn is_probability(self) -> bool {
        matches!(self, Target::Buy | Target::BuyShort)
    }

    fn prefix(self) -> &'static str {
        match self {
            Target::Buy => "buy_",
            Target::BuyShort => "buys_",
            Target::Orders => "orders_",
            Target::Spend => "spend_",
            Target::Net => "net_",
        }
    }

    fn measures(self) -> &'static [Measure] {
        match self {
            Target::Buy | Target::BuyShort => &Measure::OF_PROBABILITIES,
            Target::Orders => &Measure::OF_AMOUNTS[..5],
            Target::Spend | Target::Net => &Measure::OF_AMOUNTS,
        }
    }
}

/// How predictions are compared with what happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Measure {
    /// Area under the ROC curve; the same for buying and for churn.
    Auc,
    /// Average precision of finding those who did not buy, by `1 - p`.
    PrAucChurn,
    /// Average precision of finding those who bought.
    PrAucBuy,
    /// Log loss in nats.
    LogLoss,
    /// Brier score.
    Brier,
    /// Expected calibration error over 15 groups of equal size.
    Ece15,
    /// Lift of churn in the tenth of customers with the lowest `p`.
    Lift10Churn,
    /// Lift of buying in the tenth of customers with the highest `p`.
    Lift10Buy,
    /// Mean of the probabilities.
    MeanP,
    /// Share of the customers who bought.
    Base,
    /// Mean absolute error.
    Mae,
    /// Root mean squared error.
    Rmse,
    /// Predicted sum over actual sum, less one.
    Bias,
    /// Mean of the actuals.
    Mean,
    /// Spearman's rank correlation.
    Spearman,
    /// Gini over the best possible Gini.
    Gini,
    /// Share of the sum that the best tenth by score holds.
    Top10,
    /// Share of the sum that the best fifth by score holds.
    Top20,
    /// Mean relative error of the sums of ten groups by prediction.
    DecileMape,
}

impl Measure {
    const OF_PROBABILITIES: [Measure; 10] = [
        Measure::Auc,
        Measure::PrAucChurn,
        Measure::PrAucBuy,
        Measure::LogLoss,
        Measure::Brier,
        Measure::Ece15,
        Measure::Lift10Churn,
        Measure::Lift10Buy,
        Measure::MeanP,
        Measure::Base,
    ];

    /// Orders have the first five.
    const OF_AMOUNTS: [Measure; 9] = [
        Measure::Mae,
        Measure::Rmse,
        Measure::Bias,
        Measure::Mean,
        Measure::Spearman,
        Measure::Gini,
        Measure::Top10,
        Measure::Top20,
        Measure::DecileMape,
    ];

    fn name(self) -> &'static str {
        match self {
            Measure::Auc => "auc",
            Measure::PrAucChurn => "pr_auc_churn",
            Measure::PrAucBuy => "pr_auc_buy",
            Measure::LogLoss => "logloss",
            Measure::Brier => "brier",
            Measure::Ece15 => "ece15",
            Measure::Lift10Churn => "lift10_churn",
            Measure::Lift10Buy => "lift10_buy",
            Measure::MeanP => "mean_p",
            Measure::Base => "base",
            Measure::Mae => "mae",
            Measure::Rmse => "rmse",
            Measure::Bias => "bias",
            Measure::Mean => "mean",
            Measure::Spearman => "spearman",
            Measure::Gini => "gini",
            Measure::Top10 => "top10",
            Measure::Top20 => "top20",
            Measure::DecileMape => "decile_mape",
        }
    }

    /// The measure of these columns of equal length.
    pub(super) fn of(self, actual: &[f64], predicted: &[f64]) -> f64 {
        let opposite = |values: &[f64]| values.iter().map(|value| 1.0 - value).collect::<Vec<_>>();
        match self {
            Measure::Auc => auc(actual, predicted),
            Measure::PrAucChurn => average_precision(&opposite(actual), &opposite(predicted)),
            Measure::PrAucBuy => average_precision(actual, predicted),
            Measure::LogLoss => logloss(actual, predicted),
            Measure::Brier => brier(actual, predicted),
            Measure::Ece15 => ece(actual, predicted, ECE_BINS),
            Measure::Lift10Churn => lift(&opposite(predicted), &opposite(actual), 0.1),
            Measure::Lift10Buy => lift(predicted, actual, 0.1),
            Measure::MeanP => mean(predicted.iter().copied()),
            Measure::Base | Measure::Mean => mean(actual.iter().copied()),
            Measure::Mae => mae(actual, predicted),
            Measure::Rmse => rmse(actual, predicted),
            Measure::Bias => bias(actual, predicted),
            Measure::Spearman => spearman(actual, predicted),
            Measure::Gini => norm_gini(actual, predicted),
            Measure::Top10 => capture(predicted, actual, 0.1),
            Measure::Top20 => capture(predicted, actual, 0.2),
            Measure::DecileMape => decile_mape(predicted, actual),
        }
    }
}

/// One metric: a measure of a target. Its text is its name in reports, e.g. `spend_gini`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Metric {
    target: Target,
    measure: Measure,
}

impl Metric {
    /// `buy_auc`.
    pub const BUY_AUC: Metric = Metric { target: Target::Buy, measure: Measure::Auc };
    /// `buy_logloss`.
    pub const BUY_LOGLOSS: Metric = Metric { target: Target::Buy, measure: Measure::LogLoss };
    /// `buy_brier`.
    pub const BUY_BRIER: Metric = Metric { target: Target::Buy, measure: Measure::Brier };
    /// `buy_ece15`.
    pub const BUY_ECE15: Metric = Metric { target: Target::Buy, measure: Measure::Ece15 };
    /// `buy_lift10_buy`.
    pub const BUY_LIFT10_BUY: Metric = Metric { target: Target::Buy, measure: Measure::Lift10Buy };
    /// `buy_lift10_churn`.
    pub const BUY_LIFT10_CHURN: Metric = Metric { target: Target::Buy, measure: Measure::Lift10Churn };
    /// `orders_mae`.
    pub const ORDERS_MAE: Metric = Metric { target: Target::Orders, measure: Measure::Mae };
    /// `orders_bias`.
    pub const ORDERS_BIAS: Metric = Metric { target: Target::Orders, measure: Measure::Bias };
    /// `spend_mae`.
    pub const SPEND_MAE: Metric = Metric { target: Target::Spend, measure: Measure::Mae };
    /// `spend_rmse`.
    pub const SPEND_RMSE: Metric = Metric { target: Target::Spend, measure: Measure::Rmse };
    /// `spend_bias`.
    pub const SPEND_BIAS: Metric = Metric { target: Target::Spend, measure: Measure::Bias };
    /// `spend_spearman`.
    pub const SPEND_SPEARMAN: Metric = Metric { target: Target::Spend, measure: Measure::Spearman };
    /// `spend_gini`.
    pub const SPEND_GINI: Metric = Metric { target: Target::Spend, measure: Measure::Gini };
    /// `spend_top10`.
    pub const SPEND_TOP10: Metric = Metric { target: Target::Spend, measure: Measure::Top10 };
    /// `spend_decile_mape`.
    pub const SPEND_DECILE_MAPE: Metric = Metric { target: Target::Spend, measure: Measure::DecileMape };

    /// Every metric, in the order of reports.
    pub fn all() -> impl Iterator<Item = Metric> {
        Target::ALL.into_iter().flat_map(Metric::of_target)
    }

    /// The metrics of one target, in the order of reports.
    pub fn of_target(target: Target) -> impl Iterator<Item = Metric> {
        target.measures().iter().map(move |&measure| Metric { target, measure })
    }

    /// What it is about.
    #[must_use]
    pub fn target(self) -> Target {
        self.target
    }

    /// How it compares.
    #[must_use]
    pub fn measure(self) -> Measure {
        self.measure
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `pad` rather than two writes, so that `{metric:22}` lines up in tables.
        f.pad(&format!("{}{}", self.target.prefix(), self.measure.name()))
    }
}

impl FromStr for Metric {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Metric::all()
            .find(|metric| metric.to_string() == name)
            .ok_or_else(|| Error::NoMetric(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_its_own_and_reads_back() {
        let names: Vec<String> = Metric::all().map(|metric| metric.to_string()).collect();
        assert_eq!(names.len(), 10 + 10 + 5 + 9 + 9);
        for (metric, name) in Metric::all().zip(&names) {
            assert_eq!(name.parse(), Ok(metric));
        }
        assert_eq!("orders_gini".parse::<Metric>(), Err(Error::NoMetric("orders_gini".to_owned())));
    }
}
