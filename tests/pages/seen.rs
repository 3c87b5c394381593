//! Every page in both languages and themes, each filter, the buttons, refusals, the keyboard alone,
//! and accessibility as axe-core sees it. No page may say a word on the console or ask another origin for anything.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::house::{EVIL, FORMULA, House};

/// How long a condition may take to come true.
const PATIENCE: Duration = Duration::from_secs(20);

#[track_caller]
fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{what} does not come about");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A browser on a house whose customers have been counted.
fn visit(house: &House) -> Browser {
    let browser = Browser::start();
    until("the count", || {
        browser.go(&format!("{}/?lang=en", house.url));
        !browser.text().contains("are being counted")
    });
    browser
}

#[track_caller]
fn has(browser: &Browser, texts: &[&str]) {
    let page = browser.text();
    for text in texts {
        assert!(page.contains(text), "`{text}` is missing in {page}");
    }
}

#[track_caller]
fn is_clean(browser: &Browser, house: &House) {
    let faults = browser.faults(&house.url);
    assert!(faults.is_empty(), "{faults:#?}");
}

/// The address of the page that is shown, without the origin.
fn address(browser: &Browser) -> String {
    browser.script("location.pathname + location.search").as_str().unwrap().to_owned()
}

/// The page of the customer with the most at stake.
fn customer(browser: &Browser, house: &House) -> String {
    browser.go(&format!("{}/call", house.url));
    let link = browser.script("document.querySelectorAll('.customers tbody th a')[2].getAttribute('href')");
    link.as_str().unwrap().to_owned()
}

/// The pages with a word of each language that their headings hold.
fn pages(customer: &str) -> [(String, &'static str, &'static str); 10] {
    [
        ("/", "Today", "今日概览"),
        ("/call", "Who to call", "回访名单"),
        (customer, "Customer", "会员"),
        ("/customers", "Find a customer", "查找会员"),
        ("/segments", "Segments", "会员分层"),
        ("/kpi", "KPIs", "经营指标"),
        ("/campaigns", "Campaigns", "营销效果"),
        ("/accuracy", "Accuracy", "预测准确度"),
        ("/models", "Models", "模型"),
        ("/audit", "Audit log", "审计日志"),
    ]
    .map(|(path, en, zh)| (path.to_owned(), en, zh))
}

/// axe-core, as tests/run installs it.
fn axe() -> String {
    let told = std::env::var_os("HOMING_AXE").map(PathBuf::from);
    let path = told.unwrap_or_else(|| {
        PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .with_file_name("axe")
            .join("node_modules/axe-core/axe.min.js")
    });
    std::fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}; `npm install --no-save --prefix TARGET/axe axe-core` puts it there, as tests/run does",
            path.display()
        )
    })
}

/// Serious faults of accessibility on the page that is shown.
fn faults_of_access(browser: &Browser) -> Vec<String> {
    let found = browser.script("axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.map(v => ({id: v.id, impact: v.impact, nodes: v.nodes.slice(0, 3).map(n => n.html + ' ' + n.failureSummary)})))");
    let serious = |fault: &&Value| matches!(fault["impact"].as_str(), Some("serious" | "critical"));
    found.as_array().unwrap().iter().filter(serious).map(Value::to_string).collect()
}

