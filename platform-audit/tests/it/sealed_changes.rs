//! Personal data in events, and what is left of it when its subject is erased.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::digest::Digest as _;
use platform_audit::{
    Changes, EventId, MIGRATIONS, OpenChangeError, RecordedEvent, SealChangeError, SignInFailure, registered,
    sealed_keys, sign_in_failed,
};
use platform_core::testing::TestDb;
use platform_core::{PrincipalId, RequestContext, Sources};
use platform_crypto::testing::{MemoryErasureStore, builder};
use platform_crypto::{Keyring, OpenError, SubjectId};
use sha2::{Sha256, Sha512};

use crate::support::{context, events, log, sent, stored};

const OLD: &str = "ada.lovelace@example.com";
const NEW: &str = "ada.king@example.org";

async fn database() -> TestDb {
    Box::pin(TestDb::shared(&[&MIGRATIONS, &platform_crypto::MIGRATIONS])).await
}

async fn keyring(test: &TestDb) -> Keyring {
    builder(&test.db())
        .erasure(std::sync::Arc::new(MemoryErasureStore))
        .open()
        .await
        .unwrap()
}

/// Records that a subject has another address, sealed under the subject's key.
async fn changed(
    test: &TestDb,
    keyring: &Keyring,
    ctx: &RequestContext,
    subject: SubjectId,
) -> RecordedEvent {
    let id = EventId::generate(test.sources());
    let mut tx = test.db().begin(ctx).await.unwrap();
    let key = keyring.ensure_subject(&mut tx, ctx, subject).await.unwrap();
    let changes = Changes::for_event(ctx.tenant(), id)
        .seal(&key, "email", Some(OLD), Some(NEW))
        .unwrap()
        .seal::<str>(&key, "phone", None, Some("+1 555 0100"))
        .unwrap();
    let event = sent(&subject.to_string()).changes(changes);
    assert_eq!(log().record(&mut tx, ctx, event).await.unwrap(), id);
    tx.commit().await.unwrap();
    events(test, ctx, "parcel", &subject.to_string()).await.remove(0)
}

#[tokio::test]
async fn who_has_the_subjects_key_reads_what_was_changed() {
    let test = database().await;
    let (tenant, ctx) = context(&test).await;
    let keyring = keyring(&test).await;
    let event = changed(&test, &keyring, &ctx, SubjectId::generate(test.sources())).await;
    let ids = sealed_keys(event.changes.as_ref().unwrap());
    assert_eq!(ids.len(), 1, "one key for all of them");

    let keys = keyring.keys_for(&ctx, ids).await.unwrap();
    let email = event.open_change(&keys, tenant, "email").unwrap();
    let phone = event.open_change(&keys, tenant, "phone").unwrap();

    assert_eq!(email.before.unwrap().expose(), &format!("\"{OLD}\""));
    assert_eq!(email.after.unwrap().expose(), &format!("\"{NEW}\""));
    assert!(phone.before.is_none());
    assert_eq!(phone.after.unwrap().expose(), "\"+1 555 0100\"");
    assert!(matches!(
        event.open_change(&keys, tenant, "name"),
        Err(OpenChangeError::NoSuchField)
    ));
}

#[tokio::test]
async fn a_sealed_value_opens_in_its_event_field_and_side_alone() {
    let test = database().await;
    let (tenant, ctx) = context(&test).await;
    let keyring = keyring(&test).await;
    let event = changed(&test, &keyring, &ctx, SubjectId::generate(test.sources())).await;
    let keys = keyring
        .keys_for(&ctx, sealed_keys(event.changes.as_ref().unwrap()))
        .await
        .unwrap();
    let tampered = |tamper: fn(&mut RecordedEvent)| {
        let mut event = event.clone();
        tamper(&mut event);
        event.open_change(&keys, tenant, "email").unwrap_err()
    };

    let swapped = tampered(|event| {
        let change = &mut event.changes.as_mut().unwrap()["email"];
        let before = change["before"].take();
        change["before"] = std::mem::replace(&mut change["after"], before);
    });
    assert!(matches!(swapped, OpenChangeError::NotSealed), "{swapped:?}");
    let other_field = tampered(|event| {
        let changes = event.changes.as_mut().unwrap();
        changes["email"] = changes["phone"].clone();
    });
    assert!(
        matches!(other_field, OpenChangeError::NotSealed),
        "{other_field:?}"
    );
    let other_event = tampered(|event| event.id = EventId::generate(&Sources::system()));
    assert!(
        matches!(other_event, OpenChangeError::Open(OpenError::Tampered)),
        "{other_event:?}"
    );
    let in_the_clear = tampered(|event| event.changes.as_mut().unwrap()["email"]["after"] = "x".into());
    assert!(
        matches!(in_the_clear, OpenChangeError::NotSealed),
        "{in_the_clear:?}"
    );
}

