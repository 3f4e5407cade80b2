//! Why a hold was not placed or released.

use platform_core::pg::DbError;

use super::HOLDS_MAX;
use crate::AuditError;

/// A hold breaks a bound; nothing was sent to the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidHold {
    /// The reason is empty, too long or holds a control character.
    #[error("the reason for a hold has 1 to 256 characters")]
    Reason,
    /// The target's kind or id is empty, too long or holds a control character.
    #[error("a target has a kind of 1 to 64 and an id of 1 to 256 characters")]
    Target,
    /// A time is not in the years 1 to 9999.
    #[error("a time is not in the years 1 to 9999")]
    Time,
    /// The range of times ends where it begins or before.
    #[error("the range of times ends before it begins")]
    Range,
}

/// A hold was not placed or released. Roll the transaction back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HoldError {
    /// The hold breaks a bound.
    #[error("the hold is not valid")]
    Invalid(#[from] InvalidHold),
    /// As many holds stand as can: [`HOLDS_MAX`].
    #[error("{HOLDS_MAX} holds stand already")]
    TooMany,
    /// It could not be recorded.
    #[error("the hold could not be recorded")]
    Audit(#[from] AuditError),
    /// The database refused or could not be reached.
    #[error("the hold could not be stored")]
    Db(#[from] DbError),
}
