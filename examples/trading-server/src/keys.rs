//! The command `keys`: what an operator does with keys and with the people they protect.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::anyhow;
use platform_auth::{EraseUserError, Fault, HoldUserError};
use platform_core::pg::{Db, Tenant};
use platform_core::time::format_description::well_known::Rfc3339;
use platform_core::{PrincipalId, RequestContext, Sources, Timestamp};
use platform_crypto::{
    Hold, KeyError, KeyInfo, KeyState, Keyring, Pacing, Purpose, create_key_file, new_key_text, prepend_key,
};

use crate::cli::{HoldTask, KeyPurpose, KeysTask, OfTenant};
use crate::compose::Handles;
use crate::exit::Exit;
use crate::refusal::{OrRefuse, Refusal};
use crate::tenants;

/// Does a task and answers what to print.
///
/// # Errors
/// [`Refusal`] with [`Exit::Findings`] for what the keys do not allow, [`Exit::Usage`] for what is not there or was not confirmed,
/// [`Exit::Unavailable`] when the database or the provider of the root key is away.
pub async fn run(task: &KeysTask, db: &Db, handles: &Handles) -> Result<String, Refusal> {
    let at = &At { db, handles };
    match task {
        KeysTask::List { tenant } => list(at, tenant).await,
        KeysTask::Rotate { tenant, purpose, now } => rotate(at, tenant, *purpose, *now).await,
        KeysTask::Reseal {
            tenant,
            rows,
            pause_ms,
        } => reseal(at, tenant, Pacing::new(*rows, Duration::from_millis(*pause_ms))).await,
        KeysTask::Destroy {
            tenant,
            purpose,
            version,
            yes,
        } => {
            confirmed(*yes)?;
            destroy(at, tenant, *purpose, *version).await
        }
        KeysTask::Rewrap => rewrap(at).await,
        KeysTask::Replay => replay(at).await,
        KeysTask::Erase { tenant, user, yes } => {
            confirmed(*yes)?;
            erase(at, tenant, *user).await
        }
        KeysTask::Hold { task } => hold(at, task).await,
        KeysTask::NewRoot { .. } => Err(Refusal::new(
            Exit::Internal,
            anyhow!("a root key needs no database"),
        )),
    }
}

/// What the tasks work on.
struct At<'a> {
    db: &'a Db,
    handles: &'a Handles,
}

/// Makes a root key, in a file or as text to print. Needs neither a database nor a configuration.
///
/// # Errors
/// [`Refusal`] when the file cannot be written.
pub fn new_root(file: Option<&Path>, sources: &Sources) -> Result<String, Refusal> {
    let Some(file) = file else {
        return Ok(format!("{}\n", *new_key_text(sources)));
    };
    let shown = file.display();
    if !file.exists() {
        create_key_file(file, sources).or_refuse(Exit::NoInput)?;
        return Ok(format!(
            "made {shown} with a root key; keep a copy of it apart from the copies of the database\n"
        ));
    }
    let root = prepend_key(file, sources).or_refuse(Exit::NoInput)?;
    Ok(format!(
        "{root} stands in front of the keys of {shown} now: read how a root key is changed in docs/OPERATIONS.md before you restart more than one instance, then run keys rewrap\n"
    ))
}

async fn list(at: &At<'_>, tenant: &OfTenant) -> Result<String, Refusal> {
    let ctx = context(at, tenant, "list keys").await?;
    let keys = at.handles.keyring.list(&ctx).await.map_err(refused)?;
    let mut lines = format!(
        "{:<7} {:>7}  {:<12} {:<32}  {:<24} {:>11}  in use from\n",
        "purpose", "version", "state", "key", "root key", "uses"
    );
    for key in &keys {
        let KeyInfo {
            purpose,
            version,
            state,
            id,
            uses,
            ..
        } = key;
        let root = key.root.as_ref().map_or("-".to_owned(), ToString::to_string);
        let from = shown(key.activates_at);
        let _ = writeln!(
            lines,
            "{:<7} {version:>7}  {:<12} {id}  {root:<24} {uses:>11}  {from}",
            purpose.as_str(),
            state.as_str()
        );
    }
    Ok(lines)
}

