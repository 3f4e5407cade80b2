//! The bus within one process.

use async_trait::async_trait;
use platform_core::bus::MemoryBus;
use platform_core::conformance::bus::{BusFactory, run};

struct Processes;

#[async_trait]
impl BusFactory for Processes {
    type Backend = MemoryBus;

    async fn instance(&self) -> MemoryBus {
        MemoryBus::default()
    }
}

#[tokio::test]
async fn it_does_what_it_declares() {
    let ran = run(&Processes).await;

    let every: Vec<String> = (1..=12).map(|number| format!("BUS-{number:02}")).collect();
    assert_eq!(ran, every);
}
