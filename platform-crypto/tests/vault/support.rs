use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use platform_core::time::OffsetDateTime;
use platform_core::{ManualClock, OsRandom, Sources, TenantId};
use platform_crypto::{
    DataKey, KvV2, Purpose, Secret, Vault, VaultConfig, VaultLogin, VaultTransit, WrapContext,
};
use vaultrs::api::auth::approle::requests::SetAppRoleRequestBuilder;
use vaultrs::api::transit::requests::CreateKeyRequestBuilder;
use vaultrs::auth::approle::role;
use vaultrs::client::{VaultClient, VaultClientSettings};
use vaultrs::{kv2, sys, transit};

use crate::vault_double::{ROOT_TOKEN, VaultDouble};

/// A server with a KV mount, a transit key and an AppRole of its own, and a clock.
pub(crate) struct Server {
    pub(crate) double: Option<VaultDouble>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) sources: Sources,
    pub(crate) admin: VaultClient,
    pub(crate) mounts: Mounts,
    pub(crate) role_id: String,
    pub(crate) secret_id: String,
    address: String,
}

#[derive(Debug, Clone)]
pub(crate) struct Mounts {
    pub(crate) kv: String,
    pub(crate) transit: String,
    pub(crate) app_role: String,
    pub(crate) policy: String,
}

/// How long the tokens of a role live.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tokens {
    /// Renewed for ever.
    Periodic(u32),
    /// Renewed until `max_ttl_s`.
    Bounded { ttl_s: u32, max_ttl_s: u32 },
}

impl Server {
    /// The server that the environment names, or a double.
    pub(crate) async fn any() -> Self {
        match std::env::var("VAULT_ADDR") {
            Ok(address) => {
                let token = std::env::var("VAULT_TOKEN").expect("VAULT_TOKEN goes with VAULT_ADDR");
                let (sources, clock) = sources();
                Self::set_up(None, address, &token, sources, clock, Tokens::Periodic(3600)).await
            }
            Err(_) => Self::double(Tokens::Periodic(3600)).await,
        }
    }

    pub(crate) async fn double(tokens: Tokens) -> Self {
        let (sources, clock) = sources();
        let double = VaultDouble::start(&sources).await;
        let address = double.address().to_owned();
        Self::set_up(Some(double), address, ROOT_TOKEN, sources, clock, tokens).await
    }

    async fn set_up(
        double: Option<VaultDouble>,
        address: String,
        token: &str,
        sources: Sources,
        clock: Arc<ManualClock>,
        tokens: Tokens,
    ) -> Self {
        // Making a client of ours installs the provider of TLS that the client library wants.
        let _ = Vault::new(
            VaultConfig::with_clear_text(&address).unwrap(),
            VaultLogin::token(secret(token)),
            &sources,
        )
        .unwrap();
        let admin = VaultClient::new(settings(&address, token)).unwrap();
        let run = u64::from_be_bytes(sources.bytes());
        let mounts = Mounts {
            kv: format!("kv-{run:x}"),
            transit: format!("transit-{run:x}"),
            app_role: format!("approle-{run:x}"),
            policy: format!("policy-{run:x}"),
        };
        sys::mount::enable(&admin, &mounts.kv, "kv-v2", None)
            .await
            .unwrap();
        sys::mount::enable(&admin, &mounts.transit, "transit", None)
            .await
            .unwrap();
        wait_for_kv(&admin, &mounts.kv).await;
        let mut derived = CreateKeyRequestBuilder::default();
        derived.derived(true);
        transit::key::create(&admin, &mounts.transit, "platform", Some(&mut derived))
            .await
            .unwrap();
        sys::policy::set(&admin, &mounts.policy, &policy(&mounts))
            .await
            .unwrap();
        sys::auth::enable(&admin, &mounts.app_role, "approle", None)
            .await
            .unwrap();
        let mut settings = SetAppRoleRequestBuilder::default();
        settings.token_policies(vec![mounts.policy.clone()]);
        match tokens {
            Tokens::Periodic(period_s) => settings.token_period(period_s.to_string()),
            Tokens::Bounded { ttl_s, max_ttl_s } => settings
                .token_ttl(ttl_s.to_string())
                .token_max_ttl(max_ttl_s.to_string()),
        };
        role::set(&admin, &mounts.app_role, "service", Some(&mut settings))
            .await
            .unwrap();
        let role_id = role::read_id(&admin, &mounts.app_role, "service")
            .await
            .unwrap()
            .role_id;
        let secret_id = role::secret::generate(&admin, &mounts.app_role, "service", None)
            .await
            .unwrap()
            .secret_id;
        Self {
            double,
            clock,
            sources,
            admin,
            mounts,
            role_id,
            secret_id,
            address,
        }
    }

