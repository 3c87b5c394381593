//! The naive rules on the full CDNOW data, against the peers' published table.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail loudly, as the test itself does")]

use std::collections::BTreeMap;

use homing_datasets::{Histories, Zone};
use homing_training::baselines::{Baselines, Rule};
use homing_training::labels::{Label, label};
use homing_training::metrics::evaluate;

/// Rule, AUC, log loss, Brier, ECE, lift of buying, lift of churn, spend MAE, RMSE, bias, Spearman, Gini,
/// top tenth, decile MAPE, orders MAE and bias: cutoff 1997-12-31, horizon 90 days, as the peers print them.
const PUBLISHED: [(Rule, [f64; 15]); 4] = [
    (
        Rule::Rfm,
        [
            0.7984, 0.3552, 0.108, 0.01537, 3.469, 1.134, 16.22, 43.5, 0.1953, 0.3872, 0.6987, 0.4976,
            0.3781, 0.3834, 0.1354,
        ],
    ),
    (
        Rule::Rate,
        [
            0.7975, 0.5024, 0.1587, 0.222, 3.511, 1.141, 20.91, 43.91, 1.02, 0.3542, 0.7167, 0.5498, 1.385,
            0.5527, 1.196,
        ],
    ),
    (
        Rule::Recency,
        [
            0.768, 0.3657, 0.1117, 0.02379, 3.144, 1.089, 16.05, 44.09, 0.06464, 0.3847, 0.6008, 0.4361,
            0.402, 0.3732, 0.02091,
        ],
    ),
    (
        Rule::Repeat,
        [
            0.704, 0.3805, 0.1139, 0.01546, 3.312, 1.078, 13.77, 43.41, 0.1251, 0.4036, 0.5455, 0.519,
            0.9077, 0.3235, 0.1009,
        ],
    ),
];

const COLUMNS: [&str; 15] = [
    "buy_auc",
    "buy_logloss",
    "buy_brier",
    "buy_ece15",
    "buy_lift10_buy",
    "buy_lift10_churn",
    "spend_mae",
    "spend_rmse",
    "spend_bias",
    "spend_spearman",
    "spend_gini",
    "spend_top10",
    "spend_decile_mape",
    "orders_mae",
    "orders_bias",
];

fn cdnow() -> Histories {
    homing_datasets::cdnow().unwrap()
}

/// Half a unit of the fourth significant digit, the last that the table prints.
fn half_of_the_last_digit(printed: f64) -> f64 {
    0.5 * 10f64.powi(printed.abs().log10().floor() as i32 - 3)
}

#[test]
fn the_rules_on_cdnow_give_the_published_figures() {
    let utc = Zone::default();
    let (histories, cutoff) = (cdnow(), utc.as_of("1997-12-31").unwrap());
    let rules = Baselines::learn(histories.iter(), cutoff, 90, utc).unwrap();
    assert_eq!((rules.customers().len(), rules.learned_days()), (23_502, 90));
    let known: BTreeMap<&str, Label> =
        histories.iter().map(|(id, history)| (id, label(history, cutoff, 90, utc))).collect();
    let labels: Vec<Label> = rules.customers().iter().map(|id| known[id]).collect();
    let mut wrong = Vec::new();
    for (rule, published) in PUBLISHED {
        let metrics = evaluate(&labels, &rules.forecast(rule).scores()).unwrap();
        for (name, printed) in COLUMNS.into_iter().zip(published) {
            let value = metrics.get(name.parse().unwrap()).unwrap();
            // A little more than half a digit, for figures that were rounded at the very edge.
            if (value - printed).abs() > 1.01 * half_of_the_last_digit(printed) {
                wrong.push(format!("{} {name}: {value:.6}, published {printed}", rule.name()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_labels_of_cdnow_are_those_of_the_protocol() {
    let utc = Zone::default();
    let (histories, cutoff) = (cdnow(), utc.as_of("1997-12-31").unwrap());
    let known: BTreeMap<&str, Label> =
        histories.iter().map(|(id, history)| (id, label(history, cutoff, 90, utc))).collect();
    let rows = include_str!("fixtures/cdnow.csv").lines().filter(|line| !line.starts_with('#')).skip(1);
    let mut count = 0;
    for row in rows {
        let cells: Vec<&str> = row.split(',').collect();
        let label = known[cells[0]];
        let number = |cell: usize| cells[cell].parse::<f64>().unwrap();
        assert_eq!(f64::from(u8::from(label.bought)), number(1), "{row}");
        assert_eq!(f64::from(u8::from(label.bought_short)), number(2), "{row}");
        assert_eq!(f64::from(label.orders), number(3), "{row}");
        // The fixture is rounded to cents.
        assert!((label.spend - number(4)).abs() < 0.005, "{row}");
        assert!((label.net_spend - number(5)).abs() < 0.005, "{row}");
        count += 1;
    }
    assert_eq!(count, 2000);
}
