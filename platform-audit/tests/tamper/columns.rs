//! Every column of an event, as the database has them.

use platform_audit::Finding;
use platform_core::uuid::Uuid;
use sqlx::AssertSqlSafe;

use crate::support::{Lawless, altered};

/// Positions before, at and behind checkpoints.
const SEQS: [usize; 5] = [0, 3, 4, 7, 11];

/// Another value of the same type that an event can have, and one that it cannot have if there is one.
fn others(column: &str, kind: &str) -> Vec<&'static str> {
    match (column, kind) {
        ("targets", _) => vec!["'[]'", "'[{\"kind\": \"order\"}]'", "'7'", "null"],
        ("xid", _) => vec!["((xid::text::bigint + 1)::text)::xid8", "null"],
        ("activity", _) => vec!["'delete'", "'nothing'", "null"],
        ("outcome", _) => vec!["'success'", "'none'", "null"],
        ("severity", _) => vec!["'critical'", "'none'", "null"],
        ("visibility", _) => vec!["'platform'", "'nobody'", "null"],
        ("actor_kind", _) => vec!["'service'", "null"],
        ("retention", _) => vec!["'operational'", "'No Class'", "null"],
        ("action_version", _) => vec!["3", "-1", "null"],
        ("counter", _) => vec!["counter + 100", "-1", "null"],
        ("seal", _) => vec!["sha256('other')", "'\\x00'", "null"],
        ("user_agent" | "reason", _) => vec!["repeat('x', 100000)", "''", "null"],
        ("changes" | "detail", _) => vec![
            "'{\"n\": \"other\"}'",
            "'null'",
            "'1e300000'::text::jsonb",
            "jsonb_build_object('x', (select string_agg(gen_random_uuid()::text, '') from generate_series(1, 5000)))",
            "null",
        ],
        ("recorded_at" | "occurred_at", _) => vec![
            "recorded_at + interval '1 microsecond' + (occurred_at - occurred_at)",
            "'infinity'",
            "'-infinity'",
            "timestamptz '20000-01-01'",
            "null",
        ],
        (_, "text") => vec!["'other'", "null"],
        (_, "uuid") => vec!["gen_random_uuid()", "null"],
        _ => panic!("how to change the new column {column} of type {kind}?"),
    }
}

// A3
#[tokio::test]
async fn every_changed_column_is_named_wherever_it_was_changed() {
    let lawless = Lawless::new().await;
    let columns: Vec<(String, String)> = sqlx::query_as(
        "select attname::text, format_type(coalesce(nullif(typbasetype, 0), atttypid), null)
         from pg_attribute join pg_type t on t.oid = atttypid
         where attrelid = 'platform_audit.event'::regclass and attnum > 0 and not attisdropped order by attnum",
    )
    .fetch_all(&lawless.superuser)
    .await
    .unwrap();
    assert!(columns.len() >= 30);

    for (column, kind) in columns
        .iter()
        .filter(|(column, _)| !["tenant_id", "id"].contains(&column.as_str()))
    {
        for other in others(column, kind) {
            let trail = lawless.trail(&[4, 8, 12], &[12]).await;
            let ids: Vec<Uuid> = SEQS.iter().map(|seq| trail.ids[*seq]).collect();
            let changed = sqlx::query(AssertSqlSafe(format!(
                "update platform_audit.event set {column} = {other}
                 where tenant_id = $1 and id = any($2) and {column} is distinct from {other}"
            )))
            .bind(trail.tenant)
            .bind(ids)
            .execute(&lawless.superuser)
            .await;
            // The type itself may refuse the value.
            let Ok(changed) = changed else { continue };
            assert_eq!(changed.rows_affected(), SEQS.len() as u64, "{column} {other}");

            let report = lawless.verify(&trail).await;

            let named: &'static str = column.clone().leak();
            let expected: Vec<_> = SEQS.iter().map(|seq| altered(*seq as u64, &[named])).collect();
            assert_eq!(report.findings, expected, "{column} = {other}");
            assert_eq!(report.proven, trail.heads.last().copied());
        }
    }
}

// A3
#[tokio::test]
async fn an_event_with_another_id_is_missing_and_one_without_a_position() {
    let lawless = Lawless::new().await;
    for seq in SEQS {
        let trail = lawless.trail(&[4, 8, 12], &[12]).await;
        let id: Uuid = sqlx::query_scalar(
            "update platform_audit.event set id = gen_random_uuid() where tenant_id = $1 and id = $2 returning id",
        )
        .bind(trail.tenant)
        .bind(trail.ids[seq])
        .fetch_one(&lawless.superuser)
        .await
        .unwrap();

        let (first, last) = (seq as u64, seq as u64);
        assert_eq!(
            lawless.findings(&trail).await,
            [Finding::Missing { first, last }, Finding::Unsequenced { id }]
        );
    }
}

// A3
#[tokio::test]
async fn an_event_given_to_another_tenant_is_missing_here_and_without_a_position_there() {
    let lawless = Lawless::new().await;
    for seq in SEQS {
        let (trail, other) = (
            lawless.trail(&[4, 8, 12], &[12]).await,
            lawless.trail(&[2], &[]).await,
        );
        sqlx::query("update platform_audit.event set tenant_id = $3 where tenant_id = $1 and id = $2")
            .bind(trail.tenant)
            .bind(trail.ids[seq])
            .bind(other.tenant)
            .execute(&lawless.superuser)
            .await
            .unwrap();

        let (first, last) = (seq as u64, seq as u64);
        assert_eq!(lawless.findings(&trail).await, [Finding::Missing { first, last }]);
        // Two events of one id in a partition are possible only here, where the keys are gone.
        let expected = if other.ids.contains(&trail.ids[seq]) {
            Finding::Inserted { seq: first }
        } else {
            Finding::Unsequenced { id: trail.ids[seq] }
        };
        assert_eq!(lawless.findings(&other).await, [expected]);
    }
}
