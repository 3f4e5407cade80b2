//! What row-level security costs: queries through `TenantRead` and `TenantTx`, against the same queries in a plain transaction of a
//! role to which policies do not apply.
//!
//! ```sh
//! cargo bench -p platform-core --features testing --bench rls
//! ```
//!
//! 200,000 rows of 100 tenants. Both sides name the tenant in the query and need three round trips: begin, query, end. The two are
//! timed in turn, so that whatever else the machine does falls on both; what is printed is the ratio of the medians. The goal
//! is at most 1.05.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use std::time::Instant;

use platform_core::pg::Db;
use platform_core::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use platform_core::sqlx::{self, AssertSqlSafe, Connection, Executor, PgConnection, PgPool};
use platform_core::testing::TestDb;
use platform_core::{RequestContext, TenantId};

const TENANTS: usize = 100;
const WARM_UP: usize = 500;
const ROUNDS: usize = 5_000;

const TABLE: &str = "
    create schema bench;
    grant usage on schema bench to public;
    create table bench.item (
        tenant_id uuid not null default current_setting('platform.tenant_id')::uuid,
        id        uuid not null,
        name      text not null,
        price     bigint not null,
        primary key (tenant_id, id)
    );
    create index item_price on bench.item (tenant_id, price);
    select platform_core.tenant_table('bench.item', 'select, insert, update');
    grant select, insert, update on bench.item to public;";

const ROWS: &str = "
    insert into bench.item (tenant_id, id, name, price)
    select tenant, gen_random_uuid(), 'item ' || number, number
    from unnest($1::uuid[]) tenant, generate_series(1, 2000) number";

/// A statement with the tenant as its first parameter and a number as its second.
struct Case {
    name: &'static str,
    statement: &'static str,
    writes: bool,
}

const CASES: [Case; 4] = [
    Case {
        name: "a page of 20 rows",
        statement: "select id, name, price from bench.item where tenant_id = $1 and price > $2 order by price limit 20",
        writes: false,
    },
    Case {
        name: "one row",
        statement: "select id, name, price from bench.item where tenant_id = $1 and price = $2",
        writes: false,
    },
    Case {
        name: "a sum over 2,000 rows",
        statement: "select sum(price)::bigint from bench.item where tenant_id = $1 and price <> $2",
        writes: false,
    },
    Case {
        name: "an update of one row",
        statement: "update bench.item set name = 'sold' where tenant_id = $1 and price = $2",
        writes: true,
    },
];

struct Bench {
    db: Db,
    bypassing: PgPool,
    tenants: Vec<TenantId>,
    contexts: Vec<RequestContext>,
}

impl Bench {
    async fn new() -> Self {
        let test = TestDb::own(&[]).await;
        let tenants: Vec<_> = (0..TENANTS).map(|_| TenantId::generate(test.sources())).collect();
        let role = format!("bench_{}", tenants[0].as_uuid().simple());
        let app_url = test.app_url();
        let (user_info, rest) = app_url["postgres://".len()..].split_once('@').unwrap();
        let password = user_info.split_once(':').map_or("x", |(_, password)| password);

        let mut superuser = PgConnection::connect(&test.superuser_url()).await.unwrap();
        let create = format!("create role {role} login bypassrls password '{password}'");
        superuser.execute(AssertSqlSafe(create)).await.unwrap();
        superuser.execute(TABLE).await.unwrap();
        sqlx::query(ROWS)
            .bind(&tenants)
            .execute(&mut superuser)
            .await
            .unwrap();
        superuser.execute("vacuum analyze bench.item").await.unwrap();
        superuser.close().await.unwrap();

        let options: PgConnectOptions = format!("postgres://{role}:{password}@{rest}").parse().unwrap();
        let bypassing = PgPoolOptions::new()
            .max_connections(1)
            .test_before_acquire(false)
            .connect_with(options.options([("jit", "off")]))
            .await
            .unwrap();
        Self {
            db: test.connect_with(1).await,
            bypassing,
            contexts: tenants.iter().map(|tenant| test.context(*tenant)).collect(),
            tenants,
        }
    }

    async fn under_policies(&self, case: &Case, round: usize) {
        let ctx = &self.contexts[round % TENANTS];
        let query = sqlx::query(case.statement).bind(ctx.tenant()).bind(number(round));
        if case.writes {
            let mut tx = self.db.begin(ctx).await.unwrap();
            query.execute(&mut tx).await.unwrap();
            tx.commit().await.unwrap();
        } else {
            let mut read = self.db.read(ctx).await.unwrap();
            query.fetch_all(&mut read).await.unwrap();
            read.finish().await.unwrap();
        }
    }

    async fn around_them(&self, case: &Case, round: usize) {
        let tenant = self.tenants[round % TENANTS];
        let query = sqlx::query(case.statement).bind(tenant).bind(number(round));
        if case.writes {
            let mut tx = self.bypassing.begin().await.unwrap();
            query.execute(&mut *tx).await.unwrap();
            tx.commit().await.unwrap();
        } else {
            let mut tx = self.bypassing.begin_with("BEGIN READ ONLY").await.unwrap();
            query.fetch_all(&mut *tx).await.unwrap();
            tx.rollback().await.unwrap();
        }
    }

    /// The medians of both sides in microseconds.
    async fn compare(&self, case: &Case) -> (u128, u128) {
        let mut under_policies = Vec::with_capacity(ROUNDS);
        let mut around_them = Vec::with_capacity(ROUNDS);
        for round in 0..WARM_UP + ROUNDS {
            let started = Instant::now();
            self.under_policies(case, round).await;
            let between = Instant::now();
            self.around_them(case, round).await;
            let ended = Instant::now();
            if round >= WARM_UP {
                under_policies.push((between - started).as_nanos());
                around_them.push((ended - between).as_nanos());
            }
        }
        (median(under_policies), median(around_them))
    }
}

/// Spreads the rounds over a tenant's rows.
fn number(round: usize) -> i64 {
    i64::try_from(round * 7_919 % 1_900).unwrap() + 1
}

fn median(mut nanos: Vec<u128>) -> u128 {
    nanos.sort_unstable();
    nanos[nanos.len() / 2]
}

#[tokio::main]
async fn main() {
    let bench = Box::pin(Bench::new()).await;
    println!("{:<24} {:>12} {:>12} {:>7}", "", "policies", "bypassing", "ratio");
    for case in &CASES {
        let (under_policies, around_them) = bench.compare(case).await;
        let per_mille = under_policies * 1_000 / around_them;
        println!(
            "{:<24} {:>9} us {:>9} us {:>3}.{:03}",
            case.name,
            under_policies / 1_000,
            around_them / 1_000,
            per_mille / 1_000,
            per_mille % 1_000,
        );
    }
}
