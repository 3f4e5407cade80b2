//! The tenants of the platform, for its operators.

use axum::extract::State;
use axum::http::StatusCode;
use platform_core::TenantId;
use platform_core::http::{Caller, Json, Page, PageQuery, Path, Problem, Query};
use platform_core::pg::TenantVerb;

use super::body::{InviteAdminBody, MadeTenantBody, NewTenantBody, OverseenTenantBody, WhyBody};
use crate::http::account::{NO_STORE, Uncached};
use crate::http::invitations::InvitedBody;
use crate::{Auth, Oversight};

/// Make a tenant.
///
/// What is done stands in the caller's trail and in that of the new tenant.
#[utoipa::path(
    post,
    path = "/tenants",
    tag = "platform",
    operation_id = "create_tenant",
    request_body = NewTenantBody,
    responses(
        (status = 201, description = "The tenant.", body = MadeTenantBody),
        (status = 403, description = "`forbidden`: needs `platform:tenants`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`slug_taken`, `too_deep`, `too_many`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_body` with the field to correct", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`busy`, `unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn create(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Json(body): Json<NewTenantBody>,
) -> Result<(StatusCode, Uncached<MadeTenantBody>), Problem> {
    let made = auth.create_tenant(&ctx, Oversight::Platform, body.into()).await?;
    Ok((StatusCode::CREATED, ([NO_STORE], Json(made.into()))))
}

/// List the tenants of the platform in the order in which they were made.
#[utoipa::path(
    get,
    path = "/tenants",
    tag = "platform",
    operation_id = "list_tenants",
    params(PageQuery),
    responses(
        (status = 200, description = "A page of tenants.", body = Page<OverseenTenantBody>),
        (status = 403, description = "`forbidden`: needs `platform:tenants`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn list(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<OverseenTenantBody>>, Problem> {
    let page = query.resolve::<TenantId>()?;
    let tenants = auth
        .list_overseen_tenants(&ctx, Oversight::Platform, page.after, page.limit + 1)
        .await?;
    let tenants = tenants.into_iter().map(OverseenTenantBody::from).collect();
    Ok(Json(Page::build(tenants, page.limit, OverseenTenantBody::id)))
}

/// See a tenant.
#[utoipa::path(
    get,
    path = "/tenants/{id}",
    tag = "platform",
    operation_id = "get_tenant",
    params(("id" = TenantId, Path)),
    responses(
        (status = 200, description = "The tenant.", body = OverseenTenantBody),
        (status = 403, description = "`forbidden`: needs `platform:tenants`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn one(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<TenantId>,
) -> Result<Json<OverseenTenantBody>, Problem> {
    let tenant = auth.overseen_tenant(&ctx, Oversight::Platform, id).await?;
    tenant
        .map(|tenant| Json(tenant.into()))
        .ok_or_else(Problem::not_found)
}

/// Suspend a tenant: every credential of it is refused until it is resumed.
#[utoipa::path(
    post,
    path = "/tenants/{id}/suspend",
    tag = "platform",
    operation_id = "suspend_tenant",
    params(("id" = TenantId, Path)),
    request_body = WhyBody,
    responses(
        (status = 200, description = "The tenant as it is now.", body = OverseenTenantBody),
        (status = 403, description = "`forbidden`: needs `platform:tenants`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`tenant_status` with the `tenant_status` that it has, `own_tenant`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_body` with the field to correct", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn suspend(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<TenantId>,
    Json(body): Json<WhyBody>,
) -> Result<Json<OverseenTenantBody>, Problem> {
    let done = (TenantVerb::Suspend, body.reason.as_deref());
    let tenant = auth.change_tenant(&ctx, Oversight::Platform, id, done).await?;
    Ok(Json(tenant.into()))
}

/// Resume a suspended tenant.
#[utoipa::path(
    post,
    path = "/tenants/{id}/resume",
    tag = "platform",
    operation_id = "resume_tenant",
    params(("id" = TenantId, Path)),
    request_body = WhyBody,
    responses(
        (status = 200, description = "The tenant as it is now.", body = OverseenTenantBody),
        (status = 403, description = "`forbidden`: needs `platform:tenants`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`tenant_status` with the `tenant_status` that it has", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_body` with the field to correct", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn resume(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<TenantId>,
    Json(body): Json<WhyBody>,
) -> Result<Json<OverseenTenantBody>, Problem> {
    let done = (TenantVerb::Resume, body.reason.as_deref());
    let tenant = auth.change_tenant(&ctx, Oversight::Platform, id, done).await?;
    Ok(Json(tenant.into()))
}

/// Close a tenant for good.
///
/// Its sessions end, its slug stays taken, and its trail stays.
#[utoipa::path(
    post,
    path = "/tenants/{id}/close",
    tag = "platform",
    operation_id = "close_tenant",
    params(("id" = TenantId, Path)),
    request_body = WhyBody,
    responses(
        (status = 200, description = "The tenant as it is now.", body = OverseenTenantBody),
        (status = 403, description = "`forbidden`: needs `platform:tenants`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`tenant_status` with the `tenant_status` that it has, `own_tenant`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_body` with the field to correct", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn close(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<TenantId>,
    Json(body): Json<WhyBody>,
) -> Result<Json<OverseenTenantBody>, Problem> {
    let done = (TenantVerb::Close, body.reason.as_deref());
    let tenant = auth.change_tenant(&ctx, Oversight::Platform, id, done).await?;
    Ok(Json(tenant.into()))
}

/// Invite somebody to administer a tenant.
#[utoipa::path(
    post,
    path = "/tenants/{id}/invitations",
    tag = "platform",
    operation_id = "invite_tenant_admin",
    params(("id" = TenantId, Path)),
    request_body = InviteAdminBody,
    responses(
        (status = 201, description = "The invitation, and its token where no mail is sent.", body = InvitedBody),
        (status = 403, description = "`forbidden`: needs `platform:tenants`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`tenant_status` of a closed one, `too_many` with the `max` that may be open", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_body` with the field to correct", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn invite(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<TenantId>,
    Json(body): Json<InviteAdminBody>,
) -> Result<(StatusCode, Uncached<InvitedBody>), Problem> {
    let invited = auth
        .invite_admin(&ctx, Oversight::Platform, id, body.email)
        .await?;
    Ok((StatusCode::CREATED, ([NO_STORE], Json(invited.into()))))
}
