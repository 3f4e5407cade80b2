//! How errors are answered: one conversion for each, and nothing of what happened inside.

use std::time::Duration;

use axum::http::StatusCode;
use platform_core::error_chain;
use platform_core::http::Problem;
use serde_json::json;

use crate::{
    AccessError, AuthenticateError, CredentialError, EraseUserError, Fault, HashError, HoldUserError,
    InvalidPassword, InvalidRegistration, MailRequestError, RegisterError, SessionError, SignInError,
    TenantRefused,
};

impl From<RegisterError> for Problem {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::Closed => Self::new(
                StatusCode::FORBIDDEN,
                "registration_closed",
                "users of this service do not register themselves",
            ),
            RegisterError::Invalid(invalid) => of_registration(&invalid),
            RegisterError::EmailDomain => Self::invalid_body().field(
                "email",
                "domain_not_allowed",
                "addresses of this domain cannot register, ask for an invitation",
            ),
            RegisterError::EmailTaken => Self::new(
                StatusCode::CONFLICT,
                "email_taken",
                "a user has this e-mail address already",
            )
            .field("email", "taken", "sign in, or register with another address"),
            RegisterError::TooManyAttempts { retry_after } => too_many_attempts(retry_after),
            RegisterError::Tenant(refused) => of_tenant(refused),
            RegisterError::Fault(fault) => of_fault(fault),
        }
    }
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::InvalidCredentials => Self::new(
                StatusCode::UNAUTHORIZED,
                "invalid_credentials",
                "the e-mail address or the password is wrong",
            ),
            SignInError::InvalidChallenge => Self::new(
                StatusCode::UNAUTHORIZED,
                "invalid_challenge",
                "the challenge is not valid any more, sign in with the password again",
            ),
            SignInError::InvalidCode => Self::new(
                StatusCode::UNAUTHORIZED,
                "invalid_code",
                "the code is wrong or was used already",
            ),
            SignInError::TooManyAttempts { retry_after } => too_many_attempts(retry_after),
            SignInError::Tenant(refused) => of_tenant(refused),
            SignInError::Fault(fault) => of_fault(fault),
        }
    }
}

/// 401 would tell a client that its token is worthless, which it is not.
impl From<CredentialError> for Problem {
    fn from(error: CredentialError) -> Self {
        match error {
            CredentialError::NoUser => Self::not_found(),
            CredentialError::SessionRequired => session_required(),
            CredentialError::SecondFactorRequired => second_factor_required(),
            CredentialError::WrongPassword => {
                Self::new(StatusCode::FORBIDDEN, "wrong_password", "the password is wrong")
            }
            CredentialError::InvalidCode => Self::new(
                StatusCode::FORBIDDEN,
                "invalid_code",
                "the code is wrong or was used already",
            ),
            CredentialError::Password(invalid) => {
                Self::invalid_body().field("new_password", invalid.code(), invalid.to_string())
            }
            CredentialError::PasswordRequired => Self::invalid_body().field(
                "new_password",
                "required",
                "choose a password, or sign in as the user of the address first",
            ),
            CredentialError::EmailUnverified => email_unverified(),
            CredentialError::InvalidToken => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid_one_time_token",
                "the token is not valid any more, ask for another one",
            ),
            CredentialError::AlreadyEnrolled => Self::new(
                StatusCode::CONFLICT,
                "totp_enrolled",
                "a second factor is set up already, give it up first",
            ),
            CredentialError::NotEnrolled => Self::new(
                StatusCode::CONFLICT,
                "totp_not_enrolled",
                "there is no second factor, or none that waits for its first code",
            ),
            CredentialError::TooManyAttempts { retry_after } => too_many_attempts(retry_after),
            CredentialError::Tenant(refused) => of_tenant(refused),
            CredentialError::Fault(fault) => of_fault(fault),
        }
    }
}

impl From<MailRequestError> for Problem {
    fn from(error: MailRequestError) -> Self {
        match error {
            MailRequestError::InvalidEmail(invalid) => {
                Self::invalid_body().field("email", "invalid_email", invalid.to_string())
            }
            MailRequestError::NoMail => Self::new(
                StatusCode::NOT_IMPLEMENTED,
                "no_mail",
                "this service sends no mail, ask its operator",
            ),
            MailRequestError::TooManyAttempts { retry_after } => too_many_attempts(retry_after),
            MailRequestError::Tenant(refused) => of_tenant(refused),
            MailRequestError::Fault(fault) => of_fault(fault),
        }
    }
}

impl From<AuthenticateError> for Problem {
    fn from(error: AuthenticateError) -> Self {
        match error {
            AuthenticateError::InvalidToken => Self::new(
                StatusCode::UNAUTHORIZED,
                "invalid_token",
                "the token is not valid, sign in again",
            ),
            AuthenticateError::TenantSuspended => of_tenant(TenantRefused::Suspended),
            AuthenticateError::Fault(fault) => of_fault(fault),
        }
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Forbidden(forbidden) => forbidden.into(),
            AccessError::SessionRequired => session_required(),
            AccessError::Fault(fault) => of_fault(fault),
        }
    }
}

