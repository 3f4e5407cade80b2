//! Malformed, oversized and misplaced input to every operation: a problem with a code, never a failure, nothing changed.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::routes::{Operation, is_public, operations};
use crate::support::{Answer, Api, PATIENCE, Server, shared};

const NOBODYS: &str = "01900000-0000-7000-8000-000000000000";

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_to_any_operation_is_refused_with_a_code_and_changes_nothing() {
    let server = shared().await;
    let email = "bad-input@example.com";
    let user = server.api().register("acme", email).await;
    user.quote("AAPL").await;
    let before = belongings(&user).await;

    for operation in operations(&server.api()).await {
        if operation.id == "stream_quotes" || operation.id == "logout" {
            continue;
        }
        // Sign-in and registration are for those who have no token yet.
        let api = match is_public(&operation) {
            true => server.api().tenant("acme"),
            false => user.clone(),
        };
        bad_bodies(&api, &operation).await;
        bad_addresses(&api, &operation).await;
        bad_headers(&server, &api, &operation).await;
    }

    assert_eq!(belongings(&user).await, before);
}

async fn belongings(user: &Api) -> Value {
    json!({
        "orders": user.all("/api/v1/orders").await,
        "account": user.get("/api/v1/account").await.expect(200).json(),
        "positions": user.get("/api/v1/portfolio/positions").await.expect(200).json(),
    })
}

/// A refusal in the form of all refusals.
#[track_caller]
fn refused(answer: &Answer, operation: &Operation, what: &str) -> (u16, String) {
    let (status, code) = answer.verdict();
    assert!(
        (400..500).contains(&status),
        "{what} to {}: {answer:?}",
        operation.id
    );
    (status, code)
}

async fn bad_bodies(api: &Api, operation: &Operation) {
    let path = operation.path_with(NOBODYS);
    let send = async |media_type: &str, body: Vec<u8>| {
        api.raw(operation.method.clone(), &path, Some((media_type, body)))
            .await
    };
    let large = send("application/json", vec![b' '; 100_000]).await;
    assert_eq!(
        refused(&large, operation, "100 KB"),
        (413, "body_too_large".to_owned()),
        "{}",
        operation.id
    );

    let Some(sound) = &operation.body else { return };
    let text = sound.to_string().into_bytes();
    let expectations = [
        (
            "text",
            "text/plain",
            text.clone(),
            (415, "unsupported_media_type"),
        ),
        (
            "a form",
            "application/x-www-form-urlencoded",
            text.clone(),
            (415, "unsupported_media_type"),
        ),
        (
            "half a document",
            "application/json",
            text[..text.len() / 2].to_vec(),
            (400, "malformed_json"),
        ),
        ("nothing", "application/json", Vec::new(), (400, "malformed_json")),
        (
            "no UTF-8",
            "application/json",
            b"{\"\xff\xfe\":1}".to_vec(),
            (400, "malformed_json"),
        ),
        (
            "a list",
            "application/json",
            b"[]".to_vec(),
            (422, "invalid_body"),
        ),
        (
            "a number",
            "application/json",
            b"7".to_vec(),
            (422, "invalid_body"),
        ),
    ];
    for (what, media_type, body, (status, code)) in expectations {
        let answer = send(media_type, body).await;
        assert_eq!(
            refused(&answer, operation, what),
            (status, code.to_owned()),
            "{what} to {}",
            operation.id
        );
    }
    let nested = [vec![b'['; 20_000], vec![b']'; 20_000]].concat();
    refused(&send("application/json", nested).await, operation, "deep nesting");
    let mut unknown = sound.clone();
    unknown["surprise"] = json!(true);
    let answer = send("application/json", unknown.to_string().into_bytes()).await;
    assert_eq!(
        refused(&answer, operation, "an unknown field").0,
        422,
        "{}",
        operation.id
    );
    for field in sound.as_object().unwrap().keys() {
        for wrong in [
            json!(null),
            json!([]),
            json!({}),
            json!(true),
            json!(""),
            json!("\u{0}"),
            json!("x".repeat(5_000)),
        ] {
            let mut body = sound.clone();
            body[field] = wrong.clone();
            let answer = send("application/json", body.to_string().into_bytes()).await;
            // Sign-in answers every address and password alike, and who may not do a thing hears of that first; all else says
            // which field is wrong.
            let allowed: &[u16] = match operation.id.as_str() {
                "login" | "login_second_factor" | "confirm_passkey_login" => &[401, 422, 429],
                // Whoever registers in vain is slowed down in the end.
                "register" => &[422, 429],
                // Who cannot prove who it is hears nothing of the rest.
                "change_password"
                | "enrol_totp"
                | "confirm_totp"
                | "disable_totp"
                | "renew_recovery_codes" => &[403, 409, 422, 429],
                "confirm_passkey" | "confirm_passkey_step_up" | "remove_passkey" | "rename_passkey" => {
                    &[403, 404, 422, 429]
                }
                _ if operation.path.starts_with("/admin/") || operation.path.starts_with("/platform/") => {
                    &[403, 422]
                }
                _ => &[422],
            };
            let (status, _) = refused(&answer, operation, &format!("{field} = {wrong}"));
            assert!(
                allowed.contains(&status),
                "{field} = {wrong} to {}: {answer:?}",
                operation.id
            );
        }
    }
}

