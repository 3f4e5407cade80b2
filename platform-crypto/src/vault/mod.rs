//! A client of HashiCorp Vault and OpenBao: it logs in, keeps its token alive, and reads and writes KV v2.

mod client;
mod config;
mod error;
mod keeper;
mod kv;
mod lease;
mod login;
mod session;
mod transit;

pub use client::Vault;
pub use config::{InvalidVaultConfig, VaultConfig};
pub use error::VaultError;
pub use kv::{Expected, KvMetadata, KvSecret, KvV2, KvVersion};
pub use login::VaultLogin;
pub use transit::VaultTransit;
