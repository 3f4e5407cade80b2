//! Whether lists get slower with the number of tenants: run `cargo bench -p platform-auth --bench tenants` on an idle machine.
//!
//! Prints the median and the 99th percentile of an admin's list of users, of an admin's list of invitations, and of an operator's list of
//! tenants, with 10, 1,000 and 10,000 tenants of ten users each, and how far each p99 lies from that with 10. Within 10 % nobody notices
//! how many neighbours there are. It is no test: a busy machine would fail it for no reason.

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

use platform_auth::AuthConfig;
use platform_core::sqlx::{self, AssertSqlSafe};
use platform_core::testing::TestDb;
use serde_json::json;

use crate::support::{App, Call, Place, SCHEMAS};

const SIZES: [u32; 3] = [10, 1_000, 10_000];
const USERS: u32 = 10;
const ROUNDS: usize = 2_000;
const WARM_UP: usize = 200;

const LISTS: [&str; 3] = [
    "/admin/v1/users?limit=10",
    "/admin/v1/invitations?limit=10",
    "/platform/v1/tenants?limit=10",
];

#[tokio::main]
async fn main() {
    let test = Box::pin(TestDb::own(&SCHEMAS)).await;
    let id = test.tenant().await;
    let mut config = AuthConfig::default();
    config.platform_tenant = Some(id);
    let app = App::on(test, config).await;
    let place = Place {
        id,
        slug: format!("t-{}", id.as_uuid().simple()),
    };
    let admin = app.admin(&place).await;
    for at in 1..USERS {
        app.user(&place, &format!("user{at}@example.com")).await;
        let invitation = json!({ "email": format!("guest{at}@example.com") });
        let call = Call::post("/admin/v1/invitations")
            .bearer(&admin)
            .json(&invitation);
        app.send(call).await.expect(201);
    }

    let mut first = [Duration::ZERO; LISTS.len()];
    let mut have = 1;
    for size in SIZES {
        fill(&app, have, size).await;
        have = size;
        for (path, first) in LISTS.iter().zip(&mut first) {
            let times = measure(&app, &admin, path).await;
            let (median, p99) = (at(&times, 50), at(&times, 99));
            if *first == Duration::ZERO {
                *first = p99;
            }
            let change = change(p99, *first);
            println!("{size:>6} tenants  {path:<32} median {median:>9.1?}  p99 {p99:>9.1?}  {change:>+4} %");
        }
    }
}

/// Adds tenants with users, past everything that guards the tables: nobody signs in there.
async fn fill(app: &App, have: u32, want: u32) {
    let tables = [
        "platform_core.tenant",
        "platform_auth.subject",
        "platform_auth.invitation",
    ];
    let mut statements = vec!["alter table platform_auth.subject disable trigger is_protected".to_owned()];
    statements.push("alter table platform_auth.invitation disable trigger is_protected".to_owned());
    statements.push(format!(
        "insert into platform_core.tenant (id, slug, name, status, created_at)
         select gen_random_uuid(), 'filler-' || n, 'Filler', 'active', now() from generate_series({have}, {want} - 1) n"
    ));
    statements.push(
        "insert into platform_core.tenant_closure (ancestor, descendant, depth)
         select id, id, 0 from platform_core.tenant on conflict do nothing"
            .to_owned(),
    );
    statements.push(format!(
        "insert into platform_auth.subject (tenant_id, id, email_sealed, role, created_at)
         select t.id, gen_random_uuid(), decode(repeat('00', 128), 'hex'), 'user', now()
         from platform_core.tenant t cross join generate_series(1, {USERS}) n
         where t.slug like 'filler-%' and not exists (select from platform_auth.subject s where s.tenant_id = t.id)"
    ));
    statements.push(format!(
        "insert into platform_auth.invitation
           (tenant_id, id, subject_id, token_hash, builtin_role, invited_at, expires_at)
         select t.id, gen_random_uuid(), gen_random_uuid(), sha256(gen_random_uuid()::text::bytea), 'user', now(), now() + interval '1 day'
         from platform_core.tenant t cross join generate_series(1, {USERS}) n
         where t.slug like 'filler-%' and not exists (select from platform_auth.invitation i where i.tenant_id = t.id)"
    ));
    statements.push("alter table platform_auth.subject enable always trigger is_protected".to_owned());
    statements.push("alter table platform_auth.invitation enable always trigger is_protected".to_owned());
    statements.extend(tables.map(|table| format!("analyze {table}")));
    let mut superuser = app.superuser().await;
    for statement in statements {
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut superuser)
            .await
            .unwrap();
    }
}

async fn measure(app: &App, token: &str, path: &str) -> Vec<Duration> {
    let mut times = Vec::with_capacity(ROUNDS);
    for round in 0..ROUNDS + WARM_UP {
        let begun = Instant::now();
        let answer = app.send(Call::get(path).bearer(token)).await;
        let took = begun.elapsed();
        answer.expect(200);
        if round >= WARM_UP {
            times.push(took);
        }
    }
    times.sort_unstable();
    times
}

/// By how many percent one time lies above another.
fn change(now: Duration, before: Duration) -> i128 {
    let nanos = |time: Duration| i128::try_from(time.as_nanos()).unwrap();
    (nanos(now) - nanos(before)) * 100 / nanos(before)
}

fn at(times: &[Duration], percent: usize) -> Duration {
    times[(times.len() - 1) * percent / 100]
}
