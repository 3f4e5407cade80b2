//! Giving a person what the trail has about them.

use platform_audit::{
    Changes, Event, EventId, ExportError, Outcome, Report, Retention, SUBJECT_EXPORT_FINISHED,
    SUBJECT_EXPORTED, SubjectExportError, Trust, Visibility, verify_export,
};
use platform_core::sqlx::{self, Executor};
use platform_core::{PermissionSet, Principal, PrincipalId, RequestContext, RequestMeta, Sources};
use platform_crypto::SubjectId;
use serde_json::{Value, json};

use crate::erasure::{ADA, World, subject};
use crate::support::{SENT, Trail};

#[tokio::test]
async fn a_person_is_given_every_event_about_them_with_proofs_and_what_was_sealed_for_them() {
    let world = World::new().await;
    let (ada, bob) = (subject(), subject());
    let (as_ada, as_bob) = (context(&world.trail, ada), context(&world.trail, bob));
    let for_ada = context(&world.trail, bob).on_behalf_of(principal(ada));
    let other = || Event::new(SENT, Outcome::Success).target("order", "o-1");
    let mut wanted = vec![];
    wanted.push(record(&world, &as_ada, other()).await);
    wanted.push(record(&world, &for_ada, other()).await);
    wanted.push(record(&world, &as_bob, other().target("customer", ada.to_string())).await);
    record(&world, &as_bob, other().target("customer", bob.to_string())).await;
    record(&world, &as_ada, other().visibility(Visibility::Platform)).await;
    wanted.push(sealed(&world, &as_bob, &[(ada, "email")], ada).await);
    // Ada works with the data of others: that is not hers to be given.
    wanted.push(sealed(&world, &as_ada, &[(bob, "email"), (ada, "name")], bob).await);
    world.trail.sequence().await;

    let lines = export(&world, ada).await.unwrap();

    let report = verify(&world, &lines);
    assert!(report.is_clean(), "{:?}", report.findings);
    assert_eq!(report.events, 5);
    let parsed: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut ids: Vec<EventId> = parsed
        .iter()
        .filter(|line| line["kind"] == "event")
        .map(event_id)
        .collect();
    ids.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(ids, wanted);
    let opened: Vec<Value> = parsed
        .iter()
        .filter(|line| line["kind"] == "opened")
        .map(|line| serde_json::from_str(line["changes"].as_str().unwrap()).unwrap())
        .collect();
    assert_eq!(
        opened,
        [
            json!({ "email": { "before": ADA, "after": "new" } }),
            json!({ "email": { "withheld": true }, "name": { "before": ADA, "after": "new" } }),
        ]
    );
}

