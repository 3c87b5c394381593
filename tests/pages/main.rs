//! The pages in a real browser.

#[path = "../support/browser.rs"]
mod browser;

use browser::Browser;

/// Pictures of every page, for whoever wants to look: `HOMING_SHOTS=DIR HOMING_SHOTS_OF=http://127.0.0.1:8080 cargo test
/// --release --workspace --test pages pictures -- --ignored`.
#[test]
#[ignore = "takes pictures of a service that runs already"]
fn pictures() {
    let folder = std::path::PathBuf::from(std::env::var("HOMING_SHOTS").unwrap());
    let origin = std::env::var("HOMING_SHOTS_OF").unwrap();
    let browser = Browser::start();
    browser.go(&format!("{origin}/call?lang=en"));
    let customer = browser.script("document.querySelector('tbody th a').getAttribute('href').split('?')[0]");
    let customer = customer.as_str().unwrap().to_owned();
    let pages = [
        ("today", "/"),
        ("call", "/call"),
        ("customer", &customer),
        ("segments", "/segments"),
        ("kpi", "/kpi"),
        ("models", "/models"),
    ];
    for (name, path) in pages {
        for (look, lang, width, dark) in [
            ("en", "en", 1280, false),
            ("zh", "zh", 1280, false),
            ("phone", "zh", 390, false),
            ("dark", "en", 1280, true),
        ] {
            browser.size(width, 900, width < 500);
            browser.theme(dark);
            browser.go(&format!("{origin}{path}?lang={lang}"));
            std::fs::write(folder.join(format!("{name}-{look}.png")), browser.picture(true)).unwrap();
        }
    }
}
