//! Inviting people, and accepting.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use platform_core::http::{Caller, Json, Page, PageQuery, Path, Problem, Query, Visitor};
use platform_core::secrecy::SecretString;
use platform_core::{PrincipalId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::SessionWay;
use super::account::NO_STORE;
use super::account::Uncached;
use super::body::{SignedInBody, Token};
use super::cookie::Client;
use super::problem::{of_fault, too_many_attempts};
use crate::{
    AcceptError, Acceptance, Auth, Invitation, InvitationId, InviteError, Invited, NewInvitation, Role,
    RoleId,
};

/// Somebody who is to be invited.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInvitationBody {
    #[schema(example = "ada@example.com", max_length = 254, format = "email")]
    email: String,
    /// What the user will be to the tenant: `user`, unless the body says otherwise.
    #[serde(default)]
    role: InvitedRoleBody,
    /// Roles of the tenant's own that the user will have in the whole tenant.
    #[serde(default)]
    #[schema(max_items = 10)]
    roles: Vec<RoleId>,
    /// How many seconds the invitation is open; 7 days, unless the body says otherwise.
    #[serde(default)]
    #[schema(example = 604_800, minimum = 3600, maximum = 2_592_000)]
    expires_in_s: Option<u32>,
}

/// What an invited user will be to the tenant.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InvitedRoleBody {
    /// Uses the service.
    #[default]
    User,
    /// Administers the tenant as well.
    Admin,
}

/// An invitation that is open.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct InvitationBody {
    id: InvitationId,
    #[schema(example = "ada@example.com")]
    email: String,
    role: Role,
    roles: Vec<RoleId>,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-02T03:04:05.678901Z")]
    invited_at: Timestamp,
    /// Null where an operator of the platform invited.
    invited_by: Option<PrincipalId>,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-09T03:04:05.678901Z")]
    expires_at: Timestamp,
}

/// Somebody was invited.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitedBody {
    invitation: InvitationBody,
    /// Where the service sends no mail: hand it over. It is shown this once. Null where it is in a mail to the address.
    #[schema(value_type = Option<String>, example = "pot1_AY8rbnwafT6bGi9ObYwKEg_…")]
    token: Option<Token>,
}

/// What somebody who accepts sends.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptBody {
    #[schema(value_type = String, example = "pot1_AY8rbnwafT6bGi9ObYwKEg_…", max_length = 78)]
    token: SecretString,
    /// At least 8 characters, at most 1,024 bytes, and not easy to guess.
    #[schema(value_type = String, format = Password, example = "correct horse battery", min_length = 8, max_length = 1024)]
    password: SecretString,
    #[serde(default)]
    #[schema(example = "Ada", min_length = 1, max_length = 100)]
    first_name: Option<String>,
    #[serde(default)]
    #[schema(example = "Lovelace", min_length = 1, max_length = 100)]
    last_name: Option<String>,
    /// How the token is to come; the cookie only for a page of the service.
    #[serde(default)]
    session: SessionWay,
}

