//! Making users.

use std::fmt;

use platform_core::pg::{Tenant, TenantTx};
use platform_core::secrecy::SecretString;
use platform_core::{PrincipalId, RequestContext, TenantId};
use platform_crypto::{TagError, Tagged};

use crate::auth::Inner;
use crate::erasure::subject;
use crate::identity::{EMAIL_INDEX, Identity};
use crate::mail::{Addressee, Letter};
use crate::one_time::{self, Purpose};
use crate::password::{About, NewPassword, ProposedPassword};
use crate::refusals::Who;
use crate::reset::verified;
use crate::session::Proof;
use crate::stored::{self, NewUser};
use crate::trail::{self, Asked};
use crate::user::Account;
use crate::{
    Auth, EmailAddress, InvalidEmail, InvalidName, InvalidPassword, PersonName, RegisterError, Role,
    SignedIn, TenantPolicy, User, UserStatus,
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

/// What a registration came to.
#[derive(Debug)]
#[must_use]
#[expect(
    clippy::large_enum_variant,
    reason = "one of these lives for a moment in each registration, a box would cost more"
)]
pub enum Registered {
    /// A user was made and signed in.
    SignedIn(SignedIn),
    /// A mail goes to the address, where addresses have to be verified ([`AuthConfig::verified_email`](crate::AuthConfig)): with a token
    /// with which the user chooses a password and may sign in from then on, or the news that there is an account already. Whoever
    /// registers does not learn which.
    VerificationRequired,
}

impl Auth {
    /// Makes a user of the context's tenant in the role `user`, and signs the user in unless the address has to be verified first. Where
    /// mail is sent, a token is with which it is.
    ///
    /// Where addresses have to be verified, the answer comes before anything is looked up: neither it nor its time tells whether anybody
    /// has the address. A registration that cannot be stored after that is logged, and whoever gets no mail registers again.
    ///
    /// # Errors
    /// [`RegisterError::Invalid`] names everything that has to be corrected; [`RegisterError::EmailDomain`] says that the tenant takes no
    /// such address; [`RegisterError::EmailTaken`] tells whoever asks that the address is known, which a registration that signs in at once
    /// cannot hide; [`RegisterError::TooManyAttempts`] says how long to wait; [`RegisterError::Fault`] means try again.
    pub async fn register(
        &self,
        ctx: &RequestContext,
        registration: Registration,
    ) -> Result<Registered, RegisterError> {
        let inner = &*self.inner;
        let policy = inner.tenant_policy(ctx.tenant()).await?;
        if !policy.registration_open {
            let asked = Asked::to("register", "registration is closed");
            let refused = |more| trail::refused(&asked, "registration_closed", more);
            inner
                .record_refusal(ctx, Who::stranger(ctx.tenant()), refused)
                .await?;
            return Err(RegisterError::Closed);
        }
        inner.count_registration(ctx).await?;
        let checked = inner.check(registration, &policy).await?;
        let tenant = inner.open_tenant(ctx.tenant()).await??;
        if !policy.may_register(&checked.email) {
            return Err(RegisterError::EmailDomain);
        }
        if policy.verified_email {
            return self.register_later(ctx, checked, tenant, policy).await;
        }
        let phc = inner.hasher.hash(checked.password.clone()).await?;
        inner.register(ctx, &checked, &phc, tenant, &policy).await
    }

    /// Makes sure that the tenant has a user with this e-mail address, and tells whether there was one before: for the first
    /// administrator and for demonstrations. The address of a new one counts as verified. An existing user is left as it is, password and
    /// role included.
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
        let ctx = RequestContext::system(tenant, "ensure user", &self.inner.sources);
        self.ensure_user_in(&ctx, (email, password), role, None).await
    }

    /// The same in the context of a job, for somebody who acts from another tenant, which the trail names.
    pub(crate) async fn ensure_user_in(
        &self,
        ctx: &RequestContext,
        (email, password): (&str, SecretString),
        role: Role,
        by_tenant: Option<TenantId>,
    ) -> Result<Ensured, RegisterError> {
        let inner = &*self.inner;
        let registration = Registration {
            email: email.to_owned(),
            password,
            first_name: None,
            last_name: None,
        };
        let policy = inner.tenant_policy(ctx.tenant()).await?;
        let checked = inner.check(registration, &policy).await?;
        if let Some(known) = inner.candidate(ctx, &checked.email).await? {
            return Ok(Ensured::Existing(known.stored.account.id));
        }
        let phc = inner.hasher.hash(checked.password.clone()).await?;
        let account = inner.new_account(role);
        let mut tx = inner.db.begin(ctx).await?;
        match inner.store(&mut tx, ctx, account, &checked, &phc).await {
            Ok(()) => {}
            Err(RegisterError::EmailTaken) => {
                drop(tx);
                let known = inner.candidate(ctx, &checked.email).await?;
                let known = known.ok_or(RegisterError::EmailTaken)?;
                return Ok(Ensured::Existing(known.stored.account.id));
            }
            Err(error) => return Err(error),
        }
        // Whoever runs the service answers for the address.
        verified(&mut tx, account.id, account.created_at).await?;
        let event = trail::registered_by(account, &checked.email, by_tenant);
        inner.audit.record(&mut tx, ctx, event).await?;
        tx.commit().await?;
        Ok(Ensured::Created(account.id))
    }
}

impl Inner {
    /// Finds out what is wrong with somebody who is to be made in a tenant that there is not yet.
    pub(crate) async fn could_be_made(
        &self,
        tenant: TenantId,
        email: &str,
        password: SecretString,
    ) -> Result<(), RegisterError> {
        let registration = Registration {
            email: email.to_owned(),
            password,
            first_name: None,
            last_name: None,
        };
        let policy = self.tenant_policy(tenant).await?;
        self.check(registration, &policy).await.map(drop)
    }

