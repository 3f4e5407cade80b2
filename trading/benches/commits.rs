//! What orders cost when they share commits: placing against TPC-B, filling in batches, ticks over many open orders, verifying.
//!
//! ```sh
//! cargo bench -p trading --bench commits               # everything, a few seconds each
//! cargo bench -p trading --bench commits -- place      # one part: place, fill, tick or verify
//! PGBENCH=/usr/lib/postgresql/16/bin/pgbench cargo bench -p trading --bench commits -- place
//! ```
//!
//! The database of the tests has `fsync` off, so a commit costs its round trip and no disk: `TEST_DATABASE_URL` names a server on a disk.
//! `pgbench` runs its TPC-B with as many clients on the same server, if there is one: its transactions are what the server can commit.
//! `BENCH_CLIENTS` asks for one number of clients. `BENCH_SECONDS` is how long a number is measured (3), `BENCH_OPEN` the most open orders of a tick (100,000; a million takes minutes to
//! be made). Whatever else the machine does falls on every number alike; take them from a machine that does nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a benchmark"
)]

use std::process::Command;
use std::time::{Duration, Instant};

use platform_audit::AuditLog;
use platform_core::metrics::Metrics;
use platform_core::pg::{Db, DbConfig};
use platform_core::testing::TestDb;
use platform_core::{Principal, PrincipalId, RequestContext, RequestMeta, TenantId};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio_util::sync::CancellationToken;
use trading::{
    BoardConfig, Cents, Instrument, Liquidity, MatchingWorker, Placed, QuoteBoard, QuoteSource, QuoteUpdate,
    Symbol, TRADE, Ticket, Trading, TradingConfig,
};

