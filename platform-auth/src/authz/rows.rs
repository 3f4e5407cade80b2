//! Small reads that several changes share.

use platform_core::PrincipalId;
use platform_core::pg::{DbError, TenantTx};

use crate::authz::{GroupId, RoleId};
use crate::{AuthzError, GrantPrincipal, RoleRef, UserStatus};

/// A user or a service principal as far as grants are concerned. Erased and deleted ones are none.
#[derive(sqlx::FromRow)]
pub(super) struct Subject {
    pub(super) role: String,
    kind: String,
    status: String,
}

impl Subject {
    pub(super) fn is_active(&self) -> bool {
        UserStatus::of_stored(&self.status) == UserStatus::Active
    }
}

/// The user or service principal, who can be neither disabled nor erased until the transaction ends.
pub(super) async fn subject(tx: &mut TenantTx, id: PrincipalId) -> Result<Option<Subject>, DbError> {
    let found = sqlx::query_as(
        "select role, kind, status from platform_auth.subject
         where tenant_id = $1 and id = $2 and erased_at is null and deleted_at is null
         for share",
    )
    .bind(tx.tenant())
    .bind(id)
    .fetch_optional(&mut *tx)
    .await?;
    Ok(found)
}

pub(super) async fn has_role(tx: &mut TenantTx, id: RoleId) -> Result<bool, DbError> {
    let exists = sqlx::query_scalar(
        "select exists (select from platform_auth.role where tenant_id = $1 and id = $2 and deleted_at is null)",
    )
    .bind(tx.tenant())
    .bind(id)
    .fetch_one(&mut *tx)
    .await?;
    Ok(exists)
}

pub(super) async fn has_group(tx: &mut TenantTx, id: GroupId) -> Result<bool, DbError> {
    let exists = sqlx::query_scalar(
        "select exists (select from platform_auth.principal_group where tenant_id = $1 and id = $2 and deleted_at is null)",
    )
    .bind(tx.tenant())
    .bind(id)
    .fetch_one(&mut *tx)
    .await?;
    Ok(exists)
}

/// Somebody to whom something can be given.
pub(super) async fn known_principal(tx: &mut TenantTx, principal: GrantPrincipal) -> Result<(), AuthzError> {
    let is_known = match principal {
        GrantPrincipal::User(id) => is_active(tx, id, "human").await?,
        GrantPrincipal::Service(id) => is_active(tx, id, "service").await?,
        GrantPrincipal::Group(id) => has_group(tx, id).await?,
    };
    match is_known {
        true => Ok(()),
        false => Err(AuthzError::UnknownPrincipal(principal)),
    }
}

/// Whether there is one of this kind, who is not disabled.
async fn is_active(tx: &mut TenantTx, id: PrincipalId, kind: &str) -> Result<bool, AuthzError> {
    match subject(tx, id).await?.filter(|subject| subject.kind == kind) {
        Some(subject) if !subject.is_active() => Err(AuthzError::PrincipalDisabled),
        subject => Ok(subject.is_some()),
    }
}

/// A role that can be granted.
pub(super) async fn known_role(tx: &mut TenantTx, role: RoleRef) -> Result<(), AuthzError> {
    let is_known = match role {
        RoleRef::BuiltIn(_) => true,
        RoleRef::Custom(id) => has_role(tx, id).await?,
    };
    match is_known {
        true => Ok(()),
        false => Err(AuthzError::UnknownRole(role)),
    }
}
