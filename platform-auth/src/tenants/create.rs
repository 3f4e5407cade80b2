//! Making tenants.

use platform_core::pg::{NewTenant, Tenant, TenantStatus, Tenants};
use platform_core::{RequestContext, TenantId};

use super::{FirstAdmin, MadeTenant, NewOverseenTenant, OverseeError, Oversight, trail};
use crate::auth::Inner;
use crate::{
    Auth, EmailAddress, InvalidEmail, InvalidRegistration, Invited, NewInvitation, RegisterError, Role,
};

impl Auth {
    /// Makes a tenant, and its first admin where there is one. What is wrong with the admin is found out before anything is made; should
    /// the service fail between the two, the tenant is there without an admin, and somebody has to be invited.
    ///
    /// # Errors
    /// [`OverseeError`], by what the caller has to correct.
    pub async fn create_tenant(
        &self,
        ctx: &RequestContext,
        over: Oversight,
        new: NewOverseenTenant,
    ) -> Result<MadeTenant, OverseeError> {
        let inner = &*self.inner;
        inner.may_oversee(ctx, over)?;
        if new.name.chars().any(char::is_control) {
            return Err(OverseeError::InvalidName);
        }
        let parent = inner.parent_of(ctx, over, new.parent).await?;
        let id = TenantId::generate(&inner.sources);
        if let Some(admin) = &new.admin {
            match &admin.password {
                Some(password) => inner.could_be_made(id, &admin.email, password.clone()).await?,
                None => drop(EmailAddress::parse(&admin.email).map_err(invalid_email)?),
            }
        }
        let row = NewTenant {
            slug: new.slug,
            name: new.name,
            parent,
        };
        inner.announce(ctx, "create", id).await?;
        let tenant = match inner.create_tenant(ctx, id, &row).await {
            Ok(tenant) => tenant,
            Err(error) => return Err(inner.take_back(ctx, "create", id, error).await),
        };
        let (mut admin, mut invited) = (None, None);
        match new.admin {
            Some(FirstAdmin {
                email,
                password: Some(password),
            }) => {
                let (job, by) = inner.job_for(ctx, id, "make an admin");
                let made = self
                    .ensure_user_in(&job, (&email, password), Role::Admin, by)
                    .await?;
                admin = Some(made.id());
            }
            Some(FirstAdmin {
                email,
                password: None,
            }) => {
                invited = Some(self.invite_as_job(ctx, id, email).await?);
            }
            None => {}
        }
        Ok(MadeTenant {
            tenant,
            admin,
            invited,
        })
    }

    /// Invites somebody to administer a tenant that the caller looks after: the first time, or when nobody is left who does.
    ///
    /// # Errors
    /// [`OverseeError::NotFound`] for a tenant that the caller does not look after; [`OverseeError::Invite`].
    pub async fn invite_admin(
        &self,
        ctx: &RequestContext,
        over: Oversight,
        id: TenantId,
        email: String,
    ) -> Result<Invited, OverseeError> {
        let inner = &*self.inner;
        inner.may_oversee(ctx, over)?;
        let tenant = inner.overseen(ctx, over, id).await?;
        let tenant = tenant.ok_or(OverseeError::NotFound)?;
        if tenant.status == TenantStatus::Closed {
            return Err(OverseeError::NotFrom {
                status: tenant.status,
            });
        }
        EmailAddress::parse(&email).map_err(invalid_email)?;
        inner.announce(ctx, "invite_admin", id).await?;
        match self.invite_as_job(ctx, id, email).await {
            Ok(invited) => Ok(invited),
            Err(error) => Err(inner.take_back(ctx, "invite_admin", id, error).await),
        }
    }

    /// Nobody in the tenant invites, so a job does, on behalf of whoever looks after it.
    async fn invite_as_job(
        &self,
        ctx: &RequestContext,
        tenant: TenantId,
        email: String,
    ) -> Result<Invited, OverseeError> {
        let (job, by) = self.inner.job_for(ctx, tenant, "invite an admin");
        let new = NewInvitation {
            email,
            role: Role::Admin,
            roles: Vec::new(),
            valid_for: None,
        };
        Ok(self.invite_from(&job, new, by).await?)
    }
}

fn invalid_email(_: InvalidEmail) -> OverseeError {
    OverseeError::Admin(RegisterError::Invalid(InvalidRegistration {
        email: Some(InvalidEmail),
        ..InvalidRegistration::default()
    }))
}

impl Inner {
    /// Below whom a new tenant stands.
    async fn parent_of(
        &self,
        ctx: &RequestContext,
        over: Oversight,
        wanted: Option<TenantId>,
    ) -> Result<Option<TenantId>, OverseeError> {
        let parent = match (over, wanted) {
            (Oversight::Platform, None) => return Ok(None),
            (Oversight::Parent, None) => return Ok(Some(ctx.tenant())),
            (Oversight::Parent, Some(id)) if id == ctx.tenant() => return Ok(Some(id)),
            (_, Some(id)) => self.overseen(ctx, over, id).await?,
        };
        let open = parent.filter(|parent| parent.status != TenantStatus::Closed);
        Ok(Some(open.ok_or(OverseeError::ParentUnknown)?.id))
    }

    async fn create_tenant(
        &self,
        ctx: &RequestContext,
        id: TenantId,
        new: &NewTenant,
    ) -> Result<Tenant, OverseeError> {
        let under = self.under(ctx, id);
        let mut tx = self.db.begin(&under).await?;
        if let Some(parent) = new.parent {
            let max = Tenants::SUBTREE_MAX;
            // Whoever makes it: it stands below everybody above. Each of those is in every read of its subtree too.
            if self.tenants.most_below_in(&mut tx, parent).await? + 1 >= max {
                return Err(OverseeError::TooMany { max: max - 1 });
            }
        }
        let tenant = self.tenants.create_in(&mut tx, new).await?;
        let event = trail::made(&tenant, ctx);
        self.audit.record(&mut tx, &under, event).await?;
        tx.commit().await?;
        tracing::info!(tenant.id = %id, "made tenant {id}");
        Ok(tenant)
    }
}
