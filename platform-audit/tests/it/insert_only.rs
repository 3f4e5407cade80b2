use platform_audit::{Action, Event, MIGRATIONS, Outcome};
use platform_core::sqlx::{self, Connection, PgConnection};
use platform_core::testing::TestDb;

use crate::support::{context, events, log, shared};

const SENT: Action = Action::new("parcel.send");

#[tokio::test]
async fn the_application_cannot_change_or_remove_an_event() {
    let test = shared().await;
    let (tenant, ctx) = context(&test).await;
    log()
        .record_alone(
            &test.db(),
            &ctx,
            Event::new(SENT, Outcome::Success).target("parcel", "p"),
        )
        .await
        .unwrap();

    for sql in [
        "update platform_audit.event set outcome = 'failure' where tenant_id = $1",
        "delete from platform_audit.event where tenant_id = $1",
    ] {
        let mut tx = test.db().begin(&ctx).await.unwrap();
        let error = sqlx::query(sql).bind(tenant).execute(&mut tx).await.unwrap_err();
        assert_eq!(sqlstate(&error), "42501", "{sql}");
    }
    assert_eq!(events(&test, &ctx, "parcel", "p").await.len(), 1);
}

#[tokio::test]
async fn nobody_else_can_either_not_even_past_ordinary_triggers() {
    let test = Box::pin(TestDb::own(&[&MIGRATIONS])).await;
    let (_, ctx) = context(&test).await;
    log()
        .record_alone(
            &test.db(),
            &ctx,
            Event::new(SENT, Outcome::Success).target("parcel", "p"),
        )
        .await
        .unwrap();

    for url in [test.owner_url(), test.superuser_url()] {
        let mut connection = PgConnection::connect(&url).await.unwrap();
        for sql in [
            "update platform_audit.event set outcome = 'failure'",
            "update platform_audit.event set outcome = 'failure' where false",
            "delete from platform_audit.event",
            "truncate platform_audit.event",
        ] {
            let error = sqlx::query(sql).execute(&mut connection).await.unwrap_err();
            assert_eq!(sqlstate(&error), "42501", "{sql}");
            assert!(
                error.to_string().contains("audit events cannot be changed"),
                "{sql}: {error}"
            );
        }
    }
    let mut superuser = PgConnection::connect(&test.superuser_url()).await.unwrap();
    sqlx::query("set session_replication_role = replica")
        .execute(&mut superuser)
        .await
        .unwrap();
    assert!(
        sqlx::query("delete from platform_audit.event")
            .execute(&mut superuser)
            .await
            .is_err()
    );
    assert_eq!(events(&test, &ctx, "parcel", "p").await.len(), 1);
}

fn sqlstate(error: &sqlx::Error) -> String {
    error
        .as_database_error()
        .and_then(|error| error.code())
        .unwrap_or_default()
        .into_owned()
}
