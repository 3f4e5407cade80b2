//! A bus of notices: what happened, told at most once to whoever listens at that moment, in this process or in all of them.
//!
//! A [`Notice`] may be lost, and a listener is told when some may have been ([`Heard::Missed`]); what must arrive goes through a table
//! and a queue instead. Use a notice to say that there is something new to read.
//!
//! | backend | reaches | needs |
//! |---|---|---|
//! | [`MemoryBus`] | this process | nothing |
//! | `RedisBus` (feature `redis`) | every process at the same Redis | Redis 6 or newer |
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! use platform_core::bus::{Bus, Heard, Topic};
//! use platform_core::{Sources, TenantId};
//!
//! let tenant = TenantId::generate(&Sources::system());
//! let flags = Topic::tenant(tenant, "flags")?;
//! let bus = Bus::in_process();
//!
//! let mut listener = bus.listener();
//! listener.add(&flags).await?;
//! bus.publish(&flags, "changed".into()).await?;
//!
//! let Heard::Notice(notice) = listener.next().await else { panic!("nothing was lost") };
//! assert_eq!(notice.body, "changed");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod backend;
mod error;
mod facade;
mod listener;
mod memory;
mod notice;
#[cfg(feature = "redis")]
mod redis;
mod switchboard;
mod topic;

pub use backend::{BusBackend, BusCaps, Lacking};
pub use bytes::Bytes;
pub use error::BusError;
pub use facade::Bus;
pub use listener::{Interest, Listener};
pub use memory::MemoryBus;
pub use notice::{Heard, NOTICE_BYTES_MAX, Notice};
#[cfg(feature = "redis")]
pub use redis::{InvalidRedisUrl, Redis, RedisBus, RedisConfig};
pub use switchboard::Switchboard;
pub use topic::{InvalidTopic, Scope, TOPIC_NAME_BYTES_MAX, Topic};