#[tokio::main]
async fn main() {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let runs = |part: &str| wanted.is_empty() || wanted.iter().any(|word| word == part);
    if runs("place") {
        let only = std::env::var("BENCH_CLIENTS")
            .ok()
            .and_then(|text| text.parse().ok());
        for clients in only.map_or(vec![1, 8, 64], |one: usize| vec![one]) {
            place(clients).await;
        }
    }
    if runs("fill") {
        for orders in [1, 10, 100, 1_000] {
            fill(orders).await;
        }
    }
    if runs("tick") {
        let most = number("BENCH_OPEN", 100_000);
        for open in [1_000, 10_000, 100_000, 1_000_000]
            .into_iter()
            .filter(|open| *open <= most)
        {
            tick(open).await;
        }
    }
    if runs("verify") {
        verify().await;
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// A brokerage with a tenant, on which AAPL is quoted at 10.00 to 10.01 without end.
struct Desk {
    test: TestDb,
    db: Db,
    board: QuoteBoard,
    trading: Trading,
    tenant: TenantId,
}

impl Desk {
    async fn open() -> Self {
        let test = TestDb::own(&[&platform_audit::MIGRATIONS, &trading::MIGRATIONS]).await;
        if let Ok(sql) = std::env::var("BENCH_SQL") {
            let mut owner = PgConnection::connect(&test.superuser_url()).await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(sql))
                .execute(&mut owner)
                .await
                .unwrap();
        }
        let config = DbConfig {
            reserved_connections: 1,
            ..DbConfig::new(test.app_url()).with_max_connections(16)
        };
        let db = Db::connect(&config, test.sources().clone()).await.unwrap();
        let board = QuoteBoard::new(
            symbols()
                .map(|symbol| Instrument::new(symbol, QuoteSource::Replay))
                .collect(),
            BoardConfig {
                liquidity: Liquidity::Unlimited,
                stale_after: Duration::from_secs(86_400),
            },
        );
        let config = TradingConfig {
            opening_deposit: Cents::from_cents(900_000_000_000).unwrap(),
            commits_at_once: usize::try_from(number("BENCH_AT_ONCE", 2)).unwrap(),
            orders_per_commit: usize::try_from(number("BENCH_PER_COMMIT", 64)).unwrap(),
            ..TradingConfig::default()
        };
        let trading = Trading::new(&db, &AuditLog::new(db.sources().clone()), &board, config);
        let tenant = test.tenant().await;
        let desk = Self {
            test,
            db,
            board,
            trading,
            tenant,
        };
        desk.quote("10.00", "10.01");
        desk
    }

    fn quote(&self, bid: &str, ask: &str) {
        self.quote_of(std::iter::once(aapl()), bid, ask);
    }

    fn quote_of(&self, symbols: impl Iterator<Item = Symbol>, bid: &str, ask: &str) {
        let now = self.db.sources().now();
        let update = |symbol| QuoteUpdate {
            symbol,
            bid: bid.parse().unwrap(),
            bid_size: "1".parse().unwrap(),
            ask: ask.parse().unwrap(),
            ask_size: "1".parse().unwrap(),
            last: bid.parse().unwrap(),
            source_at: now,
            source: QuoteSource::Replay,
        };
        self.board.publish(now, symbols.map(update).collect());
    }

    async fn customer(&self) -> RequestContext {
        let sources = self.db.sources();
        let principal = Principal::user(PrincipalId::generate(sources), [TRADE].into_iter().collect());
        let meta = RequestMeta::internal(sources);
        let ctx = RequestContext::authenticated(self.tenant, principal, meta);
        self.trading.account(&ctx).await.unwrap();
        ctx
    }

    /// Accounts of customers who do nothing now, made by a statement.
    async fn others(&self, accounts: u64) {
        let mut owner = PgConnection::connect(&self.test.superuser_url()).await.unwrap();
        for sql in [
            "alter table trading.account disable trigger is_protected".to_owned(),
            format!(
                "insert into trading.account
                   (tenant_id, id, owner_id, status, available_cents, held_cents, last_seq, event_seq, opened_at)
                 select '{}', gen_random_uuid(), gen_random_uuid(), 'active', 0, 0, 0, 0, now() from generate_series(1, {accounts})",
                self.tenant
            ),
            "alter table trading.account enable always trigger is_protected".to_owned(),
        ] {
            sqlx::query(AssertSqlSafe(sql)).execute(&mut owner).await.unwrap();
        }
    }

    /// What the server does by itself within a minute.
    async fn analyze(&self) {
        let mut owner = PgConnection::connect(&self.test.superuser_url()).await.unwrap();
        sqlx::query("analyze").execute(&mut owner).await.unwrap();
    }

    async fn place(&self, ctx: &RequestContext, ticket: &Ticket) {
        let placed = self.trading.place(ctx, ticket).await.unwrap();
        assert!(matches!(placed, Placed::New(_)), "{placed:?}");
    }
}

fn aapl() -> Symbol {
    "AAPL".parse().unwrap()
}

/// Twenty, AAPL among them.
fn symbols() -> impl Iterator<Item = Symbol> {
    let others = (1..20).map(|number| format!("S{number}").parse().unwrap());
    std::iter::once(aapl()).chain(others)
}

fn buy(limit: Option<&str>) -> Ticket {
    Ticket {
        symbol: Some("AAPL".to_owned()),
        side: Some("buy".to_owned()),
        order_type: Some(if limit.is_some() { "limit" } else { "market" }.to_owned()),
        quantity: Some("1".into()),
        limit_price: limit.map(Into::into),
        ..Ticket::default()
    }
}

/// Market orders that fill at once, of an account for each client.
async fn place(clients: usize) {
    let desk = std::sync::Arc::new(Desk::open().await);
    let mut customers = Vec::new();
    for _ in 0..clients {
        customers.push(desk.customer().await);
    }
    desk.others(number("BENCH_ACCOUNTS", 10_000)).await;
    let seconds = number("BENCH_SECONDS", 3);
    // A server knows its tables after its first minute. Until then it may look for an order through any index that begins with the tenant.
    place_for(&desk, &customers, Duration::from_secs(1)).await;
    desk.analyze().await;
    let commits = desk.trading.metrics().order_commits.get();
    let began = Instant::now();
    let orders = place_for(&desk, &customers, Duration::from_secs(seconds)).await;
    let took = began.elapsed();
    let commits = desk.trading.metrics().order_commits.get() - commits;
    println!(
        "place  {clients:>3} clients  {:>7} orders/s  {} commits per order",
        per_second(orders, took),
        ratio(commits, orders)
    );
    if let Ok(pgbench) = std::env::var("PGBENCH") {
        tpc_b(&pgbench, &desk.test.superuser_url(), clients, seconds);
    }
}

/// Has every customer place one order after the other. Answers how many they were.
async fn place_for(desk: &std::sync::Arc<Desk>, customers: &[RequestContext], time: Duration) -> u64 {
    let began = Instant::now();
    let tasks: Vec<_> = customers
        .iter()
        .map(|ctx| {
            let (desk, ctx) = (desk.clone(), ctx.clone());
            tokio::spawn(async move {
                let mut placed = 0_u64;
                while began.elapsed() < time {
                    desk.place(&ctx, &buy(None)).await;
                    placed += 1;
                }
                placed
            })
        })
        .collect();
    let mut orders = 0;
    for task in tasks {
        orders += task.await.unwrap();
    }
    orders
}

/// What the server commits of TPC-B's transactions, five statements each.
fn tpc_b(pgbench: &str, url: &str, clients: usize, seconds: u64) {
    let run = |arguments: &[&str]| {
        let done = Command::new(pgbench).args(arguments).arg(url).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).into_owned()
    };
    run(&["--initialize", "--quiet", "--scale=64"]);
    let (clients, seconds) = (format!("--client={clients}"), format!("--time={seconds}"));
    let told = run(&["--no-vacuum", "--protocol=prepared", &clients, &seconds]);
    let rate = told.lines().find(|line| line.starts_with("tps"));
    println!("       pgbench TPC-B: {}", rate.unwrap_or("no rate"));
}

