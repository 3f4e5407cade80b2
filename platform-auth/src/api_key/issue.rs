//! Making keys, and exchanging them.

use std::time::Duration;

use platform_core::pg::TenantTx;
use platform_core::{
    Authority, OwnedResource, Permission, PrincipalId, PrincipalKind, RequestContext, TenantId, Timestamp,
    Window,
};

use super::check::{self, Checked};
use super::stored::{self, Successor};
use super::{
    ALL_SCOPES, ApiKey, ApiKeyError, ApiKeyId, ApiKeyOwner, ApiKeyRotation, ApiKeyToken, InvalidApiKey,
    IssuedApiKey, NewApiKey, trail,
};
use crate::auth::Inner;
use crate::{ApiKeyConfig, Auth, Fault, SERVICE_PRINCIPALS_MANAGE, SessionId, session};

/// How long keys that work no longer are kept at least.
const KEPT_FOR: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// How many keys of an owner are kept for each that may work.
const KEPT_OF_EACH: u32 = 10;

/// Whose keys are made, and what they may be given.
struct Maker {
    owner: PrincipalId,
    is_service: bool,
    /// What the caller may do now; `None` for a job of the service, which may give everything.
    authority: Option<Authority>,
}

impl Auth {
    /// Makes a key. Nobody makes one with scopes beyond what they hold: for a key of one's own each scope is held now, in the whole tenant,
    /// on one of the key's resources or, where it names none, on anything; whatever the key may do later its owner may do then. For a
    /// service principal's key the service principal holds each scope, and the caller does as widely as the key reaches and for as long
    /// as it works. The user in whose name a key is made is told by mail, where mail is sent.
    ///
    /// # Errors
    /// [`ApiKeyError::SessionRequired`] without a session, [`ApiKeyError::StepUpRequired`] in one in which nobody has proved for five minutes
    /// who it is, [`ApiKeyError::SecondFactorRequired`] and [`ApiKeyError::EmailUnverified`]; [`ApiKeyError::Exceeds`] and [`ApiKeyError::NotOfService`] name a scope; and the
    /// others of [`ApiKeyError`]. For a service principal it needs [`SERVICE_PRINCIPALS_MANAGE`].
    pub async fn create_api_key(
        &self,
        ctx: &RequestContext,
        owner: ApiKeyOwner,
        new: NewApiKey,
    ) -> Result<IssuedApiKey, ApiKeyError> {
        let inner = &*self.inner;
        let owner = may_make(ctx, owner)?;
        let now = inner.sources.now();
        let config = inner.api_key_config(ctx.tenant()).await?;
        let checked = new.checked(config, now)?;
        let permissions = inner.scopes(&checked.scopes)?;
        let told = inner.to_tell(ctx, owner).await?;
        let mut tx = inner.db.begin(ctx).await?;
        let maker = inner.maker(&mut tx, ctx, owner, now).await?;
        if !maker.is_service {
            maker.may_take(&permissions, checked.resources.as_deref(), now)?;
        } else if checked.scopes.iter().any(|name| name == ALL_SCOPES) {
            return Err(InvalidApiKey::AllScopes.into());
        } else {
            let (on, window) = (checked.resources.as_deref(), checked.window(now));
            inner
                .may_give(&mut tx, &maker, (&permissions, on), (window, now))
                .await?;
        }
        let forgotten = inner.make_room(&mut tx, &maker, now).await?;
        let token = ApiKeyToken::generate(ctx.tenant(), &inner.sources);
        let key = made(ApiKeyId::generate(&inner.sources), &maker, checked, (now, ctx));
        stored::insert(&mut tx, &key, &token).await?;
        let event = trail::made(&key, forgotten);
        inner.audit.record(&mut tx, ctx, event).await?;
        inner.tell(&mut tx, ctx, told.as_ref()).await?;
        tx.commit().await?;
        Ok(IssuedApiKey { token, key })
    }

