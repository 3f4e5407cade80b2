//! What a session has proved, where that decides what follows from it.

use platform_core::pg::{DbError, TenantTx};
use platform_core::{PrincipalId, Timestamp};

use crate::tenant_policy::Required;
use crate::{SecondFactorRule, SessionId};

/// What a live session has proved, and what the tenant asks for. Nobody ends the session until the transaction does.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Proved {
    /// Was there more than a password?
    pub(crate) is_strong: bool,
    rule: Option<String>,
    /// Has anybody shown that the mail of the user's address is read?
    pub(crate) is_verified: bool,
    /// Has the user a passkey to prove more with?
    has_passkey: bool,
}

impl Proved {
    /// Whose sessions the tenant, or one above, asks for more.
    pub(crate) fn rule(&self, above: &Required) -> SecondFactorRule {
        SecondFactorRule::of_stored(self.rule.as_deref()).max(above.second_factor())
    }

    /// May another factor be set up, or one be taken away? Where the tenant asks for a second factor, who knows the password alone sets
    /// up the first one, and none beside a passkey that the user has.
    pub(crate) fn may_change_factors(&self, above: &Required) -> bool {
        self.is_strong || !self.has_passkey || self.rule(above) == SecondFactorRule::Optional
    }
}

/// `None` when it is no live session of the user.
pub(crate) async fn proved(
    tx: &mut TenantTx,
    user: PrincipalId,
    session: SessionId,
) -> Result<Option<Proved>, DbError> {
    let proved = sqlx::query_as(
        "select cardinality(s.amr) > 1 as is_strong,
                (select p.second_factor from platform_auth.tenant_policy p where p.tenant_id = s.tenant_id) as rule,
                exists (
                  select from platform_auth.subject u
                  where u.tenant_id = s.tenant_id and u.id = s.subject_id and u.email_verified_at is not null
                ) as is_verified,
                exists (
                  select from platform_auth.webauthn_credential w
                  where w.tenant_id = s.tenant_id and w.subject_id = s.subject_id and w.disabled_at is null
                ) as has_passkey
         from platform_auth.session s
         where s.tenant_id = $1 and s.subject_id = $2 and s.id = $3 and s.ended_at is null
         for share of s",
    )
    .bind(tx.tenant())
    .bind(user)
    .bind(session)
    .fetch_optional(&mut *tx)
    .await?;
    Ok(proved)
}

/// Has a session that goes on from another one end when that would have, and says when: what was proved a while ago and is not proved
/// anew does not last longer for it.
pub(crate) async fn cap(
    tx: &mut TenantTx,
    session: SessionId,
    before: SessionId,
) -> Result<Timestamp, DbError> {
    let ends = sqlx::query_scalar(
        "update platform_auth.session s
         set expires_at = least(s.expires_at, b.expires_at), idle_expires_at = least(s.idle_expires_at, b.expires_at)
         from platform_auth.session b
         where s.tenant_id = $1 and s.id = $2 and b.tenant_id = $1 and b.id = $3
         returning s.expires_at",
    )
    .bind(tx.tenant())
    .bind(session)
    .bind(before)
    .fetch_one(&mut *tx)
    .await?;
    Ok(ends)
}
