//! How the client proves who it is.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vaultrs::auth::approle;
use vaultrs::client::Client as _;
use zeroize::{Zeroize as _, Zeroizing};

use super::InvalidVaultConfig;
use super::config::checked;
use super::error::VaultError;
use super::session::{Session, Transport};
use crate::Secret;

/// Where the credentials of a login come from.
///
/// Give an AppRole a **periodic** token (`token_period`): it is renewed for ever. Without a period every token ends at its `max_ttl`,
/// and the client has to log in again, which an AppRole can and a bare token cannot.
pub enum VaultLogin {
    /// AppRole, at `auth/<mount>/login`.
    AppRole {
        /// Where the method is mounted, `approle` by default.
        mount: String,
        /// The id of the role. Not secret.
        role_id: String,
        /// The secret that goes with it.
        secret_id: Secret<String>,
    },
    /// AppRole, with the secret in a file that is read at every login, so that it can be exchanged.
    AppRoleFile {
        /// Where the method is mounted, `approle` by default.
        mount: String,
        /// The id of the role. Not secret.
        role_id: String,
        /// The file that holds the secret.
        secret_id: PathBuf,
    },
    /// A token that somebody else made. It is renewed as long as Vault allows; when it ends, so does access.
    Token(Secret<String>),
    /// A token in a file that somebody else keeps fresh, such as an agent's sink. It is read again when the token is refused.
    TokenFile(PathBuf),
}

/// What a login gave: the session with its token, and how long that lives.
pub(super) struct LoggedIn {
    pub(super) session: Session,
    /// Seconds to live; 0 is for ever.
    pub(super) ttl_s: u64,
    pub(super) renewable: bool,
}

impl VaultLogin {
    /// AppRole at the default mount.
    pub fn app_role(role_id: impl Into<String>, secret_id: Secret<String>) -> Self {
        Self::AppRole {
            mount: "approle".to_owned(),
            role_id: role_id.into(),
            secret_id,
        }
    }

    /// A token.
    pub fn token(token: Secret<String>) -> Self {
        Self::Token(token)
    }

    pub(super) fn check(&self) -> Result<(), InvalidVaultConfig> {
        match self {
            Self::AppRole { mount, .. } | Self::AppRoleFile { mount, .. } => {
                checked("the mount of AppRole", mount).map(|_| ())
            }
            Self::Token(_) | Self::TokenFile(_) => Ok(()),
        }
    }

    /// Can it give another token when one has ended?
    pub(super) fn is_repeatable(&self) -> bool {
        !matches!(self, Self::Token(_))
    }

    pub(super) async fn log_in(&self, transport: &Arc<Transport>) -> Result<LoggedIn, VaultError> {
        match self {
            Self::AppRole {
                mount,
                role_id,
                secret_id,
            } => log_in_as_role(transport, mount, role_id, secret_id.expose()).await,
            Self::AppRoleFile {
                mount,
                role_id,
                secret_id,
            } => {
                let secret_id = read(secret_id).await?;
                log_in_as_role(transport, mount, role_id, &secret_id).await
            }
            Self::Token(token) => adopt(transport, token.expose()).await,
            Self::TokenFile(path) => adopt(transport, &read(path).await?).await,
        }
    }
}

async fn log_in_as_role(
    transport: &Arc<Transport>,
    mount: &str,
    role_id: &str,
    secret_id: &str,
) -> Result<LoggedIn, VaultError> {
    let anonymous = Session::new(transport, "");
    let answer = approle::login(&anonymous, mount, role_id, secret_id.trim()).await;
    let mut auth = answer.map_err(|error| match VaultError::from(error) {
        // Vault answers 400 to a wrong role or secret.
        VaultError::Refused(source) => VaultError::Denied(source),
        error => error,
    })?;
    let session = session_of(transport, &auth.client_token);
    auth.client_token.zeroize();
    Ok(LoggedIn {
        session: session?,
        ttl_s: auth.lease_duration,
        renewable: auth.renewable,
    })
}

/// Asks Vault how long a given token lives.
async fn adopt(transport: &Arc<Transport>, token: &str) -> Result<LoggedIn, VaultError> {
    let session = session_of(transport, token)?;
    let mut answer = session.lookup().await?;
    answer.id.zeroize();
    Ok(LoggedIn {
        session,
        ttl_s: answer.ttl,
        renewable: answer.renewable.unwrap_or(false),
    })
}

/// Checks what is about to become a header, which the client library takes for granted.
fn session_of(transport: &Arc<Transport>, token: &str) -> Result<Session, VaultError> {
    let token = token.trim();
    let fit = (1..=8192).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic());
    match fit {
        true => Ok(Session::new(transport, token)),
        false => Err(VaultError::denied("the token is empty or not visible ASCII")),
    }
}

async fn read(path: &Path) -> Result<Zeroizing<String>, VaultError> {
    let text = tokio::fs::read_to_string(path).await;
    text.map(Zeroizing::new)
        .map_err(|error| VaultError::Denied(error.into()))
}

impl fmt::Debug for VaultLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AppRole { .. } => "AppRole",
            Self::AppRoleFile { .. } => "AppRoleFile",
            Self::Token(_) => "Token",
            Self::TokenFile(_) => "TokenFile",
        })
    }
}
