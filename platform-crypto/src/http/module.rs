//! The module that a service composes.

use std::sync::Arc;
use std::time::Duration;

use platform_core::pg::Migrations;
use platform_core::runtime::{BuildCx, Check, Descriptor, Module, ModuleError, Parts, Worker};
use platform_core::{PermissionInfo, error_chain};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::reseal::Resealing;
use super::{keys, reseal};
use crate::{KEYS_MANAGE, KEYS_READ, Keyring, MIGRATIONS, SUBJECTS_ERASE, SUBJECTS_HOLD};

/// How often it is looked for what is due.
const MAINTENANCE: Duration = Duration::from_secs(60);

/// Named `crypto`: contributes its tables, routes under `/admin/v1`, the workers that hear of
/// changes, do maintenance and seal values anew, the soft check `keys`, and offers the handle [`Keyring`].
impl Module for Keyring {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new("crypto", env!("CARGO_PKG_VERSION"))
            .permission(PermissionInfo::assignable(
                KEYS_READ,
                "See the keys of the tenant, not their secrets",
            ))
            .permission(PermissionInfo::assignable(
                KEYS_MANAGE,
                "Rotate, re-seal and destroy keys of the tenant",
            ))
            .permission(PermissionInfo::assignable(SUBJECTS_ERASE, "Erase users for good"))
            .permission(PermissionInfo::assignable(
                SUBJECTS_HOLD,
                "Place and release legal holds on users",
            ))
    }

    fn migrations(&self) -> Option<&'static Migrations> {
        Some(&MIGRATIONS)
    }

    fn build(&self, cx: &mut BuildCx<'_>) -> Result<Parts, ModuleError> {
        cx.provide(self.clone());
        let maintained = self.clone();
        let worker = Worker::new("crypto.keys", move |stop| {
            let worker = maintained.worker(MAINTENANCE);
            async move {
                worker.run(stop).await;
                Ok(())
            }
        });
        let resealing = Resealing {
            keyring: self.clone(),
            wanted: Arc::default(),
        };
        let routes = resealing.routes();
        let reseal = Worker::new("crypto.reseal", move |stop| {
            let resealing = resealing.clone();
            async move { Ok(resealing.run(stop).await?) }
        });
        let asked = self.clone();
        let check = Check::soft("keys", move || {
            let keyring = asked.clone();
            async move { keyring.health().await.map_err(|error| error_chain(&error)) }
        });
        Ok(Parts {
            routes: Some(OpenApiRouter::default().nest("/admin/v1", routes)),
            workers: vec![worker, reseal],
            health: vec![check],
            ..Parts::default()
        })
    }
}

impl Keyring {
    /// The routes for a tenant's admins, below a base such as `/admin/v1`, with their part of the OpenAPI document.
    ///
    /// What a route begins is done by the workers of the module, of this process or of another.
    pub fn admin_routes(&self) -> OpenApiRouter {
        let resealing = Resealing {
            keyring: self.clone(),
            wanted: Arc::default(),
        };
        resealing.routes()
    }
}

impl Resealing {
    fn routes(&self) -> OpenApiRouter {
        let keys = OpenApiRouter::default()
            .routes(routes!(keys::list))
            .routes(routes!(keys::rotate))
            .routes(routes!(keys::destroy))
            .with_state(self.keyring.clone());
        let reseal = OpenApiRouter::default()
            .routes(routes!(reseal::start, reseal::progress))
            .with_state(self.clone());
        keys.merge(reseal)
    }
}
