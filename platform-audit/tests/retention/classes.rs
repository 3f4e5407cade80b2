use platform_audit::{KeepFor, RETENTION, Retention, RetentionClass};
use platform_core::sqlx::{self, AssertSqlSafe, Connection, Executor, PgConnection};

use crate::support::{Trail, days, event, sqlstate};

#[tokio::test]
async fn the_classes_of_the_platform_say_how_long_and_by_which_law() {
    let trail = Trail::new().await;

    let classes = classes(&trail).await;

    let periods: Vec<_> = classes
        .iter()
        .map(|class| {
            (
                class.name.as_str(),
                class.keep_min.to_string(),
                class.keep_max.map(|max| max.to_string()),
            )
        })
        .collect();
    assert_eq!(
        periods,
        [
            ("operational", "90 days".to_owned(), Some("180 days".to_owned())),
            ("permanent", "1000 years".to_owned(), None),
            ("regulatory", "6 years".to_owned(), Some("7 years".to_owned())),
            ("security", "1 year".to_owned(), Some("2 years".to_owned())),
        ]
    );
    let duties: Vec<_> = classes.iter().filter_map(|class| class.duty.as_deref()).collect();
    assert_eq!(duties, ["SEC rule 17a-4, FINRA rule 4511"]);
}

#[tokio::test]
async fn the_owner_adds_classes_and_lengthens_them_and_nobody_shortens_them() {
    let trail = Trail::new().await;
    let mut owner = PgConnection::connect(&trail.test.owner_url()).await.unwrap();
    owner
        .execute("insert into platform_audit.retention_class (name, keep_min, keep_max) values ('tax', '10 years 6 months', '11 years')")
        .await
        .unwrap();
    owner
        .execute("update platform_audit.retention_class set keep_min = '10 years', keep_max = '12 years' where name = 'regulatory'")
        .await
        .unwrap();

    for url in [trail.test.owner_url(), trail.test.superuser_url()] {
        let mut connection = PgConnection::connect(&url).await.unwrap();
        for sql in [
            "update platform_audit.retention_class set keep_min = '1 day' where name = 'tax'",
            // As long as ten years where all months have thirty days, and shorter by the calendar.
            "update platform_audit.retention_class set keep_min = '3601 days' where name = 'regulatory'",
            "update platform_audit.retention_class set name = 'other' where name = 'tax'",
            "update platform_audit.retention_class set duty = null where name = 'regulatory'",
            "delete from platform_audit.retention_class where name = 'tax'",
            "truncate platform_audit.retention_class",
        ] {
            let error = connection.execute(sql).await.unwrap_err();
            assert_eq!(sqlstate(&error), "42501", "{sql}");
        }
    }
    let tax = classes(&trail)
        .await
        .into_iter()
        .find(|class| class.name.as_str() == "tax")
        .unwrap();
    assert_eq!(
        tax.keep_min,
        KeepFor {
            months: 126,
            days: 0,
            microseconds: 0
        }
    );
    assert_eq!(tax.keep_min.to_string(), "10 years 6 months");
}

#[tokio::test]
async fn the_application_reads_classes_and_does_not_write_them() {
    let trail = Trail::new().await;

    let mut tx = trail.test.db().begin(&trail.ctx).await.unwrap();
    let error = sqlx::query(
        "insert into platform_audit.retention_class (name, keep_min) values ('short', '1 second')",
    )
    .execute(&mut tx)
    .await
    .unwrap_err();

    assert_eq!(sqlstate(&error), "42501");
}

