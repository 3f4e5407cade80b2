use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::ExposeSecret;
use tempfile::TempDir;
use trading_server::cli::{Cli, Command};
use trading_server::config::{Inputs, LogFormat, Problems, Replay, Settings};
use trading_server::exit::Exit;

/// What the audit trail needs beside a database server; it has tests of its own.
const TRAIL: [(&str, &str); 4] = [
    ("PLATFORM_AUDIT_HOST", "audit.example.com"),
    ("PLATFORM_AUDIT_KEY_FILE", "/etc/trading/audit.key"),
    ("PLATFORM_AUDIT_MARKS_DIR", "/srv/audit/marks"),
    ("PLATFORM_AUDIT_SPOOL_DIR", "/srv/audit/spool"),
];

/// A server about to start: command line and environment, nothing else.
fn load(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Settings, Problems> {
    let cli = Cli::read(["trading-server"].iter().chain(arguments).copied()).unwrap();
    Settings::load(&Inputs {
        command: cli.command(),
        flags: &cli.flags,
        environment: TRAIL
            .iter()
            .chain(environment)
            .map(|(name, value)| (name.into(), value.into()))
            .collect(),
        terminal: false,
    })
}

fn with_file(text: &str) -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("server.toml");
    fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

/// The problems of a file, its name shortened to `server.toml`.
fn problems_of_file(text: &str) -> Vec<String> {
    let (_folder, path) = with_file(text);
    let problems = load(&["--config", &path], &[]).unwrap_err();
    problems
        .iter()
        .map(|problem| problem.to_string().replace(&path, "server.toml"))
        .collect()
}

fn problems_of_environment(environment: &[(&str, &str)]) -> Vec<String> {
    let problems = load(&[], environment).unwrap_err();
    problems.iter().map(ToString::to_string).collect()
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config.example.toml")
}

#[test]
fn nothing_configured_is_a_local_server_with_a_database_of_its_own_and_demo_tenants() {
    let settings = load(&[], &[]).unwrap();

    assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.data_dir, Path::new("./data"));
    assert!(settings.database.is_embedded());
    assert!(settings.demo.enabled);
    assert_eq!(settings.market.replay, Replay::Bundled);
    assert_eq!(settings.market.replay_speed, None);
    assert_eq!(settings.log.format, LogFormat::Json);
}

#[test]
fn the_example_file_parses_to_the_defaults() {
    let from_file = load(&["--config", example().to_str().unwrap()], &[]).unwrap();

    let defaults = load(&[], &[]).unwrap();
    assert_eq!(format!("{from_file:?}"), format!("{defaults:?}"));
}

#[test]
fn a_flag_wins_over_the_environment_over_the_file_over_the_default() {
    let (_folder, path) = with_file(
        "listen = '127.0.0.1:1'\ndata_dir = 'of-file'\n[market]\nreplay_speed = 7\ntick_ms = 500\n",
    );
    let arguments = ["--config", &path, "--listen", "127.0.0.1:3"];
    let environment = [
        ("PLATFORM_LISTEN", "127.0.0.1:2"),
        ("PLATFORM_DATA_DIR", "of-environment"),
    ];

    let settings = load(&arguments, &environment).unwrap();

    assert_eq!(settings.listen.port(), 3);
    assert_eq!(settings.data_dir, Path::new("of-environment"));
    assert_eq!(settings.market.replay_speed, Some(7));
    assert_eq!(settings.market.tick, Duration::from_millis(500));
    assert_eq!(settings.market.stale_after, Duration::from_secs(5));
}

#[test]
fn the_file_can_be_named_by_the_environment() {
    let (_folder, path) = with_file("data_dir = 'of-file'");

    let settings = load(&[], &[("PLATFORM_CONFIG", &path)]).unwrap();

    assert_eq!(settings.data_dir, Path::new("of-file"));
}

#[test]
fn a_database_server_switches_the_demo_off_unless_it_is_asked_for() {
    let url = ("DATABASE_URL", "postgres://app:hunter2@db/trading");
    let keys = [
        ("PLATFORM_KEYS_FILE", "/etc/trading/root.key"),
        ("PLATFORM_KEYS_ERASURE_DIR", "/srv/trading/erasure"),
    ];

    let silent = load(&[], &[url, keys[0], keys[1]]).unwrap();
    let asked = load(&["--demo", "on"], &[url, keys[0], keys[1]]).unwrap();

    assert!(!silent.demo.enabled && !silent.database.is_embedded());
    assert!(asked.demo.enabled);
    assert_eq!(asked.database.url.unwrap().expose_secret(), url.1);
}

