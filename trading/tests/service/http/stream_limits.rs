//! What ends a stream.

use std::time::Duration;

use futures::SinkExt;
use platform_core::metrics::Metrics;
use platform_core::runtime::{CancellationToken, Outcome, ShutdownConfig};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::{Error, Message};
use trading::http::StreamConfig;

use super::stream::{Client, Served, platform};
use crate::support::World;

const UNSUPPORTED: u16 = 1003;
const BROKEN_OFF: u16 = 1006;
const POLICY: u16 = 1008;
const RESTART: u16 = 1012;

#[tokio::test]
async fn a_binary_message_closes_it() {
    let served = Served::new(StreamConfig::default()).await;
    let mut client = served.connect().await;

    client.0.send(Message::binary(vec![1, 2, 3])).await.unwrap();

    assert_eq!(client.closing().await, UNSUPPORTED);
}

#[tokio::test]
async fn a_flood_of_messages_closes_it() {
    let served = Served::new(StreamConfig::default()).await;
    let mut client = served.connect().await;

    for _ in 0..200 {
        // The server may be gone before the last one.
        if client.0.feed(Message::text(r#"{"type":"ping"}"#)).await.is_err() {
            break;
        }
    }
    let _ = client.0.flush().await;

    assert_eq!(client.closing().await, POLICY);
}

#[tokio::test]
async fn a_message_of_a_megabyte_closes_it() {
    let served = Served::new(StreamConfig::default()).await;
    let mut client = served.connect().await;

    let _ = client.0.send(Message::text("a".repeat(1 << 20))).await;

    assert_eq!(client.closing().await, BROKEN_OFF);
    let mut other = served.connect().await;
    assert_eq!(other.ask(r#"{"type":"ping"}"#).await["type"], "pong");
}

#[tokio::test]
async fn one_more_than_may_be_open_is_answered_503() {
    let mut config = StreamConfig::default();
    config.hub.connections_max = 2;
    let served = Served::new(config).await;
    let (first, mut second) = (served.connect().await, served.connect().await);
    assert_eq!(served.open(), "2");

    let third = Client::try_connect(served.address, "/ws").await;

    let Err(Error::Http(answer)) = third.map(|_| ()) else {
        panic!("the third stream was opened")
    };
    assert_eq!(answer.status().as_u16(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    drop(first);
    // The place is free as soon as the server has noticed.
    while served.open() != "1" {
        assert_eq!(second.ask(r#"{"type":"ping"}"#).await["type"], "pong");
        tokio::task::yield_now().await;
    }
    served.connect().await;
}

#[tokio::test]
async fn a_request_that_is_no_websocket_is_a_problem() {
    let served = Served::new(StreamConfig::default()).await;

    let answer = platform(&served.world, StreamConfig::default(), &Metrics::new());
    let request = axum::http::Request::get("/ws")
        .body(axum::body::Body::empty())
        .unwrap();
    let answer = tower::ServiceExt::oneshot(answer.router(), request)
        .await
        .unwrap();

    assert_eq!(answer.status().as_u16(), 400);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
}

/// Time stands still but for what the test advances; the client does not read, so that no ping is answered.
#[tokio::test]
async fn a_silent_socket_is_closed() {
    let served = Served::new(StreamConfig::default()).await;
    let mut client = served.connect().await;
    tokio::time::pause();

    for _ in 0..3 {
        tokio::time::advance(Duration::from_secs(31)).await;
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
    tokio::time::resume();

    assert_eq!(client.closing().await, POLICY);
}

#[tokio::test]
async fn a_socket_that_answers_pings_stays_open() {
    let served = Served::new(StreamConfig::default()).await;
    let mut client = served.connect().await;

    for _ in 0..5 {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(31)).await;
        tokio::time::resume();
        // Hearing anything means that the ping before it was read, and answered with the next message.
        assert_eq!(client.ask(r#"{"type":"ping"}"#).await["type"], "pong");
    }
}

#[tokio::test]
async fn a_service_that_stops_says_that_it_will_be_back() {
    let world = World::own().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let platform = platform(&world, StreamConfig::default(), &Metrics::new());
    let stop = CancellationToken::new();
    let serving = tokio::spawn(platform.serve(
        listener,
        ShutdownConfig::default(),
        stop.clone().cancelled_owned(),
    ));
    let mut client = Client::connect(address, "/ws").await;

    stop.cancel();

    assert_eq!(client.closing().await, RESTART);
    drop(client);
    assert_eq!(serving.await.unwrap(), Outcome::Clean);
}
