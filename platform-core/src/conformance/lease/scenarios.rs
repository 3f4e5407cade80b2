//! What every backend of leases does.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures::future::join_all;

use super::LeaseWorld;
use super::replay::{Op, replay};
use crate::conformance::{Checked, Unlike, expect};
use crate::lease::{Holder, Lease, LeaseError, LeaseName, Leases, Renewed, Ttl};
use crate::{Random, SeededRandom};

/// Long enough that no test is slow enough for it.
pub(super) const LASTS: Duration = Duration::from_secs(60);

fn ttl() -> Ttl {
    Ttl::new(LASTS).expect("a minute is a time to live")
}

fn holder(number: usize) -> Holder {
    Holder::new(&format!("holder-{number}")).expect("a short word is a holder")
}

async fn ask(leases: &Leases, name: &LeaseName, who: usize) -> Result<Option<Lease>, LeaseError> {
    leases.try_acquire(name, ttl(), &holder(who)).await
}

async fn granted(leases: &Leases, name: &LeaseName, who: usize) -> Result<Lease, Unlike> {
    let lease = ask(leases, name, who).await?;
    lease.ok_or_else(|| Unlike("a free lease was not granted".to_owned()))
}

async fn refused(leases: &Leases, name: &LeaseName, who: usize) -> Checked {
    expect(
        ask(leases, name, who).await?.is_none(),
        "a held lease was granted",
    )
}

pub(super) async fn held_is_held(world: &impl LeaseWorld) -> Checked {
    let (leases, name) = (world.leases().await, world.name("a"));
    let lease = granted(&leases, &name, 1).await?;

    expect(lease.name == name, "the lease has another name")?;
    expect(lease.token.as_i64() >= 1, "the token is not positive")?;
    refused(&leases, &name, 2).await?;
    // Of the same name is not the same.
    refused(&leases, &name, 1).await
}

pub(super) async fn over_is_free(world: &impl LeaseWorld) -> Checked {
    let (leases, name) = (world.leases().await, world.name("a"));
    let first = granted(&leases, &name, 1).await?;
    world.elapse(LASTS / 2).await;
    refused(&leases, &name, 2).await?;
    world.elapse(LASTS / 2 + Duration::from_secs(1)).await;

    let second = granted(&leases, &name, 2).await?;

    expect(second.token > first.token, "the token has not grown")
}

pub(super) async fn released_is_free(world: &impl LeaseWorld) -> Checked {
    let (leases, name) = (world.leases().await, world.name("a"));
    let mut last = granted(&leases, &name, 1).await?;
    for who in 0..3 {
        leases.release(&last).await?;
        let next = granted(&leases, &name, who).await?;
        expect(next.token > last.token, "the token has not grown")?;
        last = next;
    }
    Ok(())
}

pub(super) async fn renewed_lasts(world: &impl LeaseWorld) -> Checked {
    let (leases, name) = (world.leases().await, world.name("a"));
    let mut lease = granted(&leases, &name, 1).await?;
    let token = lease.token;
    for _ in 0..3 {
        world.elapse(LASTS * 2 / 3).await;
        match leases.renew(&lease, ttl()).await? {
            Renewed::Held(longer) => lease = longer,
            Renewed::Lost => return Err(Unlike("a lease that is held was not renewed".to_owned())),
        }
        expect(lease.token == token, "the token has changed")?;
    }

    world.elapse(LASTS * 2 / 3).await;
    refused(&leases, &name, 2).await
}

pub(super) async fn over_is_lost(world: &impl LeaseWorld) -> Checked {
    let (leases, name) = (world.leases().await, world.name("a"));
    let lease = granted(&leases, &name, 1).await?;
    world.elapse(LASTS + Duration::from_secs(1)).await;

    let is_lost = |renewed| expect(renewed == Renewed::Lost, "a lease that is over was renewed");
    is_lost(leases.renew(&lease, ttl()).await?)?;
    let next = granted(&leases, &name, 2).await?;
    is_lost(leases.renew(&lease, ttl()).await?)?;
    leases.release(&next).await?;
    is_lost(leases.renew(&next, ttl()).await?)
}

pub(super) async fn late_release(world: &impl LeaseWorld) -> Checked {
    let (leases, name) = (world.leases().await, world.name("a"));
    let outdated = granted(&leases, &name, 1).await?;
    world.elapse(LASTS + Duration::from_secs(1)).await;
    let current = granted(&leases, &name, 2).await?;

    leases.release(&outdated).await?;

    refused(&leases, &name, 3).await?;
    let renewed = leases.renew(&current, ttl()).await?;
    expect(
        matches!(renewed, Renewed::Held(_)),
        "the current holder lost its lease",
    )
}

