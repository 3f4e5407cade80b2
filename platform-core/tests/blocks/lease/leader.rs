//! Work that runs in one process of many.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use platform_core::conformance::lease::LeaseWorld as _;
use platform_core::lease::{Campaign, Leadership, LeaseName, Leases, Term, fence_in};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::support::{Flaky, PgWorld, append, holder, journal, sources, ttl};
use crate::support::shared;

const LASTS_S: u64 = 12;
const MARGIN: Duration = Duration::from_secs(3);

fn campaign(who: &str) -> Campaign {
    let term = Term::lasting(ttl(LASTS_S)).with_margin(MARGIN);
    Campaign::new(LeaseName::platform("a").unwrap(), holder(who), term)
}

fn flaky() -> (Flaky, Leases) {
    let sources = sources();
    let backend = Flaky::new(&sources);
    let leases = Leases::new(backend.clone(), &sources);
    (backend, leases)
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("the work failed")]
struct Failed;

/// Works until it is told to stop.
async fn obey(leadership: Leadership) -> Result<(), Failed> {
    leadership.stop().cancelled().await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn at_any_time_one_of_many_processes_leads_and_the_next_one_follows() {
    const PROCESSES: u32 = 5;
    let (_, leases) = flaky();
    let (tell, mut told) = mpsc::unbounded_channel();
    let leading = Arc::new(AtomicU32::new(0));
    let mut processes = JoinSet::new();
    let mut stops = Vec::new();
    for number in 0..PROCESSES {
        let (leases, tell, leading) = (leases.clone(), tell.clone(), leading.clone());
        let stop = CancellationToken::new();
        stops.push(stop.clone());
        processes.spawn(async move {
            let campaign = campaign(&format!("process-{number}"));
            leases
                .lead(&campaign, &stop, |leadership| {
                    let (tell, leading) = (tell.clone(), leading.clone());
                    async move {
                        assert_eq!(leading.fetch_add(1, Ordering::SeqCst), 0, "two lead");
                        tell.send((number, leadership.lease().token)).unwrap();
                        obey(leadership).await?;
                        leading.fetch_sub(1, Ordering::SeqCst);
                        Ok::<(), Failed>(())
                    }
                })
                .await
        });
    }

    let mut terms = Vec::new();
    for _ in 0..PROCESSES {
        let (number, token) = told.recv().await.unwrap();
        terms.push((number, token));
        sleep(Duration::from_secs(LASTS_S * 3)).await;
        stops[usize::try_from(number).unwrap()].cancel();
    }

    while let Some(ended) = processes.join_next().await {
        assert_eq!(ended.unwrap(), Ok(()));
    }
    assert!(terms.is_sorted_by(|one, next| one.1 < next.1), "{terms:?}");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_loses_its_lease_stops_and_leads_again_under_a_larger_token() {
    let (backend, leases) = flaky();
    let (tell, mut told) = mpsc::unbounded_channel();
    let stop = CancellationToken::new();
    let process = tokio::spawn({
        let stop = stop.clone();
        async move {
            let work = |leadership: Leadership| {
                let tell = tell.clone();
                async move {
                    tell.send((leadership.lease().token, Instant::now())).unwrap();
                    obey(leadership).await
                }
            };
            leases.lead(&campaign("me"), &stop, work).await
        }
    });
    let (first, _) = told.recv().await.unwrap();

    backend.set_away(true);
    sleep(Duration::from_secs(LASTS_S * 4)).await;
    let nobody_leads = told.try_recv().is_err();
    backend.set_away(false);
    let (second, _) = told.recv().await.unwrap();
    stop.cancel();

    assert!(nobody_leads);
    assert!(second > first);
    assert_eq!(process.await.unwrap(), Ok(()));
}

/// Tells when it is dropped.
struct Dropped(mpsc::UnboundedSender<Instant>);

impl Drop for Dropped {
    fn drop(&mut self) {
        let _ = self.0.send(Instant::now());
    }
}

#[tokio::test(start_paused = true)]
async fn work_that_does_not_stop_is_dropped_before_its_lease_has_ended() {
    let (backend, leases) = flaky();
    let (tell, mut told) = mpsc::unbounded_channel();
    let begun = Instant::now();
    let process = tokio::spawn(async move {
        let work = |_| {
            let dropped = Dropped(tell.clone());
            async move {
                let _dropped = dropped;
                std::future::pending::<Result<(), Failed>>().await
            }
        };
        let stop = CancellationToken::new();
        Box::pin(leases.lead(&campaign("me"), &stop, work)).await
    });
    tokio::task::yield_now().await;

    backend.set_silent(true);
    let dropped = told.recv().await.unwrap();
    process.abort();

    assert_eq!(dropped - begun, Duration::from_secs(LASTS_S));
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_work_is_handed_on_and_the_lease_given_back() {
    let (_, leases) = flaky();
    let stop = CancellationToken::new();

    let ended = leases.lead(&campaign("me"), &stop, async |_| Err(Failed)).await;

    assert_eq!(ended, Err(Failed));
    let name = LeaseName::platform("a").unwrap();
    let next = leases.try_acquire(&name, ttl(LASTS_S), &holder("next")).await;
    assert!(next.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_process_that_stops_has_its_work_end_first() {
    let (_, leases) = flaky();
    let stop = CancellationToken::new();
    let begun = Instant::now();
    let work = |leadership: Leadership| async move {
        leadership.stop().cancelled().await;
        // What it was at takes a while, and may take longer than a lease lasts.
        sleep(Duration::from_secs(LASTS_S + 1)).await;
        Ok::<(), Failed>(())
    };
    let patient = campaign("me").stop_within(Duration::from_secs(60));

    let (ended, ()) = tokio::join!(leases.lead(&patient, &stop, work), async {
        sleep(Duration::from_secs(1)).await;
        stop.cancel();
    });

    assert_eq!(ended, Ok(()));
    assert_eq!(begun.elapsed(), Duration::from_secs(LASTS_S + 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn leaders_of_a_real_database_write_one_after_the_other() {
    let world = PgWorld::of_tenant(&shared().await).await;
    let mut processes = JoinSet::new();
    for number in 0..6 {
        let who = format!("process-{number}");
        let term = Term::lasting(ttl(30));
        let campaign =
            Campaign::new(world.name("a"), holder(&who), term).retry_after(Duration::from_millis(20));
        let (leases, db) = (world.leases().await, world.db());
        let ctx = world.test.context(world.tenant);
        processes.spawn(async move {
            let work = |leadership: Leadership| {
                let (db, ctx, who) = (db.clone(), ctx.clone(), who.clone());
                async move {
                    for _ in 0..3 {
                        let mut tx = db.begin(&ctx).await?;
                        fence_in(&mut tx, leadership.lease()).await?;
                        append(&mut tx, leadership.lease(), &who).await?;
                        tx.commit().await?;
                    }
                    Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
                }
            };
            leases.lead(&campaign, &CancellationToken::new(), work).await
        });
    }

    while let Some(ended) = processes.join_next().await {
        ended.unwrap().unwrap();
    }

    let journal = journal(&world).await;
    assert_eq!(journal.len(), 18);
    assert!(journal.is_sorted_by_key(|(token, _)| *token), "{journal:?}");
    let whole_terms = journal
        .chunks(3)
        .all(|term| term.iter().all(|entry| *entry == term[0]));
    assert!(whole_terms, "{journal:?}");
}