async fn bad_addresses(api: &Api, operation: &Operation) {
    let body = operation.body.as_ref();
    if operation.has_parameter_in_path() {
        for value in [
            "x",
            "%00",
            "%FF%FE",
            "..%2F..%2Fetc%2Fpasswd",
            "'%20or%201=1--",
            "%F0%9F%92%A9",
            "-1",
        ] {
            let answer = api
                .call(operation.method.clone(), &operation.path_with(value), body)
                .await;
            refused(&answer, operation, value);
        }
    }
    let path = operation.path_with(NOBODYS);
    for parameter in &operation.query {
        for value in ["%00", "%FF", "-1", "999999999999999999999", "'--", "AAPL%00"] {
            if (operation.id.as_str(), value) == ("cancel_orders", "-1") {
                // A symbol like any other, in which nobody has an order.
                continue;
            }
            let path = format!("{path}?{parameter}={value}");
            let answer = api.call(operation.method.clone(), &path, body).await;
            refused(&answer, operation, &format!("{parameter}={value}"));
        }
    }
    let long = format!("{path}?x={}", "y".repeat(9_000));
    let answer = api.call(operation.method.clone(), &long, body).await;
    assert_eq!(
        refused(&answer, operation, "a long address"),
        (414, "uri_too_long".to_owned())
    );
    // The method of no operation.
    let answer = api.call(Method::TRACE, &path, None).await;
    assert_eq!(refused(&answer, operation, "TRACE").0, 405, "{}", operation.id);
}

async fn bad_headers(server: &Server, api: &Api, operation: &Operation) {
    let path = operation.path_with(NOBODYS);
    let body = operation.body.as_ref();
    for junk in [
        "Bearer",
        "Bearer ",
        "Bearer pst1_x",
        "Bearer a b c",
        "bearer \u{e9}",
    ] {
        let answer = api
            .with("authorization", junk)
            .call(operation.method.clone(), &path, body)
            .await;
        assert_eq!(
            refused(&answer, operation, junk),
            (401, "invalid_token".to_owned()),
            "{}",
            operation.id
        );
    }
    for (name, value) in [
        ("idempotency-key", ""),
        ("idempotency-key", "a b"),
        ("x-idempotency-key", "\u{e9}"),
    ] {
        let answer = api
            .with(name, value)
            .call(operation.method.clone(), &path, body)
            .await;
        let verdict = refused(&answer, operation, name);
        assert_eq!(
            verdict,
            (400, "invalid_idempotency_key".to_owned()),
            "{}",
            operation.id
        );
    }
    let two_keys = api
        .with("idempotency-key", "one")
        .with("x-idempotency-key", "two");
    let answer = two_keys.call(operation.method.clone(), &path, body).await;
    assert_eq!(refused(&answer, operation, "two keys").0, 400, "{}", operation.id);
    for name in ["authorization", "host", "x-tenant", "content-type"] {
        let answer = twice(server, operation, &path, name).await;
        assert!(
            answer.starts_with("HTTP/1.1 400 "),
            "{name} twice to {}: {answer}",
            operation.id
        );
        assert!(answer.contains("application/problem+json"), "{answer}");
    }
}

