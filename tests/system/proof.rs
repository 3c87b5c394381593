//! Who asks whether it works: uplift of an experiment, effect of a campaign, accuracy of what was predicted.

use std::fmt::Write as _;

use serde_json::Value;

use crate::support::{CDNOW, Server, Told, client, homing, homing_train, registry, run, scratch, write};

/// An experiment of three arms in which a mail moves those with an even number, and a text message nobody.
fn experiment() -> String {
    let mut csv = "customer_no,arm,bought,kind,score\n".to_owned();
    for row in 0..4_500_u64 {
        let draw = |stream: u64| homing_models::sampling::mix(row ^ (stream << 40)) % 1000;
        let arm = ["nothing", "mail", "sms"][draw(1) as usize % 3];
        let lift = if arm == "mail" && row.is_multiple_of(2) { 300 } else { 0 };
        let bought = u8::from(draw(2) < 200 + lift);
        writeln!(
            csv,
            "n{row},{arm},{bought},{},{}",
            ["odd", "even"][usize::from(row.is_multiple_of(2))],
            draw(3)
        )
        .unwrap();
    }
    csv
}

/// Whether a command ended well and printed these words.
#[track_caller]
fn assert_shown(told: &Told, words: &[&str]) {
    assert!(told.code == 0 && words.iter().all(|word| told.out.contains(word)), "{told:?}");
}

#[test]
fn uplift_is_claimed_where_it_is_and_not_where_it_is_not() {
    let folder = scratch();
    let home = folder.path();
    let file = write(home, "trial.csv", &experiment());
    let uplift = |more: &[&str]| {
        let args = ["uplift", "--experiment", file, "--treatment", "arm", "--outcome", "bought"];
        run(homing_train(), home, args.iter().chain(more))
    };
    let found = uplift(&["--control", "nothing", "--json", "--out", "uplift.csv"]).json();
    let arms = found["arms"].as_array().unwrap();
    let of = |name: &str| arms.iter().find(|arm| arm["arm"] == name).unwrap();
    assert_eq!((&of("mail")["claimed"], &of("sms")["claimed"]), (&true.into(), &false.into()), "{found:#}");
    for field in ["n", "effect", "qini", "qini_low", "qini_high", "auuc", "top30_uplift"] {
        assert!(of("mail")[field].is_number(), "{field}");
    }
    assert!(of("mail")["top30_uplift"].as_f64().unwrap() > 0.2);
    let mut table = csv::Reader::from_path(home.join("uplift.csv")).unwrap();
    let head = table.headers().unwrap().clone();
    assert_eq!((&head[0], &head[1], &head[2]), ("row", "customer_no", "arm"));
    assert!(head.iter().any(|name| name == "uplift_group:mail:bought"), "{head:?}");
    assert_eq!(table.records().count(), 4_500);
    let shown = uplift(&["--control", "nothing"]);
    assert_shown(&shown, &["mail on bought", "Qini (out of fold)", "persuadable", "rank by response"]);
    uplift(&[]).says(2, &["cannot tell which value of `arm` is the control", "--control"]);
    uplift(&["--control", "none"]).says(2, &["no value `none`"]);
    uplift(&["--control", "nothing", "--out", "uplift.docx"]).says(2, &["uplift.docx"]);
    let one = write(home, "one.csv", "arm,bought,x\nmail,1,2\nmail,0,3\n");
    run(homing_train(), home, ["uplift", "--experiment", one, "--treatment", "arm", "--outcome", "bought"])
        .says(3, &["without a control there is nothing to compare with"]);
}

/// Asks how many of the customers to contact, and for uplift, which there is none of; gives the best list.
fn sized_and_learned(home: &std::path::Path) -> Value {
    // How many to contact: what was measured is not enough, an assumption is.
    let size = |more: &[&str]| {
        let args = ["campaign", "size", "--margin", "0.4", "--cost-per-contact", "0.2"];
        run(homing(), home, args.iter().chain(more))
    };
    let measured = size(&["--json"]).json();
    assert_eq!(measured["basis"]["kind"], "campaigns", "{measured:#}");
    let assumed = size(&["--assume-effect", "0.05", "--json"]).json();
    assert_eq!(
        (&assumed["basis"]["kind"], &assumed["rank"]),
        (&"assumption".into(), &"value_at_risk".into())
    );
    let best = assumed["best"].clone();
    assert!(best["contacts"].as_u64().unwrap() > 0 && best["profit"].as_f64().unwrap() > 0.0, "{best:#}");
    assert!(assumed["curve"].as_array().unwrap().len() > 20, "{assumed:#}");
    assert_shown(&size(&["--assume-effect", "0.05"]), &["assumed: contact makes 5.0 %", "<- best"]);
    size(&["--assume-effect", "5"]).says(2, &["such as 0.03"]);
    size(&["--tag", "lifecycle.stag=decline"]).says(2, &["did you mean `lifecycle.stage`"]);
    run(homing(), home, ["campaign", "size", "--margin", "40", "--cost-per-contact", "1"])
        .says(2, &["such as 0.35"]);

    // Nobody was contacted, so nothing may be learned.
    let learned = run(homing(), home, ["campaign", "learn", "winter"]);
    assert_shown(&learned, &["There is no proof", "customers are not tagged with uplift"]);
    run(homing(), home, ["campaign", "make", "next", "--rank", "uplift", "--dry-run"])
        .says(3, &["uplift is not proven", "without --rank uplift"]);
    run(homing(), home, ["campaign", "learn", "summer"]).says(2, &["no campaign `summer`"]);
    run(homing(), home, ["campaign", "learn", "--window-days", "300"])
        .says(3, &["its window of 300 days ends"]);
    best
}

