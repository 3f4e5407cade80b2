//! Users, as a tenant's admins make and change them.

use platform_core::{PrincipalId, RequestContext};

use crate::auth::Inner;
use crate::authz::Change;
use crate::throttle::AccountKey;
use crate::{
    Auth, AuthzError, RegisterError, Registration, Role, TENANT_ADMIN, USERS_MANAGE, User, stored, trail,
};

/// A user was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateUserError {
    /// The caller may not make such a user.
    #[error(transparent)]
    Access(#[from] AuthzError),
    /// What was entered cannot be taken, or the service could not do its part.
    #[error(transparent)]
    Register(#[from] RegisterError),
}

impl Inner {
    /// Counts a user who is to be made, and written to, whatever becomes of that.
    async fn count_made_user(&self, ctx: &RequestContext) -> Result<(), RegisterError> {
        if self.config.mail.is_none() {
            return Ok(());
        }
        let (tenant, now) = (AccountKey::of_tenant(ctx.tenant()), self.sources.now());
        let wait_max = self.config.passwords.wait_max;
        drop(
            self.requests
                .made_users
                .begin(tenant, None, now, wait_max)
                .await?,
        );
        Ok(())
    }
}

impl Auth {
    /// Makes a user in the context's tenant, whether or not visitors may register themselves. The password is one that the caller
    /// hands over, and the user should change it; where mail is sent, a token is with which the user verifies the address, and has to choose
    /// another password while the one is still that of the caller.
    ///
    /// Everybody who may make users may make one in the role `user`. For another role the caller has to hold itself what it gives. Where
    /// mail is sent, a tenant makes so many only ([`MailConfig::made_users`](crate::MailConfig)): each is a letter to somebody who asked for
    /// none.
    ///
    /// # Errors
    /// [`CreateUserError::Access`] without [`USERS_MANAGE`], or when the role gives more than the caller holds;
    /// [`CreateUserError::Register`] as [`Auth::register`] says, with [`RegisterError::TooManyAttempts`] for too many letters.
    pub async fn create_user(
        &self,
        ctx: &RequestContext,
        registration: Registration,
        role: Role,
    ) -> Result<User, CreateUserError> {
        // Before any work is done for whoever may not ask for it.
        ctx.require(USERS_MANAGE).map_err(AuthzError::from)?;
        let inner = &*self.inner;
        inner.count_made_user(ctx).await?;
        let policy = inner.tenant_policy(ctx.tenant()).await;
        let policy = policy.map_err(RegisterError::from)?;
        let checked = inner.check(registration, &policy).await?;
        let tenant = inner
            .open_tenant(ctx.tenant())
            .await
            .map_err(RegisterError::from)?;
        let tenant = tenant.map_err(RegisterError::from)?;
        let phc = inner.hasher.hash(checked.password()).await;
        let phc = phc.map_err(RegisterError::from)?;
        let account = inner.new_account(role);
        inner.warm_keys(ctx).await.map_err(RegisterError::from)?;
        let mut change = Change::begin(self, ctx, USERS_MANAGE).await?;
        if role != Role::User {
            change.may_give_now(inner.role_permissions(ctx.tenant(), role).iter())?;
        }
        inner.store(&mut change.tx, ctx, account, &checked, &phc).await?;
        stored::hand_over(&mut change.tx, account.id, ctx.principal().id())
            .await
            .map_err(RegisterError::from)?;
        let user = account.identified(checked.identity());
        inner.ask_to_verify(&mut change.tx, ctx, &user, &tenant).await?;
        change
            .commit(trail::registered(account, checked.email(), None))
            .await?;
        Ok(user)
    }

    /// A user of the tenant; `None` when there is no such one, or the user was erased.
    ///
    /// # Errors
    /// [`AuthzError::Forbidden`] without [`TENANT_ADMIN`].
    pub async fn user(&self, ctx: &RequestContext, id: PrincipalId) -> Result<Option<User>, AuthzError> {
        ctx.require(TENANT_ADMIN)?;
        let mut read = self.inner.db.read(ctx).await?;
        let stored = stored::by_id(&mut read, id).await?;
        read.finish().await?;
        match stored {
            Some(stored) => Ok(self.inner.opened(ctx, &stored).await?),
            None => Ok(None),
        }
    }

    /// Sets what a user is to the tenant. It holds from the user's next request on; setting what is set already changes nothing.
    ///
    /// # Errors
    /// [`AuthzError::Exceeds`] when the role gives more than the caller holds, [`AuthzError::LastAdmin`] when nobody would be left who
    /// administers the tenant, [`AuthzError::NotFound`] when there is no such user; it needs [`USERS_MANAGE`].
    pub async fn set_user_role(
        &self,
        ctx: &RequestContext,
        id: PrincipalId,
        role: Role,
    ) -> Result<(), AuthzError> {
        let mut change = Change::begin(self, ctx, USERS_MANAGE).await?;
        let before = change.role_of(id).await?.ok_or(AuthzError::NotFound)?;
        if before == role {
            change.tx.rollback().await?;
            return Ok(());
        }
        if role != Role::User {
            change.may_give_now(self.inner.role_permissions(ctx.tenant(), role).iter())?;
        }
        let admins = change.admins().await?;
        stored::set_role(&mut change.tx, id, role).await?;
        change
            .commit_taking(admins, trail::role_set(id, before, role))
            .await
    }
}
