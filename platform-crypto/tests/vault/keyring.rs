use std::sync::Arc;
use std::time::Duration;

use platform_core::RequestContext;
use platform_core::testing::TestDb;
use platform_core::uuid::Uuid;
use platform_crypto::{Column, KeyError, Keyring, MIGRATIONS, ProviderError};
use vaultrs::api::transit::requests::UpdateKeyConfigurationRequestBuilder;
use vaultrs::transit::key;

use crate::support::{Server, Tokens};
use crate::vault_double::Mood;

const EMAIL: Column<String> = Column::new("crm.customer", "email");
const HOURLY: Tokens = Tokens::Periodic(3600);

/// A keyring whose root key is in Vault, on a database of its own.
struct World {
    server: Server,
    test: TestDb,
}

impl World {
    async fn new() -> Self {
        let server = Server::double(HOURLY).await;
        let test = Box::pin(TestDb::own(&[&MIGRATIONS])).await;
        Self { server, test }
    }

    async fn process(&self) -> Keyring {
        let db = self.test.connect_with_sources(self.server.sources.clone()).await;
        let transit = self.server.transit(&self.server.vault());
        Keyring::builder(&db, Arc::new(transit)).open().await.unwrap()
    }

    async fn ctx(&self) -> RequestContext {
        RequestContext::system(self.test.tenant().await, "test", &self.server.sources)
    }
}

// C27
#[tokio::test]
async fn without_vault_keys_serve_for_the_grace_and_not_longer() {
    let world = World::new().await;
    let (keyring, ctx) = (world.process().await, world.ctx().await);
    let at = EMAIL.at(ctx.tenant(), Uuid::nil());
    let sealed = keyring
        .keys(&ctx)
        .await
        .unwrap()
        .seal(&at, &"ada@example.com".to_owned())
        .unwrap();

    world.server.the_double().set_mood(Mood::Sealed);
    for _ in 0..14 {
        world.server.clock.advance(Duration::from_secs(60));
        let keys = keyring.keys(&ctx).await.unwrap();
        assert_eq!(keys.open(&at, &sealed).unwrap().expose(), "ada@example.com");
    }
    world.server.clock.advance(Duration::from_secs(120));

    let refused = keyring.keys(&ctx).await.unwrap_err();
    assert!(refused.is_unavailable(), "{refused:?}");
    world.server.the_double().set_mood(Mood::Well);
    assert!(keyring.keys(&ctx).await.is_ok());
}

#[tokio::test]
async fn a_token_that_may_no_longer_decrypt_ends_the_use_of_keys_without_grace() {
    let world = World::new().await;
    let (keyring, ctx) = (world.process().await, world.ctx().await);
    keyring.keys(&ctx).await.unwrap();

    world.server.the_double().set_mood(Mood::Forbidding);
    world.server.clock.advance(Duration::from_secs(300));
    let refused = keyring.keys(&ctx).await.unwrap_err();

    assert!(
        matches!(&refused, KeyError::Provider(error) if matches!(**error, ProviderError::Denied(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn the_transit_key_is_rotated_and_its_old_version_closed_while_values_stay_readable() {
    let world = World::new().await;
    let (keyring, ctx) = (world.process().await, world.ctx().await);
    let at = EMAIL.at(ctx.tenant(), Uuid::nil());
    let sealed = keyring
        .keys(&ctx)
        .await
        .unwrap()
        .seal(&at, &"ada@example.com".to_owned())
        .unwrap();
    let (admin, mount) = (&world.server.admin, &world.server.mounts.transit);

    key::rotate(admin, mount, "platform").await.unwrap();
    let moved = keyring.rewrap(&ctx).await.unwrap();
    let moved_again = keyring.rewrap(&ctx).await.unwrap();
    let mut least = UpdateKeyConfigurationRequestBuilder::default();
    least.min_decryption_version(2_u64);
    key::update(admin, mount, "platform", Some(&mut least))
        .await
        .unwrap();

    assert_eq!((moved, moved_again), (1, 0));
    world.server.clock.advance(Duration::from_secs(300));
    let keys = keyring.keys(&ctx).await.unwrap();
    assert_eq!(keys.open(&at, &sealed).unwrap().expose(), "ada@example.com");
    // A process that starts now asks Vault for everything it has wrapped for this database.
    let keys = world.process().await.keys(&ctx).await.unwrap();
    assert_eq!(keys.open(&at, &sealed).unwrap().expose(), "ada@example.com");
}
