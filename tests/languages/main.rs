//! A language more is one file: a file of machine-made placeholders shows on every page and report, without a change of code.

#![cfg(test)]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use fluent_syntax::ast::{Entry, Pattern, PatternElement};

/// How long a program may take to become ready.
const PATIENCE: Duration = Duration::from_secs(120);

/// How the trial language writes numbers, dates and money.
const CONVENTIONS: &str = "locale-tag = de\nlocale-name = Deutsch\nnumber-decimal = ,\nnumber-group = .\nnumber-minus = −\n\
    number-units = 1000 Tsd. 1000000 Mio. 1000000000 Mrd.\npercent = { $number } %\nmoney = { $amount } { $symbol }\n\
    date-pattern = DD.MM.YYYY\nmonth-pattern = MM/YYYY\nmonth-names = J F M A M J J A S O N D\ndate-time = { $date } { $time }\n";

/// The English file with each text in `⟦de: ` and `⟧`.
fn placeholders() -> String {
    let english = include_str!("../../locales/en.ftl");
    let mut resource = fluent_syntax::parser::parse(english).unwrap();
    let own: BTreeSet<&str> = CONVENTIONS.lines().filter_map(|line| line.split(" =").next()).collect();
    let wrap = |pattern: &mut Pattern<&str>| {
        // What only joins words stays as it is.
        let [PatternElement::TextElement { .. }, ..] = pattern.elements.as_slice() else {
            let joins = matches!(
                pattern.elements.as_slice(),
                [PatternElement::Placeable {
                    expression: fluent_syntax::ast::Expression::Inline(
                        fluent_syntax::ast::InlineExpression::StringLiteral { .. }
                    )
                }]
            );
            if !joins {
                pattern.elements.insert(0, PatternElement::TextElement { value: "⟦de: " });
                pattern.elements.push(PatternElement::TextElement { value: "⟧" });
            }
            return;
        };
        // No square bracket: at the beginning of a line that would be a variant.
        pattern.elements.insert(0, PatternElement::TextElement { value: "⟦de: " });
        pattern.elements.push(PatternElement::TextElement { value: "⟧" });
    };
    resource.body.retain_mut(|entry| match entry {
        Entry::Message(message) => {
            message.value.iter_mut().for_each(wrap);
            message.attributes.iter_mut().for_each(|attribute| wrap(&mut attribute.value));
            !own.contains(message.id.name)
        }
        _ => false,
    });
    format!("{CONVENTIONS}{}", fluent_syntax::serializer::serialize(&resource))
}

/// A program of this build, untouched by the settings of whoever runs the tests, with the folder of the trial language.
fn program(name: &str, home: &Path) -> Command {
    let path = Path::new(env!("CARGO_BIN_EXE_homing"));
    let path = path.with_file_name(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(path.exists(), "there is no {}; run `cargo build --workspace` first", path.display());
    let mut command = Command::new(path);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HOMING_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null()).current_dir(home).env("HOMING_LOCALES", home.join("locales"));
    command
}