#[tokio::test]
async fn values_are_sealed_for_an_event_that_is_named() {
    let test = database().await;
    let (_, ctx) = context(&test).await;
    let keys = keyring(&test).await.keys(&ctx).await.unwrap();

    let refused = Changes::new().seal(&keys, "email", Some(OLD), Some(NEW));

    assert!(matches!(refused, Err(SealChangeError::NoEvent)));
}

// A13
#[tokio::test]
async fn erasing_a_subject_leaves_the_event_as_it_was_signed_and_unreadable() {
    let test = database().await;
    let (tenant, ctx) = context(&test).await;
    let keyring = keyring(&test).await;
    let subject = SubjectId::generate(test.sources());
    let event = changed(&test, &keyring, &ctx, subject).await;
    let signed: Vec<_> = stored(&test, &ctx)
        .await
        .iter()
        .map(|row| row.entry.to_bytes().unwrap())
        .collect();

    keyring.erase(&ctx, subject).await.unwrap();

    let rows = stored(&test, &ctx).await;
    assert_eq!(
        rows[0].entry.to_bytes().unwrap(),
        signed[0],
        "its leaf and every proof still hold"
    );
    let ids = sealed_keys(event.changes.as_ref().unwrap());
    let keys = keyring.keys_for(&ctx, ids).await.unwrap();
    let gone = event.open_change(&keys, tenant, "email").unwrap_err();
    assert!(
        matches!(gone, OpenChangeError::Open(OpenError::KeyDestroyed(_))),
        "{gone:?}"
    );
}

/// The ways in which a digest of a text is usually written.
fn digests(text: &str) -> Vec<String> {
    let texts = [
        text.to_owned(),
        text.to_lowercase(),
        text.to_uppercase(),
        format!("\"{text}\""),
    ];
    let digests = texts
        .iter()
        .flat_map(|text| [Sha256::digest(text).to_vec(), Sha512::digest(text).to_vec()]);
    let written = digests.flat_map(|digest| {
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        // The first half is found in the whole as well.
        let short = hex[..32].to_owned();
        [
            short,
            STANDARD.encode(&digest)[..20].to_owned(),
            URL_SAFE_NO_PAD.encode(&digest)[..20].to_owned(),
        ]
    });
    written.collect()
}

// A13
#[tokio::test]
async fn no_event_holds_personal_data_or_a_digest_that_could_be_guessed() {
    let test = database().await;
    let (_, ctx) = context(&test).await;
    let keyring = keyring(&test).await;
    let user = PrincipalId::generate(test.sources());
    changed(&test, &keyring, &ctx, SubjectId::from_stored(user.as_uuid())).await;
    for event in [
        registered(user, OLD),
        sign_in_failed(OLD, SignInFailure::UnknownUser),
        sign_in_failed(NEW, SignInFailure::WrongPassword(user)),
    ] {
        log().record_alone(&test.db(), &ctx, event).await.unwrap();
    }

    let rows = stored(&test, &ctx).await;

    assert!(rows.len() >= 4);
    let everything: String = rows
        .iter()
        .map(|row| String::from_utf8(row.entry.to_bytes().unwrap()).unwrap())
        .collect();
    for personal in [OLD, NEW, "lovelace", "king@", "555 0100"] {
        assert!(!everything.contains(personal), "{personal}");
    }
    for digest in [OLD, NEW, "+1 555 0100"].iter().flat_map(|text| digests(text)) {
        assert!(!everything.contains(&digest), "{digest}");
    }
}
