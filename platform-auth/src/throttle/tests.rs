use time::macros::datetime;

use super::*;

const NOW: Timestamp = datetime!(2026-01-02 03:04:05 UTC);
const MINUTE: Duration = Duration::from_secs(60);
const TENANT: &str = "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12";
const OTHER_TENANT: &str = "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a13";

fn throttle(account: u32, address: u32, entries_max: usize) -> Throttle {
    let limit = |burst| ThrottleLimit {
        burst,
        recovery: MINUTE,
    };
    Throttle::new(ThrottleConfig {
        account: limit(account),
        address: limit(address),
        entries_max,
    })
}

async fn begin<'a>(
    throttle: &'a Throttle,
    tenant: &str,
    name: &str,
    address: Option<&str>,
    now: Timestamp,
) -> Result<Attempt<'a>, Held> {
    let email = EmailAddress::parse(&format!("{name}@example.com")).unwrap();
    let address = address.map(|address| address.parse().unwrap());
    throttle
        .begin(
            AccountKey::of_email(tenant.parse().unwrap(), &email),
            address,
            now,
            Duration::ZERO,
        )
        .await
}

/// Fails to sign in, or is refused to try.
async fn fail(throttle: &Throttle, name: &str, address: Option<&str>, now: Timestamp) -> Result<(), Held> {
    begin(throttle, TENANT, name, address, now).await.map(drop)
}

fn held(retry_after: Duration) -> Result<(), Held> {
    Err(Held::TooManyAttempts { retry_after })
}

#[tokio::test]
async fn past_the_burst_one_attempt_is_let_through_for_each_recovery_interval() {
    let throttle = throttle(3, 100, 100);
    let tick = Duration::from_micros(1);

    for _ in 0..3 {
        assert_eq!(fail(&throttle, "ada", None, NOW).await, Ok(()));
    }
    assert_eq!(fail(&throttle, "ada", None, NOW).await, held(MINUTE));
    assert_eq!(
        fail(&throttle, "ada", None, NOW + MINUTE - tick).await,
        held(tick)
    );
    assert_eq!(fail(&throttle, "ada", None, NOW + MINUTE).await, Ok(()));
    assert_eq!(fail(&throttle, "ada", None, NOW + MINUTE).await, held(MINUTE));
}

#[tokio::test]
async fn refused_attempts_do_not_lengthen_the_wait() {
    let throttle = throttle(1, 100, 100);
    assert_eq!(fail(&throttle, "ada", None, NOW).await, Ok(()));

    for _ in 0..1_000 {
        assert_eq!(fail(&throttle, "ada", None, NOW).await, held(MINUTE));
    }

    assert_eq!(fail(&throttle, "ada", None, NOW + MINUTE).await, Ok(()));
}

#[tokio::test]
async fn accounts_tenants_and_addresses_are_counted_apart() {
    let throttle = throttle(1, 2, 100);

    assert_eq!(fail(&throttle, "ada", Some("192.0.2.1"), NOW).await, Ok(()));
    assert_eq!(fail(&throttle, "ADA", Some("192.0.2.2"), NOW).await, held(MINUTE));
    let elsewhere = begin(&throttle, OTHER_TENANT, "ada", Some("::ffff:192.0.2.1"), NOW).await;
    assert_eq!(elsewhere.map(drop), Ok(()));
    assert_eq!(
        fail(&throttle, "grace", Some("192.0.2.1"), NOW).await,
        held(MINUTE)
    );
    assert_eq!(fail(&throttle, "grace", Some("192.0.2.2"), NOW).await, Ok(()));
}

#[tokio::test]
async fn the_addresses_of_one_ipv6_network_are_counted_together() {
    let throttle = throttle(100, 1, 100);

    assert_eq!(fail(&throttle, "ada", Some("2001:db8::1"), NOW).await, Ok(()));
    assert_eq!(
        fail(&throttle, "bob", Some("2001:db8::2"), NOW).await,
        held(MINUTE)
    );
    assert_eq!(fail(&throttle, "bob", Some("2001:db8:0:1::1"), NOW).await, Ok(()));
}

#[tokio::test]
async fn a_success_clears_the_account_and_leaves_the_address_its_failures() {
    let throttle = throttle(2, 3, 100);
    let from = Some("192.0.2.1");
    assert_eq!(fail(&throttle, "ada", from, NOW).await, Ok(()));
    assert_eq!(fail(&throttle, "bob", from, NOW).await, Ok(()));

    begin(&throttle, TENANT, "ada", from, NOW)
        .await
        .unwrap()
        .succeeded();

    assert_eq!(fail(&throttle, "ada", from, NOW).await, Ok(()));
    assert_eq!(fail(&throttle, "ada", from, NOW).await, held(MINUTE));
    assert_eq!(fail(&throttle, "ada", None, NOW).await, Ok(()));
}

#[tokio::test]
async fn an_attempt_that_did_not_happen_is_not_counted() {
    let throttle = throttle(1, 1, 100);

    for _ in 0..10 {
        let attempt = begin(&throttle, TENANT, "ada", Some("192.0.2.1"), NOW).await;
        attempt.unwrap().did_not_happen();
    }

    assert!(throttle.accounts.len() == 0 && throttle.addresses.len() == 0);
}

#[tokio::test]
async fn who_finds_every_place_held_waits_for_one_and_no_longer_than_allowed() {
    let throttle = throttle(1, 100, 100);
    let first = begin(&throttle, TENANT, "ada", None, NOW).await.unwrap();
    assert_eq!(fail(&throttle, "ada", None, NOW).await, Err(Held::Busy));
    let email = EmailAddress::parse("ada@example.com").unwrap();
    let tenant = TENANT.parse().unwrap();

    let second = throttle.begin(AccountKey::of_email(tenant, &email), None, NOW, MINUTE);
    let (second, ()) = tokio::join!(second, async { first.succeeded() });
    let third = throttle.begin(AccountKey::of_email(tenant, &email), None, NOW, MINUTE);
    let (third, ()) = tokio::join!(third, async { drop(second.unwrap()) });

    assert_eq!(third.map(drop), held(MINUTE));
}

#[tokio::test]
async fn who_is_held_for_the_account_leaves_no_mark_on_the_address() {
    let throttle = throttle(1, 2, 100);
    let from = Some("192.0.2.1");
    assert_eq!(fail(&throttle, "ada", from, NOW).await, Ok(()));

    for _ in 0..10 {
        assert_eq!(fail(&throttle, "ada", from, NOW).await, held(MINUTE));
    }

    assert_eq!(fail(&throttle, "bob", from, NOW).await, Ok(()));
}

#[tokio::test]
async fn the_account_under_attack_is_remembered_when_the_table_overflows() {
    let throttle = throttle(3, 1_000_000, 64);
    for _ in 0..3 {
        assert_eq!(fail(&throttle, "victim", None, NOW).await, Ok(()));
    }

    for name in 0..1_000 {
        assert_eq!(fail(&throttle, &format!("n{name}"), None, NOW).await, Ok(()));
    }

    assert!(throttle.accounts.len() <= 64);
    assert_eq!(fail(&throttle, "victim", None, NOW).await, held(MINUTE));
}

#[tokio::test]
async fn absurd_limits_are_bounded() {
    let limit = ThrottleLimit {
        burst: u32::MAX,
        recovery: Duration::MAX,
    };
    let throttle = Throttle::new(ThrottleConfig {
        account: limit,
        address: limit,
        entries_max: 0,
    });

    assert_eq!(fail(&throttle, "ada", Some("192.0.2.1"), NOW).await, Ok(()));
}
