//! Routes, the authentication of requests, and the runtime module.
//!
//! | route, below its base | who | answers |
//! |---|---|---|
//! | `POST /auth/register` | a visitor of the tenant | 201, a token and the user |
//! | `POST /auth/login` | a visitor of the tenant | 200, a token and the user; 202, a challenge |
//! | `POST /auth/login/second-factor` | a visitor of the tenant | 200, a token and the user |
//! | `POST /auth/email/verification` | a visitor of the tenant | 202 |
//! | `POST /auth/email/verify` | a visitor of the tenant | 204 |
//! | `POST /auth/password/reset` | a visitor of the tenant | 202 |
//! | `POST /auth/password/reset/confirm` | a visitor of the tenant | 204 |
//! | `POST /auth/invitations/accept` | a visitor of the tenant | 201, a token and the user |
//! | `POST /auth/password` | who has signed in | 200, a new token and the user |
//! | `GET /auth/credentials` | who has signed in | 200, what the user signs in with |
//! | `POST /auth/totp` | who has signed in | 201, a seed |
//! | `POST /auth/totp/confirm` | who has signed in | 200, recovery codes, a new token and the user |
//! | `POST /auth/totp/disable` | who has signed in | 200, a new token and the user |
//! | `POST /auth/recovery-codes` | who has signed in | 200, recovery codes |
//! | `GET /auth/api-keys` | who is in a session | 200, a page of one's own API keys |
//! | `POST /auth/api-keys`, `POST /auth/api-keys/{id}/rotate` | who is in a session | 201, a key |
//! | `DELETE /auth/api-keys/{id}` | who is in a session | 200, the key that was revoked |
//! | `POST /auth/login/passkey` | a visitor of the tenant | 200, what a browser is asked (feature `passkeys`, and below) |
//! | `POST /auth/login/passkey/confirm` | a visitor of the tenant | 200, a token and the user |
//! | `POST /auth/passkeys` | who has signed in | 200, what a browser is asked |
//! | `POST /auth/passkeys/confirm` | who has signed in | 201, the passkey |
//! | `GET /auth/passkeys` | who has signed in | 200, a page of the user's passkeys |
//! | `PUT /auth/passkeys/{id}` | who has signed in | 204 |
//! | `POST /auth/passkeys/{id}/remove` | who has signed in | 204 |
//! | `POST /auth/step-up/passkey` | who has signed in | 200, what a browser is asked |
//! | `POST /auth/step-up/passkey/confirm` | who has signed in | 200, a new token and the user |
//! | `POST /auth/logout` | who has signed in | 204 |
//! | `POST /auth/step-up` | who has signed in | 200, a new token and the user |
//! | `GET /auth/sessions` | who has signed in | 200, a page of the user's sessions |
//! | `DELETE /auth/sessions/{id}` | who has signed in | 204 |
//! | `POST /auth/sessions/end-others` | who has signed in | 200, how many ended |
//! | `GET /auth/me` | who has signed in | 200, the user |
//! | `GET /users`, `GET /users/{id}` | an admin | 200, a page of users; a user |
//! | `POST /users` | `users:manage` | 201, the user |
//! | `PUT /users/{id}/role` | `users:manage` | 204 |
//! | `POST /users/{id}/disable`, `POST /users/{id}/enable` | `tenant:admin` | 200, whether the user may sign in |
//! | `GET /users/{id}/sessions` | `sessions:manage` | 200, a page of the user's sessions |
//! | `DELETE /users/{id}/sessions` | `sessions:manage` | 200, how many ended |
//! | `DELETE /users/{id}/sessions/{session_id}` | `sessions:manage` | 204 |
//! | `POST /invitations`, `GET`, `DELETE /invitations/{id}` | `users:invite` | 201, 200, 204 |
//! | `GET /hosts`, `POST /hosts`, `POST /hosts/{host}/verify`, `DELETE /hosts/{host}` | `hosts:manage` | 200, 201, 200, 204 |
//! | `GET /policy`, `PUT /policy` | `policy:manage` | 200, what the tenant asks of its users |
//! | `POST /users/{id}/erasure` | `subjects:erase` | 200 when the user is erased |
//! | `GET /users/{id}/erasure` | `subjects:erase` | 200, how far it is |
//! | `POST /users/{id}/holds` | `subjects:hold` | 201, a legal hold |
//! | `GET /users/{id}/holds` | `subjects:hold` | 200, the legal holds |
//! | `DELETE /users/{id}/holds/{hold_id}` | `subjects:hold` | 200, the hold that was released |
//! | `GET /tenants`, `GET /tenants/{id}`, `POST /tenants` | `tenant:children` | 200, 201, tenants below this one |
//! | `POST /tenants/{id}/suspend`, `/resume` | `tenant:children` | 200 |
//! | `GET /permissions` | `roles:manage` or `grants:manage` | 200, the permissions that there are |
//! | `GET /roles`, `GET /roles/{id}` | `roles:manage` or `grants:manage` | 200, roles of the tenant's own |
//! | `POST /roles`, `PUT`, `DELETE /roles/{id}` | `roles:manage` | 201, 200, 204 |
//! | `GET /groups`, `GET /groups/{id}`, `GET /groups/{id}/members` | `groups:manage` or `grants:manage` | 200 |
//! | `POST /groups`, `PUT`, `DELETE /groups/{id}` | `groups:manage` | 201, 200, 204 |
//! | `POST /groups/{id}/members`, `DELETE /groups/{id}/members/{membership_id}` | `groups:manage` | 201, 200 |
//! | `POST /grants`, `DELETE /grants/{id}` | `grants:manage` | 201, 200, the grant that was revoked |
//! | `GET /grants`, `GET /grants/{id}`, `GET /explain` | `grants:manage` | 200 |
//! | `GET /api-keys`, `GET`, `DELETE /api-keys/{id}` | `api-keys:manage` | 200 |
//! | `GET /service-principals`, `GET /service-principals/{id}` | `service-principals:manage` | 200 |
//! | `POST /service-principals`, `PUT`, `DELETE /service-principals/{id}` | `service-principals:manage` | 201, 200, 204 |
//! | `POST /service-principals/{id}/disable`, `POST /service-principals/{id}/enable` | `service-principals:manage` | 200 |
//! | `GET`, `POST /service-principals/{id}/api-keys` | `service-principals:manage` | 200, 201, a key |
//! | `POST /service-principals/{id}/api-keys/{key_id}/rotate` | `service-principals:manage` | 201, a key |
//! | `DELETE /service-principals/{id}/api-keys/{key_id}` | `service-principals:manage` | 200, the key that was revoked |
//!
//! Whoever signs in or registers chooses with `"session": "cookie"` to get the token as a cookie that scripts cannot read instead of in the
//! body. A token that takes the place of another comes the way that one came.
//!
//! [`Auth`] implements [`Authenticate`](platform_core::http::Authenticate) for that cookie and for the header `Authorization: Bearer`, and
//! [`Module`](platform_core::runtime::Module) with the routes under `/api/v1` and `/admin/v1`, and under `/platform/v1` those for the
//! operators of the platform, who have `platform:tenants`: `GET` and `POST /tenants`, `GET /tenants/{id}`, and `POST` to `/suspend`,
//! `/resume`, `/close`, `/invitations` and `/hosts` of one.

