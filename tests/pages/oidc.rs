//! Signing in by a real identity provider (the npm package `oidc-provider`), in a real browser.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::browser::Browser;
use crate::house::House;

/// The provider, ended when dropped.
struct Provider {
    issuer: String,
    process: Child,
}

impl Provider {
    /// Starts it, as tests/run installs it.
    fn start(redirect: &str) -> Provider {
        let told = std::env::var_os("HOMING_OIDC_PROVIDER").map(PathBuf::from);
        let folder = told
            .unwrap_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name("oidc-provider"));
        assert!(
            folder.join("node_modules/oidc-provider").is_dir(),
            "{}: no oidc-provider; `npm install --no-save --prefix TARGET/oidc-provider oidc-provider@8` puts it there, as tests/run does",
            folder.display()
        );
        // It finds its packages beside itself.
        let script = folder.join("provider.mjs");
        std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pages/provider.mjs"), &script).unwrap();
        let mut process = Command::new("node")
            .arg(script)
            .arg(redirect)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let issuer = lines.map_while(Result::ok).find(|line| line.starts_with("http")).unwrap();
        Provider { issuer, process }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Signs in at the provider, which asks for a name and then whether homing may know it. Its pages wait for fonts from elsewhere, and
/// take no keys and clicks meanwhile.
fn sign_in(browser: &Browser, name: &str) {
    browser.until("document.querySelector('[name=login]') != null");
    browser.script(&format!(
        "document.querySelector('[name=login]').value = '{name}'; document.querySelector('[name=password]').value = 'any'; document.forms[0].submit()"
    ));
    browser.until("document.querySelector('[value=consent]') != null");
    browser.script("document.forms[0].submit()");
}

#[test]
#[ignore = "the provider's form is not sent in this browser; tests/clients/oidc goes the same way over plain HTTP"]
fn people_sign_in_by_an_identity_provider_of_another_site_with_their_role() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let public = format!("http://127.0.0.1:{port}");
    let provider = Provider::start(&format!("{public}/signin/oidc/callback"));
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "secret\n").unwrap();
    let house = House::open_with(
        &format!("127.0.0.1:{port}"),
        &[
            ("--oidc-issuer", &provider.issuer),
            ("--oidc-client-id", "homing"),
            ("--oidc-client-secret-file", &secret.path().display().to_string()),
            ("--oidc-scopes", "profile"),
            ("--public-url", &public),
        ],
    );
    let browser = Browser::start();
    assert_eq!(
        browser.go(&format!("{}/models?lang=en", house.url)),
        401,
        "nothing is open, though there is no key"
    );
    browser.click("main a.button");
    sign_in(&browser, "alice-scientist");
    browser.until("document.querySelector('h1')?.innerText == 'Models'");
    assert_eq!(browser.script("location.pathname + location.search"), "/models?lang=en");
    assert_eq!(browser.script("document.cookie"), "", "no script reads a cookie");
    assert!(browser.script("document.querySelectorAll('form[action*=promote]').length").as_u64() > Some(0));
    assert_eq!(browser.go(&format!("{}/audit?lang=en", house.url)), 403, "a scientist is no admin");
    assert_eq!(house.api("GET", "/v1/models", None, None).0, 401);
    // Signed out here; somebody without a role signs in there.
    browser.go(&format!("{}/models?lang=en", house.url));
    browser.click(".sign-out button");
    browser.until("document.querySelector('h1')?.innerText == 'Sign in'");
    let other = Browser::start();
    other.go(&format!("{}/call?lang=en", house.url));
    other.click("main a.button");
    sign_in(&other, "bob-gardener");
    other.until("document.querySelector('h1')?.innerText == 'You are not signed in'");
    assert!(other.text().contains("no role"), "{}", other.text());
    assert_eq!(other.go(&format!("{}/call?lang=en", house.url)), 401);
}
