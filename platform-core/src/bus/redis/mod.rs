//! What processes share by a Redis.

mod bus;
mod connection;
mod handle;

pub use bus::RedisBus;
pub use handle::{InvalidRedisUrl, Redis, RedisConfig};
