//! A brokerage on a real database, with a clock and quotes that only move by hand.

use std::sync::Arc;
use std::time::Duration;

use platform_audit::{AuditLog, EventId, EventPage, RecordedEvent};
use platform_core::pg::Db;
use platform_core::testing::TestDb;
use platform_core::{
    IdempotencyKey, ManualClock, OsRandom, Permission, Principal, PrincipalId, RequestContext, RequestMeta,
    Sources, TenantId, Timestamp,
};
use sqlx::Connection as _;
use time::macros::datetime;
use trading::{
    BoardConfig, Instrument, MatchingWorker, OrderId, OrderView, PlaceError, PlaceOutcome, Placed, Portfolio,
    QuoteBoard, QuoteSource, QuoteUpdate, ReplaceError, ReplaceOutcome, ReplaceTicket, Symbol, TRADE, Ticket,
    Trading, TradingConfig,
};

/// A Monday afternoon.
pub(crate) const NOW: Timestamp = datetime!(2026-01-05 15:00:00 UTC);

/// A brokerage with one tenant. AAPL, IBM and MSFT are traded.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) test: TestDb,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) sources: Sources,
    pub(crate) db: Db,
    pub(crate) board: QuoteBoard,
    pub(crate) trading: Trading,
    pub(crate) matcher: MatchingWorker,
    pub(crate) tenant: TenantId,
}

impl World {
    /// Beside other tests in one database: the matcher must not be told to load.
    pub(crate) async fn new() -> Self {
        Self::on(TestDb::shared(&[&platform_audit::MIGRATIONS, &trading::MIGRATIONS]).await).await
    }

    /// Where so many instruments are traded, `S0` and on.
    pub(crate) async fn with_symbols(count: usize) -> Self {
        let instruments = (0..count).map(|n| Instrument::new(symbol(&format!("S{n}")), QuoteSource::Replay));
        let board = QuoteBoard::new(instruments.collect(), BoardConfig::default());
        let world = Self::new().await;
        world.process(world.db.clone(), board, TradingConfig::default())
    }

    /// In a database of its own.
    pub(crate) async fn own() -> Self {
        Self::on(TestDb::own(&[&platform_audit::MIGRATIONS, &trading::MIGRATIONS]).await).await
    }

    async fn on(test: TestDb) -> Self {
        let clock = Arc::new(ManualClock::starting_at(NOW));
        let sources = Sources::shared(clock.clone(), Arc::new(OsRandom));
        let db = test.connect_with_sources(sources.clone()).await;
        let board = board();
        let tenant = test.tenant().await;
        let trading = Trading::new(
            &db,
            &AuditLog::new(sources.clone()),
            &board,
            TradingConfig::default(),
        );
        let matcher = MatchingWorker::new(&trading);
        Self {
            test,
            clock,
            sources,
            db,
            board,
            trading,
            matcher,
            tenant,
        }
    }

    /// The same brokerage as another process would run it: what was in memory is gone.
    pub(crate) fn restarted(&self) -> Self {
        self.with_db(self.db.clone())
    }

    /// Another process on a pool of its own.
    pub(crate) fn with_db(&self, db: Db) -> Self {
        self.process(db, self.board.clone(), TradingConfig::default())
    }

    /// Another process with a configuration of its own.
    pub(crate) fn with_config(&self, config: TradingConfig) -> Self {
        self.process(self.db.clone(), self.board.clone(), config)
    }

    /// Another process with a configuration and a board of its own.
    pub(crate) fn instance(&self, config: TradingConfig) -> Self {
        self.over(board(), config)
    }

    /// Another process over this board.
    pub(crate) fn over(&self, board: QuoteBoard, config: TradingConfig) -> Self {
        self.process(self.db.clone(), board, config)
    }

    /// Another process with a board of its own, on which nothing is quoted yet.
    pub(crate) fn unquoted(&self) -> Self {
        self.process(self.db.clone(), board(), TradingConfig::default())
    }

