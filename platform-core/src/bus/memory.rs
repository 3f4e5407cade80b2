//! The bus within one process.

use async_trait::async_trait;

use super::{BusBackend, BusCaps, BusError, Notice, Switchboard, Topic};

/// Carries notices within this process.
#[derive(Debug, Clone, Default)]
pub struct MemoryBus(Switchboard);

#[async_trait]
impl BusBackend for MemoryBus {
    fn caps(&self) -> BusCaps {
        BusCaps {
            is_shared: false,
            is_ordered: true,
        }
    }

    fn switchboard(&self) -> &Switchboard {
        &self.0
    }

    async fn publish(&self, notice: Notice) -> Result<(), BusError> {
        self.0.deliver(&notice);
        Ok(())
    }

    fn changed(&self, _: &Topic) {}

    async fn settled(&self, _: &Topic) -> Result<(), BusError> {
        Ok(())
    }
}
