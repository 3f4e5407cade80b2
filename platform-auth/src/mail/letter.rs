//! What is written to users.

use platform_crypto::Secret;
use serde::{Deserialize, Serialize};

use crate::one_time::OneTimeToken;

/// What a mail tells of.
#[derive(Debug)]
pub(crate) enum Letter<'a> {
    /// Here is a token that shows that you read this.
    VerifyEmail(&'a OneTimeToken),
    /// You are invited, and here is a token with which you become a user.
    Invitation(&'a OneTimeToken),
    /// Somebody registered with the address that you have here already.
    AlreadyRegistered,
    /// Here is a token with which you set a new password.
    ResetPassword(&'a OneTimeToken),
    /// The password was changed by who knew the old one.
    PasswordChanged,
    /// The password was set by who had the token.
    PasswordReset,
    /// Signing in takes a code from now on.
    SecondFactorOn,
    /// Signing in takes no code any more.
    SecondFactorOff,
    /// A recovery code was used.
    RecoveryCodeUsed,
    /// There are new recovery codes, and the older ones are worthless.
    RecoveryCodesRenewed,
    /// An API key was made in the user's name.
    ApiKeyMade,
    /// A passkey was registered.
    #[cfg(feature = "passkeys")]
    PasskeyAdded,
    /// A passkey was removed.
    #[cfg(feature = "passkeys")]
    PasskeyRemoved,
    /// A passkey is refused from now on, because there may be a copy of its authenticator.
    #[cfg(feature = "passkeys")]
    PasskeyDisabled,
}

/// A written letter, as it is sealed. Never printed.
#[derive(Serialize, Deserialize)]
pub(super) struct Written {
    pub(super) to: String,
    pub(super) subject: String,
    pub(super) text: String,
}

impl Letter<'_> {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::VerifyEmail(_) => "verify_email",
            Self::Invitation(_) => "invitation",
            Self::AlreadyRegistered => "already_registered",
            Self::ResetPassword(_) => "reset_password",
            Self::PasswordChanged => "password_changed",
            Self::PasswordReset => "password_reset",
            Self::SecondFactorOn => "second_factor_on",
            Self::SecondFactorOff => "second_factor_off",
            Self::RecoveryCodeUsed => "recovery_code_used",
            Self::RecoveryCodesRenewed => "recovery_codes_renewed",
            Self::ApiKeyMade => "api_key_made",
            #[cfg(feature = "passkeys")]
            Self::PasskeyAdded => "passkey_added",
            #[cfg(feature = "passkeys")]
            Self::PasskeyRemoved => "passkey_removed",
            #[cfg(feature = "passkeys")]
            Self::PasskeyDisabled => "passkey_disabled",
        }
    }

    /// The letter in words, under the name of the tenant.
    pub(super) fn written(&self, to: &Secret<String>, tenant: &str, link_base: Option<&str>) -> Written {
        let tenant = one_line(tenant);
        let (subject, text) = match self {
            Self::VerifyEmail(token) => (
                "confirm your e-mail address",
                format!(
                    "Somebody registered at {tenant} with this e-mail address. If that was you, confirm it within 24 hours{}\n\n\
                     Unless you are signed in there, you are asked to choose the password of your account.\n\n\
                     If it was not you, you need not do anything.\n",
                    shown(token, link_base, "/verify-email")
                ),
            ),
            Self::Invitation(token) => (
                "you are invited",
                format!(
                    "You are invited to {tenant}. If you know why, accept{}\n\nIf you do not, you need not do anything.\n",
                    shown(token, link_base, "/accept-invitation")
                ),
            ),
            Self::AlreadyRegistered => (
                "you have an account already",
                format!(
                    "Somebody registered at {tenant} with this e-mail address, and you have an account there already. If that was you, sign \
                     in, or ask for a new password.\n\nIf it was not, you need not do anything.\n"
                ),
            ),
            Self::ResetPassword(token) => (
                "set a new password",
                format!(
                    "Somebody asked for a new password of your account at {tenant}. If that was you, set one within an hour{}\n\n\
                     If it was not, you need not do anything: your password stays as it is.\n",
                    shown(token, link_base, "/reset-password")
                ),
            ),
            Self::PasswordChanged => notice(
                "your password was changed",
                &tenant,
                "The password of your account at {tenant} was changed. Wherever else you had signed in, you are signed out.",
            ),
            Self::PasswordReset => notice(
                "a new password was set",
                &tenant,
                "A new password of your account at {tenant} was set with a token from a mail to you. Wherever you had signed in, you are \
                 signed out.",
            ),
            Self::SecondFactorOn => notice(
                "signing in takes a code now",
                &tenant,
                "Signing in to your account at {tenant} takes a code of your authenticator from now on.",
            ),
            Self::SecondFactorOff => notice(
                "signing in takes no code any more",
                &tenant,
                "Signing in to your account at {tenant} takes no code any more. The password alone suffices.",
            ),
            Self::RecoveryCodeUsed => notice(
                "a recovery code was used",
                &tenant,
                "Somebody signed in to your account at {tenant} with your password and one of your recovery codes.",
            ),
            Self::RecoveryCodesRenewed => notice(
                "you have new recovery codes",
                &tenant,
                "The recovery codes of your account at {tenant} were made anew. The older ones are worthless.",
            ),
            Self::ApiKeyMade => notice(
                "an API key was made",
                &tenant,
                "An API key was made for your account at {tenant}. Whoever has it acts in your name until it expires or is revoked, and a new \
                 password does not change that.",
            ),
            #[cfg(feature = "passkeys")]
            Self::PasskeyAdded => notice(
                "a passkey was added",
                &tenant,
                "A passkey was added to your account at {tenant}. Whoever has it signs in without your password.",
            ),
            #[cfg(feature = "passkeys")]
            Self::PasskeyRemoved => notice(
                "a passkey was removed",
                &tenant,
                "A passkey was removed from your account at {tenant}. Wherever else you had signed in, you are signed out.",
            ),
            #[cfg(feature = "passkeys")]
            Self::PasskeyDisabled => notice(
                "a passkey was switched off",
                &tenant,
                "A passkey of your account at {tenant} was switched off, because there may be a copy of the device it is on. Wherever you \
                 had signed in, you are signed out. Sign in with your password and remove the passkey.",
            ),
        };
        Written {
            to: to.expose().clone(),
            subject: format!("{tenant}: {subject}"),
            text,
        }
    }
}

fn notice(subject: &'static str, tenant: &str, text: &str) -> (&'static str, String) {
    let text = text.replace("{tenant}", tenant);
    let text =
        format!("{text}\n\nIf that was not you, set a new password at once and tell your administrator.\n");
    (subject, text)
}

/// After a `#` a token is in no request and so in no log of a server, and in no `Referer`.
fn shown(token: &OneTimeToken, link_base: Option<&str>, page: &str) -> String {
    let token = token.expose();
    match link_base {
        Some(base) => format!(":\n\n{}{page}#token={token}", base.trim_end_matches('/')),
        None => format!(" with this token:\n\n{token}"),
    }
}

/// A name goes into a header line, and it is the tenant that chose it.
fn one_line(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(100)
        .collect()
}
