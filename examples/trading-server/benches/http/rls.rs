//! What row-level security costs the statements of a placement, on one connection.

use std::time::{Duration, Instant};

use platform_core::sqlx::{self, AssertSqlSafe, PgConnection};
use platform_core::uuid::Uuid;

use crate::server::Server;
use crate::users::Orders;
use crate::{Anyhow, Plan, median};

/// What placing an order does on the tables of the brokerage: it locks the account, looks for the position and for the key, and writes. It
/// is rolled back, so that no disk is waited for, which would hide what is looked for.
const STATEMENTS: [&str; 4] = [
    "select id, status, available_cents, held_cents, last_seq, event_seq, open_orders, opened_at
     from trading.account where tenant_id = $1 and id = $2 for update",
    "select p.symbol, p.available_e6, p.held_e6, i.outcome
     from trading.account a
     left join trading.position p on p.tenant_id = a.tenant_id and p.account_id = a.id and p.symbol = 'BAC'
     left join trading.idempotency i
         on i.tenant_id = a.tenant_id and i.account_id = a.id and i.route = 'orders' and i.key = 'none'
     where a.tenant_id = $1 and a.id = $2",
    "insert into trading.orders
       (tenant_id, id, account_id, symbol, side, order_type, time_in_force, quantity_e6, limit_price_e4, worst_price_e4, status,
        filled_e6, filled_notional_e10, hold_cents, fees_cents, accepted_quote_seq, last_quote_seq, accepted_at, updated_at, version)
     values ($1, gen_random_uuid(), $2, 'BAC', 'buy', 'limit', 'gtc', 10000, 10000, 10000, 'submitted', 0, 0, 0, 0, 0, 0, now(),
             now(), 1)",
    "update trading.account set open_orders = open_orders + 1 where tenant_id = $1 and id = $2",
];

pub(crate) async fn run(plan: Plan) -> Anyhow<()> {
    let server = Server::new(&[])?;
    // Accounts among which the one has to be found.
    let orders = Orders::prepare(server.address, 64).await?;
    orders.run(64, Duration::from_millis(200)).await?;
    let mut connection = server.superuser().await?;
    let account: (Uuid, Uuid) =
        sqlx::query_as("select tenant_id, id from trading.account order by opened_at desc limit 1")
            .fetch_one(&mut connection)
            .await?;
    let mut results = Vec::new();
    for _ in 0..plan.rounds {
        let bound = measure(
            &mut connection,
            account,
            ("set local role platform_app", plan.length),
        )
        .await?;
        let past = measure(
            &mut connection,
            account,
            ("set local role platform_superuser", plan.length),
        )
        .await?;
        results.push((bound / past, (bound, past)));
    }
    let (ratio, (bound, past)) = median(results)?;
    println!(
        "rls       1 connection  with {bound:.0} us  past it {past:.0} us for each transaction of {} statements  ratio {ratio:.2}",
        STATEMENTS.len()
    );
    Ok(())
}

/// Microseconds for each transaction.
async fn measure(
    connection: &mut PgConnection,
    (tenant, account): (Uuid, Uuid),
    (role, length): (&'static str, Duration),
) -> Anyhow<f64> {
    let began = Instant::now();
    let mut transactions = 0_u32;
    while began.elapsed() < length {
        sqlx::query("begin").execute(&mut *connection).await?;
        sqlx::query("select set_config('platform.tenant_id', $1, true)")
            .bind(tenant.to_string())
            .execute(&mut *connection)
            .await?;
        // The application may not set its own scope.
        sqlx::query(role).execute(&mut *connection).await?;
        for sql in STATEMENTS {
            sqlx::query(AssertSqlSafe(sql))
                .bind(tenant)
                .bind(account)
                .execute(&mut *connection)
                .await?;
        }
        sqlx::query("rollback").execute(&mut *connection).await?;
        transactions += 1;
    }
    Ok(began.elapsed().as_secs_f64() * 1e6 / f64::from(transactions.max(1)))
}
