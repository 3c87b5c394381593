use homing_datasets::frame::{Frame, Values};
use homing_models::sampling::mix;

use super::*;

/// A number of a row and a stream, in 0..1.
fn unit(row: u64, stream: u64) -> f64 {
    mix(mix(row) ^ stream) as f64 / u64::MAX as f64
}

/// An experiment in which contact lifts the outcome by `lift` for one half of the customers, and by `base` for all.
fn trial(rows: u64, base: f64, lift: f64) -> Vec<(String, Values)> {
    let numbers = |of: &dyn Fn(u64) -> f64| Values::Numbers((0..rows).map(of).collect());
    let texts = |of: &dyn Fn(u64) -> usize, names: &[&str]| Values::Texts {
        distinct: names.iter().map(|name| (*name).to_owned()).collect(),
        codes: (0..rows).map(|row| Some(of(row) as u32)).collect(),
    };
    let treated = |row: u64| unit(row, 1) < 0.5;
    let city = |row: u64| usize::from(unit(row, 2) < 0.5);
    let bought = |row: u64| {
        let effect = if treated(row) { base + lift * city(row) as f64 } else { 0.0 };
        unit(row, 3) < 0.2 + 0.2 * unit(row, 4) + effect
    };
    vec![
        ("arm".to_owned(), texts(&|row| usize::from(treated(row)), &["control", "mail"])),
        ("bought".to_owned(), numbers(&|row| f64::from(u8::from(bought(row))))),
        ("city".to_owned(), texts(&city, &["Oslo", "Bergen"])),
        ("recency".to_owned(), numbers(&|row| if row % 50 == 0 { f64::NAN } else { unit(row, 4) })),
    ]
}

fn roles() -> Roles {
    Roles { treatment: "arm".to_owned(), outcomes: vec!["bought".to_owned()], ..Roles::default() }
}

fn refusal(columns: Vec<(String, Values)>, roles: &Roles) -> String {
    Experiment::of(&Frame::of(columns), roles).unwrap_err().to_string()
}

#[test]
fn who_is_moved_is_found_and_claimed() {
    let frame = Frame::of(trial(6_000, 0.0, 0.25));
    let experiment = Experiment::of(&frame, &roles()).unwrap();
    assert_eq!(
        (experiment.control.as_str(), experiment.names.as_slice()),
        ("control", &["city".into(), "recency".into()][..])
    );
    let judged = judge(&experiment, 0, &|_| {}).unwrap();
    let result = &judged.arms[0];
    assert!(result.claimed && result.qini_low.unwrap() > 0.05, "{result:?}");
    assert!(result.top30_uplift.unwrap() > 0.18 && result.effect < 0.16, "{result:?}");
    let groups = judged.groups(0);
    assert!(groups[0].1.abs_diff(3_000) < 300, "{groups:?}");
    assert_eq!(judge(&experiment, 0, &|_| {}).unwrap().arms, judged.arms);
    assert_eq!(judged.table(&experiment, &frame).rows(), 6_000);
}

#[test]
fn an_even_effect_is_not_claimed_and_nothing_is_written_of_it() {
    let frame = Frame::of(trial(6_000, 0.1, 0.0));
    let experiment = Experiment::of(&frame, &roles()).unwrap();
    let judged = judge(&experiment, 0, &|_| {}).unwrap();
    let result = &judged.arms[0];
    assert!(!result.claimed && result.effect_low.unwrap() > 0.05, "{result:?}");
    assert!(result.conclusion.contains("rank by response"), "{}", result.conclusion);
    assert!(judged.groups(0).is_empty());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("uplift.csv");
    judged.table(&experiment, &frame).write(&path, homing_datasets::Zone::default()).unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    let line: Vec<&str> = text.lines().nth(1).unwrap().split(',').collect();
    assert_eq!((line[0], line[2], line[3]), ("1", "", ""), "{text:.200}");
    assert!(line[4].parse::<f64>().unwrap() > 0.0);
}

#[test]
fn consequences_of_the_contact_and_ids_are_no_features() {
    let mut columns = trial(3_000, 0.1, 0.0);
    let Values::Numbers(bought) = columns[1].1.clone() else { return };
    let spend = bought.iter().enumerate().map(|(row, y)| y * (1.0 + unit(row as u64, 9))).collect();
    let opened = (0..3_000u64).map(|row| {
        let mail = columns[0].1.text(row as usize).as_deref() == Some("mail");
        f64::from(u8::from(mail && unit(row, 10) < 0.3))
    });
    let opened = opened.collect();
    columns.push(("spend".to_owned(), Values::Numbers(spend)));
    columns.push(("opened".to_owned(), Values::Numbers(opened)));
    columns.push(("customer_id".to_owned(), Values::Numbers((0..3_000).map(f64::from).collect())));
    let frame = Frame::of(columns);
    let experiment = Experiment::of(&frame, &roles()).unwrap();
    assert_eq!(experiment.names, ["city", "recency"]);
    let left: Vec<&str> = experiment.left_out.iter().map(|left| left.column.as_str()).collect();
    assert_eq!(
        (left, experiment.ids.as_slice()),
        (vec!["spend", "opened", "customer_id"], &["customer_id".to_owned()][..])
    );
    let named = Roles { features: vec!["spend".to_owned()], ..roles() };
    assert_eq!(Experiment::of(&frame, &named).unwrap().names, ["spend"]);
}

#[test]
fn experiments_that_cannot_be_judged_are_refused_in_plain_words() {
    let whole = || trial(1_000, 0.1, 0.0);
    let other = Roles { treatment: "nope".to_owned(), ..roles() };
    assert!(refusal(whole(), &other).contains("no column `nope`; the columns are arm, bought"));
    let other = Roles { control: Some("nobody".to_owned()), ..roles() };
    assert!(refusal(whole(), &other).contains("no value `nobody`; its values are `control`, `mail`"));
    let mut three = whole();
    if let Values::Texts { distinct, codes } = &mut three[0].1 {
        distinct.push("sms".to_owned());
        (0..300).for_each(|row| codes[row] = Some(2));
    }
    assert!(refusal(three.clone(), &roles()).contains("cannot tell which value of `arm` is the control"));
    let named = Roles { control: Some("control".to_owned()), ..roles() };
    assert_eq!(Experiment::of(&Frame::of(three), &named).unwrap().arms, ["mail", "sms"]);
    let mut one = whole();
    one[0].1 = Values::Numbers(vec![1.0; 1_000]);
    assert!(refusal(one, &roles()).contains("without a control there is nothing to compare with"));
    let mut gaps = whole();
    if let Values::Texts { codes, .. } = &mut gaps[0].1 {
        codes[6] = None;
    }
    assert!(refusal(gaps, &roles()).contains("missing in 1 rows (first: data row 7)"));
    let mut constant = whole();
    constant[1].1 = Values::Numbers(vec![1.0; 1_000]);
    assert!(refusal(constant, &roles()).contains("is 1 in every row"));
    let mut rare = whole();
    rare[1].1 = Values::Numbers((0..1_000).map(|row| f64::from(u8::from(row < 12))).collect());
    assert!(refusal(rare, &roles()).contains("fewer than 10 customers"));
    assert!(refusal(trial(120, 0.1, 0.0), &roles()).contains("each arm needs at least 100"));
}
