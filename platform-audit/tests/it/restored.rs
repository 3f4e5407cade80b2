//! A database that belongs to somebody else than before.

use platform_core::sqlx::{AssertSqlSafe, Executor as _};

use crate::support::{context, log, own, sent, stored, superuser};

#[tokio::test]
async fn a_database_that_was_restored_under_another_owner_goes_on_recording() {
    let test = own().await;
    let (_, ctx) = context(&test).await;
    let mut superuser = superuser(&test).await;
    // What a restore does that leaves the owner out: everything belongs to whoever restores.
    superuser
        .execute(
            "do $$ begin
               if not exists (select from pg_roles where rolname = 'platform_restorer') then
                 create role platform_restorer;
               end if;
             end $$;
             do $$ declare owner name; begin
               select pg_get_userbyid(relowner) into owner from pg_class where oid = 'platform_audit.pending'::regclass;
               execute format('reassign owned by %I to platform_restorer', owner);
             end $$",
        )
        .await
        .unwrap();

    log()
        .record_alone(&test.db(), &ctx, sent("parcel"))
        .await
        .unwrap();

    assert_eq!(stored(&test, &ctx).await.len(), 1);
    // And what the triggers see is still nobody else's.
    let seen = AssertSqlSafe("select count(*) from platform_audit.pending");
    let mut read = test.db().read(&ctx).await.unwrap();
    let waiting: i64 = platform_core::sqlx::query_scalar(seen)
        .fetch_one(&mut read)
        .await
        .unwrap();
    assert_eq!(waiting, 1);
    let mut others = test.db().read(&context(&test).await.1).await.unwrap();
    let waiting: i64 = platform_core::sqlx::query_scalar("select count(*) from platform_audit.pending")
        .fetch_one(&mut others)
        .await
        .unwrap();
    assert_eq!(waiting, 0);
}
