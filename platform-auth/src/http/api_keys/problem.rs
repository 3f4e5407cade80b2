//! How errors are answered.

use axum::http::StatusCode;
use platform_core::http::Problem;
use serde_json::json;

use crate::http::problem::{email_unverified, of_fault, second_factor_required, session_required};
use crate::{ApiKeyError, InvalidApiKey};

impl From<ApiKeyError> for Problem {
    fn from(error: ApiKeyError) -> Self {
        let text = error.to_string();
        let conflict = |code| Self::new(StatusCode::CONFLICT, code, text.clone());
        match error {
            ApiKeyError::Forbidden(forbidden) => forbidden.into(),
            ApiKeyError::SessionRequired => session_required(),
            ApiKeyError::StepUpRequired(required) => required.into(),
            ApiKeyError::SecondFactorRequired => second_factor_required(),
            ApiKeyError::EmailUnverified => email_unverified(),
            ApiKeyError::NotFound => Self::not_found(),
            ApiKeyError::Invalid(invalid) => of_key(invalid),
            ApiKeyError::UnknownPermission(_) => {
                Self::invalid_body().field("scopes", "unknown", "there is no such permission")
            }
            ApiKeyError::Exceeds(permission) => Self::new(StatusCode::FORBIDDEN, "exceeds_own_rights", text)
                .with("permission", json!(permission.name())),
            ApiKeyError::NotOfService(_) => Self::invalid_body().field("scopes", "not_held_by_service", text),
            ApiKeyError::OwnerDisabled => conflict("owner_disabled"),
            ApiKeyError::NotLive => conflict("key_not_live"),
            ApiKeyError::AlreadyRotated => conflict("already_rotated"),
            ApiKeyError::TooMany { max } => conflict("too_many").with("max", json!(max)),
            ApiKeyError::Fault(fault) => of_fault(fault),
        }
    }
}

fn of_key(invalid: InvalidApiKey) -> Problem {
    let (field, code) = match invalid {
        InvalidApiKey::Name => ("name", "invalid_name"),
        InvalidApiKey::Scopes => ("scopes", "invalid"),
        InvalidApiKey::AllScopes => ("scopes", "all_of_service"),
        InvalidApiKey::Resources => ("resources", "invalid"),
        InvalidApiKey::Addresses => ("addresses", "invalid"),
        InvalidApiKey::ExpiresAt => ("expires_at", "out_of_range"),
        InvalidApiKey::Overlap => ("overlap_s", "out_of_range"),
    };
    Problem::invalid_body().field(field, code, invalid.to_string())
}
