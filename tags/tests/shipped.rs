//! The shipped catalogue, on customers made up.

use super::*;

#[test]
fn the_shipped_catalogue_is_whole() {
    let catalogue = Catalogue::shipped().unwrap();
    assert!(catalogue.tags().len() >= 120);
    let found = check::check(&catalogue, Catalogue::shipped_text(), "shipped");
    assert!(found.is_empty(), "{found:#?}");
    assert_eq!(catalogue.bind(&[30]).compiled().1, 0, "every shipped tag runs in homing's own form");
    for layer in [Layer::Static, Layer::Dynamic, Layer::Predictive] {
        assert!(catalogue.tags().iter().any(|tag| tag.layer == layer), "{layer:?}");
    }
    for dimension in
        [Dimension::Lifecycle, Dimension::SpendingPower, Dimension::Preference, Dimension::Activity]
    {
        assert!(catalogue.tags().iter().any(|tag| tag.dimension == dimension), "{dimension:?}");
    }
    for tag in catalogue.tags() {
        let chinese = |text: &Text| text.zh.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
        assert!(chinese(&tag.labels) && chinese(&tag.meaning), "{}", tag.name);
        for value in &tag.values {
            assert!(chinese(&value.labels), "{}", tag.name);
            let literal = format!("{}", value.value);
            assert!(
                tag.expression().contains(&literal),
                "{}: {literal} is no value of the expression",
                tag.name
            );
        }
        // Every text that the expression can give has a label.
        let texts: Vec<&str> = tag.expression().split('"').skip(1).step_by(2).collect();
        for text in texts {
            assert!(tag.values.iter().any(|value| value.value == text), "{}: {text} has no label", tag.name);
        }
    }
    assert_eq!(catalogue.bind(&[30]).unavailable(), [] as [&str; 0]);
}

#[test]
fn the_description_has_the_promised_shape() {
    let description = Catalogue::shipped().unwrap().describe();
    let tags = description["tags"].as_array().unwrap();
    let level = tags.iter().find(|tag| tag["name"] == "churn.level").unwrap();
    assert_eq!((&level["layer"], &level["dimension"]), (&json!("predictive"), &json!("lifecycle")));
    assert_eq!(level["labels"], json!({"zh": "流失风险等级", "en": "Churn risk"}));
    assert!(level["meaning"]["zh"].is_string() && level["meaning"]["en"].is_string());
    assert_eq!(level["values"][0]["labels"]["zh"], "高风险");
    assert_eq!(level["when_empty"], "blank");
}

