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
//! | `POST /auth/password` | who has signed in | 200, a new token and the user |
//! | `GET /auth/credentials` | who has signed in | 200, what the user signs in with |
//! | `POST /auth/totp` | who has signed in | 201, a seed |
//! | `POST /auth/totp/confirm` | who has signed in | 200, recovery codes, a new token and the user |
//! | `POST /auth/totp/disable` | who has signed in | 204 |
//! | `POST /auth/recovery-codes` | who has signed in | 200, recovery codes |
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
//! | `GET /auth/me` | who has signed in | 200, the user |
//! | `GET /users` | an admin | 200, a page of users |
//! | `POST /users/{id}/erasure` | `subjects:erase` | 200 when the user is erased |
//! | `GET /users/{id}/erasure` | `subjects:erase` | 200, how far it is |
//! | `POST /users/{id}/holds` | `subjects:hold` | 201, a legal hold |
//! | `GET /users/{id}/holds` | `subjects:hold` | 200, the legal holds |
//! | `DELETE /users/{id}/holds/{hold_id}` | `subjects:hold` | 200, the hold that was released |
//! | `GET /permissions` | `roles:manage` or `grants:manage` | 200, the permissions that there are |
//! | `GET /roles`, `GET /roles/{id}` | `roles:manage` or `grants:manage` | 200, roles of the tenant's own |
//! | `POST /roles`, `PUT`, `DELETE /roles/{id}` | `roles:manage` | 201, 200, 204 |
//! | `GET /groups`, `GET /groups/{id}`, `GET /groups/{id}/members` | `groups:manage` or `grants:manage` | 200 |
//! | `POST /groups`, `PUT`, `DELETE /groups/{id}` | `groups:manage` | 201, 200, 204 |
//! | `POST /groups/{id}/members`, `DELETE /groups/{id}/members/{membership_id}` | `groups:manage` | 201, 200 |
//! | `POST /grants`, `DELETE /grants/{id}` | `grants:manage` | 201, 200, the grant that was revoked |
//! | `GET /grants`, `GET /grants/{id}`, `GET /explain` | `grants:manage` | 200 |
//!
//! [`Auth`] implements [`Authenticate`](platform_core::http::Authenticate) for the header `Authorization: Bearer`, and
//! [`Module`](platform_core::runtime::Module) with the routes under `/api/v1` and `/admin/v1`.

mod account;
mod authenticate;
mod authz;
mod body;
mod credential;
mod erasure;
mod module;
#[cfg(feature = "passkeys")]
mod passkey;
mod problem;
mod second_factor;
mod users;

pub use authz::{
    DecisionBody, GrantBody, GroupBody, GroupChangeBody, MemberBody, MembershipBody, NameBody, NewGrantBody,
    NewRoleBody, PermissionBody, PermissionListBody, PrincipalBody, PrincipalKindBody, ResourceBody,
    RoleBody, RoleChangeBody,
};
pub use body::{RegisterBody, SignInBody, SignedInBody, TenantBody, UserBody};
pub use credential::{
    CredentialsBody, EmailBody, PasswordBody, ResetBody, TokenBody, VerificationRequiredBody,
};
#[cfg(feature = "passkeys")]
pub use passkey::{
    NewPasskeyBody, PasskeyAnswerBody, PasskeyBody, PasskeyChallengeBody, PasskeyNameBody, ProofBody,
};

pub use erasure::{ErasureBody, ErasureState, HoldBody, HoldListBody, HoldRequestBody};

pub use second_factor::{
    ChallengeBody, CodeBody, EnrolBody, EnrolledBody, EnrolmentBody, PasswordAndCodeBody, RecoveryCodesBody,
    SecondFactorBody,
};

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
            .routes(routes!(second_factor::login))
            .routes(routes!(second_factor::enrol))
            .routes(routes!(second_factor::confirm))
            .routes(routes!(second_factor::disable))
            .routes(routes!(second_factor::renew_recovery_codes))
            .with_state(self.clone())
    }

    /// The routes for a tenant's admins, below a base such as `/admin/v1`, with their part of the OpenAPI document.
    pub fn admin_routes(&self) -> OpenApiRouter {
        OpenApiRouter::default()
            .routes(routes!(users::list))
            .routes(routes!(erasure::erase, erasure::erasure))
            .routes(routes!(erasure::place_hold, erasure::list_holds))
            .routes(routes!(erasure::release_hold))
            .merge(authz::routes())
            .with_state(self.clone())
    }
}
