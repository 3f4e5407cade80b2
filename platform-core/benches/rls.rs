//! What row-level security costs: queries through `TenantRead` and `TenantTx`, against the same queries in a plain transaction of a
//! role to which policies do not apply.
//!
//! ```sh
//! cargo bench -p platform-core --features testing --bench rls
//! ```
//!
//! 200,000 rows of 100 tenants. Every side needs three round trips: begin, query, end. Under policies the query is tried both as it
//! is written everywhere in this workspace, naming the tenant too, and without: then the policies alone pick the rows. The sides
//! are timed in turn, so that whatever else the machine does falls on all of them; what is printed are the medians and their
//! ratio to the bypassing role's. The goal is at most 1.05.
//!
//! Two things show that are not the policies. On a socket of the same machine a round trip takes some 20 us, so that the two
//! `SET LOCAL` in the message of `BEGIN`, 6 to 15 us for each transaction, are a tenth of a short one. And a query that names the
//! tenant under policies compares the name with the setting in a plan node of its own, through which every row passes: free for
//! a page, a quarter of the time of a sum over thousands of rows.
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

/// A query, with a number as its first parameter and the tenant as its second where it is named.
struct Case {
    name: &'static str,
    naming_the_tenant: &'static str,
    by_policies_alone: &'static str,
    writes: bool,
}

const CASES: [Case; 4] = [
    Case {
        name: "one row",
        naming_the_tenant: "select id, name, price from bench.item where price = $1 and tenant_id = $2",
        by_policies_alone: "select id, name, price from bench.item where price = $1",
        writes: false,
    },
    Case {
        name: "a page of 20 rows",
        naming_the_tenant: "select id, name, price from bench.item
            where price > $1 and tenant_id = $2 order by price limit 20",
        by_policies_alone: "select id, name, price from bench.item where price > $1 order by price limit 20",
        writes: false,
    },
    Case {
        name: "a sum over 2,000 rows",
        naming_the_tenant: "select sum(price)::bigint from bench.item where price <> $1 and tenant_id = $2",
        by_policies_alone: "select sum(price)::bigint from bench.item where price <> $1",
        writes: false,
    },
    Case {
        name: "an update of one row",
        naming_the_tenant: "update bench.item set name = 'sold' where price = $1 and tenant_id = $2",
        by_policies_alone: "update bench.item set name = 'sold' where price = $1",
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

    async fn under_policies(&self, case: &Case, round: usize, naming: bool) {
        let ctx = &self.contexts[round % TENANTS];
        let query = match naming {
            true => sqlx::query(case.naming_the_tenant)
                .bind(number(round))
                .bind(ctx.tenant()),
            false => sqlx::query(case.by_policies_alone).bind(number(round)),
        };
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
        let query = sqlx::query(case.naming_the_tenant)
            .bind(number(round))
            .bind(tenant);
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

    /// The medians in nanoseconds: naming the tenant, by policies alone, bypassing them.
    async fn compare(&self, case: &Case) -> [u128; 3] {
        let mut nanos = [const { Vec::new() }; 3];
        for round in 0..WARM_UP + ROUNDS {
            let instants = [
                Instant::now(),
                after(self.under_policies(case, round, true)).await,
                after(self.under_policies(case, round, false)).await,
                after(self.around_them(case, round)).await,
            ];
            if round >= WARM_UP {
                for (side, pair) in nanos.iter_mut().zip(instants.windows(2)) {
                    side.push((pair[1] - pair[0]).as_nanos());
                }
            }
        }
        nanos.map(median)
    }
}

/// When a future was ready.
async fn after(future: impl Future<Output = ()>) -> Instant {
    future.await;
    Instant::now()
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
    println!(
        "{:<24}{:>16}{:>16}{:>16}",
        "", "naming", "policies alone", "bypassing"
    );
    for case in &CASES {
        let [naming, alone, bypassing] = bench.compare(case).await;
        let ratio = |nanos: u128| {
            let per_mille = nanos * 1_000 / bypassing;
            format!(
                "{} us {}.{:03}",
                nanos / 1_000,
                per_mille / 1_000,
                per_mille % 1_000
            )
        };
        let bypassing = format!("{} us", bypassing / 1_000);
        println!(
            "{:<24}{:>16}{:>16}{:>16}",
            case.name,
            ratio(naming),
            ratio(alone),
            bypassing
        );
    }
}
