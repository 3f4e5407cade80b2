//! A small transaction of a business: an order is placed, its account pays, two lines of the ledger say so.

use platform_audit::AuditLog;
use platform_core::pg::{Db, DbError, TenantTx};
use platform_core::uuid::Uuid;
use platform_core::{PrincipalId, Sources, TenantId};
use sqlx::{AssertSqlSafe, Executor, PgConnection};

use crate::support::{context, event};

pub(crate) const ACCOUNTS: u128 = 200;

/// Two schemas with the same tables, the second for the audited side.
const TABLES: &str = "
    create schema {schema};
    grant usage on schema {schema} to platform_app;
    create table {schema}.account (
        tenant_id       uuid not null default current_setting('platform.tenant_id')::uuid,
        id              uuid not null,
        available_cents bigint not null check (available_cents between 0 and 999999999999999),
        held_cents      bigint not null check (held_cents between 0 and 999999999999999),
        last_seq        bigint not null check (last_seq >= 0),
        primary key (tenant_id, id)
    ) with (fillfactor = 50);
    create table {schema}.orders (
        tenant_id  uuid not null default current_setting('platform.tenant_id')::uuid,
        id         uuid not null,
        account_id uuid not null,
        symbol     text not null check (symbol ~ '^[A-Z0-9.-]{1,12}$'),
        side       text not null check (side in ('buy', 'sell')),
        lots       bigint not null check (lots between 1 and 99999999999999),
        price_e4   bigint not null check (price_e4 between 1 and 99999999999999),
        status     text not null check (status in ('open', 'filled', 'cancelled')),
        placed_at  timestamptz not null default clock_timestamp(),
        primary key (tenant_id, id),
        foreign key (tenant_id, account_id) references {schema}.account (tenant_id, id)
    );
    create index orders_by_account on {schema}.orders (tenant_id, account_id, id);
    create table {schema}.ledger (
        tenant_id  uuid not null default current_setting('platform.tenant_id')::uuid,
        account_id uuid not null,
        seq        bigint not null check (seq >= 1),
        debit      text not null check (length(debit) between 1 and 32),
        credit     text not null check (length(credit) between 1 and 32),
        cents      bigint not null check (cents between 1 and 999999999999999),
        order_id   uuid not null,
        made_at    timestamptz not null default clock_timestamp(),
        primary key (tenant_id, account_id, seq),
        foreign key (tenant_id, order_id) references {schema}.orders (tenant_id, id),
        check (debit <> credit)
    );
    select platform_core.tenant_table('{schema}.account', 'select, insert, update');
    select platform_core.tenant_table('{schema}.orders', 'select, insert, update');
    select platform_core.tenant_table('{schema}.ledger', 'select, insert');";

const PROTECT: &str = "
    select platform_audit.protect('audited.account');
    select platform_audit.protect('audited.orders');
    select platform_audit.protect('audited.ledger');";

/// Makes the tables of both sides.
pub(crate) async fn make_tables(owner: &mut PgConnection) {
    for schema in ["plain", "audited"] {
        let tables = TABLES.replace("{schema}", schema);
        owner.execute(AssertSqlSafe(tables)).await.unwrap();
    }
    owner.execute(PROTECT).await.unwrap();
}

/// Makes the accounts of a tenant.
pub(crate) async fn make_accounts(db: &Db, tenant: TenantId, sources: &Sources) {
    let ctx = platform_core::RequestContext::system(tenant, "benchmark", sources);
    let mut tx = db.begin(&ctx).await.unwrap();
    let ids: Vec<Uuid> = (0..ACCOUNTS).map(Uuid::from_u128).collect();
    for statements in [&PLAIN, &AUDITED] {
        sqlx::query(statements.open)
            .bind(tenant)
            .bind(&ids)
            .execute(&mut tx)
            .await
            .unwrap();
    }
    let opened = event(Uuid::nil(), Uuid::nil());
    AuditLog::new(sources.clone())
        .record(&mut tx, &ctx, opened)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

/// The statements of a side.
pub(crate) struct Statements {
    open: &'static str,
    order: &'static str,
    account: &'static str,
    ledger: &'static str,
}

macro_rules! statements {
    ($schema:literal) => {
        Statements {
            open: concat!(
                "insert into ", $schema, ".account (tenant_id, id, available_cents, held_cents, last_seq)
                 select $1, id, 100000000000000, 0, 0 from unnest($2::uuid[]) id
                 on conflict do nothing"
            ),
            order: concat!(
                "insert into ", $schema, ".orders (tenant_id, id, account_id, symbol, side, lots, price_e4, status)
                 values ($1, $2, $3, $4, $5, $6, $7, $8)"
            ),
            account: concat!(
                "update ", $schema, ".account
                 set available_cents = available_cents - $3, held_cents = held_cents + $3, last_seq = last_seq + 2
                 where tenant_id = $1 and id = $2
                 returning last_seq"
            ),
            ledger: concat!(
                "insert into ", $schema, ".ledger (tenant_id, account_id, seq, debit, credit, cents, order_id)
                 values ($1, $2, $3 - 1, 'cash.available', 'cash.held', $4, $5),
                        ($1, $2, $3, 'cash.held', 'street', $4, $5)"
            ),
        }
    };
}

pub(crate) static PLAIN: Statements = statements!("plain");
pub(crate) static AUDITED: Statements = statements!("audited");

/// Who does business, one transaction after the other.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) tenant: TenantId,
    user: PrincipalId,
    session: Uuid,
    sources: Sources,
    round: u128,
}

/// What a transaction consists of.
#[derive(Clone)]
pub(crate) struct Work {
    pub(crate) business: Option<&'static Statements>,
    pub(crate) log: Option<AuditLog>,
}

impl Client {
    pub(crate) fn new(tenant: TenantId, sources: &Sources) -> Self {
        Self {
            tenant,
            user: PrincipalId::generate(sources),
            session: sources.uuid_v7(),
            sources: sources.clone(),
            round: 0,
        }
    }

    pub(crate) async fn work(&mut self, db: &Db, work: &Work) {
        self.round += 7;
        let account = Uuid::from_u128(self.round % ACCOUNTS);
        let order = self.sources.uuid_v7();
        let ctx = context(self.tenant, self.user, self.session, &self.sources);
        let mut tx = db.begin(&ctx).await.unwrap();
        if let Some(statements) = work.business {
            place(&mut tx, statements, order, account).await.unwrap();
        }
        if let Some(log) = &work.log {
            log.record(&mut tx, &ctx, event(order, account)).await.unwrap();
        }
        tx.commit().await.unwrap();
    }
}

async fn place(
    tx: &mut TenantTx,
    statements: &Statements,
    order: Uuid,
    account: Uuid,
) -> Result<(), DbError> {
    let tenant = tx.tenant();
    sqlx::query(statements.order)
        .bind(tenant)
        .bind(order)
        .bind(account)
        .bind("ACME")
        .bind("buy")
        .bind(3_i64)
        .bind(1_500_000_i64)
        .bind("open")
        .execute(&mut *tx)
        .await?;
    let seq: i64 = sqlx::query_scalar(statements.account)
        .bind(tenant)
        .bind(account)
        .bind(450_i64)
        .fetch_one(&mut *tx)
        .await?;
    sqlx::query(statements.ledger)
        .bind(tenant)
        .bind(account)
        .bind(seq)
        .bind(450_i64)
        .bind(order)
        .execute(&mut *tx)
        .await?;
    Ok(())
}
