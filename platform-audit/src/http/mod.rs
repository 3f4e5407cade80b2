//! A tenant's trail over HTTP: the module of it, and the routes for its admins.
//!
//! Below the base path, such as `/admin/v1/audit`:
//!
//! | route | permission | answers |
//! |---|---|---|
//! | `GET /events` | `audit:read` | 200, a page of events |
//! | `GET /events/{id}` | `audit:read` | 200, the event |
//! | `GET /events/{id}/entry` | `audit:read` | 200, its canonical bytes; 409 until it is sequenced |
//! | `GET /events/{id}/proof` | `audit:read` | 200, a `tlog-proof`; 409 until a checkpoint covers it |
//! | `GET /events/{id}/state` | `audit:read` | 200, how far it has come |
//! | `GET /checkpoint` | `audit:read` | 200, the newest checkpoint, a signed note |
//! | `GET /checkpoints` | `audit:read` | 200, a page of checkpoints |
//! | `GET /consistency` | `audit:read` | 200, that one size continues another |
//! | `GET /key` | `audit:read` | 200, the name and the public key of the log |
//! | `GET /log/checkpoint` | `audit:read` | 200, as above |
//! | `GET /log/tile/…` | `audit:read` | 200, a tile as C2SP `tlog-tiles` has it |
//! | `GET /export` | `audit:export` | 200, a stream |
//! | `GET /exports/{id}` | `audit:export` | 200, the signed manifest of a finished export |
//! | `GET /subjects/{id}/export` | `audit:export` | 200, a stream; with the feature `keys` and a keyring |
//! | `GET /reports/{name}` | `audit:read` | 200, a page of a report, or a table in a stream |
//! | `GET /holds` | `audit:hold` | 200, a page of holds |
//! | `POST /holds` | `audit:hold` | 201, the hold |
//! | `DELETE /holds/{id}` | `audit:hold` | 200, the hold, released |
//!
//! Events that are hidden from the tenant are as good as absent without `audit:platform`; a tile of entries that holds one is
//! withheld. Who reads the trail for somebody else, or what is hidden in it, is recorded there ([`TRAIL_READ`](crate::TRAIL_READ));
//! an export always is.
//!
//! A group of routes is a file with a function `routes` that [`module`] merges; workers and health checks of other parts of the
//! trail are plugged into the handle [`Audit`].

mod body;
mod events;
mod exports;
mod filter;
mod giving;
mod holds;
mod log;
mod module;
mod problem;
mod proofs;
mod reports;
#[cfg(feature = "keys")]
mod subjects;
mod tiles;

use axum::http::header;
use axum::response::{IntoResponse as _, Response};

pub use body::{CheckpointBody, ConsistencyBody, EventBody, EventStateBody, LogKeyBody};
pub use holds::{HoldBody, NewHoldBody};
pub use module::Audit;
pub use reports::ReportBody;

/// The query of a route that has none: what is misspelt or misplaced is refused.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct NoQuery {}

/// A note, a proof: text that is taken byte for byte.
fn text(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}
