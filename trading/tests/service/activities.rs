//! The ledger with its running balances, over random days with closes in between.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::http::app::{App, order, text};
use crate::support::{Trader, With, World, buy, sell};
use platform_core::{Random, SeededRandom};
use trading::{
    ADJUST, ActivityFilter, ActivityOrder, ActivityView, AssetAmount, ClosingWorker, FeeRate, Rules,
    TradingConfig, TransferCode, VIEW,
};

async fn all(trader: &Trader, filter: ActivityFilter, page: u32) -> Vec<ActivityView> {
    let (trading, ctx) = (&trader.world.trading, trader.ctx());
    let mut rows: Vec<ActivityView> = Vec::new();
    loop {
        let after = rows.last().map(|row| row.seq);
        let some = trading.activities(&ctx, &filter, (after, page)).await.unwrap();
        if some.is_empty() {
            return rows;
        }
        rows.extend(some);
    }
}

fn units(amount: AssetAmount) -> i64 {
    match amount {
        AssetAmount::Cash(cents) => cents.cents(),
        AssetAmount::Shares(quantity) => quantity.e6(),
    }
}

const OLDEST: ActivityFilter = ActivityFilter {
    order: ActivityOrder::Oldest,
    kind: None,
    from: None,
    until: None,
};

/// Somebody who trades at random, with what they were told of their cash.
struct Life {
    world: World,
    trader: Trader,
    closing: ClosingWorker,
    random: SeededRandom,
    /// Available and held cash after a row of the ledger.
    known: BTreeMap<i64, (i64, i64)>,
    step: u32,
}

impl Life {
    fn new(world: &World, seed: u64) -> Self {
        Self {
            trader: world.trader(),
            closing: ClosingWorker::new(&world.trading),
            world: world.clone(),
            random: SeededRandom::new(seed),
            known: BTreeMap::new(),
            step: 0,
        }
    }

    fn draw(&self, end: u32) -> u32 {
        let mut bytes = [0; 4];
        self.random.fill(&mut bytes);
        u32::from_le_bytes(bytes) % end
    }

    async fn step(&mut self) {
        self.step += 1;
        let shares = (1 + self.draw(40)).to_string();
        let symbol = ["AAPL", "IBM"][usize::try_from(self.draw(2)).unwrap()];
        let price = format!("{}.{:02}", 8 + self.draw(4), self.draw(100));
        match self.draw(12) {
            0..3 => drop(self.trader.try_place(&buy(&shares).of(symbol)).await),
            3..5 => drop(self.trader.try_place(&sell(&shares).of(symbol)).await),
            5..7 => drop(
                self.trader
                    .try_place(&buy(&shares).of(symbol).limit(&price))
                    .await,
            ),
            7 => drop(
                self.trader
                    .try_place(&sell(&shares).of(symbol).limit(&price))
                    .await,
            ),
            8..10 => {
                self.world.quote_of(symbol, &price, &price, "1000");
                self.world
                    .matcher
                    .match_symbol(symbol.parse().unwrap())
                    .await
                    .unwrap();
            }
            10 => self.pay().await,
            _ => self.close().await,
        }
        self.note().await;
    }

    async fn pay(&self) {
        let admin = self.world.trader_with([VIEW, ADJUST]);
        let account = self.world.trading.account(&self.trader.ctx()).await.unwrap().id;
        let amount = format!("{}.00", i64::from(self.draw(400)) - 200);
        let reason = "test".parse().unwrap();
        let paid = (amount.parse().unwrap(), &reason);
        drop(
            self.world
                .trading
                .adjust_cash(&admin.keyed("key"), account, paid)
                .await,
        );
    }

    async fn close(&mut self) {
        self.closing.meet(&self.world.board.all()).await.unwrap();
        let midnight =
            (self.world.clock_now() + Duration::from_secs(86_400)).replace_time(time::Time::MIDNIGHT);
        self.world.clock.set(midnight);
        self.closing.close_if_due().await.unwrap();
        self.world.matcher.end_orders().await.unwrap();
        for symbol in ["AAPL", "IBM"] {
            self.world.quote_of(symbol, "10.00", "10.00", "1000");
        }
    }

    async fn note(&mut self) {
        let owner = self.trader.principal.id().unwrap();
        let mut read = self.world.db.read(&self.world.system()).await.unwrap();
        let (seq, available, held) = sqlx::query_as::<_, (i64, i64, i64)>(
            "select last_seq, available_cents, held_cents from trading.account where owner_id = $1",
        )
        .bind(owner)
        .fetch_one(&mut read)
        .await
        .unwrap();
        self.known.insert(seq, (available, held));
    }
}

