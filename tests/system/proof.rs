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

    // The pages show what both found.
    let server = Server::start(home);
    let page = |path: &str| {
        let mut answer = client().get(format!("{}{path}", server.url)).call().unwrap();
        answer.body_mut().read_to_string().unwrap()
    };
    assert!(page("/campaigns?lang=en").contains("winter") && page("/campaigns?lang=zh").contains("营销效果"));
    assert!(page("/accuracy?lang=en").contains("Predictions whose time is over"));
    assert!(page("/accuracy?lang=zh").contains("预测准确度"));
}
