use std::time::{Duration, Instant};

use platform_core::error_chain;
use platform_crypto::{Expected, KeyProvider as _, ProviderError, Vault, VaultError, VaultLogin};

use crate::support::{Server, Tokens, fields, key_of_a_tenant, secret};
use crate::vault_double::{Mood, ROOT_TOKEN};

const HOURLY: Tokens = Tokens::Periodic(3600);

#[tokio::test]
async fn a_sealed_vault_is_unavailable_after_a_bounded_number_of_requests() {
    let server = Server::double(HOURLY).await;
    let transit = server.transit(&server.vault());
    let (context, key) = key_of_a_tenant();
    let wrapped = transit.wrap(&context, &key).await.unwrap();

    server.the_double().set_mood(Mood::Sealed);
    let opened = transit.unwrap(&context, &wrapped).await;

    assert!(
        matches!(&opened, Err(ProviderError::Unavailable(_))),
        "{opened:?}"
    );
    assert!(error_chain(&opened.unwrap_err()).contains("sealed"));
    assert_eq!(
        server
            .the_double()
            .requests(&format!("{}/decrypt", server.mounts.transit)),
        3
    );
    assert!(matches!(
        transit.health().await,
        Err(ProviderError::Unavailable(_))
    ));
}

#[tokio::test]
async fn a_short_failure_is_not_noticed() {
    let server = Server::double(HOURLY).await;
    let transit = server.transit(&server.vault());
    let (context, key) = key_of_a_tenant();

    // The login fails twice, then a later call once.
    server.the_double().set_mood(Mood::SealedFor(2));
    let wrapped = transit.wrap(&context, &key).await.unwrap();
    server.the_double().set_mood(Mood::SealedFor(1));

    assert!(transit.unwrap(&context, &wrapped).await.is_ok());
}

#[tokio::test]
async fn a_vault_that_does_not_answer_is_unavailable_in_bounded_time() {
    let server = Server::double(HOURLY).await;
    let config = server.config().with_timeout(Duration::from_millis(50));
    let vault = Vault::new(config, server.login(), &server.sources).unwrap();
    let transit = server.transit(&vault);
    let (context, key) = key_of_a_tenant();
    server.the_double().set_mood(Mood::Silent);

    let asked = Instant::now();
    let calls = (0..50).map(|_| transit.wrap(&context, &key));
    let answers = futures::future::join_all(calls).await;

    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer, Err(ProviderError::Unavailable(_))))
    );
    // Fifty callers that would wait for each other's logins would take fifty times as long.
    assert!(server.logins() < 20, "{}", server.logins());
    assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn a_vault_that_is_gone_is_unavailable() {
    let mut server = Server::double(HOURLY).await;
    let transit = server.transit(&server.vault());
    let (context, key) = key_of_a_tenant();

    drop(server.double.take());
    tokio::task::yield_now().await;
    let wrapped = transit.wrap(&context, &key).await;

    assert!(
        matches!(wrapped, Err(ProviderError::Unavailable(_))),
        "{wrapped:?}"
    );
}

#[tokio::test]
async fn a_write_is_sent_once_and_its_writer_finds_out_what_became_of_it() {
    let server = Server::double(HOURLY).await;
    let vault = server.vault();
    let kv = server.kv(&vault);
    vault.maintain().await.unwrap();

    server.the_double().set_mood(Mood::SealedFor(1));
    let written = kv
        .write("state", &fields(&[("value", "one")]), Expected::Absent)
        .await;

    assert!(matches!(written, Err(VaultError::Unavailable(_))), "{written:?}");
    assert_eq!(
        server
            .the_double()
            .requests(&format!("{}/data/state", server.mounts.kv)),
        1
    );
    assert!(kv.read("state").await.unwrap().is_none());
}

#[tokio::test]
async fn a_vault_that_forbids_everything_is_denied_and_not_unavailable() {
    let server = Server::double(HOURLY).await;
    let transit = server.transit(&server.vault());
    let (context, key) = key_of_a_tenant();
    let wrapped = transit.wrap(&context, &key).await.unwrap();

    server.the_double().set_mood(Mood::Forbidding);
    server.clock.advance(Duration::from_secs(60));
    let opened = transit.unwrap(&context, &wrapped).await;

    assert!(matches!(opened, Err(ProviderError::Denied(_))), "{opened:?}");
    assert_eq!(server.logins(), 2);
}

#[tokio::test]
async fn a_mount_that_is_not_there_is_for_an_operator_to_see_to() {
    let server = Server::double(HOURLY).await;
    let login = VaultLogin::token(secret(ROOT_TOKEN));
    let transit = server.vault_with(login).transit("elsewhere", "platform").unwrap();
    let (context, key) = key_of_a_tenant();

    let wrapped = transit.wrap(&context, &key).await;

    assert!(matches!(wrapped, Err(ProviderError::Denied(_))), "{wrapped:?}");
}
