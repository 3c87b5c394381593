//! homing beside its rivals, in a table.

use homing_charts::numbers::{count, decimal};
use homing_charts::{Ink, span};

use crate::backtest::Report;
use crate::candidates::Candidate;
use crate::metrics::Metric;
use crate::report::lang::Lang;
use crate::report::numbers::{percent1, signed_percent};
use crate::report::page::{Block, Cell, Head, Row, Section, Table};

/// The best rule by log loss, and the share by which homing's log loss differs from its.
pub(in crate::report) fn gain_over_rule(report: &Report) -> Option<(String, f64)> {
    let own = report.candidates.first()?.log_loss()?;
    let (best, loss) = report.best_rule()?;
    Some((best.name.clone(), own / loss - 1.0))
}

/// A candidate's name in words.
pub(in crate::report) fn name_of(lang: Lang, name: &str) -> String {
    let known = match name {
        "rule: naive_repeat" => ("规则：上期重演", "rule: last period repeats"),
        "rule: naive_recency" => ("规则：距上次购买天数", "rule: days since last purchase"),
        "rule: naive_rfm" => ("规则：RFM 分组", "rule: RFM cells"),
        "rule: naive_rate" => ("规则：终身平均频率", "rule: lifetime average rate"),
        "BG/NBD × Gamma-Gamma" => ("BG/NBD × Gamma-Gamma（教科书模型）", "BG/NBD × Gamma-Gamma (textbook)"),
        "challenger: logistic regression" => {
            ("挑战者：逻辑回归（linfa）", "challenger: logistic regression (linfa)")
        }
        "challenger: linfa-trees" => ("挑战者：决策树（linfa）", "challenger: decision tree (linfa)"),
        "challenger: smartcore forest" => {
            ("挑战者：随机森林（smartcore）", "challenger: random forest (smartcore)")
        }
        other => return other.to_owned(),
    };
    lang.pick(known.0, known.1).to_owned()
}

/// The section.
pub(super) fn section(lang: Lang, report: &Report) -> Section {
    let own = report.candidates.first();
    let scales = Scales {
        auc: ends(report, |c| c.auc_interval, Metric::BUY_AUC),
        log_loss: ends(report, |c| c.logloss_interval, Metric::BUY_LOGLOSS),
    };
    let rows = report.candidates.iter().enumerate();
    let table = Table {
        head: head(lang),
        rows: rows.map(|(at, candidate)| row(lang, candidate, own.filter(|_| at > 0), &scales)).collect(),
        note: lang.text(
            "AUC 与对数损失下方是 95% 区间（按顾客自助抽样 100 次）和它的位置图；橙色虚线是 homing 的值。“–” 表示该方法不给出这个数。",
            "Below AUC and log loss: the 95% interval (100 bootstrap draws over customers), drawn to scale; the dashed line is homing's value. “–”: the method does not predict it.",
        ),
    };
    let manifest = report.bundle.manifest();
    let (date, days) = (manifest.timezone.date(manifest.as_of), report.horizon);
    let (customers, bought) = (count(report.customers as u64), percent1(report.bought));
    Section {
        id: "candidates".to_owned(),
        title: lang.text("各方法比较", "Candidates and baselines"),
        lead: lang.pick(
            format!("站在 {date}，只用当时已知的数据，预测之后 {days} 天；再与 {customers} 位顾客真实的行为比较，其中 {bought} 购买了。"),
            format!("Fitted on {date} to what was known then, judged by what {customers} customers did in the {days} days after; {bought} of them bought."),
        ),
        blocks: vec![Block::Table(table)],
    }
}

fn value(candidate: &Candidate, metric: Metric) -> f64 {
    candidate.metrics.get(metric).unwrap_or(f64::NAN)
}

/// The ends of the scales on which AUC and log loss are drawn.
struct Scales {
    auc: (f64, f64),
    log_loss: (f64, f64),
}

/// The range of a metric and its intervals over all candidates, with some air.
fn ends(report: &Report, interval: fn(&Candidate) -> (f64, f64), metric: Metric) -> (f64, f64) {
    let all = report.candidates.iter().flat_map(|c| [interval(c).0, interval(c).1, value(c, metric)]);
    let known = all.filter(|x: &f64| x.is_finite());
    let (low, high) = known.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)));
    let air = (high - low).max(1e-6) * 0.06;
    (low - air, high + air)
}

/// The row of a candidate; `own` is homing, where this is a rival.
fn row(lang: Lang, c: &Candidate, own: Option<&Candidate>, scales: &Scales) -> Row {
    let ink = if own.is_none() { Ink::Expected } else { Ink::Actual };
    let judged = |metric, interval: (f64, f64), scale| {
        let (low, high) = (decimal(interval.0, 3), decimal(interval.1, 3));
        let reference = own.map(|own| value(own, metric));
        Cell::number(decimal(value(c, metric), 3)).with(format!("{low} – {high}")).bar(span(
            value(c, metric),
            Some(interval),
            scale,
            reference,
            ink,
        ))
    };
    Row {
        strong: own.is_none(),
        cells: vec![
            Cell::text(name_of(lang, &c.name)),
            judged(Metric::BUY_AUC, c.auc_interval, scales.auc),
            judged(Metric::BUY_LOGLOSS, c.logloss_interval, scales.log_loss),
            Cell::number(percent1(value(c, Metric::BUY_ECE15))),
            Cell::number(percent1(value(c, Metric::SPEND_TOP10))),
            Cell::number(decimal(value(c, Metric::SPEND_GINI), 3)),
            Cell::number(signed_percent(value(c, Metric::SPEND_BIAS))),
            Cell::number(decimal(value(c, Metric::ORDERS_MAE), 3)),
        ],
    }
}

fn head(lang: Lang) -> Vec<Head> {
    let columns: [[&str; 4]; 7] = [
        ["排序 AUC", "Ranking, AUC", "越高越好；0.5 = 随机", "higher is better; 0.5 is random"],
        ["对数损失", "Log loss", "概率的误差，越低越好", "error of the probabilities; lower is better"],
        ["校准误差", "Calibration error", "概率与实际平均相差", "mean gap between probability and outcome"],
        [
            "前 10% 消费占比",
            "Spend in top 10%",
            "得分最高的一成顾客占总消费",
            "share of spend by the best-scored tenth",
        ],
        ["消费排序 Gini", "Spend ranking, Gini", "1 = 完美，0 = 随机", "1 is perfect, 0 is random"],
        ["总消费偏差", "Total spend off by", "预测总额对实际", "expected against actual sum"],
        ["订单误差", "Orders off by", "每位顾客，平均绝对值", "mean absolute error per customer"],
    ];
    let method = Head { name: lang.text("方法", "Method"), help: String::new(), number: false };
    let metrics = columns.into_iter().map(|[zh, en, zh_help, en_help]| Head {
        name: lang.text(zh, en),
        help: lang.text(zh_help, en_help),
        number: true,
    });
    [method].into_iter().chain(metrics).collect()
}
