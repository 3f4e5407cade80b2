//! The modules of a service in the order in which they are migrated, built and started.

use super::descriptor::Descriptor;
use super::module::Module;
use super::resolve::{ResolveErrors, resolve};
use crate::pg::Migrations;
use crate::{Permission, PermissionInfo};

/// Modules in dependency order, made by [`Platform::plan`](super::Platform::plan) before there is a database.
#[derive(Debug)]
pub struct Plan {
    modules: Vec<Descriptor>,
    migrations: Vec<&'static Migrations>,
}

impl Plan {
    pub(super) fn new(modules: &[&dyn Module]) -> Result<(Self, Vec<usize>), ResolveErrors> {
        let descriptors: Vec<_> = modules.iter().map(|module| module.descriptor()).collect();
        let order = resolve(&descriptors)?;
        let migrations = order.iter().filter_map(|&at| modules[at].migrations());
        let plan = Self {
            modules: order.iter().map(|&at| descriptors[at].clone()).collect(),
            migrations: once_each(migrations),
        };
        Ok((plan, order))
    }

    /// The modules, each after those it needs.
    pub fn modules(&self) -> &[Descriptor] {
        &self.modules
    }

    /// Their schemas, each after those its foreign keys may point to.
    pub fn migrations(&self) -> &[&'static Migrations] {
        &self.migrations
    }

    /// The permissions the modules check, and the runtime's own.
    pub fn permissions(&self) -> Vec<Permission> {
        let infos = self.permission_infos().into_iter();
        infos.map(|info| info.permission()).collect()
    }

    /// The same as they were declared. A name that two modules declare is there twice.
    pub fn permission_infos(&self) -> Vec<PermissionInfo> {
        let of_modules = self.modules.iter().flat_map(Descriptor::permissions).copied();
        OF_THE_RUNTIME.into_iter().chain(of_modules).collect()
    }
}

/// What they show is about the whole process, and so about every tenant.
const OF_THE_RUNTIME: [PermissionInfo; 2] = [
    PermissionInfo::platform_only(super::HEALTH, "See the state of the service in detail"),
    PermissionInfo::platform_only(super::METRICS, "Read the metrics of the service"),
];

/// Two modules of one crate share its schema.
fn once_each(migrations: impl Iterator<Item = &'static Migrations>) -> Vec<&'static Migrations> {
    let mut each: Vec<&'static Migrations> = Vec::new();
    for migrations in migrations {
        if !each.iter().any(|known| known.schema == migrations.schema) {
            each.push(migrations);
        }
    }
    each
}
