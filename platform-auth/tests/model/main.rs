//! Sessions and grants against a small model of them: whatever is done in whatever order, who is let in and who may do what is what the
//! model says.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[allow(dead_code, reason = "shared with the other tests of this crate")]
#[path = "../it/authenticator.rs"]
mod authenticator;
#[allow(dead_code, reason = "shared with the other tests of this crate")]
#[path = "../it/postbox.rs"]
mod postbox;
#[allow(
    dead_code,
    unused_imports,
    reason = "shared with the other tests of this crate"
)]
#[path = "../it/support.rs"]
mod support;
#[allow(dead_code, reason = "shared with the other tests of this crate")]
#[path = "../authz/world.rs"]
mod world;

mod reference;
mod service;
mod step;

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, TestRunner};

use crate::reference::Reference;
use crate::service::Service;
use crate::step::{Step, steps};

/// How many sequences are tried; `MODEL_CASES` has more of them tried.
const CASES: u32 = 40;

fn cases() -> u32 {
    let asked = std::env::var("MODEL_CASES").ok();
    asked.and_then(|cases| cases.parse().ok()).unwrap_or(CASES)
}

/// The first step after which service and model differ.
async fn differs(app: &support::App, steps: &[Step]) -> Option<String> {
    let mut service = Service::new(app).await;
    let mut reference = Reference::new(service.now());
    for (at, step) in steps.iter().enumerate() {
        let (done, expected) = (service.take(step).await, reference.take(step));
        if done != expected {
            return Some(format!(
                "step {at}, {step:?}: {done:?} instead of {expected:?} in {steps:#?}"
            ));
        }
    }
    // Whatever was not asked on the way is asked at the end.
    for session in 0..reference.sessions() {
        let step = Step::Use { session };
        let (done, expected) = (service.take(&step).await, reference.take(&step));
        if done != expected {
            return Some(format!(
                "at the end, {step:?}: {done:?} instead of {expected:?} in {steps:#?}"
            ));
        }
    }
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_and_grants_are_what_the_model_says() {
    let app = support::App::with(service::config()).await;
    let mut runner = TestRunner::new(Config::default());
    for _ in 0..cases() {
        let mut tree = steps().new_tree(&mut runner).unwrap();
        let Some(mut found) = differs(&app, &tree.current()).await else {
            continue;
        };
        // The shortest sequence that still shows it says most.
        let mut tries = 0;
        while tries < 200 && tree.simplify() {
            loop {
                tries += 1;
                match differs(&app, &tree.current()).await {
                    Some(shorter) => found = shorter,
                    None if tree.complicate() => continue,
                    None => {}
                }
                break;
            }
        }
        panic!("{found}");
    }
}

/// A model that is always right would prove nothing: one that forgets a rule is found out.
#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_wrong_is_found_out() {
    let app = support::App::with(service::config()).await;
    let idle = std::time::Duration::from_secs(30 * 60);
    let told = [
        Step::SignIn { user: 0 },
        Step::Advance { by: idle },
        Step::Use { session: 0 },
    ];
    assert_eq!(differs(&app, &told).await, None);

    let mut service = Service::new(&app).await;
    let mut forgetful = Reference::new(service.now());
    for step in [&told[0], &told[1]] {
        assert_eq!(service.take(step).await, forgetful.take(step));
    }
    forgetful.forgets_idle_sessions_end();

    assert_ne!(service.take(&told[2]).await, forgetful.take(&told[2]));
}