pub(super) async fn stale_writes_nothing(world: &impl LeaseWorld) -> Checked {
    let (leases, name) = (world.leases().await, world.name("a"));
    let stale = granted(&leases, &name, 1).await?;
    let Some(written) = world.write(&stale).await else {
        return Ok(());
    };
    expect(written, "a holder could not write")?;
    world.elapse(LASTS + Duration::from_secs(1)).await;

    let write = async |lease| world.write(lease).await == Some(true);
    expect(!write(&stale).await, "a holder whose lease was over has written")?;
    let current = granted(&leases, &name, 2).await?;
    expect(!write(&stale).await, "a holder has written under another's lease")?;
    expect(write(&current).await, "the current holder could not write")?;
    leases.release(&current).await?;
    expect(
        !write(&current).await,
        "a holder has written after it gave its lease back",
    )
}

pub(super) async fn one_wins(world: &impl LeaseWorld) -> Checked {
    let name = world.name("a");
    let mut processes = Vec::new();
    for _ in 0..4 {
        processes.push(world.leases().await);
    }
    let mut last = 0;
    for _ in 0..4 {
        let questions = (0..32).map(|who| ask(&processes[who % processes.len()], &name, who));
        let answers = join_all(questions).await;
        let mut winners = Vec::new();
        for answer in answers {
            winners.extend(answer?);
        }
        let [winner] = winners.as_slice() else {
            return Err(Unlike(format!("{} of 32 were granted the lease", winners.len())));
        };
        expect(winner.token.as_i64() > last, "the token has not grown")?;
        last = winner.token.as_i64();
        processes[0].release(winner).await?;
    }
    Ok(())
}

pub(super) async fn names_are_apart(world: &impl LeaseWorld) -> Checked {
    let leases = world.leases().await;
    let (one, other) = (world.name("a"), world.name("b"));
    let lease = granted(&leases, &one, 1).await?;
    granted(&leases, &other, 2).await?;

    leases.release(&lease).await?;

    refused(&leases, &other, 1).await?;
    granted(&leases, &one, 2).await.map(drop)
}

/// Polls a question so often and drops it then.
async fn drop_after(polls: u32, question: impl Future) {
    let mut question = pin!(question);
    let mut left = polls;
    std::future::poll_fn(|cx| {
        if left == 0 || question.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        left -= 1;
        Poll::Pending
    })
    .await;
}

pub(super) async fn dropped_questions(world: &impl LeaseWorld) -> Checked {
    let (leases, name) = (world.leases().await, world.name("a"));
    let mut last = granted(&leases, &name, 0).await?;
    for polls in 1..8 {
        leases.release(&last).await?;
        drop_after(polls, ask(&leases, &name, 1)).await;
        // It was granted or not; in the first case it is over by now.
        let before = last.token;
        last = after_a_while(world, &leases, &name).await?;
        expect(last.token > before, "the token has not grown")?;
        drop_after(polls, leases.renew(&last, ttl())).await;
        let renewed = leases.renew(&last, ttl()).await?;
        expect(
            matches!(renewed, Renewed::Held(_)),
            "a dropped renewal lost the lease",
        )?;
    }
    Ok(())
}

/// Whatever was begun may be on its way still: more than one try.
async fn after_a_while(world: &impl LeaseWorld, leases: &Leases, name: &LeaseName) -> Result<Lease, Unlike> {
    for _ in 0..100 {
        world.elapse(LASTS + Duration::from_secs(1)).await;
        if let Some(lease) = ask(leases, name, 2).await? {
            return Ok(lease);
        }
        tokio::task::yield_now().await;
    }
    Err(Unlike("the lease of a dropped question lasts".to_owned()))
}

pub(super) async fn as_the_model(world: &impl LeaseWorld) -> Checked {
    let random = SeededRandom::new(11);
    let draw = || {
        let mut bytes = [0; 4];
        random.fill(&mut bytes);
        Op::from_bytes(bytes)
    };
    let ops: Vec<Op> = (0..200).map(|_| draw()).collect();
    replay(world, &ops).await.map_err(Unlike)
}

pub(super) async fn processes_see(world: &impl LeaseWorld) -> Checked {
    let (one, other) = (world.leases().await, world.leases().await);
    let name = world.name("a");
    let lease = granted(&one, &name, 1).await?;
    refused(&other, &name, 2).await?;
    one.release(&lease).await?;
    granted(&other, &name, 2).await?;
    refused(&one, &name, 1).await
}

pub(super) async fn tokens_survive(world: &impl LeaseWorld) -> Checked {
    let name = world.name("a");
    let before = granted(&world.leases().await, &name, 1).await?;
    world.restart().await;
    let leases = world.leases().await;

    refused(&leases, &name, 2).await?;
    world.elapse(LASTS + Duration::from_secs(1)).await;
    let after = granted(&leases, &name, 2).await?;

    expect(after.token > before.token, "the token has not grown")
}
