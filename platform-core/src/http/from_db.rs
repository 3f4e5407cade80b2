//! What a client is told when the database fails.

use super::Problem;
use crate::error_chain;
use crate::pg::DbError;

/// A database that is gone, busy or in conflict with itself is 503 with `Retry-After`; anything else is a defect and 500. The
/// cause is logged here and stays here: constraint names and SQL are nobody else's business.
///
/// A conflict that a client caused is the handler's to name, before it gets here.
impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        let causes = error_chain(&error);
        match error {
            DbError::Unavailable(_) | DbError::Timeout(_) | DbError::Retry(_) => {
                tracing::warn!(
                    error = causes,
                    "a request failed because of the database: {error}"
                );
                Problem::unavailable()
            }
            _ => {
                tracing::error!(error = causes, "a statement of a request is defective: {error}");
                Problem::internal()
            }
        }
    }
}
