//! From merged values to checked settings, section by section, and the contradictions between them.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use secrecy::ExposeSecret;

use super::reader::Reader;
use super::settings::{
    Accounts, Database, Demo, Http, Liquidity, Log, LogFormat, Market, MarketCalendar, Metrics,
    MetricsAccess, Otel, Redis, Replay, Settings, Shutdown, Trading, Trigger,
};
use super::{Inputs, MailWay, auditing, file, mail, platform, problem, sealing, streams, url};
use crate::cli::Command;

/// Reads every section. Where `reader` has noted a problem the settings hold stand-ins and must not be used.
pub(super) fn settings(reader: &mut Reader, inputs: &Inputs<'_>) -> Settings {
    let listen = address(reader, "listen").unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
    let data_dir = data_dir(reader);
    let pg_bin_dir = pg_bin_dir(reader);
    let database = database(reader);
    let settings = Settings {
        listen,
        keys: sealing::keys(reader, &data_dir, database.is_embedded(), &inputs.command),
        audit: auditing::audit(reader, &data_dir, database.is_embedded(), &inputs.command),
        auth: mail::credentials(reader),
        platform: platform::platform(reader),
        mail: mail::mail(reader, &data_dir, database.is_embedded()),
        data_dir,
        pg_bin_dir,
        redis: redis(reader),
        http: http(reader),
        stream: streams::streams(reader),
        log: log(reader, inputs.terminal),
        metrics: metrics(reader),
        shutdown: shutdown(reader),
        market: market(reader),
        trading: trading(reader),
        accounts: accounts(reader),
        demo: demo(reader, &database),
        otel: otel(reader),
        database,
    };
    contradictions(reader, &settings, &inputs.command);
    settings
}

fn address(reader: &mut Reader, name: &str) -> Option<SocketAddr> {
    let expected = "an address and port such as 127.0.0.1:8080";
    reader.parsed(name, expected, |text| text.parse().ok())
}

fn data_dir(reader: &mut Reader) -> PathBuf {
    // The URL of a database, put into the wrong variable, would become a folder with a password in its name.
    let path = reader.parsed("data_dir", "the path of a folder", |text| {
        (!text.is_empty() && !text.contains("://")).then(|| PathBuf::from(text))
    });
    let path = path.unwrap_or_default();
    if path.exists() && !path.is_dir() {
        reader.wrong("data_dir", "the path of a folder or of nothing yet");
    }
    path
}

fn pg_bin_dir(reader: &mut Reader) -> Option<PathBuf> {
    let expected = "a folder with the programs of PostgreSQL (initdb and postgres)";
    let path = PathBuf::from(reader.text("pg_bin_dir", expected)?);
    if !path.join("initdb").is_file() || !path.join("postgres").is_file() {
        reader.wrong("pg_bin_dir", expected);
    }
    Some(path)
}

fn database(reader: &mut Reader) -> Database {
    let expected = "a URL such as postgres://user:password@host:5432/database";
    Database {
        url: reader.secret("database.url", expected, url::postgres),
        owner_url: reader.secret("database.owner_url", expected, url::postgres),
        max_connections: reader.number("database.max_connections", 2..=1000),
        acquire_timeout: reader.millis("database.acquire_timeout_ms", 10..=60_000),
        statement_timeout: reader.millis("database.statement_timeout_ms", 10..=600_000),
    }
}

fn redis(reader: &mut Reader) -> Redis {
    let expected = "a URL such as redis://user:password@host:6379";
    Redis {
        url: reader.secret("redis.url", expected, url::redis),
        prefix: reader
            .parsed(
                "redis.prefix",
                "1 to 63 of a-z, 0-9 and -, which keys of this deployment begin with",
                slug,
            )
            .unwrap_or_default(),
    }
}

fn http(reader: &mut Reader) -> Http {
    Http {
        body_limit_bytes: reader.number("http.body_limit_bytes", 1024..=67_108_864),
        deadline: reader.millis("http.deadline_ms", 100..=120_000),
        max_in_flight: reader.number("http.max_in_flight", 1..=100_000),
        cors_origins: reader.list(
            "http.cors_origins",
            "an origin such as https://app.example.com",
            |text| url::is_origin(text).then(|| text.to_owned()),
        ),
        trusted_proxies: reader.list(
            "http.trusted_proxies",
            "an address or network such as 10.0.0.0/8",
            network,
        ),
        rate_limit_per_s: reader.number("http.rate_limit_per_s", 1..=1_000_000),
        rate_limit_burst: reader.number("http.rate_limit_burst", 1..=1_000_000),
        hsts: reader.truth("http.hsts"),
        default_tenant: reader.parsed(
            "http.default_tenant",
            "the slug of a tenant: 1 to 63 of a-z, 0-9 and -",
            slug,
        ),
    }
}