fn shown_on_pages(home: &std::path::Path, best: &Value) {
    // The pages show what both found.
    let server = Server::start(home);
    let page = |path: &str| {
        let mut answer = client().get(format!("{}{path}", server.url)).call().unwrap();
        answer.body_mut().read_to_string().unwrap()
    };
    assert!(page("/campaigns?lang=en").contains("winter") && page("/campaigns?lang=zh").contains("营销效果"));
    assert!(page("/accuracy?lang=en").contains("Predictions whose time is over"));
    assert!(page("/accuracy?lang=zh").contains("预测准确度"));
    let asked = "/call?size_cost=0.2&size_margin=40&size_effect=5";
    assert!(page(&format!("{asked}&lang=en")).contains("Best: contact the first"));
    assert!(page(&format!("{asked}&lang=zh")).contains("建议触达前"));
    assert!(page("/call?size_cost=0.2&size_margin=400&lang=en").contains("Enter a margin"));
    assert!(page("/metrics").contains("homing_monitor_run_timestamp_seconds"));
    let sized = page("/v1/campaigns/size?cost=0.2&margin=0.4&effect=0.05");
    assert_eq!(serde_json::from_str::<Value>(&sized).unwrap()["best"]["contacts"], best["contacts"]);
}

#[test]
fn campaigns_and_predictions_are_held_against_what_happened() {
    let folder = scratch();
    let home = folder.path();
    let mut command = homing();
    command.args(["score", "--purchases", CDNOW, "--as-of", "1997-12-31", "--shard", "1/8"]);
    command.args(["--profiles", "sqlite:profiles.db", "--registry"]).arg(registry());
    run::<&str>(command, home, []).says(0, &["profiles"]);
    let make = [
        "campaign",
        "make",
        "winter",
        "--hold-out",
        "0.3",
        "--at",
        "1998-01-02",
        "--json",
        "--out",
        "list.csv",
    ];
    let made = run(homing(), home, make);
    assert!(made.err.contains("smallest difference in buyers"), "{made:?}");
    let made = made.json();
    assert!(made["detectable_difference"].is_number(), "{made}");
    let evaluated =
        run(homing(), home, ["campaign", "evaluate", "winter", "--margin", "0.4", "--json"]).json();
    let outcomes = evaluated["outcomes"].as_array().unwrap();
    let names: Vec<&str> = outcomes.iter().map(|one| one["outcome"].as_str().unwrap()).collect();
    assert_eq!(names, ["purchase", "orders", "spend", "margin"]);
    for field in ["treated", "held_out", "effect", "low", "high", "p_value", "variance_saved"] {
        assert!(outcomes[0][field].is_number(), "{field}: {evaluated:#}");
    }
    assert!(outcomes[0]["cuped"].is_boolean() && evaluated["incremental_revenue"].is_number());
    assert_eq!(evaluated["scores_known"], 1.0);
    // Nobody was contacted, so nothing may be found with certainty.
    assert!(outcomes[0]["p_value"].as_f64().unwrap() > 0.001, "{evaluated:#}");
    let shown = run(homing(), home, ["campaign", "evaluate", "winter"]);
    assert_shown(&shown, &["winter", "incremental revenue"]);
    run(homing(), home, ["campaign", "evaluate", "summer"]).says(2, &["no campaign `summer`", "`winter`"]);
    run(homing(), home, ["campaign", "evaluate", "winter", "--window-days", "300"])
        .says(3, &["window of campaign `winter` ends", "--so-far"]);

    let best = sized_and_learned(home);

    let monitor = |args: &[&str]| {
        let mut command = homing();
        command.args(["monitor", "--registry"]).arg(registry());
        run(command, home, args)
    };
    let report = monitor(&["--json"]).json();
    let windows = report["windows"].as_array().unwrap();
    assert!(!windows.is_empty() && report["alarms"].is_array(), "{report:#}");
    let whole: Vec<&Value> = windows.iter().filter(|window| window["segment"] == "all").collect();
    assert!(whole.iter().any(|window| window["horizon_days"] == 30), "{report:#}");
    for field in ["auc", "logloss", "ece", "spend_bias", "interval_coverage"] {
        for end in ["", "_low", "_high"] {
            assert!(whole[0][format!("{field}{end}")].is_number(), "{field}{end}");
        }
    }
    assert!(whole[0]["auc"].as_f64().unwrap() > 0.7, "{report:#}");
    assert_shown(&monitor(&[]), &["AUC", "coverage of 80 % intervals"]);
    assert!(report["arrivals"].is_array() && report["comparisons"].as_array().unwrap().is_empty());

    shown_on_pages(home, &best);
}

