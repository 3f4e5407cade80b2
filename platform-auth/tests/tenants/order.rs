//! Closing a tenant ends its sessions in one order.

use platform_auth::{Role, SessionError};
use platform_core::uuid::Uuid;
use platform_core::{PrincipalId, RequestContext, sqlx};

use crate::locks::Held;
use crate::support::{App, PASSWORD, Place};
use crate::world::Platform;

const SESSION: &str = "platform_auth.session";

/// A user with two sessions.
async fn user(app: &App, place: &Place, name: &str) -> PrincipalId {
    let email = format!("{name}@example.com");
    let made = app
        .auth
        .ensure_user(place.id, &email, PASSWORD.into(), Role::User)
        .await;
    for _ in 0..2 {
        app.sign_in(place, &email, PASSWORD).await.expect(200);
    }
    made.unwrap().id()
}

async fn sessions(app: &App, place: &Place) -> Vec<Uuid> {
    sqlx::query_scalar("select id from platform_auth.session where tenant_id = $1 order by id")
        .bind(place.id)
        .fetch_all(&mut app.superuser().await)
        .await
        .unwrap()
}

#[tokio::test]
async fn all_sessions_of_a_tenant_are_ended_in_the_order_of_their_ids() {
    let world = Platform::new().await;
    let app = &world.app;
    let (place, admin) = world.make().await;
    user(app, &place, "ada").await;
    // The first one is written last, and lies behind the others.
    app.clock.advance(std::time::Duration::from_secs(120));
    app.me(&admin).await.expect(200);
    let ids = sessions(app, &place).await;
    let mut held = Held::row(app, SESSION, ids[0]).await;
    let closing = world.act(&place, "close");
    let looking = async {
        held.is_waited_for().await;
        let free = held.free(place.id).await;
        held.release().await;
        free
    };

    let (closed, free) = tokio::join!(closing, looking);

    assert_eq!(free, ids[1..], "nothing behind it is held");
    assert!(closed.status.is_success(), "{}", closed.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_tenant_is_closed_while_the_sessions_of_its_users_are_ended() {
    let world = Platform::new().await;
    for _ in 0..3 {
        let (place, _) = world.make().await;
        let job: RequestContext = world.app.test.context(place.id);
        let mut ending = Vec::new();
        for name in ["ada", "grace", "edith"] {
            let user = user(&world.app, &place, name).await;
            let (auth, job) = (world.app.auth.clone(), job.clone());
            ending.push(async move { auth.end_sessions_of(&job, user).await });
        }
        let ending: Vec<_> = ending.into_iter().map(tokio::spawn).collect();

        let closed = world.act(&place, "close").await;

        assert!(closed.status.is_success(), "{}", closed.text);
        for ended in ending {
            let ended: Result<u64, SessionError> = ended.await.unwrap();
            ended.unwrap();
        }
    }
}
