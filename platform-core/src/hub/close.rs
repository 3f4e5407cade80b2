//! Why a connection ends.

use axum::extract::ws::close_code;

/// Why a connection ends: a label of a metric, and a code of RFC 6455 with a word for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// The client closed it, or broke off.
    ClientLeft,
    /// The service stops; the word is `retry_ms=` and how long to wait before connecting again.
    Restart,
    /// More waited for the client than may. It connects again and resumes.
    TooSlow,
    /// The client was silent for too long.
    Silent,
    /// The client sent more messages than it may.
    TooManyMessages,
    /// The client sent a message that is too large.
    MessageTooLarge,
    /// The client sent something that is no text.
    NotText,
    /// Nobody authenticated in time, or with a credential that is not good.
    Unauthenticated,
    /// The session, or whatever else it was authenticated by, has ended.
    SessionEnded,
    /// It could not be found out for a while whether the session goes on.
    SessionUnverified,
    /// Somebody has lost a permission that they had when they authenticated. They connect again and have what they have now.
    PermissionsChanged,
    /// The principal has as many connections as it may have.
    PrincipalFull,
    /// The tenant has as many connections as it may have.
    TenantFull,
    /// What the client wants to resume from is not kept any more: it reads the state anew.
    HistoryGone,
    /// History could not be read. It connects again and resumes.
    HistoryUnavailable,
    /// The protocol above the hub ends it.
    Refused,
    /// The service failed.
    Internal,
}

impl CloseReason {
    /// The code of RFC 6455 and of the registry of its codes.
    pub fn code(self) -> u16 {
        match self {
            Self::ClientLeft => close_code::NORMAL,
            Self::Restart => close_code::RESTART,
            Self::TooSlow
            | Self::SessionUnverified
            | Self::HistoryUnavailable
            | Self::PrincipalFull
            | Self::TenantFull => close_code::AGAIN,
            Self::NotText => close_code::UNSUPPORTED,
            Self::MessageTooLarge => close_code::SIZE,
            Self::Internal => close_code::ERROR,
            Self::Silent
            | Self::TooManyMessages
            | Self::Unauthenticated
            | Self::SessionEnded
            | Self::PermissionsChanged
            | Self::HistoryGone
            | Self::Refused => close_code::POLICY,
        }
    }

    /// A stable word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientLeft => "client_left",
            Self::Restart => "restart",
            Self::TooSlow => "too_slow",
            Self::Silent => "silent",
            Self::TooManyMessages => "too_many_messages",
            Self::MessageTooLarge => "message_too_large",
            Self::NotText => "not_text",
            Self::Unauthenticated => "unauthenticated",
            Self::SessionEnded => "session_ended",
            Self::SessionUnverified => "session_unverified",
            Self::PermissionsChanged => "permissions_changed",
            Self::PrincipalFull => "too_many_streams_of_principal",
            Self::TenantFull => "too_many_streams_of_tenant",
            Self::HistoryGone => "history_gone",
            Self::HistoryUnavailable => "history_unavailable",
            Self::Refused => "refused",
            Self::Internal => "internal",
        }
    }
}
