//! Threads that hash passwords and do nothing else.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use argon2::{Block, Params};
use tokio::sync::oneshot;

/// A thread with nothing to do for this long ends.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// How far below everything else of the process the threads run, on Linux, where priority is a thread's.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

type Job = Box<dyn FnOnce(&mut Memory) + Send>;

/// Threads for jobs that keep a processor busy for milliseconds: at most so many, started when there is work, ended when there is none.
///
/// On Linux they yield the processor to every other thread, so that requests are answered at their usual pace while many sign in.
/// Hashing gets what is left. Each thread keeps the memory that Argon2 fills: taking 19 MiB from the system and giving them back
/// costs a tenth of the hash.
#[derive(Debug)]
pub(crate) struct HashThreads {
    shared: Arc<Shared>,
    threads_max: usize,
}

/// The memory that Argon2 fills, kept from one hash to the next.
///
/// What is left in it was made of a password as a hash is; whoever could read it could read the next password as well.
#[derive(Default)]
pub(crate) struct Memory(Vec<Block>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
    closed: bool,
}

/// The job did not come to its end: no thread could be started, or it panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotRun;

impl HashThreads {
    pub(crate) fn new(threads_max: usize) -> Self {
        let state = State {
            jobs: VecDeque::new(),
            threads: 0,
            idle: 0,
            closed: false,
        };
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                changed: Condvar::new(),
            }),
            threads_max,
        }
    }

    /// Runs a job when a thread is free. The caller bounds how many wait. A job that was handed over runs also when nobody waits for it
    /// any more.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, NotRun> {
        let (answer, answered) = oneshot::channel();
        self.hand_over(Box::new(move |memory| {
            // Nobody may be waiting any more.
            let _ = answer.send(job(memory));
        }));
        answered.await.map_err(|_| NotRun)
    }

    fn hand_over(&self, job: Job) {
        let mut state = self.shared.lock();
        state.jobs.push_back(job);
        if state.jobs.len() <= state.idle || state.threads >= self.threads_max {
            self.shared.changed.notify_one();
            return;
        }
        state.threads += 1;
        let shared = Arc::clone(&self.shared);
        let started = std::thread::Builder::new()
            .name("hash-password".to_owned())
            .spawn(move || shared.work());
        if let Err(error) = started {
            tracing::error!(%error, "no thread could be started to hash passwords");
            state.threads -= 1;
            if state.threads == 0 {
                // Whoever waits for them is told by their end.
                state.jobs.clear();
            }
        }
    }
}

impl Drop for HashThreads {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No job runs under the lock, so that what it guards is whole also after a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        yield_to_others();
        let mut memory = Memory::default();
        while let Some(job) = self.next() {
            // Whoever waits for it is told by the end of its channel; the panic itself has been told by its hook.
            let _ = catch_unwind(AssertUnwindSafe(|| job(&mut memory)));
        }
    }

    /// The next job; `None` when the thread is to end, which it then counts as.
    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        let mut timed_out = false;
        loop {
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            if timed_out || state.closed {
                state.threads -= 1;
                return None;
            }
            state.idle += 1;
            let (woken, waited) = self
                .changed
                .wait_timeout(state, IDLE_MAX)
                .unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            timed_out = waited.timed_out();
        }
    }
}

impl Memory {
    /// As many blocks as these parameters fill.
    pub(crate) fn blocks(&mut self, params: &Params) -> &mut [Block] {
        let count = params.block_count();
        if self.0.len() < count {
            self.0 = vec![Block::new(); count];
        }
        self.0.get_mut(..count).unwrap_or_default()
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("jobs", &self.jobs.len())
            .field("threads", &self.threads)
            .field("idle", &self.idle)
            .finish_non_exhaustive()
    }
}

#[cfg(target_os = "linux")]
fn yield_to_others() {
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!(%error, "password hashing runs at the priority of everything else");
    }
}

#[cfg(not(target_os = "linux"))]
fn yield_to_others() {}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn more_jobs_than_threads_all_come_to_their_end_and_no_more_run_at_once() {
        let threads = HashThreads::new(3);
        let running = Arc::new(AtomicUsize::new(0));

        let jobs = (0..64).map(|number| {
            let running = Arc::clone(&running);
            threads.run(move |_| {
                let at_once = running.fetch_add(1, Ordering::SeqCst) + 1;
                std::thread::yield_now();
                running.fetch_sub(1, Ordering::SeqCst);
                (number, at_once)
            })
        });
        let done = futures::future::try_join_all(jobs).await.unwrap();

        assert_eq!(done.len(), 64);
        assert!(
            done.iter()
                .enumerate()
                .all(|(n, (number, at_once))| n == *number && *at_once <= 3)
        );
        assert!(threads.shared.lock().threads <= 3);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn as_many_run_at_once_as_there_may_be_threads() {
        let threads = HashThreads::new(2);
        let both = Arc::new(Barrier::new(2));

        let (one, other) = (Arc::clone(&both), both);
        let met = tokio::join!(
            threads.run(move |_| one.wait().is_leader()),
            threads.run(move |_| other.wait().is_leader())
        );

        assert_ne!(met.0, met.1);
    }

    #[tokio::test]
    async fn a_job_that_panics_fails_alone() {
        let threads = HashThreads::new(1);

        let failed = threads.run(|_| panic!("a defect")).await;
        let after = threads.run(|_| 7).await;

        assert_eq!(failed, Err::<(), _>(NotRun));
        assert_eq!(after, Ok(7));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_threads_yield_to_everything_else() {
        let threads = HashThreads::new(1);
        let before = rustix::process::getpriority_process(None).unwrap();

        let theirs = threads
            .run(|_| rustix::process::getpriority_process(None).unwrap())
            .await;

        assert_eq!(theirs, Ok(NICENESS.max(before)));
        assert_eq!(rustix::process::getpriority_process(None).unwrap(), before);
    }

    #[tokio::test]
    async fn threads_end_when_nobody_can_hand_them_work_any_more() {
        let threads = HashThreads::new(2);
        let shared = Arc::clone(&threads.shared);
        threads.run(|_| ()).await.unwrap();

        drop(threads);

        while shared.lock().threads > 0 {
            std::thread::yield_now();
        }
    }
}
