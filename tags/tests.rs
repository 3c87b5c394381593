//! Catalogues: the shipped one, wrong ones, and what expressions give.

use homing_datasets::{DAY, Event, History, Kind, Micros, Zone};
use homing_models::features::{COUNT, F, Scratch, compute};
use homing_models::{AtHorizon, NotScored, Outcome, Prediction};
use serde_json::{Map, Value, json};

use super::*;
use crate::Tag;

const AS_OF: Micros = 15_226 * DAY; // 2011-09-09

fn tag_text(name: &str, expression: &str, more: &str) -> String {
    format!(
        "[[tag]]\nname = \"{name}\"\nlayer = \"dynamic\"\ndimension = \"activity\"\n\
         labels = {{ zh = \"标签\", en = \"Tag\" }}\nmeaning = {{ zh = \"含义\", en = \"Meaning\" }}\n\
         expression = '{expression}'\n{more}\n"
    )
}

fn parse(text: &str) -> Result<Catalogue, Error> {
    Catalogue::parse(text, "tags.toml")
}

fn refused(text: &str) -> String {
    parse(text).err().unwrap().to_string()
}

fn prediction() -> Prediction {
    let at = |days: u32, p_return: f64| AtHorizon {
        days,
        p_return,
        expected_orders: 2.0 * p_return,
        expected_spend: 100.0 * p_return,
        expected_spend_low: 0.0,
        expected_spend_high: 300.0,
    };
    Prediction {
        at: vec![at(30, 0.1), at(90, 0.25), at(365, 0.5)],
        churn_risk: 0.75,
        churn_percentile: 88,
        p_alive: 0.5,
        next_order_at: Some(AS_OF + 20 * DAY),
        clv: 6_000.0,
        value_at_risk: 4_500.0,
        cluster: None,
        reasons: Vec::new(),
    }
}

fn scored() -> Outcome {
    Outcome::Scored(Box::new(prediction()))
}

fn not_scored() -> Outcome {
    Outcome::NotScored(NotScored::NoPurchase)
}

fn features(set: &[(F, f64)]) -> Vec<f64> {
    let mut features = vec![f64::NAN; COUNT];
    for (feature, value) in set {
        features[*feature as usize] = *value;
    }
    features
}

fn features_of(events: Vec<Event>) -> Vec<f64> {
    let mut features = vec![0.0; COUNT];
    let history = History::from_events(events);
    compute(&history.as_of(AS_OF), Zone::default(), &mut Scratch::default(), &mut features);
    features
}

fn buys(days_ago: &[i64], amount: f64) -> Vec<Event> {
    days_ago.iter().map(|ago| Event::new(Kind::Purchase, AS_OF - ago * DAY, amount)).collect()
}

fn values(tags: Vec<Tag>) -> Map<String, Value> {
    tags.into_iter().map(|tag| (tag.name, tag.value)).collect()
}

fn shipped_values(events: Vec<Event>, outcome: &Outcome) -> Map<String, Value> {
    let bound = Catalogue::shipped().unwrap().bind(&[30, 90, 365]);
    let history = History::from_events(events.clone());
    let tags = bound.evaluate_view(&history.as_of(AS_OF), &features_of(events), outcome);
    assert_eq!(bound.failures(), []);
    values(tags)
}

