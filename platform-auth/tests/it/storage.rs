use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform_core::pg::AllowList;
use platform_core::{axum, sqlx};
use serde_json::json;

use crate::support::{App, Call, PASSWORD};

/// Every row of every table of this crate and of the audit trail, as text.
const TABLES: [&str; 4] = [
    "select t::text from platform_auth.subject t",
    "select t::text from platform_auth.password_credential t",
    "select t::text from platform_auth.session t",
    "select t::text from platform_audit.event t",
];

#[tokio::test]
async fn a_dump_of_the_database_holds_no_token_and_no_password() {
    let app = App::own().await;
    let place = app.place().await;
    let mut tokens = vec![app.user(&place, "ada@example.com").await, app.admin(&place).await];
    tokens.push(app.sign_in(&place, "ada@example.com", PASSWORD).await.token());
    app.sign_in(&place, "ada@example.com", "a wrong guess")
        .await
        .refused(401, "invalid_credentials");
    let out = app
        .send(Call::post("/api/v1/auth/logout").bearer(&tokens[0]))
        .await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);

    let mut dump = String::new();
    let mut superuser = app.superuser().await;
    for sql in TABLES {
        let rows: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut superuser).await.unwrap();
        assert!(!rows.is_empty(), "{sql}");
        dump.extend(rows);
    }

    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut secrets = vec![
        PASSWORD.to_owned(),
        "a wrong guess".to_owned(),
        hex(PASSWORD.as_bytes()),
    ];
    for token in &tokens {
        let secret = URL_SAFE_NO_PAD.decode(&token[28..71]).unwrap();
        secrets.extend([
            token.clone(),
            token[28..71].to_owned(),
            hex(&secret),
            hex(token.as_bytes()),
        ]);
    }
    for secret in secrets {
        assert!(!dump.contains(&secret), "{secret}");
    }
    assert!(
        dump.contains("$argon2id$") && dump.contains("\\x"),
        "the dump shows what is stored"
    );
}

/// Whoever steals the database learns nobody's address or name.
#[tokio::test]
async fn a_pg_dump_of_the_database_holds_no_address_and_no_name() {
    let app = App::own().await;
    let place = app.place().await;
    for number in 0..5 {
        let body = json!({
            "email": format!("Ada.Lovelace+{number}@Example.com"), "password": PASSWORD,
            "first_name": "Adelaide", "last_name": "Lovelace-Byron",
        });
        let registered = app
            .send(Call::post("/api/v1/auth/register").at(&place).json(&body))
            .await;
        assert_eq!(registered.status, StatusCode::CREATED, "{}", registered.text);
    }
    app.admin(&place).await;
    app.sign_in(&place, "ada.lovelace+1@example.com", PASSWORD)
        .await
        .token();

    let dump = app.dump().await.to_lowercase();

    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    for personal in ["lovelace", "adelaide", "byron", "@example.com", "admin@"] {
        assert!(!dump.contains(personal), "{personal} is in the dump");
        assert!(
            !dump.contains(&hex(personal)),
            "{personal} is in the dump, in hexadecimal digits"
        );
    }
    assert!(dump.contains("$argon2id$"), "the dump shows what is stored");
}

#[tokio::test]
async fn the_audit_trail_holds_no_address_in_the_clear() {
    let app = App::own().await;
    let place = app.place().await;
    app.user(&place, "ada.lovelace@example.com").await;
    app.sign_in(&place, "ada.lovelace@example.com", "a wrong guess")
        .await
        .refused(401, "invalid_credentials");
    app.sign_in(&place, "stranger@example.com", PASSWORD)
        .await
        .refused(401, "invalid_credentials");

    let mut superuser = app.superuser().await;
    let rows: Vec<String> = sqlx::query_scalar(TABLES[3])
        .fetch_all(&mut superuser)
        .await
        .unwrap();

    let trail = rows.concat();
    assert!(
        !trail.contains("lovelace") && !trail.contains("stranger"),
        "{trail}"
    );
}

#[tokio::test]
async fn the_self_check_finds_nothing_in_these_tables() {
    let app = App::new().await;

    let allow = AllowList::core().with(platform_crypto::ROOT_KEY_TABLE);
    let report = app.test.db().self_check(&allow).await.unwrap();

    let found: Vec<_> = report
        .refusals()
        .map(|finding| (finding.code, finding.object.as_str()))
        .filter(|(_, object)| object.contains("platform_auth") || object.contains("platform_audit"))
        .collect();
    assert_eq!(found, []);
}
