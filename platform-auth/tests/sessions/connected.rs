//! Whoever holds a connection open is asked about for as long as it is open.

use platform_auth::Connected;
use platform_core::uuid::Uuid;

use crate::support::{App, Call};
use crate::world::{MINUTE, Person, context, remembering, user};

async fn connected(app: &App, person: &Person) -> Connected {
    let ctx = context(&app.auth, &person.token).await.unwrap();
    Connected {
        principal: ctx.principal().id().unwrap(),
        session: ctx.session(),
        api_key: None,
    }
}

#[tokio::test]
async fn a_session_that_is_over_or_of_another_keeps_nobody_connected() {
    let app = remembering().await;
    let (place, elsewhere) = (app.place().await, app.place().await);
    let (ada, bob) = (user(&app, &place, "ada").await, user(&app, &place, "bob").await);
    let carol = user(&app, &elsewhere, "carol").await;
    let tenant = context(&app.auth, &ada.token).await.unwrap().tenant();
    let (ada_is, bob_is, carol_is) = (
        connected(&app, &ada).await,
        connected(&app, &bob).await,
        connected(&app, &carol).await,
    );
    let mixed = Connected {
        session: bob_is.session,
        ..ada_is.clone()
    };
    let by_nothing = Connected {
        session: None,
        ..ada_is.clone()
    };
    let made_up = Connected {
        session: Some(Uuid::from_u128(7)),
        ..ada_is.clone()
    };
    let all = [ada_is, bob_is, carol_is, mixed, by_nothing, made_up];

    let stay = async || {
        let standing = app.auth.who_may_stay(tenant, &all).await.unwrap();
        standing.iter().map(Option::is_some).collect::<Vec<_>>()
    };

    let before = stay().await;
    app.send(Call::post("/api/v1/auth/logout").bearer(&bob.token))
        .await
        .expect(204);
    let signed_out = stay().await;
    app.clock.advance(12 * 60 * MINUTE);
    let expired = stay().await;

    assert_eq!(before, [true, true, false, false, false, false]);
    assert_eq!(signed_out, [true, false, false, false, false, false]);
    assert_eq!(expired, [false; 6]);
}
