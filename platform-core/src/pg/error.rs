//! What can go wrong with a statement, by what the caller can do about it.

use sqlx::postgres::PgDatabaseError;

use super::ForbiddenStatement;

/// What went wrong with a transaction or a statement, one variant for each way a caller may react.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DbError {
    /// The database cannot be reached or is shutting down. Answer 503 and try again later.
    #[error("the database is unavailable")]
    Unavailable(#[source] sqlx::Error),
    /// No connection came free, or a statement ran past its limit. Answer 503.
    #[error("the database did not answer in time")]
    Timeout(#[source] sqlx::Error),
    /// A tenant table was touched without a tenant scope. A defect of this program.
    #[error("a tenant table was touched outside a tenant scope")]
    ScopeMissing(#[source] sqlx::Error),
    /// A unique, foreign-key, check or exclusion constraint refused the row. The transaction has to be rolled back.
    #[error("the constraint {constraint} refused the row")]
    Conflict {
        /// The constraint's name.
        constraint: String,
        /// The database's error.
        #[source]
        source: sqlx::Error,
    },
    /// Serialization failure or deadlock: roll back and run the whole transaction again.
    #[error("the transaction lost against a concurrent one")]
    Retry(#[source] sqlx::Error),
    /// A statement failed earlier in this transaction, so that committing it would silently have rolled it back.
    #[error("the transaction had failed before it was committed")]
    Aborted,
    /// The tenant scope at the end of the transaction is not the one it began with. It was rolled back.
    #[error("the tenant scope changed inside the transaction")]
    ScopeChanged,
    /// The database refused to commit a change of a protected table, because the same transaction recorded no audit event
    /// (SQLSTATE `PA001`).
    #[error(
        "the transaction changed a protected table without an audit event; a defect of this program; everything was rolled back"
    )]
    Unaudited(#[source] sqlx::Error),
    /// A statement that ends, begins or re-scopes a transaction was sent through it. Nothing was executed.
    #[error(transparent)]
    Forbidden(#[from] ForbiddenStatement),
    /// Anything else: a defect in the statement or in the mapping of its rows.
    #[error("the statement failed")]
    Query(#[source] sqlx::Error),
}

impl DbError {
    /// The violated constraint, when it was one.
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Conflict { constraint, .. } => Some(constraint),
            _ => None,
        }
    }

    /// Is the database gone or busy, so that the caller may try again later?
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Timeout(_) | Self::Retry(_))
    }
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(cause) => match cause.try_downcast_ref::<PgDatabaseError>() {
                Some(cause) => from_server(Diagnosis::of(cause), error),
                None => Self::Query(error),
            },
            sqlx::Error::PoolTimedOut => Self::Timeout(error),
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => Self::Unavailable(error),
            sqlx::Error::Encode(cause) | sqlx::Error::Decode(cause) => {
                match cause.downcast_ref::<ForbiddenStatement>() {
                    Some(forbidden) => Self::Forbidden(forbidden.clone()),
                    None => Self::Query(error),
                }
            }
            _ => Self::Query(error),
        }
    }
}

enum Diagnosis {
    Unavailable,
    Timeout,
    ScopeMissing,
    Conflict(String),
    Retry,
    Aborted,
    Unaudited,
    Other,
}

impl Diagnosis {
    /// By SQLSTATE (PostgreSQL manual, appendix A).
    fn of(cause: &PgDatabaseError) -> Self {
        match cause.code() {
            "40001" | "40P01" => Self::Retry,
            "57014" | "55P03" => Self::Timeout,
            "57P01" | "57P02" | "57P03" | "53300" | "25P03" => Self::Unavailable,
            "42704" if cause.message().contains("platform.tenant") => Self::ScopeMissing,
            // The setting is the empty string once a transaction has used it on the same connection.
            "22P02" if complains_of_an_empty_uuid(cause.message()) => Self::ScopeMissing,
            "25P02" => Self::Aborted,
            "PA001" => Self::Unaudited,
            // A login that is refused is being rotated, or is wrong: nothing that a caller could mend either way.
            code if code.starts_with("08") || code.starts_with("28") => Self::Unavailable,
            code if code.starts_with("23") => Self::Conflict(
                cause
                    .constraint()
                    .or(cause.column())
                    .unwrap_or("unnamed")
                    .to_owned(),
            ),
            _ => Self::Other,
        }
    }
}

/// Is this "invalid input syntax for type uuid" with nothing between the quotes? The server may speak any language; what it
/// quotes comes last.
fn complains_of_an_empty_uuid(message: &str) -> bool {
    let quoted = message.rsplit(':').next().unwrap_or_default();
    let is_quote = |c: char| c.is_whitespace() || "\"'«»‹›„“”「」『』".contains(c);
    message.contains("uuid") && quoted.chars().all(is_quote)
}

fn from_server(diagnosis: Diagnosis, error: sqlx::Error) -> DbError {
    match diagnosis {
        Diagnosis::Unavailable => DbError::Unavailable(error),
        Diagnosis::Timeout => DbError::Timeout(error),
        Diagnosis::ScopeMissing => DbError::ScopeMissing(error),
        Diagnosis::Conflict(constraint) => DbError::Conflict {
            constraint,
            source: error,
        },
        Diagnosis::Retry => DbError::Retry(error),
        Diagnosis::Aborted => DbError::Aborted,
        Diagnosis::Unaudited => DbError::Unaudited(error),
        Diagnosis::Other => DbError::Query(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_uuid_is_recognised_in_the_languages_of_the_server() {
        for message in [
            "invalid input syntax for type uuid: \"\"",
            "ungültige Eingabesyntax für Typ uuid: »«",
            "syntaxe en entrée invalide pour le type uuid : « »",
        ] {
            assert!(complains_of_an_empty_uuid(message), "{message}");
        }
    }

    #[test]
    fn a_malformed_uuid_or_number_is_not_an_empty_uuid() {
        for message in [
            "invalid input syntax for type uuid: \"-\"",
            "invalid input syntax for type integer: \"\"",
        ] {
            assert!(!complains_of_an_empty_uuid(message), "{message}");
        }
    }
}
