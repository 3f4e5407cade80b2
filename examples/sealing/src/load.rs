//! Readers and writers that do not stop while keys are exchanged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::ensure;
use platform_core::RequestContext;
use tokio::task::JoinHandle;

use crate::shop::{Shop, SupplierId};

const READERS: usize = 3;

/// How many suppliers are written to; the others are for the re-sealing.
const WRITTEN: usize = 10;

/// Work that goes on until it is ended, and stops at the first failure.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    readers: Vec<JoinHandle<anyhow::Result<u64>>>,
    writer: JoinHandle<anyhow::Result<u64>>,
}

impl Load {
    pub(crate) fn begin(shop: &Shop, ctx: &RequestContext, suppliers: Vec<SupplierId>) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let worker = Worker {
            shop: shop.clone(),
            ctx: ctx.clone(),
            suppliers: suppliers.into(),
            stop: Arc::clone(&stop),
        };
        let readers = (0..READERS).map(|_| tokio::spawn(worker.clone().read()));
        Self {
            stop,
            readers: readers.collect(),
            writer: tokio::spawn(worker.write()),
        }
    }

    /// How many reads and writes there were.
    pub(crate) async fn end(self) -> anyhow::Result<(u64, u64)> {
        self.stop.store(true, Ordering::Relaxed);
        let mut reads = 0;
        for reader in self.readers {
            reads += reader.await??;
        }
        let writes = self.writer.await??;
        ensure!(reads > 0 && writes > 0, "there was no load");
        Ok((reads, writes))
    }
}

#[derive(Clone)]
struct Worker {
    shop: Shop,
    ctx: RequestContext,
    suppliers: Arc<[SupplierId]>,
    stop: Arc<AtomicBool>,
}

impl Worker {
    async fn read(self) -> anyhow::Result<u64> {
        let mut reads = 0;
        for id in self.suppliers.iter().cycle() {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            let iban = self.shop.iban(&self.ctx, *id).await?;
            ensure!(
                iban.expose().starts_with("GB82WEST"),
                "another value than was written"
            );
            reads += 1;
        }
        Ok(reads)
    }

    async fn write(self) -> anyhow::Result<u64> {
        let mut writes = 0;
        for id in self.suppliers.iter().take(WRITTEN).cycle() {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            let iban = format!("GB82WEST{writes:014}");
            self.shop.put_supplier(&self.ctx, *id, &iban).await?;
            writes += 1;
        }
        Ok(writes)
    }
}
