//! What a process says of the events it has numbered.

use std::collections::BTreeSet;

use platform_audit::{AuditLog, Outcome, StoredRow, Visibility};
use platform_core::testing::TestDb;
use platform_core::{RequestContext, Sources};
use serde_json::{Value, json};

use crate::support::{context, log_key, sealed_log, sent, shared, sources_at, stored};

fn attestations(rows: &[StoredRow]) -> Vec<Value> {
    let attesting = rows.iter().filter(|row| row.entry.action == "audit.attest");
    attesting
        .map(|row| {
            assert_eq!(row.entry.visibility, Visibility::Platform);
            assert_eq!(row.entry.outcome, Outcome::Success);
            row.entry.detail.as_ref().unwrap().to_value().unwrap()
        })
        .collect()
}

fn numbers(detail: &Value, member: &str) -> BTreeSet<u64> {
    let ranges: Vec<(u64, u64)> = serde_json::from_value(detail[member].clone()).unwrap();
    ranges
        .into_iter()
        .flat_map(|(first, last)| first..=last)
        .collect()
}

/// The numbers that an attestation says were committed.
fn claimed(detail: &Value) -> BTreeSet<u64> {
    let (from, through) = (
        detail["from"].as_u64().unwrap(),
        detail["through"].as_u64().unwrap(),
    );
    let silent = |number: &u64| {
        !numbers(detail, "absent").contains(number) && !numbers(detail, "unknown").contains(number)
    };
    (from..=through).filter(silent).collect()
}

async fn rolled_back(test: &TestDb, log: &AuditLog, ctx: &RequestContext) {
    let mut tx = test.db().begin(ctx).await.unwrap();
    log.record(&mut tx, ctx, sent("undone")).await.unwrap();
    tx.rollback().await.unwrap();
}

#[tokio::test]
async fn a_round_says_which_numbers_are_there_and_which_are_not() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let log = sealed_log();
    log.record_alone(&test.db(), &ctx, sent("p")).await.unwrap();
    rolled_back(&test, &log, &ctx).await;
    let mut dropped = test.db().begin(&ctx).await.unwrap();
    log.record(&mut dropped, &ctx, sent("dropped")).await.unwrap();
    drop(dropped);
    log.record_alone(&test.db(), &ctx, sent("p")).await.unwrap();

    let round = log.worker(&test.db()).round().await.unwrap();

    assert_eq!((round.attested, round.failed), (1, 0));
    let rows = stored(&test, &ctx).await;
    assert_eq!(
        attestations(&rows),
        [json!({
            "producer": rows[0].entry.producer, "from": 0, "through": 3, "absent": [[1, 2]], "unknown": [],
        })]
    );
    assert_eq!(rows.last().unwrap().entry.counter, Some(4));
}

#[tokio::test]
async fn a_tenant_of_which_only_the_last_attestation_is_not_attested_is_left_alone() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let log = sealed_log();
    let worker = log.worker(&test.db());
    log.record_alone(&test.db(), &ctx, sent("p")).await.unwrap();
    assert_eq!(worker.round().await.unwrap().attested, 1);

    assert_eq!(worker.round().await.unwrap().attested, 0);
    assert_eq!(worker.farewell().await.attested, 0);

    log.record_alone(&test.db(), &ctx, sent("p")).await.unwrap();
    assert_eq!(worker.round().await.unwrap().attested, 1);
    let attested = attestations(&stored(&test, &ctx).await);
    assert_eq!(
        (&attested[1]["from"], &attested[1]["through"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(log.counts().attested, 2);
}

#[tokio::test]
async fn what_is_not_settled_yet_is_attested_later() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let log = sealed_log();
    let worker = log.worker(&test.db());
    log.record_alone(&test.db(), &ctx, sent("p")).await.unwrap();
    let mut open = test.db().begin(&ctx).await.unwrap();
    log.record(&mut open, &ctx, sent("late")).await.unwrap();
    log.record_alone(&test.db(), &ctx, sent("p")).await.unwrap();

    worker.round().await.unwrap();
    assert_eq!(
        worker.round().await.unwrap().attested,
        0,
        "nothing new can be said"
    );
    open.commit().await.unwrap();
    worker.round().await.unwrap();

    let attested = attestations(&stored(&test, &ctx).await);
    assert_eq!(attested.len(), 2);
    assert_eq!(attested[0]["through"], 0);
    assert_eq!(
        (&attested[1]["from"], &attested[1]["through"]),
        (&json!(1), &json!(3))
    );
    assert_eq!(claimed(&attested[1]), BTreeSet::from([1, 2, 3]));
}

#[tokio::test]
async fn an_event_that_was_recorded_already_leaves_its_number_absent() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let log = sealed_log();
    let id = log.record_alone(&test.db(), &ctx, sent("p")).await.unwrap();
    let mut tx = test.db().begin(&ctx).await.unwrap();
    log.record_all(&mut tx, &ctx, vec![sent("q"), sent("p").id(id), sent("r")])
        .await
        .unwrap();
    tx.commit().await.unwrap();

    log.worker(&test.db()).round().await.unwrap();

    let attested = attestations(&stored(&test, &ctx).await);
    assert_eq!(attested[0]["through"], 3);
    assert_eq!(numbers(&attested[0], "absent"), BTreeSet::from([2]));
}

