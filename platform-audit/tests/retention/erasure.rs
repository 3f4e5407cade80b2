//! Erasing a person whose data is in the trail.

use std::sync::Arc;

use platform_audit::{
    Activity, Changes, ERASURE_REFUSED, EraseSubjectError, ErasureBasis, ErasureRefused, Event, EventId,
    EventPage, NewHold, OpenChangeError, Outcome, RecordedEvent, Retention, sealed_keys, verify_entries,
};
use platform_core::time::Duration;
use platform_core::{Clock, ManualClock, OsRandom, Sources, SystemClock};
use platform_crypto::{EraseError, FileErasureStore, Keyring, LocalRoot, OpenError, SubjectId};
use tempfile::TempDir;

use crate::support::{SENT, Trail, days};

pub(crate) const ADA: &str = "ada.lovelace@example.com";

/// A trail with a keyring that records in it.
pub(crate) struct World {
    pub(crate) trail: Trail,
    pub(crate) keyring: Keyring,
    _folder: TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        let trail = Trail::with(&[&platform_crypto::MIGRATIONS]).await;
        let folder = tempfile::tempdir().unwrap();
        let root = LocalRoot::insecure_for_tests(trail.test.sources());
        let keyring = Keyring::builder(&trail.test.db(), Arc::new(root))
            .erasure(Arc::new(FileErasureStore::open(folder.path()).unwrap()))
            .log(Arc::new(trail.log()))
            .open()
            .await
            .unwrap();
        Self {
            trail,
            keyring,
            _folder: folder,
        }
    }

    /// An event of this age that has changed an address, sealed for the person.
    async fn changed(&self, who: SubjectId, age: Duration, class: Retention) {
        let event = self.change(who, age, class).await;
        self.trail.record_aged(age, event).await;
    }

    async fn change(&self, who: SubjectId, age: Duration, class: Retention) -> Event {
        let ctx = &self.trail.ctx;
        let id = EventId::generate(&aged(age));
        let mut tx = self.trail.test.db().begin(ctx).await.unwrap();
        let key = self.keyring.ensure_subject(&mut tx, ctx, who).await.unwrap();
        tx.commit().await.unwrap();
        let changes = Changes::for_event(ctx.tenant(), id)
            .seal(&key, "email", None, Some(ADA))
            .unwrap();
        Event::new(SENT, Outcome::Success)
            .id(id)
            .activity(Activity::Update)
            .target("customer", who.to_string())
            .retention(class)
            .changes(changes)
    }

    pub(crate) async fn erase(&self, who: SubjectId) -> Result<(), EraseSubjectError> {
        let trail = &self.trail;
        let erased = trail
            .log()
            .erase_subject(&trail.test.db(), &self.keyring, &trail.ctx, who)
            .await;
        erased.map(|_| ())
    }

    async fn recorded(&self, kind: &str, who: SubjectId) -> Vec<RecordedEvent> {
        let mut read = self.trail.test.db().read(&self.trail.ctx).await.unwrap();
        let events = self
            .trail
            .log()
            .events_for_target(&mut read, kind, &who.to_string(), EventPage::newest(100))
            .await
            .unwrap();
        read.finish().await.unwrap();
        events
    }

    /// What an event says about the address.
    async fn open(&self, event: &RecordedEvent) -> Result<String, OpenChangeError> {
        let keys = sealed_keys(event.changes.as_ref().unwrap());
        let keys = self.keyring.keys_for(&self.trail.ctx, keys).await.unwrap();
        let opened = event.open_change(&keys, self.trail.tenant, "email")?;
        Ok(opened.after.unwrap().expose().clone())
    }
}