/// The value of one expression; `None` when it is empty.
fn value_of(expression: &str, features: &[f64], outcome: &Outcome) -> Option<Value> {
    let bound = parse(&tag_text("a.b", expression, "")).unwrap().bind(&[30, 90, 365]);
    bound.evaluate(features, outcome, AS_OF).pop().map(|tag| tag.value)
}

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
    // Seventy days of silence: a break for a weekly buyer, ordinary for one who comes twice a year.
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
fn unknown_values_empty_the_tag_and_are_no_failure() {
    let none = features(&[(F::orders, 3.0)]);
    for expression in [
        "nps_last",
        "nps_last + 1.0",
        "nps_last > 5 ? 1 : 2",
        "-nps_last",
        "1.0 / nps_last",
        "null",
        "churn_risk",
    ] {
        let bound = parse(&tag_text("a.b", expression, "")).unwrap().bind(&[]);
        assert_eq!(bound.evaluate(&none, &not_scored(), AS_OF), [], "{expression}");
        assert_eq!(bound.failures(), [], "{expression}");
    }
    assert_eq!(value_of("nps_last == null", &none, &scored()), Some(true.into()));
    assert_eq!(value_of("nps_last == null ? \"none\" : \"some\"", &none, &scored()), Some("none".into()));
    assert_eq!(value_of("nps_last > 5 || orders > 2", &none, &scored()), Some(true.into()));
    assert_eq!(value_of("orders", &none, &scored()), Some(3.into()));
    assert_eq!(value_of("orders / 2.0", &none, &scored()), Some(1.5.into()));
    assert_eq!(value_of("orders / 0.0", &none, &scored()), None, "infinite");
    assert_eq!(value_of("[1.0, 5.0].exists(x, x > orders)", &none, &scored()), Some(true.into()));
    assert_eq!(
        value_of("[1.0].exists(orders, orders > 2)", &none, &scored()),
        Some(false.into()),
        "its own `orders`"
    );
    assert_eq!(value_of("orders > 5 && nps_last > 5", &none, &scored()), Some(false.into()));
    assert_eq!(value_of("orders > 5 ? nps_last : orders", &none, &scored()), Some(3.into()));
    assert_eq!(value_of("(nps_last > 5) == null", &none, &scored()), None);
    assert_eq!(value_of("scored", &none, &not_scored()), Some(false.into()));
}

#[test]
fn a_failing_expression_is_counted_and_never_panics() {
    let expression = "int(orders) / (int(orders) - 3)";
    let bound = parse(&tag_text("a.b", expression, "")).unwrap().bind(&[]);
    assert_eq!(bound.evaluate(&features(&[(F::orders, 3.0)]), &scored(), AS_OF), []);
    assert_eq!(bound.failures(), [("a.b".to_owned(), 1)]);
    assert_eq!(bound.evaluate(&features(&[(F::orders, 5.0)]), &scored(), AS_OF).len(), 1);
    assert_eq!(bound.evaluate(&[], &scored(), AS_OF), [], "too few features are unknown ones");
    assert_eq!(bound.failures(), [("a.b".to_owned(), 1)]);
}

#[test]
fn confidence_and_expiry_come_along() {
    let more = "confidence = 'churn_risk'\nexpires_after_days = 7";
    let catalogue = parse(&tag_text("a.b", "orders > 2", more)).unwrap();
    let tags = catalogue.bind(&[]).evaluate(&features(&[(F::orders, 3.0)]), &scored(), AS_OF);
    let expected = Tag {
        name: "a.b".into(),
        layer: Layer::Dynamic,
        value: true.into(),
        confidence: Some(0.75),
        expires_at: Some(AS_OF + 7 * DAY),
    };
    assert_eq!(tags, [expected]);
    let out_of_range = parse(&tag_text("a.b", "orders > 2", "confidence = 'clv'")).unwrap();
    let tags = out_of_range.bind(&[]).evaluate(&features(&[(F::orders, 3.0)]), &scored(), AS_OF);
    assert_eq!(tags[0].confidence, None);
}

#[test]
fn an_empty_result_keeps_or_blanks() {
    let keep = |layer: &str| {
        let text = tag_text("a.b", "nps_last", "when_empty = \"keep\"")
            .replace("\"dynamic\"", &format!("{layer:?}"));
        parse(&text).unwrap().bind(&[])
    };
    assert_eq!(keep("dynamic").evaluate(&features(&[]), &not_scored(), AS_OF)[0].value, Value::Null);
    assert_eq!(keep("predictive").evaluate(&features(&[]), &scored(), AS_OF)[0].value, Value::Null);
    assert_eq!(keep("predictive").evaluate(&features(&[]), &not_scored(), AS_OF), []);
}

