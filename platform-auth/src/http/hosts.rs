//! The host names of a tenant, for its admins and for the platform's operators.

use axum::extract::State;
use axum::http::StatusCode;
use platform_core::http::{Caller, Json, Path, Problem};
use platform_core::{PrincipalId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::problem::{of_fault, too_many_attempts};
use crate::{Auth, HostChallenge, HostError, HostName, TenantHost};

/// A host name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTenantHostBody {
    /// Without a port; of any script.
    #[schema(example = "app.example.com", max_length = 253)]
    host: String,
}

/// A host name of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TenantHostBody {
    /// As the DNS has it: in lower case, other scripts as `xn--…`.
    #[schema(example = "app.example.com")]
    host: String,
    /// Does it stand for the tenant?
    verified: bool,
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-01-02T03:04:05.678901Z")]
    verified_at: Option<Timestamp>,
    /// What proves it, while it is only claimed.
    challenge: Option<HostChallengeBody>,
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-01-02T03:04:05.678901Z")]
    claimed_at: Option<Timestamp>,
    claimed_by: Option<PrincipalId>,
}

/// A TXT record that proves whose a host name is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HostChallengeBody {
    #[schema(example = "_platform-challenge.app.example.com")]
    record: String,
    #[schema(example = "platform-verification=…")]
    text: String,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-09T03:04:05.678901Z")]
    expires_at: Timestamp,
}

/// The host names of a tenant, of which there are not many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TenantHostListBody {
    data: Vec<TenantHostBody>,
}

