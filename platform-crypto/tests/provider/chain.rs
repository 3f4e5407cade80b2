use std::sync::Arc;

use platform_crypto::{KeyProvider as _, LocalRoot, Passphrase, PassphraseRoot, ProviderError, RootChain};

use crate::support::{key_of_a_tenant, opens, sources};

const LANTERNS: &str = "nine lanterns over a quiet harbour";

fn passphrase() -> PassphraseRoot {
    PassphraseRoot::new(Passphrase::new(LANTERNS).unwrap(), &sources())
}

#[tokio::test]
async fn a_service_moves_from_a_passphrase_to_a_key_file() {
    let before = passphrase();
    let record = before.prepare(&[]).await.unwrap();
    let (context, key) = key_of_a_tenant();
    let wrapped = before.wrap(&context, &key).await.unwrap();
    let file = Arc::new(LocalRoot::ephemeral(&sources()));

    let chain = RootChain::new(file.clone()).with_older(Arc::new(passphrase()));
    let current = chain.prepare(std::slice::from_ref(&record)).await.unwrap();
    let moved = chain.rewrap(&context, &wrapped).await.unwrap().unwrap();

    assert_eq!((&current.root, &moved.root), (&file.current(), &file.current()));
    assert!(opens(&chain, &context, &wrapped, &key).await);
    assert!(opens(file.as_ref(), &context, &moved, &key).await);
    assert_eq!(chain.rewrap(&context, &moved).await.unwrap(), None);
    assert!(chain.health().await.is_ok());
}

#[tokio::test]
async fn a_root_key_that_no_member_holds_is_named() {
    let elsewhere = LocalRoot::ephemeral(&sources());
    let record = elsewhere.prepare(&[]).await.unwrap();
    let (context, key) = key_of_a_tenant();
    let wrapped = elsewhere.wrap(&context, &key).await.unwrap();
    let chain = RootChain::new(Arc::new(passphrase())).with_older(Arc::new(LocalRoot::ephemeral(&sources())));

    let prepared = chain.prepare(&[record]).await;
    let opened = chain.unwrap(&context, &wrapped).await;

    let is_named = |error: &ProviderError| matches!(error, ProviderError::UnknownRoot(root) if *root == elsewhere.current());
    assert!(is_named(&prepared.unwrap_err()));
    assert!(is_named(&opened.unwrap_err()));
}
