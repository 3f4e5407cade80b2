//! What a failure says of a dependency.

/// What a failure says of the dependency that was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The dependency failed in a way that passes: it was away, busy or too slow. Counts against it; may be tried again.
    Transient,
    /// The dependency failed, and would again. Counts against it.
    Lasting,
    /// The dependency is well: the call was refused for what it asked. Counts for it.
    Callers,
}

/// An error of a call, as a [`Policy`](super::Policy) sees it.
pub trait Fault {
    /// What it says of the dependency.
    fn kind(&self) -> FaultKind;
}

/// The database is a dependency too.
#[cfg(feature = "pg")]
impl Fault for crate::pg::DbError {
    fn kind(&self) -> FaultKind {
        use crate::pg::DbError;
        match self {
            // The transaction lost against another one, which is no fault of the database's.
            DbError::Conflict { .. } | DbError::Retry(_) => FaultKind::Callers,
            DbError::Unavailable(_) | DbError::Timeout(_) => FaultKind::Transient,
            _ => FaultKind::Lasting,
        }
    }
}
