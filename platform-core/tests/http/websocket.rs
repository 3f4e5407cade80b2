//! A WebSocket through the stack, over a real connection.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use platform_core::http::{HttpConfig, Meta, WebSocketLimits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::support::{App, app};

fn service() -> App {
    let echo = async |Meta(_): Meta, upgrade: WebSocketUpgrade| -> Response {
        WebSocketLimits::default()
            .on(upgrade)
            .on_upgrade(async |mut socket| {
                while let Some(Ok(message)) = socket.recv().await {
                    let _ = socket.send(message).await;
                }
            })
    };
    let source = async |Meta(meta): Meta| meta.source_address.map(|ip| ip.to_string()).unwrap_or_default();
    let routes = Router::new()
        .route("/ws", get(echo))
        .route("/source", get(source));
    app(HttpConfig::default(), routes)
}

async fn served() -> (TcpStream, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = service()
        .router
        .into_make_service_with_connect_info::<SocketAddr>();
    let server = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    (TcpStream::connect(address).await.unwrap(), server)
}

/// Reads an answer's head, up to the empty line.
async fn head(connection: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

#[tokio::test]
async fn a_websocket_outlives_the_deadline_of_its_request() {
    let (mut connection, server) = served().await;
    let upgrade = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\nAccept-Encoding: gzip\r\n\r\n";
    connection.write_all(upgrade.as_bytes()).await.unwrap();
    let head = head(&mut connection).await;

    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(3_600)).await;
    // A text frame with a mask of zeros: 129, 128 + length, mask, text.
    connection
        .write_all(&[129, 130, 0, 0, 0, 0, b'h', b'i'])
        .await
        .unwrap();
    let mut echo = [0; 4];
    connection.read_exact(&mut echo).await.unwrap();

    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert_eq!(&echo, &[129, 2, b'h', b'i']);
    server.abort();
}

#[tokio::test]
async fn a_plain_request_for_a_websocket_is_a_problem() {
    let answer = service().get("/ws").await;

    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.code(), "bad_request");
}

#[tokio::test]
async fn the_source_of_a_connection_is_known() {
    let (mut connection, server) = served().await;
    let request = "GET /source HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    connection.write_all(request.as_bytes()).await.unwrap();

    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();

    assert!(answer.ends_with("127.0.0.1"), "{answer}");
    server.abort();
}
