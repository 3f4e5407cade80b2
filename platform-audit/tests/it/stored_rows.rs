//! What a stored row says when somebody with every right has been at it.

use std::collections::BTreeSet;

use platform_audit::{Entry, StoredRow};
use platform_core::sqlx::{self, AssertSqlSafe, Executor, PgConnection};
use platform_core::testing::TestDb;
use platform_core::{PermissionSet, Principal, PrincipalId, RequestContext, RequestMeta};
use serde_json::json;

use crate::support::{context, own, sealed_log, stored, superuser};

/// For each column something else that it can hold without the checks: another value, or what no program records.
const TAMPERED: [(&str, &str); 62] = [
    ("tenant_id", "gen_random_uuid()"),
    ("id", "gen_random_uuid()"),
    ("recorded_at", "recorded_at + interval '1 microsecond'"),
    ("recorded_at", "'infinity'"),
    ("recorded_at", "'-infinity'"),
    ("recorded_at", "'294276-12-31'"),
    ("recorded_at", "'4713-01-01 BC'"),
    ("occurred_at", "occurred_at - interval '1 year'"),
    ("occurred_at", "'infinity'"),
    ("xid", "'1'"),
    ("xid", "'18446744073709551615'"),
    ("action", "'parcel.lose'"),
    ("action", "''"),
    ("action_version", "7"),
    ("action_version", "-1"),
    ("activity", "'read'"),
    ("activity", "'reading'"),
    ("outcome", "'success'"),
    ("outcome", "'SUCCESS'"),
    ("reason", "null"),
    ("reason", "'other'"),
    ("severity", "'critical'"),
    ("severity", "''"),
    ("actor_kind", "'system'"),
    ("actor_id", "null"),
    ("actor_id", "gen_random_uuid()"),
    ("purpose", "'because'"),
    ("on_behalf_of", "null"),
    ("session_id", "null"),
    ("target_kind", "'letter'"),
    ("target_kind", "null"),
    ("target_id", "'other'"),
    ("target_id", "null"),
    ("targets", "'[]'"),
    ("targets", "'{}'"),
    ("targets", "'[{\"id\": \"p\"}]'"),
    (
        "targets",
        "'[{\"id\": \"p\", \"kind\": \"parcel\", \"more\": 1}]'",
    ),
    ("targets", "'[{\"id\": 1, \"kind\": \"parcel\"}]'"),
    ("changes", "null"),
    ("changes", "'[]'"),
    (
        "changes",
        "'{\"state\": {\"after\": \"lost\", \"before\": \"packed\"}}'",
    ),
    ("source_address", "'192.0.2.9'"),
    ("source_address", "null"),
    ("user_agent", "null"),
    ("user_agent", "''"),
    ("request_id", "gen_random_uuid()"),
    ("trace_id", "repeat('0', 32)"),
    ("trace_id", "''"),
    ("detail", "null"),
    ("detail", "'null'"),
    ("detail", "'{\"lots\": 3.0000000000000000000001}'"),
    (
        "detail",
        "(select (string_agg('[', '') || string_agg(']', ''))::jsonb from generate_series(1, 200))",
    ),
    ("retention", "'operational'"),
    ("retention", "'Regulatory'"),
    ("visibility", "'platform'"),
    ("visibility", "'nobody'"),
    ("producer", "gen_random_uuid()"),
    ("producer", "null"),
    ("counter", "9"),
    ("counter", "-9"),
    ("seal", "decode(repeat('00', 32), 'hex')"),
    ("seal", "'\\x00'"),
];

/// An event with something in every column.
async fn recorded(test: &TestDb) -> (RequestContext, Entry) {
    let (tenant, _) = context(test).await;
    let principal = || Principal::user(PrincipalId::generate(test.sources()), PermissionSet::default());
    let meta = RequestMeta {
        source_address: Some("192.0.2.1".parse().unwrap()),
        user_agent: Some("curl/8".to_owned()),
        ..RequestMeta::internal(test.sources())
    };
    let ctx = RequestContext::authenticated(tenant, principal(), meta)
        .on_behalf_of(principal())
        .in_session(test.sources().uuid_v7());
    let event = platform_audit::Event::new(crate::support::SENT, platform_audit::Outcome::Failure)
        .target("parcel", "p")
        .reason("too_heavy")
        .changes(platform_audit::Changes::new().field("state", "packed", "sent"))
        .detail(json!({ "lots": 3 }));
    sealed_log().record_alone(&test.db(), &ctx, event).await.unwrap();
    let entry = stored(test, &ctx).await.remove(0).entry;
    (ctx, entry)
}

