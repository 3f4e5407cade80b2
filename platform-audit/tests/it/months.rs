//! Partitions by month.

use platform_audit::{AuditLog, RETENTION};
use platform_core::sqlx::{self, Executor};
use platform_core::testing::TestDb;
use platform_core::time::Duration;
use platform_core::{RequestContext, Timestamp};

use crate::support::{context, own, owner, sent, sources_at, sqlstate, stored, superuser};

/// In which partition each event of a tenant is, in the order of ids.
async fn partitions(test: &TestDb, ctx: &RequestContext) -> Vec<String> {
    let sql = "select tableoid::regclass::text from platform_audit.event where tenant_id = $1 order by id";
    sqlx::query_scalar(sql)
        .bind(ctx.tenant())
        .fetch_all(&mut superuser(test).await)
        .await
        .unwrap()
}

fn month(at: Timestamp) -> String {
    format!(
        "platform_audit.event_{:04}_{:02}",
        at.year(),
        u8::from(at.month())
    )
}

async fn recorded_at(test: &TestDb, ctx: &RequestContext, at: Timestamp) {
    let (_, sources) = sources_at(at);
    let log = AuditLog::new(sources);
    log.record_alone(&test.db(), ctx, sent("p")).await.unwrap();
}

async fn keep_ahead(test: &TestDb) -> i32 {
    let mut tx = test.db().begin_as(&RETENTION).await.unwrap();
    let made = sqlx::query_scalar("select platform_audit.keep_months_ahead()")
        .fetch_one(&mut tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    made
}

#[tokio::test]
async fn an_event_is_where_its_id_says() {
    let test = own().await;
    let (_, ctx) = context(&test).await;
    let now = test.sources().now();
    let next = now + Duration::days(31);
    // Of no month that there is.
    let ages_ago = now - Duration::days(4_000);
    let far_ahead = now + Duration::days(400);

    for at in [ages_ago, now, next, far_ahead] {
        recorded_at(&test, &ctx, at).await;
    }

    let other = "platform_audit.event_other".to_owned();
    assert_eq!(
        partitions(&test, &ctx).await,
        [other.clone(), month(now), month(next), other]
    );
    assert_eq!(stored(&test, &ctx).await.len(), 4);
}

#[tokio::test]
async fn the_months_ahead_are_made_again_when_one_is_missing_and_by_nobody_but_the_job() {
    let test = own().await;
    let (_, ctx) = context(&test).await;
    assert_eq!(keep_ahead(&test).await, 0, "the migration has made them");
    let in_two_months = test.sources().now().replace_day(1).unwrap() + Duration::days(62);
    let mut owner = owner(&test).await;
    for table in ["event", "entry"] {
        let drop = month(in_two_months).replace("event", table);
        owner
            .execute(sqlx::AssertSqlSafe(format!("drop table {drop}")))
            .await
            .unwrap();
    }

    assert_eq!(keep_ahead(&test).await, 2);
    assert_eq!(keep_ahead(&test).await, 0);
    recorded_at(&test, &ctx, in_two_months).await;
    assert_eq!(partitions(&test, &ctx).await, [month(in_two_months)]);

    let mut tx = test.db().begin(&ctx).await.unwrap();
    let refused = sqlx::query("select platform_audit.keep_months_ahead()")
        .execute(&mut tx)
        .await;
    assert_eq!(sqlstate(&refused.unwrap_err()), "42501");
}

#[tokio::test]
async fn a_month_whose_events_are_among_the_others_already_takes_them_along() {
    let test = own().await;
    let (_, ctx) = context(&test).await;
    let long_ago = test.sources().now() - Duration::days(100);
    recorded_at(&test, &ctx, long_ago).await;
    let mut owner = owner(&test).await;

    let made: i32 =
        sqlx::query_scalar("select platform_audit.add_months($1::timestamptz::date, $1::timestamptz::date)")
            .bind(long_ago)
            .fetch_one(&mut owner)
            .await
            .unwrap();

    assert_eq!(made, 2);
    let found = partitions(&test, &ctx).await;
    assert_eq!(found.len(), 1);
    assert_ne!(found, ["platform_audit.event_other"]);
    recorded_at(&test, &ctx, long_ago).await;
    assert_eq!(stored(&test, &ctx).await.len(), 2);
    let too_many = owner
        .execute("select platform_audit.add_months('2000-01-01', '2020-01-01')")
        .await;
    assert_eq!(sqlstate(&too_many.unwrap_err()), "P0001");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_make_the_same_months_one_does() {
    let test = own().await;
    let make = || {
        let test = test.clone();
        tokio::spawn(async move {
            let mut owner = owner(&test).await;
            let sql = "select platform_audit.add_months('2031-01-01', '2031-04-01')";
            sqlx::query_scalar::<_, i32>(sql)
                .fetch_one(&mut owner)
                .await
                .unwrap()
        })
    };

    let (a, b, c, d) = tokio::join!(make(), make(), make(), make());

    let mut made = [a.unwrap(), b.unwrap(), c.unwrap(), d.unwrap()];
    made.sort_unstable();
    assert_eq!(made, [0, 0, 0, 8]);
}