    /// Stores a user and, where the address need not be verified first, opens a session.
    pub(crate) async fn register(
        &self,
        ctx: &RequestContext,
        checked: &Checked,
        phc: &str,
        tenant: Tenant,
        policy: &TenantPolicy,
    ) -> Result<Registered, RegisterError> {
        let account = self.new_account(Role::User);
        self.warm_keys(ctx).await?;
        let mut tx = self.db.begin(ctx).await?;
        self.store(&mut tx, ctx, account, checked, phc).await?;
        let user = account.identified(checked.identity());
        self.ask_to_verify(&mut tx, ctx, &user, &tenant).await?;
        if policy.verified_email {
            let event = trail::registered(account, &checked.email, None);
            self.audit.record(&mut tx, ctx, event).await?;
            tx.commit().await?;
            tracing::info!(user.id = %account.id, "registered user {}", account.id);
            return Ok(Registered::VerificationRequired);
        }
        let proof = (Proof::Password, account.created_at);
        let opened = self.open_session(&mut tx, ctx, account, proof).await?;
        let (opened, of_user) = opened.ok_or(RegisterError::EmailTaken)?;
        let event = trail::registered(account, &checked.email, Some(opened.begun));
        self.audit.record(&mut tx, &of_user, event).await?;
        tx.commit().await?;
        tracing::info!(user.id = %account.id, "registered user {}", account.id);
        Ok(Registered::SignedIn(opened.signed_in(user, tenant)))
    }

    /// Sends a new user a token with which the address is verified, where mail is sent.
    pub(crate) async fn ask_to_verify(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        user: &User,
        tenant: &Tenant,
    ) -> Result<(), RegisterError> {
        if self.config.mail.is_none() {
            return Ok(());
        }
        let issued = one_time::issue(tx, &self.sources, user.id, Purpose::VerifyEmail).await?;
        let Some(issued) = issued else { return Ok(()) };
        let to = Addressee {
            user: user.id,
            email: &user.email,
            tenant: &tenant.name,
        };
        let letter = Letter::VerifyEmail(&issued.token);
        self.write_to(tx, ctx, &to, &letter, Some(issued.expires_at))
            .await?;
        Ok(())
    }

    pub(crate) fn new_account(&self, role: Role) -> Account {
        Account {
            id: PrincipalId::generate(&self.sources),
            role,
            status: UserStatus::Active,
            created_at: self.sources.now(),
        }
    }

    /// Makes the key of the person, seals under it what was entered, and stores the user. Roll `tx` back after an error.
    pub(crate) async fn store(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        account: Account,
        checked: &Checked,
        phc: &str,
    ) -> Result<(), RegisterError> {
        let email = checked.email.as_entered();
        // The unique tag decides between two who register the same address at the same time.
        let tagged = Tagged::new(account.id, email).of(subject(account.id));
        self.keys.tag(tx, ctx, &EMAIL_INDEX, &tagged).await?;
        let key = self.keys.ensure_subject(tx, ctx, subject(account.id)).await?;
        let sealed = checked.identity().seal(&key, ctx.tenant(), account.id)?;
        let new = NewUser {
            account,
            sealed: &sealed,
            phc,
        };
        Ok(stored::insert(tx, &new).await?)
    }
}

impl From<TagError> for RegisterError {
    fn from(error: TagError) -> Self {
        match error {
            TagError::Taken => Self::EmailTaken,
            TagError::Keys(error) => error.into(),
            _ => Self::Invalid(InvalidRegistration {
                email: Some(InvalidEmail),
                ..InvalidRegistration::default()
            }),
        }
    }
}

/// A registration that can be stored.
pub(crate) struct Checked {
    pub(crate) email: EmailAddress,
    pub(crate) password: NewPassword,
    first_name: Option<PersonName>,
    last_name: Option<PersonName>,
}

impl Checked {
    pub(crate) fn email(&self) -> &EmailAddress {
        &self.email
    }

    pub(crate) fn password(&self) -> NewPassword {
        self.password.clone()
    }

    pub(crate) fn identity(&self) -> Identity {
        Identity::new(&self.email, self.first_name.as_ref(), self.last_name.as_ref())
    }
}

impl Inner {
    /// Checks everything that was entered, so that all of it can be corrected at once.
    pub(crate) async fn check(
        &self,
        registration: Registration,
        policy: &TenantPolicy,
    ) -> Result<Checked, RegisterError> {
        let name = |text: Option<String>| text.as_deref().map(PersonName::parse).transpose();
        let email = EmailAddress::parse(&registration.email);
        let first_name = name(registration.first_name);
        let last_name = name(registration.last_name);
        let known = |name: &Result<Option<PersonName>, _>| name.clone().ok().flatten();
        let names = [known(&first_name), known(&last_name)];
        let about = About::new(email.as_ref().ok(), names.each_ref().map(Option::as_ref));
        let proposed = ProposedPassword::new(registration.password, policy.password_chars_min);
        let password = match proposed {
            Ok(proposed) => {
                let rule = self.policy.at_least(policy.password_score_min);
                self.hasher.judge(&rule, proposed, about).await?
            }
            Err(invalid) => Err(invalid),
        };
        match (email, password, first_name, last_name) {
            (Ok(email), Ok(password), Ok(first_name), Ok(last_name)) => Ok(Checked {
                email,
                password,
                first_name,
                last_name,
            }),
            (email, password, first_name, last_name) => Err(RegisterError::Invalid(InvalidRegistration {
                email: email.err(),
                password: password.err(),
                first_name: first_name.err(),
                last_name: last_name.err(),
            })),
        }
    }
}
