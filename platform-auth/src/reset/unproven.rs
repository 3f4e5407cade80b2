//! What somebody may have set up with whom nobody knew whether the address was theirs.

use platform_core::pg::{DbError, TenantTx};
use platform_core::{PrincipalId, RequestContext, Timestamp};

use super::verified;
use crate::auth::Inner;
use crate::{Fault, second_factor, trail};

impl Inner {
    /// Notes that somebody has shown who chooses the password of the account anew that the mail of its address is read; says whether that
    /// is new. If so, second factor, passkeys and API keys go, which whoever did not show it has set up.
    pub(crate) async fn proven(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        user: PrincipalId,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        if !verified(tx, user, now).await? {
            return Ok(false);
        }
        let mut events = vec![trail::email_verified(user)];
        let gone = |kind| trail::credential_changed(user, kind, "unproven", 0);
        if second_factor::give_up(tx, user).await? {
            events.push(gone("totp"));
        }
        self.has_changed(tx, user).await?;
        let cleared = clear(tx, user).await?;
        events.extend(
            cleared
                .into_iter()
                .filter(|(_, count)| *count > 0)
                .map(|(kind, _)| gone(kind)),
        );
        self.audit.record_all(tx, ctx, events).await?;
        Ok(true)
    }
}

use crate::api_key;

/// Takes passkeys and API keys of a user away, and says how many of each there were: whoever made them has not shown to be the owner of
/// the address, and would keep a way in.
async fn clear(tx: &mut TenantTx, user: PrincipalId) -> Result<[(&'static str, u64); 2], DbError> {
    let passkeys =
        sqlx::query("delete from platform_auth.webauthn_credential where tenant_id = $1 and subject_id = $2")
            .bind(tx.tenant())
            .bind(user)
            .execute(&mut *tx)
            .await?;
    let keys = api_key::forget_all(tx, user).await?;
    Ok([("passkey", passkeys.rows_affected()), ("api_key", keys)])
}
