//! What one instance does, seen at another one.

use platform_auth::{AuthConfig, GRANTS_MANAGE};
use platform_core::pg::TenantVerb;
use platform_core::runtime::CancellationToken;

use crate::memory::{change_tenant, granted};
use crate::support::{App, Call, Place};
use crate::world::{
    MINUTE, Person, SECOND, TICK, admin, beside, context, delete, eventually, is_good, remembering,
    session_of, user,
};

/// Something that shuts a user out, or takes a right away.
#[derive(Debug, Clone, Copy)]
enum Deed {
    SignOut,
    EndByAdmin,
    Disable,
    Suspend,
    Revoke,
    ByHand,
}

const DEEDS: [Deed; 6] = [
    Deed::SignOut,
    Deed::EndByAdmin,
    Deed::Disable,
    Deed::Suspend,
    Deed::Revoke,
    Deed::ByHand,
];

/// A tenant with a user who has been given a right.
struct Scene {
    place: Place,
    admin: Person,
    ada: Person,
    grant: platform_auth::GrantId,
}

impl Scene {
    async fn new(app: &App) -> Self {
        let place = app.place().await;
        let admin = admin(app, &place, "admin").await;
        let ada = user(app, &place, "ada").await;
        let grant = granted(app, &place, &ada, (None, None)).await.id;
        Self {
            place,
            admin,
            ada,
            grant,
        }
    }

    /// May the user use the right at this instance?
    async fn may(&self, app: &App) -> bool {
        let ctx = context(&app.auth, &self.ada.token).await;
        ctx.is_ok_and(|ctx| ctx.require(GRANTS_MANAGE).is_ok())
    }

    async fn done(&self, app: &App, deed: Deed) {
        let by_admin = |call: Call| app.send(call.bearer(&self.admin.token));
        let user = self.ada.id;
        match deed {
            Deed::SignOut => {
                let out = Call::post("/api/v1/auth/logout").bearer(&self.ada.token);
                app.send(out).await.expect(204);
            }
            Deed::EndByAdmin => {
                let session = session_of(app, &self.ada.token).await;
                by_admin(delete(&format!("/admin/v1/users/{user}/sessions/{session}")))
                    .await
                    .expect(204);
            }
            Deed::Disable => {
                by_admin(Call::post(&format!("/admin/v1/users/{user}/disable")))
                    .await
                    .expect(200);
            }
            Deed::Suspend => change_tenant(app, &self.place, TenantVerb::Suspend).await,
            Deed::Revoke => {
                let job = app.test.context(self.place.id);
                app.auth.revoke_grant(&job, self.grant).await.unwrap();
            }
            Deed::ByHand => {
                let sql = format!("update platform_auth.subject set status = 'disabled' where id = '{user}'");
                assert_eq!(app.by_hand("platform_auth.subject", sql).await, 1);
            }
        }
    }
}

/// Nobody listens: every message is lost.
#[tokio::test]
async fn what_another_instance_did_holds_within_a_second_without_any_message() {
    let here = remembering().await;
    for deed in DEEDS {
        let there = beside(&here).await;
        let scene = Scene::new(&here).await;
        assert!(scene.may(&there).await, "{deed:?}");

        scene.done(&here, deed).await;

        there.clock.advance(SECOND - TICK);
        // Nothing is forgotten that is young enough, or this test would not show anything.
        assert!(scene.may(&there).await, "{deed:?}");
        there.clock.advance(TICK);
        assert!(!scene.may(&there).await, "{deed:?}");
    }
}

/// The clock stands still, so that nothing that is remembered gets older.
#[tokio::test]
async fn what_another_instance_did_holds_as_soon_as_its_message_arrives() {
    let here = remembering().await;
    let there = beside(&here).await;
    let stop = CancellationToken::new();
    let listening = tokio::spawn({
        let (auth, stop) = (there.auth.clone(), stop.clone());
        async move { auth.keep_credentials_current(stop).await }
    });
    for deed in DEEDS {
        let scene = Scene::new(&here).await;
        let other = Scene::new(&here).await;
        assert!(scene.may(&there).await, "{deed:?}");
        assert!(other.may(&there).await, "{deed:?}");

        scene.done(&here, deed).await;

        eventually(async || !scene.may(&there).await).await;
        assert!(other.may(&there).await, "{deed:?} is nothing to another tenant");
    }
    stop.cancel();
    listening.await.unwrap();
}

#[tokio::test]
async fn a_message_that_somebody_made_up_changes_nothing() {
    let here = remembering().await;
    let stop = CancellationToken::new();
    let listening = tokio::spawn({
        let (auth, stop) = (here.auth.clone(), stop.clone());
        async move { auth.keep_credentials_current(stop).await }
    });
    let place = here.place().await;
    let ada = user(&here, &place, "ada").await;
    assert!(is_good(&here.auth, &ada.token).await);
    let long = "x".repeat(7000);
    let mut superuser = here.superuser().await;
    for text in [
        "",
        "x",
        "00000000-0000-0000-0000-000000000000",
        &long,
        &ada.id.to_string(),
    ] {
        platform_core::sqlx::query("select pg_notify('platform_auth', $1)")
            .bind(text)
            .execute(&mut superuser)
            .await
            .unwrap();
    }

    // What it heard of the user it has heard after the others.
    assert!(is_good(&here.auth, &ada.token).await);
    stop.cancel();
    listening.await.unwrap();
}

/// The use of a session is written down by whichever instance is asked.
#[tokio::test]
async fn a_session_that_is_used_elsewhere_does_not_rest_here() {
    let there = remembering().await;
    let mut config = AuthConfig::default();
    config.sessions.touch_interval = 60 * MINUTE;
    let here = App::remembering_on(there.test.clone(), config).await;
    let place = here.place().await;
    let ada = user(&here, &place, "ada").await;
    here.clock.advance(30 * MINUTE - SECOND / 2);
    assert!(is_good(&here.auth, &ada.token).await);
    there.clock.advance(30 * MINUTE - SECOND / 4);
    assert!(is_good(&there.auth, &ada.token).await);

    // What is remembered here is young enough, and says that the session has rested for too long.
    here.clock.advance(SECOND / 2);

    assert!(is_good(&here.auth, &ada.token).await);
}

#[tokio::test]
async fn an_instance_that_did_it_itself_need_not_be_told() {
    let app = remembering().await;
    for deed in [Deed::SignOut, Deed::EndByAdmin, Deed::Disable, Deed::Revoke] {
        let scene = Scene::new(&app).await;
        assert!(scene.may(&app).await, "{deed:?}");

        scene.done(&app, deed).await;

        assert!(!scene.may(&app).await, "{deed:?}");
    }
}
