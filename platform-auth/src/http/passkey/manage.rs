//! Registering, seeing, renaming and removing one's passkeys.

use axum::extract::State;
use axum::http::StatusCode;
use platform_core::http::{Caller, Json, Page, PageQuery, Path, Problem, Query};
use platform_core::secrecy::ExposeSecret as _;

use super::body::{NewPasskeyBody, PasskeyBody, PasskeyChallengeBody, PasskeyNameBody, ProofBody};
use crate::http::account::{NO_STORE, Uncached};
use crate::{Auth, PasskeyId};

/// Begin to register a passkey.
///
/// Whoever asks sends the password, or has signed in within the last five minutes.
#[utoipa::path(
    post,
    path = "/auth/passkeys",
    tag = "auth",
    operation_id = "begin_passkey",
    request_body = ProofBody,
    responses(
        (status = 200, description = "What the browser is asked.", body = PasskeyChallengeBody),
        (status = 403, description = "`wrong_password`, `reauthentication_required`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`too_many`: there are 20", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too_many_attempts`, with `Retry-After`", body = Problem, content_type = "application/problem+json"),
        (status = 501, description = "`no_passkeys`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`busy`, `unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn begin(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Json(body): Json<ProofBody>,
) -> Result<Uncached<PasskeyChallengeBody>, Problem> {
    let challenge = auth.begin_passkey(&ctx, body.password).await?;
    Ok(([NO_STORE], Json(challenge.into())))
}

/// Register a passkey: it signs in from now on, without the password.
#[utoipa::path(
    post,
    path = "/auth/passkeys/confirm",
    tag = "auth",
    operation_id = "confirm_passkey",
    request_body = NewPasskeyBody,
    responses(
        (status = 201, description = "Registered.", body = PasskeyBody),
        (status = 403, description = "`invalid_passkey`: whatever is wrong with challenge or answer, begin anew", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_body` with the field to correct", body = Problem, content_type = "application/problem+json"),
        (status = 501, description = "`no_passkeys`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn confirm(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Json(body): Json<NewPasskeyBody>,
) -> Result<(StatusCode, Json<PasskeyBody>), Problem> {
    let challenge = body.challenge.expose_secret();
    let passkey = auth
        .confirm_passkey(&ctx, challenge, body.credential, &body.name)
        .await?;
    Ok((StatusCode::CREATED, Json(passkey.into())))
}

/// List one's passkeys in the order in which they were registered.
#[utoipa::path(
    get,
    path = "/auth/passkeys",
    tag = "auth",
    operation_id = "list_passkeys",
    params(PageQuery),
    responses((status = 200, description = "A page of passkeys.", body = Page<PasskeyBody>)),
    security(("bearer" = [])),
)]
pub(super) async fn list(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<PasskeyBody>>, Problem> {
    let page = query.resolve::<PasskeyId>()?;
    let passkeys = auth.list_passkeys(&ctx, page.after, page.limit + 1).await?;
    let passkeys = passkeys.into_iter().map(PasskeyBody::from).collect();
    Ok(Json(Page::build(passkeys, page.limit, PasskeyBody::id)))
}

/// Give one's passkey another name.
#[utoipa::path(
    put,
    path = "/auth/passkeys/{id}",
    tag = "auth",
    operation_id = "rename_passkey",
    params(("id" = PasskeyId, Path)),
    request_body = PasskeyNameBody,
    responses(
        (status = 204, description = "It is called so."),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_body` with the field to correct", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn rename(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<PasskeyId>,
    Json(body): Json<PasskeyNameBody>,
) -> Result<StatusCode, Problem> {
    auth.rename_passkey(&ctx, id, &body.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Remove one's passkey.
///
/// All other sessions end. Whoever asks sends the password, or has signed in within the last five minutes.
#[utoipa::path(
    post,
    path = "/auth/passkeys/{id}/remove",
    tag = "auth",
    operation_id = "remove_passkey",
    params(("id" = PasskeyId, Path)),
    request_body = ProofBody,
    responses(
        (status = 204, description = "It signs in no longer."),
        (status = 403, description = "`wrong_password`, `reauthentication_required`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too_many_attempts`, with `Retry-After`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn remove(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<PasskeyId>,
    Json(body): Json<ProofBody>,
) -> Result<StatusCode, Problem> {
    auth.remove_passkey(&ctx, id, body.password).await?;
    Ok(StatusCode::NO_CONTENT)
}
