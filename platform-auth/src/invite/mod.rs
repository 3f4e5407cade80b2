//! Inviting people, and accepting.
//!
//! An invitation names an address and the roles that its owner will have. Its token comes by mail, or where the service sends none is
//! given to whoever invited, and makes one user, once. Nobody invites to more than they hold, and an invitation gives nothing any more
//! once who sent it is no active user or does not hold that much: it is looked at again when somebody accepts. The built-in role of a
//! user is nobody's to hold back: it is what whoever registers gets.
//!
//! Somebody else may have registered the address meanwhile, and not have verified it. A token that went to the address proves more than
//! that: whoever shows it takes the account over, and everything with which anybody signed in to it before goes. A token that was handed
//! to who invited proves nothing against an account: it would let them take over whose address they invite.

mod accept;
mod create;
mod error;
mod forget;
mod owner;
mod stored;
mod trail;

use std::fmt;
use std::time::Duration;

use platform_core::secrecy::SecretString;
use platform_core::{Permission, PrincipalId, Timestamp};
use platform_crypto::Secret;

pub use self::error::{AcceptError, InviteError};
pub use self::stored::SealedInvitation;
use crate::{OneTimeToken, Role, RoleId};

/// Invite people, see who is invited, and revoke invitations.
pub const USERS_INVITE: Permission = Permission::new("users:invite");

/// How many invitations of a tenant may be open.
pub(crate) const OPEN_MAX: u32 = 100;

/// How many people a tenant may invite in an hour, whatever has become of the invitations: each is mail to somebody who asked for none.
pub(crate) const IN_AN_HOUR_MAX: u32 = 100;
const HOUR: Duration = Duration::from_secs(60 * 60);

/// How many roles of a tenant's own an invitation may name.
pub(crate) const ROLES_MAX: usize = 10;

/// How long an invitation is open that says nothing else.
const LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const LIFETIME_MIN: Duration = Duration::from_secs(60 * 60);
const LIFETIME_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

platform_core::id_type! {
    /// Names an invitation.
    pub struct InvitationId;
}

/// Somebody who is to be invited. Its `Debug` leaves out who.
#[derive(Clone)]
pub struct NewInvitation {
    /// The e-mail address. Whether a user has it already is not looked at: whoever accepts learns it.
    pub email: String,
    /// What the user will be to the tenant.
    pub role: Role,
    /// Roles of the tenant's own, at most 10, that the user will have in the whole tenant and without an end.
    pub roles: Vec<RoleId>,
    /// How long the invitation is open: an hour to 30 days, otherwise 7 days.
    pub valid_for: Option<Duration>,
}

/// An invitation that is open.
#[derive(Debug)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// The address that is invited.
    pub email: Secret<String>,
    /// What the user will be to the tenant.
    pub role: Role,
    /// Roles of the tenant's own that the user will have.
    pub roles: Vec<RoleId>,
    /// When somebody was invited.
    pub invited_at: Timestamp,
    /// By whom; `None` for a job of the service or an operator of the platform.
    pub invited_by: Option<PrincipalId>,
    /// From when on it is refused.
    pub expires_at: Timestamp,
}

/// Somebody was invited.
#[derive(Debug)]
pub struct Invited {
    /// The invitation.
    pub invitation: Invitation,
    /// The token, where the service sends no mail: hand it over. It is shown this once.
    pub token: Option<OneTimeToken>,
}

/// What somebody who accepts enters, unchecked. Its `Debug` prints nothing of it.
#[derive(Clone)]
pub struct Acceptance {
    /// The token.
    pub token: SecretString,
    /// The password.
    pub password: SecretString,
    /// The first name.
    pub first_name: Option<String>,
    /// The last name.
    pub last_name: Option<String>,
}

impl fmt::Debug for NewInvitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewInvitation")
            .field("role", &self.role)
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Acceptance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptance").finish_non_exhaustive()
    }
}
