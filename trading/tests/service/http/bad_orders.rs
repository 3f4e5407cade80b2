//! What can be wrong with the body of an order. Every case leaves nothing behind.

use axum::body::Body;
use axum::http::{Method, Request, header};

use super::app::{App, request};

/// The order with one field replaced, or added.
fn with(field: &str, value: &str) -> String {
    let fields = [
        ("symbol", r#""AAPL""#),
        ("side", r#""buy""#),
        ("order_type", r#""limit""#),
        ("quantity", r#""1""#),
        ("limit_price", r#""9.00""#),
    ];
    let mut parts: Vec<String> = fields
        .iter()
        .filter(|(name, _)| *name != field)
        .map(|(name, value)| format!(r#""{name}": {value}"#))
        .collect();
    if !value.is_empty() {
        parts.push(format!(r#""{field}": {value}"#));
    }
    format!("{{ {} }}", parts.join(", "))
}

/// A field, a value for it, the problem's code, and what it says of the field.
const FIELDS: [(&str, &str, &str, &str); 47] = [
    ("quantity", "", "missing_field", "quantity missing_field"),
    ("quantity", "null", "missing_field", "quantity missing_field"),
    (
        "quantity",
        r#""""#,
        "malformed_number",
        "quantity malformed_number",
    ),
    (
        "quantity",
        r#""1.1234567""#,
        "too_many_decimals",
        "quantity too_many_decimals",
    ),
    (
        "quantity",
        "1.1234567",
        "too_many_decimals",
        "quantity too_many_decimals",
    ),
    (
        "quantity",
        "1.0000000",
        "too_many_decimals",
        "quantity too_many_decimals",
    ),
    ("quantity", "1e3", "malformed_number", "quantity malformed_number"),
    (
        "quantity",
        r#""1e3""#,
        "malformed_number",
        "quantity malformed_number",
    ),
    (
        "quantity",
        "1E400",
        "malformed_number",
        "quantity malformed_number",
    ),
    (
        "quantity",
        r#""NaN""#,
        "malformed_number",
        "quantity malformed_number",
    ),
    (
        "quantity",
        r#""Infinity""#,
        "malformed_number",
        "quantity malformed_number",
    ),
    (
        "quantity",
        r#""0x10""#,
        "malformed_number",
        "quantity malformed_number",
    ),
    (
        "quantity",
        r#""1,000""#,
        "malformed_number",
        "quantity malformed_number",
    ),
    (
        "quantity",
        r#"" 1""#,
        "malformed_number",
        "quantity malformed_number",
    ),
    (
        "quantity",
        r#""+1""#,
        "malformed_number",
        "quantity malformed_number",
    ),
    (
        "quantity",
        r#""١""#,
        "malformed_number",
        "quantity malformed_number",
    ),
    ("quantity", "0", "out_of_range", "quantity out_of_range"),
    ("quantity", "-0", "out_of_range", "quantity out_of_range"),
    ("quantity", "-1", "out_of_range", "quantity out_of_range"),
    ("quantity", "100000000", "out_of_range", "quantity out_of_range"),
    ("quantity", "true", "invalid_body", "quantity invalid_type"),
    ("quantity", "[1]", "invalid_body", "quantity invalid_type"),
    ("quantity", "{}", "invalid_body", "quantity invalid_type"),
    ("limit_price", "", "missing_field", "limit_price missing_field"),
    (
        "limit_price",
        r#""9.00001""#,
        "too_many_decimals",
        "limit_price too_many_decimals",
    ),
    ("limit_price", "0", "out_of_range", "limit_price out_of_range"),
    ("limit_price", "-9", "out_of_range", "limit_price out_of_range"),
    (
        "limit_price",
        "10000000000",
        "out_of_range",
        "limit_price out_of_range",
    ),
    (
        "stop_price",
        "8.00",
        "unexpected_field",
        "stop_price unexpected_field",
    ),
    (
        "order_type",
        r#""market""#,
        "unexpected_field",
        "limit_price unexpected_field",
    ),
    (
        "order_type",
        r#""stop""#,
        "unexpected_field",
        "limit_price unexpected_field",
    ),
    (
        "order_type",
        r#""stop_limit""#,
        "missing_field",
        "stop_price missing_field",
    ),
    (
        "order_type",
        r#""iceberg""#,
        "unknown_value",
        "order_type unknown_value",
    ),
    (
        "order_type",
        r#""LIMIT""#,
        "unknown_value",
        "order_type unknown_value",
    ),
    ("side", "", "missing_field", "side missing_field"),
    ("side", r#""hold""#, "unknown_value", "side unknown_value"),
    ("symbol", "", "missing_field", "symbol missing_field"),
    (
        "symbol",
        r#""aapl""#,
        "malformed_symbol",
        "symbol malformed_symbol",
    ),
    (
        "symbol",
        r#""'; drop table""#,
        "malformed_symbol",
        "symbol malformed_symbol",
    ),
    (
        "symbol",
        r#""ABCDEFGHIJKLM""#,
        "malformed_symbol",
        "symbol malformed_symbol",
    ),
    ("symbol", r#""NVDA""#, "invalid_order", "symbol unknown_symbol"),
    ("symbol", "5", "invalid_body", "symbol invalid_type"),
    (
        "time_in_force",
        r#""gtd""#,
        "unknown_value",
        "time_in_force unknown_value",
    ),
    (
        "client_order_id",
        r#""""#,
        "invalid_body",
        "client_order_id invalid",
    ),
    (
        "client_order_id",
        r#""two words""#,
        "invalid_body",
        "client_order_id invalid",
    ),
    (
        "client_order_id",
        r#""a\u0000b""#,
        "invalid_body",
        "client_order_id invalid",
    ),
    ("limitprice", "9.00", "invalid_body", "limitprice unknown_field"),
];

#[tokio::test]
async fn each_wrong_field_is_named() {
    let app = App::new().await;
    app.world.quote("10.00", "10.01", "100");
    let mut wrong = Vec::new();

    for (field, value, code, said) in FIELDS {
        let answer = app.order("alice", "key", &with(field, value)).await;
        let found = (answer.problem(), answer.fields());
        let expected = (422, code.to_owned());
        if found.0 != expected || !found.1.iter().any(|field| field == said) {
            wrong.push(format!("{field} = {value}: {found:?}"));
        }
    }

    assert!(wrong.is_empty(), "{wrong:#?}");
    nothing_is_stored(&app).await;
}

/// A body, and the status and code it is refused with.
const BODIES: [(&[u8], u16, &str); 12] = [
    (br#"["AAPL", "buy", "market", "1"]"#, 422, "invalid_body"),
    (b"", 400, "malformed_json"),
    (b"{", 400, "malformed_json"),
    (b"nonsense", 400, "malformed_json"),
    (b"{} {}", 400, "malformed_json"),
    (br#"{"quantity": NaN}"#, 400, "malformed_json"),
    (br#"{"quantity": 01}"#, 400, "malformed_json"),
    (b"{\"symbol\": \"\xff\"}", 400, "malformed_json"),
    (b"null", 422, "invalid_body"),
    (br#""an order""#, 422, "invalid_body"),
    (br#"{"quantity": 1, "quantity": 2}"#, 422, "invalid_body"),
    (b"{}", 422, "invalid_order"),
];

#[tokio::test]
async fn a_body_that_is_no_order_is_refused() {
    let app = App::new().await;
    let mut wrong = Vec::new();

    for (body, status, code) in BODIES {
        let post = request(Method::POST, "alice", "/api/v1/orders", &[], Some(body.to_vec()));
        let found = app.send(post).await.problem();
        if found != (status, code.to_owned()) {
            wrong.push(format!("{}: {found:?}", String::from_utf8_lossy(body)));
        }
    }

    assert!(wrong.is_empty(), "{wrong:#?}");
    nothing_is_stored(&app).await;
}

#[tokio::test]
async fn every_problem_of_an_order_is_told_at_once() {
    let app = App::new().await;

    let answer = app
        .order(
            "alice",
            "",
            r#"{ "side": "hold", "order_type": "limit", "quantity": "1.0000001" }"#,
        )
        .await;

    assert_eq!(answer.problem(), (422, "invalid_order".to_owned()));
    assert_eq!(
        answer.fields(),
        [
            "symbol missing_field",
            "side unknown_value",
            "quantity too_many_decimals",
            "limit_price missing_field",
        ]
    );
}

#[tokio::test]
async fn a_body_that_is_too_large_or_not_json_is_refused() {
    let app = App::new().await;
    let large = format!(r#"{{"symbol": "{}"}}"#, "A".repeat(70_000));
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));

    let too_large = app.order("alice", "", &large).await;
    let too_deep = app
        .order("alice", "", &format!(r#"{{"quantity": {deep}}}"#))
        .await;
    let form = Request::post("/api/v1/orders")
        .header(header::AUTHORIZATION, "Bearer alice")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from("symbol=AAPL"));
    let form = app.send(form.unwrap()).await;
    let bare = app
        .send(request(Method::POST, "alice", "/api/v1/orders", &[], None))
        .await;

    assert_eq!(too_large.problem(), (413, "body_too_large".to_owned()));
    assert!(too_deep.status.is_client_error());
    assert_eq!(form.problem(), (415, "unsupported_media_type".to_owned()));
    assert_eq!(bare.problem(), (415, "unsupported_media_type".to_owned()));
    nothing_is_stored(&app).await;
}

#[tokio::test]
async fn an_order_that_this_market_does_not_take_is_refused() {
    let app = App::new().await;
    app.world.quote("10.00", "10.01", "100");

    let stop = r#"{"symbol":"AAPL","side":"buy","order_type":"stop","quantity":"1","stop_price":"10.00"}"#;
    let stop = app.order("alice", "", stop).await;
    let large =
        r#"{"symbol":"AAPL","side":"buy","order_type":"limit","quantity":"99999999","limit_price":"11"}"#;
    let large = app.order("alice", "", large).await;

    assert_eq!(stop.problem(), (422, "stop_through_market".to_owned()));
    assert_eq!(large.problem(), (422, "notional_too_large".to_owned()));
    nothing_is_stored(&app).await;
}

async fn nothing_is_stored(app: &App) {
    for table in ["trading.account", "trading.orders", "trading.idempotency"] {
        assert_eq!(app.world.count(table).await, 0, "{table}");
    }
}
