//! Users, as the service sees them.

use std::fmt;

use platform_core::{PrincipalId, Timestamp};
use platform_crypto::Secret;

use crate::Role;
use crate::identity::Identity;

/// A user of a tenant. What identifies the person is open here and nowhere in the database.
pub struct User {
    /// The user's id, which is also that of the principal in a request context, and that of the data subject whose key seals the rest.
    pub id: PrincipalId,
    /// The e-mail address as it was entered.
    pub email: Secret<String>,
    /// The first name, if it was given.
    pub first_name: Option<Secret<String>>,
    /// The last name, if it was given.
    pub last_name: Option<Secret<String>>,
    /// What the user is to the tenant.
    pub role: Role,
    /// Whether the user may sign in.
    pub status: UserStatus,
    /// When the user was made.
    pub created_at: Timestamp,
}

/// Whether a user may sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserStatus {
    /// May sign in.
    Active,
    /// May not; the user's sessions are refused too.
    Disabled,
}

/// What the service knows of a user without opening anything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account {
    pub(crate) id: PrincipalId,
    pub(crate) role: Role,
    pub(crate) status: UserStatus,
    pub(crate) created_at: Timestamp,
}

impl Account {
    pub(crate) fn identified(self, identity: Identity) -> User {
        let Identity {
            email,
            first_name,
            last_name,
        } = identity;
        User {
            id: self.id,
            email,
            first_name,
            last_name,
            role: self.role,
            status: self.status,
            created_at: self.created_at,
        }
    }
}

impl UserStatus {
    /// The word that is stored.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }

    /// Whatever is not known to be active may not sign in.
    pub(crate) fn of_stored(word: &str) -> Self {
        match word {
            "active" => Self::Active,
            _ => Self::Disabled,
        }
    }
}

/// Leaves out what is personal.
impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("role", &self.role)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
