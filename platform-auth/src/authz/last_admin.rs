//! Whether somebody is left who administers the tenant, and can make somebody else do so.

use platform_core::Timestamp;
use platform_core::pg::{DbError, TenantTx};

use super::GRANTS_MANAGE;
use crate::{Auth, Role, TENANT_ADMIN};

/// What somebody has to hold in the whole tenant: all of it, or who is left administers and can hand that on to nobody.
const NEEDED: [platform_core::Permission; 2] = [TENANT_ADMIN, GRANTS_MANAGE];

/// Which of what is needed active users hold in the whole tenant, and whether all of it is with one of them.
#[derive(Debug, Clone)]
pub(crate) struct Admins(Vec<Held>);

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
struct Held {
    /// The permission that one of them holds now; `None` when one of them holds all.
    permission: Option<String>,
    /// One of them does without an end.
    for_good: bool,
}

impl Admins {
    /// Were there some before a change, and are none left after it? Whoever made somebody an administrator for a minute has not made a
    /// successor.
    pub(crate) fn are_lost_of(&self, before: &Self) -> bool {
        let is_left = |held: &Held| {
            let same = |now: &&Held| now.permission == held.permission;
            let now = self.0.iter().find(same);
            now.is_some_and(|now| now.for_good || !held.for_good)
        };
        !before.0.iter().all(is_left)
    }
}

pub(crate) async fn admins(auth: &Auth, tx: &mut TenantTx, now: Timestamp) -> Result<Admins, DbError> {
    let (catalogue, tenant) = (auth.inner.catalogue(), tx.tenant());
    let names = NEEDED.map(|permission| permission.name());
    // Where a service keeps a permission to itself, no role of the tenant's own gives it.
    let assignable = names.map(|name| catalogue.get(name).is_some_and(|info| info.is_assignable()));
    let builtin: Vec<_> = [Role::User, Role::Admin]
        .into_iter()
        .flat_map(|role| NEEDED.map(|permission| (role, permission)))
        .filter(|(role, permission)| auth.inner.role_permissions(tenant, *role).holds(*permission))
        .collect();
    let builtin_names: Vec<_> = builtin.iter().map(|(_, permission)| permission.name()).collect();
    let builtin_roles: Vec<_> = builtin.iter().map(|(role, _)| role.as_str()).collect();
    let held = sqlx::query_as(
        "with recursive needed (permission, is_assignable) as (
           select * from unnest($3::text[], $4::boolean[])
         ),
         builtin (permission, role) as (
           select * from unnest($5::text[], $6::text[])
         ),
         giving as (
           select n.permission, g.subject_id, g.group_id, g.valid_until is null as for_good
           from platform_auth.role_grant g
           cross join needed n
           where g.tenant_id = $1 and g.revoked_at is null and g.resource_kind is null
             and (g.valid_from is null or g.valid_from <= $2) and (g.valid_until is null or g.valid_until > $2)
             and (
               exists (select from builtin b where b.permission = n.permission and b.role = g.builtin_role)
               or n.is_assignable and exists (
                 select from platform_auth.role_permission p
                 where p.tenant_id = $1 and p.role_id = g.role_id and p.permission = n.permission
               )
             )
         ),
         below (permission, id, for_good, depth) as (
           select permission, group_id, for_good, 1 from giving where group_id is not null
           union
           select below.permission, m.member_group_id, below.for_good, below.depth + 1
           from below
           join platform_auth.group_member m on m.tenant_id = $1 and m.group_id = below.id
           where m.member_group_id is not null and below.depth < 9
         ),
         holder (permission, id, for_good) as (
           select b.permission, s.id, true
           from builtin b
           join platform_auth.subject s on s.tenant_id = $1 and s.role = b.role
           union
           select permission, subject_id, for_good from giving where subject_id is not null
           union
           select below.permission, m.member_subject_id, below.for_good
           from below
           join platform_auth.group_member m on m.tenant_id = $1 and m.group_id = below.id
           where m.member_subject_id is not null
         ),
         active as (
           select h.permission, h.id, bool_or(h.for_good) as for_good
           from holder h
           join platform_auth.subject s on s.tenant_id = $1 and s.id = h.id
           where s.status = 'active' and s.erased_at is null and s.kind = 'human'
           group by h.permission, h.id
         )
         select permission, bool_or(for_good) as for_good from active group by permission
         union all
         select null, bool_or(for_good) from (
           select bool_and(for_good) as for_good from active group by id having count(*) = cardinality($3)
         ) all_of_it having count(*) > 0",
    )
    .bind(tx.tenant())
    .bind(now)
    .bind(names.as_slice())
    .bind(assignable.as_slice())
    .bind(builtin_names)
    .bind(builtin_roles)
    .fetch_all(&mut *tx)
    .await?;
    Ok(Admins(held))
}
