//! Users and the keys under which they are sealed.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::StatusCode;
use platform_auth::{AuthConfig, ThrottleConfig, ThrottleLimit};
use platform_core::axum;
use platform_crypto::{KeyError, Pacing, Purpose};

use crate::support::{App, Call, PASSWORD};

/// More than the time-to-live and the grace of a key, less than that of a session.
const LONG: Duration = Duration::from_secs(25 * 60);

#[tokio::test]
async fn without_keys_whatever_needs_one_is_503_and_nothing_is_written() {
    let app = App::own().await;
    let place = app.place().await;
    let admin = app.admin(&place).await;
    let before = app.dump().await;
    app.root.set_away(true);
    app.clock.advance(LONG);

    let refused = [
        app.register(&place, "bob@example.com").await,
        app.sign_in(&place, "admin@example.com", PASSWORD).await,
        app.me(&admin).await,
        app.send(Call::get("/admin/v1/users").bearer(&admin)).await,
    ];

    for answer in refused {
        answer.refused(503, "keys_unavailable");
        assert!(answer.headers.contains_key("retry-after"));
    }
    // The rows of a table, and those of its partitions.
    let rows = |dump: &str, table: &str| -> usize {
        let copied = dump.split("COPY ").filter(|copied| copied.starts_with(table));
        copied
            .map(|copied| copied.split_once("\n\\.\n").unwrap().0.lines().count() - 1)
            .sum()
    };
    let after = app.dump().await;
    for table in [
        "platform_auth.subject",
        "platform_auth.session",
        "platform_audit.event",
    ] {
        assert_eq!(rows(&after, table), rows(&before, table), "{table}");
        assert!(rows(&after, table) > 0, "{table}");
    }
    // Nothing of it needs a restart.
    app.root.set_away(false);
    assert_eq!(app.me(&admin).await.status, StatusCode::OK);
    assert_eq!(
        app.register(&place, "bob@example.com").await.status,
        StatusCode::CREATED
    );
}

#[tokio::test]
async fn an_outage_shorter_than_the_grace_is_noticed_by_nobody() {
    let app = App::new().await;
    let place = app.place().await;
    app.user(&place, "ada@example.com").await;
    app.sign_in(&place, "ada@example.com", PASSWORD).await.token();
    app.root.set_away(true);
    app.clock.advance(Duration::from_secs(10 * 60));

    let signed_in = app.sign_in(&place, "ada@example.com", PASSWORD).await;

    assert_eq!(signed_in.status, StatusCode::OK, "{}", signed_in.text);
    assert_eq!(
        app.register(&place, "bob@example.com").await.status,
        StatusCode::CREATED
    );
}

#[tokio::test]
async fn after_a_rotation_of_either_key_everybody_signs_in_and_addresses_stay_unique() {
    let app = App::new().await;
    let place = app.place().await;
    app.user(&place, "ada@example.com").await;
    let ctx = app.test.context(place.id);

    for purpose in [Purpose::Data, Purpose::Index] {
        app.keys.rotate(&ctx, purpose).await.unwrap();
        app.clock.advance(Duration::from_secs(301));

        let bob = format!("bob-{}@example.com", purpose.as_str());
        assert_eq!(app.register(&place, &bob).await.status, StatusCode::CREATED);
        for email in ["ada@example.com", &bob] {
            let signed_in = app.sign_in(&place, email, PASSWORD).await;
            assert_eq!(signed_in.json()["user"]["email"], email);
            app.register(&place, email).await.refused(409, "email_taken");
        }
    }

    for purpose in [Purpose::Data, Purpose::Index] {
        let needed = app.keys.destroy(&ctx, purpose, 1).await;
        assert!(
            matches!(needed, Err(KeyError::StillNeeded(_) | KeyError::TooEarly { .. })),
            "{needed:?}"
        );
    }
    let resealed = app
        .keys
        .reseal(&ctx, Pacing::new(2, Duration::ZERO))
        .await
        .unwrap();
    assert_eq!(
        (resealed.failed, resealed.rewrapped, resealed.tagged),
        (0, 1, 2),
        "{resealed:?}"
    );
    app.clock.advance(Duration::from_secs(601));
    for purpose in [Purpose::Data, Purpose::Index] {
        app.keys.destroy(&ctx, purpose, 1).await.unwrap();
        let signed_in = app.sign_in(&place, "ada@example.com", PASSWORD).await;
        assert_eq!(signed_in.json()["user"]["email"], "ada@example.com");
        app.register(&place, "Ada@example.com")
            .await
            .refused(409, "email_taken");
    }
}

#[tokio::test]
async fn a_row_that_was_exchanged_in_the_database_opens_for_nobody() {
    let app = App::own().await;
    let place = app.place().await;
    let ada = app.register(&place, "ada@example.com").await;
    let bob = app.register(&place, "grace@example.com").await;
    let exchanged = format!(
        "update platform_auth.subject s set email_sealed = other.email_sealed
         from platform_auth.subject other where s.id = '{}' and other.id = '{}'",
        ada.user_id(),
        bob.user_id()
    );
    assert_eq!(app.by_hand("platform_auth.subject", exchanged).await, 1);

    let answer = app.me(&ada.token()).await;

    answer.refused(409, "unreadable");
    assert!(
        !answer.text.contains("grace") && !answer.text.contains("ada@"),
        "{}",
        answer.text
    );
    assert_eq!(app.me(&bob.token()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn spellings_of_one_address_share_one_user_and_one_count_of_failures() {
    let mut config = AuthConfig::default();
    config.throttle = ThrottleConfig {
        account: ThrottleLimit {
            burst: 3,
            recovery: Duration::from_secs(60),
        },
        ..ThrottleConfig::default()
    };
    let app = App::with(config).await;
    let place = app.place().await;
    app.user(&place, "ada@example.com").await;
    // Wide letters, which look alike and count alike.
    let spellings = ["ada@example.com", "ＡＤＡ@example.com", "ada@ｅxample.com"];

    app.register(&place, spellings[1])
        .await
        .refused(409, "email_taken");
    for spelling in spellings {
        app.sign_in(&place, spelling, "wrong horse")
            .await
            .refused(401, "invalid_credentials");
    }

    app.sign_in(&place, "ada@example.com", PASSWORD)
        .await
        .refused(429, "too_many_attempts");
}

#[tokio::test]
async fn an_instance_that_has_seen_nobody_opens_a_whole_page_of_users() {
    let app = App::own().await;
    let place = app.place().await;
    let admin = app.admin(&place).await;
    for number in 0..40 {
        app.register(&place, &format!("user{number}@example.com")).await;
    }
    let fresh = App::on(app.test.clone(), AuthConfig::default()).await;

    let listed = fresh
        .send(Call::get("/admin/v1/users?limit=41").bearer(&admin))
        .await;

    assert_eq!(listed.status, StatusCode::OK, "{}", listed.text);
    let listed = listed.json();
    let users = listed["data"].as_array().unwrap();
    let emails: BTreeSet<&str> = users.iter().map(|user| user["email"].as_str().unwrap()).collect();
    assert_eq!(emails.len(), 41);
    assert!(emails.contains("user39@example.com") && emails.contains("admin@example.com"));
}
