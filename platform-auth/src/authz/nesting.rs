//! Groups in groups: a hierarchy, and not a deep one.

use platform_core::pg::{DbError, TenantTx};

use super::GroupId;
use crate::AuthzError;

/// The most levels of groups in groups.
const LEVELS_MAX: i32 = 8;

/// Refuses to put `inner` into `outer` when the groups would not be a hierarchy of at most eight levels. Whoever changes groups holds the
/// lock of the tenant, so that two memberships that are right each by itself cannot make a cycle together.
pub(super) async fn check(tx: &mut TenantTx, outer: GroupId, inner: GroupId) -> Result<(), AuthzError> {
    if outer == inner {
        return Err(AuthzError::Cycle);
    }
    let (is_cycle, above, below) = look(tx, outer, inner).await?;
    if is_cycle {
        return Err(AuthzError::Cycle);
    }
    match above + below > LEVELS_MAX {
        true => Err(AuthzError::TooDeep),
        false => Ok(()),
    }
}

/// Whether `outer` is in `inner`, how many levels there are from the top down to `outer`, and from `inner` down to the bottom.
async fn look(tx: &mut TenantTx, outer: GroupId, inner: GroupId) -> Result<(bool, i32, i32), DbError> {
    let found = sqlx::query_as(
        "with recursive above (id, level) as (
           select $2::uuid, 1
           union
           select m.group_id, above.level + 1
           from above
           join platform_auth.group_member m on m.tenant_id = $1 and m.member_group_id = above.id
           where above.level <= $4
         ),
         below (id, level) as (
           select $3::uuid, 1
           union
           select m.member_group_id, below.level + 1
           from below
           join platform_auth.group_member m on m.tenant_id = $1 and m.group_id = below.id
           where m.member_group_id is not null and below.level <= $4
         )
         select exists (select from below where id = $2), (select max(level) from above), (select max(level) from below)",
    )
    .bind(tx.tenant())
    .bind(outer)
    .bind(inner)
    .bind(LEVELS_MAX)
    .fetch_one(&mut *tx)
    .await?;
    Ok(found)
}
