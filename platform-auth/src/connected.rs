//! Whether those who hold a connection open may go on.

use platform_core::pg::DbError;
use platform_core::uuid::Uuid;
use platform_core::{PrincipalId, RequestContext, TenantId};

use crate::Auth;

/// Somebody who holds a connection open, and by what they have signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connected {
    /// Who it is.
    pub principal: PrincipalId,
    /// The session whose credential was shown.
    pub session: Option<Uuid>,
    /// The API key that was shown.
    pub api_key: Option<Uuid>,
}

/// The places of those whose tenant and account are active and whose session or key is neither over nor revoked. A session does not rest
/// while its connection is open: only its last instant counts.
const STAYING: &str = "
    select w.place
    from unnest($2::uuid[], $3::uuid[], $4::uuid[]) with ordinality as w (subject_id, session_id, key_id, place)
    join platform_core.tenant t on t.id = $1 and t.status = 'active'
    join platform_auth.subject u on u.tenant_id = $1 and u.id = w.subject_id and u.status = 'active'
    left join platform_auth.session s on s.tenant_id = $1 and s.id = w.session_id and s.subject_id = w.subject_id
    left join platform_auth.api_key k on k.tenant_id = $1 and k.id = w.key_id and k.subject_id = w.subject_id
    where (w.session_id is not null or w.key_id is not null)
      and (w.session_id is null or (s.ended_at is null and s.expires_at > $5))
      and (w.key_id is null or (k.revoked_at is null and k.expires_at > $5))";

impl Auth {
    /// Tells of each of these whether they may go on, by one statement: for connections that stay open long after a request was
    /// authenticated. Nothing is remembered; ask for many at once. Permissions are not looked at.
    ///
    /// # Errors
    /// [`DbError`]: nobody knows, and after a while nobody may stay.
    pub async fn who_may_stay(
        &self,
        tenant: TenantId,
        connected: &[Connected],
    ) -> Result<Vec<bool>, DbError> {
        let sources = &self.inner.sources;
        let ctx = RequestContext::system(tenant, "look whether sessions go on", sources);
        let mut read = self.inner.db.read(&ctx).await?;
        let column = |of: fn(&Connected) -> Option<Uuid>| connected.iter().map(of).collect::<Vec<_>>();
        let places: Vec<i64> = sqlx::query_scalar(STAYING)
            .bind(tenant)
            .bind(column(|connected| Some(connected.principal.as_uuid())))
            .bind(column(|connected| connected.session))
            .bind(column(|connected| connected.api_key))
            .bind(sources.now())
            .fetch_all(&mut read)
            .await?;
        let mut may_stay = vec![false; connected.len()];
        for place in places {
            let place = usize::try_from(place).ok().and_then(|place| place.checked_sub(1));
            if let Some(stays) = place.and_then(|place| may_stay.get_mut(place)) {
                *stays = true;
            }
        }
        Ok(may_stay)
    }
}
