//! One's own API keys. All of it takes a session: keys are not made with keys.

use axum::extract::State;
use axum::http::StatusCode;
use platform_core::http::{Caller, Json, Page, PageQuery, Path, Problem, Query};

use super::body::{ApiKeyBody, IssuedApiKeyBody, NewApiKeyBody, RotationBody};
use crate::http::account::{NO_STORE, Uncached};
use crate::{ApiKeyId, ApiKeyOwner, ApiKeysOf, Auth};

/// Make an API key of one's own.
#[utoipa::path(
    post,
    path = "/auth/api-keys",
    tag = "api-keys",
    operation_id = "create_api_key",
    request_body = NewApiKeyBody,
    responses(
        (status = 201, description = "The key, shown this once.", body = IssuedApiKeyBody),
        (status = 403, description = "`session_required`; `exceeds_own_rights`: the caller does not hold one of the scopes", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`too_many` keys that work", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_body` with the field to correct", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn create(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Json(body): Json<NewApiKeyBody>,
) -> Result<(StatusCode, Uncached<IssuedApiKeyBody>), Problem> {
    let issued = auth
        .create_api_key(&ctx, ApiKeyOwner::Caller, body.into())
        .await?;
    Ok((StatusCode::CREATED, ([NO_STORE], Json(issued.into()))))
}

/// List one's own API keys in the order in which they were made.
#[utoipa::path(
    get,
    path = "/auth/api-keys",
    tag = "api-keys",
    operation_id = "list_api_keys",
    params(PageQuery),
    responses(
        (status = 200, description = "A page of keys, those that work no longer too.", body = Page<ApiKeyBody>),
        (status = 403, description = "`session_required`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn list(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<ApiKeyBody>>, Problem> {
    let page = query.resolve::<ApiKeyId>()?;
    let keys = auth
        .list_api_keys(&ctx, ApiKeysOf::Caller, page.after, page.limit + 1)
        .await?;
    let keys = keys.into_iter().map(ApiKeyBody::from).collect();
    Ok(Json(Page::build(keys, page.limit, ApiKeyBody::id)))
}

/// Put another API key in the place of one's own.
///
/// The new one has the same name, scopes, resources and addresses. The old one works on for the overlap.
#[utoipa::path(
    post,
    path = "/auth/api-keys/{id}/rotate",
    tag = "api-keys",
    operation_id = "rotate_api_key",
    params(("id" = ApiKeyId, Path)),
    request_body = RotationBody,
    responses(
        (status = 201, description = "The new key, shown this once.", body = IssuedApiKeyBody),
        (status = 403, description = "`session_required`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`already_rotated`; `key_not_live`: it is revoked or has expired; `too_many`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_body` with the field to correct", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn rotate(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<ApiKeyId>,
    Json(body): Json<RotationBody>,
) -> Result<(StatusCode, Uncached<IssuedApiKeyBody>), Problem> {
    let issued = auth
        .rotate_api_key(&ctx, ApiKeyOwner::Caller, id, body.into())
        .await?;
    Ok((StatusCode::CREATED, ([NO_STORE], Json(issued.into()))))
}

/// Revoke one's own API key: the next request under it is refused.
///
/// Revoking it again answers the same.
#[utoipa::path(
    delete,
    path = "/auth/api-keys/{id}",
    tag = "api-keys",
    operation_id = "revoke_api_key",
    params(("id" = ApiKeyId, Path)),
    responses(
        (status = 200, description = "The key, with when and by whom it was revoked.", body = ApiKeyBody),
        (status = 403, description = "`session_required`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn revoke(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<ApiKeyId>,
) -> Result<Json<ApiKeyBody>, Problem> {
    let key = auth.revoke_api_key(&ctx, ApiKeysOf::Caller, id).await?;
    Ok(Json(key.into()))
}
