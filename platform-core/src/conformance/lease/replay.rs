//! A model of leases, and operations that a backend and the model are given alike.

use std::collections::HashMap;
use std::time::Duration;

use super::LeaseWorld;
use crate::lease::{Holder, Lease, Leases, Renewed, Ttl};

const NAMES: u8 = 3;
const ACTORS: u8 = 3;

/// One thing that somebody does, or time that passes. Three actors lease three names; each remembers the last lease of a name that it
/// was granted, and uses it whether or not it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// Asks for a lease of `10 * tens + 5` seconds.
    Acquire {
        /// Who.
        actor: u8,
        /// For what.
        name: u8,
        /// How long, 1 to 4.
        tens: u8,
    },
    /// Lets a lease last `10 * tens + 5` seconds.
    Renew {
        /// Who.
        actor: u8,
        /// What.
        name: u8,
        /// How long, 1 to 4.
        tens: u8,
    },
    /// Gives a lease back.
    Release {
        /// Who.
        actor: u8,
        /// What.
        name: u8,
    },
    /// Changes something under a lease.
    Write {
        /// Who.
        actor: u8,
        /// Under what.
        name: u8,
    },
    /// Lets `10 * tens` seconds pass. No lease ends at the same moment as the time that passes, so that the few milliseconds of the run
    /// itself decide nothing.
    Elapse {
        /// How long, 1 to 4.
        tens: u8,
    },
}

impl Op {
    /// An operation made of random bytes; every one is some operation.
    pub fn from_bytes([kind, actor, name, tens]: [u8; 4]) -> Self {
        let (actor, name, tens) = (actor % ACTORS, name % NAMES, 1 + tens % 4);
        match kind % 5 {
            0 => Self::Acquire { actor, name, tens },
            1 => Self::Renew { actor, name, tens },
            2 => Self::Release { actor, name },
            3 => Self::Write { actor, name },
            _ => Self::Elapse { tens },
        }
    }
}

/// What somebody is told.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Granted(u32),
    Taken,
    Held,
    Lost,
    Done,
    Written(bool),
}

/// Who remembers which lease of which name.
type Key = (u8, u8);

/// The leases as they should be.
#[derive(Debug, Default)]
struct Model {
    now_s: u64,
    /// How many holders a name has had, and when the last one's lease ends.
    leases: HashMap<u8, (u32, u64)>,
    remembered: HashMap<Key, u32>,
}

impl Model {
    fn apply(&mut self, op: Op) -> Option<Answer> {
        let now_s = self.now_s;
        match op {
            Op::Elapse { tens } => {
                self.now_s += u64::from(tens) * 10;
                None
            }
            Op::Acquire { actor, name, tens } => {
                let (holders, ends_s) = self.leases.entry(name).or_default();
                if *ends_s > now_s {
                    return Some(Answer::Taken);
                }
                (*holders, *ends_s) = (*holders + 1, now_s + lasts_s(tens));
                self.remembered.insert((actor, name), *holders);
                Some(Answer::Granted(*holders))
            }
            Op::Renew { actor, name, tens } => {
                let held = self.held((actor, name))?;
                let Some(ends_s) = held else {
                    return Some(Answer::Lost);
                };
                *ends_s = now_s + lasts_s(tens);
                Some(Answer::Held)
            }
            Op::Release { actor, name } => {
                if let Some(ends_s) = self.held((actor, name))? {
                    *ends_s = now_s;
                }
                Some(Answer::Done)
            }
            Op::Write { actor, name } => Some(Answer::Written(self.held((actor, name))?.is_some())),
        }
    }

    /// The end of a lease that is held, if it is. `None` where nothing is remembered.
    fn held(&mut self, (actor, name): Key) -> Option<Option<&mut u64>> {
        let number = *self.remembered.get(&(actor, name))?;
        let now_s = self.now_s;
        let (holders, ends_s) = self.leases.get_mut(&name)?;
        Some((*holders == number && *ends_s > now_s).then_some(ends_s))
    }
}

fn lasts_s(tens: u8) -> u64 {
    u64::from(tens) * 10 + 5
}

