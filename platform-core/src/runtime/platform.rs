//! A composed service.

use std::fmt;

use axum::Router;
use utoipa::openapi::OpenApi;

use super::builder::PlatformBuilder;
use super::connections::ConnectionLimits;
use super::health::Health;
use super::hook::Hook;
use super::module::Module;
use super::plan::Plan;
use super::resolve::ResolveErrors;
use super::shutdown::Shutdown;
use super::worker::Supervised;
use crate::metrics::Metrics;
use crate::pg::{Db, Migrations};
use crate::{Permission, Sources};

/// A service composed of modules, ready to be served.
///
/// See the [module documentation](super) for a complete service.
pub struct Platform {
    pub(super) plan: Plan,
    pub(super) router: Router,
    pub(super) openapi: OpenApi,
    pub(super) health: Health,
    pub(super) shutdown: Shutdown,
    pub(super) limits: ConnectionLimits,
    pub(super) workers: Vec<Vec<Supervised>>,
    pub(super) hooks: Vec<Hook>,
}

impl Platform {
    /// Begins a service with a database. Its reachability becomes the critical check `database`.
    pub fn builder(db: Db, sources: Sources, metrics: Metrics) -> PlatformBuilder {
        PlatformBuilder::new(Some(db), sources, metrics)
    }

    /// Begins a service whose modules keep nothing in a database.
    pub fn without_database(sources: Sources, metrics: Metrics) -> PlatformBuilder {
        PlatformBuilder::new(None, sources, metrics)
    }

    /// Puts modules in dependency order without building them: their migrations and permissions.
    ///
    /// A module that needs a `Db` to exist is not there yet when the database is migrated. A service then passes the `MIGRATIONS`
    /// of its crates to the migration runner itself, from the crate that the others point to on.
    ///
    /// # Errors
    /// [`ResolveErrors`] lists everything that is wrong with the set: names that come twice, what is missing, versions that do not
    /// fit, cycles.
    pub fn plan(modules: &[&dyn Module]) -> Result<Plan, ResolveErrors> {
        Plan::new(modules).map(|(plan, _)| plan)
    }

    /// The schemas of the modules in dependency order.
    pub fn migrations(&self) -> Vec<&'static Migrations> {
        self.plan.migrations().to_vec()
    }

    /// The permissions the modules check, and the runtime's own.
    pub fn permissions(&self) -> Vec<Permission> {
        self.plan.permissions()
    }

    /// The complete router: `/livez`, `/readyz`, `/health`, `/metrics` if enabled, `/openapi.json`, and the routes of the modules
    /// behind the HTTP stack.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// The document of the modules' routes. The operational routes are not in it.
    pub fn openapi(&self) -> &OpenApi {
        &self.openapi
    }

    /// The health of this process.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Tells when the service drains.
    pub fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }
}

impl fmt::Debug for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Platform")
            .field("plan", &self.plan)
            .field("health", &self.health)
            .field("workers", &self.workers)
            .field("hooks", &self.hooks)
            .finish_non_exhaustive()
    }
}