#[test]
fn a_steady_customer_is_mature() {
    let tags = shipped_values(buys(&[10, 40, 70, 100, 130, 160], 900.0), &scored());
    let expected = json!({
        "churn.level": "high", "churn.percentile": 90, "return.chance_short": 10, "return.chance_long": 50,
        "next_order.due": "this_month", "value.clv_tier": "high", "value.at_risk_level": "high",
        "care.priority": "personal_call", "lifecycle.stage": "maturity", "tier.member": "high_value",
        "rfm.recency": 5, "rfm.frequency": 4, "rfm.money": 4, "rfm.segment": "strategic", "activity.level": "active",
        "first_purchase.month": "2011-04", "first_purchase.size": "large", "first_purchase.on": "2011-04-02",
        "next_order.on": "2011-09-26", "rfm.cell": "important_value", "rfm.code": 544, "lifecycle.stage_since": "2011-07-31",
        "signal.count": 0, "lifecycle.cycle": "monthly", "lifecycle.streak": 6, "value.clv": 6000,
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(tags.get(name), Some(value), "{name}");
    }
    for absent in [
        "promotion.sensitivity",
        "signal.rhythm_broken",
        "signal.unfollowed",
        "activity.browsing",
        "preference.channels",
    ] {
        assert_eq!(tags.get(absent), None, "{absent}");
    }
}

#[test]
fn every_customer_has_a_clock_of_its_own() {
    let stage = |days: &[i64]| shipped_values(buys(days, 50.0), &scored())["lifecycle.stage"].clone();
    assert_eq!(stage(&[5]), "introduction");
    assert_eq!(stage(&[200]), "one_time");
    assert_eq!(stage(&[5, 30]), "growth");
    // Seventy days without an order: a break for a weekly buyer, ordinary for one who buys twice a year.
    assert_eq!(stage(&[70, 77, 84, 91, 98, 105]), "decline");
    assert_eq!(stage(&[70, 250, 430, 610, 790, 970]), "maturity");
    assert_eq!(stage(&[200, 207, 214, 221, 228, 235]), "lost");
    let broken = shipped_values(buys(&[70, 77, 84, 91], 50.0), &scored());
    assert_eq!(broken["signal.rhythm_broken"], true);
}

#[test]
fn member_tiers_are_those_of_the_requirements() {
    let tier =
        |days: &[i64], amount: f64| shipped_values(buys(days, amount), &scored())["tier.member"].clone();
    assert_eq!(tier(&[10, 50], 5_001.0), "super");
    assert_eq!(tier(&[10, 50], 5_000.0), "high_value");
    assert_eq!(tier(&[10, 50], 2_500.0), "regular");
    assert_eq!(tier(&[10], 50.0), "entry");
    assert_eq!(tier(&[90], 50.0), "entry");
    assert_eq!(tier(&[91], 20_000.0), "dormant");
}

#[test]
fn interactions_raise_signals() {
    let mut events = buys(&[10, 40, 70, 100], 100.0);
    for (kind, ago) in [
        (Kind::PromotionSent, 5),
        (Kind::PromotionSent, 4),
        (Kind::Unfollow, 3),
        (Kind::Complaint, 2),
        (Kind::AddToCart, 1),
    ] {
        events.push(Event::new(kind, AS_OF - ago * DAY, 0.0));
    }
    let tags = shipped_values(events, &scored());
    assert_eq!(tags["signal.promotions_ignored"], true);
    assert_eq!(tags["signal.unfollowed"], true);
    assert_eq!(tags["signal.complaint"], "complained");
    assert_eq!(tags["activity.browsing"], "basket_waiting");
    assert_eq!(tags["promotion.sensitivity"], "low");
}

#[test]
fn a_customer_without_scores_has_no_predictive_tags() {
    let bound = Catalogue::shipped().unwrap().bind(&[30, 90, 365]);
    let tags = bound.evaluate(&features_of(buys(&[10, 40], 90.0)), &not_scored(), AS_OF);
    assert!(tags.iter().all(|tag| tag.layer != Layer::Predictive));
    assert!(tags.iter().any(|tag| tag.name == "tier.member"));
    let tags = bound.evaluate(&features(&[]), &not_scored(), AS_OF);
    assert_eq!(values(tags), json!({"service.attitude": null, "service.nps": null, "lifecycle.buyer": "visitor", "signal.count": 0}).as_object().unwrap().clone());
    assert_eq!(bound.failures(), []);
}

#[test]
fn signals_have_a_date_and_a_strength() {
    let mut events = buys(&[100, 140, 180, 220, 260], 100.0);
    events.push(Event::new(Kind::Complaint, AS_OF - 30 * DAY, 0.0));
    events.push(Event::new(Kind::RefundRequest, AS_OF - 20 * DAY, 0.0));
    events.push(Event::new(Kind::Unfollow, AS_OF - 10 * DAY, 0.0));
    let bound = Catalogue::shipped().unwrap().bind(&[30, 90, 365]);
    let history = History::from_events(events.clone());
    let tags = bound.evaluate_view(&history.as_of(AS_OF), &features_of(events), &scored());
    let strength = |name: &str| tags.iter().find(|tag| tag.name == name).unwrap().confidence.unwrap();
    assert!((strength("signal.rhythm_broken") - 0.6).abs() < 1e-9);
    assert!(strength("signal.complaint_refund") > 0.9 && strength("signal.unfollowed") > 0.9);
    let values = values(tags);
    assert_eq!(values["signal.rhythm_broken_since"], "2011-07-11");
    assert_eq!(values["signal.unfollowed_since"], "2011-08-30");
    assert_eq!(values["signal.complaint_refund_since"], "2011-08-20");
    assert_eq!(values["signal.count"], 3);
}