async fn rotate(at: &At<'_>, tenant: &OfTenant, purpose: KeyPurpose, now: bool) -> Result<String, Refusal> {
    let ctx = context(at, tenant, "rotate a key").await?;
    let purpose = of(purpose);
    let rotated = match now {
        false => at.handles.keyring.rotate(&ctx, purpose).await,
        true => at.handles.keyring.rotate_now(&ctx, purpose).await,
    };
    let key = rotated.map_err(refused)?;
    let (version, from) = (key.version, shown(key.activates_at));
    Ok(match key.state {
        KeyState::Active => format!("{} key, version {version}: in use\n", purpose.as_str()),
        _ => format!(
            "{} key, version {version}: published, in use from {from}; run keys reseal after that\n",
            purpose.as_str()
        ),
    })
}

/// The values of tables, the keys of people, and the tags by which people are found; each may have been done in part before.
async fn reseal(at: &At<'_>, tenant: &OfTenant, pacing: Pacing) -> Result<String, Refusal> {
    let ctx = context(at, tenant, "seal anew").await?;
    let resealed = at.handles.keyring.reseal(&ctx, pacing).await.map_err(refused)?;
    let report = format!(
        "sealed anew: {} values; under the newest key now: the keys of {} people, the tags of {}\n",
        resealed.moved, resealed.rewrapped, resealed.tagged
    );
    if resealed.failed > 0 {
        let error = anyhow!(
            "{report}{} values cannot be opened and stay under their old keys",
            resealed.failed
        );
        return Err(Refusal::new(Exit::Findings, error));
    }
    Ok(report)
}

async fn destroy(
    at: &At<'_>,
    tenant: &OfTenant,
    purpose: KeyPurpose,
    version: u32,
) -> Result<String, Refusal> {
    let ctx = context(at, tenant, "destroy a key").await?;
    let key = at
        .handles
        .keyring
        .destroy(&ctx, of(purpose), version)
        .await
        .map_err(refused)?;
    Ok(format!(
        "{} key, version {version}: destroyed ({})\n",
        key.purpose.as_str(),
        key.id
    ))
}

/// Every tenant, and the older root keys out of the database's list when nothing is under them any more.
async fn rewrap(at: &At<'_>) -> Result<String, Refusal> {
    let mut keys = 0;
    let mut failed = None;
    for tenant in tenants::all(at.db).await? {
        let ctx = RequestContext::system(tenant.id, "rewrap keys", at.db.sources());
        match at.handles.keyring.rewrap(&ctx).await {
            Ok(done) => keys += done,
            Err(error) => note(&mut failed, &tenant, refused(error)),
        }
    }
    if let Some(failed) = failed {
        return Err(failed);
    }
    let mut report = format!("{keys} keys are under the current root key now\n");
    let current = at.handles.keyring.current_root();
    for known in Keyring::root_keys(at.db).await.map_err(refused)? {
        if known.root == current {
            continue;
        }
        Keyring::retire_root(at.db, &known.root).await.map_err(refused)?;
        let _ = writeln!(
            report,
            "nothing is under {} any more: take it out of the configuration",
            known.root
        );
    }
    Ok(report)
}

/// After a backup was restored.
async fn replay(at: &At<'_>) -> Result<String, Refusal> {
    let mut users = 0;
    let mut failed = None;
    for tenant in tenants::all(at.db).await? {
        let ctx = RequestContext::system(tenant.id, "replay erasures", at.db.sources());
        let replayed = match at.handles.keyring.replay_erasures(&ctx).await {
            Ok(_) => at.handles.auth.replay_erasures(&ctx).await.map_err(faulty),
            Err(error) => Err(refused(error)),
        };
        match replayed {
            Ok(done) => users += done,
            Err(refusal) => note(&mut failed, &tenant, refusal),
        }
    }
    match failed {
        Some(failed) => Err(failed),
        None => Ok(format!("{users} users were erased again\n")),
    }
}

