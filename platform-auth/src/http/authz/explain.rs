//! Why somebody may do something.

use axum::extract::State;
use platform_core::http::{Caller, Json, Problem, Query};
use platform_core::{OwnedResource, PrincipalId, Timestamp};
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::IntoParams;

use super::body::DecisionBody;
use super::grants::invalid;
use crate::authz::is_resource;
use crate::{Auth, Question};

/// What is asked.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ExplainQuery {
    /// Who.
    user_id: PrincipalId,
    /// The name of the permission.
    #[param(example = "orders:place", max_length = 128)]
    permission: String,
    /// On a resource of this kind; needs `resource_id`. Absent for the whole tenant.
    #[serde(default)]
    #[param(max_length = 64)]
    resource_kind: Option<String>,
    /// On this resource; needs `resource_kind`.
    #[serde(default)]
    #[param(max_length = 128)]
    resource_id: Option<String>,
    /// At this instant (RFC 3339); absent for now. The answer is from the grants of today.
    #[serde(default)]
    #[param(value_type = Option<String>, format = DateTime)]
    at: Option<String>,
}

/// Explain why a user may do something, or may not.
#[utoipa::path(
    get,
    path = "/explain",
    tag = "access",
    operation_id = "explain_access",
    params(ExplainQuery),
    responses(
        (status = 200, description = "The decision, and which grant decides.", body = DecisionBody),
        (status = 403, description = "`forbidden`: needs `grants:manage`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`: there is no such user", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_filter`, `invalid_body`: there is no such permission", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn explain(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Query(query): Query<ExplainQuery>,
) -> Result<Json<DecisionBody>, Problem> {
    ctx.require(crate::GRANTS_MANAGE)?;
    let at = match query.at.as_deref() {
        Some(text) => instant(text)?,
        None => auth.inner.sources.now(),
    };
    let question = Question {
        user: query.user_id,
        permission: query.permission,
        on: resource(query.resource_kind, query.resource_id)?,
        at,
    };
    let decision = auth.explain(&ctx, &question).await?;
    Ok(Json(decision.into()))
}

fn instant(text: &str) -> Result<Timestamp, Problem> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|_| invalid("at", "a time such as 2026-01-02T03:04:05Z"))
}

/// Both or neither, and then such as there may be.
pub(super) fn resource(kind: Option<String>, id: Option<String>) -> Result<Option<OwnedResource>, Problem> {
    match (kind, id) {
        (Some(kind), Some(id)) => {
            let resource = OwnedResource {
                kind: kind.into(),
                id: id.into(),
            };
            match is_resource(&resource) {
                true => Ok(Some(resource)),
                false => Err(invalid("resource_id", "no resource has such a kind and id")),
            }
        }
        (None, None) => Ok(None),
        (None, _) => Err(invalid("resource_kind", "a resource has a kind and an id")),
        (_, None) => Err(invalid("resource_id", "a resource has a kind and an id")),
    }
}
