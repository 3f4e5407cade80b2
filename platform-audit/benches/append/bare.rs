//! The rows of events, without anything that makes them events.

use platform_core::pg::TenantTx;
use platform_core::uuid::Uuid;
use platform_core::{RequestContext, Sources, TenantId, Timestamp};

/// A copy of the table of the events that nothing looks after.
pub(crate) const TABLE: &str = "
    create schema bench;
    grant usage on schema bench to platform_app;
    create table bench.bare (
        tenant_id uuid not null, id uuid not null, recorded_at timestamptz not null default clock_timestamp(),
        xid xid8 not null default pg_current_xact_id(), occurred_at timestamptz not null, action text not null,
        action_version smallint not null, activity text not null, outcome text not null, reason text, severity text not null,
        actor_kind text not null, actor_id uuid, purpose text, on_behalf_of uuid, session_id uuid, target_kind text, target_id text,
        targets jsonb not null, changes jsonb, source_address text, user_agent text, request_id uuid not null, trace_id text not null,
        detail jsonb, retention text not null, visibility text not null, producer uuid, counter bigint, seal bytea,
        primary key (tenant_id, id)
    );
    grant insert on bench.bare to platform_app;";

const INSERT: &str = "
    insert into bench.bare (
      tenant_id, id, occurred_at, action, action_version, activity, outcome, reason, severity, actor_kind, actor_id, purpose, on_behalf_of,
      session_id, target_kind, target_id, targets, changes, source_address, user_agent, request_id, trace_id, detail, retention,
      visibility, producer, counter, seal)
    select
      tenant_id, id, occurred_at, action, action_version, activity, outcome, reason, severity, actor_kind, actor_id, purpose, on_behalf_of,
      session_id, target_kind, target_id, targets::jsonb, changes::jsonb, source_address, user_agent, request_id, trace_id,
      detail::jsonb, retention, visibility, producer, counter, seal
    from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::int2[], $6::text[], $7::text[], $8::text[], $9::text[],
      $10::text[], $11::uuid[], $12::text[], $13::uuid[], $14::uuid[], $15::text[], $16::text[], $17::text[], $18::text[], $19::text[],
      $20::text[], $21::uuid[], $22::text[], $23::text[], $24::text[], $25::text[], $26::uuid[], $27::int8[], $28::bytea[])
      as added (
        tenant_id, id, occurred_at, action, action_version, activity, outcome, reason, severity, actor_kind, actor_id, purpose,
        on_behalf_of, session_id, target_kind, target_id, targets, changes, source_address, user_agent, request_id, trace_id, detail,
        retention, visibility, producer, counter, seal)";

/// The columns of so many rows, as recording `support::event` in this context fills them.
pub(crate) struct Columns {
    size: usize,
    tenant: TenantId,
    ids: Vec<Uuid>,
    now: Timestamp,
    actor: Option<Uuid>,
    session: Option<Uuid>,
    user_agent: Option<String>,
    request: Uuid,
    trace: String,
    orders: Vec<String>,
    targets: Vec<String>,
    counters: Vec<i64>,
}

impl Columns {
    pub(crate) fn of(ctx: &RequestContext, size: usize, sources: &Sources) -> Self {
        let orders: Vec<_> = (0..size).map(|_| sources.uuid_v7().to_string()).collect();
        let targets = |order| {
            format!(
                r#"[{{"id":"{order}","kind":"order"}},{{"id":"{}","kind":"account"}}]"#,
                Uuid::nil()
            )
        };
        Self {
            size,
            tenant: ctx.tenant(),
            ids: (0..size).map(|_| sources.uuid_v7()).collect(),
            now: sources.now(),
            actor: ctx.principal().id().map(|id| id.as_uuid()),
            session: ctx.session(),
            user_agent: ctx.meta().user_agent.clone(),
            request: ctx.meta().request_id.as_uuid(),
            trace: ctx.meta().trace.trace_id(),
            targets: orders.iter().map(targets).collect(),
            orders,
            counters: (0..).take(size).collect(),
        }
    }

    pub(crate) async fn insert(&self, tx: &mut TenantTx) {
        let detail = r#"{"lots":3,"price_e4":1500000,"side":"buy","symbol":"ACME"}"#;
        let changes = r#"{"available_cents":{"after":11550000,"before":12000000}}"#;
        sqlx::query(INSERT)
            .bind(self.all(self.tenant))
            .bind(&self.ids)
            .bind(self.all(self.now))
            .bind(self.all("order.place"))
            .bind(self.all(1_i16))
            .bind(self.all("create"))
            .bind(self.all("success"))
            .bind(self.all(None::<&str>))
            .bind(self.all("informational"))
            .bind(self.all("user"))
            .bind(self.all(self.actor))
            .bind(self.all(None::<&str>))
            .bind(self.all(None::<Uuid>))
            .bind(self.all(self.session))
            .bind(self.all("order"))
            .bind(&self.orders)
            .bind(&self.targets)
            .bind(self.all(changes))
            .bind(self.all("192.0.2.1"))
            .bind(self.all(self.user_agent.as_deref()))
            .bind(self.all(self.request))
            .bind(self.all(self.trace.as_str()))
            .bind(self.all(detail))
            .bind(self.all("regulatory"))
            .bind(self.all("tenant"))
            .bind(self.all(self.session))
            .bind(&self.counters)
            .bind(self.all(&[7_u8; 32][..]))
            .execute(&mut *tx)
            .await
            .unwrap();
    }

    fn all<T: Clone>(&self, value: T) -> Vec<T> {
        vec![value; self.size]
    }
}
