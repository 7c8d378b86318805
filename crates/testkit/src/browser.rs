//! A browser that a test drives: headless Chromium, through the WebDriver protocol of its driver.
//!
//! It sees a page as a person does: what is shown, what a click does, what the console says, and which requests leave. Nothing is asked of
//! the network: the driver listens on the loopback interface, and the browser has a profile of its own, which goes with it.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::process::Process;
use crate::{tools, wait};

/// The programs of Debian's packages chromium and chromium-driver.
const BROWSER: &str = "chromium";
const DRIVER: &str = "chromedriver";

/// How long a command of the protocol may take: a browser that starts on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// The key of an element in the protocol (W3C WebDriver, section 11.1).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Ends a test early where there is no browser, and prints why. To be used as `if browser::skip("name of the test") { return; }`.
///
/// # Panics
/// Where it is not installed and has to be (see [`tools`]).
#[must_use]
pub fn skip(test: &str) -> bool {
    let is_missing = [BROWSER, DRIVER]
        .into_iter()
        .any(|name| tools::program(name).is_none());
    if is_missing {
        eprintln!("skipped {test}");
    }
    is_missing
}

/// A browser with one window.
pub struct Browser {
    /// Its end ends the browser, too.
    driver: Process,
    port: u16,
    session: String,
}

impl Browser {
    /// Starts one, with its profile in `folder`, which has to outlive it.
    ///
    /// # Panics
    /// Where it does not start; ask [`skip`] first.
    #[must_use]
    pub fn start(folder: &Path) -> Self {
        let driver = Process::spawn(
            DRIVER,
            Command::new(DRIVER).arg("--port=0").current_dir(folder),
        );
        let port = wait::maybe(PATIENCE, || {
            let said = driver.output();
            let (_, behind) = said.split_once("started successfully on port ")?;
            let (port, _) = behind.split_once('.')?;
            port.parse().ok()
        });
        let port =
            port.unwrap_or_else(|| panic!("chromedriver names no port: {}", driver.output()));
        let mut browser = Self {
            driver,
            port,
            session: String::new(),
        };
        let profile: PathBuf = folder.join("profile");
        let profile = format!("--user-data-dir={}", profile.display());
        // Without a sandbox, for tests run as root; what it shows is ours.
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--hide-scrollbars",
            &profile,
        ];
        let binary = tools::program(BROWSER);
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {"binary": binary, "args": arguments},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }}});
        let session = browser.ask("POST", "/session", Some(&wanted));
        let id = session["sessionId"].as_str().expect("a session has an id");
        browser.session = id.to_owned();
        // The page that a new browser begins with is none of ours.
        browser.go("about:blank");
        let _ = browser.requests();
        browser
    }

    /// Opens a page, and waits until it is loaded.
    pub fn go(&self, url: &str) {
        self.command("url", &json!({"url": url}));
    }

    /// Opens a file as a page.
    pub fn open(&self, file: &Path) {
        self.go(&format!("file://{}", file.display()));
    }

    /// What the body of a function of JavaScript returns.
    pub fn run(&self, script: &str) -> Value {
        self.command("execute/sync", &json!({"script": script, "args": []}))
    }

    /// The text of the first element that a selector finds, as it is shown.
    #[must_use]
    pub fn text(&self, selector: &str) -> String {
        let element = self.element(selector);
        let text = self.ask("GET", &self.path(&format!("element/{element}/text")), None);
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Clicks on the first element that a selector finds.
    pub fn click(&self, selector: &str) {
        let element = self.element(selector);
        self.command(&format!("element/{element}/click"), &json!({}));
    }

    /// Types into the first element that a selector finds.
    pub fn type_into(&self, selector: &str, keys: &str) {
        let element = self.element(selector);
        self.command(&format!("element/{element}/value"), &json!({"text": keys}));
    }

    /// A command of the Chrome DevTools Protocol.
    pub fn devtools(&self, name: &str, parameters: &Value) -> Value {
        self.command(
            "goog/cdp/execute",
            &json!({"cmd": name, "params": parameters}),
        )
    }

    /// The screen has this size from now on, in CSS pixels.
    pub fn resize(&self, width: u32, height: u32) {
        let is_phone = width < 500;
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone});
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
    }

    /// The system is `light` or `dark` from now on.
    pub fn prefer(&self, scheme: &str) {
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", &features);
    }

    /// What the console said since the last time: messages.
    #[must_use]
    pub fn console(&self) -> Vec<String> {
        let text = |entry: &Value| entry["message"].as_str().map(str::to_owned);
        self.log("browser").iter().filter_map(text).collect()
    }

    /// The addresses that were asked for since the last time.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        let mut asked = Vec::new();
        for entry in self.log("performance") {
            let message = entry["message"].as_str().unwrap_or_default();
            let event: Value = serde_json::from_str(message).unwrap_or_default();
            let event = &event["message"];
            if event["method"] == "Network.requestWillBeSent" {
                let url = event["params"]["request"]["url"].as_str();
                asked.extend(url.map(str::to_owned));
            }
        }
        asked
    }

    fn log(&self, kind: &str) -> Vec<Value> {
        let entries = self.command("se/log", &json!({"type": kind}));
        entries.as_array().cloned().unwrap_or_default()
    }

    fn element(&self, selector: &str) -> String {
        let found = self.command(
            "element",
            &json!({"using": "css selector", "value": selector}),
        );
        found[ELEMENT]
            .as_str()
            .expect("an element has an id")
            .to_owned()
    }

    fn command(&self, name: &str, parameters: &Value) -> Value {
        self.ask("POST", &self.path(name), Some(parameters))
    }

    fn path(&self, name: &str) -> String {
        format!("/session/{}/{name}", self.session)
    }

    /// One question to the driver, on a connection of its own.
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let body = body.map(Value::to_string).unwrap_or_default();
        let answer = exchange(self.port, method, path, &body);
        let answer = answer
            .unwrap_or_else(|error| panic!("{method} {path}: {error}\n{}", self.driver.output()));
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let mut body: Value = serde_json::from_str(body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error} in {answer}"));
        assert!(
            head.starts_with("HTTP/1.1 200"),
            "{method} {path}: {body:#}"
        );
        body["value"].take()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A polite end, so that the browser's own processes end, too; without one the driver's end still ends them.
        let path = format!("/session/{}", self.session);
        let _ = exchange(self.port, "DELETE", &path, "");
    }
}

impl std::fmt::Debug for Browser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Browser")
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

/// What the driver answers: head and body.
fn exchange(port: u16, method: &str, path: &str, body: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: {length}\r\n\r\n{body}"
    )?;
    // The driver leaves the connection open behind its answer.
    let mut answer = BufReader::new(stream);
    let mut head = String::new();
    let mut length = 0;
    while !head.ends_with("\r\n\r\n") {
        let start = head.len();
        if answer.read_line(&mut head)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let field = head[start..].split_once(':');
        if let Some((name, value)) = field
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(std::io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    answer.read_exact(&mut body)?;
    Ok(head + &String::from_utf8_lossy(&body))
}
