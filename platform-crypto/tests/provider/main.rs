//! Root keys of this process: what they wrap stays bound to its owner, and what is not a strong key is refused without showing it.

#![allow(clippy::unwrap_used, reason = "tests")]

mod chain;
mod key_file;
mod key_text;
mod passphrase;
mod stall;
mod support;
mod wrapping;
