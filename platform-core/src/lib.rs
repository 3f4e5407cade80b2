//! The building blocks of a multi-tenant service.
//!
//! `platform-core` gives a service tenants, a PostgreSQL that cannot be reached without one, an HTTP stack, a module runtime and
//! the telemetry around them. Every block is a struct built from explicit configuration and handles; nothing is global and
//! nothing reads the environment.
//!
//! ```
//! use platform_core::{RequestContext, Sources, TenantId};
//!
//! let sources = Sources::system();
//! let tenant: TenantId = "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12".parse()?;
//! let ctx = RequestContext::system(tenant, "nightly report", &sources);
//! assert_eq!(ctx.tenant(), tenant);
//! # Ok::<(), platform_core::ParseIdError>(())
//! ```
//!
//! # Features
//!
//! | feature | gives |
//! |---|---|
//! | `pg` | [`pg`]: `Db`, `TenantTx`, migrations, the start-up self-check; [`lease`]: one holder at a time; [`idempotency`]: operations that happen once |
//! | `http` | [`http`]: problem documents, extractors, pages, middleware |
//! | `metrics` | [`metrics`]: a Prometheus registry with bounded labels |
//! | `embedded` | [`embedded`]: a private PostgreSQL cluster under an own supervisor |
//! | `runtime` | [`runtime`]: modules, workers, health, two-phase shutdown |
//! | `hub` | [`bus`]: notices, at most once; [`hub`]: WebSockets, tickets, presence |
//! | `redis` | the same across processes |
//! | `conformance` | [`conformance`]: what a backend must do, as scenarios for its tests |
//! | `resilience` | [`resilience`]: policies of dependencies: deadline, bulkhead, breaker, retries |
//! | `testing` | [`testing`]: databases for tests |

extern crate self as platform_core;

mod authentication;
mod authority;
mod authorized;
mod clock;
mod context;
mod error_chain;
mod id;
mod limit;
mod permission;
mod random;
mod resource;
mod sources;
mod trace;
mod window;

#[cfg(feature = "hub")]
pub mod bus;
#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "embedded")]
pub mod embedded;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "hub")]
pub mod hub;
#[cfg(feature = "pg")]
pub mod idempotency;
#[cfg(feature = "pg")]
pub mod lease;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "pg")]
pub mod pg;
#[cfg(feature = "resilience")]
pub mod resilience;
#[cfg(feature = "runtime")]
pub mod runtime;
#[cfg(feature = "testing")]
pub mod testing;

pub use authentication::{Authentication, StepUpRequired};
pub use authority::{Authority, Coverage, Granted, Holding, OwnedResource};
pub use authorized::{Authorized, Denied, Needs};
pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use context::{
    Forbidden, IdempotencyKey, InvalidIdempotencyKey, Principal, PrincipalKind, RequestContext, RequestMeta,
};
pub use error_chain::error_chain;
pub use id::{ParseIdError, PrincipalId, RequestId, TenantId};
pub use limit::Limit;
pub use permission::{Permission, PermissionInfo, PermissionSet};
pub use random::{OsRandom, Random, SeededRandom};
pub use resource::{InvalidResourceId, RESOURCE_ID_BYTES_MAX, Resource};
pub use sources::Sources;
pub use trace::TraceContext;
pub use window::Window;

#[cfg(feature = "http")]
pub use axum;
pub use secrecy;
#[cfg(feature = "pg")]
pub use sqlx;
pub use time;
pub use uuid;

#[doc(hidden)]
pub mod __private {
    pub use ::serde;
    #[cfg(feature = "pg")]
    pub use ::sqlx;
    #[cfg(feature = "http")]
    pub use ::utoipa;
    pub use ::uuid::Uuid;

    #[cfg(feature = "http")]
    pub fn uuid_schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
        let format = SchemaFormat::KnownFormat(KnownFormat::Uuid);
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(format))
            .into()
    }
}