/// Resting orders that one quote fills, of ten accounts.
async fn fill(orders: usize) {
    let desk = Desk::open().await;
    let matcher = MatchingWorker::new(&desk.trading);
    let mut customers = Vec::new();
    for _ in 0..10 {
        customers.push(desk.customer().await);
    }
    let mut times = Vec::new();
    for _ in 0..(1_000 / orders).clamp(2, 50) {
        for number in 0..orders {
            desk.place(&customers[number % customers.len()], &buy(Some("9.00")))
                .await;
        }
        desk.quote("8.99", "9.00");
        let began = Instant::now();
        assert_eq!(matcher.match_symbol(aapl()).await.unwrap(), orders);
        times.push(began.elapsed());
        desk.quote("10.00", "10.01");
    }
    let each = median(times).as_micros() / u128::try_from(orders).unwrap();
    println!("fill  {orders:>4} at once     {each:>6} us per fill");
}

/// Quotes of twenty symbols that fill none of so many open orders of theirs. These are made by the statements below: placing them would
/// take hours.
async fn tick(open: u64) {
    let desk = Desk::open().await;
    let ctx = desk.customer().await;
    let account = desk.trading.account(&ctx).await.unwrap().id;
    let mut owner = PgConnection::connect(&desk.test.superuser_url()).await.unwrap();
    for sql in [
        // Without looking for the account of each.
        "set session_replication_role = replica".to_owned(),
        "alter table trading.orders disable trigger is_protected".to_owned(),
        format!(
            "insert into trading.orders
               (tenant_id, id, account_id, symbol, side, order_type, time_in_force, quantity_e6, limit_price_e4, worst_price_e4,
                status, filled_e6, filled_notional_e10, hold_cents, fees_cents, accepted_quote_seq, last_quote_seq, accepted_at,
                updated_at, version)
             select '{}', gen_random_uuid(), '{account}', case n % 20 when 0 then 'AAPL' else 'S' || n % 20 end, 'buy', 'limit', 'gtc',
                    1000000, 10000 + n % 70000, 10000 + n % 70000, 'submitted', 0, 0, 0, 0, 0, 0, now(), now(), 1
             from generate_series(1, {open}) n",
            desk.tenant
        ),
        "alter table trading.orders enable always trigger is_protected".to_owned(),
    ] {
        sqlx::query(AssertSqlSafe(sql)).execute(&mut owner).await.unwrap();
    }
    desk.analyze().await;
    let matcher = MatchingWorker::new(&desk.trading);
    let began = Instant::now();
    matcher.load().await.unwrap();
    let loaded = began.elapsed();
    let metrics = Metrics::new();
    metrics.register(
        "known",
        "Known orders",
        desk.trading.metrics().orders_open.clone(),
    );
    assert!(metrics.encode().contains(&format!("known {open}\n")));
    let mut times = Vec::new();
    for _ in 0..1_000 {
        desk.quote_of(symbols(), "8.99", "9.00");
        let quotes = desk.board.all();
        let began = Instant::now();
        matcher.match_quotes(&quotes).await.unwrap();
        times.push(began.elapsed());
    }
    println!(
        "tick  {open:>7} open      {:>6} ns for quotes of 20 symbols, loaded in {} ms",
        median(times).as_nanos(),
        loaded.as_millis()
    );
}

/// Replaying the logs of accounts of 400 events each.
async fn verify() {
    let desk = Desk::open().await;
    for _ in 0..20 {
        let ctx = desk.customer().await;
        for _ in 0..200 {
            desk.place(&ctx, &buy(None)).await;
        }
    }
    let ctx = RequestContext::system(desk.tenant, "verify", desk.db.sources());
    let began = Instant::now();
    let stop = CancellationToken::new();
    let verification = desk.trading.verify(&ctx, &stop, |_| {}).await.unwrap();
    let took = began.elapsed();
    assert!(verification.is_clean(), "{verification:?}");
    let events = verification.verified.events;
    println!(
        "verify {events} events       {:>6} events/s",
        per_second(events, took)
    );
}

fn per_second(count: u64, took: Duration) -> u128 {
    u128::from(count) * 1_000_000 / took.as_micros().max(1)
}

/// With three decimals.
fn ratio(part: u64, of: u64) -> String {
    let thousandths = part * 1_000 / of.max(1);
    format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
