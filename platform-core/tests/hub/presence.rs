//! Who is connected.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::poll_immediate;
use platform_core::bus::Topic;
use platform_core::hub::{MemoryPresence, Presence, PresenceBackend, PresenceConfig, PresenceError, Present};
use platform_core::{ManualClock, OsRandom, PrincipalId, Sources, TenantId};
use time::macros::datetime;
use tokio::sync::Semaphore;

use crate::support::{Service, identity, identity_of, public};

fn room() -> Topic {
    Topic::tenant(TenantId::generate(&Sources::system()), "room").unwrap()
}

fn somebody() -> PrincipalId {
    PrincipalId::generate(&Sources::system())
}

fn instance(backend: &(impl PresenceBackend + Clone), lease: Duration) -> Presence {
    let config = PresenceConfig {
        lease,
        renew_every: lease / 3,
        ..PresenceConfig::default()
    };
    Presence::new(backend.clone(), config, &Sources::system())
}

async fn rooms_are_kept_apart_and_everybody_is_told_once(backend: impl PresenceBackend + Clone) {
    let lease = Duration::from_secs(30);
    let (one, two) = (instance(&backend, lease), instance(&backend, lease));
    let (room, other_room) = (room(), room());
    let mut both = [somebody(), somebody()];
    both.sort();
    let [ann, bob] = both;

    one.enter(&room, ann).await.unwrap();
    one.enter(&room, ann).await.unwrap();
    two.enter(&room, ann).await.unwrap();
    two.enter(&room, bob).await.unwrap();
    assert_eq!(one.who(&room, 100).await.unwrap(), [ann, bob]);
    assert_eq!(two.who(&room, 100).await.unwrap(), [ann, bob]);
    assert!(one.who(&other_room, 100).await.unwrap().is_empty());
    assert_eq!(two.who(&room, 1).await.unwrap().len(), 1);

    // The last window at the last instance counts.
    one.leave(&room, ann).await.unwrap();
    two.leave(&room, ann).await.unwrap();
    assert_eq!(one.who(&room, 100).await.unwrap(), [ann, bob]);
    one.leave(&room, ann).await.unwrap();
    one.leave(&room, ann).await.unwrap();
    assert_eq!(one.who(&room, 100).await.unwrap(), [bob]);
}

#[tokio::test]
async fn presence_within_one_process() {
    rooms_are_kept_apart_and_everybody_is_told_once(MemoryPresence::new(&Sources::system())).await;
}

#[cfg(feature = "redis")]
#[tokio::test]
async fn presence_at_all_instances_by_redis() {
    use platform_core::hub::RedisPresence;

    let Some(redis) = crate::support::redis("presence::presence_at_all_instances_by_redis").await else {
        return;
    };
    rooms_are_kept_apart_and_everybody_is_told_once(RedisPresence::new(&redis)).await;
}

/// A backend that some calls reach late: a call that is held waits until the test lets it pass.
#[derive(Clone)]
struct Late<B> {
    backend: B,
    renewals: Arc<Semaphore>,
    removals: Arc<Semaphore>,
}

const ENOUGH: usize = 1_000;

impl<B: PresenceBackend> Late<B> {
    fn new(backend: B) -> Self {
        Self {
            backend,
            renewals: Arc::new(Semaphore::new(ENOUGH)),
            removals: Arc::new(Semaphore::new(ENOUGH)),
        }
    }
}

#[async_trait]
impl<B: PresenceBackend> PresenceBackend for Late<B> {
    async fn renew(&self, present: &[(Topic, Present)], lease: Duration) -> Result<(), PresenceError> {
        self.renewals.acquire().await.unwrap().forget();
        self.backend.renew(present, lease).await
    }

    async fn remove(&self, gone: &[(Topic, Present)]) -> Result<(), PresenceError> {
        self.removals.acquire().await.unwrap().forget();
        self.backend.remove(gone).await
    }

    async fn list(&self, room: &Topic, max: usize) -> Result<Vec<Present>, PresenceError> {
        self.backend.list(room, max).await
    }
}

/// Somebody closes a window and opens another; the backend hears of the closing last.
async fn a_late_leaving_takes_nobody_away_who_has_come_back(backend: impl PresenceBackend + Clone) {
    let late = Late::new(backend);
    let presence = instance(&late, Duration::from_secs(30));
    let (room, ann) = (room(), somebody());
    presence.enter(&room, ann).await.unwrap();

    late.removals.forget_permits(ENOUGH);
    let mut leaving = Box::pin(presence.leave(&room, ann));
    assert!(poll_immediate(leaving.as_mut()).await.is_none());
    presence.enter(&room, ann).await.unwrap();
    late.removals.add_permits(ENOUGH);
    leaving.await.unwrap();

    assert_eq!(presence.who(&room, 100).await.unwrap(), [ann]);
    presence.leave(&room, ann).await.unwrap();
    assert!(presence.who(&room, 100).await.unwrap().is_empty());
}

/// The instance renews everybody it has while somebody leaves; the backend hears of the renewal last.
async fn a_late_renewal_brings_nobody_back_who_has_left(backend: impl PresenceBackend + Clone) {
    let late = Late::new(backend);
    let presence = instance(&late, Duration::from_secs(30));
    let (room, ann, bob) = (room(), somebody(), somebody());
    presence.enter(&room, ann).await.unwrap();
    presence.enter(&room, bob).await.unwrap();

    late.renewals.forget_permits(ENOUGH);
    let mut renewing = Box::pin(presence.renew_once());
    assert!(poll_immediate(renewing.as_mut()).await.is_none());
    presence.leave(&room, ann).await.unwrap();
    late.renewals.add_permits(ENOUGH);
    renewing.await.unwrap();

    assert_eq!(presence.who(&room, 100).await.unwrap(), [bob]);
}

