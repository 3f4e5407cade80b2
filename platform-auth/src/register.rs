//! Making users.

use std::fmt;

use platform_audit::registered;
use platform_core::pg::Tenant;
use platform_core::secrecy::SecretString;
use platform_core::{PrincipalId, RequestContext, TenantId};

use crate::auth::Inner;
use crate::password::NewPassword;
use crate::user::{self, NewUser};
use crate::{
    Auth, EmailAddress, InvalidEmail, InvalidName, InvalidPassword, PersonName, RegisterError, Role, SignedIn,
};

/// What a new user enters, unchecked.
#[derive(Clone)]
pub struct Registration {
    /// The e-mail address.
    pub email: String,
    /// The password.
    pub password: SecretString,
    /// The first name.
    pub first_name: Option<String>,
    /// The last name.
    pub last_name: Option<String>,
}

/// Everything that is wrong with a registration, so that it can be corrected at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, thiserror::Error)]
#[error("the registration has to be corrected")]
#[non_exhaustive]
pub struct InvalidRegistration {
    /// What is wrong with the e-mail address.
    pub email: Option<InvalidEmail>,
    /// What is wrong with the password.
    pub password: Option<InvalidPassword>,
    /// What is wrong with the first name.
    pub first_name: Option<InvalidName>,
    /// What is wrong with the last name.
    pub last_name: Option<InvalidName>,
}

/// Prints nothing of what was entered.
impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration").finish_non_exhaustive()
    }
}

/// A user that there is now, for sure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ensured {
    /// It was made just now, with the password that was given.
    Created(PrincipalId),
    /// It was there before, with a password of its own.
    Existing(PrincipalId),
}

impl Ensured {
    /// The user's id.
    pub fn id(self) -> PrincipalId {
        match self {
            Self::Created(id) | Self::Existing(id) => id,
        }
    }
}

impl Auth {
    /// Makes a user of the context's tenant in the role `user`, and signs the user in.
    ///
    /// # Errors
    /// [`RegisterError::Invalid`] names everything that has to be corrected; [`RegisterError::EmailTaken`] tells whoever asks that the
    /// address is known, which a registration without e-mail verification cannot hide; [`RegisterError::Fault`] means try again.
    pub async fn register(
        &self,
        ctx: &RequestContext,
        registration: Registration,
    ) -> Result<SignedIn, RegisterError> {
        let inner = &*self.inner;
        if !inner.config.registration {
            return Err(RegisterError::Closed);
        }
        let checked = Checked::new(registration, inner.config.passwords.chars_min)?;
        let tenant = inner.open_tenant(ctx.tenant()).await??;
        inner.register(ctx, checked, tenant).await
    }

    /// Makes sure that the tenant has a user with this e-mail address, and tells whether there was one before: for the first
    /// administrator and for demonstrations. An existing user is left as it is, password and role included.
    ///
    /// # Errors
    /// [`RegisterError::Invalid`] when the address or the password cannot be taken, [`RegisterError::Fault`] when nothing was changed.
    pub async fn ensure_user(
        &self,
        tenant: TenantId,
        email: &str,
        password: SecretString,
        role: Role,
    ) -> Result<Ensured, RegisterError> {
        let inner = &*self.inner;
        let ctx = RequestContext::system(tenant, "ensure user", &inner.sources);
        let registration = Registration {
            email: email.to_owned(),
            password,
            first_name: None,
            last_name: None,
        };
        let checked = Checked::new(registration, inner.config.passwords.chars_min)?;
        if let Some(user) = inner.user_id(&ctx, &checked.email).await? {
            return Ok(Ensured::Existing(user));
        }
        let phc = inner.hasher.hash(checked.password.clone()).await?;
        let mut tx = inner.db.begin(&ctx).await?;
        let Some(user) = user::insert(&mut tx, &inner.new_user(&checked, &phc, role)).await? else {
            drop(tx);
            let user = inner.user_id(&ctx, &checked.email).await?;
            return user.map(Ensured::Existing).ok_or(RegisterError::EmailTaken);
        };
        inner
            .audit
            .record(&mut tx, &ctx, registered(user.id, &user.email))
            .await?;
        tx.commit().await?;
        Ok(Ensured::Created(user.id))
    }
}

impl Inner {
    async fn register(
        &self,
        ctx: &RequestContext,
        checked: Checked,
        tenant: Tenant,
    ) -> Result<SignedIn, RegisterError> {
        let phc = self.hasher.hash(checked.password.clone()).await?;
        let mut tx = self.db.begin(ctx).await?;
        let Some(user) = user::insert(&mut tx, &self.new_user(&checked, &phc, Role::User)).await? else {
            return Err(RegisterError::EmailTaken);
        };
        let opened = self.open_session(&mut tx, ctx, &user, user.created_at).await?;
        let (opened, of_user) = opened.ok_or(RegisterError::EmailTaken)?;
        self.audit
            .record(&mut tx, &of_user, registered(user.id, &user.email))
            .await?;
        tx.commit().await?;
        tracing::info!(user.id = %user.id, "registered user {}", user.id);
        Ok(opened.signed_in(user, tenant))
    }

    fn new_user<'a>(&self, checked: &'a Checked, phc: &'a str, role: Role) -> NewUser<'a> {
        NewUser {
            id: PrincipalId::generate(&self.sources),
            email: &checked.email,
            first_name: checked.first_name.as_ref(),
            last_name: checked.last_name.as_ref(),
            role,
            phc,
            created_at: self.sources.now(),
        }
    }

    async fn user_id(
        &self,
        ctx: &RequestContext,
        email: &EmailAddress,
    ) -> Result<Option<PrincipalId>, RegisterError> {
        let mut read = self.db.read(ctx).await?;
        let candidate = user::candidate(&mut read, email).await?;
        read.finish().await?;
        Ok(candidate.map(|candidate| candidate.user.id))
    }
}

/// A registration that can be stored.
struct Checked {
    email: EmailAddress,
    password: NewPassword,
    first_name: Option<PersonName>,
    last_name: Option<PersonName>,
}

impl Checked {
    fn new(registration: Registration, password_chars_min: usize) -> Result<Self, InvalidRegistration> {
        let name = |text: Option<String>| text.as_deref().map(PersonName::parse).transpose();
        let email = EmailAddress::parse(&registration.email);
        let password = NewPassword::new(registration.password, password_chars_min);
        let first_name = name(registration.first_name);
        let last_name = name(registration.last_name);
        match (email, password, first_name, last_name) {
            (Ok(email), Ok(password), Ok(first_name), Ok(last_name)) => Ok(Self {
                email,
                password,
                first_name,
                last_name,
            }),
            (email, password, first_name, last_name) => Err(InvalidRegistration {
                email: email.err(),
                password: password.err(),
                first_name: first_name.err(),
                last_name: last_name.err(),
            }),
        }
    }
}
