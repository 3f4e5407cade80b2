//! The one message that opens a transaction.

use std::fmt::Write;

use crate::TenantId;

use super::{APP_ROLE, GroupRole, SUBTREE_ROLE};

/// Which rows a transaction may touch.
#[derive(Debug, Clone)]
pub(super) enum Scope {
    /// Rows of one tenant.
    Tenant(TenantId),
    /// Rows of one tenant, and then of others, by few statements that are sent again and again.
    Group(TenantId),
    /// Rows of one tenant, no writes.
    TenantRead(TenantId),
    /// Rows of these tenants, no writes.
    SubtreeRead(Vec<TenantId>),
    /// Tables that belong to no tenant, no writes.
    GlobalRead,
    /// Tables that belong to no tenant.
    GlobalWrite,
    /// What a group role of a crate's own may touch.
    Role(GroupRole),
}

impl Scope {
    /// BEGIN and the settings in a single message: a second round trip would cost more than the policies do.
    pub(super) fn begin_statement(&self) -> String {
        let settings = self.settings();
        match self {
            Self::Tenant(_) | Self::GlobalWrite => format!("BEGIN; {settings}"),
            // Statements over arrays are planned anew each time otherwise, because a plan for one row looks cheaper than the one for any
            // number: a tenth of the time of an order. What is planned once is planned for tables that grow, so not to read them whole.
            // And nobody's lock keeps all of them waiting for long.
            Self::Group(_) => format!(
                "BEGIN; {settings}; SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off; \
                 SET LOCAL lock_timeout = '500ms'"
            ),
            Self::TenantRead(_) | Self::SubtreeRead(_) | Self::GlobalRead => {
                format!("BEGIN READ ONLY; {settings}")
            }
            // What stands in front of BEGIN in one message belongs to the transaction, and when it fails there is none: a role that
            // the login may not take must not leave a failed transaction to the connection's next user. (The other roles have been
            // tried when the pool was made.)
            Self::Role(_) => format!("{settings}; BEGIN"),
        }
    }

    /// The role and the setting that the policies read.
    ///
    /// Everything that is formatted in is a constant or a typed UUID, so that nothing needs quoting.
    pub(super) fn settings(&self) -> String {
        match self {
            Self::Tenant(tenant) | Self::Group(tenant) | Self::TenantRead(tenant) => {
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
            Self::GlobalRead | Self::GlobalWrite => format!("SET LOCAL ROLE {APP_ROLE}"),
            Self::Role(role) => format!("SET LOCAL ROLE {}", role.name()),
        }
    }
}
