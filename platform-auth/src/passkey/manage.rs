//! Seeing, renaming and removing one's passkeys.

use platform_core::secrecy::SecretString;
use platform_core::{PrincipalId, RequestContext};
use platform_crypto::{OpenError, SealedRow as _, Secret};

use super::prove::user_of;
use super::stored::{self, OpenedSealedPasskey};
use super::{Passkey, PasskeyError, PasskeyId, trail};
use crate::auth::Inner;
use crate::erasure::{self, subject};
use crate::mail::{Addressee, Letter};
use crate::session::{self, EndReason, Proof};
use crate::{Auth, CredentialError, Fault, PersonName, SessionId, second_factor};

impl Auth {
    /// The calling user's passkeys in the order in which they were registered, those after one of them where one is given. There are 20
    /// at most.
    ///
    /// # Errors
    /// [`PasskeyError::Credential`] when the caller is no user, [`PasskeyError::Fault`].
    pub async fn list_passkeys(
        &self,
        ctx: &RequestContext,
        after: Option<PasskeyId>,
        limit: u32,
    ) -> Result<Vec<Passkey>, PasskeyError> {
        let user = user_of(ctx)?;
        Ok(self.inner.passkeys_of(ctx, user, after, limit).await?)
    }

    /// Gives a passkey of the calling user another name.
    ///
    /// # Errors
    /// [`PasskeyError::InvalidName`], [`PasskeyError::NotFound`].
    pub async fn rename_passkey(
        &self,
        ctx: &RequestContext,
        id: PasskeyId,
        name: &str,
    ) -> Result<(), PasskeyError> {
        let inner = &*self.inner;
        let user = user_of(ctx)?;
        let name = PersonName::parse(name)?;
        inner.warm_keys(ctx).await?;
        let mut tx = inner.db.begin(ctx).await?;
        if !erasure::lock(&mut tx, user).await? {
            return Err(CredentialError::NoUser.into());
        }
        let key = inner.keys.ensure_subject(&mut tx, ctx, subject(user)).await?;
        let opened = OpenedSealedPasskey {
            tenant_id: ctx.tenant(),
            id,
            subject_id: user,
            name_sealed: Secret::new(name.as_str().to_owned()),
        };
        if !stored::rename(&mut tx, &opened.seal(&key)?).await? {
            return Err(PasskeyError::NotFound);
        }
        let event = trail::changed(user, id, "renamed", 0);
        inner.audit.record(&mut tx, ctx, event).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Removes a passkey of the calling user, who proves with the password who it is, or by having signed in within the last five
    /// minutes. All other sessions end, and that of the call where it began with a passkey: nobody knows which of them began with this one. The user is told by mail. The password is left to sign
    /// in with, so that the last passkey may go too.
    ///
    /// # Errors
    /// [`PasskeyError::ReauthenticationRequired`], [`PasskeyError::Credential`] for a wrong password, [`PasskeyError::NotFound`].
    pub async fn remove_passkey(
        &self,
        ctx: &RequestContext,
        id: PasskeyId,
        password: Option<SecretString>,
    ) -> Result<(), PasskeyError> {
        let inner = &*self.inner;
        let proved = inner.prove_lately(ctx, password).await?;
        let (user, now) = (proved.user.id, inner.sources.now());
        let mut tx = inner.db.begin(ctx).await?;
        erasure::lock(&mut tx, user).await?;
        // Nobody opens a session meanwhile that would not be among those that end.
        second_factor::lock_credential(&mut tx, user).await?;
        inner.may_change_factors(&mut tx, ctx, user).await?;
        if !stored::remove(&mut tx, user, id).await? {
            return Err(PasskeyError::NotFound);
        }
        let current = ctx.session().map(SessionId::from_stored);
        let proof = match current {
            Some(current) => session::proof_of(&mut tx, user, current).await?,
            None => None,
        };
        // One that began with a passkey would go on as one that has proved more than a password.
        let current = current.filter(|_| !proof.is_some_and(Proof::is_passkey));
        let ended = inner
            .sessions
            .end_others(&mut tx, user, current, EndReason::FactorChanged, now)
            .await?;
        let to = Addressee {
            user,
            email: &proved.user.email,
            tenant: &proved.tenant.name,
        };
        inner
            .write_to(&mut tx, ctx, &to, &Letter::PasskeyRemoved, None)
            .await?;
        let event = trail::changed(user, id, "removed", ended);
        inner.audit.record(&mut tx, ctx, event).await?;
        tx.commit().await?;
        Ok(())
    }
}

impl Inner {
    /// A user's passkeys, with their names opened.
    pub(crate) async fn passkeys_of(
        &self,
        ctx: &RequestContext,
        user: PrincipalId,
        after: Option<PasskeyId>,
        limit: u32,
    ) -> Result<Vec<Passkey>, Fault> {
        let mut read = self.db.read(ctx).await?;
        let listed = stored::list(&mut read, user, after, limit).await?;
        read.finish().await?;
        let ids: Vec<_> = listed.iter().flat_map(|listed| listed.sealed.key_ids()).collect();
        let keys = self.keys.keys_for(ctx, ids).await?;
        let mut passkeys = Vec::with_capacity(listed.len());
        for listed in listed {
            let opened = match listed.sealed.open(&keys) {
                // The user is being erased.
                Err(OpenError::KeyDestroyed(_)) => continue,
                opened => opened?,
            };
            passkeys.push(Passkey {
                id: opened.id,
                name: opened.name_sealed,
                created_at: listed.created_at,
                last_used_on: listed.last_used_on,
                synced: listed.backup_eligible,
                disabled: listed.is_disabled,
            });
        }
        Ok(passkeys)
    }
}
