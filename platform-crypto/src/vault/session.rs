//! One token on the shared HTTP client.

use std::sync::Arc;

use async_trait::async_trait;
use reqwest::Certificate;
use reqwest::redirect::Policy;
use rustify::clients::reqwest::Client as HttpClient;
use vaultrs::api::EndpointMiddleware;
use vaultrs::client::{Client, VaultClientSettings};
use zeroize::Zeroize as _;

use super::config::{InvalidVaultConfig, VaultConfig};

/// What every session of a client shares: the pool of connections and the settings, without a token.
pub(super) struct Transport {
    http: HttpClient,
    settings: VaultClientSettings,
}

/// The client library's view of one token. It is replaced, not changed, when a login gives another one.
pub(super) struct Session {
    transport: Arc<Transport>,
    middle: EndpointMiddleware,
}

impl Transport {
    pub(super) fn new(config: &VaultConfig) -> Result<Self, InvalidVaultConfig> {
        // One provider of cryptography for the process: ring, as everywhere in this workspace, unless somebody chose before.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Losing the race to another thread leaves a provider as well.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let settings = config.settings()?;
        let http = http_client(config).map_err(InvalidVaultConfig::Client)?;
        Ok(Self {
            http: HttpClient::new(settings.address.as_str(), http),
            settings,
        })
    }
}

/// The client library would make one that takes a proxy from the environment and follows a redirection, with the token, to `http://`.
fn http_client(config: &VaultConfig) -> Result<reqwest::Client, Box<dyn std::error::Error + Send + Sync>> {
    let mut client = reqwest::Client::builder()
        .tls_backend_rustls()
        .no_proxy()
        .timeout(config.timeout);
    // A standby sends its callers to the active server.
    client = match config.address.starts_with("https://") {
        true => client.https_only(true).redirect(Policy::limited(3)),
        false => client.tls_certs_only([]).redirect(Policy::none()),
    };
    for path in &config.ca_files {
        client = client.tls_certs_merge(Certificate::from_pem_bundle(&std::fs::read(path)?)?);
    }
    Ok(client.build()?)
}

impl Session {
    /// A session with this token, or without one where it is empty.
    pub(super) fn new(transport: &Arc<Transport>, token: &str) -> Self {
        let middle = EndpointMiddleware {
            token: token.to_owned(),
            version: format!("v{}", transport.settings.version),
            wrap: None,
            namespace: transport.settings.namespace.clone(),
        };
        Self {
            transport: transport.clone(),
            middle,
        }
    }
}

#[async_trait]
impl Client for Session {
    fn http(&self) -> &HttpClient {
        &self.transport.http
    }

    fn middle(&self) -> &EndpointMiddleware {
        &self.middle
    }

    fn settings(&self) -> &VaultClientSettings {
        &self.transport.settings
    }

    fn set_token(&mut self, token: &str) {
        self.middle.token.zeroize();
        self.middle.token = token.to_owned();
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.middle.token.zeroize();
    }
}
