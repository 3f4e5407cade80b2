use platform_core::TenantId;
use platform_crypto::{
    DataKey, KeyProvider as _, LocalRoot, ProviderError, Purpose, RootKeyRecord, WrapContext,
};
use vaultrs::api::transit::requests::{CreateKeyRequestBuilder, UpdateKeyConfigurationRequestBuilder};
use vaultrs::transit::key;

use crate::support::{Server, Tokens, key_of_a_tenant};

#[tokio::test]
async fn a_key_that_vault_wrapped_opens_under_its_context() {
    let server = Server::any().await;
    let transit = server.transit(&server.vault());
    let (context, key) = key_of_a_tenant();

    let wrapped = transit.wrap(&context, &key).await.unwrap();
    let opened = transit.unwrap(&context, &wrapped).await.unwrap();

    assert_eq!(opened.expose_bytes(), key.expose_bytes());
    assert_eq!(
        wrapped.root.to_string(),
        format!("vault:{}/platform", server.mounts.transit)
    );
    assert!(wrapped.bytes.starts_with(b"vault:v1:"));
    assert!(transit.health().await.is_ok());
}

// C3
#[tokio::test]
async fn a_key_that_vault_wrapped_for_another_owner_is_refused() {
    let server = Server::any().await;
    let transit = server.transit(&server.vault());
    let (context, key) = key_of_a_tenant();
    let wrapped = transit.wrap(&context, &key).await.unwrap();

    let tenant = TenantId::generate(&server.sources);
    let (_, other_key) = key_of_a_tenant();
    let others = [
        WrapContext { tenant, ..context },
        WrapContext {
            purpose: Purpose::Index,
            ..context
        },
        WrapContext {
            key: other_key.id(),
            ..context
        },
    ];

    for other in others {
        let opened = transit.unwrap(&other, &wrapped).await;
        assert!(matches!(opened, Err(ProviderError::Refused)), "{opened:?}");
        let moved = transit.rewrap(&other, &wrapped).await;
        assert!(matches!(moved, Err(ProviderError::Refused)), "{moved:?}");
    }
}

// C3
#[tokio::test]
async fn a_transit_key_made_without_derivation_binds_the_owner_all_the_same() {
    let server = Server::double(Tokens::Periodic(3600)).await;
    let login = platform_crypto::VaultLogin::token(crate::support::secret(crate::vault_double::ROOT_TOKEN));
    let mut plain = CreateKeyRequestBuilder::default();
    plain.derived(false);
    key::create(&server.admin, &server.mounts.transit, "plain", Some(&mut plain))
        .await
        .unwrap();
    let transit = server
        .vault_with(login)
        .transit(&server.mounts.transit, "plain")
        .unwrap();
    let (context, key) = key_of_a_tenant();
    let wrapped = transit.wrap(&context, &key).await.unwrap();

    let stolen = WrapContext {
        tenant: TenantId::generate(&server.sources),
        ..context
    };

    assert!(matches!(
        transit.unwrap(&stolen, &wrapped).await,
        Err(ProviderError::Refused)
    ));
    assert!(transit.unwrap(&context, &wrapped).await.is_ok());
}

#[tokio::test]
async fn a_damaged_ciphertext_is_refused() {
    let server = Server::any().await;
    let transit = server.transit(&server.vault());
    let (context, key) = key_of_a_tenant();
    let wrapped = transit.wrap(&context, &key).await.unwrap();

    let text = String::from_utf8(wrapped.bytes.clone()).unwrap();
    let head = &text[..text.len() - 8];
    let damaged = [
        String::new(),
        head.to_owned(),
        format!("{head}AAAAAAA="),
        text.replace("vault:v1:", "vault:v2:"),
        text.replace("vault:", ""),
        text.replace("vault:v1:", "vault:v1:\" , \"x\": \""),
    ];

    for text in damaged {
        let mut other = wrapped.clone();
        other.bytes = text.clone().into_bytes();
        assert!(
            matches!(
                transit.unwrap(&context, &other).await,
                Err(ProviderError::Refused)
            ),
            "{text}"
        );
        assert!(transit.rewrap(&context, &other).await.is_err(), "{text}");
    }
    let mut bytes = wrapped;
    bytes.bytes = vec![0xff; 40];
    assert!(matches!(
        transit.unwrap(&context, &bytes).await,
        Err(ProviderError::Refused)
    ));
}

