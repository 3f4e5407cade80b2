//! Reads what somebody was granted and compiles it: one statement.

use std::collections::HashMap;

use platform_core::pg::DbError;
use platform_core::sqlx::{Executor, Postgres};
use platform_core::{
    Granted, Holding, OwnedResource, Permission, PermissionSet, PrincipalId, TenantId, Timestamp, Window,
};

use super::GroupId;
use super::cache::Compiled;
use crate::auth::Inner;
use crate::{Fault, Role};

/// The most grants of one caller, those of all groups included, that are compiled. Nobody is given more; a caller who has more all the same
/// cannot be decided about, and is refused.
pub(super) const GRANTS_MAX: u32 = 100_000;

/// One more, to see whether there are too many.
pub(crate) const ROWS_MAX: i64 = GRANTS_MAX as i64 + 1;

/// What somebody holds, as the two common table expressions `above` and `held` of a recursive statement: of a user, or what the members
/// of a group have by it. `$1` is the tenant, `$3` the time and `$4` the most grants. Groups of groups are followed to the depth that
/// there can be, so that not even a cycle, which there cannot be, would keep the database busy.
macro_rules! held_by {
    ($first_groups:literal, $own:literal) => {
        concat!(
            "above (id, depth) as (
               ",
            $first_groups,
            "
               union
               select m.group_id, above.depth + 1
               from above
               join platform_auth.group_member m on m.tenant_id = $1 and m.member_group_id = above.id
               where above.depth < 9
             ),
             held as (
               (select g.role_id, g.builtin_role, g.resource_kind, g.resource_id, g.valid_from, g.valid_until
                from platform_auth.role_grant g
                where g.tenant_id = $1 and g.revoked_at is null and (g.valid_until is null or g.valid_until > $3) and ",
            $own,
            ")
               union all
               (select g.role_id, g.builtin_role, g.resource_kind, g.resource_id, g.valid_from, g.valid_until
                from (select distinct id from above) a
                join platform_auth.role_grant g on g.tenant_id = $1 and g.group_id = a.id
                where g.revoked_at is null and (g.valid_until is null or g.valid_until > $3))
               limit $4
             )
             "
        )
    };
}
pub(crate) use held_by;

/// The rows of what is `held`, each a [`GrantRow`]: the roles with their permissions, and the grants.
macro_rules! held_rows {
    () => {
        "select null::bigint as version, r.role_id, null::text as builtin_role, null::text as resource_kind,
                null::text as resource_id, null::timestamptz as valid_from, null::timestamptz as valid_until,
                array(select p.permission from platform_auth.role_permission p
                      where p.tenant_id = $1 and p.role_id = r.role_id) as permissions
         from (select distinct role_id from held where role_id is not null) r
         union all
         select null, h.role_id, h.builtin_role, h.resource_kind, h.resource_id, h.valid_from, h.valid_until, null
         from held h"
    };
}
pub(crate) use held_rows;