mod account;
mod api_keys;
mod authenticate;
mod authz;
mod body;
mod cookie;
mod credential;
mod erasure;
mod hosts;
mod invitations;
mod module;
#[cfg(feature = "passkeys")]
mod passkey;
mod policy;
mod presented;
mod problem;
mod schemes;
mod second_factor;
mod sessions;
mod site;
mod tenants;
mod user_sessions;
mod users;

pub use api_keys::{
    ApiKeyBody, IssuedApiKeyBody, NewApiKeyBody, NewServicePrincipalBody, RotationBody, ServicePrincipalBody,
    ServicePrincipalChangeBody, ServicePrincipalStatus,
};
pub use authz::{
    DecisionBody, GrantBody, GroupBody, GroupChangeBody, MemberBody, MembershipBody, NameBody, NewGrantBody,
    NewRoleBody, PermissionBody, PermissionListBody, PrincipalBody, PrincipalKindBody, ResourceBody,
    RoleBody, RoleChangeBody,
};
pub use body::{NewUserBody, RegisterBody, SignInBody, SignedInBody, TenantBody, UserBody, UserRoleBody};
pub use cookie::{SessionWay, UnknownSessionWay};
pub use credential::{
    CredentialsBody, EmailBody, PasswordBody, ResetBody, VerificationRequiredBody, VerifyBody,
};
#[cfg(feature = "passkeys")]
pub use passkey::{
    NewPasskeyBody, PasskeyAnswerBody, PasskeyBody, PasskeyChallengeBody, PasskeyNameBody, PasskeySignInBody,
    ProofBody,
};

