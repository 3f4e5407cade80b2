//! What identifies a person, sealed and open.

use platform_core::{PrincipalId, RequestContext, TenantId};
use platform_crypto::{
    BlindIndex, Column, KeyId, Normalizer, OpenError, OpenKeys, Padding, SealError, SealKeys, Sealed, Secret,
};

use crate::auth::Inner;
use crate::stored::StoredUser;
use crate::{EmailAddress, Fault, PersonName, User};

const EMAIL: Column<String> = column("email_sealed");
const FIRST_NAME: Column<String> = column("first_name_sealed");
const LAST_NAME: Column<String> = column("last_name_sealed");

/// By which a user is found who signs in: one user of a tenant for each address.
pub(crate) const EMAIL_INDEX: BlindIndex =
    BlindIndex::unique("platform_auth.subject.email", Normalizer::Email);

const fn column(name: &'static str) -> Column<String> {
    Column::new("platform_auth.subject", name).padded(Padding::To64)
}

/// What identifies a person, in the clear.
pub(crate) struct Identity {
    pub(crate) email: Secret<String>,
    pub(crate) first_name: Option<Secret<String>>,
    pub(crate) last_name: Option<Secret<String>>,
}

/// The same, as it is stored.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct SealedIdentity {
    #[sqlx(rename = "email_sealed")]
    pub(crate) email: Sealed<String>,
    #[sqlx(rename = "first_name_sealed")]
    pub(crate) first_name: Option<Sealed<String>>,
    #[sqlx(rename = "last_name_sealed")]
    pub(crate) last_name: Option<Sealed<String>>,
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
        &self,
        keys: &impl SealKeys,
        tenant: TenantId,
        id: PrincipalId,
    ) -> Result<SealedIdentity, SealError> {
        let name = |column: Column<String>, name: &Option<Secret<String>>| {
            let name = name.as_ref();
            name.map(|name| keys.seal(&column.at(tenant, id), name.expose()))
                .transpose()
        };
        Ok(SealedIdentity {
            email: keys.seal(&EMAIL.at(tenant, id), self.email.expose())?,
            first_name: name(FIRST_NAME, &self.first_name)?,
            last_name: name(LAST_NAME, &self.last_name)?,
        })
    }
}

impl SealedIdentity {
    /// The keys that it takes to open it. A value whose header cannot be read has none and says so when it is opened.
    pub(crate) fn key_ids(&self) -> impl Iterator<Item = KeyId> {
        let all = [
            Some(&self.email),
            self.first_name.as_ref(),
            self.last_name.as_ref(),
        ];
        all.into_iter()
            .flatten()
            .filter_map(|sealed| sealed.key_id().ok())
    }

    /// Opens what stands in the row of the user `id`.
    pub(crate) fn open(
        &self,
        keys: &impl OpenKeys,
        tenant: TenantId,
        id: PrincipalId,
    ) -> Result<Identity, OpenError> {
        let name = |column: Column<String>, name: &Option<Sealed<String>>| {
            let name = name.as_ref();
            name.map(|name| keys.open(&column.at(tenant, id), name))
                .transpose()
        };
        Ok(Identity {
            email: keys.open(&EMAIL.at(tenant, id), &self.email)?,
            first_name: name(FIRST_NAME, &self.first_name)?,
            last_name: name(LAST_NAME, &self.last_name)?,
        })
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
        let ids = stored.iter().flat_map(|stored| stored.identity.key_ids());
        let keys = self.keys.keys_for(ctx, ids).await?;
        let mut users = Vec::with_capacity(stored.len());
        for StoredUser { account, identity } in stored {
            match identity.open(&keys, ctx.tenant(), account.id) {
                Ok(identity) => users.push(account.identified(identity)),
                Err(OpenError::KeyDestroyed(_)) => {}
                Err(error) => {
                    tracing::error!(user.id = %account.id, %error, "what identifies user {} cannot be opened", account.id);
                    return Err(error.into());
                }
            }
        }
        Ok(users)
    }
}
