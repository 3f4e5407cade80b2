//! Admin routes for a tenant's keys, the answers to errors, and the runtime module.
//!
//! | route, below its base | needs | answers |
//! |---|---|---|
//! | `GET /keys` | `keys:read` | 200, every version of every key |
//! | `POST /keys/rotations` | `keys:manage` | 201, the new version |
//! | `POST /keys/reseal` | `keys:manage` | 202, how far it is |
//! | `GET /keys/reseal` | `keys:read` | 200, how far it is |
//! | `DELETE /keys/{purpose}/{version}` | `keys:manage` | 200, the destroyed version |

mod body;
mod keys;
mod module;
mod problem;
mod reseal;

pub use body::{KeyBody, KeyListBody, PurposeWord, RotateBody, StateWord};
pub use reseal::{ResealBody, ResealWord, TableBody};