fn network(text: &str) -> Option<IpNet> {
    let single = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse().ok().or_else(single)
}

fn slug(text: &str) -> Option<String> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    ((1..=63).contains(&text.len()) && text.bytes().all(allowed)).then(|| text.to_owned())
}

fn log(reader: &mut Reader, terminal: bool) -> Log {
    let automatic = if terminal {
        LogFormat::Pretty
    } else {
        LogFormat::Json
    };
    let formats = [
        ("auto", automatic),
        ("json", LogFormat::Json),
        ("pretty", LogFormat::Pretty),
    ];
    let expected = "log directives such as info,platform_core=debug";
    Log {
        format: reader.choice("log.format", &formats).unwrap_or(automatic),
        filter: reader
            .parsed("log.filter", expected, |text| {
                crate::telemetry::is_filter(text).then(|| text.to_owned())
            })
            .unwrap_or_default(),
    }
}

fn metrics(reader: &mut Reader) -> Metrics {
    let rules = [
        ("permission", MetricsAccess::Permission),
        ("open", MetricsAccess::Open),
        ("off", MetricsAccess::Off),
    ];
    Metrics {
        listen: address(reader, "metrics.listen"),
        access: reader
            .choice("metrics.access", &rules)
            .unwrap_or(MetricsAccess::Off),
    }
}

fn shutdown(reader: &mut Reader) -> Shutdown {
    Shutdown {
        notice: reader.millis("shutdown.notice_ms", 0..=120_000),
        drain: reader.millis("shutdown.drain_ms", 100..=600_000),
    }
}

fn market(reader: &mut Reader) -> Market {
    let liquidity = [
        ("displayed", Liquidity::Displayed),
        ("unlimited", Liquidity::Unlimited),
    ];
    let calendar = [
        ("always_open", MarketCalendar::AlwaysOpen),
        ("nyse", MarketCalendar::Nyse),
    ];
    Market {
        replay: replay(reader),
        replay_speed: reader.optional_number("market.replay_speed", 1..=1_000_000),
        // A TOML number ends where a signed 64-bit one does.
        seed: reader.whole("market.seed", 0..=9_223_372_036_854_775_807),
        tick: reader.millis("market.tick_ms", 10..=60_000),
        stale_after: reader.millis("market.stale_after_ms", 100..=600_000),
        liquidity: reader
            .choice("market.liquidity", &liquidity)
            .unwrap_or(Liquidity::Displayed),
        collar_percent: reader.number("market.collar_percent", 0..=100),
        calendar: reader
            .choice("market.calendar", &calendar)
            .unwrap_or(MarketCalendar::AlwaysOpen),
        allow_gaps: reader.truth("market.allow_gaps"),
    }
}

fn trading(reader: &mut Reader) -> Trading {
    let triggers = [("last", Trigger::Last), ("quote", Trigger::Quote)];
    Trading {
        trigger: reader
            .choice("trading.trigger", &triggers)
            .unwrap_or(Trigger::Last),
    }
}

fn accounts(reader: &mut Reader) -> Accounts {
    let hours = reader.whole("accounts.approval_hours", 1..=720);
    Accounts {
        four_eyes_above_usd: reader.number("accounts.four_eyes_above_usd", 0..=1_000_000_000),
        approval_within: Duration::from_secs(hours * 3_600),
        open_orders_max: reader.whole("accounts.open_orders_max", 1..=1_000_000),
        tenant_open_orders_max: reader.whole("accounts.tenant_open_orders_max", 1..=1_000_000),
    }
}

fn replay(reader: &mut Reader) -> Replay {
    let expected = "bundled, off or a readable CSV file, plain or gzip";
    let text = match reader.text("market.replay", expected).as_deref() {
        None | Some("bundled") => return Replay::Bundled,
        Some("off") => return Replay::Off,
        Some(text) => text.to_owned(),
    };
    if let Some(why) = unreadable(Path::new(&text)) {
        reader.missing(
            "market.replay",
            format!("{}, {why}", problem::quote(&text)),
            expected,
        );
    }
    Replay::File(PathBuf::from(text))
}