/// With the rights to drop whatever keeps an event as it is.
async fn intruder(test: &TestDb) -> PgConnection {
    let mut superuser = superuser(test).await;
    let checks: Vec<String> = sqlx::query_scalar(
        "select format('alter domain %s drop constraint %I', contypid::regtype, conname) from pg_constraint
         where contypid <> 0 and connamespace = 'platform_audit'::regnamespace
         union all
         select format('alter table %s drop constraint %I', conrelid::regclass, conname) from pg_constraint
         where contype = 'c' and coninhcount = 0
           and conrelid in (select relid from pg_partition_tree('platform_audit.event'))",
    )
    .fetch_all(&mut superuser)
    .await
    .unwrap();
    for sql in checks {
        superuser.execute(AssertSqlSafe(sql)).await.unwrap();
    }
    superuser
        .execute("alter table platform_audit.event disable trigger is_insert_only")
        .await
        .unwrap();
    superuser
}

// A3
#[tokio::test]
async fn every_column_that_is_changed_is_named_and_none_can_be_overlooked() {
    let test = own().await;
    let (ctx, signed) = recorded(&test).await;
    let mut intruder = intruder(&test).await;
    let columns: Vec<String> = sqlx::query_scalar(
        "select attname::text from pg_attribute where attrelid = 'platform_audit.event'::regclass and attnum > 0 and not attisdropped",
    )
    .fetch_all(&mut intruder)
    .await
    .unwrap();
    let tried: BTreeSet<_> = TAMPERED.iter().map(|(column, _)| (*column).to_owned()).collect();
    assert_eq!(
        tried,
        columns.into_iter().collect(),
        "a column that is added is tampered with here, too"
    );

    for (column, value) in TAMPERED {
        let changed = named(&mut intruder, &signed, column, value).await;
        assert_eq!(changed, [column], "{value}");
    }
    assert_eq!(
        stored(&test, &ctx).await[0].entry,
        signed,
        "nothing was committed"
    );
}

/// Which columns a reader says were changed when one was.
async fn named(intruder: &mut PgConnection, signed: &Entry, column: &str, value: &str) -> Vec<String> {
    intruder.execute("begin").await.unwrap();
    let tamper = format!("update platform_audit.event set {column} = {value}");
    let tampered = intruder.execute(AssertSqlSafe(tamper)).await.unwrap();
    assert_eq!(tampered.rows_affected(), 1);
    let row: Result<StoredRow, _> = sqlx::query_as(
        "select tenant_id, id, recorded_at, occurred_at, xid::text as xid, action, action_version, activity, outcome, reason, severity,
           actor_kind, actor_id, purpose, on_behalf_of, session_id, target_kind, target_id, targets::text as targets,
           changes::text as changes, source_address, user_agent, request_id, trace_id, detail::text as detail, retention, visibility,
           producer, counter, seal
         from platform_audit.event",
    )
    .fetch_one(&mut *intruder)
    .await;
    intruder.execute("rollback").await.unwrap();
    match row {
        Ok(row) => row
            .columns_changed(signed)
            .into_iter()
            .map(str::to_owned)
            .collect(),
        // What no event can have is not read as something else.
        Err(sqlx::Error::ColumnDecode { index, .. }) => vec![index.trim_matches('"').to_owned()],
        Err(error) => vec![error.to_string()],
    }
}

#[tokio::test]
async fn a_row_is_read_back_as_it_was_recorded() {
    let test = own().await;
    let (_, entry) = recorded(&test).await;
    assert_eq!(Entry::from_bytes(&entry.to_bytes().unwrap()), Ok(entry.clone()));
    assert!(StoredRow::of(entry.clone()).columns_changed(&entry).is_empty());
}