#[track_caller]
fn run(home: &Path, name: &str, args: &[&str]) {
    let done = program(name, home).args(args).output().unwrap();
    assert!(done.status.success(), "{name} {args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// A server that ends with the test.
struct Server {
    url: String,
    keeper: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

impl Server {
    fn start(home: &Path) -> Server {
        let mut command = program("homing", home);
        command.args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--profiles",
            "sqlite:profiles.db",
            "--currency",
            "EUR",
        ]);
        let mut keeper = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let out = BufReader::new(keeper.stdout.take().unwrap());
        let (send, line) = mpsc::channel();
        std::thread::spawn(move || send.send(out.lines().next()));
        let line = line.recv_timeout(PATIENCE).expect("the server does not say that it is ready");
        let line = line.and_then(Result::ok).unwrap_or_default();
        let url = line.strip_prefix("listening on ").expect("the server ended").to_owned();
        Server { url, keeper }
    }

    fn get(&self, path: &str) -> String {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        let mut reply = agent.get(format!("{}{path}", self.url)).call().unwrap();
        reply.body_mut().with_config().limit(50 << 20).read_to_string().unwrap()
    }

    /// A page once the daily aggregates are there.
    fn counted(&self, path: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let page = self.get(path);
            if !page.contains("⟦de: Figures are being computed]") {
                return page;
            }
            assert!(Instant::now() < until, "{path} is never counted");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

/// The texts of a page, and what its parts are called.
fn texts(html: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let html = html.split("</head>").nth(1).unwrap_or(html);
    for piece in html.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').unwrap_or((piece, ""));
        for name in ["aria-label=\"", "title=\"", "placeholder=\"", "data-label=\""] {
            if let Some(value) = tag.split(name).nth(1) {
                texts.push(value.split('"').next().unwrap_or_default().to_owned());
            }
        }
        if !tag.starts_with("code") && !tag.starts_with("script") {
            texts.push(text.trim().to_owned());
        }
    }
    texts
}

/// Whether a text needs no translation: an id, a number, a date, a name of a feature or of a model, data of the shop.
fn is_data(text: &str) -> bool {
    let plain = text.replace("&#34;", "").replace("&quot;", "").replace("&#38;", "&");
    let words = plain.split(|c: char| !c.is_alphabetic()).filter(|word| word.chars().count() > 1);
    let names = ["homing", "Tsd", "Mio", "Mrd", "English", "中文", "Deutsch", "shop", "pp", "lt", "gt"];
    let mut words = words.filter(|word| !names.contains(word)).peekable();
    words.peek().is_none()
        || plain.contains('@')
        || plain.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-'))
}

#[track_caller]
fn in_german(what: &str, html: &str, data: &BTreeSet<String>) {
    let mut english: Vec<String> = texts(html);
    english.retain(|text| !text.contains("⟦de: ") && !is_data(text) && !data.contains(text.as_str()));
    assert!(html.contains("⟦de: "), "{what}: {html}");
    assert!(english.is_empty(), "{what} has texts that are not from the file: {english:#?}");
}

#[test]
fn a_third_language_shows_on_every_page_and_report() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    std::fs::create_dir(home.join("locales")).unwrap();
    std::fs::write(home.join("locales/de.ftl"), placeholders()).unwrap();
    run(home, "homing", &["simulate", "--customers", "800", "--days", "700", "--out", "chain"]);
    run(
        home,
        "homing-train",
        &["fit", "--purchases", "chain/events", "--name", "shop", "--lang", "de", "--report", "report.html"],
    );
    run(
        home,
        "homing",
        &[
            "score",
            "--purchases",
            "chain/events",
            "--profiles",
            "sqlite:profiles.db",
            "--out",
            "scores.ndjson",
        ],
    );
    let server = Server::start(home);
    // Words that are the shop's own: products, categories, channels.
    let mut data = BTreeSet::new();
    let events: Vec<PathBuf> =
        std::fs::read_dir(home.join("chain/events")).unwrap().map(|entry| entry.unwrap().path()).collect();
    for path in events.iter().filter(|path| path.extension().is_some_and(|ending| ending == "csv")) {
        for line in std::fs::read_to_string(path).unwrap().lines() {
            data.extend(line.split(',').map(|cell| cell.trim_matches('"').to_owned()));
        }
    }
    let list = server.get("/call?lang=de");
    let customer = list.split("href=\"/customers/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let mut data_of_tags: BTreeSet<String> = ["online", "store", "app", "shop"].map(str::to_owned).into();
    data_of_tags.extend(data);
    for path in [
        "/?lang=de",
        "/call?lang=de",
        "/customers?lang=de",
        "/segments?lang=de",
        "/kpi?lang=de",
        "/models?lang=de",
    ] {
        in_german(path, &server.counted(path), &data_of_tags);
    }
    in_german("a customer", &server.get(&format!("/customers/{customer}")), &data_of_tags);
    in_german("nobody", &server.get("/customers/nobody?lang=de"), &data_of_tags);
    // The report holds every language; the part of this one is asked for.
    let report = std::fs::read_to_string(home.join("report.html")).unwrap();
    let part = report
        .split("<div class=\"page de\"")
        .nth(1)
        .expect("the report has the language")
        .split("<div class=\"page ")
        .next()
        .unwrap();
    in_german("the report", &format!("<div{part}"), &data_of_tags);
    assert!(report.contains("id=\"in-de\" checked"), "the report opens in the language that was asked for");
    let models = server.get("/models?lang=de");
    let link = models.split("/report?lang=de").next().unwrap().rsplit('"').next().unwrap();
    assert!(server.get(&format!("{link}/report?lang=de")).contains("id=\"in-de\" checked"), "{link}");
    assert!(server.get(&format!("{link}/report?lang=zh")).contains("id=\"in-zh\" checked"), "{link}");
    // The switch of each page offers it, and so does the browser's own choice.
    assert!(server.get("/call").contains("hreflang=\"de\""));
    let agent = ureq::Agent::new_with_defaults();
    let mut reply = agent
        .get(format!("{}/call", server.url))
        .header("accept-language", "de-AT, en;q=0.5")
        .call()
        .unwrap();
    assert!(reply.body_mut().read_to_string().unwrap().contains("<html lang=\"de\">"));
    // Reasons of the API have it too, and amounts are in the currency.
    let profile: serde_json::Value =
        serde_json::from_str(&server.get(&format!("/v1/profiles/{}", customer.split('?').next().unwrap())))
            .unwrap();
    let text = &profile["prediction"]["reasons"][0]["text"];
    assert!(
        text["de"].as_str().unwrap().starts_with("⟦de: ") && text["en"].is_string() && text["zh"].is_string(),
        "{text}"
    );
    assert!(list.contains(" €"), "{list}");
}

#[test]
fn a_faulty_file_stops_the_program_and_says_where() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("locales")).unwrap();
    std::fs::write(home.path().join("locales/de.ftl"), "today = Heute\nrows = { $count } Kunden\n").unwrap();
    for name in ["homing", "homing-train"] {
        let done = program(name, home.path()).arg("--version").output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(2), "{said}");
        assert!(
            said.contains("de.ftl:2: rows: placeholders are { $count }, but { $n } in locales/en.ftl"),
            "{said}"
        );
    }
}