    /// Puts another key in the place of one that works: with the same name, scopes, resources and addresses. The old one works on for the
    /// overlap. A key has one successor, whoever asks how often and at the same time. The user whose key it is is told by mail.
    ///
    /// # Errors
    /// [`ApiKeyError::NotLive`] and [`ApiKeyError::AlreadyRotated`], and the others of [`create_api_key`](Self::create_api_key): the new key
    /// of a service principal is given by who asks for it.
    pub async fn rotate_api_key(
        &self,
        ctx: &RequestContext,
        owner: ApiKeyOwner,
        id: ApiKeyId,
        rotation: ApiKeyRotation,
    ) -> Result<IssuedApiKey, ApiKeyError> {
        let inner = &*self.inner;
        let owner = may_make(ctx, owner)?;
        let now = inner.sources.now();
        let config = inner.api_key_config(ctx.tenant()).await?;
        let (old_expires_at, expires_at) = rotation.checked(config, now)?;
        let told = inner.to_tell(ctx, owner).await?;
        let mut tx = inner.db.begin(ctx).await?;
        let maker = inner.maker(&mut tx, ctx, owner, now).await?;
        let token = ApiKeyToken::generate(ctx.tenant(), &inner.sources);
        let forgotten = inner.make_room_for_all(&mut tx, &maker, now).await?;
        let successor = Successor {
            id: ApiKeyId::generate(&inner.sources),
            token: &token,
            by: ctx.principal().id(),
            old_expires_at,
            expires_at,
            latest: check::latest_expiry(config, now),
        };
        let key = stored::rotate(&mut tx, (maker.owner, id), &successor, now).await?;
        let Some(key) = key else {
            return Err(why_not(&mut tx, maker.owner, id).await?);
        };
        if maker.is_service {
            let permissions = inner.known_scopes(&key.scopes);
            let window = check::window(None, key.expires_at, now);
            let what = (&*permissions, key.resources.as_deref());
            inner.may_give(&mut tx, &maker, what, (window, now)).await?;
        }
        // For as long as both work there are two, and what was made is among them.
        let (live, _) = stored::count(&mut tx, maker.owner, now).await?;
        if live > i64::from(config.per_owner_max) {
            return Err(ApiKeyError::TooMany {
                max: config.per_owner_max,
            });
        }
        let event = trail::rotated(id, &key, (rotation.overlap, forgotten));
        inner.audit.record(&mut tx, ctx, event).await?;
        inner.tell(&mut tx, ctx, told.as_ref()).await?;
        // The old one ends sooner, perhaps at once.
        inner.has_changed(&mut tx, key.owner).await?;
        tx.commit().await?;
        Ok(IssuedApiKey { token, key })
    }
}

impl Inner {
    /// What the service says of keys, and of how long they last what the tenant says where that is less.
    async fn api_key_config(&self, tenant: TenantId) -> Result<ApiKeyConfig, Fault> {
        let (service, policy) = (self.config.api_keys, self.tenant_policy(tenant).await?);
        let lifetime_max = policy.api_key_lifetime_max.unwrap_or(service.lifetime_max);
        Ok(ApiKeyConfig {
            lifetime_max: lifetime_max.min(service.lifetime_max),
            ..service
        })
    }
}

/// Whose keys are to be made, by somebody who may.
fn may_make(ctx: &RequestContext, owner: ApiKeyOwner) -> Result<(PrincipalId, bool), ApiKeyError> {
    match owner {
        ApiKeyOwner::Caller => Ok((lately(ctx)?, false)),
        ApiKeyOwner::Service(id) => {
            ctx.require(SERVICE_PRINCIPALS_MANAGE)?;
            // A key that makes keys would outlive itself. A job of the service is in no session.
            match ctx.principal().kind() {
                PrincipalKind::System => Ok((id, true)),
                _ => lately(ctx).map(|_| (id, true)),
            }
        }
    }
}

/// How long ago at most whoever makes a key has proved who it is (ASVS 5.0, 7.5.1): a key outlives the session, and what is stolen with a
/// session is not to become one.
const RECENT: Duration = Duration::from_secs(5 * 60);

