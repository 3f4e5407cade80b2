//! What the database itself keeps out of an event, whatever a program binds.

use platform_core::sqlx::{self, AssertSqlSafe};

use crate::support::{context, shared};

/// Columns with values that are one past their bounds.
const REFUSED: [(&str, &str); 38] = [
    ("action", "'parcel'"),
    ("action", "'Parcel.send'"),
    ("action", "'parcel.'"),
    ("action", "'parcel.' || repeat('x', 58)"),
    ("action_version", "0"),
    ("activity", "'creation'"),
    ("outcome", "'ok'"),
    ("reason", "''"),
    ("reason", "repeat('x', 129)"),
    ("severity", "'info'"),
    ("actor_kind", "'robot'"),
    ("purpose", "''"),
    ("purpose", "repeat('x', 257)"),
    ("target_kind, target_id", "'', 'p'"),
    ("target_kind, target_id", "repeat('x', 65), 'p'"),
    ("target_kind, target_id", "'parcel', ''"),
    ("target_kind, target_id", "'parcel', repeat('x', 257)"),
    ("target_kind, target_id", "'parcel', null"),
    ("target_kind, target_id", "null, 'p'"),
    ("targets", "'{}'"),
    ("targets", "(select jsonb_agg(n) from generate_series(1, 17) n)"),
    ("changes", "'[]'"),
    ("changes", "jsonb_build_object('a', repeat('x', 65536))"),
    ("source_address", "'1'"),
    ("source_address", "repeat('1', 46)"),
    ("user_agent", "repeat('x', 257)"),
    ("trace_id", "repeat('0', 31)"),
    ("trace_id", "repeat('A', 32)"),
    ("detail", "to_jsonb(repeat('x', 32767))"),
    ("retention", "''"),
    ("retention", "repeat('x', 33)"),
    ("visibility", "'public'"),
    ("producer, counter", "gen_random_uuid(), -1"),
    ("producer, counter", "gen_random_uuid(), null"),
    ("producer, counter", "null, 0"),
    ("seal", "''"),
    ("seal", "decode(repeat('00', 31), 'hex')"),
    ("seal", "decode(repeat('00', 33), 'hex')"),
];

/// The same columns with values that are just within them.
const TAKEN: [(&str, &str); 15] = [
    ("action", "'parcel.' || repeat('x', 57)"),
    ("action_version", "32767"),
    ("reason", "repeat('☃', 128)"),
    ("purpose", "repeat('☃', 256)"),
    ("target_kind, target_id", "repeat('x', 64), repeat('☃', 256)"),
    ("targets", "(select jsonb_agg(n) from generate_series(1, 16) n)"),
    ("changes", "'{}'"),
    ("source_address", "repeat('1', 45)"),
    ("user_agent", "''"),
    ("user_agent", "repeat('☃', 256)"),
    ("detail", "to_jsonb(repeat('x', 32766))"),
    ("detail", "'null'"),
    ("retention", "repeat('x', 32)"),
    ("producer, counter", "gen_random_uuid(), 0"),
    ("seal", "decode(repeat('00', 32), 'hex')"),
];

/// An insert of an event that is well-formed but for what the columns are given.
fn insert(columns: &str, values: &str) -> AssertSqlSafe<String> {
    let whole = [
        ("action", "'parcel.send'"),
        ("outcome", "'success'"),
        ("actor_kind", "'system'"),
        ("trace_id", "repeat('0', 32)"),
    ];
    let given: Vec<_> = columns.split(", ").collect();
    let (names, texts): (Vec<_>, Vec<_>) = whole
        .into_iter()
        .filter(|(name, _)| !given.contains(name))
        .unzip();
    AssertSqlSafe(format!(
        "insert into platform_audit.event (tenant_id, id, occurred_at, request_id, {}, {columns})
         values ($1, $2, now(), $2, {}, {values})",
        names.join(", "),
        texts.join(", "),
    ))
}

#[tokio::test]
async fn the_database_keeps_every_bound_of_an_event() {
    let test = shared().await;
    let (tenant, ctx) = context(&test).await;

    for (columns, values) in REFUSED {
        let mut tx = test.db().begin(&ctx).await.unwrap();
        let id = test.sources().uuid_v7();

        let refused = sqlx::query(insert(columns, values))
            .bind(tenant)
            .bind(id)
            .execute(&mut tx)
            .await;

        let error = refused.expect_err(&format!("{columns} = {values} was taken"));
        let code = error
            .as_database_error()
            .and_then(|error| error.code())
            .unwrap_or_default();
        assert_eq!(code, "23514", "{columns} = {values}: {error}");
        tx.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn the_database_takes_what_is_just_within_the_bounds() {
    let test = shared().await;
    let (tenant, ctx) = context(&test).await;
    let mut tx = test.db().begin(&ctx).await.unwrap();

    for (columns, values) in TAKEN {
        let id = test.sources().uuid_v7();

        let taken = sqlx::query(insert(columns, values))
            .bind(tenant)
            .bind(id)
            .execute(&mut tx)
            .await;

        assert!(taken.is_ok(), "{columns} = {values}: {taken:?}");
    }
    tx.rollback().await.unwrap();
}