/// A backend, and what its actors remember.
struct Real<'a, W> {
    world: &'a W,
    actors: Vec<Leases>,
    remembered: HashMap<Key, Lease>,
    /// The tokens of a name, in the order in which they were given.
    tokens: HashMap<u8, Vec<i64>>,
}

impl<W: LeaseWorld> Real<'_, W> {
    async fn apply(&mut self, op: Op) -> Result<Option<Answer>, String> {
        match op {
            Op::Elapse { tens } => {
                self.world.elapse(Duration::from_secs(u64::from(tens) * 10)).await;
                Ok(None)
            }
            Op::Acquire { actor, name, tens } => self.acquire((actor, name), tens).await.map(Some),
            Op::Renew { actor, name, tens } => {
                let Some(lease) = self.remembered.get(&(actor, name)) else {
                    return Ok(None);
                };
                let renewed = self.of(actor)?.renew(lease, ttl(tens)?).await;
                match renewed.map_err(|error| crate::error_chain(&error))? {
                    Renewed::Lost => Ok(Some(Answer::Lost)),
                    Renewed::Held(longer) => {
                        self.remembered.insert((actor, name), longer);
                        Ok(Some(Answer::Held))
                    }
                }
            }
            Op::Release { actor, name } => {
                let Some(lease) = self.remembered.get(&(actor, name)) else {
                    return Ok(None);
                };
                let released = self.of(actor)?.release(lease).await;
                released.map_err(|error| crate::error_chain(&error))?;
                Ok(Some(Answer::Done))
            }
            Op::Write { actor, name } => match self.remembered.get(&(actor, name)) {
                Some(lease) => Ok(self.world.write(lease).await.map(Answer::Written)),
                None => Ok(None),
            },
        }
    }

    async fn acquire(&mut self, (actor, name): Key, tens: u8) -> Result<Answer, String> {
        let holder = Holder::new(&format!("actor-{actor}")).map_err(|error| error.to_string())?;
        let lease_name = self.world.name(&format!("n-{name}"));
        let asked = self
            .of(actor)?
            .try_acquire(&lease_name, ttl(tens)?, &holder)
            .await;
        let Some(lease) = asked.map_err(|error| crate::error_chain(&error))? else {
            return Ok(Answer::Taken);
        };
        let tokens = self.tokens.entry(name).or_default();
        if tokens.last().is_some_and(|last| *last >= lease.token.as_i64()) {
            return Err(format!("the token {} came after {tokens:?}", lease.token));
        }
        tokens.push(lease.token.as_i64());
        let holders = u32::try_from(tokens.len()).unwrap_or(u32::MAX);
        self.remembered.insert((actor, name), lease);
        Ok(Answer::Granted(holders))
    }

    fn of(&self, actor: u8) -> Result<&Leases, String> {
        let leases = self.actors.get(usize::from(actor));
        leases.ok_or_else(|| format!("there is no actor {actor}"))
    }
}

fn ttl(tens: u8) -> Result<Ttl, String> {
    Ttl::new(Duration::from_secs(lasts_s(tens))).map_err(|error| error.to_string())
}

/// Gives a fresh world and the model the same operations and compares every answer.
///
/// # Errors
/// What the backend did otherwise, and after which operations.
pub async fn replay(world: &impl LeaseWorld, ops: &[Op]) -> Result<(), String> {
    let mut actors = Vec::new();
    for _ in 0..ACTORS {
        actors.push(world.leases().await);
    }
    let mut model = Model::default();
    let mut real = Real {
        world,
        actors,
        remembered: HashMap::new(),
        tokens: HashMap::new(),
    };
    for (done, op) in ops.iter().enumerate() {
        let expected = model.apply(*op);
        let seen = real.apply(*op).await?;
        // Where nothing can be fenced there is nothing to compare.
        let is_unfenced = matches!(op, Op::Write { .. }) && seen.is_none();
        if seen != expected && !is_unfenced {
            let before = &ops[..=done];
            return Err(format!(
                "{seen:?} instead of {expected:?} at the end of {before:?}"
            ));
        }
    }
    Ok(())
}
