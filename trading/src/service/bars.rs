//! What symbols cost, and keeping it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::time::Duration;

use platform_core::Timestamp;
use platform_core::pg::DbError;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{Trading, TradingError};
use crate::market::Finished;
use crate::store::{self, StoredBars};
use crate::{MARKET_DATA, MarketBar, Symbol, Timeframe};

/// How often minutes that are over are stored.
const STORE_EVERY: Duration = Duration::from_secs(5);
/// How often old ones are forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(3_600);
/// Bars that are stored in one statement.
const STORE_BATCH: usize = 2_000;
/// Bars that are forgotten in one statement.
const FORGET_BATCH: i64 = 10_000;
/// Days for which bars of a minute are kept.
const MINUTE_DAYS: i64 = 90;
/// How long the last bars may take to be stored when the worker is stopped.
const LAST_STORE: Duration = Duration::from_secs(3);

/// Which bars are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BarQuery {
    /// Of which symbol.
    pub symbol: Symbol,
    /// How long they are.
    pub timeframe: Timeframe,
    /// When they begin.
    pub range: Range<Timestamp>,
    /// How many at most, the oldest first.
    pub limit: u32,
}

impl Trading {
    /// The bars of a symbol, the oldest first, with the one that is being made as far as it is. Those of a second go back an hour and not
    /// beyond the start of this process, those of a minute 90 days, those of a day for ever.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn bars(&self, query: &BarQuery) -> Result<Vec<MarketBar>, DbError> {
        // Memory first: what is stored in between is then in both, and counts once.
        let in_memory = self.inner.board.recorded(query.symbol, query.timeframe);
        let mut bars: BTreeMap<Timestamp, MarketBar> = match query.timeframe {
            Timeframe::Second => BTreeMap::new(),
            Timeframe::Minute | Timeframe::Day => self.stored(query).await?,
        };
        for recorded in in_memory.iter().filter(|bar| query.range.contains(&bar.start)) {
            bars.entry(recorded.start)
                .and_modify(|bar| bar.merge(recorded))
                .or_insert(*recorded);
        }
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        Ok(bars.into_values().take(limit).collect())
    }

    async fn stored(&self, query: &BarQuery) -> Result<BTreeMap<Timestamp, MarketBar>, DbError> {
        let wanted = StoredBars {
            symbol: query.symbol,
            timeframe: query.timeframe,
            from: query.range.start,
            until: query.range.end,
            limit: i64::from(query.limit),
        };
        let mut tx = self.inner.db.begin_as(&MARKET_DATA).await?;
        let bars = store::bars(&mut tx, wanted).await?;
        tx.rollback().await?;
        Ok(bars.into_iter().map(|bar| (bar.start, bar)).collect())
    }
}

/// Stores the bars of minutes and days as they are made, and forgets old minutes.
#[derive(Debug)]
pub struct BarWorker {
    trading: Trading,
    /// What was sent to the database and may be stored. It is sent again as it was, so that it counts once.
    sent: Option<Finished>,
    /// Whether this instance leads; one that is alone always does.
    leading: Option<watch::Receiver<bool>>,
    /// Whether it did when it was looked last, with `leading`.
    led: bool,
}

impl BarWorker {
    /// A worker for the bars of this brokerage's board.
    pub fn new(trading: &Trading) -> Self {
        Self {
            trading: trading.clone(),
            sent: None,
            leading: None,
            led: false,
        }
    }

    /// Stores only while this instance leads those that share a market. The others keep what they have not seen stored, so that whoever
    /// leads next stores what the one before it has not.
    #[must_use]
    pub fn while_leading(mut self, leading: watch::Receiver<bool>) -> Self {
        self.leading = Some(leading);
        self
    }

    /// Works until `stop` is cancelled, and then stores what there is, for three seconds at most. Only what the database was away for
    /// longer than some minutes, or a killed process, has not stored is lost.
    ///
    /// # Errors
    /// [`TradingError`] when the database fails; go on with the same worker.
    pub async fn run(&mut self, stop: CancellationToken) -> Result<(), TradingError> {
        if let Some(failed) = stop.run_until_cancelled(self.work()).await {
            return failed;
        }
        // Whoever led until now stores still: what the next one has of it is then left out there.
        if self.leading.is_some() && !self.led {
            return Ok(());
        }
        self.trading.inner.board.recorder().finish_all();
        match tokio::time::timeout(LAST_STORE, self.store_finished()).await {
            Ok(stored) => Ok(stored.map(drop)?),
            Err(_) => {
                tracing::warn!("the bars of the last minute were not stored in time");
                Ok(())
            }
        }
    }

