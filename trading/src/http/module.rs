//! The module that a service composes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use platform_core::PermissionInfo;
use platform_core::pg::Migrations;
use platform_core::runtime::{BuildCx, Check, Descriptor, Module, ModuleError, Parts, Worker};
use tokio::sync::watch;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::stream::{self, Streams};
use super::{StreamBackends, StreamConfig};
use crate::{
    ADJUST, AlertWorker, BarWorker, ClosingWorker, HousekeepingWorker, MANAGE, MARKET, MIGRATIONS,
    MarketFeed, MarketMetrics, MarketStateWorker, MatchingWorker, TRADE, Trading, VIEW,
};

/// Named `trading`: the brokerage's tables, its routes under `/api/v1`, the stream at `/ws` and `/api/v1/ws`, its tickets, and the workers
/// that move the market, fill resting orders, fire alerts, close sessions and forget old keys. Offers the handle [`Trading`].
#[derive(Debug)]
pub struct TradingModule {
    trading: Trading,
    /// Taken by the market worker when it starts.
    feed: Mutex<Option<MarketFeed>>,
    tick: Duration,
    stream: StreamConfig,
    leading: Option<watch::Receiver<bool>>,
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
            backends: StreamBackends::default(),
        }
    }

    /// The same with another time between two rounds of quotes.
    #[must_use]
    pub fn tick(mut self, tick: Duration) -> Self {
        self.tick = tick;
        self
    }

    /// The same for one of several instances that share a market: quotes are published only while this one leads. The others show what
    /// the leader publishes, through a [`RemoteFeed`](crate::RemoteFeed).
    #[must_use]
    pub fn while_leading(mut self, leading: watch::Receiver<bool>) -> Self {
        self.leading = Some(leading);
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

    fn workers(&self) -> Result<Vec<Worker>, ModuleError> {
        let feed = self.feed.lock().unwrap_or_else(PoisonError::into_inner).take();
        let feed =
            feed.ok_or_else(|| ModuleError::Invalid("the trading module was built twice".to_owned()))?;
        let market = self.trading.market_worker(feed).every(self.tick);
        let market = match &self.leading {
            Some(leading) => market.while_leading(leading.clone()),
            None => market,
        };
        let market = std::sync::Arc::new(tokio::sync::Mutex::new(market));
        let matching = MatchingWorker::new(&self.trading);
        let housekeeping = HousekeepingWorker::new(&self.trading);
        let state = MarketStateWorker::new(&self.trading);
        // Kept over a failure, with what may have been stored.
        let bars = std::sync::Arc::new(tokio::sync::Mutex::new(BarWorker::new(&self.trading)));
        let closing = ClosingWorker::new(&self.trading);
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
            Worker::new("trading.matching", move |stop| {
                let matching = matching.clone();
                async move { Ok(matching.run(stop).await?) }
            }),
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
        ];
        if self.trading.inner.config.market_tenant.is_some() {
            workers.push(Worker::new("trading.market_state", move |stop| {
                let state = state.clone();
                async move { Ok(state.run(stop).await?) }
            }));
        }
        Ok(workers)
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
        let mut workers = self.workers()?;
        workers.extend(self.stream_workers(&streams));
        let (board, sources) = (self.trading.board().clone(), cx.sources().clone());
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
        Ok(Parts {
            routes: Some(self.routes(streams)),
            workers,
            health: vec![fresh],
            ..Parts::default()
        })
    }
}
