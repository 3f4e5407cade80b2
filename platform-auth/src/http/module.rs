//! The module that a service composes.

use platform_core::pg::Migrations;
use platform_core::runtime::{BuildCx, Descriptor, Module, ModuleError, Parts};
use utoipa_axum::router::OpenApiRouter;

use crate::{Auth, MIGRATIONS, TENANT_ADMIN};

/// Named `auth`, needs the module `crypto`, which a [`Keyring`](platform_crypto::Keyring) is: contributes its tables, its
/// routes under `/api/v1` and `/admin/v1`, and offers the handle [`Auth`].
impl Module for Auth {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new("auth", env!("CARGO_PKG_VERSION"))
            .requires("crypto", "^0.1")
            .permission(TENANT_ADMIN)
    }

    fn migrations(&self) -> Option<&'static Migrations> {
        Some(&MIGRATIONS)
    }

    fn build(&self, cx: &mut BuildCx<'_>) -> Result<Parts, ModuleError> {
        cx.provide(self.clone());
        let routes = OpenApiRouter::default()
            .nest("/api/v1", self.api_routes())
            .nest("/admin/v1", self.admin_routes());
        Ok(Parts {
            routes: Some(routes),
            ..Parts::default()
        })
    }
}
