//! The files that ship, faults that are found, and a language more.

use crate::problem::problems_in;
use crate::{Arg, Lang, problems, t};

const EN: &str = include_str!("en.ftl");

fn zh() -> Lang {
    Lang::from_code("zh").unwrap()
}

/// What is wrong with the English file once a line of it is another.
fn with(line: &str, instead: &str) -> Vec<String> {
    assert!(EN.contains(line), "{line}");
    let text = EN.replacen(line, instead, 1);
    problems_in("de", "de.ftl", &text).iter().map(ToString::to_string).collect()
}

fn line_of(text: &str) -> usize {
    EN.lines().position(|line| line.starts_with(text)).unwrap() + 1
}

#[test]
fn the_files_have_the_same_keys_and_placeholders() {
    let problems: Vec<String> = problems().iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert_eq!(Lang::all().map(Lang::code).collect::<Vec<_>>()[..2], ["en", "zh"]);
}

#[test]
fn a_missing_key_is_named_with_the_file() {
    let found = with("skip = Skip to content\n", "");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("de.ftl:")
            && found[0].ends_with(": skip: the text is missing; locales/en.ftl has it"),
        "{found:?}"
    );
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest_one() {
    let at = line_of("skip = ");
    let found = with("skip = ", "skipp = ");
    assert!(
        found.contains(&format!("de.ftl:{at}: skipp: locales/en.ftl has no such key; did you mean `skip`?")),
        "{found:?}"
    );
    let twice = with("skip = ", "skip = x\nskip = ");
    assert_eq!(twice, [format!("de.ftl:{at}: skip: the key is used 2 times; keep one")]);
}

#[test]
fn a_wrong_placeholder_is_named_with_both_lists() {
    let at = line_of("counted-at = ");
    let found = with("counted-at = Updated { $at }", "counted-at = Updated { $when }");
    assert_eq!(
        found,
        [format!("de.ftl:{at}: counted-at: placeholders are {{ $when }}, but {{ $at }} in locales/en.ftl")]
    );
    let found = with("counted-at = Updated { $at }", "counted-at = Updated");
    assert_eq!(
        found,
        [format!("de.ftl:{at}: counted-at: placeholders are none, but {{ $at }} in locales/en.ftl")]
    );
}

#[test]
fn broken_syntax_is_named_with_its_line() {
    let at = line_of("counted-at = ");
    let found = with("counted-at = Updated { $at }", "counted-at = Updated { $at");
    assert!(
        found.iter().any(|line| line.starts_with(&format!("de.ftl:{at}: syntax error: "))
            || line.starts_with(&format!("de.ftl:{}: syntax error: ", at + 1))),
        "{found:?}"
    );
    let found = with("skip = Skip to content", "skip = { DATETIME($at) }");
    assert!(found[0].contains("skip: functions, terms and references are not supported"), "{found:?}");
}

#[test]
fn a_file_that_is_not_named_by_a_language_is_refused() {
    let found = problems_in("klingon", "klingon.ftl", EN);
    assert!(found[0].to_string().contains("`klingon` is not the code of a language"), "{found:?}");
}

#[test]
fn plurals_follow_the_language() {
    let en = |n: u32| t!(Lang::ENGLISH, "rows", n = n);
    assert_eq!(
        [en(0), en(1), en(1200)],
        ["0 customers on this page", "1 customer on this page", "1,200 customers on this page"]
    );
    assert_eq!(t!(zh(), "rows", n = 1), "本页 1 位会员");
    // A number with decimals is plural in English, also where it is one.
    assert_eq!(t!(Lang::ENGLISH, "rows", n = Arg::Number(1.0, 1)), "1.0 customers on this page");
}

