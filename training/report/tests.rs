//! The report as a file: complete in itself, the same each time, in every language, and proof against texts.

use homing_datasets::Histories;
use homing_models::{Bundle, Error as ModelError};

use super::*;
use crate::pipeline::{Options, train};
use crate::task::Task;

/// A thousand customers of the bundled sample.
fn sample() -> Histories {
    let all = homing_datasets::cdnow().unwrap();
    let some = all.iter().take(2000).map(|(id, history)| (id.to_owned(), history.clone())).collect();
    Histories::from_vec(some)
}

fn named(name: &str) -> Options {
    Options {
        task: Task { name: name.to_owned(), horizons: vec![90], value_horizon: 90, ..Task::default() },
        ..Options::default()
    }
}

/// Reads tags and sees that each one that opens is closed, in order.
fn balanced(html: &str) {
    const VOID: [&str; 4] = ["meta", "input", "br", "!doctype"];
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let tag = &rest[at + 1..];
        let end =
            tag.find('>').unwrap_or_else(|| panic!("a tag without an end: {}", &tag[..60.min(tag.len())]));
        let inside = &tag[..end];
        rest = &tag[end + 1..];
        let name = inside.trim_start_matches('/').split([' ', '/', '\n']).next().unwrap();
        if inside.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "before: {}", &rest[..80.min(rest.len())]);
        } else if !inside.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
            if name == "style" {
                rest = &rest[rest.find("</style>").unwrap()..];
            }
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn the_report_of_a_fit_stands_alone_in_every_language_and_escapes_what_it_is_given() {
    let fitted = train(&sample(), &named("<script>alert(1)</script>"), &|_| {}).unwrap();
    let html = fitted.bundle.report().unwrap();
    balanced(html);
    for load in ["http:", "https:", "src=", "url(", "@import", "<script", "<link", "<img", "<iframe"] {
        assert!(!html.contains(load), "{load}");
    }
    assert!(html.contains("&#60;script&#62;alert(1)") || html.contains("&lt;script&gt;alert(1)"));
    assert!(!html.contains("NaN") && !html.contains("inf%"), "a number that is none");
    for text in [
        "模型卡",
        "Model card",
        "校准",
        "Calibration",
        "购买节奏",
        "Purchase cycle",
        "lang=\"zh-CN\"",
        "lang=\"en\"",
    ] {
        assert!(html.contains(text), "{text}");
    }
    for id in [
        "data",
        "candidates",
        "calibration",
        "gain",
        "value",
        "tracking",
        "people",
        "importance",
        "base-rate",
        "drift",
        "card",
    ] {
        for lang in Lang::all() {
            assert!(html.contains(&format!("id=\"{}-{id}\"", lang.code())), "{id}");
        }
    }
    let again = train(&sample(), &named("<script>alert(1)</script>"), &|_| {}).unwrap();
    assert_eq!(again.bundle.report().unwrap(), html);
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let alone = one.install(|| train(&sample(), &named("<script>alert(1)</script>"), &|_| {}).unwrap());
    assert!(alone.bundle.report().unwrap() == html, "the report depends on the number of threads");
}

#[test]
fn a_bundle_keeps_its_report_and_a_damaged_one_is_named() {
    let options = named("shop");
    let fitted = train(&sample(), &options, &|_| {}).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle");
    fitted.bundle.save(&path).unwrap();
    let loaded = Bundle::load(&path).unwrap();
    assert_eq!(loaded.report(), fitted.bundle.report());
    assert_eq!(loaded.id(), fitted.bundle.id());
    let file = path.join("report.html");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[1000] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let damaged = Bundle::load(&path).unwrap_err();
    assert!(matches!(&damaged, ModelError::Damaged { part, .. } if part == "report.html"), "{damaged}");
    std::fs::remove_file(&file).unwrap();
    assert!(matches!(Bundle::load(&path), Err(ModelError::Damaged { part, .. }) if part == "report.html"));
}

#[test]
fn a_model_of_earlier_data_is_what_drift_is_measured_against() {
    let sample = sample();
    let zone = homing_datasets::Zone::default();
    let options = named("shop");
    let earlier = Options { as_of: Some(zone.as_of("1998-01-31").unwrap()), ..options.clone() };
    let previous = train(&sample, &earlier, &|_| {}).unwrap().bundle;
    let against = format!("previous model, {}", previous.id());
    let later = train(&sample, &Options { previous: Some(previous.into()), ..options }, &|_| {}).unwrap();
    assert!(later.bundle.report().unwrap().contains(&against));
}
