//! Why sessions were not shown or ended.

use platform_core::Forbidden;

use crate::Fault;

/// Sessions were not shown or ended. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The caller lacks a permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The caller is under an API key, which does not reach its owner's sessions.
    #[error("this takes a session")]
    SessionRequired,
    /// The tenant has no such user, or the user no such session that is not over.
    #[error("there is no such user or session")]
    NotFound,
    /// The service could not do its part.
    #[error("sessions could not be reached")]
    Fault(#[source] Fault),
}
