//! Every crate of the platform put together.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use platform_audit::{AUDIT_EXPORT, AUDIT_HOLD, AUDIT_READ, AuditLog, Sequencer};
use platform_auth::{Auth, AuthConfig, MailConfig, Role, TxtResolver};
use platform_core::axum::Router;
use platform_core::http::{HttpConfig, RateLimit};
use platform_core::metrics::Metrics;
use platform_core::pg::{Db, Tenants};
use platform_core::resilience::Policies;
use platform_core::runtime::{MetricsAccess, Parts, Platform, Worker, metrics_worker};
use platform_core::{PermissionInfo, Sources, TenantId};
use platform_crypto::{KEYS_MANAGE, KEYS_READ, Keyring, SUBJECTS_ERASE, SUBJECTS_HOLD};
use tokio::net::TcpListener;
use trading::http::TradingModule;
use trading::{ADJUST, MANAGE, MARKET, MarketFeed, QuoteBoard, TRADE, Trading, VIEW};

use crate::config::{self, Settings};
use crate::exit::Exit;
use crate::redis::{Between, Shared};
use crate::refusal::{OrRefuse, Refusal};
use crate::trail::Trail;
use crate::{docs, market, sequencing, streaming};

/// The name of the API in its document.
const TITLE: &str = "Trading server";

/// What the settings name and somebody has to look for first.
#[derive(Debug, Default)]
pub struct Outside {
    /// How mail is sent, if it is.
    pub mail: Option<MailConfig>,
    /// The tenant of the platform itself, if there is one.
    pub platform_tenant: Option<TenantId>,
    /// Who asks the DNS, if somebody does.
    pub txt_resolver: Option<Arc<dyn TxtResolver>>,
}

/// The handles of a running server.
#[derive(Debug, Clone)]
pub struct Handles {
    /// The directory of tenants.
    pub tenants: Tenants,
    /// The audit trail.
    pub audit: AuditLog,
    /// The keys that personal fields are sealed under.
    pub keyring: Keyring,
    /// Users and sessions.
    pub auth: Auth,
    /// The brokerage.
    pub trading: Trading,
}

impl Handles {
    /// The handles over one database, its trail, its keys and one market, with what was found outside.
    pub fn new(
        db: &Db,
        audit: &AuditLog,
        keyring: &Keyring,
        board: &QuoteBoard,
        (settings, outside): (&Settings, Outside),
    ) -> Self {
        let tenants = Tenants::new(db);
        let mut config = AuthConfig::default()
            .grant(Role::User, TRADE)
            .grant(Role::Admin, TRADE)
            .grant(Role::Admin, VIEW)
            // By its name for the admins of the platform's own tenant alone.
            .grant(Role::Admin, MARKET)
            .grant(Role::Admin, MANAGE)
            .grant(Role::Admin, ADJUST)
            .grant(Role::Admin, KEYS_READ)
            .grant(Role::Admin, KEYS_MANAGE)
            .grant(Role::Admin, SUBJECTS_ERASE)
            .grant(Role::Admin, SUBJECTS_HOLD)
            .grant(Role::Admin, AUDIT_READ)
            .grant(Role::Admin, AUDIT_EXPORT)
            .grant(Role::Admin, AUDIT_HOLD)
            // The module of the trail declares their names alone.
            .permission(PermissionInfo::assignable(AUDIT_READ, "Read the audit trail"))
            .permission(PermissionInfo::assignable(AUDIT_EXPORT, "Export the audit trail"))
            .permission(PermissionInfo::assignable(
                AUDIT_HOLD,
                "Place and release holds on the audit trail",
            ));
        config.mail = outside.mail;
        config.platform_tenant = outside.platform_tenant;
        config.txt_resolver = outside.txt_resolver;
        config.verified_email = settings.auth.verified_email;
        config.sessions.cache_age = settings.auth.session_cache;
        config.origins.clone_from(&settings.auth.cookie_origins);
        config.api_keys.lifetime_max =
            Duration::from_secs(u64::from(settings.auth.api_key_days_max) * 86_400);
        config.registrations = settings.auth.registrations;
        config.passkeys.clone_from(&settings.auth.passkeys);
        config.passwords.chars_min = settings.auth.password_chars_min;
        config.passwords.score_min = settings.auth.password_score_min;
        config
            .passwords
            .breached
            .clone_from(&settings.auth.breached_passwords);
        let auth = Auth::new(db, keyring, audit, config);
        let trading = Trading::new(
            db,
            audit,
            board,
            market::trading_config(settings, outside.platform_tenant),
        );
        Self {
            tenants,
            audit: audit.clone(),
            keyring: keyring.clone(),
            auth,
            trading,
        }
    }
}

/// What the server runs beside the modules.
#[derive(Debug, Default)]
pub struct Beside {
    /// A listener for nothing but metrics, where the settings name one.
    pub metrics_listener: Option<TcpListener>,
    /// The worker that keeps the embedded database up, where there is one.
    pub keeper: Option<Worker>,
    /// The worker that keeps the token of the Vault alive, where there is one.
    pub renewal: Option<Worker>,
    /// What gives audit events their places and signs them; only a server that describes itself has none.
    pub sequencer: Option<Sequencer>,
    /// What instances share, where the settings name a Redis.
    pub redis: Option<Shared>,
}