#[test]
fn a_tag_of_a_missing_horizon_is_left_out_and_named() {
    let text = tag_text("a.month", "p_return_30d", "")
        + &tag_text("a.week", "expected_orders_7d + expected_spend_30d", "")
        + &tag_text("a.sure", "orders", "confidence = 'p_return_60d'");
    let bound = parse(&text).unwrap().bind(&[30, 90]);
    assert_eq!(bound.unavailable(), ["a.week", "a.sure"]);
    let tags = values(bound.evaluate(&features(&[(F::orders, 3.0)]), &scored(), AS_OF));
    assert_eq!(tags, json!({"a.month": 0.1}).as_object().unwrap().clone());
    assert_eq!(value_of("p_return_short < p_return_long", &[], &scored()), Some(true.into()));
}

#[test]
fn months_are_those_of_the_business() {
    let bound = parse(&tag_text("a.b", "first_order_month", "")).unwrap().bind(&[]);
    let features = features(&[(F::tenure_days, 0.0)]);
    let last_of_august = 15_217 * DAY + 20 * DAY / 24;
    let month = |bound: &Bound| bound.evaluate(&features, &scored(), last_of_august)[0].value.clone();
    assert_eq!(month(&bound), "2011-08");
    assert_eq!(month(&bound.in_zone("Asia/Shanghai".parse().unwrap())), "2011-09");
}

