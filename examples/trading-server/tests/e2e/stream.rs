//! The WebSocket with the quotes.

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::support::{PATIENCE, Socket, hear, shared};

#[tokio::test(flavor = "multi_thread")]
async fn quotes_stream_over_a_websocket() {
    let server = shared().await;

    for path in ["/ws", "/api/v1/ws"] {
        let (mut socket, _) = connect_async(format!("ws://{}{path}", server.address()))
            .await
            .unwrap();
        let ask = json!({ "type": "subscribe", "symbols": ["AAPL", "TSLA"] });
        socket.send(Message::text(ask.to_string())).await.unwrap();
        let mut batches = 0;
        while batches < 3 {
            let message = timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap();
            let Message::Text(text) = message else { continue };
            let message: Value = serde_json::from_str(&text).unwrap();
            if message["type"] == "quotes" {
                batches += 1;
                for quote in message["quotes"].as_array().unwrap() {
                    let symbol = quote["symbol"].as_str().unwrap();
                    assert!(["AAPL", "TSLA"].contains(&symbol), "{quote}");
                }
            }
        }
        socket.close(None).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_messages_on_the_stream_are_complained_about_or_end_it() {
    let server = shared().await;
    let open = async || {
        connect_async(format!("ws://{}/ws", server.address()))
            .await
            .unwrap()
            .0
    };

    let mut socket = open().await;
    for (said, code) in [
        ("{", "malformed_message"),
        ("[]", "malformed_message"),
        (r#"{"type":"order"}"#, "malformed_message"),
        (r#"{"type":"ping","extra":1}"#, "malformed_message"),
        (r#"{"type":"subscribe","symbols":[]}"#, "unknown_symbol"),
        (
            r#"{"type":"subscribe","symbols":["AAPL","NOPE"]}"#,
            "unknown_symbol",
        ),
    ] {
        socket.send(Message::text(said)).await.unwrap();
        let complaint = hear(&mut socket, "error").await;
        assert_eq!(complaint["code"], code, "{said}");
    }
    socket.send(Message::text(r#"{"type":"ping"}"#)).await.unwrap();
    hear(&mut socket, "pong").await;

    let mut socket = open().await;
    socket.send(Message::binary(vec![0; 10])).await.unwrap();
    assert_eq!(end_of(&mut socket).await, Some(CloseCode::Unsupported));
    let mut socket = open().await;
    for _ in 0..100 {
        // The server may have hung up already.
        let _ = socket.send(Message::text(r#"{"type":"ping"}"#)).await;
    }
    assert_eq!(end_of(&mut socket).await, Some(CloseCode::Policy));
    let mut socket = open().await;
    let _ = socket.send(Message::text("x".repeat(100_000))).await;
    end_of(&mut socket).await;

    server.api().get("/livez").await.expect(200);
}

/// Waits for the end, and tells the server's reason if it gave one.
async fn end_of(socket: &mut Socket) -> Option<CloseCode> {
    loop {
        match timeout(PATIENCE, socket.next()).await.unwrap() {
            Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return None,
        }
    }
}
