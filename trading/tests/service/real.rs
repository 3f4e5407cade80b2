//! The recorded days of real stocks, from the market to the books: accounts that trade at random while the matcher and the closing of sessions
//! work as in the server.
//!
//! `REPLAY_DAYS=3270 cargo test --release -p trading --test service -- real::` plays every day of the file.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{Trader, With, World, buy, sell, symbol};
use platform_core::{Random, SeededRandom, Timestamp};
use trading::{
    BoardConfig, Calendar, CancelError, Cents, ClosingWorker, FeeRate, Invalid, MarketFeed, MarketWorker,
    OrderId, OrderView, PlaceError, Placed, PublishedQuote, QuoteBoard, ReplaceError, ReplaceTicket,
    ReplayConfig, ReplayData, Rules, SimulatorConfig, StateHashWorker, Symbol, Ticket, TradingConfig,
};

/// Days that are played unless `REPLAY_DAYS` says how many.
const DAYS: u32 = 200;
/// Rounds of quotes in a day.
const ROUNDS: u32 = 6;
const TRADERS: u32 = 4;

struct Market {
    world: World,
    feed: MarketWorker,
    closing: ClosingWorker,
    traders: Vec<Trader>,
    symbols: Vec<Symbol>,
    random: SeededRandom,
    orders: Vec<(usize, OrderView)>,
    /// Every quote that anything could trade on.
    quotes: BTreeMap<u64, Arc<PublishedQuote>>,
    placed: BTreeMap<&'static str, u32>,
}

impl Market {
    async fn open() -> Self {
        let data = ReplayData::bundled().unwrap();
        let symbols = data.symbols();
        let config = ReplayConfig {
            // A day in a minute of the clock.
            speed: Some(390_u32.try_into().unwrap()),
            ..ReplayConfig::default()
        };
        let feed = MarketFeed::replay(data, config, SimulatorConfig::default());
        let board = QuoteBoard::new(feed.instruments(), BoardConfig::default());
        let config = TradingConfig {
            calendar: Calendar::Nyse,
            opening_deposit: "1000000.00".parse().unwrap(),
            rules: Rules {
                fee: FeeRate::from_parts_per_million(50),
                ..Rules::default()
            },
            ..TradingConfig::default()
        };
        let world = World::own().await.over(board, config);
        let feed = MarketWorker::new(feed, world.trading.board().clone(), world.sources.clone());
        let traders: Vec<_> = (0..TRADERS).map(|_| world.trader()).collect();
        for trader in &traders {
            trader.cash().await;
        }
        Self {
            closing: ClosingWorker::new(&world.trading),
            feed,
            traders,
            symbols,
            random: SeededRandom::new(2013),
            orders: Vec::new(),
            quotes: BTreeMap::new(),
            placed: BTreeMap::new(),
            world,
        }
    }

    /// A number below `end`.
    fn draw(&self, end: usize) -> usize {
        let mut bytes = [0; 4];
        self.random.fill(&mut bytes);
        usize::try_from(u32::from_le_bytes(bytes)).unwrap() % end
    }

    /// A session: orders of the night, rounds of quotes with orders between them, the close.
    async fn day(&mut self) {
        let session = Calendar::Nyse.session_from(self.world.clock_now());
        self.world.clock.set(session.open - Duration::from_secs(1));
        assert_eq!(self.feed.publish(), 0, "the market is closed");
        self.place().await;
        self.world.clock.set(session.open);
        for _ in 0..ROUNDS {
            self.world.clock.advance(Duration::from_secs(10));
            self.tick().await;
            for _ in 0..4 {
                self.act().await;
            }
        }
        self.world.clock.set(session.close);
        self.world.matcher.end_orders().await.unwrap();
        let kept = self.closing.close_if_due().await.unwrap();
        assert_eq!(kept, u64::from(TRADERS), "every account is kept at the close");
        for trader in &self.traders {
            adds_up(trader).await;
        }
    }

    /// A round of quotes, met in the order in which the server meets them.
    async fn tick(&mut self) {
        assert!(self.feed.publish() >= self.symbols.len());
        let quotes = self.world.trading.board().all();
        self.quotes
            .extend(quotes.iter().map(|quote| (quote.seq, Arc::clone(quote))));
        let matcher = &self.world.matcher;
        matcher.end_orders().await.unwrap();
        matcher.activate_orders().await.unwrap();
        for symbol in &self.symbols {
            matcher.match_symbol(*symbol).await.unwrap();
        }
        self.closing.meet(&quotes).await.unwrap();
    }

    async fn act(&mut self) {
        match self.draw(10) {
            0 => self.cancel().await,
            1 | 2 => self.replace().await,
            _ => self.place().await,
        }
    }

