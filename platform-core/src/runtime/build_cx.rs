//! What a module is built from.

use std::any::{Any, TypeId, type_name};
use std::collections::BTreeMap;

use super::descriptor::Descriptor;
use super::module::ModuleError;
use super::shutdown::Shutdown;
use crate::metrics::Metrics;
use crate::pg::Db;
use crate::{PermissionInfo, Sources};

/// The handles a module is built from, and those that modules offer each other.
///
/// A handle is any cheap-clone type: a struct, or an `Arc<dyn Trait>` where the caller should not know the crate behind it.
#[derive(Debug)]
pub struct BuildCx<'a> {
    pub(super) module: &'a Descriptor,
    pub(super) permissions: &'a [PermissionInfo],
    pub(super) db: Option<&'a Db>,
    pub(super) sources: &'a Sources,
    pub(super) metrics: &'a Metrics,
    pub(super) shutdown: &'a Shutdown,
    pub(super) handles: &'a mut Handles,
}

impl BuildCx<'_> {
    /// The database.
    ///
    /// # Errors
    /// [`ModuleError::NoDatabase`] when the platform was made without one.
    pub fn db(&self) -> Result<&Db, ModuleError> {
        self.db.ok_or(ModuleError::NoDatabase)
    }

    /// The clock and the generator.
    pub fn sources(&self) -> &Sources {
        self.sources
    }

    /// The permissions that the modules of the service check, those that are yet to be built included, and the runtime's own.
    pub fn permissions(&self) -> &[PermissionInfo] {
        self.permissions
    }

    /// Where the module registers its metrics.
    pub fn metrics(&self) -> &Metrics {
        self.metrics
    }

    /// Tells long-lived streams that the service stops, so that they can say goodbye (WebSocket close code 1012).
    pub fn shutdown(&self) -> &Shutdown {
        self.shutdown
    }

    /// Offers a handle to the modules that require this one. A type is provided once; a second time fails the build.
    pub fn provide<T: Clone + Send + Sync + 'static>(&mut self, handle: T) {
        self.handles.insert(Some(self.module.name()), handle);
    }

    /// The handle of a module that this one requires.
    ///
    /// # Errors
    /// [`ModuleError::MissingHandle`] when nobody has provided it, [`ModuleError::UndeclaredNeed`] when the module that did is not
    /// among this one's requirements.
    pub fn require<T: Clone + Send + Sync + 'static>(&self) -> Result<T, ModuleError> {
        self.get()?.ok_or(ModuleError::MissingHandle(type_name::<T>()))
    }

    /// The handle of a module that this one makes use of when it is there.
    ///
    /// # Errors
    /// [`ModuleError::UndeclaredNeed`] when the module that provides it is not among this one's requirements.
    pub fn get<T: Clone + Send + Sync + 'static>(&self) -> Result<Option<T>, ModuleError> {
        let Some((provider, handle)) = self.handles.get::<T>() else {
            return Ok(None);
        };
        match provider {
            Some(provider) if !self.may_use(provider) => Err(ModuleError::UndeclaredNeed {
                handle: type_name::<T>(),
                provider,
            }),
            _ => Ok(Some(handle)),
        }
    }

    fn may_use(&self, provider: &str) -> bool {
        let mut named = self.module.requirements().iter();
        provider == self.module.name() || named.any(|requirement| requirement.name == provider)
    }
}

/// Handles by their type, and who provided them; `None` is the service itself.
#[derive(Debug, Default)]
pub(super) struct Handles {
    by_type: BTreeMap<TypeId, Provided>,
    twice: Vec<&'static str>,
}

#[derive(Debug)]
struct Provided {
    by: Option<&'static str>,
    handle: Box<dyn Any + Send + Sync>,
}

impl Handles {
    pub(super) fn insert<T: Clone + Send + Sync + 'static>(&mut self, by: Option<&'static str>, handle: T) {
        let handle = Box::new(handle);
        let before = self.by_type.insert(TypeId::of::<T>(), Provided { by, handle });
        if before.is_some() {
            self.twice.push(type_name::<T>());
        }
    }

    /// The types that were provided more than once.
    pub(super) fn provided_twice(&self) -> &[&'static str] {
        &self.twice
    }

    fn get<T: Clone + 'static>(&self) -> Option<(Option<&'static str>, T)> {
        let provided = self.by_type.get(&TypeId::of::<T>())?;
        let handle = provided.handle.downcast_ref::<T>()?;
        Some((provided.by, handle.clone()))
    }
}
