//! A user's password and e-mail address.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use platform_core::Timestamp;
use platform_core::http::{Caller, Json, Problem, Visitor};
use platform_core::secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::SignedInBody;
use super::cookie::Client;
use crate::{Auth, CredentialStatus, PasswordChange};

/// Which address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EmailBody {
    #[schema(example = "ada@example.com", max_length = 254, format = "email")]
    email: String,
}

/// A token that came by mail, and the password from now on for whoever is not signed in as the user of the address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyBody {
    #[schema(value_type = String, example = "pot1_AY8rbnwafT6bGi9ObYwKEg_…", max_length = 78)]
    token: SecretString,
    /// At least 8 characters, at most 1,024 bytes, and not easy to guess.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password, example = "battery horse correct", min_length = 8, max_length = 1024)]
    new_password: Option<SecretString>,
}

/// A token that came by mail, and the password from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetBody {
    #[schema(value_type = String, example = "pot1_AY8rbnwafT6bGi9ObYwKEg_…", max_length = 78)]
    token: SecretString,
    /// At least 8 characters, at most 1,024 bytes, and not easy to guess.
    #[schema(value_type = String, format = Password, example = "battery horse correct", min_length = 8, max_length = 1024)]
    new_password: SecretString,
}

/// The password of now, and the one from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordBody {
    #[schema(value_type = String, format = Password, example = "correct horse battery", max_length = 1024)]
    old_password: SecretString,
    /// At least 8 characters, at most 1,024 bytes, and not easy to guess.
    #[schema(value_type = String, format = Password, example = "battery horse correct", min_length = 8, max_length = 1024)]
    new_password: SecretString,
}

/// Nobody is signed in: the address has to be verified first.
#[derive(Debug, Serialize, ToSchema)]
pub struct VerificationRequiredBody {
    /// `required`
    #[schema(example = "required")]
    email_verification: &'static str,
}

/// What a user signs in with.
#[derive(Serialize, ToSchema)]
pub struct CredentialsBody {
    /// Whether somebody has shown that the mail of the address is read.
    email_verified: bool,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-02T03:04:05.678901Z")]
    password_changed_at: Timestamp,
    /// Whether signing in takes a code as well.
    totp: bool,
    /// Recovery codes that are not used yet.
    recovery_codes_left: u32,
    /// The passkeys in the order in which they were registered: there are 20 at most.
    #[cfg(feature = "passkeys")]
    #[schema(max_items = 20)]
    passkeys: Vec<super::PasskeyBody>,
}

impl VerificationRequiredBody {
    pub(super) fn new() -> Self {
        Self {
            email_verification: "required",
        }
    }
}

impl From<CredentialStatus> for CredentialsBody {
    fn from(status: CredentialStatus) -> Self {
        Self {
            email_verified: status.email_verified,
            password_changed_at: status.password_changed_at,
            totp: status.totp,
            recovery_codes_left: status.recovery_codes_left,
            #[cfg(feature = "passkeys")]
            passkeys: status.passkeys.into_iter().map(Into::into).collect(),
        }
    }
}