#[tokio::test]
async fn late_calls_of_a_backend_in_this_process_change_nothing() {
    let backend = MemoryPresence::new(&Sources::system());
    a_late_leaving_takes_nobody_away_who_has_come_back(backend.clone()).await;
    a_late_renewal_brings_nobody_back_who_has_left(backend).await;
}

#[cfg(feature = "redis")]
#[tokio::test]
async fn late_calls_of_redis_change_nothing() {
    use platform_core::hub::RedisPresence;

    let Some(redis) = crate::support::redis("presence::late_calls_of_redis_change_nothing").await else {
        return;
    };
    let backend = RedisPresence::new(&redis);
    a_late_leaving_takes_nobody_away_who_has_come_back(backend.clone()).await;
    a_late_renewal_brings_nobody_back_who_has_left(backend).await;
}

#[tokio::test]
async fn whoever_there_was_no_place_for_takes_nobody_elses_when_they_leave() {
    let backend = MemoryPresence::new(&Sources::system());
    let config = PresenceConfig {
        entries_max: 1,
        ..PresenceConfig::default()
    };
    let presence = Presence::new(backend, config, &Sources::system());
    let service = Service::with(public(), |builder| builder.presence(presence.clone()));
    let ann = identity();
    let bob = identity_of(ann.tenant);
    let mut first = service.connect_as(&ann).await;
    assert_eq!(first.ask("say hi").await, "hi");
    let mut untold = service.connect_as(&bob).await;
    assert_eq!(untold.ask("say hi").await, "hi");
    drop(first);
    service.until(|service| service.hub.connections() == 1).await;
    let mut told = service.connect_as(&bob).await;
    assert_eq!(told.ask("say hi").await, "hi");

    drop(untold);
    service.until(|service| service.hub.connections() == 1).await;

    let room = Presence::connected(ann.tenant);
    assert_eq!(presence.who(&room, 100).await.unwrap(), [bob.principal]);
}

#[tokio::test]
async fn an_instance_that_dies_takes_everybody_it_had_with_it() {
    let clock = Arc::new(ManualClock::starting_at(datetime!(2026-01-02 15:00 UTC)));
    let backend = MemoryPresence::new(&Sources::shared(clock.clone(), Arc::new(OsRandom)));
    let lease = Duration::from_secs(30);
    let (dies, lives) = (instance(&backend, lease), instance(&backend, lease));
    let (room, ann, bob) = (room(), somebody(), somebody());
    dies.enter(&room, ann).await.unwrap();
    lives.enter(&room, bob).await.unwrap();

    clock.advance(Duration::from_secs(29));
    lives.renew_once().await.unwrap();
    clock.advance(Duration::from_secs(1));

    assert_eq!(lives.who(&room, 100).await.unwrap(), [bob]);
}

/// By the clock of Redis, which a test cannot move: the lease is short instead.
#[cfg(feature = "redis")]
#[tokio::test]
async fn an_instance_that_dies_takes_everybody_it_had_with_it_by_redis() {
    use platform_core::hub::RedisPresence;

    let test = "presence::an_instance_that_dies_takes_everybody_it_had_with_it_by_redis";
    let Some(redis) = crate::support::redis(test).await else {
        return;
    };
    let backend = RedisPresence::new(&redis);
    let (dies, lives) = (
        instance(&backend, Duration::from_millis(500)),
        instance(&backend, Duration::from_secs(300)),
    );
    let (room, ann, bob) = (room(), somebody(), somebody());
    dies.enter(&room, ann).await.unwrap();
    lives.enter(&room, bob).await.unwrap();

    let gone = async {
        while lives.who(&room, 100).await.unwrap().contains(&ann) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::support::PATIENCE, gone)
        .await
        .unwrap();

    assert_eq!(lives.who(&room, 100).await.unwrap(), [bob]);
}

#[tokio::test]
async fn who_is_connected_to_a_hub_is_in_the_room_of_its_tenant() {
    let backend = MemoryPresence::new(&Sources::system());
    let presence = instance(&backend, Duration::from_secs(30));
    let service = Service::with(public(), |builder| builder.presence(presence.clone()));
    let (ann, foreign) = (identity(), identity());
    let bob = identity_of(ann.tenant);
    let mut clients = vec![
        service.connect_as(&ann).await,
        service.connect().await,
        service.connect_as(&foreign).await,
    ];
    for client in &mut clients {
        assert_eq!(client.ask("say hi").await, "hi");
    }
    // By a message, after the connection is open.
    assert_eq!(
        clients[1]
            .ask(format!("auth {}", serde_json::to_string(&bob).unwrap()))
            .await,
        "ok"
    );
    assert_eq!(clients[1].ask("say hi").await, "hi");
    let room = Presence::connected(ann.tenant);

    let mut both = [ann.principal, bob.principal];
    both.sort();
    assert_eq!(presence.who(&room, 100).await.unwrap(), both);
    clients.remove(0);
    service.until(|service| service.hub.connections() == 2).await;

    assert_eq!(presence.who(&room, 100).await.unwrap(), [bob.principal]);
}
