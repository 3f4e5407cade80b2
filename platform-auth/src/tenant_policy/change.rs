//! Seeing and changing what a tenant asks of its users, and looking it up where it takes effect.

use std::sync::Arc;

use platform_audit::{Changes, Event};
use platform_core::pg::{TenantTx, TxEnd};
use platform_core::{Authority, RequestContext, TenantId};
use platform_crypto::{SUBJECTS_ERASE, SUBJECTS_HOLD};

use super::{
    POLICY_MANAGE, PolicyError, PolicySettings, SecondFactorRule, StoredPolicy, TenantPolicy, stored,
};
use crate::auth::Inner;
use crate::authz::OWN_PERMISSIONS;
use crate::{Auth, Fault, SessionConfig};

/// What a policy is called in the trail.
const POLICY: &str = "tenant_policy";

impl Auth {
    /// What the tenant has set, and what holds because of it.
    ///
    /// # Errors
    /// [`PolicyError::Forbidden`] without [`POLICY_MANAGE`].
    pub async fn policy(&self, ctx: &RequestContext) -> Result<(StoredPolicy, TenantPolicy), PolicyError> {
        ctx.require(POLICY_MANAGE)?;
        let inner = &*self.inner;
        let above = inner.required_of(ctx.tenant()).await?;
        let mut read = inner.db.read(ctx).await?;
        let tenant = read.tenant();
        let stored = stored::find(&mut read, tenant).await?;
        read.finish().await?;
        let effective = stored.effective(&inner.config, &above);
        Ok((stored, effective))
    }

    /// Sets what the tenant asks of its users, all of it at once. It holds on this instance as soon as it is committed, and on others
    /// within a second; a session that goes on keeps the end that it was given at the sign-in. Tenants below are asked for no less from then
    /// on, within the second for which a session is remembered ([`cache_age`](SessionConfig::cache_age)).
    ///
    /// # Errors
    /// [`PolicyError::Stale`] when it has changed since `version` was read, [`PolicyError::Invalid`] for what the service, or a tenant above,
    /// does not allow; it needs [`POLICY_MANAGE`].
    pub async fn set_policy(
        &self,
        ctx: &RequestContext,
        version: i64,
        settings: PolicySettings,
    ) -> Result<(StoredPolicy, TenantPolicy), PolicyError> {
        ctx.require(POLICY_MANAGE)?;
        let inner = &*self.inner;
        let above = inner.required_of(ctx.tenant()).await?;
        let floor = StoredPolicy::unset().effective(&inner.config, &above);
        let settings = settings.checked(&inner.config, &floor)?;
        let (by, now) = (ctx.principal().id(), inner.sources.now());
        let mut tx = inner.db.begin(ctx).await?;
        let tenant = tx.tenant();
        let before = stored::find(&mut tx, tenant).await?;
        if before.version != version {
            return Err(PolicyError::Stale {
                version: before.version,
            });
        }
        if !stored::replace(&mut tx, version, &settings, (by, now)).await? {
            let version = stored::find(&mut tx, tenant).await?.version;
            return Err(PolicyError::Stale { version });
        }
        let after = StoredPolicy {
            version: version + 1,
            settings,
            updated_at: Some(now),
            updated_by: by,
        };
        inner.audit.record(&mut tx, ctx, changed(&before, &after)).await?;
        // Whether a session that began with a password alone may do anything is remembered with it.
        inner.marks.mark_after(&mut tx, tenant.as_uuid());
        let forget = inner.policies.changed();
        tx.on_end(move |end| {
            if end != TxEnd::RolledBack {
                forget();
            }
        });
        tx.commit().await?;
        let effective = after.effective(&inner.config, &above);
        Ok((after, effective))
    }
}

impl Inner {
    /// What holds in a tenant, at most a second old. Call it with no transaction open: it may begin one.
    pub(crate) async fn tenant_policy(&self, tenant: TenantId) -> Result<Arc<TenantPolicy>, Fault> {
        let above = self.required_of(tenant).await?;
        let stored = self.stored_policy(tenant).await?;
        Ok(Arc::new(stored.effective(&self.config, &above)))
    }

    /// How long the sessions of the transaction's tenant last. Read in the transaction itself: one that held its connection while it
    /// waited for a second one would wait for others that do the same.
    pub(crate) async fn session_config(&self, tx: &mut TenantTx) -> Result<SessionConfig, Fault> {
        let (tenant, above) = (tx.tenant(), self.required_in(tx).await?);
        if let Some(policy) = self.policies.get(tenant, self.sources.now()) {
            return Ok(policy.effective(&self.config, &above).sessions);
        }
        let stored = stored::find(tx, tenant).await?;
        Ok(stored.effective(&self.config, &above).sessions)
    }
}

impl SecondFactorRule {
    /// What somebody may do who has proved who they are by so many methods, and what they would have too after a second factor.
    pub(crate) fn applied(self, authority: Authority, methods: usize) -> (Authority, Option<Authority>) {
        // Somebody has signed in, and may set the second factor up. Nothing else is allowed before.
        match methods > 1 || self.lets(&authority) {
            true => (authority, None),
            false => (Authority::default(), Some(authority)),
        }
    }

    /// May a session that began with a password alone do anything?
    pub(crate) fn lets(self, authority: &Authority) -> bool {
        match self {
            Self::Optional => true,
            Self::All => false,
            Self::Admins => !OWN_PERMISSIONS
                .iter()
                .map(|info| info.permission())
                // Those of platform-crypto that are checked here.
                .chain([SUBJECTS_ERASE, SUBJECTS_HOLD])
                .any(|permission| authority.holds(permission)),
        }
    }
}

/// The names are those of the settings, but for what the trail takes for a secret or for personal data by its name.
fn changed(before: &StoredPolicy, after: &StoredPolicy) -> Event {
    let (old, new) = (&before.settings, &after.settings);
    let seconds = |span: Option<std::time::Duration>| span.map(|span| span.as_secs());
    let mut changes = Changes::new().field("version", before.version, after.version);
    if old.session_idle != new.session_idle {
        changes = changes.field(
            "session_idle_s",
            seconds(old.session_idle),
            seconds(new.session_idle),
        );
    }
    if old.session_absolute != new.session_absolute {
        let (old, new) = (seconds(old.session_absolute), seconds(new.session_absolute));
        changes = changes.field("session_absolute_s", old, new);
    }
    if old.registration_open != new.registration_open {
        changes = changes.field("registration_open", old.registration_open, new.registration_open);
    }
    if old.verified_email != new.verified_email {
        changes = changes.field("verified_address", old.verified_email, new.verified_email);
    }
    if old.second_factor != new.second_factor {
        changes = changes.field("second_factor", old.second_factor, new.second_factor);
    }
    if old.password_chars_min != new.password_chars_min {
        changes = changes.field("chars_min", old.password_chars_min, new.password_chars_min);
    }
    if old.password_score_min != new.password_score_min {
        changes = changes.field("score_min", old.password_score_min, new.password_score_min);
    }
    if old.email_domains != new.email_domains {
        changes = changes.field("domains", &old.email_domains, &new.email_domains);
    }
    if old.api_key_lifetime_max != new.api_key_lifetime_max {
        let (old, new) = (
            seconds(old.api_key_lifetime_max),
            seconds(new.api_key_lifetime_max),
        );
        changes = changes.field("api_key_lifetime_s_max", old, new);
    }
    platform_audit::configuration_changed(POLICY, changes)
}
