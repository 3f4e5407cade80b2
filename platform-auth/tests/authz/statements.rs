//! What a request costs the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use platform_auth::RoleRef;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::world::{OPEN, World, context, to_user};
use crate::support::App;

/// Counts the statements that name a table of sign-in, as the driver tells of them.
#[derive(Clone, Default)]
struct Statements(Arc<AtomicUsize>);

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

#[tokio::test]
async fn a_warm_request_asks_once_and_a_cold_one_twice() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let role = RoleRef::Custom(world.role("Opener", &[OPEN]).await.id);
    let group = world.group("Night shift").await;
    world
        .put(platform_auth::Member::User(ada.id), group.id)
        .await
        .unwrap();
    world.grant(to_user(ada.id, role)).await;
    let other = App::on(world.app.test.clone(), super::world::config()).await;
    // With one subscriber alone, other tests that reach a statement first would have it ignored for good: the library asks the subscriber
    // of their threads, which is none.
    let _kept = [(); 2].map(|()| tracing::Dispatch::new(Statements::default()));
    let asked = async || {
        let statements = Statements::default();
        let counting = tracing::subscriber::set_default(statements.clone());
        let ctx = context(&other, &ada).await;
        drop(counting);
        assert!(ctx.require(OPEN).is_ok());
        statements.0.load(Ordering::SeqCst)
    };

    assert_eq!(asked().await, 2, "cold");
    assert_eq!(asked().await, 1, "warm");
    world.grant(to_user(ada.id, role)).await;
    assert_eq!(asked().await, 2, "changed");
    assert_eq!(asked().await, 1, "warm again");
}
