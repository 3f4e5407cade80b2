//! The command `verify`: nothing was lost, doubled or altered, neither in the accounts nor in the audit trail.

use std::ffi::OsString;
use std::fmt::Write as _;

use platform_audit::AuditLog;
use platform_core::pg::{Db, Tenant};
use platform_core::{RequestContext, Sources};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use trading::{BoardConfig, QuoteBoard, Trading, Verification};

use crate::audit::Trails;
use crate::audit::progress::Bar;
use crate::cli::VerifyBooks;
use crate::commands::say;
use crate::config::Settings;
use crate::database::{Database, self_check};
use crate::exit::Exit;
use crate::market;
use crate::refusal::{OrRefuse, Refusal};

/// Verifies the accounts of the tenants that were named, or of all, and prints what was found: [`Exit::Findings`] when something is not
/// what it has to be.
///
/// # Errors
/// [`Exit::Usage`] when it could not be looked at, for whatever reason.
pub async fn run(settings: &Settings, path: Option<OsString>, books: &VerifyBooks) -> Result<Exit, Refusal> {
    let verified = verify(settings, path, books).await;
    let (verified, trails) = verified.map_err(|refusal| refusal.ends(Exit::Usage))?;
    let clean = verified.iter().all(|(_, verification)| verification.is_clean());
    match books.json {
        true => {
            let tenants: Vec<_> = verified.iter().map(|(slug, one)| as_json(slug, one)).collect();
            let told = json!({
                "clean": clean && trails.is_clean,
                "tenants": tenants,
                "trails": trails.trails,
                "not_verified": trails.not_verified,
            });
            say(&format!("{told}\n"));
        }
        false => {
            verified.iter().for_each(|(slug, one)| say(&as_text(slug, one)));
            say(&trails.text);
        }
    }
    Ok(match trails.exit() {
        Exit::Clean if !clean => Exit::Findings,
        exit => exit,
    })
}

async fn verify(
    settings: &Settings,
    path: Option<OsString>,
    books: &VerifyBooks,
) -> Result<(Vec<(String, Verification)>, Trails), Refusal> {
    let database = Database::for_looking(settings, path).await?;
    let verified = async {
        let db = database.connect(settings, Sources::system()).await?;
        let verified = verify_in(&db, settings, books).await;
        db.close().await;
        let of_trails = crate::cli::Verification {
            tenants: books.tenants.clone(),
            json: books.json,
            ..crate::cli::Verification::default()
        };
        let trails = Trails::verify(&database, settings, &of_trails).await?;
        Ok((verified?, trails))
    }
    .await;
    database.stop().await;
    verified
}

async fn verify_in(
    db: &Db,
    settings: &Settings,
    books: &VerifyBooks,
) -> Result<Vec<(String, Verification)>, Refusal> {
    self_check(db).await?;
    let mut tenants = Vec::new();
    for slug in &books.tenants {
        tenants.push(crate::tenants::named(db, slug).await?);
    }
    if tenants.is_empty() {
        tenants = crate::tenants::all(db).await?;
    }
    // Nothing is quoted: nobody trades here.
    let board = QuoteBoard::new(Vec::new(), BoardConfig::default());
    let log = AuditLog::new(db.sources().clone());
    let trading = Trading::new(db, &log, &board, market::trading_config(settings, None));
    let stop = CancellationToken::new();
    let verified = each(&trading, db, (&tenants, books.json), &stop);
    tokio::pin!(verified);
    tokio::select! {
        verified = &mut verified => return verified,
        _ = tokio::signal::ctrl_c() => stop.cancel(),
    }
    verified.await
}

async fn each(
    trading: &Trading,
    db: &Db,
    (tenants, json): (&[Tenant], bool),
    stop: &CancellationToken,
) -> Result<Vec<(String, Verification)>, Refusal> {
    let mut verified = Vec::new();
    for tenant in tenants {
        let ctx = RequestContext::system(tenant.id, "verify the accounts", db.sources());
        let mut bar = Bar::new(tenant.slug.as_str(), !json);
        let progress =
            |progress: trading::VerifyProgress| bar.tell(progress.accounts, progress.accounts_total);
        let verification = trading.verify(&ctx, stop, progress).await;
        drop(bar);
        let verification = verification.or_refuse(Exit::Unavailable)?;
        let stopped = verification.stopped;
        verified.push((tenant.slug.to_string(), verification));
        if stopped {
            break;
        }
    }
    Ok(verified)
}

fn as_text(slug: &str, verification: &Verification) -> String {
    let Verification {
        verified,
        findings,
        findings_total,
        stopped,
    } = verification;
    let mut text = format!(
        "{slug}: {} accounts, {} events, {findings_total} findings\n",
        verified.accounts, verified.events
    );
    if *stopped {
        let _ = writeln!(
            text,
            "  it was interrupted, and says nothing of the other accounts"
        );
    }
    for finding in findings {
        let _ = writeln!(text, "  {finding}");
    }
    text
}

fn as_json(slug: &str, verification: &Verification) -> Value {
    let findings = verification.findings.iter().map(|finding| {
        json!({ "rule": finding.rule(), "subject": finding.subject(), "message": finding.to_string() })
    });
    json!({
        "tenant": slug,
        "clean": verification.is_clean(),
        "stopped": verification.stopped,
        "accounts": verification.verified.accounts,
        "events": verification.verified.events,
        "findings_total": verification.findings_total,
        "findings": findings.collect::<Vec<_>>(),
    })
}
