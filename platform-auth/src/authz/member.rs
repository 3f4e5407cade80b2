//! Who is in a group.

use platform_core::pg::{DbError, TenantTx};
use platform_core::{PrincipalId, RequestContext, Timestamp};

use super::change::Change;
use super::group::{by_id, known_group, may_see_groups};
use super::{GROUPS_MANAGE, GroupId, LIST_MAX, MembershipId, bounds, nesting, rows, trail};
use crate::{Auth, AuthzError, GrantPrincipal};

/// The most members that a group may have.
const MEMBERS_MAX: u32 = 10_000;

/// Who is a member of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    /// A user.
    User(PrincipalId),
    /// A service principal.
    Service(PrincipalId),
    /// Another group, whose members are members by that.
    Group(GroupId),
}

/// That somebody is a member of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Membership {
    /// Its id.
    pub id: MembershipId,
    /// The group.
    pub group: GroupId,
    /// The member.
    pub member: Member,
    /// Since when.
    pub added_at: Timestamp,
}

impl Auth {
    /// Makes somebody a member of a group. That counts as granting what the group has, and the groups that it is in: the caller has to
    /// hold all of it, as widely and as long.
    ///
    /// # Errors
    /// [`AuthzError::TooManyHeld`] when somebody would hold more grants than can be decided about, [`AuthzError::Cycle`] and [`AuthzError::TooDeep`] when the groups would not be a hierarchy of at most eight levels, and the others
    /// of [`AuthzError`]; it needs [`GROUPS_MANAGE`].
    pub async fn add_member(
        &self,
        ctx: &RequestContext,
        group: GroupId,
        member: Member,
    ) -> Result<Membership, AuthzError> {
        let mut change = Change::begin(self, ctx, GROUPS_MANAGE).await?;
        known_group(&mut change, group).await?;
        rows::known_principal(&mut change.tx, member.into()).await?;
        if let Member::Group(inner) = member {
            nesting::check(&mut change.tx, group, inner).await?;
        }
        let (tenant, now) = (change.tx.tenant(), change.now);
        let gained = self
            .inner
            .held_by_members(&mut change.tx, tenant, group, now)
            .await?;
        let gained = gained.ok_or(bounds::EXCEEDED)?;
        let mut giver = change.giver();
        for holding in &gained {
            giver.may_give(holding.permissions.iter(), holding.on.as_ref(), holding.window)?;
        }
        drop(giver);
        if count(&mut change.tx, group).await? >= i64::from(MEMBERS_MAX) {
            return Err(AuthzError::TooMany { max: MEMBERS_MAX });
        }
        let membership = Membership {
            id: MembershipId::generate(&self.inner.sources),
            group,
            member,
            added_at: now,
        };
        insert(&mut change.tx, &membership).await?;
        bounds::check(&mut change, member.into()).await?;
        change.commit(trail::member_added(&membership)).await?;
        Ok(membership)
    }

    /// Takes a member out of a group, and answers who it was.
    ///
    /// # Errors
    /// [`AuthzError::NotFound`] when the group has no such member, [`AuthzError::LastAdmin`] when nobody would be left who administers
    /// the tenant, and the others of [`AuthzError`]; it needs [`GROUPS_MANAGE`].
    pub async fn remove_member(
        &self,
        ctx: &RequestContext,
        group: GroupId,
        id: MembershipId,
    ) -> Result<Membership, AuthzError> {
        let mut change = Change::begin(self, ctx, GROUPS_MANAGE).await?;
        let admins = change.admins().await?;
        let removed: Option<Row> = sqlx::query_as(
            "delete from platform_auth.group_member where tenant_id = $1 and group_id = $2 and id = $3
             returning id, group_id, member_subject_id,
                       exists (
                         select from platform_auth.subject s
                         where s.tenant_id = group_member.tenant_id and s.id = group_member.member_subject_id and s.kind = 'service'
                       ) as is_service,
                       member_group_id, added_at",
        )
        .bind(change.tx.tenant())
        .bind(group)
        .bind(id)
        .fetch_optional(&mut change.tx)
        .await
        .map_err(DbError::from)?;
        let removed = removed.and_then(Row::membership).ok_or(AuthzError::NotFound)?;
        change
            .commit_taking(admins, trail::member_removed(&removed))
            .await?;
        Ok(removed)
    }

