//! The checked configuration.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::SecretString;

use super::{Audit, Credentials, Keys, Mail, PlatformSettings, Streams};

/// The checked configuration of the server. Its `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the API listens.
    pub listen: SocketAddr,
    /// The folder of the embedded database.
    pub data_dir: PathBuf,
    /// Where the programs of PostgreSQL are, for the embedded database; searched for when absent.
    pub pg_bin_dir: Option<PathBuf>,
    /// The database.
    pub database: Database,
    /// The keys that personal fields are sealed under.
    pub keys: Keys,
    /// The audit trail.
    pub audit: Audit,
    /// What is asked of users' credentials.
    pub auth: Credentials,
    /// Who looks after all tenants.
    pub platform: PlatformSettings,
    /// How mail is sent.
    pub mail: Mail,
    /// Redis or Valkey.
    pub redis: Redis,
    /// The HTTP stack.
    pub http: Http,
    /// How many streams there may be.
    pub stream: Streams,
    /// The logs.
    pub log: Log,
    /// The metrics.
    pub metrics: Metrics,
    /// How the server stops.
    pub shutdown: Shutdown,
    /// The market data and the rules around it.
    pub market: Market,
    /// The rules of orders.
    pub trading: Trading,
    /// The administration of accounts.
    pub accounts: Accounts,
    /// The demo tenants.
    pub demo: Demo,
    /// The export of traces.
    pub otel: Otel,
}

/// How the database is reached.
#[derive(Debug, Clone)]
pub struct Database {
    /// A server, as the application role; `None` takes the embedded database.
    pub url: Option<SecretString>,
    /// The same database as the role that owns the tables.
    pub owner_url: Option<SecretString>,
    /// Connections of the pool, at most.
    pub max_connections: u32,
    /// How long an operation waits for a connection.
    pub acquire_timeout: Duration,
    /// How long a statement may run.
    pub statement_timeout: Duration,
}

impl Database {
    /// Does the server run its own PostgreSQL?
    pub fn is_embedded(&self) -> bool {
        self.url.is_none() && self.owner_url.is_none()
    }
}

/// How Redis or Valkey is reached.
#[derive(Debug, Clone)]
pub struct Redis {
    /// `None` keeps everything in this process.
    pub url: Option<SecretString>,
    /// What every key and channel of this deployment begins with.
    pub prefix: String,
}

impl Redis {
    /// Do instances share one market?
    pub fn shares_market(&self) -> bool {
        self.url.is_some()
    }
}

/// Limits and headers of the HTTP stack.
#[derive(Debug, Clone)]
pub struct Http {
    /// A larger body is refused with 413.
    pub body_limit_bytes: usize,
    /// A request that takes longer is answered with 504.
    pub deadline: Duration,
    /// Requests worked on at the same time; more are refused with 503.
    pub max_in_flight: usize,
    /// Origins that may call from a browser, such as `https://app.example.com`.
    pub cors_origins: Vec<String>,
    /// Proxies whose `Forwarded` and `X-Forwarded-For` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Requests a second that one caller may make in the long run.
    pub rate_limit_per_s: u32,
    /// Requests that one caller may make at once.
    pub rate_limit_burst: u32,
    /// Send `Strict-Transport-Security`.
    pub hsts: bool,
    /// The slug of the tenant of a request that names none; for development.
    pub default_tenant: Option<String>,
}

/// What is logged and how.
#[derive(Debug, Clone)]
pub struct Log {
    /// The shape of a line.
    pub format: LogFormat,
    /// Which lines: directives such as `info,platform_core=debug`.
    pub filter: String,
}

/// The shape of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

/// Where the metrics can be read.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// A listener that serves nothing but `/metrics`, open to whoever reaches it.
    pub listen: Option<SocketAddr>,
    /// Who may read `/metrics` where the API listens.
    pub access: MetricsAccess,
}

/// Who may read `/metrics` where the API listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsAccess {
    /// Callers with the permission to.
    Permission,
    /// Everybody.
    Open,
    /// Nobody: the route is not there.
    Off,
}

/// How the server stops.
#[derive(Debug, Clone)]
pub struct Shutdown {
    /// How long the server says "not ready" and still accepts, so that a load balancer notices.
    pub notice: Duration,
    /// How long the requests and workers under way may take to finish.
    pub drain: Duration,
}

/// The market data and the rules around it.
#[derive(Debug, Clone)]
pub struct Market {
    /// The real data to replay.
    pub replay: Replay,
    /// The seconds of a trading session that pass in a second; `None` leaves it to the kind of data.
    pub replay_speed: Option<u32>,
    /// The seed of the simulator: the same seed gives the same prices.
    pub seed: u64,
    /// How often the simulator makes a quote for each symbol.
    pub tick: Duration,
    /// An older quote fills no order.
    pub stale_after: Duration,
    /// How much a quote can fill.
    pub liquidity: Liquidity,
    /// How far above the ask a market order may buy, in percent.
    pub collar_percent: u32,
    /// When the market is open.
    pub calendar: MarketCalendar,
    /// Whether operators may let the market fall silent, for tests.
    pub allow_gaps: bool,
}

/// When the market is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarketCalendar {
    /// All the time; its sessions are the days of UTC.
    AlwaysOpen,
    /// In the hours of the New York Stock Exchange.
    Nyse,
}

/// The rules of orders.
#[derive(Debug, Clone)]
pub struct Trading {
    /// By which price stops are elected.
    pub trigger: Trigger,
}

/// By which price stops are elected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// The last trade's.
    Last,
    /// That of the side which the order will trade against.
    Quote,
}

/// The administration of accounts.
#[derive(Debug, Clone)]
pub struct Accounts {
    /// Above how many dollars, in or out, an adjustment of cash waits for another administrator.
    pub four_eyes_above_usd: u32,
    /// How long another administrator can approve it.
    pub approval_within: Duration,
    /// Open orders that an account may have.
    pub open_orders_max: u64,
    /// Open orders that all accounts of a tenant may have.
    pub tenant_open_orders_max: u64,
}

/// The real data to replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replay {
    /// The daily bars that come with the server.
    Bundled,
    /// None: all symbols are simulated.
    Off,
    /// A CSV file, plain or gzip.
    File(PathBuf),
}

/// How much a quote can fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liquidity {
    /// The displayed size, once.
    Displayed,
    /// Any quantity.
    Unlimited,
}

/// The demo tenants.
#[derive(Debug, Clone)]
pub struct Demo {
    /// Create them on an empty database. Left to itself this is on for the embedded database and off for a server.
    pub enabled: bool,
    /// The password of the demo users; `None` makes one up.
    pub password: Option<SecretString>,
}

/// The export of traces over OTLP. Only a build with the feature `otel` accepts an endpoint.
#[derive(Debug, Clone)]
pub struct Otel {
    /// The collector, such as `http://127.0.0.1:4317`; `None` exports nothing.
    pub endpoint: Option<String>,
    /// The share of traces started here that is exported, 0 to 1. A caller's decision wins.
    pub sample_ratio: f64,
}
