//! How errors are answered.

use axum::http::StatusCode;
use platform_core::http::Problem;
use serde_json::json;

use crate::http::problem::of_fault;
use crate::{OverseeError, RegisterError};

impl From<OverseeError> for Problem {
    fn from(error: OverseeError) -> Self {
        let text = error.to_string();
        let conflict = |code| Self::new(StatusCode::CONFLICT, code, text.clone());
        let invalid = |field, code| Self::invalid_body().field(field, code, text.clone());
        match error {
            OverseeError::Forbidden(forbidden) => forbidden.into(),
            OverseeError::NotFound => Self::not_found(),
            OverseeError::OwnTenant => conflict("own_tenant"),
            OverseeError::NotFrom { status } => {
                conflict("tenant_status").with("tenant_status", json!(status))
            }
            OverseeError::SetAbove => conflict("set_above"),
            OverseeError::InvalidReason => invalid("reason", "invalid"),
            OverseeError::SlugTaken => conflict("slug_taken").field("slug", "taken", "choose another slug"),
            OverseeError::InvalidName => invalid("name", "invalid"),
            OverseeError::ParentUnknown => invalid("parent_id", "unknown"),
            OverseeError::TooDeep => conflict("too_deep"),
            OverseeError::TooMany { max } => conflict("too_many").with("max", json!(max)),
            OverseeError::Admin(error) => of_admin(error),
            OverseeError::Host(error) => error.into(),
            OverseeError::Invite(error) => error.into(),
            OverseeError::Fault(fault) => of_fault(fault),
        }
    }
}

/// What is wrong with the first admin stands under the field of that name.
fn of_admin(error: RegisterError) -> Problem {
    let RegisterError::Invalid(invalid) = error else {
        return error.into();
    };
    let mut problem = Problem::invalid_body();
    if let Some(email) = invalid.email {
        problem = problem.field("admin.email", "invalid_email", email.to_string());
    }
    if let Some(password) = invalid.password {
        problem = problem.field("admin.password", password.code(), password.to_string());
    }
    problem
}