#[tokio::test]
async fn nobody_deletes_an_event_before_the_time_of_its_class_is_over() {
    let trail = Trail::new().await;
    let kept = [
        (days(89), Retention::OPERATIONAL),
        (days(364), Retention::SECURITY),
        (days(6 * 365), Retention::REGULATORY),
        (days(100_000), Retention::new("unheard_of")),
    ];
    for (age, class) in &kept {
        trail.record_aged(*age, event(class.clone())).await;
    }
    let due = [
        (days(91), Retention::OPERATIONAL),
        (days(367), Retention::SECURITY),
        (days(6 * 365 + 3), Retention::REGULATORY),
    ];
    for (age, class) in &due {
        trail.record_aged(*age, event(class.clone())).await;
    }
    trail.sequence().await;

    // The application, the owner and the superuser may delete nothing at all …
    let mut tx = trail.test.db().begin(&trail.ctx).await.unwrap();
    let refused = sqlx::query("delete from platform_audit.event")
        .execute(&mut tx)
        .await
        .unwrap_err();
    assert_eq!(sqlstate(&refused), "42501");
    for url in [trail.test.owner_url(), trail.test.superuser_url()] {
        let mut connection = PgConnection::connect(&url).await.unwrap();
        for table in ["event", "entry", "leaf", &partition(&trail).await] {
            let sql = format!("delete from platform_audit.{table}");
            let refused = connection.execute(AssertSqlSafe(sql)).await.unwrap_err();
            assert_eq!(sqlstate(&refused), "42501", "{table}");
        }
    }
    assert_eq!(trail.count("event").await, 7);

    // … and the role for it only what is due, with its bytes, be it the pruner that has it or a superuser.
    let mut superuser = trail.superuser().await;
    let mut taken = superuser.begin().await.unwrap();
    taken.execute("set local role platform_retention").await.unwrap();
    let deleted = taken
        .execute("delete from platform_audit.event")
        .await
        .unwrap()
        .rows_affected();
    let entries = taken
        .execute("delete from platform_audit.entry")
        .await
        .unwrap()
        .rows_affected();
    assert_eq!((deleted, entries), (3, 3));
    taken.rollback().await.unwrap();
    let mut tx = trail.test.db().begin_as(&RETENTION).await.unwrap();
    let deleted = sqlx::query("delete from platform_audit.event")
        .execute(&mut tx)
        .await
        .unwrap()
        .rows_affected();
    let leaves = sqlx::query("delete from platform_audit.leaf")
        .execute(&mut tx)
        .await
        .unwrap_err();
    assert_eq!(deleted, 3);
    assert_eq!(sqlstate(&leaves), "42501");
}

#[tokio::test]
async fn a_retention_role_that_was_put_above_policies_deletes_nothing() {
    let trail = Trail::new().await;
    trail.record_aged(days(1), event(Retention::OPERATIONAL)).await;
    trail.sequence().await;

    let mut superuser = trail.superuser().await;
    let mut attempt = superuser.begin().await.unwrap();
    // Rolled back: the role is the server's.
    attempt
        .execute("alter role platform_retention bypassrls")
        .await
        .unwrap();
    attempt
        .execute("set local role platform_retention")
        .await
        .unwrap();
    let refused = attempt
        .execute("delete from platform_audit.event")
        .await
        .unwrap_err();

    assert_eq!(sqlstate(&refused), "42501");
    attempt.rollback().await.unwrap();
}

#[tokio::test]
async fn what_no_signed_checkpoint_covers_is_not_deleted() {
    let trail = Trail::new().await;
    trail.record_aged(days(400), event(Retention::OPERATIONAL)).await;

    let mut tx = trail.test.db().begin_as(&RETENTION).await.unwrap();
    let unsequenced = sqlx::query("delete from platform_audit.event")
        .execute(&mut tx)
        .await
        .unwrap();
    assert_eq!(unsequenced.rows_affected(), 0);
    tx.commit().await.unwrap();
    trail.sequence().await;
    let mut tx = trail.test.db().begin_as(&RETENTION).await.unwrap();
    let sequenced = sqlx::query("delete from platform_audit.event")
        .execute(&mut tx)
        .await
        .unwrap();
    assert_eq!(sequenced.rows_affected(), 1);
}

#[tokio::test]
async fn a_deletion_with_an_old_view_of_the_holds_is_refused() {
    let trail = Trail::new().await;
    trail.record_aged(days(400), event(Retention::OPERATIONAL)).await;
    trail.sequence().await;

    let mut superuser = trail.superuser().await;
    let mut attempt = superuser.begin().await.unwrap();
    attempt
        .execute("set transaction isolation level repeatable read")
        .await
        .unwrap();
    attempt
        .execute("set local role platform_retention")
        .await
        .unwrap();
    let refused = attempt
        .execute("delete from platform_audit.event")
        .await
        .unwrap_err();

    assert_eq!(sqlstate(&refused), "42501");
}

async fn classes(trail: &Trail) -> Vec<RetentionClass> {
    let mut read = trail.test.db().read(&trail.ctx).await.unwrap();
    let classes = trail.log().retention_classes(&mut read).await.unwrap();
    read.finish().await.unwrap();
    classes
}

/// The partition of an event of long ago.
async fn partition(trail: &Trail) -> String {
    sqlx::query_scalar(
        "select split_part(tableoid::regclass::text, '.', 2) from platform_audit.event order by id limit 1",
    )
    .fetch_one(&mut trail.superuser().await)
    .await
    .unwrap()
}

#[test]
fn an_interval_reads_as_people_say_it() {
    let keep = |months, days, microseconds| {
        KeepFor {
            months,
            days,
            microseconds,
        }
        .to_string()
    };

    assert_eq!(keep(12, 0, 0), "1 year");
    assert_eq!(keep(31, 5, 0), "2 years 7 months 5 days");
    assert_eq!(keep(0, 0, 1), "1 microsecond");
    assert_eq!(keep(0, 0, 0), "0 days");
}
