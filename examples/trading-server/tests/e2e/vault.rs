//! A server whose root key never leaves a Vault, and whose erasures are kept there.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform_core::Sources;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Api, DataDir, Launch, PASSWORD, Server, eventually};
use crate::vault_double::{Mood, ROOT_TOKEN, VaultDouble};

/// What the documentation of the server asks for, and nothing else.
const POLICY: &str = "path \"transit/encrypt/platform\" { capabilities = [\"update\"] }\n\
                      path \"transit/decrypt/platform\" { capabilities = [\"update\"] }\n\
                      path \"transit/rewrap/platform\" { capabilities = [\"update\"] }\n\
                      path \"secret/data/platform/erasure/*\" { capabilities = [\"create\", \"read\", \"update\"] }\n\
                      path \"secret/metadata/platform/erasure/*\" { capabilities = [\"read\"] }\n\
                      path \"secret/destroy/platform/erasure/*\" { capabilities = [\"update\"] }\n";

/// A Vault with what the server needs of it, and the file with the secret id of the server's role.
struct Vault {
    double: VaultDouble,
    role_id: String,
    secret_id: String,
    folder: TempDir,
}

impl Vault {
    async fn start() -> Self {
        let double = VaultDouble::start(&Sources::system()).await;
        let address = double.address().strip_prefix("http://").unwrap();
        let admin = Api::new(address.parse().unwrap()).with("x-vault-token", ROOT_TOKEN);
        let set = async |path: &str, body: Value| {
            let answer = admin.post(&format!("/v1/{path}"), &body).await;
            assert!(matches!(answer.status, 200 | 204), "{path}: {answer:?}");
            answer
        };
        set("sys/mounts/transit", json!({ "type": "transit" })).await;
        set("sys/mounts/secret", json!({ "type": "kv-v2" })).await;
        set("transit/keys/platform", json!({ "derived": true })).await;
        set("sys/policies/acl/trading", json!({ "policy": POLICY })).await;
        let role = json!({ "token_policies": ["trading"], "token_period": "1h" });
        set("auth/approle/role/trading", role).await;
        let role_id = admin.get("/v1/auth/approle/role/trading/role-id").await.json();
        let secret_id = set("auth/approle/role/trading/secret-id", json!({})).await.json();
        let vault = Self {
            double,
            role_id: text(&role_id["data"]["role_id"]),
            secret_id: text(&secret_id["data"]["secret_id"]),
            folder: TempDir::new().unwrap(),
        };
        vault.mount_secret_id(&vault.secret_id);
        vault
    }

    fn mount_secret_id(&self, secret_id: &str) {
        std::fs::write(self.folder.path().join("secret-id"), format!("{secret_id}\n")).unwrap();
    }

    /// A server whose keys are asked for again after a moment, and outlast an outage.
    fn launch(&self, data: &DataDir) -> Launch {
        let secret_id = self.folder.path().join("secret-id");
        Launch::on(data)
            .env("PLATFORM_KEYS_PROVIDER", "vault")
            .env("PLATFORM_KEYS_TTL_MS", "300")
            .env("PLATFORM_KEYS_GRACE_MS", "600000")
            .env("PLATFORM_VAULT_ADDRESS", self.double.address())
            .env("PLATFORM_VAULT_ROLE_ID", &self.role_id)
            .env("PLATFORM_VAULT_SECRET_ID_FILE", secret_id.to_str().unwrap())
    }

    /// How often the server has asked for keys and for erasures.
    fn asked(&self) -> (usize, usize) {
        let asked = |path| self.double.requests(path);
        (
            asked("transit/decrypt/platform"),
            asked("secret/data/platform/erasure/"),
        )
    }