#[test]
fn an_empty_variable_is_an_absent_one_and_lists_are_split_at_commas() {
    let environment = [
        ("REDIS_URL", ""),
        ("PLATFORM_HTTP_TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1"),
        ("PLATFORM_HTTP_CORS_ORIGINS", "https://app.example.com"),
    ];

    let settings = load(&[], &environment).unwrap();

    assert!(settings.redis.url.is_none());
    assert_eq!(settings.http.trusted_proxies.len(), 2);
    assert_eq!(settings.http.cors_origins, ["https://app.example.com"]);
}

#[test]
fn a_redis_has_instances_share_one_market_under_a_prefix_of_the_deployment() {
    let alone = load(&[], &[]).unwrap();
    assert!(!alone.redis.shares_market());
    assert_eq!(alone.redis.prefix, "trading-server");

    let named = [
        ("REDIS_URL", "rediss://:hunter2secret@cache:6380/2"),
        ("PLATFORM_REDIS_PREFIX", "acme-staging"),
    ];
    let shared = load(&[], &named).unwrap();
    assert!(shared.redis.shares_market());
    assert_eq!(shared.redis.prefix, "acme-staging");
    assert!(!format!("{shared:?}").contains("hunter2secret"));

    let problems = problems_of_environment(&[("PLATFORM_REDIS_PREFIX", "acme:staging")]);
    assert!(
        problems.len() == 1 && problems[0].starts_with("redis.prefix"),
        "{problems:?}"
    );
}

#[test]
fn stops_are_elected_by_the_last_trade_unless_the_quote_is_named() {
    let trigger = |environment: &[(&str, &str)]| {
        let settings = load(&[], environment).unwrap();
        trading_server::market::trading_config(&settings, None)
            .rules
            .trigger
    };
    assert_eq!(trigger(&[]), trading::Trigger::Last);
    assert_eq!(
        trigger(&[("PLATFORM_TRADING_TRIGGER", "quote")]),
        trading::Trigger::Quote
    );

    let problems = problems_of_environment(&[("PLATFORM_TRADING_TRIGGER", "mark")]);
    assert!(
        problems.len() == 1 && problems[0].contains("last or quote"),
        "{problems:?}"
    );
}

#[test]
fn variables_that_a_container_platform_sets_for_its_own_services_are_no_mistake() {
    let environment = [
        ("PLATFORM_SERVICE_HOST", "10.0.0.1"),
        ("PLATFORM_PORT", "tcp://10.0.0.1:80"),
        ("PLATFORM_PORT_80_TCP_PORT", "80"),
        ("HOME", "/root"),
    ];

    assert!(load(&[], &environment).is_ok());
}

