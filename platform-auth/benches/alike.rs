//! Whether the time of an answer tells who has an account: run `cargo bench -p platform-auth --bench alike` on an idle machine.
//!
//! Prints the median of each kind of sign-in that fails, and of each kind of request for a reset, and how far it lies from the first of
//! its group. Within 5 % nobody learns anything (ASVS 6.3.8). It is no test: a busy machine would fail it for no reason.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    dead_code,
    unused_imports,
    reason = "a measurement"
)]

#[path = "../tests/it/authenticator.rs"]
mod authenticator;
#[path = "../tests/it/postbox.rs"]
mod postbox;
#[path = "../tests/it/support.rs"]
mod support;

use std::time::{Duration, Instant};

use platform_auth::{AuthConfig, RefusalConfig, ThrottleLimit};
use serde_json::json;

use crate::support::{App, Call, Place};

/// One after the other in turn, so that whatever else the machine does meets all alike.
const ROUNDS: usize = 101;

const WRONG: &str = "a wrong guess at it";

const KINDS: [&str; 4] = [
    "known@example.com",
    "nobody@example.com",
    "disabled@example.com",
    "erased@example.com",
];

#[tokio::main]
async fn main() {
    let unlimited = ThrottleLimit {
        burst: 10_000,
        recovery: Duration::from_secs(1),
    };
    let mut config = AuthConfig::default();
    config.throttle.account = unlimited;
    config.refusals = RefusalConfig {
        strangers: unlimited,
        ..RefusalConfig::default()
    };
    let app = App::mailing_with(config).await;
    let place = app.place().await;
    prepare(&app, &place).await;

    let mut sign_ins = vec![Vec::new(); KINDS.len()];
    for _ in 0..ROUNDS {
        for (email, times) in KINDS.iter().zip(&mut sign_ins) {
            let begun = Instant::now();
            let answer = app.sign_in(&place, email, WRONG).await;
            times.push(begun.elapsed());
            answer.refused(401, "invalid_credentials");
        }
    }
    report("sign-in that fails", sign_ins);

    let mut resets = vec![Vec::new(); KINDS.len()];
    for _ in 0..ROUNDS {
        for (email, times) in KINDS.iter().zip(&mut resets) {
            // Past every limit on mails, so that each of them is worked on.
            app.clock.advance(Duration::from_secs(15 * 60));
            let begun = Instant::now();
            let answer = app
                .post(&place, "password/reset", &json!({ "email": email }))
                .await;
            times.push(begun.elapsed());
            answer.expect(202);
            app.mails().await;
        }
    }
    report("request for a reset", resets);
}

async fn prepare(app: &App, place: &Place) {
    let admin = app.admin(place).await;
    app.user(place, "known@example.com").await;
    let disabled = app.register(place, "disabled@example.com").await.user_id();
    let sql = format!("update platform_auth.subject set status = 'disabled' where id = '{disabled}'");
    app.by_hand("platform_auth.subject", sql).await;
    let erased = app.register(place, "erased@example.com").await.user_id();
    app.send(Call::post(&format!("/admin/v1/users/{erased}/erasure")).bearer(&admin))
        .await
        .expect(200);
    app.mails().await;
}

fn report(what: &str, times: Vec<Vec<Duration>>) {
    let medians: Vec<u128> = times
        .into_iter()
        .map(|mut times| {
            times.sort();
            times[times.len() / 2].as_micros()
        })
        .collect();
    println!("{what}");
    for (kind, median) in KINDS.iter().zip(&medians) {
        let per_mille = i128::try_from(median * 1000 / medians[0]).unwrap() - 1000;
        println!("  {kind:<22} {median:>8} us  {per_mille:>+5} per mille");
    }
}
