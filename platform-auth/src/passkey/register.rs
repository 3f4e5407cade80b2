//! Registering a passkey.

use platform_core::RequestContext;
use platform_core::secrecy::SecretString;
use platform_core::uuid::{Builder, Uuid};
use platform_crypto::Secret;
use serde_json::Value;
use webauthn_rs::prelude::Credential;

use super::ceremony::{Ceremony, Opened};
use super::prove::user_of;
use super::relying_party::Account;
use super::stored::{self, New, OpenedSealedPasskey};
use super::{PASSKEYS_MAX, Passkey, PasskeyChallenge, PasskeyError, PasskeyId, response, trail};
use crate::auth::Inner;
use crate::erasure::{self, subject};
use crate::mail::{Addressee, Letter};
use crate::{Auth, CredentialError, PersonName, UserStatus, session};

impl Auth {
    /// Begins to register a passkey of the calling user, who proves with the password who it is, or by having signed in within the last
    /// five minutes. Nothing is stored.
    ///
    /// # Errors
    /// [`PasskeyError::ReauthenticationRequired`], [`PasskeyError::Credential`] for a wrong password, [`PasskeyError::TooMany`].
    pub async fn begin_passkey(
        &self,
        ctx: &RequestContext,
        password: Option<SecretString>,
    ) -> Result<PasskeyChallenge, PasskeyError> {
        let inner = &*self.inner;
        let id = user_of(ctx)?;
        let party = &inner.passkeys()?.party;
        inner.count_begun(ctx, Some(id)).await?;
        let proved = inner.prove_lately(ctx, password).await?;
        // A stranger who registered somebody else's address would keep a way in.
        inner.may_have_factor(&proved.candidate)?;
        let mut read = inner.db.read(ctx).await?;
        let known = stored::known(&mut read, id).await?;
        read.finish().await?;
        if i64::try_from(known.len()).is_ok_and(|count| count >= PASSKEYS_MAX) {
            return Err(PasskeyError::TooMany);
        }
        // One user has one handle, by which an authenticator sees that it has a passkey of the user already.
        let handle = known.first().map(|(_, handle, _)| *handle);
        let handle = handle.unwrap_or_else(|| new_handle(inner));
        let account = Account {
            handle,
            email: proved.user.email.expose(),
            tenant: &proved.tenant.name,
        };
        let ids: Vec<_> = known.into_iter().map(|(id, ..)| id).collect();
        let (options, state) = party.ask_for_new(&account, &ids)?;
        let ceremony = Ceremony::Register {
            user: id,
            session: ctx.session(),
            password_changed_at: proved.candidate.changed_at,
            handle,
            state,
        };
        inner.seal_challenge(ctx, options, ceremony).await
    }

    /// Registers a passkey of the calling user: what [`begin_passkey`](Self::begin_passkey) gave out, what the browser answered
    /// (`PublicKeyCredential.toJSON()`), and what the user calls it. The user is told by mail.
    ///
    /// The challenge is good in the session in which it was asked for, until the password is changed.
    ///
    /// # Errors
    /// [`PasskeyError::InvalidPasskey`] whatever is wrong with challenge or answer, and when the authenticator has not verified its user;
    /// [`PasskeyError::InvalidName`]; [`PasskeyError::TooMany`].
    pub async fn confirm_passkey(
        &self,
        ctx: &RequestContext,
        challenge: &str,
        credential: Value,
        name: &str,
    ) -> Result<Passkey, PasskeyError> {
        let inner = &*self.inner;
        user_of(ctx)?;
        let party = &inner.passkeys()?.party;
        let name = PersonName::parse(name)?;
        let opened = inner.open_challenge(ctx, challenge).await?;
        if !opened.ceremony.is_of(ctx) {
            return Err(PasskeyError::InvalidPasskey);
        }
        let answer = response::registration(credential)?;
        let Ceremony::Register { state, .. } = &opened.ceremony else {
            return Err(PasskeyError::InvalidPasskey);
        };
        let credential = party.new_passkey(&answer, state)?;
        if !response::is_id(&credential.cred_id) || !credential.user_verified {
            return Err(PasskeyError::InvalidPasskey);
        }
        inner.store_passkey(ctx, &opened, &credential, &name).await
    }
}

impl Inner {
    async fn store_passkey(
        &self,
        ctx: &RequestContext,
        opened: &Opened,
        credential: &Credential,
        name: &PersonName,
    ) -> Result<Passkey, PasskeyError> {
        let Ceremony::Register {
            user: id,
            password_changed_at,
            handle,
            ..
        } = opened.ceremony
        else {
            return Err(PasskeyError::InvalidPasskey);
        };
        let tenant = self.open_tenant(ctx.tenant()).await??;
        let mut read = self.db.read(ctx).await?;
        let stored = crate::stored::by_id(&mut read, id).await?;
        read.finish().await?;
        let stored = stored.filter(|stored| stored.account.status == UserStatus::Active);
        let stored = stored.ok_or(CredentialError::NoUser)?;
        let user = self.opened(ctx, &stored).await?;
        let user = user.ok_or(CredentialError::NoUser)?;

        let now = self.sources.now();
        let mut tx = self.db.begin(ctx).await?;
        if !erasure::lock(&mut tx, id).await? {
            return Err(CredentialError::NoUser.into());
        }
        // Whoever changes the password ends what others have begun in sessions of the user, and this is such a thing.
        if session::hold_credential(&mut tx, id).await? != Some(password_changed_at) {
            return Err(PasskeyError::InvalidPasskey);
        }
        let current = ctx.session().map(crate::SessionId::from_stored);
        let current = current.ok_or(PasskeyError::InvalidPasskey)?;
        if session::proof_of(&mut tx, id, current).await?.is_none() {
            return Err(PasskeyError::InvalidPasskey);
        }
        self.may_change_factors(&mut tx, ctx, id).await?;
        if !stored::redeem(&mut tx, (opened.id, opened.expires_at), now).await? {
            return Err(PasskeyError::InvalidPasskey);
        }
        stored::forget(&mut tx, now).await?;
        let key = self.keys.ensure_subject(&mut tx, ctx, subject(id)).await?;
        let passkey = PasskeyId::generate(&self.sources);
        let sealed = OpenedSealedPasskey {
            tenant_id: ctx.tenant(),
            id: passkey,
            subject_id: id,
            name_sealed: Secret::new(name.as_str().to_owned()),
        };
        let new = New {
            sealed: &sealed.seal(&key)?,
            handle,
            credential,
            created_at: now,
        };
        if !stored::insert(&mut tx, &new).await? {
            // There are 20 already, or the id is another's: which of these is nobody's business.
            return Err(PasskeyError::InvalidPasskey);
        }
        let to = Addressee {
            user: id,
            email: &user.email,
            tenant: &tenant.name,
        };
        self.write_to(&mut tx, ctx, &to, &Letter::PasskeyAdded, None)
            .await?;
        let event = trail::changed(id, passkey, "registered", 0);
        self.audit.record(&mut tx, ctx, event).await?;
        tx.commit().await?;
        Ok(Passkey {
            id: passkey,
            name: Secret::new(name.as_str().to_owned()),
            created_at: now,
            last_used_on: None,
            synced: credential.backup_eligible,
            disabled: false,
        })
    }
}

fn new_handle(inner: &Inner) -> Uuid {
    Builder::from_random_bytes(inner.sources.bytes()).into_uuid()
}
