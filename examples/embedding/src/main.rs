//! A small service on top of the platform. Listens on 127.0.0.1:8090.

use std::process::ExitCode;

use embedding::database::Database;
use embedding::{keys, service};
use platform_core::http::HttpConfig;
use platform_core::runtime::{ShutdownConfig, signals};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    tracing_subscriber::fmt().json().init();
    let listener = TcpListener::bind("127.0.0.1:8090").await?;

    let database = Database::open("data/parcels".as_ref()).await?;
    let db = database.connect().await?;
    database.ensure_tenant(&db, "acme", "Acme Ltd").await?;
    let keyring = keys::open(&db, "data/keys".as_ref()).await?;

    let outcome = service(&db, &keyring, HttpConfig::default())?
        .serve(listener, ShutdownConfig::default(), signals()?)
        .await;

    db.close().await;
    database.stop().await?;
    Ok(outcome.exit_code())
}
