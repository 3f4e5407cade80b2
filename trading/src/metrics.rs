//! What operators see of the brokerage.

use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

use crate::OrderStatus;
use crate::matching::OpenOrders;
use crate::service::PlaceOutcome;

/// The labels of a placed order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct PlacedLabels {
    side: &'static str,
    order_type: &'static str,
}

/// The label of a rejected order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RejectedLabels {
    reason: &'static str,
}

/// The label of the time it takes to place an order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DurationLabels {
    order_type: &'static str,
}

type Durations = Family<DurationLabels, Histogram, fn() -> Histogram>;

/// The metrics of a brokerage, for whoever exports them. Every label has few values.
#[derive(Clone)]
pub struct TradingMetrics {
    /// Orders placed, rejected ones included; answers to repeated requests are not.
    pub orders_placed: Family<PlacedLabels, Counter>,
    /// Orders filled to the end.
    pub orders_filled: Counter,
    /// Orders withdrawn by their owner.
    pub orders_cancelled: Counter,
    /// Orders rejected for a reason of business.
    pub orders_rejected: Family<RejectedLabels, Counter>,
    /// Requests that were answered with what had been done before.
    pub idempotency_hits: Counter,
    /// From the begin of the transaction to its commit.
    pub order_execution_duration_seconds: Durations,
    /// Commits of transactions that placed orders; several orders may share one.
    pub order_commits: Counter,
    /// Orders the matcher knows.
    pub orders_open: OrdersOpen,
    /// Orders of which the matcher had known something else than the rows say, when the two were last compared. Stays 0.
    pub trigger_index_drift: Gauge,
    /// Shards of the symbols that are matched here under a lease; 1 where a lease stands for all of them.
    pub matching_shards_led: Gauge,
}

impl TradingMetrics {
    pub(crate) fn new(open_orders: &OpenOrders) -> Self {
        Self {
            orders_placed: Family::default(),
            orders_filled: Counter::default(),
            orders_cancelled: Counter::default(),
            orders_rejected: Family::default(),
            idempotency_hits: Counter::default(),
            order_execution_duration_seconds: Family::new_with_constructor(histogram),
            order_commits: Counter::default(),
            orders_open: OrdersOpen(open_orders.clone()),
            trigger_index_drift: Gauge::default(),
            matching_shards_led: Gauge::default(),
        }
    }

    pub(crate) fn placed(&self, outcome: &PlaceOutcome, new: bool, took: Duration) {
        if !new {
            self.idempotency_hits.inc();
            return;
        }
        let order = &outcome.order;
        let order_type = order.order_type.as_str();
        self.orders_placed
            .get_or_create(&PlacedLabels {
                side: order.side.as_str(),
                order_type,
            })
            .inc();
        self.order_execution_duration_seconds
            .get_or_create(&DurationLabels { order_type })
            .observe(took.as_secs_f64());
        match (order.status, order.reason) {
            (OrderStatus::Rejected, Some(reason)) => {
                self.orders_rejected
                    .get_or_create(&RejectedLabels {
                        reason: reason.as_str(),
                    })
                    .inc();
            }
            (OrderStatus::Filled, _) => {
                self.orders_filled.inc();
            }
            _ => {}
        }
    }

    pub(crate) fn cancelled(&self) {
        self.orders_cancelled.inc();
    }

    pub(crate) fn filled_resting(&self, status: OrderStatus) {
        if status == OrderStatus::Filled {
            self.orders_filled.inc();
        }
    }

    /// Registers every metric under its name, through a function such as
    /// [`Metrics::register`](platform_core::metrics::Metrics::register).
    #[cfg(feature = "http")]
    pub(crate) fn register(&self, metrics: &platform_core::metrics::Metrics) {
        metrics.register(
            "orders_placed",
            "Orders placed, rejected ones included",
            self.orders_placed.clone(),
        );
        metrics.register(
            "orders_filled",
            "Orders filled to the end",
            self.orders_filled.clone(),
        );
        metrics.register(
            "orders_cancelled",
            "Orders withdrawn by their owner",
            self.orders_cancelled.clone(),
        );
        metrics.register(
            "orders_rejected",
            "Orders rejected for a reason of business",
            self.orders_rejected.clone(),
        );
        metrics.register(
            "idempotency_hits",
            "Requests answered with what was done before",
            self.idempotency_hits.clone(),
        );
        metrics.register(
            "order_execution_duration_seconds",
            "From the begin of an order's transaction to its commit",
            self.order_execution_duration_seconds.clone(),
        );
        metrics.register(
            "order_commits",
            "Commits of transactions that placed orders",
            self.order_commits.clone(),
        );
        metrics.register(
            "trigger_index_drift",
            "Orders of which the matcher had known something else than the rows say",
            self.trigger_index_drift.clone(),
        );
        metrics.register(
            "matching_shards_led",
            "Shards of the symbols that this instance matches under a lease",
            self.matching_shards_led.clone(),
        );
        metrics.register(
            "orders_open",
            "Open orders that the matcher knows",
            self.orders_open.clone(),
        );
    }
}

impl fmt::Debug for TradingMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TradingMetrics")
    }
}

/// How many orders the matcher knows, read when it is scraped.
#[derive(Debug, Clone)]
pub struct OrdersOpen(OpenOrders);

impl EncodeMetric for OrdersOpen {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        encoder.encode_gauge(&i64::try_from(self.0.len()).unwrap_or(i64::MAX))
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}

/// From half a millisecond to sixteen seconds.
fn histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.0005, 2.0, 16))
}
