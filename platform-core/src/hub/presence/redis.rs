//! Presence at all instances.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use redis::Script;

use super::{PresenceBackend, PresenceError, Present};
use crate::bus::{Redis, Topic};

/// Keeps presence in Redis: of each room a sorted set, in which the score of a member is the end of its lease in milliseconds of the clock
/// of Redis. A room that nobody renews is gone with its last lease.
#[derive(Debug, Clone)]
pub struct RedisPresence {
    redis: Redis,
}

/// `KEYS[1]` a room, `ARGV[1]` the lease in milliseconds, the rest members.
const RENEW: &str = "
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    for place = 2, #ARGV do
        redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[place])
    end
    redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
    redis.call('PEXPIRE', KEYS[1], ARGV[1])";

/// `KEYS[1]` a room, `ARGV[1]` how many.
const LIST: &str = "
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. string.format('%.0f', now), '+inf', 'LIMIT', 0, ARGV[1])";

impl RedisPresence {
    /// Presence in this Redis.
    pub fn new(redis: &Redis) -> Self {
        Self { redis: redis.clone() }
    }

    fn key(&self, room: &Topic) -> String {
        self.redis.key("presence", room)
    }
}

#[async_trait]
impl PresenceBackend for RedisPresence {
    async fn renew(&self, present: &[(Topic, Present)], lease: Duration) -> Result<(), PresenceError> {
        let lease_ms = u64::try_from(lease.as_millis()).unwrap_or(u64::MAX);
        // One after the other, over one connection: a batch has few rooms.
        for (room, members) in by_room(present) {
            let script = Script::new(RENEW);
            let mut call = script.key(self.key(room));
            call.arg(lease_ms);
            for member in members {
                call.arg(member);
            }
            let () = call
                .invoke_async(&mut self.redis.commands())
                .await
                .map_err(unavailable)?;
        }
        Ok(())
    }

    async fn remove(&self, gone: &[(Topic, Present)]) -> Result<(), PresenceError> {
        for (room, members) in by_room(gone) {
            let mut command = redis::cmd("ZREM");
            command.arg(self.key(room)).arg(members);
            let () = command
                .query_async(&mut self.redis.commands())
                .await
                .map_err(unavailable)?;
        }
        Ok(())
    }

    async fn list(&self, room: &Topic, max: usize) -> Result<Vec<Present>, PresenceError> {
        let script = Script::new(LIST);
        let mut call = script.key(self.key(room));
        call.arg(max);
        let members: Vec<String> = call
            .invoke_async(&mut self.redis.commands())
            .await
            .map_err(unavailable)?;
        // What nobody of ours has written is left out.
        Ok(members.iter().filter_map(|member| read(member)).collect())
    }
}

fn by_room(present: &[(Topic, Present)]) -> BTreeMap<&Topic, Vec<String>> {
    let mut rooms: BTreeMap<&Topic, Vec<String>> = BTreeMap::new();
    for (room, who) in present {
        rooms.entry(room).or_default().push(member(who));
    }
    rooms
}

/// The principal, the instance and the number of the stay.
fn member(present: &Present) -> String {
    format!("{}/{}/{}", present.principal, present.instance, present.stay)
}

fn read(member: &str) -> Option<Present> {
    let mut parts = member.splitn(3, '/');
    Some(Present {
        principal: parts.next()?.parse().ok()?,
        instance: parts.next()?.parse().ok()?,
        stay: parts.next()?.parse().ok()?,
    })
}

fn unavailable(error: redis::RedisError) -> PresenceError {
    PresenceError(Box::new(error))
}
