//! Whether those who hold a connection open may go on, and with which permissions.

use std::collections::HashMap;

use platform_core::pg::{DbError, TenantRead};
use platform_core::uuid::Uuid;
use platform_core::{Authority, Granted, PermissionSet, PrincipalId, RequestContext, TenantId, Timestamp};
use serde_json::Value;

use crate::api_key::stored_limit;
use crate::auth::Inner;
use crate::{Auth, Fault, Role, SecondFactorRule};

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

/// Those whose tenant and account are active and whose session or key is neither over nor revoked, with what decides about their
/// permissions. A session does not rest while its connection is open: only its last instant counts.
const STAYING: &str = "
    select w.place, w.subject_id, u.role, s.amr, k.scopes, k.resources, p.second_factor, coalesce(a.version, 0) as version
    from unnest($2::uuid[], $3::uuid[], $4::uuid[]) with ordinality as w (subject_id, session_id, key_id, place)
    join platform_core.tenant t on t.id = $1 and t.status = 'active'
    join platform_auth.subject u on u.tenant_id = $1 and u.id = w.subject_id and u.status = 'active'
    left join platform_auth.session s on s.tenant_id = $1 and s.id = w.session_id and s.subject_id = w.subject_id
    left join platform_auth.api_key k on k.tenant_id = $1 and k.id = w.key_id and k.subject_id = w.subject_id
    left join platform_auth.authz_version a on a.tenant_id = $1
    left join platform_auth.tenant_policy p on p.tenant_id = $1
    where (w.session_id is not null or w.key_id is not null)
      and (w.session_id is null or (s.ended_at is null and s.expires_at > $5))
      and (w.key_id is null or (k.revoked_at is null and k.expires_at > $5 and coalesce(k.not_before, $5) <= $5))";

#[derive(sqlx::FromRow)]
struct Staying {
    place: i64,
    subject_id: PrincipalId,
    role: String,
    /// Of a session.
    amr: Option<Vec<String>>,
    /// Of a key.
    scopes: Option<Vec<String>>,
    resources: Option<Value>,
    second_factor: Option<String>,
    version: i64,
}

/// What was granted to those who stay, each looked up once; `None` when it is more than can be decided by.
type GrantedTo = HashMap<PrincipalId, Option<Granted>>;

impl Auth {
    /// Tells of each of these what they may do at this instant, for connections that stay open long after a request was authenticated;
    /// `None` for those who may not go on. Ask for many at once: it is one statement, and one more for each principal of a tenant in
    /// which it has changed since the last time who may do what.
    ///
    /// The tenant, the account, the session or key, roles, grants and their windows, and the rules about the second factor are those of
    /// this instant, as for a request. From which address a key is good was decided when the connection was opened.
    ///
    /// # Errors
    /// [`Fault`]: nobody knows, and after a while nobody may stay.
    pub async fn who_may_stay(
        &self,
        tenant: TenantId,
        connected: &[Connected],
    ) -> Result<Vec<Option<Authority>>, Fault> {
        let inner = &*self.inner;
        // Before the read: it asks in transactions of its own where it is not remembered.
        let above = Box::pin(inner.required_of(tenant)).await?.second_factor();
        let ctx = RequestContext::system(tenant, "look whether sessions go on", &inner.sources);
        let now = inner.sources.now();
        let mut read = inner.db.read(&ctx).await?;
        let staying = staying(&mut read, tenant, (connected, now)).await?;
        let granted = inner.granted_to(&mut read, (tenant, now), &staying).await?;
        drop(read);

        let mut standing = vec![None; connected.len()];
        for one in &staying {
            let Some(Some(granted)) = granted.get(&one.subject_id) else {
                continue;
            };
            let authority = inner.limited(tenant, one)?.with(granted.clone(), now);
            if let Some(place) = one.place().and_then(|place| standing.get_mut(place)) {
                *place = Some(one.proved(authority, above));
            }
        }
        Ok(standing)
    }
}

impl Inner {
    /// What was granted to those who stay: what is known of the version that the tenant has, or one question for each.
    async fn granted_to(
        &self,
        read: &mut TenantRead,
        (tenant, now): (TenantId, Timestamp),
        staying: &[Staying],
    ) -> Result<GrantedTo, Fault> {
        let mut granted = GrantedTo::new();
        for one in staying {
            if granted.contains_key(&one.subject_id) {
                continue;
            }
            let of_one = match self.authorities.get(tenant, one.subject_id, one.version) {
                // Nothing has ever been granted in the tenant.
                _ if one.version == 0 => Some(Granted::default()),
                Some(known) => known.granted,
                None => {
                    let compiled = self.compile(&mut *read, tenant, one.subject_id, now).await?;
                    self.authorities.put(tenant, one.subject_id, compiled.clone());
                    compiled.granted
                }
            };
            granted.insert(one.subject_id, of_one);
        }
        Ok(granted)
    }

    /// What the role of somebody allows, as far as the key that was shown leaves it.
    fn limited(&self, tenant: TenantId, one: &Staying) -> Result<Authority, DbError> {
        let role = one.role.parse::<Role>();
        let always = role.map_or_else(
            // That of a service gives nothing.
            |_| PermissionSet::default(),
            |role| self.role_permissions(tenant, role),
        );
        let authority = Authority::new(always);
        Ok(match &one.scopes {
            Some(scopes) => authority.limited_to(&stored_limit(self, scopes, one.resources.as_ref())?),
            None => authority,
        })
    }
}

impl Staying {
    /// Where it stands among those who were asked about.
    fn place(&self) -> Option<usize> {
        usize::try_from(self.place).ok()?.checked_sub(1)
    }

    /// What is left of an authority where the tenant, or one above it, asks sessions for a second factor.
    fn proved(&self, authority: Authority, above: SecondFactorRule) -> Authority {
        let Some(methods) = &self.amr else {
            return authority;
        };
        let rule = SecondFactorRule::of_stored(self.second_factor.as_deref()).max(above);
        rule.applied(authority, methods.len()).0
    }
}

async fn staying(
    read: &mut TenantRead,
    tenant: TenantId,
    (connected, now): (&[Connected], Timestamp),
) -> Result<Vec<Staying>, DbError> {
    let column = |of: fn(&Connected) -> Option<Uuid>| connected.iter().map(of).collect::<Vec<_>>();
    let staying = sqlx::query_as(STAYING)
        .bind(tenant)
        .bind(column(|connected| Some(connected.principal.as_uuid())))
        .bind(column(|connected| connected.session))
        .bind(column(|connected| connected.api_key))
        .bind(now)
        .fetch_all(read)
        .await?;
    Ok(staying)
}