    fn process(&self, db: Db, board: QuoteBoard, config: TradingConfig) -> Self {
        let audit = AuditLog::new(self.sources.clone());
        let trading = Trading::new(&db, &audit, &board, config);
        Self {
            board,
            matcher: MatchingWorker::new(&trading),
            trading,
            db,
            ..self.clone()
        }
    }

    /// The same brokerage with another tenant in view.
    pub(crate) async fn other_tenant(&self) -> Self {
        Self {
            tenant: self.test.tenant().await,
            ..self.clone()
        }
    }

    /// Somebody new who may trade.
    pub(crate) fn trader(&self) -> Trader {
        self.trader_with([TRADE])
    }

    pub(crate) fn trader_with<const N: usize>(&self, permissions: [Permission; N]) -> Trader {
        Trader {
            world: self.clone(),
            principal: Principal::user(
                PrincipalId::generate(&self.sources),
                permissions.into_iter().collect(),
            ),
        }
    }

    /// A new quote of AAPL, a millisecond later, with so many shares on each side. The last trade was at the bid.
    pub(crate) fn quote(&self, bid: &str, ask: &str, size: &str) {
        self.quote_of("AAPL", bid, ask, size);
    }

    pub(crate) fn quote_of(&self, symbol: &str, bid: &str, ask: &str, size: &str) {
        self.tick();
        self.board
            .publish(self.clock_now(), vec![update(symbol, bid, ask, size)]);
    }

    /// The matcher meets the current quote of AAPL.
    pub(crate) async fn match_aapl(&self) -> usize {
        self.matcher.match_symbol(aapl()).await.unwrap()
    }

    pub(crate) fn clock_now(&self) -> Timestamp {
        self.sources.now()
    }

    /// A millisecond passes, so that ids made before and after are in order.
    pub(crate) fn tick(&self) {
        self.clock.advance(Duration::from_millis(1));
    }

    pub(crate) fn system(&self) -> RequestContext {
        RequestContext::system(self.tenant, "test", &self.sources)
    }

    /// Everything adds up, and the events make the rows what they are.
    #[track_caller]
    pub(crate) fn sound(&self) -> impl Future<Output = ()> {
        let world = self.clone();
        let caller = std::panic::Location::caller();
        async move {
            let stop = tokio_util::sync::CancellationToken::new();
            let found = world
                .trading
                .verify(&world.system(), &stop, |_| ())
                .await
                .unwrap();
            assert!(found.is_clean(), "at {caller}: {found:#?}");
        }
    }

    /// How many rows of a table the tenant has.
    pub(crate) async fn count(&self, table: &'static str) -> i64 {
        let sql = format!("select count(*) from {table} where tenant_id = $1");
        let mut read = self.db.read(&self.system()).await.unwrap();
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .bind(self.tenant)
            .fetch_one(&mut read)
            .await
            .unwrap()
    }

    /// A connection past every policy.
    pub(crate) async fn superuser(&self) -> sqlx::PgConnection {
        sqlx::PgConnection::connect(&self.test.superuser_url())
            .await
            .unwrap()
    }

    /// Runs a statement as a superuser, past every policy: what only somebody with the keys to the database can do. It goes into
    /// the tenant's trail, without which the protected tables take no change from anybody.
    pub(crate) async fn by_hand(&self, sql: String) -> u64 {
        let mut connection = sqlx::PgConnection::connect(&self.test.superuser_url())
            .await
            .unwrap();
        let mut tx = connection.begin().await.unwrap();
        let changes_a_table = !sql.starts_with("alter") && sql.contains("trading.");
        if changes_a_table {
            sqlx::query(
                "insert into platform_audit.event
                   (tenant_id, id, occurred_at, action, outcome, actor_kind, request_id, trace_id)
                 values ($1, $2, now(), 'test.by_hand', 'success', 'system', gen_random_uuid(), repeat('0', 32))",
            )
            .bind(self.tenant)
            .bind(EventId::generate(&self.sources))
            .execute(&mut *tx)
            .await
            .unwrap();
        }
        let done = sqlx::query(sqlx::AssertSqlSafe(sql))
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        connection.close().await.unwrap();
        done.rows_affected()
    }