/// Purchases of 400 customers over 300 days, every one with a rhythm of its own.
fn purchases() -> String {
    let mut csv = "customer_id,occurred_at,amount,channel\n".to_owned();
    let first = homing_datasets::calendar::days_of("2024-06-01".parse().unwrap());
    for customer in 0..400_u64 {
        let draw = |stream: u64| homing_models::sampling::mix(customer ^ (stream << 40));
        let (mut day, gap, last) = (draw(1) % 150, 8 + draw(2) % 60, 150 + draw(3) % 300);
        let mut n = 4;
        while day < last.min(300) {
            let date = homing_datasets::calendar::date_of(first + day as i32);
            let channel = ["shop", "web"][(customer % 2) as usize];
            writeln!(csv, "c{customer},{date},{}.5,{channel}", 5 + draw(n) % 40).unwrap();
            n += 1;
            day += gap / 2 + draw(n + 99) % gap.max(2);
        }
    }
    csv
}

#[test]
fn retraining_is_one_command_that_keeps_its_reasons() {
    let folder = scratch();
    let home = folder.path();
    write(home, "purchases.csv", &purchases());
    let retrain = |more: &[&str]| {
        let args = [
            "retrain",
            "--purchases",
            "purchases.csv",
            "--name",
            "shop",
            "--horizons",
            "30",
            "--churn-horizon",
            "30",
            "--value-horizon",
            "30",
            "--json",
        ];
        run(homing_train(), home, args.iter().chain(more)).json()
    };
    let early = ["--as-of", "2025-02-15"];
    let dry = retrain(&[early[0], early[1], "--dry-run"]);
    assert_eq!((&dry["outcome"], &dry["promoted"]), (&"would_promote".into(), &false.into()));
    assert!(!home.join("registry/shop").exists(), "a dry run registers nothing");
    let first = retrain(&early);
    assert_eq!((&first["promoted"], &first["promotion"]["reason"]), (&true.into(), &"first".into()));
    let again = retrain(&early);
    assert_eq!((&again["outcome"], &again["promoted"]), (&"not_due".into(), &false.into()));
    let later = retrain(&["--as-of", "2025-03-20", "--every-days", "30"]);
    assert_eq!(later["promotion"]["champion"], first["model"], "{later:#}");
    assert_eq!(later["outcome"], "promoted");
    let shown = run(homing(), home, ["models", "show", "shop"]);
    assert_shown(&shown, &["compared with shop@", "by retrain"]);
    // Broken data make no champion.
    let broken = purchases().replace(".5,", "50.5,");
    write(home, "purchases.csv", &broken);
    let broken = retrain(&["--every-days", "1"]);
    assert_eq!(
        (&broken["outcome"], &broken["promotion"]["reason"]),
        (&"challenger".into(), &"other_amounts".into())
    );
}

#[test]
fn money_over_time_is_forecast_with_intervals_that_are_judged() {
    let folder = scratch();
    let home = folder.path();
    let cohorts = |more: &[&str]| {
        let args = ["cohorts", "--purchases", CDNOW];
        run(homing_train(), home, args.iter().chain(more))
    };
    let found = cohorts(&["--margin", "0.4", "--acquisition-cost", "20", "--json"]).json();
    let all = found["cohorts"].as_array().unwrap();
    assert_eq!((all.len(), &all[0]["month"]), (4, &"1997-01".into()));
    let value = |months: u64| {
        let values = all[0]["values"].as_array().unwrap();
        values.iter().find(|value| value["months"] == months).unwrap().clone()
    };
    assert!(value(6)["came"].is_number() && value(12)["came"].is_number() && value(24)["came"].is_null());
    let (low, high) = (value(24)["low"].as_f64().unwrap(), value(24)["high"].as_f64().unwrap());
    assert!(value(12)["came"].as_f64().unwrap() < low && low < high, "{all:?}");
    assert!(all[0]["payback_months"].is_number(), "{all:?}");
    assert_eq!(found["revenue"].as_array().unwrap().len(), 12);
    assert!(found["revenue_backtest"]["coverage"].as_f64().unwrap() > 0.7, "{found:#}");
    assert_eq!(found["repurchase"][0]["order"], 1);
    assert_shown(&cohorts(&[]), &["Revenue per customer by month", "backtest: of", "order 1 to 2"]);
    cohorts(&["--acquisition-cost", "20"]).says(2, &["--acquisition-cost needs --margin"]);
    cohorts(&["--margin", "40"]).says(2, &["such as 0.35"]);
    cohorts(&["--as-of", "1997-03-31"]).says(3, &["3 complete months", "need 6 or more"]);
    write(home, "purchases.csv", &purchases());
    let split = ["cohorts", "--purchases", "purchases.csv", "--split-by", "channel", "--json"];
    let split = run(homing_train(), home, split).json();
    let names: Vec<&str> =
        split["groups"].as_array().unwrap().iter().map(|group| group["group"].as_str().unwrap()).collect();
    assert_eq!(names, ["shop", "web"]);
}