/// Ask for a mail with which an e-mail address is verified.
///
/// The answer is the same whether anybody has the address, and whether it is verified already.
#[utoipa::path(
    post,
    path = "/auth/email/verification",
    tag = "auth",
    operation_id = "request_email_verification",
    params(("X-Tenant" = Option<String>, Header, description = "The tenant's slug, where the host name does not say it.")),
    request_body = EmailBody,
    responses(
        (status = 202, description = "A token is on its way, if a user has the address and it is not verified. It is good for a day, and voids older ones."),
        (status = 422, description = "`invalid_body`", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too_many_attempts`, with `Retry-After`", body = Problem, content_type = "application/problem+json"),
        (status = 501, description = "`no_mail`: the service sends none", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn request_verification(
    State(auth): State<Auth>,
    Visitor(ctx): Visitor,
    Json(body): Json<EmailBody>,
) -> Result<StatusCode, Problem> {
    auth.request_email_verification(&ctx, &body.email).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Verify an e-mail address with a token that came by mail.
///
/// Under the token of a session of the user of the address, nothing else changes. Anybody else chooses the password of the account: the one
/// of the registration, every session and a second factor go, because whoever registered the address need not be its owner.
#[utoipa::path(
    post,
    path = "/auth/email/verify",
    tag = "auth",
    operation_id = "verify_email",
    params(("X-Tenant" = Option<String>, Header, description = "The tenant's slug, where the host name does not say it.")),
    request_body = VerifyBody,
    responses(
        (status = 204, description = "Verified. Nobody is signed in by that."),
        (status = 422, description = "`invalid_one_time_token`: unknown, used, expired or void; `invalid_body` when a password has to be chosen or cannot be set, and the token is still good", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`busy`, `unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn verify_email(
    State(auth): State<Auth>,
    Visitor(ctx): Visitor,
    Json(body): Json<VerifyBody>,
) -> Result<StatusCode, Problem> {
    auth.verify_email(&ctx, body.token.expose_secret(), body.new_password)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ask for a mail with which a forgotten password is replaced.
///
/// The answer is the same, and takes the same time, whether anybody has the address.
#[utoipa::path(
    post,
    path = "/auth/password/reset",
    tag = "auth",
    operation_id = "request_password_reset",
    params(("X-Tenant" = Option<String>, Header, description = "The tenant's slug, where the host name does not say it.")),
    request_body = EmailBody,
    responses(
        (status = 202, description = "A token is on its way, if a user has the address. It is good for an hour, and voids older ones."),
        (status = 422, description = "`invalid_body`", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too_many_attempts`, with `Retry-After`", body = Problem, content_type = "application/problem+json"),
        (status = 501, description = "`no_mail`: the service sends none", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn request_reset(
    State(auth): State<Auth>,
    Visitor(ctx): Visitor,
    Json(body): Json<EmailBody>,
) -> Result<StatusCode, Problem> {
    auth.request_password_reset(&ctx, &body.email).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Set a new password with a token that came by mail.
///
/// Every session of the user ends, and nobody is signed in. A second factor stays, unless the address had not been verified before.
#[utoipa::path(
    post,
    path = "/auth/password/reset/confirm",
    tag = "auth",
    operation_id = "reset_password",
    params(("X-Tenant" = Option<String>, Header, description = "The tenant's slug, where the host name does not say it.")),
    request_body = ResetBody,
    responses(
        (status = 204, description = "The password is set. Sign in with it."),
        (status = 422, description = "`invalid_one_time_token`: unknown, used, expired or void; `invalid_body` when the password cannot be set, and the token is still good", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`busy`, `unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn reset_password(
    State(auth): State<Auth>,
    Visitor(ctx): Visitor,
    Json(body): Json<ResetBody>,
) -> Result<StatusCode, Problem> {
    auth.reset_password(&ctx, body.token.expose_secret(), body.new_password)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Change one's own password.
///
/// All other sessions end, and the one of the call goes on under a new token, which comes the way the old one did: the old one is refused
/// from now on.
#[utoipa::path(
    post,
    path = "/auth/password",
    tag = "auth",
    operation_id = "change_password",
    request_body = PasswordBody,
    responses(
        (status = 200, description = "Changed. Use the new token.", body = SignedInBody),
        (status = 403, description = "`wrong_password`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_body` when the new password cannot be set", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too_many_attempts`, with `Retry-After`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`busy`, `unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn change_password(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    client: Client,
    Json(body): Json<PasswordBody>,
) -> Result<Response, Problem> {
    let change = PasswordChange {
        old: body.old_password,
        new: body.new_password,
    };
    let signed_in = auth.change_password(&ctx, change).await?;
    let now = auth.inner.sources.now();
    client
        .as_it_came()
        .answer(StatusCode::OK, now, signed_in, SignedInBody::new)
}

/// See what one has to sign in with.
///
/// When the password was chosen, whether a code is asked for, how many recovery codes are left, and the passkeys with their names.
#[utoipa::path(
    get,
    path = "/auth/credentials",
    tag = "auth",
    operation_id = "credentials",
    responses((status = 200, description = "What there is, and nothing of it.", body = CredentialsBody)),
    security(("bearer" = [])),
)]
pub(super) async fn credentials(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
) -> Result<Json<CredentialsBody>, Problem> {
    Ok(Json(auth.credential_status(&ctx).await?.into()))
}
