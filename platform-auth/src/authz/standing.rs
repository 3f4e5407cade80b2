//! Whether a user may sign in.

use platform_audit::{Action, Activity, Event, Outcome, Severity};
use platform_core::pg::{DbError, TenantTx};
use platform_core::{PrincipalId, RequestContext};
use serde_json::json;

use super::change::Change;
use crate::session::EndReason;
use crate::{Auth, AuthzError, TENANT_ADMIN, UserStatus, erasure, one_time, second_factor};

const DISABLED: Action = Action::new("auth.user_disable");
const ENABLED: Action = Action::new("auth.user_enable");

/// Whether a user may sign in, and what came of saying so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Who.
    pub user: PrincipalId,
    /// What holds now.
    pub status: UserStatus,
    /// How many sessions ended.
    pub sessions_ended: u64,
}

impl Auth {
    /// Disables a user: nobody signs in as the user any more, and in the same transaction every session ends, and no
    /// reset of the password and no sign-in that waits for a code goes on. What was granted stays, for the day on which the user is [enabled](Self::enable_user) again. Disabling somebody who
    /// is disabled already changes nothing.
    ///
    /// # Errors
    /// [`AuthzError::Forbidden`] without [`TENANT_ADMIN`], [`AuthzError::NotFound`], and [`AuthzError::LastAdmin`] when nobody would be
    /// left who administers the tenant.
    pub async fn disable_user(
        &self,
        ctx: &RequestContext,
        user: PrincipalId,
    ) -> Result<Standing, AuthzError> {
        let mut change = Change::begin(self, ctx, TENANT_ADMIN).await?;
        let now = change.now;
        let before = known(&mut change.tx, user).await?;
        // Whoever signs in at this moment holds the credential: that session is there by now and ends, or will not be opened.
        second_factor::lock_credential(&mut change.tx, user).await?;
        if before == UserStatus::Disabled {
            change.tx.rollback().await?;
            return Ok(Standing::unchanged(user, before));
        }
        let admins = change.admins().await?;
        set_status(&mut change.tx, user, UserStatus::Disabled).await?;
        let sessions = &change.inner().sessions;
        let sessions_ended = sessions
            .end_others(&mut change.tx, user, None, EndReason::UserDisabled, now)
            .await?;
        one_time::void_all(&mut change.tx, user, now).await?;
        let event = event(DISABLED, user).detail(json!({ "sessions_ended": sessions_ended }));
        change.commit_taking(admins, event).await?;
        Ok(Standing {
            user,
            status: UserStatus::Disabled,
            sessions_ended,
        })
    }

    /// Lets a user sign in again who was disabled. Enabling somebody who is not disabled changes nothing.
    ///
    /// # Errors
    /// [`AuthzError::Forbidden`] without [`TENANT_ADMIN`]; [`AuthzError::NotFound`], also for a user who was erased.
    pub async fn enable_user(&self, ctx: &RequestContext, user: PrincipalId) -> Result<Standing, AuthzError> {
        let mut change = Change::begin(self, ctx, TENANT_ADMIN).await?;
        let before = known(&mut change.tx, user).await?;
        if before == UserStatus::Active {
            change.tx.rollback().await?;
            return Ok(Standing::unchanged(user, before));
        }
        set_status(&mut change.tx, user, UserStatus::Active).await?;
        change.commit(event(ENABLED, user)).await?;
        Ok(Standing::unchanged(user, UserStatus::Active))
    }
}

impl Standing {
    fn unchanged(user: PrincipalId, status: UserStatus) -> Self {
        Self {
            user,
            status,
            sessions_ended: 0,
        }
    }
}

/// The status of a user who has not been erased, locked. A service principal is no user: it has routes of its own, which take more.
async fn known(tx: &mut TenantTx, user: PrincipalId) -> Result<UserStatus, AuthzError> {
    if !erasure::lock(tx, user).await? {
        return Err(AuthzError::NotFound);
    }
    let status: Option<String> = sqlx::query_scalar(
        "select status from platform_auth.subject
         where tenant_id = $1 and id = $2 and kind = 'human' and erased_at is null",
    )
    .bind(tx.tenant())
    .bind(user)
    .fetch_optional(&mut *tx)
    .await
    .map_err(DbError::from)?;
    let status = status.ok_or(AuthzError::NotFound)?;
    Ok(UserStatus::of_stored(&status))
}

async fn set_status(tx: &mut TenantTx, user: PrincipalId, status: UserStatus) -> Result<(), DbError> {
    sqlx::query(
        "update platform_auth.subject set status = $3
         where tenant_id = $1 and id = $2 and kind = 'human' and erased_at is null",
    )
    .bind(tx.tenant())
    .bind(user)
    .bind(status.as_str())
    .execute(&mut *tx)
    .await?;
    Ok(())
}

fn event(action: Action, user: PrincipalId) -> Event {
    Event::new(action, Outcome::Success)
        .activity(Activity::Update)
        .severity(Severity::High)
        .target("user", user.to_string())
}
