//! Work to do when everything else has stopped.

use std::fmt;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::BoxError;

type Run = dyn Fn() -> BoxFuture<'static, Result<(), BoxError>> + Send + Sync;

/// A last piece of work of a module, such as flushing a buffer, run once the requests and the workers are done.
///
/// It has [`ShutdownConfig::hook`](super::ShutdownConfig::hook) to finish. Its failure is logged and changes nothing.
#[derive(Clone)]
pub struct Hook {
    name: Arc<str>,
    run: Arc<Run>,
}

impl Hook {
    /// A hook; the name appears in logs and in [`Outcome`](super::Outcome).
    pub fn new<F, Fut>(name: impl Into<Arc<str>>, run: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        Self {
            name: name.into(),
            run: Arc::new(move || run().boxed()),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) async fn run(&self) -> Result<(), BoxError> {
        (self.run)().await
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hook")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
