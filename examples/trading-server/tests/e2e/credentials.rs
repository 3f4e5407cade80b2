//! A user's life with the credentials: register, verify, set up an authenticator, sign in with it, forget the password.

use std::path::Path;
use std::time::SystemTime;

use serde_json::{Value, json};

use crate::support::{Api, DataDir, Launch, PASSWORD, eventually};

/// The code of an authenticator for this step after the one of now: each is good once, and one ahead is taken too.
fn code(secret: &str, steps_ahead: u64) -> String {
    let totp = totp_rs::Builder::new()
        .with_secret(totp_rs::Secret::try_from_base32(secret).unwrap())
        .build()
        .unwrap();
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    totp.generate(now + 30 * steps_ahead).to_string()
}

/// Has a user set up an authenticator; its secret, and the answer to its first code.
pub(crate) async fn set_up_totp(user: &Api) -> (String, Value) {
    let enrolled = user
        .post("/api/v1/auth/totp", &json!({ "password": PASSWORD }))
        .await;
    let secret = enrolled.expect(201).json()["secret"].as_str().unwrap().to_owned();
    let body = json!({ "code": code(&secret, 0) });
    let confirmed = user.post("/api/v1/auth/totp/confirm", &body).await;
    (secret, confirmed.expect(200).json())
}

/// Verifies the address of a user who has signed in, with the token of a mail to it.
pub(crate) async fn verify_address(folder: &Path, user: &Api, email: &str) {
    eventually(&format!("a mail to {email} that verifies it"), || async {
        // Users of several tenants may have the address, and each token is good for one of them.
        for token in tokens_of_mail(folder, email) {
            let body = json!({ "token": token });
            if user.post("/api/v1/auth/email/verify", &body).await.status == 204 {
                return Some(());
            }
        }
        None
    })
    .await;
}

/// The token of the mail in the folder in which these words are.
async fn token_of_mail(folder: &Path, words: &str) -> String {
    eventually(&format!("a mail with {words:?}"), || async {
        tokens_of_mail(folder, words).into_iter().next()
    })
    .await
}

/// The tokens of the mails in the folder in which these words are.
fn tokens_of_mail(folder: &Path, words: &str) -> Vec<String> {
    let files = std::fs::read_dir(folder).into_iter().flatten();
    let texts = files
        .flatten()
        .filter(|file| file.path().extension().is_some_and(|end| end == "eml"))
        .filter_map(|file| std::fs::read_to_string(file.path()).ok());
    let token = |text: String| {
        let at = text.find("pot1_").filter(|_| text.contains(words))?;
        text.get(at..at + 78).map(str::to_owned)
    };
    texts.filter_map(token).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_verifies_the_address_signs_in_with_an_authenticator_and_replaces_a_forgotten_password() {
    let data = DataDir::new();
    let server = Launch::on(&data)
        .env("PLATFORM_AUTH_VERIFIED_EMAIL", "true")
        .env("PLATFORM_DEMO", "on")
        .start()
        .await;
    let visitor = server.api().tenant("acme");
    let folder = data.path().join("mail");
    let email = "ada.lovelace@example.com";

    // Nobody signs in before the address is verified.
    let registration = json!({ "email": email, "password": PASSWORD });
    let registered = visitor.post("/api/v1/auth/register", &registration).await;
    assert_eq!(
        registered.expect(202).json(),
        json!({ "email_verification": "required" })
    );
    let early = visitor.post("/api/v1/auth/login", &registration).await;
    assert_eq!(early.verdict(), (401, "invalid_credentials".to_owned()));
    let token = token_of_mail(&folder, "confirm your e-mail address").await;
    let verify = json!({ "token": token, "new_password": PASSWORD });
    visitor
        .post("/api/v1/auth/email/verify", &verify)
        .await
        .expect(204);
    let user = server.api().sign_in("acme", email, PASSWORD).await;

    // With an authenticator.
    let (secret, _) = set_up_totp(&user).await;
    let challenged = visitor.post("/api/v1/auth/login", &registration).await;
    let challenge = challenged.expect(202).json();
    assert!(challenge.get("token").is_none());
    let body = json!({ "challenge": challenge["challenge"], "code": code(&secret, 1) });
    let signed_in = visitor.post("/api/v1/auth/login/second-factor", &body).await;
    let user = server
        .api()
        .bearer(signed_in.expect(200).json()["token"].as_str().unwrap());
    let credentials = user.get("/api/v1/auth/credentials").await.expect(200).json();
    assert_eq!(
        (&credentials["email_verified"], &credentials["totp"]),
        (&json!(true), &json!(true))
    );

    // Without the password.
    let body = json!({ "email": email });
    visitor
        .post("/api/v1/auth/password/reset", &body)
        .await
        .expect(202);
    let token = token_of_mail(&folder, "set a new password").await;
    let body = json!({ "token": token, "new_password": "battery horse correct" });
    let path = "/api/v1/auth/password/reset/confirm";
    visitor.post(path, &body).await.expect(204);
    assert_eq!(
        visitor.post(path, &body).await.verdict(),
        (422, "invalid_one_time_token".to_owned())
    );
    assert_eq!(
        user.get("/api/v1/auth/me").await.verdict(),
        (401, "invalid_token".to_owned())
    );
    let login = json!({ "email": email, "password": "battery horse correct" });
    visitor.post("/api/v1/auth/login", &login).await.expect(202);

    // None of it is in a log.
    let ended = server.stop().await;
    for secret in [token.as_str(), secret.as_str(), "lovelace", "battery horse"] {
        assert!(!ended.output().contains(secret), "{secret} in {}", ended.output());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_who_sign_in_with_an_authenticator_go_on_after_a_restart_and_mail_is_sent_then() {
    let data = DataDir::new();
    let server = Launch::on(&data).env("PLATFORM_MAIL_MODE", "off").start().await;
    let user = server.api().register("acme", "ada@example.com").await;
    let (secret, _) = set_up_totp(&user).await;
    let reset = json!({ "email": "ada@example.com" });
    let visitor = server.api().tenant("acme");
    let refused = visitor.post("/api/v1/auth/password/reset", &reset).await;
    assert_eq!(refused.verdict(), (501, "no_mail".to_owned()));
    server.stop().await.expect(0, &[]);

    let server = Launch::on(&data).start().await;
    let visitor = server.api().tenant("acme");
    let login = json!({ "email": "ada@example.com", "password": PASSWORD });
    let challenge = visitor
        .post("/api/v1/auth/login", &login)
        .await
        .expect(202)
        .json();
    let body = json!({ "challenge": challenge["challenge"], "code": code(&secret, 1) });
    visitor
        .post("/api/v1/auth/login/second-factor", &body)
        .await
        .expect(200);
    visitor
        .post("/api/v1/auth/password/reset", &reset)
        .await
        .expect(202);
    token_of_mail(&data.path().join("mail"), "set a new password").await;
}
