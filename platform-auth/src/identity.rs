//! What identifies a person, sealed and open.

use platform_core::{PrincipalId, RequestContext, TenantId};
use platform_crypto::{
    BlindIndex, Normalizer, OpenError, OpenKeys, SealError, SealKeys, Sealed, SealedRow, Secret,
};

use crate::auth::Inner;
use crate::stored::StoredUser;
use crate::{EmailAddress, Fault, PersonName, User};

/// By which a user is found who signs in: one user of a tenant for each address.
pub(crate) const EMAIL_INDEX: BlindIndex =
    BlindIndex::unique("platform_auth.subject.email", Normalizer::Email);

/// A user, as the table of users holds one: what identifies the person is sealed under the person's key, and gone once the user is
/// erased. Name it with [`KeyringBuilder::sealed`](platform_crypto::KeyringBuilder::sealed), so that rotations reach it.
#[derive(Debug, sqlx::FromRow, SealedRow)]
#[sealed(table = "platform_auth.subject")]
pub struct SealedUser {
    #[sealed(tenant)]
    tenant_id: TenantId,
    #[sealed(row, subject)]
    id: PrincipalId,
    #[sealed(padded = 64, index = EMAIL_INDEX)]
    email_sealed: Option<Sealed<String>>,
    #[sealed(padded = 64)]
    first_name_sealed: Option<Sealed<String>>,
    #[sealed(padded = 64)]
    last_name_sealed: Option<Sealed<String>>,
}

/// What identifies a person, in the clear.
pub(crate) struct Identity {
    pub(crate) email: Secret<String>,
    pub(crate) first_name: Option<Secret<String>>,
    pub(crate) last_name: Option<Secret<String>>,
}

impl Identity {
    pub(crate) fn new(
        email: &EmailAddress,
        first_name: Option<&PersonName>,
        last_name: Option<&PersonName>,
    ) -> Self {
        let name = |name: &PersonName| Secret::new(name.as_str().to_owned());
        Self {
            email: Secret::new(email.as_entered().to_owned()),
            first_name: first_name.map(name),
            last_name: last_name.map(name),
        }
    }

    /// Seals it for the row of the user `id`.
    pub(crate) fn seal(
        self,
        keys: &impl SealKeys,
        tenant: TenantId,
        id: PrincipalId,
    ) -> Result<SealedUser, SealError> {
        let opened = OpenedSealedUser {
            tenant_id: tenant,
            id,
            email_sealed: Some(self.email),
            first_name_sealed: self.first_name,
            last_name_sealed: self.last_name,
        };
        opened.seal(keys)
    }
}

impl SealedUser {
    pub(crate) fn id(&self) -> PrincipalId {
        self.id
    }

    /// The sealed e-mail address, first and last name.
    pub(crate) fn columns(&self) -> [Option<&Sealed<String>>; 3] {
        [
            self.email_sealed.as_ref(),
            self.first_name_sealed.as_ref(),
            self.last_name_sealed.as_ref(),
        ]
    }

    /// Who it is; `None` for a user who was erased.
    pub(crate) fn identity(&self, keys: &impl OpenKeys) -> Result<Option<Identity>, OpenError> {
        let opened = self.open(keys)?;
        Ok(opened.email_sealed.map(|email| Identity {
            email,
            first_name: opened.first_name_sealed,
            last_name: opened.last_name_sealed,
        }))
    }
}

impl Inner {
    /// The user as the service sees it; `None` when the person's key has been destroyed since the row was read.
    pub(crate) async fn opened(
        &self,
        ctx: &RequestContext,
        stored: &StoredUser,
    ) -> Result<Option<User>, Fault> {
        let users = self.opened_all(ctx, std::slice::from_ref(stored)).await?;
        Ok(users.into_iter().next())
    }

    /// The users of a list, whose keys are looked up at once; without those whose key has been destroyed since the rows were read.
    pub(crate) async fn opened_all(
        &self,
        ctx: &RequestContext,
        stored: &[StoredUser],
    ) -> Result<Vec<User>, Fault> {
        let ids: Vec<_> = stored.iter().flat_map(|stored| stored.sealed.key_ids()).collect();
        let keys = self.keys.keys_for(ctx, ids).await?;
        let mut users = Vec::with_capacity(stored.len());
        for StoredUser { account, sealed } in stored {
            match sealed.identity(&keys) {
                Ok(Some(identity)) => users.push(account.identified(identity)),
                Ok(None) | Err(OpenError::KeyDestroyed(_)) => {}
                Err(error) => {
                    tracing::error!(user.id = %account.id, %error, "what identifies user {} cannot be opened", account.id);
                    return Err(error.into());
                }
            }
        }
        Ok(users)
    }
}
