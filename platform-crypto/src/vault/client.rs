//! The client: one token, kept alive, and calls that outlast a short failure.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use platform_core::{Sources, Timestamp, error_chain};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use vaultrs::client::Client as _;
use vaultrs::error::ClientError;

use super::config::{InvalidVaultConfig, VaultConfig, checked};
use super::error::{VaultError, status};
use super::kv::KvV2;
use super::lease::{Lease, Need};
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
    transport: Arc<Transport>,
    config: VaultConfig,
    login: VaultLogin,
    sources: Sources,
    token: RwLock<Option<Arc<Token>>>,
    /// One login or renewal at a time.
    turn: Semaphore,
    /// How many logins have failed, and whether the last was denied.
    failed: Mutex<Failed>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Failed {
    logins: u64,
    denied: bool,
}

struct Token {
    session: Arc<Session>,
    lease: Lease,
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
            transport: Arc::new(Transport::new(&config)?),
            config,
            login,
            sources: sources.clone(),
            token: RwLock::new(None),
            turn: Semaphore::new(1),
            failed: Mutex::default(),
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
        self.token().await.map(|token| token.lease.next_need())
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
            let error = match self.token().await {
                Err(error) => error,
                Ok(token) => match request(token.session.clone()).await {
                    Ok(answer) => return Ok(answer),
                    Err(error) => {
                        let refused = matches!(status(&error), Some(401 | 403));
                        if refused && !logged_in_again && self.give_up(&token) {
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

    /// A token that serves, after whatever that takes.
    async fn token(&self) -> Result<Arc<Token>, VaultError> {
        let now = self.sources.now();
        if let Some(token) = self.held() {
            match token.lease.need(now) {
                Need::Nothing => return Ok(token),
                Need::Renewal => {
                    // Who does not get the turn goes on with the token that is being renewed.
                    return match self.turn.try_acquire() {
                        Ok(turn) => self.renew(token, turn).await,
                        Err(_) => Ok(token),
                    };
                }
                Need::Login => {}
            }
        }
        let before = self.failed();
        let acquired = self.turn.acquire().await;
        let turn = acquired.map_err(|error| VaultError::Unavailable(error.into()))?;
        // Somebody may have logged in while this caller waited for its turn, or failed to: then everybody who waited has failed.
        if let Some(token) = self
            .held()
            .filter(|token| token.lease.need(self.sources.now()) != Need::Login)
        {
            return Ok(token);
        }
        let failed = self.failed();
        match failed.logins == before.logins {
            true => self.log_in(turn).await,
            false if failed.denied => Err(VaultError::denied("a login that was waited for was denied")),
            false => Err(VaultError::Unavailable(
                "a login that was waited for has failed".into(),
            )),
        }
    }

    async fn log_in(&self, _turn: SemaphorePermit<'_>) -> Result<Arc<Token>, VaultError> {
        let logged_in = self.login.log_in(&self.transport).await.inspect_err(|error| {
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            failed.logins += 1;
            failed.denied = matches!(error, VaultError::Denied(_));
        })?;
        let token = Arc::new(Token {
            lease: Lease::new(logged_in.ttl_s, logged_in.renewable, &self.sources),
            session: Arc::new(logged_in.session),
        });
        self.hold(Some(token.clone()));
        info!(
            ttl_s = logged_in.ttl_s,
            renewable = logged_in.renewable,
            "logged in to Vault"
        );
        Ok(token)
    }

    /// Renews a token that still serves. It is not for this caller to fail when that does not work.
    async fn renew(&self, token: Arc<Token>, turn: SemaphorePermit<'_>) -> Result<Arc<Token>, VaultError> {
        let refused = match token.lease.is_renewable() {
            true => match token.session.renew(None).await {
                Ok(auth)
                    if !(self.login.is_repeatable() && token.lease.is_last_grant(auth.lease_duration)) =>
                {
                    debug!(ttl_s = auth.lease_duration, "renewed the token of Vault");
                    if token.lease.is_last_grant(auth.lease_duration) {
                        warn!(
                            ttl_s = auth.lease_duration,
                            "the token of Vault nears its max_ttl and is not periodic: replace it"
                        );
                    }
                    return Ok(self.replace(&token, token.lease.renewed(auth.lease_duration, &self.sources)));
                }
                Ok(_) => None,
                Err(error) => Some(VaultError::from(error)),
            },
            false => None,
        };
        let unavailable = refused.as_ref().is_some_and(VaultError::is_unavailable);
        if self.login.is_repeatable() && !unavailable {
            match self.log_in(turn).await {
                Ok(token) => return Ok(token),
                Err(error) => warn!(error = %error_chain(&error), "cannot log in to Vault again"),
            }
        } else if let Some(error) = refused {
            warn!(error = %error_chain(&error), "cannot renew the token of Vault");
        }
        Ok(self.replace(&token, token.lease.postponed(self.sources.now())))
    }

    /// Forgets a token that was refused, if another may serve.
    fn give_up(&self, token: &Arc<Token>) -> bool {
        let mut held = self.token.write().unwrap_or_else(PoisonError::into_inner);
        match held.as_ref() {
            Some(current) if !Arc::ptr_eq(&current.session, &token.session) => true,
            Some(_) if self.login.is_repeatable() && token.lease.is_settled(self.sources.now()) => {
                *held = None;
                true
            }
            Some(_) => false,
            None => true,
        }
    }

    /// The same session with another lease.
    fn replace(&self, token: &Arc<Token>, lease: Lease) -> Arc<Token> {
        let session = token.session.clone();
        let token = Arc::new(Token { session, lease });
        self.hold(Some(token.clone()));
        token
    }

    fn held(&self) -> Option<Arc<Token>> {
        self.token.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn failed(&self) -> Failed {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hold(&self, token: Option<Arc<Token>>) {
        *self.token.write().unwrap_or_else(PoisonError::into_inner) = token;
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
            .field("login", &self.login)
            .finish_non_exhaustive()
    }
}
