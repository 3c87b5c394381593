use std::collections::BTreeMap;

use serde_json::{Map, json};

use super::*;
use crate::names::NEXT_ACTION;
use crate::{Catalogue, Layer};

fn parse(text: &str) -> Result<Playbook, Error> {
    Playbook::parse(text, "book.toml", Catalogue::shipped().unwrap().tags())
}

fn refused(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

fn entry(action: &str, more: &str) -> String {
    format!(
        "[[entry]]\naction = \"{action}\"\neffort = \"message\"\n{more}\n\
         title = {{ zh = \"题\", en = \"Title\" }}\ntext = {{ zh = \"文\", en = \"Text\" }}\n"
    )
}

/// A customer as the playbook sees them.
struct Customer {
    tags: BTreeMap<String, Value>,
    prediction: Value,
    attributes: Map<String, Value>,
}

impl Subject for Customer {
    fn tag(&self, name: &str) -> Option<&Value> {
        self.tags.get(name)
    }

    fn score(&self, field: &str) -> Option<&Value> {
        self.prediction.get(field)
    }

    fn attribute(&self, name: &str) -> Option<&Value> {
        self.attributes.get(name)
    }
}

fn profile(tags: &[(&str, Value)], prediction: Value) -> Customer {
    let tags = tags.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    Customer { tags, prediction, attributes: Map::new() }
}

#[test]
fn the_shipped_playbook_has_an_answer_for_everybody() {
    let book = Playbook::shipped(Catalogue::shipped().unwrap().tags()).unwrap();
    let on = |stage, tier, cause, at_risk: f64| {
        book.entry([stage, tier, cause], at_risk).map(|entry| entry.action.as_str()).unwrap()
    };
    for stage in book.axes[0].values.iter() {
        for tier in book.axes[1].values.iter() {
            for cause in book.axes[2].values.iter() {
                on(Some(&stage.0), Some(&tier.0), Some(&cause.0), 0.0);
            }
        }
    }
    // Spend follows value: the same customer with more at stake is called, with less is let go.
    assert_eq!(on(Some("lost"), Some("super"), Some("silent"), 2_001.0), "personal_call");
    assert_eq!(on(Some("lost"), Some("super"), Some("silent"), 2_000.0), "win_back_offer");
    assert_eq!(on(Some("lost"), Some("regular"), Some("silent"), 20.0), "farewell");
    // The cause decides before the stage; a missing tag is `none`.
    assert_eq!(on(Some("growth"), Some("entry"), Some("service"), 600.0), "call_after_complaint");
    assert_eq!(on(Some("maturity"), Some("regular"), None, 9_000.0), "ordinary_care");
    assert_eq!(on(None, None, None, 0.0), "ordinary_care");
    assert_eq!(on(Some("unheard of"), None, None, 0.0), "ordinary_care");
}

#[test]
fn advice_says_what_how_when_and_why() {
    let book = Playbook::shipped(Catalogue::shipped().unwrap().tags()).unwrap();
    let scores = json!({"value_at_risk": 2500.0, "churn_risk": 0.8});
    let mut who = profile(
        &[
            ("lifecycle.stage", json!("decline")),
            ("tier.rank", json!("super")),
            ("fading.cause_first", json!("outgrown")),
            (CONTACT_CHANNEL, json!("group")),
            (CONTACT_HOUR, json!(22.0)),
        ],
        scores,
    );
    let advice = book.advise(&who).unwrap();
    assert_eq!((advice.action.as_str(), advice.effort), ("next_category_call", Effort::Call));
    assert_eq!((advice.channel.as_deref(), advice.hour, advice.own_hour), (Some("group"), Some(20), true));
    assert_eq!(
        advice.reason.en,
        "Lifecycle stage: Decline; Value tier: Super; Cause of decline: Needs have changed"
    );
    assert_eq!(advice.reason.zh, "生命周期阶段：衰退期；价值等级：超级；流失原因：需求已变化");
    who.tags.remove(CONTACT_HOUR);
    assert_eq!(book.advise(&who).unwrap().hour, Some(10));
    who.attributes.insert("no_contact".to_owned(), json!(true));
    assert!(book.left_alone(&who));
    assert_eq!(book.advise(&profile(&[], json!({"not_scored": "opted_out"}))), None);
    assert!(book.left_alone(&profile(&[], json!({"not_scored": "opted_out"}))));
}

#[test]
fn wrong_playbooks_are_refused_with_place_and_hint() {
    let all = entry("rest", "");
    let cases = [
        (
            format!("{}{all}", entry("a", "stage = [\"declin\"]")),
            "4:10",
            "`declin` is not a valid stage; did you mean `decline`?",
        ),
        (
            format!("{}{all}", entry("a", "tier = [\"gold\"]")),
            "4:9",
            "`gold` is not a valid tier; use one of super, high_value",
        ),
        (format!("{}{all}", entry("a", "cause = [\"prise\"]")), "4:10", "did you mean `price`?"),
        (format!("{}{all}", entry("a", "stage = []")), "2:10", "`stage` is an empty list"),
        (format!("{}{all}", entry("a", "at_risk_over = -1")), "4:16", "-1 is not a valid amount"),
        (format!("{}{all}", entry("a", "colour = 1")), "4:1", "unknown field `colour`"),
        (format!("{}{all}", entry("A b", "")), "2:10", "`A b` is not a valid action name"),
        (
            format!("{all}{}", entry("late", "stage = [\"lost\"]")),
            "8:10",
            "`late` is never reached: the entries in line 2",
        ),
        (
            format!("{}{all}{all}", entry("a", "stage = [\"lost\"]")),
            "14:10",
            "`rest` is already defined in line 8",
        ),
        (
            entry("a", "stage = [\"lost\"]"),
            "6:33",
            "no entry matches every customer with stage `introduction`",
        ),
        (entry("a", "at_risk_over = 10"), "6:33", "end the playbook with an entry without"),
        (all.replace("effort = \"message\"", "effort = \"shout\""), "3:10", "`shout` is not a valid effort"),
        (
            all.replace("{ zh = \"文\", en = \"Text\" }", "{ zh = \"文\" }"),
            "6:15",
            "write every text in both languages",
        ),
        (all.replace("en = \"Title\"", "en = \" \""), "5:26", "the text is empty"),
        (format!("[contacts]\nper_week = 0\n{all}"), "2:12", "no customer is ever contacted"),
        (format!("[contacts]\nlatest_hour = 24\n{all}"), "2:15", "24 is not an hour of the day"),
        (
            format!("[contacts]\nearliest_hour = 12\nlatest_hour = 9\n{all}"),
            "3:15",
            "the hours are out of order",
        ),
        (format!("[axes]\nstage = \"life.stage\"\n{all}"), "2:9", "the catalogue has no tag `life.stage`"),
        (format!("[axes]\nstage = \"spend.year\"\n{all}"), "2:9", "has no text values"),
        ("[[entry]]\naction = \"a\"\n".to_owned(), "1:1", "an entry needs action and effort"),
        (all.replace("title = { zh = \"题\", en = \"Title\" }\n", ""), "2:10", "missing field `title`"),
        (String::new(), "1:1", "no entry matches"),
    ];
    for (text, place, words) in cases {
        let told = refused(&text);
        assert!(told.starts_with(&format!("book.toml:{place}: ")) && told.contains(words), "{told}\n{text}");
    }
    // Special entries are above general ones, also by amount.
    let tiers = format!("{}{}{all}", entry("much", "at_risk_over = 100"), entry("some", "at_risk_over = 10"));
    assert_eq!(parse(&tiers).unwrap().entries.len(), 3);
    let upside_down =
        format!("{}{}{all}", entry("some", "at_risk_over = 10"), entry("much", "at_risk_over = 100"));
    assert!(refused(&upside_down).contains("`much` is never reached"));
}

#[test]
fn the_next_action_is_a_tag_of_customers_with_scores() {
    use homing_datasets::{Event, History, Kind};
    use homing_models::features::{COUNT, Scratch, compute};
    use homing_models::{NotScored, Outcome};

    let catalogue = Catalogue::shipped().unwrap();
    let book = Playbook::shipped(catalogue.tags()).unwrap();
    let catalogue = catalogue.with_playbook(book);
    let bound = catalogue.bind(&[30, 90, 365]);
    let day = homing_datasets::DAY;
    let history = History::from_events(
        (0..6).map(|n| Event::new(Kind::Purchase, (15_000 + 10 * n) * day, 100.0)).collect(),
    );
    let view = history.as_of(15_100 * day);
    let mut features = vec![f64::NAN; COUNT];
    compute(&view, homing_datasets::Zone::default(), &mut Scratch::default(), &mut features);
    let outcome = Outcome::Scored(Box::new(homing_models::Prediction {
        at: Vec::new(),
        churn_risk: 0.7,
        churn_percentile: 90,
        p_alive: 0.5,
        next_order_at: None,
        next_order_quartiles: [None; 2],
        clv: 1_000.0,
        clv_interval: [0.0; 2],
        value_at_risk: 700.0,
        cluster: None,
        reasons: Vec::new(),
    }));
    let next = |outcome: &Outcome| {
        let tags = bound.evaluate_view(&view, &features, outcome);
        let stage = tags.iter().find(|tag| tag.name == "lifecycle.stage").map(|tag| tag.value.clone());
        (
            stage.unwrap(),
            tags.into_iter().find(|tag| tag.name == NEXT_ACTION).map(|tag| (tag.value, tag.layer)),
        )
    };
    // 50 days without an order after gaps of ten.
    assert_eq!(next(&outcome), (json!("decline"), Some((json!("win_back_offer"), Layer::Predictive))));
    assert_eq!(next(&Outcome::NotScored(NotScored::NoPurchase)).1, None);
    let listed = catalogue.describe();
    let listed = listed["tags"].as_array().unwrap().iter().find(|tag| tag["name"] == NEXT_ACTION).unwrap();
    assert_eq!(listed["values"][0]["labels"]["en"], "Manager calls to apologise");
}
