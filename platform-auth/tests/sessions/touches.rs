//! The use of a session is written down beside the requests that use it.

use std::sync::Arc;

use platform_auth::AuthConfig;
use platform_core::testing::TestDb;
use platform_core::{Timestamp, sqlx};

use crate::support::{App, SCHEMAS};
use crate::world::{MINUTE, Person, SECOND, TICK, is_good, remembering, user};

/// When the session of a user was last written down as used, and how often it was written.
async fn seen(app: &App, of: &Person) -> (Timestamp, i64) {
    let mut superuser = app.superuser().await;
    sqlx::query_as(
        "select s.last_seen_at, (select count(*) from platform_auth.touch_count c where c.session_id = s.id)
         from platform_auth.session s where s.subject_id = $1",
    )
    .bind(of.id)
    .fetch_one(&mut superuser)
    .await
    .unwrap()
}

/// A service with a database of its own, which counts the writes to sessions.
async fn counting() -> App {
    let test = Box::pin(TestDb::own(&SCHEMAS)).await;
    let app = App::remembering_on(test, AuthConfig::default()).await;
    let mut superuser = app.superuser().await;
    for sql in [
        "create table platform_auth.touch_count (session_id uuid)",
        "create function platform_auth.count_touch() returns trigger language plpgsql security definer as
           $$ begin insert into platform_auth.touch_count values (new.id); return null; end $$",
        "create trigger count_touch after update on platform_auth.session
           for each row execute function platform_auth.count_touch()",
    ] {
        sqlx::query(sql).execute(&mut superuser).await.unwrap();
    }
    app
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_requests_at_once_write_once_a_minute_and_lose_nothing() {
    let app = Arc::new(counting().await);
    let place = app.place().await;
    let ada = user(&app, &place, "ada").await;
    let (began, _) = seen(&app, &ada).await;
    let together = async || {
        let requests: Vec<_> = (0..100)
            .map(|_| {
                let (app, token) = (Arc::clone(&app), ada.token.clone());
                tokio::spawn(async move { is_good(&app.auth, &token).await })
            })
            .collect();
        for request in requests {
            assert!(request.await.unwrap());
        }
        app.auth.settle_sessions().await;
    };

    app.clock.advance(MINUTE - TICK);
    together().await;
    assert_eq!(seen(&app, &ada).await, (began, 0));
    app.clock.advance(TICK);
    together().await;
    assert_eq!(seen(&app, &ada).await, (began + MINUTE, 1));
    app.clock.advance(MINUTE - TICK);
    together().await;
    assert_eq!(seen(&app, &ada).await, (began + MINUTE, 1));
    app.clock.advance(TICK);
    together().await;
    assert_eq!(seen(&app, &ada).await, (began + 2 * MINUTE, 2));
}

#[tokio::test]
async fn a_use_in_the_last_moment_is_written_down_before_it_is_answered() {
    let app = remembering().await;
    let place = app.place().await;
    let ada = user(&app, &place, "ada").await;

    app.clock.advance(30 * MINUTE - TICK);
    assert!(is_good(&app.auth, &ada.token).await);
    // Nobody waits for anything here: whatever remains in the background comes too late.
    app.clock.advance(30 * MINUTE - TICK);
    assert!(is_good(&app.auth, &ada.token).await);
    app.clock.advance(30 * MINUTE);
    assert!(!is_good(&app.auth, &ada.token).await);
}

#[tokio::test]
async fn more_sessions_than_are_written_down_at_a_time_are_all_written_down() {
    let app = counting().await;
    let place = app.place().await;
    let mut people = Vec::new();
    for number in 0..24 {
        people.push(user(&app, &place, &format!("ada{number}")).await);
    }
    app.clock.advance(2 * MINUTE);

    let all = people.iter().map(|person| is_good(&app.auth, &person.token));
    assert!(
        futures::future::join_all(all)
            .await
            .into_iter()
            .all(|is_good| is_good)
    );
    app.auth.settle_sessions().await;

    for person in &people {
        assert_eq!(seen(&app, person).await.1, 1);
    }
}

/// A session that is used while it is ended stays ended.
#[tokio::test]
async fn writing_a_use_down_brings_no_session_back() {
    let app = remembering().await;
    let place = app.place().await;
    let ada = user(&app, &place, "ada").await;
    app.clock.advance(2 * MINUTE);
    let out = crate::support::Call::post("/api/v1/auth/logout").bearer(&ada.token);

    let (_, answer) = tokio::join!(is_good(&app.auth, &ada.token), app.send(out));

    answer.expect(204);
    app.auth.settle_sessions().await;
    app.clock.advance(SECOND);
    assert!(!is_good(&app.auth, &ada.token).await);
}
