//! The same few events in CSV, in NDJSON, and as histories.

use homing_datasets::{Event, Histories, History, Kind, Zone};

/// Purchases, a return recorded late, a gift, a visit, and a line without a customer.
pub const CSV: &str = "\
customer_id,occurred_at,amount,order_id,product_id,category,channel,quantity,kind,recorded_at,promotion,note
17850,2010-12-01 08:26:00,15.30,536365,85123A,\"lamps, shades\",web,6,purchase,,,x
13085,2010-12-02 09:00:00,-4.5,C536379,D,,till,-1,return,2010-12-05 00:00:00,,\"two
lines\"
,2010-12-02 10:00:00,3.00,536380,22960,,,1,,,,
17850,2011-01-07,0,536999,GIFT,,web,,,,spring,
12346,2011-01-18 10:01:00,77183.6,541431,23166,,,74215,,,,
12346,2011-01-18 10:17:00,-77183.6,C541433,23166,,,-74215,,,,
13085,2011-02-01,,,,,,,visit,,,
";

/// The same lines with other spellings of the same values.
pub const NDJSON: &str = r#"
{"customer_id": 17850, "occurred_at": "2010-12-01T08:26:00Z", "amount": 15.3, "order_id": 536365, "product_id": "85123A", "category": "lamps, shades", "channel": "web", "quantity": 6, "kind": "purchase", "note": ["x"]}
{"customer_id": "13085", "occurred_at": "2010-12-02T10:00:00+01:00", "amount": "-4.5", "order_id": "C536379", "product_id": "D", "channel": "till", "quantity": -1, "kind": "return", "recorded_at": "2010-12-05"}

{"occurred_at": "2010-12-02 10:00:00", "amount": 3, "order_id": "536380", "product_id": 22960}
{"customer_id": 17850.0, "occurred_at": "2011-01-07", "amount": 0, "order_id": "536999", "product_id": "GIFT", "channel": "web", "promotion": "spring"}
{"amount": 77183.6, "customer_id": "12346", "occurred_at": "2011-01-18 10:01", "order_id": "541431", "product_id": "23166", "quantity": 74215}
{"amount": -77183.6, "customer_id": "12346", "occurred_at": "2011-01-18 10:17", "order_id": "C541433", "product_id": "23166", "quantity": -74215, "kind": ""}
{"customer_id": "13085", "occurred_at": "2011-02-01", "amount": null, "kind": "visit"}
"#;

fn event(kind: Kind, at: &str, amount: f64, quantity: f32, texts: [&str; 5]) -> Event {
    let [order, product, category, channel, promotion] =
        texts.map(|text| (!text.is_empty()).then(|| text.to_owned()));
    let at = Zone::default().instant(at).unwrap();
    Event { quantity, order, product, category, channel, promotion, ..Event::new(kind, at, amount) }
}

/// What each of the files above says.
pub fn expected() -> Histories {
    let mut returned =
        event(Kind::Return, "2010-12-02 09:00:00", -4.5, -1.0, ["C536379", "D", "", "till", ""]);
    returned.recorded_at = Zone::default().instant("2010-12-05").unwrap();
    let web = ["536365", "85123A", "lamps, shades", "web", ""];
    Histories::from_vec(vec![
        (
            "17850".into(),
            History::from_events(vec![
                event(Kind::Purchase, "2010-12-01 08:26:00", 15.3, 6.0, web),
                event(Kind::Purchase, "2011-01-07", 0.0, 1.0, ["536999", "GIFT", "", "web", "spring"]),
            ]),
        ),
        (
            "13085".into(),
            History::from_events(vec![returned, event(Kind::Visit, "2011-02-01", 0.0, 1.0, [""; 5])]),
        ),
        (
            "12346".into(),
            History::from_events(vec![
                event(Kind::Purchase, "2011-01-18 10:01", 77183.6, 74215.0, ["541431", "23166", "", "", ""]),
                event(Kind::Return, "2011-01-18 10:17", -77183.6, -74215.0, ["C541433", "23166", "", "", ""]),
            ]),
        ),
    ])
}
