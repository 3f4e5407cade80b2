//! A Redis: where it is, how long is waited for it, and under which prefix its keys are.

use std::fmt;
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo, ProtocolVersion};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use super::super::BusError;

/// How a Redis is used.
#[derive(Debug, Clone)]
pub struct RedisConfig {
    /// What every key and channel begins with. `platform`.
    pub prefix: String,
    /// How long a connection may take. 2 s.
    pub connect_timeout: Duration,
    /// How long an answer may take. 2 s.
    pub response_timeout: Duration,
    /// How often a silent connection is asked whether it still lives. 5 s.
    pub ping_every: Duration,
    /// The first wait before a lost connection is tried again; it doubles with each failure. 50 ms.
    pub retry_min: Duration,
    /// The longest such wait. 2 s.
    pub retry_max: Duration,
}

impl Default for RedisConfig {
    fn default() -> Self {
        Self {
            prefix: "platform".to_owned(),
            connect_timeout: Duration::from_secs(2),
            response_timeout: Duration::from_secs(2),
            ping_every: Duration::from_secs(5),
            retry_min: Duration::from_millis(50),
            retry_max: Duration::from_secs(2),
        }
    }
}

/// The URL does not name a Redis. It is not repeated: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the URL is not that of a Redis such as redis://127.0.0.1:6379/0")]
pub struct InvalidRedisUrl;

/// A Redis that is asked over one shared connection, made when it is first needed and again when it was lost. Cheap to clone.
///
/// For TLS the application installs a provider of cryptography for `rustls`, as for everything else.
///
/// ```
/// use platform_core::bus::{Bus, Redis, RedisBus, RedisConfig};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let redis = Redis::new(&"redis://127.0.0.1:6379/0".to_owned().into(), RedisConfig::default())?;
/// let bus = Bus::new(RedisBus::start(&redis));
/// assert!(bus.caps().is_shared);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Redis {
    pub(super) client: Client,
    pub(super) config: RedisConfig,
    manager: ConnectionManager,
}

impl Redis {
    /// A Redis at this URL: `redis://` or, with TLS, `rediss://`, with a user and a password where it asks for them. Connects to nothing
    /// yet. It must be made within a Tokio runtime.
    ///
    /// # Errors
    /// [`InvalidRedisUrl`].
    pub fn new(url: &SecretString, config: RedisConfig) -> Result<Self, InvalidRedisUrl> {
        let info = url.expose_secret().into_connection_info();
        let info = info.map_err(|_| InvalidRedisUrl)?;
        // Notices and answers share one connection, for which the newer protocol is needed.
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let client = Client::open(info.set_redis_settings(settings)).map_err(|_| InvalidRedisUrl)?;
        let manager = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_min_delay(config.retry_min)
            .set_max_delay(config.retry_max)
            .set_connection_timeout(Some(config.connect_timeout))
            .set_response_timeout(Some(config.response_timeout));
        let manager = client
            .get_connection_manager_lazy(manager)
            .map_err(|_| InvalidRedisUrl)?;
        Ok(Self {
            client,
            config,
            manager,
        })
    }

    /// Asks for a sign of life over a connection of its own, no longer than a connection and an answer may take. For the start, where
    /// somebody reads why it failed. The error does not repeat the URL.
    ///
    /// # Errors
    /// [`BusError::Unavailable`] with the cause: nobody is there, the password is wrong, there is no answer.
    pub async fn ping(&self) -> Result<(), BusError> {
        let with = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.config.connect_timeout))
            .set_response_timeout(Some(self.config.response_timeout));
        let asked = async {
            let mut connection = self
                .client
                .get_multiplexed_async_connection_with_config(&with)
                .await?;
            redis::cmd("PING").query_async::<()>(&mut connection).await
        };
        let patience = self.config.connect_timeout + self.config.response_timeout;
        timeout(patience, asked)
            .await
            .map_err(unavailable)?
            .map_err(unavailable)
    }

    /// The connection for commands.
    pub(crate) fn commands(&self) -> ConnectionManager {
        self.manager.clone()
    }

    /// A key below the prefix.
    pub(crate) fn key(&self, kind: &str, name: impl fmt::Display) -> String {
        format!("{}:{kind}:{name}", self.config.prefix)
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

pub(super) fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> BusError {
    BusError::Unavailable(Box::new(error))
}
