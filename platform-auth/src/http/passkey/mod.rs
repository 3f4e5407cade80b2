//! Passkeys.

mod body;
mod manage;
mod problem;
mod sign_in;

pub use self::body::{
    NewPasskeyBody, PasskeyAnswerBody, PasskeyBody, PasskeyChallengeBody, PasskeyNameBody, PasskeySignInBody,
    ProofBody,
};

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Auth;

/// The routes of passkeys, without their state.
pub(super) fn routes() -> OpenApiRouter<Auth> {
    OpenApiRouter::default()
        .routes(routes!(manage::begin, manage::list))
        .routes(routes!(manage::confirm))
        .routes(routes!(manage::rename))
        .routes(routes!(manage::remove))
        .routes(routes!(sign_in::begin))
        .routes(routes!(sign_in::confirm))
        .routes(routes!(sign_in::begin_step_up))
        .routes(routes!(sign_in::confirm_step_up))
}
