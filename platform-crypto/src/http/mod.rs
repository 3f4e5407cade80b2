//! Admin routes for a tenant's keys, the answers to errors, and the runtime module.
//!
//! | route, below its base | needs | answers |
//! |---|---|---|
//! | `GET /keys` | `keys:read` | 200, every version of every key |
//! | `POST /keys/rotations` | `keys:manage` | 201, the new version |
//! | `DELETE /keys/{purpose}/{version}` | `keys:manage` | 200, the destroyed version |

mod body;
mod keys;
mod module;
mod problem;

pub use body::{KeyBody, KeyListBody, PurposeWord, RotateBody, StateWord};