#[tokio::test]
async fn an_erased_person_is_gone_from_the_trail_and_every_proof_stands() {
    let world = World::new().await;
    let ada = subject();
    world.changed(ada, days(1), Retention::SECURITY).await;
    world.trail.sequence().await;
    let before = world.trail.head().await;
    let event = world.recorded("customer", ada).await.remove(0);
    assert_eq!(world.open(&event).await.unwrap(), format!("{ADA:?}"));
    let entries = world.trail.entries().await;
    assert!(verify_entries(entries, [before]).unwrap().is_clean());

    world.erase(ada).await.unwrap();

    let gone = world.open(&event).await.unwrap_err();
    assert!(
        matches!(gone, OpenChangeError::Open(OpenError::KeyDestroyed(_))),
        "{gone:?}"
    );
    // The bytes are what they were, and so is the head.
    world.trail.sequence().await;
    let (entries, after) = (world.trail.entries().await, world.trail.head().await);
    let report = verify_entries(entries, [before, after]).unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
    assert_eq!(report.proven, Some(after));
}

#[tokio::test]
async fn a_law_that_demands_the_events_defers_the_erasure_and_is_named() {
    let world = World::new().await;
    let ada = subject();
    world.changed(ada, days(10), Retention::REGULATORY).await;
    world.changed(ada, days(1_000), Retention::REGULATORY).await;

    let refused = world.erase(ada).await.unwrap_err();

    let EraseSubjectError::Refused(ErasureRefused { subject, basis }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(subject, ada);
    let ErasureBasis::Duty { class, law, until } = &basis else {
        panic!("{basis:?}")
    };
    assert_eq!(
        (class, law.as_str()),
        (&Retention::REGULATORY, "SEC rule 17a-4, FINRA rule 4511")
    );
    let years = *until - (SystemClock.now() - days(10));
    assert!((days(6 * 365)..days(6 * 365 + 3)).contains(&years), "{years}");
    assert!(
        basis
            .to_string()
            .starts_with("SEC rule 17a-4, FINRA rule 4511 demands"),
        "{basis}"
    );
    // Nothing was changed, and it is in the trail.
    let event = world.recorded("customer", ada).await.remove(0);
    assert!(world.open(&event).await.is_ok());
    let told = world.recorded("subject", ada).await.remove(0);
    assert_eq!(told.action, ERASURE_REFUSED.name());
    assert_eq!(
        (told.outcome, told.reason.as_deref()),
        (Outcome::Denied, Some("retention_duty"))
    );
    assert_eq!(told.detail.unwrap()["law"], "SEC rule 17a-4, FINRA rule 4511");
}

#[tokio::test]
async fn a_duty_that_is_over_or_is_none_or_concerns_others_does_not_stand_in_the_way() {
    let world = World::new().await;
    let (ada, bob) = (subject(), subject());
    world.changed(ada, days(6 * 365 + 3), Retention::REGULATORY).await;
    world.changed(ada, days(1), Retention::SECURITY).await;
    world.changed(ada, days(1), Retention::new("unheard_of")).await;
    // About both, but only what is bob's is in it.
    let event = world
        .change(bob, days(1), Retention::REGULATORY)
        .await
        .target("customer", ada.to_string());
    world.trail.record_aged(days(1), event).await;

    world.erase(ada).await.unwrap();

    assert!(matches!(
        world.erase(bob).await,
        Err(EraseSubjectError::Refused(_))
    ));
}

#[tokio::test]
async fn a_duty_is_found_wherever_the_person_stands_in_the_event() {
    for place in ["second target", "actor", "on behalf of"] {
        let world = World::new().await;
        let ada = subject();
        let meta = platform_core::RequestMeta::internal(&Sources::system());
        let user = |id| platform_core::Principal::user(id, platform_core::PermissionSet::default());
        let as_ada = platform_core::PrincipalId::from_stored(ada.as_uuid());
        let other = platform_core::PrincipalId::generate(&Sources::system());
        let ctx = match place {
            "actor" => platform_core::RequestContext::authenticated(world.trail.tenant, user(as_ada), meta),
            "on behalf of" => {
                platform_core::RequestContext::authenticated(world.trail.tenant, user(other), meta)
                    .on_behalf_of(user(as_ada))
            }
            _ => world.trail.ctx.clone(),
        };
        let mut event = Event::new(SENT, Outcome::Success).target("order", "o-1");
        if place == "second target" {
            event = event.target("customer", ada.to_string());
        }
        let id = EventId::generate(&Sources::system());
        let mut tx = world.trail.test.db().begin(&ctx).await.unwrap();
        let key = world.keyring.ensure_subject(&mut tx, &ctx, ada).await.unwrap();
        let changes = Changes::for_event(ctx.tenant(), id)
            .seal(&key, "email", None, Some(ADA))
            .unwrap();
        world
            .trail
            .log()
            .record(&mut tx, &ctx, event.id(id).changes(changes))
            .await
            .unwrap();
        tx.commit().await.unwrap();

        assert!(
            matches!(world.erase(ada).await, Err(EraseSubjectError::Refused(_))),
            "{place}"
        );
    }
}

#[tokio::test]
async fn a_hold_on_events_about_a_person_refuses_the_erasure_until_it_is_released() {
    let world = World::new().await;
    let ada = subject();
    world.changed(ada, days(1), Retention::SECURITY).await;
    let holds = [
        NewHold::new("case").target("customer", ada.to_string()),
        NewHold::new("case").target_kind("customer"),
        NewHold::new("case"),
        NewHold::new("case").actor(platform_core::PrincipalId::from_stored(ada.as_uuid())),
        NewHold::new("case").recorded_from(SystemClock.now() - days(2)),
    ];
    for hold in holds {
        let placed = world.trail.place(&hold).await;

        let refused = world.erase(ada).await.unwrap_err();

        let EraseSubjectError::Refused(refused) = refused else {
            panic!("{hold:?}: {refused:?}")
        };
        assert_eq!(
            refused.basis,
            ErasureBasis::Held {
                holds: vec![placed.id]
            }
        );
        let told = world.recorded("subject", ada).await.remove(0);
        assert_eq!(
            (told.outcome, told.reason.as_deref()),
            (Outcome::Denied, Some("audit_hold"))
        );
        assert_eq!(told.detail.unwrap()["holds"][0], placed.id.to_string());
        world.trail.release(placed.id).await;
    }
    let elsewhere = [
        NewHold::new("case").target("customer", subject().to_string()),
        NewHold::new("case").recorded_to(SystemClock.now() - days(2)),
        NewHold::new("case").target_kind("order"),
    ];
    for hold in elsewhere {
        world.trail.place(&hold).await;
    }

    world.erase(ada).await.unwrap();
}

#[tokio::test]
async fn whoever_erases_through_the_keyring_itself_is_refused_too() {
    let world = World::new().await;
    let ada = subject();
    world.changed(ada, days(10), Retention::REGULATORY).await;

    let error = world.keyring.erase(&world.trail.ctx, ada).await.unwrap_err();

    assert!(matches!(error, EraseError::Keys(_)), "{error:?}");
    let refused = ErasureRefused::of(&error).unwrap();
    assert_eq!(refused.basis.code(), "retention_duty");
    assert!(ErasureRefused::of(&EraseError::NotFound).is_none());
}

#[tokio::test]
async fn a_legal_hold_of_the_keyring_and_a_person_without_a_key_are_told_apart() {
    let world = World::new().await;
    let ada = subject();
    assert!(matches!(world.erase(ada).await, Err(EraseSubjectError::NotFound)));
    world.changed(ada, days(1), Retention::SECURITY).await;
    world
        .keyring
        .place_hold(&world.trail.ctx, ada, "case")
        .await
        .unwrap();

    let held = world.erase(ada).await.unwrap_err();

    assert!(matches!(held, EraseSubjectError::Held { holds } if holds.len() == 1));
}

#[tokio::test]
async fn an_erasure_waits_for_a_hold_that_is_being_placed() {
    let world = World::new().await;
    let ada = subject();
    world.changed(ada, days(1), Retention::SECURITY).await;
    let (trail, hold) = (&world.trail, NewHold::new("case"));
    let mut placing = trail.test.db().begin(&trail.ctx).await.unwrap();
    trail
        .log()
        .place_hold(&mut placing, &trail.ctx, &hold)
        .await
        .unwrap();

    let erasing = world.erase(ada);
    let committing = async {
        trail
            .wait_for_a_waiter("select pg_advisory_xact_lock_shared")
            .await;
        placing.commit().await.unwrap();
    };
    let (refused, ()) = tokio::join!(erasing, committing);

    assert!(matches!(refused, Err(EraseSubjectError::Refused(_))));
}

#[tokio::test]
async fn an_erasure_waits_for_an_event_that_is_being_recorded_and_honours_its_duty() {
    let world = World::new().await;
    let (ada, trail) = (subject(), &world.trail);
    world.changed(ada, days(1), Retention::SECURITY).await;
    let id = EventId::generate(&Sources::system());
    let mut recording = trail.test.db().begin(&trail.ctx).await.unwrap();
    let key = world
        .keyring
        .ensure_subject(&mut recording, &trail.ctx, ada)
        .await
        .unwrap();
    let changes = Changes::for_event(trail.tenant, id)
        .seal(&key, "email", Some(ADA), None)
        .unwrap();
    let event = Event::new(SENT, Outcome::Success)
        .id(id)
        .target("customer", ada.to_string())
        .changes(changes);
    trail
        .log()
        .record(&mut recording, &trail.ctx, event)
        .await
        .unwrap();

    let erasing = world.erase(ada);
    let committing = async {
        trail.wait_for_a_waiter("select").await;
        recording.commit().await.unwrap();
    };
    let (refused, ()) = tokio::join!(erasing, committing);

    assert!(
        matches!(refused, Err(EraseSubjectError::Refused(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn nothing_in_the_trail_is_a_digest_of_what_is_sealed() {
    let world = World::new().await;
    let ada = subject();
    world.changed(ada, days(1), Retention::SECURITY).await;
    world.trail.sequence().await;
    world.erase(ada).await.unwrap();
    world.trail.sequence().await;

    let dump = world.trail.dump().await.to_lowercase();

    for text in [
        ADA.to_owned(),
        format!("{ADA:?}"),
        format!("email\0after\0{ADA:?}"),
    ] {
        for digest in digests(text.as_bytes()) {
            assert!(!dump.contains(&digest), "{digest} is a form of {text:?}");
        }
    }
    // It would be found if it were there.
    assert!(dump.contains(&ada.to_string()));
    assert!(dump.contains(&hex(world.trail.head().await.root.as_bytes())));
}

/// A text and its digests as they could stand in a dump, in lower case.
fn digests(text: &[u8]) -> Vec<String> {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
    use sha2::{Digest as _, Sha256, Sha512};
    let leaf = [&[0], text].concat();
    let mut forms = vec![
        text.to_vec(),
        Sha256::digest(text).to_vec(),
        Sha512::digest(text).to_vec(),
        Sha256::digest(leaf).to_vec(),
    ];
    let plain = String::from_utf8_lossy(text).to_lowercase();
    let mut all = vec![plain];
    for form in forms.drain(..) {
        all.push(hex(&form));
        all.push(STANDARD.encode(&form).to_lowercase());
        all.push(STANDARD_NO_PAD.encode(&form).to_lowercase());
        all.push(URL_SAFE_NO_PAD.encode(&form).to_lowercase());
    }
    all
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Sources of a program that ran so long ago.
fn aged(age: Duration) -> Sources {
    Sources::new(ManualClock::starting_at(SystemClock.now() - age), OsRandom)
}

pub(crate) fn subject() -> SubjectId {
    SubjectId::generate(&Sources::system())
}
