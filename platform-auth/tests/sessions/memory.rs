use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use platform_auth::{
    AuthConfig, AuthenticateError, GRANTS_MANAGE, GrantPrincipal, NewGrant, NewRole, RoleRef, SessionToken,
};
use platform_core::pg::{TenantVerb, Tenants};
use platform_core::testing::TestDb;
use platform_core::{Clock as _, Sources, Timestamp, axum};

use crate::counted::{counted, kept};
use crate::support::{App, Call, Place, SCHEMAS};
use crate::world::{MINUTE, Person, SECOND, TICK, context, is_good, remembering, user};

async fn with(change: impl FnOnce(&mut AuthConfig)) -> App {
    let mut config = AuthConfig::default();
    change(&mut config);
    let test = Box::pin(TestDb::shared(&SCHEMAS)).await;
    App::remembering_on(test, config).await
}

#[tokio::test]
async fn a_request_goes_by_what_is_remembered_until_that_is_a_second_old() {
    let app = remembering().await;
    let place = app.place().await;
    let ada = user(&app, &place, "ada").await;
    let _kept = kept();
    let asked = async || counted(is_good(&app.auth, &ada.token)).await;

    assert_eq!(asked().await, (1, true), "nothing is remembered yet");
    assert_eq!(asked().await, (0, true));
    app.clock.advance(SECOND - TICK);
    assert_eq!(asked().await, (0, true), "a moment before its age");
    app.clock.advance(TICK);
    assert_eq!(asked().await, (1, true), "at its age");
    assert_eq!(asked().await, (0, true));
    // A clock that was set back makes nothing younger.
    app.clock.set(app.clock.now() - SECOND);
    assert_eq!(asked().await.0, 1, "from the future");
}

#[tokio::test]
async fn with_the_memory_switched_off_every_request_asks() {
    let app = with(|config| config.sessions.cache_age = Duration::ZERO).await;
    let place = app.place().await;
    let ada = user(&app, &place, "ada").await;
    let _kept = kept();

    for _ in 0..3 {
        assert_eq!(counted(is_good(&app.auth, &ada.token)).await, (1, true));
    }
}

#[tokio::test]
async fn nothing_is_remembered_for_longer_than_five_seconds_whatever_is_configured() {
    let app = with(|config| config.sessions.cache_age = 10 * MINUTE).await;
    let place = app.place().await;
    let ada = user(&app, &place, "ada").await;
    let _kept = kept();
    assert!(is_good(&app.auth, &ada.token).await);

    app.clock.advance(5 * SECOND - TICK);
    assert_eq!(counted(is_good(&app.auth, &ada.token)).await, (0, true));
    app.clock.advance(TICK);
    assert_eq!(counted(is_good(&app.auth, &ada.token)).await, (1, true));
}

#[tokio::test]
async fn requests_that_want_to_know_the_same_share_one_question() {
    let app = remembering().await;
    let place = app.place().await;
    let ada = user(&app, &place, "ada").await;
    let _kept = kept();
    for _ in 0..3 {
        let together = || futures::future::join_all((0..100).map(|_| is_good(&app.auth, &ada.token)));

        let (asked, answers) = counted(together()).await;

        assert_eq!(asked, 1);
        assert!(answers.into_iter().all(|is_good| is_good));
        app.clock.advance(SECOND);
    }
}

/// Whoever asks for the others may go away.
#[tokio::test]
async fn a_question_whose_asker_went_away_is_asked_by_the_next() {
    let app = remembering().await;
    let place = app.place().await;
    let ada = user(&app, &place, "ada").await;
    let mut left_behind = 0;
    while left_behind < 20 {
        app.clock.advance(SECOND);
        let mut first = Box::pin(is_good(&app.auth, &ada.token));
        let mut second = Box::pin(is_good(&app.auth, &ada.token));
        // Both have begun, and only the first one asks; unless the database was so fast that it had its answer at once.
        let is_asking = futures::poll!(&mut first).is_pending();
        if !is_asking || futures::poll!(&mut second).is_ready() {
            continue;
        }

        drop(first);

        assert!(second.await);
        left_behind += 1;
    }
}

