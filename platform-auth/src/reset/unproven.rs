//! What somebody may have set up with whom nobody knew whether the address was theirs.

use platform_core::PrincipalId;
use platform_core::pg::{DbError, TenantTx};

use crate::api_key;

/// Takes passkeys and API keys of a user away, and says how many of each there were: whoever made them has not shown to be the owner of
/// the address, and would keep a way in.
pub(super) async fn clear(tx: &mut TenantTx, user: PrincipalId) -> Result<[(&'static str, u64); 2], DbError> {
    let passkeys =
        sqlx::query("delete from platform_auth.webauthn_credential where tenant_id = $1 and subject_id = $2")
            .bind(tx.tenant())
            .bind(user)
            .execute(&mut *tx)
            .await?;
    let keys = api_key::forget_all(tx, user).await?;
    Ok([("passkey", passkeys.rows_affected()), ("api_key", keys)])
}
