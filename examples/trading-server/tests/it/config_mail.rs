//! The sections `auth` and `mail`.

use std::fs;

use tempfile::TempDir;
use trading_server::cli::Cli;
use trading_server::config::{Inputs, MailTls, MailWay, Problems, Settings};

const BESIDE_A_SERVER: [(&str, &str); 8] = [
    ("PLATFORM_AUDIT_HOST", "audit.example.com"),
    ("PLATFORM_AUDIT_KEY_FILE", "/etc/trading/audit.key"),
    ("PLATFORM_AUDIT_MARKS_DIR", "/srv/audit/marks"),
    ("PLATFORM_AUDIT_SPOOL_DIR", "/srv/audit/spool"),
    (
        "DATABASE_URL",
        "postgres://app:password@db.example.com:5432/trading",
    ),
    ("PLATFORM_KEYS_PASSPHRASE", "correct horse battery staple"),
    ("PLATFORM_KEYS_ERASURE_DIR", "/srv/erasure"),
    ("PLATFORM_LISTEN", "127.0.0.1:0"),
];

fn load(environment: &[(&str, &str)]) -> Result<Settings, Problems> {
    let cli = Cli::read(["trading-server"]).unwrap();
    Settings::load(&Inputs {
        command: cli.command(),
        flags: &cli.flags,
        environment: environment
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect(),
        terminal: false,
    })
}

fn beside_a_server(environment: &[(&str, &str)]) -> Result<Settings, Problems> {
    load(&[&BESIDE_A_SERVER, environment].concat())
}