/// Invite somebody.
///
/// Whether a user has the address already is not looked at. Nobody invites to more than they hold.
#[utoipa::path(
    post,
    path = "/invitations",
    tag = "users",
    operation_id = "invite",
    request_body = NewInvitationBody,
    responses(
        (status = 201, description = "The invitation, and its token where no mail is sent.", body = InvitedBody),
        (status = 403, description = "`forbidden`: needs `users:invite`; `exceeds_own_rights`: the caller lacks a permission that the roles give", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`too_many` with the `max` that may be open, or be made within an hour", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too_many_attempts`: the address was invited too often of late, `Retry-After` says for how long to wait", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_body` with the field to correct", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn create(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Json(body): Json<NewInvitationBody>,
) -> Result<(StatusCode, Uncached<InvitedBody>), Problem> {
    let invited = auth.invite(&ctx, body.into()).await?;
    Ok((StatusCode::CREATED, ([NO_STORE], Json(invited.into()))))
}

/// List the invitations that are open in the order in which they were made.
#[utoipa::path(
    get,
    path = "/invitations",
    tag = "users",
    operation_id = "list_invitations",
    params(PageQuery),
    responses(
        (status = 200, description = "A page of invitations.", body = Page<InvitationBody>),
        (status = 403, description = "`forbidden`: needs `users:invite`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn list(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<InvitationBody>>, Problem> {
    let page = query.resolve::<InvitationId>()?;
    let open = auth.list_invitations(&ctx, page.after, page.limit + 1).await?;
    let open = open.into_iter().map(InvitationBody::from).collect();
    Ok(Json(Page::build(
        open,
        page.limit,
        |invitation: &InvitationBody| invitation.id,
    )))
}

/// Revoke an invitation that is open.
#[utoipa::path(
    delete,
    path = "/invitations/{id}",
    tag = "users",
    operation_id = "revoke_invitation",
    params(("id" = InvitationId, Path)),
    responses(
        (status = 204, description = "Its token is worthless from now on."),
        (status = 403, description = "`forbidden`: needs `users:invite`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`: there is no such open invitation", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn revoke(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<InvitationId>,
) -> Result<StatusCode, Problem> {
    auth.revoke_invitation(&ctx, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Accept an invitation: become a user of the tenant, and sign in.
///
/// Where somebody has registered the address and never verified it, a token that came by mail gives that account to whoever shows it, with
/// this password and these names, and everything goes that let anybody in before.
#[utoipa::path(
    post,
    path = "/auth/invitations/accept",
    tag = "auth",
    operation_id = "accept_invitation",
    params(("X-Tenant" = Option<String>, Header, description = "The tenant's slug, where the host name does not say it.")),
    request_body = AcceptBody,
    responses(
        (status = 201, description = "Signed in.", body = SignedInBody),
        (status = 403, description = "`tenant_suspended`; `cross_site_request`: the cookie was asked for by a page that is not the service's", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_invitation`: unknown, used, expired or revoked, or who sent it may not do so any more, or a user has the address who has verified it, is disabled, or registered it where no mail is sent; `invalid_body` with every field to correct, and the invitation is still open", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`busy`, `unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn accept(
    State(auth): State<Auth>,
    Visitor(ctx): Visitor,
    client: Client,
    Json(body): Json<AcceptBody>,
) -> Result<Response, Problem> {
    let issue = client.asks_for(body.session)?;
    let acceptance = Acceptance {
        token: body.token,
        password: body.password,
        first_name: body.first_name,
        last_name: body.last_name,
    };
    let signed_in = auth.accept_invitation(&ctx, acceptance).await?;
    let now = auth.inner.sources.now();
    issue.answer(StatusCode::CREATED, now, signed_in, SignedInBody::new)
}

impl From<NewInvitationBody> for NewInvitation {
    fn from(body: NewInvitationBody) -> Self {
        Self {
            email: body.email,
            role: match body.role {
                InvitedRoleBody::User => Role::User,
                InvitedRoleBody::Admin => Role::Admin,
            },
            roles: body.roles,
            valid_for: body.expires_in_s.map(|s| Duration::from_secs(s.into())),
        }
    }
}

impl From<Invitation> for InvitationBody {
    fn from(invitation: Invitation) -> Self {
        Self {
            id: invitation.id,
            email: invitation.email.expose().clone(),
            role: invitation.role,
            roles: invitation.roles,
            invited_at: invitation.invited_at,
            invited_by: invitation.invited_by,
            expires_at: invitation.expires_at,
        }
    }
}

impl From<Invited> for InvitedBody {
    fn from(invited: Invited) -> Self {
        Self {
            token: invited.token.map(|token| Token::new(token.expose())),
            invitation: invited.invitation.into(),
        }
    }
}

/// Leaves out what is personal.
impl std::fmt::Debug for InvitationBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InvitationBody")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl From<InviteError> for Problem {
    fn from(error: InviteError) -> Self {
        match error {
            InviteError::Access(error) => error.into(),
            InviteError::InvalidEmail(invalid) => {
                Self::invalid_body().field("email", "invalid_email", invalid.to_string())
            }
            InviteError::InvalidLifetime => {
                let text = InviteError::InvalidLifetime.to_string();
                Self::invalid_body().field("expires_in_s", "out_of_range", text)
            }
            InviteError::TooManyAttempts { retry_after } => too_many_attempts(retry_after),
            InviteError::Fault(fault) => of_fault(fault),
        }
    }
}

impl From<AcceptError> for Problem {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::InvalidToken => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid_invitation",
                "the invitation is not valid any more, ask for another one",
            ),
            AcceptError::Invalid(invalid) => crate::RegisterError::Invalid(invalid).into(),
            AcceptError::Tenant(refused) => crate::RegisterError::Tenant(refused).into(),
            AcceptError::Fault(fault) => of_fault(fault),
        }
    }
}
