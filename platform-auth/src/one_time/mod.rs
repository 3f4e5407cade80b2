//! Tokens that are good for one thing and once: issued, consumed.

mod stored;

use std::fmt;
use std::time::Duration;

use platform_core::pg::{DbError, TenantTx};
use platform_core::{PrincipalId, Sources, TenantId, Timestamp};

pub(crate) use self::stored::{consume, failed, find, owner, void, void_all};

use crate::InvalidToken;
use crate::erasure::lock;
use crate::token::TokenText;

/// Tells secret scanners the kind and the version; a session's token begins otherwise, so that the one is never taken for the other.
const PREFIX: &str = "pot1_";

/// How far back tokens are counted, and how long they are kept.
const COUNTED: Duration = Duration::from_secs(60 * 60);

/// With how many wrong codes a token is void.
pub(crate) const ATTEMPTS_MAX: i16 = 5;

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Whoever shows it reads the mail of the address.
    VerifyEmail,
    /// Whoever shows it may set a password.
    ResetPassword,
    /// Whoever shows it has given the right password, and goes on with a code.
    SecondFactor,
}

/// A token for one purpose, of the form of a [`SessionToken`](crate::SessionToken) with `pot1_` before it. Only its SHA-256 is stored.
pub struct OneTimeToken(TokenText);

platform_core::id_type! {
    /// Names a one-time token in the database.
    pub(crate) struct OneTimeTokenId;
}

impl Purpose {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ResetPassword => "reset_password",
            Self::SecondFactor => "second_factor",
        }
    }

    /// How long a token is good: the longest ones wait for somebody to read mail.
    pub(crate) const fn lifetime(self) -> Duration {
        match self {
            Self::VerifyEmail => Duration::from_secs(24 * 60 * 60),
            Self::ResetPassword => Duration::from_secs(60 * 60),
            Self::SecondFactor => Duration::from_secs(5 * 60),
        }
    }

    /// How many that nobody has consumed a user may have got within an hour.
    const fn hourly_max(self) -> i64 {
        match self {
            Self::VerifyEmail | Self::ResetPassword => 5,
            // Also the bound on guesses of who knows the password, times the attempts of each.
            Self::SecondFactor => 30,
        }
    }
}

impl OneTimeToken {
    /// Reads a token. Says nothing about whether it is good for anything.
    ///
    /// # Errors
    /// [`InvalidToken`], whatever is wrong.
    pub fn parse(text: &str) -> Result<Self, InvalidToken> {
        TokenText::parse(PREFIX, text).map(Self)
    }

    /// The tenant of whose user it claims to be.
    pub fn tenant(&self) -> TenantId {
        self.0.tenant()
    }

    /// The token itself, to be given away once.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    pub(crate) fn hash(&self) -> [u8; 32] {
        self.0.hash()
    }
}

/// Prints nothing of the token.
impl fmt::Debug for OneTimeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTimeToken(****)")
    }
}

/// A token for what is not stored here, such as an invitation.
pub(crate) fn draw(tenant: TenantId, sources: &Sources) -> OneTimeToken {
    OneTimeToken(TokenText::generate(PREFIX, tenant, sources))
}

/// A token that was issued, and how long it is good.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) token: OneTimeToken,
    pub(crate) expires_at: Timestamp,
}

/// Issues a token to a user; the older ones of the purpose are void from now on. `None` when the user has got too many of them
/// within the last hour, and then none is void.
///
/// Locks the user. Call it after the user or nothing of the user was locked.
pub(crate) async fn issue(
    tx: &mut TenantTx,
    sources: &Sources,
    user: PrincipalId,
    purpose: Purpose,
) -> Result<Option<Issued>, DbError> {
    let now = sources.now();
    if !lock(tx, user).await? {
        return Ok(None);
    }
    let since = now - COUNTED;
    if stored::count(tx, user, purpose, since).await? >= purpose.hourly_max() {
        return Ok(None);
    }
    stored::forget(tx, user, purpose, since).await?;
    stored::void(tx, user, purpose, now).await?;
    let token = OneTimeToken(TokenText::generate(PREFIX, tx.tenant(), sources));
    let expires_at = now + purpose.lifetime();
    let new = stored::New {
        id: OneTimeTokenId::generate(sources),
        user,
        purpose,
        token: &token,
        issued_at: now,
        expires_at,
    };
    stored::insert(tx, &new).await?;
    Ok(Some(Issued { token, expires_at }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SessionToken;

    #[test]
    fn the_token_of_a_session_is_no_one_time_token_and_the_other_way_round() {
        let sources = Sources::system();
        let tenant = TenantId::generate(&sources);
        let session = SessionToken::generate(tenant, &sources);
        let once = OneTimeToken(TokenText::generate(PREFIX, tenant, &sources));

        assert!(OneTimeToken::parse(session.expose()).is_err());
        assert!(SessionToken::parse(once.expose()).is_err());
        assert_eq!(OneTimeToken::parse(once.expose()).unwrap().tenant(), tenant);
        assert_eq!(format!("{once:?}"), "OneTimeToken(****)");
    }
}
