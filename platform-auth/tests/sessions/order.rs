//! Sessions that end together are taken in one order.

use platform_auth::SessionId;
use platform_core::uuid::Uuid;

use crate::locks::Held;
use crate::support::PASSWORD;
use crate::world::{MINUTE, context, is_good, remembering, user};

const SESSION: &str = "platform_auth.session";

#[tokio::test]
async fn all_sessions_of_a_user_are_ended_in_the_order_of_their_ids() {
    let app = remembering().await;
    let place = app.place().await;
    let ada = user(&app, &place, "ada").await;
    for _ in 0..4 {
        app.sign_in(&place, &ada.email, PASSWORD).await.expect(200);
    }
    let job = app.test.context(place.id);
    // The first one is written last, and lies behind the others.
    app.clock.advance(2 * MINUTE);
    assert!(is_good(&app.auth, &ada.token).await);
    app.auth.settle_sessions().await;
    let sessions = app.auth.list_sessions_of(&job, ada.id, None, 201).await.unwrap();
    let ids: Vec<Uuid> = sessions.iter().map(|session| session.id.as_uuid()).collect();
    let mut held = Held::row(&app, SESSION, ids[0]).await;
    let ending = tokio::spawn({
        let (auth, job) = (app.auth.clone(), job.clone());
        async move { auth.end_sessions_of(&job, ada.id).await }
    });

    held.is_waited_for().await;

    assert_eq!(held.free(place.id).await, ids[1..], "nothing behind it is held");
    held.release().await;
    assert_eq!(ending.await.unwrap().unwrap(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn however_many_end_the_same_sessions_at_the_same_time_all_are_answered() {
    let app = remembering().await;
    let place = app.place().await;
    let job = app.test.context(place.id);
    for round in 0..4 {
        let ada = user(&app, &place, &format!("ada{round}")).await;
        let mut tokens = vec![ada.token.clone()];
        for _ in 0..3 {
            let again = app.sign_in(&place, &ada.email, PASSWORD).await;
            tokens.push(again.token());
        }
        let mut requests = Vec::new();
        for token in &tokens {
            requests.push(context(&app.auth, token).await.unwrap());
        }
        let mut ending = Vec::new();
        for ctx in requests {
            let session = SessionId::from_stored(ctx.session().unwrap());
            let (auth, job, of) = (app.auth.clone(), job.clone(), ada.id);
            ending.push(tokio::spawn(async move {
                let (others, all) =
                    tokio::join!(auth.end_other_sessions(&ctx), auth.end_sessions_of(&job, of));
                let own = auth.end_session(&ctx, session).await;
                // It may be over already.
                assert!(
                    matches!(own, Ok(()) | Err(platform_auth::SessionError::NotFound)),
                    "{own:?}"
                );
                others.and(all)
            }));
        }

        for ended in ending {
            ended.await.unwrap().unwrap();
        }

        for token in &tokens {
            assert!(!is_good(&app.auth, token).await);
        }
    }
}
