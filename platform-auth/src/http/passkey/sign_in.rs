//! Signing in, and stepping up, with a passkey.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use platform_core::http::{Caller, Json, Problem, Visitor};
use platform_core::secrecy::ExposeSecret as _;

use super::body::{PasskeyAnswerBody, PasskeyChallengeBody, PasskeySignInBody};
use super::problem::of_sign_in;
use crate::Auth;
use crate::http::account::{NO_STORE, Uncached};
use crate::http::body::SignedInBody;
use crate::http::cookie::Client;

/// Begin to sign in with a passkey, without saying who one is.
#[utoipa::path(
    post,
    path = "/auth/login/passkey",
    tag = "auth",
    operation_id = "begin_passkey_login",
    params(("X-Tenant" = Option<String>, Header, description = "The tenant's slug, where the host name does not say it.")),
    responses(
        (status = 200, description = "What the browser is asked.", body = PasskeyChallengeBody),
        (status = 403, description = "`tenant_suspended`", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too_many_attempts`, with `Retry-After`", body = Problem, content_type = "application/problem+json"),
        (status = 501, description = "`no_passkeys`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn begin(
    State(auth): State<Auth>,
    Visitor(ctx): Visitor,
) -> Result<Uncached<PasskeyChallengeBody>, Problem> {
    let challenge = auth.begin_passkey_sign_in(&ctx).await?;
    Ok(([NO_STORE], Json(challenge.into())))
}

/// Sign in with a passkey.
///
/// It counts as both factors: no code is asked for. A session under whose token this is called is ended.
#[utoipa::path(
    post,
    path = "/auth/login/passkey/confirm",
    tag = "auth",
    operation_id = "confirm_passkey_login",
    params(("X-Tenant" = Option<String>, Header, description = "The tenant's slug, where the host name does not say it.")),
    request_body = PasskeySignInBody,
    responses(
        (status = 200, description = "Signed in.", body = SignedInBody),
        (status = 401, description = "`invalid_passkey`: whatever is wrong with challenge or answer, begin anew", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`tenant_suspended`, `email_unverified`; `cross_site_request`: the cookie was asked for by a page that is not the service's", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too_many_attempts`, with `Retry-After`", body = Problem, content_type = "application/problem+json"),
        (status = 501, description = "`no_passkeys`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn confirm(
    State(auth): State<Auth>,
    Visitor(ctx): Visitor,
    client: Client,
    Json(body): Json<PasskeySignInBody>,
) -> Result<Response, Problem> {
    let issue = client.asks_for(body.session)?;
    let challenge = body.challenge.expose_secret();
    let signed_in = auth.sign_in_with_passkey(&ctx, challenge, body.credential).await;
    let now = auth.inner.sources.now();
    issue.answer(
        StatusCode::OK,
        now,
        signed_in.map_err(of_sign_in)?,
        SignedInBody::new,
    )
}

/// Begin to prove anew with a passkey who one is.
#[utoipa::path(
    post,
    path = "/auth/step-up/passkey",
    tag = "auth",
    operation_id = "begin_passkey_step_up",
    responses(
        (status = 200, description = "What the browser is asked.", body = PasskeyChallengeBody),
        (status = 404, description = "`not_found`: the user has no passkey", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too_many_attempts`, with `Retry-After`", body = Problem, content_type = "application/problem+json"),
        (status = 501, description = "`no_passkeys`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn begin_step_up(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
) -> Result<Uncached<PasskeyChallengeBody>, Problem> {
    let challenge = auth.begin_passkey_step_up(&ctx).await?;
    Ok(([NO_STORE], Json(challenge.into())))
}

/// Prove anew with a passkey who one is.
///
/// The session of the call goes on under a new token, which comes the way the old one did: the old one is refused from now on.
#[utoipa::path(
    post,
    path = "/auth/step-up/passkey/confirm",
    tag = "auth",
    operation_id = "confirm_passkey_step_up",
    request_body = PasskeyAnswerBody,
    responses(
        (status = 200, description = "Proved. Use the new token.", body = SignedInBody),
        (status = 403, description = "`invalid_passkey`: whatever is wrong with challenge or answer, begin anew", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too_many_attempts`, with `Retry-After`", body = Problem, content_type = "application/problem+json"),
        (status = 501, description = "`no_passkeys`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn confirm_step_up(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    client: Client,
    Json(body): Json<PasskeyAnswerBody>,
) -> Result<Response, Problem> {
    let challenge = body.challenge.expose_secret();
    let signed_in = auth
        .step_up_with_passkey(&ctx, challenge, body.credential)
        .await?;
    let now = auth.inner.sources.now();
    let issue = client.as_it_came();
    issue.answer(StatusCode::OK, now, signed_in, SignedInBody::new)
}
