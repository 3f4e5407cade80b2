//! Why something was not archived, or an archive not read.

use std::io;
use std::path::PathBuf;

use platform_core::TenantId;
use platform_core::pg::DbError;

use crate::AuditError;

/// The archive was not written or not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The name of the log cannot be a path.
    #[error("the name of a log cannot be a path in an archive")]
    Origin,
    /// A file could not be read or written.
    #[error("{} cannot be read or written", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A manifest in the archive was not signed by the log, or says something else than what lies beside it.
    #[error("{} is not what the log has signed", path.display())]
    NotSigned {
        /// The file.
        path: PathBuf,
    },
    /// What is stored in the database at this position is not what was signed: it was altered or deleted. Verify the trail.
    #[error("what is stored of tenant {tenant} at position {seq} is not what was signed")]
    Damaged {
        /// Whose trail.
        tenant: TenantId,
        /// The position.
        seq: u64,
    },
    /// It could not be recorded that the trail is archived, so it is not.
    #[error("the archiving could not be recorded")]
    Unrecorded(#[from] AuditError),
    /// The database refused or could not be reached.
    #[error("the trail could not be read")]
    Db(#[from] DbError),
}

impl ArchiveError {
    pub(super) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
