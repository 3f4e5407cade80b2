//! What is said over the stream.

use serde_json::{Value, json};
use trading::http::StreamConfig;

use super::stream::{Client, Served};

fn symbols(message: &Value) -> Vec<&str> {
    let quotes = message["quotes"].as_array().unwrap();
    quotes
        .iter()
        .map(|quote| quote["symbol"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_subscriber_gets_the_current_quotes_at_once() {
    let served = Served::new(StreamConfig::default()).await;
    served.world.quote("10.00", "10.01", "100");
    served.world.quote_of("IBM", "20.00", "20.01", "100");
    let mut client = served.connect().await;

    let answer = client
        .ask(r#"{"type":"subscribe","symbols":["AAPL","MSFT"]}"#)
        .await;
    let quotes = client.hear().await;

    assert_eq!(
        answer,
        json!({ "type": "subscribed", "symbols": ["AAPL", "MSFT"] })
    );
    assert_eq!(quotes["type"], "quotes");
    assert_eq!(symbols(&quotes), ["AAPL"]);
    assert_eq!(quotes["quotes"][0]["bid"], "10.00");
}

#[tokio::test]
async fn new_quotes_come_as_they_are_published() {
    let served = Served::new(StreamConfig::default()).await;
    served.world.quote("10.00", "10.01", "100");
    let mut client = served.connect().await;
    client.ask(r#"{"type":"subscribe_all"}"#).await;
    assert_eq!(symbols(&client.hear().await), ["AAPL"]);

    served.world.quote_of("IBM", "20.00", "20.01", "100");
    let second = client.hear().await;
    served.world.quote("11.00", "11.01", "100");
    let third = client.hear().await;

    assert_eq!(symbols(&second), ["IBM"]);
    assert_eq!(third["quotes"][0]["bid"], "11.00");
}

/// The server's task does not run while this test publishes, which is what a slow client comes to.
#[tokio::test]
async fn who_comes_late_gets_the_newest_quote_and_not_those_between() {
    let served = Served::new(StreamConfig::default()).await;
    let mut client = served.connect().await;
    client.ask(r#"{"type":"subscribe","symbols":["AAPL"]}"#).await;

    for cents in 10..60 {
        served.world.quote(&format!("10.{cents}"), "11.00", "100");
    }
    let first = client.hear().await;

    assert_eq!(first["quotes"].as_array().unwrap().len(), 1);
    assert_eq!(first["quotes"][0]["bid"], "10.59");
    assert_eq!(client.ask(r#"{"type":"ping"}"#).await, json!({ "type": "pong" }));
}

#[tokio::test]
async fn who_unsubscribes_hears_no_more_of_it() {
    let served = Served::new(StreamConfig::default()).await;
    let mut client = served.connect().await;
    client
        .ask(r#"{"type":"subscribe","symbols":["AAPL","IBM"]}"#)
        .await;

    let left = client.ask(r#"{"type":"unsubscribe","symbols":["AAPL"]}"#).await;
    served.world.quote("10.00", "10.01", "100");
    served.world.quote_of("IBM", "20.00", "20.01", "100");
    let heard = client.hear().await;
    let none = client.ask(r#"{"type":"unsubscribe_all"}"#).await;
    served.world.quote_of("IBM", "20.00", "20.01", "100");
    let pong = client.ask(r#"{"type":"ping"}"#).await;

    assert_eq!(left["symbols"], json!(["IBM"]));
    assert_eq!(symbols(&heard), ["IBM"]);
    assert_eq!(none["symbols"], json!([]));
    assert_eq!(pong["type"], "pong");
}

#[tokio::test]
async fn an_unknown_symbol_subscribes_to_nothing() {
    let served = Served::new(StreamConfig::default()).await;
    let mut client = served.connect().await;
    let many = vec![r#""AAPL""#; 1_001].join(",");

    for symbols in [
        r#""NVDA""#.to_owned(),
        r#""AAPL","NVDA""#.to_owned(),
        r#""aapl""#.to_owned(),
        String::new(),
        many,
    ] {
        let answer = client
            .ask(&format!(r#"{{"type":"subscribe","symbols":[{symbols}]}}"#))
            .await;
        assert_eq!(answer["type"], "error");
        assert_eq!(answer["code"], "unknown_symbol");
    }
    served.world.quote("10.00", "10.01", "100");
    assert_eq!(client.ask(r#"{"type":"ping"}"#).await["type"], "pong");
}

#[tokio::test]
async fn a_message_that_is_none_is_answered_and_the_stream_goes_on() {
    let served = Served::new(StreamConfig::default()).await;
    let mut client = served.connect().await;

    for message in [
        "",
        "nonsense",
        "[]",
        "{}",
        r#"{"type":"shout"}"#,
        r#"{"type":"subscribe"}"#,
        r#"{"type":"subscribe","symbols":"AAPL"}"#,
        r#"{"type":"subscribe","symbols":[1]}"#,
        r#"{"type":"ping","and":"more"}"#,
    ] {
        let answer = client.ask(message).await;
        assert_eq!(answer["type"], "error", "{message}");
        assert_eq!(answer["code"], "malformed_message", "{message}");
    }
    assert_eq!(client.ask(r#"{"type":"ping"}"#).await["type"], "pong");
}

#[tokio::test]
async fn the_stream_is_at_the_root_and_below_the_base() {
    let served = Served::new(StreamConfig::default()).await;

    for path in ["/ws", "/api/v1/ws"] {
        let mut client = Client::connect(served.address, path).await;
        assert_eq!(client.ask(r#"{"type":"ping"}"#).await["type"], "pong");
    }
}
