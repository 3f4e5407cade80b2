use std::collections::BTreeSet;

use platform_audit::{
    AUDIT_PLATFORM, Action, Event, EventFilter, EventId, EventPage, InvalidFilter, Outcome, Reader,
    RecordedEvent, SearchError, Severity, Visibility,
};
use platform_core::time::Duration;
use platform_core::time::macros::datetime;
use platform_core::{ManualClock, OsRandom, Sources, Timestamp};

use crate::support::{PLACED, Place, SENT, many, user};

async fn found(place: &Place, filter: EventFilter) -> Vec<RecordedEvent> {
    let mut read = place.db.read(&place.ctx).await.unwrap();
    let page = EventPage::newest(200);
    let list = place
        .log
        .search(&mut read, Reader::Tenant, &filter, page)
        .await
        .unwrap();
    assert_eq!(list.next, None);
    list.events
}

fn ids(events: &[RecordedEvent]) -> Vec<EventId> {
    events.iter().map(|event| event.id).collect()
}

#[tokio::test]
async fn every_condition_narrows_the_list_and_all_of_them_together() {
    let place = Place::new().await;
    let alice = user(&place, &[]);
    let bob = user(&place, &[]);
    let by_alice = Event::new(PLACED, Outcome::Denied)
        .severity(Severity::High)
        .target("order", "1")
        .target("account", "a");
    let first = place.record_as(&alice, by_alice).await;
    let second = place
        .record_as(&bob, Event::new(PLACED, Outcome::Success).target("account", "a"))
        .await;
    let third = place
        .record_as(&bob, Event::new(SENT, Outcome::Success).target("parcel", "a"))
        .await;
    let all = EventFilter::new;
    let alices = alice.principal().id().unwrap();

    for (filter, wanted) in [
        (all(), vec![third, second, first]),
        (all().actor(alices), vec![first]),
        (all().action("order.place"), vec![second, first]),
        (all().action("order."), vec![second, first]),
        (all().action("order.place."), vec![]),
        (all().target("account", "a"), vec![second, first]),
        (all().target("order", "1"), vec![first]),
        (all().target("order", "a"), vec![]),
        (all().target_kind("account"), vec![second, first]),
        (all().outcome(Outcome::Denied), vec![first]),
        (all().severity(Severity::High), vec![first]),
        (all().request(bob.meta().request_id), vec![third, second]),
        (
            all().request(bob.meta().request_id).action("parcel."),
            vec![third],
        ),
        (
            all()
                .target("account", "a")
                .outcome(Outcome::Success)
                .action("order.place"),
            vec![second],
        ),
        (all().actor(alices).action("parcel.send"), vec![]),
    ] {
        assert_eq!(ids(&found(&place, filter.clone()).await), wanted, "{filter:?}");
    }
}

#[tokio::test]
async fn a_range_of_time_holds_its_beginning_and_not_its_end() {
    let place = Place::new().await;
    for n in 0..5 {
        let at = datetime!(2026-01-02 03:04:05 UTC) + Duration::minutes(n);
        place
            .record(Event::new(PLACED, Outcome::Success).occurred_at(at))
            .await;
    }
    let everything = found(&place, EventFilter::new()).await;
    let times: Vec<Timestamp> = everything.iter().map(|event| event.recorded_at).collect();

    let recorded = EventFilter::new().recorded_from(times[3]).recorded_to(times[1]);
    let occurred = EventFilter::new()
        .occurred_from(datetime!(2026-01-02 03:05:05 UTC))
        .occurred_to(datetime!(2026-01-02 03:07:05 UTC));

    assert_eq!(ids(&found(&place, recorded).await), ids(&everything[2..4]));
    assert_eq!(ids(&found(&place, occurred).await), ids(&everything[2..4]));
}

