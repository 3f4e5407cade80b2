use std::time::Duration;

use platform_core::testing::not_here;
use platform_crypto::{
    Expected, SecretError, SecretName, SecretSource as _, SecretVersions, Secrets, SecretsConfig,
    VaultSecrets,
};

use crate::support::{Server, fields};
use crate::vault_double::Mood;

fn name() -> SecretName {
    "database-password".parse().unwrap()
}

fn current(versions: &SecretVersions) -> (&str, Option<&str>) {
    (versions.current.text().expose(), versions.current.version())
}

fn previous(versions: &SecretVersions) -> Option<&str> {
    let previous = versions.previous.as_ref()?;
    Some(previous.text().expose())
}

async fn put(server: &Server, password: &str) {
    let kv = server.kv(&server.vault());
    let secret = fields(&[("password", password)]);
    kv.write("service/database-password", &secret, Expected::Anything)
        .await
        .unwrap();
}

fn source(server: &Server) -> VaultSecrets {
    VaultSecrets::new(server.kv(&server.vault()), "service").with_field("password")
}

#[tokio::test]
async fn a_secret_comes_with_its_version_and_the_one_before() {
    let server = Server::any().await;
    let source = source(&server);

    let missing = source.fetch(&name()).await.unwrap();
    put(&server, "one").await;
    let first = source.fetch(&name()).await.unwrap().unwrap();
    put(&server, "two").await;
    let second = source.fetch(&name()).await.unwrap().unwrap();

    assert!(missing.is_none());
    assert_eq!((current(&first), previous(&first)), (("one", Some("1")), None));
    assert_eq!(
        (current(&second), previous(&second)),
        (("two", Some("2")), Some("one"))
    );
    assert!(!format!("{second:?}").contains("two"));
}

#[tokio::test]
async fn a_version_before_that_was_destroyed_is_none() {
    let server = Server::any().await;
    put(&server, "one").await;
    put(&server, "two").await;
    let kv = server.kv(&server.vault());
    kv.destroy("service/database-password", &[1]).await.unwrap();

    let found = source(&server).fetch(&name()).await.unwrap().unwrap();

    assert_eq!((current(&found).0, previous(&found)), ("two", None));
}

#[tokio::test]
async fn a_secret_without_the_field_is_none() {
    let server = Server::any().await;
    put(&server, "one").await;
    let other = VaultSecrets::new(server.kv(&server.vault()), "service");

    assert!(other.fetch(&name()).await.unwrap().is_none());
}

#[tokio::test]
async fn while_vault_is_sealed_a_held_secret_is_given_out_until_it_is_too_old() {
    let server = Server::any().await;
    let Some(double) = &server.double else {
        let name = "while_vault_is_sealed_a_held_secret_is_given_out_until_it_is_too_old";
        return not_here(name, "the server of VAULT_ADDR cannot be made to fail");
    };
    put(&server, "one").await;
    let secrets = Secrets::new(source(&server), server.sources.clone());
    let held = secrets.open(&name()).await.unwrap();

    double.set_mood(Mood::Sealed);
    server.clock.advance(Duration::from_secs(120));
    let failed = secrets.refresh().await.failed;
    let stale = held.get().await.unwrap();
    server.clock.advance(Duration::from_secs(3600));
    let too_old = held.get().await.unwrap_err();
    double.set_mood(Mood::Well);
    server.clock.advance(SecretsConfig::default().pause);
    let again = held.get().await.unwrap();

    assert_eq!(failed, 1);
    assert_eq!((current(&stale).0, current(&again).0), ("one", "one"));
    assert!(matches!(too_old, SecretError::Unavailable { .. }), "{too_old:?}");
    assert!(!format!("{too_old:?}").contains("one\""));
}

#[tokio::test]
async fn a_token_that_may_not_read_is_denied() {
    let server = Server::any().await;
    let Some(double) = &server.double else {
        let name = "a_token_that_may_not_read_is_denied";
        return not_here(name, "the server of VAULT_ADDR cannot be made to fail");
    };
    put(&server, "one").await;
    double.set_mood(Mood::Forbidding);

    let denied = source(&server).fetch(&name()).await.unwrap_err();

    assert!(matches!(denied, SecretError::Denied { .. }), "{denied:?}");
}
