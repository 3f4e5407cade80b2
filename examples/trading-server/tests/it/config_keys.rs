//! The sections `keys` and `vault` of the configuration.

use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret;
use tempfile::TempDir;
use trading_server::cli::Cli;
use trading_server::config::{ErasurePlace, Inputs, Problems, RootKey, Settings, VaultLogin};
use trading_server::exit::Exit;

const BY_URL: (&str, &str) = ("DATABASE_URL", "postgres://app:hunter2@db/trading");
const PASSPHRASE: (&str, &str) = ("PLATFORM_KEYS_PASSPHRASE", "correct horse battery staple");
const ERASURE: (&str, &str) = ("PLATFORM_KEYS_ERASURE_DIR", "/srv/erasure");

/// What the audit trail needs beside a database server; it has tests of its own.
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
        environment: TRAIL
            .iter()
            .chain(environment)
            .map(|(name, value)| (name.into(), value.into()))
            .collect(),
        terminal: false,
    })
}

fn problems(environment: &[(&str, &str)]) -> String {
    let problems = load(&[], environment).unwrap_err();
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// A file in a folder that goes away with the test.
fn file(text: &str) -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

#[test]
fn with_the_embedded_database_a_key_file_and_the_erasures_lie_in_the_data_folder() {
    let keys = load(&["--data-dir", "/srv/data"], &[]).unwrap().keys;

    let Some(RootKey::OwnFile(path)) = keys.root else {
        panic!("{keys:?}");
    };
    assert_eq!(path, Path::new("/srv/data/keys/root.key"));
    let folder = Path::new("/srv/data/keys/erasure").to_owned();
    assert_eq!(keys.erasure, Some(ErasurePlace::Folder(folder)));
    assert_eq!(
        (keys.ttl, keys.grace),
        (Duration::from_secs(300), Duration::from_secs(900))
    );
}

#[test]
fn beside_a_database_server_nothing_is_made_up() {
    let nothing = load(&[], &[BY_URL]).unwrap_err();

    insta::assert_snapshot!(nothing, @r#"
    the configuration has a problem
      keys.provider (default): found nothing that says where the root key comes from, expected keys.file, keys.passphrase, keys.root or vault.address beside database.url (DATABASE_URL): only with the embedded database a key is made without being asked for
    "#);
    assert_eq!(nothing.exit(), Exit::Configuration);
    insta::assert_snapshot!(problems(&[BY_URL, PASSPHRASE]), @"keys.erasure_dir (default): found nothing, expected a folder that every instance shares and no backup of the database holds");
    for command in ["check", "serve"] {
        assert!(load(&[command], &[BY_URL]).is_err());
        assert!(load(&[command], &[BY_URL, PASSPHRASE, ERASURE]).is_ok());
    }
    // What needs no keys asks for none.
    assert!(load(&["openapi"], &[BY_URL]).unwrap().keys.root.is_none());
    assert!(load(&["migrate"], &[BY_URL]).is_ok());
}

#[test]
fn a_secret_may_stand_in_a_file_of_its_own() {
    let (_folder, path) = file("correct horse battery staple\n");
    let by_file = ("PLATFORM_KEYS_PASSPHRASE_FILE", path.as_str());

    let keys = load(&[], &[by_file]).unwrap().keys;

    let Some(RootKey::Passphrase(passphrase)) = keys.root else {
        panic!("{keys:?}");
    };
    assert_eq!(passphrase.expose_secret(), "correct horse battery staple");
    let both = problems(&[by_file, PASSPHRASE]).replace(&path, "FILE");
    insta::assert_snapshot!(both, @"keys.passphrase_file (environment variable PLATFORM_KEYS_PASSPHRASE_FILE): found a file beside the secret itself, expected keys.passphrase or this, not both");
    let missing = load(&[], &[("PLATFORM_KEYS_PASSPHRASE_FILE", "/nowhere/passphrase")]).unwrap_err();
    assert_eq!(missing.exit(), Exit::NoInput);
}

#[test]
fn two_root_keys_need_a_word_which_of_them_counts() {
    let two = [PASSPHRASE, ("PLATFORM_KEYS_FILE", "root.key")];

    insta::assert_snapshot!(problems(&two), @"keys.provider (default): found auto beside keys.file and keys.passphrase, expected file, passphrase, env or vault, to say which of them");
    let chosen = load(&[], &[two[0], two[1], ("PLATFORM_KEYS_PROVIDER", "file")]).unwrap();
    assert!(matches!(chosen.keys.root, Some(RootKey::File(path)) if path == Path::new("root.key")));
}

#[test]
fn the_root_key_of_before_stands_beside_the_new_one() {
    let environment = [PASSPHRASE, ("PLATFORM_KEYS_PREVIOUS_FILE", "old.key")];

    let keys = load(&[], &environment).unwrap().keys;

    assert!(matches!(&keys.previous[..], [RootKey::File(path)] if path == Path::new("old.key")));
}

#[test]
fn a_vault_takes_a_token_or_a_role_and_holds_the_erasures() {
    let (_folder, path) = file("the-secret-id");
    let address = ("PLATFORM_VAULT_ADDRESS", "https://vault.example.com:8200");
    let role = [
        address,
        ("PLATFORM_VAULT_ROLE_ID", "trading"),
        ("PLATFORM_VAULT_SECRET_ID_FILE", path.as_str()),
        BY_URL,
    ];

    let keys = load(&[], &role).unwrap().keys;

    assert_eq!(keys.erasure, Some(ErasurePlace::Vault));
    let Some(RootKey::Vault(vault)) = keys.root else {
        panic!("{keys:?}");
    };
    assert_eq!(vault.address, address.1);
    assert!(matches!(vault.login, VaultLogin::AppRole { role_id, .. } if role_id == "trading"));
    let token = load(&[], &[address, ("PLATFORM_VAULT_TOKEN", "hvs.x"), BY_URL]).unwrap();
    assert!(matches!(
        token.keys.root,
        Some(RootKey::Vault(vault)) if matches!(vault.login, VaultLogin::Token(_))
    ));
}

#[test]
fn everything_that_is_wrong_with_the_keys_is_reported_at_once_and_no_secret_is_shown() {
    let said = [
        problems(&[
            ("PLATFORM_KEYS_PASSPHRASE", "too short"),
            ("PLATFORM_KEYS_TTL_MS", "1"),
            ("PLATFORM_KEYS_ERASURE_DIR", "https://example.com/erasure"),
        ]),
        problems(&[("PLATFORM_KEYS_PROVIDER", "env")]),
        problems(&[("PLATFORM_KEYS_PROVIDER", "passphrase")]),
        problems(&[
            ("PLATFORM_KEYS_PROVIDER", "vault"),
            ("PLATFORM_VAULT_ADDRESS", "vault:8200"),
        ]),
        problems(&[
            ("PLATFORM_VAULT_ADDRESS", "http://127.0.0.1:8200"),
            ("PLATFORM_VAULT_TOKEN", "hvs.x"),
            ("PLATFORM_VAULT_ROLE_ID", "trading"),
            ("PLATFORM_VAULT_TRANSIT_KEY", "../sys/seal"),
        ]),
        problems(&[
            ("PLATFORM_VAULT_ADDRESS", "http://127.0.0.1:8200"),
            ("PLATFORM_VAULT_ROLE_ID", "trading"),
        ]),
        problems(&[
            ("PLATFORM_KEYS_TTL_MS", "60000"),
            ("PLATFORM_KEYS_GRACE_MS", "30000"),
        ]),
    ];

    insta::assert_snapshot!(said.join("\n\n"), @r#"
    keys.ttl_ms (environment variable PLATFORM_KEYS_TTL_MS): found "1", expected a whole number from 100 to 3600000
    keys.passphrase (environment variable PLATFORM_KEYS_PASSPHRASE): found a value that is too short (not shown), expected a passphrase of 15 to 1024 bytes
    keys.erasure_dir (environment variable PLATFORM_KEYS_ERASURE_DIR): found "https://example.com/erasure", expected the path of a folder that no backup of the database holds

    keys.root (default): found nothing, expected a root key as the command `keys new-root` prints one

    keys.passphrase (default): found nothing, expected a passphrase, or its file in keys.passphrase_file

    vault.address (environment variable PLATFORM_VAULT_ADDRESS): found "vault:8200", expected the URL of a Vault such as https://vault.example.com:8200
    vault.token (default): found nothing, expected a token, or vault.role_id with vault.secret_id, in place or by file

    vault.token (environment variable PLATFORM_VAULT_TOKEN): found a token beside the role of an application (not shown), expected one of the two ways to log in
    vault.transit_key (environment variable PLATFORM_VAULT_TRANSIT_KEY): found "../sys/seal", expected a name of 1 to 128 letters, digits, hyphens, underscores and dots

    vault.secret_id (default): found nothing, expected the credential of vault.role_id, in place or by file

    keys.grace_ms (environment variable PLATFORM_KEYS_GRACE_MS): found 30000, expected at least keys.ttl_ms, 60000
    "#);
    assert!(!said.concat().contains("too short\""));
}