pub use erasure::{ErasureBody, ErasureState, HoldBody, HoldListBody, HoldRequestBody};
pub use hosts::{HostChallengeBody, NewTenantHostBody, TenantHostBody, TenantHostListBody};
pub use invitations::{AcceptBody, InvitationBody, InvitedBody, InvitedRoleBody, NewInvitationBody};
pub use policy::{EffectivePolicyBody, PolicyBody, PolicyChangeBody, PolicySettingsBody};

pub use tenants::{
    FirstAdminBody, InviteAdminBody, MadeTenantBody, NewTenantBody, OverseenTenantBody, WhyBody,
};

pub use second_factor::{
    ChallengeBody, CodeBody, EnrolBody, EnrolledBody, EnrolmentBody, PasswordAndCodeBody, RecoveryCodesBody,
    SecondFactorBody,
};

pub use sessions::{EndedSessionsBody, SessionBody, StepUpBody};
pub use user_sessions::{StandingBody, UserStatusBody};

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Auth;

impl Auth {
    /// The routes for users, below a base such as `/api/v1`, with their part of the OpenAPI document.
    ///
    /// To serve them under a second base without describing them twice, nest the plain router there:
    ///
    /// ```no_run
    /// # use platform_auth::Auth;
    /// use platform_core::axum::Router;
    /// use utoipa_axum::router::OpenApiRouter;
    ///
    /// # fn mount(auth: &Auth) -> (Router, utoipa::openapi::OpenApi) {
    /// let (router, document) = OpenApiRouter::new().nest("/api/v1", auth.api_routes()).split_for_parts();
    /// let alias = Router::from(auth.api_routes());
    /// (router.nest("/api", alias), document)
    /// # }
    /// ```
    pub fn api_routes(&self) -> OpenApiRouter {
        let routes = OpenApiRouter::default();
        #[cfg(feature = "passkeys")]
        let routes = routes.merge(passkey::routes());
        routes
            .routes(routes!(account::register))
            .routes(routes!(account::login))
            .routes(routes!(account::logout))
            .routes(routes!(account::me))
            .routes(routes!(credential::request_verification))
            .routes(routes!(credential::verify_email))
            .routes(routes!(credential::request_reset))
            .routes(routes!(credential::reset_password))
            .routes(routes!(credential::change_password))
            .routes(routes!(credential::credentials))
            .routes(routes!(invitations::accept))
            .routes(routes!(second_factor::login))
            .routes(routes!(second_factor::enrol))
            .routes(routes!(second_factor::confirm))
            .routes(routes!(second_factor::disable))
            .routes(routes!(second_factor::renew_recovery_codes))
            .routes(routes!(sessions::list))
            .routes(routes!(sessions::end))
            .routes(routes!(sessions::end_others))
            .routes(routes!(sessions::step_up))
            .merge(api_keys::own_routes())
            .merge(schemes::declared())
            .with_state(self.clone())
    }

    /// The routes for a tenant's admins, below a base such as `/admin/v1`, with their part of the OpenAPI document.
    pub fn admin_routes(&self) -> OpenApiRouter {
        OpenApiRouter::default()
            .routes(routes!(users::list, users::create))
            .routes(routes!(users::one))
            .routes(routes!(users::set_role))
            .routes(routes!(user_sessions::disable))
            .routes(routes!(user_sessions::enable))
            .routes(routes!(user_sessions::list, user_sessions::end_all))
            .routes(routes!(user_sessions::end))
            .routes(routes!(erasure::erase, erasure::erasure))
            .routes(routes!(erasure::place_hold, erasure::list_holds))
            .routes(routes!(erasure::release_hold))
            .routes(routes!(policy::one, policy::replace))
            .routes(routes!(invitations::create, invitations::list))
            .routes(routes!(invitations::revoke))
            .routes(routes!(hosts::list, hosts::claim))
            .routes(routes!(hosts::verify))
            .routes(routes!(hosts::remove))
            .merge(authz::routes())
            .merge(api_keys::admin_routes())
            .merge(tenants::routes_of_parents())
            .with_state(self.clone())
    }

    /// The routes for the platform's operators, below a base such as `/platform/v1`, with their part of the OpenAPI document.
    pub fn platform_routes(&self) -> OpenApiRouter {
        tenants::routes_of_operators()
            .routes(routes!(hosts::list_of, hosts::add_of))
            .routes(routes!(hosts::remove_of))
            .with_state(self.clone())
    }
}
