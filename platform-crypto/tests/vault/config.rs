use platform_core::Sources;
use platform_crypto::{InvalidVaultConfig, Vault, VaultConfig, VaultLogin};

use crate::support::secret;

#[test]
fn keys_do_not_go_over_a_network_in_clear_text() {
    for address in ["http://vault.internal:8200", "http://127.0.0.1.evil.example:8200"] {
        assert!(
            matches!(VaultConfig::new(address), Err(InvalidVaultConfig::ClearText)),
            "{address}"
        );
    }
    for address in [
        "https://vault.internal:8200",
        "http://127.0.0.1:8200",
        "http://localhost:8200/",
        "http://[::1]:8200",
    ] {
        assert!(VaultConfig::new(address).is_ok(), "{address}");
    }
}

#[test]
fn an_address_that_is_none_is_refused() {
    for address in [
        "",
        "vault",
        "https://",
        "ftp://vault:8200",
        "https://vault\n:8200",
        "https://vault:port",
        "https://user:hunter2@vault.internal:8200",
        "http://127.0.0.1:8200@evil.example",
    ] {
        assert!(
            matches!(VaultConfig::new(address), Err(InvalidVaultConfig::Address)),
            "{address}"
        );
    }
}

#[test]
fn a_name_that_would_change_the_path_of_a_request_is_refused() {
    let config = VaultConfig::new("https://vault.internal:8200").unwrap();
    let vault = Vault::new(config, VaultLogin::token(secret("hvs.token")), &Sources::system()).unwrap();

    for name in [
        "",
        "/",
        "secret/",
        "../sys",
        "a/../b",
        "a//b",
        "a?list=true",
        "a#b",
        "a%2fb",
        "a b",
        "schlüssel",
    ] {
        assert!(
            matches!(vault.kv(name), Err(InvalidVaultConfig::Name { .. })),
            "{name}"
        );
        assert!(
            vault.transit(name, "platform").is_err() && vault.transit("transit", name).is_err(),
            "{name}"
        );
    }
}

#[test]
fn a_missing_file_of_certificates_is_told_at_the_start() {
    let config = VaultConfig::new("https://vault.internal:8200")
        .unwrap()
        .with_ca_file("/nowhere/ca.pem");

    let made = Vault::new(config, VaultLogin::token(secret("hvs.token")), &Sources::system());

    assert!(matches!(made, Err(InvalidVaultConfig::Client(_))));
}

#[test]
fn nothing_of_a_login_is_shown() {
    let config = VaultConfig::new("https://vault.internal:8200").unwrap();
    let login = VaultLogin::app_role("role", secret("hvs.secret-id"));
    let vault = Vault::new(config, login, &Sources::system()).unwrap();

    let shown = format!("{vault:?}");

    assert!(!shown.contains("secret-id"), "{shown}");
}
