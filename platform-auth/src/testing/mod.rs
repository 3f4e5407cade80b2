//! For the tests of services that embed this crate: somebody who has signed in without signing in, and two questions that every API
//! should be asked about each of its operations.
//!
//! - [`FakeIdentity`] is a user or a service with chosen permissions, as a context or behind a token ([`FakeSignIn`]).
//! - [`AccessMatrix`] tells which role reaches which operation, and compares that with a file that people look at.
//! - [`Coverage`] has every operation refuse who has not signed in, and who belongs to another tenant.
//!
//! The operations come from the OpenAPI document ([`ApiOperation::all`]), so that a route of tomorrow is asked too. Nothing here needs a
//! database or a network: how a request is sent is for the caller to say.

mod coverage;
mod identity;
mod matrix;
mod operation;
mod sample;

pub use self::coverage::{Coverage, CoverageError, Gap, GapReason};
pub use self::identity::{FakeIdentity, FakeSignIn};
pub use self::matrix::{AccessMatrix, Verdict};
pub use self::operation::{ApiAnswer, ApiOperation, ApiRequest, DocumentError, NOBODYS_ID};
