//! Who may read the metrics, and where.

use std::num::NonZeroUsize;
use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::BoxError;
use super::connections::{ConnectionLimits, Connections};
use super::worker::Worker;
use crate::Permission;
use crate::http::{Caller, Problem};
use crate::metrics::Metrics;

/// Needed to read `/metrics` on the main listener, unless it is public there.
pub const METRICS: Permission = Permission::new("platform:metrics");

/// Who may read `/metrics` on the main listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MetricsAccess {
    /// Everybody who can connect.
    Public,
    /// Callers with the permission [`METRICS`].
    #[default]
    Permission,
    /// Nobody: the route does not exist. See [`metrics_worker`] for a listener of its own.
    Off,
}

/// A worker that serves `/metrics` without a guard on a listener of its own, which should not be reachable from outside.
///
/// Returning from the worker closes the listener, so a restart after a failure is not possible; the worker has nothing that fails.
pub fn metrics_worker(listener: TcpListener, metrics: &Metrics) -> Worker {
    let router = public_metrics(metrics.clone());
    let listener = Arc::new(std::sync::Mutex::new(Some(listener)));
    Worker::new("platform.metrics", move |stop| {
        let listener = listener.lock().ok().and_then(|mut listener| listener.take());
        let router = router.clone();
        async move {
            let listener = listener.ok_or("the listener is closed")?;
            serve_until(listener, router, stop).await;
            Ok::<(), BoxError>(())
        }
    })
}

async fn serve_until(listener: TcpListener, router: Router, stop: CancellationToken) {
    let connections = Connections::new(ConnectionLimits {
        max_connections: const { NonZeroUsize::new(64).expect("not zero") },
        ..ConnectionLimits::default()
    });
    let _cut = connections.kill_on_drop();
    let accepting = connections.clone().accept(listener, router);
    stop.run_until_cancelled(accepting).await;
    // A client that stalls is cut by its header timeout, or with this worker at the shutdown's deadline.
    connections.stop();
    connections.drained().await;
}

pub(super) fn public_metrics(metrics: Metrics) -> Router {
    Router::new().route("/metrics", get(async move || exposition(&metrics)))
}

pub(super) fn guarded_metrics(metrics: Metrics) -> Router {
    let read = async move |Caller(ctx): Caller| {
        ctx.require(METRICS)?;
        Ok::<_, Problem>(exposition(&metrics))
    };
    Router::new().route("/metrics", get(read))
}

fn exposition(metrics: &Metrics) -> impl IntoResponse + use<> {
    ([(header::CONTENT_TYPE, Metrics::CONTENT_TYPE)], metrics.encode())
}