/// The months that a range of recorded_at cannot have anything of are left out; whose id lies about its time must be found all the
/// same.
#[tokio::test]
async fn an_event_of_a_program_with_a_wrong_clock_is_found_by_when_it_was_recorded() {
    let place = Place::new().await;
    let mut wanted = Vec::new();
    for hours in [-30_000, -25, -23, 0, 23, 25, 30_000] {
        let clock = ManualClock::starting_at(place.db.sources().now() + Duration::hours(hours));
        let sources = Sources::new(clock, OsRandom);
        let log = platform_audit::AuditLog::new(sources);
        let event = Event::new(PLACED, Outcome::Success).target("order", "1");
        wanted.push(log.record_alone(&place.db, &place.ctx, event).await.unwrap());
    }
    wanted.reverse();
    let now = place.db.sources().now();
    let just_now = EventFilter::new()
        .recorded_from(now - Duration::minutes(5))
        .recorded_to(now + Duration::minutes(5));

    assert_eq!(ids(&found(&place, just_now.clone()).await), wanted);
    assert_eq!(
        ids(&found(&place, just_now.clone().target("order", "1")).await),
        wanted
    );
    let an_hour_later = just_now
        .recorded_from(now + Duration::hours(1))
        .recorded_to(now + Duration::hours(2));
    assert_eq!(found(&place, an_hour_later).await, []);
}

#[tokio::test]
async fn pages_hold_every_event_once_in_order_whatever_their_size() {
    let place = Place::new().await;
    for n in 0..23 {
        let event = Event::new(PLACED, Outcome::Success).target("order", "1");
        // Found by the first target or among the others.
        let event = match n % 3 {
            0 => event.target("account", "a"),
            1 => Event::new(PLACED, Outcome::Success)
                .target("account", "a")
                .target("order", "1"),
            _ => event,
        };
        place.record(event).await;
    }
    let filter = EventFilter::new().target("order", "1");
    let everything = ids(&found(&place, filter.clone()).await);
    assert_eq!(everything.len(), 23);
    assert!(everything.is_sorted_by(|newer, older| newer > older));

    for limit in [1, 2, 7, 22, 23, 24] {
        let mut pages = Vec::new();
        let mut page = EventPage::newest(limit);
        loop {
            let mut read = place.db.read(&place.ctx).await.unwrap();
            let list = place
                .log
                .search(&mut read, Reader::Tenant, &filter, page)
                .await
                .unwrap();
            assert!(list.events.len() <= usize::try_from(limit).unwrap());
            pages.extend(ids(&list.events));
            match list.next {
                Some(next) => page = EventPage::before(next, limit),
                None => break,
            }
        }
        assert_eq!(pages, everything, "{limit}");
    }
}

#[tokio::test]
async fn a_search_that_finds_little_stops_after_a_bounded_number_of_events_and_goes_on_from_there() {
    let place = Place::new().await;
    let oldest = place.record(Event::new(SENT, Outcome::Failure)).await;
    many(&place, 25_000).await;
    let filter = EventFilter::new().outcome(Outcome::Failure);

    let mut page = EventPage::newest(50);
    let mut pages = Vec::new();
    loop {
        let mut read = place.db.read(&place.ctx).await.unwrap();
        let list = place
            .log
            .search(&mut read, Reader::Tenant, &filter, page)
            .await
            .unwrap();
        pages.push(ids(&list.events));
        match list.next {
            Some(next) => page = EventPage::before(next, 50),
            None => break,
        }
    }

    assert_eq!(pages, [vec![], vec![], vec![oldest]]);
}

