//! Secrets from outside the process: where they are kept, and how they are held while they change.

mod env;
mod error;
mod file;
mod held;
#[cfg(feature = "pg")]
mod login;
mod name;
mod source;
mod store;
mod value;
#[cfg(feature = "vault")]
mod vault;
mod worker;

pub use env::EnvSecrets;
pub use error::{SecretError, Unusable};
pub use file::FileSecrets;
pub use held::HeldSecret;
#[cfg(feature = "pg")]
pub use login::SecretLogin;
pub use name::{InvalidSecretName, SecretName};
pub use source::SecretSource;
pub use store::{Refreshed, Secrets, SecretsConfig};
pub use value::{SecretValue, SecretVersions};
#[cfg(feature = "vault")]
pub use vault::VaultSecrets;
pub use worker::SecretsWorker;