#[tokio::test]
async fn who_gives_up_waiting_for_an_insert_does_not_make_the_process_claim_it() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    // Sent, and not waited for. Now and then the answer is quicker than the look for it.
    let (log, tx) = loop {
        let log = sealed_log();
        let mut tx = test.db().begin(&ctx).await.unwrap();
        let polled = {
            let mut recording = std::pin::pin!(log.record(&mut tx, &ctx, sent("p")));
            futures::poll!(&mut recording)
        };
        if polled.is_pending() {
            break (log, tx);
        }
        tx.rollback().await.unwrap();
    };
    tx.commit().await.unwrap();

    log.worker(&test.db()).round().await.unwrap();

    let attested = attestations(&stored(&test, &ctx).await);
    assert_eq!(numbers(&attested[0], "unknown"), BTreeSet::from([0]));
    assert!(claimed(&attested[0]).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_happens_at_once_every_claimed_number_is_there_and_every_number_that_is_there_is_claimed() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let log = sealed_log();
    let worker = log.worker(&test.db());
    let task = |kind: u64| {
        let (test, log, ctx) = (test.clone(), log.clone(), ctx.clone());
        async move {
            for at in 0..25_u64 {
                let mut tx = test.db().begin(&ctx).await.unwrap();
                let batch = (0..=at % 3).map(|_| sent("p")).collect();
                log.record_all(&mut tx, &ctx, batch).await.unwrap();
                match (at + kind) % 3 {
                    0 => tx.rollback().await.unwrap(),
                    1 => drop(tx),
                    _ => tx.commit().await.unwrap(),
                }
            }
        }
    };
    let recording: Vec<_> = (0..4).map(|kind| tokio::spawn(task(kind))).collect();
    for _ in 0..10 {
        worker.round().await.unwrap();
    }
    for recorded in recording {
        recorded.await.unwrap();
    }

    worker.farewell().await;

    let rows = stored(&test, &ctx).await;
    let there: BTreeSet<_> = rows.iter().map(|row| row.entry.counter.unwrap()).collect();
    let attested = attestations(&rows);
    let claims: Vec<_> = attested.iter().map(claimed).collect();
    let all: BTreeSet<_> = claims.iter().flatten().copied().collect();
    assert!(
        all.is_subset(&there),
        "claimed and not there: {:?}",
        all.difference(&there)
    );
    let last = rows.iter().filter(|row| row.entry.action == "audit.attest");
    let last = last.map(|row| row.entry.counter.unwrap()).max().unwrap();
    // Nobody can attest the last attestation.
    assert_eq!(there.difference(&all).copied().collect::<Vec<_>>(), [last]);
    assert!(
        attested
            .iter()
            .all(|detail| numbers(detail, "unknown").is_empty())
    );
    let mut next = 0;
    for detail in &attested {
        assert_eq!(detail["from"], next, "no number is left out");
        next = detail["through"].as_u64().unwrap() + 1;
    }
}

