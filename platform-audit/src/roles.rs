//! The database roles of the jobs over the trails of all tenants, and what the self-check finds of them.

use platform_core::pg::{Allowed, GroupRole};

/// The role that gives events their place in the trail. It sees the events of all tenants, and no other table of theirs.
pub const SEQUENCER: GroupRole = GroupRole::new("platform_sequencer");

/// The role that removes events whose time has passed. The database refuses it every event that has to be kept.
pub const RETENTION: GroupRole = GroupRole::new("platform_retention");

/// What the self-check of a service with an audit trail finds in these tables, and why each of it is meant. For
/// [`AllowList::with_all`](platform_core::pg::AllowList::with_all).
///
/// ```no_run
/// use platform_audit::AUDIT_TABLES;
/// use platform_core::pg::{AllowList, Db};
///
/// async fn check(db: &Db) -> Result<bool, Box<dyn std::error::Error>> {
///     Ok(db.self_check(&AllowList::core().with_all(AUDIT_TABLES)).await?.passes())
/// }
/// ```
pub const AUDIT_TABLES: &[Allowed] = &[
    sequencer("platform_audit.event.sequencer"),
    sequencer("platform_audit.entry.sequencer"),
    sequencer("platform_audit.pending.sequencer"),
    sequencer("platform_audit.leaf.sequencer"),
    sequencer("platform_audit.tile.sequencer"),
    sequencer("platform_audit.tree.sequencer"),
    sequencer("platform_audit.checkpoint.sequencer"),
    sequencer("platform_audit.rejected.sequencer"),
    retention("platform_audit.event.retention_read"),
    retention("platform_audit.entry.retention_read"),
    retention("platform_audit.leaf.retention_read"),
    retention("platform_audit.checkpoint.retention_read"),
    retention("platform_audit.hold.retention_read"),
    retention("platform_audit.pruning.retention_read"),
    policy(
        "platform_audit.event.retention_prune",
        "lets the role of the pruner delete an event whose time is over, that a signed checkpoint covers and that no hold keeps",
    ),
    policy(
        "platform_audit.entry.retention_prune",
        "lets the role of the pruner delete the bytes of an event that is gone",
    ),
    policy(
        "platform_audit.pending.owner_work",
        "for the two triggers that fill and read the work list with the owner's rights; the application has neither",
    ),
    Allowed {
        code: "TABLE_WITHOUT_TENANT_COLUMN",
        object: "platform_audit.lease",
        reason: "who sequences which share of the tenants; nobody's data, and out of the tenants' reach",
    },
    Allowed {
        code: "TABLE_WITHOUT_TENANT_COLUMN",
        object: "platform_audit.retention_class",
        reason: "how long classes of events are kept, the same for every tenant; the application only reads it",
    },
    definer(
        "platform_audit.keep_months_ahead()",
        "makes the partitions of the coming months, which only the owner may; takes nothing and shows nothing",
    ),
    definer(
        "platform_audit.drop_month_if_empty(regclass)",
        "drops a partition of a past month that has no row left, and refuses every other table",
    ),
];

const fn sequencer(object: &'static str) -> Allowed {
    policy(
        object,
        "the role of the sequencer gives the events of all tenants their places; no tenant's transaction works under it",
    )
}

const fn retention(object: &'static str) -> Allowed {
    policy(
        object,
        "the role of the pruner has to see what may be deleted; no tenant's transaction works under it",
    )
}

const fn policy(object: &'static str, reason: &'static str) -> Allowed {
    Allowed {
        code: "POLICY_NOT_CANONICAL",
        object,
        reason,
    }
}

const fn definer(object: &'static str, reason: &'static str) -> Allowed {
    Allowed {
        code: "SECURITY_DEFINER_EXECUTABLE",
        object,
        reason,
    }
}