/// The platform that serves.
///
/// # Errors
/// [`Refusal`] when the modules do not fit together or the settings name something impossible.
pub fn platform(
    db: &Db,
    trail: &Trail,
    handles: &Handles,
    feed: MarketFeed,
    settings: &Settings,
    beside: Beside,
) -> Result<Platform, Refusal> {
    let metrics = Metrics::new();
    let policies = Policies::new(db.sources(), &metrics);
    let between = beside
        .redis
        .map(|redis| redis.between(db, &policies))
        .transpose()?;
    let metrics_listener = beside
        .metrics_listener
        .map(|listener| metrics_worker(listener, &metrics));
    let own = Parts {
        workers: [beside.keeper, beside.renewal, metrics_listener]
            .into_iter()
            .flatten()
            .collect(),
        health: between.iter().map(|between| between.check.clone()).collect(),
        ..Parts::default()
    };
    let audit = sequencing::module(db, trail, beside.sequencer, &settings.audit);
    Platform::builder(db.clone(), db.sources().clone(), metrics)
        .module(audit)
        .module(handles.keyring.clone())
        .module(handles.auth.clone())
        .module(trading_module(handles, feed, settings, between))
        .parts(own)
        .routes(docs::routes())
        .routes(unversioned(handles))
        .http(http_config(&settings.http)?)
        .metrics_access(match settings.metrics.access {
            config::MetricsAccess::Permission => MetricsAccess::Permission,
            config::MetricsAccess::Open => MetricsAccess::Public,
            config::MetricsAccess::Off => MetricsAccess::Off,
        })
        .authenticate_with(Arc::new(handles.auth.clone()))
        .tell_refusals(Arc::new(handles.auth.clone()))
        .resolve_with(Arc::new(handles.tenants.clone()))
        .openapi_info(TITLE, env!("CARGO_PKG_VERSION"))
        .build()
        .or_refuse(Exit::Internal)
}

/// The brokerage, of which instances share what they have between them.
fn trading_module(
    handles: &Handles,
    feed: MarketFeed,
    settings: &Settings,
    between: Option<Between>,
) -> TradingModule {
    let module = TradingModule::new(&handles.trading, feed)
        .tick(settings.market.tick)
        .stream(streaming::config(&settings.stream));
    // The folder of the embedded database lets in one process.
    let module = match settings.database.is_embedded() {
        true => module.alone(),
        false => module,
    };
    let backends = streaming::backends(&handles.auth);
    match between {
        Some(between) => module
            .stream_with(between.with(backends))
            .share_market(between.market),
        None => module.stream_with(backends),
    }
}

/// The same routes under `/api`, for clients that do not version; the document does not repeat them.
fn unversioned(handles: &Handles) -> Router {
    let api = handles.auth.api_routes().merge(handles.trading.api_routes());
    Router::new().nest("/api", Router::from(api))
}

/// The OpenAPI document, without a database.
///
/// # Errors
/// [`Refusal`] when the modules do not fit together.
pub fn document(settings: &Settings) -> Result<String, Refusal> {
    let sources = Sources::system();
    let (feed, board) = market::open(&settings.market)?;
    let db = Db::unconnected(sources);
    let trail = Trail::unused(db.sources())?;
    let handles = Handles::new(
        &db,
        &trail.log,
        &Keyring::unconnected(&db),
        &board,
        (settings, Outside::default()),
    );
    let platform = platform(&db, &trail, &handles, feed, settings, Beside::default())?;
    platform.openapi().to_pretty_json().or_refuse(Exit::Internal)
}

fn http_config(http: &config::Http) -> Result<HttpConfig, Refusal> {
    let impossible = || Refusal::new(Exit::Configuration, anyhow!("a limit of [http] is zero"));
    let deadline_ms = u64::try_from(http.deadline.as_millis())
        .ok()
        .and_then(NonZeroU64::new);
    let rate_limit = match (
        NonZeroU32::new(http.rate_limit_per_s),
        NonZeroU32::new(http.rate_limit_burst),
    ) {
        (Some(per_second), Some(burst)) => Some(RateLimit {
            per_second,
            burst,
            ..RateLimit::default()
        }),
        // Zero switches the limit off.
        _ => None,
    };
    let origins = http
        .cors_origins
        .iter()
        .map(|origin| origin.parse())
        .collect::<Result<_, _>>();
    Ok(HttpConfig {
        body_bytes_max: http.body_limit_bytes,
        deadline_ms: deadline_ms.ok_or_else(impossible)?,
        concurrency_max: NonZeroUsize::new(http.max_in_flight).ok_or_else(impossible)?,
        rate_limit,
        cors_origins: origins.or_refuse(Exit::Configuration)?,
        // A year, as browsers expect.
        hsts_max_age_s: http.hsts.then_some(31_536_000),
        trusted_proxies: http.trusted_proxies.clone(),
        default_tenant: http.default_tenant.clone(),
        ..HttpConfig::default()
    })
}