    pub(crate) fn config(&self) -> VaultConfig {
        VaultConfig::with_clear_text(&self.address)
            .unwrap()
            .with_attempts(3, Duration::from_millis(1))
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// A client that logs in with the role.
    pub(crate) fn vault(&self) -> Arc<Vault> {
        self.vault_with(self.login())
    }

    pub(crate) fn vault_with(&self, login: VaultLogin) -> Arc<Vault> {
        Vault::new(self.config(), login, &self.sources).unwrap()
    }

    pub(crate) fn login(&self) -> VaultLogin {
        VaultLogin::AppRole {
            mount: self.mounts.app_role.clone(),
            role_id: self.role_id.clone(),
            secret_id: secret(&self.secret_id),
        }
    }

    pub(crate) fn kv(&self, vault: &Arc<Vault>) -> KvV2 {
        vault.kv(&self.mounts.kv).unwrap()
    }

    pub(crate) fn transit(&self, vault: &Arc<Vault>) -> VaultTransit {
        vault.transit(&self.mounts.transit, "platform").unwrap()
    }

    pub(crate) fn the_double(&self) -> &VaultDouble {
        self.double.as_ref().expect("the test asked for a double")
    }

    pub(crate) fn logins(&self) -> usize {
        self.the_double()
            .requests(&format!("auth/{}/login", self.mounts.app_role))
    }

    pub(crate) fn renewals(&self) -> usize {
        self.the_double().requests("auth/token/renew-self")
    }
}

/// A real server takes a moment to set a new mount up, and refuses everything meanwhile.
async fn wait_for_kv(admin: &VaultClient, mount: &str) {
    let data = BTreeMap::from([("ready", "yes")]);
    for _ in 0..200 {
        if kv2::set(admin, mount, "set-up", &data).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub(crate) fn settings(address: &str, token: &str) -> VaultClientSettings {
    VaultClientSettings {
        address: address.parse().unwrap(),
        ca_certs: Vec::new(),
        identity: None,
        timeout: Some(Duration::from_secs(10)),
        token: token.to_owned(),
        verify: true,
        version: 1,
        wrapping: false,
        namespace: None,
        proxy: None,
    }
}

/// What a service may do: its own secrets, and to encrypt, decrypt and re-encrypt with its own key.
fn policy(mounts: &Mounts) -> String {
    let Mounts { kv, transit, .. } = mounts;
    format!(
        "path \"{kv}/*\" {{ capabilities = [\"create\", \"read\", \"update\", \"delete\", \"list\"] }}\n\
         path \"{transit}/encrypt/platform\" {{ capabilities = [\"update\"] }}\n\
         path \"{transit}/decrypt/platform\" {{ capabilities = [\"update\"] }}\n\
         path \"{transit}/rewrap/platform\" {{ capabilities = [\"update\"] }}\n"
    )
}

fn sources() -> (Sources, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::starting_at(
        OffsetDateTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045),
    ));
    (Sources::shared(clock.clone(), Arc::new(OsRandom)), clock)
}

pub(crate) fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

pub(crate) fn fields(pairs: &[(&str, &str)]) -> BTreeMap<String, Secret<String>> {
    pairs
        .iter()
        .map(|(name, text)| ((*name).to_owned(), secret(text)))
        .collect()
}

/// A new key of a new tenant.
pub(crate) fn key_of_a_tenant() -> (WrapContext, DataKey) {
    let sources = Sources::system();
    let key = DataKey::generate(&sources);
    let context = WrapContext {
        tenant: TenantId::generate(&sources),
        purpose: Purpose::Data,
        key: key.id(),
    };
    (context, key)
}
