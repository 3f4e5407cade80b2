//! A server in a process of its own, and a client.

mod api;
mod data_dir;
mod redis;
mod server;
mod socket;
mod wait;

pub(crate) use api::{Answer, Api, buy, limit_buy};
pub(crate) use data_dir::DataDir;
pub(crate) use redis::{REDIS_PASSWORD, RedisServer};
pub(crate) use server::{Ended, Launch, Server, shared};
pub(crate) use socket::{Socket, hear};
pub(crate) use wait::{PATIENCE, eventually};

/// The password of the demo users in these tests.
pub(crate) const PASSWORD: &str = "a password for the demo users 7";
