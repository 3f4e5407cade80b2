//! The life of keys in the trail.

use std::sync::Arc;

use platform_audit::{Action, MIGRATIONS};
use platform_core::testing::TestDb;
use platform_crypto::{KeyError, KeyEventKind, Keyring, LocalRoot, Purpose};

use crate::support::{context, events, log};

#[test]
fn every_kind_of_key_event_is_an_action() {
    for kind in KeyEventKind::ALL {
        assert_eq!(Action::new(kind.as_str()).name(), kind.as_str());
    }
}

#[tokio::test]
async fn what_happens_to_a_key_is_found_under_it() {
    let test = Box::pin(TestDb::shared(&[&MIGRATIONS, &platform_crypto::MIGRATIONS])).await;
    let (_, ctx) = context(&test).await;
    let root = LocalRoot::insecure_for_tests(test.sources());
    let keyring = Keyring::builder(&test.db(), Arc::new(root)).log(Arc::new(log()));
    let keyring = keyring.open().await.unwrap();
    let key = keyring
        .keys(&ctx)
        .await
        .unwrap()
        .sealing_id()
        .unwrap()
        .to_string();

    let refused = keyring.destroy(&ctx, Purpose::Data, 1).await;

    assert!(matches!(refused, Err(KeyError::NotDestroyable { .. })));
    let events = events(&test, &ctx, "key", &key).await;
    let mut told: Vec<_> = events
        .iter()
        .map(|event| {
            (
                event.action.as_str(),
                event.outcome.as_str(),
                event.reason.as_deref(),
            )
        })
        .collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            ("key.create", "success", None),
            ("key.destroy", "denied", Some("not_destroyable")),
        ]
    );
}