    /// The direct members of a group in the order in which they became that, at most 201 after `after`; `None` when the tenant has no
    /// such group.
    ///
    /// # Errors
    /// [`AuthzError::Forbidden`] without [`GROUPS_MANAGE`] or [`GRANTS_MANAGE`](crate::GRANTS_MANAGE).
    pub async fn list_members(
        &self,
        ctx: &RequestContext,
        group: GroupId,
        after: Option<MembershipId>,
        limit: u32,
    ) -> Result<Option<Vec<Membership>>, AuthzError> {
        may_see_groups(ctx)?;
        let mut read = self.inner.db.read(ctx).await?;
        let tenant = read.tenant();
        if by_id(&mut read, tenant, group).await?.is_none() {
            return Ok(None);
        }
        let rows: Vec<Row> = sqlx::query_as(
            "select id, group_id, member_subject_id,
                    exists (
                      select from platform_auth.subject s
                      where s.tenant_id = group_member.tenant_id and s.id = group_member.member_subject_id and s.kind = 'service'
                    ) as is_service,
                    member_group_id, added_at from platform_auth.group_member
             where tenant_id = $1 and group_id = $2 and ($3::uuid is null or id > $3)
             order by id
             limit $4",
        )
        .bind(tenant)
        .bind(group)
        .bind(after)
        .bind(i64::from(limit.min(LIST_MAX)))
        .fetch_all(&mut read)
        .await
        .map_err(DbError::from)?;
        read.finish().await?;
        Ok(Some(rows.into_iter().filter_map(Row::membership).collect()))
    }
}

impl From<Member> for GrantPrincipal {
    fn from(member: Member) -> Self {
        match member {
            Member::User(id) => Self::User(id),
            Member::Service(id) => Self::Service(id),
            Member::Group(id) => Self::Group(id),
        }
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: MembershipId,
    group_id: GroupId,
    member_subject_id: Option<PrincipalId>,
    is_service: bool,
    member_group_id: Option<GroupId>,
    added_at: Timestamp,
}

impl Row {
    /// A constraint sees to it that it is one of the two.
    fn membership(self) -> Option<Membership> {
        let subject = self.member_subject_id.map(match self.is_service {
            true => Member::Service,
            false => Member::User,
        });
        Some(Membership {
            id: self.id,
            group: self.group_id,
            member: subject.or(self.member_group_id.map(Member::Group))?,
            added_at: self.added_at,
        })
    }
}

async fn count(tx: &mut TenantTx, group: GroupId) -> Result<i64, DbError> {
    let count = sqlx::query_scalar(
        "select count(*) from platform_auth.group_member where tenant_id = $1 and group_id = $2",
    )
    .bind(tx.tenant())
    .bind(group)
    .fetch_one(&mut *tx)
    .await?;
    Ok(count)
}

async fn insert(tx: &mut TenantTx, membership: &Membership) -> Result<(), AuthzError> {
    let (user, group) = match membership.member {
        Member::User(id) | Member::Service(id) => (Some(id), None),
        Member::Group(id) => (None, Some(id)),
    };
    let inserted = sqlx::query(
        "insert into platform_auth.group_member (tenant_id, id, group_id, member_subject_id, member_group_id, added_at)
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(tx.tenant())
    .bind(membership.id)
    .bind(membership.group)
    .bind(user)
    .bind(group)
    .bind(membership.added_at)
    .execute(&mut *tx)
    .await;
    match inserted.map_err(DbError::from) {
        Ok(_) => Ok(()),
        Err(error) => match error.constraint() {
            Some("group_member_subject_key" | "group_member_group_key") => Err(AuthzError::AlreadyMember),
            _ => Err(error.into()),
        },
    }
}
