//! A headless Chromium of one's own, driven by the DevTools protocol over a pipe: no port, no driver, no crate.
//!
//! Whatever a page says on the console, every request that it makes and every failure is written down.

use std::cell::{Cell, RefCell};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running browser with one page.
pub struct Browser {
    process: Child,
    input: RefCell<ChildStdin>,
    output: Receiver<Value>,
    next: Cell<u64>,
    session: RefCell<Option<String>>,
    events: RefCell<Vec<Value>>,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts a browser.
    pub fn start() -> Browser {
        Browser::start_with(&[])
    }

    /// Starts a browser with more options.
    pub fn start_with(options: &[&str]) -> Browser {
        let profile = tempfile::tempdir().unwrap();
        // The browser reads commands from descriptor 3 and writes to 4.
        let script = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null 2>/dev/null"#;
        let mut process = Command::new("sh")
            .args(["-c", script])
            .arg(program())
            .args([
                "--headless=new",
                "--remote-debugging-pipe",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
            ])
            .args([
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--disable-component-update",
            ])
            .args(["--disable-extensions", "--hide-scrollbars", "--lang=en-US", "--no-proxy-server"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .args(options)
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (send, output) = channel();
        let mut reader = BufReader::new(process.stdout.take().unwrap());
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while reader.read_until(0, &mut message).is_ok_and(|read| read > 0) {
                message.pop();
                let parsed = serde_json::from_slice(&message).unwrap_or_default();
                message.clear();
                if send.send(parsed).is_err() {
                    break;
                }
            }
        });
        let input = RefCell::new(process.stdin.take().unwrap());
        let browser = Browser {
            process,
            input,
            output,
            next: Cell::new(1),
            session: RefCell::new(None),
            events: RefCell::default(),
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let attached =
            browser.call("Target.attachToTarget", json!({"targetId": target["targetId"], "flatten": true}));
        *browser.session.borrow_mut() = Some(attached["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Network", "Log"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser.call("Page.setLifecycleEventsEnabled", json!({"enabled": true}));
        browser
    }

    fn send(&self, method: &str, params: Value) -> u64 {
        let id = self.next.get();
        self.next.set(id + 1);
        let mut message = json!({"id": id, "method": method, "params": params});
        if let Some(session) = &*self.session.borrow() {
            message["sessionId"] = session.as_str().into();
        }
        let mut input = self.input.borrow_mut();
        input.write_all(message.to_string().as_bytes()).unwrap();
        input.write_all(&[0]).unwrap();
        input.flush().unwrap();
        id
    }

    fn receive(&self, deadline: Instant) -> Value {
        let left = deadline.saturating_duration_since(Instant::now());
        self.output.recv_timeout(left).expect("the browser says nothing")
    }

    /// Calls a method of the protocol and gives back what it answers.
    #[track_caller]
    pub fn call(&self, method: &str, params: Value) -> Value {
        let id = self.send(method, params);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let message = self.receive(deadline);
            if message["id"].as_u64() == Some(id) {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].clone();
            }
            self.events.borrow_mut().push(message);
        }
    }

    /// Waits for an event that fits.
    #[track_caller]
    fn wait(&self, from: usize, fits: impl Fn(&Value) -> bool, what: &str) {
        let deadline = Instant::now() + PATIENCE;
        let mut at = from;
        loop {
            {
                let events = self.events.borrow();
                while at < events.len() {
                    if fits(&events[at]) {
                        return;
                    }
                    at += 1;
                }
            }
            assert!(Instant::now() < deadline, "{what} does not come");
            let message = self.receive(deadline);
            self.events.borrow_mut().push(message);
        }
    }

    /// Goes to an address and waits until the page is there. Returns the HTTP status.
    #[track_caller]
    pub fn go(&self, url: &str) -> u64 {
        self.while_loading(|| drop(self.call("Page.navigate", json!({"url": url}))))
    }

    /// Does something that loads a page, waits until it is there, and returns its HTTP status.
    #[track_caller]
    pub fn while_loading(&self, act: impl FnOnce()) -> u64 {
        let from = self.events.borrow().len();
        act();
        self.wait(from, |event| event["method"] == "Page.loadEventFired", "the page");
        let events = self.events.borrow();
        let document = |event: &&Value| {
            event["method"] == "Network.responseReceived" && event["params"]["type"] == "Document"
        };
        let response = events[from..].iter().rfind(document);
        response.and_then(|event| event["params"]["response"]["status"].as_u64()).unwrap_or(0)
    }

    /// What a script gives.
    #[track_caller]
    pub fn script(&self, expression: &str) -> Value {
        let params = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.call("Runtime.evaluate", params);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Waits until a script gives `true`, whatever page is shown meanwhile.
    #[track_caller]
    pub fn until(&self, expression: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let params = json!({"expression": expression, "returnByValue": true});
            if self.call("Runtime.evaluate", params)["result"]["value"] == json!(true) {
                return;
            }
            assert!(Instant::now() < deadline, "{expression} does not come true");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The text of the page.
    pub fn text(&self) -> String {
        self.script("document.body.innerText").as_str().unwrap_or_default().to_owned()
    }

    /// Presses a key, with Shift where asked for.
    pub fn press(&self, key: &str, shift: bool) {
        let (code, text) = match key {
            "Tab" => (9, None),
            "Enter" => (13, Some("\r")),
            "ArrowDown" => (40, None),
            "ArrowUp" => (38, None),
            "Home" => (36, None),
            _ => (0, Some(key)),
        };
        let modifiers = if shift { 8 } else { 0 };
        let mut down = json!({"type": if text.is_some() { "keyDown" } else { "rawKeyDown" }, "key": key, "code": key,
            "windowsVirtualKeyCode": code, "nativeVirtualKeyCode": code, "modifiers": modifiers});
        if let Some(text) = text {
            down["text"] = text.into();
        }
        self.call("Input.dispatchKeyEvent", down);
        let up = json!({"type": "keyUp", "key": key, "code": key, "windowsVirtualKeyCode": code, "modifiers": modifiers});
        self.call("Input.dispatchKeyEvent", up);
    }

    /// Types a text into whatever has the focus.
    pub fn type_in(&self, text: &str) {
        self.call("Input.insertText", json!({"text": text}));
    }

    /// Clicks on what a selector finds first, like a person does: with the pointer, in its middle.
    #[track_caller]
    pub fn click(&self, selector: &str) {
        let place = self.script(&format!(
            "(() => {{ const e = document.querySelector({selector:?}); if (!e) return null; \
             e.scrollIntoView({{block: 'center'}}); const r = e.getClientRects()[0]; \
             return [r.x + r.width / 2, r.y + r.height / 2]; }})()"
        ));
        assert!(place.is_array(), "there is no {selector}");
        for kind in ["mousePressed", "mouseReleased"] {
            let event =
                json!({"type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1});
            self.call("Input.dispatchMouseEvent", event);
        }
    }

    /// Shows pages in a theme.
    pub fn theme(&self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let params = json!({"features": [{"name": "prefers-color-scheme", "value": value}]});
        self.call("Emulation.setEmulatedMedia", params);
    }

    /// Makes the window so wide and so high.
    pub fn size(&self, width: u32, height: u32, phone: bool) {
        let params = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone});
        self.call("Emulation.setDeviceMetricsOverride", params);
    }

    /// Lets files be downloaded into a folder.
    pub fn downloads(&self, folder: &std::path::Path) {
        let session = self.session.borrow_mut().take();
        self.call(
            "Browser.setDownloadBehavior",
            json!({"behavior": "allow", "downloadPath": folder.display().to_string()}),
        );
        *self.session.borrow_mut() = session;
    }

    /// Sends headers with every request.
    pub fn headers(&self, headers: Value) {
        self.call("Network.setExtraHTTPHeaders", json!({"headers": headers}));
    }

    /// What went wrong so far, and requests that left this origin.
    pub fn faults(&self, origin: &str) -> Vec<String> {
        let mut faults = Vec::new();
        for event in self.events.borrow().iter() {
            let params = &event["params"];
            match event["method"].as_str().unwrap_or_default() {
                "Runtime.consoleAPICalled" => faults.push(format!("console: {params}")),
                "Runtime.exceptionThrown" => faults.push(format!("exception: {params}")),
                // The status of a page that is meant to fail is no fault.
                "Log.entryAdded" if params["entry"]["source"] != "network" => {
                    faults.push(format!("log: {params}"));
                }
                "Network.requestWillBeSent" => {
                    let url = params["request"]["url"].as_str().unwrap_or_default();
                    if !url.starts_with(origin) && !url.starts_with("data:") && url != "about:blank" {
                        faults.push(format!("a request left for {url}"));
                    }
                }
                _ => {}
            }
        }
        faults
    }

    /// Milliseconds from the start of the navigation to the first painting with content.
    pub fn first_paint(&self) -> f64 {
        let script = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1";
        let deadline = Instant::now() + PATIENCE;
        loop {
            let at = self.script(script).as_f64().unwrap_or(-1.0);
            if at >= 0.0 {
                return at;
            }
            assert!(Instant::now() < deadline, "the page is not painted");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The page as PNG, whole or as much as the window shows.
    pub fn picture(&self, whole: bool) -> Vec<u8> {
        let answer =
            self.call("Page.captureScreenshot", json!({"format": "png", "captureBeyondViewport": whole}));
        base64(answer["data"].as_str().unwrap())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Closing takes the helper processes along.
        *self.session.borrow_mut() = None;
        self.send("Browser.close", json!({}));
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline {
            if self.process.try_wait().is_ok_and(|ended| ended.is_some()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn base64(text: &str) -> Vec<u8> {
    let (mut bytes, mut held, mut bits) = (Vec::with_capacity(text.len() * 3 / 4), 0_u32, 0);
    for c in text.trim_end_matches('=').bytes() {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            _ => 63,
        };
        held = held << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
        }
    }
    bytes
}

/// The browser of this machine, or the one that HOMING_CHROMIUM names.
fn program() -> PathBuf {
    if let Some(program) = std::env::var_os("HOMING_CHROMIUM") {
        return program.into();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    ["chromium", "chromium-browser", "google-chrome"]
        .iter()
        .find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|program| program.is_file()))
        .expect(
            "there is no Chromium to test with; install one (apt-get install chromium), or name it in HOMING_CHROMIUM",
        )
}
