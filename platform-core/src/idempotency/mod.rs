//! Idempotency keys: an operation that a client sends twice happens once and is answered alike.
//!
//! A key is claimed in the transaction that does what was asked, and the answer is stored there too, so that there is either both or
//! neither: a process that dies in between leaves nothing, and the client may send the operation again.
//!
//! ```no_run
//! use platform_core::idempotency::{Claim, Fingerprint, IdempotencyKeys, KeyScope, StoredResponse};
//! use platform_core::pg::Db;
//! use platform_core::{IdempotencyKey, RequestContext};
//!
//! async fn open_parcel(
//!     db: &Db,
//!     keys: &IdempotencyKeys,
//!     ctx: &RequestContext,
//!     key: &IdempotencyKey,
//!     body: &[u8],
//! ) -> Result<StoredResponse, Box<dyn std::error::Error>> {
//!     let scope = KeyScope::of(ctx, "open_parcel")?;
//!     let mut tx = db.begin(ctx).await?;
//!     let claimed = match keys.claim_in(&mut tx, &scope, key, &Fingerprint::of(&[body])).await? {
//!         Claim::Replay(answer) => return Ok(answer),
//!         Claim::New(claimed) => claimed,
//!     };
//!     // … the change itself …
//!     let answer = StoredResponse::new(201, Some("application/json"), b"{}".to_vec())?;
//!     keys.complete_in(&mut tx, claimed, &answer).await?;
//!     tx.commit().await?;
//!     Ok(answer)
//! }
//! ```
//!
//! # What is stored
//!
//! Status, content type and body as they were sent, in the clear, for seven days unless told otherwise. A body that identifies a person
//! does not belong there: answer with ids, or seal the body before it is stored.
//!
//! Only what was committed is answered again. A refusal that changed nothing may be stored as well, or the transaction be rolled back,
//! and then the client may try again under the same key.

mod claim;
mod config;
mod error;
#[cfg(feature = "http")]
mod http;
mod keys;
mod response;
mod retention;
mod scope;

pub use claim::{Claim, Claimed};
pub use config::{IdempotencyConfig, InvalidIdempotencyConfig};
pub use error::{ClaimError, CompleteError};
#[cfg(feature = "http")]
pub use http::{IDEMPOTENT_REPLAYED, Replayed};
pub use keys::IdempotencyKeys;
pub use response::{InvalidResponse, StoredResponse};
pub use retention::{Forgotten, RetentionLog, Unrecorded};
pub use scope::{AnonymousCaller, Fingerprint, KeyScope};
