//! Market orders that fill at once.

use std::time::Duration;

use platform_core::sqlx;

use crate::load::Load;
use crate::pgbench::TpcB;
use crate::server::Server;
use crate::users::Orders;
use crate::{Anyhow, Plan, median};

/// The most clients of a measurement.
const MOST: usize = 64;

/// How often the server has committed orders.
const COMMITS: &str = "order_commits_total";

/// Orders of so many accounts in turn with TPC-B.
pub(crate) async fn against_tpc_b(plan: Plan) -> Anyhow<()> {
    let server = Server::new(&[])?;
    let tpc_b = TpcB::prepare(&server.data_dir(), 64).await?;
    let orders = warmed_up(&server, MOST).await?;
    for clients in [1, 8, MOST] {
        let mut results = Vec::new();
        for _ in 0..plan.rounds {
            let base = tpc_b.run(clients, plan.length)?;
            let before = server.metric(COMMITS).await?;
            let load = orders.run(clients, plan.length).await?;
            let commits = server.metric(COMMITS).await? - before;
            results.push((load.rate / base, (base, load, commits)));
        }
        let (ratio, (base, load, commits)) = median(results)?;
        println!(
            "place     {clients:>2} clients  {}  {:.3} commits/order  TPC-B {base:.0}/s  orders for each TPC-B {ratio:.2}",
            told(&load),
            per(commits, load.count),
        );
    }
    Ok(())
}

/// One account that everybody uses, in turn with one for each.
pub(crate) async fn hot(plan: Plan) -> Anyhow<()> {
    let server = Server::new(&[])?;
    let orders = warmed_up(&server, MOST).await?;
    let mut results = Vec::new();
    for _ in 0..plan.rounds {
        let uniform = orders.run(MOST, plan.length).await?;
        let before = server.metric(COMMITS).await?;
        let hot = orders.run_hot(MOST, plan.length).await?;
        let commits = server.metric(COMMITS).await? - before;
        results.push((hot.rate / uniform.rate, (uniform, hot, commits)));
    }
    let (ratio, (uniform, hot, commits)) = median(results)?;
    println!("hot       {MOST} clients, {MOST} accounts  {}", told(&uniform));
    println!(
        "hot       {MOST} clients,  1 account   {}  {:.3} commits/order  share of the rate {ratio:.2}",
        told(&hot),
        per(commits, hot.count)
    );
    Ok(())
}

/// The sequencer at work five times a second, and once a minute: one server after the other, since it cannot be told while it runs.
pub(crate) async fn chain(plan: Plan) -> Anyhow<()> {
    let mut results = Vec::new();
    for _ in 0..plan.rounds {
        let working = with_interval("200", plan).await?;
        let resting = with_interval("60000", plan).await?;
        results.push((working.rate / resting.rate, (working, resting)));
    }
    let (ratio, (working, resting)) = median(results)?;
    println!("chain      8 clients, sequencer at work  {}", told(&working));
    println!(
        "chain      8 clients, sequencer at rest  {}  at work {ratio:.2} of it",
        told(&resting)
    );
    Ok(())
}

async fn with_interval(interval_ms: &'static str, plan: Plan) -> Anyhow<Load> {
    let server = Server::new(&[("PLATFORM_AUDIT_INTERVAL_MS", interval_ms)])?;
    let orders = warmed_up(&server, 8).await?;
    orders.run(8, plan.length).await
}

/// A server knows its tables after its first minute. Until then it may look for an order through any index that begins with the tenant.
async fn warmed_up(server: &Server, clients: usize) -> Anyhow<Orders> {
    let orders = Orders::prepare(server.address, clients).await?;
    orders.run(clients, Duration::from_secs(1)).await?;
    sqlx::query("analyze")
        .execute(&mut server.superuser().await?)
        .await?;
    Ok(orders)
}

fn told(load: &Load) -> String {
    format!(
        "{:>7.0} orders/s  p50 {:.2?}  p99 {:.2?}",
        load.rate, load.p50, load.p99
    )
}

fn per(part: u64, of: usize) -> f64 {
    part as f64 / of.max(1) as f64
}
