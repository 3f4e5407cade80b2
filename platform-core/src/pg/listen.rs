//! Messages between processes through the database.

use std::fmt;
use std::time::Duration;

use sqlx::postgres::{PgListener, PgPoolOptions};

use super::{Db, DbError};

/// How long a silent connection is trusted before it is asked whether it still stands.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// The first and the longest wait before another try to connect.
const WAITS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));

/// A subscription to one channel of the database's `NOTIFY`, on a connection of its own beside the pool.
///
/// Messages are hints: those sent while the connection was down are lost, so a listener says [`Heard::Gap`] whenever it has
/// (re)connected, and whoever keeps a copy of something has to drop it then. Send with `select pg_notify($1, $2)` in the
/// transaction that makes the change; the message arrives if and when it commits.
///
/// ```no_run
/// use platform_core::pg::{Db, Heard};
///
/// # async fn example(db: Db) {
/// let mut listener = db.listen("parcels");
/// while let Some(heard) = listener.next().await {
///     match heard {
///         Heard::Message(id) => { /* forget this one */ }
///         _ => { /* a gap: forget every cached parcel */ }
///     }
/// }
/// # }
/// ```
pub struct Listener {
    db: Db,
    channel: &'static str,
    connection: Option<PgListener>,
    wait: Duration,
}

/// What a [`Listener`] has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Heard {
    /// The listener is connected from now on; anything may have been missed before.
    Gap,
    /// The text of a message. Anybody who may connect to the database can send one, so it is no more than a hint.
    Message(String),
}

impl Db {
    /// Subscribes to a channel. Connects when it is first asked for a message.
    pub fn listen(&self, channel: &'static str) -> Listener {
        Listener {
            db: self.clone(),
            channel,
            connection: None,
            wait: WAITS.0,
        }
    }
}

impl Listener {
    /// Waits for the next message, connecting again as often as it takes; `None` once the [`Db`] is closed.
    ///
    /// Nothing is lost when the returned future is dropped before it is ready.
    pub async fn next(&mut self) -> Option<Heard> {
        let closing = self.db.closing();
        tokio::select! {
            biased;
            () = closing => None,
            heard = self.hear() => Some(heard),
        }
    }

    async fn hear(&mut self) -> Heard {
        loop {
            let Some(connection) = &mut self.connection else {
                if self.connect().await {
                    return Heard::Gap;
                }
                continue;
            };
            match tokio::time::timeout(SILENCE_MAX, connection.try_recv()).await {
                Ok(Ok(Some(message))) => return Heard::Message(message.payload().to_owned()),
                Ok(Ok(None)) => self.connection = None,
                Ok(Err(error)) => self.lose(&error),
                Err(_) => self.ping().await,
            }
        }
    }

    /// One try; waits before it returns `false`.
    async fn connect(&mut self) -> bool {
        match self.try_connect().await {
            Ok(connection) => {
                self.connection = Some(connection);
                self.wait = WAITS.0;
                return true;
            }
            Err(error) => tracing::warn!(
                channel = self.channel,
                error = %crate::error_chain(&error),
                "cannot listen for messages of the database, trying again"
            ),
        }
        tokio::time::sleep(self.wait).await;
        self.wait = (self.wait * 2).min(WAITS.1);
        false
    }

    async fn try_connect(&self) -> Result<PgListener, DbError> {
        let (options, patience) = self.db.own_connection();
        // The listener wants a pool to connect again by itself; it is not asked to.
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(patience)
            .connect_lazy_with(options);
        let connecting = async {
            let mut connection = PgListener::connect_with(&pool).await?;
            connection.eager_reconnect(false);
            connection.listen(self.channel).await?;
            Ok::<_, sqlx::Error>(connection)
        };
        match tokio::time::timeout(patience, connecting).await {
            Ok(connected) => Ok(connected?),
            Err(_) => Err(DbError::Timeout(sqlx::Error::PoolTimedOut)),
        }
    }

    /// A connection that a firewall forgot looks like one on which nothing happens.
    async fn ping(&mut self) {
        let Some(connection) = &mut self.connection else {
            return;
        };
        let (_, patience) = self.db.own_connection();
        let answer = sqlx::query("select 1").execute(connection);
        match tokio::time::timeout(patience, answer).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => self.lose(&error),
            Err(_) => self.lose(&sqlx::Error::PoolTimedOut),
        }
    }

    fn lose(&mut self, error: &sqlx::Error) {
        tracing::warn!(channel = self.channel, %error, "stopped hearing messages of the database, connecting again");
        self.connection = None;
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("channel", &self.channel)
            .field("connected", &self.connection.is_some())
            .finish_non_exhaustive()
    }
}