/// Sends a header twice, which a decent client cannot.
async fn twice(server: &Server, operation: &Operation, path: &str, name: &str) -> String {
    let host = if name == "host" { "" } else { "host: localhost\r\n" };
    let head = format!(
        "{} {path} HTTP/1.1\r\n{host}{name}: acme\r\n{name}: globex\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        operation.method
    );
    raw(server, head.as_bytes()).await
}

/// Says something to the server and hears it out.
async fn raw(server: &Server, said: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(said).await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .unwrap()
        .unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_http_is_answered_or_hung_up_on_and_the_server_lives() {
    let server = shared().await;
    let many_headers: String = (0..500).map(|number| format!("x-h{number}: y\r\n")).collect();
    let nonsense: [Vec<u8>; 5] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"GET /api/v1/quotes HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n".to_vec(),
        b"POST /api/v1/orders HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n0\r\n\r\n".to_vec(),
        format!("GET / HTTP/1.1\r\nhost: x\r\n{many_headers}\r\n").into_bytes(),
    ];

    for said in nonsense {
        let answer = raw(&server, &said).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }

    server.api().get("/livez").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_that_make_no_sense_are_refused_by_name_and_place_nothing() {
    let server = shared().await;
    let user = server.api().register("acme", "nonsense@example.com").await;
    user.quote("AAPL").await;
    let order = |changes: Value| {
        let mut ticket = json!({ "symbol": "AAPL", "side": "buy", "order_type": "market", "quantity": "1" });
        for (name, value) in changes.as_object().unwrap() {
            ticket[name] = value.clone();
        }
        ticket
    };
    let nonsense = [
        (order(json!({ "quantity": "0" })), "quantity"),
        (order(json!({ "quantity": "-1" })), "quantity"),
        (order(json!({ "quantity": "1e400" })), "quantity"),
        (order(json!({ "quantity": "NaN" })), "quantity"),
        (order(json!({ "quantity": "0.0000001" })), "quantity"),
        (order(json!({ "quantity": "100000000" })), "quantity"),
        (order(json!({ "limit_price": "1.00" })), "limit_price"),
        (order(json!({ "order_type": "limit" })), "limit_price"),
        (
            order(json!({ "order_type": "limit", "limit_price": "1.00001" })),
            "limit_price",
        ),
        (order(json!({ "symbol": "NOPE" })), "symbol"),
        (order(json!({ "side": "hold" })), "side"),
        (order(json!({ "time_in_force": "soon" })), "time_in_force"),
        (order(json!({ "client_order_id": "" })), "client_order_id"),
    ];

    for (ticket, field) in nonsense {
        let answer = user.post("/api/v1/orders", &ticket).await;
        assert_eq!(answer.verdict().0, 422, "{ticket}: {answer:?}");
        assert!(answer.text.contains(field), "{ticket}: {answer:?}");
    }

    assert!(user.all("/api/v1/orders").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_nobody_reads_does_not_cost_its_sender_the_answer() {
    let server = shared().await;
    let api = server.api();

    // Over one connection after the other, and over the same again.
    for _ in 0..50 {
        let body = ("application/json", vec![b' '; 60_000]);
        let answer = api.raw(Method::POST, "/api/v1/orders", Some(body)).await;
        assert_eq!(answer.verdict(), (401, "unauthenticated".to_owned()));
        api.get("/api/v1/quotes").await.expect(200);
    }
}
