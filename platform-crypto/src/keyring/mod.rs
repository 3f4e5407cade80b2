//! The keys of tenants: made, published, cached, rotated, destroyed.

mod builder;

mod change;
mod destroy;
mod error;
mod event;
mod handle;
mod info;
mod lease;
mod load;
mod make;
mod rewrap;
mod roots;
mod rotate;
pub(crate) mod single;
mod slot;
mod store;
mod tenant_keys;
mod unconnected;
mod worker;

pub use builder::KeyringBuilder;
pub(crate) use change::{Change, notify};
pub use error::KeyError;
pub use event::{KeyEvent, KeyEventKind, KeyLog, KeyLogError, KeyOutcome, KeyTarget, TracingKeyLog};
pub(crate) use handle::Inner;
pub use handle::Keyring;
pub use info::KeyInfo;
pub(crate) use load::{PATIENCE, RETRY_AFTER_MAX};
pub use roots::RootKeyInfo;
pub(crate) use tenant_keys::TenantKeys;

pub use worker::{KeyringWorker, Maintained, Swept};

use platform_core::pg::{Allowed, Migrations};

/// The tables of this crate, in the schema `platform_crypto`.
pub static MIGRATIONS: Migrations = Migrations {
    schema: "platform_crypto",
    migrator: &MIGRATOR,
    roles: &[],
};

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../migrations/platform-crypto");

/// The exception that the start-up self-check needs for these tables: `AllowList::core().with(ROOT_KEY_TABLE)`.
pub const ROOT_KEY_TABLE: Allowed = Allowed {
    code: "TABLE_WITHOUT_TENANT_COLUMN",
    object: "platform_crypto.root_key",
    reason: "names of root keys, which belong to no tenant; the keys themselves are not in the database",
};
