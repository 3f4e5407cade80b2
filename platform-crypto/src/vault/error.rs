//! How Vault fails.

use vaultrs::error::ClientError;

use super::config::InvalidVaultConfig;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// A call to Vault failed. No variant holds a token, a secret or a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// Vault cannot be reached, is sealed, overloaded or too slow. Ask again later.
    #[error("Vault is unavailable")]
    Unavailable(#[source] Source),
    /// The login was refused, the token may not do this or has ended and cannot be replaced, or the mount does not exist. An operator has
    /// to act.
    #[error("Vault denies access")]
    Denied(#[source] Source),
    /// Vault understood the request and refuses it: a ciphertext that does not open, say. Asking again does not help.
    #[error("Vault refuses the request")]
    Refused(#[source] Source),
    /// Somebody else wrote first: read again and decide anew.
    #[error("the secret has another version than the one that was expected")]
    Conflict,
    /// The answer is not what the interface promises.
    #[error("Vault gave an answer that cannot be understood")]
    Malformed(#[source] Source),
    /// A path that Vault's paths cannot have.
    #[error(transparent)]
    Name(#[from] InvalidVaultConfig),
}

/// The status and the message of an answer.
#[derive(Debug, thiserror::Error)]
#[error("status {status}: {message}")]
struct Answer {
    status: u16,
    message: String,
}

/// Long enough for every message of Vault's own, too short for a page of something in between.
const MESSAGE_CHARS_MAX: usize = 200;

impl VaultError {
    pub(super) fn denied(reason: &'static str) -> Self {
        Self::Denied(reason.into())
    }

    pub(super) fn malformed(reason: &'static str) -> Self {
        Self::Malformed(reason.into())
    }

    /// Is it worth asking again?
    pub(super) fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// The status of an answer that is an error.
pub(super) fn status(error: &ClientError) -> Option<u16> {
    match error {
        ClientError::APIError { code, .. } => Some(*code),
        ClientError::RestClientError {
            source: rustify::errors::ClientError::ServerResponseError { code, .. },
        } => Some(*code),
        _ => None,
    }
}

impl From<ClientError> for VaultError {
    fn from(error: ClientError) -> Self {
        let Some(status) = status(&error) else {
            return without_status(error);
        };
        let answer = Answer {
            status,
            message: message(&error),
        };
        match status {
            400 if answer.message.contains("check-and-set") => Self::Conflict,
            // There is no such mount, or it is of another kind: what is asked for is not there for this service.
            401 | 403 | 404 | 405 => Self::Denied(answer.into()),
            // Not ready: a standby that does not forward or sends elsewhere, a secondary without its primary, too many requests.
            300..=399 | 412 | 429 | 472 | 473 | 500..=599 => Self::Unavailable(answer.into()),
            _ => Self::Refused(answer.into()),
        }
    }
}

/// What went wrong on the way. The sources of the client library may carry what was sent or answered, so only their kind goes on.
fn without_status(error: ClientError) -> VaultError {
    use rustify::errors::ClientError as Transport;
    match error {
        ClientError::RestClientError {
            source: Transport::RequestError { source, .. } | Transport::ResponseError { source },
        } => VaultError::Unavailable(source.into()),
        ClientError::ResponseEmptyError | ClientError::ResponseDataEmptyError => {
            VaultError::malformed("the answer is empty")
        }
        _ => VaultError::malformed("the answer has another form"),
    }
}

fn message(error: &ClientError) -> String {
    let ClientError::APIError { errors, .. } = error else {
        return "no message".to_owned();
    };
    let text = errors.join("; ");
    text.chars()
        .filter(|char| !char.is_control())
        .take(MESSAGE_CHARS_MAX)
        .collect()
}
