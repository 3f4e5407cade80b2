//! Service principals and their API keys, for a tenant's admins.

use axum::extract::State;
use axum::http::StatusCode;
use platform_core::PrincipalId;
use platform_core::http::{Caller, Json, Page, PageQuery, Path, Problem, Query};

use super::body::{
    ApiKeyBody, IssuedApiKeyBody, NewApiKeyBody, NewServicePrincipalBody, RotationBody, ServicePrincipalBody,
    ServicePrincipalChangeBody,
};
use crate::http::account::{NO_STORE, Uncached};
use crate::{
    ApiKeyId, ApiKeyOwner, ApiKeysOf, Auth, SERVICE_PRINCIPALS_MANAGE, ServicePrincipalUpdate, UserStatus,
};

/// Make a service principal, which may do nothing yet.
#[utoipa::path(
    post,
    path = "/service-principals",
    tag = "api-keys",
    operation_id = "create_service_principal",
    request_body = NewServicePrincipalBody,
    responses(
        (status = 201, description = "The service principal.", body = ServicePrincipalBody),
        (status = 403, description = "`forbidden`: needs `service-principals:manage`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`name_taken`, `too_many`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_body` with the field to correct", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn create(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Json(body): Json<NewServicePrincipalBody>,
) -> Result<(StatusCode, Json<ServicePrincipalBody>), Problem> {
    // Who may not make any is told that, whatever else is wrong.
    ctx.require(SERVICE_PRINCIPALS_MANAGE)?;
    let service = auth.create_service_principal(&ctx, &body.name).await?;
    Ok((StatusCode::CREATED, Json(service.into())))
}

/// List the service principals of the tenant in the order in which they were made.
#[utoipa::path(
    get,
    path = "/service-principals",
    tag = "api-keys",
    operation_id = "list_service_principals",
    params(PageQuery),
    responses(
        (status = 200, description = "A page of service principals.", body = Page<ServicePrincipalBody>),
        (status = 403, description = "`forbidden`: needs `service-principals:manage`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn list(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<ServicePrincipalBody>>, Problem> {
    let page = query.resolve::<PrincipalId>()?;
    let services = auth
        .list_service_principals(&ctx, page.after, page.limit + 1)
        .await?;
    let services = services.into_iter().map(ServicePrincipalBody::from).collect();
    Ok(Json(Page::build(services, page.limit, ServicePrincipalBody::id)))
}

/// See a service principal.
#[utoipa::path(
    get,
    path = "/service-principals/{id}",
    tag = "api-keys",
    operation_id = "get_service_principal",
    params(("id" = PrincipalId, Path)),
    responses(
        (status = 200, description = "The service principal.", body = ServicePrincipalBody),
        (status = 403, description = "`forbidden`: needs `service-principals:manage`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn one(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<PrincipalId>,
) -> Result<Json<ServicePrincipalBody>, Problem> {
    let service = auth.service_principal(&ctx, id).await?;
    service
        .map(|service| Json(service.into()))
        .ok_or_else(Problem::not_found)
}

/// Rename a service principal.
#[utoipa::path(
    put,
    path = "/service-principals/{id}",
    tag = "api-keys",
    operation_id = "update_service_principal",
    params(("id" = PrincipalId, Path)),
    request_body = ServicePrincipalChangeBody,
    responses(
        (status = 200, description = "The service principal as it is now.", body = ServicePrincipalBody),
        (status = 403, description = "`forbidden`: needs `service-principals:manage`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`stale` with the `version` that it has, `name_taken`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_body` with the field to correct", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn update(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<PrincipalId>,
    Json(body): Json<ServicePrincipalChangeBody>,
) -> Result<Json<ServicePrincipalBody>, Problem> {
    ctx.require(SERVICE_PRINCIPALS_MANAGE)?;
    let update = ServicePrincipalUpdate {
        version: body.version,
        name: body.name,
    };
    let service = auth.update_service_principal(&ctx, id, update).await?;
    Ok(Json(service.into()))
}

/// Disable a service principal: its API keys are refused from now on.
#[utoipa::path(
    post,
    path = "/service-principals/{id}/disable",
    tag = "api-keys",
    operation_id = "disable_service_principal",
    params(("id" = PrincipalId, Path)),
    responses(
        (status = 200, description = "The service principal as it is now.", body = ServicePrincipalBody),
        (status = 403, description = "`forbidden`: needs `service-principals:manage`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn disable(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<PrincipalId>,
) -> Result<Json<ServicePrincipalBody>, Problem> {
    let service = auth
        .set_service_principal_status(&ctx, id, UserStatus::Disabled)
        .await?;
    Ok(Json(service.into()))
}

/// Enable a service principal: its API keys are taken again.
#[utoipa::path(
    post,
    path = "/service-principals/{id}/enable",
    tag = "api-keys",
    operation_id = "enable_service_principal",
    params(("id" = PrincipalId, Path)),
    responses(
        (status = 200, description = "The service principal as it is now.", body = ServicePrincipalBody),
        (status = 403, description = "`forbidden`: needs `service-principals:manage`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn enable(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<PrincipalId>,
) -> Result<Json<ServicePrincipalBody>, Problem> {
    let service = auth
        .set_service_principal_status(&ctx, id, UserStatus::Active)
        .await?;
    Ok(Json(service.into()))
}

/// Delete a service principal: it is disabled for good.
///
/// Its API keys and what it was granted are revoked, and it leaves its groups.
#[utoipa::path(
    delete,
    path = "/service-principals/{id}",
    tag = "api-keys",
    operation_id = "delete_service_principal",
    params(("id" = PrincipalId, Path)),
    responses(
        (status = 204, description = "It is deleted."),
        (status = 403, description = "`forbidden`: needs `service-principals:manage`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn delete(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<PrincipalId>,
) -> Result<StatusCode, Problem> {
    auth.delete_service_principal(&ctx, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make an API key of a service principal.
///
/// Its scopes are listed one by one. The service principal holds each, and the caller does as widely as the key reaches and for as long.
#[utoipa::path(
    post,
    path = "/service-principals/{id}/api-keys",
    tag = "api-keys",
    operation_id = "create_service_api_key",
    params(("id" = PrincipalId, Path)),
    request_body = NewApiKeyBody,
    responses(
        (status = 201, description = "The key, shown this once.", body = IssuedApiKeyBody),
        (status = 403, description = "`forbidden`: needs `service-principals:manage`; `session_required`; `exceeds_own_rights`: the caller does not hold one of the scopes as widely as the key reaches and for as long", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`owner_disabled`, `too_many` keys that work", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_body` with the field to correct", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn create_key(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<PrincipalId>,
    Json(body): Json<NewApiKeyBody>,
) -> Result<(StatusCode, Uncached<IssuedApiKeyBody>), Problem> {
    let issued = auth
        .create_api_key(&ctx, ApiKeyOwner::Service(id), body.into())
        .await?;
    Ok((StatusCode::CREATED, ([NO_STORE], Json(issued.into()))))
}

/// List the API keys of a service principal in the order in which they were made.
#[utoipa::path(
    get,
    path = "/service-principals/{id}/api-keys",
    tag = "api-keys",
    operation_id = "list_service_api_keys",
    params(("id" = PrincipalId, Path), PageQuery),
    responses(
        (status = 200, description = "A page of keys, those that work no longer too.", body = Page<ApiKeyBody>),
        (status = 403, description = "`forbidden`: needs `service-principals:manage`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn list_keys(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<PrincipalId>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<ApiKeyBody>>, Problem> {
    let page = query.resolve::<ApiKeyId>()?;
    let keys = auth
        .list_api_keys(&ctx, ApiKeysOf::Service(id), page.after, page.limit + 1)
        .await?;
    let keys = keys.into_iter().map(ApiKeyBody::from).collect();
    Ok(Json(Page::build(keys, page.limit, ApiKeyBody::id)))
}

/// Put another API key of a service principal in the place of one.
///
/// The caller gives the new one, as if it were made anew.
#[utoipa::path(
    post,
    path = "/service-principals/{id}/api-keys/{key_id}/rotate",
    tag = "api-keys",
    operation_id = "rotate_service_api_key",
    params(("id" = PrincipalId, Path), ("key_id" = ApiKeyId, Path)),
    request_body = RotationBody,
    responses(
        (status = 201, description = "The new key, shown this once.", body = IssuedApiKeyBody),
        (status = 403, description = "`forbidden`: needs `service-principals:manage`; `session_required`; `exceeds_own_rights`: the caller does not hold one of the scopes as widely as the key reaches and for as long", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`already_rotated`; `key_not_live`: it is revoked or has expired; `owner_disabled`, `too_many`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_body` with the field to correct", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn rotate_key(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path((id, key)): Path<(PrincipalId, ApiKeyId)>,
    Json(body): Json<RotationBody>,
) -> Result<(StatusCode, Uncached<IssuedApiKeyBody>), Problem> {
    let issued = auth
        .rotate_api_key(&ctx, ApiKeyOwner::Service(id), key, body.into())
        .await?;
    Ok((StatusCode::CREATED, ([NO_STORE], Json(issued.into()))))
}

/// Revoke an API key of a service principal: the next request under it is refused.
///
/// Revoking it again answers the same.
#[utoipa::path(
    delete,
    path = "/service-principals/{id}/api-keys/{key_id}",
    tag = "api-keys",
    operation_id = "revoke_service_api_key",
    params(("id" = PrincipalId, Path), ("key_id" = ApiKeyId, Path)),
    responses(
        (status = 200, description = "The key, with when and by whom it was revoked.", body = ApiKeyBody),
        (status = 403, description = "`forbidden`: needs `service-principals:manage`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn revoke_key(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path((id, key)): Path<(PrincipalId, ApiKeyId)>,
) -> Result<Json<ApiKeyBody>, Problem> {
    let key = auth.revoke_api_key(&ctx, ApiKeysOf::Service(id), key).await?;
    Ok(Json(key.into()))
}
