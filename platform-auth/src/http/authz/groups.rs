//! Groups and their members.

use axum::extract::State;
use axum::http::StatusCode;
use platform_core::http::{Caller, Json, Page, PageQuery, Path, Problem, Query};

use super::body::{GroupBody, GroupChangeBody, MemberBody, MembershipBody, NameBody};
use crate::{Auth, GroupId, GroupUpdate, MembershipId};

/// Make a group.
#[utoipa::path(
    post,
    path = "/groups",
    tag = "access",
    operation_id = "create_group",
    request_body = NameBody,
    responses(
        (status = 201, description = "The group, without members.", body = GroupBody),
        (status = 403, description = "`forbidden`: needs `groups:manage`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`name_taken`, `too_many`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_body` with the field to correct", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn create(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Json(body): Json<NameBody>,
) -> Result<(StatusCode, Json<GroupBody>), Problem> {
    let group = auth.create_group(&ctx, &body.name).await?;
    Ok((StatusCode::CREATED, Json(group.into())))
}

/// List the groups in the order in which they were made.
#[utoipa::path(
    get,
    path = "/groups",
    tag = "access",
    operation_id = "list_groups",
    params(PageQuery),
    responses(
        (status = 200, description = "A page of groups.", body = Page<GroupBody>),
        (status = 403, description = "`forbidden`: needs `groups:manage` or `grants:manage`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn list(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<GroupBody>>, Problem> {
    let page = query.resolve::<GroupId>()?;
    let groups = auth.list_groups(&ctx, page.after, page.limit + 1).await?;
    let groups = groups.into_iter().map(GroupBody::from).collect();
    Ok(Json(Page::build(groups, page.limit, GroupBody::id)))
}

/// See a group.
#[utoipa::path(
    get,
    path = "/groups/{id}",
    tag = "access",
    operation_id = "get_group",
    params(("id" = GroupId, Path)),
    responses(
        (status = 200, description = "The group.", body = GroupBody),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn one(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<GroupId>,
) -> Result<Json<GroupBody>, Problem> {
    let group = auth.group(&ctx, id).await?;
    group
        .map(|group| Json(group.into()))
        .ok_or_else(Problem::not_found)
}

/// Rename a group.
#[utoipa::path(
    put,
    path = "/groups/{id}",
    tag = "access",
    operation_id = "update_group",
    params(("id" = GroupId, Path)),
    request_body = GroupChangeBody,
    responses(
        (status = 200, description = "The group as it is now.", body = GroupBody),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`stale` with the `version` that it has, `name_taken`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_body` with the field to correct", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn update(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<GroupId>,
    Json(body): Json<GroupChangeBody>,
) -> Result<Json<GroupBody>, Problem> {
    let update = GroupUpdate {
        version: body.version,
        name: body.name,
    };
    let group = auth.update_group(&ctx, id, update).await?;
    Ok(Json(group.into()))
}

/// Delete a group to which nothing is granted.
///
/// Its members leave it, and it leaves the groups that it is in.
#[utoipa::path(
    delete,
    path = "/groups/{id}",
    tag = "access",
    operation_id = "delete_group",
    params(("id" = GroupId, Path)),
    responses(
        (status = 204, description = "It is deleted."),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`in_use`: revoke its grants first; `last_admin`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn delete(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<GroupId>,
) -> Result<StatusCode, Problem> {
    auth.delete_group(&ctx, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make a user or another group a member.
#[utoipa::path(
    post,
    path = "/groups/{id}/members",
    tag = "access",
    operation_id = "add_group_member",
    params(("id" = GroupId, Path)),
    request_body = MemberBody,
    responses(
        (status = 201, description = "The membership.", body = MembershipBody),
        (status = 403, description = "`forbidden`: needs `groups:manage`; `exceeds_own_rights`: the caller lacks something that the group has", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`already_member`, `group_cycle`, `groups_too_deep`, `user_disabled`, `too_many`, `too_many_held`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_body`: there is no such user or group", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn add_member(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<GroupId>,
    Json(body): Json<MemberBody>,
) -> Result<(StatusCode, Json<MembershipBody>), Problem> {
    let membership = auth.add_member(&ctx, id, body.member.into()).await?;
    Ok((StatusCode::CREATED, Json(membership.into())))
}

/// List the direct members of a group in the order in which they became that.
#[utoipa::path(
    get,
    path = "/groups/{id}/members",
    tag = "access",
    operation_id = "list_group_members",
    params(("id" = GroupId, Path), PageQuery),
    responses(
        (status = 200, description = "A page of members.", body = Page<MembershipBody>),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn list_members(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<GroupId>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<MembershipBody>>, Problem> {
    let page = query.resolve::<MembershipId>()?;
    let members = auth.list_members(&ctx, id, page.after, page.limit + 1).await?;
    let members = members.ok_or_else(Problem::not_found)?;
    let members = members.into_iter().map(MembershipBody::from).collect();
    Ok(Json(Page::build(members, page.limit, MembershipBody::id)))
}

/// Take a member out of a group.
#[utoipa::path(
    delete,
    path = "/groups/{id}/members/{membership_id}",
    tag = "access",
    operation_id = "remove_group_member",
    params(("id" = GroupId, Path), ("membership_id" = MembershipId, Path)),
    responses(
        (status = 200, description = "The membership that is over.", body = MembershipBody),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`last_admin`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn remove_member(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path((id, membership)): Path<(GroupId, MembershipId)>,
) -> Result<Json<MembershipBody>, Problem> {
    let membership = auth.remove_member(&ctx, id, membership).await?;
    Ok(Json(membership.into()))
}