#[tokio::test]
async fn what_is_hidden_from_the_tenant_is_found_by_the_platform_alone() {
    let place = Place::new().await;
    let hidden = Event::new(SENT, Outcome::Success)
        .target("parcel", "1")
        .visibility(Visibility::Platform);
    let hidden = place.record(hidden).await;
    let shown = place
        .record(Event::new(SENT, Outcome::Success).target("parcel", "1"))
        .await;
    let mut read = place.db.read(&place.ctx).await.unwrap();
    let page = EventPage::newest(10);
    let filter = EventFilter::new();

    let tenants = place
        .log
        .search(&mut read, Reader::Tenant, &filter, page)
        .await
        .unwrap();
    let platforms = place
        .log
        .search(&mut read, Reader::Platform, &filter, page)
        .await
        .unwrap();
    let of_target = place
        .log
        .events_for_target(&mut read, "parcel", "1", page)
        .await
        .unwrap();

    assert_eq!(ids(&tenants.events), [shown]);
    assert_eq!(ids(&platforms.events), [shown, hidden]);
    assert_eq!(ids(&of_target), [shown]);
    assert!(
        place
            .log
            .event(&mut read, Reader::Tenant, hidden)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        place
            .log
            .event(&mut read, Reader::Platform, hidden)
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(Reader::of(&user(&place, &[])), Reader::Tenant);
    assert_eq!(Reader::of(&user(&place, &[AUDIT_PLATFORM])), Reader::Platform);
}

#[tokio::test]
async fn another_tenants_events_are_not_there() {
    let (place, other) = (Place::new().await, Place::new().await);
    let id = place
        .record(Event::new(SENT, Outcome::Success).target("parcel", "1"))
        .await;

    let mut read = other.db.read(&other.ctx).await.unwrap();
    let one = other.log.event(&mut read, Reader::Platform, id).await.unwrap();

    assert_eq!(one, None);
    assert_eq!(found(&other, EventFilter::new()).await, []);
    assert_eq!(found(&other, EventFilter::new().target("parcel", "1")).await, []);
}

#[tokio::test]
async fn an_event_has_its_number_as_soon_as_it_is_sequenced() {
    let place = Place::new().await;
    let id = place.record(Event::new(SENT, Outcome::Success)).await;
    assert_eq!(found(&place, EventFilter::new()).await[0].seq, None);

    place.sequence().await;

    assert_eq!(found(&place, EventFilter::new()).await[0].seq, Some(0));
    let mut read = place.db.read(&place.ctx).await.unwrap();
    let one = place
        .log
        .event(&mut read, Reader::Tenant, id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((one.id, one.seq), (id, Some(0)));
}

#[tokio::test]
async fn a_filter_that_means_nothing_is_refused_before_anything_is_read() {
    let place = Place::new().await;
    let at = datetime!(2026-01-02 03:04:05 UTC);
    let (all, long) = (EventFilter::new, "a".repeat(300));
    for (filter, wanted) in [
        (
            all().recorded_from(at).recorded_to(at),
            InvalidFilter::Range("recorded_at"),
        ),
        (
            all().occurred_from(at).occurred_to(at - Duration::SECOND),
            InvalidFilter::Range("occurred_at"),
        ),
        (
            all().recorded_from(datetime!(-0001-01-01 00:00 UTC)),
            InvalidFilter::Time("recorded_at"),
        ),
        (
            all().occurred_to(datetime!(9999-12-31 23:59:59 -1)),
            InvalidFilter::Time("occurred_at"),
        ),
        (all().action(""), InvalidFilter::Action),
        (all().action("."), InvalidFilter::Action),
        (all().action("order"), InvalidFilter::Action),
        (all().action("Order.place"), InvalidFilter::Action),
        (all().action("order..place"), InvalidFilter::Action),
        (all().action("order.%"), InvalidFilter::Action),
        (all().action(format!("order.{long}")), InvalidFilter::Action),
        (all().target("", "1"), InvalidFilter::Target),
        (all().target("order", ""), InvalidFilter::Target),
        (all().target("order", long.as_str()), InvalidFilter::Target),
        (all().target("order", "a\0b"), InvalidFilter::Target),
    ] {
        assert_eq!(filter.check(), Err(wanted), "{filter:?}");
        let mut read = place.db.read(&place.ctx).await.unwrap();
        let searched = place
            .log
            .search(&mut read, Reader::Tenant, &filter, EventPage::newest(1))
            .await;
        assert!(matches!(searched, Err(SearchError::Filter(found)) if found == wanted));
    }
    assert_eq!(all().action("order.").check(), Ok(()));
    let longest = format!("order.{}", "a".repeat(58));
    assert_eq!(all().action(longest).check(), Ok(()));
}

#[tokio::test]
async fn hostile_texts_in_a_filter_are_compared_and_nothing_else() {
    let place = Place::new().await;
    let hostile = "'; drop table platform_audit.event; -- \" \\ % _ [] {}";
    let id = place
        .record(
            Event::new(SENT, Outcome::Success)
                .target("parcel", hostile)
                .target("x\"y", hostile),
        )
        .await;

    let by_first = EventFilter::new().target("parcel", hostile);
    let by_second = EventFilter::new().target("x\"y", hostile);
    let by_none = EventFilter::new().target("parcel", "%");

    assert_eq!(ids(&found(&place, by_first).await), [id]);
    assert_eq!(ids(&found(&place, by_second).await), [id]);
    assert_eq!(found(&place, by_none).await, []);
}

#[test]
fn the_names_of_actions_are_distinct() {
    let names: BTreeSet<&str> = [
        platform_audit::EXPORTED,
        platform_audit::EXPORT_FINISHED,
        platform_audit::TRAIL_READ,
    ]
    .iter()
    .map(|action: &Action| action.name())
    .collect();
    assert_eq!(names.len(), 3);
}
