//! Several instances of one service.

use std::sync::Arc;

use platform_core::bus::{Bus, BusBackend as _, MemoryBus};
use platform_core::hub::Frame;
use platform_core::runtime::CancellationToken;

use crate::support::{Log, Service, public, publish, topic_of};

fn instance(bus: &Bus, log: &Arc<Log>, stop: &CancellationToken) -> Service {
    let service = Service::with(public(), |builder| builder.history(log.clone()).bus(bus.clone()));
    let (hub, stop) = (service.hub.clone(), stop.clone());
    tokio::spawn(async move { hub.relay(stop).await });
    service
}

async fn events_reach_every_instance_once(one: Bus, two: Bus) {
    let (log, stop) = (Arc::new(Log::default()), CancellationToken::new());
    let (here, there) = (instance(&one, &log, &stop), instance(&two, &log, &stop));
    let topic = topic_of("orders");
    let (mut near, mut far) = (here.connect().await, there.connect().await);
    assert_eq!(near.ask("follow orders 0").await, "ok");
    assert_eq!(far.ask("follow orders 0").await, "ok");

    for round in 0..50 {
        let service = if round % 3 == 0 { &there } else { &here };
        publish(&service.hub, &log, &topic).await;
    }

    for seq in 1..=50 {
        assert_eq!(near.hear().await, seq.to_string());
        assert_eq!(far.hear().await, seq.to_string());
    }
    assert_eq!(near.ask("say nothing more").await, "nothing more");
    assert_eq!(far.ask("say nothing more").await, "nothing more");
    stop.cancel();
}

#[tokio::test]
async fn events_reach_clients_of_every_instance_once() {
    let bus = Bus::in_process();
    events_reach_every_instance_once(bus.clone(), bus).await;
}

#[cfg(feature = "redis")]
#[tokio::test]
async fn events_reach_clients_of_every_instance_once_by_redis() {
    use platform_core::bus::RedisBus;

    let Some(redis) =
        crate::support::redis("instances::events_reach_clients_of_every_instance_once_by_redis").await
    else {
        return;
    };
    let (one, two) = (RedisBus::start(&redis), RedisBus::start(&redis));
    one.connected().await.unwrap();
    two.connected().await.unwrap();
    events_reach_every_instance_once(Bus::new(one), Bus::new(two)).await;
}

#[tokio::test]
async fn a_lost_notice_is_read_from_history_when_it_is_told_as_missed() {
    let backend = MemoryBus::default();
    let (log, stop) = (Arc::new(Log::default()), CancellationToken::new());
    let service = instance(&Bus::new(backend.clone()), &log, &stop);
    let topic = topic_of("orders");
    let mut client = service.connect().await;
    assert_eq!(client.ask("follow orders 0").await, "ok");
    publish(&service.hub, &log, &topic).await;
    assert_eq!(client.hear().await, "1");

    // Another instance keeps an event, whose notice never comes.
    log.keep(&topic, |seq| seq.to_string());
    backend.switchboard().missed();

    assert_eq!(client.hear().await, "2");
    stop.cancel();
}

#[tokio::test]
async fn a_topic_is_asked_of_the_bus_while_somebody_follows_it() {
    let backend = MemoryBus::default();
    let (log, stop) = (Arc::new(Log::default()), CancellationToken::new());
    let service = instance(&Bus::new(backend.clone()), &log, &stop);
    let topic = topic_of("orders");
    let (mut one, mut two) = (service.connect().await, service.connect().await);

    assert_eq!(one.ask("follow orders now").await, "ok");
    assert_eq!(two.ask("follow orders now").await, "ok");
    assert!(backend.switchboard().wants(&topic));
    assert_eq!(one.ask("unfollow orders").await, "ok");
    assert!(backend.switchboard().wants(&topic));
    drop(two);
    service.until(|service| service.hub.connections() == 1).await;

    assert!(!backend.switchboard().wants(&topic));
    stop.cancel();
}

#[tokio::test]
async fn what_no_hub_has_written_is_left_out() {
    let bus = Bus::in_process();
    let (log, stop) = (Arc::new(Log::default()), CancellationToken::new());
    let service = instance(&bus, &log, &stop);
    let topic = topic_of("orders");
    let mut client = service.connect().await;
    assert_eq!(client.ask("follow orders now").await, "ok");

    bus.publish(&topic, "nonsense".into()).await.unwrap();
    service.hub.publish(&topic, 1, &Frame::text("1")).await.unwrap();

    assert_eq!(client.hear().await, "1");
    stop.cancel();
}
