//! Whether somebody is left who administers the tenant.

use platform_core::Timestamp;
use platform_core::pg::{DbError, TenantTx};

use crate::{Auth, Role, TENANT_ADMIN};

/// Whether active users hold [`TENANT_ADMIN`] in the whole tenant.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub(super) struct Admins {
    /// One of them does now.
    now: bool,
    /// One of them does now and without an end.
    for_good: bool,
}

impl Admins {
    /// Were there some before a change, and are none left after it? Whoever made somebody an administrator for a minute has not made a
    /// successor.
    pub(super) fn are_lost_of(self, before: Self) -> bool {
        (before.now && !self.now) || (before.for_good && !self.for_good)
    }
}

pub(super) async fn admins(auth: &Auth, tx: &mut TenantTx, now: Timestamp) -> Result<Admins, DbError> {
    let tenant = tx.tenant();
    let holds = |role: &Role| auth.inner.role_permissions(tenant, *role).holds(TENANT_ADMIN);
    let builtin: Vec<_> = [Role::User, Role::Admin]
        .iter()
        .filter(|role| holds(role))
        .map(|role| role.as_str())
        .collect();
    // Where a service keeps the permission to itself, no role of the tenant's own gives it.
    let info = auth.inner.catalogue().get(TENANT_ADMIN.name());
    let assignable = info
        .filter(|info| info.is_assignable())
        .map(|_| TENANT_ADMIN.name());
    let admins = sqlx::query_as(
        "with recursive giving as (
           select g.subject_id, g.group_id, g.valid_until is null as for_good
           from platform_auth.role_grant g
           where g.tenant_id = $1 and g.revoked_at is null and g.resource_kind is null
             and (g.valid_from is null or g.valid_from <= $3) and (g.valid_until is null or g.valid_until > $3)
             and (g.builtin_role = any($2) or exists (
               select from platform_auth.role_permission p
               where p.tenant_id = $1 and p.role_id = g.role_id and p.permission = $4
             ))
         ),
         below (id, for_good, depth) as (
           select group_id, for_good, 1 from giving where group_id is not null
           union
           select m.member_group_id, below.for_good, below.depth + 1
           from below
           join platform_auth.group_member m on m.tenant_id = $1 and m.group_id = below.id
           where m.member_group_id is not null and below.depth < 9
         ),
         holder (id, for_good) as (
           select s.id, true from platform_auth.subject s where s.tenant_id = $1 and s.role = any($2)
           union
           select subject_id, for_good from giving where subject_id is not null
           union
           select m.member_subject_id, below.for_good
           from below
           join platform_auth.group_member m on m.tenant_id = $1 and m.group_id = below.id
           where m.member_subject_id is not null
         )
         select coalesce(bool_or(true), false) as now, coalesce(bool_or(h.for_good), false) as for_good
         from holder h
         join platform_auth.subject s on s.tenant_id = $1 and s.id = h.id
         where s.status = 'active' and s.erased_at is null",
    )
    .bind(tx.tenant())
    .bind(builtin)
    .bind(now)
    .bind(assignable)
    .fetch_one(&mut *tx)
    .await?;
    Ok(admins)
}
