//! Whoever may not stay is closed.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use platform_core::hub::{CloseReason, Identity, Liveness, Verdict, WatchConfig};
use platform_core::runtime::CancellationToken;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::support::{Service, identity, public};

const POLICY: u16 = 1008;
const AGAIN: u16 = 1013;

/// What has ended, and whether anybody can tell.
#[derive(Default)]
struct Sessions {
    ended: Mutex<HashSet<Uuid>>,
    lessened: Mutex<HashSet<Uuid>>,
    is_broken: Mutex<bool>,
    largest_batch: Mutex<usize>,
}

#[async_trait]
impl Liveness for Sessions {
    async fn judge(
        &self,
        connected: &[Arc<Identity>],
    ) -> Result<Vec<Verdict>, Box<dyn std::error::Error + Send + Sync>> {
        if *self.is_broken.lock().unwrap() {
            return Err("nobody knows".into());
        }
        let mut largest = self.largest_batch.lock().unwrap();
        *largest = connected.len().max(*largest);
        let (ended, lessened) = (self.ended.lock().unwrap(), self.lessened.lock().unwrap());
        let judge = |identity: &Arc<Identity>| match identity.session {
            Some(session) if ended.contains(&session) => Verdict::Ended,
            Some(session) if lessened.contains(&session) => Verdict::Lessened,
            _ => Verdict::Stays,
        };
        Ok(connected.iter().map(judge).collect())
    }
}

fn watched(service: &Service, sessions: &Arc<Sessions>) -> CancellationToken {
    let (hub, sessions, stop) = (
        service.hub.clone(),
        Arc::clone(sessions),
        CancellationToken::new(),
    );
    let until = stop.clone();
    let config = WatchConfig {
        batch: 3,
        ..WatchConfig::default()
    };
    tokio::spawn(async move { hub.watch_sessions(&*sessions, config, until).await });
    stop
}

/// Time stands still but for what the tests advance.
#[tokio::test(start_paused = true)]
async fn a_session_that_ends_closes_its_connections_within_two_seconds() {
    let service = Service::new(public());
    let sessions = Arc::new(Sessions::default());
    let stop = watched(&service, &sessions);
    let (leaves, stays) = (identity(), identity());
    let mut windows = [
        service.connect_as(&leaves).await,
        service.connect_as(&leaves).await,
    ];
    let mut other = service.connect_as(&stays).await;
    sleep(Duration::from_millis(3_300)).await;

    sessions.ended.lock().unwrap().insert(leaves.session.unwrap());
    let began = Instant::now();
    for window in &mut windows {
        assert_eq!(window.closing().await, (POLICY, "session_ended".to_owned()));
    }

    assert!(began.elapsed() <= Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(other.ask("say hi").await, "hi");
    stop.cancel();
}

#[tokio::test(start_paused = true)]
async fn who_loses_a_permission_is_closed_within_two_seconds_and_may_come_back() {
    let service = Service::new(public());
    let sessions = Arc::new(Sessions::default());
    let stop = watched(&service, &sessions);
    let (loses, keeps) = (identity(), identity());
    let (mut less, mut other) = (service.connect_as(&loses).await, service.connect_as(&keeps).await);
    sleep(Duration::from_millis(3_300)).await;

    sessions.lessened.lock().unwrap().insert(loses.session.unwrap());
    let began = Instant::now();
    let closed = less.closing().await;
    let took = began.elapsed();
    // What it has left is judged anew.
    sessions.lessened.lock().unwrap().clear();
    let mut again = service.connect_as(&loses).await;
    sleep(Duration::from_secs(5)).await;

    assert_eq!(closed, (POLICY, "permissions_changed".to_owned()));
    assert!(took <= Duration::from_secs(2), "{took:?}");
    for client in [&mut other, &mut again] {
        assert_eq!(client.ask("say hi").await, "hi");
    }
    stop.cancel();
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_at_work_is_closed_just_the_same() {
    let service = Service::new(public());
    let sessions = Arc::new(Sessions::default());
    let stop = watched(&service, &sessions);
    let who = identity();
    let mut client = service.connect_as(&who).await;
    client.say("hang").await;
    sleep(Duration::from_millis(1_500)).await;

    sessions.ended.lock().unwrap().insert(who.session.unwrap());
    let began = Instant::now();

    assert_eq!(client.closing().await, (POLICY, "session_ended".to_owned()));
    assert!(began.elapsed() <= Duration::from_secs(2), "{:?}", began.elapsed());
    stop.cancel();
}

#[tokio::test(start_paused = true)]
async fn when_nobody_can_tell_for_long_everybody_who_has_authenticated_is_closed() {
    let service = Service::new(public());
    let sessions = Arc::new(Sessions::default());
    let stop = watched(&service, &sessions);
    let (mut known, mut anonymous) = (service.connect_as(&identity()).await, service.connect().await);
    sleep(Duration::from_secs(5)).await;

    *sessions.is_broken.lock().unwrap() = true;
    sleep(Duration::from_secs(8)).await;
    assert_eq!(known.ask("say hi").await, "hi");
    sleep(Duration::from_secs(4)).await;

    assert_eq!(known.closing().await, (AGAIN, "session_unverified".to_owned()));
    assert_eq!(anonymous.ask("say hi").await, "hi");
    stop.cancel();
}

#[tokio::test(start_paused = true)]
async fn many_are_judged_in_batches_and_each_session_once() {
    let service = Service::new(public());
    let sessions = Arc::new(Sessions::default());
    let mut clients = Vec::new();
    for _ in 0..10 {
        let who = identity();
        clients.push((service.connect_as(&who).await, who.clone()));
        clients.push((service.connect_as(&who).await, who));
    }
    service
        .until(|service| service.metric("websocket_connections{authenticated=\"true\"}") == Some(20))
        .await;
    let stop = watched(&service, &sessions);

    let (_, last) = clients.last().unwrap();
    sessions.ended.lock().unwrap().insert(last.session.unwrap());
    sleep(Duration::from_secs(4)).await;

    assert_eq!(*sessions.largest_batch.lock().unwrap(), 3);
    assert_eq!(service.hub.connections(), 18);
    stop.cancel();
}

#[tokio::test]
async fn a_session_that_is_ended_by_hand_is_closed_at_once() {
    let service = Service::new(public());
    let (leaves, stays) = (identity(), identity());
    let (mut gone, mut other) = (
        service.connect_as(&leaves).await,
        service.connect_as(&stays).await,
    );
    assert_eq!(gone.ask("say hi").await, "hi");
    assert_eq!(other.ask("say hi").await, "hi");

    service.hub.end(CloseReason::SessionEnded, |identity| {
        identity.session == leaves.session
    });

    assert_eq!(gone.closing().await, (POLICY, "session_ended".to_owned()));
    assert_eq!(other.ask("say hi").await, "hi");
}
