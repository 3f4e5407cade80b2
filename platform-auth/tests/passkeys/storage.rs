//! What is stored of passkeys, and what goes with their user.

use std::time::Duration;

use platform_audit::{Action, AuditLog, Event, Outcome};
use platform_core::pg::{AllowList, DbError};
use platform_core::sqlx;

use crate::device::{Device, Quirks, text};
use crate::support::{App, Call};
use crate::world::{app, begin_login, config, confirm_login, count, enrol, login};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_dump_of_the_database_holds_no_challenge_and_not_what_a_user_calls_a_passkey() {
    let test = Box::pin(platform_core::testing::TestDb::own(&crate::support::SCHEMAS)).await;
    let app = App::on(test, config()).await;
    let place = app.place().await;
    let token = app.user(&place, "ada@example.com").await;
    let mut device = Device::new();
    enrol(&app, &token, &mut device).await;
    let used = begin_login(&app, &place).await;
    let body = used.with(device.get(&used.options, &Quirks::default()));
    let signed_in = confirm_login(&app, &place, &body).await.expect(200).token();
    let open = begin_login(&app, &place).await;

    let dump = app.dump().await;

    for secret in [
        "My key",
        &hex(b"My key"),
        &signed_in,
        &signed_in[28..71],
        &used.token[5..],
        &open.token[5..],
        used.options["challenge"].as_str().unwrap(),
        open.options["challenge"].as_str().unwrap(),
        body["credential"]["response"]["signature"].as_str().unwrap(),
    ] {
        assert!(!dump.contains(secret), "{secret}");
    }
    // It shows what is stored: the id of the passkey and its public key.
    assert!(dump.contains(&hex(&device.id)));
    assert!(dump.contains("EC_EC2"));
}

#[tokio::test]
async fn nothing_of_an_erased_users_passkeys_is_left() {
    let app = app().await;
    let place = app.place().await;
    let admin = app.admin(&place).await;
    let registered = app.registered(&place, "ada@example.com").await;
    let mut device = Device::new();
    enrol(&app, &registered.token(), &mut device).await;

    let user = registered.user_id();
    let erase = Call::post(&format!("/admin/v1/users/{user}/erasure")).bearer(&admin);
    app.send(erase).await.expect(200);

    assert_eq!(count(&app, "webauthn_credential", place.id).await, 0);
    login(&app, &place, &mut device)
        .await
        .refused(401, "invalid_passkey");
}

#[tokio::test]
async fn a_passkey_of_a_disabled_user_signs_in_nobody() {
    let app = app().await;
    let place = app.place().await;
    let registered = app.registered(&place, "ada@example.com").await;
    let mut device = Device::new();
    enrol(&app, &registered.token(), &mut device).await;
    let user = registered.user_id();
    let disable = format!("update platform_auth.subject set status = 'disabled' where id = '{user}'");
    app.by_hand("platform_auth.subject", disable).await;

    login(&app, &place, &mut device)
        .await
        .refused(401, "invalid_passkey");
}

#[tokio::test]
async fn challenges_that_were_used_are_forgotten_an_hour_after_their_end() {
    let app = app().await;
    let place = app.place().await;
    let token = app.verified_user(&place, "ada@example.com").await;
    let mut device = Device::new();
    enrol(&app, &token, &mut device).await;
    for _ in 0..3 {
        login(&app, &place, &mut device).await.expect(200);
    }
    assert_eq!(count(&app, "webauthn_challenge", place.id).await, 4);

    app.clock.advance(Duration::from_secs(65 * 60));
    login(&app, &place, &mut device).await.expect(200);
    assert_eq!(count(&app, "webauthn_challenge", place.id).await, 5);
    app.clock.advance(Duration::from_secs(1));
    login(&app, &place, &mut device).await.expect(200);

    assert_eq!(count(&app, "webauthn_challenge", place.id).await, 2);
}

#[tokio::test]
async fn no_passkey_and_no_used_challenge_changes_without_an_event() {
    const TESTED: Action = Action::new("test.change");
    let app = app().await;
    let place = app.place().await;
    let token = app.verified_user(&place, "ada@example.com").await;
    enrol(&app, &token, &mut Device::new()).await;
    let ctx = app.test.context(place.id);
    let audit = AuditLog::new(app.test.sources().clone());

    for sql in [
        "update platform_auth.webauthn_credential set sign_count = sign_count + 1 where tenant_id = $1",
        "delete from platform_auth.webauthn_challenge where tenant_id = $1",
        "insert into platform_auth.webauthn_challenge (tenant_id, id, redeemed_at, expires_at)
         values ($1, gen_random_uuid(), now(), now())",
    ] {
        let mut tx = app.db.begin(&ctx).await.unwrap();
        let changed = sqlx::query(sql).bind(place.id).execute(&mut tx).await.unwrap();
        assert_eq!(changed.rows_affected(), 1, "{sql}");
        let refused = tx.commit().await.unwrap_err();
        assert!(matches!(refused, DbError::Unaudited(_)), "{sql}: {refused:?}");

        let mut tx = app.db.begin(&ctx).await.unwrap();
        sqlx::query(sql).bind(place.id).execute(&mut tx).await.unwrap();
        let event = Event::new(TESTED, Outcome::Success);
        audit.record(&mut tx, &ctx, event).await.unwrap();
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_database_or_a_root_key_that_is_away_is_503_and_signs_in_nobody() {
    let app = app().await;
    let place = app.place().await;
    let token = app.verified_user(&place, "ada@example.com").await;
    let mut device = Device::new();
    enrol(&app, &token, &mut device).await;
    let asked = begin_login(&app, &place).await;
    let body = asked.with(device.get(&asked.options, &Quirks::default()));
    let cut = App::on(app.test.clone(), config()).await;
    let keyless = App::on(app.test.clone(), config()).await;

    keyless.root.set_away(true);
    confirm_login(&keyless, &place, &body)
        .await
        .refused(503, "keys_unavailable");
    keyless
        .send(Call::post("/api/v1/auth/login/passkey").at(&place))
        .await
        .refused(503, "keys_unavailable");
    cut.db.close().await;
    confirm_login(&cut, &place, &body)
        .await
        .refused(503, "unavailable");

    // Nothing was used up.
    confirm_login(&app, &place, &body).await.expect(200);
}

#[tokio::test]
async fn the_self_check_finds_nothing_in_these_tables() {
    let app = app().await;
    let allow = AllowList::core()
        .with(platform_crypto::ROOT_KEY_TABLE)
        .with_all(platform_audit::AUDIT_TABLES);

    let report = app.test.db().self_check(&allow).await.unwrap();

    let found: Vec<_> = report
        .refusals()
        .map(|finding| (finding.code, finding.object.as_str()))
        .filter(|(_, object)| object.contains("webauthn"))
        .collect();
    assert_eq!(found, []);
}

#[tokio::test]
async fn nothing_of_a_passkey_is_in_what_is_printed_of_it() {
    let app = app().await;
    let place = app.place().await;
    let token = app.verified_user(&place, "ada@example.com").await;
    let mut device = Device::new();
    enrol(&app, &token, &mut device).await;
    let ctx = app.test.context(place.id);

    let challenge = app.auth.begin_passkey_sign_in(&ctx).await.unwrap();

    let printed = format!("{challenge:?} {:?}", app.auth);
    for secret in [
        &challenge.token[..],
        &text(&device.id),
        challenge.options["challenge"].as_str().unwrap(),
    ] {
        assert!(!printed.contains(secret), "{printed}");
    }
}
