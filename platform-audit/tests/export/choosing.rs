//! Selections from a trail whose columns somebody has altered.

use platform_audit::{Entry, EventFilter, Export, ExportError, ExportFormat, LeafHash, ProveError};
use platform_core::sqlx::{self, AssertSqlSafe};
use platform_core::uuid::Uuid;

use crate::support::Place;

/// Runs statements as a superuser without any trigger. `$id` is the event at position 1 of four.
async fn tampered(statements: &str) -> Place {
    let place = Place::own().await;
    place.record_orders(4).await;
    place.integrate().await;
    let mut superuser = place.superuser().await;
    let id: Uuid = sqlx::query_scalar("select id from platform_audit.leaf where tenant_id = $1 and seq = 1")
        .bind(place.tenant)
        .fetch_one(&mut superuser)
        .await
        .unwrap();
    let off = "do $$ declare part record; begin
        for part in select oid::regclass as name from pg_class
          where relnamespace = 'platform_audit'::regnamespace and relkind in ('r', 'p')
        loop execute format('alter table only %s disable trigger all', part.name); end loop; end $$";
    let statements = statements.replace("$id", &format!("'{id}'"));
    sqlx::raw_sql(AssertSqlSafe(format!("{off}; {statements}")))
        .execute(&mut superuser)
        .await
        .unwrap();
    place
}

async fn failure(place: &Place, export: Export) -> Option<ExportError> {
    let log = &place.log;
    let mut running = log
        .export(&place.db, &place.key, &place.ctx, export)
        .await
        .unwrap();
    loop {
        match running.next().await {
            Ok(Some(_)) => {}
            Ok(None) => return None,
            Err(error) => return Some(error),
        }
    }
}

#[tokio::test]
async fn a_selection_from_a_sound_trail_ends_well() {
    let place = tampered("select 1").await;
    for filter in [EventFilter::new(), EventFilter::new().target("order", "o-1")] {
        assert!(failure(&place, Export::selected(filter)).await.is_none());
    }
    place.forget(2).await;
    assert!(
        failure(&place, Export::selected(EventFilter::new()))
            .await
            .is_none()
    );
}

#[tokio::test]
async fn an_event_that_was_taken_out_of_a_selection_or_put_into_one_breaks_it_off() {
    for statement in [
        "update platform_audit.event set action = 'parcel.send' where id = $id",
        "update platform_audit.event set targets = '[]' where id = $id",
        "update platform_audit.event set target_id = 'o-3' where id = $id",
        "update platform_audit.event set visibility = 'platform' where id = $id",
        "update platform_audit.event set recorded_at = recorded_at - interval '1 year' where id = $id",
        "update platform_audit.event set actor_id = gen_random_uuid() where id = $id",
        "delete from platform_audit.event where id = $id",
        "delete from platform_audit.leaf where id = $id",
        "update platform_audit.leaf set leaf = sha256('x') where id = $id",
    ] {
        let place = tampered(statement).await;
        for filter in [
            EventFilter::new().action("order.place"),
            EventFilter::new().action("parcel."),
            EventFilter::new().target("order", "o-3"),
        ] {
            for format in [ExportFormat::JsonLines, ExportFormat::Csv] {
                let failed = failure(&place, Export::selected(filter.clone()).format(format)).await;
                assert!(
                    matches!(failed, Some(ExportError::Damaged { seq: 1 })),
                    "{statement}: {failed:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn an_event_that_was_altered_with_its_leaf_and_its_bytes_breaks_a_selection_off_at_its_end() {
    let place = tampered("select 1").await;
    let mut superuser = place.superuser().await;
    let (id, bytes): (Uuid, Vec<u8>) = sqlx::query_as(
        "select n.id, n.bytes from platform_audit.entry n join platform_audit.leaf l on l.id = n.id where l.tenant_id = $1 and l.seq = 1",
    )
    .bind(place.tenant)
    .fetch_one(&mut superuser)
    .await
    .unwrap();
    let mut forged = Entry::from_bytes(&bytes).unwrap();
    forged.action = "parcel.send".into();
    let forged = forged.to_bytes().unwrap();
    for (statement, value) in [
        (
            "update platform_audit.entry set bytes = $2 where id = $1",
            forged.clone(),
        ),
        (
            "update platform_audit.leaf set leaf = $2 where id = $1",
            LeafHash::of(&forged).as_bytes().to_vec(),
        ),
        (
            "update platform_audit.event set action = 'parcel.send' where id = $1 and $2::bytea is not null",
            vec![],
        ),
    ] {
        let done = sqlx::query(statement)
            .bind(id)
            .bind(value)
            .execute(&mut superuser)
            .await
            .unwrap();
        assert_eq!(done.rows_affected(), 1);
    }

    let failed = failure(&place, Export::selected(EventFilter::new().action("order.place"))).await;

    assert!(
        matches!(
            failed,
            Some(ExportError::Unproven(ProveError::Damaged { size: 4 }))
        ),
        "{failed:?}"
    );
}
