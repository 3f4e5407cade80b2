use platform_audit::Retention;
use platform_core::sqlx::{self, Connection, Executor, PgConnection};

use crate::run::prune;
use crate::support::{Trail, days, event};

#[tokio::test]
async fn months_without_a_row_are_dropped_and_others_stay() {
    let trail = Trail::new().await;
    let mut superuser = trail.superuser().await;
    add_months(&trail, 14).await;
    let partitions = "select count(*) from pg_inherits where inhparent = 'platform_audit.event'::regclass";
    let before: i64 = sqlx::query_scalar(partitions)
        .fetch_one(&mut superuser)
        .await
        .unwrap();
    trail.record_aged(days(380), event(Retention::OPERATIONAL)).await;
    trail.record_aged(days(300), event(Retention::REGULATORY)).await;
    trail.sequence().await;

    let first = prune(&trail).await;
    trail.sequence().await;
    let second = prune(&trail).await;

    let after: i64 = sqlx::query_scalar(partitions)
        .fetch_one(&mut superuser)
        .await
        .unwrap();
    // Events and their bytes have a partition each.
    let dropped = first.months_dropped + second.months_dropped;
    assert_eq!(i64::try_from(dropped).unwrap(), 2 * (before - after));
    assert_eq!(second.months_dropped, 2);
    let past: Vec<String> = sqlx::query_scalar(
        "select relid::text from pg_partition_tree('platform_audit.event')
         where relid::text ~ '_[0-9]{4}_[0-9]{2}$' and right(relid::text, 7) < to_char(now(), 'YYYY_MM')",
    )
    .fetch_all(&mut superuser)
    .await
    .unwrap();
    assert_eq!(past.len(), 1, "{past:?}");
    assert_eq!(trail.count("event").await, 1 + 1);
}

#[tokio::test]
async fn a_month_in_which_somebody_reads_is_dropped_another_time() {
    let trail = Trail::new().await;
    let mut superuser = trail.superuser().await;
    add_months(&trail, 1).await;
    let mut reading = superuser.begin().await.unwrap();
    for table in ["event", "entry"] {
        let sql = format!("select from platform_audit.{table}");
        reading.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
    }

    let kept = prune(&trail).await;
    reading.rollback().await.unwrap();
    let dropped = prune(&trail).await;

    assert_eq!((kept.months_dropped, dropped.months_dropped), (0, 2));
}

/// As if the service had run for so many months.
async fn add_months(trail: &Trail, ago: i32) {
    let mut owner = PgConnection::connect(&trail.test.owner_url()).await.unwrap();
    sqlx::query("select platform_audit.add_months((now() - $1 * interval '1 month')::date, now()::date)")
        .bind(ago)
        .execute(&mut owner)
        .await
        .unwrap();
}