/// The user who calls, in a session.
pub(super) fn in_session(ctx: &RequestContext) -> Result<PrincipalId, ApiKeyError> {
    let is_user = ctx.principal().kind() == PrincipalKind::User && ctx.session().is_some();
    let id = ctx.principal().id().filter(|_| is_user);
    id.ok_or(ApiKeyError::SessionRequired)
}

/// The same, who has proved lately who it is.
fn lately(ctx: &RequestContext) -> Result<PrincipalId, ApiKeyError> {
    let user = in_session(ctx)?;
    ctx.require_recent(RECENT)?;
    Ok(user)
}

fn made(id: ApiKeyId, maker: &Maker, checked: Checked, (now, ctx): (Timestamp, &RequestContext)) -> ApiKey {
    ApiKey {
        id,
        owner: maker.owner,
        of_service: maker.is_service,
        name: checked.name,
        scopes: checked.scopes,
        resources: checked.resources,
        addresses: checked.addresses,
        created_at: now,
        created_by: ctx.principal().id(),
        not_before: checked.not_before,
        expires_at: checked.expires_at,
        rotated_from: None,
        rotated_at: None,
        revoked_at: None,
        revoked_by: None,
        last_used_at: None,
    }
}

/// Why a key was not exchanged.
async fn why_not(tx: &mut TenantTx, owner: PrincipalId, id: ApiKeyId) -> Result<ApiKeyError, ApiKeyError> {
    let tenant = tx.tenant();
    let key = stored::by_id(&mut *tx, (tenant, Some(owner)), id).await?;
    Ok(match key {
        None => ApiKeyError::NotFound,
        Some(key) if key.revoked_at.is_none() && key.rotated_at.is_some() => ApiKeyError::AlreadyRotated,
        Some(_) => ApiKeyError::NotLive,
    })
}

impl Inner {
    /// The caller and the owner, neither of whom changes until the transaction ends.
    async fn maker(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        (owner, is_service): (PrincipalId, bool),
        now: Timestamp,
    ) -> Result<Maker, ApiKeyError> {
        // In this order, which is that of whoever changes who may do what: first the tenant's rights, then the owner, then the caller.
        stored::hold_version(tx).await?;
        let found = stored::lock_owner(tx, owner).await?;
        let kind = if is_service { "service" } else { "human" };
        let found = found.filter(|found| found.kind == kind);
        let found = found.ok_or(ApiKeyError::NotFound)?;
        if !found.is_active() {
            return Err(ApiKeyError::OwnerDisabled);
        }
        let authority = match ctx.principal().kind() {
            PrincipalKind::System => None,
            _ => Some(self.authority_now(tx, ctx, now).await?),
        };
        let may_manage = |authority: &Authority| !is_service || authority.holds(SERVICE_PRINCIPALS_MANAGE);
        if !authority.as_ref().is_none_or(may_manage) {
            return Err(platform_core::Forbidden::new(SERVICE_PRINCIPALS_MANAGE).into());
        }
        // A key lives on after the session: whoever was signed out a moment ago leaves none behind.
        if let (Some(caller), Some(session)) = (ctx.principal().id(), ctx.session()) {
            let proved = session::proved(tx, caller, SessionId::from_stored(session)).await?;
            let proved = proved.ok_or(ApiKeyError::SessionRequired)?;
            // Nor does a key do what its maker's session may not.
            let above = self.required_in(tx).await?;
            let lets = |authority: &Authority| proved.is_strong || proved.rule(&above).lets(authority);
            if !authority.as_ref().is_none_or(lets) {
                return Err(ApiKeyError::SecondFactorRequired);
            }
            // Whoever registered somebody else's address would keep a way in.
            if !is_service && self.config.mail.is_some() && !proved.is_verified {
                return Err(ApiKeyError::EmailUnverified);
            }
        }
        Ok(Maker {
            owner,
            is_service,
            authority,
        })
    }

