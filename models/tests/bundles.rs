//! Bundles of earlier versions: tests/compat/bundle is one that homing 0.1.0 fitted to made-up purchases, with customers and
//! what 0.1.0 predicted of them. They must load, and predict the same to the bit.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of a test fail loudly, as the test itself does"
)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use homing_datasets::{Event, History, Kind, Micros, Zone};
use homing_models::{Bundle, Error, Outcome};
use serde_json::Value;

const PARTS: [&str; 7] = [
    "lifetime.json",
    "horizons.json",
    "base.json",
    "clusters.json",
    "expansion.json",
    "report.html",
    "judged.json",
];

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/compat/bundle")
}

/// The bundle of 0.1.0, unpacked into a folder.
fn unpacked(folder: &Path) {
    for name in PARTS.into_iter().chain(["manifest.json"]) {
        let packed = File::open(fixture().join(format!("{name}.zst"))).unwrap();
        zstd::stream::copy_decode(packed, File::create(folder.join(name)).unwrap()).unwrap();
    }
}

fn customers(zone: Zone) -> BTreeMap<String, History> {
    let text = fs::read_to_string(fixture().join("customers.csv")).unwrap();
    let mut events: BTreeMap<String, Vec<Event>> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let [customer, at, amount, kind, category, product, channel] = fields[..] else { panic!("{line}") };
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let kind = Kind::ALL.into_iter().find(|known| known.name() == kind).unwrap();
        let amount = if amount.is_empty() { 0.0 } else { amount.parse().unwrap() };
        events.entry(customer.to_owned()).or_default().push(Event {
            category: some(category),
            product: some(product),
            channel: some(channel),
            ..Event::new(kind, zone.instant(at).unwrap(), amount)
        });
    }
    events.into_iter().map(|(id, events)| (id, History::from_events(events))).collect()
}

#[test]
fn a_bundle_of_0_1_0_loads_and_predicts_the_same_to_the_bit() {
    let folder = tempfile::tempdir().unwrap();
    unpacked(folder.path());
    let bundle = Bundle::load(folder.path()).unwrap();
    let zone = bundle.manifest().timezone;
    assert_eq!(&**bundle.id(), "compat@5571dbfd38ff");
    assert!(bundle.clusters().is_some() && bundle.expansion().is_some() && bundle.judged().is_some());
    let horizons: Vec<(u32, u32)> =
        bundle.horizons().iter().map(|part| (part.purchase.days, part.purchase.learned_days)).collect();
    assert_eq!(horizons, [(30, 30), (365, 228)], "one horizon that was learned, one that is carried on");
    let as_of: Micros = zone.as_of("2024-04-01").unwrap();
    let customers = customers(zone);
    let expected = fs::read_to_string(fixture().join("predictions.ndjson")).unwrap();
    let mut scored = 0;
    for line in expected.lines() {
        let expected: Value = serde_json::from_str(line).unwrap();
        let id = expected["customer_id"].as_str().unwrap();
        let prediction = match bundle.predict(&customers[id], as_of) {
            Outcome::Scored(prediction) => prediction,
            Outcome::NotScored(cause) => {
                assert_eq!(expected["not_scored"], cause.code(), "{id}");
                continue;
            }
        };
        scored += 1;
        let number = |name: &str| expected[name].as_f64().unwrap_or_else(|| panic!("{id}: {name}")).to_bits();
        assert_eq!(prediction.churn_risk.to_bits(), number("churn_risk"), "{id}");
        assert_eq!(u64::from(prediction.churn_percentile), expected["churn_percentile"], "{id}");
        assert_eq!(prediction.p_alive.to_bits(), number("p_alive"), "{id}");
        assert_eq!(prediction.clv.to_bits(), number("clv"), "{id}");
        assert_eq!(prediction.value_at_risk.to_bits(), number("value_at_risk"), "{id}");
        for at in &prediction.at {
            let days = at.days;
            assert_eq!(at.p_purchase.to_bits(), number(&format!("p_return_{days}d")), "{id}");
            assert_eq!(at.expected_orders.to_bits(), number(&format!("expected_orders_{days}d")), "{id}");
            let spend = format!("expected_spend_{days}d");
            assert_eq!(at.expected_spend.to_bits(), number(&spend), "{id}");
            assert_eq!(at.expected_spend_low.to_bits(), number(&format!("{spend}_low")), "{id}");
            assert_eq!(at.expected_spend_high.to_bits(), number(&format!("{spend}_high")), "{id}");
        }
        let next = prediction.next_order_at.map_or(Value::Null, |at| zone.format(at).into());
        assert_eq!(next, expected["next_order_at"], "{id}");
        assert_eq!(prediction.cluster.map(|one| u64::from(one.id)), expected["cluster"].as_u64(), "{id}");
        let reasons = expected["reasons"].as_array().unwrap();
        assert_eq!(prediction.reasons.len(), reasons.len(), "{id}");
        for (reason, expected) in prediction.reasons.iter().zip(reasons) {
            assert_eq!(expected["code"], reason.code.as_str(), "{id}");
            assert_eq!(expected["contribution"].as_f64(), Some(reason.contribution), "{id}");
            assert_eq!(expected["value"].as_f64(), reason.value, "{id}");
        }
    }
    assert_eq!(scored, 20);
}

#[test]
fn a_part_that_is_missing_or_changed_is_named() {
    let folder = tempfile::tempdir().unwrap();
    unpacked(folder.path());
    let refused = |name: &str, what: &str| match Bundle::load(folder.path()) {
        Err(Error::Damaged { part, .. }) => assert_eq!(part, name, "{what}"),
        other => panic!("{name} {what}: {other:?}"),
    };
    for name in PARTS {
        let path = folder.path().join(name);
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        refused(name, "missing");
        // One digit or letter of the middle, so that only a check of hashes notices.
        let at = (bytes.len() / 2..bytes.len()).find(|&at| bytes[at].is_ascii_alphanumeric()).unwrap();
        let mut changed = bytes.clone();
        changed[at] = if bytes[at] == b'1' { b'2' } else { b'1' };
        fs::write(&path, &changed).unwrap();
        refused(name, "changed");
        fs::write(&path, &bytes[..at]).unwrap();
        refused(name, "cut off");
        fs::write(&path, &bytes).unwrap();
        assert!(Bundle::load(folder.path()).is_ok(), "{name} whole again");
    }
    let manifest = folder.path().join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    for changed in
        [text.replace("\"seed\":0", "\"seed\":1"), text.replace("\"format\":1,", ""), "{".to_owned()]
    {
        assert_ne!(changed, text);
        fs::write(&manifest, changed).unwrap();
        refused("manifest.json", "changed");
    }
    fs::write(&manifest, text.replace("\"format\":1,", "\"format\":2,")).unwrap();
    assert!(matches!(Bundle::load(folder.path()), Err(Error::TooNew { found: 2, known: 1, .. })));
    fs::remove_file(&manifest).unwrap();
    assert!(matches!(Bundle::load(folder.path()), Err(Error::NoBundle { .. })));
}

#[test]
fn a_bundle_of_0_1_0_is_saved_as_it_was() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    unpacked(old.path());
    let saved = new.path().join("bundle");
    Bundle::load(old.path()).unwrap().save(&saved).unwrap();
    for name in PARTS.into_iter().chain(["manifest.json"]) {
        assert!(fs::read(old.path().join(name)).unwrap() == fs::read(saved.join(name)).unwrap(), "{name}");
    }
}
