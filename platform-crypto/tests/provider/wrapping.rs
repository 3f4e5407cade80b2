use platform_core::TenantId;
use platform_crypto::{
    DataKey, KeyProvider as _, LocalRoot, ProviderError, Purpose, RootKeyRef, WrapContext, WrappedKey,
};

use crate::support::{key_of_a_tenant, opens, sources};

#[tokio::test]
async fn a_wrapped_key_opens_under_its_context() {
    let root = LocalRoot::ephemeral(&sources());
    let (context, key) = key_of_a_tenant();

    let wrapped = root.wrap(&context, &key).await.unwrap();

    assert_eq!(wrapped.root, root.current());
    assert_eq!(wrapped.bytes.len(), 61);
    assert!(opens(&root, &context, &wrapped, &key).await);
}

// C3
#[tokio::test]
async fn a_wrapped_key_that_was_given_to_another_owner_is_refused() {
    let root = LocalRoot::ephemeral(&sources());
    let (context, key) = key_of_a_tenant();
    let (_, other_key) = key_of_a_tenant();
    let wrapped = root.wrap(&context, &key).await.unwrap();

    let tenant = TenantId::generate(&sources());
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
        let opened = root.unwrap(&other, &wrapped).await;
        assert!(
            matches!(opened, Err(ProviderError::Refused)),
            "{other:?}: {opened:?}"
        );
    }
}

#[tokio::test]
async fn a_key_that_is_not_the_one_its_id_commits_to_is_refused() {
    let root = LocalRoot::ephemeral(&sources());
    let (context, _) = key_of_a_tenant();
    let another = DataKey::generate(&sources());

    // Whoever can wrap is not trusted to have wrapped the right key.
    let wrapped = root.wrap(&context, &another).await.unwrap();

    assert!(matches!(
        root.unwrap(&context, &wrapped).await,
        Err(ProviderError::Refused)
    ));
}

#[tokio::test]
async fn a_damaged_wrapped_key_is_refused_at_every_bit_and_every_length() {
    let root = LocalRoot::ephemeral(&sources());
    let (context, key) = key_of_a_tenant();
    let wrapped = root.wrap(&context, &key).await.unwrap();

    for bit in 0..wrapped.bytes.len() * 8 {
        let mut flipped = wrapped.clone();
        flipped.bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(
            matches!(root.unwrap(&context, &flipped).await, Err(ProviderError::Refused)),
            "bit {bit}"
        );
    }
    for length in 0..wrapped.bytes.len() {
        let mut cut = wrapped.clone();
        cut.bytes.truncate(length);
        assert!(
            matches!(root.unwrap(&context, &cut).await, Err(ProviderError::Refused)),
            "{length} bytes"
        );
    }
    let mut longer = wrapped;
    longer.bytes.push(0);
    assert!(matches!(
        root.unwrap(&context, &longer).await,
        Err(ProviderError::Refused)
    ));
}

#[tokio::test]
async fn a_key_of_a_root_that_is_not_held_names_that_root() {
    let (here, elsewhere) = (LocalRoot::ephemeral(&sources()), LocalRoot::ephemeral(&sources()));
    let (context, key) = key_of_a_tenant();
    let wrapped = elsewhere.wrap(&context, &key).await.unwrap();

    let opened = here.unwrap(&context, &wrapped).await;

    assert!(matches!(opened, Err(ProviderError::UnknownRoot(root)) if root == elsewhere.current()));
}

#[tokio::test]
async fn the_same_key_wrapped_twice_has_different_bytes() {
    let root = LocalRoot::ephemeral(&sources());
    let (context, key) = key_of_a_tenant();

    let first: WrappedKey = root.wrap(&context, &key).await.unwrap();
    let second = root.wrap(&context, &key).await.unwrap();

    assert_ne!(first.bytes, second.bytes);
}

#[test]
fn two_contexts_never_have_the_same_bytes() {
    let (context, key) = key_of_a_tenant();
    let other = WrapContext {
        purpose: Purpose::Index,
        ..context
    };

    assert_ne!(context.to_bytes(), other.to_bytes());
    assert_eq!(context.key, key.id());
}

#[test]
fn a_reference_that_could_break_a_log_line_is_refused() {
    let long = format!("key:{}", "a".repeat(125));
    for text in ["", "key", "key:", ":3f", "key:3f 2a", "key:3f\n", "key:é", &long] {
        assert!(text.parse::<RootKeyRef>().is_err(), "{text:?}");
    }
}
