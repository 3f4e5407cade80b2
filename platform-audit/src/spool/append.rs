//! Putting events into the spool.

use std::io;

use super::{Spool, SpoolError};
use crate::Entry;

impl Spool {
    /// Keeps an event; it is on the disk when this returns.
    pub(crate) async fn append(&self, entry: Entry) -> Result<(), SpoolError> {
        let spool = self.clone();
        let kept = tokio::task::spawn_blocking(move || spool.append_here(&entry)).await;
        kept.unwrap_or_else(|_| Err(self.0.directory.failed(io::ErrorKind::Interrupted.into())))
    }

    fn append_here(&self, entry: &Entry) -> Result<(), SpoolError> {
        let inner = &self.0;
        let name = self.name(entry);
        let bytes = inner
            .cipher
            .seal(&name, entry, &inner.sources)
            .ok_or_else(|| inner.directory.failed(io::ErrorKind::InvalidData.into()))?;
        inner.directory.put(&name, &bytes)
    }

    /// The time, the event, something that no other file has, and the tenant's tag: of two that hold one event none takes the place of the
    /// other, and how much is one tenant's is known without opening a file.
    fn name(&self, entry: &Entry) -> String {
        let inner = &self.0;
        let sources = &inner.sources;
        let millis = (sources.now().unix_timestamp_nanos() / 1_000_000).max(0);
        let own = u64::from_be_bytes(sources.bytes());
        let tenant = inner.cipher.tenant_tag(entry.tenant);
        format!("{millis:015}-{}-{own:016x}-{tenant:016x}", entry.id)
    }
}
