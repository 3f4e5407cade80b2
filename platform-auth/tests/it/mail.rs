//! Mail on its way: after the commit, at least once, and not for ever.

use std::time::Duration;

use platform_auth::{AuthConfig, MailError};
use platform_core::sqlx;
use serde_json::json;

use crate::support::{App, Call, Place};

const MINUTE: Duration = Duration::from_secs(60);

async fn waiting(app: &App, place: &Place) -> i64 {
    let mut superuser = app.superuser().await;
    sqlx::query_scalar("select count(*) from platform_auth.mail where tenant_id = $1")
        .bind(place.id)
        .fetch_one(&mut superuser)
        .await
        .unwrap()
}

/// What the trail says became of mail: action and reason.
async fn ends(app: &App, place: &Place) -> Vec<(String, Option<String>)> {
    let mut superuser = app.superuser().await;
    sqlx::query_as(
        "select action, reason from platform_audit.event
         where tenant_id = $1 and action in ('auth.mail_send', 'auth.mail_drop') order by recorded_at",
    )
    .bind(place.id)
    .fetch_all(&mut superuser)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_mail_is_sent_once_and_leaves_an_event_and_nothing_else() {
    let app = App::mailing_own().await;
    let place = app.place().await;
    app.user(&place, "ada@example.com").await;
    assert_eq!(waiting(&app, &place).await, 1);

    assert_eq!(app.mails().await.len(), 1);

    assert_eq!(waiting(&app, &place).await, 0);
    assert_eq!(ends(&app, &place).await, [("auth.mail_send".to_owned(), None)]);
    app.clock.advance(60 * MINUTE);
    app.auth.find_waiting_mail().await.unwrap();
    assert_eq!(app.mails().await, []);
}

#[tokio::test]
async fn what_is_rolled_back_sends_no_mail() {
    let app = App::mailing_own().await;
    let place = app.place().await;
    let mut superuser = app.superuser().await;
    sqlx::query(
        "alter table platform_audit.event add constraint full_disk check (action <> 'auth.register') not valid",
    )
    .execute(&mut superuser)
    .await
    .unwrap();

    app.register(&place, "ada@example.com")
        .await
        .refused(500, "internal");

    assert_eq!(waiting(&app, &place).await, 0);
    assert_eq!(app.auth.find_waiting_mail().await.unwrap(), 0);
    assert_eq!(app.mails().await, []);
}

#[tokio::test]
async fn a_mail_that_cannot_be_sent_now_is_tried_again_ever_more_slowly_and_dropped_in_the_end() {
    let app = App::mailing().await;
    let place = app.place().await;
    app.post.fail(Some(MailError::Unavailable(Some(451))));
    app.user(&place, "ada@example.com").await;
    let deferred = async || app.auth.deliver_mail().await.unwrap().deferred;

    assert_eq!(deferred().await, 1);
    // After 1, 2, 4, 8, 16, 32 and again 32 minutes.
    for minutes in [1, 2, 4, 8, 16, 32, 32, 32] {
        app.clock.advance(minutes * MINUTE - Duration::from_micros(1));
        assert_eq!(deferred().await, 0, "{minutes}");
        app.clock.advance(Duration::from_micros(1));
        assert_eq!(deferred().await, 1, "{minutes}");
    }
    app.clock.advance(24 * 60 * MINUTE);
    let delivered = app.auth.deliver_mail().await.unwrap();

    assert_eq!((delivered.sent, delivered.dropped, delivered.deferred), (0, 1, 0));
    assert_eq!(waiting(&app, &place).await, 0);
    let expired = ("auth.mail_drop".to_owned(), Some("expired".to_owned()));
    assert_eq!(ends(&app, &place).await, [expired]);
}

#[tokio::test]
async fn a_mail_that_was_deferred_is_sent_when_the_server_is_back() {
    let app = App::mailing().await;
    let place = app.place().await;
    app.post.fail(Some(MailError::Unavailable(None)));
    app.user(&place, "ada@example.com").await;
    assert_eq!(app.mails().await, []);

    app.post.fail(None);
    assert_eq!(app.mails().await, []);
    app.clock.advance(MINUTE);
    assert_eq!(app.mails().await.len(), 1);
}

#[tokio::test]
async fn a_mail_that_is_refused_for_good_is_dropped_at_once() {
    let app = App::mailing().await;
    let place = app.place().await;
    app.post.fail(Some(MailError::Refused(Some(550))));
    app.user(&place, "ada@example.com").await;

    let delivered = app.auth.deliver_mail().await.unwrap();

    assert_eq!(delivered.dropped, 1);
    let refused = ("auth.mail_drop".to_owned(), Some("refused".to_owned()));
    assert_eq!(ends(&app, &place).await, [refused]);
}

#[tokio::test]
async fn mail_of_a_process_that_ended_is_found_and_sent_by_another() {
    let app = App::mailing_own().await;
    let place = app.place().await;
    app.user(&place, "ada@example.com").await;
    let other = App::mailing_on(app.test.clone(), AuthConfig::default()).await;
    assert_eq!(other.mails().await, []);

    assert_eq!(other.auth.find_waiting_mail().await.unwrap(), 1);

    assert_eq!(other.mails().await.len(), 1);
    assert_eq!(app.mails().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_processes_at_a_time_send_a_mail_once() {
    let app = App::mailing_own().await;
    let place = app.place().await;
    for round in 0..3 {
        app.user(&place, &format!("ada{round}@example.com")).await;
    }
    let mut others = Vec::new();
    for _ in 0..4 {
        let other = App::mailing_on(app.test.clone(), AuthConfig::default()).await;
        other.auth.find_waiting_mail().await.unwrap();
        others.push(other);
    }

    let sending: Vec<_> = others
        .iter()
        .map(|other| other.auth.clone())
        .map(|auth| tokio::spawn(async move { auth.deliver_mail().await.unwrap().sent }))
        .collect();
    let mut sent = 0;
    for sending in sending {
        sent += sending.await.unwrap();
    }

    assert_eq!(sent, 3);
    let received: usize = others.iter().map(|other| other.post.take().len()).sum();
    assert_eq!(received, 3);
}

#[tokio::test]
async fn a_link_has_the_token_where_no_server_sees_it_and_a_tenants_name_stays_in_its_line() {
    let test = Box::pin(platform_core::testing::TestDb::shared(&crate::support::SCHEMAS)).await;
    let base = Some("https://app.example.com/");
    let app = App::linking_on(test, AuthConfig::default(), base).await;
    let place = app.place().await;
    let mut superuser = app.superuser().await;
    let renamed = "update platform_core.tenant set name = E'Acme\\r\\nBcc: all@example.com' where id = $1";
    let renamed = sqlx::query(renamed).bind(place.id).execute(&mut superuser).await;
    app.user(&place, "ada@example.com").await;

    let mails = app.mails().await;

    let link = format!("https://app.example.com/verify-email#token={}", mails[0].token());
    assert!(mails[0].text.contains(&link), "{}", mails[0].text);
    assert_eq!(renamed.unwrap().rows_affected(), 1);
    assert!(
        mails[0].subject.contains("Bcc") && !mails[0].subject.contains(['\r', '\n']),
        "{}",
        mails[0].subject
    );
}

#[tokio::test]
async fn an_erased_users_mail_and_tokens_are_gone() {
    let app = App::mailing().await;
    let place = app.place().await;
    let admin = app.admin(&place).await;
    let ada = app.register(&place, "ada@example.com").await.user_id();
    app.post(&place, "password/reset", &json!({ "email": "ada@example.com" }))
        .await
        .expect(202);
    app.auth.settle_mail_requests().await;
    assert_eq!(waiting(&app, &place).await, 2);

    app.send(Call::post(&format!("/admin/v1/users/{ada}/erasure")).bearer(&admin))
        .await
        .expect(200);

    assert_eq!(app.mails().await, []);
    let mut superuser = app.superuser().await;
    let left: i64 = sqlx::query_scalar(
        "select (select count(*) from platform_auth.mail where subject_id = $1)
              + (select count(*) from platform_auth.one_time_token where subject_id = $1)",
    )
    .bind(ada)
    .fetch_one(&mut superuser)
    .await
    .unwrap();
    assert_eq!(left, 0);
}
