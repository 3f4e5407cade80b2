//! Nobody takes all places.

use std::sync::Arc;

use futures::future::join_all;
use platform_core::TenantId;
use platform_core::hub::{HubConfig, Identity};
use tokio_tungstenite::tungstenite::Error;

use crate::limits::status;
use crate::support::{Client, Service, identity, identity_of, public};

const AGAIN: u16 = 1013;
const PIPE: usize = 1_024;

async fn from(service: &Service, address: &str) -> Result<Client, Error> {
    service.try_connect_from((Some(address), None), PIPE).await
}

fn auth(who: &Identity) -> String {
    format!("auth {}", serde_json::to_string(who).unwrap())
}

fn refusals(service: &Service, reason: &str) -> Option<u64> {
    service.metric(&format!(
        "websocket_connections_refused_total{{reason=\"{reason}\"}}"
    ))
}

#[tokio::test]
async fn one_address_has_as_many_connections_as_it_may_and_takes_nobody_elses() {
    let service = Service::new(HubConfig {
        connections_per_address_max: 2,
        ..public()
    });
    let (first, mut second) = (
        from(&service, "203.0.113.7").await.unwrap(),
        from(&service, "203.0.113.7").await.unwrap(),
    );

    let third = status(from(&service, "203.0.113.7").await);
    let known = service
        .try_connect_from((Some("203.0.113.7"), Some(&identity())), PIPE)
        .await;
    let mut another = from(&service, "203.0.113.8").await.unwrap();
    drop(first);
    service.until(|service| service.hub.connections() == 2).await;
    let mut again = from(&service, "203.0.113.7").await.unwrap();

    assert_eq!(third, (429, "too_many_streams_of_address".to_owned()));
    assert_eq!(status(known), (429, "too_many_streams_of_address".to_owned()));
    assert_eq!(refusals(&service, "too_many_streams_of_address"), Some(2));
    for client in [&mut second, &mut another, &mut again] {
        assert_eq!(client.ask("say hi").await, "hi");
    }
}

#[tokio::test]
async fn of_ipv6_the_network_counts_and_without_an_address_everybody_together() {
    let service = Service::new(HubConfig {
        connections_per_address_max: 1,
        ..public()
    });
    let _first = from(&service, "2001:db8:1:2::1").await.unwrap();
    let _nowhere = service.connect().await;

    let same_network = status(from(&service, "2001:db8:1:2:ffff::9").await);
    let nowhere_either = status(service.try_connect(None, PIPE).await);
    let mut next_network = from(&service, "2001:db8:1:3::1").await.unwrap();

    assert_eq!(same_network, (429, "too_many_streams_of_address".to_owned()));
    assert_eq!(nowhere_either, (429, "too_many_streams_of_address".to_owned()));
    assert_eq!(next_network.ask("from").await, "2001:db8:1:3::1");
}

#[tokio::test]
async fn those_whom_nobody_knows_leave_places_for_those_who_authenticate() {
    let service = Service::new(HubConfig {
        connections_max: 3,
        anonymous_max: 2,
        ..public()
    });
    let (mut first, _second) = (service.connect().await, service.connect().await);

    let third = status(service.try_connect(None, PIPE).await);
    let mut known = service.connect_as(&identity()).await;
    let one_too_many = status(service.try_connect(Some(&identity()), PIPE).await);
    drop(known.ask("say hi").await);
    drop(known);
    service.until(|service| service.hub.connections() == 2).await;
    // Whoever authenticates makes room for another whom nobody knows.
    assert_eq!(first.ask(auth(&identity())).await, "ok");
    let mut anonymous = service.connect().await;

    assert_eq!(third, (503, "too_many_anonymous_streams".to_owned()));
    assert_eq!(one_too_many, (503, "too_many_streams".to_owned()));
    assert_eq!(refusals(&service, "too_many_anonymous_streams"), Some(1));
    assert_eq!(anonymous.ask("say hi").await, "hi");
}

#[tokio::test]
async fn one_principal_has_as_many_connections_as_it_may_whichever_way_it_authenticates() {
    let service = Service::new(HubConfig {
        connections_per_principal_max: 2,
        ..public()
    });
    let ann = identity();
    let bob = identity_of(ann.tenant);
    let namesake = Identity {
        tenant: TenantId::generate(&platform_core::Sources::system()),
        ..ann.clone()
    };
    let (first, mut second) = (service.connect_as(&ann).await, service.connect().await);
    assert_eq!(second.ask(auth(&ann)).await, "ok");

    let with_the_request = status(service.try_connect(Some(&ann), PIPE).await);
    let mut by_a_message = service.connect().await;
    let answer = by_a_message.ask(auth(&ann)).await;
    let closed = by_a_message.closing().await;
    let mut others = [
        service.connect_as(&bob).await,
        service.connect_as(&namesake).await,
    ];
    drop(first);
    let is_gone = |service: &Service| service.hub.connections() == 3;
    service.until(is_gone).await;
    let mut again = service.connect_as(&ann).await;

    assert_eq!(
        with_the_request,
        (429, "too_many_streams_of_principal".to_owned())
    );
    assert_eq!(answer, "too_many_streams_of_principal");
    assert_eq!(closed, (AGAIN, "too_many_streams_of_principal".to_owned()));
    assert_eq!(refusals(&service, "too_many_streams_of_principal"), Some(2));
    assert_eq!(again.ask("say hi").await, "hi");
    for client in &mut others {
        assert_eq!(client.ask("say hi").await, "hi");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_come_at_once_as_many_stay_as_may() {
    let service = Arc::new(Service::new(HubConfig {
        connections_per_address_max: 7,
        connections_per_principal_max: 3,
        ..public()
    }));
    let ann = identity();

    let coming = (0..60).map(|number| {
        let (service, ann) = (Arc::clone(&service), ann.clone());
        tokio::spawn(async move {
            let who = (number % 2 == 0).then_some(&ann);
            service
                .try_connect_from((Some("192.0.2.1"), who), 64 * 1024)
                .await
                .ok()
        })
    });
    let came: Vec<_> = join_all(coming).await;
    let stay: Vec<Client> = came.into_iter().filter_map(Result::unwrap).collect();

    assert_eq!(stay.len(), 7);
    service.until(|service| service.hub.connections() == 7).await;
    let known = service.metric("websocket_connections{authenticated=\"true\"}");
    assert!(known.unwrap() <= 3, "{known:?}");
    drop(stay);
    service.until(|service| service.hub.connections() == 0).await;
    // Every place is free again, and no more than there were.
    let mut again = Vec::new();
    for _ in 0..7 {
        again.push(from(&service, "192.0.2.1").await.unwrap());
    }
    assert!(from(&service, "192.0.2.1").await.is_err());
}
