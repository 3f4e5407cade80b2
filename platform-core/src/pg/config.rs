//! How to reach the database.

use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;

use super::Login;

/// How to reach the database and how much of it one process may use.
///
/// The login named in the URL needs to be a member of the group roles [`APP_ROLE`](crate::pg::APP_ROLE) and
/// [`SUBTREE_ROLE`](crate::pg::SUBTREE_ROLE) and nothing else.
#[derive(Debug, Clone)]
pub struct DbConfig {
    /// `postgres://` URL of the application login.
    pub url: SecretString,
    /// Connections of the pool, 16 unless told otherwise.
    pub max_connections: u32,
    /// Connections that a single tenant may hold at a time, three quarters of the pool unless told otherwise.
    pub tenant_connections: Option<u32>,
    /// Connections that no request gets, only [group transactions](crate::pg::GroupTx): none unless told otherwise. However many requests
    /// wait, what the program does for all of them then goes on. At least one connection is left to the others.
    pub reserved_connections: u32,
    /// How long a transaction waits for a connection before it fails with [`DbError::Timeout`](crate::pg::DbError::Timeout): 5 s.
    pub acquire_timeout: Duration,
    /// When the server cancels a statement: 15 s.
    pub statement_timeout: Duration,
    /// When the server ends a transaction that does nothing: 10 s.
    pub idle_in_transaction_timeout: Duration,
    /// The name shown in `pg_stat_activity`.
    pub application_name: String,
}

impl DbConfig {
    /// The defaults, for the login in `url`.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: SecretString::from(url.into()),
            max_connections: 16,
            tenant_connections: None,
            reserved_connections: 0,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(15),
            idle_in_transaction_timeout: Duration::from_secs(10),
            application_name: "platform".to_owned(),
        }
    }

    /// The same with a pool of another size.
    #[must_use]
    pub fn with_max_connections(mut self, connections: u32) -> Self {
        self.max_connections = connections.max(1);
        self
    }

    pub(super) fn tenant_share(&self) -> u32 {
        let three_quarters = self.max_connections - self.max_connections / 4;
        self.tenant_connections
            .unwrap_or(three_quarters)
            .clamp(1, self.max_connections.max(1))
    }

    /// The connections that are not set aside; `None` where none are.
    pub(super) fn ordinary_connections(&self) -> Option<u32> {
        let left = self.max_connections.saturating_sub(self.reserved_connections);
        (self.reserved_connections > 0).then_some(left.max(1))
    }

    pub(super) fn connect_options(&self) -> Result<PgConnectOptions, sqlx::Error> {
        self.options_of(&self.url)
    }

    /// The same for another login.
    pub(super) fn options_for(&self, login: &Login) -> Result<PgConnectOptions, sqlx::Error> {
        match login {
            Login::Password(password) => Ok(self.connect_options()?.password(password.expose_secret())),
            Login::Url(url) => self.options_of(url),
        }
    }

    fn options_of(&self, url: &SecretString) -> Result<PgConnectOptions, sqlx::Error> {
        let url = url.expose_secret();
        // sqlx reads any scheme, and would take the URL of another kind of database for one of PostgreSQL.
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(sqlx::Error::Configuration("not a postgres:// URL".into()));
        }
        let options = PgConnectOptions::from_str(url)?;
        // JIT costs hundreds of milliseconds on statements that run for less than one.
        Ok(options.application_name(&self.application_name).options([
            ("jit", "off".to_owned()),
            // `pg_temp` named last: unnamed it would be searched first, and a temporary table could shadow a real one.
            ("search_path", "pg_catalog,pg_temp".to_owned()),
            (
                "statement_timeout",
                self.statement_timeout.as_millis().to_string(),
            ),
            (
                "idle_in_transaction_session_timeout",
                self.idle_in_transaction_timeout.as_millis().to_string(),
            ),
        ]))
    }
}
