//! How many users sign in each second, against the bare hash that each of them costs, and what that does to other requests: run
//! `cargo bench -p platform-auth --bench sign_in` on an idle machine.
//!
//! Both sides take turns, so that whatever else the machine does meets both. The last lines are the times of `GET /auth/me` at a
//! steady 200 a second, alone and beside the sign-ins.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::float_arithmetic,
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

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Params, Version};
use platform_auth::{AuthConfig, Credentials, SignIn};
use platform_core::pg::Tenants;
use platform_core::{RequestContext, RequestMeta};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::support::{App, Call, PASSWORD, Place};

const TURNS: usize = 5;
const TURN: Duration = Duration::from_secs(4);
const CLIENTS: usize = 16;
const PROBES_A_SECOND: u32 = 200;

#[tokio::main]
async fn main() {
    let app = Arc::new(App::with(AuthConfig::default()).await);
    let place = app.place().await;
    let users: Vec<String> = (0..CLIENTS)
        .map(|user| format!("user{user}@example.com"))
        .collect();
    for user in &users {
        app.user(&place, user).await;
    }
    let token = app.admin(&place).await;

    let (mut bare, mut whole) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        bare.push(rate_of_hashes().await);
        whole.push(rate_of_sign_ins(&app, &place, &users).await);
    }
    let (bare, whole) = (median(bare), median(whole));
    println!("bare argon2id (19 MiB, 2 passes)  {bare:>8.1} a second");
    println!("sign-ins at {CLIENTS} clients            {whole:>8.1} a second");
    println!("ratio                             {:>8.2}", whole / bare);

    println!("GET /auth/me alone                {}", probe(&app, &token).await);
    let beside = tokio::spawn({
        let (app, place, users) = (Arc::clone(&app), place.clone(), users.clone());
        async move { rate_of_sign_ins(&app, &place, &users).await }
    });
    println!("GET /auth/me beside sign-ins      {}", probe(&app, &token).await);
    beside.await.unwrap();
}

/// As many threads as there are processors, which is what the service uses.
async fn rate_of_hashes() -> f64 {
    let threads = std::thread::available_parallelism().unwrap().get();
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let begun = Instant::now();
    let mut hashing = JoinSet::new();
    for _ in 0..threads {
        let (stop, done) = (Arc::clone(&stop), Arc::clone(&done));
        hashing.spawn_blocking(move || {
            let params = Params::new(19 * 1024, 2, 1, Some(32)).unwrap();
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            let mut out = [0; 32];
            while !stop.load(Ordering::Relaxed) {
                argon2
                    .hash_password_into(PASSWORD.as_bytes(), b"sixteen bytes of", &mut out)
                    .unwrap();
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    tokio::time::sleep(TURN).await;
    stop.store(true, Ordering::Relaxed);
    let rate = per_second(done.load(Ordering::Relaxed), begun);
    while hashing.join_next().await.is_some() {}
    rate
}

async fn rate_of_sign_ins(app: &Arc<App>, place: &Place, users: &[String]) -> f64 {
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let begun = Instant::now();
    let mut clients = JoinSet::new();
    for user in users {
        let (app, stop, done) = (Arc::clone(app), Arc::clone(&stop), Arc::clone(&done));
        let (tenant, email) = (place.id, user.clone());
        clients.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let meta = RequestMeta::internal(app.test.sources());
                let ctx = RequestContext::anonymous(tenant, meta);
                let credentials = Credentials {
                    email: email.clone(),
                    password: PASSWORD.into(),
                };
                let signed_in = app.auth.sign_in(&ctx, credentials).await.unwrap();
                assert!(matches!(signed_in, SignIn::Complete(_)));
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    tokio::time::sleep(TURN).await;
    stop.store(true, Ordering::Relaxed);
    let rate = per_second(done.load(Ordering::Relaxed), begun);
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    rate
}

/// The times of requests that begin at fixed instants, whether or not the one before has been answered.
async fn probe(app: &Arc<App>, token: &str) -> String {
    let mut beats = interval(Duration::from_secs(1) / PROBES_A_SECOND);
    beats.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut probes = JoinSet::new();
    let begun = Instant::now();
    while begun.elapsed() < TURN - Duration::from_millis(500) {
        let due = beats.tick().await.into_std();
        let (app, token) = (Arc::clone(app), token.to_owned());
        probes.spawn(async move {
            app.me(&token).await.expect(200);
            due.elapsed()
        });
    }
    let mut times = Vec::new();
    while let Some(time) = probes.join_next().await {
        times.push(time.unwrap());
    }
    times.sort();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_micros();
    format!("p50 {:>6} us  p99 {:>6} us  of {}", at(50), at(99), times.len())
}

fn per_second(count: u64, since: Instant) -> f64 {
    f64::from(u32::try_from(count).unwrap()) / since.elapsed().as_secs_f64()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