fn problem(environment: &[(&str, &str)]) -> String {
    let problems = beside_a_server(environment).unwrap_err();
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

#[test]
fn mail_goes_into_a_folder_beside_the_embedded_database_and_nowhere_beside_a_server() {
    let embedded = load(&[("PLATFORM_DATA_DIR", "/srv/data")]).unwrap().mail.way;
    let beside = beside_a_server(&[]).unwrap().mail.way;
    let asked = beside_a_server(&[("PLATFORM_MAIL_FOLDER", "/tmp/mail")])
        .unwrap()
        .mail
        .way;

    assert!(
        matches!(&embedded, MailWay::Folder(folder) if folder == "/srv/data/mail"),
        "{embedded:?}"
    );
    assert!(matches!(beside, MailWay::Off), "{beside:?}");
    assert!(
        matches!(&asked, MailWay::Folder(folder) if folder == "/tmp/mail"),
        "{asked:?}"
    );
}

#[test]
fn a_mail_server_is_reached_over_tls_and_its_password_is_never_shown() {
    let settings = beside_a_server(&[
        ("PLATFORM_MAIL_HOST", "smtp.example.com"),
        ("PLATFORM_MAIL_FROM", "Acme <no-reply@example.com>"),
        ("PLATFORM_MAIL_USER", "trading"),
        ("PLATFORM_MAIL_PASSWORD", "hunter2-mail"),
    ]);
    let settings = settings.unwrap();

    let MailWay::Smtp(smtp) = &settings.mail.way else {
        panic!("{:?}", settings.mail)
    };
    assert_eq!((smtp.port, smtp.tls), (587, MailTls::StartTls));
    assert!(!format!("{settings:?}").contains("hunter2-mail"));
}

#[test]
fn what_makes_no_sense_together_is_named() {
    let host = ("PLATFORM_MAIL_HOST", "smtp.example.com");
    let from = ("PLATFORM_MAIL_FROM", "no-reply@example.com");
    for (environment, key) in [
        (vec![host], "mail.from"),
        (vec![("PLATFORM_MAIL_MODE", "smtp"), from], "mail.host"),
        (vec![host, from, ("PLATFORM_MAIL_TLS", "off")], "mail.tls"),
        (
            vec![host, from, ("PLATFORM_MAIL_USER", "trading")],
            "mail.password",
        ),
        (
            vec![host, from, ("PLATFORM_MAIL_PASSWORD", "hunter2-mail")],
            "mail.user",
        ),
        (vec![("PLATFORM_MAIL_FROM", "nobody")], "mail.from"),
        (vec![("PLATFORM_MAIL_LINK_BASE", "app")], "mail.link_base"),
        (
            vec![("PLATFORM_AUTH_VERIFIED_EMAIL", "true")],
            "auth.verified_email",
        ),
        (
            vec![("PLATFORM_AUTH_PASSWORD_CHARS_MIN", "7")],
            "auth.password_chars_min",
        ),
        (
            vec![("PLATFORM_AUTH_PASSWORD_SCORE_MIN", "1")],
            "auth.password_score_min",
        ),
        (
            vec![("PLATFORM_AUTH_SESSION_CACHE_MS", "5001")],
            "auth.session_cache_ms",
        ),
        (
            vec![("PLATFORM_AUTH_COOKIE_ORIGINS", "https://app.example.com/path")],
            "auth.cookie_origins",
        ),
        (
            vec![("PLATFORM_AUTH_API_KEY_DAYS_MAX", "3651")],
            "auth.api_key_days_max",
        ),
        (
            vec![("PLATFORM_AUTH_REGISTRATIONS_BURST", "0")],
            "auth.registrations_burst",
        ),
        (
            vec![("PLATFORM_AUTH_REGISTRATIONS_PER_HOUR", "0")],
            "auth.registrations_per_hour",
        ),
        (
            vec![("PLATFORM_AUTH_ADDRESS_REGISTRATIONS_BURST", "10001")],
            "auth.address_registrations_burst",
        ),
        (
            vec![("PLATFORM_AUTH_ADDRESS_REGISTRATIONS_PER_HOUR", "3600001")],
            "auth.address_registrations_per_hour",
        ),
        (
            vec![("PLATFORM_AUTH_BREACHED_PASSWORDS_FILE", "/nowhere")],
            "auth.breached_passwords_file",
        ),
    ] {
        let said = problem(&environment);
        assert!(said.lines().count() == 1 && said.contains(key), "{key}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn how_many_may_register_is_what_the_configuration_says_and_what_the_library_says_without() {
    let unset = beside_a_server(&[]).unwrap().auth.registrations;
    assert_eq!(unset, platform_auth::AuthConfig::default().registrations);

    let set = beside_a_server(&[
        ("PLATFORM_AUTH_REGISTRATIONS_BURST", "5"),
        ("PLATFORM_AUTH_REGISTRATIONS_PER_HOUR", "60"),
        ("PLATFORM_AUTH_ADDRESS_REGISTRATIONS_BURST", "2"),
        ("PLATFORM_AUTH_ADDRESS_REGISTRATIONS_PER_HOUR", "1"),
    ]);

    let set = set.unwrap().auth.registrations;
    assert_eq!((set.account.burst, set.account.recovery.as_secs()), (5, 60));
    assert_eq!((set.address.burst, set.address.recovery.as_secs()), (2, 3_600));
}

#[test]
fn a_list_of_stolen_passwords_is_looked_at_before_the_server_starts() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("hashes.txt");
    let environment = [("PLATFORM_AUTH_BREACHED_PASSWORDS_FILE", path.to_str().unwrap())];
    fs::write(&path, "password\n").unwrap();
    assert!(problem(&environment).contains("auth.breached_passwords_file"));

    fs::write(&path, "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:52256179\r\n").unwrap();

    assert!(
        beside_a_server(&environment)
            .unwrap()
            .auth
            .breached_passwords
            .is_some()
    );
}

#[test]
fn passkeys_are_for_this_machine_unless_they_are_for_a_host_with_its_pages() {
    let default = load(&[]).unwrap().auth.passkeys;
    let given = load(&[
        ("PLATFORM_PASSKEYS_RP_ID", "example.com"),
        (
            "PLATFORM_PASSKEYS_ORIGINS",
            "https://app.example.com, https://example.com",
        ),
    ]);
    let given = given.unwrap().auth.passkeys;

    assert!(format!("{default:?}").contains("localhost"), "{default:?}");
    let given = format!("{given:?}");
    assert!(
        given.contains("app.example.com") && !given.contains("localhost"),
        "{given}"
    );
}

#[test]
fn pages_elsewhere_than_at_the_host_of_the_passkeys_are_a_problem() {
    let elsewhere = [
        ("PLATFORM_PASSKEYS_RP_ID", "example.com"),
        ("PLATFORM_PASSKEYS_ORIGINS", "https://badexample.com"),
    ];
    let not_secure = [
        ("PLATFORM_PASSKEYS_RP_ID", "example.com"),
        ("PLATFORM_PASSKEYS_ORIGINS", "http://example.com"),
    ];

    assert!(problem(&elsewhere).contains("passkeys.origins"));
    assert!(problem(&not_secure).contains("passkeys.origins"));
    assert!(problem(&[("PLATFORM_PASSKEYS_RP_ID", "Example")]).contains("passkeys.rp_id"));
    assert!(problem(&[("PLATFORM_PASSKEYS_RP_ID", "example.com")]).contains("passkeys.origins"));
}
