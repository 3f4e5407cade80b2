//! The token: made once for everybody, renewed in time, replaced when it has ended.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use platform_core::{Sources, error_chain};
use tokio::sync::{Semaphore, SemaphorePermit};
use tracing::{debug, info, warn};
use vaultrs::client::Client as _;
use zeroize::Zeroize as _;

use super::error::VaultError;
use super::lease::{Lease, Need};
use super::login::VaultLogin;
use super::session::{Session, Transport};

/// Keeps one token for all callers.
pub(super) struct TokenKeeper {
    transport: Arc<Transport>,
    login: VaultLogin,
    sources: Sources,
    token: RwLock<Option<Arc<Token>>>,
    /// One login or renewal at a time.
    turn: Semaphore,
    failed: Mutex<Failed>,
}

/// A session and how long its token lives.
pub(super) struct Token {
    pub(super) session: Arc<Session>,
    pub(super) lease: Lease,
}

/// How many logins have failed, and whether the last was denied.
#[derive(Debug, Clone, Copy, Default)]
struct Failed {
    logins: u64,
    denied: bool,
}

impl TokenKeeper {
    pub(super) fn new(transport: Transport, login: VaultLogin, sources: &Sources) -> Self {
        Self {
            transport: Arc::new(transport),
            login,
            sources: sources.clone(),
            token: RwLock::new(None),
            turn: Semaphore::new(1),
            failed: Mutex::default(),
        }
    }

    pub(super) fn login(&self) -> &VaultLogin {
        &self.login
    }

    /// A token that serves, after whatever that takes.
    pub(super) async fn token(&self) -> Result<Arc<Token>, VaultError> {
        let now = self.sources.now();
        if let Some(token) = self.held() {
            match token.lease.need(now) {
                Need::Nothing => return Ok(token),
                Need::Renewal => {
                    // Who does not get the turn goes on with the token that is being renewed.
                    return match self.turn.try_acquire() {
                        Ok(turn) => self.renew(turn).await,
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
        if let Some(token) = self.serving() {
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

    /// Renews the token that still serves, or replaces it where that is better. It is not for this caller to fail when neither works.
    async fn renew(&self, turn: SemaphorePermit<'_>) -> Result<Arc<Token>, VaultError> {
        let Some(token) = self.serving() else {
            return self.log_in(turn).await;
        };
        if token.lease.need(self.sources.now()) == Need::Nothing {
            return Ok(token);
        }
        let renewed = self.try_to_renew(&token).await;
        let replaced = match &renewed {
            Ok(Some(lease)) => return Ok(self.replace(&token, *lease)),
            Err(error) if error.is_unavailable() => Err(None),
            _ if !self.login.is_repeatable() => Err(None),
            _ => self.log_in(turn).await.map_err(Some),
        };
        match (replaced, renewed) {
            (Ok(token), _) => return Ok(token),
            (Err(Some(error)), _) => warn!(error = %error_chain(&error), "cannot log in to Vault again"),
            (_, Err(error)) => warn!(error = %error_chain(&error), "cannot renew the token of Vault"),
            _ => debug!("the token of Vault cannot be renewed"),
        }
        Ok(self.replace(&token, token.lease.postponed(self.sources.now())))
    }

    /// What a renewal grants; `None` when logging in again is to be preferred, or the only way.
    async fn try_to_renew(&self, token: &Token) -> Result<Option<Lease>, VaultError> {
        if !token.lease.is_renewable() {
            return Ok(None);
        }
        let mut auth = token.session.renew(None).await?;
        auth.client_token.zeroize();
        let ttl_s = auth.lease_duration;
        if token.lease.is_last_grant(ttl_s) {
            if self.login.is_repeatable() {
                return Ok(None);
            }
            warn!(
                ttl_s,
                "the token of Vault nears its max_ttl and is not periodic: replace it"
            );
        }
        debug!(ttl_s, "renewed the token of Vault");
        Ok(Some(token.lease.renewed(ttl_s, &self.sources)))
    }

    /// Forgets a token that was refused, if another may serve.
    pub(super) fn give_up(&self, token: &Arc<Token>) -> bool {
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

    /// The token, unless it has ended.
    fn serving(&self) -> Option<Arc<Token>> {
        let now = self.sources.now();
        self.held().filter(|token| token.lease.need(now) != Need::Login)
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
}