    async fn work(&mut self) -> Result<(), TradingError> {
        let mut stores = interval(STORE_EVERY);
        let mut forgets = interval(FORGET_EVERY);
        stores.set_missed_tick_behavior(MissedTickBehavior::Delay);
        forgets.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = stores.tick() => {
                    self.store_if_leading().await?;
                }
                _ = forgets.tick() => {
                    self.forget_old().await?;
                }
            }
        }
    }

    /// Stores what [`store`](Self::store) stores if this instance leads, and tells how many; otherwise it leaves out what the leader has
    /// stored. One that begins to lead does both.
    ///
    /// # Errors
    /// As [`store`](Self::store).
    pub async fn store_if_leading(&mut self) -> Result<usize, DbError> {
        let Some(leading) = &self.leading else {
            return self.store().await;
        };
        let leads = *leading.borrow();
        if leads && self.led {
            return self.store().await;
        }
        self.led = false;
        // Whether it was stored, the rows tell.
        self.sent = None;
        match leads {
            // What the leader before has stored of this minute, and what comes now, are bars of their own.
            true => self.trading.inner.board.recorder().finish_all(),
            false => self.trading.inner.board.recorder().finish(self.trading.now()),
        }
        self.leave_out_stored().await?;
        self.led = leads;
        match leads {
            true => self.store().await,
            false => Ok(0),
        }
    }

    /// Leaves out the bars that are stored, as far as to their first quote: another instance has the rest.
    async fn leave_out_stored(&self) -> Result<(), DbError> {
        let board = &self.trading.inner.board;
        let (symbols, from) = {
            let recorder = board.recorder();
            let symbols: BTreeSet<Symbol> = recorder.waiting().map(|bar| bar.symbol).collect();
            (symbols, recorder.waiting().map(|bar| bar.start).min())
        };
        let Some(from) = from else { return Ok(()) };
        let symbols: Vec<Symbol> = symbols.into_iter().collect();
        let mut tx = self.trading.inner.db.begin_as(&MARKET_DATA).await?;
        let until = store::stored_until(&mut tx, &symbols, from).await?;
        tx.rollback().await?;
        let until: HashMap<Symbol, u64> = until.into_iter().collect();
        let is_stored = |bar: &MarketBar| {
            until
                .get(&bar.symbol)
                .is_some_and(|until| bar.first_seq <= *until)
        };
        board.recorder().leave_out(is_stored);
        Ok(())
    }

    /// Stores the bars of the minutes that are over, and tells how many.
    ///
    /// # Errors
    /// [`DbError`]; the same bars are stored the next time, and count once even if they were stored this time.
    pub async fn store(&mut self) -> Result<usize, DbError> {
        let now = self.trading.now();
        self.trading.inner.board.recorder().finish(now);
        self.store_finished().await
    }

    async fn store_finished(&mut self) -> Result<usize, DbError> {
        let board = self.trading.inner.board.clone();
        let mut stored = 0;
        loop {
            let finished = match self.sent.take() {
                Some(sent) => sent,
                None => board.recorder().finished(STORE_BATCH),
            };
            if finished.bars.is_empty() {
                return Ok(stored);
            }
            let finished = self.sent.insert(finished);
            let mut tx = self.trading.inner.db.begin_as(&MARKET_DATA).await?;
            store::store_minutes(&mut tx, &finished.bars).await?;
            tx.commit().await?;
            board.recorder().stored(finished);
            stored += finished.bars.len();
            self.sent = None;
        }
    }

    /// Forgets the bars of minutes that are older than 90 days, and tells how many.
    ///
    /// # Errors
    /// [`DbError`]; what was forgotten stays forgotten.
    pub async fn forget_old(&self) -> Result<u64, DbError> {
        let before = self.trading.now() - time::Duration::days(MINUTE_DAYS);
        let mut forgotten = 0;
        loop {
            let mut tx = self.trading.inner.db.begin_as(&MARKET_DATA).await?;
            let some = store::forget_minutes(&mut tx, before, FORGET_BATCH).await?;
            tx.commit().await?;
            forgotten += some;
            if some == 0 {
                return Ok(forgotten);
            }
        }
    }
}