#[test]
fn errors_name_the_place_and_the_remedy() {
    let good = tag_text("a.b", "orders", "");
    let cases = [
        ("a = = 3".to_owned(), "tags.toml:1:5:", "mend the TOML"),
        (tag_text("a.b", "orders", "colour = 3"), "tags.toml:8:1: unknown field `colour`", "mend its name"),
        (format!("{good}{good}"), "tags.toml:10:8: the tag `a.b` stands in line 2 already", "another name"),
        (good.replace(", en = \"Meaning\"", ""), "missing field `en`", "both languages"),
        (good.replace("\"Tag\"", "\" \""), "tags.toml:5:28: the text is empty", "in this language"),
        (good.replace("layer = \"dynamic\"\n", ""), "missing field `layer`", "a tag needs"),
        (
            good.replace("\"dynamic\"", "\"dinamic\""),
            "tags.toml:3:9: `dinamic` is no layer",
            "did you mean `dynamic`?",
        ),
        (
            good.replace("\"activity\"", "\"x\""),
            "tags.toml:4:13: `x` is no dimension",
            "write one of lifecycle",
        ),
        (tag_text("a.b", "orders", "when_empty = \"hide\""), "`hide` is no when_empty", "blank, keep"),
        (tag_text("Level", "orders", ""), "tags.toml:2:8: `Level` is no name", "joined by dots"),
        (tag_text("a.b", "orders >", ""), "tags.toml:7:", "the expression is no CEL"),
        (
            tag_text("a.b", "1.0 + recencydays", ""),
            "tags.toml:7:21: there is no variable `recencydays`",
            "`recency_days`?",
        ),
        (tag_text("a.b", "chrun_risk", ""), "no variable `chrun_risk`", "did you mean `churn_risk`?"),
        (tag_text("a.b", "p_return_30", ""), "no variable `p_return_30`", "did you mean `p_return_30d`?"),
        (tag_text("a.b", "favourite_colour_of_hat", ""), "no variable", "features and predictions"),
        (
            tag_text("a.b", "sise([1])", ""),
            "tags.toml:7:15: there is no function `sise`",
            "did you mean `size`?",
        ),
        (tag_text("a.b", "orders + 1", ""), "tags.toml:7:15: the expression mixes", "1.0 instead of 1"),
        (tag_text("a.b", "orders > \"many\"", ""), "the expression mixes", "text with text"),
        (tag_text("a.b", "[orders]", ""), "gives a list", "a tag is a text"),
        (
            tag_text("a.b", "orders", "confidence = 'nosuch'"),
            "tags.toml:8:15: there is no variable",
            "variables",
        ),
        (
            tag_text("a.b", "orders", "values = [{ value = [1], labels = { zh = \"一\", en = \"one\" } }]"),
            "of type array",
            "true or false",
        ),
    ];
    for (text, place, hint) in cases {
        let error = refused(&text);
        assert!(
            error.contains(place) && error.contains(hint),
            "{error}\n  lacks `{place}` or `{hint}` for\n{text}"
        );
    }
    // Inside a text of several lines the line is counted on.
    let several = good.replace("'orders'", "'''\norders > 1 &&\n  no_such > 2'''");
    assert!(
        refused(&several).starts_with("tags.toml:9:3: there is no variable `no_such`"),
        "{}",
        refused(&several)
    );
    assert!(parse("").unwrap().tags().is_empty());
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

#[test]
fn the_own_form_gives_what_cel_gives() {
    use super::program::{FUNCTIONS, Program, Slot};
    use super::variables::Domain;
    use std::sync::Arc;

    let catalogue = Catalogue::shipped().unwrap();
    let more = [
        "orders in [1.0, 2.0] ? \"a\" : \"b\"",
        "category_top in [\"x\", \"y\"]",
        "!(orders > 1 && nps_last > 2) || churn_risk < 0.5",
        "-(orders - 2.0) * spend_total / order_value_mean",
        "scored ? orders : null",
        "orders == null ? 1.0 : nps_last == null ? 2.0 : 3.0",
        "category_top < channel_top",
        "(nps_last > 5) == (orders > 2)",
        "orders == 2 || orders != 2.0",
        "int(spend_total * 10.0) >= 3",
    ];
    let more: Vec<Catalogue> = more.iter().map(|text| catalogue.with_only(text).unwrap()).collect();
    let all = catalogue.tags().iter().chain(more.iter().flat_map(|c| c.tags()));
    let mut state = 7_u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let mut compared = 0;
    for tag in all.filter(|tag| !FUNCTIONS.iter().any(|own| tag.expression().contains(&format!("{own}(")))) {
        let variables = tag.expression.variables();
        let place = |name: &str| variables.iter().position(|mention| mention.name == name);
        let own = tag.expression.program(&place);
        assert!(own.is_compiled(), "{}", tag.expression());
        let places: Vec<_> = variables.iter().enumerate().map(|(at, m)| (m.name.clone(), at)).collect();
        let cel = Program::Interpreted(Arc::new(tag.expression.tree().clone()), places.into());
        for _ in 0..300 {
            let slots: Vec<Slot<'_>> = variables
                .iter()
                .map(|mention| match (mention.variable.domain(), next() % 5) {
                    (Domain::Truth, n) => Slot::Truth(n > 1),
                    (_, 0) => Slot::Unknown,
                    (Domain::Word, n) => Slot::Word(["x", "y", "618", "morning"][n as usize - 1].into()),
                    (_, 1) => Slot::Number(f64::from(next() as u32 % 12)),
                    (_, 2) => Slot::Number(f64::from(next() as u32 % 20_000)),
                    (_, 3) => Slot::Number(f64::from(next() as u32 % 2_000) / 1_000.0),
                    _ => Slot::Number([0.0, 1.0, 30.0, 90.0, 5_000.0][next() as usize % 5]),
                })
                .collect();
            let value = |program: &Program| program.run(&slots, 20_000).ok().and_then(|value| value.json());
            assert_eq!(value(&own), value(&cel), "{} with {slots:?}", tag.expression());
            compared += 1;
        }
    }
    assert!(compared > 30_000, "{compared}");
}

#[test]
fn what_needs_cel_is_interpreted() {
    let catalogue =
        parse(&tag_text("a.b", "[1.0, 5.0].exists(x, x > orders) ? category_top.size() : 0", "")).unwrap();
    let bound = catalogue.bind(&[]);
    assert_eq!(bound.compiled(), (0, 1));
}

#[test]
fn names_and_scales_stand_for_what_they_are() {
    let text = "[define]\nlimit = 90\nasleep = \"recency_days > limit\"\n[[scale]]\nname = \"grade\"\n\
                of = \"recency_days\"\nsteps = [90, 30]\n"
        .to_owned();
    let catalogue = parse(&(text + &tag_text("a.b", "asleep ? 0.0 : grade", ""))).unwrap();
    let value = |days: f64| {
        let tags = catalogue.bind(&[]).evaluate(&features(&[(F::recency_days, days)]), &scored(), AS_OF);
        tags[0].value.clone()
    };
    assert_eq!([value(91.0), value(90.0), value(31.0), value(30.0)], [0, 2, 2, 3].map(Value::from));
    assert_eq!(catalogue.scales()[0].steps, [90.0, 30.0]);
}

#[test]
fn wrong_definitions_are_named() {
    let cases = [
        ("[define]\na = \"b + 1.0\"\nb = \"a\"\n".to_owned(), "refers to itself: a -> b -> a", "in numbers"),
        ("[define]\na = \"a\"\n".to_owned(), "tags.toml:2:5: `a` refers to itself", "in numbers"),
        ("[define]\norders = 3\n".to_owned(), "has a meaning already", "another name"),
        (
            "[define]\na = \"recency_dais\"\n".to_owned(),
            "tags.toml:2:6: there is no variable",
            "`recency_days`?",
        ),
        ("[define]\na = [1]\n".to_owned(), "of type array", "a number, or an expression"),
        (
            "[[scale]]\nname = \"g\"\nof = \"orders\"\nsteps = [2, 6, 4]\n".to_owned(),
            "tags.toml:4:9: the steps of `g` are out of order",
            "all rising",
        ),
        (tag_text("a.b", "a.b > 1", ""), "tags.toml:7:15: the tag `a.b` refers to itself", "[define]"),
        (
            tag_text("a.c", "orders", "") + &tag_text("a.b", "a.c > 1", ""),
            "refers to the tag `a.c`",
            "[define]",
        ),
        (
            tag_text("a.b", "[1.0].exists(x, x > orders) ? date(recency_days) : null", ""),
            "date() stands in an expression that is not simple",
            "variables, numbers",
        ),
    ];
    for (text, place, hint) in cases {
        let error = refused(&text);
        assert!(error.contains(place) && error.contains(hint), "{error}\n  lacks `{place}` or `{hint}`");
    }
}

#[test]
fn a_check_finds_what_cannot_be_meant() {
    let checked = |text: &str| -> Vec<String> {
        let catalogue = parse(text).unwrap();
        check::check(&catalogue, text, "tags.toml").iter().map(ToString::to_string).collect()
    };
    let values = "values = [{ value = \"high\", labels = { zh = \"高\", en = \"High\" } }, \
                  { value = \"top\", labels = { zh = \"顶\", en = \"Top\" } }, \
                  { value = \"low\", labels = { zh = \"低\", en = \"Low\" } }]";
    let cases = [
        (tag_text("a.b", "orders / 0.0", ""), "tags.toml:7:22: tag `a.b`: division by zero"),
        (tag_text("a.b", "1.0 > 0.5", ""), "names no variable"),
        (tag_text("a.b", "orders == null || orders >= 0 ? \"all\" : \"none\"", ""), "every customer has it"),
        (tag_text("a.b", "orders < 0 ? true : null", ""), "no customer can have it"),
        (
            tag_text("a.b", "clv > 100 ? \"high\" : clv > 1000 ? \"top\" : \"low\"", values),
            "tags.toml:7:49: tag `a.b`: no customer can have the value \"top\"; another branch takes them all",
        ),
        (
            tag_text("a.b", "clv > 9 ? \"high\" : clv > 5 ? \"top\" : clv > 1 ? \"low\" : \"no\"", values),
            "has no label",
        ),
        (tag_text("a.b", "spend_365d / orders_365d", ""), "divides by something that can be zero"),
    ];
    for (text, wanted) in cases {
        let found = checked(&text);
        assert!(found.iter().any(|error| error.contains(wanted)), "{found:?} lacks {wanted}");
    }
    assert_eq!(checked(&tag_text("a.b", "orders > 3", "")), [] as [String; 0]);
}
