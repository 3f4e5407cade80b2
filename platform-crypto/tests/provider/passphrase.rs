use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use pbkdf2::{Algorithm, Params, pbkdf2_hmac_with_params};
use platform_core::error_chain;
use platform_crypto::{
    DataKey, KeyProvider as _, Label, Passphrase, PassphraseRoot, ProviderError, RootKeyError, RootKeyRecord,
    Weakness,
};

use crate::support::{key_of_a_tenant, opens, sources};

const LANTERNS: &str = "nine lanterns over a quiet harbour";
const HERONS: &str = "eleven grey herons leave at dawn";

fn root(passphrase: &str) -> PassphraseRoot {
    PassphraseRoot::new(Passphrase::new(passphrase).unwrap(), &sources())
}

/// What an earlier release with fewer iterations would have stored, computed from the documented form alone.
fn record_of(passphrase: &str, iterations: u32) -> RootKeyRecord {
    let salt: [u8; 16] = sources().bytes();
    let mut key = [0; 32];
    let (sha256, params) = (Algorithm::Pbkdf2Sha256, Params::new(iterations).unwrap());
    pbkdf2_hmac_with_params(passphrase.as_bytes(), &salt, sha256, params, &mut key);
    let key = DataKey::from_bytes(key);
    let check = key.subkey(&Label::new(&[b"passphrase-check"]));
    let [salt, check] = [salt.as_slice(), check.expose_bytes()].map(|bytes| STANDARD_NO_PAD.encode(bytes));
    RootKeyRecord {
        root: format!("passphrase:{}", &key.id().to_string()[..8])
            .parse()
            .unwrap(),
        phc: Some(format!("$pbkdf2-sha256$i={iterations},l=32${salt}${check}")),
    }
}

// C31
#[tokio::test]
async fn the_parameters_of_a_passphrase_are_stored_and_found_again() {
    let first = root(LANTERNS);
    let record = first.prepare(&[]).await.unwrap();
    let (context, key) = key_of_a_tenant();
    let wrapped = first.wrap(&context, &key).await.unwrap();

    let phc = record.phc.clone().unwrap();
    assert!(phc.starts_with("$pbkdf2-sha256$i=600000,l=32$"), "{phc}");
    assert_eq!(phc.split('$').count(), 5);
    let again = root(LANTERNS);
    let known = again.prepare(std::slice::from_ref(&record)).await.unwrap();
    assert_eq!(known, record);
    assert!(opens(&again, &context, &wrapped, &key).await);
}

// C31
#[tokio::test]
async fn a_key_of_fewer_iterations_still_opens_and_a_stronger_one_takes_over() {
    let old = record_of(LANTERNS, 310_000);
    let provider = root(LANTERNS);

    let new = provider.prepare(std::slice::from_ref(&old)).await.unwrap();

    assert!(provider.holds(&old.root));
    assert_ne!(new.root, old.root);
    assert!(new.phc.as_deref().unwrap().contains("i=600000,"));
    let again = root(LANTERNS);
    assert_eq!(again.prepare(&[new.clone(), old.clone()]).await.unwrap(), new);
    assert!(again.holds(&old.root));
    let stronger = root(LANTERNS).with_iterations(700_000);
    let newest = stronger.prepare(std::slice::from_ref(&new)).await.unwrap();
    assert!(newest.phc.unwrap().contains("i=700000,"));
    assert!(stronger.holds(&new.root));
}

#[tokio::test]
async fn a_changed_passphrase_wraps_anew_what_the_older_one_opens() {
    let before = root(LANTERNS);
    let old = before.prepare(&[]).await.unwrap();
    let (context, key) = key_of_a_tenant();
    let wrapped = before.wrap(&context, &key).await.unwrap();

    let change = root(HERONS).with_older(Passphrase::new(LANTERNS).unwrap());
    let new = change.prepare(std::slice::from_ref(&old)).await.unwrap();
    let moved = change.rewrap(&context, &wrapped).await.unwrap().unwrap();

    assert_eq!(moved.root, new.root);
    assert_eq!(change.rewrap(&context, &moved).await.unwrap(), None);
    let after = root(HERONS);
    after.prepare(&[new]).await.unwrap();
    assert!(opens(&after, &context, &moved, &key).await);
    assert!(matches!(
        after.unwrap(&context, &wrapped).await,
        Err(ProviderError::UnknownRoot(_))
    ));
}

