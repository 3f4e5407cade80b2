use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use platform_crypto::{Expected, VaultError, VaultLogin};
use tokio_util::sync::CancellationToken;
use vaultrs::api::token::requests::CreateTokenRequestBuilder;
use vaultrs::token;

use crate::support::{Server, Tokens, fields, secret};
use crate::vault_double::Mood;

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);
const HOURLY: Tokens = Tokens::Periodic(3600);

async fn token_of(server: &Server, ttl: &str, period: Option<&str>) -> String {
    let mut asked = CreateTokenRequestBuilder::default();
    asked
        .policies(vec![server.mounts.policy.clone()])
        .ttl(ttl)
        .explicit_max_ttl("4h");
    if let Some(period) = period {
        asked.period(period);
    }
    token::new(&server.admin, Some(&mut asked))
        .await
        .unwrap()
        .client_token
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_first_callers_log_in_once() {
    let server = Server::double(HOURLY).await;
    let kv = server.kv(&server.vault());

    let calls = (0..100).map(|_| {
        let kv = kv.clone();
        tokio::spawn(async move { kv.read("nothing").await })
    });
    for call in calls.collect::<Vec<_>>() {
        assert!(call.await.unwrap().unwrap().is_none());
    }

    assert_eq!(server.logins(), 1);
}

#[tokio::test]
async fn a_token_is_renewed_after_two_thirds_of_its_life_and_not_before() {
    let server = Server::double(HOURLY).await;
    let kv = server.kv(&server.vault());
    kv.read("nothing").await.unwrap();

    // Two thirds less a tenth, which is the most that chance takes off.
    server.clock.advance(Duration::from_secs(2039));
    kv.read("nothing").await.unwrap();
    assert_eq!(server.renewals(), 0);
    server.clock.advance(Duration::from_secs(361));
    kv.read("nothing").await.unwrap();
    kv.read("nothing").await.unwrap();

    assert_eq!((server.renewals(), server.logins()), (1, 1));
}

#[tokio::test]
async fn replicas_that_log_in_together_do_not_renew_together() {
    let server = Server::double(HOURLY).await;
    let mut times = BTreeSet::new();
    for _ in 0..16 {
        times.insert(server.vault().maintain().await.unwrap().unwrap());
    }

    let spread = *times.last().unwrap() - *times.first().unwrap();
    assert!(
        times.len() > 8 && spread > MINUTE && spread <= 6 * MINUTE,
        "{spread}"
    );
}

// C27
#[tokio::test]
async fn a_periodic_token_outlives_every_maximum() {
    let server = Server::double(Tokens::Periodic(24 * 3600)).await;
    let vault = server.vault();
    let kv = server.kv(&vault);

    for _ in 0..400 {
        server.clock.advance(6 * HOUR);
        kv.read("nothing").await.unwrap();
    }

    assert_eq!(server.logins(), 1);
    assert!(server.renewals() >= 100, "{}", server.renewals());
}

// C27
#[tokio::test]
async fn a_token_that_nears_its_maximum_is_replaced_without_a_failed_call() {
    let server = Server::double(Tokens::Bounded {
        ttl_s: 3600,
        max_ttl_s: 4 * 3600,
    })
    .await;
    let kv = server.kv(&server.vault());

    for _ in 0..24 * 6 {
        server.clock.advance(10 * MINUTE);
        kv.read("nothing").await.unwrap();
    }

    assert!((6..=12).contains(&server.logins()), "{}", server.logins());
    assert!(server.renewals() > server.logins());
}

#[tokio::test]
async fn a_token_that_ended_unnoticed_is_replaced() {
    let server = Server::double(HOURLY).await;
    let kv = server.kv(&server.vault());
    kv.read("nothing").await.unwrap();

    server.clock.advance(48 * HOUR);
    kv.read("nothing").await.unwrap();

    assert_eq!((server.logins(), server.renewals()), (2, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_revoked_token_is_replaced_once_for_everybody() {
    let server = Server::double(HOURLY).await;
    let kv = server.kv(&server.vault());
    kv.write("state", &fields(&[("value", "one")]), Expected::Absent)
        .await
        .unwrap();
    server.clock.advance(MINUTE);
    server.the_double().revoke_tokens();

    let calls = (0..50).map(|_| {
        let kv = kv.clone();
        tokio::spawn(async move { kv.read("state").await })
    });
    for call in calls.collect::<Vec<_>>() {
        assert!(call.await.unwrap().unwrap().is_some());
    }

    assert_eq!(server.logins(), 2);
    // A write was not carried out when it was refused, so it is sent again.
    server.clock.advance(MINUTE);
    server.the_double().revoke_tokens();
    assert_eq!(
        kv.write("state", &fields(&[("value", "two")]), Expected::Version(1))
            .await
            .unwrap(),
        2
    );
}

#[tokio::test]
async fn a_missing_permission_is_denied_without_a_storm_of_logins() {
    let server = Server::double(HOURLY).await;
    let forbidden = server.vault().kv("sys").unwrap();
    for _ in 0..20 {
        assert!(matches!(
            forbidden.read("mounts").await,
            Err(VaultError::Denied(_))
        ));
    }
    assert_eq!(server.logins(), 1);

    // An older token may have ended: one login finds out.
    server.clock.advance(MINUTE);
    for _ in 0..20 {
        assert!(matches!(
            forbidden.read("mounts").await,
            Err(VaultError::Denied(_))
        ));
    }

    assert_eq!(server.logins(), 2);
}

#[tokio::test]
async fn a_wrong_secret_of_a_role_is_denied_at_once() {
    let server = Server::any().await;
    let login = VaultLogin::AppRole {
        mount: server.mounts.app_role.clone(),
        role_id: server.role_id.clone(),
        secret_id: secret("guessed-secret-id"),
    };
    let kv = server.kv(&server.vault_with(login));

    let read = kv.read("nothing").await;

    assert!(matches!(read, Err(VaultError::Denied(_))), "{read:?}");
    if server.double.is_some() {
        assert_eq!(server.logins(), 1);
    }
}

#[tokio::test]
async fn a_role_logs_in_with_the_secret_that_its_file_holds_now() {
    let server = Server::double(HOURLY).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret-id");
    fs::write(&path, "outdated\n").unwrap();
    let kv = server.kv(&server.vault_with(VaultLogin::AppRoleFile {
        mount: server.mounts.app_role.clone(),
        role_id: server.role_id.clone(),
        secret_id: path.clone(),
    }));

    assert!(matches!(kv.read("nothing").await, Err(VaultError::Denied(_))));
    fs::write(&path, format!("{}\n", server.secret_id)).unwrap();
    assert!(kv.read("nothing").await.unwrap().is_none());
    fs::remove_file(&path).unwrap();
    server.clock.advance(48 * HOUR);
    assert!(matches!(kv.read("nothing").await, Err(VaultError::Denied(_))));
}

#[tokio::test]
async fn a_given_token_is_renewed_and_denied_when_it_ends() {
    let server = Server::double(HOURLY).await;
    let periodic = token_of(&server, "1h", Some("1h")).await;
    let bounded = token_of(&server, "1h", None).await;
    let periodic = server.kv(&server.vault_with(VaultLogin::token(secret(&format!("{periodic}\n")))));
    let bounded = server.kv(&server.vault_with(VaultLogin::token(secret(&bounded))));

    for _ in 0..23 {
        assert!(periodic.read("nothing").await.is_ok() && bounded.read("nothing").await.is_ok());
        server.clock.advance(10 * MINUTE);
    }
    server.clock.advance(20 * MINUTE);

    assert!(periodic.read("nothing").await.is_ok());
    assert!(matches!(
        bounded.read("nothing").await,
        Err(VaultError::Denied(_))
    ));
    assert_eq!(server.logins(), 0);
}

#[tokio::test]
async fn a_token_that_is_none_is_denied() {
    let server = Server::double(HOURLY).await;
    for token in ["", "\n", "hvs.a\nb", "hvs.ü", &"a".repeat(9000)] {
        let kv = server.kv(&server.vault_with(VaultLogin::token(secret(token))));
        assert!(
            matches!(kv.read("nothing").await, Err(VaultError::Denied(_))),
            "{token:?}"
        );
    }
}

#[tokio::test]
async fn a_token_that_an_agent_replaces_is_read_again() {
    let server = Server::double(HOURLY).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    fs::write(&path, token_of(&server, "1h", None).await).unwrap();
    let kv = server.kv(&server.vault_with(VaultLogin::TokenFile(path.clone())));
    assert!(kv.read("nothing").await.is_ok());

    server.clock.advance(MINUTE);
    server.the_double().revoke_tokens();
    fs::write(&path, token_of(&server, "1h", None).await).unwrap();

    assert!(kv.read("nothing").await.is_ok());
}

#[tokio::test]
async fn a_token_serves_on_while_it_cannot_be_renewed() {
    let server = Server::double(HOURLY).await;
    let vault = server.vault();
    let kv = server.kv(&vault);
    kv.read("nothing").await.unwrap();

    server.clock.advance(41 * MINUTE);
    server.the_double().set_mood(Mood::Sealed);
    assert!(vault.maintain().await.is_ok());
    assert!(vault.maintain().await.is_ok());
    assert_eq!(server.renewals(), 1, "a failed renewal is not repeated at once");
    server.the_double().set_mood(Mood::Well);
    kv.read("nothing").await.unwrap();
    server.clock.advance(Duration::from_secs(6));
    kv.read("nothing").await.unwrap();

    assert_eq!((server.renewals(), server.logins()), (2, 1));
}

#[tokio::test]
async fn the_task_that_renews_logs_in_by_itself_and_stops_when_it_is_told() {
    let server = Server::double(HOURLY).await;
    let vault = server.vault();
    let stop = CancellationToken::new();
    let task = tokio::spawn({
        let stop = stop.clone();
        async move { vault.keep_renewed(stop).await }
    });

    while server.logins() == 0 {
        tokio::task::yield_now().await;
    }
    stop.cancel();

    task.await.unwrap();
    assert_eq!(server.logins(), 1);
}
