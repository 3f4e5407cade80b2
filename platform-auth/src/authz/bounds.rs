//! How much one user may hold.

use platform_core::PrincipalId;
use platform_core::pg::DbError;

use super::change::Change;
use super::{GroupId, compile, grants};
use crate::{AuthzError, GrantPrincipal};

/// Somebody would hold too much.
pub(super) const EXCEEDED: AuthzError = AuthzError::TooManyHeld {
    max: compile::GRANTS_MAX,
};

/// Refuses a change after which somebody would hold more grants than can be compiled. Call it after the change was made in the
/// transaction, which is rolled back then, with whoever gained by it.
///
/// Counting what each member of a group holds takes long where groups are large, and everybody who changes rights in the tenant waits. So
/// first all grants to groups are counted: while those and as many as a user may have directly are no more than somebody may hold,
/// nobody holds too many.
pub(super) async fn check(change: &mut Change<'_>, gaining: GrantPrincipal) -> Result<(), AuthzError> {
    let of_groups_max = i64::from(compile::GRANTS_MAX - grants::GRANTS_MAX);
    if of_groups(change, of_groups_max + 1).await? <= of_groups_max {
        return Ok(());
    }
    let (user, group) = match gaining {
        GrantPrincipal::User(id) | GrantPrincipal::Service(id) => (Some(id), None),
        GrantPrincipal::Group(id) => (None, Some(id)),
    };
    match most_held(change, user, group).await? <= i64::from(compile::GRANTS_MAX) {
        true => Ok(()),
        false => Err(EXCEEDED),
    }
}

/// How many grants to groups are not over, as far as `limit`.
async fn of_groups(change: &mut Change<'_>, limit: i64) -> Result<i64, DbError> {
    let count = sqlx::query_scalar(
        "select count(*) from (
           select from platform_auth.role_grant
           where tenant_id = $1 and group_id is not null and revoked_at is null and (valid_until is null or valid_until > $2)
           limit $3
         ) of_groups",
    )
    .bind(change.tx.tenant())
    .bind(change.now)
    .bind(limit)
    .fetch_one(&mut change.tx)
    .await?;
    Ok(count)
}

/// How many grants the user holds, or the one of the group's members, by way of other groups too, who holds the most.
async fn most_held(
    change: &mut Change<'_>,
    user: Option<PrincipalId>,
    group: Option<GroupId>,
) -> Result<i64, DbError> {
    let most = sqlx::query_scalar(
        "with recursive below (id, depth) as (
           select $4::uuid, 1 where $4 is not null
           union
           select m.member_group_id, below.depth + 1
           from below
           join platform_auth.group_member m on m.tenant_id = $1 and m.group_id = below.id
           where m.member_group_id is not null and below.depth < 9
         ),
         gaining (id) as (
           select $3::uuid where $3 is not null
           union
           select m.member_subject_id
           from below
           join platform_auth.group_member m on m.tenant_id = $1 and m.group_id = below.id
           where m.member_subject_id is not null
         ),
         above (user_id, id, depth) as (
           select gaining.id, m.group_id, 1
           from gaining
           join platform_auth.group_member m on m.tenant_id = $1 and m.member_subject_id = gaining.id
           union
           select above.user_id, m.group_id, above.depth + 1
           from above
           join platform_auth.group_member m on m.tenant_id = $1 and m.member_group_id = above.id
           where above.depth < 9
         ),
         granted as (
           select g.group_id as id, count(*) as grants
           from (select distinct id from above) a
           join platform_auth.role_grant g on g.tenant_id = $1 and g.group_id = a.id
           where g.revoked_at is null and (g.valid_until is null or g.valid_until > $2)
           group by g.group_id
           union all
           select g.subject_id, count(*)
           from gaining
           join platform_auth.role_grant g on g.tenant_id = $1 and g.subject_id = gaining.id
           where g.revoked_at is null and (g.valid_until is null or g.valid_until > $2)
           group by g.subject_id
         ),
         held as (
           select a.user_id, sum(g.grants) as grants
           from (
             select distinct user_id, id from above
             union all
             select id, id from gaining
           ) a
           join granted g on g.id = a.id
           group by a.user_id
         )
         select coalesce(max(grants), 0)::bigint from held",
    )
    .bind(change.tx.tenant())
    .bind(change.now)
    .bind(user)
    .bind(group)
    .fetch_one(&mut change.tx)
    .await?;
    Ok(most)
}
