//! How errors are answered.

use axum::http::StatusCode;
use platform_core::http::Problem;
use serde_json::json;

use crate::http::problem::of_fault;
use crate::{AuthzError, InvalidGrant};

impl From<AuthzError> for Problem {
    fn from(error: AuthzError) -> Self {
        let text = error.to_string();
        let conflict = |code| Self::new(StatusCode::CONFLICT, code, text.clone());
        match error {
            AuthzError::Forbidden(forbidden) => forbidden.into(),
            AuthzError::Exceeds(permission) => Self::new(StatusCode::FORBIDDEN, "exceeds_own_rights", text)
                .with("permission", json!(permission.name())),
            AuthzError::NotFound => Self::not_found(),
            AuthzError::InvalidName(invalid) => {
                Self::invalid_body().field("name", "invalid_name", invalid.to_string())
            }
            AuthzError::UnknownPermission(_) => {
                Self::invalid_body().field("permissions", "unknown", "there is no such permission")
            }
            AuthzError::NotAssignable(_) => Self::invalid_body().field("permissions", "not_assignable", text),
            AuthzError::UnknownRole(_) => Self::invalid_body().field("role", "unknown", text),
            AuthzError::UnknownPrincipal(_) => Self::invalid_body().field("principal", "unknown", text),
            AuthzError::InvalidGrant(invalid) => of_grant(invalid),
            AuthzError::NameTaken => conflict("name_taken").field("name", "taken", "choose another name"),
            AuthzError::PrincipalDisabled => conflict("user_disabled"),
            AuthzError::AlreadyMember => conflict("already_member"),
            AuthzError::Cycle => conflict("group_cycle"),
            AuthzError::TooDeep => conflict("groups_too_deep"),
            AuthzError::Stale { version } => conflict("stale").with("version", json!(version)),
            AuthzError::InUse => conflict("in_use"),
            AuthzError::TooMany { max } => conflict("too_many").with("max", json!(max)),
            AuthzError::TooManyHeld { max } => conflict("too_many_held").with("max", json!(max)),
            AuthzError::LastAdmin => conflict("last_admin"),
            AuthzError::Fault(fault) => of_fault(fault),
        }
    }
}

fn of_grant(invalid: InvalidGrant) -> Problem {
    let field = match invalid {
        InvalidGrant::Resource => "resource",
        InvalidGrant::Window => "valid_until",
        InvalidGrant::Reason => "reason",
    };
    Problem::invalid_body().field(field, "invalid", invalid.to_string())
}
