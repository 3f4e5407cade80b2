//! Composes domain modules into one service: what they need, what they contribute, how it starts and how it stops.
//!
//! A [`Module`] says in its [`Descriptor`] what it is and what it needs, and contributes [`Parts`]: routes, [`Worker`]s, health
//! [`Check`]s. A [`Platform`] puts modules in dependency order, reports everything that does not fit at once, wraps their routes
//! in the HTTP stack, and serves them until it is told to stop. A complete service:
//!
//! ```
//! use platform_core::Sources;
//! use platform_core::metrics::Metrics;
//! use platform_core::runtime::{
//!     BuildCx, Check, Descriptor, Module, ModuleError, Outcome, Parts, Platform, ShutdownConfig, Worker,
//! };
//! use utoipa_axum::{router::OpenApiRouter, routes};
//!
//! struct Greetings;
//!
//! #[utoipa::path(get, path = "/api/v1/greeting", responses((status = 200, body = String)))]
//! async fn greeting() -> &'static str {
//!     "good day"
//! }
//!
//! impl Module for Greetings {
//!     fn descriptor(&self) -> Descriptor {
//!         Descriptor::new("greetings", env!("CARGO_PKG_VERSION"))
//!     }
//!
//!     fn build(&self, _cx: &mut BuildCx<'_>) -> Result<Parts, ModuleError> {
//!         let practise = Worker::new("greetings.practise", |stop| async move {
//!             stop.cancelled().await;
//!             Ok(())
//!         });
//!         Ok(Parts {
//!             routes: Some(OpenApiRouter::new().routes(routes!(greeting))),
//!             workers: vec![practise],
//!             health: vec![Check::soft("voice", || async { Ok(()) })],
//!             ..Parts::default()
//!         })
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let platform = Platform::without_database(Sources::system(), Metrics::new())
//!     .module(Greetings)
//!     .openapi_info("Greetings", "1.0.0")
//!     .build()?;
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! # let address = listener.local_addr()?;
//! # let stop = async move {
//! #     use tokio::io::{AsyncReadExt, AsyncWriteExt};
//! #     let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
//! #     client.write_all(b"GET /api/v1/greeting HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
//! #     let mut answer = String::new();
//! #     client.read_to_string(&mut answer).await.unwrap();
//! #     assert!(answer.ends_with("good day"), "{answer}");
//! # };
//! # #[cfg(any())]
//! let stop = platform_core::runtime::signals()?;
//! let outcome = platform.serve(listener, ShutdownConfig::default(), stop).await;
//! assert_eq!(outcome, Outcome::Clean);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where a database comes in
//!
//! The migrations run before [`Db::connect`](crate::pg::Db::connect), whose self-check wants to see their tables, and the handles
//! of the modules are made from the `Db`. So the service passes the `MIGRATIONS` statics of its crates to the migration runner,
//! connects, makes its modules and composes them with [`Platform::builder`]. [`Platform::migrations`] then lists what the modules
//! expect, for a test that nothing was forgotten.

mod api;
mod backoff;
mod build_cx;
mod build_error;
mod builder;
mod check;
mod connections;
mod descriptor;
mod health;
mod health_routes;
mod hook;
mod metrics_routes;
mod module;
mod plan;
mod platform;
mod probe;
mod resolve;
mod routes;
mod serve;
mod shutdown;
mod signals;
mod socket;
mod worker;
mod worker_metrics;
mod workers;

pub use backoff::Backoff;
pub use build_cx::BuildCx;
pub use build_error::{BuildError, BuildFault};
pub use builder::PlatformBuilder;
pub use check::{Check, CheckResult};
pub use connections::ConnectionLimits;
pub use descriptor::{Descriptor, Need, Requirement};
pub use health::{Health, HealthReport, HealthStatus, NotReady};
pub use health_routes::{HEALTH, health_routes, probe_routes};
pub use hook::Hook;
pub use metrics_routes::{METRICS, MetricsAccess, metrics_worker};
pub use module::{Module, ModuleError, Parts};
pub use plan::Plan;
pub use platform::Platform;
pub use resolve::{Demand, ResolveError, ResolveErrors};
pub use shutdown::{Insist, Outcome, Shutdown, ShutdownConfig};
pub use signals::{SecondSignal, signals};
pub use worker::Worker;

pub use semver;
pub use tokio_util::sync::CancellationToken;
pub use utoipa_axum::router::OpenApiRouter;

/// Any error, as workers and hooks return it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
