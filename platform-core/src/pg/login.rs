//! Logins that change while the pool is in use.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgPool};
use tokio::time::{Instant, sleep, timeout};

use super::{ConnectError, DbConfig};

/// How long one attempt to find a login that the server takes may last, each of its steps.
const STEP_TIMEOUT: Duration = Duration::from_secs(5);

/// The wait between two attempts: the server is not to be asked more often, whatever the load.
const ATTEMPT_PERIOD: Duration = Duration::from_millis(250);

/// How often a transaction that waits for an attempt looks for a connection that has come free.
const LOOK_PERIOD: Duration = Duration::from_millis(20);

/// What the application logs in with.
#[derive(Debug, Clone)]
pub enum Login {
    /// A password for the user that the [`DbConfig`]'s URL names.
    Password(SecretString),
    /// A whole `postgres://` URL of the same database, for stores that give out users too.
    Url(SecretString),
}

/// A login in the version that is to be used and, while it is being rotated, the one before.
#[derive(Debug, Clone)]
pub struct Logins {
    /// The newest version.
    pub current: Login,
    /// The version before it, which the server may still want, or want until it is told of the new one.
    pub previous: Option<Login>,
}

impl Logins {
    /// A login in one version.
    pub fn new(current: Login) -> Self {
        Self {
            current,
            previous: None,
        }
    }

    /// The same with the version before it.
    #[must_use]
    pub fn with_previous(mut self, previous: Login) -> Self {
        self.previous = Some(previous);
        self
    }
}

/// Where the logins come from: a store of secrets.
#[async_trait]
pub trait LoginSource: fmt::Debug + Send + Sync + 'static {
    /// The logins as the store has them now. Asked when the pool is made and when the server has refused every login that is
    /// known, at most four times a second.
    ///
    /// # Errors
    /// Whatever keeps the store from answering; the logins that are known stay in use.
    async fn logins(&self) -> Result<Logins, LoginSourceError>;
}

/// Why the logins cannot be had.
pub type LoginSourceError = Box<dyn std::error::Error + Send + Sync>;

/// The logins of a pool.
pub(super) struct LoginKeeper {
    config: DbConfig,
    source: Option<Arc<dyn LoginSource>>,
    known: Mutex<Known>,
    /// Held by the one that looks for a login the server takes.
    attempt: tokio::sync::Mutex<Option<Instant>>,
}

/// Not `Debug`: sqlx's options show their password.
struct Known {
    /// The login that new connections use, then the one to try when it is refused.
    options: Vec<PgConnectOptions>,
    seen: Seen,
    /// Does anybody ever replace the login? Otherwise a refusal is final.
    rotates: bool,
}

/// What was known when a transaction began to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    /// Counts the changes.
    generation: u64,
    /// The server takes none of the logins: make no connections with them.
    pub(super) refused: bool,
}

impl LoginKeeper {
    /// The login of the configuration, until another is put in its place.
    pub(super) fn new(config: &DbConfig, source: Option<Arc<dyn LoginSource>>) -> Self {
        let known = Known {
            options: Vec::new(),
            seen: Seen {
                generation: 0,
                refused: false,
            },
            rotates: source.is_some(),
        };
        Self {
            config: config.clone(),
            source,
            known: Mutex::new(known),
            attempt: tokio::sync::Mutex::new(None),
        }
    }

    /// The login to make the pool with: the first that the server takes, or else the first, for its error.
    pub(super) async fn first(&self) -> Result<PgConnectOptions, ConnectError> {
        let Some(source) = &self.source else {
            return self
                .config
                .connect_options()
                .map_err(|_| ConnectError::InvalidUrl);
        };
        let logins = match timeout(STEP_TIMEOUT, source.logins()).await {
            Ok(logins) => logins.map_err(ConnectError::NoLogin)?,
            Err(elapsed) => return Err(ConnectError::NoLogin(Box::new(elapsed))),
        };
        let options = self.options(&logins)?;
        let known = match accepted(options.clone()).await {
            Found::Accepted(known) => known,
            Found::Refused | Found::Unknown => options,
        };
        let first = known.first().cloned().ok_or(ConnectError::InvalidUrl)?;
        self.lock().options = known;
        Ok(first)
    }

