//! Mail of one tenant that keeps the mail of others waiting, and a service that has to stop or go on meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use platform_auth::{AuthConfig, Mail, MailConfig, MailError, Mailer};
use platform_core::sqlx;
use platform_core::testing::TestDb;
use tokio_util::sync::CancellationToken;

use crate::support::{App, Place, SCHEMAS};

async fn own() -> TestDb {
    Box::pin(TestDb::own(&SCHEMAS)).await
}

async fn registered(app: &App, place: &Place, name: &str, count: usize) {
    for at in 0..count {
        app.user(place, &format!("{name}{at}@example.com")).await;
    }
}

#[tokio::test]
async fn one_tenants_many_mails_keep_nobody_elses_waiting() {
    let app = App::mailing_on(own().await, AuthConfig::default()).await;
    let (busy, one, other) = (app.place().await, app.place().await, app.place().await);
    registered(&app, &busy, "busy", 30).await;
    registered(&app, &one, "one", 1).await;
    registered(&app, &other, "other", 7).await;

    let mails = app.mails().await;

    let to: Vec<_> = mails
        .iter()
        .map(|mail| mail.to.trim_end_matches("@example.com"))
        .collect();
    assert_eq!(to.len(), 38);
    let at = |name: &str| to.iter().position(|to| *to == name).unwrap();
    // Five of the first, then its neighbours' turns.
    assert_eq!((at("busy4"), at("one0"), at("other0")), (4, 5, 6), "{to:?}");
    assert_eq!((at("busy5"), at("other5")), (11, 16), "{to:?}");
}

/// Tells the worker to stop with the first mail.
#[derive(Debug)]
struct Stopping {
    stop: CancellationToken,
    sent: AtomicUsize,
}

#[async_trait]
impl Mailer for Stopping {
    async fn send(&self, _: &Mail) -> Result<(), MailError> {
        self.sent.fetch_add(1, Ordering::SeqCst);
        self.stop.cancel();
        Ok(())
    }
}

#[tokio::test]
async fn a_worker_that_is_told_to_stop_sends_no_other_mail() {
    let mailer = Arc::new(Stopping {
        stop: CancellationToken::new(),
        sent: AtomicUsize::new(0),
    });
    let mut config = AuthConfig::default();
    config.mail = Some(MailConfig::new(mailer.clone()));
    let app = App::on(own().await, config).await;
    for name in ["one", "other"] {
        registered(&app, &app.place().await, name, 3).await;
    }

    app.auth.keep_delivering(mailer.stop.clone()).await;

    assert_eq!(mailer.sent.load(Ordering::SeqCst), 1);
    // The one that was sent is noted as sent.
    let mut superuser = app.superuser().await;
    let waiting: i64 = sqlx::query_scalar("select count(*) from platform_auth.mail")
        .fetch_one(&mut superuser)
        .await
        .unwrap();
    assert_eq!(waiting, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_outlives_what_fails_and_sends_what_waited() {
    let first = App::mailing_on(own().await, AuthConfig::default()).await;
    let place = first.place().await;
    registered(&first, &place, "ada", 1).await;
    let app = App::mailing_on(first.test.clone(), AuthConfig::default()).await;
    app.root.set_away(true);
    let stop = CancellationToken::new();
    let (auth, told) = (app.auth.clone(), stop.clone());
    let worker = tokio::spawn(async move { auth.keep_delivering(told).await });
    let mut superuser = app.superuser().await;

    let delivered = async {
        // It has tried, and has no key to open the mail with.
        loop {
            let tried: i64 = sqlx::query_scalar("select count(*) from platform_auth.mail where attempts > 0")
                .fetch_one(&mut superuser)
                .await
                .unwrap();
            if tried == 1 {
                break;
            }
            tokio::task::yield_now().await;
        }
        app.root.set_away(false);
        app.clock.advance(Duration::from_secs(60));
        registered(&app, &place, "bob", 1).await;
        let mut to = Vec::new();
        while to.len() < 2 {
            to.extend(app.post.take().into_iter().map(|mail| mail.to));
            tokio::task::yield_now().await;
        }
        to
    };
    let to = tokio::time::timeout(Duration::from_secs(60), delivered)
        .await
        .unwrap();

    assert_eq!(to, ["ada0@example.com", "bob0@example.com"]);
    stop.cancel();
    worker.await.unwrap();
}
