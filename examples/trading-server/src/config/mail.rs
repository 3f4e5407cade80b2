//! What is asked of users' credentials, and how mail is sent.

use std::path::{Path, PathBuf};
use std::time::Duration;

use platform_auth::{
    BreachedPasswords, InvalidPasskeyConfig, PasskeyConfig, Sender, ThrottleConfig, ThrottleLimit,
};
use platform_core::http::Origin;
use secrecy::SecretString;

use super::reader::Reader;
use super::url;

/// What is asked of users' credentials.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The fewest characters of a password.
    pub password_chars_min: usize,
    /// How hard to guess a password has to be, as zxcvbn scores it.
    pub password_score_min: u8,
    /// Stolen passwords, which nobody may have.
    pub breached_passwords: Option<BreachedPasswords>,
    /// May only sign in who has verified the e-mail address?
    pub verified_email: bool,
    /// How long an instance goes by what it read of a session.
    pub session_cache: Duration,
    /// The origins whose pages may use the cookie of a session, beside the one in `Host`.
    pub cookie_origins: Vec<Origin>,
    /// How many days after it is made an API key expires at the latest.
    pub api_key_days_max: u32,
    /// How many may register: of each tenant, and from each source address.
    pub registrations: ThrottleConfig,
    /// Where passkeys are good.
    pub passkeys: Option<PasskeyConfig>,
}

/// How mail is sent.
#[derive(Debug, Clone)]
pub struct Mail {
    /// By what.
    pub way: MailWay,
    /// From whom, such as `Acme <no-reply@example.com>`.
    pub from: String,
    /// Where the pages are on which users show tokens.
    pub link_base: Option<String>,
}

/// By what mail is sent.
#[derive(Debug, Clone)]
pub enum MailWay {
    /// Not at all.
    Off,
    /// A file for each mail, in this folder; for development.
    Folder(PathBuf),
    /// A mail server.
    Smtp(Smtp),
}

/// How a mail server is reached.
#[derive(Debug, Clone)]
pub struct Smtp {
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the conversation is encrypted.
    pub tls: MailTls,
    /// User and password.
    pub login: Option<(String, SecretString)>,
}

/// How the conversation with a mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// After STARTTLS, without which nothing is sent.
    StartTls,
    /// From the beginning.
    Wrapped,
    /// Not at all, to a server on this machine.
    Off,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Auto,
    Off,
    Folder,
    Smtp,
}

const HOUR: Duration = Duration::from_secs(60 * 60);

const SENDER_EXPECTED: &str = "a sender such as Acme <no-reply@example.com>";
const RP_ID_EXPECTED: &str = "the name of a host such as example.com or localhost";
const ORIGIN_EXPECTED: &str = "an origin such as https://app.example.com, or http://localhost:8080";
const HOST_EXPECTED: &str = "the name of a mail server";

/// Reads the section `auth`.
pub(super) fn credentials(reader: &mut Reader) -> Credentials {
    Credentials {
        password_chars_min: reader.number("auth.password_chars_min", 8..=64),
        password_score_min: reader.number("auth.password_score_min", 2..=4),
        breached_passwords: breached(reader),
        verified_email: reader.truth("auth.verified_email"),
        session_cache: reader.millis("auth.session_cache_ms", 0..=5_000),
        cookie_origins: reader.list(
            "auth.cookie_origins",
            "an origin such as https://app.example.com",
            |text| text.parse().ok(),
        ),
        api_key_days_max: reader.number("auth.api_key_days_max", 1..=3_650),
        registrations: ThrottleConfig {
            account: limit(
                reader,
                ("auth.registrations_burst", "auth.registrations_per_hour"),
            ),
            address: limit(
                reader,
                (
                    "auth.address_registrations_burst",
                    "auth.address_registrations_per_hour",
                ),
            ),
            ..ThrottleConfig::default()
        },
        passkeys: passkeys(reader),
    }
}

/// So many at once, and so many an hour in the long run.
fn limit(reader: &mut Reader, (burst, per_hour): (&'static str, &'static str)) -> ThrottleLimit {
    let (burst, per_hour) = (
        reader.number(burst, 1..=10_000),
        reader.number::<u32>(per_hour, 1..=3_600_000),
    );
    ThrottleLimit {
        burst,
        // What could not be read is reported, and nothing is served with it.
        recovery: HOUR / per_hour.max(1),
    }
}