#[test]
fn every_page_is_whole_in_both_languages_and_themes_and_open_to_everybody() {
    let house = House::open();
    let browser = visit(&house);
    let (axe, customer) = (axe(), customer(&browser, &house));
    let (mut slowest, mut faults) = (0.0_f64, Vec::new());
    for (path, en, zh) in pages(&customer) {
        for (lang, tag, heading) in [("en", "en", en), ("zh", "zh-CN", zh)] {
            for (dark, width) in [(false, 1280), (true, 390)] {
                browser.theme(dark);
                browser.size(width, 800, width < 500);
                let place = format!("{path} in {lang}, dark: {dark}");
                assert_eq!(browser.go(&format!("{}{path}?lang={lang}", house.url)), 200, "{place}");
                slowest = slowest.max(browser.first_paint());
                let seen = browser.script(
                    "[document.documentElement.lang, document.querySelectorAll('h1').length, document.querySelector('h1').innerText, document.querySelectorAll('nav a[href]').length, document.documentElement.scrollWidth - innerWidth]",
                );
                assert_eq!((&seen[0], &seen[1], &seen[3]), (&json!(tag), &json!(1), &json!(9)), "{place}");
                assert!(seen[2].as_str().unwrap().contains(heading), "{place}: {seen}");
                if seen[4].as_i64().unwrap() > 0 {
                    faults.push(format!("{place} is wider than its window: {seen}"));
                }
                browser.script(&format!("{axe};0"));
                faults.extend(faults_of_access(&browser).iter().map(|fault| format!("{place}: {fault}")));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    println!("slowest first contentful paint: {slowest:.0} ms");
    assert!(slowest < 1000.0, "the first contentful paint takes {slowest} ms");
    is_clean(&browser, &house);
}

#[test]
fn each_filter_of_the_list_filters_and_stands_in_the_address() {
    let house = House::open();
    let browser = visit(&house);
    browser.go(&format!("{}/call?lang=en", house.url));
    let names = browser.script("[...document.querySelectorAll('form[role=search] select')].map(s => s.name)");
    let names: Vec<String> = serde_json::from_value(names).unwrap();
    for expected in [
        "churn.level",
        "lifecycle.stage",
        "tier.member",
        "preference.category",
        "fading.cause_first",
        "tag",
        "sort",
    ] {
        assert!(names.iter().any(|name| name == expected), "{expected} is missing in {names:?}");
    }
    for name in names {
        browser.go(&format!("{}/call?lang=en", house.url));
        let value = browser.script(&format!(
            "(() => {{ const s = document.querySelector('select[name=\"{name}\"]'); s.selectedIndex = 1; return s.value; }})()"
        ));
        let value = value.as_str().unwrap().to_owned();
        let status = browser.while_loading(|| browser.click("form[role=search] button"));
        assert_eq!(status, 200);
        let here = address(&browser);
        let kept = browser.script(&format!("new URLSearchParams(location.search).get({name:?})"));
        assert_eq!(kept, json!(value), "{here}");
        let shown = browser.script(&format!("document.querySelector('select[name=\"{name}\"]').value"));
        assert_eq!(shown, json!(value), "{here}");
        // The filter holds of everybody who is shown.
        if name == "churn.level" {
            let words =
                browser.script("[...document.querySelectorAll('.customers .level')].map(e => e.innerText)");
            assert!(words.as_array().unwrap().iter().all(|word| word == "High"), "{words}");
        }
        let rows =
            browser.script("document.querySelectorAll('.customers tbody tr').length").as_u64().unwrap();
        assert!(rows > 0 || browser.text().contains("No customer matches"), "{here}");
    }
    // By the beginning of the id, typed.
    browser.go(&format!("{}/call?lang=en", house.url));
    browser.click("#id");
    browser.type_in("c0000012");
    browser.while_loading(|| browser.press("Enter", false));
    let ids = browser.script("[...document.querySelectorAll('.customers tbody th')].map(e => e.innerText)");
    let ids: Vec<String> = serde_json::from_value(ids).unwrap();
    assert!(!ids.is_empty() && ids.iter().all(|id| id.starts_with("c0000012")), "{ids:?}");
    // From a cell of the grid to its customers, and one filter off again.
    browser.go(&format!("{}/segments?lang=en", house.url));
    browser.while_loading(|| browser.click(".heat a"));
    assert!(address(&browser).starts_with("/call?lang=en&rfm.recency="), "{}", address(&browser));
    browser.while_loading(|| browser.click(".chips.on a"));
    assert!(!address(&browser).contains("rfm.recency="), "{}", address(&browser));
    // The other forms.
    for (path, field, value) in
        [("/segments", "by", "clv"), ("/kpi", "period", "year"), ("/kpi", "against", "year")]
    {
        browser.go(&format!("{}{path}?lang=zh", house.url));
        browser.script(&format!("document.querySelector('#{field}').value = '{value}'"));
        browser.while_loading(|| browser.click("main form button"));
        assert_eq!(browser.script(&format!("document.querySelector('#{field}').value")), json!(value));
        assert_eq!(browser.script("document.documentElement.lang"), json!("zh-CN"));
    }
    is_clean(&browser, &house);
}

#[test]
fn a_campaign_list_comes_as_a_file_with_a_part_held_out() {
    let house = House::open();
    let browser = visit(&house);
    let folder = tempfile::tempdir().unwrap();
    browser.downloads(folder.path());
    browser.go(&format!("{}/call?lang=en&churn.level=high", house.url));
    browser.click("#campaign-name");
    browser.type_in("Spring");
    browser.click("form[action*=export] button");
    let path = folder.path().join("Spring.csv");
    until("the file", || path.is_file());
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.trim_start_matches('\u{feff}').lines().collect();
    assert!(lines[0].starts_with("customer_id,campaign,group,action,title"), "{}", lines[0]);
    let (held, contacts) = (
        lines.iter().filter(|line| line.contains(",Spring,held_out,")).count(),
        lines.iter().filter(|line| line.contains(",Spring,contact,")).count(),
    );
    assert_eq!(held + contacts + 1, lines.len());
    let share = held as f64 / (held + contacts) as f64;
    assert!(contacts > 30 && (0.02..0.25).contains(&share), "{held} of {contacts} are held out, not a tenth");
    // The odd ones are at stake the most and new: the list of all has them.
    browser.go(&format!("{}/call?lang=zh", house.url));
    browser.click("#campaign-name");
    browser.type_in("秋天");
    browser.click("#record");
    browser.click("form[action*=export] button");
    let path = folder.path().join("秋天.csv");
    until("the file", || path.is_file());
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(&format!("\n{EVIL},")) && text.contains(&format!("\n'{FORMULA},")));
    assert!(!text.contains(&format!("\n{FORMULA}")));
    is_clean(&browser, &house);
}

#[test]
fn a_model_is_put_to_work_and_taken_back() {
    let house = House::open();
    let browser = visit(&house);
    browser.go(&format!("{}/models?lang=en", house.url));
    has(
        &browser,
        &[
            "serving",
            "champion",
            "Calibration",
            "Lift",
            "Feature importance",
            "Drift against the previous model",
        ],
    );
    let in_use = || {
        browser.script("[...document.querySelectorAll('.registry tbody tr')].find(r => r.innerText.includes('serving')).querySelector('a').innerText")
    };
    let before = in_use();
    browser.while_loading(|| browser.click(".registry form button"));
    has(&browser, &["is now serving."]);
    let after = in_use();
    assert_ne!(before, after);
    browser.while_loading(|| browser.click("form.deed button"));
    has(&browser, &["is now serving."]);
    assert_eq!(in_use(), before);
    // The report as it was made, with a style of its own.
    assert_eq!(browser.while_loading(|| browser.click(".deeds a")), 200);
    assert!(browser.script("document.querySelectorAll('svg').length").as_u64().unwrap() > 5);
    is_clean(&browser, &house);
}

#[test]
fn what_a_key_does_not_allow_is_refused_in_words() {
    let house = House::open();
    let browser = visit(&house);
    let customer = customer(&browser, &house);
    let (reader, admin) = (house.key("reader"), house.key("admin"));
    until("the question for a key", || browser.go(&format!("{}/call", house.url)) == 401);
    let show = |key: &str| browser.headers(json!({"authorization": format!("Bearer {key}")}));
    show(&reader);
    assert_eq!(browser.go(&format!("{}{customer}?lang=en", house.url)), 200);
    has(&browser, &["Requires a key with the role operator.", "Requires a key with the role admin."]);
    assert_eq!(browser.script("document.querySelectorAll('main form').length"), json!(0));
    assert_eq!(browser.go(&format!("{}{customer}/export?lang=en", house.url)), 403);
    has(&browser, &["Your key does not permit this", "the role operator"]);
    assert_eq!(browser.go(&format!("{}{customer}/export?lang=zh", house.url)), 403);
    has(&browser, &["密钥权限不足"]);
    browser.go(&format!("{}/call?lang=en", house.url));
    has(&browser, &["Requires a key with the role operator."]);
    browser.go(&format!("{}/models?lang=en", house.url));
    has(&browser, &["Requires a key with the role scientist."]);
    assert_eq!(browser.script("document.querySelectorAll('main form').length"), json!(0));
    // An admin takes an opt-out down, and erases after typing the id.
    show(&admin);
    until("a page with the rights of an admin", || {
        browser.go(&format!("{}{customer}?lang=en", house.url));
        browser.script("document.querySelectorAll('.rights form').length").as_u64() > Some(1)
    });
    browser.while_loading(|| browser.click(".rights form:not(.erase) button"));
    has(&browser, &["Consent saved.", "The customer opted out of automated decisions."]);
    browser.click("#confirm");
    browser.type_in("another");
    assert_eq!(browser.while_loading(|| browser.press("Enter", false)), 422);
    has(&browser, &["Nothing was erased."]);
    browser.go(&format!("{}{customer}?lang=en", house.url));
    let id = browser.script("document.querySelector('h1 .id').innerText");
    browser.click("#confirm");
    browser.type_in(id.as_str().unwrap());
    browser.while_loading(|| browser.press("Enter", false));
    has(&browser, &["Customer erased."]);
    assert_eq!(browser.go(&format!("{}{customer}?lang=en", house.url)), 404);
    has(&browser, &["Customer not found"]);
    is_clean(&browser, &house);
}

#[test]
fn the_keyboard_alone_is_enough() {
    let house = House::open();
    let browser = visit(&house);
    browser.go(&format!("{}/?lang=en", house.url));
    let focus = || {
        let seen = browser.script("(() => { const e = document.activeElement, s = getComputedStyle(e); return [e.innerText || e.name || e.tagName, s.outlineStyle != 'none' && parseFloat(s.outlineWidth) > 0]; })()");
        (seen[0].as_str().unwrap().trim().to_owned(), seen[1].as_bool().unwrap())
    };
    let tab_to = |wanted: &str| {
        for _ in 0..40 {
            browser.press("Tab", false);
            let (name, visible) = focus();
            assert!(visible, "nobody sees that {name} has the focus");
            if name == wanted {
                return;
            }
        }
        panic!("the key Tab does not lead to {wanted}");
    };
    browser.press("Tab", false);
    assert_eq!(focus().0, "Skip to content");
    browser.press("Enter", false);
    assert_eq!(browser.script("document.activeElement.id"), json!("main"));
    browser.go(&format!("{}/?lang=en", house.url));
    tab_to("Who to call");
    assert_eq!(browser.while_loading(|| browser.press("Enter", false)), 200);
    assert_eq!(address(&browser), "/call?lang=en");
    for _ in 0..40 {
        browser.press("Tab", false);
        if browser.script("document.activeElement.name == 'churn.level'") == json!(true) {
            break;
        }
    }
    // Letters choose in a closed field, too.
    browser.press("M", false);
    assert_eq!(browser.script("document.activeElement.value"), json!("medium"));
    tab_to("Apply");
    browser.while_loading(|| browser.press("Enter", false));
    assert!(address(&browser).contains("churn.level=medium"), "{}", address(&browser));
    for _ in 0..80 {
        browser.press("Tab", false);
        if browser.script("document.activeElement.closest('.customers tbody') != null") == json!(true) {
            break;
        }
    }
    browser.while_loading(|| browser.press("Enter", false));
    assert!(address(&browser).starts_with("/customers/"), "{}", address(&browser));
    is_clean(&browser, &house);
}

#[test]
fn what_is_wrong_is_said_with_what_to_do_next() {
    let house = House::open();
    let browser = visit(&house);
    // Text that would do harm stays text, wherever it stands.
    let evil = "%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    for path in [
        format!("/customers/{evil}"),
        "/call".to_owned(),
        format!("/call?id={evil}"),
        format!("/call?tier.member={evil}"),
    ] {
        assert_eq!(browser.go(&format!("{}{path}", house.url)), 200, "{path}");
        assert_eq!(browser.script("document.querySelectorAll('script').length"), json!(0), "{path}");
        assert!(
            browser.script("document.documentElement.outerHTML").as_str().unwrap().contains("alert(1)"),
            "{path}"
        );
    }
    for (path, status, en, zh) in [
        ("/customers/nobody", 404, "Customer not found", "未找到该会员"),
        ("/call?id=zzz", 200, "No customers match these filters.", "没有符合条件的会员"),
        ("/call?cursor=zz", 400, "This page of the list has expired", "列表页已失效"),
        ("/models/nope/report", 404, "No report for this model", "该模型没有报告"),
    ] {
        let mark = if path.contains('?') { '&' } else { '?' };
        for (lang, words) in [("en", en), ("zh", zh)] {
            assert_eq!(browser.go(&format!("{}{path}{mark}lang={lang}", house.url)), status, "{path}");
            has(&browser, &[words]);
            assert!(
                browser.script("document.querySelectorAll('main a[href]').length").as_u64().unwrap() > 0,
                "{path}"
            );
        }
    }
    is_clean(&browser, &house);
    // Nobody there yet, and no model.
    let empty = House::empty();
    let browser = Browser::start();
    for path in ["/", "/call", "/segments", "/kpi"] {
        assert_eq!(browser.go(&format!("{}{path}?lang=en", empty.url)), 200);
        has(&browser, &["No customers yet", "homing-train fit", "homing score"]);
        browser.go(&format!("{}{path}?lang=zh", empty.url));
        has(&browser, &["暂无会员"]);
    }
    browser.go(&format!("{}/models?lang=en", empty.url));
    has(&browser, &["The registry is empty.", "homing-train fit"]);
    is_clean(&browser, &empty);
}

/// Screenshots of every page: `HOMING_SHOTS=DIR HOMING_SHOTS_OF=http://127.0.0.1:8080 cargo test
/// --release --workspace --test pages pictures -- --ignored`.
#[test]
#[ignore = "takes pictures of a service that runs already"]
fn pictures() {
    let folder = PathBuf::from(std::env::var("HOMING_SHOTS").unwrap());
    let origin = std::env::var("HOMING_SHOTS_OF").unwrap();
    let browser = Browser::start();
    browser.go(&format!("{origin}/call?lang=en"));
    let customer = browser.script("document.querySelector('tbody th a').getAttribute('href').split('?')[0]");
    for (path, name, _) in pages(customer.as_str().unwrap()) {
        let name = name.to_lowercase().replace(' ', "-");
        for (look, lang, width, dark) in [
            ("en", "en", 1280, false),
            ("zh", "zh", 1280, false),
            ("phone", "zh", 390, false),
            ("dark", "en", 1280, true),
        ] {
            browser.size(width, 900, width < 500);
            browser.theme(dark);
            browser.go(&format!("{origin}{path}?lang={lang}"));
            println!("{path} {look}: first contentful paint {:.0} ms", browser.first_paint());
            std::fs::write(folder.join(format!("{name}-{look}.png")), browser.picture(true)).unwrap();
        }
    }
}
