//! The one message that opens a transaction.

use std::fmt::Write;

use crate::TenantId;

use super::{APP_ROLE, SUBTREE_ROLE};

/// Which rows a transaction may touch.
#[derive(Debug, Clone)]
pub(super) enum Scope {
    /// Rows of one tenant.
    Tenant(TenantId),
    /// Rows of one tenant, no writes.
    TenantRead(TenantId),
    /// Rows of these tenants, no writes.
    SubtreeRead(Vec<TenantId>),
    /// Tables that belong to no tenant, no writes.
    GlobalRead,
}

impl Scope {
    /// BEGIN and the settings in a single message: a second round trip would cost more than the policies do.
    pub(super) fn begin_statement(&self) -> String {
        let begin = match self {
            Self::Tenant(_) => "BEGIN",
            Self::TenantRead(_) | Self::SubtreeRead(_) | Self::GlobalRead => "BEGIN READ ONLY",
        };
        format!("{begin}; {}", self.settings())
    }

    /// The role and the setting that the policies read.
    ///
    /// Everything that is formatted in is a constant or a typed UUID, so that nothing needs quoting.
    pub(super) fn settings(&self) -> String {
        match self {
            Self::Tenant(tenant) | Self::TenantRead(tenant) => {
                format!("SET LOCAL ROLE {APP_ROLE}; SET LOCAL platform.tenant_id = '{tenant}'")
            }
            Self::SubtreeRead(tenants) => {
                let mut settings =
                    format!("SET LOCAL ROLE {SUBTREE_ROLE}; SET LOCAL platform.tenant_scope = '");
                for (index, tenant) in tenants.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    let _ = write!(settings, "{comma}{tenant}");
                }
                settings.push('\'');
                settings
            }
            Self::GlobalRead => format!("SET LOCAL ROLE {APP_ROLE}"),
        }
    }
}
