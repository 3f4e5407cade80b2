//! Futures that run to their end even when nobody waits for them any more.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

/// A future that, dropped half-way, goes on in a task of its own.
///
/// As long as somebody waits it costs nothing: it is polled in place, which spares every transaction two switches between tasks.
/// One that was never polled has not begun and is simply dropped.
pub(super) struct Shield<T: Send + 'static> {
    future: Option<BoxFuture<'static, T>>,
    begun: bool,
    tasks: TaskTracker,
}

impl<T: Send + 'static> Shield<T> {
    /// Shields a future; `tasks` owns what is left of it when its caller has gone.
    pub(super) fn new(tasks: TaskTracker, future: impl Future<Output = T> + Send + 'static) -> Self {
        Self {
            future: Some(Box::pin(future)),
            begun: false,
            tasks,
        }
    }
}

impl<T: Send + 'static> Future for Shield<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        self.begun = true;
        let future = self
            .future
            .as_mut()
            .expect("a future that is ready is not polled again");
        let ready = future.as_mut().poll(cx);
        if ready.is_ready() {
            self.future = None;
        }
        ready
    }
}

impl<T: Send + 'static> Drop for Shield<T> {
    fn drop(&mut self) {
        let Some(rest) = self.future.take().filter(|_| self.begun) else {
            return;
        };
        // Without a runtime the connection pool is gone too, and with it whatever could be left behind.
        if let Ok(runtime) = Handle::try_current() {
            self.tasks.spawn_on(async move { drop(rest.await) }, &runtime);
        }
    }
}
