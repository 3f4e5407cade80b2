//! Verifying a trail of which the planner knows nothing, as right after a restore, or what was true long ago.

use platform_audit::{Trust, VerifyOptions, verify_stored};
use platform_core::RequestContext;
use platform_core::pg::Db;
use platform_core::sqlx;

use crate::support::{Trail, settle};

const SEQUENCED: usize = 10_000;
const PENDING: usize = 20_000;

/// Nested loops are all that is left to a statement over two tables, and they read what they compare again and again. Without them it
/// would depend on the day what the planner makes of such statistics.
const WORST_PLANS: &str = "
    do $$ begin
      execute format('alter database %I set enable_hashjoin = off', current_database());
      execute format('alter database %I set enable_mergejoin = off', current_database());
      execute format('alter database %I set enable_material = off', current_database());
    end $$;
    do $$ declare part record; begin
      for part in select c.oid::regclass as name from pg_class c where c.relnamespace = 'platform_audit'::regnamespace and c.relkind = 'r' loop
        execute format('alter table %s set (autovacuum_enabled = off)', part.name);
      end loop;
    end $$;";

/// What was never analyzed, and what was when there was next to nothing.
const STATISTICS: [&str; 2] = ["reltuples = -1, relpages = 0", "reltuples = 1, relpages = 1"];

/// Blocks that were read of the tables of the trail and of their indexes, from the disk or not.
async fn blocks(trail: &Trail) -> i64 {
    sqlx::query_scalar(
        "select sum(heap_blks_read + heap_blks_hit + coalesce(idx_blks_read, 0) + coalesce(idx_blks_hit, 0))::bigint
         from pg_statio_user_tables where schemaname = 'platform_audit'",
    )
    .fetch_one(&mut trail.superuser().await)
    .await
    .unwrap()
}

/// Has the connection say what it has read.
async fn flush(db: &Db, ctx: &RequestContext) {
    let mut read = db.read(ctx).await.unwrap();
    sqlx::query("select pg_stat_force_next_flush()")
        .execute(&mut read)
        .await
        .unwrap();
    read.finish().await.unwrap();
}

#[tokio::test]
async fn a_long_trail_is_verified_whatever_the_planner_knows_of_it() {
    let trail = Trail::new().await;
    trail.sql(WORST_PLANS).await;
    let ctx = trail.test.context(trail.test.tenant().await);
    let trust = Trust::new(trail.key.origin(ctx.tenant()), trail.key.verifier(ctx.tenant()));
    trail.record_many(&ctx, SEQUENCED).await;
    settle(&trail.sequencer()).await;
    trail.record_many(&ctx, PENDING).await;

    for statistics in STATISTICS {
        let tables = "relnamespace = 'platform_audit'::regnamespace";
        trail
            .sql(&format!(
                "delete from pg_statistic where starelid in (select oid from pg_class where {tables});
                 update pg_class set {statistics} where {tables} and relkind in ('r', 'i')"
            ))
            .await;
        // One connection, which has these settings.
        let db = trail.test.connect_with(1).await;
        flush(&db, &ctx).await;
        let before = blocks(&trail).await;

        let report = verify_stored(&db, &ctx, &trust, VerifyOptions::new())
            .await
            .unwrap();

        flush(&db, &ctx).await;
        let read = blocks(&trail).await - before;
        assert_eq!((report.findings, report.pending), (vec![], PENDING as u64));
        assert_eq!(report.proven.map(|head| head.size), Some(SEQUENCED as u64));
        let events = (SEQUENCED + PENDING) as i64;
        assert!(
            read < 40 * events,
            "{statistics}: {read} blocks for {events} events"
        );
        db.close().await;
    }
}
