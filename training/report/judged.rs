//! How the scores of a backtest compare with what happened: candidates, calibration, gain, deciles.

use homing_charts::numbers::{count, decimal, money, on_axis, percent};
use homing_charts::{Axis, Column, Columns, Group, Ink, Line, Plot, Point, columns, plot, span};

use super::lang::Lang;
use super::names;
use super::numbers::{percent1, signed_percent};
use super::page::{Block, Cell, Drawing, Figure, Head, Key, Row, Section, Table};
use crate::backtest::{Report, ScoreRow};
use crate::candidates::Candidate;
use crate::metrics::Metric;

/// Groups of the calibration and of the deciles.
const GROUPS: usize = 10;

/// The best rule by log loss, and the share by which homing's log loss differs from its.
pub(super) fn gain_over_rule(report: &Report) -> Option<(String, f64)> {
    let own = report.candidates.first()?.log_loss()?;
    let (best, loss) = report.best_rule()?;
    Some((best.name.clone(), own / loss - 1.0))
}

/// A candidate's name in words.
pub(super) fn name_of(lang: Lang, name: &str) -> String {
    let known = match name {
        "rule: naive_repeat" => ("规则：上期重演", "rule: last period repeats"),
        "rule: naive_recency" => ("规则：距上次购买天数", "rule: days since last purchase"),
        "rule: naive_rfm" => ("规则：RFM 分组", "rule: RFM cells"),
        "rule: naive_rate" => ("规则：终身平均频率", "rule: lifetime average rate"),
        "BG/NBD × Gamma-Gamma" => ("BG/NBD × Gamma-Gamma（教科书模型）", "BG/NBD × Gamma-Gamma (textbook)"),
        "challenger: linfa-logistic" => {
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

pub(super) fn missing(lang: Lang) -> Section {
    Section {
        id: "candidates".to_owned(),
        title: lang.pick("检验", "Test").to_owned(),
        lead: lang
            .pick(
                "历史太短，无法留出最近一段时间来检验模型，因此没有等级。",
                "The history is too short to hold back its last part, so the model is not tested and has no grade.",
            )
            .to_owned(),
        blocks: Vec::new(),
    }
}

pub(super) fn sections(lang: Lang, report: &Report, suffix: &str) -> Vec<Section> {
    let mut all =
        vec![candidates(lang, report), calibration(lang, report), gain(lang, report), value(lang, report)];
    all.extend(rules(lang, report));
    for section in &mut all {
        section.id.push_str(suffix);
    }
    all
}

/// The test in numbers, for whoever draws it elsewhere.
pub(super) fn in_numbers(
    report: &Report,
    weeks: Vec<homing_models::judged::Week>,
) -> homing_models::judged::Test {
    let rows = &report.scores;
    let tenth = |group: &Vec<&ScoreRow>| {
        let actual = mean(group, bought);
        homing_models::judged::Tenth {
            customers: group.len() as u64,
            expected: mean(group, |row| row.p_purchase),
            actual,
            interval: wilson(actual, group.len()),
        }
    };
    let shares = |score: fn(&ScoreRow) -> f64, actual: fn(&ScoreRow) -> f64| {
        gains(rows, score, actual)
            .into_iter()
            .map(|(_, share)| if share.is_finite() { share } else { 0.0 })
            .collect()
    };
    let mut value = groups(rows, |row| row.expected_spend, GROUPS);
    value.reverse();
    let manifest = report.bundle.manifest();
    homing_models::judged::Test {
        cutoff: manifest.timezone.date(manifest.as_of),
        days: report.horizon,
        customers: report.customers as u64,
        bought: report.bought,
        chances: groups(rows, |row| row.p_purchase, GROUPS).iter().map(tenth).collect(),
        buyers: shares(|row| row.p_purchase, bought),
        buyers_best: shares(bought, bought),
        spend: shares(|row| row.expected_spend, |row| row.label.spend),
        spend_best: shares(|row| row.label.spend, |row| row.label.spend),
        value: value
            .iter()
            .map(|group| (mean(group, |row| row.expected_spend), mean(group, |row| row.label.spend)))
            .collect(),
        weeks,
    }
}

fn candidates(lang: Lang, report: &Report) -> Section {
    let t = |zh: &str, en: &str| lang.pick(zh, en).to_owned();
    let get = |c: &Candidate, metric| c.metrics.get(metric).unwrap_or(f64::NAN);
    let ends = |of: fn(&Candidate) -> (f64, f64), metric| {
        let all = report.candidates.iter().flat_map(move |c| [of(c).0, of(c).1, get(c, metric)]);
        let known = all.filter(|x: &f64| x.is_finite());
        let (low, high) = known.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)));
        let air = (high - low).max(1e-6) * 0.06;
        (low - air, high + air)
    };
    let auc_ends = ends(|c| c.auc_interval, Metric::BUY_AUC);
    let loss_ends = ends(|c| c.logloss_interval, Metric::BUY_LOGLOSS);
    let own = report.candidates.first();
    let rows = report.candidates.iter().enumerate().map(|(at, c)| {
        let ink = if at == 0 { Ink::Expected } else { Ink::Actual };
        let interval = |(low, high): (f64, f64)| format!("{} – {}", decimal(low, 3), decimal(high, 3));
        let judged = |value: f64, ends, scale, reference| {
            Cell::number(decimal(value, 3)).with(interval(ends)).bar(span(
                value,
                Some(ends),
                scale,
                reference,
                ink,
            ))
        };
        let reference = |metric| own.map(|own| get(own, metric)).filter(|_| at > 0);
        Row {
            strong: at == 0,
            cells: vec![
                Cell::text(name_of(lang, &c.name)),
                judged(get(c, Metric::BUY_AUC), c.auc_interval, auc_ends, reference(Metric::BUY_AUC)),
                judged(
                    get(c, Metric::BUY_LOGLOSS),
                    c.logloss_interval,
                    loss_ends,
                    reference(Metric::BUY_LOGLOSS),
                ),
                Cell::number(percent1(get(c, Metric::BUY_ECE15))),
                Cell::number(percent1(get(c, Metric::SPEND_TOP10))),
                Cell::number(decimal(get(c, Metric::SPEND_GINI), 3)),
                Cell::number(signed_percent(get(c, Metric::SPEND_BIAS))),
                Cell::number(decimal(get(c, Metric::ORDERS_MAE), 3)),
            ],
        }
    });
    let head = |name: String, help: String| Head { name, help, number: true };
    let table = Table {
        head: vec![
            Head { name: t("方法", "Method"), help: String::new(), number: false },
            head(
                t("排序 AUC", "Ordering, AUC"),
                t("越高越好；0.5 = 随机", "higher is better; 0.5 is chance"),
            ),
            head(
                t("对数损失", "Log loss"),
                t("概率的误差，越低越好", "error of the chances; lower is better"),
            ),
            head(t("校准误差", "Calibration error"), t("概率与实际平均相差", "chances off by, on average")),
            head(
                t("前 10% 消费占比", "Spend in top 10%"),
                t("得分最高的一成顾客占总消费", "share of spend by the best-scored tenth"),
            ),
            head(
                t("消费排序 Gini", "Spend ordering, Gini"),
                t("1 = 完美，0 = 随机", "1 is perfect, 0 is chance"),
            ),
            head(t("总消费偏差", "Total spend off by"), t("预测总额对实际", "expected against actual sum")),
            head(t("订单误差", "Orders off by"), t("每位顾客，平均绝对值", "a customer, mean absolute")),
        ],
        rows: rows.collect(),
        note: t(
            "AUC 与对数损失下方是 95% 区间（按顾客自助抽样 100 次）和它的位置图；橙色虚线是 homing 的值。“–” 表示该方法不给出这个数。",
            "Below AUC and log loss: the 95% interval (100 bootstrap draws over customers), drawn to scale; the dashed line is homing's value. “–”: the method does not say.",
        ),
    };
    let date = report.bundle.manifest().timezone.date(report.bundle.manifest().as_of);
    Section {
        id: "candidates".to_owned(),
        title: t("各方法比较", "Candidates and baselines"),
        lead: lang.pick(
            format!("站在 {date}，只用当时已知的数据，预测之后 {} 天；再与 {} 位顾客真实的行为比较，其中 {} 购买了。", report.horizon, count(report.customers as u64), percent1(report.bought)),
            format!("Learned on {date} from what was known then, judged by what {} customers did in the {} days after; {} of them bought.", count(report.customers as u64), report.horizon, percent1(report.bought)),
        ),
        blocks: vec![Block::Table(table)],
    }
}

