//! How errors with passkeys are answered.

use axum::http::StatusCode;
use platform_core::http::Problem;

use crate::PasskeyError;
use crate::http::problem::{of_fault, of_tenant, too_many_attempts};

/// To who has signed in, 401 would say that the token is worthless, which it is not.
impl From<PasskeyError> for Problem {
    fn from(error: PasskeyError) -> Self {
        match error {
            PasskeyError::NotConfigured => Self::new(
                StatusCode::NOT_IMPLEMENTED,
                "no_passkeys",
                "this service has no passkeys, ask its operator",
            ),
            PasskeyError::InvalidPasskey => invalid(StatusCode::FORBIDDEN),
            PasskeyError::ReauthenticationRequired => Self::new(
                StatusCode::FORBIDDEN,
                "reauthentication_required",
                "send the password, or step up with a passkey first",
            ),
            PasskeyError::InvalidName(error) => {
                Self::invalid_body().field("name", "invalid_name", error.to_string())
            }
            PasskeyError::NotFound => Self::not_found(),
            PasskeyError::TooMany => Self::new(
                StatusCode::CONFLICT,
                "too_many",
                "there are 20 passkeys already, remove one first",
            ),
            PasskeyError::EmailUnverified => Self::new(
                StatusCode::FORBIDDEN,
                "email_unverified",
                "verify the e-mail address first, with the token in the mail to it",
            ),
            PasskeyError::Credential(error) => error.into(),
            PasskeyError::TooManyAttempts { retry_after } => too_many_attempts(retry_after),
            PasskeyError::Tenant(refused) => of_tenant(refused),
            PasskeyError::Fault(fault) => of_fault(fault),
        }
    }
}

/// To who wants to sign in, 401 says that this did not happen.
pub(super) fn of_sign_in(error: PasskeyError) -> Problem {
    match error {
        PasskeyError::InvalidPasskey => invalid(StatusCode::UNAUTHORIZED),
        error => error.into(),
    }
}

fn invalid(status: StatusCode) -> Problem {
    Problem::new(
        status,
        "invalid_passkey",
        "the passkey is not known here or its answer is not good, begin anew",
    )
}
