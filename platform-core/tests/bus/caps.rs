//! What a consumer asks of a bus, and what it may say on it.

use async_trait::async_trait;
use platform_core::bus::{Bus, BusBackend, BusCaps, BusError, Heard, Lacking, Notice, Switchboard, Topic};
use platform_core::conformance::bus::{BusFactory, run};
use platform_core::{Sources, TenantId};

#[test]
fn a_consumer_that_needs_more_than_the_backend_does_is_told_at_the_start() {
    let needs = BusCaps {
        is_shared: true,
        is_ordered: true,
    };

    let refused = Bus::in_process().require(needs);
    let taken = Bus::in_process().require(BusCaps::default());

    let has = Bus::in_process().caps();
    assert_eq!(refused.unwrap_err(), Lacking { needs, has });
    assert!(taken.is_ok());
}

#[test]
fn a_topic_has_a_short_plain_name() {
    let tenant = TenantId::generate(&Sources::system());
    for bad in ["", " ", "a b", "a/b", "a\n", "ä", "*", "[", &"x".repeat(101)] {
        assert!(Topic::tenant(tenant, bad).is_err(), "{bad:?}");
        assert!(Topic::public(bad).is_err(), "{bad:?}");
    }
    assert!(Topic::public(&"x".repeat(100)).is_ok());
}

#[test]
fn a_topic_is_open_to_its_tenant_alone() {
    let sources = Sources::system();
    let (one, two) = (TenantId::generate(&sources), TenantId::generate(&sources));
    let topic = Topic::tenant(one, "orders").unwrap();

    assert!(topic.is_open_to(Some(one)));
    assert!(!topic.is_open_to(Some(two)));
    assert!(!topic.is_open_to(None));
    assert!(Topic::public("quotes").unwrap().is_open_to(None));
}

#[tokio::test]
async fn everybody_is_told_when_notices_may_have_been_lost() {
    let backend = platform_core::bus::MemoryBus::default();
    let switchboard = backend.switchboard().clone();
    let bus = Bus::new(backend);
    let mut listener = bus.listener();
    listener.add(&Topic::public("news").unwrap()).await.unwrap();

    switchboard.missed();

    assert_eq!(listener.next().await, Heard::Missed);
}

/// Declares that it reaches other processes, and does not.
#[derive(Default)]
struct Boaster(Switchboard);

#[async_trait]
impl BusBackend for Boaster {
    fn caps(&self) -> BusCaps {
        BusCaps {
            is_shared: true,
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

struct Boasters;

#[async_trait]
impl BusFactory for Boasters {
    type Backend = Boaster;

    async fn instance(&self) -> Boaster {
        Boaster::default()
    }
}

#[tokio::test]
async fn the_suite_fails_a_backend_that_claims_what_it_does_not_do() {
    let ran = tokio::spawn(async { run(&Boasters).await }).await;

    let panic = ran.unwrap_err().into_panic();
    let said = panic.downcast_ref::<String>().unwrap();
    assert!(said.contains("BUS-12"), "{said}");
}
