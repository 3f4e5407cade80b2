//! Composes a platform from handles and modules.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use axum::Router;

use super::api::Api;
use super::build_cx::{BuildCx, Handles};
use super::build_error::{BuildError, BuildFault};
use super::check::Check;
use super::connections::ConnectionLimits;
use super::descriptor::{Descriptor, Need};
use super::health::Health;
use super::metrics_routes::MetricsAccess;
use super::module::{Module, Parts};
use super::plan::Plan;
use super::platform::Platform;
use super::routes::{Routes, assemble};
use super::shutdown::Shutdown;
use super::worker::{Supervised, Worker, WorkerState};
use super::worker_metrics::Restarts;
use crate::Sources;
use crate::http::{Authenticate, HttpConfig, ResolveTenant, WatchRefusals};
use crate::metrics::Metrics;
use crate::pg::Db;

/// Who contributes what the service itself adds.
const SERVICE: &str = "the service";

/// Composes a [`Platform`]. Made by [`Platform::builder`].
#[must_use = "nothing is composed before `build`"]
pub struct PlatformBuilder {
    db: Option<Db>,
    sources: Sources,
    metrics: Metrics,
    modules: Vec<Box<dyn Module>>,
    handles: Handles,
    own: Parts,
    title: String,
    version: String,
    limits: ConnectionLimits,
    routes: Routes,
}

impl PlatformBuilder {
    pub(super) fn new(db: Option<Db>, sources: Sources, metrics: Metrics) -> Self {
        Self {
            db,
            sources,
            metrics,
            modules: Vec::new(),
            handles: Handles::default(),
            own: Parts::default(),
            title: "API".to_owned(),
            version: "1".to_owned(),
            limits: ConnectionLimits::default(),
            routes: Routes::default(),
        }
    }

    /// Adds a module, or an `Arc` of one. The order does not matter where modules name what they need.
    pub fn module(mut self, module: impl Module) -> Self {
        self.modules.push(Box::new(module));
        self
    }

