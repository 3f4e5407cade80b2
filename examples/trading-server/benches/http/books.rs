//! Replaying and verifying what was traded.

use std::time::Instant;

use platform_audit::AuditLog;
use platform_core::pg::{Db, DbConfig, Tenants};
use platform_core::{RequestContext, Sources};
use tokio_util::sync::CancellationToken;
use trading::{BoardConfig, QuoteBoard, Trading, TradingConfig};

use crate::server::Server;
use crate::users::Orders;
use crate::{Anyhow, Plan};

pub(crate) async fn run(plan: Plan) -> Anyhow<()> {
    let mut server = Server::new(&[])?;
    let orders = Orders::prepare(server.address, 8).await?;
    let placed = orders.run(8, plan.length).await?.count;
    let config = DbConfig::new(server.application_url().await?).with_max_connections(4);
    let db = Db::connect(&config, Sources::system()).await?;
    let board = QuoteBoard::new(Vec::new(), BoardConfig::default());
    let audit = AuditLog::new(db.sources().clone());
    let trading = Trading::new(&db, &audit, &board, TradingConfig::default());
    let (mut events, mut accounts) = (0, 0);
    let began = Instant::now();
    for tenant in Tenants::new(&db).list(None, 100).await? {
        let ctx = RequestContext::system(tenant.id, "measure verifying", db.sources());
        let verification = trading.verify(&ctx, &CancellationToken::new(), |_| {}).await?;
        anyhow::ensure!(verification.is_clean(), "{:?}", verification.findings);
        events += verification.verified.events;
        accounts += verification.verified.accounts;
    }
    let took = began.elapsed();
    db.close().await;
    println!(
        "verify    {events} events of {accounts} accounts after {placed} orders  {:.0} events/s  {took:.2?}",
        events as f64 / took.as_secs_f64()
    );
    server.stop();
    let began = Instant::now();
    server.command(&["verify"])?;
    println!(
        "verify    the command, with its database's start and the audit trail  {:.2?}",
        began.elapsed()
    );
    Ok(())
}
