//! What a user's telephone computes.

use platform_core::Clock as _;
use serde_json::json;

use crate::support::{App, PASSWORD};

/// An authenticator, as a user has one.
#[derive(Debug, Clone)]
pub(crate) struct Authenticator(String);

impl Authenticator {
    /// Sets one up for the user of a session; gives the new token of the session and the recovery codes too.
    pub(crate) async fn set_up(app: &App, token: &str) -> (Self, String, Vec<String>) {
        let enrolled = app.post_as(token, "totp", &json!({ "password": PASSWORD })).await;
        let authenticator = Self(enrolled.expect(201).json()["secret"].as_str().unwrap().to_owned());
        let code = json!({ "code": authenticator.code(app) });
        let confirmed = app.post_as(token, "totp/confirm", &code).await;
        let confirmed = confirmed.expect(200).json();
        let codes = confirmed["recovery_codes"].as_array().unwrap();
        let codes = codes.iter().map(|code| code.as_str().unwrap().to_owned());
        let token = confirmed["session"]["token"].as_str().unwrap().to_owned();
        (authenticator, token, codes.collect())
    }

    pub(crate) fn of(secret: &str) -> Self {
        Self(secret.to_owned())
    }

    pub(crate) fn secret(&self) -> &str {
        &self.0
    }

    /// The code of now.
    pub(crate) fn code(&self, app: &App) -> String {
        let totp = totp_rs::Builder::new()
            .with_secret(totp_rs::Secret::try_from_base32(&self.0).unwrap())
            .build()
            .unwrap();
        let now = app.clock.now().unix_timestamp();
        totp.generate(u64::try_from(now).unwrap()).to_string()
    }
}
