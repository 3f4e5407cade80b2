//! Sessions and grants through any course of events, against a small reference that knows nothing but what happened.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "../it/authenticator.rs"]
#[allow(dead_code, reason = "the other tests want it")]
mod authenticator;
mod course;
#[path = "../it/postbox.rs"]
#[allow(dead_code, reason = "the other tests want it")]
mod postbox;
mod reference;
mod service;
#[path = "../it/support.rs"]
#[allow(dead_code, unused_imports, reason = "the other tests want more of it")]
mod support;

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::reference::Reference;
use crate::service::Service;

/// How many courses of events are looked at: 40. `PLATFORM_AUTH_COURSES=10000` asks for as many.
fn courses() -> u32 {
    let courses = std::env::var("PLATFORM_AUTH_COURSES").ok();
    courses.map_or(40, |courses| courses.parse().unwrap())
}

#[test]
fn whoever_is_let_in_and_may_do_something_is_whom_a_small_reference_says() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let service = runtime.block_on(Service::new());
    let config = Config {
        cases: courses(),
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    // The same courses each time: a failure is there again when it is looked for.
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));

    let agreed = runner.run(&course::events(), |events| {
        runtime.block_on(async {
            let mut tenant = service.tenant().await;
            let mut reference = Reference::new();
            for (number, event) in events.iter().enumerate() {
                service.follow(&mut tenant, event).await;
                reference.follow(event);
                let seen = service.look(&tenant).await;
                let expected = reference.look();
                proptest::prop_assert_eq!(seen, expected, "after event {} of {:#?}", number, events);
            }
            Ok(())
        })
    });

    if let Err(error) = agreed {
        panic!("{error}");
    }
}
