//! A server that was stopped with many open orders.

use std::time::{Duration, Instant};

use platform_core::sqlx::{self, AssertSqlSafe, PgConnection};

use crate::Anyhow;
use crate::server::Server;
use crate::users::Orders;

/// How many open orders the server's matcher knows.
const KNOWN: &str = "orders_open";
/// How long is waited for what takes seconds.
const PATIENCE: Duration = Duration::from_secs(110);

pub(crate) async fn run(open: u64) -> Anyhow<()> {
    let most = ("PLATFORM_ACCOUNTS_OPEN_ORDERS_MAX", "1000000");
    let mut server = Server::new(&[("PLATFORM_REPLAY", "off"), most])?;
    let orders = Orders::prepare(server.address, 1).await?;
    // A customer's first order opens the account.
    orders.run(1, Duration::from_millis(100)).await?;
    let made = Instant::now();
    make(&mut server.superuser().await?, open).await?;
    println!("restart   {open} open orders made in {:.1?}", made.elapsed());
    server.stop();

    let began = Instant::now();
    server.start_again()?;
    let listening = began.elapsed();
    until(async || Ok(server.get("/readyz").await?.0 == 200)).await?;
    let ready = began.elapsed();
    until(async || Ok(server.metric(KNOWN).await? + 1 >= open)).await?;
    let known = began.elapsed();
    until(async || Ok(server.metric("orders_filled_total").await? > 0)).await?;
    println!(
        "restart   {open} open  listening {listening:.2?}  ready {ready:.2?}  all known {known:.2?}  first fill {:.2?}",
        began.elapsed()
    );
    Ok(())
}

async fn until(mut is_so: impl AsyncFnMut() -> Anyhow<bool>) -> Anyhow<()> {
    let began = Instant::now();
    while !is_so().await? {
        anyhow::ensure!(began.elapsed() < PATIENCE, "it took too long");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// Orders of the first customer far below the market, which hold no cash, and one that the next quote fills. By hand: placing them would
/// take hours.
async fn make(superuser: &mut PgConnection, open: u64) -> Anyhow<()> {
    let insert = |symbol: &str, price: &str, hold: u32, open: u64| {
        format!(
            "insert into trading.orders
               (tenant_id, id, account_id, symbol, side, order_type, time_in_force, quantity_e6, limit_price_e4, worst_price_e4,
                status, filled_e6, filled_notional_e10, hold_cents, fees_cents, accepted_quote_seq, last_quote_seq, accepted_at,
                updated_at, version)
             select a.tenant_id, gen_random_uuid(), a.id, {symbol}, 'buy', 'limit', 'gtc', 10000, {price}, {price}, 'submitted',
                    0, 0, {hold}, 0, 0, 0, now(), now(), 1
             from (select * from trading.account order by opened_at desc limit 1) a, generate_series(1, {open}) n"
        )
    };
    let symbols = "(array['AAPL', 'MSFT', 'TSLA', 'NVDA', 'XOM', 'BAC', 'WMT', 'JPM'])[1 + n % 8]";
    let resting = insert(symbols, "10000 + n % 70000", 0, open.saturating_sub(1));
    // A hundredth of a share for 1,000.00 at most.
    let marketable = insert("'AAPL'", "10000000", 1_000, 1);
    let account = "update trading.account a
         set open_orders = o.count, available_cents = available_cents - 1000, held_cents = held_cents + 1000
         from (select account_id, count(*) as count from trading.orders
               where status in ('pending', 'submitted', 'partial') group by account_id) o
         where a.id = o.account_id";
    by_hand(superuser, &[&resting, &marketable, account]).await
}

/// Without audit events, and without looking for the account of each row.
async fn by_hand(superuser: &mut PgConnection, statements: &[&str]) -> Anyhow<()> {
    let tables = ["trading.orders", "trading.account"];
    let switch = |how: &str| tables.map(|table| format!("alter table {table} {how} trigger is_protected"));
    let mut all = vec!["set session_replication_role = replica".to_owned()];
    all.extend(switch("disable"));
    all.extend(statements.iter().map(|one| (*one).to_owned()));
    all.extend(switch("enable always"));
    for sql in all {
        sqlx::query(AssertSqlSafe(sql)).execute(&mut *superuser).await?;
    }
    Ok(())
}
