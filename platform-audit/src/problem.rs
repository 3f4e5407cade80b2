//! What a client is told when an event cannot be recorded.

use platform_core::error_chain;
use platform_core::http::Problem;

use crate::AuditError;

/// A database that is gone or busy is 503 with `Retry-After`, because the change was not made either; anything else is a defect
/// of the service and 500. The cause is logged here and stays here.
impl From<AuditError> for Problem {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Db(error) => error.into(),
            AuditError::Spool { .. } => {
                tracing::error!(error = error_chain(&error), "an audit event has no place");
                Self::unavailable()
            }
            AuditError::Invalid(_) | AuditError::ForeignTransaction | AuditError::IdTaken { .. } => {
                tracing::error!(error = error_chain(&error), "an audit event is defective");
                Self::internal()
            }
        }
    }
}