#[test]
fn every_problem_of_a_file_is_reported_at_once_with_key_place_finding_and_expectation() {
    let problems = problems_of_file(
        r#"
        lisen = "0.0.0.0:80"
        data_dir = 5
        shutdown = "soon"
        [http]
        body_limit = 10
        deadline_ms = "10 s"
        max_in_flight = 0
        hsts = "yes"
        cors_origins = ["https://app.example.com", "app.example.com", 5]
        default_tenant = "ACME Inc"
        [log]
        format = "xml"
        filter = "info,=="
        [market]
        replay = "/nowhere/bars.csv"
        collar_percent = -1
        [otel]
        sample_ratio = 1.5
        [colours]
        sky = "blue"
        "#,
    );

    insta::assert_snapshot!(problems.join("\n"), @r#"
    colours (file server.toml): found an unknown key, expected a known key
    http.body_limit (file server.toml): found an unknown key, expected a known key, perhaps http.body_limit_bytes
    lisen (file server.toml): found an unknown key, expected a known key, perhaps listen
    shutdown (file server.toml): found "soon", expected a table
    data_dir (file server.toml): found 5, expected the path of a folder
    http.deadline_ms (file server.toml): found "10 s", expected a whole number from 100 to 120000
    http.max_in_flight (file server.toml): found 0, expected a whole number from 1 to 100000
    http.cors_origins (file server.toml): found the item "app.example.com", expected an origin such as https://app.example.com
    http.cors_origins (file server.toml): found the item 5, expected an origin such as https://app.example.com
    http.hsts (file server.toml): found "yes", expected true or false
    http.default_tenant (file server.toml): found "ACME Inc", expected the slug of a tenant: 1 to 63 of a-z, 0-9 and -
    log.format (file server.toml): found "xml", expected auto, json or pretty
    log.filter (file server.toml): found "info,==", expected log directives such as info,platform_core=debug
    market.replay (file server.toml): found "/nowhere/bars.csv", which does not exist, expected bundled, off or a readable CSV file, plain or gzip
    market.collar_percent (file server.toml): found -1, expected a whole number from 0 to 100
    otel.sample_ratio (file server.toml): found 1.5, expected a number from 0.0 to 1.0
    "#);
}

#[test]
fn every_problem_of_the_environment_and_the_flags_is_reported_at_once() {
    let arguments = ["--listen", "banana", "--replay-speed", "fast", "--demo", "maybe"];
    let environment = [
        ("PLATFORM_LISTENN", "127.0.0.1:80"),
        ("PLATFORM_HTTP_DEADLINE_MS", "1"),
        ("PG_BIN_DIR", "/nowhere"),
        ("PLATFORM_HTTP_TRUSTED_PROXIES", "10.0.0.0/40"),
        ("PLATFORM_METRICS_LISTEN", "9090"),
    ];

    let problems = load(&arguments, &environment).unwrap_err();

    insta::assert_snapshot!(problems, @r#"
    the configuration has 8 problems
      PLATFORM_LISTENN (environment): found an unknown variable, expected a known variable, perhaps PLATFORM_LISTEN
      listen (flag --listen): found "banana", expected an address and port such as 127.0.0.1:8080
      pg_bin_dir (environment variable PG_BIN_DIR): found "/nowhere", expected a folder with the programs of PostgreSQL (initdb and postgres)
      http.deadline_ms (environment variable PLATFORM_HTTP_DEADLINE_MS): found "1", expected a whole number from 100 to 120000
      http.trusted_proxies (environment variable PLATFORM_HTTP_TRUSTED_PROXIES): found the item "10.0.0.0/40", expected an address or network such as 10.0.0.0/8
      metrics.listen (environment variable PLATFORM_METRICS_LISTEN): found "9090", expected an address and port such as 127.0.0.1:8080
      market.replay_speed (flag --replay-speed): found "fast", expected a whole number from 1 to 1000000
      demo.mode (flag --demo): found "maybe", expected on, off or auto
    "#);
    assert_eq!(problems.exit(), Exit::Configuration);
}

#[test]
fn values_that_contradict_each_other_are_reported() {
    let problems = problems_of_file(
        r#"
        [database]
        owner_url = "postgres://owner:hunter2@db/trading"
        acquire_timeout_ms = 5000
        [keys]
        file = "/etc/trading/root.key"
        erasure_dir = "/srv/trading/erasure"
        ttl_ms = 60000
        grace_ms = 30000
        [http]
        deadline_ms = 5000
        rate_limit_per_s = 50
        rate_limit_burst = 10
        [metrics]
        listen = "127.0.0.1:8080"
        [market]
        tick_ms = 5000
        "#,
    );

    insta::assert_snapshot!(problems.join("\n"), @r#"
    keys.grace_ms (file server.toml): found 30000, expected at least keys.ttl_ms, 60000
    database.owner_url (file server.toml): found the owner's URL without the application's (not shown), expected database.url (DATABASE_URL) beside it, or neither of the two
    database.acquire_timeout_ms (file server.toml): found 5000, expected less than http.deadline_ms, 5000
    market.stale_after_ms (default): found 5000, by which every quote is stale before the next one comes, expected more than market.tick_ms, 5000
    http.rate_limit_burst (file server.toml): found 10, expected at least http.rate_limit_per_s, 50
    metrics.listen (file server.toml): found "127.0.0.1:8080", expected an address other than that of listen
    "#);
}

#[test]
fn migrating_needs_the_owner_alone() {
    let environment = [("DATABASE_OWNER_URL", "postgres://owner:hunter2@db/trading")];

    assert!(load(&["migrate"], &environment).is_ok());
    assert!(load(&["serve"], &environment).is_err());
}

#[test]
fn one_role_for_both_urls_is_refused() {
    let url = "postgres://owner:hunter2@db/trading";

    let problems = problems_of_environment(&[
        ("DATABASE_URL", url),
        ("DATABASE_OWNER_URL", url),
        ("PLATFORM_KEYS_FILE", "/etc/trading/root.key"),
        ("PLATFORM_KEYS_ERASURE_DIR", "/srv/trading/erasure"),
    ]);

    insta::assert_snapshot!(problems.join("\n"), @"database.url (environment variable DATABASE_URL): found the same value as database.owner_url (not shown), expected the URL of a role that does not own the tables");
}

#[test]
fn a_missing_file_alone_ends_with_the_code_for_missing_input() {
    let missing = load(&["--config", "/nowhere/server.toml"], &[]).unwrap_err();
    let folder = load(&["--replay", "/"], &[]).unwrap_err();

    insta::assert_snapshot!(format!("{missing}\n{folder}"), @r#"
    the configuration has a problem
      config (flag --config): found "/nowhere/server.toml", which does not exist, expected a readable file in TOML
    the configuration has a problem
      market.replay (flag --replay): found "/", which is a folder, expected bundled, off or a readable CSV file, plain or gzip
    "#);
    assert_eq!((missing.exit(), folder.exit()), (Exit::NoInput, Exit::NoInput));
}

#[test]
fn a_syntax_error_names_its_line_and_shows_none_of_it() {
    let problems = problems_of_file(
        "listen = '127.0.0.1:80'\n[database]\nurl = \"postgres://app:hunter2@db/x\nhsts = 1\n",
    );

    insta::assert_snapshot!(problems.join("\n"), @"config (file server.toml): found a syntax error in line 3, column 35, expected TOML");
}

#[cfg(not(feature = "otel"))]
#[test]
fn an_endpoint_for_traces_needs_a_build_with_them() {
    let problems = problems_of_environment(&[("PLATFORM_OTEL_ENDPOINT", "http://127.0.0.1:4317")]);

    insta::assert_snapshot!(problems.join("\n"), @r#"otel.endpoint (environment variable PLATFORM_OTEL_ENDPOINT): found "http://127.0.0.1:4317", expected nothing, because this server was built without the feature otel"#);
}

/// Plants a secret in every place one can stand, rightly or wrongly, and looks for it in everything that is said.
#[test]
fn a_secret_is_never_shown_however_wrong_it_is() {
    const SECRET: &str = "hunter2secret";
    let planted = [
        format!("postgres://app:{SECRET}@db/trading"),
        format!("postgres://app:{SECRET}@db:port/trading"),
        format!("mysql://app:{SECRET}@db/trading"),
        format!("postgres://app:p {SECRET}@db/trading"),
        format!("postgres://app:/{SECRET}@/@db/trading"),
    ];
    let names = [
        "DATABASE_URL",
        "DATABASE_OWNER_URL",
        "REDIS_URL",
        "PLATFORM_LISTEN",
        "PLATFORM_DATA_DIR",
        "PLATFORM_REPLAY",
        "PLATFORM_CONFIG",
        "PLATFORM_HTTP_CORS_ORIGINS",
        "PLATFORM_OTEL_ENDPOINT",
        "PLATFORM_UNKNOWN",
        "PLATFORM_KEYS_FILE",
        "PLATFORM_KEYS_PASSPHRASE",
        "PLATFORM_KEYS_PASSPHRASE_FILE",
        "PLATFORM_KEYS_ROOT",
        "PLATFORM_KEYS_PREVIOUS_ROOT",
        "PLATFORM_KEYS_ERASURE_DIR",
        "PLATFORM_VAULT_ADDRESS",
        "PLATFORM_VAULT_TOKEN",
        "PLATFORM_VAULT_SECRET_ID",
        "PLATFORM_VAULT_TRANSIT_KEY",
    ];
    let mut said = String::new();
    let mut say = |result: Result<Settings, Problems>| match result {
        Ok(settings) => said.push_str(&format!("{settings:?}\n")),
        Err(problems) => said.push_str(&format!("{problems}\n{problems:?}\n")),
    };

    for value in &planted {
        for name in names {
            say(load(&[], &[(name, value)]));
        }
        let keys = [
            "database.url",
            "redis.url",
            "demo.password",
            "listen",
            "http.cors_origins",
            "log.filter",
            "keys.passphrase",
            "keys.root",
            "vault.token",
            "vault.secret_id",
        ];
        for key in keys {
            let right = format!("{key} = \"{value}\"\n");
            let wrong_type = format!("{key} = [\"{value}\"]\n");
            let broken = format!("{key} = \"{value}\n");
            let as_key = "\"postgres://app:hunter2secret@db\\nx\" = 1\n".to_owned();
            for text in [right, wrong_type, broken, as_key] {
                let (_folder, path) = with_file(&text);
                say(load(&["--config", &path], &[]));
            }
        }
        say(load(
            &["--listen", value, "--replay", value, "--demo", value],
            &[],
        ));
    }
    say(load(&[], &[("PLATFORM_DEMO_PASSWORD", SECRET)]));
    say(load(&[], &[("PLATFORM_DEMO_PASSWORD", &SECRET.repeat(100))]));

    let leak = said.lines().find(|line| line.contains(SECRET));
    assert_eq!(leak, None);
    assert!(said.contains("(not shown)") && said.contains("REDACTED"));
}

#[test]
fn openapi_needs_no_database() {
    let cli = Cli::read(["trading-server", "openapi"]).unwrap();

    assert_eq!(cli.command(), Command::Openapi);
    assert!(load(&["openapi"], &[]).is_ok());
}