    /// Refuses an owner who has as many keys as there can be; says how many were forgotten first.
    async fn make_room(&self, tx: &mut TenantTx, maker: &Maker, now: Timestamp) -> Result<u64, ApiKeyError> {
        let forgotten = self.make_room_for_all(tx, maker, now).await?;
        let max = self.config.api_keys.per_owner_max;
        let (live, _) = stored::count(tx, maker.owner, now).await?;
        match live < i64::from(max) {
            true => Ok(forgotten),
            false => Err(ApiKeyError::TooMany { max }),
        }
    }

    /// The same for those that work no longer as well, which stay a while to be looked at.
    async fn make_room_for_all(
        &self,
        tx: &mut TenantTx,
        maker: &Maker,
        now: Timestamp,
    ) -> Result<u64, ApiKeyError> {
        let max = self.config.api_keys.per_owner_max.saturating_mul(KEPT_OF_EACH);
        let forgotten = stored::forget(tx, maker.owner, now - KEPT_FOR).await?;
        let (_, all) = stored::count(tx, maker.owner, now).await?;
        match all < i64::from(max) {
            true => Ok(forgotten),
            false => Err(ApiKeyError::TooMany { max }),
        }
    }

    /// Refuses to give a service principal's key what the service principal does not hold, or what the caller does not hold as widely and
    /// as long.
    async fn may_give(
        &self,
        tx: &mut TenantTx,
        maker: &Maker,
        (permissions, resources): (&[Permission], Option<&[OwnedResource]>),
        (window, now): (Window, Timestamp),
    ) -> Result<(), ApiKeyError> {
        let tenant = tx.tenant();
        let granted = self.granted_now(&mut *tx, tenant, maker.owner, now).await?;
        let service = Authority::default().with(granted, now);
        for permission in permissions {
            if !holds_some(&service, *permission, resources, now) {
                return Err(ApiKeyError::NotOfService(*permission));
            }
            let covers = |authority: &Authority| match resources {
                None => authority.covers(*permission, None, window),
                Some(on) => on
                    .iter()
                    .all(|on| authority.covers(*permission, Some(on), window)),
            };
            if !maker.authority.as_ref().is_none_or(covers) {
                return Err(ApiKeyError::Exceeds(*permission));
            }
        }
        Ok(())
    }

    /// The permissions of these names; none for the word that stands for all of them.
    fn scopes(&self, names: &[String]) -> Result<Vec<Permission>, ApiKeyError> {
        let catalogue = self.catalogue();
        let listed = names.iter().filter(|name| *name != ALL_SCOPES);
        let known = listed.map(|name| match catalogue.get(name) {
            Some(info) => Ok(info.permission()),
            None => Err(ApiKeyError::UnknownPermission(name.clone())),
        });
        known.collect()
    }

    /// Those of them that some module still declares.
    fn known_scopes(&self, names: &[String]) -> Vec<Permission> {
        let catalogue = self.catalogue();
        let known = names.iter().filter_map(|name| catalogue.get(name));
        known.map(|info| info.permission()).collect()
    }
}

impl Maker {
    /// Refuses to take for oneself what one does not hold.
    fn may_take(
        &self,
        permissions: &[Permission],
        resources: Option<&[OwnedResource]>,
        now: Timestamp,
    ) -> Result<(), ApiKeyError> {
        let Some(authority) = &self.authority else {
            return Ok(());
        };
        let lacks = |permission: &&Permission| !holds_some(authority, **permission, resources, now);
        match permissions.iter().find(lacks) {
            Some(permission) => Err(ApiKeyError::Exceeds(*permission)),
            None => Ok(()),
        }
    }
}

/// Is the permission held now on one of the resources or, without any, somewhere?
fn holds_some(
    authority: &Authority,
    permission: Permission,
    resources: Option<&[OwnedResource]>,
    now: Timestamp,
) -> bool {
    let instant = Window::new(Some(now), Some(now + Duration::from_micros(1))).unwrap_or_default();
    match resources {
        None => authority.holds_somewhere(permission, now),
        Some(on) => on
            .iter()
            .any(|on| authority.covers(permission, Some(on), instant)),
    }
}