    /// A price not far from the last one of a symbol.
    fn near(&self, name: Symbol) -> String {
        let last = self.world.trading.board().latest(name);
        let last = last.map_or(100_0000, |quote| quote.last.e4());
        // Up to 3 % away, in whole cents.
        let away = i64::try_from(self.draw(601)).unwrap() - 300;
        let price_e4 = (last + last * away / 10_000) / 100 * 100;
        trading::Price::from_e4(price_e4.max(100)).unwrap().to_string()
    }

    fn ticket(&self) -> Ticket {
        let name = self.symbols[self.draw(self.symbols.len())];
        let quantity = match self.draw(3) {
            0 => format!("{}.{:06}", self.draw(50), 1 + self.draw(999_999)),
            _ => format!("{}", 1 + self.draw(200)),
        };
        let side = if self.draw(5) < 3 {
            buy(&quantity)
        } else {
            sell(&quantity)
        };
        let ticket = side.of(name.as_str());
        let rests = ["day", "gtc"][self.draw(2)];
        let any = ["day", "gtc", "ioc", "fok"][self.draw(4)];
        match self.draw(6) {
            0 => ticket.until(any),
            1 | 2 => ticket.limit(&self.near(name)).until(any),
            3 => ticket.stop(&self.near(name)).until(rests),
            4 => ticket.stop_limit(&self.near(name), &self.near(name)).until(rests),
            _ => ticket.limit(&self.near(name)).until(rests),
        }
    }

    async fn place(&mut self) {
        let who = self.draw(self.traders.len());
        let ticket = self.ticket();
        match self.traders[who].try_place(&ticket).await {
            Ok(Placed::New(outcome)) => {
                *self.placed.entry(outcome.order.order_type.as_str()).or_default() += 1;
                self.orders.push((who, outcome.order));
            }
            Err(PlaceError::Invalid(
                Invalid::StopThroughMarket | Invalid::MarketClosed | Invalid::NoUsableQuote,
            )) => {}
            other => panic!("{ticket:?}: {other:?}"),
        }
    }

    /// One of the last orders: the oldest ones are final.
    fn pick(&self) -> Option<(&Trader, OrderId, Symbol)> {
        let recent = self.orders.len().min(40);
        let at = self.orders.len().checked_sub(1 + self.draw(recent.max(1)))?;
        let (who, order) = self.orders.get(at)?;
        Some((&self.traders[*who], order.id, order.symbol))
    }

    async fn cancel(&self) {
        let Some((trader, id, _)) = self.pick() else {
            return;
        };
        let cancelled = self.world.trading.cancel(&trader.ctx(), id).await;
        assert!(
            matches!(cancelled, Ok(_) | Err(CancelError::Closed(_))),
            "{cancelled:?}"
        );
    }

    async fn replace(&self) {
        let Some((trader, id, name)) = self.pick() else {
            return;
        };
        let ticket = ReplaceTicket {
            quantity: Some(format!("{}", 1 + self.draw(150)).as_str().into()),
            limit_price: (self.draw(2) == 0).then(|| self.near(name).as_str().into()),
            ..ReplaceTicket::default()
        };
        match trader.replace(id, &ticket).await {
            Ok(_) | Err(ReplaceError::Closed(_) | ReplaceError::Fields(_) | ReplaceError::Invalid(_)) => {}
            Err(other) => panic!("{other:?}"),
        }
    }

    /// What is in the database at the end keeps every rule.
    async fn is_sound(&self, days: u32) {
        self.world.sound().await;
        let kept = StateHashWorker::new(&self.world.trading).keep().await.unwrap();
        assert!(kept > 0 || self.world.count("trading.event").await < 4_000);
        self.world.sound().await;
        let drift = self.world.matcher.reconcile().await.unwrap();
        assert_eq!(drift, 0, "the matcher knows what is open");
        for (rule, sql) in RULES {
            let broken: Vec<(i64,)> = self.world.rows(sql).await;
            assert_eq!(broken, [(0,)], "{rule}");
        }
        self.fills_are_of_their_quotes(days).await;
    }