#[tokio::test]
async fn a_token_that_nobody_has_is_asked_about_each_time() {
    let app = remembering().await;
    let place = app.place().await;
    let nobodys = SessionToken::generate(place.id, &Sources::system());
    let _kept = kept();

    for _ in 0..2 {
        assert_eq!(counted(is_good(&app.auth, nobodys.expose())).await, (1, false));
    }
}

#[tokio::test]
async fn a_token_is_good_for_its_own_tenant_alone_however_much_is_remembered() {
    let app = remembering().await;
    let (place, other) = (app.place().await, app.place().await);
    let ada = user(&app, &place, "ada").await;
    assert!(is_good(&app.auth, &ada.token).await);

    // The same secret under another tenant's name, with a right checksum, is what only a forger makes.
    let theirs = SessionToken::generate(other.id, &Sources::system());
    let secret = ada.token.get(28..71).unwrap();
    let body = format!("{}{secret}", theirs.expose().get(..28).unwrap());
    let forged = format!("{body}_{}", checksum(&body));

    assert!(SessionToken::parse(&forged).is_ok());
    assert!(!is_good(&app.auth, &forged).await);
    assert!(is_good(&app.auth, &ada.token).await);
}

/// Of a token's first 71 bytes: CRC-32, big-endian, in base64url.
fn checksum(body: &str) -> String {
    let mut crc = u32::MAX;
    for byte in body.bytes() {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    let bits = u64::from(!crc) << 4;
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    (0..6)
        .rev()
        .map(|at| char::from(digits[usize::try_from((bits >> (6 * at)) & 63).unwrap()]))
        .collect()
}

#[tokio::test]
async fn a_session_ends_at_the_very_instant_also_while_it_is_remembered() {
    // Both ends lie within a second of the sign-in, so that nothing has to be asked again meanwhile.
    for idle_first in [true, false] {
        let (near, far) = (SECOND / 2, 12 * 60 * MINUTE);
        let app = with(|config| {
            config.sessions.idle = if idle_first { near } else { far };
            config.sessions.absolute = if idle_first { far } else { near };
        })
        .await;
        let place = app.place().await;
        let ada = user(&app, &place, "ada").await;
        assert!(is_good(&app.auth, &ada.token).await);

        app.clock.advance(near - TICK);
        // One that is used rests anew.
        assert!(idle_first || is_good(&app.auth, &ada.token).await);
        app.clock.advance(TICK);
        assert!(!is_good(&app.auth, &ada.token).await);
    }
}

#[tokio::test]
async fn a_grant_begins_and_ends_at_the_very_instant_also_while_it_is_remembered() {
    let app = remembering().await;
    let place = app.place().await;
    let ada = user(&app, &place, "ada").await;
    let now = app.clock.now();
    let at = |part: u32| now + SECOND * part / 10;
    granted(&app, &place, &ada, (Some(at(2)), Some(at(4)))).await;
    let may = async || {
        context(&app.auth, &ada.token)
            .await
            .unwrap()
            .require(GRANTS_MANAGE)
            .is_ok()
    };
    assert!(!may().await);
    let _kept = kept();

    for (instant, expected) in [
        (at(2) - TICK, false),
        (at(2), true),
        (at(4) - TICK, true),
        (at(4), false),
    ] {
        app.clock.set(instant);
        assert_eq!(counted(may()).await, (0, expected), "{instant}");
    }
}

/// Gives somebody a role for a time; the job of the service does.
pub(crate) async fn granted(
    app: &App,
    place: &Place,
    to: &Person,
    (valid_from, valid_until): (Option<Timestamp>, Option<Timestamp>),
) -> platform_auth::Grant {
    let job = app.test.context(place.id);
    let role = NewRole {
        name: format!("Deputy {}", to.id),
        permissions: vec![GRANTS_MANAGE.name().to_owned()],
    };
    let role = app.auth.create_role(&job, role).await.unwrap();
    let grant = NewGrant {
        principal: GrantPrincipal::User(to.id),
        role: RoleRef::Custom(role.id),
        on: None,
        valid_from,
        valid_until,
        reason: None,
    };
    app.auth.grant_role(&job, grant).await.unwrap()
}

#[tokio::test]
async fn a_revoked_grant_is_gone_at_once_at_the_instance_that_revoked_it() {
    let app = remembering().await;
    let place = app.place().await;
    let ada = user(&app, &place, "ada").await;
    let may = async || {
        context(&app.auth, &ada.token)
            .await
            .unwrap()
            .require(GRANTS_MANAGE)
            .is_ok()
    };
    assert!(!may().await);

    let grant = granted(&app, &place, &ada, (None, None)).await;
    assert!(may().await);
    app.auth
        .revoke_grant(&app.test.context(place.id), grant.id)
        .await
        .unwrap();
    assert!(!may().await);
}

pub(crate) async fn change_tenant(app: &App, place: &Place, verb: TenantVerb) {
    let db = app.test.db();
    let mut tx = db.begin(&app.test.context(place.id)).await.unwrap();
    Tenants::new(&db)
        .transition_in(&mut tx, verb, None)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_suspension_is_not_remembered() {
    let app = remembering().await;
    let place = app.place().await;
    let ada = user(&app, &place, "ada").await;
    assert!(is_good(&app.auth, &ada.token).await);
    change_tenant(&app, &place, TenantVerb::Suspend).await;
    app.clock.advance(SECOND);
    for _ in 0..2 {
        app.me(&ada.token).await.refused(403, "tenant_suspended");
    }

    change_tenant(&app, &place, TenantVerb::Resume).await;

    assert_eq!(app.me(&ada.token).await.status, StatusCode::OK);
}

#[tokio::test]
async fn without_a_database_what_is_old_is_not_known_and_nobody_gets_in_by_it() {
    let app = remembering().await;
    let place = app.place().await;
    let (ada, bob) = (user(&app, &place, "ada").await, user(&app, &place, "bob").await);
    assert!(is_good(&app.auth, &ada.token).await);

    app.db.close().await;

    app.clock.advance(SECOND - TICK);
    assert!(is_good(&app.auth, &ada.token).await);
    let unknown = context(&app.auth, &bob.token).await;
    assert!(matches!(unknown, Err(AuthenticateError::Fault(_))), "{unknown:?}");
    app.clock.advance(TICK);
    let old = futures::future::join_all((0..10).map(|_| context(&app.auth, &ada.token))).await;
    for answer in old {
        assert!(matches!(answer, Err(AuthenticateError::Fault(_))), "{answer:?}");
    }
    for token in [&ada.token, &bob.token] {
        let answer = app.me(token).await;
        answer.refused(503, "unavailable");
        assert!(answer.headers.contains_key("retry-after"));
    }
}

/// Of requests that are under way some pass and some do not; of those that come after the answer none does.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn once_signing_out_is_answered_no_request_passes_also_under_load() {
    // What is remembered grows old all the time, and the clock hardly moves.
    let app = Arc::new(with(|config| config.sessions.cache_age = 3 * TICK).await);
    let place = app.place().await;
    for round in 0..10 {
        let ada = user(&app, &place, &format!("ada{round}")).await;
        let before: Vec<_> = (0..16)
            .map(|_| {
                let (app, token) = (Arc::clone(&app), ada.token.clone());
                tokio::spawn(async move {
                    for _ in 0..20 {
                        let _ = is_good(&app.auth, &token).await;
                        app.clock.advance(TICK);
                    }
                })
            })
            .collect();

        let out = app
            .send(Call::post("/api/v1/auth/logout").bearer(&ada.token))
            .await;
        let after = futures::future::join_all((0..16).map(|_| is_good(&app.auth, &ada.token))).await;

        assert_eq!(out.status, StatusCode::NO_CONTENT);
        assert!(after.into_iter().all(|is_good| !is_good));
        for request in before {
            request.await.unwrap();
        }
        assert!(!is_good(&app.auth, &ada.token).await);
    }
}
