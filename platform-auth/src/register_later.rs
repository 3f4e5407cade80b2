//! Registering where addresses have to be verified first: without telling who has one.

use std::sync::Arc;

use platform_core::RequestContext;
use platform_core::pg::Tenant;

use crate::auth::Inner;
use crate::register::Checked;
use crate::throttle::AccountKey;
use crate::trail::Wanted;
use crate::{Auth, Fault, HashError, RegisterError, Registered, TenantPolicy};

impl Inner {
    /// Counts a registration from the start, before anything is judged, hashed or stored for it.
    pub(crate) async fn count_registration(&self, ctx: &RequestContext) -> Result<(), RegisterError> {
        let (tenant, address) = (AccountKey::of_tenant(ctx.tenant()), ctx.meta().source_address);
        let (now, wait_max) = (self.sources.now(), self.config.passwords.wait_max);
        let registrations = &self.requests.registrations;
        // Dropped it counts, whatever becomes of the registration.
        drop(registrations.begin(tenant, address, now, wait_max).await?);
        Ok(())
    }
}

impl Auth {
    /// Answers a registration, and works on it afterwards.
    ///
    /// What is done before the answer does not depend on who has the address: the mail to it is counted, which a throttle would otherwise
    /// tell, and the password is hashed, so that whoever has to come back because too many do that is told now.
    pub(crate) async fn register_later(
        &self,
        ctx: &RequestContext,
        checked: Checked,
        tenant: Tenant,
        policy: Arc<TenantPolicy>,
    ) -> Result<Registered, RegisterError> {
        let inner = &self.inner;
        let account = AccountKey::of_mail(ctx.tenant(), &checked.email, "register");
        let (now, wait_max) = (inner.sources.now(), inner.config.passwords.wait_max);
        drop(
            inner
                .requests
                .throttle
                .begin(account, None, now, wait_max)
                .await?,
        );
        let phc = inner.hasher.hash(checked.password.clone()).await?;
        let Ok(place) = Arc::clone(&inner.requests.free).try_acquire_owned() else {
            return Err(HashError::busy().into());
        };
        let ctx = ctx.clone();
        self.later(place, ctx.tenant(), move |inner| async move {
            inner
                .settle_registration(&ctx, (&checked, &phc), &tenant, &policy)
                .await
        });
        Ok(Registered::VerificationRequired)
    }
}

impl Inner {
    /// Makes the user, or tells by mail whoever reads that of the address: an owner that there is an account, and who has not verified the
    /// address yet how to do that.
    async fn settle_registration(
        &self,
        ctx: &RequestContext,
        (checked, phc): (&Checked, &str),
        tenant: &Tenant,
        policy: &TenantPolicy,
    ) -> Result<(), Fault> {
        match self.register(ctx, checked, phc, tenant.clone(), policy).await {
            Err(RegisterError::EmailTaken) => {}
            Err(RegisterError::Fault(fault)) => return Err(fault),
            Ok(_) | Err(_) => return Ok(()),
        }
        match self.candidate(ctx, &checked.email).await? {
            Some(candidate) if candidate.is_verified => self.write_to_owner(ctx, &candidate, tenant).await,
            Some(_) => {
                self.answer_by_mail(ctx, &checked.email, tenant, Wanted::Verification)
                    .await
            }
            None => Ok(()),
        }
    }
}
