use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use platform_core::testing::skipped;
use platform_core::{Sources, error_chain};
use platform_crypto::{Vault, VaultConfig, VaultError, VaultLogin};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::support::secret;

/// A certificate of this machine that signs itself, made by `openssl`; `false` where that is not to be had.
fn make_certificate(folder: &Path) -> bool {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args([
            "-subj",
            "/CN=vault.test",
            "-addext",
            "subjectAltName=DNS:localhost",
        ])
        .args([
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-keyout",
            "server.key",
            "-out",
            "server.pem",
        ])
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    made.is_ok_and(|status| status.success())
}

const DENIAL: &str = "HTTP/1.1 403 Forbidden\r\ncontent-length: 32\r\nconnection: close\r\n\r\n{\"errors\":[\"permission denied\"]}";

/// Answers every request with this text, behind TLS: who reads it has trusted the certificate. Gives its port.
fn server(folder: &Path, answer: String) -> u16 {
    let certificate = CertificateDer::from_pem_file(folder.join("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream =
                StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream.unwrap());
            let mut request = [0; 4096];
            // A client that does not trust the certificate hangs up.
            if stream.read(&mut request).is_ok_and(|length| length > 0) {
                stream.write_all(answer.as_bytes()).unwrap();
            }
        }
    });
    port
}

async fn ask(config: VaultConfig) -> VaultError {
    let config = config.with_attempts(1, Duration::ZERO);
    let vault = Vault::new(config, VaultLogin::token(secret("hvs.token")), &Sources::system()).unwrap();
    vault.maintain().await.unwrap_err()
}

#[tokio::test]
async fn vault_is_asked_over_tls_and_only_where_its_certificate_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    if !make_certificate(folder.path()) {
        let name = "vault_is_asked_over_tls_and_only_where_its_certificate_is_trusted";
        skipped(name, "openssl, to make a certificate");
        return;
    }
    let port = server(folder.path(), DENIAL.to_owned());
    let at = |host: &str| VaultConfig::new(&format!("https://{host}:{port}")).unwrap();
    let ca = folder.path().join("server.pem");

    let trusted = ask(at("localhost").with_ca_file(&ca)).await;
    let unknown = ask(at("localhost")).await;
    let of_another_host = ask(at("127.0.0.1").with_ca_file(&ca)).await;

    assert!(
        matches!(trusted, VaultError::Denied(_)),
        "{}",
        error_chain(&trusted)
    );
    assert!(
        matches!(unknown, VaultError::Unavailable(_)),
        "{}",
        error_chain(&unknown)
    );
    assert!(
        matches!(of_another_host, VaultError::Unavailable(_)),
        "{}",
        error_chain(&of_another_host)
    );
}

#[tokio::test]
async fn a_token_does_not_follow_a_redirection_out_of_tls() {
    let folder = tempfile::tempdir().unwrap();
    if !make_certificate(folder.path()) {
        let name = "a_token_does_not_follow_a_redirection_out_of_tls";
        skipped(name, "openssl, to make a certificate");
        return;
    }
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let location = format!("http://{}/v1/auth/token/lookup-self", plain.local_addr().unwrap());
    let redirection =
        format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
    let port = server(folder.path(), redirection);
    let config = VaultConfig::new(&format!("https://localhost:{port}")).unwrap();

    let asked = ask(config.with_ca_file(folder.path().join("server.pem"))).await;

    assert!(
        matches!(asked, VaultError::Unavailable(_)),
        "{}",
        error_chain(&asked)
    );
    plain.set_nonblocking(true).unwrap();
    assert_eq!(plain.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}
