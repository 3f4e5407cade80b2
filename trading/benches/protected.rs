//! What the protection of the tables costs: placing an order with the triggers on, against the same statements with them off.
//!
//! ```sh
//! cargo bench -p trading --bench protected
//! ```
//!
//! Market orders of one account after the other, filled at once: an order, a fill, a position, an account, two events and two to three transfers,
//! so that eight or nine rows are looked at when the transaction commits. The two sides take turns in blocks, so that whatever else the
//! machine does falls on both; what is printed are medians of the orders' times. The database of the tests has `fsync` off, which makes
//! the share of the triggers larger than it is on a disk. `BENCH_BLOCKS` sets how often the sides take turns (20).
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a benchmark"
)]

use std::time::{Duration, Instant};

use platform_audit::AuditLog;
use platform_core::testing::TestDb;
use platform_core::{Principal, PrincipalId, RequestContext, RequestMeta};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use trading::{
    BoardConfig, Instrument, Liquidity, Placed, QuoteBoard, QuoteSource, QuoteUpdate, TRADE, Ticket, Trading,
    TradingConfig,
};

/// Orders of a block.
const BLOCK: usize = 100;
const WARM_UP: usize = 300;
/// Every account starts with 10,000.00; an order costs 10.01.
const ORDERS_OF_AN_ACCOUNT: usize = 500;

const TABLES: [&str; 6] = ["account", "event", "execution", "orders", "position", "transfer"];

#[tokio::main]
async fn main() {
    let blocks: usize = std::env::var("BENCH_BLOCKS").map_or(20, |text| text.parse().unwrap());
    let test = TestDb::own(&[&platform_audit::MIGRATIONS, &trading::MIGRATIONS]).await;
    let mut desk = Desk::new(&test).await;
    let mut owner = PgConnection::connect(&test.superuser_url()).await.unwrap();
    desk.place(WARM_UP).await;

    let (mut on, mut off) = (Vec::new(), Vec::new());
    for block in 0..blocks * 2 {
        let protected = block % 2 == 0;
        switch(&mut owner, protected).await;
        let times = desk.place(BLOCK).await;
        match protected {
            true => on.extend(times),
            false => off.extend(times),
        }
    }

    let (on, off) = (median(on), median(off));
    println!("{} orders on each side, medians:", blocks * BLOCK);
    println!("  triggers on   {:>6} us", on.as_micros());
    println!("  triggers off  {:>6} us", off.as_micros());
    let percent = (on.as_nanos() * 1_000 / off.as_nanos()).saturating_sub(1_000);
    println!("  slower by     {:>4}.{} %", percent / 10, percent % 10);
}

/// Somebody who buys.
struct Desk {
    test: TestDb,
    trading: Trading,
    ctx: RequestContext,
    placed: usize,
}

impl Desk {
    async fn new(test: &TestDb) -> Self {
        let db = test.db();
        let symbol = "AAPL".parse().unwrap();
        let board = QuoteBoard::new(
            vec![Instrument::new(symbol, QuoteSource::Replay)],
            BoardConfig {
                liquidity: Liquidity::Unlimited,
                stale_after: Duration::from_secs(86_400),
            },
        );
        let now = db.sources().now();
        board.publish(
            now,
            vec![QuoteUpdate {
                symbol,
                bid: "10.00".parse().unwrap(),
                bid_size: "1".parse().unwrap(),
                ask: "10.01".parse().unwrap(),
                ask_size: "1".parse().unwrap(),
                last: "10.00".parse().unwrap(),
                source_at: now,
                source: QuoteSource::Replay,
            }],
        );
        let audit = AuditLog::new(db.sources().clone());
        Self {
            test: test.clone(),
            trading: Trading::new(&db, &audit, &board, TradingConfig::default()),
            ctx: somebody(test).await,
            placed: 0,
        }
    }

    /// Places orders one after the other; how long each took.
    async fn place(&mut self, orders: usize) -> Vec<Duration> {
        let ticket = Ticket {
            symbol: Some("AAPL".to_owned()),
            side: Some("buy".to_owned()),
            order_type: Some("market".to_owned()),
            quantity: Some("1".into()),
            ..Ticket::default()
        };
        let mut times = Vec::with_capacity(orders);
        for _ in 0..orders {
            if self.placed.is_multiple_of(ORDERS_OF_AN_ACCOUNT) {
                self.ctx = somebody(&self.test).await;
                self.trading.account(&self.ctx).await.unwrap();
            }
            let began = Instant::now();
            let placed = self.trading.place(&self.ctx, &ticket).await.unwrap();
            times.push(began.elapsed());
            let Placed::New(outcome) = placed else {
                panic!("{placed:?}");
            };
            assert_eq!(outcome.order.status.as_str(), "filled");
            self.placed += 1;
        }
        times
    }
}

async fn somebody(test: &TestDb) -> RequestContext {
    let tenant = test.tenant().await;
    let principal = Principal::user(
        PrincipalId::generate(test.sources()),
        [TRADE].into_iter().collect(),
    );
    RequestContext::authenticated(tenant, principal, RequestMeta::internal(test.sources()))
}

async fn switch(owner: &mut PgConnection, protected: bool) {
    let state = if protected { "enable always" } else { "disable" };
    for table in TABLES {
        let sql = format!("alter table trading.{table} {state} trigger is_protected");
        sqlx::query(AssertSqlSafe(sql))
            .execute(&mut *owner)
            .await
            .unwrap();
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