/// Reads the section `passkeys`.
fn passkeys(reader: &mut Reader) -> Option<PasskeyConfig> {
    let (rp_id, origins) = ("passkeys.rp_id", "passkeys.origins");
    let id = reader.text(rp_id, RP_ID_EXPECTED)?;
    let pages = reader.list(origins, ORIGIN_EXPECTED, |text| {
        url::is_origin(text).then(|| text.to_owned())
    });
    if pages.is_empty() || !reader.is_sound(&[rp_id, origins]) {
        return None;
    }
    PasskeyConfig::new(&id, &pages)
        .inspect_err(|error| match error {
            InvalidPasskeyConfig::RelyingParty => reader.wrong(rp_id, RP_ID_EXPECTED),
            InvalidPasskeyConfig::OtherHost => {
                let expected = format!("origins at passkeys.rp_id, {id}, or below it");
                reader.problem(origins, pages.join(", "), expected);
            }
            _ => reader.problem(origins, pages.join(", "), format!("1 to 16 of {ORIGIN_EXPECTED}")),
        })
        .ok()
}

fn breached(reader: &mut Reader) -> Option<BreachedPasswords> {
    let name = "auth.breached_passwords_file";
    let expected = "a file of SHA-1 hashes in ascending order, as Have I Been Pwned gives it out";
    reader.parsed(name, expected, |path| BreachedPasswords::open(path).ok())
}

/// Reads the section `mail`.
pub(super) fn mail(reader: &mut Reader, data_dir: &Path, embedded: bool) -> Mail {
    let modes = [
        ("auto", Mode::Auto),
        ("off", Mode::Off),
        ("folder", Mode::Folder),
        ("smtp", Mode::Smtp),
    ];
    let mode = reader.choice("mail.mode", &modes).unwrap_or(Mode::Off);
    let folder = reader.parsed("mail.folder", "the path of a folder", |text| {
        (!text.is_empty()).then(|| PathBuf::from(text))
    });
    let smtp = smtp(reader);
    let from = reader.parsed("mail.from", SENDER_EXPECTED, |text| {
        Sender::parse(text).is_ok().then(|| text.to_owned())
    });
    let link_base = reader.parsed(
        "mail.link_base",
        "the URL of a page such as https://app.example.com",
        |text| url::is_origin(text).then(|| text.to_owned()),
    );
    let own_folder = || folder.clone().unwrap_or_else(|| data_dir.join("mail"));
    let way = match (mode, smtp) {
        (Mode::Off, _) => MailWay::Off,
        (Mode::Smtp | Mode::Auto, Some(smtp)) => {
            if from.is_none() && reader.is_sound(&["mail.from"]) {
                reader.problem("mail.from", "nothing", SENDER_EXPECTED);
            }
            MailWay::Smtp(smtp)
        }
        (Mode::Smtp, None) => {
            if reader.is_sound(&["mail.host"]) {
                reader.problem("mail.host", "nothing", HOST_EXPECTED);
            }
            MailWay::Off
        }
        (Mode::Folder, _) => MailWay::Folder(own_folder()),
        (Mode::Auto, None) if embedded || folder.is_some() => MailWay::Folder(own_folder()),
        (Mode::Auto, None) => MailWay::Off,
    };
    Mail {
        way,
        from: from.unwrap_or_else(|| "Trading server <no-reply@localhost.localdomain>".to_owned()),
        link_base,
    }
}

fn smtp(reader: &mut Reader) -> Option<Smtp> {
    let ways = [
        ("starttls", MailTls::StartTls),
        ("tls", MailTls::Wrapped),
        ("off", MailTls::Off),
    ];
    let tls = reader.choice("mail.tls", &ways).unwrap_or(MailTls::StartTls);
    let port = reader.number("mail.port", 1..=65_535);
    let user = reader.text("mail.user", "the name of a user of the mail server");
    let password = reader.secret_or_file(
        ("mail.password", "mail.password_file"),
        "a password of 1 to 1024 bytes",
        |text| match text.len() {
            1..=1024 => Ok(()),
            _ => Err("has not 1 to 1024 bytes"),
        },
    );
    let host = reader.parsed("mail.host", HOST_EXPECTED, |text| {
        is_host(text).then(|| text.to_owned())
    })?;
    let login = match (user, password) {
        (Some(user), Some(password)) => Some((user, password)),
        (None, None) => None,
        (Some(_), None) => {
            if reader.is_sound(&["mail.password", "mail.password_file"]) {
                reader.problem("mail.password", "nothing", "the password of mail.user");
            }
            None
        }
        (None, Some(_)) => {
            reader.problem("mail.user", "nothing", "the user of mail.password");
            None
        }
    };
    let is_here = host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    if tls == MailTls::Off && !is_here {
        let expected = "starttls or tls: without, mail goes to a server on this machine only";
        reader.problem("mail.tls", "off", expected);
    }
    Some(Smtp {
        host,
        port,
        tls,
        login,
    })
}

fn is_host(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || ".-:".contains(c);
    (1..=253).contains(&text.len()) && text.chars().all(allowed)
}