#[tokio::test]
async fn a_wrong_passphrase_is_refused_and_makes_no_second_root_key() {
    let right = root(LANTERNS);
    let record = right.prepare(&[]).await.unwrap();
    let wrong = root(HERONS);

    let error = wrong.prepare(std::slice::from_ref(&record)).await.unwrap_err();

    assert!(matches!(&error, ProviderError::UnknownRoot(root) if *root == record.root));
    let shown = format!("{error:?} {} {wrong:?}", error_chain(&error));
    assert!(!shown.contains("heron") && !shown.contains("lantern"), "{shown}");
    let (context, key) = key_of_a_tenant();
    assert!(wrong.wrap(&context, &key).await.is_err());
    assert!(wrong.health().await.is_err());
}

#[tokio::test]
async fn of_two_processes_that_start_together_the_second_takes_the_key_of_the_first() {
    let (one, two) = (root(LANTERNS), root(LANTERNS));
    let first = one.prepare(&[]).await.unwrap();
    let second = two.prepare(&[]).await.unwrap();
    assert_ne!(first.root, second.root);

    // Only the first is stored; the second process is told.
    let agreed = two.prepare(std::slice::from_ref(&first)).await.unwrap();

    assert_eq!(agreed, first);
    assert_eq!(two.current(), one.current());
    assert_eq!(one.prepare(std::slice::from_ref(&first)).await.unwrap(), first);
}

#[tokio::test]
async fn preparing_twice_without_a_record_gives_the_same_key() {
    let provider = root(LANTERNS);

    let first = provider.prepare(&[]).await.unwrap();

    assert_eq!(provider.prepare(&[]).await.unwrap(), first);
}

#[tokio::test]
async fn a_stored_string_of_another_form_is_refused() {
    let good = record_of(LANTERNS, 20_000).phc.unwrap();
    let fields: Vec<&str> = good.split('$').collect();
    let (salt, check) = (fields[3], fields[4]);
    let strings = [
        String::new(),
        format!("$pbkdf2-sha512$i=20000,l=32${salt}${check}"),
        format!("$pbkdf2-sha256$i=20000${salt}${check}"),
        format!("$pbkdf2-sha256$i=1,l=32${salt}${check}"),
        format!("$pbkdf2-sha256$i=4000000000,l=32${salt}${check}"),
        format!("$pbkdf2-sha256$i=-1,l=32${salt}${check}"),
        format!("$pbkdf2-sha256$i=20000,l=16${salt}${check}"),
        format!("$pbkdf2-sha256$i=20000,l=32${salt}"),
        format!("$pbkdf2-sha256$i=20000,l=32${salt}${check}$more"),
        format!("$pbkdf2-sha256$i=20000,l=32$!!!${check}"),
        format!("$pbkdf2-sha256$i=20000,l=32${check}${salt}"),
        format!("x{good}"),
    ];

    for phc in strings {
        let record = RootKeyRecord {
            root: "passphrase:3f2a91c0".parse().unwrap(),
            phc: Some(phc.clone()),
        };
        let prepared = root(LANTERNS).prepare(&[record]).await;
        assert!(matches!(prepared, Err(ProviderError::UnknownRoot(_))), "{phc}");
    }
}

// C11
#[test]
fn a_weak_passphrase_is_refused_without_showing_it() {
    let weak = [
        ("", Weakness::Short),
        ("tall grey ships", Weakness::Short),
        ("correct horse battery staple", Weakness::WellKnown),
        ("Password-Password-1", Weakness::WellKnown),
        ("change me change me 2026!", Weakness::WellKnown),
        ("aaaaaaaaaaaaaaaaaaaaaaaa", Weakness::Monotonous),
        ("1212121212121212121212", Weakness::Monotonous),
    ];

    for (text, weakness) in weak {
        let text = text
            .strip_suffix("ships")
            .map_or(text.to_owned(), |head| format!("{head}s"));
        let error = Passphrase::new(&text).unwrap_err();
        assert!(
            matches!(&error, RootKeyError::Weak(found) if *found == weakness),
            "{text}: {error:?}"
        );
        assert!(text.len() < 8 || !error_chain(&error).contains(&text));
    }
}

#[tokio::test]
async fn a_passphrase_may_be_typed_on_another_keyboard_or_come_from_a_file() {
    let typed = root("caf\u{e9} at the old harbour wall");
    let record = typed.prepare(&[]).await.unwrap();

    for same in [
        "cafe\u{301} at the old harbour wall",
        "caf\u{e9} at the old harbour wall\r\n",
        "caf\u{e9} at the old harbour wall\n",
    ] {
        let prepared = root(same).prepare(std::slice::from_ref(&record)).await.unwrap();
        assert_eq!(prepared, record);
    }
}
