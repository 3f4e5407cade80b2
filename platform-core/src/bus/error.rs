//! Why a notice was not sent, or a topic is not listened to.

use super::NOTICE_BYTES_MAX;

/// The bus could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BusError {
    /// The body is larger than [`NOTICE_BYTES_MAX`]: say where to read it instead.
    #[error("a notice of {0} bytes is larger than {NOTICE_BYTES_MAX}")]
    TooLarge(usize),
    /// So many topics are listened to already that no other is taken.
    #[error("{0} topics are listened to already")]
    TooManyTopics(usize),
    /// The backend is not reached. What was published may have been sent or not.
    #[error("the bus is not reached")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl BusError {
    /// Might the same succeed later?
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// A stable word for it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge(_) => "notice_too_large",
            Self::TooManyTopics(_) => "too_many_topics",
            Self::Unavailable(_) => "bus_unavailable",
        }
    }
}
