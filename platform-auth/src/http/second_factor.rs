//! A second factor: setting it up, giving it up, and signing in with it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use platform_core::Timestamp;
use platform_core::http::{Caller, Json, Problem, Visitor};
use platform_core::secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::SessionWay;
use super::account::{NO_STORE, Uncached};
use super::body::{SignedInBody, Token};
use super::cookie::Client;
use crate::{Auth, Challenge, Confirmed, Enrolment, RecoveryCodes};

/// The password was right, and nobody is signed in: there is no `token` in it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChallengeBody {
    /// `required`
    #[schema(example = "required")]
    second_factor: &'static str,
    /// Send it with the code to `POST /auth/login/second-factor`. It is good for nothing else, and once.
    #[schema(value_type = String, example = "pot1_AY8rbnwafT6bGi9ObYwKEg_…")]
    challenge: Token,
    /// When it is good no longer. With the fifth wrong code it is not, either.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-02T03:09:05.678901Z")]
    expires_at: Timestamp,
    /// What may be sent as the code.
    #[schema(example = json!(["totp", "recovery_code"]))]
    methods: [&'static str; 2],
}

/// A challenge and its code.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecondFactorBody {
    #[schema(value_type = String, example = "pot1_AY8rbnwafT6bGi9ObYwKEg_…", max_length = 78)]
    challenge: SecretString,
    /// The six digits of the authenticator, or a recovery code.
    #[schema(value_type = String, format = Password, example = "123456", max_length = 64)]
    code: SecretString,
    /// How the token is to come; the cookie only for a page of the service.
    #[serde(default)]
    session: SessionWay,
}

/// The password, to prove who asks.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrolBody {
    #[schema(value_type = String, format = Password, example = "correct horse battery", max_length = 1024)]
    password: SecretString,
}

/// The seed of an authenticator, shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub struct EnrolmentBody {
    /// In base32, to be typed.
    #[schema(value_type = String, example = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")]
    secret: Token,
    /// To be shown as a QR code.
    #[schema(value_type = String, example = "otpauth://totp/Acme:ada%40example.com?secret=…&issuer=Acme&algorithm=SHA1&digits=6&period=30")]
    otpauth_url: Token,
}

/// A code of the authenticator.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CodeBody {
    #[schema(value_type = String, format = Password, example = "123456", max_length = 64)]
    code: SecretString,
}

/// The password and a code, to prove who asks.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordAndCodeBody {
    #[schema(value_type = String, format = Password, example = "correct horse battery", max_length = 1024)]
    password: SecretString,
    /// The six digits of the authenticator, or a recovery code.
    #[schema(value_type = String, format = Password, example = "123456", max_length = 64)]
    code: SecretString,
}

/// Codes that stand in for the authenticator, each once, shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecoveryCodesBody {
    #[schema(value_type = Vec<String>, example = json!(["7k2m-91fq-x0hd-4zsa"]))]
    recovery_codes: Vec<Token>,
}

/// Signing in takes codes from now on.
#[derive(Debug, Serialize, ToSchema)]
pub struct EnrolledBody {
    /// Codes that stand in for the authenticator, each once, shown this once.
    #[schema(value_type = Vec<String>, example = json!(["7k2m-91fq-x0hd-4zsa"]))]
    recovery_codes: Vec<Token>,
    /// The session of the call under its new token.
    session: SignedInBody,
}

impl From<Challenge> for ChallengeBody {
    fn from(challenge: Challenge) -> Self {
        Self {
            second_factor: "required",
            challenge: Token::new(challenge.token.expose()),
            expires_at: challenge.expires_at,
            methods: ["totp", "recovery_code"],
        }
    }
}

impl From<Enrolment> for EnrolmentBody {
    fn from(enrolment: Enrolment) -> Self {
        Self {
            secret: Token::new(enrolment.secret.expose()),
            otpauth_url: Token::new(enrolment.url.expose()),
        }
    }
}

fn shown(codes: &RecoveryCodes) -> Vec<Token> {
    codes.expose().map(Token::new).collect()
}