#[tokio::test]
async fn running_balances_are_the_balances_whatever_happened() {
    let world = World::own().await;
    let world = world.with_config(TradingConfig {
        rules: Rules {
            fee: FeeRate::from_parts_per_million(5_000),
            ..Rules::default()
        },
        ..TradingConfig::default()
    });
    for seed in 0..12 {
        let mut life = Life::new(&world, seed);
        life.trader.cash().await;
        life.close().await;
        for _ in 0..40 {
            life.step().await;
        }

        let rows = all(&life.trader, OLDEST, 7).await;
        // Every movement once, in the order of the ledger.
        assert!(
            rows.iter()
                .map(|row| row.seq)
                .eq(1..=i64::try_from(rows.len()).unwrap())
        );
        assert_eq!(rows.last().map(|row| row.seq), life.known.keys().last().copied());
        let mut balances: BTreeMap<String, (i64, i64)> = BTreeMap::new();
        for row in &rows {
            let (available, held) = balances.entry(row.asset.clone()).or_default();
            let amount = units(row.amount);
            for (side, sign) in [(row.credit, 1), (row.debit, -1)] {
                match side.as_str() {
                    "cash.available" | "shares.available" => *available += sign * amount,
                    "cash.held" | "shares.held" => *held += sign * amount,
                    _ => {}
                }
            }
            assert_eq!(
                (units(row.available), units(row.held)),
                (*available, *held),
                "{row:?}"
            );
            if let Some(known) = life.known.get(&row.seq) {
                assert_eq!(balances["cash"], *known, "{row:?}");
            }
        }
        let mut backwards = all(&life.trader, ActivityFilter::default(), 11).await;
        backwards.reverse();
        assert_eq!(backwards, rows);
        for kind in TransferCode::ALL {
            let filter = ActivityFilter {
                kind: Some(*kind),
                ..OLDEST
            };
            let of_kind: Vec<_> = rows.iter().filter(|row| row.kind == *kind).cloned().collect();
            assert_eq!(all(&life.trader, filter, 5).await, of_kind);
        }
        let middle = rows[rows.len() / 2].at;
        let until = ActivityFilter {
            until: Some(middle),
            ..OLDEST
        };
        let from = ActivityFilter {
            from: Some(middle),
            ..OLDEST
        };
        let mut both = all(&life.trader, until, 9).await;
        both.extend(all(&life.trader, from, 9).await);
        assert_eq!(both, rows);
    }
    world.sound().await;
}

#[tokio::test]
async fn the_route_lists_ones_own_ledger_and_nobody_elses() {
    let app = App::new().await;
    app.world.quote("10.00", "10.01", "100");
    app.order("alice", "", &order("buy", "10", None)).await.ok();
    app.get("bob", "/api/v1/account").await.ok();
    let path = "/api/v1/account/activities";

    let newest = app.get("alice", &format!("{path}?limit=2")).await.ok();
    let next = text(&newest["next_cursor"]);
    let rest = app
        .get("alice", &format!("{path}?limit=2&cursor={next}"))
        .await
        .ok();
    let deposits = app
        .get("alice", &format!("{path}?kind=deposit&order=oldest"))
        .await
        .ok();

    assert_eq!(newest["data"][0]["seq"], 5);
    assert_eq!(newest["data"][0]["kind"], "release");
    assert_eq!(newest["data"][0]["available"], "9899.90");
    assert_eq!(newest["data"][0]["held"], "0.00");
    assert_eq!(rest["data"][0]["seq"], 3);
    assert_eq!(deposits["data"].as_array().unwrap().len(), 1);
    assert_eq!(deposits["data"][0]["amount"], "10000.00");
    let of_bob = app.get("bob", path).await.ok();
    assert_eq!(of_bob["data"].as_array().unwrap().len(), 1);
    for wrong in [
        "kind=dividend",
        "order=random",
        "from=yesterday",
        "until=2026-01-01",
    ] {
        let answer = app.get("alice", &format!("{path}?{wrong}")).await;
        assert_eq!(answer.problem(), (422, "invalid_filter".to_owned()), "{wrong}");
    }
    let answer = app.get("alice", "/api/v1/portfolio/history?period=2d").await;
    assert_eq!(answer.problem(), (422, "invalid_filter".to_owned()));
    assert_eq!(
        app.get("alice", "/api/v1/portfolio/history").await.ok()["data"],
        serde_json::json!([])
    );
}
