//! What several instances share by Redis: frames of quotes, tickets of the stream, and who is connected. Never anything that decides.

use std::time::Duration;

use anyhow::anyhow;
use async_trait::async_trait;
use platform_core::Sources;
use platform_core::bus::{
    Bus, BusBackend, BusCaps, BusError, Notice, Redis, RedisBus, RedisConfig, Switchboard, Topic,
};
use platform_core::hub::{Presence, PresenceConfig, RedisPresence, RedisTickets, Tickets};
use platform_core::lease::{Holder, Leases, PgLeases};
use platform_core::pg::Db;
use platform_core::resilience::{
    BreakerConfig, BreakerState, Fault, FaultKind, Policies, Policy, PolicyConfig, PolicyError, RetryConfig,
};
use platform_core::runtime::Check;
use secrecy::ExposeSecret as _;
use trading::SharedMarket;
use trading::http::StreamBackends;

use crate::config;
use crate::exit::Exit;
use crate::refusal::{OrRefuse as _, Refusal};

/// A Redis that was reached, and the bus over it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shared {
    redis: Redis,
    bus: RedisBus,
}

impl Shared {
    /// Connects to the Redis that the settings name; `None` where they name none. Afterwards it may be lost and comes back by itself.
    ///
    /// # Errors
    /// [`Refusal`] names the key and never the URL: it is no URL of a Redis, or nobody answers there within four seconds.
    pub async fn connect(settings: &config::Redis) -> Result<Option<Self>, Refusal> {
        let Some(url) = &settings.url else {
            return Ok(None);
        };
        if url.expose_secret().starts_with("rediss:") {
            // A second time nothing happens.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let config = RedisConfig {
            prefix: settings.prefix.clone(),
            ..RedisConfig::default()
        };
        let redis = Redis::new(url, config).map_err(|error| {
            let error = anyhow!(error).context("redis.url (REDIS_URL, not shown) cannot be used");
            Refusal::new(Exit::Configuration, error)
        })?;
        redis.ping().await.map_err(|error| {
            let error =
                anyhow!(error).context("the Redis of redis.url (REDIS_URL, not shown) does not answer");
            Refusal::new(Exit::Unavailable, error)
        })?;
        let bus = RedisBus::start(&redis);
        bus.connected().await.or_refuse(Exit::Unavailable)?;
        Ok(Some(Self { redis, bus }))
    }

    /// Tickets and presence for the stream, and the bus; the soft check `redis`; and the market that instances share.
    ///
    /// # Errors
    /// [`Refusal`] when a limit of a policy cannot be.
    pub(crate) fn between(&self, db: &Db, policies: &Policies) -> Result<Between, Refusal> {
        let sources = db.sources();
        let publish = policies
            .policy("redis_publish", publish_policy())
            .or_refuse(Exit::Internal)?;
        let source = policies
            .policy("market_data", SharedMarket::source_policy())
            .or_refuse(Exit::Internal)?;
        let bus = Bus::new(GuardedBus {
            bus: self.bus.clone(),
            publish: publish.clone(),
        });
        let leases = Leases::new(PgLeases::new(db), sources);
        let market = SharedMarket::new(&bus, &leases, holder(sources)?, source);
        Ok(Between {
            tickets: Tickets::new(RedisTickets::new(&self.redis), sources),
            presence: Presence::new(
                RedisPresence::new(&self.redis),
                PresenceConfig::default(),
                sources,
            ),
            check: self.check(publish),
            bus,
            market,
        })
    }

    fn check(&self, publish: Policy) -> Check {
        let bus = self.bus.clone();
        Check::soft("redis", move || {
            let (is_connected, state) = (bus.is_connected(), publish.state());
            std::future::ready(match (is_connected, state) {
                (false, _) => Err("Redis is not reached: this instance is on its own".to_owned()),
                (true, BreakerState::Closed) => Ok(()),
                (true, _) => Err("publishing fails and is left for a while".to_owned()),
            })
        })
    }
}

/// What instances have between them.
#[derive(Debug)]
pub(crate) struct Between {
    pub(crate) bus: Bus,
    pub(crate) tickets: Tickets,
    pub(crate) presence: Presence,
    pub(crate) market: SharedMarket,
    pub(crate) check: Check,
}

impl Between {
    /// The same backends of the stream, shared with the other instances.
    pub(crate) fn with(&self, backends: StreamBackends) -> StreamBackends {
        StreamBackends {
            tickets: Some(self.tickets.clone()),
            bus: Some(self.bus.clone()),
            presence: Some(self.presence.clone()),
            ..backends
        }
    }
}

/// A notice that takes longer than a second is of no use. One that is not sent is told by what comes after it, so it is never sent again;
/// and quotes are stale after five seconds, so it is tried again no later.
fn publish_policy() -> PolicyConfig {
    let deadline = Duration::from_secs(1);
    PolicyConfig {
        timeout: deadline,
        try_timeout: deadline,
        breaker: BreakerConfig {
            window: Duration::from_secs(10),
            open_for: Duration::from_secs(3),
            probes: 1,
            ..BreakerConfig::default()
        },
        retry: RetryConfig {
            tries_max: 1,
            ..RetryConfig::default()
        },
        ..PolicyConfig::default()
    }
}

/// This process, for whoever reads who leads.
fn holder(sources: &Sources) -> Result<Holder, Refusal> {
    let drawn = u32::from_be_bytes(sources.bytes());
    Holder::new(&format!("trading-server.{}.{drawn:08x}", std::process::id())).or_refuse(Exit::Internal)
}

/// A bus to which nothing is published while publishing fails.
struct GuardedBus {
    bus: RedisBus,
    publish: Policy,
}

#[async_trait]
impl BusBackend for GuardedBus {
    fn caps(&self) -> BusCaps {
        self.bus.caps()
    }

    fn switchboard(&self) -> &Switchboard {
        self.bus.switchboard()
    }

    async fn publish(&self, notice: Notice) -> Result<(), BusError> {
        let sent = self
            .publish
            .in_background(async || self.bus.publish(notice).await.map_err(NotSent));
        sent.await.map_err(|error| match error {
            PolicyError::Failed { source, .. } => source.0,
            error => BusError::Unavailable(Box::new(error)),
        })
    }

    fn changed(&self, topic: &Topic) {
        self.bus.changed(topic);
    }

    async fn settled(&self, topic: &Topic) -> Result<(), BusError> {
        self.bus.settled(topic).await
    }
}

#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct NotSent(BusError);

impl Fault for NotSent {
    fn kind(&self) -> FaultKind {
        match self.0.is_retryable() {
            true => FaultKind::Transient,
            false => FaultKind::Callers,
        }
    }
}
