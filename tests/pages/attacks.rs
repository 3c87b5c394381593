//! What other websites try in the browser of somebody who uses homing, in a real browser.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use serde_json::Value;

use crate::browser::Browser;
use crate::house::House;

/// A website of somebody else, on this machine under another name: one page.
fn website(page: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let page = page.clone();
            std::thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                let mut stream = stream;
                let head =
                    "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\ncontent-length";
                let _ = write!(stream, "{head}: {}\r\n\r\n{page}", page.len());
            });
        }
    });
    // homing is called 127.0.0.1, so for the browser this is another site.
    format!("http://localhost:{port}/")
}

/// Signs in through the form, like a person does.
fn sign_in(browser: &Browser, house: &House, key: &str) {
    browser.go(&format!("{}/models?lang=en", house.url));
    browser.script("document.getElementById('key').focus()");
    browser.type_in(key);
    assert_eq!(browser.while_loading(|| browser.press("Enter", false)), 200);
    assert_eq!(browser.script("location.pathname + location.search"), "/models?lang=en");
}

fn models(house: &House, key: &str) -> Value {
    house.api("GET", "/v1/models", Some(key), None).1
}

/// A version of the model that is not the champion's, and the champion's.
fn versions(house: &House, key: &str) -> (String, String) {
    let list = models(house, key)["models"].clone();
    let version = |champion: bool| {
        let fits = |model: &&Value| {
            model["aliases"].as_array().is_some_and(|names| names.iter().any(|name| name == "champion"))
                == champion
        };
        list.as_array().unwrap().iter().find(fits).unwrap()["version"].as_str().unwrap().to_owned()
    };
    (version(false), version(true))
}

#[test]
fn a_form_of_another_site_promotes_no_model_for_who_is_signed_in() {
    let house = House::open();
    let key = house.key("admin");
    house.wait_for_keys();
    let (other, champion) = versions(&house, &key);
    let browser = Browser::start();
    sign_in(&browser, &house, &key);
    let seen = browser.script("document.cookie");
    assert_eq!(seen, "", "no script reads the cookie");
    for target in
        [format!("/v1/models/{other}/promote"), format!("/models/{other}/promote"), "/signout".to_owned()]
    {
        for kind in ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data"] {
            let page = format!(
                "<form method=post enctype='{kind}' action='{}{target}'><input name=token value=x></form><script>document.forms[0].submit()</script>",
                house.url
            );
            let site = website(page);
            browser.go(&site);
            browser.until("location.href.startsWith('http://127.0.0.1')");
            let text = browser.text();
            assert!(text.contains("cross_site"), "{target} {kind}: {text}");
        }
    }
    assert_eq!(versions(&house, &key), (other, champion), "the champion stays");
    // The session is still valid, also when a link on another site leads here.
    let site = website(format!("<a id=go href='{}/models?lang=en'>models</a>", house.url));
    browser.go(&site);
    browser.click("#go");
    browser.until("document.querySelector('h1')?.innerText == 'Models'");
}

#[test]
fn a_script_of_another_site_stores_no_event_where_there_are_no_keys() {
    let house = House::open();
    let browser = Browser::start();
    browser.go(&website("<title>evil</title>".to_owned()));
    let event =
        r#"{"events":[{"event_id":"evil","customer_id":"evil","occurred_at":"2025-06-01","amount":1}]}"#;
    for body in [
        format!("new Blob([{event:?}])"),
        format!("new Blob([{event:?}], {{type: 'text/plain'}})"),
        format!("new TextEncoder().encode({event:?})"),
        format!("{event:?}"),
    ] {
        let script = format!(
            "fetch('{}/v1/events', {{method: 'POST', mode: 'no-cors', body: {body}}}).then(r => r.type, e => 'refused')",
            house.url
        );
        // It cannot read the response, whatever that says.
        assert!(["opaque", "refused"].contains(&browser.script(&script).as_str().unwrap()), "{body}");
        browser.script(&format!("navigator.sendBeacon('{}/v1/events', {body})", house.url));
    }
    let json = format!(
        "fetch('{}/v1/events', {{method: 'POST', headers: {{'content-type': 'application/json'}}, body: {event:?}}}).then(r => r.type, e => 'refused')",
        house.url
    );
    assert_eq!(browser.script(&json), "refused", "the browser asks first, and nothing allows it");
    assert_eq!(house.api("GET", "/v1/profiles/evil", None, None).0, 404);
    // A program may.
    assert_eq!(house.api("POST", "/v1/events", None, Some(event)).0, 200);
    assert_eq!(house.api("GET", "/v1/profiles/evil", None, None).0, 200);
}

#[test]
fn a_name_of_another_site_that_leads_here_finds_nothing_where_there_are_no_keys() {
    let house = House::open();
    let browser = Browser::start_with(&["--host-resolver-rules=MAP evil.test 127.0.0.1"]);
    let port = house.url.rsplit(':').next().unwrap();
    for path in ["/", "/call", "/v1/profiles", "/openapi.json"] {
        assert_eq!(browser.go(&format!("http://evil.test:{port}{path}")), 421, "{path}");
        assert!(browser.text().contains("foreign_host"), "{path}");
    }
    // What a page under that name could do: call the same origin, as it seems.
    let status = "fetch('/v1/events', {method: 'POST', headers: {'content-type': 'application/json'}, body: '{}'}).then(r => r.status)";
    assert_eq!(browser.script(status), 421);
    assert_eq!(browser.go(&format!("{}/healthz", house.url)), 200);
}
