//! A page in a headless Chromium, driven by its debugging protocol over two pipes.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::ci;

/// A page. The browser ends with it.
pub(crate) struct Page {
    browser: Child,
    requests: File,
    answers: BufReader<File>,
    session: String,
    number: u64,
    problems: Vec<String>,
    /// The profile and the pipes.
    _folder: tempfile::TempDir,
}

impl Page {
    /// Starts the browser. Without one, prints that and returns nothing; in CI, that is a failure.
    pub(crate) fn start() -> Option<Self> {
        let names = ["chromium", "chromium-browser", "google-chrome"];
        let search = std::env::var_os("PATH").unwrap_or_default();
        let folders: Vec<PathBuf> = std::env::split_paths(&search).collect();
        let mut programs = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
        let Some(program) = programs.find(|path| path.is_file()) else {
            assert!(!ci(), "CI requires Chromium");
            let _ = writeln!(std::io::stderr(), "skipped: a test with Chromium, which is not on PATH");
            return None;
        };
        let folder = tempfile::tempdir().expect("temporary directory");
        let pipe = |name: &str| folder.path().join(name);
        for name in ["requests", "answers"] {
            assert!(Command::new("mkfifo").arg(pipe(name)).status().is_ok_and(|status| status.success()));
        }
        // The protocol uses the file descriptors 3 and 4. Root has no sandbox, and the page is our own.
        let script = "exec \"$1\" --headless=new --no-sandbox --disable-gpu --no-first-run --disable-extensions \
                      --user-data-dir=\"$2\" --remote-debugging-pipe about:blank 3<\"$3\" 4>\"$4\"";
        let browser = Command::new("sh")
            .args(["-c", script, "sh"])
            .args([program, pipe("profile"), pipe("requests"), pipe("answers")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        let requests = OpenOptions::new().write(true).open(pipe("requests")).expect("a pipe");
        let answers = BufReader::new(File::open(pipe("answers")).expect("a pipe"));
        let (session, problems) = (String::new(), Vec::new());
        let mut page = Self { browser, requests, answers, session, number: 0, problems, _folder: folder };
        let target = page.call("Target.createTarget", &json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = page.call("Target.attachToTarget", &attach);
        session["sessionId"].as_str().expect("a session").clone_into(&mut page.session);
        for domain in ["Page", "Runtime", "Log"] {
            page.call(&format!("{domain}.enable"), &json!({}));
        }
        page.size(1400, 1000);
        Some(page)
    }

    /// Sets the size of the window.
    pub(crate) fn size(&mut self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.call("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Opens a file. Returns how long that takes until it is drawn, in milliseconds.
    pub(crate) fn open(&mut self, path: &Path) -> f64 {
        let began = Instant::now();
        let url = format!("file://{}", path.display());
        self.call("Page.navigate", &json!({ "url": url }));
        self.until("document.readyState === 'complete' && document.documentElement.classList.contains('js')");
        self.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))");
        began.elapsed().as_secs_f64() * 1000.0
    }

    /// Searches, and returns how long that takes until the result is drawn, in milliseconds.
    pub(crate) fn search(&mut self, text: &str) -> f64 {
        self.evaluate("document.getElementById('count').textContent = ''");
        let type_in = "(text => new Promise(done => {
            const began = performance.now();
            const input = document.getElementById('search');
            input.value = text;
            input.dispatchEvent(new Event('input'));
            const look = () => document.getElementById('count').textContent
                ? requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)))
                : setTimeout(look, 5);
            look();
        }))";
        self.evaluate(&format!("{type_in}({})", json!(text))).as_f64().expect("a number")
    }

    /// The text of an element.
    pub(crate) fn text(&mut self, selector: &str) -> String {
        let text = self.evaluate(&format!("document.querySelector({}).textContent", json!(selector)));
        text.as_str().expect("text").to_owned()
    }

    /// Presses a key.
    pub(crate) fn press(&mut self, key: &str) {
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({ "type": kind, "key": key });
            if kind == "keyDown" && key.chars().count() == 1 {
                event["text"] = json!(key);
            }
            self.call("Input.dispatchKeyEvent", &event);
        }
    }

    /// Waits until an expression is true.
    pub(crate) fn until(&mut self, expression: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.evaluate(expression) != true {
            assert!(Instant::now() < deadline, "never true: {expression}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The value of an expression, or of the promise that it returns.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let request = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let answer = self.call("Runtime.evaluate", &request);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// A picture of the window, as WebP in base64.
    pub(crate) fn picture(&mut self) -> String {
        self.call("Page.captureScreenshot", &json!({ "format": "webp", "quality": 80 }))["data"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// What the browser complained about: exceptions, and what the policy of the page forbids.
    pub(crate) fn problems(&mut self) -> Vec<String> {
        self.evaluate("0");
        std::mem::take(&mut self.problems)
    }

    fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.number += 1;
        let mut request = json!({ "id": self.number, "method": method, "params": parameters });
        if !self.session.is_empty() {
            request["sessionId"] = json!(self.session);
        }
        self.requests.write_all(format!("{request}\0").as_bytes()).expect("a request");
        loop {
            let mut bytes = Vec::new();
            self.answers.read_until(0, &mut bytes).expect("an answer");
            assert!(!bytes.is_empty(), "the browser ended");
            bytes.pop();
            let mut answer: Value = serde_json::from_slice(&bytes).expect("JSON");
            if matches!(answer["method"].as_str(), Some("Runtime.exceptionThrown" | "Log.entryAdded")) {
                self.problems.push(answer["params"].to_string());
            }
            if answer["id"] == self.number {
                assert!(answer.get("error").is_none(), "{method}: {answer}");
                return answer["result"].take();
            }
        }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.browser.kill();
        let _ = self.browser.wait();
    }
}
