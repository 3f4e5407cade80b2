use axum::http::{Method, StatusCode};
use platform_core::axum;
use serde_json::json;

use crate::support::{App, Call, PASSWORD, credentials};

const CREDENTIAL_ROUTES: [&str; 2] = ["/api/v1/auth/register", "/api/v1/auth/login"];

#[tokio::test]
async fn a_body_that_is_not_the_expected_form_is_refused() {
    let app = App::new().await;
    let place = app.place().await;
    let good = credentials("ada@example.com", PASSWORD).to_string();
    let padded = json!({ "email": "ada@example.com", "password": "a".repeat(70_000) }).to_string();
    let deep = "[".repeat(20_000);
    let refused = [
        ("application/json", "", 400, "malformed_json"),
        ("application/json", "{", 400, "malformed_json"),
        (
            "application/json",
            "{\"email\": \"ada@example.com\"} x",
            422,
            "invalid_body",
        ),
        ("application/json", deep.as_str(), 422, "invalid_body"),
        ("application/json", "null", 422, "invalid_body"),
        ("application/json", "[]", 422, "invalid_body"),
        ("application/json", "{}", 422, "invalid_body"),
        (
            "application/json",
            r#"{"email":"ada@example.com"}"#,
            422,
            "invalid_body",
        ),
        (
            "application/json",
            r#"{"password":"correct horse battery"}"#,
            422,
            "invalid_body",
        ),
        (
            "application/json",
            r#"{"email":1,"password":"correct horse battery"}"#,
            422,
            "invalid_body",
        ),
        (
            "application/json",
            r#"{"email":"ada@example.com","password":["a"]}"#,
            422,
            "invalid_body",
        ),
        (
            "application/json",
            r#"{"email":"a@example.com","email":"b@example.com","password":"correct horse"}"#,
            422,
            "invalid_body",
        ),
        (
            "application/json",
            r#"{"email":"a@example.com","password":"correct horse","role":"admin"}"#,
            422,
            "invalid_body",
        ),
        (
            "application/json",
            r#"{"email":"a@example.com","password":"correct horse","first_name":7}"#,
            422,
            "invalid_body",
        ),
        ("application/json", padded.as_str(), 413, "body_too_large"),
        ("text/plain", good.as_str(), 415, "unsupported_media_type"),
        (
            "application/x-www-form-urlencoded",
            "email=ada%40example.com&password=x",
            415,
            "unsupported_media_type",
        ),
    ];

    for path in CREDENTIAL_ROUTES {
        for (content_type, body, status, code) in &refused {
            let answer = app
                .send(Call::post(path).at(&place).raw(content_type, *body))
                .await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (*status, *code),
                "{path} {body:.80}"
            );
            assert!(!answer.text.contains("correct horse"), "{}", answer.text);
        }
        let bytes = app
            .send(
                Call::post(path)
                    .at(&place)
                    .raw("application/json", b"{\"email\":\"\xff\"}".to_vec()),
            )
            .await;
        assert!(bytes.status.is_client_error());
    }
}

#[tokio::test]
async fn a_registration_is_told_everything_that_is_wrong_with_it_at_once() {
    let app = App::new().await;
    let place = app.place().await;
    let body =
        json!({ "email": "ada", "password": "short", "first_name": " ", "last_name": "x".repeat(101) });

    let answer = app
        .send(Call::post("/api/v1/auth/register").at(&place).json(&body))
        .await;

    answer.refused(422, "invalid_body");
    let errors = answer.json()["errors"].clone();
    let named: Vec<_> = errors
        .as_array()
        .unwrap()
        .iter()
        .map(|error| (&error["field"], &error["code"]))
        .collect();
    let expected = [
        ("email", "invalid_email"),
        ("password", "invalid_password"),
        ("first_name", "invalid_name"),
        ("last_name", "invalid_name"),
    ];
    assert_eq!(named.len(), expected.len());
    for ((field, code), (expected_field, expected_code)) in named.into_iter().zip(expected) {
        assert_eq!((field, code), (&json!(expected_field), &json!(expected_code)));
    }
}