    /// The audit events of an order, oldest first.
    pub(crate) async fn events(&self, order: OrderId) -> Vec<RecordedEvent> {
        self.events_of("order", &order.to_string()).await
    }

    /// What a query answers of the tenant's rows.
    pub(crate) async fn rows<T>(&self, sql: &'static str) -> Vec<T>
    where
        T: for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
    {
        let mut read = self.db.read(&self.system()).await.unwrap();
        sqlx::query_as(sql).fetch_all(&mut read).await.unwrap()
    }

    /// The audit events of what is named, oldest first.
    pub(crate) async fn events_of(&self, kind: &str, id: &str) -> Vec<RecordedEvent> {
        let audit = AuditLog::new(self.sources.clone());
        let mut read = self.db.read(&self.system()).await.unwrap();
        let page = EventPage::newest(200);
        let mut events = audit.events_for_target(&mut read, kind, id, page).await.unwrap();
        events.reverse();
        events
    }

    pub(crate) async fn actions(&self, order: OrderId) -> Vec<String> {
        let events = self.events(order).await;
        events.into_iter().map(|event| event.action).collect()
    }
}

/// Somebody who trades.
#[derive(Clone)]
pub(crate) struct Trader {
    pub(crate) world: World,
    pub(crate) principal: Principal,
}

impl Trader {
    pub(crate) fn ctx(&self) -> RequestContext {
        let meta = RequestMeta::internal(&self.world.sources);
        RequestContext::authenticated(self.world.tenant, self.principal.clone(), meta)
    }

    pub(crate) fn keyed(&self, key: &str) -> RequestContext {
        let meta = RequestMeta {
            idempotency_key: Some(IdempotencyKey::parse(key).unwrap()),
            ..RequestMeta::internal(&self.world.sources)
        };
        RequestContext::authenticated(self.world.tenant, self.principal.clone(), meta)
    }

    /// The same person on another process of the brokerage.
    pub(crate) fn at(&self, world: &World) -> Self {
        Self {
            world: World {
                tenant: self.world.tenant,
                ..world.clone()
            },
            principal: self.principal.clone(),
        }
    }

    pub(crate) async fn try_place(&self, ticket: &Ticket) -> Result<Placed, PlaceError> {
        self.world.tick();
        self.world.trading.place(&self.ctx(), ticket).await
    }

    /// Places an order that is new.
    pub(crate) async fn place(&self, ticket: &Ticket) -> PlaceOutcome {
        match self.try_place(ticket).await.unwrap() {
            Placed::New(outcome) => outcome,
            other => panic!("not new: {other:?}"),
        }
    }

    pub(crate) async fn send(&self, key: &str, ticket: &Ticket) -> Result<Placed, PlaceError> {
        self.world.tick();
        self.world.trading.place(&self.keyed(key), ticket).await
    }

    pub(crate) async fn replace(
        &self,
        id: OrderId,
        ticket: &ReplaceTicket,
    ) -> Result<ReplaceOutcome, ReplaceError> {
        self.world.tick();
        self.world.trading.replace(&self.ctx(), id, ticket, None).await
    }

    pub(crate) async fn order(&self, id: OrderId) -> OrderView {
        let order = self.world.trading.order(&self.ctx(), id).await.unwrap();
        order.unwrap()
    }

    pub(crate) async fn portfolio(&self) -> Portfolio {
        self.world.trading.portfolio(&self.ctx()).await.unwrap()
    }

    /// Buying power and held cash.
    pub(crate) async fn cash(&self) -> (String, String) {
        let account = self.world.trading.account(&self.ctx()).await.unwrap();
        (account.buying_power.to_string(), account.held.to_string())
    }