#[tokio::test]
async fn a_process_keeps_count_of_a_bounded_number_of_tenants() {
    let test = shared().await;
    let log = AuditLog::new(Sources::system()).sealed_for(&log_key(), 2);
    let worker = log.worker(&test.db());
    let mut tenants = Vec::new();
    for _ in 0..3 {
        let (_, ctx) = context(&test).await;
        log.record_alone(&test.db(), &ctx, sent("p")).await.unwrap();
        tenants.push(ctx);
    }
    let third = &stored(&test, &tenants[2]).await[0];
    assert_eq!((third.entry.producer, third.entry.counter), (None, None));
    assert!(third.entry.seal.is_some());
    assert_eq!(log.counts().uncounted, 1);

    // Once the others are attested there is room, and who was forgotten begins with another producer.
    assert_eq!(worker.round().await.unwrap().attested, 2);
    for ctx in [&tenants[2], &tenants[2], &tenants[0]] {
        log.record_alone(&test.db(), ctx, sent("p")).await.unwrap();
    }

    let of = |rows: &[StoredRow]| -> Vec<_> {
        let numbered = rows.iter().filter(|row| row.entry.action != "audit.attest");
        numbered
            .map(|row| (row.entry.producer, row.entry.counter))
            .collect()
    };
    let third = of(&stored(&test, &tenants[2]).await);
    assert_eq!(
        third
            .iter()
            .filter_map(|(_, counter)| *counter)
            .collect::<Vec<_>>(),
        [0, 1]
    );
    let first = of(&stored(&test, &tenants[0]).await);
    assert_eq!((first[0].1, first[1].1), (Some(0), Some(0)));
    assert_ne!(first[0].0, first[1].0);
    assert_eq!(log.counts().uncounted, 1);
}

#[tokio::test]
async fn an_attestation_that_the_database_does_not_take_is_made_again() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let log = sealed_log();
    log.record_alone(&test.db(), &ctx, sent("p")).await.unwrap();
    let gone = platform_core::pg::Db::unconnected(Sources::system());

    let failed = log.worker(&gone).round().await.unwrap();
    assert_eq!((failed.attested, failed.failed), (0, 1));

    assert_eq!(log.worker(&test.db()).round().await.unwrap().attested, 1);
    let attested = attestations(&stored(&test, &ctx).await);
    assert_eq!(attested.len(), 1);
    assert!(claimed(&attested[0]).contains(&0));
}

#[tokio::test]
async fn the_worker_takes_its_leave_when_it_is_told_to_stop() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let log = sealed_log();
    let stop = tokio_util::sync::CancellationToken::new();
    let worker = log.worker(&test.db());
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { worker.run(stop).await }
    });
    log.record_alone(&test.db(), &ctx, sent("p")).await.unwrap();

    stop.cancel();
    running.await.unwrap();

    assert_eq!(attestations(&stored(&test, &ctx).await).len(), 1);
}

// A11
#[tokio::test]
async fn a_clock_that_is_wrong_can_be_seen_in_the_event() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let behind = Sources::system().now() - platform_core::time::Duration::hours(5);
    let (_, sources) = sources_at(behind);

    AuditLog::new(sources)
        .record_alone(&test.db(), &ctx, sent("p"))
        .await
        .unwrap();

    let row = &stored(&test, &ctx).await[0];
    assert_eq!(row.entry.occurred_at, behind);
    let skew = row.entry.recorded_at - row.entry.occurred_at;
    assert!(skew.whole_hours() == 5, "{skew}");
}

/// A superuser's trigger that takes events out again in the transaction that has inserted them.
async fn thief(test: &TestDb, action: &str) {
    use platform_core::sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
    let mut superuser = PgConnection::connect(&test.superuser_url()).await.unwrap();
    let statements = format!(
        "do $$ declare part record; begin
           for part in select oid::regclass as name from pg_class
             where relnamespace = 'platform_audit'::regnamespace and relname like 'event%' and relkind in ('r', 'p')
           loop execute format('alter table only %s disable trigger is_insert_only', part.name); end loop;
         end $$;
         create function public.steal() returns trigger language plpgsql security definer as $$
         begin delete from platform_audit.event e using added where e.id = added.id and e.action = '{action}'; return null; end $$;
         create trigger zz_steal after insert on platform_audit.event referencing new table as added
           for each statement execute function public.steal()"
    );
    superuser.execute(AssertSqlSafe(statements)).await.unwrap();
}

