//! A client that does not take what it is sent.

use std::sync::Arc;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use platform_core::hub::HubConfig;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Log, PATIENCE, Service, public, topic_of};

const AGAIN: u16 = 1013;

fn patient() -> HubConfig {
    HubConfig {
        farewell_max: PATIENCE,
        send_timeout: PATIENCE,
        ..public()
    }
}

async fn overflow(config: HubConfig, text: impl Fn(u64) -> String) -> u64 {
    let log = Arc::new(Log::default());
    let service = Service::with(config, |builder| builder.history(log.clone()));
    let mut client = service.try_connect(None, 1_024).await.unwrap();
    let topic = topic_of("orders");
    assert_eq!(client.ask("follow orders 0").await, "ok");

    let (seq, frame) = log.keep(&topic, &text);
    service.hub.publish(&topic, seq, &frame).await.unwrap();
    assert_eq!(client.hear().await, text(1));

    // Nobody reads any more: the pipe fills, then the buffer, then the queue.
    let mut published = 1;
    while service.metric("websocket_connections_closed_total{reason=\"too_slow\"}") != Some(1) {
        let (seq, frame) = log.keep(&topic, &text);
        service.hub.publish(&topic, seq, &frame).await.unwrap();
        published = seq;
        tokio::task::yield_now().await;
        assert!(published < 100_000, "it is not closed");
    }

    let mut seen = 1;
    let close = loop {
        match client.next().await {
            Ok(event) => {
                seen += 1;
                assert_eq!(event, text(seen));
            }
            Err(close) => break close.unwrap(),
        }
    };
    assert_eq!(
        (u16::from(close.code), close.reason.as_str()),
        (AGAIN, "too_slow")
    );
    assert!(seen < published, "nothing was left out");

    // It resumes, and lacks nothing.
    let mut client = service.connect().await;
    assert_eq!(client.ask(format!("follow orders {seen}")).await, "ok");
    for seq in seen + 1..=published {
        assert_eq!(client.hear().await, text(seq));
    }
    published - seen
}

#[tokio::test]
async fn more_messages_than_may_wait_close_it_with_a_reason_and_it_resumes() {
    let left_out = overflow(patient(), |seq| seq.to_string()).await;

    // What waited when it was closed is not sent; it never is more than the queue takes.
    assert!(left_out >= 1, "{left_out}");
}

#[tokio::test]
async fn more_bytes_than_may_wait_close_it_with_a_reason_and_it_resumes() {
    let large = |seq: u64| format!("{seq} {}", "x".repeat(10_000));

    let left_out = overflow(patient(), large).await;

    // Fewer than the 64 messages that may wait: 256 KiB are 26 of these.
    assert!(left_out < 64, "{left_out}");
}

/// Time stands still but for what the test advances.
#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_is_left_after_its_time() {
    let service = Service::new(public());
    let mut client = service.try_connect(None, 1_024).await.unwrap();
    assert_eq!(client.ask("watch-all").await, "ok");
    assert_eq!(service.hub.connections(), 1);

    for value in 0..100 {
        service
            .quotes
            .publish([("A", format!("{value} {}", "x".repeat(10_000)))]);
        tokio::task::yield_now().await;
    }
    // 10 s to send and 2 s to say goodbye.
    tokio::time::sleep(Duration::from_secs(13)).await;

    assert_eq!(service.hub.connections(), 0);
    assert_eq!(
        service.metric("websocket_connections_closed_total{reason=\"too_slow\"}"),
        Some(1)
    );
}

#[tokio::test]
async fn a_slow_client_delays_nobody() {
    // No ping has it look again.
    let service = Service::new(HubConfig {
        ping_every: PATIENCE * 10,
        silence_max: PATIENCE * 20,
        ..public()
    });
    let mut slow = service.try_connect(None, 1_024).await.unwrap();
    let mut quick = service.connect().await;
    for client in [&mut slow, &mut quick] {
        assert_eq!(client.ask("watch-all").await, "ok");
    }

    for value in 0..200 {
        let text = format!("{value} {}", "x".repeat(1_000));
        service.quotes.publish([("A", text.clone())]);
        assert_eq!(quick.hear().await, format!("[{text}]"));
    }

    // The slow one catches up at once: with the newest, after what had been written already.
    while !slow.hear().await.starts_with("[199 ") {}
}

/// What is for this client alone goes between frames that the pipe takes in many parts.
#[tokio::test]
async fn pings_are_answered_between_whole_events_however_narrow_the_pipe() {
    let config = HubConfig {
        messages_per_second: 10_000,
        queue_messages_max: 1_000,
        queue_bytes_max: 10 << 20,
        ..patient()
    };
    let log = Arc::new(Log::default());
    let service = Service::with(config, |builder| builder.history(log.clone()));
    let topic = topic_of("orders");
    let text = |seq: u64| format!("{seq} {}", "x".repeat(usize::try_from(seq * 37 % 3_000).unwrap()));
    let mut client = service.try_connect(None, 100).await.unwrap();
    assert_eq!(client.ask("follow orders 0").await, "ok");
    let (mut says, mut hears) = client.0.split();

    let pinging = tokio::spawn(async move {
        for number in 1_u8..=100 {
            says.send(Message::Ping(vec![number; 20].into())).await.unwrap();
        }
    });
    let publishing = async {
        for _ in 0..200 {
            let (seq, frame) = log.keep(&topic, text);
            service.hub.publish(&topic, seq, &frame).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let hearing = async {
        let (mut seen, mut answered) = (0, 0);
        while seen < 200 || answered < 100 {
            match hears.next().await.unwrap().unwrap() {
                Message::Text(event) => {
                    seen += 1;
                    assert_eq!(event.as_str(), text(seen));
                }
                Message::Pong(number) => {
                    assert!(number[0] > answered && *number == vec![number[0]; 20]);
                    answered = number[0];
                }
                other => panic!("{other:?}"),
            }
        }
    };
    timeout(PATIENCE, async { tokio::join!(publishing, hearing) })
        .await
        .unwrap();
    pinging.await.unwrap();
}