/// One tenant's damage does not keep the others waiting: it is logged, and the first refusal is the command's own at the end.
fn note(failed: &mut Option<Refusal>, tenant: &Tenant, refusal: Refusal) {
    tracing::error!(tenant.id = %tenant.id, "tenant {} was left out: {refusal}", tenant.slug.as_str());
    failed.get_or_insert(refusal);
}

async fn erase(at: &At<'_>, tenant: &OfTenant, user: PrincipalId) -> Result<String, Refusal> {
    let ctx = context(at, tenant, "erase a user").await?;
    match at.handles.auth.erase_user(&ctx, user).await {
        Ok(_) => Ok(format!("user {user} is erased\n")),
        Err(EraseUserError::Held { holds }) => {
            let lines: String = holds.iter().map(line).collect();
            let error = anyhow!("user {user} is under a legal hold and was not erased\n{lines}");
            Err(Refusal::new(Exit::Findings, error))
        }
        Err(EraseUserError::Fault(fault)) => Err(faulty(fault)),
        Err(error) => Err(Refusal::new(Exit::Usage, error)),
    }
}

async fn hold(at: &At<'_>, task: &HoldTask) -> Result<String, Refusal> {
    let done = match task {
        HoldTask::List { tenant, user } => {
            let ctx = context(at, tenant, "list legal holds").await?;
            let holds = at.handles.auth.holds(&ctx, *user).await;
            holds.map(|holds| holds.iter().map(line).collect())
        }
        HoldTask::Place { tenant, user, reason } => {
            let ctx = context(at, tenant, "place a legal hold").await?;
            let hold = at.handles.auth.place_hold(&ctx, *user, reason).await;
            hold.map(|hold| line(&hold))
        }
        HoldTask::Release { tenant, user, hold } => {
            let ctx = context(at, tenant, "release a legal hold").await?;
            let released = at.handles.auth.release_hold(&ctx, *user, *hold).await;
            released.map(|hold| format!("released {}\n", hold.id))
        }
    };
    done.map_err(|error| match error {
        HoldUserError::Fault(fault) => faulty(fault),
        HoldUserError::Erased => Refusal::new(Exit::Findings, error),
        error => Refusal::new(Exit::Usage, error),
    })
}

fn line(hold: &Hold) -> String {
    format!("{}  since {}  {}\n", hold.id, shown(hold.placed_at), hold.reason)
}

fn shown(at: Timestamp) -> String {
    at.format(&Rfc3339).unwrap_or_default()
}

fn of(purpose: KeyPurpose) -> Purpose {
    match purpose {
        KeyPurpose::Data => Purpose::Data,
        KeyPurpose::Index => Purpose::Index,
    }
}

fn confirmed(yes: bool) -> Result<(), Refusal> {
    match yes {
        true => Ok(()),
        false => Err(Refusal::new(
            Exit::Usage,
            anyhow!("nothing undoes this; say --yes if it is meant"),
        )),
    }
}

async fn context(at: &At<'_>, tenant: &OfTenant, reason: &'static str) -> Result<RequestContext, Refusal> {
    let found = tenants::named(at.db, &tenant.tenant).await?;
    Ok(RequestContext::system(found.id, reason, at.db.sources()))
}

fn refused(error: KeyError) -> Refusal {
    let exit = match &error {
        error if error.is_unavailable() => Exit::Unavailable,
        KeyError::NotFound { .. } => Exit::Usage,
        KeyError::RootKeyMissing(_) | KeyError::WrongRootKey(_) => Exit::Configuration,
        _ => Exit::Findings,
    };
    Refusal::new(exit, error)
}

fn faulty(fault: Fault) -> Refusal {
    match fault {
        Fault::Keys(error) => refused(error),
        fault => Refusal::new(Exit::Unavailable, fault),
    }
}