fn unreadable(path: &Path) -> Option<String> {
    match std::fs::File::open(path) {
        Ok(_) if path.is_dir() => Some("which is a folder".to_owned()),
        Ok(_) => None,
        Err(error) => Some(file::reason(&error)),
    }
}

fn demo(reader: &mut Reader, database: &Database) -> Demo {
    let automatic = database.is_embedded();
    let modes = [("on", true), ("off", false), ("auto", automatic)];
    let expected = "a password of 8 to 1024 bytes";
    Demo {
        enabled: reader.choice("demo.mode", &modes).unwrap_or(false),
        password: reader.secret("demo.password", expected, |text| match text.len() {
            0..8 => Err("is too short"),
            8..=1024 => Ok(()),
            _ => Err("is too long"),
        }),
    }
}

fn otel(reader: &mut Reader) -> Otel {
    let expected = "the URL of a collector such as http://127.0.0.1:4317";
    let endpoint = reader.parsed("otel.endpoint", expected, |text| {
        url::http(text).is_ok().then(|| text.to_owned())
    });
    if endpoint.is_some() && cfg!(not(feature = "otel")) {
        let expected = "nothing, because this server was built without the feature otel";
        reader.wrong("otel.endpoint", expected);
    }
    Otel {
        endpoint,
        sample_ratio: reader.ratio("otel.sample_ratio"),
    }
}

/// Values that are fine alone and wrong together. Each is named once, under the key that has to give way.
fn contradictions(reader: &mut Reader, settings: &Settings, command: &Command) {
    database_contradictions(reader, settings, command);
    let Settings { http, market, .. } = settings;
    if reader.is_sound(&["market.stale_after_ms", "market.tick_ms"]) && market.stale_after <= market.tick {
        reader.problem(
            "market.stale_after_ms",
            format!(
                "{}, by which every quote is stale before the next one comes",
                market.stale_after.as_millis()
            ),
            format!("more than market.tick_ms, {}", market.tick.as_millis()),
        );
    }
    if reader.is_sound(&["http.rate_limit_burst", "http.rate_limit_per_s"])
        && http.rate_limit_burst < http.rate_limit_per_s
    {
        reader.problem(
            "http.rate_limit_burst",
            http.rate_limit_burst.to_string(),
            format!("at least http.rate_limit_per_s, {}", http.rate_limit_per_s),
        );
    }
    streams::contradictions(reader, settings);
    if settings.auth.verified_email && matches!(settings.mail.way, MailWay::Off) {
        let names = ["auth.verified_email", "mail.mode", "mail.host"];
        if reader.is_sound(&names) {
            reader.problem(
                "auth.verified_email",
                "true, where no mail is sent with which an address is verified",
                "false, or mail (mail.host)",
            );
        }
    }
    let same_door = settings.metrics.listen == Some(settings.listen) && settings.listen.port() != 0;
    if reader.is_sound(&["listen", "metrics.listen"]) && same_door {
        reader.wrong("metrics.listen", "an address other than that of listen");
    }
}

fn database_contradictions(reader: &mut Reader, settings: &Settings, command: &Command) {
    let Settings { database, http, .. } = settings;
    let urls = reader.is_sound(&["database.url", "database.owner_url"]);
    let needs_application_role = match command {
        Command::Serve
        | Command::Check
        | Command::CreateTenant(_)
        | Command::Tenant { .. }
        | Command::Verify(_)
        | Command::Keys { .. } => true,
        Command::Audit { task } => !task.is_offline(),
        Command::Migrate | Command::Openapi => false,
    };
    match (&database.url, &database.owner_url) {
        (None, Some(_)) if urls && needs_application_role => reader.problem(
            "database.owner_url",
            "the owner's URL without the application's (not shown)",
            "database.url (DATABASE_URL) beside it, or neither of the two",
        ),
        (Some(url), Some(owner_url)) if urls && url.expose_secret() == owner_url.expose_secret() => reader
            .problem(
                "database.url",
                "the same value as database.owner_url (not shown)",
                "the URL of a role that does not own the tables",
            ),
        _ => {}
    }
    if reader.is_sound(&["database.acquire_timeout_ms", "http.deadline_ms"])
        && database.acquire_timeout >= http.deadline
    {
        reader.problem(
            "database.acquire_timeout_ms",
            database.acquire_timeout.as_millis().to_string(),
            format!("less than http.deadline_ms, {}", http.deadline.as_millis()),
        );
    }
}
