//! How long it takes to find out who asks: `cargo bench -p platform-auth --bench authenticate`. Needs a PostgreSQL, as the tests do.
//!
//! The clock stands still, so that what is remembered stays young: the warm request is the one that finds its session in memory.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use futures::FutureExt as _;
use platform_audit::AuditLog;
use platform_auth::{
    Auth, AuthConfig, Credentials, MIGRATIONS, Role, SealedMail, SealedTotp, SealedUser, SessionToken, SignIn,
};
use platform_core::testing::TestDb;
use platform_core::{ManualClock, OsRandom, RequestContext, RequestMeta, Sources};
use platform_crypto::Keyring;
use platform_crypto::testing::MemoryErasureStore;
use tokio::runtime::Runtime;

const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "correct horse battery";

/// Somebody who has signed in, and what is known of a request.
struct Signed {
    auth: Auth,
    token: String,
    meta: RequestMeta,
}

async fn signed(cache_age: Duration) -> Signed {
    let test = Box::pin(TestDb::shared(&[
        &platform_crypto::MIGRATIONS,
        &platform_audit::MIGRATIONS,
        &MIGRATIONS,
    ]))
    .await;
    let tenant = test.tenant().await;
    let clock = ManualClock::starting_at(test.sources().now());
    let sources = Sources::shared(Arc::new(clock), Arc::new(OsRandom));
    let db = test.connect_with_sources(sources.clone()).await;
    let audit = AuditLog::new(sources.clone());
    let keys = Keyring::builder(&db, Arc::new(platform_crypto::testing::root(&sources)))
        .erasure(Arc::new(MemoryErasureStore))
        .log(Arc::new(audit.clone()))
        .sealed::<SealedUser>()
        .sealed::<SealedTotp>()
        .sealed::<SealedMail>()
        .open()
        .await
        .expect("the keyring opens");
    let mut config = AuthConfig::default();
    config.sessions.cache_age = cache_age;
    let auth = Auth::new(&db, &keys, &audit, config);
    auth.ensure_user(tenant, EMAIL, PASSWORD.into(), Role::User)
        .await
        .expect("the user is made");
    let mut meta = RequestMeta::internal(&sources);
    meta.source_address = "192.0.2.7".parse().ok();
    meta.user_agent =
        Some("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0".to_owned());
    let anonymous = RequestContext::anonymous(tenant, meta.clone());
    let credentials = Credentials {
        email: EMAIL.to_owned(),
        password: PASSWORD.into(),
    };
    let signed_in = auth.sign_in(&anonymous, credentials).await;
    let Ok(SignIn::Complete(signed_in)) = signed_in else {
        unreachable!("the password is right and there is no second factor");
    };
    Signed {
        token: signed_in.token.expose().to_owned(),
        auth,
        meta,
    }
}

fn authenticating(c: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime starts");
    let mut group = c.benchmark_group("authenticate");

    let warm = runtime.block_on(signed(Duration::from_secs(1)));
    runtime
        .block_on(warm.auth.authenticate_token(&warm.token, &warm.meta))
        .expect("the session is live");
    group.bench_function("a session in memory", |bencher| {
        bencher.iter(|| {
            let asked = warm.auth.authenticate_token(black_box(&warm.token), &warm.meta);
            // Nothing is waited for, or this would not be what it says.
            asked
                .now_or_never()
                .expect("it is in memory")
                .expect("the session is live")
        });
    });
    group.bench_function("of that, reading the token", |bencher| {
        bencher.iter(|| SessionToken::parse(black_box(&warm.token)).expect("it is a token"));
    });

    let cold = runtime.block_on(signed(Duration::ZERO));
    group.bench_function("a session that is asked for", |bencher| {
        bencher.iter(|| {
            runtime
                .block_on(cold.auth.authenticate_token(black_box(&cold.token), &cold.meta))
                .expect("the session is live")
        });
    });
    group.finish();
}

criterion_group!(benches, authenticating);
criterion_main!(benches);
