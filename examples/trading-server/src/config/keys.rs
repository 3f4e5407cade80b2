//! Every key there is: its name in the file, its environment variable, its flag, its default.

/// One setting.
#[derive(Debug)]
pub(super) struct Key {
    /// Section and name, as in the file: `http.deadline_ms`.
    pub(super) name: &'static str,
    pub(super) env: &'static str,
    pub(super) flag: Option<&'static str>,
    pub(super) default: Option<&'static str>,
    /// The value is never shown.
    pub(super) secret: bool,
}

pub(super) static KEYS: &[Key] = &[
    key("listen", "PLATFORM_LISTEN")
        .flag("--listen")
        .or("127.0.0.1:8080"),
    key("data_dir", "PLATFORM_DATA_DIR")
        .flag("--data-dir")
        .or("./data"),
    key("pg_bin_dir", "PG_BIN_DIR"),
    key("database.url", "DATABASE_URL").secret(),
    key("database.owner_url", "DATABASE_OWNER_URL").secret(),
    key("database.max_connections", "PLATFORM_DATABASE_MAX_CONNECTIONS").or("16"),
    key(
        "database.acquire_timeout_ms",
        "PLATFORM_DATABASE_ACQUIRE_TIMEOUT_MS",
    )
    .or("2000"),
    key(
        "database.statement_timeout_ms",
        "PLATFORM_DATABASE_STATEMENT_TIMEOUT_MS",
    )
    .or("8000"),
    key("keys.provider", "PLATFORM_KEYS_PROVIDER").or("auto"),
    key("keys.file", "PLATFORM_KEYS_FILE"),
    key("keys.passphrase", "PLATFORM_KEYS_PASSPHRASE").secret(),
    key("keys.passphrase_file", "PLATFORM_KEYS_PASSPHRASE_FILE"),
    key("keys.root", "PLATFORM_KEYS_ROOT").secret(),
    key("keys.previous_file", "PLATFORM_KEYS_PREVIOUS_FILE"),
    key("keys.previous_passphrase", "PLATFORM_KEYS_PREVIOUS_PASSPHRASE").secret(),
    key(
        "keys.previous_passphrase_file",
        "PLATFORM_KEYS_PREVIOUS_PASSPHRASE_FILE",
    ),
    key("keys.previous_root", "PLATFORM_KEYS_PREVIOUS_ROOT").secret(),
    key("keys.erasure_dir", "PLATFORM_KEYS_ERASURE_DIR"),
    key("keys.ttl_ms", "PLATFORM_KEYS_TTL_MS").or("300000"),
    key("keys.grace_ms", "PLATFORM_KEYS_GRACE_MS").or("900000"),
    key("audit.host", "PLATFORM_AUDIT_HOST"),
    key("audit.key_file", "PLATFORM_AUDIT_KEY_FILE"),
    key("audit.marks_dir", "PLATFORM_AUDIT_MARKS_DIR"),
    key("audit.publish_dir", "PLATFORM_AUDIT_PUBLISH_DIR"),
    key("audit.spool_dir", "PLATFORM_AUDIT_SPOOL_DIR"),
    key("audit.spool_bytes_max", "PLATFORM_AUDIT_SPOOL_BYTES_MAX").or("67108864"),
    key("audit.archive_dir", "PLATFORM_AUDIT_ARCHIVE_DIR"),
    key("audit.prune", "PLATFORM_AUDIT_PRUNE").or("false"),
    key("audit.interval_ms", "PLATFORM_AUDIT_INTERVAL_MS").or("200"),
    key("audit.batch_max", "PLATFORM_AUDIT_BATCH_MAX").or("10000"),
    key("audit.shards", "PLATFORM_AUDIT_SHARDS").or("1"),
    key("auth.password_chars_min", "PLATFORM_AUTH_PASSWORD_CHARS_MIN").or("8"),
    key("auth.password_score_min", "PLATFORM_AUTH_PASSWORD_SCORE_MIN").or("3"),
    key(
        "auth.breached_passwords_file",
        "PLATFORM_AUTH_BREACHED_PASSWORDS_FILE",
    ),
    key("auth.verified_email", "PLATFORM_AUTH_VERIFIED_EMAIL").or("false"),
    key("auth.session_cache_ms", "PLATFORM_AUTH_SESSION_CACHE_MS").or("1000"),
    key("auth.cookie_origins", "PLATFORM_AUTH_COOKIE_ORIGINS").or(""),
    key("auth.api_key_days_max", "PLATFORM_AUTH_API_KEY_DAYS_MAX").or("365"),
    key("auth.registrations_burst", "PLATFORM_AUTH_REGISTRATIONS_BURST").or("1000"),
    key(
        "auth.registrations_per_hour",
        "PLATFORM_AUTH_REGISTRATIONS_PER_HOUR",
    )
    .or("3600"),
    key(
        "auth.address_registrations_burst",
        "PLATFORM_AUTH_ADDRESS_REGISTRATIONS_BURST",
    )
    .or("100"),
    key(
        "auth.address_registrations_per_hour",
        "PLATFORM_AUTH_ADDRESS_REGISTRATIONS_PER_HOUR",
    )
    .or("360"),
    key("platform.tenant", "PLATFORM_PLATFORM_TENANT"),
    key("platform.verify_hosts", "PLATFORM_PLATFORM_VERIFY_HOSTS").or("true"),
    key("passkeys.rp_id", "PLATFORM_PASSKEYS_RP_ID").or("localhost"),
    key("passkeys.origins", "PLATFORM_PASSKEYS_ORIGINS").or("http://localhost:8080"),
    key("mail.mode", "PLATFORM_MAIL_MODE").or("auto"),
    key("mail.folder", "PLATFORM_MAIL_FOLDER"),
    key("mail.from", "PLATFORM_MAIL_FROM"),
    key("mail.link_base", "PLATFORM_MAIL_LINK_BASE"),
    key("mail.host", "PLATFORM_MAIL_HOST"),
    key("mail.port", "PLATFORM_MAIL_PORT").or("587"),
    key("mail.tls", "PLATFORM_MAIL_TLS").or("starttls"),
    key("mail.user", "PLATFORM_MAIL_USER"),
    key("mail.password", "PLATFORM_MAIL_PASSWORD").secret(),
    key("mail.password_file", "PLATFORM_MAIL_PASSWORD_FILE"),
    key("vault.address", "PLATFORM_VAULT_ADDRESS"),
    key("vault.token", "PLATFORM_VAULT_TOKEN").secret(),
    key("vault.token_file", "PLATFORM_VAULT_TOKEN_FILE"),
    key("vault.role_id", "PLATFORM_VAULT_ROLE_ID"),
    key("vault.secret_id", "PLATFORM_VAULT_SECRET_ID").secret(),
    key("vault.secret_id_file", "PLATFORM_VAULT_SECRET_ID_FILE"),
    key("vault.transit_mount", "PLATFORM_VAULT_TRANSIT_MOUNT").or("transit"),
    key("vault.transit_key", "PLATFORM_VAULT_TRANSIT_KEY").or("platform"),
    key("vault.kv_mount", "PLATFORM_VAULT_KV_MOUNT").or("secret"),
    key("vault.kv_path", "PLATFORM_VAULT_KV_PATH").or("platform/erasure"),
    key("redis.url", "REDIS_URL").secret(),
    key("redis.prefix", "PLATFORM_REDIS_PREFIX").or("trading-server"),
    key("http.body_limit_bytes", "PLATFORM_HTTP_BODY_LIMIT_BYTES").or("65536"),
    key("http.deadline_ms", "PLATFORM_HTTP_DEADLINE_MS").or("10000"),
    key("http.max_in_flight", "PLATFORM_HTTP_MAX_IN_FLIGHT").or("1024"),
    key("http.cors_origins", "PLATFORM_HTTP_CORS_ORIGINS").or(""),
    key("http.trusted_proxies", "PLATFORM_HTTP_TRUSTED_PROXIES").or(""),
    key("http.rate_limit_per_s", "PLATFORM_HTTP_RATE_LIMIT_PER_S").or("200"),
    key("http.rate_limit_burst", "PLATFORM_HTTP_RATE_LIMIT_BURST").or("400"),
    key("http.hsts", "PLATFORM_HTTP_HSTS").or("false"),
    key("http.default_tenant", "PLATFORM_HTTP_DEFAULT_TENANT"),
    key("stream.connections_max", "PLATFORM_STREAM_CONNECTIONS_MAX").or("10000"),
    key("stream.anonymous_max", "PLATFORM_STREAM_ANONYMOUS_MAX").or("8000"),
    key("stream.per_address_max", "PLATFORM_STREAM_PER_ADDRESS_MAX").or("1000"),
    key("stream.per_principal_max", "PLATFORM_STREAM_PER_PRINCIPAL_MAX").or("100"),
    key("stream.per_tenant_max", "PLATFORM_STREAM_PER_TENANT_MAX").or("2000"),
    key("log.format", "PLATFORM_LOG_FORMAT").or("auto"),
    key("log.filter", "PLATFORM_LOG_FILTER").or("info"),
    key("metrics.listen", "PLATFORM_METRICS_LISTEN"),
    key("metrics.access", "PLATFORM_METRICS_ACCESS").or("permission"),
    key("shutdown.notice_ms", "PLATFORM_SHUTDOWN_NOTICE_MS").or("500"),
    key("shutdown.drain_ms", "PLATFORM_SHUTDOWN_DRAIN_MS").or("15000"),
    key("market.replay", "PLATFORM_REPLAY")
        .flag("--replay")
        .or("bundled"),
    key("market.replay_speed", "PLATFORM_REPLAY_SPEED").flag("--replay-speed"),
    key("market.seed", "PLATFORM_MARKET_SEED").or("1"),
    key("market.tick_ms", "PLATFORM_MARKET_TICK_MS").or("1000"),
    key("market.stale_after_ms", "PLATFORM_MARKET_STALE_AFTER_MS").or("5000"),
    key("market.liquidity", "PLATFORM_MARKET_LIQUIDITY").or("displayed"),
    key("market.collar_percent", "PLATFORM_MARKET_COLLAR_PERCENT").or("5"),
    key("market.calendar", "PLATFORM_MARKET_CALENDAR").or("always_open"),
    key("market.allow_gaps", "PLATFORM_MARKET_ALLOW_GAPS").or("false"),
    key("trading.trigger", "PLATFORM_TRADING_TRIGGER").or("last"),
    key(
        "accounts.four_eyes_above_usd",
        "PLATFORM_ACCOUNTS_FOUR_EYES_ABOVE_USD",
    )
    .or("10000"),
    key("accounts.open_orders_max", "PLATFORM_ACCOUNTS_OPEN_ORDERS_MAX").or("10000"),
    key(
        "accounts.tenant_open_orders_max",
        "PLATFORM_ACCOUNTS_TENANT_OPEN_ORDERS_MAX",
    )
    .or("500000"),
    key("accounts.approval_hours", "PLATFORM_ACCOUNTS_APPROVAL_HOURS").or("24"),
    key("demo.mode", "PLATFORM_DEMO").flag("--demo").or("auto"),
    key("demo.password", "PLATFORM_DEMO_PASSWORD").secret(),
    key("otel.endpoint", "PLATFORM_OTEL_ENDPOINT"),
    key("otel.sample_ratio", "PLATFORM_OTEL_SAMPLE_RATIO").or("1.0"),
];

