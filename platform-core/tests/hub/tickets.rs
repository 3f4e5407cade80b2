//! Tickets: each is good once, for half a minute, for whom it was made.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use platform_core::hub::{Identity, MemoryTickets, Ticket, TicketError, Tickets};
use platform_core::{ManualClock, OsRandom, Sources};
use time::macros::datetime;

use crate::support::identity;

struct Scene {
    clock: Arc<ManualClock>,
    sources: Sources,
}

fn scene() -> Scene {
    let clock = Arc::new(ManualClock::starting_at(datetime!(2026-01-02 15:00 UTC)));
    let sources = Sources::shared(clock.clone(), Arc::new(OsRandom));
    Scene { clock, sources }
}

async fn issue(tickets: &Tickets, identity: &Identity) -> Ticket {
    tickets.issue(identity).await.unwrap()
}

async fn it_is_good_once_for_whom_it_was_made(tickets: &Tickets) {
    let (one, mut two) = (identity(), identity());
    two.permissions = vec!["trading:trade".to_owned()];
    let (first, second) = (issue(tickets, &one).await, issue(tickets, &two).await);

    assert_eq!(tickets.redeem(second.expose()).await.unwrap(), Some(two));
    assert_eq!(tickets.redeem(first.expose()).await.unwrap(), Some(one));
    assert_eq!(tickets.redeem(first.expose()).await.unwrap(), None);
    assert_eq!(tickets.redeem(second.expose()).await.unwrap(), None);
}

async fn it_is_good_for_half_a_minute(tickets: &Tickets, clock: &ManualClock) {
    let (early, late) = (
        issue(tickets, &identity()).await,
        issue(tickets, &identity()).await,
    );
    clock.advance(Duration::from_millis(29_999));
    let early = tickets.redeem(early.expose()).await.unwrap();
    clock.advance(Duration::from_millis(1));
    let late = tickets.redeem(late.expose()).await.unwrap();

    assert!(early.is_some());
    assert_eq!(late, None);
}

async fn of_32_who_show_it_at_once_one_gets_in(tickets: &Tickets) {
    for _ in 0..20 {
        let ticket = issue(tickets, &identity()).await;
        let mut attempts = tokio::task::JoinSet::new();
        for _ in 0..32 {
            let (tickets, ticket) = (tickets.clone(), ticket.clone());
            attempts.spawn(async move { tickets.redeem(ticket.expose()).await.unwrap() });
        }
        let got_in = attempts.join_all().await.into_iter().flatten().count();
        assert_eq!(got_in, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tickets_of_one_process() {
    let scene = scene();
    let tickets = Tickets::new(MemoryTickets::default(), &scene.sources);

    it_is_good_once_for_whom_it_was_made(&tickets).await;
    it_is_good_for_half_a_minute(&tickets, &scene.clock).await;
    of_32_who_show_it_at_once_one_gets_in(&tickets).await;
}

#[cfg(feature = "redis")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tickets_of_all_instances_by_redis() {
    use platform_core::hub::RedisTickets;

    let Some(redis) = crate::support::redis("tickets::tickets_of_all_instances_by_redis").await else {
        return;
    };
    let scene = scene();
    let tickets = Tickets::new(RedisTickets::new(&redis), &scene.sources);

    it_is_good_once_for_whom_it_was_made(&tickets).await;
    it_is_good_for_half_a_minute(&tickets, &scene.clock).await;
    of_32_who_show_it_at_once_one_gets_in(&tickets).await;
}

#[cfg(feature = "redis")]
#[tokio::test]
async fn when_redis_is_away_nobody_gets_in_by_a_ticket() {
    use platform_core::bus::{Redis, RedisConfig};
    use platform_core::http::Problem;
    use platform_core::hub::RedisTickets;

    let config = RedisConfig {
        connect_timeout: Duration::from_millis(50),
        response_timeout: Duration::from_millis(50),
        ..RedisConfig::default()
    };
    // Port 1 refuses.
    let redis = Redis::new(&"redis://127.0.0.1:1".to_owned().into(), config).unwrap();
    let tickets = Tickets::new(RedisTickets::new(&redis), &Sources::system());

    let issued = tickets.issue(&identity()).await.map(drop);
    let redeemed = tickets.redeem(&"x".repeat(43)).await;

    assert!(
        matches!(redeemed, Err(TicketError::Unavailable(_))),
        "{redeemed:?}"
    );
    let problem = Problem::from(issued.unwrap_err());
    assert_eq!(
        (problem.status().as_u16(), problem.code()),
        (503, "tickets_unavailable")
    );
}

#[tokio::test]
async fn what_is_no_ticket_lets_nobody_in() {
    let tickets = Tickets::new(MemoryTickets::default(), &Sources::system());
    issue(&tickets, &identity()).await;

    for shown in ["", "ticket", &"x".repeat(43), &"x".repeat(1 << 20), "\0"] {
        assert_eq!(tickets.redeem(shown).await.unwrap(), None);
    }
}

#[tokio::test]
async fn no_two_tickets_are_the_same_and_none_is_shown_by_accident() {
    let tickets = Tickets::new(MemoryTickets::default(), &Sources::system());
    let mut seen = HashSet::new();

    for _ in 0..1_000 {
        let ticket = issue(&tickets, &identity()).await;
        assert_eq!(ticket.expose().len(), 43);
        assert!(!format!("{ticket:?}").contains(ticket.expose()));
        assert!(seen.insert(ticket.expose().to_owned()));
    }
}

#[tokio::test]
async fn unused_tickets_are_bounded_and_make_room_when_they_are_old() {
    let scene = scene();
    let tickets = Tickets::new(MemoryTickets::default(), &scene.sources);
    let who = identity();
    for _ in 0..100_000 {
        issue(&tickets, &who).await;
    }

    let refused = tickets.issue(&who).await;
    scene.clock.advance(Duration::from_secs(30));
    let taken = tickets.issue(&who).await;

    assert!(matches!(refused, Err(TicketError::TooMany)), "{refused:?}");
    assert!(taken.is_ok());
}
