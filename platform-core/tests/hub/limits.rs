//! Whatever a client does, it stays within its bounds.

use std::time::Duration;

use futures::SinkExt;
use platform_core::hub::{Access, Frame, HubConfig};
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::support::{Client, Service, identity, identity_of, public, topic_of};

const UNSUPPORTED: u16 = 1003;
const POLICY: u16 = 1008;
const SIZE: u16 = 1009;
const INTERNAL: u16 = 1011;
const AGAIN: u16 = 1013;

pub(crate) fn status(connected: Result<Client, Error>) -> (u16, String) {
    match connected.map(drop) {
        Err(Error::Http(answer)) => {
            let body = answer.body().clone().unwrap_or_default();
            let problem: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
            (
                answer.status().as_u16(),
                problem["code"].as_str().unwrap_or_default().to_owned(),
            )
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn ten_thousand_subscriptions_leave_it_at_as_many_as_it_may_have() {
    let service = Service::new(HubConfig {
        queue_messages_max: 20_000,
        ..public()
    });
    let mut client = service.connect().await;
    let mut refused = 0;

    assert_eq!(client.ask("watch-all").await, "ok");
    for number in 0..10_000 {
        match client.ask(format!("follow topic-{number} now")).await.as_str() {
            "ok" => {}
            "too_many_subscriptions" => refused += 1,
            other => panic!("{other}"),
        }
    }

    // Three keys of the board are among the 1,000.
    assert_eq!(refused, 10_000 - 997);
    assert_eq!(client.ask("unfollow topic-3").await, "ok");
    assert_eq!(client.ask("follow topic-9999 now").await, "ok");
    assert_eq!(
        client.ask("follow topic-9998 now").await,
        "too_many_subscriptions"
    );
    assert_eq!(client.ask("unwatch A").await, "ok");
    assert_eq!(client.ask("follow topic-9998 now").await, "ok");
    assert_eq!(client.ask("watch A").await, "too_many_subscriptions");
}

#[tokio::test]
async fn a_message_that_is_too_large_closes_it() {
    let service = Service::new(public());
    let (mut allowed, mut larger) = (service.connect().await, service.connect().await);

    assert_eq!(
        allowed
            .ask(format!("say {}", "x".repeat(4 * 1024 - 4)))
            .await
            .len(),
        4 * 1024 - 4
    );
    larger.say(format!("say {}", "x".repeat(4 * 1024 - 3))).await;

    assert_eq!(larger.closing().await, (SIZE, "message_too_large".to_owned()));
}

#[tokio::test]
async fn a_message_of_a_megabyte_is_not_read() {
    let service = Service::new(public());
    let mut client = service.connect().await;

    // The service hangs up before it is all sent.
    let _ = client.0.send(Message::text("x".repeat(1 << 20))).await;
    while client.next().await.is_ok() {}

    service.until(|service| service.hub.connections() == 0).await;
    assert_eq!(service.connect().await.ask("say hi").await, "hi");
}

#[tokio::test]
async fn a_message_that_is_no_text_closes_it() {
    let service = Service::new(public());
    let mut client = service.connect().await;

    client.0.send(Message::binary(vec![1, 2, 3])).await.unwrap();

    assert_eq!(client.closing().await, (UNSUPPORTED, "not_text".to_owned()));
}

#[tokio::test]
async fn more_messages_than_a_second_takes_close_it() {
    let service = Service::new(HubConfig {
        messages_per_second: 20,
        ..public()
    });
    let mut client = service.connect().await;

    for number in 0..100 {
        // It may be closed before the last one.
        if client.0.feed(Message::Ping(vec![number].into())).await.is_err() {
            break;
        }
    }
    let _ = client.0.flush().await;

    assert_eq!(client.closing().await, (POLICY, "too_many_messages".to_owned()));
}

/// Time stands still but for what the test advances.
#[tokio::test(start_paused = true)]
async fn a_protocol_that_does_not_return_ends_its_connection_alone() {
    let service = Service::new(public());
    let (mut stuck, mut other) = (service.connect().await, service.connect().await);

    stuck.say("hang").await;

    assert_eq!(stuck.closing().await, (INTERNAL, "internal".to_owned()));
    assert_eq!(other.ask("say hi").await, "hi");
}

#[tokio::test]
async fn one_connection_more_than_may_be_open_is_answered_503() {
    let service = Service::new(HubConfig {
        connections_max: 2,
        ..public()
    });
    let (first, mut second) = (service.connect().await, service.connect().await);
    assert_eq!(second.ask("say hi").await, "hi");
    service.until(|service| service.hub.connections() == 2).await;

    let refused = status(service.try_connect(None, 1_024).await);
    drop(first);
    service.until(|service| service.hub.connections() == 1).await;
    let mut third = service.connect().await;

    assert_eq!(refused, (503, "too_many_streams".to_owned()));
    assert_eq!(third.ask("say hi").await, "hi");
}

#[tokio::test]
async fn a_handshake_that_never_ends_keeps_no_place() {
    let service = Service::new(HubConfig {
        connections_max: 1,
        ..public()
    });

    for _ in 0..10 {
        // A pipe too small for the answer, and a client that leaves.
        let connecting = service.try_connect(None, 16);
        let _ = tokio::time::timeout(Duration::from_millis(10), connecting).await;
    }

    let connected = async {
        while service.try_connect(None, 1_024).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::support::PATIENCE, connected)
        .await
        .unwrap();
}

#[tokio::test]
async fn one_connection_more_than_a_tenant_may_have_is_refused_and_disturbs_no_other_tenant() {
    let service = Service::new(HubConfig {
        connections_per_tenant_max: 2,
        ..public()
    });
    let (one, other) = (identity(), identity());
    let (first, mut second) = (
        service.connect_as(&one).await,
        service.connect_as(&identity_of(one.tenant)).await,
    );
    assert_eq!(second.ask("say hi").await, "hi");
    service
        .until(|service| service.metric("websocket_connections{authenticated=\"true\"}") == Some(2))
        .await;

    let at_once = status(service.try_connect(Some(&one), 1_024).await);
    let mut later = service.connect().await;
    later
        .say(format!("auth {}", serde_json::to_string(&one).unwrap()))
        .await;
    assert_eq!(later.hear().await, "hello");
    assert_eq!(later.hear().await, "too_many_streams_of_tenant");
    let later = later.closing().await;
    let of_another = service.connect_as(&other).await.ask("say hi").await;
    drop(first);
    service
        .until(|service| service.metric("websocket_connections{authenticated=\"true\"}") == Some(1))
        .await;
    let again = service.connect_as(&one).await.ask("say hi").await;

    assert_eq!(at_once, (503, "too_many_streams_of_tenant".to_owned()));
    assert_eq!(later, (AGAIN, "too_many_streams_of_tenant".to_owned()));
    assert_eq!((of_another.as_str(), again.as_str()), ("hi", "hi"));
}

#[tokio::test(start_paused = true)]
async fn who_has_not_authenticated_in_five_seconds_is_closed() {
    let service = Service::new(HubConfig {
        access: Access::Authenticated,
        ..public()
    });
    let mut silent = service.connect().await;
    let mut talking = service.connect().await;
    let mut known = service.connect_as(&identity()).await;
    let mut late = service.connect().await;

    sleep(Duration::from_millis(4_900)).await;
    let who = serde_json::to_string(&identity()).unwrap();
    assert_eq!(late.ask(format!("auth {who}")).await, "ok");
    assert_eq!(late.ask(format!("auth {who}")).await, "already_authenticated");
    assert_eq!(talking.ask("say hi").await, "hi");
    sleep(Duration::from_millis(200)).await;

    for client in [&mut silent, &mut talking] {
        assert_eq!(client.closing().await, (POLICY, "unauthenticated".to_owned()));
    }
    assert_eq!(late.ask("say hi").await, "hi");
    assert_eq!(known.ask("say hi").await, "hi");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_answers_no_ping_is_closed_and_one_that_does_is_not() {
    let service = Service::new(public());
    let (mut silent, mut alive) = (service.connect().await, service.connect().await);
    for client in [&mut silent, &mut alive] {
        assert_eq!(client.ask("say hi").await, "hi");
    }

    for _ in 0..6 {
        sleep(Duration::from_secs(31)).await;
        // What is heard now comes after the ping, which is answered with the next message.
        assert_eq!(alive.ask("say hi").await, "hi");
    }

    assert_eq!(
        service.metric("websocket_connections_closed_total{reason=\"silent\"}"),
        Some(1)
    );
    assert_eq!(service.hub.connections(), 1);
    drop(silent);
}

#[tokio::test]
async fn who_leaves_leaves_nothing_behind() {
    let service = Service::new(public());
    let mut client = service.connect_as(&identity()).await;
    assert_eq!(client.ask("follow news now").await, "ok");
    assert_eq!(client.ask("watch-all").await, "ok");

    drop(client);
    service.until(|service| service.hub.connections() == 0).await;

    service
        .hub
        .publish(&topic_of("news"), 1, &Frame::text("unheard"))
        .await
        .unwrap();
    service.quotes.publish([("A", "unheard".to_owned())]);
    assert_eq!(
        service.metric("websocket_connections{authenticated=\"true\"}"),
        Some(0)
    );
    assert_eq!(
        service.metric("websocket_connections{authenticated=\"false\"}"),
        Some(0)
    );
    assert_eq!(
        service.metric("websocket_messages_sent_total{policy=\"ordered\"}"),
        Some(0)
    );
    assert_eq!(
        service.metric("websocket_messages_sent_total{policy=\"conflated\"}"),
        Some(0)
    );
}
