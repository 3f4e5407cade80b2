//! Why nothing was acknowledged.

use platform_core::pg::DbError;

use crate::AuditError;

/// Nothing was acknowledged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcknowledgeError {
    /// The reason is empty, too long or holds a control character.
    #[error("the reason for an acknowledgement has 1 to 256 characters")]
    Reason,
    /// The event was not kept out of the tree: there is nothing to acknowledge.
    #[error("the event was not kept out of the tree")]
    NotRejected,
    /// The event stands there more than once, or its row cannot be read as an event's. What it says cannot be told from what somebody
    /// makes of it later. Once the row is gone, that it is missing can be acknowledged.
    #[error("the event is stored more than once, or its row cannot be read")]
    Unreadable,
    /// The numbers end before they begin.
    #[error("the numbers end before they begin")]
    NoNumbers,
    /// They are more than a million, which are not the numbers of one gap that somebody has looked at.
    #[error("more than a million numbers cannot be acknowledged at once")]
    TooManyNumbers,
    /// The log has no key, so that what it records would not be believed.
    #[error("the log has no key to seal an acknowledgement with")]
    NoKey,
    /// It could not be recorded.
    #[error("the acknowledgement could not be recorded")]
    Audit(#[from] AuditError),
    /// The database refused or could not be reached.
    #[error("what is to be acknowledged could not be read")]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for AcknowledgeError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}
