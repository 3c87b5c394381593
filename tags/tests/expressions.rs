//! What expressions give.

use super::*;

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
    let text = tag_text("a.month", "p_purchase_30d", "")
        + &tag_text("a.week", "expected_orders_7d + expected_spend_30d", "")
        + &tag_text("a.sure", "orders", "confidence = 'p_purchase_60d'");
    let bound = parse(&text).unwrap().bind(&[30, 90]);
    assert_eq!(bound.unavailable(), ["a.week", "a.sure"]);
    let tags = values(bound.evaluate(&features(&[(F::orders, 3.0)]), &scored(), AS_OF));
    assert_eq!(tags, json!({"a.month": 0.1}).as_object().unwrap().clone());
    assert_eq!(value_of("p_purchase_short < p_purchase_long", &[], &scored()), Some(true.into()));
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
fn the_own_form_gives_what_cel_gives() {
    use crate::compile::FUNCTIONS;
    use crate::program::Program;
    use crate::values::Slot;
    use crate::variables::Domain;
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
