//! The client: calls that outlast a short failure, with a token that is kept alive.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use platform_core::{Sources, Timestamp, error_chain};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use vaultrs::error::ClientError;

use super::config::{InvalidVaultConfig, VaultConfig, checked};
use super::error::{VaultError, status};
use super::keeper::TokenKeeper;
use super::kv::KvV2;
use super::login::VaultLogin;
use super::session::{Session, Transport};
use super::transit::VaultTransit;

/// Bounds on how long the task that renews looks away, whatever the clock says.
const LOOK_MIN: Duration = Duration::from_secs(1);
const LOOK_MAX: Duration = Duration::from_secs(30);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// A client of HashiCorp Vault or OpenBao.
///
/// It logs in when it is first needed, renews its token after two thirds of its time to live (by the clock of its `Sources`, a little
/// earlier at random), and logs in again when the token has ended or is refused. One caller logs in or renews while the others go on or
/// wait for it. Every request has a limit; one that finds Vault unavailable is repeated a bounded number of times.
///
/// Calls renew as they come; [`Vault::keep_renewed`] does so while there are none. Cheap to clone through its `Arc`.
///
/// The tests drive it against a double of Vault in `tests/vault_double`, which the Python client `hvac` drives as well; they run against
/// a real server where `VAULT_ADDR` and `VAULT_TOKEN` name one. The client library logs every failed request as an error, without
/// anything secret in it: filter the targets `vaultrs` and `rustify` where the errors of this crate are logged already.
///
/// ```no_run
/// use platform_core::Sources;
/// use platform_crypto::{Secret, Vault, VaultConfig, VaultLogin};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (role_id, secret_id) = (String::new(), Secret::new(String::new()));
/// let config = VaultConfig::new("https://vault.internal:8200")?;
/// let vault = Vault::new(config, VaultLogin::app_role(role_id, secret_id), &Sources::system())?;
/// let root_keys = vault.transit("transit", "platform")?;
/// let secrets = vault.kv("secret")?;
/// # Ok(())
/// # }
/// ```
pub struct Vault {
    config: VaultConfig,
    sources: Sources,
    keeper: TokenKeeper,
}

/// May a request be sent again when its fate is unknown?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    Harmless,
    Never,
}

impl Vault {
    /// A client. It does not call Vault yet.
    ///
    /// # Errors
    /// [`InvalidVaultConfig`] when a file of certificates cannot be read or the mount of the login is not one.
    pub fn new(
        config: VaultConfig,
        login: VaultLogin,
        sources: &Sources,
    ) -> Result<Arc<Self>, InvalidVaultConfig> {
        login.check()?;
        Ok(Arc::new(Self {
            keeper: TokenKeeper::new(Transport::new(&config)?, login, sources),
            config,
            sources: sources.clone(),
        }))
    }

    /// The KV v2 secrets under a mount such as `secret`.
    ///
    /// # Errors
    /// [`InvalidVaultConfig::Name`].
    pub fn kv(self: &Arc<Self>, mount: &str) -> Result<KvV2, InvalidVaultConfig> {
        Ok(KvV2::new(self.clone(), checked("the mount of KV", mount)?))
    }

    /// The named transit key under a mount such as `transit`, as a provider of root keys.
    ///
    /// # Errors
    /// [`InvalidVaultConfig::Name`].
    pub fn transit(self: &Arc<Self>, mount: &str, key: &str) -> Result<VaultTransit, InvalidVaultConfig> {
        VaultTransit::new(
            self.clone(),
            checked("the mount of transit", mount)?,
            checked("the name of a transit key", key)?,
        )
    }

    /// Does what the token needs now: logs in, renews, or nothing. Answers when to look again; `None` is never.
    ///
    /// # Errors
    /// Why there is no token that serves. A failed renewal of one that still does is logged, and tried again in a few seconds.
    pub async fn maintain(&self) -> Result<Option<Timestamp>, VaultError> {
        self.keeper.token().await.map(|token| token.lease.next_need())
    }

    /// Keeps the token alive until it is told to stop: the body of a worker.
    pub async fn keep_renewed(&self, stop: CancellationToken) {
        loop {
            let wait = match self.maintain().await {
                Ok(next) => next.map_or(LOOK_MAX, |at| {
                    Duration::try_from(at - self.sources.now()).unwrap_or(LOOK_MIN)
                }),
                Err(error) => {
                    warn!(error = %error_chain(&error), "there is no token for Vault");
                    LOOK_MIN
                }
            };
            let sleep = tokio::time::sleep(wait.clamp(LOOK_MIN, LOOK_MAX));
            if stop.run_until_cancelled(sleep).await.is_none() {
                return;
            }
        }
    }

    /// Calls Vault with a token, repeating what is worth repeating.
    pub(super) async fn call<T, F, Fut>(&self, repeat: Repeat, request: F) -> Result<T, VaultError>
    where
        F: Fn(Arc<Session>) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, ClientError>> + Send,
        T: Send,
    {
        let mut logged_in_again = false;
        let mut attempt = 1;
        loop {
            let error = match self.keeper.token().await {
                Err(error) => error,
                Ok(token) => match request(token.session.clone()).await {
                    Ok(answer) => return Ok(answer),
                    Err(error) => {
                        let refused = matches!(status(&error), Some(401 | 403));
                        if refused && !logged_in_again && self.keeper.give_up(&token) {
                            logged_in_again = true;
                            continue;
                        }
                        VaultError::from(error)
                    }
                },
            };
            let again =
                repeat == Repeat::Harmless && error.is_unavailable() && attempt < self.config.attempts;
            if !again {
                return Err(error);
            }
            debug!(attempt, error = %error_chain(&error), "asking Vault again");
            tokio::time::sleep(self.pause_after(attempt)).await;
            attempt += 1;
        }
    }

    /// The pause doubles with each attempt; up to as much again at random keeps replicas apart.
    fn pause_after(&self, attempt: u32) -> Duration {
        let doubled = self.config.pause.saturating_mul(1 << (attempt - 1).min(10));
        let share = u32::from(u16::from_be_bytes(self.sources.bytes()));
        (doubled + doubled * share / u32::from(u16::MAX)).min(PAUSE_MAX)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("config", &self.config)
            .field("login", self.keeper.login())
            .finish_non_exhaustive()
    }
}