    /// Fails when something that only the Vault and the server may know is in a text.
    fn assert_kept_from(&self, said: &str) {
        let told = self.double.told();
        assert!(told.len() > 4, "the Vault was told little: {}", told.len());
        let mut secrets = vec!["hvs.".to_owned(), self.secret_id.clone()];
        for secret in told {
            for eight in STANDARD.decode(&secret).unwrap().chunks_exact(8) {
                secrets.push(eight.iter().map(|byte| format!("{byte:02x}")).collect());
            }
            for sixteen in secret.as_bytes().chunks_exact(16) {
                secrets.push(String::from_utf8_lossy(sixteen).into_owned());
            }
        }
        for secret in secrets {
            let at = said.find(&secret);
            assert!(
                at.is_none(),
                "a secret in the log, behind {}",
                at.map_or("", |at| said[..at].lines().last().unwrap_or_default())
            );
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

async fn me(api: &Api) -> Value {
    api.get("/api/v1/auth/me").await.expect(200).json()
}

async fn health(server: &Server) -> Value {
    server.api().get("/health").await.json()["status"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_its_keys_in_a_vault_serves_erases_and_starts_again_without_a_key_on_its_disk() {
    let (vault, data) = (Vault::start().await, DataDir::new());
    let server = vault.launch(&data).start().await;
    let ada = server.api().register("acme", "ada@example.com").await;
    let bob = server.api().register("acme", "bob@example.com").await;
    let id = text(&me(&bob).await["id"]);

    let erase = ["keys", "erase", "--tenant", "acme", "--user", &id, "--yes"];
    let erased = erase
        .iter()
        .fold(vault.launch(&data), |launch, word| launch.arg(word))
        .run()
        .await;
    erased.expect(0, &["is erased"]);

    // The command is another process: the server hears of it from the database.
    eventually("the end of the session", || async {
        (bob.get("/api/v1/auth/me").await.verdict().0 == 401).then_some(())
    })
    .await;
    assert_eq!(me(&ada).await["email"], "ada@example.com");
    assert!(vault.double.requests("secret/destroy/platform/erasure/") > 0);
    assert!(
        !data.path().join("keys").exists(),
        "keys beside those of the Vault"
    );
    let first = server.stop().await;
    first.expect(0, &["logged in to Vault"]);
    for library in ["vaultrs", "rustify"] {
        assert!(!first.output().contains(library), "{first:?}");
    }

    // Everything that every library has to say.
    let everything = "trace,rustify=trace,vaultrs=trace";
    let server = vault
        .launch(&data)
        .env("PLATFORM_LOG_FILTER", everything)
        .start()
        .await;
    let ada = server.api().sign_in("acme", "ada@example.com", PASSWORD).await;
    assert_eq!(me(&ada).await["email"], "ada@example.com");
    let body = json!({ "email": "bob@example.com", "password": PASSWORD });
    let refused = server
        .api()
        .tenant("acme")
        .post("/api/v1/auth/login", &body)
        .await;
    assert_eq!(refused.status, 401, "{refused:?}");
    let second = server.stop().await;
    second.expect(0, &["rustify"]);
    for said in [first, erased, second] {
        vault.assert_kept_from(&said.output());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_vault_a_server_goes_on_with_the_keys_it_has_and_does_not_start_without_them() {
    let (vault, data) = (Vault::start().await, DataDir::new());
    // Keys are asked for so often here that one request waits several times for a Vault that does not answer.
    let patient = vault.launch(&data).env("PLATFORM_HTTP_DEADLINE_MS", "30000");
    let server = patient.start().await;
    let ada = server.api().register("acme", "ada@example.com").await;

    vault.double.set_mood(Mood::Sealed);
    let before = vault.asked();
    eventually("the keys to be asked for again", || async {
        assert_eq!(me(&ada).await["email"], "ada@example.com");
        let asked = vault.asked();
        (asked.0 > before.0 && asked.1 > before.1).then_some(())
    })
    .await;
    assert_eq!(me(&ada).await["email"], "ada@example.com");
    server.api().sign_in("acme", "ada@example.com", PASSWORD).await;
    server.api().register("acme", "eve@example.com").await;
    eventually("the health to be less than good", || async {
        (health(&server).await == "degraded").then_some(())
    })
    .await;
    server.api().get("/readyz").await.expect(200);
    vault.double.set_mood(Mood::Silent);
    assert_eq!(me(&ada).await["email"], "ada@example.com");
    let served = server.stop().await;
    served.expect(0, &["no answer in time"]);

    vault.double.set_mood(Mood::Sealed);
    let sealed = vault.launch(&data).run().await;
    sealed.expect(
        69,
        &[
            "the provider of root keys failed",
            "Vault is unavailable",
            "sealed",
        ],
    );
    vault.double.set_mood(Mood::Well);
    vault.mount_secret_id("another-secret-id");
    let denied = vault.launch(&data).run().await;
    denied.expect(78, &["Vault denies access", "invalid role or secret ID"]);
    vault.mount_secret_id(&vault.secret_id);
    let server = vault.launch(&data).start().await;
    for email in ["ada@example.com", "eve@example.com"] {
        let user = server.api().sign_in("acme", email, PASSWORD).await;
        assert_eq!(me(&user).await["email"], email);
    }
    let again = server.stop().await;
    again.expect(0, &[]);
    for ended in [&served, &sealed, &denied, &again] {
        vault.assert_kept_from(&ended.output());
    }

    let launch = vault.launch(&data);
    let Vault { double, folder, .. } = vault;
    drop(double);
    let gone = launch.run().await;
    gone.expect(69, &["Vault is unavailable"]);
    drop(folder);
}
