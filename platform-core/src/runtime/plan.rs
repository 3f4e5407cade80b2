//! The modules of a service in the order in which they are migrated, built and started.

use super::descriptor::Descriptor;
use super::module::Module;
use super::resolve::{ResolveErrors, resolve};
use crate::Permission;
use crate::pg::Migrations;

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
        let of_modules = self.modules.iter().flat_map(Descriptor::permissions).copied();
        [super::HEALTH, super::METRICS]
            .into_iter()
            .chain(of_modules)
            .collect()
    }
}

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
