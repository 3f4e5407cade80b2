//! A request that is no handshake.

use axum::extract::FromRequestParts;
use axum::http::request::Builder;
use axum::http::{Method, Request, StatusCode, Version};
use platform_core::hub::Handshake;

const KEY: &str = "AQIDBAUGBwgJCgsMDQ4PEA==";

/// A handshake but for the header of this name, which has this value instead.
fn request(but: &str, value: Option<&str>) -> Builder {
    let headers = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "WebSocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", KEY),
    ];
    headers
        .into_iter()
        .fold(Request::get("/"), |request, (name, usual)| {
            let value = if name == but { value } else { Some(usual) };
            match value {
                Some(value) => request.header(name, value),
                None => request,
            }
        })
}

/// How it is refused, and that whatever is asked of the request afterwards still finds its headers.
async fn refused(request: Builder) -> (StatusCode, &'static str) {
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    let headers = parts.headers.clone();
    let problem = Handshake::from_request_parts(&mut parts, &()).await.unwrap_err();
    assert_eq!(parts.headers, headers);
    (problem.status(), problem.code())
}

#[tokio::test]
async fn what_opens_no_websocket_of_version_13_is_a_bad_request() {
    let none = "none of them";
    for wrong in [
        request("connection", None),
        request("connection", Some("keep-alive")),
        request("upgrade", None),
        request("upgrade", Some("h2c")),
        request("sec-websocket-version", None),
        request("sec-websocket-version", Some("8")),
        request("sec-websocket-key", None),
        request("sec-websocket-key", Some("short")),
        request("sec-websocket-key", Some(&"A".repeat(10_000))),
        request(none, None).method(Method::POST),
        request(none, None).version(Version::HTTP_10),
    ] {
        let described = format!("{wrong:?}");
        assert_eq!(
            refused(wrong).await,
            (StatusCode::BAD_REQUEST, "bad_request"),
            "{described}"
        );
    }
}

/// Such as one that came over HTTP/2, or through something that answers by itself.
#[tokio::test]
async fn a_connection_that_cannot_become_a_websocket_is_told_so() {
    assert_eq!(
        refused(request("none of them", None)).await,
        (StatusCode::UPGRADE_REQUIRED, "upgrade_required")
    );
}