#[tokio::test]
async fn after_the_erasure_the_same_export_says_erased_and_is_proven_all_the_same() {
    let world = World::new().await;
    let ada = subject();
    let ctx = world.trail.ctx.clone();
    sealed(&world, &ctx, &[(ada, "email")], ada).await;
    world.trail.sequence().await;
    let before = export(&world, ada).await.unwrap();
    assert!(before.contains(ADA));

    world.erase(ada).await.unwrap();
    world.trail.sequence().await;
    let after = export(&world, ada).await.unwrap();

    assert!(!after.contains(ADA));
    assert!(after.contains(r#"{\"email\":{\"erased\":true}}"#), "{after}");
    assert!(verify(&world, &after).is_clean());
    // The signed bytes are the same.
    let event = |lines: &str| {
        lines
            .lines()
            .find(|line| line.contains("\"changes\\\":"))
            .map(|line| {
                let line: Value = serde_json::from_str(line).unwrap();
                line["entry"].clone()
            })
    };
    assert!(event(&before).is_some());
    assert_eq!(event(&before), event(&after));
}

#[tokio::test]
async fn a_value_that_was_sealed_for_another_table_is_not_taken_for_one_of_the_event() {
    let world = World::new().await;
    let ada = subject();
    let ctx = world.trail.ctx.clone();
    let id = EventId::generate(&Sources::system());
    let mut tx = world.trail.test.db().begin(&ctx).await.unwrap();
    let key = world.keyring.ensure_subject(&mut tx, &ctx, ada).await.unwrap();
    let email: platform_crypto::Column<String> = platform_crypto::Column::new("crm.customer", "email");
    let copied = key
        .seal(&email.at(ctx.tenant(), ada.as_uuid()), &ADA.to_owned())
        .unwrap();
    let changes = Changes::new().sealed("email", None, Some(&copied));
    let event = Event::new(SENT, Outcome::Success)
        .id(id)
        .target("customer", ada.to_string())
        .changes(changes);
    world.trail.log().record(&mut tx, &ctx, event).await.unwrap();
    tx.commit().await.unwrap();
    world.trail.sequence().await;

    let lines = export(&world, ada).await.unwrap();

    assert!(lines.contains(r#"{\"email\":{\"elsewhere\":true}}"#), "{lines}");
    assert!(verify(&world, &lines).is_clean());
}

#[tokio::test]
async fn somebody_of_whom_nothing_is_known_is_given_that() {
    let world = World::new().await;
    let ctx = world.trail.ctx.clone();
    let early = export(&world, subject()).await.unwrap_err();
    assert!(
        matches!(early, SubjectExportError::Export(ExportError::NoCheckpoint)),
        "{early:?}"
    );
    record(&world, &ctx, Event::new(SENT, Outcome::Success)).await;
    world.trail.sequence().await;

    let lines = export(&world, subject()).await.unwrap();

    assert_eq!(lines.lines().count(), 2);
    assert_eq!(verify(&world, &lines).events, 0);
}

#[tokio::test]
async fn that_it_was_given_is_in_the_trail_before_the_first_byte_and_signed_after_the_last() {
    let world = World::new().await;
    let ada = subject();
    let ctx = world.trail.ctx.clone();
    sealed(&world, &ctx, &[(ada, "email")], ada).await;
    world.trail.sequence().await;
    let (db, log) = (world.trail.test.db(), world.trail.log());
    let keys = (&world.trail.key, &world.keyring);

    let mut running = log.export_subject(&db, keys, &ctx, ada).await.unwrap();
    assert_eq!(actions(&world, ada).await, [SUBJECT_EXPORTED.name()]);
    let mut bytes = vec![];
    while let Some(chunk) = running.next().await.unwrap() {
        bytes.extend(chunk);
    }
    assert_eq!(
        actions(&world, ada).await,
        [SUBJECT_EXPORTED.name(), SUBJECT_EXPORT_FINISHED.name()]
    );

    let mut read = db.read(&ctx).await.unwrap();
    let manifest = log
        .export_manifest(&mut read, running.id())
        .await
        .unwrap()
        .unwrap();
    read.finish().await.unwrap();
    let note: platform_audit::SignedNote = manifest.note.parse().unwrap();
    let verified = note.verify(&world.trail.key.verifiers(ctx.tenant())).unwrap();
    let digest = <sha2::Sha256 as sha2::Digest>::digest(&bytes);
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(verified.text().contains(&digest), "{}", verified.text());
    assert!(verified.text().contains(&ada.to_string()));
}

#[tokio::test]
async fn an_event_that_was_altered_breaks_the_export_off_and_that_is_recorded() {
    let world = World::new().await;
    let ada = subject();
    let ctx = world.trail.ctx.clone();
    sealed(&world, &ctx, &[(ada, "email")], ada).await;
    world.trail.sequence().await;
    let mut superuser = world.trail.superuser().await;
    superuser
        .execute("alter table platform_audit.entry disable trigger is_insert_only")
        .await
        .unwrap();
    superuser
        .execute("update platform_audit.entry set bytes = 'x'")
        .await
        .unwrap();

    let error = export(&world, ada).await.unwrap_err();

    assert!(
        matches!(error, SubjectExportError::Export(ExportError::Damaged { .. })),
        "{error:?}"
    );
    assert_eq!(
        actions(&world, ada).await,
        [SUBJECT_EXPORTED.name(), SUBJECT_EXPORT_FINISHED.name()]
    );
}

#[tokio::test]
async fn more_events_than_one_batch_come_in_the_order_of_their_positions() {
    let world = World::new().await;
    let ada = subject();
    let events = (0..200).map(|_| Event::new(SENT, Outcome::Success).target("customer", ada.to_string()));
    let ctx = world.trail.ctx.clone();
    world
        .trail
        .record_many(&ctx, crate::support::days(1), events.collect())
        .await;
    world.trail.sequence().await;

    let report = verify(&world, &export(&world, ada).await.unwrap());

    assert!(report.is_clean(), "{:?}", report.findings);
    assert_eq!(report.events, 200);
}

async fn record(world: &World, ctx: &RequestContext, event: Event) -> EventId {
    world
        .trail
        .log()
        .record_alone(&world.trail.test.db(), ctx, event)
        .await
        .unwrap()
}

/// An event about a person that has changed fields of others too, each sealed for whom it is about.
async fn sealed(
    world: &World,
    ctx: &RequestContext,
    fields: &[(SubjectId, &'static str)],
    about: SubjectId,
) -> EventId {
    let id = EventId::generate(&Sources::system());
    let mut tx = world.trail.test.db().begin(ctx).await.unwrap();
    let mut changes = Changes::for_event(ctx.tenant(), id);
    for (who, field) in fields {
        let key = world.keyring.ensure_subject(&mut tx, ctx, *who).await.unwrap();
        changes = changes.seal(&key, *field, Some(ADA), Some("new")).unwrap();
    }
    let event = Event::new(SENT, Outcome::Success)
        .id(id)
        .retention(Retention::SECURITY)
        .target("customer", about.to_string())
        .changes(changes);
    world.trail.log().record(&mut tx, ctx, event).await.unwrap();
    tx.commit().await.unwrap();
    id
}

async fn export(world: &World, who: SubjectId) -> Result<String, SubjectExportError> {
    let (db, ctx) = (world.trail.test.db(), &world.trail.ctx);
    let keys = (&world.trail.key, &world.keyring);
    let mut running = world.trail.log().export_subject(&db, keys, ctx, who).await?;
    let mut bytes = vec![];
    while let Some(chunk) = running.next().await? {
        bytes.extend(chunk);
    }
    assert!(running.next().await.unwrap().is_none());
    Ok(String::from_utf8(bytes).unwrap())
}

fn verify(world: &World, lines: &str) -> Report {
    let tenant = world.trail.tenant;
    let trust = Trust::new(world.trail.key.origin(tenant), world.trail.key.verifier(tenant));
    verify_export(lines.as_bytes(), &trust).unwrap()
}

/// What was recorded about the exports of a person, the oldest first.
async fn actions(world: &World, who: SubjectId) -> Vec<String> {
    sqlx::query_scalar(
        "select action::text from platform_audit.event where target_kind = 'subject' and target_id = $1 order by id",
    )
    .bind(who.to_string())
    .fetch_all(&mut world.trail.superuser().await)
    .await
    .unwrap()
}

fn event_id(line: &Value) -> EventId {
    let entry: Value = serde_json::from_str(line["entry"].as_str().unwrap()).unwrap();
    entry["id"].as_str().unwrap().parse().unwrap()
}

fn principal(who: SubjectId) -> Principal {
    Principal::user(PrincipalId::from_stored(who.as_uuid()), PermissionSet::default())
}

fn context(trail: &Trail, who: SubjectId) -> RequestContext {
    RequestContext::authenticated(
        trail.tenant,
        principal(who),
        RequestMeta::internal(&Sources::system()),
    )
}
