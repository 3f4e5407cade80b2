//! The connection behind a bus: made again when it is lost, its subscriptions restored.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Msg, PushInfo, PushKind, RedisResult};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::super::{Bytes, Notice};
use super::bus::{Connected, Shared};

/// Channels in one command.
const CHANNELS_MAX: usize = 500;

/// Connects for ever: the owner of the bus ends the task.
pub(super) async fn keep(shared: Arc<Shared>) {
    let config = shared.redis.config.clone();
    let mut wait = config.retry_min;
    loop {
        let lost = Arc::new(Notify::new());
        match connect(&shared, &lost).await {
            Ok(connection) => {
                let error = serve(&shared, connection, &lost, &mut wait).await;
                tracing::warn!(error = %error, "the connection of the bus to Redis was lost and is made again");
            }
            Err(error) => {
                let wait_ms = wait.as_millis();
                tracing::warn!(error = %error, wait_ms, "the bus does not reach Redis and tries again");
            }
        }
        shared.connection.send_replace(None);
        sleep(wait).await;
        wait = config.retry_max.min(wait.saturating_mul(2));
    }
}

async fn connect(shared: &Arc<Shared>, lost: &Arc<Notify>) -> RedisResult<MultiplexedConnection> {
    let (hearing, losing) = (Arc::downgrade(shared), Arc::clone(lost));
    // Called in the order in which Redis tells; it hands on and never waits.
    let hear = move |told: PushInfo| {
        match hearing.upgrade() {
            Some(shared) if told.kind == PushKind::Message => shared.hear(told),
            _ if told.kind == PushKind::Disconnection => losing.notify_one(),
            _ => {}
        }
        Ok::<(), Infallible>(())
    };
    let config = &shared.redis.config;
    let with = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(config.connect_timeout))
        .set_response_timeout(Some(config.response_timeout))
        .set_push_sender(hear);
    shared
        .redis
        .client
        .get_multiplexed_async_connection_with_config(&with)
        .await
}

/// Keeps the subscriptions of one connection in line with what is wanted, until it is lost.
async fn serve(
    shared: &Shared,
    mut connection: MultiplexedConnection,
    lost: &Notify,
    wait: &mut Duration,
) -> redis::RedisError {
    shared.lost();
    if let Err(error) = align(shared, &mut connection).await {
        return error;
    }
    shared
        .connection
        .send_replace(Some(Connected(connection.clone())));
    *wait = shared.redis.config.retry_min;
    // After the subscriptions are in force, the first time too: what is read from now on is followed by every notice.
    shared.switchboard.missed();
    loop {
        tokio::select! {
            () = lost.notified() => return (redis::ErrorKind::Io, "disconnected").into(),
            () = shared.work.notified() => {}
            () = sleep(shared.redis.config.ping_every) => {
                let pong: RedisResult<()> = redis::cmd("PING").query_async(&mut connection).await;
                if let Err(error) = pong {
                    return error;
                }
            }
        }
        if let Err(error) = align(shared, &mut connection).await {
            return error;
        }
    }
}

async fn align(shared: &Shared, connection: &mut MultiplexedConnection) -> RedisResult<()> {
    let (wanted, unwanted) = shared.unsettled();
    let channels = |topics: &[_]| {
        topics
            .iter()
            .map(|topic| shared.channel(topic))
            .collect::<Vec<_>>()
    };
    let patience = shared.redis.config.response_timeout;
    let late = |_| redis::RedisError::from((redis::ErrorKind::Io, "no answer to a subscription"));
    for topics in wanted.chunks(CHANNELS_MAX) {
        timeout(patience, connection.subscribe(channels(topics)))
            .await
            .map_err(late)??;
        shared.settle(topics, true);
    }
    for topics in unwanted.chunks(CHANNELS_MAX) {
        timeout(patience, connection.unsubscribe(channels(topics)))
            .await
            .map_err(late)??;
        shared.settle(topics, false);
    }
    Ok(())
}

impl Shared {
    fn hear(&self, told: PushInfo) {
        let Some(message) = Msg::from_push_info(told) else {
            return;
        };
        // Whoever else writes to channels of this prefix is not listened to.
        if let Some(topic) = self.topic(message.get_channel_name()) {
            let body = Bytes::copy_from_slice(message.get_payload_bytes());
            self.switchboard.deliver(&Notice { topic, body });
        }
    }
}
