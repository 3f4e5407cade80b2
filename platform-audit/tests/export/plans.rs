//! What a search reads, counted by the database itself.

use platform_audit::{EventFilter, EventPage, Outcome, Reader};
use platform_core::sqlx;
use platform_core::time::Duration;

use crate::support::{Place, many};

/// Rows read from the table one after the other, and rows fetched by an index.
async fn rows_read(place: &Place) -> (i64, i64) {
    sqlx::query_as(
        "select coalesce(sum(seq_tup_read), 0)::bigint, coalesce(sum(idx_tup_fetch), 0)::bigint
         from pg_stat_user_tables where schemaname = 'platform_audit' and relname ~ '^(event|leaf)'",
    )
    .fetch_one(&mut place.superuser().await)
    .await
    .unwrap()
}

/// What one page of a search reads.
async fn cost(place: &Place, filter: &EventFilter, page: EventPage) -> (i64, i64) {
    let before = rows_read(place).await;
    let mut read = place.db.read(&place.ctx).await.unwrap();
    place
        .log
        .search(&mut read, Reader::Tenant, filter, page)
        .await
        .unwrap();
    sqlx::query("select pg_stat_force_next_flush()")
        .execute(&mut read)
        .await
        .unwrap();
    read.finish().await.unwrap();
    let after = rows_read(place).await;
    (after.0 - before.0, after.1 - before.1)
}

#[tokio::test]
async fn a_page_reads_what_it_shows_and_never_the_whole_table() {
    let place = Place::own().await;
    many(&place, 100_000).await;
    for _ in 0..5 {
        let other = place.test.tenant().await;
        many(
            &Place {
                tenant: other,
                ..place.clone()
            },
            5_000,
        )
        .await;
    }
    sqlx::query("vacuum analyze platform_audit.event, platform_audit.leaf")
        .execute(&mut place.superuser().await)
        .await
        .unwrap();
    let middle: (platform_core::uuid::Uuid, platform_core::uuid::Uuid, platform_core::uuid::Uuid) = sqlx::query_as(
        "select id, actor_id, request_id from platform_audit.event where tenant_id = $1 order by id offset 50000 limit 1",
    )
    .bind(place.tenant)
    .fetch_one(&mut place.superuser().await)
    .await
    .unwrap();
    let event = platform_audit::EventId::from_stored(middle.0);
    let actor = platform_core::PrincipalId::from_stored(middle.1);
    let request = platform_core::RequestId::from_stored(middle.2);
    let now = place.db.sources().now();
    let all = EventFilter::new;
    let newest = EventPage::newest(50);

    // A little more than is shown, since neighbours are looked at; 10,000 where nothing but looking helps.
    for (what, filter, page, most) in [
        ("newest", all(), newest, 60),
        ("deep", all(), EventPage::before(event, 50), 60),
        ("actor", all().actor(actor), newest, 60),
        (
            "actor, deep",
            all().actor(actor),
            EventPage::before(event, 50),
            60,
        ),
        ("action", all().action("order.place"), newest, 60),
        (
            "action, deep",
            all().action("order.place"),
            EventPage::before(event, 50),
            60,
        ),
        ("actions", all().action("order."), newest, 60),
        ("target", all().target("order", "50000"), newest, 2),
        ("no such target", all().target("order", "none"), newest, 0),
        ("request", all().request(request), newest, 2),
        (
            "request and more",
            all().request(request).action("order.").outcome(Outcome::Success),
            newest,
            2,
        ),
        ("today", all().recorded_from(now - Duration::days(1)), newest, 60),
        (
            "another year",
            all().recorded_to(now - Duration::days(400)),
            newest,
            0,
        ),
        ("common", all().outcome(Outcome::Success), newest, 60),
        (
            "actor and common",
            all().actor(actor).outcome(Outcome::Success),
            newest,
            60,
        ),
        (
            "actor and rare",
            all().actor(actor).outcome(Outcome::Denied),
            newest,
            1_010,
        ),
        ("rare", all().outcome(Outcome::Denied), newest, 10_010),
    ] {
        let (one_after_the_other, by_index) = cost(&place, &filter, page).await;

        assert_eq!(one_after_the_other, 0, "{what}");
        assert!(by_index <= most, "{what}: {by_index}");
    }
}
