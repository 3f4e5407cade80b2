//! The API keys of everybody in a tenant, for its admins.

use axum::extract::State;
use platform_core::PrincipalId;
use platform_core::http::{Caller, Json, Page, PageQuery, Path, Problem, Query};
use serde::Deserialize;
use utoipa::IntoParams;

use super::body::ApiKeyBody;
use crate::{ApiKeyId, ApiKeysOf, Auth};

/// Which keys to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ApiKeyQuery {
    /// Of this user or service principal; absent for everybody's.
    #[serde(default)]
    owner_id: Option<PrincipalId>,
}

/// List the API keys of the tenant in the order in which they were made.
#[utoipa::path(
    get,
    path = "/api-keys",
    tag = "api-keys",
    operation_id = "list_tenant_api_keys",
    params(ApiKeyQuery, PageQuery),
    responses(
        (status = 200, description = "A page of keys, those that work no longer too.", body = Page<ApiKeyBody>),
        (status = 403, description = "`forbidden`: needs `api-keys:manage`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn list(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Query(query): Query<ApiKeyQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<ApiKeyBody>>, Problem> {
    let page = page.resolve::<ApiKeyId>()?;
    let limit = page.limit + 1;
    let keys = match query.owner_id {
        Some(owner) => auth.list_api_keys_of(&ctx, owner, page.after, limit).await?,
        None => {
            auth.list_api_keys(&ctx, ApiKeysOf::Anybody, page.after, limit)
                .await?
        }
    };
    let keys = keys.into_iter().map(ApiKeyBody::from).collect();
    Ok(Json(Page::build(keys, page.limit, ApiKeyBody::id)))
}

/// See an API key.
#[utoipa::path(
    get,
    path = "/api-keys/{id}",
    tag = "api-keys",
    operation_id = "get_tenant_api_key",
    params(("id" = ApiKeyId, Path)),
    responses(
        (status = 200, description = "The key, without the key itself.", body = ApiKeyBody),
        (status = 403, description = "`forbidden`: needs `api-keys:manage`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn one(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<ApiKeyId>,
) -> Result<Json<ApiKeyBody>, Problem> {
    let key = auth.api_key(&ctx, id).await?;
    key.map(|key| Json(key.into())).ok_or_else(Problem::not_found)
}

/// Revoke anybody's API key: the next request under it is refused.
///
/// Revoking it again answers the same.
#[utoipa::path(
    delete,
    path = "/api-keys/{id}",
    tag = "api-keys",
    operation_id = "revoke_tenant_api_key",
    params(("id" = ApiKeyId, Path)),
    responses(
        (status = 200, description = "The key, with when and by whom it was revoked.", body = ApiKeyBody),
        (status = 403, description = "`forbidden`: needs `api-keys:manage`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn revoke(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<ApiKeyId>,
) -> Result<Json<ApiKeyBody>, Problem> {
    let key = auth.revoke_api_key(&ctx, ApiKeysOf::Anybody, id).await?;
    Ok(Json(key.into()))
}
