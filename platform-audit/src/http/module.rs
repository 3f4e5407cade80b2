//! The module that a service composes.

use std::fmt;

use platform_core::RequestContext;
use platform_core::http::Problem;
use platform_core::pg::{Db, Migrations};
use platform_core::runtime::{BuildCx, Check, Descriptor, Module, ModuleError, Parts, Worker};
use utoipa_axum::router::OpenApiRouter;

use super::giving::{Place, Places};
use super::{events, exports, holds, log, proofs, reports, tiles};
use crate::{
    AUDIT_EXPORT, AUDIT_HOLD, AUDIT_PLATFORM, AUDIT_READ, AuditLog, EventFilter, LogKey, MIGRATIONS, Reader,
    Sequencer, trail_read,
};

/// The trail of every tenant as a module of a service, named `audit`: its tables, the routes below `/admin/v1/audit`, and the
/// workers and checks that are plugged in. Cheap to clone.
///
/// ```no_run
/// use platform_audit::{Audit, AuditLog, LogKey, Marks, MarksError, Outlet, Sequencer, SequencerConfig};
/// use platform_core::pg::Db;
///
/// async fn audit(db: &Db, log: &AuditLog, key: &LogKey) -> Result<Audit, MarksError> {
///     let marks = Marks::open_for(db, "/var/lib/example/audit/marks", key).await?;
///     let sequencer = Sequencer::new(db, key, marks, SequencerConfig::default())
///         .publish_to(Outlet::directory("/mnt/elsewhere/audit"));
///     Ok(Audit::new(db, log, key).sequencer(sequencer))
/// }
/// ```
#[derive(Clone)]
pub struct Audit {
    pub(super) db: Db,
    pub(super) log: AuditLog,
    pub(super) key: LogKey,
    places: Places,
    #[cfg(feature = "keys")]
    pub(super) keyring: Option<platform_crypto::Keyring>,
    sequencer: Option<Sequencer>,
    workers: Vec<Worker>,
    checks: Vec<Check>,
}

impl Audit {
    /// The trail that `log` writes and whose logs `key` signs. The worker `audit.attest` empties the spool of `log` and attests what it
    /// has recorded.
    pub fn new(db: &Db, log: &AuditLog, key: &LogKey) -> Self {
        let places = Places::new();
        Self {
            db: db.clone(),
            log: log.clone(),
            key: key.clone(),
            places: places.clone(),
            #[cfg(feature = "keys")]
            keyring: None,
            sequencer: None,
            workers: vec![attesting(log, db), giving(places)],
            checks: Vec::new(),
        }
    }

    /// With the sequencer of this process: as the worker `audit.sequence`, woken by what is recorded, with its metrics and the soft
    /// check `audit`.
    #[must_use]
    pub fn sequencer(mut self, sequencer: Sequencer) -> Self {
        let sequencer = sequencer.woken_by(&self.log);
        let asked = sequencer.clone();
        let check = Check::soft("audit", move || {
            let complaint = asked.health().complaint();
            async move { complaint.map_or(Ok(()), Err) }
        });
        let running = sequencer.clone();
        let worker = Worker::new("audit.sequence", move |stop| {
            let sequencer = running.clone();
            async move {
                sequencer.run(stop).await;
                Ok(())
            }
        });
        self.sequencer = Some(sequencer);
        self.worker(worker).check(check)
    }

    /// With the keys of data subjects, so that they can be given what the trail has about them.
    #[cfg(feature = "keys")]
    #[must_use]
    pub fn keyring(mut self, keyring: &platform_crypto::Keyring) -> Self {
        self.keyring = Some(keyring.clone());
        self
    }

    /// With a background task, which the module runs and stops.
    #[must_use]
    pub fn worker(mut self, worker: Worker) -> Self {
        self.workers.push(worker);
        self
    }

    /// With a question about its health.
    #[must_use]
    pub fn check(mut self, check: Check) -> Self {
        self.checks.push(check);
        self
    }

    /// The routes for a tenant's admins, below a base such as `/admin/v1/audit`, with their part of the OpenAPI document.
    pub fn admin_routes(&self) -> OpenApiRouter {
        let routes = events::routes()
            .merge(proofs::routes())
            .merge(log::routes())
            .merge(tiles::routes())
            .merge(exports::routes())
            .merge(reports::routes())
            .merge(holds::routes());
        #[cfg(feature = "keys")]
        let routes = match &self.keyring {
            Some(_) => routes.merge(super::subjects::routes()),
            None => routes,
        };
        routes.with_state(self.clone())
    }

    /// A place among those that are given much at once, for the context's tenant; free again when it is dropped.
    pub(super) fn place(&self, ctx: &RequestContext) -> Result<Place, Problem> {
        self.places.take(ctx.tenant())
    }

    /// Whose eyes these are; recorded where they look at what is not their own.
    pub(super) async fn reader(
        &self,
        ctx: &RequestContext,
        what: &'static str,
        filter: &EventFilter,
    ) -> Result<Reader, Problem> {
        let reader = Reader::of(ctx);
        if reader == Reader::Platform || ctx.acts_for().is_some() {
            let event = trail_read(what, filter);
            self.log.record_alone(&self.db, ctx, event).await?;
        }
        Ok(reader)
    }
}

fn attesting(log: &AuditLog, db: &Db) -> Worker {
    let worker = log.worker(db);
    Worker::new("audit.attest", move |stop| {
        let worker = worker.clone();
        async move {
            worker.run(stop).await;
            Ok(())
        }
    })
}

/// Lets exports that are on their way come to their end, or at least say that they did not.
fn giving(places: Places) -> Worker {
    Worker::new("audit.exports", move |stop| {
        let places = places.clone();
        async move {
            stop.cancelled().await;
            places.farewell().await;
            Ok(())
        }
    })
}

impl Module for Audit {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new("audit", env!("CARGO_PKG_VERSION"))
            .permission(AUDIT_READ)
            .permission(AUDIT_EXPORT)
            .permission(AUDIT_HOLD)
            .permission(AUDIT_PLATFORM)
    }

    fn migrations(&self) -> Option<&'static Migrations> {
        Some(&MIGRATIONS)
    }

    fn build(&self, cx: &mut BuildCx<'_>) -> Result<Parts, ModuleError> {
        cx.provide(self.clone());
        self.log.register(cx.metrics());
        if let Some(sequencer) = &self.sequencer {
            sequencer.metrics().register(cx.metrics());
        }
        Ok(Parts {
            routes: Some(OpenApiRouter::default().nest("/admin/v1/audit", self.admin_routes())),
            workers: self.workers.clone(),
            health: self.checks.clone(),
            ..Parts::default()
        })
    }
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit")
            .field("key", &self.key)
            .field("workers", &self.workers)
            .field("checks", &self.checks)
            .finish_non_exhaustive()
    }
}
