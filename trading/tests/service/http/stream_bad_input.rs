//! Whatever a client sends, it is answered with a code that stays the same or its stream ends, and nobody else notices.

use futures::SinkExt;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Message;
use trading::http::StreamConfig;

use super::stream::{Client, Served};

const BROKEN_OFF: u16 = 1006;
const POLICY: u16 = 1008;
const SIZE: u16 = 1009;

/// Clients may say as much as they can.
async fn patient() -> Served {
    let mut config = StreamConfig::default();
    config.hub.messages_per_second = u32::MAX;
    Served::new(config).await
}

async fn subscribe(client: &mut Client, count: usize) {
    let symbols = vec!["AAPL"; count];
    let message = json!({ "type": "subscribe", "symbols": symbols }).to_string();
    // The server may hang up before it is all sent.
    let _ = client.0.send(Message::text(message)).await;
}

async fn goes_on(client: &mut Client) {
    assert_eq!(client.ask(r#"{"type":"ping"}"#).await["type"], "pong");
}

#[tokio::test]
async fn ten_thousand_subscriptions_in_one_message_close_it() {
    let served = patient().await;
    let mut other = served.connect().await;
    let (mut large, mut larger) = (served.connect().await, served.connect().await);

    subscribe(&mut large, 3_000).await;
    subscribe(&mut larger, 10_000).await;

    assert_eq!(large.closing().await, SIZE);
    assert_eq!(larger.closing().await, BROKEN_OFF);
    goes_on(&mut other).await;
}

#[tokio::test]
async fn ten_thousand_subscriptions_in_many_messages_leave_one_of_each_symbol() {
    let served = patient().await;
    let mut client = served.connect().await;
    let names = ["AAPL", "IBM"];

    for round in 0..10_000 {
        let ask = json!({ "type": "subscribe", "symbols": [names[round % 2]] }).to_string();
        let answer = client.ask(&ask).await;
        let subscribed = if round == 0 { &names[..1] } else { &names };
        assert_eq!(answer["symbols"], json!(subscribed));
    }
    served.world.quote("10.00", "10.01", "100");
    let quotes = client.hear().await;

    assert_eq!(quotes["quotes"].as_array().unwrap().len(), 1, "{quotes}");
    goes_on(&mut client).await;
}

#[tokio::test]
async fn what_is_no_message_is_answered_with_one_code() {
    let served = patient().await;
    let mut client = served.connect().await;
    let deep = format!("{}{}", "[".repeat(8_000), "]".repeat(8_000));
    let deep_inside = format!(
        r#"{{"type":"subscribe","symbols":{}{}}}"#,
        "[".repeat(5_000),
        "]".repeat(5_000)
    );

    for message in [
        deep.as_str(),
        deep_inside.as_str(),
        "null",
        "0",
        "\"ping\"",
        "{\"type\":null}",
        "{\"type\":7}",
        "{\"type\":[\"ping\"]}",
        "{\"type\":\"PING\"}",
        "{\"type\":\"ping\",\"type\":\"ping\"}",
        "{\"type\":\"ping\"} {}",
        "{\"type\":\"ping\",\"id\":1}",
        "{\"type\":\"subscribe\",\"symbols\":{}}",
        "{\"type\":\"subscribe\",\"symbols\":[null]}",
        "{\"type\":\"subscribe\",\"symbols\":[[\"AAPL\"]]}",
        "{\"type\":\"subscribe\",\"symbols\":[\"AAPL\"],\"symbols\":[]}",
        "{\"type\":\"subscribe\",\"symbols\":[\"\\ud800\"]}",
        "{\"type\":\"resume\"}",
        "{\"type\":\"resume\",\"seq\":-1}",
        "{\"type\":\"resume\",\"seq\":1.5}",
        "{\"type\":\"resume\",\"seq\":1e400}",
        "{\"type\":\"resume\",\"seq\":\"1\"}",
        "{\"type\":\"resume\",\"seq\":18446744073709551616}",
        "{\"type\":\"auth\",\"token\":5}",
        "{\"type\":\"auth\",\"token\":{\"a\":1}}",
        "{\"type\":\"auth\",\"password\":\"x\"}",
        "\u{feff}{\"type\":\"ping\"}",
    ] {
        let answer = client.ask(message).await;
        let shown: String = message.chars().take(60).collect();
        assert_eq!(answer["type"], "error", "{shown}");
        assert_eq!(answer["code"], "malformed_message", "{shown}");
    }
    goes_on(&mut client).await;
}

#[tokio::test]
async fn symbols_that_cannot_be_are_all_unknown_and_none_of_them_is_repeated() {
    let served = patient().await;
    let mut client = served.connect().await;

    for symbol in [
        "",
        " ",
        "AAPL\u{0}",
        "'; drop table",
        "\u{202e}",
        &"A".repeat(8_000),
    ] {
        let ask = json!({ "type": "subscribe", "symbols": [symbol] }).to_string();
        let answer = client.ask(&ask).await;
        assert_eq!(answer["code"], "unknown_symbol", "{symbol}");
        assert!(symbol.trim().is_empty() || !answer.to_string().contains(symbol));
    }
    goes_on(&mut client).await;
}

#[tokio::test]
async fn a_flood_of_pings_closes_it() {
    let served = Served::new(StreamConfig::default()).await;
    let (mut flooding, mut answering) = (served.connect().await, served.connect().await);
    let mut other = served.connect().await;

    for number in 0..200_u8 {
        // It may be closed before the last one.
        let _ = flooding.0.feed(Message::Ping(vec![number; 100].into())).await;
        let _ = answering.0.feed(Message::Pong(vec![number; 100].into())).await;
    }
    let _ = flooding.0.flush().await;
    let _ = answering.0.flush().await;

    assert_eq!(flooding.closing().await, POLICY);
    assert_eq!(answering.closing().await, POLICY);
    goes_on(&mut other).await;
}

/// A frame as a client sends it, under the mask of zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![first, 0x80 | 126];
    frame.extend(length);
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

#[tokio::test]
async fn frames_that_break_the_protocol_break_the_stream_off() {
    const TEXT: u8 = 0x81;
    const BEGINS: u8 = 0x01;
    const GOES_ON: u8 = 0x00;
    let served = patient().await;
    let mut other = served.connect().await;
    let mut endless = frame(BEGINS, &[b'a'; 1_000]);
    for _ in 0..100 {
        endless.extend(frame(GOES_ON, &[b'a'; 1_000]));
    }

    for (what, bytes) in [
        ("text that is no UTF-8", frame(TEXT, &[0xff, 0xfe])),
        ("an opcode that there is not", frame(0x83, b"x")),
        ("reserved bits", frame(0xf1, b"x")),
        ("a continuation of nothing", frame(0x80, b"x")),
        ("a ping that is too long", frame(0x89, &[0; 126])),
        ("a ping in pieces", frame(0x09, b"x")),
        ("no mask", vec![TEXT, 1, b'x']),
        (
            "a length of 2^62",
            [&[TEXT, 0x80 | 127, 0x40][..], &[0; 7], &[0; 4]].concat(),
        ),
        ("a message that never ends", endless),
    ] {
        let mut client = served.connect().await;
        // The server may hang up before it is all sent.
        let _ = client.0.get_mut().write_all(&bytes).await;
        assert_eq!(client.closing().await, BROKEN_OFF, "{what}");
        goes_on(&mut other).await;
    }
    while served.open() != "1" {
        goes_on(&mut other).await;
    }
}
