//! The section `audit` of the configuration.

use std::path::Path;
use std::time::Duration;

use trading_server::cli::Cli;
use trading_server::config::{AuditPlace, Inputs, Problems, Settings};
use trading_server::exit::Exit;

const BY_URL: [(&str, &str); 3] = [
    ("DATABASE_URL", "postgres://app:hunter2@db/trading"),
    ("PLATFORM_KEYS_PASSPHRASE", "correct horse battery staple"),
    ("PLATFORM_KEYS_ERASURE_DIR", "/srv/erasure"),
];
const TRAIL: [(&str, &str); 4] = [
    ("PLATFORM_AUDIT_HOST", "audit.example.com"),
    ("PLATFORM_AUDIT_KEY_FILE", "/etc/trading/audit.key"),
    ("PLATFORM_AUDIT_MARKS_DIR", "/srv/audit/marks"),
    ("PLATFORM_AUDIT_SPOOL_DIR", "/srv/audit/spool"),
];

fn load(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Settings, Problems> {
    let cli = Cli::read(["trading-server"].iter().chain(arguments).copied()).unwrap();
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

#[test]
fn with_the_embedded_database_all_of_the_trail_lies_in_the_data_folder() {
    let audit = load(&["--data-dir", "/srv/data"], &[]).unwrap().audit;

    let place = AuditPlace {
        host: "localhost".to_owned(),
        key_file: "/srv/data/audit/log.key".into(),
        own_key: true,
        marks_dir: "/srv/data/audit/marks".into(),
        publish_dir: Some("/srv/data/audit/published".into()),
        spool_dir: "/srv/data/audit/spool".into(),
        spool_bytes_max: 67_108_864,
    };
    assert_eq!(audit.place, Some(place));
    assert_eq!((audit.archive_dir, audit.prune), (None, false));
    assert_eq!(
        (audit.interval, audit.batch_max, audit.shards),
        (Duration::from_millis(200), 10_000, 1)
    );
}

#[test]
fn a_place_that_is_named_wins_over_the_data_folder() {
    let audit = load(&[], &TRAIL).unwrap().audit;

    let place = audit.place.unwrap();
    assert_eq!(place.host, "audit.example.com");
    assert_eq!(place.key_file, Path::new("/etc/trading/audit.key"));
    assert!(!place.own_key);
}

#[test]
fn beside_a_database_server_nothing_is_made_up() {
    let nothing = load(&[], &BY_URL).unwrap_err();

    insta::assert_snapshot!(nothing, @"
    the configuration has 4 problems
      audit.host (default): found nothing, expected a name of 1 to 200 letters, digits, dots, hyphens and colons, such as audit.example.com, that never changes
      audit.key_file (default): found nothing, expected a file that only the server's account may read, as the command `audit new-key` makes one, shared by all instances
      audit.marks_dir (default): found nothing, expected a folder that no backup of the database holds and nobody rolls back with it
      audit.spool_dir (default): found nothing, expected a folder of this instance's own
    ");
    assert_eq!(nothing.exit(), Exit::Configuration);
    let everything: Vec<_> = BY_URL.into_iter().chain(TRAIL).collect();
    for command in ["serve", "check"] {
        let settings = load(&[command], &everything).unwrap();
        assert_eq!(settings.audit.place.unwrap().publish_dir, None);
    }
    // What records nothing asks for nothing.
    for command in ["openapi", "migrate"] {
        assert_eq!(load(&[command], &BY_URL).unwrap().audit.place, None);
    }
    assert!(load(&["audit", "new-key", "--file", "x", "--host", "y"], &BY_URL).is_ok());
    assert!(load(&["audit", "key"], &BY_URL).is_err());
    // Looking at the trail opens nothing that is sealed.
    let only_url: Vec<_> = BY_URL[..1].iter().copied().chain(TRAIL).collect();
    assert!(load(&["audit", "key"], &only_url).is_ok());
}

#[test]
fn everything_that_is_wrong_with_the_trail_is_reported_at_once() {
    let wrong = [
        ("PLATFORM_AUDIT_HOST", "audit example"),
        ("PLATFORM_AUDIT_KEY_FILE", "postgres://app:hunter2@db/trading"),
        ("PLATFORM_AUDIT_SPOOL_BYTES_MAX", "1"),
        ("PLATFORM_AUDIT_SHARDS", "65"),
        ("PLATFORM_AUDIT_PRUNE", "yes"),
    ];

    let problems = load(&[], &wrong).unwrap_err();

    insta::assert_snapshot!(problems, @r#"
    the configuration has 5 problems
      audit.host (environment variable PLATFORM_AUDIT_HOST): found "audit example", expected a name of 1 to 200 letters, digits, dots, hyphens and colons, such as audit.example.com, that never changes
      audit.key_file (environment variable PLATFORM_AUDIT_KEY_FILE): found a URL with a user name (not shown), expected the path of a file
      audit.spool_bytes_max (environment variable PLATFORM_AUDIT_SPOOL_BYTES_MAX): found "1", expected a whole number from 65536 to 68719476736
      audit.prune (environment variable PLATFORM_AUDIT_PRUNE): found "yes", expected true or false
      audit.shards (environment variable PLATFORM_AUDIT_SHARDS): found "65", expected a whole number from 1 to 64
    "#);
}
