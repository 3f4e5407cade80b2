//! What a domain crate implements to become part of a service.

use std::fmt;
use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use super::BoxError;
use super::build_cx::BuildCx;
use super::check::Check;
use super::descriptor::Descriptor;
use super::hook::Hook;
use super::worker::Worker;
use crate::pg::Migrations;

/// A domain that plugs into a [`Platform`](super::Platform): its name and needs, its tables, and what it contributes.
///
/// A module is built from handles and does no I/O while it is built; what must happen at run time happens in its workers.
pub trait Module: Send + Sync + 'static {
    /// Its name, version, needs and permissions.
    fn descriptor(&self) -> Descriptor;

    /// Its schema. Usually the `MIGRATIONS` static of its crate.
    fn migrations(&self) -> Option<&'static Migrations> {
        None
    }

    /// Makes its routes, workers and checks. Every module it requires has been built.
    ///
    /// # Errors
    /// [`ModuleError`] when it cannot work as it is configured; the service does not start and reports it.
    fn build(&self, cx: &mut BuildCx<'_>) -> Result<Parts, ModuleError>;
}

impl<M: Module + ?Sized> Module for Arc<M> {
    fn descriptor(&self) -> Descriptor {
        (**self).descriptor()
    }

    fn migrations(&self) -> Option<&'static Migrations> {
        (**self).migrations()
    }

    fn build(&self, cx: &mut BuildCx<'_>) -> Result<Parts, ModuleError> {
        (**self).build(cx)
    }
}

/// What a module contributes to the service.
///
/// ```
/// use platform_core::runtime::{Check, Parts, Worker};
///
/// let parts = Parts {
///     workers: vec![Worker::new("parcels.expire", |stop| async move {
///         stop.cancelled().await;
///         Ok(())
///     })],
///     health: vec![Check::soft("carrier", || async { Err("no answer".to_owned()) })],
///     ..Parts::default()
/// };
/// assert!(parts.routes.is_none());
/// ```
#[derive(Default)]
pub struct Parts {
    /// Its routes at their final paths, with their part of the OpenAPI document and their state inside.
    pub routes: Option<OpenApiRouter>,
    /// Its background tasks.
    pub workers: Vec<Worker>,
    /// What it depends on.
    pub health: Vec<Check>,
    /// What it does last.
    pub on_stop: Vec<Hook>,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("workers", &self.workers)
            .field("health", &self.health)
            .field("on_stop", &self.on_stop)
            .finish_non_exhaustive()
    }
}

/// A module could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModuleError {
    /// It needs a database and the platform was made without one.
    #[error("it needs a database")]
    NoDatabase,
    /// No module it requires, and not the service itself, has provided this handle.
    #[error("nobody has provided a {0}")]
    MissingHandle(&'static str),
    /// The handle belongs to a module that it does not name among its requirements, so that their order is an accident.
    #[error("it takes {handle} from {provider} without naming {provider} in its requirements")]
    UndeclaredNeed {
        /// The type that was asked for.
        handle: &'static str,
        /// The module that provides it.
        provider: &'static str,
    },
    /// Its configuration does not suit it, or it failed for a reason of its own.
    #[error("{0}")]
    Invalid(String),
    /// Something it uses failed.
    #[error("it could not be built")]
    Failed(#[source] BoxError),
}

impl ModuleError {
    /// Wraps the error of something the module uses.
    pub fn failed(error: impl Into<BoxError>) -> Self {
        Self::Failed(error.into())
    }
}
