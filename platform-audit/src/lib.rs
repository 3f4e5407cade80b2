//! An audit trail that is written in the transaction it describes.
//!
//! An event says who did what to which target, with which outcome, from where and under which request. It is inserted by the same
//! transaction as the change, so that one cannot exist without the other; what was refused or failed, and so has no transaction, is
//! recorded in a short one of its own. Nobody can change or delete an event afterwards: the application has no grant to, and a trigger
//! refuses it to the owner of the table too.
//!
//! What is in here: recording, and reading the events of one target. There is no proof yet that nobody with the rights of a superuser,
//! who can drop the trigger, has altered the trail.
//!
//! ```no_run
//! use platform_audit::{Action, AuditLog, Event, Outcome};
//! use platform_core::RequestContext;
//! use platform_core::pg::Db;
//!
//! const PARCEL_SENT: Action = Action::new("parcel.send");
//!
//! async fn send(db: &Db, audit: &AuditLog, ctx: &RequestContext, parcel: &str) -> Result<(), Box<dyn std::error::Error>> {
//!     let mut tx = db.begin(ctx).await?;
//!     // … the change itself, in the same `tx` …
//!     audit.record(&mut tx, ctx, Event::new(PARCEL_SENT, Outcome::Success).target("parcel", parcel)).await?;
//!     tx.commit().await?;
//!     Ok(())
//! }
//! ```
//!
//! # Features
//!
//! | feature | gives |
//! |---|---|
//! | `http` | `Problem: From<AuditError>`; without it no axum is pulled |
//! | `keys` | `AuditLog: KeyLog`, so that a keyring records the life of its keys in the trail |

mod catalogue;
mod event;
#[cfg(feature = "keys")]
mod key_log;
mod log;
#[cfg(feature = "http")]
mod problem;
mod read;

pub use catalogue::{
    REGISTERED, SIGNED_IN, SIGNED_OUT, SignInFailure, registered, sign_in_failed, sign_in_succeeded,
    signed_out,
};
pub use event::{Action, DETAIL_BYTES_MAX, Event, InvalidEvent, Outcome, TARGETS_MAX, Target};
pub use log::{AuditError, AuditLog};
pub use read::{EventPage, RecordedEvent};

pub use platform_core;

use platform_core::pg::Migrations;

platform_core::id_type! {
    /// Names an audit event.
    pub struct EventId;
}

/// The tables of this crate, in the schema `platform_audit`.
pub static MIGRATIONS: Migrations = Migrations {
    schema: "platform_audit",
    migrator: &MIGRATOR,
};

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../migrations/platform-audit");
