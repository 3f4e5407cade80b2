//! The module that a service composes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use platform_core::pg::Migrations;
use platform_core::runtime::{BuildCx, Check, Descriptor, Module, ModuleError, Parts, Worker};
use platform_core::{PermissionInfo, Sources};
use tokio::sync::watch;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::stream::{self, Streams};
use super::{StreamBackends, StreamConfig};
use crate::market::MarketSharing;
use crate::{
    ADJUST, AlertWorker, BarWorker, ClosingWorker, HousekeepingWorker, LedMatchingWorker, MANAGE, MARKET,
    MIGRATIONS, MarketFeed, MarketMetrics, MarketStateWorker, MatchingWorker, SharedMarket, StateHashWorker,
    TRADE, Trading, VIEW,
};

/// Named `trading`: the brokerage's tables, its routes under `/api/v1`, the stream at `/ws` and `/api/v1/ws`, its tickets, and the workers
/// that move the market, fill resting orders, fire alerts, close sessions and forget old keys. Offers the handle [`Trading`].
///
/// Of several instances on one database one matches at a time; see [`LedMatchingWorker`]. Unless they
/// [share a market](crate::TradingConfig::shared_market), the others stand by: they are not ready, and refuse to place and to change orders
/// with 503 `standing_by`, while lists and cancels go on.
#[derive(Debug)]
pub struct TradingModule {
    trading: Trading,
    /// Taken by the market worker when it starts.
    feed: Mutex<Option<MarketFeed>>,
    tick: Duration,
    stream: StreamConfig,
    leading: Option<watch::Receiver<bool>>,
    alone: bool,
    shared: Option<SharedMarket>,
    backends: StreamBackends,
}

impl TradingModule {
    /// The module of a brokerage whose board is fed by `feed`, four times a second.
    pub fn new(trading: &Trading, feed: MarketFeed) -> Self {
        Self {
            trading: trading.clone(),
            feed: Mutex::new(Some(feed)),
            tick: Duration::from_millis(250),
            stream: StreamConfig::default(),
            leading: None,
            alone: false,
            shared: None,
            backends: StreamBackends::default(),
        }
    }

    /// The same with another time between two rounds of quotes.
    #[must_use]
    pub fn tick(mut self, tick: Duration) -> Self {
        self.tick = tick;
        self
    }

    /// The same for one of several instances of which somebody else says who leads: quotes are published, bars stored and sessions closed
    /// only while this one does. [`share_market`](Self::share_market) decides it by itself, and takes the place of this.
    #[must_use]
    pub fn while_leading(mut self, leading: watch::Receiver<bool>) -> Self {
        self.leading = Some(leading);
        self
    }

    /// The same for a process that can be the only one on its database, as when the database is its own: it matches and takes orders at once
    /// and without a lease. Where a market is shared this changes nothing.
    #[must_use]
    pub fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    /// The same for one of several instances that share a market: one leads, and the others show what it publishes. Bars are stored, and
    /// sessions closed, by the one that leads.
    #[must_use]
    pub fn share_market(mut self, shared: SharedMarket) -> Self {
        self.shared = Some(shared);
        self
    }

    /// The same with other bounds for the stream.
    #[must_use]
    pub fn stream(mut self, stream: StreamConfig) -> Self {
        self.stream = stream;
        self
    }

    /// The same with what the stream works with: who verifies tokens, who knows whether sessions go on, what instances share.
    #[must_use]
    pub fn stream_with(mut self, backends: StreamBackends) -> Self {
        self.backends = backends;
        self
    }