    pub(super) fn seen(&self) -> Seen {
        self.lock().seen
    }

    /// Can a login that was refused be followed by one that is not?
    pub(super) fn rotates(&self) -> bool {
        self.lock().rotates
    }

    /// Uses these logins for new connections.
    pub(super) fn replace(&self, pool: &PgPool, logins: &Logins) -> Result<(), ConnectError> {
        let options = self.options(logins)?;
        self.install(pool, options);
        self.lock().rotates = true;
        Ok(())
    }

    /// Looks for a login that the server takes, after a refusal of what was `seen`: first among those that are known, then in the
    /// store. One transaction looks, the others wait for a moment.
    pub(super) async fn recover(&self, pool: &PgPool, seen: Seen) {
        let Ok(mut last) = self.attempt.try_lock() else {
            return sleep(LOOK_PERIOD).await;
        };
        if self.seen() != seen {
            return;
        }
        if last.is_some_and(|last| last.elapsed() < ATTEMPT_PERIOD) {
            return sleep(LOOK_PERIOD).await;
        }
        let found = Box::pin(self.look()).await;
        *last = Some(Instant::now());
        match found {
            Found::Accepted(options) => {
                *last = None;
                tracing::info!("the database takes another version of its login, which new connections use");
                self.install(pool, options);
            }
            Found::Refused if !seen.refused => {
                tracing::error!("the database refuses every version of its login that is known");
                self.lock().seen.refused = true;
            }
            Found::Refused => {}
            // The next transaction finds out what is the matter.
            Found::Unknown => self.lock().seen.refused = false,
        }
    }

    async fn look(&self) -> Found {
        // The other version first: it is at hand, and the one in use has just been refused.
        let mut known = self.lock().options.clone();
        known.reverse();
        let found = accepted(known).await;
        let (Found::Refused, Some(source)) = (&found, &self.source) else {
            return found;
        };
        let logins = match timeout(STEP_TIMEOUT, source.logins()).await {
            Ok(Ok(logins)) => logins,
            Ok(Err(error)) => {
                tracing::warn!(error = %crate::error_chain(error.as_ref()), "the store cannot say what the database login is");
                return found;
            }
            Err(_) => {
                tracing::warn!("the store did not say in time what the database login is");
                return found;
            }
        };
        match self.options(&logins) {
            Ok(options) => accepted(options).await,
            Err(_) => {
                tracing::warn!("the store holds a text for the database login that is no URL");
                found
            }
        }
    }

    fn install(&self, pool: &PgPool, options: Vec<PgConnectOptions>) {
        let mut known = self.lock();
        if let Some(first) = options.first() {
            pool.set_connect_options(first.clone());
        }
        known.options = options;
        known.seen = Seen {
            generation: known.seen.generation.wrapping_add(1),
            refused: false,
        };
    }

    fn options(&self, logins: &Logins) -> Result<Vec<PgConnectOptions>, ConnectError> {
        std::iter::once(&logins.current)
            .chain(&logins.previous)
            .map(|login| self.config.options_for(login))
            .collect::<Result<_, _>>()
            .map_err(|_| ConnectError::InvalidUrl)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What came of an attempt.
enum Found {
    /// These are the logins, and the server takes the first.
    Accepted(Vec<PgConnectOptions>),
    /// The server takes none of them.
    Refused,
    /// The server could not be asked.
    Unknown,
}

/// Tries one login after the other, each on a connection of its own.
async fn accepted(mut logins: Vec<PgConnectOptions>) -> Found {
    let mut found = Found::Refused;
    for at in 0..logins.len() {
        let Some(login) = logins.get(at) else { break };
        match timeout(STEP_TIMEOUT, login.connect()).await {
            Ok(Ok(connection)) => {
                // Whatever becomes of the farewell, the login was taken.
                let _ = timeout(STEP_TIMEOUT, connection.close()).await;
                logins.swap(0, at);
                return Found::Accepted(logins);
            }
            Ok(Err(error)) if is_refusal(&error) => {}
            Ok(Err(_)) | Err(_) => found = Found::Unknown,
        }
    }
    found
}

/// Did the server refuse the login? (SQLSTATE class 28: invalid authorization specification.)
pub(super) fn is_refusal(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| code.starts_with("28"))
}