    /// Offers a handle that is not any module's to every module.
    pub fn provide<T: Clone + Send + Sync + 'static>(mut self, handle: T) -> Self {
        self.handles.insert(None, handle);
        self
    }

    /// Adds what the service itself contributes: started after every module and stopped before them.
    pub fn parts(mut self, parts: Parts) -> Self {
        self.own = parts;
        self
    }

    /// Adds routes of the service that are not in the OpenAPI document, such as a page about it. They lie inside the HTTP stack.
    pub fn routes(mut self, routes: Router) -> Self {
        self.routes.extra = self.routes.extra.merge(routes);
        self
    }

    /// Sets the limits of the HTTP stack.
    pub fn http(mut self, config: HttpConfig) -> Self {
        self.routes.http = config;
        self
    }

    /// Sets the limits of the listener.
    pub fn connections(mut self, limits: ConnectionLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Says who callers are. Without it every caller is anonymous.
    pub fn authenticate_with(mut self, authenticate: Arc<dyn Authenticate>) -> Self {
        self.routes.authenticate = Some(authenticate);
        self
    }

    /// Says which tenant an anonymous caller speaks of. Without it public tenant routes answer that a tenant is required.
    pub fn resolve_with(mut self, resolve: Arc<dyn ResolveTenant>) -> Self {
        self.routes.resolve = Some(resolve);
        self
    }

    /// Says who is told of every 403 to a caller who has signed in, such as an audit trail.
    pub fn tell_refusals(mut self, watch: Arc<dyn WatchRefusals>) -> Self {
        self.routes.refusals = Some(watch);
        self
    }

    /// The title and the version of the API, as its OpenAPI document names them.
    pub fn openapi_info(mut self, title: impl Into<String>, version: impl Into<String>) -> Self {
        self.title = title.into();
        self.version = version.into();
        self
    }

    /// Who may read `/metrics` on the main listener. By default callers with the permission [`METRICS`](super::METRICS).
    pub fn metrics_access(mut self, access: MetricsAccess) -> Self {
        self.routes.metrics_access = access;
        self
    }

    /// Puts the modules in order, builds each, and composes what they contribute. Does no I/O.
    ///
    /// # Errors
    /// [`BuildError::Modules`] when the modules do not fit together, [`BuildError::Faults`] when one of them refuses or two
    /// contribute the same thing. Both list everything that is wrong; the program cannot start.
    ///
    /// # Panics
    /// When two modules serve the same route and do not document it: the router finds out too late for an error.
    pub fn build(mut self) -> Result<Platform, BuildError> {
        let modules: Vec<&dyn Module> = self.modules.iter().map(|module| &**module).collect();
        let (plan, order) = Plan::new(&modules)?;
        let permissions = plan.permission_infos();
        let shutdown = Shutdown::default();
        let mut faults = Vec::new();
        let mut parts = Vec::new();
        let mut missing = BTreeSet::new();
        for (descriptor, at) in plan.modules().iter().zip(order) {
            // Its own complaint would only repeat what the module it needs has said.
            if needs_any(descriptor, &missing) {
                missing.insert(descriptor.name());
                continue;
            }
            let mut cx = BuildCx {
                module: descriptor,
                permissions: &permissions,
                db: self.db.as_ref(),
                sources: &self.sources,
                metrics: &self.metrics,
                shutdown: &shutdown,
                handles: &mut self.handles,
            };
            match self.modules[at].build(&mut cx) {
                Ok(built) => parts.push((descriptor.name(), built)),
                Err(source) => {
                    missing.insert(descriptor.name());
                    let module = descriptor.name();
                    faults.push(BuildFault::Module { module, source });
                }
            }
        }
        for handle in self.handles.provided_twice() {
            faults.push(BuildFault::ProvidedTwice(handle));
        }
        parts.push((SERVICE, std::mem::take(&mut self.own)));
        self.compose(plan, parts, shutdown, faults)
    }

    fn compose(
        self,
        plan: Plan,
        parts: Vec<(&'static str, Parts)>,
        shutdown: Shutdown,
        mut faults: Vec<BuildFault>,
    ) -> Result<Platform, BuildError> {
        let restarts = Restarts::register(&self.metrics);
        let mut api = Api::default();
        let mut checks: Vec<Check> = self.db.as_ref().map(database_check).into_iter().collect();
        let (mut workers, mut hooks) = (Vec::new(), Vec::new());
        for (module, parts) in parts {
            if let Some(routes) = parts.routes {
                api.add(module, routes, &mut faults);
            }
            let supervise = |worker: Worker| Supervised {
                worker,
                state: WorkerState::default(),
                restarts: restarts.clone(),
                sources: self.sources.clone(),
            };
            let group: Vec<Supervised> = parts.workers.into_iter().map(supervise).collect();
            checks.extend(parts.health);
            checks.extend(group.iter().map(worker_check));
            workers.push(group);
            hooks.push(parts.on_stop);
        }
        for name in twice(
            workers
                .iter()
                .flatten()
                .map(|supervised| supervised.worker.name()),
        ) {
            faults.push(BuildFault::DuplicateWorker(name));
        }
        // The checks of two workers of one name are told by the workers.
        let of_modules = checks
            .iter()
            .map(Check::name)
            .filter(|name| !name.starts_with("worker:"));
        for name in twice(of_modules) {
            faults.push(BuildFault::DuplicateCheck(name));
        }
        if !faults.is_empty() {
            return Err(BuildError::Faults(faults));
        }
        let health = Health::new(checks);
        let (router, openapi) = api.finish(&self.title, &self.version);
        let router = assemble(
            self.routes,
            router,
            &openapi,
            &health,
            &self.sources,
            &self.metrics,
        );
        Ok(Platform {
            plan,
            router,
            openapi,
            health,
            shutdown,
            limits: self.limits,
            workers,
            hooks: hooks.into_iter().rev().flatten().collect(),
        })
    }
}

impl fmt::Debug for PlatformBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let modules: Vec<&str> = self
            .modules
            .iter()
            .map(|module| module.descriptor().name())
            .collect();
        f.debug_struct("PlatformBuilder")
            .field("modules", &modules)
            .finish_non_exhaustive()
    }
}

fn needs_any(module: &Descriptor, missing: &BTreeSet<&'static str>) -> bool {
    let mut requirements = module.requirements().iter();
    requirements.any(|requirement| requirement.need == Need::Hard && missing.contains(requirement.name))
}

fn database_check(db: &Db) -> Check {
    let db = db.clone();
    Check::critical("database", move || {
        let db = db.clone();
        async move { db.ping().await.map_err(|error| crate::error_chain(&error)) }
    })
}

fn worker_check(supervised: &Supervised) -> Check {
    let state = supervised.state.clone();
    Check::soft(format!("worker:{}", supervised.worker.name()), move || {
        let failure = state.failure();
        async move { failure.map_or(Ok(()), Err) }
    })
}

/// The names that come more than once.
fn twice<'a>(names: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    names
        .filter(|name| !seen.insert(*name))
        .map(str::to_owned)
        .collect()
}