#[tokio::test]
async fn attestations_that_a_trigger_deletes_are_missed_by_the_next_round() {
    let test = Box::pin(TestDb::own(&[&platform_audit::MIGRATIONS])).await;
    let (_, ctx) = context(&test).await;
    let log = sealed_log();
    let worker = log.worker(&test.db());
    log.record_alone(&test.db(), &ctx, sent("p")).await.unwrap();
    assert_eq!(worker.round().await.unwrap().attested, 1);
    assert_eq!(worker.round().await.unwrap().missing, 0);
    thief(&test, "audit.attest").await;
    log.record_alone(&test.db(), &ctx, sent("p")).await.unwrap();
    assert_eq!(
        worker.round().await.unwrap().missing,
        0,
        "it was only just recorded"
    );
    assert_eq!(log.counts().attestations_missing, 0);

    let round = worker.round().await.unwrap();

    assert_eq!((round.missing, round.failed), (1, 0));
    assert_eq!(log.counts().attestations_missing, 1);
    assert_eq!(
        worker.round().await.unwrap().missing,
        0,
        "each is looked for once"
    );
}

/// Deletes events before they have their places, past the trigger that guards the table.
async fn delete(test: &TestDb, action: &str) {
    use platform_core::sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
    let mut superuser = PgConnection::connect(&test.superuser_url()).await.unwrap();
    let statements = format!(
        "set session_replication_role = replica; delete from platform_audit.event where action = '{action}'"
    );
    superuser.execute("do $$ declare part record; begin
           for part in select oid::regclass as name from pg_class
             where relnamespace = 'platform_audit'::regnamespace and relname like 'event%' and relkind in ('r', 'p')
           loop execute format('alter table only %s disable trigger all', part.name); end loop;
         end $$").await.unwrap();
    superuser.execute(AssertSqlSafe(statements)).await.unwrap();
}

#[tokio::test]
async fn an_attestation_is_looked_for_until_it_is_in_the_tree() {
    let test = Box::pin(TestDb::own(&[&platform_audit::MIGRATIONS])).await;
    let (_, ctx) = context(&test).await;
    let log = sealed_log();
    let worker = log.worker(&test.db());
    for _ in 0..2 {
        log.record_alone(&test.db(), &ctx, sent("p")).await.unwrap();
        assert_eq!(worker.round().await.unwrap().attested, 1);
    }
    // Both are there, and nothing has sequenced them.
    assert_eq!(worker.round().await.unwrap().missing, 0);

    delete(&test, "audit.attest").await;

    assert_eq!(worker.round().await.unwrap().missing, 2, "those of two rounds");
    assert_eq!(log.counts().attestations_missing, 2);
    assert_eq!(worker.round().await.unwrap().missing, 0);
}

#[tokio::test]
async fn an_attestation_that_does_not_come_into_the_tree_is_told_once() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let log = sealed_log();
    let worker = log.worker(&test.db());
    log.record_alone(&test.db(), &ctx, sent("p")).await.unwrap();
    worker.round().await.unwrap();
    let mut told = 0;
    for _ in 0..20 {
        let round = worker.round().await.unwrap();
        assert_eq!(round.missing, 0);
        told += round.unsequenced;
    }
    assert_eq!(told, 1);
    assert_eq!(log.counts().attestations_unsequenced, 1);
    assert_eq!(log.counts().attestations_missing, 0);
}

#[tokio::test]
async fn an_attestation_that_cannot_be_looked_for_is_looked_for_again() {
    let test = Box::pin(TestDb::own(&[&platform_audit::MIGRATIONS])).await;
    let (_, ctx) = context(&test).await;
    let log = sealed_log();
    let worker = log.worker(&test.db());
    log.record_alone(&test.db(), &ctx, sent("p")).await.unwrap();
    worker.round().await.unwrap();
    delete(&test, "audit.attest").await;
    let gone = platform_core::pg::Db::unconnected(Sources::system());

    assert_eq!(log.worker(&gone).round().await.unwrap().missing, 0);

    assert_eq!(worker.farewell().await.missing, 1);
}