/// One question for a credential, as `found` selects it with the `subject_id` of its owner and the `version` of its tenant, and for what was
/// granted to the owner, unless that version is `$5` or `ended` says that the credential has ended. There are thirteen columns of `found`,
/// which are null in the rows of the grants.
macro_rules! found_with_grants {
    ($found:literal, ended: $ended:literal, columns: $columns:literal) => {
        concat!(
            "with recursive found as (",
            $found,
            "),
             wanted as (select subject_id from found where version > 0 and version <> $5 and ",
            $ended,
            " is null),
             ",
            $crate::authz::held_by!(
                "select m.group_id, 1 from platform_auth.group_member m
                 where m.tenant_id = $1 and m.member_subject_id = (select subject_id from wanted)",
                "g.subject_id = (select subject_id from wanted)"
            ),
            "select ",
            $columns,
            ", f.version, null::uuid as role_id, null::text as builtin_role, null::text as resource_kind, null::text as resource_id,
               null::timestamptz as valid_from, null::timestamptz as valid_until, null::text[] as permissions
             from found f
             union all
             select null, null, null, null, null, null, null, null, null, null, null, null, null, h.*
             from (",
            $crate::authz::held_rows!(),
            ") h"
        )
    };
}
pub(crate) use found_with_grants;

macro_rules! grants_of {
    ($first_groups:literal, $own:literal) => {
        concat!(
            "with recursive ",
            held_by!($first_groups, $own),
            "select coalesce((select v.version from platform_auth.authz_version v where v.tenant_id = $1), 0) as version,
                    null::uuid as role_id, null::text as builtin_role, null::text as resource_kind, null::text as resource_id,
                    null::timestamptz as valid_from, null::timestamptz as valid_until, null::text[] as permissions
             union all
             ",
            held_rows!()
        )
    };
}

const OF_USER: &str = grants_of!(
    "select m.group_id, 1 from platform_auth.group_member m where m.tenant_id = $1 and m.member_subject_id = $2",
    "g.subject_id = $2"
);

const OF_GROUP: &str = grants_of!("select $2::uuid, 1", "false");

/// The version, or the permissions of a role, or a grant.
#[derive(sqlx::FromRow)]
pub(crate) struct GrantRow {
    pub(crate) version: Option<i64>,
    role_id: Option<platform_core::uuid::Uuid>,
    builtin_role: Option<String>,
    resource_kind: Option<String>,
    resource_id: Option<String>,
    valid_from: Option<Timestamp>,
    valid_until: Option<Timestamp>,
    permissions: Option<Vec<String>>,
}

/// Who holds what was granted, at which version of the tenant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeldBy {
    pub(crate) tenant: TenantId,
    pub(crate) principal: PrincipalId,
    pub(crate) version: i64,
}

impl Inner {
    /// What a user was granted, compiled, and of which version that is. Grants that are over at `now` are left out: nobody asks for the
    /// past.
    pub(crate) async fn compile<'c>(
        &self,
        executor: impl Executor<'c, Database = Postgres>,
        tenant: TenantId,
        user: PrincipalId,
        now: Timestamp,
    ) -> Result<Compiled, Fault> {
        let rows = sqlx::query_as(OF_USER)
            .bind(tenant)
            .bind(user)
            .bind(now)
            .bind(ROWS_MAX)
            .fetch_all(executor)
            .await
            .map_err(DbError::from)?;
        Ok(Compiled {
            version: version(&rows),
            granted: self.holdings(tenant, rows).map(Granted::new),
        })
    }

    /// What the owner of a credential was granted: what is known of the version that it was read at, or what `rows` say, which came with the
    /// credential. They are those of [`held_rows`], unless what `before` names is of that version.
    pub(crate) fn granted(
        &self,
        owner: HeldBy,
        before: Option<(i64, &Granted)>,
        rows: Vec<GrantRow>,
    ) -> Result<Granted, Fault> {
        let HeldBy {
            tenant,
            principal,
            version,
        } = owner;
        // Nothing has ever been granted in the tenant.
        if version == 0 {
            return Ok(Granted::default());
        }
        if let Some((_, granted)) = before.filter(|(of, _)| *of == version) {
            return Ok(granted.clone());
        }
        // Another credential of the same owner has it already, perhaps.
        if let Some(compiled) = self.authorities.get(tenant, principal, version) {
            return compiled.decidable();
        }
        let compiled = Compiled {
            version,
            granted: self.holdings(tenant, rows).map(Granted::new),
        };
        self.authorities.put(tenant, principal, compiled.clone());
        compiled.decidable()
    }

    /// What the members of a group hold by being that; `None` when it is more than can be compiled.
    pub(super) async fn held_by_members<'c>(
        &self,
        executor: impl Executor<'c, Database = Postgres>,
        tenant: TenantId,
        group: GroupId,
        now: Timestamp,
    ) -> Result<Option<Vec<Holding>>, Fault> {
        let rows = sqlx::query_as(OF_GROUP)
            .bind(tenant)
            .bind(group)
            .bind(now)
            .bind(ROWS_MAX)
            .fetch_all(executor)
            .await
            .map_err(DbError::from)?;
        Ok(self.holdings(tenant, rows))
    }

    /// `None` when there are too many.
    fn holdings(&self, tenant: TenantId, rows: Vec<GrantRow>) -> Option<Vec<Holding>> {
        let grants = rows.iter().filter(|row| row.is_grant()).count();
        if u32::try_from(grants).is_ok_and(|grants| grants <= GRANTS_MAX) {
            Some(self.compiled_of(tenant, rows, grants))
        } else {
            None
        }
    }

    fn compiled_of(&self, tenant: TenantId, rows: Vec<GrantRow>, grants: usize) -> Vec<Holding> {
        let catalogue = self.catalogue();
        let mut of_role: HashMap<_, PermissionSet> = HashMap::new();
        for row in &rows {
            if let (Some(role), Some(permissions)) = (row.role_id, &row.permissions) {
                of_role.insert(role, known(permissions, &catalogue).into_iter().collect());
            }
        }
        let mut holdings = Vec::with_capacity(grants);
        for row in rows.into_iter().filter(GrantRow::is_grant) {
            let permissions = match (row.role_id, &row.builtin_role) {
                (Some(role), _) => of_role.get(&role).cloned(),
                (None, Some(word)) => word
                    .parse()
                    .ok()
                    .map(|role: Role| self.role_permissions(tenant, role)),
                (None, None) => None,
            };
            let Some(window) = Window::new(row.valid_from, row.valid_until) else {
                continue;
            };
            holdings.push(Holding {
                permissions: permissions.unwrap_or_default(),
                on: row
                    .resource_kind
                    .zip(row.resource_id)
                    .map(|(kind, id)| OwnedResource {
                        kind: kind.into(),
                        id: id.into(),
                    }),
                window,
            });
        }
        holdings
    }
}

impl GrantRow {
    fn is_grant(&self) -> bool {
        self.version.is_none() && self.permissions.is_none()
    }
}

fn version(rows: &[GrantRow]) -> i64 {
    rows.iter().find_map(|row| row.version).unwrap_or(0)
}

/// The permissions of a role of a tenant's own, as they are stored, that there are and that such a role may hold. One that no module
/// declares any more is checked by nobody; one that was assignable once, or that somebody wrote into the table, is not theirs.
pub(super) fn known(names: &[String], catalogue: &super::Catalogue) -> Vec<Permission> {
    let infos = names.iter().filter_map(|name| catalogue.get(name));
    let assignable = infos.filter(|info| info.is_assignable());
    assignable.map(|info| info.permission()).collect()
}