impl From<SessionError> for Problem {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Forbidden(forbidden) => forbidden.into(),
            SessionError::SessionRequired => session_required(),
            SessionError::NotFound => Self::not_found(),
            SessionError::Fault(fault) => of_fault(fault),
        }
    }
}

impl From<EraseUserError> for Problem {
    fn from(error: EraseUserError) -> Self {
        match error {
            EraseUserError::Forbidden(forbidden) => forbidden.into(),
            EraseUserError::NotFound => Self::not_found(),
            EraseUserError::Held { holds } => {
                let ids: Vec<_> = holds.iter().map(|hold| hold.id).collect();
                let detail = "the user is under a legal hold and cannot be erased until it is released";
                Self::new(StatusCode::CONFLICT, "legal_hold", detail).with("holds", json!(ids))
            }
            EraseUserError::LastAdmin => {
                let detail = "nobody would be left who administers the tenant";
                Self::new(StatusCode::CONFLICT, "last_admin", detail)
            }
            EraseUserError::Fault(fault) => of_fault(fault),
        }
    }
}

impl From<HoldUserError> for Problem {
    fn from(error: HoldUserError) -> Self {
        match error {
            HoldUserError::Forbidden(forbidden) => forbidden.into(),
            HoldUserError::NotFound => Self::not_found(),
            HoldUserError::InvalidReason => {
                Self::invalid_body().field("reason", "invalid_reason", "has 1 to 200 characters")
            }
            HoldUserError::Erased => {
                let detail = "the user has been erased, there is nothing left to hold";
                Self::new(StatusCode::CONFLICT, "user_erased", detail)
            }
            HoldUserError::Fault(fault) => of_fault(fault),
        }
    }
}

fn of_registration(invalid: &InvalidRegistration) -> Problem {
    let InvalidRegistration {
        email,
        password,
        first_name,
        last_name,
    } = invalid;
    let complaints = [
        ("email", "invalid_email", email.map(|error| error.to_string())),
        (
            "password",
            password.map_or("invalid_password", InvalidPassword::code),
            password.map(|error| error.to_string()),
        ),
        (
            "first_name",
            "invalid_name",
            first_name.map(|error| error.to_string()),
        ),
        (
            "last_name",
            "invalid_name",
            last_name.map(|error| error.to_string()),
        ),
    ];
    let problem = Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "invalid_body",
        "the registration has to be corrected",
    );
    complaints
        .into_iter()
        .fold(problem, |problem, (field, code, complaint)| match complaint {
            Some(complaint) => problem.field(field, code, complaint),
            None => problem,
        })
}

pub(super) fn email_unverified() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "email_unverified",
        "verify the e-mail address first, with the token in the mail to it",
    )
}

/// The session is good, and what it began with is not enough for this.
pub(super) fn second_factor_required() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "second_factor_required",
        "this takes a session that began with a second factor",
    )
}

/// The credential is good, and of the wrong sort for this.
pub(super) fn session_required() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "session_required",
        "this takes a session: sign in, an API key is not enough",
    )
}

pub(super) fn too_many_attempts(retry_after: Duration) -> Problem {
    Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too_many_attempts",
        "too many attempts have failed, wait and try again",
    )
    .retry_after(retry_after)
}

pub(super) fn of_tenant(refused: TenantRefused) -> Problem {
    match refused {
        TenantRefused::Unknown => {
            Problem::new(StatusCode::NOT_FOUND, "tenant_unknown", "there is no such tenant")
        }
        TenantRefused::Suspended => Problem::new(
            StatusCode::FORBIDDEN,
            "tenant_suspended",
            "the tenant is suspended and takes no requests",
        ),
    }
}

/// What went wrong inside is logged once, here or with the conversion of the database's error, and not told.
pub(super) fn of_fault(fault: Fault) -> Problem {
    match fault {
        Fault::Hash(HashError::Busy { retry_after }) => {
            tracing::warn!("a password was not hashed: too many are being hashed");
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "too many people are signing in, try again",
            )
            .retry_after(retry_after)
        }
        Fault::Db(error) => error.into(),
        Fault::Audit(error) => error.into(),
        Fault::Keys(error) => error.into(),
        Fault::Seal(error) => error.into(),
        Fault::Open(error) => error.into(),
        // The other request has logged why.
        Fault::Shared => Problem::unavailable(),
        Fault::PolicyUnknown => {
            tracing::warn!("a request took longer than what tenants above ask is remembered, and is refused");
            Problem::unavailable()
        }
        Fault::TooMuchGranted => {
            tracing::error!("a caller was granted more than can be compiled, and is refused");
            let detail = "more was granted to you than can be decided about, an administrator has to revoke some of it";
            Problem::new(StatusCode::FORBIDDEN, "too_much_granted", detail)
        }
        Fault::Hash(error) => {
            tracing::error!(error = error_chain(&error), "a password was not hashed");
            Problem::internal()
        }
    }
}