    /// Every fill happened in a session, on a quote of its symbol that is not older than the order, at its price, and of no side of a quote
    /// more was sold than it displayed.
    async fn fills_are_of_their_quotes(&self, days: u32) {
        type Fill = (i64, String, String, i64, i64, Timestamp, i64);
        let fills: Vec<Fill> = self
            .world
            .rows(
                "select e.quote_seq, e.symbol, e.side, e.quantity_e6, e.price_e4, e.executed_at, o.accepted_quote_seq
                 from trading.execution e join trading.orders o on o.tenant_id = e.tenant_id and o.id = e.order_id",
            )
            .await;
        let enough = usize::try_from(days * 4).unwrap();
        assert!(fills.len() > enough, "{} fills in {days} days", fills.len());
        let mut sold: BTreeMap<(u64, bool), i64> = BTreeMap::new();
        for (seq, name, side, quantity_e6, price_e4, at, accepted) in fills {
            assert!(Calendar::Nyse.session_at(at).is_some(), "a fill at {at}");
            assert!(seq >= accepted, "an earlier quote");
            let seq = u64::try_from(seq).unwrap();
            let quote = &self.quotes[&seq];
            assert_eq!(quote.symbol, symbol(&name));
            assert!(
                !quote.halted && at - quote.at <= Duration::from_secs(5),
                "a stale quote"
            );
            let is_buy = side == "buy";
            let (price, size) = if is_buy {
                (quote.ask, quote.ask_size)
            } else {
                (quote.bid, quote.bid_size)
            };
            assert_eq!(price.e4(), price_e4);
            let taken = sold.entry((seq, is_buy)).or_default();
            *taken += quantity_e6;
            assert!(*taken <= size.e6(), "more than was displayed");
        }
    }
}

/// What no row may be, beside what verifying compares.
const RULES: [(&str, &str); 7] = [
    (
        "balances are not negative",
        "select count(*) from trading.account a left join trading.position p on p.tenant_id = a.tenant_id and p.account_id = a.id
         where a.available_cents < 0 or a.held_cents < 0 or p.available_e6 < 0 or p.held_e6 < 0",
    ),
    (
        "an order is filled when nothing is left",
        "select count(*) from trading.orders
         where (status = 'filled') <> (filled_e6 = quantity_e6 and filled_e6 > 0) or (status = 'partial' and filled_e6 = 0)",
    ),
    (
        "a final order holds nothing",
        "select count(*) from trading.orders where status not in ('pending', 'submitted', 'partial') and hold_cents <> 0",
    ),
    (
        "nothing executes worse than its worst price",
        "select count(*) from trading.execution e join trading.orders o on o.tenant_id = e.tenant_id and o.id = e.order_id
         where (e.side = 'buy' and e.price_e4 > o.worst_price_e4) or (e.side = 'sell' and e.price_e4 < o.worst_price_e4)",
    ),
    (
        "an immediate order is not open and executes once at most",
        "select count(*) from trading.orders o where o.time_in_force in ('ioc', 'fok') and (
             o.status in ('pending', 'submitted', 'partial') or (o.time_in_force = 'fok' and o.filled_e6 not in (0, o.quantity_e6))
             or (select count(*) from trading.execution e where e.tenant_id = o.tenant_id and e.order_id = o.id) > 1)",
    ),
    (
        "a flat position has no cost, and none is negative",
        "select count(*) from trading.position where cost_cents < 0 or (available_e6 + held_e6 = 0 and cost_cents <> 0)",
    ),
    (
        "no order is open after its end",
        "select count(*) from trading.orders o where o.status in ('pending', 'submitted', 'partial')
           and o.expires_at <= (select max(updated_at) from trading.orders)
           and o.expires_at < (select max(session_close) from trading.closing_price)",
    ),
];

/// Equity is explained by what was earned, and the day of the account by its symbols, but for the rounding of what is displayed.
async fn adds_up(trader: &Trader) {
    let portfolio = trader.portfolio().await;
    let earned = portfolio.realized.cents() + portfolio.unrealized.cents() - portfolio.fees.cents();
    let gained = portfolio.equity.cents() - portfolio.net_deposits.cents();
    assert!((earned - gained).abs() <= 1, "{portfolio:#?}");
    let day = &portfolio.day;
    let symbols: i64 = day.symbols.iter().map(|one| one.pnl).map(Cents::cents).sum();
    let roundings = i64::try_from(day.symbols.len()).unwrap() + 1;
    assert!(
        (day.pnl.cents() - symbols + day.fees.cents()).abs() <= roundings,
        "{portfolio:#?}"
    );
}

#[tokio::test]
async fn accounts_that_trade_real_days_are_what_happened_to_them() {
    let days = std::env::var("REPLAY_DAYS").map_or(DAYS, |days| days.parse().unwrap());
    let mut market = Market::open().await;

    for day in 1..=days {
        market.day().await;
        if day % 100 == 0 {
            market.world.sound().await;
        }
    }

    assert_eq!(
        market.placed.len(),
        4,
        "every type was placed: {:?}",
        market.placed
    );
    market.is_sound(days).await;
}