/// Names the file to read, so it cannot stand in it.
pub(super) const CONFIG_ENV: &str = "PLATFORM_CONFIG";

/// The prefix of every variable that must be a known one.
pub(super) const ENV_PREFIX: &str = "PLATFORM_";

/// Variables with this prefix belong to the test support, not to the server.
pub(super) const TEST_ENV_PREFIX: &str = "PLATFORM_TEST_";

pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// Is this the name of a section, such as `http`?
pub(super) fn is_section(name: &str) -> bool {
    sections().any(|section| section == name)
}

/// The name of the section of each key that has one, so with repetitions.
pub(super) fn sections() -> impl Iterator<Item = &'static str> {
    KEYS.iter()
        .filter_map(|key| key.name.split_once('.'))
        .map(|(section, _)| section)
}

const fn key(name: &'static str, env: &'static str) -> Key {
    Key {
        name,
        env,
        flag: None,
        default: None,
        secret: false,
    }
}

impl Key {
    const fn flag(self, flag: &'static str) -> Self {
        Self {
            flag: Some(flag),
            ..self
        }
    }

    const fn or(self, default: &'static str) -> Self {
        Self {
            default: Some(default),
            ..self
        }
    }

    const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The names in the example file, commented out or not.
    fn names_in_example() -> BTreeSet<String> {
        let mut section = String::new();
        let mut names = BTreeSet::new();
        for line in include_str!("../../config.example.toml").lines() {
            let line = line.strip_prefix("# ").unwrap_or(line);
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = format!("{name}.");
            } else if let Some((name, _)) = line.split_once(" = ").filter(|(name, _)| !name.contains(' ')) {
                names.insert(format!("{section}{name}"));
            }
        }
        names
    }

    #[test]
    fn the_example_file_has_every_key_and_no_other() {
        let known: BTreeSet<String> = KEYS.iter().map(|key| key.name.to_owned()).collect();

        assert_eq!(names_in_example(), known);
    }

    #[test]
    fn the_variable_of_a_key_is_made_from_its_name_but_for_the_named_exceptions() {
        let exceptions = [
            "PG_BIN_DIR",
            "DATABASE_URL",
            "DATABASE_OWNER_URL",
            "REDIS_URL",
            "PLATFORM_REPLAY",
            "PLATFORM_REPLAY_SPEED",
            "PLATFORM_DEMO",
        ];

        for key in KEYS {
            let regular = format!("{ENV_PREFIX}{}", key.name.replace('.', "_").to_uppercase());
            assert!(key.env == regular || exceptions.contains(&key.env), "{}", key.env);
        }
    }
}