    fn workers(&self, sharing: Option<&MarketSharing>) -> Result<Vec<Worker>, ModuleError> {
        let feed = self.feed.lock().unwrap_or_else(PoisonError::into_inner).take();
        let feed =
            feed.ok_or_else(|| ModuleError::Invalid("the trading module was built twice".to_owned()))?;
        let market = self.trading.market_worker(feed).every(self.tick);
        let leading = sharing
            .map(MarketSharing::leading)
            .or_else(|| self.leading.clone())
            // Who stands by has no market of its own: its prices would fire alerts and close sessions.
            .or_else(|| self.is_led().then(|| self.trading.inner.standing.leading()));
        let market = match &leading {
            Some(leading) => market.while_leading(leading.clone()),
            None => market,
        };
        let market = match sharing {
            Some(sharing) => market.playing_along(sharing.played()),
            None => market,
        };
        let market = std::sync::Arc::new(tokio::sync::Mutex::new(market));
        let housekeeping = HousekeepingWorker::new(&self.trading);
        let state = MarketStateWorker::new(&self.trading);
        // Kept over a failure, with what may have been stored.
        let bars = self.bar_worker(leading.as_ref());
        let bars = std::sync::Arc::new(tokio::sync::Mutex::new(bars));
        let hashes = StateHashWorker::new(&self.trading);
        let closing = self.closing_worker(leading.as_ref());
        let closing = std::sync::Arc::new(tokio::sync::Mutex::new(closing));
        let alerts = AlertWorker::new(&self.trading);
        let mut workers = vec![
            Worker::new("trading.market", move |stop| {
                let market = Arc::clone(&market);
                async move {
                    market.lock().await.run(stop).await;
                    Ok(())
                }
            }),
            Worker::new("trading.bars", move |stop| {
                let bars = std::sync::Arc::clone(&bars);
                async move { Ok(bars.lock().await.run(stop).await?) }
            }),
            self.matching(sharing),
            Worker::new("trading.alerts", move |stop| {
                let alerts = alerts.clone();
                async move { Ok(alerts.run(stop).await?) }
            }),
            Worker::new("trading.closing", move |stop| {
                let closing = std::sync::Arc::clone(&closing);
                async move { Ok(closing.lock().await.run(stop).await?) }
            }),
            Worker::new("trading.housekeeping", move |stop| {
                let housekeeping = housekeeping.clone();
                async move { Ok(housekeeping.run(stop).await?) }
            }),
            Worker::new("trading.state_hashes", move |stop| {
                let hashes = hashes.clone();
                async move { Ok(hashes.run(stop).await?) }
            }),
        ];
        workers.extend(sharing.map(MarketSharing::worker));
        if self.trading.inner.config.market_tenant.is_some() {
            workers.push(Worker::new("trading.market_state", move |stop| {
                let state = state.clone();
                async move { Ok(state.run(stop).await?) }
            }));
        }
        Ok(workers)
    }

    fn is_led(&self) -> bool {
        !self.alone || self.trading.inner.config.shared_market
    }

    fn matching(&self, sharing: Option<&MarketSharing>) -> Worker {
        const NAME: &str = "trading.matching";
        if !self.is_led() {
            let matching = MatchingWorker::new(&self.trading);
            return Worker::new(NAME, move |stop| {
                let matching = matching.clone();
                async move { Ok(matching.run(stop).await?) }
            });
        }
        let matching = LedMatchingWorker::new(&self.trading);
        let matching = match &self.backends.bus {
            Some(bus) => matching.with_bus(bus.clone()),
            None => matching,
        };
        let matching = match sharing {
            Some(sharing) => matching.while_seeing(sharing.sees()),
            None => matching,
        };
        Worker::new(NAME, move |stop| {
            let matching = matching.clone();
            async move { Ok(matching.run(stop).await?) }
        })
    }

    /// What is looked at when somebody asks how the brokerage is.
    fn checks(&self, sources: &Sources) -> Vec<Check> {
        let (board, sources) = (self.trading.board().clone(), sources.clone());
        let fresh = Check::soft("quotes", move || {
            let newest = board.all().iter().map(|quote| quote.at).max();
            let now = sources.now();
            let is_open = board.calendar().session_at(now).is_some();
            let is_fresh = !is_open || newest.is_some_and(|at| now - at <= board.stale_after());
            async move {
                if is_fresh {
                    Ok(())
                } else {
                    Err("no fresh quotes: nothing is traded".to_owned())
                }
            }
        });
        let trading = self.trading.clone();
        let leads = Check::critical("orders", move || {
            let takes_orders = trading.inner.standing.takes_orders();
            async move {
                match takes_orders {
                    true => Ok(()),
                    false => Err("another instance takes orders, and this one stands by".to_owned()),
                }
            }
        });
        vec![fresh, leads]
    }

    fn bar_worker(&self, leading: Option<&watch::Receiver<bool>>) -> BarWorker {
        let worker = BarWorker::new(&self.trading);
        match leading {
            Some(leading) => worker.while_leading(leading.clone()),
            None => worker,
        }
    }

    fn closing_worker(&self, leading: Option<&watch::Receiver<bool>>) -> ClosingWorker {
        let worker = ClosingWorker::new(&self.trading);
        match leading {
            Some(leading) => worker.while_leading(leading.clone()),
            None => worker,
        }
    }

