//! A service that stops.

use std::collections::BTreeSet;
use std::time::Duration;

use platform_core::hub::Drained;
use platform_core::runtime::CancellationToken;
use tokio_tungstenite::tungstenite::Error;

use crate::support::{PATIENCE, Service, public};

const RESTART: u16 = 1012;

#[tokio::test]
async fn everybody_is_told_to_come_back_each_after_another_while() {
    let service = Service::new(public());
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = service.connect().await;
        assert_eq!(client.ask("watch-all").await, "ok");
        clients.push(client);
    }
    assert!(!service.hub.is_draining());

    let hub = service.hub.clone();
    let draining = tokio::spawn(async move { hub.drain(PATIENCE).await });
    let mut waits = BTreeSet::new();
    for client in &mut clients {
        let (code, reason) = client.closing().await;
        assert_eq!(code, RESTART);
        let wait: u64 = reason.strip_prefix("retry_ms=").unwrap().parse().unwrap();
        assert!(wait <= 10_000, "{wait}");
        waits.insert(wait);
    }
    let refused = service.try_connect(None, 1_024).await;

    assert!(waits.len() > 10, "{waits:?}");
    assert!(service.hub.is_draining());
    let Err(Error::Http(answer)) = refused.map(drop) else {
        panic!("somebody was accepted")
    };
    assert_eq!(answer.status().as_u16(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    drop(clients);
    assert_eq!(draining.await.unwrap(), Drained { left: 0 });
    assert_eq!(
        service.metric("websocket_connections_closed_total{reason=\"restart\"}"),
        Some(20)
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_close_is_left_when_the_time_is_up() {
    let service = Service::new(public());
    let mut client = service.connect().await;
    assert_eq!(client.ask("say hi").await, "hi");

    let early = service.hub.drain(Duration::from_secs(1)).await;
    let late = service.hub.drain(Duration::from_secs(5)).await;

    assert_eq!(early, Drained { left: 1 });
    // 2 s after the goodbye the service breaks off.
    assert_eq!(late, Drained { left: 0 });
    drop(client);
}

#[tokio::test]
async fn a_hub_drains_with_its_service() {
    let stop = CancellationToken::new();
    let service = Service::with(public(), |builder| builder.stop(&stop));
    let mut client = service.connect().await;
    assert_eq!(client.ask("say hi").await, "hi");

    stop.cancel();

    assert_eq!(client.closing().await.0, RESTART);
    assert!(service.hub.is_draining());
}
