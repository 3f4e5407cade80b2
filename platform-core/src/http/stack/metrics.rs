//! The metrics of the HTTP stack.

use axum::extract::{MatchedPath, Request};
use axum::http::{Method, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use tokio::time::Instant;

use crate::metrics::Metrics;

const BUCKETS_S: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// What a request is counted under: never its path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Route {
    /// One of the nine methods of RFC 9110 and RFC 5789, or `other`.
    pub(super) method: &'static str,
    /// The template of the route, or `unmatched`.
    pub(super) route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    method: &'static str,
    route: String,
    status: u16,
}

impl Route {
    pub(super) fn of(request: &Request) -> Self {
        let template = request.extensions().get::<MatchedPath>();
        Self {
            method: known(request.method()),
            route: template.map_or("unmatched", MatchedPath::as_str).to_owned(),
        }
    }
}

fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => "other",
    }
}

#[derive(Debug, Clone)]
pub(super) struct HttpMetrics {
    answered: Family<Answer, Counter>,
    duration: Family<Route, Histogram>,
    in_flight: Gauge,
    dropped: Family<Route, Counter>,
}

impl HttpMetrics {
    pub(super) fn registered(metrics: &Metrics) -> Self {
        let own = Self {
            answered: Family::default(),
            duration: Family::new_with_constructor(|| Histogram::new(BUCKETS_S)),
            in_flight: Gauge::default(),
            dropped: Family::default(),
        };
        metrics.register(
            "http_requests",
            "Requests that were answered",
            own.answered.clone(),
        );
        metrics.register(
            "http_request_duration_seconds",
            "Time from a request's head to its answer's head",
            own.duration.clone(),
        );
        metrics.register(
            "http_requests_in_flight",
            "Requests that are being worked on",
            own.in_flight.clone(),
        );
        metrics.register(
            "http_requests_dropped",
            "Requests whose client went away before the answer",
            own.dropped.clone(),
        );
        own
    }

    pub(super) fn enter(&self) {
        self.in_flight.inc();
    }

    pub(super) fn leave(&self) {
        self.in_flight.dec();
    }

    pub(super) fn answered(&self, route: &Route, status: StatusCode, began: Instant) {
        let answer = Answer {
            method: route.method,
            route: route.route.clone(),
            status: status.as_u16(),
        };
        self.answered.get_or_create(&answer).inc();
        self.duration
            .get_or_create(route)
            .observe(began.elapsed().as_secs_f64());
    }

    pub(super) fn dropped(&self, route: &Route) {
        self.dropped.get_or_create(route).inc();
    }
}