/// Sign in with a code, after the password.
///
/// A session under whose token this is called is ended.
#[utoipa::path(
    post,
    path = "/auth/login/second-factor",
    tag = "auth",
    operation_id = "login_second_factor",
    params(("X-Tenant" = Option<String>, Header, description = "The tenant's slug, where the host name does not say it.")),
    request_body = SecondFactorBody,
    responses(
        (status = 200, description = "Signed in.", body = SignedInBody),
        (status = 401, description = "`invalid_challenge`: begin anew; `invalid_code`", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`tenant_suspended`; `cross_site_request`: the cookie was asked for by a page that is not the service's", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too_many_attempts`, with `Retry-After`", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn login(
    State(auth): State<Auth>,
    Visitor(ctx): Visitor,
    client: Client,
    Json(body): Json<SecondFactorBody>,
) -> Result<Response, Problem> {
    let issue = client.asks_for(body.session)?;
    let challenge = body.challenge.expose_secret();
    let signed_in = auth.sign_in_with_code(&ctx, challenge, body.code).await?;
    let now = auth.inner.sources.now();
    issue.answer(StatusCode::OK, now, signed_in, SignedInBody::new)
}

/// Begin to set up an authenticator.
///
/// Signing in takes no codes before a first one has confirmed it, within 15 minutes.
#[utoipa::path(
    post,
    path = "/auth/totp",
    tag = "auth",
    operation_id = "enrol_totp",
    request_body = EnrolBody,
    responses(
        (status = 201, description = "The seed, shown this once.", body = EnrolmentBody),
        (status = 403, description = "`wrong_password`; `email_unverified`, where the service sends mail", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`totp_enrolled`", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too_many_attempts`, with `Retry-After`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn enrol(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Json(body): Json<EnrolBody>,
) -> Result<(StatusCode, Uncached<EnrolmentBody>), Problem> {
    let enrolment = auth.enrol_totp(&ctx, body.password).await?;
    Ok((StatusCode::CREATED, ([NO_STORE], Json(enrolment.into()))))
}

/// Set up an authenticator: signing in takes its codes from now on.
///
/// All other sessions end, and the one of the call goes on under a new token, which comes the way the old one did: the old one is refused
/// from now on.
#[utoipa::path(
    post,
    path = "/auth/totp/confirm",
    tag = "auth",
    operation_id = "confirm_totp",
    request_body = CodeBody,
    responses(
        (status = 200, description = "Set up. Keep the recovery codes, and use the new token.", body = EnrolledBody),
        (status = 403, description = "`invalid_code`; `email_unverified`, where the service sends mail", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`totp_not_enrolled`: no seed waits for its first code", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too_many_attempts`, with `Retry-After`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn confirm(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    client: Client,
    Json(body): Json<CodeBody>,
) -> Result<Response, Problem> {
    let Confirmed {
        recovery_codes,
        signed_in,
    } = auth.confirm_totp(&ctx, body.code).await?;
    let now = auth.inner.sources.now();
    let issue = client.as_it_came();
    issue.answer(StatusCode::OK, now, signed_in, |signed_in, way| EnrolledBody {
        recovery_codes: shown(&recovery_codes),
        session: SignedInBody::new(signed_in, way),
    })
}

/// Give up one's authenticator and the recovery codes.
///
/// All other sessions end, and the one of the call goes on under a new token, which comes the way the old one did: the old one is refused
/// from now on.
#[utoipa::path(
    post,
    path = "/auth/totp/disable",
    tag = "auth",
    operation_id = "disable_totp",
    request_body = PasswordAndCodeBody,
    responses(
        (status = 200, description = "Signing in takes no code any more. Use the new token.", body = SignedInBody),
        (status = 403, description = "`wrong_password`, `invalid_code`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`totp_not_enrolled`", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too_many_attempts`, with `Retry-After`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn disable(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    client: Client,
    Json(body): Json<PasswordAndCodeBody>,
) -> Result<Response, Problem> {
    let signed_in = auth.disable_totp(&ctx, body.password, body.code).await?;
    let now = auth.inner.sources.now();
    let issue = client.as_it_came();
    issue.answer(StatusCode::OK, now, signed_in, SignedInBody::new)
}

/// Make one's recovery codes anew. The older ones are worthless.
#[utoipa::path(
    post,
    path = "/auth/recovery-codes",
    tag = "auth",
    operation_id = "renew_recovery_codes",
    request_body = PasswordAndCodeBody,
    responses(
        (status = 200, description = "The codes, shown this once.", body = RecoveryCodesBody),
        (status = 403, description = "`wrong_password`, `invalid_code`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`totp_not_enrolled`", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too_many_attempts`, with `Retry-After`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn renew_recovery_codes(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Json(body): Json<PasswordAndCodeBody>,
) -> Result<Uncached<RecoveryCodesBody>, Problem> {
    let codes = auth.renew_recovery_codes(&ctx, body.password, body.code).await?;
    let body = RecoveryCodesBody {
        recovery_codes: shown(&codes),
    };
    Ok(([NO_STORE], Json(body)))
}
