//! A second factor: one-time codes of an authenticator (TOTP, RFC 6238), and recovery codes that stand in for it.

mod code;
mod enrol;
mod recovery;
mod sign_in;
mod stored;
mod totp;

pub use self::enrol::{Confirmed, CredentialStatus, Enrolment};
pub use self::recovery::RecoveryCodes;
pub use self::sign_in::Challenge;
pub use self::stored::SealedTotp;
pub(crate) use self::stored::{give_up, lock_credential};
