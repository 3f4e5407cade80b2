//! The commands of the binary.

use std::ffi::OsString;
use std::io::Write;
use std::net::SocketAddr;

use anyhow::Context;
use platform_auth::{EmailAddress, Ensured, Role, SealClearError};
use platform_core::Sources;
use platform_core::runtime::{Outcome, ShutdownConfig, signals};
use platform_core::secrecy::ExposeSecret;
use tokio::net::TcpListener;

use crate::cli::{self, KeysTask, TenantTask};
use crate::compose::{self, Beside, Handles};
use crate::config::Settings;
use crate::database::{Database, self_check};
use crate::exit::Exit;
use crate::ready::Ready;
use crate::redis::Shared;
use crate::refusal::{OrRefuse, Refusal};
use crate::tenants::{create_tenant as create_tenant_row, look_after, make_up_password, to_go_on_with};
use crate::{demo, keyring, keys as tasks, market, trail};

/// Starts everything and serves until it is told to stop.
///
/// # Errors
/// [`Refusal`] when something it needs is not there; nothing is left running then.
pub async fn serve(settings: &Settings, path: Option<OsString>) -> Result<Exit, Refusal> {
    // What costs nothing to find out comes first: a port in use or a broken file should not start a database.
    let (feed, board) = market::open(&settings.market)?;
    let listener = bind(settings.listen).await?;
    let metrics_listener = match settings.metrics.listen {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    let redis = Shared::connect(&settings.redis).await?;
    let stop = signals().or_refuse(Exit::Internal)?;

    let database = Database::for_serving(settings, path).await?;
    let served = async {
        let migrated = database.migrate().await?;
        if let Some(migrated) = migrated {
            tracing::info!(
                applied = migrated.applied,
                known = migrated.known,
                "the schemas are up to date"
            );
        }
        let ready = Ready::open(&database, settings, &board).await?;
        let Ready { db, handles, .. } = &ready;
        let sequencer = trail::sequencer(db, &ready.trail, &settings.audit).await?;
        seal_clear_users(handles).await?;
        let credentials = demo::seed(db, handles, &settings.demo).await?;
        if let Some(credentials) = credentials {
            say(credentials.expose());
        }
        let beside = Beside {
            metrics_listener,
            keeper: database.keeper(),
            renewal: ready.keyring.renewal(),
            sequencer: Some(sequencer),
            redis,
        };
        let platform = compose::platform(db, &ready.trail, handles, feed, settings, beside)?;
        let address = listener.local_addr().or_refuse(Exit::Internal)?;
        greet(settings, &database, address);

        let shutdown = ShutdownConfig {
            notice: settings.shutdown.notice,
            drain: settings.shutdown.drain,
            ..ShutdownConfig::default()
        };
        let outcome = platform.serve(listener, shutdown, stop).await;
        db.close().await;
        Ok(match outcome {
            Outcome::Clean => Exit::Clean,
            Outcome::DeadlineExceeded { .. } | Outcome::Forced { .. } => Exit::DrainTimedOut,
        })
    }
    .await;
    database.stop().await;
    served
}

/// Brings the schemas up to date and ends.
///
/// # Errors
/// [`Refusal`] when there is no owner to do it as, or a file fails.
pub async fn migrate(settings: &Settings, path: Option<OsString>) -> Result<Exit, Refusal> {
    let database = Database::for_operating(settings, path).await?;
    let migrated = async {
        let migrated = database.migrate().await?;
        let sealed = match migrated {
            Some(_) => seal_after_migrating(settings, &database).await?,
            None => None,
        };
        Ok::<_, Refusal>((migrated, sealed))
    }
    .await;
    database.stop().await;
    match migrated? {
        (Some(migrated), sealed) => {
            say(&format!(
                "{} of {} migrations were applied now\n",
                migrated.applied, migrated.known
            ));
            match sealed {
                Some(0) => {}
                Some(users) => say(&format!("{users} users of an older release were sealed\n")),
                None => say("users of an older release are sealed when the server starts\n"),
            }
            Ok(Exit::Clean)
        }
        (None, _) => Err(Refusal::new(
            Exit::Configuration,
            anyhow::anyhow!(
                "set DATABASE_OWNER_URL to the role that owns the schemas: the application may not change them"
            ),
        )),
    }
}

/// Checks the configuration, the market data, the database, the keys and the trail, says what it found and ends. It changes nothing,
/// and makes neither a database nor a key nor a folder that is not there.
///
/// # Errors
/// [`Refusal`] when a check fails.
pub async fn check(settings: &Settings, path: Option<OsString>) -> Result<Exit, Refusal> {
    let (feed, _) = market::open(&settings.market)?;
    say(&format!(
        "configuration: sound\nmarket: {} symbols\n",
        feed.instruments().len()
    ));
    if Shared::connect(&settings.redis).await?.is_some() {
        say("redis: reached\n");
    }
    let database = Database::for_looking(settings, path).await?;
    let checked = async {
        say(&format!("database: {}\n", database.description));
        let db = database.connect(settings, Sources::system()).await?;
        let report = self_check(&db).await?;
        for finding in report.findings() {
            match finding.allowed {
                Some(reason) => say(&format!(
                    "allowed: {} on {}: {reason}\n",
                    finding.code, finding.object
                )),
                None => say(&format!("warning: {finding}\n")),
            }
        }
        let seen = trail::look(&db, &settings.audit).await?;
        let has_root = keyring::look(&db, &settings.keys).await?;
        db.close().await;
        say("isolation: proven by the self-check and the canary\n");
        say(match has_root {
            true => "keys: the root key is the one of this database\n",
            false => "keys: nothing is sealed yet\n",
        });
        say(match (seen.key, seen.marks) {
            (Some(_), Some(_)) => "audit: the key and the marks are those of this trail\n",
            (Some(_), None) => "audit: the key is there, and nothing is signed yet\n",
            (None, _) => "audit: the server makes the key at its first start\n",
        });
        Ok(Exit::Clean)
    }
    .await;
    database.stop().await;
    checked
}

/// Makes a tenant and its first administrator, says how to sign in, and ends. Interrupted and called again it goes on.
///
/// # Errors
/// [`Refusal`] when the tenant cannot be made.
pub async fn create_tenant(
    settings: &Settings,
    path: Option<OsString>,
    new: &cli::NewTenant,
) -> Result<Exit, Refusal> {
    let database = Database::for_operating(settings, path).await?;
    let made = async {
        database.migrate().await?;
        let (_, board) = market::open(&settings.market)?;
        let ready = Ready::open(&database, settings, &board).await?;
        let Ready { db, handles, .. } = &ready;
        seal_clear_users(handles).await?;
        // Before anything is made: a tenant without an administrator would be of no use.
        EmailAddress::parse(&new.admin).or_refuse(Exit::Usage)?;
        let known = match new.slug.parse() {
            Ok(slug) => handles
                .tenants
                .by_slug(&slug)
                .await
                .or_refuse(Exit::Unavailable)?,
            Err(error) => return Err(Refusal::new(Exit::Usage, anyhow::Error::new(error))),
        };
        let tenant = match known {
            Some(tenant) => to_go_on_with(handles, db, tenant).await?,
            None => create_tenant_row(db, handles, (&new.slug, &new.name), new.host.as_deref()).await?,
        };
        let password = make_up_password(db.sources());
        let admin = handles
            .auth
            .ensure_user(tenant, &new.admin, password.clone(), Role::Admin)
            .await;
        let admin = admin.or_refuse(Exit::Unavailable)?;
        ready.close().await;
        let (slug, email) = (&new.slug, &new.admin);
        if let Ensured::Existing(_) = admin {
            return Err(Refusal::new(
                Exit::Findings,
                anyhow::anyhow!("the tenant {slug} and its user {email} exist already"),
            ));
        }
        let password = password.expose_secret();
        let is_platform = settings.platform.tenant.as_ref().map(ToString::to_string);
        let operator = match is_platform.as_ref() == Some(slug) {
            true => "its admins are the operators of the platform once the server has started anew\n",
            false => "",
        };
        say(&format!(
            "tenant {slug} ({tenant})\nadmin {email} password {password}, shown this once\n{operator}"
        ));
        Ok(Exit::Clean)
    }
    .await;
    database.stop().await;
    made
}

/// Does a task of the operator's on tenants, says what it did and ends.
///
/// # Errors
/// [`Refusal`] when it was not done.
pub async fn tenant(settings: &Settings, path: Option<OsString>, task: &TenantTask) -> Result<Exit, Refusal> {
    let database = Database::for_operating(settings, path).await?;
    let done = async {
        database.migrate().await?;
        let (_, board) = market::open(&settings.market)?;
        let ready = Ready::open(&database, settings, &board).await?;
        let done = look_after(task, &ready.db, &ready.handles).await;
        ready.close().await;
        say(&done?);
        Ok(Exit::Clean)
    }
    .await;
    database.stop().await;
    done
}

/// Does a task of the operator's on keys, says what it did and ends.
///
/// # Errors
/// [`Refusal`] when it was not done.
pub async fn keys(settings: &Settings, path: Option<OsString>, task: &KeysTask) -> Result<Exit, Refusal> {
    if let KeysTask::NewRoot { file } = task {
        say(&tasks::new_root(file.as_deref(), &Sources::system())?);
        return Ok(Exit::Clean);
    }
    let database = Database::for_operating(settings, path).await?;
    let done = async {
        database.migrate().await?;
        let (_, board) = market::open(&settings.market)?;
        let ready = Ready::open(&database, settings, &board).await?;
        // A user whom an older release stored in the clear has no key yet, and could not be erased.
        seal_clear_users(&ready.handles).await?;
        let done = tasks::run(task, &ready.db, &ready.handles).await;
        ready.close().await;
        say(&done?);
        Ok(Exit::Clean)
    }
    .await;
    database.stop().await;
    done
}

/// Seals what an older release stored in the clear, as the application. `None` where its login, the root key or the key of the trail is
/// not known.
async fn seal_after_migrating(settings: &Settings, database: &Database) -> Result<Option<u64>, Refusal> {
    let has_login = database.is_embedded() || settings.database.url.is_some();
    let has_keys = settings.keys.root.is_some() && settings.keys.erasure.is_some();
    if !has_login || !has_keys || settings.audit.place.is_none() {
        return Ok(None);
    }
    let (_, board) = market::open(&settings.market)?;
    let ready = Ready::open(database, settings, &board).await?;
    let sealed = seal_clear_users(&ready.handles).await;
    ready.close().await;
    sealed.map(Some)
}

async fn seal_clear_users(handles: &Handles) -> Result<u64, Refusal> {
    let sealed = handles.auth.seal_clear_users().await.map_err(|error| {
        let exit = match &error {
            SealClearError::Fault(_) => Exit::Unavailable,
            _ => Exit::Findings,
        };
        Refusal::new(exit, error)
    })?;
    if sealed > 0 {
        tracing::info!(users = sealed, "sealed {sealed} users of an older release");
    }
    Ok(sealed)
}

/// Prints the OpenAPI document and ends.
///
/// # Errors
/// [`Refusal`] when the modules do not fit together.
pub fn openapi(settings: &Settings) -> Result<Exit, Refusal> {
    say(&compose::document(settings)?);
    say("\n");
    Ok(Exit::Clean)
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Refusal> {
    let bound = TcpListener::bind(address).await;
    bound
        .with_context(|| {
            format!("cannot listen on {address}; choose another address with --listen (PLATFORM_LISTEN)")
        })
        .or_refuse(Exit::Unavailable)
}

/// The first lines: which database, which market, how to sign in, where to go.
fn greet(settings: &Settings, database: &Database, address: SocketAddr) {
    say(&format!("Database: {}\n", database.description));
    let market = market::describe(&settings.market);
    match settings.redis.shares_market() {
        true => say(&format!("Market:   {market}; shared by all instances\n")),
        false => say(&format!("Market:   {market}\n")),
    }
    say(&format!(
        "Listening on http://{address} (reference of the API: http://{address}/docs)\n"
    ));
}

/// Writes to standard output. Nothing can be done when even the terminal is gone.
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}
