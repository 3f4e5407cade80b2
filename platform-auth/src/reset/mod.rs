//! What goes by mail: verifying an address, and setting a password that was forgotten.

mod confirm;
mod request;
mod unproven;

pub(crate) use self::confirm::verified;
pub(crate) use self::request::Requests;