#[test]
fn numbers_have_separators_and_money_loses_its_cents_at_a_thousand() {
    let en = Lang::ENGLISH;
    assert_eq!([0, 999, 1000, 1_234_567].map(|n| en.count(n)), ["0", "999", "1,000", "1,234,567"]);
    let amounts = [0.0, 12.5, 999.99, 999.996, 1000.0, 1_234_567.89, -3.5, -0.001, f64::NAN];
    assert_eq!(
        amounts.map(|amount| en.money(amount)),
        ["0.00", "12.50", "999.99", "1,000", "1,000", "1,234,568", "−3.50", "0.00", "–"]
    );
    assert_eq!(en.decimal(1234.56, 1), "1,234.6");
    let shares = [0.0, 0.001, 0.005, 0.314, 0.994, 0.999, 1.0];
    assert_eq!(shares.map(|share| en.percent(share)), ["0%", "<1%", "1%", "31%", "99%", ">99%", "100%"]);
    assert_eq!([0.031, -0.074, 0.0].map(|share| en.signed_percent(share)), ["+3.1%", "−7.4%", "0.0%"]);
}

#[test]
fn narrow_places_get_three_digits_in_the_units_of_the_language() {
    let numbers = [0.0, 0.04, 7.31, 64.2, 999.4, 999.6, 12_400.0, 999_600.0, 3.14e6, 2e9, -1500.0, f64::NAN];
    assert_eq!(
        numbers.map(|n| Lang::ENGLISH.short(n)),
        ["0", "0.0", "7.3", "64", "999", "1.0k", "12.4k", "1.0M", "3.1M", "2.0B", "−1.5k", "–"]
    );
    assert_eq!([3.0, 12.0].map(|n| Lang::ENGLISH.short(n)), ["3", "12"]);
    assert_eq!([999.4, 12_400.0, 3.14e6, 2.5e8].map(|n| zh().short(n)), ["999", "1.2万", "314万", "2.5亿"]);
    assert_eq!(
        [0.0, 0.5, 0.05, 2.5, 40.0, 12_000.0, 20_500.0].map(|n| Lang::ENGLISH.on_axis(n)),
        ["0", "0.50", "0.050", "2.5", "40", "12k", "20.5k"]
    );
}

#[test]
fn dates_follow_the_language() {
    let (en, zh) = (Lang::ENGLISH, zh());
    assert_eq!(
        (en.date("2011-09-02T17:00:00Z"), zh.date("2011-09-02")),
        ("2 Sep 2011".into(), "2011-09-02".into())
    );
    assert_eq!((en.month(2011, 9), zh.month(2011, 9)), ("Sep 2011".into(), "2011-09".into()));
    assert_eq!(en.minute("2011-09-12T09:05:31+08:00"), "12 Sep 2011, 09:05");
    assert_eq!((en.date("unreadable"), en.date("")), ("unreadable".into(), String::new()));
}

#[test]
fn texts_are_found_by_keys_made_at_run_time() {
    assert_eq!(Lang::ENGLISH.find("tag-churn-level"), Some("Churn risk"));
    assert_eq!(zh().find("tag-churn-level.value-high"), Some("高风险"));
    assert_eq!(Lang::ENGLISH.find("tag-of-nobody"), None);
    // A text with placeholders cannot be shown without them.
    assert_eq!(Lang::ENGLISH.find("rows"), None);
}

#[test]
fn every_text_is_used() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut source = String::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') && name != "target" {
                folders.push(path);
            } else if [".rs", ".html"].iter().any(|ending| name.ends_with(ending)) {
                source.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    // Their keys are made of the names of tags, actions, features and so on.
    let made = ["tag-", "action-", "feature-", "cause-", "measure-", "report-column-"];
    let own = ["locale-", "number-", "date-pattern", "month-"];
    let unused: Vec<&str> = crate::files::KEYS
        .iter()
        .map(|(key, _)| *key)
        .filter(|key| !made.iter().chain(&own).any(|begins| key.starts_with(begins)))
        .filter(|key| !source.contains(&format!("\"{key}\"")))
        .collect();
    assert!(unused.is_empty(), "{unused:?}");
}
