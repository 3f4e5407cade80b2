//! Counting what is asked of the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Counts the statements that name a table of sign-in, as the driver tells of them.
#[derive(Clone, Default)]
pub(crate) struct Statements(Arc<AtomicUsize>);

struct Names(bool);

impl Visit for Names {
    fn record_debug(&mut self, _: &Field, value: &dyn std::fmt::Debug) {
        self.0 |= format!("{value:?}").contains("platform_auth.");
    }
}

impl Subscriber for Statements {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }

    fn event(&self, event: &Event<'_>) {
        let mut names = Names(false);
        event.record(&mut names);
        self.0.fetch_add(usize::from(names.0), Ordering::SeqCst);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Keeps other tests of the process from having a statement ignored for good: the driver asks the subscriber of the thread that reaches it
/// first, and with one subscriber alone its answer stays.
pub(crate) fn kept() -> [tracing::Dispatch; 2] {
    [(); 2].map(|()| tracing::Dispatch::new(Statements::default()))
}

/// How many of them this does on its thread.
pub(crate) async fn counted<T>(asking: impl Future<Output = T>) -> (usize, T) {
    let statements = Statements::default();
    let counting = tracing::subscriber::set_default(statements.clone());
    let answer = asking.await;
    drop(counting);
    (statements.0.load(Ordering::SeqCst), answer)
}