/// Neighbouring groups of customers, by a score, the lowest first.
fn groups(rows: &[ScoreRow], score: fn(&ScoreRow) -> f64, count: usize) -> Vec<Vec<&ScoreRow>> {
    let mut sorted: Vec<&ScoreRow> = rows.iter().collect();
    sorted.sort_by(|a, b| score(a).total_cmp(&score(b)));
    let n = sorted.len();
    (0..count)
        .map(|i| sorted[n * i / count..n * (i + 1) / count].to_vec())
        .filter(|g: &Vec<_>| !g.is_empty())
        .collect()
}

fn mean(rows: &[&ScoreRow], of: impl Fn(&ScoreRow) -> f64) -> f64 {
    rows.iter().map(|row| of(row)).sum::<f64>() / rows.len().max(1) as f64
}

fn bought(row: &ScoreRow) -> f64 {
    f64::from(u8::from(row.label.bought))
}

/// Wilson's 95 % interval of a share (Wilson 1927).
fn wilson(share: f64, n: usize) -> (f64, f64) {
    let (z, n) = (1.96f64, n.max(1) as f64);
    let centre = (share + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

fn calibration(lang: Lang, report: &Report) -> Section {
    let t = |zh: &str, en: &str| lang.pick(zh, en).to_owned();
    let points = groups(&report.scores, |row| row.p_purchase, GROUPS).into_iter().map(|group| {
        let (p, y) = (mean(&group, |row| row.p_purchase), mean(&group, bought));
        let title = lang.pick(
            format!("{} 位顾客：预测 {}，实际 {}", count(group.len() as u64), percent1(p), percent1(y)),
            format!(
                "{} customers: expected {}, actual {}",
                count(group.len() as u64),
                percent1(p),
                percent1(y)
            ),
        );
        Point { x: p, y, title: Some(title), interval: Some(wilson(y, group.len())) }
    });
    let points: Vec<Point> = points.collect();
    let expected =
        report.scores.iter().map(|row| row.p_purchase).sum::<f64>() / report.scores.len().max(1) as f64;
    let own = report.candidates.first();
    let ece = own.and_then(|c| c.metrics.get(Metric::BUY_ECE15)).unwrap_or(f64::NAN);
    let label = lang.pick(
        format!(
            "校准：平均预测 {}，实际 {}，校准误差 {}",
            percent1(expected),
            percent1(report.bought),
            percent1(ece)
        ),
        format!(
            "Calibration: expected {} on average, actual {}, calibration error {}",
            percent1(expected),
            percent1(report.bought),
            percent1(ece)
        ),
    );
    let diagonal = vec![Point::default(), Point { x: 1.0, y: 1.0, ..Point::default() }];
    let drawing = Drawing {
        title: t("预测概率与实际比例", "Chances, expected against actual"),
        note: t(
            "顾客按预测概率分为十组。点在虚线上：说 30% 的人里真有 30% 购买；点在虚线上方：预测偏低。竖线是 95% 区间。",
            "Customers in ten groups by their chance. On the dotted line, of those told 30%, 30% bought; above it, too little was expected. Bars are 95% intervals.",
        ),
        keys: vec![Key::line(Ink::Expected, "homing"), Key::line(Ink::Ideal, t("完全准确", "exactly right"))],
        svg: plot(&Plot {
            label: &label,
            x: Axis::share(t("预测的购买概率", "expected chance to buy"), &percent),
            y: Axis::share(t("实际购买的比例", "share that bought"), &percent),
            lines: vec![
                Line { ink: Ink::Ideal, points: diagonal, dots: false, joined: true },
                Line { ink: Ink::Expected, points, dots: true, joined: true },
            ],
            rules: Vec::new(),
        }),
    };
    let figures = vec![
        Figure {
            name: t("校准误差 (ECE)", "Calibration error (ECE)"),
            value: percent1(ece),
            note: t(
                "概率平均偏离实际多少，百分点；3 以内为好",
                "points by which chances miss, on average; up to 3 is good",
            ),
        },
        Figure {
            name: t("预测的购买比例", "Expected to buy"),
            value: percent1(expected),
            note: t("全部顾客的平均概率", "mean chance of all customers"),
        },
        Figure {
            name: t("实际购买的比例", "Bought"),
            value: percent1(report.bought),
            note: lang.pick(format!("{} 天内", report.horizon), format!("within {} days", report.horizon)),
        },
    ];
    Section {
        id: "calibration".to_owned(),
        title: t("校准：概率可信吗", "Calibration: can the chances be taken at their word"),
        lead: t(
            "名单只需要排序；预算和人数估算则需要概率本身准确。",
            "A call list needs the order only; budgets and headcounts need the chances themselves to be right.",
        ),
        blocks: vec![Block::Figures(figures), Block::Drawings(vec![drawing, spread(lang, report)])],
    }
}

/// How many customers were told each chance.
fn spread(lang: Lang, report: &Report) -> Drawing {
    let t = |zh: &str, en: &str| lang.pick(zh, en).to_owned();
    let mut bins = [0u64; 10];
    for row in &report.scores {
        bins[((row.p_purchase * 10.0) as usize).min(9)] += 1;
    }
    let most = bins.iter().copied().max().unwrap_or(0) as f64;
    let groups = bins.iter().enumerate().map(|(at, &many)| {
        let (low, high) = (percent(at as f64 / 10.0), percent((at + 1) as f64 / 10.0));
        let title = lang.pick(
            format!("概率 {low} – {high}：{} 位顾客", count(many)),
            format!("chances of {low} to {high}: {} customers", count(many)),
        );
        Group {
            name: format!("{}", at * 10),
            columns: vec![Column { ink: Ink::Expected, value: many as f64, title }],
        }
    });
    let label = lang.pick(
        format!("概率的分布：{} 位顾客", count(report.scores.len() as u64)),
        format!("How chances are spread over {} customers", count(report.scores.len() as u64)),
    );
    Drawing {
        title: t("概率的分布", "How chances are spread"),
        note: t(
            "多少顾客得到多高的概率。越向两端散开，模型越能分辨。",
            "How many customers were told which chance. The wider the spread, the better the model tells them apart.",
        ),
        keys: Vec::new(),
        svg: columns(&Columns {
            label: &label,
            y: Axis::up_to(most, t("顾客数（位）", "customers"), &on_axis),
            x: &t("预测概率（%，每组自此数起）", "expected chance (%, from)"),
            groups: groups.collect(),
            reference: None,
        }),
    }
}

/// Share of what happened that the first customers by score hold, in fifty steps.
fn gains(rows: &[ScoreRow], score: fn(&ScoreRow) -> f64, actual: fn(&ScoreRow) -> f64) -> Vec<(f64, f64)> {
    let mut sorted: Vec<(f64, f64)> = rows.iter().map(|row| (score(row), actual(row))).collect();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let total: f64 = sorted.iter().map(|row| row.1).sum();
    let n = sorted.len();
    let mut points = vec![(0.0, 0.0)];
    let (mut sum, mut at) = (0.0, 0);
    for step in 1..=50 {
        let to = n * step / 50;
        sum += sorted[at..to].iter().map(|row| row.1).sum::<f64>();
        at = to;
        points.push((step as f64 / 50.0, if total > 0.0 { sum / total } else { f64::NAN }));
    }
    points
}

fn gain(lang: Lang, report: &Report) -> Section {
    let t = |zh: &str, en: &str| lang.pick(zh, en).to_owned();
    let rows = &report.scores;
    let draw = |title: String,
                note: String,
                what: String,
                score: fn(&ScoreRow) -> f64,
                actual: fn(&ScoreRow) -> f64| {
        let own = gains(rows, score, actual);
        let best = gains(rows, actual, actual);
        let of = |points: Vec<(f64, f64)>, titled: bool| -> Vec<Point> {
            points
                .into_iter()
                .map(|(x, y)| {
                    let title = lang.pick(
                        format!("得分最高的 {}：占{what}的 {}", percent(x), percent(y)),
                        format!("best-scored {}: {} of the {what}", percent(x), percent(y)),
                    );
                    Point { x, y, title: titled.then_some(title), interval: None }
                })
                .collect()
        };
        let tenth = own.iter().find(|point| point.0 >= 0.2 - 1e-9).map_or(f64::NAN, |point| point.1);
        let label = lang.pick(
            format!("{title}：得分最高的 20% 顾客占{what}的 {}", percent(tenth)),
            format!("{title}: the best-scored 20% hold {} of the {what}", percent(tenth)),
        );
        let chance = vec![Point::default(), Point { x: 1.0, y: 1.0, ..Point::default() }];
        Drawing {
            title,
            note,
            keys: vec![
                Key::line(Ink::Expected, "homing"),
                Key::line(Ink::Other, t("事后的完美排序", "perfect, with hindsight")),
                Key::line(Ink::Ideal, t("随机", "chance")),
            ],
            svg: plot(&Plot {
                label: &label,
                x: Axis::share(
                    t("联系的顾客，按得分从高到低", "customers contacted, best score first"),
                    &percent,
                ),
                y: Axis::share(
                    lang.pick(format!("占{what}的比例"), format!("share of the {what}")),
                    &percent,
                ),
                lines: vec![
                    Line { ink: Ink::Ideal, points: chance, dots: false, joined: true },
                    Line { ink: Ink::Other, points: of(best, false), dots: false, joined: true },
                    Line { ink: Ink::Expected, points: of(own, true), dots: false, joined: true },
                ],
                rules: Vec::new(),
            }),
        }
    };
    let buyers = draw(
        t("找到会购买的人", "Finding those who buy"),
        t(
            "曲线越靠左上越好：只联系一小部分人就找到大部分买家。",
            "The nearer the upper left, the better: few contacts reach most buyers.",
        ),
        t("买家", "buyers"),
        |row| row.p_purchase,
        bought,
    );
    let spend = draw(
        t("找到消费", "Finding the spend"),
        t(
            "按预期消费排序，前一部分顾客占了多少实际消费。",
            "Sorted by expected spend: how much of the actual spend the first ones hold.",
        ),
        t("消费", "spend"),
        |row| row.expected_spend,
        |row| row.label.spend,
    );
    let leavers = draw(
        t("找到会流失的人", "Finding those who stay away"),
        t(
            "按流失风险从高到低：前一部分顾客里有多少人期内没有再买。没买的人越多，这条线离随机越近。",
            "Sorted by churn risk: how many of those who did not buy stand first. The more people stay away, the nearer the line must be to chance.",
        ),
        t("未购买者", "customers who stayed away"),
        |row| 1.0 - row.p_purchase,
        |row| 1.0 - bought(row),
    );
    let mut by_p = groups(rows, |row| row.p_purchase, GROUPS);
    by_p.reverse();
    let lift_of = |group: &Vec<&ScoreRow>| mean(group, bought) / report.bought.max(1e-12);
    let lifts: Vec<f64> = by_p.iter().map(lift_of).collect();
    let most = lifts.iter().copied().fold(1.0, f64::max);
    let times = |value: f64| format!("{}×", on_axis(value));
    let columns_of = by_p.iter().zip(&lifts).enumerate().map(|(at, (group, &lift))| Group {
        name: (at + 1).to_string(),
        columns: vec![Column {
            ink: Ink::Expected,
            value: lift,
            title: lang.pick(
                format!("第 {} 组：{} 购买，是平均的 {:.1} 倍", at + 1, percent(mean(group, bought)), lift),
                format!(
                    "group {}: {} bought, {:.1} times the average",
                    at + 1,
                    percent(mean(group, bought)),
                    lift
                ),
            ),
        }],
    });
    let label = lang.pick(
        format!("提升：第一组购买的比例是平均的 {:.1} 倍", lifts.first().unwrap_or(&f64::NAN)),
        format!(
            "Lift: the first group bought {:.1} times as often as the average",
            lifts.first().unwrap_or(&f64::NAN)
        ),
    );
    let lift = Drawing {
        title: t("各组的提升", "Lift by tenth"),
        note: t(
            "顾客按购买概率从高到低分为十组；1× 是平均水平（橙色虚线）。",
            "Customers in tenths by chance, highest first; 1× is the average (dashed line).",
        ),
        keys: Vec::new(),
        svg: columns(&Columns {
            label: &label,
            y: Axis::up_to(most, t("购买比例对平均的倍数", "share that bought, times the average"), &times),
            x: &t("组（1 = 概率最高的一成）", "tenth (1 = highest chance)"),
            groups: columns_of.collect(),
            reference: Some(1.0),
        }),
    };
    Section {
        id: "gain".to_owned(),
        title: t("增益与提升：按得分联系值不值", "Gain and lift: is it worth contacting by score"),
        lead: t(
            "预算只够联系一部分顾客时，得分能把多少买家和消费排到前面。",
            "When the budget reaches a part of the customers only: how many buyers and how much spend the score puts first.",
        ),
        blocks: vec![Block::Drawings(vec![buyers, spend, leavers, lift])],
    }
}

fn value(lang: Lang, report: &Report) -> Section {
    let t = |zh: &str, en: &str| lang.pick(zh, en).to_owned();
    let mut deciles = groups(&report.scores, |row| row.expected_spend, GROUPS);
    deciles.reverse();
    let means: Vec<(f64, f64)> = deciles
        .iter()
        .map(|group| (mean(group, |row| row.expected_spend), mean(group, |row| row.label.spend)))
        .collect();
    let most = means.iter().flat_map(|&(e, a)| [e, a]).fold(0.0, f64::max);
    let groups_of = means.iter().enumerate().map(|(at, &(expected, actual))| {
        let title = lang.pick(
            format!("第 {} 组：人均预期 {}，实际 {}", at + 1, money(expected), money(actual)),
            format!("tenth {}: {} expected a customer, {} actual", at + 1, money(expected), money(actual)),
        );
        let column = |ink, value| Column { ink, value, title: title.clone() };
        Group {
            name: (at + 1).to_string(),
            columns: vec![column(Ink::Expected, expected), column(Ink::Actual, actual)],
        }
    });
    let sum = |of: fn(&ScoreRow) -> f64| report.scores.iter().map(of).sum::<f64>();
    let (expected, actual) = (sum(|row| row.expected_spend), sum(|row| row.label.spend));
    let label = lang.pick(
        format!("各组人均消费：预期总额 {}，实际 {}", money(expected), money(actual)),
        format!("Spend a customer by tenth: {} expected in all, {} actual", money(expected), money(actual)),
    );
    let drawing = Drawing {
        title: t("人均消费，预期与实际", "Spend a customer, expected and actual"),
        note: t(
            "顾客按预期消费从高到低分为十组。两根柱子一样高就是准的。",
            "Customers in tenths by expected spend, highest first. Columns of equal height are right.",
        ),
        keys: vec![
            Key::block(Ink::Expected, t("预期", "expected")),
            Key::block(Ink::Actual, t("实际", "actual")),
        ],
        svg: columns(&Columns {
            label: &label,
            y: Axis::up_to(most, t("人均消费（货币单位）", "spend a customer (currency)"), &on_axis),
            x: &t("组（1 = 预期消费最高的一成）", "tenth (1 = highest expected spend)"),
            groups: groups_of.collect(),
            reference: None,
        }),
    };
    let own = report.candidates.first();
    let get = |metric| own.and_then(|c| c.metrics.get(metric)).unwrap_or(f64::NAN);
    let figures = vec![
        Figure {
            name: t("预期总消费", "Expected spend in all"),
            value: money(expected),
            note: lang.pick(
                format!("{} 天，商家货币", report.horizon),
                format!("{} days, the business's currency", report.horizon),
            ),
        },
        Figure {
            name: t("实际总消费", "Actual spend in all"),
            value: money(actual),
            note: lang.pick(
                format!("偏差 {}", signed_percent(get(Metric::SPEND_BIAS))),
                format!("expected is off by {}", signed_percent(get(Metric::SPEND_BIAS))),
            ),
        },
        Figure {
            name: t("80% 区间的覆盖率", "Held by the 80% interval"),
            value: percent1(report.interval_coverage),
            note: t(
                "消费落在所给区间内的顾客；应接近或高于 80%",
                "customers whose spend lay within theirs; near or above 80% is right",
            ),
        },
        Figure {
            name: t("最高一成占消费", "Spend of the top tenth"),
            value: percent1(get(Metric::SPEND_TOP10)),
            note: t(
                "预期消费最高的 10% 顾客的实际消费占比",
                "actual spend by the tenth with the highest expected",
            ),
        },
    ];
    Section {
        id: "value".to_owned(),
        title: t("价值：预期消费准不准", "Value: does the expected spend come true"),
        lead: t(
            "预期消费 = 购买概率 × 购买时的消费。金额按商家货币，未减退货。",
            "Expected spend = chance to buy × spend of those who do; in the business's currency, returns not taken off.",
        ),
        blocks: vec![Block::Figures(figures), Block::Drawings(vec![drawing])],
    }
}

/// The rules of the challengers' tree.
fn rules(lang: Lang, report: &Report) -> Option<Section> {
    if report.rules.is_empty() {
        return None;
    }
    let t = |zh: &str, en: &str| lang.pick(zh, en).to_owned();
    let number = |value: f64| if value.fract() == 0.0 { decimal(value, 0) } else { decimal(value, 2) };
    let rows = report.rules.iter().map(|rule| {
        let conditions: Vec<String> = rule
            .conditions
            .iter()
            .map(|condition| {
                let name = names::meaning(lang, condition.feature);
                match (condition.at_least, condition.below) {
                    (Some(low), Some(high)) => format!("{} ≤ {name} < {}", number(low), number(high)),
                    (Some(low), None) => format!("{name} ≥ {}", number(low)),
                    (None, Some(high)) => format!("{name} < {}", number(high)),
                    (None, None) => name,
                }
            })
            .collect();
        Row {
            strong: false,
            cells: vec![
                Cell::text(conditions.join(lang.pick("；", "; "))),
                Cell::number(percent1(rule.bought)),
                Cell::number(count(rule.rows as u64)),
            ],
        }
    });
    let head = |name: String, help: String, number| Head { name, help, number };
    let table = Table {
        head: vec![
            head(t("条件", "Conditions"), t("全部满足", "all of them hold"), false),
            head(t("购买的比例", "Bought"), t("在过去的窗口中", "in past windows"), true),
            head(t("样本行数", "Rows"), t("顾客 × 窗口", "customers × windows"), true),
        ],
        rows: rows.collect(),
        note: t("缺失值按中位数处理。", "What is unknown counts as the median."),
    };
    Some(Section {
        id: "rules".to_owned(),
        title: t("一棵可读的决策树", "A decision tree that can be read"),
        lead: t(
            "挑战者之一：用几条规则就能说出来的模型。它不用于评分，只供对照和讨论。",
            "One of the challengers: a model that a few rules tell in full. It scores nobody; it is here to compare and to talk about.",
        ),
        blocks: vec![Block::Table(table)],
    })
}