/// List the host names of the tenant, those that are only claimed too.
#[utoipa::path(
    get,
    path = "/hosts",
    tag = "tenant",
    operation_id = "list_hosts",
    responses(
        (status = 200, description = "The names, in order.", body = TenantHostListBody),
        (status = 403, description = "`forbidden`: needs `hosts:manage`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn list(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
) -> Result<Json<TenantHostListBody>, Problem> {
    Ok(Json(auth.hosts(&ctx).await?.into()))
}

/// Claim a host name.
///
/// Put the text of the challenge into the TXT record that it names, and have it looked for. Claimed again the name gets another text.
#[utoipa::path(
    post,
    path = "/hosts",
    tag = "tenant",
    operation_id = "claim_host",
    request_body = NewTenantHostBody,
    responses(
        (status = 201, description = "The name with its challenge. It stands for nobody yet.", body = TenantHostBody),
        (status = 403, description = "`forbidden`: needs `hosts:manage`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`host_verified`, `too_many` with the `max` that there can be", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_body`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn claim(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Json(body): Json<NewTenantHostBody>,
) -> Result<(StatusCode, Json<TenantHostBody>), Problem> {
    ctx.require(crate::HOSTS_MANAGE)?;
    let host = named(&body.host)?;
    let host = auth.claim_host(&ctx, &host).await?;
    Ok((StatusCode::CREATED, Json(host.into())))
}

/// Have the record of a claimed host name looked for.
#[utoipa::path(
    post,
    path = "/hosts/{host}/verify",
    tag = "tenant",
    operation_id = "verify_host",
    params(("host" = String, Path, description = "The host name.")),
    responses(
        (status = 200, description = "It is there: the name stands for the tenant.", body = TenantHostBody),
        (status = 403, description = "`forbidden`: needs `hosts:manage`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`: the tenant has no such open claim", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`challenge_missing` with the `record` that was looked for, `host_verified`, `host_taken` by another tenant", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too_many_attempts`: the record was looked for a moment ago; `too_many_lookups`: the tenant, or all together, have had the DNS asked too often; both with `Retry-After`", body = Problem, content_type = "application/problem+json"),
        (status = 501, description = "`no_resolver`: the service does not look into the DNS", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`dns_unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn verify(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(host): Path<String>,
) -> Result<Json<TenantHostBody>, Problem> {
    ctx.require(crate::HOSTS_MANAGE)?;
    let host = known(&host)?;
    Ok(Json(auth.verify_host(&ctx, &host).await?.into()))
}

/// Give a host name up.
#[utoipa::path(
    delete,
    path = "/hosts/{host}",
    tag = "tenant",
    operation_id = "remove_host",
    params(("host" = String, Path, description = "The host name.")),
    responses(
        (status = 204, description = "It stands for nobody from now on."),
        (status = 403, description = "`forbidden`: needs `hosts:manage`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn remove(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(host): Path<String>,
) -> Result<StatusCode, Problem> {
    ctx.require(crate::HOSTS_MANAGE)?;
    auth.remove_host(&ctx, &known(&host)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List the host names of a tenant.
#[utoipa::path(
    get,
    path = "/tenants/{id}/hosts",
    tag = "platform",
    operation_id = "list_tenant_hosts",
    params(("id" = TenantId, Path)),
    responses(
        (status = 200, description = "The names, in order.", body = TenantHostListBody),
        (status = 403, description = "`forbidden`: needs `platform:tenants`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn list_of(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<TenantId>,
) -> Result<Json<TenantHostListBody>, Problem> {
    Ok(Json(auth.hosts_of(&ctx, id).await?.into()))
}

/// Let a host name stand for a tenant without a record, because you have made sure that it is its own.
#[utoipa::path(
    post,
    path = "/tenants/{id}/hosts",
    tag = "platform",
    operation_id = "add_tenant_host",
    params(("id" = TenantId, Path)),
    request_body = NewTenantHostBody,
    responses(
        (status = 201, description = "The name.", body = TenantHostBody),
        (status = 403, description = "`forbidden`: needs `platform:tenants`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`host_verified`, `host_taken` by another tenant, `too_many` with the `max` that there can be", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_body`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn add_of(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<TenantId>,
    Json(body): Json<NewTenantHostBody>,
) -> Result<(StatusCode, Json<TenantHostBody>), Problem> {
    ctx.require(crate::PLATFORM_TENANTS)?;
    let host = named(&body.host)?;
    let host = auth.add_host_of(&ctx, id, &host).await?;
    Ok((StatusCode::CREATED, Json(host.into())))
}

/// Take a host name from a tenant.
#[utoipa::path(
    delete,
    path = "/tenants/{id}/hosts/{host}",
    tag = "platform",
    operation_id = "remove_tenant_host",
    params(("id" = TenantId, Path), ("host" = String, Path, description = "The host name.")),
    responses(
        (status = 204, description = "It stands for nobody from now on."),
        (status = 403, description = "`forbidden`: needs `platform:tenants`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn remove_of(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path((id, host)): Path<(TenantId, String)>,
) -> Result<StatusCode, Problem> {
    ctx.require(crate::PLATFORM_TENANTS)?;
    auth.remove_host_of(&ctx, id, &known(&host)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A name that somebody has entered.
fn named(text: &str) -> Result<HostName, HostError> {
    Ok(text.parse::<HostName>()?)
}

/// A name in a path. One that cannot be is one that the tenant does not have.
fn known(text: &str) -> Result<HostName, HostError> {
    text.parse().map_err(|_| HostError::NotFound)
}

impl From<TenantHost> for TenantHostBody {
    fn from(host: TenantHost) -> Self {
        Self {
            host: host.host.to_string(),
            verified: host.verified_at.is_some(),
            verified_at: host.verified_at,
            challenge: host.challenge.map(HostChallengeBody::from),
            claimed_at: host.claimed_at,
            claimed_by: host.claimed_by,
        }
    }
}

impl From<HostChallenge> for HostChallengeBody {
    fn from(challenge: HostChallenge) -> Self {
        Self {
            record: challenge.record,
            text: challenge.text,
            expires_at: challenge.expires_at,
        }
    }
}

impl From<Vec<TenantHost>> for TenantHostListBody {
    fn from(hosts: Vec<TenantHost>) -> Self {
        Self {
            data: hosts.into_iter().map(TenantHostBody::from).collect(),
        }
    }
}

impl From<HostError> for Problem {
    fn from(error: HostError) -> Self {
        let text = error.to_string();
        let conflict = |code| Self::new(StatusCode::CONFLICT, code, text.clone());
        match error {
            HostError::Forbidden(forbidden) => forbidden.into(),
            HostError::Invalid(_) => Self::invalid_body().field("host", "invalid_host", text),
            HostError::NotFound => Self::not_found(),
            HostError::AlreadyVerified => conflict("host_verified"),
            HostError::Taken => conflict("host_taken"),
            HostError::ChallengeMissing { record } => {
                conflict("challenge_missing").with("record", json!(record))
            }
            HostError::TooSoon { retry_after } => too_many_attempts(retry_after),
            HostError::TooManyLookups { retry_after } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_lookups", text).retry_after(retry_after)
            }
            HostError::TooMany { max } => conflict("too_many").with("max", json!(max)),
            HostError::NoResolver => Self::new(StatusCode::NOT_IMPLEMENTED, "no_resolver", text),
            HostError::Unavailable(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, "dns_unavailable", text)
                .retry_after(std::time::Duration::from_secs(10)),
            HostError::Fault(fault) => of_fault(fault),
        }
    }
}
