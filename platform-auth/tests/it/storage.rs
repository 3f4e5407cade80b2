use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform_core::pg::AllowList;
use platform_core::{axum, sqlx};
use serde_json::json;

use crate::support::{App, Authenticator, Call, PASSWORD, Received};

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

/// Whoever steals the database finds nothing in it to sign in with.
#[tokio::test]
async fn a_pg_dump_of_the_database_holds_no_token_seed_or_code_that_was_given_to_anybody() {
    let app = App::mailing_own().await;
    let place = app.place().await;
    let email = json!({ "email": "ada@example.com" });
    let session = app.verified_user(&place, "ada@example.com").await;
    app.user(&place, "bob@example.com").await;
    let (authenticator, session_after, codes) = Authenticator::set_up(&app, &session).await;
    app.post(&place, "password/reset", &email).await.expect(202);
    app.auth.settle_mail_requests().await;
    // Three mails wait, with two tokens in them; that of a later reset is sent and not used.
    let waiting = app.dump().await;
    let mails = app.mails().await;
    assert_eq!(mails.len(), 3);
    let challenge = app
        .sign_in(&place, "ada@example.com", PASSWORD)
        .await
        .expect(202)
        .json();
    let challenge = challenge["challenge"].as_str().unwrap().to_owned();
    let body = json!({ "challenge": challenge, "code": codes[0] });
    let signed_in = app
        .post(&place, "login/second-factor", &body)
        .await
        .expect(200)
        .token();

    let dump = app.dump().await;

    let tokens = mails.iter().filter(|mail| mail.text.contains("pot1_"));
    let mut secrets: Vec<String> = tokens.map(Received::token).collect();
    assert_eq!(secrets.len(), 2);
    secrets.extend([session, session_after, challenge, signed_in]);
    let random: Vec<String> = secrets.iter().map(|token| token[28..71].to_owned()).collect();
    let decoded = random
        .iter()
        .map(|text| hex(&URL_SAFE_NO_PAD.decode(text).unwrap()));
    let decoded: Vec<String> = decoded.collect();
    let seed = totp_rs::Secret::try_from_base32(authenticator.secret()).unwrap();
    let plain = codes.iter().map(|code| code.replace('-', ""));
    let mut all: Vec<String> = [secrets, random, decoded, codes.clone(), plain.collect()].concat();
    all.extend([
        authenticator.secret().to_owned(),
        hex(seed.as_bytes()),
        "your password".to_owned(),
    ]);
    for secret in all {
        for dump in [&waiting, &dump] {
            assert!(!dump.contains(&secret), "{secret}");
            assert!(
                !dump.contains(&hex(secret.as_bytes())),
                "{secret}, in hexadecimal digits"
            );
        }
    }
    for table in ["one_time_token", "totp_credential", "recovery_code", "mail"] {
        let copied = waiting
            .split_once(&format!("COPY platform_auth.{table} ("))
            .unwrap()
            .1;
        assert!(
            copied.lines().nth(1).is_some_and(|row| row.contains("\\x")),
            "{table} shows what is stored"
        );
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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
async fn the_tables_of_credentials_show_one_tenant_nothing_of_another() {
    let app = App::mailing().await;
    let (ours, theirs) = (app.place().await, app.place().await);
    for place in [&ours, &theirs] {
        let token = app.verified_user(place, "ada@example.com").await;
        Authenticator::set_up(&app, &token).await;
    }
    // And mail that waits.
    for place in [&ours, &theirs] {
        app.user(place, "bob@example.com").await;
    }

    let tables = platform_core::testing::assert_tables_isolated(&app.db, ours.id, theirs.id).await;

    for table in ["one_time_token", "mail", "totp_credential", "recovery_code"] {
        let table = format!("platform_auth.{table}");
        assert!(tables.tried.contains(&table), "{tables:?}");
    }
}

#[tokio::test]
async fn the_self_check_finds_nothing_in_these_tables() {
    let app = App::new().await;

    let allow = AllowList::core()
        .with(platform_crypto::ROOT_KEY_TABLE)
        .with_all(platform_audit::AUDIT_TABLES);
    let report = app.test.db().self_check(&allow).await.unwrap();

    let found: Vec<_> = report
        .refusals()
        .map(|finding| (finding.code, finding.object.as_str()))
        .filter(|(_, object)| object.contains("platform_auth") || object.contains("platform_audit"))
        .collect();
    assert_eq!(found, []);
}
