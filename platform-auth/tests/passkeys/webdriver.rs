//! A browser with a virtual authenticator, driven by the WebDriver protocol (W3C WebDriver; WebAuthn, level 3, section 11).

use std::process::Stdio;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How long the driver, or one command of it, may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser that nobody sees, and the driver that obeys.
pub(crate) struct Browser {
    http: reqwest::Client,
    session: String,
    authenticator: String,
    driver: Child,
    _profile: TempDir,
}

/// Where the browser and its driver are, if they are.
fn installed() -> Option<[String; 2]> {
    let found = |names: &[&str]| {
        let folders = std::env::var("PATH").unwrap_or_default();
        let paths = folders
            .split(':')
            .flat_map(|folder| names.iter().map(move |name| format!("{folder}/{name}")));
        paths
            .into_iter()
            .find(|path| std::path::Path::new(path).is_file())
    };
    Some([
        found(&["chromium", "chromium-browser", "google-chrome"])?,
        found(&["chromedriver"])?,
    ])
}

impl Browser {
    /// Starts one; `None` where none is installed.
    pub(crate) async fn start(more: &[String]) -> Option<Self> {
        let [binary, driver] = installed()?;
        let profile = TempDir::new().unwrap();
        let mut driver = Command::new(driver)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let port = timeout(PATIENCE, port_of(&mut driver)).await.unwrap();
        let mut args = vec![
            "--headless".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-quic".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--no-proxy-server".to_owned(),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        args.extend_from_slice(more);
        // Another member of the workspace may have reqwest ask for one, which then has to be there. A second time nothing happens.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE);
        let mut browser = Self {
            http: http.build().unwrap(),
            session: format!("http://127.0.0.1:{port}/session"),
            authenticator: String::new(),
            driver,
            _profile: profile,
        };
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "webauthn:virtualAuthenticators": true,
            "goog:chromeOptions": { "binary": binary, "args": args },
        } } });
        let session = browser.command(Method::POST, "", &wanted).await;
        let id = session["sessionId"].as_str().unwrap();
        browser.session = format!("{}/{id}", browser.session);
        let authenticator = json!({
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true,
            "isUserConsenting": true, "isUserVerified": true,
        });
        let id = browser
            .command(Method::POST, "/webauthn/authenticator", &authenticator)
            .await;
        browser.authenticator = format!("/webauthn/authenticator/{}", id.as_str().unwrap());
        Some(browser)
    }

    pub(crate) async fn open(&self, url: &str) {
        self.command(Method::POST, "/url", &json!({ "url": url })).await;
    }

    /// What a call of an async function of the page comes to; `{"error": name}` when it throws.
    pub(crate) async fn run(&self, call: &str) -> Value {
        let script = format!(
            "const done = arguments[0]; (async () => {call})().then(done, error => done({{ error: error.name }}));"
        );
        let body = json!({ "script": script, "args": [] });
        self.command(Method::POST, "/execute/async", &body).await
    }

    /// Whether the authenticator finds, from now on, that its user is who it should be.
    pub(crate) async fn verifies(&self, verified: bool) {
        let path = format!("{}/uv", self.authenticator);
        self.command(Method::POST, &path, &json!({ "isUserVerified": verified }))
            .await;
    }

    /// The passkeys on the authenticator, with their private keys.
    pub(crate) async fn passkeys(&self) -> Vec<Value> {
        let path = format!("{}/credentials", self.authenticator);
        let listed = self.command(Method::GET, &path, &json!(null)).await;
        listed.as_array().unwrap().clone()
    }

    /// Puts this passkey in the place of the one with its id.
    pub(crate) async fn replace(&self, passkey: &Value) {
        let id = passkey["credentialId"].as_str().unwrap();
        let path = format!("{}/credentials/{id}", self.authenticator);
        self.command(Method::DELETE, &path, &json!(null)).await;
        let path = format!("{}/credential", self.authenticator);
        self.command(Method::POST, &path, passkey).await;
    }

    /// Ends browser and driver.
    pub(crate) async fn quit(mut self) {
        self.command(Method::DELETE, "", &json!(null)).await;
        self.driver.kill().await.unwrap();
    }

    async fn command(&self, method: Method, path: &str, body: &Value) -> Value {
        let request = self.http.request(method, format!("{}{path}", self.session));
        let request = match body {
            Value::Null => request,
            body => request.json(body),
        };
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let answer: Value = answer.json().await.unwrap();
        assert!(status.is_success(), "{path}: {answer}");
        answer["value"].clone()
    }
}

/// The port that the driver has chosen.
async fn port_of(driver: &mut Child) -> u16 {
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some((_, port)) = line.split_once("successfully on port ") {
            return port.trim_end_matches('.').parse().unwrap();
        }
    }
    panic!("the driver does not say on which port it listens");
}