    /// What keeps the stream up to date.
    fn stream_workers(&self, streams: &Streams) -> Vec<Worker> {
        let (hub, trading, every) = (
            streams.hub().clone(),
            self.trading.clone(),
            self.stream.accounts_every,
        );
        let mut workers = vec![Worker::new("trading.stream_accounts", move |stop| {
            let (hub, trading) = (hub.clone(), trading.clone());
            async move {
                stream::follow_accounts(&trading, &hub, every, stop).await;
                Ok(())
            }
        })];
        if self.backends.bus.is_some() {
            let hub = streams.hub().clone();
            workers.push(Worker::new("trading.stream_relay", move |stop| {
                let hub = hub.clone();
                async move {
                    hub.relay(stop).await;
                    Ok(())
                }
            }));
        }
        if let Some(liveness) = &self.backends.liveness {
            let (hub, liveness, watch) = (streams.hub().clone(), Arc::clone(liveness), self.stream.watch);
            workers.push(Worker::new("trading.stream_sessions", move |stop| {
                let (hub, liveness) = (hub.clone(), Arc::clone(&liveness));
                async move {
                    hub.watch_sessions(&*liveness, watch, stop).await;
                    Ok(())
                }
            }));
        }
        if let Some(presence) = &self.backends.presence {
            let presence = presence.clone();
            workers.push(Worker::new("trading.stream_presence", move |stop| {
                let presence = presence.clone();
                async move {
                    presence.renew(stop).await;
                    Ok(())
                }
            }));
        }
        workers
    }

    fn routes(&self, streams: Streams) -> OpenApiRouter {
        let api = self.trading.api_routes();
        let stream = OpenApiRouter::default()
            .routes(routes!(stream::open))
            .routes(routes!(stream::issue_ticket))
            .with_state(streams.clone());
        // The same stream at the root and for clients that do not version, which the document does not repeat.
        let alias = Router::new()
            .route("/ws", axum::routing::get(stream::open))
            .route("/ws/ticket", axum::routing::post(stream::issue_ticket))
            .route("/api/ws", axum::routing::get(stream::open))
            .route("/api/ws/ticket", axum::routing::post(stream::issue_ticket))
            .with_state(streams);
        OpenApiRouter::from(alias)
            .nest("/api/v1", api.merge(stream))
            .nest("/admin/v1", self.trading.admin_routes())
            .nest("/platform/v1", self.trading.platform_routes())
    }
}

impl Module for TradingModule {
    fn descriptor(&self) -> Descriptor {
        // What is recorded last is still attested.
        Descriptor::new("trading", env!("CARGO_PKG_VERSION"))
            .uses("audit", "^0.1")
            .permission(PermissionInfo::assignable(
                TRADE,
                "Place orders and see the own account",
            ))
            .permission(PermissionInfo::assignable(
                VIEW,
                "See accounts of others and what is in them",
            ))
            .permission(PermissionInfo::platform_only(
                MARKET,
                "Halt and resume symbols, and control the simulated market",
            ))
            .permission(PermissionInfo::assignable(
                MANAGE,
                "Suspend, resume and close accounts of others",
            ))
            .permission(PermissionInfo::assignable(
                ADJUST,
                "Pay cash into accounts of others and out of them",
            ))
    }

    fn migrations(&self) -> Option<&'static Migrations> {
        Some(&MIGRATIONS)
    }

    fn build(&self, cx: &mut BuildCx<'_>) -> Result<Parts, ModuleError> {
        cx.provide(self.trading.clone());
        let metrics = cx.metrics();
        self.trading.metrics().register(metrics);
        let market = MarketMetrics::new(self.trading.board(), cx.sources().clone());
        metrics.register("quote_updates", "Quotes published", market.quote_updates);
        metrics.register(
            "quote_gaps",
            "Times that all quotes had grown stale",
            market.quote_gaps,
        );
        metrics.register("bars_lost", "Bars that were never stored", market.bars_lost);
        metrics.register("quote_age_seconds", "Age of the newest quote", market.quote_age);
        let streams = Streams::new(
            &self.trading,
            (self.stream, &self.backends),
            (metrics, cx.sources(), &cx.shutdown().token()),
        );
        let sharing = self
            .shared
            .clone()
            .map(|shared| MarketSharing::new(shared, self.trading.board(), cx.sources()));
        let sharing = sharing.inspect(|sharing| sharing.register(metrics));
        let mut workers = self.workers(sharing.as_ref())?;
        workers.extend(self.stream_workers(&streams));
        Ok(Parts {
            routes: Some(self.routes(streams)),
            workers,
            health: self
                .checks(cx.sources())
                .into_iter()
                .chain(sharing.as_ref().map(MarketSharing::check))
                .collect(),
            ..Parts::default()
        })
    }
}
