//! The module that a service composes.

use std::time::Duration;

use platform_core::error_chain;
use platform_core::pg::Migrations;
use platform_core::runtime::{BuildCx, Check, Descriptor, Module, ModuleError, Parts, Worker};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::keys;
use crate::{KEYS_MANAGE, KEYS_READ, Keyring, MIGRATIONS, SUBJECTS_ERASE, SUBJECTS_HOLD};

/// How often it is looked for what is due.
const MAINTENANCE: Duration = Duration::from_secs(60);

/// Named `crypto`: contributes its tables, routes under `/admin/v1`, the worker that hears of changes and does maintenance, the soft
/// check `keys`, and offers the handle [`Keyring`].
impl Module for Keyring {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new("crypto", env!("CARGO_PKG_VERSION"))
            .permission(KEYS_READ)
            .permission(KEYS_MANAGE)
            .permission(SUBJECTS_ERASE)
            .permission(SUBJECTS_HOLD)
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
        let asked = self.clone();
        let check = Check::soft("keys", move || {
            let keyring = asked.clone();
            async move { keyring.health().await.map_err(|error| error_chain(&error)) }
        });
        Ok(Parts {
            routes: Some(OpenApiRouter::default().nest("/admin/v1", self.admin_routes())),
            workers: vec![worker],
            health: vec![check],
            ..Parts::default()
        })
    }
}

impl Keyring {
    /// The routes for a tenant's admins, below a base such as `/admin/v1`, with their part of the OpenAPI document.
    pub fn admin_routes(&self) -> OpenApiRouter {
        OpenApiRouter::default()
            .routes(routes!(keys::list))
            .routes(routes!(keys::rotate))
            .routes(routes!(keys::destroy))
            .with_state(self.clone())
    }
}