    /// Shares of AAPL that may be sold, and all of them.
    pub(crate) async fn shares(&self) -> (String, String) {
        let position = self.world.trading.position(&self.ctx(), aapl()).await.unwrap();
        position.map_or(("0".to_owned(), "0".to_owned()), |position| {
            (position.available.to_string(), position.quantity.to_string())
        })
    }

    /// Buys so many AAPL at the current quote and expects all of them.
    pub(crate) async fn own_shares(&self, count: &str) {
        let bought = self.place(&buy(count)).await;
        assert_eq!(bought.order.status.as_str(), "filled");
    }
}

/// AAPL, IBM and MSFT, without a quote yet.
pub(crate) fn board() -> QuoteBoard {
    let instruments = ["AAPL", "IBM", "MSFT"].map(|text| Instrument::new(symbol(text), QuoteSource::Replay));
    QuoteBoard::new(instruments.into(), BoardConfig::default())
}

pub(crate) fn symbol(text: &str) -> Symbol {
    text.parse().unwrap()
}

pub(crate) fn aapl() -> Symbol {
    symbol("AAPL")
}

pub(crate) fn update(name: &str, bid: &str, ask: &str, size: &str) -> QuoteUpdate {
    QuoteUpdate {
        symbol: symbol(name),
        bid: bid.parse().unwrap(),
        bid_size: size.parse().unwrap(),
        ask: ask.parse().unwrap(),
        ask_size: size.parse().unwrap(),
        last: bid.parse().unwrap(),
        source_at: NOW,
        source: QuoteSource::Replay,
    }
}

/// A market buy of AAPL.
pub(crate) fn buy(quantity: &str) -> Ticket {
    Ticket {
        symbol: Some("AAPL".to_owned()),
        side: Some("buy".to_owned()),
        order_type: Some("market".to_owned()),
        quantity: Some(quantity.into()),
        ..Ticket::default()
    }
}

/// A market sell of AAPL.
pub(crate) fn sell(quantity: &str) -> Ticket {
    Ticket {
        side: Some("sell".to_owned()),
        ..buy(quantity)
    }
}

/// A change of nothing.
pub(crate) fn change() -> ReplaceTicket {
    ReplaceTicket::default()
}

/// Another quantity.
pub(crate) fn change_to(quantity: &str) -> ReplaceTicket {
    ReplaceTicket {
        quantity: Some(quantity.into()),
        ..change()
    }
}

/// Another limit.
pub(crate) fn limit_to(price: &str) -> ReplaceTicket {
    ReplaceTicket {
        limit_price: Some(price.into()),
        ..change()
    }
}

/// What can be said beside symbol, side and quantity.
pub(crate) trait With {
    fn limit(self, price: &str) -> Self;
    fn stop(self, price: &str) -> Self;
    fn stop_limit(self, stop: &str, limit: &str) -> Self;
    fn until(self, time_in_force: &str) -> Self;
    fn named(self, client_order_id: &str) -> Self;
    fn of(self, symbol: &str) -> Self;
}

impl With for Ticket {
    fn limit(self, price: &str) -> Self {
        Self {
            order_type: Some("limit".to_owned()),
            limit_price: Some(price.into()),
            ..self
        }
    }

    fn stop(self, price: &str) -> Self {
        Self {
            order_type: Some("stop".to_owned()),
            stop_price: Some(price.into()),
            ..self
        }
    }

    fn stop_limit(self, stop: &str, limit: &str) -> Self {
        Self {
            order_type: Some("stop_limit".to_owned()),
            limit_price: Some(limit.into()),
            ..self.stop(stop)
        }
    }

    fn until(self, time_in_force: &str) -> Self {
        Self {
            time_in_force: Some(time_in_force.to_owned()),
            ..self
        }
    }

    fn named(self, client_order_id: &str) -> Self {
        Self {
            client_order_id: Some(client_order_id.parse().unwrap()),
            ..self
        }
    }

    fn of(self, symbol: &str) -> Self {
        Self {
            symbol: Some(symbol.to_owned()),
            ..self
        }
    }
}
