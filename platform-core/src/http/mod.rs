//! The HTTP stack: problem documents, extractors, pages and the middleware around every route.
//!
//! A handler takes [`Caller`] (somebody has signed in) or [`Visitor`] (a public route of a tenant), reads its input with
//! [`Json`], [`Path`] and [`Query`], and answers a [`Json`] value or a [`Problem`]. [`HttpStack`] puts the middleware around a
//! finished router: limits, request id, trace, metrics, authentication, rate limit.
//!
//! ```
//! use platform_core::axum::{Router, routing::get};
//! use platform_core::http::{Caller, HttpConfig, HttpStack, Json, Problem};
//! use platform_core::{Sources, metrics::Metrics};
//!
//! async fn whoami(Caller(ctx): Caller) -> Result<Json<serde_json::Value>, Problem> {
//!     Ok(Json(serde_json::json!({ "tenant": ctx.tenant() })))
//! }
//!
//! let stack = HttpStack::new(HttpConfig::default(), Sources::system(), &Metrics::new());
//! let app: Router = stack.wrap(Router::new().route("/api/v1/me", get(whoami)));
//! # let _ = app;
//! ```

mod caller;
mod config;
#[cfg(feature = "pg")]
mod directory;
mod explain;
#[cfg(feature = "pg")]
mod from_db;
mod identity;
mod json;
mod object;
mod page;
mod params;
mod problem;
mod refusal;
mod stack;
mod tenant;

pub mod openapi;

pub use {ipnet, utoipa};

pub use caller::{Caller, Meta, Visitor};
pub use config::{HttpConfig, InvalidOrigin, Origin, RateLimit, WebSocketLimits};
pub use identity::{AuthOutcome, Authenticate, ResolveTenant};
pub use json::Json;
pub use page::{PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX, Page, PageQuery, PageRequest};
pub use params::{Path, Query};
pub use problem::{FieldError, PROBLEM_JSON, Problem};
pub use refusal::{Refusal, WatchRefusals};
pub use stack::HttpStack;
#[cfg(feature = "hub")]
pub(crate) use stack::one_customer;
