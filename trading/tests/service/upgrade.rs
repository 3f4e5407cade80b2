//! A database from before there was a log.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use crate::support::NOW;
use platform_audit::{AuditLog, EventId};
use platform_core::pg::{Db, DbConfig, Migrations, migrate};
use platform_core::secrecy::SecretString;
use platform_core::testing::{APP_LOGIN, TestDb};
use platform_core::uuid::Uuid;
use platform_core::{
    ManualClock, OsRandom, Principal, PrincipalId, RequestContext, RequestMeta, Sources, TenantId,
};
use sqlx::migrate::Migrator;
use sqlx::{Connection as _, PgConnection};
use trading::{AccountBooks, AccountEvent, BoardConfig, QuoteBoard, TRADE, Trading, TradingConfig};

static BEFORE: LazyLock<Migrations> = LazyLock::new(|| {
    let mut before = Migrator::DEFAULT;
    let all = trading::MIGRATIONS.migrator.iter();
    before.migrations = Cow::Owned(
        all.filter(|one| one.version < 20_261_121_081_000)
            .cloned()
            .collect(),
    );
    Migrations {
        schema: "trading",
        migrator: Box::leak(Box::new(before)),
        roles: &[],
    }
});

/// An account with an open buy, an order that was filled and one that was cancelled, as the release before wrote them.
const WRITTEN: [&str; 5] = [
    "insert into trading.account
       (tenant_id, id, owner_id, status, available_cents, held_cents, last_seq, opened_at)
     values ($1, $2, $2, 'active', 980000, 9000, 4, '2026-01-05')",
    "insert into trading.position (tenant_id, account_id, symbol, available_e6, held_e6, cost_cents, realized_cents)
     values ($1, $2, 'AAPL', 10000000, 0, 11000, 0)",
    "insert into trading.orders
       (tenant_id, id, account_id, symbol, side, order_type, time_in_force, quantity_e6, limit_price_e4, worst_price_e4, status,
        filled_e6, filled_notional_e10, hold_cents, fees_cents, accepted_quote_seq, last_quote_seq, accepted_at, updated_at, version)
     values ($1, gen_random_uuid(), $2, 'AAPL', 'buy', 'limit', 'gtc', 10000000, 90000, 90000, 'submitted',
             0, 0, 9000, 0, 7, 7, '2026-01-05', '2026-01-05', 1)",
    "insert into trading.orders
       (tenant_id, id, account_id, symbol, side, order_type, time_in_force, quantity_e6, worst_price_e4, status,
        filled_e6, filled_notional_e10, hold_cents, fees_cents, accepted_quote_seq, last_quote_seq, accepted_at, updated_at, version)
     values ($1, gen_random_uuid(), $2, 'AAPL', 'buy', 'market', 'day', 10000000, 120000, 'filled',
             10000000, 1100000000000, 0, 0, 6, 6, '2026-01-05', '2026-01-05', 1)",
    "insert into platform_audit.event (tenant_id, id, occurred_at, action, outcome, actor_kind, request_id, trace_id)
     values ($1, $3, now(), 'test.by_hand', 'success', 'system', $2, repeat('0', 32))",
];

#[tokio::test]
async fn an_account_from_before_the_log_is_in_it_as_it_was_and_goes_on_from_there() {
    let database = TestDb::empty_for(&[&platform_audit::MIGRATIONS]).await;
    let owner = SecretString::from(database.owner_url());
    let before = [&platform_audit::MIGRATIONS, &*BEFORE];
    migrate(&owner, Some(APP_LOGIN), &before).await.unwrap();
    let sources = Sources::shared(Arc::new(ManualClock::starting_at(NOW)), Arc::new(OsRandom));
    let (tenant, account) = (TenantId::generate(&sources), Uuid::from_u128(7));
    let mut superuser = PgConnection::connect(&database.superuser_url()).await.unwrap();
    let mut tx = superuser.begin().await.unwrap();
    for sql in WRITTEN {
        let query = sqlx::query(sql).bind(tenant).bind(account);
        let query = if sql.contains("$3") {
            query.bind(EventId::generate(&sources))
        } else {
            query
        };
        query.execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();

    let after = [&platform_audit::MIGRATIONS, &trading::MIGRATIONS];
    migrate(&owner, Some(APP_LOGIN), &after).await.unwrap();

    let config = DbConfig::new(database.app_url()).with_max_connections(4);
    let db = Db::connect(&config, sources.clone()).await.unwrap();
    let ctx = RequestContext::system(tenant, "test", &sources);
    let mut read = db.read(&ctx).await.unwrap();
    let events: Vec<(i64, String, String)> =
        sqlx::query_as("select seq, kind, payload::text from trading.event order by seq")
            .fetch_all(&mut read)
            .await
            .unwrap();
    let [(1, kind, payload)] = &events[..] else {
        panic!("{events:?}");
    };
    let opening = AccountEvent::from_stored(kind, serde_json::from_str(payload).unwrap()).unwrap();
    let mut books = AccountBooks::default();
    books.carry_out(1, NOW, &opening).unwrap();
    assert_eq!(books.cash().available.to_string(), "9800.00");
    assert_eq!(books.cash().held.to_string(), "90.00");
    assert_eq!(
        books.positions().values().next().unwrap().cost.to_string(),
        "110.00"
    );
    let orders: Vec<_> = books.orders().values().collect();
    assert_eq!(orders.len(), 1, "final orders are left out");
    assert_eq!(orders[0].order.status.as_str(), "submitted");

    let counted: (i64, i64) = sqlx::query_as("select event_seq, open_orders from trading.account")
        .fetch_one(&mut read)
        .await
        .unwrap();
    assert_eq!(counted, (1, 1));
    drop(read);

    let principal = Principal::user(PrincipalId::from_stored(account), [TRADE].into_iter().collect());
    let ctx = RequestContext::authenticated(tenant, principal, RequestMeta::internal(&sources));
    let board = QuoteBoard::new(Vec::new(), BoardConfig::default());
    let trading = Trading::new(&db, &AuditLog::new(sources), &board, TradingConfig::default());
    let open = orders[0].order.intake.order_id;
    trading.cancel(&ctx, open).await.unwrap();
    let events = trading
        .order_events(&ctx, open, (None, 10))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(events.iter().map(|event| event.seq).collect::<Vec<_>>(), [2]);
}