#[tokio::test]
async fn a_key_that_is_not_the_one_its_id_commits_to_is_refused() {
    let server = Server::any().await;
    let transit = server.transit(&server.vault());
    let (context, _) = key_of_a_tenant();

    let wrapped = transit
        .wrap(&context, &DataKey::generate(&server.sources))
        .await
        .unwrap();

    assert!(matches!(
        transit.unwrap(&context, &wrapped).await,
        Err(ProviderError::Refused)
    ));
}

#[tokio::test]
async fn a_rotated_transit_key_wraps_anew_without_showing_the_key_to_anybody() {
    let server = Server::any().await;
    let transit = server.transit(&server.vault());
    let (context, key) = key_of_a_tenant();
    let wrapped = transit.wrap(&context, &key).await.unwrap();

    assert_eq!(transit.rewrap(&context, &wrapped).await.unwrap(), None);
    key::rotate(&server.admin, &server.mounts.transit, "platform")
        .await
        .unwrap();
    let moved = transit.rewrap(&context, &wrapped).await.unwrap().unwrap();

    assert!(moved.bytes.starts_with(b"vault:v2:"));
    assert_eq!(moved.root, wrapped.root);
    if let Some(double) = &server.double {
        assert_eq!(double.requests(&format!("{}/decrypt", server.mounts.transit)), 0);
    }
    for version in [&wrapped, &moved] {
        assert_eq!(
            transit.unwrap(&context, version).await.unwrap().expose_bytes(),
            key.expose_bytes()
        );
    }
    assert_eq!(transit.rewrap(&context, &moved).await.unwrap(), None);
}

#[tokio::test]
async fn a_version_below_the_least_that_vault_decrypts_is_refused() {
    let server = Server::any().await;
    let transit = server.transit(&server.vault());
    let (context, key) = key_of_a_tenant();
    let old = transit.wrap(&context, &key).await.unwrap();
    key::rotate(&server.admin, &server.mounts.transit, "platform")
        .await
        .unwrap();
    let new = transit.rewrap(&context, &old).await.unwrap().unwrap();

    let mut least = UpdateKeyConfigurationRequestBuilder::default();
    least.min_decryption_version(2_u64);
    key::update(
        &server.admin,
        &server.mounts.transit,
        "platform",
        Some(&mut least),
    )
    .await
    .unwrap();

    assert!(matches!(
        transit.unwrap(&context, &old).await,
        Err(ProviderError::Refused)
    ));
    assert!(matches!(
        transit.rewrap(&context, &old).await,
        Err(ProviderError::Refused)
    ));
    assert!(transit.unwrap(&context, &new).await.is_ok());
}

#[tokio::test]
async fn a_transit_key_that_does_not_exist_is_for_an_operator_to_make() {
    let server = Server::any().await;
    let transit = server.vault().transit(&server.mounts.transit, "missing").unwrap();
    let (context, key) = key_of_a_tenant();

    let wrapped = transit.wrap(&context, &key).await;

    assert!(matches!(wrapped, Err(ProviderError::Denied(_))), "{wrapped:?}");
    assert!(matches!(transit.health().await, Err(ProviderError::Denied(_))));
}

#[tokio::test]
async fn a_key_of_another_root_is_not_sent_to_vault() {
    let server = Server::any().await;
    let transit = server.transit(&server.vault());
    let elsewhere = LocalRoot::ephemeral(&server.sources);
    let (context, key) = key_of_a_tenant();
    let wrapped = elsewhere.wrap(&context, &key).await.unwrap();

    let opened = transit.unwrap(&context, &wrapped).await;
    let prepared = transit.prepare(&[RootKeyRecord::new(elsewhere.current())]).await;

    assert!(matches!(opened, Err(ProviderError::UnknownRoot(root)) if root == elsewhere.current()));
    assert!(matches!(prepared, Err(ProviderError::UnknownRoot(_))));
}