#[tokio::test]
async fn fields_of_a_registration_are_bounded() {
    let app = App::new().await;
    let place = app.place().await;
    let refused = [
        json!({ "email": format!("{}@example.com", "a".repeat(255)), "password": PASSWORD }),
        json!({ "email": "ada\u{0}@example.com", "password": PASSWORD }),
        json!({ "email": "ada@example.com", "password": "1234567" }),
        json!({ "email": "ada@example.com", "password": "a".repeat(1025) }),
        json!({ "email": "ada@example.com", "password": PASSWORD, "first_name": "" }),
        json!({ "email": "ada@example.com", "password": PASSWORD, "last_name": "a\u{0}b" }),
    ];

    for body in refused {
        let answer = app
            .send(Call::post("/api/v1/auth/register").at(&place).json(&body))
            .await;
        answer.refused(422, "invalid_body");
    }
    let longest = json!({
        "email": "ada@example.com", "password": format!("correct horse battery {}", "é".repeat(501)), "first_name": "名".repeat(100), "last_name": null,
    });
    let answer = app
        .send(Call::post("/api/v1/auth/register").at(&place).json(&longest))
        .await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
}

#[tokio::test]
async fn a_malformed_credential_is_refused_on_every_route_and_never_passed_over() {
    let app = App::new().await;
    let place = app.place().await;
    let token = app.user(&place, "ada@example.com").await;
    let changed = format!("{}{}", &token[..77], if token.ends_with('A') { "B" } else { "A" });
    let oversized = "a".repeat(7_000);
    let routes = [
        (Method::POST, "/api/v1/auth/register"),
        (Method::POST, "/api/v1/auth/login"),
        (Method::POST, "/api/v1/auth/logout"),
        (Method::GET, "/api/v1/auth/me"),
        (Method::GET, "/admin/v1/users"),
    ];
    let credentials = [
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Bearer  {token}"),
        format!("Bearer {token} {token}"),
        format!("Bearer {changed}"),
        format!("Bearer {}", &token[..40]),
        format!("Bearer {}", token.to_uppercase()),
        format!("Bearer {oversized}"),
        "Bearer null".to_owned(),
        "Bearer eyJhbGciOiJub25lIn0.e30.".to_owned(),
    ];

    for (method, path) in &routes {
        for credential in &credentials {
            let call = Call::new(method.clone(), path)
                .at(&place)
                .header("authorization", credential);
            let body = crate::support::credentials("eve@example.com", PASSWORD);
            app.send(call.json(&body)).await.refused(401, "invalid_token");
        }
        let twice = Call::new(method.clone(), path).bearer(&token).bearer(&token);
        app.send(twice).await.refused(400, "duplicate_header");
    }
    assert_eq!(app.me(&token).await.status, StatusCode::OK);
}

#[tokio::test]
async fn another_scheme_is_no_credential_of_ours() {
    let app = App::new().await;
    let place = app.place().await;
    app.user(&place, "ada@example.com").await;

    let basic = || ("authorization", "Basic YWRhOnB3");
    let me = app
        .send(Call::get("/api/v1/auth/me").header(basic().0, basic().1))
        .await;
    let login = Call::post("/api/v1/auth/login")
        .at(&place)
        .header(basic().0, basic().1);
    let login = app
        .send(login.json(&credentials("ada@example.com", PASSWORD)))
        .await;

    me.refused(401, "unauthenticated");
    assert_eq!(login.status, StatusCode::OK);
}

#[tokio::test]
async fn a_page_of_users_takes_no_limit_or_cursor_of_its_own_making() {
    let app = App::new().await;
    let place = app.place().await;
    let admin = app.admin(&place).await;

    for (query, status) in [
        ("limit=0", 422),
        ("limit=201", 422),
        ("limit=-1", 422),
        ("limit=ten", 422),
        ("cursor=%00", 400),
        ("cursor=MTI", 400),
        ("cursor=IjEi", 400),
        ("limit=1&limit=2", 400),
    ] {
        let answer = app
            .send(Call::get(&format!("/admin/v1/users?{query}")).bearer(&admin))
            .await;
        assert_eq!(answer.status.as_u16(), status, "{query}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_route_has_the_methods_it_says_and_no_other() {
    let app = App::new().await;

    for (method, path) in [
        (Method::GET, "/api/v1/auth/login"),
        (Method::PUT, "/api/v1/auth/register"),
        (Method::GET, "/api/v1/auth/logout"),
        (Method::POST, "/api/v1/auth/me"),
        (Method::PUT, "/admin/v1/users"),
    ] {
        app.send(Call::new(method, path))
            .await
            .refused(405, "method_not_allowed");
    }
}
