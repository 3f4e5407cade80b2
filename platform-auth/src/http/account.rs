//! Registering, signing in and out, and seeing oneself.

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use platform_core::http::{Caller, Json, Problem, Visitor};

use super::body::{RegisterBody, SignInBody, SignedInBody, UserBody};
use super::cookie::Client;
use super::credential::VerificationRequiredBody;
use super::second_factor::ChallengeBody;
use crate::{AccessError, Auth, Registered, SignIn};

/// A token must not stay in any cache between here and the client.
pub(super) const NO_STORE: (HeaderName, HeaderValue) =
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));

pub(super) type Uncached<T> = ([(HeaderName, HeaderValue); 1], Json<T>);

/// Register as a user of the tenant, and sign in.
///
/// Where the service sends mail, it sends a token with which the e-mail address is verified.
#[utoipa::path(
    post,
    path = "/auth/register",
    tag = "auth",
    operation_id = "register",
    params(("X-Tenant" = Option<String>, Header, description = "The tenant's slug, where the host name does not say it.")),
    request_body = RegisterBody,
    responses(
        (status = 201, description = "Registered and signed in.", body = SignedInBody),
        (status = 202, description = "Nobody is signed in: the e-mail address has to be verified first, where the service asks for that. The answer is the same, and comes before anything is looked up, when a user has the address already, who is told by mail.", body = VerificationRequiredBody),
        (status = 403, description = "`registration_closed`, `tenant_suspended`; `cross_site_request`: the cookie was asked for by a page that is not the service's", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`email_taken`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_body` with every field to correct", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too_many_attempts`, with `Retry-After`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`busy`, `unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn register(
    State(auth): State<Auth>,
    Visitor(ctx): Visitor,
    client: Client,
    Json(body): Json<RegisterBody>,
) -> Result<Response, Problem> {
    let issue = client.asks_for(body.session)?;
    Ok(match auth.register(&ctx, body.into()).await? {
        Registered::SignedIn(signed_in) => {
            let now = auth.inner.sources.now();
            issue.answer(StatusCode::CREATED, now, signed_in, SignedInBody::new)?
        }
        Registered::VerificationRequired => {
            let body = Json(VerificationRequiredBody::new());
            (StatusCode::ACCEPTED, [NO_STORE], body).into_response()
        }
    })
}

/// Sign in with a password.
///
/// A session under whose token this is called is ended. A user with a second factor is answered 202 and a challenge, and signs in with
/// `POST /auth/login/second-factor`.
#[utoipa::path(
    post,
    path = "/auth/login",
    tag = "auth",
    operation_id = "login",
    params(("X-Tenant" = Option<String>, Header, description = "The tenant's slug, where the host name does not say it.")),
    request_body = SignInBody,
    responses(
        (status = 200, description = "Signed in.", body = SignedInBody),
        (status = 202, description = "Nobody is signed in: the password was right, and a code is needed as well.", body = ChallengeBody),
        (status = 401, description = "`invalid_credentials`, whatever of the two is wrong, and while an address has to be verified that is not", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`tenant_suspended`; `cross_site_request`: the cookie was asked for by a page that is not the service's", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too_many_attempts`, with `Retry-After`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`busy`, `unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn login(
    State(auth): State<Auth>,
    Visitor(ctx): Visitor,
    client: Client,
    Json(body): Json<SignInBody>,
) -> Result<Response, Problem> {
    let issue = client.asks_for(body.session)?;
    Ok(match auth.sign_in(&ctx, body.into()).await? {
        SignIn::Complete(signed_in) => {
            let now = auth.inner.sources.now();
            issue.answer(StatusCode::OK, now, signed_in, SignedInBody::new)?
        }
        SignIn::CodeRequired(challenge) => {
            let body = Json(ChallengeBody::from(challenge));
            (StatusCode::ACCEPTED, [NO_STORE], body).into_response()
        }
    })
}

/// Sign out: the session ends at once.
#[utoipa::path(
    post,
    path = "/auth/logout",
    tag = "auth",
    operation_id = "logout",
    responses((status = 204, description = "Signed out. The token is refused from now on, and a cookie is taken back.")),
    security(("bearer" = [])),
)]
pub(super) async fn logout(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    client: Client,
) -> Result<Response, Problem> {
    auth.sign_out(&ctx).await?;
    Ok(client.signed_out())
}

/// See who is signed in.
#[utoipa::path(
    get,
    path = "/auth/me",
    tag = "auth",
    operation_id = "me",
    responses((status = 200, description = "The user.", body = UserBody)),
    security(("bearer" = [])),
)]
pub(super) async fn me(State(auth): State<Auth>, Caller(ctx): Caller) -> Result<Json<UserBody>, Problem> {
    let user = auth.me(&ctx).await?.ok_or_else(Problem::not_found)?;
    let tenant = auth.tenant(&ctx).await?;
    Ok(Json(UserBody::new(user, &tenant)))
}

impl Auth {
    /// The tenant of a caller, who could not have signed in without one.
    pub(super) async fn tenant(
        &self,
        ctx: &platform_core::RequestContext,
    ) -> Result<platform_core::pg::Tenant, Problem> {
        let tenant = self
            .inner
            .tenants
            .by_id(ctx.tenant())
            .await
            .map_err(AccessError::from)?;
        tenant.ok_or_else(Problem::not_found)
    }
}
