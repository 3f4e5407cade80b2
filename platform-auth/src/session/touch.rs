//! Noting that sessions are used, beside the requests that use them.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use platform_core::{RequestContext, TenantId, Timestamp};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::cache::{KnownSession, Seen};
use super::stored;
use crate::credential_cache::Remembered;
use crate::{Auth, Fault, SessionId};

/// How many are written down at a time in the background. Whoever comes when there are as many writes for itself.
const BACKGROUND_MAX: usize = 16;

/// Which uses are being written down.
#[derive(Debug)]
pub(super) struct Touches {
    going_on: Arc<Mutex<HashSet<(TenantId, SessionId)>>>,
    places: Arc<Semaphore>,
    tasks: TaskTracker,
}

/// The right to note the use of a session, which one request at a time has.
struct Claim {
    going_on: Arc<Mutex<HashSet<(TenantId, SessionId)>>>,
    session: (TenantId, SessionId),
}

impl Default for Touches {
    fn default() -> Self {
        Self {
            going_on: Arc::default(),
            places: Arc::new(Semaphore::new(BACKGROUND_MAX)),
            tasks: TaskTracker::new(),
        }
    }
}

impl Touches {
    /// `None` while another request notes the use of the session.
    fn claim(&self, known: &KnownSession) -> Option<Claim> {
        let session = (known.tenant, known.session);
        lock(&self.going_on).insert(session).then(|| Claim {
            going_on: Arc::clone(&self.going_on),
            session,
        })
    }
}

fn lock(going_on: &Mutex<HashSet<(TenantId, SessionId)>>) -> MutexGuard<'_, HashSet<(TenantId, SessionId)>> {
    going_on.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Claim {
    fn drop(&mut self) {
        lock(&self.going_on).remove(&self.session);
    }
}

impl Auth {
    /// Notes that a session is used, if that was not noted for a while. Failing to is no reason to refuse the request: the session then
    /// ends sooner, never later.
    ///
    /// The request does not wait for it, unless the session is about to end, so that what was answered has also counted, or as many as
    /// may be are written down already.
    pub(crate) async fn touch(
        &self,
        ctx: &RequestContext,
        known: &Arc<Remembered<KnownSession>>,
        now: Timestamp,
    ) {
        let sessions = &self.inner.sessions;
        if !known.wants_touch(now) {
            return;
        }
        let Some(claim) = sessions.touches.claim(known) else {
            return;
        };
        let is_urgent = !sessions.known.remembers()
            || known.seen().idle_expires_at <= stored::later(now, known.lifetime.touch_interval);
        let place = match is_urgent {
            true => None,
            false => Arc::clone(&sessions.touches.places).try_acquire_owned().ok(),
        };
        let writing = self
            .clone()
            .write_touch(ctx.clone(), Arc::clone(known), claim, now);
        match place {
            None => writing.await,
            Some(place) => {
                sessions.touches.tasks.spawn(async move {
                    writing.await;
                    drop(place);
                });
            }
        }
    }

    /// Waits until every use of a session that was answered for is written down: for a service that stops, and for tests. What cannot be
    /// written is logged.
    pub async fn settle_sessions(&self) {
        let tasks = &self.inner.sessions.touches.tasks;
        tasks.close();
        tasks.wait().await;
        tasks.reopen();
    }

    async fn write_touch(
        self,
        ctx: RequestContext,
        known: Arc<Remembered<KnownSession>>,
        claim: Claim,
        now: Timestamp,
    ) {
        match self.touched(&ctx, &known, now).await {
            Ok(Some(idle_expires_at)) => {
                self.inner.sessions.metrics.touched.inc();
                known.set_seen(Seen {
                    last: now,
                    idle_expires_at,
                });
            }
            // Another instance was first, or the session has ended.
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(
                    error = platform_core::error_chain(&error),
                    "the use of a session could not be noted"
                );
            }
        }
        drop(claim);
    }

    async fn touched(
        &self,
        ctx: &RequestContext,
        known: &KnownSession,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Fault> {
        let mut tx = self.inner.db.begin(ctx).await?;
        let lifetime = self.inner.session_config(&mut tx).await?;
        let rests_until = stored::touch(&mut tx, known.session, lifetime, now).await?;
        tx.commit().await?;
        Ok(rests_until)
    }
}
